//! `groundswell source add`: asks what a source needs, tries the credentials with the smallest call, shows three records as
//! they would be stored, and gives the block of settings. It touches no database.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::AddArgs;
use super::ask::Talk;
use super::block::Block;
use super::show::{self, Shown};
use crate::cli::output::{Steps, print_json};
use crate::cli::{Common, WrongConfig, WrongUsage, load};
use crate::clock;
use crate::config::{Config, Problem};
use crate::connectors::kinds::{self, Known};
use crate::connectors::{self, Connector, Page, PullError};
use crate::ingest::prepare;
use crate::model::{Conversation, Record};

/// Records that are shown.
const RECORDS: usize = 3;

/// Records of a page while trying, so that a helpdesk is asked little.
const PAGE_RECORDS: usize = 5;

/// Pages that are asked for to find them: of what is new, and of history, which may begin with quiet months.
const PAGES_MAX: usize = 5;
const HISTORY_PAGES_MAX: usize = 15;

/// The configuration file that is added to.
struct File {
    path: PathBuf,
    folder: PathBuf,
    text: String,
    environment: BTreeMap<String, String>,
    /// Sources that it has.
    sources: usize,
}

#[derive(Serialize)]
struct Added {
    config: String,
    written_to: Option<String>,
    hook: Option<String>,
    remarks: Vec<String>,
    records: Vec<Shown>,
}

/// Asks, tries, shows.
pub async fn run(args: &AddArgs, common: &Common) -> anyhow::Result<()> {
    let file = File::read(common)?;
    let is_asking =
        !common.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let all = kinds::all();
    let given = given(&args.set)?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr());
    let mut talk = Talk {
        input: &mut input,
        output: &mut output,
        folder: &file.folder,
        is_set: &|name| {
            file.environment
                .get(name)
                .is_some_and(|value| !value.is_empty())
        },
    };
    let known = kind(args, &all, is_asking.then_some(&mut talk))?;
    let (id, settings) = if is_asking {
        asked(args, known, given, &mut talk)?
    } else {
        (
            args.id.clone().unwrap_or_else(|| known.name.to_owned()),
            given,
        )
    };
    let mut block = Block::new(known, &id, &settings);
    let config = block
        .fit(file.sources, |text| file.with(text))
        .map_err(WrongConfig)?;
    let mut added = try_it(known, &block, &file, &config).await?;
    if !common.json {
        show(&added, known);
    }
    let is_wanted = args.write
        || is_asking && talk.is_yes(&format!("append this to {}", file.path.display()))?;
    if is_wanted {
        file.append(&block.text())?;
        added.written_to = Some(file.path.display().to_string());
    }
    if common.json {
        return print_json(&added);
    }
    match &added.written_to {
        Some(path) => println!("\nappended to {path}"),
        None => println!(
            "\nappend it to {}, or run this again with --write",
            file.path.display()
        ),
    }
    Ok(())
}

impl File {
    fn read(common: &Common) -> anyhow::Result<Self> {
        // Mistakes that are there already come first.
        let config = load(common)?;
        let path = common
            .config
            .clone()
            .unwrap_or_else(|| PathBuf::from("groundswell.toml"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        Ok(Self {
            folder: if folder == Path::new("") {
                PathBuf::from(".")
            } else {
                folder.to_owned()
            },
            path,
            text,
            environment: std::env::vars().collect(),
            sources: config.sources.len(),
        })
    }

    /// The file's text with a block at its end.
    fn appended(&self, block: &str) -> String {
        let between = match self.text.as_str() {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        format!("{}{between}{block}", self.text)
    }

    fn with(&self, block: &str) -> Result<Config, Vec<Problem>> {
        let whole = self.appended(block);
        Config::parse(&whole, self.folder.clone(), self.environment.clone())
    }

    fn append(&self, block: &str) -> anyhow::Result<()> {
        let whole = self.appended(block);
        let append = || -> std::io::Result<()> {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)?;
            file.write_all(&whole.as_bytes()[self.text.len()..])?;
            file.sync_all()
        };
        append().with_context(|| format!("writing {}", self.path.display()))
    }
}

/// `key=value` pairs.
fn given(pairs: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let split = pairs.iter().map(|pair| {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            // Not shown: it may be a secret.
            WrongUsage("a --set has no = in it; give --set key=value".to_owned())
        })?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    });
    split.collect()
}

fn kind<'k>(
    args: &AddArgs,
    all: &'k [Known],
    talk: Option<&mut Talk<'_>>,
) -> anyhow::Result<&'k Known> {
    let names = || {
        let names: Vec<_> = all.iter().map(|known| known.name).collect();
        names.join(", ")
    };
    match (&args.kind, talk) {
        (Some(name), _) => all.iter().find(|known| known.name == name).ok_or_else(|| {
            WrongUsage(format!("the kind {name} is not known; known: {}", names())).into()
        }),
        (None, Some(talk)) => talk.kind(all),
        (None, None) => Err(WrongUsage(format!("give --kind; known: {}", names())).into()),
    }
}

/// Asks for what was not given.
fn asked(
    args: &AddArgs,
    known: &Known,
    mut settings: Vec<(String, String)>,
    talk: &mut Talk<'_>,
) -> anyhow::Result<(String, Vec<(String, String)>)> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => talk.id(known.name)?,
    };
    for question in &known.questions {
        let ends: &[&str] = if question.is_secret {
            &["_env", "_file"]
        } else {
            &[""]
        };
        let mut names = ends.iter().map(|end| format!("{}{end}", question.key));
        if names.any(|name| settings.iter().any(|(key, _)| *key == name)) {
            continue;
        }
        settings.extend(talk.setting(question)?);
    }
    Ok((id, settings))
}

/// Asks the source as little as possible, and for a few records.
async fn try_it(
    known: &Known,
    block: &Block,
    file: &File,
    config: &Config,
) -> anyhow::Result<Added> {
    let text = block.text();
    let small = format!("{text}page_records = {PAGE_RECORDS}\n");
    // Where the size of a page was given, that one is taken.
    let trial = file
        .with(&small)
        .or_else(|_| file.with(&text))
        .map_err(WrongConfig)?;
    let source = trial.sources.last().context("the block holds a source")?;
    let connector = connectors::build(source, trial.calendar, &trial.vault())?;
    let mut steps = Steps::new();
    steps.start("asking for the rights", 0);
    let now = clock::now();
    let refused = |error: PullError| match error {
        PullError::Unauthorized(reason) => {
            anyhow!("{} does not accept the credentials: {reason}", known.title)
        }
        error => anyhow!("{} cannot be asked: {error}", known.title),
    };
    let mut remarks = connector.check(now).await.map_err(refused)?;
    steps.start("asking for records", 0);
    let records = sample(connector.as_ref(), now, &mut remarks)
        .await
        .map_err(refused)?;
    steps.end();
    let prepared = records
        .into_iter()
        .map(|record| prepare(record, &config.ingest));
    let calls = connector
        .hook()
        .map(|hook| config.web.calls(&source.id, hook));
    remarks.extend(calls.and_then(Result::err));
    Ok(Added {
        hook: connector
            .hook()
            .map(|_| format!("{}/hooks/{}", config.web.public_url(), source.id)),
        config: text,
        written_to: None,
        remarks,
        records: prepared
            .map(|stored| show::of(&stored, config.calendar.zone))
            .collect(),
    })
}

/// A few records: of what is new, else of history.
async fn sample(
    connector: &dyn Connector,
    now: DateTime<Utc>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Conversation>, PullError> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = connector.pull(cursor.as_ref(), now).await?;
        let is_last = page.is_last;
        cursor = Some(page.next.clone());
        keep(page, &mut found, remarks);
        if is_last || found.len() >= RECORDS {
            break;
        }
    }
    let mut cursor = None;
    let pages = if connector.has_backfill() {
        HISTORY_PAGES_MAX
    } else {
        0
    };
    for _ in 0..pages {
        if found.len() >= RECORDS {
            break;
        }
        let page = connector.backfill(cursor.as_ref(), now, now).await?;
        let is_last = page.is_last;
        cursor = Some(page.next.clone());
        keep(page, &mut found, remarks);
        if is_last {
            break;
        }
    }
    found.truncate(RECORDS);
    Ok(found)
}

fn keep(page: Page, found: &mut Vec<Conversation>, remarks: &mut Vec<String>) {
    for record in page.records {
        if let Record::Conversation(conversation) = record
            && !found
                .iter()
                .any(|known: &Conversation| known.key == conversation.key)
        {
            found.push(*conversation);
        }
    }
    let skipped = page
        .skipped
        .into_iter()
        .map(|one| format!("{} is skipped: {}", one.place, one.reason));
    let parked = page
        .parked
        .into_iter()
        .map(|one| format!("{} cannot be read now: {}", one.id, one.reason));
    remarks.extend(page.remarks.into_iter().chain(skipped).chain(parked));
}

fn show(added: &Added, known: &Known) {
    match added.records.len() {
        0 => println!("{} answers, but gave no record yet\n", known.title),
        count => println!(
            "{} answers; {count} of its records, as they would be stored:\n",
            known.title
        ),
    }
    for record in &added.records {
        println!("{record}");
    }
    for remark in &added.remarks {
        println!("note: {remark}");
    }
    if let Some(hook) = &added.hook {
        println!("note: the vendor may call {hook} when something changes");
    }
    println!("\n{}", added.config.trim_end());
}
