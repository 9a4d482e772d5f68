//! Request Tracker 5 through REST 2.
//!
//! The transaction log is the feed: its ids grow, and it shows replies, comments, status changes,
//! categories, merges and deletions. For each ticket that it names, the ticket is read whole.
//! RT checks rights after it cut a page, says nothing about what it left out, and gives totals to
//! administrators only; so a page's size means nothing, and only an empty page is an end.

mod check;
mod cursor;
mod log;
mod official;
mod texts;
mod ticket;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;
use url::Url;

use super::http::{Auth, Client, Failure, Limits};
use super::{Connector, Cursor, OwnCount, Page, PullError, Skipped, json};
use crate::model::{SourceId, Window};
use crate::section::Section;
use cursor::LogCursor;
use serde_json::Value;
use ticket::Read;

/// RT never gives more at once, and the more the better: an empty page is taken for the end.
const PER_PAGE: u32 = 100;

/// A page may be empty because all its rows are hidden from the token; so many are looked at before
/// a list is taken to end.
const EMPTY_PAGES: u32 = 2;

/// Nobody has that many queues; a server that repeats itself ends here.
const QUEUE_PAGES_MAX: u32 = 100;

/// Requests side by side: RT burns CPU on each token.
const IN_FLIGHT: usize = 2;

/// The log is complete up to this long before it was read: a transaction may take a while to appear.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// How many ids before the last one are read again, because ids may appear out of order.
const OVERLAP: u64 = 100;

/// Settings of a Request Tracker.
#[derive(Clone, Debug)]
pub struct RequestTrackerConfig {
    /// Its address, such as `https://rt.example.com`.
    pub url: Url,
    /// How requests say who asks.
    pub auth: Auth,
    /// Names of the queues to read; all that the token sees when empty.
    pub queues: Vec<String>,
    /// Queues whose tickets are notes of calls.
    pub call_queues: Vec<String>,
    /// The custom field that is the official category, or `queue`.
    pub category_field: String,
    /// The custom field that names the product.
    pub product_field: Option<String>,
    /// The custom field that holds tags.
    pub tags_field: Option<String>,
    /// The custom field that names the customer's company.
    pub account_field: Option<String>,
    /// Status words that mean solved or closed.
    pub inactive: Vec<String>,
    /// Tickets touched since then are read; all when missing.
    pub start: Option<DateTime<Utc>>,
    /// Whether RT's own counts of a window are kept as an official report.
    pub official_figures: bool,
    /// How many ids before the last one are read again.
    pub overlap: u64,
    /// How many entries a list has at once.
    pub per_page: u32,
    /// Timeout and size of answers.
    pub limits: Limits,
}

impl RequestTrackerConfig {
    /// Settings with nothing but what is required.
    pub fn new(url: Url, token: SecretString) -> Self {
        Self {
            url,
            auth: Auth::Token(token),
            queues: Vec::new(),
            call_queues: Vec::new(),
            category_field: "queue".to_owned(),
            product_field: None,
            tags_field: None,
            account_field: None,
            inactive: ["resolved", "rejected", "deleted"]
                .map(str::to_owned)
                .to_vec(),
            start: None,
            official_figures: false,
            overlap: OVERLAP,
            per_page: PER_PAGE,
            limits: Limits::default(),
        }
    }

    /// Reads the settings out of a `[[sources]]` table.
    pub fn read(section: &mut Section<'_>, zone: chrono_tz::Tz) -> Self {
        let url = section.url(
            "url",
            "give the address of the server, such as https://rt.example.com",
        );
        let hint = "name the variable that holds a token made under Settings, Auth Tokens";
        let mut config = Self::new(url, section.secret("token", hint));
        config.queues = section.list("queues");
        config.call_queues = section.list("call_queues");
        config.category_field = section.text("category_field", "queue");
        config.product_field = section.optional_text("product_field");
        config.tags_field = section.optional_text("tags_field");
        config.account_field = section.optional_text("account_field");
        if section.has("inactive_statuses") {
            config.inactive = section.list("inactive_statuses");
        }
        config.start = super::start(section, zone);
        config.official_figures = section.flag("official_figures", false);
        let overlap = section.number("overlap", OVERLAP as i64, 0..=10_000);
        config.overlap = overlap.unsigned_abs();
        let per_page = section.number("page_records", i64::from(PER_PAGE), 1..=i64::from(PER_PAGE));
        config.per_page = u32::try_from(per_page).unwrap_or(PER_PAGE);
        config.limits = super::limits(section);
        config
    }
}

/// The connector of one Request Tracker.
pub struct RequestTracker {
    source: SourceId,
    config: RequestTrackerConfig,
    client: Client,
}

impl RequestTracker {
    /// A connector that asks the configured server and nobody else.
    pub fn new(source: SourceId, config: RequestTrackerConfig) -> anyhow::Result<Self> {
        let client = Client::new(config.url.clone(), config.limits)?;
        Ok(Self {
            source,
            config,
            client,
        })
    }

    async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let url = self.client.url(&format!("REST/2.0/{path}"), query);
        let right =
            "grant SeeQueue, ShowTicket, ShowTicketComments and SeeCustomField on the queues";
        self.client.get(url, &self.config.auth, right, now).await
    }

    /// Name by id of the queues that the token sees and the configuration wants.
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<(String, String)>, PullError> {
        let visible = self
            .visible_queues(now)
            .await
            .map_err(|failure| self.client.pull_error(failure))?;
        let wanted = |name: &str| {
            self.config.queues.is_empty()
                || self
                    .config
                    .queues
                    .iter()
                    .any(|queue| queue.eq_ignore_ascii_case(name))
        };
        let queues: Vec<_> = visible
            .into_iter()
            .filter(|(_, name)| wanted(name))
            .collect();
        if queues.is_empty() {
            let reason = "the token sees none of the queues: grant SeeQueue, ShowTicket, \
                          ShowTicketComments and SeeCustomField on them to its user";
            return Err(PullError::Unauthorized(reason.to_owned()));
        }
        Ok(queues)
    }

    async fn visible_queues(&self, now: DateTime<Utc>) -> Result<Vec<(String, String)>, Failure> {
        let mut queues = Vec::new();
        for number in 1..=QUEUE_PAGES_MAX {
            let items = self.list("queues/all", "Name", &[], number, now).await?;
            for item in &items {
                queues.extend(json::text(item, "id").zip(json::text(item, "Name")));
            }
            if items.is_empty() {
                break;
            }
        }
        queues.sort();
        queues.dedup();
        Ok(queues)
    }

    /// One page of a list.
    async fn list(
        &self,
        path: &str,
        fields: &str,
        query: &[(&str, &str)],
        number: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<Value>, Failure> {
        let (number, per_page) = (number.to_string(), self.config.per_page.to_string());
        let common = [
            ("fields", fields),
            ("orderby", "id"),
            ("per_page", per_page.as_str()),
            ("page", number.as_str()),
        ];
        let query = [&common, query].concat();
        match self
            .get(path, &query, now)
            .await?
            .get_mut("items")
            .map(Value::take)
        {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(PullError::Malformed(format!("the answer to {path} has no items")).into()),
        }
    }

    async fn page(&self, cursor: Option<&Cursor>, now: DateTime<Utc>) -> Result<Page, PullError> {
        let before = LogCursor::read(cursor);
        let queues = self.queues(now).await?;
        let entries = self.log(&before, &queues, now).await?;
        if entries.is_empty() {
            return Ok(Page {
                is_last: true,
                complete_until: Some(now - MARGIN),
                ..Page::at(before.at_end().write())
            });
        }
        let touched = before.touched(&entries);
        let mut reads = Vec::new();
        for (id, newest) in &touched {
            reads.push(self.ticket(id, *newest, &queues, now));
        }
        let reads: Vec<Read> = stream::iter(reads)
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut next = before.advance(&entries, self.config.overlap);
        let (mut records, mut skipped) = (Vec::new(), Vec::new());
        for ((id, _), read) in touched.iter().zip(reads) {
            match read {
                Read::Record { record, seen_to } => {
                    records.push(record);
                    next.note_read(id, seen_to);
                }
                Read::Hidden => skipped.push(Skipped {
                    place: id.clone(),
                    reason: "the token may not see this ticket (status 403)".to_owned(),
                }),
                Read::Broken(reason) => skipped.push(Skipped {
                    place: id.clone(),
                    reason,
                }),
            }
        }
        Ok(Page {
            records,
            skipped,
            ..Page::at(next.write())
        })
    }
}

impl Connector for RequestTracker {
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
