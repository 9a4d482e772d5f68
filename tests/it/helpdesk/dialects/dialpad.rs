//! Dialpad's way of speaking: calls newest first behind a cursor, times in milliseconds, ids as numbers; what was said
//! stands in a transcript that no row tells of. Tickets are calls here: notes of agents have no place.

use std::sync::Arc;

use groundswell::connectors::dialpad;
use groundswell::connectors::engine::{Credentials, System};
use groundswell::model::Visibility;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Expected, Ticket, Tickets};

/// Rows of a page; it cannot be asked for.
const ROWS: usize = 2;

/// Ids are larger than what fits a float.
const FIRST: u64 = 5_012_345_678_901_000;

pub struct Dialpad;

impl Dialect for Dialpad {
    fn name(&self) -> &'static str {
        "dialpad"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let settings = super::settings(url, credentials, &dialpad::KIND.usual, 2);
        Arc::new(dialpad::Dialpad::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            categories: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_bearer(SECRET)
    }

    fn id(&self, ticket: &Ticket) -> String {
        (FIRST + ticket.id).to_string()
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/api/v2/call" {
            return list(tickets, asked);
        }
        let (_, id) = asked.path.rsplit_once('/').unwrap();
        let ticket = tickets.find(id.parse::<u64>().unwrap() - FIRST);
        let Some(ticket) = ticket.filter(|ticket| ticket.status != "deleted") else {
            return Reply::Status(404);
        };
        if asked.path.starts_with("/api/v2/transcripts/") {
            Reply::Json(transcript(ticket))
        } else {
            Reply::Json(call(ticket))
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let mut messages: Vec<(_, _, String)> = Vec::new();
        let spoken = usual.messages.into_iter();
        // What one says without being interrupted is one message.
        for (author, visibility, text) in spoken.filter(|one| one.1 == Visibility::Public) {
            match messages.last_mut() {
                Some((last, _, words)) if *last == author => *words = format!("{words} {text}"),
                _ => messages.push((author, visibility, text)),
            }
        }
        Expected {
            status: usual.status.map(|_| "hangup".to_owned()),
            messages,
            ..usual
        }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let bound = |name, usual| asked.get(name).map_or(usual, |text| text.parse().unwrap());
    let (from, until): (i64, i64) = (bound("started_after", 0), bound("started_before", i64::MAX));
    let there = tickets.listed().filter(|ticket| {
        let at = ticket.created_at.timestamp_millis();
        ticket.status != "deleted" && at > from && at < until
    });
    let mut rows: Vec<&Ticket> = there.collect();
    rows.sort_by_key(|ticket| std::cmp::Reverse((ticket.created_at, ticket.id)));
    if let Some(cursor) = asked.get("cursor") {
        let (at, id) = cursor.split_once('-').unwrap();
        let place: (i64, u64) = (at.parse().unwrap(), id.parse().unwrap());
        rows.retain(|ticket| (ticket.created_at.timestamp(), ticket.id) < place);
    }
    let last = rows.get(ROWS - 1).filter(|_| rows.len() > ROWS);
    let cursor = last.map(|ticket| format!("{}-{}", ticket.created_at.timestamp(), ticket.id));
    let rows: Vec<Value> = rows.iter().take(ROWS).map(|ticket| call(ticket)).collect();
    // An empty list is a missing key.
    if rows.is_empty() {
        return Reply::Json(json!({}));
    }
    Reply::Json(json!({"cursor": cursor, "items": rows}))
}

fn call(ticket: &Ticket) -> Value {
    let started = ticket.created_at.timestamp_millis();
    json!({
        "call_id": FIRST + ticket.id, "direction": "inbound", "state": "hangup",
        "date_started": if ticket.is_broken { Value::Null } else { json!(started) },
        "date_ended": (started + 60_000).to_string(), "labels": ticket.category.as_slice(),
        "external_number": format!("+4930{}", ticket.requester), "contact": {"id": ticket.requester.to_string()},
        // Signed anew with each request.
        "voicemail_share_link": format!("https://signed.example/{}", ticket.updated_at.timestamp()),
    })
}

fn transcript(ticket: &Ticket) -> Value {
    let spoken = ticket
        .comments
        .iter()
        .filter(|comment| comment.by != By::Note);
    let lines = spoken.flat_map(|comment| {
        let mut line = json!({
            "content": comment.text, "type": "transcript", "name": "somebody",
            "time": comment.at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        });
        let moment = json!({"content": "negative_sentiment", "type": "moment"});
        if comment.by == By::Customer {
            line["contact_id"] = json!("77");
        } else {
            line["user_id"] = json!(900);
        }
        [line, moment]
    });
    json!({"call_id": FIRST + ticket.id, "lines": lines.collect::<Vec<_>>()})
}
