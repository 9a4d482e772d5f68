//! Conversations of Help Scout with their threads, as ours. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::THREADS;
use crate::connectors::engine::{Settings, word, words};
use crate::connectors::json;
use crate::model::{Author, Conversation, Exclusion, Kind as What, Message, Text, Visibility};

/// Great, okay or not good.
pub(super) fn rating_of(row: &Value) -> Option<f64> {
    match json::number(row, "ratingId")? {
        1 => Some(1.0),
        2 => Some(0.5),
        3 => Some(0.0),
        _ => None,
    }
}

/// The threads that came with a conversation, unless some seem to be missing. The count is without line items.
pub(super) fn embedded(value: &Value) -> Option<&[Value]> {
    let threads = value.pointer(THREADS)?.as_array()?;
    let said = threads
        .iter()
        .filter(|one| kind_of(one) != "lineitem")
        .count();
    let counted = json::number(value, "threads").unwrap_or(0);
    (said as u64 >= counted).then_some(threads)
}

fn kind_of(thread: &Value) -> &str {
    thread
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(super) fn changed_at(value: &Value) -> Option<DateTime<Utc>> {
    ["modifiedAt", "userUpdatedAt", "updatedAt"]
        .iter()
        .find_map(|name| json::time(value, name))
}

/// The fields of a conversation in the form in which a person names them: a choice by its label, not its number.
pub(super) fn fields(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let kept: Map<String, Value> = fields
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, field)| (name.clone(), field.clone()))
        .collect();
    let mut kept = Value::Object(kept);
    let custom = kept.get_mut("customFields").and_then(Value::as_array_mut);
    for field in custom.into_iter().flatten() {
        if json::text(field, "text").is_some() {
            field["value"] = field["text"].clone();
        }
    }
    kept
}

/// A conversation with its threads, or why it makes no sense.
pub(super) fn conversation(
    value: &Value,
    threads: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(value, name);
    let id = text("id").ok_or("the conversation has no id")?;
    let created_at =
        json::time(value, "createdAt").ok_or("createdAt is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(&id), created_at);
    conversation.updated_at =
        changed_at(value).ok_or("the time of the last change is missing or not a date-time")?;
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = text("status");
    conversation.channel = text("type");
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = What::CallNote;
    }
    let fields = fields(value);
    settings.choose(&mut conversation, &fields);
    conversation.tags = words(value, "tags");
    let customer = value.get("primaryCustomer").unwrap_or(&Value::Null);
    conversation.requester = json::text(customer, "id").or_else(|| json::text(customer, "email"));
    let is_closed = conversation.status.as_deref() == Some("closed");
    conversation.closed_at = json::time(value, "closedAt").filter(|_| is_closed);
    let mut threads: Vec<&Value> = threads.iter().collect();
    threads.sort_by_key(|thread| (json::time(thread, "createdAt"), json::number(thread, "id")));
    conversation.reopens = reopens(&threads);
    conversation.messages = threads
        .iter()
        .filter_map(|thread| message(thread))
        .collect();
    conversation.attributes = attributes(&fields);
    let link = value.pointer("/_links/web/href").and_then(json::plain);
    let number = text("number")
        .map(|number| format!("https://secure.helpscout.net/conversation/{id}/{number}/"));
    conversation.url = link.or(number);
    if conversation.status.as_deref() == Some("spam") {
        conversation.exclusion = Some(Exclusion::Spam);
    }
    Ok(conversation)
}

fn message(thread: &Value) -> Option<Message> {
    let state = json::text(thread, "state");
    if state.is_some_and(|state| ["draft", "hidden", "underreview"].contains(&state.as_str())) {
        return None;
    }
    let writer = thread
        .get("createdBy")
        .and_then(|writer| json::text(writer, "type"));
    let by = match writer.as_deref() {
        Some("customer") => Author::Customer,
        Some("user" | "team") => Author::Agent,
        _ => Author::System,
    };
    let (author, visibility) = match kind_of(thread) {
        "customer" => (Author::Customer, Visibility::Public),
        "message" | "reply" => (Author::Agent, Visibility::Public),
        "note" | "forwardparent" => (Author::Agent, Visibility::Internal),
        "forwardchild" => (by, Visibility::Internal),
        "phone" | "chat" | "beaconchat" => (by, Visibility::Public),
        _ => return None,
    };
    Some(Message {
        at: json::time(thread, "createdAt"),
        author,
        visibility,
        text: Text::new(json::text(thread, "body")?),
    })
}

/// Every thread says which status it left the conversation in.
fn reopens(threads: &[&Value]) -> u32 {
    let statuses = threads
        .iter()
        .filter_map(|thread| json::text(thread, "status"));
    let statuses: Vec<String> = statuses.filter(|status| status != "nochange").collect();
    let back =
        |pair: &&[String]| pair[0] == "closed" && ["active", "pending"].contains(&pair[1].as_str());
    let count = statuses.windows(2).filter(back).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn attributes(fields: &Value) -> BTreeMap<String, String> {
    let custom = json::list(fields, "customFields").iter();
    let custom =
        custom.filter_map(|field| Some((json::text(field, "name")?, word(field.get("value")?)?)));
    let own = [
        ("number", "number"),
        ("mailboxId", "mailbox"),
        ("folderId", "folder"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), json::text(fields, name)?)));
    custom.chain(own).collect()
}
