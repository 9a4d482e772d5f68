//! Gives arrivals the topics that are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Assignment, TopicId, Vector};

use super::corpus::{says_nothing, scattered};
use super::discovery::pin;
use super::graph::nearest;
use super::registry::Registry;
use super::terms::Lexicon;
use super::vector::Matrix;
use super::vote::{Place, Rules, Verdict, company, floor, verdicts};
use super::{Document, Params};

/// Gives each arrival the known topic that it belongs to, or none. `settled` are documents that have a topic; a topic of
/// which too few are given is represented by its exemplars. The answers are in the order of the arrivals.
pub fn assign(
    arrivals: &[Document],
    settled: &[Document],
    registry: &Registry,
    params: &Params,
) -> Vec<Assignment> {
    let edited = registry.edited();
    let (ids, places): (Vec<TopicId>, Vec<Place>) = registry.places().into_iter().unzip();
    let (voters, place_of) = voters(settled, registry, &ids, params);
    let mut lexicon = Lexicon::default();
    let is_mute: Vec<bool> = arrivals
        .iter()
        .map(|arrival| {
            let tokens = lexicon.read(arrival.text.as_str(), &arrival.language);
            arrival.vector.is_zero() || says_nothing(&tokens)
        })
        .collect();
    let matrix = Matrix::new(arrivals.iter().map(|arrival| &arrival.vector));
    let voters = Matrix::new(voters);
    let rules = Rules {
        floor: floor_of(&voters, params),
        places,
    };
    let found = verdicts(&matrix, &voters, &place_of, &rules, params.neighbours);
    let answer = |((arrival, verdict), is_mute): ((&Document, Verdict), &bool)| {
        let verdict = if *is_mute {
            Verdict::default()
        } else {
            verdict
        };
        let score = |place: u32| rules.places[place as usize].score(&arrival.vector.0);
        let mut assignment = Assignment {
            key: arrival.key.clone(),
            topic: verdict.first.map(|place| ids[place as usize].clone()),
            score: verdict.first.map_or(0.0, score),
            also: verdict.second.map(|place| ids[place as usize].clone()),
        };
        pin(&mut assignment, edited.pinned(&arrival.key));
        assignment
    };
    arrivals
        .iter()
        .zip(found)
        .zip(&is_mute)
        .map(answer)
        .collect()
}

/// The vectors that vote and whose place each stands for: at most `sample_size` settled documents, spread over the
/// topics, and all exemplars.
fn voters<'a>(
    settled: &'a [Document],
    registry: &'a Registry,
    ids: &[TopicId],
    params: &Params,
) -> (Vec<&'a Vector>, Vec<u32>) {
    let edited = registry.edited();
    let place = |id: &TopicId| ids.binary_search(edited.resolve(id)).ok();
    let mut by_place: BTreeMap<usize, BTreeSet<(u64, &Vector)>> = BTreeMap::new();
    for document in settled {
        if let Some(place) = document.topic.as_ref().and_then(place) {
            let vector = &document.vector;
            by_place
                .entry(place)
                .or_default()
                .insert((scattered(&vector.0), vector));
        }
    }
    let exemplars: Vec<(usize, &Vector)> = registry
        .topics
        .iter()
        .filter_map(|topic| Some((place(&topic.id)?, topic)))
        .flat_map(|(place, topic)| topic.exemplars.iter().map(move |e| (place, &e.vector)))
        .collect();
    let quota = (params.sample_size / ids.len().max(1)).max(params.neighbours);
    let is_bounded = settled.len() > params.sample_size;
    let mut voters: BTreeSet<(&Vector, usize)> =
        exemplars.into_iter().map(|(p, v)| (v, p)).collect();
    for (place, vectors) in by_place {
        let most = if is_bounded { quota } else { usize::MAX };
        voters.extend(
            vectors
                .into_iter()
                .take(most)
                .map(|(_, vector)| (vector, place)),
        );
    }
    voters
        .into_iter()
        .map(|(vector, place)| (vector, place as u32))
        .unzip()
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
