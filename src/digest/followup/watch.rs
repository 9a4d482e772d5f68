//! Watches the topic of a suggestion that was done: as many whole weeks before as there are, up to eight, beside the whole
//! weeks after.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::model::{Calendar, Decision, Fact, Said, State, SuggestionId, SuggestionState, Watched};

use super::rate::{Rate, Ratio};
use super::standing;

/// Weeks that are compared on either side, and weeks for which a topic is watched.
pub const WATCH_WEEKS: i64 = 8;
/// One week more is loaded: a conversation in it proves that the weeks before were recorded.
const LOADED_WEEKS: i64 = WATCH_WEEKS + 1;

/// From when on conversations are needed to watch what was done, in a window that ends then; nothing where nothing is
/// watched.
pub fn watched_from(decisions: &[Decision], end: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let standing = standing(decisions);
    let done = standing
        .values()
        .filter(|decision| decision.state == SuggestionState::Done)
        .map(|decision| decision.at)
        // A month's digest still tells of what was over in the middle of it.
        .filter(|at| *at + TimeDelta::weeks(WATCH_WEEKS + LOADED_WEEKS) > end && *at < end);
    done.min().map(|at| at - TimeDelta::weeks(LOADED_WEEKS))
}

/// Before and after a suggestion was done, up to `end`; nothing until there is a whole week on both sides.
pub fn watch(
    said: &Said,
    done_at: DateTime<Utc>,
    facts: &[Fact],
    calendar: &Calendar,
    end: DateTime<Utc>,
) -> Option<Watched> {
    let done_on = calendar.day_of(done_at);
    let first = facts
        .iter()
        .map(|fact| calendar.day_of(fact.created_at))
        .min()?;
    let weeks_before = whole_weeks(first, done_on);
    let weeks_after = weeks_after(done_on, calendar, end);
    if weeks_before < 1 || weeks_after < 1 {
        return None;
    }
    let from = done_on - TimeDelta::weeks(weeks_before);
    let after = done_on + TimeDelta::days(1);
    let to = after + TimeDelta::weeks(weeks_after);
    let of_topic =
        |fact: &&Fact| matches!(&fact.state, State::Assigned(topic) if *topic == said.topic);
    let days: Vec<NaiveDate> = facts
        .iter()
        .filter(of_topic)
        .map(|fact| calendar.day_of(fact.created_at))
        .collect();
    let count = |from: NaiveDate, to: NaiveDate| {
        days.iter().filter(|day| (from..to).contains(day)).count() as u64
    };
    let before = Rate {
        count: count(from, done_on),
        time: 7 * weeks_before.unsigned_abs(),
    };
    let after = Rate {
        count: count(after, to),
        time: 7 * weeks_after.unsigned_abs(),
    };
    Some(watched(said, done_on, before, after))
}

fn watched(said: &Said, done_on: NaiveDate, before: Rate, after: Rate) -> Watched {
    let ratio = Ratio::of(after, before);
    Watched {
        suggestion: SuggestionId::clone(&said.suggestion),
        topic: said.topic.clone(),
        label: said.label.clone(),
        done_on,
        before: before.count,
        days_before: before.time,
        after: after.count,
        days_after: after.time,
        ratio: ratio.ratio,
        low: ratio.low,
        high: ratio.high,
    }
}

/// Whole weeks after the day of doing, up to an instant; no more than are watched.
pub fn weeks_after(done_on: NaiveDate, calendar: &Calendar, end: DateTime<Utc>) -> i64 {
    whole_weeks(done_on + TimeDelta::days(1), calendar.day_of(end))
}

fn whole_weeks(from: NaiveDate, to: NaiveDate) -> i64 {
    ((to - from).num_days() / 7).clamp(0, WATCH_WEEKS)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{decided, said};
    use super::*;
    use crate::reconcile::testing::{about, fact, week};

    /// One conversation of `t1` at noon of each of these days before the week's end.
    fn facts(days_ago: impl IntoIterator<Item = i64>) -> Vec<Fact> {
        let day = |(number, days): (usize, i64)| {
            let mut fact = fact(number, None, about("t1"));
            fact.created_at = week().end - TimeDelta::days(days) + TimeDelta::hours(12);
            fact
        };
        days_ago.into_iter().enumerate().map(day).collect()
    }

    fn found(done_days_ago: i64, facts: &[Fact]) -> Option<Watched> {
        let one = said("rising", 9, 8);
        let done = decided(&one, SuggestionState::Done, done_days_ago);
        watch(&one, done.at, facts, &Calendar::default(), week().end)
    }

    #[test]
    fn whole_weeks_are_counted_on_both_sides_and_the_day_itself_on_neither() {
        // One a day for the twenty days before, two on the day, then none but one on the last day but one.
        let days = (16..36).chain([15, 15, 2]);
        let watched = found(15, &facts(days)).unwrap();
        assert_eq!((watched.before, watched.days_before), (14, 14));
        assert_eq!((watched.after, watched.days_after), (1, 14));
        assert!((watched.ratio.unwrap() - 1.0 / 14.0).abs() < 1e-12);
        assert!(watched.high.unwrap() < 1.0);
        assert_eq!(watched.done_on.to_string(), "2026-03-15");
    }

    #[test]
    fn no_more_than_eight_weeks_are_compared() {
        let days = (0..200).filter(|days| days % 2 == 0);
        let watched = found(100, &facts(days)).unwrap();
        assert_eq!((watched.days_before, watched.days_after), (56, 56));
        assert_eq!((watched.before, watched.after), (28, 28));
    }

    #[test]
    fn without_a_whole_week_on_both_sides_nothing_is_said() {
        assert_eq!(found(7, &facts(0..60)), None, "six days after");
        assert!(found(8, &facts(0..60)).is_some());
        assert_eq!(found(8, &facts(0..15)), None, "six days before");
        assert_eq!(found(8, &[]), None);
    }

    #[test]
    fn what_is_watched_needs_nine_weeks_before_it() {
        let one = said("rising", 9, 8);
        let from = |days_ago| {
            let done = decided(&one, SuggestionState::Done, days_ago);
            watched_from(&[done], week().end)
        };
        let done_at = decided(&one, SuggestionState::Done, 20).at;
        assert_eq!(from(20), Some(done_at - TimeDelta::weeks(9)));
        assert_eq!(from(150), None, "its watch is over");
        let accepted = decided(&one, SuggestionState::Accepted, 20);
        assert_eq!(watched_from(&[accepted], week().end), None);
    }
}
