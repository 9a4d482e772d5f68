//! Issues and their comments, as conversations. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::connectors::engine::{Settings, given, word, words};
use crate::connectors::json;
use crate::model::{Author, Conversation, ConversationKey, Message, Text, Visibility};

/// Whose words are the team's, by the author's association with the repository.
const TEAM: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];

pub(super) fn is_pull_request(issue: &Value) -> bool {
    issue
        .get("pull_request")
        .is_some_and(|value| !value.is_null())
}

/// A comment does not say what it is about, but its address does.
pub(super) fn is_of_pull_request(comment: &Value) -> bool {
    json::text(comment, "html_url").is_some_and(|url| url.contains("/pull/"))
}

pub(super) fn was_reopened(issue: &Value) -> bool {
    json::text(issue, "state_reason").as_deref() == Some("reopened")
}

/// A repository that was renamed answers under its old name, too, with the same numbers.
pub(super) fn is_same(place: &str, repository: &str, number: &str) -> bool {
    place.eq_ignore_ascii_case(&format!("{repository}#{number}"))
}

/// `owner/name#12`, by the addresses in an issue.
pub(super) fn place(issue: &Value) -> Option<String> {
    let url = json::text(issue, "repository_url")?;
    let (_, repository) = url.rsplit_once("/repos/")?;
    Some(format!("{repository}#{}", json::text(issue, "number")?))
}

/// An issue with its comments, or why it makes no sense.
pub(super) fn conversation(
    key: ConversationKey,
    issue: &Value,
    comments: &[Value],
    events: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(issue, name);
    let created_at =
        json::time(issue, "created_at").ok_or("created_at is missing or not a date-time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.updated_at =
        json::time(issue, "updated_at").ok_or("updated_at is missing or not a date-time")?;
    conversation.subject = Text::new(text("title").unwrap_or_default());
    conversation.status = text("state");
    conversation.closed_at = json::time(issue, "closed_at");
    conversation.reopens = reopens(issue, events);
    conversation.channel = Some("web".to_owned());
    settings.choose(&mut conversation, issue);
    conversation.tags = words(issue, "labels");
    conversation.requester = issue.get("user").and_then(|user| json::text(user, "login"));
    conversation.url = text("html_url").filter(|url| url.starts_with("http"));
    conversation.attributes = attributes(issue);
    let mut entries: Vec<&Value> = comments.iter().collect();
    entries.sort_by_key(|entry| (json::time(entry, "created_at"), json::number(entry, "id")));
    let all = std::iter::once(issue).chain(entries);
    conversation.messages = all.filter_map(message).collect();
    Ok(conversation)
}

pub(super) fn reopens(issue: &Value, events: &[Value]) -> u32 {
    let opened = events
        .iter()
        .filter(|event| json::text(event, "event").as_deref() == Some("reopened"));
    let count = u32::try_from(opened.count()).unwrap_or(u32::MAX);
    // The event may come later than the issue that it changed.
    count.max(u32::from(was_reopened(issue)))
}

fn message(entry: &Value) -> Option<Message> {
    Some(Message {
        at: json::time(entry, "created_at"),
        author: author(entry),
        visibility: Visibility::Public,
        text: Text::new(json::text(entry, "body")?),
    })
}

fn author(entry: &Value) -> Author {
    let user = entry.get("user").filter(|user| !user.is_null());
    match user.map(|user| json::text(user, "type")) {
        Some(kind) if kind.as_deref() != Some("Bot") => {
            let association = json::text(entry, "author_association");
            let is_team = association.is_some_and(|one| TEAM.contains(&one.as_str()));
            if is_team {
                Author::Agent
            } else {
                Author::Customer
            }
        }
        _ => Author::System,
    }
}

fn attributes(issue: &Value) -> BTreeMap<String, String> {
    let named = |name: &str| issue.get(name).and_then(word);
    let milestone = issue
        .get("milestone")
        .and_then(|one| json::text(one, "title"));
    given([
        ("type", named("type")),
        ("milestone", milestone),
        ("state_reason", named("state_reason")),
    ])
}
