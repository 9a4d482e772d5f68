//! Tickets of Freshdesk with their conversations and ratings, as ours. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::connectors::engine::{Settings, words};
use crate::connectors::json;
use crate::model::{Author, Conversation, Exclusion, Kind as What, Message, Text, Visibility};

const SOURCES: [(&str, &str); 9] = [
    ("1", "email"),
    ("2", "portal"),
    ("3", "phone"),
    ("5", "twitter"),
    ("6", "facebook"),
    ("7", "chat"),
    ("9", "widget"),
    ("10", "outbound"),
    ("15", "chat"),
];

const PRIORITIES: [(&str, &str); 4] = [
    ("1", "low"),
    ("2", "medium"),
    ("3", "high"),
    ("4", "urgent"),
];

/// The number of the status of closed tickets.
const CLOSED: &str = "5";

/// What is read of a ticket beside itself.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) entries: Vec<Value>,
    pub(super) ratings: Value,
    pub(super) status: Option<String>,
}

/// Numbers and names, as agents see them, of statuses in the list of fields.
pub(super) fn status_names(fields: &Value) -> Vec<(String, String)> {
    let fields = fields.as_array().map_or(&[][..], Vec::as_slice).iter();
    let choices = fields.filter_map(|field| field.get("choices")?.as_object());
    let name = |names: &Value| match names {
        Value::Array(names) => names.first().and_then(json::plain),
        one => json::plain(one),
    };
    choices
        .flatten()
        .filter_map(|(number, names)| Some((number.clone(), name(names)?)))
        .collect()
}

/// A ticket with its conversations, or why it makes no sense.
pub(super) fn conversation(
    ticket: &Value,
    parts: &Parts,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(ticket, name);
    let id = text("id").ok_or("the ticket has no id")?;
    let created_at =
        json::time(ticket, "created_at").ok_or("created_at is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(id), created_at);
    conversation.updated_at =
        json::time(ticket, "updated_at").ok_or("updated_at is missing or not a date-time")?;
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = parts.status.clone();
    conversation.channel = text("source").map(|number| named(&SOURCES, number));
    conversation.priority = text("priority").map(|number| named(&PRIORITIES, number));
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = What::CallNote;
    }
    settings.choose(&mut conversation, ticket);
    conversation.tags = words(ticket, "tags");
    conversation.requester = text("requester_id");
    let company = ticket
        .get("company")
        .and_then(|company| json::text(company, "name"));
    conversation.account = conversation.account.or(company).or(text("company_id"));
    let stats = ticket.get("stats").unwrap_or(&Value::Null);
    let at = |name| json::time(stats, name);
    let is_closed = matches!(conversation.status.as_deref(), Some("resolved" | "closed"));
    conversation.closed_at = at("resolved_at").or(at("closed_at")).filter(|_| is_closed);
    conversation.reopens = u32::from(at("reopened_at").is_some());
    conversation.csat = conversation.csat.or_else(|| rating(&parts.ratings));
    conversation.messages = messages(ticket, &parts.entries, created_at);
    conversation.attributes = attributes(ticket);
    if ticket.get("spam").and_then(Value::as_bool) == Some(true) {
        conversation.exclusion = Some(Exclusion::Spam);
    }
    Ok(conversation)
}

fn named(names: &[(&str, &str)], number: String) -> String {
    let name = names.iter().find(|(known, _)| *known == number);
    name.map_or(number, |(_, name)| (*name).to_owned())
}

/// The ticket into which this one was merged, as the note says that closed it.
pub(super) fn merged_into(ticket: &Value, entries: &[Value], notes: &[String]) -> Option<String> {
    if json::text(ticket, "status").as_deref() != Some(CLOSED) {
        return None;
    }
    let is_note = |entry: &&Value| entry.get("incoming").and_then(Value::as_bool) != Some(true);
    let written = entries.iter().filter(is_note);
    let last =
        written.max_by_key(|one| (json::time(one, "created_at"), json::number(one, "id")))?;
    let text = body(last, "body_text", "body")?;
    let rest = notes
        .iter()
        .find_map(|start| text.strip_prefix(start.trim_end()))?;
    let rest = rest.trim_start().trim_start_matches('#');
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

/// 103, 102 and 101 are happy, 100 is neutral, and -101 to -103 are unhappy; the newest one counts.
pub(super) fn rating(ratings: &Value) -> Option<f64> {
    let newest = ratings
        .as_array()?
        .iter()
        .max_by_key(|one| json::time(one, "updated_at"))?;
    let value = newest.get("ratings")?.get("default_question")?.as_f64()?;
    let degrees = (value.abs() - 100.0).clamp(0.0, 3.0);
    Some(0.5 + degrees.copysign(value) / 6.0)
}

fn messages(ticket: &Value, entries: &[Value], created_at: DateTime<Utc>) -> Vec<Message> {
    let first = body(ticket, "description_text", "description").map(|text| Message {
        at: Some(created_at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::new(text),
    });
    let mut entries: Vec<&Value> = entries.iter().collect();
    entries.sort_by_key(|entry| (json::time(entry, "created_at"), json::number(entry, "id")));
    let mut messages: Vec<Message> = first.into_iter().collect();
    for entry in entries {
        let Some(text) = body(entry, "body_text", "body") else {
            continue;
        };
        // A chat's first message stands in the description and again as its first entry.
        if messages.len() == 1 && messages[0].text.as_str() == text {
            continue;
        }
        let is = |name| entry.get(name).and_then(Value::as_bool) == Some(true);
        messages.push(Message {
            at: json::time(entry, "created_at"),
            author: if is("incoming") {
                Author::Customer
            } else {
                Author::Agent
            },
            visibility: if is("private") {
                Visibility::Internal
            } else {
                Visibility::Public
            },
            text: Text::new(text),
        });
    }
    messages
}

fn body(value: &Value, plain: &str, html: &str) -> Option<String> {
    json::text(value, plain).or_else(|| json::text(value, html))
}

fn attributes(ticket: &Value) -> BTreeMap<String, String> {
    let custom = ticket.get("custom_fields").and_then(Value::as_object);
    let custom = custom
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), json::plain(value)?)));
    let own = [
        ("type", "type"),
        ("group_id", "group"),
        ("product_id", "product"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), json::text(ticket, name)?)));
    custom.chain(own).collect()
}
