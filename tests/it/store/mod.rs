//! The store's contract: each case runs on SQLite in a temporary folder and, when
//! `GROUNDSWELL_TEST_POSTGRES_URL` names a server, on PostgreSQL in a database of its own.

mod answers;
mod conversations;
mod feed;
mod gone;
mod history;
mod migrations;
mod opening;
mod parked;
mod progress;
mod results;
mod summaries;
pub mod support;
mod topics;
mod vectors;
