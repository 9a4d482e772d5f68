//! Pages and JSON API.

use crate::config::Section;

/// Settings of pages and API.
#[derive(Clone, Debug)]
pub struct WebConfig {}

impl WebConfig {
    /// Reads the `[web]` table.
    pub fn read(section: Section<'_>) -> Self {
        section.finish();
        Self {}
    }
}
