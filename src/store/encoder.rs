//! Which encoder the topics come from, and their change to another one.
//!
//! While texts get vectors of a new encoder, the old vectors, topics and assignments stay. One transaction then
//! puts renewed topics in the place of the old ones and drops the old vectors: there is no state between.

use anyhow::Context;
use sqlx::any::AnyRow;

use super::sql::{composed, count, get, run, sql};
use super::topics::write_topics;
use super::{Store, Writing};
use crate::model::{ConversationKey, ModelId, Topic, TopicId, Vector};

/// Conversations with their vectors of model `$1`, under a condition on topic `$2`.
const MEMBERS: &str = "SELECT c.source, c.id, v.vector FROM conversations c \
    JOIN vectors v ON v.text_hash = c.text_hash AND v.model = $1 WHERE c.exclusion IS NULL AND";

impl Store {
    /// The encoder that the topics come from; none before the first vector.
    pub async fn topics_model(&self) -> anyhow::Result<Option<ModelId>> {
        let ask = sql("SELECT model FROM encoder WHERE id = 1");
        self.read_first(ask, |row| Ok(ModelId(get(row, 0)?))).await
    }

    /// Whether the topics come, in part, from vectors of the fast tier.
    pub async fn are_topics_approximate(&self) -> anyhow::Result<bool> {
        let ask = sql("SELECT is_approximate FROM encoder WHERE id = 1");
        let found = self.read_first(ask, |row| count(row, 0)).await?;
        Ok(found == Some(1))
    }

    /// Whom a topic was found in, with their vectors of a model, sorted by key. A topic that has lost all of them
    /// is represented by its exemplars.
    pub async fn members(
        &self,
        model: &ModelId,
        topic: &TopicId,
    ) -> anyhow::Result<Vec<(ConversationKey, Vector)>> {
        let conditions = [
            "c.found_topic = $2",
            "EXISTS (SELECT 1 FROM exemplars e WHERE e.topic = $2 \
             AND e.source = c.source AND e.id = c.id)",
        ];
        for condition in conditions {
            let ask = composed(format!("{MEMBERS} {condition}"));
            let ask = ask.bind(model.0.clone()).bind(topic.0.clone());
            let mut members = self.read_all(ask, member).await?;
            if !members.is_empty() {
                members.sort_unstable();
                return Ok(members);
            }
        }
        Ok(Vec::new())
    }

    /// Changes to another encoder: topics as they are with its vectors. Vectors of all others go.
    pub async fn change_encoder(&self, model: &ModelId, topics: &[Topic]) -> anyhow::Result<()> {
        let mut writing = self.begin().await?;
        write_topics(&mut writing, topics).await?;
        let change = sql(
            "UPDATE encoder SET model = $1, is_approximate = CASE WHEN EXISTS \
             (SELECT 1 FROM vectors v WHERE v.is_approximate = 1 AND v.model = $1) \
             THEN 1 ELSE 0 END WHERE id = 1",
        )
        .bind(model.0.clone());
        run(writing.connection(), change).await?;
        for drop in [
            "DELETE FROM vectors WHERE model <> $1",
            "DELETE FROM embedded WHERE model <> $1",
        ] {
            run(writing.connection(), sql(drop).bind(model.0.clone()))
                .await
                .context("dropping the vectors of the encoder before")?;
        }
        writing.commit().await
    }
}

/// Notes the encoder of the first vectors, and that approximate ones came.
pub(super) async fn note(
    writing: &mut Writing,
    model: &ModelId,
    is_approximate: bool,
) -> anyhow::Result<()> {
    let first = sql("INSERT INTO encoder (id, model) VALUES (1, $1) ON CONFLICT (id) DO NOTHING");
    run(writing.connection(), first.bind(model.0.clone())).await?;
    if is_approximate {
        let note = sql("UPDATE encoder SET is_approximate = 1 WHERE id = 1 AND model = $1");
        run(writing.connection(), note.bind(model.0.clone())).await?;
    }
    Ok(())
}

fn member(row: &AnyRow) -> anyhow::Result<(ConversationKey, Vector)> {
    let (source, id): (String, String) = (get(row, 0)?, get(row, 1)?);
    Ok((
        ConversationKey::new(source, id),
        Vector::from_bytes(get(row, 2)?),
    ))
}
