//! Mails digests: text and HTML side by side, over SMTP with encryption and a user by default. The pictures lie beside the
//! HTML that shows them (RFC 2387).
//!
//! The Message-ID comes from the delivery key, so that a mail that was sent twice can be recognised
//! as one. With several recipients all get it or none does: a server that refuses one gets nothing.

use std::error::Error;

use anyhow::Context;
use futures_util::future::BoxFuture;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::http::{Connection, is_loopback, not_reached};
use super::{Notifier, Outgoing, Receipt, SendError, fingerprint, wrong_format};
use crate::digest::render::{Format, Picture, Rendered};
use crate::section::Section;

/// How long a mail may take unless configured otherwise: some servers look through it before they
/// answer, and a mail whose answer is not awaited is sent twice.
const TIMEOUT_S: i64 = 60;

/// How the way to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None; only to this machine.
    None,
}

impl Security {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "starttls" => Self::StartTls,
            "tls" => Self::Tls,
            "none" => Self::None,
            _ => return None,
        })
    }

    fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Settings of a mail destination.
#[derive(Clone)]
pub struct MailConfig {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    connection: Connection,
}

/// Leaves people's addresses out.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailConfig({}:{}, ", self.host, self.port)?;
        write!(f, "{:?}, {} recipients)", self.security, self.to.len())
    }
}

impl MailConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let host = section.required_text("host", "name the mail server that takes mail from here");
        let names = ["starttls", "tls", "none"];
        let security = section.choice("security", Security::StartTls, &names, Security::parse);
        if security == Security::None && !host.is_empty() && !is_loopback(&host) {
            let hint = "use starttls or tls; none is for a mail server on this machine only";
            section.problem("security", "would send the digest unprotected", hint);
        }
        let port = section.number("port", i64::from(security.default_port()), 1..=65535);
        let user = section.optional_text("user");
        let password = match &user {
            Some(_) => Some(section.secret("password", "name a variable or a file with it")),
            None => section.optional_secret("password"),
        };
        if user.is_none() && password.is_some() {
            section.problem(
                "user",
                "is missing beside the password",
                "give the user name",
            );
        }
        Self {
            host,
            port: u16::try_from(port).unwrap_or_default(),
            security,
            login: user.zip(password),
            from: read_sender(section),
            to: read_recipients(section),
            connection: Connection::read(section, TIMEOUT_S),
        }
    }
}

fn read_sender(section: &mut Section<'_>) -> Mailbox {
    let hint = "give the sender, such as \"Groundswell <groundswell@example.com>\"";
    let text = section.required_text("from", hint);
    parse_mailbox(&text).unwrap_or_else(|| {
        if !text.is_empty() {
            section.problem("from", "is not a mail address", hint);
        }
        parse_mailbox("nobody@invalid.invalid").expect("a constant that parses")
    })
}

fn read_recipients(section: &mut Section<'_>) -> Vec<Mailbox> {
    let hint = "give the recipients, such as [\"team@example.com\"]";
    let texts = section.list("to");
    if texts.is_empty() {
        section.problem("to", "names nobody", hint);
    }
    let mut recipients = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        match parse_mailbox(text) {
            Some(mailbox) => recipients.push(mailbox),
            None => section.problem(&format!("to[{place}]"), "is not a mail address", hint),
        }
    }
    recipients
}

/// A line break in an address would begin a header of its own.
fn parse_mailbox(text: &str) -> Option<Mailbox> {
    (!text.chars().any(char::is_control))
        .then(|| text.parse().ok())
        .flatten()
}

/// A mail server, and whom it brings digests to.
pub(super) struct Mail {
    config: MailConfig,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Mail {
    pub(super) fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .timeout(Some(config.connection.timeout))
            .tls(encryption(config)?);
        if let Some((user, password)) = &config.login {
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            config: config.clone(),
            transport: builder.build(),
        })
    }

    async fn mail(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let mail = compose(&self.config, message)?;
        let place = format!("{}:{}", self.config.host, self.config.port);
        // The transport limits the connecting; the whole must end, too.
        let limit = self.config.connection.timeout;
        match tokio::time::timeout(limit, self.transport.send(mail)).await {
            Ok(Ok(response)) => {
                let words = response.first_line().unwrap_or_default();
                Ok(Receipt(printable(words)))
            }
            Ok(Err(error)) => Err(refusal(&error, &place)),
            Err(_) => Err(SendError::retry(format!("{place} did not answer in time"))),
        }
    }
}

impl Notifier for Mail {
    fn format(&self) -> Format {
        Format::Mail
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.mail(message))
    }
}

/// With `ca_file`, that authority alone is trusted: an own mail server has an own authority.
fn encryption(config: &MailConfig) -> anyhow::Result<Tls> {
    if config.security == Security::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(pem) = config.connection.certificates()? {
        let certificate = Certificate::from_pem(&pem)
            .ok()
            .context("ca_file holds no certificate in PEM form")?;
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
    }
    let parameters = parameters
        .build()
        .context("the certificates of trusted authorities cannot be used")?;
    Ok(match config.security {
        Security::Tls => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

/// The whole mail. The same delivery gives the same Message-ID.
fn compose(config: &MailConfig, message: &Outgoing) -> Result<Message, SendError> {
    let Rendered::Mail {
        subject,
        text,
        html,
        pictures,
    } = &message.content
    else {
        return Err(wrong_format());
    };
    let domain = config.from.email.domain();
    let id = &fingerprint(&message.delivery_key)[..32];
    let mut builder = Message::builder()
        .from(config.from.clone())
        .subject(one_line(subject))
        .date(message.at.into())
        .message_id(Some(format!("<{id}@{domain}>")))
        .raw_header(header("List-Id", &format!("<groundswell.{domain}>")))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Groundswell-Delivery", &message.delivery_key));
    for recipient in &config.to {
        builder = builder.to(recipient.clone());
    }
    let part =
        |kind: ContentType, words: &str| SinglePart::builder().header(kind).body(words.to_owned());
    let html = part(ContentType::TEXT_HTML, html);
    let body = parts("alternative", id).singlepart(part(ContentType::TEXT_PLAIN, text));
    let body = if pictures.is_empty() {
        body.singlepart(html)
    } else {
        let related = parts("related; type=\"text/html\"", id).singlepart(html);
        body.multipart(
            pictures
                .iter()
                .map(inline)
                .fold(related, MultiPart::singlepart),
        )
    };
    builder
        .multipart(body)
        .map_err(|error| SendError::Permanent(format!("no mail can be made: {error}")))
}

/// Parts with a border that follows from the delivery: a repeat has the same bytes. Quoted-printable and base64 never hold
/// `=_` (RFC 2045, 5.1).
fn parts(kind: &str, id: &str) -> MultiPart {
    let name = &kind[..3];
    let kind = format!("multipart/{kind}; boundary=\"=_{name}_{id}\"");
    let kind = ContentType::parse(&kind).expect("hexadecimal digits fit into a boundary");
    MultiPart::builder().header(kind).build()
}

fn inline(picture: &Picture) -> SinglePart {
    let kind = ContentType::parse("image/png").expect("a constant that parses");
    let name = format!("{}.png", picture.id.split('.').next().unwrap_or("course"));
    Attachment::new_inline_with_name(picture.id.clone(), name).body(picture.png.clone(), kind)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), one_line(value))
}

/// Without line breaks and other control characters: nothing in a value can begin another header.
fn one_line(text: &str) -> String {
    let spaced = text.replace(|letter: char| letter.is_control(), " ");
    spaced.trim().to_owned()
}

/// What a mail server's refusal means. Its own words stay out, because they can repeat anything.
fn refusal(error: &lettre::transport::smtp::Error, place: &str) -> SendError {
    let Some(code) = error.status() else {
        return failure(error, place);
    };
    let number: u16 = code.to_string().parse().unwrap_or_default();
    let words = error.to_string();
    let enhanced = enhanced_status(&words);
    let status = enhanced.map_or(code.to_string(), |detail| format!("{code} {detail}"));
    let hint = hint(number, enhanced.unwrap_or_default(), error.is_transient());
    let reason = format!("{place} answered {status}: {hint}");
    if error.is_transient() {
        SendError::retry(reason)
    } else {
        SendError::Permanent(reason)
    }
}

/// No answer, or none that could be understood.
fn failure(error: &lettre::transport::smtp::Error, place: &str) -> SendError {
    if error.is_client() {
        // The library's own words: the server lacks STARTTLS or a way to log in.
        let words = error.source().map_or_else(String::new, ToString::to_string);
        let hint = "check security, user and port";
        return SendError::Permanent(format!("{place} cannot be used: {words}, {hint}"));
    }
    if error.is_timeout() {
        return SendError::retry(format!("{place} did not answer in time"));
    }
    if error.is_response() {
        return SendError::retry(format!("{place} does not answer as a mail server does"));
    }
    not_reached(place, error.source())
}

/// The status of RFC 3463, such as 5.1.1, if the server gives one.
fn enhanced_status(words: &str) -> Option<&str> {
    let is_status = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let is_number =
            |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && ["2", "4", "5"].contains(&parts[0]) && parts.iter().all(is_number)
    };
    words.split_ascii_whitespace().find(is_status)
}

/// What to do, by reply code and then by the subject of the enhanced status.
fn hint(code: u16, enhanced: &str, is_transient: bool) -> &'static str {
    match code {
        530 => "it wants a login, set user and password",
        534 | 535 | 538 => "it refuses the login, check user and password",
        552 => "the mail is too large, let fewer topics pass into a digest",
        450 if enhanced.is_empty() => "a mailbox is not available now",
        550 | 551 | 553 if enhanced.is_empty() => {
            "it refuses a recipient or the sender, check both"
        }
        _ => match enhanced.get(2..4) {
            Some("1.") => "an address does not exist there, check from and to",
            Some("2.") => "a recipient's mailbox cannot take it",
            Some("3.") | Some("4.") => "trouble within the mail system",
            Some("6.") => "it refuses the content",
            Some("7.") if is_transient => "its policy makes us wait",
            Some("7.") => "its policy forbids it, check user, from and to",
            _ if is_transient => "it cannot take the mail now",
            _ => "it refuses the mail",
        },
    }
}

/// A server's receipt, short and in one line.
fn printable(words: &str) -> String {
    one_line(words).chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::digest::render::{render, tests::any};
    use proptest::prelude::*;

    fn config() -> MailConfig {
        MailConfig {
            host: "mail.example.com".to_owned(),
            port: 587,
            security: Security::StartTls,
            login: None,
            from: "Groundswell <digest@example.com>".parse().unwrap(),
            to: vec!["Team <team@example.com>".parse().unwrap()],
            connection: Connection {
                timeout: Duration::from_secs(5),
                ca_file: None,
            },
        }
    }

    fn outgoing(subject: &str, text: &str) -> Outgoing {
        Outgoing {
            delivery_key: "weekly-2026-W13/team-mail".to_owned(),
            digest: crate::model::DigestId::from("weekly-2026-W13"),
            at: "2026-03-30T06:00:00Z".parse().unwrap(),
            content: Rendered::Mail {
                subject: subject.to_owned(),
                text: text.to_owned(),
                html: format!("<p>{text}</p>"),
                pictures: Vec::new(),
            },
        }
    }

    fn headers(subject: &str) -> Vec<String> {
        let mail = compose(&config(), &outgoing(subject, "words")).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        head.split("\r\n").map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// RFC 5322, 2.1.1: at most 998 bytes a line, better 78; and only CRLF ends one.
        #[test]
        fn the_mail_of_any_digest_keeps_to_the_lines_of_mail(digest in any::digest()) {
            let content = render(&digest, Format::Mail, "https://pages.example");
            let mail = compose(&config(), &Outgoing { content, ..outgoing("", "") }).unwrap();
            let text = String::from_utf8(mail.formatted()).unwrap();
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= 78, "{} bytes: {}", line.len(), line);
                prop_assert!(!line.contains(['\r', '\n']));
            }
            let again = compose(&config(), &Outgoing {
                content: render(&digest, Format::Mail, "https://pages.example"), ..outgoing("", "")
            });
            prop_assert_eq!(again.unwrap().formatted(), text.into_bytes());
        }
    }

    #[test]
    fn a_picture_lies_beside_the_html_that_shows_it() {
        let Rendered::Mail {
            subject,
            text,
            html,
            ..
        } = outgoing("subject", "words").content
        else {
            panic!("a mail is a mail")
        };
        let png = (0..=255).collect::<Vec<u8>>();
        let picture = Picture {
            id: "course-1.00ff@groundswell".to_owned(),
            png,
            width: 9,
            height: 9,
            alt: String::new(),
        };
        let content = Rendered::Mail {
            subject,
            text,
            html,
            pictures: vec![picture],
        };
        let mail = compose(
            &config(),
            &Outgoing {
                content,
                ..outgoing("", "")
            },
        )
        .unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        for part in [
            "Content-Type: multipart/alternative;\r\n",
            "Content-Type: multipart/related; type=\"text/html\";\r\n",
            "Content-ID: <course-1.00ff@groundswell>\r\n",
            "Content-Disposition: inline; filename=\"course-1.png\"\r\n",
            "Content-Type: image/png\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "\r\n\r\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_mail_says_what_it_is() {
        let found = headers("Week 13: 5 topics");
        let expected = [
            "From: Groundswell <digest@example.com>",
            "To: Team <team@example.com>",
            "Subject: Week 13: 5 topics",
            "Date: Mon, 30 Mar 2026 06:00:00 +0000",
            "List-Id: <groundswell.example.com>",
            "Auto-Submitted: auto-generated",
            "X-Groundswell-Delivery: weekly-2026-W13/team-mail",
        ];
        for line in expected {
            assert!(
                found.iter().any(|header| header == line),
                "{line}: {found:?}"
            );
        }
        let id = |headers: &[String]| {
            let found = headers
                .iter()
                .find(|line| line.starts_with("Message-ID: <"));
            found.unwrap().clone()
        };
        assert_eq!(id(&found), id(&headers("another subject")));
    }

    #[test]
    fn no_subject_begins_a_header() {
        for subject in [
            "a\r\nBcc: victim@example.com",
            "a\nBcc: victim@example.com",
            "ä\r\n\r\nBcc: victim@example.com",
            "\u{85}Bcc: victim@example.com",
        ] {
            let found = headers(subject);
            assert!(
                !found.iter().any(|line| line.starts_with("Bcc")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn text_and_html_stand_side_by_side() {
        let mail = compose(&config(), &outgoing("s", "Wärmepumpe\n.\nend")).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        assert!(text.contains("Content-Type: multipart/alternative;"));
        let plain = text
            .find("Content-Type: text/plain; charset=utf-8")
            .unwrap();
        let html = text.find("Content-Type: text/html; charset=utf-8").unwrap();
        assert!(plain < html);
        assert!(text.is_ascii(), "encoded for servers that take 7 bits");
    }

    #[test]
    fn an_enhanced_status_is_found_and_nothing_else() {
        let status = |words| enhanced_status(words);
        assert_eq!(
            status("permanent error (550): 5.1.1 no such user"),
            Some("5.1.1")
        );
        assert_eq!(status("transient error (451): 4.7.1 wait"), Some("4.7.1"));
        assert_eq!(status("permanent error (550): see 10.0.0.1 or 1.2.3"), None);
    }

    #[test]
    fn hints_say_what_to_do() {
        assert_eq!(
            hint(535, "5.7.8", false),
            "it refuses the login, check user and password"
        );
        assert_eq!(
            hint(550, "5.1.1", false),
            "an address does not exist there, check from and to"
        );
        assert_eq!(hint(451, "4.7.1", true), "its policy makes us wait");
        assert_eq!(hint(421, "", true), "it cannot take the mail now");
    }

    #[test]
    fn debug_shows_neither_people_nor_passwords() {
        let mut config = config();
        config.login = Some(("anna".to_owned(), SecretString::from("hush")));
        assert_eq!(
            format!("{config:?}"),
            "MailConfig(mail.example.com:587, StartTls, 1 recipients)"
        );
    }
}
