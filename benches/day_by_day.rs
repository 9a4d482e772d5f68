//! How much topics depend on when conversations come: a stream day by day (arrivals assigned, discovery each day, review
//! each week) against all of it at once, and each week against the week before.
//! `GROUNDSWELL_STREAM=FILE.jsonl cargo bench --bench day_by_day`; rows need `id`, `created_at`, `text`.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::embed::transformer::Transformer;
use groundswell::model::{ConversationKey, Discovery, Lineage, Text, TopicId, TopicStatus, Vector};
use groundswell::topics::{Document, Params, Registry, assign, discover, review};

/// Days between reviews.
const REVIEW_DAYS: i64 = 7;
/// Days that arrivals and discovery look back.
const HORIZON_DAYS: i64 = 180;
/// Days that reviews look back.
const REVIEW_HORIZON_DAYS: i64 = 730;

type Places = BTreeMap<ConversationKey, Option<TopicId>>;

fn main() {
    let Ok(path) = std::env::var("GROUNDSWELL_STREAM") else {
        println!("NOTHING WAS MEASURED: set GROUNDSWELL_STREAM to a JSONL file with dates");
        return;
    };
    let rows = std::fs::read_to_string(&path).expect("the stream can be read");
    let documents = documents(&rows);
    let params = Params::default();
    let mut stream = Stream::default();
    let mut weeks: Vec<Places> = Vec::new();
    let mut at = 0;
    let first = documents[0].created_at;
    let mut day = 0;
    let started = Instant::now();
    while at < documents.len() {
        day += 1;
        let now = first + TimeDelta::days(day);
        let until = at + documents[at..].partition_point(|document| document.created_at < now);
        stream.arrive(&documents[at..until], &params, now);
        at = until;
        if day % REVIEW_DAYS == 0 {
            stream.review(&params, now);
            let before = weeks.last();
            let same = before.map(|before| nmi(before, &stream.places()));
            weeks.push(stream.places());
            println!(
                "day {day}: {} conversations, {} topics, {:.1} % unassigned; to the week before {}; {}",
                stream.settled.len(),
                stream.live(),
                stream.unassigned() * 100.0,
                same.map_or_else(|| "-".to_owned(), |nmi| format!("{nmi:.3}")),
                stream.said(),
            );
        }
    }
    println!("day by day: {:.0} s", started.elapsed().as_secs_f64());
    let whole = discover(&documents, &Registry::default(), &params, first);
    let whole: Places = whole
        .assignments
        .into_iter()
        .map(|a| (a.key, a.topic))
        .collect();
    let topics: std::collections::BTreeSet<_> = whole.values().flatten().collect();
    println!("all at once: {} topics", topics.len());
    println!(
        "NMI between day by day and all at once: {:.3}",
        nmi(&stream.places(), &whole)
    );
    let weekly: Vec<f64> = weeks
        .windows(2)
        .map(|pair| nmi(&pair[0], &pair[1]))
        .collect();
    let half = &weekly[weekly.len() / 2..];
    println!(
        "NMI between a week and the next, second half of the stream: mean {:.3}, least {:.3}",
        half.iter().sum::<f64>() / half.len().max(1) as f64,
        half.iter().copied().fold(1.0, f64::min)
    );
}

/// A database's part in the measurement.
#[derive(Default)]
struct Stream {
    registry: Registry,
    settled: Vec<Document>,
    lineage: Vec<Lineage>,
}

impl Stream {
    fn arrive(&mut self, arrivals: &[Document], params: &Params, now: DateTime<Utc>) {
        let horizon = now - TimeDelta::days(HORIZON_DAYS);
        let mut arrivals = arrivals.to_vec();
        if !self.registry.topics.is_empty() {
            let settled = self.recent(horizon, |topic| topic.is_some());
            let found = assign(&arrivals, &settled, &self.registry, params);
            for (arrival, assignment) in arrivals.iter_mut().zip(found) {
                arrival.topic = assignment.topic;
            }
        }
        self.settled.extend(arrivals);
        let unassigned = self.recent(horizon, |topic| topic.is_none());
        let found = discover(&unassigned, &self.registry, params, now);
        self.take(found);
    }

    fn review(&mut self, params: &Params, now: DateTime<Utc>) {
        self.lineage.clear();
        let all = self.recent(now - TimeDelta::days(REVIEW_HORIZON_DAYS), |_| true);
        let awake_since = now - TimeDelta::days(HORIZON_DAYS);
        let found = review(&all, &self.registry, params, awake_since, now);
        self.take(found);
    }

    fn recent(
        &self,
        from: DateTime<Utc>,
        which: impl Fn(&Option<TopicId>) -> bool,
    ) -> Vec<Document> {
        let documents = self.settled.iter();
        documents
            .filter(|document| document.created_at >= from && which(&document.topic))
            .cloned()
            .collect()
    }

    fn take(&mut self, found: Discovery) {
        let mut topics: BTreeMap<TopicId, _> = self
            .registry
            .topics
            .drain(..)
            .map(|topic| (topic.id.clone(), topic))
            .collect();
        topics.extend(
            found
                .topics
                .into_iter()
                .map(|topic| (topic.id.clone(), topic)),
        );
        self.registry.topics = topics.into_values().collect();
        for lineage in &found.lineage {
            if let Lineage::MergedInto { topic, into } = lineage {
                self.registry.merged.insert(topic.clone(), into.clone());
            }
        }
        self.lineage.extend(found.lineage);
        let moved: Places = found
            .assignments
            .into_iter()
            .map(|a| (a.key, a.topic))
            .collect();
        for document in &mut self.settled {
            if let Some(topic) = moved.get(&document.key) {
                document.topic = topic.clone();
            }
        }
    }

    fn places(&self) -> Places {
        let documents = self.settled.iter();
        documents
            .map(|document| (document.key.clone(), document.topic.clone()))
            .collect()
    }

    fn live(&self) -> usize {
        let topics = self.registry.topics.iter();
        topics
            .filter(|topic| topic.status == TopicStatus::Live)
            .count()
    }

    fn unassigned(&self) -> f64 {
        let without = self
            .settled
            .iter()
            .filter(|one| one.topic.is_none())
            .count();
        without as f64 / self.settled.len().max(1) as f64
    }

    fn said(&self) -> String {
        let count = |kind: fn(&Lineage) -> bool| self.lineage.iter().filter(|l| kind(l)).count();
        format!(
            "{} new, {} split, {} merged, {} dormant",
            count(|l| matches!(l, Lineage::New(_))),
            count(|l| matches!(l, Lineage::SplitFrom { .. })),
            count(|l| matches!(l, Lineage::MergedInto { .. })),
            count(|l| matches!(l, Lineage::Dormant(_))),
        )
    }
}

fn documents(rows: &str) -> Vec<Document> {
    let rows: Vec<serde_json::Value> = rows
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let text = |row: &serde_json::Value| Text::from(row["text"].as_str().unwrap_or_default());
    let texts: Vec<Text> = rows.iter().map(text).collect();
    let encoder = Transformer::built_in().expect("the built-in encoder loads");
    let vectors: Vec<Vector> = encoder.encode(&texts).expect("it takes any text");
    let document = |((row, text), vector): ((&serde_json::Value, Text), Vector)| {
        let created_at = row["created_at"].as_str()?.parse().ok()?;
        Some(Document {
            key: ConversationKey::new("stream", row["id"].as_str()?),
            text,
            vector,
            language: "en".to_owned(),
            customer: row["requester"].as_str().map(str::to_owned),
            created_at,
            topic: None,
        })
    };
    let mut documents: Vec<Document> = rows
        .iter()
        .zip(texts)
        .zip(vectors)
        .filter_map(document)
        .collect();
    documents.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
    documents
}

/// Normalised mutual information (arithmetic mean) over the conversations in both; one without a topic is a topic of its
/// own.
fn nmi(one: &Places, other: &Places) -> f64 {
    let name = |key: &ConversationKey, topic: &Option<TopicId>| match topic {
        Some(topic) => topic.to_string(),
        None => format!("unassigned {key}"),
    };
    let pairs: Vec<(String, String)> = one
        .iter()
        .filter_map(|(key, topic)| Some((name(key, topic), name(key, other.get(key)?))))
        .collect();
    let n = pairs.len() as f64;
    let (mut cells, mut left, mut right) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for pair in &pairs {
        *cells.entry(pair).or_insert(0.0) += 1.0;
        *left.entry(&pair.0).or_insert(0.0) += 1.0;
        *right.entry(&pair.1).or_insert(0.0) += 1.0;
    }
    let entropy = |counts: &BTreeMap<&String, f64>| -> f64 {
        counts.values().map(|c| -c / n * (c / n).ln()).sum()
    };
    let shared: f64 = cells
        .iter()
        .map(|((x, y), c)| c / n * (c * n / (left[x] * right[y])).ln())
        .sum();
    let mean = f64::midpoint(entropy(&left), entropy(&right));
    if mean > 0.0 { shared / mean } else { 1.0 }
}
