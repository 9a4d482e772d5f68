//! When things are due. Crontab lines in a time zone, safe at clock changes, and the pure function
//! that derives the next work from what the database says was done.
//!
//! The `cron` crate reads the expressions; it never sees a zoned time, because it goes wrong around
//! clock changes. It is fed wall-clock times, and `Schedule` resolves them itself.

mod backfill;
mod due;

use std::time::Duration;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::model::{Cadence, DestinationId};
use crate::section::Section;

pub use backfill::{Standing, standing};
pub use due::{Plan, Progress, SHOWN_LATE_MAX, Work, due, next_at, pull_at};

/// The longest shift of a clock change that is handled, in seconds.
const SHIFT_MAX_S: i64 = 3 * 3600;

/// A crontab line, read as wall-clock time in a zone.
///
/// A line with fixed hours runs once a day: a skipped time at the first instant after the gap, a
/// doubled one in its first pass. A line with `*` hours runs in real time: a skipped time is left
/// out, a doubled one runs in both passes.
#[derive(Clone, Debug)]
pub struct Schedule {
    line: String,
    zone: Tz,
    expression: cron::Schedule,
}

impl Schedule {
    /// Reads five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday).
    pub fn parse(line: &str, zone: Tz) -> Result<Self, String> {
        let expression = expression(line)?;
        Ok(Self {
            line: line.trim().to_owned(),
            zone,
            expression,
        })
    }

    /// The line as it was given.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The first instant strictly after `after` at which the schedule is due.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_hourly = cron::TimeUnitSpec::is_all(self.expression.hours());
        let wall = after.with_timezone(&self.zone).naive_local();
        // A doubled or skipped wall time lies at most one shift before; nothing repeats in wall time.
        let is_near = near_change(self.zone, after);
        let start = if is_near {
            wall - TimeDelta::seconds(SHIFT_MAX_S)
        } else {
            wall
        };
        let mut best: Option<DateTime<Utc>> = None;
        for occurrence in self.expression.after(&start.and_utc()) {
            let occurrence = occurrence.naive_utc();
            for instant in resolve(self.zone, occurrence, is_hourly)
                .into_iter()
                .flatten()
            {
                if instant > after && best.is_none_or(|found| instant < found) {
                    best = Some(instant);
                }
            }
            let Some(found) = best else { continue };
            let horizon = found.with_timezone(&self.zone).naive_local();
            if !near_change(self.zone, found)
                || occurrence > horizon + TimeDelta::seconds(SHIFT_MAX_S)
            {
                return best;
            }
        }
        best
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.zone == other.zone
    }
}

fn near_change(zone: Tz, at: DateTime<Utc>) -> bool {
    let offset = |seconds: i64| {
        let moved = at + TimeDelta::seconds(seconds);
        zone.offset_from_utc_datetime(&moved.naive_utc()).fix()
    };
    offset(-SHIFT_MAX_S) != offset(0) || offset(0) != offset(SHIFT_MAX_S)
}

fn resolve(zone: Tz, wall: NaiveDateTime, is_hourly: bool) -> [Option<DateTime<Utc>>; 2] {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(instant) => [Some(instant.to_utc()), None],
        MappedLocalTime::Ambiguous(first, second) => {
            [Some(first.to_utc()), is_hourly.then(|| second.to_utc())]
        }
        MappedLocalTime::None if is_hourly => [None, None],
        MappedLocalTime::None => [gap_end(zone, wall), None],
    }
}

/// The first instant after the gap that swallowed a wall time.
fn gap_end(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    let at = |seconds: i64| {
        zone.from_local_datetime(&(wall + TimeDelta::seconds(seconds)))
            .earliest()
    };
    // A zone once skipped a whole day.
    let (mut inside, mut outside) = (0, 26 * 3600);
    at(outside)?;
    while outside - inside > 1 {
        let middle = (inside + outside) / 2;
        if at(middle).is_some() {
            outside = middle
        } else {
            inside = middle
        }
    }
    at(outside).map(|instant| instant.to_utc())
}

/// A crontab line as the `cron` crate wants it: seconds first, days of the week by name.
fn expression(line: &str) -> Result<cron::Schedule, String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[minute, hour, day, month, weekday] = fields.as_slice() else {
        return Err(format!("expected 5 fields, found {}", fields.len()));
    };
    if day != "*" && weekday != "*" {
        return Err("day of month and day of week cannot both be restricted".to_owned());
    }
    let weekdays = weekdays(weekday)?;
    format!("0 {minute} {hour} {day} {month} {weekdays}")
        .parse()
        .map_err(|error: cron::error::Error| reason(&error.to_string()))
}

/// The last line of what the crate says: above it stands our expression, which nobody wrote.
fn reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default().trim();
    last.trim_end_matches('.').to_lowercase()
}

/// `1-5` or `SAT,7` as a list of names: the crate counts Sunday as 1, crontab as 0 or 7.
fn weekdays(field: &str) -> Result<String, String> {
    const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    if field == "*" {
        return Ok("*".to_owned());
    }
    let day = |text: &str| {
        let by_name = NAMES
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        by_name
            .or_else(|| text.parse().ok().filter(|&number| number <= 7))
            .ok_or_else(|| format!("bad day of week \"{text}\""))
    };
    let mut is_on = [false; 7];
    for item in field.split(',') {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let step: usize = step
            .parse()
            .ok()
            .filter(|&step| step > 0)
            .ok_or("bad step")?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(range)?, day(range)?),
        };
        let last = if last < first { last + 7 } else { last };
        (first..=last)
            .step_by(step)
            .for_each(|number| is_on[number % 7] = true);
    }
    let names: Vec<_> = NAMES
        .iter()
        .zip(is_on)
        .filter(|(_, on)| *on)
        .map(|(n, _)| *n)
        .collect();
    Ok(names.join(","))
}

/// Which digest is made, when, and for whom.
#[derive(Clone, Debug, PartialEq)]
pub struct DigestPlan {
    /// By day, week or month.
    pub cadence: Cadence,
    /// When a digest about the window that ended last may go out.
    pub schedule: Schedule,
    /// How long after its end a window stays open for late tickets.
    pub grace: Duration,
    /// How long a window waits for a source that fails, before it closes with a note that says so.
    pub patience: Duration,
    /// Who gets it.
    pub destinations: Vec<DestinationId>,
}

impl DigestPlan {
    /// Reads one `[[digests]]` table.
    pub fn read(mut section: Section<'_>, zone: Tz) -> Self {
        let names = ["daily", "weekly", "monthly"];
        let cadence = section.choice("cadence", Cadence::Weekly, &names, Cadence::parse);
        let zone = section.choice("time_zone", zone, &["an IANA name"], |name| {
            name.parse().ok()
        });
        let schedule = section.schedule("schedule", default_line(cadence), zone);
        let grace = section.number("grace_minutes", 60, 0..=10_080);
        let patience = section.number("patience_hours", 72, 0..=8_760);
        let destinations = section.list("destinations");
        section.finish();
        Self {
            cadence,
            schedule,
            grace: Duration::from_secs(grace.unsigned_abs() * 60),
            patience: Duration::from_secs(patience.unsigned_abs() * 3600),
            destinations: destinations.into_iter().map(DestinationId).collect(),
        }
    }

    /// All three cadences on weekday mornings, kept on the pages and sent nowhere.
    pub fn defaults(zone: Tz) -> Vec<Self> {
        let plan = |cadence| Self {
            cadence,
            schedule: Schedule::parse(default_line(cadence), zone).expect("a valid constant"),
            grace: Duration::from_secs(3600),
            patience: Duration::from_secs(72 * 3600),
            destinations: Vec::new(),
        };
        Cadence::ALL.into_iter().map(plan).collect()
    }
}

/// When new topics are looked for, and how far back: the `[discovery]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryPlan {
    /// How often the unassigned are searched for new topics.
    pub every: TimeDelta,
    /// How often everything is looked at again, known topics and all.
    pub review: TimeDelta,
    /// Conversations opened longer ago do not vote any more, and are not searched for new topics.
    pub horizon: TimeDelta,
    /// Conversations opened longer ago are left as they are by reviews, too.
    pub review_horizon: TimeDelta,
}

impl DiscoveryPlan {
    /// Reads the `[discovery]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let every = section.number("every_hours", 24, 1..=8_760);
        let review = section.number("review_days", 7, 1..=3_650);
        let horizon = section.number("horizon_days", 180, 7..=36_500);
        let review_horizon = section.number("review_horizon_days", 730, 7..=36_500);
        section.finish();
        Self {
            every: TimeDelta::hours(every),
            review: TimeDelta::days(review),
            horizon: TimeDelta::days(horizon),
            review_horizon: TimeDelta::days(review_horizon.max(horizon)),
        }
    }
}

fn default_line(cadence: Cadence) -> &'static str {
    match cadence {
        Cadence::Daily => "30 6 * * *",
        Cadence::Weekly => "0 7 * * 1",
        Cadence::Monthly => "0 7 1 * *",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn runs(line: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(line, Tz::Europe__Berlin).unwrap();
        let mut found = Vec::new();
        let mut now = at(after);
        for _ in 0..count {
            now = schedule.next_after(now).unwrap();
            let local = now.with_timezone(&Tz::Europe__Berlin);
            found.push(local.format("%m-%d %H:%M %Z").to_string());
        }
        found
    }

    #[test]
    fn a_skipped_time_runs_once_after_the_gap() {
        assert_eq!(
            runs("30 2 * * *", "2026-03-28T00:00:00Z", 3),
            ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]
        );
    }

    #[test]
    fn a_doubled_time_runs_once_in_its_first_pass() {
        assert_eq!(
            runs("30 2 * * *", "2026-10-24T00:00:00Z", 3),
            ["10-24 02:30 CEST", "10-25 02:30 CEST", "10-26 02:30 CET"]
        );
    }

    #[test]
    fn every_half_hour_runs_in_real_time_through_both_changes() {
        assert_eq!(
            runs("*/30 * * * *", "2026-03-29T00:15:00Z", 3),
            ["03-29 01:30 CET", "03-29 03:00 CEST", "03-29 03:30 CEST"]
        );
        assert_eq!(
            runs("*/30 * * * *", "2026-10-24T23:45:00Z", 5),
            [
                "10-25 02:00 CEST",
                "10-25 02:30 CEST",
                "10-25 02:00 CET",
                "10-25 02:30 CET",
                "10-25 03:00 CET"
            ]
        );
    }

    #[test]
    fn weekdays_count_from_sunday_as_in_crontab() {
        assert_eq!(
            runs("0 7 * * 1", "2026-11-21T00:00:00Z", 1),
            ["11-23 07:00 CET"]
        );
        assert_eq!(
            runs("0 7 * * 7", "2026-11-21T00:00:00Z", 1),
            ["11-22 07:00 CET"]
        );
        assert_eq!(weekdays("FRI-MON").unwrap(), "SUN,MON,FRI,SAT");
    }

    #[test]
    fn wrong_lines_say_what_is_wrong() {
        let error = |line| Schedule::parse(line, Tz::UTC).unwrap_err();
        assert_eq!(error("0 7 * *"), "expected 5 fields, found 4");
        assert_eq!(error("0 7 * * 9"), "bad day of week \"9\"");
        assert!(error("0 7 1 * 1").starts_with("day of month and day of week"));
        assert!(Schedule::parse("61 7 * * *", Tz::UTC).is_err());
    }

    proptest! {
        #[test]
        fn next_is_later_and_agrees_with_an_independent_crate(
            seconds in 1_700_000_000_i64..1_900_000_000,
            line in prop::sample::select(vec!["*/10 * * * *", "30 2 * * *", "0 7 * * 1", "15 3 1 * *", "5 * * * *"]),
            zone in prop::sample::select(vec![Tz::Europe__Berlin, Tz::America__New_York, Tz::UTC, Tz::Australia__Lord_Howe]),
        ) {
            let after = DateTime::from_timestamp(seconds, 0).unwrap();
            let ours = Schedule::parse(line, zone).unwrap().next_after(after).unwrap();
            prop_assert!(ours > after);
            let oracle: croner::Cron = line.parse().unwrap();
            let theirs = oracle.find_next_occurrence(&after.with_timezone(&zone), false).unwrap();
            prop_assert_eq!(ours, theirs.to_utc());
        }
    }
}
