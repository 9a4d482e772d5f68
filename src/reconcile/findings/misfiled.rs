//! Misfiled: single conversations that are filed elsewhere than nearly all others of their topic.
//!
//! A topic has a home when surely more than half of it is filed under one category. What lies elsewhere is misfiled, unless it
//! is more than slips of the hand would bring there: then the topic has a second home. How many slips to expect is what the
//! other topics with a home show.

use std::collections::{BTreeMap, BTreeSet};

use statrs::distribution::{DiscreteCDF, Poisson};

use crate::model::{
    ConversationKey, Fact, Finding, FindingKind, FindingNumbers, State, TopicId, Window,
};
use crate::reconcile::report::line_key;
use crate::reconcile::wilson;
use crate::statistics::{binomial_at_least, corrected};

use super::{FALSE_ALARMS, Filing, TOPIC_CONVERSATIONS_MIN, Tested, discoveries, share};

/// A topic's home surely has more than this share of it.
const HOME_SHARE: f64 = 0.5;
/// A second home has at least this share of the topic: less is a slip, however rare a one.
const SECOND_HOME_SHARE: f64 = 0.1;
/// Categories with misfiled conversations that are named.
const NAMED_MAX: usize = 3;

/// A topic with a home.
struct Home<'a> {
    topic: &'a TopicId,
    /// All its conversations, those of no category too.
    all: u64,
    at_home: u64,
    category: String,
    /// The named categories beside its home.
    away: Vec<(String, u64)>,
}

/// Topics with misfiled conversations.
pub(super) fn misfiled(
    filing: &Filing<'_>,
    facts: &[&Fact],
    window: &Window,
) -> Vec<(Vec<TopicId>, Finding)> {
    let mut homes = homes(filing);
    let second_homes = second_homes(filing, &homes);
    for home in &mut homes {
        let topic = home.topic;
        home.away
            .retain(|(key, _)| !second_homes.contains(&(topic, key.clone())));
    }
    let places = homes.iter().flat_map(|home| {
        home.away
            .iter()
            .map(|(key, _)| (home.topic.clone(), key.clone()))
    });
    let mut keys = keys_in(places.collect(), facts, window);
    let tested = homes.iter().map(|home| {
        let p = binomial_at_least(home.at_home, home.all, HOME_SHARE);
        let is_sure = wilson(home.at_home, home.all).low > HOME_SHARE;
        if home.away.is_empty() || !is_sure {
            return Tested::nothing(p);
        }
        Tested {
            p,
            claim: Some((vec![home.topic.clone()], finding(filing, home, &mut keys))),
        }
    });
    discoveries(tested.collect())
}

fn homes<'a>(filing: &'a Filing<'_>) -> Vec<Home<'a>> {
    let home = |(topic, counts): (&'a TopicId, &super::ByCategory)| {
        let all: u64 = counts.values().sum();
        let mut places = filing.places(counts).into_iter();
        let (category, at_home) = places.next()?;
        (all >= TOPIC_CONVERSATIONS_MIN).then(|| Home {
            topic,
            all,
            at_home,
            category,
            away: places.collect(),
        })
    };
    filing.topics.iter().filter_map(home).collect()
}

/// Where a topic has more conversations than slips explain.
fn second_homes<'a>(filing: &Filing<'_>, homes: &[Home<'a>]) -> BTreeSet<(&'a TopicId, String)> {
    let sure = homes
        .iter()
        .filter(|home| wilson(home.at_home, home.all).low > HOME_SHARE);
    let mut by_place: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut all, mut away) = (0, 0);
    for home in sure.clone() {
        all += home.all;
        for (key, count) in &home.away {
            away += count;
            *by_place.entry(key).or_default() += count;
        }
    }
    let mut cells = Vec::new();
    for home in sure {
        let own_away: u64 = home.away.iter().map(|(_, count)| count).sum();
        for (key, count) in &home.away {
            // The other topics only: lest a second home explains itself.
            let (all, away) = ((all - home.all) as f64, (away - own_away) as f64);
            let slips = (away + 1.0) / (all + 2.0) * home.all as f64;
            let categories = filing.names.len().max(2) as f64;
            let there = (by_place[key.as_str()] - count) as f64;
            let place = (there + 1.0) / (away + categories - 1.0);
            let p = Poisson::new(slips * place).map_or(1.0, |slips| slips.sf(count - 1));
            let is_small = (*count as f64) < SECOND_HOME_SHARE * home.all as f64 || *count == 1;
            cells.push((home.topic, key.clone(), if is_small { 1.0 } else { p }));
        }
    }
    let chances: Vec<f64> = cells.iter().map(|(_, _, p)| *p).collect();
    let corrected = corrected(&chances);
    cells
        .into_iter()
        .zip(corrected)
        .filter(|(_, q)| *q <= FALSE_ALARMS)
        .map(|((topic, key, _), _)| (topic, key))
        .collect()
}

/// The conversations of these topics under these categories.
fn keys_in(
    places: BTreeSet<(TopicId, String)>,
    facts: &[&Fact],
    window: &Window,
) -> BTreeMap<TopicId, Vec<ConversationKey>> {
    let mut keys: BTreeMap<TopicId, Vec<ConversationKey>> = BTreeMap::new();
    if places.is_empty() {
        return keys;
    }
    for fact in facts.iter().filter(|fact| window.contains(fact.created_at)) {
        if let State::Assigned(topic) = &fact.state
            && let Some(key) = line_key(fact.category.as_deref())
            && places.contains(&(topic.clone(), key))
        {
            keys.entry(topic.clone())
                .or_default()
                .push(fact.key.clone());
        }
    }
    keys.values_mut().for_each(|keys| keys.sort());
    keys
}

fn finding(
    filing: &Filing<'_>,
    home: &Home<'_>,
    keys: &mut BTreeMap<TopicId, Vec<ConversationKey>>,
) -> Finding {
    let misfiled: u64 = home.away.iter().map(|(_, count)| count).sum();
    let interval = wilson(home.at_home, home.all);
    let mut named: Vec<String> = home
        .away
        .iter()
        .take(NAMED_MAX)
        .map(|(key, count)| format!("{count} under \u{201c}{}\u{201d}", filing.names[key]))
        .collect();
    let rest: u64 = home
        .away
        .iter()
        .skip(NAMED_MAX)
        .map(|(_, count)| count)
        .sum();
    if rest > 0 {
        named.push(format!("{rest} under others"));
    }
    let sentence = format!(
        "{misfiled} of {} conversations are filed elsewhere than the {} under \u{201c}{}\u{201d} ({:.0} to {:.0} % belong \
         there): {}",
        home.all,
        home.at_home,
        filing.names[&home.category],
        interval.low * 100.0,
        interval.high * 100.0,
        named.join(", "),
    );
    Finding {
        kind: FindingKind::Misfiled,
        sentence,
        numbers: FindingNumbers {
            category: filing.name(Some(&home.category)),
            keys: keys.remove(home.topic).unwrap_or_default(),
            ..share(misfiled, home.all)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, sentences};
    use super::*;

    #[test]
    fn what_is_filed_elsewhere_than_the_rest_is_listed() {
        let rows = [
            (40, Some("Heating"), "a"),
            (2, Some("Billing"), "a"),
            (1, Some("Drains"), "a"),
            (3, Some("Other"), "a"),
            (40, Some("Billing"), "b"),
            (1, Some("Heating"), "b"),
        ];
        assert_eq!(
            sentences(&rows, FindingKind::Misfiled),
            [
                "a: 3 of 46 conversations are filed elsewhere than the 40 under “Heating” (74 to 94 % belong there): \
                 2 under “Billing”, 1 under “Drains”",
                "b: 1 of 41 conversations are filed elsewhere than the 40 under “Billing” (87 to 100 % belong there): \
                 1 under “Heating”",
            ]
        );
        let numbers = &found(&rows, FindingKind::Misfiled)[0].numbers;
        let keys: Vec<&str> = numbers.keys.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(keys, ["40", "41", "42"]);
        assert_eq!(numbers.conversations, 3);
    }

    #[test]
    fn a_second_home_is_not_misfiled() {
        let rows = [
            (60, Some("Heating"), "a"),
            (25, Some("Hot water"), "a"),
            (1, Some("Billing"), "a"),
            (80, Some("Billing"), "b"),
            (1, Some("Heating"), "b"),
            (80, Some("Drains"), "c"),
            (1, Some("Heating"), "c"),
        ];
        let found = sentences(&rows, FindingKind::Misfiled);
        assert!(
            found[0].starts_with("a: 1 of 86 conversations"),
            "{found:?}"
        );
        assert!(found[0].ends_with("1 under “Billing”"), "{found:?}");
    }

    #[test]
    fn a_topic_without_a_home_has_nothing_misfiled() {
        let rows = [
            (20, Some("Heating"), "a"),
            (18, Some("Billing"), "a"),
            (3, Some("Drains"), "b"),
            (1, Some("Billing"), "b"),
        ];
        assert!(sentences(&rows, FindingKind::Misfiled).is_empty());
    }
}
