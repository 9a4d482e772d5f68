//! Checks a closed window and its digest: computes them again from the database as of the change at which the window was
//! closed, whatever came, changed or went since, and names everything that does not fit.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::compute::{Computed, compute, rows, snapshot_around};
use crate::digest::{self, Frozen, Outcome, PROGRAM, Proof, Snapshot, check};
use crate::model::{Cadence, Digest, DigestId};
use crate::store::{DigestRow, Sealed, Store, WindowCount};

/// So many of a kind are named one by one.
const NAMED_MAX: usize = 20;

/// What became of a verification.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// The digest, or the window if it has none.
    pub name: String,
    /// Whether everything fits.
    pub fits: bool,
    /// What does not fit, one sentence each.
    pub problems: Vec<String>,
    /// What could not be checked, and why, one sentence each.
    pub notes: Vec<String>,
    /// Conversations that were counted again.
    pub conversations: u64,
    /// Stored texts that were hashed again.
    pub texts: u64,
    /// Quotes that were looked up.
    pub quotes: u64,
    /// Whether the digest was computed again, byte for byte.
    pub is_recomputed: bool,
}

impl Verdict {
    /// Of something that cannot be looked into.
    fn of_one(name: impl ToString, problem: impl Into<String>) -> Self {
        Self {
            name: name.to_string(),
            problems: vec![problem.into()],
            ..Self::default()
        }
    }

    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn done(mut self) -> Self {
        self.fits = self.problems.is_empty();
        self
    }
}

/// Verifies one digest; none if there is no trace of it.
pub async fn verify_digest(store: &Store, id: &DigestId) -> anyhow::Result<Option<Verdict>> {
    match store.window_of(id).await {
        Ok(Some((cadence, window, team))) => {
            Ok(Some(verdict_of(store, cadence, &window, &team).await))
        }
        Ok(None) if !store.digest_ids(u32::MAX).await?.contains(id) => Ok(None),
        Ok(None) => Ok(Some(Verdict::of_one(
            id,
            "no closed window has this digest",
        ))),
        Err(error) => Ok(Some(Verdict::of_one(id, format!("{error:#}")))),
    }
}

/// Verifies every closed window, also those without a digest, and that there is no digest beside them.
pub async fn verify_all(store: &Store) -> anyhow::Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for (name, window, team) in store.closed_keys().await? {
        verdicts.push(match Cadence::parse(&name) {
            Some(cadence) => verdict_of(store, cadence, &window, &team).await,
            None => Verdict::of_one(format!("{name} {window}"), "there is no such cadence"),
        });
    }
    for id in store.digest_ids(u32::MAX).await? {
        if !verdicts.iter().any(|verdict| verdict.name == id.as_str()) {
            verdicts.extend(verify_digest(store, &id).await?);
        }
    }
    Ok(verdicts)
}

/// What could not even be read does not fit either, and hides no other window.
async fn verdict_of(store: &Store, cadence: Cadence, window: &str, team: &str) -> Verdict {
    match verify_window(store, cadence, window, team).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::of_one(format!("{cadence} {window}"), format!("{error:#}")),
    }
}

/// Verifies one closed window.
async fn verify_window(
    store: &Store,
    cadence: Cadence,
    key: &str,
    team: &str,
) -> anyhow::Result<Verdict> {
    let sealed = store.sealed(cadence, key, team).await?;
    let sealed = sealed.with_context(|| format!("the {cadence} window {key} is not closed"))?;
    let mut verdict = Verdict {
        name: match &sealed.closed.digest {
            Some(id) => id.to_string(),
            None if team.is_empty() => format!("{cadence} {key}, which has no digest"),
            None => format!("{cadence} {key} of team {team}, which has no digest"),
        },
        ..Verdict::default()
    };
    let digest = published(&sealed, &mut verdict);
    if sealed.fitting_seal() != sealed.seal {
        verdict.problem("what was written when the window was closed does not fit its seal");
    }
    let proof: Option<Proof> = serde_json::from_str(&sealed.proof).ok();
    let (Some(frozen), Some(proof)) = (Frozen::from_json(&sealed.inputs), proof) else {
        verdict.problem(match sealed.inputs.is_empty() {
            true => "nothing is stored of what it was computed from",
            false => "what is stored of what it was computed from cannot be read",
        });
        return Ok(verdict.done());
    };
    let (from, to) = (frozen.counted_from, frozen.window.end);
    let snapshot = snapshot_around(store, from, to, sealed.as_of).await?;
    let computed = compute(store, &sealed.inputs, &snapshot, sealed.as_of).await?;
    verdict.conversations = snapshot.facts.len() as u64;
    let of = frozen.team.as_ref().map_or("", |team| team.name.as_str());
    if (frozen.window.cadence, frozen.window.key.as_str(), of) != (cadence, key, team) {
        verdict.problem("its frozen inputs are those of another window");
    }
    verdict.problems.extend(computed.proof.differences(&proof));
    let (texts, wrong) = store
        .check_texts(frozen.window.start, to, sealed.as_of)
        .await?;
    verdict.texts = texts;
    for key in wrong.iter().take(NAMED_MAX) {
        verdict.problem(format!(
            "the stored text of {key} is missing or does not fit its hash"
        ));
    }
    if let Some(more) = wrong.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        verdict.problem(format!(
            "{more} more stored texts are missing or do not fit their hashes"
        ));
    }
    let erased = note_erased(&snapshot, &computed, &mut verdict);
    compare_counts(&sealed, &computed, erased, &mut verdict);
    if let Some(digest) = &digest {
        check_digest(digest, &computed, &mut verdict);
    }
    if !erased {
        compare_outcome(&sealed, &computed, &proof, &mut verdict);
    }
    Ok(verdict.done())
}

/// The digest as it was published, after its row was checked.
fn published(sealed: &Sealed, verdict: &mut Verdict) -> Option<Digest> {
    let id = sealed.closed.digest.as_ref()?;
    let Some(row) = &sealed.digest else {
        verdict.problem(format!("the digest {id} is missing"));
        return None;
    };
    let is = Sha256::digest(row.content.as_bytes());
    let is: String = is.iter().map(|byte| format!("{byte:02x}")).collect();
    if is != row.sha256 {
        let was = &row.sha256;
        verdict.problem(format!(
            "the content is not what was published: its SHA-256 is {is}, was {was}"
        ));
    }
    let Ok(digest) = serde_json::from_str::<Digest>(&row.content) else {
        verdict.problem("the content cannot be read");
        return None;
    };
    for (name, fits) in row_fits(row, &digest, sealed) {
        if !fits {
            verdict.problem(format!(
                "the column {name} of the digest does not fit its content"
            ));
        }
    }
    Some(digest)
}

fn row_fits(row: &DigestRow, digest: &Digest, sealed: &Sealed) -> [(&'static str, bool); 6] {
    [
        ("id", row.id == digest.id),
        ("cadence", row.cadence == digest.cadence.as_str()),
        ("window_key", row.window == digest.window),
        ("starts_at", row.starts_at == digest.start),
        ("ends_at", row.ends_at == digest.end),
        ("created_at", row.created_at == sealed.closed.closed_at),
    ]
}

/// Notes what `forget` has erased; whether it was anything.
fn note_erased(snapshot: &Snapshot, computed: &Computed, verdict: &mut Verdict) -> bool {
    let mut by_day: BTreeMap<String, u64> = BTreeMap::new();
    for at in snapshot.erased.values() {
        *by_day.entry(at.format("%Y-%m-%d").to_string()).or_default() += 1;
    }
    for (day, count) in &by_day {
        let noun = if *count == 1 {
            "conversation was"
        } else {
            "conversations were"
        };
        verdict.notes.push(format!(
            "{count} {noun} erased by groundswell forget on {day}: hashes, counts and the other quotes are checked, \
             the digest cannot be computed again"
        ));
    }
    !by_day.is_empty() || !computed.words.erased.is_empty()
}

/// The frozen counts against the conversations. Who the erased ones' customers were is not known any more.
fn compare_counts(sealed: &Sealed, computed: &Computed, erased: bool, verdict: &mut Verdict) {
    let mut is = rows(&computed.counts);
    let mut was = sealed.counts.clone();
    was.sort();
    if erased {
        is.iter_mut()
            .chain(&mut was)
            .for_each(|row| row.customers = 0);
    }
    let counted = computed.counts.counted();
    if counted != sealed.closed.conversations {
        let says = sealed.closed.conversations;
        verdict.problem(format!(
            "the window says {says} conversations, the database holds {counted}"
        ));
    }
    let name = |row: &WindowCount| match &row.topic {
        Some(topic) => format!("topic {topic}"),
        None => row.state.clone(),
    };
    let numbers = |row: &WindowCount| {
        format!(
            "{} conversations of {} customers",
            row.conversations, row.customers
        )
    };
    let key = |row: &WindowCount| (row.state.clone(), row.topic.clone());
    let is: BTreeMap<_, _> = is.iter().map(|row| (key(row), row)).collect();
    let was: BTreeMap<_, _> = was.iter().map(|row| (key(row), row)).collect();
    let all: BTreeSet<_> = is.keys().chain(was.keys()).collect();
    for state in all {
        match (was.get(state), is.get(state)) {
            (Some(was), Some(is)) if was == is => {}
            (Some(was), Some(is)) => {
                let (was_numbers, is_numbers) = (numbers(was), numbers(is));
                verdict.problem(format!(
                    "{}: counted {was_numbers}, the database holds {is_numbers}",
                    name(was)
                ));
            }
            (Some(was), None) => {
                verdict.problem(format!(
                    "{}: counted {}, the database holds none",
                    name(was),
                    numbers(was)
                ));
            }
            (None, Some(is)) => {
                verdict.problem(format!(
                    "{}: not counted, the database holds {}",
                    name(is),
                    numbers(is)
                ));
            }
            (None, None) => {}
        }
    }
}

fn check_digest(digest: &Digest, computed: &Computed, verdict: &mut Verdict) {
    verdict.problems.extend(check::sums(digest));
    verdict
        .problems
        .extend(check::counts(digest, &computed.counts));
    let erased: BTreeSet<_> = computed.words.erased.iter().collect();
    let mut whole = digest.clone();
    whole
        .unassigned
        .sample
        .retain(|quote| !erased.contains(&quote.key));
    for item in &mut whole.items {
        item.quotes.retain(|quote| !erased.contains(&quote.key));
    }
    verdict.quotes = check::quotes(&whole).len() as u64;
    verdict
        .problems
        .extend(check::quoted(&whole, &computed.words.stored));
}

/// The digest, or the reason for its absence, byte for byte.
fn compare_outcome(sealed: &Sealed, computed: &Computed, proof: &Proof, verdict: &mut Verdict) {
    let difference = match (&computed.outcome, &sealed.digest) {
        (Outcome::Digest(is), Some(was)) => {
            check::first_difference(&was.content, &digest::canonical(is).0)
        }
        (Outcome::Nothing(is), None) => (*is != sealed.closed.reason)
            .then(|| "why there is no digest is computed otherwise".to_owned()),
        (Outcome::Digest(_), None) => Some("no digest was published, one is computed".to_owned()),
        (Outcome::Nothing(_), Some(_)) => {
            Some("a digest was published, none is computed".to_owned())
        }
    };
    verdict.is_recomputed = difference.is_none();
    let Some(difference) = difference else {
        return;
    };
    let was = &proof.program;
    if was != PROGRAM {
        verdict.notes.push(format!(
            "it was made by groundswell {was}, and groundswell {PROGRAM} says it otherwise of the same data ({difference}); \
             hashes, counts and quotes are checked"
        ));
        return;
    }
    verdict.problem(format!("computed again, it differs at {difference}"));
}
