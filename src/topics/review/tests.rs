//! What a review changes, and above all what it leaves alone, tried on invented documents.

use std::collections::BTreeMap;

use super::*;
use crate::model::{ConversationKey, EditKind, Lineage, Topic, TopicStatus};
use crate::topics::tests::{at, documents, edit, found, registry, settled};

/// Three subjects, found and settled.
fn known() -> (Vec<Document>, Registry) {
    let documents = documents(23, 20, 3);
    let discovery = found(&documents);
    assert_eq!(discovery.topics.len(), 3);
    (settled(&documents, &discovery), registry(&discovery))
}

fn reviewed(documents: &[Document], registry: &Registry) -> Discovery {
    review(documents, registry, &Params::default(), at(-100), at(9))
}

/// Documents and registry after a review.
fn after(
    documents: &[Document],
    registry: &Registry,
    review: &Discovery,
) -> (Vec<Document>, Registry) {
    let mut topics: BTreeMap<TopicId, Topic> = BTreeMap::new();
    for topic in registry.topics.iter().chain(&review.topics) {
        topics.insert(topic.id.clone(), topic.clone());
    }
    let mut after = Registry {
        topics: topics.into_values().collect(),
        ..registry.clone()
    };
    for lineage in &review.lineage {
        if let Lineage::MergedInto { topic, into } = lineage {
            after.merged.insert(topic.clone(), into.clone());
        }
    }
    let mut documents = documents.to_vec();
    for assignment in &review.assignments {
        let of = documents
            .iter_mut()
            .find(|document| document.key == assignment.key);
        of.unwrap().topic = assignment.topic.clone();
    }
    (documents, after)
}

fn topic_of<'a>(documents: &'a [Document], number: &str) -> Option<&'a TopicId> {
    let found = documents.iter().find(|document| document.key.id == number);
    found.unwrap().topic.as_ref()
}

#[test]
fn what_is_settled_stays() {
    let (documents, registry) = known();
    let review = reviewed(&documents, &registry);
    assert_eq!((review.assignments.len(), review.lineage.len()), (0, 0));
    assert_eq!(review.topics, registry.topics);
    assert_eq!(reviewed(&[], &Registry::default()), Discovery::default());
}

#[test]
fn two_subjects_in_one_topic_are_split_and_the_rest_stays() {
    let (mut documents, mut registry) = known();
    let topics = ["0", "1", "2"].map(|number| topic_of(&documents, number).unwrap().clone());
    registry.topics.retain(|topic| topic.id != topics[1]);
    for document in &mut documents {
        if document.topic.as_ref() == Some(&topics[1]) {
            document.topic = Some(topics[0].clone());
        }
    }
    let review = reviewed(&documents, &registry);
    let [Lineage::SplitFrom { topic, from }] = review.lineage.as_slice() else {
        panic!("{:?}", review.lineage);
    };
    assert_eq!(from, &topics[0]);
    assert_eq!(review.assignments.len(), 20);
    let (documents, registry) = after(&documents, &registry, &review);
    assert_eq!(topic_of(&documents, "2"), Some(&topics[2]));
    let parts = [topic_of(&documents, "0"), topic_of(&documents, "1")];
    assert!(
        parts.contains(&Some(topic)) && parts.contains(&Some(from)),
        "{parts:?}"
    );
    let again = reviewed(&documents, &registry);
    assert_eq!((again.assignments.len(), again.lineage.len()), (0, 0));
}

#[test]
fn two_topics_of_one_subject_are_merged_unless_a_person_took_them_apart() {
    let (mut documents, mut registry) = known();
    let one = topic_of(&documents, "0").unwrap().clone();
    let mut other = registry.find(&one).unwrap().clone();
    other.id = "tother".into();
    other.label = "another one".into();
    registry.topics.push(other.clone());
    let of_one = documents
        .iter_mut()
        .filter(|document| document.topic.as_ref() == Some(&one));
    for document in of_one.step_by(3) {
        document.topic = Some(other.id.clone());
    }
    let review = reviewed(&documents, &registry);
    let merged = Lineage::MergedInto {
        topic: other.id.clone(),
        into: one.clone(),
    };
    assert_eq!(review.lineage, [merged]);
    assert_eq!(review.assignments.len(), 7);
    let (moved, registry_after) = after(&documents, &registry, &review);
    assert!(
        moved
            .iter()
            .all(|document| document.topic.as_ref() != Some(&other.id))
    );
    assert_eq!(registry_after.edited().resolve(&other.id), &one);
    assert_eq!(
        registry_after.find(&other.id).unwrap().status,
        TopicStatus::Merged
    );

    let split = EditKind::Split {
        topic: one.clone(),
        part: other.id.clone(),
    };
    registry.edits = vec![edit(1, split)];
    let review = reviewed(&documents, &registry);
    assert_eq!((review.assignments.len(), review.lineage.len()), (0, 0));
    // A topic that a person named is not merged away, either.
    registry.edits = vec![edit(
        1,
        EditKind::Rename {
            topic: other.id,
            label: "mine".into(),
        },
    )];
    assert!(reviewed(&documents, &registry).lineage.is_empty());
}

#[test]
fn what_people_merged_and_pinned_stays() {
    let (mut documents, mut registry) = known();
    let topics = ["0", "1", "2"].map(|number| topic_of(&documents, number).unwrap().clone());
    let [one, other, third] = topics;
    let pinned = ConversationKey::new("desk", "0");
    registry.edits = vec![
        edit(
            1,
            EditKind::Merge {
                topic: other.clone(),
                into: one.clone(),
            },
        ),
        edit(
            2,
            EditKind::Pin {
                key: pinned.clone(),
                topic: third.clone(),
            },
        ),
    ];
    for document in &mut documents {
        if document.topic.as_ref() == Some(&other) {
            document.topic = Some(one.clone());
        }
        if document.key == pinned {
            document.topic = Some(third.clone());
        }
    }
    let review = reviewed(&documents, &registry);
    assert_eq!((review.assignments.len(), review.lineage.len()), (0, 0));
}

#[test]
fn topics_sleep_without_conversations_and_wake_with_them() {
    let (documents, registry) = known();
    let sleeper = topic_of(&documents, "0").unwrap().clone();
    let (early, late): (Vec<Document>, Vec<Document>) = documents
        .into_iter()
        .partition(|document| document.topic.as_ref() == Some(&sleeper));
    let review = reviewed(&late, &registry);
    assert_eq!(review.lineage, [Lineage::Dormant(sleeper.clone())]);
    let (late, registry) = after(&late, &registry, &review);
    assert_eq!(
        registry.find(&sleeper).unwrap().status,
        TopicStatus::Dormant
    );
    // It takes what belongs to it, and the next review wakes it.
    let mut arrivals = early;
    arrivals
        .iter_mut()
        .for_each(|document| document.topic = None);
    let given = crate::topics::assign(&arrivals, &late, &registry, &Params::default());
    assert!(
        given
            .iter()
            .all(|assignment| assignment.topic.as_ref() == Some(&sleeper))
    );
    for (document, assignment) in arrivals.iter_mut().zip(given) {
        document.topic = assignment.topic;
    }
    arrivals.extend(late);
    let review = reviewed(&arrivals, &registry);
    assert_eq!(review.lineage, [Lineage::Back(sleeper.clone())]);
    assert!(review.assignments.is_empty());
    let woken = review
        .topics
        .iter()
        .find(|topic| topic.id == sleeper)
        .unwrap();
    assert_eq!(woken.status, TopicStatus::Live);
}

#[test]
fn a_group_of_the_unassigned_becomes_a_topic() {
    let (mut documents, mut registry) = known();
    let topic = topic_of(&documents, "0").unwrap().clone();
    registry.topics.retain(|known| known.id != topic);
    for document in &mut documents {
        if document.topic.as_ref() == Some(&topic) {
            document.topic = None;
        }
    }
    let review = reviewed(&documents, &registry);
    assert!(
        matches!(review.lineage.as_slice(), [Lineage::New(_)]),
        "{:?}",
        review.lineage
    );
    assert_eq!(review.assignments.len(), 20);
}
