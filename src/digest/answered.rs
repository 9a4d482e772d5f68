//! What readers answered, put into the digest: the section that tells it, the marks on items, and the evidence that was
//! pinned as quotes.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Heard, TopicHeard};
use crate::counting::Counts;
use crate::model::{
    Answered, ConversationKey, Digest, Item, ItemHeard, State, Stored, TopicAnswered, TopicId,
};

use super::draft::Inputs;
use super::quotes;

/// What the second step needs to know of the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    heard: Heard,
    /// Label, and conversations in the window, of each topic that was answered.
    topics: BTreeMap<TopicId, (String, u64)>,
    /// Pinned conversations that count in their topic, in this window or one of its course.
    fitting: BTreeSet<(TopicId, ConversationKey)>,
}

impl Answers {
    /// Names and counts the topics that were answered, and sees which evidence fits.
    pub fn of(inputs: &Inputs<'_>, counts: &Counts) -> Self {
        let heard = inputs.heard.clone();
        let named = inputs.topics.iter();
        let topics = named
            .filter(|topic| heard.topics.contains_key(&topic.id))
            .map(|topic| {
                let count = counts.topic(&topic.id);
                (topic.id.clone(), (topic.label.clone(), count))
            })
            .collect();
        let mut wanted: BTreeMap<&ConversationKey, Vec<&TopicId>> = BTreeMap::new();
        for (topic, one) in &heard.topics {
            for key in &one.pins {
                wanted.entry(key).or_default().push(topic);
            }
        }
        let mut fitting = BTreeSet::new();
        if !wanted.is_empty() {
            for fact in inputs.facts {
                let (State::Assigned(topic), Some(topics)) = (&fact.state, wanted.get(&fact.key))
                else {
                    continue;
                };
                if fact.created_at < inputs.window.end && topics.contains(&topic) {
                    fitting.insert((topic.clone(), fact.key.clone()));
                }
            }
        }
        Self {
            heard,
            topics,
            fitting,
        }
    }

    /// Conversations that may be quoted as evidence.
    pub fn keys(&self) -> impl Iterator<Item = &ConversationKey> {
        self.fitting.iter().map(|(_, key)| key)
    }

    /// Marks the items, quotes what was pinned, and tells what became of each answer.
    pub fn tell(
        &self,
        digest: &mut Digest,
        stored: &BTreeMap<ConversationKey, Stored>,
        quotes_max: usize,
    ) {
        for item in &mut digest.items {
            if let Some(heard) = self.heard.topics.get(&item.topic_id) {
                self.mark(item, heard, stored, quotes_max);
            }
        }
        let told: Vec<TopicAnswered> = self
            .heard
            .topics
            .iter()
            .filter(|(_, heard)| heard.is_new())
            .filter_map(|(topic, heard)| self.told(topic, heard, digest))
            .collect();
        digest.answered = Answered {
            through: self.heard.through,
            topics: told,
            asked: self.heard.asked.clone(),
            withdrawn: self.heard.withdrawn,
        };
    }

    fn mark(
        &self,
        item: &mut Item,
        heard: &TopicHeard,
        stored: &BTreeMap<ConversationKey, Stored>,
        quotes_max: usize,
    ) {
        let fits = |key: &&ConversationKey| {
            let pair = (item.topic_id.clone(), (*key).clone());
            self.fitting.contains(&pair)
        };
        let keys: Vec<ConversationKey> = heard.pins.iter().filter(fits).cloned().collect();
        let mut quotes = quotes::sample(&keys, stored);
        quotes.truncate(quotes_max);
        let pinned: Vec<ConversationKey> = quotes.iter().map(|quote| quote.key.clone()).collect();
        let others = std::mem::take(&mut item.quotes);
        quotes.extend(others.into_iter().filter(|one| !pinned.contains(&one.key)));
        quotes.truncate(quotes_max);
        item.quotes = quotes;
        if heard.is_disputed() {
            item.suggestion.contrary.push(contrary(heard));
        }
        if heard.confirmed + heard.disputed > 0 || !pinned.is_empty() {
            item.heard = Some(ItemHeard {
                confirmed: heard.confirmed,
                disputed: heard.disputed,
                reasons: reasons(heard),
                pinned,
            });
        }
    }

    /// `None` for a topic that is gone: there is no name to tell it by.
    fn told(&self, topic: &TopicId, heard: &TopicHeard, digest: &Digest) -> Option<TopicAnswered> {
        let (label, conversations) = self.topics.get(topic)?;
        let place = digest.items.iter().position(|item| item.topic_id == *topic);
        let shown = place.map(|place| {
            let heard = digest.items[place].heard.as_ref();
            heard.map_or(&[][..], |heard| heard.pinned.as_slice())
        });
        let noun = digest.cadence.noun();
        let mut outcome = match (place, conversations) {
            (Some(place), _) => format!("It is item {} here", place + 1),
            (None, 0) => format!("Nobody spoke of it in this {noun}"),
            (None, 1) => {
                format!("One conversation of this {noun} is about it, too few for an item")
            }
            (None, count) => {
                format!("{count} conversations of this {noun} are about it; it is no item here")
            }
        };
        if heard.is_disputed() && place.is_some() {
            outcome.push_str(", marked as disputed");
        }
        outcome.push_str(&evidence(heard, shown));
        Some(TopicAnswered {
            topic_id: topic.clone(),
            label: label.clone(),
            confirmed: heard.newly_confirmed,
            disputed: heard.newly_disputed,
            reasons: match heard.newly_disputed {
                0 => Vec::new(),
                _ => reasons(heard),
            },
            pinned: heard.pins.clone(),
            outcome: outcome + ".",
        })
    }
}

/// More people dispute a topic than confirm it: that speaks against whatever is suggested about it.
fn contrary(heard: &TopicHeard) -> String {
    let all = heard.confirmed + heard.disputed;
    let reasons: Vec<String> = heard
        .reasons
        .iter()
        .map(|reason| format!("\u{201c}{}\u{201d}", reason.0))
        .collect();
    let disputed = heard.disputed;
    let mut sentence = match all {
        1 => "The one reader who answered does not hear it".to_owned(),
        _ => format!("{disputed} of {all} readers who answered do not hear it"),
    };
    if !reasons.is_empty() {
        sentence.push_str(&format!(": {}", reasons.join("; ")));
    }
    sentence + "."
}

/// What became of the evidence: it is quoted, or why not.
fn evidence(heard: &TopicHeard, shown: Option<&[ConversationKey]>) -> String {
    let pinned = heard.pins.len();
    let Some(shown) = shown else {
        return match pinned {
            0 => String::new(),
            _ => "; the evidence waits for the next digest with it".to_owned(),
        };
    };
    match (pinned, shown.len()) {
        (0, _) => String::new(),
        (1, 1) => ", with the pinned conversation as a quote".to_owned(),
        (all, quoted) if all == quoted => {
            format!(", with the {all} pinned conversations as quotes")
        }
        (_, 0) => "; what was pinned counts in another topic or was opened too long ago, so it is not quoted".to_owned(),
        (all, quoted) => format!(
            ", with {quoted} of {all} pinned conversations as quotes; the others count in another topic or are too old"
        ),
    }
}

fn reasons(heard: &TopicHeard) -> Vec<String> {
    heard
        .reasons
        .iter()
        .map(|reason| reason.0.clone())
        .collect()
}
