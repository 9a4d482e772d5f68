//! Texts to vectors. A text's vector depends on nothing but the text and the model: not on its
//! batch, the threads or the order.

use futures_util::future::BoxFuture;

use crate::config::Section;
use crate::model::{ModelId, Text, Vector};

/// Why texts could not be embedded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// Try again later.
    #[error("{0}")]
    Transient(String),
    /// A person must act: a wrong model file, a wrong key.
    #[error("{0}")]
    Permanent(String),
}

/// An encoder.
pub trait Embedder: Send + Sync {
    /// Which model; keys the stored vectors.
    fn model(&self) -> ModelId;
    /// One vector for each text, in order. A blank text gives the zero vector.
    fn embed<'a>(&'a self, texts: &'a [Text]) -> BoxFuture<'a, Result<Vec<Vector>, EmbedError>>;
}

/// Settings of the encoder.
#[derive(Clone, Debug)]
pub struct EmbedConfig {}

impl EmbedConfig {
    /// Reads the `[embed]` table.
    pub fn read(section: Section<'_>) -> Self {
        section.finish();
        Self {}
    }
}

/// Makes the configured encoder.
pub fn build(config: &EmbedConfig) -> anyhow::Result<Box<dyn Embedder>> {
    let _ = config;
    unimplemented!()
}
