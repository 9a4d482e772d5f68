//! Logs and metrics. Customers' words, names and secrets reach neither: fields are ids and counts.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error; `GROUNDSWELL_LOG` filters, such as `groundswell=debug`.
pub fn start_logging(format: LogFormat, default_level: &str) {
    let filter = EnvFilter::try_from_env("GROUNDSWELL_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,groundswell={default_level}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start, in tests, keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Names one source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    /// The source's id.
    pub source: String,
}

/// Names one outcome of a source's records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RecordLabel {
    /// The source's id.
    pub source: String,
    /// `new`, `changed`, `unchanged`, `removed`, `skipped` or `parked`.
    pub outcome: &'static str,
}

/// Names what became of a source's calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HintLabel {
    /// The source's id.
    pub source: String,
    /// `genuine`, `wrong`, `too_large` or `limited`.
    pub outcome: &'static str,
}

/// Names one kind of work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WorkLabel {
    /// `pull`, `backfill`, `embed`, `assign`, `discover`, `index`, `close` or `deliver`.
    pub work: &'static str,
}

/// Names one state of deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabel {
    /// `waiting`, `sent` or `failed`.
    pub state: &'static str,
}

type SecondsFamily = Family<WorkLabel, Histogram, fn() -> Histogram>;

/// What `/metrics` shows.
pub struct Metrics {
    registry: Registry,
    /// Records by source and outcome.
    pub records: Family<RecordLabel, Counter<u64, AtomicU64>>,
    /// Until when a source is known to be complete, in seconds since 1970.
    pub complete_until: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// Failures in a row of a source.
    pub failures: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// When a source is tried next, in seconds since 1970.
    pub next_try: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// Records of a source that are tried again by themselves.
    pub parked: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// Deletions of a source that the brake holds back.
    pub deletions_held: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// How much of a source's history is read, in thousandths of its time.
    pub backfilled: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// Records of a source's history that are stored.
    pub backfill_records: Family<SourceLabel, Gauge<i64, AtomicI64>>,
    /// Calls of vendors by source and outcome.
    pub hints: Family<HintLabel, Counter<u64, AtomicU64>>,
    /// Deliveries by state.
    pub deliveries: Family<DeliveryLabel, Gauge<i64, AtomicI64>>,
    /// Share of the counting conversations in the last closed window without a topic, in thousandths.
    pub unassigned: Gauge<i64, AtomicI64>,
    /// How long pieces of work take.
    pub work_seconds: SecondsFamily,
    /// Pieces of work that failed.
    pub work_failed: Family<WorkLabel, Counter<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 4.0, 10));
        let mut metrics = Self {
            registry: Registry::with_prefix("groundswell"),
            records: Family::default(),
            complete_until: Family::default(),
            failures: Family::default(),
            next_try: Family::default(),
            parked: Family::default(),
            deletions_held: Family::default(),
            hints: Family::default(),
            backfilled: Family::default(),
            backfill_records: Family::default(),
            deliveries: Family::default(),
            unassigned: Gauge::default(),
            work_seconds: Family::new_with_constructor(buckets),
            work_failed: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        self.register_sources();
        let registry = &mut self.registry;
        registry.register(
            "records",
            "Records by source and outcome",
            self.records.clone(),
        );
        registry.register("deliveries", "Deliveries by state", self.deliveries.clone());
        registry.register(
            "unassigned_per_mille",
            "Conversations without a topic in the last closed window, of 1000",
            self.unassigned.clone(),
        );
        registry.register(
            "work_duration_seconds",
            "How long pieces of work take",
            self.work_seconds.clone(),
        );
        registry.register(
            "work_failed",
            "Pieces of work that failed",
            self.work_failed.clone(),
        );
    }

    fn register_sources(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "source_complete_until_seconds",
            "Until when a source is known to be complete",
            self.complete_until.clone(),
        );
        registry.register(
            "source_failures",
            "Failures in a row of a source; 0 is well",
            self.failures.clone(),
        );
        registry.register(
            "source_next_try_seconds",
            "When a source is pulled next",
            self.next_try.clone(),
        );
        registry.register(
            "source_hints",
            "Calls of vendors that say something changed, by outcome",
            self.hints.clone(),
        );
        registry.register(
            "source_parked",
            "Records of a source that could not be read and are tried again",
            self.parked.clone(),
        );
        registry.register(
            "source_deletions_held",
            "Conversations of a source that are gone from the helpdesk, so many at once that none is deleted; 0 is well",
            self.deletions_held.clone(),
        );
        registry.register(
            "source_backfilled_per_mille",
            "How much of the time of a source's history is read, of 1000",
            self.backfilled.clone(),
        );
        registry.register(
            "source_backfill_records",
            "Records of a source's history that are stored",
            self.backfill_records.clone(),
        );
    }

    /// The text that a Prometheus server reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# the metrics could not be written");
        }
        text
    }
}
