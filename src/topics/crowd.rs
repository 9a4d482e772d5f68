//! Whether enough different people speak for a topic: one customer's repeats, or one machine's, are not a crowd.

use std::collections::{BTreeMap, BTreeSet};

use super::Params;
use super::cluster::Groups;
use super::community::renumbered;
use super::corpus::Corpus;
use super::vote::Verdict;

/// People seldom write so many words just like somebody else; machines always do.
const TEMPLATE_WORDS_MIN: usize = 8;
/// The most that one customer or machine may have of a topic, in percent.
const ONE_PERCENT_MAX: usize = 90;

/// Whose words a conversation has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Voice<'a> {
    /// A known customer's.
    Customer(&'a str),
    /// Nobody's in particular, but word by word the same as others, apart from what has digits.
    Template(String),
    /// Who is not known is taken for somebody else.
    Somebody(usize),
}

/// Whether conversations, given by their places in the corpus, can be a topic: enough of them that are not repeats of each
/// other, of enough different people, and not nearly all of one.
pub fn is_crowd(corpus: &Corpus<'_>, places: &[usize], params: &Params) -> bool {
    let mut voices: BTreeMap<Voice<'_>, usize> = BTreeMap::new();
    let mut texts: BTreeSet<(Option<&str>, Voice<'_>)> = BTreeSet::new();
    for place in places {
        let document = corpus.documents[*place];
        let customer = document.customer.as_deref();
        let template = template(document.text.as_str());
        let said = template.map_or(Voice::Somebody(*place), Voice::Template);
        let voice = customer.map_or_else(|| said.clone(), Voice::Customer);
        *voices.entry(voice).or_default() += 1;
        texts.insert((customer, said));
    }
    let most = voices.values().max().copied().unwrap_or(0);
    let is_mixed = most * 100 <= places.len() * ONE_PERCENT_MAX;
    texts.len() >= params.topic_size_min
        && voices.len() >= params.topic_customers_min
        && (is_mixed || params.topic_customers_min < 2)
}

/// A text without what has digits, if it is long enough to tell a machine by it.
fn template(text: &str) -> Option<String> {
    let words = text.split_whitespace();
    let plain: Vec<String> = words
        .filter(|word| !word.contains(|letter: char| letter.is_ascii_digit()))
        .map(str::to_lowercase)
        .collect();
    (plain.len() >= TEMPLATE_WORDS_MIN).then(|| plain.join(" "))
}

/// Dissolves the groups that are no crowd once it is decided who is in them.
pub fn dissolve(corpus: &Corpus<'_>, groups: &mut Groups, params: &Params) {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.rules.places.len()];
    for (place, node) in corpus.node_of.iter().enumerate() {
        let verdict = node.map(|node| groups.verdicts[node as usize]);
        if let Some(group) = verdict.and_then(|verdict| verdict.first) {
            members[group as usize].push(place);
        }
    }
    let mut number = 0;
    let numbers: Vec<Option<u32>> = members
        .iter()
        .map(|members| {
            let is_kept = is_crowd(corpus, members, params);
            number += u32::from(is_kept);
            is_kept.then(|| number - 1)
        })
        .collect();
    if number as usize == numbers.len() {
        return;
    }
    let kept = |group: Option<u32>| group.and_then(|group| numbers[group as usize]);
    for verdict in &mut groups.verdicts {
        let first = kept(verdict.first);
        let second = kept(verdict.second).filter(|_| first.is_some());
        *verdict = Verdict { first, second };
    }
    let is_kept = || numbers.iter().map(Option::is_some);
    let mut keep = is_kept();
    groups.rules.places.retain(|_| keep.next() == Some(true));
    let mut keep = is_kept();
    groups.stability.retain(|_| keep.next() == Some(true));
    let mut keep = is_kept();
    groups.theme_of.retain(|_| keep.next() == Some(true));
    (groups.theme_of, _) = renumbered(&groups.theme_of);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_what_is_left_without_numbers() {
        let one =
            "Backup report: job nightly-1 on server 7 finished with 3 warnings at the usual time";
        let other =
            "Backup report: job nightly-22 on server 8 finished with 0 warnings at the usual time";
        assert_eq!(template(one), template(other));
        assert!(template(one).is_some());
        assert_eq!(template("no hot water since 7"), None);
    }
}
