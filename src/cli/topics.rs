//! `groundswell topics`: lists topics, says why a conversation is where it is, and takes people's corrections.

use clap::{Args, Subcommand};

use super::output::print_json;
use super::parts::Parts;
use super::{WrongUsage, asked};
use crate::app::location;
use crate::clock;
use crate::config::Config;
use crate::embed;
use crate::model::{ConversationKey, Discovery, Edit, EditKind, Topic, TopicId};
use crate::steps::{self, Why};
use crate::store::Store;

/// Arguments of `topics`.
#[derive(Args, Debug)]
pub struct TopicsArgs {
    /// Who makes the change; kept with it
    #[arg(
        long,
        global = true,
        env = "USER",
        default_value = "",
        hide_env_values = true
    )]
    by: String,
    #[command(subcommand)]
    command: TopicsCommand,
}

/// What `topics` does.
#[derive(Subcommand, Debug)]
enum TopicsCommand {
    /// List the topics, largest first
    List,
    /// Say why a conversation is where it is: its neighbours, their topics, the words it shares
    Why {
        /// The conversation's id, or `source/id`
        conversation: String,
        /// Its source, where an id alone does not say which
        #[arg(long)]
        source: Option<String>,
    },
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
    /// Show the parts that a topic falls into, and split it
    Split {
        /// The topic's id
        topic: String,
        /// Split it as shown
        #[arg(long)]
        yes: bool,
        /// Split it as shown, with a label for each part in the order shown
        #[arg(long, value_name = "LABEL")]
        name: Vec<String>,
    },
    /// Put conversations into a topic, whatever their words say
    #[command(alias = "pin")]
    Move {
        /// The conversations, as `source/id`
        #[arg(required = true, value_name = "CONVERSATION")]
        conversations: Vec<String>,
        /// The topic's id
        topic: String,
    },
    /// Count a topic but never put it into a digest
    Mute {
        /// The topic's id
        topic: String,
    },
    /// Ask for a topic: a saved search that is counted in every window from now on, beside the topics
    Ask {
        /// What to call it
        name: String,
        /// What to search for, such as 'smell OR odour category:Other'
        query: String,
    },
    /// List the topics that were asked for, with their counts by week
    Asked,
    /// Stop counting a topic that was asked for
    Drop {
        /// Its name, or its number
        name: String,
    },
    /// List what people did with the topics
    Edits,
    /// Take edits back
    Undo {
        /// Their numbers, as `edits` lists them
        #[arg(required = true, value_name = "NUMBER")]
        numbers: Vec<i64>,
    },
}

/// Shows and changes topics.
pub async fn run(args: &TopicsArgs, config: Config, json: bool) -> anyhow::Result<()> {
    let store = Store::open_shared(&location(&config)).await?;
    let edits = match &args.command {
        TopicsCommand::List => return list(&store, json).await,
        TopicsCommand::Ask { name, query } => {
            return asked::ask(&store, &config, &args.by, (name, query), json).await;
        }
        TopicsCommand::Asked => return asked::list(&store, json).await,
        TopicsCommand::Drop { name } => {
            return asked::drop(&store, &config, &args.by, name, json).await;
        }
        TopicsCommand::Edits => return list_edits(&store, json).await,
        TopicsCommand::Undo { numbers } => return undo(&store, numbers).await,
        TopicsCommand::Why {
            conversation,
            source,
        } => {
            let key = named(&store, conversation, source.as_deref()).await?;
            return why(&store, &config, &key, json).await;
        }
        TopicsCommand::Split { topic, yes, name } => {
            let topic = known(&store, topic).await?;
            let parts = Parts::find(&store, &config, topic).await?;
            if !yes && name.is_empty() {
                return parts.show(&store, json).await;
            }
            let edits = parts.edits(name)?;
            return change(&store, &parts.found, &edits, &args.by, json).await;
        }
        TopicsCommand::Rename { topic, label } => {
            vec![renamed(known(&store, topic).await?, label)?]
        }
        TopicsCommand::Merge { topic, into } => {
            let (topic, into) = (known(&store, topic).await?, known(&store, into).await?);
            if topic == into {
                return Err(WrongUsage("a topic cannot be merged into itself".into()).into());
            }
            vec![EditKind::Merge { topic, into }]
        }
        TopicsCommand::Move {
            conversations,
            topic,
        } => pins(&store, conversations, known(&store, topic).await?).await?,
        TopicsCommand::Mute { topic } => vec![EditKind::Mute {
            topic: known(&store, topic).await?,
        }],
    };
    change(&store, &Discovery::default(), &edits, &args.by, json).await
}

/// Stores edits and puts them into force.
async fn change(
    store: &Store,
    found: &Discovery,
    edits: &[EditKind],
    by: &str,
    json: bool,
) -> anyhow::Result<()> {
    let numbers = store.add_edits(found, edits, by, clock::now()).await?;
    steps::apply_edits(store).await?;
    if json {
        return print_json(&serde_json::json!({ "edits": numbers }));
    }
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let list = list.join(" ");
    if numbers.len() == 1 {
        println!(
            "edit {list} is stored and in force; groundswell topics undo {list} takes it back"
        );
    } else {
        println!(
            "edits {list} are stored and in force; groundswell topics undo {list} takes them back"
        );
    }
    Ok(())
}

async fn undo(store: &Store, numbers: &[i64]) -> anyhow::Result<()> {
    for number in numbers {
        anyhow::ensure!(
            store.undo_edit(*number).await?,
            "there is no edit {number} to undo; see groundswell topics edits"
        );
        steps::apply_edits(store).await?;
        println!("edit {number} is undone");
    }
    Ok(())
}

/// A rename, if the label says something.
pub fn renamed(topic: TopicId, label: &str) -> anyhow::Result<EditKind> {
    let label = label.trim().to_owned();
    if label.is_empty() {
        return Err(WrongUsage("a label must not be empty".into()).into());
    }
    Ok(EditKind::Rename { topic, label })
}

async fn pins(
    store: &Store,
    conversations: &[String],
    topic: TopicId,
) -> anyhow::Result<Vec<EditKind>> {
    let mut edits = Vec::new();
    for conversation in conversations {
        let key = ConversationKey::parse(conversation)
            .ok_or_else(|| WrongUsage(format!("{conversation} is not a key; give source/id")))?;
        anyhow::ensure!(
            store.conversation(&key).await?.is_some(),
            "{key} is not stored; groundswell search finds keys"
        );
        let topic = topic.clone();
        edits.push(EditKind::Pin { key, topic });
    }
    Ok(edits)
}

/// A topic that can be changed: known, and not one that went into another.
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

/// A conversation by `source/id`, or by its id where one source alone has it.
async fn named(
    store: &Store,
    given: &str,
    source: Option<&str>,
) -> anyhow::Result<ConversationKey> {
    let mut keys = match source {
        Some(source) => vec![ConversationKey::new(source, given)],
        None => {
            let sources = store.source_progress().await?;
            let of_sources = sources
                .iter()
                .map(|s| ConversationKey::new(s.id.as_str(), given));
            of_sources.chain(ConversationKey::parse(given)).collect()
        }
    };
    keys.dedup();
    let mut found = Vec::new();
    for key in keys {
        if store.conversation(&key).await?.is_some() {
            found.push(key);
        }
    }
    if found.len() > 1 {
        let list: Vec<String> = found.iter().map(ToString::to_string).collect();
        let message = format!("{given} is in more than one source: {}", list.join(", "));
        return Err(WrongUsage(message).into());
    }
    found.pop().ok_or_else(|| {
        WrongUsage(format!(
            "no conversation {given} is stored; groundswell search finds keys"
        ))
        .into()
    })
}

async fn why(
    store: &Store,
    config: &Config,
    key: &ConversationKey,
    json: bool,
) -> anyhow::Result<()> {
    let model = embed::build(&config.embed, &config.ingest.default_language)?.model();
    let why = steps::why(store, &model, config, key, clock::now()).await?;
    let why = why.ok_or_else(|| WrongUsage(format!("{key} is not stored")))?;
    if json {
        return print_json(&why);
    }
    show(&why);
    Ok(())
}

fn show(why: &Why) {
    match &why.topic {
        Some(name) => println!("{}: {} ({})", why.conversation, name.topic, name.topic_id),
        None => println!("{}: {}", why.conversation, why.state),
    }
    for sentence in &why.sentences {
        println!("  {sentence}");
    }
    if !why.shared_terms.is_empty() {
        println!(
            "  terms of the topic in its text: {}",
            why.shared_terms.join(", ")
        );
    }
    if !why.neighbours.is_empty() {
        println!("\nnearest conversations that have a topic:");
    }
    for near in &why.neighbours {
        println!(
            "  {:.2}  {}  [{}]  {}",
            near.cosine, near.conversation, near.name.topic, near.text
        );
    }
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
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
    if json {
        let rows: Vec<_> = edits
            .iter()
            .map(|edit| {
                serde_json::json!({
                    "number": edit.number, "at": edit.at, "by": edit.by,
                    "edit": sentence(edit), "is_undone": edit.is_undone,
                })
            })
            .collect();
        return print_json(&rows);
    }
    for edit in &edits {
        let mark = if edit.is_undone { " (undone)" } else { "" };
        let by = Some(edit.by.as_str()).filter(|by| !by.is_empty());
        println!(
            "{:>5}  {}  {}: {}{mark}",
            edit.number,
            edit.at.format("%Y-%m-%d %H:%M"),
            by.unwrap_or("somebody"),
            sentence(edit)
        );
    }
    Ok(())
}

fn sentence(edit: &Edit) -> String {
    match &edit.kind {
        EditKind::Rename { topic, label } => format!("rename {topic} to \"{label}\""),
        EditKind::Merge { topic, into } => format!("merge {topic} into {into}"),
        EditKind::Split { topic, part } => format!("split {part} off {topic}"),
        EditKind::Pin { key, topic } => format!("move {key} to {topic}"),
        EditKind::Mute { topic } => format!("mute {topic}"),
    }
}
