//! A request as a value: what to ask, below the configured address. Who asks and when is the engine's business.

use serde_json::Value;

/// What to ask of a helpdesk.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Path below the configured address, without a slash at its start.
    pub path: String,
    /// Names and values of the query, in order.
    pub query: Vec<(String, String)>,
    /// What is posted; a GET has none.
    pub body: Option<Value>,
    /// Which limit of the vendor it counts against.
    pub class: &'static str,
    /// Whether the answer may be a file of plain text.
    pub is_text: bool,
}

impl Request {
    /// GET of a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            body: None,
            class: "",
            is_text: false,
        }
    }

    /// POST of a question: searches only, nothing is ever changed in a helpdesk.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::get(path)
        }
    }

    /// With one more pair in the query.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// For a file of plain text.
    pub fn text(mut self) -> Self {
        self.is_text = true;
        self
    }

    /// Counted against a limit of its own.
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    /// With a pair of the query set to another value.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_string()));
    }
}
