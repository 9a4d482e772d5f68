//! Intercom: conversations and tickets by windows of the search, calls, and what was deleted.
//!
//! Facts (developers.intercom.com, API 2.16): the search promises no order, so a window's bounds stay while it is read and
//! every part of what it names is taken; a conversation shows its newest 500 parts at most; deleted conversations stand in
//! a list of their own, whose order is not said, so it is read from its start each time and as a whole once a day; a call
//! names its conversation, if it has one, and its transcript, a file of text, comes later; a conversation that became a
//! customer's ticket stays a conversation.

mod merge;
mod record;
mod spoken;

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Rate, Read, Request, Seen, Setting, Settings,
    Span, Stream, System, Touched, Usual,
};
use super::hook::{Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::model::{Exclusion, Record};
use crate::section::Section;
use record::{CALL, TICKET};

/// Intercom in the table of systems.
pub const KIND: Kind = Kind {
    name: "intercom",
    title: "Intercom",
    settings: &[Setting::secret(
        "token",
        "the access token of an app in your workspace (Developer Hub)",
    )],
    read,
    usual: Usual {
        page_records: 50,
        page_records_max: 150,
        ..Usual::at("https://api.intercom.io")
    },
};

/// The version whose shapes are read here.
const VERSION: &str = "2.16";

/// No window of the search is longer.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// Longer than any helpdesk is old: a list without bounds is read as one window.
const ALL: TimeDelta = TimeDelta::days(20_000);

/// Lists that cannot be bounded are read whole this often.
const PAUSE: TimeDelta = TimeDelta::days(1);

/// Kinds of tickets that no customer sees.
const OWN_WORK: [&str; 2] = ["Back-office", "Tracker"];

/// A conversation with its parts, in plain text.
fn whole(id: &str) -> Request {
    Request::get(format!("conversations/{id}")).with("display_as", "plaintext")
}

/// One Intercom workspace.
#[derive(Debug)]
pub struct Intercom {
    settings: Settings,
    /// The workspace's id, for links.
    app: OnceCell<Option<String>>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint =
        "name the variable that holds the access token, such as token_env = \"INTERCOM_TOKEN\"";
    settings.credentials = Credentials::bearer(section.secret("token", hint));
    Arc::new(Intercom::new(settings))
}

impl Intercom {
    /// A workspace with these settings.
    pub fn new(settings: Settings) -> Self {
        let app = OnceCell::new();
        Self { settings, app }
    }

    async fn record<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> Result<Read, Failure> {
        if seen.stream.starts_with("deleted") {
            let at = seen.row.and_then(|row| json::instant(row, "deleted_at"));
            let (key, at) = (self.settings.key(id), at.unwrap_or(api.now));
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        if let Some(number) = id.strip_prefix(CALL) {
            return self.call(api, number).await;
        }
        match id.strip_prefix(TICKET) {
            Some(number) => self.ticket(api, id, number).await,
            None => self.conversation(api, id).await,
        }
    }

    async fn ticket(&self, api: Api<'_>, id: &str, number: &str) -> Result<Read, Failure> {
        let ticket = api.get(Request::get(format!("tickets/{number}"))).await?;
        // The team's own work on conversations that count themselves.
        if json::text(&ticket, "category").is_some_and(|kind| OWN_WORK.contains(&kind.as_str())) {
            return Ok(Read::Nothing);
        }
        // What a conversation became counts as that.
        let same = api.optional(whole(number)).await?;
        if same.is_some_and(|same| record::is_of(&same, &ticket)) {
            let at = json::instant(&ticket, "updated_at").unwrap_or(api.now);
            let (key, into) = (self.settings.key(id), number.to_owned());
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        Ok(Read::from(record::ticket(&ticket, &self.settings)))
    }

    async fn conversation(&self, api: Api<'_>, id: &str) -> Result<Read, Failure> {
        let conversation = api.get(whole(id)).await?;
        let merged_at = record::merged_at(&conversation);
        if let Some(merged_at) = merged_at
            && let Some(into) = merge::target(api, &conversation, id, merged_at).await?
        {
            let at = json::instant(&conversation, "updated_at").unwrap_or(api.now);
            let key = self.settings.key(id);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let calls = if record::has_call(&conversation) {
            let wanted = Request::post("calls/search", json!({ "conversation_ids": [id] }));
            let calls = api.all(wanted, Paging::Whole, "/data").await;
            calls.map_err(Failure::inside)?
        } else {
            Vec::new()
        };
        let mut read = record::conversation(&conversation, &calls, &self.settings);
        if let Ok(conversation) = &mut read {
            if let Some(app) = self.app(api).await? {
                let link =
                    format!("https://app.intercom.com/a/inbox/{app}/inbox/conversation/{id}");
                conversation.url = Some(link);
            }
            if merged_at.is_some() {
                conversation.exclusion = Some(Exclusion::Merged);
            }
        }
        Ok(Read::from(read))
    }

    /// A call that belongs to no conversation; once it does, the conversation carries it.
    async fn call(&self, api: Api<'_>, number: &str) -> Result<Read, Failure> {
        let call = api.get(Request::get(format!("calls/{number}"))).await?;
        if let Some(into) = json::text(&call, "conversation_id") {
            let at = json::instant(&call, "updated_at").unwrap_or(api.now);
            let key = self.settings.key(format!("{CALL}{number}"));
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let transcript = api
            .optional(Request::get(format!("calls/{number}/transcript")).text())
            .await?;
        Ok(Read::from(record::call(
            &call,
            transcript.as_ref(),
            &self.settings,
        )))
    }

    async fn app(&self, api: Api<'_>) -> Result<Option<&str>, Failure> {
        let app = self.app.get_or_try_init(|| async {
            let me = api.optional(Request::get("me")).await?;
            let app = me.as_ref().and_then(|me| me.get("app"));
            Ok::<_, Failure>(app.and_then(|app| json::text(app, "id_code")))
        });
        Ok(app.await?.as_deref())
    }
}

impl System for Intercom {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let search = |name: &str, items| {
            let pages = Paging::Token {
                at: "/pages/next/starting_after",
                to: Place::Body("/pagination/starting_after"),
                over: "",
            };
            Stream::new(name, Follow::Window { longest: WINDOW }, pages, items)
        };
        let numbered = |name: &str, follow, items| {
            let pages = Paging::Numbered {
                name: "page",
                first: 1,
                pages: "/pages/total_pages",
            };
            Stream::new(name, follow, pages, items)
        };
        let whole = |again| Follow::Trailing {
            again,
            longest: ALL,
        };
        let calls = Stream {
            is_daily: true,
            ..numbered("calls", Follow::Newest, "/data")
        };
        let all_calls = Stream {
            pause: PAUSE,
            ..numbered("all_calls", whole(self.settings.reread), "/data")
        };
        let deleted = Stream {
            is_daily: true,
            ..numbered("deleted", Follow::Newest, "/conversations")
        };
        let all_deleted = Stream {
            is_daily: true,
            pause: PAUSE,
            ..numbered("deleted_all", whole(TimeDelta::zero()), "/conversations")
        };
        vec![
            search("conversations", "/conversations"),
            search("tickets", "/tickets"),
            calls,
            all_calls,
            deleted,
            all_deleted,
        ]
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        match stream.name.as_str() {
            name @ ("conversations" | "tickets") => {
                // Whether the bounds themselves are meant is told differently in different places.
                let (from, until) = (span.from.timestamp() - 1, span.until.timestamp() + 1);
                let body = json!({
                    "query": {"operator": "AND", "value": [
                        {"field": "updated_at", "operator": ">", "value": from},
                        {"field": "updated_at", "operator": "<", "value": until},
                    ]},
                    "pagination": {"per_page": self.settings.page_records},
                });
                Request::post(format!("{name}/search"), body)
            }
            "calls" | "all_calls" => Request::get("calls").with("per_page", 25),
            _ => Request::get("conversations/deleted")
                .with("per_page", 60)
                .with("order", "desc"),
        }
    }

    fn complete<'a>(
        &'a self,
        _: Api<'a>,
        stream: &'a Stream,
        span: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        // This list cannot be bounded; what is outside of the window is not to be read again.
        if stream.name == "all_calls" {
            let rows = answer.get_mut("data").and_then(Value::as_array_mut);
            for row in rows.into_iter().flatten() {
                let is_in =
                    record::started_at(row).is_none_or(|at| (span.from..=span.until).contains(&at));
                row["is_outside"] = Value::from(!is_in);
            }
        }
        Box::pin(async { Ok(()) })
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the row has no id")?;
        let at = |name: &str| json::instant(row, name);
        Ok(match stream.name.as_str() {
            "conversations" => Some(Touched::new(id, at("updated_at"))),
            "tickets" => Some(Touched::new(format!("{TICKET}{id}"), at("updated_at"))),
            "calls" | "all_calls" if row["is_outside"] == true => None,
            "calls" | "all_calls" => {
                let conversation = json::text(row, "conversation_id");
                let id = conversation.unwrap_or(format!("{CALL}{id}"));
                Some(Touched::new(id, record::started_at(row)))
            }
            _ => Some(Touched::new(id, at("deleted_at"))),
        })
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.record(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let list = Request::get("conversations").with("per_page", 20);
            let rows = api.all(list, Paging::Whole, "/conversations").await?;
            let rows: Vec<Value> = rows.iter().map(record::fields).collect();
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // 10,000 a minute for each app, spread over windows of ten seconds.
        &[Rate {
            class: "",
            count: 1_666,
            seconds: 10,
        }]
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("intercom-version", VERSION.to_owned())]
    }

    fn right(&self) -> &'static str {
        "the app of the token must be allowed to read conversations, tickets, calls and people"
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[Signature::of_body(
                "x-hub-signature",
                "sha1=",
                Scheme::Sha1Hex,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn intercom() -> Intercom {
        let url = "https://api.intercom.test".parse().unwrap();
        let credentials = Credentials::bearer("t".to_owned().into());
        let source = crate::model::SourceId::from("desk");
        Intercom::new(Settings::new(source, url, credentials, &KIND.usual))
    }

    #[test]
    fn the_search_includes_both_bounds_and_calls_name_their_conversation() {
        let intercom = intercom();
        let streams = intercom.streams();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let body = intercom.list(&streams[1], &span).body.unwrap();
        assert_eq!(
            body.pointer("/query/value/0/value"),
            Some(&json!(1_772_441_999))
        );
        assert_eq!(
            body.pointer("/query/value/1/value"),
            Some(&json!(1_772_528_401))
        );
        let id = |stream: usize, row: Value| {
            let touched = intercom.touched(&streams[stream], &row).unwrap();
            touched.map(|touched| touched.id)
        };
        assert_eq!(id(0, json!({"id": 5})).as_deref(), Some("5"));
        assert_eq!(id(1, json!({"id": "5"})).as_deref(), Some("ticket:5"));
        assert_eq!(
            id(2, json!({"id": "5", "conversation_id": "7"})).as_deref(),
            Some("7")
        );
        assert_eq!(
            id(2, json!({"id": "5", "conversation_id": null})).as_deref(),
            Some("call:5")
        );
        assert_eq!(id(3, json!({"id": "5", "is_outside": true})), None);
        assert!(intercom.touched(&streams[0], &json!({})).is_err());
    }
}
