//! Help Scout's way of speaking: a token for a client, pages of its own size with a total, no list where it would be empty,
//! only some of the threads beside a conversation, line items that say how the status changed, no word of deletions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{FieldPath, System};
use groundswell::connectors::help_scout;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Limit, Merges, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets, time};

const ROWS: usize = 2;

/// The token that the client gets for `SECRET`.
const TOKEN: &str = "a-token-for-two-days";

pub struct HelpScout;

impl Dialect for HelpScout {
    fn name(&self) -> &'static str {
        "help_scout"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = help_scout::credentials(url, "app".to_owned(), SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &help_scout::KIND.usual, 2);
        settings.category = Some(FieldPath::new("customFields.Reason"));
        let mut scout = help_scout::HelpScout::new(settings, true);
        scout.has_organizations = true;
        Arc::new(scout)
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            restores: true,
            merges: Merges::Missed,
            categories: true,
            reopens: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        let is_token = asked.path == "/v2/oauth2/token" && asked.method == "POST";
        is_token || asked.headers.get("authorization") == Some(&format!("Bearer {TOKEN}"))
    }

    fn limit(&self, seconds: u64) -> Limit {
        Limit::told("x-ratelimit-retry-after", seconds)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/v2/oauth2/token" {
            return Reply::Json(
                json!({"token_type": "bearer", "access_token": TOKEN, "expires_in": 172_800}),
            );
        }
        if asked.path == "/v2/conversations" {
            return list(tickets, asked);
        }
        if asked.path == "/v2/reports/happiness/ratings" {
            return ratings(tickets, asked);
        }
        if let Some(id) = asked.between("/v2/customers/", "") {
            // Some are gone, and some work nowhere.
            return match id.parse::<u64>().unwrap() % 3 {
                0 => Reply::Status(404),
                1 => Reply::Json(json!({"id": 1, "organization": "Nord"})),
                _ => Reply::Json(json!({"id": 2, "organization": ""})),
            };
        }
        let found = |end: &str| {
            let id: u64 = asked.between("/v2/conversations/", end)?.parse().ok()?;
            tickets.find(id).filter(|ticket| ticket.status != "deleted")
        };
        if let Some(into) = found("").and_then(|ticket| ticket.merged_into) {
            return Reply::Moved(format!("/v2/conversations/{into}"));
        }
        if let Some(ticket) = found("/threads") {
            return pages("threads", threads(ticket), asked);
        }
        found("").map_or(Reply::Status(404), |ticket| {
            Reply::Json(whole(ticket, asked))
        })
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let status = usual.status.map(|status| match status.as_str() {
            "solved" | "closed" => "closed".to_owned(),
            _ => "active".to_owned(),
        });
        Expected { status, ..usual }
    }
}

fn list(tickets: &Tickets, asked: &Asked) -> Reply {
    assert_eq!(
        asked.get("status"),
        Some("all"),
        "only active ones come without it"
    );
    let since = asked
        .get("modifiedSince")
        .map(|since| since.parse::<DateTime<Utc>>().unwrap());
    let rows = tickets.listed();
    let rows = rows.filter(|ticket| ticket.status != "deleted" && ticket.merged_into.is_none());
    let rows = rows.filter(|ticket| since.is_none_or(|since| ticket.updated_at >= since));
    let mut rows: Vec<&Ticket> = rows.collect();
    match asked.get("sortField") {
        Some("modifiedAt") => rows.sort_by_key(|ticket| (ticket.updated_at, ticket.id)),
        _ => rows.sort_by_key(|ticket| (ticket.created_at, ticket.id)),
    }
    let rows = rows
        .into_iter()
        .map(|ticket| whole(ticket, asked))
        .collect();
    pages("conversations", rows, asked)
}

/// A report, with pages in a form of its own.
fn ratings(tickets: &Tickets, asked: &Asked) -> Reply {
    let bound = |name: &str| asked.get(name).unwrap().parse::<DateTime<Utc>>().unwrap();
    let (start, end) = (bound("start"), bound("end"));
    let rated = tickets.listed().filter(|ticket| ticket.status != "deleted");
    let rated = rated.filter_map(|ticket| Some((ticket, ticket.rating?)));
    let mut rated: Vec<_> = rated
        .filter(|(_, (_, at))| (start..=end).contains(at))
        .collect();
    rated.sort_by_key(|(_, (_, at))| *at);
    let (number, pages) = (asked.number("page", 1), rated.len().div_ceil(ROWS));
    let row = |(ticket, (stars, at)): &(&Ticket, (u64, DateTime<Utc>))| {
        let rating = match stars {
            5 => 1,
            3 => 2,
            _ => 3,
        };
        json!({"number": ticket.id + 300, "id": ticket.id, "threadid": ticket.id * 1_000 + 500, "type": "email",
            "ratingId": rating, "ratingCustomerId": ticket.requester, "ratingComments": "Anna says so",
            "ratingCreatedAt": time(*at)})
    };
    let rows = rated.iter().skip((number - 1) * ROWS).take(ROWS).map(row);
    let rows: Vec<Value> = rows.collect();
    Reply::Json(json!({"facets": {}, "results": rows, "page": number, "pages": pages, "count": rated.len()}))
}

fn pages(name: &str, rows: Vec<Value>, asked: &Asked) -> Reply {
    let (number, total) = (asked.number("page", 1), rows.len());
    let page = json!({"size": ROWS, "totalElements": total, "totalPages": total.div_ceil(ROWS), "number": number});
    let rows: Vec<Value> = rows
        .into_iter()
        .skip((number - 1) * ROWS)
        .take(ROWS)
        .collect();
    if rows.is_empty() {
        return Reply::Json(json!({ "page": page }));
    }
    Reply::Json(json!({"_embedded": {name: rows}, "page": page}))
}

/// Newest first.
fn threads(ticket: &Ticket) -> Vec<Value> {
    let said = |(place, comment): (usize, &Comment)| {
        let kind = match comment.by {
            By::Customer => "customer",
            By::Agent => "message",
            By::Note => "note",
        };
        json!({"id": ticket.id * 1_000 + 500 + place as u64, "type": kind, "status": "nochange", "state": "published",
            "body": comment.text, "createdBy": {"type": if comment.by == By::Customer { "customer" } else { "user" }},
            "createdAt": time(comment.at)})
    };
    let item = |place: u32, status: &str| {
        json!({"id": ticket.id * 1_000 + u64::from(place), "type": "lineitem", "status": status, "state": "published",
            "createdAt": time(ticket.created_at)})
    };
    let mut all: Vec<Value> = (0..ticket.reopens)
        .flat_map(|reopen| [item(2 * reopen, "closed"), item(2 * reopen + 1, "active")])
        .collect();
    all.extend(ticket.comments.iter().enumerate().map(said));
    all.reverse();
    all
}

fn whole(ticket: &Ticket, asked: &Asked) -> Value {
    let is_closed = matches!(ticket.status, "solved" | "closed");
    let mut value = json!({
        "id": ticket.id, "number": ticket.id + 300, "threads": ticket.comments.len(), "type": "email", "state": "published",
        "status": if is_closed { "closed" } else { "active" }, "subject": ticket.subject, "mailboxId": 85, "tags": [],
        "createdAt": if ticket.is_broken { Value::Null } else { Value::from(time(ticket.created_at)) },
        "userUpdatedAt": time(ticket.updated_at), "closedAt": is_closed.then(|| time(ticket.updated_at)),
        "customFields": [{"id": 8, "name": "Reason", "value": "88", "text": ticket.category}],
        "primaryCustomer": {"id": ticket.requester, "type": "customer", "email": "anna@example.org"},
    });
    if ticket.category.is_none() {
        value["customFields"] = json!([]);
    }
    if asked.get("embed") == Some("threads") {
        let mut some = threads(ticket);
        if ticket.comments.len() > ROWS {
            some.truncate(ROWS);
        }
        value["_embedded"] = json!({ "threads": some });
    }
    value
}
