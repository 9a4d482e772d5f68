//! Identifiers as types of their own, so that a topic id cannot stand where a source id belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as it is stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// One configured source, such as `zendesk-eu`.
    SourceId
);
text_id!(
    /// A topic of the registry; stays the same for as long as the topic lives.
    TopicId
);
text_id!(
    /// A published digest, such as `weekly-2026-W13`.
    DigestId
);
text_id!(
    /// A suggestion: its topic, its rule, and the window in which it was first made.
    SuggestionId
);
text_id!(
    /// One configured destination, such as `team-slack`.
    DestinationId
);

/// A conversation's identity: the source and the helpdesk's own id in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationKey {
    /// The source that the conversation was pulled from.
    pub source: SourceId,
    /// The helpdesk's own id.
    pub id: String,
}

impl ConversationKey {
    /// A key from its two parts.
    pub fn new(source: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            source: SourceId(source.into()),
            id: id.into(),
        }
    }

    /// The inverse of `Display`: everything after the first slash is the id.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, id) = text.split_once('/')?;
        (!source.is_empty() && !id.is_empty()).then(|| Self::new(source, id))
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}
