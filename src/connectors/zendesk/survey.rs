//! Answers to Zendesk's surveys: what customers thought, for accounts that no longer have the ratings of old, which stand
//! on the ticket. An account has one or the other. A survey may be answered for weeks, and its list goes by when it was
//! sent; an answer need not show on its ticket.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::connectors::engine::{
    Api, Follow, Paging, Place, Request, Span, Stream, Touched, state,
};
use crate::connectors::http::Failure;
use crate::connectors::{json, rating};

/// The name of the list.
pub const SURVEYS: &str = "surveys";

const PATH: &str = "api/v2/guide/survey_responses";

/// So long after it was sent a survey is looked at for its answer.
const ANSWERED: TimeDelta = TimeDelta::days(30);

/// Where `complete` puts a time within the bounds that were asked for: a row does not say when its survey was sent.
const AT: &str = "listedAt";

/// The list of surveys that were sent.
pub fn stream() -> Stream {
    let follow = Follow::Trailing {
        again: ANSWERED,
        longest: ANSWERED,
    };
    let pages = Paging::TokenWhile {
        at: "/meta/after_cursor",
        to: Place::Query("page[after]"),
        more: "/meta/has_more",
    };
    Stream {
        is_optional: true,
        ..Stream::new(SURVEYS, follow, pages, "/survey_responses")
    }
}

/// Surveys sent between two times.
pub fn list(span: &Span) -> Request {
    Request::get(PATH)
        .with("filter[created_at_start]", span.from.timestamp_millis())
        .with("filter[created_at_end]", span.until.timestamp_millis() + 1)
        .with("page[size]", 100)
}

/// Gives each row a time by which it can be told from others.
pub fn date(answer: &mut Value, span: &Span) {
    let rows = answer.get_mut("survey_responses");
    let rows = rows.and_then(Value::as_array_mut).into_iter().flatten();
    for row in rows.filter(|row| row.is_object()) {
        let at = answered_at(row).unwrap_or(span.from);
        let at = at.clamp(span.from, span.until.max(span.from));
        row[AT] = json!(at.to_rfc3339_opts(SecondsFormat::Micros, true));
    }
}

/// The ticket of a survey that was answered.
pub fn touched(row: &Value) -> Option<Touched> {
    score(row)?;
    let ticket = json::list(row, "subjects").iter().find_map(|subject| {
        let kind = json::text(subject, "type")?;
        matches!(kind.as_str(), "ticket" | "zen:ticket").then(|| json::text(subject, "id"))?
    });
    Some(Touched {
        look: Some(state(row, &["answers"])),
        ..Touched::new(ticket?, json::time(row, AT))
    })
}

/// What the customer thought. Surveys have two to five steps of their own; what Zendesk counts a step as is the same for all.
pub fn score(row: &Value) -> Option<f64> {
    let mut ratings = json::list(row, "answers")
        .iter()
        .filter(|answer| json::text(answer, "type").as_deref() == Some("rating_scale"));
    ratings.find_map(|answer| rating::word(&json::text(answer, "rating_category")?))
}

fn answered_at(row: &Value) -> Option<DateTime<Utc>> {
    let answers = json::list(row, "answers").iter();
    answers
        .filter_map(|answer| json::time(answer, "created_at"))
        .max()
}

/// What keeps the list from being read, where it is there.
pub async fn check(api: Api<'_>) -> Result<Option<String>, Failure> {
    let list = Request::get(PATH).with("page[size]", 1);
    match api.get(list).await {
        Err(Failure::Forbidden(_)) => Ok(Some(
            "answers to surveys cannot be read: let the credentials read them, or set ratings = false".to_owned(),
        )),
        // An account with the ratings of old has no such list.
        Ok(_) | Err(Failure::NotFound | Failure::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Value> {
        let text = include_str!("../../../tests/fixtures/zendesk/survey_responses.json");
        let mut answer: Value = serde_json::from_str(text).unwrap();
        let span = Span {
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            until: "2026-03-31T00:00:00Z".parse().unwrap(),
            after: None,
        };
        date(&mut answer, &span);
        json::list(&answer, "survey_responses").to_vec()
    }

    #[test]
    fn an_answered_survey_names_its_ticket_and_what_was_thought() {
        let rows = rows();
        let touched = touched(&rows[0]).unwrap();
        assert_eq!(touched.id, "4711");
        assert_eq!(touched.at, "2026-03-04T18:00:00Z".parse().ok());
        assert_eq!(score(&rows[0]), Some(0.0));
        // One that nobody answered yet, and one about something else than a ticket.
        assert_eq!(super::touched(&rows[1]), None);
        assert_eq!(super::touched(&rows[2]), None);
    }

    #[test]
    fn an_answer_after_the_bounds_is_still_of_their_time() {
        let mut answer = json!({"survey_responses": [{"answers": [{"created_at": "2026-04-20T00:00:00Z"}]}, {}]});
        let span = Span {
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            until: "2026-03-31T00:00:00Z".parse().unwrap(),
            after: None,
        };
        date(&mut answer, &span);
        let at = |row: usize| json::time(&answer["survey_responses"][row], AT);
        assert_eq!([at(0), at(1)], [Some(span.until), Some(span.from)]);
    }

    #[test]
    fn a_changed_answer_looks_different() {
        let mut row = rows().remove(0);
        let before = touched(&row).unwrap().look;
        row["answers"][0]["rating_category"] = json!("good");
        assert_ne!(touched(&row).unwrap().look, before);
        assert_eq!(score(&row), Some(1.0));
    }
}
