//! Records that were named but could not be read, and the walks that find what is gone without a word. What is parked is
//! read again by itself, with growing pauses; what was tried often in vain is skipped, and shown as such.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::dialect::ListParameter;
use super::gone;
use super::progress::keep_skipped;
use super::sql::{ManyRows, all, composed, get, instant, json_list, plain, run, small_count, sql};
use super::{CleanPage, Store, Writing};
use crate::connectors::{Parked, Skipped, Sweep};
use crate::model::SourceId;

/// Vain tries after which a record is given up: about five days.
const ATTEMPTS_MAX: u32 = 12;

/// The first pause before a parked record is tried again.
const PAUSE_MIN_S: i64 = 5 * 60;

/// The longest pause that nobody asked for.
const PAUSE_MAX_S: i64 = 24 * 3_600;

/// Why a record is read that a walk over everything met.
const NEVER_READ: &str = "in the list of everything, but never in a list of changes";

/// Why a conversation is read again that a walk over everything did not meet.
const NOT_MET: &str = "not in the list of everything any more";

/// A record that waits to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRow {
    /// Its helpdesk id.
    pub id: String,
    /// Why, without the customer's words.
    pub reason: String,
    /// Tries so far.
    pub attempts: u32,
    /// Not before.
    pub retry_at: DateTime<Utc>,
}

impl Store {
    /// Ids of parked records that are to be read again by now, those that wait longest first. While deletions are held
    /// back, those that were missed wait for a person.
    pub async fn due_parked(
        &self,
        source: &SourceId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> anyhow::Result<Vec<String>> {
        let ask = sql(
            "SELECT id FROM parked WHERE source = $1 AND retry_at <= $2 \
                       AND (is_missing = 0 OR NOT EXISTS (SELECT 1 FROM sources s \
                            WHERE s.id = parked.source AND s.deletions_held > 0)) \
                       ORDER BY retry_at, id LIMIT $3",
        );
        let ask = ask
            .bind(plain(source.as_str()))
            .bind(now.timestamp_micros())
            .bind(i64::from(limit));
        self.read_all(ask, |row| get(row, 0)).await
    }

    /// Parked records of a source, those that were tried most often first.
    pub async fn parked(&self, source: &SourceId, limit: u32) -> anyhow::Result<Vec<ParkedRow>> {
        let ask = sql(
            "SELECT id, reason, attempts, retry_at FROM parked WHERE source = $1 \
                       ORDER BY attempts DESC, retry_at, id LIMIT $2",
        );
        let ask = ask.bind(plain(source.as_str())).bind(i64::from(limit));
        self.read_all(ask, |row| {
            Ok(ParkedRow {
                id: get(row, 0)?,
                reason: get(row, 1)?,
                attempts: small_count(row, 2)?,
                retry_at: instant(row, 3)?,
            })
        })
        .await
    }
}

/// What a page says of parked records and of a walk, in the transaction that writes the page.
pub(super) async fn settle(
    writing: &mut Writing,
    source: &SourceId,
    page: &CleanPage,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    unpark(writing, source, &arrived(page)).await?;
    park(writing, source, &page.parked, now).await?;
    gone::meet(writing, source, page, now).await?;
    gone::note(writing, source, &page.gone, now).await?;
    match &page.sweep {
        Some(sweep) => walk(writing, source, sweep, now).await,
        None => Ok(()),
    }
}

/// Ids that are parked no longer: what arrived, whatever it says, and what turned out to be unreadable for good.
fn arrived(page: &CleanPage) -> BTreeSet<&str> {
    let conversations = page.conversations.iter();
    let keys = conversations
        .map(|one| &one.conversation.key)
        .chain(page.deleted.iter().map(|(key, _)| key))
        .chain(page.merged.iter().map(|(key, _, _)| key));
    let skipped = page.skipped.iter().map(|one| one.place.as_str());
    let gone = page.gone.iter().chain(&page.not_ours).map(String::as_str);
    let mut ids: BTreeSet<&str> = keys
        .map(|key| key.id.as_str())
        .chain(skipped)
        .chain(gone)
        .collect();
    // A record of which only a part could be read goes on waiting, with its number of tries.
    for parked in &page.parked {
        ids.remove(parked.id.as_str());
    }
    ids
}

async fn unpark(
    writing: &mut Writing,
    source: &SourceId,
    ids: &BTreeSet<&str>,
) -> anyhow::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let listed = writing.dialect.listed(ListParameter::Second);
    let remove = composed(format!(
        "DELETE FROM parked WHERE source = $1 AND id IN ({listed})"
    ));
    let remove = remove
        .bind(plain(source.as_str()))
        .bind(json_list(ids.iter().copied()));
    run(writing.connection(), remove).await.map(drop)
}

/// One more vain try for each.
async fn park(
    writing: &mut Writing,
    source: &SourceId,
    parked: &[Parked],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if parked.is_empty() {
        return Ok(());
    }
    // One statement cannot meet the same row twice.
    let by_id: BTreeMap<String, &Parked> = parked.iter().map(|one| (plain(&one.id), one)).collect();
    let before = attempts(writing, source, by_id.keys().map(String::as_str)).await?;
    let mut rows = Vec::new();
    let mut given_up = Vec::new();
    for (id, one) in &by_id {
        let attempts = before.get(id).copied().unwrap_or_default() + 1;
        if attempts < ATTEMPTS_MAX {
            rows.push((id, one, attempts));
            continue;
        }
        given_up.push(Skipped {
            place: id.clone(),
            reason: format!("{}; given up after {attempts} tries", one.reason),
        });
    }
    PARKED_ROWS
        .all(writing, &rows, |(id, one, attempts), values| {
            values
                .text(source.as_str())
                .text(id)
                .text(&one.reason)
                .number(i64::from(*attempts))
                .time(retry_at(*attempts, one.retry_after_s, now))
                .time(now)
                .number(i64::from(one.is_missing));
        })
        .await?;
    let ids = given_up.iter().map(|one| one.place.as_str()).collect();
    unpark(writing, source, &ids).await?;
    keep_skipped(writing, source, &given_up, now).await
}

/// When it was parked first stays, and what was missed stays missed.
const PARKED_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO parked (source, id, reason, attempts, retry_at, parked_at, is_missing)",
    row: "($, $, $, $, $, $, $)",
    after: "ON CONFLICT (source, id) DO UPDATE SET reason = excluded.reason, \
            attempts = excluded.attempts, retry_at = excluded.retry_at, \
            is_missing = CASE WHEN excluded.is_missing = 1 THEN 1 ELSE parked.is_missing END",
};

/// How often records that are parked were tried.
async fn attempts<'a>(
    writing: &mut Writing,
    source: &SourceId,
    ids: impl Iterator<Item = &'a str>,
) -> anyhow::Result<BTreeMap<String, u32>> {
    let listed = writing.dialect.listed(ListParameter::Second);
    let ask = composed(format!(
        "SELECT id, attempts FROM parked WHERE source = $1 AND id IN ({listed})"
    ));
    let ask = ask.bind(plain(source.as_str())).bind(json_list(ids));
    let found = all(writing.connection(), ask, |row| {
        Ok((get(row, 0)?, small_count(row, 1)?))
    });
    Ok(found.await?.into_iter().collect())
}

/// After so many vain tries: five minutes doubled each time up to a day, and never sooner than told.
fn retry_at(attempts: u32, told_s: Option<u64>, now: DateTime<Utc>) -> DateTime<Utc> {
    let doubled = PAUSE_MIN_S << attempts.saturating_sub(1).min(16);
    let told = i64::try_from(told_s.unwrap_or_default()).unwrap_or(i64::MAX);
    TimeDelta::try_seconds(doubled.min(PAUSE_MAX_S).max(told))
        .and_then(|pause| now.checked_add_signed(pause))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Notes what a walk met. At its end what is stored and was not met is parked, to be read at once; and so is what was met
/// and should have been read before, but never was.
async fn walk(
    writing: &mut Writing,
    source: &SourceId,
    sweep: &Sweep,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let ids: BTreeSet<String> = sweep.present.iter().map(|id| plain(id)).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let expected: BTreeSet<String> = sweep.expected.iter().map(|id| plain(id)).collect();
    PRESENT_ROWS
        .all(writing, &ids, |id, values| {
            values
                .text(source.as_str())
                .text(id)
                .time(sweep.started_at)
                .number(i64::from(expected.contains(id)));
        })
        .await?;
    if !sweep.is_over {
        return Ok(());
    }
    let since = sweep.since.map_or(i64::MIN, |at| at.timestamp_micros());
    for (statement, reason) in [(MISS, NOT_MET), (FIND, NEVER_READ)] {
        let park = sql(statement)
            .bind(plain(source.as_str()))
            .bind(plain(&sweep.prefix))
            .bind(sweep.started_at.timestamp_micros())
            .bind(reason)
            .bind(now.timestamp_micros())
            .bind(since);
        run(writing.connection(), park).await?;
    }
    let clear = sql("DELETE FROM present WHERE source = $1 AND substr(id, 1, length($2)) = $2")
        .bind(plain(source.as_str()))
        .bind(plain(&sweep.prefix));
    run(writing.connection(), clear).await.map(drop)
}

/// With the walk's beginning, so that what an abandoned walk met hides nothing.
const PRESENT_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO present (source, id, started_at, is_expected)",
    row: "($, $, $, $)",
    after: "ON CONFLICT (source, id) DO UPDATE SET started_at = excluded.started_at, \
            is_expected = excluded.is_expected",
};

/// Spam and empty ones too: once they are gone, their words must go.
const MISS: &str = "INSERT INTO parked (source, id, reason, attempts, retry_at, parked_at, is_missing) \
    SELECT c.source, c.id, $4, 0, $5, $5, 1 FROM conversations c \
    WHERE c.source = $1 AND c.created_at >= $6 AND c.created_at < $3 AND c.is_forgotten = 0 \
    AND COALESCE(c.exclusion, '') NOT IN ('deleted', 'merged') \
    AND substr(c.id, 1, length($2)) = $2 \
    AND NOT EXISTS (SELECT 1 FROM present p WHERE p.source = c.source AND p.id = c.id \
                    AND p.started_at = $3) \
    ON CONFLICT (source, id) DO NOTHING";

/// While history is still to be read, nobody knows what was missed. All of what a walk met lies in what it covers.
const FIND: &str = "INSERT INTO parked (source, id, reason, attempts, retry_at, parked_at, is_missing) \
    SELECT p.source, p.id, $4, 0, $5, $5, 0 FROM present p JOIN sources s ON s.id = p.source \
    WHERE p.source = $1 AND p.started_at = $3 AND p.started_at >= $6 AND p.is_expected = 1 \
    AND substr(p.id, 1, length($2)) = $2 \
    AND (s.began_at IS NULL OR s.backfill_finished_at IS NOT NULL) \
    AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.source = p.source AND c.id = p.id) \
    AND NOT EXISTS (SELECT 1 FROM skipped k WHERE k.source = p.source AND k.place = p.id) \
    ON CONFLICT (source, id) DO NOTHING";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_day_and_are_never_shorter_than_told() {
        let now = DateTime::UNIX_EPOCH;
        let minutes = |attempts, told| (retry_at(attempts, told, now) - now).num_minutes();
        assert_eq!(
            [1, 2, 3, 8, 9, 10, 40].map(|n| minutes(n, None)),
            [5, 10, 20, 640, 1_280, 1_440, 1_440]
        );
        assert_eq!(minutes(1, Some(60)), 5);
        assert_eq!(minutes(1, Some(7_200)), 120);
        assert_eq!(retry_at(1, Some(u64::MAX), now), DateTime::<Utc>::MAX_UTC);
    }
}
