//! What the cases share: invented conversations, and a fresh database for each.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use groundswell::model::{
    Author, Conversation, ConversationKey, Message, ModelId, SourceId, Stored, Text, Vector,
    Visibility,
};
use groundswell::store::{CleanPage, Location, Saved, Store};
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

/// A case of the contract.
pub type Case = (&'static str, fn(Store) -> BoxFuture<'static, ()>);

/// A database that goes away with this value.
pub struct Fresh {
    pub location: Location,
    // Held, so that the folder lives as long as the database.
    _folder: Option<TempDir>,
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
    }
}

/// An empty database of the named server.
pub async fn fresh_postgres(server: &str) -> Fresh {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    sqlx::any::install_default_drivers();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("groundswell_{}_{number}", std::process::id());
    let mut connection = AnyConnection::connect(server).await.unwrap();
    for statement in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    Fresh {
        location: Location::Postgres(String::from(url).into()),
        _folder: None,
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

/// Runs cases on one kind of database each, and names the one that failed.
pub fn run_all(cases: &[Case]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, case) in cases {
        runtime.block_on(async {
            for database in fresh_databases().await {
                let store = Store::open(&database.location).await.unwrap();
                let place = store.place().to_owned();
                if let Err(panic) = tokio::spawn(case(store)).await {
                    panic!("case {name} on {place}: {panic}");
                }
            }
        });
    }
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
    let texts = store.texts_without_vector(&model(), 1000).await.unwrap();
    let vectors: Vec<_> = texts
        .into_iter()
        .map(|(hash, text)| (hash, vector(text.as_str())))
        .collect();
    store.save_vectors(&model(), &vectors).await.unwrap();
}
