//! `groundswell topics split`: shows the parts that a topic falls into, and makes edits of them.

use std::collections::BTreeMap;

use super::WrongUsage;
use super::output::print_json;
use super::topics::renamed;
use crate::clock;
use crate::config::Config;
use crate::embed;
use crate::model::{ConversationKey, Discovery, EditKind, Topic, TopicId};
use crate::steps;
use crate::store::Store;

/// A topic and the parts it falls into.
pub struct Parts {
    topic: TopicId,
    /// What is found when it is split.
    pub found: Discovery,
    staying: usize,
}

impl Parts {
    /// Looks for the parts; an error when there are none.
    pub async fn find(store: &Store, config: &Config, topic: TopicId) -> anyhow::Result<Self> {
        let model = embed::build(&config.embed, &config.ingest.default_language)?.model();
        let (found, all) =
            steps::split(store, &model, &config.topics, &topic, clock::now()).await?;
        let found = found.ok_or_else(|| {
            anyhow::anyhow!(
                "the {all} conversations of {topic} do not fall into parts of at least {}; \
                 groundswell topics move puts single ones elsewhere",
                config.topics.topic_size_min
            )
        })?;
        Ok(Self {
            staying: all - found.assignments.len(),
            topic,
            found,
        })
    }

    /// The parts with their sizes: what stays first, then the new ones, largest first.
    fn sized(&self) -> Vec<(&Topic, usize)> {
        let mut sizes: BTreeMap<&TopicId, usize> = BTreeMap::new();
        for id in self
            .found
            .assignments
            .iter()
            .filter_map(|a| a.topic.as_ref())
        {
            *sizes.entry(id).or_default() += 1;
        }
        let size = |topic: &Topic| sizes.get(&topic.id).copied().unwrap_or(self.staying);
        let mut parts: Vec<(&Topic, usize)> = self
            .found
            .topics
            .iter()
            .map(|topic| (topic, size(topic)))
            .collect();
        parts.sort_by_key(|(topic, size)| (topic.id != self.topic, std::cmp::Reverse(*size)));
        parts
    }

    /// Prints the parts, with texts that stand for them.
    pub async fn show(&self, store: &Store, json: bool) -> anyhow::Result<()> {
        let mut rows = Vec::new();
        for (topic, size) in self.sized() {
            let keys: Vec<ConversationKey> = topic
                .exemplars
                .iter()
                .take(3)
                .map(|e| e.key.clone())
                .collect();
            let stored = store.conversations(&keys).await?;
            let texts: Vec<String> = stored
                .iter()
                .map(|one| steps::beginning(one.text.as_str()))
                .collect();
            rows.push((topic, size, texts));
        }
        if json {
            let rows: Vec<_> = rows
                .iter()
                .map(|(topic, size, texts)| {
                    serde_json::json!({
                        "topic_id": topic.id, "topic": topic.label, "conversations": size,
                        "stays": topic.id == self.topic, "exemplars": texts,
                        "terms": topic.terms.iter().map(|term| &term.word).collect::<Vec<_>>(),
                    })
                })
                .collect();
            return print_json(&rows);
        }
        for (topic, size, texts) in rows {
            let mark = if topic.id == self.topic { "stays " } else { "" };
            let terms: Vec<&str> = topic
                .terms
                .iter()
                .take(5)
                .map(|t| t.word.as_str())
                .collect();
            println!("{size:>7}  {mark}{}: {}", topic.label, terms.join(", "));
            texts.iter().for_each(|text| println!("           {text}"));
        }
        println!("nothing was changed; add --yes to split it so, or --name LABEL for each part");
        Ok(())
    }

    /// The edits that make it so; `names` are none or one for each part, in the order shown.
    pub fn edits(&self, names: &[String]) -> anyhow::Result<Vec<EditKind>> {
        let parts = self.sized();
        if !names.is_empty() && names.len() != parts.len() {
            let (count, given) = (parts.len(), names.len());
            let message = format!("there are {count} parts and {given} names; give one for each");
            return Err(WrongUsage(message).into());
        }
        let new = parts.iter().filter(|(part, _)| part.id != self.topic);
        let mut edits: Vec<EditKind> = new
            .map(|(part, _)| EditKind::Split {
                topic: self.topic.clone(),
                part: part.id.clone(),
            })
            .collect();
        for ((part, _), name) in parts.iter().zip(names) {
            edits.push(renamed(part.id.clone(), name)?);
        }
        Ok(edits)
    }
}
