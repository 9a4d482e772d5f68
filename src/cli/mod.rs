//! The command line: one file for each family of commands. Exit codes: 0 done, 1 failed, 2 wrong
//! usage or configuration.

mod analyze;
mod answers;
mod asked;
mod definitions;
mod demo;
mod doctor;
mod operate;
mod output;
mod parts;
mod read;
mod report;
mod serve;
mod source;
mod suggestions;
mod topics;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Problem};
use crate::telemetry::{LogFormat, start_logging};

pub use analyze::AnalyzeArgs;

/// Finds what customers keep saying and lays it beside the official report.
#[derive(Parser, Debug)]
#[command(name = "groundswell", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// The configuration file [default: groundswell.toml here, else the built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Write logs as JSON lines
    #[arg(long, global = true)]
    pub log_json: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the whole way on the built-in corpus: a digest on the console, pages on 127.0.0.1
    Demo(demo::DemoArgs),
    /// Run the whole way once over JSONL or CSV files, without a daemon
    Analyze(Box<AnalyzeArgs>),
    /// Run the daemon: scheduled pulls, windows, digests, pages, API
    Serve,
    /// Pull sources now
    Pull(operate::PullArgs),
    /// Add a source: asks what it needs, tries it, shows three records; or list the configured ones
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// Show topics, say why a conversation is where it is, and change them: rename, merge, split, move, mute, undo
    Topics(topics::TopicsArgs),
    /// Show digests, preview one, or check one against the database
    #[command(subcommand)]
    Digest(read::DigestCommand),
    /// Import the official report, and show what was imported: versions, lines, what a correction changed
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Search conversations
    Search(read::SearchArgs),
    /// Write the database's results as CSV files
    Export(read::ExportArgs),
    /// Build the search index again from the database
    Reindex,
    /// Erase a conversation or everything of a requester
    Forget(operate::ForgetArgs),
    /// Copy the database to a file, while the daemon runs
    Backup(operate::BackupArgs),
    /// Check the configuration and print every mistake
    CheckConfig,
    /// Check database, index, sources and destinations
    Doctor,
}

/// A wrong configuration: printed as a list, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} mistakes", .0.len())]
pub struct WrongConfig(pub Vec<Problem>);

/// Wrong usage that only shows while running: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);

/// Parses the arguments, runs the command, maps its outcome to an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = if cli.common.log_json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    start_logging(format, log_level(&cli.command));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("groundswell: the runtime cannot be started: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => explain(&error),
    }
}

/// The daemon tells what it does; one-off commands print their result and only warn.
fn log_level(command: &Command) -> &'static str {
    match command {
        Command::Serve => "info",
        _ => "warn",
    }
}

fn explain(error: &anyhow::Error) -> ExitCode {
    if let Some(WrongConfig(problems)) = error.downcast_ref() {
        for problem in problems {
            eprintln!("{problem}");
        }
        let count = problems.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        eprintln!("groundswell: the configuration has {count} {noun}");
        return ExitCode::from(2);
    }
    eprintln!("groundswell: {error:#}");
    let is_usage = error.downcast_ref::<WrongUsage>().is_some();
    ExitCode::from(if is_usage { 2 } else { 1 })
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let common = &cli.common;
    match cli.command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Analyze(args) => analyze::run(&args, common).await,
        Command::Serve => serve::run(load(common)?).await,
        Command::Source(command) => source::run(&command, common).await,
        Command::Pull(args) => operate::pull(&args, load(common)?, common.json).await,
        Command::Topics(args) => topics::run(&args, load(common)?, common.json).await,
        Command::Digest(command) => read::digest(&command, load(common)?, common.json).await,
        Command::Report(command) => report::run(&command, load(common)?, common.json).await,
        Command::Search(args) => read::search(&args, load(common)?, common.json).await,
        Command::Export(args) => read::export(&args, load(common)?).await,
        Command::Reindex => operate::reindex(load(common)?).await,
        Command::Forget(args) => operate::forget(&args, load(common)?).await,
        Command::Backup(args) => operate::backup(&args, load(common)?).await,
        Command::CheckConfig => operate::check_config(&load(common)?, common.json),
        Command::Doctor => doctor::run(load(common)?, common.json).await,
    }
}

/// The configuration: the file given, else `groundswell.toml` here, else the defaults.
pub fn load(common: &Common) -> anyhow::Result<Config> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let default = PathBuf::from("groundswell.toml");
    let result = match &common.config {
        Some(path) => Config::load(path, environment),
        None if default.exists() => Config::load(&default, environment),
        None => Config::parse("", PathBuf::from("."), environment),
    };
    result.map_err(|problems| WrongConfig(problems).into())
}
