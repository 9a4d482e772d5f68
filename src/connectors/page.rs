//! What a connector brings at once: a page of changes, with what could not be read and what a walk over everything met.

use chrono::{DateTime, Utc};

use super::Cursor;
use crate::model::Record;

/// A record that could not be read; it is counted and reported, the rest of its page counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The helpdesk id, or the file and line: `tickets.jsonl:17`.
    pub place: String,
    /// Why, without the customer's words.
    pub reason: String,
}

/// One page of changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// New, changed, deleted and merged conversations.
    pub records: Vec<Record>,
    /// Ids of records that were asked for one by one and are not there any more.
    pub gone: Vec<String>,
    /// Ids of records that were asked for one by one and are none of ours, such as drafts.
    pub not_ours: Vec<String>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Where to go on. Saved in the transaction that writes the records.
    pub next: Cursor,
    /// Whether nothing more is waiting right now.
    pub is_last: bool,
    /// The source is known to be complete up to here.
    pub complete_until: Option<DateTime<Utc>>,
    /// What a person should know though nothing was lost, such as lines in an old encoding.
    pub remarks: Vec<String>,
    /// Records that were named but could not be read just now; each is tried again by itself.
    pub parked: Vec<Parked>,
    /// Of a walk over everything that is there: part of it.
    pub sweep: Option<Sweep>,
    /// Of a page of history: everything that changed since then is read.
    pub reached: Option<DateTime<Utc>>,
}

impl Page {
    /// A page without anything, that goes on at `next`.
    pub fn at(next: Cursor) -> Self {
        Self {
            records: Vec::new(),
            gone: Vec::new(),
            not_ours: Vec::new(),
            skipped: Vec::new(),
            next,
            is_last: false,
            complete_until: None,
            remarks: Vec::new(),
            parked: Vec::new(),
            sweep: None,
            reached: None,
        }
    }
}

/// A record that could not be read though the page that named it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its helpdesk id, as `Connector::read_again` takes it.
    pub id: String,
    /// Why, without the customer's words.
    pub reason: String,
    /// Seconds to wait, as told.
    pub retry_after_s: Option<u64>,
    /// Whether it was not there: asked for in vain once more, it is gone.
    pub is_missing: bool,
}

/// A part of a walk over all ids of a helpdesk that says nothing of deletions. Once it is over, what is stored and was
/// not seen is parked: reading it tells whether it is really gone. And so is what was seen, but never read: no list of
/// changes ever showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// When the walk began; younger conversations cannot be missed by it.
    pub started_at: DateTime<Utc>,
    /// Ids that are there.
    pub present: Vec<String>,
    /// Of these, those that were changed since history begins, and so long ago that they must have been read.
    pub expected: Vec<String>,
    /// The walk covers only what was made since; everything when missing.
    pub since: Option<DateTime<Utc>>,
    /// Start of the ids that the walk covers, such as `call:`; empty covers all.
    pub prefix: String,
    /// Whether it is over.
    pub is_over: bool,
}
