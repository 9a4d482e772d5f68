//! Reads a Salesforce case or call whole, with one question each, and what did not fit into the answer.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::record::{self, CALL, Nested};
use super::{PAGES, QUERY, QUERY_ALL, Salesforce, case_of, of_type, query};
use crate::connectors::engine::{Api, Read, Request, Seen};
use crate::connectors::http::Failure;
use crate::connectors::{PullError, json};
use crate::model::{Conversation, Record};

impl Salesforce {
    pub(super) async fn record<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> Result<Read, Failure> {
        let number = id.strip_prefix(CALL).unwrap_or(id);
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(Read::Broken("the id is none of Salesforce's".to_owned()));
        }
        if let Some(into) = seen.row.and_then(|row| json::text(row, "mergedInto")) {
            let at = seen.row.and_then(record::changed_at).unwrap_or(api.now);
            let key = self.settings.key(id);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        if id == number {
            self.case(api, id).await
        } else {
            self.call(api, id, number).await
        }
    }

    async fn case(&self, api: Api<'_>, id: &str) -> Result<Read, Failure> {
        let wanted = |has_merges| {
            let soql = record::case_query(id, &self.fields(has_merges), self.has_posts);
            query(QUERY_ALL, &soql)
        };
        let has_merges = self.has_merges.load(Ordering::Relaxed);
        let answer = match api.get(wanted(has_merges)).await {
            Err(Failure::Refused(_)) if has_merges => {
                let answer = api.get(wanted(false)).await?;
                self.has_merges.store(false, Ordering::Relaxed);
                answer
            }
            answer => answer?,
        };
        let case = only(&answer, "Case", id)?;
        let at = record::changed_at(case).unwrap_or(api.now);
        let key = self.settings.key(id);
        // An organisation may keep merged cases; they are not in the bin then.
        if let Some(into) = json::text(case, "MasterRecordId").filter(|into| into != id) {
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        if json::text(case, "IsDeleted").as_deref() == Some("true") {
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        let nested = Nested {
            comments: nested(api, case, "CaseComments").await?,
            mails: nested(api, case, "EmailMessages").await?,
            calls: nested(api, case, "Tasks").await?,
            posts: nested(api, case, "Feeds").await?,
            history: nested(api, case, "Histories").await?,
            answers: self.answers(api, id).await.map_err(Failure::inside)?,
        };
        let closed = self.closed(api).await?;
        Ok(self.settled(record::case(case, &nested, closed, &self.settings)))
    }

    async fn call(&self, api: Api<'_>, id: &str, number: &str) -> Result<Read, Failure> {
        let answer = api
            .get(query(QUERY_ALL, &record::call_query(number)))
            .await?;
        let task = only(&answer, "Task", number)?;
        let (key, at) = (
            self.settings.key(id),
            record::changed_at(task).unwrap_or(api.now),
        );
        if json::text(task, "IsDeleted").as_deref() == Some("true") {
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        if let Some(into) = case_of(task, "WhatId") {
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        Ok(self.settled(record::call(task, &self.settings)))
    }

    fn settled(&self, read: Result<Conversation, String>) -> Read {
        let mut conversation = match read {
            Ok(conversation) => conversation,
            Err(reason) => return Read::Broken(reason),
        };
        let host = self.settings.url.host_str().unwrap_or_default();
        let host = host.replace(".my.salesforce.com", ".lightning.force.com");
        let id = conversation.key.id.as_str();
        let (kind, id) = id
            .strip_prefix(CALL)
            .map_or(("Case", id), |id| ("Task", id));
        conversation.url = Some(format!("https://{host}/lightning/r/{kind}/{id}/view"));
        Read::whole(conversation)
    }

    /// The fields of a case, with those that a person chose.
    pub(super) fn fields(&self, has_merges: bool) -> String {
        let chosen = self.settings.chosen().map(|(_, path)| path.to_string());
        let is_field = |path: &String| {
            path.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
        };
        let own = record::CASE_FIELDS.iter().map(|name| (*name).to_owned());
        let merges = has_merges.then(|| "MasterRecordId".to_owned());
        let names: BTreeSet<String> = own.chain(merges).chain(chosen.filter(is_field)).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }

    async fn closed(&self, api: Api<'_>) -> Result<&BTreeSet<String>, Failure> {
        let closed = self.closed.get_or_try_init(|| async {
            let wanted = query(
                QUERY,
                "SELECT Id, ApiName, MasterLabel, IsClosed FROM CaseStatus",
            );
            let rows = api.all(wanted, PAGES, "/records").await?;
            of_type(&rows, "CaseStatus")?;
            let is_closed = |row: &&Value| json::text(row, "IsClosed").as_deref() == Some("true");
            let names = rows.iter().filter(is_closed);
            let names =
                names.flat_map(|row| ["ApiName", "MasterLabel"].map(|name| json::text(row, name)));
            Ok::<_, Failure>(names.flatten().collect())
        });
        closed.await
    }
}

pub(super) fn only<'a>(answer: &'a Value, object: &str, id: &str) -> Result<&'a Value, Failure> {
    let rows = json::list(answer, "records");
    of_type(rows, object)?;
    let first = rows.first().ok_or(Failure::NotFound)?;
    if json::text(first, "Id").as_deref() == Some(id) {
        return Ok(first);
    }
    let reason = format!("a question about one {object} was answered with another");
    Err(PullError::Transient(reason).into())
}

/// All rows of a list inside a case, also those that did not fit into the answer.
async fn nested(api: Api<'_>, case: &Value, name: &str) -> Result<Vec<Value>, Failure> {
    let list = case.get(name).unwrap_or(&Value::Null);
    let mut rows = json::list(list, "records").to_vec();
    if let Some(next) = json::text(list, "nextRecordsUrl") {
        if !next.starts_with("/services/") {
            let reason = "the address of the next page is not one".to_owned();
            return Err(PullError::Malformed(reason).into());
        }
        rows.extend(api.all(Request::get(next), PAGES, "/records").await?);
    }
    Ok(rows)
}
