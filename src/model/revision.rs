//! What an earlier digest said and is different now.

use serde::{Deserialize, Serialize};

use super::TopicId;

/// A number of an earlier digest that is different now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The earlier window's key.
    pub window: String,
    /// What was published.
    pub was: u64,
    /// What it is now.
    pub now: u64,
    /// Conversations opened in that window that arrived after it was published.
    pub arrived_late: u64,
    /// Topics that its digest told of and that have another number of its conversations now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<RevisedTopic>,
}

/// A topic's number of an earlier digest that is different now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisedTopic {
    /// The topic.
    pub topic_id: TopicId,
    /// Its label when it was told.
    pub label: String,
    /// What was published.
    pub was: u64,
    /// What it is now.
    pub now: u64,
}
