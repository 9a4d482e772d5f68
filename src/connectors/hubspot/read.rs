//! Reads a HubSpot ticket or call whole: what hangs on it, what was said in its threads, and the names of its stages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::feedback::FEEDBACK;
use super::record::{self, CALL, Stage, Ticket};
use super::{DATE, HubSpot, PAGES, THREADS};
use crate::connectors::engine::{Api, Paging, Read, Request, Seen};
use crate::connectors::http::Failure;
use crate::connectors::{PullError, json};
use crate::model::Record;

/// Records that are read together.
const BATCH: usize = 100;

/// What hangs on tickets, with the properties that are read of it.
const PARTS: [(&str, &str); 3] = [
    ("notes", "hs_note_body,hs_timestamp"),
    ("calls", record::CALL_PROPERTIES),
    (
        "emails",
        "hs_email_direction,hs_email_text,hs_email_html,hs_email_subject,hs_timestamp",
    ),
];

impl HubSpot {
    pub(super) async fn record<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> Result<Read, Failure> {
        let key = self.settings.key(id);
        if let Some(row) = seen.row {
            let at = record::changed_at(row).unwrap_or(api.now);
            if let Some(into) = json::text(row, "mergedInto") {
                return Ok(Read::Record(Record::Merged { key, into, at }));
            }
            if seen.stream.starts_with("archived") {
                let at = json::instant(row, "archivedAt").unwrap_or(at);
                return Ok(Read::Record(Record::Deleted { key, at }));
            }
        }
        match id.strip_prefix(CALL) {
            Some(number) => self.call(api, number).await,
            None => self.ticket(api, id).await,
        }
    }

    async fn ticket(&self, api: Api<'_>, id: &str) -> Result<Read, Failure> {
        let value = api
            .get(self.whole("tickets", id, &self.properties()))
            .await?;
        let found = json::text(&value, "id").unwrap_or_default();
        if found != id {
            let (key, at) = (
                self.settings.key(id),
                record::changed_at(&value).unwrap_or(api.now),
            );
            return Ok(Read::Record(Record::Merged {
                key,
                into: found,
                at,
            }));
        }
        self.with_parts(api, &value, id)
            .await
            .map_err(Failure::inside)
    }

    async fn with_parts(&self, api: Api<'_>, value: &Value, id: &str) -> Result<Read, Failure> {
        let mut parts = BTreeMap::new();
        for (kind, properties) in PARTS {
            let ids = self.associated(api, value, id, kind).await?;
            parts.insert(kind, self.batch(api, kind, properties, ids).await?);
        }
        let feedback = self.feedback(api, id).await?;
        parts.insert(FEEDBACK, feedback);
        let said = if self.has_threads {
            self.said(api, id).await?
        } else {
            Vec::new()
        };
        let company = self.company(api, value).await?;
        let stages = self.stages(api, &record::stages_of(value)).await?;
        let ticket = Ticket {
            value,
            parts: &parts,
            said: &said,
            company,
            stages: &stages,
        };
        Ok(Read::from(record::ticket(&ticket, &self.settings)))
    }

    /// A call; one of a ticket is part of that.
    async fn call(&self, api: Api<'_>, number: &str) -> Result<Read, Failure> {
        let value = api
            .get(self.whole("calls", number, record::CALL_PROPERTIES))
            .await?;
        if let Some(into) = record::associated(&value, "tickets").into_iter().next() {
            let at = record::changed_at(&value).unwrap_or(api.now);
            let key = self.settings.key(format!("{CALL}{number}"));
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let company = self.company(api, &value).await?;
        Ok(Read::from(record::call(&value, company, &self.settings)))
    }

    fn whole(&self, kind: &str, id: &str, properties: &str) -> Request {
        let associations = match kind {
            "tickets" => "contacts,companies,notes,calls,emails",
            _ => "contacts,companies,tickets",
        };
        let one = Request::get(format!("crm/objects/{DATE}/{kind}/{id}"))
            .with("properties", properties)
            .with("associations", associations);
        match kind {
            "tickets" => one.with("propertiesWithHistory", "hs_pipeline_stage"),
            _ => one,
        }
    }

    /// The properties of a ticket, with those that a person chose.
    pub(super) fn properties(&self) -> String {
        let chosen = self.settings.chosen().map(|(_, path)| path.to_string());
        let chosen = chosen.filter(|path| !path.starts_with("tag:"));
        let own = record::TICKET_PROPERTIES.split(',').map(str::to_owned);
        let names: BTreeSet<String> = own.chain(chosen).collect();
        names.into_iter().collect::<Vec<_>>().join(",")
    }

    /// Ids of what hangs on a ticket. The ticket itself names the first ones only.
    async fn associated(
        &self,
        api: Api<'_>,
        value: &Value,
        id: &str,
        kind: &str,
    ) -> Result<BTreeSet<String>, Failure> {
        if value
            .pointer(&format!("/associations/{kind}/paging/next"))
            .is_none()
        {
            return Ok(record::associated(value, kind));
        }
        let list = Request::get(format!(
            "crm/objects/{DATE}/tickets/{id}/associations/{kind}"
        ));
        let rows = api.all(list.with("limit", 500), PAGES, "/results").await?;
        Ok(record::ids(&rows))
    }

    /// Records by their ids. An answer that leaves some out must say so of each; else they are asked for one by one.
    pub(super) async fn batch(
        &self,
        api: Api<'_>,
        kind: &str,
        properties: &str,
        ids: BTreeSet<String>,
    ) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        let ids: Vec<String> = ids.into_iter().collect();
        for ids in ids.chunks(BATCH) {
            let properties: Vec<&str> = properties.split(',').collect();
            let body = json!({"inputs": record::inputs(ids), "properties": properties});
            let path = format!("crm/objects/{DATE}/{kind}/batch/read");
            let answer = api.get(Request::post(path, body)).await?;
            let missing = record::unanswered(ids, &answer)?;
            found.extend_from_slice(json::list(&answer, "results"));
            for id in missing {
                let one = self.whole(kind, &id, &properties.join(","));
                found.extend(api.optional(one).await?);
            }
        }
        Ok(found)
    }

    /// What was said in the threads of a ticket.
    async fn said(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        let list = Request::get(THREADS)
            .with("associatedTicketId", id)
            .with("association", "TICKET")
            .with("limit", 100);
        let first = api.sure(&list, "/results").await?.body;
        let is_ours = |row: &Value| record::ticket_of(row).as_deref() == Some(id);
        if !json::list(&first, "results").iter().all(is_ours) {
            let reason = "threads of other tickets come back: set threads = false, and tell us";
            return Err(PullError::Malformed(reason.to_owned()).into());
        }
        let threads = match first.pointer("/paging/next") {
            Some(_) => api.all(list, PAGES, "/results").await?,
            None => json::list(&first, "results").to_vec(),
        };
        let mut said = Vec::new();
        for thread in record::ids(&threads) {
            let path = format!("{THREADS}/{thread}/messages");
            let mut messages = api
                .all(Request::get(&path).with("limit", 100), PAGES, "/results")
                .await?;
            for message in messages.iter_mut().filter(|one| record::is_truncated(one)) {
                let number = json::text(message, "id").unwrap_or_default();
                let original = api
                    .get(Request::get(format!("{path}/{number}/original-content")))
                    .await?;
                for name in ["text", "richText"] {
                    message[name] = original.get(name).cloned().unwrap_or_default();
                }
            }
            said.append(&mut messages);
        }
        Ok(said)
    }

    async fn company(&self, api: Api<'_>, value: &Value) -> Result<Option<String>, Failure> {
        let Some(id) = record::associated(value, "companies").into_iter().next() else {
            return Ok(None);
        };
        let one =
            Request::get(format!("crm/objects/{DATE}/companies/{id}")).with("properties", "name");
        let company = api.optional(one).await?;
        let name = company
            .as_ref()
            .and_then(|company| json::text(company.get("properties")?, "name"));
        Ok(Some(name.unwrap_or(id)))
    }

    async fn stages(
        &self,
        api: Api<'_>,
        wanted: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Stage>, Failure> {
        let mut stages = self.stages.lock().await;
        if !wanted.iter().all(|id| stages.contains_key(id)) {
            let list = Request::get(format!("crm/pipelines/{DATE}/tickets"));
            let pipelines = api.all(list, Paging::Whole, "/results").await?;
            stages.extend(record::stages(&pipelines));
            // One that is no more stays unknown; it must not be asked for each time.
            for id in wanted {
                stages
                    .entry(id.clone())
                    .or_insert_with(|| Stage::unknown(id));
            }
        }
        Ok(stages.clone())
    }

    /// Puts a row for each ticket in the place of a note, a call or a mail.
    pub(super) async fn expand(
        &self,
        api: Api<'_>,
        kind: &str,
        rows: &[Value],
    ) -> Result<Vec<Value>, Failure> {
        let ids: Vec<String> = record::ids(rows).into_iter().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let path = format!("crm/associations/{DATE}/{kind}/tickets/batch/read");
        let wanted = Request::post(path, json!({ "inputs": record::inputs(&ids) }));
        let answer = api.get(wanted).await?;
        let mut owners = record::owners(json::list(&answer, "results"));
        for id in record::unanswered(&ids, &answer)? {
            let one = api.optional(self.whole(kind, &id, record::CHANGED)).await?;
            let tickets = one.map(|one| record::associated(&one, "tickets"));
            owners.insert(id, tickets.unwrap_or_default());
        }
        Ok(record::expand(kind, rows, &owners))
    }
}
