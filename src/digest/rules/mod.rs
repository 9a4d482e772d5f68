//! What may be suggested, and when: a constant table of rules. A topic passes the gate when a rule fires for it; the first
//! rule that fires words the suggestion, so the more telling ones stand first.
//!
//! A rule never claims more than its numbers: it says how many of how many, and it fires only where the interval of that
//! share leaves no doubt. Each suggestion says what would prove it wrong.

mod counted;
mod wording;

use crate::model::{Cadence, Change, Finding, FindingKind, Suggestion, SuggestionKind, TrendState};
use crate::reconcile::wilson;

use super::burst::Burst;
use super::config::Owners;
use super::signals::{Signal, Signals};

/// A wording counts for a topic when surely more than this share of what was read has it …
const WORDING_SHARE: f64 = 0.15;
/// … and surely more than so many times the share of what was read of other topics …
const WORDING_FACTOR: f64 = 2.0;
/// … and in at least so many conversations.
const WORDING_HITS_MIN: u64 = 4;

/// So many out of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that have it.
    pub hits: u64,
    /// Those that were looked at.
    pub all: u64,
}

impl Share {
    /// So many out of so many.
    pub fn of(hits: u64, all: u64) -> Self {
        Self { hits, all }
    }

    /// Whether the share is surely larger, with at least so many hits.
    fn is_above(self, least: f64, hits_min: u64) -> bool {
        self.hits >= hits_min && wilson(self.hits, self.all).low > least
    }

    fn rate(self) -> f64 {
        self.hits as f64 / self.all.max(1) as f64
    }
}

/// What rules look at.
#[derive(Clone, Debug)]
pub struct TopicFacts {
    /// By day, week or month.
    pub cadence: Cadence,
    /// Conversations in the window.
    pub conversations: u64,
    /// Different customers among them.
    pub customers: u64,
    /// Conversations whose customer is known.
    pub with_customer: u64,
    /// All conversations that count in the window.
    pub counted: u64,
    /// 1 for the largest topic of the window.
    pub rank: usize,
    /// How it moves.
    pub change: Change,
    /// What the official categories hide.
    pub findings: Vec<Finding>,
    /// How many windows, this one included, the wording was read in.
    pub windows_read: usize,
    /// Whether it speaks for a lumped category: only one of its topics does.
    pub speaks_for_lump: bool,
    /// The day on which it begins.
    pub burst: Option<Burst>,
    /// The product that most of its conversations name, and how many do.
    pub product: Option<(String, u64)>,
    /// Reopened ones.
    pub reopened: Share,
    /// Reopened ones among all other conversations of the window.
    pub reopened_elsewhere: Share,
    /// Rated below the middle, among the rated ones.
    pub unhappy: Share,
    /// The same among all other conversations of the window.
    pub unhappy_elsewhere: Share,
    /// What its words say.
    pub signals: Signals,
    /// What the words of the other topics say that were read.
    pub signals_elsewhere: Signals,
    /// Who takes what.
    pub owners: Owners,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name in the digest.
    pub name: &'static str,
    /// How much it matters beside the others: promises and faults first.
    pub weight: u64,
    /// The wording that proves it, which quotes should have.
    pub signal: Option<Signal>,
    /// The suggestion, where it fires.
    pub judge: fn(&TopicFacts) -> Option<Suggestion>,
}

const fn rule(
    name: &'static str,
    weight: u64,
    signal: Option<Signal>,
    judge: fn(&TopicFacts) -> Option<Suggestion>,
) -> Rule {
    Rule {
        name,
        weight,
        signal,
        judge,
    }
}

/// The weight of a lumped category: rules that weigh more have something more telling to say of the topic.
pub const LUMPED_WEIGHT: u64 = 50;

/// All rules, the most telling first.
pub const RULES: &[Rule] = &[
    rule("no_show", 50, Some(Signal::NoShow), wording::no_show),
    rule(
        "promised_not_delivered",
        65,
        Some(Signal::Promised),
        wording::promised_not_delivered,
    ),
    rule(
        "begins_with_update",
        70,
        Some(Signal::Update),
        wording::begins_with_update,
    ),
    rule("burst_after_date", 60, None, counted::burst_after_date),
    rule(
        "hidden_under_catch_all",
        60,
        None,
        counted::hidden_under_catch_all,
    ),
    rule(
        "lumped_category",
        LUMPED_WEIGHT,
        None,
        counted::lumped_category,
    ),
    rule("waiting", 40, Some(Signal::Waiting), wording::waiting),
    rule("how_to", 35, Some(Signal::HowTo), wording::how_to),
    rule("reopened", 45, None, counted::reopened),
    rule("low_csat", 45, None, counted::low_csat),
    rule("repeat_contact", 30, None, counted::repeat_contact),
    rule("back", 30, None, counted::back),
    rule("new_topic", 35, None, counted::new_topic),
    rule("rising", 30, None, counted::rising),
    rule("steady_large", 10, None, counted::steady_large),
];

impl TopicFacts {
    fn suggest(
        &self,
        kind: SuggestionKind,
        rule: &str,
        sentence: String,
        next_step: impl Into<String>,
        disproof: impl Into<String>,
    ) -> Option<Suggestion> {
        Some(Suggestion {
            kind,
            rule: rule.to_owned(),
            sentence,
            owner: self.owners.of(kind).to_owned(),
            next_step: next_step.into(),
            disproof: disproof.into(),
        })
    }

    /// "9 of the 24 conversations ask how something is done; of other topics, 3 of 200", where the wording is surely a trait of
    /// this topic.
    fn wording(&self, signal: Signal, says: &str) -> Option<String> {
        let here = Share::of(self.signals.of(signal), self.signals.read);
        let elsewhere = &self.signals_elsewhere;
        let elsewhere = Share::of(elsewhere.of(signal), elsewhere.read);
        let least = WORDING_SHARE.max(WORDING_FACTOR * elsewhere.rate());
        if !here.is_above(least, WORDING_HITS_MIN) {
            return None;
        }
        let words = format!("{} {says}", self.of_read(here.hits));
        Some(match elsewhere.all {
            0 => words,
            all => format!("{words}; of other topics, {} of {all}", elsewhere.hits),
        })
    }

    /// "9 of the 24 conversations", "all 24 conversations", or "9 of the 80 conversations that were read".
    fn of_read(&self, hits: u64) -> String {
        let read = self.signals.read;
        let of = if hits == read {
            "all".to_owned()
        } else {
            format!("{hits} of the")
        };
        let suffix = if self.windows_read > 1 {
            format!(
                " read of the last {} {}s",
                self.windows_read,
                self.cadence.noun()
            )
        } else if read < self.conversations {
            " that were read".to_owned()
        } else {
            String::new()
        };
        format!("{of} {read} conversations{suffix}")
    }

    /// "; 18 of this week's 20 are about Terra 12" where surely most are.
    fn product_words(&self) -> String {
        let all = self.conversations;
        match &self.product {
            Some((name, count)) if wilson(*count, all).low > 0.5 => {
                let of = if *count == all {
                    "all".to_owned()
                } else {
                    count.to_string()
                };
                format!(
                    "; {of} of this {}'s {all} are about {name}",
                    self.cadence.noun()
                )
            }
            _ => String::new(),
        }
    }

    fn has(&self, kind: FindingKind) -> bool {
        self.findings.iter().any(|finding| finding.kind == kind)
    }

    /// The baseline in words: "the 8 weeks before".
    fn baseline_words(&self) -> String {
        let noun = self.cadence.noun();
        let both = self.change.pair.map_or("", |_| " these two");
        match self.change.windows {
            1 => format!("the {noun} before{both}"),
            windows => format!("the {windows} {noun}s before{both}"),
        }
    }

    /// "8 conversations", or "13 conversations in this week and the one before" where only both show how it moves.
    fn count_words(&self) -> String {
        match &self.change.pair {
            None => format!("{} conversations", self.conversations),
            Some(pair) => format!(
                "{} conversations in this {} and the one before",
                pair.conversations,
                self.cadence.noun()
            ),
        }
    }

    fn moves(&self, state: TrendState) -> bool {
        self.change.windows > 0 && self.change.state == state
    }

    fn grows(&self) -> bool {
        [TrendState::New, TrendState::Rising, TrendState::Back]
            .into_iter()
            .any(|state| self.moves(state))
    }
}

fn day_words(burst: &Burst) -> String {
    burst.day.format("%A %-d %B %Y").to_string()
}

fn begins_words(burst: &Burst) -> String {
    format!(
        "{} conversations in the {} since {}, {} in the {} days before it",
        burst.after,
        if burst.days_after == 1 {
            "day".to_owned()
        } else {
            format!("{} days", burst.days_after)
        },
        day_words(burst),
        burst.before,
        burst.days_before,
    )
}

#[cfg(test)]
mod tests {
    use super::super::config::DigestConfig;
    use super::*;
    use crate::model::Pair;

    /// A topic of which nothing can be said.
    fn quiet() -> TopicFacts {
        TopicFacts {
            cadence: Cadence::Weekly,
            conversations: 8,
            customers: 8,
            with_customer: 8,
            counted: 200,
            rank: 9,
            change: Change {
                state: TrendState::Steady,
                baseline: 7.5,
                windows: 8,
                low: 3.0,
                high: 14.0,
                pair: None,
            },
            findings: Vec::new(),
            windows_read: 1,
            speaks_for_lump: false,
            burst: None,
            product: None,
            reopened: Share::of(0, 8),
            reopened_elsewhere: Share::of(10, 192),
            unhappy: Share::default(),
            unhappy_elsewhere: Share::of(5, 60),
            signals: Signals::default(),
            signals_elsewhere: Signals::default(),
            owners: DigestConfig::default().owners,
        }
    }

    fn fired(facts: &TopicFacts) -> Option<Suggestion> {
        RULES.iter().find_map(|rule| (rule.judge)(facts))
    }

    /// The rule fires with this sentence, under its own name in the table, and not for a topic of which nothing can be said.
    fn check(facts: &TopicFacts, rule: &str, sentence: &str) {
        let suggestion = fired(facts).expect("a rule fires");
        assert_eq!(
            (suggestion.rule.as_str(), suggestion.sentence.as_str()),
            (rule, sentence)
        );
        assert!(RULES.iter().any(|other| other.name == rule));
        for part in [
            &suggestion.owner,
            &suggestion.next_step,
            &suggestion.disproof,
        ] {
            assert!(!part.is_empty());
        }
    }

    fn with_words(read: u64, signal: Signal, hits: u64) -> TopicFacts {
        TopicFacts {
            conversations: read.max(8),
            signals: Signals::with(read, signal, hits),
            ..quiet()
        }
    }

    fn moving(state: TrendState) -> TopicFacts {
        let change = Change {
            state,
            ..quiet().change
        };
        TopicFacts { change, ..quiet() }
    }

    fn burst() -> Burst {
        Burst {
            day: "2026-03-17".parse().unwrap(),
            after: 21,
            days_after: 6,
            before: 1,
            days_before: 78,
        }
    }

    fn finding(kind: FindingKind) -> Vec<Finding> {
        vec![Finding::new(kind, "numbers")]
    }

    #[test]
    fn a_quiet_topic_does_not_pass() {
        assert_eq!(fired(&quiet()), None);
    }

    #[test]
    fn missed_visits_fire() {
        check(
            &with_words(10, Signal::NoShow, 7),
            "no_show",
            "7 of the 10 conversations say that nobody came, or late, or without notice.",
        );
    }

    #[test]
    fn promises_fire() {
        check(
            &TopicFacts {
                conversations: 120,
                ..with_words(80, Signal::Promised, 60)
            },
            "promised_not_delivered",
            "60 of the 80 conversations that were read say that something was promised or sold as included.",
        );
    }

    #[test]
    fn a_few_wordings_are_not_a_trait_of_the_topic() {
        for hits in [1, 3, 15] {
            assert_eq!(
                fired(&with_words(80, Signal::Promised, hits)),
                None,
                "{hits} of 80"
            );
        }
        assert_eq!(fired(&with_words(3, Signal::Promised, 3)), None);
        let as_everywhere = TopicFacts {
            signals_elsewhere: Signals::with(400, Signal::Promised, 120),
            ..with_words(80, Signal::Promised, 40)
        };
        assert_eq!(fired(&as_everywhere), None, "other topics say it as well");
    }

    #[test]
    fn an_update_fires_and_names_product_and_day() {
        let facts = TopicFacts {
            product: Some(("Terra 12".to_owned(), 18)),
            burst: Some(burst()),
            ..with_words(20, Signal::Update, 12)
        };
        check(
            &facts,
            "begins_with_update",
            "12 of the 20 conversations name an update or a version; 18 of this week's 20 are about Terra 12; 21 conversations in the \
             6 days since Tuesday 17 March 2026, 1 in the 78 days before it.",
        );
        assert_eq!(
            fired(&with_words(20, Signal::Update, 12)),
            None,
            "neither begun nor growing"
        );
    }

    #[test]
    fn a_beginning_fires_and_names_the_day() {
        let facts = TopicFacts {
            burst: Some(burst()),
            ..moving(TrendState::Rising)
        };
        check(
            &facts,
            "burst_after_date",
            "It begins on a day: 21 conversations in the 6 days since Tuesday 17 March 2026, 1 in the 78 days before it.",
        );
        assert_eq!(
            fired(&TopicFacts {
                burst: Some(burst()),
                ..quiet()
            }),
            None,
            "no longer growing"
        );
    }

    #[test]
    fn a_hidden_topic_fires() {
        check(
            &TopicFacts {
                findings: finding(FindingKind::Hidden),
                ..quiet()
            },
            "hidden_under_catch_all",
            "No line of the official report shows this topic; a category of its own would, with 8 conversations this week.",
        );
    }

    #[test]
    fn waiting_fires() {
        check(
            &with_words(9, Signal::Waiting, 6),
            "waiting",
            "6 of the 9 conversations speak of waiting, of weeks, or of having no date.",
        );
    }

    #[test]
    fn questions_fire() {
        check(
            &with_words(12, Signal::HowTo, 9),
            "how_to",
            "9 of the 12 conversations ask or were told how something is done.",
        );
    }

    #[test]
    fn reopening_fires_where_it_is_more_than_elsewhere() {
        check(
            &TopicFacts {
                reopened: Share::of(4, 8),
                ..quiet()
            },
            "reopened",
            "4 of 8 conversations were reopened; of all others 10 of 192.",
        );
        assert_eq!(
            fired(&TopicFacts {
                reopened: Share::of(2, 8),
                ..quiet()
            }),
            None
        );
    }

    #[test]
    fn bad_ratings_fire_where_they_are_more_than_elsewhere() {
        check(
            &TopicFacts {
                unhappy: Share::of(5, 7),
                ..quiet()
            },
            "low_csat",
            "5 of 7 ratings are in the lower half; of all other conversations 5 of 60.",
        );
    }

    #[test]
    fn repeated_contact_fires() {
        check(
            &TopicFacts {
                with_customer: 12,
                customers: 6,
                ..quiet()
            },
            "repeat_contact",
            "12 conversations come from 6 customers, 2.0 each.",
        );
    }

    #[test]
    fn a_lumped_category_fires_for_one_of_its_topics_only() {
        let lumped = TopicFacts {
            findings: finding(FindingKind::Lumped),
            ..quiet()
        };
        assert_eq!(fired(&lumped), None);
        check(
            &TopicFacts {
                speaks_for_lump: true,
                ..lumped
            },
            "lumped_category",
            "One line of the official report holds several topics; this one, with 8 conversations, is one of them.",
        );
    }

    #[test]
    fn changes_fire() {
        check(
            &moving(TrendState::Back),
            "back",
            "It is back: 8 conversations, none in the 8 weeks before.",
        );
        check(
            &moving(TrendState::New),
            "new_topic",
            "It is new: 8 conversations, none in the 8 weeks before.",
        );
        check(
            &moving(TrendState::Rising),
            "rising",
            "It rises: 8 conversations, where the 8 weeks before make 3 to 14 likely.",
        );
        let mut together = moving(TrendState::Rising);
        together.change.pair = Some(Pair {
            conversations: 24,
            baseline: 7.5,
            low: 8.0,
            high: 23.0,
        });
        check(
            &together,
            "rising",
            "It rises: 24 conversations in this week and the one before, where the 8 weeks before these two make 8 to 23 likely.",
        );
        let mut first = moving(TrendState::New);
        first.change.windows = 0;
        assert_eq!(
            fired(&first),
            None,
            "nothing is new in the first week of all"
        );
    }

    #[test]
    fn a_large_topic_fires() {
        check(
            &TopicFacts {
                conversations: 30,
                rank: 2,
                ..quiet()
            },
            "steady_large",
            "30 of 200 conversations of this week are about it, place 2 of all topics.",
        );
        assert_eq!(
            fired(&TopicFacts {
                conversations: 9,
                counted: 20,
                rank: 1,
                ..quiet()
            }),
            None
        );
    }

    #[test]
    fn every_suggestion_names_its_rule_as_the_table_does() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }
}
