//! The log of readers' answers, and the counts of the topics they asked for. Append-only: an
//! answer is taken back by a later entry, and what was counted stays.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{count, first, get, instant, plain, run, sql, whole, word};
use super::topics::next_number;
use super::{Store, Writing};
use crate::answers::{Answer, AnswerKind, Said, Via};
use crate::model::{Cadence, ConversationKey, DigestId, Text, TopicId};

/// A topic that readers asked for, as it was counted once a window was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedWindow {
    /// The number of the answer that asked.
    pub asked: i64,
    /// By day, week or month.
    pub cadence: Cadence,
    /// The window's key.
    pub window: String,
    /// When it was counted: at the closing, or when the topic was asked for.
    pub counted_at: DateTime<Utc>,
    /// Different customers among the conversations.
    pub customers: u64,
    /// The conversations, in the order of their keys.
    pub keys: Vec<ConversationKey>,
}

impl Store {
    /// The whole log, oldest first.
    pub async fn answers(&self) -> anyhow::Result<Vec<Answer>> {
        let ask = sql(
            "SELECT number, answered_at, answered_by, via, kind, digest, topic, reason, source, \
                       id, name, query, undoes FROM answers ORDER BY number",
        );
        self.read_all(ask, answer).await
    }

    /// Adds an answer to the log. `None` if it would take back what is not there, was taken back before, or is such an
    /// entry itself.
    pub async fn add_answer(
        &self,
        said: &Said,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Option<Answer>> {
        let mut writing = self.begin().await?;
        if let AnswerKind::Undo { number } = said.kind
            && !can_undo(&mut writing, number).await?
        {
            return Ok(None);
        }
        let answer = write_answer(&mut writing, said, now).await?;
        writing.commit().await?;
        Ok(Some(answer))
    }

    /// When a digest was published.
    pub async fn digest_created_at(&self, id: &DigestId) -> anyhow::Result<Option<DateTime<Utc>>> {
        let ask = sql("SELECT created_at FROM digests WHERE id = $1").bind(plain(id.as_str()));
        self.read_first(ask, |row| instant(row, 0)).await
    }

    /// Keeps counts of asked topics. Once its window is closed, a count stays as it is.
    pub async fn save_asked(&self, counted: &[AskedWindow]) -> anyhow::Result<()> {
        let mut writing = self.begin().await?;
        for one in counted {
            let pairs: Vec<_> = one
                .keys
                .iter()
                .map(|key| (plain(key.source.as_str()), plain(&key.id)))
                .collect();
            let add = sql(
                "INSERT INTO asked_counts (asked, cadence, window_key, counted_at, conversations, \
                           customers, conversations_found) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                           ON CONFLICT (asked, cadence, window_key) DO UPDATE SET \
                           counted_at = excluded.counted_at, \
                           conversations = excluded.conversations, \
                           customers = excluded.customers, \
                           conversations_found = excluded.conversations_found \
                           WHERE NOT EXISTS (SELECT 1 FROM windows w \
                           WHERE w.cadence = excluded.cadence AND w.window_key = excluded.window_key)",
            );
            let add = add
                .bind(one.asked)
                .bind(one.cadence.as_str())
                .bind(plain(&one.window))
                .bind(one.counted_at.timestamp_micros())
                .bind(whole(one.keys.len() as u64))
                .bind(whole(one.customers))
                .bind(serde_json::to_string(&pairs).context("a list of keys")?);
            run(writing.connection(), add).await?;
        }
        writing.commit().await
    }

    /// What asked topics were counted as in the windows of a cadence: asked, window, conversations, customers; by window.
    pub async fn asked_counts(
        &self,
        cadence: Cadence,
    ) -> anyhow::Result<Vec<(i64, String, u64, u64)>> {
        let ask = sql(
            "SELECT asked, window_key, conversations, customers FROM asked_counts \
                       WHERE cadence = $1 ORDER BY window_key, asked",
        );
        self.read_all(ask.bind(cadence.as_str()), |row| {
            Ok((get(row, 0)?, get(row, 1)?, count(row, 2)?, count(row, 3)?))
        })
        .await
    }

    /// One count with its conversations.
    pub async fn asked_window(
        &self,
        asked: i64,
        cadence: Cadence,
        window: &str,
    ) -> anyhow::Result<Option<AskedWindow>> {
        let ask = sql(
            "SELECT asked, cadence, window_key, counted_at, customers, conversations_found \
                       FROM asked_counts WHERE asked = $1 AND cadence = $2 AND window_key = $3",
        );
        let ask = ask.bind(asked).bind(cadence.as_str()).bind(plain(window));
        self.read_first(ask, asked_window).await
    }
}

/// Only what is there, was not taken back, and is no such entry itself can be taken back.
async fn can_undo(writing: &mut Writing, number: i64) -> anyhow::Result<bool> {
    let ask = sql(
        "SELECT 1 FROM answers WHERE number = $1 AND undoes IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM answers later WHERE later.undoes = $1)",
    );
    let found = first(writing.connection(), ask.bind(number), |_| Ok(())).await?;
    Ok(found.is_some())
}

/// Adds an answer to the log.
pub(super) async fn write_answer(
    writing: &mut Writing,
    said: &Said,
    now: DateTime<Utc>,
) -> anyhow::Result<Answer> {
    let number = next_number(writing, "answers").await?;
    let columns = Columns::of(&said.kind);
    let add = sql(
        "INSERT INTO answers (number, answered_at, answered_by, via, kind, digest, topic, \
                   reason, source, id, name, query, undoes) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    );
    let add = add
        .bind(number)
        .bind(now.timestamp_micros())
        .bind(plain(&said.by))
        .bind(said.via.as_str())
        .bind(said.kind.as_str())
        .bind(said.digest.as_ref().map(|digest| plain(digest.as_str())))
        .bind(said.topic.as_ref().map(|topic| plain(topic.as_str())))
        .bind(columns.reason.map(plain))
        .bind(columns.key.map(|key| plain(key.source.as_str())))
        .bind(columns.key.map(|key| plain(&key.id)))
        .bind(columns.asked.map(|(name, _)| plain(name)))
        .bind(columns.asked.map(|(_, query)| plain(query)))
        .bind(columns.undoes);
    run(writing.connection(), add).await?;
    // As it will be read back: whole microseconds.
    let at = DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now);
    Ok(Answer {
        number,
        at,
        said: said.clone(),
    })
}

/// An answer's columns; which are filled depends on its kind.
#[derive(Default)]
struct Columns<'a> {
    reason: Option<&'a str>,
    key: Option<&'a ConversationKey>,
    asked: Option<(&'a str, &'a str)>,
    undoes: Option<i64>,
}

impl<'a> Columns<'a> {
    fn of(kind: &'a AnswerKind) -> Self {
        let mut columns = Self::default();
        match kind {
            AnswerKind::Confirm => {}
            AnswerKind::Dispute { reason } => columns.reason = Some(reason.as_str()),
            AnswerKind::Pin { conversation } => columns.key = Some(conversation),
            AnswerKind::Ask { name, query } => columns.asked = Some((name, query)),
            AnswerKind::Undo { number } => columns.undoes = Some(*number),
        }
        columns
    }
}

fn answer(row: &AnyRow) -> anyhow::Result<Answer> {
    let unknown = "the database holds an answer that this version does not know";
    let text = |column| get::<Option<String>>(row, column);
    let needed = |column| text(column)?.context(unknown);
    let kind = match get::<&str>(row, 4)? {
        "confirm" => AnswerKind::Confirm,
        "dispute" => AnswerKind::Dispute {
            reason: Text::new(text(7)?.unwrap_or_default()),
        },
        "pin" => AnswerKind::Pin {
            conversation: ConversationKey::new(needed(8)?, needed(9)?),
        },
        "ask" => AnswerKind::Ask {
            name: needed(10)?,
            query: needed(11)?,
        },
        "undo" => AnswerKind::Undo {
            number: get::<Option<i64>>(row, 12)?.context(unknown)?,
        },
        _ => anyhow::bail!(unknown),
    };
    Ok(Answer {
        number: get(row, 0)?,
        at: instant(row, 1)?,
        said: Said {
            by: get(row, 2)?,
            via: word(row, 3, Via::parse)?,
            digest: text(5)?.map(DigestId),
            topic: text(6)?.map(TopicId),
            kind,
        },
    })
}

fn asked_window(row: &AnyRow) -> anyhow::Result<AskedWindow> {
    let pairs: Vec<(String, String)> = serde_json::from_str(get(row, 5)?).map_err(|_| {
        anyhow::anyhow!("the list of an asked topic's conversations cannot be read")
    })?;
    Ok(AskedWindow {
        asked: get(row, 0)?,
        cadence: word(row, 1, Cadence::parse)?,
        window: get(row, 2)?,
        counted_at: instant(row, 3)?,
        customers: count(row, 4)?,
        keys: pairs
            .into_iter()
            .map(|(source, id)| ConversationKey::new(source, id))
            .collect(),
    })
}
