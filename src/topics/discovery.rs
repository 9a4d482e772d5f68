//! Groups become topics: they keep the id of the topic that they are, or get a new one, with a name, exemplars
//! and a line of descent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::model::{
    Assignment, ConversationKey, Discovery, Exemplar, Lineage, Topic, TopicId, TopicStatus, Vector,
};

use super::cluster::Groups;
use super::corpus::Corpus;
use super::label::{Name, TEXTS_READ_MAX, names, unlike};
use super::registry::{Registry, id_of};
use super::renew::typical;
use super::terms::Token;
use super::themes::themes;
use super::vector::{direction, sum};
use super::{Document, Params};

/// Texts without a topic that are read for what everybody says.
const REST_READ_MAX: usize = 1000;

/// A group on its way to being a topic.
#[derive(Default)]
pub struct Candidate {
    /// Places of its documents in the corpus, in order.
    pub members: Vec<usize>,
    /// Exact sum of their vectors.
    pub centre: Vec<i64>,
    /// The known topic that it is, if it is one.
    pub known: Option<TopicId>,
    /// The known topic that most of it comes from, if that is another one's.
    pub from: Option<TopicId>,
    /// Whether it is so unlike what the known topic was that it needs a new label.
    pub is_reshaped: bool,
    /// Whether the known topic moves to the theme that it lies in now.
    pub takes_theme: bool,
}

/// Turns groups into topics, assignments and lineage.
pub fn describe(
    corpus: &Corpus<'_>,
    groups: &Groups,
    registry: &Registry,
    params: &Params,
    now: DateTime<Utc>,
) -> Discovery {
    let mut candidates = gathered(corpus, groups);
    let lost = super::matching::recognise(corpus, &mut candidates, registry, params);
    let (mut discovery, ids) = finish(corpus, groups, &candidates, lost, registry, now);
    discovery.assignments = assignments(corpus, groups, &ids, registry);
    discovery
}

/// Makes topics of the candidates and says what became of whom; the candidates' ids in their order. `lost` are topics
/// that went into others.
pub fn finish(
    corpus: &Corpus<'_>,
    groups: &Groups,
    candidates: &[Candidate],
    lost: Vec<(Topic, Lineage)>,
    registry: &Registry,
    now: DateTime<Utc>,
) -> (Discovery, Vec<TopicId>) {
    let names = named(corpus, groups, candidates);
    let mut topics = build(corpus, groups, candidates, &names, registry, now);
    let ids: Vec<TopicId> = topics.iter().map(|topic| topic.id.clone()).collect();
    let mut lineage: Vec<Lineage> = candidates
        .iter()
        .zip(&ids)
        .map(|(c, id)| descent(c, id))
        .collect();
    lineage.extend(lost.iter().map(|(_, lineage)| lineage.clone()));
    topics.extend(lost.into_iter().map(|(topic, _)| topic));
    let topics = together(topics);
    lineage.sort_by_key(|lineage| format!("{lineage:?}"));
    lineage.dedup();
    let discovery = Discovery {
        topics,
        assignments: Vec::new(),
        lineage,
    };
    (discovery, ids)
}

fn descent(candidate: &Candidate, id: &TopicId) -> Lineage {
    match (&candidate.known, &candidate.from) {
        (Some(_), _) => Lineage::Kept(id.clone()),
        (None, Some(from)) => Lineage::SplitFrom {
            topic: id.clone(),
            from: from.clone(),
        },
        (None, None) => Lineage::New(id.clone()),
    }
}

/// Several groups may turn out to be one known topic: their last state has all of it.
fn together(topics: Vec<Topic>) -> Vec<Topic> {
    let mut by_id: BTreeMap<TopicId, Topic> = BTreeMap::new();
    for topic in topics {
        by_id.insert(topic.id.clone(), topic);
    }
    by_id.into_values().collect()
}

/// The groups with their documents.
pub fn gathered(corpus: &Corpus<'_>, groups: &Groups) -> Vec<Candidate> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.rules.places.len()];
    for (place, node) in corpus.node_of.iter().enumerate() {
        let verdict = node.map(|node| groups.verdicts[node as usize]);
        if let Some(group) = verdict.and_then(|verdict| verdict.first) {
            members[group as usize].push(place);
        }
    }
    let vector = |place: &usize| &*corpus.documents[*place].vector.0;
    members
        .into_iter()
        .map(|members| Candidate {
            centre: sum(
                members.first().map_or(0, |m| vector(m).len()),
                members.iter().map(vector),
            ),
            members,
            ..Candidate::default()
        })
        .collect()
}

/// Names for the groups and, after them, for the themes.
fn named(corpus: &Corpus<'_>, groups: &Groups, candidates: &[Candidate]) -> (Vec<Name>, Vec<Name>) {
    let read = |places: &[usize], most: usize| -> Vec<&[Token]> {
        let step = places.len().div_ceil(most).max(1);
        places
            .iter()
            .step_by(step)
            .map(|place| corpus.tokens[*place].as_slice())
            .collect()
    };
    let texts: Vec<Vec<&[Token]>> = candidates
        .iter()
        .map(|candidate| read(&candidate.members, TEXTS_READ_MAX))
        .collect();
    let mut is_member = vec![false; corpus.documents.len()];
    for place in candidates.iter().flat_map(|candidate| &candidate.members) {
        is_member[*place] = true;
    }
    let rest: Vec<usize> = (0..is_member.len()).filter(|p| !is_member[*p]).collect();
    let themes = groups
        .theme_of
        .iter()
        .max()
        .map_or(0, |theme| *theme as usize + 1);
    let mut of_themes: Vec<Vec<usize>> = vec![Vec::new(); themes];
    for (candidate, theme) in candidates.iter().zip(&groups.theme_of) {
        of_themes[*theme as usize].extend(&candidate.members);
    }
    let theme_texts: Vec<Vec<&[Token]>> = of_themes
        .iter()
        .map(|places| read(places, TEXTS_READ_MAX))
        .collect();
    let rest = read(&rest, REST_READ_MAX);
    (
        names(&texts, &rest, &corpus.lexicon),
        names(&theme_texts, &rest, &corpus.lexicon),
    )
}

fn build(
    corpus: &Corpus<'_>,
    groups: &Groups,
    candidates: &[Candidate],
    (names, theme_names): &(Vec<Name>, Vec<Name>),
    registry: &Registry,
    now: DateTime<Utc>,
) -> Vec<Topic> {
    let themes = themes(corpus, groups, candidates, theme_names, registry);
    let known_labels = registry
        .seen()
        .into_iter()
        .filter(|topic| topic.status == TopicStatus::Live);
    let mut taken: BTreeSet<String> = known_labels
        .map(|topic| topic.label.to_lowercase())
        .collect();
    let exemplars: Vec<Vec<Exemplar>> = candidates
        .par_iter()
        .map(|candidate| exemplars(corpus, candidate))
        .collect();
    // The largest topic has the first choice of its label.
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|at| (Reverse(candidates[*at].members.len()), *at));
    let mut topics: Vec<Option<Topic>> = vec![None; candidates.len()];
    for at in order {
        let candidate = &candidates[at];
        let (theme_id, theme) = themes[groups.theme_of[at] as usize].clone();
        let keys = candidate
            .members
            .iter()
            .map(|place| &corpus.documents[*place].key);
        let fresh = Topic {
            id: TopicId::from(""),
            label: String::new(),
            terms: names[at].terms.clone(),
            exemplars: exemplars[at].clone(),
            centre: candidate.centre.clone(),
            threshold: groups.rules.places[at].middles[0].threshold,
            theme_id,
            theme,
            stability: groups.stability[at],
            status: TopicStatus::Live,
            discovered_at: now,
        };
        let topic = match candidate.known.as_ref().and_then(|id| registry.find(id)) {
            Some(known) => {
                let mut topic = grown(corpus, known, candidate, fresh);
                if candidate.is_reshaped {
                    taken.remove(&known.label.to_lowercase());
                    topic.label = unlike(&names[at], topic.id.as_str(), &mut taken);
                }
                topic
            }
            None => {
                let id = new_id(keys.collect(), registry);
                let label = unlike(&names[at], id.as_str(), &mut taken);
                Topic { id, label, ..fresh }
            }
        };
        topics[at] = Some(topic);
    }
    topics.into_iter().flatten().collect()
}

/// An id of its own, also for a part that has just the conversations on which a known topic was once founded.
fn new_id(members: Vec<&ConversationKey>, registry: &Registry) -> TopicId {
    let mut id = id_of("t", members.iter().copied());
    while registry.find(&id).is_some() {
        let again = ConversationKey::new(id.as_str(), "");
        id = id_of("t", members.iter().copied().chain([&again]));
    }
    id
}

/// A known topic after more of it was found: its id and label stay.
fn grown(corpus: &Corpus<'_>, known: &Topic, candidate: &Candidate, fresh: Topic) -> Topic {
    let mut topic = known.clone();
    let returned = candidate
        .members
        .iter()
        .filter(|place| corpus.documents[**place].topic.is_some())
        .count();
    topic.status = TopicStatus::Live;
    if returned * 2 < candidate.members.len() {
        // Only newcomers: they are added to what the topic already is.
        for (total, more) in topic.centre.iter_mut().zip(&candidate.centre) {
            *total += more;
        }
        return topic;
    }
    if candidate.takes_theme {
        (topic.theme_id, topic.theme) = (fresh.theme_id, fresh.theme);
    }
    topic.centre = fresh.centre;
    topic.threshold = fresh.threshold;
    topic.terms = fresh.terms;
    topic.exemplars = fresh.exemplars;
    topic.stability = fresh.stability.or(topic.stability);
    topic
}

/// The conversations that stand for a group. Texts of nearly nothing are never among a topic's members, so
/// boilerplate alone cannot be one.
fn exemplars(corpus: &Corpus<'_>, candidate: &Candidate) -> Vec<Exemplar> {
    let documents: Vec<&Document> = candidate
        .members
        .iter()
        .map(|place| corpus.documents[*place])
        .collect();
    let vectors: Vec<&Vector> = documents.iter().map(|document| &document.vector).collect();
    let exemplar = |place: usize| Exemplar {
        key: documents[place].key.clone(),
        vector: documents[place].vector.clone(),
    };
    let typical = typical(&direction(&candidate.centre), &vectors);
    typical.into_iter().map(exemplar).collect()
}

/// One assignment for each document, in order of their keys. What a person pinned stays where it was put.
pub fn assignments(
    corpus: &Corpus<'_>,
    groups: &Groups,
    ids: &[TopicId],
    registry: &Registry,
) -> Vec<Assignment> {
    let edited = registry.edited();
    let found = |group: u32| ids[group as usize].clone();
    let id = |group: u32| edited.resolve(&ids[group as usize]).clone();
    let assignment = |(document, node): (&&Document, &Option<u32>)| {
        let verdict = node
            .map(|node| groups.verdicts[node as usize])
            .unwrap_or_default();
        let score = |group: u32| groups.rules.places[group as usize].score(&document.vector.0);
        let mut assignment = Assignment {
            key: document.key.clone(),
            topic: verdict.first.map(id),
            found: verdict.first.map(found),
            score: verdict.first.map_or(0.0, score),
            also: verdict.second.map(id),
        };
        pin(&mut assignment, edited.pinned(&document.key));
        assignment
    };
    let mut assignments: Vec<Assignment> = corpus
        .documents
        .iter()
        .zip(&corpus.node_of)
        .map(assignment)
        .collect();
    assignments.sort_by(|left, right| left.key.cmp(&right.key));
    assignments
}

/// Puts a conversation where a person put it.
pub fn pin(assignment: &mut Assignment, pinned: Option<&TopicId>) {
    if let Some(topic) = pinned {
        assignment.topic = Some(topic.clone());
        assignment.score = 1.0;
    }
    if assignment.also == assignment.topic {
        assignment.also = None;
    }
}
