//! Digests out. A notifier speaks to one kind of destination; rendering has already happened, so a
//! preview is the same bytes as the delivery. Waiting and trying again is the outbox's business.
//!
//! One more notifier is one more file, and four lines here: `mod`, a variant, an arm in `read` and
//! one in `build`.

mod answer_links;
mod console;
pub mod decide;
mod file;
mod http;
mod mail;
mod matrix;
pub mod outbox;
mod slack;
mod teams;
mod webhook;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use crate::digest::render::{Format, Rendered};
use crate::digest::{Only, Team};
use crate::model::{DestinationId, DigestId};
use crate::section::Section;

pub use answer_links::Pages;
pub use file::FileFormat;
pub use mail::Security;
pub use outbox::deliver_due;

/// The names in `kind`, for hints.
const KINDS: [&str; 7] = [
    "console", "file", "webhook", "mail", "slack", "teams", "matrix",
];

/// How often a digest is tried at one destination before a person must look; with the outbox's
/// waits that is a little less than a day.
pub const ATTEMPTS_MAX: u32 = 12;

/// One rendered digest on its way to one destination.
#[derive(Clone, PartialEq)]
pub struct Outgoing {
    /// The same for every try of this delivery: `<digest>/<destination>`. Destinations that can, drop repeats by it.
    pub delivery_key: String,
    /// Which digest it is.
    pub digest: DigestId,
    /// When this try is made, for destinations that want a date.
    pub at: DateTime<Utc>,
    /// What to send.
    pub content: Rendered,
}

/// Leaves the content out: it quotes customers.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({})", self.delivery_key)
    }
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

impl SendError {
    /// Try again when the outbox finds it right: the destination did not say.
    fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
            after_s: None,
        }
    }
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
    /// After how many tries a delivery is given up.
    pub attempts_max: u32,
    /// The team whose digests it gets; the whole company's where there is none.
    pub team: Option<Team>,
    /// Which kind, with its settings.
    pub kind: DestinationKind,
}

/// The kinds, with their settings.
#[derive(Clone, Debug)]
pub enum DestinationKind {
    /// Standard output.
    Console,
    /// A folder.
    File(file::FileConfig),
    /// A signed POST of the digest as JSON.
    Webhook(webhook::WebhookConfig),
    /// SMTP.
    Mail(Box<mail::MailConfig>),
    /// A Slack incoming webhook.
    Slack(slack::SlackConfig),
    /// A Teams workflow webhook.
    Teams(teams::TeamsConfig),
    /// A Matrix room.
    Matrix(matrix::MatrixConfig),
}

impl DestinationConfig {
    /// Reads one `[[destinations]]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let hint = "give the destination a short name, such as team-mail";
        let id = DestinationId(section.required_text("id", hint));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if !id.as_str().chars().all(is_plain) {
            let message = format!("\"{id}\" is not a plain name");
            section.problem(
                "id",
                message,
                "use letters without accents, digits, - _ and .",
            );
        }
        let attempts_max = section.number("attempts_max", i64::from(ATTEMPTS_MAX), 1..=100);
        let (name, only) = Only::read(&mut section);
        let team = (!only.is_all()).then(|| Team {
            name: name.unwrap_or_default(),
            only,
        });
        let is_missing = !section.has("kind");
        let kind = section.text("kind", "console");
        if is_missing {
            section.problem("kind", "is missing", known_kinds());
        }
        let kind = match kind.as_str() {
            "console" => DestinationKind::Console,
            "file" => DestinationKind::File(file::FileConfig::read(&mut section)),
            "webhook" => DestinationKind::Webhook(webhook::WebhookConfig::read(&mut section)),
            "mail" => DestinationKind::Mail(Box::new(mail::MailConfig::read(&mut section))),
            "slack" => DestinationKind::Slack(slack::SlackConfig::read(&mut section)),
            "teams" => DestinationKind::Teams(teams::TeamsConfig::read(&mut section)),
            "matrix" => DestinationKind::Matrix(matrix::MatrixConfig::read(&mut section)),
            other => {
                section.problem("kind", format!("\"{other}\" is not known"), known_kinds());
                // Without a kind nobody knows which other keys are right: do not report them too.
                return Self {
                    id,
                    attempts_max: ATTEMPTS_MAX,
                    team,
                    kind: DestinationKind::Console,
                };
            }
        };
        if !is_missing {
            section.finish();
        }
        Self {
            id,
            attempts_max: u32::try_from(attempts_max).unwrap_or(ATTEMPTS_MAX),
            team,
            kind,
        }
    }
}

fn known_kinds() -> String {
    format!("give one of {}", KINDS.join(", "))
}

/// Makes the notifier of a destination.
pub fn build(config: &DestinationConfig) -> anyhow::Result<Box<dyn Notifier>> {
    Ok(match &config.kind {
        DestinationKind::Console => Box::new(console::Console),
        DestinationKind::File(settings) => Box::new(file::File::new(settings)),
        DestinationKind::Webhook(settings) => Box::new(webhook::Webhook::new(settings)?),
        DestinationKind::Mail(settings) => Box::new(mail::Mail::new(settings)?),
        DestinationKind::Slack(settings) => Box::new(slack::Slack::new(settings)?),
        DestinationKind::Teams(settings) => Box::new(teams::Teams::new(settings)?),
        DestinationKind::Matrix(settings) => Box::new(matrix::Matrix::new(settings)?),
    })
}

/// A destination that the outbox can send to.
pub struct Destination {
    /// Code that talks to it.
    pub notifier: Box<dyn Notifier>,
    /// After how many tries a delivery is given up.
    pub attempts_max: u32,
}

/// All destinations, by name.
pub type Destinations = BTreeMap<DestinationId, Destination>;

/// Makes all notifiers; the message says which destination cannot be made.
pub fn build_all(configs: &[DestinationConfig]) -> anyhow::Result<Destinations> {
    let mut destinations = Destinations::new();
    for config in configs {
        let notifier = build(config)
            .map_err(|error| error.context(format!("destination {} cannot be used", config.id)))?;
        let destination = Destination {
            notifier,
            attempts_max: config.attempts_max,
        };
        destinations.insert(config.id.clone(), destination);
    }
    Ok(destinations)
}

/// What a notifier says when it is given another format than it asked for.
fn wrong_format() -> SendError {
    SendError::Permanent("the digest was laid out for another kind of destination".to_owned())
}

/// SHA-256 of a text in hexadecimal: identifiers that are the same on every try and reveal nothing.
fn fingerprint(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::section::Reading;

    /// Reads one destination, with the variables that the tests name; gives it and the mistakes.
    fn read(text: &str) -> (DestinationConfig, Vec<String>) {
        let environment = [
            ("HOOK_SECRET", "hush-hush"),
            (
                "SLACK_URL",
                "https://hooks.slack.com/services/T0/B0/hush-hush",
            ),
            ("PLAIN_URL", "http://hooks.example.com/hush-hush"),
            ("NOT_A_URL", "hush-hush"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reading = Reading::new(environment.into(), PathBuf::from("/etc/groundswell"));
        let config = DestinationConfig::read(Section::root(text.parse().unwrap(), &reading));
        let problems = reading.into_problems();
        let shown = problems
            .iter()
            .map(|p| format!("{}: {}", p.path, p.message));
        (config, shown.collect())
    }

    #[test]
    fn every_kind_is_read_and_built() {
        let texts = [
            "kind = 'console'",
            "kind = 'file'\nfolder = 'digests'\nformat = 'html'",
            "kind = 'webhook'\nurl = 'https://example.com/hook'\nsecret_env = 'HOOK_SECRET'",
            "kind = 'mail'\nhost = 'mail.example.com'\nfrom = 'g@example.com'\nto = ['a@example.com']",
            "kind = 'slack'\nurl_env = 'SLACK_URL'",
            "kind = 'teams'\nurl_env = 'SLACK_URL'",
            "kind = 'matrix'\nurl = 'https://m.example.com'\nroom = '!r:example.com'\ntoken_env = 'HOOK_SECRET'",
        ];
        assert_eq!(texts.len(), KINDS.len());
        for text in texts {
            let (config, problems) = read(&format!("id = 'd'\n{text}"));
            assert_eq!(problems, Vec::<String>::new(), "{text}");
            assert!(build(&config).is_ok(), "{text}");
            let shown = format!("{config:?}");
            assert!(!shown.contains("hush-hush"), "{shown}");
        }
    }

    #[test]
    fn mistakes_name_the_key_and_never_the_secret() {
        let check = |text: &str, expected: &[&str]| {
            let (_, problems) = read(&format!("id = 'd'\n{text}"));
            assert_eq!(problems, expected, "{text}");
            assert!(!problems.concat().contains("hush-hush"));
        };
        check("kind = 'fax'\nnumber = 3", &["kind: \"fax\" is not known"]);
        check("", &["kind: is missing"]);
        check("kind = 'file'", &["folder: is missing"]);
        check(
            "kind = 'slack'\nurl = 'https://hooks.slack.com/services/hush-hush'",
            &["url: a secret must not stand in the configuration"],
        );
        check(
            "kind = 'slack'\nurl_env = 'NOT_A_URL'",
            &["url_env: does not hold an http or https address"],
        );
        check(
            "kind = 'teams'\nurl_env = 'PLAIN_URL'",
            &["url_env: holds an address without encryption"],
        );
        check(
            "kind = 'webhook'\nurl = 'https://me:hush-hush@example.com/'\nsecret_env = 'HOOK_SECRET'",
            &["url: holds a user name or a password"],
        );
        check(
            "kind = 'matrix'\nurl = 'https://m.example.com'\nroom = '#team:example.com'\ntoken_env = 'HOOK_SECRET'",
            &["room: \"#team:example.com\" is not a room id"],
        );
    }

    #[test]
    fn mail_without_encryption_stays_on_this_machine() {
        let check = |host: &str, count: usize| {
            let text = format!(
                "id = 'm'\nkind = 'mail'\nhost = '{host}'\nsecurity = 'none'\nfrom = 'g@example.com'\nto = ['a@example.com']"
            );
            assert_eq!(read(&text).1.len(), count, "{host}");
        };
        check("localhost", 0);
        check("127.0.0.1", 0);
        check("::1", 0);
        check("mail.example.com", 1);
        check("127.0.0.1.example.com", 1);
    }

    #[test]
    fn mail_addresses_are_checked() {
        let text = "id = 'm'\nkind = 'mail'\nhost = 'h'\nfrom = \"a@b.example\\r\\nBcc: c@d.example\"\nto = ['nobody', 'x@example.com']\nuser = 'u'";
        assert_eq!(
            read(text).1,
            [
                "from: is not a mail address",
                "password_env: is missing",
                "to[0]: is not a mail address",
            ]
        );
    }
}
