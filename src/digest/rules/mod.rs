//! What may be suggested, and when: a constant table of rules, one family in each file. A topic is actionable when a rule
//! fires for it; the first rule that fires words the suggestion, so the more telling ones stand first, and the others that
//! fire are its evidence.
//!
//! A rule never claims more than its numbers: it says how many of how many, and it fires only where the interval of that
//! share leaves no doubt and chance alone would be rare even among all the comparisons of a digest. Each suggestion says what
//! in the numbers speaks against it, and what would prove it wrong.

mod contrary;
mod facts;
mod handling;
mod official;
#[cfg(test)]
pub mod testing;
mod trends;
mod who;
mod wording;

use crate::model::{Suggestion, SuggestionId, SuggestionKind};

use super::certainty::Pair;
use super::signals::Signal;

pub use facts::{Measured, TopicFacts};

/// Sentences of evidence beside the suggestion's own.
const EVIDENCE_MAX: usize = 3;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name in the digest.
    pub name: &'static str,
    /// The wording that proves it, which quotes should have.
    pub signal: Option<Signal>,
    /// What it says, where it fires.
    pub judge: fn(&TopicFacts) -> Option<Fired>,
}

/// What a rule says of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Product, service or process.
    pub kind: SuggestionKind,
    /// One sentence with its numbers.
    pub sentence: String,
    /// What to do next.
    pub next_step: String,
    /// What would prove it wrong.
    pub disproof: String,
    /// What makes the sentence safe to say.
    pub claim: Claim,
}

/// What makes a sentence safe to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim {
    /// It only counts, and compares nothing.
    Counted,
    /// The number lies outside of what the windows before make likely, or there was none before.
    Moves,
    /// The topic begins on a day, by the test of `burst`.
    Begins,
    /// A finding beside the official report says it, with its own test.
    Found,
    /// A share that is surely above `least` and above the share of everything else.
    Share {
        /// The share here and elsewhere.
        pair: Pair,
        /// What it must be above.
        least: f64,
    },
}

const fn rule(
    name: &'static str,
    signal: Option<Signal>,
    judge: fn(&TopicFacts) -> Option<Fired>,
) -> Rule {
    Rule {
        name,
        signal,
        judge,
    }
}

/// All rules, the most telling first: what somebody can act on today, then what the official report hides, then how topics
/// are handled, then how they move, and last that they are large.
pub const RULES: &[Rule] = &[
    rule("no_show", Some(Signal::NoShow), wording::no_show),
    rule(
        "promised_not_delivered",
        Some(Signal::Promised),
        wording::promised_not_delivered,
    ),
    rule(
        "begins_with_update",
        Some(Signal::Update),
        wording::begins_with_update,
    ),
    rule("leaving", Some(Signal::Leaving), wording::leaving),
    rule("burst_after_date", None, trends::burst_after_date),
    rule(
        "hidden_under_catch_all",
        None,
        official::hidden_under_catch_all,
    ),
    rule("moved_category", None, official::moved_category),
    rule(LUMPED, None, official::lumped_category),
    rule("no_manual", Some(Signal::NoManual), wording::no_manual),
    rule("waiting", Some(Signal::Waiting), wording::waiting),
    rule("late_first_reply", None, handling::late_first_reply),
    rule("slow_to_close", None, handling::slow_to_close),
    rule("reassigned", None, handling::reassigned),
    rule("calls_to_ask", Some(Signal::HowTo), wording::calls_to_ask),
    rule("how_to", Some(Signal::HowTo), wording::how_to),
    rule("beginning", Some(Signal::Beginning), wording::beginning),
    rule("reopened", None, handling::reopened),
    rule("low_csat", None, handling::low_csat),
    rule("long_threads", None, handling::long_threads),
    rule("repeat_contact", None, who::repeat_contact),
    rule("one_account", None, who::one_account),
    rule("one_product", None, who::one_product),
    rule("after_hours", None, who::after_hours),
    rule("misfiled", None, official::misfiled),
    rule("back", None, trends::back),
    rule("new_topic", None, trends::new_topic),
    rule("rising", None, trends::rising),
    rule("praise", Some(Signal::Praise), wording::praise),
    rule(LARGE, None, trends::steady_large),
];

/// The rule of which one topic speaks for all topics of its category.
pub const LUMPED: &str = "lumped_category";
/// The rule that only says that a topic is large.
const LARGE: &str = "steady_large";

/// All rules that fire, in the table's order.
pub fn fired(facts: &TopicFacts) -> Vec<(&'static Rule, Fired)> {
    let fires = |rule: &'static Rule| Some((rule, (rule.judge)(facts)?));
    RULES.iter().filter_map(fires).collect()
}

/// Whether a rule tells more than that its category is several topics.
pub fn tells_more_than_lumped(rule: &Rule) -> bool {
    let place = |name: &str| RULES.iter().position(|rule| rule.name == name);
    place(rule.name) < place(LUMPED)
}

/// The suggestion of the first rule that fired, with the others as its evidence. The gate gives it its id.
pub fn suggestion(facts: &TopicFacts, fired: &[(&'static Rule, Fired)]) -> Option<Suggestion> {
    let ((rule, first), others) = fired.split_first()?;
    let others = others.iter().filter(|(other, fired)| {
        // That it is large or moves, its item says already; and the day is in the sentence of an update.
        let is_said = matches!(fired.claim, Claim::Moves | Claim::Begins);
        !is_said && other.name != LARGE
    });
    let sure = first.claim.sentence();
    let others = others.map(|(_, fired)| fired.sentence.clone());
    Some(Suggestion {
        id: SuggestionId(String::new()),
        kind: first.kind,
        rule: rule.name.to_owned(),
        sentence: first.sentence.clone(),
        owner: facts.owner(first.kind),
        next_step: first.next_step.clone(),
        evidence: sure.into_iter().chain(others).take(EVIDENCE_MAX).collect(),
        contrary: contrary::sentences(facts, rule.name, &first.claim),
        disproof: first.disproof.clone(),
    })
}

impl Claim {
    /// How much of it is left when chance is taken off, in words.
    fn sentence(&self) -> Option<String> {
        let Claim::Share { pair, .. } = self else {
            return None;
        };
        let low = (100.0 * pair.here.low()).floor();
        let elsewhere = (100.0 * pair.elsewhere.rate()).round();
        if low < 1.0 || (pair.elsewhere.all > 0 && low <= elsewhere) {
            return None;
        }
        Some(match pair.elsewhere.all {
            0 => format!("Allowing for chance, at least {low} %."),
            _ => format!("Allowing for chance, at least {low} %; elsewhere {elsewhere} %."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quiet_topic_is_not_actionable() {
        assert!(fired(&quiet()).is_empty());
    }

    #[test]
    fn every_rule_has_its_own_name_and_function() {
        let names: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        let functions: std::collections::BTreeSet<_> =
            RULES.iter().map(|rule| rule.judge as usize).collect();
        assert_eq!(functions.len(), RULES.len());
    }

    #[test]
    fn other_rules_that_fire_are_evidence() {
        let mut facts = with_words(24, Signal::Promised, 16);
        facts.measured.reopened = pair((12, 24), (10, 176));
        let fired = fired(&facts);
        let suggestion = suggestion(&facts, &fired).unwrap();
        assert_eq!(suggestion.rule, "promised_not_delivered");
        assert_eq!(
            suggestion.evidence,
            [
                "Allowing for chance, at least 46 %.",
                "12 of 24 conversations were reopened; of all others, 10 of 176."
            ]
        );
    }

    proptest! {
        /// A suggestion never claims more than its numbers.
        #[test]
        fn every_number_in_a_sentence_is_one_of_the_facts(facts in any_facts()) {
            let fired = fired(&facts);
            let Some(suggestion) = suggestion(&facts, &fired) else { return Ok(()) };
            let known = numbers_of(&facts);
            let of_rules = fired.iter().map(|(_, fired)| &fired.sentence);
            for sentence in of_rules.chain(&suggestion.evidence).chain(&suggestion.contrary) {
                for number in numbers_in(sentence) {
                    prop_assert!(known.contains(&number), "{number} in: {sentence}");
                }
            }
        }

        #[test]
        fn no_rule_fires_whose_interval_includes_what_it_is_compared_with(facts in any_facts()) {
            for (rule, fired) in fired(&facts) {
                match fired.claim {
                    Claim::Share { pair, least } => {
                        let low = pair.here.low();
                        prop_assert!(low > least, "{}: {low} and {least}", rule.name);
                        prop_assert!(low > pair.elsewhere.rate(), "{}: {low}", rule.name);
                    }
                    Claim::Moves => {
                        let (count, low, high) = facts.moved();
                        let count = count as f64;
                        prop_assert!(count < low || count > high, "{}", rule.name);
                    }
                    Claim::Begins => prop_assert!(facts.burst.is_some()),
                    Claim::Found => prop_assert!(!facts.findings.is_empty()),
                    Claim::Counted => prop_assert_eq!(rule.name, LARGE),
                }
            }
        }
    }
}
