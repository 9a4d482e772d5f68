//! The sources as pages and API show them: how far each is, and what is wrong with it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::app::App;
use crate::clock;
use crate::schedule::{self, Standing};

/// A source as lists show it.
#[derive(Serialize)]
pub struct SourceRow {
    /// Its id.
    pub source: String,
    /// Records stored so far.
    pub records: u64,
    /// Records skipped so far.
    pub skipped: u64,
    /// Until when it is complete, in the configured zone.
    pub complete_until: String,
    /// When it is pulled next, in the configured zone.
    pub next_try: String,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure's sentence.
    pub error: Option<String>,
    /// The newest skipped records with their reasons.
    pub newest_skipped: Vec<(String, String)>,
    /// Records that could not be read and are tried again.
    pub parked: u64,
    /// Those of them that were tried most often, with their reasons.
    pub most_tried: Vec<(String, String)>,
    /// Deletions that are held back, and what to do, where there are any.
    pub held_line: Option<String>,
    /// How the reading of history stands, where it does not come with the daily pull.
    pub backfill: Option<Standing>,
    /// The same in one line.
    pub backfill_line: Option<String>,
}

/// Every configured source with its state.
pub async fn of(app: &App) -> anyhow::Result<Vec<SourceRow>> {
    let zone = app.config.calendar.zone;
    let time = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let progress = schedule::Progress {
        sources: app.store.source_progress().await?,
        hints: app.hints.newest(),
        ..Default::default()
    };
    let mut rows = Vec::new();
    for source in &app.config.sources {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        let next = schedule::pull_at(source, &progress).filter(|at| *at > clock::now());
        let skipped = app.store.skipped(&source.id, 20).await?;
        let parked = app.store.parked(&source.id, 20).await?;
        let backfill = known.and_then(|known| schedule::standing(source, known, clock::now()));
        rows.push(SourceRow {
            source: source.id.to_string(),
            records: known.map_or(0, |known| known.records),
            skipped: known.map_or(0, |known| known.skipped),
            complete_until: known
                .and_then(|k| k.complete_until)
                .map_or("never".into(), time),
            next_try: next.map_or("now".into(), time),
            failures: known.map_or(0, |known| known.failures),
            error: known.and_then(|known| known.error.clone()),
            newest_skipped: skipped
                .into_iter()
                .map(|(s, _)| (s.place, s.reason))
                .collect(),
            parked: known.map_or(0, |known| known.parked),
            most_tried: parked.into_iter().map(|row| (row.id, row.reason)).collect(),
            held_line: known.and_then(|known| known.held_line()),
            backfill_line: backfill.as_ref().map(|standing| standing.line(zone)),
            backfill,
        });
    }
    Ok(rows)
}
