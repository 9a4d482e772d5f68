//! How long searches take: percentiles over many queries on an index of `GROUNDSWELL_BENCH_COUNT`
//! conversations (100,000 unless told), made of the built-in corpus repeated with small changes.
//! `cargo bench --bench search`

use std::time::Instant;

use chrono::DateTime;
use groundswell::model::{Conversation, ConversationKey, Stored, Text};
use groundswell::search::{SearchIndex, SearchRequest};
use groundswell::store::Changed;

const QUERIES: [&str; 12] = [
    "ice on the path",
    "E17",
    "firmware 4.2.0",
    "\"hot water\" cold",
    "thermostat battery -app",
    "invoice twice",
    "technician did not come",
    "category:\"Hot water\" shower",
    "kind:call_note noise",
    "after:2026-03-01 defrost",
    "router OR gateway",
    "subsid*",
];

fn main() {
    // `cargo test --benches` passes this: then it only has to start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let count = std::env::var("GROUNDSWELL_BENCH_COUNT")
        .ok()
        .and_then(|text| text.parse().ok());
    let count: usize = count.unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (index, _) = SearchIndex::open(folder.path()).expect("an empty folder can be opened");
    let rows: Vec<serde_json::Value> = include_str!("../src/demo/corpus.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let started = Instant::now();
    let numbers: Vec<usize> = (0..count).collect();
    for chunk in numbers.chunks(5_000) {
        let changes: Vec<_> = chunk
            .iter()
            .map(|n| changed(*n, &rows[n % rows.len()]))
            .collect();
        index.apply(&changes).expect("the folder can be written to");
    }
    println!(
        "indexed {count} conversations in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let mut milliseconds = Vec::new();
    for round in 0..100 {
        for query in QUERIES {
            let request = SearchRequest::new(query);
            let started = Instant::now();
            let results = index.search(&request).expect("the index can be read");
            if round > 0 {
                milliseconds.push(started.elapsed().as_secs_f64() * 1e3);
            }
            assert!(results.notes.is_empty(), "{query}: {:?}", results.notes);
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    let at = |share: f64| milliseconds[(milliseconds.len() as f64 * share) as usize];
    println!(
        "{} searches: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms",
        milliseconds.len(),
        at(0.5),
        at(0.9),
        at(0.99)
    );
}

fn changed(number: usize, row: &serde_json::Value) -> Changed {
    let at = DateTime::from_timestamp(1_767_600_000 + number as i64 * 60, 0).expect("in range");
    let mut conversation = Conversation::new(ConversationKey::new("bench", number.to_string()), at);
    conversation.category = row["category"].as_str().map(str::to_owned);
    conversation.product = row["product"].as_str().map(str::to_owned);
    conversation.subject = Text::from(row["subject"].as_str().unwrap_or_default());
    let messages = row["messages"].as_array().into_iter().flatten();
    let words: Vec<&str> = messages
        .filter_map(|message| message["text"].as_str())
        .collect();
    Changed {
        number: number as i64 + 1,
        stored: Stored {
            conversation,
            text: Text::from(format!("{} ({number})", words.join("\n\n"))),
            text_hash: String::new(),
            language: "en".to_owned(),
        },
        topic: None,
    }
}
