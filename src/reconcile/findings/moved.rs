//! Moved: a topic changed its category at a date, while it went on as before. A changed rule, not a changed world: the report's
//! lines jump, and nothing has happened.
//!
//! For each pair of a topic's categories its conversations are put in order of time, and cut where the two are told apart best.
//! The cut is tested exactly; the chance is multiplied by the number of cuts and pairs that were looked at, and corrected for
//! looking at all topics.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{Calendar, Fact, Finding, FindingKind, FindingNumbers, State, TopicId, Window};
use crate::reconcile::report::{line_key, line_name};
use crate::reconcile::wilson;
use crate::statistics::fisher_at_least;

use super::{Tested, discoveries, share};

/// So many conversations are needed before the date under the one category, and after it under the other.
const CONVERSATIONS_MIN: u64 = 5;
/// Before, surely more than this share of the two is under the one; after, under the other.
const SHARE_SURE: f64 = 0.5;
/// A topic's largest categories; others do not make a move worth a sentence.
const CATEGORIES_MAX: usize = 6;
/// A topic that is so many times as large afterwards, or as small, did not just move.
const STEADY_FACTOR: f64 = 2.0;

/// One conversation: when, and under which of the topic's categories.
type Filed = (DateTime<Utc>, Option<String>);

/// A cut between two categories.
struct Cut {
    from: String,
    to: String,
    /// The first conversation after it.
    at: DateTime<Utc>,
    /// Under `from` and `to`, before and after.
    before: (u64, u64),
    after: (u64, u64),
    p: f64,
}

/// Topics that changed their category among the conversations opened in `span`.
pub fn moved(
    facts: &[&Fact],
    span: &Window,
    calendar: &Calendar,
    labels: &BTreeMap<TopicId, String>,
) -> Vec<Finding> {
    let mut topics: BTreeMap<&TopicId, Vec<Filed>> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut begun = span.end;
    for fact in facts.iter().filter(|fact| span.contains(fact.created_at)) {
        if let State::Assigned(topic) = &fact.state {
            let key = line_key(fact.category.as_deref());
            if let (Some(key), Some(name)) = (&key, &fact.category) {
                let name = line_name(name);
                let shown = names.entry(key.clone()).or_insert_with(|| name.clone());
                *shown = name.min(std::mem::take(shown));
            }
            begun = begun.min(fact.created_at);
            topics
                .entry(topic)
                .or_default()
                .push((fact.created_at, key));
        }
    }
    let lived = (begun, span.end);
    let tested = topics.into_iter().map(|(topic, mut filed)| {
        filed.sort();
        let Some(cut) = best_cut(&filed) else {
            return Tested::nothing(1.0);
        };
        let p = cut.p;
        if !is_clear(&cut) || !is_steady(&filed, cut.at, lived) {
            return Tested::nothing(p);
        }
        let label = labels.get(topic).map_or(topic.as_str(), String::as_str);
        let finding = finding(topic, label, &cut, &filed, lived, &names, calendar);
        Tested {
            p,
            claim: Some((Vec::new(), finding)),
        }
    });
    discoveries(tested.collect())
        .into_iter()
        .map(|(_, finding)| finding)
        .collect()
}

/// The cut that is least likely by chance, over all pairs of the topic's larger categories.
fn best_cut(filed: &[Filed]) -> Option<Cut> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for key in filed.iter().filter_map(|(_, key)| key.as_deref()) {
        *counts.entry(key).or_default() += 1;
    }
    let mut large: Vec<(&str, u64)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= CONVERSATIONS_MIN)
        .collect();
    large.sort_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    large.truncate(CATEGORIES_MAX);
    let mut cuts = Vec::new();
    let mut looked_at = 0;
    for (place, (one, _)) in large.iter().enumerate() {
        for (other, _) in &large[place + 1..] {
            let (cut, count) = cut_between(filed, one, other);
            looked_at += count;
            cuts.extend(cut);
        }
    }
    let mut best = cuts.into_iter().min_by(|one, other| {
        one.p
            .total_cmp(&other.p)
            .then_with(|| one.from.cmp(&other.from))
    })?;
    best.p = (best.p * looked_at as f64).min(1.0);
    Some(best)
}

/// The best cut between two categories, and how many were looked at.
fn cut_between(filed: &[Filed], one: &str, other: &str) -> (Option<Cut>, usize) {
    let of_both: Vec<(DateTime<Utc>, bool)> = filed
        .iter()
        .filter_map(|(at, key)| match key.as_deref() {
            Some(key) if key == one => Some((*at, true)),
            Some(key) if key == other => Some((*at, false)),
            _ => None,
        })
        .collect();
    let ones = of_both.iter().filter(|(_, is_one)| *is_one).count() as f64;
    let (all, share) = (of_both.len(), ones / of_both.len() as f64);
    let (mut before, mut best, mut looked_at) = (0.0, None, 0);
    for place in 1..all {
        before += f64::from(u8::from(of_both[place - 1].1));
        // Between two at the same instant nothing can be cut.
        if of_both[place - 1].0 == of_both[place].0 {
            continue;
        }
        looked_at += 1;
        // How far the ones before are from their share, in standard deviations: orders the cuts as their chances do.
        let expected = share * place as f64;
        let spread = (place as f64 * (all - place) as f64).sqrt();
        let distance: f64 = (before - expected) / spread;
        if best.is_none_or(|(known, _): (f64, usize)| distance.abs() > known.abs()) {
            best = Some((distance, place));
        }
    }
    let cut = best.map(|(distance, place)| {
        let count = |part: &[(DateTime<Utc>, bool)]| {
            let ones = part.iter().filter(|(_, is_one)| *is_one).count() as u64;
            (ones, part.len() as u64 - ones)
        };
        let (mut before, mut after) = (count(&of_both[..place]), count(&of_both[place..]));
        let (mut from, mut to) = (one, other);
        if distance < 0.0 {
            (from, to) = (to, from);
            (before, after) = ((before.1, before.0), (after.1, after.0));
        }
        // Which way it goes was looked at as well.
        let p = 2.0 * fisher_at_least(before.0, before.0 + before.1, after.0, after.0 + after.1);
        Cut {
            from: from.to_owned(),
            to: to.to_owned(),
            at: of_both[place].0,
            before,
            after,
            p: p.min(1.0),
        }
    });
    (cut, looked_at)
}

fn is_clear(cut: &Cut) -> bool {
    let (before, after) = (cut.before, cut.after);
    before.0 >= CONVERSATIONS_MIN
        && after.1 >= CONVERSATIONS_MIN
        && wilson(before.0, before.0 + before.1).low > SHARE_SURE
        && wilson(after.1, after.0 + after.1).low > SHARE_SURE
}

/// Conversations a day before and after the cut.
fn rates(filed: &[Filed], at: DateTime<Utc>, lived: (DateTime<Utc>, DateTime<Utc>)) -> (f64, f64) {
    let before = filed.partition_point(|(opened, _)| *opened < at);
    let days = |from: DateTime<Utc>, to: DateTime<Utc>| {
        ((to - from).num_seconds().max(1) as f64) / 86_400.0
    };
    (
        before as f64 / days(lived.0, at),
        (filed.len() - before) as f64 / days(at, lived.1),
    )
}

fn is_steady(filed: &[Filed], at: DateTime<Utc>, lived: (DateTime<Utc>, DateTime<Utc>)) -> bool {
    let (before, after) = rates(filed, at, lived);
    after <= before * STEADY_FACTOR && before <= after * STEADY_FACTOR
}

fn finding(
    topic: &TopicId,
    label: &str,
    cut: &Cut,
    filed: &[Filed],
    lived: (DateTime<Utc>, DateTime<Utc>),
    names: &BTreeMap<String, String>,
    calendar: &Calendar,
) -> Finding {
    let (from, to) = (&names[&cut.from], &names[&cut.to]);
    let day = calendar.day_of(cut.at);
    let (before, after) = rates(filed, cut.at, lived);
    let sentence = format!(
        "\u{201c}{label}\u{201d} is filed under \u{201c}{to}\u{201d} since {day}, before that under \u{201c}{from}\u{201d}: \
         of the two {} of {} were there before, {} of {} since; the topic itself goes on, with {} conversations a month \
         before and {} since",
        cut.before.0,
        cut.before.0 + cut.before.1,
        cut.after.0,
        cut.after.0 + cut.after.1,
        a_month(before),
        a_month(after),
    );
    Finding {
        kind: FindingKind::Moved,
        sentence,
        numbers: FindingNumbers {
            topic_id: Some(topic.clone()),
            category: Some(from.clone()),
            to_category: Some(to.clone()),
            since: Some(day),
            ..share(cut.after.1, cut.after.0 + cut.after.1)
        },
    }
}

/// A twelfth of what a year of such days holds.
fn a_month(rate: f64) -> String {
    format!("{:.1}", rate * 365.25 / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::testing::{about, fact, week};
    use chrono::TimeDelta;

    /// One conversation every two days, under the category that the day gives.
    fn over_days(topic: &str, days: i64, category: impl Fn(i64) -> &'static str) -> Vec<Fact> {
        let one = |day: i64| {
            let number = day as usize + 1000 * topic.len();
            let mut fact = fact(number, Some(category(day)), about(topic));
            fact.created_at = week().start + TimeDelta::days(day);
            fact
        };
        (0..days).step_by(2).map(one).collect()
    }

    fn find(facts: &[Fact], days: i64) -> Vec<Finding> {
        let span = Window {
            end: week().start + TimeDelta::days(days),
            ..week()
        };
        moved(
            &facts.iter().collect::<Vec<_>>(),
            &span,
            &Calendar::default(),
            &BTreeMap::new(),
        )
    }

    #[test]
    fn a_topic_that_changes_its_category_at_a_date_has_moved() {
        let facts = over_days("t", 60, |day| match day {
            0..30 => "Old line",
            34 => "Old line",
            _ => "New line",
        });
        let found = find(&facts, 60);
        assert_eq!(
            found[0].sentence,
            "“t” is filed under “New line” since 2026-04-22, before that under “Old line”: of the two 15 of 15 were there \
             before, 1 of 15 since; the topic itself goes on, with 15.2 conversations a month before and 15.2 since"
        );
        let numbers = &found[0].numbers;
        assert_eq!(numbers.since, Some("2026-04-22".parse().unwrap()));
        assert_eq!(numbers.category.as_deref(), Some("Old line"));
        assert_eq!(numbers.to_category.as_deref(), Some("New line"));
        assert_eq!((numbers.conversations, numbers.of), (14, 15));
        // Fisher's exact chance of 15 of 15 against 1 of 15, for 29 cuts, both ways.
        assert!((numbers.p - 5.982_560_8e-6).abs() < 1e-12, "{}", numbers.p);
    }

    #[test]
    fn a_mixture_or_a_growing_topic_has_not_moved() {
        let mixed = over_days(
            "t",
            60,
            |day| if day % 6 == 0 { "Old line" } else { "New line" },
        );
        assert!(find(&mixed, 60).is_empty());
        let mut growing = over_days(
            "t",
            60,
            |day| if day < 30 { "Old line" } else { "New line" },
        );
        for number in 0..60 {
            let mut more = fact(5000 + number, Some("New line"), about("t"));
            more.created_at = week().start + TimeDelta::days(40);
            growing.push(more);
        }
        assert!(find(&growing, 60).is_empty());
    }

    #[test]
    fn few_conversations_do_not_move() {
        let facts = over_days("t", 16, |day| if day < 8 { "Old line" } else { "New line" });
        assert!(find(&facts, 16).is_empty());
    }
}
