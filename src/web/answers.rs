//! Answers of readers, by form and by API, and the log of them.
//!
//! A form must come from one of our own pages: the browser says so in `Sec-Fetch-Site` or `Origin`, and the form carries a
//! token that a foreign page cannot read. The API takes JSON only: a foreign page cannot send that without asking first,
//! and it is never told yes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use serde::Deserialize;
use url::Url;

use super::error::{ApiFailure, Failure, PageFailure};
use super::limit::Writing;
use super::pages::{Page, page, shown};
use super::reader::{self, Reader};
use super::suggestions;
use crate::answers::{Answer, AnswerKind, AnswerRow, Given, Via, given, taken_back};
use crate::app::App;
use crate::clock;
use crate::digest::followup;
use crate::model::{Digest, DigestId, TopicId};
use crate::steps::{self, Refusal};

/// Answers that the log's page shows, the newest ones.
const ROWS_MAX: usize = 300;

/// What `GET /api/v1/answers` and the log's page can be cut by.
#[derive(Deserialize, Default)]
pub struct AnswerQuery {
    #[serde(default)]
    digest: String,
    #[serde(default)]
    topic: String,
}

/// The log, newest first.
pub async fn rows(app: &App, query: &AnswerQuery) -> anyhow::Result<Vec<AnswerRow>> {
    let log = app.store.answers().await?;
    let undone = taken_back(&log);
    let registry = steps::registry(app).await?;
    let edited = registry.edited();
    let labels: BTreeMap<TopicId, String> = registry
        .seen()
        .into_iter()
        .map(|topic| (topic.id, topic.label))
        .collect();
    let is_wanted = |answer: &&Answer| {
        let said = &answer.said;
        let digest = said.digest.as_ref().map_or("", DigestId::as_str);
        let topic = said.topic.as_ref().map(|topic| edited.resolve(topic));
        (query.digest.is_empty() || query.digest == digest)
            && (query.topic.is_empty() || topic.is_some_and(|topic| topic.as_str() == query.topic))
    };
    let newest = log.iter().rev().filter(is_wanted).take(ROWS_MAX);
    Ok(newest
        .map(|answer| {
            let topic = answer
                .said
                .topic
                .as_ref()
                .map(|topic| edited.resolve(topic));
            let label = topic.and_then(|topic| labels.get(topic)).cloned();
            AnswerRow::of(answer, topic.cloned(), label, &undone)
        })
        .collect())
}

/// Rows for a template, with the time in the configured zone.
pub fn listed(app: &App, rows: &[AnswerRow]) -> Vec<Value> {
    let zone = app.config.calendar.zone;
    let time = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    rows.iter()
        .map(|row| context! { time => time(row.at), ..shown(row) })
        .collect()
}

/// What the forms on a page need.
pub fn form_context(app: &App, reader: &Reader) -> Value {
    let day = clock::now().timestamp().div_euclid(86_400);
    context! {
        form_token => app.link_key.form_token(day), reader => &reader.0, name_max => given::NAME_MAX,
        reason_max => given::REASON_MAX, query_max => given::QUERY_MAX,
    }
}

/// The items of a digest with what was answered to each and where their suggestions stand, for its page.
pub async fn of_digest(app: &App, digest: &Digest, reader: &Reader) -> anyhow::Result<Value> {
    let query = AnswerQuery {
        digest: digest.id.to_string(),
        ..AnswerQuery::default()
    };
    let rows = rows(app, &query).await?;
    let decisions = app.store.decisions().await?;
    let standing = followup::standing(&decisions);
    let items: Vec<Value> = digest
        .items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let of: Vec<AnswerRow> = rows
                .iter()
                .filter(|row| row.topic_id.as_ref() == Some(&item.topic_id))
                .cloned()
                .collect();
            let suggestion = &item.suggestion.id;
            context! {
                number => place + 1, topic_id => item.topic_id.as_str(), label => &item.label, rows => listed(app, &of),
                suggestion => suggestions::choices(suggestion, followup::state(suggestion, &standing)),
            }
        })
        .collect();
    Ok(context! { digest => digest.id.as_str(), items, form => form_context(app, reader) })
}

/// What was answered about a topic, for its page.
pub async fn of_topic(app: &App, topic: &TopicId, reader: &Reader) -> anyhow::Result<Value> {
    let query = AnswerQuery {
        topic: topic.to_string(),
        ..AnswerQuery::default()
    };
    let rows = rows(app, &query).await?;
    Ok(context! { rows => listed(app, &rows), form => form_context(app, reader) })
}

/// The log's page.
pub async fn log(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(query): Query<AnswerQuery>,
) -> Page {
    let rows = rows(&app, &query).await?;
    let rows = listed(&app, &rows);
    page(
        "answers.html",
        context! { title => "Answers", rows, form => form_context(&app, &reader) },
    )
}

/// The fields of a form: those of an answer, and where it stood.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct AnswerForm {
    form_token: String,
    kind: String,
    by: String,
    digest: String,
    topic: String,
    reason: String,
    conversation: String,
    name: String,
    query: String,
    number: String,
}

/// `POST /answers`: takes a form and goes back to the page that it stood on.
pub async fn take_form(
    State(app): State<Arc<App>>,
    Extension(writing): Extension<Arc<Writing>>,
    headers: HeaderMap,
    Form(form): Form<AnswerForm>,
) -> Result<Response, PageFailure> {
    check_form(&app, &headers, &form.form_token)?;
    let given = Given {
        number: form.number.trim().parse().ok(),
        kind: form.kind,
        by: form.by,
        digest: form.digest.clone(),
        topic: form.topic.clone(),
        reason: form.reason,
        conversation: form.conversation,
        name: form.name,
        query: form.query,
    };
    let answer = take(&app, &writing, &given, Via::Page).await?;
    let back = match &answer.said.kind {
        AnswerKind::Ask { .. } => vec!["asked".to_owned(), answer.number.to_string()],
        _ if !form.digest.is_empty() => vec!["digests".to_owned(), form.digest],
        _ if !form.topic.is_empty() => vec!["topics".to_owned(), form.topic],
        _ => vec!["answers".to_owned()],
    };
    Ok(reader::go_on(
        &given.by,
        &format!("{}#answers", local(&back)),
    ))
}

/// Refuses a form that is not from one of our pages.
pub fn check_form(app: &App, headers: &HeaderMap, form_token: &str) -> Result<(), Failure> {
    if is_from_here(headers, app) && is_fresh(form_token, app) {
        return Ok(());
    }
    let sentence = "this form is not from here, or it is older than a day; open the page again and send it from there";
    Err(Failure::Refused(StatusCode::FORBIDDEN, sentence))
}

/// An address on these pages; the parts cannot lead elsewhere.
pub fn local(parts: &[String]) -> String {
    let mut url = Url::parse("http://localhost").expect("a constant address");
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(parts);
    }
    url.path().to_owned()
}

/// Whether a browser sent this from a page of ours. Every browser says so in one of these headers when it sends a form.
fn is_from_here(headers: &HeaderMap, app: &App) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return false;
    };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    let is_host = ["http://", "https://"]
        .iter()
        .any(|scheme| origin.strip_prefix(scheme) == Some(host));
    let public = app.config.web.public_url.as_deref();
    let public = public.and_then(|url| Url::parse(url).ok());
    is_host || public.is_some_and(|url| url.origin().ascii_serialization() == origin)
}

fn is_fresh(form_token: &str, app: &App) -> bool {
    let day = clock::now().timestamp().div_euclid(86_400);
    app.link_key.is_form_token(form_token, day)
}

/// `GET /api/v1/answers?digest=…&topic=…`: the log, newest first.
pub async fn api_rows(
    State(app): State<Arc<App>>,
    Query(query): Query<AnswerQuery>,
) -> Result<Json<Vec<AnswerRow>>, ApiFailure> {
    Ok(Json(rows(&app, &query).await?))
}

/// `POST /api/v1/answers`: takes one answer as JSON.
pub async fn api_take(
    State(app): State<Arc<App>>,
    Extension(writing): Extension<Arc<Writing>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiFailure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").unwrap_or("none");
    if !["none", "same-origin"].contains(&site) {
        let sentence = "this page may not answer here";
        return Err(Failure::Refused(StatusCode::FORBIDDEN, sentence).into());
    }
    let kind = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let sentence = "send the answer as JSON, with Content-Type: application/json";
        return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence).into());
    }
    // What was sent is not repeated: it may hold somebody's words.
    let given: Given = serde_json::from_slice(&body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::Wrong(format!(
            "the body is not an answer as JSON: line {line}, column {column}; the README lists the fields"
        ))
    })?;
    let answer = take(&app, &writing, &given, Via::Api).await?;
    let row = AnswerRow::of(&answer, answer.said.topic.clone(), None, &BTreeSet::new());
    Ok((StatusCode::CREATED, Json(row)).into_response())
}

async fn take(app: &App, writing: &Writing, given: &Given, via: Via) -> Result<Answer, Failure> {
    writing.admit()?;
    let now = clock::now();
    let said = given
        .check(via, app.config.ingest.with_names)
        .map_err(Failure::Wrong)?;
    let taken = steps::answer(&app.store, &app.config, &said, now).await?;
    let answer = taken.map_err(|refusal| match refusal {
        Refusal::NotFound(what) => Failure::NotFound(what),
        Refusal::Wrong(sentence) => Failure::Wrong(sentence),
    })?;
    if matches!(answer.said.kind, AnswerKind::Ask { .. }) {
        // The answer is kept, whatever becomes of this: what is missing is counted with the next window.
        let counted = steps::count_missing(&app.store, &app.index, &app.config, now).await;
        if let Err(error) = counted {
            let reason = format!("{error:#}");
            tracing::warn!(reason, "an asked topic is not counted in the past yet");
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ours_stays_here() {
        let of = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            local(&parts)
        };
        assert_eq!(
            of(&["digests", "weekly-2026-W13"]),
            "/digests/weekly-2026-W13"
        );
        assert_eq!(
            of(&["topics", "//evil.example/?x#y"]),
            "/topics/%2F%2Fevil.example%2F%3Fx%23y"
        );
        assert_eq!(
            of(&["topics", "a\r\nSet-Cookie: b"]),
            "/topics/aSet-Cookie:%20b"
        );
    }
}
