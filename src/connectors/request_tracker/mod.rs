//! Request Tracker 5 through REST 2.
//!
//! The transaction log is the feed of the daily pull: its ids grow, and it shows replies, comments, status changes,
//! categories, merges and deletions. History is read by tickets instead: those that changed last in a span of time, by
//! their ids; what changed later stands in the log. Either way the ticket is then read whole.
//!
//! Facts (seen on 5.0.3): RT checks rights after it cut a page, says nothing about what it left out, and gives totals to
//! administrators only; so a page's size means nothing, and only several empty ones are an end. Ids of transactions may
//! appear out of order. Searches for tickets find no deleted or merged ones; asked for a merged ticket it gives the one
//! that it was merged into. Only times with an offset are read independently of the user's zone. Nothing tells of
//! shredded tickets.

mod check;
mod lists;
mod official;
mod texts;
mod ticket;

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Read, Request, Seen, Setting, Settings, Span, Stream,
    System, Touched, Usual,
};
use super::http::Failure;
use super::{OwnCount, json};
use crate::model::Window;
use crate::section::Section;
use lists::{Queues, entry};

/// Request Tracker in the table of systems.
pub const KIND: Kind = Kind {
    name: "request_tracker",
    title: "Request Tracker 5",
    settings: &[
        Setting::secret("token", "an auth token of a user who sees the queues"),
        Setting {
            is_optional: true,
            ..Setting::list(
                "queues",
                "the queues; all that the token sees when left out",
            )
        },
    ],
    read,
    usual: Usual {
        category: "queue",
        // A transaction may take a while to appear; the log itself is read again by ids.
        overlap_minutes: 1,
        ..Usual::like("https://rt.example.com")
    },
};

/// The list of the daily pull.
const LOG: &str = "log";

/// How many ids before the last one are read again, because ids may appear out of order.
const OVERLAP: u64 = 100;

/// No window of history is longer.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// What a person chose beyond what all systems have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Names of the queues to read; all that the token sees when empty.
    pub queues: Vec<String>,
    /// Queues whose tickets are notes of calls.
    pub call_queues: Vec<String>,
    /// The custom field that holds tags.
    pub tags_field: Option<String>,
    /// Status words that mean solved or closed.
    pub inactive: Vec<String>,
    /// Whether RT's own counts of a window are kept as an official report.
    pub official_figures: bool,
    /// How many ids before the last one are read again.
    pub overlap: u64,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            call_queues: Vec::new(),
            tags_field: None,
            inactive: ["resolved", "rejected", "deleted"]
                .map(str::to_owned)
                .to_vec(),
            official_figures: false,
            overlap: OVERLAP,
        }
    }
}

/// One Request Tracker.
#[derive(Debug)]
pub struct RequestTracker {
    settings: Settings,
    choices: Choices,
    /// The queues as they were when a list was last asked for.
    queues: Mutex<Queues>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds a token made under Settings, Auth Tokens";
    settings.credentials = credentials(section.secret("token", hint));
    let mut choices = Choices {
        queues: section.list("queues"),
        call_queues: section.list("call_queues"),
        tags_field: section.optional_text("tags_field"),
        official_figures: section.flag("official_figures", false),
        ..Choices::default()
    };
    if section.has("inactive_statuses") {
        choices.inactive = section.list("inactive_statuses");
    }
    let overlap = section.number("overlap", OVERLAP as i64, 0..=10_000);
    choices.overlap = overlap.unsigned_abs();
    Arc::new(RequestTracker::new(settings, choices))
}

/// How RT is told who asks.
pub fn credentials(token: secrecy::SecretString) -> Credentials {
    Credentials::Header {
        name: "authorization",
        prefix: "token ",
        secret: token,
    }
}

impl RequestTracker {
    /// A Request Tracker with these settings.
    pub fn new(settings: Settings, choices: Choices) -> Self {
        Self {
            settings,
            choices,
            queues: Mutex::default(),
        }
    }

    fn held_queues(&self) -> Queues {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A time as RT reads it, whatever the user's zone.
fn literal(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

impl System for RequestTracker {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let log = Follow::Log {
            overlap: self.choices.overlap,
        };
        let tickets = Follow::Window { longest: WINDOW };
        vec![
            Stream {
                is_daily: true,
                ..Stream::new(LOG, log, Paging::Keyset, "/items")
            },
            Stream {
                is_history: true,
                ..Stream::new("tickets", tickets, Paging::Keyset, "/items")
            },
        ]
    }

    /// A queue that became visible since the last page must not be missing in this one.
    fn prepare<'a>(&'a self, api: Api<'a>, _: &'a Stream) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let queues = self.queues(api).await?;
            *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = queues;
            Ok(())
        })
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let queues = self.held_queues();
        if stream.name == LOG {
            let query = queues.log_behind(span);
            return self.transactions(&query, "ASC", 1);
        }
        self.tickets(&queues.changed_in(span), "LastUpdated", 1)
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        if stream.name == LOG {
            return entry(row);
        }
        let id = json::text(row, "id").ok_or("the ticket has no id")?;
        let at =
            json::time(row, "LastUpdated").ok_or("LastUpdated is missing or not a date-time")?;
        Ok(Some(Touched {
            key: Some(id.clone()),
            ..Touched::new(id, Some(at))
        }))
    }

    fn complete<'a>(
        &'a self,
        api: Api<'a>,
        stream: &'a Stream,
        span: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.look_behind_hidden_rows(api, self.list(stream, span), answer))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        let named = seen.row.filter(|_| seen.stream == LOG);
        let named = named.and_then(|row| json::number(row, "id"));
        Box::pin(self.ticket(api, id, named))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(self.remarks(api))
    }

    fn official<'a>(
        &'a self,
        api: Api<'a>,
        window: &'a Window,
    ) -> BoxFuture<'a, Result<Vec<OwnCount>, Failure>> {
        Box::pin(self.own_counts(api, window))
    }

    fn right(&self) -> &'static str {
        "grant SeeQueue, ShowTicket, ShowTicketComments and SeeCustomField on the queues"
    }
}
