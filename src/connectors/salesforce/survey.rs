//! Answers to Salesforce Surveys: what customers thought of how a case went.
//!
//! Facts (Salesforce Feedback Management, objects Survey*): a subject ties a case to an invitation or to a response; an
//! answer is a number for questions of the kinds CSAT, Rating, NPS, Score and Slider; a response does not touch its case.
//! Unconfirmed: that five is the best answer; the API does not say how far a question's scale goes, so a number beyond five
//! says nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{PAGES, QUERY, Salesforce, case_of, of_type, query};
use crate::connectors::engine::Api;
use crate::connectors::http::Failure;
use crate::connectors::{json, rating};

/// The list of responses.
pub const RATINGS: &str = "ratings";

/// Its object, and what is read of it.
pub const RESPONSES: (&str, &str, &str) = (
    RATINGS,
    "SurveyResponse",
    "Id, InvitationId, SystemModstamp",
);

/// Kinds of questions that ask how satisfied somebody was, the best first.
const KINDS: [&str; 2] = ["CSAT", "Rating"];

/// So many ids stand in one question, which is an address.
const IDS: usize = 100;

impl Salesforce {
    /// Puts a row for each case in the place of a response.
    pub(super) async fn expand(&self, api: Api<'_>, rows: &[Value]) -> Result<Vec<Value>, Failure> {
        let parents = rows.iter().flat_map(|row| {
            let ids = ["Id", "InvitationId"];
            ids.map(|name| json::text(row, name))
        });
        let parents: BTreeSet<String> = parents.flatten().collect();
        let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subject in self.subjects(api, "ParentId", &parents).await? {
            let parent = json::text(&subject, "ParentId");
            if let (Some(parent), Some(case)) = (parent, case_of(&subject, "SubjectId")) {
                cases.entry(parent).or_default().insert(case);
            }
        }
        Ok(rows.iter().flat_map(|row| about(row, &cases)).collect())
    }

    /// What was answered to surveys about a case.
    pub(super) async fn answers(&self, api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
        if !self.has_ratings {
            return Ok(Vec::new());
        }
        let case = BTreeSet::from([id.to_owned()]);
        let subjects = self.subjects(api, "SubjectId", &case).await?;
        let parents = subjects
            .iter()
            .filter_map(|row| json::text(row, "ParentId"));
        let parents: Vec<String> = parents.filter(|id| is_id(id)).collect();
        let mut answers = Vec::new();
        for parents in parents.chunks(IDS) {
            let list = quoted(parents);
            let soql = format!(
                "SELECT Id, ResponseId, InvitationId, NumberValue, Question.QuestionType, SystemModstamp \
                 FROM SurveyQuestionResponse WHERE ResponseId IN ({list}) OR InvitationId IN ({list}) ORDER BY Id"
            );
            let rows = api.all(query(QUERY, &soql), PAGES, "/records").await?;
            of_type(&rows, "SurveyQuestionResponse")?;
            answers.extend(rows);
        }
        Ok(answers)
    }

    async fn subjects(
        &self,
        api: Api<'_>,
        field: &str,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<Value>, Failure> {
        let ids: Vec<String> = ids.iter().filter(|id| is_id(id)).cloned().collect();
        let mut subjects = Vec::new();
        for ids in ids.chunks(IDS) {
            let soql = format!(
                "SELECT Id, ParentId, SubjectId FROM SurveySubject WHERE {field} IN ({}) ORDER BY Id",
                quoted(ids)
            );
            let rows = api.all(query(QUERY, &soql), PAGES, "/records").await?;
            of_type(&rows, "SurveySubject")?;
            subjects.extend(rows);
        }
        Ok(subjects)
    }
}

/// The same row for each case that it is about; one about none of ours stays alone.
fn about(row: &Value, cases: &BTreeMap<String, BTreeSet<String>>) -> Vec<Value> {
    let parents = ["Id", "InvitationId"].map(|name| json::text(row, name));
    let found = parents.iter().flatten().filter_map(|id| cases.get(id));
    let found: BTreeSet<&String> = found.flatten().collect();
    if found.is_empty() {
        return vec![row.clone()];
    }
    let of_case = |case: &String| {
        let mut row = row.clone();
        row["about"] = json!(case);
        row
    };
    found.into_iter().map(of_case).collect()
}

/// The mean of the newest response's answers to the question how satisfied somebody was.
pub fn rating(answers: &[Value]) -> Option<f64> {
    let kind = |answer: &Value| {
        let question = answer.get("Question")?;
        let kind = json::text(question, "QuestionType")?;
        KINDS.iter().position(|known| *known == kind)
    };
    let share = |answer: &Value| rating::stars(answer.get("NumberValue")?);
    let rated = answers
        .iter()
        .filter_map(|answer| Some((answer, kind(answer)?, share(answer)?)));
    let rated: Vec<(&Value, usize, f64)> = rated.collect();
    let response = |answer: &Value| json::text(answer, "ResponseId");
    let newest = rated.iter().max_by_key(|(answer, _, _)| {
        (
            json::time(answer, "SystemModstamp"),
            json::text(answer, "Id"),
        )
    });
    let newest = response(newest?.0);
    let of_newest = || {
        rated
            .iter()
            .filter(|(answer, _, _)| response(answer) == newest)
    };
    let best = of_newest().map(|(_, kind, _)| *kind).min()?;
    let shares: Vec<f64> = of_newest()
        .filter(|(_, kind, _)| *kind == best)
        .map(|(_, _, share)| *share)
        .collect();
    Some(shares.iter().sum::<f64>() / shares.len() as f64)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric())
}

fn quoted(ids: &[String]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Value> {
        let text = include_str!("../../../tests/fixtures/salesforce/survey_answers.json");
        let answer: Value = serde_json::from_str(text).unwrap();
        json::list(&answer, "records").to_vec()
    }

    #[test]
    fn the_newest_response_counts_and_in_it_the_question_how_satisfied() {
        let mut answers = answers();
        // 4 of 5; the stars for the technician and the recommendation do not count beside it.
        assert_eq!(rating(&answers), Some(0.75));
        answers.retain(|one| one["Question"]["QuestionType"] != "CSAT");
        assert_eq!(rating(&answers), Some(0.5), "the mean of two ratings");
        answers.retain(|one| one["Question"]["QuestionType"] == "NPS");
        assert_eq!(rating(&answers), None);
        assert_eq!(rating(&[]), None);
    }

    #[test]
    fn a_number_beyond_five_says_nothing() {
        let answer = |number: u64| {
            json!({"Id": "1", "ResponseId": "r", "NumberValue": number, "Question": {"QuestionType": "CSAT"},
                "SystemModstamp": "2026-03-02T09:00:00.000+0000"})
        };
        assert_eq!(rating(&[answer(9)]), None);
        assert_eq!(rating(&[answer(5)]), Some(1.0));
    }

    #[test]
    fn a_response_is_about_the_cases_of_its_own_and_of_its_invitation() {
        let row = json!({"Id": "0Kr1", "InvitationId": "0Ki1"});
        let cases = |pairs: &[(&str, &str)]| {
            let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (parent, case) in pairs {
                cases
                    .entry((*parent).to_owned())
                    .or_default()
                    .insert((*case).to_owned());
            }
            cases
        };
        let abouts = |pairs: &[(&str, &str)]| -> Vec<Option<String>> {
            let rows = about(&row, &cases(pairs));
            rows.iter().map(|row| json::text(row, "about")).collect()
        };
        let one = |id: &str| Some(id.to_owned());
        assert_eq!(abouts(&[("0Ki1", "500A"), ("0Kr1", "500A")]), [one("500A")]);
        assert_eq!(
            abouts(&[("0Ki1", "500A"), ("0Kr1", "500B")]),
            [one("500A"), one("500B")]
        );
        assert_eq!(abouts(&[("0Kr2", "500A")]), [None]);
    }
}
