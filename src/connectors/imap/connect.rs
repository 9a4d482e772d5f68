//! Reaching an IMAP server: encryption, greeting, login, and what each failure means.
//!
//! Nothing that a server answers goes into an error text: it may hold a mail's words.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_imap::imap_proto::{Response, Status};
use async_imap::{Authenticator, Client};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig};

use super::{ImapConfig, Login, Security};
use crate::connectors::PullError;

/// The library's connection that is logged in.
pub(super) type LoggedIn = async_imap::Session<Box<dyn Stream>>;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Stream for T {}

/// Why a command has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, or it broke.
    Lost,
    /// The server took too long.
    Late,
    /// The server said NO, in general.
    No,
    /// The server said that it cannot just now.
    Busy,
    /// The server said that it is asked too much.
    TooMuch,
    /// The server does not know the command, or we do not know its answer.
    Strange,
}

impl Failure {
    /// What the pull loop makes of it, beside a refusal whose meaning the command tells.
    pub(super) fn pull_error(self, doing: &str) -> PullError {
        match self {
            Failure::Lost => PullError::Transient(format!("the connection was lost while {doing}")),
            Failure::Late => {
                PullError::Transient(format!("the server took too long while {doing}"))
            }
            Failure::No | Failure::Busy => {
                PullError::Transient(format!("the server refused while {doing}"))
            }
            Failure::TooMuch => PullError::RateLimited {
                retry_after_s: None,
            },
            Failure::Strange => {
                PullError::Malformed(format!("the server's answer cannot be read, while {doing}"))
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // The library reports an answer that it cannot parse as an error of this kind.
        if error.kind() == std::io::ErrorKind::Other {
            Failure::Strange
        } else {
            Failure::Lost
        }
    }
}

impl From<async_imap::error::Error> for Failure {
    fn from(error: async_imap::error::Error) -> Self {
        use async_imap::error::Error;
        match error {
            Error::Io(error) => error.into(),
            Error::ConnectionLost => Failure::Lost,
            Error::No(words) => refusal(&words),
            _ => Failure::Strange,
        }
    }
}

/// What kind of NO it is, by the codes of RFC 5530 and Gmail's.
pub(super) fn refusal(words: &str) -> Failure {
    let says = |code: &str| words.contains(code);
    if says("[UNAVAILABLE]") || says("[INUSE]") || says("[SERVERBUG]") {
        Failure::Busy
    } else if says("[LIMIT]") || says("[THROTTLED]") || says("Too many simultaneous") {
        Failure::TooMuch
    } else {
        Failure::No
    }
}

/// Connects and logs in.
pub(super) async fn log_in(config: &ImapConfig, tls: &TlsConnector) -> Result<LoggedIn, PullError> {
    let timeout = config.timeout;
    let tcp = within(timeout, async {
        let stream = TcpStream::connect((config.host.as_str(), config.port)).await?;
        // The library writes a command in parts: each would wait for the one before to be acknowledged.
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    let tcp = tcp.await.map_err(|_| unreachable(config))?;
    let stream = match config.security {
        Security::None => Box::new(tcp) as Box<dyn Stream>,
        Security::Tls => encrypted(config, tls, tcp).await?,
        Security::StartTls => {
            let mut client = Client::new(tcp);
            let agreed = within(timeout, async {
                greeted(
                    client
                        .read_response()
                        .await?
                        .as_ref()
                        .map(|one| one.parsed()),
                )?;
                Ok(client.run_command_and_check_ok("STARTTLS", None).await?)
            });
            agreed
                .await
                .map_err(|failure| no_starttls(config, failure))?;
            encrypted(config, tls, client.into_inner()).await?
        }
    };
    let mut client = Client::new(stream);
    if config.security != Security::StartTls {
        let greeting = within(timeout, async {
            greeted(
                client
                    .read_response()
                    .await?
                    .as_ref()
                    .map(|one| one.parsed()),
            )
        });
        greeting.await.map_err(|_| unreachable(config))?;
    }
    let logged_in = within(timeout, login(client, config)).await;
    logged_in.map_err(|failure| refused_login(config, failure))
}

pub(super) async fn within<T>(
    timeout: Duration,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(timeout, doing).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Late),
    }
}

fn greeted(response: Option<&Response<'_>>) -> Result<(), Failure> {
    match response {
        Some(Response::Data {
            status: Status::Ok, ..
        }) => Ok(()),
        Some(Response::Data { .. }) => Err(Failure::Busy),
        Some(_) => Err(Failure::Strange),
        None => Err(Failure::Lost),
    }
}

/// Encryption that trusts this system's authorities, and those in a file.
pub(super) fn tls(config: &ImapConfig) -> anyhow::Result<TlsConnector> {
    use anyhow::Context as _;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut extra = Vec::new();
    if let Some(path) = &config.ca_file {
        let read = || format!("ca_file {} cannot be read", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(read)? {
            extra.push(certificate.with_context(read)?);
        }
    }
    let verifier = if extra.is_empty() {
        rustls_platform_verifier::Verifier::new(provider.clone())?
    } else {
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone())?
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(TlsConnector::from(Arc::new(builder.with_no_client_auth())))
}

async fn encrypted(
    config: &ImapConfig,
    tls: &TlsConnector,
    tcp: TcpStream,
) -> Result<Box<dyn Stream>, PullError> {
    let name = ServerName::try_from(config.host.clone())
        .map_err(|_| PullError::Unauthorized(format!("\"{}\" is no host name", config.host)))?;
    let shaken = tokio::time::timeout(config.timeout, tls.connect(name, tcp)).await;
    let Ok(shaken) = shaken else {
        return Err(unreachable(config));
    };
    let stream = shaken.map_err(|error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(rustls::Error::InvalidCertificate(_)) = inner {
            return PullError::Unauthorized(format!(
                "the certificate of {} is not trusted: check host, or name its authority's certificate in ca_file",
                config.place()
            ));
        }
        PullError::Transient(format!(
            "{} could not be reached with encryption: check port and tls",
            config.place()
        ))
    })?;
    Ok(Box::new(stream))
}

fn unreachable(config: &ImapConfig) -> PullError {
    PullError::Transient(format!(
        "the mail server {} could not be reached: check host, port and tls",
        config.place()
    ))
}

fn no_starttls(config: &ImapConfig, failure: Failure) -> PullError {
    match failure {
        Failure::No | Failure::Strange => PullError::Unauthorized(format!(
            "{} offers no STARTTLS: set tls = \"implicit\"",
            config.place()
        )),
        _ => unreachable(config),
    }
}

fn refused_login(config: &ImapConfig, failure: Failure) -> PullError {
    match failure {
        Failure::No => {
            let hint = match config.login {
                Login::Password(_) => {
                    "check user and password; some servers want a password made for this program"
                }
                Login::Token(_) => "the access token may be over: renew it",
            };
            PullError::Unauthorized(format!("{} refuses the login: {hint}", config.place()))
        }
        Failure::Strange if matches!(config.login, Login::Token(_)) => {
            PullError::Unauthorized(format!(
                "{} does not take access tokens (XOAUTH2): name a password",
                config.place()
            ))
        }
        other => other.pull_error("logging in"),
    }
}

async fn login(client: Client<Box<dyn Stream>>, config: &ImapConfig) -> Result<LoggedIn, Failure> {
    let user = &config.user;
    let (kind, answer) = match &config.login {
        Login::Password(password) if password.expose_secret().is_ascii() && user.is_ascii() => {
            let logged_in = client.login(user, password.expose_secret()).await;
            return logged_in.map_err(|(error, _)| error.into());
        }
        // Only this way the letters' bytes are agreed on.
        Login::Password(password) => ("PLAIN", format!("\0{user}\0{}", password.expose_secret())),
        Login::Token(token) => {
            let token = token.expose_secret();
            (
                "XOAUTH2",
                format!("user={user}\x01auth=Bearer {token}\x01\x01"),
            )
        }
    };
    let logged_in = client.authenticate(kind, Answer(Some(answer))).await;
    logged_in.map_err(|(error, _)| error.into())
}

/// The answer to the first question; a second one is how XOAUTH2 explains a refusal, and wants an empty answer.
struct Answer(Option<String>);

impl Authenticator for Answer {
    type Response = String;

    fn process(&mut self, _challenge: &[u8]) -> String {
        self.0.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_whether_waiting_helps() {
        assert_eq!(
            refusal("[AUTHENTICATIONFAILED] Authentication failed."),
            Failure::No
        );
        assert_eq!(
            refusal("code: None, info: Some(\"[UNAVAILABLE] later\")"),
            Failure::Busy
        );
        assert_eq!(refusal("[THROTTLED] slow down"), Failure::TooMuch);
        let words = Failure::Strange.pull_error("reading mails").to_string();
        assert!(words.contains("reading mails"), "{words}");
    }
}
