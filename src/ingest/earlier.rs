//! A vendor may give only the newest messages of a long conversation. What was stored of it before stays: a conversation
//! never gets shorter because it got longer.

use crate::connectors::Page;
use crate::model::{MESSAGES_MISSING, Message, Record};
use crate::store::Store;

/// Puts earlier messages out of the store back into conversations that say that some are missing.
pub(super) async fn keep_earlier(store: &Store, page: &mut Page) -> anyhow::Result<()> {
    for record in &mut page.records {
        let Record::Conversation(conversation) = record else {
            continue;
        };
        if !conversation.attributes.contains_key(MESSAGES_MISSING) {
            continue;
        }
        if let Some(stored) = store.conversation(&conversation.key).await? {
            let given = std::mem::take(&mut conversation.messages);
            conversation.messages = joined(stored.conversation.messages, given);
        }
    }
    Ok(())
}

/// The hole lies behind the first message, which is always given, and before the second: from there on only what was given
/// counts, for something may have been taken back.
fn joined(stored: Vec<Message>, given: Vec<Message>) -> Vec<Message> {
    let (Some(first), second) = (
        given.first().map(|one| one.at),
        given.get(1).map(|one| one.at),
    ) else {
        return stored;
    };
    let is_lost =
        |message: &Message| message.at != first && second.is_none_or(|second| message.at < second);
    let mut messages: Vec<Message> = stored.into_iter().filter(is_lost).collect();
    messages.extend(given);
    messages.sort_by_key(|message| message.at);
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Author, Text, Visibility};
    use chrono::DateTime;

    fn messages(seconds: &[i64], words: &str) -> Vec<Message> {
        let message = |second: &i64| Message {
            at: DateTime::from_timestamp(*second, 0),
            author: Author::Customer,
            visibility: Visibility::Public,
            text: Text::from(format!("{words} {second}")),
        };
        seconds.iter().map(message).collect()
    }

    fn told(messages: &[Message]) -> Vec<&str> {
        messages.iter().map(|one| one.text.as_str()).collect()
    }

    #[test]
    fn what_is_not_given_any_more_stays_and_what_was_taken_back_goes() {
        let stored = messages(&[1, 2, 3, 4, 5], "old");
        // 4 was taken back, 5 was edited.
        let given = messages(&[1, 3, 5, 6], "new");
        let joined = joined(stored, given);
        assert_eq!(told(&joined), ["new 1", "old 2", "new 3", "new 5", "new 6"]);
    }

    #[test]
    fn an_answer_without_any_message_erases_none() {
        assert_eq!(joined(messages(&[1, 2], "old"), Vec::new()).len(), 2);
        assert_eq!(
            told(&joined(messages(&[1, 2], "old"), messages(&[1], "new"))),
            ["new 1", "old 2"]
        );
    }
}
