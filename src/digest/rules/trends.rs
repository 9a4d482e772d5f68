//! Rules that go by how a topic moves, and by its size.

use crate::model::{SuggestionKind, TrendState};

use super::super::certainty::Share;
use super::facts::{TopicFacts, begins_words, day_words};
use super::{Claim, Fired};

/// A topic is large when it is among the first so many, with at least this share and number.
const LARGE_RANK_MAX: usize = 3;
const LARGE_SHARE: f64 = 0.1;
const LARGE_CONVERSATIONS_MIN: u64 = 10;

/// A fault that begins at a date: names the day.
pub fn burst_after_date(facts: &TopicFacts) -> Option<Fired> {
    let burst = facts.burst.as_ref().filter(|_| facts.grows())?;
    facts.fire(
        SuggestionKind::Product,
        Claim::Begins,
        format!(
            "It begins on a day: {}{}.",
            begins_words(burst),
            facts.product_words()
        ),
        format!(
            "find out what changed on {} or shortly before: a release, a delivery, a letter, the weather",
            day_words(burst)
        ),
        "other topics that cannot have the same cause begin on the same day",
    )
}

/// It was gone, and is here again.
pub fn back(facts: &TopicFacts) -> Option<Fired> {
    if !facts.moves(TrendState::Back) {
        return None;
    }
    facts.fire(
        SuggestionKind::Service,
        Claim::Moves,
        format!(
            "It is back: {}, none in {}.",
            facts.count_words(),
            facts.baseline_words()
        ),
        "look up what was done about it the last time, and whether it was undone",
        "these conversations were opened late and are about the time before",
    )
}

/// It was not there before.
pub fn new_topic(facts: &TopicFacts) -> Option<Fired> {
    if !facts.moves(TrendState::New) {
        return None;
    }
    let noun = facts.cadence.noun();
    facts.fire(
        SuggestionKind::Service,
        Claim::Moves,
        format!(
            "It is new: {}, none in {}.",
            facts.count_words(),
            facts.baseline_words()
        ),
        "read them, write down what they have in common, and tell whom it concerns",
        format!("it is gone in the next {noun} though nobody did anything"),
    )
}

/// More than usual.
pub fn rising(facts: &TopicFacts) -> Option<Fired> {
    if !facts.moves(TrendState::Rising) {
        return None;
    }
    facts.fire(
        SuggestionKind::Service,
        Claim::Moves,
        format!(
            "It rises: {}, where {} make {} likely.",
            facts.count_words(),
            facts.baseline_words(),
            facts.likely_words(),
        ),
        "ask those who took these calls what is different, and look for one product, place or date that they share",
        format!(
            "the next {}s are back within that range by themselves",
            facts.cadence.noun()
        ),
    )
}

/// Among the largest, and not moving.
pub fn steady_large(facts: &TopicFacts) -> Option<Fired> {
    let share = Share::of(facts.conversations, facts.counted);
    let is_large = facts.rank <= LARGE_RANK_MAX
        && facts.conversations >= LARGE_CONVERSATIONS_MIN
        && share.rate() >= LARGE_SHARE;
    if !is_large {
        return None;
    }
    facts.fire(
        SuggestionKind::Process,
        Claim::Counted,
        format!(
            "{} of {} conversations of this {} are about it, place {} of all topics.",
            share.hits,
            share.all,
            facts.cadence.noun(),
            facts.rank
        ),
        "take ten of them and write down for each what would have made it unnecessary",
        "no two of the ten have the same cause",
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

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
        let no_longer_growing = TopicFacts {
            burst: Some(burst()),
            ..quiet()
        };
        check_silent(&no_longer_growing, "burst_after_date");
    }

    #[test]
    fn a_topic_that_is_back_fires() {
        let sentence = "It is back: 8 conversations, none in the 8 weeks before.";
        check(&moving(TrendState::Back), "back", sentence);
        check_silent(&moving(TrendState::Gone), "back");
    }

    #[test]
    fn a_new_topic_fires_but_nothing_is_new_in_the_first_week_of_all() {
        let mut facts = moving(TrendState::New);
        let sentence = "It is new: 8 conversations, none in the 8 weeks before.";
        check(&facts, "new_topic", sentence);
        facts.change.windows = 0;
        check_silent(&facts, "new_topic");
    }

    #[test]
    fn a_rising_topic_fires() {
        check(
            &moving(TrendState::Rising),
            "rising",
            "It rises: 8 conversations, where the 8 weeks before make 3 to 14 likely.",
        );
        check_silent(&moving(TrendState::Falling), "rising");
        let mut together = moving(TrendState::Rising);
        together.change.pair = Some(crate::model::Pair {
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
    }

    #[test]
    fn a_large_topic_fires_from_a_tenth_and_the_third_place_on() {
        let large = |conversations, counted, rank| TopicFacts {
            conversations,
            counted,
            rank,
            ..quiet()
        };
        check(
            &large(20, 200, 3),
            "steady_large",
            "20 of 200 conversations of this week are about it, place 3 of all topics.",
        );
        check_silent(&large(20, 201, 3), "steady_large");
        check_silent(&large(20, 200, 4), "steady_large");
        check_silent(&large(9, 20, 1), "steady_large");
    }
}
