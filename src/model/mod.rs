//! The nouns: plain data with public fields. No input or output, no wire formats, no decisions.
//!
//! Everything else in the crate talks in these types. Only `Digest` and what is frozen beside it derive serde, because
//! a published digest is stored as versioned JSON.

mod answered;
mod category;
mod conversation;
mod digest;
mod fact;
mod followup;
mod ids;
mod revision;
mod team;
mod text;
mod topic;
mod vector;
mod window;

pub use answered::{Answered, AskedTopic, ItemHeard, TopicAnswered};
pub use category::{OfficialReport, ReportBasis, ReportRow};
pub use conversation::{
    Author, Conversation, Exclusion, Kind, MESSAGES_MISSING, Message, Record, Stored, Visibility,
};
pub use digest::{
    CategoryShare, Cause, Change, Digest, Finding, FindingKind, FindingNumbers, Item, OfficialSide,
    Pair, Quote, Suggestion, SuggestionKind, Totals, TrendState, Unassigned,
};
pub use fact::{Earlier, Fact, State};
pub use followup::{Decided, Decision, FollowUp, Said, SuggestionState, Watched};
pub use ids::{ConversationKey, DestinationId, DigestId, SourceId, SuggestionId, TopicId};
pub use revision::{RevisedTopic, Revision};
pub use team::TeamSide;
pub use text::Text;
pub use topic::{
    Assignment, Discovery, Edit, EditKind, Exemplar, Lineage, Term, Topic, TopicStatus,
};
pub use vector::{DIMENSIONS, ModelId, Vector};
pub use window::{Cadence, Calendar, WeekStart, Window};
