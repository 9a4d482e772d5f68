//! Saving a page: conversations, deletions, merges, what was skipped, and the cursor, in one transaction.
//!
//! Pages may repeat and come out of order. What is stored only moves forward in `updated_at`, and a version
//! with the same content changes nothing. `decide` is the whole rule.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::conversations::MERGED_INTO;
use super::dialect::ListParameter;
use super::erase::{Tombstone, erase_words, forget_vectors, write_tombstones};
use super::rows::{NewRow, content_hash, is_removed, touch_rows, write_rows};
use super::sql::{all, composed, get, json_list, plain, sql};
use super::{CleanPage, Saved, Store, Writing};
use crate::model::{Conversation, Exclusion, SourceId, Stored, Text};

impl Store {
    /// Saves a page of a source. Either all of it is stored, with its cursor, or nothing.
    pub async fn save_page(
        &self,
        source: &SourceId,
        page: &CleanPage,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Saved> {
        let versions: Vec<Cow<'_, Stored>> = page
            .conversations
            .iter()
            .map(without_words_if_removed)
            .collect();
        let rounds = rounds(source, &versions, page)?;
        let mut writing = self.begin().await?;
        let mut saved = Saved::default();
        for round in rounds {
            save_round(&mut writing, source, round, now, &mut saved).await?;
        }
        super::progress::advance(&mut writing, source, page, saved, now).await?;
        writing.commit().await?;
        Ok(saved)
    }
}

/// What a page says of one conversation.
#[derive(Clone, Copy, Debug)]
enum News<'a> {
    Version(&'a Stored),
    Deleted(DateTime<Utc>),
    Merged(&'a str, DateTime<Utc>),
}

impl News<'_> {
    /// When it happened; at the same instant a removal comes after a version.
    fn order(&self) -> (DateTime<Utc>, u8) {
        match self {
            News::Version(stored) => (stored.conversation.updated_at, 0),
            News::Merged(_, at) => (*at, 1),
            News::Deleted(at) => (*at, 2),
        }
    }
}

type Round<'a> = BTreeMap<String, News<'a>>;

/// Splits a page so that each round holds a conversation once, earlier news in earlier rounds.
fn rounds<'a>(
    source: &SourceId,
    versions: &'a [Cow<'a, Stored>],
    page: &'a CleanPage,
) -> anyhow::Result<Vec<Round<'a>>> {
    let versions = versions.iter().map(|stored| {
        let key = &stored.conversation.key;
        (key, News::Version(stored))
    });
    let deleted = page
        .deleted
        .iter()
        .map(|(key, at)| (key, News::Deleted(*at)));
    let merged = page
        .merged
        .iter()
        .map(|(key, into, at)| (key, News::Merged(into, *at)));
    let mut by_id: BTreeMap<String, Vec<News<'a>>> = BTreeMap::new();
    for (key, news) in versions.chain(deleted).chain(merged) {
        ensure!(
            key.source == *source,
            "a page of source {source} holds a conversation of source {}",
            key.source
        );
        by_id.entry(plain(&key.id)).or_default().push(news);
    }
    let mut rounds: Vec<Round<'a>> = Vec::new();
    for (id, mut news) in by_id {
        // Stable: of two versions with the same time, the later one of the page stays.
        news.sort_by_key(News::order);
        for (number, one) in news.into_iter().enumerate() {
            if rounds.len() <= number {
                rounds.push(Round::new());
            }
            rounds[number].insert(id.clone(), one);
        }
    }
    Ok(rounds)
}

/// What is stored of a conversation, as far as `decide` needs it.
#[derive(Clone, Debug)]
struct Head {
    updated_at: i64,
    stored_at: i64,
    was_seen: bool,
    is_forgotten: bool,
    exclusion: Option<String>,
    text_hash: String,
    /// Empty where only a removal was ever told.
    content_hash: String,
    topic: Option<String>,
    score: Option<f64>,
    also: Option<String>,
    judged_hash: Option<String>,
}

/// What becomes of a piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
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

fn decide(head: Option<&Head>, news: &News<'_>, content_hash: &str) -> Decision {
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

async fn save_round(
    writing: &mut Writing,
    source: &SourceId,
    round: Round<'_>,
    now: DateTime<Utc>,
    saved: &mut Saved,
) -> anyhow::Result<()> {
    let heads = heads(writing, source, &round).await?;
    let pinned = pinned(writing, source).await?;
    let mut changes = Changes::default();
    for (id, news) in &round {
        let head = heads.get(id);
        let content_hash = match news {
            News::Version(stored) => content_hash(stored),
            _ => String::new(),
        };
        match (decide(head, news, &content_hash), news) {
            (Decision::Ignore, _) => saved.unchanged += 1,
            (Decision::Touch, _) => {
                saved.unchanged += 1;
                changes.touched.push((id, news.order().0));
            }
            (Decision::Bury, _) => {
                saved.removed += 1;
                let number = writing.next_change();
                changes.bury(source, id, news, head, number, now);
            }
            (_, News::Version(stored)) => {
                let is_new = head.is_none_or(|head| !head.was_seen);
                *(if is_new {
                    &mut saved.new
                } else {
                    &mut saved.changed
                }) += 1;
                let number = writing.next_change();
                let is_pinned = pinned.contains(id);
                changes.replace(id, stored, head, is_pinned, content_hash, number, now);
            }
            (Decision::Insert | Decision::Replace, _) => {
                unreachable!("only versions are written")
            }
        }
    }
    changes.write(writing, source).await
}

/// What a round writes.
#[derive(Default)]
struct Changes<'a> {
    touched: Vec<(&'a String, DateTime<Utc>)>,
    tombstones: Vec<Tombstone>,
    rows: Vec<NewRow<'a>>,
    /// Hashes of texts that nobody may have any more.
    left_hashes: BTreeSet<String>,
    /// Conversations that lose their words.
    wordless: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    fn bury(
        &mut self,
        source: &SourceId,
        id: &'a str,
        news: &News<'a>,
        head: Option<&Head>,
        number: i64,
        now: DateTime<Utc>,
    ) {
        let (reason, merged_into) = match news {
            News::Merged(into, _) => (Exclusion::Merged, Some((*into).to_owned())),
            _ => (Exclusion::Deleted, None),
        };
        self.left_hashes
            .extend(head.map(|head| head.text_hash.clone()));
        self.wordless.push(id);
        self.tombstones.push(Tombstone {
            source: source.0.clone(),
            id: id.to_owned(),
            at: news.order().0,
            reason,
            merged_into,
            is_forgotten: false,
            number,
            stored_at: now,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "each is one column's origin")]
    fn replace(
        &mut self,
        id: &'a str,
        stored: &'a Stored,
        head: Option<&Head>,
        is_pinned: bool,
        content_hash: String,
        number: i64,
        now: DateTime<Utc>,
    ) {
        let text_hash = &stored.text_hash;
        if let Some(head) = head.filter(|head| head.text_hash != *text_hash) {
            self.left_hashes.insert(head.text_hash.clone());
        }
        if is_removed(stored) {
            self.wordless.push(id);
        }
        // Another text needs another look, unless a person said where it belongs.
        let kept = head.filter(|head| is_pinned || head.text_hash == *text_hash);
        let first_stored = head.filter(|head| head.was_seen);
        self.rows.push(NewRow {
            id,
            stored,
            stored_at: first_stored.map_or(now.timestamp_micros(), |head| head.stored_at),
            number,
            content_hash,
            topic: kept.and_then(|head| head.topic.clone()),
            score: kept.and_then(|head| head.score),
            also: kept.and_then(|head| head.also.clone()),
            judged_hash: kept.and_then(|head| head.judged_hash.clone()),
        });
    }

    async fn write(self, writing: &mut Writing, source: &SourceId) -> anyhow::Result<()> {
        touch_rows(writing, source, &self.touched).await?;
        write_rows(writing, &self.rows).await?;
        write_tombstones(writing, &self.tombstones).await?;
        erase_words(writing, source, &self.wordless).await?;
        forget_vectors(writing, &self.left_hashes).await
    }
}

/// Of such a version the words are not kept either, nor who wrote them.
fn without_words_if_removed(stored: &Stored) -> Cow<'_, Stored> {
    if !is_removed(stored) {
        return Cow::Borrowed(stored);
    }
    let whole = &stored.conversation;
    let mut attributes = whole.attributes.clone();
    attributes.retain(|name, _| name == MERGED_INTO);
    let conversation = Conversation {
        subject: Text::default(),
        messages: Vec::new(),
        tags: Vec::new(),
        account: None,
        requester: None,
        url: None,
        attributes,
        ..whole.clone()
    };
    Cow::Owned(Stored {
        conversation,
        text: Text::default(),
        text_hash: String::new(),
        language: String::new(),
    })
}

async fn heads(
    writing: &mut Writing,
    source: &SourceId,
    round: &Round<'_>,
) -> anyhow::Result<BTreeMap<String, Head>> {
    let ids = json_list(round.keys().map(String::as_str));
    let ask = composed(format!(
        "SELECT id, updated_at, stored_at, \
         CASE WHEN created_at IS NULL THEN 0 ELSE 1 END, is_forgotten, exclusion, text_hash, \
         content_hash, topic, score, also_topic, judged_hash \
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
    })
}

/// Conversations of a source that a person pinned to a topic.
async fn pinned(writing: &mut Writing, source: &SourceId) -> anyhow::Result<BTreeSet<String>> {
    let ask = sql("SELECT id FROM edits WHERE kind = 'pin' AND is_undone = 0 AND source = $1");
    let ids = all(writing.connection(), ask.bind(source.0.clone()), |row| {
        get(row, 0)
    });
    Ok(ids.await?.into_iter().collect())
}
