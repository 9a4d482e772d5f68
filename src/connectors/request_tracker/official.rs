//! RT's own counts: what its search finds in a window, by the field that the official report is built on.
//!
//! RT tells totals to administrators only, so the tickets are listed and counted. Its search leaves out deleted and merged
//! tickets, as its own reports do.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::{Pages, Queues};
use super::ticket::category;
use super::{RequestTracker, literal};
use crate::connectors::engine::Api;
use crate::connectors::http::Failure;
use crate::connectors::{OwnCount, PullError, json};
use crate::model::{ReportBasis, Window};

/// A window with more tickets than this is not counted by listing them.
const LIST_PAGES_MAX: u32 = 1_000;

impl RequestTracker {
    /// How many tickets RT finds that were opened, and that were resolved, in a window.
    pub(super) async fn own_counts(
        &self,
        api: Api<'_>,
        window: &Window,
    ) -> Result<Vec<OwnCount>, Failure> {
        if !self.choices.official_figures {
            return Ok(Vec::new());
        }
        let queues = self.queues(api).await?;
        let mut counts = Vec::new();
        for (basis, field) in [
            (ReportBasis::Opened, "Created"),
            (ReportBasis::Closed, "Resolved"),
        ] {
            let found = self.by_category(api, window, field, &queues).await?;
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
        api: Api<'_>,
        window: &Window,
        field: &str,
        queues: &Queues,
    ) -> Result<BTreeMap<Option<String>, i64>, Failure> {
        let query = format!(
            "{} AND {field} >= '{}' AND {field} < '{}'",
            queues.of_tickets(),
            literal(window.start),
            literal(window.end)
        );
        let field = self.category_field();
        let mut counts: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let (mut seen, mut pages) = (BTreeSet::new(), Pages::new(LIST_PAGES_MAX));
        while let Some(number) = pages.next() {
            let page = self.tickets(&query, "Queue,CustomFields", number);
            let page = self.rows(api, page).await?;
            pages.count(&page)?;
            for ticket in &page {
                let id = json::text(ticket, "id")
                    .ok_or_else(|| PullError::Malformed("a ticket has no id".to_owned()))?;
                if !seen.insert(id) {
                    continue;
                }
                let queue = ticket
                    .get("Queue")
                    .and_then(|queue| json::text(queue, "id"));
                let queue = queue.and_then(|id| queues.name(&id));
                let category = category(ticket, queue, &field);
                *counts.entry(category).or_default() += 1;
            }
        }
        if pages.is_cut() {
            let reason = format!("the window has more than {LIST_PAGES_MAX} pages of tickets");
            return Err(PullError::Malformed(reason).into());
        }
        Ok(counts)
    }
}
