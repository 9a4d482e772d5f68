//! `groundswell digest answer`, `answers` and `undo`: answering back from a terminal.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use super::WrongUsage;
use super::output::print_json;
use crate::answers::{Answer, AnswerKind, AnswerRow, Given, Via, taken_back};
use crate::clock;
use crate::config::Config;
use crate::steps::{self, Refusal};
use crate::store::Store;

/// Who answers; kept with the answer.
#[derive(Args, Debug)]
pub struct By {
    /// Who answers; kept with the answer
    #[arg(
        long,
        global = true,
        env = "USER",
        default_value = "",
        hide_env_values = true
    )]
    pub by: String,
}

/// Arguments of `digest answer`.
#[derive(Args, Debug)]
pub struct AnswerArgs {
    /// The digest's id, such as weekly-2026-W13
    digest: String,
    /// The topic's id
    topic: String,
    #[command(flatten)]
    by: By,
    #[command(subcommand)]
    what: What,
}

/// What is answered.
#[derive(Subcommand, Debug)]
enum What {
    /// You hear this, too
    Confirm,
    /// This is not what you hear
    Dispute {
        /// What you hear instead
        #[arg(default_value = "")]
        reason: String,
    },
    /// A conversation shows it
    Pin {
        /// The conversation, as source/id
        conversation: String,
    },
}

/// Arguments of `digest undo`.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// The answer's number, as `digest answers` lists it
    number: i64,
    #[command(flatten)]
    by: By,
}

/// Answers an item of a digest.
pub async fn answer(
    store: &Store,
    config: &Config,
    args: &AnswerArgs,
    json: bool,
) -> anyhow::Result<()> {
    let mut given = Given {
        digest: args.digest.clone(),
        topic: args.topic.clone(),
        ..of(&args.by)
    };
    match &args.what {
        What::Confirm => given.kind = "confirm".to_owned(),
        What::Dispute { reason } => {
            given.kind = "dispute".to_owned();
            given.reason.clone_from(reason);
        }
        What::Pin { conversation } => {
            given.kind = "pin".to_owned();
            given.conversation.clone_from(conversation);
        }
    }
    let answer = take(store, config, &given).await?;
    let number = answer.number;
    say(
        &answer,
        json,
        &format!("answer {number} is kept; groundswell digest undo {number} takes it back"),
    )
}

/// Takes an answer back.
pub async fn undo(
    store: &Store,
    config: &Config,
    args: &UndoArgs,
    json: bool,
) -> anyhow::Result<()> {
    let given = Given {
        kind: "undo".to_owned(),
        number: Some(args.number),
        ..of(&args.by)
    };
    let answer = take(store, config, &given).await?;
    say(
        &answer,
        json,
        &format!("answer {} is taken back", args.number),
    )
}

/// What everybody's answer begins with.
pub fn of(by: &By) -> Given {
    Given {
        by: by.by.clone(),
        ..Given::default()
    }
}

/// Checks and keeps an answer; what is wrong with it is wrong usage.
pub async fn take(store: &Store, config: &Config, given: &Given) -> anyhow::Result<Answer> {
    let wrong = |sentence: String| WrongUsage(sentence);
    let said = given
        .check(Via::Command, config.ingest.with_names)
        .map_err(wrong)?;
    let taken = steps::answer(store, config, &said, clock::now()).await?;
    taken.map_err(|refusal| {
        let sentence = match refusal {
            Refusal::NotFound(what) => format!("there is no such {what}"),
            Refusal::Wrong(sentence) => sentence,
        };
        wrong(sentence).into()
    })
}

/// Says what was kept, as JSON or in a sentence.
pub fn say(answer: &Answer, json: bool, sentence: &str) -> anyhow::Result<()> {
    if json {
        let topic = answer.said.topic.clone();
        return print_json(&AnswerRow::of(answer, topic, None, &BTreeSet::new()));
    }
    println!("{sentence}");
    Ok(())
}

/// Lists the log, newest first.
pub async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let log = store.answers().await?;
    let undone = taken_back(&log);
    if json {
        let topic = |answer: &Answer| answer.said.topic.clone();
        let rows = log.iter().rev();
        let rows: Vec<_> = rows
            .map(|answer| AnswerRow::of(answer, topic(answer), None, &undone))
            .collect();
        return print_json(&rows);
    }
    for answer in log.iter().rev() {
        let mark = if undone.contains(&answer.number) {
            " (taken back)"
        } else {
            ""
        };
        println!(
            "{:>5}  {}  {}: {}{mark}",
            answer.number,
            answer.at.format("%Y-%m-%d %H:%M"),
            answer.said.by,
            sentence(answer)
        );
    }
    Ok(())
}

fn sentence(answer: &Answer) -> String {
    let said = &answer.said;
    let topic = said.topic.as_ref().map_or("", |topic| topic.as_str());
    match &said.kind {
        AnswerKind::Confirm => format!("hears {topic}, too"),
        AnswerKind::Dispute { reason } if reason.is_blank() => format!("does not hear {topic}"),
        AnswerKind::Dispute { reason } => {
            format!("does not hear {topic}: \"{}\"", reason.as_str())
        }
        AnswerKind::Pin { conversation } => format!("pinned {conversation} to {topic}"),
        AnswerKind::Ask { name, query } => format!("asked for \"{name}\": {query}"),
        AnswerKind::Undo { number } => format!("took {number} back"),
    }
}
