//! Closed windows with their frozen counts, and the digests made of them. Written once, never changed.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::closings::write_origin;
use super::sql::{ManyRows, count, first, get, instant, plain, run, sql, whole, word};
use super::suggestions::write_said;
use super::{Closed, ClosedWindow, Closing, DeliveryState, Store, WindowCount, Writing};
use crate::digest::canonical;
use crate::model::{Cadence, Digest, DigestId, TopicId};

impl Store {
    /// Closes a window: counts, digest and its deliveries in one transaction, if the window is open and nothing
    /// changed since it was counted.
    pub async fn close_window(&self, closing: &Closing) -> anyhow::Result<Closed> {
        for one in closing.teams.iter().chain([closing]) {
            check(one)?;
        }
        let closed = &closing.closed;
        let mut writing = self.begin().await?;
        let ask = sql(
            "SELECT closed_at FROM windows WHERE cadence = $1 AND window_key = $2 AND team = ''",
        );
        let ask = ask
            .bind(closed.cadence.as_str())
            .bind(plain(&closed.window));
        if first(writing.connection(), ask, |row| instant(row, 0))
            .await?
            .is_some()
        {
            return Ok(Closed::Before);
        }
        if writing.last_committed != closing.origin.as_of {
            return Ok(Closed::Outdated);
        }
        write_closing(&mut writing, closing).await?;
        for team in &closing.teams {
            write_closing(&mut writing, team).await?;
        }
        writing.commit().await?;
        Ok(Closed::Written)
    }

    /// Newest first, of the whole company.
    pub async fn closed_windows(
        &self,
        cadence: Cadence,
        limit: u32,
    ) -> anyhow::Result<Vec<ClosedWindow>> {
        self.closed_windows_of(cadence, "", limit).await
    }

    /// Newest first, as a team's closings have them.
    pub async fn closed_windows_of(
        &self,
        cadence: Cadence,
        team: &str,
        limit: u32,
    ) -> anyhow::Result<Vec<ClosedWindow>> {
        let ask = sql(
            "SELECT cadence, window_key, closed_at, conversations, digest, reason, team \
                       FROM windows WHERE cadence = $1 AND team = $2 \
                       ORDER BY window_key DESC LIMIT $3",
        );
        let ask = ask.bind(cadence.as_str()).bind(plain(team));
        self.read_all(ask.bind(i64::from(limit)), closed_window)
            .await
    }

    /// The closings of all teams, the newest windows first.
    pub async fn team_windows(
        &self,
        cadence: Cadence,
        limit: u32,
    ) -> anyhow::Result<Vec<ClosedWindow>> {
        let ask = sql(
            "SELECT cadence, window_key, closed_at, conversations, digest, reason, team \
                       FROM windows WHERE cadence = $1 AND team <> '' \
                       ORDER BY window_key DESC, team LIMIT $2",
        );
        let ask = ask.bind(cadence.as_str()).bind(i64::from(limit));
        self.read_all(ask, closed_window).await
    }

    /// The frozen counts of a window, in their own order; empty if it is not closed.
    pub async fn window_counts(
        &self,
        cadence: Cadence,
        window: &str,
    ) -> anyhow::Result<Vec<WindowCount>> {
        self.window_counts_of(cadence, window, "").await
    }

    /// The same of a team's closing.
    pub async fn window_counts_of(
        &self,
        cadence: Cadence,
        window: &str,
        team: &str,
    ) -> anyhow::Result<Vec<WindowCount>> {
        let ask = sql(
            "SELECT state, topic, conversations, customers FROM window_counts \
                       WHERE cadence = $1 AND window_key = $2 AND team = $3 ORDER BY state, topic",
        );
        let ask = ask
            .bind(cadence.as_str())
            .bind(plain(window))
            .bind(plain(team));
        self.read_all(ask, window_count).await
    }

    /// A digest and the SHA-256 of its stored JSON, 64 hexadecimal digits.
    pub async fn digest(&self, id: &DigestId) -> anyhow::Result<Option<(Digest, String)>> {
        let ask = sql("SELECT content, sha256 FROM digests WHERE id = $1");
        let found = self.read_first(ask.bind(plain(id.as_str())), |row| {
            let digest = serde_json::from_str(get(row, 0)?)
                .map_err(|_| anyhow::anyhow!("its content cannot be read"))?;
            Ok((digest, get(row, 1)?))
        });
        found.await.with_context(|| format!("digest {id}"))
    }

    /// Whole digests with their hash and when they were published, by the end of their windows, newest first.
    pub async fn newest_digests(
        &self,
        cadence: Option<Cadence>,
        team: &str,
        limit: u32,
    ) -> anyhow::Result<Vec<(Digest, String, DateTime<Utc>)>> {
        let ask = sql("SELECT d.content, d.sha256, d.created_at FROM digests d \
                       JOIN windows w ON w.digest = d.id WHERE w.team = $1 \
                       AND (d.cadence = $2 OR $2 = '') \
                       ORDER BY d.ends_at DESC, d.starts_at DESC, d.id LIMIT $3");
        let cadence = cadence.map_or("", Cadence::as_str);
        let ask = ask.bind(plain(team)).bind(cadence).bind(i64::from(limit));
        self.read_all(ask, |row| {
            let digest = serde_json::from_str(get(row, 0)?)
                .map_err(|_| anyhow::anyhow!("the content of a digest cannot be read"))?;
            Ok((digest, get(row, 1)?, instant(row, 2)?))
        })
        .await
    }

    /// By the end of their windows, newest first.
    pub async fn digest_ids(&self, limit: u32) -> anyhow::Result<Vec<DigestId>> {
        let ask = sql("SELECT id FROM digests ORDER BY ends_at DESC, starts_at DESC, id LIMIT $1");
        self.read_all(ask.bind(i64::from(limit)), |row| Ok(DigestId(get(row, 0)?)))
            .await
    }
}

/// The row of a window or of a team's part of it, with all that belongs to it.
async fn write_closing(writing: &mut Writing, closing: &Closing) -> anyhow::Result<()> {
    let closed = &closing.closed;
    let mut sha256 = None;
    if let Some(digest) = &closing.digest {
        sha256 = Some(write_digest(writing, digest, closed.closed_at).await?);
        write_said(writing, digest).await?;
        write_deliveries(writing, closing).await?;
    }
    let add = sql(
        "INSERT INTO windows (cadence, window_key, closed_at, conversations, digest, \
                   reason, as_of, team) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let add = add
        .bind(closed.cadence.as_str())
        .bind(plain(&closed.window))
        .bind(closed.closed_at.timestamp_micros())
        .bind(whole(closed.conversations))
        .bind(closed.digest.as_ref().map(|id| id.0.clone()))
        .bind(plain(&closed.reason))
        .bind(closing.origin.as_of)
        .bind(plain(&closed.team));
    run(writing.connection(), add).await?;
    note_read(writing, closing).await?;
    write_counts(writing, closing).await?;
    write_origin(writing, closing, sha256.as_deref()).await
}

/// The parts of a closing must fit: a wrong sum must never be published.
fn check(closing: &Closing) -> anyhow::Result<()> {
    let closed = &closing.closed;
    let name = format!("{} {}", closed.cadence, closed.window);
    let counting = closing
        .counts
        .iter()
        .filter(|count| !count.state.starts_with("excluded:"));
    let sum: u64 = counting.map(|count| count.conversations).sum();
    ensure!(
        sum == closed.conversations,
        "the counts of window {name} add up to {sum}, not to {}",
        closed.conversations
    );
    let lines: BTreeSet<_> = closing
        .counts
        .iter()
        .map(|count| (&count.state, &count.topic))
        .collect();
    ensure!(
        lines.len() == closing.counts.len(),
        "window {name} counts a state twice"
    );
    let digest = closing.digest.as_ref();
    ensure!(
        digest.map(|digest| &digest.id) == closed.digest.as_ref(),
        "window {name} names another digest than it brings"
    );
    ensure!(
        digest.is_none_or(|d| d.cadence == closed.cadence && d.window == closed.window),
        "window {name} brings the digest of another window"
    );
    Ok(())
}

/// Writes a digest; its content hash.
async fn write_digest(
    writing: &mut Writing,
    digest: &Digest,
    now: DateTime<Utc>,
) -> anyhow::Result<String> {
    let (content, sha256) = canonical(digest);
    let add = sql(
        "INSERT INTO digests (id, cadence, window_key, starts_at, ends_at, created_at, \
                   sha256, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let add = add
        .bind(plain(digest.id.as_str()))
        .bind(digest.cadence.as_str())
        .bind(plain(&digest.window))
        .bind(digest.start.timestamp_micros())
        .bind(digest.end.timestamp_micros())
        .bind(now.timestamp_micros())
        .bind(sha256.clone())
        .bind(content);
    run(writing.connection(), add).await?;
    Ok(sha256)
}

async fn write_deliveries(writing: &mut Writing, closing: &Closing) -> anyhow::Result<()> {
    let Some(digest) = &closing.digest else {
        return Ok(());
    };
    let rows = ManyRows {
        before: "INSERT INTO deliveries (digest, destination, state, attempts, next_at)",
        row: "($, $, $, 0, $)",
        after: "ON CONFLICT (digest, destination) DO NOTHING",
    };
    rows.all(writing, &closing.destinations, |destination, values| {
        let values = values.text(digest.id.as_str()).text(destination.as_str());
        values
            .text(DeliveryState::Waiting.as_str())
            .time(closing.closed.closed_at);
    })
    .await
}

/// Notes whose words were read, so that they are kept when they are replaced.
async fn note_read(writing: &mut Writing, closing: &Closing) -> anyhow::Result<()> {
    let rows = ManyRows {
        before: "UPDATE conversations SET read_change = v.column3 FROM (",
        row: "($, $, $)",
        after: ") AS v WHERE conversations.source = v.column1 AND conversations.id = v.column2",
    };
    rows.all(writing, &closing.origin.read, |key, values| {
        let values = values.text(key.source.as_str()).text(&key.id);
        values.number(closing.origin.as_of);
    })
    .await
}

async fn write_counts(writing: &mut Writing, closing: &Closing) -> anyhow::Result<()> {
    let rows = ManyRows {
        before: "INSERT INTO window_counts (cadence, window_key, team, state, topic, conversations, \
                 customers)",
        row: "($, $, $, $, $, $, $)",
        after: "",
    };
    rows.all(writing, &closing.counts, |count, values| {
        let topic = count.topic.as_ref().map_or("", TopicId::as_str);
        values
            .text(closing.closed.cadence.as_str())
            .text(&closing.closed.window)
            .text(&closing.closed.team)
            .text(&count.state)
            .text(topic)
            .number(whole(count.conversations))
            .number(whole(count.customers));
    })
    .await
}

pub(super) fn closed_window(row: &AnyRow) -> anyhow::Result<ClosedWindow> {
    Ok(ClosedWindow {
        cadence: word(row, 0, Cadence::parse)?,
        window: get(row, 1)?,
        closed_at: instant(row, 2)?,
        conversations: count(row, 3)?,
        digest: get::<Option<String>>(row, 4)?.map(DigestId),
        reason: get(row, 5)?,
        team: get(row, 6)?,
    })
}

fn window_count(row: &AnyRow) -> anyhow::Result<WindowCount> {
    let topic: String = get(row, 1)?;
    Ok(WindowCount {
        state: get(row, 0)?,
        topic: (!topic.is_empty()).then_some(TopicId(topic)),
        conversations: count(row, 2)?,
        customers: count(row, 3)?,
    })
}
