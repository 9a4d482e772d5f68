//! A line of the report that lost what it held: its topics go on and are filed elsewhere since.
//!
//! All conversations of the line's topics are put in order of time and cut where the line is told apart best from everything
//! else. Nothing is claimed unless most of what the line held belongs to topics that still come as often and have a line of
//! their own since: a line that falls silent because its topic ended has lost nothing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{Calendar, ConversationKey, Finding, FindingKind, FindingNumbers, TopicId};
use crate::reconcile::wilson;

use super::super::{Tested, discoveries, share};
use super::course::{Course, Filed, a_month};
use super::cut::{Cut, cut_between};

/// Below this many conversations nothing is claimed of a line.
const LINE_CONVERSATIONS_MIN: u64 = 12;
/// What one topic loses is that topic's move.
const TOPICS_MIN: usize = 2;
/// The line is emptied when it surely has less than this part of the share that it had.
const LEFT_MAX: f64 = 0.2;
/// A topic goes on when it comes at least so many times as often as before.
const GOES_ON_FACTOR: f64 = 0.5;
/// Surely more than this share of what the line held must be filed elsewhere since.
const SHARE_SURE: f64 = 0.5;
/// Lines and topics that are named.
const NAMED_MAX: usize = 3;
/// Stands for every other category; no category's key is empty.
const ELSEWHERE: &str = "";

/// Where the conversations of an emptied line belong.
struct Left<'a> {
    /// What the line held before, of any topic or none.
    held: u64,
    /// What it holds since.
    left: u64,
    /// By the category of their topics since: the topics, with what the line held of each.
    by_place: BTreeMap<String, Vec<(u64, &'a TopicId)>>,
    keys: Vec<ConversationKey>,
    /// Conversations a day of these topics, before and since.
    rates: (f64, f64),
}

impl Left<'_> {
    fn moved(&self) -> u64 {
        self.by_place
            .values()
            .flatten()
            .map(|(count, _)| count)
            .sum()
    }
}

/// The lines that were emptied.
pub fn emptied(course: &Course<'_>, calendar: &Calendar) -> Vec<Finding> {
    let tested = course
        .names
        .keys()
        .filter_map(|line| test(course, line, calendar));
    let found = discoveries(tested.collect()).into_iter();
    found.map(|(_, finding)| finding).collect()
}

/// None for a line that is too small to be looked at.
fn test(course: &Course<'_>, line: &str, calendar: &Calendar) -> Option<Tested> {
    let is_here = |one: &Filed<'_>| one.place.as_deref() == Some(line);
    let pooled: Vec<&[Filed<'_>]> = course
        .topics
        .values()
        .map(Vec::as_slice)
        .filter(|filed| filed.iter().any(is_here))
        .collect();
    let mut pool: Vec<Filed<'_>> = pooled.concat();
    for one in pool.iter_mut().filter(|one| !is_here(one)) {
        one.place = one.place.take().map(|_| ELSEWHERE.to_owned());
    }
    pool.sort();
    let here = pool.iter().filter(|one| is_here(one)).count() as u64;
    if here < LINE_CONVERSATIONS_MIN {
        return None;
    }
    let (cut, looked_at) = cut_between(&pool, line, ELSEWHERE);
    let Some(cut) = cut.filter(|cut| cut.from == line) else {
        return Some(Tested::nothing(1.0));
    };
    let p = (cut.p * looked_at as f64).min(1.0);
    let left = left(course, line, cut.at);
    if !is_emptied(&cut) || !is_elsewhere(&left) {
        return Some(Tested::nothing(p));
    }
    let finding = finding(course, line, cut.at, left, calendar);
    Some(Tested {
        p,
        claim: Some((Vec::new(), finding)),
    })
}

fn is_emptied(cut: &Cut) -> bool {
    let before = wilson(cut.before.0, cut.before.0 + cut.before.1);
    let after = wilson(cut.after.0, cut.after.0 + cut.after.1);
    cut.before.0 >= LINE_CONVERSATIONS_MIN && after.high < before.low * LEFT_MAX
}

fn is_elsewhere(left: &Left<'_>) -> bool {
    let topics: usize = left.by_place.values().map(Vec::len).sum();
    topics >= TOPICS_MIN && wilson(left.moved(), left.held).low > SHARE_SURE
}

/// Where the line's topics are filed since, those that go on.
fn left<'a>(course: &Course<'a>, line: &str, at: DateTime<Utc>) -> Left<'a> {
    let is_here = |one: &&Filed<'_>| one.place.as_deref() == Some(line);
    let split = |filed: &'_ [Filed<'a>]| filed.partition_point(|one| one.at < at);
    let (before, since) = course.unassigned.split_at(split(&course.unassigned));
    let mut left = Left {
        held: before.iter().filter(is_here).count() as u64,
        left: since.iter().filter(is_here).count() as u64,
        by_place: BTreeMap::new(),
        keys: Vec::new(),
        rates: (0.0, 0.0),
    };
    for (topic, filed) in &course.topics {
        let (before, since) = filed.split_at(split(filed));
        let held: Vec<&Filed<'_>> = before.iter().filter(is_here).collect();
        left.held += held.len() as u64;
        left.left += since.iter().filter(is_here).count() as u64;
        let rates = course.rates(filed, at);
        if held.is_empty() || rates.1 < rates.0 * GOES_ON_FACTOR {
            continue;
        }
        if let Some(place) = main_place(since).filter(|place| *place != line) {
            let of_place = left.by_place.entry(place.to_owned()).or_default();
            of_place.push((held.len() as u64, topic));
            left.keys.extend(held.iter().map(|one| one.key.clone()));
            left.rates = (left.rates.0 + rates.0, left.rates.1 + rates.1);
        }
    }
    left.keys.sort();
    left
}

/// The category with most of these.
fn main_place<'a>(filed: &'a [Filed<'_>]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for place in filed.iter().filter_map(|one| one.place.as_deref()) {
        *counts.entry(place).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|(place, count)| (*count, Reverse(*place)));
    most.map(|(place, _)| place)
}

fn finding(
    course: &Course<'_>,
    line: &str,
    at: DateTime<Utc>,
    left: Left<'_>,
    calendar: &Calendar,
) -> Finding {
    let (name, day) = (&course.names[line], calendar.day_of(at));
    let (moved, held) = (left.moved(), left.held);
    let sum = |topics: &[(u64, &TopicId)]| topics.iter().map(|(count, _)| count).sum::<u64>();
    let mut places: Vec<_> = left
        .by_place
        .iter()
        .map(|(place, topics)| (sum(topics), place))
        .collect();
    places.sort_by_key(|(count, place)| (Reverse(*count), *place));
    let sentence = format!(
        "the line \u{201c}{name}\u{201d} held {held} conversations until {day} and {} since; {moved} of them are of topics \
         that go on, with {} a month before and {} since, and that are now filed elsewhere: {}",
        left.left,
        a_month(left.rates.0),
        a_month(left.rates.1),
        named(course, &left, &places),
    );
    Finding {
        kind: FindingKind::Moved,
        sentence,
        numbers: FindingNumbers {
            category: Some(name.clone()),
            to_category: places
                .first()
                .map(|(_, place)| course.names[*place].clone()),
            since: Some(day),
            keys: left.keys,
            ..share(moved, held)
        },
    }
}

/// "332 under “Pets” (23 “dog · fence”, 20 “dog · gate”, 289 of 40 others), 9 under 2 others".
fn named(course: &Course<'_>, left: &Left<'_>, places: &[(u64, &String)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (count, place) in places.iter().take(NAMED_MAX) {
        let mut topics = left.by_place[*place].clone();
        topics.sort_by_key(|(count, topic)| (Reverse(*count), *topic));
        let shown = topics.iter().take(NAMED_MAX);
        let mut of: Vec<String> = shown
            .map(|(count, topic)| format!("{count} \u{201c}{}\u{201d}", course.label(topic)))
            .collect();
        let rest = topics.iter().skip(NAMED_MAX);
        match rest.len() {
            0 => {}
            others => of.push(format!(
                "{} of {others} others",
                rest.map(|(count, _)| count).sum::<u64>()
            )),
        }
        let of = of.join(", ");
        parts.push(format!(
            "{count} under \u{201c}{}\u{201d} ({of})",
            course.names[*place]
        ));
    }
    let rest = places.iter().skip(NAMED_MAX);
    match rest.len() {
        0 => {}
        others => parts.push(format!(
            "{} under {others} others",
            rest.map(|(count, _)| count).sum::<u64>()
        )),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::moved;
    use super::*;
    use crate::model::{Fact, Window};
    use crate::reconcile::testing::{about, fact, week};
    use chrono::TimeDelta;

    const DAYS: i64 = 120;

    /// One conversation of the topic every `every` days, under the category that the day gives.
    fn course(
        topic: &str,
        every: usize,
        category: impl Fn(i64) -> Option<&'static str>,
    ) -> Vec<Fact> {
        let one = |day: i64| {
            let number = usize::from(topic.as_bytes()[0]) * 1_000 + day as usize;
            let mut fact = fact(number, category(day), about(topic));
            fact.created_at = week().start + TimeDelta::days(day);
            fact
        };
        (0..DAYS).step_by(every).map(one).collect()
    }

    /// A changed rule: what was filed under "Old" is filed under this since the middle.
    fn since_the_middle(to: &'static str) -> impl Fn(i64) -> Option<&'static str> {
        move |day| Some(if day < DAYS / 2 { "Old" } else { to })
    }

    fn lines(facts: &[Fact]) -> Vec<Finding> {
        let span = Window {
            end: week().start + TimeDelta::days(DAYS),
            ..week()
        };
        let facts: Vec<&Fact> = facts.iter().collect();
        let mut found = moved(&facts, &span, &Calendar::default(), &BTreeMap::new());
        found.retain(|finding| finding.numbers.topic_id.is_none());
        found
    }

    #[test]
    fn a_line_whose_topics_are_filed_elsewhere_since_a_date_was_emptied() {
        let mut facts = course("cats", 2, since_the_middle("Pets"));
        facts.extend(course("dogs", 3, since_the_middle("Pets")));
        facts.extend(course("foxes", 4, since_the_middle("Wild")));
        facts.extend(course("trees", 1, |_| Some("Trees")));
        let found = lines(&facts);
        let sentences: Vec<&str> = found.iter().map(|one| one.sentence.as_str()).collect();
        assert_eq!(
            sentences,
            [
                "the line “Old” held 65 conversations until 2026-05-22 and 0 since; 65 of them are of topics that go on, with 33.0 \
              a month before and 33.0 since, and that are now filed elsewhere: 50 under “Pets” (30 “cats”, 20 “dogs”), 15 \
              under “Wild” (15 “foxes”)"
            ]
        );
        let numbers = &found[0].numbers;
        assert_eq!((numbers.conversations, numbers.of), (65, 65));
        assert_eq!(numbers.keys.len(), 65);
        assert_eq!(numbers.to_category.as_deref(), Some("Pets"));
        assert_eq!(numbers.since, Some("2026-05-22".parse().unwrap()));
    }

    #[test]
    fn a_line_whose_topic_ended_was_not_emptied() {
        // The bug is mended, and with it its line; slips under it of topics that go on prove nothing.
        let mut facts = course("bug", 1, |_| Some("Old"));
        facts.retain(|fact| fact.created_at < week().start + TimeDelta::days(DAYS / 2));
        facts.extend(course("bills", 1, |day| {
            Some(if day < 60 && day % 10 == 0 {
                "Old"
            } else {
                "Bills"
            })
        }));
        facts.extend(course("parts", 1, |day| {
            Some(if day < 60 && day % 12 == 0 {
                "Old"
            } else {
                "Parts"
            })
        }));
        assert!(lines(&facts).is_empty());
    }

    #[test]
    fn a_line_that_goes_on_or_that_one_topic_left_was_not_emptied() {
        let steady = course("cats", 2, |day| {
            Some(if day % 4 == 0 { "Old" } else { "Pets" })
        });
        assert!(lines(&steady).is_empty());
        assert!(lines(&course("cats", 2, since_the_middle("Pets"))).is_empty());
    }

    #[test]
    fn a_new_line_was_not_emptied() {
        let mut facts = course("cats", 2, |day| (day >= 60).then_some("New"));
        facts.extend(course("dogs", 2, |day| (day >= 60).then_some("New")));
        assert!(lines(&facts).is_empty());
    }
}
