//! Freshcaller: calls by their creation, with the agents' notes; read again for some days, because notes come later.
//!
//! Facts (developers.freshcaller.com/api): the bounds are on the creation of a call; a page may have a thousand calls;
//! without `Accept: application/json` the address is not found; what became of a call stands with its participants; a
//! call that was filed under a ticket names it. Nothing tells of deletions.
//!
//! Unconfirmed: what a transcript looks like, and on which host: only the name `recording.transcription_url` is published,
//! so none is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, given, state,
};
use super::http::Failure;
use super::json;
use crate::model::{
    Author, Conversation, ConversationKey, Kind as What, Message, Text, Visibility,
};
use crate::section::Section;

/// Freshcaller in the table of systems.
pub const KIND: Kind = Kind {
    name: "freshcaller",
    title: "Freshcaller",
    settings: &[Setting::secret(
        "api_key",
        "the API key of an account admin (Profile settings)",
    )],
    read,
    usual: Usual {
        category: "assigned_call_queue_name",
        page_records: 100,
        page_records_max: 1_000,
        sweep_days: 7,
        ..Usual::like("https://example.freshcaller.com")
    },
};

/// Calls of a month are listed at once.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// What of a call changes after it.
const CHANGING: [&str; 4] = [
    "updated_time",
    "call_notes",
    "integrated_resources",
    "participants",
];

/// What became of a call, as far as the vendor says what its numbers mean.
const OUTCOMES: [(&str, &str); 2] = [("1", "completed"), ("3", "missed")];

/// One account.
#[derive(Debug)]
pub struct Freshcaller {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the key, such as api_key_env = \"FRESHCALLER_KEY\"";
    settings.credentials = Credentials::Header {
        name: "x-api-auth",
        prefix: "",
        secret: section.secret("api_key", hint),
    };
    Arc::new(Freshcaller::new(settings))
}

impl Freshcaller {
    /// An account with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn call<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let call = match seen.row {
            Some(row) => row,
            None => {
                let answer = api.get(Request::get(format!("api/v1/calls/{id}"))).await?;
                fetched = answer.get("call").cloned().unwrap_or(answer);
                &fetched
            }
        };
        let key = self.settings.key(id);
        Ok(Read::from(conversation(key, call, &self.settings)))
    }
}

impl System for Freshcaller {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let pages = Paging::Numbered {
            name: "page",
            first: 1,
            pages: "/meta/total_pages",
        };
        let calls = Follow::Trailing {
            again: self.settings.reread,
            longest: WINDOW,
        };
        let mut streams = vec![Stream::new("calls", calls, pages, "/calls")];
        let all = |sweep| Stream {
            is_bounded: true,
            ..Stream::new("sweep", sweep, pages, "/calls")
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let from = self.settings.since(stream, span);
        Request::get("api/v1/calls")
            .with("by_time[from]", time(from))
            .with("by_time[to]", time(span.until + TimeDelta::seconds(1)))
            .with("per_page", self.settings.page_records)
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the call has no id")?;
        let at = json::time(row, "created_time").ok_or("created_time is missing or no time")?;
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
            let list = Request::get("api/v1/calls").with("per_page", 30);
            let rows = api.all(list, Paging::Whole, "/calls").await?;
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // The vendor publishes none; its answers tell.
        &[Rate {
            class: "",
            count: 60,
            seconds: 60,
        }]
    }

    fn right(&self) -> &'static str {
        "the API key must be an account admin's"
    }
}

/// A call with its notes, or why it makes no sense.
fn conversation(
    key: ConversationKey,
    call: &Value,
    settings: &Settings,
) -> Result<Conversation, String> {
    let created_at =
        json::time(call, "created_time").ok_or("created_time is missing or no time")?;
    let mut conversation = Conversation::new(key, created_at);
    conversation.kind = What::CallNote;
    conversation.updated_at = json::time(call, "updated_time").unwrap_or(created_at);
    conversation.channel = Some("phone".to_owned());
    settings.choose(&mut conversation, call);
    let customer = json::list(call, "participants")
        .iter()
        .find(|one| json::text(one, "participant_type").as_deref() == Some("Customer"))
        .unwrap_or(&Value::Null);
    conversation.status = json::text(customer, "call_status").map(outcome);
    conversation.closed_at = json::time(customer, "updated_time");
    conversation.requester = ["caller_number", "caller_id", "participant_id"]
        .iter()
        .find_map(|name| json::text(customer, name));
    // When a note was written is not said.
    let notes = json::text(call, "call_notes").map(|text| Message {
        at: None,
        author: Author::Agent,
        visibility: Visibility::Internal,
        text: Text::new(text),
    });
    conversation.messages = notes.into_iter().collect();
    conversation.attributes = attributes(call);
    Ok(conversation)
}

fn outcome(number: String) -> String {
    let known = OUTCOMES.iter().find(|(known, _)| *known == number);
    known.map_or(number, |(_, word)| (*word).to_owned())
}

fn attributes(call: &Value) -> BTreeMap<String, String> {
    let tickets: Vec<String> = json::list(call, "integrated_resources")
        .iter()
        .filter(|one| {
            json::text(one, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("ticket"))
        })
        .filter_map(|one| json::text(one, "id"))
        .collect();
    given([
        ("direction", json::text(call, "direction")),
        ("queue", json::text(call, "assigned_call_queue_name")),
        ("team", json::text(call, "assigned_team_name")),
        ("menu", json::text(call, "assigned_ivr_name")),
        ("line", json::text(call, "phone_number")),
        ("root_call", json::text(call, "root_call_id")),
        ("ticket", (!tickets.is_empty()).then(|| tickets.join(", "))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;

    fn freshcaller() -> Freshcaller {
        Freshcaller::new(testing::settings(&KIND))
    }

    fn calls() -> Vec<Value> {
        let text = include_str!("../../tests/fixtures/freshcaller/calls.json");
        testing::rows(text, "/calls")
    }

    fn whole(call: &Value) -> Conversation {
        let freshcaller = freshcaller();
        let key = freshcaller.settings.key("1");
        conversation(key, call, &freshcaller.settings).unwrap()
    }

    #[test]
    fn a_call_becomes_a_note_that_names_its_ticket() {
        let found = whole(&calls()[0]);
        assert_eq!(found.kind, What::CallNote);
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:00:00+00:00");
        assert_eq!(found.updated_at.to_rfc3339(), "2026-03-03T08:00:00+00:00");
        assert_eq!(found.category.as_deref(), Some("Service line"));
        assert_eq!(found.status.as_deref(), Some("completed"));
        assert_eq!(found.requester.as_deref(), Some("+4930123456"));
        assert_eq!(found.attributes["ticket"], "4711");
        let said = testing::said(&found.messages);
        let note = "Valve drips, spare part ordered.";
        assert_eq!(said, [(Author::Agent, Visibility::Internal, note)]);
    }

    #[test]
    fn a_call_without_a_note_and_with_an_unknown_outcome_is_one_all_the_same() {
        let found = whole(&calls()[1]);
        assert_eq!(
            (found.status.as_deref(), found.messages.len()),
            (Some("10"), 0)
        );
        assert_eq!(found.attributes.get("ticket"), None);
    }

    #[test]
    fn a_note_changes_the_look_and_a_signed_address_does_not() {
        let freshcaller = freshcaller();
        let stream = &freshcaller.streams()[0];
        let look = |call: &Value| freshcaller.touched(stream, call).unwrap().unwrap().look;
        let call = &calls()[0];
        let mut later = call.clone();
        later["recording"]["url"] = "https://signed.example/another".into();
        assert_eq!(look(call), look(&later));
        later["call_notes"] = "Another word".into();
        assert_ne!(look(call), look(&later));
    }

    #[test]
    fn calls_are_asked_for_with_both_bounds() {
        let freshcaller = freshcaller();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let from = |stream: usize| {
            let query = freshcaller
                .list(&freshcaller.streams()[stream], &span)
                .query;
            let pair = query.into_iter().find(|(name, _)| name == "by_time[from]");
            pair.unwrap().1
        };
        assert_eq!(from(0), "2026-03-02T09:00:00Z");
        assert_eq!(from(1), "2025-03-03T09:00:00Z");
    }
}
