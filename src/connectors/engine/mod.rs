//! The one pull engine. A system says *what*: which lists tell of changes, which record a row is about, and how a record
//! is read whole. The engine does *how*: bounds, pages, overlap, limits, what happens when something fails.
//!
//! The order of things: a page of a list is fetched; each record that it names is read whole; what cannot be read now is
//! parked by its id; then the page, with the place behind it, is handed to `ingest`, which writes both at once.

mod api;
mod auth;
mod budget;
mod doubt;
mod fields;
mod looks;
mod pages;
mod paging;
mod request;
mod settings;
mod slice;
mod stream;
mod system;
mod walk;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::hook::Hook;
use super::vault::Vault;
use super::{Condition, Connector, Cursor, OwnCount, Page, PullError};
use crate::model::Window;

pub use api::{Account, Api, rows_of};
pub use auth::Credentials;
pub use budget::Rate;
pub(super) use budget::told;
pub use fields::{FieldPath, given, state, word, words};
pub use paging::{Paging, Place, Position};
pub use request::Request;
pub use settings::{Kind, Setting, Settings, Usual};
pub use stream::{Follow, Span, Stream, Touched};
pub use system::{Read, Seen, System};
use walk::Walk;
use whole::Whole;

const VERSION: u32 = 1;

/// The daily pull begins so long before its first run; what is older is history.
const FIRST_DAY: TimeDelta = TimeDelta::days(1);

/// History is read in slices of this length, the newest first.
const SLICE: TimeDelta = TimeDelta::days(30);

/// The saved position of the daily pull.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Daily {
    version: u32,
    walks: BTreeMap<String, Walk>,
    #[serde(default, skip_serializing_if = "Whole::is_empty")]
    whole: Whole,
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
    #[serde(default, skip_serializing_if = "Whole::is_empty")]
    whole: Whole,
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
        let hook = settings.hook_secret.clone().map(|secret| Hook {
            proof: system.proof(),
            secret,
            challenge: system.challenge(),
        });
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
        if self.daily_streams().all(|stream| {
            state
                .walks
                .get(&stream.name)
                .is_none_or(|walk| walk.is_done)
        }) {
            state.whole = Whole::default();
            for stream in self.daily_streams() {
                let walk = state.walks.entry(stream.name.clone()).or_default();
                walk.begin(stream, first, settings.overlap, now);
            }
        }
        let current = self
            .daily_streams()
            .find(|stream| !state.walks.entry(stream.name.clone()).or_default().is_done);
        let mut page = match current {
            Some(stream) => {
                let walk = state.walks.entry(stream.name.clone()).or_default();
                let api = self.account.at(now, false);
                self.page(api, stream, walk, &mut state.whole, None).await?
            }
            None => Page::at(Cursor(String::new())),
        };
        page.is_last = self.daily_streams().all(|stream| {
            state
                .walks
                .get(&stream.name)
                .is_some_and(|walk| walk.is_done)
        });
        page.complete_until = page.is_last.then(|| now - settings.overlap);
        if page.is_last {
            state.whole = Whole::default();
        }
        page.next = write(&state);
        Ok(page)
    }

    fn daily_streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| !stream.is_history)
    }

    fn has_slices(&self) -> bool {
        self.streams
            .iter()
            .all(|stream| !stream.has_history() || stream.has_slices())
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
                    whole: Whole::default(),
                }
            });
        let is_over = |state: &History| {
            let mut streams = self.streams.iter().filter(|stream| stream.has_history());
            streams.all(|stream| {
                state
                    .walks
                    .get(&stream.name)
                    .is_some_and(|walk| walk.is_done)
            })
        };
        if state.walks.is_empty() || is_over(&state) {
            state.whole = Whole::default();
            state.until = state.from;
            state.from = (state.until - SLICE).max(state.start);
            for stream in self.streams.iter().filter(|stream| stream.has_history()) {
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
                .page(
                    self.account.at(now, true),
                    stream,
                    walk,
                    &mut state.whole,
                    Some(end),
                )
                .await?;
        }
        if is_over(&state) {
            page.reached = Some(state.from);
            page.is_last = state.from <= state.start;
        }
        page.next = write(&state);
        Ok(page)
    }
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

    fn official<'a>(
        &'a self,
        window: &'a Window,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<OwnCount>, PullError>> {
        Box::pin(async move {
            let counts = self
                .system
                .official(self.account.at(now, false), window)
                .await;
            counts.map_err(|failure| self.account.pull_error(failure))
        })
    }

    fn has_ratings_apart(&self) -> bool {
        self.system.has_ratings_apart()
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
