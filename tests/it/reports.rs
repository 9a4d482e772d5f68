//! `groundswell report`, as people use it: files of every kind, files that leave something open, files that are wrong or bad.

use std::io::Write;
use std::path::Path;

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::support::{
    Said, done, folder_with, groundswell, groundswell_reading, groundswell_within,
};

const CONFIG: &str = "time_zone = \"Europe/Berlin\"\n";

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn import(folder: &Path, name: &str) -> String {
    done(folder, &["report", "import", name])
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    serde_json::from_str(&done(folder, &all)).unwrap()
}

/// Refused as wrong usage, and nothing was kept.
#[track_caller]
fn assert_refused(folder: &Path, said: &Said, words: &[&str]) {
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "no {word}: {}", said.err);
    }
    assert_eq!(json(folder, &["report", "list"]), serde_json::json!([]));
}

#[test]
fn a_corrected_report_is_a_version_beside_the_first() {
    let (_folder, path) = folder_with(CONFIG);
    let text = "Month;Category;Count\nMarch 2026;Billing;1.204\nMarch 2026;Login;7\nMarch 2026;Total;1.211\n";
    write(&path, "official.csv", text);
    let out = import(&path, "official.csv");
    for words in [
        "official.csv: 2 lines, monthly, 1211 in all, version 1",
        "CSV with semicolons",
        "\"Month\" (A)",
        "1, 2026-03 to 2026-03",
        "2026-03  Billing  1204",
    ] {
        assert!(out.contains(words), "no {words}:\n{out}");
    }
    assert!(import(&path, "official.csv").contains("the same as version 1"));
    write(
        &path,
        "official.csv",
        text.replace("Login;7", "Login;9\nMarch 2026;Other;1")
            .replace("1.211", "1.214"),
    );
    assert!(import(&path, "official.csv").contains("1214 in all, version 2"));

    let list = done(&path, &["report", "list"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(
        list.contains("version 2") && list.contains("version 1") && list.contains("1211 in all"),
        "{list}"
    );
    let old = done(&path, &["report", "show", "official.csv", "--version", "1"]);
    assert!(old.contains("7  Login") && !old.contains("Other"), "{old}");
    let new = done(&path, &["report", "show", "official.csv"]);
    assert!(new.contains("9  Login"), "{new}");
    let diff = done(&path, &["report", "diff", "official.csv"]);
    assert_eq!(
        diff,
        "official.csv: version 1 to 2: 2 lines changed, +3 in all\n  2026-03  Login  7 to 9 (+2)\n  2026-03  Other  new: 1\n"
    );
    let diff = json(&path, &["report", "diff", "official.csv"]);
    assert_eq!(diff[0]["lines"][0]["before"], 7);
    for arguments in [["report", "show", "nobody"], ["report", "diff", "nobody"]] {
        let said = groundswell(&path, &arguments);
        assert_eq!(said.code, 2);
        assert!(
            said.err.contains("there is no report \"nobody\""),
            "{}",
            said.err
        );
    }
}

#[test]
fn what_is_left_open_is_asked_once() {
    let (_folder, path) = folder_with(CONFIG);
    write(
        &path,
        "march.csv",
        "Date,Reason,Tickets,Calls\n03/04/2026,Billing,4,9\n03/05/2026,Login,6,1\n",
    );
    let said = groundswell(&path, &["report", "import", "march.csv"]);
    assert_refused(&path, &said, &["--count Tickets or --count Calls"]);
    let said = groundswell(
        &path,
        &["report", "import", "march.csv", "--count", "calls"],
    );
    assert_refused(
        &path,
        &said,
        &[
            "03/04/2026 may be 3 April 2026 or 4 March 2026",
            "--date-order mdy",
        ],
    );
    let flags = [
        "report",
        "import",
        "march.csv",
        "--count",
        "calls",
        "--date-order",
        "mdy",
        "--name",
        "Service report",
    ];
    let dry: Vec<&str> = flags.iter().copied().chain(["--dry-run"]).collect();
    assert!(done(&path, &dry).contains("nothing was imported"));
    assert_eq!(json(&path, &["report", "list"]), serde_json::json!([]));
    assert!(done(&path, &flags).contains("2026-03-04  Billing  9"));

    a_layout_is_remembered(&path);
}

fn a_layout_is_remembered(path: &Path) {
    // Next month's file of the same layout asks nothing and is the same report; this month's lines stay.
    write(
        path,
        "april.csv",
        "date,reason,tickets,calls\n04/06/2026,Billing,5,11\n",
    );
    let out = import(path, "april.csv");
    assert!(
        out.contains("Service report: 1 lines, daily, 11 in all, version 2"),
        "{out}"
    );
    assert!(
        out.contains("read as the last file with these headers"),
        "{out}"
    );
    // A flag overrides what was remembered, and is remembered instead.
    let out = done(
        path,
        &[
            "report",
            "import",
            "april.csv",
            "--date-order",
            "dmy",
            "--count",
            "tickets",
        ],
    );
    assert!(out.contains("2026-06-04  Billing  5"), "{out}");
    assert!(import(path, "april.csv").contains("2026-06-04  Billing  5"));
    // What no longer fits is read anew.
    write(
        path,
        "may.csv",
        "date,reason,tickets,calls\n05/25/2026,Billing,5,11\n",
    );
    let out = done(
        path,
        &[
            "report",
            "import",
            "may.csv",
            "--count",
            "calls",
            "--date-order",
            "mdy",
        ],
    );
    assert!(out.contains("2026-05-25  Billing  11"), "{out}");
}

#[test]
fn every_wrong_cell_is_named_and_nothing_is_half_imported() {
    let (_folder, path) = folder_with(CONFIG);
    write(
        &path,
        "wrong.csv",
        "week,category,count\n2026-W13,Other,4\n2026-W14,Other,many\n2026-W99,Other,5\n2026-W15,Other,=2+3\n",
    );
    let said = groundswell(&path, &["report", "import", "wrong.csv"]);
    let words = [
        "wrong.csv: nothing was imported:",
        "row 3, column C \"count\": \"many\" is not a count; a whole number such as 1204 was expected",
        "row 4, column A \"week\": \"2026-W99\" is not a period such as 2026-W13",
        "row 5, column C \"count\": \"=2+3\" is a formula, which is never computed",
    ];
    assert_refused(&path, &said, &words);
    let said = groundswell(
        &path,
        &["report", "import", "wrong.csv", "--period", "Monat"],
    );
    assert_refused(
        &path,
        &said,
        &["there is no column \"Monat\"; the header has \"week\" (A)"],
    );
    assert_refused(
        &path,
        &groundswell(&path, &["report", "import", "nothing.csv"]),
        &["nothing.csv: No such file"],
    );
    assert_refused(
        &path,
        &groundswell(&path, &["report", "import", "wrong.csv", "--zone", "Mars"]),
        &["Europe/Berlin"],
    );
}

#[test]
fn a_pasted_table_is_read_from_standard_input() {
    let (_folder, path) = folder_with(CONFIG);
    let pasted = "From the weekly mail\n\n| Week | Reason | Solved |\n|------|--------|-------:|\n| KW 13/2026 | Billing | 12 |\n| KW 13/2026 | **Total** | 12 |\n";
    let said = groundswell_reading(
        &path,
        &["report", "import", "-", "--zone", "Europe/Berlin"],
        pasted,
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out
            .starts_with("pasted report: 1 lines, weekly, 12 in all, version 1"),
        "{}",
        said.out
    );
    let aligned = "week       category     opened   solved\n2026-W13   Billing          12       10\n2026-W13   Login             3        4\n";
    let arguments = ["report", "import", "-", "--name", "desk", "--json"];
    let said = groundswell_reading(&path, &arguments, aligned);
    let read: Value = serde_json::from_str(&said.out).unwrap();
    let reports = read["reports"].as_array().unwrap();
    let told: Vec<_> = reports
        .iter()
        .map(|one| {
            (
                one["metric"].as_str().unwrap(),
                one["basis"].as_str().unwrap(),
                one["total"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("opened", "opened", 15), ("solved", "closed", 14)]);
    let list = json(&path, &["report", "list"]);
    assert_eq!(
        list[0]["metric"], "opened",
        "what we count ourselves is compared first"
    );
    assert_eq!(list[2]["zone"], "Europe/Berlin");
    // A question cannot be answered where the table itself comes in.
    let said = groundswell_reading(
        &path,
        &["report", "import", "-"],
        "day\tcount\n03/04/2026\t4\n",
    );
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--date-order dmy"), "{}", said.err);
}

fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let notes = book.add_worksheet().set_name("Notes").unwrap();
    notes.write(0, 0, "Figures of the service desk").unwrap();
    let sheet = book.add_worksheet().set_name("Monthly").unwrap();
    let month = Format::new().set_num_format("mmm yy");
    sheet.write(0, 0, "Service desk, all channels").unwrap();
    for (column, day) in [(1, "2026-02-01"), (2, "2026-03-01")] {
        let date = ExcelDateTime::parse_from_str(day).unwrap();
        sheet.write_with_format(2, column, &date, &month).unwrap();
    }
    sheet.write(2, 3, "Total").unwrap();
    for (row, (name, counts)) in (3..).zip([("Billing", [10, 1204]), ("Größe", [7, 5])]) {
        sheet.write(row, 0, name).unwrap();
        sheet.write(row, 1, counts[0]).unwrap();
        sheet.write(row, 2, counts[1]).unwrap();
        let sum = Formula::new("=B4+C4").set_result((counts[0] + counts[1]).to_string());
        sheet.write(row, 3, sum).unwrap();
    }
    sheet.write(1_048_575, 16_383, "far away").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn a_spreadsheet_is_read_cell_by_cell() {
    let (_folder, path) = folder_with(CONFIG);
    write(&path, "official.xlsx", workbook());
    let out = groundswell_within(&path, 1024, &["report", "import", "official.xlsx"]);
    assert_eq!(out.code, 0, "{}", out.err);
    for words in [
        "official.xlsx: 4 lines, monthly, 1226 in all, version 1",
        "XLSX, sheet \"Monthly\"",
        "2026-02  Billing  10",
        "2 cells of the file hold formulas",
    ] {
        assert!(out.out.contains(words), "no {words}:\n{}", out.out);
    }
    let show = done(&path, &["report", "show", "official.xlsx"]);
    assert!(
        show.contains("2026-03       1204  Billing") && show.contains("Größe"),
        "{show}"
    );
}

/// An archive with a sheet that is mostly blanks.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file(
        "xl/worksheets/sheet1.xml",
        SimpleFileOptions::default().large_file(true),
    )
    .unwrap();
    let block = b"<c r=\"A1\"><v>0</v></c>".repeat(1024 * 1024 / 22);
    for _ in 0..megabytes {
        out.write_all(&block).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn what_is_too_large_is_refused_in_little_memory() {
    let (_folder, path) = folder_with(CONFIG);
    let file = std::fs::File::create(path.join("large.csv")).unwrap();
    file.set_len(200 * 1024 * 1024).unwrap();
    let said = groundswell_within(&path, 512, &["report", "import", "large.csv"]);
    assert_refused(
        &path,
        &said,
        &["large.csv: is larger than 32 MB", "file_mb_max"],
    );

    let mut bytes = bomb(600);
    assert!(bytes.len() < 4 * 1024 * 1024, "{}", bytes.len());
    write(&path, "bomb.xlsx", &bytes);
    let said = groundswell_within(&path, 512, &["report", "import", "bomb.xlsx"]);
    assert_refused(
        &path,
        &said,
        &["bomb.xlsx: is more than 128 MB once unpacked"],
    );
    // The sizes in its headers say that it is small.
    for (mark, offset) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let place = bytes.windows(4).position(|four| four == mark).unwrap() + offset;
        bytes[place..place + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    write(&path, "liar.xlsx", &bytes);
    let said = groundswell_within(&path, 512, &["report", "import", "liar.xlsx"]);
    assert_refused(&path, &said, &["liar.xlsx: is"]);
    // The same for what comes in on standard input.
    let (_small, path) = folder_with("[report]\nfile_mb_max = 1\n");
    let text = format!("week,count\n{}", "2026-W13,5\n".repeat(120_000));
    let said = groundswell_reading(&path, &["report", "import", "-"], &text);
    assert_refused(&path, &said, &["is larger than 1 MB"]);
}

#[test]
fn a_helpdesks_export_of_tickets_is_counted() {
    let (_folder, path) = folder_with(CONFIG);
    let header = "Summation column,Id,Requester,Subject,Status,Ticket type,Created at,Updated at,Solved at,Reason [list]\n";
    let ticket =
        |id: u32, at: &str| format!("1,{id},Anna,It leaks,Open,Problem,{at},{at},,Heating\n");
    let rows: String = (1..=9)
        .map(|id| ticket(id, &format!("2026-03-0{id} 09:00")))
        .collect();
    write(&path, "zendesk.csv", format!("{header}{rows}"));
    let out = done(
        &path,
        &["report", "import", "zendesk.csv", "--cadence", "weekly"],
    );
    assert!(
        out.contains("Zendesk export of tickets, not a report: 9 tickets"),
        "{out}"
    );
    assert!(out.contains("2026-W10  Heating  7"), "{out}");
}

/// Every file of the fixtures is understood as the text beside it says.
#[test]
fn every_fixture_is_understood_as_written_down() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports");
    let mut names: Vec<String> = std::fs::read_dir(&fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".understood"))
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    let (_folder, path) = folder_with(CONFIG);
    for name in names {
        write(&path, &name, std::fs::read(fixtures.join(&name)).unwrap());
        let told = done(&path, &["report", "import", &name]);
        let shown = done(&path, &["report", "show", &name]);
        let beside = fixtures.join(format!("{name}.understood"));
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(format!("{told}\n{shown}"), expected, "{name}");
    }
}
