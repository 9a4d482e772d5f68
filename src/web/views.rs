//! What pages and API show, loaded and put into shape once for both.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::charts::{Bar, bars};
use super::error::Failure;
use crate::app::App;
use crate::clock;
use crate::model::{
    Cadence, ConversationKey, Lineage, State, Stored, Topic, TopicId, TopicStatus, Visibility,
    Window,
};
use crate::steps::{self, Why};

/// Windows in a topic's course.
const COURSE_WINDOWS: usize = 13;

/// A topic as lists show it.
#[derive(Serialize)]
pub struct TopicRow {
    /// Its id.
    pub topic_id: TopicId,
    /// Its label.
    pub topic: String,
    /// The broader group.
    pub theme: String,
    /// Its typical words.
    pub terms: Vec<String>,
    /// Conversations so far.
    pub conversations: u64,
    /// Customers so far.
    pub customers: u64,
    /// Day of its first conversation.
    pub first_day: String,
    /// Day of its last conversation.
    pub last_day: String,
    /// Share that comes back when a tenth is left out.
    pub stability: Option<f64>,
    /// Conversations in the last windows, oldest first.
    pub course: Vec<(String, u64)>,
}

/// The last windows of a cadence up to the newest conversation, oldest first.
pub async fn recent_windows(app: &App, cadence: Cadence) -> anyhow::Result<Vec<Window>> {
    let Some((first, last)) = app.store.span().await? else {
        return Ok(Vec::new());
    };
    let calendar = &app.config.calendar;
    let mut windows = vec![calendar.window(cadence, last)];
    while windows.len() < COURSE_WINDOWS
        && let Some(oldest) = windows.last().filter(|window| window.start > first)
    {
        let earlier = calendar.previous(oldest);
        windows.push(earlier);
    }
    windows.reverse();
    Ok(windows)
}

/// All topics that have conversations, largest first.
pub async fn topics(app: &App, cadence: Cadence) -> anyhow::Result<Vec<TopicRow>> {
    let windows = recent_windows(app, cadence).await?;
    let mut counts = Vec::new();
    for window in &windows {
        counts.push(app.store.topic_counts(window.start, window.end).await?);
    }
    let spans = app.store.topic_spans().await?;
    let mut rows = Vec::new();
    for topic in crate::steps::seen_topics(&app.store).await? {
        let Some(span) = spans.get(&topic.id) else {
            continue;
        };
        if topic.status == TopicStatus::Merged {
            continue;
        }
        let course: Vec<_> = windows
            .iter()
            .zip(&counts)
            .map(|(window, counts)| {
                (
                    window.key.clone(),
                    counts.get(&topic.id).copied().unwrap_or(0),
                )
            })
            .collect();
        let day = |at: DateTime<Utc>| app.config.calendar.day_of(at).to_string();
        rows.push(TopicRow {
            topic_id: topic.id,
            topic: topic.label,
            theme: topic.theme,
            terms: topic.terms.into_iter().map(|term| term.word).collect(),
            conversations: span.conversations,
            customers: span.customers,
            first_day: day(span.first),
            last_day: day(span.last),
            stability: topic.stability,
            course,
        });
    }
    rows.sort_by(|a, b| (b.conversations, &a.topic_id).cmp(&(a.conversations, &b.topic_id)));
    Ok(rows)
}

/// Bars of a course; `marked` stands out.
pub fn course_picture(course: &[(String, u64)], marked: Option<&str>) -> String {
    let list: Vec<_> = course
        .iter()
        .map(|(name, count)| Bar {
            name: name.clone(),
            count: *count,
            is_marked: marked == Some(name.as_str()),
        })
        .collect();
    bars(&list, 260, 44)
}

/// How many of something fall under a name.
#[derive(Serialize)]
pub struct Share {
    /// The name.
    pub name: String,
    /// How many.
    pub conversations: u64,
    /// Of all, 0 to 1.
    pub share: f64,
}

/// One topic with its course, its official categories and its conversations in a window or of late.
#[derive(Serialize)]
pub struct TopicView {
    /// The topic.
    #[serde(flatten)]
    pub row: TopicRow,
    /// The window that is shown, or empty for "of late".
    pub window: String,
    /// Official categories of the conversations shown.
    pub categories: Vec<Share>,
    /// The conversations shown.
    pub tickets: Vec<Ticket>,
    /// Conversations of the topic in the window.
    pub total: u64,
    /// What became of it over time.
    pub lineage: Vec<(String, String)>,
}

/// A conversation as lists show it.
#[derive(Serialize)]
pub struct Ticket {
    /// Its key.
    pub key: ConversationKey,
    /// `ticket` or `call note`.
    pub kind: String,
    /// When it was opened, in the configured zone.
    pub opened: String,
    /// The subject, or its first words.
    pub subject: String,
    /// The beginning of its text.
    pub excerpt: String,
    /// The official category.
    pub category: Option<String>,
    /// The customer's account.
    pub account: Option<String>,
    /// Opens it in the helpdesk.
    pub url: Option<String>,
}

/// Conversations on one page of a topic.
const TICKETS_MAX: usize = 500;

/// One topic; `window` limits its conversations to one window of the cadence.
pub async fn topic(
    app: &App,
    id: &str,
    cadence: Cadence,
    window: Option<&str>,
) -> Result<TopicView, Failure> {
    let rows = topics(app, cadence).await?;
    let row = rows.into_iter().find(|row| row.topic_id.as_str() == id);
    let row = row.ok_or(Failure::NotFound("topic"))?;
    let shown = match window.filter(|key| !key.is_empty()) {
        Some(key) => Some(
            app.window(cadence, key)
                .ok_or_else(|| Failure::Wrong(format!("{key} is not a {} here", cadence.noun())))?,
        ),
        None => None,
    };
    let (from, to) = match &shown {
        Some(window) => (window.start, window.end),
        None => (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC),
    };
    let keys = app
        .store
        .topic_keys(&row.topic_id, from, to, u32::MAX)
        .await?;
    let total = keys.len() as u64;
    let first_keys = &keys[..keys.len().min(TICKETS_MAX)];
    let stored = app.store.conversations(first_keys).await?;
    let lineage = app.store.lineage(&row.topic_id).await?;
    let known = steps::seen_topics(&app.store).await?;
    Ok(TopicView {
        window: shown.map(|window| window.key).unwrap_or_default(),
        categories: shares(&stored),
        tickets: stored.iter().map(|stored| ticket(app, stored)).collect(),
        total,
        lineage: lineage
            .into_iter()
            .map(|(at, what)| {
                let day = app.config.calendar.day_of(at).to_string();
                (day, sentence(&what, &row.topic_id, &known))
            })
            .collect(),
        row,
    })
}

/// What became of a topic, as its own page says it.
fn sentence(lineage: &Lineage, own: &TopicId, topics: &[Topic]) -> String {
    let label = |id: &TopicId| {
        let found = topics.iter().find(|topic| topic.id == *id);
        found.map_or_else(
            || id.to_string(),
            |topic| format!("\"{}\" ({id})", topic.label),
        )
    };
    match lineage {
        Lineage::New(_) => "found for the first time".to_owned(),
        Lineage::Kept(_) => "found again".to_owned(),
        Lineage::SplitFrom { topic, from } if topic == own => format!("split from {}", label(from)),
        Lineage::SplitFrom { topic, .. } => format!("{} was split from it", label(topic)),
        Lineage::MergedInto { topic, into } if topic == own => {
            format!("merged into {}", label(into))
        }
        Lineage::MergedInto { topic, .. } => format!("{} was merged into it", label(topic)),
        Lineage::Dormant(_) => "dormant: no conversations for a long time".to_owned(),
        Lineage::Back(_) => "back again".to_owned(),
    }
}

fn shares(stored: &[Stored]) -> Vec<Share> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for one in stored {
        let name = one.conversation.category.clone();
        *counts
            .entry(name.unwrap_or_else(|| "never categorised".to_owned()))
            .or_default() += 1;
    }
    let all = stored.len().max(1) as f64;
    let mut shares: Vec<_> = counts
        .into_iter()
        .map(|(name, count)| Share {
            name,
            conversations: count,
            share: count as f64 / all,
        })
        .collect();
    shares.sort_by(|a, b| (b.conversations, &a.name).cmp(&(a.conversations, &b.name)));
    shares
}

/// A conversation as lists show it.
pub fn ticket(app: &App, stored: &Stored) -> Ticket {
    let conversation = &stored.conversation;
    let zone = app.config.calendar.zone;
    let text = stored.text.as_str();
    let subject = conversation.subject.as_str();
    // Call notes have no subject: their first words stand for it, and the excerpt goes on behind them.
    let title = if subject.is_empty() {
        beginning(text, 60)
    } else {
        subject.to_owned()
    };
    Ticket {
        key: conversation.key.clone(),
        kind: conversation.kind.as_str().replace('_', " "),
        opened: conversation
            .created_at
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M")
            .to_string(),
        excerpt: beginning(
            text.strip_prefix(title.trim_end_matches('…'))
                .unwrap_or(text),
            180,
        ),
        subject: title,
        category: conversation.category.clone(),
        account: conversation.account.clone(),
        url: conversation.url.clone().filter(|url| is_link(url)),
    }
}

/// Whether an address from a helpdesk may become a link: it could as well be a script.
fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// The first characters of a text on one line, cut between words.
pub fn beginning(text: &str, characters: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > characters {
            line.push('…');
            return line;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(characters));
    }
    line
}

/// A conversation with its words.
#[derive(Serialize)]
pub struct ConversationView {
    /// As lists show it.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// Its topic.
    pub topic: Option<(TopicId, String)>,
    /// `assigned`, `unassigned` or `excluded:…`.
    pub state: String,
    /// Author, visibility, time, words.
    pub messages: Vec<(String, bool, String, String)>,
    /// Status, product and the like, by name.
    pub details: Vec<(String, String)>,
}

/// Why a conversation is where it is.
pub async fn why(app: &App, key: &ConversationKey) -> Result<Why, Failure> {
    let model = app.embedder.model();
    let why = steps::why(&app.store, &model, &app.config, key, clock::now()).await?;
    why.ok_or(Failure::NotFound("conversation"))
}

/// One conversation, as stored: clean and redacted.
pub async fn conversation(app: &App, key: &ConversationKey) -> Result<ConversationView, Failure> {
    let stored = app
        .store
        .conversation(key)
        .await?
        .ok_or(Failure::NotFound("conversation"))?;
    let state = app.store.state(key).await?.unwrap_or(State::Unassigned);
    let topics = crate::steps::seen_topics(&app.store).await?;
    let topic = match &state {
        State::Assigned(id) => topics.iter().find(|topic| topic.id == *id),
        _ => None,
    };
    let zone = app.config.calendar.zone;
    let conversation = &stored.conversation;
    let time = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let messages = conversation.messages.iter().map(|message| {
        (
            message.author.as_str().to_owned(),
            message.visibility == Visibility::Internal,
            message.at.map(time).unwrap_or_default(),
            message.text.as_str().to_owned(),
        )
    });
    let optional = [
        ("status", conversation.status.clone()),
        ("closed", conversation.closed_at.map(time)),
        ("product", conversation.product.clone()),
        ("channel", conversation.channel.clone()),
        ("requester", conversation.requester.clone()),
        (
            "satisfaction",
            conversation.csat.map(|csat| format!("{csat:.2}")),
        ),
        (
            "reopened",
            (conversation.reopens > 0).then(|| conversation.reopens.to_string()),
        ),
        (
            "language",
            Some(stored.language.clone()).filter(|code| !code.is_empty()),
        ),
    ];
    let fixed = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(ConversationView {
        topic: topic.map(|topic: &Topic| (topic.id.clone(), topic.label.clone())),
        state: state.name(),
        messages: messages.collect(),
        details: fixed.chain(conversation.attributes.clone()).collect(),
        ticket: ticket(app, &stored),
    })
}
