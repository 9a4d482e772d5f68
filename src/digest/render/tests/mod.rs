//! Whatever a digest holds, each rendering stays within its target's limits, is well formed, and lets no foreign sign through.

pub(crate) mod any;
mod fitting;

use proptest::prelude::*;
use serde_json::Value;

use super::words::width;
use super::*;

use any::{hostile, sent};

const BASE: &str = "https://pages.example/groundswell";

fn text_of(digest: &Digest, format: Format) -> String {
    match sent(digest, format) {
        Rendered::Text(text) => text,
        other => panic!("{format:?} is a text, not {other:?}"),
    }
}

fn json_of(digest: &Digest, format: Format) -> Value {
    match sent(digest, format) {
        Rendered::Json(value) => value,
        other => panic!("{format:?} is JSON, not {other:?}"),
    }
}

/// Every tag is one of ours, and closed in the right order.
fn check_html(html: &str, known: &[&str]) -> Result<(), TestCaseError> {
    let mut open: Vec<&str> = Vec::new();
    let without_style = html.split("<style>").next().unwrap_or_default().to_owned()
        + html.split("</style>").nth(1).unwrap_or_default();
    for part in without_style.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else {
            return Err(TestCaseError::fail(format!("a tag is not closed: {part}")));
        };
        prop_assert!(!text.contains('>'), "a stray sign in: {}", text);
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n'])
            .next()
            .unwrap_or_default();
        prop_assert!(known.contains(&name), "unknown tag {}", name);
        prop_assert_eq!(tag.matches('"').count() % 2, 0, "quotes in {}", tag);
        match tag.strip_prefix('/') {
            Some(name) => prop_assert_eq!(open.pop(), Some(name), "closing in the wrong order"),
            None if ["meta", "br", "img", "!doctype"].contains(&name) => {}
            None => open.push(name),
        }
    }
    prop_assert!(open.is_empty(), "left open: {:?}", open);
    prop_assert!(
        !html
            .chars()
            .any(|letter| letter.is_control() && letter != '\n')
    );
    Ok(())
}

/// Calls the check for every object in a JSON value.
fn each_object(value: &Value, check: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            check(object);
            object.values().for_each(|value| each_object(value, check));
        }
        Value::Array(values) => values.iter().for_each(|value| each_object(value, check)),
        _ => {}
    }
}

fn check_text(text: &str) -> Result<(), TestCaseError> {
    for line in text.lines() {
        prop_assert!(
            width(line) <= 80 || line.trim_start().starts_with("http"),
            "too wide: {}",
            line
        );
        prop_assert!(!line.chars().any(char::is_control));
    }
    Ok(())
}

const PAGE_TAGS: [&str; 34] = [
    "img",
    "!doctype",
    "html",
    "head",
    "meta",
    "title",
    "body",
    "article",
    "header",
    "footer",
    "section",
    "h1",
    "h2",
    "p",
    "bdi",
    "span",
    "strong",
    "b",
    "a",
    "svg",
    "rect",
    "blockquote",
    "cite",
    "div",
    "table",
    "tr",
    "td",
    "ul",
    "li",
    "style",
    "br",
    "h3",
    "h4",
    "code",
];

/// The tags that clients of Matrix should show (client-server API, "m.room.message msgtypes").
const MATRIX_TAGS: [&str; 10] = [
    "h3",
    "h4",
    "p",
    "strong",
    "br",
    "code",
    "blockquote",
    "a",
    "ul",
    "li",
];

fn check_slack(message: &Value) -> Result<(), TestCaseError> {
    let blocks = message["blocks"].as_array().unwrap();
    prop_assert!(blocks.len() <= slack::BLOCKS_MAX);
    prop_assert!(size_of(&message["blocks"]) <= slack::BLOCKS_SIZE_MAX);
    prop_assert!(blocks[0]["text"]["text"].as_str().unwrap().chars().count() <= slack::HEADER_MAX);
    prop_assert!(!message["text"].as_str().unwrap().contains(['<', '>']));
    let mut wrong = Vec::new();
    each_object(&message["blocks"], &mut |object| {
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let known = [
            "header",
            "divider",
            "rich_text",
            "rich_text_section",
            "rich_text_quote",
            "context",
            "plain_text",
            "text",
            "link",
        ];
        let text = object.get("text").and_then(Value::as_str);
        let is_fit =
            text.is_none_or(|text| !text.is_empty() && text.chars().count() <= slack::TEXT_MAX);
        let is_link = object.get("url").and_then(Value::as_str);
        let is_safe = is_link.is_none_or(|url| url.starts_with("http") && url.len() <= 3_000);
        let is_style = object.contains_key("bold") || object.contains_key("code");
        if !is_fit || !is_safe || !is_style && !known.contains(&kind) {
            wrong.push(format!("{object:?}"));
        }
    });
    prop_assert!(wrong.is_empty(), "{:?}", wrong);
    Ok(())
}

fn check_teams(message: &Value) -> Result<(), TestCaseError> {
    prop_assert!(teams::size(message) <= teams::MESSAGE_MAX);
    let mut wrong = Vec::new();
    each_object(message, &mut |object| {
        let known = [
            "message",
            "AdaptiveCard",
            "RichTextBlock",
            "TextRun",
            "Container",
            "ActionSet",
            "Action.OpenUrl",
        ];
        let kind = object.get("type").and_then(Value::as_str);
        let text = object
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let url = object.get("url").and_then(Value::as_str);
        if kind.is_some_and(|kind| !known.contains(&kind))
            || text.contains("{{")
            || url.is_some_and(|url| !url.starts_with("http"))
        {
            wrong.push(format!("{object:?}"));
        }
    });
    prop_assert!(wrong.is_empty(), "{:?}", wrong);
    Ok(())
}

/// The numbers that matter are there, however little of the digest is; and what is left out is said, with a link.
fn check_says(shown: &str, digest: &Digest) -> Result<(), TestCaseError> {
    let totals = &digest.totals;
    let counted = totals.assigned.saturating_add(totals.unassigned);
    prop_assert!(shown.contains(&words::some(counted, "conversation")));
    if totals.customers > 0 {
        let customers = format!("of {}", words::some(totals.customers, "customer"));
        prop_assert!(shown.contains(&customers));
    }
    if let Some(side) = &digest.official {
        let both = format!("has {}; we count {}.", side.official, side.ours);
        prop_assert!(shown.contains(&both), "{} is missing in {}", both, shown);
    }
    let items = shown.matches("Wrong if:").count();
    prop_assert!(items <= digest.items.len());
    if items < digest.items.len() {
        let rest = words::some((digest.items.len() - items) as u64, "more item");
        prop_assert!(
            shown.contains(&format!("Shortened: {rest}")),
            "{} of {} in {}",
            items,
            digest.items.len(),
            shown
        );
        let links = links::Links::new(BASE);
        let whole = links
            .digest(digest)
            .map_or("digest show".to_owned(), |_| "/digests/".to_owned());
        prop_assert!(shown.contains(&whole));
    }
    Ok(())
}

/// What a reader of HTML sees of the signs that templates escape.
fn unescaped(html: &str) -> String {
    html.replace("&#x2f;", "/")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn check(digest: &Digest) -> Result<(), TestCaseError> {
    check_text(&text_of(digest, Format::Text))?;
    check_says(
        &text_of(digest, Format::Text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        digest,
    )?;
    check_html(&text_of(digest, Format::Html), &PAGE_TAGS)?;
    check_says(&unescaped(&text_of(digest, Format::Html)), digest)?;
    let markdown = text_of(digest, Format::Markdown);
    check_says(&markdown, digest)?;
    prop_assert!(
        !markdown
            .chars()
            .any(|letter| letter.is_control() && letter != '\n')
    );
    check_slack(&json_of(digest, Format::Slack))?;
    check_says(&json_of(digest, Format::Slack).to_string(), digest)?;
    check_teams(&json_of(digest, Format::Teams))?;
    check_says(&json_of(digest, Format::Teams).to_string(), digest)?;

    let content = json_of(digest, Format::Matrix);
    prop_assert!(size_of(&content) <= matrix::CONTENT_MAX);
    check_html(content["formatted_body"].as_str().unwrap(), &MATRIX_TAGS)?;
    check_text(content["body"].as_str().unwrap())?;
    prop_assert_eq!(&content["m.mentions"], &serde_json::json!({}));
    check_says(
        &unescaped(content["formatted_body"].as_str().unwrap()),
        digest,
    )?;

    let Rendered::Mail {
        subject,
        text,
        html,
        pictures,
    } = sent(digest, Format::Mail)
    else {
        return Err(TestCaseError::fail("not a mail"));
    };
    prop_assert!(
        subject.chars().count() <= mail::SUBJECT_MAX && !subject.chars().any(char::is_control)
    );
    prop_assert!(!subject.trim().is_empty());
    prop_assert!(html.len() <= mail::HTML_MAX);
    check_html(&html, &PAGE_TAGS)?;
    check_says(&unescaped(&html), digest)?;
    check_text(&text)?;
    prop_assert_eq!(html.matches("src=\"cid:").count(), pictures.len());
    for picture in &pictures {
        let shown = format!("src=\"cid:{}\"", picture.id);
        prop_assert!(html.contains(&shown));
        prop_assert!(picture.png.starts_with(b"\x89PNG") && picture.png.len() < 2_000);
    }

    let body = json_of(digest, Format::Json);
    prop_assert_eq!(&body["kind"], "digest");
    prop_assert_eq!(
        body["hash"].as_str().unwrap(),
        super::super::canonical(digest).1
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_rendering_of_any_digest_is_fit_for_its_target(digest in any::digest()) {
        check(&digest)?;
    }
}

#[test]
fn markdown_shows_every_sign_as_it_is() {
    // Without pages there are no links, whose addresses may hold signs.
    let words = "<script> *bold* [a](http://x.y) `c` #";
    let Rendered::Text(markdown) = render(&hostile(words), Format::Markdown, "") else {
        panic!("Markdown is a text");
    };
    assert!(markdown.contains("\\<script\\> \\*bold\\* \\[a\\](http\\://x.y) \\`c\\` \\#"));
    for sign in ["<script", "*bold", "[a", "`c", "://x"] {
        let escaped = markdown.matches(&format!("\\{sign}")).count();
        assert_eq!(
            markdown.matches(sign).count(),
            escaped,
            "{sign} in {markdown}"
        );
    }
}

#[test]
fn slack_reads_no_sign_of_foreign_words() {
    let message = json_of(&hostile("<!channel> *bold* &"), Format::Slack);
    assert!(
        !message["text"].as_str().unwrap().contains("channel"),
        "the notification has only our words"
    );
    let mut holders = std::collections::BTreeSet::new();
    each_object(&message["blocks"], &mut |object| {
        let text = object
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if text.contains("<!channel> *bold*") {
            holders.insert(object["type"].as_str().unwrap().to_owned());
        }
    });
    // None of these reads signs; `mrkdwn` would.
    let literal = ["link", "plain_text", "text"];
    assert!(
        holders.iter().all(|kind| literal.contains(&kind.as_str())),
        "{holders:?}"
    );
    assert!(!holders.is_empty());
}

#[test]
fn a_megabyte_of_anything_is_cut() {
    for words in ["<b> ", "\u{0}"] {
        let mut digest = hostile("short");
        let long = words.repeat(1_000_000 / words.len());
        digest.items[0].label.clone_from(&long);
        digest.items[0].quotes[0].text.clone_from(&long);
        digest.notes[0] = long;
        check(&digest).unwrap();
    }
}

#[test]
fn without_pages_only_the_helpdesks_links_are_left() {
    let mut digest = hostile("words");
    digest.items[0].quotes[0].url = Some("https://desk.example/t/1".to_owned());
    let Rendered::Text(html) = render(&digest, Format::Html, "") else {
        panic!("a page is a text");
    };
    assert_eq!(html.matches("href=").count(), 1);
    assert!(html.contains("https:&#x2f;&#x2f;desk.example&#x2f;t&#x2f;1"));
}
