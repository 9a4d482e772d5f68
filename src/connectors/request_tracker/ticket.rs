//! One ticket, whole: history, fields, texts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use reqwest::header::{ETAG, HeaderMap};
use serde_json::Value;

use super::RequestTracker;
use super::lists::{Pages, Queues};
use crate::connectors::engine::{Api, FieldPath, Read, Request};
use crate::connectors::http::Failure;
use crate::connectors::{PullError, json};
use crate::model::{Author, Conversation, Kind, Message, Record, Text, Visibility};

/// A ticket with more pages of history than this is cut: a loop of robots, not a conversation.
pub(super) const PAGES_MAX: u32 = 50;

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
    /// Reads a ticket; `named` is the transaction by which the log named it. What happens while we read is newer than the
    /// page of the log, which will name the ticket again.
    pub(super) async fn ticket(
        &self,
        api: Api<'_>,
        id: &str,
        named: Option<u64>,
    ) -> Result<Read, Failure> {
        let answer = api
            .send(&Request::get(format!("REST/2.0/ticket/{id}")))
            .await?;
        let ticket = &answer.body;
        let broken = |reason: &str| Ok(Read::Broken(reason.to_owned()));
        let Some(found) = json::text(ticket, "id") else {
            return broken("the ticket has no id");
        };
        // Reminders and approvals are tickets to RT.
        if json::text(ticket, "Type").is_some_and(|kind| kind != "ticket") {
            return Ok(Read::Nothing);
        }
        let Some(updated_at) = json::time(ticket, "LastUpdated") else {
            return broken("LastUpdated is missing or not a date-time");
        };
        let last = last_transaction(&answer.headers);
        let history = self.history(api, id, named, last).await?;
        let key = self.settings.key(id);
        if found != id {
            let merge = history
                .iter()
                .rev()
                .find(|one| one.field == "MergedInto" && one.ticket == id);
            let at = merge.and_then(|one| one.at).unwrap_or(updated_at);
            let into = found;
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        if json::text(ticket, "Status").as_deref() == Some("deleted") {
            let at = updated_at;
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        let Some(created_at) = json::time(ticket, "Created") else {
            return broken("Created is missing or not a date-time");
        };
        let texts = self.texts(api, id, &history).await?;
        let mut conversation = Conversation::new(key, created_at);
        conversation.updated_at = updated_at;
        self.fill(&mut conversation, ticket, &self.known_queues(api).await?);
        conversation.messages = messages(&history, texts, ticket);
        conversation.reopens = reopens(&history, id, &self.choices.inactive);
        conversation.url = Some(format!("{}?id={id}", api.link("Ticket/Display.html")));
        Ok(Read::whole(conversation))
    }

    /// The history by id. It is read up to the last transaction, where RT says which that is, and holds the one that the
    /// log named: without it, it is older than the log.
    async fn history(
        &self,
        api: Api<'_>,
        id: &str,
        named: Option<u64>,
        last: Option<u64>,
    ) -> Result<Vec<Transaction>, Failure> {
        let path = format!("ticket/{id}/history");
        let fields = "Type,Creator,Created,Field,OldValue,NewValue,ObjectId";
        let mut history: BTreeMap<u64, Transaction> = BTreeMap::new();
        let mut pages = Pages::new(PAGES_MAX);
        while let Some(number) = pages.next() {
            let items = self.rows(api, self.page(&path, fields, number)).await?;
            pages.count(&items)?;
            let read = items.iter().filter_map(transaction);
            history.extend(read.map(|one| (one.id, one)));
            let end = last.max(named);
            if end.is_some_and(|end| history.contains_key(&end)) {
                break;
            }
        }
        let is_missing = |id: Option<u64>| id.is_some_and(|id| !history.contains_key(&id));
        if !pages.is_cut() && named.is_some() && is_missing(last.max(named)) {
            let reason = "the ticket's history lacks what RT says is its last line".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        Ok(history.into_values().collect())
    }

    /// The field that the official report is built on.
    pub(super) fn category_field(&self) -> String {
        let field = self.settings.category.as_ref();
        field.map_or_else(|| "queue".to_owned(), FieldPath::to_string)
    }

    fn fill(&self, conversation: &mut Conversation, ticket: &Value, queues: &Queues) {
        let queue = ticket
            .get("Queue")
            .and_then(|queue| json::text(queue, "id"));
        let queue = queue.map(|id| queues.name(&id).unwrap_or(id));
        let is_any =
            |names: &[String], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
        let choices = &self.choices;
        if queue
            .as_ref()
            .is_some_and(|queue| is_any(&choices.call_queues, queue))
        {
            conversation.kind = Kind::CallNote;
        }
        let status = json::text(ticket, "Status");
        let is_closed = status
            .as_ref()
            .is_some_and(|status| is_any(&choices.inactive, status));
        // A reopened ticket keeps the date on which it was once resolved.
        conversation.closed_at = json::time(ticket, "Resolved").filter(|_| is_closed);
        conversation.status = status;
        conversation.subject = Text::new(json::text(ticket, "Subject").unwrap_or_default());
        conversation.priority = json::text(ticket, "Priority");
        let requester = json::list(ticket, "Requestor").first();
        conversation.requester = requester.and_then(|user| json::text(user, "id"));
        self.fill_fields(conversation, custom_fields(ticket), queue);
    }

    /// The fields that a person chose; the others become attributes.
    fn fill_fields(
        &self,
        conversation: &mut Conversation,
        mut fields: BTreeMap<String, Vec<String>>,
        queue: Option<String>,
    ) {
        let mut take = |name: &str| {
            let mut keys = fields.keys();
            let key = keys.find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
            fields.remove(&key).filter(|values| !values.is_empty())
        };
        let mut joined = |path: &Option<FieldPath>| {
            let values = take(&path.as_ref()?.to_string())?;
            Some(values.join(", "))
        };
        conversation.product = joined(&self.settings.product);
        conversation.account = joined(&self.settings.account);
        conversation.category = if self.category_field().eq_ignore_ascii_case("queue") {
            queue.clone()
        } else {
            joined(&self.settings.category)
        };
        let tags = self.choices.tags_field.as_ref();
        conversation.tags = tags.and_then(|name| take(name)).unwrap_or_default();
        let filled = fields.into_iter().filter(|(_, values)| !values.is_empty());
        conversation.attributes = filled
            .map(|(name, values)| (name, values.join(", ")))
            .collect();
        conversation
            .attributes
            .extend(queue.map(|queue| ("queue".to_owned(), queue)));
    }
}

/// The last transaction of a ticket, which RT gives as its tag: `"59"`.
fn last_transaction(headers: &HeaderMap) -> Option<u64> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    tag.trim_start_matches("W/").trim_matches('"').parse().ok()
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
    use super::super::texts::keep_text;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_tag_of_a_ticket_is_its_last_transaction() {
        let last = |tag: &str| {
            let headers = [(ETAG, tag.parse().unwrap())].into_iter().collect();
            last_transaction(&headers)
        };
        assert_eq!((last("\"59\""), last("W/\"59\"")), (Some(59), Some(59)));
        assert_eq!(last("2026-03-02T09:00:00Z"), None);
    }

    #[test]
    fn a_ticket_is_read_with_its_history_and_texts() {
        let fixture = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let ticket = fixture(include_str!(
            "../../../tests/fixtures/request_tracker/ticket.json"
        ));
        let history = fixture(include_str!(
            "../../../tests/fixtures/request_tracker/history.json"
        ));
        let attachments = fixture(include_str!(
            "../../../tests/fixtures/request_tracker/attachments.json"
        ));
        let history: Vec<Transaction> = json::list(&history, "items")
            .iter()
            .filter_map(transaction)
            .collect();
        assert_eq!(history.len(), 6);
        assert_eq!(
            category(&ticket, None, "category").as_deref(),
            Some("Heating")
        );
        assert_eq!(category(&ticket, None, "serial"), None);
        let inactive = ["resolved".to_owned()];
        assert_eq!(reopens(&history, "42", &inactive), 1);
        let mut texts = BTreeMap::new();
        for item in json::list(&attachments, "items") {
            keep_text(&mut texts, item);
        }
        let texts = texts.into_iter().map(|(id, (_, text))| (id, text));
        let messages = messages(&history, texts.collect(), &ticket);
        let said = crate::connectors::testing::said(&messages);
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
            ]
        );
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
