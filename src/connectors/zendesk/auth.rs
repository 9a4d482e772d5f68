//! Credentials of a Zendesk account. An OAuth client fetches its token when it first needs one, and
//! renews it once when the server refuses it.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::connectors::http::{Auth, Client, Failure};
use crate::connectors::{PullError, json};
use crate::section::Section;

/// How requests say who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An OAuth client of the account: the way that lasts.
    Client {
        /// Its identifier.
        id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// An OAuth access token made elsewhere.
    AccessToken(SecretString),
    /// An agent's address and an API token; these stop on 2027-04-30.
    ApiToken {
        /// The agent's mail address.
        email: String,
        /// The token.
        token: SecretString,
    },
}

impl Credentials {
    /// Reads the credentials out of a `[[sources]]` table; exactly one way must be given.
    pub fn read(section: &mut Section<'_>) -> Self {
        let id = section.optional_text("client_id");
        let secret = section.optional_secret("client_secret");
        let access = section.optional_secret("access_token");
        let email = section.optional_text("email");
        let token = section.optional_secret("api_token");
        match (id, secret, access, email, token) {
            (Some(id), Some(secret), None, None, None) => Self::Client { id, secret },
            (None, None, Some(token), None, None) => Self::AccessToken(token),
            (None, None, None, Some(email), Some(token)) => Self::ApiToken { email, token },
            _ => {
                let hint = "give client_id and client_secret_env of an OAuth client; or access_token_env; \
                            or email and api_token_env";
                section.problem(
                    "client_id",
                    "there must be one complete way to log in",
                    hint,
                );
                Self::AccessToken(SecretString::default())
            }
        }
    }

    /// Whether they are of the kind that is ending.
    pub fn is_api_token(&self) -> bool {
        matches!(self, Self::ApiToken { .. })
    }
}

/// The credentials with the token that was fetched for them.
pub struct Session {
    credentials: Credentials,
    token: Mutex<Option<SecretString>>,
}

impl Session {
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            token: Mutex::new(None),
        }
    }

    /// GET; a token that is refused is renewed once.
    pub async fn get(
        &self,
        client: &Client,
        url: Url,
        right: &str,
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let auth = self.auth(client, None, now).await?;
        let answer = client.get(url.clone(), &auth, right, now).await;
        let is_refused = matches!(&answer, Err(Failure::Pull(PullError::Unauthorized(_))));
        let Auth::Bearer(refused) = auth else {
            return answer;
        };
        if !is_refused || !matches!(self.credentials, Credentials::Client { .. }) {
            return answer;
        }
        let auth = self.auth(client, Some(&refused), now).await?;
        client.get(url, &auth, right, now).await
    }

    /// What goes with a request. `refused` is a token that the server no longer takes.
    async fn auth(
        &self,
        client: &Client,
        refused: Option<&SecretString>,
        now: DateTime<Utc>,
    ) -> Result<Auth, Failure> {
        let (id, secret) = match &self.credentials {
            Credentials::AccessToken(token) => return Ok(Auth::Bearer(token.clone())),
            Credentials::ApiToken { email, token } => {
                return Ok(Auth::Basic(format!("{email}/token"), token.clone()));
            }
            Credentials::Client { id, secret } => (id, secret),
        };
        // Held while fetching, so that requests side by side fetch one token.
        let mut held = self.token.lock().await;
        let is_refused = |token: &SecretString| {
            refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret())
        };
        if let Some(token) = held.as_ref().filter(|token| !is_refused(token)) {
            return Ok(Auth::Bearer(token.clone()));
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret.expose_secret()),
            ("scope", "read"),
        ];
        let right = "the OAuth client must be confidential and allow the scope read";
        let answer = client
            .post_form(client.url("oauth/tokens", &[]), &form, right, now)
            .await;
        let answer = answer.map_err(|failure| match failure {
            // A wrong client is a 400 here, and waiting does not help.
            Failure::Refused(status) => Failure::Pull(PullError::Unauthorized(format!(
                "no token for the OAuth client (status {status}): check client_id and client_secret_env"
            ))),
            failure => failure,
        })?;
        let token = json::text(&answer, "access_token").ok_or_else(|| {
            PullError::Malformed("the answer to the request for a token has none".to_owned())
        })?;
        let token = SecretString::from(token);
        *held = Some(token.clone());
        Ok(Auth::Bearer(token))
    }
}
