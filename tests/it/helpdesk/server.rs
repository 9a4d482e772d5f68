//! The HTTP side, in Zendesk's dialect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Path, Query, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};

use super::{CLIENT_SECRET, Fault, State};

type SharedState = Shared<Arc<Mutex<State>>>;
type Parameters = Query<BTreeMap<String, String>>;

/// Comments come in pages of this size, whatever is asked for, so that paging is tried.
const COMMENTS_PER_PAGE: usize = 2;

pub fn router(state: Arc<Mutex<State>>) -> Router {
    Router::new()
        .route("/oauth/tokens", post(token))
        .route("/api/v2/incremental/tickets/cursor", get(export))
        .route("/api/v2/tickets/{id}", get(one))
        .route("/api/v2/tickets/{id}/comments", get(comments))
        .route("/api/v2/search/count", get(count))
        .with_state(state)
}

async fn token(
    Shared(state): SharedState,
    uri: Uri,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response<Body> {
    let fault = begin(&state, &uri.to_string());
    let is_right = form
        .get("client_secret")
        .is_some_and(|secret| secret == CLIENT_SECRET)
        && form
            .get("grant_type")
            .is_some_and(|kind| kind == "client_credentials");
    let answer = if is_right {
        json!({"access_token": format!("token-{}", state.lock().unwrap().token), "token_type": "bearer"})
    } else {
        return status(400, &[]);
    };
    finish(answer, None, fault).await
}

async fn export(
    Shared(state): SharedState,
    uri: Uri,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response<Body> {
    let fault = begin(&state, &uri.to_string());
    if !is_allowed(&state, &headers) {
        return status(401, &[]);
    }
    let cursor = query.get("cursor");
    let after = match (cursor, query.get("start_time")) {
        (Some(cursor), None) => match parse(cursor) {
            Some(place) => place,
            None => return status(400, &[]),
        },
        (None, Some(start)) => (start.parse().unwrap(), 0),
        _ => return status(400, &[]),
    };
    let count = query
        .get("per_page")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000);
    let page = |after| {
        let state = state.lock().unwrap();
        let (tickets, place, is_end) = state.tickets.export(after, count);
        let after_cursor = if place == after {
            cursor.cloned()
        } else {
            Some(write(place))
        };
        json!({
            "tickets": tickets, "end_of_stream": is_end, "after_cursor": after_cursor,
            "after_url": "https://evil.example/api/v2/incremental/tickets/cursor.json?cursor=x",
            "before_cursor": null, "before_url": null,
            "users": state.tickets.users(), "metric_sets": state.tickets.metric_sets(),
            "organizations": [{"id": 7, "name": "Nord"}], "groups": [],
        })
    };
    // The page before: what was served for the cursor that led here.
    let before =
        json!({"tickets": page((0, 0))["tickets"], "end_of_stream": false, "after_cursor": cursor});
    finish(page(after), cursor.map(|_| before), fault).await
}

/// `type:ticket created>=TIME created<TIME`, as the search reads it.
async fn count(
    Shared(state): SharedState,
    uri: Uri,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response<Body> {
    let fault = begin(&state, &uri.to_string());
    if !is_allowed(&state, &headers) {
        return status(401, &[]);
    }
    let words: Vec<&str> = query["query"].split(' ').collect();
    let ["type:ticket", from, to] = words.as_slice() else {
        return status(422, &[]);
    };
    let (Some((field, from)), Some((other, to))) = (from.split_once(">="), to.split_once('<'))
    else {
        return status(422, &[]);
    };
    assert_eq!(field, other);
    let times = from.parse().unwrap()..to.parse().unwrap();
    let count = state.lock().unwrap().tickets.found(field, &times);
    finish(json!({"count": count}), None, fault).await
}

/// A ticket by itself; for good deleted ones are not found.
async fn one(
    Shared(state): SharedState,
    uri: Uri,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Response<Body> {
    let fault = begin(&state, &uri.to_string());
    if !is_allowed(&state, &headers) {
        return status(401, &[]);
    }
    let answer = {
        let state = state.lock().unwrap();
        let ticket = state.tickets.find(id).filter(|ticket| !ticket.is_scrubbed);
        ticket.map(|ticket| {
            json!({"ticket": ticket.json(), "users": state.tickets.users(), "metric_sets": state.tickets.metric_sets(),
                "organizations": [{"id": 7, "name": "Nord"}], "groups": []})
        })
    };
    match answer {
        Some(answer) => finish(answer, None, fault).await,
        None => status(404, &[]),
    }
}

async fn comments(
    Shared(state): SharedState,
    uri: Uri,
    Path(id): Path<u64>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response<Body> {
    let fault = begin(&state, &uri.to_string());
    if !is_allowed(&state, &headers) {
        return status(401, &[]);
    }
    let after = query
        .get("page[after]")
        .and_then(|after| after.parse().ok())
        .unwrap_or(0);
    let found = state
        .lock()
        .unwrap()
        .tickets
        .comments(id, after, COMMENTS_PER_PAGE);
    let Some((page, has_more)) = found else {
        return status(404, &[]);
    };
    let users = state.lock().unwrap().tickets.users();
    let next = (after + COMMENTS_PER_PAGE).to_string();
    let answer = json!({
        "comments": page, "users": users,
        "meta": {"has_more": has_more, "after_cursor": next},
        "links": {"next": "https://evil.example/next"},
    });
    finish(answer, None, fault).await
}

/// Counts a request and takes its fault.
pub fn begin(state: &Mutex<State>, uri: &str) -> Option<Fault> {
    let mut state = state.lock().unwrap();
    state.requests.push(uri.to_owned());
    let number = state.requests.len() as u64;
    let acts = std::mem::take(&mut state.acts);
    let (now, later): (Vec<_>, Vec<_>) = acts.into_iter().partition(|(at, _)| *at <= number);
    state.acts = later;
    for (_, act) in now {
        act(&mut state.tickets);
    }
    state.faults.take(number)
}

fn is_allowed(state: &Mutex<State>, headers: &HeaderMap) -> bool {
    let expected = format!("Bearer token-{}", state.lock().unwrap().token);
    headers
        .get("authorization")
        .is_some_and(|found| found == expected.as_str())
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

/// The answer, or what a fault makes of it.
pub async fn finish(answer: Value, before: Option<Value>, fault: Option<Fault>) -> Response<Body> {
    let text = answer.to_string();
    match fault {
        None => ok(Body::from(text)),
        Some(Fault::Status(code)) => status(code, &[]),
        Some(Fault::RateLimit(Some(seconds))) => {
            status(429, &[("retry-after", seconds.to_string())])
        }
        Some(Fault::RateLimit(None)) => status(429, &[]),
        Some(Fault::Cut) => {
            let start = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            ok(Body::from_stream(stream::iter([Ok(start), Err(cut)])))
        }
        Some(Fault::Truncate) => ok(Body::from(text[..text.len() / 2].to_owned())),
        Some(Fault::Garbage) => ok(Body::from("<html>Anna's private page</html>")),
        Some(Fault::Repeat) => ok(Body::from(before.map_or(text, |before| before.to_string()))),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            ok(Body::from(text))
        }
        Some(Fault::Redirect) => status(302, &[("location", "https://evil.example/".to_owned())]),
    }
}

fn ok(body: Body) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

pub fn status(code: u16, headers: &[(&str, String)]) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(code).unwrap());
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response
        .body(Body::from(r#"{"error": "Anna's private words"}"#))
        .unwrap()
}
