//! Jira's way of speaking: a search by JQL with an opaque place, comments and history in pages of their own, documents for
//! texts, no word of deletions, the address of a next page on another host.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::jira;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Ticket, Tickets};

/// Rows of a page, whatever is asked for.
const ROWS: usize = 2;

const EMAIL: &str = "robot@example.org";

pub struct Jira;

impl Dialect for Jira {
    fn name(&self) -> &'static str {
        "jira"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::basic(EMAIL, SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &jira::KIND.usual, 2);
        settings.category = Some(FieldPath::new("customfield_10010.requestType"));
        Arc::new(jira::Jira::new(settings, vec!["HELP".to_owned()]))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            categories: true,
            reopens: true,
            moves: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_basic(&format!("{EMAIL}:{SECRET}"))
    }

    fn limit(&self, seconds: u64) -> Limit {
        let mut limit = Limit::told("retry-after", seconds);
        let reset = Limit::over_in(seconds).format("%Y-%m-%dT%H:%MZ");
        let own = [
            ("x-ratelimit-reset", reset.to_string()),
            ("ratelimit-reason", "jira-burst-based".to_owned()),
        ];
        limit.headers.extend(own);
        limit
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path == "/rest/api/3/search/jql" {
            return search(tickets, asked);
        }
        if asked.path.starts_with("/rest/servicedeskapi/") {
            return Reply::Status(404);
        }
        let found = |end: &str| {
            let id: u64 = asked.between("/rest/api/3/issue/", end)?.parse().ok()?;
            tickets.find(id).filter(|ticket| ticket.status != "deleted")
        };
        if let Some(ticket) = found("/comment") {
            return comments(ticket, asked);
        }
        if let Some(ticket) = found("/changelog") {
            return changelog(ticket, asked);
        }
        found("").map_or(Reply::Status(404), |ticket| Reply::Json(issue(ticket)))
    }
}

fn search(tickets: &Tickets, asked: &Asked) -> Reply {
    let jql = asked.body["jql"].as_str().unwrap();
    let Some(rest) = jql.strip_prefix("project in (\"HELP\")") else {
        return Reply::Status(400);
    };
    let since = rest.strip_prefix(" AND updated >= ").map(|rest| {
        let (since, order) = rest.split_once(' ').unwrap();
        assert_eq!(order, "ORDER BY updated ASC, id ASC");
        since
            .parse::<i64>()
            .expect("milliseconds, or the time zone of the account counts")
    });
    let order = |ticket: &Ticket| {
        (
            since.map_or(0, |_| ticket.updated_at.timestamp_millis()),
            ticket.id,
        )
    };
    let after = asked.body.get("nextPageToken").map(|token| {
        let (at, id) = token.as_str().unwrap().split_once('|').unwrap();
        (at.parse().unwrap(), id.parse().unwrap())
    });
    let rows = tickets.listed().filter(|ticket| ticket.status != "deleted" && !ticket.is_moved);
    let rows = rows
        .filter(|ticket| since.is_none_or(|since| ticket.updated_at.timestamp_millis() >= since));
    let mut rows: Vec<&Ticket> = rows
        .filter(|ticket| after.is_none_or(|after| order(ticket) > after))
        .collect();
    rows.sort_by_key(|ticket| order(ticket));
    let is_last = rows.len() <= ROWS;
    rows.truncate(ROWS);
    let token = rows.last().filter(|_| !is_last).map(|last| {
        let (at, id) = order(last);
        format!("{at}|{id}")
    });
    // Only fields that are named come back.
    let named = asked.body["fields"].as_array().unwrap();
    let shown = |ticket: &Ticket| {
        let mut shown = issue(ticket);
        let fields = shown["fields"].as_object_mut().unwrap();
        fields.retain(|name, _| named.iter().any(|one| one == "*all" || one == name));
        shown
    };
    let rows: Vec<Value> = rows.into_iter().map(shown).collect();
    Reply::Json(json!({"issues": rows, "isLast": is_last, "nextPageToken": token}))
}

fn comments(ticket: &Ticket, asked: &Asked) -> Reply {
    let (start, all) = (asked.number("startAt", 0), &ticket.comments[1..]);
    let page = all.iter().enumerate().skip(start).take(ROWS);
    let page: Vec<Value> = page
        .map(|(place, one)| comment(ticket, place, one))
        .collect();
    Reply::Json(json!({"startAt": start, "maxResults": ROWS, "total": all.len(), "comments": page}))
}

fn comment(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let author = match comment.by {
        By::Customer => {
            json!({"accountId": format!("qm:{}", ticket.requester), "accountType": "customer"})
        }
        _ => json!({"accountId": "900", "accountType": "atlassian"}),
    };
    json!({
        "id": (ticket.id * 1_000 + place as u64).to_string(), "author": author, "created": stamp(comment.at),
        "body": document(&comment.text),
        "properties": [{"key": "sd.public.comment", "value": {"internal": comment.by == By::Note}}],
    })
}

/// One entry a page, so that paging is tried.
fn changelog(ticket: &Ticket, asked: &Asked) -> Reply {
    let change = |place: u32, from: Option<&str>, to: Option<&str>| {
        json!({"id": place.to_string(), "created": stamp(ticket.created_at + TimeDelta::seconds(i64::from(place))),
            "items": [{"field": "resolution", "fieldId": "resolution", "from": from, "to": to, "toString": to}]})
    };
    let mut all = Vec::new();
    for reopen in 0..ticket.reopens {
        all.push(change(2 * reopen, None, Some("10000")));
        all.push(change(2 * reopen + 1, Some("10000"), None));
    }
    let start = asked.number("startAt", 0);
    let is_last = start + 1 >= all.len();
    let next = (!is_last).then(|| {
        format!(
            "{}{}?startAt={}&maxResults=1",
            asked.elsewhere,
            asked.path,
            start + 1
        )
    });
    let page: Vec<&Value> = all.iter().skip(start).take(1).collect();
    Reply::Json(
        json!({"startAt": start, "maxResults": 1, "total": all.len(), "isLast": is_last, "nextPage": next, "values": page}),
    )
}

fn issue(ticket: &Ticket) -> Value {
    let is_done = ticket.status == "solved";
    let project = if ticket.is_moved { "OPS" } else { "HELP" };
    let resolved = is_done.then(|| stamp(ticket.updated_at));
    json!({
        "id": ticket.id.to_string(), "key": format!("{project}-{}", ticket.id),
        "fields": {
            "summary": ticket.subject, "description": document(&ticket.comments[0].text), "labels": ticket.tags,
            "created": if ticket.is_broken { Value::Null } else { Value::from(stamp(ticket.created_at)) },
            "updated": stamp(ticket.updated_at), "resolutiondate": resolved,
            "status": {"name": ticket.status, "statusCategory": {"key": if is_done { "done" } else { "indeterminate" }}},
            "project": {"key": project}, "priority": {"name": "Medium"}, "issuetype": {"name": "Service request"},
            "reporter": {"accountId": format!("qm:{}", ticket.requester), "accountType": "customer", "displayName": "Anna"},
            "customfield_10010": ticket.category.as_ref().map(|name| json!({"requestType": {"id": "7", "name": name}})),
        },
    })
}

fn document(text: &str) -> Value {
    json!({"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]})
}

/// In the zone of whoever asks.
fn stamp(at: DateTime<Utc>) -> String {
    let zone = chrono::FixedOffset::east_opt(3_600).unwrap();
    at.with_timezone(&zone)
        .format("%Y-%m-%dT%H:%M:%S%.3f%z")
        .to_string()
}
