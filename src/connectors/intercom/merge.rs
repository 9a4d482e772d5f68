//! Where an Intercom conversation went that was merged away. Its parts say that it was, and those of the one that stays
//! that it took another in, but neither need name the other: then the time and the contact tell.
//!
//! Unconfirmed: that `linked_objects` of the one that went names the one that stays; its description says only that the
//! two are linked.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{record, whole};
use crate::connectors::engine::{Api, Request, rows_of};
use crate::connectors::http::Failure;
use crate::connectors::json;

/// So many conversations are looked at.
const CANDIDATES_MAX: usize = 10;

/// The conversation, or the ticket, that stays.
pub async fn target(
    api: Api<'_>,
    conversation: &Value,
    id: &str,
    merged_at: DateTime<Utc>,
) -> Result<Option<String>, Failure> {
    let mut candidates = record::linked(conversation);
    if let [only] = candidates.as_slice() {
        return Ok(Some(only.clone()));
    }
    if candidates.is_empty() {
        candidates = of_the_same_contact(api, conversation, merged_at).await?;
    }
    let others = candidates.into_iter().filter(|other| other != id);
    for other in others.take(CANDIDATES_MAX) {
        let one = api.optional(whole(&other)).await?;
        if one.is_some_and(|one| record::took_in(&one, merged_at)) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Conversations of the contact that changed since; only those of one contact can be merged.
async fn of_the_same_contact(
    api: Api<'_>,
    conversation: &Value,
    merged_at: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let contact = conversation
        .pointer("/contacts/contacts/0")
        .and_then(|contact| json::text(contact, "id"));
    let Some(contact) = contact else {
        return Ok(Vec::new());
    };
    let since = (merged_at - TimeDelta::seconds(10)).timestamp();
    let body = json!({
        "query": {"operator": "AND", "value": [
            {"field": "contact_ids", "operator": "=", "value": contact},
            {"field": "updated_at", "operator": ">", "value": since},
        ]},
        "pagination": {"per_page": 2 * CANDIDATES_MAX},
    });
    let answer = match api.get(Request::post("conversations/search", body)).await {
        Err(Failure::Refused(_) | Failure::NotFound) => return Ok(Vec::new()),
        answer => answer?,
    };
    let rows = rows_of(&answer, "/conversations")?.iter();
    Ok(rows.filter_map(|row| json::text(row, "id")).collect())
}
