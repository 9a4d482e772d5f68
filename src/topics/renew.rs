//! A topic in the numbers of another encoder: the same conversations, a new middle, threshold and exemplars.

use crate::model::{ConversationKey, Exemplar, Topic, Vector};

use super::Params;
use super::vector::{direction, product, sum};
use super::vote::learnt_threshold;

/// Conversations that stand for a topic.
const EXEMPLARS_MAX: usize = 8;
/// Exemplars are less alike than this, in percent of the product of a vector with itself.
const EXEMPLAR_LIKENESS_PERCENT: i32 = 92;

/// The topic as its members' new vectors have it. Id, label, terms, theme and status stay. Without members it
/// keeps its id and takes nobody.
pub fn renewed(topic: &Topic, members: &[(ConversationKey, Vector)], params: &Params) -> Topic {
    let mut members: Vec<&(ConversationKey, Vector)> = members
        .iter()
        .filter(|(_, vector)| !vector.is_zero())
        .collect();
    members.sort_unstable_by_key(|(key, vector)| (vector, key));
    let vectors: Vec<&Vector> = members.iter().map(|(_, vector)| vector).collect();
    let width = vectors.first().map_or(0, |vector| vector.0.len());
    let centre = sum(width, vectors.iter().map(|vector| &*vector.0));
    let middle = direction(&centre);
    let mut different = vectors.clone();
    different.dedup();
    let nearness = |vector: &&Vector| product(&vector.0, &middle.0);
    let products = different.iter().map(nearness).collect();
    let exemplar = |place: usize| Exemplar {
        key: members[place].0.clone(),
        vector: members[place].1.clone(),
    };
    Topic {
        threshold: learnt_threshold(products, params.spread),
        exemplars: typical(&middle, &vectors)
            .into_iter()
            .map(exemplar)
            .collect(),
        centre,
        ..topic.clone()
    }
}

/// The places of the vectors nearest to the middle that are different from each other.
pub fn typical(middle: &Vector, vectors: &[&Vector]) -> Vec<usize> {
    let mut nearest: Vec<(i32, usize)> = vectors
        .iter()
        .zip(0..)
        .map(|(vector, place)| (-product(&vector.0, &middle.0), place))
        .collect();
    nearest.sort_unstable();
    let mut chosen: Vec<usize> = Vec::new();
    for (_, place) in nearest {
        if chosen.len() == EXEMPLARS_MAX {
            break;
        }
        let vector = &vectors[place].0;
        let itself = product(vector, vector);
        let is_alike = |known: &usize| {
            product(&vectors[*known].0, vector) * 100 > itself * EXEMPLAR_LIKENESS_PERCENT
        };
        if !chosen.iter().any(is_alike) {
            chosen.push(place);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TopicStatus;

    fn topic() -> Topic {
        Topic {
            id: "t1".into(),
            label: "ice".into(),
            terms: Vec::new(),
            exemplars: Vec::new(),
            centre: vec![5, 5, 5],
            threshold: 77,
            theme_id: "h1".into(),
            theme: "water".into(),
            stability: Some(0.9),
            status: TopicStatus::Live,
            discovered_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn member(id: &str, vector: [i8; 2]) -> (ConversationKey, Vector) {
        (ConversationKey::new("desk", id), Vector(Box::new(vector)))
    }

    #[test]
    fn a_topic_has_the_middle_of_its_members_in_any_order_and_keeps_what_it_is() {
        let mut members = vec![
            member("1", [100, 10]),
            member("2", [90, 30]),
            member("3", [100, 10]),
            member("4", [0, 0]),
        ];
        let found = renewed(&topic(), &members, &Params::default());
        assert_eq!(found.centre, [290, 50]);
        assert_eq!((found.id, found.label), (topic().id, topic().label));
        let keys: Vec<&str> = found.exemplars.iter().map(|e| e.key.id.as_str()).collect();
        assert_eq!(keys, ["1"], "the others are too like it");
        // Its members would all be taken again.
        let middle = direction(&found.centre);
        let nearness = members[..3].iter().map(|(_, v)| product(&v.0, &middle.0));
        assert!(nearness.min().unwrap() >= found.threshold && found.threshold > 0);
        members.reverse();
        let again = renewed(&topic(), &members, &Params::default());
        assert_eq!(
            (again.centre, again.threshold),
            (found.centre, found.threshold)
        );
        assert_eq!(again.exemplars, found.exemplars);
    }

    #[test]
    fn a_topic_without_members_takes_nobody() {
        let found = renewed(&topic(), &[], &Params::default());
        assert!(found.centre.is_empty() && found.exemplars.is_empty());
        assert_eq!(found.threshold, i32::MAX);
        assert_eq!(found.id, topic().id);
    }
}
