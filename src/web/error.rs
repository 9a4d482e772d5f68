//! What a caller gets when something is wrong: a status and a safe sentence. Causes go to the log.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::templates;

/// Why a request has no answer.
#[derive(Debug)]
pub enum Failure {
    /// There is no such thing.
    NotFound(&'static str),
    /// The request does not make sense.
    Wrong(String),
    /// Refused, with its status; the sentence says what to do.
    Refused(StatusCode, &'static str),
    /// Our fault; the cause is logged, not shown.
    Internal(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Internal(error)
    }
}

impl Failure {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Failure::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "not_found",
                format!("there is no such {what}"),
            ),
            Failure::Wrong(sentence) => {
                (StatusCode::BAD_REQUEST, "wrong_request", sentence.clone())
            }
            Failure::Refused(status, sentence) => (*status, "refused", (*sentence).to_owned()),
            Failure::Internal(error) => {
                tracing::error!(reason = %format!("{error:#}"), "a request could not be answered");
                let sentence = "something went wrong here; the log of the daemon says what";
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    sentence.to_owned(),
                )
            }
        }
    }
}

/// A failure as a page.
pub struct PageFailure(pub Failure);

impl<E: Into<Failure>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let (status, _, sentence) = self.0.parts();
        let page = templates::page(
            "failure.html",
            minijinja::context! { title => status.canonical_reason(), sentence },
        );
        (status, Html(page.unwrap_or(sentence_only(status)))).into_response()
    }
}

fn sentence_only(status: StatusCode) -> String {
    status.to_string()
}

/// A failure as JSON: `{"error": {"code", "message"}}`.
pub struct ApiFailure(pub Failure);

impl<E: Into<Failure>> From<E> for ApiFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiFailure {
    fn into_response(self) -> Response {
        let (status, code, message) = self.0.parts();
        let body = serde_json::json!({ "error": { "code": code, "message": message } });
        (status, Json(body)).into_response()
    }
}
