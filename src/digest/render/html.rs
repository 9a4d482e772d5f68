//! For the browser and the mail reader: templates that escape every value by themselves.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::model::Digest;

use super::answered::Ways;
use super::atom::{Entry, Feed};
use super::picture::Picture;
use super::text::spark;
use super::view::View;

/// The style of a digest on a page; the pages include it too.
pub const STYLE: &str = include_str!("templates/digest.css");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    templates.set_syntax(syntax.expect("the usual delimiters are valid"));
    let texts = [
        ("digest.html", include_str!("templates/digest.html")),
        ("page.html", include_str!("templates/page.html")),
        ("mail.html", include_str!("templates/mail.html")),
        ("matrix.html", include_str!("templates/matrix.html")),
        ("feed.xml", include_str!("templates/feed.xml")),
    ];
    for (name, text) in texts {
        templates
            .add_template(name, text)
            .expect("templates in the program are valid");
    }
    templates
});

/// A digest as a part of a page: one `<article>`.
pub fn fragment(digest: &Digest, ways: Ways<'_>) -> String {
    fill("digest.html", &View::whole(digest, ways))
}

/// A digest as a page of its own, with nothing to load.
pub fn page(digest: &Digest, ways: Ways<'_>) -> String {
    fill("page.html", &View::whole(digest, ways))
}

/// Fills the feed's template.
pub(super) fn fill_feed(feed: &Feed<'_>, title: &str, updated: &str, entries: &[Entry]) -> String {
    let template = TEMPLATES.get_template("feed.xml");
    let template = template.expect("it is in the list");
    let (url, base_url) = (feed.url, feed.base_url);
    template
        .render(context! { title, url, base_url, updated, entries => Serde(entries) })
        .expect("the template uses only what a feed has")
}

/// Fills one of the templates.
pub fn fill(name: &str, view: &View) -> String {
    fill_with(name, view, &[])
}

/// Fills one of the templates, with a picture for each item that has one.
pub fn fill_with(name: &str, view: &View, pictures: &[Option<Picture>]) -> String {
    let template = TEMPLATES.get_template(name);
    let template = template.expect("only templates of the list are asked for");
    let sparks: Vec<String> = view.items.iter().map(|item| spark(&item.course)).collect();
    template
        .render(
            context! { view => Serde(view), sparks, pictures => Serde(pictures), style => STYLE },
        )
        .expect("templates use only what a view has, and a view has all they use")
}
