//! The lists of a system, as values: how each is followed from run to run, and which record a row is about. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::paging::Paging;

/// How a list is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The server's own token says where to go on, across runs.
    Token,
    /// A log whose ids grow: read on behind the last id, and again a little before it.
    Log {
        /// How many ids before the last one are read again.
        overlap: u64,
    },
    /// What changed since a time, oldest change first.
    Since,
    /// What changed between two times, in any order. Its pages must follow one another by token or key: a row that
    /// changes again leaves the window, and a page by its number would leave out the one behind it.
    Window {
        /// No window is longer.
        longest: TimeDelta,
    },
    /// Newest first, without a bound: read down to where the last run began. Each page is written at once; only a run
    /// that came down to the overlap moves the place where the next one may stop.
    Newest,
    /// What was made between two times, read again for some days: notes come after the call. A row that says how it looks
    /// is not read whole each time.
    Trailing {
        /// For so long.
        again: TimeDelta,
        /// No window is longer.
        longest: TimeDelta,
    },
    /// All ids, now and then: for helpdesks that say nothing of deletions.
    Sweep {
        /// How often.
        every: TimeDelta,
        /// Start of the ids that the list covers, such as `call:`.
        prefix: &'static str,
    },
}

/// A list that tells which records changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name in the saved position.
    pub name: String,
    /// How it is followed.
    pub follow: Follow,
    /// How its pages follow one another.
    pub paging: Paging,
    /// JSON pointer to the rows in an answer; empty when the answer is the list.
    pub items: &'static str,
    /// Whether "not found" is how the server says that the list is empty.
    pub is_404_empty: bool,
    /// Whether a missing list means that it is empty, rather than that the answer is about something else.
    pub is_missing_empty: bool,
    /// Pages after which the server refuses; the walk starts anew behind what it has.
    pub pages_max: Option<u32>,
    /// Start of the ids that a sweep covers, where only the configuration knows it; else empty.
    pub scope: String,
    /// Whether history has no use for it: it tells what went away, and what is not stored cannot go; or it is a log.
    pub is_daily: bool,
    /// Whether it lists everything only as far back as history goes.
    pub is_bounded: bool,
    /// Whether another list tells what was deleted, so that a walk over everything misses nothing and only finds what no
    /// list of changes ever showed.
    pub only_finds: bool,
    /// Whether the account may lack the plan or the right for it: a list that is refused is empty then.
    pub is_optional: bool,
    /// Whether only history has a use for it: the daily pull hears of changes from another list.
    pub is_history: bool,
    /// It is not walked more often than this.
    pub pause: TimeDelta,
}

impl Stream {
    /// A list without peculiarities.
    pub fn new(
        name: impl Into<String>,
        follow: Follow,
        paging: Paging,
        items: &'static str,
    ) -> Self {
        Self {
            name: name.into(),
            follow,
            paging,
            items,
            is_404_empty: false,
            is_missing_empty: false,
            pages_max: None,
            scope: String::new(),
            is_daily: false,
            is_bounded: false,
            only_finds: false,
            is_optional: false,
            is_history: false,
            pause: TimeDelta::zero(),
        }
    }

    /// Whether history can be read in slices of time.
    pub fn has_slices(&self) -> bool {
        matches!(
            self.follow,
            Follow::Token | Follow::Since | Follow::Window { .. } | Follow::Trailing { .. }
        )
    }

    pub(super) fn is_sweep(&self) -> bool {
        matches!(self.follow, Follow::Sweep { .. })
    }

    pub(super) fn has_history(&self) -> bool {
        !self.is_daily && !self.is_sweep()
    }
}

/// The bounds of what a request should list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// From here on.
    pub from: DateTime<Utc>,
    /// Up to here, where the list can be bounded.
    pub until: DateTime<Utc>,
    /// Behind this token, id or key.
    pub after: Option<String>,
}

/// Which record a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The id of the conversation.
    pub id: String,
    /// When it changed, by the field that the list goes by.
    pub at: Option<DateTime<Utc>>,
    /// The row's place in a list that goes by keys; the log's id.
    pub key: Option<String>,
    /// How the row of a call looks, by a hash of what may change in it.
    pub look: Option<u32>,
}

impl Touched {
    /// A record by its id and the stamp of the list.
    pub fn new(id: impl Into<String>, at: Option<DateTime<Utc>>) -> Self {
        Self {
            id: id.into(),
            at,
            key: None,
            look: None,
        }
    }
}
