//! For programs: the digest itself, with its content hash.

use serde_json::{Value, json};

use crate::model::Digest;

use super::super::canonical;
use super::links::Links;

/// Lays a digest out as the body of a webhook. `hash` is the SHA-256 of the digest's canonical JSON.
pub fn json(digest: &Digest, base_url: &str) -> Value {
    let (_, hash) = canonical(digest);
    json!({
        "kind": "digest",
        "id": digest.id,
        "hash": hash,
        "url": Links::new(base_url).digest(digest),
        "digest": digest,
    })
}
