//! What the daemon spends to see that nothing is due, which it does every few seconds for years.
//! `cargo bench --bench idle [-- COUNT]`

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::{
    Assignment, Conversation, ConversationKey, SourceId, Stored, Text, Vector,
};
use groundswell::store::CleanPage;
use sha2::{Digest, Sha256};

const PAGE: usize = 5_000;

fn main() {
    // `cargo test --benches` passes this: then it only has to start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let count = std::env::args().find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime
        .block_on(idle(count.unwrap_or(1_000_000)))
        .expect("nothing is due");
}

async fn idle(count: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::parse("", folder.path().to_path_buf(), BTreeMap::new())
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    config.data_dir = folder.path().join("data");
    let app = App::open(config).await?;
    let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse()?;
    for from in (0..count).step_by(PAGE) {
        let page: Vec<Stored> = (from..count.min(from + PAGE))
            .map(|number| one(number, start))
            .collect();
        keep(&app, &page, start).await?;
    }
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
    Ok(())
}

/// A page with all that is done for it: pulled, embedded, judged.
async fn keep(app: &App, page: &[Stored], at: DateTime<Utc>) -> anyhow::Result<()> {
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
        .await?;
    let judged = page.iter().map(|stored| Assignment {
        key: stored.conversation.key.clone(),
        topic: None,
        found: None,
        score: 0.0,
        also: None,
    });
    app.store
        .save_assignments(&judged.collect::<Vec<_>>())
        .await
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
