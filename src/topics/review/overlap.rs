//! How many conversations known places and fresh groups share.

use std::collections::BTreeMap;

/// Counts of shared conversations.
pub struct Overlap {
    shared: BTreeMap<(usize, usize), usize>,
    sites: Vec<usize>,
    groups: Vec<usize>,
    known: Vec<usize>,
    main_group: Vec<Option<usize>>,
    main_site: Vec<Option<usize>>,
}

impl Overlap {
    /// Counts; both lists go by document.
    pub fn new(
        at: &[Option<usize>],
        group_of: &[Option<usize>],
        sites: usize,
        groups: usize,
    ) -> Self {
        let mut overlap = Self {
            shared: BTreeMap::new(),
            sites: vec![0; sites],
            groups: vec![0; groups],
            known: vec![0; groups],
            main_group: vec![None; sites],
            main_site: vec![None; groups],
        };
        for (site, group) in at.iter().zip(group_of) {
            if let Some(site) = site {
                overlap.sites[*site] += 1;
            }
            if let Some(group) = group {
                overlap.groups[*group] += 1;
            }
            if let (Some(site), Some(group)) = (site, group) {
                overlap.known[*group] += 1;
                *overlap.shared.entry((*site, *group)).or_default() += 1;
            }
        }
        // In order, so that the first of equals stays.
        for ((site, group), count) in &overlap.shared {
            let is_more = |main: Option<usize>, pair: &dyn Fn(usize) -> (usize, usize)| {
                main.is_none_or(|main| *count > overlap.shared[&pair(main)])
            };
            if is_more(overlap.main_group[*site], &|main| (*site, main)) {
                overlap.main_group[*site] = Some(*group);
            }
            if is_more(overlap.main_site[*group], &|main| (main, *group)) {
                overlap.main_site[*group] = Some(*site);
            }
        }
        overlap
    }

    /// Conversations of a place that are in a group.
    pub fn shared(&self, site: usize, group: usize) -> usize {
        self.shared.get(&(site, group)).copied().unwrap_or(0)
    }

    /// Conversations of a place.
    pub fn site(&self, site: usize) -> usize {
        self.sites[site]
    }

    /// Conversations of a group.
    pub fn group(&self, group: usize) -> usize {
        self.groups[group]
    }

    /// Conversations of a group that have a place.
    pub fn known(&self, group: usize) -> usize {
        self.known[group]
    }

    /// The group with most of a place's conversations.
    pub fn main_group(&self, site: usize) -> Option<usize> {
        self.main_group[site]
    }

    /// The place with most of a group's conversations.
    pub fn main_site(&self, group: usize) -> Option<usize> {
        self.main_site[group]
    }
}
