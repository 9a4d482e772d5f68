//! Rules that go by what customers say.

use crate::model::SuggestionKind;

use super::super::signals::Signal;
use super::Fired;
use super::facts::{TopicFacts, begins_words};

/// Calls must be so many, and surely so large a part, before a written answer can spare them.
const CALLS_MIN: u64 = 5;
const CALLS_SHARE: f64 = 0.5;

/// Somebody did not come.
pub fn no_show(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(
        Signal::NoShow,
        "say that nobody came, or late, or without notice",
    )?;
    facts.fire(
        SuggestionKind::Service,
        claim,
        format!("{words}."),
        "check these visits against the dispatch log: who was told what, and when; then call each customer before the visit",
        "the dispatch log shows that most of these visits took place in their time window",
    )
}

/// Something was promised that service does not do.
pub fn promised_not_delivered(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(
        Signal::Promised,
        "say that something was promised or sold as included",
    )?;
    facts.fire(
        SuggestionKind::Process,
        claim,
        format!("{words}."),
        "take these conversations to sales, settle what the offer includes, and give service one answer until then",
        "the contracts of these customers name it plainly as not included, or as included and delivered",
    )
}

/// A fault that begins with an update or a version.
pub fn begins_with_update(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(Signal::Update, "name an update or a version")?;
    if !facts.grows() && facts.burst.is_none() {
        return None;
    }
    let begins = facts
        .burst
        .as_ref()
        .map(|burst| format!("; {}", begins_words(burst)));
    facts.fire(
        SuggestionKind::Product,
        claim,
        format!(
            "{words}{}{}.",
            facts.product_words(),
            begins.unwrap_or_default()
        ),
        "compare the versions of these customers' devices with those that work, then fix the release or take it back",
        "as many of these customers' devices still run the version before",
    )
}

/// Customers speak of leaving.
pub fn leaving(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) =
        facts.wording(Signal::Leaving, "speak of cancelling or of going elsewhere")?;
    facts.fire(
        SuggestionKind::Service,
        claim,
        format!("{words}."),
        "call these customers before their contracts end, and write down what would have kept them",
        "most of them leave for a reason that nobody here can change, such as a move",
    )
}

/// Customers look for a manual, or find it silent.
pub fn no_manual(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(
        Signal::NoManual,
        "miss instructions, or say that they are silent or wrong",
    )?;
    facts.fire(
        SuggestionKind::Product,
        claim,
        format!("{words}."),
        "write the missing page with one of those who answered, and link it where these customers looked",
        "the page is there, and these customers had its link",
    )
}

/// Customers wait without a date.
pub fn waiting(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(
        Signal::Waiting,
        "speak of waiting, of weeks, or of having no date",
    )?;
    facts.fire(
        SuggestionKind::Process,
        claim,
        format!("{words}."),
        "find out which part or step they wait for, and give each of these customers a date",
        "the order system shows that these customers were given a date and that it was kept",
    )
}

/// Customers call to ask what could be read.
pub fn calls_to_ask(facts: &TopicFacts) -> Option<Fired> {
    let (words, _) = facts.wording(Signal::HowTo, "ask or were told how something is done")?;
    let calls = facts.measured.calls;
    let claim = facts.share(calls, CALLS_SHARE, CALLS_MIN)?;
    if calls.elsewhere.all == 0 {
        return None;
    }
    facts.fire(
        SuggestionKind::Service,
        claim,
        format!(
            "{words}; {} of this {}'s {} are calls, of all others {} of {}.",
            calls.here.hits,
            facts.cadence.noun(),
            calls.here.all,
            calls.elsewhere.hits,
            calls.elsewhere.all,
        ),
        "write the answer down once, send it by message to the next twenty who call, and count who calls again",
        "those who get it in writing call again as often",
    )
}

/// Customers ask how something is done.
pub fn how_to(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(Signal::HowTo, "ask or were told how something is done")?;
    facts.fire(
        SuggestionKind::Product,
        claim,
        format!("{words}."),
        "put the answer where they look for it (display, app, first page of the manual) and try it with three of these customers",
        "customers who have the answer at hand ask as often as those who have not",
    )
}

/// Customers who are just beginning.
pub fn beginning(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(
        Signal::Beginning,
        "are about a beginning: a new customer, a first use, a set-up",
    )?;
    facts.fire(
        SuggestionKind::Process,
        claim,
        format!("{words}."),
        "go through the first week with three new customers, and move this answer to where they need it first",
        "most of these customers have been customers for more than a year",
    )
}

/// What is going well, and why customers stay.
pub fn praise(facts: &TopicFacts) -> Option<Fired> {
    let (words, claim) = facts.wording(Signal::Praise, "praise what they got")?;
    facts.fire(
        SuggestionKind::Service,
        claim,
        format!("{words}."),
        "tell those who are praised, write down what they do, and do the same where customers complain",
        "the same customers complain about it in their next conversation",
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::model::TrendState;

    /// It fires where enough say so, and not where too few do, nor where other topics say it as often.
    fn check_wording(signal: Signal, rule: &str, says: &str) {
        check(
            &with_words(12, signal, 8),
            rule,
            &format!("8 of the 12 conversations {says}."),
        );
        check_silent(&with_words(3, signal, 3), rule);
        for hits in [1, 3, 15] {
            check_silent(&with_words(80, signal, hits), rule);
        }
        let as_everywhere = TopicFacts {
            signals_elsewhere: super::super::super::signals::Signals::with(400, signal, 120),
            ..with_words(80, signal, 40)
        };
        check_silent(&as_everywhere, rule);
    }

    #[test]
    fn missed_visits_fire() {
        let says = "say that nobody came, or late, or without notice";
        check_wording(Signal::NoShow, "no_show", says);
    }

    #[test]
    fn promises_fire() {
        let says = "say that something was promised or sold as included";
        check_wording(Signal::Promised, "promised_not_delivered", says);
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
    fn an_update_fires_and_names_product_and_day() {
        let mut facts = TopicFacts {
            product: Some("Terra 12".to_owned()),
            burst: Some(burst()),
            ..with_words(20, Signal::Update, 12)
        };
        facts.measured.of_product = pair((18, 18), (0, 0));
        check(
            &facts,
            "begins_with_update",
            "12 of the 20 conversations name an update or a version; 18 of this week's 20 are about Terra 12; 21 conversations in the \
             6 days since Tuesday 17 March 2026, 1 in the 78 days before it.",
        );
        let neither_begun_nor_growing = with_words(20, Signal::Update, 12);
        check_silent(&neither_begun_nor_growing, "begins_with_update");
        let growing = moving(TrendState::Rising);
        let few = TopicFacts {
            change: growing.change,
            ..with_words(20, Signal::Update, 3)
        };
        check_silent(&few, "begins_with_update");
    }

    #[test]
    fn leaving_fires() {
        let says = "speak of cancelling or of going elsewhere";
        check_wording(Signal::Leaving, "leaving", says);
    }

    #[test]
    fn missing_instructions_fire() {
        let says = "miss instructions, or say that they are silent or wrong";
        check_wording(Signal::NoManual, "no_manual", says);
    }

    #[test]
    fn waiting_fires() {
        let says = "speak of waiting, of weeks, or of having no date";
        check_wording(Signal::Waiting, "waiting", says);
    }

    #[test]
    fn questions_fire() {
        let says = "ask or were told how something is done";
        check_wording(Signal::HowTo, "how_to", says);
    }

    #[test]
    fn questions_by_phone_fire_where_calls_are_more_than_elsewhere() {
        let by_phone = |calls| {
            let mut facts = with_words(12, Signal::HowTo, 9);
            facts.measured.calls = calls;
            facts
        };
        check(
            &by_phone(pair((11, 12), (60, 188))),
            "calls_to_ask",
            "9 of the 12 conversations ask or were told how something is done; 11 of this week's 12 are calls, of all others 60 of 188.",
        );
        check_silent(&by_phone(pair((7, 12), (10, 188))), "calls_to_ask");
        check_silent(&by_phone(pair((11, 12), (180, 188))), "calls_to_ask");
    }

    #[test]
    fn beginnings_fire() {
        let says = "are about a beginning: a new customer, a first use, a set-up";
        check_wording(Signal::Beginning, "beginning", says);
    }

    #[test]
    fn praise_fires() {
        check_wording(Signal::Praise, "praise", "praise what they got");
    }
}
