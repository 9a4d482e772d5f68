//! The store's contract: each case runs on SQLite in a temporary folder and, when
//! `GROUNDSWELL_TEST_POSTGRES_URL` names a server, on PostgreSQL in a database of its own.

mod cases_conversations;
mod cases_results;
mod opening;
pub mod support;
