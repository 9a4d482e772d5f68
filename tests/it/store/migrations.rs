//! Migrations: each is applied to tables that hold something, and both databases end with the same columns.

use std::path::Path;

use groundswell::model::{Cadence, DigestId, TopicId};
use groundswell::store::{Location, Store, Which};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::support::*;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()))
}

/// The migrations of one database: number, name, text.
fn migrations(database: &str) -> Vec<(i64, String, String)> {
    let folder = format!("src/store/migrations/{database}");
    let listing = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder);
    let mut found: Vec<_> = std::fs::read_dir(listing)
        .unwrap()
        .map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            let (number, rest) = name.split_once('_').unwrap();
            let name_only = rest.trim_end_matches(".sql").to_owned();
            let sql = text(&format!("{folder}/{name}"));
            (number.parse().unwrap(), name_only, sql)
        })
        .collect();
    found.sort();
    found
}

fn database_name(location: &Location) -> &'static str {
    match location {
        Location::Folder(_) => "sqlite",
        Location::Postgres(_) => "postgres",
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database| -> Vec<(i64, String)> {
        let all = migrations(database);
        all.into_iter().map(|(n, name, _)| (n, name)).collect()
    };
    let sqlite = names("sqlite");
    assert_eq!(sqlite, names("postgres"));
    let numbers: Vec<i64> = sqlite.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}

/// Migrates to `number`, fills in that version's sample, and lets the program do the rest.
async fn from_version(database: &Fresh, number: i64) -> Store {
    if let Location::Folder(folder) = &database.location {
        std::fs::create_dir(folder).unwrap();
    }
    let upto = migrations(database_name(&database.location))
        .into_iter()
        .filter(|(at, _, _)| *at <= number)
        .map(|(at, name, sql)| {
            let sql = sqlx::AssertSqlSafe(sql).into_sql_str();
            Migration::new(at, name.into(), MigrationType::Simple, sql, false)
        });
    let migrator = Migrator::with_migrations(upto.collect());
    let mut raw = database.raw().await;
    migrator.run(&mut raw).await.unwrap();
    let mut sample = text(&format!("tests/fixtures/migrations/{number:04}.sql"));
    if database_name(&database.location) == "postgres" {
        sample = sample.replace("x'", "'\\x");
    }
    execute(&mut raw, &sample).await;
    Store::open(&database.location).await.unwrap()
}

#[test]
fn filled_tables_are_migrated() {
    block_on(async {
        for (number, _, _) in migrations("sqlite") {
            for database in fresh_databases().await {
                let store = from_version(&database, number).await;
                holds_the_sample(&store).await;
                store.close().await;
                database.remove().await;
            }
        }
    });
}

/// Every version's sample holds the same things, and all of it can be read.
async fn holds_the_sample(store: &Store) {
    assert_eq!(store.last_change().await.unwrap(), 3);
    assert_eq!(store.changes_after(0, 10).await.unwrap().len(), 2);
    assert_eq!(all_facts(store).await.len(), 2);
    let documents = store.documents(&model(), Which::Assigned, None).await;
    assert_eq!(documents.unwrap()[0].topic, Some(TopicId::from("t1")));
    let topics = store.topics().await.unwrap();
    assert_eq!((topics[0].terms.len(), topics[0].exemplars.len()), (1, 1));
    assert_eq!(store.lineage(&topics[0].id).await.unwrap().len(), 1);
    assert_eq!(store.edits().await.unwrap().len(), 1);
    assert!(store.last_discovery().await.unwrap().is_some());
    let progress = store.source_progress().await.unwrap().remove(0);
    assert_eq!((progress.records, progress.skipped), (2, 1));
    assert_eq!(
        store.reports(Cadence::Weekly).await.unwrap()[0].rows.len(),
        1
    );
    let counts = store.window_counts(Cadence::Weekly, "2026-W10").await;
    assert_eq!(counts.unwrap().len(), 2);
    let id = DigestId::from("weekly-2026-W10");
    assert!(store.digest(&id).await.unwrap().is_some());
    assert_eq!(store.waiting_deliveries().await.unwrap().len(), 1);
    assert_eq!(store.answers().await.unwrap().len(), 2);
    let used = store.link_used_at("0123456789abcdef").await.unwrap();
    assert!(used.is_some());
    let counted = store.asked_window(2, Cadence::Weekly, "2026-W10").await;
    assert_eq!(counted.unwrap().unwrap().keys.len(), 1);
}

#[test]
fn every_table_is_in_the_sample() {
    block_on(async {
        let database = fresh_folder();
        let newest = migrations("sqlite").last().unwrap().0;
        let store = from_version(&database, newest).await;
        let mut raw = database.raw().await;
        let columns = store.columns().await.unwrap();
        for (table, _, _) in columns {
            let ask = format!("SELECT 1 FROM {table} LIMIT 1");
            let found = sqlx::query(sqlx::AssertSqlSafe(ask))
                .fetch_optional(&mut raw)
                .await
                .unwrap();
            assert!(found.is_some(), "the sample leaves {table} empty");
        }
    });
}

#[test]
fn both_databases_end_with_the_same_columns() {
    block_on(async {
        let mut shapes = Vec::new();
        for database in fresh_databases().await {
            let store = Store::open(&database.location).await.unwrap();
            shapes.push(store.columns().await.unwrap());
            store.close().await;
            database.remove().await;
        }
        assert!(shapes[0].len() > 100);
        for kind in shapes[0]
            .iter()
            .map(|(_, _, kind)| kind.trim_end_matches('?'))
        {
            assert!(
                ["integer", "double", "text", "bytes"].contains(&kind),
                "{kind}"
            );
        }
        for shape in &shapes[1..] {
            similar(&shapes[0], shape);
        }
    });
}

/// Compares with a message that names the first difference only.
fn similar(one: &[(String, String, String)], other: &[(String, String, String)]) {
    for (left, right) in one.iter().zip(other) {
        assert_eq!(left, right);
    }
    assert_eq!(one.len(), other.len());
}
