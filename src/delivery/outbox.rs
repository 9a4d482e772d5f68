//! Brings waiting digests to their destinations: send, then record, then the next one. What to do
//! with a delivery is decided in `decide`.
//!
//! A digest arrives at least once. When the process dies between sending and recording, the same
//! delivery is sent again with the same key, by which a destination that can drops the repeat.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::answer_links::Pages;
use super::decide::{Action, Decision, decide, delivery_key, later};
use super::{Destination, Destinations, Outgoing, Receipt, SendError};
use crate::digest::render::{Ways, render};
use crate::model::DestinationId;
use crate::store::{Delivery, DeliveryState, Store};

/// How many destinations are sent to side by side.
const DESTINATIONS_AT_ONCE: usize = 4;

/// Sends what is due and records each result. Destinations are served side by side, the digests of
/// one destination one after the other. Gives how many arrived.
pub async fn deliver_due<'a>(
    store: &Store,
    destinations: &Destinations,
    pages: impl Into<Pages<'a>>,
    now: DateTime<Utc>,
) -> anyhow::Result<usize> {
    let mut queues: BTreeMap<DestinationId, Vec<Delivery>> = BTreeMap::new();
    for delivery in store.waiting_deliveries().await? {
        let queue = queues.entry(delivery.destination.clone()).or_default();
        queue.push(delivery);
    }
    let round = Round {
        store,
        pages: pages.into(),
        now,
        started: Instant::now(),
    };
    // All are carried to their end: an error of one must not cut off another that is being sent.
    let results: Vec<anyhow::Result<usize>> =
        futures_util::stream::iter(queues.into_iter().map(|(id, queue)| {
            let destination = destinations.get(&id);
            round.serve(destination, queue)
        }))
        .buffer_unordered(DESTINATIONS_AT_ONCE)
        .collect()
        .await;
    results.into_iter().sum()
}

/// What one round of sending needs.
struct Round<'a> {
    store: &'a Store,
    pages: Pages<'a>,
    now: DateTime<Utc>,
    started: Instant,
}

impl Round<'_> {
    /// The time now: told waits count from the answer, not from the beginning of the round.
    fn now(&self) -> DateTime<Utc> {
        let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.now
            .checked_add_signed(TimeDelta::microseconds(passed))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Sends one destination's digests, oldest first. After a failure that may pass, the others wait
    /// for the next round: the destination is likely down or busy.
    async fn serve(
        &self,
        destination: Option<&Destination>,
        mut queue: Vec<Delivery>,
    ) -> anyhow::Result<usize> {
        queue.sort_by(|a, b| (a.next_at, &a.digest).cmp(&(b.next_at, &b.digest)));
        let mut arrived = 0;
        for place in 0..queue.len() {
            let delivery = &queue[place];
            let attempts_max = destination.map_or(1, |known| known.attempts_max);
            let decision = decide(delivery, None, self.now(), attempts_max);
            if decision.action != Action::Send {
                continue;
            }
            let result = match destination {
                Some(known) => self.send(known, delivery).await?,
                None => Err(SendError::Permanent(format!(
                    "there is no destination {} in the configuration any more",
                    delivery.destination
                ))),
            };
            let decision = decide(delivery, Some(&result), self.now(), attempts_max);
            self.record(&decision).await?;
            match result {
                Ok(_) => arrived += 1,
                Err(SendError::Permanent(_)) => {}
                Err(SendError::Retry { after_s, .. }) => {
                    self.postpone(&queue[place + 1..], after_s).await?;
                    break;
                }
            }
        }
        Ok(arrived)
    }

    async fn send(
        &self,
        destination: &Destination,
        delivery: &Delivery,
    ) -> anyhow::Result<Result<Receipt, SendError>> {
        let Some((digest, _)) = self.store.digest(&delivery.digest).await? else {
            let reason = format!("the digest {} is not in the database", delivery.digest);
            return Ok(Err(SendError::Permanent(reason)));
        };
        let created_at = self.store.digest_created_at(&delivery.digest).await?;
        let published_at = created_at.unwrap_or(digest.end);
        let answers = self
            .pages
            .answer_links(&digest, &delivery.destination, published_at);
        let ways = Ways {
            base_url: self.pages.base_url,
            answers: &answers,
        };
        let message = Outgoing {
            delivery_key: delivery_key(delivery),
            digest: delivery.digest.clone(),
            at: self.now(),
            content: render(&digest, destination.notifier.format(), ways),
        };
        Ok(destination.notifier.send(&message).await)
    }

    async fn record(&self, decision: &Decision) -> anyhow::Result<()> {
        let next = &decision.next;
        self.store.save_delivery(next).await.with_context(|| {
            let key = delivery_key(next);
            format!("the result of delivery {key} was not recorded, it will be sent again")
        })?;
        let (id, reason) = (delivery_key(next), decision.reason.as_str());
        match next.state {
            DeliveryState::Sent => tracing::info!(delivery.id = id, reason, "digest delivered"),
            DeliveryState::Waiting => {
                tracing::warn!(delivery.id = id, reason, "digest not delivered yet");
            }
            DeliveryState::Failed => {
                tracing::error!(delivery.id = id, reason, "digest not delivered, given up");
            }
        }
        Ok(())
    }

    /// A told wait is meant for the destination: its other digests wait, too, and lose no try by it.
    async fn postpone(&self, others: &[Delivery], told_s: Option<u64>) -> anyhow::Result<()> {
        let Some(seconds) = told_s else { return Ok(()) };
        let until = later(self.now(), i64::try_from(seconds).unwrap_or(i64::MAX));
        for other in others.iter().filter(|other| other.next_at < until) {
            let later = Delivery {
                next_at: until,
                ..other.clone()
            };
            self.store.save_delivery(&later).await?;
        }
        Ok(())
    }
}
