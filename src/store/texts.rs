//! The different texts of counting conversations, by hash, and who has them.
//!
//! Hashes come in no order: to keep such a list while a page is saved costs a page of the database for each conversation,
//! which is more than all the rest of saving. So the list follows the feed, many changes at once and sorted, whenever it is
//! asked for. Only what leaves it is taken out at once, with the vector of a text that nobody else has: a vector tells
//! something of its text. Who has the same text and is not listed yet gets the vector anew.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::dialect::ListParameter;
use super::sql::{composed, count, first, get, json_list, plain, run, sql, whole};
use super::{Store, Writing};
use crate::model::{ModelId, SourceId, Text, Vector};

/// Changes that are followed in one transaction, so that others that write do not wait for long.
const CHANGES_AT_ONCE: i64 = 100_000;

/// Conversations behind change `$2` that count, without a vector of model `$1`.
const WITHOUT_VECTOR: &str = "FROM conversations c WHERE c.change_number > $2 \
    AND c.exclusion IS NULL AND c.text_hash <> '' AND NOT EXISTS \
    (SELECT 1 FROM vectors v WHERE v.text_hash = c.text_hash AND v.model = $1)";

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
    /// Texts of counting conversations that have no vector of this model, those that changed first; each hash once,
    /// sorted by hash. What lies before them is not looked at again.
    pub async fn texts_without_vector(
        &self,
        model: &ModelId,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        let listed = self.list_texts().await?;
        let mark = self.embedded_until(model).await?;
        let ask = composed(format!(
            "SELECT t.change_number, t.text_hash, w.text FROM \
             (SELECT c.change_number, c.text_hash, c.source, c.id {WITHOUT_VECTOR} \
             ORDER BY c.change_number LIMIT $3) t LEFT JOIN words w ON w.source = t.source AND w.id = t.id"
        ));
        let ask = ask.bind(model.0.clone()).bind(mark).bind(i64::from(limit));
        let found = self.read_all(ask, |row| {
            let text = Text::new(get::<String>(row, 2)?);
            Ok((get::<i64>(row, 0)?, (get::<String>(row, 1)?, text)))
        });
        let found = found.await?;
        if let Some(first) = found.iter().map(|(change, _)| change).min() {
            self.note_embedded(model, mark, listed.min(first - 1))
                .await?;
        }
        let texts: BTreeMap<String, Text> = found.into_iter().map(|(_, text)| text).collect();
        Ok(texts.into_iter().collect())
    }

    /// How many different texts of counting conversations have no vector of this model. Where there are none, the
    /// next count looks at later changes only: it is asked every few seconds, for years.
    pub async fn count_without_vector(&self, model: &ModelId) -> anyhow::Result<u64> {
        let listed = self.list_texts().await?;
        let mark = self.embedded_until(model).await?;
        let ask = composed(format!(
            "SELECT count(DISTINCT c.text_hash) {WITHOUT_VECTOR}"
        ));
        let ask = ask.bind(model.0.clone()).bind(mark);
        let waiting = self
            .read_first(ask, |row| count(row, 0))
            .await?
            .unwrap_or(0);
        if waiting == 0 {
            self.note_embedded(model, mark, listed).await?;
        }
        Ok(waiting)
    }

    /// The change up to which every text is known to have a vector of this model. It stays so: only listed texts are
    /// marked, and the vector of a text goes with the last listed conversation that has it.
    async fn embedded_until(&self, model: &ModelId) -> anyhow::Result<i64> {
        let ask = sql("SELECT last_change FROM embedded WHERE model = $1").bind(model.0.clone());
        let mark = self.read_first(ask, |row| get::<i64>(row, 0)).await?;
        Ok(mark.unwrap_or(0))
    }

    async fn note_embedded(&self, model: &ModelId, from: i64, to: i64) -> anyhow::Result<()> {
        if to <= from {
            return Ok(());
        }
        let note = sql(
            "INSERT INTO embedded (model, last_change) VALUES ($1, $2) ON CONFLICT (model) \
             DO UPDATE SET last_change = excluded.last_change \
             WHERE embedded.last_change < excluded.last_change",
        );
        let mut writing = self.begin().await?;
        run(writing.connection(), note.bind(model.0.clone()).bind(to)).await?;
        writing.commit().await
    }

    /// All different texts of counting conversations without a vector of this model, sorted by hash, from the first one
    /// behind `hash`.
    pub async fn texts_without_vector_after(
        &self,
        model: &ModelId,
        hash: &str,
        limit: u32,
    ) -> anyhow::Result<Vec<(String, Text)>> {
        self.list_texts().await?;
        let ask = composed(format!(
            "SELECT t.text_hash, ({WORDS}) FROM (SELECT DISTINCT t.text_hash FROM texts t \
             WHERE t.text_hash > $3 AND NOT EXISTS \
             (SELECT 1 FROM vectors v WHERE v.text_hash = t.text_hash AND v.model = $1) \
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

    /// Follows the feed to its end: the last change that is listed.
    pub(super) async fn list_texts(&self) -> anyhow::Result<i64> {
        let ask = "SELECT last_change, last_listed FROM feed WHERE id = 1";
        let place = |row: &AnyRow| Ok((get::<i64>(row, 0)?, get::<i64>(row, 1)?));
        loop {
            let (last, listed) = self.read_first(sql(ask), place).await?.unwrap_or_default();
            if last <= listed {
                return Ok(listed);
            }
            let mut writing = self.begin().await?;
            list_changes(&mut writing).await?;
            writing.commit().await?;
        }
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
