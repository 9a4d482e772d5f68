//! Cases: conversations, vectors, progress, the feed.

use groundswell::connectors::{Cursor, Skipped};
use groundswell::store::{CleanPage, Saved, Store, Which};

use super::support::*;

const CASES: &[Case] = &[
    ("a page is stored with its cursor", |store| {
        Box::pin(a_page_is_stored_with_its_cursor(store))
    }),
    ("documents need a vector", |store| {
        Box::pin(documents_need_a_vector(store))
    }),
];

#[test]
fn conversations_keep_the_contract() {
    run_all(CASES);
}

async fn a_page_is_stored_with_its_cursor(store: Store) {
    let first = ticket("1", "the pump is loud", minute(1));
    let page = CleanPage {
        conversations: vec![first.clone()],
        skipped: vec![Skipped {
            place: "17".to_owned(),
            reason: "no date".to_owned(),
        }],
        next: Some(Cursor("next".to_owned())),
        complete_until: Some(minute(5)),
        is_last: true,
        ..CleanPage::default()
    };
    let saved = store.save_page(&source(), &page, minute(6)).await.unwrap();
    assert_eq!(
        saved,
        Saved {
            new: 1,
            ..Saved::default()
        }
    );
    assert_eq!(store.conversation(&key("1")).await.unwrap(), Some(first));
    let progress = &store.source_progress().await.unwrap()[0];
    assert_eq!(progress.cursor, Some(Cursor("next".to_owned())));
    assert_eq!(progress.complete_until, Some(minute(5)));
    assert_eq!(progress.finished_at, Some(minute(6)));
    assert_eq!((progress.records, progress.skipped), (1, 1));
    assert_eq!(store.last_change().await.unwrap(), 1);
}

async fn documents_need_a_vector(store: Store) {
    save(&store, &[ticket("1", "the pump is loud", minute(1))]).await;
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 1);
    assert!(
        store
            .documents(&model(), Which::All, None)
            .await
            .unwrap()
            .is_empty()
    );
    embed(&store).await;
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 0);
    let documents = store.documents(&model(), Which::New, None).await.unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].vector, vector("the pump is loud"));
}
