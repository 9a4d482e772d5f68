//! Conversations and their words as of a change number: what a closing counts and reads, and what a verification counts and
//! reads again. Both go through here, so that both see the same.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;

use super::Store;
use super::conversations::{FACT, STORED_COLUMNS, fact, key, stored};
use super::dialect::ListParameter;
use super::fingerprint::{from_hex, hex, of_fact, of_identity, of_words, with_earlier};
use super::sql::{all, composed, from_micros, get, json_list, plain, sql};
use crate::digest::{Fingerprint, Snapshot};
use crate::model::{ConversationKey, Fact, Stored};

/// Opened or closed in [$1, $2).
const IN_RANGE: &str = "created_at IS NOT NULL AND ((created_at >= $1 AND created_at < $2) \
                        OR (closed_at >= $1 AND closed_at < $2))";
/// Holds as of $3. The plus keeps SQLite from going through the index of changes, which would be all of it.
const HOLDS: &str = "+change_number <= $3";
/// Held as of $3.
const HELD: &str = "from_change <= $3 AND to_change > $3";
/// What `stored` needs of a conversation. When a source last touched it is not kept, and must not be seen.
const PLAIN: &str = "source, id, kind, created_at, created_at AS updated_at, closed_at, status, \
                     category, account, requester, channel, product, priority, csat, reopens, \
                     exclusion, merged_into, text_hash, language";
/// The columns of words, in the order of their fingerprint.
pub(super) const WORDS: &str = "source, id, subject, messages, tags, attributes, url, text";

/// The texts of conversations opened in [$1, $2) as of $3: those that are still the same, those whose conversation changed
/// and whose words did not, and those that were kept because they had been read.
const TEXTS: [&str; 3] = [
    "SELECT c.source, c.id, c.text_hash, w.text FROM conversations c \
     LEFT JOIN words w ON w.source = c.source AND w.id = c.id \
     WHERE +c.change_number <= $3 AND c.created_at >= $1 AND c.created_at < $2 AND c.text_hash <> ''",
    "SELECT c.source, c.id, c.text_hash, w.text FROM conversation_history c \
     JOIN words w ON w.source = c.source AND w.id = c.id WHERE c.from_change <= $3 \
     AND c.to_change > $3 AND c.created_at >= $1 AND c.created_at < $2 AND w.change_number <= $3",
    "SELECT c.source, c.id, c.text_hash, w.text FROM conversation_history c \
     JOIN word_history w ON w.source = c.source AND w.id = c.id WHERE c.from_change <= $3 \
     AND c.to_change > $3 AND c.created_at >= $1 AND c.created_at < $2 \
     AND w.from_change <= $3 AND w.to_change > $3 AND w.erased_at IS NULL",
];

/// The words of some conversations.
#[derive(Clone, Debug, Default)]
pub struct ReadWords {
    /// The conversations that have words.
    pub stored: BTreeMap<ConversationKey, Stored>,
    /// Of all, erased ones too, in the order of their keys.
    pub fingerprints: Vec<Fingerprint>,
    /// Those whose words `forget` has erased since.
    pub erased: Vec<ConversationKey>,
}

/// A conversation as it was counted, before it is one of many.
struct Seen {
    fact: Fact,
    fingerprint: Fingerprint,
    erased_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Conversations opened or closed in [from, to), as of a change, with what their sources said before of them.
    pub async fn snapshot(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        as_of: i64,
    ) -> anyhow::Result<Snapshot> {
        let ask = composed(format!(
            "{FACT}, text_hash, CAST(NULL AS TEXT), CAST(NULL AS BIGINT) FROM conversations \
             WHERE {HOLDS} AND {IN_RANGE} UNION ALL \
             {FACT}, text_hash, fingerprint, erased_at FROM conversation_history \
             WHERE {HELD} AND {IN_RANGE}"
        ));
        let ask = ask
            .bind(from.timestamp_micros())
            .bind(to.timestamp_micros())
            .bind(as_of);
        let mut seen = self.read_all(ask, seen).await?;
        seen.sort_unstable_by(|one, other| one.fact.key.cmp(&other.fact.key));
        let mut snapshot = Snapshot {
            facts: Vec::with_capacity(seen.len()),
            fingerprints: Vec::with_capacity(seen.len()),
            erased: BTreeMap::new(),
        };
        for one in seen {
            let erased = one.erased_at.map(|at| (one.fact.key.clone(), at));
            snapshot.erased.extend(erased);
            snapshot.facts.push(one.fact);
            snapshot.fingerprints.push(one.fingerprint);
        }
        snapshot.facts = self.with_earlier(snapshot.facts, as_of).await?;
        for (fact, fingerprint) in snapshot.facts.iter().zip(&mut snapshot.fingerprints) {
            *fingerprint = with_earlier(fact, *fingerprint);
        }
        Ok(snapshot)
    }

    /// Conversations with their words, as of a change; `keys` are sorted.
    pub async fn words_as_of(
        &self,
        keys: &[ConversationKey],
        as_of: i64,
    ) -> anyhow::Result<ReadWords> {
        let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in keys {
            by_source.entry(&key.source.0).or_default().push(&key.id);
        }
        let listed = self.inner.dialect.listed(ListParameter::Second);
        let these = format!("source = $1 AND id IN ({listed})");
        let text = format!(
            "SELECT {STORED_COLUMNS}, w.fingerprint FROM \
             (SELECT {PLAIN} FROM conversations WHERE {these} AND {HOLDS} UNION ALL \
             SELECT {PLAIN} FROM conversation_history WHERE {these} AND {HELD}) c JOIN \
             (SELECT {WORDS}, CAST(NULL AS TEXT) AS fingerprint FROM words \
             WHERE {these} AND {HOLDS} UNION ALL \
             SELECT {WORDS}, fingerprint FROM word_history WHERE {these} AND {HELD}) w \
             ON w.source = c.source AND w.id = c.id"
        );
        let mut found: BTreeMap<ConversationKey, (Option<Stored>, Fingerprint)> = BTreeMap::new();
        let mut connection = self.reader().await?;
        for (source, ids) in by_source {
            let ask = composed(text.clone());
            let ask = ask.bind(plain(source)).bind(json_list(ids.into_iter()));
            found.extend(all(&mut connection, ask.bind(as_of), words).await?);
        }
        let mut read = ReadWords::default();
        for (key, (stored, fingerprint)) in found {
            read.fingerprints.push(fingerprint);
            match stored {
                Some(stored) => drop(read.stored.insert(key, stored)),
                None => read.erased.push(key),
            }
        }
        Ok(read)
    }

    /// The further fields of conversations that were not erased, as of a change; `keys` are sorted. Far cheaper than their
    /// words.
    pub async fn attributes_as_of(
        &self,
        keys: &[ConversationKey],
        as_of: i64,
    ) -> anyhow::Result<BTreeMap<ConversationKey, BTreeMap<String, String>>> {
        let listed = self.inner.dialect.listed(ListParameter::Second);
        let these = format!("source = $1 AND id IN ({listed})");
        let text = format!(
            "SELECT source, id, attributes FROM words WHERE {these} AND {HOLDS} UNION ALL \
             SELECT source, id, attributes FROM word_history WHERE {these} AND {HELD} AND erased_at IS NULL"
        );
        let mut found = BTreeMap::new();
        let mut connection = self.reader().await?;
        for of_source in keys.chunk_by(|one, other| one.source == other.source) {
            let ids = json_list(of_source.iter().map(|key| key.id.as_str()));
            let ask = composed(text.clone());
            let ask = ask
                .bind(plain(&of_source[0].source.0))
                .bind(ids)
                .bind(as_of);
            found.extend(all(&mut connection, ask, attributes).await?);
        }
        Ok(found)
    }

    /// Goes through the texts of conversations opened in [from, to) as of a change, as far as they must still be stored:
    /// how many there are, and those that are missing or are not the text of their hash.
    pub async fn check_texts(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        as_of: i64,
    ) -> anyhow::Result<(u64, Vec<ConversationKey>)> {
        let (mut checked, mut wrong) = (0, Vec::new());
        for text in TEXTS {
            let ask = sql(text)
                .bind(from.timestamp_micros())
                .bind(to.timestamp_micros())
                .bind(as_of);
            let found = self.read_all(ask, |row| {
                let (hash, text): (&str, Option<&str>) = (get(row, 2)?, get(row, 3)?);
                let is = text.map(|text| hex(&Sha256::digest(text.as_bytes())));
                let fits = is.as_deref() == Some(hash);
                Ok(if fits { None } else { Some(key(row)?) })
            });
            let found = found.await?;
            checked += found.len() as u64;
            wrong.extend(found.into_iter().flatten());
        }
        wrong.sort();
        Ok((checked, wrong))
    }
}

fn seen(row: &AnyRow) -> anyhow::Result<Seen> {
    let fact = fact(row)?;
    let kept: Option<&str> = get(row, 16)?;
    let erased_at: Option<i64> = get(row, 17)?;
    // A fingerprint that is none is of nothing, and will be found to differ.
    let identity = match kept {
        Some(text) => from_hex(text).unwrap_or_default(),
        None => of_identity(&fact, get(row, 15)?),
    };
    let fingerprint = of_fact(&fact, &identity);
    Ok(Seen {
        fact,
        fingerprint,
        erased_at: erased_at.map(from_micros).transpose()?,
    })
}

fn attributes(row: &AnyRow) -> anyhow::Result<(ConversationKey, BTreeMap<String, String>)> {
    Ok((key(row)?, serde_json::from_str(get(row, 2)?)?))
}

type FoundWords = (ConversationKey, (Option<Stored>, Fingerprint));

fn words(row: &AnyRow) -> anyhow::Result<FoundWords> {
    let found = match get::<Option<&str>>(row, 25)? {
        Some(text) => (None, from_hex(text).unwrap_or_default()),
        None => {
            let columns = [0, 1, 19, 20, 21, 22, 23, 24];
            (Some(stored(row)?), of_words(row, columns)?)
        }
    };
    Ok((key(row)?, found))
}
