//! Rounds: what is due is done, and shown in the metrics on the way. Work that fails is left for a later round.

use std::collections::BTreeSet;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};
use tracing::Instrument;

use crate::app::App;
use crate::delivery;
use crate::schedule::{self, Progress, Work};
use crate::steps;
use crate::telemetry::{DeliveryLabel, SourceLabel, WorkLabel};

/// How many sources are pulled side by side.
const PULLS_AT_ONCE: usize = 4;

impl App {
    /// Does what is due at `now`, once. Work that fails is logged and left for a later round; the rest goes on.
    /// Answers whether anything was done.
    pub async fn round(&self, now: DateTime<Utc>, failed: &mut BTreeSet<&'static str>) -> bool {
        let _held = self.turn.lock().await;
        let Some(mut due) = self.due(now, failed).await else {
            return false;
        };
        due.retain(|work| !matches!(work, Work::Backfill(_)));
        let (pulls, rest): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|work| matches!(work, Work::Pull(_)));
        let mut is_busy = !pulls.is_empty();
        stream::iter(pulls)
            .for_each_concurrent(PULLS_AT_ONCE, |work| async move {
                self.run(&work, now).await;
            })
            .await;
        for work in rest {
            if failed.contains(kind(&work)) {
                continue;
            }
            is_busy = true;
            if !self.run(&work, now).await {
                failed.insert(kind(&work));
            }
        }
        is_busy
    }

    /// Reads some of the history that is due at `now`, beside the rounds. Answers whether anything was done.
    pub async fn backfill_round(
        &self,
        now: DateTime<Utc>,
        failed: &mut BTreeSet<&'static str>,
    ) -> bool {
        let Some(mut due) = self.due(now, failed).await else {
            return false;
        };
        due.retain(|work| matches!(work, Work::Backfill(_)) && !failed.contains(kind(work)));
        let is_busy = !due.is_empty();
        let all_well: Vec<bool> = stream::iter(due)
            .map(|work| async move { self.run(&work, now).await })
            .buffer_unordered(PULLS_AT_ONCE)
            .collect()
            .await;
        if !all_well.iter().all(|is_well| *is_well) {
            failed.insert("backfill");
        }
        is_busy
    }

    /// Does all work that is due at `now`, until nothing is left but what failed.
    pub async fn tick(&self, now: DateTime<Utc>) {
        let mut failed = BTreeSet::new();
        while self.round(now, &mut failed).await || self.backfill_round(now, &mut failed).await {}
    }

    /// What is due now, and shown on the way.
    async fn due(
        &self,
        now: DateTime<Utc>,
        failed: &mut BTreeSet<&'static str>,
    ) -> Option<Vec<Work>> {
        match self.progress().await {
            Ok(progress) => {
                self.show(&progress, now);
                Some(schedule::due(now, &self.plan(), &progress))
            }
            Err(error) => {
                tracing::error!(reason = %format!("{error:#}"), "the database cannot be read");
                failed.insert("progress");
                None
            }
        }
    }

    async fn run(&self, work: &Work, now: DateTime<Utc>) -> bool {
        let name = kind(work);
        let span = tracing::info_span!("work", work.kind = name);
        let started = Instant::now();
        let result = self.perform(work, now).instrument(span.clone()).await;
        let label = WorkLabel { work: name };
        let seconds = started.elapsed().as_secs_f64();
        self.metrics
            .work_seconds
            .get_or_create(&label)
            .observe(seconds);
        if let Err(error) = &result {
            self.metrics.work_failed.get_or_create(&label).inc();
            let reason = format!("{error:#}");
            span.in_scope(|| tracing::error!(work.kind = name, reason, "{name} failed"));
        }
        result.is_ok()
    }

    async fn perform(&self, work: &Work, now: DateTime<Utc>) -> anyhow::Result<()> {
        match work {
            Work::Pull(source) => steps::pull(self, source, now).await.map(drop),
            Work::Backfill(source) => steps::backfill(self, source, now).await.map(drop),
            Work::Embed => steps::embed(self, steps::TEXTS_PER_ROUND, &|_, _| {})
                .await
                .map(drop),
            Work::Assign => steps::assign(self, now).await,
            Work::Discover => steps::discover(self, now).await,
            Work::Renew => steps::renew(self).await,
            Work::Refine => steps::refine(self).await,
            Work::Review => steps::review(self, now).await,
            Work::Index => {
                crate::search::catch_up(&self.store, &self.index).await?;
                // What was asked for while the index was behind.
                steps::count_missing(&self.store, &self.index, &self.config, now)
                    .await
                    .map(drop)
            }
            Work::Close {
                window,
                incomplete,
                is_newest,
            } => steps::close(self, window, incomplete, *is_newest, now).await,
            Work::Deliver => {
                let base_url = self.config.web.public_url();
                let days = self.config.answers.link_days;
                let pages = delivery::Pages {
                    base_url: &base_url,
                    signing: self
                        .config
                        .web
                        .public_url
                        .as_ref()
                        .map(|_| (&self.link_key, days)),
                };
                delivery::outbox::deliver_due(&self.store, &self.destinations, pages, now)
                    .await
                    .map(drop)
            }
        }
    }

    fn show(&self, progress: &Progress, now: DateTime<Utc>) {
        let plan = self.plan();
        for source in &progress.sources {
            let label = SourceLabel {
                source: source.id.to_string(),
            };
            let metrics = &self.metrics;
            if let Some(until) = source.complete_until {
                metrics
                    .complete_until
                    .get_or_create(&label)
                    .set(until.timestamp());
            }
            metrics
                .failures
                .get_or_create(&label)
                .set(i64::from(source.failures));
            let configured = plan
                .sources
                .iter()
                .find(|configured| configured.id == source.id);
            if let Some(at) = configured.and_then(|c| schedule::pull_at(c, progress)) {
                metrics.next_try.get_or_create(&label).set(at.timestamp());
            }
            let parked = i64::try_from(source.parked).unwrap_or(i64::MAX);
            metrics.parked.get_or_create(&label).set(parked);
            let held = i64::try_from(source.deletions_held).unwrap_or(i64::MAX);
            metrics.deletions_held.get_or_create(&label).set(held);
            if let Some(standing) = configured.and_then(|c| schedule::standing(c, source, now)) {
                let per_mille = standing.share.map_or(0, |share| (share * 1_000.0) as i64);
                metrics.backfilled.get_or_create(&label).set(per_mille);
                let records = i64::try_from(standing.records).unwrap_or(i64::MAX);
                metrics.backfill_records.get_or_create(&label).set(records);
            }
        }
        let waiting = progress.waiting.len() as i64;
        self.metrics
            .deliveries
            .get_or_create(&DeliveryLabel { state: "waiting" })
            .set(waiting);
    }
}

fn kind(work: &Work) -> &'static str {
    match work {
        Work::Pull(_) => "pull",
        Work::Backfill(_) => "backfill",
        Work::Embed => "embed",
        Work::Assign => "assign",
        Work::Discover => "discover",
        Work::Renew => "renew",
        Work::Refine => "refine",
        Work::Review => "review",
        Work::Index => "index",
        Work::Close { .. } => "close",
        Work::Deliver => "deliver",
    }
}
