//! Loads what readers answered, as a closing sees it. A team is told what was said to its own digests, and of topics on
//! their pages; what was said to another digest is about other conversations than the team's.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::answers::{self, Answer, AnswerKind, Heard, heard::Told};
use crate::app::App;
use crate::model::{AskedTopic, ConversationKey, DigestId, Fact, Window};

/// How many earlier windows are looked through for digests that told of answers.
const TOLD_WINDOWS: u32 = 400;

/// A team whose digest it is, with its conversations from an instant on.
#[derive(Clone, Copy, Debug)]
pub struct TeamPart<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its conversations.
    pub facts: &'a [Fact],
    /// Since when these are all there.
    pub from: DateTime<Utc>,
}

/// What readers answered since the last digest of this cadence, and what stands. A window that is left over from an outage
/// is sent to nobody, so it tells nothing new.
pub async fn heard(
    app: &App,
    window: &Window,
    is_newest: bool,
    team: Option<TeamPart<'_>>,
) -> anyhow::Result<Heard> {
    let mut log = app.store.answers().await?;
    if let Some(team) = team {
        log = said_to(app, team.name, log).await?;
    }
    if log.is_empty() {
        return Ok(Heard::default());
    }
    let edited = super::registry(app).await?.edited();
    let pins = log
        .iter()
        .filter(|answer| matches!(answer.said.kind, AnswerKind::Pin { .. }));
    let oldest_pin = pins.map(|answer| answer.number).min();
    let name = team.map_or("", |team| team.name);
    let told = told(app, window, name, oldest_pin.unwrap_or(i64::MAX)).await?;
    let told: Vec<Told> = told
        .into_iter()
        .map(|one| Told {
            topics: one
                .topics
                .iter()
                .map(|id| edited.resolve(id).clone())
                .collect(),
            ..one
        })
        .collect();
    let told_through = told.iter().map(|told| told.through).max().unwrap_or(0);
    if !is_newest {
        log.retain(|answer| answer.number <= told_through);
    }
    let mut heard = answers::hear(&log, &told, window.end, |id| edited.resolve(id).clone());
    let asked = super::asked::asked_topics(&app.store, &app.config, window, told_through).await?;
    heard.asked = match team {
        Some(team) => of_team(app, window, team, asked).await?,
        None => asked,
    };
    Ok(heard)
}

/// The answers that are about a team: those to its own digests, and those to no digest at all, with what takes them back.
async fn said_to(app: &App, team: &str, log: Vec<Answer>) -> anyhow::Result<Vec<Answer>> {
    let digests: BTreeSet<&DigestId> = log
        .iter()
        .filter_map(|answer| answer.said.digest.as_ref())
        .collect();
    let mut own: BTreeSet<DigestId> = BTreeSet::new();
    for id in digests {
        let of = app.store.window_of(id).await?;
        if of.is_some_and(|(_, _, of)| of == team) {
            own.insert(id.clone());
        }
    }
    let mut kept: BTreeSet<i64> = BTreeSet::new();
    let mut said = Vec::new();
    for answer in log {
        let is_about = match &answer.said.kind {
            AnswerKind::Undo { number } => kept.contains(number),
            _ => {
                let digest = answer.said.digest.as_ref();
                digest.is_none_or(|digest| own.contains(digest))
            }
        };
        if is_about {
            kept.insert(answer.number);
            said.push(answer);
        }
    }
    Ok(said)
}

/// A team's part of what the searches of asked topics found, in the windows of which its conversations are known.
async fn of_team(
    app: &App,
    window: &Window,
    team: TeamPart<'_>,
    asked: Vec<AskedTopic>,
) -> anyhow::Result<Vec<AskedTopic>> {
    let own: BTreeMap<&ConversationKey, Option<&String>> = team
        .facts
        .iter()
        .map(|fact| (&fact.key, fact.customer.as_ref()))
        .collect();
    let mut part = Vec::new();
    for mut one in asked {
        let mut course = Vec::new();
        for (key, _) in std::mem::take(&mut one.course) {
            let is_known = app.window(window.cadence, &key);
            if is_known.is_none_or(|earlier| earlier.start < team.from) {
                continue;
            }
            let found = app.store.asked_window(one.number, window.cadence, &key);
            let keys = found.await?.map(|found| found.keys).unwrap_or_default();
            let customers: Vec<_> = keys.iter().filter_map(|key| own.get(key)).collect();
            if key == window.key {
                one.conversations = customers.len() as u64;
                let different: BTreeSet<_> = customers.iter().filter_map(|one| **one).collect();
                one.customers = different.len() as u64;
            }
            course.push((key, customers.len() as u64));
        }
        one.course = course;
        part.push(one);
    }
    Ok(part)
}

/// The last digest before a window, and those before it for as long as evidence may have had its turn there.
async fn told(
    app: &App,
    window: &Window,
    team: &str,
    oldest_pin: i64,
) -> anyhow::Result<Vec<Told>> {
    let mut told = Vec::new();
    for closed in app
        .store
        .closed_windows_of(window.cadence, team, TOLD_WINDOWS)
        .await?
    {
        let earlier = app.window(window.cadence, &closed.window);
        let Some(id) = closed
            .digest
            .filter(|_| earlier.is_some_and(|earlier| earlier.end <= window.start))
        else {
            continue;
        };
        let Some((digest, _)) = app.store.digest(&id).await? else {
            continue;
        };
        told.push(Told {
            through: digest.answered.through,
            topics: digest
                .items
                .iter()
                .map(|item| item.topic_id.clone())
                .collect(),
        });
        if digest.answered.through < oldest_pin {
            break;
        }
    }
    Ok(told)
}
