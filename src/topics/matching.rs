//! Which groups are topics that are known already: by the conversations that both have, else by their middles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Lineage, Topic, TopicId, TopicStatus};

use super::Params;
use super::corpus::Corpus;
use super::discovery::Candidate;
use super::registry::Registry;
use super::vector::{direction, product};

/// Conversations by group and the topic that they had.
type Shared = BTreeMap<(usize, TopicId), usize>;

/// Marks the groups that are known topics, and says what became of topics whose conversations were all looked at
/// again and did not come back as a group of their own.
pub fn recognise(
    corpus: &Corpus<'_>,
    candidates: &mut [Candidate],
    registry: &Registry,
    params: &Params,
) -> Vec<(Topic, Lineage)> {
    let shared = shared(corpus, candidates, registry);
    let kept = by_members(candidates, &shared);
    by_middle(candidates, registry, params, &kept);
    lost(candidates, registry, &shared, &kept)
}

fn shared(corpus: &Corpus<'_>, candidates: &[Candidate], registry: &Registry) -> Shared {
    let edited = registry.edited();
    let mut shared = Shared::new();
    for (group, candidate) in candidates.iter().enumerate() {
        for place in &candidate.members {
            if let Some(topic) = &corpus.documents[*place].topic {
                *shared
                    .entry((group, edited.resolve(topic).clone()))
                    .or_default() += 1;
            }
        }
    }
    shared
}

/// The largest overlap first: group and topic that belong together more than either belongs to another.
fn by_members(candidates: &mut [Candidate], shared: &Shared) -> BTreeSet<TopicId> {
    let mut pairs: Vec<(Reverse<usize>, usize, &TopicId)> = shared
        .iter()
        .map(|((group, topic), count)| (Reverse(*count), *group, topic))
        .collect();
    pairs.sort();
    let mut kept = BTreeSet::new();
    for (_, group, topic) in pairs {
        let candidate = &mut candidates[group];
        if candidate.known.is_some() || candidate.from.is_some() {
            continue;
        }
        if kept.insert(topic.clone()) {
            candidate.known = Some(topic.clone());
        } else {
            candidate.from = Some(topic.clone());
        }
    }
    kept
}

/// Groups of newcomers whose middle is that of a known topic.
fn by_middle(
    candidates: &mut [Candidate],
    registry: &Registry,
    params: &Params,
    kept: &BTreeSet<TopicId>,
) {
    let live = registry
        .topics
        .iter()
        .filter(|topic| topic.status == TopicStatus::Live);
    let known: Vec<(&TopicId, Vec<i8>)> = live
        .map(|topic| (&topic.id, direction(&topic.centre).0.into_vec()))
        .collect();
    for candidate in candidates {
        if candidate.known.is_some() || candidate.from.is_some() {
            continue;
        }
        let middle = direction(&candidate.centre);
        let least =
            f64::from(product(&middle.0, &middle.0)) * params.same_topic_percent as f64 / 100.0;
        let near = known
            .iter()
            .filter(|(id, _)| !kept.contains(*id))
            .map(|(id, known)| (product(known, &middle.0), Reverse(*id)))
            .max();
        candidate.known = near
            .filter(|(product, _)| f64::from(*product) >= least)
            .map(|(_, Reverse(id))| id.clone());
    }
}

/// Topics whose conversations went elsewhere.
fn lost(
    candidates: &[Candidate],
    registry: &Registry,
    shared: &Shared,
    kept: &BTreeSet<TopicId>,
) -> Vec<(Topic, Lineage)> {
    let mut went: BTreeMap<&TopicId, (usize, usize)> = BTreeMap::new();
    for ((group, topic), count) in shared {
        let most = went.entry(topic).or_insert((*count, *group));
        if *count > most.0 {
            *most = (*count, *group);
        }
    }
    let is_lost = |id: &&TopicId| !kept.contains(*id);
    let lost: Vec<&TopicId> = went.keys().copied().filter(is_lost).collect();
    lost.into_iter()
        .filter_map(|id| {
            let mut topic = registry.find(id)?.clone();
            let into = candidates[went[id].1].known.clone()?;
            topic.status = TopicStatus::Merged;
            let lineage = Lineage::MergedInto {
                topic: id.clone(),
                into,
            };
            Some((topic, lineage))
        })
        .collect()
}
