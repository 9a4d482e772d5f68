//! "What became of it": the part of a digest that follows the suggestions of earlier ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{Decided, Decision, FollowUp, Said, SuggestionId, SuggestionState, Watched};

use super::super::draft::Inputs;
use super::watch::weeks_after;
use super::{standing, state, watch};

/// More decisions or topics are not told.
const LINES_MAX: usize = 10;

/// What became of the suggestions of earlier digests, as this one tells it.
pub fn section(inputs: &Inputs<'_>) -> FollowUp {
    let standing = standing(inputs.decisions);
    let known = by_id(inputs.said);
    let count = |wanted: SuggestionState| {
        let states = known.keys().map(|id| state(id, &standing));
        states.filter(|state| *state == wanted).count() as u64
    };
    FollowUp {
        open: count(SuggestionState::Open),
        accepted: count(SuggestionState::Accepted),
        rejected: count(SuggestionState::Rejected),
        done: count(SuggestionState::Done),
        decided: decided(inputs, &known, &standing),
        watched: watched(inputs, &known, &standing),
    }
}

/// The last word of each suggestion.
fn by_id(said: &[Said]) -> BTreeMap<&SuggestionId, &Said> {
    let mut known: BTreeMap<&SuggestionId, &Said> = BTreeMap::new();
    for one in said {
        let last = known.entry(&one.suggestion).or_insert(one);
        if last.end < one.end {
            *last = one;
        }
    }
    known
}

/// What was decided after the last digest's window and up to the end of this one, as it stands now.
fn decided(
    inputs: &Inputs<'_>,
    known: &BTreeMap<&SuggestionId, &Said>,
    standing: &BTreeMap<&SuggestionId, &Decision>,
) -> Vec<Decided> {
    let since = told_until(inputs);
    let is_news = |decision: &&&Decision| {
        decision.at < inputs.window.end && since.is_none_or(|since| decision.at >= since)
    };
    let mut news: Vec<&Decision> = standing.values().filter(is_news).copied().collect();
    news.sort_by_key(|decision| decision.number);
    let told = news.into_iter().filter_map(|decision| {
        let said = known.get(&decision.suggestion)?;
        Some(Decided {
            suggestion: decision.suggestion.clone(),
            label: said.label.clone(),
            state: decision.state,
            on: inputs.calendar.day_of(decision.at),
            note: decision.note.clone(),
        })
    });
    told.take(LINES_MAX).collect()
}

/// The end of the last window of this cadence that had a digest.
fn told_until(inputs: &Inputs<'_>) -> Option<DateTime<Utc>> {
    let earlier = inputs.published.iter().filter_map(|published| {
        let window = inputs
            .calendar
            .parse(inputs.window.cadence, &published.window)?;
        Some(window.end).filter(|end| *end <= inputs.window.start)
    });
    earlier.max()
}

/// The topics of what was done, each time that one more week of it is over.
fn watched(
    inputs: &Inputs<'_>,
    known: &BTreeMap<&SuggestionId, &Said>,
    standing: &BTreeMap<&SuggestionId, &Decision>,
) -> Vec<Watched> {
    let done = standing
        .values()
        .filter(|decision| decision.state == SuggestionState::Done);
    let told = done.filter_map(|decision| {
        let said = known.get(&decision.suggestion)?;
        let done_on = inputs.calendar.day_of(decision.at);
        let weeks = |end| weeks_after(done_on, inputs.calendar, end);
        if weeks(inputs.window.end) == weeks(inputs.window.start) {
            return None;
        }
        watch(
            said,
            decision.at,
            inputs.facts,
            inputs.calendar,
            inputs.window.end,
        )
    });
    told.take(LINES_MAX).collect()
}
