//! What becomes of a piece of news about a conversation: `decide` is the whole rule.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::Writing;
use super::dialect::ListParameter;
use super::history::Superseded;
use super::sql::{all, composed, get, json_list};
use crate::model::{Exclusion, SourceId, Stored};

/// What a page says of one conversation.
#[derive(Clone, Copy, Debug)]
pub(super) enum News<'a> {
    Version(&'a Stored),
    Deleted(DateTime<Utc>),
    Merged(&'a str, DateTime<Utc>),
}

impl News<'_> {
    /// When it happened; at the same instant a removal comes after a version.
    pub(super) fn order(&self) -> (DateTime<Utc>, u8) {
        match self {
            News::Version(stored) => (stored.conversation.updated_at, 0),
            News::Merged(_, at) => (*at, 1),
            News::Deleted(at) => (*at, 2),
        }
    }
}

/// What is stored of a conversation, as far as `decide` needs it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub updated_at: i64,
    pub stored_at: i64,
    pub was_seen: bool,
    pub is_forgotten: bool,
    pub exclusion: Option<String>,
    pub text_hash: String,
    /// Empty where only a removal was ever told.
    pub content_hash: String,
    pub topic: Option<String>,
    pub score: Option<f64>,
    pub also: Option<String>,
    pub judged_hash: Option<String>,
    pub change_number: i64,
    pub was_read: bool,
    /// What a report counts by, beside the exclusion.
    pub created_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub category: Option<String>,
}

impl Head {
    /// This version before `news` replaces it, if anybody may ask for it later.
    pub(super) fn superseded<'a>(
        &self,
        writing: &Writing,
        source: &'a SourceId,
        id: &'a str,
        news: &News<'_>,
        (by, now): (i64, DateTime<Utc>),
    ) -> Option<Superseded<'a>> {
        let was_counted = writing.was_counted(self.change_number);
        let is_kept = was_counted || self.was_read || self.is_reported_elsewhere(news);
        is_kept.then(|| Superseded {
            source: source.as_str(),
            id,
            by,
            at: Some(now),
            was_counted,
            was_read: self.was_read,
        })
    }

    /// Whether a report counts the conversation elsewhere after `news`.
    fn is_reported_elsewhere(&self, news: &News<'_>) -> bool {
        let exclusion = self.exclusion.as_deref();
        match news {
            News::Deleted(_) => exclusion != Some(Exclusion::Deleted.as_str()),
            News::Merged(..) => exclusion != Some(Exclusion::Merged.as_str()),
            News::Version(stored) => {
                let new = &stored.conversation;
                let closed_at = new.closed_at.map(|at| at.timestamp_micros());
                exclusion != new.exclusion.map(Exclusion::as_str)
                    || self.category != new.category
                    || self.created_at != Some(new.created_at.timestamp_micros())
                    || self.closed_at != closed_at
            }
        }
    }
}

/// What becomes of a piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Older than what is stored, or the same.
    Ignore,
    /// Same content, but newer: only the time moves on, so that no older version can come between.
    Touch,
    /// Never seen.
    Insert,
    /// Another content, or back from deletion.
    Replace,
    /// Words away, a tombstone stays.
    Bury,
}

pub(super) fn decide(head: Option<&Head>, news: &News<'_>, content_hash: &str) -> Decision {
    let at = news.order().0.timestamp_micros();
    let is_removal = !matches!(news, News::Version(_));
    let Some(head) = head else {
        return if is_removal {
            Decision::Bury
        } else {
            Decision::Insert
        };
    };
    let reason = head.exclusion.as_deref();
    let is_tombstone = matches!(reason, Some("deleted" | "merged"));
    if head.is_forgotten || at < head.updated_at {
        return Decision::Ignore;
    }
    let is_same = match news {
        News::Version(_) => head.content_hash == content_hash,
        News::Deleted(_) => reason == Some("deleted"),
        News::Merged(..) => reason == Some("merged"),
    };
    match (is_same, at > head.updated_at) {
        (true, true) => Decision::Touch,
        (true, false) => Decision::Ignore,
        (false, _) if is_removal => Decision::Bury,
        // A version from the very instant of the deletion is from before it.
        (false, false) if is_tombstone => Decision::Ignore,
        (false, _) => Decision::Replace,
    }
}

pub(super) async fn heads(
    writing: &mut Writing,
    source: &SourceId,
    ids: impl Iterator<Item = &str>,
) -> anyhow::Result<BTreeMap<String, Head>> {
    let ids = json_list(ids);
    let ask = composed(format!(
        "SELECT id, updated_at, stored_at, \
         CASE WHEN created_at IS NULL THEN 0 ELSE 1 END, is_forgotten, exclusion, text_hash, \
         content_hash, topic, score, also_topic, judged_hash, change_number, read_change, \
         created_at, closed_at, category \
         FROM conversations WHERE source = $1 AND id IN ({})",
        writing.dialect.listed(ListParameter::Second)
    ));
    let heads = all(
        writing.connection(),
        ask.bind(source.0.clone()).bind(ids),
        |row| Ok((get(row, 0)?, head(row)?)),
    );
    Ok(heads.await?.into_iter().collect())
}

fn head(row: &AnyRow) -> anyhow::Result<Head> {
    Ok(Head {
        updated_at: get(row, 1)?,
        stored_at: get(row, 2)?,
        was_seen: get::<i32>(row, 3)? == 1,
        is_forgotten: get::<i64>(row, 4)? == 1,
        exclusion: get(row, 5)?,
        text_hash: get(row, 6)?,
        content_hash: get(row, 7)?,
        topic: get(row, 8)?,
        score: get(row, 9)?,
        also: get(row, 10)?,
        judged_hash: get(row, 11)?,
        change_number: get(row, 12)?,
        was_read: get::<i64>(row, 13)? > 0,
        created_at: get(row, 14)?,
        closed_at: get(row, 15)?,
        category: get(row, 16)?,
    })
}
