//! What rules look at, and the words in which they say it.

use crate::model::{Cadence, Change, Finding, FindingKind, SuggestionKind, TrendState};

use super::super::burst::Burst;
use super::super::certainty::{Pair, Share};
use super::super::handling::Handling;
use super::super::routing::Routing;
use super::super::signals::{Signal, Signals};
use super::{Claim, Fired};

/// A wording counts for a topic when surely more than this share of what was read has it …
const WORDING_SHARE: f64 = 0.15;
/// … and surely more than so many times the share of what was read of other topics …
const WORDING_FACTOR: f64 = 2.0;
/// … and in at least so many conversations.
const WORDING_HITS_MIN: u64 = 4;

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
    /// How many comparisons are made in the digest: the more, the rarer by chance each must be.
    pub looks: u64,
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
    /// The most of its conversations that came on one day.
    pub busiest_day: u64,
    /// Share of it that comes back when a tenth of all conversations is left out.
    pub stability: Option<f64>,
    /// The product that most of its conversations name.
    pub product: Option<String>,
    /// The official category under which most of them are filed.
    pub category: Option<String>,
    /// Filed where no line of the official report shows them: under no category, or one that says nothing.
    pub unseen: Share,
    /// From when to when service is there.
    pub service_hours: (u32, u32),
    /// Its shares, each beside that of all other conversations.
    pub measured: Measured,
    /// What its words say.
    pub signals: Signals,
    /// What the words of the other topics say that were read.
    pub signals_elsewhere: Signals,
    /// How the conversations that were read were handled.
    pub handling: Handling,
    /// How those of the other topics were handled.
    pub handling_elsewhere: Handling,
    /// Who takes what.
    pub routing: Routing,
}

/// Shares of the topic in the window, each beside that of all other conversations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Reopened ones.
    pub reopened: Pair,
    /// Rated below the middle, among the rated ones.
    pub unhappy: Pair,
    /// From a customer who had already written in the window, among those whose customer is known.
    pub repeated: Pair,
    /// Open for more than a week, among those closed in the window.
    pub slow: Pair,
    /// Call notes.
    pub calls: Pair,
    /// Opened outside of service hours.
    pub after_hours: Pair,
    /// About the topic's main product, among those that name one.
    pub of_product: Pair,
    /// From the topic's main account, among those that name one.
    pub of_account: Pair,
}

impl TopicFacts {
    /// What a rule says.
    pub fn fire(
        &self,
        kind: SuggestionKind,
        claim: Claim,
        sentence: String,
        next_step: impl Into<String>,
        disproof: impl Into<String>,
    ) -> Option<Fired> {
        Some(Fired {
            kind,
            sentence,
            next_step: next_step.into(),
            disproof: disproof.into(),
            claim,
        })
    }

    /// The claim that a share is surely above everything else's and above `least`, where it is.
    pub fn share(&self, pair: Pair, least: f64, hits_min: u64) -> Option<Claim> {
        let least = least.max(pair.elsewhere.rate());
        let is_above = pair.is_above(least, hits_min, self.looks);
        is_above.then_some(Claim::Share { pair, least })
    }

    /// "9 of the 24 conversations ask how something is done; of other topics, 3 of 200", where the wording is surely a trait of
    /// this topic.
    pub fn wording(&self, signal: Signal, says: &str) -> Option<(String, Claim)> {
        let pair = self.wordings(signal);
        let least = WORDING_SHARE.max(WORDING_FACTOR * pair.elsewhere.rate());
        let claim = self.share(pair, least, WORDING_HITS_MIN)?;
        let words = format!("{} {says}", self.of_read(pair.here.hits));
        let words = match pair.elsewhere.all {
            0 => words,
            all => format!("{words}; of other topics, {} of {all}", pair.elsewhere.hits),
        };
        Some((words, claim))
    }

    /// How many of those that were read have the wording, here and in other topics.
    pub fn wordings(&self, signal: Signal) -> Pair {
        let of = |signals: &Signals| Share::of(signals.of(signal), signals.read);
        Pair {
            here: of(&self.signals),
            elsewhere: of(&self.signals_elsewhere),
        }
    }

    /// "9 of the 24 conversations", "all 24 conversations", or "9 of the 80 conversations that were read".
    fn of_read(&self, hits: u64) -> String {
        let read = self.signals.read;
        let of = if hits == read {
            "all".to_owned()
        } else {
            format!("{hits} of the")
        };
        format!("{of} {read} conversations{}", self.read_words())
    }

    /// Where the conversations that were read are from, unless they are just those of the window.
    pub fn read_words(&self) -> String {
        if self.windows_read > 1 {
            format!(
                " read of the last {} {}s",
                self.windows_read,
                self.cadence.noun()
            )
        } else if self.signals.read < self.conversations {
            " that were read".to_owned()
        } else {
            String::new()
        }
    }

    /// "; 18 of this week's 20 are about Terra 12" where surely most are.
    pub fn product_words(&self) -> String {
        let here = self.measured.of_product.here;
        match &self.product {
            Some(name) if Share::of(here.hits, self.conversations).low() > 0.5 => {
                let all = self.conversations;
                let of = if here.hits == all {
                    "all".to_owned()
                } else {
                    here.hits.to_string()
                };
                let noun = self.cadence.noun();
                format!("; {of} of this {noun}'s {all} are about {name}")
            }
            _ => String::new(),
        }
    }

    /// Who takes a suggestion of this type. Product and category count where most of the conversations have them.
    pub fn owner(&self, kind: SuggestionKind) -> String {
        let named = self.measured.of_product.here.hits;
        let product = self.product.as_deref();
        let product = product.filter(|_| 2 * named > self.conversations);
        let category = self.category.as_deref();
        self.routing.owner(kind, product, category).to_owned()
    }

    /// Whether there is such a finding.
    pub fn has(&self, kind: FindingKind) -> bool {
        self.findings.iter().any(|finding| finding.kind == kind)
    }

    /// The baseline in words: "the 8 weeks before".
    pub fn baseline_words(&self) -> String {
        let noun = self.cadence.noun();
        let both = self.change.pair.map_or("", |_| " these two");
        match self.change.windows {
            1 => format!("the {noun} before{both}"),
            windows => format!("the {windows} {noun}s before{both}"),
        }
    }

    /// "8 conversations", or "13 conversations in this week and the one before" where only both show how it moves.
    pub fn count_words(&self) -> String {
        match &self.change.pair {
            None => format!("{} conversations", self.conversations),
            Some(both) => format!(
                "{} conversations in this {} and the one before",
                both.conversations,
                self.cadence.noun()
            ),
        }
    }

    /// What moves: how many conversations, and what was likely, in this window or in both.
    pub fn moved(&self) -> (u64, f64, f64) {
        match &self.change.pair {
            None => (self.conversations, self.change.low, self.change.high),
            Some(both) => (both.conversations, both.low, both.high),
        }
    }

    /// "3 to 14": what the baseline makes likely.
    pub fn likely_words(&self) -> String {
        let (_, low, high) = self.moved();
        let (low, high) = (low.max(0.0).floor(), high.ceil());
        format!("{low:.0} to {high:.0}")
    }

    /// Whether it moves in this way, against a baseline.
    pub fn moves(&self, state: TrendState) -> bool {
        self.change.windows > 0 && self.change.state == state
    }

    /// Whether there is more of it than before.
    pub fn grows(&self) -> bool {
        [TrendState::New, TrendState::Rising, TrendState::Back]
            .into_iter()
            .any(|state| self.moves(state))
    }
}

/// The day in words.
pub fn day_words(burst: &Burst) -> String {
    burst.day.format("%A %-d %B %Y").to_string()
}

/// "21 conversations in the 6 days since Tuesday 17 March 2026, 1 in the 78 days before it".
pub fn begins_words(burst: &Burst) -> String {
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

/// "4 of 8 conversations were reopened; of all others, 10 of 192".
pub fn beside(pair: Pair, what: &str, others: &str) -> String {
    let Pair { here, elsewhere } = pair;
    let words = format!("{} of {} {what}", here.hits, here.all);
    match elsewhere.all {
        0 => format!("{words}."),
        all => format!("{words}; of {others}, {} of {all}.", elsewhere.hits),
    }
}
