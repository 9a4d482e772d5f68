//! The one integration binary: each module tests the program from outside.

mod servers;
