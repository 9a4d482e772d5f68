//! Atlassian's document format as plain text: what was written, line by line, with mentions and code. Pure.

use serde_json::Value;

use super::json;

/// Deeper nesting is hostile.
const DEPTH_MAX: usize = 60;

/// The text of a document; text that is none of this format is taken as it is.
pub fn to_text(document: &Value) -> Option<String> {
    if let Some(text) = json::plain(document) {
        return Some(text);
    }
    let mut text = String::new();
    write(document, &mut text, 0);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn write(node: &Value, text: &mut String, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    let kind = node.get("type").and_then(Value::as_str).unwrap_or_default();
    let attribute = |name: &str| json::text(node.get("attrs")?, name);
    match kind {
        "text" => text.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        "hardBreak" => text.push('\n'),
        "mention" | "status" => text.push_str(&attribute("text").unwrap_or_default()),
        "emoji" => text.push_str(
            &attribute("text")
                .or(attribute("shortName"))
                .unwrap_or_default(),
        ),
        "inlineCard" | "blockCard" | "embedCard" => {
            text.push_str(&attribute("url").unwrap_or_default());
        }
        "date" => text.push_str(&date(node).unwrap_or_default()),
        "rule" => line(text),
        _ => children(node, kind, text, depth),
    }
}

fn children(node: &Value, kind: &str, text: &mut String, depth: usize) {
    let is_block = !matches!(kind, "" | "doc");
    if is_block {
        line(text);
    }
    if matches!(kind, "listItem" | "taskItem" | "decisionItem") {
        text.push_str("- ");
    }
    if let Some(title) = node.get("attrs").and_then(|all| json::text(all, "title")) {
        text.push_str(&title);
        line(text);
    }
    for (place, child) in json::list(node, "content").iter().enumerate() {
        let is_cell = kind == "tableRow" && place > 0;
        let start = text.len();
        write(child, text, depth + 1);
        // Cells of a row stand in one line, and an item's text behind its mark.
        if is_cell || (place == 0 && text[..start].ends_with("- ")) {
            let own = text.split_off(start);
            text.truncate(text.trim_end_matches('\n').len());
            text.push_str(if is_cell { " | " } else { "" });
            text.push_str(own.trim_start_matches('\n'));
        }
        if is_cell || kind == "tableRow" {
            text.truncate(text.trim_end_matches('\n').len());
        }
    }
    if is_block {
        line(text);
    }
}

/// Begins a line, unless one has just begun.
fn line(text: &mut String) {
    let is_marked = text.ends_with("- ") && text.trim_end_matches("- ").ends_with('\n');
    if !text.is_empty() && !text.ends_with('\n') && !is_marked && text != "- " {
        text.push('\n');
    }
}

/// Milliseconds since 1970, as a day.
fn date(node: &Value) -> Option<String> {
    let at = json::instant(node.get("attrs")?, "timestamp")?;
    Some(at.date_naive().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paragraph(content: Value) -> Value {
        json!({"type": "paragraph", "content": content})
    }

    fn text(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }

    #[test]
    fn what_was_written_is_kept_line_by_line() {
        let document = json!({"version": 1, "type": "doc", "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [text("Outage")]},
            paragraph(json!([text("Hello "), {"type": "mention", "attrs": {"id": "1", "text": "@Tom"}}, text(","), {"type": "hardBreak"},
                {"type": "text", "text": "it is down", "marks": [{"type": "strong"}]}])),
            {"type": "bulletList", "content": [
                {"type": "listItem", "content": [paragraph(json!([text("north")]))]},
                {"type": "listItem", "content": [paragraph(json!([text("south")])), paragraph(json!([text("since noon")]))]},
            ]},
            {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [text("ping gw\nno route")]},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "x"}}]},
            {"type": "table", "content": [{"type": "tableRow", "content": [
                {"type": "tableCell", "content": [paragraph(json!([text("a")]))]},
                {"type": "tableCell", "content": [paragraph(json!([text("b")]))]}]}]},
            paragraph(json!([{"type": "inlineCard", "attrs": {"url": "https://example.org/x"}}, text(" "),
                {"type": "date", "attrs": {"timestamp": "1772442000000"}}])),
        ]});
        let expected = "Outage\nHello @Tom,\nit is down\n- north\n- south\nsince noon\nping gw\nno route\na | b\n\
                        https://example.org/x 2026-03-02";
        assert_eq!(to_text(&document).unwrap(), expected);
    }

    #[test]
    fn plain_text_stays_and_nothing_is_nothing() {
        assert_eq!(to_text(&json!("as it is")).as_deref(), Some("as it is"));
        for nothing in [
            json!(null),
            json!({"type": "doc", "content": []}),
            json!({"type": "doc"}),
            json!([]),
        ] {
            assert_eq!(to_text(&nothing), None);
        }
    }

    #[test]
    fn endless_nesting_ends() {
        let mut node = text("deep");
        for _ in 0..200 {
            node = json!({"type": "panel", "content": [node]});
        }
        assert_eq!(to_text(&node), None);
    }
}
