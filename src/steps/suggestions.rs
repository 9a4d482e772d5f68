//! Suggestions: what digests suggested, where it stands, what people decide, and what became of what was done.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::answers::{self, given::NAME_MAX};
use crate::config::Config;
use crate::digest::followup::{self, Refusal, WATCH_WEEKS};
use crate::model::{
    Calendar, Decision, DestinationId, Said, SuggestionId, SuggestionState, Text, Watched,
};
use crate::store::{LinkUse, Pressed, Store, Wanted};

/// Older suggestions are no longer listed; each digest keeps its own.
const LISTED_WEEKS: i64 = 104;

/// What somebody wants a suggestion to be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it is from now on.
    pub state: SuggestionState,
    /// Who decides; may be empty.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
}

/// A suggestion as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct SuggestionRow {
    /// As a digest said it last.
    #[serde(flatten)]
    pub said: Said,
    /// The window in which it was said first.
    pub first_window: String,
    /// How many digests said it.
    pub times: usize,
    /// Where it stands.
    pub state: SuggestionState,
    /// The decision that put it there.
    pub decided: Option<Decision>,
    /// Before and after, where it was done and a week is over.
    pub watched: Option<Watched>,
}

/// All suggestions of the last two years: open ones first, and of each state the one said last.
pub async fn suggestions(
    store: &Store,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<SuggestionRow>> {
    let said = store.said(now - TimeDelta::weeks(LISTED_WEEKS)).await?;
    let decisions = store.decisions().await?;
    let standing = followup::standing(&decisions);
    let mut all: BTreeMap<SuggestionId, Vec<Said>> = BTreeMap::new();
    for one in said {
        all.entry(one.suggestion.clone()).or_default().push(one);
    }
    let mut rows = Vec::new();
    for (id, said) in all {
        let (Some(first), Some(last)) = (said.first(), said.last()) else {
            continue;
        };
        let decided = standing.get(&id).map(|decision| (*decision).clone());
        rows.push(SuggestionRow {
            first_window: first.window.clone(),
            times: said.len(),
            state: followup::state(&id, &standing),
            watched: watched(store, calendar, last, decided.as_ref(), now).await?,
            decided,
            said: last.clone(),
        });
    }
    rows.sort_by(|a, b| {
        let by_state = a.state.cmp(&b.state);
        let latest = b.said.end.cmp(&a.said.end);
        by_state
            .then(latest)
            .then_with(|| a.said.suggestion.cmp(&b.said.suggestion))
    });
    Ok(rows)
}

/// Decides a suggestion, with the words redacted like a customer's. `None` if no digest ever made it.
pub async fn decide(
    store: &Store,
    config: &Config,
    suggestion: &SuggestionId,
    wish: &Wish,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Result<Decision, Refusal>>> {
    let (by, note) = fit(config, wish);
    let wanted = Wanted {
        suggestion,
        state: wish.state,
        by: &by,
        note: note.as_str(),
    };
    let decided = store.decide_suggestion(&wanted, now).await?;
    if let Some(Ok(decision)) = &decided {
        log(decision);
    }
    Ok(decided)
}

/// Decides a suggestion by a link that was sent to a destination, unless the link was used before.
pub async fn decide_by_link(
    store: &Store,
    config: &Config,
    pressed: Pressed<'_>,
    destination: &DestinationId,
    (suggestion, wish): (&SuggestionId, &Wish),
) -> anyhow::Result<Option<Result<LinkUse<Decision>, Refusal>>> {
    let (name, note) = fit(config, wish);
    // Whoever has the link may say any name; to whom it was sent is known.
    let by = match name.is_empty() {
        true => format!("a link sent to {destination}"),
        false => format!("{name} (by a link sent to {destination})"),
    };
    let wanted = Wanted {
        suggestion,
        state: wish.state,
        by: &by,
        note: note.as_str(),
    };
    let decided = store.decide_by_link(pressed, &wanted).await?;
    if let Some(Ok(LinkUse::Kept(decision))) = &decided {
        log(decision);
    }
    Ok(decided)
}

/// Name and words as they are kept: on a line, not too long, and the words redacted like a customer's.
fn fit(config: &Config, wish: &Wish) -> (String, Text) {
    let name = answers::given::one_line(&wish.by);
    let note = answers::given::reason(&wish.note, config.ingest.with_names);
    (name.chars().take(NAME_MAX).collect(), note)
}

/// One line in the log, without a word or a name of anybody.
fn log(decision: &Decision) {
    let (number, state) = (decision.number, decision.state.as_str());
    tracing::info!(
        decision.number = number,
        suggestion.state = state,
        "a suggestion was decided"
    );
}

/// Where a suggestion stands now.
pub async fn standing(store: &Store, suggestion: &SuggestionId) -> anyhow::Result<SuggestionState> {
    let decisions = store.decisions().await?;
    Ok(followup::state(suggestion, &followup::standing(&decisions)))
}

async fn watched(
    store: &Store,
    calendar: &Calendar,
    said: &Said,
    decided: Option<&Decision>,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Watched>> {
    let Some(done) = decided.filter(|decision| decision.state == SuggestionState::Done) else {
        return Ok(None);
    };
    // A day more on either side: weeks are cut at midnight of the configured zone.
    let from = done.at - TimeDelta::weeks(WATCH_WEEKS + 1) - TimeDelta::days(1);
    let to = now.min(done.at + TimeDelta::weeks(WATCH_WEEKS) + TimeDelta::days(2));
    let facts = store.facts(from, to).await?;
    Ok(followup::watch(said, done.at, &facts, calendar, to))
}
