//! The different texts of counting conversations, by hash, and who has them.
//!
//! Hashes come in no order: to keep such a list while a page is saved costs a page of the database for each conversation,
//! which is more than all the rest of saving. So the list follows the feed, many changes at once and sorted, whenever it is
//! asked for. Only what leaves it is taken out at once, with the vector of a text that nobody else has: a vector tells
//! something of its text. Who has the same text and is not listed yet gets the vector anew.

use sqlx::any::AnyRow;

use super::dialect::ListParameter;
use super::sql::{composed, count, first, get, json_list, plain, run, sql, whole};
use super::{Store, Writing};
use crate::model::{ModelId, SourceId, Text, Vector};

/// Changes that are followed in one transaction, so that others that write do not wait for long.
const CHANGES_AT_ONCE: i64 = 100_000;

/// Different texts without a vector of model `$1`.
const WITHOUT_VECTOR: &str = "SELECT DISTINCT t.text_hash FROM texts t WHERE NOT EXISTS \
    (SELECT 1 FROM vectors v WHERE v.text_hash = t.text_hash AND v.model = $1)";

/// The words behind the hash of a row `t`. Equal hashes have equal texts, so those of any conversation will do.
const WORDS: &str = "SELECT w.text FROM texts o JOIN words w ON w.source = o.source AND w.id = o.id \
    WHERE o.text_hash = t.text_hash LIMIT 1";

/// A conversation that has another text than before, or none that counts.
pub(super) struct Left<'a> {
    pub id: &'a str,
    /// What it had.
    pub text_hash: String,
}

impl Store {
    /// Texts of counting conversations that have no vector of this model, each hash once, sorted by hash.
    pub async fn texts_without_vector(
        &self,
        model: &ModelId,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        self.texts_without_vector_after(model, "", limit).await
    }

    /// The same, from the first hash behind this one: for going through very many without looking at the first
    /// ones again.
    pub async fn texts_without_vector_after(
        &self,
        model: &ModelId,
        hash: &str,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        self.list_texts().await?;
        let ask = composed(format!(
            "SELECT t.text_hash, ({WORDS}) FROM ({WITHOUT_VECTOR} AND t.text_hash > $3 \
             ORDER BY t.text_hash LIMIT $2) t ORDER BY t.text_hash"
        ));
        let ask = ask
            .bind(model.0.clone())
            .bind(i64::from(limit))
            .bind(hash.to_owned());
        self.read_all(ask, |row| {
            Ok((get(row, 0)?, Text::new(get::<String>(row, 1)?)))
        })
        .await
    }

    /// How many different texts of counting conversations have no vector of this model.
    pub async fn count_without_vector(&self, model: &ModelId) -> anyhow::Result<u64> {
        self.list_texts().await?;
        let ask = composed(format!("SELECT count(*) FROM ({WITHOUT_VECTOR}) t"));
        let found = self.read_first(ask.bind(model.0.clone()), |row| count(row, 0));
        Ok(found.await?.unwrap_or(0))
    }

    /// The different texts of counting conversations with the lowest hashes, which is a fair sample: how many of
    /// at most `limit` there are, and the last one's hash.
    pub async fn sample_end(&self, limit: u64) -> anyhow::Result<Option<(u64, String)>> {
        self.list_texts().await?;
        let ask = sql(
            "SELECT count(*), max(t.text_hash) FROM (SELECT DISTINCT text_hash \
             FROM texts ORDER BY text_hash LIMIT $1) t",
        );
        let end = |row: &AnyRow| Ok((count(row, 0)?, get::<Option<String>>(row, 1)?));
        let found = self.read_first(ask.bind(whole(limit)), end).await?;
        Ok(found.and_then(|(count, last)| Some((count, last?))))
    }

    /// Texts up to a hash with what the encoder made of them, sorted by hash.
    pub async fn texts_with_vectors(
        &self,
        model: &ModelId,
        last: &str,
    ) -> anyhow::Result<Vec<(Text, Vector)>> {
        let ask = composed(format!(
            "SELECT ({WORDS}), t.vector FROM vectors t \
             WHERE t.model = $1 AND t.is_approximate = 0 AND t.text_hash <= $2 \
             AND EXISTS (SELECT 1 FROM texts o WHERE o.text_hash = t.text_hash) ORDER BY t.text_hash"
        ));
        let ask = ask.bind(model.0.clone()).bind(last.to_owned());
        self.read_all(ask, |row| {
            let text: Option<String> = get(row, 0)?;
            Ok((
                Text::new(text.unwrap_or_default()),
                Vector::from_bytes(get(row, 1)?),
            ))
        })
        .await
    }

    /// Texts whose vectors come from the fast tier, sorted by hash.
    pub async fn texts_with_approximate_vector(
        &self,
        model: &ModelId,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        let ask = composed(format!(
            "SELECT t.text_hash, ({WORDS}) FROM vectors t \
             WHERE t.is_approximate = 1 AND t.model = $1 ORDER BY t.text_hash LIMIT $2"
        ));
        let ask = ask.bind(model.0.clone()).bind(i64::from(limit));
        self.read_all(ask, |row| {
            let text: Option<String> = get(row, 1)?;
            Ok((get(row, 0)?, Text::new(text.unwrap_or_default())))
        })
        .await
    }

    /// Follows the feed to its end.
    pub(super) async fn list_texts(&self) -> anyhow::Result<()> {
        let ask = "SELECT last_change - last_listed FROM feed WHERE id = 1";
        let behind = |row: &AnyRow| get::<i64>(row, 0);
        while self.read_first(sql(ask), behind).await?.unwrap_or(0) > 0 {
            let mut writing = self.begin().await?;
            list_changes(&mut writing).await?;
            writing.commit().await?;
        }
        Ok(())
    }
}

async fn list_changes(writing: &mut Writing) -> anyhow::Result<()> {
    let ask = sql("SELECT last_listed FROM feed WHERE id = 1");
    let listed = first(writing.connection(), ask, |row| get::<i64>(row, 0)).await?;
    let listed = listed.unwrap_or(0);
    let end = (listed + CHANGES_AT_ONCE).min(writing.last_committed);
    let list = sql(
        "INSERT INTO texts (text_hash, source, id) SELECT text_hash, source, id FROM conversations \
         WHERE change_number > $1 AND change_number <= $2 AND exclusion IS NULL AND text_hash <> '' \
         ORDER BY text_hash, source, id ON CONFLICT DO NOTHING",
    );
    run(writing.connection(), list.bind(listed).bind(end)).await?;
    let note = sql("UPDATE feed SET last_listed = $1 WHERE id = 1");
    run(writing.connection(), note.bind(end)).await?;
    Ok(())
}

/// Takes conversations of a source out of the list, and deletes the vectors of texts that nobody has any more.
pub(super) async fn leave_texts(
    writing: &mut Writing,
    source: &SourceId,
    left: &[Left<'_>],
) -> anyhow::Result<()> {
    let left = || left.iter().filter(|one| !one.text_hash.is_empty());
    if left().next().is_none() {
        return Ok(());
    }
    let hashes = json_list(left().map(|one| one.text_hash.as_str()));
    let leave = composed(format!(
        "DELETE FROM texts WHERE text_hash IN ({}) AND id IN ({}) AND source = $3",
        writing.dialect.listed(ListParameter::First),
        writing.dialect.listed(ListParameter::Second),
    ));
    let leave = leave
        .bind(hashes.clone())
        .bind(json_list(left().map(|one| one.id)))
        .bind(plain(source.as_str()));
    run(writing.connection(), leave).await?;
    forget_vectors(writing, hashes).await
}

/// Deletes the vectors of those texts of a JSON list of hashes that no listed conversation has.
pub(super) async fn forget_vectors(writing: &mut Writing, hashes: String) -> anyhow::Result<()> {
    let listed = writing.dialect.listed(ListParameter::First);
    let forget = composed(format!(
        "DELETE FROM vectors WHERE text_hash IN ({listed}) AND NOT EXISTS \
         (SELECT 1 FROM texts t WHERE t.text_hash = vectors.text_hash)"
    ));
    run(writing.connection(), forget.bind(hashes)).await?;
    Ok(())
}
