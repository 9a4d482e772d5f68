//! Years of history beside the daily pull: everything comes, whatever ends it on the way; what is due daily never waits.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::connectors::PullError;
use groundswell::model::{Cadence, SourceId};
use groundswell::store::{Backfill, SourceProgress};

use crate::scripted::{Desk, SOURCE, State, hour, tickets};
use crate::support::{Limited, eventually};

/// A Groundswell whose one source is a scripted helpdesk.
struct World {
    folder: tempfile::TempDir,
    desk: Desk,
}

impl World {
    fn new(state: State) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            desk: Desk::new(state),
        }
    }

    async fn app(&self) -> App {
        let text = format!(
            "[[sources]]\nid = '{SOURCE}'\nkind = 'files'\npaths = ['inbox']\nschedule = '0 * * * *'\n\
             [[digests]]\ncadence = 'daily'\nschedule = '0 * * * *'\ngrace_minutes = 0\npatience_hours = 8\n"
        );
        let folder = self.folder.path().to_owned();
        let mut app = App::open(Config::parse(&text, folder, Default::default()).unwrap())
            .await
            .unwrap();
        let connector = Box::new(self.desk.clone());
        app.connectors.insert(SourceId::from(SOURCE), connector);
        app
    }
}

fn state(count: usize) -> State {
    State {
        tickets: tickets(count),
        has_backfill: true,
        page_records: 4,
        ..State::default()
    }
}

/// All rounds that are due, without history.
async fn rounds(app: &App, now: DateTime<Utc>) {
    let mut failed = BTreeSet::new();
    while app.round(now, &mut failed).await {}
}

async fn progress(app: &App) -> SourceProgress {
    app.store.source_progress().await.unwrap().remove(0)
}

async fn history(app: &App) -> Backfill {
    progress(app).await.backfill.unwrap()
}

async fn ids(app: &App) -> Vec<String> {
    let changes = app.store.changes_after(0, 10_000).await.unwrap();
    let mut ids: Vec<_> = changes
        .into_iter()
        .map(|change| change.stored.conversation.key.id)
        .collect();
    ids.sort();
    ids
}

fn all_ids(count: usize) -> Vec<String> {
    tickets(count).into_keys().collect()
}

/// 60 tickets, one an hour; the first pull comes at the 50th hour.
#[tokio::test]
async fn history_comes_newest_first_beside_what_is_new() {
    let world = World::new(state(60));
    let app = world.app().await;
    let mut failed = BTreeSet::new();
    assert!(app.round(hour(50), &mut failed).await);
    assert!(
        ids(&app).await.is_empty(),
        "the first pull begins at the present"
    );
    assert_eq!(history(&app).await.until, hour(50));

    assert!(app.backfill_round(hour(50), &mut failed).await);
    assert_eq!(
        ids(&app).await,
        all_ids(50)[30..],
        "five pages, the newest first"
    );
    let known = history(&app).await;
    assert_eq!((known.reached, known.records), (Some(half_past(30)), 20));
    // Nothing more before what was read has its vector.
    assert!(!app.backfill_round(hour(50), &mut failed).await);

    app.tick(hour(50)).await;
    assert_eq!(ids(&app).await, all_ids(50));
    assert_eq!(history(&app).await.finished_at, Some(hour(50)));
    let asked = world.desk.with(|state| state.backfills);
    app.tick(hour(59)).await;
    assert_eq!(ids(&app).await, all_ids(59));
    assert_eq!(
        world.desk.with(|state| state.backfills),
        asked,
        "it is over"
    );
    let model = groundswell::embed::Embedder::model(app.embedder.as_ref());
    assert_eq!(app.store.count_without_vector(&model).await.unwrap(), 0);
}

/// The process ends at any pause of its work, and any call fails: in the end everything is there once.
#[tokio::test]
async fn an_end_at_any_moment_and_a_fault_of_any_call_lose_nothing() {
    for number in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let world = World::new(State {
            broken: BTreeSet::from(["T007".to_owned()]),
            ..state(26)
        });
        let fault = PullError::Transient("connection reset".to_owned());
        world
            .desk
            .with(|state| state.faults.insert(number / 2 + 1, fault));
        for life in 0_u32..3 {
            let app = world.app().await;
            let now = hour(24) + TimeDelta::minutes(i64::from(life));
            Limited::new(app.tick(now), number * (life + 1)).await;
            app.store.close().await;
        }
        world.desk.with(|state| state.broken.clear());
        let app = world.app().await;
        for day in 1..4 {
            app.tick(hour(26 + 24 * day)).await;
        }
        assert_eq!(ids(&app).await, all_ids(26), "{number}");
        let known = progress(&app).await;
        assert_eq!((known.records, known.parked), (26, 0), "{number}");
        assert!(known.backfill.unwrap().finished_at.is_some(), "{number}");
        app.store.close().await;
    }
}

#[tokio::test]
async fn history_that_fails_holds_up_nothing_but_itself() {
    let told = PullError::RateLimited {
        retry_after_s: Some(7_200),
    };
    let world = World::new(State {
        fault_history: Some(told),
        ..state(60)
    });
    let app = world.app().await;
    app.tick(hour(50)).await;
    let known = progress(&app).await;
    assert_eq!(
        (known.failures, known.error, known.retry_at),
        (0, None, None)
    );
    let waiting = known.backfill.unwrap();
    assert_eq!(
        waiting.error.as_deref(),
        Some("rate limited, asked to wait 7200 s")
    );
    assert!(waiting.retry_at.unwrap() >= hour(52));
    app.tick(hour(51)).await;
    assert_eq!(ids(&app).await, ["T050"], "the daily pull goes on");
    assert_eq!(history(&app).await.failures, 1, "and the pause is kept");
    world.desk.with(|state| state.fault_history = None);
    app.tick(hour(53)).await;
    assert_eq!(ids(&app).await.len(), 53);
    assert_eq!(history(&app).await.error, None);
}

/// A page of history that never comes: the rounds go on beside it.
#[tokio::test]
async fn a_page_that_never_comes_stops_no_daily_pull() {
    let world = World::new(State {
        is_history_silent: true,
        ..state(60)
    });
    let app = world.app().await;
    rounds(&app, hour(50)).await;
    let mut failed = BTreeSet::new();
    let stuck = app.backfill_round(hour(50), &mut failed);
    let daily = async {
        let is_asked = async || (world.desk.with(|state| state.backfills) > 0).then_some(());
        eventually("a page of history is asked for", is_asked).await;
        rounds(&app, hour(55)).await;
    };
    tokio::select! {
        _ = stuck => panic!("history answered"),
        () = daily => {}
    }
    assert_eq!(ids(&app).await, all_ids(55)[50..]);
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_one_waits_to_be_saved() {
    let world = World::new(state(60));
    let app = world.app().await;
    rounds(&app, hour(50)).await;
    let others = app.turn.lock().await;
    let mut failed = BTreeSet::new();
    let watching = async {
        let is_ahead = async || (world.desk.with(|state| state.backfills) == 2).then_some(());
        eventually("a second page is asked for", is_ahead).await;
        assert!(ids(&app).await.is_empty());
        drop(others);
    };
    tokio::join!(app.backfill_round(hour(50), &mut failed), watching);
    assert_eq!(ids(&app).await, all_ids(50)[30..]);
    let asked = world.desk.with(|state| state.backfills);
    assert_eq!(asked, 5, "nothing is asked for that is not saved");
}

async fn closed(app: &App) -> Vec<String> {
    let windows = app.store.closed_windows(Cadence::Daily, 10).await.unwrap();
    windows.into_iter().map(|one| one.window).collect()
}

/// The day before ended two hours ago; a little of it is read, then history fails.
async fn begun(world: &World) -> App {
    let app = world.app().await;
    let mut failed = BTreeSet::new();
    app.round(hour(50), &mut failed).await;
    app.backfill_round(hour(50), &mut failed).await;
    let fault = PullError::Transient("no answer".to_owned());
    world.desk.with(|state| state.fault_history = Some(fault));
    assert_eq!(ids(&app).await, all_ids(50)[45..]);
    app.tick(hour(50)).await;
    app.tick(hour(52)).await;
    assert!(closed(&app).await.is_empty());
    app
}

fn page_by_page() -> World {
    World::new(State {
        page_records: 1,
        ..state(60)
    })
}

#[tokio::test]
async fn a_window_waits_for_its_history_and_not_longer_than_its_patience() {
    let world = page_by_page();
    let app = begun(&world).await;
    world.desk.with(|state| state.fault_history = None);
    app.tick(hour(54)).await;
    assert_eq!(closed(&app).await, ["2026-03-03"]);

    let world = page_by_page();
    let app = begun(&world).await;
    app.tick(hour(55)).await;
    assert!(closed(&app).await.is_empty());
    app.tick(hour(56)).await;
    assert_eq!(closed(&app).await, ["2026-03-03"], "patience is over");
}

#[tokio::test]
async fn a_source_that_is_not_configured_any_more_blocks_nothing() {
    let world = page_by_page();
    begun(&world).await.store.close().await;
    // Another source in its place: the first one's history is nobody's business.
    let inbox = world.folder.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    let text = "[[sources]]\nid = 'other'\nkind = 'files'\npaths = ['inbox']\nschedule = '0 * * * *'\n\
                [[digests]]\ncadence = 'daily'\nschedule = '0 * * * *'\ngrace_minutes = 0\n";
    let folder = world.folder.path().to_owned();
    let config = Config::parse(text, folder, Default::default()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick(hour(53)).await;
    assert_eq!(closed(&app).await, ["2026-03-03"]);
}

fn half_past(hours: i64) -> DateTime<Utc> {
    hour(hours) + TimeDelta::minutes(30)
}

/// A ticket that changes while its history is read is there once, as it is now.
#[tokio::test]
async fn what_changes_meanwhile_is_stored_as_it_is_now() {
    let world = World::new(state(50));
    let app = world.app().await;
    let mut failed = BTreeSet::new();
    app.round(hour(50), &mut failed).await;
    app.backfill_round(hour(50), &mut failed).await;
    world.desk.with(|state| {
        for id in ["T002", "T045"] {
            let changed = (half_past(50), "it holds now".to_owned());
            state.tickets.insert(id.to_owned(), changed);
        }
    });
    app.tick(hour(51)).await;
    assert_eq!(ids(&app).await, all_ids(50));
    for id in ["T002", "T045"] {
        let key = groundswell::model::ConversationKey::new(SOURCE, id);
        let stored = app.store.conversation(&key).await.unwrap().unwrap();
        assert_eq!(stored.conversation.subject.as_str(), "it holds now");
    }
}
