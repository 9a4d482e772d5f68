//! Request Tracker's way of speaking: a log of transactions, pages that are cut before rights are checked so that whole
//! ones may be empty, ids as text in lists and as numbers alone, a merged ticket that answers as the one it went into, and
//! words in attachments among containers, files and copies of outgoing mail.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{FieldPath, System};
use groundswell::connectors::request_tracker::{self, Choices};
use groundswell::model::{Author, Visibility};
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Did, Entry, Expected, Ticket, Tickets, time};

/// Rows of a page. Behind every second row of the log there are as many that the token may not see.
const PER_PAGE: usize = 3;

pub struct RequestTracker;

impl Dialect for RequestTracker {
    fn name(&self) -> &'static str {
        "request_tracker"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = request_tracker::credentials(SECRET.to_owned().into());
        let usual = &request_tracker::KIND.usual;
        let mut settings = super::settings(url, credentials, usual, PER_PAGE as u32);
        settings.category = Some(FieldPath::new("Category"));
        let choices = Choices {
            overlap: 12,
            ..Choices::default()
        };
        Arc::new(request_tracker::RequestTracker::new(settings, choices))
    }

    fn powers(&self) -> Powers {
        Powers::WHOLE
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.headers.get("authorization") == Some(&format!("token {SECRET}"))
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        let path = asked.path.strip_prefix("/REST/2.0/").unwrap();
        match path {
            "queues/all" => {
                let queue = |(id, name): (u64, &str)| json!({"id": id.to_string(), "type": "queue", "Name": name});
                let shown = [(1, "Support"), (2, "Phone")].map(queue).map(Some);
                return page([None].into_iter().chain(shown).collect(), asked);
            }
            "transactions" => return page(log(tickets, asked), asked),
            "tickets" => return page(search(tickets, asked), asked),
            _ => {}
        }
        let rest = path.strip_prefix("ticket/").unwrap();
        let (id, list) = rest.split_once('/').unwrap_or((rest, ""));
        let ticket = stays(tickets, id.parse().unwrap());
        let Some(ticket) = ticket.filter(|ticket| tickets.find(ticket.id).is_some()) else {
            return Reply::Status(404);
        };
        let history = history(tickets, ticket.id);
        match list {
            "" => {
                let last = history.iter().rev().flatten().next().unwrap();
                let tag = last["id"].as_str().unwrap();
                Reply::With(whole(tickets, ticket), vec![("etag", format!("\"{tag}\""))])
            }
            "history" => page(history, asked),
            _ => page(attachments(tickets, ticket.id), asked),
        }
    }

    fn expected_among(&self, tickets: &Tickets, ticket: &Ticket, usual: Expected) -> Expected {
        if usual.exclusion.is_some() {
            return usual;
        }
        let said = tickets.log().iter().filter(|entry| is_of(tickets, entry, ticket.id));
        let said = said.filter_map(|entry| comment(tickets, entry));
        let message = |comment: &Comment| {
            let (author, visibility) = match comment.by {
                By::Customer => (Author::Customer, Visibility::Public),
                By::Agent => (Author::Agent, Visibility::Public),
                By::Note => (Author::Agent, Visibility::Internal),
            };
            (author, visibility, comment.text.clone())
        };
        Expected {
            status: usual.status.map(|status| word(&status).to_owned()),
            messages: said.map(message).collect(),
            ..usual
        }
    }
}

/// The ticket that an id leads to.
fn stays(tickets: &Tickets, mut id: u64) -> Option<&Ticket> {
    while let Some(into) = tickets.known(id)?.merged_into {
        id = into;
    }
    tickets.known(id)
}

/// Whether something was done to a ticket, or to one that went into it.
fn is_of(tickets: &Tickets, entry: &Entry, id: u64) -> bool {
    stays(tickets, entry.ticket).is_some_and(|ticket| ticket.id == id)
}

fn word(status: &str) -> &str {
    if status == "solved" { "resolved" } else { status }
}

fn user(requester: u64) -> String {
    format!("customer{requester}@example.test")
}

/// What was said, where something was.
fn comment<'a>(tickets: &'a Tickets, entry: &Entry) -> Option<&'a Comment> {
    let comments = &tickets.known(entry.ticket)?.comments;
    match entry.did {
        Did::Open => comments.first(),
        Did::Say(place) => comments.get(place),
        _ => None,
    }
}

/// Ids of a pair of rows that people made; six are given for each pair.
fn id(place: usize) -> usize {
    place / 2 * 6 + place % 2 + 1
}

fn transaction(tickets: &Tickets, place: usize, entry: &Entry) -> Value {
    let said = comment(tickets, entry);
    let ticket = tickets.known(entry.ticket).unwrap();
    let creator = match said {
        Some(said) if said.by != By::Customer => "agent1".to_owned(),
        _ => user(ticket.requester),
    };
    let (kind, field, old, new) = match &entry.did {
        Did::Open => ("Create", "", "", ""),
        Did::Say(_) if said.is_some_and(|said| said.by == By::Note) => ("Comment", "", "", ""),
        Did::Say(_) => ("Correspond", "", "", ""),
        Did::Status(old, new) => ("Status", "Status", word(old), word(new)),
        Did::MergeInto(_) => ("AddLink", "MergedInto", "", "fsck.com-rt://rt.test/ticket/1"),
        Did::Change => ("CustomField", "2", "", "x"),
    };
    json!({
        "id": id(place).to_string(), "type": "transaction", "Type": kind, "Field": field, "OldValue": old, "NewValue": new,
        "ObjectId": entry.ticket.to_string(), "ObjectType": "RT::Ticket", "Created": time(entry.at),
        "Creator": {"id": creator, "type": "user"},
    })
}

/// A copy of outgoing mail: no search for the log finds it, but the history has it.
fn copy(place: usize, entry: &Entry) -> Value {
    json!({
        "id": (id(place) + 1).to_string(), "type": "transaction", "Type": "EmailRecord", "Field": "", "OldValue": "",
        "NewValue": "", "ObjectId": entry.ticket.to_string(), "ObjectType": "RT::Ticket", "Created": time(entry.at),
        "Creator": {"id": "RT_System", "type": "user"},
    })
}

/// A bound of a search, such as `id > 7`.
fn bound<'a>(query: &'a str, start: &str) -> Option<&'a str> {
    let rest = query.split(start).nth(1)?;
    Some(rest.split([' ', '\'']).next().unwrap())
}

fn instant(query: &str, start: &str) -> Option<DateTime<Utc>> {
    let text = bound(query, start)?;
    assert!(text.ends_with("+00:00"), "read in the user's zone: {text}");
    Some(text.parse().unwrap())
}

/// What the search for transactions finds; none for what the token may not see.
fn log(tickets: &Tickets, asked: &Asked) -> Vec<Option<Value>> {
    let query = asked.get("query").unwrap();
    let all = "ObjectType = 'RT::Ticket' AND Type != 'EmailRecord' AND Type != 'CommentEmailRecord' AND (TicketQueue = 1 OR TicketQueue = 2)";
    assert!(query.starts_with(all), "{query}");
    let after: usize = bound(query, "AND id > ").map_or(0, |id| id.parse().unwrap());
    let since = instant(query, "AND Created >= '");
    let mut rows = Vec::new();
    for (place, entry) in tickets.log().iter().enumerate() {
        let is_shown = entry.listed_from <= tickets.now();
        let row = transaction(tickets, place, entry);
        let is_kind = bound(query, "AND Type = '").is_none_or(|kind| row["Type"] == kind);
        if is_shown && is_kind {
            let row = tickets.find(entry.ticket).map(|_| row);
            rows.push((id(place), entry.at, row));
        }
        if place % 2 == 1 {
            rows.extend((2..2 + PER_PAGE).map(|more| (id(place) + more, entry.at, None)));
        }
    }
    rows.retain(|(id, at, _)| *id > after && since.is_none_or(|since| *at >= since));
    if asked.get("order") == Some("DESC") {
        rows.reverse();
    }
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// What the search for tickets finds: no deleted and no merged ones, and some that the token may not see.
fn search(tickets: &Tickets, asked: &Asked) -> Vec<Option<Value>> {
    let query = asked.get("query").unwrap();
    assert!(query.starts_with("(Queue = 1 OR Queue = 2) AND LastUpdated >= '"), "{query}");
    let after: u64 = bound(query, "AND id > ").map_or(0, |id| id.parse().unwrap());
    let from = instant(query, "LastUpdated >= '").unwrap();
    let until = instant(query, "LastUpdated < '").unwrap();
    let is_found = |ticket: &&Ticket| {
        ticket.id > after
            && ticket.status != "deleted"
            && ticket.merged_into.is_none()
            && (from..until).contains(&ticket.updated_at)
    };
    let mut rows = vec![None; PER_PAGE];
    for ticket in tickets.listed().filter(is_found) {
        let row = json!({"id": ticket.id.to_string(), "type": "ticket", "LastUpdated": time(ticket.updated_at)});
        rows.push(Some(row));
        rows.push(None);
    }
    rows
}

fn history(tickets: &Tickets, ticket: u64) -> Vec<Option<Value>> {
    let mut rows = Vec::new();
    for (place, entry) in tickets.log().iter().enumerate() {
        if !is_of(tickets, entry, ticket) {
            continue;
        }
        rows.push(Some(transaction(tickets, place, entry)));
        if place % 2 == 1 {
            rows.push(Some(copy(place, entry)));
            rows.extend([const { None }; PER_PAGE]);
        }
    }
    rows
}

/// Containers without words, words, a file, and the words of copies of outgoing mail.
fn attachments(tickets: &Tickets, ticket: u64) -> Vec<Option<Value>> {
    let mut rows = Vec::new();
    for (place, entry) in tickets.log().iter().enumerate() {
        let said = comment(tickets, entry).filter(|_| is_of(tickets, entry, ticket));
        let Some(said) = said else { continue };
        let mut add = |transaction: usize, kind: &str, name: &str, content: Value| {
            let id = (transaction * 10 + rows.len() % 10).to_string();
            rows.push(Some(json!({"id": id, "type": "attachment", "TransactionId": transaction.to_string(),
                "ContentType": kind, "Filename": name, "Content": content})));
        };
        let own = id(place);
        add(own, "multipart/mixed", "", Value::Null);
        if said.by == By::Agent {
            add(own, "text/html", "", json!(format!("<p>{}</p>", said.text)));
        } else {
            add(own, "text/plain", "valves.log", json!("0x17 0x17"));
            add(own, "text/html", "", json!("<p>another form of it</p>"));
            add(own, "text/plain", "", json!(said.text));
        }
        if place % 2 == 1 {
            add(own + 1, "text/plain", "", json!("Dear customer, we got your mail"));
        }
    }
    rows
}

fn whole(tickets: &Tickets, ticket: &Ticket) -> Value {
    let is_closed = ticket.status == "solved";
    let all = (1..).map_while(|id| tickets.find(id));
    let asking = all.filter(|one| stays(tickets, one.id).is_some_and(|one| one.id == ticket.id));
    let asking: Vec<Value> = asking.map(|one| json!({"id": user(one.requester), "type": "user"})).collect();
    let never = "1970-01-01T00:00:00Z";
    json!({
        "id": ticket.id, "Type": "ticket", "Subject": ticket.subject, "Status": word(ticket.status), "Priority": "0",
        "Created": if ticket.is_broken { Value::Null } else { json!(time(ticket.created_at)) },
        "LastUpdated": time(ticket.updated_at), "Started": never,
        "Resolved": if is_closed { time(ticket.updated_at) } else { never.to_owned() },
        "Queue": {"id": "1", "type": "queue"}, "Requestor": asking, "Cc": [], "Owner": {"id": "Nobody", "type": "user"},
        "CustomFields": [{"id": "2", "name": "Category", "values": Vec::from_iter(&ticket.category)}],
    })
}

/// Rights are checked after the page was cut, and only administrators are told how many there are.
fn page(rows: Vec<Option<Value>>, asked: &Asked) -> Reply {
    assert_eq!(asked.get("orderby"), Some("id"));
    let (number, per_page) = (asked.number("page", 1), asked.number("per_page", 20));
    let cut = rows.into_iter().skip((number - 1) * per_page).take(per_page);
    let items: Vec<Value> = cut.flatten().collect();
    Reply::Json(json!({"items": items, "count": items.len(), "page": number, "per_page": per_page, "pages": null, "total": null}))
}
