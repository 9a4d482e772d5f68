//! Pulls one source: page by page, cleaned and redacted, each page and its cursor in one transaction.
//!
//! `clean`, `redact`, `language` and `prepare` are pure. `pull` reads what is new and `backfill` what is older than the
//! first pull, both page by page in their `lane`; `again` reads single records that could not be read before.

mod again;
mod backfill;
mod clean;
mod earlier;
mod html;
mod lane;
mod language;
mod numbers;
mod phrases;
mod prepare;
mod pull;
mod redact;

use secrecy::{ExposeSecret as _, SecretString};

use crate::section::Section;

pub use backfill::backfill_source;
pub use clean::clean;
pub use language::detect;
pub use prepare::{prepare, pseudonym};
pub use pull::{PullFailure, PullOutcome, back_off, pull_source};
pub use redact::redact;

/// How many characters of a conversation are indexed and embedded.
const TEXT_CHARS_MAX: usize = 8_000;

/// The part of a source's conversations that may go at once without a person's word.
const DELETIONS_MAX_PERCENT: u8 = 5;

/// Settings of cleaning and redaction.
#[derive(Clone)]
pub struct IngestConfig {
    /// How many characters of a conversation are indexed and embedded.
    pub text_chars_max: usize,
    /// Whether names go too, where a sentence says that a word is one.
    pub with_names: bool,
    /// ISO 639-1 code for texts too short to tell; may be empty.
    pub default_language: String,
    /// Starts of lines that this company's helpdesk adds to every mail, in lower case.
    pub templates: Vec<String>,
    /// Goes into the pseudonyms, so that nobody can find out whose one is by trying addresses.
    pub pseudonym_key: String,
    /// More of a source's conversations than this are not deleted at once because the helpdesk does not find them.
    pub deletions_max_percent: u8,
}

impl std::fmt::Debug for IngestConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestConfig")
            .field("text_chars_max", &self.text_chars_max)
            .field("with_names", &self.with_names)
            .field("default_language", &self.default_language)
            .field("templates", &self.templates)
            .field("deletions_max_percent", &self.deletions_max_percent)
            .finish_non_exhaustive()
    }
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            text_chars_max: TEXT_CHARS_MAX,
            with_names: true,
            default_language: String::new(),
            templates: Vec::new(),
            pseudonym_key: String::new(),
            deletions_max_percent: DELETIONS_MAX_PERCENT,
        }
    }
}

impl IngestConfig {
    /// Reads the `[ingest]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let chars = section.number("text_chars_max", TEXT_CHARS_MAX as i64, 200..=100_000);
        let with_names = section.flag("redact_names", true);
        let default_language = section
            .optional_text("default_language")
            .unwrap_or_default();
        let templates = section.list("templates");
        let key: Option<SecretString> = section.optional_secret("pseudonym_key");
        let percent = section.number(
            "deletions_max_percent",
            i64::from(DELETIONS_MAX_PERCENT),
            0..=100,
        );
        section.finish();
        Self {
            deletions_max_percent: u8::try_from(percent).unwrap_or(DELETIONS_MAX_PERCENT),
            text_chars_max: usize::try_from(chars).unwrap_or(TEXT_CHARS_MAX),
            with_names,
            default_language,
            templates: templates
                .iter()
                .map(|line| line.trim().to_lowercase())
                .collect(),
            pseudonym_key: key
                .map(|key| key.expose_secret().to_owned())
                .unwrap_or_default(),
        }
    }
}
