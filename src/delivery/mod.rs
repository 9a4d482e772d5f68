//! Digests out. A notifier speaks to one kind of destination; rendering has already happened, so a
//! preview is the same bytes as the delivery. Waiting and trying again is the outbox's business.

use futures_util::future::BoxFuture;

use crate::config::Section;
use crate::digest::render::{Format, Rendered};
use crate::model::DestinationId;

/// One rendered digest on its way to one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The same for every try of this delivery: `<digest>/<destination>`. Destinations that can, drop repeats by it.
    pub delivery_key: String,
    /// What to send.
    pub content: Rendered,
}

/// A destination's word that it has the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why a digest was not taken: one variant for each different reaction. Texts never hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Try again, after so many seconds if the destination said so.
    #[error("{reason}")]
    Retry {
        /// What happened.
        reason: String,
        /// Seconds to wait, as told.
        after_s: Option<u64>,
    },
    /// Trying again will not help: a person must act.
    #[error("{0}")]
    Permanent(String),
}

/// One kind of destination.
pub trait Notifier: Send + Sync {
    /// What it wants to be given.
    fn format(&self) -> Format;
    /// Hands one digest over.
    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>>;
}

/// One configured destination.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// Its name in logs and metrics.
    pub id: DestinationId,
    /// Which kind, with its settings.
    pub kind: DestinationKind,
}

/// The kinds, with their settings.
#[derive(Clone, Debug)]
pub enum DestinationKind {}

impl DestinationConfig {
    /// Reads one `[[destinations]]` table.
    pub fn read(section: Section<'_>) -> Self {
        let _ = section;
        unimplemented!()
    }
}

/// Makes the notifier of a destination.
pub fn build(config: &DestinationConfig) -> anyhow::Result<Box<dyn Notifier>> {
    let _ = config;
    unimplemented!()
}
