//! What a digest is computed from beside the conversations, frozen as JSON when its window is closed, so that it can be
//! computed again at any later time.
//!
//! To give a digest something more to say: add a field to `Inputs` and to `Frozen`. The compiler then asks for it in
//! `Frozen::inputs`, and the step that closes a window fills it in. It must be small, and a map's keys must be text. A window is
//! closed on what comes back from the JSON, never on what went in: what the JSON does not hold cannot get into a digest.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::config::DigestConfig;
use super::draft::{Inputs, Published};
use super::team::Team;
use crate::answers::Heard;
use crate::model::{
    Calendar, Change, Decision, Fact, OfficialReport, Said, Topic, TopicId, Window,
};
use crate::reconcile::Reading;

/// The small inputs of a digest. The fields are those of `Inputs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// What it is about.
    pub window: Window,
    /// Conversations opened from here on are counted, or closed from here on.
    pub counted_from: DateTime<Utc>,
    /// Cuts the windows before it.
    pub calendar: Calendar,
    /// The topics that occur in the facts, without what only the search for topics needs.
    pub topics: Vec<Topic>,
    /// Topics that are counted but never put into a digest.
    pub muted: BTreeSet<TopicId>,
    /// How each topic moves.
    pub changes: BTreeMap<TopicId, Change>,
    /// The official report, if there is one of this cadence.
    pub report: Option<OfficialReport>,
    /// What is known of the report beside its numbers.
    pub reading: Reading,
    /// Earlier windows, as readers were last told of them.
    pub published: Vec<Published>,
    /// The last word of each suggestion of earlier digests, in this cadence and in any other.
    pub said: Vec<Said>,
    /// What people decided of suggestions.
    pub decisions: Vec<Decision>,
    /// Sources that were not complete up to the window's end.
    pub incomplete_sources: Vec<String>,
    /// What readers answered.
    pub heard: Heard,
    /// What passes.
    pub config: DigestConfig,
    /// The team whose digest it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
}

impl Frozen {
    /// The inputs with the facts as of the same moment.
    pub fn inputs<'a>(&'a self, facts: &'a [Fact]) -> Inputs<'a> {
        Inputs {
            window: &self.window,
            calendar: &self.calendar,
            facts,
            topics: &self.topics,
            muted: &self.muted,
            changes: &self.changes,
            report: self.report.as_ref(),
            reading: &self.reading,
            published: &self.published,
            said: &self.said,
            decisions: &self.decisions,
            incomplete_sources: &self.incomplete_sources,
            heard: &self.heard,
            config: &self.config,
            team: self.team.as_ref(),
        }
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("frozen inputs have no map keys that are not text")
    }

    /// The inverse of `to_json`; none where it is damaged, or of a version of this program with other inputs.
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}
