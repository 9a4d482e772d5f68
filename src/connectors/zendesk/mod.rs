//! Zendesk Support through the incremental ticket export, and Talk.
//!
//! The export's cursor is the server's own and is kept across runs; it is never made from a clock.
//! The export is sorted by `generated_timestamp` and leaves out the last minute. Each ticket's
//! comments are fetched with it. A call of Talk that belongs to a ticket stands in its comments;
//! one without is a conversation of its own. What customers thought stands on the ticket, or, in
//! accounts with Zendesk's newer surveys, in a list of its own.

mod call;
mod login;
mod survey;
mod ticket;

use std::sync::Arc;

use chrono::DateTime;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::engine::{
    Api, FieldPath, Follow, Kind, Paging, Place, Rate, Read, Request, Seen, Setting, Settings,
    Span, Stream, System, Touched, Usual,
};
use super::hook::{Piece, Scheme, Signature};
use super::http::Failure;
use super::{OwnCount, PullError, json};
use crate::connectors::rating::RatingField;
use crate::model::{ReportBasis, ReportRow, Window};
use crate::section::Section;
use survey::SURVEYS;
use ticket::{Around, Comments};

pub use ticket::FieldChoice;

/// Zendesk in the table of systems.
pub const KIND: Kind = Kind {
    name: "zendesk",
    title: "Zendesk Support",
    settings: &[
        Setting::needed(
            "client_id",
            "the identifier of a confidential OAuth client (Admin Center, Apps, APIs)",
        ),
        Setting::secret("client_secret", "its secret"),
        Setting::optional(
            "category_field",
            "the official category: field:<id>, type, form, group, brand or tag:<start>",
        ),
    ],
    read,
    usual: Usual {
        page_records_max: 1_000,
        // The export leaves out the last minute, and its cursor needs no overlap.
        overlap_minutes: 2,
        ..Usual::like("https://example.zendesk.com")
    },
};

/// What stands before the id of a call.
const CALL: &str = "call:";

/// What is asked beside the tickets of a page.
const BESIDE: &str = "users,groups,organizations,metric_sets";

/// Which fields a person chose.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// The field that the official report is built on.
    pub category: Option<FieldChoice>,
    /// The field that names the product.
    pub product: Option<FieldChoice>,
    /// The field with the rating, where Zendesk's own is not meant.
    pub csat: Option<RatingField>,
}

/// One Zendesk account.
#[derive(Clone, Debug)]
pub struct Zendesk {
    /// What all systems have.
    pub settings: Settings,
    /// Which fields a person chose.
    pub fields: Fields,
    /// Whether calls of Talk without a ticket are read.
    pub has_talk: bool,
    /// Whether answers to surveys are read.
    pub has_ratings: bool,
    /// Whether Zendesk's own counts of a window are kept as an official report.
    pub official_figures: bool,
    /// Whether the credentials are of the kind that ends.
    is_api_token: bool,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let (credentials, is_api_token) = login::credentials(section, &settings);
    settings.credentials = credentials;
    let choice = |key, path: &Option<FieldPath>| FieldChoice::read(section, key, path.as_ref());
    let fields = Fields {
        category: choice("category_field", &settings.category),
        product: choice("product_field", &settings.product),
        csat: settings.csat.clone(),
    };
    let official_figures = section.flag("official_figures", false);
    let has_talk = section.flag("talk", false);
    let has_ratings = section.flag("ratings", true);
    Arc::new(Zendesk {
        fields,
        official_figures,
        has_talk,
        has_ratings,
        is_api_token,
        ..Zendesk::new(settings)
    })
}

impl Zendesk {
    /// An account with these settings and nothing more.
    pub fn new(settings: Settings) -> Self {
        let fields = Fields::default();
        Self {
            settings,
            fields,
            has_talk: false,
            has_ratings: true,
            official_figures: false,
            is_api_token: false,
        }
    }

    async fn ticket(&self, api: Api<'_>, id: &str, seen: Seen<'_>) -> Result<Read, Failure> {
        let (fetched, beside);
        let (ticket, around) = match seen.row {
            Some(row) if seen.stream == "tickets" => (row, Around::read(seen.answer)),
            _ => {
                let one = Request::get(format!("api/v2/tickets/{id}")).with("include", BESIDE);
                fetched = api.get(one).await?;
                beside = Around::read(&fetched);
                (fetched.get("ticket").unwrap_or(&Value::Null), beside)
            }
        };
        let head = match ticket::head(ticket, &self.settings.source) {
            Ok(head) => head,
            Err(reason) => return Ok(Read::Broken(reason)),
        };
        if let Some(record) = ticket::removal(ticket, &head) {
            return Ok(Read::Record(record));
        }
        let comments = self.comments(api, id).await?;
        let url = api.link(&format!("agent/tickets/{id}"));
        let mut conversation =
            ticket::conversation(ticket, head, comments, &around, &self.fields, url);
        let survey = seen.row.filter(|_| seen.stream == SURVEYS);
        if let (Some(score), None) = (survey.and_then(survey::score), &self.fields.csat) {
            conversation.csat = Some(score);
        }
        Ok(Read::whole(conversation))
    }

    async fn comments(&self, api: Api<'_>, id: &str) -> Result<Comments, Failure> {
        let list = Request::get(format!("api/v2/tickets/{id}/comments"))
            .with("page[size]", 100)
            .with("include", "users");
        let paging = Paging::TokenWhile {
            at: "/meta/after_cursor",
            to: Place::Query("page[after]"),
            more: "/meta/has_more",
        };
        let mut comments = Comments::default();
        for page in api.pages(list, paging, "/comments").await? {
            // Even a ticket without any has the list.
            if page.get("comments").and_then(Value::as_array).is_none() {
                let reason = "a list of comments has no comments".to_owned();
                return Err(PullError::Malformed(reason).into());
            }
            comments.add(&page);
        }
        Ok(comments)
    }

    /// How many tickets Zendesk's search finds that were opened, and that were solved, in a window.
    async fn own_counts(&self, api: Api<'_>, window: &Window) -> Result<Vec<OwnCount>, Failure> {
        let mut counts = Vec::new();
        if !self.official_figures {
            return Ok(counts);
        }
        let at = |instant: DateTime<_>| instant.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (start, end) = (at(window.start), at(window.end));
        for (basis, field) in [
            (ReportBasis::Opened, "created"),
            (ReportBasis::Closed, "solved"),
        ] {
            let query = format!("type:ticket {field}>={start} {field}<{end}");
            let answer = api
                .get(Request::get("api/v2/search/count").with("query", query))
                .await?;
            let count = json::number(&answer, "count")
                .and_then(|count| i64::try_from(count).ok())
                .ok_or_else(|| PullError::Malformed("the search gives no count".to_owned()))?;
            counts.push(OwnCount {
                basis,
                category: Some(ReportRow::TOTAL.to_owned()),
                count,
            });
        }
        Ok(counts)
    }

    async fn remarks(&self, api: Api<'_>) -> Result<Vec<String>, Failure> {
        let mut remarks = Vec::new();
        if self.is_api_token {
            remarks.push(
                "API tokens stop on 2027-04-30: make an OAuth client and set client_id and client_secret_env".to_owned(),
            );
        }
        // The export itself is the only thing that shows whether exporting is allowed.
        let from = self.settings.start(api.now);
        let span = Span {
            from,
            until: api.now,
            after: None,
        };
        let export = api.get(self.list(&self.streams()[0], &span)).await?;
        let tickets = json::list(&export, "tickets");
        let wanted = [
            ("category_field", &self.fields.category),
            ("product_field", &self.fields.product),
        ];
        for (key, choice) in wanted {
            let Some(choice) = choice else { continue };
            if !tickets.is_empty() && !tickets.iter().any(|ticket| choice.is_in(ticket)) {
                remarks.push(format!(
                    "{key} is \"{choice}\", but no ticket of the first page has it"
                ));
            }
        }
        if self.has_ratings {
            remarks.extend(survey::check(api).await?);
        }
        Ok(remarks)
    }
}

impl System for Zendesk {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let export = Paging::Token {
            at: "/after_cursor",
            to: Place::Query("cursor"),
            over: "/end_of_stream",
        };
        let mut streams = vec![Stream::new("tickets", Follow::Token, export, "/tickets")];
        if self.has_talk {
            // Its next address is never missing; a start that stays the same is the end.
            let calls = Paging::TokenInUrl {
                at: "/next_page",
                name: "start_time",
            };
            streams.push(Stream::new("calls", Follow::Token, calls, "/calls"));
        }
        streams.extend(self.has_ratings.then(survey::stream));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let start = span.from.timestamp().to_string();
        if stream.name == SURVEYS {
            return survey::list(span);
        }
        if stream.name == "calls" {
            let start = span.after.clone().unwrap_or(start);
            return Request::get("api/v2/channels/voice/stats/incremental/calls")
                .with("start_time", start)
                .class("exports");
        }
        let place = match &span.after {
            Some(after) => ("cursor", after.clone()),
            None => ("start_time", start),
        };
        Request::get("api/v2/incremental/tickets/cursor")
            .with(place.0, place.1)
            .with("per_page", self.settings.page_records)
            .with("include", BESIDE)
            .class("exports")
    }

    fn complete<'a>(
        &'a self,
        _: Api<'a>,
        stream: &'a Stream,
        span: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        if stream.name == SURVEYS {
            survey::date(answer, span);
        }
        Box::pin(async { Ok(()) })
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        match stream.name.as_str() {
            "calls" => return call::touched(row),
            SURVEYS => return Ok(survey::touched(row)),
            _ => {}
        }
        let head = ticket::head(row, &self.settings.source)?;
        Ok(Some(Touched::new(
            head.key.id.clone(),
            Some(head.updated_at),
        )))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        if id.starts_with(CALL) {
            let read = call::read(id, seen.row, &self.settings);
            return Box::pin(async move { Ok(read) });
        }
        Box::pin(self.ticket(api, id, seen))
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

    fn rates(&self) -> &'static [Rate] {
        // The smallest plan's; exports have a limit of their own on every plan.
        &[
            Rate {
                class: "",
                count: 200,
                seconds: 60,
            },
            Rate {
                class: "exports",
                count: 10,
                seconds: 60,
            },
        ]
    }

    fn has_ratings_apart(&self) -> bool {
        self.has_ratings
    }

    fn right(&self) -> &'static str {
        "exports need an administrator, or an OAuth client with the scope read"
    }

    fn signatures(&self) -> &'static [Signature] {
        &[Signature {
            header: "x-zendesk-webhook-signature",
            prefix: "",
            scheme: Scheme::Sha256Base64,
            pieces: &[
                Piece::Time("x-zendesk-webhook-signature-timestamp"),
                Piece::Body,
            ],
        }]
    }
}
