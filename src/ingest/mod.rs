//! Pulls one source: page by page, cleaned and redacted, each page and its cursor in one transaction.

use crate::config::Section;

/// Settings of cleaning and redaction.
#[derive(Clone, Debug)]
pub struct IngestConfig {}

impl IngestConfig {
    /// Reads the `[ingest]` table.
    pub fn read(section: Section<'_>) -> Self {
        section.finish();
        Self {}
    }
}
