//! Planted truth: conversations and the official report that was made of them, of which is known what is left out of it,
//! what is filed wrongly and what under nothing. What is found must be exactly that, to the conversation.
//!
//! One stream is made here; another, of ten thousand real texts, by `make_stream.py` beside the folder that
//! `GROUNDSWELL_TEST_DATA` names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, Utc};
use serde_json::Value;

use groundswell::model::{
    Cadence, Calendar, Conversation, ConversationKey, Fact, FindingKind, Kind, OfficialReport,
    ReportBasis, ReportRow, SourceId, State, Stored, Text, TopicId, Window,
};
use groundswell::reconcile::{
    self, CatchAll, Comparison, Definition, Official, Reading, Search, causes,
};
use groundswell::store::{CleanPage, Location, Store};

/// What was planted of one conversation.
struct Planted {
    fact: Fact,
    /// The category of its topic, whatever it is filed under.
    home: String,
}

fn planted(
    id: &str,
    at: DateTime<Utc>,
    is_call: bool,
    category: Option<String>,
    (topic, home): (&str, &str),
) -> Planted {
    Planted {
        home: home.to_owned(),
        fact: Fact {
            key: ConversationKey::new("desk", id),
            kind: if is_call {
                Kind::CallNote
            } else {
                Kind::Ticket
            },
            created_at: at,
            closed_at: None,
            stored_at: at,
            category,
            customer: None,
            account: None,
            product: None,
            csat: None,
            reopens: 0,
            tags: Vec::new(),
            earlier: Vec::new(),
            attributes: BTreeMap::new(),
            state: State::Assigned(TopicId::from(topic)),
        },
    }
}

fn report(rows: BTreeMap<(String, String), i64>) -> OfficialReport {
    let row = |((window, category), count): ((String, String), i64)| ReportRow {
        window,
        category: (!category.is_empty()).then_some(category),
        count,
    };
    OfficialReport {
        name: "official.csv".to_owned(),
        cadence: Cadence::Monthly,
        basis: ReportBasis::Unknown,
        metric: String::new(),
        zone: None,
        rows: rows.into_iter().map(row).collect(),
    }
}

/// Six topics with a category each; of the conversations a fifth are calls, 12 % are filed anywhere, 5 % under nothing.
fn made_here() -> (Vec<Planted>, OfficialReport) {
    let mut seed = 11_u64;
    let mut dice = move |end: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    let names = ["Heating", "Billing", "Drains", "Doors", "Noise", "Lifts"];
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let (mut all, mut counts) = (Vec::new(), BTreeMap::new());
    for number in 0..4000 {
        let topic = dice(6) as usize;
        let at = start + chrono::TimeDelta::minutes(dice(60 * 24 * 150) as i64);
        let category = match dice(100) {
            0..5 => None,
            5..17 => Some(names[dice(6) as usize].to_owned()),
            _ => Some(names[topic].to_owned()),
        };
        let is_call = dice(5) == 0;
        if !is_call {
            let month = at.format("%Y-%m").to_string();
            *counts
                .entry((month, category.clone().unwrap_or_default()))
                .or_default() += 1;
        }
        let id = format!("{number:04}");
        let topic_id = format!("topic-{topic}");
        all.push(planted(
            &id,
            at,
            is_call,
            category,
            (&topic_id, names[topic]),
        ));
    }
    (all, report(counts))
}

/// Ten thousand real texts in a stream with its own truth, if the data is here.
fn made_of_real_texts() -> Option<(Vec<Planted>, OfficialReport)> {
    let data = std::env::var_os("GROUNDSWELL_TEST_DATA")
        .map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let tool = data.parent()?.join("tools/make_stream.py");
    if !tool.exists() || Command::new("python3").arg("--version").output().is_err() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("stream.jsonl");
    let made = Command::new("python3")
        .arg(tool)
        .args(["10000", out.to_str()?, "--days", "365", "--sets", "hwu64"])
        .status();
    assert!(made.unwrap().success(), "the stream was not made");
    let homes: BTreeMap<String, String> = lines(&data.join("hwu64.jsonl"))
        .iter()
        .map(|row| {
            let label = row["label"].as_str().unwrap();
            let category = row["category"].as_str().unwrap_or("general");
            (format!("hwu64:{label}"), format!("hwu64/{category}"))
        })
        .collect();
    let one = |row: &Value| {
        let text = |name: &str| row[name].as_str();
        let label = text("label").unwrap();
        let category = text("category").map(str::to_owned);
        let at = text("created_at").unwrap().parse().unwrap();
        let is_call = text("kind") == Some("call_note");
        planted(
            text("id").unwrap(),
            at,
            is_call,
            category,
            (label, &homes[label]),
        )
    };
    let all = lines(&out).iter().map(one).collect();
    let mut table = csv::Reader::from_path(folder.path().join("stream.official.csv")).unwrap();
    let counts = table.records().map(|row| {
        let row = row.unwrap();
        (
            (row[0].to_owned(), row[1].to_owned()),
            row[2].parse().unwrap(),
        )
    });
    Some((all, report(counts.collect())))
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn keys<'a>(
    all: &'a [Planted],
    window: &Window,
    holds: impl Fn(&Planted) -> bool,
) -> BTreeSet<&'a ConversationKey> {
    all.iter()
        .filter(|one| window.contains(one.fact.created_at) && holds(one))
        .map(|one| &one.fact.key)
        .collect()
}

fn listed<'c>(
    comparison: &'c Comparison,
    cause: &'c str,
    sign: i8,
) -> BTreeSet<&'c ConversationKey> {
    comparison
        .listed(Some(ReportRow::TOTAL), Some(cause))
        .map(|unit| {
            assert_eq!(unit.sign, sign);
            &unit.key
        })
        .collect()
}

fn check(all: &[Planted], report: &OfficialReport) {
    let calendar = Calendar::default();
    let facts: Vec<Fact> = all.iter().map(|one| one.fact.clone()).collect();
    let search = Search {
        report,
        calendar: &calendar,
        reading: &Reading {
            zones: vec![
                "America/New_York".parse().unwrap(),
                "Asia/Tokyo".parse().unwrap(),
            ],
            ..Reading::default()
        },
        covered: reconcile::covered(&facts, &calendar, Cadence::Monthly),
    };
    let chosen = reconcile::choose(&facts, &search).unwrap();
    let best = &chosen.fit().definition;
    assert_eq!(best.to_string(), "opened,zone=UTC,without=calls");
    assert_eq!(chosen.fit().unexplained, 0);
    let with_rest = report.clone();
    let mut without_rest = report.clone();
    without_rest.rows.retain(|row| row.category.is_some());
    for key in &chosen.found.windows {
        let window = calendar.parse(Cadence::Monthly, key).unwrap();
        causes_are_the_planted(all, &facts, &with_rest, best, &window);
        causes_are_the_planted(all, &facts, &without_rest, best, &window);
    }
    misfiled_ones_are_the_planted(all, &facts);
}

fn causes_are_the_planted(
    all: &[Planted],
    facts: &[Fact],
    report: &OfficialReport,
    definition: &Definition,
    window: &Window,
) {
    let rows = report.of_window(&window.key);
    let has_rest = rows.iter().any(|row| row.category.is_none());
    let official = Official {
        rows: &rows,
        definition,
        made_at: None,
    };
    let comparison = reconcile::compare(facts, &official, window, &Calendar::default(), false);
    assert_eq!(comparison.unexplained(), 0);
    let is_call = |one: &Planted| one.fact.kind == Kind::CallNote;
    let calls = keys(all, window, is_call);
    assert_eq!(listed(&comparison, causes::CALL_NOTES, -1), calls);
    let never = keys(all, window, |one| {
        !is_call(one) && one.fact.category.is_none()
    });
    let line = comparison.official(None);
    if has_rest {
        assert_eq!(line, Some(never.len() as i64));
    } else {
        assert_eq!(listed(&comparison, causes::NEVER_CATEGORISED, -1), never);
    }
    let total = comparison.total();
    let left_out = calls.len() + if has_rest { 0 } else { never.len() };
    assert_eq!(total.official - total.ours, -(left_out as i64));
}

fn misfiled_ones_are_the_planted(all: &[Planted], facts: &[Fact]) {
    let (first, last) = reconcile::covered(facts, &Calendar::default(), Cadence::Monthly);
    let whole = Window {
        cadence: Cadence::Monthly,
        start: first,
        end: last,
        key: "all".to_owned(),
    };
    let facts: Vec<&Fact> = facts.iter().collect();
    let found = reconcile::findings(&facts, &whole, &BTreeMap::new(), &CatchAll::default());
    let misfiled = found
        .values()
        .flatten()
        .filter(|finding| finding.kind == FindingKind::Misfiled);
    let listed: Vec<&ConversationKey> = misfiled
        .clone()
        .flat_map(|finding| &finding.numbers.keys)
        .collect();
    let counted: u64 = misfiled.map(|finding| finding.numbers.conversations).sum();
    assert_eq!(counted, listed.len() as u64);
    let is_misfiled = |one: &Planted| {
        one.fact
            .category
            .as_ref()
            .is_some_and(|category| *category != one.home)
    };
    let expected = keys(all, &whole, is_misfiled);
    assert!(expected.len() > all.len() / 20, "something was planted");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn what_was_planted_here_is_found_to_the_conversation() {
    let (all, report) = made_here();
    check(&all, &report);
}

#[test]
fn what_was_planted_into_real_texts_is_found_to_the_conversation() {
    match made_of_real_texts() {
        Some((all, report)) => check(&all, &report),
        // Past the test harness, which hides what a passing test prints.
        None => std::io::stderr()
            .write_all(
                b"SKIPPED: python3 or make_stream.py is missing; GROUNDSWELL_TEST_DATA names the folder of the data\n",
            )
            .unwrap(),
    }
}

/// A ticket of that day, as the helpdesk tells it at some time.
fn told(id: u32, category: &str, at: DateTime<Utc>, updated_at: DateTime<Utc>) -> Stored {
    let mut conversation = Conversation::new(ConversationKey::new("desk", id.to_string()), at);
    conversation.category = Some(category.to_owned());
    conversation.updated_at = updated_at;
    let text = format!("conversation {id}");
    Stored {
        conversation,
        text_hash: format!("{id:064}"),
        text: Text::from(text),
        language: "en".to_owned(),
    }
}

#[tokio::test]
async fn what_changed_after_the_report_was_made_is_found_in_a_store_that_saw_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Folder(folder.path().join("data")))
        .await
        .unwrap();
    let source = SourceId::from("desk");
    let start: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
    let later = start + chrono::TimeDelta::days(20);
    let first: Vec<Stored> = (0..40)
        .map(|id| told(id, "Billing", start, start))
        .collect();
    let page = CleanPage {
        conversations: first,
        ..CleanPage::default()
    };
    store.save_page(&source, &page, start).await.unwrap();
    let report = report(BTreeMap::from([(
        ("2026-W10".to_owned(), "Billing".to_owned()),
        40,
    )]));
    let report = OfficialReport {
        cadence: Cadence::Weekly,
        ..report
    };
    let made = start + chrono::TimeDelta::days(8);
    store.save_report(&report, made).await.unwrap();
    let page = CleanPage {
        conversations: (0..7).map(|id| told(id, "Heating", start, later)).collect(),
        deleted: (7..10)
            .map(|id: u32| (ConversationKey::new("desk", id.to_string()), later))
            .collect(),
        ..CleanPage::default()
    };
    store.save_page(&source, &page, later).await.unwrap();

    let calendar = Calendar::default();
    let facts = store.all_facts().await.unwrap();
    let reading = store.reading(&report, &[]).await.unwrap();
    assert_eq!(reading.imported_at["2026-W10"], made);
    let search = Search {
        report: &report,
        calendar: &calendar,
        reading: &reading,
        covered: reconcile::covered(&facts, &calendar, Cadence::Weekly),
    };
    let chosen = reconcile::choose(&facts, &search).unwrap();
    assert_eq!(
        chosen.fit().definition.to_string(),
        "opened,zone=UTC,as-of=import"
    );
    assert_eq!(chosen.fit().unexplained, 0);
    let window = calendar.parse(Cadence::Weekly, "2026-W10").unwrap();
    let official = Official {
        rows: &report.rows,
        definition: &chosen.fit().definition,
        made_at: reading.imported_at.get("2026-W10").copied(),
    };
    let comparison = reconcile::compare(&facts, &official, &window, &calendar, false);
    let ids = |line: &'static str, cause: &'static str| -> Vec<String> {
        let units = comparison.listed(Some(line), Some(cause));
        units
            .map(|unit| format!("{:+} {}", unit.sign, unit.key.id))
            .collect()
    };
    let all = |range: std::ops::Range<u32>, sign: &str| -> Vec<String> {
        range.map(|id| format!("{sign}1 {id}")).collect()
    };
    assert_eq!(ids("Billing", causes::RECATEGORISED), all(0..7, "+"));
    assert_eq!(ids("Heating", causes::RECATEGORISED), all(0..7, "-"));
    assert_eq!(ids("Billing", causes::DELETED), all(7..10, "+"));
}

#[tokio::test]
async fn a_confirmed_definition_is_kept_and_told_loudly_when_it_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Folder(folder.path().join("data")))
        .await
        .unwrap();
    let (all, report) = made_here();
    let facts: Vec<Fact> = all.into_iter().map(|one| one.fact).collect();
    let wrong: Definition = "opened,zone=Asia/Tokyo".parse().unwrap();
    let right: Definition = "opened,zone=UTC,without=calls".parse().unwrap();
    let at: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
    store.save_report(&report, at).await.unwrap();
    for (definition, fits) in [(&right, true), (&wrong, false), (&right, true)] {
        let name = &report.name;
        store
            .confirm_definition(name, "", definition, "mira", at)
            .await
            .unwrap();
        let reading = store.reading(&report, &[]).await.unwrap();
        assert_eq!(reading.confirmed.as_ref(), Some(definition));
        let calendar = Calendar::default();
        let search = Search {
            report: &report,
            calendar: &calendar,
            reading: &reading,
            covered: reconcile::covered(&facts, &calendar, Cadence::Monthly),
        };
        let chosen = reconcile::choose(&facts, &search).unwrap();
        assert_eq!(&chosen.fit().definition, definition);
        assert_eq!(chosen.warning().is_none(), fits, "{:?}", chosen.warning());
    }
    let log = store.confirmed_definitions().await.unwrap();
    let numbers: Vec<i64> = log.iter().map(|one| one.number).collect();
    assert_eq!((numbers, log[1].by.as_str()), (vec![1, 2, 3], "mira"));
}
