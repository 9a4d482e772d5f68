//! Vectors by model and text, and the documents that topics are found in. All of it can be made again.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{ManyRows, composed, count, get, instant, plain};
use super::{Store, Which};
use crate::model::{ConversationKey, ModelId, Text, TopicId, Vector};
use crate::topics::Document;

/// Different texts of conversations that count, without a vector of model `$1`.
const WITHOUT_VECTOR: &str = "SELECT DISTINCT c.text_hash FROM conversations c \
    WHERE c.exclusion IS NULL AND c.text_hash <> '' AND NOT EXISTS \
    (SELECT 1 FROM vectors v WHERE v.text_hash = c.text_hash AND v.model = $1)";

/// Documents that count, with their vectors of model `$1`.
const DOCUMENT: &str = "SELECT c.source, c.id, w.text, v.vector, c.language, \
    COALESCE(c.requester, c.account), c.created_at, c.topic FROM conversations c \
    JOIN words w ON w.source = c.source AND w.id = c.id \
    JOIN vectors v ON v.text_hash = c.text_hash AND v.model = $1 \
    WHERE c.exclusion IS NULL";

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
        // Equal hashes have equal texts, so any of them will do.
        let ask = composed(format!(
            "SELECT t.text_hash, (SELECT w.text FROM conversations o \
             JOIN words w ON w.source = o.source AND w.id = o.id \
             WHERE o.text_hash = t.text_hash LIMIT 1) \
             FROM ({WITHOUT_VECTOR} AND c.text_hash > $3 ORDER BY c.text_hash LIMIT $2) t \
             ORDER BY t.text_hash"
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
        let ask = composed(format!("SELECT count(*) FROM ({WITHOUT_VECTOR}) t"));
        let found = self.read_first(ask.bind(model.0.clone()), |row| count(row, 0));
        Ok(found.await?.unwrap_or(0))
    }

    /// Keeps vectors by the hash of their text. A vector of a text that was erased meanwhile is dropped.
    pub async fn save_vectors(
        &self,
        model: &ModelId,
        vectors: &[(String, Vector)],
    ) -> anyhow::Result<()> {
        self.write_vectors(model, vectors, false).await
    }

    /// The same for vectors of the fast tier, which are to be replaced some day.
    pub async fn save_approximate_vectors(
        &self,
        model: &ModelId,
        vectors: &[(String, Vector)],
    ) -> anyhow::Result<()> {
        self.write_vectors(model, vectors, true).await
    }

    async fn write_vectors(
        &self,
        model: &ModelId,
        vectors: &[(String, Vector)],
        is_approximate: bool,
    ) -> anyhow::Result<()> {
        let insert = ManyRows {
            before: "INSERT INTO vectors (text_hash, model, vector, is_approximate)",
            row: "($, $, $, $)",
            after: "ON CONFLICT (text_hash, model) DO UPDATE SET vector = excluded.vector, \
                    is_approximate = excluded.is_approximate",
        };
        let mut writing = self.begin().await?;
        insert
            .all(&mut writing, vectors, |(hash, vector), values| {
                let values = values.text(hash).text(&model.0).bytes(vector.to_bytes());
                values.number(i64::from(is_approximate));
            })
            .await?;
        let hashes = vectors.iter().map(|(hash, _)| hash.clone()).collect();
        super::erase::forget_vectors(&mut writing, &hashes).await?;
        super::encoder::note(&mut writing, model, is_approximate).await?;
        writing.commit().await
    }

    /// Documents opened at or after `from` that count (no exclusion) and have a vector, sorted by key.
    pub async fn documents(
        &self,
        model: &ModelId,
        which: Which,
        from: Option<DateTime<Utc>>,
    ) -> anyhow::Result<Vec<Document>> {
        let condition = match which {
            Which::All => "",
            Which::New => "AND (c.judged_hash IS NULL OR c.judged_hash <> c.text_hash)",
            Which::Unassigned => "AND c.judged_hash = c.text_hash AND c.topic IS NULL",
            Which::Assigned => "AND c.topic IS NOT NULL",
        };
        let ask = composed(format!("{DOCUMENT} AND c.created_at >= $2 {condition}"));
        let from = from.map_or(i64::MIN, |from| from.timestamp_micros());
        let ask = ask.bind(model.0.clone()).bind(from);
        let mut documents = self.read_all(ask, document).await?;
        documents.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(documents)
    }

    /// One conversation as a document, if it counts and has a vector.
    pub async fn document(
        &self,
        model: &ModelId,
        key: &ConversationKey,
    ) -> anyhow::Result<Option<Document>> {
        let ask = composed(format!("{DOCUMENT} AND c.source = $2 AND c.id = $3"));
        let ask = ask
            .bind(model.0.clone())
            .bind(plain(key.source.as_str()))
            .bind(plain(&key.id));
        self.read_first(ask, document).await
    }
}

fn document(row: &AnyRow) -> anyhow::Result<Document> {
    let (source, id): (String, String) = (get(row, 0)?, get(row, 1)?);
    Ok(Document {
        key: ConversationKey::new(source, id),
        text: Text::new(get::<String>(row, 2)?),
        vector: Vector::from_bytes(get(row, 3)?),
        language: get(row, 4)?,
        customer: get(row, 5)?,
        created_at: instant(row, 6)?,
        topic: get::<Option<String>>(row, 7)?.map(TopicId),
    })
}
