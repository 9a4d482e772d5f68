//! For Slack: Block Kit. Foreign words stand only where Slack reads no signs: in `plain_text` and in the text elements of
//! `rich_text` blocks. So nothing that a customer writes becomes bold, a link or a call to a whole channel
//! (<https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>).
//!
//! The course of a topic is a line of blocks: an image block wants an address that Slack's servers can reach, or a file
//! uploaded with a token of its own, and shows no data that stands in the message
//! (<https://docs.slack.dev/reference/block-kit/blocks/image-block>).

use serde_json::{Value, json};

use crate::model::Digest;

use super::answered::Ways;
use super::text::spark;
use super::view::{ItemView, QuoteView, View};
use super::words::plain;
use super::{Rendered, fit, size_of};

/// Blocks of a message (<https://docs.slack.dev/reference/block-kit/blocks>).
pub const BLOCKS_MAX: usize = 50;
/// Letters of a header block (<https://docs.slack.dev/reference/block-kit/blocks/header-block>).
pub const HEADER_MAX: usize = 150;
/// Letters of one text: the limit of a section's text, kept for every text
/// (<https://docs.slack.dev/reference/block-kit/blocks/section-block>).
pub const TEXT_MAX: usize = 3_000;
/// So long our own texts may be: whatever Slack counts, letters or UTF-16 units, it is within the limit.
const OWN_TEXT_MAX: usize = TEXT_MAX / 2;
/// Letters of the blocks as JSON. Slack answers `msg_blocks_too_long` at about 13,200 (slackapi/bolt-js issue 2509), far below
/// the 40,000 that a message's text may have.
pub const BLOCKS_SIZE_MAX: usize = 12_000;

/// Lays a digest out as the body of an incoming webhook.
pub fn slack(digest: &Digest, ways: Ways<'_>) -> Rendered {
    Rendered::Json(fit(digest, ways, message, |message| {
        let count = message["blocks"].as_array().map_or(0, Vec::len);
        count <= BLOCKS_MAX && size_of(&message["blocks"]) <= BLOCKS_SIZE_MAX
    }))
}

fn message(view: &View) -> Value {
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": plain(&view.title, HEADER_MAX), "emoji": false}}),
        rich_text(vec![section(vec![words(&view.summary.join(" "))])]),
    ];
    for item in &view.items {
        blocks.push(json!({"type": "divider"}));
        blocks.push(rich_text(item_parts(item)));
    }
    blocks.push(json!({"type": "divider"}));
    blocks.push(rich_text(foot_parts(view)));
    let rules = view.rules.join(" ");
    if !rules.is_empty() {
        let rules = plain(&rules, OWN_TEXT_MAX);
        blocks.push(json!({"type": "context", "elements": [{"type": "plain_text", "text": rules, "emoji": false}]}));
    }
    json!({
        // What a notification shows: only our own words. Slack wants these three escaped in it
        // (https://docs.slack.dev/messaging/formatting-message-text, "Escaping text").
        "text": plain(&format!("{}: {}", view.title, view.summary[0]), OWN_TEXT_MAX)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn item_parts(item: &ItemView) -> Vec<Value> {
    let mut head = vec![
        bold(&format!("{}. {}\n", item.number, item.label)),
        bold(&item.numbers),
        words(&format!("; {}.\n", item.change)),
    ];
    if !item.course.is_empty() {
        head.push(json!({"type": "text", "text": spark(&item.course), "style": {"code": true}}));
        head.push(words("\n"));
    }
    if !item.filed.is_empty() {
        head.extend([bold("Officially: "), words(&format!("{}.\n", item.filed))]);
    }
    for finding in &item.findings {
        head.extend([
            bold(&format!("{}: ", finding.kind)),
            words(&format!("{}\n", finding.sentence)),
        ]);
    }
    let mut parts = vec![section(head)];
    parts.extend(item.quotes.iter().map(quote));
    let mut tail = vec![
        bold(&format!("Suggestion ({}, for {}): ", item.kind, item.owner)),
        words(&format!("{}\n", item.suggestion)),
    ];
    for reason in &item.reasons {
        tail.extend([
            bold(&format!("{}: ", reason.kind)),
            words(&format!("{}\n", reason.sentence)),
        ]);
    }
    tail.extend([
        bold("Next: "),
        words(&format!("{}\n", item.next_step)),
        bold("Wrong if: "),
        words(&format!("{}\n", item.disproof)),
    ]);
    if let Some(stability) = &item.stability {
        tail.push(words(&format!("Stable: {stability}.\n")));
    }
    tail.extend(
        item.tickets
            .as_ref()
            .map(|url| link(url, "All its conversations")),
    );
    for answer in &item.answers {
        tail.extend([words(" \u{b7} "), link(&answer.url, answer.words)]);
    }
    parts.push(section(tail));
    parts
}

fn foot_parts(view: &View) -> Vec<Value> {
    let mut parts = Vec::new();
    if let Some(official) = &view.official {
        let mut lines = vec![
            bold("Beside the official report\n"),
            words(&official.sentence),
        ];
        let causes = official.causes.iter();
        lines.extend(causes.map(|(count, cause)| words(&format!("\n{count}  {cause}"))));
        for finding in &official.findings {
            lines.extend([
                bold(&format!("\n{}: ", finding.kind)),
                words(&finding.sentence),
            ]);
        }
        parts.push(section(lines));
    }
    if let Some(sentence) = &view.unassigned {
        parts.push(section(vec![bold("\nIn no topic\n"), words(sentence)]));
        parts.extend(view.sample.iter().map(quote));
    }
    for (heading, lines) in [
        ("What you answered", &view.answered),
        ("What became of it", &view.follow_up),
        ("Changed since", &view.revisions),
        ("Please note", &view.notes),
    ] {
        if !lines.is_empty() {
            let lines = lines.iter().map(|line| words(&format!("\n{line}")));
            parts.push(section(
                [bold(&format!("\n{heading}"))]
                    .into_iter()
                    .chain(lines)
                    .collect(),
            ));
        }
    }
    let mut last = Vec::new();
    last.extend(
        view.left_out
            .as_ref()
            .map(|sentence| words(&format!("\n{sentence} "))),
    );
    last.push(match &view.page {
        Some(url) => link(url, &view.id),
        None => words(&format!("{}\n", view.id)),
    });
    parts.push(section(last));
    parts
}

fn rich_text(parts: Vec<Value>) -> Value {
    json!({"type": "rich_text", "elements": parts})
}

fn section(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text_section", "elements": elements})
}

fn quote(quote: &QuoteView) -> Value {
    let from = match &quote.url {
        Some(url) => link(url, &quote.key),
        None => words(&format!("[{}]", quote.key)),
    };
    json!({"type": "rich_text_quote", "elements": [words(&format!("{} ", quote.quoted())), from]})
}

fn words(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn bold(text: &str) -> Value {
    json!({"type": "text", "text": text, "style": {"bold": true}})
}

fn link(url: &str, text: &str) -> Value {
    // An empty text would be refused.
    let text = if text.is_empty() { "open" } else { text };
    json!({"type": "link", "url": url, "text": text})
}
