//! Any single change of anything that a digest rests on is found: one character, one number, one assignment, one row less,
//! one row more.

use groundswell::steps;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{Closed, rewritten, save};
use crate::store::support::{assignment, block_on, execute, fresh_databases};

/// A column that a digest rests on, in which rows.
struct Rested {
    table: &'static str,
    /// What names a row.
    keys: &'static [&'static str],
    columns: &'static [&'static str],
    /// Which rows.
    rows: &'static str,
}

const CONVERSATION: &[&str] = &[
    "source",
    "id",
    "kind",
    "created_at",
    "closed_at",
    "stored_at",
    "exclusion",
    "category",
    "account",
    "requester",
    "product",
    "csat",
    "reopens",
    "text_hash",
    "tags",
];
const WORDS: &[&str] = &[
    "source",
    "id",
    "subject",
    "messages",
    "tags",
    "attributes",
    "url",
    "text",
];
const RESTED: &[Rested] = &[
    Rested {
        table: "conversations",
        keys: &["source", "id"],
        columns: CONVERSATION,
        rows: "id NOT IN (SELECT id FROM conversation_history h WHERE h.to_change > (SELECT max(as_of) FROM windows))",
    },
    // What the source said before the closing.
    Rested {
        table: "conversation_history",
        keys: &["source", "id", "from_change"],
        columns: &[
            "source",
            "id",
            "superseded_at",
            "created_at",
            "closed_at",
            "category",
            "exclusion",
        ],
        rows: "to_change <= (SELECT max(as_of) FROM windows)",
    },
    // What does not count is in no topic, whatever was found before.
    Rested {
        table: "conversations",
        keys: &["source", "id"],
        columns: &["topic"],
        rows: "exclusion IS NULL AND id NOT IN (SELECT id FROM conversation_history h WHERE h.to_change > (SELECT max(as_of) FROM windows))",
    },
    Rested {
        table: "conversation_history",
        keys: &["source", "id", "from_change"],
        columns: &["topic"],
        rows: "exclusion IS NULL AND to_change > (SELECT max(as_of) FROM windows)",
    },
    Rested {
        table: "conversation_history",
        keys: &["source", "id", "from_change"],
        columns: CONVERSATION,
        rows: "to_change > (SELECT max(as_of) FROM windows)",
    },
    // Read ones as a whole, the others of the week by their text.
    Rested {
        table: "words",
        keys: &["source", "id"],
        columns: WORDS,
        rows: "id IN (SELECT id FROM conversations WHERE read_change > 0) AND id NOT IN (SELECT id FROM word_history)",
    },
    Rested {
        table: "words",
        keys: &["source", "id"],
        columns: &["text"],
        rows: "id = 'spam'",
    },
    Rested {
        table: "word_history",
        keys: &["source", "id", "from_change"],
        columns: WORDS,
        rows: "1 = 1",
    },
    Rested {
        table: "windows",
        keys: &["cadence", "window_key"],
        columns: &[
            "cadence",
            "window_key",
            "closed_at",
            "conversations",
            "digest",
            "reason",
            "as_of",
        ],
        rows: "1 = 1",
    },
    Rested {
        table: "closings",
        keys: &["cadence", "window_key"],
        columns: &["cadence", "window_key", "inputs", "proof", "seal"],
        rows: "1 = 1",
    },
    Rested {
        table: "window_counts",
        keys: &["cadence", "window_key", "state", "topic"],
        columns: &[
            "cadence",
            "window_key",
            "state",
            "topic",
            "conversations",
            "customers",
        ],
        rows: "1 = 1",
    },
    Rested {
        table: "digests",
        keys: &["id"],
        columns: &[
            "id",
            "cadence",
            "window_key",
            "starts_at",
            "ends_at",
            "created_at",
            "sha256",
            "content",
        ],
        rows: "1 = 1",
    },
];

/// A database that is changed by hand.
struct Tampered<'a> {
    closed: &'a Closed,
    raw: AnyConnection,
    tried: u32,
}

impl Tampered<'_> {
    async fn rows(&mut self, rested: &Rested) -> Vec<String> {
        let keys: Vec<String> = rested
            .keys
            .iter()
            .map(|key| format!("'{key} = ''' || CAST({key} AS TEXT) || ''''"))
            .collect();
        // Numbers compare with their text on both databases.
        let ask = format!(
            "SELECT {} FROM {} WHERE {}",
            keys.join(" || ' AND ' || "),
            rested.table,
            rested.rows
        );
        let rows = sqlx::query(AssertSqlSafe(ask))
            .fetch_all(&mut self.raw)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The digest must not fit now.
    async fn assert_found(&mut self, what: &str, has_name: bool) {
        self.tried += 1;
        let verdicts = steps::verify_all(&self.closed.app.store).await.unwrap();
        let found = verdicts
            .iter()
            .any(|verdict| !verdict.fits && !verdict.problems.is_empty());
        assert!(found, "{what} was not found");
        if has_name {
            let verdict = self.closed.verdict().await.unwrap();
            assert!(!verdict.fits, "{what} was not found by name");
        }
    }

    async fn change(&mut self, rested: &Rested, column: &str, row: &str, kind: &str) {
        let (table, is_key) = (rested.table, rested.keys.contains(&column));
        let (kind, what) = (
            kind.trim_end_matches('?'),
            format!("{table}.{column} where {row}"),
        );
        let ask = format!("SELECT CAST({column} AS TEXT) FROM {table} WHERE {row}");
        let found = sqlx::query(AssertSqlSafe(ask))
            .fetch_one(&mut self.raw)
            .await
            .unwrap();
        let old: Option<String> = found.get(0);
        let new = match (kind, &old) {
            ("text", None) => "x".to_owned(),
            // Another name must not be the name of another row.
            ("text", Some(old)) if is_key => format!("{old}x"),
            ("text", Some(old)) => another(old),
            ("double", None) => "0.5".to_owned(),
            ("double", Some(_)) => format!("{column} + 0.25"),
            (_, None) => "1".to_owned(),
            _ => format!("{column} + 1"),
        };
        let quoted = |text: &str| match kind {
            "text" => format!("'{}'", text.replace('\'', "''")),
            _ => text.to_owned(),
        };
        let set = |value: &str, place: &str| {
            format!("UPDATE {table} SET {column} = {value} WHERE {place}")
        };
        // The changed row may have another name.
        let place = format!("{table}_mark");
        execute(
            &mut self.raw,
            &format!("CREATE TABLE {place} AS SELECT * FROM {table} WHERE {row}"),
        )
        .await;
        execute(&mut self.raw, &set(&quoted(&new), row)).await;
        self.assert_found(&what, !row.contains("'daily'")).await;
        let now = match is_key {
            true => row.replace(
                &format!(
                    "{column} = '{}'",
                    old.as_deref().unwrap_or_default().replace('\'', "''")
                ),
                &format!("{column} = {}", quoted(&new)),
            ),
            false => row.to_owned(),
        };
        execute(&mut self.raw, &format!("DELETE FROM {table} WHERE {now}")).await;
        execute(
            &mut self.raw,
            &format!("INSERT INTO {table} SELECT * FROM {place}"),
        )
        .await;
        execute(&mut self.raw, &format!("DROP TABLE {place}")).await;
    }

    async fn delete(&mut self, table: &str, row: &str) {
        execute(
            &mut self.raw,
            &format!("CREATE TABLE kept_aside AS SELECT * FROM {table} WHERE {row}"),
        )
        .await;
        execute(&mut self.raw, &format!("DELETE FROM {table} WHERE {row}")).await;
        let what = format!("the deletion of {table} where {row}");
        self.assert_found(&what, !row.contains("'daily'")).await;
        execute(
            &mut self.raw,
            &format!("INSERT INTO {table} SELECT * FROM kept_aside"),
        )
        .await;
        execute(&mut self.raw, "DROP TABLE kept_aside").await;
    }

    async fn add(&mut self, table: &str, row: &str) {
        execute(
            &mut self.raw,
            &format!("CREATE TABLE more AS SELECT * FROM {table} WHERE {row}"),
        )
        .await;
        let name = if ["windows", "closings", "window_counts"].contains(&table) {
            "window_key"
        } else {
            "id"
        };
        execute(&mut self.raw, &format!("UPDATE more SET {name} = 'added'")).await;
        if table == "window_counts" {
            execute(
                &mut self.raw,
                "UPDATE more SET window_key = '2026-W10', topic = 'added'",
            )
            .await;
        }
        execute(
            &mut self.raw,
            &format!("INSERT INTO {table} SELECT * FROM more"),
        )
        .await;
        let has_name = ["conversations", "conversation_history", "window_counts"].contains(&table);
        self.assert_found(&format!("one more row of {table}, like {row}"), has_name)
            .await;
        let place = if table == "window_counts" {
            "topic"
        } else {
            name
        };
        execute(
            &mut self.raw,
            &format!("DELETE FROM {table} WHERE {place} = 'added'"),
        )
        .await;
        execute(&mut self.raw, "DROP TABLE more").await;
    }
}

/// The same text with one character changed, about in its middle: a digit for a digit, a letter for a letter.
fn another(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let middle = letters.len() / 2;
    let place = (middle..letters.len())
        .chain(0..middle)
        .find(|at| letters[*at].is_ascii_alphanumeric());
    let Some(place) = place else {
        return format!("{text}x");
    };
    let mut changed = letters.clone();
    changed[place] = match letters[place] {
        '9' => '8',
        digit if digit.is_ascii_digit() => char::from(digit as u8 + 1),
        'a' => 'b',
        _ => 'a',
    };
    changed.into_iter().collect()
}

#[test]
fn any_single_change_is_found() {
    block_on(async {
        for (place, database) in fresh_databases().await.into_iter().enumerate() {
            let closed = Closed::new(database).await;
            // Some of what the digest rests on lies in the history, some where it was.
            let store = &closed.app.store;
            let some = ["0-1", "1-2", "2-3"];
            save(
                store,
                some.map(|id| rewritten(id, "Never mind.", 8)).to_vec(),
            )
            .await;
            store
                .save_assignments(&[assignment("2-4", None)])
                .await
                .unwrap();
            closed.assert_fits("some changes").await;
            let kinds = store.columns().await.unwrap();
            let mut raw = closed.database.raw().await;
            let is_sqlite = place == 0;
            execute(
                &mut raw,
                match is_sqlite {
                    true => "PRAGMA foreign_keys = OFF",
                    false => "SET session_replication_role = replica",
                },
            )
            .await;
            let mut tampered = Tampered {
                closed: &closed,
                raw,
                tried: 0,
            };
            for rested in RESTED {
                let rows = tampered.rows(rested).await;
                assert!(!rows.is_empty(), "{} is empty", rested.table);
                // The other database runs the same code: one row of each table is enough.
                let most = if is_sqlite { rows.len() } else { 1 };
                for row in &rows[..most] {
                    for column in rested.columns {
                        let kind = kinds
                            .iter()
                            .find(|(table, name, _)| table == rested.table && name == column);
                        tampered.change(rested, column, row, &kind.unwrap().2).await;
                    }
                    tampered.delete(rested.table, row).await;
                }
                // One more word of whom nobody counted changes nothing.
                let is_counted =
                    rested.columns.contains(&"kind") || rested.table != "conversation_history";
                if is_counted && !["words", "word_history"].contains(&rested.table) {
                    tampered.add(rested.table, &rows[0]).await;
                }
            }
            assert!(
                tampered.tried > if is_sqlite { 300 } else { 60 },
                "{}",
                tampered.tried
            );
            println!("{} changes were found", tampered.tried);
            drop(tampered);
            closed.assert_fits("all was put back").await;
            closed.end().await;
        }
    });
}
