//! What the daemon spends to see that nothing is due, which it does every few seconds for years, and to put a few new
//! conversations where they belong, among very many.
//! `cargo bench --bench idle [-- COUNT]`

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::{
    Assignment, Conversation, ConversationKey, Discovery, SourceId, Stored, Text, Topic, TopicId,
    TopicStatus, Vector,
};
use groundswell::steps;
use groundswell::store::CleanPage;
use sha2::{Digest, Sha256};
use support::{memory_mib, run};

const PAGE: usize = 5_000;
const TOPICS: usize = 300;

fn main() {
    run(1_000_000, idle);
}

async fn idle(count: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::parse("", folder.path().to_path_buf(), BTreeMap::new())
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    config.data_dir = folder.path().join("data");
    let app = App::open(config).await?;
    let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse()?;
    let discovery = Discovery {
        topics: topics(start),
        assignments: Vec::new(),
        lineage: Vec::new(),
    };
    app.store.save_discovery(&discovery, start).await?;
    for from in (0..count).step_by(PAGE) {
        let page: Vec<Stored> = (from..count.min(from + PAGE))
            .map(|number| one(number, start))
            .collect();
        keep(&app, &page, start).await?;
    }
    let at = start + TimeDelta::seconds(count as i64);
    let mut fastest = f64::INFINITY;
    for _ in 0..5 {
        let since = Instant::now();
        app.progress().await?;
        fastest = fastest.min(since.elapsed().as_secs_f64());
    }
    println!(
        "{count} conversations: {:.1} ms to see that nothing is due",
        fastest * 1e3
    );
    let arrivals: Vec<Stored> = (count..count + 10)
        .map(|number| one(number, start))
        .collect();
    save(&app, &arrivals, at).await?;
    let before = memory_mib("VmHWM:");
    let since = Instant::now();
    steps::assign(&app, at).await?;
    println!(
        "{:.2} s to judge ten more; peak memory {} MiB, {before} MiB before",
        since.elapsed().as_secs_f64(),
        memory_mib("VmHWM:")
    );
    Ok(())
}

/// A page with all that is done for it: pulled, embedded, judged.
async fn keep(app: &App, page: &[Stored], at: DateTime<Utc>) -> anyhow::Result<()> {
    save(app, page, at).await?;
    let judged = page.iter().enumerate().map(|(number, stored)| {
        let topic = TopicId(format!("t{:03}", number % TOPICS));
        Assignment {
            key: stored.conversation.key.clone(),
            topic: Some(topic.clone()),
            found: Some(topic),
            score: 0.5,
            also: None,
        }
    });
    app.store
        .save_assignments(&judged.collect::<Vec<_>>())
        .await
}

async fn save(app: &App, page: &[Stored], at: DateTime<Utc>) -> anyhow::Result<()> {
    let clean = CleanPage {
        conversations: page.to_vec(),
        ..CleanPage::default()
    };
    app.store
        .save_page(&SourceId::from("desk"), &clean, at)
        .await?;
    let vectors = page.iter().map(|stored| {
        let bytes = stored.text_hash.as_bytes().repeat(6);
        (stored.text_hash.clone(), Vector::from_bytes(&bytes))
    });
    let vectors: Vec<_> = vectors.collect();
    app.store
        .save_vectors(&app.embedder.model(), &vectors)
        .await
}

fn topics(at: DateTime<Utc>) -> Vec<Topic> {
    let topic = |number: usize| Topic {
        id: TopicId(format!("t{number:03}")),
        label: format!("pump {number}"),
        terms: Vec::new(),
        exemplars: Vec::new(),
        centre: vec![1 + number as i64; 384],
        threshold: 0,
        theme_id: TopicId("t000".to_owned()),
        theme: String::new(),
        stability: None,
        status: TopicStatus::Live,
        discovered_at: at,
    };
    (0..TOPICS).map(topic).collect()
}

fn one(number: usize, start: DateTime<Utc>) -> Stored {
    let key = ConversationKey::new("desk", format!("{number:07}"));
    let text = format!("The pump {number} stops again. It did so before, after the update.");
    let hash = Sha256::digest(text.as_bytes());
    Stored {
        conversation: Conversation::new(key, start + TimeDelta::seconds(number as i64)),
        text_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        text: Text::from(text),
        language: "en".to_owned(),
    }
}
