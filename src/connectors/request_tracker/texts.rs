//! The words of a ticket: they lie in attachments, decoded when a list is read, in base64 when one
//! is read alone.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::RequestTracker;
use super::lists::Pages;
use super::ticket::{PAGES_MAX, Transaction};
use crate::connectors::engine::{Api, Request};
use crate::connectors::http::Failure;
use crate::connectors::json;

impl RequestTracker {
    /// The text of each transaction that has one: plain, else HTML.
    pub(super) async fn texts(
        &self,
        api: Api<'_>,
        id: &str,
        history: &[Transaction],
    ) -> Result<BTreeMap<u64, String>, Failure> {
        let wanted: BTreeSet<u64> = history
            .iter()
            .filter(|one| one.visibility().is_some())
            .map(|one| one.id)
            .collect();
        let path = format!("ticket/{id}/attachments");
        let (names, whole) = (
            "ContentType,Filename,TransactionId",
            "Content,ContentType,Filename,TransactionId",
        );
        let mut found: BTreeMap<u64, (bool, String)> = BTreeMap::new();
        let mut pages = Pages::new(PAGES_MAX);
        while let Some(number) = pages.next() {
            let items = match self.rows(api, self.page(&path, whole, number)).await {
                // Pictures come along as text; without them the list is small.
                Err(Failure::TooLarge) => {
                    let list = self.rows(api, self.page(&path, names, number)).await?;
                    self.contents(api, list, &wanted).await?
                }
                items => items?,
            };
            pages.count(&items)?;
            for item in &items {
                keep_text(&mut found, item);
            }
            // Of the last one on a page, its plain form may be on the next.
            let cut = items
                .last()
                .and_then(|item| json::number(item, "TransactionId"));
            let is_whole = |id: &u64| {
                found
                    .get(id)
                    .is_some_and(|(is_plain, _)| *is_plain || Some(*id) != cut)
            };
            if wanted.iter().all(is_whole) {
                break;
            }
        }
        Ok(found
            .into_iter()
            .map(|(id, (_, text))| (id, text))
            .collect())
    }

    /// Fetches the texts of a list one by one.
    async fn contents(
        &self,
        api: Api<'_>,
        mut list: Vec<Value>,
        wanted: &BTreeSet<u64>,
    ) -> Result<Vec<Value>, Failure> {
        for item in &mut list {
            let is_wanted =
                json::number(item, "TransactionId").is_some_and(|id| wanted.contains(&id));
            let Some(id) =
                json::text(item, "id").filter(|_| is_wanted && text_kind(item).is_some())
            else {
                continue;
            };
            let whole = Request::get(format!("REST/2.0/attachment/{id}"));
            match api.get(whole).await {
                Ok(one) => {
                    let content = one
                        .get("Content")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    item["Content"] = Value::String(base64_text(content));
                }
                // One huge text costs itself only.
                Err(Failure::TooLarge | Failure::NotFound | Failure::Forbidden(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(list)
    }
}

/// `Some(true)` for plain text, `Some(false)` for HTML, `None` for files.
fn text_kind(item: &Value) -> Option<bool> {
    let kind = json::text(item, "ContentType")?;
    let is_file = json::text(item, "Filename").is_some();
    match kind.as_str() {
        "text/plain" if !is_file => Some(true),
        "text/html" if !is_file => Some(false),
        _ => None,
    }
}

/// Keeps the first plain text of a transaction, or its first HTML when there is no plain one.
pub(super) fn keep_text(found: &mut BTreeMap<u64, (bool, String)>, item: &Value) {
    let Some((id, is_plain)) = json::number(item, "TransactionId").zip(text_kind(item)) else {
        return;
    };
    let Some(content) = item.get("Content").and_then(Value::as_str) else {
        return;
    };
    let is_better = found
        .get(&id)
        .is_none_or(|(was_plain, _)| is_plain && !was_plain);
    if is_better {
        found.insert(id, (is_plain, content.to_owned()));
    }
}

/// Base64 with line breaks, as UTF-8.
fn base64_text(encoded: &str) -> String {
    let digits: String = encoded.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(digits).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_with_line_breaks_is_read() {
        assert_eq!(base64_text("SXQg\nbGVha3Mg4piC\n"), "It leaks ☂");
        assert_eq!(base64_text("YQ=="), "a");
        assert_eq!(base64_text(""), "");
    }

    #[test]
    fn plain_text_wins_over_html_and_files_are_left_out() {
        let mut found = BTreeMap::new();
        for (kind, name, text) in [
            ("text/html", "", "<p>x</p>"),
            ("text/plain", "log.txt", "stack"),
            ("text/plain", "", "x"),
            ("text/plain", "", "y"),
            ("image/png", "", "binary"),
        ] {
            let item = json!({"TransactionId": "7", "ContentType": kind, "Filename": name, "Content": text});
            keep_text(&mut found, &item);
        }
        assert_eq!(found[&7], (true, "x".to_owned()));
    }
}
