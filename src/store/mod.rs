//! The database: the only truth. Nothing above knows whether it is SQLite or PostgreSQL.
//!
//! One SQL text serves both. A public method is one transaction; each table has one function that
//! turns a row into its struct. Times are microseconds, flags 0 or 1, JSON is text, vectors are bytes.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::connectors::{Cursor, Skipped};
use crate::model::{
    Cadence, ConversationKey, DestinationId, Digest, DigestId, Discovery, Edit, EditKind, Fact,
    ModelId, OfficialReport, SourceId, Stored, Text, Topic, TopicId, Vector,
};
use crate::topics::Document;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A folder for SQLite: `groundswell.db` in it, WAL.
    Folder(PathBuf),
    /// A `postgres://` address.
    Postgres(SecretString),
}

/// One page, cleaned and ready to be kept.
#[derive(Clone, Debug, Default)]
pub struct CleanPage {
    /// New and changed conversations.
    pub conversations: Vec<Stored>,
    /// Deleted ones: their words are erased, the row stays, excluded as deleted.
    pub deleted: Vec<(ConversationKey, DateTime<Utc>)>,
    /// Merged ones and the helpdesk id they went into; excluded as merged.
    pub merged: Vec<(ConversationKey, String, DateTime<Utc>)>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Where to go on.
    pub next: Option<Cursor>,
    /// The source is complete up to here.
    pub complete_until: Option<DateTime<Utc>>,
    /// Whether the pull is over, so that the next one waits for its schedule.
    pub is_last: bool,
}

/// What saving a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Conversations not seen before.
    pub new: u64,
    /// Conversations whose content changed.
    pub changed: u64,
    /// Same content, or an older version than what is stored.
    pub unchanged: u64,
    /// Deleted or merged.
    pub removed: u64,
}

/// How far a source is.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceProgress {
    /// Which source.
    pub id: SourceId,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// Complete up to here.
    pub complete_until: Option<DateTime<Utc>>,
    /// When a pull last ended well; the schedule counts from here.
    pub finished_at: Option<DateTime<Utc>>,
    /// Failures in a row; 0 when all is well.
    pub failures: u32,
    /// The last failure's sentence.
    pub error: Option<String>,
    /// Not to be tried before, after a failure.
    pub retry_at: Option<DateTime<Utc>>,
    /// Records stored so far.
    pub records: u64,
    /// Records skipped so far.
    pub skipped: u64,
}

/// A change of the feed: a conversation that was written, or its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The change's number; grows by commit order.
    pub number: i64,
    /// The conversation as it is now; excluded and erased ones too.
    pub stored: Stored,
    /// Its topic now.
    pub topic: Option<TopicId>,
}

/// Which documents to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that count.
    All,
    /// Those never looked at by `assign` or `discover` since their text changed.
    New,
    /// Looked at, but belonging to no topic.
    Unassigned,
    /// Those that have a topic.
    Assigned,
}

/// A closed window as it was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedWindow {
    /// By day, week or month.
    pub cadence: Cadence,
    /// Its key.
    pub window: String,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// Conversations that counted.
    pub conversations: u64,
    /// Its digest, if something was worth saying.
    pub digest: Option<DigestId>,
    /// Why there is none.
    pub reason: String,
}

/// One frozen count: conversations and customers of a topic (or none, or an exclusion) in a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowCount {
    /// `assigned`, `unassigned` or `excluded:<reason>`.
    pub state: String,
    /// The topic, when assigned.
    pub topic: Option<TopicId>,
    /// How many.
    pub conversations: u64,
    /// Different customers.
    pub customers: u64,
}

/// State of one digest's way to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent, or to be tried again.
    Waiting,
    /// The destination has it.
    Sent,
    /// Given up; a person must act.
    Failed,
}

/// One digest on its way to one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The digest.
    pub digest: DigestId,
    /// Where it goes.
    pub destination: DestinationId,
    /// Waiting, sent or failed.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: u32,
    /// Not before.
    pub next_at: DateTime<Utc>,
    /// The destination's receipt.
    pub receipt: Option<String>,
    /// The last failure's sentence.
    pub error: Option<String>,
}

/// What closing a window writes, in one transaction: the counts, the digest if any, its deliveries.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The window.
    pub closed: ClosedWindow,
    /// Its frozen counts; they add up to what was pulled.
    pub counts: Vec<WindowCount>,
    /// The digest.
    pub digest: Option<Digest>,
    /// Who gets it.
    pub destinations: Vec<DestinationId>,
}

/// The database.
#[derive(Clone)]
pub struct Store {}

#[allow(unused_variables, clippy::unused_async, missing_docs)]
impl Store {
    /// Opens the database, brings its tables up to date and takes the lock: a second Groundswell on the same database
    /// gets one clear sentence. `open_shared` is for commands beside a running daemon: no lock.
    pub async fn open(location: &Location) -> anyhow::Result<Self> {
        unimplemented!()
    }
    pub async fn open_shared(location: &Location) -> anyhow::Result<Self> {
        unimplemented!()
    }
    /// Copies a SQLite database to a file, consistently (VACUUM INTO).
    pub async fn backup(&self, to: &std::path::Path) -> anyhow::Result<()> {
        unimplemented!()
    }

    // conversations.rs
    pub async fn save_page(
        &self,
        source: &SourceId,
        page: &CleanPage,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Saved> {
        unimplemented!()
    }
    pub async fn conversation(&self, key: &ConversationKey) -> anyhow::Result<Option<Stored>> {
        unimplemented!()
    }
    /// In the order of the keys; missing ones are left out.
    pub async fn conversations(&self, keys: &[ConversationKey]) -> anyhow::Result<Vec<Stored>> {
        unimplemented!()
    }
    /// Keys of a topic's conversations opened in [from, to), newest first.
    pub async fn topic_keys(
        &self,
        topic: &TopicId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: u32,
    ) -> anyhow::Result<Vec<ConversationKey>> {
        unimplemented!()
    }
    pub async fn changes_after(&self, number: i64, limit: u32) -> anyhow::Result<Vec<Changed>> {
        unimplemented!()
    }
    pub async fn last_change(&self) -> anyhow::Result<i64> {
        unimplemented!()
    }
    /// Conversations opened OR closed in [from, to), sorted by key: what counting and reconciling need.
    pub async fn facts(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> anyhow::Result<Vec<Fact>> {
        unimplemented!()
    }
    /// First and last instant at which a stored conversation was opened.
    pub async fn span(&self) -> anyhow::Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        unimplemented!()
    }
    /// Erases the words and identity of all conversations of a requester pseudonym or of one key; rows stay as tombstones, through the feed.
    pub async fn forget_conversation(&self, key: &ConversationKey) -> anyhow::Result<bool> {
        unimplemented!()
    }
    pub async fn forget_requester(&self, requester: &str) -> anyhow::Result<u64> {
        unimplemented!()
    }

    // vectors.rs
    /// Texts of counting conversations that have no vector of this model, each hash once, sorted by hash.
    pub async fn texts_without_vector(
        &self,
        model: &ModelId,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        unimplemented!()
    }
    pub async fn count_without_vector(&self, model: &ModelId) -> anyhow::Result<u64> {
        unimplemented!()
    }
    pub async fn save_vectors(
        &self,
        model: &ModelId,
        vectors: &[(String, Vector)],
    ) -> anyhow::Result<()> {
        unimplemented!()
    }
    /// Documents opened at or after `from` that count (no exclusion) and have a vector, sorted by key.
    pub async fn documents(
        &self,
        model: &ModelId,
        which: Which,
        from: Option<DateTime<Utc>>,
    ) -> anyhow::Result<Vec<Document>> {
        unimplemented!()
    }

    // topics.rs
    pub async fn topics(&self) -> anyhow::Result<Vec<Topic>> {
        unimplemented!()
    }
    /// Writes topics (insert or replace by id), assignments and lineage in one transaction; changed assignments go through the feed.
    pub async fn save_discovery(
        &self,
        discovery: &Discovery,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        unimplemented!()
    }
    pub async fn edits(&self) -> anyhow::Result<Vec<Edit>> {
        unimplemented!()
    }
    pub async fn add_edit(
        &self,
        kind: &EditKind,
        by: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<i64> {
        unimplemented!()
    }
    pub async fn undo_edit(&self, number: i64) -> anyhow::Result<bool> {
        unimplemented!()
    }
    /// When `discover` last ran.
    pub async fn last_discovery(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        unimplemented!()
    }

    // progress.rs
    pub async fn source_progress(&self) -> anyhow::Result<Vec<SourceProgress>> {
        unimplemented!()
    }
    pub async fn record_pull_failure(
        &self,
        source: &SourceId,
        error: &str,
        retry_at: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        unimplemented!()
    }
    /// The newest skipped records of a source.
    pub async fn skipped(
        &self,
        source: &SourceId,
        limit: u32,
    ) -> anyhow::Result<Vec<(Skipped, DateTime<Utc>)>> {
        unimplemented!()
    }

    // reports.rs
    /// Keeps a report; a corrected one is a new version, the newest counts.
    pub async fn save_report(
        &self,
        report: &OfficialReport,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        unimplemented!()
    }
    /// The newest version of each report of a cadence, newest first.
    pub async fn reports(&self, cadence: Cadence) -> anyhow::Result<Vec<OfficialReport>> {
        unimplemented!()
    }

    // digests.rs
    /// False if the window was closed before: then nothing is written.
    pub async fn close_window(&self, closing: &Closing) -> anyhow::Result<bool> {
        unimplemented!()
    }
    /// Newest first.
    pub async fn closed_windows(
        &self,
        cadence: Cadence,
        limit: u32,
    ) -> anyhow::Result<Vec<ClosedWindow>> {
        unimplemented!()
    }
    pub async fn window_counts(
        &self,
        cadence: Cadence,
        window: &str,
    ) -> anyhow::Result<Vec<WindowCount>> {
        unimplemented!()
    }
    pub async fn digest(&self, id: &DigestId) -> anyhow::Result<Option<(Digest, String)>> {
        unimplemented!()
    }
    /// Newest first.
    pub async fn digest_ids(&self, limit: u32) -> anyhow::Result<Vec<DigestId>> {
        unimplemented!()
    }

    // deliveries.rs
    pub async fn deliveries(&self, limit: u32) -> anyhow::Result<Vec<Delivery>> {
        unimplemented!()
    }
    pub async fn waiting_deliveries(&self) -> anyhow::Result<Vec<Delivery>> {
        unimplemented!()
    }
    pub async fn save_delivery(&self, delivery: &Delivery) -> anyhow::Result<()> {
        unimplemented!()
    }
}
