//! What earlier digests said of a topic by the same rule, and whether that is reason enough to say it again.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use crate::model::{
    Calendar, Change, Decision, Finding, FindingKind, Said, SuggestionId, SuggestionState, TopicId,
    TrendState, Window,
};

use super::rate::{Rate, Ratio};
use super::{WATCH_WEEKS, new_id, standing, state};

/// A rejected suggestion comes back when its topic has grown to so many times of what it was, and surely grew.
const REJECTED_FACTOR: u64 = 2;

/// All that was said and decided before, and the window that is composed.
pub struct Past<'a> {
    said: &'a [Said],
    standing: BTreeMap<&'a SuggestionId, &'a Decision>,
    window: &'a Window,
    calendar: &'a Calendar,
    remind_after: u32,
}

/// What is to be said now.
pub struct Now<'a> {
    /// Of which topic.
    pub topic: &'a TopicId,
    /// By which rule.
    pub rule: &'a str,
    /// How it moves.
    pub change: &'a Change,
    /// What stands out beside the official report.
    pub findings: &'a [Finding],
    /// Conversations in the window.
    pub conversations: u64,
}

/// Whether a suggestion may be made now.
#[derive(Clone, Debug, PartialEq)]
pub enum Return {
    /// It may, under this id, and a reader is told what was before.
    Made {
        /// The lasting id.
        id: SuggestionId,
        /// What was said or decided before, a sentence each.
        earlier: Vec<String>,
    },
    /// It was said before, and nothing has changed since.
    Repeated {
        /// In which window.
        window: String,
        /// It comes back after so many more windows.
        again_in: u32,
    },
    /// It was rejected, and has not grown much since.
    Rejected {
        /// When.
        on: NaiveDate,
    },
    /// It was done, and is watched.
    Watched {
        /// When.
        on: NaiveDate,
    },
}

impl<'a> Past<'a> {
    /// The past as it is known when a window is closed.
    pub fn new(
        said: &'a [Said],
        decisions: &'a [Decision],
        window: &'a Window,
        calendar: &'a Calendar,
        remind_after: u32,
    ) -> Self {
        Self {
            said,
            standing: standing(decisions),
            window,
            calendar,
            remind_after,
        }
    }

    /// Whether a suggestion may be made now, and under which id.
    pub fn judge(&self, now: &Now<'_>) -> Return {
        let same = |said: &&Said| said.topic == *now.topic && said.rule == now.rule;
        let same: Vec<&Said> = self.said.iter().filter(same).collect();
        let Some(last) = same.iter().max_by_key(|said| (said.end, &said.suggestion)) else {
            return self.anew(now, Vec::new());
        };
        let decision = self.standing.get(&last.suggestion).copied();
        match state(&last.suggestion, &self.standing) {
            SuggestionState::Rejected => self.after_rejection(now, last, decision),
            SuggestionState::Done => self.after_done(now, last, decision),
            SuggestionState::Open | SuggestionState::Accepted => {
                let here = same
                    .iter()
                    .filter(|said| said.cadence == self.window.cadence);
                let here = here.max_by_key(|said| said.end).copied();
                self.again(now, last, here, decision)
            }
        }
    }

    fn anew(&self, now: &Now<'_>, earlier: Vec<String>) -> Return {
        Return::Made {
            id: new_id(now.topic, now.rule, &self.window.key),
            earlier,
        }
    }

    fn day(&self, decision: Option<&Decision>) -> NaiveDate {
        let at = decision.map_or(self.window.start, |decision| decision.at);
        self.calendar.day_of(at)
    }

    fn after_rejection(&self, now: &Now<'_>, last: &Said, decision: Option<&Decision>) -> Return {
        let on = self.day(decision);
        let is_same_cadence = last.cadence == self.window.cadence;
        let is_larger = now.conversations >= REJECTED_FACTOR * last.conversations;
        if is_same_cadence && is_larger && ratio(now, last).is_more() {
            let then = last.conversations;
            let sentence = format!(
                "It was rejected on {on}, with {then} conversations in {}; now it is at least {REJECTED_FACTOR} times as large.",
                last.window
            );
            return self.anew(now, vec![sentence]);
        }
        Return::Rejected { on }
    }

    fn after_done(&self, now: &Now<'_>, last: &Said, decision: Option<&Decision>) -> Return {
        let on = self.day(decision);
        let over = on + TimeDelta::weeks(WATCH_WEEKS);
        let grows = matches!(
            now.change.state,
            TrendState::New | TrendState::Rising | TrendState::Back
        );
        if grows || self.calendar.day_of(self.window.end) > over {
            let window = &last.window;
            let sentence = format!("It was said in {window} and done on {on}; here it is again.");
            return self.anew(now, vec![sentence]);
        }
        Return::Watched { on }
    }

    /// Open or accepted: it keeps its id, and is repeated when it changed, or after some windows.
    fn again(
        &self,
        now: &Now<'_>,
        last: &Said,
        here: Option<&Said>,
        decision: Option<&Decision>,
    ) -> Return {
        let id = last.suggestion.clone();
        let mut earlier: Vec<String> = decision
            .map(|decision| {
                let on = self.day(Some(decision));
                format!("It was {} on {on}.", decision.state.as_str())
            })
            .into_iter()
            .collect();
        let Some(here) = here else {
            return Return::Made { id, earlier };
        };
        let ago = self.windows_since(here);
        let what = changed(now, here);
        if what.is_none() && ago < self.remind_after {
            return Return::Repeated {
                window: here.window.clone(),
                again_in: self.remind_after - ago,
            };
        }
        let what = what.unwrap_or_else(|| "nothing has changed since".to_owned());
        earlier.insert(0, format!("Also in {}: {what}.", here.window));
        Return::Made { id, earlier }
    }

    /// How many windows ago something was said; no more than the reminder asks for.
    fn windows_since(&self, said: &Said) -> u32 {
        let mut window = self.window.clone();
        let mut count = 0;
        while count < self.remind_after && window.end > said.end {
            window = self.calendar.previous(&window);
            count += 1;
        }
        count
    }
}

fn ratio(now: &Now<'_>, then: &Said) -> Ratio {
    let rate = |count| Rate { count, time: 1 };
    Ratio::of(rate(now.conversations), rate(then.conversations))
}

/// What has changed since it was said: how it moves, what the report hides, or surely how many.
fn changed(now: &Now<'_>, then: &Said) -> Option<String> {
    if now.change.state != then.trend {
        let (state, was) = (now.change.state.as_str(), then.trend.as_str());
        return Some(format!("it is {state} now, and was {was}"));
    }
    let kinds: Vec<FindingKind> = now.findings.iter().map(|finding| finding.kind).collect();
    if kinds.iter().any(|kind| !then.findings.contains(kind)) {
        return Some("what stands out beside the official report is new".to_owned());
    }
    let ratio = ratio(now, then);
    (ratio.is_more() || ratio.is_less())
        .then(|| format!("it had {} conversations then", then.conversations))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{decided, said};
    use super::*;
    use crate::reconcile::testing::week;
    use SuggestionState::{Accepted, Done, Rejected};

    struct Case {
        said: Vec<Said>,
        decisions: Vec<Decision>,
        trend: TrendState,
        kinds: Vec<FindingKind>,
        conversations: u64,
    }

    impl Case {
        fn new(said: Vec<Said>) -> Self {
            Self {
                said,
                decisions: Vec::new(),
                trend: TrendState::Steady,
                kinds: vec![FindingKind::Hidden],
                conversations: 10,
            }
        }

        fn judge(&self) -> Return {
            let (window, calendar) = (week(), Calendar::default());
            let past = Past::new(&self.said, &self.decisions, &window, &calendar, 4);
            let change = Change {
                state: self.trend,
                baseline: 8.0,
                windows: 8,
                low: 3.0,
                high: 14.0,
                pair: None,
            };
            let finding = |kind: &FindingKind| Finding::new(*kind, "with other numbers each week");
            past.judge(&Now {
                topic: &TopicId::from("t1"),
                rule: "hidden",
                change: &change,
                findings: &self.kinds.iter().map(finding).collect::<Vec<_>>(),
                conversations: self.conversations,
            })
        }

        fn earlier(&self) -> Vec<String> {
            match self.judge() {
                Return::Made { earlier, .. } => earlier,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_was_never_said_gets_an_id_of_its_own() {
        let id = SuggestionId("t1.hidden.2026-W13".to_owned());
        let earlier = Vec::new();
        let other_rule = said("rising", 1, 10);
        assert_eq!(
            Case::new(vec![other_rule]).judge(),
            Return::Made { id, earlier }
        );
    }

    #[test]
    fn nothing_new_is_not_repeated_until_the_reminder() {
        let repeated = |weeks_ago| Return::Repeated {
            window: format!("2026-W{}", 13 - weeks_ago),
            again_in: 4 - weeks_ago as u32,
        };
        for weeks_ago in [1, 3] {
            let case = Case::new(vec![said("hidden", weeks_ago, 9)]);
            assert_eq!(case.judge(), repeated(weeks_ago));
        }
        let case = Case::new(vec![said("hidden", 4, 9)]);
        assert_eq!(
            case.earlier(),
            ["Also in 2026-W09: nothing has changed since."]
        );
        let Return::Made { id, .. } = case.judge() else {
            panic!("held")
        };
        assert_eq!(id.as_str(), "t1.hidden.2026-W01", "it keeps its id");
    }

    #[test]
    fn what_changed_comes_back_at_once() {
        let mut case = Case::new(vec![said("hidden", 1, 9)]);
        case.trend = TrendState::Rising;
        assert_eq!(
            case.earlier(),
            ["Also in 2026-W12: it is rising now, and was steady."]
        );
        case.trend = TrendState::Steady;
        case.kinds.push(FindingKind::Lumped);
        let new = "Also in 2026-W12: what stands out beside the official report is new.";
        assert_eq!(case.earlier(), [new]);
        case.kinds.clear();
        case.conversations = 40;
        assert_eq!(
            case.earlier(),
            ["Also in 2026-W12: it had 9 conversations then."]
        );
        case.conversations = 14;
        assert!(
            matches!(case.judge(), Return::Repeated { .. }),
            "within what was expected"
        );
    }

    #[test]
    fn another_cadence_says_it_for_itself_under_the_same_id() {
        let mut daily = said("hidden", 1, 2);
        daily.cadence = crate::model::Cadence::Daily;
        let Return::Made { id, earlier } = Case::new(vec![daily]).judge() else {
            panic!("held")
        };
        assert_eq!((id.as_str(), earlier.len()), ("t1.hidden.2026-W01", 0));
    }

    #[test]
    fn a_rejected_one_comes_back_only_when_it_grew_much() {
        let one = said("hidden", 2, 9);
        let mut case = Case::new(vec![one.clone()]);
        case.decisions = vec![decided(&one, Rejected, 10)];
        let on = "2026-03-20".parse().unwrap();
        for (trend, conversations) in [
            (TrendState::Steady, 10),
            (TrendState::Rising, 17),
            (TrendState::Rising, 18),
        ] {
            (case.trend, case.conversations) = (trend, conversations);
            assert_eq!(case.judge(), Return::Rejected { on }, "{conversations}");
        }
        case.conversations = 30;
        assert_eq!(
            case.earlier(),
            [
                "It was rejected on 2026-03-20, with 9 conversations in 2026-W11; now it is at least 2 times as large."
            ]
        );
    }

    #[test]
    fn a_done_one_is_watched_before_it_is_made_again() {
        let one = said("hidden", 9, 9);
        let mut case = Case::new(vec![one.clone()]);
        case.decisions = vec![decided(&one, Done, 20)];
        let on = "2026-03-10".parse().unwrap();
        assert_eq!(case.judge(), Return::Watched { on });
        case.trend = TrendState::Rising;
        let again = "It was said in 2026-W04 and done on 2026-03-10; here it is again.";
        assert_eq!(case.earlier(), [again]);
        case.trend = TrendState::Steady;
        case.decisions = vec![decided(&one, Done, 60)];
        assert_eq!(case.earlier().len(), 1);
    }

    #[test]
    fn an_accepted_one_says_so() {
        let one = said("hidden", 4, 9);
        let mut case = Case::new(vec![one.clone()]);
        case.decisions = vec![decided(&one, Accepted, 10)];
        let expected = [
            "Also in 2026-W09: nothing has changed since.",
            "It was accepted on 2026-03-20.",
        ];
        assert_eq!(case.earlier(), expected);
    }
}
