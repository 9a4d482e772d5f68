//! How fine topics should be: chosen from the data itself, because no one resolution fits all data.
//!
//! A ladder of resolutions is tried. A good one comes back when a fifth of the documents is left out (stability, the
//! adjusted Rand index between runs on two samples), and its groups are dense and apart (silhouette by cosine). The product of both
//! decides; finer wins when it is nearly as good, because topics that are too coarse hide what people must see.

use rayon::prelude::*;

use super::community::{Resolution, Sequence, communities, renumbered};
use super::graph::Network;
use super::vector::{Matrix, product, sum};

/// The resolutions tried, coarse to fine.
pub const LADDER: [Resolution; 8] = [
    Resolution(4),
    Resolution(8),
    Resolution(16),
    Resolution(32),
    Resolution(64),
    Resolution(128),
    Resolution(256),
    Resolution(512),
];
/// Samples that stability is measured on.
const SAMPLES: u64 = 4;
/// Smaller groups do not count: a resolution that gives nothing else leaves no topic at all.
const GROUP_SIZE_MIN: usize = super::TOPIC_SIZE_MIN as usize;
/// Share of the nodes in a sample, in percent.
const SAMPLE_PERCENT: usize = 80;
/// What each step down the ladder is given for being finer.
const FINER_BONUS: f64 = 0.05;

/// What was found out about a resolution.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The resolution.
    pub resolution: Resolution,
    /// How many groups it gives that are large enough for a topic.
    pub groups: usize,
    /// Mean adjusted Rand index between runs on two samples.
    pub stability: f64,
    /// Mean silhouette by cosine.
    pub silhouette: f64,
}

/// The best resolution for a network; `matrix` has the vectors of its nodes.
pub fn choose(network: &Network, matrix: &Matrix, seed: u64) -> Resolution {
    let trials = trials(network, matrix, seed);
    // Fewer groups than this say nothing; more than this are pairs.
    let least = (network.len() as f64).sqrt() / 4.0;
    let most = network.len() as f64 / 4.0;
    let mut best: Option<(f64, Resolution)> = None;
    for (step, trial) in trials.iter().enumerate() {
        let is_sensible = (least..=most).contains(&(trial.groups as f64));
        let value = trial.stability * trial.silhouette.max(0.0) * (1.0 + FINER_BONUS * step as f64);
        if is_sensible && best.is_none_or(|(most, _)| value > most) {
            best = Some((value, trial.resolution));
        }
    }
    best.map_or(Resolution(16), |(_, resolution)| resolution)
}

/// Measures every resolution of the ladder.
pub fn trials(network: &Network, matrix: &Matrix, seed: u64) -> Vec<Trial> {
    let samples: Vec<Vec<bool>> = (0..SAMPLES)
        .map(|n| sample(network.len(), seed + n))
        .collect();
    let measure = |resolution: &Resolution| {
        let whole = communities(network, *resolution, seed);
        let parts: Vec<Vec<Option<u32>>> = samples
            .iter()
            .map(|kept| on_sample(network, kept, *resolution, seed))
            .collect();
        Trial {
            resolution: *resolution,
            groups: sizes(&whole)
                .into_iter()
                .filter(|size| *size >= GROUP_SIZE_MIN)
                .count(),
            stability: mean_agreement(&parts),
            silhouette: silhouette(matrix, &whole),
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

/// Mean silhouette (Rousseeuw 1987) with one minus the cosine as distance. The mean product with a group is the product
/// with its sum, so it is exact without looking at pairs.
fn silhouette(matrix: &Matrix, group_of: &[u32]) -> f64 {
    let (group_of, len) = renumbered(group_of);
    let sizes = sizes(&group_of);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); len];
    for (node, group) in group_of.iter().enumerate() {
        members[*group as usize].push(node);
    }
    // Means of whole groups, in 1/64, small enough for 32 bits.
    let means: Vec<Vec<f32>> = members
        .iter()
        .map(|nodes| {
            let total = sum(matrix.width(), nodes.iter().map(|node| matrix.row(*node)));
            total
                .into_iter()
                .map(|t| t as f32 / nodes.len() as f32)
                .collect()
        })
        .collect();
    let of_node = |node: usize| {
        let (row, own) = (matrix.row(node), group_of[node] as usize);
        if sizes[own] < 2 {
            return 0.0;
        }
        let itself = f64::from(product(row, row)).max(1.0);
        let mut nearest = f64::NEG_INFINITY;
        let mut inside = 0.0;
        for (group, mean) in means.iter().enumerate() {
            if group == own {
                let whole = in_order(mean, row) * sizes[own] as f64;
                inside = (whole - itself) / (sizes[own] - 1) as f64;
            } else if sizes[group] > 1 {
                nearest = nearest.max(in_order(mean, row));
            }
        }
        let (inside, outside) = (1.0 - inside / itself, 1.0 - nearest / itself);
        let most = inside.max(outside);
        if nearest.is_finite() && most > 0.0 {
            (outside - inside) / most
        } else {
            0.0
        }
    };
    let each: Vec<f64> = (0..matrix.len()).into_par_iter().map(of_node).collect();
    each.iter().sum::<f64>() / each.len().max(1) as f64
}

/// A product with floats, always added up in the same order: eight lanes, then the lanes.
fn in_order(mean: &[f32], row: &[i8]) -> f64 {
    let mut lanes = [0_f32; 8];
    for (mean, row) in mean.chunks(8).zip(row.chunks(8)) {
        for ((lane, mean), value) in lanes.iter_mut().zip(mean).zip(row) {
            *lane += *mean * f32::from(*value);
        }
    }
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_one_for_equal_and_near_nothing_for_crossed_groups() {
        let some = |groups: &[u32]| groups.iter().map(|g| Some(*g)).collect::<Vec<_>>();
        assert_eq!(agreement(&some(&[0, 0, 1, 1]), &some(&[5, 5, 3, 3])), 1.0);
        let crossed = agreement(&some(&[0, 0, 1, 1]), &some(&[0, 1, 0, 1]));
        assert!((crossed + 0.5).abs() < 1e-9, "{crossed}");
    }

    #[test]
    fn agreement_looks_only_at_what_both_have() {
        let left = [Some(0), None, Some(1), Some(1)];
        let right = [Some(2), Some(9), Some(4), Some(4)];
        assert_eq!(agreement(&left, &right), 1.0);
    }
}
