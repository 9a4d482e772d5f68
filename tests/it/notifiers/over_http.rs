//! What the notifiers over HTTP make of each answer.

use groundswell::delivery::{Notifier, Outgoing, Receipt, SendError};
use groundswell::digest::render::Rendered;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use super::receivers::{Fault, Receiver, Reply, Seen, start_faulty};
use super::{CUSTOMER_WORDS, SECRET, assert_discreet, notifier, outgoing};

/// One kind of destination, and the answer by which it says yes.
struct Kind {
    name: &'static str,
    settings: &'static str,
    yes: (u16, &'static str),
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "webhook",
        settings: "kind = 'webhook'\nurl_env = 'SECRET_URL'\nsecret_env = 'SECRET'",
        yes: (204, ""),
    },
    Kind {
        name: "slack",
        settings: "kind = 'slack'\nurl_env = 'SECRET_URL'",
        yes: (200, "ok"),
    },
    Kind {
        name: "teams",
        settings: "kind = 'teams'\nurl_env = 'SECRET_URL'",
        yes: (202, ""),
    },
    Kind {
        name: "matrix",
        settings: "kind = 'matrix'\nurl_env = 'SECRET_URL'\nroom = '!room/1:example.com'\ntoken_env = 'SECRET'",
        yes: (200, r#"{"event_id":"$event"}"#),
    },
];

impl Kind {
    fn at(&self, url: &str) -> Box<dyn Notifier> {
        let url = format!("{url}/hooks/{SECRET}?token={SECRET}");
        let text = format!("id = 'd'\ntimeout_s = 1\n{}", self.settings);
        notifier(&text, &[("SECRET_URL", &url), ("SECRET", SECRET)])
    }

    fn message(&self) -> Outgoing {
        let content = json!({"text": CUSTOMER_WORDS, "numbers": [1, 2.5]});
        outgoing(
            &format!("weekly-2026-W13/{}", self.name),
            Rendered::Json(content),
        )
    }
}

/// A notifier and its receiver, for many answers.
struct Pair {
    kind: &'static Kind,
    receiver: Receiver,
    notifier: Box<dyn Notifier>,
}

impl Pair {
    async fn new(kind: &'static Kind) -> Self {
        let receiver = Receiver::start().await;
        let notifier = kind.at(&receiver.url);
        Self {
            kind,
            receiver,
            notifier,
        }
    }

    async fn answered(&self, reply: Reply) -> Result<Receipt, SendError> {
        let before = self.receiver.seen().len();
        self.receiver.will(reply);
        let result = self.notifier.send(&self.kind.message()).await;
        let requests = self.receiver.seen().len() - before;
        assert_eq!(requests, 1, "one request, whatever the answer");
        if let Err(error) = &result {
            assert_discreet(error);
        }
        result
    }
}

#[tokio::test]
async fn each_status_is_sent_again_or_is_for_a_person() {
    let again = [408, 425, 429, 500, 501, 502, 503, 504, 507, 529, 599];
    let person = [
        300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413,
        414, 415, 422, 423, 426, 431, 451,
    ];
    for kind in &KINDS {
        let pair = Pair::new(kind).await;
        let (status, body) = kind.yes;
        let result = pair.answered(Reply::new(status, body)).await;
        assert!(result.is_ok(), "{}: {result:?}", kind.name);
        for status in again {
            let result = pair.answered(Reply::echoing(status)).await;
            let is_right = matches!(result, Err(SendError::Retry { after_s: None, .. }));
            assert!(is_right, "{} {status}: {result:?}", kind.name);
        }
        for status in person {
            let reply = Reply::echoing(status).with("location", "/elsewhere");
            let result = pair.answered(reply).await;
            let is_right = matches!(result, Err(SendError::Permanent(_)));
            assert!(is_right, "{} {status}: {result:?}", kind.name);
        }
    }
}

#[tokio::test]
async fn a_told_wait_is_handed_on_in_both_forms() {
    let date = "Mon, 30 Mar 2026 06:01:30 GMT";
    let server_date = "Mon, 30 Mar 2026 06:00:00 GMT";
    for kind in &KINDS {
        let pair = Pair::new(kind).await;
        for status in [429, 503] {
            let seconds = Reply::echoing(status).with("retry-after", "3600");
            let dated = Reply::echoing(status)
                .with("retry-after", date)
                .with("date", server_date);
            for (reply, expected) in [(seconds, 3600), (dated, 90)] {
                match pair.answered(reply).await {
                    Err(SendError::Retry { after_s, .. }) => assert_eq!(after_s, Some(expected)),
                    other => panic!("{} {status}: {other:?}", kind.name),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_is_none_is_found_out() {
    let page = Reply::new(200, "<html>please log in</html>");
    for kind in [&KINDS[1], &KINDS[3]] {
        let result = Pair::new(kind).await.answered(page.clone()).await;
        assert!(matches!(result, Err(SendError::Permanent(_))), "{result:?}");
    }
    let hidden = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
    let result = Pair::new(&KINDS[2])
        .await
        .answered(Reply::new(200, hidden))
        .await;
    assert!(matches!(result, Err(SendError::Retry { .. })), "{result:?}");
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    for kind in &KINDS {
        for fault in [Fault::Drops, Fault::IsSilent, Fault::CutsBody] {
            let (url, _tasks) = start_faulty(fault).await;
            let result = kind.at(&url).send(&kind.message()).await;
            if kind.name == "webhook" && matches!(fault, Fault::CutsBody) {
                // Its status is the whole answer.
                assert!(result.is_ok(), "{result:?}");
                continue;
            }
            let error = result.unwrap_err();
            assert_discreet(&error);
            let is_right = matches!(error, SendError::Retry { after_s: None, .. });
            assert!(is_right, "{} {fault:?}: {error:?}", kind.name);
        }
    }
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for kind in &KINDS {
        let result = kind
            .at(&format!("http://{address}"))
            .send(&kind.message())
            .await;
        let error = result.unwrap_err();
        assert_discreet(&error);
        assert_eq!(
            error,
            SendError::Retry {
                reason: format!(
                    "http://{address} cannot be reached: Connection refused (os error 111)"
                ),
                after_s: None
            }
        );
    }
}

async fn sent_twice(kind: &Kind) -> [Seen; 2] {
    let receiver = Receiver::start().await;
    let (status, body) = kind.yes;
    receiver.will(Reply::new(503, ""));
    receiver.will(Reply::new(status, body));
    let message = kind.message();
    assert!(kind.at(&receiver.url).send(&message).await.is_err());
    // As after a restart: another notifier, the same delivery.
    let later = Outgoing {
        at: message.at + chrono::TimeDelta::hours(1),
        ..message
    };
    assert!(kind.at(&receiver.url).send(&later).await.is_ok());
    receiver.seen().try_into().unwrap()
}

#[tokio::test]
async fn a_repeat_is_the_same_request() {
    for kind in &KINDS {
        let [first, second] = sent_twice(kind).await;
        assert_eq!(first.method, second.method);
        assert_eq!(first.path, second.path);
        assert_eq!(first.body, second.body);
        let kept = |seen: &Seen| {
            let mut headers = seen.headers.clone();
            headers.remove("host");
            headers
        };
        assert_eq!(kept(&first), kept(&second), "{}", kind.name);
        assert_eq!(first.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_exact_bytes() {
    let [seen, _] = sent_twice(&KINDS[0]).await;
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, format!("/hooks/{SECRET}?token={SECRET}"));
    assert_eq!(
        seen.header("x-groundswell-delivery"),
        "weekly-2026-W13/webhook"
    );
    assert_eq!(seen.header("idempotency-key"), "weekly-2026-W13/webhook");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&seen.body);
    let hexadecimal: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let signature = seen.header("x-groundswell-signature-256");
    assert_eq!(signature, format!("sha256={hexadecimal}"));
}

#[tokio::test]
async fn a_matrix_event_has_a_transaction_of_its_own_delivery() {
    let [seen, _] = sent_twice(&KINDS[3]).await;
    assert_eq!(seen.method, "PUT");
    let head = format!(
        "/hooks/{SECRET}/_matrix/client/v3/rooms/!room%2F1:example.com/send/m.room.message/"
    );
    let transaction = seen.path.strip_prefix(&head).unwrap();
    assert_eq!(transaction.len(), 64);
    assert_eq!(seen.header("authorization"), format!("Bearer {SECRET}"));

    let receiver = Receiver::start().await;
    receiver.will(Reply::new(200, r#"{"event_id":"$other"}"#));
    let mut other = KINDS[3].message();
    other.delivery_key = "weekly-2026-W14/matrix".to_owned();
    KINDS[3].at(&receiver.url).send(&other).await.unwrap();
    assert!(!receiver.seen()[0].path.ends_with(transaction));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for kind in &KINDS {
        let receiver = Receiver::start().await;
        let elsewhere = format!("{}/elsewhere", receiver.url);
        receiver.will(Reply::new(307, "").with("location", &elsewhere));
        let error = kind
            .at(&receiver.url)
            .send(&kind.message())
            .await
            .unwrap_err();
        assert_eq!(receiver.seen().len(), 1);
        let sentence = format!(
            "{} answered 307: redirects are not followed: configure the final address",
            receiver.url
        );
        assert_eq!(error, SendError::Permanent(sentence));
    }
}

#[tokio::test]
async fn a_digest_laid_out_for_another_kind_is_refused_unsent() {
    for kind in &KINDS {
        let receiver = Receiver::start().await;
        let message = outgoing(
            "weekly-2026-W13/d",
            Rendered::Text(CUSTOMER_WORDS.to_owned()),
        );
        let error = kind.at(&receiver.url).send(&message).await.unwrap_err();
        assert!(matches!(error, SendError::Permanent(_)));
        assert!(receiver.seen().is_empty());
    }
}
