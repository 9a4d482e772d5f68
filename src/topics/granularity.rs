//! How fine topics should be: chosen from the data itself, because no one resolution fits all data.
//!
//! A ladder of resolutions is tried on a sample. A good one comes back when a fifth of the documents is left out
//! (stability: the adjusted Rand index between runs on two samples), keeps neighbours together (agreement), and its
//! groups are dense and apart (silhouette and margin, by cosine). The product decides; finer wins when it is nearly as
//! good, because topics that are too coarse hide what people must see. Where topics are known, what is nearly as good and
//! nearer to them wins, so that a few more conversations do not make all topics coarser or finer.

use rayon::prelude::*;

use super::community::{Resolution, Sequence, communities};
use super::graph::Network;
use super::silhouette::silhouette;
use super::stability::agreed;
use super::vector::Matrix;

/// The resolutions tried, coarse to fine: about two steps to each doubling.
pub const LADDER: [Resolution; 15] = [
    Resolution(4),
    Resolution(6),
    Resolution(8),
    Resolution(11),
    Resolution(16),
    Resolution(23),
    Resolution(32),
    Resolution(45),
    Resolution(64),
    Resolution(91),
    Resolution(128),
    Resolution(181),
    Resolution(256),
    Resolution(362),
    Resolution(512),
];
/// Plain modularity.
const PLAIN: Resolution = Resolution(16);
/// Samples that stability is measured on.
const SAMPLES: u64 = 4;
/// Smaller groups do not count: a resolution that gives nothing else leaves no topic at all.
const GROUP_SIZE_MIN: usize = super::TOPIC_SIZE_MIN as usize;
/// Share of the nodes in a sample, in percent.
const SAMPLE_PERCENT: usize = 80;
/// What each doubling of the resolution is given for being finer.
const FINER_BONUS: f64 = 0.08;
/// Steps on either side that a value is averaged with.
const SMOOTHED_STEPS: usize = 3;
/// A resolution is nearly the best one with this share of its value.
const NEARLY: f64 = 0.95;
/// Least groups, as a share of the root of the number of nodes: fewer say nothing.
const GROUPS_MIN_BY_ROOT: f64 = 0.15;
/// The same share for few nodes: two halves of them come back on any sample, which says nothing …
const GROUPS_MIN_BY_ROOT_OF_FEW: f64 = 0.3;
/// … up to so many groups.
const GROUPS_MIN_OF_FEW: f64 = 3.0;

/// What was found out about a resolution.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The resolution.
    pub resolution: Resolution,
    /// How many groups it gives that are large enough for a topic.
    pub groups: usize,
    /// Mean adjusted Rand index between runs on two samples.
    pub stability: f64,
    /// Share of edge weight inside groups.
    pub agreement: f64,
    /// Mean silhouette by cosine.
    pub silhouette: f64,
    /// Mean difference of the cosines with the own and the next group.
    pub margin: f64,
    /// How much its groups are the topics that are known: the adjusted Rand index.
    pub familiarity: f64,
}

impl Trial {
    /// What speaks for it: the four measures multiplied, at half their power.
    pub fn value(&self) -> f64 {
        let measures = [self.stability, self.agreement, self.silhouette, self.margin];
        let product: f64 = measures.iter().map(|measure| measure.max(0.0)).product();
        let steps = (f64::from(self.resolution.0) / f64::from(PLAIN.0)).log2();
        product.sqrt() * (1.0 + FINER_BONUS * steps)
    }
}

/// The best resolution for a network; `matrix` has the vectors of its nodes, `known` their topics so far. Among those that are
/// nearly the best, the one that comes nearest to the known topics: people are used to these.
pub fn choose(network: &Network, matrix: &Matrix, known: &[Option<u32>], seed: u64) -> Resolution {
    let root = (network.len() as f64).sqrt();
    let of_few = (root * GROUPS_MIN_BY_ROOT_OF_FEW).min(GROUPS_MIN_OF_FEW);
    let least = (root * GROUPS_MIN_BY_ROOT).max(of_few).max(1.0);
    let trials = trials(network, matrix, known, seed);
    let sensible: Vec<&Trial> = trials
        .iter()
        .filter(|trial| trial.groups as f64 >= least)
        .collect();
    let values: Vec<f64> = sensible.iter().map(|trial| trial.value()).collect();
    let smoothed: Vec<f64> = (0..values.len()).map(|at| smooth(&values, at)).collect();
    let most = smoothed.iter().copied().fold(0.0, f64::max);
    let is_known = known.iter().any(Option::is_some);
    let nearly = if is_known { NEARLY } else { 1.0 };
    let familiarity = |at: &usize| match is_known {
        true => sensible[*at].familiarity,
        false => 0.0,
    };
    let best = (0..smoothed.len())
        .filter(|at| smoothed[*at] >= most * nearly)
        .max_by(|left, right| {
            let order = familiarity(left).total_cmp(&familiarity(right));
            let order = order.then(smoothed[*left].total_cmp(&smoothed[*right]));
            // The finer one of equals.
            order.then(left.cmp(right))
        });
    best.map_or(PLAIN, |best| sensible[best].resolution)
}

/// A value averaged with those around it, nearer ones heavier: one lucky run must not decide.
fn smooth(values: &[f64], at: usize) -> f64 {
    let reach = SMOOTHED_STEPS as isize;
    let (mut total, mut weights) = (0.0, 0.0);
    for step in -reach..=reach {
        let weight = (reach + 1 - step.abs()) as f64;
        let place = at.saturating_add_signed(step).min(values.len() - 1);
        total += weight * values[place];
        weights += weight;
    }
    total / weights
}

/// Measures every resolution of the ladder.
pub fn trials(network: &Network, matrix: &Matrix, known: &[Option<u32>], seed: u64) -> Vec<Trial> {
    let samples: Vec<Vec<bool>> = (0..SAMPLES)
        .map(|n| sample(network.len(), seed + n))
        .collect();
    let measure = |resolution: &Resolution| {
        let parts: Vec<Vec<Option<u32>>> = samples
            .iter()
            .map(|kept| on_sample(network, kept, *resolution, seed))
            .collect();
        // The groups are found as they will be for good.
        let whole = communities(&agreed(network, &parts), *resolution, seed);
        let (silhouette, margin) = silhouette(matrix, &whole);
        Trial {
            resolution: *resolution,
            groups: sizes(&whole)
                .into_iter()
                .filter(|size| *size >= GROUP_SIZE_MIN)
                .count(),
            stability: mean_agreement(&parts),
            agreement: inside(network, &whole),
            silhouette,
            margin,
            familiarity: agreement(&whole.iter().copied().map(Some).collect::<Vec<_>>(), known),
        }
    };
    LADDER.par_iter().map(measure).collect()
}

fn sample(len: usize, seed: u64) -> Vec<bool> {
    let mut kept = vec![false; len];
    let order = Sequence(seed).order(len);
    for node in order.into_iter().take(len * SAMPLE_PERCENT / 100) {
        kept[node as usize] = true;
    }
    kept
}

/// The communities of the nodes that are kept; none for the others.
pub fn on_sample(
    network: &Network,
    is_kept: &[bool],
    resolution: Resolution,
    seed: u64,
) -> Vec<Option<u32>> {
    let found = communities(&network.restricted(is_kept), resolution, seed);
    let mut found = found.into_iter();
    let place = |kept: &bool| if *kept { found.next() } else { None };
    is_kept.iter().map(place).collect()
}

fn sizes(group_of: &[u32]) -> Vec<usize> {
    let mut sizes = vec![0; group_of.iter().max().map_or(0, |g| *g as usize + 1)];
    for group in group_of {
        sizes[*group as usize] += 1;
    }
    sizes
}

/// The share of edge weight inside groups.
fn inside(network: &Network, group_of: &[u32]) -> f64 {
    let inside = |node: usize| -> u64 {
        let own = network
            .partners(node)
            .filter(|(partner, _)| group_of[*partner] == group_of[node]);
        own.map(|(_, weight)| weight).sum()
    };
    let weight: u64 = (0..network.len()).map(inside).sum();
    weight as f64 / network.total().max(1) as f64
}

fn mean_agreement(parts: &[Vec<Option<u32>>]) -> f64 {
    let mut total = 0.0;
    let mut pairs = 0;
    for (place, left) in parts.iter().enumerate() {
        for right in &parts[..place] {
            total += agreement(left, right);
            pairs += 1;
        }
    }
    total / f64::from(pairs.max(1))
}

/// The adjusted Rand index (Hubert and Arabie 1985) over the nodes that both have: 1 is equal, 0 is chance.
pub fn agreement(left: &[Option<u32>], right: &[Option<u32>]) -> f64 {
    let mut cells: Vec<(u32, u32)> = left
        .iter()
        .zip(right)
        .filter_map(|(left, right)| Some(((*left)?, (*right)?)))
        .collect();
    cells.sort_unstable();
    let pairs = |count: usize| (count * count.saturating_sub(1) / 2) as f64;
    let all = pairs(cells.len());
    let together: f64 = cells
        .chunk_by(|a, b| a == b)
        .map(|same| pairs(same.len()))
        .sum();
    let count = |groups: Vec<u32>| sizes(&groups).into_iter().map(pairs).sum::<f64>();
    let in_left = count(cells.iter().map(|cell| cell.0).collect());
    let in_right = count(cells.iter().map(|cell| cell.1).collect());
    if all == 0.0 {
        return 1.0;
    }
    let expected = in_left * in_right / all;
    let most = (in_left + in_right) / 2.0;
    if most == expected {
        1.0
    } else {
        (together - expected) / (most - expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vector;
    use crate::topics::cluster::network;
    use crate::topics::graph::{Neighbour, nearest};

    #[test]
    fn agreement_is_one_for_equal_and_near_nothing_for_crossed_groups() {
        let some = |groups: &[u32]| groups.iter().map(|g| Some(*g)).collect::<Vec<_>>();
        assert_eq!(agreement(&some(&[0, 0, 1, 1]), &some(&[5, 5, 3, 3])), 1.0);
        let crossed = agreement(&some(&[0, 0, 1, 1]), &some(&[0, 1, 0, 1]));
        assert!((crossed + 0.5).abs() < 1e-9, "{crossed}");
    }

    /// Two subjects of three kinds each.
    fn two_levels() -> Matrix {
        let vector = |number: i32| {
            let kind = number / 15;
            let mut values: Vec<i32> = (0..16).map(|d| (number * 7 + d * 13) % 23 - 11).collect();
            values[kind as usize] += 80;
            values[8 + kind as usize / 3] += 60;
            Vector(values.into_iter().map(|value| value as i8).collect())
        };
        let vectors: Vec<Vector> = (0..90).map(vector).collect();
        Matrix::new(&vectors)
    }

    #[test]
    fn known_topics_decide_between_what_is_nearly_as_good() {
        let matrix = two_levels();
        let lists: Vec<Vec<Neighbour>> =
            nearest(&matrix, &matrix, 10, |a, b| a != b, |_, list| list.to_vec());
        let network = network(&lists);
        let familiarity = |resolution: Resolution, known: &[Option<u32>]| {
            let trials = trials(&network, &matrix, known, 1);
            let same = |trial: &&Trial| trial.resolution == resolution;
            trials.iter().find(same).unwrap().familiarity
        };
        let free = choose(&network, &matrix, &[], 1);
        for kinds_of_a_topic in [1, 3] {
            let known: Vec<_> = (0..90).map(|n| Some(n / 15 / kinds_of_a_topic)).collect();
            let chosen = choose(&network, &matrix, &known, 1);
            assert!(familiarity(chosen, &known) >= familiarity(free, &known));
        }
        let kinds: Vec<_> = (0..90).map(|n| Some(n / 15)).collect();
        assert!(familiarity(free, &kinds) > 0.9);
    }

    #[test]
    fn agreement_looks_only_at_what_both_have() {
        let left = [Some(0), None, Some(1), Some(1)];
        let right = [Some(2), Some(9), Some(4), Some(4)];
        assert_eq!(agreement(&left, &right), 1.0);
    }
}
