//! What stands out between topics and official categories: one file for each kind. Each finding is one sentence with its exact
//! numbers, a test, an interval, and a correction for everything of its kind that was looked at; small counts claim nothing.

mod catch_all;
mod hidden;
mod lumped;
mod misfiled;
mod moved;
mod unheard;

use std::collections::BTreeMap;

use crate::model::{Fact, Finding, FindingKind, FindingNumbers, TopicId, Window};
use crate::statistics::corrected;

use super::report::line_key;
use super::{table, wilson};

pub use catch_all::CatchAll;
pub use moved::moved;
pub use unheard::unheard;

/// Below this many conversations nothing is claimed of a topic.
const TOPIC_CONVERSATIONS_MIN: u64 = 5;
/// The share of false alarms that is accepted among the findings of one kind.
const FALSE_ALARMS: f64 = 0.05;

/// Conversations by the category's key, of one topic or of the whole window.
type ByCategory = BTreeMap<Option<String>, u64>;

/// Which topics are filed where in a window, and what topics and categories are called.
struct Filing<'a> {
    topics: BTreeMap<TopicId, ByCategory>,
    /// All conversations, those of no topic too.
    whole: ByCategory,
    names: BTreeMap<String, String>,
    labels: &'a BTreeMap<TopicId, String>,
    catch_all: &'a CatchAll,
}

impl<'a> Filing<'a> {
    fn of(
        facts: &[&Fact],
        window: &Window,
        labels: &'a BTreeMap<TopicId, String>,
        catch_all: &'a CatchAll,
    ) -> Self {
        let mut filing = Self {
            topics: BTreeMap::new(),
            whole: ByCategory::new(),
            names: BTreeMap::new(),
            labels,
            catch_all,
        };
        for row in table(facts.iter().copied(), window) {
            let key = line_key(row.category.as_deref());
            if let (Some(key), Some(name)) = (&key, row.category) {
                let shown = filing
                    .names
                    .entry(key.clone())
                    .or_insert_with(|| name.clone());
                *shown = name.min(std::mem::take(shown));
            }
            *filing.whole.entry(key.clone()).or_default() += row.conversations;
            if let Some(topic) = row.topic {
                let of_topic = filing.topics.entry(topic).or_default();
                *of_topic.entry(key).or_default() += row.conversations;
            }
        }
        filing
    }

    fn is_catch_all(&self, key: Option<&str>) -> bool {
        self.catch_all.holds(key)
    }

    /// The category's name as it is shown; none for "never categorised".
    fn name(&self, key: Option<&str>) -> Option<String> {
        key.map(|key| self.names[key].clone())
    }

    fn label<'t>(&'t self, topic: &'t TopicId) -> &'t str {
        self.labels
            .get(topic)
            .map_or(topic.as_str(), String::as_str)
    }

    /// The named categories of a topic, most first.
    fn places(&self, topic: &ByCategory) -> Vec<(String, u64)> {
        let named = topic
            .iter()
            .filter_map(|(key, count)| Some((key.clone()?, *count)));
        let mut places: Vec<_> = named
            .filter(|(key, _)| !self.is_catch_all(Some(key)))
            .collect();
        places.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
        places
    }
}

/// One thing that was looked at: its chance, and what would be said if that is small enough.
struct Tested {
    p: f64,
    /// What is said, of which topics; none where the numbers do not even point there.
    claim: Option<(Vec<TopicId>, Finding)>,
}

impl Tested {
    /// Looked at, and nothing to say.
    fn nothing(p: f64) -> Self {
        Self { p, claim: None }
    }
}

/// What passes the correction for all that was looked at, with its corrected chance.
fn discoveries(tested: Vec<Tested>) -> Vec<(Vec<TopicId>, Finding)> {
    let chances: Vec<f64> = tested.iter().map(|tested| tested.p).collect();
    let mut found = Vec::new();
    for (tested, q) in tested.into_iter().zip(corrected(&chances)) {
        if let Some((topics, mut finding)) = tested.claim.filter(|_| q <= FALSE_ALARMS) {
            (finding.numbers.p, finding.numbers.q) = (tested.p, q);
            found.push((topics, finding));
        }
    }
    found
}

/// The numbers of a share with its interval.
fn share(conversations: u64, of: u64) -> FindingNumbers {
    let interval = wilson(conversations, of);
    FindingNumbers {
        conversations,
        of,
        low: interval.low,
        high: interval.high,
        ..FindingNumbers::default()
    }
}

/// "7 of 9", or "all 7".
fn out_of(count: u64, all: u64) -> String {
    if count == all {
        format!("all {all}")
    } else {
        format!("{count} of {all}")
    }
}

/// Looks at the conversations opened in the window: for each topic, what the official categories do not show of it. `labels`
/// name the topics in sentences.
pub fn findings(
    facts: &[&Fact],
    window: &Window,
    labels: &BTreeMap<TopicId, String>,
    catch_all: &CatchAll,
) -> BTreeMap<TopicId, Vec<Finding>> {
    let filing = Filing::of(facts, window, labels, catch_all);
    let mut found: BTreeMap<TopicId, Vec<Finding>> = BTreeMap::new();
    let kinds = [
        hidden::hidden(&filing),
        lumped::lumped(&filing),
        misfiled::misfiled(&filing, facts, window),
    ];
    for (topics, finding) in kinds.into_iter().flatten() {
        for topic in topics {
            // The one finding of a lumped category is told of each of its topics.
            let numbers = FindingNumbers {
                topic_id: Some(topic.clone()),
                ..finding.numbers.clone()
            };
            found.entry(topic).or_default().push(Finding {
                numbers,
                ..finding.clone()
            });
        }
    }
    found
}

/// The most telling ones that are not of one item's topic alone: what nobody hears of, what moved, what is misfiled.
pub fn beside_the_report(mut found: Vec<Finding>, most: usize) -> Vec<Finding> {
    let place = |kind: FindingKind| match kind {
        FindingKind::Unheard => 0,
        FindingKind::Moved => 1,
        _ => 2,
    };
    found.sort_by(|one, other| {
        let (a, b) = (&one.numbers, &other.numbers);
        let by_kind = place(one.kind).cmp(&place(other.kind));
        by_kind
            .then_with(|| b.conversations.cmp(&a.conversations))
            .then_with(|| (&a.topic_id, &a.category).cmp(&(&b.topic_id, &b.category)))
    });
    found.truncate(most);
    found
}

#[cfg(test)]
pub(super) mod testing {
    //! Facts by topic and category, for the tests of each kind.

    use super::super::testing::{about, fact, week};
    use super::*;

    /// So many facts of each category and topic.
    pub fn facts(rows: &[(usize, Option<&str>, &str)]) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (count, category, topic) in rows {
            for _ in 0..*count {
                facts.push(fact(facts.len(), *category, about(topic)));
            }
        }
        facts
    }

    /// All findings of one kind.
    pub fn found(rows: &[(usize, Option<&str>, &str)], kind: FindingKind) -> Vec<Finding> {
        let labels = ["a", "b", "c"]
            .map(|id| (TopicId::from(id), format!("label {id}")))
            .into();
        findings(
            &facts(rows).iter().collect::<Vec<_>>(),
            &week(),
            &labels,
            &CatchAll::default(),
        )
        .into_values()
        .flatten()
        .filter(|finding| finding.kind == kind)
        .collect()
    }

    /// Their topics and sentences.
    pub fn sentences(rows: &[(usize, Option<&str>, &str)], kind: FindingKind) -> Vec<String> {
        let sentence = |finding: Finding| {
            let topic = finding.numbers.topic_id.unwrap();
            format!("{topic}: {}", finding.sentence)
        };
        found(rows, kind).into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_fact, week};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn findings_do_not_depend_on_the_order_and_are_surely_what_they_say(
            facts in prop::collection::vec(any_fact(), 0..80),
        ) {
            let refs: Vec<&Fact> = facts.iter().collect();
            let found = findings(&refs, &week(), &BTreeMap::new(), &CatchAll::default());
            for finding in found.values().flatten() {
                let numbers = &finding.numbers;
                let share = numbers.conversations as f64 / numbers.of as f64;
                prop_assert!(numbers.low <= share && share <= numbers.high);
                prop_assert!(numbers.p <= numbers.q && numbers.q <= FALSE_ALARMS);
            }
            let reversed: Vec<&Fact> = facts.iter().rev().collect();
            prop_assert_eq!(findings(&reversed, &week(), &BTreeMap::new(), &CatchAll::default()), found);
        }
    }
}
