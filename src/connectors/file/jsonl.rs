//! One JSON object a line, as the README describes it. Unknown fields become attributes. Reasons
//! name the field and never quote what is in it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use crate::connectors::date;
use crate::model::{
    Author, Conversation, ConversationKey, Kind, Message, Record, SourceId, Text, Visibility,
};

/// A line as a record, or why it is none. `columns` names the fields that are called otherwise than ours.
pub fn record(
    line: &str,
    source: &SourceId,
    zone: Tz,
    columns: &BTreeMap<String, String>,
) -> Result<Record, String> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| format!("is not JSON, at character {}", error.column()))?;
    let Value::Object(mut object) = value else {
        return Err("is not a JSON object".to_owned());
    };
    for (own, theirs) in columns {
        if let Some(value) = object.remove(theirs) {
            object.insert(own.clone(), value);
        }
    }
    let mut fields = Fields { object, zone };
    let id = fields.text("id")?.ok_or("has no id")?;
    let key = ConversationKey {
        source: source.clone(),
        id,
    };
    let updated_at = fields.time("updated_at")?;
    let created_at = fields.time("created_at")?;
    if fields.flag("deleted")? {
        let at = updated_at
            .or(created_at)
            .ok_or("is deleted, but has no updated_at")?;
        return Ok(Record::Deleted { key, at });
    }
    let created_at = created_at.ok_or("has no created_at")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.updated_at = updated_at.unwrap_or(created_at);
    fields.fill(&mut conversation)?;
    Ok(Record::Conversation(Box::new(conversation)))
}

/// What is left of an object while its fields are taken out.
struct Fields {
    object: Map<String, Value>,
    zone: Tz,
}

impl Fields {
    fn fill(mut self, conversation: &mut Conversation) -> Result<(), String> {
        if let Some(kind) = self.text("kind")? {
            conversation.kind = Kind::parse(&kind).ok_or("kind is not ticket or call_note")?;
        }
        conversation.closed_at = self.time("closed_at")?;
        conversation.status = self.text("status")?;
        conversation.subject = Text::new(self.text("subject")?.unwrap_or_default());
        conversation.messages = self.messages(conversation.kind)?;
        conversation.category = self.text("category")?;
        conversation.tags = self.tags()?;
        conversation.account = self.text("account")?;
        conversation.requester = self.text("requester")?;
        conversation.channel = self.text("channel")?;
        conversation.product = self.text("product")?;
        conversation.priority = self.text("priority")?;
        conversation.csat = self.number("csat")?;
        if conversation
            .csat
            .is_some_and(|csat| !(0.0..=1.0).contains(&csat))
        {
            return Err("csat is not between 0 and 1".to_owned());
        }
        let reopens = self.number("reopens")?.unwrap_or(0.0);
        if !(0.0..=1e6).contains(&reopens) {
            return Err("reopens is not a count".to_owned());
        }
        conversation.reopens = reopens as u32;
        conversation.url = self.text("url")?;
        conversation.attributes = self.attributes();
        Ok(())
    }

    /// `text` as one message, or `messages`.
    fn messages(&mut self, kind: Kind) -> Result<Vec<Message>, String> {
        let text = self.text("text")?;
        let listed = match self.object.remove("messages") {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => Some(items),
            Some(_) => return Err("messages is not a list".to_owned()),
        };
        let mut messages = Vec::new();
        for (place, item) in listed.iter().flatten().enumerate() {
            let message = self.message(item);
            messages.push(message.map_err(|reason| format!("messages[{place}]{reason}"))?);
        }
        match text {
            Some(text) => messages.insert(0, only_message(kind, text)),
            None if listed.is_none() => return Err("has neither text nor messages".to_owned()),
            None => {}
        }
        Ok(messages)
    }

    fn message(&self, item: &Value) -> Result<Message, String> {
        let Value::Object(object) = item else {
            return Err(" is not an object".to_owned());
        };
        let mut fields = Fields {
            object: object.clone(),
            zone: self.zone,
        };
        let dotted = |reason: String| format!(".{reason}");
        let author = match fields.text("author").map_err(dotted)? {
            None => Author::Customer,
            Some(name) => Author::parse(&name).ok_or(".author is not customer, agent or system")?,
        };
        let visibility = match fields.text("visibility").map_err(dotted)? {
            None => Visibility::Public,
            Some(name) => {
                Visibility::parse(&name).ok_or(".visibility is not public or internal")?
            }
        };
        Ok(Message {
            at: fields.time("at").map_err(dotted)?,
            author,
            visibility,
            text: Text::new(fields.text("text").map_err(dotted)?.unwrap_or_default()),
        })
    }

    /// Text, or a number or flag as text; missing, null and empty are the same.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.object.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => Err(format!("{name} is not text")),
        }
    }

    fn time(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, String> {
        let read = |text: String| date::parse(&text, self.zone, None);
        match self.object.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => read(text)
                .map(Some)
                .map_err(|reason| format!("{name} {reason}")),
            Some(_) => Err(format!("{name} is not a date-time in quotes")),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite());
        number
            .map(Some)
            .ok_or_else(|| format!("{name} is not a number"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(format!("{name} is not true or false")),
        }
    }

    /// A list of texts, or one text with commas.
    fn tags(&mut self) -> Result<Vec<String>, String> {
        match self.object.remove("tags") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(split_tags(&text)),
            Some(Value::Array(items)) => {
                let text = |item: &Value| item.as_str().map(|text| text.trim().to_owned());
                let tags: Option<Vec<String>> = items.iter().map(text).collect();
                let tags = tags.ok_or("tags is not a list of texts")?;
                Ok(tags.into_iter().filter(|tag| !tag.is_empty()).collect())
            }
            Some(_) => Err("tags is not a list of texts".to_owned()),
        }
    }

    fn attributes(self) -> BTreeMap<String, String> {
        let text = |value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        let attributes = self.object.into_iter();
        attributes
            .filter_map(|(name, value)| text(value).map(|text| (name, text)))
            .collect()
    }
}

/// The one text of a conversation: a ticket's is the customer's, a call note's is what the agent wrote.
pub fn only_message(kind: Kind, text: String) -> Message {
    let (author, visibility) = match kind {
        Kind::Ticket => (Author::Customer, Visibility::Public),
        Kind::CallNote => (Author::Agent, Visibility::Internal),
    };
    Message {
        at: None,
        author,
        visibility,
        text: Text::new(text),
    }
}

/// `"a, b; c"` as a list.
pub fn split_tags(text: &str) -> Vec<String> {
    let tags = text.split([',', ';', '|']).map(str::trim);
    tags.filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, String> {
        record(
            line,
            &SourceId::from("desk"),
            Tz::Europe__Berlin,
            &BTreeMap::new(),
        )
    }

    fn conversation(line: &str) -> Conversation {
        match read(line).unwrap() {
            Record::Conversation(conversation) => *conversation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_shortest_line_is_enough() {
        let found =
            conversation(r#"{"id": 7, "created_at": "2026-03-02T10:12:00", "text": "it leaks"}"#);
        assert_eq!(found.key.to_string(), "desk/7");
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:12:00+00:00");
        assert_eq!(found.updated_at, found.created_at);
        assert_eq!(found.kind, Kind::Ticket);
        assert_eq!(
            found.messages,
            [only_message(Kind::Ticket, "it leaks".into())]
        );
    }

    #[test]
    fn a_configured_field_is_read_for_ours() {
        let line = r#"{"id":"a","created_at":"2026-03-02T09:12:00Z","text":"x","category":"Other","reason":"Leak"}"#;
        let columns = [("category".to_owned(), "reason".to_owned())].into();
        let found = super::record(line, &SourceId::from("desk"), Tz::UTC, &columns);
        let Ok(Record::Conversation(found)) = found else {
            panic!("not a conversation");
        };
        assert_eq!(found.category.as_deref(), Some("Leak"));
        assert!(found.attributes.is_empty());
    }

    #[test]
    fn every_field_is_read_and_others_become_attributes() {
        let found = conversation(
            r#"{"id":"a","created_at":"2026-03-02T09:12:00Z","updated_at":"2026-03-03T09:12:00Z","closed_at":"2026-03-04T09:12:00Z",
            "kind":"call_note","status":"closed","subject":"Leak","category":"Heating","tags":["x"," y ",""],"account":"Nord","requester":"r1",
            "channel":"phone","product":"Aura 9","priority":2,"csat":0.5,"reopens":3,"url":"https://x.test/1","label":"leak","nothing":null,
            "more":{"a":1},"messages":[{"at":"2026-03-02T09:12:00Z","author":"agent","visibility":"internal","text":"note"},{"text":"words"}]}"#,
        );
        assert_eq!(found.kind, Kind::CallNote);
        assert_eq!(found.tags, ["x", "y"]);
        assert_eq!((found.csat, found.reopens), (Some(0.5), 3));
        assert_eq!(found.priority.as_deref(), Some("2"));
        assert_eq!(found.messages[0].visibility, Visibility::Internal);
        assert_eq!(found.messages[1].author, Author::Customer);
        let attributes: Vec<_> = found
            .attributes
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(attributes, ["label=leak", "more={\"a\":1}"]);
    }

    #[test]
    fn a_deleted_line_is_a_deletion() {
        let found =
            read(r#"{"id":"a","updated_at":"2026-03-02T09:12:00Z","deleted":true}"#).unwrap();
        let at = "2026-03-02T09:12:00Z".parse().unwrap();
        assert_eq!(
            found,
            Record::Deleted {
                key: ConversationKey::new("desk", "a"),
                at
            }
        );
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong_without_the_words() {
        let base = r#""id":"a","created_at":"2026-03-02","text":"private""#;
        for (line, reason) in [
            (
                "{\"id\": \"private\"".to_owned(),
                "is not JSON, at character 16",
            ),
            ("[]".to_owned(), "is not a JSON object"),
            ("{}".to_owned(), "has no id"),
            (
                r#"{"id":"a","text":"private"}"#.to_owned(),
                "has no created_at",
            ),
            (
                r#"{"id":"a","created_at":"private","text":"x"}"#.to_owned(),
                "created_at is not a date-time",
            ),
            (
                r#"{"id":"a","created_at":5,"text":"x"}"#.to_owned(),
                "created_at is not a date-time in quotes",
            ),
            (
                r#"{"id":"a","created_at":"2026-03-02"}"#.to_owned(),
                "has neither text nor messages",
            ),
            (
                r#"{"id":{},"created_at":"2026-03-02"}"#.to_owned(),
                "id is not text",
            ),
            (
                format!("{{{base},\"kind\":\"private\"}}"),
                "kind is not ticket or call_note",
            ),
            (
                format!("{{{base},\"csat\":7}}"),
                "csat is not between 0 and 1",
            ),
            (
                format!("{{{base},\"reopens\":-1}}"),
                "reopens is not a count",
            ),
            (
                format!("{{{base},\"tags\":[1]}}"),
                "tags is not a list of texts",
            ),
            (
                format!("{{{base},\"messages\":[{{\"author\":\"private\"}}]}}"),
                "messages[0].author is not customer, agent or system",
            ),
            (
                format!("{{{base},\"deleted\":\"private\"}}"),
                "deleted is not true or false",
            ),
        ] {
            assert_eq!(read(&line), Err(reason.to_owned()), "{line}");
        }
    }
}
