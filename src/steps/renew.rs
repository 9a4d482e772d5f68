//! The change to another encoder, once every text has its vector: topics keep their ids, names and conversations.

use anyhow::Context;

use crate::app::App;
use crate::topics;

/// Puts the topics into the numbers of the configured encoder. One topic's vectors are in memory at a time.
pub async fn renew(app: &App) -> anyhow::Result<()> {
    let model = app.embedder.model();
    let mut renewed = Vec::new();
    for topic in app.store.topics().await? {
        let members = app.store.members(&model, &topic.id).await?;
        let params = app.config.topics.clone();
        let work = move || topics::renewed(&topic, &members, &params);
        renewed.push(
            tokio::task::spawn_blocking(work)
                .await
                .context("renewing topics")?,
        );
    }
    app.store.change_encoder(&model, &renewed).await?;
    let count = renewed.len();
    tracing::info!(
        topic.count = count,
        encoder = %model.0,
        "{count} topics were put into the numbers of another encoder"
    );
    Ok(())
}
