//! Changing the encoder: texts are embedded anew, topics keep their ids and conversations, and no moment of
//! death leaves old topics with new vectors. And the short cut of a large backfill, which is made good later.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::{ModelId, TopicId};
use groundswell::steps;
use groundswell::store::Which;

use crate::support::{Limited, Row, corpus, jsonl, loud_week};

const TOKENIZER: &[u8] = include_bytes!("../../src/embed/model/tokenizer.json");
const WEIGHTS: &[u8] = include_bytes!("../../src/embed/model/minilm.onnx");
const TINY_TOKENIZER: &[u8] = include_bytes!("../fixtures/encoder/tokenizer.json");
const TINY_WEIGHTS: &[u8] = include_bytes!("../fixtures/encoder/model.onnx");
const POOLING: &[u8] = br#"{"pooling_mode_mean_tokens": true}"#;

fn write(path: &Path, name: &str, bytes: &[u8]) {
    let path = path.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn config(folder: &Path, embed: &str) -> Config {
    let text = format!(
        "[digest]\nconversations_min = 2\n[embed]\n{embed}\n\
         [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\nschedule = '*/30 * * * *'\n\
         [[digests]]\ncadence = 'daily'\nschedule = '* * * * *'\ngrace_minutes = 0\n"
    );
    Config::parse(&text, folder.to_owned(), BTreeMap::new()).unwrap()
}

async fn opened(folder: &Path, embed: &str) -> App {
    for _ in 0..1_000 {
        // What a dead one still held is let go a moment later.
        match App::open(config(folder, embed)).await {
            Ok(app) => return app,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    panic!("it does not start again");
}

async fn topics_of(app: &App) -> BTreeMap<String, Option<TopicId>> {
    let assignments = app.store.assignments().await.unwrap();
    let pairs = assignments.into_iter().map(|one| (one.key.id, one.topic));
    pairs.collect()
}

async fn ids(app: &App) -> Vec<TopicId> {
    let topics = app.store.topics().await.unwrap();
    topics.into_iter().map(|topic| topic.id).collect()
}

/// A conversation with the words of another one, opened at an instant.
fn repeated(row: &Row, id: &str, at: DateTime<Utc>) -> Row {
    let mut row = row.clone();
    row.insert("id".to_owned(), id.into());
    row.insert("created_at".to_owned(), at.to_rfc3339().into());
    for name in ["updated_at", "closed_at"] {
        row.remove(name);
    }
    let text = row["messages"][0]["text"].as_str().unwrap().to_owned();
    row["messages"][0]["text"] = format!("{text} Please call me.").into();
    row
}

#[tokio::test]
async fn another_encoder_keeps_topics_through_any_death_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut rows = loud_week();
    write(path, "desk.jsonl", jsonl(&rows).as_bytes());
    write(path, "mine/tokenizer.json", TOKENIZER);
    write(path, "mine/model.onnx", WEIGHTS);
    let mut now: DateTime<Utc> = "2026-03-30T00:10:00Z".parse().unwrap();

    let app = opened(path, "").await;
    app.tick(now).await;
    let (topics, before) = (ids(&app).await, topics_of(&app).await);
    assert!(topics.len() >= 2, "{topics:?}");
    let exemplar = app.store.topics().await.unwrap()[0].exemplars[0]
        .key
        .id
        .clone();
    let old = app.embedder.model();
    let closed = app
        .store
        .closed_windows(groundswell::model::Cadence::Daily, 99)
        .await
        .unwrap();
    drop(app);

    // Another encoder, and an arrival that belongs to a known topic.
    let embed = "encoder = 'folder'\n[embed.folder]\npath = 'mine'\nprefix = 'query: '";
    let known = rows
        .iter()
        .find(|row| row["id"] == exemplar.as_str())
        .unwrap();
    let (known, home) = (known.clone(), before[&exemplar].clone());
    now += TimeDelta::hours(13);
    rows.push(repeated(&known, "arrival", now - TimeDelta::hours(1)));
    write(path, "desk.jsonl", jsonl(&rows).as_bytes());
    let (mut deaths, mut polls) = (0, 1);
    let app = loop {
        let app = opened(path, embed).await;
        let model = app.embedder.model();
        let got_through = Limited::new(app.tick(now), polls).await.is_some();
        if got_through {
            break app;
        }
        deaths += 1;
        polls += 1 + polls / 6;
        drop(app);
        let app = opened(path, embed).await;
        consistent(&app, &old, &model, &topics, &before).await;
    };
    assert!(deaths > 10, "{deaths}");
    let model = app.embedder.model();
    assert!(
        model != old && model.0.starts_with("folder/mine/384/"),
        "{}",
        model.0
    );
    assert_eq!(app.store.topics_model().await.unwrap(), Some(model));
    let after = topics_of(&app).await;
    for (id, topic) in &before {
        assert_eq!(after[id], *topic, "{id}");
    }
    assert_eq!(after["arrival"], home, "an arrival finds the renewed topic");
    assert_eq!(ids(&app).await, topics);
    let texts = app.store.count_without_vector(&old).await.unwrap();
    assert!(texts > 40, "the old vectors are gone");
    let daily = groundswell::model::Cadence::Daily;
    assert!(app.store.closed_windows(daily, 99).await.unwrap().len() >= closed.len());
    drop(app);
    another_width(path, now, &after).await;
}

/// Nothing of the old encoder is compared with what the new one gives.
async fn another_width(
    path: &Path,
    now: DateTime<Utc>,
    before: &BTreeMap<String, Option<TopicId>>,
) {
    write(path, "tiny/tokenizer.json", TINY_TOKENIZER);
    write(path, "tiny/onnx/model.onnx", TINY_WEIGHTS);
    write(path, "tiny/1_Pooling/config.json", POOLING);
    let app = opened(path, "encoder = 'folder'\n[embed.folder]\npath = 'tiny'").await;
    app.tick(now + TimeDelta::hours(1)).await;
    let kept = app.store.topics().await.unwrap();
    assert!(
        kept.iter()
            .all(|topic| topic.centre.len() == 8 && topic.exemplars[0].vector.0.len() == 8)
    );
    assert_eq!(topics_of(&app).await, *before);
}

/// Either all is old, or all is new.
async fn consistent(
    app: &App,
    old: &ModelId,
    new: &ModelId,
    topics: &[TopicId],
    before: &BTreeMap<String, Option<TopicId>>,
) {
    assert_eq!(ids(app).await, topics);
    let now = topics_of(app).await;
    for (id, topic) in before {
        assert_eq!(now[id], *topic, "{id}");
    }
    let model = app.store.topics_model().await.unwrap().unwrap();
    let texts = app
        .store
        .count_without_vector(&ModelId("none".into()))
        .await
        .unwrap();
    if model == *old {
        // The text that arrived never had one of the old vectors, nor a topic.
        assert!(app.store.count_without_vector(old).await.unwrap() <= 1);
        assert!(!now.contains_key("arrival"));
    } else {
        assert_eq!(model, *new);
        assert_eq!(app.store.count_without_vector(old).await.unwrap(), texts);
    }
}

#[tokio::test]
async fn a_large_backfill_takes_the_short_cut_and_is_read_properly_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows: Vec<Row> = corpus().into_iter().take(240).collect();
    write(path, "desk.jsonl", jsonl(&rows).as_bytes());
    let now: DateTime<Utc> = "2026-03-30T00:10:00Z".parse().unwrap();
    let app = opened(path, "fast_above = 150\nfast_sample = 100").await;
    let source = app.config.sources[0].id.clone();
    while !steps::pull(&app, &source, now).await.unwrap() {}
    let model = app.embedder.model();
    let texts = app.store.count_without_vector(&model).await.unwrap();
    assert!(texts > 200, "{texts}");
    steps::embed(&app, u64::MAX, &|_, _| ()).await.unwrap();
    assert_eq!(app.store.count_without_vector(&model).await.unwrap(), 0);
    let guessed = app
        .store
        .texts_with_approximate_vector(&model, 999)
        .await
        .unwrap();
    assert_eq!(guessed.len() as u64, texts - 100);
    // Found on guesses; the tick then reads what was guessed, and renews the topics.
    steps::discover(&app, now).await.unwrap();
    let (topics, before) = (ids(&app).await, topics_of(&app).await);
    assert!(app.store.are_topics_approximate().await.unwrap() && !topics.is_empty());
    let centres: Vec<Vec<i64>> = centres(&app).await;
    app.tick(now).await;
    assert!(
        app.store
            .texts_with_approximate_vector(&model, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!app.store.are_topics_approximate().await.unwrap());
    assert_eq!((ids(&app).await, topics_of(&app).await), (topics, before));
    assert!(
        centres
            .iter()
            .zip(self::centres(&app).await)
            .all(|(old, new)| *old != new)
    );
    let documents = app.store.documents(&model, Which::All, None).await.unwrap();
    let texts: Vec<_> = documents
        .iter()
        .map(|document| document.text.clone())
        .collect();
    let real = app.embedder.embed(&texts).await.unwrap();
    assert!(
        documents
            .iter()
            .zip(real)
            .all(|(document, real)| document.vector == real)
    );
}

async fn centres(app: &App) -> Vec<Vec<i64>> {
    let topics = app.store.topics().await.unwrap();
    topics.into_iter().map(|topic| topic.centre).collect()
}
