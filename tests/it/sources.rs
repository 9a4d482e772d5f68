//! The operator's commands for sources, as a user runs them, against a model helpdesk: adding one, listing them, pulling
//! with history, and what doctor says of each.

use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use groundswell::clock;
use groundswell::connectors::Sweep;
use groundswell::model::SourceId;
use groundswell::store::{Changed, CleanPage, Location, Store};
use serde_json::Value;

use crate::helpdesk::{By, Fault, Helpdesk, SECRET, dialects};
use crate::support::{Said, done, folder_with, groundswell};

/// A helpdesk with five tickets of the last weeks.
async fn helpdesk() -> Helpdesk {
    let dialects = dialects::all().into_iter();
    let mut dialect = dialects.filter(|one| one.name() == "freshdesk");
    let helpdesk = Helpdesk::speaking(Arc::clone(&dialect.next().unwrap())).await;
    helpdesk.tickets(|tickets| {
        let now = clock::now() - TimeDelta::days(40);
        tickets.advance((now - tickets.now()).num_seconds());
        for number in 1..=5 {
            tickets.open(
                &format!("Leak {number}"),
                &format!("the valve leaks, mail me at ada{number}@example.com"),
            );
            tickets.advance(7 * 24 * 3_600);
        }
        tickets.reply(5, By::Agent, "which model is it");
    });
    helpdesk
}

/// A folder with the key in a file, and a configuration.
fn folder(config: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = folder_with(config);
    std::fs::write(path.join("key.txt"), SECRET).unwrap();
    std::fs::write(path.join("wrong.txt"), "another").unwrap();
    (folder, path)
}

/// `source add` with flags, as a program runs it.
fn add(path: &Path, helpdesk: &Helpdesk, key: &str, more: &[&str]) -> Said {
    let (url, key) = (
        format!("url={}", helpdesk.url),
        format!("api_key_file={key}"),
    );
    let mut arguments = vec!["source", "add", "--kind", "freshdesk", "--id", "desk"];
    arguments.extend(["--set", &url, "--set", &key]);
    arguments.extend(more);
    groundswell(path, &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_tried_shown_and_added() {
    let helpdesk = helpdesk().await;
    let (_folder, path) = folder("time_zone = \"Europe/Berlin\"");
    let said = add(&path, &helpdesk, "key.txt", &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    let block = format!(
        "[[sources]]\nid = \"desk\"\nkind = \"freshdesk\"\nurl = \"{}\"\napi_key_file = \"key.txt\"\n",
        helpdesk.url
    );
    assert!(said.out.contains(&block), "{}", said.out);
    assert!(said.out.contains("3 of its records"), "{}", said.out);
    assert!(said.out.contains("the valve leaks"), "{}", said.out);
    assert!(
        !said.out.contains("@example.com"),
        "it is redacted: {}",
        said.out
    );
    let before = std::fs::read_to_string(path.join("groundswell.toml")).unwrap();
    assert_eq!(
        before, "time_zone = \"Europe/Berlin\"",
        "nothing is written unasked"
    );
    assert!(
        !path.join("groundswell-data").exists(),
        "no database is made"
    );

    let said = add(&path, &helpdesk, "key.txt", &["--write", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let added: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(added["records"].as_array().unwrap().len(), 3);
    assert_eq!(added["config"], block.as_str());
    assert_eq!(added["written_to"], "groundswell.toml");
    let after = std::fs::read_to_string(path.join("groundswell.toml")).unwrap();
    assert_eq!(after, format!("{before}\n\n{block}"));
    done(&path, &["check-config"]);

    // A second one of that name would be a mistake: nothing is asked, nothing written.
    let asked = helpdesk.requests().len();
    let said = add(&path, &helpdesk, "key.txt", &["--write"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("\"desk\" is used by another source"),
        "{}",
        said.err
    );
    assert_eq!(helpdesk.requests().len(), asked);
    assert_eq!(
        std::fs::read_to_string(path.join("groundswell.toml")).unwrap(),
        after
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_said_and_nothing_is_written() {
    let helpdesk = helpdesk().await;
    let (_folder, path) = folder("");
    let said = add(&path, &helpdesk, "wrong.txt", &["--write"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(
        said.err
            .contains("Freshdesk does not accept the credentials"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("another"), "{}", said.err);
    helpdesk.fail_next(100, Fault::Status(500));
    let said = add(&path, &helpdesk, "key.txt", &["--write"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("Freshdesk cannot be asked"),
        "{}",
        said.err
    );
    assert_eq!(
        std::fs::read_to_string(path.join("groundswell.toml")).unwrap(),
        ""
    );
    let cases: [(&[&str], &str); 5] = [
        (&["source", "add"], "give --kind; known: "),
        (
            &["source", "add", "--kind", "fax"],
            "the kind fax is not known",
        ),
        (
            &["source", "add", "--kind", "freshdesk"],
            "sources[0].url: is missing",
        ),
        (
            &["source", "add", "--kind", "files", "--set", "s3cret"],
            "give --set key=value",
        ),
        (
            &[
                "source",
                "add",
                "--kind",
                "zendesk",
                "--set",
                "client_secret=s3cret",
            ],
            "a secret must not stand in the configuration",
        ),
    ];
    for (arguments, expected) in cases {
        let said = groundswell(&path, arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("s3cret"), "{}", said.err);
    }
}

/// As after a right was lost: a walk that met nothing, and no record that is there. The command of a person ends it.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_of_nearly_everything_wait_for_a_person() {
    let mut dialects = dialects::all().into_iter();
    let zammad = dialects.find(|one| one.name() == "zammad").unwrap();
    let helpdesk = Helpdesk::speaking(zammad).await;
    helpdesk.tickets(|tickets| {
        let now = clock::now() - TimeDelta::days(3);
        tickets.advance((now - tickets.now()).num_seconds());
        (1..=30).for_each(|number| {
            tickets.open(&format!("Leak {number}"), "the valve leaks");
        });
        tickets.advance(2 * 24 * 3_600);
    });
    let config = format!(
        "[[sources]]\nid = \"desk\"\nkind = \"zammad\"\nurl = \"{}\"\ntoken_file = \"key.txt\"\n",
        helpdesk.url
    );
    let (_folder, path) = folder(&config);
    done(&path, &["pull"]);
    let said = groundswell(&path, &["source", "allow-deletions", "desk"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("no deletions of desk are held back"),
        "{}",
        said.err
    );
    let said = groundswell(&path, &["source", "allow-deletions", "dest"]);
    assert_eq!(said.code, 2, "{}", said.err);

    helpdesk.tickets(|tickets| tickets.hide(true));
    let database = Location::Folder(path.join("groundswell-data"));
    let store = Store::open(&database).await.unwrap();
    let walk = CleanPage {
        sweep: Some(Sweep {
            started_at: clock::now(),
            present: Vec::new(),
            expected: Vec::new(),
            since: None,
            prefix: String::new(),
            is_over: true,
        }),
        ..CleanPage::default()
    };
    let source = SourceId::from("desk");
    store.save_page(&source, &walk, clock::now()).await.unwrap();
    store.close().await;
    done(&path, &["pull"]);
    let said = groundswell(&path, &["doctor"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains(
            "BAD  source desk, deletions: 30 conversations are gone from the helpdesk, too many within a week"
        ) && said.out.contains("groundswell source allow-deletions desk"),
        "{}",
        said.out
    );
    let listed = done(&path, &["source", "list"]);
    assert!(listed.contains("30 deletions held back"), "{listed}");
    let said = done(&path, &["source", "allow-deletions", "desk"]);
    assert_eq!(said, "30 conversations of desk are deleted\n");
    assert!(!done(&path, &["source", "list"]).contains("held back"));
    assert!(!groundswell(&path, &["doctor"]).out.contains("deletions"));
    let store = Store::open(&database).await.unwrap();
    let changes = store.changes_after(0, 100).await.unwrap();
    assert_eq!(changes.len(), 30);
    let is_erased = |change: &Changed| change.stored.text.as_str().is_empty();
    assert!(changes.iter().all(is_erased));
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_pulled_listed_and_looked_at() {
    let helpdesk = helpdesk().await;
    let (_folder, path) = folder("");
    assert!(done(&path, &["source", "list"]).contains("no source is configured"));
    let start = (clock::now() - TimeDelta::days(60)).date_naive();
    let start = format!("start={start}");
    let more = [
        "--write",
        "--set",
        &start,
        "--set",
        "rate_per_minute=100000",
    ];
    assert_eq!(add(&path, &helpdesk, "key.txt", &more).code, 0);
    assert_eq!(done(&path, &["source", "list"]), "desk  freshdesk  new\n");

    let out = done(&path, &["pull", "--no-history"]);
    assert!(
        out.contains(" days of history read (0 %), 0 records"),
        "{out}"
    );
    let out = done(&path, &["pull"]);
    assert!(
        out.contains("desk: 5 records stored so far, 0 skipped, ok"),
        "{out}"
    );
    assert!(out.contains(" days of history read, 5 records"), "{out}");
    let out = done(&path, &["source", "list"]);
    assert!(
        out.starts_with("desk  freshdesk  well  5 records, complete until "),
        "{out}"
    );

    let out = done(&path, &["doctor"]);
    for expected in [
        "ok   source desk: 5 records, 0 skipped, complete until ",
        "ok   source desk, access: the credentials are accepted",
        "ok   source desk, clock: the server's clock is ",
        " days of history read, 5 records",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    std::fs::write(path.join("key.txt"), "revoked").unwrap();
    let said = groundswell(&path, &["doctor", "--json"]);
    assert_eq!(said.code, 1);
    let checks: Value = serde_json::from_str(&said.out).unwrap();
    let source = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["what"] == "source desk")
        .unwrap();
    let figures = &source["source"];
    assert_eq!(figures["access"], "refused");
    assert_eq!(figures["records"], 5);
    assert!(figures["lag_s"].as_i64().unwrap() < 3_600);
    assert!(figures["clock_skew_s"].is_i64() || figures["clock_skew_s"].is_null());
    assert_eq!(figures["backfill"]["is_finished"], true);
    assert!(!said.out.contains("revoked"), "{}", said.out);

    assert_eq!(groundswell(&path, &["pull"]).code, 1);
    let out = done(&path, &["source", "list", "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed[0]["state"], "failing");
    assert_eq!(listed[0]["records"], 5);
}

/// HubSpot signs the address that it calls, which is known only where a person wrote it down.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_must_be_known() {
    let dialects = dialects::all().into_iter();
    let mut dialect = dialects.filter(|one| one.name() == "hubspot");
    let helpdesk = Helpdesk::speaking(Arc::clone(&dialect.next().unwrap())).await;
    let (_folder, path) = folder("");
    std::fs::write(path.join("hook.txt"), "known to both").unwrap();
    let url = format!("url={}", helpdesk.url);
    // Not a year of it, at four searches a second.
    let start = (clock::now() - TimeDelta::days(3)).date_naive();
    let start = format!("start={start}");
    let mut arguments = vec!["source", "add", "--kind", "hubspot", "--id", "desk"];
    for setting in [
        url.as_str(),
        start.as_str(),
        "rate_per_minute=100000",
        "token_file=key.txt",
        "hook_secret_file=hook.txt",
    ] {
        arguments.extend(["--set", setting]);
    }
    let said = groundswell(&path, &arguments);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("set web.public_url"), "{}", said.out);
    arguments.push("--write");
    assert_eq!(groundswell(&path, &arguments).code, 0);
    done(&path, &["pull"]);
    let said = groundswell(&path, &["doctor"]);
    assert!(
        said.out
            .contains("BAD  source desk, calls: signed calls are refused"),
        "{}",
        said.out
    );
    let file = path.join("groundswell.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let public = "[web]\npublic_url = \"https://desk.example/gs\"\n";
    std::fs::write(&file, format!("{public}{text}")).unwrap();
    let out = done(&path, &["doctor"]);
    let expected =
        "ok   source desk, calls: the vendor may call https://desk.example/gs/hooks/desk";
    assert!(out.contains(expected), "{out}");
}
