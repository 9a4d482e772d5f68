//! Earlier versions of conversations, so that a digest can be computed again, and an official report be understood, as of
//! the day on which it was made.
//!
//! A version is kept when it is replaced and a closed window had counted it, or when a report may have counted it
//! elsewhere: another category, another exclusion, opened or closed at another time. Words are kept only where a closing
//! had read them. Everything that replaces a version calls `keep` before, in the same transaction; nothing else writes here
//! but `forget`, which takes words and identity out and leaves their fingerprints.
//!
//! A trigger would do the same, in two languages, without knowing when and why; here it is one text for both databases.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::conversations::{FACT, exclusion, fact, key};
use super::fingerprint::{hex, of_identity, of_words};
use super::snapshot::WORDS;
use super::sql::{ManyRows, all, composed, get, instant, optional_instant, run, sql};
use super::{Store, Writing};
use crate::model::{ConversationKey, Earlier, Fact};

/// A stored version that is about to be replaced.
pub(super) struct Superseded<'a> {
    pub source: &'a str,
    pub id: &'a str,
    /// The number of the change that replaces it.
    pub by: i64,
    /// When the source replaced it; none where only the topic changes.
    pub at: Option<DateTime<Utc>>,
    /// Whether a closed window counted it. If not, it is kept without saying who the customer was.
    pub was_counted: bool,
    /// Whether its words are replaced too, and a closing may have read them.
    pub was_read: bool,
}

/// A version that a closed window counted, of which only the topic changes.
pub(super) fn only_topic<'a>(source: &'a str, id: &'a str, by: i64) -> Superseded<'a> {
    Superseded {
        source,
        id,
        by,
        at: None,
        was_counted: true,
        was_read: false,
    }
}

const KEPT_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO conversation_history (source, id, from_change, to_change, superseded_at, \
             account, requester, kind, created_at, closed_at, stored_at, exclusion, merged_into, \
             status, category, channel, product, priority, csat, reopens, tags, language, text_hash, \
             topic) SELECT c.source, c.id, c.change_number, v.column3, v.column4, \
             CASE WHEN v.column5 = 1 THEN c.account END, \
             CASE WHEN v.column5 = 1 THEN c.requester END, c.kind, c.created_at, c.closed_at, \
             c.stored_at, c.exclusion, c.merged_into, c.status, c.category, c.channel, c.product, \
             c.priority, c.csat, c.reopens, c.tags, c.language, c.text_hash, c.topic \
             FROM conversations c JOIN (",
    row: "($, $, $, $, $)",
    after: ") AS v ON c.source = v.column1 AND c.id = v.column2 WHERE c.created_at IS NOT NULL",
};

const KEPT_WORDS: ManyRows = ManyRows {
    before: "INSERT INTO word_history (source, id, from_change, to_change, subject, messages, \
             tags, attributes, url, text) SELECT w.source, w.id, w.change_number, v.column3, \
             w.subject, w.messages, w.tags, w.attributes, w.url, w.text \
             FROM words w JOIN conversations c ON c.source = w.source AND c.id = w.id JOIN (",
    row: "($, $, $)",
    after: ") AS v ON w.source = v.column1 AND w.id = v.column2 \
            WHERE c.read_change >= w.change_number",
};

/// Copies versions that are about to be replaced.
pub(super) async fn keep(writing: &mut Writing, old: &[Superseded<'_>]) -> anyhow::Result<()> {
    KEPT_ROWS
        .all(writing, old, |old, values| {
            let values = values.text(old.source).text(old.id).number(old.by);
            let values = values.optional_time(old.at);
            values.number(i64::from(old.was_counted));
        })
        .await?;
    let read: Vec<&Superseded<'_>> = old.iter().filter(|old| old.was_read).collect();
    KEPT_WORDS
        .all(writing, &read, |old, values| {
            values.text(old.source).text(old.id).number(old.by);
        })
        .await
}

/// Takes words and identity out of the history of conversations; what a digest counted of them stays, and the fingerprints.
pub(super) async fn erase(
    writing: &mut Writing,
    keys: &BTreeSet<ConversationKey>,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    writing.note_erased();
    for key in keys {
        let ask = composed(format!(
            "{FACT}, text_hash, from_change FROM conversation_history \
             WHERE source = $1 AND id = $2 AND erased_at IS NULL"
        ));
        let ask = ask.bind(key.source.0.clone()).bind(key.id.clone());
        let versions = all(writing.connection(), ask, |row| {
            let identity = of_identity(&fact(row)?, get(row, 15)?);
            Ok((identity, get::<i64>(row, 16)?))
        });
        for (fingerprint, from) in versions.await? {
            let erase = sql(
                "UPDATE conversation_history SET account = NULL, requester = NULL, text_hash = '', tags = '[]', \
                 erased_at = $4, fingerprint = $5 WHERE source = $1 AND id = $2 AND from_change = $3",
            );
            run_erase(writing, erase, key, from, now, &fingerprint).await?;
        }
        let ask = composed(format!(
            "SELECT {WORDS}, from_change FROM word_history \
             WHERE source = $1 AND id = $2 AND erased_at IS NULL"
        ));
        let ask = ask.bind(key.source.0.clone()).bind(key.id.clone());
        let versions = all(writing.connection(), ask, |row| {
            Ok((
                of_words(row, [0, 1, 2, 3, 4, 5, 6, 7])?,
                get::<i64>(row, 8)?,
            ))
        });
        for (fingerprint, from) in versions.await? {
            let erase = sql(
                "UPDATE word_history SET subject = NULL, messages = NULL, tags = NULL, \
                 attributes = NULL, url = NULL, text = NULL, erased_at = $4, fingerprint = $5 \
                 WHERE source = $1 AND id = $2 AND from_change = $3",
            );
            run_erase(writing, erase, key, from, now, &fingerprint).await?;
        }
    }
    Ok(())
}

async fn run_erase(
    writing: &mut Writing,
    erase: super::sql::Statement,
    key: &ConversationKey,
    from: i64,
    now: DateTime<Utc>,
    fingerprint: &[u8],
) -> anyhow::Result<()> {
    let erase = erase
        .bind(key.source.0.clone())
        .bind(key.id.clone())
        .bind(from)
        .bind(now.timestamp_micros())
        .bind(hex(fingerprint));
    run(writing.connection(), erase).await?;
    Ok(())
}

/// Conversations whose history still names a requester.
pub(super) async fn of_requester(
    writing: &mut Writing,
    requester: &str,
) -> anyhow::Result<BTreeSet<ConversationKey>> {
    let ask = sql("SELECT DISTINCT source, id FROM conversation_history WHERE requester = $1");
    let keys = all(writing.connection(), ask.bind(requester.to_owned()), key);
    Ok(keys.await?.into_iter().collect())
}

impl Store {
    /// The facts with what their sources said before of them, as of a change number.
    pub async fn with_earlier(
        &self,
        mut facts: Vec<Fact>,
        as_of: i64,
    ) -> anyhow::Result<Vec<Fact>> {
        let mut earlier = self.earlier(&facts, as_of).await?;
        if !earlier.is_empty() {
            for fact in &mut facts {
                fact.earlier = earlier.remove(&fact.key).unwrap_or_default();
            }
        }
        Ok(facts)
    }

    /// What the source said before of these conversations, as of a change number: each version with the time at which it
    /// was replaced, sorted by key and time. What a report counted at a time is the first version replaced after that
    /// time, else the fact itself. Versions that differ only in their topic are left out.
    pub async fn earlier(
        &self,
        facts: &[Fact],
        as_of: i64,
    ) -> anyhow::Result<BTreeMap<ConversationKey, Vec<Earlier>>> {
        let opened = facts.iter().map(|fact| fact.created_at.timestamp_micros());
        let (Some(first), Some(last)) = (opened.clone().min(), opened.max()) else {
            return Ok(BTreeMap::new());
        };
        let ask = sql(
            "SELECT source, id, superseded_at, created_at, closed_at, category, exclusion \
             FROM conversation_history WHERE superseded_at IS NOT NULL AND to_change <= $3 \
             AND created_at >= $1 AND created_at <= $2 ORDER BY source, id, from_change",
        );
        let ask = ask.bind(first).bind(last).bind(as_of);
        let versions = self.read_all(ask, |row| Ok((key(row)?, earlier(row)?)));
        let mut found: BTreeMap<ConversationKey, Vec<Earlier>> = BTreeMap::new();
        for (key, earlier) in versions.await? {
            // The facts are sorted by key.
            if facts.binary_search_by(|fact| fact.key.cmp(&key)).is_ok() {
                found.entry(key).or_default().push(earlier);
            }
        }
        Ok(found)
    }
}

fn earlier(row: &AnyRow) -> anyhow::Result<Earlier> {
    Ok(Earlier {
        until: instant(row, 2)?,
        created_at: instant(row, 3)?,
        closed_at: optional_instant(row, 4)?,
        category: get(row, 5)?,
        exclusion: exclusion(row, 6)?,
    })
}
