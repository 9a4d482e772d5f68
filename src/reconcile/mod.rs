//! Lays our counts beside the official ones, in both directions, with totals that add up. Pure.
