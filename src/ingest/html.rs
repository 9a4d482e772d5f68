//! HTML to text. Pure.
//!
//! `html2text` does the work; what it could stumble over (huge, deeply nested or ruled input) is
//! taken away before, and text that merely mentions a tag keeps its lines.

use std::sync::LazyLock;

use regex::Regex;

/// Longer input is cut: nobody writes this much, and parsing must stay bounded.
const BYTES_MAX: usize = 256 * 1024;

/// More open tags than this inside each other are stripped instead of parsed.
const DEPTH_MAX: usize = 200;

/// Lines are never wrapped below this width.
const WIDTH: usize = 4_000;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)<(?:!doctype|html|head|body|p|br|div|table|tr|td|ul|ol|li|h[1-6]|blockquote|pre|center)(?:\s[^<>]*)?/?>",
    )
});
static INLINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)</?(?:span|b|i|u|strong|em|a|font|img|small|sub|sup|code|o:p)(?:\s[^<>]*)?/?>")
});
static ANY: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<!--.*?-->|</?[a-zA-Z!][^<>]*>"));
static TAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*)[^<>]*?(/?)>"));
static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?is)<(?:script|style|head|title)\b.*?</(?:script|style|head|title)\s*>|<!--.*?-->|<hr\b[^<>]*>|<img\b[^<>]*>",
    )
});
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)</?a(?:\s[^<>]*)?>"));
static HEADING: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<(/?)h[1-6](?:\s[^<>]*)?>"));
static BREAK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)<br\b[^<>]*>|</(?:p|div|tr|li|h[1-6]|blockquote|table)\s*>"));
static ENTITY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,6}));"));

/// The text of a message that may be HTML. What is no HTML comes back as it is.
pub fn to_text(raw: &str) -> String {
    let raw = head(raw);
    if !BLOCK.is_match(raw) {
        return unescape(&INLINE.replace_all(raw, ""));
    }
    let shown = HIDDEN.replace_all(raw, "<br>");
    let shown = LINK.replace_all(&shown, "");
    let shown = HEADING.replace_all(&shown, "<${1}p>");
    if depth(&shown) > DEPTH_MAX {
        return strip(&shown);
    }
    let config = html2text::config::plain_no_decorate()
        .raw_mode(true)
        .no_table_borders()
        .no_link_wrapping()
        .allow_width_overflow();
    config
        .string_from_read(shown.as_bytes(), WIDTH)
        .unwrap_or_else(|_| strip(&shown))
}

fn head(raw: &str) -> &str {
    let mut end = raw.len().min(BYTES_MAX);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    &raw[..end]
}

/// How deep tags are nested at most, counting tags that are never closed.
fn depth(html: &str) -> usize {
    const VOID: [&str; 8] = ["br", "img", "hr", "meta", "link", "input", "col", "wbr"];
    let (mut now, mut most) = (0_usize, 0);
    for tag in TAG.captures_iter(html) {
        let name = tag[2].to_ascii_lowercase();
        if !tag[1].is_empty() {
            now = now.saturating_sub(1);
        } else if tag[3].is_empty() && !VOID.contains(&name.as_str()) {
            now += 1;
            most = most.max(now);
        }
    }
    most
}

/// Takes tags away and nothing else: for what the parser is not to see.
fn strip(html: &str) -> String {
    let lines = BREAK.replace_all(html, "\n");
    unescape(&ANY.replace_all(&lines, ""))
}

fn unescape(text: &str) -> String {
    let replaced = ENTITY.replace_all(text, |found: &regex::Captures<'_>| {
        let number = |group: usize, radix: u32| {
            let digits = found.get(group)?.as_str();
            u32::from_str_radix(digits, radix)
                .ok()
                .and_then(char::from_u32)
        };
        let named = || {
            Some(match found.get(3)?.as_str() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                "auml" => 'ä',
                "ouml" => 'ö',
                "uuml" => 'ü',
                "Auml" => 'Ä',
                "Ouml" => 'Ö',
                "Uuml" => 'Ü',
                "szlig" => 'ß',
                "eacute" => 'é',
                "egrave" => 'è',
                "euro" => '€',
                "ndash" => '–',
                "hellip" => '…',
                _ => return None,
            })
        };
        let character = number(1, 10).or_else(|| number(2, 16)).or_else(named);
        character.map_or_else(|| found[0].to_owned(), String::from)
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &str) {
        let text = to_text(raw);
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines.join("\n").trim(), expected, "{raw}");
    }

    #[test]
    fn paragraphs_breaks_and_lists_become_lines() {
        check("<p>Hello</p><p>it <b>leaks</b></p>", "Hello\n\nit leaks");
        check("one<br>two<br/>three", "one\ntwo\nthree");
        check("<div>a &amp; b</div>", "a & b");
        check(
            "<p>see <a href=\"https://x.test/y?z=1\">the page</a></p>",
            "see the page",
        );
    }

    #[test]
    fn quoted_blocks_get_a_mark() {
        check(
            "<div>My answer</div><blockquote><div>Your question</div></blockquote>",
            "My answer\n\n> Your question",
        );
    }

    #[test]
    fn text_that_is_no_html_keeps_its_lines() {
        check("a < b and c > d\nsecond", "a < b and c > d\nsecond");
        check("<List all of my alarms>", "<List all of my alarms>");
        check("it is <b>broken</b>\nreally", "it is broken\nreally");
        check("Tom &amp; Anna", "Tom & Anna");
    }

    #[test]
    fn scripts_styles_and_comments_are_not_read() {
        check(
            "<html><head><style>p{x}</style><title>t</title></head><body><!-- no --><p>yes</p><script>no()</script></body></html>",
            "yes",
        );
    }

    #[test]
    fn hostile_html_is_read_in_bounded_time_and_space() {
        for part in [
            "<div>",
            "<table><tr><td>",
            "<blockquote>",
            "<ul><li>",
            "<b>",
            "<hr>",
            "<p><a href=x>",
            "<pre>",
        ] {
            let raw = format!("<p>start</p>{}end", part.repeat(60_000));
            let text = to_text(&raw);
            assert!(text.contains("start"), "{part}");
            assert!(text.len() < 4 * BYTES_MAX, "{part}: {}", text.len());
        }
        let wide = format!("<table><tr>{}</tr></table>", "<td>x</td>".repeat(5_000));
        assert!(to_text(&wide).len() < 4 * BYTES_MAX);
    }
}
