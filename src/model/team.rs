//! A team whose digest is of its own conversations, beside the company's numbers.

use serde::{Deserialize, Serialize};

/// A team beside the whole company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamSide {
    /// Its name.
    pub name: String,
    /// Which conversations are its own: `product aura 9; region south`.
    pub only: String,
    /// How many conversations of the window count in the whole company.
    pub conversations: u64,
    /// How many customers the whole company heard from.
    pub customers: u64,
}
