//! Lays a digest out: one function for each format. The content is the same everywhere: `view` puts it into words once.

mod links;
mod text;
mod view;
mod words;

use crate::model::Digest;

pub(super) use words::some;

/// What a destination wants to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a terminal or a text file.
    Text,
    /// Markdown.
    Markdown,
    /// A page of its own.
    Html,
    /// Subject, text and HTML.
    Mail,
    /// Slack's Block Kit.
    Slack,
    /// A Teams message with an Adaptive Card.
    Teams,
    /// A Matrix message with its formatted body.
    Matrix,
    /// The digest itself, as JSON.
    Json,
}

/// A digest, laid out.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendered {
    /// One text: console, Markdown, HTML.
    Text(String),
    /// A JSON body: Slack, Teams, Matrix, webhook.
    Json(serde_json::Value),
    /// A mail.
    Mail {
        /// The subject line.
        subject: String,
        /// The plain text part.
        text: String,
        /// The HTML part.
        html: String,
    },
}

/// Lays a digest out. `base_url` is where the pages are, for links; empty where there are none.
pub fn render(digest: &Digest, format: Format, base_url: &str) -> Rendered {
    match format {
        Format::Text => Rendered::Text(text::text(digest, base_url)),
        _ => unimplemented!(),
    }
}
