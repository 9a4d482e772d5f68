//! Themes: the broader groups. A theme keeps its id as long as most of its known topics stay together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::TopicId;

use super::cluster::Groups;
use super::corpus::Corpus;
use super::discovery::Candidate;
use super::label::{Name, unlike};
use super::registry::{Registry, id_of};

/// The themes' ids and labels.
pub fn themes(
    corpus: &Corpus<'_>,
    groups: &Groups,
    candidates: &[Candidate],
    names: &[Name],
    registry: &Registry,
) -> Vec<(TopicId, String)> {
    let mut claims: Vec<(usize, Reverse<usize>, &str, &TopicId)> = Vec::new();
    let mut inside: Vec<Vec<&Candidate>> = vec![Vec::new(); names.len()];
    for (candidate, theme) in candidates.iter().zip(&groups.theme_of) {
        inside[*theme as usize].push(candidate);
    }
    for (theme, inside) in inside.iter().enumerate() {
        let mut known: BTreeMap<(&TopicId, &str), usize> = BTreeMap::new();
        for topic in inside
            .iter()
            .filter_map(|c| c.known.as_ref())
            .filter_map(|id| registry.find(id))
        {
            *known.entry((&topic.theme_id, &topic.theme)).or_default() += 1;
        }
        let claim = |((id, label), count)| (count, Reverse(theme), label, id);
        claims.extend(known.into_iter().map(claim));
    }
    // A theme keeps the id that most of its known topics had; the one with most of them has the first choice.
    claims.sort_by(|one, other| other.cmp(one));
    let mut themes: Vec<Option<(TopicId, String)>> = vec![None; names.len()];
    let mut given = BTreeSet::new();
    for (_, Reverse(theme), label, id) in claims {
        if themes[theme].is_none() && given.insert(id) {
            themes[theme] = Some((id.clone(), label.to_owned()));
        }
    }
    let mut taken: BTreeSet<String> = themes
        .iter()
        .flatten()
        .map(|(_, label)| label.to_lowercase())
        .collect();
    let new = |((theme, name), inside): ((Option<_>, &Name), &Vec<&Candidate>)| {
        theme.unwrap_or_else(|| {
            let places = inside.iter().flat_map(|candidate| &candidate.members);
            let id = id_of("h", places.map(|place| &corpus.documents[*place].key));
            let label = unlike(name, id.as_str(), &mut taken);
            (id, label)
        })
    };
    themes
        .into_iter()
        .zip(names)
        .zip(&inside)
        .map(new)
        .collect()
}
