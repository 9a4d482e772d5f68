//! Composes a digest from counted facts. Pure.

pub mod render;

use crate::config::Section;

/// What passes into a digest.
#[derive(Clone, Debug)]
pub struct DigestConfig {}

impl DigestConfig {
    /// Reads the `[digest]` table.
    pub fn read(section: Section<'_>) -> Self {
        section.finish();
        Self {}
    }
}
