//! `groundswell topics ask`, `asked` and `drop`: saved searches that are counted beside the topics.

use super::WrongUsage;
use super::answers::{say, take};
use super::output::print_json;
use crate::answers::{Given, asked};
use crate::clock;
use crate::config::Config;
use crate::model::Cadence;
use crate::search::SearchIndex;
use crate::steps;
use crate::store::Store;

/// Asks for a topic, and counts it in the windows that are closed, if the index is there and has seen everything.
pub async fn ask(
    store: &Store,
    config: &Config,
    by: &str,
    (name, query): (&str, &str),
    json: bool,
) -> anyhow::Result<()> {
    let given = Given {
        kind: "ask".to_owned(),
        by: by.to_owned(),
        name: name.to_owned(),
        query: query.to_owned(),
        ..Given::default()
    };
    let answer = take(store, config, &given).await?;
    let counted = match SearchIndex::open_reader(&config.data_dir.join("index")) {
        Ok(index) => steps::count_missing(store, &index, config, clock::now()).await?,
        Err(_) => 0,
    };
    let number = answer.number;
    let past = match counted {
        0 => "it is counted when the next window closes".to_owned(),
        count => format!("it was counted in {count} closed windows"),
    };
    say(
        &answer,
        json,
        &format!("asked topic {number} is kept, {past}; groundswell topics drop {number} ends it"),
    )
}

/// Lists the asked topics with their counts by week, newest last.
pub async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let counts = store.asked_counts(Cadence::Weekly).await?;
    let course = |number: i64| -> Vec<(String, u64)> {
        let of = counts.iter().filter(|(asked, ..)| *asked == number);
        of.map(|(_, window, count, _)| (window.clone(), *count))
            .collect()
    };
    let asked = asked(&store.answers().await?);
    if json {
        let rows: Vec<_> = asked
            .iter()
            .map(|one| {
                serde_json::json!({
                    "number": one.number, "name": one.name, "query": one.query, "by": one.by,
                    "at": one.at, "weeks": course(one.number),
                })
            })
            .collect();
        return print_json(&rows);
    }
    for one in &asked {
        println!("{:>5}  {}: {}", one.number, one.name, one.query);
        let weeks: Vec<String> = course(one.number)
            .iter()
            .map(|(window, count)| format!("{window} {count}"))
            .collect();
        println!("       {}", weeks.join(", "));
    }
    Ok(())
}

/// Drops an asked topic, by its number or its name; what was counted stays.
pub async fn drop(
    store: &Store,
    config: &Config,
    by: &str,
    name: &str,
    json: bool,
) -> anyhow::Result<()> {
    let asked = asked(&store.answers().await?);
    let is_meant = |number: i64, known: &str| {
        name.parse() == Ok(number) || known.to_lowercase() == name.to_lowercase()
    };
    let found = asked.iter().find(|one| is_meant(one.number, &one.name));
    let found = found.ok_or_else(|| {
        WrongUsage(
            "no topic of this name or number is asked for; see groundswell topics asked".to_owned(),
        )
    })?;
    let given = Given {
        kind: "undo".to_owned(),
        by: by.to_owned(),
        number: Some(found.number),
        ..Given::default()
    };
    let answer = take(store, config, &given).await?;
    say(
        &answer,
        json,
        &format!("asked topic {} is dropped", found.number),
    )
}
