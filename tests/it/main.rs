//! The one integration binary: each module tests the program from outside.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod golden;
mod notifiers;
mod servers;
mod store;
