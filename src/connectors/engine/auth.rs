//! How requests say who asks: five kinds. Tokens are fetched when first needed and renewed once when the server refuses
//! one; a refresh token that changes with each use is on the disk before the new pair is used, and processes beside one
//! another use the pair that lies there.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use url::Url;

use crate::connectors::http::{Client, Failure, Limits};
use crate::connectors::vault::Vault;
use crate::connectors::{PullError, json};
use crate::model::SourceId;

/// How long an assertion is good: the shortest that vendors ask for.
const ASSERTION_LIFE: TimeDelta = TimeDelta::minutes(3);

/// How requests say who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A header that stays, such as `Authorization: Bearer …` or `api_access_token: …`.
    Header {
        /// Its name, in lower case.
        name: &'static str,
        /// What stands before the secret.
        prefix: &'static str,
        /// The secret.
        secret: SecretString,
    },
    /// User and password, or key and secret.
    Basic {
        /// The user; a key at some vendors, so it is kept like one.
        user: SecretString,
        /// The password.
        password: SecretString,
    },
    /// OAuth client credentials (RFC 6749, 4.4).
    Client {
        /// Where tokens are fetched.
        url: Url,
        /// The client.
        id: String,
        /// Its secret.
        secret: SecretString,
        /// What it asks for; may be empty.
        scope: String,
    },
    /// OAuth refresh token (RFC 6749, 6), which may change with each use.
    Refresh {
        /// Where tokens are fetched.
        url: Url,
        /// The client.
        id: String,
        /// Its secret.
        secret: SecretString,
        /// The refresh token that a person got by logging in.
        first: SecretString,
    },
    /// OAuth JWT assertion (RFC 7523), signed with RS256.
    Assertion {
        /// Where tokens are fetched.
        url: Url,
        /// Who signs.
        issuer: String,
        /// On whose behalf.
        subject: String,
        /// For whom, mostly the host of `url`.
        audience: String,
        /// The private key, PEM.
        key: SecretString,
    },
}

impl Credentials {
    /// `Authorization: Bearer …`.
    pub fn bearer(secret: SecretString) -> Self {
        Self::Header {
            name: "authorization",
            prefix: "Bearer ",
            secret,
        }
    }

    /// User and password.
    pub fn basic(user: impl Into<String>, password: SecretString) -> Self {
        Self::Basic {
            user: SecretString::from(user.into()),
            password,
        }
    }

    /// What tells accounts apart, without revealing the secret.
    pub(super) fn account(&self) -> String {
        let text = match self {
            Self::Header { secret, .. } => secret.expose_secret(),
            Self::Basic { user, .. } => user.expose_secret(),
            Self::Client { id, .. } | Self::Refresh { id, .. } => id,
            Self::Assertion { issuer, .. } => issuer,
        };
        Sha256::digest(text.as_bytes())
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A pair of tokens as it is kept, with what it came from: a person who logs in anew replaces it.
#[derive(Serialize, Deserialize)]
struct Kept {
    first: String,
    refresh: String,
    #[serde(default)]
    access: Option<String>,
}

/// The header of a request.
pub struct Asking {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
    /// Whether its token was given out just now, so that asking for another one is of no use.
    pub is_new: bool,
}

impl Asking {
    fn always(name: HeaderName, value: HeaderValue) -> Self {
        let is_new = true;
        Self {
            name,
            value,
            is_new,
        }
    }

    fn bearer(token: &SecretString, is_new: bool) -> Result<Self, Failure> {
        let value = sensitive(&format!("Bearer {}", token.expose_secret()))?;
        Ok(Self {
            name: AUTHORIZATION,
            value,
            is_new,
        })
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// The credentials with the token that was fetched for them.
pub struct Session {
    source: SourceId,
    credentials: Credentials,
    vault: Vault,
    /// Only where tokens are fetched.
    tokens: Option<Client>,
    held: Mutex<Option<SecretString>>,
}

impl Session {
    /// Nothing is fetched yet.
    pub fn new(
        source: SourceId,
        credentials: Credentials,
        vault: Vault,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let tokens = match &credentials {
            Credentials::Client { url, .. }
            | Credentials::Refresh { url, .. }
            | Credentials::Assertion { url, .. } => Some(Client::new(url.clone(), limits)?),
            _ => None,
        };
        Ok(Self {
            source,
            credentials,
            vault,
            tokens,
            held: Mutex::new(None),
        })
    }

    /// The header of a request. `refused` is a value that the server no longer takes.
    pub async fn header(
        &self,
        refused: Option<&HeaderValue>,
        now: DateTime<Utc>,
    ) -> Result<Asking, Failure> {
        match &self.credentials {
            Credentials::Header {
                name,
                prefix,
                secret,
            } => {
                let value = sensitive(&format!("{prefix}{}", secret.expose_secret()))?;
                return Ok(Asking::always(HeaderName::from_static(name), value));
            }
            Credentials::Basic { user, password } => {
                use base64::Engine as _;
                let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                let value = sensitive(&format!("Basic {pair}"))?;
                return Ok(Asking::always(AUTHORIZATION, value));
            }
            _ => {}
        }
        // Held while fetching, so that requests side by side fetch one token.
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref() {
            let asking = Asking::bearer(token, false)?;
            if refused != Some(&asking.value) {
                return Ok(asking);
            }
        }
        let (token, is_new) = match &self.credentials {
            Credentials::Refresh {
                id, secret, first, ..
            } => self.refresh(id, secret, first, refused, now).await?,
            _ => (self.fetch(now).await?, true),
        };
        let asking = Asking::bearer(&token, is_new)?;
        *held = Some(token);
        Ok(asking)
    }

    async fn fetch(&self, now: DateTime<Utc>) -> Result<SecretString, Failure> {
        match &self.credentials {
            Credentials::Client {
                id, secret, scope, ..
            } => {
                let mut form = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", id.as_str()),
                    ("client_secret", secret.expose_secret()),
                ];
                if !scope.is_empty() {
                    form.push(("scope", scope));
                }
                access(&self.ask(&form, now).await?)
            }
            Credentials::Assertion {
                issuer,
                subject,
                audience,
                key,
                ..
            } => {
                let claims = Claims {
                    iss: issuer,
                    sub: subject,
                    aud: audience,
                    exp: (now + ASSERTION_LIFE).timestamp(),
                };
                let assertion = sign(&claims, key)?;
                let form = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", assertion.expose_secret()),
                ];
                access(&self.ask(&form, now).await?)
            }
            Credentials::Header { .. }
            | Credentials::Basic { .. }
            | Credentials::Refresh { .. } => {
                Err(PullError::Unauthorized("there is no token to fetch".to_owned()).into())
            }
        }
    }

    /// A token, and whether it was given out just now: another process may have renewed the pair meanwhile.
    async fn refresh(
        &self,
        id: &str,
        secret: &SecretString,
        first: &SecretString,
        refused: Option<&HeaderValue>,
        now: DateTime<Utc>,
    ) -> Result<(SecretString, bool), Failure> {
        let unkept =
            |error: anyhow::Error| Failure::Pull(PullError::Unauthorized(format!("{error:#}")));
        if !self.vault.has_key() {
            let reason = "the refresh token changes with each use and must be kept: set seal_key_env, at least 32 letters";
            return Err(PullError::Unauthorized(reason.to_owned()).into());
        }
        let origin: String = Sha256::digest(first.expose_secret().as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Held until the new pair is on the disk.
        let _lock = self.vault.lock(&self.source).await.map_err(unkept)?;
        let kept = self.vault.load(&self.source).map_err(unkept)?;
        let kept = kept.and_then(|kept| serde_json::from_str::<Kept>(kept.expose_secret()).ok());
        let kept = kept.filter(|kept| kept.first == origin);
        if let Some(access) = kept.as_ref().and_then(|kept| kept.access.clone()) {
            let access = SecretString::from(access);
            if refused != Some(&Asking::bearer(&access, false)?.value) {
                return Ok((access, false));
            }
        }
        let kept = kept.map(|kept| SecretString::from(kept.refresh));
        let current = kept.unwrap_or_else(|| first.clone());
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", id),
            ("client_secret", secret.expose_secret()),
            ("refresh_token", current.expose_secret()),
        ];
        let answer = self.ask(&form, now).await?;
        let next = json::text(&answer, "refresh_token");
        let kept = Kept {
            first: origin,
            access: json::text(&answer, "access_token"),
            refresh: next.unwrap_or_else(|| current.expose_secret().to_owned()),
        };
        let kept = serde_json::to_string(&kept).expect("plain data becomes JSON");
        self.vault
            .save(&self.source, &SecretString::from(kept))
            .map_err(unkept)?;
        Ok((access(&answer)?, true))
    }

    async fn ask(&self, form: &[(&str, &str)], now: DateTime<Utc>) -> Result<Value, Failure> {
        let Some(client) = &self.tokens else {
            return Err(PullError::Unauthorized(
                "there is no address to fetch tokens from".to_owned(),
            )
            .into());
        };
        let right =
            "the OAuth client must be allowed this way of logging in and the scopes it asks for";
        let answer = client
            .post_form(client.base().clone(), form, right, now)
            .await;
        answer.map_err(|failure| match failure {
            // A wrong client or token is a 400 here, and waiting does not help.
            Failure::Refused(status) => Failure::Pull(PullError::Unauthorized(format!(
                "no token from {} (status {status}): check the client, its secret and the refresh token, or log in anew",
                client.base().host_str().unwrap_or("the server")
            ))),
            failure => failure,
        })
    }
}

fn access(answer: &Value) -> Result<SecretString, Failure> {
    let token = json::text(answer, "access_token").ok_or_else(|| {
        PullError::Malformed("the answer to the request for a token has none".to_owned())
    })?;
    Ok(SecretString::from(token))
}

fn sign(claims: &Claims<'_>, key: &SecretString) -> Result<SecretString, Failure> {
    let unfit =
        || PullError::Unauthorized("the private key is not an RSA key in PEM form".to_owned());
    let key = EncodingKey::from_rsa_pem(key.expose_secret().as_bytes()).map_err(|_| unfit())?;
    let signed =
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &key).map_err(|_| unfit())?;
    Ok(SecretString::from(signed))
}

fn sensitive(text: &str) -> Result<HeaderValue, Failure> {
    let unfit =
        || PullError::Unauthorized("the secret has letters that no header can hold".to_owned());
    let mut value = HeaderValue::from_str(text).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(value)
}
