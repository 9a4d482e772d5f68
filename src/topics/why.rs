//! Why a conversation is where it is: what its neighbours say, heard by the judge that decides about arrivals.

use std::collections::BTreeSet;

use crate::model::{ConversationKey, Edit, EditKind, TopicId};

use super::assign::{Judge, is_mute};
use super::registry::Registry;
use super::terms::{Lexicon, Token};
use super::vote::{Outcome, cosine, share_of_lengths};
use super::{Document, Params};

/// A conversation near the one in question.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// Which.
    pub key: ConversationKey,
    /// Where it counts.
    pub topic: TopicId,
    /// How near it is, as a cosine.
    pub cosine: f64,
}

/// What decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// A person put it there.
    Pinned(Edit),
    /// It has no word that says anything.
    SaysNothing,
    /// No topic is known, or nothing is near at all.
    NothingNear,
    /// Its nearest neighbours are further away than neighbours usually are.
    Alone,
    /// Most of its neighbours are in this topic, from whose middle it is too far.
    TooFar(TopicId),
    /// Most of its neighbours are in this topic.
    Neighbours(TopicId),
}

/// Everything that speaks for and against where a conversation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// What decides today.
    pub because: Because,
    /// Its nearest conversations that have a topic, nearest first.
    pub neighbours: Vec<Near>,
    /// The neighbours' votes by topic, as shares, heaviest first.
    pub votes: Vec<(TopicId, f64)>,
    /// Its mean nearness to its nearest neighbours, and the least that is needed.
    pub company: (f64, f64),
    /// The topic that it is measured against: its own, or the one it comes nearest to belonging to.
    pub topic: Option<TopicId>,
    /// Its nearness to that topic's middle, and the least that is needed.
    pub nearness: Option<(f64, f64)>,
    /// A second topic that it touches.
    pub second: Option<TopicId>,
    /// Terms of the topic that its text has.
    pub shared_terms: Vec<String>,
}

/// Says why a document is where it is: its `topic` is where it counts now. `settled` are the documents that have a
/// topic; it has no vote about itself.
pub fn why(
    document: &Document,
    settled: &[Document],
    registry: &Registry,
    params: &Params,
) -> Reason {
    let judge = Judge::new(settled, registry, params, Some(&document.key));
    let vector = &document.vector.0;
    let (neighbours, hearing) = judge.hear(&document.vector);
    let id = |place: u32| judge.sites[place as usize].id.clone();
    let because = match hearing.outcome {
        _ if pinned(document, registry).is_some() => {
            Because::Pinned(pinned(document, registry).expect("just seen").clone())
        }
        _ if is_mute(document, &mut Lexicon::default()) => Because::SaysNothing,
        Outcome::Alone => Because::Alone,
        Outcome::NoVotes => Because::NothingNear,
        Outcome::TooFar(place) => Because::TooFar(id(place)),
        Outcome::Belongs(place) => Because::Neighbours(id(place)),
    };
    let heaviest = hearing.votes.first().map(|(place, _)| id(*place));
    let topic = document.topic.clone().or(heaviest);
    let site = |topic: &TopicId| judge.sites.iter().find(|site| site.id == *topic);
    let nearness = topic.as_ref().and_then(site).and_then(|site| {
        let middle = &site.place.middles[site.place.nearest(vector)?];
        let least = share_of_lengths(middle.threshold, &middle.direction, vector);
        Some((cosine(&middle.direction, vector), least))
    });
    let all: i64 = hearing.votes.iter().map(|(_, weight)| weight).sum();
    let share = |weight: i64| weight as f64 / all.max(1) as f64;
    let near = neighbours.iter().map(|neighbour| {
        let at = neighbour.index as usize;
        Near {
            key: judge.keys[at].clone(),
            topic: id(judge.place_of[at]),
            cosine: cosine(judge.matrix.row(at), vector),
        }
    });
    Reason {
        because,
        neighbours: near.collect(),
        votes: hearing
            .votes
            .iter()
            .map(|(place, weight)| (id(*place), share(*weight)))
            .collect(),
        company: (
            share_of_lengths(hearing.company, vector, vector),
            share_of_lengths(judge.rules.floor.max(0), vector, vector),
        ),
        shared_terms: shared_terms(document, topic.as_ref(), registry),
        second: hearing
            .second
            .map(id)
            .filter(|id| Some(id) != topic.as_ref()),
        topic,
        nearness,
    }
}

/// The edit that put a conversation where it is: the last pin that was not taken back.
fn pinned<'a>(document: &Document, registry: &'a Registry) -> Option<&'a Edit> {
    let is_pin = |edit: &&Edit| match &edit.kind {
        EditKind::Pin { key, .. } => *key == document.key && !edit.is_undone,
        _ => false,
    };
    registry
        .edits
        .iter()
        .filter(is_pin)
        .max_by_key(|edit| edit.number)
}

/// The terms of a topic whose every word a document has, whatever their endings.
fn shared_terms(document: &Document, topic: Option<&TopicId>, registry: &Registry) -> Vec<String> {
    let Some(topic) = topic.and_then(|id| registry.find(id)) else {
        return Vec::new();
    };
    let mut lexicon = Lexicon::default();
    let mut read = |text: &str| -> BTreeSet<u32> {
        let tokens: Vec<Token> = lexicon.read(text, &document.language);
        tokens.iter().map(|token| token.stem).collect()
    };
    let said = read(document.text.as_str());
    let terms = topic.terms.iter();
    terms
        .map(|term| (read(&term.word), &term.word))
        .filter(|(stems, _)| !stems.is_empty() && stems.is_subset(&said))
        .map(|(_, word)| word.clone())
        .collect()
}
