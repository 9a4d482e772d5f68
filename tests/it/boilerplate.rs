//! What is said around every subject makes no topic, nor do one customer's or one machine's repeats, mixed into real
//! conversations and read by the real program.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Row, done, folder_with, jsonl, last_weeks};

fn row(family: &str, number: usize, text: String, requester: Option<String>) -> Row {
    let row = json!({
        "id": format!("{family}-{number}"), "text": text, "requester": requester,
        "created_at": format!("2026-03-{:02}T09:00:00Z", 2 + number % 26),
    });
    let mut row = row.as_object().unwrap().clone();
    row.retain(|_, value| !value.is_null());
    row
}

/// Texts of one family, each put together from its own pieces, each of another customer.
fn family(name: &str, count: usize, text: impl Fn(usize) -> String) -> Vec<Row> {
    let one = |number| row(name, number, text(number), Some(format!("{name} {number}")));
    (0..count).map(one).collect()
}

fn around_every_subject() -> Vec<Row> {
    let pick = |list: &[&str], at: usize| list[at % list.len()].to_owned();
    let hello = [
        "Hi there",
        "Good morning",
        "Dear team",
        "Hello everyone",
        "Guten Tag",
    ];
    let bye = [
        "many thanks and have a nice weekend",
        "thanks a lot for your help",
        "thank you very much",
        "best wishes to all",
        "have a great day",
        "vielen Dank",
    ];
    let who = ["Petra Lindner", "Hugo Marsh", "Elif Kaya", "Sven Thorsen"];
    let call = [
        "Please call me back tomorrow",
        "Customer would like to be called back",
        "Can somebody ring me today",
        "Callback requested before noon",
        "Wants to be phoned back, urgent",
        "Bitte um Rückruf",
    ];
    let notice = [
        "This message is confidential and intended for the addressee only. If you received it in error, please delete it.",
        "Please think of the environment before printing this mail.",
    ];
    let automatic = [
        "Thank you, we have received your message and will get back to you soon.",
        "I am out of the office until the 14th and read my mails after that. In urgent cases please call the front desk.",
    ];
    let mut rows = family("greeting", 24, |n| {
        format!(
            "{}, {}. {}",
            pick(&hello, n),
            pick(&bye, n / 2),
            pick(&who, n)
        )
    });
    rows.extend(family("call", 24, |n| {
        format!("{}. {}", pick(&call, n), pick(&bye, n / 5))
    }));
    rows.extend(family("signature", 24, |n| {
        format!(
            "Kind regards\n{}\nHead of Service\nPhone 0171 {n}44 20",
            pick(&who, n)
        )
    }));
    rows.extend(family("notice", 24, |n| {
        format!(
            "{},\n\n{}\n{}\n\n{}",
            pick(&hello, n),
            pick(&bye, n),
            pick(&who, n / 3),
            pick(&notice, n)
        )
    }));
    rows.extend(family("automatic", 24, |n| pick(&automatic, n)));
    rows
}

fn repeats() -> Vec<Row> {
    let parts = ["the third shelf", "the loading dock", "the cold room"];
    let mut rows: Vec<Row> = (0..30)
        .map(|n| {
            let text = format!(
                "The label printer at {} jams after {} labels, we cleared it twice since Monday and it jams again",
                parts[n % 3],
                40 + n
            );
            row("customer", n, text, Some("warehouse".to_owned()))
        })
        .collect();
    rows.extend((0..30).map(|n| {
        let text = format!(
            "Monitoring: disk volume{n} on host db{} has only {} percent of its space left, threshold is {} percent",
            n % 4,
            3 + n % 5,
            10 + n % 2
        );
        row("machine", n, text, None)
    }));
    rows
}

#[test]
fn boilerplate_and_repeats_make_no_topic() {
    let (_folder, path) = folder_with("");
    let mut rows = last_weeks();
    let real = rows.len();
    rows.extend(around_every_subject());
    rows.extend(repeats());
    std::fs::write(path.join("in.jsonl"), jsonl(&rows)).unwrap();
    done(&path, &["analyze", "in.jsonl", "--out", "out"]);
    let table = std::fs::read(path.join("out/assignments.csv")).unwrap();
    let families = [
        "greeting",
        "call",
        "signature",
        "notice",
        "automatic",
        "customer",
        "machine",
    ];
    let (mut assigned, mut of_topics) = (BTreeMap::new(), BTreeMap::new());
    for row in csv::Reader::from_reader(table.as_slice()).deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let family = row["id"].split_once('-').map_or("", |(family, _)| family);
        let family = families
            .iter()
            .find(|known| **known == family)
            .unwrap_or(&"real");
        if row["state"] == "assigned" {
            *assigned.entry(*family).or_insert(0) += 1;
            let of_topic: &mut BTreeMap<&str, u32> =
                of_topics.entry(row["topic"].clone()).or_default();
            *of_topic.entry(family).or_default() += 1;
        }
    }
    assert!(assigned["real"] * 2 > real, "{assigned:?} of {real}");
    for family in &families[..5] {
        assert!(
            assigned.get(family).is_none_or(|count| *count <= 2),
            "{family}: {assigned:?}"
        );
    }
    for (topic, of) in of_topics {
        let of_others: u32 = of
            .iter()
            .filter(|(family, _)| **family != "real")
            .map(|(_, n)| n)
            .sum();
        assert!(of_others * 2 <= of.values().sum(), "{topic}: {of:?}");
    }
}
