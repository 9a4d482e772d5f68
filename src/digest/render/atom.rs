//! For feed readers: Atom (<https://www.rfc-editor.org/rfc/rfc4287>). Each entry is a digest, whole, in the few HTML tags that
//! every reader shows, escaped once more as text of the XML.
//!
//! An entry's id follows from the content hash of its digest: it stays when the pages move to another address, and two
//! installations never give two digests the same one.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::model::Digest;

use super::html::fill_feed;
use super::view::View;
use super::words::plain;

/// Letters of the summary that a reader's list shows.
const SUMMARY_MAX: usize = 500;

/// A feed before it is laid out.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    /// What it is about, such as "Groundswell, weekly digests".
    pub title: &'a str,
    /// Where it is: its permanent name, too.
    pub url: &'a str,
    /// Where the pages are, for links.
    pub base_url: &'a str,
    /// The newest digests with the SHA-256 of their JSON and when they were published, newest first.
    pub digests: &'a [(Digest, String, DateTime<Utc>)],
}

/// What the template is given for one digest.
#[derive(Serialize)]
pub(super) struct Entry {
    id: String,
    published: String,
    summary: String,
    cadence: &'static str,
    html: String,
    view: View,
}

/// Lays a feed out.
pub fn atom(feed: &Feed<'_>) -> String {
    let entries: Vec<Entry> = feed
        .digests
        .iter()
        .map(|(digest, hash, published)| entry(digest, hash, *published, feed.base_url))
        .collect();
    let updated = updated(feed).map_or("1970-01-01T00:00:00Z".to_owned(), stamp);
    fill_feed(feed, &plain(feed.title, SUMMARY_MAX), &updated, &entries)
}

/// When the newest of its digests was published.
pub fn updated(feed: &Feed<'_>) -> Option<DateTime<Utc>> {
    feed.digests
        .iter()
        .map(|(_, _, published)| *published)
        .max()
}

fn entry(digest: &Digest, hash: &str, published: DateTime<Utc>, base_url: &str) -> Entry {
    let view = View::whole(digest, base_url.into());
    let labels: Vec<&str> = view.items.iter().map(|item| item.label.as_str()).collect();
    let summary = format!("{} {}", view.summary.join(" "), labels.join("; "));
    Entry {
        id: urn(hash),
        published: stamp(published),
        summary: plain(&summary, SUMMARY_MAX),
        cadence: digest.cadence.as_str(),
        html: super::html::fill("matrix.html", &view),
        view,
    }
}

/// A UUID made of a hash (version 8, <https://www.rfc-editor.org/rfc/rfc9562#section-5.8>).
fn urn(hash: &str) -> String {
    let digits: String = hash
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(32)
        .collect();
    let digits = format!("{digits:0<32}");
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::any;
    use super::*;
    use crate::digest::canonical;

    fn feed_of(digests: &[(Digest, String, DateTime<Utc>)]) -> String {
        atom(&Feed {
            title: "Groundswell, weekly digests",
            url: "https://pages.example/feed.atom?cadence=weekly",
            base_url: "https://pages.example",
            digests,
        })
    }

    fn with_hash(digest: Digest) -> (Digest, String, DateTime<Utc>) {
        let hash = canonical(&digest).1;
        (digest, hash, "2026-03-30T05:00:00.5Z".parse().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn any_digest_is_well_formed_xml_with_all_that_an_entry_needs(digest in any::digest()) {
            let xml = feed_of(&[with_hash(digest)]);
            let mut open: Vec<&str> = Vec::new();
            let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n").unwrap();
            for part in body.split('<').skip(1) {
                let (tag, text) = part.split_once('>').unwrap();
                prop_assert!(!text.contains('>'), "a stray sign in {}", text);
                match tag.strip_prefix('/') {
                    Some(name) => prop_assert_eq!(open.pop(), Some(name)),
                    None if tag.ends_with('/') => {}
                    None => open.push(tag.split(' ').next().unwrap()),
                }
            }
            prop_assert!(open.is_empty());
            // What XML 1.0 has no way to write (2.2).
            let is_wrong = |letter: char| {
                letter.is_control() && letter != '\n' || ['\u{FFFE}', '\u{FFFF}'].contains(&letter)
            };
            prop_assert!(!xml.chars().any(is_wrong));
            for part in ["<id>urn:uuid:", "<updated>2026-03-30T05:00:00Z</updated>", "<content type=\"html\">"] {
                prop_assert!(xml.contains(part), "{}", part);
            }
        }
    }

    #[test]
    fn an_id_stays_when_the_pages_move_and_differs_between_digests() {
        let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        assert_eq!(urn(hash), "urn:uuid:01234567-89ab-8def-8123-456789abcdef");
        assert_eq!(urn(""), "urn:uuid:00000000-0000-8000-8000-000000000000");
        assert_ne!(
            urn(&canonical(&any::hostile("a")).1),
            urn(&canonical(&any::hostile("b")).1)
        );
    }

    #[test]
    fn a_feed_without_digests_is_a_feed_all_the_same() {
        let xml = feed_of(&[]);
        assert!(
            xml.contains("<updated>1970-01-01T00:00:00Z</updated>") && !xml.contains("<entry>"),
            "{xml}"
        );
    }
}
