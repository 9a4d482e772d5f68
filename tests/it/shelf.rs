//! A store with a source that is pulled into it, for the tests of connectors.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use groundswell::connectors::{Connector, Cursor, PullError};
use groundswell::ingest::{IngestConfig, PullOutcome, backfill_source, pull_source};
use groundswell::model::{Author, SourceId, Stored, Visibility};
use groundswell::store::{Location, Store};
use tempfile::TempDir;

use crate::helpdesk::Expected;

pub const SOURCE: &str = "desk";

/// A store in a folder that goes away.
pub struct Shelf {
    pub store: Store,
    _folder: TempDir,
}

impl Shelf {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Folder(folder.path().to_owned()))
            .await
            .unwrap();
        Self {
            store,
            _folder: folder,
        }
    }

    pub async fn pull(
        &self,
        connector: &dyn Connector,
        now: DateTime<Utc>,
        pages: u32,
    ) -> PullOutcome {
        let (source, config) = (SourceId::from(SOURCE), IngestConfig::default());
        pull_source(&self.store, connector, &source, &config, now, pages)
            .await
            .unwrap()
    }

    /// Pulls until the source has nothing more, waiting as long as told after each failure.
    pub async fn pull_all(
        &self,
        connector: &dyn Connector,
        mut now: DateTime<Utc>,
    ) -> Vec<PullError> {
        let mut failures = Vec::new();
        for _ in 0..20 {
            let outcome = self.pull(connector, now, 300).await;
            match outcome.failure {
                None => {
                    let cursor = self.cursor().await;
                    assert!(outcome.is_complete, "goes on and on: {cursor:?}");
                    return failures;
                }
                Some(failure) => {
                    assert!(failure.retry_at > now);
                    now = failure.retry_at;
                    failures.push(failure.error);
                }
            }
        }
        panic!("the source does not come to its end: {failures:?}");
    }

    /// Reads history to its beginning, waiting as long as told after each failure.
    pub async fn read_history(&self, connector: &dyn Connector, mut now: DateTime<Utc>) {
        let (source, config) = (SourceId::from(SOURCE), IngestConfig::default());
        let turn = tokio::sync::Mutex::new(());
        for _ in 0..20 {
            let pages = backfill_source(&self.store, connector, &source, &config, now, 100, &turn);
            match pages.await.unwrap() {
                outcome if outcome.is_complete => return,
                PullOutcome {
                    failure: Some(failure),
                    ..
                } => now = failure.retry_at,
                _ if !connector.has_backfill() => return,
                outcome => panic!("history goes on and on: {outcome:?}"),
            }
        }
        panic!("history does not come to its end");
    }

    pub async fn all(&self) -> BTreeMap<String, Expected> {
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let held = changes.iter().map(|change| {
            (
                change.stored.conversation.key.id.clone(),
                held(&change.stored),
            )
        });
        held.collect()
    }

    /// Ids that wait to be read again.
    pub async fn parked(&self) -> Vec<String> {
        let parked = self.store.parked(&SourceId::from(SOURCE), 100).await;
        parked.unwrap().into_iter().map(|row| row.id).collect()
    }

    /// What customers thought, by id, where they said so.
    pub async fn ratings(&self) -> BTreeMap<String, f64> {
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let conversations = changes.into_iter().map(|one| one.stored.conversation);
        conversations
            .filter_map(|one| Some((one.key.id, one.csat?)))
            .collect()
    }

    /// Where those work who asked, by id, where it is known.
    pub async fn accounts(&self) -> BTreeMap<String, String> {
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let conversations = changes.into_iter().map(|one| one.stored.conversation);
        conversations
            .filter_map(|one| Some((one.key.id, one.account?)))
            .collect()
    }

    /// Deletions that the brake holds back.
    pub async fn held(&self) -> u64 {
        let progress = self.store.source_progress().await.unwrap();
        progress[0].deletions_held
    }

    pub async fn cursor(&self) -> Option<Cursor> {
        let progress = self.store.source_progress().await.unwrap();
        progress
            .into_iter()
            .find(|one| one.id.as_str() == SOURCE)
            .and_then(|one| one.cursor)
    }
}

/// Who said what to whom.
pub fn said(stored: &Stored) -> Vec<(Author, Visibility, &str)> {
    let messages = stored.conversation.messages.iter();
    messages
        .map(|one| (one.author, one.visibility, one.text.as_str()))
        .collect()
}

/// What is stored of a conversation, in the words of the model.
fn held(stored: &Stored) -> Expected {
    let conversation = &stored.conversation;
    let is_removed = conversation.exclusion.is_some();
    Expected {
        exclusion: conversation.exclusion,
        status: conversation.status.clone().filter(|_| !is_removed),
        category: conversation.category.clone().filter(|_| !is_removed),
        reopens: if is_removed { 0 } else { conversation.reopens },
        messages: said(stored)
            .into_iter()
            .map(|(author, visibility, text)| (author, visibility, text.to_owned()))
            .collect(),
    }
}
