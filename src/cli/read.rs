//! Commands that show what the database holds.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::answers;
use super::output::print_json;
use super::suggestions;
use crate::app::location;
use crate::config::Config;
use crate::digest::render::{Format, Rendered, render};
use crate::export::Results;
use crate::model::{Cadence, DigestId};
use crate::search::{SearchIndex, SearchRequest};
use crate::steps::{self, Verdict};
use crate::store::Store;

/// What `digest` does.
#[derive(Subcommand, Debug)]
pub enum DigestCommand {
    /// List the published digests, newest first
    List,
    /// Show one
    Show {
        /// Its id, such as weekly-2026-W13 [default: the newest]
        id: Option<String>,
        /// How
        #[arg(long, value_enum, default_value_t = FormatArg::Text)]
        format: FormatArg,
    },
    /// List the suggestions of all digests: where they stand, and what became of what was done
    Suggestions(suggestions::SuggestionsArgs),
    /// Accept a suggestion, reject it, or say that it was done
    Decide(suggestions::DecideArgs),
    /// Answer an item of a digest: confirm it, dispute it, or pin a conversation as evidence
    Answer(answers::AnswerArgs),
    /// List what readers answered, newest first
    Answers,
    /// Take an answer back
    Undo(answers::UndoArgs),
    /// Compute one again from the database and check every number and quote; exit code 1 if anything differs
    Verify {
        /// Its id, such as weekly-2026-W13 [default: the newest]
        id: Option<String>,
        /// Every closed window, also those without a digest
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// Formats of `digest show`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatArg {
    /// For a terminal
    Text,
    /// Markdown
    Markdown,
    /// A page
    Html,
    /// The digest itself
    Json,
    /// The body that Slack gets
    Slack,
    /// The body that Teams gets
    Teams,
    /// The body that Matrix gets
    Matrix,
}

/// Arguments of `search`.
#[derive(Args, Debug)]
pub struct SearchArgs {
    /// Words, "phrases", -not, category:"Hot water", topic:ID, after:2026-03-01
    #[arg(required = true)]
    query: Vec<String>,
    /// How many hits
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// How many hits to leave out
    #[arg(long, default_value_t = 0)]
    offset: usize,
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The folder to write into
    #[arg(long)]
    out: PathBuf,
}

/// Shows digests.
pub async fn digest(command: &DigestCommand, config: Config, json: bool) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    let ids = store.digest_ids(10_000).await?;
    match command {
        DigestCommand::Answer(args) => answers::answer(&store, &config, args, json).await,
        DigestCommand::Answers => answers::list(&store, json).await,
        DigestCommand::Undo(args) => answers::undo(&store, &config, args, json).await,
        DigestCommand::Suggestions(args) => suggestions::list(args, &store, &config, json).await,
        DigestCommand::Decide(args) => suggestions::decide(args, &store, &config, json).await,
        DigestCommand::List if json => print_json(&ids),
        DigestCommand::List => {
            ids.iter().for_each(|id| println!("{id}"));
            Ok(())
        }
        DigestCommand::Verify { id, all } => {
            let wanted = match all {
                true => None,
                false => Some(wanted(id.as_deref(), &ids)?),
            };
            verify(&store, wanted.as_ref(), json).await
        }
        DigestCommand::Show { id, format } => {
            let wanted = wanted(id.as_deref(), &ids)?;
            let found = store.digest(&wanted).await?;
            let (digest, _) = found.with_context(|| format!("there is no digest {wanted}"))?;
            let format = if json { FormatArg::Json } else { *format };
            match render(&digest, format.into(), &config.web.public_url()) {
                Rendered::Text(text) => println!("{text}"),
                Rendered::Json(value) => print_json(&value)?,
                Rendered::Mail { text, .. } => println!("{text}"),
            }
            Ok(())
        }
    }
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Text => Format::Text,
            FormatArg::Markdown => Format::Markdown,
            FormatArg::Html => Format::Html,
            FormatArg::Json => Format::Json,
            FormatArg::Slack => Format::Slack,
            FormatArg::Teams => Format::Teams,
            FormatArg::Matrix => Format::Matrix,
        }
    }
}

/// The digest that is named, else the newest.
fn wanted(id: Option<&str>, ids: &[DigestId]) -> anyhow::Result<DigestId> {
    let wanted = id.map(DigestId::from).or_else(|| ids.first().cloned());
    wanted.context("no digest was published yet")
}

/// Verifies one digest, or all closed windows.
async fn verify(store: &Store, id: Option<&DigestId>, json: bool) -> anyhow::Result<()> {
    let verdicts = match id {
        Some(id) => {
            let verdict = steps::verify_digest(store, id).await?;
            vec![verdict.with_context(|| format!("there is no digest {id}"))?]
        }
        None => steps::verify_all(store).await?,
    };
    if json {
        print_json(&verdicts)?;
    } else {
        verdicts.iter().for_each(print_verdict);
    }
    let wrong = verdicts.iter().filter(|verdict| !verdict.fits).count();
    let count = verdicts.len();
    anyhow::ensure!(wrong == 0, "{wrong} of {count} do not fit the database");
    Ok(())
}

fn print_verdict(verdict: &Verdict) {
    let name = &verdict.name;
    for problem in &verdict.problems {
        println!("{name}: {problem}");
    }
    for note in &verdict.notes {
        println!("{name}: note: {note}");
    }
    if verdict.fits {
        let how = match verdict.is_recomputed {
            true => "computed again, byte for byte the same",
            false => "not computed again",
        };
        let (conversations, texts, quotes) = (verdict.conversations, verdict.texts, verdict.quotes);
        println!(
            "{name}: fits: {how}; {conversations} conversations, {texts} texts, {quotes} quotes"
        );
    }
}

/// Searches conversations.
pub async fn search(args: &SearchArgs, config: Config, json: bool) -> anyhow::Result<()> {
    let index = SearchIndex::open_reader(&config.data_dir.join("index")).context(
        "there is no search index yet; groundswell serve or groundswell reindex makes it",
    )?;
    let request = SearchRequest {
        limit: args.limit,
        offset: args.offset,
        calendar: config.calendar,
        ..SearchRequest::new(args.query.join(" "))
    };
    let results = index.search(&request)?;
    if json {
        return print_json(&results);
    }
    for note in &results.notes {
        eprintln!("note: {note}");
    }
    println!("{} found", results.total);
    for hit in &results.hits {
        let day = hit
            .created_at
            .with_timezone(&config.calendar.zone)
            .format("%Y-%m-%d");
        let category = hit.category.as_deref().unwrap_or("no category");
        println!("\n{}  {day}  {category}  {}", hit.key, hit.subject);
        println!("    {}", hit.snippet.text.replace('\n', " "));
    }
    Ok(())
}

/// Writes the results as CSV files.
pub async fn export(args: &ExportArgs, config: Config) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    let facts = store.all_facts().await?;
    let topics = steps::seen_topics(&store).await?;
    let assignments = store.assignments().await?;
    let mut reports = Vec::new();
    for cadence in Cadence::ALL {
        reports.extend(store.reports(cadence).await?);
    }
    let readings = store.readings(&reports, &config.report_zones).await?;
    let coverage = steps::Coverage::load(&store, &config).await?;
    let results = Results {
        facts: &facts,
        topics: &topics,
        assignments: &assignments,
        calendar: &config.calendar,
        reports: &reports,
        readings: &readings,
        catch_all: &config.digest.catch_all,
        trend: &config.trend,
        is_incomplete: &|window| coverage.is_incomplete(window),
    };
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("making the folder {}", args.out.display()))?;
    for table in results.tables() {
        let path = args.out.join(table.name);
        std::fs::write(&path, table.to_csv()?)
            .with_context(|| format!("writing {}", path.display()))?;
        println!("{}: {} rows", path.display(), table.rows.len());
    }
    Ok(())
}
