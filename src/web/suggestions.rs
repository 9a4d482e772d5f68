//! Suggestions on a page and in the API: where they stand, and what people decide of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::error::{ApiFailure, Failure, PageFailure};
use super::templates;
use crate::app::App;
use crate::clock;
use crate::digest::render::watched_words;
use crate::model::{Decision, SuggestionId, SuggestionState};
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

/// The page of all suggestions.
pub async fn page(
    State(app): State<Arc<App>>,
    Query(query): Query<SuggestionQuery>,
) -> Result<Html<String>, PageFailure> {
    let rows: Vec<_> = rows(&app, &query)
        .await?
        .iter()
        .map(|row| {
            let on = row
                .decided
                .as_ref()
                .map(|decided| app.config.calendar.day_of(decided.at).to_string());
            context! {
                said => minijinja::Value::from(Serde(&row.said)),
                first_window => &row.first_window, times => row.times, state => row.state.as_str(), on,
                by => row.decided.as_ref().map(|decided| decided.by.as_str()),
                note => row.decided.as_ref().map(|decided| decided.note.as_str()),
                watched => row.watched.as_ref().map(watched_words),
            }
        })
        .collect();
    let states = SuggestionState::ALL.map(SuggestionState::as_str);
    let context = context! { title => "Suggestions", rows, states, state => query.state };
    Ok(Html(templates::page("suggestions.html", context)?))
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
    Path(id): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Decision>, ApiFailure> {
    let wish = Wish {
        state: state(&wanted.state)?,
        by: wanted.by,
        note: wanted.note,
    };
    let id = SuggestionId(id);
    match steps::decide(&app.store, &app.config, &id, &wish, clock::now()).await? {
        None => Err(Failure::NotFound("suggestion").into()),
        Some(Err(refusal)) => Err(Failure::Wrong(refusal.to_string()).into()),
        Some(Ok(decision)) => Ok(Json(decision)),
    }
}
