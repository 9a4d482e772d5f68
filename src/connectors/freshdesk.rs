//! Freshdesk: tickets by the time of their last change, oldest first, each with its conversations.
//!
//! Facts (developers.freshdesk.com/api): without `updated_since` only the last 30 days come; the 301st page is an error;
//! deleted tickets and spam stand in lists of their own; `include` costs extra credits of the limit; ratings can change
//! after they were given, so they are read with each ticket; of a merge only the note tells that closes a ticket. Automations
//! sign nothing, but send headers of one's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, words,
};
use super::http::Failure;
use super::json;
use crate::model::{
    Author, Conversation, Exclusion, Kind as What, Message, Record, Text, Visibility,
};
use crate::section::Section;

/// Freshdesk in the table of systems.
pub const KIND: Kind = Kind {
    name: "freshdesk",
    title: "Freshdesk",
    settings: &[Setting::secret(
        "api_key",
        "the API key of an agent who sees all tickets (Profile settings)",
    )],
    read,
    usual: Usual {
        category: "type",
        ..Usual::like("https://example.freshdesk.com")
    },
};

/// The pages of one list after which the server refuses.
const PAGES_MAX: u32 = 300;

/// Deleted tickets and spam are looked for so far back in each run.
const REMOVED_AGAIN: TimeDelta = TimeDelta::days(2);

/// Statuses whose number means that it is over; others are a team's own.
const STATUSES: [(&str, &str); 4] = [
    ("2", "open"),
    ("3", "pending"),
    ("4", "resolved"),
    ("5", "closed"),
];

const SOURCES: [(&str, &str); 8] = [
    ("1", "email"),
    ("2", "portal"),
    ("3", "phone"),
    ("5", "twitter"),
    ("6", "facebook"),
    ("7", "chat"),
    ("9", "widget"),
    ("10", "outbound"),
];

const PRIORITIES: [(&str, &str); 4] = [
    ("1", "low"),
    ("2", "medium"),
    ("3", "high"),
    ("4", "urgent"),
];

/// What Freshdesk writes on a ticket that it merges into another, unless somebody changes it; the other's number follows.
const MERGED: &str = "This ticket is closed and merged into ticket ";

/// The number of the status of closed tickets.
const CLOSED: &str = "5";

/// One Freshdesk account.
#[derive(Debug)]
pub struct Freshdesk {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the API key, such as api_key_env = \"FRESHDESK_KEY\"";
    // Freshdesk takes the key as the user, and any password.
    let key = section.secret("api_key", hint);
    settings.credentials = Credentials::Basic {
        user: key,
        password: "X".to_owned().into(),
    };
    Arc::new(Freshdesk::new(settings))
}

impl Freshdesk {
    /// An account with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn ticket<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        // The row has all but the conversations; a ticket that is read by its id alone is asked for.
        let fetched;
        let ticket = match seen.row.filter(|row| row.get("stats").is_some()) {
            Some(row) => row,
            None => {
                let one = Request::get(format!("api/v2/tickets/{id}"))
                    .with("include", "requester,stats,company");
                fetched = api.get(one).await?;
                &fetched
            }
        };
        // Only what the ticket itself says counts: an answer to another question must not erase anything.
        if ticket.get("deleted").and_then(Value::as_bool) == Some(true) {
            let at = json::time(ticket, "updated_at").unwrap_or(api.now);
            return Ok(Read::Record(Record::Deleted {
                key: self.settings.key(id),
                at,
            }));
        }
        let entries =
            Request::get(format!("api/v2/tickets/{id}/conversations")).with("per_page", 100);
        let entries = api.all(entries, Paging::LinkHeader, "").await;
        let entries = entries.map_err(Failure::inside)?;
        if let Some(into) = merged_into(ticket, &entries).filter(|into| into != id) {
            let at = json::time(ticket, "updated_at").unwrap_or(api.now);
            let key = self.settings.key(id);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let ratings = Request::get(format!("api/v2/tickets/{id}/satisfaction_ratings"));
        let ratings = api.optional(ratings).await?.unwrap_or_default();
        Ok(
            match conversation(ticket, &entries, &ratings, &self.settings) {
                Ok(mut conversation) => {
                    conversation.url = Some(api.link(&format!("a/tickets/{id}")));
                    Read::whole(conversation)
                }
                Err(reason) => Read::Broken(reason),
            },
        )
    }
}

impl System for Freshdesk {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let removed = Follow::Trailing {
            again: REMOVED_AGAIN,
            longest: TimeDelta::days(3_650),
        };
        let tickets = Stream {
            pages_max: Some(PAGES_MAX),
            ..Stream::new("tickets", Follow::Since, Paging::LinkHeader, "")
        };
        let gone = |name| Stream {
            is_daily: true,
            ..Stream::new(name, removed.clone(), Paging::LinkHeader, "")
        };
        vec![tickets, gone("deleted"), gone("spam")]
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        let list = Request::get("api/v2/tickets")
            .with("updated_since", since)
            .with("order_by", "updated_at")
            .with("order_type", "asc")
            .with("per_page", self.settings.page_records)
            .class("list");
        match stream.name.as_str() {
            "tickets" => list.with("include", "requester,stats,company,description"),
            filter => list.with("filter", filter),
        }
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the ticket has no id")?;
        let at = json::time(row, "updated_at").ok_or("updated_at is missing or not a date-time")?;
        Ok(Some(Touched::new(id, Some(at))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.ticket(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let rows = api
                .all(
                    Request::get("api/v2/tickets").with("per_page", 30),
                    Paging::Whole,
                    "",
                )
                .await?;
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // The smallest plan's: what the server says in its answers is learnt.
        &[
            Rate {
                class: "",
                count: 200,
                seconds: 60,
            },
            Rate {
                class: "list",
                count: 20,
                seconds: 60,
            },
        ]
    }

    fn right(&self) -> &'static str {
        "the agent of the API key must have global access to tickets"
    }
}

/// A ticket with its conversations, or why it makes no sense.
fn conversation(
    ticket: &Value,
    entries: &[Value],
    ratings: &Value,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(ticket, name);
    let id = text("id").ok_or("the ticket has no id")?;
    let created_at =
        json::time(ticket, "created_at").ok_or("created_at is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(id), created_at);
    conversation.updated_at =
        json::time(ticket, "updated_at").ok_or("updated_at is missing or not a date-time")?;
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = text("status").map(|number| named(&STATUSES, number));
    conversation.channel = text("source").map(|number| named(&SOURCES, number));
    conversation.priority = text("priority").map(|number| named(&PRIORITIES, number));
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = What::CallNote;
    }
    settings.choose(&mut conversation, ticket);
    conversation.tags = words(ticket, "tags");
    conversation.requester = text("requester_id");
    let company = ticket
        .get("company")
        .and_then(|company| json::text(company, "name"));
    conversation.account = conversation.account.or(company).or(text("company_id"));
    let stats = ticket.get("stats").unwrap_or(&Value::Null);
    let at = |name| json::time(stats, name);
    let is_closed = matches!(conversation.status.as_deref(), Some("resolved" | "closed"));
    conversation.closed_at = at("resolved_at").or(at("closed_at")).filter(|_| is_closed);
    conversation.reopens = u32::from(at("reopened_at").is_some());
    conversation.csat = conversation.csat.or_else(|| rating(ratings));
    conversation.messages = messages(ticket, entries, created_at);
    conversation.attributes = attributes(ticket);
    if ticket.get("spam").and_then(Value::as_bool) == Some(true) {
        conversation.exclusion = Some(Exclusion::Spam);
    }
    Ok(conversation)
}

fn named(names: &[(&str, &str)], number: String) -> String {
    let name = names.iter().find(|(known, _)| *known == number);
    name.map_or(number, |(_, name)| (*name).to_owned())
}

/// The ticket into which this one was merged, as the note says that closed it.
fn merged_into(ticket: &Value, entries: &[Value]) -> Option<String> {
    if json::text(ticket, "status").as_deref() != Some(CLOSED) {
        return None;
    }
    let is_note = |entry: &&Value| entry.get("incoming").and_then(Value::as_bool) != Some(true);
    let notes = entries.iter().filter(is_note);
    let last = notes.max_by_key(|one| (json::time(one, "created_at"), json::number(one, "id")))?;
    let text = body(last, "body_text", "body")?;
    let rest = text.strip_prefix(MERGED)?.trim_start_matches('#');
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

/// 103, 102 and 101 are happy, 100 is neutral, and -101 to -103 are unhappy; the newest one counts.
fn rating(ratings: &Value) -> Option<f64> {
    let newest = ratings
        .as_array()?
        .iter()
        .max_by_key(|one| json::time(one, "updated_at"))?;
    let value = newest.get("ratings")?.get("default_question")?.as_f64()?;
    let degrees = (value.abs() - 100.0).clamp(0.0, 3.0);
    Some(0.5 + degrees.copysign(value) / 6.0)
}

fn messages(ticket: &Value, entries: &[Value], created_at: DateTime<Utc>) -> Vec<Message> {
    let first = body(ticket, "description_text", "description").map(|text| Message {
        at: Some(created_at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::new(text),
    });
    let mut entries: Vec<&Value> = entries.iter().collect();
    entries.sort_by_key(|entry| (json::time(entry, "created_at"), json::number(entry, "id")));
    let mut messages: Vec<Message> = first.into_iter().collect();
    for entry in entries {
        let Some(text) = body(entry, "body_text", "body") else {
            continue;
        };
        // A chat's first message stands in the description and again as its first entry.
        if messages.len() == 1 && messages[0].text.as_str() == text {
            continue;
        }
        let is = |name| entry.get(name).and_then(Value::as_bool) == Some(true);
        messages.push(Message {
            at: json::time(entry, "created_at"),
            author: if is("incoming") {
                Author::Customer
            } else {
                Author::Agent
            },
            visibility: if is("private") {
                Visibility::Internal
            } else {
                Visibility::Public
            },
            text: Text::new(text),
        });
    }
    messages
}

fn body(value: &Value, plain: &str, html: &str) -> Option<String> {
    json::text(value, plain).or_else(|| json::text(value, html))
}

fn attributes(ticket: &Value) -> BTreeMap<String, String> {
    let custom = ticket.get("custom_fields").and_then(Value::as_object);
    let custom = custom
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), json::plain(value)?)));
    let own = [
        ("type", "type"),
        ("group_id", "group"),
        ("product_id", "product"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), json::text(ticket, name)?)));
    custom.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;
    use serde_json::json;

    #[test]
    fn a_ticket_is_read_with_its_conversations_and_ratings() {
        let url = "https://example.freshdesk.com".parse().unwrap();
        let credentials = Credentials::bearer("x".to_owned().into());
        let settings = Settings::new("desk".into(), url, credentials, &KIND.usual);
        let entries = testing::fixture(include_str!(
            "../../tests/fixtures/freshdesk/conversations.json"
        ));
        let found = conversation(
            &testing::fixture(include_str!("../../tests/fixtures/freshdesk/ticket.json")),
            entries.as_array().unwrap(),
            &testing::fixture(include_str!(
                "../../tests/fixtures/freshdesk/satisfaction_ratings.json"
            )),
            &settings,
        );
        let found = found.unwrap();
        assert_eq!(found.key.to_string(), "desk/4711");
        assert_eq!(found.status.as_deref(), Some("resolved"));
        assert_eq!(found.channel.as_deref(), Some("email"));
        assert_eq!(found.account.as_deref(), Some("Miller Dairy"));
        assert_eq!(found.requester.as_deref(), Some("43011112222"));
        assert_eq!(found.closed_at, "2026-03-04T16:40:00Z".parse().ok());
        assert_eq!(found.reopens, 1);
        assert_eq!(found.tags, ["boiler", "vip"]);
        assert_eq!(found.attributes["cf_region"], "South");
        assert!(
            found.csat.is_some_and(|csat| csat < 0.2),
            "{:?}",
            found.csat
        );
        let said = testing::said(&found.messages);
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
                    "Please set the tank to 55 degrees and tell us tomorrow."
                ),
                (
                    Author::Agent,
                    Visibility::Internal,
                    "The mixing valve was swapped, see the visit's report."
                ),
                (
                    Author::Customer,
                    Visibility::Public,
                    "Done, and it is still cold."
                ),
            ]
        );
    }

    #[test]
    fn ratings_go_from_the_unhappiest_to_the_happiest() {
        let of = |value: i64| rating(&json!([{"ratings": {"default_question": value}}])).unwrap();
        assert_eq!([of(-103), of(100), of(103)], [0.0, 0.5, 1.0]);
        assert!(of(-101) > of(-102) && of(101) < of(102));
    }

    #[test]
    fn only_the_note_that_closed_a_ticket_tells_of_a_merge() {
        let closed = json!({"status": 5});
        let note = json!({"id": 2, "incoming": false, "created_at": "2026-03-02T10:00:00Z",
            "body_text": "This ticket is closed and merged into ticket 182769"});
        let into = |ticket: &Value, entries: &[Value]| merged_into(ticket, entries);
        assert_eq!(
            into(&closed, std::slice::from_ref(&note)).as_deref(),
            Some("182769")
        );
        assert_eq!(
            into(&json!({"status": 2}), std::slice::from_ref(&note)),
            None
        );
        let mut quoted = note.clone();
        quoted["incoming"] = json!(true);
        assert_eq!(into(&closed, &[quoted]), None);
        let later = json!({"id": 3, "created_at": "2026-03-02T11:00:00Z", "body_text": "Opened again by mistake."});
        assert_eq!(into(&closed, &[note, later]), None);
    }
}
