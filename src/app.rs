//! The long-lived objects, built from the configuration: the only wiring.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio::sync::{Mutex, Notify};

use crate::answers::token::LinkKey;
use crate::config::Config;
use crate::connectors::{self, Connector};
use crate::delivery::{self, Destinations};
use crate::embed::{self, Embedder};
use crate::hints::Hints;
use crate::model::{Cadence, SourceId, Window};
use crate::schedule::{Plan, Progress};
use crate::search::SearchIndex;
use crate::store::{Location, Store};
use crate::telemetry::Metrics;
use crate::web::key;

/// Everything that one running Groundswell holds.
pub struct App {
    /// The checked configuration.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The search index.
    pub index: SearchIndex,
    /// The encoder.
    pub embedder: Box<dyn Embedder>,
    /// The helpdesks, by source.
    pub connectors: BTreeMap<SourceId, Box<dyn Connector>>,
    /// The destinations with their notifiers.
    pub destinations: Destinations,
    /// What links and forms are signed with.
    pub link_key: LinkKey,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Held by a round, and for as long as a page of history is saved: what is counted does not change meanwhile.
    pub turn: Mutex<()>,
    /// When vendors last said that something changed.
    pub hints: Hints,
    /// Rung when there may be work before anything was planned.
    pub bell: Notify,
}

impl App {
    /// Opens the database (and takes its lock), the index, the encoder, and makes the connectors and notifiers.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let store = Store::open(&location(&config)).await?;
        Self::with_store(config, store)
    }

    fn with_store(config: Config, store: Store) -> anyhow::Result<Self> {
        let (index, state) = SearchIndex::open(&config.data_dir.join("index"))?;
        if let Some(reason) = state.discarded {
            tracing::warn!(reason, "the search index is built again");
        }
        let embedder = embed::build(&config.embed, &config.ingest.default_language)
            .context("starting the encoder")?;
        let vault = config.vault();
        let mut connectors = BTreeMap::new();
        for source in &config.sources {
            let connector = connectors::build(source, config.calendar, &vault)
                .with_context(|| format!("source {}", source.id))?;
            connectors.insert(source.id.clone(), connector);
        }
        let destinations = delivery::build_all(&config.destinations)?;
        let link_key = key::load(&config)?;
        let metrics = Metrics::default();
        Ok(Self {
            config,
            store,
            index,
            embedder,
            connectors,
            destinations,
            link_key,
            metrics,
            turn: Mutex::new(()),
            hints: Hints::default(),
            bell: Notify::new(),
        })
    }

    /// What decides what is due.
    pub fn plan(&self) -> Plan {
        Plan {
            sources: self.config.sources.clone(),
            digests: self.config.digests.clone(),
            calendar: self.config.calendar,
            discover_every: self.config.discovery.every,
            review_every: self.config.discovery.review,
        }
    }

    /// How far everything is, as the database says.
    pub async fn progress(&self) -> anyhow::Result<Progress> {
        let model = self.embedder.model();
        let mut closed = Vec::new();
        for cadence in Cadence::ALL {
            let newest = self.store.closed_windows(cadence, 1).await?;
            closed.extend(
                newest
                    .iter()
                    .filter_map(|w| self.window(cadence, &w.window)),
            );
        }
        let approximate = self.store.texts_with_approximate_vector(&model, 1).await?;
        let has_approximate = !approximate.is_empty();
        Ok(Progress {
            sources: self.store.source_progress().await?,
            hints: self.hints.newest(),
            span: self.store.span().await?,
            without_vector: self.store.count_without_vector(&model).await?,
            is_encoder_changed: self.is_encoder_changed(has_approximate).await?,
            has_approximate,
            unjudged: self.store.count_unjudged(&model).await?,
            last_discovery: self.store.last_discovery().await?,
            last_review: self.store.last_review().await?,
            last_change: self.store.last_change().await?,
            indexed: self.index.position()?,
            closed,
            waiting: self.store.waiting_deliveries().await?,
        })
    }

    /// Whether the topics come from another encoder than the configured one, or from vectors of the fast tier
    /// that have all been replaced.
    async fn is_encoder_changed(&self, has_approximate: bool) -> anyhow::Result<bool> {
        let model = self.store.topics_model().await?;
        let is_refined = !has_approximate && self.store.are_topics_approximate().await?;
        Ok(is_refined || model.is_some_and(|model| model != self.embedder.model()))
    }

    /// The window with this key.
    pub fn window(&self, cadence: Cadence, key: &str) -> Option<Window> {
        self.config.calendar.parse(cadence, key)
    }
}

/// Where the database of a configuration is.
pub fn location(config: &Config) -> Location {
    match &config.database_url {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::Folder(config.data_dir.clone()),
    }
}
