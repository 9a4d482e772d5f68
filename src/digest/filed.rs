//! Where a topic is filed: its official categories, the main one, and how much of it no line of the official report shows.

use std::collections::BTreeMap;

use crate::model::{CategoryShare, TopicId};
use crate::reconcile::{self, CatchAll, Comparison, Row};

use super::certainty::Share;
use super::config::DigestConfig;

/// Under which categories the topic is filed, most first, with what the report counts there.
pub fn categories(
    rows: &[Row],
    topic: &TopicId,
    comparison: Option<&Comparison>,
) -> Vec<CategoryShare> {
    let mut shares: BTreeMap<Option<String>, CategoryShare> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.topic.as_ref() == Some(topic)) {
        let key = reconcile::report::line_key(row.category.as_deref());
        let share = shares.entry(key.clone()).or_insert_with(|| CategoryShare {
            category: key
                .as_ref()
                .and(row.category.as_deref())
                .map(reconcile::report::line_name),
            conversations: 0,
            official: comparison.and_then(|comparison| comparison.official(key.as_deref())),
        });
        share.conversations += row.conversations;
    }
    let mut shares: Vec<CategoryShare> = shares.into_values().collect();
    shares.sort_by(|a, b| {
        let by_size = b.conversations.cmp(&a.conversations);
        by_size.then_with(|| a.category.cmp(&b.category))
    });
    shares
}

/// The category under which more than half of a topic is filed.
pub fn main_category(categories: &[CategoryShare]) -> Option<String> {
    let all: u64 = categories.iter().map(|share| share.conversations).sum();
    let first = categories.first()?;
    first
        .category
        .clone()
        .filter(|_| 2 * first.conversations > all)
}

/// How many are filed where no line of the official report shows them; nothing where nobody files.
pub fn unseen(categories: &[CategoryShare], config: &DigestConfig) -> Share {
    let catch_all = CatchAll::new(&config.catch_all);
    if categories.iter().all(|share| share.category.is_none()) {
        return Share::default();
    }
    let says_nothing = |share: &&CategoryShare| catch_all.holds(share.category.as_deref());
    let of = |share: &CategoryShare| share.conversations;
    let hits = categories.iter().filter(says_nothing).map(of).sum();
    Share::of(hits, categories.iter().map(of).sum())
}
