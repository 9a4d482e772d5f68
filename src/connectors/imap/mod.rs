//! A shared mailbox over IMAP: a thread of mails is a conversation.
//!
//! New mails are found by their UIDs, folder by folder. For each, its whole thread is read, wherever its mails lie, so
//! that a conversation is complete whatever the borders of pages are. A conversation is called after the mail above all
//! others, by its Message-ID: what is read again, moved, or given new UIDs is the same conversation. IMAP says nothing of
//! what was deleted, so everything is walked through now and then.
//!
//! The mailbox is only read: no mail is ever marked.

mod check;
mod connect;
mod conversation;
mod cursor;
mod folders;
mod gather;
mod head;
mod mail;
mod page;
mod read;
mod session;
mod sweep;
mod thread;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::{Connector, Cursor, Page, PullError};
use crate::model::SourceId;
use crate::section::Section;
pub use conversation::{CategoryFrom, Reading};
use session::Session;

/// New mails of a page.
const PAGE_RECORDS: i64 = 50;

/// Hours between two walks over everything.
const SWEEP_HOURS: i64 = 24;

/// Of a mail so much is read; the words stand before the attachments.
const MAIL_KIB_MAX: i64 = 256;

/// How long the server may take for an answer.
const TIMEOUT_S: i64 = 60;

/// How the way to the server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    /// None; only to this machine.
    None,
}

impl Security {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "implicit" => Self::Tls,
            "starttls" => Self::StartTls,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// How the user proves who they are.
#[derive(Clone, Debug)]
pub enum Login {
    /// A password.
    Password(SecretString),
    /// An OAuth access token.
    Token(SecretString),
}

/// Settings of a mailbox.
#[derive(Clone, Debug)]
pub struct ImapConfig {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is encrypted.
    pub security: Security,
    /// Certificates of an own authority, trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The user name, most often the mail address.
    pub user: String,
    /// The password or token.
    pub login: Login,
    /// Folders in which new mail is looked for.
    pub folders: Vec<String>,
    /// Folders in which other mails of their threads may lie; all but trash, junk and drafts when empty.
    pub thread_folders: Vec<String>,
    /// Who belongs to the team, and what stands where.
    pub reading: Reading,
    /// Mails since that day are looked for; all when missing.
    pub start: Option<DateTime<Utc>>,
    /// New mails of a page.
    pub page_records: usize,
    /// Time between two walks over everything; `None`: there are none.
    pub sweep_every: Option<TimeDelta>,
    /// Of a mail so many bytes are read.
    pub mail_bytes_max: u32,
    /// How long the server may take for an answer.
    pub timeout: Duration,
}

impl ImapConfig {
    /// Settings with nothing but what is required.
    pub fn new(host: &str, user: &str, login: Login) -> Self {
        Self {
            host: host.to_owned(),
            port: 993,
            security: Security::Tls,
            ca_file: None,
            user: user.to_owned(),
            login,
            folders: vec!["INBOX".to_owned()],
            thread_folders: Vec::new(),
            reading: Reading {
                // The mailbox itself is the team's, of course.
                team_addresses: mail_address(user).into_iter().collect(),
                ..Reading::default()
            },
            start: None,
            page_records: PAGE_RECORDS as usize,
            sweep_every: TimeDelta::try_hours(SWEEP_HOURS),
            mail_bytes_max: (MAIL_KIB_MAX as u32) << 10,
            timeout: Duration::from_secs(TIMEOUT_S as u64),
        }
    }

    /// Reads the settings out of a `[[sources]]` table.
    pub fn read(section: &mut Section<'_>, zone: chrono_tz::Tz) -> Self {
        let host = section.required_text("host", "name the mail server, such as imap.example.com");
        let user = section.required_text("user", "give the mailbox's user, often its address");
        let login = read_login(section);
        let mut config = Self::new(&host, &user, login);
        let names = ["implicit", "starttls", "none"];
        config.security = section.choice("tls", Security::Tls, &names, Security::parse);
        if config.security == Security::None && !host.is_empty() && !is_loopback(&host) {
            let hint = "use implicit or starttls; none is for a mail server on this machine only";
            section.problem(
                "tls",
                "would send the password and all mails unprotected",
                hint,
            );
        }
        let default = match config.security {
            Security::Tls => 993,
            _ => 143,
        };
        let port = section.number("port", default, 1..=65_535);
        config.port = u16::try_from(port).unwrap_or(993);
        config.ca_file = section
            .has("ca_file")
            .then(|| section.path("ca_file", "ca.pem"));
        if section.has("folders") {
            config.folders = section.list("folders");
        }
        if config.folders.is_empty() {
            section.problem(
                "folders",
                "names no folder",
                "give at least one, such as [\"INBOX\"]",
            );
        }
        config.thread_folders = section.list("thread_folders");
        read_reading(section, &mut config.reading);
        config.start = super::start(section, zone);
        let records = section.number("page_records", PAGE_RECORDS, 1..=500);
        config.page_records = usize::try_from(records).unwrap_or(1);
        let hours = section.number("sweep_hours", SWEEP_HOURS, 0..=8_760);
        config.sweep_every = TimeDelta::try_hours(hours).filter(|_| hours > 0);
        let kibibytes = section.number("mail_kib_max", MAIL_KIB_MAX, 16..=16_384);
        config.mail_bytes_max = u32::try_from(kibibytes << 10).unwrap_or(u32::MAX);
        let timeout = section.number("timeout_seconds", TIMEOUT_S, 1..=600);
        config.timeout = Duration::from_secs(timeout.unsigned_abs());
        config
    }

    /// Host and port, for messages.
    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn read_login(section: &mut Section<'_>) -> Login {
    let has = |section: &Section<'_>, key: &str| {
        ["", "_env", "_file"]
            .iter()
            .any(|end| section.has(&format!("{key}{end}")))
    };
    if has(section, "access_token") {
        if has(section, "password") {
            let hint = "keep one of them";
            section.problem("access_token_env", "is given beside a password", hint);
            section.optional_secret("password");
        }
        return Login::Token(section.secret("access_token", "name a variable or a file with it"));
    }
    let hint = "name a variable or a file that holds the mailbox's password";
    Login::Password(section.secret("password", hint))
}

fn read_reading(section: &mut Section<'_>, reading: &mut Reading) {
    let lower = |texts: Vec<String>| texts.into_iter().map(|text| text.trim().to_lowercase());
    let addresses = section.list("team_addresses");
    for (place, address) in addresses.iter().enumerate() {
        if mail_address(address).is_none() {
            let hint = "give whole addresses; team_domains takes everybody at a domain";
            section.problem(
                &format!("team_addresses[{place}]"),
                "is not a mail address",
                hint,
            );
        }
    }
    reading.team_addresses.extend(lower(addresses));
    let domains = lower(section.list("team_domains"));
    reading.team_domains = domains
        .map(|one| one.trim_start_matches('@').to_owned())
        .collect();
    reading.closed_keyword = section.optional_text("closed_keyword");
    if let Some(text) = section.optional_text("category_from") {
        let parsed = match text.split_once(':') {
            None if text == "folder" => Some(CategoryFrom::Folder),
            Some(("keyword", start)) if !start.is_empty() => {
                Some(CategoryFrom::Keyword(start.to_owned()))
            }
            Some(("header", name)) if !name.is_empty() => {
                Some(CategoryFrom::Header(name.to_owned()))
            }
            _ => None,
        };
        if parsed.is_none() {
            let hint = "give \"folder\", \"keyword:<start of the keyword>\" or \"header:<name>\"";
            section.problem("category_from", format!("\"{text}\" is not known"), hint);
        }
        reading.category_from = parsed.unwrap_or_default();
    }
    reading.link_template = section.optional_text("link_template");
    let is_link = |link: &String| link.starts_with("https://") || link.starts_with("http://");
    if let Some(link) = &reading.link_template
        && !(is_link(link) && link.contains("{message_id}"))
    {
        let hint = "give an address such as \"https://mail.example.com/search?q={message_id}\"";
        section.problem(
            "link_template",
            "is no address with {message_id} in it",
            hint,
        );
    }
}

fn mail_address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.split_once('@')?;
    let is_one = !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace);
    is_one.then_some(text)
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The connector of one mailbox.
pub struct Imap {
    source: SourceId,
    config: ImapConfig,
    tls: TlsConnector,
    /// The connection, between two pages of a pull.
    kept: Mutex<Option<Session>>,
}

impl Imap {
    /// A connector that asks the configured server and nobody else.
    pub fn new(source: SourceId, config: ImapConfig) -> anyhow::Result<Self> {
        Ok(Self {
            source,
            tls: connect::tls(&config)?,
            config,
            kept: Mutex::new(None),
        })
    }

    /// The connection of the page before, or a new one.
    async fn session(&self) -> Result<Session, PullError> {
        let kept = self.kept.lock().await.take();
        if let Some(mut session) = kept
            && session.is_alive().await
        {
            return Ok(session);
        }
        let mut session = Session::open(&self.config, &self.tls).await?;
        if self.config.reading.follows_keywords() {
            session.count_changes().await;
        }
        Ok(session)
    }

    async fn pull_page(
        &self,
        cursor: Option<&Cursor>,
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
        let mut session = self.session().await?;
        let page = self.page(&mut session, cursor, now).await?;
        if page.is_last {
            session.close().await;
        } else {
            *self.kept.lock().await = Some(session);
        }
        Ok(page)
    }

    async fn read_ids(&self, ids: &[String], now: DateTime<Utc>) -> Result<Page, PullError> {
        let mut session = self.session().await?;
        let page = self.again(&mut session, ids, now).await?;
        session.close().await;
        Ok(page)
    }
}

/// A server's answer that the library trips over is no reason to stop everything.
async fn caught<T>(doing: impl Future<Output = Result<T, PullError>>) -> Result<T, PullError> {
    let done = AssertUnwindSafe(doing).catch_unwind().await;
    let tripped =
        |_| PullError::Malformed("the server's answer broke the reading of it".to_owned());
    done.map_err(tripped)?
}

impl Connector for Imap {
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(caught(self.pull_page(cursor, now)))
    }

    fn read_again<'a>(
        &'a self,
        ids: &'a [String],
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(caught(self.read_ids(ids, now)))
    }

    fn check<'a>(&'a self, _now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>> {
        Box::pin(caught(self.remarks()))
    }
}
