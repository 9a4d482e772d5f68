//! An answer as it is shown: the same fields on the pages, in the API and with `--json`. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Answer, AnswerKind};
use crate::model::{DigestId, TopicId};

/// An answer as pages, API and commands show it.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerRow {
    /// Its place in the log.
    pub number: i64,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// Who gave it.
    pub by: String,
    /// `page`, `api`, `link` or `command`.
    pub via: &'static str,
    /// `confirm`, `dispute`, `pin`, `ask` or `undo`.
    pub kind: &'static str,
    /// The digest that was answered.
    pub digest: Option<DigestId>,
    /// The topic that it is about.
    pub topic_id: Option<TopicId>,
    /// The topic's label now.
    pub topic: Option<String>,
    /// Why it is disputed.
    pub reason: Option<String>,
    /// The evidence, `source/id`.
    pub conversation: Option<String>,
    /// The name of the topic that was asked for.
    pub name: Option<String>,
    /// Its search.
    pub query: Option<String>,
    /// The answer that it takes back.
    pub undoes: Option<i64>,
    /// Whether it was taken back.
    pub is_taken_back: bool,
}

impl AnswerRow {
    /// The answer with the topic that it is about now, and its label.
    pub fn of(
        answer: &Answer,
        topic_id: Option<TopicId>,
        topic: Option<String>,
        undone: &BTreeSet<i64>,
    ) -> Self {
        let said = &answer.said;
        let mut row = Self {
            number: answer.number,
            at: answer.at,
            by: said.by.clone(),
            via: said.via.as_str(),
            kind: said.kind.as_str(),
            digest: said.digest.clone(),
            topic_id,
            topic,
            reason: None,
            conversation: None,
            name: None,
            query: None,
            undoes: None,
            is_taken_back: undone.contains(&answer.number),
        };
        match &said.kind {
            AnswerKind::Confirm => {}
            AnswerKind::Dispute { reason } => {
                row.reason = Some(reason.as_str().to_owned()).filter(|reason| !reason.is_empty());
            }
            AnswerKind::Pin { conversation } => row.conversation = Some(conversation.to_string()),
            AnswerKind::Ask { name, query } => {
                row.name = Some(name.clone());
                row.query = Some(query.clone());
            }
            AnswerKind::Undo { number } => row.undoes = Some(*number),
        }
        row
    }
}
