//! GitHub's way of speaking: pages by the `Link` header, a pull request among the issues, comments of all issues in one
//! list, 410 for what was deleted, and no word of it in any list.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Credentials, System};
use groundswell::connectors::github;
use groundswell::model::Visibility;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Expected, Ticket, Tickets, time};

const REPOSITORY: &str = "example/heater";

/// Comments of an issue come in pages of this size, whatever is asked for.
const COMMENTS: usize = 2;

/// The number of the pull request that stands among the issues.
const PULL_REQUEST: u64 = 9_000;

pub struct GitHub;

impl Dialect for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let settings = super::settings(url, credentials, &github::KIND.usual, 2);
        Arc::new(github::GitHub::new(settings, vec![REPOSITORY.to_owned()]))
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
        asked.is_bearer(SECRET)
    }

    fn id(&self, ticket: &Ticket) -> String {
        format!("{REPOSITORY}#{}", ticket.id)
    }

    fn limit(&self, seconds: u64) -> Limit {
        let reset = Limit::over_in(seconds).timestamp();
        Limit {
            status: 403,
            headers: vec![
                ("x-ratelimit-limit", "5000".to_owned()),
                ("x-ratelimit-remaining", "0".to_owned()),
                ("x-ratelimit-reset", reset.to_string()),
            ],
            body: "{}",
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if let Some(number) = asked.between("/repositories/77/issues/", "") {
            let there = tickets.find(number.parse().unwrap());
            return there.map_or(Reply::Status(404), |ticket| Reply::Json(issue(ticket)));
        }
        let Some(path) = asked.path.strip_prefix("/repos/example/heater/issues") else {
            return match asked.path.as_str() {
                "/repos/example/heater" => Reply::Json(json!({"full_name": REPOSITORY})),
                _ => Reply::Status(404),
            };
        };
        match path.trim_start_matches('/').split_once('/') {
            None if path.is_empty() => issues(tickets, asked),
            None if path == "/comments" => comments(tickets, asked),
            None => match one(tickets, &path[1..]) {
                Some(ticket) if ticket.is_moved => {
                    Reply::Moved(format!("/repositories/77/issues/{}", ticket.id))
                }
                Some(ticket) => Reply::Json(issue(ticket)),
                None => Reply::Status(410),
            },
            Some((number, list)) => match (one(tickets, number), list) {
                (None, _) => Reply::Status(410),
                (Some(ticket), "events") => Reply::Json(events(ticket)),
                (Some(ticket), _) => {
                    let rows = ticket.comments.iter().enumerate().skip(1);
                    let rows = rows.map(|(place, comment)| entry(ticket, place, comment));
                    page(rows.collect(), asked, COMMENTS)
                }
            },
        }
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let is_closed = matches!(usual.status.as_deref(), Some("solved" | "closed"));
        let word = if is_closed { "closed" } else { "open" };
        // Everybody sees everything.
        let messages = usual.messages.into_iter();
        Expected {
            status: usual.status.map(|_| word.to_owned()),
            messages: messages
                .map(|(author, _, text)| (author, Visibility::Public, text))
                .collect(),
            ..usual
        }
    }
}

fn one<'t>(tickets: &'t Tickets, number: &str) -> Option<&'t Ticket> {
    let ticket = tickets.find(number.parse().unwrap());
    ticket.filter(|ticket| ticket.status != "deleted")
}

fn since(asked: &Asked) -> DateTime<Utc> {
    let since = asked.get("since").map(|text| text.parse().unwrap());
    since.unwrap_or(DateTime::UNIX_EPOCH)
}

fn issues(tickets: &Tickets, asked: &Asked) -> Reply {
    let there = |ticket: &&Ticket| ticket.status != "deleted" && !ticket.is_moved;
    let open = |ticket: &&Ticket| !matches!(ticket.status, "solved" | "closed");
    let all = asked.get("state") == Some("all");
    let mut rows: Vec<(DateTime<Utc>, Value)> = tickets
        .listed()
        .filter(there)
        .filter(|ticket| all || open(ticket))
        .map(|ticket| match asked.get("sort") {
            Some("updated") => (ticket.updated_at, issue(ticket)),
            _ => (ticket.created_at, issue(ticket)),
        })
        .collect();
    rows.push((super::super::START.parse().unwrap(), pull_request()));
    let is_ascending = asked.get("direction") == Some("asc");
    assert!(
        is_ascending || asked.get("since").is_none(),
        "the order is newest first"
    );
    sorted(rows, asked)
}

fn comments(tickets: &Tickets, asked: &Asked) -> Reply {
    assert_eq!(asked.get("sort"), Some("updated"));
    let there = tickets.listed();
    let there = there.filter(|ticket| ticket.status != "deleted" && !ticket.is_moved);
    let rows = there.flat_map(|ticket| {
        let comments = ticket.comments.iter().enumerate().skip(1);
        comments.map(|(place, comment)| (comment.at, entry(ticket, place, comment)))
    });
    let mut rows: Vec<_> = rows.collect();
    let at: DateTime<Utc> = super::super::START.parse().unwrap();
    rows.push((
        at,
        json!({
            "id": 1, "issue_url": format!("https://api.github.com/repos/{REPOSITORY}/issues/{PULL_REQUEST}"),
            "html_url": format!("https://github.com/{REPOSITORY}/pull/{PULL_REQUEST}#issuecomment-1"),
            "body": "looks good", "created_at": time(at), "updated_at": time(at),
        }),
    ));
    sorted(rows, asked)
}

fn sorted(mut rows: Vec<(DateTime<Utc>, Value)>, asked: &Asked) -> Reply {
    rows.retain(|(at, _)| *at >= since(asked));
    rows.sort_by_key(|(at, row)| (*at, row["id"].as_u64()));
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    page(rows, asked, asked.number("per_page", 30))
}

fn page(rows: Vec<Value>, asked: &Asked, size: usize) -> Reply {
    let page = asked.number("page", 1);
    let has_more = rows.len() > page * size;
    let rows: Vec<Value> = rows
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .collect();
    if !has_more {
        return Reply::Json(json!(rows));
    }
    let mut pairs = asked.query.clone();
    pairs.insert("page".to_owned(), (page + 1).to_string());
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let place = format!("{}{}", asked.address, asked.path);
    let link = format!("<{place}?page=1>; rel=\"first\", <{place}?{query}>; rel=\"next\"");
    Reply::With(json!(rows), vec![("link", link)])
}

fn issue(ticket: &Ticket) -> Value {
    let repository = if ticket.is_moved { "example/elsewhere" } else { REPOSITORY };
    let is_closed = matches!(ticket.status, "solved" | "closed");
    let reason = match (is_closed, ticket.reopens) {
        (true, _) => Some("completed"),
        (false, 0) => None,
        _ => Some("reopened"),
    };
    json!({
        "id": ticket.id + 70_000, "number": ticket.id, "title": ticket.subject, "body": ticket.comments[0].text,
        "state": if is_closed { "closed" } else { "open" }, "state_reason": reason,
        "repository_url": format!("https://api.github.com/repos/{repository}"),
        "html_url": format!("https://github.com/{REPOSITORY}/issues/{}", ticket.id),
        "comments": ticket.comments.len() - 1, "labels": [], "author_association": "NONE",
        "user": {"login": format!("user{}", ticket.requester), "type": "User"},
        "type": ticket.category.as_ref().map(|name| json!({"id": 1, "name": name})),
        "created_at": if ticket.is_broken { Value::Null } else { Value::from(time(ticket.created_at)) },
        "updated_at": time(ticket.updated_at), "closed_at": is_closed.then(|| time(ticket.updated_at)),
    })
}

fn pull_request() -> Value {
    let at = super::super::START;
    json!({
        "id": 1, "number": PULL_REQUEST, "title": "A change", "state": "open", "comments": 1, "pull_request": {"url": "x"},
        "created_at": at, "updated_at": at,
    })
}

fn entry(ticket: &Ticket, place: usize, comment: &Comment) -> Value {
    let is_customer = comment.by == By::Customer;
    json!({
        "id": ticket.id * 1_000 + place as u64, "body": comment.text,
        "issue_url": format!("https://api.github.com/repos/{REPOSITORY}/issues/{}", ticket.id),
        "html_url": format!("https://github.com/{REPOSITORY}/issues/{}#issuecomment-{place}", ticket.id),
        "user": {"login": "somebody", "type": "User"},
        "author_association": if is_customer { "NONE" } else { "MEMBER" },
        "created_at": time(comment.at), "updated_at": time(comment.at),
    })
}

fn events(ticket: &Ticket) -> Value {
    let reopened = (0..ticket.reopens).map(|number| json!({"id": number, "event": "reopened"}));
    json!(reopened.collect::<Vec<_>>())
}
