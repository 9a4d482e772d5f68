//! The connector against a real Request Tracker 5, with a token that has the least rights it needs.
//!
//! Each test writes tickets as an administrator and as customers who send mail, pulls them into a
//! store of its own, and compares. Other tests may write into the same server.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Engine, FieldPath, Settings};
use groundswell::connectors::request_tracker::{Choices, KIND, RequestTracker, credentials};
use groundswell::connectors::vault::Vault;
use groundswell::connectors::{Connector as _, Cursor, PullError};
use groundswell::ingest::{IngestConfig, PullOutcome, pull_source};
use groundswell::model::{
    Author, Cadence, ConversationKey, Exclusion, Record, ReportBasis, SourceId, Stored, Visibility,
    Window,
};
use groundswell::store::{Location, Store};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers::variable;
use crate::shelf::said;

/// The server, as its administrator and its customers see it.
struct Server {
    url: String,
    root: String,
    http: reqwest::Client,
}

impl Server {
    fn find() -> Option<(Self, String)> {
        let url = variable("RT_URL")?;
        let token = variable("RT_TOKEN")?;
        let root = variable("RT_ROOT_TOKEN")?;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Some((Self { url, root, http }, token))
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let url = format!("{}/REST/2.0/{path}", self.url);
        let request = self.http.request(method, url);
        let request = request
            .header("Authorization", format!("token {}", self.root))
            .json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A ticket that an agent writes down for a customer.
    async fn open(&self, requester: &str, subject: &str, text: &str) -> String {
        let ticket = json!({
            "Queue": "Support", "Subject": subject, "Requestor": requester, "Content": text,
            "ContentType": "text/plain", "CustomFields": {"Category": "Other", "Tags": ["a", "b"]},
        });
        let answer = self.send(reqwest::Method::POST, "ticket", ticket).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn write(&self, id: &str, action: &str, kind: &str, text: &str) {
        let body = json!({"Content": text, "ContentType": kind});
        self.send(
            reqwest::Method::POST,
            &format!("ticket/{id}/{action}"),
            body,
        )
        .await;
    }

    async fn set(&self, id: &str, fields: Value) {
        self.send(reqwest::Method::PUT, &format!("ticket/{id}"), fields)
            .await;
    }

    /// A customer's mail, through RT's mail gateway. `subject` may name a ticket: `[rt.test #7]`.
    async fn mail(&self, from: &str, subject: &str, text: &str) {
        let mail = format!(
            "From: {from}\r\nTo: support@rt.test\r\nSubject: {subject}\r\nMessage-ID: <{}@example.test>\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n",
            unique()
        );
        let boundary = "groundswell-boundary";
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let fields = [
            field("action", "correspond"),
            field("queue", "Support"),
            field("message", &mail),
        ];
        let request = self
            .http
            .post(format!("{}/REST/1.0/NoAuth/mail-gateway", self.url));
        let kind = format!("multipart/form-data; boundary={boundary}");
        let request = request.header("Content-Type", kind);
        let body = format!("{}--{boundary}--\r\n", fields.concat());
        let answer = request
            .body(body)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(answer.starts_with("ok"), "{answer}");
    }
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = groundswell::clock::now().timestamp_micros();
    format!("{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A source with a store of its own.
struct Pulling {
    store: Store,
    connector: Engine,
    source: SourceId,
    _folder: TempDir,
}

impl Pulling {
    async fn new(server: &Server, token: &str, per_page: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Folder(folder.path().to_owned()))
            .await
            .unwrap();
        let source = SourceId::from("rt");
        // Only what this test writes: the server may be shared, and its log long.
        let mut config = config(server, token, per_page);
        config.settings.start = Some(groundswell::clock::now() - TimeDelta::seconds(2));
        Self {
            store,
            connector: config.engine(),
            source,
            _folder: folder,
        }
    }

    async fn pull(&self) -> PullOutcome {
        let config = IngestConfig::default();
        let now = groundswell::clock::now();
        let outcome = pull_source(
            &self.store,
            &self.connector,
            &self.source,
            &config,
            now,
            1_000,
        );
        let outcome = outcome.await.unwrap();
        assert_eq!((&outcome.failure, outcome.parked), (&None, 0));
        assert!(outcome.is_complete);
        outcome
    }

    /// The id of the ticket with this subject; other tests open tickets at the same time.
    async fn find(&self, subject: &str) -> String {
        self.pull().await;
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let conversations = changes.into_iter().map(|change| change.stored.conversation);
        let mut found = conversations.filter(|one| one.subject.as_str() == subject);
        found.next().unwrap().key.id
    }

    async fn get(&self, id: &str) -> Stored {
        let key = ConversationKey {
            source: self.source.clone(),
            id: id.to_owned(),
        };
        self.store.conversation(&key).await.unwrap().unwrap()
    }
}

/// A source as the configuration has it.
struct Config {
    settings: Settings,
    choices: Choices,
}

impl Config {
    fn engine(self) -> Engine {
        let system = RequestTracker::new(self.settings, self.choices);
        Engine::new(Arc::new(system), &Vault::new(std::env::temp_dir(), None)).unwrap()
    }
}

fn config(server: &Server, token: &str, per_page: u32) -> Config {
    let (source, url) = (SourceId::from("rt"), server.url.parse().unwrap());
    let credentials = credentials(SecretString::from(token));
    let mut settings = Settings::new(source, url, credentials, &KIND.usual);
    settings.category = Some(FieldPath::new("Category"));
    settings.product = Some(FieldPath::new("Product"));
    settings.page_records = per_page;
    let choices = Choices {
        tags_field: Some("Tags".into()),
        // Small pages are tried, too: what is read again shall not be half of the test.
        overlap: 40,
        ..Choices::default()
    };
    Config { settings, choices }
}

#[tokio::test]
async fn words_come_with_their_author_and_visibility_with_the_least_rights() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let pulling = Pulling::new(&server, &token, 100).await;
    let marker = unique();
    let customer = format!("anna-{marker}@example.test");
    let subject = format!("Leak {marker}");
    server
        .mail(&customer, &subject, "It leaks.\n\n-- \nAnna Müller")
        .await;
    let id = pulling.find(&subject).await;
    server
        .write(&id, "correspond", "text/html", "<p>Which <b>model</b>?</p>")
        .await;
    let answer = "Aura 9\n\nOn Monday, 2 March, Support wrote:\n> Which model?";
    server
        .mail(&customer, &format!("Re: [rt.test #{id}] {subject}"), answer)
        .await;
    server
        .write(&id, "comment", "text/plain", "cust angry")
        .await;
    pulling.pull().await;

    let stored = pulling.get(&id).await;
    let expected = [
        (Author::Customer, Visibility::Public, "It leaks."),
        (Author::Agent, Visibility::Public, "Which model?"),
        (Author::Customer, Visibility::Public, "Aura 9"),
        (Author::Agent, Visibility::Internal, "cust angry"),
    ];
    assert_eq!(said(&stored), expected);
    let conversation = &stored.conversation;
    assert_eq!(conversation.subject.as_str(), subject);
    assert!(
        conversation
            .requester
            .as_ref()
            .unwrap()
            .starts_with("customer-")
    );
    let url = conversation.url.as_ref().unwrap();
    assert!(url.ends_with(&format!("/Ticket/Display.html?id={id}")));
    assert_eq!(conversation.attributes["queue"], "Support");
    assert!(
        conversation
            .messages
            .iter()
            .all(|message| message.at.is_some())
    );
}

#[tokio::test]
async fn category_status_and_reopening_are_followed_and_rest_finds_nothing() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let pulling = Pulling::new(&server, &token, 100).await;
    let marker = unique();
    let id = server
        .open(&format!("f-{marker}@example.test"), &marker, "it hums")
        .await;
    pulling.pull().await;
    let opened = pulling.get(&id).await.conversation;
    assert_eq!(
        (opened.category.as_deref(), opened.closed_at),
        (Some("Other"), None)
    );

    let fields = json!({"CustomFields": {"Category": "media"}, "Status": "resolved"});
    server.set(&id, fields).await;
    pulling.pull().await;
    let resolved = pulling.get(&id).await.conversation;
    assert_eq!(resolved.category.as_deref(), Some("media"));
    assert_eq!(resolved.status.as_deref(), Some("resolved"));
    assert!(resolved.closed_at.is_some());

    server.set(&id, json!({"Status": "open"})).await;
    pulling.pull().await;
    let reopened = pulling.get(&id).await.conversation;
    assert_eq!((reopened.reopens, reopened.closed_at), (1, None));
    pulling.pull().await;
    assert_eq!(pulling.get(&id).await.conversation, reopened);
}

#[tokio::test]
async fn merged_and_deleted_tickets_are_followed() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let pulling = Pulling::new(&server, &token, 100).await;
    let marker = unique();
    let open = |name: &str| format!("{name} {marker}");
    let kept = server
        .open(
            &format!("a-{marker}@example.test"),
            &open("kept"),
            "the first words",
        )
        .await;
    let gone = server
        .open(
            &format!("a-{marker}@example.test"),
            &open("gone"),
            "the second words",
        )
        .await;
    let dead = server
        .open(
            &format!("b-{marker}@example.test"),
            &open("dead"),
            "the third words",
        )
        .await;
    pulling.pull().await;
    assert_eq!(pulling.get(&gone).await.conversation.exclusion, None);
    assert_eq!(pulling.get(&gone).await.conversation.tags, ["a", "b"]);

    server.set(&gone, json!({"MergeInto": kept})).await;
    server.set(&dead, json!({"Status": "deleted"})).await;
    pulling.pull().await;
    let kept = pulling.get(&kept).await;
    assert_eq!(kept.conversation.exclusion, None);
    assert!(
        kept.text.as_str().contains("the first words")
            && kept.text.as_str().contains("the second words")
    );
    let gone = pulling.get(&gone).await;
    assert_eq!(gone.conversation.exclusion, Some(Exclusion::Merged));
    let dead = pulling.get(&dead).await;
    assert_eq!(dead.conversation.exclusion, Some(Exclusion::Deleted));
    assert!(
        !dead.text.as_str().contains("third"),
        "the words of a deleted ticket are erased"
    );
}

/// Small pages: the log, histories and attachments all go over several, some of them with hidden rows.
#[tokio::test]
async fn every_cursor_goes_on_without_loss() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let marker = unique();
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = server
            .open(
                &format!("c{number}-{marker}@example.test"),
                &marker,
                "it hums",
            )
            .await;
        server.write(&id, "comment", "text/plain", "noted").await;
        server
            .write(&id, "correspond", "text/plain", "we come")
            .await;
        ids.push(id);
    }
    let mut config = config(&server, &token, 4);
    config.settings.start = Some(start);
    let connector = config.engine();
    let now = groundswell::clock::now();
    let mut cursors: Vec<Option<Cursor>> = vec![None];
    let mut state = vec![BTreeMap::new()];
    loop {
        let page = connector
            .pull(cursors.last().unwrap().as_ref(), now)
            .await
            .unwrap();
        let mut known = state.last().unwrap().clone();
        keep(&mut known, page.records);
        state.push(known);
        cursors.push(Some(page.next));
        if page.is_last {
            break;
        }
        assert!(cursors.len() < 2_000, "the log does not end");
    }
    let all = state.last().unwrap().clone();
    for id in &ids {
        assert_eq!(all[id], 3, "ticket {id} has three messages");
    }
    // Start, middle, and near the end: what was known there and what follows make the whole.
    for place in [0, cursors.len() / 2, cursors.len() - 2] {
        let mut known = state[place].clone();
        let mut cursor = cursors[place].clone();
        loop {
            let page = connector.pull(cursor.as_ref(), now).await.unwrap();
            keep(&mut known, page.records);
            cursor = Some(page.next);
            if page.is_last {
                break;
            }
        }
        for id in &ids {
            assert_eq!(
                known.get(id),
                all.get(id),
                "from cursor {place}, ticket {id}"
            );
        }
    }
}

fn keep(known: &mut BTreeMap<String, usize>, records: Vec<Record>) {
    for record in records {
        match record {
            Record::Conversation(one) => drop(known.insert(one.key.id.clone(), one.messages.len())),
            Record::Deleted { key, .. } | Record::Merged { key, .. } => drop(known.remove(&key.id)),
        }
    }
}

#[tokio::test]
async fn an_attachment_larger_than_the_limit_costs_itself_only() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let marker = unique();
    let id = server
        .open(
            &format!("d-{marker}@example.test"),
            &marker,
            "see the picture",
        )
        .await;
    let picture = "iVBORw0KGgo".repeat(40_000);
    let body = json!({
        "Content": "here it is", "ContentType": "text/plain",
        "Attachments": [{"FileName": "a.png", "FileType": "image/png", "FileContent": picture}],
    });
    server
        .send(
            reqwest::Method::POST,
            &format!("ticket/{id}/correspond"),
            body,
        )
        .await;
    let mut config = config(&server, &token, 100);
    config.settings.limits.body_bytes_max = 150_000;
    config.settings.start = Some(groundswell::clock::now() - TimeDelta::minutes(10));
    let connector = config.engine();
    let now = groundswell::clock::now();
    let (mut known, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = connector.pull(cursor.as_ref(), now).await.unwrap();
        keep(&mut known, page.records);
        cursor = Some(page.next);
        if page.is_last {
            break;
        }
    }
    assert_eq!(known[&id], 2);
}

#[tokio::test]
async fn missing_rights_are_told() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let Some(weak) = variable("RT_WEAK_TOKEN") else {
        return;
    };
    let marker = unique();
    for number in 0..3 {
        let id = server
            .open(
                &format!("e{number}-{marker}@example.test"),
                &marker,
                "it hums",
            )
            .await;
        for _ in 0..6 {
            server.write(&id, "comment", "text/plain", "noted").await;
            server
                .write(&id, "correspond", "text/plain", "we come")
                .await;
        }
    }
    let now: DateTime<Utc> = groundswell::clock::now();
    let remarks = |config: Config| {
        let connector = config.engine();
        async move { connector.check(now).await }
    };
    assert_eq!(
        remarks(config(&server, &token, 100)).await.unwrap(),
        [""; 0]
    );
    let found = remarks(config(&server, &weak, 100)).await.unwrap();
    assert!(
        found.len() == 1 && found[0].contains("ShowTicketComments"),
        "{found:?}"
    );
    let mut other = config(&server, &token, 100);
    other.choices.queues = vec!["Support".into(), "Sales".into()];
    other.settings.category = Some(FieldPath::new("Topic"));
    let found = remarks(other).await.unwrap();
    assert!(
        found.iter().any(|one| one.contains("no queue \"Sales\"")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|one| one.contains("category_field is \"Topic\"")),
        "{found:?}"
    );

    let wrong = "1-29-00000000000000000000000000000000";
    let error = remarks(config(&server, wrong, 100)).await.unwrap_err();
    assert!(matches!(error, PullError::Unauthorized(_)), "{error:?}");
    assert!(
        !error.to_string().contains(wrong) && error.to_string().contains("401"),
        "{error}"
    );
}

#[tokio::test]
async fn its_own_counts_are_what_its_search_finds() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    // A product that no other test names, as the field that the report is built on; two a page, so that paging is tried.
    let marker = unique();
    let mut config = config(&server, &token, 2);
    config.settings.category = Some(FieldPath::new("Product"));
    config.choices.official_figures = true;
    let connector = config.engine();
    let now = groundswell::clock::now();
    let mut ids = Vec::new();
    for number in 0..3 {
        let id = server
            .open(&format!("own-{number}@example.test"), &marker, "it hums")
            .await;
        server
            .set(&id, json!({"CustomFields": {"Product": marker}}))
            .await;
        ids.push(id);
    }
    server.set(&ids[0], json!({"Status": "resolved"})).await;
    server.set(&ids[1], json!({"Status": "deleted"})).await;
    let window = |minutes: i64| Window {
        cadence: Cadence::Daily,
        start: now - TimeDelta::minutes(1) + TimeDelta::minutes(minutes),
        end: now + TimeDelta::minutes(9) + TimeDelta::minutes(minutes),
        key: "2026-03-02".to_owned(),
    };
    let counted = async |minutes: i64| -> Vec<(ReportBasis, i64)> {
        let counts = connector.official(&window(minutes), now).await.unwrap();
        let own = counts
            .into_iter()
            .filter(|count| count.category.as_deref() == Some(&marker));
        own.map(|count| (count.basis, count.count)).collect()
    };
    assert_eq!(
        counted(0).await,
        [(ReportBasis::Opened, 2), (ReportBasis::Closed, 1)]
    );
    assert_eq!(counted(-30).await, []);
    assert_eq!(counted(30).await, []);
}

/// History goes by the tickets' last change, so that years of it need no log from its beginning.
#[tokio::test]
async fn history_gives_what_the_log_gives() {
    let Some((server, token)) = Server::find() else {
        return;
    };
    let marker = unique();
    let start = groundswell::clock::now() - TimeDelta::seconds(2);
    let mut ids = Vec::new();
    for number in 0..5 {
        let customer = format!("h{number}-{marker}@example.test");
        let id = server.open(&customer, &marker, "it hums").await;
        server
            .write(&id, "correspond", "text/plain", "we come")
            .await;
        ids.push(id);
    }
    server.set(&ids[3], json!({"Status": "deleted"})).await;
    server.set(&ids[4], json!({"MergeInto": ids[0]})).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let mut config = config(&server, &token, 2);
    config.settings.start = Some(start);
    let connector = config.engine();
    let now = groundswell::clock::now();
    let (mut known, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = connector.backfill(cursor.as_ref(), now, now).await.unwrap();
        assert_eq!(page.parked, []);
        keep(&mut known, page.records);
        cursor = Some(page.next);
        if page.is_last {
            assert_eq!(page.reached, Some(start));
            break;
        }
    }
    let found: Vec<_> = ids.iter().map(|id| known.get(id).copied()).collect();
    assert_eq!(found, [Some(4), Some(2), Some(2), None, None]);
}
