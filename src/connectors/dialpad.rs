//! Dialpad: calls by their start, each with its transcript; read again for some days, because labels, ratings and
//! transcripts come after the call.
//!
//! Facts (developers.dialpad.com): the list is newest first and has concluded calls only; it holds all there is of a
//! call but the transcript; a single call may be asked for ten times a minute, so that is done only for one that could
//! not be read with its list; times are milliseconds, as numbers or text. Nothing tells of deletions. What it calls us
//! with is a JSON web token and nothing else, signed with the secret of the subscription (HS256, event-subscriptions).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Rate, Read, Request, Seen, Setting, Settings,
    Span, Stream, System, Touched, Usual, given, state, words,
};
use super::hook::Proof;
use super::http::Failure;
use super::{json, rating};
use crate::model::{
    Author, Conversation, ConversationKey, Kind as What, Message, Text, Visibility,
};
use crate::section::Section;

/// Dialpad in the table of systems.
pub const KIND: Kind = Kind {
    name: "dialpad",
    title: "Dialpad",
    settings: &[Setting::secret("api_key", "a company admin's API key")],
    read,
    usual: Usual {
        category: "labels",
        sweep_days: 7,
        ..Usual::at("https://dialpad.com")
    },
};

/// Calls of a month are listed at once.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// What of a call changes after it.
const CHANGING: [&str; 7] = [
    "state",
    "date_ended",
    "labels",
    "csat_score",
    "csat_transcriptions",
    "transcription_text",
    "custom_data",
];

/// One company at Dialpad.
#[derive(Debug)]
pub struct Dialpad {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the key, such as api_key_env = \"DIALPAD_KEY\"";
    settings.credentials = Credentials::bearer(section.secret("api_key", hint));
    Arc::new(Dialpad::new(settings))
}

impl Dialpad {
    /// A company with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn call<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let call = match seen.row {
            Some(row) => row,
            None => {
                let one = Request::get(format!("api/v2/call/{id}")).class("single");
                fetched = api.get(one).await?;
                &fetched
            }
        };
        // Calls without Dialpad's listening have none.
        let transcript = Request::get(format!("api/v2/transcripts/{id}"));
        let transcript = api.optional(transcript).await?.unwrap_or_default();
        let key = self.settings.key(id);
        let lines = json::list(&transcript, "lines");
        let link = api.link(&format!("callhistory/callreview/{id}"));
        Ok(Read::linked(
            conversation(key, call, lines, &self.settings),
            link,
        ))
    }
}

impl System for Dialpad {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let pages = Paging::Token {
            at: "/cursor",
            to: Place::Query("cursor"),
            over: "",
        };
        let calls = Follow::Trailing {
            again: self.settings.reread,
            longest: WINDOW,
        };
        let list = |name: &str, follow| Stream {
            is_missing_empty: true,
            ..Stream::new(name, follow, pages, "/items")
        };
        let mut streams = vec![list("calls", calls)];
        let all = |sweep| Stream {
            is_bounded: true,
            ..list("sweep", sweep)
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let from = self.settings.since(stream, span);
        Request::get("api/v2/call")
            .with("started_after", from.timestamp_millis())
            .with("started_before", span.until.timestamp_millis() + 1)
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "call_id").ok_or("the call has no call_id")?;
        let at = json::unix(row, "date_started").ok_or("date_started is missing or no time")?;
        Ok(Some(Touched {
            look: Some(state(row, &CHANGING)),
            ..Touched::new(id, Some(at))
        }))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.call(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let since = (api.now - WINDOW).timestamp_millis();
            let list = Request::get("api/v2/call").with("started_after", since);
            let rows = api.all(list, Paging::Whole, "/items").await?;
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        &[
            // Of the whole company, over all its keys; lists and transcripts have 1,200 a minute each, which is no less.
            Rate {
                class: "",
                count: 20,
                seconds: 1,
            },
            Rate {
                class: "single",
                count: 10,
                seconds: 60,
            },
        ]
    }

    fn proof(&self) -> Proof {
        Proof::TokenBody
    }

    fn right(&self) -> &'static str {
        "the API key must be a company admin's, with the scope calls:list"
    }
}

/// A call with the lines of its transcript, or why it makes no sense.
fn conversation(
    key: ConversationKey,
    call: &Value,
    lines: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(call, name);
    let started_at =
        json::unix(call, "date_started").ok_or("date_started is missing or no time")?;
    let mut conversation = Conversation::new(key, started_at);
    conversation.kind = What::CallNote;
    conversation.closed_at = json::unix(call, "date_ended");
    conversation.updated_at = conversation.closed_at.unwrap_or(started_at).max(started_at);
    conversation.status = text("state");
    conversation.channel = Some("phone".to_owned());
    settings.choose(&mut conversation, call);
    conversation.tags = words(call, "labels");
    let contact = call.get("contact").unwrap_or(&Value::Null);
    conversation.requester = text("external_number")
        .or_else(|| json::text(contact, "phone"))
        .or_else(|| json::text(contact, "id"));
    let given = call.get("csat_score").and_then(rating::stars);
    conversation.csat = conversation.csat.or(given);
    conversation.messages = messages(call, lines, started_at);
    conversation.attributes = attributes(call);
    Ok(conversation)
}

fn messages(call: &Value, lines: &[Value], started_at: DateTime<Utc>) -> Vec<Message> {
    let mut messages = spoken(lines);
    // What was left on a voicemail; where there is a transcript, it says the same.
    if messages.is_empty()
        && let Some(text) = json::text(call, "transcription_text")
    {
        messages.push(said(Some(started_at), Author::Customer, text));
    }
    let rated_at = json::unix(call, "date_ended");
    let ratings = json::list(call, "csat_transcriptions").iter();
    messages.extend(
        ratings
            .filter_map(json::plain)
            .map(|text| said(rated_at, Author::Customer, text)),
    );
    messages
}

/// The transcript, in which every breath is a line of its own: what one speaker says is one message.
fn spoken(lines: &[Value]) -> Vec<Message> {
    let mut turns: Vec<(Option<DateTime<Utc>>, Author, String)> = Vec::new();
    let mut lines: Vec<&Value> = lines
        .iter()
        .filter(|line| json::text(line, "type").is_none_or(|kind| kind == "transcript"))
        .collect();
    // They are in no order.
    lines.sort_by_key(|line| json::time(line, "time"));
    for line in lines {
        let Some(text) = json::text(line, "content") else {
            continue;
        };
        let speaker = speaker(line);
        match turns.last_mut() {
            Some((_, last, words)) if *last == speaker => {
                words.push(' ');
                words.push_str(&text);
            }
            _ => turns.push((json::time(line, "time"), speaker, text)),
        }
    }
    let turns = turns.into_iter();
    turns
        .map(|(at, author, text)| said(at, author, text))
        .collect()
}

fn speaker(line: &Value) -> Author {
    if json::text(line, "user_id").is_some() {
        Author::Agent
    } else if json::text(line, "contact_id").is_some() {
        Author::Customer
    } else {
        Author::System
    }
}

fn said(at: Option<DateTime<Utc>>, author: Author, text: String) -> Message {
    Message {
        at,
        author,
        visibility: Visibility::Public,
        text: Text::new(text),
    }
}

fn attributes(call: &Value) -> BTreeMap<String, String> {
    let named = |name: &str| call.get(name).and_then(|one| json::text(one, "name"));
    given([
        ("direction", json::text(call, "direction")),
        ("target", named("target")),
        ("entry_point", named("entry_point_target")),
        ("master_call", json::text(call, "master_call_id")),
        ("custom_data", json::text(call, "custom_data")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;

    fn dialpad() -> Dialpad {
        Dialpad::new(testing::settings(&KIND))
    }

    fn calls() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/dialpad/calls.json");
        testing::rows(text, "/items")
    }

    fn lines() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/dialpad/transcript.json");
        testing::rows(text, "/lines")
    }

    fn whole(call: &Value, lines: &[Value]) -> Conversation {
        let dialpad = dialpad();
        let key = dialpad.settings.key("1");
        conversation(key, call, lines, &dialpad.settings).unwrap()
    }

    fn heard(conversation: &Conversation) -> Vec<(Author, &str)> {
        let messages = conversation.messages.iter();
        messages
            .map(|one| (one.author, one.text.as_str()))
            .collect()
    }

    #[test]
    fn a_call_becomes_a_note_with_what_was_said() {
        let found = whole(&calls()[0], &lines());
        assert_eq!(found.kind, What::CallNote);
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:00:00+00:00");
        let ended_at = found.closed_at.unwrap();
        assert_eq!(ended_at.to_rfc3339(), "2026-03-02T09:10:00+00:00");
        assert_eq!(found.category.as_deref(), Some("leak, warranty"));
        assert_eq!(found.tags, ["leak", "warranty"]);
        assert_eq!(found.csat, Some(0.75));
        assert_eq!(found.requester.as_deref(), Some("+4930123456"));
        assert_eq!(found.attributes["entry_point"], "Service line");
        assert_eq!(
            heard(&found),
            [
                (Author::Customer, "Hello, the valve drips. Since Monday."),
                (Author::Agent, "Which model is it?"),
                (Author::Customer, "The larger one."),
                (Author::Customer, "He was quick."),
            ]
        );
    }

    #[test]
    fn without_a_transcript_the_voicemail_counts() {
        let found = whole(&calls()[1], &[]);
        assert_eq!(heard(&found), [(Author::Customer, "Please call me back.")]);
        assert_eq!(found.csat, None);
        assert_eq!(
            heard(&whole(&calls()[1], &lines()))[0].1,
            "Hello, the valve drips. Since Monday."
        );
    }

    #[test]
    fn a_call_looks_different_once_a_label_or_rating_came() {
        let dialpad = dialpad();
        let stream = &dialpad.streams()[0];
        let look = |call: &Value| dialpad.touched(stream, call).unwrap().unwrap().look;
        let call = &calls()[0];
        let mut later = call.clone();
        assert_eq!(look(call), look(&later));
        later["voicemail_share_link"] = "https://signed.example/2".into();
        assert_eq!(look(call), look(&later));
        later["labels"] = serde_json::json!(["leak"]);
        assert_ne!(look(call), look(&later));
    }

    #[test]
    fn calls_are_asked_for_in_milliseconds_with_both_bounds() {
        let dialpad = dialpad();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let query = |name: usize| dialpad.list(&dialpad.streams()[name], &span).query;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            query(0),
            [
                pair("started_after", "1772442000000"),
                pair("started_before", "1772528400001")
            ]
        );
        // The sweep goes back as far as history does.
        assert_eq!(query(1)[0], pair("started_after", "1740992400000"));
    }
}
