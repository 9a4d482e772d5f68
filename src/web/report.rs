//! The official report beside our counts: each number opens its conversations. The same as page and as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::error::{ApiFailure, Failure, PageFailure};
use super::{templates, views};
use crate::app::App;
use crate::model::{Cadence, ConversationKey, Fact, OfficialReport, ReportRow, Window};
use crate::reconcile::{self, Chosen, Comparison, Difference, Official, Reading, Search, causes};
use crate::steps::{Coverage, Gap, no_list};

/// Conversations on one page.
const TICKETS_MAX: usize = 500;
/// Names what we count of a line, beside the causes.
const OURS: &str = "ours";

/// What is asked of a report.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ReportQuery {
    #[serde(default)]
    window: String,
    category: Option<String>,
    cause: Option<String>,
}

/// A report's window beside our counts.
#[derive(Serialize)]
pub struct ReportView {
    report: String,
    cadence: &'static str,
    window: String,
    /// All windows that report and conversations have, oldest first.
    windows: Vec<String>,
    definition: String,
    fit: String,
    warning: Option<String>,
    lines: Vec<LineView>,
    total: LineView,
    /// Under which categories each topic is filed; the counts add up to what we count.
    topics: Vec<TopicView>,
    /// What was asked for: the conversations of a line, or of one of its causes.
    chosen: Option<ListView>,
}

#[derive(Serialize)]
struct LineView {
    category: Option<String>,
    official: i64,
    has_official: bool,
    ours: i64,
    difference: i64,
    causes: Vec<CauseView>,
    /// What the line's conversations are about; the counts add up to `ours`.
    topics: Vec<ShareView>,
}

#[derive(Serialize)]
struct CauseView {
    cause: &'static str,
    phrase: &'static str,
    conversations: i64,
    more: u64,
    fewer: u64,
}

#[derive(Serialize)]
struct TopicView {
    topic_id: Option<String>,
    topic: String,
    conversations: u64,
    categories: Vec<ShareView>,
}

#[derive(Serialize)]
struct ShareView {
    id: Option<String>,
    name: String,
    conversations: u64,
}

#[derive(Serialize)]
struct ListView {
    category: Option<String>,
    cause: String,
    phrase: &'static str,
    /// Why there are none, where the cause has none by its nature.
    no_list: Option<&'static str>,
    /// What is known to be missing, where a source is incomplete.
    gaps: Vec<GapView>,
    /// Every one, with +1 where only the report counts it, -1 where only we do, 0 where we count it.
    conversations: Vec<(ConversationKey, i8)>,
    tickets: Vec<views::Ticket>,
}

#[derive(Serialize)]
struct GapView {
    sentence: String,
    #[serde(flatten)]
    gap: Gap,
}

/// `GET /report/{cadence}?window=…&category=…&cause=…`
pub async fn page(
    State(app): State<Arc<App>>,
    Path(cadence): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Html<String>, PageFailure> {
    let view = view(&app, &cadence, query).await?;
    let title = format!("{}: {}", view.report, view.window);
    let view = minijinja::Value::from(Serde(&view));
    Ok(Html(templates::page(
        "report.html",
        context! { title, view, total_line => ReportRow::TOTAL },
    )?))
}

/// `GET /report`: the newest window of each report.
pub async fn overview(State(app): State<Arc<App>>) -> Result<Html<String>, PageFailure> {
    let mut reports = Vec::new();
    for cadence in Cadence::ALL.into_iter().rev() {
        match view(&app, cadence.as_str(), ReportQuery::default()).await {
            Ok(view) => reports.push(minijinja::Value::from(Serde(&view))),
            Err(Failure::NotFound(_)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    let title = "Official report";
    Ok(Html(templates::page(
        "reports.html",
        context! { title, reports },
    )?))
}

/// `GET /api/v1/report/{cadence}?window=…&category=…&cause=…`
pub async fn api(
    State(app): State<Arc<App>>,
    Path(cadence): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<ReportView>, ApiFailure> {
    Ok(Json(view(&app, &cadence, query).await?))
}

async fn view(app: &Arc<App>, cadence: &str, query: ReportQuery) -> Result<ReportView, Failure> {
    let cadence = Cadence::parse(cadence).ok_or(Failure::NotFound("cadence"))?;
    let report = app.store.reports(cadence).await?.into_iter().next();
    let report = report.ok_or(Failure::NotFound("report"))?;
    let reading = app.store.reading(&report, &app.config.report_zones).await?;
    let facts = app.store.all_facts().await?;
    let topics = crate::steps::seen_topics(&app.store).await?;
    let labels: BTreeMap<String, String> = topics
        .into_iter()
        .map(|topic| (topic.id.0, topic.label))
        .collect();
    let coverage = Coverage::load(&app.store, &app.config).await?;
    let (shared, asked, known) = (app.clone(), query.clone(), coverage.clone());
    let laid = tokio::task::spawn_blocking(move || {
        let of = (&report, &reading, &known);
        Laid::of(&shared, of, &facts, &labels, &asked)
    });
    let (mut view, window, keys) = laid.await.map_err(anyhow::Error::from)??;
    if let Some(list) = &mut view.chosen
        && list.cause == causes::SOURCE_INCOMPLETE
    {
        let gaps = coverage.gaps(&app.store, &window).await?.into_iter();
        let sentence = |gap: &Gap| gap.sentence(app.config.calendar.zone);
        list.gaps = gaps
            .map(|gap| GapView {
                sentence: sentence(&gap),
                gap,
            })
            .collect();
    }
    if let (Some(list), Some(keys)) = (&mut view.chosen, keys) {
        let first: Vec<ConversationKey> = keys
            .iter()
            .take(TICKETS_MAX)
            .map(|(key, _)| key.clone())
            .collect();
        let stored = app.store.conversations(&first).await?;
        list.tickets = stored
            .iter()
            .map(|stored| views::ticket(app, stored))
            .collect();
        list.conversations = keys;
    }
    Ok(view)
}

type Keys = Vec<(ConversationKey, i8)>;

/// A report laid beside our counts.
struct Laid<'a> {
    facts: &'a [Fact],
    labels: &'a BTreeMap<String, String>,
    window: Window,
    comparison: Comparison,
    rows: Vec<reconcile::Row>,
    is_one_line: bool,
}

impl<'a> Laid<'a> {
    fn of(
        app: &App,
        (report, reading, coverage): (&OfficialReport, &Reading, &Coverage),
        facts: &'a [Fact],
        labels: &'a BTreeMap<String, String>,
        query: &ReportQuery,
    ) -> Result<(ReportView, Window, Option<Keys>), Failure> {
        let calendar = &app.config.calendar;
        let search = Search {
            report,
            calendar,
            reading,
            covered: reconcile::covered(facts, calendar, report.cadence),
        };
        let chosen =
            reconcile::choose(facts, &search).ok_or(Failure::NotFound("window of the report"))?;
        let newest = chosen.found.windows.last().cloned().unwrap_or_default();
        let key = if query.window.is_empty() {
            &newest
        } else {
            &query.window
        };
        let window = calendar.parse(report.cadence, key);
        let window = window.ok_or(Failure::NotFound("window of the report"))?;
        let lines = report.of_window(&window.key);
        let official = Official {
            rows: &lines,
            definition: &chosen.fit().definition,
            made_at: reading.imported_at.get(&window.key).copied(),
        };
        let laid = Laid {
            facts,
            labels,
            comparison: reconcile::compare(
                facts,
                &official,
                &window,
                calendar,
                coverage.is_incomplete(&window),
            ),
            rows: reconcile::table(facts, &window),
            is_one_line: lines.iter().all(ReportRow::is_total),
            window,
        };
        let keys = query
            .cause
            .as_ref()
            .map(|cause| laid.keys(query.category.as_deref(), cause));
        let view = laid.view(report, &chosen, query);
        Ok((view, laid.window, keys))
    }

    fn view(&self, report: &OfficialReport, chosen: &Chosen, query: &ReportQuery) -> ReportView {
        let list = |cause: &String| ListView {
            category: query.category.clone(),
            phrase: if cause == OURS {
                "what we count"
            } else {
                known_phrase(cause)
            },
            cause: cause.clone(),
            no_list: no_list(cause),
            gaps: Vec::new(),
            conversations: Vec::new(),
            tickets: Vec::new(),
        };
        ReportView {
            report: report.name.clone(),
            cadence: report.cadence.as_str(),
            window: self.window.key.clone(),
            windows: chosen.found.windows.clone(),
            definition: chosen.fit().description.clone(),
            fit: chosen.sentence(),
            warning: chosen.warning(),
            lines: self
                .comparison
                .lines
                .iter()
                .map(|line| self.line(line))
                .collect(),
            total: self.line(&self.comparison.total()),
            topics: self.topics(),
            chosen: query.cause.as_ref().map(list),
        }
    }

    fn is_in(&self, line: Option<&str>, category: Option<&str>) -> bool {
        let is_all = line == Some(ReportRow::TOTAL);
        is_all || self.is_one_line || reconcile::is_same_line(line, category)
    }

    fn line(&self, line: &Difference) -> LineView {
        let category = line.category.as_deref();
        let mut topics: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for row in self
            .rows
            .iter()
            .filter(|row| self.is_in(category, row.category.as_deref()))
        {
            let id = row.topic.as_ref().map(|id| id.0.clone());
            *topics.entry(id).or_default() += row.conversations;
        }
        LineView {
            category: line.category.clone(),
            official: line.official,
            has_official: line.has_official,
            ours: line.ours,
            difference: line.official.saturating_sub(line.ours),
            causes: line
                .parts
                .iter()
                .map(|part| CauseView {
                    cause: part.cause,
                    phrase: known_phrase(part.cause),
                    conversations: part.net(),
                    more: part.more,
                    fewer: part.fewer,
                })
                .collect(),
            topics: shares(topics, |id| self.label(id)),
        }
    }

    fn label(&self, id: Option<&String>) -> String {
        id.map_or_else(
            || "no topic".to_owned(),
            |id| self.labels.get(id).unwrap_or(id).clone(),
        )
    }

    fn topics(&self) -> Vec<TopicView> {
        let mut topics: BTreeMap<Option<String>, BTreeMap<Option<String>, u64>> = BTreeMap::new();
        for row in &self.rows {
            let id = row.topic.as_ref().map(|id| id.0.clone());
            let categories = topics.entry(id).or_default();
            *categories.entry(row.category.clone()).or_default() += row.conversations;
        }
        let mut views: Vec<TopicView> = topics
            .into_iter()
            .map(|(id, categories)| TopicView {
                topic: self.label(id.as_ref()),
                topic_id: id,
                conversations: categories.values().sum(),
                categories: shares(categories, |name| {
                    name.cloned().unwrap_or_else(|| "no category".to_owned())
                }),
            })
            .collect();
        views.sort_by(|a, b| (b.conversations, &a.topic).cmp(&(a.conversations, &b.topic)));
        views
    }

    fn keys(&self, category: Option<&str>, cause: &str) -> Keys {
        if cause != OURS {
            let units = self.comparison.listed(category, Some(cause));
            return units.map(|unit| (unit.key.clone(), unit.sign)).collect();
        }
        let is_ours = |fact: &&Fact| {
            self.window.contains(fact.created_at)
                && !matches!(fact.state, crate::model::State::Excluded(_))
                && self.is_in(category, fact.category.as_deref())
        };
        let ours = self.facts.iter().filter(is_ours);
        ours.map(|fact| (fact.key.clone(), 0)).collect()
    }
}

fn known_phrase(cause: &str) -> &'static str {
    let known = causes::ALL.into_iter().find(|name| *name == cause);
    known.map_or("unknown", causes::phrase)
}

fn shares(
    counts: BTreeMap<Option<String>, u64>,
    name: impl Fn(Option<&String>) -> String,
) -> Vec<ShareView> {
    let mut shares: Vec<ShareView> = counts
        .into_iter()
        .map(|(id, conversations)| ShareView {
            name: name(id.as_ref()),
            id,
            conversations,
        })
        .collect();
    shares.sort_by(|a, b| (b.conversations, &a.name).cmp(&(a.conversations, &b.name)));
    shares
}
