//! Who says where an arrival belongs: a sample of what has a topic, small however many conversations there are, so that a
//! few arrivals among millions cost little.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::dialect::ListParameter;
use super::sql::{composed, count, each, get, json_list, sql};
use super::vectors::{DOCUMENT, document};
use super::{Store, Which};
use crate::model::{ConversationKey, ModelId};
use crate::topics::{Document, Params};

/// Counting conversations that have a topic, opened at or after `$1`.
const SETTLED: &str = "FROM conversations c \
    WHERE c.exclusion IS NULL AND c.topic IS NOT NULL AND c.created_at >= $1";

impl Store {
    /// Documents opened at or after `from` that have a topic, sorted by key: all, if they are no more than `sample_size`.
    /// Of more, each topic gets the same number of places, at least as many as neighbours are asked, for those of its
    /// different texts whose hashes are lowest, which is as good as drawing lots; and its exemplars come too.
    pub async fn voters(
        &self,
        model: &ModelId,
        from: DateTime<Utc>,
        params: &Params,
    ) -> anyhow::Result<Vec<Document>> {
        let ask = composed(format!(
            "SELECT count(*), count(DISTINCT c.topic) {SETTLED}"
        ));
        let counts = |row: &AnyRow| Ok((count(row, 0)?, count(row, 1)?));
        let found = self.read_first(ask.bind(from.timestamp_micros()), counts);
        let (settled, topics) = found.await?.unwrap_or_default();
        let most = params.sample_size as u64;
        if settled <= most {
            return self.documents(model, Which::Assigned, Some(from)).await;
        }
        let places = usize::try_from(most / topics.max(1))?.max(params.neighbours);
        let mut drawn = self.draw(from, places).await?;
        drawn.extend(self.exemplars_since(from).await?);
        self.documents_of(model, &drawn).await
    }

    /// So many of each topic.
    async fn draw(
        &self,
        from: DateTime<Utc>,
        places: usize,
    ) -> anyhow::Result<BTreeSet<ConversationKey>> {
        let mut drawn: BTreeMap<String, BTreeMap<String, ConversationKey>> = BTreeMap::new();
        let ask = composed(format!(
            "SELECT c.topic, c.text_hash, c.source, c.id {SETTLED}"
        ));
        let mut reader = self.reader().await?;
        each(&mut reader, ask.bind(from.timestamp_micros()), |row| {
            let (topic, hash): (&str, &str) = (get(row, 0)?, get(row, 1)?);
            if !drawn.contains_key(topic) {
                drawn.insert(topic.to_owned(), BTreeMap::new());
            }
            let of_topic = drawn.get_mut(topic).expect("just put there");
            let highest = of_topic.last_key_value();
            if of_topic.len() >= places && highest.is_none_or(|(highest, _)| hash > &**highest) {
                return Ok(());
            }
            let key = ConversationKey::new(get::<&str>(row, 2)?, get::<&str>(row, 3)?);
            match of_topic.get_mut(hash) {
                Some(known) if *known <= key => {}
                Some(known) => *known = key,
                None => drop(of_topic.insert(hash.to_owned(), key)),
            }
            if of_topic.len() > places {
                of_topic.pop_last();
            }
            Ok(())
        })
        .await?;
        Ok(drawn
            .into_values()
            .flat_map(BTreeMap::into_values)
            .collect())
    }

    async fn exemplars_since(&self, from: DateTime<Utc>) -> anyhow::Result<Vec<ConversationKey>> {
        let ask = sql(
            "SELECT c.source, c.id FROM exemplars e JOIN conversations c ON c.source = e.source AND c.id = e.id \
             WHERE c.exclusion IS NULL AND c.topic IS NOT NULL AND c.created_at >= $1",
        );
        let ask = ask.bind(from.timestamp_micros());
        self.read_all(ask, super::conversations::key).await
    }

    /// Documents by key, sorted by key.
    async fn documents_of(
        &self,
        model: &ModelId,
        keys: &BTreeSet<ConversationKey>,
    ) -> anyhow::Result<Vec<Document>> {
        let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in keys {
            by_source
                .entry(key.source.as_str())
                .or_default()
                .push(&key.id);
        }
        let listed = self.inner.dialect.listed(ListParameter::Second);
        let mut documents = Vec::with_capacity(keys.len());
        for (source, ids) in by_source {
            let ask = composed(format!(
                "{DOCUMENT} AND c.topic IS NOT NULL AND c.id IN ({listed}) AND c.source = $3"
            ));
            let ask = ask
                .bind(model.0.clone())
                .bind(json_list(ids.into_iter()))
                .bind(source.to_owned());
            documents.extend(self.read_all(ask, document).await?);
        }
        documents.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(documents)
    }
}
