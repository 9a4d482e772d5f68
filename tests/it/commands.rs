//! The program as people run it: in a folder, with arguments, with exit codes.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Random, Row, Serving, done, eventually, folder_with, groundswell, jsonl, last_weeks, loud_week,
    moved_to_now,
};

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The rows of a CSV file below its header, by column.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// One sentence on standard error and nothing else.
#[track_caller]
fn assert_one_sentence(said: &crate::support::Said, code: i32, words: &str) {
    assert_eq!(said.code, code, "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.starts_with("groundswell: "), "{}", said.err);
    assert!(said.err.contains(words), "{}", said.err);
}

// ---- demo

#[test]
fn the_demo_prints_a_digest_with_its_planted_stories() {
    let folder = tempfile::tempdir().unwrap();
    let said = groundswell(folder.path(), &["demo", "--once"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for words in [
        "Week 2026-W13, 23 to 29 March 2026",
        "4.2.0",
        "Rising",
        "product team",
        "Beside the official report",
        "official_report.csv",
        "solved later or still open",
        "How we count",
    ] {
        assert!(said.out.contains(words), "no {words}:\n{}", said.out);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "the demo leaves nothing where it was started");
}

// ---- analyze

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
fn analyze_writes_every_file_and_counts_each_conversation_once() {
    let (_folder, path) = folder_with("time_zone = \"Europe/Berlin\"\n");
    let rows = last_weeks();
    let mut lines: Vec<String> = jsonl(&rows).lines().map(str::to_owned).collect();
    lines.insert(4, "{\"id\": \"broken\", ".to_owned());
    lines.insert(9, "{\"id\": \"no-date\", \"text\": \"it hums\"}".to_owned());
    write(&path, "in.jsonl", &format!("{}\n", lines.join("\n")));
    let out = done(&path, &["analyze", "in.jsonl", "--out", "result"]);
    assert!(out.contains("2 lines skipped"), "{out}");
    let result = path.join("result");

    let headers = [
        (
            "assignments.csv",
            "source,id,state,topic_id,topic,theme_id,theme,score,window_day",
        ),
        (
            "topics.csv",
            "topic_id,topic,theme_id,theme,terms,conversations,customers,first_day,last_day,stability",
        ),
        (
            "trends.csv",
            "cadence,window,topic_id,conversations,customers,baseline,low,high,state",
        ),
        (
            "reconciliation.csv",
            "cadence,window,category,topic_id,topic,conversations",
        ),
        (
            "differences.csv",
            "cadence,window,category,official,ours,difference,cause,conversations",
        ),
    ];
    for (name, header) in headers {
        assert_eq!(read(&result, name).lines().next(), Some(header), "{name}");
    }

    let summary: Value = serde_json::from_str(&read(&result, "summary.json")).unwrap();
    let number = |name: &str| summary[name].as_u64().unwrap();
    let excluded: u64 = summary["excluded"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(number("conversations"), rows.len() as u64);
    assert_eq!(
        number("conversations"),
        number("assigned") + number("unassigned") + excluded
    );
    assert_eq!(number("skipped"), 2);
    let places: Vec<_> = summary["skipped_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line[0].as_str().unwrap())
        .collect();
    for place in ["5", "10"] {
        assert!(
            places
                .iter()
                .any(|named| named.ends_with(&format!(":{place}"))
                    || named.ends_with(&format!("line {place}"))),
            "line {place}: {places:?}"
        );
    }

    let assignments = table(&read(&result, "assignments.csv"));
    let mut ids: Vec<_> = assignments.iter().map(|row| row["id"].as_str()).collect();
    ids.sort_unstable();
    let mut expected: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected, "one row for each conversation");
    let assigned = assignments.iter().filter(|row| row["state"] == "assigned");
    assert_eq!(assigned.clone().count() as u64, number("assigned"));
    assert!(
        assigned.clone().count() > 50 && assigned.clone().all(|row| !row["topic_id"].is_empty())
    );

    let topics = table(&read(&result, "topics.csv"));
    assert_eq!(topics.len() as u64, number("topics"));
    let in_topics: u64 = topics
        .iter()
        .map(|row| row["conversations"].parse::<u64>().unwrap())
        .sum();
    assert_eq!(in_topics, number("assigned"));
    assert_days_add_up(&table(&read(&result, "trends.csv")));
    assert_causes_add_up(&table(&read(&result, "differences.csv")));
    for id in summary["digests"].as_array().unwrap() {
        for end in ["json", "md", "html"] {
            assert!(!read(&result, &format!("digest-{}.{end}", id.as_str().unwrap())).is_empty());
        }
    }
    for id in ["daily-2026-03-28", "weekly-2026-W12"] {
        let digests = [&summary["digests"], &summary["without_digest"]];
        let told = digests
            .iter()
            .any(|digests| digests.to_string().contains(id));
        assert!(told, "{id} has neither a digest nor a reason: {summary}");
    }
}

/// For each topic, all days together hold what all weeks together hold, and all months.
#[track_caller]
fn assert_days_add_up(trends: &[BTreeMap<String, String>]) {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in trends {
        *sums.entry((&row["topic_id"], &row["cadence"])).or_default() +=
            row["conversations"].parse::<u64>().unwrap();
    }
    assert!(!sums.is_empty());
    for ((topic, cadence), sum) in &sums {
        assert_eq!(sum, &sums[&(*topic, "daily")], "{topic} by {cadence}");
    }
}

/// The causes of a difference are the difference.
#[track_caller]
fn assert_causes_add_up(differences: &[BTreeMap<String, String>]) {
    let mut sums: BTreeMap<Vec<&str>, i64> = BTreeMap::new();
    for row in differences
        .iter()
        .filter(|row| !row["difference"].is_empty())
    {
        let key = ["cadence", "window", "category", "difference"].map(|name| row[name].as_str());
        *sums.entry(key.to_vec()).or_default() += row["conversations"].parse::<i64>().unwrap_or(0);
    }
    for (key, sum) in sums {
        assert_eq!(sum, key[3].parse::<i64>().unwrap(), "{key:?}");
    }
}

#[test]
fn analyze_gives_the_same_bytes_whatever_the_order_and_the_threads() {
    let (_folder, path) = folder_with("");
    let mut rows: Vec<Row> = last_weeks().into_iter().step_by(2).collect();
    let mut seen: Option<(String, String)> = None;
    for threads in ["1", "2", "8"] {
        write(&path, "in.jsonl", &jsonl(&rows));
        done(
            &path,
            &[
                "analyze",
                "in.jsonl",
                "--out",
                "result",
                "--threads",
                threads,
            ],
        );
        let result = path.join("result");
        let files = (
            read(&result, "assignments.csv"),
            read(&result, "topics.csv"),
        );
        assert!(files.0.contains(",assigned,t"), "{}", files.0);
        assert!(
            seen.is_none_or(|seen| seen == files),
            "with {threads} threads"
        );
        seen = Some(files);
        Random::new(7).shuffle(&mut rows);
    }
}

#[test]
fn analyze_leaves_folders_of_others_alone() {
    let (_folder, path) = folder_with("");
    write(&path, "in.jsonl", "");
    std::fs::create_dir(path.join("mine")).unwrap();
    write(&path, "mine/holiday.txt", "palms");
    let said = groundswell(&path, &["analyze", "in.jsonl", "--out", "mine"]);
    assert_one_sentence(&said, 2, "holds holiday.txt, which analyze did not write");
    assert_eq!(read(&path, "mine/holiday.txt"), "palms");
    let said = groundswell(&path, &["analyze", "missing.jsonl", "--out", "result"]);
    assert_one_sentence(&said, 2, "missing.jsonl cannot be read");
}

#[test]
fn analyze_reads_a_csv_export() {
    let (_folder, path) = folder_with("");
    let mut text = String::from("id,created_at,subject,text,category\n");
    for number in 0..6 {
        let day = number + 1;
        text += &format!(
            "{number},2026-03-0{day}T10:00:00Z,\"ice, again\",\"The fan\nis frozen\",Heating\n"
        );
    }
    text += "7,yesterday-ish,bad,words,Heating\n";
    write(&path, "export.csv", &text);
    done(&path, &["analyze", "export.csv", "--out", "result"]);
    let summary: Value = serde_json::from_str(&read(&path, "result/summary.json")).unwrap();
    assert_eq!(
        (&summary["conversations"], &summary["skipped"]),
        (&Value::from(6), &Value::from(1))
    );
    let tables = read(&path, "result/reconciliation.csv");
    assert!(tables.contains("monthly,2026-03,Heating,"), "{tables}");
}

// ---- mistakes

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let (_folder, path) = folder_with(
        r#"
        time_zone = "Mars/Olympus"
        colour = "red"
        [web]
        listen = "0.0.0.0:80"
        [[sources]]
        id = "rt"
        kind = "request_tracker"
        url = "not an address"
        schedule = "99 * * * *"
        [[sources]]
        id = "rt"
        kind = "files"
        [[destinations]]
        id = "team"
        kind = "pigeon"
        [[digests]]
        cadence = "hourly"
        destinations = ["nobody"]
        grace_minutes = -5
        "#,
    );
    let said = groundswell(&path, &["check-config"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    insta::assert_snapshot!(said.err, @r#"
    colour: is not a known setting
        known here: answers, data_dir, database, destinations, digest, digests, discovery, embed, ingest, report, seal_key, seal_key_env, seal_key_file, sources, time_zone, topics, trend, web, week_start
    destinations[0].kind: "pigeon" is not known
        give one of console, file, webhook, mail, slack, teams, matrix
    digests[0].cadence: "hourly" is not known
        give one of daily, weekly, monthly
    digests[0].destinations: there is no destination "nobody"
        known: team
    digests[0].grace_minutes: -5 is not a whole number in range
        give 0 to 10080; the default is 60
    sources[0].schedule: "99 * * * *" is not a schedule: minutes must be less than 59. ('99' specified.)
        give five fields: minute hour day month weekday, such as "*/15 * * * *"
    sources[0].token_env: is missing
        name the variable that holds a token made under Settings, Auth Tokens
    sources[0].url: is not an http or https address
        give its address, such as https://rt.example.com
    sources[1].id: "rt" is used by another source
        give each source its own id
    sources[1].paths: is missing
        give a list of files and folders, such as paths = ["inbox"]
    time_zone: "Mars/Olympus" is not known
        give an IANA name such as Europe/Berlin
    web.token_env: 0.0.0.0:80 can be reached by others, and no token is set
        set web.token_env, or listen on 127.0.0.1
    groundswell: the configuration has 12 mistakes
    "#);
    let serve = groundswell(&path, &["serve"]);
    assert_eq!(
        (serve.code, serve.err),
        (2, said.err),
        "serve says the same and does not start"
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    let (_folder, path) = folder_with("");
    for arguments in [
        vec!["nonsense"],
        vec![],
        vec!["analyze"],
        vec!["topics", "explode"],
        vec!["search"],
        vec!["forget"],
        vec!["pull"],
        vec!["check-config", "--config", "missing.toml"],
    ] {
        let said = groundswell(&path, &arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(!said.err.is_empty());
    }
    for arguments in [
        vec!["search", "ice"],
        vec!["digest", "list"],
        vec!["backup", "copy.db"],
        vec!["doctor"],
    ] {
        let said = groundswell(&path, &arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
    assert!(
        !path.join("groundswell-data").exists(),
        "commands that only read make no database"
    );
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_folder, path) = folder_with(&format!("[web]\nlisten = \"{address}\"\n"));
    let said = groundswell(&path, &["serve"]);
    assert_one_sentence(&said, 1, &format!("{address} cannot be listened on"));
    assert!(!path.join("groundswell-data").exists());
}

// ---- serve, and the commands beside it

const SERVE: &str = r#"
[web]
listen = "127.0.0.1:0"
[[sources]]
id = "desk"
kind = "files"
paths = ["inbox"]
schedule = "* * * * *"
[[destinations]]
id = "folder"
kind = "file"
folder = "digests"
[[digests]]
cadence = "weekly"
schedule = "* * * * *"
grace_minutes = 0
destinations = ["folder"]
"#;

/// Serves until the last week's digest is in the folder.
async fn serve(path: &Path) -> Serving {
    let mut serving = Serving::start(path);
    serving.wait_for("digest delivered").await;
    serving
}

#[tokio::test]
async fn the_commands_work_beside_a_daemon_and_after_it() {
    let (_folder, path) = folder_with(SERVE);
    std::fs::create_dir(path.join("inbox")).unwrap();
    let rows = moved_to_now(loud_week());
    write(&path, "inbox/desk.jsonl", &jsonl(&rows));
    let out = done(&path, &["pull", "desk"]);
    assert_eq!(
        out,
        format!(
            "desk: {} records stored so far, 0 skipped, ok\n",
            rows.len()
        )
    );
    assert_one_sentence(
        &groundswell(&path, &["pull", "zendesk"]),
        2,
        "there is no source zendesk; known: desk",
    );

    let mut serving = serve(&path).await;
    let said = groundswell(&path, &["serve"]);
    assert_one_sentence(&said, 1, "another groundswell");
    let found = serving.api("search?text=ice&limit=3").await;
    assert!(found["total"].as_u64().unwrap() > 3, "{found}");
    searches_and_digests(&path, &found);
    topics_can_be_corrected(&path);
    conversations_are_explained_and_moved(&path);
    reports_can_be_imported(&path);
    tables_are_written(&path, rows.len());
    let doctor = done(&path, &["doctor"]);
    assert!(
        doctor.contains("ok   search index: ") && doctor.contains("ok   source desk: "),
        "{doctor}"
    );
    let out = done(&path, &["backup", "copy.db"]);
    assert_eq!(
        out,
        "copied to copy.db\nthe key of answer links to copy.db.link.key\n"
    );
    assert_one_sentence(
        &groundswell(&path, &["backup", "copy.db"]),
        2,
        "copy.db exists",
    );
    let refused = groundswell(&path, &["reindex"]);
    assert_one_sentence(&refused, 1, "another groundswell");
    let (status, log) = serving.terminate().await;
    assert!(status.success(), "{status}");
    assert!(
        !log.contains('\u{1b}'),
        "colours belong on a terminal: {log}"
    );
    for row in &rows {
        let words = row["messages"][0]["text"].as_str().unwrap();
        assert!(
            words.len() < 40 || !log.contains(words),
            "the log holds a customer's words"
        );
    }

    assert_eq!(
        done(&path, &["reindex"]),
        format!("{} conversations indexed\n", rows.len())
    );
    people_can_be_forgotten(&path, &rows);
    the_backup_is_a_database(&path, rows.len());
}

fn searches_and_digests(path: &Path, found: &Value) {
    let out = done(path, &["search", "ice", "--limit", "3"]);
    assert!(
        out.starts_with(&format!("{} found\n", found["total"])),
        "{out}"
    );
    let json: Value =
        serde_json::from_str(&done(path, &["search", "ice", "--limit", "3", "--json"])).unwrap();
    assert_eq!(json["hits"], found["hits"]);
    let none = done(path, &["search", "xylophone"]);
    assert!(none.starts_with("0 found"), "{none}");

    let ids = done(path, &["digest", "list"]);
    assert!(ids.starts_with("weekly-"), "{ids}");
    let id = ids.lines().next().unwrap();
    let shown = done(path, &["digest", "show"]);
    assert!(
        shown.contains("Suggestion") && shown.contains("How we count"),
        "{shown}"
    );
    for format in [
        "text", "markdown", "html", "json", "slack", "teams", "matrix",
    ] {
        let shown = done(path, &["digest", "show", id, "--format", format]);
        let week = id.strip_prefix("weekly-").unwrap();
        assert!(shown.contains(week), "{format}: {shown}");
    }
    assert_one_sentence(
        &groundswell(path, &["digest", "show", "weekly-1999-W01"]),
        1,
        "there is no digest weekly-1999-W01",
    );
    let delivered = std::fs::read_dir(path.join("digests")).unwrap().count();
    assert_eq!(delivered, 1);
}

fn topics_can_be_corrected(path: &Path) {
    let list = || -> Vec<Value> {
        serde_json::from_str(&done(path, &["topics", "list", "--json"])).unwrap()
    };
    let before = list();
    let id = |place: usize| before[place]["topic_id"].as_str().unwrap();
    let size = |topics: &[Value], id: &str| {
        let found = topics.iter().find(|topic| topic["topic_id"] == id);
        found.map_or(0, |topic| topic["conversations"].as_u64().unwrap())
    };
    done(path, &["topics", "rename", id(0), "Frozen fans"]);
    assert!(done(path, &["topics", "list"]).contains("Frozen fans"));
    done(path, &["topics", "merge", id(2), id(1)]);
    let merged = list();
    assert_eq!(
        size(&merged, id(1)),
        size(&before, id(1)) + size(&before, id(2))
    );
    assert_eq!(size(&merged, id(2)), 0);
    let edits: Vec<Value> =
        serde_json::from_str(&done(path, &["topics", "edits", "--json"])).unwrap();
    assert_eq!(edits.len(), 2);
    let number = edits
        .iter()
        .map(|edit| edit["number"].as_i64().unwrap())
        .max()
        .unwrap()
        .to_string();
    done(path, &["topics", "undo", &number]);
    let undone = list();
    for place in [1, 2] {
        assert_eq!(size(&undone, id(place)), size(&before, id(place)));
    }
    assert_one_sentence(
        &groundswell(path, &["topics", "undo", &number]),
        1,
        "to undo",
    );
    assert_one_sentence(
        &groundswell(path, &["topics", "rename", "t0", "x"]),
        2,
        "there is no topic t0",
    );
    assert_one_sentence(
        &groundswell(path, &["topics", "merge", id(0), id(0)]),
        2,
        "into itself",
    );
}

/// Every kind of correction through the program, each taken back again.
fn conversations_are_explained_and_moved(path: &Path) {
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&done(path, &[arguments, &["--json"]].concat())).unwrap()
    };
    let topics = json(&["topics", "list"]);
    let (first, second) = (&topics[0]["topic_id"], &topics[1]["topic_id"]);
    let (first, second) = (first.as_str().unwrap(), second.as_str().unwrap());
    let hits = json(&["search", &format!("topic:{first}"), "--limit", "3"]);
    let keys: Vec<String> = (0..2)
        .map(|at| {
            let key = &hits["hits"][at]["key"];
            format!(
                "{}/{}",
                key["source"].as_str().unwrap(),
                key["id"].as_str().unwrap()
            )
        })
        .collect();
    let why = json(&["topics", "why", &keys[0]]);
    assert_eq!(why["topic"]["topic_id"], first);
    assert!(why["neighbours"].as_array().unwrap().len() > 3, "{why}");
    let neighbours = why["neighbours"].as_array().unwrap();
    assert!(
        neighbours
            .iter()
            .all(|near| near["conversation"] != why["conversation"])
    );
    assert!(
        why["nearness"].as_f64() >= why["nearness_min"].as_f64(),
        "{why}"
    );
    let said = done(
        path,
        &[
            "topics",
            "why",
            keys[0].split_once('/').unwrap().1,
            "--source",
            "desk",
        ],
    );
    assert!(
        said.contains("nearest conversations") && said.contains("% of the votes"),
        "{said}"
    );

    conversations_are_moved(path, &json, &keys, [first, second]);
    a_topic_is_split(path, &json);
}

type Json<'a> = &'a dyn Fn(&[&str]) -> Value;

fn conversations_are_moved(path: &Path, json: Json<'_>, keys: &[String], topics: [&str; 2]) {
    let [first, second] = topics;
    let moved = json(&["topics", "move", &keys[0], &keys[1], second, "--by", "Ada"]);
    let numbers: Vec<String> = moved["edits"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(numbers.len(), 2);
    let said = done(path, &["topics", "why", &keys[1]]);
    assert!(said.contains("Ada put it into"), "{said}");
    assert_eq!(
        json(&["topics", "why", &keys[1]])["topic"]["topic_id"],
        second
    );
    done(path, &["topics", "undo", &numbers[0], &numbers[1]]);
    assert_eq!(
        json(&["topics", "why", &keys[1]])["topic"]["topic_id"],
        first
    );

    assert_one_sentence(
        &groundswell(path, &["topics", "why", "nobody"]),
        2,
        "groundswell search",
    );
    assert_one_sentence(
        &groundswell(path, &["topics", "move", "desk/nobody", first]),
        1,
        "is not stored",
    );
    assert_one_sentence(
        &groundswell(path, &["topics", "split", "t0"]),
        2,
        "there is no topic t0",
    );
}

/// The first topic that falls into parts is split, and made whole again.
fn a_topic_is_split(path: &Path, json: Json<'_>) {
    let sizes = || -> BTreeMap<String, u64> {
        let topics = json(&["topics", "list"]);
        let topics = topics.as_array().unwrap().iter();
        topics
            .map(|topic| {
                let id = topic["topic_id"].as_str().unwrap().to_owned();
                (id, topic["conversations"].as_u64().unwrap())
            })
            .filter(|(_, size)| *size > 0)
            .collect()
    };
    let before = sizes();
    let falls_apart = |id: &&String| groundswell(path, &["topics", "split", id]).code == 0;
    let topic = before.keys().find(falls_apart).expect("one has parts");
    assert_eq!(sizes(), before, "only shown");
    let parts = json(&["topics", "split", topic]);
    let parts = parts.as_array().unwrap();
    let said = groundswell(path, &["topics", "split", topic, "--name", "one"]);
    assert_one_sentence(&said, 2, "give one for each");
    let mut arguments = vec!["topics", "split", topic];
    let names: Vec<String> = (0..parts.len()).map(|at| format!("part {at}")).collect();
    names
        .iter()
        .for_each(|name| arguments.extend(["--name", name]));
    let edits = json(&arguments);
    let after = sizes();
    let shown = |part: &Value| part["conversations"].as_u64().unwrap();
    assert_eq!(parts.iter().map(shown).sum::<u64>(), before[topic]);
    for part in parts {
        assert_eq!(after[part["topic_id"].as_str().unwrap()], shown(part));
    }
    assert!(done(path, &["topics", "list"]).contains("part 1"));
    for number in edits["edits"].as_array().unwrap() {
        done(path, &["topics", "undo", &number.to_string()]);
    }
    assert_eq!(sizes(), before);
}

fn reports_can_be_imported(path: &Path) {
    let ids = done(path, &["digest", "list"]);
    let week = ids.lines().next().unwrap().strip_prefix("weekly-").unwrap();
    write(
        path,
        "official.csv",
        &format!("week,category,count\n{week},,100\n{week},Other,20\n"),
    );
    let out = done(path, &["report", "import", "official.csv"]);
    assert!(out.starts_with("official.csv: 2 lines, weekly"), "{out}");
    assert!(done(path, &["report", "list"]).contains("official.csv"));
    write(path, "wrong.csv", "week,category,count\nnever,Other,many\n");
    let said = groundswell(path, &["report", "import", "wrong.csv"]);
    assert_one_sentence(&said, 2, "wrong.csv");
}

fn tables_are_written(path: &Path, count: usize) {
    done(path, &["export", "--out", "tables"]);
    let tables = path.join("tables");
    assert_eq!(table(&read(&tables, "assignments.csv")).len(), count);
    assert!(
        table(&read(&tables, "topics.csv"))
            .iter()
            .any(|row| row["topic"] == "Frozen fans")
    );
    assert_days_add_up(&table(&read(&tables, "trends.csv")));
    let differences = table(&read(&tables, "differences.csv"));
    assert!(
        differences.iter().any(|row| row["official"] == "100"),
        "{differences:?}"
    );
    assert_causes_add_up(&differences);
}

fn people_can_be_forgotten(path: &Path, rows: &[Row]) {
    let id = rows[3]["id"].as_str().unwrap();
    let hits = |query: &str| -> u64 {
        let json: Value = serde_json::from_str(&done(path, &["search", query, "--json"])).unwrap();
        json["total"].as_u64().unwrap()
    };
    let all = hits("after:2000-01-01");
    assert_eq!(
        done(path, &["forget", "--conversation", &format!("desk/{id}")]),
        "1 conversations erased\n"
    );
    assert_eq!(hits("after:2000-01-01"), all - 1);
    let verified = done(path, &["digest", "verify", "--all"]);
    assert!(verified.contains("1 conversation was erased"), "{verified}");
    let said = groundswell(path, &["forget", "--conversation", "desk/nobody"]);
    assert_eq!(said.code, 1);
    assert_one_sentence(
        &groundswell(path, &["forget", "--conversation", "nobody"]),
        2,
        "is not a key",
    );
}

fn the_backup_is_a_database(path: &Path, count: usize) {
    let restored = path.join("restored");
    std::fs::create_dir(&restored).unwrap();
    std::fs::copy(path.join("copy.db"), restored.join("groundswell.db")).unwrap();
    write(&restored, "groundswell.toml", "data_dir = \".\"\n");
    done(&restored, &["export", "--out", "tables"]);
    done(&restored, &["digest", "verify", "--all"]);
    assert_eq!(
        table(&read(&restored, "tables/assignments.csv")).len(),
        count
    );
    // There is no index beside it: the next start makes one.
    assert_eq!(
        done(&restored, &["reindex"]),
        format!("{count} conversations indexed\n")
    );
}

#[tokio::test]
async fn a_broken_index_is_built_again_by_itself() {
    let (_folder, path) = folder_with(SERVE);
    std::fs::create_dir(path.join("inbox")).unwrap();
    let rows: Vec<Row> = moved_to_now(loud_week()).into_iter().step_by(4).collect();
    write(&path, "inbox/desk.jsonl", &jsonl(&rows));
    done(&path, &["pull"]);
    done(&path, &["reindex"]);
    let mut broken = 0;
    let mut folders = vec![path.join("groundswell-data/index")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry
                .extension()
                .is_some_and(|end| end == "store" || end == "term" || end == "json")
            {
                std::fs::write(entry, "garbage").unwrap();
                broken += 1;
            }
        }
    }
    assert!(broken > 0);
    let mut serving = Serving::start(&path);
    let total = eventually("the index", async || {
        let found = serving.api("search?text=").await;
        (found["total"] == rows.len()).then_some(())
    });
    total.await;
    let (status, log) = serving.terminate().await;
    assert!(status.success() && log.contains("built again"), "{log}");
}
