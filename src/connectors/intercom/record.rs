//! What Intercom says of a conversation, a ticket or a call, as a conversation. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::spoken::spoken;
use crate::connectors::engine::{Settings, word, words};
use crate::connectors::{json, rating};
use crate::model::{Author, Conversation, Kind, MESSAGES_MISSING, Message, Text, Visibility};

/// Start of the ids of tickets.
pub const TICKET: &str = "ticket:";

/// Start of the ids of calls without a conversation.
pub const CALL: &str = "call:";

/// Types of parts that the customer sees; all others are the team's.
const PUBLIC: [&str; 5] = [
    "comment",
    "open",
    "close",
    "quick_reply",
    "assign_and_reopen",
];

/// In the type of the part that says that a conversation took another one in.
const TOOK_IN: &str = "primary";

/// The parts of the two conversations of a merge are not written in the very same second.
const MERGE_TAKES: TimeDelta = TimeDelta::seconds(5);

/// What a conversation that became a ticket has of it.
const OF_TICKET: [&str; 4] = [
    "ticket_type",
    "ticket_attributes",
    "ticket_state",
    "category",
];

/// A conversation with its parts and its calls.
pub fn conversation(
    value: &Value,
    calls: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let mut conversation = begin(value, "", settings)?;
    let source = value.get("source").unwrap_or(&Value::Null);
    let subject = json::text(source, "subject").or_else(|| json::text(value, "title"));
    conversation.subject = Text::new(subject.unwrap_or_default());
    conversation.status = json::text(value, "state");
    conversation.channel = json::text(source, "type");
    if is_call(conversation.channel.as_deref()) {
        conversation.kind = Kind::CallNote;
    }
    conversation.priority = json::text(value, "priority").filter(|word| word != "not_priority");
    let statistics = value.get("statistics").unwrap_or(&Value::Null);
    let is_closed = conversation.status.as_deref() == Some("closed");
    conversation.closed_at = json::instant(statistics, "last_close_at").filter(|_| is_closed);
    let reopens = json::number(statistics, "count_reopens").unwrap_or(0);
    conversation.reopens = u32::try_from(reopens).unwrap_or(u32::MAX);
    let given = value.pointer("/conversation_rating/rating");
    conversation.csat = conversation.csat.or_else(|| rating::stars(given?));
    let parts = parts(value, "conversation_parts");
    let first = message(source, conversation.created_at, Visibility::Public);
    conversation.messages = first.into_iter().chain(messages(parts)).collect();
    let calls = calls
        .iter()
        .flat_map(|call| spoken(call, call.get("transcript")));
    conversation.messages.extend(calls);
    conversation.messages.sort_by_key(|message| message.at);
    let counted = json::number(statistics, "count_conversation_parts").unwrap_or(0);
    flag_missing(&mut conversation, counted, parts.len());
    Ok(conversation)
}

/// A ticket with its parts.
pub fn ticket(value: &Value, settings: &Settings) -> Result<Conversation, String> {
    let mut conversation = begin(value, TICKET, settings)?;
    let attributes = value.get("ticket_attributes").unwrap_or(&Value::Null);
    conversation.subject = Text::new(json::text(attributes, "_default_title_").unwrap_or_default());
    let state = value.get("ticket_state").unwrap_or(&Value::Null);
    conversation.status = ["internal_label", "category"]
        .iter()
        .find_map(|name| json::text(state, name))
        .or_else(|| json::plain(state));
    conversation.channel = Some("ticket".to_owned());
    let parts = parts(value, "ticket_parts");
    let category = json::text(state, "category").or_else(|| json::plain(state));
    let mut solved_at = None;
    for part in parts {
        let (before, after) = (
            json::text(part, "previous_ticket_state"),
            json::text(part, "ticket_state"),
        );
        match (
            before.as_deref() == Some("resolved"),
            after.as_deref() == Some("resolved"),
        ) {
            (true, false) if after.is_some() => conversation.reopens += 1,
            (false, true) => solved_at = json::instant(part, "created_at"),
            _ => {}
        }
    }
    let is_solved = category.as_deref() == Some("resolved");
    conversation.closed_at = solved_at
        .or(Some(conversation.updated_at))
        .filter(|_| is_solved);
    let description = json::text(attributes, "_default_description_").map(|text| Message {
        at: Some(conversation.created_at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::new(text),
    });
    conversation.messages = description.into_iter().chain(messages(parts)).collect();
    conversation.messages.sort_by_key(|message| message.at);
    let list = value.get("ticket_parts").unwrap_or(&Value::Null);
    flag_missing(
        &mut conversation,
        json::number(list, "total_count").unwrap_or(0),
        parts.len(),
    );
    if let Some(number) = json::text(value, "ticket_id") {
        conversation.attributes.insert("number".to_owned(), number);
    }
    Ok(conversation)
}

/// A call that belongs to no conversation.
pub fn call(
    value: &Value,
    transcript: Option<&Value>,
    settings: &Settings,
) -> Result<Conversation, String> {
    let mut started = value.clone();
    if let (Some(fields), Some(at)) = (started.as_object_mut(), started_at(value)) {
        fields.insert("created_at".to_owned(), Value::from(at.timestamp()));
    }
    let mut conversation = begin(&started, CALL, settings)?;
    conversation.kind = Kind::CallNote;
    conversation.channel = Some("phone".to_owned());
    conversation.status = json::text(value, "state");
    conversation.closed_at = json::instant(value, "ended_at");
    conversation.requester = json::text(value, "contact_id");
    conversation.messages = spoken(value, transcript.or(value.get("transcript")));
    for name in ["direction", "ended_reason", "call_type"] {
        if let Some(text) = json::text(value, name) {
            conversation.attributes.insert(name.to_owned(), text);
        }
    }
    Ok(conversation)
}

/// When a call began.
pub fn started_at(call: &Value) -> Option<DateTime<Utc>> {
    json::instant(call, "initiated_at").or_else(|| json::instant(call, "created_at"))
}

/// Whether a conversation was a call, or became one.
pub fn has_call(value: &Value) -> bool {
    let source = value
        .get("source")
        .and_then(|source| json::text(source, "type"));
    let mut kinds = parts(value, "conversation_parts").iter();
    is_call(source.as_deref())
        || kinds.any(|part| is_call(json::text(part, "part_type").as_deref()))
        || parts(value, "conversation_parts").iter().any(|part| {
            is_call(
                part.get("metadata")
                    .and_then(|data| json::text(data, "type"))
                    .as_deref(),
            )
        })
}

/// When this conversation was merged into another one: it is closed, and a part says so. The one that stays has another
/// such part.
pub fn merged_at(value: &Value) -> Option<DateTime<Utc>> {
    let is_closed = json::text(value, "state").as_deref() == Some("closed");
    let away = part_at(value, |kind| {
        kind.contains("merge") && !kind.contains(TOOK_IN)
    });
    away.filter(|_| is_closed)
}

/// Whether this conversation took another one in, at about that time.
pub fn took_in(value: &Value, merged_at: DateTime<Utc>) -> bool {
    let is_close = |part: &Value| {
        let at = json::instant(part, "created_at");
        at.is_some_and(|at| (at - merged_at).abs() <= MERGE_TAKES)
    };
    let mut taken = parts(value, "conversation_parts")
        .iter()
        .filter(|part| json::text(part, "part_type").is_some_and(|kind| kind.contains(TOOK_IN)));
    taken.any(is_close)
}

/// The conversations that a conversation links, or else the customer's tickets.
pub fn linked(value: &Value) -> Vec<String> {
    let linked = value
        .get("linked_objects")
        .map_or(&[][..], |list| json::list(list, "data"));
    let is_of = |one: &Value, kind: &str| json::text(one, "type").as_deref() == Some(kind);
    let conversations = linked.iter().filter(|one| is_of(one, "conversation"));
    let conversations: Vec<String> = conversations
        .filter_map(|one| json::text(one, "id"))
        .collect();
    if !conversations.is_empty() {
        return conversations;
    }
    let tickets = linked.iter().filter(|one| is_of(one, "ticket"));
    tickets
        .filter(|one| json::text(one, "category").as_deref() == Some("Customer"))
        .filter_map(|one| Some(format!("{TICKET}{}", json::text(one, "id")?)))
        .collect()
}

/// Whether a ticket is what this conversation became.
pub fn is_of(conversation: &Value, ticket: &Value) -> bool {
    let own = conversation.get("ticket").unwrap_or(&Value::Null);
    ["id", "ticket_id"].iter().any(|name| {
        let (one, other) = (json::text(own, name), json::text(ticket, name));
        one.is_some() && one == other
    })
}

fn part_at(value: &Value, is_wanted: impl Fn(&str) -> bool) -> Option<DateTime<Utc>> {
    let mut parts = parts(value, "conversation_parts").iter().rev();
    let part = parts
        .find(|part| json::text(part, "part_type").is_some_and(|kind| is_wanted(kind.as_str())))?;
    json::instant(part, "created_at").or_else(|| json::instant(value, "updated_at"))
}

/// The fields of a record in the form in which a person names them: lists as lists, without the parts.
pub fn fields(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| !name.ends_with("_parts"));
    let mut plain: Map<String, Value> = fields
        .map(|(name, field)| {
            let list = field.get(name).filter(|list| list.is_array());
            (name.clone(), list.unwrap_or(field).clone())
        })
        .collect();
    let ticket = value.get("ticket").unwrap_or(&Value::Null);
    for name in OF_TICKET {
        if let (false, Some(field)) = (plain.contains_key(name), ticket.get(name)) {
            plain.insert(name.to_owned(), field.clone());
        }
    }
    Value::Object(plain)
}

fn begin(value: &Value, prefix: &str, settings: &Settings) -> Result<Conversation, String> {
    let id = json::text(value, "id").ok_or("the record has no id")?;
    let created_at =
        json::instant(value, "created_at").ok_or("created_at is missing or not a time")?;
    let mut conversation = Conversation::new(settings.key(format!("{prefix}{id}")), created_at);
    conversation.updated_at =
        json::instant(value, "updated_at").ok_or("updated_at is missing or not a time")?;
    let fields = fields(value);
    settings.choose(&mut conversation, &fields);
    conversation.tags = words(&fields, "tags");
    let contact = json::list(&fields, "contacts").first();
    conversation.requester = contact.and_then(|contact| {
        json::text(contact, "external_id").or_else(|| json::text(contact, "id"))
    });
    let company = value
        .get("company")
        .and_then(word)
        .or_else(|| json::text(value, "company_id"));
    conversation.account = conversation.account.or(company);
    conversation.attributes = attributes(&fields);
    Ok(conversation)
}

fn attributes(value: &Value) -> BTreeMap<String, String> {
    let custom = ["custom_attributes", "ticket_attributes"]
        .iter()
        .filter_map(|name| value.get(name).and_then(Value::as_object))
        .flatten()
        .filter(|(name, _)| !name.starts_with("_default_"));
    let custom = custom.filter_map(|(name, value)| Some((name.clone(), word(value)?)));
    let own = [
        ("ticket_type", "type"),
        ("category", "kind"),
        ("team_assignee_id", "team"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), word(value.get(name)?)?)));
    custom.chain(own).collect()
}

fn parts<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).map_or(&[], |list| json::list(list, name))
}

fn messages(parts: &[Value]) -> impl Iterator<Item = Message> {
    parts.iter().filter_map(|part| {
        let kind = json::text(part, "part_type").unwrap_or_default();
        let visibility = if PUBLIC.contains(&kind.as_str()) {
            Visibility::Public
        } else {
            Visibility::Internal
        };
        message(part, json::instant(part, "created_at")?, visibility)
    })
}

/// A redacted part has no body.
fn message(part: &Value, at: DateTime<Utc>, visibility: Visibility) -> Option<Message> {
    let text = json::text(part, "body")?;
    let author = part
        .get("author")
        .and_then(|author| json::text(author, "type"));
    Some(Message {
        at: Some(at),
        author: author_of(author.as_deref().unwrap_or_default()),
        visibility,
        text: Text::new(text),
    })
}

/// Who writes, by Intercom's word for it.
pub fn author_of(kind: &str) -> Author {
    match kind {
        "user" | "lead" | "contact" | "customer" => Author::Customer,
        "admin" | "team" | "agent" | "teammate" => Author::Agent,
        _ => Author::System,
    }
}

fn is_call(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| kind.contains("phone") || kind.contains("call"))
}

fn flag_missing(conversation: &mut Conversation, counted: u64, given: usize) {
    let missing = counted.saturating_sub(given as u64);
    if missing > 0 {
        let missing = missing.to_string();
        conversation
            .attributes
            .insert(MESSAGES_MISSING.to_owned(), missing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::connectors::intercom::tests::intercom;
    use serde_json::json;

    fn settings(category: &str) -> Settings {
        use crate::connectors::engine::System as _;
        let mut settings = intercom().settings().clone();
        settings.category = Some(FieldPath::new(category));
        settings
    }

    fn fixture(name: &str) -> Value {
        let text = match name {
            "conversation" => include_str!("../../../tests/fixtures/intercom/conversation.json"),
            "ticket" => include_str!("../../../tests/fixtures/intercom/ticket.json"),
            _ => include_str!("../../../tests/fixtures/intercom/calls.json"),
        };
        serde_json::from_str(text).unwrap()
    }

    fn said(conversation: &Conversation) -> Vec<(Author, Visibility, &str)> {
        let messages = conversation.messages.iter();
        messages
            .map(|one| (one.author, one.visibility, one.text.as_str()))
            .collect()
    }

    #[test]
    fn a_conversation_is_read_with_every_part_and_its_call() {
        let calls = fixture("calls");
        let value = fixture("conversation");
        assert!(has_call(&value));
        let read = conversation(
            &value,
            json::list(&calls, "data"),
            &settings("custom_attributes.Reason"),
        )
        .unwrap();
        assert_eq!(read.key.id, "215470000001");
        assert_eq!(read.category.as_deref(), Some("Billing"));
        assert_eq!(read.account.as_deref(), Some("Nordwind"));
        assert_eq!(read.requester.as_deref(), Some("customer-77"));
        assert_eq!(read.tags, ["invoice", "vip"]);
        assert_eq!((read.reopens, read.csat), (1, Some(0.75)));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T10:30:00Z".parse().unwrap())
        );
        assert_eq!(
            said(&read),
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "I was charged twice for February."
                ),
                (
                    Author::System,
                    Visibility::Public,
                    "We usually answer within the hour."
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "Looks like the retry of the card."
                ),
                (
                    Author::Customer,
                    Visibility::Public,
                    "Hello, it is about the invoice."
                ),
                (
                    Author::Agent,
                    Visibility::Public,
                    "One of them goes back to you today."
                ),
            ]
        );
        assert_eq!(read.attributes.get("messages_missing"), None);
    }

    #[test]
    fn parts_that_were_not_given_are_flagged() {
        let mut value = fixture("conversation");
        value["statistics"]["count_conversation_parts"] = json!(612);
        let read = conversation(&value, &[], &settings("state")).unwrap();
        assert_eq!(read.attributes["messages_missing"], "607");
    }

    #[test]
    fn a_ticket_tells_its_state_and_how_often_it_was_reopened() {
        let read = ticket(&fixture("ticket"), &settings("ticket_type")).unwrap();
        assert_eq!(read.key.id, "ticket:498");
        assert_eq!(read.category.as_deref(), Some("Outage"));
        assert_eq!((read.status.as_deref(), read.reopens), (Some("Done"), 1));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T12:00:00Z".parse().unwrap())
        );
        assert_eq!(read.subject.as_str(), "Router offline");
        assert_eq!(said(&read).len(), 3);
        assert_eq!(read.attributes["number"], "53");
    }

    #[test]
    fn a_call_of_its_own_is_a_note() {
        let value = json!({"id": "9", "conversation_id": null, "contact_id": "c1", "state": "completed", "direction": "inbound",
            "initiated_at": 1_772_442_000, "ended_at": 1_772_442_300, "created_at": 1_772_442_001, "updated_at": 1_772_442_400});
        let read = call(
            &value,
            Some(&json!("Good morning. My heating is cold.")),
            &settings("direction"),
        )
        .unwrap();
        assert_eq!(
            (read.key.id.as_str(), read.kind),
            ("call:9", Kind::CallNote)
        );
        assert_eq!(
            read.created_at,
            "2026-03-02T09:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        assert_eq!(
            said(&read),
            [(
                Author::System,
                Visibility::Public,
                "Good morning. My heating is cold."
            )]
        );
    }

    #[test]
    fn a_transcript_as_a_file_tells_who_said_what() {
        let text = "[00:00:03] Teammate 1: \"Hello, how can I help?\"\n[00:00:09] User: \"It is cold:\nthe heating.\"\n";
        let value = json!({"id": "9", "initiated_at": 1_772_442_000, "updated_at": 1_772_442_400});
        let read = call(&value, Some(&json!(text)), &settings("direction")).unwrap();
        assert_eq!(
            said(&read),
            [
                (Author::Agent, Visibility::Public, "Hello, how can I help?"),
                (
                    Author::Customer,
                    Visibility::Public,
                    "It is cold:\nthe heating.\""
                ),
            ]
        );
    }

    #[test]
    fn a_merge_shows_in_the_parts_of_both() {
        let merged = json!({"id": "1", "state": "closed", "updated_at": 1_772_442_100,
            "conversation_parts": {"conversation_parts": [{"part_type": "comment"},
                {"part_type": "merged_secondary_conversation", "created_at": 1_772_442_000}, {"part_type": "close"}]},
            "linked_objects": {"data": [{"type": "ticket", "category": "Customer", "id": "5"}, {"type": "conversation", "id": "2"}]}});
        let at = merged_at(&merged).unwrap();
        assert_eq!(at.timestamp(), 1_772_442_000);
        assert_eq!(linked(&merged), ["2"]);
        let mut open = merged.clone();
        open["state"] = json!("open");
        assert_eq!(merged_at(&open), None);
        let stays = |at: i64| {
            json!({"state": "closed", "conversation_parts": {"conversation_parts": [
                {"part_type": "merged_primary_conversation", "created_at": at}]}})
        };
        assert_eq!(merged_at(&stays(1_772_442_000)), None);
        assert!(took_in(&stays(1_772_442_003), at));
        assert!(!took_in(&stays(1_772_442_060), at));
        assert!(!took_in(&merged, at));
    }

    #[test]
    fn a_merge_into_a_ticket_links_the_customers_one() {
        let links = json!({"linked_objects": {"data": [{"type": "ticket", "category": "Tracker", "id": "5"},
            {"type": "ticket", "category": "Customer", "id": "6"}]}});
        assert_eq!(linked(&links), ["ticket:6"]);
        assert_eq!(linked(&json!({})), Vec::<String>::new());
    }

    #[test]
    fn a_conversation_that_became_a_ticket_has_its_fields() {
        let mut value = fixture("conversation");
        value["ticket"] = json!({"id": "77", "ticket_id": "12", "ticket_type": {"name": "Refund"}});
        let read = conversation(&value, &[], &settings("ticket_type")).unwrap();
        assert_eq!(read.category.as_deref(), Some("Refund"));
        assert!(is_of(&value, &json!({"id": 77})));
        assert!(is_of(&value, &json!({"id": "9", "ticket_id": 12})));
        assert!(!is_of(&value, &json!({"id": "9"})));
        assert!(!is_of(&json!({"ticket": null}), &json!({"id": "9"})));
    }
}
