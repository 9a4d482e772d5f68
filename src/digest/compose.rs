//! The second step of a digest: reads the words of the conversations that the draft asked for, lets the rules judge, picks
//! the items that matter most, and quotes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ConversationKey, Digest, Finding, FindingKind, Item, Stored, Suggestion};

use super::draft::{Candidate, Draft, shown_terms};
use super::followup::{Now, Past};
use super::gate::{self, Case, HeldTopic, Passed, Read};
use super::handling::{Handling, Weights};
use super::quotes;
use super::rank::{self, Stakes};
use super::rules::{self, Claim, Fired, RULES, Rule, TopicFacts};
use super::signals::Signals;

/// What came of a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Something worth saying.
    Digest(Box<Digest>),
    /// Nothing worth saying, and why: nothing is sent.
    Nothing(String),
}

/// Finishes a draft. `stored` holds the conversations of `Draft::keys`; one that is missing is not read and not quoted.
pub fn compose(draft: &Draft, stored: &BTreeMap<ConversationKey, Stored>) -> Outcome {
    let (judged, held) = pass(draft, judge_all(draft, stored));
    if judged.is_empty() {
        return Outcome::Nothing(silence(draft, held));
    }
    let picked = pick(judged, draft.config.items_max);
    let mut digest = draft.frame.clone();
    digest.items = picked
        .into_iter()
        .map(|judged| item(judged, draft, stored))
        .collect();
    digest.unassigned.sample = quotes::sample(&draft.sample, stored);
    let quotes_max = draft.config.quotes_max;
    draft.answers.tell(&mut digest, stored, quotes_max);
    Outcome::Digest(Box::new(digest))
}

/// Lets the topics that speak through the gate, and says why the others are held.
fn pass<'a>(draft: &Draft, read: Vec<Spoken<'a>>) -> (Vec<Judged<'a>>, Vec<HeldTopic>) {
    let past = Past::new(
        &draft.said,
        &draft.decisions,
        &draft.window,
        &draft.calendar,
        draft.config.remind_after,
    );
    let (mut judged, mut held) = (Vec::new(), draft.held.clone());
    for spoken in read {
        let candidate = spoken.candidate;
        match gate::verdict(&case(&spoken, &past), &draft.config) {
            Ok(passed) => judged.extend(speak(spoken, passed)),
            Err(reason) => held.push(HeldTopic {
                label: candidate.topic.label.clone(),
                conversations: candidate.facts.conversations,
                held: reason,
            }),
        }
    }
    (judged, held)
}

/// What the gate looks at once a topic's words were read.
fn case(spoken: &Spoken<'_>, past: &Past<'_>) -> Case {
    let facts = &spoken.facts;
    let read = spoken.fired.first().map_or(Read::Silent, |(rule, _)| {
        Read::Speaks(past.judge(&Now {
            topic: &spoken.candidate.topic.id,
            rule: rule.name,
            change: &facts.change,
            findings: &facts.findings,
            conversations: facts.conversations,
        }))
    });
    Case {
        is_muted: false,
        conversations: facts.conversations,
        customers: spoken.candidate.customers_max,
        stability: spoken.candidate.topic.stability,
        read,
    }
}

fn speak(spoken: Spoken<'_>, passed: Passed) -> Option<Judged<'_>> {
    let suggestion = rules::suggestion(&spoken.facts, &spoken.fired)?;
    let (rule, first) = spoken.fired.first()?;
    Some(Judged {
        candidate: spoken.candidate,
        rule,
        claim: first.claim,
        suggestion: Suggestion {
            id: passed.id,
            ..suggestion
        },
        earlier: passed.earlier,
        facts: spoken.facts,
    })
}

/// The items that matter most, in their order.
fn pick(judged: Vec<Judged<'_>>, most: usize) -> Vec<Judged<'_>> {
    let weights = judged.iter().fold(Weights::default(), |sum, judged| {
        sum.plus(judged.facts.handling.weights)
    });
    let scores: Vec<(u64, &str)> = judged
        .iter()
        .map(|judged| {
            let stakes = Stakes::of(&judged.facts, &judged.claim, weights.mean());
            (stakes.score(), judged.rule.name)
        })
        .collect();
    let places = rank::pick(&scores, most);
    let mut judged: Vec<Option<Judged<'_>>> = judged.into_iter().map(Some).collect();
    places
        .into_iter()
        .filter_map(|place| judged[place].take())
        .collect()
}

/// A topic whose words were read, with the rules that fire for it.
struct Spoken<'a> {
    candidate: &'a Candidate,
    facts: TopicFacts,
    fired: Vec<(&'static Rule, Fired)>,
}

/// A topic that passed the gate.
struct Judged<'a> {
    candidate: &'a Candidate,
    facts: TopicFacts,
    rule: &'static Rule,
    claim: Claim,
    suggestion: Suggestion,
    earlier: Vec<String>,
}

fn judge_all<'a>(draft: &'a Draft, stored: &BTreeMap<ConversationKey, Stored>) -> Vec<Spoken<'a>> {
    let mut read = read_all(draft, stored);
    // Of a lumped category one topic speaks, the largest that has nothing more telling to say; lest the same is said thrice.
    let mut spoken: BTreeSet<String> = BTreeSet::new();
    for (_, facts) in &mut read {
        let is_lump = |finding: &&Finding| finding.kind == FindingKind::Lumped;
        let lump = facts.findings.iter().find(is_lump);
        if let Some(lump) = lump.map(|lump| lump.sentence.clone()) {
            let fired = rules::fired(facts);
            let first = fired.first().map(|(rule, _)| *rule);
            let has_more_telling = first.is_some_and(rules::tells_more_than_lumped);
            facts.speaks_for_lump = !has_more_telling && spoken.insert(lump);
        }
    }
    let judge = |(candidate, facts): (&'a Candidate, TopicFacts)| Spoken {
        fired: rules::fired(&facts),
        candidate,
        facts,
    };
    read.into_iter().map(judge).collect()
}

/// The candidates with what their words say, each beside what the words of the others say.
fn read_all<'a>(
    draft: &'a Draft,
    stored: &BTreeMap<ConversationKey, Stored>,
) -> Vec<(&'a Candidate, TopicFacts)> {
    let looks = (draft.candidates.len() * RULES.len()) as u64;
    let read = |candidate: &'a Candidate| {
        let mut facts = TopicFacts {
            looks,
            ..candidate.facts.clone()
        };
        for key in &candidate.evidence {
            if let Some(stored) = stored.get(key) {
                facts.signals.add(stored.text.as_str());
                facts.handling.add(stored, &draft.config);
            }
        }
        (candidate, facts)
    };
    let mut read: Vec<(&Candidate, TopicFacts)> = draft.candidates.iter().map(read).collect();
    let signals = read.iter().fold(Signals::default(), |sum, (_, facts)| {
        sum.plus(&facts.signals)
    });
    let handling = read.iter().fold(Handling::default(), |sum, (_, facts)| {
        sum.plus(&facts.handling)
    });
    for (_, facts) in &mut read {
        facts.signals_elsewhere = signals.without(&facts.signals);
        facts.handling_elsewhere = handling.without(&facts.handling);
    }
    read
}

/// Why there is nothing to say, and which topics came nearest, a line each.
fn silence(draft: &Draft, held: Vec<HeldTopic>) -> String {
    let noun = draft.frame.cadence.noun();
    let counted = draft.frame.totals.assigned + draft.frame.totals.unassigned;
    if counted == 0 {
        return format!("no conversation that counts was opened in this {noun}");
    }
    let topics = held.iter().filter(|topic| topic.conversations > 0).count();
    let head = match topics {
        0 => format!("none of {counted} conversations belongs to a topic"),
        1 => format!("the one topic of {counted} conversations did not pass"),
        _ => format!("none of the {topics} topics in {counted} conversations passed"),
    };
    let lines = gate::nearest(held, noun, &draft.config);
    std::iter::once(head)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

fn item(judged: Judged<'_>, draft: &Draft, stored: &BTreeMap<ConversationKey, Stored>) -> Item {
    let Judged {
        candidate,
        facts,
        rule,
        suggestion,
        earlier,
        ..
    } = judged;
    Item {
        topic_id: candidate.topic.id.clone(),
        label: candidate.topic.label.clone(),
        terms: shown_terms(&candidate.topic),
        conversations: facts.conversations,
        customers: facts.customers,
        company: candidate.company,
        change: facts.change,
        categories: candidate.categories.clone(),
        findings: facts.findings,
        quotes: quotes::choose(
            &candidate.topic,
            &candidate.members,
            stored,
            rule.signal,
            draft.config.quotes_max,
        ),
        suggestion,
        earlier,
        stability: candidate.topic.stability,
        course: candidate.course.clone(),
        heard: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::followup;
    use super::super::{DigestConfig, Inputs, Published, Told, canonical, draft};
    use super::*;
    use crate::answers::{Heard, TopicHeard, heard::Reason};
    use crate::model::{
        Calendar, Change, Conversation, Decision, Fact, Said, State, SuggestionState, Text, Topic,
        TopicId, TopicStatus,
    };
    use crate::reconcile::testing::{about, any_fact, fact, week};
    use proptest::prelude::*;

    fn topic(id: &str) -> Topic {
        Topic {
            id: TopicId::from(id),
            label: format!("label of {id}"),
            terms: Vec::new(),
            exemplars: Vec::new(),
            centre: Vec::new(),
            threshold: 0,
            theme_id: TopicId::from(id),
            theme: String::new(),
            stability: None,
            status: TopicStatus::Live,
            discovered_at: week().start,
        }
    }

    fn stored(fact: &Fact) -> (ConversationKey, Stored) {
        let words = format!(
            "The pump number {} stops again. It did so before.",
            fact.key.id
        );
        let stored = Stored {
            conversation: Conversation::new(fact.key.clone(), fact.created_at),
            text: Text::from(words),
            text_hash: String::new(),
            language: "en".to_owned(),
        };
        (fact.key.clone(), stored)
    }

    /// What differs between the tests; the rest is plain.
    #[derive(Default)]
    struct Case {
        facts: Vec<Fact>,
        muted: BTreeSet<TopicId>,
        changes: BTreeMap<TopicId, Change>,
        published: Vec<Published>,
        heard: Heard,
        said: Vec<Said>,
        decisions: Vec<Decision>,
    }

    impl Case {
        fn run(&self) -> Outcome {
            let topics: Vec<Topic> = (0..4).map(|n| topic(&format!("t{n}"))).collect();
            let draft = draft(&Inputs {
                window: &week(),
                calendar: &Calendar::default(),
                facts: &self.facts,
                topics: &topics,
                muted: &self.muted,
                changes: &self.changes,
                report: None,
                reading: &crate::reconcile::Reading::default(),
                published: &self.published,
                said: &self.said,
                decisions: &self.decisions,
                incomplete_sources: &[],
                heard: &self.heard,
                config: &DigestConfig::default(),
                team: None,
            });
            let wanted: BTreeSet<_> = draft.keys().into_iter().collect();
            let known = self.facts.iter().map(stored);
            compose(
                &draft,
                &known.filter(|(key, _)| wanted.contains(key)).collect(),
            )
        }

        fn digest(&self) -> Digest {
            match self.run() {
                Outcome::Digest(digest) => *digest,
                Outcome::Nothing(reason) => panic!("nothing: {reason}"),
            }
        }

        fn silence(&self) -> String {
            match self.run() {
                Outcome::Digest(digest) => panic!("{} items", digest.items.len()),
                Outcome::Nothing(reason) => reason,
            }
        }
    }

    fn many(count: usize, category: Option<&str>, state: &State) -> Vec<Fact> {
        (0..count)
            .map(|n| fact(n, category, state.clone()))
            .collect()
    }

    #[test]
    fn a_window_without_conversations_says_nothing_and_why() {
        assert_eq!(
            Case::default().silence(),
            "no conversation that counts was opened in this week"
        );
    }

    #[test]
    fn two_conversations_or_one_customer_are_no_topic() {
        let mut case = Case {
            facts: many(2, None, &about("t1")),
            ..Case::default()
        };
        let reason = "the one topic of 2 conversations did not pass\n\
                      \u{201c}label of t1\u{201d}, 2 conversations: fewer than 3 conversations";
        assert_eq!(case.silence(), reason);
        case.facts = many(12, None, &about("t1"));
        case.facts
            .iter_mut()
            .for_each(|fact| fact.customer = Some("the same".to_owned()));
        assert!(case.silence().ends_with("1 customer, fewer than 2"));
        case.facts.iter_mut().for_each(|fact| fact.customer = None);
        assert_eq!(
            case.digest().items.len(),
            1,
            "whoever is not known may be anybody"
        );
    }

    #[test]
    fn topics_that_do_nothing_say_nothing() {
        let mut facts = many(4, Some("Billing"), &about("t1"));
        facts.extend((4..60).map(|n| fact(n, Some("Billing"), State::Unassigned)));
        let case = Case {
            facts,
            ..Case::default()
        };
        let reason = "the one topic of 60 conversations did not pass\n\u{201c}label of t1\u{201d}, 4 conversations: nothing stands \
             out: it is not new, rising, hidden or large, and nothing in it is surely more than elsewhere";
        assert_eq!(case.silence(), reason);
    }

    #[test]
    fn a_muted_topic_is_counted_and_not_mentioned() {
        let mut case = Case {
            facts: many(20, Some("Other"), &about("t1")),
            ..Case::default()
        };
        assert_eq!(case.digest().items[0].label, "label of t1");
        case.muted.insert(TopicId::from("t1"));
        case.silence();
    }

    #[test]
    fn what_was_said_is_not_repeated_until_it_changes_or_is_reminded_of() {
        let mut case = Case {
            facts: many(20, Some("Other"), &about("t1")),
            ..Case::default()
        };
        let mut last = case.digest().said().remove(0);
        assert_eq!(last.suggestion.as_str(), "t1.steady_large.2026-W13");
        let id = followup::new_id(&last.topic, &last.rule, "2026-W05");
        (last.suggestion, last.window) = (id.clone(), "2026-W12".to_owned());
        last.end = week().start;
        case.said = vec![last.clone()];
        let reason = "it was said in 2026-W12 and nothing has changed since; it comes back in 3 weeks at the latest";
        assert!(case.silence().ends_with(reason));
        case.said[0].end = week().start - chrono::TimeDelta::weeks(3);
        let item = case.digest().items.remove(0);
        assert_eq!(
            item.earlier,
            ["Also in 2026-W12: nothing has changed since."]
        );
        assert_eq!(item.suggestion.id, id);
        case.decisions = vec![followup::testing::decided(
            &last,
            SuggestionState::Rejected,
            3,
        )];
        assert!(case.silence().contains("was rejected on 2026-03-27"));
    }

    #[test]
    fn what_arrived_late_is_named_as_a_revision() {
        let mut facts = many(30, Some("Billing"), &about("t1"));
        let earlier = week().start - chrono::TimeDelta::days(3);
        for late in &mut facts[..6] {
            late.created_at = earlier;
            late.stored_at = earlier;
        }
        facts[0].stored_at = week().start + chrono::TimeDelta::hours(9);
        let published = vec![Published {
            window: "2026-W12".to_owned(),
            conversations: 5,
            told_at: week().start + chrono::TimeDelta::hours(8),
            topics: vec![
                Told {
                    topic_id: TopicId::from("t1"),
                    label: "leaks".to_owned(),
                    conversations: 4,
                },
                Told {
                    topic_id: TopicId::from("t9"),
                    label: "no longer there".to_owned(),
                    conversations: 0,
                },
            ],
        }];
        let digest = Case {
            facts,
            published,
            ..Case::default()
        }
        .digest();
        let revision = &digest.revisions[0];
        assert_eq!(
            (revision.was, revision.now, revision.arrived_late),
            (5, 6, 1)
        );
        let [topic] = revision.topics.as_slice() else {
            panic!("{:?}", revision.topics);
        };
        assert_eq!(
            (topic.label.as_str(), topic.was, topic.now),
            ("leaks", 4, 6)
        );
        assert_eq!(digest.totals.previous, Some(6));
    }

    #[test]
    fn the_same_digest_has_the_same_hash() {
        let case = Case {
            facts: many(20, Some("Other"), &about("t1")),
            ..Case::default()
        };
        let (json, hash) = canonical(&case.digest());
        assert_eq!(canonical(&case.digest()), (json.clone(), hash.clone()));
        assert_eq!(hash.len(), 64);
        let read: Digest = serde_json::from_str(&json).unwrap();
        assert_eq!(canonical(&read), (json, hash));
    }

    fn check(case: &Case, digest: &Digest) -> Result<(), TestCaseError> {
        let totals = &digest.totals;
        let excluded: u64 = totals.excluded.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(
            totals.pulled,
            totals.assigned + totals.unassigned + excluded
        );
        prop_assert!(digest.items.len() <= DigestConfig::default().items_max);
        let official = digest.official.as_ref().map(|side| {
            side.official
                - side.ours
                - side
                    .causes
                    .iter()
                    .map(|cause| cause.conversations)
                    .sum::<i64>()
        });
        prop_assert!(official.is_none_or(|rest| rest == 0));
        for item in &digest.items {
            let filed: u64 = item
                .categories
                .iter()
                .map(|share| share.conversations)
                .sum();
            prop_assert_eq!(filed, item.conversations);
            prop_assert_eq!(
                item.course.last(),
                Some(&(digest.window.clone(), item.conversations))
            );
            prop_assert!((1..=3).contains(&item.quotes.len()));
            let keys: BTreeSet<_> = item.quotes.iter().map(|quote| &quote.key).collect();
            prop_assert_eq!(keys.len(), item.quotes.len());
            for quote in &item.quotes {
                let of = case
                    .facts
                    .iter()
                    .find(|fact| fact.key == quote.key)
                    .unwrap();
                prop_assert!(stored(of).1.text.as_str().contains(&quote.text));
                prop_assert_eq!(&of.state, &State::Assigned(item.topic_id.clone()));
                prop_assert!(week().contains(of.created_at));
            }
        }
        Ok(())
    }

    fn heard(topic: &str, one: TopicHeard) -> Heard {
        Heard {
            through: 9,
            topics: [(TopicId::from(topic), one)].into(),
            ..Heard::default()
        }
    }

    #[test]
    fn an_item_that_more_dispute_than_confirm_says_so_and_the_section_tells_why() {
        let case = Case {
            facts: many(12, None, &about("t1")),
            heard: heard(
                "t1",
                TopicHeard {
                    confirmed: 1,
                    disputed: 2,
                    newly_disputed: 1,
                    reasons: vec![Reason("only in Bonn".to_owned())],
                    ..TopicHeard::default()
                },
            ),
            ..Case::default()
        };
        let digest = case.digest();
        let item = digest.items[0].heard.as_ref().unwrap();
        assert!(item.is_disputed());
        assert_eq!(item.reasons, ["only in Bonn"]);
        assert_eq!(
            digest.items[0].suggestion.contrary.last().unwrap(),
            "2 of 3 readers who answered do not hear it: \u{201c}only in Bonn\u{201d}."
        );
        let told = &digest.answered.topics[0];
        assert_eq!((told.confirmed, told.disputed), (0, 1), "only what is new");
        assert_eq!(told.outcome, "It is item 1 here, marked as disputed.");
        assert_eq!(digest.answered.through, 9);
    }

    #[test]
    fn pinned_evidence_is_quoted_first_where_it_belongs_to_the_topic() {
        let mut facts = many(12, None, &about("t1"));
        facts[5].state = State::Unassigned;
        let (fits, stray) = (facts[11].key.clone(), facts[5].key.clone());
        let pins = |pins: &[&ConversationKey]| TopicHeard {
            pins: pins.iter().map(|key| (*key).clone()).collect(),
            ..TopicHeard::default()
        };
        let run = |heard| {
            let case = Case {
                facts: facts.clone(),
                heard,
                ..Case::default()
            };
            case.digest()
        };
        let digest = run(heard("t1", pins(&[&fits, &stray])));
        let item = &digest.items[0];
        assert_eq!(item.quotes[0].key, fits);
        assert!(item.quotes.len() <= 3);
        assert_eq!(
            item.heard.as_ref().unwrap().pinned,
            std::slice::from_ref(&fits)
        );
        let outcome = &digest.answered.topics[0].outcome;
        assert!(outcome.contains("1 of 2 pinned conversations"), "{outcome}");
        let digest = run(heard("t1", pins(&[&stray])));
        assert_eq!(digest.items[0].heard, None);
        let outcome = &digest.answered.topics[0].outcome;
        assert!(outcome.contains("so it is not quoted"), "{outcome}");
        let digest = run(heard("t2", pins(&[&fits])));
        let outcome = &digest.answered.topics[0].outcome;
        assert!(
            outcome.starts_with("Nobody spoke of it in this week"),
            "{outcome}"
        );
    }

    proptest! {
        #[test]
        fn numbers_add_up_quotes_are_exact_and_order_does_not_matter(
            mut facts in prop::collection::vec(any_fact(), 0..120),
        ) {
            for (number, fact) in facts.iter_mut().enumerate() {
                fact.key.id = number.to_string();
            }
            let mut case = Case { facts, ..Case::default() };
            let outcome = case.run();
            if let Outcome::Digest(digest) = &outcome {
                check(&case, digest)?;
            }
            case.facts.reverse();
            prop_assert_eq!(case.run(), outcome);
        }
    }
}
