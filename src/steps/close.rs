//! Closes a window: counts it, lays it beside the official report, composes its digest, and writes
//! all of it with the deliveries in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::changes::changes;
use crate::counting::{Counts, count_windows};
use crate::digest::{self, Inputs, Outcome, Published};
use crate::model::{Change, DestinationId, Fact, OfficialReport, SourceId, State, TopicId, Window};
use crate::reconcile::{REACH, Reading};
use crate::store::{Closed, ClosedWindow, Closing, Origin, WindowCount};

/// How many earlier windows are looked through for late arrivals.
const REVISED_WINDOWS: u32 = 4;

/// How often a window is counted again because something changed while it was counted. Only pages and commands beside the
/// worker change anything then.
const COUNTED_MAX: u32 = 5;

/// Closes one window. `incomplete` sources are named in its digest; only the newest window of a cadence is sent.
pub async fn close(
    app: &App,
    window: &Window,
    incomplete: &[SourceId],
    is_newest: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    for _ in 0..COUNTED_MAX {
        if count_and_close(app, window, incomplete, is_newest, now).await? != Closed::Outdated {
            return Ok(());
        }
    }
    let (cadence, key) = (window.cadence, &window.key);
    anyhow::bail!(
        "conversations kept changing while the {cadence} window {key} was counted; it is closed later"
    )
}

async fn count_and_close(
    app: &App,
    window: &Window,
    incomplete: &[SourceId],
    is_newest: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<Closed> {
    let config = &app.config;
    // Read before anything is counted: whatever changes from here on makes the closing outdated.
    let as_of = app.store.last_change().await?;
    // Windows from before the first conversation are not windows in which nothing was said.
    let begun = app.store.span().await?.map(|(first, _)| first);
    let begun = begun.map_or(window.start, |first| {
        config.calendar.window(window.cadence, first).start
    });
    let from = counted_from(app, window).max(begun.min(window.start));
    let facts = facts_around(app, from, window.end, as_of).await?;
    let opened_last = window.end - chrono::TimeDelta::microseconds(1);
    let windows = count_windows(&facts, &config.calendar, window.cadence, from, opened_last);
    let registry = super::registry(app).await?;
    let edited = registry.edited();
    let topics = registry.seen();
    let muted: BTreeSet<TopicId> = topics
        .iter()
        .map(|topic| &topic.id)
        .filter(|id| edited.is_muted(id))
        .cloned()
        .collect();
    let changes = changes_of(app, &windows).await?;
    super::asked::catch_up_and_count(app, window, &facts, now).await?;
    let heard = super::heard::heard(app, window, is_newest).await?;
    let reports = app.store.reports(window.cadence).await?;
    let report = newest_with(&reports, &window.key);
    let reading = reading_of(app, report).await?;
    let incomplete: Vec<String> = incomplete.iter().map(ToString::to_string).collect();
    let draft = digest::draft(&Inputs {
        window,
        calendar: &config.calendar,
        facts: &facts,
        topics: &topics,
        muted: &muted,
        changes: &changes,
        report,
        reading: &reading,
        published: &published(app, window).await?,
        incomplete_sources: &incomplete,
        heard: &heard,
        config: &config.digest,
    });
    let stored = app.store.conversations(&draft.keys()).await?;
    let stored = stored
        .into_iter()
        .map(|one| (one.conversation.key.clone(), one))
        .collect();
    let counts = windows
        .last()
        .map(|(_, counts)| counts.clone())
        .unwrap_or_default();
    let outcome = digest::compose(&draft, &stored);
    let recipients = recipients(app, window, is_newest);
    let origin = Origin {
        as_of,
        read: draft.keys(),
    };
    let closing = closing(window, &counts, outcome, recipients, origin, now);
    let reason = closing.closed.reason.clone();
    let closed = app.store.close_window(&closing).await?;
    if closed == Closed::Written {
        let share = counts.unassigned() * 1000 / counts.counted().max(1);
        app.metrics
            .unassigned
            .set(i64::try_from(share).unwrap_or(i64::MAX));
        let key = &window.key;
        let counted = counts.counted();
        tracing::info!(
            window.key = %key, cadence = %window.cadence, conversation.count = counted, reason,
            "closed {} {key}", window.cadence.noun()
        );
    }
    Ok(closed)
}

/// The conversations of a stretch of windows, and those near its edges: a report's own windows may begin and end elsewhere.
async fn facts_around(
    app: &App,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    as_of: i64,
) -> anyhow::Result<Vec<Fact>> {
    let facts = app.store.facts(from - REACH, until + REACH).await?;
    app.store.with_earlier(facts, as_of).await
}

/// What is known of the report beside its numbers.
async fn reading_of(app: &App, report: Option<&OfficialReport>) -> anyhow::Result<Reading> {
    match report {
        Some(report) => app.store.reading(report, &app.config.report_zones).await,
        None => Ok(Reading::default()),
    }
}

/// How far back counting must reach for a window: its baseline, the window judged with it, and its course.
pub fn counted_from(app: &App, window: &Window) -> DateTime<Utc> {
    let course = app.config.digest.course_windows;
    let back = course.max(app.config.trend.baseline(window.cadence) + 2);
    let mut first = window.clone();
    for _ in 1..back {
        first = app.config.calendar.previous(&first);
    }
    first.start
}

/// How each topic moves in the last of these windows.
async fn changes_of(
    app: &App,
    windows: &[(Window, Counts)],
) -> anyhow::Result<BTreeMap<TopicId, Change>> {
    let Some(last) = windows.len().checked_sub(1) else {
        return Ok(BTreeMap::new());
    };
    let spans = app.store.topic_spans().await?;
    let place = |first: DateTime<Utc>| windows.partition_point(|(window, _)| window.end <= first);
    let began = windows[0].0.start;
    // A topic older than these windows was seen before any baseline that lies in them.
    let seen = spans
        .into_iter()
        .map(|(topic, span)| {
            (
                topic,
                if span.first < began {
                    0
                } else {
                    place(span.first)
                },
            )
        })
        .collect();
    Ok(changes(windows, last, &seen, &app.config.trend))
}

/// The newest report that says something of this window.
fn newest_with<'a>(reports: &'a [OfficialReport], key: &str) -> Option<&'a OfficialReport> {
    reports
        .iter()
        .find(|report| report.rows.iter().any(|row| row.window == key))
}

/// Earlier windows as readers were last told of them.
async fn published(app: &App, window: &Window) -> anyhow::Result<Vec<Published>> {
    let mut published: Vec<Published> = Vec::new();
    let earlier = app
        .store
        .closed_windows(window.cadence, REVISED_WINDOWS + 1)
        .await?;
    // From the oldest on: a revision in a later digest is what readers were last told.
    for closed in earlier.into_iter().rev() {
        let is_before = app
            .window(window.cadence, &closed.window)
            .is_some_and(|earlier| earlier.end <= window.start);
        let Some(id) = closed.digest.clone().filter(|_| is_before) else {
            continue;
        };
        if let Some((digest, _)) = app.store.digest(&id).await? {
            for revision in digest.revisions {
                let told = published
                    .iter_mut()
                    .find(|known| known.window == revision.window);
                if let Some(told) = told {
                    told.conversations = revision.now;
                    told.told_at = closed.closed_at;
                }
            }
        }
        published.push(Published {
            window: closed.window,
            conversations: closed.conversations,
            told_at: closed.closed_at,
        });
    }
    Ok(published)
}

fn recipients(app: &App, window: &Window, is_newest: bool) -> Vec<DestinationId> {
    let plans = app
        .config
        .digests
        .iter()
        .filter(|plan| plan.cadence == window.cadence);
    let destinations: BTreeSet<DestinationId> = plans
        .flat_map(|plan| plan.destinations.iter().cloned())
        .collect();
    if is_newest {
        destinations.into_iter().collect()
    } else {
        Vec::new()
    }
}

fn closing(
    window: &Window,
    counts: &Counts,
    outcome: Outcome,
    destinations: Vec<DestinationId>,
    origin: Origin,
    now: DateTime<Utc>,
) -> Closing {
    let (digest, reason) = match outcome {
        Outcome::Digest(digest) => (Some(*digest), String::new()),
        Outcome::Nothing(reason) => (None, reason),
    };
    let destinations = if digest.is_some() {
        destinations
    } else {
        Vec::new()
    };
    Closing {
        closed: ClosedWindow {
            cadence: window.cadence,
            window: window.key.clone(),
            closed_at: now,
            conversations: counts.counted(),
            digest: digest.as_ref().map(|digest| digest.id.clone()),
            reason,
        },
        counts: frozen(counts),
        digest,
        destinations,
        origin,
    }
}

fn frozen(counts: &Counts) -> Vec<WindowCount> {
    let row = |(state, tally): (&State, &crate::counting::Tally)| WindowCount {
        state: state.name(),
        topic: match state {
            State::Assigned(topic) => Some(topic.clone()),
            _ => None,
        },
        conversations: tally.conversations,
        customers: tally.customers.len() as u64,
    };
    counts.by_state.iter().map(row).collect()
}
