//! The topics that readers asked for: saved searches, counted window by window beside the topics.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use minijinja::{Value, context};
use serde::Serialize;

use super::error::{ApiFailure, Failure};
use super::pages::{Page, TopicQuery, page, shown};
use super::reader::Reader;
use super::{answers, views};
use crate::answers::{Asked, asked};
use crate::app::App;
use crate::model::{Cadence, ConversationKey};

/// Windows in a course.
const COURSE_WINDOWS: usize = 13;
/// Conversations that a page shows.
const TICKETS_MAX: usize = 500;

/// An asked topic as pages and API show it.
#[derive(Serialize)]
pub struct AskedRow {
    /// The number of the answer that asked for it.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// What is searched for.
    pub query: String,
    /// Who asked.
    pub by: String,
    /// The day on which it was asked for.
    pub since: String,
    /// Conversations in the last closed windows, oldest first.
    pub course: Vec<(String, u64)>,
}

/// One asked topic in one window.
#[derive(Serialize)]
pub struct AskedView {
    /// The topic.
    #[serde(flatten)]
    pub row: AskedRow,
    /// The window that is shown; empty before one was counted.
    pub window: String,
    /// When it was counted.
    pub counted: String,
    /// Conversations in it.
    pub conversations: u64,
    /// Different customers among them.
    pub customers: u64,
    /// Their keys.
    pub keys: Vec<ConversationKey>,
}

/// All asked topics with their course.
pub async fn rows(app: &App, cadence: Cadence) -> anyhow::Result<Vec<AskedRow>> {
    let counts = app.store.asked_counts(cadence).await?;
    let row = |one: Asked| {
        let of = counts.iter().filter(|(asked, ..)| *asked == one.number);
        let all: Vec<_> = of.map(|(_, key, count, _)| (key.clone(), *count)).collect();
        AskedRow {
            since: app.config.calendar.day_of(one.at).to_string(),
            course: all[all.len().saturating_sub(COURSE_WINDOWS)..].to_vec(),
            number: one.number,
            name: one.name,
            query: one.query,
            by: one.by,
        }
    };
    let asked = asked(&app.store.answers().await?);
    Ok(asked.into_iter().map(row).collect())
}

/// Rows for a template, with their course as a picture.
pub fn pictured(rows: Vec<AskedRow>) -> Vec<Value> {
    rows.iter()
        .map(|row| context! { picture => views::course_picture(&row.course, None), ..shown(row) })
        .collect()
}

async fn view(app: &App, number: i64, query: &TopicQuery) -> Result<AskedView, Failure> {
    let cadence = query.cadence();
    let rows = rows(app, cadence).await?;
    let row = rows.into_iter().find(|row| row.number == number);
    let row = row.ok_or(Failure::NotFound("asked topic"))?;
    let newest = row.course.last().map(|(key, _)| key.clone());
    let window = query.window().map(str::to_owned).or(newest);
    let found = match &window {
        Some(window) => app.store.asked_window(number, cadence, window).await?,
        None => None,
    };
    if found.is_none() && query.window().is_some() {
        return Err(Failure::NotFound("counted window"));
    }
    let zone = app.config.calendar.zone;
    Ok(match found {
        Some(found) => AskedView {
            row,
            window: found.window,
            counted: found
                .counted_at
                .with_timezone(&zone)
                .format("%Y-%m-%d %H:%M")
                .to_string(),
            conversations: found.keys.len() as u64,
            customers: found.customers,
            keys: found.keys,
        },
        None => AskedView {
            row,
            window: String::new(),
            counted: String::new(),
            conversations: 0,
            customers: 0,
            keys: Vec::new(),
        },
    })
}

/// `/asked/{number}`: an asked topic's course and its conversations in a window.
pub async fn one(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(number): Path<i64>,
    Query(query): Query<TopicQuery>,
) -> Page {
    let view = view(&app, number, &query).await?;
    let first = &view.keys[..view.keys.len().min(TICKETS_MAX)];
    let stored = app.store.conversations(first).await?;
    let tickets: Vec<_> = stored.iter().map(|one| views::ticket(&app, one)).collect();
    let picture = views::course_picture(&view.row.course, Some(&view.window));
    page(
        "asked.html",
        context! {
            title => &view.row.name, cadence => query.cadence().as_str(), picture,
            tickets => shown(&tickets), view => shown(&view), form => answers::form_context(&app, &reader),
        },
    )
}

/// `GET /api/v1/asked?cadence=weekly`
pub async fn api_rows(
    State(app): State<Arc<App>>,
    Query(query): Query<TopicQuery>,
) -> Result<Json<Vec<AskedRow>>, ApiFailure> {
    Ok(Json(rows(&app, query.cadence()).await?))
}

/// `GET /api/v1/asked/{number}?cadence=weekly&window=2026-W13`
pub async fn api_one(
    State(app): State<Arc<App>>,
    Path(number): Path<i64>,
    Query(query): Query<TopicQuery>,
) -> Result<Json<AskedView>, ApiFailure> {
    Ok(Json(view(&app, number, &query).await?))
}
