//! Rules that go by how conversations are handled: reopened, passed on, answered late, rated low.

use crate::model::SuggestionKind;

use super::super::certainty::{Pair, Share};
use super::super::handling::Handling;
use super::facts::{TopicFacts, beside};
use super::{Claim, Fired};

/// Fewer of them claim nothing: two alike happen by chance.
const HITS_MIN: u64 = 3;

/// A share among the conversations that were read, here and in other topics.
fn read(facts: &TopicFacts, of: fn(&Handling) -> Share) -> Pair {
    Pair {
        here: of(&facts.handling),
        elsewhere: of(&facts.handling_elsewhere),
    }
}

/// The claim of a share that is above everything else's, with its pair.
fn above(facts: &TopicFacts, pair: Pair) -> Option<Claim> {
    // Without others to compare with, nothing is more than elsewhere.
    let claim = facts.share(pair, 0.0, HITS_MIN);
    claim.filter(|_| pair.elsewhere.all > 0)
}

/// Reopened more often than the rest.
pub fn reopened(facts: &TopicFacts) -> Option<Fired> {
    let pair = facts.measured.reopened;
    facts.fire(
        SuggestionKind::Service,
        above(facts, pair)?,
        beside(pair, "conversations were reopened", "all others"),
        "read what was missing when they were first solved, and write one answer that has it",
        "most of them were reopened only to say thanks or for another matter",
    )
}

/// Passed on more often than the rest.
pub fn reassigned(facts: &TopicFacts) -> Option<Fired> {
    let pair = read(facts, |handling| handling.reassigned);
    facts.fire(
        SuggestionKind::Process,
        above(facts, pair)?,
        beside(
            pair,
            "conversations were passed on to somebody else",
            "other topics",
        ),
        "name one team for this topic, and route it there from the start",
        "most of them held two matters for two teams, so that passing them on was right",
    )
}

/// Rated worse than the rest.
pub fn low_csat(facts: &TopicFacts) -> Option<Fired> {
    let pair = facts.measured.unhappy;
    facts.fire(
        SuggestionKind::Service,
        above(facts, pair)?,
        beside(
            pair,
            "ratings are in the lower half",
            "all other conversations",
        ),
        "call three of these customers and ask what they had expected",
        "the comments to these ratings are about something else",
    )
}

/// First answered later than the rest.
pub fn late_first_reply(facts: &TopicFacts) -> Option<Fired> {
    let pair = read(facts, |handling| handling.late_reply);
    facts.fire(
        SuggestionKind::Service,
        above(facts, pair)?,
        beside(pair, "answered tickets waited more than a day for the first answer", "other topics"),
        "find out where they lay, in which queue and on which days, and answer this topic first for two weeks",
        "these customers were answered by phone before, which the tickets do not show",
    )
}

/// Closed later than the rest.
pub fn slow_to_close(facts: &TopicFacts) -> Option<Fired> {
    let pair = facts.measured.slow;
    let what = format!(
        "conversations closed this {} had been open for more than a week",
        facts.cadence.noun()
    );
    facts.fire(
        SuggestionKind::Process,
        above(facts, pair)?,
        beside(pair, &what, "all others"),
        "take the three oldest, and write down step by step what each of them waited for",
        "they were solved long before, and only closed late",
    )
}

/// Threads that do not end, where a call would.
pub fn long_threads(facts: &TopicFacts) -> Option<Fired> {
    let pair = read(facts, |handling| handling.long_thread);
    facts.fire(
        SuggestionKind::Service,
        above(facts, pair)?,
        beside(pair, "tickets took more than five messages", "other topics"),
        "call the next ten of these customers after their first message, and count the messages that follow",
        "most of the messages only make an appointment or say thanks",
    )
}

#[cfg(test)]
mod tests {
    use super::super::facts::Measured;
    use super::super::testing::*;
    use super::*;

    fn measured(change: impl Fn(&mut Measured)) -> TopicFacts {
        let mut facts = quiet();
        change(&mut facts.measured);
        facts
    }

    fn handled(change: impl Fn(&mut Handling, Share), hits: u64) -> TopicFacts {
        let mut facts = quiet();
        change(&mut facts.handling, Share::of(hits, 8));
        change(&mut facts.handling_elsewhere, Share::of(10, 192));
        facts
    }

    #[test]
    fn reopening_fires_where_it_is_more_than_elsewhere() {
        check(
            &measured(|measured| measured.reopened = pair((3, 8), (10, 192))),
            "reopened",
            "3 of 8 conversations were reopened; of all others, 10 of 192.",
        );
        let two = measured(|measured| measured.reopened = pair((2, 8), (1, 192)));
        check_silent(&two, "reopened");
        let as_elsewhere = measured(|measured| measured.reopened = pair((3, 8), (30, 192)));
        check_silent(&as_elsewhere, "reopened");
        let alone = measured(|measured| measured.reopened = pair((8, 8), (0, 0)));
        check_silent(&alone, "reopened");
        let mut many_looks = measured(|measured| measured.reopened = pair((3, 8), (10, 192)));
        many_looks.looks = 1_000;
        check_silent(&many_looks, "reopened");
    }

    #[test]
    fn passing_on_fires_where_it_is_more_than_elsewhere() {
        let facts = |hits| handled(|handling, share| handling.reassigned = share, hits);
        check(
            &facts(4),
            "reassigned",
            "4 of 8 conversations were passed on to somebody else; of other topics, 10 of 192.",
        );
        check_silent(&facts(2), "reassigned");
    }

    #[test]
    fn bad_ratings_fire_where_they_are_more_than_elsewhere() {
        check(
            &measured(|measured| measured.unhappy = pair((5, 7), (5, 60))),
            "low_csat",
            "5 of 7 ratings are in the lower half; of all other conversations, 5 of 60.",
        );
        let two = measured(|measured| measured.unhappy = pair((2, 2), (5, 60)));
        check_silent(&two, "low_csat");
        let everywhere = measured(|measured| measured.unhappy = pair((5, 7), (30, 60)));
        check_silent(&everywhere, "low_csat");
    }

    #[test]
    fn late_answers_fire_where_they_are_more_than_elsewhere() {
        let facts = |hits| handled(|handling, share| handling.late_reply = share, hits);
        check(
            &facts(5),
            "late_first_reply",
            "5 of 8 answered tickets waited more than a day for the first answer; of other topics, 10 of 192.",
        );
        check_silent(&facts(1), "late_first_reply");
    }

    #[test]
    fn what_stays_open_fires_where_it_is_more_than_elsewhere() {
        check(
            &measured(|measured| measured.slow = pair((6, 8), (20, 192))),
            "slow_to_close",
            "6 of 8 conversations closed this week had been open for more than a week; of all others, 20 of 192.",
        );
        let everywhere = measured(|measured| measured.slow = pair((6, 8), (120, 192)));
        check_silent(&everywhere, "slow_to_close");
    }

    #[test]
    fn long_threads_fire_where_they_are_more_than_elsewhere() {
        let facts = |hits| handled(|handling, share| handling.long_thread = share, hits);
        check(
            &facts(4),
            "long_threads",
            "4 of 8 tickets took more than five messages; of other topics, 10 of 192.",
        );
        check_silent(&facts(2), "long_threads");
    }
}
