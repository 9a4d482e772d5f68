//! Helpdesks and call systems in. A connector speaks one system's API and says *what*; it never
//! sleeps, retries or stores. `ingest` decides *how*: when to try again, what to keep.
//!
//! One more connector is one more file, and three lines here: `mod`, a variant, an arm in `build`.

mod date;
pub mod file;
pub mod http;
mod json;
pub mod request_tracker;
pub mod zendesk;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::config::Section;
use crate::model::{Calendar, Record, SourceId};
use crate::schedule::Schedule;

/// A position in a source. Opaque: only its connector reads inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A record that could not be read; it is counted and reported, the rest of its page counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The helpdesk id, or the file and line: `tickets.jsonl:17`.
    pub place: String,
    /// Why, without the customer's words.
    pub reason: String,
}

/// One page of changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// New, changed, deleted and merged conversations.
    pub records: Vec<Record>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Where to go on. Saved in the transaction that writes the records.
    pub next: Cursor,
    /// Whether nothing more is waiting right now.
    pub is_last: bool,
    /// The source is known to be complete up to here.
    pub complete_until: Option<DateTime<Utc>>,
    /// What a person should know though nothing was lost, such as lines in an old encoding.
    pub remarks: Vec<String>,
}

/// Why a page could not be had: one variant for each different reaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// Wait as long as told.
    #[error("rate limited{}", told(*.retry_after_s))]
    RateLimited {
        /// Seconds to wait, as told; never shortened. `None`: the server did not say.
        retry_after_s: Option<u64>,
    },
    /// Credentials or rights are wrong: a person must act.
    #[error("not authorised: {0}")]
    Unauthorized(String),
    /// Unreachable, timed out, a server's fault: try again later.
    #[error("{0}")]
    Transient(String),
    /// The answer does not make sense: try again later, but somebody should look.
    #[error("unexpected answer: {0}")]
    Malformed(String),
}

fn told(retry_after_s: Option<u64>) -> String {
    retry_after_s.map_or_else(String::new, |seconds| {
        format!(", asked to wait {seconds} s")
    })
}

/// One system's API.
pub trait Connector: Send + Sync {
    /// The page after `cursor`; without one, the first page ever.
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>>;

    /// What `doctor` should tell a person: rights that seem to be missing, settings that find nothing.
    fn check<'a>(&'a self, now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>>;
}

/// One configured source.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name in keys, logs and metrics.
    pub id: SourceId,
    /// When it is pulled.
    pub schedule: Schedule,
    /// Which system, with its settings.
    pub kind: SourceKind,
}

/// The systems, with their settings.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// JSONL and CSV files, or a watched folder.
    Files(file::FilesConfig),
    /// Request Tracker 5.
    RequestTracker(Box<request_tracker::RequestTrackerConfig>),
    /// Zendesk Support.
    Zendesk(Box<zendesk::ZendeskConfig>),
}

/// The names of the kinds, as the configuration has them.
const KINDS: [&str; 3] = ["files", "request_tracker", "zendesk"];

impl SourceConfig {
    /// Reads one `[[sources]]` table.
    pub fn read(mut section: Section<'_>, zone: chrono_tz::Tz) -> Self {
        let id = section.required_text("id", "give the source a short name, such as \"helpdesk\"");
        if id.contains('/') || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let hint = "use letters, digits, - and _";
            section.problem("id", format!("\"{id}\" has a slash or a space in it"), hint);
        }
        let schedule = section.schedule("schedule", "*/15 * * * *", zone);
        let hint = format!("give one of {}", KINDS.join(", "));
        let kind = section.required_text("kind", &hint);
        let kind = match kind.as_str() {
            "files" => SourceKind::Files(file::FilesConfig::read(&mut section)),
            "request_tracker" => {
                let config = request_tracker::RequestTrackerConfig::read(&mut section, zone);
                SourceKind::RequestTracker(Box::new(config))
            }
            "zendesk" => {
                SourceKind::Zendesk(Box::new(zendesk::ZendeskConfig::read(&mut section, zone)))
            }
            other => {
                if !other.is_empty() {
                    section.problem("kind", format!("\"{other}\" is not known"), hint);
                }
                return Self {
                    id: SourceId(id),
                    schedule,
                    kind: SourceKind::Files(file::FilesConfig::default()),
                };
            }
        };
        section.finish();
        Self {
            id: SourceId(id),
            schedule,
            kind,
        }
    }
}

/// Makes the connector of a source.
pub fn build(config: &SourceConfig, calendar: Calendar) -> anyhow::Result<Box<dyn Connector>> {
    let source = config.id.clone();
    Ok(match &config.kind {
        SourceKind::RequestTracker(tracker) => Box::new(request_tracker::RequestTracker::new(
            source,
            tracker.as_ref().clone(),
        )?),
        SourceKind::Zendesk(config) => {
            Box::new(zendesk::Zendesk::new(source, config.as_ref().clone())?)
        }
        SourceKind::Files(files) => {
            Box::new(file::Files::new(source, files.clone(), calendar.zone))
        }
    })
}

/// `start`: the day from which on a source is read.
fn start(section: &mut Section<'_>, zone: chrono_tz::Tz) -> Option<DateTime<Utc>> {
    let text = section.optional_text("start")?;
    let read = date::parse(&text, zone, None);
    if let Err(reason) = &read {
        let hint = "give a day, such as \"2026-01-01\"";
        section.problem("start", format!("\"{text}\" {reason}"), hint);
    }
    read.ok()
}

/// `timeout_seconds` and `answer_mib_max`.
fn limits(section: &mut Section<'_>) -> http::Limits {
    let timeout = section.number("timeout_seconds", 60, 1..=600);
    let mebibytes = section.number("answer_mib_max", 64, 1..=1_024);
    http::Limits {
        timeout: std::time::Duration::from_secs(timeout.unsigned_abs()),
        body_bytes_max: usize::try_from(mebibytes << 20).unwrap_or(usize::MAX),
    }
}
