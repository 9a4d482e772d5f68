//! What in the numbers speaks against a suggestion. Counted like everything else, never invented: where nothing speaks
//! against it, nothing is said.

use crate::model::TrendState;

use super::super::certainty::Share;
use super::Claim;
use super::facts::TopicFacts;

/// More than so many are no longer read.
const SENTENCES_MAX: usize = 3;
/// Fewer customers may be a coincidence of a few.
const CUSTOMERS_FEW: u64 = 5;
/// From so many on, half of them from one account or on one day is worth a word.
const HALVES_MIN: u64 = 6;
/// Below this, a good part of the topic may belong elsewhere.
const STABILITY_LOW: f64 = 0.7;
/// With so many ratings, it is worth a word that they are no worse than elsewhere.
const RATINGS_MIN: u64 = 5;

/// The sentences, the weightiest first.
pub fn sentences(facts: &TopicFacts, rule: &str, claim: &Claim) -> Vec<String> {
    let found = [
        falling(facts),
        few_customers(facts),
        minority(facts, claim),
        one_account(facts, rule),
        one_day(facts),
        loose(facts),
        not_rated_worse(facts),
    ];
    found.into_iter().flatten().take(SENTENCES_MAX).collect()
}

/// It is going away by itself.
fn falling(facts: &TopicFacts) -> Option<String> {
    facts.moves(TrendState::Falling).then(|| {
        format!(
            "It falls by itself: {}, where {} make {} likely.",
            facts.count_words(),
            facts.baseline_words(),
            facts.likely_words()
        )
    })
}

fn few_customers(facts: &TopicFacts) -> Option<String> {
    let (customers, noun) = (facts.customers, facts.cadence.noun());
    let is_known = facts.with_customer == facts.conversations;
    (is_known && (1..CUSTOMERS_FEW).contains(&customers)).then(|| match customers {
        1 => format!("Only 1 customer had it this {noun}."),
        _ => format!("Only {customers} customers had it this {noun}."),
    })
}

/// Most of the conversations do not say what the suggestion rests on.
fn minority(facts: &TopicFacts, claim: &Claim) -> Option<String> {
    let Claim::Share { pair, .. } = claim else {
        return None;
    };
    let Share { hits, all } = pair.here;
    let others = all - hits;
    let is_of_read = all == facts.signals.read;
    let suffix = if is_of_read {
        facts.read_words()
    } else {
        String::new()
    };
    (others > hits).then(|| format!("It does not hold for most: {others} of the {all}{suffix}."))
}

fn one_account(facts: &TopicFacts, rule: &str) -> Option<String> {
    let here = facts.measured.of_account.here;
    let is_half = 2 * here.hits >= facts.conversations && here.hits > 1;
    (is_half && facts.conversations >= HALVES_MIN && rule != "one_account").then(|| {
        format!(
            "{} of its {} conversations come from one account.",
            here.hits, facts.conversations
        )
    })
}

fn one_day(facts: &TopicFacts) -> Option<String> {
    let (day, all) = (facts.busiest_day, facts.conversations);
    let is_longer = facts.cadence != crate::model::Cadence::Daily;
    (is_longer && all >= HALVES_MIN && 2 * day >= all)
        .then(|| format!("{day} of its {all} conversations came on one day."))
}

/// What counts to the topic is itself in doubt.
fn loose(facts: &TopicFacts) -> Option<String> {
    let share = facts.stability.filter(|share| *share < STABILITY_LOW)?;
    let lost = (100.0 * (1.0 - share)).round();
    Some(format!(
        "The topic is loose: {lost} % of it does not come back when a tenth of all conversations is left out."
    ))
}

/// Customers rate it no worse than anything else.
fn not_rated_worse(facts: &TopicFacts) -> Option<String> {
    let pair = facts.measured.unhappy;
    let (here, elsewhere) = (pair.here, pair.elsewhere);
    let is_known = here.all >= RATINGS_MIN && elsewhere.all >= RATINGS_MIN;
    (is_known && here.rate() <= elsewhere.rate()).then(|| {
        format!(
            "It is rated no worse than the rest: {} of {} ratings in the lower half, elsewhere {} of {}.",
            here.hits, here.all, elsewhere.hits, elsewhere.all
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::model::Cadence;

    fn against(facts: &TopicFacts) -> Vec<String> {
        sentences(facts, "rule", &Claim::Counted)
    }

    #[test]
    fn nothing_is_said_where_nothing_speaks_against_it() {
        assert!(against(&quiet()).is_empty());
    }

    #[test]
    fn a_topic_that_falls_may_go_by_itself() {
        let sentence =
            "It falls by itself: 8 conversations, where the 8 weeks before make 3 to 14 likely.";
        assert_eq!(against(&moving(TrendState::Falling)), [sentence]);
    }

    #[test]
    fn few_customers_are_named_where_all_are_known() {
        let mut facts = quiet();
        facts.customers = 4;
        assert_eq!(against(&facts), ["Only 4 customers had it this week."]);
        facts.customers = 5;
        assert!(against(&facts).is_empty());
        facts.customers = 4;
        facts.with_customer = 7;
        assert!(against(&facts).is_empty(), "the eighth may be a fifth");
    }

    #[test]
    fn a_minority_is_named() {
        let facts = with_words(24, super::super::Signal::HowTo, 9);
        let claim = |hits| Claim::Share {
            pair: pair((hits, 24), (1, 200)),
            least: 0.15,
        };
        assert_eq!(
            sentences(&facts, "how_to", &claim(9)),
            ["It does not hold for most: 15 of the 24."]
        );
        assert!(sentences(&facts, "how_to", &claim(12)).is_empty());
    }

    #[test]
    fn half_from_one_account_or_on_one_day_is_named() {
        let mut facts = quiet();
        facts.measured.of_account = pair((4, 6), (1, 100));
        facts.busiest_day = 4;
        let account = "4 of its 8 conversations come from one account.";
        let day = "4 of its 8 conversations came on one day.";
        assert_eq!(against(&facts), [account, day]);
        assert_eq!(sentences(&facts, "one_account", &Claim::Counted), [day]);
        facts.cadence = Cadence::Daily;
        assert_eq!(against(&facts), [account]);
        facts.measured.of_account = pair((3, 6), (1, 100));
        assert!(against(&facts).is_empty());
    }

    #[test]
    fn a_loose_topic_and_good_ratings_are_named() {
        let mut facts = quiet();
        facts.stability = Some(0.62);
        facts.measured.unhappy = pair((1, 20), (5, 60));
        assert_eq!(
            against(&facts),
            [
                "The topic is loose: 38 % of it does not come back when a tenth of all conversations is left out.",
                "It is rated no worse than the rest: 1 of 20 ratings in the lower half, elsewhere 5 of 60."
            ]
        );
        facts.stability = Some(0.7);
        facts.measured.unhappy = pair((2, 20), (5, 60));
        assert!(against(&facts).is_empty());
    }
}
