//! `kill -9` of the real program at chosen moments: the next start goes on, nothing is counted twice,
//! and a delivery is repeated only under its own key.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{
    Mood, Receiver, Serving, done, eventually, folder_with, jsonl, loud_week, moved_to_now,
};

fn config(url: &str) -> String {
    let digest = |cadence: &str| {
        format!(
            "[[digests]]\ncadence = '{cadence}'\nschedule = '* * * * *'\ngrace_minutes = 0\ndestinations = ['hook']\n"
        )
    };
    let digests: String = ["daily", "weekly", "monthly"].map(digest).concat();
    format!(
        "[web]\nlisten = '127.0.0.1:0'\npublic_url = 'http://groundswell.example'\n\
         [digest]\nconversations_min = 2\n\
         [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\nschedule = '* * * * *'\npage_records = 40\n\
         [[destinations]]\nid = 'hook'\nkind = 'webhook'\nurl = '{url}'\nsecret_file = 'secret'\n\
         {digests}"
    )
}

#[tokio::test]
async fn kill_9_at_any_moment_counts_nothing_twice_and_posts_nothing_new_twice() {
    let receiver = Receiver::start().await;
    let (_folder, path) = folder_with(&config(&receiver.url));
    std::fs::write(path.join("secret"), "hush").unwrap();
    let rows = moved_to_now(loud_week());
    std::fs::write(path.join("desk.jsonl"), jsonl(&rows)).unwrap();

    // While it pulls: pages are there, embedding is not.
    let mut serving = Serving::start(&path);
    serving.wait_for("source pulled").await;
    serving.kill().await;

    // Between finding topics and closing windows.
    let mut serving = Serving::start(&path);
    serving.wait_for("topics are new or changed").await;
    serving.kill().await;

    // After the receiver has the digest and before the daemon knows it.
    receiver.set(Mood::Silent);
    let mut serving = Serving::start(&path);
    eventually("the first delivery", async || {
        (receiver.arrivals() > 0).then_some(())
    })
    .await;
    let first = receiver.by_key();
    serving.kill().await;

    receiver.set(Mood::Well);
    serving = Serving::start(&path);
    serving.wait_for("digest delivered").await;
    eventually("all deliveries", async || {
        let digests = serving.api("digests").await;
        let count = digests.as_array().unwrap().len();
        (receiver.by_key().len() == count).then_some(())
    })
    .await;

    let kept = receiver.by_key();
    let repeated = first.keys().next().unwrap();
    assert!(kept.contains_key(repeated));
    let times = receiver.arrivals();
    assert_eq!(
        times,
        kept.len() + first.len(),
        "only what was cut off came twice"
    );
    let digests = serving.api("digests").await;
    let expected: BTreeSet<String> = digests
        .as_array()
        .unwrap()
        .iter()
        .map(|id| format!("{}/hook", id.as_str().unwrap()))
        .collect();
    assert_eq!(kept.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(expected.iter().any(|key| key.starts_with("weekly-")));
    assert_counts(&mut serving, rows.len()).await;

    // One more start, to the end of its work: nothing more is sent.
    let before = receiver.arrivals();
    let (status, _) = serving.terminate().await;
    assert!(status.success());
    let mut serving = Serving::start(&path);
    serving.wait_for("pages on").await;
    assert_counts(&mut serving, rows.len()).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(receiver.arrivals(), before);
    let assignments = serving.api("tables/assignments").await;
    let log = serving.terminate().await.1;
    assert!(!log.contains("ERROR"), "{log}");
    let verified = done(&path, &["digest", "verify", "--all"]);
    assert!(!verified.contains("not computed again"), "{verified}");

    // Whoever was never killed says the same of every conversation.
    let (_folder, path) = folder_with(&config(&receiver.url));
    std::fs::write(path.join("secret"), "hush").unwrap();
    std::fs::write(path.join("desk.jsonl"), jsonl(&rows)).unwrap();
    let mut serving = Serving::start(&path);
    serving.wait_for("digest delivered").await;
    assert_eq!(serving.api("tables/assignments").await, assignments);
    assert!(serving.terminate().await.0.success());
}

/// Every conversation is there once, and each closed window says the same as the tables.
async fn assert_counts(serving: &mut Serving, count: usize) {
    let sources = serving.api("sources").await;
    assert_eq!(sources[0]["records"], count, "{sources}");
    let table = serving.api("tables/assignments").await;
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), count);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(ids.len(), count);
    for cadence in ["daily", "weekly", "monthly"] {
        let windows = serving.api(&format!("windows/{cadence}")).await;
        let keys: BTreeSet<&str> = windows
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w["window"].as_str().unwrap())
            .collect();
        assert_eq!(keys.len(), windows.as_array().unwrap().len());
        for window in windows.as_array().unwrap() {
            assert_eq!(window["conversations"], frozen(window), "{window}");
        }
    }
}

/// What the frozen counts of a window add up to, without what is excluded.
fn frozen(window: &Value) -> u64 {
    let counts = window["counts"].as_array().unwrap().iter();
    let counted = counts.filter(|count| !count["state"].as_str().unwrap().starts_with("excluded"));
    counted
        .map(|count| count["conversations"].as_u64().unwrap())
        .sum()
}
