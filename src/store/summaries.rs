//! What the pages, the tables and the plan need to know of all conversations together.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::conversations::{fact, key};
use super::sql::{composed, count, get, instant, plain, sql};
use super::{ClosedWindow, Store};
use crate::model::{Assignment, Cadence, ConversationKey, Fact, ModelId, State, TopicId};

/// How large a topic is, and from when to when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpan {
    /// Conversations.
    pub conversations: u64,
    /// Different customers.
    pub customers: u64,
    /// When its first conversation was opened.
    pub first: DateTime<Utc>,
    /// When its last conversation was opened.
    pub last: DateTime<Utc>,
}

impl Store {
    /// Counting conversations that have a vector of this model and were never judged with their current text.
    pub async fn count_unjudged(&self, model: &ModelId) -> anyhow::Result<u64> {
        let ask = sql(
            "SELECT count(*) FROM conversations c WHERE c.exclusion IS NULL \
             AND c.judged_hash IS DISTINCT FROM c.text_hash AND EXISTS \
             (SELECT 1 FROM vectors v WHERE v.text_hash = c.text_hash AND v.model = $1)",
        );
        let found = self.read_first(ask.bind(model.0.clone()), |row| count(row, 0));
        Ok(found.await?.unwrap_or(0))
    }

    /// Size and span of every topic that has conversations.
    pub async fn topic_spans(&self) -> anyhow::Result<BTreeMap<TopicId, TopicSpan>> {
        let ask = sql(
            "SELECT topic, count(*), count(DISTINCT COALESCE(requester, account)), \
             min(created_at), max(created_at) FROM conversations \
             WHERE topic IS NOT NULL AND exclusion IS NULL AND created_at IS NOT NULL \
             GROUP BY topic",
        );
        let span = |row: &AnyRow| {
            let span = TopicSpan {
                conversations: count(row, 1)?,
                customers: count(row, 2)?,
                first: instant(row, 3)?,
                last: instant(row, 4)?,
            };
            Ok((TopicId(get(row, 0)?), span))
        };
        Ok(self.read_all(ask, span).await?.into_iter().collect())
    }

    /// Conversations of every topic that were opened in [from, to).
    pub async fn topic_counts(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> anyhow::Result<BTreeMap<TopicId, u64>> {
        let ask = sql(
            "SELECT topic, count(*) FROM conversations WHERE topic IS NOT NULL \
             AND exclusion IS NULL AND created_at >= $1 AND created_at < $2 GROUP BY topic",
        );
        let ask = ask
            .bind(from.timestamp_micros())
            .bind(to.timestamp_micros());
        let counts = self.read_all(ask, |row| Ok((TopicId(get(row, 0)?), count(row, 1)?)));
        Ok(counts.await?.into_iter().collect())
    }

    /// All conversations as facts, with what their sources said before, sorted by key.
    pub async fn all_facts(&self) -> anyhow::Result<Vec<Fact>> {
        match self.span().await? {
            Some((first, last)) => {
                let until = last + chrono::TimeDelta::microseconds(1);
                let as_of = self.last_change().await?;
                self.with_earlier(self.facts(first, until).await?, as_of)
                    .await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Every judged conversation with its topic and score, sorted by key.
    pub async fn assignments(&self) -> anyhow::Result<Vec<Assignment>> {
        let ask = sql(
            "SELECT source, id, topic, COALESCE(score, 0.0), also_topic, found_topic FROM conversations \
             WHERE judged_hash IS NOT NULL AND exclusion IS NULL",
        );
        let assignment = |row: &AnyRow| {
            Ok(Assignment {
                key: key(row)?,
                topic: get::<Option<String>>(row, 2)?.map(TopicId),
                found: get::<Option<String>>(row, 5)?.map(TopicId),
                score: get(row, 3)?,
                also: get::<Option<String>>(row, 4)?.map(TopicId),
            })
        };
        let mut assignments = self.read_all(ask, assignment).await?;
        assignments.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(assignments)
    }

    /// The state of one conversation.
    pub async fn state(&self, key: &ConversationKey) -> anyhow::Result<Option<State>> {
        let ask = composed(format!(
            "{} FROM conversations WHERE source = $1 AND id = $2 AND created_at IS NOT NULL",
            super::conversations::FACT
        ));
        let ask = ask.bind(plain(key.source.as_str())).bind(plain(&key.id));
        Ok(self.read_first(ask, fact).await?.map(|fact| fact.state))
    }

    /// One closed window.
    pub async fn closed_window(
        &self,
        cadence: Cadence,
        window: &str,
    ) -> anyhow::Result<Option<ClosedWindow>> {
        let ask = sql(
            "SELECT cadence, window_key, closed_at, conversations, digest, reason, team \
             FROM windows WHERE cadence = $1 AND window_key = $2 AND team = ''",
        );
        let ask = ask.bind(cadence.as_str()).bind(plain(window));
        self.read_first(ask, super::digests::closed_window).await
    }
}
