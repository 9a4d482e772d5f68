//! The one pull engine. A system says *what*: which lists tell of changes, which record a row is about, and how a record
//! is read whole. The engine does *how*: bounds, pages, overlap, limits, what happens when something fails.
//!
//! The order of things: a page of a list is fetched; each record that it names is read whole; what cannot be read now is
//! parked by its id; then the page, with the place behind it, is handed to `ingest`, which writes both at once.

mod api;
mod auth;
mod budget;
mod fields;
mod looks;
mod paging;
mod request;
mod settings;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hook::{Hook, Signature};
use super::http::Failure;
use super::vault::Vault;
use super::{Condition, Connector, Cursor, Page, Parked, PullError, Skipped, Sweep};
use crate::model::{ConversationKey, Record};

pub use api::{Account, Api, rows_of};
pub use auth::Credentials;
pub use budget::Rate;
pub(super) use budget::told;
pub use fields::{FieldPath, state, word, words};
pub use paging::{Paging, Place, Position};
pub use request::Request;
pub use settings::{Kind, Setting, Settings, Usual};
pub use walk::{Follow, Span, Stream, Touched};
use walk::{Turned, Walk};

const VERSION: u32 = 1;

/// Requests side by side.
const IN_FLIGHT: usize = 2;

/// After so many records of a page that fail one after the other, the rest of it is not even tried.
const FAILURES_MAX: u32 = 3;

/// The daily pull begins so long before its first run; what is older is history.
const FIRST_DAY: TimeDelta = TimeDelta::days(1);

/// History is read in slices of this length, the newest first.
const SLICE: TimeDelta = TimeDelta::days(30);

/// What was read of a record.
#[derive(Debug)]
pub enum Read {
    /// It, or that it is gone.
    Record(Record),
    /// Several at once, such as all that a merge took away.
    Records(Vec<Record>),
    /// It is none of ours, such as a pull request among issues.
    Nothing,
    /// It makes no sense; why, without the customer's words.
    Broken(String),
}

/// What is known of a record before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The row that named it; none for a record that is read again by its id alone.
    pub row: Option<&'a Value>,
    /// The answer that the row stood in, for what lies beside the rows.
    pub answer: &'a Value,
    /// The list's name.
    pub stream: &'a str,
}

/// One system's API: what, not how. Everything but `read` and `check` is pure.
pub trait System: Send + Sync + std::fmt::Debug {
    /// What all systems have.
    fn settings(&self) -> &Settings;

    /// The lists that tell of changes, in the order in which they are walked.
    fn streams(&self) -> Vec<Stream>;

    /// The request for a list between these bounds; the engine adds which page.
    fn list(&self, stream: &Stream, span: &Span) -> Request;

    /// Which record a row is about; none when it is about none of ours. An `Err` is why the row makes no sense.
    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String>;

    /// The record, whole.
    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>>;

    /// What `doctor` should tell a person beyond what failing requests say; asks as little as it can.
    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// What the vendor allows, by class of requests; what it tells in its answers is learnt anyway.
    fn rates(&self) -> &'static [Rate] {
        &[]
    }

    /// Headers that go with every request.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What the credentials need when the server answers "forbidden".
    fn right(&self) -> &'static str {
        "the credentials may not read this; allow it in the helpdesk"
    }

    /// How the vendor signs its calls.
    fn signature(&self) -> Option<Signature> {
        None
    }
}

/// The saved position of the daily pull.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Daily {
    version: u32,
    walks: BTreeMap<String, Walk>,
}

/// The saved position in history: a slice of time, and how far each list of it was read.
#[derive(Debug, Serialize, Deserialize)]
struct History {
    version: u32,
    /// History ends here.
    start: DateTime<Utc>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    walks: BTreeMap<String, Walk>,
}

/// How reading the records of a page goes.
#[derive(Default)]
struct Tally {
    read: AtomicU32,
    failed: AtomicU32,
    is_limited: AtomicBool,
}

impl Tally {
    fn note(&self, result: &Result<Read, Failure>) {
        match result {
            Ok(_) | Err(Failure::NotFound | Failure::Forbidden(_)) => {
                self.read.fetch_add(1, Ordering::Relaxed);
            }
            Err(Failure::Pull(PullError::RateLimited { .. })) => {
                self.is_limited.store(true, Ordering::Relaxed);
            }
            Err(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether trying the rest would only be a nuisance.
    fn is_hopeless(&self) -> bool {
        let (read, failed) = (
            self.read.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        );
        self.is_limited.load(Ordering::Relaxed) || (read == 0 && failed >= FAILURES_MAX)
    }
}

/// A system under the engine.
pub struct Engine {
    system: Arc<dyn System>,
    account: Account,
    streams: Vec<Stream>,
    hook: Option<Hook>,
}

impl Engine {
    /// The connector of a system.
    pub fn new(system: Arc<dyn System>, vault: &Vault) -> anyhow::Result<Self> {
        let settings = system.settings();
        let account = Account::new(
            settings,
            system.rates(),
            system.headers(),
            system.right(),
            vault,
        )?;
        let hook = settings.hook_secret.clone().zip(system.signature());
        let hook = hook.map(|(secret, signature)| Hook { signature, secret });
        let streams = system.streams();
        Ok(Self {
            system,
            account,
            streams,
            hook,
        })
    }

    async fn daily(&self, cursor: Option<&Cursor>, now: DateTime<Utc>) -> Result<Page, PullError> {
        let read = cursor.and_then(|cursor| serde_json::from_str::<Daily>(&cursor.0).ok());
        let is_new = cursor.is_none();
        let mut state = read
            .filter(|state| state.version == VERSION)
            .unwrap_or_default();
        state.version = VERSION;
        let settings = self.system.settings();
        let start = settings.start(now);
        // A position that cannot be read starts at the beginning: there must be no hole.
        let first = if is_new && self.has_slices() {
            (now - FIRST_DAY).max(start)
        } else {
            start
        };
        if self.streams.iter().all(|stream| {
            state
                .walks
                .get(&stream.name)
                .is_none_or(|walk| walk.is_done)
        }) {
            for stream in &self.streams {
                let walk = state.walks.entry(stream.name.clone()).or_default();
                walk.begin(stream, first, settings.overlap, now);
            }
        }
        let current = self
            .streams
            .iter()
            .find(|stream| !state.walks.entry(stream.name.clone()).or_default().is_done);
        let mut page = match current {
            Some(stream) => {
                let walk = state.walks.entry(stream.name.clone()).or_default();
                let api = self.account.at(now, false);
                self.page(api, stream, walk, None).await?
            }
            None => Page::at(Cursor(String::new())),
        };
        page.is_last = self.streams.iter().all(|stream| {
            state
                .walks
                .get(&stream.name)
                .is_some_and(|walk| walk.is_done)
        });
        page.complete_until = page.is_last.then(|| now - settings.overlap);
        page.next = write(&state);
        Ok(page)
    }

    fn has_slices(&self) -> bool {
        self.streams
            .iter()
            .all(|stream| stream.is_sweep() || stream.has_slices())
    }

    async fn history(
        &self,
        cursor: Option<&Cursor>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
        let read = cursor.and_then(|cursor| serde_json::from_str::<History>(&cursor.0).ok());
        let mut state = read
            .filter(|state| state.version == VERSION)
            .unwrap_or_else(|| {
                let start = self.system.settings().start(until);
                History {
                    version: VERSION,
                    start,
                    from: until,
                    until,
                    walks: BTreeMap::new(),
                }
            });
        let is_over = |state: &History| {
            let streams = self.streams.iter().filter(|stream| !stream.is_sweep());
            streams.clone().all(|stream| {
                state
                    .walks
                    .get(&stream.name)
                    .is_some_and(|walk| walk.is_done)
            })
        };
        if state.walks.is_empty() || is_over(&state) {
            state.until = state.from;
            state.from = (state.until - SLICE).max(state.start);
            for stream in self.streams.iter().filter(|stream| !stream.is_sweep()) {
                let walk = state.walks.entry(stream.name.clone()).or_default();
                walk.begin_slice(state.from, state.until);
            }
        }
        let end = state.until;
        let current = self.streams.iter().find(|stream| {
            state
                .walks
                .get(&stream.name)
                .is_some_and(|walk| !walk.is_done)
        });
        let mut page = Page::at(Cursor(String::new()));
        if let Some((stream, walk)) =
            current.and_then(|stream| Some((stream, state.walks.get_mut(&stream.name)?)))
        {
            page = self
                .page(self.account.at(now, true), stream, walk, Some(end))
                .await?;
        }
        if is_over(&state) {
            page.reached = Some(state.from);
            page.is_last = state.from <= state.start;
        }
        page.next = write(&state);
        Ok(page)
    }

    /// One page of a list with its records, and the walk behind it.
    async fn page(
        &self,
        api: Api<'_>,
        stream: &Stream,
        walk: &mut Walk,
        end: Option<DateTime<Utc>>,
    ) -> Result<Page, PullError> {
        let request = self.system.list(stream, &walk.span(api.now));
        let request = stream.paging.apply(request, walk.position());
        let answer = match api.send(&request).await {
            Ok(answer) => answer,
            Err(Failure::NotFound) if stream.is_404_empty => super::http::Answer::empty(),
            Err(Failure::Refused(_) | Failure::NotFound) if walk.position().is_some() => {
                walk.refused(stream)?;
                return Ok(Page::at(Cursor(String::new())));
            }
            Err(failure) => return Err(self.account.pull_error(failure)),
        };
        let rows = rows_of(&answer.body, stream.items)?;
        let mut page = Page::at(Cursor(String::new()));
        let touched = self.touched(stream, rows, &mut page);
        let next = stream.paging.next(
            &answer,
            walk.position(),
            rows.len(),
            touched.iter().rev().find_map(|(row, _)| row.key.as_deref()),
            self.account.client().base(),
        )?;
        if next.is_some() && next.as_ref() == walk.position() {
            let reason = format!("{}: the page repeats, it leads back to itself", stream.name);
            return Err(PullError::Malformed(reason));
        }
        if let Follow::Sweep { prefix, .. } = stream.follow {
            let started_at = walk.started_at(api.now);
            let present = touched.iter().map(|(row, _)| row.id.clone()).collect();
            page.sweep = Some(Sweep {
                started_at,
                present,
                prefix: if stream.scope.is_empty() {
                    prefix.to_owned()
                } else {
                    stream.scope.clone()
                },
                is_over: next.is_none(),
            });
        } else {
            let wanted = latest(
                touched
                    .iter()
                    .filter(|(row, _)| !walk.knows(stream, row, api.now)),
            );
            let reads = wanted.iter().map(|(row, value)| {
                let seen = Seen {
                    row: Some(value),
                    answer: &answer.body,
                    stream: &stream.name,
                };
                (row.id.as_str(), seen)
            });
            self.read_all(api, reads.collect(), &mut page).await?;
        }
        let parked: Vec<String> = page.parked.iter().map(|one| one.id.clone()).collect();
        let rows: Vec<Touched> = touched.into_iter().map(|(row, _)| row).collect();
        let token = stream.paging.token(&answer);
        walk.turn(
            stream,
            Turned {
                rows: &rows,
                parked: &parked,
                next,
                token,
            },
            end,
            api.now,
        )?;
        Ok(page)
    }

    fn touched<'v>(
        &self,
        stream: &Stream,
        rows: &'v [Value],
        page: &mut Page,
    ) -> Vec<(Touched, &'v Value)> {
        let mut touched = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            match self.system.touched(stream, row) {
                Ok(Some(found)) => touched.push((found, row)),
                Ok(None) => {}
                Err(reason) => {
                    let id = super::json::text(row, "id");
                    let place = id.unwrap_or_else(|| format!("{} {place} of a page", stream.name));
                    page.skipped.push(Skipped { place, reason });
                }
            }
        }
        touched
    }

    /// Reads records whole. A failure that concerns all ends the page, unless some of it was read: then the rest is parked.
    async fn read_all(
        &self,
        api: Api<'_>,
        wanted: Vec<(&str, Seen<'_>)>,
        page: &mut Page,
    ) -> Result<(), PullError> {
        let tally = Tally::default();
        let mut reads = Vec::new();
        for (id, seen) in wanted {
            reads.push(self.one(api, id, seen, &tally));
        }
        let results: Vec<_> = stream::iter(reads).buffered(IN_FLIGHT).collect().await;
        let has_read = tally.read.load(Ordering::Relaxed) > 0;
        for (id, result) in results {
            self.settle(id, result, page, has_read)?;
        }
        Ok(())
    }

    async fn one<'s>(
        &self,
        api: Api<'_>,
        id: &'s str,
        seen: Seen<'_>,
        tally: &Tally,
    ) -> (&'s str, Result<Read, Failure>) {
        if tally.is_hopeless() {
            let reason = "not tried: others of its page failed".to_owned();
            return (id, Err(Failure::Pull(PullError::Transient(reason))));
        }
        let result = self.system.read(api, id, seen).await;
        tally.note(&result);
        (id, result)
    }

    /// What becomes of a record, by how reading it went.
    fn settle(
        &self,
        id: &str,
        result: Result<Read, Failure>,
        page: &mut Page,
        has_read: bool,
    ) -> Result<(), PullError> {
        let skipped = |reason: String| Skipped {
            place: id.to_owned(),
            reason,
        };
        let mut park = |reason: String, retry_after_s| {
            page.parked.push(Parked {
                id: id.to_owned(),
                reason,
                retry_after_s,
            })
        };
        match result {
            Ok(Read::Record(record)) => page.records.push(record),
            Ok(Read::Records(records)) => page.records.extend(records),
            Ok(Read::Nothing) => {}
            Ok(Read::Broken(reason)) => page.skipped.push(skipped(reason)),
            Err(Failure::Forbidden(_)) => {
                page.skipped.push(skipped(
                    "the credentials may not see this record (status 403)".to_owned(),
                ));
            }
            // It was listed a moment ago; only a second look says that it is gone.
            Err(Failure::NotFound) => park("it was listed, but is not there".to_owned(), None),
            Err(Failure::Pull(error @ PullError::Unauthorized(_))) => return Err(error),
            Err(Failure::Pull(error @ PullError::RateLimited { .. })) if !has_read => {
                return Err(error);
            }
            Err(Failure::Pull(PullError::RateLimited { retry_after_s })) => {
                park(
                    "the limit of requests was reached".to_owned(),
                    retry_after_s,
                );
            }
            Err(failure) => park(self.account.pull_error(failure).to_string(), None),
        }
        Ok(())
    }

    /// Reads parked records; one that is not there now is gone.
    async fn again(&self, ids: &[String], now: DateTime<Utc>) -> Result<Page, PullError> {
        let mut page = Page::at(Cursor(String::new()));
        let nothing = Value::Null;
        let wanted = ids.iter().map(|id| {
            (
                id.as_str(),
                Seen {
                    row: None,
                    answer: &nothing,
                    stream: "",
                },
            )
        });
        self.read_all(self.account.at(now, false), wanted.collect(), &mut page)
            .await?;
        let (gone, parked) = std::mem::take(&mut page.parked)
            .into_iter()
            .partition(|one: &Parked| one.reason == "it was listed, but is not there");
        page.parked = parked;
        page.records
            .extend(gone.into_iter().map(|one: Parked| Record::Deleted {
                key: self.key(&one.id),
                at: now,
            }));
        Ok(page)
    }

    fn key(&self, id: &str) -> ConversationKey {
        ConversationKey {
            source: self.system.settings().source.clone(),
            id: id.to_owned(),
        }
    }
}

/// Of several rows about one record the last one, in the order of their first.
fn latest<'r, 'v: 'r>(
    rows: impl Iterator<Item = &'r (Touched, &'v Value)>,
) -> Vec<(&'r Touched, &'v Value)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanted: Vec<(&Touched, &Value)> = Vec::new();
    for (row, value) in rows {
        match places.get(row.id.as_str()) {
            Some(place) => wanted[*place] = (row, value),
            None => {
                places.insert(&row.id, wanted.len());
                wanted.push((row, value));
            }
        }
    }
    wanted
}

fn write(state: &impl Serialize) -> Cursor {
    Cursor(serde_json::to_string(state).expect("plain data becomes JSON"))
}

impl Connector for Engine {
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.daily(cursor, now))
    }

    fn backfill<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.history(cursor, until, now))
    }

    fn has_backfill(&self) -> bool {
        self.has_slices()
    }

    fn read_again<'a>(
        &'a self,
        ids: &'a [String],
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.again(ids, now))
    }

    fn hook(&self) -> Option<&Hook> {
        self.hook.as_ref()
    }

    fn condition(&self) -> Condition {
        self.account.condition()
    }

    fn check<'a>(&'a self, now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>> {
        Box::pin(async move {
            let remarks = self.system.check(self.account.at(now, false)).await;
            remarks.map_err(|failure| self.account.pull_error(failure))
        })
    }
}
