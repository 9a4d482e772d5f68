//! Freshdesk's way of speaking: pages by the `Link` header, no page beyond the third here (the 300th there), deleted
//! tickets in a list of their own, numbers for words, a merge that only a note tells of, in the agent's language.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::freshdesk;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets, time};

/// Entries come in pages of this size, whatever is asked for.
const ENTRIES: usize = 2;

pub struct Freshdesk;

impl Dialect for Freshdesk {
    fn name(&self) -> &'static str {
        "freshdesk"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let (user, password) = (SECRET.to_owned().into(), "X".to_owned().into());
        let credentials = Credentials::Basic { user, password };
        let mut settings = super::settings(url, credentials, &freshdesk::KIND.usual, 2);
        settings.category = Some(FieldPath::new("custom_fields.cf_reason"));
        let notes = vec!["Dieses Ticket ist nun Teil von Nr. ".to_owned()];
        Arc::new(freshdesk::Freshdesk::new(settings).with_merge_notes(notes))
    }

    fn powers(&self) -> Powers {
        Powers::WHOLE
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_basic(&format!("{SECRET}:X"))
    }

    /// A status of the team's own then stays a number.
    fn may_lack(&self, uri: &str) -> bool {
        uri.contains("/ticket_fields")
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/api/v2/tickets" {
            return list(tickets, asked);
        }
        let number = |text: &str| text.parse::<u64>().unwrap();
        if let Some(id) = asked.between("/api/v2/tickets/", "/conversations") {
            return entries(tickets.find(number(id)), asked);
        }
        if asked.path == "/api/v2/surveys/satisfaction_ratings" {
            return all_ratings(tickets, asked);
        }
        if asked.path == "/api/v2/ticket_fields" {
            return Reply::Json(json!([{"name": "status", "choices": {"2": ["Open"], "7": ["On the way"]}}]));
        }
        if let Some(id) = asked.between("/api/v2/tickets/", "/satisfaction_ratings") {
            let ticket = tickets.find(number(id)).into_iter();
            return Reply::Json(ticket.filter_map(rating).collect());
        }
        match asked
            .between("/api/v2/tickets/", "")
            .and_then(|id| tickets.find(number(id)))
        {
            Some(ticket) => Reply::Json(whole(ticket)),
            None => Reply::Status(404),
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        // It says when a ticket was last opened again, not how often.
        let reopens = usual.reopens.min(1);
        let status = usual.status.map(|status| match status.as_str() {
            "solved" => "resolved".to_owned(),
            "closed" => status,
            "new" => "On the way".to_owned(),
            _ => "open".to_owned(),
        });
        Expected {
            reopens,
            status,
            ..usual
        }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    let (page, size) = (asked.number("page", 1), asked.number("per_page", 30));
    // The third page is the last that it gives, as the 300th is there.
    if page > 3 {
        return Reply::Status(400);
    }
    // Without it only the last 30 days come, as there.
    let since: DateTime<Utc> = asked.get("updated_since").map_or_else(
        || tickets.now() - TimeDelta::days(30),
        |since| since.parse().unwrap(),
    );
    let is_deleted = asked.get("filter") == Some("deleted");
    if asked.get("filter") == Some("spam") {
        return Reply::Json(json!([]));
    }
    let mut rows: Vec<&Ticket> = tickets
        .listed()
        .filter(|ticket| (ticket.status == "deleted") == is_deleted && ticket.updated_at >= since)
        .collect();
    rows.sort_by_key(|ticket| (ticket.updated_at, ticket.id));
    let has_more = rows.len() > page * size;
    let rows: Vec<Value> = rows
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .map(whole)
        .collect();
    let next = next_page(asked, page + 1);
    if has_more {
        Reply::With(json!(rows), vec![("link", next)])
    } else {
        Reply::Json(json!(rows))
    }
}

fn next_page(asked: &Asked, page: usize) -> String {
    let mut pairs = asked.query.clone();
    pairs.insert("page".to_owned(), page.to_string());
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("<{}{}?{query}>; rel=\"next\"", asked.address, asked.path)
}

fn entries(ticket: Option<&Ticket>, asked: &Asked) -> Reply {
    let Some(ticket) = ticket.filter(|ticket| ticket.status != "deleted") else {
        return Reply::Status(404);
    };
    let page = asked.number("page", 1);
    let mut entries: Vec<Value> = ticket.comments[1..]
        .iter()
        .enumerate()
        .map(|(place, one)| entry(ticket, place, one))
        .collect();
    if let Some(into) = ticket.merged_into {
        entries.push(json!({
            "id": ticket.id * 1_000 + 999, "incoming": false, "private": true, "created_at": time(ticket.updated_at),
            "body_text": merge_note(into), "user_id": 900,
        }));
    }
    let shown: Vec<&Value> = entries
        .iter()
        .skip((page - 1) * ENTRIES)
        .take(ENTRIES)
        .collect();
    if entries.len() > page * ENTRIES {
        return Reply::With(json!(shown), vec![("link", next_page(asked, page + 1))]);
    }
    Reply::Json(json!(shown))
}

/// The two agents do not speak the same language.
fn merge_note(into: u64) -> String {
    match into % 2 {
        0 => format!("This ticket is closed and merged into ticket {into}"),
        _ => format!("Dieses Ticket ist nun Teil von Nr. {into}."),
    }
}

/// Ratings by when they were given, newest first.
fn all_ratings(tickets: &Tickets, asked: &Asked) -> Reply {
    let since: DateTime<Utc> = asked.get("created_since").unwrap().parse().unwrap();
    let there = tickets.listed().filter(|ticket| ticket.status != "deleted");
    let rated = there.filter(|ticket| ticket.rating.is_some_and(|(_, at)| at >= since));
    let mut rated: Vec<&Ticket> = rated.collect();
    rated.sort_by_key(|ticket| std::cmp::Reverse(ticket.rating.map(|(_, at)| at)));
    let page = asked.number("page", 1);
    let rows = rated.iter().skip((page - 1) * ENTRIES).take(ENTRIES);
    let rows: Vec<Value> = rows.filter_map(|ticket| rating(ticket)).collect();
    if rated.len() > page * ENTRIES {
        return Reply::With(json!(rows), vec![("link", next_page(asked, page + 1))]);
    }
    Reply::Json(json!(rows))
}

fn rating(ticket: &Ticket) -> Option<Value> {
    let (stars, at) = ticket.rating?;
    let degree = match stars {
        5 => 103,
        3 => 100,
        _ => -103,
    };
    Some(json!({"id": ticket.id + 500, "ticket_id": ticket.id, "created_at": time(at), "updated_at": time(at),
        "ratings": {"default_question": degree}}))
}

fn entry(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    json!({
        "id": ticket.id * 1_000 + place as u64, "body_text": comment.text, "body": format!("<p>{}</p>", comment.text),
        "incoming": comment.by == By::Customer, "private": comment.by == By::Note,
        "created_at": time(comment.at), "user_id": 900,
    })
}

fn whole(ticket: &Ticket) -> Value {
    let status = match ticket.status {
        "solved" => 4,
        "closed" => 5,
        "new" => 7,
        _ => 2,
    };
    let reopened_at = (ticket.reopens > 0).then(|| time(ticket.updated_at));
    json!({
        "id": ticket.id, "subject": ticket.subject, "description_text": ticket.comments.first().map(|one| &one.text),
        "status": status, "priority": 1, "source": 1, "type": null, "tags": ticket.tags,
        "custom_fields": {"cf_reason": ticket.category}, "requester_id": ticket.requester, "company": {"name": "Nord"},
        "created_at": if ticket.is_broken { Value::Null } else { Value::from(time(ticket.created_at)) },
        "updated_at": time(ticket.updated_at), "deleted": ticket.status == "deleted",
        "stats": {"reopened_at": reopened_at, "resolved_at": (status == 4).then(|| time(ticket.updated_at))},
    })
}
