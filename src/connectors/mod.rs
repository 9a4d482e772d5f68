//! Helpdesks and call systems in. A connector speaks one system's API and says *what*; it never
//! sleeps, retries or stores. `ingest` decides *how*: when to try again, what to keep.
//!
//! One more system of the pull engine is one more file, and two lines here: `mod`, and its entry in `SYSTEMS`.

mod adf;
pub mod aircall;
pub mod chatwoot;
pub mod date;
pub mod dialpad;
pub mod engine;
mod failure;
pub mod file;
pub mod freshcaller;
pub mod freshdesk;
pub mod front;
pub mod github;
pub mod gong;
pub mod help_scout;
pub mod hook;
pub mod http;
pub mod hubspot;
pub mod imap;
pub mod intercom;
pub mod jira;
mod json;
pub mod kinds;
mod page;
pub mod rating;
pub mod redmine;
pub mod request_tracker;
pub mod salesforce;
pub mod servicenow;
pub mod vault;
pub mod zammad;
pub mod zendesk;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::model::{Calendar, ReportBasis, SourceId, Window};
use crate::schedule::Schedule;
use crate::section::Section;
use vault::Vault;

pub use page::{Page, Parked, Skipped, Sweep};

/// A position in a source. Opaque: only its connector reads inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

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

/// A figure that a helpdesk counted itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCount {
    /// Whether it counts tickets by the date on which they were opened or solved.
    pub basis: ReportBasis,
    /// The category; `None` is the line for tickets without one, `ReportRow::TOTAL` that for all.
    pub category: Option<String>,
    /// How many.
    pub count: i64,
}

/// One system's API.
pub trait Connector: Send + Sync {
    /// The page after `cursor`; without one, the first page ever.
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>>;

    /// The helpdesk's own counts of a window that is over; none where its settings do not ask for them, or its API has none.
    fn official<'a>(
        &'a self,
        window: &'a Window,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<OwnCount>, PullError>> {
        let _ = (window, now);
        Box::pin(async { Ok(Vec::new()) })
    }

    /// A page of what changed before `until`, newest months first: history, read beside the daily pull. The cursor is its
    /// own. It is over when a page is the last one.
    fn backfill<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        let (_, _) = (until, now);
        let page = Page {
            is_last: true,
            reached: Some(DateTime::<Utc>::MIN_UTC),
            ..Page::at(cursor.cloned().unwrap_or(Cursor(String::new())))
        };
        Box::pin(async { Ok(page) })
    }

    /// Whether the daily pull begins at the present and leaves history to `backfill`.
    fn has_backfill(&self) -> bool {
        false
    }

    /// Reads single records that were parked; those that fail again are parked again. Its `next` means nothing.
    fn read_again<'a>(
        &'a self,
        ids: &'a [String],
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        let (_, _) = (ids, now);
        Box::pin(async { Ok(Page::at(Cursor(String::new()))) })
    }

    /// Whether ratings come in a list of their own, so that a conversation that is read for another reason does not say its.
    fn has_ratings_apart(&self) -> bool {
        false
    }

    /// How calls from the vendor are checked; none where it has no such calls, or no secret is configured.
    fn hook(&self) -> Option<&hook::Hook> {
        None
    }

    /// What was seen of the connection while asking, for `doctor`.
    fn condition(&self) -> Condition {
        Condition::default()
    }

    /// What `doctor` should tell a person: rights that seem to be missing, settings that find nothing.
    fn check<'a>(&'a self, now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>>;
}

/// What was seen of a connection while asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The server's clock minus ours, in seconds.
    pub clock_skew_s: Option<i64>,
    /// What is left of each limit and of how much, by the class of requests that it counts.
    pub budgets: Vec<(String, u64, u64)>,
}

/// One configured source.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name in keys, logs and metrics.
    pub id: SourceId,
    /// When it is pulled.
    pub schedule: Schedule,
    /// The name of its kind, as the configuration has it.
    pub kind_name: String,
    /// Which system, with its settings.
    pub kind: SourceKind,
}

/// The systems, with their settings.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// JSONL and CSV files, or a watched folder.
    Files(file::FilesConfig),
    /// A shared mailbox over IMAP.
    Imap(Box<imap::ImapConfig>),
    /// One that the pull engine drives.
    System(Arc<dyn engine::System>),
}

/// The systems that the pull engine drives.
pub const SYSTEMS: &[&engine::Kind] = &[
    &aircall::KIND,
    &chatwoot::KIND,
    &dialpad::KIND,
    &freshcaller::KIND,
    &freshdesk::KIND,
    &front::KIND,
    &github::KIND,
    &gong::KIND,
    &help_scout::KIND,
    &hubspot::KIND,
    &intercom::KIND,
    &jira::KIND,
    &redmine::KIND,
    &request_tracker::KIND,
    &salesforce::KIND,
    &servicenow::KIND,
    &zammad::KIND,
    &zendesk::KIND,
];

/// The names of the kinds, as the configuration has them.
fn kinds() -> Vec<&'static str> {
    let systems = SYSTEMS.iter().map(|kind| kind.name);
    let mut names: Vec<_> = ["files", "imap"].into_iter().chain(systems).collect();
    names.sort_unstable();
    names
}

impl SourceConfig {
    /// How far back its history goes that ends at `until`; none where the connector has no end in mind.
    pub fn history_start(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.kind {
            SourceKind::System(system) => Some(system.settings().start(until)),
            _ => None,
        }
    }

    /// Reads one `[[sources]]` table.
    pub fn read(mut section: Section<'_>, zone: chrono_tz::Tz) -> Self {
        let id = section.required_text("id", "give the source a short name, such as \"helpdesk\"");
        if id.contains('/') || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let hint = "use letters, digits, - and _";
            section.problem("id", format!("\"{id}\" has a slash or a space in it"), hint);
        }
        let schedule = section.schedule("schedule", "*/15 * * * *", zone);
        let hint = format!("give one of {}", kinds().join(", "));
        let kind_name = section.required_text("kind", &hint);
        let kind = match kind_name.as_str() {
            "files" => SourceKind::Files(file::FilesConfig::read(&mut section)),
            "imap" => SourceKind::Imap(Box::new(imap::ImapConfig::read(&mut section, zone))),
            other => match SYSTEMS.iter().find(|known| known.name == other) {
                Some(known) => {
                    let source = SourceId(id.clone());
                    let settings = engine::Settings::read(&mut section, source, &known.usual, zone);
                    SourceKind::System((known.read)(&mut section, settings))
                }
                None => {
                    if !other.is_empty() {
                        section.problem("kind", format!("\"{other}\" is not known"), hint);
                    }
                    return Self {
                        id: SourceId(id),
                        schedule,
                        kind_name,
                        kind: SourceKind::Files(file::FilesConfig::default()),
                    };
                }
            },
        };
        section.finish();
        Self {
            id: SourceId(id),
            schedule,
            kind_name,
            kind,
        }
    }
}

/// Makes the connector of a source.
pub fn build(
    config: &SourceConfig,
    calendar: Calendar,
    vault: &Vault,
) -> anyhow::Result<Box<dyn Connector>> {
    let source = config.id.clone();
    Ok(match &config.kind {
        SourceKind::Imap(config) => Box::new(imap::Imap::new(source, config.as_ref().clone())?),
        SourceKind::System(system) => Box::new(engine::Engine::new(system.clone(), vault)?),
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

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of all systems look at.

    use serde_json::Value;

    use super::engine::{Credentials, Kind, Settings, rows_of};
    use crate::model::{Author, Message, Visibility};

    /// A system as it comes; nobody is asked.
    pub fn settings(kind: &Kind) -> Settings {
        let url = kind.usual.url.parse().unwrap();
        let credentials = Credentials::bearer("t".to_owned().into());
        Settings::new("desk".into(), url, credentials, &kind.usual)
    }

    /// An answer as a vendor gives it.
    pub fn fixture(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// The rows of such an answer.
    pub fn rows(text: &str, items: &str) -> Vec<Value> {
        rows_of(&fixture(text), items).unwrap().to_vec()
    }

    /// Who said what to whom.
    pub fn said(messages: &[Message]) -> Vec<(Author, Visibility, &str)> {
        let said = messages.iter();
        said.map(|one| (one.author, one.visibility, one.text.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        // Every variable that the text names, also one of a word such as "colums".
        let names = text
            .split("_env = \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let variables = names.map(|name| (name.to_owned(), "hidden".into()));
        Config::parse(text, PathBuf::from("/etc/groundswell"), variables.collect()).map_err(
            |problems| {
                problems
                    .iter()
                    .map(|one| format!("{}: {}", one.path, one.message))
                    .collect()
            },
        )
    }

    /// The examples of the default configuration, without the marks that make them comments.
    fn examples() -> Vec<String> {
        let text = include_str!("../../config/default.toml");
        let blocks = text.split("\n## [[sources]]\n").skip(1);
        blocks
            .map(|block| {
                let lines = block.lines().take_while(|line| line.starts_with("##"));
                let lines: Vec<_> = lines
                    .map(|line| line.trim_start_matches("##").trim())
                    .collect();
                format!("[[sources]]\n{}\n", lines.join("\n"))
            })
            .collect()
    }

    #[test]
    fn the_documented_settings_are_known_and_show_the_defaults() {
        let config = parse(&examples().concat()).unwrap();
        let [files, mailbox, tracker, zendesk] = ["inbox", "mailbox", "rt", "zendesk"].map(|id| {
            let source = config
                .sources
                .iter()
                .find(|source| source.id.as_str() == id);
            source.unwrap_or_else(|| panic!("an example called {id}"))
        });
        for kind in SYSTEMS {
            let text = format!("\nkind = \"{}\"", kind.name);
            assert!(
                examples().concat().contains(&text),
                "no example of {}",
                kind.name
            );
        }
        let SourceKind::Files(files) = &files.kind else {
            panic!("{files:?}")
        };
        let paths = vec![PathBuf::from("/etc/groundswell/inbox")];
        let default = file::FilesConfig {
            paths,
            ..file::FilesConfig::default()
        };
        assert_eq!(format!("{files:?}"), format!("{default:?}"));
        let SourceKind::Imap(mailbox) = &mailbox.kind else {
            panic!("{mailbox:?}")
        };
        let login = imap::Login::Password("hidden".to_owned().into());
        let mut default = imap::ImapConfig::new("imap.example.com", "support@example.com", login);
        default.reading.team_domains = vec!["example.com".to_owned()];
        assert_eq!(format!("{mailbox:?}"), format!("{default:?}"));
        let SourceKind::System(tracker) = &tracker.kind else {
            panic!("{tracker:?}")
        };
        let url = "https://rt.example.com".parse().unwrap();
        let credentials = request_tracker::credentials("hidden".to_owned().into());
        let (source, usual) = (SourceId::from("rt"), &request_tracker::KIND.usual);
        let settings = engine::Settings::new(source, url, credentials, usual);
        let choices = request_tracker::Choices::default();
        let default = request_tracker::RequestTracker::new(settings, choices);
        assert_eq!(format!("{tracker:?}"), format!("{default:?}"));
        let SourceKind::System(zendesk) = &zendesk.kind else {
            panic!("{zendesk:?}")
        };
        let url: url::Url = "https://example.zendesk.com".parse().unwrap();
        let credentials = engine::Credentials::Client {
            url: url.join("oauth/tokens").unwrap(),
            id: "groundswell".to_owned(),
            secret: "hidden".to_owned().into(),
            scope: "read".to_owned(),
        };
        let (source, usual) = (SourceId::from("zendesk"), &zendesk::KIND.usual);
        let settings = engine::Settings::new(source, url, credentials, usual);
        let default = zendesk::Zendesk::new(settings);
        assert_eq!(format!("{zendesk:?}"), format!("{default:?}"));
        for source in &config.sources {
            assert!(!format!("{source:?}").contains("hidden"));
            build(source, Calendar::default(), &config.vault()).unwrap();
        }
    }

    #[test]
    fn the_examples_that_are_left_out_are_known_too() {
        let setting = |line: &str| {
            let setting = line.strip_prefix("# ")?;
            let (key, _) = setting.split_once(" = ")?;
            let is_key = key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            is_key.then(|| setting.to_owned())
        };
        let whole: Vec<String> = examples()
            .concat()
            .lines()
            .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
            .collect();
        let whole = whole.join("\n");
        let config = parse(&whole).unwrap();
        let SourceKind::Files(files) = &config.sources[0].kind else {
            panic!("files come first")
        };
        assert_eq!(files.columns["text"], "What happened");
        assert!(files.date_order.is_some());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = "
            [[sources]]
            id = \"a b\"
            kind = \"files\"
            colums = {}
            format = \"xml\"
            columns = { words = \"Text\" }
            [[sources]]
            id = \"rt\"
            kind = \"request_tracker\"
            url = \"rt.example.com\"
            token = \"in the open\"
            start = \"yesterday\"
            [[sources]]
            id = \"z\"
            kind = \"zendesk\"
            url = \"https://example.zendesk.com\"
            email = \"a@example.com\"
            category_field = \"topic\"
            [[sources]]
            id = \"x\"
            kind = \"fax\"
            [[sources]]
            id = \"m\"
            kind = \"imap\"
            host = \"imap.example.com\"
            user = \"support\"
            tls = \"none\"
            folders = []
            team_addresses = [\"Anna\"]
            category_from = \"field:1\"
            link_template = \"https://mail.example.com\"
            password = \"in the open\"
            [[sources]]
            id = \"j\"
            kind = \"jira\"
            url = \"https://api.atlassian.com/ex/jira/11-22\"
            projects = [\"HELP\"]
            email = \"a@example.com\"
            token_env = \"TOKEN\"
        ";
        let expected = [
            "sources[0].columns.words: is not one of our fields",
            "sources[0].colums: is not a known setting",
            "sources[0].format: \"xml\" is not known",
            "sources[0].id: \"a b\" has a slash or a space in it",
            "sources[0].paths: is missing",
            "sources[1].start: \"yesterday\" is not a date-time",
            "sources[1].token: a secret must not stand in the configuration",
            "sources[1].url: is not an http or https address",
            "sources[2].category_field: \"topic\" is not known",
            "sources[2].client_id: there must be one complete way to log in",
            "sources[3].kind: \"fax\" is not known",
            "sources[4].category_from: \"field:1\" is not known",
            "sources[4].folders: names no folder",
            "sources[4].link_template: is no address with {message_id} in it",
            "sources[4].password: a secret must not stand in the configuration",
            "sources[4].team_addresses[0]: is not a mail address",
            "sources[4].tls: would send the password and all mails unprotected",
            "sources[5].site: is missing",
        ];
        assert_eq!(parse(text).unwrap_err(), expected);
    }
}
