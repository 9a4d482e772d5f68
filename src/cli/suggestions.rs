//! `groundswell digest suggestions` and `groundswell digest decide`: where suggestions stand, and what people decide.

use clap::{Args, ValueEnum};

use super::WrongUsage;
use super::output::print_json;
use crate::clock;
use crate::config::Config;
use crate::digest::render::watched_words;
use crate::model::{SuggestionId, SuggestionState};
use crate::steps::{self, SuggestionRow, Wish};
use crate::store::Store;

/// Arguments of `digest suggestions`.
#[derive(Args, Debug)]
pub struct SuggestionsArgs {
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<StateArg>,
}

/// Arguments of `digest decide`.
#[derive(Args, Debug)]
pub struct DecideArgs {
    /// The suggestion's id, as `digest suggestions` lists it
    suggestion: String,
    /// What it is from now on
    #[arg(value_enum)]
    state: DecisionArg,
    /// Who decides; kept with it
    #[arg(long, env = "USER", default_value = "", hide_env_values = true)]
    by: String,
    /// Why; the next digest shows it
    #[arg(long, default_value = "")]
    note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateArg {
    Open,
    Accepted,
    Rejected,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DecisionArg {
    /// Somebody takes it
    Accepted,
    /// It will not be done, and does not come back unless it grows much
    Rejected,
    /// It was done: from now on its topic is watched
    Done,
}

impl From<StateArg> for SuggestionState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Open => SuggestionState::Open,
            StateArg::Accepted => SuggestionState::Accepted,
            StateArg::Rejected => SuggestionState::Rejected,
            StateArg::Done => SuggestionState::Done,
        }
    }
}

impl From<DecisionArg> for SuggestionState {
    fn from(state: DecisionArg) -> Self {
        match state {
            DecisionArg::Accepted => SuggestionState::Accepted,
            DecisionArg::Rejected => SuggestionState::Rejected,
            DecisionArg::Done => SuggestionState::Done,
        }
    }
}

/// Lists the suggestions.
pub async fn list(
    args: &SuggestionsArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let mut rows = steps::suggestions(store, &config.calendar, clock::now()).await?;
    if let Some(state) = args.state {
        let wanted = SuggestionState::from(state);
        rows.retain(|row| row.state == wanted);
    }
    if json {
        return print_json(&rows);
    }
    rows.iter().for_each(|row| show(row, config));
    if rows.is_empty() {
        println!("no suggestion");
    }
    Ok(())
}

fn show(row: &SuggestionRow, config: &Config) {
    let said = &row.said;
    println!("{:<9} {}", row.state.as_str(), said.suggestion);
    println!(
        "          {} ({}, for {})",
        said.label,
        said.kind.as_str(),
        said.owner
    );
    println!("          {}", said.sentence);
    println!(
        "          first in {}, last in {}, {} times",
        row.first_window, said.window, row.times
    );
    if let Some(decided) = &row.decided {
        let on = config.calendar.day_of(decided.at);
        let by = Some(decided.by.as_str()).filter(|by| !by.is_empty());
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        let note = Some(decided.note.as_str()).filter(|note| !note.is_empty());
        let note = note.map(|note| format!(": {note}")).unwrap_or_default();
        println!("          {} on {on}{by}{note}", decided.state.as_str());
    }
    if let Some(watched) = &row.watched {
        println!("          {}", watched_words(watched));
    }
}

/// Decides a suggestion.
pub async fn decide(
    args: &DecideArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let id = SuggestionId(args.suggestion.clone());
    let wish = Wish {
        state: args.state.into(),
        by: args.by.clone(),
        note: args.note.clone(),
    };
    match steps::decide(store, config, &id, &wish, clock::now()).await? {
        None => Err(WrongUsage(format!(
            "there is no suggestion {id}; groundswell digest suggestions lists them"
        ))
        .into()),
        Some(Err(refusal)) => Err(WrongUsage(format!("suggestion {id}: {refusal}")).into()),
        Some(Ok(decision)) if json => print_json(&decision),
        Some(Ok(decision)) => {
            println!("{id} is {} now", decision.state.as_str());
            Ok(())
        }
    }
}
