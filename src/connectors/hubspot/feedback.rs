//! Answers to surveys: what a customer thought of how a ticket went.

use serde_json::Value;

use super::record::{self, property_list};
use super::{DATE, HubSpot, PAGES};
use crate::connectors::engine::{Api, Request};
use crate::connectors::http::Failure;
use crate::connectors::{json, rating as ratings};

/// Answers to surveys.
pub const FEEDBACK: &str = "feedback_submissions";

/// What is read of an answer.
const PROPERTIES: &str =
    "hs_survey_type,hs_response_group,hs_submission_timestamp,hs_createdate,hs_lastmodifieddate";

impl HubSpot {
    /// Answers to surveys; nothing where the key lacks the scope, of which `doctor` tells.
    pub(super) async fn feedback(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        if !self.has_ratings {
            return Ok(Vec::new());
        }
        let path = format!("crm/objects/{DATE}/tickets/{id}/associations/{FEEDBACK}");
        let list = Request::get(path).with("limit", 500);
        let rows = match api.all(list, PAGES, "/results").await {
            Err(Failure::NotFound | Failure::Forbidden(_)) => return Ok(Vec::new()),
            rows => rows?,
        };
        match self
            .batch(api, FEEDBACK, PROPERTIES, record::ids(&rows))
            .await
        {
            Err(Failure::Forbidden(_)) => Ok(Vec::new()),
            found => found,
        }
    }
}

/// The newest answer to the question how satisfied somebody was. Surveys have scales of their own; the group that HubSpot
/// puts an answer into is the same for all of them.
pub fn rating(answers: &[Value]) -> Option<f64> {
    let text = |answer: &Value, name: &str| json::text(property_list(answer), name);
    let rated = answers
        .iter()
        .filter(|answer| text(answer, "hs_survey_type").as_deref() == Some("CSAT"));
    let at = |answer: &Value| {
        ["hs_submission_timestamp", "hs_createdate"]
            .iter()
            .find_map(|name| json::instant(property_list(answer), name))
    };
    let newest = rated.max_by_key(|answer| (at(answer), text(answer, "hs_object_id")))?;
    ratings::word(&text(newest, "hs_response_group")?)
}
