//! What a person should know: RT leaves out what a token may not see and says nothing, so missing
//! rights can only be told by what never shows up.

use serde_json::Value;

use super::RequestTracker;
use super::lists::{EMPTY_PAGES, Pages, entry};
use crate::connectors::engine::{Api, FieldPath, Request};
use crate::connectors::http::Failure;
use crate::connectors::json;

/// So many tickets are looked at for the configured fields.
const TICKETS: usize = 5;

/// With fewer transactions than this, a team may simply not have commented yet.
const TRANSACTIONS_MIN: usize = 20;

impl RequestTracker {
    /// Rights that seem to be missing, and settings that find nothing.
    pub(super) async fn remarks(&self, api: Api<'_>) -> Result<Vec<String>, Failure> {
        let mut remarks = Vec::new();
        let queues = self.queues(api).await?;
        for wanted in &self.choices.queues {
            if !queues.has(wanted) {
                remarks.push(format!(
                    "there is no queue \"{wanted}\" that the token sees: check its name, or grant SeeQueue"
                ));
            }
        }
        let all = queues.of_transactions();
        let newest = self.newest(api, &all).await?;
        if newest.is_empty() {
            remarks.push(
                "no ticket is visible: if the queues are not empty, grant ShowTicket to the token's user"
                    .to_owned(),
            );
            return Ok(remarks);
        }
        let comments = format!("{all} AND Type = 'Comment'");
        let comments = self.newest(api, &comments).await?;
        if comments.is_empty() && newest.len() >= TRANSACTIONS_MIN {
            remarks.push(
                "no internal comment is visible: if your team writes comments, grant ShowTicketComments \
                 to the token's user"
                    .to_owned(),
            );
        }
        let touched = newest.iter().filter_map(|row| entry(row).ok().flatten());
        let mut tickets: Vec<String> = touched.map(|row| row.id).collect();
        tickets.dedup();
        remarks.extend(self.fields(api, &tickets).await?);
        Ok(remarks)
    }

    /// The newest transactions that the token may see.
    async fn newest(&self, api: Api<'_>, query: &str) -> Result<Vec<Value>, Failure> {
        let (mut rows, mut pages) = (Vec::new(), Pages::new(EMPTY_PAGES));
        while let Some(number) = pages.next().filter(|_| rows.is_empty()) {
            let page = self.transactions(query, "DESC", number);
            rows = self.rows(api, page).await?;
        }
        Ok(rows)
    }

    /// Configured custom fields that no recent ticket has.
    async fn fields(&self, api: Api<'_>, tickets: &[String]) -> Result<Vec<String>, Failure> {
        let mut names: Vec<String> = Vec::new();
        for id in tickets.iter().take(TICKETS) {
            let whole = Request::get(format!("REST/2.0/ticket/{id}"));
            let Ok(ticket) = api.get(whole).await else {
                continue;
            };
            let fields = json::list(&ticket, "CustomFields").iter();
            names.extend(fields.filter_map(|field: &Value| json::text(field, "name")));
        }
        let category = self.category_field();
        let is_queue = category.eq_ignore_ascii_case("queue");
        let chosen = |path: &Option<FieldPath>| path.as_ref().map(FieldPath::to_string);
        let wanted = [
            ("category_field", (!is_queue).then_some(category)),
            ("product_field", chosen(&self.settings.product)),
            ("tags_field", self.choices.tags_field.clone()),
            ("account_field", chosen(&self.settings.account)),
        ];
        let missing = wanted.into_iter().filter_map(|(key, name)| {
            let name = name?;
            let is_there = names.iter().any(|known| known.eq_ignore_ascii_case(&name));
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
