//! One pull of a source: parked records first, then page by page what is new, each cleaned and saved. The cursor moves only
//! in the transaction that writes the page, so an end at any moment loses nothing and repeats at most one page.

use chrono::{DateTime, TimeDelta, Utc};
use rayon::prelude::*;

use super::earlier::{keep_earlier, keep_ratings, lacks_earlier};
use super::lane::Lane;
use super::{IngestConfig, again, prepare};
use crate::connectors::{Connector, Cursor, Page, PullError};
use crate::model::{Record, SourceId, Stored};
use crate::store::{CleanPage, Moves, Saved, Store};

/// The first wait after a failure.
const BACK_OFF_MIN_S: i64 = 60;

/// The longest wait that is not asked for by the server.
const BACK_OFF_MAX_S: i64 = 3_600;

/// What one pull did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PullOutcome {
    /// Pages saved.
    pub pages: u32,
    /// What saving them did.
    pub saved: Saved,
    /// Records that could not be read.
    pub skipped: u64,
    /// Records that could not be read just now.
    pub parked: u64,
    /// Deletions that are held back, because they are too many at once.
    pub held: u64,
    /// Whether the source has nothing more right now; otherwise the limit of pages or a failure ended it.
    pub is_complete: bool,
    /// What the connector noticed beside the records, such as lines in an old encoding.
    pub remarks: Vec<String>,
    /// Why it ended early, and when it may go on.
    pub failure: Option<PullFailure>,
}

/// A pull that ended with an error; the cursor stands where the last saved page put it.
#[derive(Clone, Debug, PartialEq)]
pub struct PullFailure {
    /// The error.
    pub error: PullError,
    /// Not to be tried before.
    pub retry_at: DateTime<Utc>,
}

/// Pulls a source until it has nothing more, `pages_max` pages are saved, or it fails; before that, parked records that
/// are due are read again. A failure of the source is recorded and comes back in the outcome; an `Err` is a failure of
/// the database.
pub async fn pull_source(
    store: &Store,
    connector: &dyn Connector,
    source: &SourceId,
    config: &IngestConfig,
    now: DateTime<Utc>,
    pages_max: u32,
) -> anyhow::Result<PullOutcome> {
    let progress = store.source_progress().await?;
    let progress = progress.into_iter().find(|progress| progress.id == *source);
    let failures = progress.as_ref().map_or(0, |progress| progress.failures);
    let mut pull = Pull {
        store,
        connector,
        source,
        config,
        now,
        outcome: PullOutcome::default(),
    };
    let again = again::read_parked(&mut pull).await?;
    settle_gone(&mut pull).await?;
    let ended = match again {
        Ok(vain) => {
            let cursor = progress.and_then(|progress| progress.cursor);
            pull.pages(Lane::Daily, cursor, vain, pages_max).await?
        }
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        // A page was saved in this pull: the source answers, so waiting starts anew.
        let attempt = if pull.outcome.pages > 0 { 0 } else { failures };
        let retry_at = back_off(&error, source, attempt, now);
        store
            .record_pull_failure(source, &error.to_string(), retry_at)
            .await?;
        tracing::warn!(source.id = %source, reason = %error, retry_at = %retry_at, "pull failed");
        pull.outcome.failure = Some(PullFailure { error, retry_at });
    }
    report(source, &pull.outcome, "source pulled");
    Ok(pull.outcome)
}

/// Deletes what was looked for in vain, or says loudly why not.
async fn settle_gone(pull: &mut Pull<'_>) -> anyhow::Result<()> {
    let most = pull.config.deletions_max_percent;
    let settled = pull.store.settle_gone(pull.source, most, pull.now).await?;
    pull.outcome.saved.removed += settled.buried;
    pull.outcome.held = settled.held;
    if settled.held > 0 {
        tracing::warn!(
            source.id = %pull.source,
            held.count = settled.held,
            "so many conversations are gone from the helpdesk at once that none is deleted; `groundswell doctor` says what to do"
        );
    }
    Ok(())
}

/// One pull under way.
pub(super) struct Pull<'a> {
    pub store: &'a Store,
    pub connector: &'a dyn Connector,
    pub source: &'a SourceId,
    pub config: &'a IngestConfig,
    pub now: DateTime<Utc>,
    pub outcome: PullOutcome,
}

impl Pull<'_> {
    /// Makes a page ready and saves it.
    pub async fn save(&mut self, page: Page, moves: Moves) -> anyhow::Result<()> {
        let ready = self.ready(page, moves).await?;
        let saved = self.write(&ready).await?;
        self.outcome.add(ready, saved);
        Ok(())
    }

    /// Whether a page becomes ready only when all before it are saved: what the vendor does not say again is taken out of
    /// the store.
    pub fn needs_stored(&self, page: &Page) -> bool {
        self.connector.has_ratings_apart() || lacks_earlier(page)
    }

    /// Completes a page with what is stored, and cleans it.
    pub async fn ready(&self, mut page: Page, moves: Moves) -> anyhow::Result<Ready> {
        keep_earlier(self.store, &mut page).await?;
        if self.connector.has_ratings_apart() {
            keep_ratings(self.store, &mut page).await?;
        }
        let config = self.config.clone();
        Ok(tokio::task::spawn_blocking(move || Ready::new(page, moves, &config)).await?)
    }

    /// Writes a page with its place.
    pub async fn write(&self, ready: &Ready) -> anyhow::Result<Saved> {
        let saved = self
            .store
            .save_page(self.source, &ready.page, self.now)
            .await?;
        tracing::debug!(source.id = %self.source, records.count = ready.page.conversations.len(), "page saved");
        Ok(saved)
    }
}

impl PullOutcome {
    /// Counts a page that was saved.
    pub(super) fn add(&mut self, ready: Ready, saved: Saved) {
        // Single records prove nothing about the source's pages.
        self.pages += u32::from(ready.page.moves != Moves::Nothing);
        self.saved = sum(self.saved, saved);
        self.skipped += ready.page.skipped.len() as u64;
        self.parked += ready.page.parked.len() as u64;
        self.remarks.extend(ready.remarks);
    }
}

/// A page on its way into the store.
pub(super) struct Ready {
    pub page: CleanPage,
    pub remarks: Vec<String>,
}

impl Ready {
    /// Cleans a page's records side by side; the order stays.
    fn new(page: Page, moves: Moves, config: &IngestConfig) -> Self {
        let mut clean = CleanPage {
            gone: page.gone,
            not_ours: page.not_ours,
            skipped: page.skipped,
            parked: page.parked,
            sweep: page.sweep,
            moves,
            next: Some(page.next),
            complete_until: page.complete_until,
            is_last: page.is_last,
            ..CleanPage::default()
        };
        let mut conversations = Vec::new();
        for record in page.records {
            match record {
                Record::Conversation(conversation) => conversations.push(*conversation),
                Record::Deleted { key, at } => clean.deleted.push((key, at)),
                Record::Merged { key, into, at } => clean.merged.push((key, into, at)),
            }
        }
        let prepared = conversations
            .into_par_iter()
            .map(|one| prepare(one, config));
        clean.conversations = prepared.collect::<Vec<Stored>>();
        Self {
            page: clean,
            remarks: page.remarks,
        }
    }
}

fn sum(left: Saved, right: Saved) -> Saved {
    Saved {
        new: left.new + right.new,
        changed: left.changed + right.changed,
        unchanged: left.unchanged + right.unchanged,
        removed: left.removed + right.removed,
    }
}

pub(super) fn report(source: &SourceId, outcome: &PullOutcome, what: &str) {
    for remark in &outcome.remarks {
        tracing::warn!(source.id = %source, reason = %remark, "pull noticed something");
    }
    tracing::info!(
        source.id = %source,
        page.count = outcome.pages,
        conversation.new_count = outcome.saved.new,
        conversation.changed_count = outcome.saved.changed,
        conversation.unchanged_count = outcome.saved.unchanged,
        conversation.removed_count = outcome.saved.removed,
        skipped.count = outcome.skipped,
        parked.count = outcome.parked,
        is_complete = outcome.is_complete,
        "{what}"
    );
}

/// When to try again after `failures` failures in a row: as late as told, else one minute doubled each time up to an
/// hour, with up to a quarter more that depends on the source, so that sources do not knock together.
pub fn back_off(
    error: &PullError,
    source: &SourceId,
    failures: u32,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let doubled = BACK_OFF_MIN_S << failures.min(6);
    let wait = doubled.min(BACK_OFF_MAX_S);
    let wait = wait + jitter(source, failures) % (wait / 4);
    let told = match error {
        PullError::RateLimited {
            retry_after_s: Some(seconds),
        } => i64::try_from(*seconds).unwrap_or(i64::MAX),
        _ => 0,
    };
    let wait = if told > 0 {
        told.saturating_add(jitter(source, failures) % 5)
    } else {
        wait
    };
    TimeDelta::try_seconds(wait)
        .and_then(|wait| now.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The same every time, different for each source and attempt.
fn jitter(source: &SourceId, failures: u32) -> i64 {
    let bytes = source.as_str().bytes().chain(failures.to_le_bytes());
    i64::from((hash(bytes) >> 40) as u32)
}

pub(super) fn fingerprint(cursor: &Cursor) -> u64 {
    hash(cursor.0.bytes())
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn waits_double_up_to_an_hour_and_are_never_shorter_than_told() {
        let (source, now) = (SourceId::from("desk"), at("2026-03-02T00:00:00Z"));
        let wait = |error: &PullError, failures| {
            (back_off(error, &source, failures, now) - now).num_seconds()
        };
        let broken = PullError::Transient("no answer".into());
        for (failures, least) in [
            (0, 60),
            (1, 120),
            (2, 240),
            (5, 1_920),
            (6, 3_600),
            (40, 3_600),
        ] {
            let seconds = wait(&broken, failures);
            assert!(
                (least..=least + least / 4).contains(&seconds),
                "{failures}: {seconds}"
            );
            assert_eq!(seconds, wait(&broken, failures));
        }
        let told = |seconds| PullError::RateLimited {
            retry_after_s: Some(seconds),
        };
        assert!((93..98).contains(&wait(&told(93), 0)));
        assert!((7_200..7_205).contains(&wait(&told(7_200), 0)));
        assert!((60..=75).contains(&wait(
            &PullError::RateLimited {
                retry_after_s: None
            },
            0
        )));
        assert_eq!(
            back_off(&told(u64::MAX), &source, 0, now),
            DateTime::<Utc>::MAX_UTC
        );
        assert_ne!(
            wait(&broken, 6),
            (back_off(&broken, &SourceId::from("mail"), 6, now) - now).num_seconds()
        );
    }
}
