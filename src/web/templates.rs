//! The pages' templates, embedded. Names end in `.html`, so everything is escaped.

use std::sync::LazyLock;

use anyhow::Context;
use minijinja::{Environment, UndefinedBehavior, Value};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.add_filter("percent", |share: f64| format!("{:.0} %", share * 100.0));
    environment.add_filter("thousands", thousands);
    environment.add_filter("signed", signed);
    let templates = [
        ("base.html", include_str!("templates/base.html")),
        ("overview.html", include_str!("templates/overview.html")),
        ("topics.html", include_str!("templates/topics.html")),
        ("topic.html", include_str!("templates/topic.html")),
        ("digests.html", include_str!("templates/digests.html")),
        ("digest.html", include_str!("templates/digest.html")),
        (
            "report_lines.html",
            include_str!("templates/report_lines.html"),
        ),
        ("report.html", include_str!("templates/report.html")),
        ("reports.html", include_str!("templates/reports.html")),
        ("search.html", include_str!("templates/search.html")),
        (
            "suggestions.html",
            include_str!("templates/suggestions.html"),
        ),
        ("sources.html", include_str!("templates/sources.html")),
        (
            "conversation.html",
            include_str!("templates/conversation.html"),
        ),
        (
            "answer_forms.html",
            include_str!("templates/answer_forms.html"),
        ),
        ("answers.html", include_str!("templates/answers.html")),
        ("asked.html", include_str!("templates/asked.html")),
        ("reason.html", include_str!("templates/reason.html")),
        ("link.html", include_str!("templates/link.html")),
        ("sign_in.html", include_str!("templates/sign_in.html")),
        ("failure.html", include_str!("templates/failure.html")),
    ];
    for (name, text) in templates {
        environment
            .add_template(name, text)
            .expect("embedded templates parse, a test proves it");
    }
    environment
});

/// `12 345`, with a narrow space that does not break.
fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 {
        format!("−{text}")
    } else {
        text
    }
}

/// The same with its sign, also where it is more: `+12`.
fn signed(number: i64) -> String {
    let plus = if number > 0 { "+" } else { "" };
    format!("{plus}{}", thousands(number))
}

/// Fills a template.
pub fn page(name: &str, context: Value) -> anyhow::Result<String> {
    let template = ENVIRONMENT
        .get_template(name)
        .context("finding a template")?;
    template
        .render(context)
        .with_context(|| format!("filling the template {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(thousands(-999), "−999");
        assert_eq!([-1, 0, 1].map(signed), ["−1", "0", "+1"]);
    }

    #[test]
    fn what_comes_in_is_escaped() {
        let context = minijinja::context! { title => "x", sentence => "<script>alert(1)</script>" };
        let text = page("failure.html", context).unwrap();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"));
    }
}
