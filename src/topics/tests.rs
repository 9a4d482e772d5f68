//! What holds for every discovery, tried on invented documents.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::community::Sequence;
use super::*;
use crate::model::{Assignment, Edit, EditKind, Lineage, Topic, TopicId};

const SUBJECTS: [&str; 4] = [
    "condensate drain freezes on the path",
    "app login code never comes",
    "invoice charged twice this month",
    "noise of the outdoor fan at night",
];

pub(in crate::topics) fn at(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

/// Documents around a few middles, each with words of its subject and one of its own.
pub(in crate::topics) fn documents(
    seed: u64,
    per_subject: usize,
    subjects: usize,
) -> Vec<Document> {
    let mut sequence = Sequence(seed);
    let middles: Vec<Vec<f32>> = (0..subjects)
        .map(|_| {
            (0..32)
                .map(|_| (sequence.next() % 2000) as f32 / 1000.0 - 1.0)
                .collect()
        })
        .collect();
    let mut documents = Vec::new();
    for number in 0..per_subject * subjects {
        let subject = number % subjects;
        let noise = || (sequence.next() % 1000) as f32 / 1000.0 - 0.5;
        let near: Vec<f32> = std::iter::repeat_with(noise)
            .zip(&middles[subject])
            .map(|(n, m)| n + m)
            .collect();
        documents.push(Document {
            key: ConversationKey::new("desk", format!("{number}")),
            text: Text::new(format!(
                "Hi, {} unit{} thanks",
                SUBJECTS[subject % 4],
                number % 7
            )),
            vector: Vector::from_floats(&near),
            language: "en".into(),
            customer: Some(format!("customer {}", number % 11)),
            created_at: at(number as i64),
            topic: None,
        });
    }
    documents
}

pub(in crate::topics) fn found(documents: &[Document]) -> Discovery {
    discover(documents, &Registry::default(), &Params::default(), at(0))
}

/// Which conversations are together, whatever their topics are called.
fn partition(assignments: &[Assignment]) -> BTreeSet<BTreeSet<String>> {
    let mut groups: BTreeMap<Option<&TopicId>, BTreeSet<String>> = BTreeMap::new();
    for assignment in assignments {
        groups
            .entry(assignment.topic.as_ref())
            .or_default()
            .insert(assignment.key.id.clone());
    }
    groups.into_values().collect()
}

fn shuffled(documents: &[Document], seed: u64) -> Vec<Document> {
    let order = Sequence(seed).order(documents.len());
    order
        .into_iter()
        .map(|place| documents[place as usize].clone())
        .collect()
}

pub(in crate::topics) fn settled(documents: &[Document], discovery: &Discovery) -> Vec<Document> {
    let topics: BTreeMap<&ConversationKey, &Option<TopicId>> = discovery
        .assignments
        .iter()
        .map(|a| (&a.key, &a.topic))
        .collect();
    let mut documents = documents.to_vec();
    for document in &mut documents {
        document.topic = topics[&document.key].clone();
    }
    documents
}

pub(in crate::topics) fn registry(discovery: &Discovery) -> Registry {
    Registry {
        topics: discovery.topics.clone(),
        ..Registry::default()
    }
}

pub(in crate::topics) fn edit(number: i64, kind: EditKind) -> Edit {
    Edit {
        number,
        at: at(0),
        by: String::new(),
        kind,
        is_undone: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_documents_does_not_matter(seed in any::<u64>()) {
        let documents = documents(seed, 12, 4);
        prop_assert_eq!(found(&documents), found(&shuffled(&documents, seed ^ 1)));
    }

    #[test]
    fn each_document_is_answered_once(seed in any::<u64>(), per_subject in 0_usize..9, subjects in 1_usize..5) {
        let documents = documents(seed, per_subject, subjects);
        let discovery = found(&documents);
        let keys: Vec<_> = discovery.assignments.iter().map(|a| &a.key).collect();
        let mut expected: Vec<_> = documents.iter().map(|d| &d.key).collect();
        expected.sort();
        prop_assert_eq!(keys, expected);
        let topics: BTreeSet<_> = discovery.topics.iter().map(|topic| &topic.id).collect();
        for assignment in &discovery.assignments {
            prop_assert!(assignment.topic.iter().chain(&assignment.also).all(|id| topics.contains(id)));
            prop_assert!((0.0..=1.0).contains(&assignment.score));
        }
    }

    #[test]
    fn renaming_conversations_only_renames(seed in any::<u64>()) {
        let documents = documents(seed, 12, 3);
        let mut renamed = documents.clone();
        for document in &mut renamed {
            document.key.id = format!("{}", 1000 - document.key.id.parse::<i64>().unwrap());
        }
        let names = |id: &String| format!("{}", 1000 - id.parse::<i64>().unwrap());
        let expected: BTreeSet<BTreeSet<String>> = partition(&found(&documents).assignments)
            .iter()
            .map(|group| group.iter().map(names).collect())
            .collect();
        prop_assert_eq!(partition(&found(&renamed).assignments), expected);
    }

    #[test]
    fn discovering_twice_keeps_every_topic(seed in any::<u64>()) {
        let documents = documents(seed, 12, 4);
        let first = found(&documents);
        let again = discover(&settled(&documents, &first), &registry(&first), &Params::default(), at(9));
        // How stable a topic is depends on the fineness, and known topics may decide between two that are as good.
        let lasting = |topics: &[Topic]| -> Vec<Topic> {
            topics.iter().cloned().map(|topic| Topic { stability: None, ..topic }).collect()
        };
        prop_assert_eq!(lasting(&again.topics), lasting(&first.topics));
        prop_assert_eq!(&again.assignments, &first.assignments);
        prop_assert!(again.lineage.iter().all(|lineage| matches!(lineage, Lineage::Kept(_))));
    }

    #[test]
    fn labels_are_never_empty_and_never_alike(seed in any::<u64>()) {
        let topics = found(&documents(seed, 10, 4)).topics;
        let labels: BTreeSet<_> = topics.iter().map(|topic| topic.label.to_lowercase()).collect();
        prop_assert_eq!(labels.len(), topics.len());
        prop_assert!(topics.iter().all(|topic| !topic.label.trim().is_empty()));
    }

    #[test]
    fn an_edit_that_is_taken_back_leaves_nothing(seed in any::<u64>()) {
        let documents = documents(seed, 12, 4);
        let first = found(&documents);
        let (early, late) = documents.split_at(40);
        let settled = settled(early, &first);
        let mut registry = registry(&first);
        let before = assign(late, &settled, &registry, &Params::default());
        let (topic, into) = (first.topics[0].id.clone(), first.topics[first.topics.len() - 1].id.clone());
        registry.edits = vec![
            edit(1, EditKind::Merge { topic: topic.clone(), into: into.clone() }),
            edit(2, EditKind::Pin { key: late[0].key.clone(), topic: topic.clone() }),
        ];
        let edited = assign(late, &settled, &registry, &Params::default());
        prop_assert_eq!(edited[0].topic.as_ref(), Some(&into));
        prop_assert!(topic == into || edited.iter().all(|a| a.topic.as_ref() != Some(&topic)));
        registry.edits.iter_mut().for_each(|edit| edit.is_undone = true);
        prop_assert_eq!(assign(late, &settled, &registry, &Params::default()), before);
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let documents = documents(7, 20, 4);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| found(&documents))
    };
    let one = on(1);
    assert_eq!(one.topics.len(), 4);
    assert_eq!(on(2), one);
    assert_eq!(on(8), one);
}

#[test]
fn nothing_and_a_single_document_make_no_topic() {
    assert_eq!(found(&[]), Discovery::default());
    let one = found(&documents(3, 1, 1));
    assert!(one.topics.is_empty());
    assert_eq!(one.assignments.len(), 1);
    assert_eq!(one.assignments[0].topic, None);
    assert!(
        assign(
            &documents(3, 1, 1),
            &[],
            &Registry::default(),
            &Params::default()
        )[0]
        .topic
        .is_none()
    );
}

#[test]
fn one_customer_alone_makes_no_topic() {
    let mut documents = documents(5, 10, 2);
    for document in documents.iter_mut().step_by(2) {
        document.customer = Some("the same".into());
    }
    let discovery = found(&documents);
    assert_eq!(discovery.topics.len(), 1);
    assert!(
        discovery.topics[0].label.contains("login"),
        "{}",
        discovery.topics[0].label
    );
}

#[test]
fn texts_that_say_nothing_stay_unassigned() {
    let mut documents = documents(5, 10, 2);
    documents[3].text = "Hi, thank you, bye".into();
    let discovery = found(&documents);
    let answer = discovery
        .assignments
        .iter()
        .find(|a| a.key == documents[3].key)
        .unwrap();
    assert_eq!(answer.topic, None);
}

#[test]
fn arrivals_join_the_topic_of_their_neighbours_or_none() {
    let documents = documents(11, 15, 3);
    let (early, late) = documents.split_at(36);
    let discovery = found(early);
    let settled = settled(early, &discovery);
    let mut late = late.to_vec();
    let mut far = late[0].clone();
    far.key = ConversationKey::new("desk", "far");
    far.vector = Vector(far.vector.0.iter().map(|value| -value).collect());
    late.push(far);
    for given in [settled.as_slice(), &[]] {
        let answers = assign(&late, given, &registry(&discovery), &Params::default());
        let subject = |key: &ConversationKey| key.id.parse::<usize>().unwrap() % 3;
        for answer in &answers[..9] {
            let same = settled
                .iter()
                .find(|d| subject(&d.key) == subject(&answer.key))
                .unwrap();
            assert_eq!(answer.topic, same.topic);
        }
        assert_eq!(answers[9].topic, None);
    }
}

#[test]
fn a_sample_gives_the_same_topics_as_all() {
    let documents = documents(13, 40, 3);
    let params = Params {
        exact_max: 60,
        sample_size: 60,
        ..Params::default()
    };
    let sampled = discover(&documents, &Registry::default(), &params, at(0));
    assert_eq!(
        partition(&sampled.assignments),
        partition(&found(&documents).assignments)
    );
}

#[test]
fn the_reason_is_what_decides_about_arrivals() {
    let documents = documents(11, 15, 3);
    let discovery = found(&documents);
    let settled = settled(&documents, &discovery);
    let mut registry = registry(&discovery);
    let params = Params::default();
    for document in &settled {
        let others: Vec<Document> = settled
            .iter()
            .filter(|other| other.key != document.key)
            .cloned()
            .collect();
        let mut stranger = document.clone();
        stranger.key = ConversationKey::new("desk", "stranger");
        let decided = assign(&[stranger], &others, &registry, &params);
        let reason = why(document, &settled, &registry, &params);
        assert_eq!(decided[0].topic, document.topic);
        assert_eq!(
            reason.because,
            Because::Neighbours(document.topic.clone().unwrap())
        );
        assert!(
            reason
                .neighbours
                .iter()
                .all(|near| near.key != document.key)
        );
        let (nearness, least) = reason.nearness.unwrap();
        assert!(nearness >= least && (nearness - decided[0].score).abs() < 0.05);
    }
    let mut far = settled[0].clone();
    far.vector = Vector(far.vector.0.iter().map(|value| -value).collect());
    far.topic = None;
    assert_eq!(
        why(&far, &settled, &registry, &params).because,
        Because::Alone
    );
    far.text = "Hi, thanks".into();
    assert_eq!(
        why(&far, &settled, &registry, &params).because,
        Because::SaysNothing
    );
    let pin = edit(
        1,
        EditKind::Pin {
            key: far.key.clone(),
            topic: discovery.topics[0].id.clone(),
        },
    );
    registry.edits.push(pin.clone());
    assert_eq!(
        why(&far, &settled, &registry, &params).because,
        Because::Pinned(pin)
    );
}

#[test]
fn a_split_moves_a_part_and_taking_it_back_rejoins_it() {
    let documents = documents(17, 20, 3);
    let discovery = found(&documents);
    let settled = settled(&documents, &discovery);
    // A person merged two of the three, and wants them apart again.
    let (topic, other) = (
        discovery.topics[0].id.clone(),
        discovery.topics[1].id.clone(),
    );
    let mut both = settled.clone();
    both.retain(|document| [&topic, &other].contains(&document.topic.as_ref().unwrap()));
    both.iter_mut()
        .for_each(|document| document.topic = Some(topic.clone()));
    let mut registry = registry(&discovery);
    let params = Params::default();
    let parts = split(&topic, &both, &registry, &params, at(9)).unwrap();
    assert_eq!(parts.topics.len(), 2);
    assert_eq!(parts.assignments.len(), 20);
    let part = parts.topics.iter().find(|one| one.id != topic).unwrap();
    assert!(
        parts
            .assignments
            .iter()
            .all(|one| one.topic.as_ref() == Some(&part.id))
    );
    assert!(
        parts
            .topics
            .iter()
            .all(|one| one.label != part.label || one.id == part.id)
    );

    registry.topics.retain(|one| one.id != topic);
    registry.topics.extend(parts.topics.clone());
    registry.edits = vec![edit(
        1,
        EditKind::Split {
            topic: topic.clone(),
            part: part.id.clone(),
        },
    )];
    assert!(registry.edited().is_apart(&topic, &part.id));
    assert_eq!(registry.edited().resolve(&part.id), &part.id);
    registry.edits[0].is_undone = true;
    assert_eq!(registry.edited().resolve(&part.id), &topic);
    assert!(!registry.edited().is_apart(&topic, &part.id));

    let whole: Vec<Document> = settled
        .into_iter()
        .filter(|d| d.topic.as_ref() == Some(&other))
        .collect();
    assert_eq!(split(&other, &whole[..6], &registry, &params, at(9)), None);
}
