//! The one integration binary: each module tests the program from outside.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod connectors;
mod defaults;
mod delivery_chain;
mod delivery_real;
mod golden;
mod helpdesk;
mod notifiers;
mod rt;
mod search;
mod servers;
mod store;
mod tidy;
