//! Communities of a network by the Leiden method (Traag, Waltman and van Eck 2019, "From Louvain to Leiden:
//! guaranteeing well-connected communities") for modularity with a resolution.
//!
//! Weights are integers and gains are compared as exact integers, the order of visits comes from a seed and ties go
//! to the lowest number, so the answer is the same on every machine. Where the paper joins at random in its
//! refinement, the best gain is taken: what the method guarantees (communities are connected) does not depend on it.

use std::collections::VecDeque;

use super::graph::Network;

/// How fine the communities are, in sixteenths: 16 is plain modularity, more makes more and smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resolution(pub u32);

/// Passes over the whole method; it has settled long before.
const PASSES_MAX: usize = 20;

/// A sequence of numbers that looks random and depends on the seed alone (splitmix64, Steele and others 2014).
#[derive(Clone, Debug)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// The numbers below `len` in a seeded order.
    pub fn order(&mut self, len: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len as u32).collect();
        for last in (1..len).rev() {
            order.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
        order
    }
}

/// Scatters a number.
pub fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The community of each node, numbered in the order of their first nodes.
pub fn communities(network: &Network, resolution: Resolution, seed: u64) -> Vec<u32> {
    let mut sequence = Sequence(seed);
    let mut found: Vec<u32> = (0..network.len() as u32).collect();
    for _ in 0..PASSES_MAX {
        let before = found.clone();
        found = improved(network, resolution, found, &mut sequence);
        if found == before {
            break;
        }
    }
    found
}

/// One pass of the method from a given partition, down to the nodes and up again.
fn improved(
    network: &Network,
    resolution: Resolution,
    start: Vec<u32>,
    sequence: &mut Sequence,
) -> Vec<u32> {
    // Node of the first network -> node of the present one.
    let mut place: Vec<u32> = (0..network.len() as u32).collect();
    let mut present = network.clone();
    let mut partition = Partition::new(&present, start);
    loop {
        partition.move_nodes(&present, resolution, sequence);
        let (coarse, coarse_len) = renumbered(&partition.group_of);
        if coarse_len == present.len() {
            return renumbered(
                &place
                    .iter()
                    .map(|p| coarse[*p as usize])
                    .collect::<Vec<_>>(),
            )
            .0;
        }
        let fine = refined(&present, resolution, &coarse, sequence);
        let (fine, fine_len) = renumbered(&fine);
        // A refinement that joins nothing cannot be aggregated further: the coarse groups are the answer.
        let (groups, len) = if fine_len == present.len() {
            (coarse.clone(), coarse_len)
        } else {
            (fine, fine_len)
        };
        let mut start = vec![0; len];
        for (group, coarse) in groups.iter().zip(&coarse) {
            start[*group as usize] = *coarse;
        }
        present = present.grouped(&groups, len);
        place.iter_mut().for_each(|p| *p = groups[*p as usize]);
        partition = Partition::new(&present, start);
    }
}

/// Numbers groups in the order of their first members; also how many there are.
pub fn renumbered(group_of: &[u32]) -> (Vec<u32>, usize) {
    let highest = group_of.iter().max().map_or(0, |g| *g as usize + 1);
    let mut numbers = vec![u32::MAX; highest];
    let mut count = 0;
    let renumbered = group_of
        .iter()
        .map(|group| {
            let number = &mut numbers[*group as usize];
            if *number == u32::MAX {
                *number = count;
                count += 1;
            }
            *number
        })
        .collect();
    (renumbered, count as usize)
}

/// Adds up the weights from one node to the groups around it, without clearing a whole table each time.
struct Around {
    weights: Vec<u64>,
    groups: Vec<u32>,
}

impl Around {
    fn new(len: usize) -> Self {
        Self {
            weights: vec![0; len],
            groups: Vec::new(),
        }
    }

    /// Looks around a node; `group_of` gives a partner's group, or none if it does not count.
    fn look(&mut self, network: &Network, node: usize, group_of: impl Fn(usize) -> Option<u32>) {
        for group in self.groups.drain(..) {
            self.weights[group as usize] = 0;
        }
        for (partner, weight) in network.partners(node) {
            let Some(group) = group_of(partner) else {
                continue;
            };
            if self.weights[group as usize] == 0 {
                self.groups.push(group);
            }
            self.weights[group as usize] += weight;
        }
    }
}

/// What a node gains in a group, up to a factor that all gains share: exact.
fn gain(resolution: Resolution, total: u64, to_group: u64, strength: u64, group: u64) -> i128 {
    let expected = i128::from(resolution.0) * i128::from(strength) * i128::from(group);
    16 * i128::from(to_group) * i128::from(total) - expected
}

/// Groups under way.
struct Partition {
    group_of: Vec<u32>,
    strengths: Vec<u64>,
    sizes: Vec<u32>,
    empty: Vec<u32>,
}

impl Partition {
    fn new(network: &Network, group_of: Vec<u32>) -> Self {
        let mut strengths = vec![0; network.len()];
        let mut sizes = vec![0; network.len()];
        for (node, group) in group_of.iter().enumerate() {
            strengths[*group as usize] += network.strength(node);
            sizes[*group as usize] += 1;
        }
        let empty = (0..network.len() as u32)
            .rev()
            .filter(|group| sizes[*group as usize] == 0)
            .collect();
        Self {
            group_of,
            strengths,
            sizes,
            empty,
        }
    }

    /// Moves nodes to where they gain most until none wants to; a move wakes the partners that are left behind.
    fn move_nodes(&mut self, network: &Network, resolution: Resolution, sequence: &mut Sequence) {
        let mut queue: VecDeque<u32> = sequence.order(network.len()).into();
        let mut is_waiting = vec![true; network.len()];
        let mut around = Around::new(network.len());
        while let Some(node) = queue.pop_front() {
            let node = node as usize;
            is_waiting[node] = false;
            around.look(network, node, |partner| Some(self.group_of[partner]));
            let Some(group) = self.better_group(network, resolution, node, &around) else {
                continue;
            };
            self.move_node(network, node, group);
            for (partner, _) in network.partners(node) {
                if self.group_of[partner] != group && !is_waiting[partner] {
                    is_waiting[partner] = true;
                    queue.push_back(partner as u32);
                }
            }
        }
    }

    /// The group that a node should move to, if another one is better than its own.
    fn better_group(
        &mut self,
        network: &Network,
        resolution: Resolution,
        node: usize,
        around: &Around,
    ) -> Option<u32> {
        let own = self.group_of[node];
        let strength = network.strength(node);
        let gain_in = |group: u32| {
            let others = self.strengths[group as usize] - if group == own { strength } else { 0 };
            let to_group = around.weights[group as usize];
            gain(resolution, network.total(), to_group, strength, others)
        };
        let mut best = (gain_in(own), own);
        for group in around.groups.iter().copied().filter(|group| *group != own) {
            let found = gain_in(group);
            let is_tie = found == best.0 && best.1 != own && group < best.1;
            if found > best.0 || is_tie {
                best = (found, group);
            }
        }
        if best.0 < 0 && self.sizes[own as usize] > 1 {
            best.1 = self.empty.last().copied()?;
        }
        (best.1 != own).then_some(best.1)
    }

    fn move_node(&mut self, network: &Network, node: usize, group: u32) {
        let strength = network.strength(node);
        let own = self.group_of[node];
        self.strengths[own as usize] -= strength;
        self.sizes[own as usize] -= 1;
        if self.sizes[own as usize] == 0 {
            self.empty.push(own);
        }
        if self.sizes[group as usize] == 0 {
            // Only the last free group is ever handed out.
            self.empty.pop();
        }
        self.strengths[group as usize] += strength;
        self.sizes[group as usize] += 1;
        self.group_of[node] = group;
    }
}

/// The refinement: inside each coarse group, nodes that stand alone join the part that they gain most in, if both
/// are well connected with the rest of the group. Parts grow only along edges, so each is connected.
fn refined(
    network: &Network,
    resolution: Resolution,
    coarse: &[u32],
    sequence: &mut Sequence,
) -> Vec<u32> {
    let len = network.len();
    let mut coarse_strengths = vec![0_u64; len];
    for (node, group) in coarse.iter().enumerate() {
        coarse_strengths[*group as usize] += network.strength(node);
    }
    // Weight from each part to the rest of its coarse group.
    let mut outward: Vec<u64> = (0..len)
        .map(|node| {
            let inside = network
                .partners(node)
                .filter(|(p, _)| coarse[*p] == coarse[node]);
            inside.map(|(_, weight)| weight).sum()
        })
        .collect();
    let mut parts: Vec<u32> = (0..len as u32).collect();
    let mut strengths: Vec<u64> = (0..len).map(|node| network.strength(node)).collect();
    let mut sizes = vec![1_u32; len];
    let mut around = Around::new(len);
    let is_well_connected = |outward: u64, strength: u64, group: u32| {
        let rest = coarse_strengths[group as usize] - strength;
        gain(resolution, network.total(), outward, strength, rest) >= 0
    };
    for node in sequence.order(len) {
        let node = node as usize;
        let (strength, own) = (network.strength(node), parts[node]);
        if sizes[own as usize] != 1 || !is_well_connected(outward[node], strength, coarse[node]) {
            continue;
        }
        around.look(network, node, |partner| {
            (coarse[partner] == coarse[node]).then(|| parts[partner])
        });
        let mut best: Option<(i128, u32)> = None;
        for part in around.groups.iter().copied().filter(|part| *part != own) {
            let at = part as usize;
            if !is_well_connected(outward[at], strengths[at], coarse[node]) {
                continue;
            }
            let found = gain(
                resolution,
                network.total(),
                around.weights[at],
                strength,
                strengths[at],
            );
            let is_better =
                best.is_none_or(|(most, which)| found > most || (found == most && part < which));
            if found >= 0 && is_better {
                best = Some((found, part));
            }
        }
        let Some((_, part)) = best else { continue };
        let at = part as usize;
        outward[at] = outward[at] + outward[node] - 2 * around.weights[at];
        strengths[at] += strength;
        sizes[at] += 1;
        sizes[own as usize] = 0;
        parts[node] = part;
    }
    parts
}
