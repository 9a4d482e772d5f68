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
const PAGES_MAX: u32 = 50;

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
struct Transaction {
    id: u64,
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

    /// The text of each transaction that has one: plain, else HTML.
    async fn texts(
        &self,
        id: &str,
        history: &[Transaction],
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<u64, String>, Failure> {
        let wanted: BTreeSet<u64> = history
            .iter()
            .filter(|one| one.visibility().is_some())
            .map(|one| one.id)
            .collect();
        let path = format!("ticket/{id}/attachments");
        let (names, whole) = (
            "ContentType,Filename,TransactionId",
            "Content,ContentType,Filename,TransactionId",
        );
        let mut found: BTreeMap<u64, (bool, String)> = BTreeMap::new();
        let mut empty = 0;
        for number in 1..=PAGES_MAX {
            let items = match self.list(&path, whole, &[], number, now).await {
                // Pictures come along as text; without them the list is small.
                Err(Failure::TooLarge) => {
                    let list = self.list(&path, names, &[], number, now).await?;
                    self.contents(list, &wanted, now).await?
                }
                items => items?,
            };
            for item in &items {
                keep_text(&mut found, item);
            }
            empty = if items.is_empty() { empty + 1 } else { 0 };
            if empty == EMPTY_PAGES || wanted.iter().all(|id| found.contains_key(id)) {
                break;
            }
        }
        Ok(found
            .into_iter()
            .map(|(id, (_, text))| (id, text))
            .collect())
    }

    /// Fetches the texts of a list one by one.
    async fn contents(
        &self,
        mut list: Vec<Value>,
        wanted: &BTreeSet<u64>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Value>, Failure> {
        for item in &mut list {
            let is_wanted =
                json::number(item, "TransactionId").is_some_and(|id| wanted.contains(&id));
            let Some(id) =
                json::text(item, "id").filter(|_| is_wanted && text_kind(item).is_some())
            else {
                continue;
            };
            match self.get(&format!("attachment/{id}"), &[], now).await {
                Ok(one) => {
                    let content = one
                        .get("Content")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    item["Content"] = Value::String(base64_text(content));
                }
                // One huge text costs itself only.
                Err(Failure::TooLarge | Failure::NotFound | Failure::Forbidden(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(list)
    }
}

impl Transaction {
    /// Who can read its text; `None` when it has none that people wrote.
    fn visibility(&self) -> Option<Visibility> {
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

/// `Some(true)` for plain text, `Some(false)` for HTML, `None` for files.
fn text_kind(item: &Value) -> Option<bool> {
    let kind = json::text(item, "ContentType")?;
    let is_file = json::text(item, "Filename").is_some();
    match kind.as_str() {
        "text/plain" if !is_file => Some(true),
        "text/html" if !is_file => Some(false),
        _ => None,
    }
}

/// Keeps the first plain text of a transaction, or its first HTML when there is no plain one.
fn keep_text(found: &mut BTreeMap<u64, (bool, String)>, item: &Value) {
    let Some((id, is_plain)) = json::number(item, "TransactionId").zip(text_kind(item)) else {
        return;
    };
    let Some(content) = item.get("Content").and_then(Value::as_str) else {
        return;
    };
    let is_better = found
        .get(&id)
        .is_none_or(|(was_plain, _)| is_plain && !was_plain);
    if is_better {
        found.insert(id, (is_plain, content.to_owned()));
    }
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

/// Base64 with line breaks, as UTF-8.
fn base64_text(encoded: &str) -> String {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for digit in encoded.bytes().filter_map(value) {
        (bits, held) = ((bits << 6 | u32::from(digit)) & 0xffff, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_with_line_breaks_is_read() {
        assert_eq!(base64_text("SXQg\nbGVha3Mg4piC\n"), "It leaks ☂");
        assert_eq!(base64_text("YQ=="), "a");
        assert_eq!(base64_text(""), "");
    }

    #[test]
    fn plain_text_wins_over_html_and_files_are_left_out() {
        let mut found = BTreeMap::new();
        for (kind, name, text) in [
            ("text/html", "", "<p>x</p>"),
            ("text/plain", "log.txt", "stack"),
            ("text/plain", "", "x"),
            ("text/plain", "", "y"),
            ("image/png", "", "binary"),
        ] {
            let item = json!({"TransactionId": "7", "ContentType": kind, "Filename": name, "Content": text});
            keep_text(&mut found, &item);
        }
        assert_eq!(found[&7], (true, "x".to_owned()));
    }

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
