//! Cases: records that wait to be read again, and walks over everything.

use groundswell::connectors::{Parked, Skipped, Sweep};
use groundswell::model::Exclusion;
use groundswell::store::{CleanPage, Moves, Store};

use super::support::*;

const CASES: &[Case] = cases![
    a_parked_record_waits_and_goes_when_it_arrives,
    a_walk_parks_what_it_did_not_meet,
    an_abandoned_walk_hides_nothing,
    a_walk_finds_what_was_never_read,
    a_walk_misses_only_what_it_covers,
    a_backfill_moves_by_itself,
];

#[test]
fn parked_records_keep_the_contract() {
    run_all(CASES);
}

fn parked(ids: &[&str], retry_after_s: Option<u64>) -> Vec<Parked> {
    let ids = ids.iter();
    ids.map(|id| Parked {
        id: (*id).to_owned(),
        reason: "timed out".to_owned(),
        retry_after_s,
        is_missing: false,
    })
    .collect()
}

async fn due(store: &Store, minutes: i64) -> Vec<String> {
    store
        .due_parked(&source(), minute(minutes), 10)
        .await
        .unwrap()
}

async fn a_parked_record_waits_and_goes_when_it_arrives(store: Store) {
    let mut first = page(&[ticket("1", "loud", minute(1))]);
    first.parked = parked(&["2", "3", "3", "4", "5"], None);
    first.parked.extend(parked(&["6"], Some(3_600)));
    store.save_page(&source(), &first, minute(0)).await.unwrap();
    assert!(due(&store, 4).await.is_empty());
    assert_eq!(due(&store, 5).await, ["2", "3", "4", "5"]);
    assert_eq!(due(&store, 60).await.len(), 5);

    let mut second = page(&[
        ticket("2", "quiet", minute(1)),
        ticket("9", "so", minute(1)),
    ]);
    second.deleted = vec![(key("3"), minute(2))];
    second.merged = vec![(key("4"), "1".to_owned(), minute(2))];
    second.skipped = vec![Skipped {
        place: "5".to_owned(),
        reason: "no date".to_owned(),
    }];
    second.parked = parked(&["9"], None);
    store
        .save_page(&source(), &second, minute(6))
        .await
        .unwrap();
    let rows = store.parked(&source(), 10).await.unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.id.as_str(), row.attempts))
        .collect();
    assert_eq!(
        rows,
        [("9", 1), ("6", 1)],
        "what came only in part waits on"
    );
    assert_eq!(store.source_progress().await.unwrap()[0].parked, 2);

    let again = CleanPage {
        parked: parked(&["9"], None),
        moves: Moves::Nothing,
        ..CleanPage::default()
    };
    store
        .save_page(&source(), &again, minute(11))
        .await
        .unwrap();
    let row = store.parked(&source(), 1).await.unwrap().remove(0);
    assert_eq!((row.attempts, row.retry_at), (2, minute(21)));
}

fn sweep(started_at: i64, present: &[&str], prefix: &str, is_over: bool) -> CleanPage {
    let present = present.iter().map(|id| (*id).to_owned()).collect();
    CleanPage {
        sweep: Some(Sweep {
            started_at: minute(started_at),
            present,
            expected: Vec::new(),
            since: None,
            prefix: prefix.to_owned(),
            is_over,
        }),
        ..CleanPage::default()
    }
}

async fn waiting(store: &Store) -> Vec<String> {
    let rows = store.parked(&source(), 10).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn a_walk_parks_what_it_did_not_meet(store: Store) {
    let mut spam = ticket("5", "buy", minute(1));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    let mut all = page(&[
        ticket("1", "a", minute(1)),
        ticket("2", "b", minute(1)),
        ticket("3", "c", minute(1)),
        spam,
        ticket("7", "young", minute(30)),
        ticket("call:1", "d", minute(1)),
        ticket("call:2", "e", minute(1)),
    ]);
    all.deleted = vec![(key("6"), minute(1))];
    store.save_page(&source(), &all, minute(5)).await.unwrap();
    store
        .forget_conversation(&key("3"), minute(6))
        .await
        .unwrap();

    // Over the calls only, in two parts; an id may be met twice.
    for part in [
        sweep(20, &["call:1", "call:9"], "call:", false),
        sweep(20, &["call:1"], "call:", true),
    ] {
        store.save_page(&source(), &part, minute(21)).await.unwrap();
    }
    assert_eq!(waiting(&store).await, ["call:2"]);
    assert_eq!(due(&store, 21).await, ["call:2"], "at once");
    let row = store.parked(&source(), 1).await.unwrap().remove(0);
    assert_eq!(row.attempts, 0);
    assert_eq!(row.reason, "not in the list of everything any more");

    // Over everything: the younger one, the deleted one and the forgotten one are not missed.
    let whole = sweep(22, &["1", "call:1"], "", true);
    store
        .save_page(&source(), &whole, minute(23))
        .await
        .unwrap();
    let mut found = waiting(&store).await;
    found.sort();
    assert_eq!(found, ["2", "5", "call:2"]);
}

async fn an_abandoned_walk_hides_nothing(store: Store) {
    let all = page(&[ticket("1", "a", minute(1)), ticket("2", "b", minute(1))]);
    store.save_page(&source(), &all, minute(5)).await.unwrap();
    for (started_at, ids, is_over) in [(10, ["1", "2"], false), (20, ["1", "1"], true)] {
        let part = sweep(started_at, &ids, "", is_over);
        store.save_page(&source(), &part, minute(21)).await.unwrap();
    }
    assert_eq!(waiting(&store).await, ["2"]);
}

/// A walk that is over, with what must have been read by then.
fn found(started_at: i64, present: &[&str], expected: &[&str]) -> CleanPage {
    let mut page = sweep(started_at, present, "", true);
    let expected = expected.iter().map(|id| (*id).to_owned());
    page.sweep.as_mut().unwrap().expected = expected.collect();
    page
}

async fn a_walk_finds_what_was_never_read(store: Store) {
    let mut all = page(&[ticket("1", "a", minute(1)), ticket("2", "b", minute(1))]);
    all.deleted = vec![(key("3"), minute(1))];
    all.skipped = vec![Skipped {
        place: "4".to_owned(),
        reason: "no date".to_owned(),
    }];
    store.save_page(&source(), &all, minute(5)).await.unwrap();
    let ids = ["1", "2", "3", "4", "5", "6"];
    // 6 is too young, or older than history.
    let walk = found(20, &ids, &["1", "2", "3", "4", "5"]);
    store.save_page(&source(), &walk, minute(21)).await.unwrap();
    let row = store.parked(&source(), 10).await.unwrap();
    let rows: Vec<_> = row
        .iter()
        .map(|row| (row.id.as_str(), row.attempts))
        .collect();
    assert_eq!(rows, [("5", 0)]);
    // It is none of ours: it waits no longer.
    let nothing = CleanPage {
        not_ours: vec!["5".to_owned()],
        moves: Moves::Nothing,
        ..CleanPage::default()
    };
    store
        .save_page(&source(), &nothing, minute(22))
        .await
        .unwrap();
    assert!(waiting(&store).await.is_empty());

    // While history is being read nobody knows what was missed.
    let daily = CleanPage {
        moves: Moves::DailyFrom(minute(50)),
        ..CleanPage::default()
    };
    store
        .save_page(&source(), &daily, minute(50))
        .await
        .unwrap();
    let walk = found(60, &ids, &["5"]);
    store.save_page(&source(), &walk, minute(61)).await.unwrap();
    assert!(waiting(&store).await.is_empty());
    let end = CleanPage {
        moves: Moves::Backfill(Some(minute(0))),
        is_last: true,
        ..CleanPage::default()
    };
    store.save_page(&source(), &end, minute(62)).await.unwrap();
    let walk = found(70, &ids, &["5"]);
    store.save_page(&source(), &walk, minute(71)).await.unwrap();
    assert_eq!(waiting(&store).await, ["5"]);
}

async fn a_walk_misses_only_what_it_covers(store: Store) {
    let all = page(&[ticket("1", "a", minute(1)), ticket("2", "b", minute(10))]);
    store.save_page(&source(), &all, minute(11)).await.unwrap();
    let mut walk = sweep(20, &[], "", true);
    walk.sweep.as_mut().unwrap().since = Some(minute(5));
    store.save_page(&source(), &walk, minute(21)).await.unwrap();
    assert_eq!(waiting(&store).await, ["2"]);
}

async fn a_backfill_moves_by_itself(store: Store) {
    let daily = CleanPage {
        moves: Moves::DailyFrom(minute(50)),
        complete_until: Some(minute(50)),
        is_last: true,
        ..CleanPage::default()
    };
    store
        .save_page(&source(), &daily, minute(50))
        .await
        .unwrap();
    let later = CleanPage {
        moves: Moves::DailyFrom(minute(60)),
        ..daily.clone()
    };
    store
        .save_page(&source(), &later, minute(60))
        .await
        .unwrap();
    let known = store.source_progress().await.unwrap().remove(0);
    let backfill = known.backfill.unwrap();
    assert_eq!((backfill.until, backfill.began_at), (minute(50), None));
    assert!(backfill.covers(minute(50)) && !backfill.covers(minute(49)));

    let desk = source();
    let noted = store.record_pull_failure(&desk, "no answer", minute(70));
    noted.await.unwrap();
    let noted = store.record_backfill_failure(&desk, "rate limited", minute(90));
    noted.await.unwrap();
    let known = store.source_progress().await.unwrap().remove(0);
    assert_eq!((known.failures, known.retry_at), (1, Some(minute(70))));
    let backfill = known.backfill.unwrap();
    assert_eq!(
        (backfill.failures, backfill.retry_at),
        (1, Some(minute(90)))
    );

    for (reached, at) in [(40, 91), (45, 92)] {
        let mut part = page(&[ticket(&at.to_string(), "old", minute(reached))]);
        part.moves = Moves::Backfill(Some(minute(reached)));
        part.next = Some(groundswell::connectors::Cursor(format!("at {reached}")));
        store.save_page(&source(), &part, minute(at)).await.unwrap();
    }
    let known = store.source_progress().await.unwrap().remove(0);
    assert_eq!(known.failures, 1, "its page says nothing of the daily pull");
    assert_eq!((known.cursor, known.records), (None, 2));
    let backfill = known.backfill.unwrap();
    assert_eq!((backfill.failures, backfill.retry_at), (0, None));
    assert_eq!((backfill.began_at, backfill.records), (Some(minute(91)), 2));
    assert_eq!(backfill.reached, Some(minute(40)), "it never comes nearer");
    assert_eq!(backfill.cursor.unwrap().0, "at 45");

    let end = CleanPage {
        moves: Moves::Backfill(Some(chrono::DateTime::<chrono::Utc>::MIN_UTC)),
        is_last: true,
        ..CleanPage::default()
    };
    store.save_page(&source(), &end, minute(99)).await.unwrap();
    let known = store.source_progress().await.unwrap().remove(0);
    assert_eq!(known.finished_at, Some(minute(60)));
    let backfill = known.backfill.unwrap();
    assert_eq!(backfill.finished_at, Some(minute(99)));
    assert_eq!(backfill.reached, Some(chrono::DateTime::UNIX_EPOCH));
}
