//! For files and wikis: CommonMark. Every foreign character that Markdown would read as a sign is escaped.

use crate::model::Digest;

use super::answered::Ways;
use super::text::spark;
use super::view::{ItemView, QuoteView, View};

/// Lays a digest out as Markdown.
pub fn markdown(digest: &Digest, ways: Ways<'_>) -> String {
    let view = View::whole(digest, ways);
    let mut page = vec![format!("# {}", escaped(&view.title))];
    page.push(lines(&view.summary));
    page.extend(view.items.iter().map(item));
    if let Some(official) = &view.official {
        page.push("## Beside the official report".to_owned());
        page.push(escaped(&official.sentence));
        let causes = official.causes.iter();
        let causes =
            causes.map(|(count, cause)| format!("- {} {}", escaped(count), escaped(cause)));
        let findings = official.findings.iter();
        let findings =
            findings.map(|one| format!("- **{}:** {}", one.kind, escaped(&one.sentence)));
        page.push(causes.collect::<Vec<_>>().join("\n"));
        page.push(findings.collect::<Vec<_>>().join("\n"));
    }
    if let Some(sentence) = &view.unassigned {
        page.push("## In no topic".to_owned());
        page.push(escaped(sentence));
        page.extend(view.sample.iter().map(quote));
    }
    page.push(list("What you answered", &view.answered));
    page.push(list("What became of it", &view.follow_up));
    page.push(list("Changed since", &view.revisions));
    page.push(list("Please note", &view.notes));
    page.push(list("How we count", &view.rules));
    page.push(match &view.page {
        Some(url) => link(&view.id, url),
        None => escaped(&view.id),
    });
    page.retain(|part| !part.is_empty());
    page.join("\n\n") + "\n"
}

fn item(item: &ItemView) -> String {
    let mut parts = vec![format!("## {}\\. {}", item.number, escaped(&item.label))];
    parts.push(format!(
        "**{}**, {}",
        escaped(&item.numbers),
        escaped(&item.change)
    ));
    // Blocks and dots only: nothing in it can end the code span.
    parts.push(format!(
        "`{}` {}",
        spark(&item.course),
        escaped(&item.course_words)
    ));
    let mut facts = Vec::new();
    if !item.filed.is_empty() {
        facts.push(format!("- Officially: {}", escaped(&item.filed)));
    }
    let findings = item.findings.iter();
    facts.extend(
        findings.map(|finding| format!("- **{}:** {}", finding.kind, escaped(&finding.sentence))),
    );
    if let Some(stability) = &item.stability {
        facts.push(format!("- Stable: {}", escaped(stability)));
    }
    parts.push(facts.join("\n"));
    parts.extend(item.quotes.iter().map(quote));
    let reasons = item.reasons.iter();
    let reasons = reasons.map(|one| format!("- {}: {}\n", one.kind, escaped(&one.sentence)));
    parts.push(format!(
        "**Suggestion** ({}, for {}): {}\n\n{}- Next: {}\n- Wrong if: {}",
        item.kind,
        escaped(&item.owner),
        escaped(&item.suggestion),
        reasons.collect::<String>(),
        escaped(&item.next_step),
        escaped(&item.disproof),
    ));
    if let Some(url) = &item.tickets {
        parts.push(link("All its conversations", url));
    }
    let answers = item.answers.iter();
    let answers = answers.map(|answer| link(answer.words, &answer.url));
    parts.push(answers.collect::<Vec<_>>().join(" · "));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn quote(quote: &QuoteView) -> String {
    let from = match &quote.url {
        Some(url) => link(&quote.key, url),
        None => escaped(&quote.key),
    };
    format!("> {} {from}", escaped(&quote.quoted()))
}

fn link(words: &str, url: &str) -> String {
    // Entities are read in addresses too.
    format!("[{}](<{}>)", escaped(words), url.replace('&', "&amp;"))
}

fn list(heading: &str, entries: &[String]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| format!("- {}", escaped(entry)))
        .collect();
    format!("## {heading}\n\n{}", entries.join("\n"))
}

fn lines(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| escaped(text))
        .collect::<Vec<_>>()
        .join(" ")
}

/// One line of text that Markdown shows as it is. Addresses are broken too, so that nothing foreign becomes a link.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for (place, letter) in text.char_indices() {
        let rest = &text[place..];
        let is_sign = "\\`*_[]<>&|~#!@{}^$".contains(letter)
            || letter == ':' && rest.starts_with("://")
            || letter == '.' && last.eq_ignore_ascii_case(&'w')
            // At the start of a line these would make a list or a rule.
            || place == 0 && "+-=".contains(letter)
            || ".)".contains(letter) && text[..place].bytes().all(|byte| byte.is_ascii_digit());
        if is_sign {
            out.push('\\');
        }
        out.push(letter);
        last = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_shown_as_they_are() {
        assert_eq!(
            escaped("*a* [b](c) <d> &amp; `e`"),
            "\\*a\\* \\[b\\](c) \\<d\\> \\&amp; \\`e\\`"
        );
        assert_eq!(
            escaped("see http://x.y or www.x.y"),
            "see http\\://x.y or www\\.x.y"
        );
        assert_eq!(escaped("1. one"), "1\\. one");
        assert_eq!(escaped("- one, 2.5"), "\\- one, 2.5");
    }
}
