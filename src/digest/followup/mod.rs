//! What becomes of suggestions. A suggestion has a lasting id: its topic, its rule, and the window in which it was first
//! made. People accept, reject or do it; what was rejected does not come back for the same reason, and what was done is
//! watched. Pure: the log of what was said and decided comes in, sentences and numbers go out.

mod past;
mod rate;
mod section;
mod watch;

use std::collections::BTreeMap;

use crate::model::{Cadence, Decision, Said, SuggestionId, SuggestionState, TopicId};

pub use past::{Now, Past, Return};
pub use section::section;
pub use watch::{WATCH_WEEKS, watch, watched_from};

/// A suggestion that was not made for so many weeks is forgotten: the next time it is a new one.
pub const REMEMBERED_WEEKS: i64 = 26;

/// Why a state cannot follow another, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether a suggestion may go from one state to another.
pub fn decide(from: SuggestionState, to: SuggestionState) -> Result<(), Refusal> {
    use SuggestionState::{Accepted, Done, Open, Rejected};
    match (from, to) {
        (_, Open) => Err(Refusal(
            "a suggestion is open until somebody decides; decide accepted, rejected or done",
        )),
        (Accepted, Accepted) => Err(Refusal("it is accepted already")),
        (Rejected, Rejected) => Err(Refusal("it is rejected already")),
        (Done, Done) => Err(Refusal("it is done already")),
        (Rejected, Done) => Err(Refusal("it was rejected; accept it before it is done")),
        (Done, Rejected) => Err(Refusal(
            "it was done; accept it again if it must be done anew",
        )),
        (Open, Accepted | Rejected | Done)
        | (Accepted, Rejected | Done)
        | (Rejected | Done, Accepted) => Ok(()),
    }
}

/// The id that a suggestion gets when it is made for the first time.
pub fn new_id(topic: &TopicId, rule: &str, window: &str) -> SuggestionId {
    SuggestionId(format!("{topic}.{rule}.{window}"))
}

/// What composing needs of all that was said: the last word of each suggestion in this cadence, and in any other.
pub fn latest(said: Vec<Said>, cadence: Cadence) -> Vec<Said> {
    let mut last: BTreeMap<(SuggestionId, bool), Said> = BTreeMap::new();
    for one in said {
        let place = (one.suggestion.clone(), one.cadence == cadence);
        let is_later = last.get(&place).is_none_or(|known| known.end <= one.end);
        if is_later {
            last.insert(place, one);
        }
    }
    last.into_values().collect()
}

/// The last decision of each suggestion.
pub fn standing(decisions: &[Decision]) -> BTreeMap<&SuggestionId, &Decision> {
    let mut standing: BTreeMap<&SuggestionId, &Decision> = BTreeMap::new();
    for decision in decisions {
        let known = standing.get(&decision.suggestion);
        if known.is_none_or(|known| known.number < decision.number) {
            standing.insert(&decision.suggestion, decision);
        }
    }
    standing
}

/// Where a suggestion stands.
pub fn state(
    suggestion: &SuggestionId,
    standing: &BTreeMap<&SuggestionId, &Decision>,
) -> SuggestionState {
    let decision = standing.get(suggestion);
    decision.map_or(SuggestionState::Open, |decision| decision.state)
}

#[cfg(test)]
pub mod testing {
    //! What was said and decided, for the tests of this folder and its users.

    use crate::model::{
        Cadence, Decision, FindingKind, Said, SuggestionKind, SuggestionState, TopicId, TrendState,
    };
    use crate::reconcile::testing::week;
    use chrono::TimeDelta;

    /// The suggestion `rule` of topic `t1`, as the weekly digest made it so many weeks ago.
    pub fn said(rule: &str, weeks_ago: i64, conversations: u64) -> Said {
        let topic = TopicId::from("t1");
        let end = week().end - TimeDelta::weeks(weeks_ago);
        Said {
            suggestion: super::new_id(&topic, rule, "2026-W01"),
            topic,
            label: "label of t1".to_owned(),
            rule: rule.to_owned(),
            kind: SuggestionKind::Process,
            owner: "operations".to_owned(),
            sentence: "It is so.".to_owned(),
            cadence: Cadence::Weekly,
            window: format!("2026-W{:02}", 13 - weeks_ago),
            end,
            trend: TrendState::Steady,
            findings: vec![FindingKind::Hidden],
            conversations,
        }
    }

    /// A decision about it, so many days before the end of the week.
    pub fn decided(said: &Said, state: SuggestionState, days_ago: i64) -> Decision {
        Decision {
            number: 100 - days_ago,
            at: week().end - TimeDelta::days(days_ago) + TimeDelta::hours(9),
            by: "Anna".to_owned(),
            suggestion: said.suggestion.clone(),
            state,
            note: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{decided, said};
    use super::*;
    use SuggestionState::{Accepted, Done, Open, Rejected};

    #[test]
    fn states_follow_each_other_as_work_does() {
        let allowed = [
            (Open, Accepted),
            (Open, Rejected),
            (Open, Done),
            (Accepted, Rejected),
            (Accepted, Done),
            (Rejected, Accepted),
            (Done, Accepted),
        ];
        for from in SuggestionState::ALL {
            for to in SuggestionState::ALL {
                let is_allowed = decide(from, to).is_ok();
                assert_eq!(
                    is_allowed,
                    allowed.contains(&(from, to)),
                    "{from:?} to {to:?}"
                );
            }
        }
    }

    #[test]
    fn the_last_word_of_each_cadence_is_kept() {
        let (old, new) = (said("rising", 5, 8), said("rising", 2, 9));
        let mut daily = said("rising", 3, 4);
        daily.cadence = Cadence::Daily;
        let found = latest(vec![new.clone(), old, daily.clone()], Cadence::Weekly);
        assert_eq!(found, [daily, new]);
    }

    #[test]
    fn the_last_decision_stands() {
        let one = said("rising", 2, 8);
        let decisions = [decided(&one, Done, 3), decided(&one, Accepted, 9)];
        assert_eq!(state(&one.suggestion, &standing(&decisions)), Done);
        assert_eq!(state(&one.suggestion, &standing(&[])), Open);
    }
}
