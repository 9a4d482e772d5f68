//! The cursor over growing, replaced and broken files.

use std::fs;
use std::time::Duration;

use super::*;

struct Folder {
    folder: tempfile::TempDir,
    config: FilesConfig,
    cursor: Option<Cursor>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = FilesConfig {
            paths: vec![folder.path().to_owned()],
            ..FilesConfig::default()
        };
        Self {
            folder,
            config,
            cursor: None,
        }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        let before = fs::read(&path).unwrap();
        fs::write(path, [before, text.as_bytes().to_vec()].concat()).unwrap();
    }

    /// Pulls until the last page: ids and reasons, in order, and the number of pages.
    fn pull(&mut self, age: Duration) -> (Vec<String>, usize) {
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = self.page(age).unwrap();
            pages += 1;
            found.extend(page.records.iter().map(|record| match record {
                Record::Conversation(one) => one.key.id.clone(),
                other => format!("{other:?}"),
            }));
            found.extend(
                page.skipped
                    .iter()
                    .map(|one| format!("{} {}", one.place, one.reason)),
            );
            self.cursor = Some(page.next);
            if page.is_last {
                return (found, pages);
            }
        }
    }

    fn page(&self, age: Duration) -> Result<Page, PullError> {
        let reading = Reading {
            source: SourceId::from("desk"),
            config: self.config.clone(),
            zone: Tz::UTC,
            now: crate::clock::now() + age,
        };
        reading.page(self.cursor.as_ref())
    }
}

fn line(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"created_at\":\"2026-03-02T09:12:00Z\",\"text\":\"it leaks\"}}\n")
}

const YOUNG: Duration = Duration::ZERO;
const OLD: Duration = Duration::from_secs(600);

#[test]
fn files_are_read_by_name_in_bounded_pages_and_once() {
    let mut folder = Folder::new();
    folder.config.page_records = 2;
    folder.write("b.jsonl", format!("{}{}", line("3"), line("4")));
    folder.write("a.jsonl", format!("{}\n{}", line("1"), line("2")));
    folder.write("c.csv", "id,created_at,text\n5,2026-03-02,x\n");
    folder.write(".d.jsonl", line("6"));
    folder.write("e.txt", line("7"));
    assert_eq!(folder.pull(YOUNG).0, ["1", "2", "3", "4", "5"]);
    assert_eq!(folder.pull(YOUNG), (vec![], 1));
}

#[test]
fn appended_lines_are_read_and_a_replaced_file_is_read_anew() {
    let mut folder = Folder::new();
    folder.write("a.jsonl", line("1"));
    assert_eq!(folder.pull(YOUNG).0, ["1"]);
    folder.append("a.jsonl", &line("2"));
    assert_eq!(folder.pull(YOUNG).0, ["2"]);
    folder.write(
        "a.jsonl",
        format!("{}{}{}", line("9"), line("2"), line("3")),
    );
    assert_eq!(folder.pull(YOUNG).0, ["9", "2", "3"]);
    folder.write("a.jsonl", line("9"));
    assert_eq!(folder.pull(YOUNG).0, ["9"], "a shorter file is another one");
}

#[test]
fn a_table_grows_below_its_header() {
    let mut folder = Folder::new();
    folder.write("a.csv", "\u{feff}id;created_at;text\n1;2026-03-02;x\n");
    assert_eq!(folder.pull(YOUNG).0, ["1"]);
    folder.append("a.csv", "2;2026-03-02;\"two\nlines\"\n3;2026-03-02;y");
    assert_eq!(folder.pull(YOUNG).0, ["2"], "the last row may still grow");
    folder.append("a.csv", "es");
    assert_eq!(folder.pull(OLD).0, ["3"]);
    assert_eq!(folder.pull(OLD).0, [""; 0]);
}

#[test]
fn a_last_line_without_newline_counts_when_it_is_whole_and_waits_when_not() {
    let mut folder = Folder::new();
    folder.write("a.jsonl", line("1").trim_end());
    assert_eq!(folder.pull(YOUNG).0, ["1"]);
    folder.append("a.jsonl", "\n{\"id\":\"2\",\"created_at\":\"2026-0");
    assert_eq!(
        folder.pull(YOUNG).0,
        ["1"],
        "the line has its newline now; reading it again is harmless"
    );
    assert_eq!(
        folder.pull(OLD).0,
        ["a.jsonl:2 is not JSON, at character 30"]
    );
    assert_eq!(folder.pull(OLD).0, [""; 0], "reported once");
    folder.append("a.jsonl", "3-02\",\"text\":\"x\"}\n");
    assert_eq!(
        folder.pull(YOUNG).0,
        ["2"],
        "nothing is lost by having looked too early"
    );
}

#[test]
fn a_wrong_line_costs_itself_only() {
    let mut folder = Folder::new();
    folder.config.line_bytes_max = 1_024;
    let long = line(&"x".repeat(2_000));
    folder.write(
        "a.jsonl",
        format!("{}nonsense\n{long}\r\n{}", line("1"), line("2")),
    );
    let expected = [
        "1",
        "2",
        "a.jsonl:2 is not JSON, at character 2",
        "a.jsonl:3 is longer than 1024 bytes",
    ];
    assert_eq!(folder.pull(YOUNG).0, expected);
}

#[test]
fn every_cursor_goes_on_without_loss() {
    let mut folder = Folder::new();
    folder.config.page_records = 1;
    let ids: Vec<String> = (0..7).map(|id| id.to_string()).collect();
    folder.write("a.jsonl", ids.iter().map(|id| line(id)).collect::<String>());
    let mut cursors = vec![None];
    loop {
        folder.cursor = cursors.last().unwrap().clone();
        let page = folder.page(YOUNG).unwrap();
        cursors.push(Some(page.next));
        if page.is_last {
            break;
        }
    }
    for (place, cursor) in cursors.into_iter().enumerate().take(8) {
        folder.cursor = cursor;
        assert_eq!(folder.pull(YOUNG).0, ids[place.min(7)..]);
    }
}

#[test]
fn an_unknown_cursor_reads_everything_anew() {
    let mut folder = Folder::new();
    folder.write("a.jsonl", line("1"));
    folder.cursor = Some(Cursor("{\"version\":99}".into()));
    assert_eq!(folder.pull(YOUNG).0, ["1"]);
}

#[test]
fn what_is_missing_or_in_the_wrong_form_is_one_sentence() {
    let mut folder = Folder::new();
    folder
        .config
        .paths
        .push(folder.folder.path().join("gone.csv"));
    let error = folder.page(YOUNG).unwrap_err().to_string();
    assert!(
        error.ends_with("gone.csv cannot be read: there is no such file or folder"),
        "{error}"
    );
    folder.config.paths.pop();
    folder.write("a.csv", [0xff, 0xfe, 0x69, 0x00]);
    assert!(
        folder
            .page(YOUNG)
            .unwrap_err()
            .to_string()
            .ends_with("is UTF-16: save it as UTF-8")
    );
}

#[test]
fn an_old_encoding_is_read_and_counted() {
    let mut folder = Folder::new();
    folder.write(
        "a.csv",
        b"id,created_at,text\n1,2026-03-02,Gr\xfc\xdfe\n".as_slice(),
    );
    let page = folder.page(YOUNG).unwrap();
    assert!(
        page.remarks[0].contains("1 lines are not UTF-8"),
        "{:?}",
        page.remarks
    );
    folder.cursor = Some(page.next);
    assert_eq!(folder.pull(YOUNG).0, [""; 0]);
}

#[test]
fn completeness_is_now_or_the_newest_record() {
    let mut folder = Folder::new();
    folder.write("a.jsonl", line("1"));
    assert!(
        folder.page(YOUNG).unwrap().complete_until.unwrap()
            > "2026-03-02T09:12:00Z".parse::<DateTime<Utc>>().unwrap()
    );
    folder.config.complete_until = CompleteUntil::NewestRecord;
    let page = folder.page(YOUNG).unwrap();
    assert_eq!(
        page.complete_until,
        Some("2026-03-02T09:12:00Z".parse().unwrap())
    );
}
