//! Posts the digest as JSON, signed: whoever knows the secret can check that every byte is ours.

use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::http::{Address, Connection, TIMEOUT_S, exchange, refusal};
use super::{Notifier, Outgoing, Receipt, SendError, hexadecimal, wrong_format};
use crate::digest::render::{Format, Rendered};
use crate::section::Section;

/// Holds `sha256=` and the HMAC-SHA256 of the exact body.
const SIGNATURE_HEADER: &str = "X-Groundswell-Signature-256";
/// Holds the delivery key; the same on every try.
const DELIVERY_HEADER: &str = "X-Groundswell-Delivery";

/// Settings of a webhook.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    address: Address,
    secret: SecretString,
    connection: Connection,
}

impl WebhookConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let hint = "give the address that takes the digest, such as https://example.com/digests";
        let secret_hint =
            "name a variable or a file with the secret that the receiver checks the signature with";
        Self {
            address: Address::read(section, hint),
            secret: section.secret("secret", secret_hint),
            connection: Connection::read(section, TIMEOUT_S),
        }
    }
}

/// A webhook.
pub(super) struct Webhook {
    config: WebhookConfig,
    client: reqwest::Client,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig) -> anyhow::Result<Self> {
        Ok(Self {
            config: config.clone(),
            client: config.connection.client()?,
        })
    }

    async fn post(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let Rendered::Json(value) = &message.content else {
            return Err(wrong_format());
        };
        let body = value.to_string().into_bytes();
        let place = &self.config.address.place;
        let request = self
            .client
            .post(self.config.address.url())
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature(&self.config.secret, &body))
            .header(DELIVERY_HEADER, &message.delivery_key)
            .header("Idempotency-Key", &message.delivery_key)
            .body(body);
        let answer = exchange(request, place, message.at).await?;
        match answer.status {
            // The status is the whole answer: a body cut short changes nothing.
            200..=299 => Ok(Receipt(format!("answered {}", answer.status))),
            500 => {
                let hint = "an error of the receiver; some answer this to a wrong signature, so compare the secret too";
                Err(refusal(&answer, place, Some(hint)))
            }
            _ => Err(refusal(&answer, place, None)),
        }
    }
}

impl Notifier for Webhook {
    fn format(&self) -> Format {
        Format::Json
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.post(message))
    }
}

fn signature(secret: &SecretString, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hexadecimal(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2.
        let signature = signature(&SecretString::from("Jefe"), b"what do ya want for nothing?");
        assert_eq!(
            signature,
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
