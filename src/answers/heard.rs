//! What the log of answers comes to for a digest: how many stand by each topic, what is new since readers were last told,
//! which evidence waits to be shown. Pure; small enough to be kept beside the digest, so that it can be composed again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Answer, AnswerKind, in_force, taken_back};
use crate::model::{AskedTopic, ConversationKey, TopicId};

/// How long a word about a topic counts, in days: half a year later the topic may be about another cause.
pub const SPEAKS_DAYS: i64 = 182;
/// Reasons of a topic that are shown, the newest ones.
const REASONS_MAX: usize = 3;
/// Evidence of a topic that waits to be shown, the newest ones: an item has three quotes at most.
const PINS_MAX: usize = 3;

/// What readers said, as one closing saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// The last answer that was seen; the next digest tells what came after it.
    pub through: i64,
    /// What was said about each topic.
    pub topics: BTreeMap<TopicId, TopicHeard>,
    /// The topics that readers asked for, with their counts.
    pub asked: Vec<AskedTopic>,
    /// Answers that readers were told of and that were taken back since.
    pub withdrawn: u64,
}

/// What readers said about one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicHeard {
    /// People whose last word is that they hear it, too.
    pub confirmed: u64,
    /// People whose last word is that it is not what they hear.
    pub disputed: u64,
    /// Those of them that are new since the last digest.
    pub newly_confirmed: u64,
    /// Those of them that are new since the last digest.
    pub newly_disputed: u64,
    /// Why it is disputed, newest first.
    pub reasons: Vec<Reason>,
    /// Evidence that waits for the next digest with this topic.
    pub pins: Vec<ConversationKey>,
}

impl TopicHeard {
    /// More people dispute it than confirm it.
    pub fn is_disputed(&self) -> bool {
        self.disputed > self.confirmed
    }

    /// Whether there is something that readers were not told yet.
    pub fn is_new(&self) -> bool {
        self.newly_confirmed + self.newly_disputed > 0 || !self.pins.is_empty()
    }
}

/// Somebody's words, redacted. `Debug` shows their length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(pub String);

impl std::fmt::Debug for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reason({} bytes)", self.0.len())
    }
}

/// An earlier digest of the same cadence: the answers that it saw, and the topics that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The last answer that it saw.
    pub through: i64,
    /// The topics of its items.
    pub topics: BTreeSet<TopicId>,
}

/// What the log comes to at the end of a window. `told` are earlier digests of the cadence; `resolve` gives the topic that
/// one is now, after people merged it.
pub fn hear(
    answers: &[Answer],
    told: &[Told],
    end: DateTime<Utc>,
    resolve: impl Fn(&TopicId) -> TopicId,
) -> Heard {
    let told_through = told.iter().map(|told| told.through).max().unwrap_or(0);
    let mut topics: BTreeMap<TopicId, TopicHeard> = BTreeMap::new();
    for (topic, answer) in last_words(answers, end, &resolve) {
        add_word(topics.entry(topic).or_default(), answer, told_through);
    }
    for (topic, key) in waiting_pins(answers, told, end, &resolve) {
        let pins = &mut topics.entry(topic).or_default().pins;
        if pins.len() < PINS_MAX && !pins.contains(&key) {
            pins.push(key);
        }
    }
    let last = answers.iter().map(|answer| answer.number).max();
    let undone = taken_back(answers.iter().filter(|a| a.number > told_through));
    Heard {
        through: last.unwrap_or(0).max(told_through),
        topics,
        asked: Vec::new(),
        withdrawn: undone
            .iter()
            .filter(|number| **number <= told_through)
            .count() as u64,
    }
}

/// The last yes or no of each person about each topic, newest first.
fn last_words<'a>(
    answers: &'a [Answer],
    end: DateTime<Utc>,
    resolve: &impl Fn(&TopicId) -> TopicId,
) -> Vec<(TopicId, &'a Answer)> {
    let mut heard = BTreeSet::new();
    let mut words = Vec::new();
    for answer in in_force(answers).into_iter().rev() {
        let Some(topic) = answer.said.topic.as_ref().map(resolve) else {
            continue;
        };
        let is_fresh = answer.at >= end - TimeDelta::days(SPEAKS_DAYS);
        let is_vote = answer.said.kind.is_vote();
        if is_vote && is_fresh && heard.insert((topic.clone(), answer.said.speaker())) {
            words.push((topic, answer));
        }
    }
    words
}

fn add_word(heard: &mut TopicHeard, answer: &Answer, told_through: i64) {
    let is_new = u64::from(answer.number > told_through);
    match &answer.said.kind {
        AnswerKind::Confirm => {
            heard.confirmed += 1;
            heard.newly_confirmed += is_new;
        }
        AnswerKind::Dispute { reason } => {
            heard.disputed += 1;
            heard.newly_disputed += is_new;
            if !reason.is_blank() && heard.reasons.len() < REASONS_MAX {
                heard.reasons.push(Reason(reason.as_str().to_owned()));
            }
        }
        AnswerKind::Pin { .. } | AnswerKind::Ask { .. } | AnswerKind::Undo { .. } => {}
    }
}

/// Evidence that no digest had the chance to show: none that saw it had an item about its topic. Newest first.
fn waiting_pins(
    answers: &[Answer],
    told: &[Told],
    end: DateTime<Utc>,
    resolve: &impl Fn(&TopicId) -> TopicId,
) -> Vec<(TopicId, ConversationKey)> {
    let mut pins = Vec::new();
    for answer in in_force(answers).into_iter().rev() {
        let (AnswerKind::Pin { conversation }, Some(topic)) =
            (&answer.said.kind, &answer.said.topic)
        else {
            continue;
        };
        let topic = resolve(topic);
        let had_its_turn = told
            .iter()
            .any(|told| told.through >= answer.number && told.topics.contains(&topic));
        if !had_its_turn && answer.at >= end - TimeDelta::days(SPEAKS_DAYS) {
            pins.push((topic, conversation.clone()));
        }
    }
    pins
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    fn end() -> DateTime<Utc> {
        "2026-03-30T00:00:00Z".parse().unwrap()
    }

    fn told(through: i64, topics: &[&str]) -> Told {
        Told {
            through,
            topics: topics.iter().map(|topic| TopicId::from(*topic)).collect(),
        }
    }

    fn pin(id: &str) -> AnswerKind {
        AnswerKind::Pin {
            conversation: ConversationKey::new("desk", id),
        }
    }

    fn heard(log: &[Answer], told: &[Told]) -> Heard {
        hear(log, told, end(), TopicId::clone)
    }

    #[test]
    fn a_persons_last_word_counts_and_names_are_compared_without_case() {
        let log = [
            answer(1, "Ada", "t1", AnswerKind::Confirm),
            answer(2, "ADA", "t1", dispute("only in Bonn")),
            answer(3, "Bo", "t1", dispute("")),
            answer(4, "Cy", "t1", AnswerKind::Confirm),
            answer(5, "Ada", "t2", AnswerKind::Confirm),
        ];
        let found = heard(&log, &[]);
        let one = &found.topics[&TopicId::from("t1")];
        assert_eq!((one.confirmed, one.disputed), (1, 2));
        assert_eq!(one.reasons, [Reason("only in Bonn".to_owned())]);
        assert!(one.is_disputed() && !found.topics[&TopicId::from("t2")].is_disputed());
        assert_eq!(found.through, 5);
    }

    #[test]
    fn what_was_told_is_not_new_and_what_was_taken_back_since_is_said() {
        let log = [
            answer(1, "Ada", "t1", AnswerKind::Confirm),
            answer(2, "Bo", "t1", AnswerKind::Confirm),
            answer(3, "Cy", "t1", AnswerKind::Confirm),
            answer(4, "Ada", "", AnswerKind::Undo { number: 1 }),
            answer(5, "Dee", "t1", AnswerKind::Confirm),
            answer(6, "Dee", "", AnswerKind::Undo { number: 5 }),
        ];
        let found = heard(&log, &[told(2, &["t1"]), told(1, &[])]);
        let one = &found.topics[&TopicId::from("t1")];
        assert_eq!((one.confirmed, one.newly_confirmed), (2, 1));
        assert_eq!(found.withdrawn, 1);
        assert_eq!(heard(&log, &[told(6, &[])]).withdrawn, 0);
    }

    #[test]
    fn evidence_waits_for_the_next_digest_with_its_topic() {
        let log = [answer(1, "Ada", "t1", pin("7"))];
        let pins = |told: &[Told]| {
            let found = heard(&log, told);
            found
                .topics
                .values()
                .map(|one| one.pins.len())
                .sum::<usize>()
        };
        assert_eq!(pins(&[]), 1);
        assert_eq!(pins(&[told(1, &["t2"]), told(0, &["t1"])]), 1);
        assert_eq!(pins(&[told(1, &["t1"])]), 0);
    }

    #[test]
    fn words_are_about_the_topic_that_theirs_went_into_and_grow_old() {
        let mut log = vec![
            answer(1, "Ada", "t1", AnswerKind::Confirm),
            answer(2, "Ada", "t2", AnswerKind::Confirm),
            answer(3, "Bo", "t2", AnswerKind::Confirm),
        ];
        log[2].at = end() - TimeDelta::days(SPEAKS_DAYS + 1);
        let found = hear(&log, &[], end(), |_| TopicId::from("t2"));
        assert_eq!(found.topics.len(), 1);
        assert_eq!(found.topics[&TopicId::from("t2")].confirmed, 1);
    }

    fn any_kind() -> impl Strategy<Value = (String, AnswerKind)> {
        let topic = (0..3).prop_map(|n| format!("t{n}"));
        prop_oneof![
            topic.clone().prop_map(|topic| (topic, AnswerKind::Confirm)),
            topic.clone().prop_map(|topic| (topic, dispute("because"))),
            (topic, 0..4).prop_map(|(topic, id): (String, i32)| (topic, pin(&id.to_string()))),
            (1_i64..20).prop_map(|number| (String::new(), AnswerKind::Undo { number })),
        ]
    }

    proptest! {
        #[test]
        fn each_new_word_is_told_once_and_a_frozen_hearing_reads_back(
            kinds in prop::collection::vec((any_kind(), 0..4), 0..20), cut in 0_usize..20,
        ) {
            let log: Vec<Answer> = kinds
                .into_iter()
                .zip(1..)
                .map(|(((topic, kind), by), number)| answer(number, &format!("p{by}"), &topic, kind))
                .collect();
            let early = &log[..cut.min(log.len())];
            let first = heard(early, &[]);
            let again = heard(early, &[told(first.through, &["t0", "t1", "t2"])]);
            prop_assert!(again.topics.values().all(|topic| !topic.is_new()));
            prop_assert_eq!(again.withdrawn, 0);
            let whole = heard(&log, &[told(first.through, &[])]);
            for topic in whole.topics.values() {
                prop_assert!(topic.newly_confirmed <= topic.confirmed && topic.newly_disputed <= topic.disputed);
                prop_assert!(topic.confirmed + topic.disputed <= 4);
            }
            let json = serde_json::to_string(&whole).unwrap();
            prop_assert_eq!(serde_json::from_str::<Heard>(&json).unwrap(), whole);
        }
    }
}
