//! Goes through the facts once and keeps what items and rules need of each topic.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::model::{ConversationKey, Fact, State, TopicId};

use super::draft::Inputs;

/// So many conversations of a topic are read at most; spread over all of them.
const READ_MAX: usize = 80;
/// With fewer in the window, those of the windows before are read as well: six conversations a week prove little, six in
/// each of twelve weeks a lot.
const READ_ENOUGH: usize = 20;
/// A satisfaction below this is unhappy.
const CSAT_LOW: f64 = 0.5;

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
    pub reopened: u64,
    pub rated: u64,
    pub unhappy: u64,
    pub products: BTreeMap<String, u64>,
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
            match &fact.state {
                State::Excluded(_) => continue,
                State::Unassigned if is_inside => self.unassigned.push(fact.key.clone()),
                State::Unassigned => {}
                State::Assigned(topic) => {
                    let day = inputs.calendar.day_of(fact.created_at);
                    let days = self.days.entry(topic.clone()).or_default();
                    *days.entry(day).or_default() += 1;
                    let tally = self.topics.entry(topic.clone()).or_default();
                    if is_inside {
                        tally.add(fact);
                    } else if from <= fact.created_at && fact.created_at < inputs.window.end {
                        tally.earlier.push(fact.key.clone());
                    }
                }
            }
            if is_inside {
                self.whole.add(fact);
            }
        }
        self.unassigned.sort();
    }
}

impl Tally {
    fn add(&mut self, fact: &Fact) {
        self.members.push((fact.key.clone(), fact.customer.clone()));
        self.with_customer += u64::from(fact.customer.is_some());
        self.reopened += u64::from(fact.reopens > 0);
        self.rated += u64::from(fact.csat.is_some());
        self.unhappy += u64::from(fact.csat.is_some_and(|csat| csat < CSAT_LOW));
        if let Some(product) = &fact.product {
            *self.products.entry(product.clone()).or_default() += 1;
        }
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
