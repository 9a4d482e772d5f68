//! Redmine's way of speaking: rows to leave out, open issues only unless asked, journals with single issues only, nothing
//! said of deletions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Credentials, System};
use groundswell::connectors::redmine;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Ticket, Tickets, time};

const AGENT: u64 = 900;

/// Members come in pages of this size, whatever is asked for.
const MEMBERS: usize = 2;

pub struct Redmine;

impl Dialect for Redmine {
    fn name(&self) -> &'static str {
        "redmine"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::Header {
            name: "x-redmine-api-key",
            prefix: "",
            secret: SECRET.to_owned().into(),
        };
        let settings = super::settings(url, credentials, &redmine::KIND.usual, 2);
        let roles = vec!["Developer".to_owned()];
        Arc::new(redmine::Redmine::new(settings, Vec::new(), roles))
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
        asked.headers.get("x-redmine-api-key").map(String::as_str) == Some(SECRET)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        match asked.path.as_str() {
            "/users/current.json" => Reply::Json(
                json!({"user": {"id": 5, "login": "puller", "memberships": [{"id": 1, "project": {"id": 1}}]}}),
            ),
            "/issues.json" => list(tickets, asked),
            "/issue_statuses.json" => Reply::Json(json!({"issue_statuses": [
                {"id": 1, "name": "new", "is_closed": false}, {"id": 5, "name": "solved", "is_closed": true},
            ]})),
            "/projects/1/memberships.json" => members(asked),
            _ => {
                let id = asked
                    .between("/issues/", ".json")
                    .and_then(|id| id.parse().ok());
                let ticket = id.and_then(|id| tickets.find(id));
                match ticket.filter(|ticket| ticket.status != "deleted") {
                    Some(ticket) => Reply::Json(json!({"issue": whole(ticket, asked)})),
                    None => Reply::Status(404),
                }
            }
        }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let (offset, limit) = (asked.number("offset", 0), asked.number("limit", 25));
    assert_eq!(
        asked.get("status_id"),
        Some("*"),
        "only open issues would come"
    );
    let since = asked.get("updated_on").map(|text| {
        let text = text.strip_prefix(">=").expect("a lower bound");
        assert!(text.ends_with('Z'), "another offset is refused");
        text.parse::<DateTime<Utc>>().unwrap()
    });
    let mut rows: Vec<&Ticket> = tickets
        .listed()
        .filter(|ticket| {
            ticket.status != "deleted" && since.is_none_or(|since| ticket.updated_at >= since)
        })
        .collect();
    if since.is_some() {
        assert_eq!(asked.get("sort"), Some("updated_on:asc,id:asc"));
        rows.sort_by_key(|ticket| (ticket.updated_at, ticket.id));
    }
    let total = rows.len();
    let rows = rows.into_iter().skip(offset).take(limit);
    let rows: Vec<Value> = rows.map(|ticket| whole(ticket, asked)).collect();
    Reply::Json(json!({"issues": rows, "total_count": total, "offset": offset, "limit": limit}))
}

fn members(asked: &Asked) -> Reply {
    let offset = asked.number("offset", 0);
    let customers = (100..103).map(|id| (id, "Reporter"));
    let member = |(id, role): (u64, &str)| json!({"id": id + 5_000, "project": {"id": 1}, "user": {"id": id}, "roles": [{"id": 4, "name": role}]});
    let all = customers.chain([(AGENT, "Developer")]).map(member);
    let rows: Vec<Value> = all.skip(offset).take(MEMBERS).collect();
    Reply::Json(json!({"memberships": rows, "total_count": 4, "offset": offset, "limit": MEMBERS}))
}

fn whole(ticket: &Ticket, asked: &Asked) -> Value {
    let is_closed = ["solved", "closed"].contains(&ticket.status);
    let mut issue = json!({
        "id": ticket.id, "project": {"id": 1, "name": "Support"}, "tracker": {"id": 3, "name": "Support"},
        "status": {"id": if is_closed { 5 } else { 1 }, "name": ticket.status, "is_closed": is_closed},
        "priority": {"id": 2, "name": "Normal"}, "author": {"id": ticket.requester, "name": "Anna"},
        "subject": ticket.subject, "description": ticket.comments.first().map(|one| &one.text),
        "custom_fields": [], "updated_on": time(ticket.updated_at),
        "created_on": if ticket.is_broken { Value::Null } else { Value::from(time(ticket.created_at)) },
        "closed_on": is_closed.then(|| time(ticket.updated_at)),
    });
    if let Some(category) = &ticket.category {
        issue["category"] = json!({"id": 1, "name": category});
    }
    if asked.get("include") == Some("journals") {
        issue["journals"] = journals(ticket);
    }
    issue
}

fn journals(ticket: &Ticket) -> Value {
    let note = |(place, one): (usize, &super::super::tickets::Comment)| {
        json!({
            "id": ticket.id * 1_000 + place as u64, "notes": one.text, "private_notes": one.by == By::Note,
            "user": {"id": if one.by == By::Customer { ticket.requester } else { AGENT }},
            "created_on": time(one.at), "details": [],
        })
    };
    let notes = ticket.comments.iter().enumerate().skip(1).map(note);
    // The model knows how often, not when.
    let reopened = (0..ticket.reopens).map(|_| {
        json!({"id": 1, "notes": "", "user": {"id": AGENT}, "created_on": time(ticket.updated_at), "details": [
            {"property": "attr", "name": "status_id", "old_value": "5", "new_value": "1"},
        ]})
    });
    notes.chain(reopened).collect()
}
