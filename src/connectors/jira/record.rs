//! Jira's issues: what people wrote, in documents, and what became of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::connectors::engine::{Settings, word, words};
use crate::connectors::{adf, json, rating};
use crate::model::{Author, Conversation, Message, Text, Visibility};

/// Whether nobody works on it any more.
pub fn is_done(issue: &Value) -> bool {
    let category = issue
        .pointer("/fields/status/statusCategory/key")
        .and_then(Value::as_str);
    category == Some("done")
}

/// An issue with its comments, or why it makes no sense.
pub fn conversation(
    issue: &Value,
    comments: &[Value],
    history: &[Value],
    feedback: &Value,
    settings: &Settings,
) -> Result<Conversation, String> {
    let id = json::text(issue, "id").ok_or("the issue has no id")?;
    let fields = issue.get("fields").ok_or("the issue has no fields")?;
    let time = |name: &str| json::time(fields, name);
    let created_at = time("created").ok_or("created is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(id), created_at);
    conversation.updated_at = time("updated").ok_or("updated is missing or not a date-time")?;
    conversation.subject = Text::new(json::text(fields, "summary").unwrap_or_default());
    conversation.status = fields.get("status").and_then(word);
    conversation.priority = fields.get("priority").and_then(word);
    settings.choose(&mut conversation, fields);
    conversation.tags = words(fields, "labels");
    let reporter = fields
        .get("reporter")
        .and_then(|reporter| json::text(reporter, "accountId"));
    let changed = time("statuscategorychangedate").filter(|_| is_done(issue));
    conversation.closed_at = time("resolutiondate").or(changed);
    conversation.reopens = reopens(history);
    let given = feedback.get("rating").and_then(rating::stars);
    conversation.csat = conversation.csat.or(given);
    conversation.messages = messages(fields, comments, reporter.as_deref(), created_at);
    conversation.requester = reporter;
    conversation.attributes = attributes(issue, fields);
    Ok(conversation)
}

fn messages(
    fields: &Value,
    comments: &[Value],
    reporter: Option<&str>,
    created_at: DateTime<Utc>,
) -> Vec<Message> {
    let first = fields
        .get("description")
        .and_then(adf::to_text)
        .map(|text| Message {
            at: Some(created_at),
            author: Author::Customer,
            visibility: Visibility::Public,
            text: Text::new(text),
        });
    let comments = comments.iter().filter_map(|comment| {
        let text = comment.get("body").and_then(adf::to_text)?;
        Some(Message {
            at: json::time(comment, "created"),
            author: author(comment, reporter),
            visibility: visibility(comment),
            text: Text::new(text),
        })
    });
    let mut messages: Vec<Message> = first.into_iter().chain(comments).collect();
    messages.sort_by_key(|message| message.at);
    messages
}

fn author(comment: &Value, reporter: Option<&str>) -> Author {
    let writer = comment.get("author").unwrap_or(&Value::Null);
    match json::text(writer, "accountType").as_deref() {
        Some("customer") => Author::Customer,
        Some("app") => Author::System,
        // People of the company ask for help, too.
        Some(_) if reporter.is_some() && json::text(writer, "accountId").as_deref() == reporter => {
            Author::Customer
        }
        Some(_) => Author::Agent,
        None => Author::System,
    }
}

fn visibility(comment: &Value) -> Visibility {
    let flag = comment.get("jsdPublic").and_then(Value::as_bool);
    let properties = json::list(comment, "properties").iter();
    let is_internal = properties
        .filter(|one| json::text(one, "key").as_deref() == Some("sd.public.comment"))
        .filter_map(|one| one.pointer("/value/internal"))
        .any(|internal| json::plain(internal).as_deref() == Some("true"));
    if is_internal || flag == Some(false) {
        Visibility::Internal
    } else {
        Visibility::Public
    }
}

/// A reopened issue loses its resolution; where a workflow sets none, it has a status of that name.
fn reopens(history: &[Value]) -> u32 {
    let items = || history.iter().flat_map(|entry| json::list(entry, "items"));
    let of = |item: &&Value, field: &str| json::text(item, "field").as_deref() == Some(field);
    let cleared = items()
        .filter(|item| of(item, "resolution"))
        .filter(|item| json::text(item, "from").is_some() && json::text(item, "to").is_none());
    let named = items().filter(|item| of(item, "status")).filter(|item| {
        json::text(item, "toString").is_some_and(|name| name.eq_ignore_ascii_case("reopened"))
    });
    u32::try_from(cleared.count().max(named.count())).unwrap_or(u32::MAX)
}

fn attributes(issue: &Value, fields: &Value) -> BTreeMap<String, String> {
    let own = ["project", "issuetype", "components", "resolution"];
    let own = own
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), word(fields.get(name)?)?)));
    let key = json::text(issue, "key").map(|key| ("key".to_owned(), key));
    own.chain(key).collect()
}
