//! Freshdesk: tickets by the time of their last change, oldest first, each with its conversations.
//!
//! Facts (developers.freshdesk.com/api): without `updated_since` only the last 30 days come; the 301st page is an error;
//! deleted tickets and spam stand in lists of their own; `include` costs extra credits of the limit; a rating may come and
//! change without a sign on its ticket, so their list is read again for two weeks; statuses of a team's own have names only
//! in the list of fields. Of a merge only the note tells that closes a ticket, and its text is what the agent's own language
//! suggests and lets him change: `merge_notes` has the ways it begins. Automations sign nothing, but send headers of one's own.

mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Mutex;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, state,
};
use super::http::Failure;
use super::json;
use crate::model::Record;
use crate::section::Section;
use record::{Parts, conversation, merged_into, status_names};

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

/// Ratings are looked at for so long after they were given.
const RATED_AGAIN: TimeDelta = TimeDelta::days(14);

/// Deleted tickets and spam are looked for so far back in each run.
const REMOVED_AGAIN: TimeDelta = TimeDelta::days(2);

/// Statuses whose number means that it is over; others are a team's own.
const STATUSES: [(&str, &str); 4] = [
    ("2", "open"),
    ("3", "pending"),
    ("4", "resolved"),
    ("5", "closed"),
];

/// What Freshdesk writes on a ticket that it merges into another, unless somebody changes it; the other's number follows.
const MERGED: &str = "This ticket is closed and merged into ticket";

/// One Freshdesk account.
#[derive(Debug)]
pub struct Freshdesk {
    settings: Settings,
    /// How a note begins that closes a merged ticket, up to the number of the other one.
    merge_notes: Vec<String>,
    /// Names of statuses by their numbers; read again when one is not known.
    statuses: Mutex<BTreeMap<String, String>>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the API key, such as api_key_env = \"FRESHDESK_KEY\"";
    // Freshdesk takes the key as the user, and any password.
    let key = section.secret("api_key", hint);
    settings.credentials = Credentials::Basic {
        user: key,
        password: "X".to_owned().into(),
    };
    let merge_notes = section.list("merge_notes");
    Arc::new(Freshdesk::new(settings).with_merge_notes(merge_notes))
}

impl Freshdesk {
    /// An account with these settings.
    pub fn new(settings: Settings) -> Self {
        let statuses = STATUSES.map(|(number, name)| (number.to_owned(), name.to_owned()));
        Self {
            settings,
            merge_notes: vec![MERGED.to_owned()],
            statuses: Mutex::new(BTreeMap::from(statuses)),
        }
    }

    /// The same, where notes of merges begin in other ways, too.
    pub fn with_merge_notes(mut self, notes: Vec<String>) -> Self {
        let notes = notes.into_iter().filter(|note| !note.trim().is_empty());
        self.merge_notes.extend(notes);
        self
    }

    /// The status of a ticket in words. Who may not read the list of fields sees the number of one of the team's own.
    async fn status(&self, api: Api<'_>, ticket: &Value) -> Result<Option<String>, Failure> {
        let Some(number) = json::text(ticket, "status") else {
            return Ok(None);
        };
        let mut statuses = self.statuses.lock().await;
        if !statuses.contains_key(&number) {
            let fields = Request::get("api/v2/ticket_fields").with("type", "default_status");
            let fields = match api.get(fields).await {
                Err(Failure::Forbidden(_)) => Value::Null,
                fields => fields.map_err(Failure::inside)?,
            };
            for (number, name) in status_names(&fields) {
                statuses.entry(number).or_insert(name);
            }
            // One that is no more must not be asked for each time.
            statuses
                .entry(number.clone())
                .or_insert_with(|| number.clone());
        }
        Ok(statuses.get(&number).cloned())
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
        if let Some(into) =
            merged_into(ticket, &entries, &self.merge_notes).filter(|into| into != id)
        {
            let at = json::time(ticket, "updated_at").unwrap_or(api.now);
            let key = self.settings.key(id);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let ratings = Request::get(format!("api/v2/tickets/{id}/satisfaction_ratings"));
        let parts = Parts {
            entries,
            ratings: api.optional(ratings).await?.unwrap_or_default(),
            status: self.status(api, ticket).await?,
        };
        let link = api.link(&format!("a/tickets/{id}"));
        Ok(Read::linked(
            conversation(ticket, &parts, &self.settings),
            link,
        ))
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
        let rated = Follow::Trailing {
            again: RATED_AGAIN,
            longest: TimeDelta::days(3_650),
        };
        // History finds them with its tickets.
        let ratings = Stream {
            is_daily: true,
            is_optional: true,
            ..Stream::new("ratings", rated, Paging::LinkHeader, "")
        };
        vec![tickets, gone("deleted"), gone("spam"), ratings]
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        if stream.name == "ratings" {
            return Request::get("api/v2/surveys/satisfaction_ratings")
                .with("created_since", since)
                .with("per_page", 100);
        }
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

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        if stream.name == "ratings" {
            let id = json::text(row, "ticket_id").ok_or("the rating is about no ticket")?;
            let at = json::time(row, "created_at").ok_or("created_at is missing")?;
            return Ok(Some(Touched {
                look: Some(state(row, &["id", "updated_at", "ratings"])),
                ..Touched::new(id, Some(at))
            }));
        }
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

#[cfg(test)]
mod tests {
    use super::record::rating;
    use super::*;
    use crate::connectors::testing;
    use crate::model::{Author, Visibility};
    use serde_json::json;

    #[test]
    fn a_ticket_is_read_with_its_conversations_and_ratings() {
        let url = "https://example.freshdesk.com".parse().unwrap();
        let credentials = Credentials::bearer("x".to_owned().into());
        let settings = Settings::new("desk".into(), url, credentials, &KIND.usual);
        let entries = testing::fixture(include_str!(
            "../../../tests/fixtures/freshdesk/conversations.json"
        ));
        let parts = Parts {
            entries: entries.as_array().unwrap().clone(),
            ratings: testing::fixture(include_str!(
                "../../../tests/fixtures/freshdesk/satisfaction_ratings.json"
            )),
            status: Some("resolved".to_owned()),
        };
        let ticket = testing::fixture(include_str!(
            "../../../tests/fixtures/freshdesk/ticket.json"
        ));
        let found = conversation(&ticket, &parts, &settings).unwrap();
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
        let notes = [MERGED, "Dieses Ticket wurde mit Ticket Nr. "].map(str::to_owned);
        let into = |ticket: &Value, entries: &[Value]| merged_into(ticket, entries, &notes);
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
        let mut german = note.clone();
        german["body_text"] = json!("Dieses Ticket wurde mit Ticket Nr. #77 verbunden.");
        assert_eq!(into(&closed, &[german]).as_deref(), Some("77"));
        let mut told = note.clone();
        told["body_text"] = json!("This ticket is closed and merged into tickets of the week");
        assert_eq!(into(&closed, &[told]), None);
        let later = json!({"id": 3, "created_at": "2026-03-02T11:00:00Z", "body_text": "Opened again by mistake."});
        assert_eq!(into(&closed, &[note, later]), None);
    }

    #[test]
    fn statuses_of_a_teams_own_have_names_in_the_list_of_fields() {
        let fields = testing::fixture(include_str!(
            "../../../tests/fixtures/freshdesk/ticket_fields.json"
        ));
        let names: BTreeMap<String, String> = status_names(&fields).into_iter().collect();
        assert_eq!(names["6"], "Waiting on Customer");
        assert_eq!(names["2"], "Open");
        assert_eq!(status_names(&json!(null)), []);
    }

    #[test]
    fn a_rating_is_about_its_ticket_and_looks_different_when_it_changed() {
        let url = "https://example.freshdesk.com".parse().unwrap();
        let credentials = Credentials::bearer("x".to_owned().into());
        let desk = Freshdesk::new(Settings::new("desk".into(), url, credentials, &KIND.usual));
        let streams = desk.streams();
        let stream = streams.iter().find(|one| one.name == "ratings").unwrap();
        let row = testing::fixture(include_str!(
            "../../../tests/fixtures/freshdesk/satisfaction_ratings.json"
        ))[0]
            .clone();
        let touched = |row: &Value| desk.touched(stream, row).unwrap().unwrap();
        assert_eq!(touched(&row).id, "4711");
        assert_eq!(touched(&row).at, "2026-03-04T18:00:00Z".parse().ok());
        let mut changed = row.clone();
        changed["ratings"]["default_question"] = json!(103);
        assert_ne!(touched(&row).look, touched(&changed).look);
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let request = desk.list(stream, &span);
        assert_eq!(request.path, "api/v2/surveys/satisfaction_ratings");
        assert_eq!(request.query[0].1, "2026-03-02T09:00:00Z");
    }
}
