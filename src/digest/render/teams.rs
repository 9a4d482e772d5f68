//! For Teams: a message with one Adaptive Card, as Workflows and incoming webhooks take it. Foreign words stand only in
//! `TextRun`s, which read no Markdown (<https://adaptivecards.io/explorer/TextRun.html>).

use serde_json::{Value, json};

use crate::model::Digest;

use super::answered::Ways;
use super::text::spark;
use super::view::{ItemView, QuoteView, View};
use super::{Rendered, fit};

/// Bytes of a message
/// (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>: "The message
/// size limit is 28 KB"). Teams may hold it as UTF-16, so each unit counts as two bytes.
pub const MESSAGE_MAX: usize = 28 * 1024;

/// Lays a digest out as the body of a Teams webhook.
pub fn teams(digest: &Digest, ways: Ways<'_>) -> Rendered {
    Rendered::Json(fit(digest, ways, message, |message| {
        size(message) <= MESSAGE_MAX
    }))
}

/// The message's bytes, in whichever of the two encodings is longer.
pub fn size(message: &Value) -> usize {
    let text = message.to_string();
    text.len().max(2 * text.encode_utf16().count())
}

fn message(view: &View) -> Value {
    let mut body = vec![
        line(vec![
            json!({"type": "TextRun", "text": run_text(&view.title), "size": "Large", "weight": "Bolder"}),
        ]),
        line(vec![run(&view.summary.join(" "))]),
    ];
    body.extend(view.items.iter().map(item));
    body.extend(foot(view));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": run_text(&view.title),
        "body": body,
    });
    if let Some(url) = &view.page {
        card["actions"] =
            json!([{"type": "Action.OpenUrl", "title": "Open the digest", "url": url}]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn item(item: &ItemView) -> Value {
    let mut lines = vec![
        line(vec![bold(&format!("{}. {}", item.number, item.label))]),
        line(vec![
            bold(&item.numbers),
            run(&format!("; {}.", item.change)),
        ]),
    ];
    if !item.course.is_empty() {
        let course = spark(&item.course);
        lines.push(line(vec![
            json!({"type": "TextRun", "text": course, "fontType": "Monospace"}),
        ]));
    }
    if !item.filed.is_empty() {
        lines.push(line(vec![
            bold("Officially: "),
            run(&format!("{}.", item.filed)),
        ]));
    }
    for finding in &item.findings {
        lines.push(line(vec![
            bold(&format!("{}: ", finding.kind)),
            run(&finding.sentence),
        ]));
    }
    lines.extend(item.quotes.iter().map(quote));
    let head = format!("Suggestion ({}, for {}): ", item.kind, item.owner);
    lines.push(line(vec![bold(&head), run(&item.suggestion)]));
    for reason in &item.reasons {
        let head = format!("{}: ", reason.kind);
        lines.push(line(vec![bold(&head), run(&reason.sentence)]));
    }
    lines.push(line(vec![bold("Next: "), run(&item.next_step)]));
    lines.push(line(vec![bold("Wrong if: "), run(&item.disproof)]));
    if let Some(stability) = &item.stability {
        lines.push(line(vec![run(&format!("Stable: {stability}."))]));
    }
    let open =
        |title: &str, url: &str| json!({"type": "Action.OpenUrl", "title": title, "url": url});
    let answers = item.answers.iter();
    let mut actions: Vec<Value> = answers
        .map(|answer| open(answer.words, &answer.url))
        .collect();
    let tickets = item.tickets.iter();
    actions.extend(tickets.map(|url| open("All its conversations", url)));
    // Buttons stand side by side; a telephone has room for two.
    for actions in actions.chunks(2) {
        lines.push(json!({"type": "ActionSet", "actions": actions}));
    }
    container(lines)
}

fn foot(view: &View) -> Vec<Value> {
    let mut parts = Vec::new();
    if let Some(official) = &view.official {
        let mut lines = vec![
            line(vec![bold("Beside the official report")]),
            line(vec![run(&official.sentence)]),
        ];
        let causes = official.causes.iter();
        lines.extend(causes.map(|(count, cause)| line(vec![run(&format!("{count}  {cause}"))])));
        let findings = official.findings.iter();
        lines.extend(findings.map(|finding| {
            line(vec![
                bold(&format!("{}: ", finding.kind)),
                run(&finding.sentence),
            ])
        }));
        parts.push(container(lines));
    }
    if let Some(sentence) = &view.unassigned {
        let mut lines = vec![line(vec![bold("In no topic")]), line(vec![run(sentence)])];
        lines.extend(view.sample.iter().map(quote));
        parts.push(container(lines));
    }
    let lists = [
        ("What you answered", &view.answered),
        ("What became of it", &view.follow_up),
        ("Changed since", &view.revisions),
        ("Please note", &view.notes),
        ("How we count", &view.rules),
    ];
    for (heading, entries) in lists {
        if !entries.is_empty() {
            let entries = entries.iter().map(|entry| line(vec![small(entry)]));
            parts.push(container(
                [line(vec![bold(heading)])]
                    .into_iter()
                    .chain(entries)
                    .collect(),
            ));
        }
    }
    let last = format!(
        "{} {}",
        view.left_out.as_deref().unwrap_or_default(),
        view.id
    );
    parts.push(line(vec![small(last.trim())]));
    parts
}

fn quote(quote: &QuoteView) -> Value {
    let words = json!({"type": "TextRun", "text": run_text(&format!("{} ", quote.quoted())), "italic": true});
    let mut from = small(&quote.key);
    if let Some(url) = &quote.url {
        from["selectAction"] = json!({"type": "Action.OpenUrl", "url": url});
    }
    line(vec![words, from])
}

fn container(items: Vec<Value>) -> Value {
    json!({"type": "Container", "separator": true, "spacing": "Medium", "items": items})
}

fn line(runs: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": run_text(text)})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "text": run_text(text), "weight": "Bolder"})
}

fn small(text: &str) -> Value {
    json!({"type": "TextRun", "text": run_text(text), "size": "Small", "isSubtle": true})
}

/// `{{DATE(…)}}` is the one thing that a card reads in any text.
fn run_text(text: &str) -> String {
    let mut out = text.to_owned();
    while out.contains("{{") {
        out = out.replace("{{", "{ {");
    }
    out
}
