//! `groundswell analyze`: the main job once, over files, in a database that goes away afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::output::Steps;
use super::report::{self, Layout};
use super::{Common, WrongUsage, load};
use crate::app::App;
use crate::clock;
use crate::config::Config;
use crate::connectors::file::FilesConfig;
use crate::connectors::{SourceConfig, SourceKind};
use crate::digest::render::{Format, Rendered, render};
use crate::export::Results;
use crate::model::{Cadence, Digest, Exclusion, Fact, OfficialReport, SourceId, State, Window};
use crate::schedule::Schedule;
use crate::steps;

/// Arguments of `analyze`.
#[derive(Args, Debug)]
pub struct AnalyzeArgs {
    /// JSONL or CSV files with conversations
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder to write into; must not hold other things
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The official report, CSV or XLSX
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Digests of the last closed window of each cadence, or of all
    #[arg(long, value_enum, default_value_t = Windows::Last)]
    windows: Windows,
    /// Take the short cut of very large inputs from 20,000 texts on: faster, and nearly as good
    #[arg(long)]
    fast: bool,
    /// Threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Windows {
    Last,
    All,
}

/// `summary.json`.
#[derive(Serialize)]
struct Summary {
    version: &'static str,
    encoder: String,
    conversations: u64,
    skipped: u64,
    skipped_lines: Vec<(String, String)>,
    assigned: u64,
    unassigned: u64,
    excluded: BTreeMap<&'static str, u64>,
    topics: usize,
    themes: usize,
    /// What each report counts, as far as its numbers tell.
    official: BTreeMap<String, String>,
    digests: Vec<String>,
    without_digest: BTreeMap<String, String>,
    seconds: BTreeMap<&'static str, f64>,
    peak_memory_mib: Option<u64>,
}

/// Names of the files that `analyze` writes; a folder with anything else is refused.
const OUTPUTS: [&str; 8] = [
    "summary.json",
    "assignments.csv",
    "topics.csv",
    "trends.csv",
    "reconciliation.csv",
    "differences.csv",
    "causes.csv",
    "findings.csv",
];

/// How many skipped lines are named in the summary.
const SKIPPED_SHOWN: u32 = 1_000;

/// Runs the whole way and writes the files.
pub async fn run(args: &AnalyzeArgs, common: &Common) -> anyhow::Result<()> {
    let config = load(common)?;
    prepare_folder(&args.out)?;
    let reports = match &args.report {
        Some(path) => report::read(path, &args.layout, &config)?,
        None => Vec::new(),
    };
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("starting the threads")?;
    }
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let mut config = one_source(config, &args.files, folder.path())?;
    if args.fast {
        config.embed.fast.above = 0;
    }
    let app = App::open(config).await?;
    let mut progress = Steps::new();
    let written = analyze(&app, args, reports, &mut progress).await?;
    let summary = serde_json::to_string_pretty(&written)?;
    std::fs::write(args.out.join("summary.json"), format!("{summary}\n"))
        .with_context(|| format!("writing into {}", args.out.display()))?;
    if common.json {
        println!("{summary}");
    } else {
        println!("{}", sentence(&written, &args.out));
        for (report, fit) in &written.official {
            println!("{report}: {fit}");
        }
    }
    Ok(())
}

/// Pulls, embeds and finds topics, with progress; what `demo` does as well.
pub async fn find(app: &App, progress: &mut Steps) -> anyhow::Result<()> {
    let now = clock::now();
    progress.start("reading", 0);
    for source in &app.config.sources {
        while !steps::pull(app, &source.id, now).await? {}
    }
    let to_embed = app
        .store
        .count_without_vector(&app.embedder.model())
        .await?;
    progress.start("understanding", to_embed);
    steps::embed(app, u64::MAX, &|done, _| progress.set(done)).await?;
    progress.start("finding topics", 0);
    let latest = app.store.span().await?.map_or(now, |(_, last)| last);
    steps::discover(app, latest).await?;
    progress.end();
    Ok(())
}

async fn analyze(
    app: &App,
    args: &AnalyzeArgs,
    reports: Vec<OfficialReport>,
    progress: &mut Steps,
) -> anyhow::Result<Summary> {
    find(app, progress).await?;
    progress.start("counting", 0);
    let now = clock::now();
    for report in &reports {
        app.store.save_report(report, now).await?;
    }
    let readings = app
        .store
        .readings(&reports, &app.config.report_zones)
        .await?;
    let facts = app.store.all_facts().await?;
    let topics = crate::steps::seen_topics(&app.store).await?;
    let assignments = app.store.assignments().await?;
    let results = Results {
        facts: &facts,
        topics: &topics,
        assignments: &assignments,
        calendar: &app.config.calendar,
        reports: &reports,
        readings: &readings,
        catch_all: &app.config.digest.catch_all,
        trend: &app.config.trend,
        // The files are all there is.
        is_incomplete: &|_| false,
    };
    for table in results.tables() {
        write(&args.out.join(table.name), &table.to_csv()?)?;
    }
    progress.start("composing", 0);
    let (digests, without_digest) = digests(app, args, &results).await?;
    progress.end();
    let (skipped, skipped_lines) = skipped(app).await?;
    let themes: std::collections::BTreeSet<_> =
        topics.iter().map(|topic| &topic.theme_id).collect();
    Ok(Summary {
        version: env!("CARGO_PKG_VERSION"),
        encoder: app.embedder.model().0,
        conversations: facts.len() as u64,
        skipped,
        skipped_lines,
        assigned: count(&facts, |state| matches!(state, State::Assigned(_))),
        unassigned: count(&facts, |state| *state == State::Unassigned),
        excluded: Exclusion::ALL
            .into_iter()
            .map(|r| {
                (
                    r.as_str(),
                    count(&facts, |state| *state == State::Excluded(r)),
                )
            })
            .collect(),
        topics: topics.len(),
        themes: themes.len(),
        official: results.definitions(),
        digests,
        without_digest,
        seconds: progress.seconds().iter().copied().collect(),
        peak_memory_mib: peak_memory_mib(),
    })
}

fn count(facts: &[Fact], holds: impl Fn(&State) -> bool) -> u64 {
    facts.iter().filter(|fact| holds(&fact.state)).count() as u64
}

/// Writes the digests of the last closed window of each cadence, or of all closed windows.
async fn digests(
    app: &App,
    args: &AnalyzeArgs,
    results: &Results<'_>,
) -> anyhow::Result<(Vec<String>, BTreeMap<String, String>)> {
    let (mut written, mut without) = (Vec::new(), BTreeMap::new());
    let Some((_, last)) = results.span() else {
        return Ok((written, without));
    };
    for cadence in Cadence::ALL {
        for window in closed_windows(results, cadence, last, args.windows) {
            steps::close(app, &window, &[], false, window.end).await?;
            let closed = app.store.closed_window(cadence, &window.key).await?;
            let id = closed.as_ref().and_then(|closed| closed.digest.clone());
            let Some(id) = id else {
                let reason = closed.map(|closed| closed.reason).unwrap_or_default();
                without.insert(format!("{cadence}-{}", window.key), reason);
                continue;
            };
            if let Some((digest, _)) = app.store.digest(&id).await? {
                write_digest(&args.out, &digest)?;
                written.push(id.to_string());
            }
        }
    }
    Ok((written, without))
}

/// The windows that are over when the last conversation was opened.
fn closed_windows(
    results: &Results<'_>,
    cadence: Cadence,
    last: DateTime<Utc>,
    which: Windows,
) -> Vec<Window> {
    let mut windows: Vec<_> = results
        .windows(cadence)
        .into_iter()
        .map(|(window, _)| window)
        .collect();
    windows.retain(|window| window.end <= last);
    if which == Windows::Last {
        windows.drain(..windows.len().saturating_sub(1));
    }
    windows
}

fn write_digest(out: &Path, digest: &Digest) -> anyhow::Result<()> {
    let formats = [
        (Format::Json, "json"),
        (Format::Markdown, "md"),
        (Format::Html, "html"),
    ];
    for (format, extension) in formats {
        let bytes = match render(digest, format, "") {
            Rendered::Text(text) => text.into_bytes(),
            Rendered::Json(value) => serde_json::to_vec_pretty(&value)?,
            Rendered::Mail { .. } => continue,
        };
        write(
            &out.join(format!("digest-{}.{extension}", digest.id)),
            &bytes,
        )?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

async fn skipped(app: &App) -> anyhow::Result<(u64, Vec<(String, String)>)> {
    let mut total = 0;
    let mut lines = Vec::new();
    for source in app.store.source_progress().await? {
        total += source.skipped;
        for (skipped, _) in app.store.skipped(&source.id, SKIPPED_SHOWN).await? {
            lines.push((skipped.place, skipped.reason));
        }
    }
    Ok((total, lines))
}

/// An empty folder, or one that holds nothing but an earlier run's files, which are removed.
fn prepare_folder(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("making the folder {}", out.display()))?;
    let mut earlier = Vec::new();
    for entry in std::fs::read_dir(out).with_context(|| format!("reading {}", out.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_digest = name.starts_with("digest-")
            && [".json", ".md", ".html"]
                .iter()
                .any(|end| name.ends_with(end));
        if !is_digest && !OUTPUTS.contains(&name.as_str()) {
            let message = format!(
                "{} holds {name}, which analyze did not write; give a new folder with --out",
                out.display()
            );
            return Err(WrongUsage(message).into());
        }
        earlier.push(entry.path());
    }
    for path in earlier {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

/// The configuration with the files as its only source and a database in a temporary folder.
fn one_source(mut config: Config, files: &[PathBuf], folder: &Path) -> anyhow::Result<Config> {
    for file in files {
        std::fs::metadata(file)
            .map_err(|error| WrongUsage(format!("{} cannot be read: {error}", file.display())))?;
    }
    config.data_dir = folder.to_path_buf();
    config.database_url = None;
    // The columns of a configured source of files hold for these files, too.
    let settings = config.sources.iter().find_map(|source| match &source.kind {
        SourceKind::Files(settings) => Some(settings.clone()),
        _ => None,
    });
    let settings = FilesConfig {
        paths: files.to_vec(),
        // Nobody is still writing: a last line that is cut short is reported.
        settle: std::time::Duration::ZERO,
        ..settings.unwrap_or_default()
    };
    config.sources = vec![SourceConfig {
        id: SourceId::from("files"),
        schedule: Schedule::parse("0 0 * * *", config.calendar.zone).map_err(anyhow::Error::msg)?,
        kind_name: "files".to_owned(),
        kind: SourceKind::Files(settings),
    }];
    config.destinations.clear();
    Ok(config)
}

fn sentence(summary: &Summary, out: &Path) -> String {
    let excluded: u64 = summary.excluded.values().sum();
    let total: f64 = summary.seconds.values().sum();
    format!(
        "{} conversations: {} in {} topics, {} unassigned, {excluded} excluded, {} lines skipped; \
         {total:.1} s; {} digests; files in {}",
        summary.conversations,
        summary.assigned,
        summary.topics,
        summary.unassigned,
        summary.skipped,
        summary.digests.len(),
        out.display()
    )
}

/// The process's peak memory, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
