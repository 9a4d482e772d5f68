//! The pages: server-rendered, no scripts, nothing from elsewhere.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;

use super::error::{Failure, PageFailure};
use super::reader::Reader;
use super::{answers, asked, feed, sources as progress, templates, views};
use crate::app::App;
use crate::digest::render::{HERE, STYLE, fragment};
use crate::model::{Cadence, ConversationKey, Digest, DigestId, TopicId};
use crate::search::{SearchRequest, SearchResults, Sort};

/// What a page's function gives.
pub type Page = Result<Html<String>, PageFailure>;

/// Fills a template.
pub fn page(name: &str, context: Value) -> Page {
    Ok(Html(templates::page(name, context)?))
}

/// A value for a template.
pub fn shown(value: &impl serde::Serialize) -> Value {
    Value::from(Serde(value))
}

/// Topics on the overview.
const TOPICS_ON_OVERVIEW: usize = 12;

/// The start page: the newest digest of each cadence, the largest topics, the sources.
pub async fn overview(State(app): State<Arc<App>>) -> Page {
    let mut newest = Vec::new();
    for cadence in Cadence::ALL.into_iter().rev() {
        for closed in app.store.closed_windows(cadence, 1).await? {
            let digest = match &closed.digest {
                Some(id) => app.store.digest(id).await?.map(|(digest, _)| digest),
                None => None,
            };
            newest.push(context! {
                cadence => cadence.as_str(), noun => cadence.noun(), window => closed.window,
                conversations => closed.conversations, reason => closed.reason,
                digest => digest.map(|digest| summary(&digest)),
            });
        }
    }
    let mut topics = views::topics(&app, Cadence::Weekly).await?;
    let count = topics.len();
    topics.truncate(TOPICS_ON_OVERVIEW);
    let topics = pictured(topics);
    let sources = progress::of(&app).await?;
    let title = "Overview";
    page(
        "overview.html",
        context! { title, newest, topics, count, sources => shown(&sources) },
    )
}

fn summary(digest: &Digest) -> Value {
    let items: Vec<_> = digest
        .items
        .iter()
        .map(|item| {
            context! {
                topic_id => item.topic_id.as_str(), label => &item.label, conversations => item.conversations,
                customers => item.customers, state => item.change.state.as_str(),
                sentence => &item.suggestion.sentence, kind => item.suggestion.kind.as_str(),
            }
        })
        .collect();
    context! { id => digest.id.as_str(), window => &digest.window, items }
}

/// Topics with their course as a picture.
fn pictured(rows: Vec<views::TopicRow>) -> Vec<Value> {
    let picture = |row: &views::TopicRow| views::course_picture(&row.course, None);
    rows.iter()
        .map(|row| context! { picture => picture(row), ..Value::from(Serde(row)) })
        .collect()
}

/// How a list of topics is cut.
#[derive(Deserialize, Default)]
pub struct TopicQuery {
    #[serde(default)]
    cadence: String,
    #[serde(default)]
    window: String,
}

impl TopicQuery {
    /// The cadence asked for; weekly by default.
    pub fn cadence(&self) -> Cadence {
        Cadence::parse(&self.cadence).unwrap_or(Cadence::Weekly)
    }

    /// The window asked for, if any.
    pub fn window(&self) -> Option<&str> {
        Some(self.window.as_str()).filter(|window| !window.is_empty())
    }
}

/// All topics with their course.
pub async fn topics(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(query): Query<TopicQuery>,
) -> Page {
    let cadence = query.cadence();
    let topics = pictured(views::topics(&app, cadence).await?);
    let asked = asked::pictured(asked::rows(&app, cadence).await?);
    let form = answers::form_context(&app, &reader);
    page(
        "topics.html",
        context! { title => "Topics", cadence => cadence.as_str(), topics, asked, form },
    )
}

/// One topic: its course, its official categories, its conversations.
pub async fn topic(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(id): Path<String>,
    Query(query): Query<TopicQuery>,
) -> Page {
    let cadence = query.cadence();
    let view = views::topic(&app, &id, cadence, query.window()).await?;
    let title = view.row.topic.clone();
    let picture = views::course_picture(&view.row.course, query.window());
    let answers = answers::of_topic(&app, &view.row.topic_id, &reader).await?;
    page(
        "topic.html",
        context! { title, cadence => cadence.as_str(), picture, view => shown(&view), answers },
    )
}

/// All digests, newest first, and the windows that had nothing to say.
pub async fn digests(State(app): State<Arc<App>>) -> Page {
    let mut windows = Vec::new();
    for cadence in Cadence::ALL.into_iter().rev() {
        let closed: Vec<_> = app
            .store
            .closed_windows(cadence, 400)
            .await?
            .into_iter()
            .map(|closed| {
                context! {
                    window => closed.window, conversations => closed.conversations,
                    digest => shown(&closed.digest), reason => closed.reason,
                }
            })
            .collect();
        let teams: Vec<_> = app
            .store
            .team_windows(cadence, 200)
            .await?
            .into_iter()
            .map(|closed| {
                context! {
                    window => closed.window, conversations => closed.conversations, team => closed.team,
                    digest => shown(&closed.digest), reason => closed.reason,
                }
            })
            .collect();
        windows.push(context! { cadence => cadence.as_str(), closed, teams });
    }
    let feeds = feed::addresses(&app.config);
    let has_key = app.config.web.token.is_some();
    page(
        "digests.html",
        context! { title => "Digests", windows, feeds, has_key },
    )
}

/// One digest, at its permanent address.
pub async fn digest(State(app): State<Arc<App>>, reader: Reader, Path(id): Path<String>) -> Page {
    let found = app.store.digest(&DigestId(id)).await?;
    let (digest, hash) = found.ok_or(Failure::NotFound("digest"))?;
    let body = fragment(&digest, HERE.into());
    let title = format!("{} {}", digest.cadence, digest.window);
    let answers = answers::of_digest(&app, &digest, &reader).await?;
    page(
        "digest.html",
        context! { title, body, style => STYLE, hash, answers },
    )
}

/// What the search page is asked.
#[derive(Deserialize, Default)]
pub struct SearchQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    sort: String,
}

/// Hits on one page.
const HITS: usize = 20;

/// Search, with facets to narrow it down.
pub async fn search(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(query): Query<SearchQuery>,
) -> Page {
    let request = SearchRequest {
        limit: HITS,
        offset: query.offset,
        sort: if query.sort == "newest" {
            Sort::Newest
        } else {
            Sort::Relevance
        },
        calendar: app.config.calendar,
        ..SearchRequest::new(query.q.clone())
    };
    let searcher = app.clone();
    let results = tokio::task::spawn_blocking(move || searcher.index.search(&request))
        .await
        .map_err(anyhow::Error::from)??;
    let labels = labels(&app).await?;
    let hits = hits(&app, &results, &labels);
    let facets = facets(&query.q, &results, &labels);
    let next = query.offset.saturating_add(HITS);
    let has_more = (next as u64) < results.total;
    let context = context! {
        title => "Search", q => query.q, hits, facets, total => results.total,
        notes => results.notes, offset => query.offset, next, has_more, sort => query.sort,
        previous => query.offset.saturating_sub(HITS), form => answers::form_context(&app, &reader),
    };
    page("search.html", context)
}

type Labels = std::collections::BTreeMap<String, String>;

async fn labels(app: &App) -> anyhow::Result<Labels> {
    let topics = crate::steps::seen_topics(&app.store).await?;
    Ok(topics
        .into_iter()
        .map(|topic| (topic.id.0, topic.label))
        .collect())
}

fn hits(app: &App, results: &SearchResults, labels: &Labels) -> Vec<Value> {
    let zone = app.config.calendar.zone;
    let hit = |hit: &crate::search::Hit| {
        let opened = hit
            .created_at
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M")
            .to_string();
        let label = hit.topic.as_ref().and_then(|id| labels.get(id.as_str()));
        context! {
            source => hit.key.source.as_str(), id => &hit.key.id, subject => &hit.subject, opened,
            kind => hit.kind.as_str().replace('_', " "), category => &hit.category, topic_id => hit.topic.as_ref().map(TopicId::as_str),
            topic => label, account => &hit.account, pieces => hit.snippet.pieces(),
        }
    };
    results.hits.iter().map(hit).collect()
}

/// Facets with the query that narrows down to each.
fn facets(q: &str, results: &SearchResults, labels: &Labels) -> Vec<Value> {
    let mut facets = Vec::new();
    for facet in &results.facets {
        let field = facet.field;
        let values: Vec<_> = facet
            .values
            .iter()
            .map(|facet| {
                let shown = match field {
                    "kind" => facet.value.replace('_', " "),
                    _ => labels.get(&facet.value).unwrap_or(&facet.value).clone(),
                };
                let narrower = format!("{q} {field}:\"{}\"", facet.value.replace('"', ""));
                context! { value => shown, count => facet.count, q => narrower.trim() }
            })
            .collect();
        if !values.is_empty() {
            facets.push(context! { field, values });
        }
    }
    facets
}

/// Every source with its state.
pub async fn sources(State(app): State<Arc<App>>) -> Page {
    let sources = progress::of(&app).await?;
    page(
        "sources.html",
        context! { title => "Sources", sources => shown(&sources) },
    )
}

/// Up to so many conversations with a topic, a page says unasked why one is where it is; of more it takes seconds.
const WHY_UNASKED_MAX: u64 = 20_000;

/// What a conversation's page is asked.
#[derive(Deserialize, Default)]
pub struct ConversationQuery {
    #[serde(default)]
    why: bool,
}

/// One conversation, clean and redacted as it is stored, and why it is where it is.
pub async fn conversation(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path((source, id)): Path<(String, String)>,
    Query(query): Query<ConversationQuery>,
) -> Page {
    let key = ConversationKey::new(source, id);
    let view = views::conversation(&app, &key).await?;
    let spans = app.store.topic_spans().await?;
    let assigned: u64 = spans.values().map(|span| span.conversations).sum();
    let why = if query.why || assigned <= WHY_UNASKED_MAX {
        Some(views::why(&app, &key).await?)
    } else {
        None
    };
    let title = view.ticket.subject.clone();
    page(
        "conversation.html",
        context! { title, view => shown(&view), why => shown(&why), form => answers::form_context(&app, &reader) },
    )
}

/// The page for addresses that do not exist.
pub async fn not_found() -> Response {
    PageFailure(Failure::NotFound("page")).into_response()
}
