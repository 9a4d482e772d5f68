//! What Salesforce says of a case or a call, as a conversation, and the questions for it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::survey::rating;
use crate::connectors::engine::Settings;
use crate::connectors::json;
use crate::model::{Author, Conversation, Kind, Message, Text, Visibility};

/// Start of the ids of calls without a case.
pub const CALL: &str = "call:";

/// What is read of a case beside what a person chose.
pub const CASE_FIELDS: [&str; 19] = [
    "Account.Name",
    "AccountId",
    "CaseNumber",
    "ClosedDate",
    "ContactId",
    "CreatedDate",
    "Description",
    "Id",
    "IsClosed",
    "IsDeleted",
    "Origin",
    "OwnerId",
    "Priority",
    "Reason",
    "Status",
    "Subject",
    "SuppliedEmail",
    "SystemModstamp",
    "Type",
];

const CALL_FIELDS: &str =
    "Id, Subject, Description, CallDisposition, CallType, CallDurationInSeconds, CreatedDate";

/// The status of a mail that was not sent yet.
const DRAFT: &str = "5";

/// The lists inside a case.
#[derive(Default)]
pub struct Nested {
    /// Its comments.
    pub comments: Vec<Value>,
    /// Its mails.
    pub mails: Vec<Value>,
    /// Its call tasks.
    pub calls: Vec<Value>,
    /// What people posted in its feed.
    pub posts: Vec<Value>,
    /// How its status changed.
    pub history: Vec<Value>,
    /// What was answered to surveys about it.
    pub answers: Vec<Value>,
}

/// One case with everything in it.
pub fn case_query(id: &str, fields: &str, has_posts: bool) -> String {
    let posts = if has_posts {
        "(SELECT Id, Body, Visibility, CreatedDate, CreatedBy.UserType FROM Feeds WHERE Type = 'TextPost'), "
    } else {
        ""
    };
    format!(
        "SELECT {fields}, \
         (SELECT Id, CommentBody, IsPublished, CreatedDate, CreatedBy.UserType FROM CaseComments WHERE IsDeleted = false), \
         (SELECT Id, Subject, TextBody, HtmlBody, Incoming, Status, MessageDate FROM EmailMessages WHERE IsDeleted = false), \
         (SELECT {CALL_FIELDS} FROM Tasks WHERE TaskSubtype = 'Call' AND IsDeleted = false), \
         {posts}\
         (SELECT Id, Field, OldValue, NewValue, CreatedDate FROM Histories WHERE Field = 'Status') \
         FROM Case WHERE Id = '{id}'"
    )
}

/// One call task.
pub fn call_query(id: &str) -> String {
    format!(
        "SELECT {CALL_FIELDS}, Status, WhatId, WhoId, AccountId, IsDeleted, SystemModstamp FROM Task WHERE Id = '{id}'"
    )
}

/// When a row or a record changed.
pub fn changed_at(row: &Value) -> Option<DateTime<Utc>> {
    json::time(row, "SystemModstamp")
}

/// A case as a conversation, or why it makes no sense.
pub fn case(
    case: &Value,
    nested: &Nested,
    closed: &BTreeSet<String>,
    settings: &Settings,
) -> Result<Conversation, String> {
    let mut conversation = begin(case, "", settings)?;
    let text = |name: &str| json::text(case, name);
    conversation.channel = text("Origin").map(|word| word.to_lowercase());
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = Kind::CallNote;
    }
    conversation.priority = text("Priority");
    let account = case
        .get("Account")
        .and_then(|account| json::text(account, "Name"));
    conversation.account = conversation.account.or(account).or(text("AccountId"));
    conversation.requester = text("ContactId").or(text("SuppliedEmail"));
    let is_closed = text("IsClosed").as_deref() == Some("true");
    conversation.closed_at = json::time(case, "ClosedDate").filter(|_| is_closed);
    conversation.reopens = reopens(&nested.history, closed);
    conversation.csat = conversation.csat.or_else(|| rating(&nested.answers));
    conversation.messages = messages(case, nested, conversation.kind, conversation.created_at);
    conversation.attributes = attributes(case, &["CaseNumber", "Type", "Reason", "OwnerId"]);
    Ok(conversation)
}

/// A call without a case as a conversation.
pub fn call(task: &Value, settings: &Settings) -> Result<Conversation, String> {
    let mut conversation = begin(task, CALL, settings)?;
    conversation.kind = Kind::CallNote;
    conversation.channel = Some("phone".to_owned());
    conversation.account = conversation.account.or(json::text(task, "AccountId"));
    conversation.requester = json::text(task, "WhoId");
    conversation.messages = note(task).into_iter().collect();
    conversation.attributes = attributes(
        task,
        &["CallDisposition", "CallType", "CallDurationInSeconds"],
    );
    Ok(conversation)
}

fn begin(value: &Value, prefix: &str, settings: &Settings) -> Result<Conversation, String> {
    let id = json::text(value, "Id").ok_or("the record has no id")?;
    let created_at =
        json::time(value, "CreatedDate").ok_or("CreatedDate is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(format!("{prefix}{id}")), created_at);
    conversation.updated_at =
        changed_at(value).ok_or("SystemModstamp is missing or not a date-time")?;
    conversation.subject = Text::new(json::text(value, "Subject").unwrap_or_default());
    conversation.status = json::text(value, "Status");
    settings.choose(&mut conversation, value);
    Ok(conversation)
}

fn messages(case: &Value, nested: &Nested, kind: Kind, created_at: DateTime<Utc>) -> Vec<Message> {
    let mut messages: Vec<Message> = nested.mails.iter().filter_map(mail).collect();
    // A case that came by mail has the mail's text as its description.
    let plain = |text: &str| -> String { text.split_whitespace().collect() };
    let description = json::text(case, "Description").filter(|text| {
        let text = plain(text);
        !messages
            .iter()
            .any(|mail| plain(mail.text.as_str()).starts_with(&text))
    });
    let author = match kind {
        Kind::CallNote => Author::Agent,
        Kind::Ticket => Author::Customer,
    };
    messages.extend(description.map(|text| Message {
        at: Some(created_at),
        author,
        visibility: Visibility::Public,
        text: Text::new(text),
    }));
    messages.extend(nested.comments.iter().filter_map(comment));
    messages.extend(nested.posts.iter().filter_map(post));
    messages.extend(nested.calls.iter().filter_map(note));
    messages.sort_by_key(|message| message.at);
    messages
}

fn mail(mail: &Value) -> Option<Message> {
    if json::text(mail, "Status").as_deref() == Some(DRAFT) {
        return None;
    }
    let text = json::text(mail, "TextBody").or_else(|| json::text(mail, "HtmlBody"))?;
    let is_incoming = json::text(mail, "Incoming").as_deref() == Some("true");
    Some(Message {
        at: json::time(mail, "MessageDate"),
        author: if is_incoming {
            Author::Customer
        } else {
            Author::Agent
        },
        visibility: Visibility::Public,
        text: Text::new(text),
    })
}

fn comment(comment: &Value) -> Option<Message> {
    let is_published = json::text(comment, "IsPublished").as_deref() == Some("true");
    written(comment, "CommentBody", is_published)
}

/// A post in the feed; those that only the team sees say so.
fn post(post: &Value) -> Option<Message> {
    let is_published = json::text(post, "Visibility").as_deref() == Some("AllUsers");
    written(post, "Body", is_published)
}

/// What somebody with a user's account wrote.
fn written(value: &Value, body: &str, is_published: bool) -> Option<Message> {
    let writer = value
        .get("CreatedBy")
        .and_then(|user| json::text(user, "UserType"));
    let writer = writer.unwrap_or_default();
    let is_customer = ["Guest", "Portal", "Customer"]
        .iter()
        .any(|word| writer.contains(word));
    Some(Message {
        at: json::time(value, "CreatedDate"),
        author: match writer.as_str() {
            "Standard" => Author::Agent,
            _ if is_customer => Author::Customer,
            _ => Author::System,
        },
        visibility: if is_published {
            Visibility::Public
        } else {
            Visibility::Internal
        },
        text: Text::new(json::text(value, body)?),
    })
}

/// What an agent wrote after a call.
fn note(task: &Value) -> Option<Message> {
    let text = json::text(task, "Description").or_else(|| json::text(task, "Subject"))?;
    Some(Message {
        at: json::time(task, "CreatedDate"),
        author: Author::Agent,
        visibility: Visibility::Internal,
        text: Text::new(text),
    })
}

fn reopens(history: &[Value], closed: &BTreeSet<String>) -> u32 {
    let is_closed =
        |entry: &Value, name: &str| json::text(entry, name).map(|word| closed.contains(&word));
    let back = |entry: &&Value| {
        (is_closed(entry, "OldValue"), is_closed(entry, "NewValue")) == (Some(true), Some(false))
    };
    u32::try_from(history.iter().filter(back).count()).unwrap_or(u32::MAX)
}

fn attributes(value: &Value, names: &[&str]) -> BTreeMap<String, String> {
    let pair = |name: &&str| Some(((*name).to_owned(), json::text(value, name)?));
    names.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::System as _;
    use crate::connectors::salesforce::tests::salesforce;
    use serde_json::json;

    fn rows(name: &str) -> Vec<Value> {
        let case: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/salesforce/case.json"))
                .unwrap();
        json::list(&case["records"][0][name], "records").to_vec()
    }

    #[test]
    fn a_case_is_one_conversation_of_comments_mails_and_calls() {
        let answer: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/salesforce/case.json"))
                .unwrap();
        let nested = Nested {
            comments: rows("CaseComments"),
            mails: rows("EmailMessages"),
            calls: rows("Tasks"),
            history: rows("Histories"),
            ..Nested::default()
        };
        let closed = BTreeSet::from(["Closed".to_owned()]);
        let read = case(
            &answer["records"][0],
            &nested,
            &closed,
            salesforce().settings(),
        )
        .unwrap();
        assert_eq!(read.key.id, "500Ws00000AbCdEIAV");
        assert_eq!(
            (read.category.as_deref(), read.account.as_deref()),
            (Some("Electrical"), Some("Nordwind"))
        );
        assert_eq!((read.status.as_deref(), read.reopens), (Some("Closed"), 1));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T15:00:00Z".parse().unwrap())
        );
        let messages = crate::connectors::testing::said(&read.messages);
        assert_eq!(
            messages,
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "The generator does not start.\n\nIda Berg"
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "Fuse was replaced in January."
                ),
                (
                    Author::Agent,
                    Visibility::Public,
                    "Please check the fuel valve."
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "She checked it while we talked; it starts."
                ),
                (Author::Customer, Visibility::Public, "It stopped again."),
            ]
        );
    }

    #[test]
    fn posts_in_the_feed_are_public_where_customers_see_them() {
        let post = |visibility: &str, writer: &str| {
            post(&json!({"Body": "It is on its way.", "Visibility": visibility, "CreatedDate": "2026-03-02T09:00:00.000+0000",
                "CreatedBy": {"UserType": writer}}))
            .map(|message| (message.author, message.visibility))
        };
        use Visibility::{Internal, Public};
        assert_eq!(post("AllUsers", "Standard"), Some((Author::Agent, Public)));
        let asked = post("AllUsers", "CspLitePortal");
        assert_eq!(asked, Some((Author::Customer, Public)));
        let internal = post("InternalUsers", "Standard");
        assert_eq!(internal, Some((Author::Agent, Internal)));
        assert_eq!(super::post(&json!({"Body": null})), None);
        assert!(case_query("500A", "Id", true).contains("FROM Feeds"));
        assert!(!case_query("500A", "Id", false).contains("Feeds"));
    }

    #[test]
    fn a_case_by_phone_is_a_note_of_an_agent() {
        let value = json!({"Id": "500A", "CreatedDate": "2026-03-02T09:00:00.000+0000", "SystemModstamp": "2026-03-02T09:00:00.000+0000",
            "Origin": "Phone", "Description": "She called about the bill.", "IsClosed": false, "ClosedDate": "2026-03-02T09:00:00.000+0000"});
        let read = case(
            &value,
            &Nested::default(),
            &BTreeSet::new(),
            salesforce().settings(),
        )
        .unwrap();
        assert_eq!(
            (read.kind, read.messages[0].author, read.closed_at),
            (Kind::CallNote, Author::Agent, None)
        );
        assert!(
            case(
                &json!({"Id": "500A"}),
                &Nested::default(),
                &BTreeSet::new(),
                salesforce().settings()
            )
            .is_err()
        );
    }

    #[test]
    fn a_call_without_a_case_is_a_note() {
        let mut task = rows("Tasks").remove(0);
        task["SystemModstamp"] = json!("2026-03-02T12:30:00.000+0000");
        let read = call(&task, salesforce().settings()).unwrap();
        assert_eq!(
            (read.key.id.as_str(), read.kind),
            ("call:00TWs00000Q1", Kind::CallNote)
        );
        assert_eq!(read.attributes["CallDisposition"], "Solved");
    }
}
