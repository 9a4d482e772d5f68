//! HubSpot's way of speaking: searches without associations, of which only the first are named by a ticket itself; batches;
//! threads with messages cut short; a deleted ticket in a list of its own; a merged one that answers with the one that stays.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::hubspot;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Ticket, Tickets};

/// Rows of a page, whatever is asked for.
const ROWS: usize = 2;

const OBJECTS: &str = "/crm/objects/2026-09/";
const THREADS: &str = "/conversations/conversations/2026-09/threads";

/// Ids of answers to surveys are those of their tickets and this.
const FEEDBACK: u64 = 900_000;

/// Stages of the one pipeline.
const STAGES: [(&str, &str, bool); 4] = [
    ("1", "new", false),
    ("2", "open", false),
    ("3", "solved", true),
    ("4", "closed", true),
];

pub struct HubSpot;

impl Dialect for HubSpot {
    fn name(&self) -> &'static str {
        "hubspot"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &hubspot::KIND.usual, 2);
        settings.category = Some(FieldPath::new("reason"));
        Arc::new(hubspot::HubSpot::new(settings, true, true))
    }

    fn powers(&self) -> Powers {
        Powers::WHOLE
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_bearer(SECRET)
    }

    fn limit(&self, _: u64) -> Limit {
        Limit {
            status: 429,
            headers: Vec::new(),
            body: r#"{"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}"#,
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if let Some(rest) = asked.path.strip_prefix(OBJECTS) {
            return objects(tickets, asked, rest);
        }
        if let Some(rest) = asked.path.strip_prefix(THREADS) {
            return threads(tickets, asked, rest.trim_start_matches('/'));
        }
        match asked.path.as_str() {
            "/crm/pipelines/2026-09/tickets" => Reply::Json(
                json!({"results": [{"id": "0", "label": "Support", "stages": stages()}]}),
            ),
            "/crm/associations/2026-09/notes/tickets/batch/read"
            | "/crm/associations/2026-09/feedback_submissions/tickets/batch/read" => {
                Reply::Json(owners(asked))
            }
            _ => Reply::Status(404),
        }
    }
}

fn is_there(ticket: &Ticket) -> bool {
    ticket.status != "deleted" && ticket.merged_into.is_none()
}

fn objects(tickets: &Tickets, asked: &Asked, rest: &str) -> Reply {
    if rest.contains("feedback_submissions") {
        return surveys(tickets, asked, rest);
    }
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["tickets", "search"] => {
            let rows = tickets.listed().filter(|ticket| is_there(ticket));
            search(
                asked,
                rows.map(|ticket| (ticket.id, ticket.updated_at, row(tickets, ticket)))
                    .collect(),
            )
        }
        ["notes", "search"] => {
            let notes = tickets
                .listed()
                .filter(|ticket| is_there(ticket))
                .flat_map(notes);
            search(
                asked,
                notes.map(|(id, one)| (id, one.at, note(id, one))).collect(),
            )
        }
        [_, "search"] => search(asked, Vec::new()),
        ["tickets"] if asked.get("archived") == Some("true") => {
            let rows = tickets.listed().filter(|ticket| ticket.status == "deleted");
            let rows = rows.map(|ticket| json!({"id": ticket.id.to_string(), "archived": true, "archivedAt": stamp(ticket.updated_at),
                "properties": {"hs_lastmodifieddate": stamp(ticket.created_at)}}));
            paged(rows.collect(), asked, ROWS)
        }
        ["tickets"] => {
            let rows = tickets.listed().filter(|ticket| is_there(ticket));
            paged(rows.map(|ticket| whole(tickets, ticket)).collect(), asked, ROWS)
        }
        ["notes", "batch", "read"] => batch(tickets, asked),
        ["tickets", id] => match tickets.find(id.parse().unwrap()) {
            Some(ticket) if ticket.status != "deleted" => {
                let stays = ticket
                    .merged_into
                    .and_then(|into| tickets.find(into))
                    .unwrap_or(ticket);
                Reply::Json(whole(tickets, stays))
            }
            _ => Reply::Status(404),
        },
        ["tickets", id, "associations", "notes"] => match tickets.find(id.parse().unwrap()) {
            Some(ticket) => {
                let rows = notes(ticket)
                    .map(|(id, _)| json!({"id": id.to_string(), "type": "ticket_to_note"}));
                paged(rows.collect(), asked, ROWS)
            }
            None => Reply::Status(404),
        },
        ["companies", "501"] => Reply::Json(json!({"id": "501", "properties": {"name": "Nord"}})),
        ["calls"] => paged(Vec::new(), asked, ROWS),
        _ => Reply::Status(404),
    }
}

/// A window by ids, as it was asked for.
fn search(asked: &Asked, mut rows: Vec<(u64, DateTime<Utc>, Value)>) -> Reply {
    let filter = |operator: &str| {
        let filters = asked.body["filterGroups"][0]["filters"].as_array().unwrap();
        let found = filters
            .iter()
            .find(|filter| filter["operator"] == operator)
            .unwrap();
        found["value"].as_str().unwrap().parse::<i64>().unwrap()
    };
    let (from, until, after) = (filter("GTE"), filter("LTE"), filter("GT"));
    assert_eq!(asked.body["sorts"][0]["propertyName"], "hs_object_id");
    assert!(asked.body.get("after").is_none(), "a search ends at ten thousand rows");
    rows.retain(|(id, at, _)| {
        let at = at.timestamp_millis();
        from <= at && at <= until && *id > after as u64
    });
    rows.sort_by_key(|(id, _, _)| *id);
    let total = rows.len();
    let rows: Vec<Value> = rows.into_iter().take(ROWS).map(|(_, _, row)| row).collect();
    Reply::Json(json!({"total": total, "results": rows}))
}

fn paged(rows: Vec<Value>, asked: &Asked, size: usize) -> Reply {
    let start = asked.number("after", 0);
    let page: Vec<&Value> = rows.iter().skip(start).take(size).collect();
    if start + size >= rows.len() {
        return Reply::Json(json!({ "results": page }));
    }
    let after = (start + size).to_string();
    Reply::Json(
        json!({"results": page, "paging": {"next": {"after": after, "link": format!("{}/next", asked.elsewhere)}}}),
    )
}

fn row(tickets: &Tickets, ticket: &Ticket) -> Value {
    let merged = tickets
        .listed()
        .filter(|other| other.merged_into == Some(ticket.id));
    let merged: Vec<String> = merged.map(|other| other.id.to_string()).collect();
    json!({"id": ticket.id.to_string(), "properties": {"hs_object_id": ticket.id.to_string(),
        "hs_lastmodifieddate": stamp(ticket.updated_at), "hs_merged_object_ids": merged.join(";")}})
}

fn notes(ticket: &Ticket) -> impl Iterator<Item = (u64, &Comment)> {
    let notes = ticket
        .comments
        .iter()
        .enumerate()
        .filter(|(_, one)| one.by == By::Note);
    notes.map(|(place, one)| (ticket.id * 1_000 + place as u64, one))
}

fn note(id: u64, comment: &Comment) -> Value {
    json!({"id": id.to_string(), "properties": {"hs_note_body": comment.text, "hs_timestamp": stamp(comment.at),
        "hs_lastmodifieddate": stamp(comment.at)}})
}

/// Answers to surveys, as objects of their own.
fn surveys(tickets: &Tickets, asked: &Asked, rest: &str) -> Reply {
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["feedback_submissions", "search"] => {
            let rated = tickets.listed().filter(|ticket| is_there(ticket));
            let rated = rated.filter_map(|ticket| Some((FEEDBACK + ticket.id, ticket.rating?)));
            let rows = rated.map(|(id, rating)| (id, rating.1, feedback(id, rating)));
            search(asked, rows.collect())
        }
        ["feedback_submissions", "batch", "read"] => {
            let answers = inputs(asked).into_iter().filter_map(|id| {
                let rating = tickets.find(id - FEEDBACK)?.rating?;
                Some(feedback(id, rating))
            });
            Reply::Json(json!({"status": "COMPLETE", "results": answers.collect::<Vec<_>>()}))
        }
        ["feedback_submissions"] => paged(Vec::new(), asked, ROWS),
        ["tickets", id, "associations", "feedback_submissions"] => {
            let ticket = tickets.find(id.parse().unwrap());
            let rated = ticket.filter(|ticket| ticket.rating.is_some()).into_iter();
            let rated = rated.map(|ticket| {
                json!({"toObjectId": FEEDBACK + ticket.id, "associationTypes": []})
            });
            paged(rated.collect(), asked, ROWS)
        }
        _ => Reply::Status(404),
    }
}

/// An answer to a survey whose stars are groups elsewhere.
fn feedback(id: u64, (stars, at): (u64, DateTime<Utc>)) -> Value {
    let group = match stars {
        5 => "PROMOTER",
        3 => "PASSIVE",
        _ => "DETRACTOR",
    };
    json!({"id": id.to_string(), "properties": {"hs_survey_type": "CSAT", "hs_value": stars.to_string(),
        "hs_response_group": group, "hs_submission_timestamp": stamp(at), "hs_lastmodifieddate": stamp(at)}})
}

fn inputs(asked: &Asked) -> Vec<u64> {
    let inputs = asked.body["inputs"].as_array().unwrap();
    inputs
        .iter()
        .map(|one| one["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

fn batch(tickets: &Tickets, asked: &Asked) -> Reply {
    let wanted = inputs(asked);
    let owners = wanted.iter().filter_map(|id| tickets.find(id / 1_000));
    let mut all: Vec<(u64, &Comment)> = owners.flat_map(notes).collect();
    all.retain(|(id, _)| wanted.contains(id));
    all.dedup_by_key(|(id, _)| *id);
    Reply::Json(
        json!({"status": "COMPLETE", "results": all.into_iter().map(|(id, one)| note(id, one)).collect::<Vec<_>>()}),
    )
}

fn owners(asked: &Asked) -> Value {
    let pair = |id: u64| {
        let ticket = if id > FEEDBACK { id - FEEDBACK } else { id / 1_000 };
        json!({"from": {"id": id.to_string()}, "to": [{"toObjectId": ticket, "associationTypes": []}]})
    };
    json!({"status": "COMPLETE", "results": inputs(asked).into_iter().map(pair).collect::<Vec<_>>()})
}

/// One thread a ticket, with everything but the notes; what agents write is cut short.
fn threads(tickets: &Tickets, asked: &Asked, rest: &str) -> Reply {
    let last = |ticket: &Ticket| {
        let said = ticket.comments.iter().filter(|one| one.by != By::Note);
        said.map(|one| one.at).max().unwrap()
    };
    let thread = |ticket: &Ticket| {
        json!({"id": (ticket.id + 70_000).to_string(), "status": "OPEN", "latestMessageTimestamp": stamp(last(ticket)),
            "threadAssociations": {"associatedTicketId": ticket.id.to_string()}})
    };
    if rest.is_empty() {
        assert_eq!(asked.get("association"), Some("TICKET"));
        let there = tickets.listed().filter(|ticket| is_there(ticket));
        if let Some(id) = asked.get("associatedTicketId") {
            return paged(
                there
                    .filter(|one| one.id.to_string() == id)
                    .map(thread)
                    .collect(),
                asked,
                ROWS,
            );
        }
        return changed(
            there
                .map(|ticket| (last(ticket), ticket.id, thread(ticket)))
                .collect(),
            asked,
        );
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let id: u64 = parts[0].parse().unwrap();
    let Some(ticket) = tickets.find(id - 70_000).filter(|ticket| is_there(ticket)) else {
        return Reply::Status(404);
    };
    let said: Vec<(usize, &Comment)> = ticket
        .comments
        .iter()
        .enumerate()
        .filter(|(_, one)| one.by != By::Note)
        .collect();
    match parts.as_slice() {
        [_, "messages"] => paged(said.into_iter().map(message).collect(), asked, ROWS),
        [_, "messages", place, "original-content"] => {
            let place: usize = place.parse().unwrap();
            Reply::Json(json!({"text": ticket.comments[place].text, "richText": null}))
        }
        _ => Reply::Status(404),
    }
}

/// Threads behind a time, with an opaque place.
fn changed(mut rows: Vec<(DateTime<Utc>, u64, Value)>, asked: &Asked) -> Reply {
    let since: DateTime<Utc> = asked
        .get("latestMessageTimestampAfter")
        .unwrap()
        .parse()
        .unwrap();
    let after = asked.get("after").map(|after| {
        let (at, id) = after.split_once('|').unwrap();
        (
            at.parse::<DateTime<Utc>>().unwrap(),
            id.parse::<u64>().unwrap(),
        )
    });
    rows.retain(|(at, id, _)| *at > since && after.is_none_or(|after| (*at, *id) > after));
    rows.sort_by_key(|(at, id, _)| (*at, *id));
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let after = rows
        .last()
        .filter(|_| has_more)
        .map(|(at, id, _)| json!({"after": format!("{}|{id}", stamp(*at))}));
    let page: Vec<&Value> = rows.iter().map(|(_, _, row)| row).collect();
    Reply::Json(json!({"results": page, "paging": {"next": after}}))
}

fn message((place, comment): (usize, &Comment)) -> Value {
    let (direction, by) = match comment.by {
        By::Customer => ("INCOMING", "V-301"),
        _ => ("OUTGOING", "A-900"),
    };
    let is_cut = comment.by == By::Agent;
    let text: String = comment
        .text
        .chars()
        .take(if is_cut { 3 } else { usize::MAX })
        .collect();
    json!({"id": place.to_string(), "type": "MESSAGE", "direction": direction, "createdBy": by, "createdAt": stamp(comment.at),
        "text": text, "truncationStatus": if is_cut { "TRUNCATED" } else { "NOT_TRUNCATED" }})
}

fn whole(tickets: &Tickets, ticket: &Ticket) -> Value {
    let mut value = row(tickets, ticket);
    let stage = |status: &str| {
        STAGES
            .iter()
            .find(|(_, label, _)| *label == status)
            .unwrap()
            .0
    };
    let created = (!ticket.is_broken).then(|| stamp(ticket.created_at));
    value["createdAt"] = json!(created);
    value["updatedAt"] = json!(stamp(ticket.updated_at));
    value["url"] = json!(format!(
        "https://app.hubspot.example/contacts/42/record/0-5/{}",
        ticket.id
    ));
    let own = json!({"subject": ticket.subject, "content": ticket.comments[0].text, "createdate": created, "reason": ticket.category,
        "hs_pipeline": "0", "hs_pipeline_stage": stage(ticket.status), "source_type": "EMAIL",
        "closed_date": (ticket.status == "solved").then(|| stamp(ticket.updated_at))});
    value["properties"]
        .as_object_mut()
        .unwrap()
        .extend(own.as_object().unwrap().clone());
    let entry = |second: u32, stage: &str| json!({"value": stage, "timestamp": stamp(ticket.created_at + TimeDelta::seconds(i64::from(second)))});
    let mut history: Vec<Value> = (0..ticket.reopens)
        .flat_map(|reopen| [entry(2 * reopen, "3"), entry(2 * reopen + 1, "2")])
        .collect();
    history.push(entry(2 * ticket.reopens, stage(ticket.status)));
    history.reverse();
    value["propertiesWithHistory"] = json!({ "hs_pipeline_stage": history });
    let named: Vec<Value> = notes(ticket)
        .take(1)
        .map(|(id, _)| json!({"id": id.to_string()}))
        .collect();
    let mut named = json!({ "results": named });
    if notes(ticket).count() > 1 {
        named["paging"] = json!({"next": {"after": "1"}});
    }
    value["associations"] = json!({"notes": named, "companies": {"results": [{"id": "501", "type": "ticket_to_company"}]},
        "contacts": {"results": [{"id": ticket.requester.to_string()}]}});
    value
}

fn stages() -> Vec<Value> {
    let stages = STAGES.iter();
    stages
        .map(|(id, label, is_closed)| json!({"id": id, "label": label, "metadata": {"ticketState": if *is_closed { "CLOSED" } else { "OPEN" }}}))
        .collect()
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
