//! Digests on their way: one row for each digest and destination, so that none is posted twice.

use anyhow::ensure;
use sqlx::any::AnyRow;

use super::sql::{get, instant, plain, run, small_count, sql, word};
use super::{Delivery, DeliveryState, Store};
use crate::model::{DestinationId, DigestId};

impl DeliveryState {
    /// All states.
    pub const ALL: [DeliveryState; 3] = [
        DeliveryState::Waiting,
        DeliveryState::Sent,
        DeliveryState::Failed,
    ];

    /// The name in tables and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Sent => "sent",
            DeliveryState::Failed => "failed",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Store {
    /// Deliveries in any state, those of the newest digests first.
    pub async fn deliveries(&self, limit: u32) -> anyhow::Result<Vec<Delivery>> {
        let ask = sql(
            "SELECT l.digest, l.destination, l.state, l.attempts, l.next_at, l.receipt, \
                       l.error FROM deliveries l JOIN digests d ON d.id = l.digest \
                       ORDER BY d.ends_at DESC, d.starts_at DESC, l.digest, l.destination \
                       LIMIT $1",
        );
        self.read_all(ask.bind(i64::from(limit)), delivery).await
    }

    /// What is still to be sent, longest due first.
    pub async fn waiting_deliveries(&self) -> anyhow::Result<Vec<Delivery>> {
        let ask = sql(
            "SELECT digest, destination, state, attempts, next_at, receipt, error \
                       FROM deliveries WHERE state = 'waiting' \
                       ORDER BY next_at, digest, destination",
        );
        self.read_all(ask, delivery).await
    }

    /// Records what became of a try. What was sent stays sent.
    pub async fn save_delivery(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let save = sql(
            "INSERT INTO deliveries (digest, destination, state, attempts, next_at, \
                        receipt, error) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                        ON CONFLICT (digest, destination) DO UPDATE SET state = excluded.state, \
                        attempts = excluded.attempts, next_at = excluded.next_at, \
                        receipt = excluded.receipt, error = excluded.error \
                        WHERE deliveries.state <> 'sent' OR excluded.state = 'sent'",
        );
        let save = save
            .bind(plain(delivery.digest.as_str()))
            .bind(plain(delivery.destination.as_str()))
            .bind(delivery.state.as_str())
            .bind(i64::from(delivery.attempts))
            .bind(delivery.next_at.timestamp_micros())
            .bind(delivery.receipt.as_deref().map(plain))
            .bind(delivery.error.as_deref().map(plain));
        let mut writing = self.begin().await?;
        let saved = run(writing.connection(), save).await?;
        ensure!(
            saved == 1,
            "digest {} was already sent to {}; that cannot be taken back",
            delivery.digest,
            delivery.destination
        );
        writing.commit().await
    }
}

fn delivery(row: &AnyRow) -> anyhow::Result<Delivery> {
    Ok(Delivery {
        digest: DigestId(get(row, 0)?),
        destination: DestinationId(get(row, 1)?),
        state: word(row, 2, DeliveryState::parse)?,
        attempts: small_count(row, 3)?,
        next_at: instant(row, 4)?,
        receipt: get(row, 5)?,
        error: get(row, 6)?,
    })
}
