//! Freshcaller's way of speaking: numbered pages, one note for each call, and no such address for who does not ask for
//! JSON. Tickets are calls here: whatever is said in them stands in the agent's note.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Credentials, System};
use groundswell::connectors::freshcaller;
use groundswell::model::{Author, Visibility};
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{Expected, Ticket, Tickets, time};

pub struct Freshcaller;

impl Dialect for Freshcaller {
    fn name(&self) -> &'static str {
        "freshcaller"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::Header {
            name: "x-api-auth",
            prefix: "",
            secret: SECRET.to_owned().into(),
        };
        let settings = super::settings(url, credentials, &freshcaller::KIND.usual, 2);
        Arc::new(freshcaller::Freshcaller::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            categories: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.headers.get("x-api-auth").map(String::as_str) == Some(SECRET)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.headers.get("accept").map(String::as_str) != Some("application/json") {
            return Reply::Status(404);
        }
        if asked.path == "/api/v1/calls" {
            return list(tickets, asked);
        }
        let id = asked.between("/api/v1/calls/", "").unwrap();
        let ticket = tickets.find(id.parse().unwrap());
        match ticket.filter(|ticket| ticket.status != "deleted") {
            Some(ticket) => Reply::Json(json!({"call": call(ticket)})),
            None => Reply::Status(404),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let texts: Vec<String> = usual
            .messages
            .into_iter()
            .map(|(_, _, text)| text)
            .collect();
        let note = (Author::Agent, Visibility::Internal, texts.join("\n"));
        Expected {
            status: usual.status.map(|_| "completed".to_owned()),
            messages: (!texts.is_empty()).then_some(note).into_iter().collect(),
            ..usual
        }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let bound = |name, usual| asked.get(name).map_or(usual, |text| text.parse().unwrap());
    let from = bound("by_time[from]", DateTime::<Utc>::MIN_UTC);
    let to = bound("by_time[to]", DateTime::<Utc>::MAX_UTC);
    let there = tickets
        .listed()
        .filter(|ticket| ticket.status != "deleted" && (from..=to).contains(&ticket.created_at));
    let rows: Vec<&Ticket> = there.collect();
    let (page, size) = (asked.number("page", 1), asked.number("per_page", 50));
    let meta = json!({"current": page, "total_pages": rows.len().div_ceil(size)});
    let rows = rows.into_iter().skip((page - 1) * size).take(size);
    Reply::Json(json!({"calls": rows.map(call).collect::<Vec<_>>(), "meta": meta}))
}

fn call(ticket: &Ticket) -> Value {
    let notes: Vec<&str> = ticket
        .comments
        .iter()
        .map(|one| one.text.as_str())
        .collect();
    json!({
        "id": ticket.id, "direction": "incoming", "assigned_call_queue_name": ticket.category, "call_notes": notes.join("\n"),
        "created_time": if ticket.is_broken { Value::Null } else { json!(time(ticket.created_at)) },
        "updated_time": time(ticket.updated_at), "integrated_resources": null,
        "recording": {"url": format!("https://signed.example/{}", ticket.updated_at.timestamp())},
        "participants": [
            {"participant_type": "Agent", "call_status": 10},
            {"participant_type": "Customer", "call_status": 1, "caller_number": format!("+4930{}", ticket.requester)},
        ],
    })
}
