//! Counts the topics that readers asked for: a saved search over the conversations of a window. They stand beside the
//! topics: a conversation is still in exactly one state, and may be found by none, one or several searches.
//!
//! A window is counted when it closes and stays as it was counted; a search that is new is counted in the windows that
//! closed before it, too, as the index finds them now.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::answers::{self, Asked};
use crate::app::App;
use crate::config::Config;
use crate::model::{AskedTopic, Cadence, ConversationKey, Fact, State, Window};
use crate::search::SearchIndex;
use crate::store::{AskedWindow, Store};

/// Counts every asked topic in a window that is about to close, with an index that has seen everything.
pub async fn catch_up_and_count(
    app: &App,
    window: &Window,
    facts: &[Fact],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if answers::asked(&app.store.answers().await?).is_empty() {
        return Ok(());
    }
    crate::search::catch_up(&app.store, &app.index).await?;
    count_missing(&app.store, &app.index, &app.config, now).await?;
    count_window(&app.store, &app.index, &app.config, window, facts, now).await
}

/// Counts every asked topic in this window, which is about to close; what was counted for it before is replaced.
async fn count_window(
    store: &Store,
    index: &SearchIndex,
    config: &Config,
    window: &Window,
    facts: &[Fact],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let asked = answers::asked(&store.answers().await?);
    let counting = Counting::new(facts, window);
    let mut counted = Vec::new();
    for one in &asked {
        counted.push(counting.count(index, config, one, now).await?);
    }
    store.save_asked(&counted).await
}

/// Counts asked topics in the closed windows in which they were not counted yet; says how many counts were missing.
/// With an index that is behind nothing is counted: it would be short for ever.
pub async fn count_missing(
    store: &Store,
    index: &SearchIndex,
    config: &Config,
    now: DateTime<Utc>,
) -> anyhow::Result<usize> {
    let asked = answers::asked(&store.answers().await?);
    if asked.is_empty() || index.position()? < store.last_change().await? {
        return Ok(0);
    }
    let mut counted = Vec::new();
    for cadence in Cadence::ALL {
        let done: BTreeSet<(i64, String)> = store
            .asked_counts(cadence)
            .await?
            .into_iter()
            .map(|(asked, window, ..)| (asked, window))
            .collect();
        let closed = store
            .closed_windows(cadence, config.answers.asked_windows)
            .await?;
        for closed in closed {
            let missing: Vec<&Asked> = asked
                .iter()
                .filter(|one| !done.contains(&(one.number, closed.window.clone())))
                .collect();
            let window = config.calendar.parse(cadence, &closed.window);
            let Some(window) = window.filter(|_| !missing.is_empty()) else {
                continue;
            };
            let facts = store.facts(window.start, window.end).await?;
            let counting = Counting::new(&facts, &window);
            for one in missing {
                counted.push(counting.count(index, config, one, now).await?);
            }
        }
    }
    store.save_asked(&counted).await?;
    Ok(counted.len())
}

/// The asked topics with their counts in a window and the windows before it, as they were counted.
pub async fn asked_topics(
    store: &Store,
    config: &Config,
    window: &Window,
    told_through: i64,
) -> anyhow::Result<Vec<AskedTopic>> {
    let asked = answers::asked(&store.answers().await?);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let rows = store.asked_counts(window.cadence).await?;
    let course_of = |number: i64| -> Vec<(String, u64, u64)> {
        let is_shown = |key: &str| key <= window.key.as_str();
        let of = rows
            .iter()
            .filter(|(asked, key, ..)| *asked == number && is_shown(key));
        let all: Vec<_> = of
            .map(|(_, key, count, people)| (key.clone(), *count, *people))
            .collect();
        let course = config.digest.course_windows;
        all[all.len().saturating_sub(course)..].to_vec()
    };
    let mut topics = Vec::new();
    for one in asked {
        let course = course_of(one.number);
        // A question that came while the window was closing is counted from the next one on.
        let Some((_, conversations, customers)) = course
            .last()
            .filter(|(key, ..)| *key == window.key)
            .cloned()
        else {
            continue;
        };
        topics.push(AskedTopic {
            number: one.number,
            name: one.name,
            query: one.query,
            conversations,
            customers,
            course: course
                .into_iter()
                .map(|(key, count, _)| (key, count))
                .collect(),
            is_new: one.number > told_through,
        });
    }
    Ok(topics)
}

/// The conversations of a window that count, with their customers.
struct Counting {
    window: Window,
    counted: BTreeMap<ConversationKey, Option<String>>,
}

impl Counting {
    fn new(facts: &[Fact], window: &Window) -> Self {
        let counts = |fact: &&Fact| {
            window.contains(fact.created_at) && !matches!(fact.state, State::Excluded(_))
        };
        let counted = facts.iter().filter(counts);
        Self {
            window: window.clone(),
            counted: counted
                .map(|fact| (fact.key.clone(), fact.customer.clone()))
                .collect(),
        }
    }

    async fn count(
        &self,
        index: &SearchIndex,
        config: &Config,
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> anyhow::Result<AskedWindow> {
        let (index, calendar) = (index.clone(), config.calendar);
        let (query, span) = (asked.query.clone(), (self.window.start, self.window.end));
        let found = tokio::task::spawn_blocking(move || index.matching(&query, span, &calendar))
            .await
            .context("searching for an asked topic")??;
        let keys: Vec<ConversationKey> = found
            .into_iter()
            .filter(|key| self.counted.contains_key(key))
            .collect();
        let customers: BTreeSet<&String> = keys
            .iter()
            .filter_map(|key| self.counted[key].as_ref())
            .collect();
        Ok(AskedWindow {
            asked: asked.number,
            cadence: self.window.cadence,
            window: self.window.key.clone(),
            counted_at: now,
            customers: customers.len() as u64,
            keys,
        })
    }
}
