//! Gong: calls by their start with what Gong made of them, and their transcripts; read again for some days, because both
//! take hours.
//!
//! Facts (help.gong.io/apidocs): the extensive list and transcripts are asked for by POST, which changes nothing; a page
//! has a hundred calls and a cursor; "not found" is how the server says that there is no call in a range, or no
//! transcript; three requests a second and ten thousand a day. Nothing tells of deletions. A rule that calls us does so
//! with a JSON web token of Gong's private key (RS256) as `Authorization`, whose `body_sha256` is the hash of the body in
//! hexadecimal digits, or with whatever key was written into the address (help.gong.io, "Create a webhook rule").

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Rate, Read, Request, Seen, Setting, Settings,
    Span, Stream, System, Touched, Usual, given, rows_of, state,
};
use super::hook::Proof;
use super::http::Failure;
use super::{PullError, json};
use crate::model::{
    Author, Conversation, ConversationKey, Kind as What, Message, Text, Visibility,
};
use crate::section::Section;

/// Gong in the table of systems.
pub const KIND: Kind = Kind {
    name: "gong",
    title: "Gong",
    settings: &[
        Setting::needed(
            "access_key",
            "the access key of the API (Company settings, API)",
        ),
        Setting::secret("access_secret", "the secret of the access key"),
    ],
    read,
    usual: Usual {
        category: "content.callOutcome",
        sweep_days: 7,
        ..Usual::at("https://api.gong.io")
    },
};

/// Calls of a month are listed at once.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// One company at Gong.
#[derive(Debug)]
pub struct Gong {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let key = section.required_text("access_key", "give the access key of the API");
    let hint = "name the variable that holds it, such as access_secret_env = \"GONG_SECRET\"";
    settings.credentials = Credentials::basic(key, section.secret("access_secret", hint));
    Arc::new(Gong::new(settings))
}

impl Gong {
    /// A company with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn call<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let call = match seen.row {
            Some(row) => row,
            None => {
                let answer = api.get(extensive(&json!({"callIds": [id]}))).await?;
                let rows = rows_of(&answer, "/calls")?;
                let is_it = |row: &&Value| call_id(row).as_deref() == Some(id);
                fetched = rows.iter().find(is_it).cloned().ok_or(Failure::NotFound)?;
                &fetched
            }
        };
        let transcript = Request::post("v2/calls/transcript", json!({"filter": {"callIds": [id]}}));
        let transcript = api.optional(transcript).await?.unwrap_or_default();
        let transcripts = rows_of(&transcript, "/callTranscripts")?;
        let is_its = |one: &&Value| json::text(one, "callId").as_deref() == Some(id);
        let transcript = transcripts.iter().find(is_its);
        if transcript.is_none() && !transcripts.is_empty() {
            let reason = "the transcript of a call is another one's".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        let parts = transcript.map_or(&[][..], |one| json::list(one, "transcript"));
        let key = self.settings.key(id);
        Ok(Read::from(conversation(key, call, parts, &self.settings)))
    }
}

impl System for Gong {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let calls = Follow::Trailing {
            again: self.settings.reread,
            longest: WINDOW,
        };
        let list = |name, follow, to| {
            let pages = Paging::Token {
                at: "/records/cursor",
                to,
                over: "",
            };
            Stream {
                is_404_empty: true,
                ..Stream::new(name, follow, pages, "/calls")
            }
        };
        let mut streams = vec![list("calls", calls, Place::Body("/cursor"))];
        let all = |sweep| Stream {
            is_bounded: true,
            ..list("sweep", sweep, Place::Query("cursor"))
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let until = time(span.until + TimeDelta::seconds(1));
        if stream.name == "sweep" {
            // The short list is enough to see what is there.
            return Request::get("v2/calls")
                .with("fromDateTime", time(self.settings.since(stream, span)))
                .with("toDateTime", until);
        }
        extensive(&json!({"fromDateTime": time(span.from), "toDateTime": until}))
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        if stream.name == "sweep" {
            let id = json::text(row, "id").ok_or("the call has no id")?;
            return Ok(Some(Touched::new(id, json::time(row, "started"))));
        }
        let id = call_id(row).ok_or("the call has no id")?;
        let at = started(row).ok_or("started is missing or not a date-time")?;
        let look = state(row, &["content", "collaboration", "parties"]);
        Ok(Some(Touched {
            look: Some(look),
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
            let span = Span {
                from: api.now - WINDOW,
                until: api.now,
                after: None,
            };
            let list = self.list(&self.streams()[0], &span);
            let answer = match api.get(list).await {
                Err(Failure::NotFound) => return Ok(Vec::new()),
                answer => answer?,
            };
            Ok(self.settings.remarks(rows_of(&answer, "/calls")?))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        &[
            Rate {
                class: "",
                count: 3,
                seconds: 1,
            },
            Rate {
                class: "",
                count: 10_000,
                seconds: 86_400,
            },
        ]
    }

    fn proof(&self) -> Proof {
        Proof::TokenOrKey
    }

    fn right(&self) -> &'static str {
        "the key needs api:calls:read:basic, api:calls:read:extensive and api:calls:read:transcript"
    }
}

/// The list of calls with everything that Gong made of them.
fn extensive(filter: &Value) -> Request {
    let body = json!({
        "filter": filter,
        "contentSelector": {
            "exposedFields": {
                "parties": true,
                "content": {
                    "topics": true, "trackers": true, "callOutcome": true, "brief": true, "outline": false,
                    "highlights": false, "keyPoints": true,
                },
                "collaboration": {"publicComments": true},
            },
        },
    });
    Request::post("v2/calls/extensive", body)
}

fn call_id(row: &Value) -> Option<String> {
    json::text(row.get("metaData")?, "id")
}

fn started(row: &Value) -> Option<DateTime<Utc>> {
    json::time(row.get("metaData")?, "started")
}

/// A call with the parts of its transcript, or why it makes no sense.
fn conversation(
    key: ConversationKey,
    call: &Value,
    parts: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let head = call.get("metaData").unwrap_or(&Value::Null);
    let started_at = started(call).ok_or("started is missing or not a date-time")?;
    let mut conversation = Conversation::new(key, started_at);
    conversation.kind = What::CallNote;
    let seconds = json::number(head, "duration").unwrap_or(0).min(86_400);
    let ended_at = started_at + TimeDelta::seconds(seconds.cast_signed());
    (conversation.closed_at, conversation.updated_at) = (Some(ended_at), ended_at);
    conversation.subject = Text::new(json::text(head, "title").unwrap_or_default());
    conversation.channel = Some("phone".to_owned());
    settings.choose(&mut conversation, call);
    conversation.tags = tags(call);
    let customer = json::list(call, "parties")
        .iter()
        .find(|party| json::text(party, "affiliation").as_deref() == Some("External"));
    conversation.requester = customer.and_then(|party| {
        ["emailAddress", "phoneNumber", "id"]
            .iter()
            .find_map(|name| json::text(party, name))
    });
    conversation.url = json::text(head, "url").filter(|url| url.starts_with("http"));
    conversation.messages = messages(call, parts, started_at);
    conversation.attributes = attributes(call, head);
    Ok(conversation)
}

/// Topics that were spoken of, and trackers that found something.
fn tags(call: &Value) -> Vec<String> {
    let content = call.get("content").unwrap_or(&Value::Null);
    let topics = json::list(content, "topics").iter();
    let topics = topics.filter(|topic| json::number(topic, "duration").is_none_or(|s| s > 0));
    let trackers = json::list(content, "trackers").iter();
    let trackers = trackers.filter(|one| json::number(one, "count").is_none_or(|count| count > 0));
    topics
        .chain(trackers)
        .filter_map(|one| json::text(one, "name"))
        .collect()
}

fn messages(call: &Value, parts: &[Value], started_at: DateTime<Utc>) -> Vec<Message> {
    let speakers: BTreeMap<String, Author> = json::list(call, "parties")
        .iter()
        .filter_map(|party| Some((json::text(party, "speakerId")?, affiliation(party))))
        .collect();
    let spoken = parts.iter().filter_map(|part| {
        let speaker = json::text(part, "speakerId")?;
        let sentences = json::list(part, "sentences");
        let words: Vec<String> = sentences
            .iter()
            .filter_map(|one| json::text(one, "text"))
            .collect();
        let at = json::number(sentences.first()?, "start")?.min(86_400_000);
        Some(Message {
            at: Some(started_at + TimeDelta::milliseconds(at.cast_signed())),
            author: speakers.get(&speaker).copied().unwrap_or(Author::System),
            visibility: Visibility::Public,
            text: Text::new(words.join(" ")),
        })
    });
    let brief = call.pointer("/content/brief").and_then(json::plain);
    let brief = brief.map(|text| internal(None, Author::System, text));
    let comments = call.pointer("/collaboration/publicComments");
    let comments = comments.and_then(Value::as_array);
    let comments = comments.map_or(&[][..], Vec::as_slice).iter();
    let comments = comments.filter_map(|comment| {
        let text = json::text(comment, "comment")?;
        Some(internal(json::time(comment, "posted"), Author::Agent, text))
    });
    spoken.chain(brief).chain(comments).collect()
}

fn internal(at: Option<DateTime<Utc>>, author: Author, text: String) -> Message {
    Message {
        at,
        author,
        visibility: Visibility::Internal,
        text: Text::new(text),
    }
}

fn affiliation(party: &Value) -> Author {
    match json::text(party, "affiliation").as_deref() {
        Some("Internal") => Author::Agent,
        Some("External") => Author::Customer,
        _ => Author::System,
    }
}

fn attributes(call: &Value, head: &Value) -> BTreeMap<String, String> {
    let outcome = call.pointer("/content/callOutcome");
    given([
        ("direction", json::text(head, "direction")),
        ("system", json::text(head, "system")),
        ("purpose", json::text(head, "purpose")),
        ("outcome", outcome.and_then(|one| json::text(one, "name"))),
        (
            "outcome_category",
            outcome.and_then(|one| json::text(one, "category")),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;

    fn gong() -> Gong {
        Gong::new(testing::settings(&KIND))
    }

    fn calls() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/gong/extensive.json");
        testing::rows(text, "/calls")
    }

    fn parts() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/gong/transcript.json");
        testing::rows(text, "/callTranscripts/0/transcript")
    }

    fn whole(call: &Value, parts: &[Value]) -> Conversation {
        let gong = gong();
        let key = gong.settings.key("1");
        conversation(key, call, parts, &gong.settings).unwrap()
    }

    #[test]
    fn a_call_becomes_a_note_with_what_was_said_and_understood() {
        let found = whole(&calls()[0], &parts());
        assert_eq!(found.kind, What::CallNote);
        assert_eq!(found.subject.as_str(), "Valve at Nord");
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:00:00+00:00");
        let ended_at = found.closed_at.unwrap();
        assert_eq!(ended_at.to_rfc3339(), "2026-03-02T09:10:00+00:00");
        assert_eq!(found.category.as_deref(), Some("Solved"));
        assert_eq!(found.tags, ["Warranty", "Leak"]);
        assert_eq!(found.requester.as_deref(), Some("anna@customer.example"));
        assert_eq!(found.attributes["outcome_category"], "Answered");
        let said = testing::said(&found.messages);
        use Visibility::{Internal, Public};
        assert_eq!(
            said,
            [
                (Author::Customer, Public, "The valve drips. Since Monday."),
                (Author::Agent, Public, "Which model is it?"),
                (Author::System, Public, "Recording stops."),
                (Author::System, Internal, "A leaking valve was reported."),
                (Author::Agent, Internal, "Order the spare part."),
            ]
        );
        let second = found.messages[1].at.unwrap();
        assert_eq!(second.timestamp_millis(), 1_772_442_004_200);
    }

    #[test]
    fn what_gong_makes_of_a_call_later_changes_its_look() {
        let gong = gong();
        let stream = &gong.streams()[0];
        let look = |call: &Value| gong.touched(stream, call).unwrap().unwrap().look;
        let call = &calls()[0];
        let mut later = call.clone();
        later["metaData"]["url"] = "https://app.gong.io/other".into();
        assert_eq!(look(call), look(&later));
        later["content"]["brief"] = "Another word".into();
        assert_ne!(look(call), look(&later));
    }

    #[test]
    fn lists_are_asked_for_with_both_bounds_and_an_empty_one_is_no_fault() {
        let gong = gong();
        let streams = gong.streams();
        assert!(streams.iter().all(|stream| stream.is_404_empty));
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let request = gong.list(&streams[0], &span);
        let filter = &request.body.as_ref().unwrap()["filter"];
        assert_eq!(
            *filter,
            json!({"fromDateTime": "2026-03-02T09:00:00Z", "toDateTime": "2026-03-03T09:00:01Z"})
        );
        let next = super::super::engine::Position::Token("c2".to_owned());
        let request = streams[0].paging.apply(request, Some(&next));
        assert_eq!(request.body.unwrap()["cursor"], "c2");
        let request = gong.list(&streams[1], &span);
        assert_eq!((request.path.as_str(), request.body), ("v2/calls", None));
        assert_eq!(request.query[0].1, "2025-03-03T09:00:00Z");
        let row = json!({"id": "7782342274025937895", "started": "2026-03-02T09:00:00Z"});
        let touched = gong.touched(&streams[1], &row).unwrap().unwrap();
        assert_eq!(touched.id, "7782342274025937895");
    }
}
