//! What is common to all dialects on the HTTP side: requests are counted, and answers go wrong as planned. And OAuth for
//! accounts that log in with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Request, State as Shared};
use axum::http::{Response, StatusCode, Uri};
use axum::middleware::map_request_with_state;
use axum::routing::post;
use futures_util::stream;
use serde_json::{Value, json};

use super::{CLIENT_SECRET, Fault, SECRET, State};

type SharedState = Shared<(Arc<Mutex<State>>, Hosts)>;

/// A dialect behind OAuth: the token that was given out last is as good as the secret.
pub fn with_oauth(dialect: Router, hosts: Hosts, state: Arc<Mutex<State>>) -> Router {
    let known = map_request_with_state(Arc::clone(&state), known);
    let tokens = Router::new().route("/oauth/tokens", post(token));
    tokens
        .with_state((state, hosts))
        .merge(dialect.layer(known))
}

async fn known(Shared(state): Shared<Arc<Mutex<State>>>, mut request: Request) -> Request {
    let token = format!("Bearer token-{}", state.lock().unwrap().token);
    if let Some(found) = request.headers_mut().get_mut("authorization")
        && *found == token.as_str()
    {
        *found = format!("Bearer {SECRET}").parse().unwrap();
    }
    request
}

async fn token(
    Shared((state, hosts)): SharedState,
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
    let headers = Vec::new();
    let answer = Shown {
        value: answer,
        headers,
    };
    finish(answer, None, fault, &hosts).await
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

/// An answer with its headers.
#[derive(Clone)]
pub struct Shown {
    pub value: Value,
    pub headers: Vec<(&'static str, String)>,
}

/// The server's own address, and that of a host where nobody must ask. Neither has a slash at its end.
#[derive(Clone)]
pub struct Hosts {
    pub address: String,
    pub elsewhere: String,
}

impl Hosts {
    /// The same answer with every address of ours on the other host.
    fn elsewhere(&self, answer: Shown) -> Shown {
        let moved = |text: String| text.replace(&self.address, &self.elsewhere);
        let headers = answer.headers.into_iter();
        let mut value: Value = moved(answer.value.to_string()).parse().unwrap();
        // Without a host is on ours.
        if let Some(Value::String(next)) = value.get_mut("nextRecordsUrl") {
            next.insert_str(0, &self.elsewhere);
        }
        Shown {
            value,
            headers: headers.map(|(name, text)| (name, moved(text))).collect(),
        }
    }
}

/// A host where nobody must ask: it counts who does.
pub fn elsewhere(state: Arc<Mutex<State>>) -> Router {
    let count = move || async move {
        state.lock().unwrap().strangers += 1;
        "{}"
    };
    Router::new().fallback(count)
}

/// The answer, or what a fault makes of it.
pub async fn finish(
    answer: Shown,
    before: Option<Shown>,
    fault: Option<Fault>,
    hosts: &Hosts,
) -> Response<Body> {
    let text = answer.value.to_string();
    match fault {
        None => ok(answer),
        Some(Fault::Status(code)) => status(code, &[]),
        Some(Fault::RateLimit(Some(seconds))) => {
            status(429, &[("retry-after", seconds.to_string())])
        }
        Some(Fault::RateLimit(None)) => status(429, &[]),
        Some(Fault::Cut) => {
            let start = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            text_of(Body::from_stream(stream::iter([Ok(start), Err(cut)])))
        }
        Some(Fault::Truncate) => text_of(Body::from(text[..text.len() / 2].to_owned())),
        Some(Fault::Garbage) => text_of(Body::from("<html>Anna's private page</html>")),
        Some(Fault::Repeat) => ok(before.unwrap_or(answer)),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            ok(answer)
        }
        Some(Fault::Redirect) => status(302, &[("location", format!("{}/", hosts.elsewhere))]),
        Some(Fault::Elsewhere) => ok(hosts.elsewhere(answer)),
    }
}

fn ok(answer: Shown) -> Response<Body> {
    let mut response = text_of(Body::from(answer.value.to_string()));
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn text_of(body: Body) -> Response<Body> {
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
