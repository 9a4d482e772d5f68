//! Aircall's way of speaking: pages until one is empty and none beyond a number of rows, times in seconds, comments and
//! tags in the row. Tickets are calls here: whatever is said in them is a comment of an agent.

use std::sync::Arc;

use groundswell::connectors::aircall;
use groundswell::connectors::engine::{Credentials, System};
use groundswell::model::{Author, Visibility};
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{Expected, Ticket, Tickets};

/// The most rows of one query: ten thousand there.
const ROWS_MAX: usize = 10;

pub struct Aircall;

impl Dialect for Aircall {
    fn name(&self) -> &'static str {
        "aircall"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::basic("id", SECRET.to_owned().into());
        let settings = super::settings(url, credentials, &aircall::KIND.usual, 2);
        Arc::new(aircall::Aircall::new(settings, false))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Never,
            categories: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_basic(&format!("id:{SECRET}"))
    }

    fn limit(&self, seconds: u64) -> Limit {
        let reset = Limit::over_in(seconds).timestamp();
        Limit {
            status: 429,
            headers: vec![
                ("x-aircallapi-limit", "60".to_owned()),
                ("x-aircallapi-remaining", "0".to_owned()),
                ("x-aircallapi-reset", reset.to_string()),
            ],
            body: "{}",
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/v1/calls" {
            return list(tickets, asked);
        }
        let (_, id) = asked.path.rsplit_once('/').unwrap();
        match tickets.find(id.parse().unwrap()) {
            Some(ticket) => Reply::Json(json!({"call": call(ticket)})),
            None => Reply::Status(404),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let messages = usual.messages.into_iter();
        let written = |(_, _, text)| (Author::Agent, Visibility::Internal, text);
        Expected {
            status: usual.status.map(|_| "done".to_owned()),
            messages: messages.map(written).collect(),
            ..usual
        }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let bound = |name, usual| asked.get(name).map_or(usual, |text| text.parse().unwrap());
    let (from, to): (i64, i64) = (bound("from", 0), bound("to", i64::MAX));
    let (page, size) = (asked.number("page", 1), asked.number("per_page", 20));
    if (page - 1) * size >= ROWS_MAX {
        return Reply::Status(400);
    }
    let there = tickets
        .listed()
        .filter(|ticket| (from..=to).contains(&ticket.created_at.timestamp()));
    let mut rows: Vec<&Ticket> = there.collect();
    rows.sort_by_key(|ticket| (ticket.created_at, ticket.id));
    if asked.get("order") != Some("asc") {
        rows.reverse();
    }
    let total = rows.len();
    let rows = rows.into_iter().skip((page - 1) * size).take(size);
    let rows: Vec<Value> = rows.map(call).collect();
    let next = (page * size < total).then(|| format!("{}/v1/calls?page=2", asked.elsewhere));
    let meta =
        json!({"total": total, "current_page": page, "per_page": size, "next_page_link": next});
    Reply::Json(json!({"meta": meta, "calls": rows}))
}

fn call(ticket: &Ticket) -> Value {
    let started = ticket.created_at.timestamp();
    let comments = ticket.comments.iter().enumerate().map(|(place, comment)| {
        json!({"id": place, "content": comment.text, "posted_at": comment.at.timestamp(), "posted_by": {"id": 1}})
    });
    // The newest first.
    let comments: Vec<Value> = comments.rev().collect();
    json!({
        "id": ticket.id, "direction": "inbound", "status": "done", "ended_at": started + 60,
        "started_at": if ticket.is_broken { Value::Null } else { json!(started) },
        "raw_digits": format!("+49 30 {}", ticket.requester), "comments": comments,
        "tags": ticket.category.iter().map(|name| json!({"id": 1, "name": name})).collect::<Vec<_>>(),
        // Signed anew with each request.
        "recording": format!("https://signed.example/{}", ticket.updated_at.timestamp()),
    })
}
