//! What stands out between topics and official categories. Each finding is one sentence with its exact numbers, and is made
//! only where the interval of the share leaves no doubt: small counts claim nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Fact, Finding, FindingKind, TopicId, Window};

use super::report::line_key;
use super::{table, wilson};

/// Below this many conversations nothing is claimed of a topic.
const TOPIC_CONVERSATIONS_MIN: u64 = 5;
/// Below this many conversations nothing is claimed of a category.
const CATEGORY_CONVERSATIONS_MIN: u64 = 12;
/// A topic is hidden under catch-alls when surely more than this share of it is there.
const HIDDEN_SHARE: f64 = 0.5;
/// A topic is spread thin when it is in at least so many categories …
const SPREAD_CATEGORIES_MIN: usize = 4;
/// … with surely less than this share of it in any one …
const SPREAD_SHARE_MAX: f64 = 0.5;
/// … and surely less than this share of any of their lines.
const SPREAD_LINE_SHARE_MAX: f64 = 0.3;
/// A category is lumped when it is made of at least so many topics …
const LUMPED_TOPICS_MIN: usize = 3;
/// … each with at least so many conversations in it …
const LUMPED_CONVERSATIONS_MIN: u64 = 4;
/// … and at least this share of it …
const LUMPED_SHARE_MIN: f64 = 0.1;
/// … and surely more than this one.
const LUMPED_SHARE_SURE: f64 = 0.05;

/// Words that make a category a catch-all, wherever they stand in its name.
const CATCH_ALL_WORDS: [&str; 15] = [
    "other",
    "others",
    "misc",
    "miscellaneous",
    "sonstige",
    "sonstiges",
    "sonstigem",
    "diverse",
    "diverses",
    "various",
    "unknown",
    "unbekannt",
    "uncategorised",
    "uncategorized",
    "autre",
];

/// Words that make a category a catch-all when its name starts with them and says little more.
const CATCH_ALL_STARTS: [&str; 5] = ["general", "allgemein", "allgemeine", "allgemeines", "none"];

/// Which categories say nothing: those with a telling name, and those that the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatchAll {
    names: BTreeSet<String>,
}

impl CatchAll {
    /// With these further names.
    pub fn new(names: &[String]) -> Self {
        let keys = names.iter().filter_map(|name| line_key(Some(name)));
        Self {
            names: keys.collect(),
        }
    }

    /// Whether the category says nothing; none at all says nothing either.
    pub fn holds(&self, category: Option<&str>) -> bool {
        let Some(key) = line_key(category) else {
            return true;
        };
        let words: Vec<&str> = key
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        self.names.contains(&key)
            || words.iter().any(|word| CATCH_ALL_WORDS.contains(word))
            || words.len() <= 2
                && words
                    .first()
                    .is_some_and(|word| CATCH_ALL_STARTS.contains(word))
    }
}

/// Conversations by category, of one topic or of the whole window.
type ByCategory = BTreeMap<Option<String>, u64>;

/// Looks at the conversations opened in the window: for each topic, what the official categories do not show of it. `labels`
/// name the topics in sentences.
pub fn findings(
    facts: &[Fact],
    window: &Window,
    labels: &BTreeMap<TopicId, String>,
    catch_all: &CatchAll,
) -> BTreeMap<TopicId, Vec<Finding>> {
    let mut topics: BTreeMap<TopicId, ByCategory> = BTreeMap::new();
    let mut whole = ByCategory::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for row in table(facts, window) {
        let key = line_key(row.category.as_deref());
        if let (Some(key), Some(name)) = (&key, row.category) {
            let shown = names.entry(key.clone()).or_insert_with(|| name.clone());
            *shown = name.min(std::mem::take(shown));
        }
        *whole.entry(key.clone()).or_default() += row.conversations;
        if let Some(topic) = row.topic {
            *topics.entry(topic).or_default().entry(key).or_default() += row.conversations;
        }
    }
    let lumped = lumped(&topics, &whole, &names, labels, catch_all);
    let mut found = BTreeMap::new();
    for (topic, by_category) in &topics {
        let hidden = under_catch_all(by_category, &whole, &names, catch_all)
            .or_else(|| spread_thin(by_category, &whole, &names));
        let main = by_category.iter().max_by_key(|(_, count)| **count);
        let lumped = main.and_then(|(key, _)| lumped.get(key.as_deref().unwrap_or_default()));
        let lumped = lumped.filter(|(members, _)| members.contains(topic));
        let lumped = lumped.map(|(_, finding)| finding.clone());
        let both: Vec<Finding> = hidden.into_iter().chain(lumped).collect();
        if !both.is_empty() {
            found.insert(topic.clone(), both);
        }
    }
    found
}

/// Mostly filed where no line says what it is about, and more so than everything else in the window.
fn under_catch_all(
    topic: &ByCategory,
    whole: &ByCategory,
    names: &BTreeMap<String, String>,
    catch_all: &CatchAll,
) -> Option<Finding> {
    let is_under = |key: &Option<String>| catch_all.holds(key.as_deref());
    let hidden = |counts: &ByCategory| -> u64 {
        let under = counts.iter().filter(|(key, _)| is_under(key));
        under.map(|(_, count)| count).sum()
    };
    let (all, under) = (topic.values().sum::<u64>(), hidden(topic));
    let rest = whole.values().sum::<u64>() - all;
    let rest_share = (hidden(whole) - under) as f64 / (rest.max(1)) as f64;
    let low = wilson(under, all).low;
    if all < TOPIC_CONVERSATIONS_MIN || low <= HIDDEN_SHARE || low <= rest_share {
        return None;
    }
    let mut places: Vec<_> = topic.iter().filter(|(key, _)| is_under(key)).collect();
    places.sort_by_key(|(key, count)| (std::cmp::Reverse(**count), (*key).clone()));
    let places: Vec<String> = places
        .into_iter()
        .take(3)
        .map(|(key, count)| match key {
            Some(key) => format!("{count} under \u{201c}{}\u{201d}", names[key]),
            None => format!("{count} under no category"),
        })
        .collect();
    Some(Finding {
        kind: FindingKind::Hidden,
        sentence: format!(
            "{} conversations are filed where no line of the report shows them: {}; of the others, {} are",
            out_of(under, all),
            places.join(", "),
            out_of(hidden(whole) - under, rest),
        ),
    })
}

/// In several categories, little in each, and no category is made of it.
fn spread_thin(
    topic: &ByCategory,
    whole: &ByCategory,
    names: &BTreeMap<String, String>,
) -> Option<Finding> {
    let all: u64 = topic.values().sum();
    let (key, most) = topic
        .iter()
        .filter_map(|(key, count)| Some((key.as_ref()?, *count)))
        .max_by_key(|(key, count)| (*count, std::cmp::Reverse(*key)))?;
    let is_thin = |(key, count): (&Option<String>, &u64)| {
        wilson(*count, all).high < SPREAD_SHARE_MAX
            && wilson(*count, whole[key]).high < SPREAD_LINE_SHARE_MAX
    };
    let categories = topic.keys().filter(|key| key.is_some()).count();
    if all < TOPIC_CONVERSATIONS_MIN
        || categories < SPREAD_CATEGORIES_MIN
        || !topic.iter().all(is_thin)
    {
        return None;
    }
    Some(Finding {
        kind: FindingKind::Hidden,
        sentence: format!(
            "{all} conversations are spread over {categories} categories, so no line of the report shows them: at most \
             {most} are under one of them, \u{201c}{}\u{201d}, which has {} in all",
            names[key],
            whole[&Some(key.clone())],
        ),
    })
}

fn is_sizeable(count: u64, all: u64) -> bool {
    count >= LUMPED_CONVERSATIONS_MIN
        && count as f64 >= LUMPED_SHARE_MIN * all as f64
        && wilson(count, all).low > LUMPED_SHARE_SURE
}

/// "7 of 9", or "all 7".
fn out_of(count: u64, all: u64) -> String {
    if count == all {
        format!("all {all}")
    } else {
        format!("{count} of {all}")
    }
}

/// By category: the topics that it is made of, and the sentence, where there are several.
fn lumped(
    topics: &BTreeMap<TopicId, ByCategory>,
    whole: &ByCategory,
    names: &BTreeMap<String, String>,
    labels: &BTreeMap<TopicId, String>,
    catch_all: &CatchAll,
) -> BTreeMap<String, (BTreeSet<TopicId>, Finding)> {
    let mut found = BTreeMap::new();
    for (key, all) in whole {
        let Some(key) = key.as_ref().filter(|key| !catch_all.holds(Some(key))) else {
            continue;
        };
        let mut members: Vec<(u64, &TopicId)> = topics
            .iter()
            .filter_map(|(topic, counts)| Some((*counts.get(&Some(key.clone()))?, topic)))
            .filter(|(count, _)| is_sizeable(*count, *all))
            .collect();
        members.sort_by_key(|(count, topic)| (std::cmp::Reverse(*count), (*topic).clone()));
        if *all < CATEGORY_CONVERSATIONS_MIN || members.len() < LUMPED_TOPICS_MIN {
            continue;
        }
        let parts: Vec<String> = members
            .iter()
            .map(|(count, topic)| {
                let label = labels.get(*topic).map_or(topic.as_str(), String::as_str);
                format!("{count} \u{201c}{label}\u{201d}")
            })
            .collect();
        let rest = all - members.iter().map(|(count, _)| count).sum::<u64>();
        let rest = if rest == 0 {
            String::new()
        } else {
            format!("; {rest} others")
        };
        let finding = Finding {
            kind: FindingKind::Lumped,
            sentence: format!(
                "the category \u{201c}{}\u{201d} with {all} conversations is {} topics: {}{rest}",
                names[key],
                members.len(),
                parts.join(", "),
            ),
        };
        let topics = members.into_iter().map(|(_, topic)| topic.clone());
        found.insert(key.clone(), (topics.collect(), finding));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, any_fact, fact, week};
    use super::*;
    use proptest::prelude::*;

    fn facts(rows: &[(usize, Option<&str>, &str)]) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (count, category, topic) in rows {
            for _ in 0..*count {
                facts.push(fact(facts.len(), *category, about(topic)));
            }
        }
        facts
    }

    fn sentences(rows: &[(usize, Option<&str>, &str)]) -> Vec<String> {
        let labels = ["a", "b", "c"]
            .map(|id| (TopicId::from(id), format!("label {id}")))
            .into();
        findings(&facts(rows), &week(), &labels, &CatchAll::default())
            .into_iter()
            .flat_map(|(topic, found)| {
                found
                    .into_iter()
                    .map(move |finding| format!("{topic}: {}", finding.sentence))
            })
            .collect()
    }

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
            sentences(&rows),
            [
                "a: 12 of 14 conversations are filed where no line of the report shows them: 11 under “Other”, \
              1 under no category; of the others, 2 of 32 are"
            ]
        );
    }

    #[test]
    fn nothing_is_hidden_where_everything_is_under_other_or_too_little_is() {
        assert!(sentences(&[(20, Some("Other"), "a"), (20, Some("Other"), "b")]).is_empty());
        assert!(sentences(&[(4, Some("Other"), "a"), (40, Some("Billing"), "b")]).is_empty());
        assert!(
            sentences(&[
                (6, Some("Other"), "a"),
                (4, Some("Billing"), "a"),
                (9, Some("Billing"), "b")
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_topic_spread_over_many_categories_is_hidden() {
        let names = ["p", "q", "r", "s", "t"];
        let mut rows: Vec<_> = names.iter().map(|name| (6, Some(*name), "a")).collect();
        rows.extend(names.iter().map(|name| (60, Some(*name), "b")));
        assert!(sentences(&rows).contains(
            &"a: 30 conversations are spread over 5 categories, so no line of the report shows them: at most 6 are \
              under one of them, “p”, which has 66 in all"
                .to_owned()
        ));
    }

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
            sentences(&rows),
            [
                format!("a: {expected}"),
                format!("b: {expected}"),
                format!("c: {expected}")
            ]
        );
    }

    #[test]
    fn two_topics_are_not_a_lump_and_small_ones_do_not_count() {
        let rows = [
            (20, Some("Billing"), "a"),
            (20, Some("Billing"), "b"),
            (3, Some("Billing"), "c"),
        ];
        assert!(sentences(&rows).is_empty());
    }

    #[test]
    fn catch_alls_are_known_by_their_names() {
        let catch_all = CatchAll::new(&["Front desk".to_owned()]);
        for name in [
            "Other",
            "SONSTIGES",
            "Animal assistance - Other action",
            "General enquiry",
            "front  desk",
            "None",
        ] {
            assert!(catch_all.holds(Some(name)), "{name}");
        }
        for name in [
            "Mother board",
            "Billing",
            "General ledger export fails",
            "Heating",
        ] {
            assert!(!catch_all.holds(Some(name)), "{name}");
        }
    }

    proptest! {
        #[test]
        fn findings_do_not_depend_on_the_order(facts in prop::collection::vec(any_fact(), 0..80)) {
            let found = findings(&facts, &week(), &BTreeMap::new(), &CatchAll::default());
            let mut reversed = facts;
            reversed.reverse();
            prop_assert_eq!(findings(&reversed, &week(), &BTreeMap::new(), &CatchAll::default()), found);
        }
    }
}
