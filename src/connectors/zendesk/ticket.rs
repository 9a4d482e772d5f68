//! One ticket of the export, with its comments, as a conversation. What the comments say of their
//! writers' machines and places is dropped here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Fields;
use crate::connectors::engine::FieldPath;
use crate::connectors::{json, rating};
use crate::model::{
    Author, Conversation, ConversationKey, Kind, Message, Record, SourceId, Text, Visibility,
};
use crate::section::Section;

/// Which of a ticket's fields the official report is built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldChoice {
    /// A custom field by its id.
    Custom(String),
    /// `type`, `ticket_form_id`, `group_id`, `brand_id`, `priority`, `status`.
    Own(String),
    /// The rest of the tag that starts so.
    Tag(String),
}

impl FieldChoice {
    const OWN: [(&str, &str); 4] = [
        ("type", "type"),
        ("form", "ticket_form_id"),
        ("group", "group_id"),
        ("brand", "brand_id"),
    ];

    /// What a setting such as `field:360001234`, `group` or `tag:topic_` means; a problem where it means nothing.
    pub fn read(section: &Section<'_>, key: &str, path: Option<&FieldPath>) -> Option<Self> {
        let text = path?.to_string();
        let choice = Self::parse(&text);
        if choice.is_none() {
            let hint = "give field:<id of a custom field>, type, form, group, brand or tag:<start of the tag>";
            section.problem(key, format!("\"{text}\" is not known"), hint);
        }
        choice
    }

    /// Reads a choice as a person writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = text.strip_prefix("field:") {
            let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            return is_id.then(|| Self::Custom(id.to_owned()));
        }
        if let Some(start) = text.strip_prefix("tag:") {
            return (!start.is_empty()).then(|| Self::Tag(start.to_owned()));
        }
        let own = Self::OWN.iter().find(|(name, _)| *name == text);
        own.map(|(_, field)| Self::Own((*field).to_owned()))
    }

    /// Whether a ticket has the field at all.
    pub fn is_in(&self, ticket: &Value) -> bool {
        match self {
            Self::Custom(id) => custom_fields(ticket).any(|(known, _)| known == *id),
            Self::Own(name) => ticket.get(name).is_some(),
            Self::Tag(_) => self.value(ticket, &Around::default()).is_some(),
        }
    }

    fn value(&self, ticket: &Value, around: &Around) -> Option<String> {
        match self {
            Self::Custom(id) => custom_fields(ticket)
                .find(|(known, _)| known == id)
                .and_then(|(_, value)| value),
            Self::Own(name) if name == "group_id" => {
                let id = json::text(ticket, name)?;
                Some(around.groups.get(&id).cloned().unwrap_or(id))
            }
            Self::Own(name) => json::text(ticket, name),
            Self::Tag(start) => {
                let tags = json::list(ticket, "tags").iter().filter_map(Value::as_str);
                tags.filter_map(|tag| tag.strip_prefix(start.as_str()))
                    .find(|rest| !rest.is_empty())
                    .map(str::to_owned)
            }
        }
    }
}

impl fmt::Display for FieldChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(id) => write!(f, "field:{id}"),
            Self::Own(name) => f.write_str(name.trim_end_matches("_id")),
            Self::Tag(start) => write!(f, "tag:{start}"),
        }
    }
}

/// What comes beside the tickets of a page.
#[derive(Debug, Default)]
pub struct Around {
    /// Ids of people of the team.
    agents: BTreeSet<String>,
    /// Ids of everybody known.
    people: BTreeSet<String>,
    organizations: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
    /// Reopenings and solving time by ticket.
    metrics: BTreeMap<String, (u32, Option<DateTime<Utc>>)>,
}

impl Around {
    pub fn read(export: &Value) -> Self {
        let mut around = Self::default();
        around.add_people(export);
        let names = |list: &str| {
            let items = json::list(export, list).iter();
            items
                .filter_map(|one| json::text(one, "id").zip(json::text(one, "name")))
                .collect()
        };
        around.organizations = names("organizations");
        around.groups = names("groups");
        let metrics = json::list(export, "metric_sets").iter();
        around.metrics = metrics
            .filter_map(|set| Some((json::text(set, "ticket_id")?, metric(set))))
            .collect();
        around
    }

    fn add_people(&mut self, answer: &Value) {
        for user in json::list(answer, "users") {
            let Some(id) = json::text(user, "id") else {
                continue;
            };
            if json::text(user, "role").is_some_and(|role| role != "end-user") {
                self.agents.insert(id.clone());
            }
            self.people.insert(id);
        }
    }
}

fn metric(set: &Value) -> (u32, Option<DateTime<Utc>>) {
    let reopens = json::number(set, "reopens").unwrap_or(0);
    (
        u32::try_from(reopens).unwrap_or(u32::MAX),
        json::time(set, "solved_at"),
    )
}

/// The comments of one ticket, and who wrote them.
#[derive(Debug, Default)]
pub struct Comments {
    comments: Vec<Value>,
    people: Around,
}

impl Comments {
    pub fn add(&mut self, page: &Value) {
        self.comments
            .extend(json::list(page, "comments").iter().cloned());
        self.people.add_people(page);
    }
}

/// What every ticket must have.
pub struct Head {
    pub key: ConversationKey,
    created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The identity and times of a ticket, or why it makes no sense; never with its words.
pub fn head(ticket: &Value, source: &SourceId) -> Result<Head, String> {
    let id = json::text(ticket, "id").ok_or("the ticket has no id")?;
    let created_at =
        json::time(ticket, "created_at").ok_or("created_at is missing or not a date-time")?;
    // What the system does moves only this one; it decides the order of the export.
    let generated = json::number(ticket, "generated_timestamp")
        .and_then(|seconds| DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0));
    let updated_at = json::time(ticket, "updated_at")
        .into_iter()
        .chain(generated)
        .max();
    let updated_at = updated_at.ok_or("updated_at is missing or not a date-time")?;
    let key = ConversationKey {
        source: source.clone(),
        id,
    };
    Ok(Head {
        key,
        created_at,
        updated_at,
    })
}

/// A ticket that was deleted, scrubbed or merged away.
pub fn removal(ticket: &Value, head: &Head) -> Option<Record> {
    let text = |name| json::text(ticket, name);
    let (key, at) = (head.key.clone(), head.updated_at);
    let is_scrubbed = text("subject").as_deref() == Some("SCRUBBED")
        && text("description").as_deref() == Some("X");
    if is_scrubbed || text("status").as_deref() == Some("deleted") {
        return Some(Record::Deleted { key, at });
    }
    let mut tags = json::list(ticket, "tags").iter().filter_map(Value::as_str);
    let is_merged = tags.any(|tag| tag == "closed_by_merge");
    // Into which one only the other ticket's comments tell.
    is_merged.then(|| Record::Merged {
        key,
        into: String::new(),
        at,
    })
}

/// A ticket with its comments.
pub fn conversation(
    ticket: &Value,
    head: Head,
    comments: Comments,
    around: &Around,
    fields: &Fields,
    url: String,
) -> Conversation {
    let text = |name| json::text(ticket, name);
    let id = head.key.id.clone();
    let mut conversation = Conversation::new(head.key, head.created_at);
    conversation.updated_at = head.updated_at;
    conversation.channel = ticket.get("via").and_then(|via| json::text(via, "channel"));
    if conversation
        .channel
        .as_ref()
        .is_some_and(|channel| is_call(channel))
    {
        conversation.kind = Kind::CallNote;
    }
    conversation.status = text("status");
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.messages = messages(ticket, comments, around);
    conversation.category = fields
        .category
        .as_ref()
        .and_then(|field| field.value(ticket, around));
    conversation.product = fields
        .product
        .as_ref()
        .and_then(|field| field.value(ticket, around));
    let tags = json::list(ticket, "tags").iter().filter_map(json::plain);
    conversation.tags = tags.collect();
    let organization = text("organization_id");
    conversation.account =
        organization.map(|id| around.organizations.get(&id).cloned().unwrap_or(id));
    conversation.requester = text("requester_id");
    conversation.priority = text("priority");
    let score = ticket
        .get("satisfaction_rating")
        .and_then(|rating| json::text(rating, "score"));
    let chosen = fields.csat.as_ref().and_then(|csat| csat.of(ticket));
    conversation.csat = chosen.or_else(|| rating::word(&score?));
    let own = ticket.get("metric_set").map(metric);
    let (reopens, solved_at) = own
        .or_else(|| around.metrics.get(&id).copied())
        .unwrap_or_default();
    conversation.reopens = reopens;
    let is_closed = matches!(conversation.status.as_deref(), Some("solved" | "closed"));
    conversation.closed_at = is_closed
        .then(|| solved_at.or(json::time(ticket, "updated_at")))
        .flatten();
    conversation.url = Some(url);
    conversation.attributes = attributes(ticket, around);
    conversation
}

fn is_call(channel: &str) -> bool {
    channel.starts_with("voice") || channel.starts_with("phone") || channel == "any_channel_voice"
}

fn messages(ticket: &Value, comments: Comments, around: &Around) -> Vec<Message> {
    let requester = json::text(ticket, "requester_id");
    let author = |comment: &Value| {
        let Some(id) = json::text(comment, "author_id") else {
            return Author::System;
        };
        let known = [around, &comments.people];
        if known.iter().any(|people| people.agents.contains(&id)) {
            Author::Agent
        } else if Some(&id) == requester.as_ref()
            || known.iter().any(|one| one.people.contains(&id))
        {
            Author::Customer
        } else if id.starts_with('-') {
            Author::System
        } else {
            Author::Agent
        }
    };
    let message = |comment: &Value| {
        let is_public = comment
            .get("public")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let text = comment_text(comment)?;
        Some(Message {
            at: json::time(comment, "created_at"),
            author: author(comment),
            visibility: if is_public {
                Visibility::Public
            } else {
                Visibility::Internal
            },
            text: Text::new(text),
        })
    };
    let mut messages: Vec<Message> = comments.comments.iter().filter_map(message).collect();
    messages.sort_by_key(|message| message.at);
    // The description is the first comment; it stands alone when the comments are gone.
    if messages.is_empty()
        && let Some(text) = json::text(ticket, "description")
    {
        let (author, visibility) = (Author::Customer, Visibility::Public);
        messages.push(Message {
            at: None,
            author,
            visibility,
            text: Text::new(text),
        });
    }
    messages
}

/// The words of a comment; of a call also what was said.
fn comment_text(comment: &Value) -> Option<String> {
    let written = ["plain_body", "html_body", "body"]
        .iter()
        .find_map(|name| json::text(comment, name));
    let said = comment
        .get("data")
        .and_then(|data| json::text(data, "transcription_text"));
    let parts: Vec<String> = [written, said].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn custom_fields(ticket: &Value) -> impl Iterator<Item = (String, Option<String>)> {
    let fields = json::list(ticket, "custom_fields").iter();
    fields.filter_map(|field| {
        let value = field.get("value").and_then(|value| match value {
            Value::Array(values) => {
                let values: Vec<_> = values.iter().filter_map(json::plain).collect();
                (!values.is_empty()).then(|| values.join(", "))
            }
            value => json::plain(value),
        });
        Some((json::text(field, "id")?, value))
    })
}

fn attributes(ticket: &Value, around: &Around) -> BTreeMap<String, String> {
    let custom = custom_fields(ticket)
        .filter_map(|(id, value)| value.map(|value| (format!("field:{id}"), value)));
    let group = json::text(ticket, "group_id");
    let group = group.map(|id| {
        (
            "group".to_owned(),
            around.groups.get(&id).cloned().unwrap_or(id),
        )
    });
    let own = [
        ("type", "type"),
        ("ticket_form_id", "form"),
        ("brand_id", "brand"),
        ("problem_id", "problem"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), json::text(ticket, name)?)));
    custom.chain(group).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn field_choices_are_read_and_written() {
        for text in ["field:360001", "type", "group", "brand", "tag:topic_"] {
            assert_eq!(FieldChoice::parse(text).unwrap().to_string(), text);
        }
        for text in ["field:", "field:abc", "tag:", "nonsense"] {
            assert_eq!(FieldChoice::parse(text), None, "{text}");
        }
        let ticket = json!({"custom_fields": [{"id": 7, "value": "heating"}, {"id": 8, "value": ["a", "b"]}],
            "tags": ["vip", "topic_leak"], "group_id": 5, "type": null});
        let around = Around::read(&json!({"groups": [{"id": 5, "name": "Service"}]}));
        let value = |text: &str| FieldChoice::parse(text).unwrap().value(&ticket, &around);
        assert_eq!(value("field:7").as_deref(), Some("heating"));
        assert_eq!(value("field:8").as_deref(), Some("a, b"));
        assert_eq!(value("tag:topic_").as_deref(), Some("leak"));
        assert_eq!(value("group").as_deref(), Some("Service"));
        assert_eq!((value("type"), value("field:9")), (None, None));
    }

    #[test]
    fn a_ticket_of_the_export_is_read_with_its_comments() {
        let fixture = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let export = fixture(include_str!("../../../tests/fixtures/zendesk/tickets.json"));
        let ticket = &export["tickets"][0];
        let mut comments = Comments::default();
        comments.add(&fixture(include_str!(
            "../../../tests/fixtures/zendesk/comments.json"
        )));
        let head = head(ticket, &SourceId::from("desk")).unwrap();
        assert!(removal(ticket, &head).is_none());
        let fields = Fields {
            category: FieldChoice::parse("field:360001234"),
            product: None,
            csat: None,
        };
        let around = Around::read(&export);
        let found = conversation(ticket, head, comments, &around, &fields, "u".to_owned());
        assert_eq!(found.key.to_string(), "desk/35436");
        assert_eq!(
            found.updated_at,
            "2026-03-04T16:41:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        assert_eq!(found.category.as_deref(), Some("heating"));
        assert_eq!(found.account.as_deref(), Some("Miller Dairy"));
        assert_eq!(found.attributes["group"], "Service south");
        assert_eq!((found.reopens, found.csat), (1, Some(0.0)));
        assert_eq!(found.closed_at, "2026-03-04T16:40:00Z".parse().ok());
        let said = crate::connectors::testing::said(&found.messages);
        assert_eq!(
            said,
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "Since your technician was here the tap stays cold."
                ),
                (
                    Author::Agent,
                    Visibility::Public,
                    "Please set the tank to 55 degrees."
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "The mixing valve was swapped, see the visit's report."
                ),
                (
                    Author::Customer,
                    Visibility::Public,
                    "Call from the customer\n\nI did, and it is still cold."
                ),
            ]
        );
    }

    #[test]
    fn removals_are_told_from_tickets() {
        let ticket = |more: Value| {
            let mut ticket = json!({"id": 1, "created_at": "2026-03-02T09:12:00Z", "updated_at": "2026-03-02T09:12:00Z",
                "generated_timestamp": 1_772_500_000, "status": "open", "subject": "Leak", "description": "It leaks", "tags": []});
            ticket
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let head = head(&ticket, &SourceId::from("desk")).unwrap();
            removal(&ticket, &head)
        };
        assert_eq!(ticket(json!({})), None);
        assert!(
            matches!(ticket(json!({"status": "deleted"})), Some(Record::Deleted { at, .. }) if at.timestamp() == 1_772_500_000)
        );
        assert!(matches!(
            ticket(json!({"subject": "SCRUBBED", "description": "X"})),
            Some(Record::Deleted { .. })
        ));
        assert_eq!(ticket(json!({"subject": "SCRUBBED"})), None);
        assert!(matches!(
            ticket(json!({"tags": ["closed_by_merge"]})),
            Some(Record::Merged { .. })
        ));
    }

    #[test]
    fn a_ticket_without_sense_says_why_without_its_words() {
        let reason = |ticket: Value| head(&ticket, &SourceId::from("desk")).err().unwrap();
        assert_eq!(
            reason(json!({"subject": "private"})),
            "the ticket has no id"
        );
        assert_eq!(
            reason(json!({"id": 1, "created_at": "private"})),
            "created_at is missing or not a date-time"
        );
        assert_eq!(reason(json!("private")), "the ticket has no id");
    }
}
