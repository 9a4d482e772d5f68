//! Vectors for texts that have none. A very large backfill takes a short cut: a sample is read by the encoder, the
//! rest by what is learnt from it (`embed::fast`), and read properly later, when nothing else is to do.

use anyhow::Context;

use crate::app::App;
use crate::embed::{EmbedError, Learnt};
use crate::model::{ModelId, Text, Vector};

/// Texts that are embedded before the daemon looks again whether something else is due.
pub const TEXTS_PER_ROUND: u64 = 4_000;

/// Texts that are embedded and saved at once.
const TEXTS_PER_BATCH: u32 = 512;

/// The same for the fast tier.
const TEXTS_PER_FAST_BATCH: u32 = 8_192;

/// Hears how many texts are done and how many were to do.
pub type Heard<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Embeds texts that have no vector yet, at most `limit`; the fast tier ends what it began.
pub async fn embed(app: &App, limit: u64, heard: Heard<'_>) -> anyhow::Result<u64> {
    let model = app.embedder.model();
    let waiting = app.store.count_without_vector(&model).await?;
    let fast = app.config.embed.fast;
    let sample_end = match fast.is_worth_it(waiting) {
        true => app.store.sample_end(fast.sample).await?,
        false => None,
    };
    let total = if sample_end.is_some() {
        waiting
    } else {
        waiting.min(limit)
    };
    let heard_of_all = |done| heard(done, total);
    let mut done = match &sample_end {
        None => read(app, &model, limit, &heard_of_all).await?,
        Some((_, end)) => read_sample(app, &model, limit, end, &heard_of_all).await?,
    };
    if let Some((_, end)) = sample_end.filter(|_| done < limit) {
        done += guess(app, &model, &end, &|more| heard(done + more, total)).await?;
    }
    tracing::info!(text.count = done, "embedded {done} texts");
    Ok(done)
}

/// The encoder reads texts without a vector.
async fn read(
    app: &App,
    model: &ModelId,
    limit: u64,
    heard: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<u64> {
    let mut done = 0;
    while done < limit {
        let batch = app.store.texts_without_vector(model, TEXTS_PER_BATCH);
        let read = save(app, model, batch.await?).await?;
        if read == 0 {
            break;
        }
        done += read;
        heard(done);
    }
    Ok(done)
}

/// The encoder reads texts without a vector up to a hash.
async fn read_sample(
    app: &App,
    model: &ModelId,
    limit: u64,
    end: &str,
    heard: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<u64> {
    let (mut done, mut last) = (0, String::new());
    while done < limit {
        let batch = app
            .store
            .texts_without_vector_after(model, &last, TEXTS_PER_BATCH);
        let mut batch = batch.await?;
        batch.retain(|(hash, _)| hash.as_str() <= end);
        let Some((hash, _)) = batch.last() else {
            break;
        };
        last.clone_from(hash);
        done += save(app, model, batch).await?;
        heard(done);
    }
    Ok(done)
}

async fn save(app: &App, model: &ModelId, texts: Vec<(String, Text)>) -> anyhow::Result<u64> {
    let vectors = vectors(app, texts).await?;
    app.store.save_vectors(model, &vectors).await?;
    Ok(vectors.len() as u64)
}

async fn vectors(app: &App, texts: Vec<(String, Text)>) -> anyhow::Result<Vec<(String, Vector)>> {
    let (hashes, texts): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
    let vectors = app.embedder.embed(&texts).await;
    let vectors = vectors.map_err(|error| match error {
        EmbedError::Transient(reason) => anyhow::anyhow!("{reason}; will be tried again"),
        EmbedError::Permanent(reason) => anyhow::anyhow!(reason),
    })?;
    Ok(hashes.into_iter().zip(vectors).collect())
}

/// Learns from the texts up to a hash, and gives all others without a vector what was learnt.
async fn guess(
    app: &App,
    model: &ModelId,
    sample_end: &str,
    heard: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<u64> {
    let sample = app.store.texts_with_vectors(model, sample_end).await?;
    let count = sample.len();
    let learning = tokio::task::spawn_blocking(move || Learnt::from_sample(&sample));
    let mut learnt = learning.await.context("learning from the sample")?;
    tracing::info!(
        text.count = count,
        "learnt vectors from a sample of {count} texts"
    );
    let (mut done, mut last) = (0, sample_end.to_owned());
    loop {
        let batch = app
            .store
            .texts_without_vector_after(model, &last, TEXTS_PER_FAST_BATCH);
        let (hashes, texts): (Vec<String>, Vec<Text>) = batch.await?.into_iter().unzip();
        let Some(hash) = hashes.last() else {
            return Ok(done);
        };
        last.clone_from(hash);
        let guessing = tokio::task::spawn_blocking(move || {
            let vectors = learnt.vectors(&texts);
            (learnt, vectors)
        });
        let vectors;
        (learnt, vectors) = guessing.await.context("guessing vectors")?;
        let vectors: Vec<_> = hashes.into_iter().zip(vectors).collect();
        app.store.save_approximate_vectors(model, &vectors).await?;
        done += vectors.len() as u64;
        heard(done);
    }
}

/// Replaces vectors of the fast tier by the encoder's own, at most a round of them.
pub async fn refine(app: &App) -> anyhow::Result<()> {
    let model = app.embedder.model();
    let mut done = 0;
    while done < TEXTS_PER_ROUND {
        let batch = app
            .store
            .texts_with_approximate_vector(&model, TEXTS_PER_BATCH)
            .await?;
        if batch.is_empty() {
            break;
        }
        done += save(app, &model, batch).await?;
    }
    tracing::info!(text.count = done, "read {done} texts properly");
    Ok(())
}
