//! What a comparison promises, for plain cases and for any facts, rows and definitions.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::model::{Cadence, Earlier, Exclusion, Kind, OfficialReport, ReportBasis, State};
use crate::reconcile::definition::{AsOf, Definition, any_definition};
use crate::reconcile::finder::{Reading, Search, find, judge};
use crate::reconcile::testing::{about, any_fact, fact, week};

fn row(category: Option<&str>, count: i64) -> ReportRow {
    ReportRow {
        window: week().key,
        category: category.map(str::to_owned),
        count,
    }
}

fn report(rows: &[ReportRow], basis: ReportBasis) -> OfficialReport {
    OfficialReport {
        name: "report.csv".to_owned(),
        cadence: Cadence::Weekly,
        basis,
        metric: String::new(),
        zone: None,
        rows: rows.to_vec(),
    }
}

/// The definition that is found, in words, and the lines under it.
fn compared(facts: &[Fact], rows: &[ReportRow], basis: ReportBasis) -> (String, Vec<String>) {
    let calendar = Calendar::default();
    let report = report(rows, basis);
    let search = Search {
        report: &report,
        calendar: &calendar,
        reading: &Reading::default(),
        covered: (week().start, week().end),
    };
    let found = find(facts, &search).unwrap();
    let official = Official {
        rows,
        definition: &found.best().definition,
        made_at: None,
    };
    let comparison = compare(facts, &official, &week(), &calendar, false);
    (found.best().description.clone(), shown(&comparison.lines))
}

fn shown(lines: &[Difference]) -> Vec<String> {
    let line = |line: &Difference| {
        let causes: Vec<_> = line
            .causes()
            .iter()
            .map(|cause| format!("{} {:+}", cause.cause, cause.conversations))
            .collect();
        let category = line.category.as_deref().unwrap_or("-");
        let (official, ours) = (line.official, line.ours);
        format!(
            "{category}: {official} against {ours}: {}",
            causes.join(", ")
        )
    };
    lines.iter().map(line).collect()
}

fn closed(mut fact: Fact, days: i64) -> Fact {
    fact.closed_at = Some(fact.created_at + TimeDelta::days(days));
    fact
}

fn opened_before(mut fact: Fact, days: i64) -> Fact {
    fact.closed_at = Some(fact.created_at);
    fact.created_at -= TimeDelta::days(days);
    fact
}

#[test]
fn a_report_by_solving_date_is_recognised_and_explained() {
    let mut facts: Vec<Fact> = (0..10)
        .map(|n| {
            closed(
                fact(n, Some("Heating"), about("t")),
                if n < 6 { 1 } else { 9 },
            )
        })
        .collect();
    facts.extend((10..13).map(|n| opened_before(fact(n, Some("Heating"), about("t")), 20)));
    let (definition, lines) = compared(&facts, &[row(Some("heating"), 9)], ReportBasis::Unknown);
    assert_eq!(definition, "solved in the week, UTC");
    assert_eq!(
        lines,
        ["heating: 9 against 10: closed_later -4, opened_earlier +3"]
    );
}

#[test]
fn calls_spam_and_the_never_categorised_are_told_apart() {
    let mut facts: Vec<Fact> = (0..20)
        .map(|n| fact(n, Some("Heating"), about("t")))
        .collect();
    for call in &mut facts[..8] {
        call.kind = Kind::CallNote;
    }
    facts.extend((20..23).map(|n| fact(n, Some("Heating"), State::Excluded(Exclusion::Spam))));
    facts.push(fact(23, None, State::Unassigned));
    let rows = [row(Some("Heating"), 15), row(Some("Billing"), 1)];
    let (definition, lines) = compared(&facts, &rows, ReportBasis::Opened);
    assert_eq!(
        definition,
        "opened in the week, UTC, with spam, without call notes"
    );
    assert_eq!(
        lines,
        [
            "-: 0 against 1: never_categorised -1",
            "Billing: 1 against 0: unexplained +1",
            "Heating: 15 against 20: call_notes -8, spam +3",
        ]
    );
}

#[test]
fn a_switch_that_explains_one_conversation_is_not_a_definition() {
    let mut facts: Vec<Fact> = (0..9)
        .map(|n| fact(n, Some("Heating"), about("t")))
        .collect();
    facts[0].kind = Kind::CallNote;
    let rows = [row(Some("Heating"), 8), row(Some("Billing"), 2)];
    let (definition, lines) = compared(&facts, &rows, ReportBasis::Opened);
    assert_eq!(definition, "opened in the week, UTC");
    assert_eq!(lines[1], "Heating: 8 against 9: unexplained -1");
}

#[test]
fn what_the_report_has_more_may_come_from_an_incomplete_source() {
    let facts = [fact(0, Some("Heating"), about("t"))];
    let rows = [row(Some("Heating"), 5)];
    let calendar = Calendar::default();
    let official = Official {
        rows: &rows,
        definition: &Definition::ours(&calendar),
        made_at: None,
    };
    let comparison = compare(&facts, &official, &week(), &calendar, true);
    assert_eq!(
        shown(&comparison.lines),
        ["Heating: 5 against 1: source_incomplete +4"]
    );
}

#[test]
fn a_report_with_totals_alone_is_one_line() {
    let facts = [
        fact(0, Some("Heating"), about("t")),
        fact(1, None, about("t")),
    ];
    let (_, lines) = compared(
        &facts,
        &[row(Some(ReportRow::TOTAL), 3)],
        ReportBasis::Opened,
    );
    assert_eq!(lines, ["(total): 3 against 2: unexplained +1"]);
}

#[test]
fn without_a_report_only_the_never_categorised_differ() {
    let facts = [
        fact(0, Some("Heating"), about("t")),
        fact(1, Some("heating"), about("t")),
        fact(2, None, about("t")),
        fact(3, Some("Other"), State::Excluded(Exclusion::Spam)),
    ];
    let rows = own_categories(&facts, &week());
    let calendar = Calendar::default();
    let official = Official {
        rows: &rows,
        definition: &Definition::ours(&calendar),
        made_at: None,
    };
    let comparison = compare(&facts, &official, &week(), &calendar, false);
    assert_eq!(
        shown(&comparison.lines),
        [
            "-: 0 against 1: never_categorised -1",
            "Heating: 2 against 2: "
        ]
    );
}

#[test]
fn what_was_recategorised_or_deleted_since_is_told_with_its_conversations() {
    let mut facts: Vec<Fact> = (0..6)
        .map(|n| fact(n, Some("Heating"), about("t")))
        .collect();
    let earlier = |category: &str| Earlier {
        until: week().end + TimeDelta::days(5),
        created_at: facts[0].created_at,
        closed_at: None,
        category: Some(category.to_owned()),
        exclusion: None,
    };
    let (before, deleted) = (earlier("Billing"), earlier("Heating"));
    facts[2].earlier = vec![before];
    facts[5].state = State::Excluded(Exclusion::Deleted);
    facts[5].earlier = vec![deleted];
    let calendar = Calendar::default();
    let definition = Definition {
        as_of: AsOf::WindowEnd,
        ..Definition::ours(&calendar)
    };
    let rows = [row(Some("Heating"), 5), row(Some("Billing"), 1)];
    let official = Official {
        rows: &rows,
        definition: &definition,
        made_at: None,
    };
    let comparison = compare(&facts, &official, &week(), &calendar, false);
    assert_eq!(
        shown(&comparison.lines),
        [
            "Billing: 1 against 0: recategorised +1",
            "Heating: 5 against 5: recategorised -1, deleted +1"
        ]
    );
    let of = |category, cause| -> Vec<String> {
        let listed = comparison.listed(category, Some(cause));
        listed
            .map(|unit| format!("{:+}{}", unit.sign, unit.key.id))
            .collect()
    };
    assert_eq!(of(Some("heating"), "recategorised"), ["-12"]);
    assert_eq!(of(Some(ReportRow::TOTAL), "recategorised"), ["+12", "-12"]);
    assert_eq!(of(Some("Heating"), "deleted"), ["+15"]);
}

#[test]
fn a_conversation_with_two_tags_is_counted_under_both() {
    let mut facts = vec![
        fact(0, Some("Heating"), about("t")),
        fact(1, None, about("t")),
    ];
    facts[0].tags = vec!["urgent".to_owned(), "gas".to_owned(), "vip".to_owned()];
    let calendar = Calendar::default();
    let definition = Definition {
        by_tags: true,
        ..Definition::ours(&calendar)
    };
    let rows = [row(Some("Urgent"), 1), row(Some("Gas"), 1)];
    let official = Official {
        rows: &rows,
        definition: &definition,
        made_at: None,
    };
    let comparison = compare(&facts, &official, &week(), &calendar, false);
    assert_eq!(
        shown(&comparison.lines),
        [
            "-: 0 against 1: never_categorised -1",
            "Gas: 1 against 0: tags +1",
            "Heating: 0 against 1: tags -1",
            "Urgent: 1 against 0: tags +1"
        ]
    );
}

fn any_rows() -> impl Strategy<Value = Vec<ReportRow>> {
    let category = prop::sample::select(vec![
        None,
        Some("Billing"),
        Some("BILLING"),
        Some("Heating"),
        Some("Unheard"),
        Some(ReportRow::TOTAL),
    ]);
    let count = prop_oneof![0_i64..100, any::<i64>().prop_map(|n| n / 1000)];
    let any_row = (category, count).prop_map(|(category, count)| row(category, count));
    prop::collection::vec(any_row, 0..8)
}

proptest! {
    #[test]
    fn causes_add_up_and_list_their_conversations_for_any_facts_and_any_report(
        facts in prop::collection::vec(any_fact(), 0..60),
        rows in any_rows(),
        definition in any_definition(),
        made_after in -100_i64..900,
        is_incomplete in any::<bool>(),
    ) {
        let calendar = Calendar::default();
        let made_at = Some(week().start + TimeDelta::hours(made_after));
        let official = Official { rows: &rows, definition: &definition, made_at };
        let comparison = compare(&facts, &official, &week(), &calendar, is_incomplete);
        let total = comparison.total();
        for line in comparison.lines.iter().chain([&total]) {
            let sum: i64 = line.causes().iter().map(|cause| cause.conversations).sum();
            prop_assert_eq!(sum, line.official - line.ours);
            for part in &line.parts {
                prop_assert!(part.more > 0 || part.fewer > 0);
                if [causes::UNEXPLAINED, causes::SOURCE_INCOMPLETE].contains(&part.cause) {
                    continue;
                }
                let listed: Vec<_> =
                    comparison.listed(line.category.as_deref(), Some(part.cause)).collect();
                let of = |sign: i8| listed.iter().filter(|unit| unit.sign == sign).count() as u64;
                prop_assert_eq!((of(1), of(-1)), (part.more, part.fewer));
            }
        }
        let has_lines = rows.iter().any(|row| !row.is_total());
        let of_lines = rows.iter().filter(|row| !has_lines || !row.is_total());
        prop_assert_eq!(total.official, of_lines.map(|row| row.count).sum::<i64>());
        let counted = crate::counting::count(&facts, &week()).counted();
        prop_assert_eq!(total.ours, i64::try_from(counted).unwrap());
        let (mut facts, mut reversed) = (facts, rows.clone());
        facts.reverse();
        reversed.reverse();
        let official = Official { rows: &reversed, definition: &definition, made_at };
        prop_assert_eq!(compare(&facts, &official, &week(), &calendar, is_incomplete), comparison);
    }

    #[test]
    fn the_finder_counts_what_the_comparison_counts(
        facts in prop::collection::vec(any_fact(), 0..60),
        mut rows in any_rows(),
        definition in any_definition(),
        made_after in -100_i64..900,
    ) {
        rows.push(row(Some("Heating"), 3));
        let calendar = Calendar::default();
        let made_at = week().start + TimeDelta::hours(made_after);
        let official = Official { rows: &rows, definition: &definition, made_at: Some(made_at) };
        let comparison = compare(&facts, &official, &week(), &calendar, false);
        let reading = Reading {
            imported_at: [(week().key, made_at)].into(),
            ..Reading::default()
        };
        let report = report(&rows, ReportBasis::Unknown);
        let search = Search {
            report: &report,
            calendar: &calendar,
            reading: &reading,
            covered: (week().start, week().end),
        };
        let fit = judge(&facts, &search, &definition).unwrap();
        prop_assert_eq!(fit.unexplained, i64::try_from(comparison.unexplained()).unwrap());
        let found = find(&facts, &search).unwrap();
        for fit in &found.fits {
            let again = judge(&facts, &search, &fit.definition).unwrap();
            prop_assert_eq!(again.unexplained, fit.unexplained);
        }
    }
}
