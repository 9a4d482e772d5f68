//! The log of what people did with the registry. Nothing is ever taken out of it: an edit is undone by a flag.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::conversations::key;
use super::dialect::ListParameter;
use super::history::{keep, only_topic};
use super::sql::{ManyRows, all, composed, first, get, instant, json_list, plain, run, sql};
use super::topics::{next_number, write_assignments, write_lineage, write_topics};
use super::{Store, Writing};
use crate::model::{ConversationKey, Discovery, Edit, EditKind, TopicId};
use crate::topics::Edited;

impl Store {
    /// All edits in the order in which they were made, undone ones too.
    pub async fn edits(&self) -> anyhow::Result<Vec<Edit>> {
        let ask = sql(
            "SELECT number, made_at, made_by, is_undone, kind, topic, into_topic, label, \
                       source, id FROM edits ORDER BY number",
        );
        self.read_all(ask, edit).await
    }

    /// Adds an edit to the log; its number. A topic that is not in the registry is refused: the edit could never
    /// be applied.
    pub async fn add_edit(
        &self,
        kind: &EditKind,
        by: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<i64> {
        let mut writing = self.begin().await?;
        let number = write_edit(&mut writing, kind, by, now).await?;
        writing.commit().await?;
        Ok(number)
    }

    /// Adds several edits at once, all or none; their numbers. `found` has the topics that they make and who goes
    /// there: a split.
    pub async fn add_edits(
        &self,
        found: &Discovery,
        kinds: &[EditKind],
        by: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<i64>> {
        let mut writing = self.begin().await?;
        write_topics(&mut writing, &found.topics).await?;
        write_assignments(&mut writing, &found.assignments).await?;
        write_lineage(&mut writing, &found.lineage, now).await?;
        let mut numbers = Vec::new();
        for kind in kinds {
            numbers.push(write_edit(&mut writing, kind, by, now).await?);
        }
        writing.commit().await?;
        Ok(numbers)
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

impl Store {
    /// Counts conversations where people's edits put them: merged topics as one, pinned ones in their topic, and what
    /// was taken back where it was found. Answers how many moved; they go through the feed.
    pub async fn apply_edits(&self, edits: &[Edit], edited: &Edited) -> anyhow::Result<u64> {
        let (topics, pinned) = touched(edits);
        let mut writing = self.begin().await?;
        let mut moved = Vec::new();
        let placed = touched_rows(&mut writing, &topics, &pinned).await?;
        let mut superseded = Vec::new();
        for (key, found, topic, version) in &placed {
            let wanted = match (edited.pinned(key), found) {
                (Some(pinned), _) => Some(pinned),
                (None, Some(found)) => Some(edited.resolve(found)),
                (None, None) => None,
            };
            if wanted != topic.as_ref() {
                let by = writing.next_change();
                if writing.was_counted(*version) {
                    superseded.push(only_topic(key.source.as_str(), &key.id, by));
                }
                moved.push((key, wanted, by));
            }
        }
        keep(&mut writing, &superseded).await?;
        MOVED_ROWS
            .all(&mut writing, &moved, |(key, topic, change), values| {
                let values = values.text(key.source.as_str()).text(&key.id);
                values
                    .optional_text(topic.map(TopicId::as_str))
                    .number(*change);
            })
            .await?;
        writing.commit().await?;
        Ok(moved.len() as u64)
    }
}

async fn write_edit(
    writing: &mut Writing,
    kind: &EditKind,
    by: &str,
    now: DateTime<Utc>,
) -> anyhow::Result<i64> {
    let columns = EditColumns::of(kind);
    for topic in [Some(columns.topic), columns.into].into_iter().flatten() {
        let ask = sql("SELECT 1 FROM topics WHERE id = $1").bind(plain(topic.as_str()));
        let found = first(writing.connection(), ask, |_| Ok(())).await?;
        ensure!(found.is_some(), "there is no topic {topic}");
    }
    let number = next_number(writing, "edits").await?;
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
    Ok(number)
}

/// The topics and conversations that any edit names, undone ones too: only there can something be out of place.
fn touched(edits: &[Edit]) -> (BTreeSet<&str>, BTreeSet<&ConversationKey>) {
    let (mut topics, mut pinned) = (BTreeSet::new(), BTreeSet::new());
    for edit in edits {
        match &edit.kind {
            EditKind::Merge { topic, into } => topics.extend([topic.as_str(), into.as_str()]),
            EditKind::Split { topic, part } => topics.extend([topic.as_str(), part.as_str()]),
            EditKind::Pin { key, .. } => drop(pinned.insert(key)),
            EditKind::Rename { .. } | EditKind::Mute { .. } => {}
        }
    }
    (topics, pinned)
}

type Placed = (ConversationKey, Option<TopicId>, Option<TopicId>, i64);

async fn touched_rows(
    writing: &mut Writing,
    topics: &BTreeSet<&str>,
    pinned: &BTreeSet<&ConversationKey>,
) -> anyhow::Result<BTreeSet<Placed>> {
    let row = |row: &AnyRow| {
        let topic = |column| -> anyhow::Result<Option<TopicId>> {
            Ok(get::<Option<String>>(row, column)?.map(TopicId))
        };
        Ok((key(row)?, topic(2)?, topic(3)?, get(row, 4)?))
    };
    const PLACED: &str = "SELECT source, id, found_topic, topic, change_number FROM conversations \
                          WHERE exclusion IS NULL AND judged_hash IS NOT NULL";
    let listed = writing.dialect.listed(ListParameter::First);
    let ask = composed(format!(
        "{PLACED} AND (found_topic IN ({listed}) OR topic IN ({listed}))"
    ));
    let ask = ask.bind(json_list(topics.iter().copied()));
    let mut rows: BTreeSet<Placed> = all(writing.connection(), ask, row)
        .await?
        .into_iter()
        .collect();
    for key in pinned {
        let ask = composed(format!("{PLACED} AND source = $1 AND id = $2"));
        let ask = ask.bind(plain(key.source.as_str())).bind(plain(&key.id));
        rows.extend(all(writing.connection(), ask, row).await?);
    }
    Ok(rows)
}

const MOVED_ROWS: ManyRows = ManyRows {
    before: "UPDATE conversations SET topic = v.column3, change_number = v.column4 FROM (",
    row: "($, $, $, $)",
    after: ") AS v WHERE conversations.source = v.column1 AND conversations.id = v.column2",
};

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
            EditKind::Split { topic, part } => Self {
                into: Some(part),
                ..columns("split", topic)
            },
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
        "split" => EditKind::Split {
            topic,
            part: get::<Option<String>>(row, 6)?
                .map(TopicId)
                .context(unknown)?,
        },
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
