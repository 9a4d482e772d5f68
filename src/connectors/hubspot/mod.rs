//! HubSpot: tickets with their threads, notes, calls and mails, by windows of the search; calls without a ticket.
//!
//! Facts (developers.hubspot.com, paths of 2026-09): a search ends at 10,000 rows, so each window is read by growing ids; a
//! search has no associations, so those of a page of notes, calls or mails are asked for together; only properties that are
//! named come back; its index lags and may lose rows, which a walk over the list finds; deleted tickets stand in a list of
//! their own; of a merge a new ticket comes that names both it was made of, and the id of either leads to it. Answers to
//! surveys are objects of their own, for which a key needs a scope of its own. Webhooks belong to an app, not to a service
//! key, and are signed with the app's client secret: method, address, body and time, with some characters of the address as
//! themselves (request-validation).

mod feedback;
mod read;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Rate, Read, Request, Seen, Setting, Settings,
    Span, Stream, System, Touched, Usual,
};
use super::hook::{Piece, Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::section::Section;
use feedback::FEEDBACK;
use record::{CALL, Stage};

/// HubSpot in the table of systems.
pub const KIND: Kind = Kind {
    name: "hubspot",
    title: "HubSpot",
    settings: &[Setting::secret(
        "token",
        "a service key (Settings, Integrations) with the scopes tickets, crm.objects.contacts.read, \
             crm.objects.companies.read, conversations.read and, for ratings, crm.objects.feedback_submissions.read",
    )],
    read,
    usual: Usual {
        category: "hs_ticket_category",
        page_records: 100,
        page_records_max: 200,
        sweep_days: 1,
        ..Usual::at("https://api.hubapi.com")
    },
};

/// The version in the paths.
const DATE: &str = "2026-09";

/// Where conversations of the inbox are.
const THREADS: &str = "conversations/conversations/2026-09/threads";

/// No window of the search is longer.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// Longer than any helpdesk is old: a list without bounds is read as one window.
const ALL: TimeDelta = TimeDelta::days(20_000);

/// The lists of what was deleted are read this often.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Pages of most lists.
const PAGES: Paging = Paging::Token {
    at: "/paging/next/after",
    to: Place::Query("after"),
    over: "",
};

/// One HubSpot account.
#[derive(Debug)]
pub struct HubSpot {
    settings: Settings,
    has_threads: bool,
    has_ratings: bool,
    /// The stages of all pipelines, by id; read again when one is not known.
    stages: Mutex<BTreeMap<String, Stage>>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the service key, such as token_env = \"HUBSPOT_KEY\"";
    settings.credentials = Credentials::bearer(section.secret("token", hint));
    let has_threads = section.flag("threads", true);
    let has_ratings = section.flag("ratings", true);
    Arc::new(HubSpot::new(settings, has_threads, has_ratings))
}

impl HubSpot {
    /// An account with these settings.
    pub fn new(settings: Settings, has_threads: bool, has_ratings: bool) -> Self {
        let stages = Mutex::default();
        Self {
            settings,
            has_threads,
            has_ratings,
            stages,
        }
    }
}

impl System for HubSpot {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let search = |name: &str| {
            let follow = Follow::Window { longest: WINDOW };
            Stream::new(name, follow, Paging::Keyset, "/results")
        };
        let archived = |name: &str| {
            let follow = Follow::Trailing {
                again: TimeDelta::zero(),
                longest: ALL,
            };
            Stream {
                is_daily: true,
                pause: PAUSE,
                ..Stream::new(name, follow, PAGES, "/results")
            }
        };
        let mut streams: Vec<Stream> = ["tickets", "notes", "calls", "emails"].map(search).into();
        if self.has_threads {
            streams.push(Stream::new("threads", Follow::Since, PAGES, "/results"));
        }
        if self.has_ratings {
            streams.push(Stream {
                is_optional: true,
                ..search(FEEDBACK)
            });
        }
        streams.extend(["archived/tickets", "archived/calls"].map(archived));
        let all = |sweep| Stream {
            only_finds: true,
            ..Stream::new("all", sweep, PAGES, "/results")
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let name = stream.name.as_str();
        if name == "threads" {
            let since = span.from.to_rfc3339_opts(SecondsFormat::Millis, true);
            return Request::get(THREADS)
                .with("association", "TICKET")
                .with("latestMessageTimestampAfter", since)
                .with("sort", "latestMessageTimestamp")
                .with("limit", 100);
        }
        let all = |kind: &str| {
            Request::get(format!("crm/objects/{DATE}/{kind}"))
                .with("limit", 100)
                .with("properties", record::CHANGED)
        };
        if name == "all" {
            return all("tickets");
        }
        if let Some(kind) = name.strip_prefix("archived/") {
            return all(kind).with("archived", true);
        }
        let filter = |name: &str, operator: &str, value: String| json!({"propertyName": name, "operator": operator, "value": value});
        let (from, until) = (
            span.from.timestamp_millis(),
            span.until.timestamp_millis() + 1,
        );
        let body = json!({
            "filterGroups": [{"filters": [
                filter(record::CHANGED, "GTE", from.to_string()),
                filter(record::CHANGED, "LTE", until.to_string()),
                filter("hs_object_id", "GT", span.after.clone().unwrap_or_else(|| "0".to_owned())),
            ]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": [record::CHANGED, "hs_merged_object_ids"],
            "limit": self.settings.page_records,
        });
        Request::post(format!("crm/objects/{DATE}/{name}/search"), body).class("search")
    }

    fn complete<'a>(
        &'a self,
        api: Api<'a>,
        stream: &'a Stream,
        _: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let rows = json::list(answer, "results");
            let rows = match stream.name.as_str() {
                "tickets" => record::with_merged(rows),
                kind @ ("notes" | "calls" | "emails" | FEEDBACK) => {
                    self.expand(api, kind, rows).await?
                }
                _ => return Ok(()),
            };
            if let Some(found) = answer.get_mut("results") {
                *found = Value::Array(rows);
            }
            Ok(())
        })
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the row has no id")?;
        let at = record::changed_at(row);
        let keyed = |about: String| Touched {
            key: Some(id.clone()),
            ..Touched::new(about, at)
        };
        Ok(match stream.name.as_str() {
            "tickets" if row.get("mergedInto").is_some() => Some(Touched::new(id, at)),
            "tickets" => Some(keyed(id.clone())),
            "notes" | "calls" | "emails" | FEEDBACK => json::text(row, "about").map(keyed),
            "threads" => record::ticket_of(row)
                .map(|ticket| Touched::new(ticket, json::instant(row, "latestMessageTimestamp"))),
            // Only what a row says itself is deleted.
            name if name.starts_with("archived") && row.get("archivedAt").is_none() => None,
            "archived/calls" => Some(Touched::new(format!("{CALL}{id}"), at)),
            _ => Some(Touched::new(id, at)),
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
            let list = Request::get(format!("crm/objects/{DATE}/tickets"))
                .with("limit", 20)
                .with("properties", self.properties());
            let rows = api.all(list, Paging::Whole, "/results").await?;
            let rows: Vec<Value> = rows
                .iter()
                .filter_map(|row| row.get("properties").cloned())
                .collect();
            let mut remarks = self.settings.remarks(&rows);
            let feedback = Request::get(format!("crm/objects/{DATE}/{FEEDBACK}")).with("limit", 1);
            if self.has_ratings && api.optional(feedback).await?.is_none() {
                let remark = "answers to surveys cannot be read: give the key the scope \
                              crm.objects.feedback_submissions.read, or set ratings = false";
                remarks.push(remark.to_owned());
            }
            Ok(remarks)
        })
    }

    fn rates(&self) -> &'static [Rate] {
        &[
            Rate {
                class: "",
                count: 100,
                seconds: 10,
            },
            Rate {
                class: "search",
                count: 4,
                seconds: 1,
            },
        ]
    }

    fn signatures(&self) -> &'static [Signature] {
        // A workflow that calls a webhook can send a header instead.
        &[
            Signature {
                header: "x-hubspot-signature-v3",
                prefix: "",
                scheme: Scheme::Sha256Base64,
                pieces: &[
                    Piece::Text("POST"),
                    Piece::Address(":/?@!$'()*,;"),
                    Piece::Body,
                    Piece::Time("x-hubspot-request-timestamp"),
                ],
            },
            Signature::SHARED,
        ]
    }

    fn right(&self) -> &'static str {
        "the service key needs the scopes tickets, crm.objects.contacts.read, crm.objects.companies.read and, unless \
         threads = false, conversations.read"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn hubspot() -> HubSpot {
        let url = "https://api.hubapi.test".parse().unwrap();
        let credentials = Credentials::bearer("t".to_owned().into());
        let source = crate::model::SourceId::from("desk");
        let settings = Settings::new(source, url, credentials, &KIND.usual);
        HubSpot::new(settings, true, true)
    }

    #[test]
    fn a_window_is_read_by_growing_ids() {
        let hubspot = hubspot();
        let streams = hubspot.streams();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: Some("77".to_owned()),
        };
        let request = hubspot.list(&streams[0], &span);
        assert_eq!(request.path, "crm/objects/2026-09/tickets/search");
        assert_eq!(request.class, "search");
        let values = |at: usize| {
            let body = request.body.as_ref().unwrap();
            body.pointer(&format!("/filterGroups/0/filters/{at}/value"))
                .cloned()
                .unwrap()
        };
        assert_eq!(
            [values(0), values(1), values(2)],
            [json!("1772442000000"), json!("1772528400001"), json!("77")]
        );
    }

    #[test]
    fn a_page_of_notes_of_no_ticket_still_leads_on() {
        let hubspot = hubspot();
        let notes = &hubspot.streams()[1];
        assert_eq!(hubspot.touched(notes, &json!({"id": "5"})), Ok(None));
        let touched = hubspot
            .touched(notes, &json!({"id": "5", "about": "77"}))
            .unwrap()
            .unwrap();
        assert_eq!(
            (touched.id.as_str(), touched.key.as_deref()),
            ("77", Some("5"))
        );
    }

    #[test]
    fn chosen_fields_are_asked_for() {
        use crate::connectors::engine::FieldPath;
        let mut hubspot = hubspot();
        hubspot.settings.product = Some(FieldPath::new("product_line"));
        let names = hubspot.properties();
        assert!(
            names.contains("hs_ticket_category") && names.contains("product_line"),
            "{names}"
        );
    }
}
