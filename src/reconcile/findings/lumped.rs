//! Lumped: one category that is several topics.

use crate::model::{Finding, FindingKind, FindingNumbers, TopicId};
use crate::reconcile::wilson;
use crate::statistics::binomial_at_least;

use super::{Filing, Tested, discoveries, share};

/// Below this many conversations nothing is claimed of a category.
const CATEGORY_CONVERSATIONS_MIN: u64 = 12;
/// A category is lumped when it is made of at least so many topics …
const TOPICS_MIN: usize = 3;
/// … each with at least so many conversations in it …
const CONVERSATIONS_MIN: u64 = 4;
/// … and at least this share of it …
const SHARE_MIN: f64 = 0.1;
/// … and surely more than this one.
const SHARE_SURE: f64 = 0.05;

fn is_sizeable(count: u64, all: u64) -> bool {
    count >= CONVERSATIONS_MIN
        && count as f64 >= SHARE_MIN * all as f64
        && wilson(count, all).low > SHARE_SURE
}

/// Each lumped category, told of each topic that mostly lies in it.
pub(super) fn lumped(filing: &Filing<'_>) -> Vec<(Vec<TopicId>, Finding)> {
    let categories = filing.whole.iter().filter_map(|(key, all)| {
        let key = key
            .as_deref()
            .filter(|key| !filing.is_catch_all(Some(key)))?;
        (*all >= CATEGORY_CONVERSATIONS_MIN).then_some((key, *all))
    });
    let mut found = discoveries(
        categories
            .map(|(key, all)| test(filing, key, all))
            .collect(),
    );
    for (topics, finding) in &mut found {
        let name = finding.numbers.category.as_deref();
        let is_main = |topic: &TopicId| {
            let main = filing.topics[topic].iter().max_by_key(|(_, count)| **count);
            let main = main.and_then(|(key, _)| filing.name(key.as_deref()));
            main.as_deref() == name
        };
        topics.retain(is_main);
    }
    found
}

/// Whether at least three of the category's topics have more than a twentieth of it: the partial conjunction of their tests
/// (Y. Benjamini and R. Heller, Biometrics 64, 2008), Bonferroni's form: of n chances the third smallest, times n − 2.
fn test(filing: &Filing<'_>, key: &str, all: u64) -> Tested {
    let place = Some(key.to_owned());
    let mut inside: Vec<(u64, &TopicId)> = filing
        .topics
        .iter()
        .filter_map(|(topic, counts)| Some((*counts.get(&place)?, topic)))
        .collect();
    inside.sort_by_key(|(count, topic)| (std::cmp::Reverse(*count), (*topic).clone()));
    let Some((third, _)) = inside.get(TOPICS_MIN - 1) else {
        return Tested::nothing(1.0);
    };
    let looked_at = (inside.len() + 1 - TOPICS_MIN) as f64;
    let p = (looked_at * binomial_at_least(*third, all, SHARE_SURE)).min(1.0);
    inside.retain(|(count, _)| is_sizeable(*count, all));
    if inside.len() < TOPICS_MIN {
        return Tested::nothing(p);
    }
    let parts: Vec<String> = inside
        .iter()
        .map(|(count, topic)| format!("{count} \u{201c}{}\u{201d}", filing.label(topic)))
        .collect();
    let named: u64 = inside.iter().map(|(count, _)| count).sum();
    let rest = match all - named {
        0 => String::new(),
        rest => format!("; {rest} others"),
    };
    let name = filing.names[key].clone();
    let sentence = format!(
        "the category \u{201c}{name}\u{201d} with {all} conversations is {} topics: {}{rest}",
        inside.len(),
        parts.join(", "),
    );
    let numbers = FindingNumbers {
        category: Some(name),
        ..share(named, all)
    };
    let finding = Finding {
        kind: FindingKind::Lumped,
        sentence,
        numbers,
    };
    let topics = inside.into_iter().map(|(_, topic)| topic.clone());
    Tested {
        p,
        claim: Some((topics.collect(), finding)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, sentences};
    use super::*;

    #[test]
    fn a_category_of_three_topics_is_lumped() {
        let rows = [
            (12, Some("Heating not working"), "a"),
            (10, Some("Heating not working"), "b"),
            (9, Some("heating not working "), "c"),
            (3, Some("Heating not working"), "d"),
        ];
        let expected = "the category “Heating not working” with 34 conversations is 3 topics: 12 “label a”, \
                        10 “label b”, 9 “label c”; 3 others";
        assert_eq!(
            sentences(&rows, FindingKind::Lumped),
            [
                format!("a: {expected}"),
                format!("b: {expected}"),
                format!("c: {expected}")
            ]
        );
        let numbers = &found(&rows, FindingKind::Lumped)[0].numbers;
        assert_eq!((numbers.conversations, numbers.of), (31, 34));
        // Four topics were looked at for the third largest; one category.
        let third = binomial_at_least(9, 34, 0.05);
        assert_eq!((numbers.p, numbers.q), (2.0 * third, 2.0 * third));
    }

    #[test]
    fn two_topics_are_not_a_lump_and_small_ones_do_not_count() {
        let rows = [
            (20, Some("Billing"), "a"),
            (20, Some("Billing"), "b"),
            (3, Some("Billing"), "c"),
        ];
        assert!(sentences(&rows, FindingKind::Lumped).is_empty());
    }
}
