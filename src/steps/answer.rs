//! Takes one answer of a reader: checks that what it names is there, and adds it to the log.

use chrono::{DateTime, Utc};

use crate::answers::{self, Answer, AnswerKind, Asked, Said};
use crate::config::Config;
use crate::model::{DigestId, TopicId};
use crate::store::Store;

/// Why an answer is not taken; for whoever sent it, not for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it names is not there.
    NotFound(&'static str),
    /// It makes no sense here.
    Wrong(String),
}

/// Adds an answer to the log, if what it names is there.
pub async fn answer(
    store: &Store,
    config: &Config,
    said: &Said,
    now: DateTime<Utc>,
) -> anyhow::Result<Result<Answer, Refusal>> {
    if let Some(refusal) = refusal(store, config, said).await? {
        return Ok(Err(refusal));
    }
    let Some(answer) = store.add_answer(said, now).await? else {
        let sentence = "there is no such answer to undo, or it was undone before";
        return Ok(Err(Refusal::Wrong(sentence.to_owned())));
    };
    log(&answer);
    Ok(Ok(answer))
}

/// One line in the log, without a word or a name of anybody.
pub fn log(answer: &Answer) {
    let (number, kind, via) = (answer.number, answer.said.kind.as_str(), answer.said.via);
    tracing::info!(
        answer.number = number,
        answer.kind = kind,
        answer.via = via.as_str(),
        "a reader answered"
    );
}

async fn refusal(store: &Store, config: &Config, said: &Said) -> anyhow::Result<Option<Refusal>> {
    if let Some(topic) = &said.topic
        && !is_known(store, topic).await?
    {
        return Ok(Some(Refusal::NotFound("topic")));
    }
    if let (Some(digest), Some(topic)) = (&said.digest, &said.topic)
        && let Some(refusal) = not_in_digest(store, digest, topic).await?
    {
        return Ok(Some(refusal));
    }
    Ok(match &said.kind {
        AnswerKind::Pin { conversation } => match store.conversation(conversation).await? {
            None => Some(Refusal::NotFound("conversation")),
            Some(stored) if stored.conversation.exclusion.is_some() => {
                let sentence = "this conversation does not count, so it proves nothing";
                Some(Refusal::Wrong(sentence.to_owned()))
            }
            Some(_) => None,
        },
        AnswerKind::Ask { name, query } => {
            if let Err(sentence) = crate::search::check(query, &config.calendar) {
                return Ok(Some(Refusal::Wrong(sentence)));
            }
            let asked = answers::asked(&store.answers().await?);
            cannot_ask(&asked, name, config.answers.asked_max)
        }
        AnswerKind::Confirm | AnswerKind::Dispute { .. } | AnswerKind::Undo { .. } => None,
    })
}

fn cannot_ask(asked: &[Asked], name: &str, most: usize) -> Option<Refusal> {
    let is_same = |asked: &Asked| asked.name.to_lowercase() == name.to_lowercase();
    if asked.iter().any(is_same) {
        let sentence = "a topic of this name is asked for already; drop it, or choose another name";
        return Some(Refusal::Wrong(sentence.to_owned()));
    }
    (asked.len() >= most).then(|| {
        Refusal::Wrong(format!(
            "{most} topics are asked for already; drop one, or raise answers.asked_max"
        ))
    })
}

/// Whether a topic exists, or went into one that does.
async fn is_known(store: &Store, topic: &TopicId) -> anyhow::Result<bool> {
    let registry = super::registry_of(store).await?;
    let edited = registry.edited();
    Ok(registry.find(edited.resolve(topic)).is_some())
}

async fn not_in_digest(
    store: &Store,
    digest: &DigestId,
    topic: &TopicId,
) -> anyhow::Result<Option<Refusal>> {
    let Some((digest, _)) = store.digest(digest).await? else {
        return Ok(Some(Refusal::NotFound("digest")));
    };
    let is_in = digest.items.iter().any(|item| item.topic_id == *topic);
    Ok((!is_in).then(|| Refusal::Wrong("this digest has no item about this topic".to_owned())))
}
