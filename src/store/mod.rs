//! The database: the only truth. Nothing above knows whether it is SQLite or PostgreSQL.
//!
//! One SQL text serves both. A public method is one transaction; each table has one function that
//! turns a row into its struct. Times are microseconds, flags 0 or 1, JSON is text, vectors are bytes.

mod answers;
mod closings;
mod conversations;
mod definitions;
mod deliveries;
mod dialect;
mod digests;
mod edits;
mod encoder;
mod erase;
mod fingerprint;
mod gone;
mod history;
mod links;
mod log;
mod news;
mod open;
mod pages;
mod parked;
mod progress;
mod reports;
mod rows;
mod snapshot;
mod sql;
mod suggestions;
mod summaries;
mod texts;
mod topics;
mod vectors;
mod voters;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::any::AnyRow;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool};

use crate::model::{Cadence, ConversationKey, DestinationId, Digest, DigestId, Stored, TopicId};
use dialect::Dialect;
use log::Log;
use sql::{Statement, all, clear, first, get, run, sql};
use writing::Writing;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A folder for SQLite: `groundswell.db` in it, WAL.
    Folder(PathBuf),
    /// A `postgres://` address.
    Postgres(SecretString),
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
    /// The team whose closing it is; empty for the whole company's.
    pub team: String,
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
    /// What all of it was computed from.
    pub origin: Origin,
    /// The closings of the teams that have digests of their own, of the same window.
    pub teams: Vec<Closing>,
}

/// What a closing was computed from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The last change that was counted. If the feed has moved on since, nothing is written.
    pub as_of: i64,
    /// Conversations whose words were read; these words are kept for as long as the digest.
    pub read: Vec<ConversationKey>,
    /// The frozen inputs as JSON.
    pub inputs: String,
    /// Hashes of all of it, as JSON.
    pub proof: String,
}

/// What became of a closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is written.
    Written,
    /// The window was closed before: nothing is written.
    Before,
    /// Something changed since it was counted: nothing is written, count again.
    Outdated,
}

/// The database. Clones share its connections; the lock is let go with the last one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dialect: Dialect,
    /// The folder, or the server and the database's name.
    place: String,
    /// One connection: on both databases one transaction of this process writes at a time.
    writer: AnyPool,
    readers: AnyPool,
    log: Log,
    lock: Mutex<Option<open::Lock>>,
}

pub use answers::AskedWindow;
pub use closings::{DigestRow, Sealed};
pub use definitions::Confirmed;
pub use gone::Vanished;
pub use links::{LinkUse, Pressed};
pub use pages::{CleanPage, Moves, Saved};
pub use parked::ParkedRow;
pub use progress::{Backfill, SourceProgress};
pub use reports::{Kept, KnownLayout, ReportVersion};
pub use snapshot::ReadWords;
pub use suggestions::Wanted;
pub use summaries::TopicSpan;

impl Store {
    async fn reader(&self) -> anyhow::Result<PoolConnection<Any>> {
        self.inner.readers.acquire().await.map_err(clear)
    }

    async fn read_first<T>(
        &self,
        ask: Statement,
        convert: impl Fn(&AnyRow) -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        first(&mut *self.reader().await?, ask, convert).await
    }

    async fn read_all<T>(
        &self,
        ask: Statement,
        convert: impl Fn(&AnyRow) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        all(&mut *self.reader().await?, ask, convert).await
    }

    /// Copies a SQLite database to a file, consistently, while it is in use. The file appears when it is whole.
    pub async fn backup(&self, to: &Path) -> anyhow::Result<()> {
        let shown = to.display();
        if self.inner.dialect == Dialect::Postgres {
            bail!(
                "a PostgreSQL database is backed up with pg_dump; keep link.key of the data folder with it, if there is one"
            );
        }
        if to.exists() {
            bail!("{shown} exists already; choose another name for the backup");
        }
        let part = PathBuf::from(format!("{shown}.part"));
        let part_name = part.to_str().context("the backup's name is not UTF-8")?;
        if part.exists() {
            std::fs::remove_file(&part)
                .with_context(|| format!("{} is in the way", part.display()))?;
        }
        // It needs a connection that may write, if only to another file.
        let mut connection = self.inner.writer.acquire().await.map_err(clear)?;
        run(
            &mut connection,
            sql("VACUUM INTO $1").bind(part_name.to_owned()),
        )
        .await
        .with_context(|| format!("the backup {shown} cannot be written"))?;
        std::fs::File::open(&part)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&part, to))
            .with_context(|| format!("the backup {shown} cannot be written"))
    }

    /// Tables and columns with their kinds, for comparing the two databases.
    pub async fn columns(&self) -> anyhow::Result<Vec<(String, String, String)>> {
        let ask = sql(self.inner.dialect.columns());
        self.read_all(ask, |row| Ok((get(row, 0)?, get(row, 1)?, get(row, 2)?)))
            .await
    }

    /// Where the database is, as it may be shown: the folder, or server and name.
    pub fn place(&self) -> &str {
        &self.inner.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::Cursor;
    use crate::model::{Conversation, SourceId};

    #[tokio::test]
    async fn a_full_disk_is_told_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        let store = Store::open(&location).await.unwrap();
        let at = DateTime::UNIX_EPOCH;
        let mut conversation = Conversation::new(ConversationKey::new("desk", "1"), at);
        conversation.subject = "private words ".repeat(10_000).into();
        let page = CleanPage {
            conversations: vec![Stored {
                conversation,
                text: "private words".into(),
                text_hash: "aa".to_owned(),
                language: String::new(),
            }],
            next: Some(Cursor("next".to_owned())),
            ..CleanPage::default()
        };
        let source = SourceId::from("desk");
        let limit = async |pages: &'static str| {
            let mut connection = store.inner.writer.acquire().await.unwrap();
            run(&mut connection, sql(pages)).await.unwrap();
        };
        // As small as the file is now: no page can be added, as on a full disk.
        limit("PRAGMA max_page_count = 1").await;
        let failed = store.save_page(&source, &page, at).await.unwrap_err();
        let message = format!("{failed:#}");
        assert!(
            message.contains("disk is full; nothing was lost"),
            "{message}"
        );
        assert!(!message.contains("private"), "{message}");
        assert!(store.source_progress().await.unwrap().is_empty());
        limit("PRAGMA max_page_count = 1000000").await;
        assert_eq!(store.save_page(&source, &page, at).await.unwrap().new, 1);
        assert_eq!(store.source_progress().await.unwrap().len(), 1);
    }
}
