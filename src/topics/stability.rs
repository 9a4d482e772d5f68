//! Discovery repeated on samples: what comes back when a tenth of the documents is left out.
//!
//! The repetitions serve twice. Edges between documents that are seldom together lose weight before the groups are
//! found for good, so that groups do not hang on a few documents (consensus, after Lancichinetti and Fortunato 2012).
//! And each topic is told how much of it came back.

use rayon::prelude::*;

use super::cluster::SEED;
use super::community::{Resolution, Sequence};
use super::granularity::on_sample;
use super::graph::Network;

/// Share of the nodes left out, as one in so many.
const LEFT_OUT: usize = 10;

/// The groups of each repetition; none for the nodes that were left out of it.
pub fn repeated(
    network: &Network,
    resolution: Resolution,
    repeats: usize,
) -> Vec<Vec<Option<u32>>> {
    let repeat = |number: u64| {
        let seed = SEED ^ ((number + 1) << 32);
        let mut is_kept = vec![true; network.len()];
        let order = Sequence(seed).order(network.len());
        for node in order.iter().take(network.len() / LEFT_OUT) {
            is_kept[*node as usize] = false;
        }
        on_sample(network, &is_kept, resolution, seed)
    };
    (0..repeats as u64).into_par_iter().map(repeat).collect()
}

/// The network with each edge weakened by how often its ends were not together.
pub fn agreed(network: &Network, repeats: &[Vec<Option<u32>>]) -> Network {
    network.reweighted(|left, right, weight| {
        let both = repeats
            .iter()
            .filter_map(|groups| Some((groups[left]?, groups[right]?)));
        let (mut seen, mut together) = (0, 0);
        for (left, right) in both {
            seen += 1;
            together += u64::from(left == right);
        }
        (weight * together).checked_div(seen).unwrap_or(weight)
    })
}

/// For each group the mean overlap (Jaccard: shared members by all members) with its best match over the
/// repetitions. `None` when there were none.
pub fn stability(
    repeats: &[Vec<Option<u32>>],
    group_of: &[Option<u32>],
    len: usize,
) -> Vec<Option<f64>> {
    let overlaps: Vec<Vec<f64>> = repeats
        .par_iter()
        .map(|found| best_overlaps(group_of, found, len))
        .collect();
    let mean =
        |group: usize| overlaps.iter().map(|o| o[group]).sum::<f64>() / overlaps.len() as f64;
    (0..len)
        .map(|group| (!overlaps.is_empty()).then(|| mean(group)))
        .collect()
}

/// Each group's overlap with its best match among the nodes that were kept.
fn best_overlaps(group_of: &[Option<u32>], found: &[Option<u32>], len: usize) -> Vec<f64> {
    let mut sizes = vec![0_u32; len];
    let mut found_sizes = vec![0_u32; found.iter().flatten().max().map_or(0, |f| *f as usize + 1)];
    let mut shared: Vec<(u32, u32)> = Vec::new();
    for (group, found) in group_of.iter().zip(found) {
        let Some(found) = found else { continue };
        found_sizes[*found as usize] += 1;
        if let Some(group) = group {
            sizes[*group as usize] += 1;
            shared.push((*group, *found));
        }
    }
    shared.sort_unstable();
    let mut best = vec![0.0_f64; len];
    for same in shared.chunk_by(|a, b| a == b) {
        let (group, found) = (same[0].0 as usize, same[0].1 as usize);
        let common = same.len() as u32;
        let all = sizes[group] + found_sizes[found] - common;
        best[group] = best[group].max(f64::from(common) / f64::from(all));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_match_counts_and_what_was_left_out_does_not() {
        let groups = [Some(0), Some(0), Some(0), Some(0), Some(1), Some(1)];
        let found = [Some(7), Some(7), Some(7), Some(2), Some(2), None];
        assert_eq!(best_overlaps(&groups, &found, 2), [0.75, 0.5]);
    }
}
