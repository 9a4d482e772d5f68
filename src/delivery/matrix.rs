//! Posts digests into a Matrix room. The transaction id comes from the delivery key: a homeserver
//! answers a repeat with the event that is there already, so a digest stands in the room once.
//!
//! It joins no rooms: the account must be in the room before.

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::http::{Address, Answer, Connection, TIMEOUT_S, exchange, refusal};
use super::{Notifier, Outgoing, Receipt, SendError, fingerprint, wrong_format};
use crate::digest::render::{Format, Rendered};
use crate::section::Section;

/// Settings of a Matrix room.
#[derive(Clone, Debug)]
pub struct MatrixConfig {
    address: Address,
    room: String,
    token: SecretString,
    connection: Connection,
}

impl MatrixConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let room_hint = "give the room's internal id, such as !abc:example.com, from its settings";
        let token_hint = "name a variable or a file with the access token of the posting account";
        let hint = "give the homeserver's address, such as https://matrix.example.com";
        let room = section.required_text("room", room_hint);
        if !room.is_empty() && !room.starts_with('!') {
            section.problem("room", format!("\"{room}\" is not a room id"), room_hint);
        }
        Self {
            address: Address::read(section, hint),
            room,
            token: section.secret("token", token_hint),
            connection: Connection::read(section, TIMEOUT_S),
        }
    }
}

/// A Matrix room.
pub(super) struct Matrix {
    config: MatrixConfig,
    client: reqwest::Client,
}

impl Matrix {
    pub(super) fn new(config: &MatrixConfig) -> anyhow::Result<Self> {
        Ok(Self {
            config: config.clone(),
            client: config.connection.client()?,
        })
    }

    async fn put(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let Rendered::Json(value) = &message.content else {
            return Err(wrong_format());
        };
        let transaction = fingerprint(&message.delivery_key);
        let request = self
            .client
            .put(event_url(&self.config, &transaction))
            .bearer_auth(self.config.token.expose_secret())
            .json(value);
        let place = &self.config.address.place;
        let answer = exchange(request, place, message.at).await?;
        judge(&answer, place)
    }
}

impl Notifier for Matrix {
    fn format(&self) -> Format {
        Format::Matrix
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.put(message))
    }
}

/// Where the event goes; the room and the transaction are escaped.
fn event_url(config: &MatrixConfig, transaction: &str) -> Url {
    let mut url = config.address.url();
    url.set_query(None);
    url.path_segments_mut()
        .expect("http addresses have a path")
        .pop_if_empty()
        .extend(["_matrix", "client", "v3", "rooms", &config.room])
        .extend(["send", "m.room.message", transaction]);
    url
}

/// What a homeserver says when it refuses.
#[derive(Deserialize)]
struct Refused {
    errcode: String,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

/// What it says when it has the event.
#[derive(Deserialize)]
struct Accepted {
    event_id: String,
}

fn judge(answer: &Answer, place: &str) -> Result<Receipt, SendError> {
    let Some(body) = &answer.body else {
        return Err(SendError::retry(format!("{place} cut its answer short")));
    };
    if (200..=299).contains(&answer.status) {
        let accepted: Accepted = serde_json::from_str(body).map_err(|_| {
            SendError::Permanent(format!("{place} does not answer as a homeserver does"))
        })?;
        return Ok(Receipt(accepted.event_id));
    }
    let refused: Option<Refused> = serde_json::from_str(body).ok();
    let told_ms = refused.as_ref().and_then(|refused| refused.retry_after_ms);
    let told_s = told_ms.map(|ms| ms.div_ceil(1000));
    let known = Answer {
        status: answer.status,
        // Both may be given; the longer one is kept.
        retry_after_s: answer.retry_after_s.max(told_s),
        body: None,
    };
    let hint = refused.and_then(|refused| hint(&refused.errcode));
    Err(refusal(&known, place, hint))
}

/// What the homeserver's codes mean, and what to do. Other codes are not shown.
fn hint(errcode: &str) -> Option<&'static str> {
    Some(match errcode {
        "M_FORBIDDEN" => {
            "M_FORBIDDEN, invite the posting account into the room, let it join once, and check its right to post"
        }
        "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => {
            "M_UNKNOWN_TOKEN, the access token is not valid any more, make a new one"
        }
        "M_USER_DEACTIVATED" => "M_USER_DEACTIVATED, the posting account is closed",
        "M_NOT_FOUND" => "M_NOT_FOUND, check the room",
        "M_UNRECOGNIZED" => "M_UNRECOGNIZED, the address is not that of a homeserver",
        "M_TOO_LARGE" => "M_TOO_LARGE, let fewer topics pass into a digest",
        "M_LIMIT_EXCEEDED" => "M_LIMIT_EXCEEDED, too many messages at once",
        "M_BAD_JSON" | "M_NOT_JSON" => "M_BAD_JSON, it cannot read this digest",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after_s: Option<u64>, body: &str) -> Result<Receipt, SendError> {
        let answer = Answer {
            status,
            retry_after_s,
            body: Some(body.to_owned()),
        };
        judge(&answer, "https://m.example.com")
    }

    #[test]
    fn the_longer_told_wait_counts() {
        let body = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many","retry_after_ms":2001}"#;
        let wait = |header| match judged(429, header, body) {
            Err(SendError::Retry { after_s, .. }) => after_s,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(None), Some(3));
        assert_eq!(wait(Some(1)), Some(3));
        assert_eq!(wait(Some(9)), Some(9));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let body = r#"{"errcode":"M_FORBIDDEN","error":"User @bot:x not in room !r:x"}"#;
        assert_eq!(
            judged(403, None, body),
            Err(SendError::Permanent(
                "https://m.example.com answered 403: M_FORBIDDEN, invite the posting account into the room, let it join once, and check its right to post".to_owned()
            ))
        );
        assert!(matches!(
            judged(200, None, "<html>"),
            Err(SendError::Permanent(_))
        ));
        assert_eq!(
            judged(200, None, r#"{"event_id":"$e"}"#),
            Ok(Receipt("$e".to_owned()))
        );
    }
}
