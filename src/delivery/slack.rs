//! Posts digests to a Slack incoming webhook. Its address is the secret: whoever has it can post.
//!
//! Slack has no key by which it drops repeats: a post whose answer was lost is made again.

use futures_util::future::BoxFuture;

use super::http::{Address, Answer, Connection, TIMEOUT_S, exchange, refusal};
use super::{Notifier, Outgoing, Receipt, SendError, wrong_format};
use crate::digest::render::{Format, Rendered};
use crate::section::Section;

/// Settings of a Slack channel.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    address: Address,
    connection: Connection,
}

impl SlackConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let hint =
            "name a variable or a file with the address that Slack gave for the incoming webhook";
        Self {
            address: Address::read_secret(section, hint, true),
            connection: Connection::read(section, TIMEOUT_S),
        }
    }
}

/// A Slack channel.
pub(super) struct Slack {
    config: SlackConfig,
    client: reqwest::Client,
}

impl Slack {
    pub(super) fn new(config: &SlackConfig) -> anyhow::Result<Self> {
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

impl Notifier for Slack {
    fn format(&self) -> Format {
        Format::Slack
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.post(message))
    }
}

fn judge(answer: &Answer, place: &str) -> Result<Receipt, SendError> {
    let Some(body) = &answer.body else {
        return Err(SendError::retry(format!("{place} cut its answer short")));
    };
    let word = body.trim();
    match answer.status {
        200 if word == "ok" => Ok(Receipt("ok".to_owned())),
        200..=299 => Err(SendError::Permanent(format!(
            "{place} did not answer \"ok\": the address is not that of an incoming webhook"
        ))),
        _ => Err(refusal(answer, place, hint(word))),
    }
}

/// What Slack's words mean, and what to do. Other words are not shown.
fn hint(word: &str) -> Option<&'static str> {
    Some(match word {
        "invalid_payload"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "missing_text_or_fallback_or_attachments" => {
            "invalid_payload, Slack cannot read this digest"
        }
        "too_many_attachments" => "too_many_attachments, Slack cannot read this digest",
        "user_not_found" => "user_not_found, the webhook's user is gone, make a new webhook",
        "channel_not_found" => "channel_not_found, make a webhook for another channel",
        "channel_is_archived" => {
            "channel_is_archived, restore the channel or make a webhook for another one"
        }
        "action_prohibited" | "posting_to_general_channel_denied" => {
            "action_prohibited, an administrator has restricted posting there"
        }
        "no_service" | "no_service_id" => {
            "no_service, the webhook was removed or disabled, make a new one"
        }
        "no_team" | "team_disabled" => "no_team, the workspace is gone or disabled",
        "invalid_token" | "no_active_hooks" => {
            "invalid_token, the address is no longer valid, make a new webhook"
        }
        "rollup_error" => "rollup_error, an error of Slack's own",
        _ => return None,
    })
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
        judge(&answer, "https://hooks.slack.com")
    }

    #[test]
    fn slack_says_what_is_wrong() {
        assert_eq!(judged(200, "ok"), Ok(Receipt("ok".to_owned())));
        let text = |status, body| judged(status, body).unwrap_err().to_string();
        assert_eq!(
            text(410, "channel_is_archived"),
            "https://hooks.slack.com answered 410: channel_is_archived, restore the channel or make a webhook for another one"
        );
        assert_eq!(
            text(404, "no_service"),
            "https://hooks.slack.com answered 404: no_service, the webhook was removed or disabled, make a new one"
        );
        assert!(matches!(
            judged(500, "rollup_error"),
            Err(SendError::Retry { .. })
        ));
        assert!(!text(400, "words of a customer").contains("customer"));
        assert!(matches!(
            judged(200, "<html>"),
            Err(SendError::Permanent(_))
        ));
    }
}
