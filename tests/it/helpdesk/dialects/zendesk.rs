//! Zendesk's way of speaking: an export in the order in which the system touched tickets, without the last minute, with an
//! opaque place; people and reopenings beside the tickets; scrubbed tickets; next addresses on another host; what writers'
//! machines are in each comment; and Talk, whose next address never ends. The eighth ticket is a call without one, and
//! the third one has a call of its own.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, System};
use groundswell::connectors::zendesk::{self, FieldChoice};
use groundswell::model::Exclusion;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets, time};

/// The export leaves out what is younger.
const HIDDEN: TimeDelta = TimeDelta::seconds(60);

/// Comments and calls come in pages of this size, whatever is asked for.
const PER_PAGE: usize = 2;

/// The id of the one agent.
const AGENT: u64 = 900;

/// The ticket that is a call without one.
const CALL: u64 = 8;

/// The ticket that has a call.
const CALLED: u64 = 3;

pub struct Zendesk;

impl Dialect for Zendesk {
    fn name(&self) -> &'static str {
        "zendesk"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let settings = super::settings(url, credentials, &zendesk::KIND.usual, 2);
        let mut account = zendesk::Zendesk::new(settings);
        account.fields.category = FieldChoice::parse("field:360001");
        account.has_talk = true;
        account.has_ratings = true;
        Arc::new(account)
    }

    fn powers(&self) -> Powers {
        Powers {
            scrubs: true,
            ..Powers::WHOLE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_bearer(SECRET)
    }

    fn id(&self, ticket: &Ticket) -> String {
        if ticket.id == CALL {
            format!("call:{CALL}")
        } else {
            ticket.id.to_string()
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        match asked.path.as_str() {
            "/api/v2/incremental/tickets/cursor" => return export(tickets, asked),
            "/api/v2/channels/voice/stats/incremental/calls" => return calls(tickets, asked),
            "/api/v2/guide/survey_responses" => return surveys(tickets, asked),
            "/api/v2/search/count" => return count(tickets, asked),
            _ => {}
        }
        let rest = asked.path.strip_prefix("/api/v2/tickets/").unwrap();
        let (id, list) = rest.split_once('/').unwrap_or((rest, ""));
        let found = tickets.find(id.parse().unwrap());
        let Some(ticket) = found.filter(|ticket| !ticket.is_scrubbed) else {
            return Reply::Status(404);
        };
        if list == "comments" {
            return comments(ticket, asked);
        }
        let mut answer = beside(tickets);
        answer["ticket"] = whole(ticket);
        Reply::Json(answer)
    }

    fn expected(&self, ticket: &Ticket, usual: Expected) -> Expected {
        if ticket.id != CALL {
            return usual;
        }
        // Talk has no words of it.
        Expected {
            exclusion: Some(Exclusion::Empty),
            status: None,
            messages: Vec::new(),
            ..usual
        }
    }
}

/// Where the export has a ticket: what the search shows late was touched late.
fn place(ticket: &Ticket) -> (i64, u64) {
    let touched = ticket.generated.max(ticket.listed_from);
    (touched.timestamp(), ticket.id)
}

fn export(tickets: &Tickets, asked: &Asked) -> Reply {
    let cursor = asked.get("cursor");
    let after = match (cursor, asked.get("start_time")) {
        (Some(cursor), None) => match parse(cursor) {
            Some(after) => after,
            None => return Reply::Status(400),
        },
        (None, Some(start)) => (start.parse().unwrap(), 0),
        _ => return Reply::Status(400),
    };
    let visible = (tickets.now() - HIDDEN).timestamp();
    let mut waiting: Vec<&Ticket> = tickets
        .listed()
        .filter(|ticket| ticket.id != CALL)
        .filter(|ticket| place(ticket).0 <= visible && place(ticket) > after)
        .collect();
    waiting.sort_by_key(|ticket| place(ticket));
    let count = asked.number("per_page", 1_000);
    let is_end = waiting.len() <= count;
    waiting.truncate(count);
    let last = waiting.last().map(|ticket| write(place(ticket)));
    let mut answer = beside(tickets);
    answer["tickets"] = waiting.into_iter().map(whole).collect();
    answer["end_of_stream"] = json!(is_end);
    answer["after_cursor"] = json!(last.or(cursor.map(str::to_owned)));
    answer["after_url"] = json!(format!(
        "{}/api/v2/incremental/tickets/cursor.json?cursor=x",
        asked.elsewhere
    ));
    (answer["before_cursor"], answer["before_url"]) = (Value::Null, Value::Null);
    Reply::Json(answer)
}

/// What comes beside tickets, whatever they are.
fn beside(tickets: &Tickets) -> Value {
    let customers = (100..103).map(|id| json!({"id": id, "role": "end-user", "name": "Anna"}));
    let agent = json!({"id": AGENT, "role": "agent", "name": "Tom"});
    let all = (1..).map_while(|id| tickets.find(id));
    let metric = |ticket: &Ticket| json!({"ticket_id": ticket.id, "reopens": ticket.reopens});
    json!({
        "users": customers.chain([agent]).collect::<Vec<_>>(), "metric_sets": all.map(metric).collect::<Vec<_>>(),
        "organizations": [{"id": 7, "name": "Nord"}], "groups": [],
    })
}

/// Surveys by when they were sent, which is not said; all but the last are answered.
fn surveys(tickets: &Tickets, asked: &Asked) -> Reply {
    let bound = |name: &str| {
        let millis = asked.get(name).map(|text| text.parse().unwrap());
        millis.map(|millis| DateTime::<Utc>::from_timestamp_millis(millis).unwrap())
    };
    let from = bound("filter[created_at_start]").unwrap_or_default();
    let until = bound("filter[created_at_end]").unwrap_or(DateTime::<Utc>::MAX_UTC);
    let there = tickets.listed().filter(|ticket| ticket.status != "deleted");
    let sent = there.filter_map(|ticket| Some((ticket, ticket.rating?)));
    let sent = sent.filter(|(_, (_, at))| (from..=until).contains(at));
    let survey = |id: u64, answers: Value| json!({"id": format!("01J{id}"), "answers": answers,
        "subjects": [{"type": "ticket", "id": id.to_string(), "zrn": format!("zen:ticket:{id}")}]});
    let mut rows: Vec<Value> = sent
        .map(|(ticket, (stars, at))| {
            let category = match stars {
                5 => "good",
                3 => "neutral",
                _ => "bad",
            };
            let answer = json!({"type": "rating_scale", "rating": stars, "rating_category": category,
                "created_at": time(at), "updated_at": time(at)});
            survey(ticket.id, json!([answer]))
        })
        .collect();
    rows.push(survey(4, json!([])));
    let after = asked.number("page[after]", 0);
    let shown: Vec<&Value> = rows.iter().skip(after).take(PER_PAGE).collect();
    Reply::Json(json!({
        "survey_responses": shown,
        "meta": {"has_more": after + PER_PAGE < rows.len(), "after_cursor": (after + PER_PAGE).to_string()},
    }))
}

fn whole(ticket: &Ticket) -> Value {
    let description = if ticket.is_scrubbed {
        "X"
    } else {
        ticket.comments.first().map_or("", |one| one.text.as_str())
    };
    json!({
        "id": ticket.id,
        "url": format!("https://evil.example/api/v2/tickets/{}.json", ticket.id),
        "created_at": if ticket.is_broken { Value::Null } else { json!(time(ticket.created_at)) },
        "updated_at": time(ticket.updated_at), "generated_timestamp": place(ticket).0,
        "subject": ticket.subject, "raw_subject": ticket.subject, "description": description,
        "status": ticket.status, "priority": null, "type": "incident", "tags": ticket.tags,
        "requester_id": ticket.requester, "submitter_id": ticket.requester, "organization_id": 7,
        "via": {"channel": "email", "source": {}}, "satisfaction_rating": {"score": "unoffered"},
        "custom_fields": [{"id": 360_001, "value": ticket.category}],
        "fields": [{"id": 360_001, "value": ticket.category}],
    })
}

fn comments(ticket: &Ticket, asked: &Asked) -> Reply {
    if ticket.status == "deleted" {
        return Reply::Status(404);
    }
    assert!(asked.get("page[size]").is_some(), "pages by number end early");
    let after = asked.number("page[after]", 0);
    let rows = ticket.comments.iter().enumerate();
    let rows: Vec<Value> = rows
        .skip(after)
        .take(PER_PAGE)
        .map(|(place, comment)| said(ticket, place, comment))
        .collect();
    Reply::Json(json!({
        "comments": rows, "users": [{"id": AGENT, "role": "agent", "name": "Tom"}],
        "meta": {"has_more": after + PER_PAGE < ticket.comments.len(), "after_cursor": (after + PER_PAGE).to_string()},
        "links": {"next": format!("{}/next", asked.elsewhere)},
    }))
}

fn said(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let author = if comment.by == By::Customer {
        ticket.requester
    } else {
        AGENT
    };
    json!({
        "id": ticket.id * 1_000 + place as u64, "type": "Comment", "author_id": author, "public": comment.by != By::Note,
        "plain_body": comment.text, "html_body": format!("<p>{}</p>", comment.text), "created_at": time(comment.at),
        "via": {"channel": "email"},
        "metadata": {"system": {"ip_address": "203.0.113.7", "location": "Berlin", "latitude": 52.5}},
    })
}

/// Talk goes by seconds: a page overflows to hold a whole one, the last one comes again, and there is always a next page.
fn calls(tickets: &Tickets, asked: &Asked) -> Reply {
    let start: i64 = asked.get("start_time").unwrap().parse().unwrap();
    let stamp = |ticket: &Ticket| place(ticket).0;
    let is_call = |ticket: &&Ticket| [CALL, CALLED].contains(&ticket.id) && stamp(ticket) >= start;
    let mut rows: Vec<&Ticket> = tickets.listed().filter(is_call).collect();
    rows.sort_by_key(|ticket| stamp(ticket));
    let last = rows.iter().take(PER_PAGE).next_back();
    let last = last.map_or(start, |ticket| stamp(ticket));
    rows.retain(|ticket| stamp(ticket) <= last);
    let call = |ticket: &&Ticket| {
        let is_own = ticket.id == CALL;
        let id = if is_own { CALL } else { 3_000 };
        let stamp = DateTime::<Utc>::from_timestamp(stamp(ticket), 0).unwrap();
        json!({
            "id": id, "ticket_id": if is_own { Value::Null } else { json!(ticket.id) }, "completion_status": "completed",
            "created_at": time(ticket.created_at), "updated_at": time(stamp), "direction": "inbound", "duration": 95,
        })
    };
    let rows: Vec<Value> = rows.iter().map(call).collect();
    let next = format!(
        "{}/api/v2/channels/voice/stats/incremental/calls.json?start_time={last}",
        asked.elsewhere
    );
    Reply::Json(json!({"calls": rows, "count": rows.len(), "next_page": next}))
}

/// `type:ticket created>=TIME created<TIME`, as the search reads it.
fn count(tickets: &Tickets, asked: &Asked) -> Reply {
    let words: Vec<&str> = asked.get("query").unwrap().split(' ').collect();
    let ["type:ticket", from, to] = words.as_slice() else {
        return Reply::Status(422);
    };
    let (Some((field, from)), Some((other, to))) = (from.split_once(">="), to.split_once('<'))
    else {
        return Reply::Status(422);
    };
    assert_eq!(field, other);
    let times = from.parse::<DateTime<Utc>>().unwrap()..to.parse().unwrap();
    let is_found = |ticket: &&Ticket| match field {
        "created" => times.contains(&ticket.created_at),
        _ => ticket.status == "solved" && times.contains(&ticket.updated_at),
    };
    let there = tickets.listed().filter(|ticket| ticket.status != "deleted");
    Reply::Json(json!({"count": there.filter(is_found).count()}))
}

/// Opaque for the client: nobody should read times out of it.
fn write((seconds, id): (i64, u64)) -> String {
    format!("{seconds}.0||{id}|")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn parse(cursor: &str) -> Option<(i64, u64)> {
    let bytes: Option<Vec<u8>> = (0..cursor.len() / 2)
        .map(|place| u8::from_str_radix(cursor.get(place * 2..place * 2 + 2)?, 16).ok())
        .collect();
    let text = String::from_utf8(bytes?).ok()?;
    let (seconds, id) = text.trim_end_matches('|').split_once(".0||")?;
    Some((seconds.parse().ok()?, id.parse().ok()?))
}
