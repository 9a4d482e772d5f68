//! Composes a digest from counted facts. Pure.
//!
//! Two steps, because customers' words are only needed of few conversations: `draft` does everything that numbers can do
//! and names the conversations whose words it wants; `compose` reads those, judges, quotes and finishes. What may be said is
//! in `rules`, whether it may be said now in `gate`, what comes first in `rank`, and what became of it in `followup`.

mod answered;
mod beside;
mod burst;
mod certainty;
pub mod check;
mod compose;
mod config;
mod draft;
mod filed;
pub mod followup;
mod frame;
mod frozen;
mod gate;
mod handling;
mod proof;
mod quotes;
mod rank;
pub mod render;
mod routing;
mod rules;
mod signals;
mod tally;
mod team;

use sha2::{Digest as _, Sha256};

use crate::model::Digest;

pub use compose::{Outcome, compose};
pub use config::DigestConfig;
pub use draft::{Draft, Inputs, Published, Told, draft};
pub use frozen::Frozen;
pub use proof::{Fingerprint, PROGRAM, Part, Proof, Snapshot};
pub use routing::{Route, Routing};
pub use rules::{RULES, Rule, TopicFacts};
pub use team::{Only, Team};

/// Version of the digest's shape, written into each.
pub const VERSION: u32 = 1;

/// The digest as its one and only JSON text, and that text's SHA-256: the content hash that a reader can check.
pub fn canonical(digest: &Digest) -> (String, String) {
    let json = serde_json::to_string(digest).expect("a digest has no map keys that are not text");
    let hash = Sha256::digest(json.as_bytes());
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    (json, hash)
}
