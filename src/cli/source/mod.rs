//! `groundswell source`: add one, with all that is asked and tried before, and list the configured ones.

mod add;
mod ask;
mod block;
mod show;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::print_json;
use super::{Common, WrongUsage};
use crate::app::location;
use crate::clock;
use crate::config::Config;
use crate::model::SourceId;
use crate::schedule::{self, Standing};
use crate::store::{Location, SourceProgress, Store};

/// What can be done with sources.
#[derive(Subcommand, Debug)]
pub enum SourceCommand {
    /// Ask what a source needs, try it, show three records as they would be stored, and print its settings
    Add(AddArgs),
    /// Show the configured sources with their state
    List,
    /// Let the deletions go through that are held back because so much was gone from the helpdesk at once
    AllowDeletions(AllowArgs),
}

/// Arguments of `source add`.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Its kind, such as zendesk [default: asked for]
    #[arg(long)]
    kind: Option<String>,
    /// Its name in keys, logs and metrics [default: asked for, else its kind]
    #[arg(long)]
    id: Option<String>,
    /// A setting; of a secret the variable or the file that holds it: token_env=NAME, token_file=PATH
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Append the settings to the configuration file
    #[arg(long)]
    write: bool,
}

/// Arguments of `source allow-deletions`.
#[derive(Args, Debug)]
pub struct AllowArgs {
    /// The source
    source: String,
}

/// Runs a command about sources.
pub async fn run(command: &SourceCommand, common: &Common) -> anyhow::Result<()> {
    match command {
        SourceCommand::Add(args) => add::run(args, common).await,
        SourceCommand::List => list(&super::load(common)?, common.json).await,
        SourceCommand::AllowDeletions(args) => {
            allow_deletions(&args.source, &super::load(common)?, common.json).await
        }
    }
}

#[derive(Serialize)]
struct Listed {
    id: String,
    kind: String,
    /// `new`, `well` or `failing`.
    state: &'static str,
    records: u64,
    skipped: u64,
    parked: u64,
    deletions_held: u64,
    complete_until: Option<DateTime<Utc>>,
    next_pull_at: Option<DateTime<Utc>>,
    error: Option<String>,
    backfill: Option<Standing>,
}

/// Needs no lock, and no database either: then nothing was pulled yet.
async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let is_new = match location(config) {
        Location::Folder(folder) => !folder.join("groundswell.db").exists(),
        Location::Postgres(_) => false,
    };
    let progress = if is_new {
        Vec::new()
    } else {
        let store = Store::open_shared(&location(config)).await?;
        store.source_progress().await?
    };
    let listed = listed(config, progress);
    if json {
        return print_json(&listed);
    }
    if listed.is_empty() {
        println!("no source is configured; groundswell source add asks what one needs");
    }
    for one in &listed {
        println!("{}", line(one, config.calendar.zone));
    }
    Ok(())
}

fn listed(config: &Config, progress: Vec<SourceProgress>) -> Vec<Listed> {
    let plan = schedule::Progress {
        sources: progress,
        ..Default::default()
    };
    let sources = config.sources.iter();
    sources
        .map(|source| {
            let known = plan.sources.iter().find(|known| known.id == source.id);
            let error = known.and_then(|known| known.error.clone());
            let is_pulled = known.is_some_and(|known| known.finished_at.is_some());
            Listed {
                id: source.id.to_string(),
                kind: source.kind_name.clone(),
                state: match (&error, is_pulled) {
                    (Some(_), _) => "failing",
                    (None, true) => "well",
                    (None, false) => "new",
                },
                records: known.map_or(0, |known| known.records),
                skipped: known.map_or(0, |known| known.skipped),
                parked: known.map_or(0, |known| known.parked),
                deletions_held: known.map_or(0, |known| known.deletions_held),
                complete_until: known.and_then(|known| known.complete_until),
                next_pull_at: schedule::pull_at(source, &plan),
                error,
                backfill: known.and_then(|known| schedule::standing(source, known, clock::now())),
            }
        })
        .collect()
}

fn line(one: &Listed, zone: chrono_tz::Tz) -> String {
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let mut line = format!("{}  {}  {}", one.id, one.kind, one.state);
    if one.state != "new" || one.records > 0 {
        let until = one.complete_until.map_or("never".to_owned(), local);
        line.push_str(&format!(
            "  {} records, complete until {until}",
            one.records
        ));
    }
    if let Some(at) = one.next_pull_at.filter(|at| *at > clock::now()) {
        line.push_str(&format!(", next pull {}", local(at)));
    }
    if one.deletions_held > 0 {
        line.push_str(&format!(
            ", {} deletions held back (see groundswell doctor)",
            one.deletions_held
        ));
    }
    if let Some(error) = &one.error {
        line.push_str(&format!(": {error}"));
    }
    if let Some(standing) = one
        .backfill
        .as_ref()
        .filter(|standing| !standing.is_finished)
    {
        line.push_str(&format!("; {}", standing.line(zone)));
    }
    line
}

/// Works beside the daemon. What is still being looked for goes, too, with the next pulls.
async fn allow_deletions(source: &str, config: &Config, json: bool) -> anyhow::Result<()> {
    let source = SourceId::from(source);
    if !config.sources.iter().any(|known| known.id == source) {
        let known: Vec<_> = config.sources.iter().map(|one| one.id.as_str()).collect();
        let message = format!("there is no source {source}; known: {}", known.join(", "));
        return Err(WrongUsage(message).into());
    }
    let store = Store::open_shared(&location(config)).await?;
    let allowed = store.allow_deletions(&source, clock::now()).await?;
    let Some(allowed) = allowed else {
        anyhow::bail!("no deletions of {source} are held back");
    };
    if json {
        return print_json(&serde_json::json!({
            "source": source.as_str(), "deleted": allowed.buried, "still_looked_for": allowed.missing,
        }));
    }
    println!("{} conversations of {source} are deleted", allowed.buried);
    if allowed.missing > 0 {
        let missing = allowed.missing;
        println!(
            "{missing} more are still being looked for; those that are gone follow with the next pulls"
        );
    }
    Ok(())
}
