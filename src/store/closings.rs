//! What closed windows were computed from, beside them, under a seal: a hash of all that a closing wrote. Nothing here is
//! ever changed.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::digests::closed_window;
use super::fingerprint::hex;
use super::sql::{first, get, instant, plain, run, sql};
use super::{ClosedWindow, Closing, Store, WindowCount, Writing};
use crate::model::{Cadence, DigestId, TopicId};

/// All that a closing wrote, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// The window.
    pub closed: ClosedWindow,
    /// The last change that was counted.
    pub as_of: i64,
    /// Its frozen counts.
    pub counts: Vec<WindowCount>,
    /// The frozen inputs as JSON.
    pub inputs: String,
    /// What it was computed from as hashes, as JSON.
    pub proof: String,
    /// The hash of all this.
    pub seal: String,
    /// Its digest's row.
    pub digest: Option<DigestRow>,
}

/// A digest's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRow {
    /// Its id.
    pub id: DigestId,
    /// Its cadence's name.
    pub cadence: String,
    /// Its window's key.
    pub window: String,
    /// The window's first instant.
    pub starts_at: DateTime<Utc>,
    /// The first instant after the window.
    pub ends_at: DateTime<Utc>,
    /// When it was published.
    pub created_at: DateTime<Utc>,
    /// SHA-256 of the content, as published.
    pub sha256: String,
    /// The digest as JSON.
    pub content: String,
}

impl Sealed {
    /// The seal that fits what is stored.
    pub fn fitting_seal(&self) -> String {
        let sha256 = self.digest.as_ref().map(|digest| digest.sha256.as_str());
        seal(
            &self.closed,
            self.as_of,
            &self.counts,
            (&self.inputs, &self.proof),
            sha256,
        )
    }
}

/// SHA-256 of all that a closing wrote.
fn seal(
    closed: &ClosedWindow,
    as_of: i64,
    counts: &[WindowCount],
    (inputs, proof): (&str, &str),
    digest_sha256: Option<&str>,
) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    field(closed.cadence.as_str());
    field(&closed.window);
    field(&closed.team);
    field(&closed.closed_at.timestamp_micros().to_string());
    field(&closed.conversations.to_string());
    field(closed.digest.as_ref().map_or("", DigestId::as_str));
    field(&closed.reason);
    field(&as_of.to_string());
    for count in counts {
        field(&count.state);
        field(count.topic.as_ref().map_or("", TopicId::as_str));
        field(&count.conversations.to_string());
        field(&count.customers.to_string());
    }
    field(inputs);
    field(proof);
    field(digest_sha256.unwrap_or_default());
    hex(&hash.finalize())
}

/// Writes the origin of a closing under its seal.
pub(super) async fn write_origin(
    writing: &mut Writing,
    closing: &Closing,
    digest_sha256: Option<&str>,
) -> anyhow::Result<()> {
    let (closed, origin) = (&closing.closed, &closing.origin);
    let mut counts = closing.counts.clone();
    // In the order in which they are read.
    counts.sort_by(|a, b| (&a.state, &a.topic).cmp(&(&b.state, &b.topic)));
    let texts = (origin.inputs.as_str(), origin.proof.as_str());
    let seal = seal(closed, origin.as_of, &counts, texts, digest_sha256);
    let add = sql(
        "INSERT INTO closings (cadence, window_key, team, inputs, proof, seal) \
                   VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let add = add
        .bind(closed.cadence.as_str())
        .bind(plain(&closed.window))
        .bind(plain(&closed.team))
        .bind(origin.inputs.clone())
        .bind(origin.proof.clone())
        .bind(seal);
    run(writing.connection(), add).await?;
    Ok(())
}

impl Store {
    /// All that a closing wrote; none if the window is not closed.
    pub async fn sealed(
        &self,
        cadence: Cadence,
        window: &str,
        team: &str,
    ) -> anyhow::Result<Option<Sealed>> {
        let counts = self.window_counts_of(cadence, window, team).await?;
        let ask = sql(
            "SELECT w.cadence, w.window_key, w.closed_at, w.conversations, w.digest, w.reason, \
             w.team, w.as_of, COALESCE(c.inputs, ''), COALESCE(c.proof, ''), COALESCE(c.seal, '') \
             FROM windows w LEFT JOIN closings c ON c.cadence = w.cadence \
             AND c.window_key = w.window_key AND c.team = w.team \
             WHERE w.cadence = $1 AND w.window_key = $2 AND w.team = $3",
        );
        let ask = ask
            .bind(cadence.as_str())
            .bind(plain(window))
            .bind(plain(team));
        let mut connection = self.reader().await?;
        let found = first(&mut connection, ask, |row| {
            Ok(Sealed {
                closed: closed_window(row)?,
                as_of: get(row, 7)?,
                counts: counts.clone(),
                inputs: get(row, 8)?,
                proof: get(row, 9)?,
                seal: get(row, 10)?,
                digest: None,
            })
        });
        let Some(mut sealed) = found.await? else {
            return Ok(None);
        };
        if let Some(id) = &sealed.closed.digest {
            let ask = sql(
                "SELECT id, cadence, window_key, starts_at, ends_at, created_at, sha256, content \
                 FROM digests WHERE id = $1",
            );
            sealed.digest = first(&mut connection, ask.bind(id.0.clone()), |row| {
                Ok(DigestRow {
                    id: DigestId(get(row, 0)?),
                    cadence: get(row, 1)?,
                    window: get(row, 2)?,
                    starts_at: instant(row, 3)?,
                    ends_at: instant(row, 4)?,
                    created_at: instant(row, 5)?,
                    sha256: get(row, 6)?,
                    content: get(row, 7)?,
                })
            })
            .await?;
        }
        Ok(Some(sealed))
    }

    /// Cadence, key and team of every closed window, as far as any table knows of it.
    pub async fn closed_keys(&self) -> anyhow::Result<Vec<(String, String, String)>> {
        let ask = sql("SELECT cadence, window_key, team FROM windows \
             UNION SELECT cadence, window_key, team FROM closings \
             UNION SELECT cadence, window_key, team FROM window_counts ORDER BY 1, 2, 3");
        self.read_all(ask, |row| Ok((get(row, 0)?, get(row, 1)?, get(row, 2)?)))
            .await
    }

    /// The closed window that a digest is about, and its team, by the windows' own table.
    pub async fn window_of(
        &self,
        id: &DigestId,
    ) -> anyhow::Result<Option<(Cadence, String, String)>> {
        let ask = sql("SELECT cadence, window_key, team FROM windows WHERE digest = $1");
        self.read_first(ask.bind(plain(id.as_str())), |row| {
            let cadence = super::sql::word(row, 0, Cadence::parse)?;
            Ok((cadence, get(row, 1)?, get(row, 2)?))
        })
        .await
    }
}
