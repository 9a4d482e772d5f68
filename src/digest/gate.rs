//! The gate: for each topic, whether it may be an item of this digest, and if not, why. It asks three things in this order:
//! is it large and steady enough, is it actionable (a rule fires, whose numbers leave no doubt), and is it new since the last
//! digest, or has it changed. Pure; the only place where a topic is held back.

use crate::model::SuggestionId;

use super::config::DigestConfig;
use super::followup::Return;

/// Held topics that are named where nothing passed.
const NEAREST_MAX: usize = 3;

/// What the gate looks at.
#[derive(Clone, Debug)]
pub struct Case {
    /// A person muted it.
    pub is_muted: bool,
    /// Conversations in the window.
    pub conversations: u64,
    /// The most customers that these may be: whoever is not known may be anybody.
    pub customers: u64,
    /// Share of it that comes back when a tenth of all conversations is left out.
    pub stability: Option<f64>,
    /// What the rules say, once its words were read.
    pub read: Read,
}

/// How far a topic was looked at.
#[derive(Clone, Debug)]
pub enum Read {
    /// Only its numbers.
    NotYet,
    /// No rule fires.
    Silent,
    /// A rule fires; whether it may be said now.
    Speaks(Return),
}

/// A topic that passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// The id of its suggestion; empty until its words were read.
    pub id: SuggestionId,
    /// What was said or decided before, a sentence each.
    pub earlier: Vec<String>,
}

/// Why a topic did not pass. The further it came, the later it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// A person muted it.
    Muted,
    /// Too few conversations.
    TooFew,
    /// Too few customers.
    TooFewCustomers(u64),
    /// Chance may have put it together: so many per cent of it come back.
    Loose(u32),
    /// No rule fires.
    NotActionable,
    /// It was rejected, and has not grown much since.
    Rejected(String),
    /// It was done, and is watched.
    Watched(String),
    /// It was said before, and nothing has changed.
    Repeated {
        /// In which window.
        window: String,
        /// It comes back after so many more windows.
        again_in: u32,
    },
}

/// Whether a topic passes.
pub fn verdict(case: &Case, config: &DigestConfig) -> Result<Passed, Held> {
    if case.is_muted {
        return Err(Held::Muted);
    }
    if case.conversations < config.conversations_min {
        return Err(Held::TooFew);
    }
    if case.customers < config.customers_min {
        return Err(Held::TooFewCustomers(case.customers));
    }
    let percent = case.stability.map(|share| (100.0 * share).floor() as u32);
    if let Some(percent) = percent.filter(|percent| *percent < config.stability_percent_min) {
        return Err(Held::Loose(percent));
    }
    let (id, earlier) = match &case.read {
        Read::NotYet => (SuggestionId(String::new()), Vec::new()),
        Read::Silent => return Err(Held::NotActionable),
        Read::Speaks(Return::Made { id, earlier }) => (id.clone(), earlier.clone()),
        Read::Speaks(Return::Rejected { on }) => return Err(Held::Rejected(on.to_string())),
        Read::Speaks(Return::Watched { on }) => return Err(Held::Watched(on.to_string())),
        Read::Speaks(Return::Repeated { window, again_in }) => {
            return Err(Held::Repeated {
                window: window.clone(),
                again_in: *again_in,
            });
        }
    };
    Ok(Passed { id, earlier })
}

impl Held {
    /// Why, in words.
    pub fn sentence(&self, noun: &str, config: &DigestConfig) -> String {
        match self {
            Held::Muted => "a person muted it".to_owned(),
            Held::TooFew => format!("fewer than {} conversations", config.conversations_min),
            Held::TooFewCustomers(customers) => {
                let plural = if *customers == 1 { "" } else { "s" };
                let least = config.customers_min;
                format!("{customers} customer{plural}, fewer than {least}")
            }
            Held::Loose(percent) => format!(
                "only {percent} % of it comes back when a tenth of all conversations is left out; {} % is asked for",
                config.stability_percent_min
            ),
            Held::NotActionable => {
                "nothing stands out: it is not new, rising, hidden or large, and nothing in it is surely more than elsewhere"
                    .to_owned()
            }
            Held::Rejected(on) => {
                format!("what it suggests was rejected on {on}, and it has not grown much since")
            }
            Held::Watched(on) => format!("what it suggests was done on {on}, and it is watched"),
            Held::Repeated { window, again_in } => {
                let plural = if *again_in == 1 { "" } else { "s" };
                format!(
                    "it was said in {window} and nothing has changed since; it comes back in {again_in} {noun}{plural} at the latest"
                )
            }
        }
    }
}

/// A topic that was held back.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTopic {
    /// Its label.
    pub label: String,
    /// Conversations in the window.
    pub conversations: u64,
    /// Why.
    pub held: Held,
}

/// The topics that came nearest to passing, a line each: those that came furthest first, and of these the largest.
pub fn nearest(mut held: Vec<HeldTopic>, noun: &str, config: &DigestConfig) -> Vec<String> {
    held.retain(|topic| topic.conversations > 0 && topic.held != Held::Muted);
    let stage = |held: &Held| match held {
        Held::Muted | Held::TooFew | Held::TooFewCustomers(_) => 0,
        Held::Loose(_) => 1,
        Held::NotActionable => 2,
        Held::Rejected(_) | Held::Watched(_) | Held::Repeated { .. } => 3,
    };
    held.sort_by(|a, b| {
        let further = stage(&b.held).cmp(&stage(&a.held));
        let larger = b.conversations.cmp(&a.conversations);
        further.then(larger).then_with(|| a.label.cmp(&b.label))
    });
    let line = |topic: &HeldTopic| {
        let plural = if topic.conversations == 1 { "" } else { "s" };
        format!(
            "\u{201c}{}\u{201d}, {} conversation{plural}: {}",
            topic.label,
            topic.conversations,
            topic.held.sentence(noun, config)
        )
    };
    held.iter().take(NEAREST_MAX).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn speaks() -> Read {
        Read::Speaks(Return::Made {
            id: SuggestionId("t1.rising.2026-W13".to_owned()),
            earlier: vec!["Also in 2026-W09: nothing has changed since.".to_owned()],
        })
    }

    fn case() -> Case {
        Case {
            is_muted: false,
            conversations: 3,
            customers: 2,
            stability: Some(0.5),
            read: speaks(),
        }
    }

    fn held(case: &Case) -> Held {
        verdict(case, &DigestConfig::default()).unwrap_err()
    }

    #[test]
    fn what_is_just_large_and_steady_enough_and_says_something_passes() {
        let passed = verdict(&case(), &DigestConfig::default()).unwrap();
        assert_eq!(
            (passed.id.as_str(), passed.earlier.len()),
            ("t1.rising.2026-W13", 1)
        );
        let unread = Case {
            read: Read::NotYet,
            stability: None,
            ..case()
        };
        assert!(verdict(&unread, &DigestConfig::default()).is_ok());
    }

    #[test]
    fn each_reason_is_named() {
        let on: NaiveDate = "2026-03-10".parse().unwrap();
        let window = "2026-W12".to_owned();
        let again_in = 3;
        let cases = [
            (
                Case {
                    is_muted: true,
                    ..case()
                },
                Held::Muted,
            ),
            (
                Case {
                    conversations: 2,
                    ..case()
                },
                Held::TooFew,
            ),
            (
                Case {
                    customers: 1,
                    ..case()
                },
                Held::TooFewCustomers(1),
            ),
            (
                Case {
                    stability: Some(0.49),
                    ..case()
                },
                Held::Loose(49),
            ),
            (
                Case {
                    read: Read::Silent,
                    ..case()
                },
                Held::NotActionable,
            ),
            (
                Case {
                    read: Read::Speaks(Return::Rejected { on }),
                    ..case()
                },
                Held::Rejected(on.to_string()),
            ),
            (
                Case {
                    read: Read::Speaks(Return::Watched { on }),
                    ..case()
                },
                Held::Watched(on.to_string()),
            ),
            (
                Case {
                    read: Read::Speaks(Return::Repeated {
                        window: window.clone(),
                        again_in,
                    }),
                    ..case()
                },
                Held::Repeated { window, again_in },
            ),
        ];
        for (case, expected) in cases {
            let found = held(&case);
            assert_eq!(found, expected);
            assert!(!found.sentence("week", &DigestConfig::default()).is_empty());
        }
    }

    #[test]
    fn the_nearest_topics_are_named_with_their_reasons() {
        let topic = |label: &str, conversations, held| HeldTopic {
            label: label.to_owned(),
            conversations,
            held,
        };
        let window = "2026-W12".to_owned();
        let held = vec![
            topic("few", 2, Held::TooFew),
            topic("muted", 90, Held::Muted),
            topic("none", 0, Held::TooFew),
            topic("quiet", 9, Held::NotActionable),
            topic("large and quiet", 30, Held::NotActionable),
            topic(
                "said",
                5,
                Held::Repeated {
                    window,
                    again_in: 1,
                },
            ),
        ];
        let lines = nearest(held, "week", &DigestConfig::default());
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[0],
            "\u{201c}said\u{201d}, 5 conversations: it was said in 2026-W12 and nothing has changed since; it comes back in 1 week at the latest"
        );
        assert!(
            lines[1].starts_with(
                "\u{201c}large and quiet\u{201d}, 30 conversations: nothing stands out"
            )
        );
        assert!(lines[2].starts_with("\u{201c}quiet\u{201d}"));
    }
}
