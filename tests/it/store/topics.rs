//! Cases: the registry, assignments, lineage, edits.

use groundswell::model::{
    Discovery, Edit, EditKind, Exclusion, Lineage, State, Term, TopicId, TopicStatus,
};
use groundswell::store::{Store, Which};
use groundswell::topics::Registry;

use super::support::*;

const CASES: &[Case] = cases![
    topics_come_back_and_are_replaced_by_id,
    an_assignment_goes_through_the_feed_when_the_topic_changes,
    assignments_need_a_topic_and_a_conversation_that_counts,
    only_a_discovery_counts_as_one,
    lineage_is_kept_in_order,
    edits_are_a_log_and_can_be_undone,
    edits_move_what_was_found_and_can_be_taken_back,
    an_edit_needs_its_topics,
    a_split_is_written_at_once_and_can_be_taken_back,
    what_was_found_lasts_under_an_edit,
];

#[test]
fn topics_keep_the_contract() {
    run_all(CASES);
}

async fn topics_come_back_and_are_replaced_by_id(store: Store) {
    let mut b = topic("b", "1");
    b.terms = vec![
        Term {
            word: "pümp".to_owned(),
            weight: 1.0 / 3.0,
        },
        Term {
            word: "loud".to_owned(),
            weight: f64::MIN_POSITIVE,
        },
    ];
    b.stability = Some(0.1 + 0.2);
    let a = topic("a", "2");
    let mut discovery = Discovery {
        topics: vec![b.clone(), a.clone()],
        ..Discovery::default()
    };
    store.save_discovery(&discovery, minute(1)).await.unwrap();
    assert_eq!(store.topics().await.unwrap(), [a.clone(), b.clone()]);

    b.terms.truncate(1);
    b.exemplars.clear();
    b.stability = None;
    b.status = TopicStatus::Merged;
    b.label = "another label".to_owned();
    discovery.topics = vec![b.clone()];
    store.save_discovery(&discovery, minute(2)).await.unwrap();
    assert_eq!(store.topics().await.unwrap(), [a, b]);
}

async fn an_assignment_goes_through_the_feed_when_the_topic_changes(store: Store) {
    let some = ["1", "2"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    assign(&store, "t", &["1"]).await;
    let before = store.last_change().await.unwrap();
    let changes = store.changes_after(2, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].topic, Some(TopicId::from("t")));

    let mut same = assignment("1", Some("t"));
    same.score = 0.5;
    let unassigned = assignment("2", None);
    store.save_assignments(&[same, unassigned]).await.unwrap();
    assert_eq!(store.last_change().await.unwrap(), before, "same topics");

    store
        .save_assignments(&[assignment("1", None)])
        .await
        .unwrap();
    let changes = store.changes_after(before, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].topic, None);
    // The last word on a conversation counts.
    let twice = [assignment("2", Some("t")), assignment("2", None)];
    store.save_assignments(&twice).await.unwrap();
    let states: Vec<State> = all_facts(&store)
        .await
        .into_iter()
        .map(|fact| fact.state)
        .collect();
    assert_eq!(states, [State::Unassigned, State::Unassigned]);
}

async fn assignments_need_a_topic_and_a_conversation_that_counts(store: Store) {
    let mut spam = ticket("2", "spam", minute(1));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    save(&store, &[ticket("1", "one", minute(1)), spam]).await;
    let before = store.last_change().await.unwrap();
    let discovery = Discovery {
        topics: vec![topic("t", "1")],
        assignments: vec![assignment("1", Some("t")), assignment("none", Some("u"))],
        lineage: Vec::new(),
    };
    store.save_discovery(&discovery, minute(2)).await.unwrap();
    assign(&store, "t", &["2"]).await;
    let changes = store.changes_after(before, 10).await.unwrap();
    assert_eq!(changes.len(), 1, "a missing and an excluded one are left");

    let mut wrong = discovery.clone();
    wrong.topics = vec![topic("u", "1")];
    wrong.assignments = vec![assignment("1", Some("nowhere"))];
    let refused = store.save_discovery(&wrong, minute(3)).await.unwrap_err();
    assert!(refused.to_string().contains("not in the registry"));
    let ids: Vec<_> = store.topics().await.unwrap();
    assert_eq!(ids.len(), 1, "nothing of it was written");
}

async fn only_a_discovery_counts_as_one(store: Store) {
    assert_eq!(store.last_discovery().await.unwrap(), None);
    save(&store, &[ticket("1", "one", minute(1))]).await;
    store
        .save_assignments(&[assignment("1", None)])
        .await
        .unwrap();
    assert_eq!(store.last_discovery().await.unwrap(), None);
    let nothing = Discovery::default();
    store.save_discovery(&nothing, minute(7)).await.unwrap();
    assert_eq!(store.last_discovery().await.unwrap(), Some(minute(7)));
    embed(&store).await;
    let looked_at = store.documents(&model(), Which::Unassigned, None).await;
    assert_eq!(looked_at.unwrap().len(), 1);
}

async fn lineage_is_kept_in_order(store: Store) {
    let id = TopicId::from;
    let first = vec![
        Lineage::New(id("a")),
        Lineage::SplitFrom {
            topic: id("b"),
            from: id("a"),
        },
        Lineage::Kept(id("c")),
    ];
    let second = vec![
        Lineage::MergedInto {
            topic: id("a"),
            into: id("c"),
        },
        Lineage::Dormant(id("b")),
    ];
    for (lineage, at) in [(first.clone(), 1), (second.clone(), 2)] {
        let discovery = Discovery {
            lineage,
            ..Discovery::default()
        };
        store.save_discovery(&discovery, minute(at)).await.unwrap();
    }
    let of_a = store.lineage(&id("a")).await.unwrap();
    let expected = [
        (minute(1), first[0].clone()),
        (minute(1), first[1].clone()),
        (minute(2), second[0].clone()),
    ];
    assert_eq!(of_a, expected);
    let of_b = store.lineage(&id("b")).await.unwrap();
    assert_eq!(of_b[1], (minute(2), second[1].clone()));
    assert!(store.lineage(&id("none")).await.unwrap().is_empty());
}

async fn edits_are_a_log_and_can_be_undone(store: Store) {
    let id = TopicId::from;
    assign(&store, "a", &[]).await;
    assign(&store, "b", &[]).await;
    let kinds = [
        EditKind::Rename {
            topic: id("a"),
            label: "Lärm".to_owned(),
        },
        EditKind::Merge {
            topic: id("a"),
            into: id("b"),
        },
        EditKind::Pin {
            key: key("1"),
            topic: id("b"),
        },
        EditKind::Mute { topic: id("b") },
    ];
    for (kind, number) in kinds.iter().zip(1..) {
        let added = store.add_edit(kind, "Ada", minute(number)).await.unwrap();
        assert_eq!(added, number);
    }
    assert!(store.undo_edit(2).await.unwrap());
    assert!(!store.undo_edit(2).await.unwrap());
    assert!(!store.undo_edit(99).await.unwrap());
    let expected: Vec<Edit> = kinds
        .into_iter()
        .zip(1..)
        .map(|(kind, number)| Edit {
            number,
            at: minute(number),
            by: "Ada".to_owned(),
            kind,
            is_undone: number == 2,
        })
        .collect();
    assert_eq!(store.edits().await.unwrap(), expected);
}

/// Applies the stored edits; how many conversations moved.
async fn apply(store: &Store) -> u64 {
    let edits = store.edits().await.unwrap();
    let registry = Registry {
        topics: store.topics().await.unwrap(),
        edits: edits.clone(),
        merged: store.merged_topics().await.unwrap(),
    };
    let edited = registry.edited();
    store.apply_edits(&edits, &edited).await.unwrap()
}

async fn places(store: &Store) -> Vec<String> {
    let facts = all_facts(store).await;
    let place = |state: State| match state {
        State::Assigned(topic) => topic.0,
        other => other.name(),
    };
    facts.into_iter().map(|fact| place(fact.state)).collect()
}

async fn edits_move_what_was_found_and_can_be_taken_back(store: Store) {
    let some = ["1", "2", "3", "4"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    assign(&store, "a", &["1", "2"]).await;
    assign(&store, "b", &["3"]).await;
    let unassigned = [assignment("4", None)];
    store.save_assignments(&unassigned).await.unwrap();
    let before = store.last_change().await.unwrap();
    assert_eq!(apply(&store).await, 0);

    let id = TopicId::from;
    let merge = EditKind::Merge {
        topic: id("a"),
        into: id("b"),
    };
    let pin = EditKind::Pin {
        key: key("4"),
        topic: id("a"),
    };
    let merge = store.add_edit(&merge, "", minute(2)).await.unwrap();
    let pin = store.add_edit(&pin, "", minute(3)).await.unwrap();
    assert_eq!(apply(&store).await, 3);
    assert_eq!(places(&store).await, ["b", "b", "b", "b"]);
    assert_eq!(store.last_change().await.unwrap(), before + 3);
    assert_eq!(apply(&store).await, 0, "what is in place stays");

    assert!(store.undo_edit(merge).await.unwrap());
    assert_eq!(apply(&store).await, 3);
    assert_eq!(places(&store).await, ["a", "a", "b", "a"]);
    assert!(store.undo_edit(pin).await.unwrap());
    assert_eq!(apply(&store).await, 1);
    assert_eq!(places(&store).await, ["a", "a", "b", "unassigned"]);
}

async fn an_edit_needs_its_topics(store: Store) {
    assign(&store, "a", &[]).await;
    let merge = EditKind::Merge {
        topic: TopicId::from("a"),
        into: TopicId::from("nowhere"),
    };
    let refused = store.add_edit(&merge, "", minute(2)).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no topic nowhere");
    assert!(store.edits().await.unwrap().is_empty());
}

async fn a_split_is_written_at_once_and_can_be_taken_back(store: Store) {
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    assign(&store, "a", &["1", "2", "3"]).await;
    let id = TopicId::from;
    let found = Discovery {
        topics: vec![topic("p", "3")],
        assignments: vec![assignment("3", Some("p"))],
        lineage: vec![Lineage::SplitFrom {
            topic: id("p"),
            from: id("a"),
        }],
    };
    let split = |part| EditKind::Split {
        topic: id("a"),
        part: id(part),
    };
    let wrong = [split("p"), split("nowhere")];
    let refused = store.add_edits(&found, &wrong, "", minute(2)).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "there is no topic nowhere"
    );
    assert_eq!(
        store.topics().await.unwrap().len(),
        1,
        "nothing of it was written"
    );

    let numbers = store
        .add_edits(&found, &[split("p")], "Ada", minute(2))
        .await;
    assert_eq!(numbers.unwrap(), [1]);
    assert_eq!(store.edits().await.unwrap()[0].kind, split("p"));
    assert_eq!(apply(&store).await, 0);
    assert_eq!(places(&store).await, ["a", "a", "p"]);
    assert_eq!(store.lineage(&id("a")).await.unwrap().len(), 2);
    assert!(store.undo_edit(1).await.unwrap());
    assert_eq!(apply(&store).await, 1);
    assert_eq!(places(&store).await, ["a", "a", "a"]);
}

async fn what_was_found_lasts_under_an_edit(store: Store) {
    save(&store, &[ticket("1", "one", minute(1))]).await;
    assign(&store, "a", &[]).await;
    assign(&store, "b", &[]).await;
    let pin = EditKind::Pin {
        key: key("1"),
        topic: TopicId::from("b"),
    };
    let pin = store.add_edit(&pin, "", minute(2)).await.unwrap();
    // A later run knows of the pin, and still says what it found.
    let mut pinned = assignment("1", Some("b"));
    pinned.found = Some(TopicId::from("a"));
    store.save_assignments(&[pinned]).await.unwrap();
    assert_eq!(apply(&store).await, 0);
    assert_eq!(places(&store).await, ["b"]);
    assert!(store.undo_edit(pin).await.unwrap());
    assert_eq!(apply(&store).await, 1);
    assert_eq!(places(&store).await, ["a"]);
}
