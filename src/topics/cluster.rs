//! Groups of documents and the honest rest, from sorted input and a fixed seed.
//!
//! Neighbours make a network, the network communities; small ones are dissolved, what lies too far from everything
//! stays alone. Of very many documents a sample is clustered and the rest joins it by neighbours, so memory stays
//! bounded and the cost grows with the number of documents, not with its square.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::model::TopicId;

use super::Params;
use super::community::{Resolution, communities, renumbered};
use super::corpus::Corpus;
use super::crowd::{dissolve, is_crowd};
use super::granularity;
use super::graph::{Neighbour, Network, nearest};
use super::stability::{agreed, repeated, stability};
use super::vector::{Matrix, direction, product, sum};
use super::vote::{
    Middle, Place, Rules, Verdict, company, floor, learnt_threshold, verdict, verdicts,
};

/// The fixed seed of every random-looking choice.
pub const SEED: u64 = 20_261_121;
/// Themes are found at this share of the topics' resolution.
const THEME_RESOLUTION_DIVISOR: u32 = 16;
/// How many nodes the resolution is chosen on.
const TRIAL_SIZE: usize = 4_000;
/// For so many nodes the configured number of neighbours is meant.
const NEIGHBOURS_MEANT_FOR: usize = 3_500;
/// Neighbours grow with the number of nodes, up to so many times.
const NEIGHBOURS_FACTOR_MAX: usize = 5;
/// Nodes outside the sample whose vectors are held side by side.
const DECIDED_AT_ONCE: usize = 65_536;
/// A product of two unit vectors is 127 times 127; as a weight it is ten bits.
const WEIGHT_DIVISOR: i32 = 16;

/// The groups of a corpus.
#[derive(Default)]
pub struct Groups {
    /// For each node where it belongs.
    pub verdicts: Vec<Verdict>,
    /// Each group's middle and threshold, and what else decides.
    pub rules: Rules,
    /// Each group's theme.
    pub theme_of: Vec<u32>,
    /// Each group's stability, if it was measured.
    pub stability: Vec<Option<f64>>,
}

/// Finds the groups of a corpus.
pub fn groups(corpus: &Corpus<'_>, params: &Params) -> Groups {
    let limit = if corpus.nodes.len() > params.exact_max {
        params.sample_size
    } else {
        usize::MAX
    };
    let sample = corpus.sample(limit);
    let graph = Graph::of(corpus, sample, params);
    let resolution = resolution(corpus, &graph, params);
    let repeats = repeated(&graph.network, resolution, params.stability_repeats);
    let agreed = agreed(&graph.network, &repeats);
    let found = communities(&agreed, resolution, SEED);
    let group_of = without_small(corpus, &graph.nodes, &found, params);
    let len = group_of
        .iter()
        .flatten()
        .max()
        .map_or(0, |group| *group as usize + 1);
    let companies = graph.lists.iter().map(|list| company(list)).collect();
    let rules = Rules {
        places: places(&graph.matrix, &group_of, len, params),
        floor: floor(&graph.matrix, companies),
    };
    let mut groups = Groups {
        theme_of: themes(&graph.network, &group_of, len, resolution),
        stability: stability(&repeats, &group_of, len),
        verdicts: vec![Verdict::default(); corpus.nodes.len()],
        rules,
    };
    settle(corpus, &graph, &group_of, &mut groups, params);
    dissolve(corpus, &mut groups, params);
    groups
}

/// Nodes with their vectors and neighbours.
struct Graph {
    nodes: Vec<u32>,
    matrix: Matrix,
    lists: Vec<Vec<Neighbour>>,
    network: Network,
}

impl Graph {
    /// The more nodes, the more neighbours: a neighbourhood that stays a share of all keeps large topics whole, and a
    /// resolution that suits a sample suits all.
    fn of(corpus: &Corpus<'_>, nodes: Vec<u32>, params: &Params) -> Self {
        let matrix = corpus.matrix(&nodes);
        let scaled = params.neighbours * nodes.len() / NEIGHBOURS_MEANT_FOR;
        let most = params.neighbours * NEIGHBOURS_FACTOR_MAX;
        let neighbours = scaled.clamp(params.neighbours, most);
        let lists: Vec<Vec<Neighbour>> = nearest(
            &matrix,
            &matrix,
            neighbours,
            |row, column| row != column,
            |_, found| found.to_vec(),
        );
        Self {
            network: network(&lists),
            nodes,
            matrix,
            lists,
        }
    }
}

/// How fine the topics are to be, judged on a sample.
fn resolution(corpus: &Corpus<'_>, graph: &Graph, params: &Params) -> Resolution {
    if graph.nodes.len() <= TRIAL_SIZE {
        return choose(corpus, graph);
    }
    choose(
        corpus,
        &Graph::of(corpus, corpus.sample(TRIAL_SIZE), params),
    )
}

fn choose(corpus: &Corpus<'_>, graph: &Graph) -> Resolution {
    let topic = |node: &u32| {
        let place = corpus.nodes[*node as usize] as usize;
        corpus.documents[place].topic.as_ref()
    };
    let topics: BTreeSet<&TopicId> = graph.nodes.iter().filter_map(topic).collect();
    let numbers: BTreeMap<&TopicId, u32> = topics.into_iter().zip(0..).collect();
    let known: Vec<Option<u32>> = graph
        .nodes
        .iter()
        .map(|node| topic(node).map(|topic| numbers[topic]))
        .collect();
    granularity::choose(&graph.network, &graph.matrix, &known, SEED)
}

/// The network of neighbours: an edge has the weight of the product, twice that when both name each other.
pub fn network(lists: &[Vec<Neighbour>]) -> Network {
    let mut edges = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    for (node, list) in lists.iter().enumerate() {
        for neighbour in list {
            let weight = (neighbour.product.max(0) / WEIGHT_DIVISOR) as u64;
            edges.push((node as u32, neighbour.index, weight));
        }
    }
    Network::new(lists.len(), edges)
}

/// The groups that are large enough, numbered anew in order of their first nodes: with enough documents, of enough
/// different people.
fn without_small(
    corpus: &Corpus<'_>,
    sample: &[u32],
    found: &[u32],
    params: &Params,
) -> Vec<Option<u32>> {
    let len = found.iter().max().map_or(0, |group| *group as usize + 1);
    let mut group_of_node: Vec<Option<u32>> = vec![None; corpus.nodes.len()];
    for (node, group) in sample.iter().zip(found) {
        group_of_node[*node as usize] = Some(*group);
    }
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); len];
    for (place, node) in corpus.node_of.iter().enumerate() {
        let group = node.and_then(|node| group_of_node[node as usize]);
        if let Some(group) = group {
            members[group as usize].push(place);
        }
    }
    let is_large: Vec<bool> = members
        .iter()
        .map(|members| is_crowd(corpus, members, params))
        .collect();
    let is_kept = |group: u32| is_large[group as usize];
    let kept: Vec<u32> = found
        .iter()
        .copied()
        .filter(|group| is_kept(*group))
        .collect();
    let (numbers, _) = renumbered(&kept);
    let mut numbers = numbers.into_iter();
    let number = |group: &u32| {
        if is_kept(*group) {
            numbers.next()
        } else {
            None
        }
    };
    found.iter().map(number).collect()
}

/// Each group's middle and threshold, learnt from its own members.
fn places(matrix: &Matrix, group_of: &[Option<u32>], len: usize, params: &Params) -> Vec<Place> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); len];
    for (node, group) in group_of.iter().enumerate() {
        if let Some(group) = group {
            members[*group as usize].push(node);
        }
    }
    let place = |nodes: &Vec<usize>| {
        let total = sum(matrix.width(), nodes.iter().map(|node| matrix.row(*node)));
        let direction = direction(&total).0.into_vec();
        let products = nodes
            .iter()
            .map(|node| product(matrix.row(*node), &direction))
            .collect();
        Place {
            middles: vec![Middle {
                threshold: learnt_threshold(products, params.spread),
                direction,
            }],
        }
    };
    members.par_iter().map(place).collect()
}

/// The broader groups: communities of the groups themselves, so that each topic lies in one theme.
fn themes(
    network: &Network,
    group_of: &[Option<u32>],
    len: usize,
    resolution: Resolution,
) -> Vec<u32> {
    let is_kept: Vec<bool> = group_of.iter().map(Option::is_some).collect();
    let kept: Vec<u32> = group_of.iter().flatten().copied().collect();
    let between = network.restricted(&is_kept).grouped(&kept, len);
    let broader = Resolution((resolution.0 / THEME_RESOLUTION_DIVISOR).max(4));
    communities(&between, broader, SEED)
}

/// Decides for every node: members stay if they are near enough; the others join by the votes of members.
fn settle(
    corpus: &Corpus<'_>,
    graph: &Graph,
    group_of: &[Option<u32>],
    groups: &mut Groups,
    params: &Params,
) {
    let (sample, matrix, lists) = (&graph.nodes, &graph.matrix, &graph.lists);
    let inside: Vec<Verdict> = (0..sample.len())
        .into_par_iter()
        .map(|place| {
            let of = |index: u32| group_of[index as usize];
            let mut found = verdict(matrix.row(place), &lists[place], of, &groups.rules);
            if let Some(own) = group_of[place] {
                let is_near = groups.rules.places[own as usize].takes(matrix.row(place));
                let is_lonely = company(&lists[place]) < groups.rules.floor;
                let mut votes = [found.first, found.second].into_iter().flatten();
                found.second = votes.find(|other| *other != own && is_near);
                found.first = (is_near && !is_lonely).then_some(own);
            }
            found
        })
        .collect();
    let mut is_sampled = vec![false; corpus.nodes.len()];
    for (node, verdict) in sample.iter().zip(&inside) {
        is_sampled[*node as usize] = true;
        groups.verdicts[*node as usize] = *verdict;
    }
    let rest: Vec<u32> = (0..corpus.nodes.len() as u32)
        .filter(|node| !is_sampled[*node as usize])
        .collect();
    if rest.is_empty() || groups.rules.places.is_empty() {
        return;
    }
    let (voters, place_of): (Vec<u32>, Vec<u32>) = sample
        .iter()
        .zip(&inside)
        .filter_map(|(node, verdict)| Some((*node, verdict.first?)))
        .unzip();
    let voters = corpus.matrix(&voters);
    for part in rest.chunks(DECIDED_AT_ONCE) {
        let found = verdicts(
            &corpus.matrix(part),
            &voters,
            &place_of,
            &groups.rules,
            params.neighbours,
        );
        for (node, verdict) in part.iter().zip(found) {
            groups.verdicts[*node as usize] = verdict;
        }
    }
}
