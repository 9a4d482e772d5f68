//! An issue with its journals as a conversation. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::connectors::engine::Settings;
use crate::connectors::json;
use crate::model::{Author, Conversation, Message, Text, Visibility};

/// What issues name by its number.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) asked_at: Option<DateTime<Utc>>,
    /// Statuses that mean that an issue is closed.
    pub(super) closed: BTreeSet<String>,
    /// Members of each project: whether they have one of the team's roles.
    pub(super) members: BTreeMap<String, BTreeMap<String, bool>>,
}

/// An issue with its journals, or why it makes no sense.
pub(super) fn conversation(
    issue: &Value,
    known: &Known,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(issue, name);
    let key = settings.key(text("id").ok_or("the issue has no id")?);
    let created_at =
        json::time(issue, "created_on").ok_or("created_on is missing or not a date-time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.updated_at =
        json::time(issue, "updated_on").ok_or("updated_on is missing or not a date-time")?;
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = part(issue, "status", "name");
    let is_closed = match issue.pointer("/status/is_closed") {
        Some(flag) => flag.as_bool() == Some(true),
        // Before Redmine 5 the issue itself does not say.
        None => part(issue, "status", "id").is_some_and(|id| known.closed.contains(&id)),
    };
    conversation.closed_at = json::time(issue, "closed_on").filter(|_| is_closed);
    conversation.priority = part(issue, "priority", "name");
    settings.choose(&mut conversation, issue);
    let people = People::of(issue, known);
    let author = part(issue, "author", "id");
    conversation.requester = author
        .clone()
        .filter(|id| people.author(Some(id)) == Author::Customer);
    let description = text("description").map(|words| Message {
        at: Some(created_at),
        author: people.author(author.as_deref()),
        visibility: Visibility::Public,
        text: Text::new(words),
    });
    let journals = json::list(issue, "journals");
    let notes = journals.iter().filter_map(|journal| {
        let user = part(journal, "user", "id");
        Some(Message {
            at: json::time(journal, "created_on"),
            author: people.author(user.as_deref()),
            visibility: match is(journal, "private_notes") {
                true => Visibility::Internal,
                false => Visibility::Public,
            },
            text: Text::new(json::text(journal, "notes")?),
        })
    });
    conversation.messages = description.into_iter().chain(notes).collect();
    conversation.reopens = reopens(journals, &known.closed);
    conversation.attributes = attributes(issue);
    Ok(conversation)
}

/// Who is who in an issue.
struct People<'a> {
    opened_by: Option<String>,
    assigned_to: Option<String>,
    members: Option<&'a BTreeMap<String, bool>>,
}

impl<'a> People<'a> {
    fn of(issue: &Value, known: &'a Known) -> Self {
        let project = part(issue, "project", "id");
        Self {
            opened_by: part(issue, "author", "id"),
            assigned_to: part(issue, "assigned_to", "id"),
            members: project.and_then(|project| known.members.get(&project)),
        }
    }

    /// By their role, where the team's are named. Else whoever opened the issue is the customer, unless they work on it
    /// themselves; others, such as administrators without any role, are the team's.
    fn author(&self, user: Option<&str>) -> Author {
        let Some(user) = user else {
            return Author::System;
        };
        let has_opened = self.opened_by.as_deref() == Some(user);
        let is_customer = match self.members.and_then(|members| members.get(user)) {
            Some(is_team) => !is_team,
            None => has_opened && self.assigned_to.as_deref() != Some(user),
        };
        if is_customer {
            Author::Customer
        } else {
            Author::Agent
        }
    }
}

/// How often it went from a closed status to an open one.
fn reopens(journals: &[Value], closed: &BTreeSet<String>) -> u32 {
    let details = journals
        .iter()
        .flat_map(|journal| json::list(journal, "details"));
    let is_closed = |detail: &Value, name| {
        json::text(detail, name).is_some_and(|status| closed.contains(&status))
    };
    let reopened = details.filter(|detail| {
        json::text(detail, "name").as_deref() == Some("status_id")
            && is_closed(detail, "old_value")
            && !is_closed(detail, "new_value")
    });
    u32::try_from(reopened.count()).unwrap_or(u32::MAX)
}

fn attributes(issue: &Value) -> BTreeMap<String, String> {
    let named = ["project", "tracker", "fixed_version"];
    let own = named
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), part(issue, name, "name")?)));
    let custom = json::list(issue, "custom_fields")
        .iter()
        .filter_map(|field| {
            let value = match field.get("value")? {
                Value::Array(values) => {
                    let words: Vec<String> = values.iter().filter_map(json::plain).collect();
                    (!words.is_empty()).then(|| words.join(", "))?
                }
                value => json::plain(value)?,
            };
            Some((json::text(field, "name")?, value))
        });
    own.chain(custom).collect()
}

/// A field of something that the issue names, such as its author's id.
pub(super) fn part(value: &Value, name: &str, field: &str) -> Option<String> {
    json::text(value.get(name)?, field)
}

pub(super) fn is(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::super::KIND;
    use super::*;
    use crate::connectors::engine::{Credentials, FieldPath};
    use crate::model::SourceId;
    use serde_json::json;

    fn settings() -> Settings {
        let none = Credentials::bearer(String::new().into());
        let url = "https://redmine.example.com".parse().unwrap();
        Settings::new(SourceId::from("desk"), url, none, &KIND.usual)
    }

    fn known() -> Known {
        Known {
            asked_at: None,
            closed: BTreeSet::from(["5".to_owned(), "6".to_owned()]),
            members: BTreeMap::new(),
        }
    }

    fn fixture() -> Value {
        let page = include_str!("../../../tests/fixtures/redmine/issue.json");
        serde_json::from_str::<Value>(page).unwrap()["issue"].take()
    }

    #[test]
    fn an_issue_becomes_a_conversation() {
        let mut settings = settings();
        settings.product = Some(FieldPath::new("custom_fields.Product"));
        let found = conversation(&fixture(), &known(), &settings).unwrap();
        let messages = crate::connectors::testing::said(&found.messages);
        let expected = [
            (
                Author::Customer,
                Visibility::Public,
                "The heating stays cold since the update.",
            ),
            (Author::Agent, Visibility::Public, "Which model is it?"),
            (Author::Agent, Visibility::Internal, "called twice, angry"),
            (Author::Customer, Visibility::Public, "Aura 9"),
        ];
        assert_eq!(messages, expected);
        assert_eq!(
            (found.category.as_deref(), found.product.as_deref()),
            (Some("Heating"), Some("Aura 9"))
        );
        assert_eq!(
            (found.status.as_deref(), found.reopens),
            (Some("Closed"), 1)
        );
        assert_eq!(
            found.closed_at.unwrap().to_rfc3339(),
            "2026-03-03T09:30:00+00:00"
        );
        assert_eq!(found.requester.as_deref(), Some("8"));
        assert_eq!(found.attributes["Rooms"], "Kitchen, Bath");
    }

    #[test]
    fn roles_say_more_than_who_opened_it() {
        let mut known = known();
        let members = [("8", true), ("7", false)].map(|(id, is_team)| (id.to_owned(), is_team));
        known
            .members
            .insert("1".to_owned(), BTreeMap::from(members));
        let found = conversation(&fixture(), &known, &settings()).unwrap();
        let authors: Vec<_> = found.messages.iter().map(|one| one.author).collect();
        use Author::{Agent, Customer};
        assert_eq!(authors, [Agent, Customer, Customer, Agent]);
        assert_eq!(found.requester, None);
    }

    #[test]
    fn an_issue_without_sense_says_why_without_its_words() {
        for (name, reason) in [("created_on", "created_on is missing"), ("id", "no id")] {
            let mut issue = fixture();
            issue[name] = json!("cold");
            if name == "id" {
                issue[name] = Value::Null;
            }
            let found = conversation(&issue, &known(), &settings()).unwrap_err();
            assert!(found.contains(reason) && !found.contains("cold"), "{found}");
        }
    }
}
