//! Suggestions on a page and in the API: where they stand, and what people decide of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use minijinja::{Value, context};
use serde::Deserialize;

use super::answers;
use super::error::{ApiFailure, Failure, PageFailure};
use super::limit::Writing;
use super::pages::{self, Page, shown};
use super::reader::{self, Reader};
use crate::app::App;
use crate::clock;
use crate::digest::followup;
use crate::digest::render::watched_words;
use crate::model::{Decision, DigestId, SuggestionId, SuggestionState};
use crate::steps::{self, SuggestionRow, Wish};

/// Which suggestions are listed.
#[derive(Deserialize, Default)]
pub struct SuggestionQuery {
    #[serde(default)]
    state: String,
}

async fn rows(app: &App, query: &SuggestionQuery) -> Result<Vec<SuggestionRow>, Failure> {
    let wanted = match query.state.as_str() {
        "" => None,
        text => Some(state(text)?),
    };
    let mut rows = steps::suggestions(&app.store, &app.config.calendar, clock::now()).await?;
    rows.retain(|row| wanted.is_none_or(|wanted| row.state == wanted));
    Ok(rows)
}

fn state(text: &str) -> Result<SuggestionState, Failure> {
    SuggestionState::parse(text).ok_or_else(|| {
        let names = SuggestionState::ALL.map(SuggestionState::as_str);
        Failure::Wrong(format!("state is one of {}", names.join(", ")))
    })
}

/// Where a suggestion stands, and what can become of it, for the forms.
pub fn choices(id: &SuggestionId, state: SuggestionState) -> Value {
    let next = SuggestionState::ALL.into_iter();
    let next: Vec<_> = next
        .filter(|next| followup::decide(state, *next).is_ok())
        .map(|next| context! { state => next.as_str(), words => words(next) })
        .collect();
    context! { id => id.as_str(), state => state.as_str(), next }
}

/// What stands on the button that decides so.
fn words(state: SuggestionState) -> &'static str {
    match state {
        SuggestionState::Open => "Open again",
        SuggestionState::Accepted => "Accept it",
        SuggestionState::Rejected => "Reject it",
        SuggestionState::Done => "It is done",
    }
}

/// The page of all suggestions.
pub async fn page(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(query): Query<SuggestionQuery>,
) -> Page {
    let published = app.store.digest_ids(u32::MAX).await?;
    let published: BTreeSet<DigestId> = published.into_iter().collect();
    let rows: Vec<_> = rows(&app, &query)
        .await?
        .iter()
        .map(|row| {
            let on = row
                .decided
                .as_ref()
                .map(|decided| app.config.calendar.day_of(decided.at).to_string());
            // A team may have been told what the whole company was not.
            let digest = format!("{}-{}", row.said.cadence, row.said.window);
            let digest = published.get(&DigestId(digest)).map(DigestId::as_str);
            context! {
                said => shown(&row.said), digest, on, times => row.times, first_window => &row.first_window,
                by => row.decided.as_ref().map(|decided| decided.by.as_str()),
                note => row.decided.as_ref().map(|decided| decided.note.as_str()),
                watched => row.watched.as_ref().map(watched_words),
                choices => choices(&row.said.suggestion, row.state),
            }
        })
        .collect();
    let states = SuggestionState::ALL.map(SuggestionState::as_str);
    let form = answers::form_context(&app, &reader);
    let context = context! { title => "Suggestions", rows, states, state => query.state, form };
    pages::page("suggestions.html", context)
}

/// The fields of a form that decides.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct DecisionForm {
    form_token: String,
    suggestion: String,
    state: String,
    by: String,
    note: String,
    /// The digest on whose page it stood, if it was one.
    digest: String,
}

/// `POST /suggestions`: decides a suggestion by a form of our pages, and goes back there.
pub async fn take_form(
    State(app): State<Arc<App>>,
    Extension(writing): Extension<Arc<Writing>>,
    headers: HeaderMap,
    Form(form): Form<DecisionForm>,
) -> Result<Response, PageFailure> {
    answers::check_form(&app, &headers, &form.form_token)?;
    let wanted = Wanted {
        state: form.state,
        by: form.by,
        note: form.note,
    };
    if wanted.by.trim().is_empty() {
        return Err(Failure::Wrong("say who decides: by is empty".to_owned()).into());
    }
    let by = wanted.by.clone();
    let decision = take(&app, &writing, form.suggestion, wanted).await?;
    let place = match form.digest.is_empty() {
        true => format!("/suggestions#{}", decision.suggestion),
        false => {
            let page = answers::local(&["digests".to_owned(), form.digest]);
            format!("{page}#answers")
        }
    };
    Ok(reader::go_on(&by, &place))
}

/// `GET /api/v1/suggestions?state=open`
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<SuggestionQuery>,
) -> Result<Json<Vec<SuggestionRow>>, ApiFailure> {
    Ok(Json(rows(&app, &query).await?))
}

/// What `POST /api/v1/suggestions/{id}` takes.
#[derive(Deserialize)]
pub struct Wanted {
    state: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    note: String,
}

/// `POST /api/v1/suggestions/{id}`: decides a suggestion. Only JSON is taken, which no form of another site can send.
pub async fn decide(
    State(app): State<Arc<App>>,
    Extension(writing): Extension<Arc<Writing>>,
    Path(id): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Decision>, ApiFailure> {
    Ok(Json(take(&app, &writing, id, wanted).await?))
}

async fn take(
    app: &App,
    writing: &Writing,
    id: String,
    wanted: Wanted,
) -> Result<Decision, Failure> {
    writing.admit()?;
    let wish = Wish {
        state: state(&wanted.state)?,
        by: wanted.by,
        note: wanted.note,
    };
    let id = SuggestionId(id);
    match steps::decide(&app.store, &app.config, &id, &wish, clock::now()).await? {
        None => Err(Failure::NotFound("suggestion")),
        Some(Err(refusal)) => Err(Failure::Wrong(refusal.to_string())),
        Some(Ok(decision)) => Ok(decision),
    }
}
