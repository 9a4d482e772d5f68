//! The known topics as people see them: what was found, with everybody's edits replayed on top.
//!
//! Edits never change what is stored of a topic. They are a log of their own; taking one back restores what was before.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::model::{ConversationKey, Edit, EditKind, Topic, TopicId, TopicStatus};

use super::vector::direction;
use super::vote::{Middle, Place};

/// The known topics and what people did with them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// All topics, live or not, sorted by id.
    pub topics: Vec<Topic>,
    /// The log of edits, in order.
    pub edits: Vec<Edit>,
    /// Topics that a discovery or a review found to be part of another one.
    pub merged: BTreeMap<TopicId, TopicId>,
}

/// Where conversations can be put: a topic, with all that people merged into it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The topic that they count in.
    pub id: TopicId,
    /// Where that is.
    pub place: Place,
    /// The topic of each middle of the place.
    pub topics: Vec<TopicId>,
}

impl Site {
    /// The topic that a vector is found in, before people's edits.
    pub fn found(&self, vector: &[i8]) -> Option<&TopicId> {
        self.place.nearest(vector).map(|at| &self.topics[at])
    }
}

/// What the edits that were not taken back amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    labels: BTreeMap<TopicId, String>,
    merged: BTreeMap<TopicId, TopicId>,
    pins: BTreeMap<ConversationKey, TopicId>,
    muted: BTreeSet<TopicId>,
    apart: BTreeSet<(TopicId, TopicId)>,
}

impl Edited {
    /// Where a topic's conversations count: itself, or what it was merged into.
    pub fn resolve<'a>(&'a self, topic: &'a TopicId) -> &'a TopicId {
        let mut topic = topic;
        while let Some(into) = self.merged.get(topic) {
            topic = into;
        }
        topic
    }

    /// The topic that a person gave to a conversation.
    pub fn pinned(&self, key: &ConversationKey) -> Option<&TopicId> {
        self.pins.get(key).map(|topic| self.resolve(topic))
    }

    /// Whether a topic is kept out of digests.
    pub fn is_muted(&self, topic: &TopicId) -> bool {
        self.muted.contains(topic)
    }

    /// Whether a person said that these two are not one.
    pub fn is_apart(&self, one: &TopicId, other: &TopicId) -> bool {
        let is_pair = |(topic, part): &(TopicId, TopicId)| {
            let (topic, part) = (self.resolve(topic), self.resolve(part));
            (topic, part) == (one, other) || (topic, part) == (other, one)
        };
        self.apart.iter().any(is_pair)
    }

    /// Whether a person gave a topic its label.
    pub fn is_renamed(&self, topic: &TopicId) -> bool {
        self.labels.contains_key(topic)
    }

    /// A part whose split was taken back counts in its topic again, unless something else became of it.
    fn rejoin(&mut self, kind: &EditKind) {
        if let EditKind::Split { topic, part } = kind
            && !self.apart.contains(&(topic.clone(), part.clone()))
            && !self.merged.contains_key(part)
            && self.resolve(topic) != part
        {
            self.merged.insert(part.clone(), topic.clone());
        }
    }

    fn replay(&mut self, kind: &EditKind) {
        match kind {
            EditKind::Rename { topic, label } => {
                drop(self.labels.insert(topic.clone(), label.clone()))
            }
            EditKind::Pin { key, topic } => drop(self.pins.insert(key.clone(), topic.clone())),
            EditKind::Mute { topic } => drop(self.muted.insert(topic.clone())),
            EditKind::Split { topic, part } => {
                self.apart.insert((topic.clone(), part.clone()));
            }
            EditKind::Merge { topic, into } => {
                let (topic, into) = (self.resolve(topic).clone(), self.resolve(into).clone());
                // What is one already stays one; so there are no circles.
                if topic != into {
                    self.merged.insert(topic, into);
                }
            }
        }
    }
}

impl Registry {
    /// A topic by its id.
    pub fn find(&self, id: &TopicId) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.id == *id)
    }

    /// Replays the edits in order, without those that were taken back.
    pub fn edited(&self) -> Edited {
        let mut edited = Edited {
            merged: self.merged.clone(),
            ..Edited::default()
        };
        let mut edits: Vec<&Edit> = self.edits.iter().collect();
        edits.sort_by_key(|edit| edit.number);
        let (undone, done): (Vec<&Edit>, Vec<&Edit>) =
            edits.into_iter().partition(|edit| edit.is_undone);
        for edit in done {
            edited.replay(&edit.kind);
        }
        for edit in undone {
            edited.rejoin(&edit.kind);
        }
        edited
    }

    /// The topics as people see them: renamed, merged, no two live ones with one label.
    pub fn seen(&self) -> Vec<Topic> {
        let edited = self.edited();
        let mut topics = self.topics.clone();
        for topic in &mut topics {
            if let Some(label) = edited.labels.get(&topic.id) {
                topic.label = label.clone();
            }
            if edited.merged.contains_key(&topic.id) {
                topic.status = TopicStatus::Merged;
            }
        }
        // What a person wrote stays as it is; a found label gives way.
        let is_live = |topic: &&mut Topic| topic.status == TopicStatus::Live;
        let is_written = |topic: &Topic| edited.labels.contains_key(&topic.id);
        let mut taken = BTreeSet::new();
        for is_turn_of_written in [true, false] {
            let turn = topics.iter_mut().filter(is_live);
            for topic in turn.filter(|topic| is_written(topic) == is_turn_of_written) {
                give_way(topic, is_turn_of_written, &mut taken);
            }
        }
        topics
    }

    /// The topics that take conversations, each with its place, sorted by id; topics merged by a person share one.
    pub fn sites(&self) -> Vec<Site> {
        let edited = self.edited();
        let mut sites: BTreeMap<&TopicId, Site> = BTreeMap::new();
        for topic in self
            .topics
            .iter()
            .filter(|topic| topic.status != TopicStatus::Merged)
        {
            let id = edited.resolve(&topic.id);
            let site = sites.entry(id).or_insert_with(|| Site {
                id: id.clone(),
                place: Place::default(),
                topics: Vec::new(),
            });
            site.place.middles.push(middle(topic));
            site.topics.push(topic.id.clone());
        }
        sites.into_values().collect()
    }
}

fn give_way(topic: &mut Topic, is_written: bool, taken: &mut BTreeSet<String>) {
    let found = topic.label.clone();
    let mut number = 2;
    while !taken.insert(topic.label.to_lowercase()) && !is_written {
        topic.label = format!("{found} ({number})");
        number += 1;
    }
}

/// A topic's middle.
pub fn middle(topic: &Topic) -> Middle {
    Middle {
        direction: direction(&topic.centre).0.into_vec(),
        threshold: topic.threshold,
    }
}

/// An id that depends only on which conversations a topic was founded on.
pub fn id_of<'a>(prefix: &str, members: impl IntoIterator<Item = &'a ConversationKey>) -> TopicId {
    let mut keys: Vec<&ConversationKey> = members.into_iter().collect();
    keys.sort();
    let mut hash = Sha256::new();
    for key in keys {
        // Lengths in front, so that no two lists of keys look alike.
        for part in [key.source.as_str(), &key.id] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    let hexadecimal: String = hash
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    TopicId(format!("{prefix}{hexadecimal}"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::ConversationKey;

    fn topic(id: &str, label: &str) -> Topic {
        Topic {
            id: id.into(),
            label: label.into(),
            terms: Vec::new(),
            exemplars: Vec::new(),
            centre: vec![100, 0],
            threshold: 0,
            theme_id: "theme".into(),
            theme: "theme".into(),
            stability: None,
            status: TopicStatus::Live,
            discovered_at: DateTime::UNIX_EPOCH,
        }
    }

    fn registry(edits: Vec<EditKind>) -> Registry {
        let edit = |(number, kind)| Edit {
            number,
            at: DateTime::UNIX_EPOCH,
            by: "sam".into(),
            kind,
            is_undone: false,
        };
        Registry {
            topics: vec![topic("a", "ice"), topic("b", "drain"), topic("c", "app")],
            edits: (1..).zip(edits).map(edit).collect(),
            merged: BTreeMap::new(),
        }
    }

    fn merge(topic: &str, into: &str) -> EditKind {
        EditKind::Merge {
            topic: topic.into(),
            into: into.into(),
        }
    }

    fn rename(topic: &str, label: &str) -> EditKind {
        EditKind::Rename {
            topic: topic.into(),
            label: label.into(),
        }
    }

    #[test]
    fn merges_follow_each_other_and_never_run_in_circles() {
        let registry = registry(vec![merge("a", "b"), merge("b", "c"), merge("c", "a")]);
        let edited = registry.edited();
        for id in ["a", "b", "c"] {
            assert_eq!(edited.resolve(&id.into()), &"c".into());
        }
        let sites = registry.sites();
        assert_eq!(sites.len(), 1);
        assert_eq!(sites[0].place.middles.len(), 3);
    }

    #[test]
    fn taking_an_edit_back_restores_what_was_before() {
        let before = registry(vec![rename("a", "ice on the path")]);
        let mut after = registry(vec![
            rename("a", "ice on the path"),
            rename("a", "x"),
            merge("a", "b"),
        ]);
        assert_ne!(after.edited(), before.edited());
        after.edits[1].is_undone = true;
        after.edits[2].is_undone = true;
        assert_eq!(after.edited(), before.edited());
        assert_eq!(after.seen(), before.seen());
    }

    #[test]
    fn a_found_label_gives_way_to_a_written_one() {
        let labels: Vec<String> = registry(vec![rename("b", "Ice")])
            .seen()
            .into_iter()
            .map(|t| t.label)
            .collect();
        assert_eq!(labels, ["ice (2)", "Ice", "app"]);
    }

    #[test]
    fn a_pin_follows_a_merge() {
        let key = ConversationKey::new("desk", "1");
        let pin = EditKind::Pin {
            key: key.clone(),
            topic: "a".into(),
        };
        let edited = registry(vec![pin, merge("a", "b")]).edited();
        assert_eq!(edited.pinned(&key), Some(&"b".into()));
    }

    #[test]
    fn an_id_depends_on_the_members_and_not_on_their_order() {
        let keys = [
            ConversationKey::new("x", "12"),
            ConversationKey::new("x", "3"),
        ];
        let other = [
            ConversationKey::new("x", "1"),
            ConversationKey::new("x", "23"),
        ];
        assert_eq!(id_of("t", &keys), id_of("t", keys.iter().rev()));
        assert_ne!(id_of("t", &keys), id_of("t", &other));
    }
}
