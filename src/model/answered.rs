//! What readers answered, as a digest tells it.

use serde::{Deserialize, Serialize};

use super::{ConversationKey, TopicId};

/// What readers answered, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The last answer that this digest saw; the next one tells what came after it.
    pub through: i64,
    /// New words about topics.
    pub topics: Vec<TopicAnswered>,
    /// What readers asked for: saved searches with their counts.
    pub asked: Vec<AskedTopic>,
    /// Answers that were told earlier and taken back since.
    pub withdrawn: u64,
}

impl Answered {
    /// Nobody ever answered.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was answered about one topic since the last digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicAnswered {
    /// The topic.
    pub topic_id: TopicId,
    /// Its label at the time.
    pub label: String,
    /// People who confirmed it.
    pub confirmed: u64,
    /// People who disputed it.
    pub disputed: u64,
    /// Why they dispute it, redacted.
    pub reasons: Vec<String>,
    /// Conversations that were pinned as evidence.
    pub pinned: Vec<ConversationKey>,
    /// What became of it, in a sentence.
    pub outcome: String,
}

/// What readers say of an item's topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemHeard {
    /// People who hear it, too.
    pub confirmed: u64,
    /// People who do not; more of them than of the others, and the item is disputed.
    pub disputed: u64,
    /// Why it is disputed, redacted.
    pub reasons: Vec<String>,
    /// Conversations among the quotes that readers pinned.
    pub pinned: Vec<ConversationKey>,
}

impl ItemHeard {
    /// More people dispute it than confirm it.
    pub fn is_disputed(&self) -> bool {
        self.disputed > self.confirmed
    }
}

/// A topic that readers asked for, as it was counted in a window: a saved search, beside the topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedTopic {
    /// The number of the answer that asked.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// What is searched for.
    pub query: String,
    /// Conversations in the window.
    pub conversations: u64,
    /// Different customers among them.
    pub customers: u64,
    /// Conversations in the last windows, oldest first, this one last.
    pub course: Vec<(String, u64)>,
    /// Whether it was asked for since the last digest.
    pub is_new: bool,
}
