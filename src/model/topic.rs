//! Topics: recurring subjects that live across windows, and what people did with them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ConversationKey, TopicId, Vector};

/// A weighted word or phrase of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The word in its most frequent surface form.
    pub word: String,
    /// Its class-based tf-idf weight; larger is more typical.
    pub weight: f64,
}

/// A conversation that stands for its topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// Which conversation.
    pub key: ConversationKey,
    /// Its vector; new arrivals are compared with it. No digest needs it.
    #[serde(skip)]
    pub vector: Vector,
}

/// Whether a topic still takes conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicStatus {
    /// Takes new conversations.
    Live,
    /// Was merged into another one; its id still resolves.
    Merged,
    /// Has had no conversation for as long as reviews look back; takes new ones, and comes back with them.
    Dormant,
}

impl TopicStatus {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            TopicStatus::Live => "live",
            TopicStatus::Merged => "merged",
            TopicStatus::Dormant => "dormant",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        [TopicStatus::Live, TopicStatus::Merged, TopicStatus::Dormant]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A named recurring subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Its id, derived from what it was discovered on; never changes.
    pub id: TopicId,
    /// What people read: never empty, unlike every other live topic's label.
    pub label: String,
    /// The weighted words that tell it from the others, best first.
    pub terms: Vec<Term>,
    /// Typical conversations, different from each other, nearest to the middle first.
    pub exemplars: Vec<Exemplar>,
    /// Exact integer sum of its members' vectors: the direction of its middle. No digest needs it.
    #[serde(skip)]
    pub centre: Vec<i64>,
    /// Least similarity (integer dot product) with which an arrival joins; learnt from its own spread.
    pub threshold: i32,
    /// The broader group it belongs to.
    pub theme_id: TopicId,
    /// The theme's label.
    pub theme: String,
    /// Share that comes back when a tenth of the conversations is left out, 0 to 1; `None` if not measured.
    pub stability: Option<f64>,
    /// Live, merged or dormant.
    pub status: TopicStatus,
    /// When it was discovered.
    pub discovered_at: DateTime<Utc>,
}

/// A conversation's topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Which conversation.
    pub key: ConversationKey,
    /// The topic that it counts in; `None` is an honest "unassigned".
    pub topic: Option<TopicId>,
    /// The topic that it was found in, before people's edits: what an undone edit restores.
    pub found: Option<TopicId>,
    /// Similarity to it, 0 to 1.
    pub score: f64,
    /// A second topic that it also touches.
    pub also: Option<TopicId>,
}

/// What became of a topic in one discovery or review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// Found for the first time.
    New(TopicId),
    /// Came back as it was.
    Kept(TopicId),
    /// Part of an older topic became one of its own.
    SplitFrom {
        /// The new topic.
        topic: TopicId,
        /// The older one.
        from: TopicId,
    },
    /// An older topic went into another.
    MergedInto {
        /// The topic that went away.
        topic: TopicId,
        /// The one that stays.
        into: TopicId,
    },
    /// Had no conversation for as long as reviews look back.
    Dormant(TopicId),
    /// Has conversations again.
    Back(TopicId),
}

/// The outcome of finding topics: the registry's changes and everybody's assignment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// New and changed topics, complete.
    pub topics: Vec<Topic>,
    /// Assignments to be written; one for each conversation looked at.
    pub assignments: Vec<Assignment>,
    /// What became of whom.
    pub lineage: Vec<Lineage>,
}

/// What a person did with the registry. Edits are replayed after every later run and can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Running number in the log of edits.
    pub number: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it, as they gave their name; may be empty.
    pub by: String,
    /// What was done.
    pub kind: EditKind,
    /// Whether it was taken back.
    pub is_undone: bool,
}

/// The kinds of edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditKind {
    /// Another label.
    Rename {
        /// The topic.
        topic: TopicId,
        /// Its new label.
        label: String,
    },
    /// Two topics are one.
    Merge {
        /// The one that goes away.
        topic: TopicId,
        /// The one that stays.
        into: TopicId,
    },
    /// A conversation belongs to this topic, whatever its words say.
    Pin {
        /// The conversation.
        key: ConversationKey,
        /// Its topic.
        topic: TopicId,
    },
    /// Some of a topic's conversations are a topic of their own.
    Split {
        /// The topic, which stays.
        topic: TopicId,
        /// What was split off.
        part: TopicId,
    },
    /// The topic is counted but never put into a digest.
    Mute {
        /// The topic.
        topic: TopicId,
    },
}
