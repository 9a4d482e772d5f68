//! Closes a window: counts it, lays it beside the official report, composes its digest, and writes
//! all of it with the deliveries in one transaction.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::answers::Heard;
use crate::app::App;
use crate::changes::{changes, first_seen};
use crate::counting::{Counts, count_windows};
use crate::digest::{Frozen, Outcome, Published, Snapshot, Team, Told, followup};
use crate::model::{
    Change, Decision, DestinationId, Fact, Item, OfficialReport, Said, SourceId, State, TopicId,
    Window,
};
use crate::reconcile::Reading;
use crate::store::{Closed, ClosedWindow, Closing, Origin};

use super::compute::{compute, rows, snapshot_around, with_attributes};
use super::heard::{TeamPart, heard};

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
    // Read before anything is counted: whatever changes from here on makes the closing outdated.
    let as_of = app.store.last_change().await?;
    let from = begun_from(app, window).await?;
    let decisions = app.store.decisions().await?;
    // What was done is watched further back than anything else reaches.
    let watched = followup::watched_from(&decisions, window.end);
    let facts_from = watched.map_or(from, |watched| watched.min(from));
    let snapshot = snapshot_around(&app.store, facts_from, window.end, as_of).await?;
    super::asked::catch_up_and_count(app, window, &snapshot.facts, now).await?;
    let seen = Seen {
        from,
        facts_from,
        heard: heard(app, window, is_newest, None).await?,
        is_newest,
        decisions,
        snapshot,
        as_of,
        incomplete,
        now,
    };
    let (mut closing, counts) = part(app, window, &seen, None, recipients(app, window)).await?;
    for (team, destinations) in app.config.teams(window.cadence) {
        let team = part(app, window, &seen, Some(team), destinations).await?;
        closing.teams.push(team.0);
    }
    if !is_newest {
        let teams = closing.teams.iter_mut();
        teams.for_each(|team| team.destinations.clear());
        closing.destinations.clear();
    }
    // The lines after the first name topics, and so hold customers' words.
    let reason = closing.closed.reason.lines().next().map(str::to_owned);
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

/// What is known of the report beside its numbers.
async fn reading_of(app: &App, report: Option<&OfficialReport>) -> anyhow::Result<Reading> {
    match report {
        Some(report) => app.store.reading(report, &app.config.report_zones).await,
        None => Ok(Reading::default()),
    }
}

/// What is the same for the whole company and for every team.
struct Seen<'a> {
    /// Windows are counted from here on.
    from: DateTime<Utc>,
    /// Conversations reach back to here.
    facts_from: DateTime<Utc>,
    decisions: Vec<Decision>,
    snapshot: Snapshot,
    heard: Heard,
    is_newest: bool,
    as_of: i64,
    incomplete: &'a [SourceId],
    now: DateTime<Utc>,
}

/// The closing of the whole company, or of a team, with its counts.
async fn part(
    app: &App,
    window: &Window,
    seen: &Seen<'_>,
    team: Option<Team>,
    destinations: Vec<DestinationId>,
) -> anyhow::Result<(Closing, Counts)> {
    let frozen = freeze(app, window, seen, team).await?;
    let inputs = frozen.to_json();
    let computed = compute(&app.store, &inputs, &seen.snapshot, seen.as_of).await?;
    let origin = Origin {
        as_of: seen.as_of,
        read: computed.read,
        inputs,
        proof: computed.proof.to_json(),
    };
    let counts = computed.counts;
    let mut closing = closing(
        window,
        &counts,
        computed.outcome,
        destinations,
        origin,
        seen.now,
    );
    closing.closed.team = frozen.team.map(|team| team.name).unwrap_or_default();
    Ok((closing, counts))
}

/// What the digest is computed from beside the conversations, as it is now.
async fn freeze(
    app: &App,
    window: &Window,
    seen: &Seen<'_>,
    team: Option<Team>,
) -> anyhow::Result<Frozen> {
    let config = &app.config;
    let (from, facts) = (seen.from, &seen.snapshot.facts);
    let facts = match &team {
        Some(team) => {
            let asked = team.only.asks();
            let facts = with_attributes(&app.store, facts, &asked, seen.as_of).await?;
            Cow::Owned(team.only.part(&facts))
        }
        None => Cow::Borrowed(facts.as_slice()),
    };
    let facts: &[Fact] = &facts;
    let last = window.end - chrono::TimeDelta::microseconds(1);
    let windows = count_windows(facts, &config.calendar, window.cadence, from, last);
    let registry = super::registry(app).await?;
    let edited = registry.edited();
    let mut topics = registry.seen();
    let occurs: BTreeSet<&TopicId> = facts.iter().filter_map(topic_of).collect();
    topics.retain(|topic| occurs.contains(&topic.id));
    let muted = topics.iter().map(|topic| &topic.id);
    let muted = muted.filter(|id| edited.is_muted(id)).cloned().collect();
    let team_name = team.as_ref().map_or("", |team| team.name.as_str());
    let heard = match &team {
        None => seen.heard.clone(),
        Some(_) => {
            let part = TeamPart {
                name: team_name,
                facts,
                from: seen.facts_from,
            };
            heard(app, window, seen.is_newest, Some(part)).await?
        }
    };
    let reports = app.store.reports(window.cadence).await?;
    let report = newest_with(app, reports, window, from);
    let reading = reading_of(app, report.as_ref()).await?;
    Ok(Frozen {
        window: window.clone(),
        counted_from: seen.facts_from,
        calendar: config.calendar,
        changes: changes_of(app, &windows, team.is_some()).await?,
        muted,
        topics,
        report,
        reading,
        published: published(app, window, team_name).await?,
        said: said(app, window, team_name).await?,
        decisions: seen.decisions.clone(),
        incomplete_sources: seen.incomplete.iter().map(ToString::to_string).collect(),
        heard,
        config: config.digest.clone(),
        team,
    })
}

fn topic_of(fact: &Fact) -> Option<&TopicId> {
    match &fact.state {
        State::Assigned(topic) => Some(topic),
        State::Unassigned | State::Excluded(_) => None,
    }
}

/// From when on windows are counted: not those from before the first conversation, which are not windows in which nothing
/// was said.
async fn begun_from(app: &App, window: &Window) -> anyhow::Result<DateTime<Utc>> {
    let begun = app.store.span().await?.map(|(first, _)| first);
    let begun = begun.map_or(window.start, |first| {
        app.config.calendar.window(window.cadence, first).start
    });
    Ok(counted_from(app, window).max(begun.min(window.start)))
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
    is_team: bool,
) -> anyhow::Result<BTreeMap<TopicId, Change>> {
    let Some(last) = windows.len().checked_sub(1) else {
        return Ok(BTreeMap::new());
    };
    if is_team {
        // What others heard of earlier is new to the team all the same.
        return Ok(changes(
            windows,
            last,
            &first_seen(windows),
            &app.config.trend,
        ));
    }
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

/// The newest report that says something of this window, with its lines of the windows that are counted: a definition must
/// hold for all of them, and all of it would be too much to freeze.
fn newest_with(
    app: &App,
    reports: Vec<OfficialReport>,
    window: &Window,
    from: DateTime<Utc>,
) -> Option<OfficialReport> {
    let is_counted = |key: &str| {
        let of = app.window(window.cadence, key);
        of.is_none_or(|of| of.start >= from && of.end <= window.end)
    };
    let is_of = |report: &OfficialReport| report.rows.iter().any(|row| row.window == window.key);
    let mut report = reports.into_iter().find(is_of)?;
    report.rows.retain(|row| is_counted(&row.window));
    Some(report)
}

/// Earlier windows as readers were last told of them.
async fn published(app: &App, window: &Window, team: &str) -> anyhow::Result<Vec<Published>> {
    let mut published: Vec<Published> = Vec::new();
    let earlier = app
        .store
        .closed_windows_of(window.cadence, team, REVISED_WINDOWS + 1)
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
                    told.revise(&revision, closed.closed_at);
                }
            }
            published.push(Published {
                window: closed.window,
                conversations: closed.conversations,
                told_at: closed.closed_at,
                topics: digest.items.into_iter().map(told).collect(),
            });
        }
    }
    Ok(published)
}

fn told(item: Item) -> Told {
    Told {
        topic_id: item.topic_id,
        label: item.label,
        conversations: item.conversations,
    }
}

/// What earlier digests of the company, or of a team, suggested: the last word of each suggestion that is not forgotten.
async fn said(app: &App, window: &Window, team: &str) -> anyhow::Result<Vec<Said>> {
    let since = window.start - TimeDelta::weeks(followup::REMEMBERED_WEEKS);
    let mut said = app.store.said_by(team, since).await?;
    // Windows are closed late after a stop, and then out of order: nothing is taken from a later one.
    said.retain(|said| said.end <= window.end);
    Ok(followup::latest(said, window.cadence))
}

/// The destinations that get the whole company's digests.
fn recipients(app: &App, window: &Window) -> Vec<DestinationId> {
    let destinations = app.config.recipients(window.cadence).into_iter();
    let whole = destinations.filter(|destination| destination.team.is_none());
    whole.map(|destination| destination.id.clone()).collect()
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
            team: String::new(),
            cadence: window.cadence,
            window: window.key.clone(),
            closed_at: now,
            conversations: counts.counted(),
            digest: digest.as_ref().map(|digest| digest.id.clone()),
            reason,
        },
        counts: rows(counts),
        digest,
        destinations,
        origin,
        teams: Vec::new(),
    }
}
