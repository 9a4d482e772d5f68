//! Every definition that is planted into a report is found by name. The reports are counted here a second time, in the
//! plainest way, from conversations that cross every edge.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::*;
use crate::model::{
    Cadence, Earlier, Exclusion, Kind, ReportBasis, ReportRow, State, WeekStart, Window,
};
use crate::reconcile::definition::AsOf;
use crate::reconcile::testing::{about, fact};

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

const CATEGORIES: [&str; 5] = ["Heating", "Billing", "Drains", "Other", "Hot water"];

fn start() -> DateTime<Utc> {
    "2026-01-05T00:00:00Z".parse().unwrap()
}

/// Three months of conversations at any hour, with everything that a definition may look at.
fn conversations(count: usize) -> Vec<Fact> {
    let mut dice = Dice(7);
    let days = TimeDelta::days(84).num_minutes() as u64;
    let one = |number| {
        let category = CATEGORIES[dice.below(5) as usize];
        let mut fact = fact(number, Some(category), about("t"));
        fact.created_at = start() + TimeDelta::minutes(dice.below(days) as i64);
        fact.closed_at = (dice.below(10) > 0)
            .then(|| fact.created_at + TimeDelta::minutes(dice.below(60 * 24 * 12) as i64));
        if dice.below(6) == 0 {
            fact.kind = Kind::CallNote;
        }
        fact.tags = CATEGORIES
            .iter()
            .filter(|_| dice.below(3) == 0)
            .map(|name| format!("tag {name}"))
            .collect();
        let earlier = Earlier {
            until: fact.created_at + TimeDelta::days(8),
            created_at: fact.created_at,
            closed_at: fact.closed_at,
            category: fact.category.clone(),
            exclusion: None,
        };
        match dice.below(40) {
            0 => fact.state = State::Excluded(Exclusion::Spam),
            1 | 2 => fact.state = State::Excluded(Exclusion::Merged),
            3 => fact.state = State::Excluded(Exclusion::Deleted),
            4 => fact.category = None,
            5 | 6 => {
                fact.earlier = vec![earlier];
                fact.category = Some("Moved here".to_owned());
            }
            7 => {
                fact.earlier = vec![earlier];
                fact.state = State::Excluded(Exclusion::Deleted);
            }
            _ => {}
        }
        fact
    };
    (0..count).map(one).collect()
}

/// What a report counts under a definition: one look at each conversation and each window, and nothing shared with the finder.
fn published(
    facts: &[Fact],
    definition: &Definition,
    windows: &[(Window, Window)],
) -> Vec<ReportRow> {
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (ours, theirs) in windows {
        for fact in facts {
            let at_end = definition.as_of == AsOf::WindowEnd;
            let earlier = fact
                .earlier
                .first()
                .filter(|one| at_end && ours.end < one.until);
            let category = earlier.map_or(&fact.category, |one| &one.category);
            let excluded = match (earlier, &fact.state) {
                (None, State::Excluded(reason)) => Some(*reason),
                _ => None,
            };
            let at = if definition.basis == ReportBasis::Closed {
                fact.closed_at
            } else {
                Some(fact.created_at)
            };
            let is_in = at.is_some_and(|at| theirs.start <= at && at < theirs.end)
                && (definition.with_calls || fact.kind == Kind::Ticket)
                && excluded.is_none_or(|reason| definition.with_excluded.contains(&reason));
            let lines: Vec<String> = if definition.by_tags {
                fact.tags.clone()
            } else {
                category.iter().cloned().collect()
            };
            for line in lines.into_iter().filter(|_| is_in) {
                *counts.entry((ours.key.clone(), line)).or_default() += 1;
            }
        }
    }
    let row = |((window, category), count)| ReportRow {
        window,
        category: Some(category),
        count,
    };
    counts.into_iter().map(row).collect()
}

/// Our windows from the second on, each with theirs.
fn windows(cadence: Cadence, zone: Tz, week_start: WeekStart) -> Vec<(Window, Window)> {
    let ours = Calendar::default();
    let theirs = Calendar { zone, week_start };
    let mut window = ours.window(cadence, start() + TimeDelta::days(10));
    let mut pairs = Vec::new();
    while window.end < start() + TimeDelta::days(75) {
        // A report by weeks from Sunday names a week by its Monday's number.
        let key = match (cadence, week_start) {
            (Cadence::Weekly, WeekStart::Sunday) => format!("{}s", window.key),
            _ => window.key.clone(),
        };
        let their_window = theirs.parse(cadence, &key).unwrap();
        pairs.push((window.clone(), their_window));
        window = ours.next(&window);
    }
    pairs
}

fn report(cadence: Cadence, rows: Vec<ReportRow>) -> OfficialReport {
    OfficialReport {
        name: "planted.csv".to_owned(),
        cadence,
        basis: ReportBasis::Unknown,
        metric: String::new(),
        zone: None,
        rows,
    }
}

fn found(facts: &[Fact], report: &OfficialReport) -> Found {
    let reading = Reading {
        zones: vec![
            Tz::UTC,
            Tz::America__New_York,
            Tz::Europe__Berlin,
            Tz::Asia__Tokyo,
        ],
        ..Reading::default()
    };
    let search = Search {
        report,
        calendar: &Calendar::default(),
        reading: &reading,
        covered: (start(), start() + TimeDelta::days(84)),
    };
    find(facts, &search).unwrap()
}

#[track_caller]
fn check(cadence: Cadence, planted: &str, words: &str) {
    let facts = conversations(1500);
    let planted: Definition = planted.parse().unwrap();
    let week_start = match planted.week_shift {
        0 => WeekStart::Monday,
        _ => WeekStart::Sunday,
    };
    let windows = windows(cadence, planted.zone, week_start);
    let report = report(cadence, published(&facts, &planted, &windows));
    let found = found(&facts, &report);
    assert_eq!(found.best().description, words);
    assert_eq!(found.best().definition, planted);
    assert_eq!(found.best().unexplained, 0);
    assert_eq!(found.equally_good().count(), 0, "{:?}", found.fits);
    let judged: BTreeSet<&String> = found.windows.iter().collect();
    let known = windows.iter().filter(|(ours, _)| start() <= ours.start);
    assert_eq!(judged.len(), known.count().min(60));
}

#[test]
fn plain_counts_are_ours() {
    let without = "without call notes, spam, deleted, merged";
    check(
        Cadence::Weekly,
        "opened,zone=UTC,without=calls",
        &format!("opened in the week, UTC, {without}"),
    );
}

#[test]
fn counting_by_solving_is_found() {
    check(
        Cadence::Weekly,
        "solved,zone=UTC",
        "solved in the week, UTC, without spam, deleted, merged",
    );
}

#[test]
fn another_time_zone_is_found_for_every_cadence() {
    let words = |noun: &str| {
        format!("solved in the {noun}, America/New_York, with merged, without spam, deleted")
    };
    for cadence in Cadence::ALL {
        let planted = "solved,zone=America/New_York,with=merged";
        check(cadence, planted, &words(cadence.noun()));
    }
}

#[test]
fn weeks_from_sunday_are_found() {
    check(
        Cadence::Weekly,
        "opened,zone=Europe/Berlin,weeks=-1",
        "opened in the week, Europe/Berlin, weeks from Sunday, without spam, deleted, merged",
    );
}

#[test]
fn spam_merged_and_deleted_ones_are_found() {
    check(
        Cadence::Monthly,
        "opened,zone=UTC,with=spam,with=deleted,with=merged",
        "opened in the month, UTC, with spam, deleted, merged",
    );
    check(
        Cadence::Weekly,
        "opened,zone=UTC,with=spam",
        "opened in the week, UTC, with spam, without deleted, merged",
    );
}

#[test]
fn a_report_from_before_things_were_changed_is_found() {
    check(
        Cadence::Weekly,
        "opened,zone=UTC,as-of=end",
        "opened in the week, UTC, as it was when the week ended, without spam, deleted, merged",
    );
}

#[test]
fn counting_under_each_tag_is_found() {
    check(
        Cadence::Weekly,
        "opened,zone=UTC,by=tags,without=calls",
        "opened in the week, UTC, counted under each tag, without call notes, spam, deleted, merged",
    );
}

#[test]
fn a_few_that_cannot_be_explained_do_not_hide_the_definition() {
    let facts = conversations(1500);
    let planted: Definition = "solved,zone=America/New_York,without=calls"
        .parse()
        .unwrap();
    let windows = windows(Cadence::Weekly, planted.zone, WeekStart::Monday);
    let mut rows = published(&facts, &planted, &windows);
    for (row, by) in rows.iter_mut().zip([1, 0, -1, 0, 0, 1]) {
        row.count += by;
    }
    let total: i64 = rows.iter().map(|row| row.count).sum();
    let found = found(&facts, &report(Cadence::Weekly, rows));
    assert_eq!(found.best().definition, planted);
    assert_eq!(
        found.sentence(),
        format!(
            "the report matches “solved in the week, America/New_York, without call notes, spam, deleted, merged”; \
             3 of {total} remain unexplained"
        )
    );
}

#[test]
fn what_the_numbers_do_not_tell_apart_is_said() {
    // All at noon: whatever the zone, the day is the same one.
    let mut facts = conversations(300);
    for fact in &mut facts {
        fact.created_at = Calendar::default()
            .window(Cadence::Daily, fact.created_at)
            .start
            + TimeDelta::hours(12);
        (fact.closed_at, fact.kind, fact.state) = (None, Kind::Ticket, about("t"));
        fact.earlier.clear();
    }
    let planted = Definition::ours(&Calendar::default());
    let windows = windows(Cadence::Daily, Tz::UTC, WeekStart::Monday);
    let report = report(Cadence::Daily, published(&facts, &planted, &windows));
    let found = found(&facts, &report);
    assert_eq!(found.best().definition, planted);
    let equal: Vec<&str> = found
        .equally_good()
        .map(|fit| fit.description.as_str())
        .collect();
    assert_eq!(
        equal,
        [
            "opened in the day, America/New_York",
            "opened in the day, Europe/Berlin",
            "opened in the day, Asia/Tokyo"
        ]
    );
    let chosen = Chosen {
        found,
        confirmed: None,
        is_outdone: false,
    };
    assert!(chosen.sentence().ends_with(
        "are explained; “opened in the day, America/New_York”, “opened in the day, Europe/Berlin” and 1 more fit equally well"
    ));
}

#[test]
fn a_stated_basis_or_zone_is_not_doubted() {
    let facts = conversations(400);
    let planted = Definition::ours(&Calendar::default());
    let windows = windows(Cadence::Weekly, Tz::UTC, WeekStart::Monday);
    let mut report = report(Cadence::Weekly, published(&facts, &planted, &windows));
    report.basis = ReportBasis::Closed;
    report.zone = Some("Asia/Tokyo".to_owned());
    let found = found(&facts, &report);
    assert_eq!(found.best().definition.basis, ReportBasis::Closed);
    assert_eq!(found.best().definition.zone, Tz::Asia__Tokyo);
    assert!(found.best().unexplained > 0);
}

#[test]
fn a_report_of_other_times_tells_nothing() {
    let row = ReportRow {
        window: "2019-W10".to_owned(),
        category: None,
        count: 4,
    };
    let report = report(Cadence::Weekly, vec![row]);
    let search = Search {
        report: &report,
        calendar: &Calendar::default(),
        reading: &Reading::default(),
        covered: (start(), start() + TimeDelta::days(84)),
    };
    assert_eq!(find(&conversations(10), &search), None);
}
