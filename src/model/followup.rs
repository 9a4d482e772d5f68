//! What became of suggestions: each has a lasting id and a state that people change.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Cadence, FindingKind, SuggestionId, SuggestionKind, TopicId, TrendState};

/// Where a suggestion stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionState {
    /// Nobody has decided yet.
    #[default]
    Open,
    /// Somebody takes it.
    Accepted,
    /// It will not be done.
    Rejected,
    /// It was done: from now on its topic is watched.
    Done,
}

impl SuggestionState {
    /// All states, in the order in which they are shown.
    pub const ALL: [SuggestionState; 4] = [
        SuggestionState::Open,
        SuggestionState::Accepted,
        SuggestionState::Rejected,
        SuggestionState::Done,
    ];

    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            SuggestionState::Open => "open",
            SuggestionState::Accepted => "accepted",
            SuggestionState::Rejected => "rejected",
            SuggestionState::Done => "done",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A suggestion as a published digest made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Its lasting id.
    pub suggestion: SuggestionId,
    /// Its topic.
    pub topic: TopicId,
    /// The topic's label at the time.
    pub label: String,
    /// The rule that made it.
    pub rule: String,
    /// Product, service or process.
    pub kind: SuggestionKind,
    /// Who should take it.
    pub owner: String,
    /// What it said.
    pub sentence: String,
    /// The digest's cadence.
    pub cadence: Cadence,
    /// The digest's window.
    pub window: String,
    /// The first instant after that window.
    pub end: DateTime<Utc>,
    /// How the topic moved.
    pub trend: TrendState,
    /// What stood out beside the official report.
    pub findings: Vec<FindingKind>,
    /// Conversations of the topic in that window.
    pub conversations: u64,
}

/// What somebody decided of a suggestion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its place in the log.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who; may be empty.
    pub by: String,
    /// Of which suggestion.
    pub suggestion: SuggestionId,
    /// What it is from then on.
    pub state: SuggestionState,
    /// Why, redacted; may be empty.
    pub note: String,
}

/// What became of the suggestions of earlier digests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Suggestions of the last half year that nobody has decided.
    pub open: u64,
    /// That somebody takes.
    pub accepted: u64,
    /// That will not be done.
    pub rejected: u64,
    /// That were done.
    pub done: u64,
    /// What was decided since the last digest of this cadence.
    pub decided: Vec<Decided>,
    /// Topics of suggestions that were done: before and after.
    pub watched: Vec<Watched>,
}

/// A decision as a digest tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Of which suggestion.
    pub suggestion: SuggestionId,
    /// Its topic's label.
    pub label: String,
    /// What it is now.
    pub state: SuggestionState,
    /// On which day.
    pub on: NaiveDate,
    /// Why, redacted; may be empty. Who decided stays on the pages.
    pub note: String,
}

/// A topic before and after a suggestion of it was done. Both sides are whole weeks, so that each has as many Mondays as
/// Sundays; the day itself belongs to neither.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Which suggestion.
    pub suggestion: SuggestionId,
    /// Its topic.
    pub topic: TopicId,
    /// The topic's label.
    pub label: String,
    /// The day on which it was done.
    pub done_on: NaiveDate,
    /// Conversations in the weeks before.
    pub before: u64,
    /// Days of these weeks.
    pub days_before: u64,
    /// Conversations in the weeks after.
    pub after: u64,
    /// Days of these weeks.
    pub days_after: u64,
    /// Conversations a day after, for each one a day before; nothing where there was none before.
    pub ratio: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end; nothing where it has none.
    pub high: Option<f64>,
}
