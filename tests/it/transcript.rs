//! Intercom gives what was said in a call as a file of plain text, not as JSON.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use groundswell::connectors::engine::{Account, Credentials, Read, Seen, Settings, System};
use groundswell::connectors::http::Failure;
use groundswell::connectors::vault::Vault;
use groundswell::connectors::{PullError, intercom};
use groundswell::model::{Author, Kind, Record, SourceId};
use serde_json::Value;

const CALL: &str = r#"{"type": "call", "id": "9", "conversation_id": null, "state": "completed", "direction": "inbound",
    "initiated_at": 1772442000, "ended_at": 1772442300, "updated_at": 1772442400}"#;

const SAID: &str =
    "[00:00:03] Teammate 1: \"How can I help?\"\n[00:00:09] User: \"The heating is cold.\"\n";

async fn said(headers: HeaderMap) -> Result<&'static str, StatusCode> {
    let is_text = headers
        .get("accept")
        .is_some_and(|wanted| wanted.to_str().unwrap().contains("text/plain"));
    is_text.then_some(SAID).ok_or(StatusCode::NOT_ACCEPTABLE)
}

async fn system() -> (Arc<dyn System>, Account) {
    let router = Router::new()
        .route("/calls/9", get(async || CALL))
        .route("/calls/9/transcript", get(said));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = Settings::new(
        SourceId::from("desk"),
        url.parse().unwrap(),
        Credentials::bearer("t".to_owned().into()),
        &intercom::KIND.usual,
    );
    let vault = Vault::new(std::env::temp_dir(), None);
    let account = Account::new(&settings, &[], Vec::new(), "none", &vault).unwrap();
    (Arc::new(intercom::Intercom::new(settings)), account)
}

async fn read(id: &str) -> Result<Read, Failure> {
    let (system, account) = system().await;
    let answer = Value::Null;
    let seen = Seen {
        row: None,
        answer: &answer,
        stream: "",
    };
    system
        .read(account.at(groundswell::clock::now(), false), id, seen)
        .await
}

#[tokio::test]
async fn a_call_is_read_with_its_file_of_what_was_said() {
    let Ok(Read::Record(Record::Conversation(call))) = read("call:9").await else {
        panic!("the call was not read");
    };
    assert_eq!(call.kind, Kind::CallNote);
    let said: Vec<_> = call
        .messages
        .iter()
        .map(|one| (one.author, one.text.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (Author::Agent, "How can I help?"),
            (Author::Customer, "The heating is cold."),
        ]
    );
}

#[tokio::test]
async fn a_record_that_is_not_there_is_still_told_from_a_part_that_is_not() {
    assert!(matches!(read("call:8").await, Err(Failure::NotFound)));
    let lost = Failure::NotFound.inside();
    assert!(matches!(lost, Failure::Pull(PullError::Transient(_))));
}
