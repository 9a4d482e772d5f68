//! Reports of every kind, read as a whole.

use super::*;
use crate::model::{Cadence, ReportBasis, ReportRow};
use proptest::prelude::*;

fn with(text: &str, choices: &Choices) -> Result<Understood, String> {
    let sheets =
        open(text.as_bytes(), ReportConfig::default()).map_err(|problem| problem.to_string())?;
    read(&sheets, "report.csv", choices, &Calendar::default())
        .map_err(|trouble| trouble.to_string())
}

fn understood(text: &str) -> Understood {
    with(text, &Choices::default()).unwrap_or_else(|said| panic!("{said}\n{text}"))
}

fn lines(report: &OfficialReport) -> Vec<String> {
    let line = |row: &ReportRow| {
        let category = row.category.as_deref().unwrap_or("-");
        format!("{} {category} {}", row.window, row.count)
    };
    report.rows.iter().map(line).collect()
}

fn shown(text: &str) -> Vec<String> {
    lines(&understood(text).reports[0])
}

fn wrong(text: &str) -> String {
    with(text, &Choices::default()).unwrap_err()
}

fn choosing(flags: &[(&str, &str)]) -> Choices {
    let mut choices = Choices::default();
    for (flag, value) in flags {
        choices.answer(flag, value);
    }
    choices
}

#[test]
fn the_surest_category_is_taken_and_the_other_is_told() {
    let text = "month,category,service_type,incidents\n2009-01,Height,Bird,2\n2009-01,Height,Pet,13\n\
                2009-02,Below ground,Pet,1\n2009-01,,Pet,4\n";
    let found = understood(text);
    assert_eq!(
        lines(&found.reports[0]),
        ["2009-01 - 4", "2009-01 Height 15", "2009-02 Below ground 1"]
    );
    assert_eq!(found.reports[0].cadence, Cadence::Monthly);
    assert!(
        found.notes[0].contains("service_type") && found.notes[0].contains("--category"),
        "{:?}",
        found.notes
    );
    let other = with(text, &choosing(&[("--category", "service_type")])).unwrap();
    assert_eq!(
        lines(&other.reports[0]),
        ["2009-01 Bird 2", "2009-01 Pet 17", "2009-02 Pet 1"]
    );
    let none = with(text, &choosing(&[("--category", "none")])).unwrap();
    assert_eq!(
        lines(&none.reports[0]),
        ["2009-01 (total) 19", "2009-02 (total) 1"]
    );
}

#[test]
fn totals_are_left_out_of_lines_and_checked() {
    let text = "\u{feff}Week;Category;Total\n2026-W13;Billing;1.204\n2026-W13;Login;6\n2026-W13;Total;1.210\nTotal;;1.210\n";
    let found = understood(text);
    assert_eq!(
        lines(&found.reports[0]),
        ["2026-W13 Billing 1204", "2026-W13 Login 6"]
    );
    assert_eq!(found.notes, [""; 0]);
    let off = understood(
        &text
            .replace("Total;1.210", "Total;1.213")
            .replace("Total;;1.210", "Grand total;;1"),
    );
    assert_eq!(
        off.notes,
        [
            "row 4: the total of 2026-W13 says 1213, its lines add up to 1210; the lines are taken",
            "row 5: the total of all periods says 1, its lines add up to 1210; the lines are taken",
        ]
    );
    assert_eq!(
        shown("week\tcount\n2026-W13\t12\n2026-W14\t9\n"),
        ["2026-W13 (total) 12", "2026-W14 (total) 9"]
    );
    let hidden = "week,category,count\n2026-W13,A,1\n2026-W13,B,2\n2026-W13,Everything,3\n2026-W14,A,4\n2026-W14,B,5\n2026-W14,Everything,9\n";
    assert!(understood(hidden).notes[0].contains("\"Everything\" is the sum of all other lines"));
}

#[test]
fn a_wide_table_is_read_like_a_long_one() {
    let expected = [
        "2026-02 Billing 10",
        "2026-02 Login 7",
        "2026-03 Billing 1200",
        "2026-03 Login 5",
    ];
    for text in [
        "category,2026-02,2026-03\nBilling,10,\"1,200\"\nLogin,7,5\n",
        ";Feb 2026;Mrz 2026;Gesamt\nBilling;10;1.200;1.210\nLogin;7;5;12\nGesamt;17;1.205;1.222\n",
        "Service report 2026\n\n| Reason | February | March |\n|---|--:|--:|\n| Billing | 10 | 1200 |\n| Login | 7 | 5 |\n\nSource: desk\n",
        "month,Billing,Login,Total\n2026-02,10,7,17\n2026-03,1200,5,1205\n",
        "Month     Billing   Login\n2026-02        10       7\n2026-03     1,200       5\n",
    ] {
        let found = understood(text);
        assert_eq!(lines(&found.reports[0]), expected, "{text}");
        assert!(
            !found.notes.iter().any(|note| note.contains("add up")),
            "{:?}",
            found.notes
        );
    }
    let off = "category,2026-02,2026-03,Total\nBilling,10,12,23\nTotal,10,12,22\n";
    assert_eq!(
        understood(off).notes,
        ["row 2: the total of billing says 23, its lines add up to 22; the lines are taken"]
    );
}

#[test]
fn years_may_stand_above_their_months() {
    let text = ",2025,,2026,\nCategory,Nov,Dec,Jan,Feb\nHeating,1,2,3,4\nNoise,5,6,,8\n";
    assert_eq!(
        shown(text),
        [
            "2025-11 Heating 1",
            "2025-11 Noise 5",
            "2025-12 Heating 2",
            "2025-12 Noise 6",
            "2026-01 Heating 3",
            "2026-02 Heating 4",
            "2026-02 Noise 8",
        ]
    );
}

#[test]
fn metrics_may_be_repeated_below_each_period() {
    let text = "Category;January 2026;;;Februar 2026;;;Total;;\n;Opened;Solved;% solved;Opened;Solved;% solved;Opened;Solved;% solved\n\
                Heating;11;2;18;13;4;31;24;6;25\nNoise;5;6;120;7;8;114;12;14;117\n";
    let found = understood(text);
    let bases: Vec<_> = found
        .reports
        .iter()
        .map(|one| (one.metric.as_str(), one.basis))
        .collect();
    assert_eq!(
        bases,
        [
            ("opened", ReportBasis::Opened),
            ("solved", ReportBasis::Closed)
        ]
    );
    assert_eq!(
        lines(&found.reports[1]),
        [
            "2026-01 Heating 2",
            "2026-01 Noise 6",
            "2026-02 Heating 4",
            "2026-02 Noise 8"
        ]
    );
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let wrong = wrong(&text.replace(";13;", ";thirteen;"));
    assert!(
        wrong.contains("row 3") && wrong.contains("Februar 2026 Opened"),
        "{wrong}"
    );
    let notes = understood(&text.replace(";24;", ";25;")).notes;
    assert!(
        notes[0].contains("says 25, its lines add up to 24"),
        "{notes:?}"
    );
}

#[test]
fn groups_of_metrics_may_stand_above_them() {
    let text = ",Tickets,,Calls\nMonth,Opened,Solved,Opened\n2026-01,1,2,3\n2026-02,5,6,7\n";
    let found = understood(text);
    let metrics: Vec<&str> = found
        .reports
        .iter()
        .map(|one| one.metric.as_str())
        .collect();
    assert_eq!(metrics, ["opened", "solved", "calls opened"]);
}

#[test]
fn quarters_are_refused_with_what_to_do() {
    for text in [
        "Quarter,Category,Count\n2026-Q1,Heating,4\n",
        "Category,Q1 2026,Q2 2026\nHeating,4,5\n",
    ] {
        let said = wrong(text);
        assert!(
            said.contains("quarters") && said.contains("by month"),
            "{said}"
        );
    }
}

#[test]
fn a_title_above_a_header_is_no_part_of_it() {
    let text = "Report,March 2026\nMonth,Category,Count\n2026-03,Heating,4\n";
    assert_eq!(shown(text), ["2026-03 Heating 4"]);
}

#[test]
fn each_metric_that_says_its_date_is_a_report_of_its_own() {
    let text = "month,category,tickets created,solved,csat,backlog\n2026-03,A,5,4,0.91,17\n2026-03,B,2,3,0.88,2\n";
    let found = understood(text);
    let told: Vec<_> = found
        .reports
        .iter()
        .map(|r| (r.metric.as_str(), r.basis, r.rows[0].count))
        .collect();
    assert_eq!(
        told,
        [
            ("opened", ReportBasis::Opened, 5),
            ("solved", ReportBasis::Closed, 4)
        ]
    );
    assert!(
        found.notes[0].contains("left out: \"csat\" (E)"),
        "{:?}",
        found.notes
    );
    let more = Choices {
        metrics: vec!["Backlog".to_owned()],
        ..Choices::default()
    };
    let found = with(text, &more).unwrap();
    assert_eq!(found.reports[2].metric, "backlog");
    let one = with(text, &choosing(&[("--count", "solved")])).unwrap();
    assert_eq!((one.reports.len(), one.reports[0].metric.as_str()), (1, ""));
    let no_count = Choices {
        metrics: vec!["csat".to_owned()],
        ..Choices::default()
    };
    assert!(
        with(text, &no_count)
            .unwrap_err()
            .contains("row 2, column E \"csat\": \"0.91\" is no whole number")
    );
}

#[test]
fn the_header_or_the_name_may_tell_by_which_date_it_counts() {
    let basis = |header: &str| understood(&format!("{header}\n2026-03,A,1\n")).reports[0].basis;
    assert_eq!(basis("month,category,solved tickets"), ReportBasis::Closed);
    assert_eq!(basis("month,category,tickets created"), ReportBasis::Opened);
    assert_eq!(basis("month,category,tickets"), ReportBasis::Unknown);
    let chosen = with(
        "month,category,tickets\n2026-03,A,1\n",
        &choosing(&[("--basis", "solved")]),
    )
    .unwrap();
    assert_eq!(chosen.reports[0].basis, ReportBasis::Closed);
}

#[test]
fn every_wrong_cell_is_named_and_nothing_is_taken() {
    let text = "Monthly figures\nmonth,category,count\n2026-03,A,1\n2026-3x,A,1\n2026-04,A,few\n2026-W13,B,1\n2026-04,C,=1+1\n,,4\n2026-05,D,\n";
    assert_eq!(
        wrong(text).split("; row").collect::<Vec<_>>(),
        [
            "row 4, column A \"month\": \"2026-3x\" is not a period such as 2026-W13, 2026-03 or 2026-03-30",
            " 5, column C \"count\": \"few\" is not a count; a whole number such as 1204 was expected",
            " 6, column A \"month\": \"2026-W13\" is a week, but its column says month",
            " 7, column C \"count\": \"=1+1\" is a formula, which is never computed; a whole number such as 1204 was expected",
            " 8, column A \"month\": is empty; a period such as 2026-W13, 2026-03 or 2026-03-30 was expected",
            " 9, column C \"count\": is empty; a whole number such as 1204 was expected, or a dash for none",
        ]
    );
    assert!(
        wrong("").starts_with("no header with a period"),
        "{}",
        wrong("")
    );
    assert_eq!(
        wrong("month,category,count\n"),
        "the report has no rows below its header"
    );
    assert!(
        wrong("category,2026-02,2026-03\nBilling,10,x\nLogin,7,5\nA,1,1\nB,1,1\nC,1,1\nD,1,1\n")
            .contains("row 2, column C \"2026-03\": \"x\"")
    );
    let missing = with(
        "month,count\n2026-03,1\n",
        &choosing(&[("--count", "tickets")]),
    )
    .unwrap_err();
    assert!(
        missing.contains("no column \"tickets\"") && missing.contains("\"month\" (A)"),
        "{missing}"
    );
}

#[test]
fn what_two_columns_could_be_is_asked() {
    assert_eq!(
        wrong("month,tickets,calls\n2026-03,4,5\n"),
        "two or more columns may be the count: say --count tickets or --count calls"
    );
    assert!(
        wrong("month,Aa,Bb,count\n2026-03,x,y,5\n").contains("say --category Aa or --category Bb")
    );
    assert!(
        wrong("month,category,count\n2026-03,A,\"1,204\"\n2026-03,B,1.305\n")
            .contains("--decimal comma")
    );
    assert!(
        wrong("month,category,count\n2026-03,A,12.000\n2026-03,B,3.000\n").contains("--decimal")
    );
    assert!(wrong("date,category,count\n03/04/2026,A,1\n").contains("--date-order dmy"));
}

#[test]
fn periods_may_be_named_once_and_rows_may_be_remarks() {
    let text = "month;category;count\nMarch 2026;A;1\n;B;2\n;Total;3\nApril 2026;A;4\n;B;5\n;Total;9\nExported by the desk\n";
    let found = understood(text);
    assert_eq!(
        lines(&found.reports[0]),
        ["2026-03 A 1", "2026-03 B 2", "2026-04 A 4", "2026-04 B 5"]
    );
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("row 8") && note.contains("left out")),
        "{:?}",
        found.notes
    );
    let split = "Year,Month,Category,Count\n2026,3,A,7\n2025,12,A,8\n";
    assert_eq!(shown(split), ["2025-12 A 8", "2026-03 A 7"]);
}

#[test]
fn exports_of_tickets_are_counted() {
    let zendesk = "Summation column,Id,Subject,Tags,Status,Ticket type,Created at,Updated at,Solved at,Group,Reason [list]\n\
        1,11,It leaks,,Solved,Problem,2026-03-02 09:12,2026-03-03,2026-04-01 08:00,Nord,Heating\n\
        1,12,It hums,,Open,Problem,2026-03-31 23:30,2026-04-01,,Nord,Heating\n\
        1,13,Bill,,Open,Question,2026-04-03 09:12,2026-04-03,,Nord,\n\
        2,,,,,,,,,,\n";
    let found = understood(zendesk);
    assert_eq!(
        lines(&found.reports[0]),
        ["2026-03 Heating 2", "2026-04 - 1"]
    );
    assert!(
        found.notes[0].contains("Zendesk export of tickets, not a report: 3 tickets"),
        "{:?}",
        found.notes
    );
    assert!(
        found.notes[1].contains("1 rows have no number"),
        "{:?}",
        found.notes
    );
    let solved = with(
        zendesk,
        &choosing(&[("--basis", "solved"), ("--category", "ticket type")]),
    )
    .unwrap();
    assert_eq!(lines(&solved.reports[0]), ["2026-04 Problem 1"]);
    let berlin = Choices {
        zone: Some("Asia/Tokyo".to_owned()),
        ..choosing(&[("--cadence", "daily")])
    };
    assert_eq!(
        lines(&with(zendesk, &berlin).unwrap().reports[0])[0],
        "2026-03-02 Heating 1"
    );
    let two = zendesk.replace("Group", "Place [list]");
    assert!(
        wrong(&two).contains("--category \"Ticket type\" or --category \"Place [list]\""),
        "{}",
        wrong(&two)
    );

    let freshdesk = "Ticket ID,Subject,Status,Type,Created time,Resolved time,Closed time\n\
        1,No heat,Open,Heating,25/03/2026 09:12,26/03/2026 09:00,02/04/2026 10:00\n2,No heat,Open,Heating,01/04/2026 09:12,,\n";
    assert_eq!(shown(freshdesk), ["2026-03 Heating 1", "2026-04 Heating 1"]);
    let closed = with(
        freshdesk,
        &choosing(&[("--basis", "closed"), ("--date-order", "dmy")]),
    )
    .unwrap();
    assert_eq!(lines(&closed.reports[0]), ["2026-04 Heating 1"]);
    let broken = freshdesk.replace("25/03/2026", "yesterday");
    let said = with(&broken, &choosing(&[("--date-order", "dmy")])).unwrap_err();
    assert!(said.contains("row 2, column E \"Created time\""), "{said}");
}

#[test]
fn next_months_file_has_the_same_fingerprint_and_asks_nothing() {
    let march = "Report;March\n\ndate;calls;tickets;reason\n03/04/2026;4;5;A\n";
    let choices = choosing(&[("--date-order", "mdy"), ("--count", "calls")]);
    let first = with(march, &choices).unwrap();
    assert_eq!(lines(&first.reports[0]), ["2026-03-04 A 4"]);
    let april = "Report;April\n\nDate;Calls;Tickets;Reason\n04/05/2026;6;7;B\n";
    assert!(with(april, &Choices::default()).is_err());
    let next = with(april, &first.settled).unwrap();
    assert_eq!(lines(&next.reports[0]), ["2026-04-05 B 6"]);
    assert_eq!(next.fingerprint, first.fingerprint);
    let changed = understood("Date;Calls;Reason\n2026-04-05;6;B\n");
    assert_ne!(changed.fingerprint, first.fingerprint);
    let wide = |month: &str| understood(&format!("category,{month}\nA,1\nB,2\n")).fingerprint;
    assert_eq!(wide("2026-01,2026-02"), wide("2026-01,2026-02,2026-03"));
}

#[test]
fn what_is_no_table_is_named() {
    for (bytes, words) in [
        (b"%PDF-1.7 ...".as_slice(), "PDF"),
        (b"\xd0\xcf\x11\xe0aaaa", "XLS"),
        (b"PK\x03\x04broken", "broken spreadsheet"),
        (b"a\0b", "no text"),
    ] {
        let said = open(bytes, ReportConfig::default())
            .unwrap_err()
            .to_string();
        assert!(said.contains(words), "{said}");
    }
    let large = vec![b'a'; 1024 * 1024 + 1];
    let said = open(&large, ReportConfig { file_mb_max: 1 })
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("larger than 1 MB") && said.contains("file_mb_max"),
        "{said}"
    );
}

/// Rows of a report: month, category, count.
fn any_rows() -> impl Strategy<Value = Vec<(u32, usize, i64)>> {
    let row = (1..=12_u32, 0..4_usize, 0..3_000_000_i64);
    prop::collection::vec(row, 1..12)
}

const CATEGORIES: [&str; 4] = [
    "Hot water",
    "Billing, refunds",
    "Größe; Maß",
    "No \"heat\" | cold",
];

fn quoted(text: &str, separator: char) -> String {
    if text.contains([separator, '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn marked(count: i64, mark: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push_str(mark);
        }
        text.push(digit);
    }
    text
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(sheets) = open(&bytes, ReportConfig::default()) {
            let _ = read(&sheets, "x", &Choices::default(), &Calendar::default());
        }
    }

    #[test]
    fn no_table_makes_it_panic(text in "(month|week|date|count|solved|category|2026-03|03/04/2026|Total|A|,|;|\t|\\||\n|  |1.204|-|=1|\"){0,60}") {
        let _ = with(&text, &Choices::default());
    }

    #[test]
    fn what_is_written_is_read_back_whatever_marks_it_has(
        rows in any_rows(),
        separator in prop::sample::select(vec![',', ';', '\t', '|']),
        mark in prop::sample::select(vec!["", ",", ".", " ", "'"]),
        month in prop::sample::select(vec!["iso", "words", "slash", "points"]),
        is_wide in any::<bool>(),
    ) {
        let period = |number: u32| match month {
            "iso" => format!("2026-{number:02}"),
            "words" => format!("{} 2026", ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][number as usize - 1]),
            "slash" => format!("{number:02}/2026"),
            _ => format!("01.{number:02}.2026"),
        };
        let mut sums: std::collections::BTreeMap<(u32, usize), i64> = Default::default();
        for (number, category, count) in &rows {
            *sums.entry((*number, *category)).or_default() += count;
        }
        let mut text = String::new();
        let line = |cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell, separator)).collect();
            format!("{}\n", cells.join(&separator.to_string()))
        };
        if is_wide {
            let mut months: Vec<u32> = (1..=12).collect();
            months.retain(|number| sums.keys().any(|(of, _)| of == number));
            // One period alone could be a category's name.
            prop_assume!(months.len() >= 2);
            text += &line(std::iter::once("category".to_owned()).chain(months.iter().map(|number| period(*number))).collect());
            for (place, name) in CATEGORIES.iter().enumerate() {
                let cell = |number: &u32| sums.get(&(*number, place)).map_or_else(String::new, |count| marked(*count, mark));
                text += &line(std::iter::once((*name).to_owned()).chain(months.iter().map(cell)).collect());
            }
        } else {
            text += &line(vec!["month".to_owned(), "category".to_owned(), "count".to_owned()]);
            for (number, category, count) in &rows {
                text += &line(vec![period(*number), CATEGORIES[*category].to_owned(), marked(*count, mark)]);
            }
        }
        // Whole thousands everywhere may be decimals, and are asked for.
        let choices = match mark {
            "," => choosing(&[("--decimal", "point")]),
            "." => choosing(&[("--decimal", "comma")]),
            _ => Choices::default(),
        };
        let found = with(&text, &choices).map_err(|said| TestCaseError::fail(format!("{said}\n{text}")))?;
        let mut expected: Vec<String> = sums
            .iter()
            .map(|((number, category), count)| format!("2026-{number:02} {} {count}", CATEGORIES[*category]))
            .collect();
        let mut told = lines(&found.reports[0]);
        expected.sort();
        told.sort();
        prop_assert_eq!(told, expected, "{}", text);
    }

    #[test]
    fn the_order_of_rows_is_of_no_matter(rows in any_rows().prop_shuffle(), seed in any::<u64>()) {
        let line = |(month, category, count): &(u32, usize, i64)| format!("2026-{month:02}\t{}\t{count}\n", CATEGORIES[*category]);
        let mut other = rows.clone();
        other.sort_by_key(|row| (u64::from(row.0) ^ seed, row.1, row.2));
        let text = |rows: &[(u32, usize, i64)]| format!("month\tcategory\tcount\n{}", rows.iter().map(line).collect::<String>().replace('"', ""));
        prop_assert_eq!(shown(&text(&rows)), shown(&text(&other)));
    }
}
