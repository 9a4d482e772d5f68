//! What hangs on a record: what people wrote, and what callers answered to surveys.

use serde_json::Value;

use super::record::value;
use super::{ABOUT, ENTRIES, RESULT_FIELDS, RESULTS, ServiceNow, total};
use crate::connectors::PullError;
use crate::connectors::engine::{Api, Request, rows_of};
use crate::connectors::http::Failure;

impl ServiceNow {
    /// Everything that people wrote on a record, in the order of time.
    pub(super) async fn journal(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        let query = format!(
            "element_id={id}^elementINcomments,work_notes^ORDERBYsys_created_on^ORDERBYsys_id"
        );
        let list = Request::get("api/now/table/sys_journal_field")
            .with("sysparm_query", query)
            .with(
                "sysparm_fields",
                "sys_id,element_id,element,value,sys_created_on,sys_created_by",
            )
            .with("sysparm_limit", ENTRIES);
        let mut entries = Vec::new();
        for page in 0.. {
            let mut request = list.clone();
            request.set("sysparm_offset", page * ENTRIES);
            let answer = api.sure(&request, "/result").await?;
            let rows = rows_of(&answer.body, "/result")?;
            // The list of all changes is at the same address, without the words.
            let is_other = |row: &Value| {
                value(row, "element_id").as_deref() != Some(id) || row.get("value").is_none()
            };
            if rows.iter().any(is_other) {
                let reason = "the journal of a record has entries of another one, or entries without \
                              their value; the account must be allowed to read sys_journal_field.value"
                    .to_owned();
                return Err(PullError::Transient(reason).into());
            }
            entries.extend_from_slice(rows);
            // Hidden rows make a page short; only the total says that nothing follows.
            if rows.is_empty() || total(&answer).is_some_and(|total| total <= (page + 1) * ENTRIES)
            {
                break;
            }
        }
        Ok(entries)
    }

    /// What was answered to surveys about a record.
    pub(super) async fn answers(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        if !self.has_ratings {
            return Ok(Vec::new());
        }
        let list = Request::get(format!("api/now/table/{RESULTS}"))
            .with(
                "sysparm_query",
                format!("{ABOUT}={id}^ORDERBYsys_updated_on^ORDERBYsys_id"),
            )
            .with("sysparm_fields", RESULT_FIELDS)
            .with("sysparm_limit", ENTRIES);
        let answer = api.get(list).await?;
        let rows = rows_of(&answer, "/result")?;
        let is_other = |row: &Value| value(row, ABOUT).as_deref() != Some(id);
        if rows.iter().any(is_other) {
            let reason = "the answers about a record have another one's".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        Ok(rows.to_vec())
    }
}
