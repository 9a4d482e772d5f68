//! What matters more to customers comes first: one score of each item, and nothing else decides the order.
//!
//! The score is the reach of a topic times what is at stake for those it reaches:
//!
//! `score = log2(1 + customers) * stability * (1 + growing + harmed + unseen + proven)`
//!
//! *Reach*: the customers touched, each with the weight of their account where weights are known. Sizes of topics differ by
//! orders of magnitude, so reach counts by doublings: the second customer is more news than the hundredth. Only the part of a
//! topic that is surely one thing counts, which is its stability.
//!
//! *At stake* are four shares of the topic, each between 0 and 1, so none needs a weight of its own, and none can outweigh
//! the others together: what is above the usual range, what is reopened or rated low beyond the rest, what no line of the
//! official report shows, and what the suggestion is surely about. Nobody has told us that one of them matters more than
//! another; a topic of which nothing of all this holds counts for its reach alone.

use crate::model::FindingKind;

use super::rules::{Claim, TopicFacts};

/// Scores are compared in thousandths: beyond that, nobody should care, and machines may differ.
const PARTS: f64 = 1_000.0;

/// What the score is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stakes {
    /// Customers touched, with the weight of their accounts.
    pub customers: f64,
    /// Share that comes back when a tenth of all conversations is left out.
    pub stability: f64,
    /// Share above the usual range.
    pub growing: f64,
    /// Share that is surely reopened or rated low beyond the rest.
    pub harmed: f64,
    /// Share that no line of the official report shows.
    pub unseen: f64,
    /// Share that the suggestion is surely about.
    pub proven: f64,
}

impl Stakes {
    /// The stakes of a topic for which a rule makes this claim. `usual_weight` is the mean weight of an account.
    pub fn of(facts: &TopicFacts, claim: &Claim, usual_weight: Option<f64>) -> Self {
        let unknown = facts.conversations.saturating_sub(facts.with_customer);
        let weight = match (facts.handling.weights.mean(), usual_weight) {
            (Some(here), Some(usual)) if usual > 0.0 => here / usual,
            _ => 1.0,
        };
        let (count, _, high) = facts.moved();
        let above = (count as f64 - high.max(0.0)) / count.max(1) as f64;
        let beyond = [facts.measured.reopened, facts.measured.unhappy].map(|pair| {
            let is_known = pair.here.all > 0 && pair.elsewhere.all > 0;
            if is_known {
                pair.here.low() - pair.elsewhere.rate()
            } else {
                0.0
            }
        });
        let share = |part: f64| part.clamp(0.0, 1.0);
        Self {
            customers: (facts.customers + unknown) as f64 * weight,
            stability: share(facts.stability.unwrap_or(1.0)),
            growing: if facts.grows() { share(above) } else { 0.0 },
            harmed: share(beyond[0].max(beyond[1])),
            unseen: if facts.has(FindingKind::Hidden) {
                1.0
            } else {
                share(facts.unseen.rate())
            },
            proven: match claim {
                Claim::Share { pair, .. } => share(pair.here.low()),
                Claim::Counted | Claim::Moves | Claim::Begins | Claim::Found => 0.0,
            },
        }
    }

    /// The score, in thousandths.
    pub fn score(&self) -> u64 {
        let reach = (1.0 + self.customers.max(0.0)).log2() * self.stability;
        let stake = 1.0 + self.growing + self.harmed + self.unseen + self.proven;
        (reach * stake * PARTS).round() as u64
    }
}

/// The places of the most important, in their order. Each comes with its score and the rule that words it: what a rule has
/// said before in the same digest is half the news, then a third of it.
pub fn pick(scores: &[(u64, &str)], most: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..scores.len()).collect();
    let mut picked: Vec<usize> = Vec::new();
    while picked.len() < most {
        let news = |place: usize| {
            let (score, rule) = scores[place];
            let same = picked.iter().filter(|other| scores[**other].1 == rule);
            score / (1 + same.count() as u64)
        };
        // The first of those that are as much news.
        let best = left
            .iter()
            .enumerate()
            .max_by_key(|(at, place)| (news(**place), std::cmp::Reverse(*at)));
        let Some(at) = best.map(|(at, _)| at) else {
            break;
        };
        picked.push(left.remove(at));
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::super::rules::testing::{finding, moving, pair, quiet};
    use super::*;
    use crate::model::TrendState;

    fn plain() -> Stakes {
        Stakes {
            customers: 8.0,
            stability: 1.0,
            growing: 0.0,
            harmed: 0.0,
            unseen: 0.0,
            proven: 0.0,
        }
    }

    #[test]
    fn each_stake_raises_the_score_and_doubt_lowers_it() {
        let base = plain().score();
        let more = [
            Stakes {
                customers: 9.0,
                ..plain()
            },
            Stakes {
                growing: 0.1,
                ..plain()
            },
            Stakes {
                harmed: 0.1,
                ..plain()
            },
            Stakes {
                unseen: 0.1,
                ..plain()
            },
            Stakes {
                proven: 0.1,
                ..plain()
            },
        ];
        assert!(more.iter().all(|stakes| stakes.score() > base));
        assert!(
            Stakes {
                stability: 0.9,
                ..plain()
            }
            .score()
                < base
        );
    }

    #[test]
    fn the_order_is_that_of_what_matters() {
        let ordered = [
            (
                "new, unseen, and sure",
                Stakes {
                    growing: 0.8,
                    unseen: 1.0,
                    proven: 0.5,
                    ..plain()
                },
            ),
            (
                "unseen by the official report",
                Stakes {
                    unseen: 1.0,
                    ..plain()
                },
            ),
            (
                "twice as many customers",
                Stakes {
                    customers: 16.0,
                    ..plain()
                },
            ),
            (
                "reopened a little more often",
                Stakes {
                    harmed: 0.2,
                    ..plain()
                },
            ),
            ("nothing but its size", plain()),
            (
                "large but loose",
                Stakes {
                    customers: 16.0,
                    stability: 0.7,
                    ..plain()
                },
            ),
            (
                "one customer",
                Stakes {
                    customers: 1.0,
                    ..plain()
                },
            ),
        ];
        for pair in ordered.windows(2) {
            let [(one, first), (other, second)] = pair else {
                continue;
            };
            assert!(first.score() > second.score(), "{one} before {other}");
        }
    }

    #[test]
    fn stakes_are_taken_from_the_facts() {
        let of = |facts: &TopicFacts| Stakes::of(facts, &Claim::Counted, None);
        assert_eq!(of(&quiet()), plain());
        let mut rising = moving(TrendState::Rising);
        rising.change.high = 6.0;
        assert_eq!(of(&rising).growing, 0.25);
        let hidden = TopicFacts {
            findings: finding(FindingKind::Hidden),
            ..quiet()
        };
        assert_eq!(of(&hidden).unseen, 1.0);
        let mut harmed = quiet();
        harmed.measured.reopened = pair((8, 8), (0, 100));
        assert!(of(&harmed).harmed > 0.6);
        let unknown = TopicFacts {
            with_customer: 5,
            customers: 4,
            ..quiet()
        };
        assert_eq!(
            of(&unknown).customers,
            7.0,
            "each of the three unknown may be another"
        );
    }

    #[test]
    fn what_a_rule_has_said_before_is_less_news() {
        let scores = [(900, "a"), (800, "a"), (500, "b"), (100, "c")];
        assert_eq!(pick(&scores, 3), [0, 2, 1]);
        assert_eq!(pick(&scores, 9), [0, 2, 1, 3]);
        assert_eq!(pick(&[(5, "a"), (5, "b")], 1), [0], "the first of equals");
        assert!(pick(&[], 5).is_empty());
    }
}
