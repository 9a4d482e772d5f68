//! Who is near whom: exact nearest neighbours by integer products, and the weighted network that they make.
//!
//! Every row is worked out by itself, so the number of threads changes nothing. Ties go to the earlier document.

use rayon::prelude::*;

use super::vector::{Matrix, products};

/// Rows worked on at once by a thread.
const ROWS: usize = 32;
/// Columns in a tile: with their products they stay in a processor's own memory.
const COLUMNS: usize = 256;

/// A document and how near it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its place.
    pub index: u32,
    /// The product with it; larger is nearer.
    pub product: i32,
}

/// The best few seen so far, best first; among equals the first seen.
struct Best {
    list: Vec<Neighbour>,
    limit: usize,
    floor: i32,
}

impl Best {
    fn new(limit: usize) -> Self {
        Self {
            list: Vec::with_capacity(limit + 1),
            limit,
            floor: i32::MIN,
        }
    }

    fn offer(&mut self, index: u32, product: i32) {
        let at = self.list.partition_point(|known| known.product >= product);
        self.list.insert(at, Neighbour { index, product });
        self.list.truncate(self.limit);
        if self.list.len() == self.limit {
            self.floor = self.list[self.limit - 1].product;
        }
    }
}

/// For each row the `limit` nearest columns, handed to `make` with the row's number; the results in order of rows.
/// `is_allowed` says whether a row and a column may meet.
pub fn nearest<T: Send>(
    rows: &Matrix,
    columns: &Matrix,
    limit: usize,
    is_allowed: impl Fn(usize, usize) -> bool + Sync,
    make: impl Fn(usize, &[Neighbour]) -> T + Sync,
) -> Vec<T> {
    if limit == 0 || columns.is_empty() || rows.width() != columns.width() {
        return (0..rows.len()).map(|row| make(row, &[])).collect();
    }
    let starts: Vec<usize> = (0..rows.len()).step_by(ROWS).collect();
    let work = |&start: &usize| {
        let end = (start + ROWS).min(rows.len());
        let best = nearest_of_block(rows, (start, end), columns, limit, &is_allowed);
        let made = best
            .iter()
            .zip(start..)
            .map(|(best, row)| make(row, &best.list));
        made.collect::<Vec<T>>()
    };
    starts.par_iter().flat_map_iter(work).collect()
}

fn nearest_of_block(
    rows: &Matrix,
    (start, end): (usize, usize),
    columns: &Matrix,
    limit: usize,
    is_allowed: &impl Fn(usize, usize) -> bool,
) -> Vec<Best> {
    let mut best: Vec<Best> = (start..end).map(|_| Best::new(limit)).collect();
    let mut tile = vec![0; ROWS * COLUMNS];
    for from in (0..columns.len()).step_by(COLUMNS) {
        let to = (from + COLUMNS).min(columns.len());
        let tile = &mut tile[..(end - start) * (to - from)];
        products(
            rows.rows(start, end),
            columns.rows(from, to),
            rows.width(),
            tile,
        );
        for ((best, row), line) in best.iter_mut().zip(start..).zip(tile.chunks(to - from)) {
            for (column, product) in (from..).zip(line) {
                if *product > best.floor && is_allowed(row, column) {
                    best.offer(column as u32, *product);
                }
            }
        }
    }
    best
}

/// An undirected weighted network in rows: the partners of node `n` are at `offsets[n]..offsets[n + 1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    offsets: Vec<usize>,
    partners: Vec<u32>,
    weights: Vec<u64>,
    /// Twice the weight inside a node, where a node stands for several.
    loops: Vec<u64>,
    strengths: Vec<u64>,
    total: u64,
}

impl Network {
    /// From edges between `len` nodes, each pair given any number of times in either direction; weights add up.
    /// An edge from a node to itself counts twice, as it has both its ends there.
    pub fn new(len: usize, mut edges: Vec<(u32, u32, u64)>) -> Self {
        let mut loops = vec![0; len];
        let mut both = Vec::with_capacity(edges.len() * 2);
        for (left, right, weight) in edges.drain(..) {
            if left == right {
                loops[left as usize] += 2 * weight;
            } else if weight > 0 {
                both.push((left, right, weight));
                both.push((right, left, weight));
            }
        }
        both.sort_unstable();
        let mut network = Self {
            offsets: vec![0; len + 1],
            loops,
            ..Self::default()
        };
        let mut last = None;
        for (left, right, weight) in both {
            if last == Some((left, right)) {
                *network.weights.last_mut().expect("there was one before") += weight;
                continue;
            }
            last = Some((left, right));
            network.partners.push(right);
            network.weights.push(weight);
            network.offsets[left as usize + 1] = network.partners.len();
        }
        for node in 0..len {
            network.offsets[node + 1] = network.offsets[node + 1].max(network.offsets[node]);
        }
        network.strengths = (0..len)
            .map(|node| network.loops[node] + network.partners(node).map(|(_, w)| w).sum::<u64>())
            .collect();
        network.total = network.strengths.iter().sum();
        network
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.strengths.len()
    }

    /// A node's partners and the weights of the edges to them, in order.
    pub fn partners(&self, node: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let range = self.offsets[node]..self.offsets[node + 1];
        let partners = self.partners[range.clone()].iter().map(|p| *p as usize);
        partners.zip(self.weights[range].iter().copied())
    }

    /// The weight of all edge ends at a node.
    pub fn strength(&self, node: usize) -> u64 {
        self.strengths[node]
    }

    /// The weight of all edge ends.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The same network with other weights; `weight` must not depend on which end comes first.
    pub fn reweighted(&self, weight: impl Fn(usize, usize, u64) -> u64 + Sync) -> Self {
        let of_node = |node: usize| -> Vec<u64> {
            let partners = self.partners(node);
            partners
                .map(|(partner, old)| weight(node, partner, old))
                .collect()
        };
        let mut network = self.clone();
        network.weights = (0..self.len())
            .into_par_iter()
            .flat_map_iter(of_node)
            .collect();
        for node in 0..self.len() {
            let range = self.offsets[node]..self.offsets[node + 1];
            network.strengths[node] = self.loops[node] + network.weights[range].iter().sum::<u64>();
        }
        network.total = network.strengths.iter().sum();
        network
    }

    /// The network of the groups: `group_of` says which group each node belongs to, `len` how many groups there are.
    pub fn grouped(&self, group_of: &[u32], len: usize) -> Self {
        let mut edges = Vec::new();
        let mut loops = vec![0; len];
        for node in 0..self.len() {
            let group = group_of[node];
            loops[group as usize] += self.loops[node];
            for (partner, weight) in self.partners(node) {
                match group_of[partner] {
                    other if other == group => loops[group as usize] += weight,
                    other if other > group => edges.push((group, other, weight)),
                    _ => {}
                }
            }
        }
        let mut grouped = Self::new(len, edges);
        for (node, weight) in loops.into_iter().enumerate() {
            grouped.loops[node] = weight;
            grouped.strengths[node] += weight;
            grouped.total += weight;
        }
        grouped
    }

    /// The network of the nodes that stay, numbered anew in order.
    pub fn restricted(&self, is_kept: &[bool]) -> Self {
        let mut number = 0_u32;
        let numbers: Vec<u32> = is_kept
            .iter()
            .map(|kept| {
                number += u32::from(*kept);
                number.wrapping_sub(1)
            })
            .collect();
        let mut network = Self {
            offsets: vec![0],
            ..Self::default()
        };
        for node in (0..self.len()).filter(|node| is_kept[*node]) {
            let mut strength = self.loops[node];
            for (partner, weight) in self.partners(node).filter(|(partner, _)| is_kept[*partner]) {
                network.partners.push(numbers[partner]);
                network.weights.push(weight);
                strength += weight;
            }
            network.offsets.push(network.partners.len());
            network.loops.push(self.loops[node]);
            network.strengths.push(strength);
            network.total += strength;
        }
        network
    }
}
