//! Reads history, beside the daily pull and with a position of its own: some pages at a time, each with that position in
//! one transaction. Whatever ends it, it goes on where the last saved page left it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::IngestConfig;
use super::pull::{Pull, PullFailure, PullOutcome, back_off, fingerprint, refuse_repeated, report};
use crate::connectors::{Connector, PullError};
use crate::model::SourceId;
use crate::store::{Backfill, Moves, Store};

/// No further page is begun after so long, whatever is left: others wait for their turn.
const LONGEST: Duration = Duration::from_secs(60);

/// Reads up to `pages_max` pages of a source's history. Fetching goes on beside all other work; a page is saved when it is
/// its `turn`, so that nothing that is being counted changes meanwhile. A failure of the source is recorded beside that of
/// the daily pull, which it does not hold up.
pub async fn backfill_source(
    store: &Store,
    connector: &dyn Connector,
    source: &SourceId,
    config: &IngestConfig,
    now: DateTime<Utc>,
    pages_max: u32,
    turn: &Mutex<()>,
) -> anyhow::Result<PullOutcome> {
    let mut pull = Pull {
        store,
        connector,
        source,
        config,
        now,
        outcome: PullOutcome::default(),
    };
    let progress = store.source_progress().await?;
    let known = progress.into_iter().find(|progress| progress.id == *source);
    let Some(known) = known.and_then(|known| known.backfill) else {
        return Ok(pull.outcome);
    };
    if known.finished_at.is_some() {
        pull.outcome.is_complete = true;
        return Ok(pull.outcome);
    }
    if let Err(error) = pages(&mut pull, &known, pages_max, turn).await? {
        let attempt = if pull.outcome.pages > 0 {
            0
        } else {
            known.failures
        };
        let retry_at = back_off(&error, source, attempt, now);
        store
            .record_backfill_failure(source, &error.to_string(), retry_at)
            .await?;
        tracing::warn!(source.id = %source, reason = %error, retry_at = %retry_at, "backfill failed");
        pull.outcome.failure = Some(PullFailure { error, retry_at });
    }
    report(source, &pull.outcome, "history read");
    Ok(pull.outcome)
}

async fn pages(
    pull: &mut Pull<'_>,
    known: &Backfill,
    pages_max: u32,
    turn: &Mutex<()>,
) -> anyhow::Result<Result<(), PullError>> {
    let started = Instant::now();
    let mut cursor = known.cursor.clone();
    let mut seen: BTreeSet<u64> = cursor.iter().map(fingerprint).collect();
    while !pull.outcome.is_complete && pull.outcome.pages < pages_max && started.elapsed() < LONGEST
    {
        let (connector, now) = (pull.connector, pull.now);
        let fetched = connector.backfill(cursor.as_ref(), known.until, now).await;
        let mut page = match fetched.and_then(|page| refuse_repeated(page, &seen)) {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        page.sweep = None;
        cursor = Some(page.next.clone());
        seen.extend(cursor.as_ref().map(fingerprint));
        let (is_last, reached) = (page.is_last, page.reached);
        let _held = turn.lock().await;
        pull.save(page, Moves::Backfill(reached)).await?;
        pull.outcome.is_complete = is_last;
    }
    Ok(Ok(()))
}
