//! What differs between vendors: the shapes of their answers over the same tickets. A dialect is pure; the server around
//! it counts requests, checks who asks, and lets them go wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as Incoming, State as Shared};
use axum::http::Response;
use groundswell::connectors::engine::System;
use serde_json::Value;
use url::Url;

use super::State;
use super::server::{Shown, begin, finish, status};
use super::tickets::{Expected, Ticket, Tickets};

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

/// What a vendor's API can show of what happens to tickets.
#[derive(Clone, Copy, Debug)]
pub struct Powers {
    pub deletions: Deletions,
    pub merges: bool,
    pub categories: bool,
    pub reopens: bool,
}

/// One vendor's way of speaking.
pub trait Dialect: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// The system under test, asking at `url` with `SECRET`. Pages as small as it can; `tests` sets the rest.
    fn system(&self, url: &Url) -> Arc<dyn System>;

    fn powers(&self) -> Powers;

    /// The answer to a request; the vendor's refusals, too.
    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply;

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

pub fn router(dialect: Arc<dyn Dialect>, address: String, state: Arc<Mutex<State>>) -> Router {
    Router::new()
        .fallback(answer)
        .with_state((dialect, address, state))
}

type SharedDialect = Shared<(Arc<dyn Dialect>, String, Arc<Mutex<State>>)>;

async fn answer(
    Shared((dialect, address, state)): SharedDialect,
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
        address,
    };
    if !dialect.is_allowed(&asked) {
        return status(401, &[]);
    }
    let refused = state.lock().unwrap().refused.clone();
    if let Some((_, code)) = refused.iter().find(|(path, _)| asked.path.contains(path)) {
        return status(*code, &[]);
    }
    let reply = dialect.answer(&state.lock().unwrap().tickets, &asked);
    let (value, headers) = match reply {
        Reply::Json(value) => (value, Vec::new()),
        Reply::With(value, headers) => (value, headers),
        Reply::Status(code) => return status(code, &[]),
    };
    let page = Shown { value, headers };
    let before = {
        let mut state = state.lock().unwrap();
        state.answered.insert(asked.path, page.clone())
    };
    finish(page, before, fault).await
}
