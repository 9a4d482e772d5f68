//! Why a conversation is where it is, in sentences and figures: loaded, judged, and put into words for people.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::Config;
use crate::model::{ConversationKey, EditKind, Exclusion, ModelId, State, Topic, TopicId};
use crate::store::Store;
use crate::topics::{self, Because, Document, Reason};

/// Characters that are shown of a neighbour's text.
const TEXT_SHOWN: usize = 100;

/// Why a conversation is where it is.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// Which conversation.
    pub conversation: ConversationKey,
    /// `assigned`, `unassigned` or `excluded:…`.
    pub state: String,
    /// Where it counts.
    pub topic: Option<Name>,
    /// The reason, in plain words.
    pub sentences: Vec<String>,
    /// Its nearest conversations that have a topic, nearest first.
    pub neighbours: Vec<Neighbour>,
    /// The neighbours' votes by topic, heaviest first.
    pub votes: Vec<Vote>,
    /// Terms of the topic that its text has.
    pub shared_terms: Vec<String>,
    /// Its nearness to the topic's middle, as a cosine.
    pub nearness: Option<f64>,
    /// The least nearness that the topic takes.
    pub nearness_min: Option<f64>,
    /// Its mean nearness to its nearest neighbours.
    pub company: Option<f64>,
    /// The least company; below it a conversation is alone.
    pub company_min: Option<f64>,
    /// A second topic that it touches.
    pub also: Option<Name>,
}

/// A topic by id and label.
#[derive(Clone, Debug, Serialize)]
pub struct Name {
    /// Its id.
    pub topic_id: TopicId,
    /// What people call it.
    pub topic: String,
}

/// A conversation nearby.
#[derive(Clone, Debug, Serialize)]
pub struct Neighbour {
    /// Which.
    pub conversation: ConversationKey,
    /// Where it counts.
    #[serde(flatten)]
    pub name: Name,
    /// How near it is, as a cosine.
    pub cosine: f64,
    /// How its text begins.
    pub text: String,
}

/// What the neighbours say for a topic.
#[derive(Clone, Debug, Serialize)]
pub struct Vote {
    /// The topic.
    #[serde(flatten)]
    pub name: Name,
    /// Its share of the votes.
    pub share: f64,
}

/// Says why a conversation is where it is; `None` if it is not stored.
pub async fn why(
    store: &Store,
    model: &ModelId,
    config: &Config,
    key: &ConversationKey,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Why>> {
    let Some(state) = store.state(key).await? else {
        return Ok(None);
    };
    if let State::Excluded(reason) = &state {
        return Ok(Some(simple(key, &state, excluded(*reason))));
    }
    let Some(document) = store.document(model, key).await? else {
        let sentence = "its text was not read by the encoder yet, so it has no topic yet";
        return Ok(Some(simple(key, &state, sentence.to_owned())));
    };
    let registry = super::registry_of(store).await?;
    let names = Names(registry.seen());
    let horizon = now - config.discovery.horizon;
    let params = config.topics.clone();
    let settled = store.voters(model, horizon, &params).await?;
    let (document, reason) = tokio::task::spawn_blocking(move || {
        let reason = topics::why(&document, &settled, &registry, &params);
        (document, reason)
    })
    .await
    .context("asking the neighbours")?;
    let mut why = simple(key, &state, String::new());
    why.sentences = sentences(&document, &reason, &names);
    why.topic = document.topic.as_ref().map(|id| names.name(id));
    why.neighbours = neighbours(store, &reason, &names).await?;
    why.votes = reason
        .votes
        .iter()
        .map(|(id, share)| Vote {
            name: names.name(id),
            share: *share,
        })
        .collect();
    why.nearness = reason.nearness.map(|(nearness, _)| nearness);
    why.nearness_min = reason.nearness.map(|(_, least)| least);
    (why.company, why.company_min) = (Some(reason.company.0), Some(reason.company.1));
    why.also = reason.second.as_ref().map(|id| names.name(id));
    why.shared_terms = reason.shared_terms;
    Ok(Some(why))
}

fn simple(key: &ConversationKey, state: &State, sentence: String) -> Why {
    Why {
        conversation: key.clone(),
        state: state.name(),
        topic: None,
        sentences: vec![sentence],
        neighbours: Vec::new(),
        votes: Vec::new(),
        shared_terms: Vec::new(),
        nearness: None,
        nearness_min: None,
        company: None,
        company_min: None,
        also: None,
    }
}

fn excluded(reason: Exclusion) -> String {
    let why = match reason {
        Exclusion::Spam => "the helpdesk marked it as spam",
        Exclusion::Deleted => "it was deleted in the helpdesk",
        Exclusion::Merged => "it was merged into another conversation, which counts",
        Exclusion::Automatic => "it is an automatic mail",
        Exclusion::Empty => "nothing is left of it after cleaning",
    };
    format!("it does not count: {why}")
}

async fn neighbours(
    store: &Store,
    reason: &Reason,
    names: &Names,
) -> anyhow::Result<Vec<Neighbour>> {
    let keys: Vec<ConversationKey> = reason.neighbours.iter().map(|n| n.key.clone()).collect();
    let stored = store.conversations(&keys).await?;
    let text = |key: &ConversationKey| {
        let found = stored.iter().find(|one| one.conversation.key == *key);
        found.map_or_else(String::new, |one| beginning(one.text.as_str()))
    };
    let neighbour = |near: &topics::Near| Neighbour {
        conversation: near.key.clone(),
        name: names.name(&near.topic),
        cosine: near.cosine,
        text: text(&near.key),
    };
    Ok(reason.neighbours.iter().map(neighbour).collect())
}

/// How a text begins, on one line.
pub fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TEXT_SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// The topics' labels.
struct Names(Vec<Topic>);

impl Names {
    fn label<'a>(&'a self, id: &'a TopicId) -> &'a str {
        let found = self.0.iter().find(|topic| topic.id == *id);
        found.map_or(id.as_str(), |topic| &topic.label)
    }

    fn name(&self, id: &TopicId) -> Name {
        Name {
            topic_id: id.clone(),
            topic: self.label(id).to_owned(),
        }
    }
}

/// The reason in plain words: first what decided, then what speaks for and against it.
fn sentences(document: &Document, reason: &Reason, names: &Names) -> Vec<String> {
    let mut said = vec![decided(document, reason, names)];
    if let (Some(topic), Some((nearness, least))) = (&reason.topic, reason.nearness) {
        let label = names.label(topic);
        said.push(format!(
            "its nearness to the middle of \"{label}\" is {nearness:.2}; {least:.2} is the least that it takes"
        ));
    }
    if let Some(second) = &reason.second {
        said.push(format!("it also touches \"{}\"", names.label(second)));
    }
    said
}

fn decided(document: &Document, reason: &Reason, names: &Names) -> String {
    let share = |id: &TopicId| {
        let found = reason.votes.iter().find(|(topic, _)| topic == id);
        found.map_or(0.0, |(_, share)| share * 100.0)
    };
    let vote = |id: &TopicId| {
        let there = reason.neighbours.iter().filter(|n| n.topic == *id).count();
        let all = reason.neighbours.len();
        let (label, percent) = (names.label(id), share(id));
        format!(
            "{there} of its {all} nearest conversations that have a topic are in \"{label}\", with {percent:.0} % of the votes"
        )
    };
    let (company, least) = reason.company;
    let otherwise = match &reason.because {
        Because::Pinned(edit) => {
            let who = Some(edit.by.as_str()).filter(|by| !by.is_empty());
            let topic = match &edit.kind {
                EditKind::Pin { topic, .. } => names.label(topic),
                _ => "",
            };
            return format!(
                "{} put it into \"{topic}\" on {} (edit {})",
                who.unwrap_or("somebody"),
                edit.at.format("%Y-%m-%d"),
                edit.number
            );
        }
        Because::Neighbours(id) if Some(id) == document.topic.as_ref() => return vote(id),
        Because::SaysNothing => {
            "its text has no word that says anything, only greetings, thanks and the like"
                .to_owned()
        }
        Because::NothingNear => "no conversation that has a topic is near".to_owned(),
        Because::Alone => format!(
            "even its nearest conversations are far from it: {company:.2} on average, {least:.2} is the least"
        ),
        Because::TooFar(id) => format!("{}, but it is too far from the middle of it", vote(id)),
        Because::Neighbours(id) => vote(id),
    };
    match &document.topic {
        // Discovery and review look at the whole network, not only at the nearest.
        Some(topic) => format!(
            "it was put into \"{}\" together with the others there, when all were compared with all; seen alone, {otherwise}",
            names.label(topic)
        ),
        None => match reason.because {
            Because::Neighbours(_) => format!(
                "it had no topic when it was last looked at; since then {otherwise}: the next look at the unassigned decides"
            ),
            _ => otherwise,
        },
    }
}
