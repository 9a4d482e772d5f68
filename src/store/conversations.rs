//! Reading conversations: whole, as facts for counting, and as the feed that the search index follows.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::dialect::ListParameter;
use super::sql::{
    all, composed, from_micros, get, instant, json_list, optional_instant, plain, small_count, sql,
    word,
};
use super::{Changed, Store};
use crate::model::{
    Author, Conversation, ConversationKey, Exclusion, Fact, Kind, Message, State, Stored, Text,
    TopicId, Visibility,
};

/// The attribute of a merged conversation that holds the id of the one it went into.
pub(super) const MERGED_INTO: &str = "merged_into";

/// What `stored` reads, in its order.
pub(super) const STORED_COLUMNS: &str = "c.source, c.id, c.kind, COALESCE(c.created_at, c.updated_at), \
    c.updated_at, c.closed_at, c.status, c.category, c.account, c.requester, c.channel, c.product, \
    c.priority, c.csat, c.reopens, c.exclusion, c.merged_into, c.text_hash, c.language, w.subject, \
    w.messages, w.tags, w.attributes, w.url, w.text";

/// Where whole conversations are read, as they are now.
const STORED: &str = "c.change_number, c.topic FROM conversations c \
                      LEFT JOIN words w ON w.source = c.source AND w.id = c.id";

/// What `fact` reads, in its order.
pub(super) const FACT: &str = "SELECT source, id, kind, created_at, closed_at, stored_at, category, \
    COALESCE(requester, account), account, product, csat, reopens, exclusion, topic, tags";

impl Store {
    /// One conversation; of a deleted one its tombstone.
    pub async fn conversation(&self, key: &ConversationKey) -> anyhow::Result<Option<Stored>> {
        let ask = composed(format!(
            "SELECT {STORED_COLUMNS}, {STORED} WHERE c.source = $1 AND c.id = $2"
        ))
        .bind(plain(key.source.as_str()))
        .bind(plain(&key.id));
        self.read_first(ask, stored).await
    }

    /// In the order of the keys; missing ones are left out.
    pub async fn conversations(&self, keys: &[ConversationKey]) -> anyhow::Result<Vec<Stored>> {
        let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in keys {
            by_source.entry(&key.source.0).or_default().push(&key.id);
        }
        let mut connection = self.reader().await?;
        let mut found: BTreeMap<ConversationKey, Stored> = BTreeMap::new();
        for (source, ids) in by_source {
            let listed = self.inner.dialect.listed(ListParameter::Second);
            let ask = composed(format!(
                "SELECT {STORED_COLUMNS}, {STORED} WHERE c.source = $1 AND c.id IN ({listed})"
            ));
            let ask = ask.bind(plain(source)).bind(json_list(ids.into_iter()));
            for one in all(&mut connection, ask, stored).await? {
                found.insert(one.conversation.key.clone(), one);
            }
        }
        Ok(keys
            .iter()
            .filter_map(|key| found.get(key).cloned())
            .collect())
    }

    /// Keys of a topic's conversations that count, opened in [from, to), newest first.
    pub async fn topic_keys(
        &self,
        topic: &TopicId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: u32,
    ) -> anyhow::Result<Vec<ConversationKey>> {
        let ask = sql("SELECT source, id FROM conversations WHERE topic = $1 \
                       AND created_at >= $2 AND created_at < $3 AND exclusion IS NULL \
                       ORDER BY created_at DESC, source, id LIMIT $4");
        let ask = ask
            .bind(topic.0.clone())
            .bind(from.timestamp_micros())
            .bind(to.timestamp_micros())
            .bind(i64::from(limit));
        self.read_all(ask, key).await
    }

    /// The feed: what changed after a number, in order. A conversation that changed twice comes once, as it is now.
    pub async fn changes_after(&self, number: i64, limit: u32) -> anyhow::Result<Vec<Changed>> {
        let ask = composed(format!(
            "SELECT {STORED_COLUMNS}, {STORED} WHERE c.change_number > $1 ORDER BY c.change_number LIMIT $2"
        ));
        let ask = ask.bind(number).bind(i64::from(limit));
        self.read_all(ask, |row| {
            Ok(Changed {
                stored: stored(row)?,
                number: get(row, 25)?,
                topic: get::<Option<String>>(row, 26)?.map(TopicId),
            })
        })
        .await
    }

    /// The number of the last change; 0 in an empty database.
    pub async fn last_change(&self) -> anyhow::Result<i64> {
        let ask = sql("SELECT last_change FROM feed WHERE id = 1");
        let last = self.read_first(ask, |row| get(row, 0)).await?;
        last.context("the database has lost its change counter; restore it from a backup")
    }

    /// Conversations opened OR closed in [from, to), sorted by key: what counting and reconciling need.
    pub async fn facts(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> anyhow::Result<Vec<Fact>> {
        let ask = composed(format!(
            "{FACT} FROM conversations WHERE created_at IS NOT NULL \
             AND ((created_at >= $1 AND created_at < $2) OR (closed_at >= $1 AND closed_at < $2))"
        ));
        let ask = ask
            .bind(from.timestamp_micros())
            .bind(to.timestamp_micros());
        let mut facts = self.read_all(ask, fact).await?;
        facts.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(facts)
    }

    /// First and last instant at which a stored conversation was opened.
    pub async fn span(&self) -> anyhow::Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        // Asked for one by one, each is a single look into the index.
        let ask = sql("SELECT (SELECT min(created_at) FROM conversations), \
                       (SELECT max(created_at) FROM conversations)");
        let span = self.read_first(ask, |row| {
            Ok((optional_instant(row, 0)?, optional_instant(row, 1)?))
        });
        Ok(span.await?.and_then(|(first, last)| first.zip(last)))
    }
}

pub(super) fn key(row: &AnyRow) -> anyhow::Result<ConversationKey> {
    let (source, id): (String, String) = (get(row, 0)?, get(row, 1)?);
    Ok(ConversationKey::new(source, id))
}

pub(super) fn exclusion(row: &AnyRow, column: usize) -> anyhow::Result<Option<Exclusion>> {
    match get::<Option<&str>>(row, column)? {
        Some(_) => word(row, column, Exclusion::parse).map(Some),
        None => Ok(None),
    }
}

pub(super) fn fact(row: &AnyRow) -> anyhow::Result<Fact> {
    let topic: Option<String> = get(row, 13)?;
    let state = match (exclusion(row, 12)?, topic) {
        (Some(reason), _) => State::Excluded(reason),
        (None, Some(topic)) => State::Assigned(TopicId(topic)),
        (None, None) => State::Unassigned,
    };
    Ok(Fact {
        key: key(row)?,
        kind: word(row, 2, Kind::parse)?,
        created_at: instant(row, 3)?,
        closed_at: optional_instant(row, 4)?,
        stored_at: instant(row, 5)?,
        category: get(row, 6)?,
        customer: get(row, 7)?,
        account: get(row, 8)?,
        product: get(row, 9)?,
        csat: get(row, 10)?,
        reopens: small_count(row, 11)?,
        tags: from_json(row, 14)?,
        earlier: Vec::new(),
        attributes: BTreeMap::new(),
        state,
    })
}

pub(super) fn stored(row: &AnyRow) -> anyhow::Result<Stored> {
    let text = |column| -> anyhow::Result<String> {
        Ok(get::<Option<String>>(row, column)?.unwrap_or_default())
    };
    let merged_into: Option<String> = get(row, 16)?;
    let mut attributes: BTreeMap<String, String> = from_json(row, 22)?;
    attributes.extend(merged_into.map(|id| (MERGED_INTO.to_owned(), id)));
    let conversation = Conversation {
        key: key(row)?,
        kind: word(row, 2, Kind::parse)?,
        created_at: instant(row, 3)?,
        updated_at: instant(row, 4)?,
        closed_at: optional_instant(row, 5)?,
        status: get(row, 6)?,
        category: get(row, 7)?,
        account: get(row, 8)?,
        requester: get(row, 9)?,
        channel: get(row, 10)?,
        product: get(row, 11)?,
        priority: get(row, 12)?,
        csat: get(row, 13)?,
        reopens: small_count(row, 14)?,
        exclusion: exclusion(row, 15)?,
        subject: Text::new(text(19)?),
        messages: messages(row, 20)?,
        tags: from_json(row, 21)?,
        attributes,
        url: get(row, 23)?,
    };
    Ok(Stored {
        conversation,
        text: Text::new(text(24)?),
        text_hash: get(row, 17)?,
        language: get(row, 18)?,
    })
}

/// A message as it lies in its column.
#[derive(Serialize, Deserialize)]
struct MessageColumn<'a> {
    at: Option<i64>,
    author: &'a str,
    visibility: &'a str,
    text: std::borrow::Cow<'a, str>,
}

/// The messages' column.
pub(super) fn messages_json(messages: &[Message]) -> String {
    let columns: Vec<MessageColumn<'_>> = messages
        .iter()
        .map(|message| MessageColumn {
            at: message.at.map(|at| at.timestamp_micros()),
            author: message.author.as_str(),
            visibility: message.visibility.as_str(),
            text: message.text.as_str().into(),
        })
        .collect();
    serde_json::to_string(&columns).expect("texts and numbers are always JSON")
}

/// The tags' column.
pub(super) fn tags_json(tags: &[String]) -> String {
    serde_json::to_string(tags).expect("texts are always JSON")
}

/// The attributes' column.
pub(super) fn attributes_json(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).expect("texts are always JSON")
}

fn messages(row: &AnyRow, column: usize) -> anyhow::Result<Vec<Message>> {
    let columns: Vec<MessageColumn<'_>> = from_json(row, column)?;
    columns.into_iter().map(message).collect()
}

fn message(column: MessageColumn<'_>) -> anyhow::Result<Message> {
    let unknown = "the database holds a word that this version does not know";
    Ok(Message {
        at: column.at.map(from_micros).transpose()?,
        author: Author::parse(column.author).context(unknown)?,
        visibility: Visibility::parse(column.visibility).context(unknown)?,
        text: Text::new(column.text),
    })
}

/// A JSON column; the default where there are no words any more. The error never shows what is in it.
fn from_json<'r, T: Deserialize<'r> + Default>(
    row: &'r AnyRow,
    column: usize,
) -> anyhow::Result<T> {
    match get::<Option<&'r str>>(row, column)? {
        Some(text) => serde_json::from_str(text)
            .map_err(|_| anyhow::anyhow!("the database holds a damaged list in column {column}")),
        None => Ok(T::default()),
    }
}
