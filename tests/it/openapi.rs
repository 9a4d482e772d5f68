//! Requests are what the vendors' own OpenAPI files allow, and the answers in those files are understood. Prism plays the
//! files (`tests/servers/prism.sh`); it neither pages nor limits, so all else is the contract's affair.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Credentials, Engine, Settings, System, Usual};
use groundswell::connectors::vault::Vault;
use groundswell::connectors::{Connector as _, Page, dialpad, front, intercom};
use groundswell::model::{Author, Conversation, Kind, Record, SourceId};
use secrecy::SecretString;
use url::Url;

use crate::servers::variable;

fn now() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn settings(url: &Url, usual: &Usual) -> Settings {
    let credentials = Credentials::bearer(SecretString::from("s3cret"));
    Settings::new(SourceId::from("desk"), url.clone(), credentials, usual)
}

fn engine(system: impl System + 'static) -> Engine {
    Engine::new(Arc::new(system), &Vault::new(std::env::temp_dir(), None)).unwrap()
}

/// The address of a vendor whose file not everybody has.
fn lent(vendor: &str, file: &str) -> Option<Url> {
    let url = std::env::var(format!("GROUNDSWELL_TEST_PRISM_{vendor}_URL")).ok();
    if url.is_none() {
        println!(
            "skipped: put {file} somewhere, name it in GROUNDSWELL_{vendor}_OPENAPI and run tests/run --servers prism"
        );
    }
    url.map(|url| url.parse().unwrap())
}

/// What a file does not allow is refused with a status that the connector reports.
fn assert_allowed(page: &Page) {
    for parked in &page.parked {
        let is_refused = parked.reason.contains("refuses") || parked.reason.contains("status");
        assert!(!is_refused, "{parked:?}");
    }
}

fn only(page: Page) -> Conversation {
    assert_allowed(&page);
    let [Record::Conversation(conversation)] = page.records.as_slice() else {
        panic!("{page:?}")
    };
    conversation.as_ref().clone()
}

#[tokio::test]
async fn dialpads_file_allows_what_is_asked_and_its_examples_are_understood() {
    let Some(url) = variable("PRISM_DIALPAD_URL") else {
        return;
    };
    let url: Url = url.parse().unwrap();
    let mut wrong = url.join("api/v2/call").unwrap();
    wrong.set_query(Some("started_after=yesterday"));
    let client = reqwest::Client::new();
    let answer = client.get(wrong).bearer_auth("s3cret").send().await;
    assert_eq!(answer.unwrap().status(), 422, "requests are not checked");

    let engine = engine(dialpad::Dialpad::new(settings(&url, &dialpad::KIND.usual)));
    // The example's times are the smallest numbers there are, so its call makes no sense; the request does.
    let page = engine.pull(None, now()).await.unwrap();
    assert_allowed(&page);
    assert_eq!((page.skipped.len(), page.records.len()), (1, 0), "{page:?}");

    let page = engine.read_again(&["1002".to_owned()], now()).await;
    let call = only(page.unwrap());
    assert_eq!(call.kind, Kind::CallNote);
    assert_eq!(call.created_at.to_rfc3339(), "2013-01-01T00:00:00+00:00");
    assert_eq!(call.requester.as_deref(), Some("+14155557777"));
    let said: Vec<_> = call
        .messages
        .iter()
        .map(|one| (one.author, one.text.as_str()))
        .collect();
    // The file has the lines in another order than that of their times.
    assert_eq!(
        said,
        [
            (Author::Agent, "hello [expletive]"),
            (Author::Customer, "hi")
        ]
    );
    let checked = engine.check(now()).await;
    assert!(checked.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn fronts_file_allows_what_is_asked() {
    let file = "core-api/core-api.json of github.com/frontapp/front-api-specs";
    let Some(url) = lent("FRONT", file) else {
        return;
    };
    let engine = engine(front::Front::new(settings(&url, &front::KIND.usual)));
    let page = engine.pull(None, now()).await.unwrap();
    assert_allowed(&page);
    assert!(
        !page.records.is_empty() || !page.parked.is_empty(),
        "{page:?}"
    );
    for id in ["cnv_yo1kg5q", "evt_4ckcra8e"] {
        assert_allowed(&engine.read_again(&[id.to_owned()], now()).await.unwrap());
    }
    let checked = engine.check(now()).await;
    assert!(checked.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn intercoms_file_allows_what_is_asked() {
    let file = "descriptions/2.16/api.intercom.io.yaml of github.com/intercom/Intercom-OpenAPI";
    let Some(url) = lent("INTERCOM", file) else {
        return;
    };
    let engine = engine(intercom::Intercom::new(settings(
        &url,
        &intercom::KIND.usual,
    )));
    // The file gives the same page again and again, so each list is asked once, from its start.
    let mut cursor = None;
    for _ in 0..6 {
        match engine.pull(cursor.as_ref(), now()).await {
            Ok(page) => {
                assert_allowed(&page);
                cursor = Some(page.next);
            }
            Err(error) => assert!(error.to_string().contains("repeats"), "{error}"),
        }
    }
    for id in ["123", "ticket:123", "call:123"] {
        assert_allowed(&engine.read_again(&[id.to_owned()], now()).await.unwrap());
    }
    let checked = engine.check(now()).await;
    assert!(checked.is_ok(), "{checked:?}");
}
