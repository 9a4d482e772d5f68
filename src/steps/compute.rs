//! Computes what a closed window says from its frozen inputs and the database as of one change: the same when the window is
//! closed and when its digest is verified, so that there is nothing that the one reads and the other does not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::counting::{self, Counts};
use crate::digest::{self, Frozen, Outcome, Proof, Snapshot};
use crate::model::{ConversationKey, Fact, State};
use crate::reconcile::REACH;
use crate::store::{ReadWords, Store, WindowCount};

/// So many conversations are asked for their fields at once.
const READ_AT_ONCE: usize = 2_000;

/// What a window says, and what it was computed from.
pub struct Computed {
    /// The digest, or why there is none.
    pub outcome: Outcome,
    /// The window's counts.
    pub counts: Counts,
    /// What all of it was computed from, as hashes.
    pub proof: Proof,
    /// The words that were read.
    pub words: ReadWords,
    /// Conversations of which anything was read, sorted: it is kept for as long as the digest.
    pub read: Vec<ConversationKey>,
}

/// The conversations of a stretch of windows as of a change, and those near its edges, where a report's own windows may begin
/// and end.
pub async fn snapshot_around(
    store: &Store,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    as_of: i64,
) -> anyhow::Result<Snapshot> {
    store.snapshot(from - REACH, until + REACH, as_of).await
}

/// Computes a window from its frozen inputs, as they are stored.
pub async fn compute(
    store: &Store,
    inputs: &str,
    snapshot: &Snapshot,
    as_of: i64,
) -> anyhow::Result<Computed> {
    let frozen = Frozen::from_json(inputs).context("the frozen inputs cannot be read")?;
    let asked = frozen.team.as_ref().map(|team| team.only.asks());
    let asked = asked.unwrap_or_default();
    let facts = with_attributes(store, &snapshot.facts, &asked, as_of).await?;
    let draft = digest::draft(&frozen.inputs(&facts));
    let words = store.words_as_of(&draft.keys(), as_of).await?;
    let outcome = digest::compose(&draft, &words.stored);
    let counts = match &frozen.team {
        Some(team) => counting::count(&team.only.part(&facts), &frozen.window),
        None => counting::count(&facts, &frozen.window),
    };
    // Whose conversation it is was read of all.
    let read = if asked.is_empty() {
        draft.keys()
    } else {
        facts.iter().map(|fact| fact.key.clone()).collect()
    };
    let proof = Proof::of(as_of, (&frozen, inputs), snapshot, &words.fingerprints);
    Ok(Computed {
        outcome,
        counts,
        proof,
        words,
        read,
    })
}

/// Conversations with those of their fields that are asked for.
pub async fn with_attributes<'a>(
    store: &Store,
    facts: &'a [Fact],
    asked: &BTreeSet<String>,
    as_of: i64,
) -> anyhow::Result<Cow<'a, [Fact]>> {
    if asked.is_empty() {
        return Ok(Cow::Borrowed(facts));
    }
    let mut facts = facts.to_vec();
    for part in facts.chunks_mut(READ_AT_ONCE) {
        let keys: Vec<ConversationKey> = part.iter().map(|fact| fact.key.clone()).collect();
        let mut found = store.attributes_as_of(&keys, as_of).await?;
        for fact in part {
            fact.attributes = found.remove(&fact.key).unwrap_or_default();
            fact.attributes.retain(|name, _| asked.contains(name));
        }
    }
    Ok(Cow::Owned(facts))
}

/// A window's counts as they are stored, sorted as they are read.
pub fn rows(counts: &Counts) -> Vec<WindowCount> {
    let row = |(state, tally): (&State, &counting::Tally)| WindowCount {
        state: state.name(),
        topic: match state {
            State::Assigned(topic) => Some(topic.clone()),
            _ => None,
        },
        conversations: tally.conversations,
        customers: tally.customers.len() as u64,
    };
    let mut rows: Vec<WindowCount> = counts.by_state.iter().map(row).collect();
    rows.sort();
    rows
}
