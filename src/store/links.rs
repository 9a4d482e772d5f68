//! Signed links: what a reader says by one, an answer or a decision, is kept together with the sign that it was used.

use chrono::{DateTime, Utc};

use super::answers::write_answer;
use super::sql::{first, instant, plain, run, sql};
use super::suggestions::{Wanted, decide};
use super::{Store, Writing};
use crate::answers::{Answer, Said};
use crate::digest::followup::Refusal;
use crate::model::Decision;

/// A good link that somebody presses the button of.
#[derive(Clone, Copy, Debug)]
pub struct Pressed<'a> {
    /// The same for every copy of the link.
    pub nonce: &'a str,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// When the button was pressed.
    pub at: DateTime<Utc>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkUse<T> {
    /// The answer or decision was kept.
    Kept(T),
    /// The link was used before, at this time.
    UsedBefore(DateTime<Utc>),
}

impl Store {
    /// Adds the answer of a link, unless the link was used before.
    pub async fn answer_by_link(
        &self,
        pressed: Pressed<'_>,
        said: &Said,
    ) -> anyhow::Result<LinkUse<Answer>> {
        let mut writing = self.begin().await?;
        if let Some(used_at) = used_at(&mut writing, pressed.nonce).await? {
            return Ok(LinkUse::UsedBefore(used_at));
        }
        let answer = write_answer(&mut writing, said, pressed.at).await?;
        write_use(&mut writing, pressed, Some(answer.number), None).await?;
        writing.commit().await?;
        Ok(LinkUse::Kept(answer))
    }

    /// Decides a suggestion by a link, unless the link was used before. A refusal does not use it; `None` if no digest ever
    /// made the suggestion.
    pub async fn decide_by_link(
        &self,
        pressed: Pressed<'_>,
        wanted: &Wanted<'_>,
    ) -> anyhow::Result<Option<Result<LinkUse<Decision>, Refusal>>> {
        let mut writing = self.begin().await?;
        if let Some(used_at) = used_at(&mut writing, pressed.nonce).await? {
            return Ok(Some(Ok(LinkUse::UsedBefore(used_at))));
        }
        let decision = match decide(&mut writing, wanted, pressed.at).await? {
            None => return Ok(None),
            Some(Err(refusal)) => return Ok(Some(Err(refusal))),
            Some(Ok(decision)) => decision,
        };
        write_use(&mut writing, pressed, None, Some(decision.number)).await?;
        writing.commit().await?;
        Ok(Some(Ok(LinkUse::Kept(decision))))
    }

    /// When a link was used, if it was.
    pub async fn link_used_at(&self, nonce: &str) -> anyhow::Result<Option<DateTime<Utc>>> {
        let ask = sql("SELECT used_at FROM used_links WHERE nonce = $1").bind(plain(nonce));
        self.read_first(ask, |row| instant(row, 0)).await
    }
}

async fn used_at(writing: &mut Writing, nonce: &str) -> anyhow::Result<Option<DateTime<Utc>>> {
    let ask = sql("SELECT used_at FROM used_links WHERE nonce = $1").bind(plain(nonce));
    first(writing.connection(), ask, |row| instant(row, 0)).await
}

/// Links that have expired are forgotten by the way.
async fn write_use(
    writing: &mut Writing,
    pressed: Pressed<'_>,
    answer: Option<i64>,
    decision: Option<i64>,
) -> anyhow::Result<()> {
    let forget = sql("DELETE FROM used_links WHERE expires_at < $1");
    let forget = forget.bind(pressed.at.timestamp_micros());
    run(writing.connection(), forget).await?;
    let add = sql(
        "INSERT INTO used_links (nonce, used_at, expires_at, answer, decision) \
         VALUES ($1, $2, $3, $4, $5)",
    );
    let add = add
        .bind(plain(pressed.nonce))
        .bind(pressed.at.timestamp_micros())
        .bind(pressed.expires_at.timestamp_micros())
        .bind(answer)
        .bind(decision);
    run(writing.connection(), add).await?;
    Ok(())
}
