//! Zendesk Support through the incremental ticket export.
//!
//! The export's cursor is the server's own and is kept across runs; it is never made from a clock.
//! The export is sorted by `generated_timestamp` and leaves out the last minute. Each ticket's
//! comments are fetched with it; when one of these requests fails, the whole page fails and the
//! cursor stays. The address of the next page is built here, never followed.

mod auth;
mod ticket;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::http::{Client, Failure, Limits};
use super::{Connector, Cursor, OwnCount, Page, PullError, Skipped, json};
use crate::model::{Record, ReportBasis, ReportRow, SourceId, Window};
use crate::section::Section;
use ticket::{Around, Comments};

pub use auth::Credentials;
pub use ticket::FieldChoice;

/// How many tickets a page of the export has. Each ticket costs one more request for its comments.
const PAGE_RECORDS: u32 = 100;

/// Requests side by side.
const IN_FLIGHT: usize = 2;

/// How far back the first pull goes.
const BACKFILL_DAYS: i64 = 365;

/// The export leaves out the last minute, and clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(90);

/// A ticket with more pages of comments than this is cut.
const COMMENT_PAGES_MAX: u32 = 20;

const VERSION: u32 = 1;

/// Settings of a Zendesk account.
#[derive(Clone, Debug)]
pub struct ZendeskConfig {
    /// Its address, such as `https://example.zendesk.com`.
    pub url: Url,
    /// How requests say who asks.
    pub credentials: Credentials,
    /// The field that the official report is built on.
    pub category: Option<FieldChoice>,
    /// The field that names the product.
    pub product: Option<FieldChoice>,
    /// Tickets changed since then are read; a year back when missing.
    pub start: Option<DateTime<Utc>>,
    /// Whether Zendesk's own counts of a window are kept as an official report.
    pub official_figures: bool,
    /// How many tickets a page of the export has.
    pub page_records: u32,
    /// Timeout and size of answers.
    pub limits: Limits,
}

impl ZendeskConfig {
    /// Settings with nothing but what is required.
    pub fn new(url: Url, credentials: Credentials) -> Self {
        Self {
            url,
            credentials,
            category: None,
            product: None,
            start: None,
            official_figures: false,
            page_records: PAGE_RECORDS,
            limits: Limits::default(),
        }
    }

    /// Reads the settings out of a `[[sources]]` table.
    pub fn read(section: &mut Section<'_>, zone: chrono_tz::Tz) -> Self {
        let url = section.url(
            "url",
            "give the account's address, such as https://example.zendesk.com",
        );
        let mut config = Self::new(url, Credentials::read(section));
        config.category = FieldChoice::read(section, "category_field");
        config.product = FieldChoice::read(section, "product_field");
        config.start = super::start(section, zone);
        config.official_figures = section.flag("official_figures", false);
        let records = section.number("page_records", i64::from(PAGE_RECORDS), 1..=1_000);
        config.page_records = u32::try_from(records).unwrap_or(PAGE_RECORDS);
        config.limits = super::limits(section);
        config
    }
}

/// The position in the export, in the server's own words.
#[derive(Debug, Serialize, Deserialize)]
struct ExportCursor {
    version: u32,
    /// `None`: the account had no tickets yet, so the export starts anew.
    after: Option<String>,
}

/// The connector of one Zendesk account.
pub struct Zendesk {
    source: SourceId,
    config: ZendeskConfig,
    client: Client,
    session: auth::Session,
}

impl Zendesk {
    /// A connector that asks the configured account and nobody else.
    pub fn new(source: SourceId, config: ZendeskConfig) -> anyhow::Result<Self> {
        let client = Client::new(config.url.clone(), config.limits)?;
        let session = auth::Session::new(config.credentials.clone());
        Ok(Self {
            source,
            config,
            client,
            session,
        })
    }

    async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let right = "exports need an administrator, or an OAuth client with the scope read";
        let url = self.client.url(&format!("api/v2/{path}"), query);
        self.session.get(&self.client, url, right, now).await
    }

    /// How many tickets Zendesk's search finds that were opened, and that were solved, in a window.
    async fn own_counts(
        &self,
        window: &Window,
        now: DateTime<Utc>,
    ) -> Result<Vec<OwnCount>, PullError> {
        let mut counts = Vec::new();
        if !self.config.official_figures {
            return Ok(counts);
        }
        let at = |instant: DateTime<Utc>| instant.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (start, end) = (at(window.start), at(window.end));
        for (basis, field) in [
            (ReportBasis::Opened, "created"),
            (ReportBasis::Closed, "solved"),
        ] {
            let query = format!("type:ticket {field}>={start} {field}<{end}");
            let answer = self.get("search/count", &[("query", &query)], now).await;
            let answer = answer.map_err(|failure| self.client.pull_error(failure))?;
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

    async fn page(&self, cursor: Option<&Cursor>, now: DateTime<Utc>) -> Result<Page, PullError> {
        let after = cursor
            .and_then(|cursor| serde_json::from_str(&cursor.0).ok())
            .filter(|cursor: &ExportCursor| cursor.version == VERSION)
            .and_then(|cursor| cursor.after);
        let export = self.export(after.as_deref(), now).await;
        let export = export.map_err(|failure| self.client.pull_error(failure))?;
        let Some(tickets) = export.get("tickets").and_then(Value::as_array) else {
            return Err(PullError::Malformed("the export has no tickets".to_owned()));
        };
        let is_last = export
            .get("end_of_stream")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        // At the end of the stream the cursor is still the place to go on.
        let after = json::text(&export, "after_cursor").or(after);
        if after.is_none() && !(is_last && tickets.is_empty()) {
            return Err(PullError::Malformed(
                "the export has no after_cursor".to_owned(),
            ));
        }
        let next = ExportCursor {
            version: VERSION,
            after,
        };
        let (records, skipped) = self.records(tickets, &Around::read(&export), now).await?;
        let next = serde_json::to_string(&next).expect("plain data becomes JSON");
        Ok(Page {
            records,
            skipped,
            is_last,
            complete_until: is_last.then(|| now - MARGIN),
            ..Page::at(Cursor(next))
        })
    }

    async fn export(&self, after: Option<&str>, now: DateTime<Utc>) -> Result<Value, Failure> {
        let start = self
            .config
            .start
            .unwrap_or(now - TimeDelta::days(BACKFILL_DAYS));
        let start = start.timestamp().to_string();
        let place = after.map_or(("start_time", start.as_str()), |after| ("cursor", after));
        let records = self.config.page_records.to_string();
        let include = "users,groups,organizations,metric_sets";
        let query = [place, ("per_page", records.as_str()), ("include", include)];
        self.get("incremental/tickets/cursor", &query, now).await
    }

    /// The tickets of a page in their order; one that makes no sense is skipped.
    async fn records(
        &self,
        tickets: &[Value],
        around: &Around,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Record>, Vec<Skipped>), PullError> {
        let mut reads = Vec::new();
        for (place, ticket) in tickets.iter().enumerate() {
            reads.push(self.ticket(place, ticket, around, now));
        }
        let reads: Vec<_> = stream::iter(reads)
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let (mut records, mut skipped) = (Vec::new(), Vec::new());
        for read in reads {
            match read {
                Ok(record) => records.push(record),
                Err(one) => skipped.push(one),
            }
        }
        Ok((records, skipped))
    }

    async fn ticket(
        &self,
        place: usize,
        ticket: &Value,
        around: &Around,
        now: DateTime<Utc>,
    ) -> Result<Result<Record, Skipped>, PullError> {
        let name = json::text(ticket, "id").unwrap_or_else(|| format!("ticket {place} of a page"));
        let skipped = |reason: String| Skipped {
            place: name.clone(),
            reason,
        };
        let head = match ticket::head(ticket, &self.source) {
            Ok(head) => head,
            Err(reason) => return Ok(Err(skipped(reason))),
        };
        if let Some(record) = ticket::removal(ticket, &head) {
            return Ok(Ok(record));
        }
        let comments = match self.comments(&head.key.id, now).await {
            Ok(comments) => comments,
            // Deleted between the export and now: the export will say so soon.
            Err(Failure::NotFound) => Comments::default(),
            Err(failure) => return Err(self.client.pull_error(failure)),
        };
        let record =
            ticket::conversation(ticket, head, comments, around, &self.config, &self.client);
        Ok(Ok(Record::Conversation(Box::new(record))))
    }

    async fn comments(&self, id: &str, now: DateTime<Utc>) -> Result<Comments, Failure> {
        let path = format!("tickets/{id}/comments");
        let mut comments = Comments::default();
        let mut after: Option<String> = None;
        for _ in 0..COMMENT_PAGES_MAX {
            let mut query = vec![("page[size]", "100"), ("include", "users")];
            query.extend(after.as_deref().map(|after| ("page[after]", after)));
            let page = self.get(&path, &query, now).await?;
            if page.get("comments").and_then(Value::as_array).is_none() {
                let reason = "a list of comments has no comments".to_owned();
                return Err(PullError::Malformed(reason).into());
            }
            comments.add(&page);
            let meta = page.get("meta");
            let has_more = meta
                .and_then(|meta| meta.get("has_more"))
                .and_then(Value::as_bool);
            let next = meta.and_then(|meta| json::text(meta, "after_cursor"));
            if has_more != Some(true) || next.is_none() || next == after {
                break;
            }
            after = next;
        }
        Ok(comments)
    }

    async fn remarks(&self, now: DateTime<Utc>) -> Result<Vec<String>, PullError> {
        let mut remarks = Vec::new();
        if self.config.credentials.is_api_token() {
            remarks.push(
                "API tokens stop on 2027-04-30: make an OAuth client and set client_id and client_secret_env"
                    .to_owned(),
            );
        }
        // The export itself is the only thing that shows whether exporting is allowed.
        let export = self.export(None, now).await;
        let export = export.map_err(|failure| self.client.pull_error(failure))?;
        let tickets = json::list(&export, "tickets");
        let wanted = [
            ("category_field", &self.config.category),
            ("product_field", &self.config.product),
        ];
        for (key, choice) in wanted {
            let Some(choice) = choice else { continue };
            if !tickets.is_empty() && !tickets.iter().any(|ticket| choice.is_in(ticket)) {
                remarks.push(format!(
                    "{key} is \"{choice}\", but no ticket of the first page has it"
                ));
            }
        }
        Ok(remarks)
    }
}

impl Connector for Zendesk {
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.page(cursor, now))
    }

    fn official<'a>(
        &'a self,
        window: &'a Window,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<OwnCount>, PullError>> {
        Box::pin(self.own_counts(window, now))
    }

    fn check<'a>(&'a self, now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>> {
        Box::pin(self.remarks(now))
    }
}
