//! Rules that go by numbers alone.

use crate::model::{FindingKind, Suggestion, SuggestionKind, TrendState};

use super::{Share, TopicFacts, begins_words, day_words};

/// Reopened or badly rated conversations below this number claim nothing.
const HITS_MIN: u64 = 3;
/// Conversations a customer that make a topic a repeated one, and the fewest conversations to say so.
const REPEAT_RATIO: f64 = 1.5;
const REPEAT_CONVERSATIONS_MIN: u64 = 8;
/// A topic is large when it is among the first so many, with at least this share and number.
const LARGE_RANK_MAX: usize = 3;
const LARGE_SHARE: f64 = 0.1;
const LARGE_CONVERSATIONS_MIN: u64 = 10;

/// A fault that begins at a date: names the day.
pub fn burst_after_date(facts: &TopicFacts) -> Option<Suggestion> {
    let burst = facts.burst.as_ref().filter(|_| facts.grows())?;
    facts.suggest(
        SuggestionKind::Product,
        "burst_after_date",
        format!("It begins on a day: {}{}.", begins_words(burst), facts.product_words()),
        format!("find out what changed on {} or shortly before: a release, a delivery, a letter, the weather", day_words(burst)),
        "other topics that cannot have the same cause begin on the same day",
    )
}

/// The official report does not show the topic.
pub fn hidden_under_catch_all(facts: &TopicFacts) -> Option<Suggestion> {
    if !facts.has(FindingKind::Hidden) {
        return None;
    }
    let noun = facts.cadence.noun();
    facts.suggest(
        SuggestionKind::Process,
        "hidden_under_catch_all",
        format!(
            "No line of the official report shows this topic; a category of its own would, with {} conversations this {noun}.",
            facts.conversations
        ),
        "add the category in the helpdesk and file these conversations under it",
        format!("with the category in place, hardly any conversation is filed under it in the next {noun}s"),
    )
}

/// One line of the official report is several topics.
pub fn lumped_category(facts: &TopicFacts) -> Option<Suggestion> {
    if !facts.speaks_for_lump || !facts.has(FindingKind::Lumped) {
        return None;
    }
    facts.suggest(
        SuggestionKind::Process,
        "lumped_category",
        format!(
            "One line of the official report holds several topics; this one, with {} conversations, is one of them.",
            facts.conversations
        ),
        "split the category along these topics, so that each can be seen to grow or shrink",
        "those who solve them say that it is the same fault with the same remedy",
    )
}

/// Reopened more often than the rest.
pub fn reopened(facts: &TopicFacts) -> Option<Suggestion> {
    let (here, elsewhere) = (facts.reopened, facts.reopened_elsewhere);
    if !here.is_above(elsewhere.rate(), HITS_MIN) {
        return None;
    }
    facts.suggest(
        SuggestionKind::Service,
        "reopened",
        format!(
            "{} of {} conversations were reopened; of all others {} of {}.",
            here.hits, here.all, elsewhere.hits, elsewhere.all
        ),
        "read what was missing when they were first solved, and write one answer that has it",
        "most of them were reopened only to say thanks or for another matter",
    )
}

/// Rated worse than the rest.
pub fn low_csat(facts: &TopicFacts) -> Option<Suggestion> {
    let (here, elsewhere) = (facts.unhappy, facts.unhappy_elsewhere);
    if !here.is_above(elsewhere.rate(), HITS_MIN) {
        return None;
    }
    facts.suggest(
        SuggestionKind::Service,
        "low_csat",
        format!(
            "{} of {} ratings are in the lower half; of all other conversations {} of {}.",
            here.hits, here.all, elsewhere.hits, elsewhere.all
        ),
        "call three of these customers and ask what they had expected",
        "the comments to these ratings are about something else",
    )
}

/// The same customers write again.
pub fn repeat_contact(facts: &TopicFacts) -> Option<Suggestion> {
    let ratio = facts.with_customer as f64 / facts.customers.max(1) as f64;
    if facts.with_customer < REPEAT_CONVERSATIONS_MIN || ratio < REPEAT_RATIO {
        return None;
    }
    facts.suggest(
        SuggestionKind::Service,
        "repeat_contact",
        format!(
            "{} conversations come from {} customers, {ratio:.1} each.",
            facts.with_customer, facts.customers
        ),
        "read their second conversations and find what the first answer lacked",
        "the second conversations are about another device or another matter",
    )
}

/// It was gone, and is here again.
pub fn back(facts: &TopicFacts) -> Option<Suggestion> {
    if !facts.moves(TrendState::Back) {
        return None;
    }
    facts.suggest(
        SuggestionKind::Service,
        "back",
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
pub fn new_topic(facts: &TopicFacts) -> Option<Suggestion> {
    if !facts.moves(TrendState::New) {
        return None;
    }
    let noun = facts.cadence.noun();
    facts.suggest(
        SuggestionKind::Service,
        "new_topic",
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
pub fn rising(facts: &TopicFacts) -> Option<Suggestion> {
    if !facts.moves(TrendState::Rising) {
        return None;
    }
    let (low, high) = match &facts.change.pair {
        Some(pair) => (pair.low, pair.high),
        None => (facts.change.low, facts.change.high),
    };
    facts.suggest(
        SuggestionKind::Service,
        "rising",
        format!(
            "It rises: {}, where {} make {:.0} to {:.0} likely.",
            facts.count_words(),
            facts.baseline_words(),
            low.max(0.0).floor(),
            high.ceil(),
        ),
        "ask those who took these calls what is different, and look for one product, place or date that they share",
        format!("the next {}s are back within that range by themselves", facts.cadence.noun()),
    )
}

/// Among the largest, and not moving.
pub fn steady_large(facts: &TopicFacts) -> Option<Suggestion> {
    let share = Share::of(facts.conversations, facts.counted);
    let is_large = facts.rank <= LARGE_RANK_MAX
        && facts.conversations >= LARGE_CONVERSATIONS_MIN
        && share.rate() >= LARGE_SHARE;
    if !is_large {
        return None;
    }
    facts.suggest(
        SuggestionKind::Process,
        "steady_large",
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
