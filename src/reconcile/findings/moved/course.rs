//! The conversations of each topic in order of time, with where they are filed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{ConversationKey, Fact, State, TopicId, Window};
use crate::reconcile::report::{line_key, line_name};

/// One conversation: when it was opened, and under which category.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filed<'a> {
    pub at: DateTime<Utc>,
    /// The category's key.
    pub place: Option<String>,
    pub key: &'a ConversationKey,
}

/// All topics, with where their conversations are filed.
pub struct Course<'a> {
    pub topics: BTreeMap<&'a TopicId, Vec<Filed<'a>>>,
    /// The conversations that wait for a topic.
    pub unassigned: Vec<Filed<'a>>,
    /// The categories as they are shown, by key.
    pub names: BTreeMap<String, String>,
    /// From the first conversation to the end of what is looked at.
    lived: (DateTime<Utc>, DateTime<Utc>),
    labels: &'a BTreeMap<TopicId, String>,
}

impl<'a> Course<'a> {
    /// What was opened in `span` and belongs to a topic.
    pub fn of(facts: &[&'a Fact], span: &Window, labels: &'a BTreeMap<TopicId, String>) -> Self {
        let mut course = Self {
            topics: BTreeMap::new(),
            unassigned: Vec::new(),
            names: BTreeMap::new(),
            lived: (span.end, span.end),
            labels,
        };
        for fact in facts.iter().filter(|fact| span.contains(fact.created_at)) {
            match &fact.state {
                State::Assigned(topic) => {
                    let filed = course.filed(fact);
                    course.topics.entry(topic).or_default().push(filed);
                }
                State::Unassigned => {
                    let filed = course.filed(fact);
                    course.unassigned.push(filed);
                }
                State::Excluded(_) => {}
            }
        }
        course.topics.values_mut().for_each(|filed| filed.sort());
        course.unassigned.sort();
        course
    }

    fn filed(&mut self, fact: &'a Fact) -> Filed<'a> {
        let place = line_key(fact.category.as_deref());
        if let (Some(place), Some(name)) = (&place, &fact.category) {
            let name = line_name(name);
            let shown = self
                .names
                .entry(place.clone())
                .or_insert_with(|| name.clone());
            *shown = name.min(std::mem::take(shown));
        }
        self.lived.0 = self.lived.0.min(fact.created_at);
        Filed {
            at: fact.created_at,
            place,
            key: &fact.key,
        }
    }

    /// What the topic is called.
    pub fn label<'t>(&'t self, topic: &'t TopicId) -> &'t str {
        let label = self.labels.get(topic);
        label.map_or(topic.as_str(), String::as_str)
    }

    /// Conversations a day before and since.
    pub fn rates(&self, filed: &[Filed<'_>], at: DateTime<Utc>) -> (f64, f64) {
        let before = filed.partition_point(|one| one.at < at);
        let days = |from: DateTime<Utc>, to: DateTime<Utc>| {
            (to - from).num_seconds().max(1) as f64 / 86_400.0
        };
        (
            before as f64 / days(self.lived.0, at),
            (filed.len() - before) as f64 / days(at, self.lived.1),
        )
    }
}

/// A twelfth of what a year of such days holds.
pub fn a_month(rate: f64) -> String {
    format!("{:.1}", rate * 365.25 / 12.0)
}
