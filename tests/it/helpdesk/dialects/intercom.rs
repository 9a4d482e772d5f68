//! Intercom's way of speaking: a search without an order, times as numbers, parts without the first message, deletions in a
//! list of their own, a merged conversation of which only the parts tell, and sometimes a link.

use std::sync::Arc;

use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::intercom;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets};

/// Rows of a page, whatever is asked for.
const ROWS: usize = 2;

/// Parts that a conversation shows, as 500 there.
const PARTS: usize = 5;

pub struct Intercom;

impl Dialect for Intercom {
    fn name(&self) -> &'static str {
        "intercom"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &intercom::KIND.usual, 2);
        settings.category = Some(FieldPath::new("custom_attributes.Reason"));
        Arc::new(intercom::Intercom::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers {
            redacts: true,
            ..Powers::WHOLE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        assert_eq!(asked.headers["intercom-version"], "2.16");
        asked.is_bearer(SECRET)
    }

    fn limit(&self, seconds: u64) -> Limit {
        let reset = Limit::over_in(seconds).timestamp();
        Limit {
            status: 429,
            headers: vec![
                ("x-ratelimit-limit", "166".to_owned()),
                ("x-ratelimit-remaining", "0".to_owned()),
                ("x-ratelimit-reset", reset.to_string()),
            ],
            body: "{}",
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/conversations/search") => return search(tickets, asked),
            ("POST", "/tickets/search") => {
                return Reply::Json(
                    json!({"type": "ticket.list", "tickets": [], "pages": {"type": "pages", "page": 1, "next": null}}),
                );
            }
            ("GET", "/conversations/deleted") => return deleted(tickets, asked),
            ("GET", "/calls") => {
                return Reply::Json(
                    json!({"type": "list", "data": [], "total_count": 0, "pages": {"page": 1, "total_pages": 0}}),
                );
            }
            ("GET", "/me") => {
                return Reply::Json(json!({"type": "admin", "app": {"id_code": "abc123"}}));
            }
            _ => {}
        }
        let id = asked
            .between("/conversations/", "")
            .and_then(|id| id.parse().ok());
        match id.and_then(|id| tickets.find(id)) {
            Some(ticket) if ticket.status != "deleted" => Reply::Json(whole(tickets, ticket)),
            _ => Reply::Status(404),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let status = usual.status.map(|status| match status.as_str() {
            "solved" | "closed" => "closed".to_owned(),
            _ => "open".to_owned(),
        });
        Expected { status, ..usual }
    }
}

/// Between two times, neither of which is in it; newest ids first, behind the last one of the page before.
fn search(tickets: &Tickets, asked: &Asked) -> Reply {
    if asked.body["query"]["value"][0]["field"] == "contact_ids" {
        return of_contact(tickets, asked);
    }
    let bound = |place: usize| {
        let bound = &asked.body["query"]["value"][place];
        assert_eq!(bound["field"], "updated_at");
        bound["value"].as_i64().unwrap()
    };
    let (from, until) = (bound(0), bound(1));
    let after = asked.body.pointer("/pagination/starting_after");
    let after: u64 = after.map_or(u64::MAX, |after| after.as_str().unwrap().parse().unwrap());
    let rows = tickets.listed().filter(|ticket| {
        let at = ticket.updated_at.timestamp();
        ticket.status != "deleted" && from < at && at < until && ticket.id < after
    });
    let mut rows: Vec<&Ticket> = rows.collect();
    rows.reverse();
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let next = rows
        .last()
        .filter(|_| has_more)
        .map(|last| json!({"page": 2, "starting_after": last.id.to_string()}));
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|ticket| json!({"type": "conversation", "id": ticket.id.to_string(), "updated_at": ticket.updated_at.timestamp()}))
        .collect();
    Reply::Json(
        json!({"type": "conversation.list", "conversations": rows, "total_count": 99, "pages": {"type": "pages", "next": next}}),
    )
}

/// What changed of one contact's conversations since a time.
fn of_contact(tickets: &Tickets, asked: &Asked) -> Reply {
    let wanted = &asked.body["query"]["value"];
    let since = wanted[1]["value"].as_i64().unwrap();
    let contact: u64 = wanted[0]["value"].as_str().unwrap().parse().unwrap();
    let all = (1..).map_while(|id| tickets.find(id));
    let rows = all.filter(|ticket| {
        ticket.requester == contact && ticket.status != "deleted" && ticket.updated_at.timestamp() > since
    });
    let rows: Vec<Value> = rows
        .map(|ticket| json!({"type": "conversation", "id": ticket.id.to_string()}))
        .collect();
    Reply::Json(json!({"type": "conversation.list", "conversations": rows, "pages": {"next": null}}))
}

fn deleted(tickets: &Tickets, asked: &Asked) -> Reply {
    let mut rows: Vec<&Ticket> = tickets
        .listed()
        .filter(|ticket| ticket.status == "deleted")
        .collect();
    rows.sort_by_key(|ticket| (std::cmp::Reverse(ticket.updated_at), ticket.id));
    let page = asked.number("page", 1);
    let pages = rows.len().div_ceil(ROWS);
    let rows = rows.into_iter().skip((page - 1) * ROWS).take(ROWS);
    let rows: Vec<Value> = rows
        .map(|ticket| json!({"id": ticket.id.to_string(), "deleted_at": ticket.updated_at.timestamp(), "metrics_retained": true}))
        .collect();
    Reply::Json(
        json!({"type": "conversation.list", "conversations": rows, "pages": {"page": page, "total_pages": pages}}),
    )
}

fn whole(tickets: &Tickets, ticket: &Ticket) -> Value {
    let first = &ticket.comments[0];
    let mut parts: Vec<Value> = ticket.comments[1..]
        .iter()
        .enumerate()
        .map(|(place, one)| part(ticket, place, one))
        .collect();
    // Not every one says where it went; all of one merge are of one contact.
    let links: Vec<Value> = ticket
        .merged_into
        .iter()
        .filter(|_| ticket.id > 2)
        .map(|into| json!({"type": "conversation", "id": into.to_string()}))
        .collect();
    let stays = ticket.merged_into.and_then(|into| tickets.find(into));
    let contact = stays.unwrap_or(ticket).requester;
    let event = |kind: &str, at: i64| {
        json!({"id": "m", "part_type": kind, "body": null, "created_at": at, "author": {"type": "bot"}})
    };
    let all = (1..).map_while(|id| tickets.find(id));
    let taken = all.filter(|other| other.merged_into == Some(ticket.id));
    parts.extend(taken.map(|other| {
        event("merged_primary_conversation", other.updated_at.timestamp() + 1)
    }));
    if ticket.merged_into.is_some() {
        let at = ticket.updated_at.timestamp();
        parts.push(event("merged_secondary_conversation", at));
        parts.push(event("close", at));
    }
    let counted = parts.len();
    parts.drain(..counted.saturating_sub(PARTS));
    let is_closed = matches!(ticket.status, "solved" | "closed");
    json!({
        "type": "conversation", "id": ticket.id.to_string(), "title": null,
        "created_at": if ticket.is_broken { Value::Null } else { Value::from(ticket.created_at.timestamp()) },
        "updated_at": ticket.updated_at.timestamp(), "ticket": null, "state": if is_closed { "closed" } else { "open" }, "open": !is_closed,
        "priority": "not_priority", "tags": {"type": "tag.list", "tags": []}, "custom_attributes": {"Reason": ticket.category},
        "contacts": {"contacts": [{"id": contact.to_string(), "external_id": null}]},
        "source": {"type": "conversation", "subject": ticket.subject, "body": first.text, "author": author(ticket, first)},
        "statistics": {"count_reopens": ticket.reopens, "count_conversation_parts": counted,
            "last_close_at": is_closed.then(|| ticket.updated_at.timestamp())},
        "linked_objects": {"type": "list", "data": links},
        "conversation_parts": {"total_count": parts.len(), "conversation_parts": parts},
    })
}

fn part(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let kind = if comment.by == By::Note {
        "note"
    } else {
        "comment"
    };
    json!({
        "id": (ticket.id * 1_000 + place as u64).to_string(), "part_type": kind, "body": comment.text,
        "created_at": comment.at.timestamp(), "author": author(ticket, comment), "redacted": comment.text.is_empty(),
    })
}

fn author(ticket: &Ticket, comment: &Comment) -> Value {
    match comment.by {
        By::Customer => json!({"type": "user", "id": ticket.requester.to_string(), "name": "Anna"}),
        _ => json!({"type": "admin", "id": "900", "name": "Tom"}),
    }
}
