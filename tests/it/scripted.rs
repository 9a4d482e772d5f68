//! A helpdesk without a network: a connector over tickets in memory, whose every answer a test decides. It pages by time
//! and id, reads history from the newest to the oldest, and breaks where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use groundswell::connectors::hook::Hook;
use groundswell::connectors::{Condition, Connector, Cursor, Page, Parked, PullError, Sweep};
use groundswell::model::{Conversation, ConversationKey, Record, Text};

pub const SOURCE: &str = "desk";

/// Everything the helpdesk holds and does.
#[derive(Default)]
pub struct State {
    /// When each was changed last, and what it says.
    pub tickets: BTreeMap<String, (DateTime<Utc>, String)>,
    /// Cannot be read just now.
    pub broken: BTreeSet<String>,
    /// Not mentioned at all when asked for one by one.
    pub silent: BTreeSet<String>,
    /// The n-th call, from 1, fails like this.
    pub faults: BTreeMap<u32, PullError>,
    /// Every reading of single records fails like this.
    pub fault_again: Option<PullError>,
    /// The last page of a pull ends a walk over everything.
    pub has_sweep: bool,
    pub has_backfill: bool,
    /// Every page of history fails like this.
    pub fault_history: Option<PullError>,
    /// Pages of history never come.
    pub is_history_silent: bool,
    pub hook: Option<Hook>,
    pub condition: Condition,
    pub page_records: usize,
    pub calls: u32,
    pub pulls: u32,
    pub backfills: u32,
    pub asked_again: Vec<String>,
}

/// The connector; clones share the helpdesk.
#[derive(Clone)]
pub struct Desk {
    state: Arc<Mutex<State>>,
    hook: Option<Hook>,
}

impl Desk {
    pub fn new(state: State) -> Self {
        let hook = state.hook.clone();
        let state = Arc::new(Mutex::new(State {
            page_records: state.page_records.max(1),
            ..state
        }));
        Self { state, hook }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// A call: it counts, and may be one that fails.
    fn call(&self) -> Result<std::sync::MutexGuard<'_, State>, PullError> {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        let number = state.calls;
        match state.faults.get(&number) {
            Some(fault) => Err(fault.clone()),
            None => Ok(state),
        }
    }

    fn daily(&self, cursor: Option<&Cursor>, now: DateTime<Utc>) -> Result<Page, PullError> {
        let mut state = self.call()?;
        state.pulls += 1;
        let after = match cursor {
            Some(cursor) => place(cursor),
            None if state.has_backfill => (now, String::new()),
            None => (DateTime::<Utc>::MIN_UTC, String::new()),
        };
        let mut places = state.places();
        places.retain(|place| *place > after && place.0 <= now);
        let is_last = places.len() <= state.page_records;
        places.truncate(state.page_records);
        let next = places.last().cloned().unwrap_or(after);
        let mut page = state.page(&places, next);
        page.is_last = is_last;
        page.complete_until = is_last.then_some(now);
        page.sweep = (is_last && state.has_sweep).then(|| Sweep {
            started_at: now,
            present: state.tickets.keys().cloned().collect(),
            expected: Vec::new(),
            since: None,
            prefix: String::new(),
            is_over: true,
        });
        Ok(page)
    }

    fn history(&self, cursor: Option<&Cursor>, until: DateTime<Utc>) -> Result<Page, PullError> {
        let mut state = self.call()?;
        state.backfills += 1;
        let before = cursor.map_or((until, String::from("~")), place);
        let mut places = state.places();
        places.retain(|place| *place < before);
        places.reverse();
        let is_last = places.len() <= state.page_records;
        places.truncate(state.page_records);
        let next = places.last().cloned().unwrap_or(before);
        let reached = if is_last {
            DateTime::<Utc>::MIN_UTC
        } else {
            next.0
        };
        let mut page = state.page(&places, next);
        page.is_last = is_last;
        page.reached = Some(reached);
        Ok(page)
    }

    fn again(&self, ids: &[String], now: DateTime<Utc>) -> Result<Page, PullError> {
        let mut state = self.call()?;
        state.asked_again.extend(ids.iter().cloned());
        if let Some(fault) = &state.fault_again {
            return Err(fault.clone());
        }
        let mut page = Page::at(Cursor(String::new()));
        for id in ids.iter().filter(|id| !state.silent.contains(*id)) {
            match state.tickets.get(id) {
                Some((at, _)) => state.read(&(*at, id.clone()), &mut page),
                None => page.records.push(Record::Deleted {
                    key: ConversationKey::new(SOURCE, id.as_str()),
                    at: now,
                }),
            }
        }
        Ok(page)
    }
}

impl State {
    /// Tickets with their place in time.
    fn places(&self) -> Vec<(DateTime<Utc>, String)> {
        let tickets = self.tickets.iter();
        let mut places: Vec<_> = tickets.map(|(id, (at, _))| (*at, id.clone())).collect();
        places.sort();
        places
    }

    fn page(&self, places: &[(DateTime<Utc>, String)], next: (DateTime<Utc>, String)) -> Page {
        let cursor = format!("{}:{}", next.0.timestamp_micros(), next.1);
        let mut page = Page::at(Cursor(cursor));
        for place in places {
            self.read(place, &mut page);
        }
        page
    }

    fn read(&self, (at, id): &(DateTime<Utc>, String), page: &mut Page) {
        if self.broken.contains(id) {
            page.parked.push(Parked {
                id: id.clone(),
                reason: "the helpdesk answered 500".to_owned(),
                retry_after_s: None,
                is_missing: false,
            });
            return;
        }
        let key = ConversationKey::new(SOURCE, id.as_str());
        let mut conversation = Conversation::new(key, *at);
        conversation.subject = Text::new(self.tickets[id].1.clone());
        page.records
            .push(Record::Conversation(Box::new(conversation)));
    }
}

fn place(cursor: &Cursor) -> (DateTime<Utc>, String) {
    let (micros, id) = cursor.0.split_once(':').unwrap();
    let at = DateTime::from_timestamp_micros(micros.parse().unwrap()).unwrap();
    (at, id.to_owned())
}

impl Connector for Desk {
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.daily(cursor, now)
        })
    }

    fn backfill<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        until: DateTime<Utc>,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.with(|state| state.is_history_silent) {
                self.with(|state| state.backfills += 1);
                std::future::pending::<()>().await;
            }
            match self.with(|state| state.fault_history.clone()) {
                Some(fault) => Err(fault),
                None => self.history(cursor, until),
            }
        })
    }

    fn has_backfill(&self) -> bool {
        self.with(|state| state.has_backfill)
    }

    fn read_again<'a>(
        &'a self,
        ids: &'a [String],
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.again(ids, now)
        })
    }

    fn hook(&self) -> Option<&Hook> {
        self.hook.as_ref()
    }

    fn condition(&self) -> Condition {
        self.with(|state| state.condition.clone())
    }

    fn check<'a>(&'a self, _: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A fixed beginning and hours after it.
pub fn hour(hours: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-02T00:00:00Z".parse().unwrap();
    start + TimeDelta::hours(hours)
}

/// So many tickets, `T000` and on, one at each half past.
pub fn tickets(count: usize) -> BTreeMap<String, (DateTime<Utc>, String)> {
    let ticket = |number: usize| {
        let text = format!("the valve leaks number {number}");
        let at = hour(number as i64) + TimeDelta::minutes(30);
        (format!("T{number:03}"), (at, text))
    };
    (0..count).map(ticket).collect()
}
