//! The contract of files, equal in meaning to that of systems (`contract`): the process ends after any page, and
//! between any two pages a file grows, is replaced, stops in the middle of a line, or gets another name. What is stored in
//! the end is what one undisturbed reading of the files gives.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::Cursor;
use groundswell::connectors::file::{Files, FilesConfig};
use groundswell::ingest::IngestConfig;
use groundswell::model::{Author, Exclusion, Record, SourceId, Visibility};
use tempfile::TempDir;

use crate::helpdesk::Expected;
use crate::shelf::{SOURCE, Shelf};

/// A folder with a file of each kind; it takes seven pages.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..9).map(|number| line(number, "it hums")).collect();
    write(
        folder.path(),
        "a.jsonl",
        &(lines + &line(3, "it hums louder")),
    );
    write(
        folder.path(),
        "b.csv",
        "id;created_at;status;text\nc1;2026-03-02;open;\"it\nleaks\"\nc2;2026-03-02;open;it drips\n",
    );
    folder
}

fn line(number: u32, text: &str) -> String {
    format!(
        "{{\"id\":\"j{number}\",\"created_at\":\"2026-03-02T08:00:00Z\",\"status\":\"open\",\"text\":\"{text} {number}\"}}\n"
    )
}

/// Writes a file as a whole, as exports do: under another name, then moved.
fn write(folder: &Path, name: &str, text: &str) {
    let unfinished = folder.join(format!(".{name}.unfinished"));
    std::fs::write(&unfinished, text).unwrap();
    std::fs::rename(unfinished, folder.join(name)).unwrap();
}

fn append(folder: &Path, name: &str, text: &str) {
    let mut file = std::fs::File::options()
        .append(true)
        .open(folder.join(name))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A connector as a new process makes it.
fn connector(folder: &Path) -> Files {
    let config = FilesConfig {
        paths: vec![folder.to_owned()],
        page_records: 2,
        ..FilesConfig::default()
    };
    Files::new(SourceId::from(SOURCE), config, chrono_tz::Tz::UTC)
}

fn expected() -> BTreeMap<String, Expected> {
    let words = |text: String| Expected {
        exclusion: None,
        status: Some("open".into()),
        category: None,
        reopens: 0,
        messages: vec![(Author::Customer, Visibility::Public, text)],
    };
    let lines = (0..9).map(|number| (format!("j{number}"), words(format!("it hums {number}"))));
    let rest = [
        ("j3", "it hums louder 3"),
        ("c1", "it\nleaks"),
        ("c2", "it drips"),
    ];
    let rest = rest.map(|(id, text)| (id.to_owned(), words(text.to_owned())));
    lines.chain(rest).collect()
}

fn now() -> DateTime<Utc> {
    groundswell::clock::now()
}

#[tokio::test]
async fn all_pages_are_walked_and_a_second_pull_finds_nothing() {
    let (folder, shelf) = (folder(), Shelf::new().await);
    let outcome = shelf.pull(&connector(folder.path()), now(), 100).await;
    assert!(outcome.is_complete && outcome.pages > 5, "{outcome:?}");
    assert_eq!(shelf.all().await, expected());
    let cursor = shelf.cursor().await;
    let again = shelf.pull(&connector(folder.path()), now(), 100).await;
    assert_eq!((again.saved.new, again.saved.changed), (0, 0));
    assert_eq!(shelf.cursor().await, cursor);
}

#[tokio::test]
async fn reading_everything_again_changes_nothing() {
    let (folder, shelf) = (folder(), Shelf::new().await);
    shelf.pull_all(&connector(folder.path()), now()).await;
    // An unknown cursor starts anew: every page comes a second time.
    let (source, config) = (SourceId::from(SOURCE), IngestConfig::default());
    let mut cursor = Some(Cursor("of another version".into()));
    loop {
        let connector = connector(folder.path());
        let page = groundswell::connectors::Connector::pull(&connector, cursor.as_ref(), now());
        let page = page.await.unwrap();
        let conversations = page.records.into_iter().filter_map(|record| match record {
            Record::Conversation(one) => Some(groundswell::ingest::prepare(*one, &config)),
            _ => None,
        });
        let clean = groundswell::store::CleanPage {
            conversations: conversations.collect(),
            next: Some(page.next.clone()),
            ..groundswell::store::CleanPage::default()
        };
        let saved = shelf.store.save_page(&source, &clean, now()).await.unwrap();
        assert_eq!(saved.new, 0);
        cursor = Some(page.next);
        if page.is_last {
            break;
        }
    }
    assert_eq!(shelf.all().await, expected());
}

/// What somebody does to the folder, in steps with a page between them.
type Steps = &'static [fn(&Path)];

/// The same ids with other words, so that nothing that was read before is missing in the end.
fn replaced(folder: &Path, text: &str) {
    let lines: String = (0..9).rev().map(|number| line(number, text)).collect();
    write(folder, "a.jsonl", &lines);
}

const ACTS: &[(&str, Steps)] = &[
    ("nothing", &[]),
    (
        "lines are appended",
        &[|folder| {
            append(
                folder,
                "a.jsonl",
                &(line(20, "it is new") + &line(4, "it is changed")),
            );
            append(
                folder,
                "b.csv",
                "c3;2026-03-02;open;it is new\nc1;2026-03-02;open;it is changed\n",
            );
        }],
    ),
    (
        "half a line is appended, then the rest",
        &[
            |folder| {
                append(folder, "a.jsonl", &line(20, "it is new")[..40]);
                append(folder, "b.csv", "c3;2026-03-02;open;\"it is");
            },
            |folder| {
                append(folder, "a.jsonl", &line(20, "it is new")[40..]);
                append(folder, "b.csv", "\nnew\"\nc4;2026-03-02;open;it is newer\n");
            },
        ],
    ),
    (
        "a last line has no newline, then it has",
        &[
            |folder| append(folder, "a.jsonl", line(20, "it is new").trim_end()),
            |folder| append(folder, "a.jsonl", &format!("\n{}", line(21, "it is newer"))),
        ],
    ),
    (
        "a last line never gets its newline",
        &[|folder| {
            append(folder, "a.jsonl", line(20, "it is new").trim_end());
            append(folder, "b.csv", "c3;2026-03-02;open;it is new");
        }],
    ),
    (
        "a file is replaced by a longer one",
        &[|folder| {
            replaced(
                folder,
                "it hums a good deal louder than it did the other day",
            )
        }],
    ),
    (
        "a file is replaced by a shorter one",
        &[|folder| replaced(folder, "x")],
    ),
    (
        "a file is replaced twice",
        &[
            |folder| replaced(folder, "it drips"),
            |folder| replaced(folder, "it leaks"),
        ],
    ),
    (
        "a file is emptied and filled again in its place",
        &[
            |folder| std::fs::write(folder.join("a.jsonl"), "").unwrap(),
            |folder| {
                let lines: String = (0..9).map(|number| line(number, "it beeps")).collect();
                std::fs::write(folder.join("a.jsonl"), lines).unwrap();
            },
        ],
    ),
    (
        "a table is replaced by one with its columns in another order",
        &[|folder| {
            write(
                folder,
                "b.csv",
                "text,status,created_at,id\n\"it leaks, again\",open,2026-03-02,c1\nit drips,open,2026-03-02,c2\n",
            );
        }],
    ),
    (
        "a file gets another name, behind all others",
        &[|folder| std::fs::rename(folder.join("a.jsonl"), folder.join("z.jsonl")).unwrap()],
    ),
    (
        "a file gets another name, before all others, and a new one its own",
        &[
            |folder| std::fs::rename(folder.join("b.csv"), folder.join("0.csv")).unwrap(),
            |folder| {
                write(
                    folder,
                    "b.csv",
                    "id;created_at;status;text\nc9;2026-03-02;open;it is new\n",
                );
            },
        ],
    ),
    (
        "a log is moved away when it is long, and goes on in a new file",
        &[|folder| {
            std::fs::rename(folder.join("a.jsonl"), folder.join("a-1.jsonl")).unwrap();
            write(folder, "a.jsonl", &line(20, "it is new"));
        }],
    ),
];

/// For each thing that can happen, and after each page: it happens, the process ends, and another one reads on.
#[tokio::test]
async fn whatever_happens_to_files_between_two_pages_nothing_is_lost() {
    for (name, steps) in ACTS {
        for pages in 0..9 {
            let (folder, shelf) = (folder(), Shelf::new().await);
            for _ in 0..pages {
                shelf.pull(&connector(folder.path()), now(), 1).await;
            }
            for step in *steps {
                step(folder.path());
                shelf.pull(&connector(folder.path()), now(), 1).await;
            }
            // Once nothing is being written any more, what has no end counts as it is.
            for hours in [0, 2] {
                let at = now() + TimeDelta::hours(hours);
                shelf.pull_all(&connector(folder.path()), at).await;
            }
            let clean = Shelf::new().await;
            let later = now() + TimeDelta::hours(2);
            clean.pull_all(&connector(folder.path()), later).await;
            let (found, wanted) = (shelf.all().await, clean.all().await);
            assert_eq!(found, wanted, "{name}, after page {pages}");
            assert!(wanted.len() >= 11, "{name}: {wanted:?}");
        }
    }
}

/// A line is what is known of its id from then on, whatever form the id has and whatever is left out or null.
#[tokio::test]
async fn what_was_deleted_may_come_back_and_ids_may_be_numbers() {
    let (folder, shelf) = (tempfile::tempdir().unwrap(), Shelf::new().await);
    let line = |id: &str, rest: &str| {
        format!("{{\"id\":{id},\"created_at\":\"2026-03-02T08:00:00Z\",{rest}}}\n")
    };
    let steps = [
        (
            line("7", "\"tags\":null,\"messages\":[],\"text\":\"it hums\""),
            None,
        ),
        (
            line(
                "\"7\"",
                "\"updated_at\":\"2026-03-03T08:00:00Z\",\"deleted\":true",
            ),
            Some(Exclusion::Deleted),
        ),
        (
            line(
                "7",
                "\"updated_at\":\"2026-03-04T08:00:00Z\",\"text\":\"it hums again\"",
            ),
            None,
        ),
    ];
    std::fs::write(folder.path().join("a.jsonl"), "").unwrap();
    for (text, exclusion) in steps {
        append(folder.path(), "a.jsonl", &text);
        shelf.pull_all(&connector(folder.path()), now()).await;
        let held = shelf.all().await;
        assert_eq!(held.keys().collect::<Vec<_>>(), ["7"]);
        assert_eq!(held["7"].exclusion, exclusion, "{text}");
    }
    assert_eq!(shelf.all().await["7"].messages[0].2, "it hums again");
}
