//! Commands for the operator: pull, reindex, forget, backup, check-config.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::WrongUsage;
use super::output::{Steps, print_json};
use crate::app::{App, location};
use crate::clock;
use crate::config::Config;
use crate::connectors::{PullError, SourceConfig};
use crate::model::{ConversationKey, SourceId};
use crate::schedule;
use crate::search::SearchIndex;
use crate::steps;
use crate::store::{SourceProgress, Store};
use crate::web::key;

/// A longer pause that a helpdesk asks for ends the command; the daemon goes on after it.
const PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(600);

/// Arguments of `pull`.
#[derive(Args, Debug)]
pub struct PullArgs {
    /// Only this source [default: all]
    source: Option<String>,
    /// Leave history to the daemon
    #[arg(long)]
    no_history: bool,
}

/// Arguments of `forget`.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct ForgetArgs {
    /// One conversation, as `source/id`
    #[arg(long, value_name = "KEY")]
    conversation: Option<String>,
    /// Everything of one requester, as shown beside their conversations
    #[arg(long, value_name = "NAME")]
    requester: Option<String>,
}

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file to write; must not exist
    file: PathBuf,
}

#[derive(Serialize)]
struct Pulled {
    source: String,
    records: u64,
    skipped: u64,
    parked: u64,
    error: Option<String>,
    backfill: Option<schedule::Standing>,
}

/// Pulls sources now, whatever their schedule says.
pub async fn pull(args: &PullArgs, config: Config, json: bool) -> anyhow::Result<()> {
    if config.sources.is_empty() {
        return Err(WrongUsage("no source is configured; add a [[sources]] table".into()).into());
    }
    let wanted = args.source.as_deref().map(SourceId::from);
    if let Some(wanted) = wanted
        .as_ref()
        .filter(|w| !config.sources.iter().any(|s| s.id == **w))
    {
        let known: Vec<_> = config
            .sources
            .iter()
            .map(|source| source.id.as_str())
            .collect();
        let message = format!("there is no source {wanted}; known: {}", known.join(", "));
        return Err(WrongUsage(message).into());
    }
    let app = App::open(config).await?;
    let mut pulled = Vec::new();
    for source in &app.config.sources {
        if wanted.as_ref().is_some_and(|wanted| *wanted != source.id) {
            continue;
        }
        pulled.push(pull_one(&app, source, !args.no_history).await?);
    }
    if json {
        print_json(&pulled)?;
    }
    for source in pulled.iter().filter(|_| !json) {
        show_pulled(source, app.config.calendar.zone);
    }
    let is_failed = |source: &&Pulled| {
        let history = source.backfill.as_ref();
        source.error.is_some() || history.is_some_and(|standing| standing.error.is_some())
    };
    let failed = pulled.iter().filter(is_failed).count();
    anyhow::ensure!(failed == 0, "{failed} of {} sources failed", pulled.len());
    Ok(())
}

/// Pulls what is new and then, unless it is left to the daemon, reads history to its end.
async fn pull_one(app: &App, source: &SourceConfig, with_history: bool) -> anyhow::Result<Pulled> {
    let mut shown = Steps::new();
    shown.start("pulling what is new", 0);
    while !steps::pull(app, &source.id, clock::now()).await? {}
    let mut known = known(app, &source.id).await?;
    if with_history && known.error.is_none() {
        known = read_history(app, source, known, &mut shown).await?;
    }
    shown.end();
    Ok(Pulled {
        source: source.id.to_string(),
        records: known.records,
        skipped: known.skipped,
        parked: known.parked,
        backfill: schedule::standing(source, &known, clock::now()),
        error: known.error,
    })
}

async fn known(app: &App, source: &SourceId) -> anyhow::Result<SourceProgress> {
    let progress = app.store.source_progress().await?;
    let known = progress.into_iter().find(|known| known.id == *source);
    known.context("the source has no progress after a pull")
}

/// Reads history with a bar of its days. A short pause that the helpdesk asks for is waited for.
async fn read_history(
    app: &App,
    source: &SourceConfig,
    mut known: SourceProgress,
    shown: &mut Steps,
) -> anyhow::Result<SourceProgress> {
    let days = |standing: &schedule::Standing| standing.days_done.unsigned_abs();
    let standing = schedule::standing(source, &known, clock::now());
    if standing
        .as_ref()
        .is_none_or(|standing| standing.is_finished)
    {
        return Ok(known);
    }
    let to_do = standing.as_ref().and_then(|standing| standing.days_to_do);
    let total = standing.as_ref().map_or(0, days) + to_do.unwrap_or(0).unsigned_abs();
    shown.start("reading history", if to_do.is_some() { total } else { 0 });
    loop {
        let outcome = steps::backfill(app, &source.id, clock::now()).await?;
        known = self::known(app, &source.id).await?;
        let standing = schedule::standing(source, &known, clock::now());
        shown.set(standing.as_ref().map_or(0, days));
        if outcome.is_complete {
            return Ok(known);
        }
        let Some(failure) = outcome.failure else {
            continue;
        };
        let pause = (failure.retry_at - clock::now())
            .to_std()
            .unwrap_or_default();
        let is_asked = matches!(failure.error, PullError::RateLimited { .. });
        if !is_asked || pause > PAUSE_MAX {
            return Ok(known);
        }
        tokio::time::sleep(pause).await;
    }
}

fn show_pulled(source: &Pulled, zone: chrono_tz::Tz) {
    let state = source
        .error
        .as_ref()
        .map_or_else(|| "ok".to_owned(), |e| format!("failed: {e}"));
    let (records, skipped) = (source.records, source.skipped);
    let again = match source.parked {
        0 => String::new(),
        parked => format!("{parked} to be read again, "),
    };
    let name = &source.source;
    println!("{name}: {records} records stored so far, {skipped} skipped, {again}{state}");
    if let Some(standing) = &source.backfill {
        println!("{name}: {}", standing.line(zone));
    }
}

/// Builds the search index again.
pub async fn reindex(config: Config) -> anyhow::Result<()> {
    let folder = config.data_dir.join("index");
    // The database's lock says that no daemon writes to the index now.
    let store = Store::open(&location(&config)).await?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("removing {}", folder.display()))?;
    }
    let (index, _) = SearchIndex::open(&folder)?;
    let count = crate::search::catch_up(&store, &index).await?;
    println!("{count} conversations indexed");
    Ok(())
}

/// Erases words and identity; the row stays as a tombstone, so that counts of closed windows still fit.
pub async fn forget(args: &ForgetArgs, config: Config) -> anyhow::Result<()> {
    let app = App::open(config).await?;
    let erased = match (&args.conversation, &args.requester) {
        (Some(text), _) => {
            let key = ConversationKey::parse(text)
                .ok_or_else(|| WrongUsage(format!("{text} is not a key; give source/id")))?;
            u64::from(app.store.forget_conversation(&key, clock::now()).await?)
        }
        (None, Some(requester)) => app.store.forget_requester(requester, clock::now()).await?,
        (None, None) => 0,
    };
    crate::search::catch_up(&app.store, &app.index).await?;
    println!("{erased} conversations erased");
    anyhow::ensure!(erased > 0, "nothing of that name is stored");
    Ok(())
}

/// Copies the database consistently, also while the daemon runs, and the key of the links that were sent.
pub async fn backup(args: &BackupArgs, config: Config) -> anyhow::Result<()> {
    for file in [args.file.clone(), key::beside(&args.file)] {
        if file.exists() {
            let message = format!("{} exists; give a new file", file.display());
            return Err(WrongUsage(message).into());
        }
    }
    let store = Store::open_shared(&location(&config)).await?;
    store.backup(&args.file).await?;
    println!("copied to {}", args.file.display());
    if let Some(key) = key::back_up(&config, &args.file)? {
        println!("the key of answer links to {}", key.display());
    }
    Ok(())
}

/// Says that the configuration is right; a wrong one never gets here.
pub fn check_config(config: &Config, json: bool) -> anyhow::Result<()> {
    let (sources, destinations) = (config.sources.len(), config.destinations.len());
    if json {
        return print_json(&serde_json::json!({
            "ok": true, "sources": sources, "destinations": destinations,
            "digests": config.digests.len(),
        }));
    }
    println!("the configuration is right (sources: {sources}, destinations: {destinations})");
    Ok(())
}
