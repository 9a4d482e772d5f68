//! How far each source is: cursor, watermark, failures, its backfill, and what could not be read.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{
    ManyRows, Statement, count, get, instant, optional_instant, plain, run, small_count, sql, whole,
};
use super::{CleanPage, Moves, Saved, Store, Writing};
use crate::connectors::{Cursor, Skipped};
use crate::model::SourceId;
use crate::schedule::SHOWN_LATE_MAX;

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
    /// Records that are tried again by themselves.
    pub parked: u64,
    /// Deletions that the brake holds back.
    pub deletions_held: u64,
    /// When its vendor last said that something changed, as long as that was not pulled.
    pub hinted_at: Option<DateTime<Utc>>,
    /// The reading of its history, where that is not part of the daily pull.
    pub backfill: Option<Backfill>,
}

/// How far the history of a source is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Backfill {
    /// Up to here history goes: what changed later comes with the daily pull.
    pub until: DateTime<Utc>,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// When its first page was saved.
    pub began_at: Option<DateTime<Utc>>,
    /// Everything that changed since then is read.
    pub reached: Option<DateTime<Utc>>,
    /// When the last page was saved.
    pub finished_at: Option<DateTime<Utc>>,
    /// Records stored of it.
    pub records: u64,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure's sentence.
    pub error: Option<String>,
    /// Not to be tried before, after a failure.
    pub retry_at: Option<DateTime<Utc>>,
}

impl Backfill {
    /// Whether everything that changed since an instant is read.
    pub fn covers(&self, instant: DateTime<Utc>) -> bool {
        self.finished_at.is_some() || self.reached.unwrap_or(self.until) <= instant
    }
}

impl SourceProgress {
    /// What a person should know of deletions that are held back, and what to do.
    pub fn held_line(&self) -> Option<String> {
        (self.deletions_held > 0).then(|| {
            let gone = match self.deletions_held {
                1 => "1 conversation is".to_owned(),
                held => format!("{held} conversations are"),
            };
            format!(
                "{gone} gone from the helpdesk, too many within a week for everyday deletions, so none of them was deleted \
                 here; check whether the credentials lost rights or the helpdesk was installed anew. If they were really \
                 deleted there: groundswell source allow-deletions {}",
                self.id
            )
        })
    }
}

impl Store {
    /// All sources that were ever pulled or tried, sorted by id.
    pub async fn source_progress(&self) -> anyhow::Result<Vec<SourceProgress>> {
        let ask = sql(
            "SELECT s.id, s.cursor, s.complete_until, s.finished_at, s.failures, \
                       s.error, s.retry_at, s.records, \
                       (SELECT count(*) FROM skipped k WHERE k.source = s.id), \
                       (SELECT count(*) FROM parked p WHERE p.source = s.id), \
                       s.began_at, s.backfill_cursor, s.backfill_began_at, s.backfilled_to, \
                       s.backfill_finished_at, s.backfill_records, s.backfill_failures, \
                       s.backfill_error, s.backfill_retry_at, s.deletions_held, \
                       s.hinted_at \
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
        self.note(note).await
    }

    /// Notes that a source's vendor said that something changed. Of what it said nothing is kept.
    pub async fn record_hint(&self, source: &SourceId, at: DateTime<Utc>) -> anyhow::Result<()> {
        let note = sql("UPDATE sources SET hinted_at = $2 WHERE id = $1 \
                        AND (hinted_at IS NULL OR hinted_at < $2)");
        let note = note
            .bind(plain(source.as_str()))
            .bind(at.timestamp_micros());
        self.note(note).await
    }

    /// Notes that reading history failed; its cursor stays, and the daily pull goes on.
    pub async fn record_backfill_failure(
        &self,
        source: &SourceId,
        error: &str,
        retry_at: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let note = sql(
            "UPDATE sources SET backfill_failures = backfill_failures + 1, \
                        backfill_error = $2, backfill_retry_at = $3 WHERE id = $1",
        );
        let note = note
            .bind(plain(source.as_str()))
            .bind(plain(error))
            .bind(retry_at.timestamp_micros());
        self.note(note).await
    }

    async fn note(&self, note: Statement) -> anyhow::Result<()> {
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
        parked: count(row, 9)?,
        deletions_held: count(row, 19)?,
        hinted_at: optional_instant(row, 20)?,
        backfill: backfill(row)?,
    })
}

fn backfill(row: &AnyRow) -> anyhow::Result<Option<Backfill>> {
    let Some(until) = optional_instant(row, 10)? else {
        return Ok(None);
    };
    Ok(Some(Backfill {
        until,
        cursor: get::<Option<String>>(row, 11)?.map(Cursor),
        began_at: optional_instant(row, 12)?,
        reached: optional_instant(row, 13)?,
        finished_at: optional_instant(row, 14)?,
        records: count(row, 15)?,
        failures: small_count(row, 16)?,
        error: get(row, 17)?,
        retry_at: optional_instant(row, 18)?,
    }))
}

/// Moves a source on by a page, in the transaction that writes the page.
pub(super) async fn advance(
    writing: &mut Writing,
    source: &SourceId,
    page: &CleanPage,
    saved: Saved,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let stored = whole(saved.new + saved.changed + saved.removed);
    let (id, is_last) = (plain(source.as_str()), page.is_last);
    let cursor = page.next.as_ref().map(|cursor| plain(&cursor.0));
    let finished_at = is_last.then(|| now.timestamp_micros());
    let micros = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let statement = match page.moves {
        Moves::Nothing => sql(READ_AGAIN).bind(id).bind(stored),
        Moves::Backfill(reached) => sql(BACKFILL)
            .bind(id)
            .bind(cursor)
            .bind(now.timestamp_micros())
            // Some say "the beginning of time", which fits into no other program's idea of a date.
            .bind(micros(reached.map(|at| at.max(DateTime::UNIX_EPOCH))))
            .bind(finished_at)
            .bind(stored),
        Moves::Daily | Moves::DailyFrom(_) => sql(DAILY)
            .bind(id)
            .bind(cursor)
            .bind(micros(page.complete_until))
            .bind(finished_at)
            .bind(stored)
            .bind(match page.moves {
                Moves::DailyFrom(at) => Some(at.timestamp_micros()),
                _ => None,
            })
            .bind(SHOWN_LATE_MAX.num_microseconds()),
    };
    run(writing.connection(), statement).await?;
    keep_skipped(writing, source, &page.skipped, now).await
}

/// The watermark never goes back. A hint is over once a pull ended well that must have seen what it was about.
const DAILY: &str = "INSERT INTO sources \
    (id, cursor, complete_until, finished_at, failures, records, began_at) \
    VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT (id) DO UPDATE SET \
    cursor = COALESCE(excluded.cursor, sources.cursor), \
    complete_until = CASE WHEN excluded.complete_until IS NULL \
        OR sources.complete_until > excluded.complete_until \
        THEN sources.complete_until ELSE excluded.complete_until END, \
    finished_at = COALESCE(excluded.finished_at, sources.finished_at), \
    failures = 0, error = NULL, retry_at = NULL, \
    records = sources.records + excluded.records, \
    began_at = COALESCE(sources.began_at, excluded.began_at), \
    hinted_at = CASE WHEN excluded.finished_at >= sources.hinted_at AND \
        (excluded.complete_until >= sources.hinted_at \
         OR excluded.finished_at >= sources.hinted_at + $7) \
        THEN NULL ELSE sources.hinted_at END";

/// What is read only grows.
const BACKFILL: &str = "UPDATE sources SET backfill_cursor = COALESCE($2, backfill_cursor), \
    backfill_began_at = COALESCE(backfill_began_at, $3), \
    backfilled_to = CASE WHEN $4 IS NULL OR backfilled_to < $4 THEN backfilled_to ELSE $4 END, \
    backfill_finished_at = COALESCE($5, backfill_finished_at), \
    backfill_records = backfill_records + $6, backfill_failures = 0, backfill_error = NULL, \
    backfill_retry_at = NULL, records = records + $6 WHERE id = $1";

/// Single records say nothing of how far the source is, nor whether it is well.
const READ_AGAIN: &str = "UPDATE sources SET records = records + $2 WHERE id = $1";

/// A record that is skipped again, because its page repeats, is kept once.
pub(super) async fn keep_skipped(
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
