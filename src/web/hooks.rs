//! `POST /hooks/<source>`: a vendor says that something changed. It needs no token, because the vendor cannot have one; it
//! must be signed with the secret that both know. Nothing is read of what it says and nothing of it is kept: a genuine
//! call makes its source due, also after a restart, and only what the pull brings counts. So a replay repeats a hint, and a
//! flood is one pull. A few vendors ask first: whether there is anything (HEAD), or for a word of theirs back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::error::{ApiFailure, Failure};
use super::limit::Limit;
use crate::app::App;
use crate::clock;
use crate::connectors::hook::Call;
use crate::model::SourceId;
use crate::telemetry::HintLabel;

/// The most that a call may hold. Vendors send the whole record with it; it is only hashed.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A vendor waits no longer for the database: some call again after five seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Calls in a minute for one source, and for all together.
const PER_MINUTE_MAX: u32 = 600;
const ALL_PER_MINUTE_MAX: u32 = 3_000;

/// Keeps the number of calls in a minute.
pub struct Calling {
    all: Limit,
    each: BTreeMap<SourceId, Limit>,
}

impl Calling {
    /// For the sources that take calls.
    pub fn new(app: &App) -> Self {
        let sources = app.connectors.iter();
        let with_hook = sources.filter(|(_, connector)| connector.hook().is_some());
        Self {
            all: Limit::new(ALL_PER_MINUTE_MAX),
            each: with_hook
                .map(|(source, _)| (source.clone(), Limit::new(PER_MINUTE_MAX)))
                .collect(),
        }
    }
}

/// Says whether there is anything to call.
pub async fn is_there(
    Extension(calling): Extension<Arc<Calling>>,
    Path(source): Path<String>,
) -> Result<StatusCode, ApiFailure> {
    match calling.each.contains_key(&SourceId(source)) {
        true => Ok(StatusCode::OK),
        false => Err(Failure::NotFound("source that takes calls").into()),
    }
}

/// Takes a call.
pub async fn take(
    State(app): State<Arc<App>>,
    Extension(calling): Extension<Arc<Calling>>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, ApiFailure> {
    let now = clock::now();
    let source = SourceId(source);
    let hook = app
        .connectors
        .get(&source)
        .and_then(|connector| connector.hook());
    let Some((hook, limit)) = hook.zip(calling.each.get(&source)) else {
        return Err(Failure::NotFound("source that takes calls").into());
    };
    if !calling.all.take(now) || !limit.take(now) {
        count(&app, &source, "limited");
        let sentence = "too many calls in a minute; the source is pulled anyway";
        return Err(Failure::Refused(StatusCode::TOO_MANY_REQUESTS, sentence).into());
    }
    let (parts, body) = request.into_parts();
    // Also when the connection breaks half-way; nobody hears the answer then.
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        count(&app, &source, "too_large");
        let sentence = "a call may hold a mebibyte at most";
        return Err(Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, sentence).into());
    };
    let address = address(&app, &parts.uri);
    let call = Call {
        header: |name: &str| header(&parts.headers, name),
        query: parts.uri.query(),
        address: address.as_deref(),
        body: &body,
    };
    if !hook.is_genuine(&call, now) {
        count(&app, &source, "wrong");
        let sentence = if hook.needs_address() {
            "the signature does not fit; check that both sides have the same secret, and that web.public_url is how \
             the vendor reaches this server"
        } else {
            "the signature does not fit; check that both sides have the same secret"
        };
        return Err(Failure::Refused(StatusCode::UNAUTHORIZED, sentence).into());
    }
    count(&app, &source, "genuine");
    if let Some(word) = hook.challenge.and_then(call.header) {
        return Ok(Json(json!({ "challenge": word })).into_response());
    }
    if app.hints.note(&source, now) {
        app.bell.notify_one();
        keep(&app, &source, now).await;
    }
    Ok((StatusCode::ACCEPTED, "noted\n").into_response())
}

/// The address that the vendor called: what a proxy calls instead, and says that it was called as, counts for nothing.
fn address(app: &App, uri: &Uri) -> Option<String> {
    let public = app.config.web.public_url.as_deref()?;
    Some(format!("{public}{}", uri.path_and_query()?))
}

/// A hint that cannot be written is heard all the same, as long as this process lives.
async fn keep(app: &App, source: &SourceId, now: DateTime<Utc>) {
    let written = tokio::time::timeout(PATIENCE, app.store.record_hint(source, now)).await;
    let reason = match written {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "the database is busy".to_owned(),
    };
    tracing::warn!(source.id = %source, reason, "a hint cannot be written");
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn count(app: &App, source: &SourceId, outcome: &'static str) {
    let label = HintLabel {
        source: source.to_string(),
        outcome,
    };
    app.metrics.hints.get_or_create(&label).inc();
}
