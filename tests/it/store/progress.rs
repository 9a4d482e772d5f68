//! Cases: how far the sources are.

use groundswell::connectors::{Cursor, Skipped};
use groundswell::model::SourceId;
use groundswell::store::{CleanPage, Store};

use super::support::*;

const CASES: &[Case] = cases![
    a_page_moves_its_source_on,
    a_failure_is_noted_and_the_next_page_clears_it,
    skipped_records_are_kept_once,
    a_page_of_another_source_is_refused,
];

#[test]
fn progress_keeps_the_contract() {
    run_all(CASES);
}

fn skipped(place: &str, reason: &str) -> Skipped {
    Skipped {
        place: place.to_owned(),
        reason: reason.to_owned(),
    }
}

async fn a_page_moves_its_source_on(store: Store) {
    let mut first = page(&[ticket("1", "loud", minute(1))]);
    first.next = Some(Cursor("one".to_owned()));
    first.complete_until = Some(minute(5));
    store.save_page(&source(), &first, minute(6)).await.unwrap();
    let progress = store.source_progress().await.unwrap().remove(0);
    assert_eq!(progress.id, source());
    assert_eq!(progress.cursor, Some(Cursor("one".to_owned())));
    assert_eq!(progress.complete_until, Some(minute(5)));
    assert_eq!(progress.finished_at, None, "more pages are waiting");
    assert_eq!((progress.records, progress.skipped), (1, 0));

    let last = CleanPage {
        complete_until: Some(minute(3)),
        is_last: true,
        ..CleanPage::default()
    };
    store.save_page(&source(), &last, minute(7)).await.unwrap();
    let progress = store.source_progress().await.unwrap().remove(0);
    assert_eq!(progress.cursor, Some(Cursor("one".to_owned())), "kept");
    assert_eq!(
        progress.complete_until,
        Some(minute(5)),
        "a watermark never goes back"
    );
    assert_eq!(progress.finished_at, Some(minute(7)));
    assert_eq!(progress.records, 1);
}

async fn a_failure_is_noted_and_the_next_page_clears_it(store: Store) {
    let other = SourceId::from("aaa");
    for minutes in [1, 2] {
        let noted = store.record_pull_failure(&other, "rate limited", minute(minutes));
        noted.await.unwrap();
    }
    store
        .save_page(&source(), &CleanPage::default(), minute(3))
        .await
        .unwrap();
    let all = store.source_progress().await.unwrap();
    assert_eq!(all.len(), 2);
    let failed = &all[0];
    assert_eq!(failed.id, other);
    assert_eq!(failed.failures, 2);
    assert_eq!(failed.error.as_deref(), Some("rate limited"));
    assert_eq!(failed.retry_at, Some(minute(2)));
    store
        .save_page(&other, &CleanPage::default(), minute(4))
        .await
        .unwrap();
    let well = store.source_progress().await.unwrap().remove(0);
    assert_eq!((well.failures, well.error, well.retry_at), (0, None, None));
}

async fn skipped_records_are_kept_once(store: Store) {
    let mut first = CleanPage {
        skipped: vec![
            skipped("17", "no date"),
            skipped("18", "no id"),
            skipped("17", "no date"),
        ],
        ..CleanPage::default()
    };
    store.save_page(&source(), &first, minute(1)).await.unwrap();
    first.skipped = vec![skipped("18", "no text")];
    store.save_page(&source(), &first, minute(2)).await.unwrap();
    let kept = store.skipped(&source(), 10).await.unwrap();
    assert_eq!(
        kept,
        [
            (skipped("18", "no text"), minute(2)),
            (skipped("17", "no date"), minute(1))
        ]
    );
    assert_eq!(store.skipped(&source(), 1).await.unwrap().len(), 1);
    assert_eq!(store.source_progress().await.unwrap()[0].skipped, 2);
    let nobody = SourceId::from("nobody");
    assert!(store.skipped(&nobody, 10).await.unwrap().is_empty());
}

async fn a_page_of_another_source_is_refused(store: Store) {
    let page = page(&[ticket("1", "loud", minute(1))]);
    let other = SourceId::from("other");
    let refused = store.save_page(&other, &page, minute(2)).await;
    assert!(refused.unwrap_err().to_string().contains("source desk"));
    assert!(store.source_progress().await.unwrap().is_empty());
}
