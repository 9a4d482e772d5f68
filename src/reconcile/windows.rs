//! The windows of a report that can be judged, and where the windows of all definitions begin and end around them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::model::{Cadence, Calendar, ReportRow, WeekStart, Window};

use super::definition::{Definition, REACH};
use super::finder::Search;
use super::lines::Lines;

/// The newest windows of a report that are judged; a definition that holds in so many is one.
const WINDOWS_MAX: usize = 60;

/// One window of the report.
pub(super) struct Judged {
    pub window: Window,
    pub lines: Lines,
    /// Where some definition's window begins or ends, in order.
    edges: Vec<DateTime<Utc>>,
}

impl Judged {
    /// Where an instant lies; 0 is before all edges.
    pub fn slot(&self, at: DateTime<Utc>) -> usize {
        self.edges.partition_point(|edge| *edge <= at)
    }

    /// From the first edge to the last.
    pub fn hull(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.edges[0], self.edges[self.edges.len() - 1])
    }

    /// The slots of a definition's period.
    pub fn slots(&self, definition: &Definition, calendar: &Calendar) -> (usize, usize) {
        let (start, end) = definition.period(&self.window, calendar);
        (self.slot(start), self.slot(end))
    }
}

/// The zones and shifts to try, ours first, without those that cut every window alike.
pub(super) fn shifts(search: &Search<'_>) -> Vec<(Tz, i8)> {
    let mut zones = vec![search.calendar.zone];
    let stated = search
        .report
        .zone
        .as_deref()
        .and_then(|zone| zone.parse().ok());
    match stated {
        // The report says it itself.
        Some(zone) => zones = vec![zone],
        None => zones.extend(&search.reading.zones),
    }
    let mut tried: Vec<Tz> = Vec::new();
    for zone in zones {
        if !tried.contains(&zone) {
            tried.push(zone);
        }
    }
    let shifts: &[i8] = match (search.report.cadence, search.calendar.week_start) {
        (Cadence::Weekly, WeekStart::Monday) => &[0, -1, 6],
        (Cadence::Weekly, WeekStart::Sunday) => &[0, 1, -6],
        _ => &[0],
    };
    tried
        .into_iter()
        .flat_map(|zone| shifts.iter().map(move |shift| (zone, *shift)))
        .collect()
}

/// The newest covered windows of the report, oldest first.
pub(super) fn windows(search: &Search<'_>, also: Option<&Definition>) -> Vec<Judged> {
    let mut rows: BTreeMap<&str, Vec<&ReportRow>> = BTreeMap::new();
    for row in &search.report.rows {
        rows.entry(&row.window).or_default().push(row);
    }
    let (from, to) = search.covered;
    let judged = |(key, rows): (&str, Vec<&ReportRow>)| {
        let window = search.calendar.parse(search.report.cadence, key)?;
        if window.start < from || window.end > to {
            return None;
        }
        let tried = shifts(search)
            .into_iter()
            .map(|(zone, week_shift)| Definition {
                zone,
                week_shift,
                ..Definition::ours(search.calendar)
            });
        let periods = tried
            .chain(also.cloned())
            .map(|one| one.period(&window, search.calendar));
        let mut edges: Vec<DateTime<Utc>> = periods.flat_map(|(start, end)| [start, end]).collect();
        edges.sort_unstable();
        edges.dedup();
        debug_assert!(
            edges[0] + REACH >= window.start,
            "no definition reaches farther"
        );
        let lines = Lines::of(rows.into_iter());
        Some(Judged {
            window,
            lines,
            edges,
        })
    };
    let mut windows: Vec<Judged> = rows.into_iter().filter_map(judged).collect();
    windows.sort_by_key(|one| one.window.start);
    let surplus = windows.len().saturating_sub(WINDOWS_MAX);
    windows.drain(..surplus);
    windows
}
