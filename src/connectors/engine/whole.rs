//! What was read whole in a run: a list of comments, or the same list once more, need not have it read again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::stream::{Follow, Stream, Touched};
use super::walk::{SETTLED, SETTLED_MAX};
use crate::connectors::Page;
use crate::model::Record;

/// Records that were read whole in a run, with when. A comment or a note in another list that is older than that is in
/// what was read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Whole(BTreeMap<String, i64>);

impl Whole {
    pub fn knows(&self, stream: &Stream, row: &Touched) -> bool {
        let is_stamped = !matches!(
            stream.follow,
            Follow::Trailing { .. } | Follow::Sweep { .. }
        );
        let read = self.0.get(&row.id).filter(|_| is_stamped);
        read.zip(row.at)
            .is_some_and(|(read, at)| (at + SETTLED).timestamp_micros() <= *read)
    }

    pub fn note(&mut self, page: &Page, now: DateTime<Utc>) {
        for record in &page.records {
            let Record::Conversation(conversation) = record else {
                continue;
            };
            if self.0.len() < SETTLED_MAX {
                let id = conversation.key.id.clone();
                self.0.insert(id, now.timestamp_micros());
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
