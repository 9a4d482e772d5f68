//! The steps of a ticket's way into a digest, each one load → compute → save. What is computed is
//! pure and lives in `topics`, `reconcile` and `digest`.

mod answer;
mod asked;
mod backfill;
mod close;
mod compute;
mod embed;
mod gaps;
mod heard;
mod official;
mod renew;
mod suggestions;
mod verify;
mod why;

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::ingest;
use crate::model::{Discovery, ModelId, SourceId, Topic, TopicId};
use crate::store::{Store, Which};
use crate::telemetry::RecordLabel;
use crate::topics::{self, Params, Registry};

pub use answer::{Refusal, answer, log as log_answer};
pub use asked::count_missing;
pub use backfill::backfill;
pub use close::{close, counted_from};
pub use embed::{TEXTS_PER_ROUND, embed, refine};
pub use gaps::{Coverage, Gap, no_list};
pub use official::{official, own_report};
pub use renew::renew;
pub use suggestions::{SuggestionRow, Wish, decide, decide_by_link, standing, suggestions};
pub use verify::{Verdict, verify_all, verify_digest};
pub use why::{Why, beginning, why};

/// Pages that are pulled before the daemon looks again whether something else is due.
const PAGES_PER_ROUND: u32 = 50;

/// Pulls one source: some pages, cleaned, redacted and stored. A failing helpdesk is not an error here: it is
/// recorded, with the time of the next try. Answers whether the pull is over, well or not.
pub async fn pull(app: &App, source: &SourceId, now: DateTime<Utc>) -> anyhow::Result<bool> {
    let connector = app
        .connectors
        .get(source)
        .context("the source is not configured")?;
    let config = &app.config.ingest;
    let outcome = ingest::pull_source(
        &app.store,
        connector.as_ref(),
        source,
        config,
        now,
        PAGES_PER_ROUND,
    )
    .await?;
    count(app, source, &outcome);
    if outcome.is_complete {
        let calendar = &app.config.calendar;
        official(&app.store, connector.as_ref(), source, calendar, now).await?;
    }
    Ok(outcome.is_complete || outcome.failure.is_some())
}

/// What a pull did, for the metrics.
fn count(app: &App, source: &SourceId, outcome: &ingest::PullOutcome) {
    let saved = outcome.saved;
    let counts = [
        ("new", saved.new),
        ("changed", saved.changed),
        ("unchanged", saved.unchanged),
        ("removed", saved.removed),
        ("skipped", outcome.skipped),
        ("parked", outcome.parked),
    ];
    for (name, count) in counts {
        let label = RecordLabel {
            source: source.to_string(),
            outcome: name,
        };
        app.metrics.records.get_or_create(&label).inc_by(count);
    }
}

/// Gives conversations that are new or changed the known topic they belong to, or none.
pub async fn assign(app: &App, now: DateTime<Utc>) -> anyhow::Result<()> {
    let model = app.embedder.model();
    let arrivals = app.store.documents(&model, Which::New, None).await?;
    let horizon = now - app.config.discovery.horizon;
    let registry = registry(app).await?;
    let params = app.config.topics.clone();
    let settled = app.store.voters(&model, horizon, &params);
    let settled = settled.await?;
    let assignments = tokio::task::spawn_blocking(move || {
        topics::assign(&arrivals, &settled, &registry, &params)
    })
    .await
    .context("assigning")?;
    app.store.save_assignments(&assignments).await?;
    apply_edits(&app.store).await?;
    let assigned = assignments.iter().filter(|a| a.topic.is_some()).count();
    let looked_at = assignments.len();
    tracing::info!(
        conversation.count = looked_at,
        assigned.count = assigned,
        "assigned {assigned} of {looked_at} conversations"
    );
    Ok(())
}

/// Looks for new topics among the conversations that have none; the first time, among all.
pub async fn discover(app: &App, now: DateTime<Utc>) -> anyhow::Result<()> {
    let model = app.embedder.model();
    let registry = registry(app).await?;
    let is_first = registry.topics.is_empty();
    let horizon = (!is_first).then(|| now - app.config.discovery.horizon);
    let which = if is_first {
        Which::All
    } else {
        Which::Unassigned
    };
    let documents = app.store.documents(&model, which, horizon).await?;
    let params = app.config.topics.clone();
    let discovery =
        tokio::task::spawn_blocking(move || topics::discover(&documents, &registry, &params, now))
            .await
            .context("discovering")?;
    app.store.save_discovery(&discovery, now).await?;
    apply_edits(&app.store).await?;
    let found = discovery.topics.len();
    tracing::info!(topic.count = found, "{found} topics are new or changed");
    Ok(())
}

/// Looks at everything in the horizon again and compares it with the registry: topics may split, merge, sleep and wake,
/// conversations move where the evidence is strong. Closed windows stay as they were counted.
pub async fn review(app: &App, now: DateTime<Utc>) -> anyhow::Result<()> {
    let model = app.embedder.model();
    let plan = app.config.discovery;
    let documents = app
        .store
        .documents(&model, Which::All, Some(now - plan.review_horizon))
        .await?;
    let registry = registry(app).await?;
    let params = app.config.topics.clone();
    let review = tokio::task::spawn_blocking(move || {
        topics::review(&documents, &registry, &params, now - plan.horizon, now)
    });
    let review = review.await.context("reviewing")?;
    app.store.save_review(&review, now).await?;
    apply_edits(&app.store).await?;
    let (changes, moved) = (review.lineage.len(), review.assignments.len());
    tracing::info!(
        topic.count = changes,
        conversation.count = moved,
        "the review changed {changes} topics and moved {moved} conversations"
    );
    Ok(())
}

/// Counts conversations where people's edits put them; after every run that may have put them elsewhere.
pub async fn apply_edits(store: &Store) -> anyhow::Result<()> {
    let registry = registry_of(store).await?;
    if registry.edits.is_empty() {
        return Ok(());
    }
    store
        .apply_edits(&registry.edits, &registry.edited())
        .await?;
    Ok(())
}

/// The topics as people see them: renamed, merged.
pub async fn seen_topics(store: &Store) -> anyhow::Result<Vec<Topic>> {
    Ok(registry_of(store).await?.seen())
}

/// The parts that a topic's conversations fall into, and how many they are; nothing is changed.
pub async fn split(
    store: &Store,
    model: &ModelId,
    params: &Params,
    topic: &TopicId,
    now: DateTime<Utc>,
) -> anyhow::Result<(Option<Discovery>, usize)> {
    let (registry, params, topic) = (registry_of(store).await?, params.clone(), topic.clone());
    let mut members = store.documents(model, Which::Assigned, None).await?;
    members.retain(|document| document.topic.as_ref() == Some(&topic));
    let count = members.len();
    let found = tokio::task::spawn_blocking(move || {
        topics::split(&topic, &members, &registry, &params, now)
    });
    Ok((found.await.context("splitting")?, count))
}

/// The registry as it is stored.
pub async fn registry_of(store: &Store) -> anyhow::Result<Registry> {
    Ok(Registry {
        topics: store.topics().await?,
        edits: store.edits().await?,
        merged: store.merged_topics().await?,
    })
}

/// The known topics and what people did with them.
pub async fn registry(app: &App) -> anyhow::Result<Registry> {
    registry_of(&app.store).await
}
