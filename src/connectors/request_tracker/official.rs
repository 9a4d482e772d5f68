//! RT's own counts: what its search finds in a window, by the field that the official report is built on.
//!
//! RT tells totals to administrators only, so the tickets are listed and counted. Its search leaves out deleted and merged
//! tickets, as its own reports do.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::ticket::category;
use super::{EMPTY_PAGES, RequestTracker};
use crate::connectors::{OwnCount, PullError, json};
use crate::model::{ReportBasis, Window};

/// A window with more tickets than this is not counted by listing them.
const LIST_PAGES_MAX: u32 = 1_000;

impl RequestTracker {
    /// How many tickets RT finds that were opened, and that were resolved, in a window.
    pub(super) async fn own_counts(
        &self,
        window: &Window,
        now: DateTime<Utc>,
    ) -> Result<Vec<OwnCount>, PullError> {
        if !self.config.official_figures {
            return Ok(Vec::new());
        }
        let queues = self.queues(now).await?;
        let mut counts = Vec::new();
        for (basis, field) in [
            (ReportBasis::Opened, "Created"),
            (ReportBasis::Closed, "Resolved"),
        ] {
            let found = self.by_category(window, field, &queues, now).await?;
            counts.extend(found.into_iter().map(|(category, count)| OwnCount {
                basis,
                category,
                count,
            }));
        }
        Ok(counts)
    }

    async fn by_category(
        &self,
        window: &Window,
        field: &str,
        queues: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<Option<String>, i64>, PullError> {
        let of_queues: Vec<String> = queues
            .iter()
            .map(|(id, _)| format!("Queue = {id}"))
            .collect();
        // Only this form of a date is read independently of the user's time zone.
        let at = |instant: DateTime<Utc>| instant.format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let query = format!(
            "({}) AND {field} >= '{}' AND {field} < '{}'",
            of_queues.join(" OR "),
            at(window.start),
            at(window.end)
        );
        let names: BTreeMap<&str, &str> = queues
            .iter()
            .map(|(id, name)| (id.as_str(), name.as_str()))
            .collect();
        let mut counts: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let (mut seen, mut empty) = (BTreeSet::new(), 0);
        for number in 1..=LIST_PAGES_MAX {
            let query = [("query", query.as_str()), ("order", "ASC")];
            let page = self
                .list("tickets", "Queue,CustomFields", &query, number, now)
                .await
                .map_err(|failure| self.client.pull_error(failure))?;
            empty = if page.is_empty() { empty + 1 } else { 0 };
            if empty >= EMPTY_PAGES {
                return Ok(counts);
            }
            for ticket in &page {
                let id = json::text(ticket, "id")
                    .ok_or_else(|| PullError::Malformed("a ticket has no id".to_owned()))?;
                if !seen.insert(id) {
                    continue;
                }
                let queue = ticket
                    .get("Queue")
                    .and_then(|queue| json::text(queue, "id"));
                let queue =
                    queue.and_then(|id| names.get(id.as_str()).map(|name| (*name).to_owned()));
                let category = category(ticket, queue, &self.config.category_field);
                *counts.entry(category).or_default() += 1;
            }
        }
        Err(PullError::Malformed(format!(
            "the window has more than {LIST_PAGES_MAX} pages of tickets"
        )))
    }
}
