//! Goes through the facts once and keeps what items and rules need of each topic.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

use crate::model::{ConversationKey, Fact, Kind, State, TopicId};

use super::certainty::{Pair, Share};
use super::draft::Inputs;
use super::rules::Measured;

/// So many conversations of a topic are read at most; spread over all of them.
const READ_MAX: usize = 80;
/// With fewer in the window, those of the windows before are read as well: six conversations a week prove little, six in
/// each of twelve weeks a lot.
const READ_ENOUGH: usize = 20;
/// A satisfaction below this is unhappy.
const CSAT_LOW: f64 = 0.5;
/// What is open for longer is slow: a week has one of each day.
const SLOW_DAYS: i64 = 7;
/// Monday to Friday.
const SERVICE_DAYS: u32 = 5;

/// What the facts say of each topic in the window, and by day before it.
#[derive(Default)]
pub struct Tallies {
    pub topics: BTreeMap<TopicId, Tally>,
    pub whole: Tally,
    pub unassigned: Vec<ConversationKey>,
    pub days: BTreeMap<TopicId, BTreeMap<NaiveDate, u64>>,
    pub all_days: Vec<NaiveDate>,
}

/// What the facts say of some conversations of the window.
#[derive(Default)]
pub struct Tally {
    members: Vec<(ConversationKey, Option<String>)>,
    earlier: Vec<ConversationKey>,
    pub with_customer: u64,
    pub products: BTreeMap<String, u64>,
    accounts: BTreeMap<String, u64>,
    customers: BTreeSet<String>,
    reopened: Share,
    unhappy: Share,
    slow: Share,
    calls: Share,
    after_hours: Share,
}

impl Tallies {
    /// Goes through the facts once; days are counted from the one with `from` on.
    pub fn count(&mut self, inputs: &Inputs<'_>, from: DateTime<Utc>) {
        let (first, last) = (
            inputs.calendar.day_of(from),
            inputs
                .calendar
                .day_of(inputs.window.end - TimeDelta::microseconds(1)),
        );
        self.all_days = first.iter_days().take_while(|day| *day <= last).collect();
        for fact in inputs.facts {
            let is_inside = inputs.window.contains(fact.created_at);
            let is_closed_inside = fact.closed_at.is_some_and(|at| inputs.window.contains(at));
            match &fact.state {
                State::Excluded(_) => continue,
                State::Unassigned if is_inside => self.unassigned.push(fact.key.clone()),
                State::Unassigned => {}
                State::Assigned(topic) => {
                    let day = inputs.calendar.day_of(fact.created_at);
                    let days = self.days.entry(topic.clone()).or_default();
                    *days.entry(day).or_default() += 1;
                    let tally = self.topics.entry(topic.clone()).or_default();
                    if is_closed_inside {
                        tally.close(fact);
                    }
                    if is_inside {
                        tally.add(fact, inputs);
                    } else if from <= fact.created_at && fact.created_at < inputs.window.end {
                        tally.earlier.push(fact.key.clone());
                    }
                }
            }
            if is_closed_inside {
                self.whole.close(fact);
            }
            if is_inside {
                self.whole.add(fact, inputs);
            }
        }
        self.unassigned.sort();
    }

    /// The most conversations of a topic on one day of the window.
    pub fn busiest_day(&self, topic: &TopicId, (first, last): (NaiveDate, NaiveDate)) -> u64 {
        let days = self.days.get(topic);
        let inside = days.into_iter().flat_map(|days| days.range(first..=last));
        inside.map(|(_, count)| *count).max().unwrap_or_default()
    }

    /// The topic's shares, each beside that of everything else in the window.
    pub fn measured(&self, topic: &Tally) -> Measured {
        let whole = &self.whole;
        let of_most = |here: &BTreeMap<String, u64>, all: &BTreeMap<String, u64>| {
            let Some((name, count)) = most(here) else {
                return Pair::default();
            };
            let sum = |counts: &BTreeMap<String, u64>| counts.values().sum();
            let everywhere = all.get(name).copied().unwrap_or(count);
            Pair::of(Share::of(count, sum(here)), Share::of(everywhere, sum(all)))
        };
        let repeated = self.topics.values().map(Tally::repeated);
        let repeated = repeated.fold(Share::default(), Share::plus);
        Measured {
            reopened: Pair::of(topic.reopened, whole.reopened),
            unhappy: Pair::of(topic.unhappy, whole.unhappy),
            repeated: Pair::of(topic.repeated(), repeated),
            slow: Pair::of(topic.slow, whole.slow),
            calls: Pair::of(topic.calls, whole.calls),
            after_hours: Pair::of(topic.after_hours, whole.after_hours),
            of_product: of_most(&topic.products, &whole.products),
            of_account: of_most(&topic.accounts, &whole.accounts),
        }
    }
}

/// The most frequent name; the first by name of those that are as frequent.
pub fn most(counts: &BTreeMap<String, u64>) -> Option<(&String, u64)> {
    let most = counts
        .iter()
        .max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
    most.map(|(name, count)| (name, *count))
}

/// Whether it was opened when nobody is there; nothing where only its day is known.
fn is_after_hours(fact: &Fact, inputs: &Inputs<'_>) -> Option<bool> {
    let local = fact.created_at.with_timezone(&inputs.calendar.zone);
    let (from, to) = inputs.config.service_hours;
    let is_weekend = local.weekday().num_days_from_monday() >= SERVICE_DAYS;
    let is_open = !is_weekend && (from..to).contains(&local.hour());
    (local.time() != NaiveTime::MIN).then_some(!is_open)
}

impl Tally {
    fn add(&mut self, fact: &Fact, inputs: &Inputs<'_>) {
        self.members.push((fact.key.clone(), fact.customer.clone()));
        if let Some(customer) = &fact.customer {
            self.with_customer += 1;
            self.customers.insert(customer.clone());
        }
        self.reopened.add(fact.reopens > 0);
        self.calls.add(fact.kind == Kind::CallNote);
        if let Some(csat) = fact.csat {
            self.unhappy.add(csat < CSAT_LOW);
        }
        if let Some(is_after_hours) = is_after_hours(fact, inputs) {
            self.after_hours.add(is_after_hours);
        }
        for (name, counts) in [
            (&fact.product, &mut self.products),
            (&fact.account, &mut self.accounts),
        ] {
            if let Some(name) = name {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Takes in one that was closed in the window.
    fn close(&mut self, fact: &Fact) {
        let open = fact.closed_at.map(|at| at - fact.created_at);
        self.slow
            .add(open.is_some_and(|open| open > TimeDelta::days(SLOW_DAYS)));
    }

    /// Those of a customer who had already written, among those whose customer is known.
    fn repeated(&self) -> Share {
        let first = self.customers.len() as u64;
        Share::of(self.with_customer - first, self.with_customer)
    }

    /// The conversations whose words tell what the topic is, with their customer.
    pub fn members_to_read(&self) -> Vec<(ConversationKey, Option<String>)> {
        let mut members = self.members.clone();
        members.sort();
        spread(&members, READ_MAX)
    }

    /// The conversations whose wording is counted, and whether some of them are from the windows before.
    pub fn evidence(&self) -> (Vec<ConversationKey>, bool) {
        let inside = self.members_to_read().into_iter().map(|(key, _)| key);
        let mut keys: Vec<ConversationKey> = inside.collect();
        if keys.len() >= READ_ENOUGH || self.earlier.is_empty() {
            return (keys, false);
        }
        let mut earlier = self.earlier.clone();
        earlier.sort();
        keys.extend(spread(&earlier, READ_MAX - keys.len()));
        (keys, true)
    }
}

/// At most so many of them, evenly from first to last.
pub fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len().min(most);
    (0..count)
        .map(|place| all[place * all.len() / count].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::DigestConfig;
    use super::*;
    use crate::model::Calendar;
    use crate::reconcile::testing::{about, fact, week};
    use std::collections::BTreeSet;

    fn tallies(facts: &[Fact]) -> Tallies {
        let mut tallies = Tallies::default();
        let inputs = Inputs {
            window: &week(),
            calendar: &Calendar::default(),
            facts,
            topics: &[],
            muted: &BTreeSet::new(),
            changes: &BTreeMap::new(),
            report: None,
            reading: &crate::reconcile::Reading::default(),
            published: &[],
            said: &[],
            decisions: &[],
            incomplete_sources: &[],
            heard: &crate::answers::Heard::default(),
            config: &DigestConfig::default(),
            team: None,
        };
        tallies.count(&inputs, week().start);
        tallies
    }

    fn measured(facts: &[Fact]) -> Measured {
        let tallies = tallies(facts);
        tallies.measured(&tallies.topics[&TopicId::from("t1")])
    }

    fn two_topics() -> Vec<Fact> {
        let topic = |number| if number < 4 { "t1" } else { "t2" };
        (0..10)
            .map(|number| fact(number, None, about(topic(number))))
            .collect()
    }

    fn share(hits: u64, all: u64) -> Share {
        Share::of(hits, all)
    }

    #[test]
    fn each_share_stands_beside_that_of_the_rest() {
        let mut facts = two_topics();
        facts[0].reopens = 2;
        facts[5].reopens = 1;
        facts[1].csat = Some(0.25);
        facts[6].csat = Some(0.5);
        facts[2].kind = Kind::CallNote;
        let found = measured(&facts);
        assert_eq!(
            (found.reopened.here, found.reopened.elsewhere),
            (share(1, 4), share(1, 6))
        );
        assert_eq!(
            (found.unhappy.here, found.unhappy.elsewhere),
            (share(1, 1), share(0, 1))
        );
        assert_eq!(
            (found.calls.here, found.calls.elsewhere),
            (share(1, 4), share(0, 6))
        );
    }

    #[test]
    fn a_customer_repeats_within_one_topic() {
        let mut facts = two_topics();
        for place in [0, 1, 4] {
            facts[place].customer = Some("the same".to_owned());
        }
        facts[2].customer = None;
        let found = measured(&facts).repeated;
        assert_eq!((found.here, found.elsewhere), (share(1, 3), share(0, 6)));
    }

    #[test]
    fn the_main_product_and_account_are_looked_up_elsewhere() {
        let mut facts = two_topics();
        for (place, product) in [
            (0, "Aura"),
            (1, "Aura"),
            (2, "Terra"),
            (7, "Aura"),
            (8, "Terra"),
        ] {
            facts[place].product = Some(product.to_owned());
        }
        facts[3].account = Some("Acme".to_owned());
        let found = measured(&facts);
        let product = found.of_product;
        assert_eq!(
            (product.here, product.elsewhere),
            (share(2, 3), share(1, 2))
        );
        let account = found.of_account;
        assert_eq!(
            (account.here, account.elsewhere),
            (share(1, 1), share(0, 0))
        );
    }

    #[test]
    fn slow_is_what_was_closed_in_the_window_after_more_than_a_week() {
        let mut facts = two_topics();
        let closed = week().start + TimeDelta::hours(20);
        for (place, days) in [(0, 8), (1, 7), (5, 30)] {
            facts[place].closed_at = Some(closed);
            facts[place].created_at = closed - TimeDelta::days(days);
        }
        facts[2].closed_at = Some(week().end);
        let found = measured(&facts).slow;
        assert_eq!((found.here, found.elsewhere), (share(1, 2), share(1, 1)));
    }

    #[test]
    fn nights_and_weekends_are_after_hours_and_a_day_alone_is_not() {
        let mut facts = two_topics();
        let start = week().start;
        for (place, hours) in [(0, 7), (1, 8), (2, 18), (3, 5 * 24 + 12), (4, 0)] {
            facts[place].created_at = start + TimeDelta::hours(hours);
        }
        for fact in &mut facts[5..] {
            fact.created_at = start + TimeDelta::hours(12);
        }
        let found = measured(&facts).after_hours;
        assert_eq!((found.here, found.elsewhere), (share(3, 4), share(0, 5)));
        // What came after the window is no day of it.
        facts.extend((10..20).map(|number| fact(number, None, about("t1"))));
        for fact in &mut facts[10..] {
            fact.created_at = week().end + TimeDelta::hours(9);
        }
        let tallies = tallies(&facts);
        let day = |at| Calendar::default().day_of(at);
        let days = (day(start), day(week().end - TimeDelta::hours(1)));
        assert_eq!(tallies.busiest_day(&TopicId::from("t1"), days), 3);
    }
}
