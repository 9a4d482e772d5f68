//! Cases: vectors and documents.

use std::collections::{BTreeMap, BTreeSet};

use groundswell::model::{Exclusion, ModelId, TopicId};
use groundswell::store::{Store, Which};
use groundswell::topics::{Document, Params};

use super::support::*;

const CASES: &[Case] = cases![
    each_text_is_embedded_once,
    a_vector_belongs_to_its_model,
    documents_are_those_that_count_and_have_a_vector,
    documents_are_told_by_what_was_decided,
    a_vector_goes_with_the_last_text_it_was_made_of,
    a_text_that_somebody_else_has_too_keeps_or_regains_its_vector,
    few_of_many_vote_as_many_of_each_topic,
    texts_that_come_and_go_have_vectors_and_leave_none,
    a_change_of_encoder_renews_topics_and_drops_old_vectors_at_once,
    approximate_vectors_are_known_as_such_until_they_are_replaced,
];

#[test]
fn vectors_keep_the_contract() {
    run_all(CASES);
}

async fn ids(store: &Store, which: Which) -> Vec<String> {
    let documents = store.documents(&model(), which, None).await.unwrap();
    documents.into_iter().map(|one| one.key.id).collect()
}

async fn each_text_is_embedded_once(store: Store) {
    let mut spam = ticket("4", "spam", minute(1));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    let some = [
        ticket("1", "same", minute(1)),
        ticket("2", "same", minute(2)),
        ticket("3", "other", minute(3)),
        spam,
    ];
    save(&store, &some).await;
    let texts = store.texts_without_vector(&model(), 10).await.unwrap();
    let mut expected = [hash("same"), hash("other")];
    expected.sort();
    let hashes: Vec<&String> = texts.iter().map(|(hash, _)| hash).collect();
    assert_eq!(hashes, expected.iter().collect::<Vec<_>>());
    for (text_hash, text) in &texts {
        assert_eq!(*text_hash, hash(text.as_str()));
    }
    let one = store.texts_without_vector(&model(), 1).await.unwrap();
    assert_eq!(one[0].1.as_str(), "same", "what came first");
    assert_eq!(one.len(), 1);
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 2);
    embed(&store).await;
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 0);
    let left = store.texts_without_vector(&model(), 10).await.unwrap();
    assert!(left.is_empty());
    embed(&store).await;
}

async fn a_vector_belongs_to_its_model(store: Store) {
    save(&store, &[ticket("1", "loud", minute(1))]).await;
    embed(&store).await;
    let other = ModelId("other/2".to_owned());
    assert_eq!(store.count_without_vector(&other).await.unwrap(), 1);
    let none = store.documents(&other, Which::All, None).await.unwrap();
    assert!(none.is_empty());
    let vectors = [(hash("loud"), vector("quite different"))];
    store.save_vectors(&other, &vectors).await.unwrap();
    let theirs = store.documents(&other, Which::All, None).await.unwrap();
    assert_eq!(theirs[0].vector, vector("quite different"));
    let ours = store.documents(&model(), Which::All, None).await.unwrap();
    assert_eq!(ours[0].vector, vector("loud"));
}

async fn documents_are_those_that_count_and_have_a_vector(store: Store) {
    let mut spam = ticket("1", "spam", minute(1));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    let mut company = ticket("3", "company", minute(3));
    company.conversation.requester = None;
    company.conversation.account = Some("ACME".to_owned());
    let some = [ticket("4", "four", minute(4)), spam, company];
    save(&store, &some).await;
    embed(&store).await;
    save(&store, &[ticket("5", "no vector yet", minute(5))]).await;
    let documents = store.documents(&model(), Which::All, None).await.unwrap();
    let customers: Vec<_> = documents.iter().map(|d| d.customer.as_deref()).collect();
    assert_eq!(customers, [Some("ACME"), Some("person-of-4")]);
    let four = &documents[1];
    assert_eq!(four.text.as_str(), "four");
    assert_eq!(four.vector, vector("four"));
    assert_eq!(four.language, "en");
    assert_eq!(four.created_at, minute(4));
    assert_eq!(four.topic, None);
    let from = Some(minute(4));
    let recent = store.documents(&model(), Which::All, from).await.unwrap();
    assert_eq!(recent.len(), 1);
}

async fn documents_are_told_by_what_was_decided(store: Store) {
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    embed(&store).await;
    assert_eq!(ids(&store, Which::New).await, ["1", "2", "3"]);
    assert!(ids(&store, Which::Unassigned).await.is_empty());
    assign(&store, "t", &["1"]).await;
    let looked_at = [assignment("2", None)];
    store.save_assignments(&looked_at).await.unwrap();
    assert_eq!(ids(&store, Which::New).await, ["3"]);
    assert_eq!(ids(&store, Which::Unassigned).await, ["2"]);
    assert_eq!(ids(&store, Which::Assigned).await, ["1"]);
    let assigned = store.documents(&model(), Which::Assigned, None).await;
    assert_eq!(assigned.unwrap()[0].topic, Some(TopicId::from("t")));
    // Another text was never looked at.
    save(&store, &[changed(&some[1], "two", minute(2))]).await;
    embed(&store).await;
    assert_eq!(ids(&store, Which::New).await, ["2", "3"]);
    assert!(ids(&store, Which::Unassigned).await.is_empty());
    assert_eq!(ids(&store, Which::All).await, ["1", "2", "3"]);
}

async fn a_vector_goes_with_the_last_text_it_was_made_of(store: Store) {
    let some = [
        ticket("1", "same", minute(1)),
        ticket("2", "same", minute(1)),
    ];
    save(&store, &some).await;
    embed(&store).await;
    save_any(&store, &deletion("1", minute(2))).await;
    assert_eq!(ids(&store, Which::All).await, ["2"], "still in use");
    save(&store, &[changed(&some[1], "other", minute(3))]).await;
    // The old text comes back: its vector was deleted with it.
    save(&store, &[changed(&some[1], "same", minute(4))]).await;
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 1);
    // A text that went away while it was being embedded leaves no vector.
    let gone = [(hash("gone"), vector("gone"))];
    store.save_vectors(&model(), &gone).await.unwrap();
    save(&store, &[ticket("3", "gone", minute(5))]).await;
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 2);
}

async fn a_text_that_somebody_else_has_too_keeps_or_regains_its_vector(store: Store) {
    let waiting = async || store.count_without_vector(&model()).await.unwrap();
    save(&store, &[ticket("1", "same", minute(1))]).await;
    embed(&store).await;
    // Nobody asked for texts since the second one came.
    save(&store, &[ticket("2", "same", minute(1))]).await;
    save_any(&store, &deletion("1", minute(2))).await;
    assert_eq!(waiting().await, 1);
    embed(&store).await;
    assert_eq!(ids(&store, Which::All).await, ["2"]);
    // What does not count any more has no vector, and gets it when it counts again.
    let mut spam = changed(&ticket("2", "same", minute(1)), "same", minute(3));
    let back = changed(&spam, "same", minute(4));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    save(&store, &[spam]).await;
    assert_eq!(waiting().await, 0);
    save(&store, &[back]).await;
    assert_eq!(waiting().await, 1);
    embed(&store).await;
    // A person's erasure takes it along, and leaves that of others.
    save(&store, &[ticket("3", "same", minute(5))]).await;
    let another = ticket("4", "another", minute(5));
    save(&store, std::slice::from_ref(&another)).await;
    embed(&store).await;
    for id in ["2", "4"] {
        let forgotten = store.forget_conversation(&key(id), minute(6)).await;
        assert!(forgotten.unwrap());
    }
    assert_eq!(ids(&store, Which::All).await, ["3"]);
    save(&store, &[ticket("5", "another", minute(7))]).await;
    assert_eq!(waiting().await, 1, "only that of 5, for that of 4 is gone");
}

async fn few_of_many_vote_as_many_of_each_topic(store: Store) {
    // 30 of a large topic, every third with the same text; 3 of a small one; 1 is too old, 1 does not count.
    let text = |number: i32| match number % 3 {
        0 => "same".to_owned(),
        _ => format!("text {number}"),
    };
    let mut large: Vec<_> = (10..40)
        .map(|number| {
            ticket(
                &number.to_string(),
                &text(number),
                minute(i64::from(number)),
            )
        })
        .collect();
    let small = ["50", "51", "52"].map(|id| ticket(id, &format!("small {id}"), minute(50)));
    let old = ticket("99", "old", minute(1));
    save(&store, &large).await;
    save(&store, &small).await;
    save(&store, std::slice::from_ref(&old)).await;
    embed(&store).await;
    let ids: Vec<String> = (10..40).map(|number| number.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assign(&store, "large", &ids).await;
    assign(&store, "small", &["50", "51", "52"]).await;
    let mut spam = changed(&large.remove(1), "text 11", minute(100));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    save(&store, &[spam]).await;

    let voters = async |sample_size, neighbours| {
        let params = Params {
            sample_size,
            neighbours,
            ..Params::default()
        };
        store.voters(&model(), minute(5), &params).await.unwrap()
    };
    let all = store
        .documents(&model(), Which::Assigned, Some(minute(5)))
        .await
        .unwrap();
    let keys = |documents: &[Document]| -> BTreeSet<String> {
        documents
            .iter()
            .map(|document| document.key.id.clone())
            .collect()
    };
    assert_eq!(all.len(), 32);
    assert_eq!(
        keys(&voters(32, 1).await),
        keys(&all),
        "all, where they are few"
    );
    // 5 places for each of two topics: the five lowest hashes of the large one, its first for each text.
    let mut lots: BTreeMap<String, String> = BTreeMap::new();
    for one in &large {
        let id = one.conversation.key.id.clone();
        lots.entry(one.text_hash.clone()).or_insert(id);
    }
    let mut expected: BTreeSet<String> = lots.into_values().take(5).collect();
    expected.extend(["50", "51", "52"].map(str::to_owned));
    // The exemplar of the large topic.
    expected.insert("10".to_owned());
    let drawn = voters(10, 1).await;
    assert_eq!(keys(&drawn), expected);
    assert_eq!(keys(&voters(2, 5).await), expected, "as many as are asked");
    assert!(drawn.is_sorted_by(|one, other| one.key < other.key));
    assert!(
        drawn
            .iter()
            .all(|one| one.topic.is_some() && one.text.as_str() != "old")
    );
}

/// Few texts among many conversations, so that most are shared, in an order that nobody would think of.
async fn texts_that_come_and_go_have_vectors_and_leave_none(store: Store) {
    const TEXTS: [&str; 4] = ["loud", "cold", "late", "wet"];
    let mut random = 9_u64;
    let mut below = |end: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % end
    };
    let mut held: BTreeMap<String, &str> = BTreeMap::new();
    for step in 0..400_i64 {
        let id = below(9).to_string();
        let text = TEXTS[below(4) as usize];
        let mut version = changed(&ticket(&id, "", minute(0)), text, minute(step));
        match below(8) {
            0 => {
                save_any(&store, &deletion(&id, minute(step))).await;
                held.remove(&id);
            }
            1 => {
                version.conversation.exclusion = Some(Exclusion::Spam);
                save(&store, &[version]).await;
                held.remove(&id);
            }
            2 => embed_some(&store, 1).await,
            3 => {
                embed(&store).await;
                let left = store.count_without_vector(&model()).await.unwrap();
                assert_eq!(left, 0, "step {step}");
                let held: Vec<&String> = held.keys().collect();
                let found = ids(&store, Which::All).await;
                assert_eq!(found.iter().collect::<Vec<_>>(), held, "step {step}");
            }
            4 => {
                // A text that nobody has has no vector: who comes with it waits for one.
                let probe = format!("probe {step}");
                let waiting = store.count_without_vector(&model()).await.unwrap();
                let version = ticket(&probe, text, minute(step));
                save(&store, &[version]).await;
                let now = store.count_without_vector(&model()).await.unwrap();
                if !held.values().any(|known| *known == text) {
                    assert_eq!(now, waiting + 1, "step {step}");
                }
                save_any(&store, &deletion(&probe, minute(step + 1))).await;
            }
            _ => {
                save(&store, &[version]).await;
                held.insert(id, text);
            }
        }
    }
}

async fn a_change_of_encoder_renews_topics_and_drops_old_vectors_at_once(store: Store) {
    assert_eq!(store.topics_model().await.unwrap(), None);
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    embed(&store).await;
    assign(&store, "t", &["1", "2"]).await;
    assert_eq!(store.topics_model().await.unwrap(), Some(model()));
    let other = ModelId("other/2".to_owned());
    let texts = store.texts_without_vector(&other, 10).await.unwrap();
    let new: Vec<_> = texts
        .iter()
        .map(|(hash, _)| (hash.clone(), vector(&format!("new {hash}"))))
        .collect();
    store.save_vectors(&other, &new).await.unwrap();
    assert_eq!(
        store.topics_model().await.unwrap(),
        Some(model()),
        "not yet"
    );
    let topic_id = TopicId::from("t");
    let members = store.members(&other, &topic_id).await.unwrap();
    let expected = ["1", "2"].map(|id| (key(id), vector(&format!("new {}", hash(id)))));
    assert_eq!(members, expected);
    // Its members go; its exemplar, which is conversation 1 or another, stands for it.
    let none = ["1", "2"].map(|id| assignment(id, None));
    store.save_assignments(&none).await.unwrap();
    let topics = store.topics().await.unwrap();
    let exemplar = topics[0].exemplars[0].key.clone();
    let members = store.members(&other, &topic_id).await.unwrap();
    assert!(members.iter().all(|(key, _)| *key == exemplar));

    let mut renewed = topics[0].clone();
    renewed.centre = vec![7; 3];
    renewed.exemplars.clear();
    store
        .change_encoder(&other, std::slice::from_ref(&renewed))
        .await
        .unwrap();
    assert_eq!(store.topics_model().await.unwrap(), Some(other.clone()));
    assert_eq!(store.topics().await.unwrap(), [renewed]);
    assert_eq!(store.count_without_vector(&other).await.unwrap(), 0);
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 3);
}

async fn approximate_vectors_are_known_as_such_until_they_are_replaced(store: Store) {
    assert_eq!(store.sample_end(2).await.unwrap(), None);
    let some = ["1", "2", "3"].map(|id| ticket(id, id, minute(1)));
    save(&store, &some).await;
    let mut hashes = ["1", "2", "3"].map(|id| (hash(id), id));
    hashes.sort();
    let end = store.sample_end(2).await.unwrap().unwrap();
    assert_eq!(end, (2, hashes[1].0.clone()));
    assert_eq!(store.sample_end(9).await.unwrap().unwrap().0, 3);
    let behind = store
        .texts_without_vector_after(&model(), &end.1, 9)
        .await
        .unwrap();
    assert_eq!(behind.len(), 1);
    assert_eq!(behind[0].0, hashes[2].0);

    let real: Vec<_> = hashes[..2]
        .iter()
        .map(|(hash, id)| (hash.clone(), vector(id)))
        .collect();
    store.save_vectors(&model(), &real).await.unwrap();
    assert!(!store.are_topics_approximate().await.unwrap());
    let guessed = [(hashes[2].0.clone(), vector("guess"))];
    store
        .save_approximate_vectors(&model(), &guessed)
        .await
        .unwrap();
    assert!(store.are_topics_approximate().await.unwrap());
    let sample = store.texts_with_vectors(&model(), "~").await.unwrap();
    let known: Vec<&str> = sample.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(
        known,
        [hashes[0].1, hashes[1].1],
        "nothing is learnt from a guess"
    );
    assert_eq!(store.count_without_vector(&model()).await.unwrap(), 0);
    let waiting = store
        .texts_with_approximate_vector(&model(), 9)
        .await
        .unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].1.as_str(), hashes[2].1);

    let read = [(hashes[2].0.clone(), vector(hashes[2].1))];
    store.save_vectors(&model(), &read).await.unwrap();
    let waiting = store
        .texts_with_approximate_vector(&model(), 9)
        .await
        .unwrap();
    assert!(waiting.is_empty());
    assert!(
        store.are_topics_approximate().await.unwrap(),
        "until topics are renewed"
    );
    store.change_encoder(&model(), &[]).await.unwrap();
    assert!(!store.are_topics_approximate().await.unwrap());
    assert_eq!(
        store
            .documents(&model(), Which::All, None)
            .await
            .unwrap()
            .len(),
        3
    );
}
