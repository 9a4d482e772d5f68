//! A conversation's rows as they are written: what counting needs in one table, the words in another.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::Writing;
use super::conversations::{MERGED_INTO, attributes_json, messages_json, tags_json};
use super::sql::{ManyRows, Values};
use crate::model::{Conversation, Exclusion, SourceId, Stored};

/// A conversation's row about to be written.
pub(super) struct NewRow<'a> {
    pub id: &'a str,
    pub stored: &'a Stored,
    pub stored_at: i64,
    pub number: i64,
    pub content_hash: String,
    pub topic: Option<String>,
    pub score: Option<f64>,
    pub also: Option<String>,
    pub judged_hash: Option<String>,
}

/// Whether a version says of itself that it was deleted or merged.
pub(super) fn is_removed(stored: &Stored) -> bool {
    let exclusion = stored.conversation.exclusion;
    matches!(exclusion, Some(Exclusion::Deleted | Exclusion::Merged))
}

const TOUCHED_ROWS: ManyRows = ManyRows {
    before: "UPDATE conversations SET updated_at = v.column3 FROM (",
    row: "($, $, $)",
    after: ") AS v WHERE conversations.source = v.column1 AND conversations.id = v.column2",
};

/// Only the time of the last change moves on.
pub(super) async fn touch_rows(
    writing: &mut Writing,
    source: &SourceId,
    touched: &[(&String, DateTime<Utc>)],
) -> anyhow::Result<()> {
    TOUCHED_ROWS
        .all(writing, touched, |(id, at), values| {
            values.text(source.as_str()).text(id).time(*at);
        })
        .await
}

const CONVERSATION_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO conversations (source, id, kind, created_at, updated_at, closed_at, \
           stored_at, change_number, exclusion, is_forgotten, merged_into, status, category, \
           account, requester, channel, product, priority, csat, reopens, tags, language, text_hash, \
           content_hash, topic, score, also_topic, judged_hash)",
    row: "($, $, $, $, $, $, $, $, $, 0, $, $, $, $, $, $, $, $, NULLIF($, -1.0), $, $, $, $, $, $, \
          NULLIF($, -1.0), $, $)",
    after: "ON CONFLICT (source, id) DO UPDATE SET kind = excluded.kind, \
               created_at = excluded.created_at, updated_at = excluded.updated_at, \
               closed_at = excluded.closed_at, stored_at = excluded.stored_at, \
               change_number = excluded.change_number, exclusion = excluded.exclusion, \
               merged_into = excluded.merged_into, status = excluded.status, \
               category = excluded.category, account = excluded.account, \
               requester = excluded.requester, channel = excluded.channel, \
               product = excluded.product, priority = excluded.priority, csat = excluded.csat, \
               reopens = excluded.reopens, tags = excluded.tags, language = excluded.language, \
               text_hash = excluded.text_hash, content_hash = excluded.content_hash, \
               topic = excluded.topic, score = excluded.score, also_topic = excluded.also_topic, \
               judged_hash = excluded.judged_hash, found_topic = CASE \
               WHEN excluded.judged_hash IS NULL THEN NULL ELSE conversations.found_topic END",
};

const WORD_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO words (source, id, subject, messages, tags, attributes, url, text, \
             change_number)",
    row: "($, $, $, $, $, $, $, $, $)",
    after: "ON CONFLICT (source, id) DO UPDATE SET subject = excluded.subject, \
               messages = excluded.messages, tags = excluded.tags, \
               attributes = excluded.attributes, url = excluded.url, text = excluded.text, \
               change_number = excluded.change_number",
};

/// Writes conversations and, unless they were removed, their words.
pub(super) async fn write_rows(writing: &mut Writing, rows: &[NewRow<'_>]) -> anyhow::Result<()> {
    CONVERSATION_ROWS.all(writing, rows, bind_row).await?;
    let with_words: Vec<&NewRow<'_>> = rows.iter().filter(|row| !is_removed(row.stored)).collect();
    WORD_ROWS
        .all(writing, &with_words, |row, values| {
            let conversation = &row.stored.conversation;
            values
                .text(&conversation.key.source.0)
                .text(row.id)
                .text(conversation.subject.as_str())
                .text(&messages_json(&conversation.messages))
                .text(&tags_json(&conversation.tags))
                .text(&attributes_json(&conversation.attributes))
                .optional_text(conversation.url.as_deref())
                .text(row.stored.text.as_str())
                .number(row.number);
        })
        .await
}

fn bind_row(row: &NewRow<'_>, values: &mut Values) {
    let conversation = &row.stored.conversation;
    let merged_into = conversation.attributes.get(MERGED_INTO);
    let merged_into = merged_into.filter(|_| is_removed(row.stored));
    values
        .text(&conversation.key.source.0)
        .text(row.id)
        .text(conversation.kind.as_str())
        .time(conversation.created_at)
        .time(conversation.updated_at)
        .optional_time(conversation.closed_at)
        .number(row.stored_at)
        .number(row.number)
        .optional_text(conversation.exclusion.map(Exclusion::as_str))
        .optional_text(merged_into.map(String::as_str))
        .optional_text(conversation.status.as_deref())
        .optional_text(conversation.category.as_deref())
        .optional_text(conversation.account.as_deref())
        .optional_text(conversation.requester.as_deref())
        .optional_text(conversation.channel.as_deref())
        .optional_text(conversation.product.as_deref())
        .optional_text(conversation.priority.as_deref())
        .share(conversation.csat)
        .number(i64::from(conversation.reopens))
        .text(&tags_json(&conversation.tags))
        .text(&row.stored.language)
        .text(&row.stored.text_hash)
        .text(&row.content_hash)
        .optional_text(row.topic.as_deref())
        .share(row.score)
        .optional_text(row.also.as_deref())
        .optional_text(row.judged_hash.as_deref());
}

/// SHA-256 of all that is kept of a conversation, but for its times of change: equal means nothing changed.
pub(super) fn content_hash(stored: &Stored) -> String {
    // Destructured, so that a new field cannot be forgotten here.
    let Stored {
        conversation,
        text,
        text_hash,
        language,
    } = stored;
    let Conversation {
        key: _,
        kind,
        created_at,
        updated_at: _,
        closed_at,
        status,
        subject,
        messages,
        category,
        tags,
        account,
        requester,
        channel,
        product,
        priority,
        csat,
        reopens,
        url,
        attributes,
        exclusion,
    } = conversation;
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for text in [
        kind.as_str(),
        subject.as_str(),
        text.as_str(),
        text_hash,
        language,
        exclusion.map_or("", Exclusion::as_str),
        &messages_json(messages),
        &tags_json(tags),
        &attributes_json(attributes),
    ] {
        field(text.as_bytes());
    }
    for text in [
        status, category, account, requester, channel, product, priority, url,
    ] {
        field(&[u8::from(text.is_some())]);
        field(text.as_deref().unwrap_or_default().as_bytes());
    }
    for number in [
        Some(created_at.timestamp_micros()),
        closed_at.map(|at| at.timestamp_micros()),
        csat.map(|csat| csat.to_bits().cast_signed()),
        Some(i64::from(*reopens)),
    ] {
        field(&[u8::from(number.is_some())]);
        field(&number.unwrap_or_default().to_le_bytes());
    }
    let bytes = hash.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
