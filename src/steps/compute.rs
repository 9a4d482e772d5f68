//! Computes what a closed window says from its frozen inputs and the database as of one change: the same when the window is
//! closed and when its digest is verified, so that there is nothing that the one reads and the other does not.

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::counting::{self, Counts};
use crate::digest::{self, Draft, Frozen, Outcome, Proof, Snapshot};
use crate::model::State;
use crate::reconcile::REACH;
use crate::store::{ReadWords, Store, WindowCount};

/// What a window says, and what it was computed from.
pub struct Computed {
    /// The digest, or why there is none.
    pub outcome: Outcome,
    /// The window's counts.
    pub counts: Counts,
    /// What all of it was computed from, as hashes.
    pub proof: Proof,
    /// The digest without words.
    pub draft: Draft,
    /// The words that were read.
    pub words: ReadWords,
}

/// The conversations of a stretch of windows as of a change, and those near its edges, where a report's own windows may begin
/// and end, with what their sources said before of them.
pub async fn snapshot_around(
    store: &Store,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    as_of: i64,
) -> anyhow::Result<Snapshot> {
    let mut snapshot = store.snapshot(from - REACH, until + REACH, as_of).await?;
    snapshot.facts = store.with_earlier(snapshot.facts, as_of).await?;
    Ok(snapshot)
}

/// Computes a window from its frozen inputs, as they are stored.
pub async fn compute(
    store: &Store,
    inputs: &str,
    snapshot: &Snapshot,
    as_of: i64,
) -> anyhow::Result<Computed> {
    let frozen = Frozen::from_json(inputs).context("the frozen inputs cannot be read")?;
    let draft = digest::draft(&frozen.inputs(&snapshot.facts));
    let words = store.words_as_of(&draft.keys(), as_of).await?;
    let outcome = digest::compose(&draft, &words.stored);
    let counts = counting::count(&snapshot.facts, &frozen.window);
    let proof = Proof::of(as_of, (&frozen, inputs), snapshot, &words.fingerprints);
    Ok(Computed {
        outcome,
        counts,
        proof,
        draft,
        words,
    })
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
