//! The one integration binary: each module tests the program from outside.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod delivery_real;
mod notifiers;
mod rt;
mod servers;
mod store;
