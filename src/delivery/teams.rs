//! Posts digests to Microsoft Teams: to the webhook of a workflow, or to an old connector for as
//! long as those live. The address is the secret.
//!
//! A workflow answers 202 before it runs: that it could not post later is seen in its run history
//! only. An old connector answers 200 even to a failure and tells the truth in the body.

use futures_util::future::BoxFuture;

use super::http::{Address, Answer, Connection, TIMEOUT_S, exchange, refusal};
use super::{Notifier, Outgoing, Receipt, SendError, wrong_format};
use crate::digest::render::{Format, Rendered};
use crate::section::Section;

/// How an old connector begins to tell of a failure.
const FAILURE: &str = "Webhook message delivery failed";

/// Settings of a Teams channel.
#[derive(Clone, Debug)]
pub struct TeamsConfig {
    address: Address,
    connection: Connection,
}

impl TeamsConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let hint =
            "name a variable or a file with the address that Teams gave for the workflow's webhook";
        Self {
            address: Address::read_secret(section, hint, true),
            connection: Connection::read(section, TIMEOUT_S),
        }
    }
}

/// A Teams channel.
pub(super) struct Teams {
    config: TeamsConfig,
    client: reqwest::Client,
}

impl Teams {
    pub(super) fn new(config: &TeamsConfig) -> anyhow::Result<Self> {
        Ok(Self {
            config: config.clone(),
            client: config.connection.client()?,
        })
    }

    async fn post(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let Rendered::Json(value) = &message.content else {
            return Err(wrong_format());
        };
        let request = self.client.post(self.config.address.url()).json(value);
        let place = &self.config.address.place;
        let answer = exchange(request, place, message.at).await?;
        judge(&answer, place)
    }
}

impl Notifier for Teams {
    fn format(&self) -> Format {
        Format::Teams
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.post(message))
    }
}

fn judge(answer: &Answer, place: &str) -> Result<Receipt, SendError> {
    let sent = || Ok(Receipt(format!("answered {}", answer.status)));
    match (answer.status, &answer.body) {
        (202, _) => sent(),
        (200..=299, None) => Err(SendError::retry(format!("{place} cut its answer short"))),
        (200..=299, Some(body)) if body.contains(FAILURE) => {
            Err(hidden_failure(body, answer, place))
        }
        (200..=299, Some(_)) => sent(),
        (400, Some(body)) if body.contains("WorkflowTriggerIsNotEnabled") => {
            let hint = "the workflow is switched off, switch it on in Teams";
            Err(refusal(answer, place, Some(hint)))
        }
        (400, _) => {
            let hint = "the workflow is gone, or does not understand the card";
            Err(refusal(answer, place, Some(hint)))
        }
        (401 | 403, _) => {
            let hint = "the address is not valid any more, copy it from the workflow again";
            Err(refusal(answer, place, Some(hint)))
        }
        _ => Err(refusal(answer, place, None)),
    }
}

/// A failure behind a success: `… Microsoft Teams endpoint returned HTTP error 429 with ContextId …`.
fn hidden_failure(body: &str, answer: &Answer, place: &str) -> SendError {
    let status = body
        .split("HTTP error ")
        .nth(1)
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .filter(|status| (400..=599).contains(status));
    let Some(status) = status else {
        return SendError::retry(format!("{place} could not reach Teams itself"));
    };
    let inner = Answer {
        status,
        retry_after_s: answer.retry_after_s,
        body: None,
    };
    let hint = match status {
        400 | 404 => Some("the connector or its channel is gone, make a workflow instead"),
        _ => None,
    };
    refusal(&inner, place, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Receipt, SendError> {
        let answer = Answer {
            status,
            retry_after_s: None,
            body: Some(body.to_owned()),
        };
        judge(&answer, "https://example.webhook.office.com")
    }

    fn hidden(status: u16) -> Result<Receipt, SendError> {
        judged(
            200,
            &format!(
                "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with ContextId tcid=0,server=x,cv=y.0.."
            ),
        )
    }

    #[test]
    fn a_failure_behind_a_success_is_found() {
        assert!(judged(200, "1").is_ok());
        assert!(judged(202, "").is_ok());
        assert!(matches!(hidden(429), Err(SendError::Retry { .. })));
        assert!(matches!(hidden(503), Err(SendError::Retry { .. })));
        assert!(matches!(hidden(413), Err(SendError::Permanent(_))));
        assert_eq!(
            hidden(400).unwrap_err().to_string(),
            "https://example.webhook.office.com answered 400: the connector or its channel is gone, make a workflow instead"
        );
        let contact =
            "Webhook message delivery failed with error: Error contacting Microsoft Teams endpoint";
        assert!(matches!(judged(200, contact), Err(SendError::Retry { .. })));
    }

    #[test]
    fn a_workflow_that_is_off_is_named() {
        let body = r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"…"}}"#;
        let text = judged(400, body).unwrap_err().to_string();
        assert!(text.ends_with("the workflow is switched off, switch it on in Teams"));
    }
}
