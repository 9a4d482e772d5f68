//! Hidden: a topic that is mostly filed under a catch-all, or spread so thin that no line of the report shows it.

use crate::model::{Finding, FindingKind, FindingNumbers, TopicId};
use crate::statistics::{binomial_at_most, fisher_at_least};

use super::{ByCategory, Filing, TOPIC_CONVERSATIONS_MIN, Tested, discoveries, out_of, share};
use crate::reconcile::wilson;

/// A topic is hidden under catch-alls when surely more than this share of it is there.
const HIDDEN_SHARE: f64 = 0.5;
/// A topic is spread thin when it is in at least so many categories …
const SPREAD_CATEGORIES_MIN: usize = 4;
/// … with surely less than this share of it in any one …
const SPREAD_SHARE_MAX: f64 = 0.5;
/// … and surely less than this share of any of their lines.
const SPREAD_LINE_SHARE_MAX: f64 = 0.3;

/// Topics under catch-alls, and of the others those that are spread thin.
pub(super) fn hidden(filing: &Filing<'_>) -> Vec<(Vec<TopicId>, Finding)> {
    let large = filing
        .topics
        .iter()
        .filter(|(_, counts)| counts.values().sum::<u64>() >= TOPIC_CONVERSATIONS_MIN);
    let tests = |test: &dyn Fn(&TopicId, &ByCategory) -> Tested| {
        discoveries(
            large
                .clone()
                .map(|(topic, counts)| test(topic, counts))
                .collect(),
        )
    };
    let mut found = tests(&|topic, counts| under_catch_all(filing, topic, counts));
    let spread = tests(&|topic, counts| spread_thin(filing, topic, counts));
    for one in spread {
        if !found.iter().any(|(topics, _)| *topics == one.0) {
            found.push(one);
        }
    }
    found
}

/// Mostly filed where no line says what it is about, and more so than everything else in the window.
fn under_catch_all(filing: &Filing<'_>, topic: &TopicId, counts: &ByCategory) -> Tested {
    let is_under = |key: &Option<String>| filing.is_catch_all(key.as_deref());
    let hidden = |counts: &ByCategory| -> u64 {
        let under = counts.iter().filter(|(key, _)| is_under(key));
        under.map(|(_, count)| count).sum()
    };
    let (all, under) = (counts.values().sum::<u64>(), hidden(counts));
    let rest = filing.whole.values().sum::<u64>() - all;
    let rest_under = hidden(&filing.whole) - under;
    let p = fisher_at_least(under, all, rest_under, rest);
    let rest_share = rest_under as f64 / rest.max(1) as f64;
    let low = wilson(under, all).low;
    if low <= HIDDEN_SHARE || low <= rest_share {
        return Tested::nothing(p);
    }
    let mut places: Vec<_> = counts.iter().filter(|(key, _)| is_under(key)).collect();
    places.sort_by_key(|(key, count)| (std::cmp::Reverse(**count), (*key).clone()));
    let named: Vec<String> = places
        .iter()
        .take(3)
        .map(|(key, count)| match filing.name(key.as_deref()) {
            Some(name) => format!("{count} under \u{201c}{name}\u{201d}"),
            None => format!("{count} under no category"),
        })
        .collect();
    let sentence = format!(
        "{} conversations are filed where no line of the report shows them: {}; of the others, {} are",
        out_of(under, all),
        named.join(", "),
        out_of(rest_under, rest),
    );
    let category = places
        .first()
        .and_then(|(key, _)| filing.name(key.as_deref()));
    let numbers = FindingNumbers {
        category,
        ..share(under, all)
    };
    claim(p, topic, sentence, numbers)
}

/// In several categories, little in each, and no category is made of it. The test is whether half of it or more belongs
/// where most of it is.
fn spread_thin(filing: &Filing<'_>, topic: &TopicId, counts: &ByCategory) -> Tested {
    let all: u64 = counts.values().sum();
    let largest = counts
        .iter()
        .filter_map(|(key, count)| Some((key.as_ref()?, *count)))
        .max_by_key(|(key, count)| (*count, std::cmp::Reverse(*key)));
    let Some((key, most)) = largest else {
        return Tested::nothing(1.0);
    };
    let most_anywhere = counts.values().copied().max().unwrap_or_default();
    let p = binomial_at_most(most_anywhere, all, SPREAD_SHARE_MAX);
    let is_thin = |(key, count): (&Option<String>, &u64)| {
        wilson(*count, all).high < SPREAD_SHARE_MAX
            && wilson(*count, filing.whole[key]).high < SPREAD_LINE_SHARE_MAX
    };
    let categories = counts.keys().filter(|key| key.is_some()).count();
    if categories < SPREAD_CATEGORIES_MIN || !counts.iter().all(is_thin) {
        return Tested::nothing(p);
    }
    let sentence = format!(
        "{all} conversations are spread over {categories} categories, so no line of the report shows them: at most \
         {most} are under one of them, \u{201c}{}\u{201d}, which has {} in all",
        filing.names[key],
        filing.whole[&Some(key.clone())],
    );
    let numbers = FindingNumbers {
        category: filing.name(Some(key)),
        ..share(most, all)
    };
    claim(p, topic, sentence, numbers)
}

fn claim(p: f64, topic: &TopicId, sentence: String, numbers: FindingNumbers) -> Tested {
    let finding = Finding {
        kind: FindingKind::Hidden,
        sentence,
        numbers,
    };
    Tested {
        p,
        claim: Some((vec![topic.clone()], finding)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, sentences};
    use super::*;

    #[test]
    fn a_topic_under_other_is_hidden() {
        let rows = [
            (11, Some("Other"), "a"),
            (1, None, "a"),
            (2, Some("Billing"), "a"),
            (30, Some("Billing"), "b"),
            (2, Some("Other"), "b"),
        ];
        assert_eq!(
            sentences(&rows, FindingKind::Hidden),
            [
                "a: 12 of 14 conversations are filed where no line of the report shows them: 11 under “Other”, \
              1 under no category; of the others, 2 of 32 are"
            ]
        );
        let numbers = &found(&rows, FindingKind::Hidden)[0].numbers;
        assert_eq!((numbers.conversations, numbers.of), (12, 14));
        assert_eq!(numbers.category.as_deref(), Some("Other"));
        // Two topics were looked at.
        assert_eq!(numbers.q, 2.0 * numbers.p);
        assert!((numbers.p - 1.900_344_6e-7).abs() < 1e-13, "{}", numbers.p);
    }

    #[test]
    fn nothing_is_hidden_where_everything_is_under_other_or_too_little_is() {
        let none = |rows: &[_]| assert!(sentences(rows, FindingKind::Hidden).is_empty());
        none(&[(20, Some("Other"), "a"), (20, Some("Other"), "b")]);
        none(&[(4, Some("Other"), "a"), (40, Some("Billing"), "b")]);
        none(&[
            (6, Some("Other"), "a"),
            (4, Some("Billing"), "a"),
            (9, Some("Billing"), "b"),
        ]);
    }

    #[test]
    fn a_topic_spread_over_many_categories_is_hidden() {
        let names = ["p", "q", "r", "s", "t"];
        let mut rows: Vec<_> = names.iter().map(|name| (6, Some(*name), "a")).collect();
        rows.extend(names.iter().map(|name| (60, Some(*name), "b")));
        assert!(sentences(&rows, FindingKind::Hidden).contains(
            &"a: 30 conversations are spread over 5 categories, so no line of the report shows them: at most 6 are \
              under one of them, “p”, which has 66 in all"
                .to_owned()
        ));
    }
}
