//! Chatwoot: conversations by their last activity, newest first, each with all its messages; ratings in a list of their own.
//!
//! Facts (Chatwoot's source, app/finders): the list shows open conversations unless told otherwise and cannot be bounded
//! by time; messages come twenty at a time unless they are walked with `after`, a hundred at a time; activities among
//! them are the program's own words; a token sees the inboxes of its user only. Nothing tells of deletions.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::PullError;
use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, given, rows_of, words,
};
use super::hook::{Piece, Scheme, Signature};
use super::http::Failure;
use super::{json, rating};
use crate::model::{Author, Conversation, ConversationKey, Message, Text, Visibility};
use crate::section::Section;

/// Chatwoot in the table of systems.
pub const KIND: Kind = Kind {
    name: "chatwoot",
    title: "Chatwoot",
    settings: &[
        Setting::needed(
            "account_id",
            "the number of the account, as in its addresses",
        ),
        Setting::secret(
            "token",
            "the access token of an administrator (Profile settings)",
        ),
    ],
    read,
    usual: Usual {
        category: "custom_attributes.reason",
        page_records: 25,
        page_records_max: 25,
        sweep_days: 7,
        ..Usual::like("https://chatwoot.example.com")
    },
};

/// The most messages of one conversation: a hundred a page.
const MESSAGE_PAGES_MAX: usize = 500;

const INCOMING: u64 = 0;
const OUTGOING: u64 = 1;
const ACTIVITY: u64 = 2;

/// One account of an installation.
#[derive(Debug)]
pub struct Chatwoot {
    settings: Settings,
    account_id: u64,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the token, such as token_env = \"CHATWOOT_TOKEN\"";
    settings.credentials = Credentials::Header {
        name: "api_access_token",
        prefix: "",
        secret: section.secret("token", hint),
    };
    if !section.has("account_id") {
        let hint = "give the number that stands in its addresses: /app/accounts/1";
        section.problem("account_id", "is missing", hint);
    }
    let account_id = section.number("account_id", 1, 1..=i64::MAX);
    Arc::new(Chatwoot::new(settings, account_id.unsigned_abs()))
}

impl Chatwoot {
    /// An account by its number.
    pub fn new(settings: Settings, account_id: u64) -> Self {
        Self {
            settings,
            account_id,
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("api/v1/accounts/{}/{rest}", self.account_id)
    }

    async fn whole<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let one = match seen.row.filter(|_| seen.stream == "conversations") {
            Some(row) => row,
            None => {
                let request = Request::get(self.path(&format!("conversations/{id}")));
                fetched = api.get(request).await?;
                &fetched
            }
        };
        let messages = self.messages(api, id).await.map_err(Failure::inside)?;
        // The conversation names its last message; a walk that did not come to it was cut short.
        let newest = |list: &[Value]| list.iter().filter_map(|row| json::number(row, "id")).max();
        if newest(json::list(one, "messages")) > newest(&messages) {
            let reason = "the messages of a conversation end before its last one".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        // Only newer versions have them.
        let events = Request::get(self.path(&format!("conversations/{id}/reporting_events")));
        let events = api.optional(events).await?.unwrap_or_default();
        let key = self.settings.key(id);
        let place = format!("app/accounts/{}/conversations/{id}", self.account_id);
        let read = conversation(key, one, &messages, &events, &self.settings);
        Ok(Read::linked(read, api.link(&place)))
    }

    /// All messages, walked upwards by their ids.
    async fn messages(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        let (mut messages, mut after) = (Vec::new(), 0);
        for _ in 0..MESSAGE_PAGES_MAX {
            let list = Request::get(self.path(&format!("conversations/{id}/messages")));
            let answer = api.get(list.with("after", after)).await?;
            let page = rows_of(&answer, "/payload")?;
            let last = page.iter().filter_map(|row| json::number(row, "id")).max();
            match last {
                None => return Ok(messages),
                Some(last) if last <= after => {
                    let reason = "the messages of a conversation lead back to themselves";
                    return Err(PullError::Malformed(reason.to_owned()).into());
                }
                Some(last) => after = last,
            }
            messages.extend_from_slice(page);
        }
        Ok(messages)
    }
}

impl System for Chatwoot {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let pages = Paging::UntilEmpty {
            name: "page",
            first: 1,
        };
        let ratings = Stream {
            is_404_empty: true,
            ..Stream::new("ratings", Follow::Newest, pages, "")
        };
        let mut streams = vec![
            Stream::new("conversations", Follow::Newest, pages, "/data/payload"),
            ratings,
        ];
        let all = |sweep| Stream::new("sweep", sweep, pages, "/data/payload");
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, _: &Span) -> Request {
        if stream.name == "ratings" {
            let list = Request::get(self.path("csat_survey_responses"));
            return list.with("sort", "-created_at");
        }
        // Rows that move while pages are read only move up, to pages that were read: they come again, none is missed.
        Request::get(self.path("conversations"))
            .with("status", "all")
            .with("assignee_type", "all")
            .with("sort_by", "last_activity_at_desc")
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let (about, stamp) = match stream.name.as_str() {
            "ratings" => ("conversation_id", "created_at"),
            _ => ("id", "last_activity_at"),
        };
        let id = json::text(row, about).ok_or_else(|| format!("{about} is missing"))?;
        let at = json::unix(row, stamp).ok_or_else(|| format!("{stamp} is missing or no time"))?;
        Ok(Some(Touched::new(id, Some(at))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.whole(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let list = Request::get(self.path("conversations")).with("status", "all");
            let rows = api.all(list, Paging::Whole, "/data/payload").await?;
            let mut remarks = self.settings.remarks(&rows);
            let ratings = Request::get(self.path("csat_survey_responses"));
            if api.optional(ratings).await?.is_none() {
                let remark = "the token's user may not read ratings: take an administrator's token";
                remarks.push(remark.to_owned());
            }
            Ok(remarks)
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // What an installation allows is its own affair; this is a tenth of what it comes with.
        &[Rate {
            class: "",
            count: 300,
            seconds: 60,
        }]
    }

    fn right(&self) -> &'static str {
        "the token must be an administrator's, who sees all inboxes and ratings"
    }

    fn signatures(&self) -> &'static [Signature] {
        &[Signature {
            header: "x-chatwoot-signature",
            prefix: "sha256=",
            scheme: Scheme::Sha256Hex,
            pieces: &[
                Piece::Time("x-chatwoot-timestamp"),
                Piece::Text("."),
                Piece::Body,
            ],
        }]
    }
}

/// A conversation with its messages, or why it makes no sense.
fn conversation(
    key: ConversationKey,
    one: &Value,
    messages: &[Value],
    events: &Value,
    settings: &Settings,
) -> Result<Conversation, String> {
    let created_at = json::unix(one, "created_at").ok_or("created_at is missing or no time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.updated_at =
        json::unix(one, "last_activity_at").ok_or("last_activity_at is missing or no time")?;
    let mail = one.get("additional_attributes").unwrap_or(&Value::Null);
    conversation.subject = Text::new(json::text(mail, "mail_subject").unwrap_or_default());
    conversation.status = json::text(one, "status");
    conversation.priority = json::text(one, "priority");
    let is_over = conversation.status.as_deref() == Some("resolved");
    let (solved_at, reopens) = course(events, is_over);
    // Without events the last activity is the nearest that is known.
    conversation.closed_at = solved_at
        .or(Some(conversation.updated_at))
        .filter(|_| is_over);
    conversation.reopens = reopens;
    settings.choose(&mut conversation, one);
    conversation.tags = words(one, "labels");
    let meta = one.get("meta").unwrap_or(&Value::Null);
    conversation.channel = json::text(meta, "channel").map(|name| channel(&name));
    let sender = meta.get("sender").unwrap_or(&Value::Null);
    conversation.requester = ["identifier", "email", "phone_number", "id"]
        .iter()
        .find_map(|name| json::text(sender, name));
    let company = sender
        .get("additional_attributes")
        .and_then(|more| json::text(more, "company_name"));
    conversation.account = conversation.account.or(company);
    let given = messages.iter().filter_map(rating).next_back();
    conversation.csat = conversation.csat.or(given);
    let mut entries: Vec<&Value> = messages.iter().collect();
    entries.sort_by_key(|entry| (json::unix(entry, "created_at"), json::number(entry, "id")));
    conversation.messages = entries.into_iter().filter_map(message).collect();
    conversation.attributes = attributes(one, meta);
    Ok(conversation)
}

/// When it was solved last, and how often it was opened after that.
fn course(events: &Value, is_over: bool) -> (Option<DateTime<Utc>>, u32) {
    let events = events.as_array().map_or(&[][..], Vec::as_slice);
    let solved = events
        .iter()
        .filter(|event| json::text(event, "name").as_deref() == Some("conversation_resolved"));
    let times: Vec<_> = solved
        .map(|event| {
            ["event_end_time", "created_at"]
                .iter()
                .find_map(|name| json::time(event, name).or_else(|| json::unix(event, name)))
        })
        .collect();
    let reopens = times.len().saturating_sub(usize::from(is_over));
    (
        times.into_iter().flatten().max(),
        u32::try_from(reopens).unwrap_or(u32::MAX),
    )
}

/// `Channel::WebWidget` is `web_widget` where people see it.
fn channel(name: &str) -> String {
    let name = name.rsplit("::").next().unwrap_or(name);
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

/// One to five, in the answer to a survey that stands among the messages.
fn rating(message: &Value) -> Option<f64> {
    let path = "/content_attributes/submitted_values/csat_survey_response/rating";
    rating::stars(message.pointer(path)?)
}

fn message(entry: &Value) -> Option<Message> {
    let kind = json::number(entry, "message_type")?;
    if kind == ACTIVITY {
        return None;
    }
    let is_note = entry.get("private").and_then(Value::as_bool) == Some(true);
    let sender = entry
        .get("sender")
        .and_then(|sender| json::text(sender, "type"));
    let author = match (kind, sender.as_deref()) {
        (INCOMING, _) => Author::Customer,
        (OUTGOING, Some("user")) => Author::Agent,
        _ => Author::System,
    };
    Some(Message {
        at: json::unix(entry, "created_at"),
        author,
        visibility: if is_note {
            Visibility::Internal
        } else {
            Visibility::Public
        },
        text: Text::new(json::text(entry, "content")?),
    })
}

fn attributes(one: &Value, meta: &Value) -> BTreeMap<String, String> {
    let custom = one.get("custom_attributes").and_then(Value::as_object);
    let custom = custom
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), json::plain(value)?)));
    let team = meta.get("team").and_then(|team| json::text(team, "name"));
    let own = [("inbox", json::text(one, "inbox_id")), ("team", team)];
    custom.chain(given(own)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;

    fn chatwoot() -> Chatwoot {
        Chatwoot::new(testing::settings(&KIND), 3)
    }

    fn conversations() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/chatwoot/conversations.json");
        testing::rows(text, "/data/payload")
    }

    fn all_messages() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/chatwoot/messages.json");
        testing::rows(text, "/payload")
    }

    fn reporting_events() -> Value {
        testing::fixture(include_str!(
            "../../tests/fixtures/chatwoot/reporting_events.json"
        ))
    }

    #[test]
    fn a_conversation_has_all_its_messages_but_no_activities() {
        let chatwoot = chatwoot();
        let found = conversation(
            chatwoot.settings.key("12"),
            &conversations()[0],
            &all_messages(),
            &reporting_events(),
            &chatwoot.settings,
        )
        .unwrap();
        assert_eq!(found.status.as_deref(), Some("resolved"));
        assert_eq!(found.category.as_deref(), Some("leak"));
        assert_eq!(found.tags, ["warranty"]);
        assert_eq!(found.priority.as_deref(), Some("high"));
        assert_eq!(found.channel.as_deref(), Some("web_widget"));
        assert_eq!(found.requester.as_deref(), Some("customer-77"));
        assert_eq!(found.account.as_deref(), Some("Nord GmbH"));
        assert_eq!((found.csat, found.reopens), (Some(0.75), 1));
        assert_eq!(
            found.closed_at.unwrap().to_rfc3339(),
            "2026-03-02T12:00:00+00:00"
        );
        assert_eq!(found.attributes["team"], "service");
        let said = testing::said(&found.messages);
        use Visibility::{Internal, Public};
        assert_eq!(
            said,
            [
                (Author::Customer, Public, "The valve drips."),
                (Author::System, Public, "We will be with you soon."),
                (Author::Agent, Internal, "Same batch as last week."),
                (Author::Agent, Public, "Which model is it?"),
                (Author::System, Public, "Please rate the conversation"),
            ]
        );
    }

    #[test]
    fn an_open_conversation_without_events_has_no_end() {
        let chatwoot = chatwoot();
        let found = conversation(
            chatwoot.settings.key("13"),
            &conversations()[1],
            &[],
            &Value::Null,
            &chatwoot.settings,
        )
        .unwrap();
        assert_eq!(
            (found.closed_at, found.reopens, found.csat),
            (None, 0, None)
        );
    }

    #[test]
    fn all_conversations_are_asked_for_and_ratings_name_theirs() {
        let chatwoot = chatwoot();
        let streams = chatwoot.streams();
        let span = Span {
            from: DateTime::UNIX_EPOCH,
            until: DateTime::UNIX_EPOCH,
            after: None,
        };
        let request = chatwoot.list(&streams[0], &span);
        assert_eq!(request.path, "api/v1/accounts/3/conversations");
        let pair = ("status".to_owned(), "all".to_owned());
        assert!(request.query.contains(&pair));
        let row = serde_json::json!({"id": 900, "rating": 4, "conversation_id": 12, "created_at": 1_772_452_900});
        let touched = chatwoot.touched(&streams[1], &row).unwrap().unwrap();
        assert_eq!(touched.id, "12");
        assert!(
            chatwoot
                .touched(&streams[0], &serde_json::json!({"id": 12}))
                .is_err()
        );
    }
}
