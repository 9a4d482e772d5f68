//! A conversation: one ticket or one call, with its messages, as pulled from a helpdesk.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{ConversationKey, Text};

/// What the helpdesk calls the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A ticket: mail, form, chat or portal.
    #[default]
    Ticket,
    /// A note written after a call or a visit.
    CallNote,
}

impl Kind {
    /// The name in files, tables and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Ticket => "ticket",
            Kind::CallNote => "call_note",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ticket" => Some(Kind::Ticket),
            "call_note" => Some(Kind::CallNote),
            _ => None,
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// The customer.
    Customer,
    /// Somebody of the service team.
    Agent,
    /// A robot, a rule, the helpdesk itself.
    System,
}

impl Author {
    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Author::Customer => "customer",
            Author::Agent => "agent",
            Author::System => "system",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "customer" => Some(Author::Customer),
            "agent" => Some(Author::Agent),
            "system" => Some(Author::System),
            _ => None,
        }
    }
}

/// Whether the customer can see a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Visibility {
    /// Customer and team see it.
    Public,
    /// Only the team sees it.
    Internal,
}

impl Visibility {
    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Internal => "internal",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "public" => Some(Visibility::Public),
            "internal" => Some(Visibility::Internal),
            _ => None,
        }
    }
}

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was written, where the helpdesk says so.
    pub at: Option<DateTime<Utc>>,
    /// Who wrote it.
    pub author: Author,
    /// Who can see it.
    pub visibility: Visibility,
    /// The words; raw from a connector, cleaned and redacted once stored.
    pub text: Text,
}

/// Why a conversation does not count, though it was pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exclusion {
    /// The helpdesk marked it as spam.
    Spam,
    /// It was deleted in the helpdesk.
    Deleted,
    /// It was merged into another conversation, which counts.
    Merged,
    /// An automatic mail: out of office, delivery failure, notification.
    Automatic,
    /// Nothing is left of it after cleaning.
    Empty,
}

impl Exclusion {
    /// All reasons, in the order in which they are shown.
    pub const ALL: [Exclusion; 5] = [
        Exclusion::Spam,
        Exclusion::Deleted,
        Exclusion::Merged,
        Exclusion::Automatic,
        Exclusion::Empty,
    ];

    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Exclusion::Spam => "spam",
            Exclusion::Deleted => "deleted",
            Exclusion::Merged => "merged",
            Exclusion::Automatic => "automatic",
            Exclusion::Empty => "empty",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// The attribute of a conversation of which the helpdesk gave only the first and the newest messages: how many it left out.
pub const MESSAGES_MISSING: &str = "messages_missing";

/// One customer contact as a connector yields it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Source and external id.
    pub key: ConversationKey,
    /// Ticket or call note.
    pub kind: Kind,
    /// When it was opened; decides the window it counts in.
    pub created_at: DateTime<Utc>,
    /// When the helpdesk last changed it; an older version never replaces a newer one.
    pub updated_at: DateTime<Utc>,
    /// When it was solved or closed, if it is.
    pub closed_at: Option<DateTime<Utc>>,
    /// The helpdesk's own status word.
    pub status: Option<String>,
    /// The subject line; empty for most call notes.
    pub subject: Text,
    /// The entries in order of time.
    pub messages: Vec<Message>,
    /// The official category, the field that the official report is built on.
    pub category: Option<String>,
    /// The helpdesk's free tags.
    pub tags: Vec<String>,
    /// The customer's company or account.
    pub account: Option<String>,
    /// The person who asked; made a pseudonym before it is stored when it is a mail address or a number.
    pub requester: Option<String>,
    /// How the customer wrote: mail, web, chat, phone.
    pub channel: Option<String>,
    /// The product it is about, where the helpdesk has a field for it.
    pub product: Option<String>,
    /// The helpdesk's priority word.
    pub priority: Option<String>,
    /// Satisfaction, 0 (bad) to 1 (good).
    pub csat: Option<f64>,
    /// How often it was reopened.
    pub reopens: u32,
    /// A link that opens it for an agent.
    pub url: Option<String>,
    /// Other fields, by name.
    pub attributes: BTreeMap<String, String>,
    /// Set when it does not count, with the reason.
    pub exclusion: Option<Exclusion>,
}

impl Conversation {
    /// A conversation with nothing but what is required; connectors fill in the rest.
    pub fn new(key: ConversationKey, created_at: DateTime<Utc>) -> Self {
        Self {
            key,
            kind: Kind::Ticket,
            created_at,
            updated_at: created_at,
            closed_at: None,
            status: None,
            subject: Text::default(),
            messages: Vec::new(),
            category: None,
            tags: Vec::new(),
            account: None,
            requester: None,
            channel: None,
            product: None,
            priority: None,
            csat: None,
            reopens: 0,
            url: None,
            attributes: BTreeMap::new(),
            exclusion: None,
        }
    }
}

/// What a connector yields: deletions and merges are records like any other.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A new or changed conversation.
    Conversation(Box<Conversation>),
    /// The helpdesk deleted or scrubbed it: its words are erased here too, the row stays as a tombstone.
    Deleted {
        /// Which one.
        key: ConversationKey,
        /// When the helpdesk did it.
        at: DateTime<Utc>,
    },
    /// It was merged into another conversation, which carries its words from now on.
    Merged {
        /// Which one went away.
        key: ConversationKey,
        /// The helpdesk id of the one that stays.
        into: String,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A conversation as it lies in the store: cleaned, redacted, with what analysis needs beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The conversation; subject and messages are clean and redacted, `requester` is a pseudonym.
    pub conversation: Conversation,
    /// The text that is indexed and embedded: subject and what customer and team said, without boilerplate.
    pub text: Text,
    /// SHA-256 of `text`, 64 hexadecimal digits; keys the vector.
    pub text_hash: String,
    /// ISO 639-1 code of the language, such as `de`; empty when too short to tell.
    pub language: String,
}
