//! For Matrix: a text body and a formatted one, with only the tags that clients show
//! (<https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>).

use serde_json::{Value, json};

use crate::model::Digest;

use super::answered::Ways;
use super::html::fill;
use super::view::View;
use super::{Rendered, fit, size_of, text};

/// A whole event may have 65,536 bytes (<https://spec.matrix.org/latest/client-server-api/#size-limits>); the rest is for what
/// the server adds.
pub const CONTENT_MAX: usize = 60_000;

/// Lays a digest out as the content of an `m.room.message`. Nobody is mentioned, whatever customers wrote.
pub fn matrix(digest: &Digest, ways: Ways<'_>) -> Rendered {
    let lay_out = |view: &View| -> Value {
        json!({
            "msgtype": "m.text",
            "body": text::lay_out(view),
            "format": "org.matrix.custom.html",
            "formatted_body": fill("matrix.html", view),
            "m.mentions": {},
        })
    };
    Rendered::Json(fit(digest, ways, lay_out, |content| {
        size_of(content) <= CONTENT_MAX
    }))
}
