//! Moved: a topic changed its category at a date, while it went on as before. A changed rule, not a changed world: the report's
//! lines jump, and nothing has happened. Where many topics leave one line, `emptied` tells it once, of the line.
//!
//! For each pair of a topic's categories its conversations are put in order of time, and cut where the two are told apart best.
//! The cut is tested exactly; the chance is multiplied by the number of cuts and pairs that were looked at, and corrected for
//! looking at all topics.

mod course;
mod cut;
mod emptied;

use std::collections::BTreeMap;

use crate::model::{Calendar, Fact, Finding, FindingKind, FindingNumbers, TopicId, Window};
use crate::reconcile::wilson;

use super::{Tested, discoveries, share};
use course::{Course, Filed, a_month};
use cut::{Cut, cut_between};

/// So many conversations are needed before the date under the one category, and after it under the other.
const CONVERSATIONS_MIN: u64 = 5;
/// Before, surely more than this share of the two is under the one; after, under the other.
const SHARE_SURE: f64 = 0.5;
/// A topic's largest categories; others do not make a move worth a sentence.
const CATEGORIES_MAX: usize = 6;
/// A topic that is so many times as large afterwards, or as small, did not just move.
const STEADY_FACTOR: f64 = 2.0;

/// Topics that changed their category among the conversations opened in `span`, and the lines that were emptied by it.
pub fn moved(
    facts: &[&Fact],
    span: &Window,
    calendar: &Calendar,
    labels: &BTreeMap<TopicId, String>,
) -> Vec<Finding> {
    let course = Course::of(facts, span, labels);
    let mut found = emptied::emptied(&course, calendar);
    found.extend(topics(&course, calendar));
    found
}

fn topics(course: &Course<'_>, calendar: &Calendar) -> Vec<Finding> {
    let tested = course.topics.iter().map(|(topic, filed)| {
        let Some(cut) = best_cut(filed) else {
            return Tested::nothing(1.0);
        };
        let p = cut.p;
        if !is_clear(&cut) || !is_steady(course, filed, &cut) {
            return Tested::nothing(p);
        }
        let finding = finding(course, topic, &cut, calendar);
        Tested {
            p,
            claim: Some((Vec::new(), finding)),
        }
    });
    let found = discoveries(tested.collect()).into_iter();
    found.map(|(_, finding)| finding).collect()
}

/// The cut that is least likely by chance, over all pairs of the topic's larger categories.
fn best_cut(filed: &[Filed<'_>]) -> Option<Cut> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for key in filed.iter().filter_map(|one| one.place.as_deref()) {
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

fn is_clear(cut: &Cut) -> bool {
    let (before, after) = (cut.before, cut.after);
    before.0 >= CONVERSATIONS_MIN
        && after.1 >= CONVERSATIONS_MIN
        && wilson(before.0, before.0 + before.1).low > SHARE_SURE
        && wilson(after.1, after.0 + after.1).low > SHARE_SURE
}

fn is_steady(course: &Course<'_>, filed: &[Filed<'_>], cut: &Cut) -> bool {
    let (before, after) = course.rates(filed, cut.at);
    after <= before * STEADY_FACTOR && before <= after * STEADY_FACTOR
}

fn finding(course: &Course<'_>, topic: &TopicId, cut: &Cut, calendar: &Calendar) -> Finding {
    let (from, to) = (&course.names[&cut.from], &course.names[&cut.to]);
    let day = calendar.day_of(cut.at);
    let (before, after) = course.rates(&course.topics[topic], cut.at);
    let sentence = format!(
        "\u{201c}{}\u{201d} is filed under \u{201c}{to}\u{201d} since {day}, before that under \u{201c}{from}\u{201d}: \
         of the two {} of {} were there before, {} of {} since; the topic itself goes on, with {} conversations a month \
         before and {} since",
        course.label(topic),
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
