//! `groundswell report`: imports the official report, asking where a file leaves something open, and shows what was imported.

mod layout;
mod show;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::WrongUsage;
use super::definitions;
use super::output::print_json;
use crate::app::location;
use crate::clock;
use crate::config::Config;
use crate::model::OfficialReport;
use crate::reconcile::report::{
    self as reading, Choices, Question, ReportConfig, Sheet, Trouble, Understood,
};
use crate::store::{Kept, KnownLayout, Store};
pub use layout::Layout;
use show::{as_json, print_understood};

/// What `report` does.
#[derive(Subcommand, Debug)]
pub enum ReportCommand {
    /// Import a report: CSV, XLSX, a pasted table (- reads standard input), or a helpdesk's export of tickets
    Import(Box<ImportArgs>),
    /// List the imported reports, each version with its time and total
    List,
    /// Show which definitions fit a report: by opening or solving, in which time zone, with or without what
    Definitions(definitions::DefinitionsArgs),
    /// Keep the definition that a report is read by from now on
    Confirm(definitions::ConfirmArgs),
    /// Show why a report's numbers are not ours, and the conversations behind a cause
    Explain(definitions::ExplainArgs),
    /// Show the lines of a report
    Show(ShowArgs),
    /// Show what the newest version of a report changed
    Diff {
        /// The report's name
        name: String,
    },
}

/// Arguments of `report import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The file; - reads standard input
    file: PathBuf,
    /// What the report is called [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Show what was understood, and import nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    layout: Layout,
}

/// Arguments of `report show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The report's name
    pub name: String,
    /// Which version [default: the newest]
    #[arg(long)]
    pub version: Option<i64>,
}

/// Imports and shows official reports.
pub async fn run(command: &ReportCommand, config: Config, json: bool) -> anyhow::Result<()> {
    let location = location(&config);
    let store = match command {
        // A report may come before the first pull.
        ReportCommand::Import(_) => Store::open_or_make(&location).await?,
        _ => Store::open_shared(&location).await?,
    };
    match command {
        ReportCommand::Import(args) => import(args, &store, &config, json).await,
        ReportCommand::List => show::list(&store, &config, json).await,
        ReportCommand::Definitions(args) => {
            definitions::definitions(args, &store, &config, json).await
        }
        ReportCommand::Confirm(args) => definitions::confirm(args, &store, &config, json).await,
        ReportCommand::Explain(args) => definitions::explain(args, &store, &config, json).await,
        ReportCommand::Show(args) => show::show(args, &store, json).await,
        ReportCommand::Diff { name } => show::diff(name, &store, json).await,
    }
}

/// The bytes of a file or of standard input; never more than the setting allows.
fn bytes_of(path: &Path, config: ReportConfig) -> anyhow::Result<Vec<u8>> {
    let wrong = |reason: String| WrongUsage(format!("{}: {reason}", path.display()));
    let most = config.file_bytes_max();
    let too_large = || wrong(reading::too_large(config).to_string());
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        if file.metadata().is_ok_and(|about| about.len() > most) {
            return Err(too_large().into());
        }
        Box::new(file)
    };
    let mut bytes = Vec::new();
    let read = input.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(too_large().into());
    }
    Ok(bytes)
}

/// What a report is called unless somebody names it.
fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        return "pasted report".to_owned();
    }
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The reports of a file, one for each metric; nothing is asked, and nothing saved.
pub fn read(path: &Path, layout: &Layout, config: &Config) -> anyhow::Result<Vec<OfficialReport>> {
    let wrong = |reason: String| WrongUsage(format!("{}: {reason}", path.display()));
    let bytes = bytes_of(path, config.report)?;
    let sheets =
        reading::open(&bytes, config.report).map_err(|problem| wrong(problem.to_string()))?;
    let understood = reading::read(&sheets, &name_of(path), &layout.choices(), &config.calendar);
    Ok(understood.map_err(|trouble| wrong(told(&trouble)))?.reports)
}

// ---- import

async fn import(
    args: &ImportArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let wrong = |reason: String| WrongUsage(format!("{}: {reason}", args.file.display()));
    let bytes = bytes_of(&args.file, config.report)?;
    let sheets =
        reading::open(&bytes, config.report).map_err(|problem| wrong(problem.to_string()))?;
    drop(bytes);
    let flags = Choices {
        name: args.name.clone(),
        ..args.layout.choices()
    };
    let known = remembered(store, &sheets).await?;
    let name = name_of(&args.file);
    let read = |choices: &Choices| reading::read(&sheets, &name, choices, &config.calendar);
    let mut choices = flags.clone().over(known.clone().unwrap_or_default());
    // A layout that no longer fits is forgotten, if the file can be read without it.
    let is_outdated =
        known.is_some() && matches!(read(&choices), Err(Trouble::Wrong(_))) && read(&flags).is_ok();
    if is_outdated {
        choices = flags;
    }
    let mut understood = loop {
        match read(&choices) {
            Ok(understood) => break understood,
            Err(Trouble::Ask(question)) if may_ask(&args.file) => {
                let value = ask(&question)?;
                choices.answer(question.flag, &value);
            }
            Err(trouble) => return Err(wrong(told(&trouble)).into()),
        }
    };
    if known.is_some() && !is_outdated {
        let note = "read as the last file with these headers; flags change that".to_owned();
        understood.notes.push(note);
    }
    let kept = if args.dry_run {
        Vec::new()
    } else {
        save(store, &understood).await?
    };
    if json {
        return print_json(&as_json(&understood, &kept));
    }
    print_understood(&understood, &kept);
    Ok(())
}

/// What was chosen for a file with such headers.
async fn remembered(store: &Store, sheets: &[Sheet]) -> anyhow::Result<Option<Choices>> {
    for sheet in sheets {
        let layout = store.report_layout(&reading::fingerprint(sheet)).await?;
        // What an older version wrote and this one does not know is not chosen.
        let choices = layout.and_then(|layout| serde_json::from_str(&layout).ok());
        if choices.is_some() {
            return Ok(choices);
        }
    }
    Ok(None)
}

async fn save(store: &Store, understood: &Understood) -> anyhow::Result<Vec<Kept>> {
    let layout = KnownLayout {
        fingerprint: understood.fingerprint.clone(),
        choices: serde_json::to_string(&understood.settled)?,
    };
    // The first metric is saved last: of equally new reports it is compared first.
    let reversed: Vec<OfficialReport> = understood.reports.iter().rev().cloned().collect();
    let mut kept = store
        .save_reports(&reversed, Some(&layout), clock::now())
        .await?;
    kept.reverse();
    Ok(kept)
}

fn told(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Wrong(problems) if problems.len() > 1 => {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| format!("  {problem}"))
                .collect();
            format!("nothing was imported:\n{}", lines.join("\n"))
        }
        trouble => trouble.to_string(),
    }
}

// ---- asking

fn may_ask(file: &Path) -> bool {
    file != Path::new("-") && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal until an answer is one of the known ones.
fn ask(question: &Question) -> anyhow::Result<String> {
    let mut out = std::io::stderr();
    writeln!(out, "{}", question.text)?;
    for (number, answer) in (1..).zip(&question.answers) {
        writeln!(out, "  {number}  {}  {}", answer.value, answer.meaning)?;
    }
    loop {
        write!(out, "which? ")?;
        out.flush()?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Err(WrongUsage(format!("nothing was imported; {question}")).into());
        }
        let given = line.trim();
        let by_number = given
            .parse::<usize>()
            .ok()
            .and_then(|number| question.answers.get(number.checked_sub(1)?));
        let by_value = question
            .answers
            .iter()
            .find(|answer| answer.value.eq_ignore_ascii_case(given));
        if let Some(answer) = by_number.or(by_value) {
            return Ok(answer.value.clone());
        }
        if question.flag == "--year" && given.len() == 4 && given.parse::<i32>().is_ok() {
            return Ok(given.to_owned());
        }
    }
}
