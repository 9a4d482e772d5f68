//! What a review comes to: topics as they are now, who moved, what became of whom.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::model::{Assignment, Discovery, Lineage, Topic, TopicId, TopicStatus};

use super::super::cluster::Groups;
use super::super::discovery::{Candidate, finish, pin};
use super::super::split::learnt;
use super::super::vector::sum;
use super::super::vote::{Place, Rules};
use super::{Review, Target, site_of};

impl Review<'_> {
    /// Makes the topics anew from those who are in them now, and lists what changes.
    pub fn outcome(
        &self,
        goes: &[Option<Target>],
        awake_since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Discovery {
        let mut members: BTreeMap<Target, Vec<usize>> = BTreeMap::new();
        for (place, target) in goes.iter().enumerate() {
            if let Some(target) = target {
                members.entry(*target).or_default().push(place);
            }
        }
        let all: BTreeSet<usize> = members.keys().filter_map(site_of).collect();
        members.retain(|target, _| site_of(target).is_none_or(|site| self.is_plain(site)));
        let (targets, members): (Vec<Target>, Vec<Vec<usize>>) = members.into_iter().unzip();
        let found = self.groups(&targets, &members);
        let candidates: Vec<Candidate> = targets
            .iter()
            .zip(members)
            .map(|(target, members)| self.candidate(*target, members))
            .collect();
        let mut lost = self.lost();
        lost.extend(self.emptied(goes, &all));
        let (mut discovery, ids) =
            finish(self.corpus, &found, &candidates, lost, self.registry, now);
        discovery
            .lineage
            .retain(|one| !matches!(one, Lineage::Kept(_)));
        let is_awake = |place: usize| self.corpus.documents[place].created_at >= awake_since;
        let awake = goes
            .iter()
            .enumerate()
            .filter(|(place, _)| is_awake(*place));
        let awake = awake.filter_map(|(_, target)| site_of(target.as_ref()?));
        self.wake_and_sleep(&mut discovery, &awake.collect());
        let numbers: BTreeMap<Target, usize> = targets
            .iter()
            .enumerate()
            .map(|(at, target)| (*target, at))
            .collect();
        for (place, target) in goes.iter().enumerate() {
            if let Some(target) = target
                && self.was_at[place].map(Target::Site) != Some(*target)
            {
                let at = numbers.get(target).copied();
                let found = at.map(|at| (&ids[at], &found.rules.places[at]));
                discovery
                    .assignments
                    .push(self.assignment(place, *target, found));
            }
        }
        discovery
            .assignments
            .sort_by(|one, other| one.key.cmp(&other.key));
        discovery
    }

    fn candidate(&self, target: Target, members: Vec<usize>) -> Candidate {
        let rows = members
            .iter()
            .map(|place| &*self.corpus.documents[*place].vector.0);
        let centre = sum(self.width, rows);
        let id = |site: usize| self.sites[site].id.clone();
        let (known, from) = match target {
            Target::Site(site) => (Some(id(site)), None),
            Target::New(group) => (None, self.from.get(&group).map(|site| id(*site))),
        };
        let is_reshaped = site_of(&target).is_some_and(|site| {
            let is_split = self.from.values().any(|from| *from == site);
            is_split || self.merged.values().any(|into| *into == site)
        });
        Candidate {
            members,
            centre,
            known,
            from,
            is_reshaped,
            takes_theme: true,
        }
    }

    /// What is known of the places as groups: learnt anew from those who are there now.
    fn groups(&self, targets: &[Target], members: &[Vec<usize>]) -> Groups {
        let themes = self
            .fresh
            .theme_of
            .iter()
            .max()
            .map_or(0, |theme| theme + 1);
        let mut next_theme = themes;
        let mut found = Groups::default();
        for (target, members) in targets.iter().zip(members) {
            let rows = || {
                let vector = |place: &usize| &*self.corpus.documents[*place].vector.0;
                members.iter().map(vector)
            };
            let width = self.width;
            found.rules.places.push(Place {
                middles: vec![learnt(width, rows, self.params)],
            });
            let group = match target {
                Target::New(group) => Some(*group),
                Target::Site(site) => (0..self.owner.len()).find(|g| self.owner[*g] == Some(*site)),
            };
            found
                .stability
                .push(group.and_then(|group| self.fresh.stability[group]));
            found.theme_of.push(match group {
                Some(group) => self.fresh.theme_of[group],
                // A topic that is no group today stays in its own theme.
                None => {
                    next_theme += 1;
                    next_theme - 1
                }
            });
        }
        found.rules = Rules {
            floor: self.fresh.rules.floor,
            ..found.rules
        };
        found
    }

    fn lost(&self) -> Vec<(Topic, Lineage)> {
        let merged = self.merged.iter();
        merged
            .filter_map(|(site, into)| self.merged_into(*site, *into))
            .collect()
    }

    /// Topics that all their conversations left one by one: they went where most of them are.
    fn emptied(&self, goes: &[Option<Target>], all: &BTreeSet<usize>) -> Vec<(Topic, Lineage)> {
        let mut went: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
        for (at, target) in self.is_at.iter().zip(goes) {
            let into = target.as_ref().and_then(site_of);
            if let (Some(at), Some(into)) = (at, into)
                && !all.contains(at)
                && self.is_plain(*at)
                && !self.edited.is_renamed(&self.sites[*at].id)
            {
                *went.entry(*at).or_default().entry(into).or_default() += 1;
            }
        }
        let most = |(at, into): (&usize, &BTreeMap<usize, usize>)| {
            let (into, _) = into
                .iter()
                .max_by_key(|(into, count)| (**count, Reverse(**into)))?;
            self.merged_into(*at, *into)
        };
        went.iter().filter_map(most).collect()
    }

    fn merged_into(&self, site: usize, into: usize) -> Option<(Topic, Lineage)> {
        let id = &self.sites[site].id;
        let mut topic = self.registry.find(id)?.clone();
        topic.status = TopicStatus::Merged;
        let lineage = Lineage::MergedInto {
            topic: id.clone(),
            into: self.sites[into].id.clone(),
        };
        Some((topic, lineage))
    }

    /// Topics without a conversation in the horizon go to sleep; those that have some again wake up.
    fn wake_and_sleep(&self, discovery: &mut Discovery, awake: &BTreeSet<usize>) {
        for (at, site) in self.sites.iter().enumerate() {
            for id in &site.topics {
                let Some(known) = self.registry.find(id) else {
                    continue;
                };
                let is_lost =
                    |topic: &Topic| topic.id == *id && topic.status == TopicStatus::Merged;
                if discovery.topics.iter().any(is_lost) {
                    continue;
                }
                let (status, lineage) = if awake.contains(&at) {
                    (TopicStatus::Live, Lineage::Back(id.clone()))
                } else {
                    (TopicStatus::Dormant, Lineage::Dormant(id.clone()))
                };
                let is_changed = known.status != status;
                match discovery.topics.iter_mut().find(|topic| topic.id == *id) {
                    Some(topic) => topic.status = status,
                    None if is_changed => discovery.topics.push(Topic {
                        status,
                        ..known.clone()
                    }),
                    None => {}
                }
                discovery.lineage.extend(is_changed.then_some(lineage));
            }
        }
        discovery.topics.sort_by(|one, other| one.id.cmp(&other.id));
    }

    /// Where a document counts now. What a person pinned stays where it was put.
    fn assignment(
        &self,
        place: usize,
        target: Target,
        found: Option<(&TopicId, &Place)>,
    ) -> Assignment {
        let document = self.corpus.documents[place];
        let vector = &document.vector.0;
        let site = site_of(&target).map(|site| &self.sites[site]);
        let (topic, nearness) = match (found, site) {
            (Some((id, place)), _) => (Some(id.clone()), place.score(vector)),
            (None, Some(site)) => (Some(site.id.clone()), site.place.score(vector)),
            (None, None) => (None, 0.0),
        };
        let of_site = site.and_then(|site| site.found(vector)).cloned();
        let mut assignment = Assignment {
            key: document.key.clone(),
            found: found.map(|(id, _)| id.clone()).or(of_site),
            topic,
            score: nearness,
            also: None,
        };
        pin(&mut assignment, self.edited.pinned(&document.key));
        assignment
    }
}
