//! What a page, a program, a command or a link hands in, checked and made fit to be kept. Pure.

use serde::Deserialize;

use super::{AnswerKind, Said, Via};
use crate::ingest::redact;
use crate::model::{ConversationKey, DigestId, Text, TopicId};

/// Letters of a name, of an asked topic or of a person.
pub const NAME_MAX: usize = 80;
/// Letters of a reason; more is cut.
pub const REASON_MAX: usize = 500;
/// Letters of a saved search.
pub const QUERY_MAX: usize = 300;
/// Letters of an id or a key; no real one comes near.
const ID_MAX: usize = 400;

/// An answer as it comes in: the API's JSON, a form's fields. Which are needed depends on the kind.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// `confirm`, `dispute`, `pin`, `ask` or `undo`.
    pub kind: String,
    /// Who answers.
    pub by: String,
    /// The digest that is answered.
    pub digest: String,
    /// The topic.
    pub topic: String,
    /// Why it is disputed.
    pub reason: String,
    /// The conversation that is evidence, `source/id`.
    pub conversation: String,
    /// The name of the topic that is asked for.
    pub name: String,
    /// Its search.
    pub query: String,
    /// The answer that is taken back.
    pub number: Option<i64>,
}

/// Leaves all that people wrote out.
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Given({})", self.kind)
    }
}

impl Given {
    /// The answer, ready to be kept; or what is wrong with it, in a sentence that repeats nothing that was written.
    pub fn check(&self, via: Via, with_names: bool) -> Result<Said, String> {
        let by = one_line(&self.by);
        if by.is_empty() {
            return Err("say who answers: by is empty".to_owned());
        }
        short("by", &by, NAME_MAX)?;
        for (name, text) in [("digest", &self.digest), ("topic", &self.topic)] {
            short(name, text.trim(), ID_MAX)?;
        }
        let (digest, topic) = (self.digest.trim(), self.topic.trim());
        let kind = self.kind(with_names)?;
        let is_about_topic = kind.is_vote() || matches!(kind, AnswerKind::Pin { .. });
        if is_about_topic && topic.is_empty() {
            return Err(format!("say which topic to {}", kind.as_str()));
        }
        Ok(Said {
            by,
            via,
            digest: (is_about_topic && !digest.is_empty()).then(|| DigestId::from(digest)),
            topic: is_about_topic.then(|| TopicId::from(topic)),
            kind,
        })
    }

    fn kind(&self, with_names: bool) -> Result<AnswerKind, String> {
        Ok(match self.kind.trim() {
            "confirm" => AnswerKind::Confirm,
            "dispute" => AnswerKind::Dispute {
                reason: reason(&self.reason, with_names),
            },
            "pin" => AnswerKind::Pin {
                conversation: self.key()?,
            },
            "ask" => self.ask(with_names)?,
            "undo" => AnswerKind::Undo {
                number: self
                    .number
                    .ok_or("say which answer to undo: number is missing")?,
            },
            _ => return Err("kind is confirm, dispute, pin, ask or undo".to_owned()),
        })
    }

    fn key(&self) -> Result<ConversationKey, String> {
        let text = self.conversation.trim();
        short("conversation", text, ID_MAX)?;
        ConversationKey::parse(text)
            .ok_or_else(|| "conversation is a key such as desk/4711".to_owned())
    }

    fn ask(&self, with_names: bool) -> Result<AnswerKind, String> {
        let (name, query) = (one_line(&self.name), one_line(&self.query));
        if name.is_empty() || query.is_empty() {
            return Err("an asked topic needs a name and a query".to_owned());
        }
        short("name", &name, NAME_MAX)?;
        short("query", &query, QUERY_MAX)?;
        // What is stored is redacted, so that such a search could never find anything; and it would be kept as it is.
        if redact(&query, false) != query {
            let sentence = "the query holds a mail address, a number or something else that is never stored here, \
                            so it would find nothing; search for other words";
            return Err(sentence.to_owned());
        }
        Ok(AnswerKind::Ask {
            name: redact(&name, with_names),
            query,
        })
    }
}

/// A reason as it is kept: on one line, redacted like a customer's words, and not longer than is read.
pub fn reason(words: &str, with_names: bool) -> Text {
    // Cut before and after: a hostile one must not be redacted at length, and placeholders may lengthen it.
    let line = cut(&one_line(words), 4 * REASON_MAX);
    Text::new(cut(&redact(&line, with_names), REASON_MAX))
}

fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

fn short(name: &str, text: &str, most: usize) -> Result<(), String> {
    match text.chars().count() > most {
        true => Err(format!("{name} is longer than {most} letters")),
        false => Ok(()),
    }
}

/// On one line, without signs that nobody sees.
pub fn one_line(text: &str) -> String {
    let is_hidden = |letter: char| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}');
    let seen: String = text
        .chars()
        .filter(|letter| !is_hidden(*letter))
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(kind: &str) -> Given {
        Given {
            kind: kind.to_owned(),
            by: "Ada".to_owned(),
            topic: "t1".to_owned(),
            conversation: "desk/4711".to_owned(),
            name: "smell".to_owned(),
            query: "smell OR odour".to_owned(),
            number: Some(3),
            ..Given::default()
        }
    }

    #[test]
    fn each_kind_is_read() {
        for kind in ["confirm", "dispute", "pin", "ask", "undo"] {
            let said = given(kind).check(Via::Api, true).unwrap();
            assert_eq!((said.kind.as_str(), said.via), (kind, Via::Api));
            assert_eq!(
                said.topic.is_some(),
                ["confirm", "dispute", "pin"].contains(&kind)
            );
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_without_repeating_it() {
        let check = |change: fn(&mut Given), kind: &str, expected: &str| {
            let mut given = given(kind);
            change(&mut given);
            let error = given.check(Via::Page, true).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        };
        check(
            |g| g.by = " \u{200b}\n".to_owned(),
            "confirm",
            "by is empty",
        );
        check(|g| g.by = "x".repeat(81), "confirm", "by is longer");
        check(
            |g| g.topic = " ".to_owned(),
            "dispute",
            "which topic to dispute",
        );
        check(
            |g| g.conversation = "secret".to_owned(),
            "pin",
            "a key such as",
        );
        check(|g| g.query.clear(), "ask", "needs a name and a query");
        check(
            |g| g.query = "secret@example.org".to_owned(),
            "ask",
            "find nothing",
        );
        check(|g| g.number = None, "undo", "number is missing");
        check(|g| g.kind = "secret".to_owned(), "", "kind is confirm");
    }

    #[test]
    fn reasons_and_names_are_redacted() {
        let kept = reason(
            "Not here.\nCall me at +49 228 123456, Mr. Miller knows",
            true,
        );
        assert!(!kept.as_str().contains("123456") && !kept.as_str().contains("Miller"));
        assert!(kept.as_str().starts_with("Not here. Call me"));
        let mut ask = given("ask");
        ask.name = "what ada@example.org says".to_owned();
        let said = ask.check(Via::Page, true).unwrap();
        assert!(matches!(said.kind, AnswerKind::Ask { name, .. } if name == "what [mail] says"));
    }

    proptest! {
        #[test]
        fn anything_is_checked_and_what_is_kept_is_short(words in "\\PC{0,3000}|[\\x00-\\x7f]{0,3000}") {
            let mut given = given("dispute");
            given.reason = words.clone();
            given.by = words;
            if let Ok(said) = given.check(Via::Page, true) {
                prop_assert!(said.by.chars().count() <= NAME_MAX && !said.by.chars().any(char::is_control));
            }
            let kept = reason(&given.reason, true);
            prop_assert!(kept.as_str().chars().count() <= REASON_MAX + 1);
            prop_assert!(!kept.as_str().contains('\n'));
        }
    }
}
