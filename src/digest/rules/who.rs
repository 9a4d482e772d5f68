//! Rules that go by who writes, about which product, and when.

use crate::model::SuggestionKind;

use super::Fired;
use super::facts::{TopicFacts, beside};

/// Fewer claim nothing of one product or account, or of the hour.
const HITS_MIN: u64 = 5;
/// A topic is tied to a product or an account that surely makes up more than half of it.
const MOST: f64 = 0.5;
/// The fewest conversations of a customer who had already written that make a topic a repeated one, and their least share.
const REPEATED_MIN: u64 = 4;
const REPEATED_SHARE: f64 = 0.1;

/// The same customers write again.
pub fn repeat_contact(facts: &TopicFacts) -> Option<Fired> {
    let pair = facts.measured.repeated;
    let claim = facts.share(pair, REPEATED_SHARE, REPEATED_MIN)?;
    let what = format!(
        "conversations come from a customer who had already written about it this {}",
        facts.cadence.noun()
    );
    facts.fire(
        SuggestionKind::Service,
        claim,
        beside(pair, &what, "all other topics"),
        "read their second conversations and find what the first answer lacked",
        "the second conversations are about another device or another matter",
    )
}

/// One product has it, others do not.
pub fn one_product(facts: &TopicFacts) -> Option<Fired> {
    let (pair, name) = (facts.measured.of_product, facts.product.as_ref()?);
    if pair.elsewhere.all == 0 {
        return None;
    }
    facts.fire(
        SuggestionKind::Product,
        facts.share(pair, MOST, HITS_MIN)?,
        beside(
            pair,
            &format!("conversations that name a product are about {name}"),
            "all others",
        ),
        format!("show them to those who build {name}, and ask what is different in it from the other products"),
        "for each one sold, owners of the other products write about it as often",
    )
}

/// One account has it, others do not.
pub fn one_account(facts: &TopicFacts) -> Option<Fired> {
    let pair = facts.measured.of_account;
    if pair.elsewhere.all == 0 {
        return None;
    }
    facts.fire(
        SuggestionKind::Service,
        facts.share(pair, MOST, HITS_MIN)?,
        beside(
            pair,
            "conversations that name an account come from one and the same",
            "all others",
        ),
        "talk to this account before anything is changed for everybody",
        "other accounts have the same trouble, and do not write",
    )
}

/// It comes when nobody is there.
pub fn after_hours(facts: &TopicFacts) -> Option<Fired> {
    let (pair, (from, to)) = (facts.measured.after_hours, facts.service_hours);
    if pair.elsewhere.all == 0 {
        return None;
    }
    let what = format!(
        "conversations were opened outside of service hours, {from} to {to} from Monday to Friday"
    );
    facts.fire(
        SuggestionKind::Service,
        facts.share(pair, 0.0, HITS_MIN)?,
        beside(pair, &what, "all others"),
        "put the answer where it is found at night, or man the line in these hours for a month",
        "these customers say that the next morning was soon enough",
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn repeated_contact_fires() {
        let repeated = |here, elsewhere| {
            let mut facts = quiet();
            facts.measured.repeated = pair(here, elsewhere);
            facts
        };
        check(
            &repeated((6, 12), (9, 188)),
            "repeat_contact",
            "6 of 12 conversations come from a customer who had already written about it this week; of all other topics, 9 of 188.",
        );
        check_silent(&repeated((3, 12), (0, 188)), "repeat_contact");
        check_silent(&repeated((6, 12), (60, 188)), "repeat_contact");
    }

    #[test]
    fn a_product_that_has_it_alone_fires() {
        let of_product = |here, elsewhere| {
            let mut facts = quiet();
            facts.measured.of_product = pair(here, elsewhere);
            facts.product = Some("Terra".to_owned());
            facts
        };
        check(
            &of_product((18, 20), (40, 160)),
            "one_product",
            "18 of 20 conversations that name a product are about Terra; of all others, 40 of 160.",
        );
        check_silent(&of_product((12, 20), (10, 160)), "one_product");
        check_silent(&of_product((18, 20), (144, 160)), "one_product");
        check_silent(&of_product((18, 20), (0, 0)), "one_product");
    }

    #[test]
    fn an_account_that_has_it_alone_fires() {
        let of_account = |here, elsewhere| {
            let mut facts = quiet();
            facts.measured.of_account = pair(here, elsewhere);
            facts
        };
        check(
            &of_account((9, 10), (3, 180)),
            "one_account",
            "9 of 10 conversations that name an account come from one and the same; of all others, 3 of 180.",
        );
        check_silent(&of_account((6, 10), (3, 180)), "one_account");
        check_silent(&of_account((4, 4), (3, 180)), "one_account");
    }

    #[test]
    fn what_comes_at_night_fires() {
        let at_night = |here, elsewhere| {
            let mut facts = quiet();
            facts.measured.after_hours = pair(here, elsewhere);
            facts
        };
        check(
            &at_night((7, 10), (30, 190)),
            "after_hours",
            "7 of 10 conversations were opened outside of service hours, 8 to 18 from Monday to Friday; of all others, 30 of 190.",
        );
        check_silent(&at_night((7, 10), (120, 190)), "after_hours");
        check_silent(&at_night((4, 4), (30, 190)), "after_hours");
    }
}
