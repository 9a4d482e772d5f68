//! Lays a digest out: one function for each format. The content is the same everywhere: `view` puts it into words once.

mod answered;
mod atom;
mod html;
mod json;
mod links;
mod mail;
mod markdown;
mod matrix;
mod picture;
mod sentences;
mod size;
mod slack;
mod teams;
mod text;
mod view;
mod words;

use crate::model::Digest;

use view::{Size, View};

pub use answered::{AnswerLink, AnswerLinks, Ways};
pub use atom::{Feed, atom, updated};
pub use html::{STYLE, fragment};
pub use links::HERE;
pub use picture::Picture;
pub use sentences::watched_words;

/// No chat and no mail shows more items, however many a digest has.
const ITEMS_MAX: usize = 50;

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
        /// The pictures that it shows, each under its `cid:`.
        pictures: Vec<Picture>,
    },
}

/// Lays a digest out for readers who can go these ways: an address of the pages alone, or empty, where there are none.
pub fn render<'a>(digest: &Digest, format: Format, ways: impl Into<Ways<'a>>) -> Rendered {
    let ways = ways.into();
    match format {
        Format::Text => Rendered::Text(text::text(digest, ways)),
        Format::Markdown => Rendered::Text(markdown::markdown(digest, ways)),
        Format::Html => Rendered::Text(html::page(digest, ways)),
        Format::Mail => mail::mail(digest, ways),
        Format::Slack => slack::slack(digest, ways),
        Format::Teams => teams::teams(digest, ways),
        Format::Matrix => matrix::matrix(digest, ways),
        Format::Json => Rendered::Json(json::json(digest, ways)),
    }
}

/// The largest view that fits the target: whole quotes and items are left out, and the view says so.
fn fit<T>(
    digest: &Digest,
    ways: Ways<'_>,
    lay_out: impl Fn(&View) -> T,
    fits: impl Fn(&T) -> bool,
) -> T {
    let steps = Size::steps(digest).into_iter();
    let mut steps = steps.filter(|size| size.items <= ITEMS_MAX);
    loop {
        let size = steps.next();
        let rendered = lay_out(&View::of(digest, ways, size.unwrap_or(Size::LEAST)));
        if size.is_none() || fits(&rendered) {
            return rendered;
        }
    }
}

/// Bytes of a JSON value on the wire.
fn size_of(value: &serde_json::Value) -> usize {
    value.to_string().len()
}

#[cfg(test)]
pub(crate) mod tests;
