//! Finds topics, keeps them, names them. Pure: same documents, same answer, whatever their order.

use chrono::{DateTime, Utc};

use crate::config::Section;
use crate::model::{Assignment, ConversationKey, Discovery, Edit, Text, Topic, Vector};

/// What topics see of a conversation.
#[derive(Clone, Debug)]
pub struct Document {
    /// Which conversation.
    pub key: ConversationKey,
    /// Its clean, redacted text.
    pub text: Text,
    /// Its vector.
    pub vector: Vector,
    /// ISO 639-1 code, or empty.
    pub language: String,
    /// Whose it is, so that one customer's repeats do not make a topic.
    pub customer: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// Its topic so far, if it has one.
    pub topic: Option<crate::model::TopicId>,
}

/// The known topics and what people did with them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// All topics, live or not, sorted by id.
    pub topics: Vec<Topic>,
    /// The log of edits, in order.
    pub edits: Vec<Edit>,
}

/// How topics are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {}

impl Params {
    /// Reads the `[topics]` table.
    pub fn read(section: Section<'_>) -> Self {
        section.finish();
        Self {}
    }
}

/// Gives each arrival the known topic that it belongs to, or none. `settled` are documents that have a topic.
pub fn assign(
    arrivals: &[Document],
    settled: &[Document],
    registry: &Registry,
    params: &Params,
) -> Vec<Assignment> {
    let _ = (arrivals, settled, registry, params);
    unimplemented!()
}

/// Finds new topics among documents that have none. The first run, over everything, is the same function with an
/// empty registry.
pub fn discover(
    unassigned: &[Document],
    registry: &Registry,
    params: &Params,
    now: DateTime<Utc>,
) -> Discovery {
    let _ = (unassigned, registry, params, now);
    unimplemented!()
}
