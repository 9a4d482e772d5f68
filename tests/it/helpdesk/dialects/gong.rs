//! Gong's way of speaking: lists by POST with a cursor in the body, 404 for an empty one, times with an offset, what was
//! said in a transcript that no row tells of. Tickets are calls here: notes are comments on them.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Utc};
use groundswell::connectors::engine::{Credentials, System};
use groundswell::connectors::gong;
use groundswell::model::Visibility;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Expected, Ticket, Tickets, time};

/// Rows of a page; it cannot be asked for.
const ROWS: usize = 2;

pub struct Gong;

impl Dialect for Gong {
    fn name(&self) -> &'static str {
        "gong"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::basic("key", SECRET.to_owned().into());
        let settings = super::settings(url, credentials, &gong::KIND.usual, 2);
        Arc::new(gong::Gong::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            categories: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_basic(&format!("key:{SECRET}"))
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        let (is_post, filter) = (asked.method == "POST", &asked.body["filter"]);
        match (asked.path.as_str(), is_post) {
            ("/v2/calls/transcript", true) => {
                let found = wanted(tickets, filter);
                match found.first() {
                    Some(ticket) => Reply::Json(json!({"callTranscripts": [transcript(ticket)]})),
                    None => Reply::Status(404),
                }
            }
            ("/v2/calls/extensive", true) => {
                let cursor = asked.body["cursor"].as_str();
                page(wanted(tickets, filter), cursor, extensive)
            }
            ("/v2/calls", false) => {
                let filter = json!({
                    "fromDateTime": asked.get("fromDateTime"), "toDateTime": asked.get("toDateTime"),
                });
                page(wanted(tickets, &filter), asked.get("cursor"), head)
            }
            _ => Reply::Status(405),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        // What was said comes before what was written about it.
        let mut messages = usual.messages;
        messages.sort_by_key(|(_, visibility, _)| *visibility == Visibility::Internal);
        Expected {
            status: None,
            messages,
            ..usual
        }
    }
}

/// The calls of a filter, newest first.
fn wanted<'t>(tickets: &'t Tickets, filter: &Value) -> Vec<&'t Ticket> {
    let mut found: Vec<&Ticket> = match filter["callIds"].as_array() {
        Some(ids) => ids
            .iter()
            .filter_map(|id| tickets.find(id.as_str().unwrap().parse().unwrap()))
            .collect(),
        None => {
            let bound = |name: &str| filter[name].as_str().unwrap().parse::<DateTime<Utc>>();
            let (from, to) = (bound("fromDateTime").unwrap(), bound("toDateTime").unwrap());
            let inside = |ticket: &&Ticket| ticket.created_at >= from && ticket.created_at < to;
            tickets.listed().filter(inside).collect()
        }
    };
    found.retain(|ticket| ticket.status != "deleted");
    found.sort_by_key(|ticket| std::cmp::Reverse((ticket.created_at, ticket.id)));
    found
}

fn page(rows: Vec<&Ticket>, cursor: Option<&str>, show: fn(&Ticket) -> Value) -> Reply {
    let last = cursor.map_or(u64::MAX, |cursor| cursor.parse().unwrap());
    let total = rows.len();
    let rows: Vec<&Ticket> = rows.into_iter().filter(|one| one.id < last).collect();
    if rows.is_empty() {
        return Reply::Status(404);
    }
    let next = (rows.len() > ROWS).then(|| rows[ROWS - 1].id.to_string());
    let shown: Vec<Value> = rows.into_iter().take(ROWS).map(show).collect();
    let mut records = json!({"totalRecords": total});
    if let Some(next) = next {
        records["cursor"] = json!(next);
    }
    Reply::Json(json!({"requestId": "r", "records": records, "calls": shown}))
}

fn head(ticket: &Ticket) -> Value {
    let here = FixedOffset::east_opt(3_600).unwrap();
    let started = ticket.created_at.with_timezone(&here).to_rfc3339();
    json!({
        "id": ticket.id.to_string(), "title": ticket.subject, "duration": 60, "direction": "Inbound",
        "started": if ticket.is_broken { Value::Null } else { json!(started) },
    })
}

fn extensive(ticket: &Ticket) -> Value {
    let notes = ticket
        .comments
        .iter()
        .filter(|comment| comment.by == By::Note);
    let notes = notes.map(|comment| json!({"comment": comment.text, "posted": time(comment.at)}));
    let outcome = ticket
        .category
        .as_ref()
        .map(|name| json!({"id": "o", "category": "Answered", "name": name}));
    json!({
        "metaData": head(ticket), "content": {"callOutcome": outcome, "topics": [], "trackers": []},
        "parties": [{"speakerId": "c", "affiliation": "External"}, {"speakerId": "a", "affiliation": "Internal"}],
        "collaboration": {"publicComments": notes.collect::<Vec<_>>()},
    })
}

fn transcript(ticket: &Ticket) -> Value {
    let spoken = ticket
        .comments
        .iter()
        .filter(|comment| comment.by != By::Note);
    let parts = spoken.enumerate().map(|(place, comment)| {
        let speaker = if comment.by == By::Customer { "c" } else { "a" };
        json!({"speakerId": speaker, "sentences": [{"start": place * 1_000, "end": 0, "text": comment.text}]})
    });
    json!({"callId": ticket.id.to_string(), "transcript": parts.collect::<Vec<_>>()})
}
