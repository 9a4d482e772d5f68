//! The rules of the house, kept by a test: what may stand where, and how long it may be.

use std::path::{Path, PathBuf};

/// Production lines of a file; a longer one needs its reason in `LONG_FILES`.
const LINES_MAX: usize = 400;

/// Longer files with the reason.
const LONG_FILES: [(&str, &str); 3] = [
    (
        "src/section.rs",
        "one getter for each kind of value, none of them divisible",
    ),
    (
        "src/topics/terms.rs",
        "words, stems and phrases share one lexicon and one pass over the texts",
    ),
    (
        "src/web/views.rs",
        "the shapes that pages and API share, one after the other",
    ),
];

/// Where a hash map is only asked, or sorted before it is read: it is by far the fastest there.
const ASKED_ONLY: [&str; 1] = ["src/topics/terms.rs"];

/// The pure core: no clock, no randomness, no files, no network, no SQL, nothing async.
const PURE: [&str; 23] = [
    "src/answers/",
    "src/connectors/imap/conversation.rs",
    "src/connectors/imap/folders.rs",
    "src/connectors/imap/head.rs",
    "src/connectors/imap/mail.rs",
    "src/connectors/imap/thread.rs",
    "src/connectors/redmine/issue.rs",
    "src/model/",
    "src/ingest/clean.rs",
    "src/ingest/html.rs",
    "src/ingest/language.rs",
    "src/ingest/numbers.rs",
    "src/ingest/phrases.rs",
    "src/ingest/prepare.rs",
    "src/ingest/redact.rs",
    "src/topics/",
    "src/reconcile/",
    "src/digest/",
    "src/changes.rs",
    "src/counting.rs",
    "src/statistics.rs",
    "src/schedule/due.rs",
    "src/delivery/decide.rs",
];

/// Words that do not occur in the pure core.
const IMPURE: [&str; 10] = [
    "async fn",
    "tokio::",
    "sqlx",
    "reqwest",
    "std::fs",
    "std::net",
    "SystemTime",
    "Utc::now",
    "crate::clock",
    "rand::",
];

/// A crate, and the folders that may name it.
const HOMES: [(&str, &[&str]); 9] = [
    ("sqlx::", &["src/store/"]),
    ("tokio::spawn(", &["src/daemon.rs"]),
    ("tantivy::", &["src/search/"]),
    ("axum::", &["src/web/"]),
    (
        "reqwest::",
        &["src/connectors/", "src/delivery/", "src/embed/"],
    ),
    ("lettre::", &["src/delivery/"]),
    ("async_imap::", &["src/connectors/imap/"]),
    ("mail_parser::", &["src/connectors/imap/"]),
    ("tokio_rustls::", &["src/connectors/imap/"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every production file: its name from the root, and its text without the tests at its end.
fn production() -> Vec<(String, String)> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    files.retain(|path| path.file_name().is_some_and(|name| name != "tests.rs"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        (name, text[..end].to_owned())
    };
    files.into_iter().map(read).collect()
}

/// The text without comments, so that a word may be explained where it may not be used.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn files_stay_short() {
    let mut found = Vec::new();
    for (name, text) in production() {
        let lines = text.lines().count();
        if lines > LINES_MAX && !LONG_FILES.iter().any(|(long, _)| *long == name) {
            found.push(format!(
                "{name} has {lines} lines: split it, or give the reason"
            ));
        }
    }
    assert_none(found);
}

#[test]
fn every_file_says_what_it_is_for() {
    let without = production()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"));
    assert_none(
        without
            .map(|(name, _)| format!("{name} has no //! header"))
            .collect(),
    );
}

#[test]
fn the_core_is_pure() {
    let mut found = Vec::new();
    for (name, text) in production() {
        // Reading an official report from disk is the one shell function beside its pure parser.
        if !PURE.iter().any(|place| name.starts_with(place)) || name == "src/reconcile/file.rs" {
            continue;
        }
        let code = code(&text);
        for word in IMPURE.iter().filter(|word| code.contains(**word)) {
            found.push(format!("{name} is pure and must not hold `{word}`"));
        }
        let is_walked = !ASKED_ONLY.contains(&name.as_str());
        for word in ["HashMap", "HashSet"]
            .iter()
            .filter(|word| is_walked && code.contains(**word))
        {
            found.push(format!(
                "{name}: `{word}` has no order; take a BTreeMap or sort"
            ));
        }
        if code.contains("anyhow") {
            found.push(format!(
                "{name} is pure: it cannot fail, so it needs no anyhow"
            ));
        }
    }
    assert_none(found);
}

#[test]
fn each_crate_stays_in_its_room() {
    let mut found = Vec::new();
    for (name, text) in production() {
        let code = code(&text);
        for (word, homes) in HOMES {
            if code.contains(word) && !homes.iter().any(|home| name.starts_with(home)) {
                found.push(format!(
                    "{name}: `{word}` belongs into {}",
                    homes.join(", ")
                ));
            }
        }
    }
    assert_none(found);
}

#[test]
fn connectors_and_notifiers_do_not_know_each_other() {
    let mut found = Vec::new();
    for folder in ["connectors", "delivery"] {
        let kinds: Vec<String> = production()
            .into_iter()
            .filter_map(|(name, _)| {
                let stem = name
                    .strip_prefix(&format!("src/{folder}/"))?
                    .strip_suffix(".rs")?;
                let shared = [
                    "mod",
                    "http",
                    "hook",
                    "date",
                    "json",
                    "rating",
                    "vault",
                    "decide",
                    "outbox",
                    "answer_links",
                ];
                let is_shared = shared.contains(&stem) || stem.contains('/');
                (!is_shared).then(|| stem.to_owned())
            })
            .collect();
        for (name, text) in production() {
            let Some(stem) = name.strip_prefix(&format!("src/{folder}/")) else {
                continue;
            };
            if !kinds.iter().any(|kind| stem == format!("{kind}.rs")) {
                continue;
            }
            for kind in kinds.iter().filter(|kind| stem != format!("{kind}.rs")) {
                if code(&text).contains(&format!("super::{kind}::")) {
                    found.push(format!("{name} must not know {kind}"));
                }
            }
        }
    }
    assert_none(found);
}

#[test]
fn no_test_is_forgotten_or_switched_off() {
    let mut found = Vec::new();
    let main = std::fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for entry in std::fs::read_dir(root().join("tests/it")).unwrap() {
        let name = entry.unwrap().file_name().to_str().unwrap().to_owned();
        let stem = name.trim_end_matches(".rs");
        let is_module = !["main", "snapshots"].contains(&stem);
        if is_module && !main.contains(&format!("mod {stem};")) {
            found.push(format!(
                "tests/it/{name} is not a module of tests/it/main.rs"
            ));
        }
    }
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in [
            concat!("#[", "ignore"),
            concat!("todo", "!("),
            concat!("unimplemented", "!("),
        ] {
            if code(&text).contains(word) {
                found.push(format!("{} holds {word}", path.display()));
            }
        }
    }
    assert_none(found);
}

#[test]
fn the_readme_names_every_folder() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        if entry.path().is_dir() && !readme.contains(&format!("| `{name}` |")) {
            found.push(format!("README.md does not say what src/{name} holds"));
        }
    }
    assert_none(found);
}
