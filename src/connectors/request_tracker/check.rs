//! What a person should know: RT leaves out what a token may not see and says nothing, so missing
//! rights can only be told by what never shows up.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::RequestTracker;
use super::log::of_queues;
use crate::connectors::{PullError, json};

/// So many tickets are looked at for the configured fields.
const TICKETS: usize = 5;

/// With fewer transactions than this, a team may simply not have commented yet.
const TRANSACTIONS_MIN: usize = 20;

impl RequestTracker {
    /// Rights that seem to be missing, and settings that find nothing.
    pub(super) async fn remarks(&self, now: DateTime<Utc>) -> Result<Vec<String>, PullError> {
        let mut remarks = Vec::new();
        let queues = self.queues(now).await?;
        for wanted in &self.config.queues {
            if !queues
                .iter()
                .any(|(_, name)| name.eq_ignore_ascii_case(wanted))
            {
                remarks.push(format!(
                    "there is no queue \"{wanted}\" that the token sees: check its name, or grant SeeQueue"
                ));
            }
        }
        let all = of_queues(&queues);
        let newest = self.transactions(&all, "DESC", 1, now).await?;
        if newest.is_empty() {
            remarks.push(
                "no ticket is visible: if the queues are not empty, grant ShowTicket to the token's user"
                    .to_owned(),
            );
            return Ok(remarks);
        }
        let comments = format!("{all} AND Type = 'Comment'");
        let comments = self.transactions(&comments, "DESC", 1, now).await?;
        if comments.is_empty() && newest.len() >= TRANSACTIONS_MIN {
            remarks.push(
                "no internal comment is visible: if your team writes comments, grant ShowTicketComments \
                 to the token's user"
                    .to_owned(),
            );
        }
        let mut tickets: Vec<&str> = newest
            .iter()
            .rev()
            .map(|entry| entry.ticket.as_str())
            .collect();
        tickets.dedup();
        remarks.extend(self.fields(&tickets, now).await?);
        Ok(remarks)
    }

    /// Configured custom fields that no recent ticket has.
    async fn fields(&self, tickets: &[&str], now: DateTime<Utc>) -> Result<Vec<String>, PullError> {
        let mut names: Vec<String> = Vec::new();
        for id in tickets.iter().take(TICKETS) {
            let Ok(ticket) = self.get(&format!("ticket/{id}"), &[], now).await else {
                continue;
            };
            let fields = json::list(&ticket, "CustomFields").iter();
            names.extend(fields.filter_map(|field: &Value| json::text(field, "name")));
        }
        let config = &self.config;
        let category =
            Some(&config.category_field).filter(|name| !name.eq_ignore_ascii_case("queue"));
        let wanted = [
            ("category_field", category),
            ("product_field", config.product_field.as_ref()),
            ("tags_field", config.tags_field.as_ref()),
            ("account_field", config.account_field.as_ref()),
        ];
        let missing = wanted.into_iter().filter_map(|(key, name)| {
            let name = name?;
            let is_there = names.iter().any(|known| known.eq_ignore_ascii_case(name));
            (!is_there).then(|| {
                format!(
                    "{key} is \"{name}\", but no recent ticket shows such a custom field: check its name, \
                     or grant SeeCustomField to the token's user"
                )
            })
        });
        Ok(missing.collect())
    }
}
