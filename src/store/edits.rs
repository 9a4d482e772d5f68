//! The log of what people did with the registry. Nothing is ever taken out of it: an edit is undone by a flag.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::Store;
use super::sql::{get, instant, plain, run, sql};
use super::topics::next_number;
use crate::model::{ConversationKey, Edit, EditKind, TopicId};

impl Store {
    /// All edits in the order in which they were made, undone ones too.
    pub async fn edits(&self) -> anyhow::Result<Vec<Edit>> {
        let ask = sql(
            "SELECT number, made_at, made_by, is_undone, kind, topic, into_topic, label, \
                       source, id FROM edits ORDER BY number",
        );
        self.read_all(ask, edit).await
    }

    /// Adds an edit to the log; its number.
    pub async fn add_edit(
        &self,
        kind: &EditKind,
        by: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<i64> {
        let columns = EditColumns::of(kind);
        let mut writing = self.begin().await?;
        let number = next_number(&mut writing, "edits").await?;
        let add = sql(
            "INSERT INTO edits (number, made_at, made_by, is_undone, kind, topic, \
                       into_topic, label, source, id) \
                       VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9)",
        );
        let add = add
            .bind(number)
            .bind(now.timestamp_micros())
            .bind(plain(by))
            .bind(columns.kind)
            .bind(columns.topic.0.clone())
            .bind(columns.into.map(|into| into.0.clone()))
            .bind(columns.label.map(plain))
            .bind(columns.key.map(|key| plain(key.source.as_str())))
            .bind(columns.key.map(|key| plain(&key.id)));
        run(writing.connection(), add).await?;
        writing.commit().await?;
        Ok(number)
    }

    /// Takes an edit back; false if there is none with this number, or it was taken back before.
    pub async fn undo_edit(&self, number: i64) -> anyhow::Result<bool> {
        let undo = sql("UPDATE edits SET is_undone = 1 WHERE number = $1 AND is_undone = 0");
        let mut writing = self.begin().await?;
        let undone = run(writing.connection(), undo.bind(number)).await?;
        writing.commit().await?;
        Ok(undone > 0)
    }
}

/// An edit's columns; which are filled depends on its kind.
struct EditColumns<'a> {
    kind: &'static str,
    topic: &'a TopicId,
    into: Option<&'a TopicId>,
    label: Option<&'a str>,
    key: Option<&'a ConversationKey>,
}

impl<'a> EditColumns<'a> {
    fn of(kind: &'a EditKind) -> Self {
        let columns = |kind, topic| Self {
            kind,
            topic,
            into: None,
            label: None,
            key: None,
        };
        match kind {
            EditKind::Rename { topic, label } => Self {
                label: Some(label),
                ..columns("rename", topic)
            },
            EditKind::Merge { topic, into } => Self {
                into: Some(into),
                ..columns("merge", topic)
            },
            EditKind::Pin { key, topic } => Self {
                key: Some(key),
                ..columns("pin", topic)
            },
            EditKind::Mute { topic } => columns("mute", topic),
        }
    }
}

fn edit(row: &AnyRow) -> anyhow::Result<Edit> {
    let unknown = "the database holds an edit that this version does not know";
    let topic = TopicId(get(row, 5)?);
    let kind = match get::<&str>(row, 4)? {
        "rename" => EditKind::Rename {
            topic,
            label: get::<Option<String>>(row, 7)?.context(unknown)?,
        },
        "merge" => EditKind::Merge {
            topic,
            into: get::<Option<String>>(row, 6)?
                .map(TopicId)
                .context(unknown)?,
        },
        "pin" => {
            let source: Option<String> = get(row, 8)?;
            let id: Option<String> = get(row, 9)?;
            let key = ConversationKey::new(source.context(unknown)?, id.context(unknown)?);
            EditKind::Pin { key, topic }
        }
        "mute" => EditKind::Mute { topic },
        _ => anyhow::bail!(unknown),
    };
    Ok(Edit {
        number: get(row, 0)?,
        at: instant(row, 1)?,
        by: get(row, 2)?,
        is_undone: get::<i64>(row, 3)? == 1,
        kind,
    })
}
