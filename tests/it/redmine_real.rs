//! Redmine for real, with the least rights that its settings ask for: what customers and a team do there is what is
//! stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, Engine, Settings};
use groundswell::connectors::redmine::{KIND, Redmine};
use groundswell::connectors::vault::Vault;
use groundswell::connectors::{Connector as _, PullError};
use groundswell::model::{Author, ConversationKey, Exclusion, SourceId, Stored, Visibility};
use serde_json::{Value, json};

use crate::servers::variable;
use crate::shelf::{SOURCE, Shelf, said};

/// The server, as people see it.
struct Server {
    url: String,
    http: reqwest::Client,
    keys: BTreeMap<&'static str, String>,
}

impl Server {
    fn find() -> Option<Self> {
        let url = variable("REDMINE_URL")?;
        let names = ["KEY", "ADMIN_KEY", "AGENT_KEY", "CUSTOMER_KEY", "WEAK_KEY"];
        let keys = names.map(|name| Some((name, variable(&format!("REDMINE_{name}"))?)));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self {
            url,
            http,
            keys: keys.into_iter().collect::<Option<_>>()?,
        })
    }

    async fn send(&self, who: &str, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}/{path}", self.url));
        let request = request
            .header("X-Redmine-API-Key", &self.keys[who])
            .json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// An issue that a customer opens.
    async fn open(&self, subject: &str, text: &str) -> String {
        let issue = json!({"issue": {
            "project_id": "support", "tracker_id": 3, "subject": subject, "description": text, "category_id": 2,
            "custom_fields": [{"id": 1, "value": "Aura 9"}],
        }});
        let answer = self
            .send("CUSTOMER_KEY", reqwest::Method::POST, "issues.json", issue)
            .await;
        answer["issue"]["id"].to_string()
    }

    async fn change(&self, who: &str, id: &str, fields: Value) {
        let path = format!("issues/{id}.json");
        self.send(who, reqwest::Method::PUT, &path, json!({"issue": fields}))
            .await;
    }

    async fn delete(&self, id: &str) {
        let path = format!("issues/{id}.json");
        self.send("ADMIN_KEY", reqwest::Method::DELETE, &path, Value::Null)
            .await;
    }

    /// A connector with a key, as a new process makes it. Issues of tests that ran before are left out.
    fn connector(&self, key: &str, roles: &[&str], start: DateTime<Utc>) -> Engine {
        let credentials = Credentials::Header {
            name: "x-redmine-api-key",
            prefix: "",
            secret: key.to_owned().into(),
        };
        let url = self.url.parse().unwrap();
        let mut settings = Settings::new(SourceId::from(SOURCE), url, credentials, &KIND.usual);
        settings.page_records = 2;
        settings.start = Some(start);
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let system = Redmine::new(settings, vec!["support".to_owned()], roles);
        Engine::new(Arc::new(system), &Vault::new(std::env::temp_dir(), None)).unwrap()
    }
}

async fn get(shelf: &Shelf, id: &str) -> Stored {
    let key = ConversationKey::new(SOURCE, id);
    shelf.store.conversation(&key).await.unwrap().unwrap()
}

#[tokio::test]
async fn notes_come_with_their_author_and_visibility() {
    let Some(server) = Server::find() else { return };
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let shelf = Shelf::new().await;
    let connector = server.connector(&server.keys["KEY"], &["team"], start);
    let id = server.open("Leak ü", "It leaks.\n\n-- \nAnna Müller").await;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(server.open(&format!("Other {number}"), "It hums.").await);
    }
    let none: [PullError; 0] = [];
    assert_eq!(
        shelf.pull_all(&connector, groundswell::clock::now()).await,
        none
    );
    for other in &others {
        assert_eq!(said(&get(&shelf, other).await).len(), 1);
    }
    server
        .change("AGENT_KEY", &id, json!({"notes": "Which model?"}))
        .await;
    let note = json!({"notes": "cust angry", "private_notes": true});
    server.change("AGENT_KEY", &id, note).await;
    server
        .change("CUSTOMER_KEY", &id, json!({"notes": "Aura 9"}))
        .await;
    shelf.pull_all(&connector, groundswell::clock::now()).await;
    let stored = get(&shelf, &id).await;
    let expected = [
        (Author::Customer, Visibility::Public, "It leaks."),
        (Author::Agent, Visibility::Public, "Which model?"),
        (Author::Agent, Visibility::Internal, "cust angry"),
        (Author::Customer, Visibility::Public, "Aura 9"),
    ];
    assert_eq!(said(&stored), expected);
    let conversation = &stored.conversation;
    let url = conversation.url.as_ref().unwrap();
    assert!(url.ends_with(&format!("/issues/{id}")));
    assert_eq!(conversation.attributes["Product"], "Aura 9");
}

#[tokio::test]
async fn category_status_and_reopening_are_followed_and_rest_finds_nothing() {
    let Some(server) = Server::find() else { return };
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let shelf = Shelf::new().await;
    let connector = server.connector(&server.keys["KEY"], &["team"], start);
    let id = server.open("Leak", "It leaks.").await;
    let pull = async || {
        shelf.pull_all(&connector, groundswell::clock::now()).await;
        let one = get(&shelf, &id).await.conversation;
        (
            one.category,
            one.status,
            one.closed_at.is_some(),
            one.reopens,
        )
    };
    let found = |category: &str, status: &str, is_closed, reopens| {
        (
            Some(category.to_owned()),
            Some(status.to_owned()),
            is_closed,
            reopens,
        )
    };
    assert_eq!(pull().await, found("Other", "New", false, 0));
    let closed = json!({"status_id": 5, "category_id": 1});
    server.change("ADMIN_KEY", &id, closed).await;
    assert_eq!(pull().await, found("Heating", "Closed", true, 0));
    server
        .change("ADMIN_KEY", &id, json!({"status_id": 2}))
        .await;
    assert_eq!(pull().await, found("Heating", "In Progress", false, 1));
    let outcome = shelf.pull(&connector, groundswell::clock::now(), 100).await;
    assert_eq!(
        (outcome.saved.new, outcome.skipped, outcome.parked),
        (0, 0, 0)
    );
    assert_eq!(pull().await, found("Heating", "In Progress", false, 1));
}

#[tokio::test]
async fn what_is_deleted_is_found_missing() {
    let Some(server) = Server::find() else { return };
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let shelf = Shelf::new().await;
    let connector = server.connector(&server.keys["KEY"], &[], start);
    let kept = server.open("kept", "the first words").await;
    let gone = server.open("gone", "the second words").await;
    shelf.pull_all(&connector, groundswell::clock::now()).await;
    server.delete(&gone).await;
    for days in 1..4 {
        shelf
            .pull_all(
                &connector,
                groundswell::clock::now() + TimeDelta::days(days),
            )
            .await;
    }
    assert_eq!(get(&shelf, &kept).await.conversation.exclusion, None);
    let gone = get(&shelf, &gone).await;
    assert_eq!(gone.conversation.exclusion, Some(Exclusion::Deleted));
    assert!(
        gone.text.is_blank(),
        "the words of a deleted issue are erased"
    );
}

/// Redmine lists nothing to a wrong key and calls it success; that must not look like deletions.
#[tokio::test]
async fn a_wrong_key_is_told_and_missing_rights_too() {
    let Some(server) = Server::find() else { return };
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let shelf = Shelf::new().await;
    let right = server.connector(&server.keys["KEY"], &["Team"], start);
    let id = server.open("kept", "the first words").await;
    shelf.pull_all(&right, groundswell::clock::now()).await;
    let now = groundswell::clock::now() + TimeDelta::days(3);
    let wrong = server.connector("wrong-key-of-nobody", &[], start);
    let error = shelf.pull(&wrong, now, 100).await.failure.unwrap().error;
    assert!(matches!(error, PullError::Unauthorized(_)), "{error}");
    assert!(!error.to_string().contains("wrong-key"), "{error}");
    assert_eq!(get(&shelf, &id).await.conversation.exclusion, None);

    let nothing: [&str; 0] = [];
    assert_eq!(right.check(now).await.unwrap(), nothing);
    let weak = server.connector(&server.keys["WEAK_KEY"], &["Helpers"], start);
    let remarks = weak.check(now).await.unwrap();
    let expected = [
        "the role \"Weak\" of the key's user lacks view_private_notes",
        "team_roles names \"helpers\", but there is no such role",
    ];
    assert_eq!(remarks, expected);
}

/// An issue's times are right for a user who lives elsewhere.
#[tokio::test]
async fn the_time_zone_of_the_keys_user_changes_nothing() {
    let Some(server) = Server::find() else { return };
    let me = server
        .send(
            "ADMIN_KEY",
            reqwest::Method::GET,
            "users.json?name=puller@",
            Value::Null,
        )
        .await;
    let path = format!("users/{}.json", me["users"][0]["id"]);
    let zone = json!({"user": {"pref": {"time_zone": "Hawaii"}}});
    server
        .send("ADMIN_KEY", reqwest::Method::PUT, &path, zone)
        .await;
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let shelf = Shelf::new().await;
    let connector = server.connector(&server.keys["KEY"], &[], start);
    let id = server.open("elsewhere", "the first words").await;
    shelf.pull_all(&connector, groundswell::clock::now()).await;
    let opened = get(&shelf, &id).await.conversation.created_at;
    assert!(
        (groundswell::clock::now() - opened).abs() < TimeDelta::seconds(60),
        "{opened}"
    );
    server
        .change("AGENT_KEY", &id, json!({"notes": "we come"}))
        .await;
    shelf.pull_all(&connector, groundswell::clock::now()).await;
    assert_eq!(said(&get(&shelf, &id).await).len(), 2);
}
