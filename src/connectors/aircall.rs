//! Aircall: calls by their start, with the agents' comments and tags; read again for some days, because both come later.
//!
//! Facts (developer.aircall.io): one query gives at most 10,000 calls, so windows are halved where there are more; the
//! bounds are on the start of a call; times are seconds; sixty requests a minute. The list holds all but the contact, which
//! comes on request, and the transcript and the summary, which cost two more requests a call and are asked for only when
//! wanted. Calls are never deleted. It signs no call of its own; the token that it gave for the webhook stands in
//! the body.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, given, state, words,
};
use super::hook::Proof;
use super::http::Failure;
use super::json;
use crate::model::{
    Author, Conversation, ConversationKey, Kind as What, Message, Text, Visibility,
};
use crate::section::Section;

/// Aircall in the table of systems.
pub const KIND: Kind = Kind {
    name: "aircall",
    title: "Aircall",
    settings: &[
        Setting::needed(
            "api_id",
            "the id of the API key (Company settings, API keys)",
        ),
        Setting::secret("api_token", "the token of the API key"),
    ],
    read,
    usual: Usual {
        category: "tags",
        page_records: 50,
        page_records_max: 50,
        ..Usual::at("https://api.aircall.io")
    },
};

/// The most calls that one query gives.
const CALLS_MAX: u32 = 10_000;

/// Calls of a week are listed at once.
const WINDOW: TimeDelta = TimeDelta::days(7);

/// What of a call changes after it; addresses of recordings are signed anew each time.
const CHANGING: [&str; 6] = [
    "status",
    "ended_at",
    "comments",
    "tags",
    "missed_call_reason",
    "archived",
];

/// One company at Aircall.
#[derive(Debug)]
pub struct Aircall {
    settings: Settings,
    has_transcripts: bool,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let id = section.required_text("api_id", "give the id of the API key");
    let hint = "name the variable that holds the token, such as api_token_env = \"AIRCALL_TOKEN\"";
    settings.credentials = Credentials::basic(id, section.secret("api_token", hint));
    let has_transcripts = section.flag("transcripts", false);
    Arc::new(Aircall::new(settings, has_transcripts))
}

impl Aircall {
    /// A company; with `has_transcripts` what was said is read, too.
    pub fn new(settings: Settings, has_transcripts: bool) -> Self {
        Self {
            settings,
            has_transcripts,
        }
    }

    async fn call<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let call = match seen.row {
            Some(row) => row,
            None => {
                let one = Request::get(format!("v1/calls/{id}")).with("fetch_contact", true);
                let answer = api.get(one).await?;
                fetched = answer.get("call").cloned().unwrap_or_default();
                &fetched
            }
        };
        let mut heard = Heard::default();
        if self.has_transcripts {
            let part = |name: &str| Request::get(format!("v1/calls/{id}/{name}"));
            heard.transcript = api
                .optional(part("transcription"))
                .await?
                .unwrap_or_default();
            heard.summary = api.optional(part("summary")).await?.unwrap_or_default();
        }
        let key = self.settings.key(id);
        Ok(Read::from(conversation(key, call, &heard, &self.settings)))
    }
}

impl System for Aircall {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let calls = Follow::Trailing {
            again: self.settings.reread,
            longest: WINDOW,
        };
        let pages = Paging::UntilEmpty {
            name: "page",
            first: 1,
        };
        vec![Stream {
            pages_max: Some(CALLS_MAX / self.settings.page_records.max(1)),
            ..Stream::new("calls", calls, pages, "/calls")
        }]
    }

    fn list(&self, _: &Stream, span: &Span) -> Request {
        Request::get("v1/calls")
            .with("from", span.from.timestamp())
            .with("to", span.until.timestamp() + 1)
            .with("fetch_contact", true)
            .with("order", "asc")
            .with("per_page", self.settings.page_records)
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the call has no id")?;
        let at = json::unix(row, "started_at").ok_or("started_at is missing or no time")?;
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
            let list = Request::get("v1/calls")
                .with("fetch_contact", true)
                .with("order", "desc")
                .with("per_page", 50);
            let rows = api.all(list, Paging::Whole, "/calls").await?;
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        &[Rate {
            class: "",
            count: 60,
            seconds: 60,
        }]
    }

    fn proof(&self) -> Proof {
        Proof::BodyField("token")
    }

    fn right(&self) -> &'static str {
        "the API key must be one of the whole company"
    }
}

/// What was said in a call, where the account has Aircall's listening.
#[derive(Default)]
struct Heard {
    transcript: Value,
    summary: Value,
}

/// A call with its comments, or why it makes no sense.
fn conversation(
    key: ConversationKey,
    call: &Value,
    heard: &Heard,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(call, name);
    let started_at = json::unix(call, "started_at").ok_or("started_at is missing or no time")?;
    let mut conversation = Conversation::new(key, started_at);
    conversation.kind = What::CallNote;
    conversation.closed_at = json::unix(call, "ended_at");
    conversation.messages = messages(call, heard);
    let last_written = conversation.messages.iter().filter_map(|one| one.at).max();
    let stamps = [conversation.closed_at, last_written];
    conversation.updated_at = stamps
        .into_iter()
        .flatten()
        .fold(started_at, |latest, at| latest.max(at));
    conversation.status = text("status");
    conversation.channel = Some("phone".to_owned());
    settings.choose(&mut conversation, call);
    conversation.tags = words(call, "tags");
    // Anonymous callers are "anonymous", all of them.
    conversation.requester = text("raw_digits").filter(|digits| digits != "anonymous");
    let contact = call.get("contact").unwrap_or(&Value::Null);
    conversation.account = conversation
        .account
        .or_else(|| json::text(contact, "company_name"));
    conversation.url = text("asset").filter(|url| url.starts_with("http"));
    conversation.attributes = attributes(call);
    Ok(conversation)
}

fn messages(call: &Value, heard: &Heard) -> Vec<Message> {
    let mut comments: Vec<&Value> = json::list(call, "comments").iter().collect();
    comments.sort_by_key(|one| (json::unix(one, "posted_at"), json::number(one, "id")));
    let comments = comments.into_iter().filter_map(|comment| {
        let author = match comment.get("posted_by") {
            Some(Value::Object(_)) => Author::Agent,
            _ => Author::System,
        };
        let at = json::unix(comment, "posted_at");
        let text = json::text(comment, "content")?;
        Some(message(at, author, Visibility::Internal, text))
    });
    let summary = heard.summary.pointer("/summary/content");
    let summary = summary
        .and_then(json::plain)
        .map(|text| message(None, Author::System, Visibility::Internal, text));
    spoken(&heard.transcript)
        .into_iter()
        .chain(comments)
        .chain(summary)
        .collect()
}

fn spoken(transcript: &Value) -> Vec<Message> {
    let content = transcript.pointer("/transcription/content");
    if let Some(text) = content.and_then(json::plain) {
        return vec![message(None, Author::System, Visibility::Public, text)];
    }
    let lines = transcript.pointer("/transcription/content/utterances");
    let lines = lines.and_then(Value::as_array);
    let lines = lines.map_or(&[][..], Vec::as_slice).iter();
    lines
        .filter_map(|line| {
            let author = match json::text(line, "participant_type").as_deref() {
                Some("internal") => Author::Agent,
                Some("external") => Author::Customer,
                _ => Author::System,
            };
            let text = json::text(line, "text")?;
            Some(message(None, author, Visibility::Public, text))
        })
        .collect()
}

fn message(
    at: Option<DateTime<Utc>>,
    author: Author,
    visibility: Visibility,
    text: String,
) -> Message {
    Message {
        at,
        author,
        visibility,
        text: Text::new(text),
    }
}

fn attributes(call: &Value) -> BTreeMap<String, String> {
    let number = call.get("number").unwrap_or(&Value::Null);
    let teams = words(call, "teams").join(", ");
    given([
        ("direction", json::text(call, "direction")),
        ("missed_call_reason", json::text(call, "missed_call_reason")),
        ("line", json::text(number, "name")),
        ("teams", Some(teams).filter(|teams| !teams.is_empty())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;

    fn aircall() -> Aircall {
        Aircall::new(testing::settings(&KIND), true)
    }

    fn calls() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/aircall/calls.json");
        testing::rows(text, "/calls")
    }

    fn whole(call: &Value, heard: &Heard) -> Conversation {
        let aircall = aircall();
        let key = aircall.settings.key("1");
        conversation(key, call, heard, &aircall.settings).unwrap()
    }

    #[test]
    fn a_call_becomes_a_note_with_what_was_said_and_written() {
        let heard = Heard {
            transcript: testing::fixture(include_str!(
                "../../tests/fixtures/aircall/transcription.json"
            )),
            summary: testing::fixture(include_str!("../../tests/fixtures/aircall/summary.json")),
        };
        let found = whole(&calls()[0], &heard);
        assert_eq!(found.kind, What::CallNote);
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:00:00+00:00");
        // The comment came a day after the call.
        assert_eq!(found.updated_at.to_rfc3339(), "2026-03-03T09:00:00+00:00");
        assert_eq!(found.category.as_deref(), Some("leak, callback"));
        assert_eq!(found.account.as_deref(), Some("Nord GmbH"));
        assert_eq!(found.requester.as_deref(), Some("+49 30 123456"));
        assert_eq!(found.attributes["line"], "Service");
        let said = testing::said(&found.messages);
        use Visibility::{Internal, Public};
        assert_eq!(
            said,
            [
                (Author::Customer, Public, "The valve drips."),
                (Author::Agent, Public, "Which model is it?"),
                (Author::Agent, Internal, "Valve drips, spare part ordered."),
                (Author::System, Internal, "Sent to the warehouse."),
                (Author::System, Internal, "A leaking valve was reported."),
            ]
        );
    }

    #[test]
    fn a_transcript_may_be_one_text() {
        let transcript = serde_json::json!({"transcription": {"content": "The valve drips."}});
        let said = spoken(&transcript);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].text.as_str(), "The valve drips.");
    }

    #[test]
    fn a_missed_anonymous_call_is_nobodys() {
        let found = whole(&calls()[1], &Heard::default());
        assert_eq!((found.requester, found.messages.len()), (None, 0));
        assert_eq!(
            found.attributes["missed_call_reason"],
            "out_of_opening_hours"
        );
    }

    #[test]
    fn a_comment_changes_the_look_and_a_new_address_of_the_recording_does_not() {
        let aircall = aircall();
        let stream = &aircall.streams()[0];
        let look = |call: &Value| aircall.touched(stream, call).unwrap().unwrap().look;
        let call = &calls()[0];
        let mut later = call.clone();
        later["recording"] = "https://signed.example/another".into();
        assert_eq!(look(call), look(&later));
        later["comments"][0]["content"] = "Another word".into();
        assert_ne!(look(call), look(&later));
    }

    #[test]
    fn a_window_ends_where_the_server_ends() {
        let aircall = aircall();
        assert_eq!(aircall.streams()[0].pages_max, Some(200));
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00.5Z".parse().unwrap(),
            after: None,
        };
        let query = aircall.list(&aircall.streams()[0], &span).query;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            query[..2],
            [pair("from", "1772442000"), pair("to", "1772528401")]
        );
        assert!(query.contains(&pair("fetch_contact", "true")));
    }
}
