//! For programs: the digest itself, with its content hash.

use serde_json::{Value, json};

use crate::model::Digest;

use super::super::canonical;
use super::answered::Ways;
use super::links::Links;

/// Lays a digest out as the body of a webhook. `hash` is the SHA-256 of the digest's canonical JSON. Beside it stand the
/// links by which this receiver answers, by topic: they are secrets of the receiver, so they are no part of the digest.
pub fn json(digest: &Digest, ways: Ways<'_>) -> Value {
    let (_, hash) = canonical(digest);
    let mut body = json!({
        "kind": "digest",
        "id": digest.id,
        "hash": hash,
        "url": Links::new(ways.base_url).digest(digest),
        "digest": digest,
    });
    if !ways.answers.is_empty() {
        body["answers"] = json!(ways.answers);
    }
    body
}
