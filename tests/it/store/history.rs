//! Cases: what is kept of versions that were replaced.

use groundswell::model::{Cadence, Exclusion, Fact};
use groundswell::store::{Closed, ClosedWindow, Closing, Origin, Store};

use super::support::*;

const CASES: &[Case] = cases![
    nothing_is_kept_of_what_nobody_counted,
    what_a_report_counts_by_is_always_kept,
    a_change_while_counting_makes_the_closing_outdated,
];

#[test]
fn history_keeps_the_contract() {
    run_all(CASES);
}

/// Closes a quiet day as of now; the words of some conversations were read for it.
pub async fn close(store: &Store, window: &str, read: &[&str]) -> i64 {
    let as_of = store.last_change().await.unwrap();
    let closing = Closing {
        closed: ClosedWindow {
            team: String::new(),
            cadence: Cadence::Daily,
            window: window.to_owned(),
            closed_at: minute(100),
            conversations: 0,
            digest: None,
            reason: "nothing passed".to_owned(),
        },
        counts: Vec::new(),
        digest: None,
        destinations: Vec::new(),
        origin: Origin {
            as_of,
            read: read.iter().copied().map(key).collect(),
            ..Origin::default()
        },
        teams: Vec::new(),
    };
    assert_eq!(store.close_window(&closing).await.unwrap(), Closed::Written);
    as_of
}

async fn categories(store: &Store, id: &str) -> Vec<(Option<String>, Option<Exclusion>)> {
    let facts: Vec<Fact> = all_facts(store).await;
    let as_of = store.last_change().await.unwrap();
    let earlier = store.earlier(&facts, as_of).await.unwrap();
    let versions = earlier.get(&key(id)).cloned().unwrap_or_default();
    let told = versions.into_iter();
    told.map(|version| (version.category, version.exclusion))
        .collect()
}

async fn nothing_is_kept_of_what_nobody_counted(store: Store) {
    let first = ticket("1", "loud", minute(1));
    save(&store, std::slice::from_ref(&first)).await;
    assign(&store, "t", &["1"]).await;
    save(&store, &[changed(&first, "louder", minute(2))]).await;
    assert!(categories(&store, "1").await.is_empty());
}

async fn what_a_report_counts_by_is_always_kept(store: Store) {
    let mut one = ticket("1", "loud", minute(1));
    one.conversation.category = Some("Pumps".to_owned());
    save(&store, std::slice::from_ref(&one)).await;
    one.conversation.category = Some("Other".to_owned());
    one.conversation.updated_at = minute(2);
    save(&store, std::slice::from_ref(&one)).await;
    let between = store.last_change().await.unwrap();
    one.conversation.exclusion = Some(Exclusion::Spam);
    one.conversation.updated_at = minute(3);
    save(&store, std::slice::from_ref(&one)).await;
    save_any(&store, &deletion("1", minute(4))).await;
    let pumps = (Some("Pumps".to_owned()), None);
    let other = (Some("Other".to_owned()), None);
    let spam = (Some("Other".to_owned()), Some(Exclusion::Spam));
    assert_eq!(categories(&store, "1").await, [pumps.clone(), other, spam]);
    // As of an earlier change, what came later is not known yet.
    let facts = all_facts(&store).await;
    let earlier = store.earlier(&facts, between).await.unwrap();
    let known = &earlier[&key("1")];
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].category.clone(), known[0].exclusion), pumps);
    assert_eq!(known[0].until, minute(1000));
}

async fn a_change_while_counting_makes_the_closing_outdated(store: Store) {
    save(&store, &[ticket("1", "loud", minute(1))]).await;
    let closing = Closing {
        closed: ClosedWindow {
            team: String::new(),
            cadence: Cadence::Daily,
            window: "2026-03-02".to_owned(),
            closed_at: minute(100),
            conversations: 0,
            digest: None,
            reason: "nothing passed".to_owned(),
        },
        counts: Vec::new(),
        digest: None,
        destinations: Vec::new(),
        origin: Origin {
            as_of: store.last_change().await.unwrap() - 1,
            ..Origin::default()
        },
        teams: Vec::new(),
    };
    let outcome = store.close_window(&closing).await.unwrap();
    assert_eq!(outcome, Closed::Outdated);
    assert!(
        store
            .closed_windows(Cadence::Daily, 9)
            .await
            .unwrap()
            .is_empty()
    );
    close(&store, "2026-03-02", &[]).await;
    let again = store.close_window(&closing).await.unwrap();
    assert_eq!(again, Closed::Before);
}
