//! What HubSpot says of a ticket or a call, as a conversation. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::feedback::{FEEDBACK, rating};
use crate::connectors::engine::Settings;
use crate::connectors::{PullError, json};
use crate::model::{Author, Conversation, Kind, Message, Text, Visibility};

/// Start of the ids of calls without a ticket.
pub const CALL: &str = "call:";

/// The property by which lists are bounded.
pub const CHANGED: &str = "hs_lastmodifieddate";

/// What is read of a ticket beside what a person chose.
pub const TICKET_PROPERTIES: &str = "subject,content,createdate,closed_date,hs_lastmodifieddate,hs_pipeline,hs_pipeline_stage,\
                                     hs_ticket_category,hs_ticket_priority,source_type,hs_resolution";

/// What is read of a call.
pub const CALL_PROPERTIES: &str = "hs_call_title,hs_call_body,hs_call_summary,hs_call_direction,hs_call_disposition,\
                                   hs_timestamp,hs_createdate,hs_lastmodifieddate";

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    label: String,
    is_closed: bool,
}

impl Stage {
    /// One that no pipeline has any more.
    pub fn unknown(id: &str) -> Self {
        Self {
            label: id.to_owned(),
            is_closed: false,
        }
    }
}

/// A ticket with all that was read for it.
pub struct Ticket<'a> {
    /// The ticket.
    pub value: &'a Value,
    /// Notes, calls, mails and answers to surveys.
    pub parts: &'a BTreeMap<&'static str, Vec<Value>>,
    /// Messages of its threads.
    pub said: &'a [Value],
    /// The company's name.
    pub company: Option<String>,
    /// Stages by id.
    pub stages: &'a BTreeMap<String, Stage>,
}

/// A ticket as a conversation, or why it makes no sense.
pub fn ticket(ticket: &Ticket<'_>, settings: &Settings) -> Result<Conversation, String> {
    let mut conversation = begin(ticket.value, "", "createdate", settings)?;
    let properties = property_list(ticket.value);
    let text = |name| json::text(properties, name);
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    let stage = text("hs_pipeline_stage").and_then(|id| ticket.stages.get(&id));
    conversation.status = stage
        .map(|stage| stage.label.clone())
        .or(text("hs_pipeline_stage"));
    let is_closed = stage.is_some_and(|stage| stage.is_closed);
    conversation.closed_at = json::instant(properties, "closed_date").filter(|_| is_closed);
    conversation.reopens = reopens(ticket.value, ticket.stages);
    conversation.priority = text("hs_ticket_priority").map(|word| word.to_lowercase());
    conversation.channel = text("source_type").map(|word| word.to_lowercase());
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = Kind::CallNote;
    }
    conversation.account = conversation.account.or_else(|| ticket.company.clone());
    conversation.csat = conversation
        .csat
        .or_else(|| rating(ticket.parts.get(FEEDBACK)?));
    conversation.messages = messages(ticket, conversation.created_at);
    Ok(conversation)
}

/// A call without a ticket as a conversation.
pub fn call(
    value: &Value,
    company: Option<String>,
    settings: &Settings,
) -> Result<Conversation, String> {
    let mut conversation = begin(value, CALL, "hs_timestamp", settings)?;
    conversation.kind = Kind::CallNote;
    conversation.channel = Some("phone".to_owned());
    conversation.account = conversation.account.or(company);
    conversation.messages = call_note(value).into_iter().collect();
    Ok(conversation)
}

fn begin(
    value: &Value,
    prefix: &str,
    created: &str,
    settings: &Settings,
) -> Result<Conversation, String> {
    let id = json::text(value, "id").ok_or("the record has no id")?;
    let properties = property_list(value);
    let created_at =
        json::instant(properties, created).or_else(|| json::instant(value, "createdAt"));
    let created_at = created_at.ok_or_else(|| format!("{created} is missing or not a time"))?;
    let mut conversation = Conversation::new(settings.key(format!("{prefix}{id}")), created_at);
    conversation.updated_at =
        changed_at(value).ok_or("hs_lastmodifieddate is missing or not a time")?;
    settings.choose(&mut conversation, properties);
    conversation.requester = associated(value, "contacts").into_iter().next();
    conversation.url = json::text(value, "url");
    let kept = [
        "hs_pipeline",
        "hs_resolution",
        "hs_call_direction",
        "hs_call_disposition",
        "hs_ticket_category",
    ];
    let kept = kept
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json::text(properties, name)?)));
    conversation.attributes = kept.collect();
    Ok(conversation)
}

/// When a row or a record changed.
pub fn changed_at(value: &Value) -> Option<DateTime<Utc>> {
    json::instant(property_list(value), CHANGED).or_else(|| json::instant(value, "updatedAt"))
}

pub(super) fn property_list(value: &Value) -> &Value {
    value.get("properties").unwrap_or(&Value::Null)
}

/// Ids of rows.
pub fn ids(rows: &[Value]) -> BTreeSet<String> {
    let id = |row| json::text(row, "id").or_else(|| json::text(row, "toObjectId"));
    rows.iter().filter_map(id).collect()
}

/// What a batch asks for.
pub fn inputs(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "id": id })).collect()
}

/// Ids that a batch asked for and of which the answer says nothing, not even that there is nothing. An answer about others
/// is an answer to another question.
pub fn unanswered(asked: &[String], answer: &Value) -> Result<BTreeSet<String>, PullError> {
    let results = json::list(answer, "results").iter();
    let about = |one: &Value| json::text(one, "id").or_else(|| json::text(one.get("from")?, "id"));
    let mut open: BTreeSet<String> = asked.iter().cloned().collect();
    for id in results.filter_map(about) {
        if !open.remove(&id) && !asked.contains(&id) {
            let reason = "a batch was answered with records that were not asked for";
            return Err(PullError::Transient(reason.to_owned()));
        }
    }
    let errors = json::list(answer, "errors").iter();
    let contexts = errors.filter_map(|error| error.get("context")?.as_object());
    for id in contexts
        .flat_map(|context| context.values())
        .filter_map(Value::as_array)
        .flatten()
    {
        json::plain(id).map(|id| open.remove(&id));
    }
    Ok(open)
}

/// Ids of what a record is associated with, as far as it names them itself.
pub fn associated(value: &Value, kind: &str) -> BTreeSet<String> {
    let list = value.get("associations").and_then(|all| all.get(kind));
    list.map(|list| ids(json::list(list, "results")))
        .unwrap_or_default()
}

/// The ticket of a thread.
pub fn ticket_of(thread: &Value) -> Option<String> {
    json::text(thread.get("threadAssociations")?, "associatedTicketId")
}

/// Whether a message is only the beginning of what was written.
pub fn is_truncated(message: &Value) -> bool {
    json::text(message, "truncationStatus").is_some_and(|status| status != "NOT_TRUNCATED")
}

/// The tickets of each note, call or mail.
pub fn owners(found: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let pair = |one: &Value| {
        Some((
            json::text(one.get("from")?, "id")?,
            ids(json::list(one, "to")),
        ))
    };
    found.iter().filter_map(pair).collect()
}

/// A row for each ticket, and for a call also one for itself: it may have counted alone before it got its ticket.
pub fn expand(
    kind: &str,
    rows: &[Value],
    owners: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<Value> {
    let mut expanded = Vec::new();
    for row in rows {
        let id = json::text(row, "id").unwrap_or_default();
        let tickets = owners.get(&id).into_iter().flatten();
        let about = |about: &str| {
            let mut row = row.clone();
            row["about"] = json!(about);
            row
        };
        let tickets: Vec<Value> = tickets.map(|ticket| about(ticket)).collect();
        if kind == "calls" {
            let mut own = about(&format!("{CALL}{id}"));
            if let Some(ticket) = tickets.first() {
                own["mergedInto"] = ticket["about"].clone();
            }
            expanded.push(own);
        } else if tickets.is_empty() {
            expanded.push(row.clone());
        }
        expanded.extend(tickets);
    }
    expanded
}

/// Before each ticket a row for each that was merged into it.
pub fn with_merged(rows: &[Value]) -> Vec<Value> {
    let mut all = Vec::new();
    for row in rows {
        let merged = json::text(property_list(row), "hs_merged_object_ids").unwrap_or_default();
        for id in merged.split(';').map(str::trim).filter(|id| !id.is_empty()) {
            all.push(json!({"id": id, "mergedInto": row["id"], "properties": {CHANGED: property_list(row).get(CHANGED)}}));
        }
        all.push(row.clone());
    }
    all
}

/// The stages of all pipelines.
pub fn stages(pipelines: &[Value]) -> BTreeMap<String, Stage> {
    let stages = pipelines
        .iter()
        .flat_map(|pipeline| json::list(pipeline, "stages"));
    let pair = |stage: &Value| {
        let id = json::text(stage, "id")?;
        let state = |name: &str| json::text(stage.get("metadata")?, name);
        let is_closed = state("ticketState").as_deref() == Some("CLOSED")
            || state("isClosed").as_deref() == Some("true");
        let label = json::text(stage, "label").unwrap_or_else(|| id.clone());
        Some((id, Stage { label, is_closed }))
    };
    stages.filter_map(pair).collect()
}

/// All stages that a ticket was in.
pub fn stages_of(value: &Value) -> BTreeSet<String> {
    let now = json::text(property_list(value), "hs_pipeline_stage");
    history(value)
        .into_iter()
        .map(|(_, stage)| stage)
        .chain(now)
        .collect()
}

fn history(value: &Value) -> Vec<(DateTime<Utc>, String)> {
    let list = value.get("propertiesWithHistory").unwrap_or(&Value::Null);
    let entries = json::list(list, "hs_pipeline_stage").iter();
    let mut entries: Vec<_> = entries
        .filter_map(|one| Some((json::instant(one, "timestamp")?, json::text(one, "value")?)))
        .collect();
    entries.sort();
    entries
}

fn reopens(value: &Value, stages: &BTreeMap<String, Stage>) -> u32 {
    let is_closed = |id: &String| stages.get(id).is_some_and(|stage| stage.is_closed);
    let states: Vec<bool> = history(value).iter().map(|(_, id)| is_closed(id)).collect();
    let count = states.windows(2).filter(|pair| pair[0] && !pair[1]).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What was said in threads comes first; a mail or the ticket's own text that says the same is the same.
fn messages(ticket: &Ticket<'_>, created_at: DateTime<Utc>) -> Vec<Message> {
    let mut messages: Vec<Message> = ticket.said.iter().filter_map(thread_message).collect();
    let part = |kind| ticket.parts.get(kind).map_or(&[][..], Vec::as_slice);
    let content = json::text(property_list(ticket.value), "content").map(|text| Message {
        at: Some(created_at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::new(text),
    });
    let threads = messages.len();
    for message in part("emails").iter().filter_map(mail) {
        if !messages[..threads]
            .iter()
            .any(|known| says(known, &message))
        {
            messages.push(message);
        }
    }
    let is_new = |message: &Message| !messages.iter().any(|known| says(known, message));
    let content = content.filter(is_new);
    messages.extend(content);
    messages.extend(part("notes").iter().filter_map(note));
    messages.extend(part("calls").iter().filter_map(call_note));
    messages.sort_by_key(|message| message.at);
    messages
}

fn says(known: &Message, other: &Message) -> bool {
    let plain =
        |message: &Message| -> String { message.text.as_str().split_whitespace().collect() };
    plain(known).starts_with(&plain(other))
}

fn message(
    properties: &Value,
    at: &str,
    author: Author,
    visibility: Visibility,
    text: Option<String>,
) -> Option<Message> {
    Some(Message {
        at: json::instant(properties, at),
        author,
        visibility,
        text: Text::new(text?),
    })
}

fn thread_message(value: &Value) -> Option<Message> {
    let kind = json::text(value, "type").unwrap_or_default();
    let text = json::text(value, "text").or_else(|| json::text(value, "richText"));
    let is_incoming = json::text(value, "direction").as_deref() == Some("INCOMING");
    // A for agents, V for visitors, and so on.
    let by = json::text(value, "createdBy").unwrap_or_default();
    let (author, visibility) = match kind.as_str() {
        "COMMENT" => (Author::Agent, Visibility::Internal),
        "MESSAGE" if is_incoming => (Author::Customer, Visibility::Public),
        "MESSAGE" if by.is_empty() || by.starts_with("A-") => (Author::Agent, Visibility::Public),
        "MESSAGE" | "WELCOME_MESSAGE" => (Author::System, Visibility::Public),
        _ => return None,
    };
    message(value, "createdAt", author, visibility, text)
}

fn mail(value: &Value) -> Option<Message> {
    let properties = property_list(value);
    let text =
        json::text(properties, "hs_email_text").or_else(|| json::text(properties, "hs_email_html"));
    let author = match json::text(properties, "hs_email_direction").as_deref() {
        Some("INCOMING_EMAIL") => Author::Customer,
        _ => Author::Agent,
    };
    message(properties, "hs_timestamp", author, Visibility::Public, text)
}

fn note(value: &Value) -> Option<Message> {
    let properties = property_list(value);
    let text = json::text(properties, "hs_note_body");
    message(
        properties,
        "hs_timestamp",
        Author::Agent,
        Visibility::Internal,
        text,
    )
}

fn call_note(value: &Value) -> Option<Message> {
    let properties = property_list(value);
    let texts = ["hs_call_title", "hs_call_body", "hs_call_summary"];
    let texts: Vec<String> = texts
        .iter()
        .filter_map(|name| json::text(properties, name))
        .collect();
    let text = (!texts.is_empty()).then(|| texts.join("\n"));
    message(
        properties,
        "hs_timestamp",
        Author::Agent,
        Visibility::Internal,
        text,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::System as _;
    use crate::connectors::hubspot::tests::hubspot;

    fn fixture(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn rows(text: &str) -> Vec<Value> {
        json::list(&fixture(text), "results").to_vec()
    }

    #[test]
    fn a_ticket_is_one_conversation_of_threads_mails_notes_and_calls() {
        let value = fixture(include_str!("../../../tests/fixtures/hubspot/ticket.json"));
        let said = rows(include_str!(
            "../../../tests/fixtures/hubspot/messages.json"
        ));
        let stages = stages(&rows(include_str!(
            "../../../tests/fixtures/hubspot/pipelines.json"
        )));
        let parts = fixture(include_str!("../../../tests/fixtures/hubspot/parts.json"));
        let part = |kind: &'static str| (kind, json::list(&parts, kind).to_vec());
        let parts = BTreeMap::from([part("notes"), part("calls"), part("emails")]);
        let company = Some("Nordwind".to_owned());
        let whole = Ticket {
            value: &value,
            parts: &parts,
            said: &said,
            company,
            stages: &stages,
        };
        let read = ticket(&whole, hubspot().settings()).unwrap();
        assert_eq!(read.key.id, "70011");
        assert_eq!(read.category.as_deref(), Some("PRODUCT_ISSUE"));
        assert_eq!((read.status.as_deref(), read.reopens), (Some("Closed"), 1));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T15:00:00Z".parse().unwrap())
        );
        assert_eq!(
            (read.account.as_deref(), read.requester.as_deref()),
            (Some("Nordwind"), Some("301"))
        );
        assert!(
            read.url
                .as_deref()
                .is_some_and(|url| url.ends_with("/0-5/70011"))
        );
        let messages = crate::connectors::testing::said(&read.messages);
        assert_eq!(
            messages,
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "The pump is loud.\nSince Monday."
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "Same batch as last week."
                ),
                (Author::Agent, Visibility::Public, "We send somebody."),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "Call with Ida\nShe heard it at night, too."
                ),
                (
                    Author::Customer,
                    Visibility::Public,
                    "Now it is quiet, thanks."
                ),
            ]
        );
    }

    #[test]
    fn notes_name_their_tickets_and_calls_also_themselves() {
        let rows = [json!({"id": "1"}), json!({"id": "2"})];
        let found = [
            json!({"from": {"id": "2"}, "to": [{"toObjectId": 77, "associationTypes": []}, {"toObjectId": 78}]}),
        ];
        let owners = owners(&found);
        let about = |kind| -> Vec<Option<String>> {
            expand(kind, &rows, &owners)
                .iter()
                .map(|row| json::text(row, "about"))
                .collect()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(about("notes"), [None, text("77"), text("78")]);
        assert_eq!(
            about("calls"),
            [text("call:1"), text("call:2"), text("77"), text("78")]
        );
        assert_eq!(
            expand("calls", &rows, &owners)[1]["mergedInto"],
            json!("77")
        );
    }

    #[test]
    fn a_batch_must_answer_for_each_record_and_for_no_other() {
        let asked = ["1".to_owned(), "2".to_owned(), "3".to_owned()];
        let answer = json!({"results": [{"from": {"id": "1"}, "to": []}],
            "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"fromObjectId": ["3"]}}]});
        assert_eq!(
            unanswered(&asked, &answer).unwrap(),
            BTreeSet::from(["2".to_owned()])
        );
        assert!(unanswered(&asked, &json!({"results": [{"id": "9"}]})).is_err());
    }

    #[test]
    fn what_was_merged_away_is_named_by_what_stays() {
        let rows = [
            json!({"id": "9", "properties": {"hs_merged_object_ids": "3; 4", "hs_lastmodifieddate": "2026-03-02T09:00:00Z"}}),
        ];
        let all = with_merged(&rows);
        let ids: Vec<_> = all
            .iter()
            .map(|row| (row["id"].as_str().unwrap(), row.get("mergedInto").is_some()))
            .collect();
        assert_eq!(ids, [("3", true), ("4", true), ("9", false)]);
        assert_eq!(changed_at(&all[0]), changed_at(&rows[0]));
    }

    #[test]
    fn a_call_without_a_ticket_is_a_note() {
        let parts = fixture(include_str!("../../../tests/fixtures/hubspot/parts.json"));
        let read = call(&json::list(&parts, "calls")[0], None, hubspot().settings()).unwrap();
        assert_eq!(
            (read.key.id.as_str(), read.kind),
            ("call:9001", Kind::CallNote)
        );
        assert_eq!(read.attributes["hs_call_direction"], "INBOUND");
        assert_eq!(
            read.messages[0].text.as_str(),
            "Call with Ida\nShe heard it at night, too."
        );
        assert!(
            call(
                &json!({"id": "1", "properties": {}}),
                None,
                hubspot().settings()
            )
            .is_err()
        );
    }
}
