//! Opening and closing: the lock, the versions, whole transactions, backups.

use groundswell::connectors::{Cursor, Skipped};
use groundswell::store::{Location, Store};
use sqlx::Connection;

use super::support::*;

#[test]
fn a_second_groundswell_is_kept_out() {
    block_on(async {
        for database in fresh_databases().await {
            let store = Store::open(&database.location).await.unwrap();
            let place = store.place().to_owned();
            save(&store, &[ticket("1", "loud", minute(1))]).await;

            let second = Store::open(&database.location).await.err().unwrap();
            assert_eq!(
                second.to_string(),
                format!(
                    "the database in {place} is in use by another groundswell; stop it, or use a \
                     command that only reads"
                )
            );
            let beside = Store::open_shared(&database.location).await.unwrap();
            assert_eq!(beside.last_change().await.unwrap(), 1);
            // A command beside the daemon may write, too.
            assert!(
                beside
                    .forget_conversation(&key("1"), minute(3000))
                    .await
                    .unwrap()
            );
            assert_eq!(store.last_change().await.unwrap(), 2);
            beside.close().await;

            drop(store);
            let store = Store::open(&database.location).await.unwrap();
            assert_eq!(store.last_change().await.unwrap(), 2);
            store.close().await;
            let store = Store::open(&database.location).await.unwrap();
            assert_eq!(store.last_change().await.unwrap(), 2);
            store.close().await;
            database.remove().await;
        }
    });
}

#[test]
fn a_page_that_fails_half_way_leaves_neither_words_nor_cursor() {
    block_on(async {
        for database in fresh_databases().await {
            let store = Store::open(&database.location).await.unwrap();
            let mut page = page(&[ticket("1", "my secret", minute(1))]);
            page.next = Some(Cursor("next".to_owned()));
            page.skipped = vec![Skipped {
                place: "17".to_owned(),
                reason: "no date".to_owned(),
            }];
            // The skipped records are written last: their table is missing.
            let mut raw = database.raw().await;
            execute(&mut raw, "ALTER TABLE skipped RENAME TO hidden").await;
            let failed = store.save_page(&source(), &page, minute(2)).await;
            let message = format!("{:?}", failed.unwrap_err());
            assert!(message.contains("skipped"), "{message}");
            assert!(!message.contains("secret"), "{message}");
            execute(&mut raw, "ALTER TABLE hidden RENAME TO skipped").await;

            assert_eq!(store.conversation(&key("1")).await.unwrap(), None);
            assert!(store.source_progress().await.unwrap().is_empty());
            assert_eq!(store.last_change().await.unwrap(), 0);
            let saved = store.save_page(&source(), &page, minute(3)).await.unwrap();
            assert_eq!(saved.new, 1);
            let progress = store.source_progress().await.unwrap().remove(0);
            assert_eq!(progress.cursor, page.next);
            store.close().await;
            database.remove().await;
        }
    });
}

#[test]
fn a_command_beside_the_daemon_needs_a_database() {
    block_on(async {
        for database in fresh_databases().await {
            let missing = Store::open_shared(&database.location).await.err().unwrap();
            assert!(missing.to_string().contains("there is no database in"));
            if let Location::Folder(folder) = &database.location {
                assert!(!folder.exists(), "asking makes nothing");
            }
            database.remove().await;
        }
    });
}

#[test]
fn a_database_of_another_version_is_refused() {
    block_on(async {
        for database in fresh_databases().await {
            Store::open(&database.location).await.unwrap().close().await;
            let mut raw = database.raw().await;
            execute(&mut raw, "UPDATE _sqlx_migrations SET version = 999").await;
            for refused in [
                Store::open(&database.location).await,
                Store::open_shared(&database.location).await,
            ] {
                let message = refused.err().unwrap().to_string();
                assert!(message.contains("a newer groundswell"), "{message}");
                assert!(message.contains("version 999"), "{message}");
            }
            execute(&mut raw, "UPDATE _sqlx_migrations SET version = 0").await;
            let older = Store::open_shared(&database.location).await.err().unwrap();
            assert!(older.to_string().contains("an older groundswell"));
            database.remove().await;
        }
    });
}

#[test]
fn an_address_is_refused_without_its_password() {
    block_on(async {
        for address in [
            "mysql://u:pa55word@127.0.0.1/x",
            "pa55word",
            "postgres://u:pa55word@127.0.0.1:1/x",
            "postgres://u:pa55word@127.0.0.1/x?sslmode=pa55word",
        ] {
            let location = Location::Postgres(address.to_owned().into());
            for refused in [
                Store::open(&location).await,
                Store::open_shared(&location).await,
            ] {
                let message = format!("{:?}", refused.err().unwrap());
                assert!(!message.contains("pa55word"), "{message}");
            }
        }
    });
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let location = Location::Folder(file.join("data"));
        let refused = Store::open(&location).await.err().unwrap().to_string();
        assert!(refused.contains("cannot be made; check the path"));
        assert!(refused.contains("file/data"));

        let damaged = folder.path().join("damaged");
        std::fs::create_dir(&damaged).unwrap();
        std::fs::write(damaged.join("groundswell.db"), [7; 4096]).unwrap();
        let location = Location::Folder(damaged);
        let refused = format!("{:?}", Store::open(&location).await.err().unwrap());
        assert!(
            refused.contains("damaged; restore it from a backup"),
            "{refused}"
        );
    });
}

#[test]
fn a_folder_may_have_any_name() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a b?c#d%41&é");
        let location = Location::Folder(data.clone());
        let store = Store::open(&location).await.unwrap();
        save(&store, &[ticket("1", "loud", minute(1))]).await;
        store.close().await;
        assert!(data.join("groundswell.db").exists());
        let store = Store::open_shared(&location).await.unwrap();
        assert_eq!(store.last_change().await.unwrap(), 1);
    });
}

#[test]
fn a_backup_is_a_whole_database() {
    block_on(async {
        for database in fresh_databases().await {
            let store = Store::open(&database.location).await.unwrap();
            save(&store, &[ticket("1", "loud", minute(1))]).await;
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("groundswell.db");
            let done = store.backup(&file).await;
            if matches!(database.location, Location::Postgres(_)) {
                assert!(done.unwrap_err().to_string().contains("pg_dump"));
                database.remove().await;
                continue;
            }
            done.unwrap();
            let again = store.backup(&file).await.unwrap_err();
            assert!(again.to_string().contains("exists already"));
            let files = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(files, 1, "no part is left");
            let location = Location::Folder(folder.path().to_owned());
            let copy = Store::open(&location).await.unwrap();
            let (ours, theirs) = (
                store.conversation(&key("1")).await.unwrap(),
                copy.conversation(&key("1")).await.unwrap(),
            );
            assert_eq!(ours, theirs);
        }
    });
}

#[test]
fn erased_words_are_gone_from_the_file() {
    block_on(async {
        let database = fresh_folder();
        let Location::Folder(folder) = database.location.clone() else {
            unreachable!("a folder was asked for")
        };
        let holds = |words: &str| {
            let files = std::fs::read_dir(&folder).unwrap();
            files
                .map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .any(|bytes| bytes.windows(words.len()).any(|w| w == words.as_bytes()))
        };
        let store = Store::open(&database.location).await.unwrap();
        let some = [
            ticket("1", "the xylophone", minute(1)),
            ticket("2", "a marimba", minute(1)),
        ];
        save(&store, &some).await;
        store.close().await;
        assert!(holds("xylophone") && holds("marimba"));
        let store = Store::open(&database.location).await.unwrap();
        save(&store, &[ticket("3", "a vibraphone", minute(2))]).await;
        let forget = async |id: &str| {
            let forgotten = store.forget_conversation(&key(id), minute(3000)).await;
            assert!(forgotten.unwrap());
        };
        forget("1").await;
        forget("3").await;
        assert!(!holds("xylophone") && !holds("vibraphone") && holds("marimba"));

        // Somebody who reads what was there before keeps the log, until the next commit after that.
        save(&store, &[ticket("4", "a balafon", minute(2))]).await;
        let file = folder.join("groundswell.db");
        let mut reader = sqlx::SqliteConnection::connect(file.to_str().unwrap())
            .await
            .unwrap();
        for statement in ["BEGIN", "SELECT count(*) FROM words"] {
            sqlx::query(statement).execute(&mut reader).await.unwrap();
        }
        let since = std::time::Instant::now();
        forget("4").await;
        assert!(since.elapsed().as_secs() < 30, "nobody waits for a reader");
        assert!(holds("balafon"));
        reader.close().await.unwrap();
        save(&store, &[ticket("5", "a marimba", minute(2))]).await;
        assert!(!holds("balafon"));
        store.close().await;
    });
}
