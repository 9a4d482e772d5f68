//! The first step of a digest: everything that numbers can say. It ends with the topics that have enough conversations, and
//! with the list of conversations whose words the second step needs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::answers::Heard;
use crate::counting::{Counts, count, count_windows};
use crate::model::{
    Calendar, CategoryShare, Change, ConversationKey, Decision, Digest, Fact, OfficialReport,
    Revision, Said, Topic, TopicId, TrendState, Window,
};
use crate::reconcile::{self, Reading};

use super::answered::Answers;
use super::beside::{findings, official, official_side};
use super::burst;
use super::certainty::Share;
use super::config::DigestConfig;
use super::filed::{categories, main_category, unseen};
use super::frame::frame;
use super::gate::{self, Case, HeldTopic, Read};
use super::handling::Handling;
use super::rules::TopicFacts;
use super::signals::Signals;
use super::tally::{Tallies, Tally, most, spread};
use super::team::Team;

/// More topics than this are not read: the smaller ones wait for a better week.
const CANDIDATES_MAX: usize = 60;
/// So many of the unassigned are shown.
const SAMPLE_MAX: usize = 3;
/// The words of a topic that an item shows.
const TERMS_MAX: usize = 6;

/// What a digest is made of. A new field goes into `Frozen` too, unless the store can give it as of any change.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// What it is about.
    pub window: &'a Window,
    /// Cuts the windows before it.
    pub calendar: &'a Calendar,
    /// Conversations opened or closed in the window, and those opened in the windows before it, as far as the course reaches.
    pub facts: &'a [Fact],
    /// All topics.
    pub topics: &'a [Topic],
    /// Topics that are counted but never put into a digest.
    pub muted: &'a BTreeSet<TopicId>,
    /// How each topic moves; one that is missing is steady without a baseline.
    pub changes: &'a BTreeMap<TopicId, Change>,
    /// The official report, if there is one of this cadence.
    pub report: Option<&'a OfficialReport>,
    /// What is known of that report beside its numbers.
    pub reading: &'a Reading,
    /// Earlier windows, as readers were last told of them.
    pub published: &'a [Published],
    /// The last word of each suggestion of earlier digests, in this cadence and in any other.
    pub said: &'a [Said],
    /// What people decided of suggestions.
    pub decisions: &'a [Decision],
    /// Sources that were not complete up to the window's end.
    pub incomplete_sources: &'a [String],
    /// What readers answered.
    pub heard: &'a Heard,
    /// What passes.
    pub config: &'a DigestConfig,
    /// The team whose digest it is; none for the whole company's.
    pub team: Option<&'a Team>,
}

/// An earlier window as readers were last told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its key.
    pub window: String,
    /// How many conversations counted, in its digest or in the last revision of it.
    pub conversations: u64,
    /// When that was told: what was stored after this is late.
    pub told_at: DateTime<Utc>,
    /// The topics of its digest.
    pub topics: Vec<Told>,
}

impl Published {
    /// A later digest that revised it: what readers know since.
    pub fn revise(&mut self, revision: &Revision, told_at: DateTime<Utc>) {
        self.conversations = revision.now;
        self.told_at = told_at;
        for topic in &mut self.topics {
            let revised = revision
                .topics
                .iter()
                .find(|one| one.topic_id == topic.topic_id);
            topic.conversations = revised.map_or(topic.conversations, |one| one.now);
        }
    }
}

/// A topic's number as readers were last told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The topic.
    pub topic_id: TopicId,
    /// Its label when it was told.
    pub label: String,
    /// Its conversations in that window.
    pub conversations: u64,
}

/// A digest without words.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Everything but items and samples.
    pub(super) frame: Digest,
    /// Topics with enough conversations, largest first.
    pub(super) candidates: Vec<Candidate>,
    /// Some of the unassigned.
    pub(super) sample: Vec<ConversationKey>,
    pub(super) config: DigestConfig,
    pub(super) answers: Answers,
    /// Topics that did not pass for their numbers alone.
    pub(super) held: Vec<HeldTopic>,
    pub(super) window: Window,
    pub(super) calendar: Calendar,
    pub(super) said: Vec<Said>,
    pub(super) decisions: Vec<Decision>,
}

/// A topic that has enough conversations to be an item.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub topic: Topic,
    pub facts: TopicFacts,
    /// The most customers that these may be.
    pub customers_max: u64,
    pub categories: Vec<CategoryShare>,
    pub course: Vec<(String, u64)>,
    /// Conversations of the topic in the whole company, in a team's digest.
    pub company: Option<u64>,
    /// Conversations of the window to quote from, with their customer.
    pub members: Vec<(ConversationKey, Option<String>)>,
    /// Conversations whose wording is counted.
    pub evidence: Vec<ConversationKey>,
}

impl Draft {
    /// The conversations whose stored texts `compose` needs.
    pub fn keys(&self) -> Vec<ConversationKey> {
        let members = self
            .candidates
            .iter()
            .flat_map(|candidate| &candidate.members);
        let evidence = self
            .candidates
            .iter()
            .flat_map(|candidate| &candidate.evidence);
        let keys = members
            .map(|(key, _)| key)
            .chain(evidence)
            .chain(&self.sample)
            .chain(self.answers.keys())
            .cloned();
        keys.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Counts, compares, and chooses the topics that are worth reading.
pub fn draft(inputs: &Inputs<'_>) -> Draft {
    let Some(team) = inputs.team else {
        return draft_of(inputs, inputs);
    };
    let own = team.only.part(inputs.facts);
    let part = Inputs {
        facts: &own,
        ..inputs.clone()
    };
    let mut draft = draft_of(&part, inputs);
    let company = count(inputs.facts, inputs.window);
    draft.frame.team = Some(team.beside(&company));
    draft.frame.rules.insert(0, team.rule());
    for candidate in &mut draft.candidates {
        candidate.company = Some(company.topic(&candidate.topic.id));
    }
    draft
}

/// The draft of a team, or of the whole company. The official report is the company's, so the company stands beside it.
fn draft_of(inputs: &Inputs<'_>, company: &Inputs<'_>) -> Draft {
    let course = course(inputs);
    let counts = course
        .last()
        .map(|(_, counts)| counts.clone())
        .unwrap_or_default();
    let rows = reconcile::table(inputs.facts, inputs.window);
    let from = course
        .first()
        .map_or(inputs.window.start, |(first, _)| first.start);
    let of_company = reconcile::table(company.facts, company.window);
    let beside = official(company, &of_company, from);
    let mut tallies = Tallies::default();
    tallies.count(inputs, from);
    let findings = findings(inputs, &course);
    let (large, held) = by_numbers(inputs, &counts, &tallies);
    let mut candidates: Vec<Candidate> = large
        .into_iter()
        .map(|topic| {
            let tally = tallies.topics.get(&topic.id);
            let (evidence, is_from_before) = tally.map(Tally::evidence).unwrap_or_default();
            let comparison = beside.as_ref().map(|beside| &beside.comparison);
            let categories = categories(&rows, &topic.id, comparison);
            Candidate {
                topic: topic.clone(),
                customers_max: case(inputs, topic, &counts, &tallies).customers,
                facts: TopicFacts {
                    findings: findings.topics.get(&topic.id).cloned().unwrap_or_default(),
                    windows_read: if is_from_before { course.len() } else { 1 },
                    category: main_category(&categories),
                    unseen: unseen(&categories, inputs.config),
                    ..topic_facts(inputs, topic, &counts, &tallies)
                },
                categories,
                course: course
                    .iter()
                    .map(|(window, counts)| (window.key.clone(), counts.topic(&topic.id)))
                    .collect(),
                company: None,
                members: tally.map(Tally::members_to_read).unwrap_or_default(),
                evidence,
            }
        })
        .collect();
    candidates.sort_by(|a, b| {
        let by_size = b.facts.conversations.cmp(&a.facts.conversations);
        by_size.then_with(|| a.topic.id.cmp(&b.topic.id))
    });
    candidates.truncate(CANDIDATES_MAX);
    let mut frame = frame(inputs, &course);
    frame
        .notes
        .extend(beside.as_ref().and_then(|beside| beside.warning.clone()));
    frame.official = beside.map(|beside| official_side(company, beside, &findings));
    Draft {
        frame,
        candidates,
        sample: spread(&tallies.unassigned, SAMPLE_MAX),
        config: inputs.config.clone(),
        answers: Answers::of(inputs, &counts),
        held,
        window: inputs.window.clone(),
        calendar: *inputs.calendar,
        said: inputs.said.to_vec(),
        decisions: inputs.decisions.to_vec(),
    }
}

/// The topics that pass the gate as far as numbers tell, and those that do not.
fn by_numbers<'a>(
    inputs: &Inputs<'a>,
    counts: &Counts,
    tallies: &Tallies,
) -> (Vec<&'a Topic>, Vec<HeldTopic>) {
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for topic in inputs.topics {
        let case = case(inputs, topic, counts, tallies);
        match gate::verdict(&case, inputs.config) {
            Ok(_) => passed.push(topic),
            Err(reason) => held.push(HeldTopic {
                label: topic.label.clone(),
                conversations: case.conversations,
                held: reason,
            }),
        }
    }
    (passed, held)
}

/// What the gate looks at before a topic's words are read.
fn case(inputs: &Inputs<'_>, topic: &Topic, counts: &Counts, tallies: &Tallies) -> Case {
    let conversations = counts.topic(&topic.id);
    let tally = tallies.topics.get(&topic.id);
    let known = tally.map_or(0, |tally| tally.with_customer);
    Case {
        is_muted: inputs.muted.contains(&topic.id),
        conversations,
        // Whoever is not known may be anybody.
        customers: counts.topic_customers(&topic.id) + conversations.saturating_sub(known),
        stability: topic.stability,
        read: Read::NotYet,
    }
}

/// The windows up to this one, oldest first; not from before the first conversation.
fn course(inputs: &Inputs<'_>) -> Vec<(Window, Counts)> {
    let mut first = inputs.window.clone();
    let earliest = inputs.facts.iter().map(|fact| fact.created_at).min();
    for _ in 1..inputs.config.course_windows {
        if earliest.is_none_or(|earliest| earliest >= first.start) {
            break;
        }
        first = inputs.calendar.previous(&first);
    }
    let (from, to) = (first.start, inputs.window.start);
    count_windows(
        inputs.facts,
        inputs.calendar,
        inputs.window.cadence,
        from,
        to,
    )
}

fn topic_facts(
    inputs: &Inputs<'_>,
    topic: &Topic,
    counts: &Counts,
    tallies: &Tallies,
) -> TopicFacts {
    let nothing = Tally::default();
    let tally = tallies.topics.get(&topic.id).unwrap_or(&nothing);
    let conversations = counts.topic(&topic.id);
    let larger = counts
        .topics()
        .filter(|other| counts.topic(other) > conversations);
    let steady = Change {
        state: TrendState::Steady,
        baseline: 0.0,
        windows: 0,
        low: 0.0,
        high: 0.0,
        pair: None,
    };
    let days = tallies.days.get(&topic.id);
    let days = tallies.all_days.iter().map(|day| {
        (
            *day,
            days.and_then(|days| days.get(day))
                .copied()
                .unwrap_or_default(),
        )
    });
    let first = inputs.calendar.day_of(inputs.window.start);
    let last = inputs.window.end - chrono::TimeDelta::microseconds(1);
    let days_of_window = (first, inputs.calendar.day_of(last));
    TopicFacts {
        cadence: inputs.window.cadence,
        conversations,
        customers: counts.topic_customers(&topic.id),
        with_customer: tally.with_customer,
        counted: counts.counted(),
        rank: larger.count() + 1,
        looks: 1,
        change: inputs.changes.get(&topic.id).cloned().unwrap_or(steady),
        findings: Vec::new(),
        windows_read: 1,
        speaks_for_lump: false,
        burst: burst::find(&days.collect::<Vec<_>>()),
        busiest_day: tallies.busiest_day(&topic.id, days_of_window),
        stability: topic.stability,
        product: most(&tally.products).map(|(name, _)| name.clone()),
        category: None,
        unseen: Share::default(),
        service_hours: inputs.config.service_hours,
        measured: tallies.measured(tally),
        signals: Signals::default(),
        signals_elsewhere: Signals::default(),
        handling: Handling::default(),
        handling_elsewhere: Handling::default(),
        routing: inputs.config.routing.clone(),
    }
}

/// The words that an item shows.
pub(super) fn shown_terms(topic: &Topic) -> Vec<String> {
    topic
        .terms
        .iter()
        .take(TERMS_MAX)
        .map(|term| term.word.clone())
        .collect()
}
