//! One page of a list, and the records that it names, read whole. What cannot be read now is parked by its id; what
//! concerns all of them ends the page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use super::doubt::{refuse_repeated, refuse_strange};
use super::walk::{Turned, Walk};
use super::whole::Whole;
use super::{Api, Engine, Follow, Read, Seen, Stream, Touched, rows_of};
use crate::connectors::http::{Answer, Failure};
use crate::connectors::{Cursor, Page, Parked, PullError, Skipped, Sweep, json};

/// Why a record is parked that was not found: the first time this may be a slip, the second time it is gone.
const NOT_THERE: &str = "it was listed, but is not there";

/// Requests side by side.
const IN_FLIGHT: usize = 2;

/// After so many records of a page that fail one after the other, the rest of it is not even tried.
const FAILURES_MAX: u32 = 3;

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

impl Engine {
    /// One page of a list with its records, and the walk behind it.
    pub(super) async fn page(
        &self,
        api: Api<'_>,
        stream: &Stream,
        walk: &mut Walk,
        whole: &mut Whole,
        end: Option<DateTime<Utc>>,
    ) -> Result<Page, PullError> {
        let Some(answer) = self.ask(api, stream, walk).await? else {
            return Ok(Page::at(Cursor(String::new())));
        };
        refuse_strange(stream, &answer)?;
        let rows = rows_of(&answer.body, stream.items)?;
        let mut page = Page::at(Cursor(String::new()));
        let touched = self.touched(stream, rows, &mut page);
        let key = touched.iter().rev().find_map(|(row, _)| row.key.clone());
        // A page of none of ours must not end the list.
        let key = key.or_else(|| json::text(rows.last()?, "id"));
        let (address, before) = (self.account.client().base(), walk.position());
        let next = stream
            .paging
            .next(&answer, before, rows.len(), key.as_deref(), address)?;
        if next.is_some() && next.as_ref() == walk.position() {
            let reason = format!("{}: the page repeats, it leads back to itself", stream.name);
            return Err(PullError::Malformed(reason));
        }
        refuse_repeated(stream, &touched, &walk.span(api.now), end)?;
        if stream.is_sweep() {
            page.sweep =
                Some(self.swept(stream, &touched, walk.started_at(api.now), next.is_none()));
        } else {
            // Lists without an upper bound go on into what was read before.
            let is_later =
                |row: &Touched| end.is_some_and(|end| row.at.is_some_and(|at| at >= end));
            let unknown = touched
                .iter()
                .filter(|(row, _)| !is_later(row) && !walk.knows(stream, row, api.now))
                .filter(|(row, _)| !whole.knows(stream, row));
            let wanted = latest(unknown);
            let reads = wanted.iter().map(|(row, value)| {
                let (row, answer) = (row.id.as_str(), &answer.body);
                (
                    row,
                    Seen {
                        row: Some(value),
                        answer,
                        stream: &stream.name,
                    },
                )
            });
            self.read_all(api, reads.collect(), &mut page).await?;
            whole.note(&page, api.now_of_theirs());
        }
        let parked: Vec<String> = page.parked.iter().map(|one| one.id.clone()).collect();
        let rows: Vec<Touched> = touched.into_iter().map(|(row, _)| row).collect();
        let token = stream.paging.token(&answer, address);
        let turned = Turned {
            rows: &rows,
            parked: &parked,
            next,
            token,
        };
        walk.turn(stream, turned, end, api.now)?;
        Ok(page)
    }

    /// The answer to a walk's next request; none when the server wants to be asked for less.
    async fn ask(
        &self,
        api: Api<'_>,
        stream: &Stream,
        walk: &mut Walk,
    ) -> Result<Option<Answer>, PullError> {
        let prepared = self.system.prepare(api, stream).await;
        prepared.map_err(|failure| self.account.pull_error(failure))?;
        let span = walk.span(api.now);
        let request = self.system.list(stream, &span);
        let request = stream.paging.apply(request, walk.position());
        match api.send(&request).await {
            Ok(mut answer) => {
                let body = &mut answer.body;
                let completed = self.system.complete(api, stream, &span, body).await;
                completed.map_err(|failure| self.account.pull_error(failure))?;
                Ok(Some(answer))
            }
            Err(Failure::NotFound) if stream.is_404_empty => Ok(Some(Answer::empty())),
            Err(Failure::Forbidden(_) | Failure::NotFound | Failure::Refused(_))
                if stream.is_optional && walk.position().is_none() =>
            {
                Ok(Some(Answer::empty()))
            }
            Err(Failure::Refused(_) | Failure::NotFound) if walk.position().is_some() => {
                walk.refused(stream)?;
                Ok(None)
            }
            Err(failure) => Err(self.account.pull_error(failure)),
        }
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
                    let id = json::text(row, "id");
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

    /// What a page of a walk over everything has seen.
    fn swept(
        &self,
        stream: &Stream,
        touched: &[(Touched, &Value)],
        started_at: DateTime<Utc>,
        is_over: bool,
    ) -> Sweep {
        let prefix = match stream.follow {
            Follow::Sweep { prefix, .. } if stream.scope.is_empty() => prefix.to_owned(),
            _ => stream.scope.clone(),
        };
        let settings = self.system.settings();
        let start = settings.start(started_at);
        let times = start..started_at - settings.overlap;
        // What is younger than the walk cannot be missed.
        let since = match (stream.only_finds, stream.is_bounded) {
            (true, _) => Some(started_at),
            (_, is_bounded) => is_bounded.then_some(start),
        };
        let ids =
            |rows: &mut dyn Iterator<Item = &Touched>| rows.map(|row| row.id.clone()).collect();
        let rows = || touched.iter().map(|(row, _)| row);
        let is_expected = |row: &&Touched| row.at.is_some_and(|at| times.contains(&at));
        Sweep {
            started_at,
            present: ids(&mut rows()),
            expected: ids(&mut rows().filter(is_expected)),
            since,
            prefix,
            is_over,
        }
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
                is_missing: reason == NOT_THERE,
                reason,
                retry_after_s,
            })
        };
        match result {
            Ok(Read::Record(record)) => page.records.push(record),
            Ok(Read::Records(records)) => page.records.extend(records),
            Ok(Read::Nothing) => page.not_ours.push(id.to_owned()),
            Ok(Read::Broken(reason)) => page.skipped.push(skipped(reason)),
            // Rights come back: what changed meanwhile must not be lost.
            Err(Failure::Forbidden(right)) => {
                let reason =
                    format!("the credentials may not see this record (status 403): {right}");
                park(reason, None);
            }
            // It was listed a moment ago; only a second look says that it is gone.
            Err(Failure::NotFound) => park(NOT_THERE.to_owned(), None),
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

    /// Reads parked records; those that are not there now are gone.
    pub(super) async fn again(
        &self,
        ids: &[String],
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
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
            .partition(|one: &Parked| one.is_missing);
        page.parked = parked;
        page.gone = gone.into_iter().map(|one: Parked| one.id).collect();
        Ok(page)
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
