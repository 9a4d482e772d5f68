//! Windows: days, weeks and months in a time zone, half-open. They tile time: every instant is in
//! exactly one window of each cadence, also across clock changes, where a day has 23 or 25 hours.

use std::fmt;

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// How often: by day, by week, by month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cadence {
    /// Midnight to midnight.
    Daily,
    /// ISO weeks, or from Sunday.
    Weekly,
    /// Calendar months.
    Monthly,
}

impl Cadence {
    /// All cadences, shortest first.
    pub const ALL: [Cadence; 3] = [Cadence::Daily, Cadence::Weekly, Cadence::Monthly];

    /// The name in files, tables and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Cadence::Daily => "daily",
            Cadence::Weekly => "weekly",
            Cadence::Monthly => "monthly",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|cadence| cadence.as_str() == text)
    }

    /// The window's noun in a sentence: "day", "week", "month".
    pub fn noun(self) -> &'static str {
        match self {
            Cadence::Daily => "day",
            Cadence::Weekly => "week",
            Cadence::Monthly => "month",
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The day on which weeks start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeekStart {
    /// ISO weeks.
    #[default]
    Monday,
    /// Weeks as many American reports count them.
    Sunday,
}

/// One interval of a cadence: from `start`, up to but without `end`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// By day, week or month.
    pub cadence: Cadence,
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// Its name: `2026-11-21`, `2026-W47` (`2026-W47s` when weeks start on Sunday) or `2026-11`.
    pub key: String,
}

impl Window {
    /// Whether an instant lies in it.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }
}

/// The time zone and the day on which weeks start: what turns instants into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The configured zone.
    #[serde(with = "zone_name")]
    pub zone: Tz,
    /// Monday, or Sunday.
    pub week_start: WeekStart,
}

/// A zone as its IANA name.
mod zone_name {
    use super::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zone: &Tz, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(from)?;
        name.parse()
            .map_err(|_| D::Error::custom("no time zone has this name"))
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            zone: Tz::UTC,
            week_start: WeekStart::Monday,
        }
    }
}

impl Calendar {
    /// The window of a cadence in which an instant lies.
    pub fn window(&self, cadence: Cadence, at: DateTime<Utc>) -> Window {
        self.window_from(cadence, self.first_day(cadence, self.day_of(at)))
    }

    /// The window after this one.
    pub fn next(&self, window: &Window) -> Window {
        self.window(window.cadence, window.end)
    }

    /// The window before this one.
    pub fn previous(&self, window: &Window) -> Window {
        self.window(window.cadence, window.start - TimeDelta::microseconds(1))
    }

    /// The last window of a cadence that is over at `now`.
    pub fn last_ended(&self, cadence: Cadence, now: DateTime<Utc>) -> Window {
        self.previous(&self.window(cadence, now))
    }

    /// The days of a window, in order.
    pub fn days(&self, window: &Window) -> Vec<Window> {
        let mut days = vec![self.window(Cadence::Daily, window.start)];
        while let Some(last) = days.last().filter(|day| day.end < window.end) {
            let next = self.next(last);
            days.push(next);
        }
        days
    }

    /// The calendar day of an instant in the zone.
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The window with this key, if the key is one of this calendar's.
    pub fn parse(&self, cadence: Cadence, key: &str) -> Option<Window> {
        let day = match cadence {
            Cadence::Daily => NaiveDate::parse_from_str(key, "%Y-%m-%d").ok()?,
            Cadence::Monthly => NaiveDate::parse_from_str(&format!("{key}-01"), "%Y-%m-%d").ok()?,
            Cadence::Weekly => {
                let (year, week) = key.trim_end_matches('s').split_once("-W")?;
                let monday = NaiveDate::from_isoywd_opt(
                    year.parse().ok()?,
                    week.parse().ok()?,
                    Weekday::Mon,
                )?;
                self.first_day(cadence, monday)
            }
        };
        let window = self.window_from(cadence, day);
        (window.key == key).then_some(window)
    }

    fn first_day(&self, cadence: Cadence, day: NaiveDate) -> NaiveDate {
        let back = match (cadence, self.week_start) {
            (Cadence::Daily, _) => 0,
            (Cadence::Weekly, WeekStart::Monday) => day.weekday().num_days_from_monday(),
            (Cadence::Weekly, WeekStart::Sunday) => day.weekday().num_days_from_sunday(),
            (Cadence::Monthly, _) => day.day0(),
        };
        day.checked_sub_days(Days::new(u64::from(back)))
            .unwrap_or(NaiveDate::MIN)
    }

    fn window_from(&self, cadence: Cadence, first: NaiveDate) -> Window {
        let after = match cadence {
            Cadence::Daily => first.checked_add_days(Days::new(1)),
            Cadence::Weekly => first.checked_add_days(Days::new(7)),
            Cadence::Monthly => first.checked_add_months(Months::new(1)),
        };
        Window {
            cadence,
            start: self.midnight(first),
            end: self.midnight(after.unwrap_or(NaiveDate::MAX)),
            key: self.key(cadence, first),
        }
    }

    fn key(&self, cadence: Cadence, first: NaiveDate) -> String {
        match (cadence, self.week_start) {
            (Cadence::Daily, _) => first.format("%Y-%m-%d").to_string(),
            (Cadence::Monthly, _) => first.format("%Y-%m").to_string(),
            (Cadence::Weekly, WeekStart::Monday) => first.format("%G-W%V").to_string(),
            (Cadence::Weekly, WeekStart::Sunday) => {
                let monday = first.checked_add_days(Days::new(1)).unwrap_or(first);
                monday.format("%G-W%Vs").to_string()
            }
        }
    }

    /// The first instant of a day; where midnight is skipped, the first instant after the gap.
    fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        // A skipped stretch of wall time is at most a day long and starts on a quarter of an hour.
        (0..=96)
            .filter_map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(15 * quarter)))
            .find_map(|wall| self.zone.from_local_datetime(&wall).earliest())
            .map_or_else(|| midnight.and_utc(), |local| local.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn calendar(zone: Tz) -> Calendar {
        Calendar {
            zone,
            week_start: WeekStart::Monday,
        }
    }

    #[test]
    fn a_day_has_23_or_25_hours_when_clocks_change() {
        let berlin = calendar(Tz::Europe__Berlin);
        let hours = |text| {
            let day = berlin.window(Cadence::Daily, at(text));
            (day.end - day.start).num_hours()
        };
        assert_eq!(hours("2026-03-29T12:00:00Z"), 23);
        assert_eq!(hours("2026-10-25T12:00:00Z"), 25);
        assert_eq!(hours("2026-10-26T12:00:00Z"), 24);
    }

    #[test]
    fn a_skipped_midnight_starts_the_day_after_the_gap() {
        let santiago = calendar(Tz::America__Santiago);
        let day = santiago.window(Cadence::Daily, at("2026-09-06T12:00:00Z"));
        assert_eq!(day.start, at("2026-09-06T04:00:00Z"));
        assert_eq!(day.key, "2026-09-06");
    }

    #[test]
    fn weeks_are_iso_weeks_also_at_the_end_of_a_year() {
        let utc = Calendar::default();
        assert_eq!(
            utc.window(Cadence::Weekly, at("2027-01-01T00:00:00Z")).key,
            "2026-W53"
        );
        assert_eq!(
            utc.window(Cadence::Weekly, at("2026-11-21T00:00:00Z")).key,
            "2026-W47"
        );
    }

    #[test]
    fn weeks_may_start_on_sunday() {
        let sunday = Calendar {
            zone: Tz::UTC,
            week_start: WeekStart::Sunday,
        };
        let week = sunday.window(Cadence::Weekly, at("2026-11-22T10:00:00Z"));
        assert_eq!(
            (week.key.as_str(), week.start),
            ("2026-W48s", at("2026-11-22T00:00:00Z"))
        );
        assert_eq!(sunday.parse(Cadence::Weekly, "2026-W48s"), Some(week));
    }

    #[test]
    fn a_key_of_another_calendar_is_refused() {
        assert_eq!(
            Calendar::default().parse(Cadence::Weekly, "2026-W48s"),
            None
        );
        assert_eq!(Calendar::default().parse(Cadence::Monthly, "2026-13"), None);
        assert_eq!(Calendar::default().parse(Cadence::Weekly, "2026-W54"), None);
    }

    proptest! {
        #[test]
        fn windows_tile_time(
            seconds in 0_i64..4_000_000_000,
            zone in prop::sample::select(vec![
                Tz::UTC, Tz::Europe__Berlin, Tz::America__Santiago, Tz::Asia__Beirut,
                Tz::Australia__Lord_Howe, Tz::Pacific__Apia, Tz::America__New_York,
            ]),
            sunday in any::<bool>(),
        ) {
            let week_start = if sunday { WeekStart::Sunday } else { WeekStart::Monday };
            let calendar = Calendar { zone, week_start };
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            for cadence in Cadence::ALL {
                let window = calendar.window(cadence, at);
                prop_assert!(window.contains(at));
                prop_assert_eq!(calendar.next(&window).start, window.end);
                prop_assert_eq!(calendar.previous(&window).end, window.start);
                prop_assert_eq!(calendar.parse(cadence, &window.key), Some(window.clone()));
                let days = calendar.days(&window);
                prop_assert_eq!(days[0].start, window.start);
                prop_assert_eq!(days[days.len() - 1].end, window.end);
                prop_assert!(days.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
        }
    }
}
