//! Erasure: words and identity go, the row stays as a tombstone, so that counts still add up and no late
//! version brings the words back. It passes through the feed like any change, so the index follows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::dialect::ListParameter;
use super::history::{self, Superseded, keep};
use super::sql::{ManyRows, Statement, all, composed, from_micros, get, json_list, plain, run};
use super::texts::{Left, leave_texts};
use super::{Store, Writing};
use crate::model::{ConversationKey, Exclusion, SourceId};

/// A conversation that is to lose its words.
pub(super) struct Tombstone {
    pub source: String,
    pub id: String,
    /// When the helpdesk removed it.
    pub at: DateTime<Utc>,
    pub reason: Exclusion,
    pub merged_into: Option<String>,
    /// Forgotten by a person here: no later version of the helpdesk brings it back.
    pub is_forgotten: bool,
    pub number: i64,
    pub stored_at: DateTime<Utc>,
}

/// What `forget` reads of a conversation.
const FORGOTTEN: &str = "SELECT source, id, updated_at, stored_at, text_hash, change_number, \
                         read_change, exclusion FROM conversations WHERE is_forgotten = 0 AND";

impl Store {
    /// Erases the words and identity of one conversation for good, in what closed windows counted too: the helpdesk's
    /// later versions of it are ignored. False if it is not stored.
    pub async fn forget_conversation(
        &self,
        key: &ConversationKey,
        now: DateTime<Utc>,
    ) -> anyhow::Result<bool> {
        let ask = composed(format!("{FORGOTTEN} source = $1 AND id = $2"));
        let ask = ask.bind(plain(key.source.as_str())).bind(plain(&key.id));
        let mut writing = self.begin().await?;
        let forgotten = forget(&mut writing, ask, now).await?;
        writing.commit().await?;
        Ok(!forgotten.is_empty())
    }

    /// Erases the words and identity of all conversations of a requester, given by the pseudonym under which
    /// they are stored; also what is kept of conversations that are theirs no longer, or were deleted.
    pub async fn forget_requester(
        &self,
        requester: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<u64> {
        let requester = plain(requester);
        // A deleted conversation tells only in its history whose it was.
        let ask = composed(format!(
            "{FORGOTTEN} (requester = $1 OR (exclusion IN ('deleted', 'merged') AND EXISTS \
             (SELECT 1 FROM conversation_history h WHERE h.source = conversations.source \
             AND h.id = conversations.id AND h.requester = $1))) ORDER BY source, id"
        ));
        let mut writing = self.begin().await?;
        let before = history::of_requester(&mut writing, &requester).await?;
        let mut forgotten = forget(&mut writing, ask.bind(requester), now).await?;
        history::erase(&mut writing, &before, now).await?;
        forgotten.extend(before);
        writing.commit().await?;
        Ok(forgotten.len() as u64)
    }
}

async fn forget(
    writing: &mut Writing,
    ask: Statement,
    now: DateTime<Utc>,
) -> anyhow::Result<BTreeSet<ConversationKey>> {
    let found = all(writing.connection(), ask, |row| {
        let (source, id): (String, String) = (get(row, 0)?, get(row, 1)?);
        let (at, stored_at) = (from_micros(get(row, 2)?)?, from_micros(get(row, 3)?)?);
        let (text_hash, version): (String, i64) = (get(row, 4)?, get(row, 5)?);
        let was_read = get::<i64>(row, 6)? > 0;
        let was_deleted = get::<Option<&str>>(row, 7)? == Some(Exclusion::Deleted.as_str());
        Ok((
            source,
            id,
            at,
            stored_at,
            text_hash,
            version,
            was_read || !was_deleted,
        ))
    });
    let mut tombstones = Vec::new();
    let mut hashes = Vec::new();
    let mut kept = Vec::new();
    for (source, id, at, stored_at, text_hash, version, is_kept) in found.await? {
        hashes.push(text_hash);
        kept.push((writing.was_counted(version), is_kept));
        tombstones.push(Tombstone {
            source,
            id,
            at,
            reason: Exclusion::Deleted,
            merged_into: None,
            is_forgotten: true,
            number: writing.next_change(),
            stored_at,
        });
    }
    let superseded = tombstones.iter().zip(kept);
    let superseded = superseded.filter(|(_, (was_counted, is_kept))| *was_counted || *is_kept);
    let superseded: Vec<Superseded<'_>> = superseded
        .map(|(tombstone, (was_counted, _))| Superseded {
            source: &tombstone.source,
            id: &tombstone.id,
            by: tombstone.number,
            at: Some(now),
            was_counted,
            was_read: true,
        })
        .collect();
    keep(writing, &superseded).await?;
    write_tombstones(writing, &tombstones).await?;
    for (tombstone, text_hash) in tombstones.iter().zip(hashes) {
        let source = SourceId(tombstone.source.clone());
        let id = tombstone.id.as_str();
        erase_words(writing, &source, &[id]).await?;
        leave_texts(writing, &source, &[Left { id, text_hash }]).await?;
    }
    let key = |tombstone: &Tombstone| ConversationKey::new(&*tombstone.source, &*tombstone.id);
    let keys: BTreeSet<ConversationKey> = tombstones.iter().map(key).collect();
    history::erase(writing, &keys, now).await?;
    Ok(keys)
}

/// A tombstone keeps what counting needs (times, kind, category) and loses who and what.
const TOMBSTONE_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO conversations (source, id, kind, updated_at, stored_at, change_number, \
           exclusion, is_forgotten, merged_into, reopens, language, text_hash, content_hash)",
    row: "($, $, 'ticket', $, $, $, $, $, $, 0, '', '', '')",
    after: "ON CONFLICT (source, id) DO UPDATE SET updated_at = excluded.updated_at, \
               change_number = excluded.change_number, exclusion = excluded.exclusion, \
               is_forgotten = excluded.is_forgotten, merged_into = excluded.merged_into, \
               account = NULL, requester = NULL, tags = '[]', language = '', text_hash = '', \
               content_hash = '', topic = NULL, score = NULL, also_topic = NULL, \
               judged_hash = NULL, found_topic = NULL",
};

pub(super) async fn write_tombstones(
    writing: &mut Writing,
    tombstones: &[Tombstone],
) -> anyhow::Result<()> {
    TOMBSTONE_ROWS
        .all(writing, tombstones, |tombstone, values| {
            values
                .text(&tombstone.source)
                .text(&tombstone.id)
                .time(tombstone.at)
                .time(tombstone.stored_at)
                .number(tombstone.number)
                .text(tombstone.reason.as_str())
                .number(i64::from(tombstone.is_forgotten))
                .optional_text(tombstone.merged_into.as_deref());
        })
        .await
}

/// Deletes the words of conversations, and their vectors where they stood for a topic.
pub(super) async fn erase_words(
    writing: &mut Writing,
    source: &SourceId,
    ids: &[&str],
) -> anyhow::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    writing.note_erased();
    let list = json_list(ids.iter().copied());
    let listed = writing.dialect.listed(ListParameter::Second);
    for table in ["words", "exemplars"] {
        let erase = composed(format!(
            "DELETE FROM {table} WHERE source = $1 AND id IN ({listed})"
        ));
        let erase = erase.bind(source.0.clone()).bind(list.clone());
        run(writing.connection(), erase).await?;
    }
    Ok(())
}
