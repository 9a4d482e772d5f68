//! Checks a published digest against itself and against what it quotes: every total the sum of its list, every quote an
//! exact substring. And names the first place at which two digests differ.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::counting::Counts;
use crate::model::{ConversationKey, Digest, Quote, State, Stored};

/// Every total that is not the sum of its list, one sentence each.
pub fn sums(digest: &Digest) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: String, says: i128, sum: i128| {
        if says != sum {
            wrong.push(format!("{what} says {says}, its list adds up to {sum}"));
        }
    };
    let totals = &digest.totals;
    let excluded = totals.excluded.iter().map(|(_, count)| i128::from(*count));
    let parts = i128::from(totals.assigned) + i128::from(totals.unassigned);
    check(
        "/totals/pulled".to_owned(),
        i128::from(totals.pulled),
        parts + excluded.sum::<i128>(),
    );
    check(
        "/unassigned/conversations".to_owned(),
        i128::from(digest.unassigned.conversations),
        i128::from(totals.unassigned),
    );
    for (place, item) in digest.items.iter().enumerate() {
        let counted = i128::from(item.conversations);
        let filed = item.categories.iter();
        let filed = filed.map(|share| i128::from(share.conversations)).sum();
        check(
            format!("/items/{place}/conversations, by category,"),
            counted,
            filed,
        );
        let last = item.course.last();
        let last = last.map_or(0, |(_, count)| i128::from(*count));
        check(
            format!("/items/{place}/conversations, in its course,"),
            counted,
            last,
        );
    }
    if let Some(side) = &digest.official {
        let causes = side.causes.iter();
        let causes = causes.map(|cause| i128::from(cause.conversations)).sum();
        let difference = i128::from(side.official) - i128::from(side.ours);
        check("/official, our number less,".to_owned(), difference, causes);
    }
    wrong
}

/// Every number of conversations that the window does not hold, one sentence each.
pub fn counts(digest: &Digest, counts: &Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: String, says: u64, holds: u64| {
        if says != holds {
            wrong.push(format!("{what} says {says}, the database holds {holds}"));
        }
    };
    let totals = &digest.totals;
    check("/totals/pulled".to_owned(), totals.pulled, counts.pulled());
    check(
        "/totals/assigned".to_owned(),
        totals.assigned,
        counts.assigned(),
    );
    check(
        "/totals/unassigned".to_owned(),
        totals.unassigned,
        counts.unassigned(),
    );
    for (reason, says) in &totals.excluded {
        let of_reason =
            |state: &State| matches!(state, State::Excluded(is) if is.as_str() == reason);
        let holds = counts.by_state.iter().filter(|(state, _)| of_reason(state));
        let holds = holds.map(|(_, tally)| tally.conversations).sum();
        check(format!("/totals/excluded/{reason}"), *says, holds);
    }
    for (place, item) in digest.items.iter().enumerate() {
        let holds = counts.topic(&item.topic_id);
        check(
            format!("/items/{place}/conversations"),
            item.conversations,
            holds,
        );
    }
    wrong
}

/// The quotes of a digest with their places.
pub fn quotes(digest: &Digest) -> Vec<(String, &Quote)> {
    let items = digest.items.iter().enumerate().flat_map(|(item, of)| {
        let quotes = of.quotes.iter().enumerate();
        quotes.map(move |(place, quote)| (format!("/items/{item}/quotes/{place}"), quote))
    });
    let sample = digest.unassigned.sample.iter().enumerate();
    let sample = sample.map(|(place, quote)| (format!("/unassigned/sample/{place}"), quote));
    items.chain(sample).collect()
}

/// Every quote that is not an exact part of its conversation's stored text, one sentence each. `stored` holds all that were
/// read and not erased since.
pub fn quoted(digest: &Digest, stored: &BTreeMap<ConversationKey, Stored>) -> Vec<String> {
    let wrong = quotes(digest).into_iter().filter_map(|(place, quote)| {
        let key = &quote.key;
        let Some(of) = stored.get(key) else {
            return Some(format!("{place} quotes {key}, which was not read for it"));
        };
        let fits = !quote.text.is_empty() && of.text.as_str().contains(&quote.text);
        (!fits).then(|| format!("{place} is no part of the stored text of {key}"))
    });
    wrong.collect()
}

/// The first place at which two digests' JSON differ, and how; customers' words are not repeated.
pub fn first_difference(published: &str, computed: &str) -> Option<String> {
    if published == computed {
        return None;
    }
    let (Ok(was), Ok(is)) = (
        serde_json::from_str::<Value>(published),
        serde_json::from_str::<Value>(computed),
    ) else {
        return Some("the published content is not JSON".to_owned());
    };
    let place = differing(&was, &is, String::new());
    Some(place.unwrap_or_else(|| "the same values, written in other bytes".to_owned()))
}

fn differing(was: &Value, is: &Value, path: String) -> Option<String> {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
            names.sort();
            names.dedup();
            names.into_iter().find_map(|name| {
                let path = format!("{path}/{name}");
                match (was.get(name), is.get(name)) {
                    (Some(was), Some(is)) => differing(was, is, path),
                    (Some(_), None) => Some(format!("{path}: was published, is not computed")),
                    _ => Some(format!("{path}: is computed, was not published")),
                }
            })
        }
        (Value::Array(was), Value::Array(is)) => {
            let found = was
                .iter()
                .zip(is)
                .enumerate()
                .find_map(|(place, (was, is))| differing(was, is, format!("{path}/{place}")));
            let (was, is) = (was.len(), is.len());
            found.or_else(|| {
                (was != is).then(|| format!("{path}: published {was} of them, computed {is}"))
            })
        }
        (was, is) if was == is => None,
        (Value::String(was), Value::String(is)) => {
            let same = was.chars().zip(is.chars()).take_while(|(a, b)| a == b);
            let place = same.count() + 1;
            Some(format!(
                "{path}: the published text and the computed one differ from character {place} on"
            ))
        }
        (Value::String(_), is) => Some(format!("{path}: published a text, computed {is}")),
        (was, Value::String(_)) => Some(format!("{path}: published {was}, computed a text")),
        (was, is) => Some(format!("{path}: published {was}, computed {is}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_without_words() {
        let check = |was: &str, is: &str, expected: &str| {
            assert_eq!(first_difference(was, is).unwrap(), expected);
        };
        check(
            r#"{"a":1,"items":[{"n":3},{"n":4}]}"#,
            r#"{"a":1,"items":[{"n":3},{"n":5}]}"#,
            "/items/1/n: published 4, computed 5",
        );
        check(
            r#"{"quotes":["my secret"]}"#,
            r#"{"quotes":["my sacred"]}"#,
            "/quotes/0: the published text and the computed one differ from character 5 on",
        );
        check(
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            "/a: published 1 of them, computed 2",
        );
        check(
            r#"{"a":1}"#,
            r#"{"b":1}"#,
            "/a: was published, is not computed",
        );
        check(
            r#"{"a":1}"#,
            r#"{"a": 1}"#,
            "the same values, written in other bytes",
        );
        check("{", "{}", "the published content is not JSON");
        assert_eq!(first_difference("{}", "{}"), None);
    }
}
