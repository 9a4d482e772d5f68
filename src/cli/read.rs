//! Commands that show what the database holds, and the few that change topics and reports.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::output::print_json;
use super::{WrongUsage, read_report};
use crate::app::location;
use crate::clock;
use crate::config::Config;
use crate::digest::render::{Format, Rendered, render};
use crate::export::Results;
use crate::model::{Cadence, ConversationKey, DigestId, EditKind, Topic, TopicId};
use crate::search::{SearchIndex, SearchRequest};
use crate::steps;
use crate::store::Store;

/// What `topics` does.
#[derive(Subcommand, Debug)]
pub enum TopicsCommand {
    /// List the topics, largest first
    List,
    /// Give a topic another label
    Rename {
        /// The topic's id
        topic: String,
        /// Its new label
        label: String,
    },
    /// Make two topics one
    Merge {
        /// The topic that goes away
        topic: String,
        /// The topic that stays
        into: String,
    },
    /// Put a conversation into a topic, whatever its words say
    Pin {
        /// The conversation, as `source/id`
        conversation: String,
        /// The topic's id
        topic: String,
    },
    /// Count a topic but never put it into a digest
    Mute {
        /// The topic's id
        topic: String,
    },
    /// List what people did with the topics
    Edits,
    /// Take an edit back
    Undo {
        /// Its number, as `edits` lists it
        number: i64,
    },
}

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

/// What `report` does.
#[derive(Subcommand, Debug)]
pub enum ReportCommand {
    /// Import the official report: window, category, count
    Import {
        /// A CSV file
        file: PathBuf,
    },
    /// List the imported reports
    List,
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

/// Shows and changes topics.
pub async fn topics(command: &TopicsCommand, config: Config, json: bool) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    let edit = match command {
        TopicsCommand::List => return list_topics(&store, json).await,
        TopicsCommand::Edits => return list_edits(&store, json).await,
        TopicsCommand::Undo { number } => {
            let is_undone = store.undo_edit(*number).await?;
            anyhow::ensure!(
                is_undone,
                "there is no edit {number} to undo; see groundswell topics edits"
            );
            steps::apply_edits(&store).await?;
            println!("edit {number} is undone");
            return Ok(());
        }
        TopicsCommand::Rename { topic, label } => {
            if label.trim().is_empty() {
                return Err(WrongUsage("a label must not be empty".into()).into());
            }
            EditKind::Rename {
                topic: known(&store, topic).await?,
                label: label.trim().to_owned(),
            }
        }
        TopicsCommand::Merge { topic, into } => {
            let (topic, into) = (known(&store, topic).await?, known(&store, into).await?);
            if topic == into {
                return Err(WrongUsage("a topic cannot be merged into itself".into()).into());
            }
            EditKind::Merge { topic, into }
        }
        TopicsCommand::Pin {
            conversation,
            topic,
        } => {
            let key = ConversationKey::parse(conversation).ok_or_else(|| {
                WrongUsage(format!("{conversation} is not a key; give source/id"))
            })?;
            anyhow::ensure!(
                store.conversation(&key).await?.is_some(),
                "{key} is not stored"
            );
            EditKind::Pin {
                key,
                topic: known(&store, topic).await?,
            }
        }
        TopicsCommand::Mute { topic } => EditKind::Mute {
            topic: known(&store, topic).await?,
        },
    };
    let number = store.add_edit(&edit, "", clock::now()).await?;
    steps::apply_edits(&store).await?;
    println!(
        "edit {number} is stored and in force; groundswell topics undo {number} takes it back"
    );
    Ok(())
}

async fn known(store: &Store, id: &str) -> anyhow::Result<TopicId> {
    let topics = steps::seen_topics(store).await?;
    let found = topics.into_iter().find(|topic| topic.id.as_str() == id);
    let hint = || {
        WrongUsage(format!(
            "there is no topic {id}; see groundswell topics list"
        ))
    };
    Ok(found.ok_or_else(hint)?.id)
}

async fn list_topics(store: &Store, json: bool) -> anyhow::Result<()> {
    let spans = store.topic_spans().await?;
    let size = |topic: &Topic| spans.get(&topic.id).map_or(0, |span| span.conversations);
    let mut topics = steps::seen_topics(store).await?;
    topics.sort_by_key(|topic| (std::cmp::Reverse(size(topic)), topic.id.clone()));
    if json {
        let rows: Vec<_> = topics
            .iter()
            .map(|topic| {
                serde_json::json!({
                    "topic_id": topic.id, "topic": topic.label, "theme_id": topic.theme_id,
                    "theme": topic.theme, "status": topic.status.as_str(),
                    "conversations": size(topic), "stability": topic.stability,
                    "terms": topic.terms.iter().map(|term| &term.word).collect::<Vec<_>>(),
                })
            })
            .collect();
        return print_json(&rows);
    }
    for topic in topics.iter().filter(|topic| size(topic) > 0) {
        println!("{:>7}  {}  {}", size(topic), topic.id, topic.label);
    }
    Ok(())
}

async fn list_edits(store: &Store, json: bool) -> anyhow::Result<()> {
    let edits = store.edits().await?;
    let rows: Vec<_> = edits
        .iter()
        .map(|edit| {
            serde_json::json!({
                "number": edit.number, "at": edit.at, "by": edit.by,
                "edit": format!("{:?}", edit.kind), "is_undone": edit.is_undone,
            })
        })
        .collect();
    if json {
        return print_json(&rows);
    }
    for edit in &edits {
        let mark = if edit.is_undone { "undone" } else { "" };
        println!(
            "{:>5}  {}  {:?} {mark}",
            edit.number,
            edit.at.format("%Y-%m-%d %H:%M"),
            edit.kind
        );
    }
    Ok(())
}

/// Shows digests.
pub async fn digest(command: &DigestCommand, config: Config, json: bool) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    let ids = store.digest_ids(10_000).await?;
    match command {
        DigestCommand::List if json => print_json(&ids),
        DigestCommand::List => {
            ids.iter().for_each(|id| println!("{id}"));
            Ok(())
        }
        DigestCommand::Show { id, format } => {
            let wanted = id
                .as_deref()
                .map(DigestId::from)
                .or_else(|| ids.first().cloned());
            let wanted = wanted.context("no digest was published yet")?;
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

/// Imports and lists official reports.
pub async fn report(command: &ReportCommand, config: Config, json: bool) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    match command {
        ReportCommand::Import { file } => {
            let report = read_report(file, &config.calendar)?;
            store.save_report(&report, clock::now()).await?;
            let total: i64 = report.rows.iter().map(|row| row.count).sum();
            let (rows, cadence) = (report.rows.len(), report.cadence);
            println!("{}: {rows} lines, {cadence}, {total} in all", report.name);
            Ok(())
        }
        ReportCommand::List => {
            let mut rows = Vec::new();
            for cadence in Cadence::ALL {
                for report in store.reports(cadence).await? {
                    let total: i64 = report.rows.iter().map(|row| row.count).sum();
                    rows.push(serde_json::json!({
                        "name": report.name, "cadence": cadence, "basis": report.basis.as_str(),
                        "lines": report.rows.len(), "total": total,
                    }));
                }
            }
            if json {
                return print_json(&rows);
            }
            rows.iter().for_each(|row| println!("{row}"));
            Ok(())
        }
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
    let results = Results {
        facts: &facts,
        topics: &topics,
        assignments: &assignments,
        calendar: &config.calendar,
        reports: &reports,
        trend: &config.trend,
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
