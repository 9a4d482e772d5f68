//! Gives arrivals the topics that are known, and says of one document why it is where it is: both ask the same judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Assignment, ConversationKey, Vector};

use super::corpus::{says_nothing, scattered};
use super::discovery::pin;
use super::graph::{Neighbour, nearest};
use super::registry::{Edited, Registry, Site};
use super::terms::Lexicon;
use super::vector::Matrix;
use super::vote::{Hearing, Rules, Verdict, company, floor, hear, verdicts};
use super::{Document, Params};

/// Gives each arrival the known topic that it belongs to, or none. `settled` are documents that have a topic; a topic of
/// which too few are given is represented by its exemplars. The answers are in the order of the arrivals.
pub fn assign(
    arrivals: &[Document],
    settled: &[Document],
    registry: &Registry,
    params: &Params,
) -> Vec<Assignment> {
    let judge = Judge::new(settled, registry, params, None);
    let mut lexicon = Lexicon::default();
    let is_mute: Vec<bool> = arrivals
        .iter()
        .map(|arrival| is_mute(arrival, &mut lexicon))
        .collect();
    let matrix = Matrix::new(arrivals.iter().map(|arrival| &arrival.vector));
    let found = verdicts(
        &matrix,
        &judge.matrix,
        &judge.place_of,
        &judge.rules,
        params.neighbours,
    );
    arrivals
        .iter()
        .zip(found)
        .zip(&is_mute)
        .map(|((arrival, verdict), is_mute)| {
            judge.assignment(
                arrival,
                if *is_mute {
                    Verdict::default()
                } else {
                    verdict
                },
            )
        })
        .collect()
}

/// Whether a document says nothing that could have a topic.
pub fn is_mute(document: &Document, lexicon: &mut Lexicon) -> bool {
    let tokens = lexicon.read(document.text.as_str(), &document.language);
    document.vector.is_zero() || says_nothing(document.text.as_str(), &tokens)
}

/// Who decides about arrivals: the documents that have a topic vote, the places of the topics have thresholds.
pub struct Judge<'a> {
    /// Where documents can be put, by number.
    pub sites: Vec<Site>,
    /// What decides.
    pub rules: Rules,
    /// The key of each voter.
    pub keys: Vec<&'a ConversationKey>,
    /// The place of each voter.
    pub place_of: Vec<u32>,
    /// The vectors of the voters.
    pub matrix: Matrix,
    edited: Edited,
    neighbours: usize,
}

impl<'a> Judge<'a> {
    /// Calls the voters; `without` is one that must not vote about itself.
    pub fn new(
        settled: &'a [Document],
        registry: &'a Registry,
        params: &Params,
        without: Option<&ConversationKey>,
    ) -> Self {
        let (edited, sites) = (registry.edited(), registry.sites());
        let mut keys = Vec::new();
        let mut place_of = Vec::new();
        let mut vectors = Vec::new();
        for voter in voters(settled, registry, &edited, &sites, params, without) {
            keys.push(voter.key);
            place_of.push(voter.place);
            vectors.push(voter.vector);
        }
        let matrix = Matrix::new(vectors);
        let rules = Rules {
            floor: floor_of(&matrix, params),
            places: sites.iter().map(|site| site.place.clone()).collect(),
        };
        Self {
            sites,
            rules,
            keys,
            place_of,
            matrix,
            edited,
            neighbours: params.neighbours,
        }
    }

    /// A vector's nearest voters and what follows from them: what decides about each arrival, for one.
    pub fn hear(&self, vector: &Vector) -> (Vec<Neighbour>, Hearing) {
        let row = Matrix::new([vector]);
        let place_of = |index: u32| Some(self.place_of[index as usize]);
        let heard = nearest(
            &row,
            &self.matrix,
            self.neighbours,
            |_, _| true,
            |_, found| {
                let hearing = hear(&vector.0, found, place_of, &self.rules);
                (found.to_vec(), hearing)
            },
        );
        heard.into_iter().next().unwrap_or_else(|| {
            let hearing = hear(&vector.0, &[], place_of, &self.rules);
            (Vec::new(), hearing)
        })
    }

    /// A verdict as an assignment. What a person pinned stays where it was put.
    fn assignment(&self, arrival: &Document, verdict: Verdict) -> Assignment {
        let site = |place: u32| &self.sites[place as usize];
        let score = |site: &Site| site.place.score(&arrival.vector.0);
        let first = verdict.first.map(site);
        let mut assignment = Assignment {
            key: arrival.key.clone(),
            topic: first.map(|site| site.id.clone()),
            found: first.and_then(|site| site.found(&arrival.vector.0).cloned()),
            score: first.map_or(0.0, score),
            also: verdict.second.map(|place| site(place).id.clone()),
        };
        pin(&mut assignment, self.edited.pinned(&arrival.key));
        assignment
    }
}

/// One vote.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Voter<'a> {
    vector: &'a Vector,
    place: u32,
    key: &'a ConversationKey,
}

/// Who votes: at most `sample_size` settled documents, spread over the topics, and all exemplars. Of equal texts in one
/// place one votes.
fn voters<'a>(
    settled: &'a [Document],
    registry: &'a Registry,
    edited: &Edited,
    sites: &[Site],
    params: &Params,
    without: Option<&ConversationKey>,
) -> Vec<Voter<'a>> {
    let place = |id| {
        let found = sites.binary_search_by(|site| site.id.cmp(edited.resolve(id)));
        found.ok().map(|place| place as u32)
    };
    let mut by_place: BTreeMap<u32, BTreeSet<(u64, Voter<'_>)>> = BTreeMap::new();
    for Document {
        vector, key, topic, ..
    } in settled
    {
        let place = topic.as_ref().and_then(place);
        if let Some(place) = place.filter(|_| Some(key) != without) {
            let voter = Voter { vector, place, key };
            by_place
                .entry(place)
                .or_default()
                .insert((scattered(&vector.0), voter));
        }
    }
    let quota = (params.sample_size / sites.len().max(1)).max(params.neighbours);
    let most = if settled.len() > params.sample_size {
        quota
    } else {
        usize::MAX
    };
    // An exemplar that was put elsewhere since speaks for where it is.
    let settled_in: BTreeMap<&ConversationKey, Option<u32>> = settled
        .iter()
        .map(|one| (&one.key, one.topic.as_ref().and_then(place)))
        .collect();
    let speaks_for = |key, place| settled_in.get(key).is_none_or(|at| *at == Some(place));
    let topics = registry.topics.iter();
    let exemplars = topics
        .filter_map(|topic| Some((place(&topic.id)?, topic)))
        .flat_map(|(place, topic)| topic.exemplars.iter().map(move |one| (place, one)))
        .filter(|(place, exemplar)| {
            Some(&exemplar.key) != without && speaks_for(&exemplar.key, *place)
        })
        .map(|(place, exemplar)| Voter {
            vector: &exemplar.vector,
            place,
            key: &exemplar.key,
        });
    let mut voters: BTreeSet<Voter<'_>> = exemplars.collect();
    for of_place in by_place.into_values() {
        let mut of_place: Vec<Voter<'_>> = of_place.into_iter().map(|(_, voter)| voter).collect();
        of_place.dedup_by(|later, earlier| later.vector == earlier.vector);
        of_place.truncate(most);
        voters.extend(of_place);
    }
    let mut voters: Vec<Voter<'_>> = voters.into_iter().collect();
    voters.dedup_by(|later, one| later.vector == one.vector && later.place == one.place);
    voters
}

/// Voters that the usual company is learnt from.
const PROBES_MAX: usize = 1_000;

/// What company the settled documents keep among themselves decides who is alone among them.
fn floor_of(voters: &Matrix, params: &Params) -> i32 {
    let step = voters.len().div_ceil(PROBES_MAX).max(1);
    let probes: Vec<usize> = (0..voters.len()).step_by(step).collect();
    let rows = voters.picked(&probes);
    let is_other = |row: usize, column: usize| probes[row] != column;
    let companies = nearest(&rows, voters, params.neighbours, is_other, |_, found| {
        company(found)
    });
    floor(voters, companies)
}
