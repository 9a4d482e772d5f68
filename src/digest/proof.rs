//! What a closing says it was computed from, as hashes: of the frozen inputs, of the conversations by window, of the words
//! that were read. Computed again later, a part that differs names itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::frozen::Frozen;
use crate::model::{ConversationKey, Fact};

/// The version of this program: another one may have other rules, and compose another digest from the same data.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The part for conversations that were opened before all windows that are counted, and closed in them.
const BEFORE: &str = "before";

/// The SHA-256 of one version of a conversation, or of its words.
pub type Fingerprint = [u8; 32];

/// Some conversations, and the SHA-256 of all their fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How many.
    pub conversations: u64,
    /// SHA-256 of their fingerprints, in the order of their keys.
    pub sha256: String,
}

/// What a closing was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The version of the program.
    pub program: String,
    /// The last change of the feed that was counted.
    pub as_of: i64,
    /// SHA-256 of the frozen inputs.
    pub inputs: String,
    /// The conversations by the window in which they were opened.
    pub conversations: BTreeMap<String, Part>,
    /// The words that were read.
    pub words: Part,
}

/// A conversation as it was counted, with its fingerprint.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Sorted by key.
    pub facts: Vec<Fact>,
    /// One for each fact; of an erased one, what it was before.
    pub fingerprints: Vec<Fingerprint>,
    /// What `forget` has erased since, and when.
    pub erased: BTreeMap<ConversationKey, DateTime<Utc>>,
}

impl Proof {
    /// Of what a closing uses; `words` are the fingerprints of what it reads, in the order of their keys.
    pub fn of(
        as_of: i64,
        frozen: (&Frozen, &str),
        snapshot: &Snapshot,
        words: &[Fingerprint],
    ) -> Self {
        let (frozen, json) = frozen;
        Self {
            program: PROGRAM.to_owned(),
            as_of,
            inputs: hex(&Sha256::digest(json.as_bytes())),
            conversations: parts(frozen, snapshot),
            words: part(words.iter()),
        }
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a proof has no map keys that are not text")
    }

    /// Which parts differ from what was proved at the closing, one sentence each.
    pub fn differences(&self, closing: &Proof) -> Vec<String> {
        let mut found = Vec::new();
        if self.as_of != closing.as_of {
            let (is, was) = (self.as_of, closing.as_of);
            found.push(format!(
                "it was counted as of change {is}, its proof says {was}"
            ));
        }
        if self.inputs != closing.inputs {
            let (is, was) = (&self.inputs, &closing.inputs);
            found.push(format!(
                "its frozen inputs (topics, report, settings) were changed: their SHA-256 is {is}, was {was}"
            ));
        }
        let nothing = Part::default();
        let mut windows: Vec<&String> = self.conversations.keys().collect();
        windows.extend(closing.conversations.keys());
        windows.sort();
        windows.dedup();
        for window in windows {
            let is = self.conversations.get(window).unwrap_or(&nothing);
            let was = closing.conversations.get(window).unwrap_or(&nothing);
            let what = match window.as_str() {
                BEFORE => "the conversations that were opened earlier".to_owned(),
                window => format!("the conversations opened in {window}"),
            };
            found.extend(is.difference(was, &what));
        }
        found.extend(
            self.words
                .difference(&closing.words, "the words that were read"),
        );
        found
    }
}

impl Part {
    fn difference(&self, was: &Part, what: &str) -> Option<String> {
        if self.conversations != was.conversations {
            let (is, was) = (self.conversations, was.conversations);
            return Some(format!("{what} are {is}, were {was}"));
        }
        (self.sha256 != was.sha256).then(|| {
            let (count, is, was) = (self.conversations, &self.sha256, &was.sha256);
            format!("{what} ({count}) were changed: their SHA-256 is {is}, was {was}")
        })
    }
}

fn parts(frozen: &Frozen, snapshot: &Snapshot) -> BTreeMap<String, Part> {
    let mut windows = vec![frozen.window.clone()];
    while windows[windows.len() - 1].start > frozen.counted_from {
        let earlier = frozen.calendar.previous(&windows[windows.len() - 1]);
        windows.push(earlier);
    }
    windows.reverse();
    // Those opened soon after the window may be in a report's own.
    let last = snapshot.facts.iter().map(|fact| fact.created_at).max();
    while last.is_some_and(|last| windows[windows.len() - 1].end <= last) {
        let later = frozen.calendar.next(&windows[windows.len() - 1]);
        windows.push(later);
    }
    let mut by_window: Vec<Vec<&Fingerprint>> = vec![Vec::new(); windows.len() + 1];
    for (fact, fingerprint) in snapshot.facts.iter().zip(&snapshot.fingerprints) {
        // The first place is for those from before all windows.
        let place = windows.partition_point(|window| window.start <= fact.created_at);
        by_window[place].push(fingerprint);
    }
    let names = windows.into_iter().map(|window| window.key);
    let names = [BEFORE.to_owned()].into_iter().chain(names);
    let parts = names.zip(by_window.into_iter().map(|of| part(of.into_iter())));
    parts.filter(|(_, part)| part.conversations > 0).collect()
}

fn part<'a>(fingerprints: impl Iterator<Item = &'a Fingerprint>) -> Part {
    let mut hash = Sha256::new();
    let mut conversations = 0;
    for fingerprint in fingerprints {
        hash.update(fingerprint);
        conversations += 1;
    }
    let sha256 = hex(&hash.finalize());
    Part {
        conversations,
        sha256,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
