//! Saving a page: conversations, deletions, merges, what was skipped or parked, and the cursor, in one transaction.
//!
//! Pages may repeat and come out of order. What is stored only moves forward in `updated_at`, and a version
//! with the same content changes nothing. `news` has the rule.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use chrono::{DateTime, Utc};

use super::conversations::MERGED_INTO;
use super::erase::{Tombstone, erase_words, write_tombstones};
use super::history::{Superseded, keep};
use super::news::{Decision, Head, News, decide, heads};
use super::rows::{NewRow, content_hash, is_removed, touch_rows, write_rows};
use super::sql::{all, get, plain, sql};
use super::texts::{Left, leave_texts};
use super::{Store, Writing};
use crate::connectors::{Cursor, Parked, Skipped, Sweep};
use crate::model::{Conversation, ConversationKey, Exclusion, SourceId, Stored, Text};

/// One page, cleaned and ready to be kept.
#[derive(Clone, Debug, Default)]
pub struct CleanPage {
    /// New and changed conversations.
    pub conversations: Vec<Stored>,
    /// Deleted ones: their words are erased, the row stays, excluded as deleted.
    pub deleted: Vec<(ConversationKey, DateTime<Utc>)>,
    /// Merged ones and the helpdesk id they went into; excluded as merged.
    pub merged: Vec<(ConversationKey, String, DateTime<Utc>)>,
    /// Ids that were looked for in vain.
    pub gone: Vec<String>,
    /// Ids that were looked for and are none of ours.
    pub not_ours: Vec<String>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// What could not be read just now.
    pub parked: Vec<Parked>,
    /// Part of a walk over everything that is there.
    pub sweep: Option<Sweep>,
    /// Which position of the source this page moves.
    pub moves: Moves,
    /// Where to go on.
    pub next: Option<Cursor>,
    /// The source is complete up to here.
    pub complete_until: Option<DateTime<Utc>>,
    /// Whether the pull is over, so that the next one waits for its schedule.
    pub is_last: bool,
}

/// Which position of a source a page moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moves {
    /// That of the daily pull.
    #[default]
    Daily,
    /// That of the daily pull, which leaves what is older than its first page to the backfill.
    DailyFrom(DateTime<Utc>),
    /// That of the backfill; everything that changed since the instant is read.
    Backfill(Option<DateTime<Utc>>),
    /// None: single records were read again.
    Nothing,
}

/// What saving a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Conversations not seen before.
    pub new: u64,
    /// Conversations whose content changed.
    pub changed: u64,
    /// Same content, or an older version than what is stored.
    pub unchanged: u64,
    /// Deleted or merged.
    pub removed: u64,
}

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
        super::parked::settle(&mut writing, source, page, now).await?;
        writing.commit().await?;
        Ok(saved)
    }
}

pub(super) type Round<'a> = BTreeMap<String, News<'a>>;

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

pub(super) async fn save_round(
    writing: &mut Writing,
    source: &SourceId,
    round: Round<'_>,
    now: DateTime<Utc>,
    saved: &mut Saved,
) -> anyhow::Result<()> {
    let heads = heads(writing, source, round.keys().map(String::as_str)).await?;
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
                let old =
                    head.and_then(|head| head.superseded(writing, source, id, news, (number, now)));
                changes.superseded.extend(old);
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
                let old =
                    head.and_then(|head| head.superseded(writing, source, id, news, (number, now)));
                changes.superseded.extend(old);
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
    superseded: Vec<Superseded<'a>>,
    touched: Vec<(&'a String, DateTime<Utc>)>,
    tombstones: Vec<Tombstone>,
    rows: Vec<NewRow<'a>>,
    /// Who has another text now, or none that counts.
    left: Vec<Left<'a>>,
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
        self.left.extend(head.map(|head| left(id, head)));
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
        let counts = stored.conversation.exclusion.is_none();
        let has_left = head.filter(|head| !counts || head.text_hash != *text_hash);
        self.left.extend(has_left.map(|head| left(id, head)));
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
        keep(writing, &self.superseded).await?;
        touch_rows(writing, source, &self.touched).await?;
        write_rows(writing, &self.rows).await?;
        write_tombstones(writing, &self.tombstones).await?;
        erase_words(writing, source, &self.wordless).await?;
        leave_texts(writing, source, &self.left).await
    }
}

fn left<'a>(id: &'a str, head: &Head) -> Left<'a> {
    let text_hash = head.text_hash.clone();
    Left { id, text_hash }
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

/// Conversations of a source that a person pinned to a topic.
async fn pinned(writing: &mut Writing, source: &SourceId) -> anyhow::Result<BTreeSet<String>> {
    let ask = sql("SELECT id FROM edits WHERE kind = 'pin' AND is_undone = 0 AND source = $1");
    let ids = all(writing.connection(), ask.bind(source.0.clone()), |row| {
        get(row, 0)
    });
    Ok(ids.await?.into_iter().collect())
}
