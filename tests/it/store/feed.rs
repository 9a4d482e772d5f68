//! Cases: the feed's order, and that nobody who follows it misses a change.

use std::collections::BTreeMap;

use groundswell::model::SourceId;
use groundswell::store::Store;

use super::support::*;

const CASES: &[Case] = cases![
    the_feed_tells_each_change_once_in_order,
    a_follower_misses_nothing_between_two_writers,
];

#[test]
fn the_feed_keeps_the_contract() {
    run_all(CASES);
}

async fn numbers(store: &Store, after: i64) -> Vec<(i64, String)> {
    let changes = store.changes_after(after, 100).await.unwrap();
    let told = changes
        .into_iter()
        .map(|change| (change.number, change.stored.conversation.key.id));
    told.collect()
}

async fn the_feed_tells_each_change_once_in_order(store: Store) {
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    let told = |list: &[(i64, &str)]| -> Vec<(i64, String)> {
        list.iter().map(|(n, id)| (*n, (*id).to_owned())).collect()
    };
    assert_eq!(
        numbers(&store, 0).await,
        told(&[(1, "1"), (2, "2"), (3, "3")])
    );
    save(&store, &[changed(&some[0], "again", minute(2))]).await;
    assert_eq!(
        numbers(&store, 0).await,
        told(&[(2, "2"), (3, "3"), (4, "1")])
    );
    assert_eq!(numbers(&store, 3).await, told(&[(4, "1")]));
    assert_eq!(store.last_change().await.unwrap(), 4);
    assign(&store, "t", &["2"]).await;
    assert_eq!(numbers(&store, 4).await, told(&[(5, "2")]));
    let page = store.changes_after(0, 1).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].number, 3);
}

/// Two writers, as two processes would be, and a follower that reads while they write.
async fn a_follower_misses_nothing_between_two_writers(store: Store) {
    let write = |source: &'static str| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..20_i64 {
                let mut some = ["1", "2", "3"].map(|id| ticket(id, "text", minute(1)));
                for one in &mut some {
                    one.conversation.key.source = SourceId::from(source);
                    *one = changed(one, &format!("round {round}"), minute(2 + round));
                }
                let page = page(&some);
                let source = SourceId::from(source);
                store.save_page(&source, &page, minute(9)).await.unwrap();
            }
        })
    };
    let writers = [write("one"), write("two")];
    let mut seen = BTreeMap::new();
    let mut position = 0;
    loop {
        // Asked before reading: after the last read the writers were done already.
        let are_done = writers.iter().all(|writer| writer.is_finished());
        for change in store.changes_after(position, 2).await.unwrap() {
            assert!(change.number > position);
            position = change.number;
            seen.insert(change.stored.conversation.key.clone(), change.stored.text);
        }
        if are_done && position == store.last_change().await.unwrap() {
            break;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.last_change().await.unwrap(), 2 * 20 * 3);
    assert_eq!(seen.len(), 6);
    for (key, text) in seen {
        assert_eq!(text.as_str(), "round 19", "{key}");
    }
}
