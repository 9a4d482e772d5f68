//! Records that cannot be read when they are named: they are tried again by themselves, nothing is lost, nothing is tried
//! for ever, and what is gone without a word is found by a walk over everything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::PullError;
use groundswell::ingest::{IngestConfig, PullOutcome, pull_source};
use groundswell::model::{Exclusion, SourceId};
use groundswell::store::{Location, SourceProgress, Store};
use tempfile::TempDir;

use crate::scripted::{Desk, SOURCE, State, hour, tickets};
use crate::support::Limited;

struct Shelf {
    store: Store,
    _folder: TempDir,
}

impl Shelf {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        let store = Store::open(&location).await.unwrap();
        Self {
            store,
            _folder: folder,
        }
    }

    async fn pull(&self, desk: &Desk, now: DateTime<Utc>) -> PullOutcome {
        let (source, config) = (SourceId::from(SOURCE), IngestConfig::default());
        pull_source(&self.store, desk, &source, &config, now, 100)
            .await
            .unwrap()
    }

    async fn progress(&self) -> SourceProgress {
        self.store.source_progress().await.unwrap().remove(0)
    }

    /// Stored ids with what they say, and whether they are deleted.
    async fn held(&self) -> BTreeMap<String, (String, bool)> {
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let held = changes.into_iter().map(|change| {
            let one = change.stored.conversation;
            let is_deleted = one.exclusion == Some(Exclusion::Deleted);
            (one.key.id, (one.subject.as_str().to_owned(), is_deleted))
        });
        held.collect()
    }

    async fn parked(&self) -> Vec<(String, u32)> {
        let parked = self.store.parked(&SourceId::from(SOURCE), 100).await;
        let rows = parked.unwrap().into_iter();
        rows.map(|row| (row.id, row.attempts)).collect()
    }
}

/// Ten tickets, two of which cannot be read.
fn desk() -> Desk {
    Desk::new(State {
        tickets: tickets(10),
        broken: BTreeSet::from(["T003".to_owned(), "T007".to_owned()]),
        page_records: 4,
        ..State::default()
    })
}

fn texts(desk: &Desk) -> BTreeMap<String, (String, bool)> {
    desk.with(|state| {
        let tickets = state.tickets.iter();
        tickets
            .map(|(id, (_, text))| (id.clone(), (text.clone(), false)))
            .collect()
    })
}

#[tokio::test]
async fn what_could_not_be_read_is_read_later() {
    let (shelf, desk) = (Shelf::new().await, desk());
    let outcome = shelf.pull(&desk, hour(20)).await;
    assert!(outcome.is_complete);
    assert_eq!((outcome.saved.new, outcome.parked), (8, 2));
    assert_eq!(shelf.progress().await.parked, 2);

    // Not yet: five minutes have not passed.
    shelf.pull(&desk, hour(20) + TimeDelta::minutes(4)).await;
    assert!(desk.with(|state| state.asked_again.is_empty()));

    desk.with(|state| state.broken.remove("T003"));
    let outcome = shelf.pull(&desk, hour(20) + TimeDelta::minutes(5)).await;
    assert_eq!((outcome.saved.new, outcome.parked), (1, 1));
    assert_eq!(shelf.parked().await, [("T007".to_owned(), 2)]);

    desk.with(|state| state.broken.clear());
    shelf.pull(&desk, hour(21)).await;
    assert_eq!(shelf.held().await, texts(&desk));
    assert_eq!(shelf.progress().await.parked, 0);
}

#[tokio::test]
async fn a_change_that_arrives_ends_the_waiting() {
    let (shelf, desk) = (Shelf::new().await, desk());
    shelf.pull(&desk, hour(20)).await;
    desk.with(|state| {
        state.broken.remove("T003");
        let changed = (hour(20) + TimeDelta::minutes(1), "it holds".to_owned());
        state.tickets.insert("T003".to_owned(), changed);
    });
    shelf.pull(&desk, hour(20) + TimeDelta::minutes(2)).await;
    assert_eq!(shelf.parked().await, [("T007".to_owned(), 1)]);
    assert!(desk.with(|state| state.asked_again.is_empty()));
}

#[tokio::test]
async fn nothing_is_tried_for_ever() {
    for is_silent in [false, true] {
        let (shelf, desk) = (Shelf::new().await, desk());
        if is_silent {
            let ids = desk.with(|state| state.broken.clone());
            desk.with(|state| state.silent = ids);
        }
        for day in 0..11 {
            shelf.pull(&desk, hour(20 + 25 * day)).await;
        }
        assert_eq!(
            shelf.parked().await,
            [("T003".to_owned(), 11), ("T007".to_owned(), 11)]
        );
        shelf.pull(&desk, hour(20 + 25 * 11)).await;
        assert!(shelf.parked().await.is_empty());
        let source = SourceId::from(SOURCE);
        let skipped = shelf.store.skipped(&source, 10).await.unwrap();
        let places: Vec<_> = skipped.iter().map(|(one, _)| one.place.as_str()).collect();
        assert_eq!(places, ["T003", "T007"]);
        assert!(skipped[0].0.reason.ends_with("given up after 12 tries"));
        let asked = desk.with(|state| state.asked_again.len());
        shelf.pull(&desk, hour(20 + 25 * 12)).await;
        assert_eq!(desk.with(|state| state.asked_again.len()), asked);
    }
}

#[tokio::test]
async fn a_limit_met_by_single_records_ends_the_pull_as_a_page_would() {
    let (shelf, desk) = (Shelf::new().await, desk());
    shelf.pull(&desk, hour(20)).await;
    let told = PullError::RateLimited {
        retry_after_s: Some(900),
    };
    desk.with(|state| state.fault_again = Some(told.clone()));
    let pulls = desk.with(|state| state.pulls);
    let outcome = shelf.pull(&desk, hour(21)).await;
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.error, told);
    assert!(failure.retry_at >= hour(21) + TimeDelta::seconds(900));
    assert_eq!(
        desk.with(|state| state.pulls),
        pulls,
        "no page was asked for"
    );
    let progress = shelf.progress().await;
    assert_eq!(progress.retry_at, Some(failure.retry_at));
    assert_eq!(shelf.parked().await[0].1, 1, "a limit is no try");
}

#[tokio::test]
async fn an_outage_costs_no_tries_and_a_record_that_breaks_its_batch_stops_no_pull() {
    let (shelf, desk) = (Shelf::new().await, desk());
    shelf.pull(&desk, hour(20)).await;
    let broken = PullError::Transient("no answer".to_owned());
    desk.with(|state| state.fault_again = Some(broken.clone()));
    // Everything is down: the reading of single records, and the page after it.
    let next = desk.with(|state| state.calls) + 2;
    desk.with(|state| state.faults.insert(next, broken));
    assert!(shelf.pull(&desk, hour(21)).await.failure.is_some());
    assert_eq!(shelf.parked().await[0].1, 1);
    // Only the single records fail: the pull goes on, and the try counts.
    let outcome = shelf.pull(&desk, hour(22)).await;
    assert!(outcome.is_complete && outcome.failure.is_none());
    assert_eq!(shelf.parked().await[0].1, 2);
}

#[tokio::test]
async fn a_failing_source_is_not_well_because_single_records_can_be_read() {
    let (shelf, desk) = (Shelf::new().await, desk());
    shelf.pull(&desk, hour(20)).await;
    for expected in 1..=3 {
        let next = desk.with(|state| state.calls) + 2;
        let fault = PullError::Transient("no answer".to_owned());
        desk.with(|state| state.faults.insert(next, fault));
        shelf.pull(&desk, hour(20 + 25 * expected)).await;
        assert_eq!(shelf.progress().await.failures, expected as u32);
    }
}

#[tokio::test]
async fn what_is_gone_without_a_word_is_found_by_a_walk() {
    let (shelf, desk) = (Shelf::new().await, desk());
    desk.with(|state| state.broken.clear());
    shelf.pull(&desk, hour(20)).await;
    desk.with(|state| {
        state.tickets.remove("T002");
        state.has_sweep = true;
    });
    shelf.pull(&desk, hour(21)).await;
    assert_eq!(shelf.parked().await, [("T002".to_owned(), 0)]);
    assert!(!shelf.held().await["T002"].1, "not before it was asked for");
    shelf.pull(&desk, hour(21)).await;
    assert_eq!(shelf.held().await["T002"], (String::new(), true));
    assert!(shelf.parked().await.is_empty());
    // A walk that overlooks what is there changes nothing.
    let before = shelf.store.last_change().await.unwrap();
    let hidden = desk.with(|state| state.tickets.remove("T005").unwrap());
    shelf.pull(&desk, hour(22)).await;
    desk.with(|state| state.tickets.insert("T005".to_owned(), hidden));
    shelf.pull(&desk, hour(23)).await;
    assert_eq!(shelf.store.last_change().await.unwrap(), before);
    assert!(shelf.parked().await.is_empty());
}

/// The process ends at every pause of the work, one after the other; and any call fails.
#[tokio::test]
async fn an_end_at_any_moment_and_a_fault_of_any_call_lose_nothing() {
    for number in 1..60 {
        let (shelf, desk) = (Shelf::new().await, desk());
        let fault = PullError::Transient("connection reset".to_owned());
        desk.with(|state| state.faults.insert(number, fault));
        let (source, config) = (SourceId::from(SOURCE), IngestConfig::default());
        let pull = pull_source(&shelf.store, &desk, &source, &config, hour(20), 100);
        Limited::new(pull, number).await;
        for day in 1..6 {
            if day == 3 {
                desk.with(|state| state.broken.clear());
            }
            shelf.pull(&desk, hour(20 + 25 * day)).await;
        }
        assert_eq!(shelf.held().await, texts(&desk), "{number}");
        assert_eq!(shelf.progress().await.parked, 0, "{number}");
    }
}
