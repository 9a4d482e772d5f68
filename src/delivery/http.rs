//! What the notifiers over HTTP have in common: a client with a time limit that follows no
//! redirects, and the one table from an answer to "sent", "try again" or "a person must act".
//! Texts name the host only: paths of incoming webhooks are secrets.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::SendError;
use crate::section::Section;

/// Answers are short words; more than this is not read.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// An address whose path may be a secret: it prints its host only.
#[derive(Clone)]
pub(super) struct Address {
    url: SecretString,
    /// Scheme, host and port: what may be shown.
    pub(super) place: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.place)
    }
}

impl Address {
    fn new(url: &Url) -> Self {
        Self {
            url: SecretString::from(url.as_str()),
            place: url.origin().ascii_serialization(),
        }
    }

    /// The whole address; never to be shown.
    pub(super) fn url(&self) -> Url {
        Url::parse(self.url.expose_secret()).expect("an address is made from a parsed one")
    }

    /// Reads `url`, or `url_env` or `url_file` for one that holds a token.
    pub(super) fn read(section: &mut Section<'_>, hint: &str) -> Self {
        if section.has("url_env") || section.has("url_file") {
            return Self::read_secret(section, hint, false);
        }
        let url = section.url("url", hint);
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "a secret must not stand in the configuration: name a variable in url_env";
            section.problem("url", "holds a user name or a password", hint);
        }
        Self::new(&url)
    }

    /// Reads `url_env` or `url_file`: the address itself is what gives access. For a service on the
    /// internet it must be encrypted: whoever reads the address on the way could use it.
    pub(super) fn read_secret(section: &mut Section<'_>, hint: &str, on_internet: bool) -> Self {
        let key = if section.has("url_file") {
            "url_file"
        } else {
            "url_env"
        };
        let secret = section.secret("url", hint);
        let text = secret.expose_secret();
        let parsed = Url::parse(text)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let Some(url) = parsed else {
            // A missing one is reported already.
            if !text.is_empty() {
                section.problem(key, "does not hold an http or https address", hint);
            }
            return Self::new(
                &Url::parse("http://invalid.invalid").expect("a constant that parses"),
            );
        };
        let is_open = url.scheme() == "http" && !url.host_str().is_some_and(is_loopback);
        if on_internet && is_open {
            let hint = "use an address that starts with https";
            section.problem(key, "holds an address without encryption", hint);
        }
        Self::new(&url)
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// How long a try over HTTP may take unless configured otherwise.
pub(super) const TIMEOUT_S: i64 = 30;

/// Settings that all destinations over the network have.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// After how long a try is over.
    pub(super) timeout: Duration,
    /// Certificates of an own authority, trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
}

impl Connection {
    /// Reads `timeout_s` and `ca_file`.
    pub(super) fn read(section: &mut Section<'_>, default_s: i64) -> Self {
        let seconds = section.number("timeout_s", default_s, 1..=600);
        let ca_file = section
            .has("ca_file")
            .then(|| section.path("ca_file", "ca.pem"));
        Self {
            timeout: Duration::from_secs(seconds.unsigned_abs()),
            ca_file,
        }
    }

    /// The bytes of `ca_file`, if there is one.
    pub(super) fn certificates(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let bytes = std::fs::read(path)
            .with_context(|| format!("ca_file {} cannot be read", path.display()))?;
        Ok(Some(bytes))
    }

    /// A client that follows no redirects: a digest goes where it was configured to go.
    pub(super) fn client(&self) -> anyhow::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .timeout(self.timeout)
            .connect_timeout(self.timeout)
            .redirect(reqwest::redirect::Policy::none())
            // An idle connection that the other side has closed costs a try; digests are rare.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("groundswell/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = self.certificates()? {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .context("ca_file holds no certificate in PEM form")?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().context("the HTTP client cannot be made")
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Seconds to wait, as told in `Retry-After`.
    pub(super) retry_after_s: Option<u64>,
    /// The beginning of the body; `None` when the connection was cut within it.
    pub(super) body: Option<String>,
}

/// Sends a request and reads the answer. `at` is the time of the try, for dates in the answer.
pub(super) async fn exchange(
    request: reqwest::RequestBuilder,
    place: &str,
    at: DateTime<Utc>,
) -> Result<Answer, SendError> {
    let response = request
        .send()
        .await
        .map_err(|error| unreachable(&error, place))?;
    let status = response.status().as_u16();
    let retry_after_s = retry_after_s(response.headers(), at);
    let body = read_start(response).await;
    Ok(Answer {
        status,
        retry_after_s,
        body,
    })
}

async fn read_start(mut response: reqwest::Response) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < BODY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    bytes.truncate(BODY_BYTES_MAX);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// No answer: always worth another try, because machines and networks come back.
fn unreachable(error: &reqwest::Error, place: &str) -> SendError {
    if error.is_builder() {
        return SendError::Permanent(format!("no request can be made for {place}"));
    }
    if error.is_timeout() {
        return SendError::retry(format!("{place} did not answer in time"));
    }
    if error.is_connect() {
        return not_reached(place, error.source());
    }
    SendError::retry(format!(
        "the connection to {place} was cut before it answered"
    ))
}

/// Nobody there, or nobody whom we trust. `cause` begins below the error that holds the address.
pub(super) fn not_reached(place: &str, mut cause: Option<&(dyn Error + 'static)>) -> SendError {
    while let Some(next) = cause.and_then(Error::source) {
        cause = Some(next);
    }
    let words = cause.map_or_else(|| "no reason given".to_owned(), ToString::to_string);
    let hint = if words.contains("certificate") {
        ", name its authority in ca_file if that is your own"
    } else {
        ""
    };
    SendError::retry(format!("{place} cannot be reached: {words}{hint}"))
}

/// An answer that is not a success, as an error. `hint` is what this destination knows about it.
pub(super) fn refusal(answer: &Answer, place: &str, hint: Option<&str>) -> SendError {
    let status = answer.status;
    let general = match status {
        300..=399 => Some("redirects are not followed: configure the final address"),
        401 | 403 => Some("check the secret and the rights"),
        404 | 410 => Some("the address does not exist, check it or make a new one"),
        413 => Some("the digest is too large for it, let fewer topics pass into a digest"),
        _ => None,
    };
    let mut reason = format!("{place} answered {status}");
    if let Some(hint) = hint.or(general) {
        reason = format!("{reason}: {hint}");
    }
    match status {
        408 | 425 | 429 | 500..=599 => SendError::Retry {
            reason,
            after_s: answer.retry_after_s,
        },
        _ => SendError::Permanent(reason),
    }
}

/// `Retry-After` in seconds, rounded up. A date is taken relative to the server's own clock.
fn retry_after_s(headers: &HeaderMap, at: DateTime<Utc>) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = parse_seconds(text) {
        return Some(seconds);
    }
    let until = parse_date(text)?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let server_now = date.and_then(parse_date).unwrap_or(at);
    let wait_ms = (until - server_now).num_milliseconds().max(0);
    Some(wait_ms.unsigned_abs().div_ceil(1000))
}

fn parse_seconds(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_number || rest.contains('.') {
        return None;
    }
    // Too many digits for a number are still a very long time.
    let seconds: u64 = whole.parse().unwrap_or(u64::MAX);
    let is_more = rest.bytes().any(|digit| digit != b'0');
    Some(seconds.saturating_add(u64::from(is_more)))
}

/// The three forms of RFC 9110.
fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.to_utc());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        let at = "2026-11-06T08:49:30Z".parse().unwrap();
        retry_after_s(&headers, at)
    }

    #[test]
    fn a_told_wait_is_read_in_every_form_and_rounded_up() {
        assert_eq!(wait("120", None), Some(120));
        assert_eq!(wait(" 0 ", None), Some(0));
        assert_eq!(wait("1.2", None), Some(2));
        assert_eq!(wait("99999999999999999999999", None), Some(u64::MAX));
        assert_eq!(wait("Fri, 06 Nov 2026 08:49:37 GMT", None), Some(7));
        assert_eq!(wait("Friday, 06-Nov-26 08:49:37 GMT", None), Some(7));
        assert_eq!(wait("Fri Nov  6 08:49:37 2026", None), Some(7));
        assert_eq!(wait("Fri, 06 Nov 2020 08:49:37 GMT", None), Some(0));
        for nonsense in ["soon", "-5", "", ".", "1.2.3"] {
            assert_eq!(wait(nonsense, None), None, "{nonsense}");
        }
    }

    #[test]
    fn a_wrong_clock_of_the_server_does_not_matter() {
        let wait = wait(
            "Fri, 06 Nov 2020 09:00:00 GMT",
            Some("Fri, 06 Nov 2020 08:00:00 GMT"),
        );
        assert_eq!(wait, Some(3600));
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "10.0.0.1", "0.0.0.0", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
