//! Incidents and what people wrote on them, as conversations. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::connectors::engine::Settings;
use crate::connectors::json;
use crate::connectors::rating::scaled;
use crate::model::{Author, Conversation, ConversationKey, Message, Text, Visibility};

/// How our attributes are called there.
const ATTRIBUTES: [&str; 9] = [
    "number",
    "category",
    "subcategory",
    "assignment_group",
    "business_service",
    "cmdb_ci",
    "close_code",
    "reassignment_count",
    "parent_incident",
];

/// The value of a field, be it bare or with its display value.
pub(super) fn value(record: &Value, name: &str) -> Option<String> {
    match record.get(name)? {
        Value::Object(both) => both.get("value").and_then(json::plain),
        bare => json::plain(bare),
    }
}

/// What people see of a field.
fn shown(record: &Value, name: &str) -> Option<String> {
    let both = record.get(name)?;
    json::text(both, "display_value").or_else(|| value(record, name))
}

/// Display values are in the user's zone, values are UTC.
pub(super) fn time(record: &Value, name: &str) -> Option<DateTime<Utc>> {
    let both = record.get(name)?;
    if both.is_object() {
        json::time(both, "value")
    } else {
        json::time(record, name)
    }
}

/// A record with its journal, or why it makes no sense.
pub(super) fn conversation(
    key: ConversationKey,
    record: &Value,
    journal: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let created_at = time(record, "opened_at")
        .or(time(record, "sys_created_on"))
        .ok_or("opened_at is missing or not a date-time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.updated_at =
        time(record, "sys_updated_on").ok_or("sys_updated_on is missing or not a date-time")?;
    conversation.subject = Text::new(shown(record, "short_description").unwrap_or_default());
    conversation.status = shown(record, "state");
    conversation.priority = shown(record, "priority");
    conversation.channel = shown(record, "contact_type");
    let is_over = matches!(value(record, "state").as_deref(), Some("6" | "7"))
        || value(record, "active").as_deref() == Some("false");
    conversation.closed_at = time(record, "resolved_at")
        .or(time(record, "closed_at"))
        .filter(|_| is_over);
    let reopens = value(record, "reopen_count").and_then(|count| count.parse().ok());
    conversation.reopens = reopens.unwrap_or(0);
    settings.choose(&mut conversation, record);
    let people = ["caller_id", "contact", "consumer"];
    conversation.requester = people.iter().find_map(|name| value(record, name));
    let account = shown(record, "account").or(shown(record, "company"));
    conversation.account = conversation.account.or(account);
    conversation.messages = messages(record, journal, created_at, is_over);
    conversation.attributes = ATTRIBUTES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), shown(record, name)?)))
        .collect::<BTreeMap<_, _>>();
    Ok(conversation)
}

/// The mean of the newest survey's answers, each on the scale of its question. On some scales low is good.
pub(super) fn rating(answers: &[Value]) -> Option<f64> {
    let newest = answers
        .iter()
        .max_by_key(|answer| (time(answer, "sys_updated_on"), value(answer, "sys_id")))?;
    let survey = value(newest, "instance");
    let shares: Vec<f64> = answers
        .iter()
        .filter(|answer| value(answer, "instance") == survey)
        .filter_map(share)
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

fn share(answer: &Value) -> Option<f64> {
    let number = |name| value(answer, name)?.parse::<f64>().ok();
    let (least, most) = (number("metric.min")?, number("metric.max")?);
    // A text, a date and the like have no scale.
    let share = scaled(number("actual_value")?, least, most).filter(|_| most > least)?;
    let is_low_good = value(answer, "metric.scale_definition").as_deref() == Some("low");
    Some(if is_low_good { 1.0 - share } else { share })
}

fn messages(
    record: &Value,
    journal: &[Value],
    created_at: DateTime<Utc>,
    is_over: bool,
) -> Vec<Message> {
    let callers = ["caller_id.user_name", "contact.user_name"];
    let callers: Vec<String> = callers
        .iter()
        .filter_map(|name| value(record, name))
        .collect();
    let first = shown(record, "description").map(|text| Message {
        at: Some(created_at),
        // An agent who writes down what a caller says still writes the caller's words.
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::new(text),
    });
    let mut entries: Vec<&Value> = journal.iter().collect();
    entries.sort_by_key(|entry| (time(entry, "sys_created_on"), value(entry, "sys_id")));
    let entries = entries.into_iter().filter_map(|entry| {
        let is_note = value(entry, "element").as_deref() == Some("work_notes");
        Some(Message {
            at: time(entry, "sys_created_on"),
            author: author(entry, &callers),
            visibility: if is_note {
                Visibility::Internal
            } else {
                Visibility::Public
            },
            text: Text::new(value(entry, "value")?),
        })
    });
    // Whether callers see how it was solved is each instance's own choice.
    let solution = shown(record, "close_notes")
        .filter(|_| is_over)
        .map(|text| Message {
            at: time(record, "resolved_at").or(time(record, "closed_at")),
            author: Author::Agent,
            visibility: Visibility::Internal,
            text: Text::new(text),
        });
    let mut messages: Vec<Message> = first.into_iter().chain(entries).chain(solution).collect();
    messages.sort_by_key(|message| message.at);
    messages
}

fn author(entry: &Value, callers: &[String]) -> Author {
    match value(entry, "sys_created_by") {
        None => Author::System,
        Some(name) if callers.contains(&name) => Author::Customer,
        // A mail of somebody who has no account there comes as a guest's.
        Some(name) if name == "guest" => Author::Customer,
        Some(name) if name == "system" => Author::System,
        Some(_) => Author::Agent,
    }
}
