//! Finds topics, keeps them, names them. Pure: same documents, same answer, whatever their order.
//!
//! The way of a discovery: `corpus` sorts the documents, reads their words (`terms`, `stem`) and leaves `boilerplate` out; `graph` finds each
//! one's nearest neighbours by exact integer products (`vector`, `kernel`); `community` cuts that network into groups, as
//! fine as `granularity` chooses (`silhouette`), where a `crowd` speaks; `cluster` decides for every document, with the threshold of `vote`; `matching`
//! recognises known topics; `discovery` describes what was found, with names from `label` and how well it lasts from
//! `stability`. `assign` gives arrivals the topics of the `registry`, and `why` says of one conversation what speaks for
//! its topic; `split` takes one apart where a person asks for it, and `review` looks at everything again. `themes` are the
//! broader groups; `renew` puts topics into the numbers of another encoder. `trend` says what changed.

mod assign;
mod boilerplate;
mod cluster;
mod community;
mod corpus;
mod crowd;
mod discovery;
mod exposure;
mod granularity;
mod graph;
mod kernel;
mod label;
mod matching;
mod registry;
mod renew;
mod review;
mod silhouette;
mod split;
mod stability;
pub mod stem;
mod terms;
mod themes;
pub mod trend;
mod vector;
mod vote;
mod why;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::model::{ConversationKey, Discovery, Text, Vector};
use crate::section::Section;

pub use assign::assign;
pub use cluster::network;
pub use community::{Resolution, communities};
pub use graph::{Neighbour, Network, nearest};
pub use registry::{Edited, Registry};
pub use renew::renewed;
pub use review::review;
pub use split::split;
pub use terms::{Lexicon, TokenKind};
pub use vector::Matrix;
pub use why::{Because, Near, Reason, why};

/// What topics see of a conversation.
#[derive(Clone, Debug)]
pub struct Document {
    /// Which conversation.
    pub key: ConversationKey,
    /// Its clean, redacted text.
    pub text: Text,
    /// Its vector.
    pub vector: Vector,
    /// ISO 639-1 code, or empty.
    pub language: String,
    /// Whose it is, so that one customer's repeats do not make a topic.
    pub customer: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// Its topic so far, if it has one.
    pub topic: Option<crate::model::TopicId>,
}

/// Neighbours of a document in the network: fewer tear topics apart, more blur them.
const NEIGHBOURS: i64 = 15;
/// Least conversations of a topic: below it, one person's memory is as good.
const TOPIC_SIZE_MIN: i64 = 5;
/// Least different customers of a topic, where customers are known.
const TOPIC_CUSTOMERS_MIN: i64 = 2;
/// Up to this many different texts the neighbours of all are found exactly: seconds on two cores.
const EXACT_MAX: i64 = 30_000;
/// Of more texts so many are clustered, and the others join them.
const SAMPLE_SIZE: i64 = 20_000;
/// How far below its topic's usual nearness a conversation may lie, in standard deviations.
const SPREAD: f64 = 5.0;
/// A new group is a known topic if the cosine of their middles is at least this, in percent.
const SAME_TOPIC_PERCENT: i64 = 92;
/// Discoveries repeated for the stability of topics.
const STABILITY_REPEATS: i64 = 5;
/// How topics are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Neighbours of a document in the network.
    pub neighbours: usize,
    /// Least conversations of a topic.
    pub topic_size_min: usize,
    /// Least different customers of a topic, where customers are known.
    pub topic_customers_min: usize,
    /// Up to this many different texts all are clustered.
    pub exact_max: usize,
    /// Of more texts so many are clustered, and the others join them.
    pub sample_size: usize,
    /// How far below its topic's usual nearness a conversation may lie, in standard deviations.
    pub spread: f64,
    /// A new group is a known topic if the cosine of their middles is at least this, in percent.
    pub same_topic_percent: u32,
    /// Discoveries repeated for the stability of topics; none leaves it out.
    pub stability_repeats: usize,
}

impl Params {
    /// Reads the `[topics]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let mut size = |key, default, range| section.number(key, default, range) as usize;
        let params = Self {
            neighbours: size("neighbours", NEIGHBOURS, 2..=100),
            topic_size_min: size("topic_size_min", TOPIC_SIZE_MIN, 2..=1_000),
            topic_customers_min: size("topic_customers_min", TOPIC_CUSTOMERS_MIN, 1..=1_000),
            exact_max: size("exact_max", EXACT_MAX, 1_000..=200_000),
            sample_size: size("sample_size", SAMPLE_SIZE, 1_000..=200_000),
            same_topic_percent: size("same_topic_percent", SAME_TOPIC_PERCENT, 1..=100) as u32,
            stability_repeats: size("stability_repeats", STABILITY_REPEATS, 0..=100),
            spread: section.decimal("spread", SPREAD, 0.5..=20.0),
        };
        section.finish();
        params
    }
}

impl Default for Params {
    fn default() -> Self {
        Self {
            neighbours: NEIGHBOURS as usize,
            topic_size_min: TOPIC_SIZE_MIN as usize,
            topic_customers_min: TOPIC_CUSTOMERS_MIN as usize,
            exact_max: EXACT_MAX as usize,
            sample_size: SAMPLE_SIZE as usize,
            spread: SPREAD,
            same_topic_percent: SAME_TOPIC_PERCENT as u32,
            stability_repeats: STABILITY_REPEATS as usize,
        }
    }
}

/// Finds new topics among documents that have none. The first run, over everything, is the same function with an
/// empty registry; documents that have a topic already keep it where it comes back.
pub fn discover(
    unassigned: &[Document],
    registry: &Registry,
    params: &Params,
    now: DateTime<Utc>,
) -> Discovery {
    let corpus = corpus::Corpus::new(unassigned);
    let groups = cluster::groups(&corpus, params);
    discovery::describe(&corpus, &groups, registry, params, now)
}
