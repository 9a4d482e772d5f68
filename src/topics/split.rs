//! A topic that a person wants in parts: what a finer clustering of its conversations gives.
//!
//! The largest part stays the topic that it was, with its id and label; the others are new topics.

use crate::model::{Discovery, TopicId};

use super::cluster::{Groups, SEED, network};
use super::community::communities;
use super::corpus::Corpus;
use super::discovery::{assignments, finish, gathered};
use super::granularity::trials;
use super::graph::nearest;
use super::registry::Registry;
use super::stability::{agreed, repeated, stability};
use super::vector::{Matrix, direction, product, sum};
use super::vote::{Middle, Place, Rules, Verdict, learnt_threshold, verdicts};
use super::{Document, Params};

/// What the parts of a topic would be: the topic as it would stay, the new ones, and who would go there. Nothing when
/// its conversations do not fall into parts that are large enough. `members` are all its conversations.
pub fn split(
    topic: &TopicId,
    members: &[Document],
    registry: &Registry,
    params: &Params,
    now: chrono::DateTime<chrono::Utc>,
) -> Option<Discovery> {
    let corpus = Corpus::new(members);
    let groups = parts(&corpus, params)?;
    let mut candidates = gathered(&corpus, &groups);
    let largest = (0..candidates.len()).max_by_key(|at| {
        let size = candidates[*at].members.len();
        (size, std::cmp::Reverse(*at))
    })?;
    for (at, candidate) in candidates.iter_mut().enumerate() {
        if at == largest {
            candidate.known = Some(topic.clone());
        } else {
            candidate.from = Some(topic.clone());
        }
    }
    let (mut found, ids) = finish(&corpus, &groups, &candidates, Vec::new(), registry, now);
    found.assignments = assignments(&corpus, &groups, &ids, registry);
    found
        .assignments
        .retain(|assignment| assignment.topic.as_ref().is_some_and(|id| id != topic));
    Some(found)
}

/// The best of the resolutions that give more than one group.
fn parts(corpus: &Corpus<'_>, params: &Params) -> Option<Groups> {
    let nodes = corpus.sample(params.sample_size);
    let matrix = corpus.matrix(&nodes);
    let is_other = |row, column| row != column;
    let lists = nearest(&matrix, &matrix, params.neighbours, is_other, |_, found| {
        found.to_vec()
    });
    let network = network(&lists);
    let mut tried = trials(&network, &matrix, &[], SEED);
    tried.retain(|trial| trial.groups > 1);
    tried.sort_by(|one, other| other.value().total_cmp(&one.value()));
    tried.into_iter().find_map(|trial| {
        let repeats = repeated(&network, trial.resolution, params.stability_repeats);
        let found = communities(&agreed(&network, &repeats), trial.resolution, SEED);
        let (group_of, len) = large(corpus, &nodes, &found, params);
        (len > 1).then(|| Groups {
            theme_of: vec![0; len],
            stability: stability(&repeats, &group_of, len),
            verdicts: joined(corpus, &nodes, &matrix, &group_of, len, params),
            rules: rules(&matrix, &group_of, len, params),
        })
    })
}

/// The groups with enough conversations, numbered anew; the others' nodes have none.
fn large(
    corpus: &Corpus<'_>,
    nodes: &[u32],
    found: &[u32],
    params: &Params,
) -> (Vec<Option<u32>>, usize) {
    let mut weights = vec![0_usize; corpus.nodes.len()];
    for node in corpus.node_of.iter().flatten() {
        weights[*node as usize] += 1;
    }
    let groups = found.iter().max().map_or(0, |group| *group as usize + 1);
    let mut sizes = vec![0_usize; groups];
    for (node, group) in nodes.iter().zip(found) {
        sizes[*group as usize] += weights[*node as usize];
    }
    let mut len = 0;
    let numbers: Vec<Option<u32>> = sizes
        .iter()
        .map(|size| {
            let is_large = *size >= params.topic_size_min;
            len += usize::from(is_large);
            is_large.then(|| len as u32 - 1)
        })
        .collect();
    let group_of = found.iter().map(|group| numbers[*group as usize]).collect();
    (group_of, len)
}

/// Every node's part: its own, or that of its nearest neighbours that have one. All were one topic before; none is too
/// far now.
fn joined(
    corpus: &Corpus<'_>,
    nodes: &[u32],
    matrix: &Matrix,
    group_of: &[Option<u32>],
    len: usize,
    params: &Params,
) -> Vec<Verdict> {
    let mut places = Vec::new();
    let mut place_of = Vec::new();
    let mut verdicts_of = vec![Verdict::default(); corpus.nodes.len()];
    for (place, (node, group)) in nodes.iter().zip(group_of).enumerate() {
        verdicts_of[*node as usize].first = *group;
        if let Some(group) = group {
            places.push(place);
            place_of.push(*group);
        }
    }
    let rest: Vec<u32> = (0..corpus.nodes.len() as u32)
        .filter(|node| verdicts_of[*node as usize].first.is_none())
        .collect();
    let anywhere = |_| {
        let middles = vec![Middle {
            direction: vec![0; matrix.width()],
            threshold: i32::MIN,
        }];
        Place { middles }
    };
    let rules = Rules {
        places: (0..len).map(anywhere).collect(),
        floor: i32::MIN,
    };
    let voters = matrix.picked(&places);
    let arrivals = corpus.matrix(&rest);
    let found = verdicts(&arrivals, &voters, &place_of, &rules, params.neighbours);
    for (node, verdict) in rest.into_iter().zip(found) {
        verdicts_of[node as usize].first = verdict.first;
    }
    verdicts_of
}

fn rules(matrix: &Matrix, group_of: &[Option<u32>], len: usize, params: &Params) -> Rules {
    let place = |group: usize| {
        let members = || {
            let of_group = (0..matrix.len()).filter(move |at| group_of[*at] == Some(group as u32));
            of_group.map(|at| matrix.row(at))
        };
        Place {
            middles: vec![learnt(matrix.width(), members, params)],
        }
    };
    Rules {
        places: (0..len).map(place).collect(),
        floor: i32::MIN,
    }
}

/// The middle of some vectors, with the threshold that they teach.
pub fn learnt<'a, I: Iterator<Item = &'a [i8]>>(
    width: usize,
    members: impl Fn() -> I,
    params: &Params,
) -> Middle {
    let direction = direction(&sum(width, members())).0.into_vec();
    let products = members().map(|row| product(row, &direction)).collect();
    Middle {
        threshold: learnt_threshold(products, params.spread),
        direction,
    }
}
