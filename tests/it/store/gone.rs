//! Cases: what was looked for in vain, and the brake that keeps much of it from being deleted at once.

use groundswell::connectors::Sweep;
use groundswell::store::{CleanPage, Moves, Store, Vanished};

use super::support::*;

const CASES: &[Case] = cases![
    few_are_deleted_once_all_were_looked_for,
    many_are_held_until_a_person_lets_them_go,
    what_is_there_again_lets_all_be_looked_for_again,
    what_went_within_a_week_counts,
    of_a_small_source_few_may_go_also_one_by_one,
    what_the_helpdesk_calls_deleted_goes_whatever_is_held,
];

#[test]
fn the_brake_keeps_its_contract() {
    run_all(CASES);
}

/// A store with so many conversations, `0` and on.
async fn filled(store: &Store, count: usize) {
    let tickets: Vec<_> = (0..count)
        .map(|number| ticket(&number.to_string(), &format!("loud {number}"), minute(1)))
        .collect();
    save(store, &tickets).await;
}

/// A walk over everything that met nothing but these.
async fn swept(store: &Store, at: i64, present: impl Iterator<Item = usize>) {
    let sweep = Sweep {
        started_at: minute(at),
        present: present.map(|number| number.to_string()).collect(),
        expected: Vec::new(),
        since: None,
        prefix: String::new(),
        is_over: true,
    };
    let page = CleanPage {
        sweep: Some(sweep),
        ..CleanPage::default()
    };
    store.save_page(&source(), &page, minute(at)).await.unwrap();
}

/// What asking for these one by one brought: nothing.
async fn gone(store: &Store, at: i64, numbers: impl Iterator<Item = usize>) {
    let page = CleanPage {
        gone: numbers.map(|number| number.to_string()).collect(),
        moves: Moves::Nothing,
        ..CleanPage::default()
    };
    store.save_page(&source(), &page, minute(at)).await.unwrap();
}

async fn settle(store: &Store, at: i64) -> Vanished {
    let settled = store.settle_gone(&source(), 5, minute(at)).await;
    settled.unwrap()
}

async fn due(store: &Store, at: i64) -> usize {
    let due = store.due_parked(&source(), minute(at), 1_000).await;
    due.unwrap().len()
}

async fn living(store: &Store) -> usize {
    let facts = all_facts(store).await.into_iter();
    facts
        .filter(|fact| !matches!(fact.state, groundswell::model::State::Excluded(_)))
        .count()
}

fn vanished(buried: u64, held: u64, missing: u64) -> Vanished {
    Vanished {
        buried,
        held,
        missing,
    }
}

async fn few_are_deleted_once_all_were_looked_for(store: Store) {
    filled(&store, 400).await;
    swept(&store, 2_000, 30..400).await;
    assert_eq!(due(&store, 2_000).await, 30);
    gone(&store, 2_001, 0..15).await;
    assert_eq!(settle(&store, 2_001).await, vanished(0, 0, 15), "too early");
    // Ten were only overlooked.
    let there: Vec<_> = (15..25)
        .map(|number| ticket(&number.to_string(), &format!("loud {number}"), minute(1)))
        .collect();
    save(&store, &there).await;
    assert_eq!(settle(&store, 2_002).await, vanished(15, 0, 5));
    gone(&store, 2_003, 25..30).await;
    assert_eq!(settle(&store, 2_003).await, vanished(5, 0, 0));
    assert_eq!(living(&store).await, 380);
    assert_eq!(settle(&store, 2_004).await, Vanished::default());
    assert!(
        store
            .conversation(&key("0"))
            .await
            .unwrap()
            .unwrap()
            .text
            .as_str()
            .is_empty()
    );
}

async fn many_are_held_until_a_person_lets_them_go(store: Store) {
    filled(&store, 100).await;
    swept(&store, 2_000, 0..0).await;
    gone(&store, 2_001, 0..10).await;
    assert_eq!(settle(&store, 2_001).await, vanished(0, 0, 90));
    gone(&store, 2_002, 10..40).await;
    assert_eq!(settle(&store, 2_002).await, vanished(0, 40, 60));
    let progress = store.source_progress().await.unwrap().remove(0);
    assert_eq!(progress.deletions_held, 40);
    let line = progress.held_line().unwrap();
    assert!(
        line.contains("groundswell source allow-deletions desk"),
        "{line}"
    );
    // The others need not be asked for; three of those that are gone are, in turn.
    assert_eq!(due(&store, 9_000).await, 0);
    assert_eq!(store.held_to_ask(&source()).await.unwrap(), ["0", "1", "2"]);
    gone(&store, 2_003, [0, 1, 2].into_iter()).await;
    assert_eq!(store.held_to_ask(&source()).await.unwrap(), ["3", "4", "5"]);
    assert_eq!(living(&store).await, 100);

    let allowed = store.allow_deletions(&source(), minute(2_004)).await;
    assert_eq!(allowed.unwrap(), Some(vanished(40, 0, 60)));
    assert_eq!(living(&store).await, 60);
    // The rest of the walk goes with them; what comes later does not.
    assert_eq!(due(&store, 2_005).await, 60);
    gone(&store, 2_005, 40..100).await;
    assert_eq!(settle(&store, 2_005).await, vanished(60, 0, 0));
    assert_eq!(settle(&store, 2_006).await, Vanished::default());
    let again = store.allow_deletions(&source(), minute(2_006)).await;
    assert_eq!(again.unwrap(), None);
    let later: Vec<_> = (200..240)
        .map(|number| {
            ticket(
                &number.to_string(),
                &format!("loud {number}"),
                minute(2_010),
            )
        })
        .collect();
    save(&store, &later).await;
    gone(&store, 2_020, 200..240).await;
    assert_eq!(settle(&store, 2_020).await, vanished(0, 40, 0));
}

async fn what_is_there_again_lets_all_be_looked_for_again(store: Store) {
    filled(&store, 60).await;
    for (at, is_swept) in [(2_000, false), (3_000, true)] {
        gone(&store, at, 0..50).await;
        assert_eq!(settle(&store, at).await.held, 50);
        if is_swept {
            swept(&store, at + 1, [7].into_iter().chain(50..60)).await;
        } else {
            save(&store, &[ticket("7", "loud 7", minute(1))]).await;
        }
        assert_eq!(store.source_progress().await.unwrap()[0].deletions_held, 0);
        assert_eq!(due(&store, at + 1).await, 49);
        assert_eq!(settle(&store, at + 2).await, Vanished::default());
        let there: Vec<_> = (0..50)
            .map(|number| ticket(&number.to_string(), &format!("loud {number}"), minute(1)))
            .collect();
        save(&store, &there).await;
        assert_eq!((due(&store, at + 3).await, living(&store).await), (0, 60));
    }
}

async fn what_went_within_a_week_counts(store: Store) {
    filled(&store, 400).await;
    let day = 24 * 60;
    for (at, first) in [(0, 0), (1, 8)] {
        gone(&store, 2_000 + at * day, first..first + 8).await;
        assert_eq!(settle(&store, 2_000 + at * day).await.buried, 8);
    }
    gone(&store, 2_000 + 2 * day, 16..24).await;
    assert_eq!(settle(&store, 2_000 + 2 * day).await, vanished(0, 8, 0));
    // A week after the first ones there is room again.
    assert_eq!(settle(&store, 2_000 + 7 * day).await, vanished(8, 0, 0));
}

async fn of_a_small_source_few_may_go_also_one_by_one(store: Store) {
    filled(&store, 12).await;
    for number in 0..3 {
        gone(&store, 2_000, number..number + 1).await;
        assert_eq!(settle(&store, 2_000).await, vanished(1, 0, 0));
    }
    gone(&store, 2_001, 3..4).await;
    assert_eq!(settle(&store, 2_001).await, vanished(0, 1, 0));
    assert_eq!(living(&store).await, 9);
}

async fn what_the_helpdesk_calls_deleted_goes_whatever_is_held(store: Store) {
    filled(&store, 60).await;
    gone(&store, 2_000, 0..50).await;
    assert_eq!(settle(&store, 2_000).await.held, 50);
    for id in ["7", "55"] {
        let told = deletion(id, minute(2_001));
        store
            .save_page(&source(), &told, minute(2_001))
            .await
            .unwrap();
    }
    assert_eq!(settle(&store, 2_002).await, vanished(0, 49, 0));
    assert_eq!(living(&store).await, 58);
}
