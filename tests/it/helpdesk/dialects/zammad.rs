//! Zammad's way of speaking: pages by number until one is empty, fewer rows than asked for, a merged ticket that keeps its
//! place in lists and links the one that stays, or tells of it in its history only, no word of deletions; own names of states.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{FieldPath, System};
use groundswell::connectors::zammad;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Merges, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Ticket, Tickets, time};

/// Rows of a page, whatever is asked for.
const ROWS: usize = 2;

/// The search gives no page behind this one: it ends at ten thousand rows there.
const PAGES_MAX: usize = 4;

pub struct Zammad;

impl Dialect for Zammad {
    fn name(&self) -> &'static str {
        "zammad"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = zammad::credentials(SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &zammad::KIND.usual, 2);
        settings.category = Some(FieldPath::new("reason"));
        Arc::new(zammad::Zammad::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            merges: Merges::Told,
            categories: true,
            reopens: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.headers.get("authorization") == Some(&format!("Token token={SECRET}"))
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        let find = |id: &str| {
            let ticket = tickets.find(id.parse().unwrap());
            ticket.filter(|ticket| ticket.status != "deleted")
        };
        match asked.path.as_str() {
            "/api/v1/tickets/search" => return search(tickets, asked),
            "/api/v1/tickets" => {
                let rows = tickets.listed().filter(|ticket| ticket.status != "deleted");
                return page(rows.collect(), asked);
            }
            "/api/v1/tags" => return Reply::Json(json!({"tags": []})),
            "/api/v1/links" => {
                let into = find(asked.get("link_object_value").unwrap())
                    .and_then(|ticket| ticket.merged_into);
                let links: Vec<Value> = into
                    .iter()
                    .filter(|into| **into > 2)
                    .map(|into| json!({"link_type": "parent", "link_object": "Ticket", "link_object_value": into}))
                    .collect();
                return Reply::Json(json!({"links": links, "assets": {}}));
            }
            "/api/v1/ticket_states" => {
                let state = |name: &str, kind: &str| json!({"name": name, "state_type": kind});
                return Reply::Json(json!([
                    state("new", "new"),
                    state("open", "open"),
                    state("solved", "closed"),
                    state("put together", "merged")
                ]));
            }
            _ => {}
        }
        if let Some(id) = asked.between("/api/v1/ticket_articles/by_ticket/", "") {
            return find(id).map_or(Reply::Status(404), |ticket| Reply::Json(articles(ticket)));
        }
        if let Some(id) = asked.between("/api/v1/ticket_history/", "") {
            return find(id).map_or(Reply::Status(404), |ticket| Reply::Json(history(ticket)));
        }
        let ticket = asked.between("/api/v1/tickets/", "").and_then(find);
        ticket.map_or(Reply::Status(404), |ticket| Reply::Json(whole(ticket)))
    }
}

fn search(tickets: &Tickets, asked: &Asked) -> Reply {
    if asked.number("page", 1) > PAGES_MAX {
        return Reply::Status(422);
    }
    let query = asked.get("query").unwrap();
    let since = query
        .strip_prefix("updated_at:[")
        .and_then(|rest| rest.strip_suffix(" TO *]"));
    let since: DateTime<Utc> = since.unwrap().parse().unwrap();
    assert_eq!(
        (asked.get("sort_by"), asked.get("order_by")),
        (Some("updated_at"), Some("asc"))
    );
    let rows = tickets
        .listed()
        .filter(|ticket| ticket.status != "deleted" && ticket.updated_at >= since);
    let mut rows: Vec<&Ticket> = rows.collect();
    rows.sort_by_key(|ticket| (ticket.updated_at, ticket.id));
    page(rows, asked)
}

fn page(rows: Vec<&Ticket>, asked: &Asked) -> Reply {
    let number = asked.number("page", 1);
    let rows = rows.into_iter().skip((number - 1) * ROWS).take(ROWS);
    Reply::Json(Value::Array(rows.map(whole).collect()))
}

fn whole(ticket: &Ticket) -> Value {
    let state = if ticket.merged_into.is_some() {
        "put together"
    } else {
        ticket.status
    };
    json!({
        "id": ticket.id, "number": (20_000 + ticket.id).to_string(), "title": ticket.subject, "group": "Service", "state": state,
        "priority": "2 normal", "customer": "anna@example.org", "organization": "Nord", "reason": ticket.category,
        "close_at": (ticket.status == "solved").then(|| time(ticket.updated_at)), "create_article_type": "email",
        "created_at": if ticket.is_broken { Value::Null } else { Value::from(time(ticket.created_at)) },
        "updated_at": time(ticket.updated_at), "article_count": ticket.comments.len(),
    })
}

fn articles(ticket: &Ticket) -> Value {
    let article = |(place, comment): (usize, &Comment)| {
        json!({
            "id": ticket.id * 1_000 + place as u64, "ticket_id": ticket.id, "type": "email", "content_type": "text/plain",
            "sender": if comment.by == By::Customer { "Customer" } else { "Agent" }, "internal": comment.by == By::Note,
            "body": comment.text, "created_at": time(comment.at),
        })
    };
    Value::Array(ticket.comments.iter().enumerate().map(article).collect())
}

fn history(ticket: &Ticket) -> Value {
    let change = |place: u32, from: &str, to: &str| {
        json!({"id": place, "object": "Ticket", "type": "updated", "attribute": "state", "value_from": from, "value_to": to,
            "created_at": time(ticket.created_at + TimeDelta::seconds(i64::from(place)))})
    };
    let mut all = Vec::new();
    for reopen in 0..ticket.reopens {
        all.push(change(2 * reopen, "open", "solved"));
        all.push(change(2 * reopen + 1, "solved", "open"));
    }
    if let Some(into) = ticket.merged_into {
        all.push(json!({"id": 99, "object": "Ticket", "type": "merged_into", "id_from": ticket.id, "id_to": into}));
    }
    json!({"history": all, "assets": {}})
}
