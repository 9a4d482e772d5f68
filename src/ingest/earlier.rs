//! What a vendor does not say each time stays as it was stored. It may give only the newest messages of a long
//! conversation: that never gets shorter because it got longer. And ratings may come in a list of their own.

use std::collections::BTreeMap;

use crate::connectors::Page;
use crate::model::{Conversation, MESSAGES_MISSING, Message, Record};
use crate::store::Store;

/// Whether a page has conversations that say that some of their messages are missing.
pub(super) fn lacks_earlier(page: &Page) -> bool {
    let mut records = page.records.iter();
    records.any(|record| matches!(record, Record::Conversation(one) if lacks_messages(one)))
}

fn lacks_messages(conversation: &Conversation) -> bool {
    conversation.attributes.contains_key(MESSAGES_MISSING)
}

/// Puts earlier messages out of the store back into such conversations.
pub(super) async fn keep_earlier(store: &Store, page: &mut Page) -> anyhow::Result<()> {
    for record in &mut page.records {
        let Record::Conversation(conversation) = record else {
            continue;
        };
        if !lacks_messages(conversation) {
            continue;
        }
        if let Some(stored) = store.conversation(&conversation.key).await? {
            let given = std::mem::take(&mut conversation.messages);
            conversation.messages = joined(stored.conversation.messages, given);
        }
    }
    Ok(())
}

/// Puts ratings out of the store back into conversations that do not say theirs.
pub(super) async fn keep_ratings(store: &Store, page: &mut Page) -> anyhow::Result<()> {
    let unrated = page.records.iter_mut().filter_map(|record| match record {
        Record::Conversation(one) if one.csat.is_none() => Some(one),
        _ => None,
    });
    let unrated: Vec<_> = unrated.collect();
    let keys: Vec<_> = unrated.iter().map(|one| one.key.clone()).collect();
    let stored = store.conversations(&keys).await?;
    let ratings = stored.into_iter().map(|one| one.conversation);
    let ratings: BTreeMap<_, _> = ratings.map(|one| (one.key, one.csat)).collect();
    for conversation in unrated {
        conversation.csat = ratings.get(&conversation.key).copied().flatten();
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
