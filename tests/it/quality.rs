//! Topics against labels, with default settings: a floor that no change may sink below. The built-in corpus is always
//! there; public labelled sets are used where `GROUNDSWELL_TEST_DATA` (or `../shared/data`) has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Row, corpus, done, jsonl, public_data};

/// How well topics match labels. Whoever is in no topic counts as a topic of their own.
#[derive(Debug)]
struct Score {
    /// Adjusted Rand index (Hubert and Arabie 1985).
    rand: f64,
    /// Normalised mutual information, by the arithmetic mean of both entropies.
    information: f64,
    unassigned: f64,
}

fn score(pairs: &[(String, Option<String>)]) -> Score {
    let all = pairs.len() as f64;
    let mut cells: BTreeMap<(&str, String), f64> = BTreeMap::new();
    for (place, (label, topic)) in pairs.iter().enumerate() {
        let topic = topic.clone().unwrap_or_else(|| format!("alone {place}"));
        *cells.entry((label, topic)).or_default() += 1.0;
    }
    let (mut labels, mut topics) = (BTreeMap::<&str, f64>::new(), BTreeMap::<&str, f64>::new());
    for ((label, topic), count) in &cells {
        *labels.entry(label).or_default() += count;
        *topics.entry(topic).or_default() += count;
    }
    let twos = |count: &f64| count * (count - 1.0) / 2.0;
    let together: f64 = cells.values().map(twos).sum();
    let by_label: f64 = labels.values().map(twos).sum();
    let by_topic: f64 = topics.values().map(twos).sum();
    let expected = by_label * by_topic / twos(&all);
    let entropy = |count: &f64| -(count / all) * (count / all).ln();
    let both =
        labels.values().map(entropy).sum::<f64>() + topics.values().map(entropy).sum::<f64>();
    let shared: f64 = cells
        .iter()
        .map(|((label, topic), count)| {
            count / all * (count * all / (labels[label] * topics[topic.as_str()])).ln()
        })
        .sum();
    Score {
        rand: (together - expected) / ((by_label + by_topic) / 2.0 - expected),
        information: 2.0 * shared / both,
        unassigned: pairs.iter().filter(|(_, topic)| topic.is_none()).count() as f64 / all,
    }
}

/// Runs `groundswell analyze` on the rows and scores its topics.
fn analysed(rows: &[Row], label_of: &BTreeMap<String, String>) -> Score {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.jsonl"), jsonl(rows)).unwrap();
    done(folder.path(), &["analyze", "in.jsonl", "--out", "out"]);
    let mut reader = csv::Reader::from_path(folder.path().join("out/assignments.csv")).unwrap();
    let assigned = reader.deserialize::<BTreeMap<String, String>>();
    let pairs: Vec<_> = assigned
        .map(|row| row.unwrap())
        .filter_map(|row| Some((label_of.get(&row["id"])?.clone(), row["topic_id"].clone())))
        .map(|(label, topic)| (label, Some(topic).filter(|topic| !topic.is_empty())))
        .collect();
    assert_eq!(pairs.len(), label_of.len());
    score(&pairs)
}

#[track_caller]
fn assert_at_least(found: &Score, rand: f64, information: f64, unassigned: f64) {
    println!("{found:?}");
    assert!(found.rand >= rand, "{found:?}");
    assert!(found.information >= information, "{found:?}");
    assert!(found.unassigned <= unassigned, "{found:?}");
}

#[test]
fn the_scores_are_the_known_ones() {
    let pairs = |text: &str| -> Vec<(String, Option<String>)> {
        let pair = |pair: &str| {
            let (label, topic) = pair.split_once('=').unwrap();
            (
                label.to_owned(),
                Some(topic.to_owned()).filter(|t| t != "-"),
            )
        };
        text.split(' ').map(pair).collect()
    };
    // Reference: scikit-learn's adjusted_rand_score and normalized_mutual_info_score.
    let found = score(&pairs("a=1 a=1 a=2 b=2 b=2 b=2"));
    assert!((found.rand - 0.324_324).abs() < 1e-6, "{found:?}");
    assert!((found.information - 0.478_704).abs() < 1e-6, "{found:?}");
    let found = score(&pairs("a=1 a=- b=2 b=2"));
    assert_eq!(found.unassigned, 0.25);
    assert!(found.rand < 1.0);
}

#[test]
fn the_built_in_corpus_keeps_its_topics() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/demo_labels.csv");
    let mut reader = csv::Reader::from_path(fixture).unwrap();
    let labels: BTreeMap<String, String> = reader
        .deserialize::<(String, String)>()
        .map(|row| row.unwrap())
        .filter(|(_, label)| label != "one_off")
        .collect();
    let found = analysed(&corpus(), &labels);
    assert_at_least(&found, 0.45, 0.60, 0.05);
}

/// Six subjects in German, English, French and Russian: the encoder knows one of the languages, and by it alone nearly
/// every topic is a language (Rand index .26).
#[test]
fn four_languages_make_topics_by_what_is_said() {
    let text = include_str!("../fixtures/languages.jsonl");
    let rows: Vec<Row> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let labels = rows.iter().map(|row| {
        let label = label_of(row).unwrap();
        (row["id"].as_str().unwrap().to_owned(), label.to_owned())
    });
    let found = analysed(&rows, &labels.collect());
    assert_at_least(&found, 0.68, 0.85, 0.08);
}

/// The rows of a public set, or none with a loud word.
fn public(name: &str) -> Option<Vec<Row>> {
    let text = std::fs::read_to_string(public_data(name)?).unwrap();
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn label_of(row: &Row) -> Option<&str> {
    row.get("label").and_then(Value::as_str)
}

fn check_public(rows: Vec<Row>, floors: (f64, f64)) {
    let labels: BTreeMap<String, String> = rows
        .iter()
        .map(|row| {
            (
                row["id"].as_str().unwrap().to_owned(),
                label_of(row).unwrap().to_owned(),
            )
        })
        .collect();
    let kinds: BTreeSet<&String> = labels.values().collect();
    println!("{} rows, {} labels", rows.len(), kinds.len());
    assert_at_least(&analysed(&rows, &labels), floors.0, floors.1, 0.05);
}

/// Short questions of one trade, many kinds: fine topics.
#[test]
fn bank_customers_questions_are_told_apart() {
    let Some(mut rows) = public("banking77.jsonl") else {
        return;
    };
    rows.retain(|row| row["id"].as_str().unwrap().contains("test"));
    check_public(rows, (0.57, 0.82));
}

/// Call notes of several trades, few kinds: coarse topics.
#[test]
fn service_calls_are_told_apart() {
    let Some(mut rows) = public("multidogo.jsonl") else {
        return;
    };
    rows.retain(|row| label_of(row).is_some_and(|label| !label.contains('+')));
    rows.truncate(5_000);
    check_public(rows, (0.70, 0.85));
}
