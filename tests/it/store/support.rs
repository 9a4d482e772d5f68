//! What the cases share: invented conversations, and a fresh database for each.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use groundswell::model::{
    Assignment, Author, Conversation, ConversationKey, Discovery, Exemplar, Fact, Lineage, Message,
    ModelId, SourceId, Stored, Term, Text, Topic, TopicId, TopicStatus, Vector, Visibility,
};
use groundswell::store::{CleanPage, Location, Saved, Store};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

/// A case of the contract.
pub type Case = (&'static str, fn(Store) -> BoxFuture<'static, ()>);

/// Cases by their functions' names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$((stringify!($case), |store| Box::pin($case(store)))),*]
    };
}
pub(super) use cases;

/// An empty database of a test's own.
pub struct Fresh {
    pub location: Location,
    // Held, so that the folder lives as long as the database.
    _folder: Option<TempDir>,
    server: Option<(String, String)>,
}

impl Fresh {
    /// A database that is there already.
    pub fn at(location: Location) -> Self {
        Self {
            location,
            _folder: None,
            server: None,
        }
    }

    /// A connection beside the store, for what the store would never do.
    pub async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = match &self.location {
            Location::Folder(folder) => {
                format!("sqlite://{}/groundswell.db?mode=rwc", folder.display())
            }
            Location::Postgres(url) => url.expose_secret().to_owned(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }

    /// Drops the database; a folder goes away by itself.
    pub async fn remove(self) {
        if let Some((server, name)) = self.server {
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            execute(&mut AnyConnection::connect(&server).await.unwrap(), &drop).await;
        }
    }
}

/// Runs a statement that must succeed.
pub async fn execute(connection: &mut AnyConnection, statement: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// The server to test against, if one is named.
pub fn postgres_url() -> Option<String> {
    crate::servers::variable("POSTGRES_URL")
}

/// An empty folder for SQLite.
pub fn fresh_folder() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        location: Location::Folder(folder.path().join("data")),
        _folder: Some(folder),
        server: None,
    }
}

/// An empty database of the named server.
pub async fn fresh_postgres(server: &str) -> Fresh {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    sqlx::any::install_default_drivers();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("groundswell_{}_{number}", std::process::id());
    let mut connection = AnyConnection::connect(server).await.unwrap();
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    execute(&mut connection, &drop).await;
    execute(&mut connection, &format!("CREATE DATABASE {name}")).await;
    connection.close().await.unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    Fresh {
        location: Location::Postgres(String::from(url).into()),
        _folder: None,
        server: Some((server.to_owned(), name)),
    }
}

/// All databases to test on: SQLite always, PostgreSQL where a server is named.
pub async fn fresh_databases() -> Vec<Fresh> {
    let mut databases = vec![fresh_folder()];
    if let Some(server) = postgres_url() {
        databases.push(fresh_postgres(&server).await);
    }
    databases
}

/// Runs each case on each database, and names the one that failed.
pub fn run_all(cases: &[Case]) {
    block_on(async {
        for (name, case) in cases {
            for database in fresh_databases().await {
                let store = Store::open(&database.location).await.unwrap();
                let place = store.place().to_owned();
                if let Err(panic) = tokio::spawn(case(store)).await {
                    panic!("case {name} on {place}: {panic}");
                }
                database.remove().await;
            }
        }
    });
}

/// Runs a test's future.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// An instant: minutes after the beginning of a fixed day.
pub fn minute(minutes: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-02T00:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minutes)
}

pub fn source() -> SourceId {
    SourceId::from("desk")
}

pub fn key(id: &str) -> ConversationKey {
    ConversationKey::new("desk", id)
}

pub fn model() -> ModelId {
    ModelId("test/1".to_owned())
}

/// SHA-256 as hexadecimal digits.
pub fn hash(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A conversation that says `text`, opened and last changed at `at`.
pub fn ticket(id: &str, text: &str, at: DateTime<Utc>) -> Stored {
    let mut conversation = Conversation::new(key(id), at);
    conversation.subject = Text::new(format!("about {id}"));
    conversation.messages = vec![Message {
        at: Some(at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::from(text),
    }];
    conversation.requester = Some(format!("person-of-{id}"));
    Stored {
        conversation,
        text: Text::from(text),
        text_hash: hash(text),
        language: "en".to_owned(),
    }
}

/// The same conversation, changed later.
pub fn changed(stored: &Stored, text: &str, updated_at: DateTime<Utc>) -> Stored {
    let mut stored = stored.clone();
    stored.conversation.messages[0].text = Text::from(text);
    stored.conversation.updated_at = updated_at;
    stored.text = Text::from(text);
    stored.text_hash = hash(text);
    stored
}

/// A page of conversations.
pub fn page(conversations: &[Stored]) -> CleanPage {
    CleanPage {
        conversations: conversations.to_vec(),
        ..CleanPage::default()
    }
}

/// Saves a page of conversations at minute 1000.
pub async fn save(store: &Store, conversations: &[Stored]) -> Saved {
    let page = page(conversations);
    store
        .save_page(&source(), &page, minute(1000))
        .await
        .unwrap()
}

/// A made-up vector that depends on the text.
pub fn vector(text: &str) -> Vector {
    let values: Vec<f32> = text.bytes().map(f32::from).collect();
    Vector::from_floats(&values)
}

/// Gives all texts a vector.
pub async fn embed(store: &Store) {
    embed_some(store, 1000).await;
}

/// Gives those that changed first a vector.
pub async fn embed_some(store: &Store, limit: u32) {
    let texts = store.texts_without_vector(&model(), limit).await.unwrap();
    let vectors: Vec<_> = texts
        .into_iter()
        .map(|(hash, text)| (hash, vector(text.as_str())))
        .collect();
    store.save_vectors(&model(), &vectors).await.unwrap();
}

/// A topic with one exemplar.
pub fn topic(id: &str, exemplar: &str) -> Topic {
    Topic {
        id: TopicId::from(id),
        label: format!("label of {id}"),
        terms: vec![Term {
            word: "pump".to_owned(),
            weight: 0.1 + 0.2,
        }],
        exemplars: vec![Exemplar {
            key: key(exemplar),
            vector: vector(exemplar),
        }],
        centre: vec![1, -2, i64::MAX],
        threshold: -7,
        theme_id: TopicId::from("theme"),
        theme: "a theme".to_owned(),
        stability: None,
        status: TopicStatus::Live,
        discovered_at: minute(10),
    }
}

/// An assignment with a score.
pub fn assignment(id: &str, topic: Option<&str>) -> Assignment {
    Assignment {
        key: key(id),
        topic: topic.map(TopicId::from),
        found: topic.map(TopicId::from),
        score: 0.75,
        also: None,
    }
}

/// Saves a topic to which conversations belong.
pub async fn assign(store: &Store, id: &str, conversations: &[&str]) {
    let discovery = Discovery {
        topics: vec![topic(id, conversations.first().unwrap_or(&"none"))],
        assignments: conversations
            .iter()
            .map(|conversation| assignment(conversation, Some(id)))
            .collect(),
        lineage: vec![Lineage::New(TopicId::from(id))],
    };
    store.save_discovery(&discovery, minute(20)).await.unwrap();
}

/// All facts there are.
pub async fn all_facts(store: &Store) -> Vec<Fact> {
    let (from, to) = (minute(-1_000_000), minute(1_000_000));
    store.facts(from, to).await.unwrap()
}

/// A page that only deletes.
pub fn deletion(id: &str, at: DateTime<Utc>) -> CleanPage {
    CleanPage {
        deleted: vec![(key(id), at)],
        ..CleanPage::default()
    }
}

/// Saves any page at minute 1000.
pub async fn save_any(store: &Store, page: &CleanPage) -> Saved {
    store
        .save_page(&source(), page, minute(1000))
        .await
        .unwrap()
}
