//! A true case: a fire brigade's notes beside its own official report. Until the middle of 2012 cats and dogs were filed as
//! livestock; then the rule changed, and the line nearly stopped. The findings must show it without being told.

use std::collections::BTreeMap;

use crate::support::{done, folder_with, public_data};

const LINE: &str = "Animal assistance involving livestock - Other action";

#[test]
fn cats_and_dogs_filed_as_livestock_are_found_in_the_fire_brigades_notes() {
    let (Some(notes), Some(report)) = (
        public_data("lfb.jsonl"),
        public_data("lfb_official_report.csv"),
    ) else {
        return;
    };
    // Which of its fields is the official category is the only thing that the configuration says.
    let config = r#"
        [[sources]]
        id = "notes"
        kind = "files"
        schedule = "0 5 * * *"
        paths = ["notes"]
        columns = { category = "service_type" }
    "#;
    let (_folder, path) = folder_with(config);
    let (notes, report) = (
        notes.canonicalize().unwrap(),
        report.canonicalize().unwrap(),
    );
    let (notes, report) = (notes.to_str().unwrap(), report.to_str().unwrap());
    let arguments = ["analyze", notes, "--out", "out", "--report", report];
    let said = done(
        &path,
        &[&arguments[..], &["--category", "service_type"]].concat(),
    );
    assert!(said.contains("the report matches"), "{said}");

    let mut reader = csv::Reader::from_path(path.join("out/findings.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    let emptied: Vec<BTreeMap<String, String>> = rows
        .map(Result::unwrap)
        .filter(|row| row["kind"] == "moved" && row["topic_id"].is_empty())
        .collect();
    let found = emptied.iter().find(|row| row["category"] == LINE);
    let found = found.unwrap_or_else(|| panic!("{emptied:?}"));
    assert_eq!(found["to_category"], "Assist trapped domestic animal");
    assert!(found["since"].starts_with("2012-"), "{}", found["since"]);
    let sentence = &found["finding"];
    // Of the 537 notes of this line 380 are of cats and dogs.
    let pets = sentence.split("elsewhere: ").nth(1).unwrap();
    let pets: u32 = pets.split(' ').next().unwrap().parse().unwrap();
    assert!((330..=400).contains(&pets), "{sentence}");
    for word in ["cat", "dog"] {
        assert!(sentence.contains(word), "{sentence}");
    }
}
