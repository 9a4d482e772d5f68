//! Counts conversations by window. A window's counts are sums over its conversations' states, so the
//! days of a week add up to the week by construction. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::model::{Cadence, Calendar, Fact, State, TopicId, Window};

/// How many conversations, and how many different customers among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Conversations.
    pub conversations: u64,
    /// The customers, where known.
    pub customers: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, fact: &Fact) {
        self.conversations += 1;
        self.customers.extend(fact.customer.clone());
    }
}

/// What one window counts, by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Every state that occurs, with its tally; they add up to what was pulled.
    pub by_state: BTreeMap<State, Tally>,
}

impl Counts {
    /// All conversations opened in the window.
    pub fn pulled(&self) -> u64 {
        self.by_state
            .values()
            .map(|tally| tally.conversations)
            .sum()
    }

    /// Those that count: assigned and unassigned.
    pub fn counted(&self) -> u64 {
        self.pulled() - self.excluded()
    }

    /// Those assigned to any topic.
    pub fn assigned(&self) -> u64 {
        self.sum(|state| matches!(state, State::Assigned(_)))
    }

    /// Those that belong to no topic.
    pub fn unassigned(&self) -> u64 {
        self.sum(|state| *state == State::Unassigned)
    }

    /// Those that do not count.
    pub fn excluded(&self) -> u64 {
        self.sum(|state| matches!(state, State::Excluded(_)))
    }

    /// Conversations of one topic.
    pub fn topic(&self, topic: &TopicId) -> u64 {
        self.by_state
            .get(&State::Assigned(topic.clone()))
            .map_or(0, |tally| tally.conversations)
    }

    /// Different customers of one topic.
    pub fn topic_customers(&self, topic: &TopicId) -> u64 {
        let tally = self.by_state.get(&State::Assigned(topic.clone()));
        tally.map_or(0, |tally| tally.customers.len() as u64)
    }

    /// The topics that occur.
    pub fn topics(&self) -> impl Iterator<Item = &TopicId> {
        self.by_state.keys().filter_map(|state| match state {
            State::Assigned(topic) => Some(topic),
            _ => None,
        })
    }

    /// Different customers among those that count.
    pub fn customers(&self) -> u64 {
        let counting = self
            .by_state
            .iter()
            .filter(|(state, _)| !is_excluded(state));
        let customers: BTreeSet<_> = counting.flat_map(|(_, tally)| &tally.customers).collect();
        customers.len() as u64
    }

    fn sum(&self, holds: impl Fn(&State) -> bool) -> u64 {
        let parts = self.by_state.iter().filter(|(state, _)| holds(state));
        parts.map(|(_, tally)| tally.conversations).sum()
    }

    fn add(&mut self, fact: &Fact) {
        self.by_state
            .entry(fact.state.clone())
            .or_default()
            .add(fact);
    }
}

fn is_excluded(state: &State) -> bool {
    matches!(state, State::Excluded(_))
}

/// Counts the conversations opened in one window.
pub fn count(facts: &[Fact], window: &Window) -> Counts {
    let mut counts = Counts::default();
    facts
        .iter()
        .filter(|fact| window.contains(fact.created_at))
        .for_each(|fact| counts.add(fact));
    counts
}

/// Counts every window of a cadence from the one with `from` to the one with `to`, empty ones too, in order.
pub fn count_windows(
    facts: &[Fact],
    calendar: &Calendar,
    cadence: Cadence,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<(Window, Counts)> {
    let mut windows = vec![(calendar.window(cadence, from), Counts::default())];
    while let Some((last, _)) = windows.last().filter(|(last, _)| last.end <= to) {
        let next = calendar.next(last);
        windows.push((next, Counts::default()));
    }
    for fact in facts {
        let place = windows.partition_point(|(window, _)| window.end <= fact.created_at);
        if let Some((window, counts)) = windows.get_mut(place)
            && window.contains(fact.created_at)
        {
            counts.add(fact);
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConversationKey, Exclusion, Kind, WeekStart};
    use proptest::prelude::*;

    fn fact(number: usize, seconds: i64, state: State) -> Fact {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        Fact {
            tags: Vec::new(),
            earlier: Vec::new(),
            key: ConversationKey::new("s", number.to_string()),
            kind: Kind::Ticket,
            created_at: at,
            closed_at: None,
            stored_at: at,
            category: None,
            customer: Some(format!("customer-{}", number % 3)),
            account: None,
            product: None,
            csat: None,
            reopens: 0,
            attributes: BTreeMap::new(),
            state,
        }
    }

    fn any_state() -> impl Strategy<Value = State> {
        prop_oneof![
            (0..4).prop_map(|n| State::Assigned(TopicId(format!("t{n}")))),
            Just(State::Unassigned),
            Just(State::Excluded(Exclusion::Spam)),
        ]
    }

    proptest! {
        #[test]
        fn days_add_up_to_weeks_and_months_for_every_state(
            rows in prop::collection::vec((1_770_000_000_i64..1_780_000_000, any_state()), 1..80),
            sunday in any::<bool>(),
        ) {
            let facts: Vec<_> =
                rows.into_iter().enumerate().map(|(n, (at, state))| fact(n, at, state)).collect();
            let week_start = if sunday { WeekStart::Sunday } else { WeekStart::Monday };
            let calendar = Calendar { zone: chrono_tz::Europe::Berlin, week_start };
            let first = facts.iter().map(|fact| fact.created_at).min().unwrap();
            let last = facts.iter().map(|fact| fact.created_at).max().unwrap();
            for cadence in [Cadence::Weekly, Cadence::Monthly] {
                let windows = count_windows(&facts, &calendar, cadence, first, last);
                let total: u64 = windows.iter().map(|(_, counts)| counts.pulled()).sum();
                prop_assert_eq!(total, facts.len() as u64);
                for (window, counts) in windows {
                    prop_assert_eq!(&count(&facts, &window), &counts);
                    let days = calendar.days(&window);
                    for (state, tally) in &counts.by_state {
                        let sum: u64 = days.iter().map(|day| {
                            let day = count(&facts, day);
                            day.by_state.get(state).map_or(0, |tally| tally.conversations)
                        }).sum();
                        prop_assert_eq!(sum, tally.conversations);
                    }
                    prop_assert_eq!(counts.pulled(), counts.assigned() + counts.unassigned() + counts.excluded());
                }
            }
        }
    }
}
