//! How the reading of a source's history stands, in figures that a person can plan with. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::connectors::SourceConfig;
use crate::store::{Backfill, SourceProgress};

/// How the reading of history stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Whether all of it is read.
    pub is_finished: bool,
    /// Records stored of it.
    pub records: u64,
    /// History begins here, where that is known.
    pub from: Option<DateTime<Utc>>,
    /// And ends here.
    pub until: DateTime<Utc>,
    /// Everything that changed since then is read.
    pub reached: DateTime<Utc>,
    /// Days of it that are read.
    pub days_done: i64,
    /// Days of it that are not, where the beginning is known.
    pub days_to_do: Option<i64>,
    /// The read part of its time, from 0 to 1.
    pub share: Option<f64>,
    /// Records a minute, since it began.
    pub records_per_minute: Option<f64>,
    /// When it is ready, if it goes on like this.
    pub ready_at: Option<DateTime<Utc>>,
    /// Why it waits.
    pub error: Option<String>,
    /// Until when it waits.
    pub retry_at: Option<DateTime<Utc>>,
}

/// How the history of a source stands; none where it comes with the daily pull.
pub fn standing(
    source: &SourceConfig,
    known: &SourceProgress,
    now: DateTime<Utc>,
) -> Option<Standing> {
    let backfill = known.backfill.as_ref()?;
    Some(of(backfill, source.history_start(backfill.until), now))
}

fn of(backfill: &Backfill, start: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Standing {
    let is_finished = backfill.finished_at.is_some();
    let from = start.map(|start| start.min(backfill.until));
    let reached = backfill.reached.unwrap_or(backfill.until);
    let mut reached = reached.min(backfill.until);
    if let Some(from) = from {
        reached = if is_finished { from } else { reached.max(from) };
    }
    let done = backfill.until - reached;
    let to_do = from.map(|from| reached - from);
    let share = to_do.map(|to_do| part(done, done + to_do));
    let share = if is_finished { Some(1.0) } else { share };
    let worked = backfill
        .began_at
        .map(|began_at| backfill.finished_at.unwrap_or(now) - began_at);
    let worked = worked.filter(|worked| *worked >= TimeDelta::seconds(1));
    let minutes = worked.map(|worked| worked.num_milliseconds() as f64 / 60_000.0);
    let left = worked
        .zip(share.filter(|share| *share > 0.0 && *share < 1.0))
        .map(|(worked, share)| worked.num_seconds() as f64 * (1.0 - share) / share);
    let ready_at = left
        .and_then(|seconds| TimeDelta::try_seconds(seconds as i64))
        .and_then(|left| {
            backfill
                .retry_at
                .unwrap_or(now)
                .max(now)
                .checked_add_signed(left)
        });
    Standing {
        is_finished,
        records: backfill.records,
        from,
        until: backfill.until,
        reached,
        days_done: days(done),
        days_to_do: to_do.map(days),
        share,
        records_per_minute: minutes.map(|minutes| backfill.records as f64 / minutes),
        ready_at,
        error: backfill.error.clone(),
        retry_at: backfill.retry_at,
    }
}

/// A day that has begun is a day.
fn days(span: TimeDelta) -> i64 {
    (span.num_seconds() + 86_399).div_euclid(86_400)
}

fn part(done: TimeDelta, all: TimeDelta) -> f64 {
    match all.num_seconds() {
        0 => 1.0,
        seconds => done.num_seconds() as f64 / seconds as f64,
    }
}

impl Standing {
    /// One line for people.
    pub fn line(&self, zone: Tz) -> String {
        let time = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
        let rate = self
            .records_per_minute
            .map_or(String::new(), |rate| format!(", {rate:.0} a minute"));
        let records = self.records;
        if self.is_finished {
            // Where nobody said where it begins, it has no length.
            let days = self
                .from
                .map_or(String::new(), |_| format!("{} days of ", self.days_done));
            return format!("all {days}history read, {records} records{rate}");
        }
        let mut line = match (self.days_to_do, self.share) {
            (Some(to_do), Some(share)) => format!(
                "{} of {} days of history read ({:.0} %), {records} records{rate}",
                self.days_done,
                self.days_done + to_do,
                (share * 100.0).floor()
            ),
            _ => format!(
                "{} days of history read, {records} records{rate}",
                self.days_done
            ),
        };
        if let Some(at) = self.ready_at {
            line.push_str(&format!(", ready about {}", time(at)));
        }
        if let Some(error) = &self.error {
            let next = self.retry_at.map_or_else(|| "at once".to_owned(), time);
            line.push_str(&format!("; waiting: {error}, next try {next}"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn begun() -> Backfill {
        Backfill {
            until: at("2026-03-31T00:00:00Z"),
            cursor: None,
            began_at: Some(at("2026-03-31T00:00:00Z")),
            reached: Some(at("2026-03-01T00:00:00Z")),
            finished_at: None,
            records: 600,
            failures: 0,
            error: None,
            retry_at: None,
        }
    }

    #[test]
    fn a_running_one_says_when_it_is_ready() {
        let start = Some(at("2025-12-01T00:00:00Z"));
        let standing = of(&begun(), start, at("2026-03-31T00:10:00Z"));
        assert_eq!((standing.days_done, standing.days_to_do), (30, Some(90)));
        assert_eq!(standing.share, Some(0.25));
        assert_eq!(standing.records_per_minute, Some(60.0));
        assert_eq!(standing.ready_at, Some(at("2026-03-31T00:40:00Z")));
        assert_eq!(
            standing.line(Tz::UTC),
            "30 of 120 days of history read (25 %), 600 records, 60 a minute, ready about 2026-03-31 00:40"
        );
    }

    #[test]
    fn one_that_waits_says_why() {
        let waiting = Backfill {
            error: Some("rate limited".to_owned()),
            retry_at: Some(at("2026-03-31T01:00:00Z")),
            ..begun()
        };
        let start = Some(at("2025-12-01T00:00:00Z"));
        let standing = of(&waiting, start, at("2026-03-31T00:10:00Z"));
        assert_eq!(standing.ready_at, Some(at("2026-03-31T01:30:00Z")));
        let line = standing.line(Tz::UTC);
        assert!(
            line.ends_with("; waiting: rate limited, next try 2026-03-31 01:00"),
            "{line}"
        );
    }

    #[test]
    fn nothing_is_promised_before_anything_is_known() {
        let new = Backfill {
            began_at: None,
            reached: None,
            records: 0,
            ..begun()
        };
        let standing = of(&new, None, at("2026-03-31T00:00:00Z"));
        assert_eq!((standing.share, standing.ready_at), (None, None));
        assert_eq!(standing.line(Tz::UTC), "0 days of history read, 0 records");
        let start = Some(at("2026-03-01T00:00:00Z"));
        let standing = of(&new, start, at("2026-03-31T00:00:00Z"));
        assert_eq!((standing.share, standing.days_to_do), (Some(0.0), Some(30)));
        assert_eq!(standing.ready_at, None);
    }

    #[test]
    fn a_finished_one_is_whole() {
        let finished = Backfill {
            finished_at: Some(at("2026-03-31T00:20:00Z")),
            reached: Some(DateTime::UNIX_EPOCH),
            ..begun()
        };
        let start = Some(at("2026-03-01T00:00:00Z"));
        let standing = of(&finished, start, at("2027-03-31T00:20:00Z"));
        assert_eq!((standing.share, standing.days_to_do), (Some(1.0), Some(0)));
        assert_eq!(
            standing.line(Tz::UTC),
            "all 30 days of history read, 600 records, 30 a minute"
        );
    }
}
