//! What differs between vendors: the shapes of their answers over the same tickets. A dialect is pure; the server around
//! it counts requests, checks who asks, and lets them go wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as Incoming, State as Shared};
use axum::http::Response;
use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::System;
use serde_json::Value;
use url::Url;

use super::server::{Hosts, Shown, begin, finish, status};
use super::tickets::{Expected, Ticket, Tickets};
use super::{Fault, State};

/// The secret with which every dialect is asked.
pub const SECRET: &str = "s3cret-of-the-account";

/// A request as a dialect sees it.
pub struct Asked {
    pub method: String,
    /// With its slash at the start.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// What was posted; null for a GET or a form.
    pub body: Value,
    pub headers: BTreeMap<String, String>,
    /// The server's own address, without a slash at its end.
    pub address: String,
    /// Another host's, where nobody must ask.
    pub elsewhere: String,
}

impl Asked {
    /// A value of the query.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A whole number of the query.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.get(name)
            .map_or(default, |text| text.parse().expect(name))
    }

    /// Whether it comes with this token.
    pub fn is_bearer(&self, token: &str) -> bool {
        self.headers.get("authorization") == Some(&format!("Bearer {token}"))
    }

    /// Whether it comes with this name and password, with a colon between them.
    pub fn is_basic(&self, pair: &str) -> bool {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        self.headers.get("authorization") == Some(&format!("Basic {pair}"))
    }

    /// The part of the path between a start and an end.
    pub fn between(&self, start: &str, end: &str) -> Option<&str> {
        self.path
            .strip_prefix(start)?
            .strip_suffix(end)
            .filter(|id| !id.is_empty() && !id.contains('/'))
    }
}

/// What a dialect answers.
pub enum Reply {
    Json(Value),
    /// With headers, such as `Link`.
    With(Value, Vec<(&'static str, String)>),
    Status(u16),
    /// The record is at another address of ours.
    Moved(String),
}

/// How a vendor tells of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletions {
    /// In its lists.
    Told,
    /// Not at all: what is gone is missing from the list of everything.
    Silent,
    /// Nothing is ever deleted, such as calls.
    Never,
}

/// How a vendor tells of merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merges {
    Told,
    /// What is gone is missing, and its id leads to the one that stays; of what was never stored nothing is known.
    Missed,
    Never,
}

/// What a vendor's API can show of what happens to tickets.
#[derive(Clone, Copy, Debug)]
pub struct Powers {
    pub deletions: Deletions,
    /// What was deleted may come back.
    pub restores: bool,
    pub merges: Merges,
    pub categories: bool,
    pub reopens: bool,
    /// A ticket may go to a place that is not read, with another address from then on.
    pub moves: bool,
    /// A ticket may be deleted for good, and stays in lists without its words.
    pub scrubs: bool,
    /// The words of one message may be taken away.
    pub redacts: bool,
}

impl Powers {
    pub const NONE: Self = Self {
        deletions: Deletions::Never,
        restores: false,
        merges: Merges::Never,
        categories: false,
        reopens: false,
        moves: false,
        scrubs: false,
        redacts: false,
    };

    /// What most helpdesks show.
    pub const WHOLE: Self = Self {
        deletions: Deletions::Told,
        restores: true,
        merges: Merges::Told,
        categories: true,
        reopens: true,
        ..Self::NONE
    };
}

/// A refusal because too much was asked.
pub struct Limit {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
}

impl Limit {
    /// When it is over, by the clock of the machine.
    pub fn over_in(seconds: u64) -> DateTime<Utc> {
        groundswell::clock::now() + TimeDelta::seconds(i64::try_from(seconds).unwrap())
    }

    pub fn told(header: &'static str, wait: impl ToString) -> Self {
        Self {
            status: 429,
            headers: vec![(header, wait.to_string())],
            body: "{}",
        }
    }
}

/// One vendor's way of speaking.
pub trait Dialect: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// The system under test, asking at `url` with `SECRET`. Pages as small as it can; `tests` sets the rest.
    fn system(&self, url: &Url) -> Arc<dyn System>;

    fn powers(&self) -> Powers;

    /// How it says that nothing may be asked for so many seconds.
    fn limit(&self, seconds: u64) -> Limit {
        Limit::told("retry-after", seconds)
    }

    /// The answer to a request; the vendor's refusals, too.
    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply;

    /// Whether an account may lack the right for a request, and goes without what it tells.
    fn may_lack(&self, _uri: &str) -> bool {
        false
    }

    /// Whether a request carries `SECRET` as the vendor wants it.
    fn is_allowed(&self, asked: &Asked) -> bool;

    /// The id that Groundswell should give a ticket.
    fn id(&self, ticket: &Ticket) -> String {
        ticket.id.to_string()
    }

    /// What Groundswell should hold of a ticket, where that depends on others.
    fn expected_among(&self, _tickets: &Tickets, ticket: &Ticket, usual: Expected) -> Expected {
        self.expected(ticket, usual)
    }

    /// What Groundswell should hold of a ticket, where it is not what the model says.
    fn expected(&self, _ticket: &Ticket, usual: Expected) -> Expected {
        usual
    }
}

pub fn router(dialect: Arc<dyn Dialect>, hosts: Hosts, state: Arc<Mutex<State>>) -> Router {
    Router::new()
        .fallback(answer)
        .with_state((dialect, hosts, state))
}

type SharedDialect = Shared<(Arc<dyn Dialect>, Hosts, Arc<Mutex<State>>)>;

async fn answer(
    Shared((dialect, hosts, state)): SharedDialect,
    incoming: Incoming,
) -> Response<Body> {
    let uri = incoming.uri().clone();
    let (parts, body) = incoming.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let fault = begin(&state, &uri.to_string());
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let headers = parts.headers.iter();
    let asked = Asked {
        method: parts.method.to_string(),
        path: uri.path().to_owned(),
        query: query.into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        address: hosts.address.clone(),
        elsewhere: hosts.elsewhere.clone(),
    };
    if !dialect.is_allowed(&asked) {
        return status(401, &[]);
    }
    let refused = state.lock().unwrap().refused.clone();
    if let Some((_, code)) = refused.iter().find(|(path, _)| asked.path.contains(path)) {
        return status(*code, &[]);
    }
    if let Some(Fault::RateLimit(Some(seconds))) = fault {
        return limited(dialect.limit(seconds));
    }
    let reply = dialect.answer(&state.lock().unwrap().tickets, &asked);
    let (value, headers) = match reply {
        Reply::Json(value) => (value, Vec::new()),
        Reply::With(value, headers) => (value, headers),
        Reply::Status(code) => return status(code, &[]),
        Reply::Moved(path) => {
            let place = format!("{}{path}", hosts.address);
            return status(301, &[("location", place)]);
        }
    };
    let mut page = Shown { value, headers };
    let (shape, before) = {
        let mut state = state.lock().unwrap();
        let before = state.answered.insert(asked.path, page.clone());
        (state.shape, before)
    };
    if let Some(shape) = shape {
        let streams = dialect.system(&hosts.address.parse().unwrap()).streams();
        let lists: Vec<&str> = streams.iter().map(|stream| stream.items).collect();
        shape.give(&mut page.value, &lists);
    }
    finish(page, before, fault, &hosts).await
}

fn limited(limit: Limit) -> Response<Body> {
    let mut response = status(limit.status, &limit.headers);
    *response.body_mut() = Body::from(limit.body);
    response
}
