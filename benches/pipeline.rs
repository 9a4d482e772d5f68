//! How fast the steps are, on the built-in corpus repeated with small changes, or on the texts of
//! `GROUNDSWELL_BENCH_DATA=FILE.jsonl`. `cargo bench --bench pipeline`

use std::hint::black_box;
use std::time::Duration;

use chrono::DateTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use groundswell::embed::transformer::Transformer;
use groundswell::ingest::{clean, redact};
use groundswell::model::{Conversation, ConversationKey, Stored, Text, Vector};
use groundswell::search::SearchIndex;
use groundswell::store::Changed;
use groundswell::topics::{Document, Matrix, Params, Registry, Resolution, communities, discover};
use groundswell::topics::{nearest, network};

/// So many texts, each with a number of its own so that no two are equal.
fn texts(count: usize) -> Vec<String> {
    let file = std::env::var("GROUNDSWELL_BENCH_DATA").ok();
    let corpus = file.map_or_else(
        || include_str!("../src/demo/corpus.jsonl").to_owned(),
        |path| std::fs::read_to_string(path).expect("the file can be read"),
    );
    let words: Vec<String> = corpus.lines().filter_map(text_of).collect();
    (0..count)
        .map(|n| format!("{} ({n})", words[n % words.len()]))
        .collect()
}

fn text_of(line: &str) -> Option<String> {
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    let messages = row["messages"].as_array().into_iter().flatten();
    let text: Vec<&str> = messages
        .filter_map(|message| message["text"].as_str())
        .collect();
    Some(
        row["text"]
            .as_str()
            .map_or_else(|| text.join("\n\n"), str::to_owned),
    )
}

fn vectors(texts: &[String]) -> Vec<Vector> {
    let encoder = Transformer::built_in().expect("the built-in encoder loads");
    let texts: Vec<Text> = texts.iter().map(|text| Text::from(text.as_str())).collect();
    encoder
        .encode(&texts)
        .expect("the built-in encoder takes any text")
}

fn changed(number: usize, text: &str) -> Changed {
    let at = DateTime::from_timestamp(1_767_600_000 + number as i64 * 60, 0).expect("in range");
    let conversation = Conversation::new(ConversationKey::new("bench", number.to_string()), at);
    Changed {
        number: number as i64 + 1,
        stored: Stored {
            conversation,
            text: Text::from(text),
            text_hash: String::new(),
            language: "en".to_owned(),
        },
        topic: None,
    }
}

fn words(criterion: &mut Criterion) {
    let texts = texts(1_000);
    let mut group = criterion.benchmark_group("words of 1000 texts");
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("clean", |b| {
        b.iter(|| {
            texts
                .iter()
                .map(|text| clean(black_box(text), &[]).len())
                .sum::<usize>()
        });
    });
    group.bench_function("redact", |b| {
        b.iter(|| {
            texts
                .iter()
                .map(|text| redact(black_box(text), true).len())
                .sum::<usize>()
        });
    });
    group.bench_function("index", |b| {
        let changes: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(n, text)| changed(n, text))
            .collect();
        b.iter_batched(
            || SearchIndex::in_memory().expect("memory can hold an index"),
            |index| {
                index
                    .apply(black_box(&changes))
                    .expect("memory can hold the texts")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn meaning(criterion: &mut Criterion) {
    let few = texts(256);
    let mut group = criterion.benchmark_group("meaning");
    group.throughput(Throughput::Elements(few.len() as u64));
    group.bench_function("embed 256 texts", |b| b.iter(|| vectors(black_box(&few))));
    for count in [1_000, 10_000] {
        let texts = texts(count);
        let vectors = vectors(&texts);
        let matrix = Matrix::new(&vectors);
        group.throughput(Throughput::Elements(count as u64));
        let neighbours = || {
            nearest(
                &matrix,
                &matrix,
                15,
                |row, column| row != column,
                |_, list| list.to_vec(),
            )
        };
        group.bench_function(format!("neighbours of {count}"), |b| b.iter(neighbours));
        let network = network(&neighbours());
        group.bench_function(format!("communities of {count}"), |b| {
            b.iter(|| communities(black_box(&network), Resolution(8), 7));
        });
        let documents = documents(&texts, &vectors);
        group.bench_function(format!("discover in {count}"), |b| {
            let now = DateTime::from_timestamp(1_800_000_000, 0).expect("in range");
            b.iter(|| {
                discover(
                    black_box(&documents),
                    &Registry::default(),
                    &Params::default(),
                    now,
                )
            });
        });
    }
    group.finish();
}

fn documents(texts: &[String], vectors: &[Vector]) -> Vec<Document> {
    let document = |(number, (text, vector)): (usize, (&String, &Vector))| Document {
        key: ConversationKey::new("bench", format!("{number:06}")),
        text: Text::from(text.as_str()),
        vector: vector.clone(),
        language: "en".to_owned(),
        customer: Some(format!("customer-{}", number % 997)),
        created_at: DateTime::from_timestamp(1_767_600_000 + number as i64 * 60, 0)
            .expect("in range"),
        topic: None,
    };
    texts
        .iter()
        .zip(vectors)
        .enumerate()
        .map(document)
        .collect()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    targets = words, meaning
}
criterion_main!(benches);
