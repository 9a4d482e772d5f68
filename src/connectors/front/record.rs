//! Conversations of Front with their messages, comments and events, as ours. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::connectors::engine::{Settings, words};
use crate::connectors::json;
use crate::model::{
    Author, Conversation, ConversationKey, Kind as What, Message, Text, Visibility,
};

/// What belongs to a conversation.
pub(super) struct Parts {
    pub(super) messages: Vec<Value>,
    pub(super) comments: Vec<Value>,
    pub(super) events: Vec<Value>,
}

/// A conversation with its parts, or why it makes no sense.
pub(super) fn conversation(
    key: ConversationKey,
    one: &Value,
    parts: &Parts,
    event_at: Option<DateTime<Utc>>,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(one, name);
    let created_at = json::unix(one, "created_at").ok_or("created_at is missing or not a time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.messages = messages(parts);
    let last_said = conversation.messages.iter().filter_map(|one| one.at).max();
    let stamps = [json::unix(one, "updated_at"), last_said, event_at];
    conversation.updated_at = stamps.into_iter().flatten().max().unwrap_or(created_at);
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = text("status");
    let is_over = conversation.status.as_deref() == Some("archived");
    let (closed_at, reopens) = course(&parts.events);
    conversation.closed_at = closed_at.filter(|_| is_over);
    conversation.reopens = reopens;
    let first = parts
        .messages
        .iter()
        .min_by_key(|message| json::unix(message, "created_at"));
    conversation.channel = first.and_then(|message| json::text(message, "type"));
    if matches!(conversation.channel.as_deref(), Some("call" | "phone-call")) {
        conversation.kind = What::CallNote;
    }
    settings.choose(&mut conversation, one);
    conversation.tags = words(one, "tags");
    let recipient = one.get("recipient").unwrap_or(&Value::Null);
    conversation.requester = json::text(recipient, "handle");
    conversation.url = Some(format!(
        "https://app.frontapp.com/open/{}",
        conversation.key.id
    ));
    conversation.attributes = attributes(one);
    Ok(conversation)
}

/// When it was archived last, and how often it was opened again.
fn course(events: &[Value]) -> (Option<DateTime<Utc>>, u32) {
    let of = |kind: &'static str| {
        events
            .iter()
            .filter(move |event| json::text(event, "type").as_deref() == Some(kind))
    };
    let closed_at = of("archive")
        .filter_map(|event| json::unix(event, "emitted_at"))
        .max();
    let reopens = u32::try_from(of("reopen").count()).unwrap_or(u32::MAX);
    (closed_at, reopens)
}

/// Messages come newest first; drafts are not said yet.
fn messages(parts: &Parts) -> Vec<Message> {
    let said = parts.messages.iter().filter(|message| {
        message.get("is_draft").and_then(Value::as_bool) != Some(true)
            && json::text(message, "draft_mode").is_none()
    });
    let said = said.filter_map(|message| {
        let is_inbound = message.get("is_inbound").and_then(Value::as_bool) == Some(true);
        let text = json::text(message, "text").or_else(|| json::text(message, "body"))?;
        let author = if is_inbound {
            Author::Customer
        } else {
            teammate(message)
        };
        entry(message, "created_at", author, Visibility::Public, text)
    });
    let written = parts.comments.iter().filter_map(|comment| {
        let text = json::text(comment, "body")?;
        entry(
            comment,
            "posted_at",
            teammate(comment),
            Visibility::Internal,
            text,
        )
    });
    let mut all: Vec<(String, Message)> = said.chain(written).collect();
    all.sort_by(|(one_id, one), (other_id, other)| (one.at, one_id).cmp(&(other.at, other_id)));
    all.into_iter().map(|(_, message)| message).collect()
}

fn entry(
    value: &Value,
    stamp: &str,
    author: Author,
    visibility: Visibility,
    text: String,
) -> Option<(String, Message)> {
    let at = json::unix(value, stamp).or_else(|| json::unix(value, "created_at"));
    let text = Text::new(text);
    Some((
        json::text(value, "id")?,
        Message {
            at,
            author,
            visibility,
            text,
        },
    ))
}

/// What no teammate sent was sent by a rule or a program.
fn teammate(value: &Value) -> Author {
    match value.get("author") {
        Some(Value::Object(_)) => Author::Agent,
        _ => Author::System,
    }
}

fn attributes(one: &Value) -> BTreeMap<String, String> {
    let custom = one.get("custom_fields").and_then(Value::as_object);
    let custom = custom
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), json::plain(value)?)));
    let own = ["status_category", "status_id"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), json::text(one, name)?)));
    custom.chain(own).collect()
}
