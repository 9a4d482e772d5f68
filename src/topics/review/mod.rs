//! The review: everything of the horizon is grouped afresh and compared with the registry.
//!
//! Ids last, and a conversation stays where it is unless the evidence is strong: a fresh group counts as evidence when it
//! comes back on repeated samples. A topic is split when two such groups are made of it, two topics are one when such a
//! group has most of both, and a conversation moves when such a group has it and its neighbours do not speak for where it is.
//! What is unassigned goes where the fresh look puts it. Small wobbles change nothing.

mod outcome;
mod overlap;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{Discovery, TopicId};

use super::cluster::{Groups, groups};
use super::corpus::Corpus;
use super::crowd::is_crowd;
use super::registry::{Edited, Registry, Site};
use super::vector::{direction, product, sum};
use super::{Document, Params};
use overlap::Overlap;

/// A group is evidence when at least this share of it comes back on samples: the mean Jaccard overlap from which Hennig
/// (2007) calls a group valid and stable.
const SOLID: f64 = 0.75;

/// Looks at all documents again, each with the topic where it counts, and says what changes. Topics without a
/// conversation since `awake_since` go to sleep.
pub fn review(
    documents: &[Document],
    registry: &Registry,
    params: &Params,
    awake_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Discovery {
    let corpus = Corpus::new(documents);
    let fresh = groups(&corpus, params);
    let mut review = Review::new(&corpus, &fresh, registry, params);
    review.own();
    review.merge();
    review.place_groups();
    let goes = review.settled();
    review.outcome(&goes, awake_since, now)
}

/// Where a conversation goes: a known place, or a group that is a topic of its own now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Site(usize),
    New(usize),
}

struct Review<'a> {
    corpus: &'a Corpus<'a>,
    fresh: &'a Groups,
    registry: &'a Registry,
    params: &'a Params,
    /// How many numbers the vectors have.
    width: usize,
    edited: Edited,
    sites: Vec<Site>,
    /// The place of each document, before and after merges.
    was_at: Vec<Option<usize>>,
    is_at: Vec<Option<usize>>,
    group_of: Vec<Option<usize>>,
    second_of: Vec<Option<usize>>,
    overlap: Overlap,
    /// The place that each group is.
    owner: Vec<Option<usize>>,
    merged: BTreeMap<usize, usize>,
    target: Vec<Option<Target>>,
    /// The place that a new group comes from.
    from: BTreeMap<usize, usize>,
}

impl<'a> Review<'a> {
    fn new(
        corpus: &'a Corpus<'a>,
        fresh: &'a Groups,
        registry: &'a Registry,
        params: &'a Params,
    ) -> Self {
        let (edited, sites) = (registry.edited(), registry.sites());
        let site = |topic: &TopicId| {
            let id = edited.resolve(topic);
            sites.binary_search_by(|site| site.id.cmp(id)).ok()
        };
        let was_at: Vec<Option<usize>> = corpus
            .documents
            .iter()
            .map(|document| document.topic.as_ref().and_then(site))
            .collect();
        let verdict = |node: &Option<u32>| node.map(|node| fresh.verdicts[node as usize]);
        let verdicts = || corpus.node_of.iter().map(verdict);
        let group_of: Vec<Option<usize>> = verdicts()
            .map(|verdict| Some(verdict?.first? as usize))
            .collect();
        let second_of = verdicts().map(|verdict| Some(verdict?.second? as usize));
        let len = fresh.rules.places.len();
        Self {
            second_of: second_of.collect(),
            overlap: Overlap::new(&was_at, &group_of, sites.len(), len),
            is_at: was_at.clone(),
            owner: vec![None; len],
            target: vec![None; len],
            width: corpus.documents.first().map_or(0, |d| d.vector.0.len()),
            merged: BTreeMap::new(),
            from: BTreeMap::new(),
            corpus,
            fresh,
            registry,
            params,
            edited,
            sites,
            was_at,
            group_of,
        }
    }

    fn is_solid(&self, group: usize) -> bool {
        self.fresh.stability[group].is_some_and(|stability| stability >= SOLID)
    }

    /// Whether a place is one topic as it was found: what a person put together is not taken apart.
    fn is_plain(&self, site: usize) -> bool {
        let site = &self.sites[site];
        site.topics.len() == 1 && site.topics[0] == site.id
    }

    fn is_apart(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.sites[one].id, &self.sites[other].id);
        self.edited.is_apart(one, other)
    }

    /// A group is the place that it has most of, if that place has most of its own there.
    fn own(&mut self) {
        for group in 0..self.owner.len() {
            let main = self.overlap.main_site(group);
            self.owner[group] = main.filter(|site| self.overlap.main_group(*site) == Some(group));
        }
    }

    /// Places of which a solid group has most, again and again, are one.
    fn merge(&mut self) {
        for site in 0..self.sites.len() {
            let Some(group) = self.overlap.main_group(site) else {
                continue;
            };
            let Some(owner) = self.owner[group].filter(|owner| *owner != site) else {
                continue;
            };
            let is_most =
                |site| self.overlap.shared(site, group) * 3 >= self.overlap.site(site) * 2;
            let is_named = self.edited.is_renamed(&self.sites[site].id);
            if self.is_solid(group)
                && is_most(site)
                && is_most(owner)
                && !is_named
                && self.is_plain(site)
                && !self.is_apart(site, owner)
            {
                self.merged.insert(site, owner);
            }
        }
        for at in &mut self.is_at {
            *at = at.map(|site| self.merged.get(&site).copied().unwrap_or(site));
        }
    }

    /// Says for each group where it goes as a whole.
    fn place_groups(&mut self) {
        for group in 0..self.owner.len() {
            let known = self.overlap.known(group);
            let is_new = known * 2 < self.overlap.group(group);
            self.target[group] = match (self.owner[group], self.overlap.main_site(group)) {
                (Some(owner), _) => Some(Target::Site(owner)),
                (None, _) if is_new => Some(match self.asleep(group) {
                    Some(site) => Target::Site(site),
                    None => Target::New(group),
                }),
                (None, Some(main)) if self.is_split(main, group) => {
                    self.from.insert(group, main);
                    Some(Target::New(group))
                }
                (None, main) => {
                    main.map(|main| Target::Site(self.merged.get(&main).copied().unwrap_or(main)))
                }
            };
        }
    }

    /// Both the group and what the place is otherwise are solid and large enough.
    fn is_split(&self, site: usize, group: usize) -> bool {
        let Some(main) = self.overlap.main_group(site) else {
            return false;
        };
        let is_large = |group| self.overlap.shared(site, group) >= self.params.topic_size_min;
        let is_both = |holds: &dyn Fn(usize) -> bool| holds(group) && holds(main);
        self.is_plain(site)
            && !self.merged.contains_key(&site)
            && self.owner[main] == Some(site)
            && is_both(&is_large)
            && is_both(&|group| self.is_solid(group))
    }

    /// A place without conversations that has the middle of a group.
    fn asleep(&self, group: usize) -> Option<usize> {
        let places = (0..self.group_of.len()).filter(|at| self.group_of[*at] == Some(group));
        let rows = places.map(|at| &*self.corpus.documents[at].vector.0);
        let middle = direction(&sum(self.width, rows)).0;
        let least =
            i64::from(product(&middle, &middle)) * i64::from(self.params.same_topic_percent);
        let near = |site: &Site| {
            let middles = site.place.middles.iter();
            middles
                .map(|known| product(&known.direction, &middle))
                .max()
        };
        let empty = (0..self.sites.len()).filter(|site| self.overlap.site(*site) == 0);
        let nearest = empty
            .filter_map(|site| Some((near(&self.sites[site])?, site)))
            .max();
        nearest
            .filter(|(product, _)| i64::from(*product) * 100 >= least)
            .map(|(_, site)| site)
    }

    /// Where each document goes.
    fn settled(&self) -> Vec<Option<Target>> {
        let mut goes: Vec<Option<Target>> = (0..self.group_of.len())
            .map(|place| self.goes(place))
            .collect();
        // What is too small for a topic after all stays as it was.
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, target) in goes.iter().enumerate() {
            if let Some(Target::New(group)) = target {
                members.entry(*group).or_default().push(place);
            }
        }
        members.retain(|_, places| !is_crowd(self.corpus, places, self.params));
        for (place, target) in goes.iter_mut().enumerate() {
            if matches!(target, Some(Target::New(group)) if members.contains_key(group)) {
                *target = self.is_at[place].map(Target::Site);
            }
        }
        goes
    }

    fn goes(&self, place: usize) -> Option<Target> {
        let at = self.is_at[place];
        let stays = at.map(Target::Site);
        let is_pinned = self
            .edited
            .pinned(&self.corpus.documents[place].key)
            .is_some();
        let Some(group) = self.group_of[place].filter(|_| !is_pinned) else {
            return stays;
        };
        let target = self.target[group];
        let (Some(site), Some(wanted)) = (at, target) else {
            return target.or(stays);
        };
        if Some(wanted) == stays || self.from.get(&group) == Some(&site) {
            return target;
        }
        let speaks_for_old = self.second_of[place].and_then(|second| self.target[second]) == stays;
        let is_kept_apart = match wanted {
            Target::Site(wanted) => self.is_apart(site, wanted),
            Target::New(_) => false,
        };
        // A topic that a person named does not run empty into another one.
        let is_named = self.edited.is_renamed(&self.sites[site].id)
            && self.overlap.main_group(site) == Some(group);
        if is_named {
            return stays;
        }
        if self.is_solid(group) && !speaks_for_old && !is_kept_apart && self.is_plain(site) {
            target
        } else {
            stays
        }
    }
}

fn site_of(target: &Target) -> Option<usize> {
    match target {
        Target::Site(site) => Some(*site),
        Target::New(_) => None,
    }
}
