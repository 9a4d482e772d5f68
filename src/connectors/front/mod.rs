//! Front: the log of events says which conversations changed; each is read with its messages, comments and own events.
//!
//! Facts (dev.frontapp.com): the log is newest first unless told otherwise and has 15 events a page; the address of the
//! next page may be on another host, of which only the token counts; the order of the list of conversations follows
//! settings of the company, so it tells of no changes; times are seconds with decimals; conversations in the trash have
//! the status deleted and can come back; a merge names the conversations that it took away. Answers to its surveys are told
//! only as averages of reports, and no event or field of a conversation has them: `csat_field` may name a custom field that
//! a rule fills in. Webhooks of an application begin with a challenge that must come back.

mod record;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual,
};
use super::hook::{Piece, Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::model::Record;
use crate::section::Section;
use record::{Parts, conversation};

/// Front in the table of systems.
pub const KIND: Kind = Kind {
    name: "front",
    title: "Front",
    settings: &[Setting::secret(
        "token",
        "an API token with the scopes of the shared inboxes (Settings, Developers)",
    )],
    read,
    usual: Usual {
        page_records: 15,
        page_records_max: 15,
        ..Usual::at("https://api2.frontapp.com")
    },
};

/// Lists inside a conversation give at most so many at once.
const ENTRIES: u32 = 100;

/// The next page's token; its address may be on another host.
const PAGES: Paging = Paging::TokenInUrl {
    at: "/_pagination/next",
    name: "page_token",
};

/// Events after which a conversation is read again.
const CHANGES: [&str; 17] = [
    "inbound",
    "outbound",
    "out_reply",
    "comment",
    "tag",
    "untag",
    "archive",
    "reopen",
    "trash",
    "restore",
    "move",
    "conversations_merged",
    "custom_field_updated",
    "ticket_status_update",
    "call_hangup",
    "call_transcript_added",
    "call_voicemail_transcript_added",
];

/// One company at Front.
#[derive(Debug)]
pub struct Front {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the token, such as token_env = \"FRONT_TOKEN\"";
    settings.credentials = Credentials::bearer(section.secret("token", hint));
    Arc::new(Front::new(settings))
}

impl Front {
    /// A company with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn either<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        if !id.starts_with("evt_") {
            return self.conversation(api, id, seen).await;
        }
        let fetched;
        let event = match seen.row {
            Some(row) => row,
            None => {
                fetched = api.get(Request::get(format!("events/{id}"))).await?;
                &fetched
            }
        };
        Ok(Read::Records(self.merged(event)))
    }

    /// The conversations that a merge took away.
    fn merged(&self, event: &Value) -> Vec<Record> {
        let Some(into) = conversation_of(event) else {
            return Vec::new();
        };
        let at = json::unix(event, "emitted_at").unwrap_or_default();
        let gone = event
            .pointer("/target/data")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        gone.iter()
            .filter_map(|one| json::plain(one).or_else(|| json::text(one, "id")))
            .filter(|id| *id != into)
            .map(|id| Record::Merged {
                key: self.settings.key(&id),
                into: into.clone(),
                at,
            })
            .collect()
    }

    async fn conversation<'a>(
        &'a self,
        api: Api<'a>,
        id: &str,
        seen: Seen<'a>,
    ) -> Result<Read, Failure> {
        let event_at = seen.row.and_then(|row| json::unix(row, "emitted_at"));
        let path = format!("conversations/{id}");
        let one = api.get(Request::get(&path)).await?;
        let key = self.settings.key(id);
        if let Some(into) = json::text(&one, "id").filter(|now| now != id) {
            // A merged conversation leads to the one that stays.
            let at = event_at.unwrap_or(api.now);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        if json::text(&one, "status").as_deref() == Some("deleted") {
            let at = event_at.unwrap_or(api.now);
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        let list = async |name: &str| {
            let list = Request::get(format!("{path}/{name}")).with("limit", ENTRIES);
            let rows = api.all(list, PAGES, "/_results").await;
            rows.map_err(Failure::inside)
        };
        let parts = Parts {
            messages: list("messages").await?,
            comments: list("comments").await?,
            events: list("events").await?,
        };
        Ok(Read::from(conversation(
            key,
            &one,
            &parts,
            event_at,
            &self.settings,
        )))
    }
}

impl System for Front {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        vec![
            Stream::new("changes", Follow::Since, PAGES, "/_results"),
            Stream::new("merges", Follow::Since, PAGES, "/_results"),
        ]
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let types: &[&str] = if stream.name == "merges" {
            &["conversations_merged"]
        } else {
            &CHANGES
        };
        let list = Request::get("events")
            .with("q[after]", seconds(span.from))
            .with("limit", self.settings.page_records)
            .with("sort_by", "created_at")
            .with("sort_order", "asc");
        types
            .iter()
            .fold(list, |list, one| list.with("q[types][]", one))
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let at = json::unix(row, "emitted_at").ok_or("emitted_at is missing or not a time")?;
        let id = if stream.name == "merges" {
            json::text(row, "id")
        } else {
            // An event may outlive its conversation.
            conversation_of(row)
        };
        Ok(id.map(|id| Touched::new(id, Some(at))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.either(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let list = Request::get("conversations").with("limit", 30);
            let rows = api.all(list, Paging::Whole, "/_results").await?;
            let mut remarks = self.settings.remarks(&rows);
            if rows.is_empty() {
                remarks
                    .push("the token sees no conversation: give it the shared inboxes".to_owned());
            }
            Ok(remarks)
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // The smallest plan's, and five a second of one kind.
        &[
            Rate {
                class: "",
                count: 50,
                seconds: 60,
            },
            Rate {
                class: "",
                count: 5,
                seconds: 1,
            },
        ]
    }

    fn right(&self) -> &'static str {
        "the API token needs the scope of the shared inboxes and of events"
    }

    fn signatures(&self) -> &'static [Signature] {
        // Webhooks of an application, with its secret, and those of a rule, with that of the account's API.
        const {
            &[
                Signature {
                    header: "x-front-signature",
                    prefix: "",
                    scheme: Scheme::Sha256Base64,
                    pieces: &[
                        Piece::Time("x-front-request-timestamp"),
                        Piece::Text(":"),
                        Piece::Body,
                    ],
                },
                Signature::of_body("x-front-signature", "", Scheme::Sha1Base64),
            ]
        }
    }

    fn challenge(&self) -> Option<&'static str> {
        Some("x-front-challenge")
    }
}

/// Seconds with decimals, as queries have them.
fn seconds(at: DateTime<Utc>) -> String {
    format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis())
}

fn conversation_of(event: &Value) -> Option<String> {
    json::text(event.get("conversation")?, "id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::connectors::testing;
    use crate::model::{Author, Kind as What, Visibility};

    fn front() -> Front {
        let mut settings = testing::settings(&KIND);
        settings.category = Some(FieldPath::new("custom_fields.Reason"));
        Front::new(settings)
    }

    fn results(text: &str) -> Vec<Value> {
        testing::rows(text, "/_results")
    }

    fn one() -> Value {
        serde_json::from_str(include_str!(
            "../../../tests/fixtures/front/conversation.json"
        ))
        .unwrap()
    }

    fn parts() -> Parts {
        Parts {
            messages: results(include_str!("../../../tests/fixtures/front/messages.json")),
            comments: results(include_str!("../../../tests/fixtures/front/comments.json")),
            events: log(),
        }
    }

    fn log() -> Vec<Value> {
        results(include_str!("../../../tests/fixtures/front/events.json"))
    }

    #[test]
    fn a_conversation_has_its_messages_comments_and_course() {
        let front = front();
        let key = front.settings.key("cnv_55c8c149");
        let found = conversation(key, &one(), &parts(), None, &front.settings).unwrap();
        assert_eq!(found.subject.as_str(), "Valve drips");
        assert_eq!(found.status.as_deref(), Some("archived"));
        assert_eq!(found.category.as_deref(), Some("Warranty"));
        assert_eq!(found.tags, ["leak"]);
        assert_eq!(found.requester.as_deref(), Some("anna@customer.example"));
        assert_eq!((found.reopens, found.kind), (1, What::Ticket));
        let closed_at = found.closed_at.unwrap();
        assert_eq!(closed_at.timestamp_millis(), 1_772_460_000_500);
        assert_eq!(found.updated_at.timestamp(), 1_772_452_000);
        assert_eq!(
            found.url.as_deref(),
            Some("https://app.frontapp.com/open/cnv_55c8c149")
        );
        assert_eq!(found.attributes["status_category"], "resolved");
        let said = testing::said(&found.messages);
        use Visibility::{Internal, Public};
        assert_eq!(
            said,
            [
                (Author::Customer, Public, "The valve drips since Monday."),
                (Author::System, Public, "We have got your message."),
                (Author::Agent, Internal, "Same as last week's."),
                (Author::Agent, Public, "Which model is it?"),
            ]
        );
    }

    #[test]
    fn a_change_that_nobody_wrote_moves_the_time_of_the_conversation() {
        let front = front();
        let key = front.settings.key("cnv_55c8c149");
        let at = json::unix(&log()[3], "emitted_at");
        let found = conversation(key, &one(), &parts(), at, &front.settings).unwrap();
        assert_eq!(Some(found.updated_at), at);
    }

    #[test]
    fn events_name_their_conversation_and_merges_what_they_took_away() {
        let front = front();
        let [changes, merges] = <[Stream; 2]>::try_from(front.streams()).unwrap();
        let event = log().pop().unwrap();
        let touched = front.touched(&changes, &event).unwrap().unwrap();
        assert_eq!(touched.id, "cnv_55c8c149");
        assert_eq!(touched.at.unwrap().timestamp_millis(), 1_772_460_300_250);
        let touched = front.touched(&merges, &event).unwrap().unwrap();
        assert_eq!(touched.id, "evt_6");
        let gone: Vec<_> = front
            .merged(&event)
            .into_iter()
            .map(|record| match record {
                Record::Merged { key, into, .. } => (key.id, into),
                other => panic!("{other:?}"),
            })
            .collect();
        let into = || "cnv_55c8c149".to_owned();
        assert_eq!(
            gone,
            [
                ("cnv_55c8c150".to_owned(), into()),
                ("cnv_55c8c151".to_owned(), into())
            ]
        );
    }

    #[test]
    fn the_log_is_asked_oldest_first_from_a_time_with_decimals() {
        let front = front();
        let span = Span {
            from: DateTime::from_timestamp_millis(1_772_442_000_007).unwrap(),
            until: DateTime::from_timestamp(1_772_450_000, 0).unwrap(),
            after: None,
        };
        let request = front.list(&front.streams()[0], &span);
        let value = |wanted: &str| {
            let found = request.query.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("q[after]"), Some("1772442000.007"));
        assert_eq!(value("sort_order"), Some("asc"));
        let types = request
            .query
            .iter()
            .filter(|(name, _)| name == "q[types][]");
        assert_eq!(types.count(), CHANGES.len());
        let request = front.list(&front.streams()[1], &span);
        let types: Vec<_> = request
            .query
            .iter()
            .filter(|(name, _)| name == "q[types][]")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(types, ["conversations_merged"]);
    }
}
