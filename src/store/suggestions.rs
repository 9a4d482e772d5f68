//! What digests suggested, and what people decided of it. Both are logs: nothing in them is ever changed.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::sql::{ManyRows, first, get, instant, plain, run, sql, word};
use super::topics::next_number;
use super::{Store, Writing};
use crate::digest::followup::{self, Refusal};
use crate::model::{Decision, Digest, Said, SuggestionId, SuggestionState};

impl Store {
    /// What the digests said whose windows ended at this instant or later, the oldest first.
    pub async fn said(&self, since: DateTime<Utc>) -> anyhow::Result<Vec<Said>> {
        let ask = sql("SELECT content FROM suggestions WHERE ends_at >= $1 \
                       ORDER BY ends_at, digest, position");
        self.read_all(ask.bind(since.timestamp_micros()), said)
            .await
    }

    /// The same of one team's digests; the whole company's team is empty.
    pub async fn said_by(&self, team: &str, since: DateTime<Utc>) -> anyhow::Result<Vec<Said>> {
        let ask = sql(
            "SELECT s.content FROM suggestions s JOIN windows w ON w.digest = s.digest \
             WHERE w.team = $1 AND s.ends_at >= $2 ORDER BY s.ends_at, s.digest, s.position",
        );
        let ask = ask.bind(plain(team)).bind(since.timestamp_micros());
        self.read_all(ask, said).await
    }

    /// Each time that a digest made this suggestion, the oldest first.
    pub async fn said_of(&self, suggestion: &SuggestionId) -> anyhow::Result<Vec<Said>> {
        let ask = sql("SELECT content FROM suggestions WHERE suggestion = $1 \
                       ORDER BY ends_at, digest, position");
        self.read_all(ask.bind(plain(suggestion.as_str())), said)
            .await
    }

    /// All decisions, in the order in which they were made.
    pub async fn decisions(&self) -> anyhow::Result<Vec<Decision>> {
        let ask = sql(
            "SELECT number, decided_at, decided_by, suggestion, state, note \
                       FROM decisions ORDER BY number",
        );
        self.read_all(ask, decision).await
    }

    /// Decides a suggestion. Refused where its state does not allow it; `None` if no digest ever made it.
    pub async fn decide_suggestion(
        &self,
        wanted: &Wanted<'_>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Option<Result<Decision, Refusal>>> {
        let mut writing = self.begin().await?;
        let decided = decide(&mut writing, wanted, now).await?;
        if let Some(Ok(_)) = &decided {
            writing.commit().await?;
        }
        Ok(decided)
    }
}

/// What a suggestion is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Which suggestion.
    pub suggestion: &'a SuggestionId,
    /// What it is from now on.
    pub state: SuggestionState,
    /// Who decides; may be empty.
    pub by: &'a str,
    /// Why, redacted; may be empty.
    pub note: &'a str,
}

/// Decides a suggestion; whoever calls commits.
pub(super) async fn decide(
    writing: &mut Writing,
    wanted: &Wanted<'_>,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Result<Decision, Refusal>>> {
    let suggestion = wanted.suggestion;
    let ask = sql("SELECT 1 FROM suggestions WHERE suggestion = $1 LIMIT 1");
    let ask = ask.bind(plain(suggestion.as_str()));
    let known = first(writing.connection(), ask, |_| Ok(())).await?;
    if known.is_none() {
        return Ok(None);
    }
    let ask = sql(
        "SELECT number, decided_at, decided_by, suggestion, state, note \
                   FROM decisions WHERE suggestion = $1 ORDER BY number DESC LIMIT 1",
    );
    let ask = ask.bind(plain(suggestion.as_str()));
    let last = first(writing.connection(), ask, decision).await?;
    let from = last.map_or(SuggestionState::Open, |decision| decision.state);
    if let Err(refusal) = followup::decide(from, wanted.state) {
        return Ok(Some(Err(refusal)));
    }
    let decision = Decision {
        number: next_number(writing, "decisions").await?,
        at: now,
        by: plain(wanted.by),
        suggestion: suggestion.clone(),
        state: wanted.state,
        note: plain(wanted.note),
    };
    write_decision(writing, &decision).await?;
    Ok(Some(Ok(decision)))
}

async fn write_decision(writing: &mut Writing, decision: &Decision) -> anyhow::Result<()> {
    let add = sql(
        "INSERT INTO decisions (number, decided_at, decided_by, suggestion, state, \
                   note) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let add = add
        .bind(decision.number)
        .bind(decision.at.timestamp_micros())
        .bind(decision.by.clone())
        .bind(decision.suggestion.0.clone())
        .bind(decision.state.as_str())
        .bind(decision.note.clone());
    run(writing.connection(), add).await?;
    Ok(())
}

/// Writes down what a digest suggests, beside the digest.
pub(super) async fn write_said(writing: &mut Writing, digest: &Digest) -> anyhow::Result<()> {
    let said: Vec<(usize, Said)> = digest.said().into_iter().enumerate().collect();
    let rows = ManyRows {
        before: "INSERT INTO suggestions (digest, position, suggestion, ends_at, content)",
        row: "($, $, $, $, $)",
        after: "",
    };
    let written: Vec<(usize, &Said, String)> = said
        .iter()
        .map(|(place, one)| Ok((*place, one, serde_json::to_string(one)?)))
        .collect::<serde_json::Result<_>>()
        .context("a suggestion cannot be written as JSON")?;
    rows.all(writing, &written, |(place, one, content), values| {
        values
            .text(digest.id.as_str())
            .number(*place as i64)
            .text(one.suggestion.as_str())
            .time(one.end)
            .text(content);
    })
    .await
}

fn said(row: &AnyRow) -> anyhow::Result<Said> {
    serde_json::from_str(get(row, 0)?)
        .map_err(|_| anyhow::anyhow!("the database holds a suggestion that cannot be read"))
}

fn decision(row: &AnyRow) -> anyhow::Result<Decision> {
    Ok(Decision {
        number: get(row, 0)?,
        at: instant(row, 1)?,
        by: get(row, 2)?,
        suggestion: SuggestionId(get(row, 3)?),
        state: word(row, 4, SuggestionState::parse)?,
        note: get(row, 5)?,
    })
}
