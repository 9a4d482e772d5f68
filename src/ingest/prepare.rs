//! One pulled conversation, made ready to be stored: cleaned, redacted, with a pseudonym for the
//! person, the text that analysis reads, and whether it counts at all. Pure.

use sha2::{Digest as _, Sha256};

use super::{IngestConfig, clean, language, phrases, redact};
use crate::model::{Author, Conversation, Exclusion, Message, Stored, Text, Visibility};

/// A conversation keeps this many messages: the first and the last half.
const MESSAGES_MAX: usize = 400;

/// A stored message keeps this much: its start and its end.
const MESSAGE_CHARS_MAX: usize = 20_000;

/// A stored subject is cut here.
const SUBJECT_CHARS_MAX: usize = 300;

/// A stored attribute is cut here.
const ATTRIBUTE_CHARS_MAX: usize = 500;

/// An automatic mail that is told by its text alone is shorter than this.
const AUTOMATIC_CHARS_MAX: usize = 600;

/// The conversation as it will lie in the store.
pub fn prepare(mut conversation: Conversation, config: &IngestConfig) -> Stored {
    let is_automatic = is_automatic(&conversation);
    let redacted = |text: &str| redact::redact(text, config.with_names);
    let subject = clean::clean_subject(conversation.subject.as_str());
    conversation.subject = Text::new(cut(&redacted(&subject), SUBJECT_CHARS_MAX));
    let messages = halves(std::mem::take(&mut conversation.messages), MESSAGES_MAX);
    conversation.messages = messages
        .into_iter()
        .map(|message| {
            let cleaned = clean::clean(message.text.as_str(), &config.templates);
            let text = Text::new(bounded(&redacted(&cleaned), MESSAGE_CHARS_MAX));
            Message { text, ..message }
        })
        .filter(|message| !message.text.is_blank())
        .collect();
    let text = compose(&conversation, config.text_chars_max);
    conversation.exclusion = conversation.exclusion.or_else(|| {
        if is_spam(&conversation) {
            Some(Exclusion::Spam)
        } else if is_automatic {
            Some(Exclusion::Automatic)
        } else {
            (!clean::has_words(&text)).then_some(Exclusion::Empty)
        }
    });
    hide_identity(&mut conversation, config);
    Stored {
        text_hash: hex(&Sha256::digest(text.as_bytes())),
        language: language::detect(&text, &config.default_language),
        text: Text::new(text),
        conversation,
    }
}

/// Who asked, as a pseudonym: the same person always gets the same one, and a mail address or a
/// number cannot be read back. The helpdesk's own short ids stay.
pub fn pseudonym(requester: &str, config: &IngestConfig) -> String {
    let requester = requester.trim();
    if !is_personal(requester) {
        return requester.to_owned();
    }
    let canonical = if requester.contains('@') || requester.chars().any(char::is_alphabetic) {
        requester
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    } else {
        requester.chars().filter(char::is_ascii_digit).collect()
    };
    let mut hash = Sha256::new();
    hash.update(config.pseudonym_key.as_bytes());
    hash.update(canonical.as_bytes());
    format!("customer-{}", &hex(&hash.finalize())[..12])
}

/// A mail address, a telephone number, or a name of several words.
fn is_personal(requester: &str) -> bool {
    let digits = requester.chars().filter(char::is_ascii_digit).count();
    let is_number = digits >= 7 && !requester.chars().any(char::is_alphabetic);
    requester.contains('@') || is_number || requester.contains(' ')
}

fn hide_identity(conversation: &mut Conversation, config: &IngestConfig) {
    let hidden = |text: &str| redact::redact(text, false);
    conversation.requester = conversation
        .requester
        .take()
        .map(|requester| pseudonym(&requester, config))
        .filter(|r| !r.is_empty());
    conversation.account = conversation.account.take().map(|account| hidden(&account));
    for tag in &mut conversation.tags {
        *tag = hidden(tag);
    }
    for value in conversation.attributes.values_mut() {
        *value = cut(&hidden(value), ATTRIBUTE_CHARS_MAX);
    }
    let is_link = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    conversation.url = conversation.url.take().filter(is_link);
}

/// The text that is indexed and embedded: subject, then the customer's words, then the team's notes,
/// then its answers. A long thread keeps its start and its end.
fn compose(conversation: &Conversation, chars_max: usize) -> String {
    let rank = |message: &Message| match (message.author, message.visibility) {
        (Author::Customer, _) => Some(0),
        (Author::Agent, Visibility::Internal) => Some(1),
        (Author::Agent, Visibility::Public) => Some(2),
        (Author::System, _) => None,
    };
    let mut parts: Vec<&str> = Vec::new();
    for wanted in 0..=2 {
        let chosen = conversation
            .messages
            .iter()
            .filter(|message| rank(message) == Some(wanted));
        parts.extend(chosen.map(|message| message.text.as_str()));
    }
    let subject = conversation.subject.as_str();
    let is_repeated = parts
        .first()
        .is_some_and(|first| first.starts_with(subject));
    if !subject.is_empty() && !is_repeated {
        parts.insert(0, subject);
    }
    bounded(&parts.join("\n"), chars_max)
}

/// Two thirds from the start and one third from the end, cut between words.
fn bounded(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return text.to_owned();
    }
    let place = |chars: usize| {
        text.char_indices()
            .nth(chars)
            .map_or(text.len(), |(at, _)| at)
    };
    let head = &text[..place(chars_max * 2 / 3)];
    let tail = &text[place(count - chars_max / 3)..];
    let head = head
        .rfind(char::is_whitespace)
        .map_or(head, |at| &head[..at]);
    let tail = tail
        .find(char::is_whitespace)
        .map_or(tail, |at| &tail[at..]);
    format!("{}\n…\n{}", head.trim_end(), tail.trim_start())
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((place, _)) => format!("{}…", text[..place].trim_end()),
        None => text.to_owned(),
    }
}

fn halves<T>(mut items: Vec<T>, most: usize) -> Vec<T> {
    if items.len() > most {
        let end = items.len() - most / 2;
        items.drain(most / 2..end);
    }
    items
}

fn is_spam(conversation: &Conversation) -> bool {
    let says_spam = |text: &String| ["spam", "junk"].contains(&text.to_lowercase().as_str());
    conversation.tags.iter().any(says_spam) || conversation.status.as_ref().is_some_and(says_spam)
}

/// Whether no person wrote it: an out-of-office answer, a delivery failure, a robot's notice.
fn is_automatic(conversation: &Conversation) -> bool {
    let by = |author| {
        conversation
            .messages
            .iter()
            .filter(move |m| m.author == author)
    };
    let from_robot = |requester: &String| phrases::ROBOT_ADDRESS.is_match(requester);
    if conversation.requester.as_ref().is_some_and(from_robot) {
        return true;
    }
    let people = by(Author::Customer).count() + by(Author::Agent).count();
    if people == 0 {
        return !conversation.messages.is_empty();
    }
    if by(Author::Customer).count() > 1 {
        return false;
    }
    let subject = phrases::REPLY_PREFIX.replace(conversation.subject.as_str(), "");
    if phrases::AUTOMATIC_SUBJECT.is_match(&subject) {
        return true;
    }
    by(Author::Customer).next().is_some_and(|message| {
        let text = message.text.as_str().trim();
        text.chars().count() <= AUTOMATIC_CHARS_MAX
            && phrases::AUTOMATIC_TEXT.is_match(text)
            && phrases::AUTOMATIC_COMPANION.is_match(text)
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string does not fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConversationKey, Kind};

    fn message(author: Author, visibility: Visibility, text: &str) -> Message {
        Message {
            at: None,
            author,
            visibility,
            text: text.into(),
        }
    }

    fn customer(text: &str) -> Message {
        message(Author::Customer, Visibility::Public, text)
    }

    fn conversation(subject: &str, messages: Vec<Message>) -> Conversation {
        let at = "2026-03-02T09:12:00Z".parse().unwrap();
        let mut conversation = Conversation::new(ConversationKey::new("desk", "1"), at);
        conversation.subject = subject.into();
        conversation.messages = messages;
        conversation
    }

    fn prepared(subject: &str, messages: Vec<Message>) -> Stored {
        prepare(conversation(subject, messages), &IngestConfig::default())
    }

    #[test]
    fn the_text_has_the_customer_first_then_notes_then_answers() {
        let stored = prepared(
            "Re: Leak",
            vec![
                customer("The valve leaks"),
                message(Author::Agent, Visibility::Public, "Which model?"),
                message(Author::System, Visibility::Internal, "assigned to Tom"),
                customer("Aura 9\n\nOn Monday, 2 March, Service wrote:\n> Which model?"),
                message(
                    Author::Agent,
                    Visibility::Internal,
                    "cust angry, cb 01632 960123",
                ),
            ],
        );
        let expected = "Leak\nThe valve leaks\nAura 9\ncust angry, cb [phone]\nWhich model?";
        assert_eq!(stored.text.as_str(), expected);
        assert_eq!(stored.language, "en");
        assert_eq!(stored.text_hash.len(), 64);
        assert_eq!(stored.conversation.exclusion, None);
        assert_eq!(stored.conversation.messages.len(), 5);
    }

    #[test]
    fn a_long_thread_keeps_its_start_and_its_end() {
        let long = format!("start {} end", "word ".repeat(5_000));
        let stored = prepared("", vec![customer(&long)]);
        let text = stored.text.as_str();
        assert!(text.chars().count() <= 8_003, "{}", text.len());
        assert!(text.starts_with("start word") && text.ends_with("word  end"));
        assert!(text.contains("\n…\n"));
    }

    #[test]
    fn persons_become_pseudonyms_and_ids_stay() {
        let config = IngestConfig::default();
        let mail = pseudonym("Anna.Mueller@Example.com ", &config);
        assert_eq!(mail, pseudonym("anna.mueller@example.com", &config));
        assert!(mail.starts_with("customer-") && mail.len() == 21);
        assert_eq!(
            pseudonym("+44 7700 900123", &config),
            pseudonym("447700900123", &config)
        );
        assert_eq!(pseudonym("4711", &config), "4711");
        assert_eq!(pseudonym("acme-17", &config), "acme-17");
        assert_eq!(pseudonym(&mail, &config), mail);
        let keyed = IngestConfig {
            pseudonym_key: "k".into(),
            ..IngestConfig::default()
        };
        assert_ne!(pseudonym("anna.mueller@example.com", &keyed), mail);
    }

    #[test]
    fn what_does_not_count_says_why() {
        let exclusion =
            |subject: &str, messages| prepared(subject, messages).conversation.exclusion;
        let automatic = Some(Exclusion::Automatic);
        assert_eq!(
            exclusion(
                "Automatic reply: invoice",
                vec![customer("The office is closed")]
            ),
            automatic
        );
        assert_eq!(
            exclusion("Auto: Out of office", vec![customer("Back Monday")]),
            automatic
        );
        assert_eq!(
            exclusion("Re: Abwesenheitsnotiz", vec![customer("Bin im Urlaub")]),
            automatic
        );
        assert_eq!(
            exclusion("Visit", vec![customer("I am out of office until Monday.")]),
            automatic
        );
        assert_eq!(
            exclusion("Undelivered Mail Returned to Sender", vec![customer("x")]),
            automatic
        );
        assert_eq!(
            exclusion(
                "job",
                vec![message(
                    Author::System,
                    Visibility::Internal,
                    "closed by rule"
                )]
            ),
            automatic
        );
        assert_eq!(
            exclusion("", vec![customer("-- \n")]),
            Some(Exclusion::Empty)
        );
        assert_eq!(exclusion("", vec![]), Some(Exclusion::Empty));
        assert_eq!(
            exclusion("[rt.test #1]", vec![customer("a@b.example")]),
            Some(Exclusion::Empty)
        );
        let mut spam = conversation("Buy", vec![customer("cheap")]);
        spam.tags = vec!["SPAM".into()];
        let stored = prepare(spam, &IngestConfig::default());
        assert_eq!(stored.conversation.exclusion, Some(Exclusion::Spam));
    }

    #[test]
    fn what_only_sounds_automatic_counts() {
        for (subject, text) in [
            ("Auto-mode keeps switching off", "since the update"),
            ("Abwesenheitsmodus geht nicht", "Die Anlage heizt weiter"),
            ("Out of hot water", "every morning"),
            ("Delivery of the part failed", "nobody came"),
            ("Heating", "I am at home until Monday, please come"),
        ] {
            assert_eq!(
                prepared(subject, vec![customer(text)])
                    .conversation
                    .exclusion,
                None,
                "{subject}"
            );
        }
    }

    #[test]
    fn no_identity_is_left_in_any_field() {
        let mut raw = conversation(
            "from anna@example.com",
            vec![customer("ring +44 7700 900123")],
        );
        raw.requester = Some("anna@example.com".into());
        raw.account = Some("anna@example.com".into());
        raw.tags = vec!["anna@example.com".into()];
        raw.attributes
            .insert("contact".into(), "anna@example.com".into());
        raw.url = Some("javascript:alert(1)".into());
        raw.kind = Kind::CallNote;
        let stored = prepare(raw, &IngestConfig::default());
        let conversation = &stored.conversation;
        let shown = format!(
            "{}{}{:?}{:?}{:?}{:?}{:?}",
            stored.text.as_str(),
            conversation.subject.as_str(),
            conversation.requester,
            conversation.account,
            conversation.tags,
            conversation.attributes,
            conversation.url
        );
        assert!(
            !shown.contains("anna") && !shown.contains("7700") && !shown.contains("javascript"),
            "{shown}"
        );
    }

    #[test]
    fn preparing_again_changes_nothing() {
        let first = prepared(
            "Re: Leak",
            vec![customer("Mail a@b.example\n\nRegards\nAnna")],
        );
        let again = prepare(first.conversation.clone(), &IngestConfig::default());
        assert_eq!(first, again);
    }
}
