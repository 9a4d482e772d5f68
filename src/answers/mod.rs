//! What readers answer back: confirm, dispute, pin a conversation as evidence, ask for a topic. Pure.
//!
//! Answers are a log: nothing is changed or taken out, an answer is taken back by a later entry. `given` checks what a
//! page, a program, a command or a link hands in; `token` signs and reads the links in mail and chat; `heard` says what the
//! log comes to for a digest.

pub mod config;
pub mod given;
pub mod heard;
mod row;
pub mod token;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::model::{ConversationKey, DigestId, Text, TopicId};

pub use config::AnswersConfig;
pub use given::Given;
pub use heard::{Heard, TopicHeard, hear};
pub use row::AnswerRow;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its place in the log, from 1.
    pub number: i64,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// What was said, and by whom.
    pub said: Said,
}

/// What was said, by whom, of what.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The name that was given, or the destination that a link was sent to.
    pub by: String,
    /// On which way it came.
    pub via: Via,
    /// The digest that was answered, if it was one.
    pub digest: Option<DigestId>,
    /// The topic that it is about, if it is about one.
    pub topic: Option<TopicId>,
    /// What.
    pub kind: AnswerKind,
}

/// On which way an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// A form on a page.
    Page,
    /// The JSON API.
    Api,
    /// A signed link in a mail or a chat.
    Link,
    /// The command line.
    Command,
}

impl Via {
    /// All ways.
    pub const ALL: [Via; 4] = [Via::Page, Via::Api, Via::Link, Via::Command];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Page => "page",
            Via::Api => "api",
            Via::Link => "link",
            Via::Command => "command",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == text)
    }
}

/// What readers can say.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerKind {
    /// "I hear this, too."
    Confirm,
    /// "This is not what I hear."
    Dispute {
        /// Why, redacted; may be blank.
        reason: Text,
    },
    /// "This conversation shows it."
    Pin {
        /// The evidence.
        conversation: ConversationKey,
    },
    /// "Count this from now on": a saved search.
    Ask {
        /// Its name, redacted.
        name: String,
        /// What is searched for, in our search language.
        query: String,
    },
    /// "I take that back."
    Undo {
        /// The answer that no longer holds.
        number: i64,
    },
}

impl AnswerKind {
    /// The name in tables, files and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            AnswerKind::Confirm => "confirm",
            AnswerKind::Dispute { .. } => "dispute",
            AnswerKind::Pin { .. } => "pin",
            AnswerKind::Ask { .. } => "ask",
            AnswerKind::Undo { .. } => "undo",
        }
    }

    /// Whether it says yes or no to a topic; a person's last such word counts.
    pub fn is_vote(&self) -> bool {
        matches!(self, AnswerKind::Confirm | AnswerKind::Dispute { .. })
    }
}

impl Said {
    /// Who speaks: a person, or a destination whose readers share its links.
    pub fn speaker(&self) -> (bool, String) {
        (self.via == Via::Link, self.by.to_lowercase())
    }
}

/// The numbers of answers that were taken back.
pub fn taken_back<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> BTreeSet<i64> {
    let number = |answer: &Answer| match answer.said.kind {
        AnswerKind::Undo { number } => Some(number),
        _ => None,
    };
    answers.into_iter().filter_map(number).collect()
}

/// The answers that hold: all but those taken back, and the entries that took them back.
pub fn in_force(answers: &[Answer]) -> Vec<&Answer> {
    let undone = taken_back(answers);
    let holds = |answer: &&Answer| {
        !undone.contains(&answer.number) && !matches!(answer.said.kind, AnswerKind::Undo { .. })
    };
    answers.iter().filter(holds).collect()
}

/// A topic that somebody asked for: a saved search. It is known by the number of the answer that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The number of the answer.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// What is searched for.
    pub query: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The topics that are asked for now, oldest first.
pub fn asked(answers: &[Answer]) -> Vec<Asked> {
    let asked = |answer: &Answer| match &answer.said.kind {
        AnswerKind::Ask { name, query } => Some(Asked {
            number: answer.number,
            name: name.clone(),
            query: query.clone(),
            by: answer.said.by.clone(),
            at: answer.at,
        }),
        _ => None,
    };
    in_force(answers).into_iter().filter_map(asked).collect()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// An answer of the first of March 2026, `number` minutes after midnight.
    pub fn answer(number: i64, by: &str, topic: &str, kind: AnswerKind) -> Answer {
        let midnight: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
        Answer {
            number,
            at: midnight + chrono::TimeDelta::minutes(number),
            said: Said {
                by: by.to_owned(),
                via: Via::Page,
                digest: None,
                topic: (!topic.is_empty()).then(|| TopicId::from(topic)),
                kind,
            },
        }
    }

    pub fn dispute(reason: &str) -> AnswerKind {
        AnswerKind::Dispute {
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_was_taken_back_no_longer_holds() {
        let log = [
            answer(1, "Ada", "t1", AnswerKind::Confirm),
            answer(2, "Bo", "t1", dispute("no")),
            answer(3, "Bo", "", AnswerKind::Undo { number: 2 }),
        ];
        let numbers: Vec<i64> = in_force(&log).iter().map(|answer| answer.number).collect();
        assert_eq!(numbers, [1]);
    }

    #[test]
    fn an_asked_topic_is_dropped_by_taking_the_question_back() {
        let ask = |name: &str| AnswerKind::Ask {
            name: name.to_owned(),
            query: "smell".to_owned(),
        };
        let mut log = vec![
            answer(1, "Ada", "", ask("smell of gas")),
            answer(2, "Bo", "", ask("smell of oil")),
        ];
        assert_eq!(asked(&log).len(), 2);
        log.push(answer(3, "Ada", "", AnswerKind::Undo { number: 1 }));
        let left = asked(&log);
        assert_eq!((left.len(), left[0].name.as_str()), (1, "smell of oil"));
    }

    #[test]
    fn a_reason_is_never_shown_by_debug() {
        let log = answer(1, "Ada", "t1", dispute("the word of a customer"));
        assert!(!format!("{log:?}").contains("customer"));
    }
}
