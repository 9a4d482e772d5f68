//! One ticket, whole: history, fields, texts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{EMPTY_PAGES, RequestTracker, RequestTrackerConfig};
use crate::connectors::http::Failure;
use crate::connectors::{PullError, json};
use crate::model::{
    Author, Conversation, ConversationKey, Kind, Message, Record, Text, Visibility,
};

/// A ticket with more pages of history than this is cut: a loop of robots, not a conversation.
pub(super) const PAGES_MAX: u32 = 50;

/// A transaction younger than this may have one before it that is not visible yet.
const UNSETTLED: TimeDelta = TimeDelta::minutes(5);

/// What reading a ticket gave.
pub enum Read {
    /// The ticket, and the newest transaction that is in it for sure.
    Record { record: Record, seen_to: u64 },
    /// The token may not see it.
    Hidden,
    /// It makes no sense, and why.
    Broken(String),
}

/// One line of a ticket's history.
pub(super) struct Transaction {
    pub(super) id: u64,
    kind: String,
    ticket: String,
    creator: String,
    at: Option<DateTime<Utc>>,
    field: String,
    old: String,
    new: String,
}

impl RequestTracker {
    /// Reads a ticket. The history comes first: what happens while we read is newer than it, and
    /// the log will name the ticket again.
    pub(super) async fn ticket(
        &self,
        id: &str,
        newest: u64,
        queues: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Result<Read, PullError> {
        match self.read(id, newest, queues, now).await {
            Ok(read) => Ok(read),
            Err(Failure::Forbidden(_)) => Ok(Read::Hidden),
            // Shredded: nothing is left of it.
            Err(Failure::NotFound) => {
                let key = ConversationKey {
                    source: self.source.clone(),
                    id: id.to_owned(),
                };
                Ok(Read::Record {
                    record: Record::Deleted { key, at: now },
                    seen_to: newest,
                })
            }
            Err(failure) => Err(self.client.pull_error(failure)),
        }
    }

    async fn read(
        &self,
        id: &str,
        newest: u64,
        queues: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Result<Read, Failure> {
        let history = self.history(id, newest, now).await?;
        let ticket = self.get(&format!("ticket/{id}"), &[], now).await?;
        let key = ConversationKey {
            source: self.source.clone(),
            id: id.to_owned(),
        };
        let Some(found) = json::text(&ticket, "id") else {
            return Ok(Read::Broken("the ticket has no id".to_owned()));
        };
        let Some(updated_at) = json::time(&ticket, "LastUpdated") else {
            return Ok(Read::Broken(
                "LastUpdated is missing or not a date-time".to_owned(),
            ));
        };
        let seen_to = seen_to(&history, now);
        if found != id {
            let merge = history
                .iter()
                .rev()
                .find(|one| one.field == "MergedInto" && one.ticket == id);
            let at = merge.and_then(|one| one.at).unwrap_or(updated_at);
            return Ok(Read::Record {
                record: Record::Merged {
                    key,
                    into: found,
                    at,
                },
                seen_to,
            });
        }
        if json::text(&ticket, "Status").as_deref() == Some("deleted") {
            return Ok(Read::Record {
                record: Record::Deleted {
                    key,
                    at: updated_at,
                },
                seen_to,
            });
        }
        let Some(created_at) = json::time(&ticket, "Created") else {
            return Ok(Read::Broken(
                "Created is missing or not a date-time".to_owned(),
            ));
        };
        let texts = self.texts(id, &history, now).await?;
        let mut conversation = Conversation::new(key, created_at);
        conversation.updated_at = updated_at;
        fill(&mut conversation, &ticket, queues, &self.config);
        conversation.messages = messages(&history, texts, &ticket);
        conversation.reopens = reopens(&history, id, &self.config.inactive);
        conversation.url = Some(self.client.url("Ticket/Display.html", &[("id", id)]).into());
        let record = Record::Conversation(Box::new(conversation));
        Ok(Read::Record { record, seen_to })
    }

    /// The history by id, at least up to the transaction that the log named.
    async fn history(
        &self,
        id: &str,
        newest: u64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Transaction>, Failure> {
        let path = format!("ticket/{id}/history");
        let fields = "Type,Creator,Created,Field,OldValue,NewValue,ObjectId";
        let mut history: BTreeMap<u64, Transaction> = BTreeMap::new();
        let mut empty = 0;
        for number in 1..=PAGES_MAX {
            let items = self.list(&path, fields, &[], number, now).await?;
            history.extend(
                items
                    .iter()
                    .filter_map(transaction)
                    .map(|one| (one.id, one)),
            );
            // Rights are checked after the page was cut: a short page says nothing.
            empty = if items.is_empty() { empty + 1 } else { 0 };
            if empty == EMPTY_PAGES || history.contains_key(&newest) {
                break;
            }
        }
        Ok(history.into_values().collect())
    }
}

impl Transaction {
    /// Who can read its text; `None` when it has none that people wrote.
    pub(super) fn visibility(&self) -> Option<Visibility> {
        match self.kind.as_str() {
            _ if self.creator == "RT_System" => None,
            "Create" | "Correspond" => Some(Visibility::Public),
            "Comment" => Some(Visibility::Internal),
            _ => None,
        }
    }
}

fn transaction(item: &Value) -> Option<Transaction> {
    let text = |name| json::text(item, name).unwrap_or_default();
    let creator = item
        .get("Creator")
        .and_then(|creator| json::text(creator, "id"));
    Some(Transaction {
        id: json::number(item, "id")?,
        kind: text("Type"),
        ticket: text("ObjectId"),
        creator: creator.unwrap_or_default(),
        at: json::time(item, "Created"),
        field: text("Field"),
        old: text("OldValue"),
        new: text("NewValue"),
    })
}

/// The newest transaction that nothing invisible can come before.
fn seen_to(history: &[Transaction], now: DateTime<Utc>) -> u64 {
    let settled = history
        .iter()
        .filter(|one| one.at.is_some_and(|at| at + UNSETTLED < now));
    settled.map(|one| one.id).max().unwrap_or(0)
}

fn messages(
    history: &[Transaction],
    mut texts: BTreeMap<u64, String>,
    ticket: &Value,
) -> Vec<Message> {
    let customers: BTreeSet<String> = ["Requestor", "Cc"]
        .iter()
        .flat_map(|role| json::list(ticket, role))
        .filter_map(|user| json::text(user, "id"))
        .map(|id| id.to_lowercase())
        .collect();
    let message = |one: &Transaction| {
        let visibility = one.visibility()?;
        let text = texts
            .remove(&one.id)
            .filter(|text| !text.trim().is_empty())?;
        let is_customer = customers.contains(&one.creator.to_lowercase());
        let author = if is_customer {
            Author::Customer
        } else {
            Author::Agent
        };
        Some(Message {
            at: one.at,
            author,
            visibility,
            text: Text::new(text),
        })
    };
    history.iter().filter_map(message).collect()
}

/// How often the ticket went from a closed status back to an open one.
fn reopens(history: &[Transaction], id: &str, inactive: &[String]) -> u32 {
    let is_inactive = |status: &str| {
        inactive
            .iter()
            .any(|word| word.eq_ignore_ascii_case(status))
    };
    let reopened = history.iter().filter(|one| {
        one.field == "Status"
            && one.ticket == id
            && is_inactive(&one.old)
            && !is_inactive(&one.new)
            && one.old != "deleted"
    });
    u32::try_from(reopened.count()).unwrap_or(u32::MAX)
}

fn fill(
    conversation: &mut Conversation,
    ticket: &Value,
    queues: &[(String, String)],
    config: &RequestTrackerConfig,
) {
    let queue = ticket
        .get("Queue")
        .and_then(|queue| json::text(queue, "id"));
    let queue = queue.map(|id| {
        let name = queues
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, name)| name.clone());
        name.unwrap_or(id)
    });
    let named = |names: &[String]| {
        queue
            .as_ref()
            .is_some_and(|queue| names.iter().any(|name| name.eq_ignore_ascii_case(queue)))
    };
    if named(&config.call_queues) {
        conversation.kind = Kind::CallNote;
    }
    let status = json::text(ticket, "Status");
    let is_closed = status.as_ref().is_some_and(|status| {
        config
            .inactive
            .iter()
            .any(|word| word.eq_ignore_ascii_case(status))
    });
    // A reopened ticket keeps the date on which it was once resolved.
    conversation.closed_at = json::time(ticket, "Resolved").filter(|_| is_closed);
    conversation.status = status;
    conversation.subject = Text::new(json::text(ticket, "Subject").unwrap_or_default());
    conversation.priority = json::text(ticket, "Priority");
    let requester = json::list(ticket, "Requestor").first();
    conversation.requester = requester.and_then(|user| json::text(user, "id"));
    let mut fields = custom_fields(ticket);
    let mut take = |name: Option<&String>| {
        let name = name?;
        let key = fields
            .keys()
            .find(|key| key.eq_ignore_ascii_case(name))
            .cloned()?;
        fields.remove(&key).filter(|values| !values.is_empty())
    };
    let joined = |values: Option<Vec<String>>| values.map(|values| values.join(", "));
    conversation.product = joined(take(config.product_field.as_ref()));
    conversation.account = joined(take(config.account_field.as_ref()));
    conversation.tags = take(config.tags_field.as_ref()).unwrap_or_default();
    conversation.category = if config.category_field.eq_ignore_ascii_case("queue") {
        queue.clone()
    } else {
        joined(take(Some(&config.category_field)))
    };
    let filled = fields.into_iter().filter(|(_, values)| !values.is_empty());
    conversation.attributes = filled
        .map(|(name, values)| (name, values.join(", ")))
        .collect();
    conversation
        .attributes
        .extend(queue.map(|queue| ("queue".to_owned(), queue)));
}

/// The category of a ticket, as the official report has it.
pub(super) fn category(ticket: &Value, queue: Option<String>, field: &str) -> Option<String> {
    if field.eq_ignore_ascii_case("queue") {
        return queue;
    }
    let mut fields = custom_fields(ticket).into_iter();
    let (_, values) = fields.find(|(name, _)| name.eq_ignore_ascii_case(field))?;
    (!values.is_empty()).then(|| values.join(", "))
}

fn custom_fields(ticket: &Value) -> BTreeMap<String, Vec<String>> {
    let field = |field: &Value| {
        let values = json::list(field, "values")
            .iter()
            .filter_map(json::plain)
            .collect();
        Some((json::text(field, "name")?, values))
    };
    json::list(ticket, "CustomFields")
        .iter()
        .filter_map(field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_way_back_from_closed_is_a_reopening() {
        let status = |old: &str, new: &str, ticket: &str| {
            transaction(&json!({"id": 1, "Type": "Status", "Field": "Status", "OldValue": old, "NewValue": new, "ObjectId": ticket}))
                .unwrap()
        };
        let history = [
            status("new", "open", "1"),
            status("open", "resolved", "1"),
            status("resolved", "open", "1"),
            status("open", "rejected", "1"),
            status("rejected", "new", "1"),
            status("resolved", "open", "2"),
            status("deleted", "open", "1"),
        ];
        let inactive = ["resolved", "rejected", "deleted"].map(str::to_owned);
        assert_eq!(reopens(&history, "1", &inactive), 2);
    }
}
