//! Reads history, beside the daily pull and with a position of its own: some pages at a time, each with that position in
//! one transaction. Whatever ends it, it goes on where the last saved page left it.

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::IngestConfig;
use super::lane::Lane;
use super::pull::{Pull, PullFailure, PullOutcome, back_off, report};
use crate::connectors::Connector;
use crate::model::SourceId;
use crate::store::Store;

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
    let until = known.until;
    let lane = Lane::History { until, turn };
    let ended = pull.pages(lane, known.cursor, Vec::new(), pages_max);
    if let Err(error) = ended.await? {
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
