//! One helpdesk's HTTP API: credentials, timeouts, limits, and what each failure means. No error
//! text holds a secret or anything out of an answer's body.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::PullError;
use super::engine::told;
pub use super::failure::Failure;

/// An answer larger than this is refused.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection that is not up by then never will be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Words of answers that forbid something because of a limit, and the seconds that the vendor wants then: Salesforce's of a
/// day, and GitHub's secondary ones, which may come without any header.
const LIMIT_WORDS: [(&str, Option<u64>); 2] = [
    ("request_limit_exceeded", None),
    ("secondary rate limit", Some(60)),
];

/// Redirects within the same host.
const REDIRECTS_MAX: usize = 3;

/// Limits of one source's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole request, with its answer.
    pub timeout: Duration,
    /// An answer larger than this is refused.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            body_bytes_max: BODY_BYTES_MAX,
        }
    }
}

/// An answer that is not a failure.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What it says; null when it has no body.
    pub body: Value,
    /// Its headers.
    pub headers: HeaderMap,
}

impl Answer {
    /// An answer that says nothing.
    pub fn empty() -> Self {
        Self::default()
    }
}

/// A client of one API below one address.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    limits: Limits,
}

impl Client {
    /// A client that asks `base` and nobody else.
    pub fn new(base: Url, limits: Limits) -> anyhow::Result<Self> {
        let origin = base.origin();
        let redirects = reqwest::redirect::Policy::custom(move |attempt| {
            let is_ours = attempt.url().origin() == origin;
            if is_ours && attempt.previous().len() <= REDIRECTS_MAX {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("groundswell/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(limits.timeout)
            .redirect(redirects);
        if is_loopback(&base) {
            builder = builder.no_proxy();
            if base.scheme() == "http" {
                // Nothing is encrypted on this way: the machine's certificates would be read for nothing.
                builder = builder.tls_certs_only([]);
            }
        }
        Ok(Self {
            http: builder.build()?,
            base,
            limits,
        })
    }

    /// The address that the client asks.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A path below the base, with a query.
    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}/{path}",
            self.base.path().trim_end_matches('/')
        ));
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A path with a query: below the base, or below its host when the path starts with a slash.
    pub fn place(&self, path: &str, query: &[(String, String)]) -> Url {
        let mut url = if path.starts_with('/') {
            let mut url = self.base.clone();
            url.set_path(path);
            url.set_query(None);
            url
        } else {
            self.url(path, &[])
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Makes requests; each goes through `exchange`.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// POST of a form without credentials of its own, as JSON: how tokens are fetched.
    pub async fn post_form(
        &self,
        url: Url,
        form: &[(&str, &str)],
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        self.send(self.http.post(url).form(form), right, now).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        Ok(self.exchange(request, right, now).await?.body)
    }

    /// Sends a request and reads its answer as JSON; `right` says what the credentials need for it.
    pub async fn exchange(
        &self,
        request: RequestBuilder,
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let (headers, body) = self.answered(request, right, now).await?;
        let body = match body.iter().all(u8::is_ascii_whitespace) {
            true => Value::Null,
            false => self.parse(&body)?,
        };
        Ok(Answer { body, headers })
    }

    /// The same for what may be a file of plain text: a text then.
    pub async fn exchange_text(
        &self,
        request: RequestBuilder,
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let (headers, body) = self.answered(request, right, now).await?;
        let text = || Value::from(String::from_utf8_lossy(&body).trim());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        Ok(Answer { body, headers })
    }

    async fn answered(
        &self,
        request: RequestBuilder,
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let headers = response.headers().clone();
        if let Some(failure) = self.status(response.status(), &headers, right, now) {
            let limit = match failure {
                Failure::Forbidden(_) => self.limit(response, now).await,
                _ => None,
            };
            return Err(limit.map_or(failure, Failure::Pull));
        }
        Ok((headers, self.body(response).await?))
    }

    /// What "forbidden" means where it means that a limit is reached: some vendors say so in words only.
    async fn limit(&self, response: Response, now: DateTime<Utc>) -> Option<PullError> {
        let headers = response.headers().clone();
        let is_empty = |left: &HeaderValue| left == "0";
        let is_told = headers.contains_key(RETRY_AFTER)
            || headers.get("x-ratelimit-remaining").is_some_and(is_empty);
        let body = match is_told {
            true => Vec::new(),
            false => self.body(response).await.unwrap_or_default(),
        };
        let text = String::from_utf8_lossy(&body).to_lowercase();
        let words = LIMIT_WORDS.iter().find(|(words, _)| text.contains(words));
        let wait = words.and_then(|(_, seconds)| *seconds);
        (is_told || words.is_some()).then(|| PullError::RateLimited {
            retry_after_s: told(&headers, now).or(wait),
        })
    }

    fn parse(&self, body: &[u8]) -> Result<Value, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            let host = self.host();
            // The parser's own message may quote the answer.
            Failure::Pull(if error.is_eof() {
                PullError::Transient(format!("{host}: the answer is cut short"))
            } else {
                PullError::Malformed(format!("{host}: not JSON, at line {}", error.line()))
            })
        })
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.unreachable(&error))?;
            if body.len() + chunk.len() > self.limits.body_bytes_max {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn status(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        right: &str,
        now: DateTime<Utc>,
    ) -> Option<Failure> {
        let host = self.host();
        let wait = told(headers, now);
        Some(Failure::Pull(match status.as_u16() {
            200..=299 => return None,
            300..=399 => PullError::Malformed(format!(
                "{host} redirects to another address (status {status}): put the final one into url"
            )),
            401 => PullError::Unauthorized(format!(
                "{host} refuses the credentials (status 401): check or renew the token"
            )),
            403 => return Some(Failure::Forbidden(right.to_owned())),
            404 | 410 => return Some(Failure::NotFound),
            429 => PullError::RateLimited {
                retry_after_s: wait,
            },
            503 if wait.is_some() => PullError::RateLimited {
                retry_after_s: wait,
            },
            408 | 425 | 500..=599 => {
                PullError::Transient(format!("{host} has a fault (status {status})"))
            }
            code => return Some(Failure::Refused(code)),
        }))
    }

    fn unreachable(&self, error: &reqwest::Error) -> PullError {
        let host = self.host();
        if error.is_timeout() {
            let seconds = self.limits.timeout.as_secs_f32();
            return PullError::Transient(format!("{host} did not answer within {seconds} s"));
        }
        if error.is_connect() {
            return PullError::Transient(format!("{host} cannot be reached: {}", root(error)));
        }
        PullError::Transient(format!("the connection to {host} broke: {}", root(error)))
    }

    fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or("the server");
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What the loop should know of a failure that the connector has no use for.
    pub fn pull_error(&self, failure: Failure) -> PullError {
        let host = self.host();
        match failure {
            Failure::Pull(error) => error,
            Failure::Forbidden(right) => PullError::Unauthorized(format!(
                "the credentials lack a right at {host} (status 403): {right}"
            )),
            Failure::NotFound => PullError::Malformed(format!(
                "{host} knows no such address (status 404): check url"
            )),
            Failure::TooLarge => PullError::Malformed(format!(
                "{host} sent more than {} MiB at once: make the pages smaller",
                self.limits.body_bytes_max >> 20
            )),
            Failure::Refused(status) => {
                PullError::Malformed(format!("{host} refuses the request (status {status})"))
            }
        }
    }
}

/// The innermost cause: "connection refused", without addresses or bodies.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = if std::ptr::addr_eq(cause, std::ptr::from_ref(error)) {
        "no reason known".to_owned()
    } else {
        cause.to_string()
    };
    text.to_lowercase()
}

fn is_loopback(base: &Url) -> bool {
    match base.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: &str) -> Client {
        Client::new(base.parse().unwrap(), Limits::default()).unwrap()
    }

    #[test]
    fn addresses_stay_below_the_base() {
        let client = client("https://desk.test/rt/");
        let url = client.url("REST/2.0/tickets", &[("query", "id > 3 & x")]);
        assert_eq!(
            url.as_str(),
            "https://desk.test/rt/REST/2.0/tickets?query=id+%3E+3+%26+x"
        );
    }

    #[test]
    fn each_status_has_its_reaction_and_no_text_has_a_secret() {
        let client = client("https://desk.test/api");
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let error = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            let failure = client.status(status, &HeaderMap::new(), "it needs ShowTicket", now);
            failure.map(|failure| client.pull_error(failure))
        };
        assert_eq!(error(200), None);
        assert!(matches!(error(401), Some(PullError::Unauthorized(_))));
        let missing = error(403).unwrap().to_string();
        assert!(missing.contains("ShowTicket"), "{missing}");
        assert_eq!(
            error(429),
            Some(PullError::RateLimited {
                retry_after_s: None
            })
        );
        for code in [500, 502, 503, 504, 408] {
            assert!(
                matches!(error(code), Some(PullError::Transient(_))),
                "{code}"
            );
        }
        for code in [301, 400, 404, 422] {
            assert!(
                matches!(error(code), Some(PullError::Malformed(_))),
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn a_limit_may_be_told_by_headers_or_in_words_only() {
        let client = client("https://desk.test/api");
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let limit = async |header: Option<(&str, &str)>, body: &'static str| {
            let mut response = axum::http::Response::builder().status(403);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            let response = response.body(body).unwrap();
            client.limit(response.into(), now).await
        };
        let limited = |retry_after_s| Some(PullError::RateLimited { retry_after_s });
        let words = r#"{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
        assert_eq!(limit(None, words).await, limited(Some(60)));
        let told = Some(("Retry-After", "17"));
        assert_eq!(limit(told, words).await, limited(Some(17)));
        let day = r#"[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]"#;
        assert_eq!(limit(None, day).await, limited(None));
        let empty = Some(("X-RateLimit-Remaining", "0"));
        assert_eq!(limit(empty, "").await, limited(None));
        assert_eq!(limit(None, r#"{"message": "Not allowed"}"#).await, None);
    }
}
