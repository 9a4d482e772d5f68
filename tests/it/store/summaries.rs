//! Cases: sums over all conversations.

use groundswell::model::{Exclusion, State, TopicId};
use groundswell::store::{Store, TopicSpan};

use super::support::*;

const CASES: &[Case] = cases![
    topics_have_sizes_and_spans,
    a_conversation_has_a_state_once_it_was_seen,
    what_was_never_judged_is_counted,
    assignments_are_those_that_were_judged,
];

#[test]
fn summaries_keep_the_contract() {
    run_all(CASES);
}

async fn topics_have_sizes_and_spans(store: Store) {
    let mut some = ["1", "2", "3", "4"].map(|id| ticket(id, id, minute(1)));
    for (one, minutes) in some.iter_mut().zip([5, 9, 7, 20]) {
        one.conversation.created_at = minute(minutes);
        one.conversation.requester = Some("p-1".to_owned());
    }
    some[1].conversation.requester = None;
    some[1].conversation.account = Some("ACME".to_owned());
    save(&store, &some).await;
    assert!(store.topic_spans().await.unwrap().is_empty());
    assign(&store, "t", &["1", "2", "3", "4"]).await;
    // What no longer counts keeps its topic, but is not counted.
    let mut spam = some[3].clone();
    spam.conversation.exclusion = Some(Exclusion::Spam);
    save(&store, &[spam]).await;

    let spans = store.topic_spans().await.unwrap();
    let span = TopicSpan {
        conversations: 3,
        customers: 2,
        first: minute(5),
        last: minute(9),
    };
    assert_eq!(spans, [(TopicId::from("t"), span)].into());
    let counts = store.topic_counts(minute(5), minute(9)).await.unwrap();
    assert_eq!(counts, [(TopicId::from("t"), 2)].into(), "half open");
}

async fn a_conversation_has_a_state_once_it_was_seen(store: Store) {
    save(&store, &[ticket("1", "one", minute(1))]).await;
    save_any(&store, &deletion("2", minute(1))).await;
    let state = store.state(&key("1")).await.unwrap();
    assert_eq!(state, Some(State::Unassigned));
    assert_eq!(store.state(&key("2")).await.unwrap(), None);
    assert_eq!(store.state(&key("3")).await.unwrap(), None);
    let facts = store.all_facts().await.unwrap();
    assert_eq!(facts, all_facts(&store).await);
    assert_eq!(facts.len(), 1);
}

async fn what_was_never_judged_is_counted(store: Store) {
    let some = ["1", "2"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    assert_eq!(
        store.count_unjudged(&model()).await.unwrap(),
        0,
        "no vector"
    );
    embed(&store).await;
    assert_eq!(store.count_unjudged(&model()).await.unwrap(), 2);
    let judged = [assignment("1", None)];
    store.save_assignments(&judged).await.unwrap();
    assert_eq!(store.count_unjudged(&model()).await.unwrap(), 1);
}

async fn assignments_are_those_that_were_judged(store: Store) {
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    assign(&store, "t", &["2"]).await;
    let mut exact = assignment("1", None);
    exact.score = 0.1 + 0.2;
    exact.also = Some(TopicId::from("t"));
    store
        .save_assignments(std::slice::from_ref(&exact))
        .await
        .unwrap();
    let assignments = store.assignments().await.unwrap();
    assert_eq!(assignments, [exact, assignment("2", Some("t"))]);
}
