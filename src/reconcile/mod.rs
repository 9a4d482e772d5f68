//! Lays our counts beside the official ones, in both directions, with totals that add up. Pure.
//!
//! `table` says which topics a category is made of, and under which categories a topic is filed.
//! `compare` splits official minus ours into named causes, one cause for each conversation.
//! `findings` says what the official lines hide or lump together. `report` reads official reports.

mod board;
pub mod causes;
mod compare;
mod config;
mod definition;
mod finder;
mod findings;
mod interval;
mod lines;
pub mod report;
mod units;
mod windows;

use std::collections::BTreeMap;

use crate::model::{Fact, State, TopicId, Window};

pub use compare::{Comparison, Difference, Part, compare, own_categories};
pub use config::read_zones;
pub use definition::{AsOf, Definition, Occurring, REACH};
pub use finder::{Chosen, Fit, Found, Reading, Search, choose, covered, find, is_better, judge};
pub use findings::{CatchAll, beside_the_report, findings, moved, unheard};
pub use interval::{Interval, wilson};
pub use units::{Official, Unit};

/// How many conversations of a window are filed under one category and are about one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The official category; `None` is "never categorised".
    pub category: Option<String>,
    /// The topic; `None` is "unassigned".
    pub topic: Option<TopicId>,
    /// How many.
    pub conversations: u64,
}

/// The conversations that were opened in the window and count, by category and topic. Each is in exactly one row, so rows
/// add up by category, by topic and in total.
pub fn table<'f>(facts: impl IntoIterator<Item = &'f Fact>, window: &Window) -> Vec<Row> {
    let mut cells: BTreeMap<(Option<String>, Option<TopicId>), u64> = BTreeMap::new();
    let opened = |fact: &&Fact| window.contains(fact.created_at);
    for fact in facts.into_iter().filter(opened) {
        let topic = match &fact.state {
            State::Assigned(topic) => Some(topic.clone()),
            State::Unassigned => None,
            State::Excluded(_) => continue,
        };
        *cells.entry((fact.category.clone(), topic)).or_default() += 1;
    }
    cells
        .into_iter()
        .map(|((category, topic), conversations)| Row {
            category,
            topic,
            conversations,
        })
        .collect()
}

/// Whether two spellings are one line of a report.
pub fn is_same_line(one: Option<&str>, other: Option<&str>) -> bool {
    report::line_key(one) == report::line_key(other)
}

#[cfg(test)]
pub(crate) mod testing {
    //! Facts for the tests of this folder.

    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    use crate::model::{
        Cadence, Calendar, ConversationKey, Earlier, Exclusion, Fact, Kind, State, TopicId, Window,
    };

    /// The week that the tests look at.
    pub fn week() -> Window {
        Calendar::default()
            .parse(Cadence::Weekly, "2026-W13")
            .unwrap()
    }

    /// A ticket opened on the first day of that week.
    pub fn fact(number: usize, category: Option<&str>, state: State) -> Fact {
        let at = week().start + TimeDelta::hours(1);
        Fact {
            key: ConversationKey::new("desk", number.to_string()),
            kind: Kind::Ticket,
            created_at: at,
            closed_at: None,
            stored_at: at,
            category: category.map(str::to_owned),
            customer: Some(format!("customer-{number}")),
            account: None,
            product: None,
            csat: None,
            reopens: 0,
            tags: Vec::new(),
            earlier: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
            state,
        }
    }

    /// Assigned to the topic with this id.
    pub fn about(topic: &str) -> State {
        State::Assigned(TopicId::from(topic))
    }

    fn any_state() -> impl Strategy<Value = State> {
        prop_oneof![
            3 => (0..4).prop_map(|n| State::Assigned(TopicId(format!("t{n}")))),
            1 => Just(State::Unassigned),
            1 => prop::sample::select(Exclusion::ALL.to_vec()).prop_map(State::Excluded),
        ]
    }

    fn any_category() -> impl Strategy<Value = Option<&'static str>> {
        prop::sample::select(vec![
            None,
            Some("Billing"),
            Some("billing "),
            Some("Other"),
            Some("None"),
            Some(""),
            Some("Heating"),
        ])
    }

    fn around_the_week() -> impl Strategy<Value = DateTime<Utc>> {
        (-200_i64..400).prop_map(|hours| week().start + TimeDelta::hours(hours))
    }

    prop_compose! {
        fn any_earlier()(
            (until, created_at) in (around_the_week(), around_the_week()),
            closed_at in prop::option::of(around_the_week()),
            category in any_category(),
            exclusion in prop::option::of(prop::sample::select(Exclusion::ALL.to_vec())),
        ) -> Earlier {
            Earlier { until, created_at, closed_at, category: category.map(str::to_owned), exclusion }
        }
    }

    prop_compose! {
        /// Any fact opened or closed around that week.
        pub fn any_fact()(
            number in 0_usize..1000,
            state in any_state(),
            category in any_category(),
            created_at in around_the_week(),
            closed_at in prop::option::of(around_the_week()),
            is_call in any::<bool>(),
            tags in prop::collection::vec(prop::sample::select(vec!["billing", "Heating", "vip"]), 0..3),
            earlier in prop::collection::vec(any_earlier(), 0..3),
        ) -> Fact {
            let kind = if is_call { Kind::CallNote } else { Kind::Ticket };
            let tags = tags.into_iter().map(str::to_owned).collect();
            let mut earlier = earlier;
            earlier.sort_by_key(|one| one.until);
            Fact { kind, created_at, closed_at, tags, earlier, ..fact(number, category, state) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{any_fact, week};
    use super::*;
    use crate::counting::count;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_add_up_by_topic_by_category_and_in_total(
            facts in prop::collection::vec(any_fact(), 0..80),
        ) {
            let rows = table(&facts, &week());
            let counts = count(&facts, &week());
            let total: u64 = rows.iter().map(|row| row.conversations).sum();
            prop_assert_eq!(total, counts.counted());
            for topic in counts.topics() {
                let of_topic = rows.iter().filter(|row| row.topic.as_ref() == Some(topic));
                let sum: u64 = of_topic.map(|row| row.conversations).sum();
                prop_assert_eq!(sum, counts.topic(topic));
            }
            let unassigned = rows.iter().filter(|row| row.topic.is_none());
            prop_assert_eq!(
                unassigned.map(|row| row.conversations).sum::<u64>(),
                counts.unassigned()
            );
            let mut reversed = facts;
            reversed.reverse();
            prop_assert_eq!(table(&reversed, &week()), rows);
        }
    }
}
