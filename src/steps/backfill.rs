//! Reads some of a source's history.

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::ingest::{PullOutcome, backfill_source};
use crate::model::SourceId;

/// Pages that are read before it is looked again whether something else is due.
const PAGES_PER_ROUND: u32 = 5;

/// Reads some pages of a source's history. A failing helpdesk is recorded, with the time of the next try.
pub async fn backfill(
    app: &App,
    source: &SourceId,
    now: DateTime<Utc>,
) -> anyhow::Result<PullOutcome> {
    let connector = app
        .connectors
        .get(source)
        .context("the source is not configured")?;
    let outcome = backfill_source(
        &app.store,
        connector.as_ref(),
        source,
        &app.config.ingest,
        now,
        PAGES_PER_ROUND,
        &app.turn,
    )
    .await?;
    super::count(app, source, &outcome);
    Ok(outcome)
}
