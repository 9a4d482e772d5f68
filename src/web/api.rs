//! The JSON API: the same content as the pages and the files.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{ApiFailure, Failure};
use super::pages::TopicQuery;
use super::{sources as progress, views};
use crate::app::App;
use crate::export::Results;
use crate::model::{Cadence, ConversationKey, DigestId, Kind, SourceId, TopicId};
use crate::search::{Filters, SearchRequest, SearchResults, Sort};
use crate::steps::Why;

type Answer<T> = Result<Json<T>, ApiFailure>;

/// What `GET /api/v1/search` takes.
#[derive(Deserialize)]
pub struct SearchQuery {
    #[serde(default)]
    text: String,
    source: Option<String>,
    category: Option<String>,
    topic: Option<String>,
    account: Option<String>,
    kind: Option<String>,
    product: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
    #[serde(default)]
    sort: String,
}

impl SearchQuery {
    fn request(self, app: &App) -> Result<SearchRequest, Failure> {
        let kind = self.kind.map(|kind| {
            let wrong = || Failure::Wrong("kind is ticket or call_note".to_owned());
            Kind::parse(&kind).ok_or_else(wrong)
        });
        let mut request = SearchRequest::new(self.text);
        request.filters = Filters {
            from: self.from,
            to: self.to,
            source: self.source.map(SourceId),
            category: self.category,
            topic: self.topic.map(TopicId),
            account: self.account,
            kind: kind.transpose()?,
            product: self.product,
        };
        request.offset = self.offset;
        request.limit = self.limit.unwrap_or(request.limit);
        request.sort = if self.sort == "newest" {
            Sort::Newest
        } else {
            Sort::Relevance
        };
        request.calendar = app.config.calendar;
        Ok(request)
    }
}

/// `GET /api/v1/search?text=…&from=…&to=…&category=…&topic=…&limit=…`
pub async fn search(
    State(app): State<Arc<App>>,
    Query(query): Query<SearchQuery>,
) -> Answer<SearchResults> {
    let request = query.request(&app)?;
    let results = tokio::task::spawn_blocking(move || app.index.search(&request))
        .await
        .map_err(anyhow::Error::from)?;
    Ok(Json(results?))
}

/// `GET /api/v1/topics?cadence=weekly`
pub async fn topics(
    State(app): State<Arc<App>>,
    Query(query): Query<TopicQuery>,
) -> Answer<Vec<views::TopicRow>> {
    Ok(Json(views::topics(&app, query.cadence()).await?))
}

/// `GET /api/v1/topics/{id}?cadence=weekly&window=2026-W13`
pub async fn topic(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<TopicQuery>,
) -> Answer<views::TopicView> {
    Ok(Json(
        views::topic(&app, &id, query.cadence(), query.window()).await?,
    ))
}

/// `GET /api/v1/why/{source}/{id}`: why a conversation is where it is.
pub async fn why(
    State(app): State<Arc<App>>,
    Path((source, id)): Path<(String, String)>,
) -> Answer<Why> {
    let key = ConversationKey::new(source, id);
    Ok(Json(views::why(&app, &key).await?))
}

/// `GET /api/v1/windows/{cadence}`: closed windows with their frozen counts, newest first.
pub async fn windows(
    State(app): State<Arc<App>>,
    Path(cadence): Path<String>,
) -> Answer<Vec<Value>> {
    let cadence = Cadence::parse(&cadence).ok_or(Failure::NotFound("cadence"))?;
    let mut rows = Vec::new();
    for closed in app.store.closed_windows(cadence, 60).await? {
        let counts = app.store.window_counts(cadence, &closed.window).await?;
        let counts: Vec<_> = counts
            .into_iter()
            .map(|count| {
                json!({
                    "state": count.state, "topic_id": count.topic,
                    "conversations": count.conversations, "customers": count.customers,
                })
            })
            .collect();
        rows.push(json!({
            "window": closed.window, "closed_at": closed.closed_at,
            "conversations": closed.conversations, "digest": closed.digest,
            "reason": closed.reason, "counts": counts,
        }));
    }
    Ok(Json(rows))
}

/// `GET /api/v1/digests`: ids, newest first.
pub async fn digests(State(app): State<Arc<App>>) -> Answer<Vec<DigestId>> {
    Ok(Json(app.store.digest_ids(1_000).await?))
}

/// `GET /api/v1/digests/{id}`
pub async fn digest(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer<Value> {
    let found = app.store.digest(&DigestId(id)).await?;
    let (digest, hash) = found.ok_or(Failure::NotFound("digest"))?;
    Ok(Json(json!({ "digest": digest, "hash": hash })))
}

/// `GET /api/v1/sources`
pub async fn sources(State(app): State<Arc<App>>) -> Answer<Vec<progress::SourceRow>> {
    Ok(Json(progress::of(&app).await?))
}

/// `GET /api/v1/tables/{name}`: the rows of an export file, such as `topics`, with the same columns.
pub async fn table(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer<Rows> {
    let (facts, topics) = (
        app.store.all_facts().await?,
        crate::steps::seen_topics(&app.store).await?,
    );
    let assignments = app.store.assignments().await?;
    let mut reports = Vec::new();
    for cadence in Cadence::ALL {
        reports.extend(app.store.reports(cadence).await?);
    }
    let readings = app
        .store
        .readings(&reports, &app.config.report_zones)
        .await?;
    let coverage = crate::steps::Coverage::load(&app.store, &app.config).await?;
    let file = format!("{name}.csv");
    let table = tokio::task::spawn_blocking(move || {
        let results = Results {
            facts: &facts,
            topics: &topics,
            assignments: &assignments,
            calendar: &app.config.calendar,
            reports: &reports,
            readings: &readings,
            catch_all: &app.config.digest.catch_all,
            trend: &app.config.trend,
            is_incomplete: &|window| coverage.is_incomplete(window),
        };
        results
            .tables()
            .into_iter()
            .find(|table| table.name == file)
    })
    .await
    .map_err(anyhow::Error::from)?
    .ok_or(Failure::NotFound("table"))?;
    Ok(Json(Rows {
        columns: table.header,
        rows: table.rows,
    }))
}

/// A table as JSON.
#[derive(Serialize)]
pub struct Rows {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Addresses below `/api/v1` that do not exist.
pub async fn not_found() -> Response {
    ApiFailure(Failure::NotFound("endpoint")).into_response()
}
