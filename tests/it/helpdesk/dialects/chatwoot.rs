//! Chatwoot's way of speaking: conversations newest first and without a bound, messages behind an id, activities among
//! them; deletions show nowhere.

use std::sync::Arc;

use groundswell::connectors::chatwoot;
use groundswell::connectors::engine::{Credentials, System};
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets, time};

/// Rows of a page; it cannot be asked for.
const ROWS: usize = 2;

pub struct Chatwoot;

impl Dialect for Chatwoot {
    fn name(&self) -> &'static str {
        "chatwoot"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::Header {
            name: "api_access_token",
            prefix: "",
            secret: SECRET.to_owned().into(),
        };
        let settings = super::settings(url, credentials, &chatwoot::KIND.usual, 2);
        Arc::new(chatwoot::Chatwoot::new(settings, 3))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            categories: true,
            reopens: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.headers.get("api_access_token").map(String::as_str) == Some(SECRET)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        let path = asked.path.strip_prefix("/api/v1/accounts/3/").unwrap();
        if path == "csat_survey_responses" {
            return Reply::Json(json!([]));
        }
        if path == "conversations" {
            return list(tickets, asked);
        }
        let rest = path.strip_prefix("conversations/").unwrap();
        let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
        let ticket = tickets.find(id.parse().unwrap());
        let Some(ticket) = ticket.filter(|ticket| ticket.status != "deleted") else {
            return Reply::Status(404);
        };
        match part {
            "" => Reply::Json(conversation(ticket)),
            "messages" => messages(ticket, asked),
            _ => Reply::Json(events(ticket)),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let is_over = matches!(usual.status.as_deref(), Some("solved" | "closed"));
        let word = if is_over { "resolved" } else { "open" };
        let status = usual.status.map(|_| word.to_owned());
        Expected { status, ..usual }
    }
}

fn is_over(ticket: &Ticket) -> bool {
    matches!(ticket.status, "solved" | "closed")
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let all = asked.get("status") == Some("all");
    let there = tickets
        .listed()
        .filter(|ticket| ticket.status != "deleted" && (all || !is_over(ticket)));
    let mut rows: Vec<&Ticket> = there.collect();
    rows.sort_by_key(|ticket| std::cmp::Reverse((ticket.updated_at, ticket.id)));
    let count = rows.len();
    let rows = rows.into_iter().skip((asked.number("page", 1) - 1) * ROWS);
    let rows: Vec<Value> = rows.take(ROWS).map(conversation).collect();
    Reply::Json(json!({"data": {"meta": {"all_count": count}, "payload": rows}}))
}

fn conversation(ticket: &Ticket) -> Value {
    let last = ticket.comments.len() - 1;
    json!({
        "id": ticket.id, "account_id": 3, "status": if is_over(ticket) { "resolved" } else { "open" },
        "created_at": if ticket.is_broken { Value::Null } else { json!(ticket.created_at.timestamp()) },
        "last_activity_at": ticket.updated_at.timestamp(), "priority": null, "labels": [], "inbox_id": 5,
        "custom_attributes": {"reason": ticket.category}, "additional_attributes": {"mail_subject": ticket.subject},
        "meta": {"sender": {"id": ticket.requester, "name": "Anna"}, "channel": "Channel::Email"},
        "messages": [message(ticket, last, &ticket.comments[last])],
    })
}

/// Behind an id, oldest first; without one the last two.
fn messages(ticket: &Ticket, asked: &Asked) -> Reply {
    let all: Vec<Value> = ticket
        .comments
        .iter()
        .enumerate()
        .flat_map(|(place, comment)| [message(ticket, place, comment), activity(ticket, place)])
        .collect();
    let rows: Vec<Value> = match asked.get("after") {
        None => all.into_iter().rev().take(ROWS).rev().collect(),
        Some(after) => {
            let after: u64 = after.parse().unwrap();
            let behind = all
                .into_iter()
                .filter(|row| row["id"].as_u64().unwrap() > after);
            behind.take(ROWS).collect()
        }
    };
    Reply::Json(json!({"meta": {}, "payload": rows}))
}

fn message(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let is_customer = comment.by == By::Customer;
    json!({
        "id": ticket.id * 1_000 + 2 * place as u64, "content": comment.text, "private": comment.by == By::Note,
        "message_type": if is_customer { 0 } else { 1 }, "created_at": comment.at.timestamp(),
        "sender": {"id": 1, "type": if is_customer { "contact" } else { "user" }},
    })
}

fn activity(ticket: &Ticket, place: usize) -> Value {
    json!({
        "id": ticket.id * 1_000 + 2 * place as u64 + 1, "content": "Tom read the conversation", "message_type": 2,
        "created_at": ticket.comments[place].at.timestamp(), "private": false,
    })
}

fn events(ticket: &Ticket) -> Value {
    let solved = ticket.reopens + u32::from(is_over(ticket));
    let events = (0..solved).map(|number| {
        json!({"id": number, "name": "conversation_resolved", "event_end_time": time(ticket.updated_at)})
    });
    json!(events.collect::<Vec<_>>())
}
