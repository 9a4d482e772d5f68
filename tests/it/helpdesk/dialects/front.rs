//! Front's way of speaking: a log of events whose next page is on another host, seconds with decimals, messages newest
//! first, conversations in the trash with the status deleted, merged ones that lead to the one that stays.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::front;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets};

pub struct Front;

impl Dialect for Front {
    fn name(&self) -> &'static str {
        "front"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &front::KIND.usual, 2);
        settings.category = Some(FieldPath::new("custom_fields.Reason"));
        Arc::new(front::Front::new(settings))
    }

    fn powers(&self) -> Powers {
        Powers::WHOLE
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_bearer(SECRET)
    }

    fn id(&self, ticket: &Ticket) -> String {
        conversation_id(ticket.id)
    }

    fn limit(&self, seconds: u64) -> Limit {
        let mut limit = Limit::told("retry-after", seconds);
        let own = [
            ("x-ratelimit-limit", "50".to_owned()),
            ("x-ratelimit-burst-remaining", "0".to_owned()),
            ("x-front-tier", "1".to_owned()),
        ];
        limit.headers.extend(own);
        limit
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/events" {
            return events(tickets, asked);
        }
        if let Some(id) = asked.between("/events/", "") {
            let mut log = log(tickets, true);
            log.retain(|(_, event)| event["id"] == id);
            return match log.pop() {
                Some((_, event)) => Reply::Json(event),
                None => Reply::Status(404),
            };
        }
        if asked.path == "/conversations" {
            let shown = tickets.listed().map(conversation);
            let keyed = shown.map(|row| (row["id"].to_string(), row));
            return page(keyed.collect(), asked, asked.number("limit", 50));
        }
        let rest = asked.path.strip_prefix("/conversations/cnv_").unwrap();
        let (id, list) = rest.split_once('/').unwrap_or((rest, ""));
        let Some(ticket) = tickets.find(id.parse().unwrap()) else {
            return Reply::Status(404);
        };
        let stays = ticket.merged_into.and_then(|id| tickets.find(id));
        let ticket = stays.unwrap_or(ticket);
        let of = |wanted: fn(By) -> bool| {
            let comments = ticket.comments.iter().enumerate();
            comments
                .filter(move |(_, comment)| wanted(comment.by))
                .rev()
        };
        let rows: Vec<Value> = match list {
            "" => return Reply::Json(conversation(ticket)),
            "messages" => of(|by| by != By::Note)
                .map(|(place, comment)| message(ticket, place, comment))
                .collect(),
            "comments" => of(|by| by == By::Note)
                .map(|(place, comment)| {
                    json!({"id": format!("com_{}_{place}", ticket.id), "body": comment.text,
                        "posted_at": seconds(comment.at), "author": {"id": "tea_1"}})
                })
                .collect(),
            _ => course(ticket),
        };
        let rows = rows.into_iter().enumerate();
        let keyed = rows.map(|(place, row)| (format!("{place:05}"), row));
        page(keyed.collect(), asked, asked.number("limit", 50))
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let is_closed = matches!(usual.status.as_deref(), Some("solved" | "closed"));
        let word = if is_closed { "archived" } else { "unassigned" };
        let status = usual.status.map(|_| word.to_owned());
        Expected { status, ..usual }
    }
}

fn conversation_id(id: u64) -> String {
    format!("cnv_{id}")
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}

fn conversation(ticket: &Ticket) -> Value {
    let status = match ticket.status {
        "deleted" => "deleted",
        "solved" | "closed" => "archived",
        _ => "unassigned",
    };
    json!({
        "id": conversation_id(ticket.id), "subject": ticket.subject, "status": status, "tags": [],
        "created_at": if ticket.is_broken { Value::Null } else { json!(seconds(ticket.created_at)) },
        "custom_fields": {"Reason": ticket.category},
        "recipient": {"handle": format!("user{}@customer.example", ticket.requester), "role": "from"},
    })
}

fn message(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let is_inbound = comment.by == By::Customer;
    json!({
        "id": format!("msg_{}_{place}", ticket.id), "type": "email", "is_inbound": is_inbound, "draft_mode": null,
        "created_at": seconds(comment.at), "body": format!("<p>{}</p>", comment.text), "text": comment.text,
        "author": (!is_inbound).then(|| json!({"id": "tea_1"})),
    })
}

/// What became of a conversation, as its own list has it.
fn course(ticket: &Ticket) -> Vec<Value> {
    let reopened = (0..ticket.reopens)
        .map(|_| json!({"type": "reopen", "emitted_at": seconds(ticket.updated_at)}));
    let archived = json!({"type": "archive", "emitted_at": seconds(ticket.updated_at)});
    let numbered = reopened.chain([archived]).enumerate();
    let with_id = numbered.map(|(place, mut event)| {
        event["id"] = json!(format!("evt_{}_c{place}", ticket.id));
        event
    });
    with_id.collect()
}

/// The log: what was said, and the last change of each conversation; `whole` shows what lists do not show yet.
fn log(tickets: &Tickets, whole: bool) -> Vec<(DateTime<Utc>, Value)> {
    let mut log = Vec::new();
    let ids = (1..100).filter_map(|id| tickets.find(id));
    let shown: Vec<u64> = tickets.listed().map(|ticket| ticket.id).collect();
    for ticket in ids.filter(|ticket| whole || shown.contains(&ticket.id)) {
        let mut note = |name: String, kind: &str, at: DateTime<Utc>, about: u64, gone: Value| {
            let event = json!({
                "id": format!("evt_{}_{name}", ticket.id), "type": kind, "emitted_at": seconds(at),
                "conversation": {"id": conversation_id(about)}, "target": {"data": gone},
            });
            log.push((at, event));
        };
        for (place, comment) in ticket.comments.iter().enumerate() {
            let kind = match comment.by {
                By::Customer => "inbound",
                By::Agent => "outbound",
                By::Note => "comment",
            };
            note(place.to_string(), kind, comment.at, ticket.id, Value::Null);
        }
        let kind = match ticket.status {
            "deleted" => "trash",
            "solved" | "closed" => "archive",
            _ => "custom_field_updated",
        };
        let at = ticket.updated_at;
        note(
            format!("u{}", at.timestamp()),
            kind,
            at,
            ticket.id,
            Value::Null,
        );
        if let Some(into) = ticket.merged_into {
            let gone = json!([conversation_id(ticket.id)]);
            note("m".to_owned(), "conversations_merged", at, into, gone);
        }
    }
    log
}

fn events(tickets: &Tickets, asked: &Asked) -> Reply {
    let after: f64 = asked.get("q[after]").unwrap().parse().unwrap();
    assert_eq!(asked.get("sort_order"), Some("asc"));
    // Of several types the last one is seen here; one alone stands for itself.
    let only_merges = asked.get("q[types][]") == Some("conversations_merged");
    let mut rows = log(tickets, false);
    rows.retain(|(at, event)| {
        let is_merge = event["type"] == "conversations_merged";
        seconds(*at) >= after && (is_merge || !only_merges)
    });
    let keyed = rows.into_iter().map(|(at, event)| {
        let key = format!("{:015}{}", at.timestamp_millis(), event["id"]);
        (key, event)
    });
    page(keyed.collect(), asked, asked.number("limit", 15).min(15))
}

/// Behind the row that the token names. The next page's address is on another host, which must not be followed.
fn page(mut rows: Vec<(String, Value)>, asked: &Asked, size: usize) -> Reply {
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(token) = asked.get("page_token") {
        rows.retain(|(key, _)| key.as_str() > token);
    }
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| has_more).map(|(key, _)| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("page_token", key)
            .finish();
        format!("{}{}?{query}", asked.elsewhere, asked.path)
    });
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    Reply::Json(json!({"_pagination": {"next": next}, "_results": rows}))
}
