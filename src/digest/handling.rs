//! What the stored conversations of a topic say of how they were handled: how long the first answer took, whether they were
//! passed on, how many messages they took, and how much their accounts weigh.

use chrono::TimeDelta;

use crate::model::{Author, Kind, Stored, Visibility};

use super::certainty::Share;
use super::config::DigestConfig;

/// A first answer after more than a day is late: whoever asked has gone to bed over it.
const REPLY_HOURS_MAX: i64 = 24;
/// A question, an answer, a follow-up, its answer and a thank-you are five; more is a thread that does not end.
const MESSAGES_MAX: usize = 5;
/// The attribute that holds how often a conversation was passed on.
const REASSIGNMENTS: &str = "reassignments";

/// How the conversations that were read were handled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handling {
    /// Answered more than a day after the question, among the tickets whose times are known.
    pub late_reply: Share,
    /// Passed on at least once, among those that say so.
    pub reassigned: Share,
    /// With more than five messages, among the tickets.
    pub long_thread: Share,
    /// Weights of the accounts, one for each conversation whose account has one.
    pub weights: Weights,
}

/// A sum of weights, and of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    sum: f64,
    count: u64,
}

impl Weights {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    /// The mean; nothing of none.
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Handling {
    /// Takes one conversation in.
    pub fn add(&mut self, stored: &Stored, config: &DigestConfig) {
        let conversation = &stored.conversation;
        if let Some(wait) = first_reply(stored) {
            self.late_reply
                .add(wait > TimeDelta::hours(REPLY_HOURS_MAX));
        }
        let times = conversation.attributes.get(REASSIGNMENTS);
        if let Some(times) = times.and_then(|times| times.trim().parse::<u64>().ok()) {
            self.reassigned.add(times > 0);
        }
        let said = conversation.messages.iter().filter(|message| {
            message.author != Author::System && message.visibility == Visibility::Public
        });
        if conversation.kind == Kind::Ticket && !conversation.messages.is_empty() {
            self.long_thread.add(said.count() > MESSAGES_MAX);
        }
        if let Some(weight) = config.weight_of(conversation) {
            self.weights.sum += weight;
            self.weights.count += 1;
        }
    }

    /// These without those, which are among them.
    pub fn without(&self, part: &Self) -> Self {
        Self {
            late_reply: self.late_reply.without(part.late_reply),
            reassigned: self.reassigned.without(part.reassigned),
            long_thread: self.long_thread.without(part.long_thread),
            weights: Weights {
                sum: self.weights.sum - part.weights.sum,
                count: self.weights.count - part.weights.count,
            },
        }
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            late_reply: self.late_reply.plus(other.late_reply),
            reassigned: self.reassigned.plus(other.reassigned),
            long_thread: self.long_thread.plus(other.long_thread),
            weights: self.weights.plus(other.weights),
        }
    }
}

/// How long the customer waited for the first answer: from their first message to the first public one of the team after it.
fn first_reply(stored: &Stored) -> Option<TimeDelta> {
    let conversation = &stored.conversation;
    if conversation.kind != Kind::Ticket {
        return None;
    }
    let public = conversation
        .messages
        .iter()
        .filter(|message| message.visibility == Visibility::Public);
    let at = |author: Author| {
        let of = public
            .clone()
            .filter(move |message| message.author == author);
        of.filter_map(|message| message.at)
    };
    let asked = at(Author::Customer).min()?;
    let answered = at(Author::Agent).filter(|at| *at >= asked).min()?;
    Some(answered - asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conversation, ConversationKey, Message, Text};
    use chrono::{DateTime, Utc};

    fn opened() -> DateTime<Utc> {
        "2026-03-24T08:00:00Z".parse().unwrap()
    }

    fn stored(messages: &[(Author, Visibility, i64)]) -> Stored {
        let mut conversation = Conversation::new(ConversationKey::new("desk", "1"), opened());
        conversation.messages = messages
            .iter()
            .map(|(author, visibility, hours)| Message {
                at: Some(opened() + TimeDelta::hours(*hours)),
                author: *author,
                visibility: *visibility,
                text: Text::from("words"),
            })
            .collect();
        Stored {
            conversation,
            text: Text::from("words"),
            text_hash: String::new(),
            language: String::new(),
        }
    }

    fn of(stored: &Stored, config: &DigestConfig) -> Handling {
        let mut handling = Handling::default();
        handling.add(stored, config);
        handling
    }

    #[test]
    fn the_first_public_answer_ends_the_wait() {
        use Author::{Agent, Customer, System};
        use Visibility::{Internal, Public};
        let late = |messages: &[_]| of(&stored(messages), &DigestConfig::default()).late_reply;
        let asked = (Customer, Public, 0);
        assert_eq!(late(&[asked, (Agent, Public, 24)]), Share::of(0, 1));
        assert_eq!(late(&[asked, (Agent, Public, 25)]), Share::of(1, 1));
        let noted = [
            asked,
            (Agent, Internal, 1),
            (System, Public, 1),
            (Agent, Public, 30),
        ];
        assert_eq!(
            late(&noted),
            Share::of(1, 1),
            "nobody answered the customer before"
        );
        assert_eq!(late(&[(Agent, Public, 0), asked]), Share::of(0, 1));
        assert_eq!(late(&[asked]), Share::default(), "not answered yet");
        let mut call = stored(&[asked, (Agent, Public, 30)]);
        call.conversation.kind = Kind::CallNote;
        assert_eq!(of(&call, &DigestConfig::default()), Handling::default());
    }

    #[test]
    fn long_threads_and_reassignments_are_counted_where_they_are_known() {
        use Author::{Agent, Customer};
        use Visibility::{Internal, Public};
        let mut messages = vec![(Customer, Public, 0); 5];
        messages.push((Agent, Internal, 1));
        assert_eq!(
            of(&stored(&messages), &DigestConfig::default()).long_thread,
            Share::of(0, 1)
        );
        messages.push((Agent, Public, 2));
        let mut long = stored(&messages);
        assert_eq!(
            of(&long, &DigestConfig::default()).long_thread,
            Share::of(1, 1)
        );
        for (given, expected) in [("2", (1, 1)), ("0", (0, 1)), ("often", (0, 0))] {
            let attributes = &mut long.conversation.attributes;
            attributes.insert(REASSIGNMENTS.to_owned(), given.to_owned());
            let found = of(&long, &DigestConfig::default()).reassigned;
            assert_eq!(found, Share::of(expected.0, expected.1), "{given}");
        }
    }

    #[test]
    fn accounts_weigh_what_the_configuration_says() {
        let mut one = stored(&[]);
        let mut config = DigestConfig::default();
        assert_eq!(of(&one, &config).weights.mean(), None);
        config.account_weight = Some("seats".to_owned());
        one.conversation
            .attributes
            .insert("seats".to_owned(), "1,200.5".to_owned());
        assert_eq!(of(&one, &config).weights.mean(), Some(1200.5));
        config.account_weights = [("Acme".to_owned(), 3.0)].into();
        one.conversation.account = Some("Acme".to_owned());
        assert_eq!(
            of(&one, &config).weights.mean(),
            Some(3.0),
            "the table goes before the attribute"
        );
        one.conversation.account = None;
        one.conversation
            .attributes
            .insert("seats".to_owned(), "-3".to_owned());
        assert_eq!(of(&one, &config).weights.mean(), None);
    }
}
