//! What counting needs of a conversation, and nothing more: no words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{ConversationKey, Exclusion, Kind, TopicId};

/// The one state that a conversation has in its window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Assigned to one topic.
    Assigned(TopicId),
    /// Counts, but belongs to no topic.
    Unassigned,
    /// Does not count, with the reason.
    Excluded(Exclusion),
}

impl State {
    /// The name in files: `assigned`, `unassigned` or `excluded:spam`.
    pub fn name(&self) -> String {
        match self {
            State::Assigned(_) => "assigned".to_owned(),
            State::Unassigned => "unassigned".to_owned(),
            State::Excluded(reason) => format!("excluded:{}", reason.as_str()),
        }
    }
}

/// What a source said of a conversation before it said something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When Groundswell heard of the change.
    pub until: DateTime<Utc>,
    /// When it was opened, as it was told then.
    pub created_at: DateTime<Utc>,
    /// When it was solved or closed, as it was told then.
    pub closed_at: Option<DateTime<Utc>>,
    /// The official category then.
    pub category: Option<String>,
    /// Why it did not count, if it did not.
    pub exclusion: Option<Exclusion>,
}

/// A conversation as counting sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Which conversation.
    pub key: ConversationKey,
    /// Ticket or call note.
    pub kind: Kind,
    /// When it was opened: decides its window.
    pub created_at: DateTime<Utc>,
    /// When it was solved or closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// When Groundswell first stored it: tells late arrivals from early ones.
    pub stored_at: DateTime<Utc>,
    /// The official category.
    pub category: Option<String>,
    /// Who the customer is: the requester, else the account.
    pub customer: Option<String>,
    /// The customer's account.
    pub account: Option<String>,
    /// The product, where known.
    pub product: Option<String>,
    /// Satisfaction, 0 to 1.
    pub csat: Option<f64>,
    /// How often it was reopened.
    pub reopens: u32,
    /// The helpdesk's free tags.
    pub tags: Vec<String>,
    /// What the source said of it before, oldest first, as far as that matters to a report.
    pub earlier: Vec<Earlier>,
    /// Those of its other fields that a team's filter asks for, by name.
    pub attributes: BTreeMap<String, String>,
    /// Its state.
    pub state: State,
}
