//! How far each source is: cursor, watermark, failures, and what could not be read.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{
    ManyRows, count, get, instant, optional_instant, plain, run, small_count, sql, whole,
};
use super::{CleanPage, Saved, SourceProgress, Store, Writing};
use crate::connectors::{Cursor, Skipped};
use crate::model::SourceId;

impl Store {
    /// All sources that were ever pulled or tried, sorted by id.
    pub async fn source_progress(&self) -> anyhow::Result<Vec<SourceProgress>> {
        let ask = sql(
            "SELECT s.id, s.cursor, s.complete_until, s.finished_at, s.failures, \
                       s.error, s.retry_at, s.records, \
                       (SELECT count(*) FROM skipped k WHERE k.source = s.id) \
                       FROM sources s ORDER BY s.id",
        );
        self.read_all(ask, progress).await
    }

    /// Notes that a pull failed; the cursor stays.
    pub async fn record_pull_failure(
        &self,
        source: &SourceId,
        error: &str,
        retry_at: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let note = sql(
            "INSERT INTO sources (id, failures, error, retry_at, records) \
                        VALUES ($1, 1, $2, $3, 0) ON CONFLICT (id) DO UPDATE SET \
                        failures = sources.failures + 1, error = excluded.error, \
                        retry_at = excluded.retry_at",
        );
        let note = note
            .bind(plain(source.as_str()))
            .bind(plain(error))
            .bind(retry_at.timestamp_micros());
        let mut writing = self.begin().await?;
        run(writing.connection(), note).await?;
        writing.commit().await
    }

    /// The newest skipped records of a source.
    pub async fn skipped(
        &self,
        source: &SourceId,
        limit: u32,
    ) -> anyhow::Result<Vec<(Skipped, DateTime<Utc>)>> {
        let ask = sql(
            "SELECT place, reason, skipped_at FROM skipped WHERE source = $1 \
                       ORDER BY skipped_at DESC, place LIMIT $2",
        );
        let ask = ask.bind(plain(source.as_str())).bind(i64::from(limit));
        self.read_all(ask, |row| {
            let (place, reason) = (get(row, 0)?, get(row, 1)?);
            Ok((Skipped { place, reason }, instant(row, 2)?))
        })
        .await
    }
}

fn progress(row: &AnyRow) -> anyhow::Result<SourceProgress> {
    let id: String = get(row, 0)?;
    Ok(SourceProgress {
        id: SourceId(id),
        cursor: get::<Option<String>>(row, 1)?.map(Cursor),
        complete_until: optional_instant(row, 2)?,
        finished_at: optional_instant(row, 3)?,
        failures: small_count(row, 4)?,
        error: get(row, 5)?,
        retry_at: optional_instant(row, 6)?,
        records: count(row, 7)?,
        skipped: count(row, 8)?,
    })
}

/// Moves a source on by a page, in the transaction that writes the page. The watermark never goes back.
pub(super) async fn advance(
    writing: &mut Writing,
    source: &SourceId,
    page: &CleanPage,
    saved: Saved,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let advance = sql("INSERT INTO sources \
        (id, cursor, complete_until, finished_at, failures, records) \
        VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (id) DO UPDATE SET \
        cursor = COALESCE(excluded.cursor, sources.cursor), \
        complete_until = CASE WHEN excluded.complete_until IS NULL \
            OR sources.complete_until > excluded.complete_until \
            THEN sources.complete_until ELSE excluded.complete_until END, \
        finished_at = COALESCE(excluded.finished_at, sources.finished_at), \
        failures = 0, error = NULL, retry_at = NULL, \
        records = sources.records + excluded.records");
    let stored = saved.new + saved.changed + saved.removed;
    let advance = advance
        .bind(plain(source.as_str()))
        .bind(page.next.as_ref().map(|cursor| plain(&cursor.0)))
        .bind(page.complete_until.map(|at| at.timestamp_micros()))
        .bind(page.is_last.then(|| now.timestamp_micros()))
        .bind(whole(stored));
    run(writing.connection(), advance).await?;
    keep_skipped(writing, source, &page.skipped, now).await
}

/// A record that is skipped again, because its page repeats, is kept once.
async fn keep_skipped(
    writing: &mut Writing,
    source: &SourceId,
    skipped: &[Skipped],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    // One statement cannot meet the same row twice.
    let by_place: std::collections::BTreeMap<String, &Skipped> =
        skipped.iter().map(|one| (plain(&one.place), one)).collect();
    let rows: Vec<&Skipped> = by_place.into_values().collect();
    let insert = ManyRows {
        before: "INSERT INTO skipped (source, place, reason, skipped_at)",
        row: "($, $, $, $)",
        after: "ON CONFLICT (source, place) DO UPDATE SET reason = excluded.reason, \
                   skipped_at = excluded.skipped_at",
    };
    insert
        .all(writing, &rows, |one, values| {
            values
                .text(source.as_str())
                .text(&one.place)
                .text(&one.reason)
                .time(now);
        })
        .await
}
