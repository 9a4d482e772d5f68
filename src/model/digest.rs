//! A digest: the finished content as data. Renderers only lay it out.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Answered, Cadence, ConversationKey, DigestId, FollowUp, ItemHeard, Revision, Said,
    SuggestionId, TeamSide, TopicId,
};

/// What is published about one window. Never edited once published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// Version of this shape.
    pub version: u32,
    /// Its permanent id: `<cadence>-<window>`.
    pub id: DigestId,
    /// By day, week or month.
    pub cadence: Cadence,
    /// The window's key.
    pub window: String,
    /// The window's first instant.
    pub start: DateTime<Utc>,
    /// The first instant after the window.
    pub end: DateTime<Utc>,
    /// The time zone in which the window was cut.
    pub zone: String,
    /// Whose digest it is, where it is one team's: everything in it is the team's, but the official side, which is the company's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamSide>,
    /// What was pulled and how it is split; the states add up.
    pub totals: Totals,
    /// At most five (by default) suggestions with their evidence, most important first.
    pub items: Vec<Item>,
    /// Our total beside the official one.
    pub official: Option<OfficialSide>,
    /// What belongs to no topic.
    pub unassigned: Unassigned,
    /// What became of the suggestions of earlier digests.
    pub follow_up: FollowUp,
    /// What changed in windows published earlier.
    pub revisions: Vec<Revision>,
    /// What a reader must know: an incomplete source, a first window without baseline.
    pub notes: Vec<String>,
    /// The counting rules, one sentence each.
    pub rules: Vec<String>,
    /// What readers answered since the last digest of this cadence, and what became of it.
    #[serde(default, skip_serializing_if = "Answered::is_empty")]
    pub answered: Answered,
}

impl Digest {
    /// Its suggestions, as they are remembered.
    pub fn said(&self) -> Vec<Said> {
        let said = |item: &Item| Said {
            suggestion: item.suggestion.id.clone(),
            topic: item.topic_id.clone(),
            label: item.label.clone(),
            rule: item.suggestion.rule.clone(),
            kind: item.suggestion.kind,
            owner: item.suggestion.owner.clone(),
            sentence: item.suggestion.sentence.clone(),
            cadence: self.cadence,
            window: self.window.clone(),
            end: self.end,
            trend: item.change.state,
            findings: item.findings.iter().map(|finding| finding.kind).collect(),
            conversations: item.conversations,
        };
        self.items.iter().map(said).collect()
    }
}

/// Conversations of a window, split so that the parts add up to `pulled`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// All conversations opened in the window.
    pub pulled: u64,
    /// Assigned to a topic.
    pub assigned: u64,
    /// Count, but belong to no topic.
    pub unassigned: u64,
    /// Do not count, by reason.
    pub excluded: Vec<(String, u64)>,
    /// Different customers among those that count.
    pub customers: u64,
    /// Conversations that counted in the window before, if there was one.
    pub previous: Option<u64>,
}

/// One suggestion with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The topic.
    pub topic_id: TopicId,
    /// Its label at the time.
    pub label: String,
    /// Its most typical words.
    pub terms: Vec<String>,
    /// Conversations in this window.
    pub conversations: u64,
    /// Different customers among them.
    pub customers: u64,
    /// Conversations of the topic in the whole company, in a team's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<u64>,
    /// Change against the baseline.
    pub change: Change,
    /// What the official report says of the same conversations; adds up to `conversations`.
    pub categories: Vec<CategoryShare>,
    /// What stands out between topic and official categories.
    pub findings: Vec<Finding>,
    /// One to three quotes.
    pub quotes: Vec<Quote>,
    /// What to do.
    pub suggestion: Suggestion,
    /// What earlier digests said of the same, and what people decided of it, a sentence each.
    pub earlier: Vec<String>,
    /// Share of the topic that comes back when a tenth is left out, 0 to 1.
    pub stability: Option<f64>,
    /// Counts of this topic in the last windows of the cadence, oldest first, this one last.
    pub course: Vec<(String, u64)>,
    /// What readers say of it, if they said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<ItemHeard>,
}

/// How a topic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendState {
    /// Not seen in the baseline.
    New,
    /// More than the baseline explains.
    Rising,
    /// Within the baseline, or too few to tell.
    Steady,
    /// Less than the baseline explains.
    Falling,
    /// There was a baseline, and now none.
    Gone,
    /// Seen before the baseline, absent in it, here again.
    Back,
}

impl TrendState {
    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            TrendState::New => "new",
            TrendState::Rising => "rising",
            TrendState::Steady => "steady",
            TrendState::Falling => "falling",
            TrendState::Gone => "gone",
            TrendState::Back => "back",
        }
    }
}

/// Change against a stated baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The named state.
    pub state: TrendState,
    /// Mean conversations a window in the baseline.
    pub baseline: f64,
    /// How many windows the baseline has.
    pub windows: u32,
    /// Lower end of the 95 % interval of the count that the baseline predicts.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
    /// This window and the one before, where only both together show the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Pair>,
}

/// Two windows in a row, taken together, against the windows before both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Conversations in both.
    pub conversations: u64,
    /// Mean conversations a window before both.
    pub baseline: f64,
    /// Lower end of the 95 % interval of the count that this predicts for both.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
}

/// How many of a topic's conversations are filed under one official category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryShare {
    /// The category; `None` is "never categorised".
    pub category: Option<String>,
    /// Conversations of the topic under it.
    pub conversations: u64,
    /// What the official report counts under it in the window, whatever they are about; `None` without such a line.
    pub official: Option<i64>,
}

/// What kind of thing stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// The topic is mostly filed under a catch-all, or spread too thin for any line to show it.
    Hidden,
    /// Its main category is several topics.
    Lumped,
    /// Some of its conversations are filed elsewhere than nearly all others of it.
    Misfiled,
    /// It changed its category at a date, while it went on as before: a changed rule, not a changed world. Or a line of the
    /// report that lost what it held by such a change.
    Moved,
    /// A line of the report of which we have no conversations.
    Unheard,
}

impl FindingKind {
    /// The name in files and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::Hidden => "hidden",
            FindingKind::Lumped => "lumped",
            FindingKind::Misfiled => "misfiled",
            FindingKind::Moved => "moved",
            FindingKind::Unheard => "unheard",
        }
    }
}

/// Something that stands out between topics and official categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// One sentence with its numbers.
    pub sentence: String,
    /// The same numbers as data, and how sure they are.
    #[serde(default)]
    pub numbers: FindingNumbers,
}

impl Finding {
    /// A sentence without numbers of its own.
    pub fn new(kind: FindingKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
            numbers: FindingNumbers::default(),
        }
    }
}

/// What a finding rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingNumbers {
    /// The topic that it is about; none where it is about a line of the report alone.
    pub topic_id: Option<TopicId>,
    /// The category that it is about.
    pub category: Option<String>,
    /// Where a moved topic is filed since, or most of what an emptied line held.
    pub to_category: Option<String>,
    /// The day since which it is filed there.
    pub since: Option<NaiveDate>,
    /// Conversations that show it …
    pub conversations: u64,
    /// … of so many.
    pub of: u64,
    /// Lower end of the 95 % interval of that share.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
    /// The chance of numbers at least so far apart if there were nothing to find.
    pub p: f64,
    /// The same, corrected for everything that was looked at beside it.
    pub q: f64,
    /// The single conversations, where it is about them.
    pub keys: Vec<ConversationKey>,
}

/// A customer's or agent's words, an exact substring of the stored redacted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Whose words.
    pub key: ConversationKey,
    /// The words.
    pub text: String,
    /// A link that opens the conversation in the helpdesk.
    pub url: Option<String>,
}

/// Whom a suggestion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionKind {
    /// Change the product.
    Product,
    /// Change the service.
    Service,
    /// Change a process.
    Process,
}

impl SuggestionKind {
    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            SuggestionKind::Product => "product",
            SuggestionKind::Service => "service",
            SuggestionKind::Process => "process",
        }
    }
}

/// What to do, and how one would know that it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Its lasting id: the same as long as it is repeated.
    pub id: SuggestionId,
    /// Product, service or process.
    pub kind: SuggestionKind,
    /// The rule that made it.
    pub rule: String,
    /// One sentence with its numbers.
    pub sentence: String,
    /// Who should take it.
    pub owner: String,
    /// What to do next.
    pub next_step: String,
    /// What else in the numbers speaks for it, a sentence each.
    pub evidence: Vec<String>,
    /// What in the numbers speaks against it, a sentence each; empty where nothing does.
    pub contrary: Vec<String>,
    /// What would prove it wrong.
    pub disproof: String,
}

/// A named part of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The cause's name, such as `call_notes` or `unexplained`.
    pub cause: String,
    /// What it adds to official minus ours; the causes add up to the difference.
    pub conversations: i64,
}

/// Our total beside the official one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfficialSide {
    /// The report's name.
    pub report: String,
    /// What it counts, as far as its numbers tell: `solved in the period, without call notes`.
    pub definition: String,
    /// What the report counts.
    pub official: i64,
    /// What we count.
    pub ours: i64,
    /// Official minus ours, split into named causes.
    pub causes: Vec<Cause>,
    /// How well that fits over all windows of the report that were looked at, and what fits as well.
    #[serde(default)]
    pub fit: String,
    /// What stands out between the report's lines and our topics, beside what items say of their topics.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// The rest that belongs to no topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unassigned {
    /// How many.
    pub conversations: u64,
    /// Share of those that count, 0 to 1.
    pub share: f64,
    /// The share in the window before.
    pub previous_share: Option<f64>,
    /// Some of them.
    pub sample: Vec<Quote>,
}
