//! A source is read in two lanes, each with a position of its own: the daily pull, and history beside it. Both go page by
//! page, and while one page is saved the next is already asked for and cleaned. Pages are saved one after the other, in
//! order: whatever ends a lane, it goes on behind the last saved page.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, MutexGuard};

use super::pull::{Pull, Ready, fingerprint};
use crate::connectors::{Cursor, Page, Parked, PullError};
use crate::store::{Moves, Saved};

/// No further page of history is begun after so long, whatever is left: others wait for their turn.
const LONGEST: Duration = Duration::from_secs(60);

/// What is read.
#[derive(Clone, Copy)]
pub(super) enum Lane<'a> {
    /// What is new.
    Daily,
    /// What changed before `until`. A page is saved when it is its `turn`, so that nothing that is being counted changes
    /// meanwhile.
    History {
        until: DateTime<Utc>,
        turn: &'a Mutex<()>,
    },
}

impl Lane<'_> {
    fn moves(self, page: &Page, pull: &Pull<'_>) -> Moves {
        match self {
            Self::Daily if pull.connector.has_backfill() => Moves::DailyFrom(pull.now),
            Self::Daily => Moves::Daily,
            Self::History { .. } => Moves::Backfill(page.reached),
        }
    }

    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self {
            Self::Daily => None,
            Self::History { turn, .. } => Some(turn.lock().await),
        }
    }

    fn has_time(self, began: Instant) -> bool {
        matches!(self, Self::Daily) || began.elapsed() < LONGEST
    }
}

/// What came for a question.
enum Came {
    Failed(PullError),
    /// It waits for the pages before it.
    Raw(Page),
    Ready(Ready),
}

impl Pull<'_> {
    /// Reads the lane from `cursor` until it has nothing more, or `pages_max` pages are saved. Records that were read again
    /// in `vain` are noted with the first page: it proves that the source answers, so that an outage costs no record one of
    /// its tries.
    pub async fn pages(
        &mut self,
        lane: Lane<'_>,
        cursor: Option<Cursor>,
        vain: Vec<Parked>,
        pages_max: u32,
    ) -> anyhow::Result<Result<(), PullError>> {
        let began = Instant::now();
        let mut seen: BTreeSet<u64> = cursor.iter().map(fingerprint).collect();
        let mut came = match self.ask(lane, cursor.as_ref(), &seen).await {
            Ok(page) => Came::Raw(with_parked(page, vain)),
            Err(error) => Came::Failed(error),
        };
        loop {
            let ready = match came {
                Came::Failed(error) => return Ok(Err(error)),
                Came::Raw(page) => {
                    let moves = lane.moves(&page, self);
                    self.ready(page, moves).await?
                }
                Came::Ready(ready) => ready,
            };
            let is_last = ready.page.is_last;
            let is_enough = is_last || self.outcome.pages + 1 >= pages_max;
            let next = ready.page.next.clone();
            seen.extend(next.iter().map(fingerprint));
            let ahead = async {
                match is_enough || !lane.has_time(began) {
                    true => Ok(None),
                    false => self.ahead(lane, next.as_ref(), &seen).await.map(Some),
                }
            };
            // Both are waited for, even where one fails: a request that is given up half way may cost a refresh token.
            let (saved, after) = tokio::join!(self.write_in(lane, &ready), ahead);
            self.outcome.add(ready, saved?);
            self.outcome.is_complete = is_last;
            match after? {
                Some(after) => came = after,
                None => return Ok(Ok(())),
            }
        }
    }

    /// Asks for the page behind `cursor`, and makes it ready if it does not have to wait for those before it.
    async fn ahead(
        &self,
        lane: Lane<'_>,
        cursor: Option<&Cursor>,
        seen: &BTreeSet<u64>,
    ) -> anyhow::Result<Came> {
        Ok(match self.ask(lane, cursor, seen).await {
            Err(error) => Came::Failed(error),
            Ok(page) if self.needs_stored(&page) => Came::Raw(page),
            Ok(page) => {
                let moves = lane.moves(&page, self);
                Came::Ready(self.ready(page, moves).await?)
            }
        })
    }

    async fn ask(
        &self,
        lane: Lane<'_>,
        cursor: Option<&Cursor>,
        seen: &BTreeSet<u64>,
    ) -> Result<Page, PullError> {
        let page = match lane {
            Lane::Daily => self.connector.pull(cursor, self.now).await?,
            Lane::History { until, .. } => {
                let page = self.connector.backfill(cursor, until, self.now).await?;
                Page {
                    sweep: None,
                    ..page
                }
            }
        };
        // A page that says "go on" and leads back to where this pull has been would be pulled for ever.
        if !page.is_last && seen.contains(&fingerprint(&page.next)) {
            let reason = "the page repeats: it leads back to where the pull has been".to_owned();
            return Err(PullError::Malformed(reason));
        }
        Ok(page)
    }

    async fn write_in(&self, lane: Lane<'_>, ready: &Ready) -> anyhow::Result<Saved> {
        let _held = lane.turn().await;
        self.write(ready).await
    }
}

fn with_parked(mut page: Page, mut parked: Vec<Parked>) -> Page {
    page.parked.append(&mut parked);
    page
}
