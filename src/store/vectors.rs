//! Vectors by model and text, and the documents that topics are found in. All of it can be made again.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{ManyRows, composed, get, instant, json_list, plain};
use super::{Store, Which};
use crate::model::{ConversationKey, ModelId, Text, TopicId, Vector};
use crate::topics::Document;

/// Documents that count, with their vectors of model `$1`.
pub(super) const DOCUMENT: &str = "SELECT c.source, c.id, w.text, v.vector, c.language, \
    COALESCE(c.requester, c.account), c.created_at, c.topic FROM conversations c \
    JOIN words w ON w.source = c.source AND w.id = c.id \
    JOIN vectors v ON v.text_hash = c.text_hash AND v.model = $1 \
    WHERE c.exclusion IS NULL";

impl Store {
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
        self.list_texts().await?;
        let mut writing = self.begin().await?;
        insert
            .all(&mut writing, vectors, |(hash, vector), values| {
                let values = values.text(hash).text(&model.0).bytes(vector.to_bytes());
                values.number(i64::from(is_approximate));
            })
            .await?;
        let hashes = json_list(vectors.iter().map(|(hash, _)| hash.as_str()));
        super::texts::forget_vectors(&mut writing, hashes).await?;
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
            Which::New => "AND c.judged_hash IS DISTINCT FROM c.text_hash",
            Which::Unassigned => "AND c.judged_hash = c.text_hash AND c.topic IS NULL",
            Which::Assigned => "AND c.topic IS NOT NULL",
        };
        let since = from.map_or("", |_| "AND c.created_at >= $2");
        let mut ask = composed(format!("{DOCUMENT} {condition} {since}")).bind(model.0.clone());
        if let Some(from) = from {
            ask = ask.bind(from.timestamp_micros());
        }
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

pub(super) fn document(row: &AnyRow) -> anyhow::Result<Document> {
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
