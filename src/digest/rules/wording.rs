//! Rules that go by what customers say.

use crate::model::{Suggestion, SuggestionKind};

use super::super::signals::Signal;
use super::{TopicFacts, begins_words};

/// Somebody did not come.
pub fn no_show(facts: &TopicFacts) -> Option<Suggestion> {
    let words = facts.wording(
        Signal::NoShow,
        "say that nobody came, or late, or without notice",
    )?;
    facts.suggest(
        SuggestionKind::Service,
        "no_show",
        format!("{words}."),
        "check these visits against the dispatch log: who was told what, and when; then call each customer before the visit",
        "the dispatch log shows that most of these visits took place in their time window",
    )
}

/// Something was promised that service does not do.
pub fn promised_not_delivered(facts: &TopicFacts) -> Option<Suggestion> {
    let words = facts.wording(
        Signal::Promised,
        "say that something was promised or sold as included",
    )?;
    facts.suggest(
        SuggestionKind::Process,
        "promised_not_delivered",
        format!("{words}."),
        "take these conversations to sales, settle what the offer includes, and give service one answer until then",
        "the contracts of these customers name it plainly as not included, or as included and delivered",
    )
}

/// A fault that begins with an update or a version.
pub fn begins_with_update(facts: &TopicFacts) -> Option<Suggestion> {
    let words = facts.wording(Signal::Update, "name an update or a version")?;
    if !facts.grows() && facts.burst.is_none() {
        return None;
    }
    let begins = facts
        .burst
        .as_ref()
        .map(|burst| format!("; {}", begins_words(burst)));
    facts.suggest(
        SuggestionKind::Product,
        "begins_with_update",
        format!(
            "{words}{}{}.",
            facts.product_words(),
            begins.unwrap_or_default()
        ),
        "compare the versions of these customers' devices with those that work, then fix the release or take it back",
        "as many of these customers' devices still run the version before",
    )
}

/// Customers wait without a date.
pub fn waiting(facts: &TopicFacts) -> Option<Suggestion> {
    let words = facts.wording(
        Signal::Waiting,
        "speak of waiting, of weeks, or of having no date",
    )?;
    facts.suggest(
        SuggestionKind::Process,
        "waiting",
        format!("{words}."),
        "find out which part or step they wait for, and give each of these customers a date",
        "the order system shows that these customers were given a date and that it was kept",
    )
}

/// Customers ask how something is done.
pub fn how_to(facts: &TopicFacts) -> Option<Suggestion> {
    let words = facts.wording(Signal::HowTo, "ask or were told how something is done")?;
    facts.suggest(
        SuggestionKind::Product,
        "how_to",
        format!("{words}."),
        "put the answer where they look for it (display, app, first page of the manual) and try it with three of these customers",
        "customers who have the answer at hand ask as often as those who have not",
    )
}
