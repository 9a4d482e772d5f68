//! Pages of the transaction log.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::cursor::LogCursor;
use super::{EMPTY_PAGES, RequestTracker};
use crate::connectors::{PullError, json};

/// One transaction, as far as it names a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub ticket: String,
}

impl RequestTracker {
    /// The entries behind a cursor, by id; none when the log ends there.
    pub(super) async fn log(
        &self,
        cursor: &LogCursor,
        queues: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Result<Vec<Entry>, PullError> {
        let query = self.query(cursor, queues);
        for number in 1..=EMPTY_PAGES {
            let page = self.transactions(&query, "ASC", number, now).await?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    /// One page of transactions, in the order of their ids.
    pub(super) async fn transactions(
        &self,
        query: &str,
        order: &str,
        number: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entry>, PullError> {
        let query = [("query", query), ("order", order)];
        let page = self
            .list("transactions", "ObjectId,ObjectType", &query, number, now)
            .await;
        let items = page.map_err(|failure| self.client.pull_error(failure))?;
        let mut entries = Vec::new();
        for item in &items {
            let entry = entry(item)
                .ok_or_else(|| PullError::Malformed("a transaction has no id".to_owned()))?;
            entries.extend(entry);
        }
        entries.sort_by_key(|entry| entry.id);
        Ok(entries)
    }

    fn query(&self, cursor: &LogCursor, queues: &[(String, String)]) -> String {
        let start = cursor.start(self.config.overlap);
        let since = self.config.start.filter(|_| cursor.is_new());
        // Only this form of a date is read independently of the user's time zone.
        let since =
            since.map(|at| format!(" AND Created >= '{}'", at.format("%Y-%m-%dT%H:%M:%S+00:00")));
        format!(
            "{} AND id > {start}{}",
            of_queues(queues),
            since.unwrap_or_default()
        )
    }
}

/// Transactions of tickets in these queues, without the copies of outgoing mail.
pub fn of_queues(queues: &[(String, String)]) -> String {
    let queues: Vec<_> = queues
        .iter()
        .map(|(id, _)| format!("TicketQueue = {id}"))
        .collect();
    format!(
        "ObjectType = 'RT::Ticket' AND Type != 'EmailRecord' AND Type != 'CommentEmailRecord' AND ({})",
        queues.join(" OR ")
    )
}

/// `Some(None)` for a transaction of something else than a ticket.
fn entry(item: &Value) -> Option<Option<Entry>> {
    let id = json::number(item, "id")?;
    if json::text(item, "ObjectType").is_some_and(|kind| kind != "RT::Ticket") {
        return Some(None);
    }
    let ticket = json::text(item, "ObjectId")?;
    Some(Some(Entry { id, ticket }))
}
