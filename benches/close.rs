//! Time and memory of closing a month: 100,000 conversations under 500 categories, about 300 topics, with an official report
//! of the month by solving date in another time zone. The whole step is measured: facts are loaded, counted, laid beside the
//! report under all definitions, searched for findings, drafted, composed and stored. With "teams", four teams by a further
//! field get digests of their own beside it. `cargo bench --bench close [-- COUNT [teams]]`

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::{
    Assignment, Cadence, Conversation, ConversationKey, Discovery, Exclusion, Kind, OfficialReport,
    ReportBasis, ReportRow, SourceId, Stored, Text, Topic, TopicId, TopicStatus,
};
use groundswell::steps;
use groundswell::store::CleanPage;
use sha2::{Digest as _, Sha256};
use support::{memory_mib, run};

const CATEGORIES: u64 = 500;
const TOPICS: u64 = 300;
const PAGE: usize = 2_000;
const REGIONS: [&str; 4] = ["north", "east", "south", "west"];

fn main() {
    run(100_000, close);
}

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

async fn close(count: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let with_teams = std::env::args().any(|argument| argument == "teams");
    let teams: String = REGIONS.iter().filter(|_| with_teams).map(team).collect();
    let mut config = Config::parse(&teams, folder.path().to_path_buf(), BTreeMap::new())
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    config.data_dir = folder.path().join("data");
    let app = App::open(config).await?;
    let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse()?;
    let stored = conversations(count, start);
    let source = SourceId::from("desk");
    for part in stored.chunks(PAGE) {
        let page = CleanPage {
            conversations: part.to_vec(),
            ..CleanPage::default()
        };
        app.store.save_page(&source, &page, start).await?;
    }
    app.store
        .save_discovery(&topics(&stored, start), start)
        .await?;
    app.store.save_report(&report(&stored), start).await?;
    drop(stored);
    let window = app.config.calendar.window(Cadence::Monthly, start);
    let before = memory_mib("VmRSS:");
    let begun = Instant::now();
    steps::close(&app, &window, &[], true, window.end).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let closed = app
        .store
        .closed_window(Cadence::Monthly, &window.key)
        .await?;
    let closed = closed.expect("the window is closed");
    let digest = match &closed.digest {
        Some(id) => app.store.digest(id).await?,
        None => None,
    };
    println!(
        "{} conversations under {CATEGORIES} categories closed in {seconds:.2} s; peak memory {} MiB, {before} MiB before",
        closed.conversations,
        memory_mib("VmHWM:"),
    );
    match digest.and_then(|(digest, _)| digest.official) {
        Some(official) => println!("{}; causes {:?}", official.fit, official.causes),
        None => println!("no digest: {}", closed.reason),
    }
    Ok(())
}

/// A destination of a team by a further field.
fn team(region: &&str) -> String {
    format!(
        "[[destinations]]\nid = \"{region}\"\nkind = \"file\"\nfolder = \"{region}\"\n\
         [destinations.only]\nattributes = {{ region = [\"{region}\"] }}\n"
    )
}

/// A month of conversations: a third are calls, a few spam or merged; each is mostly under its topic's category.
fn conversations(count: usize, start: DateTime<Utc>) -> Vec<Stored> {
    let mut dice = Dice(5);
    let minutes = TimeDelta::days(31).num_minutes() as u64;
    let one = |number: usize| {
        let at = start + TimeDelta::minutes(dice.below(minutes) as i64);
        let topic = topic_of(number);
        let key = ConversationKey::new("desk", format!("{number:06}"));
        let mut conversation = Conversation::new(key, at);
        conversation.closed_at = Some(at + TimeDelta::minutes(dice.below(60 * 24 * 9) as i64));
        let category = match dice.below(100) {
            0..12 => dice.below(CATEGORIES),
            _ => topic * CATEGORIES / TOPICS,
        };
        conversation.category = (dice.below(20) > 0).then(|| format!("Category {category:03}"));
        conversation.requester = Some(format!("customer-{}", dice.below(20_000)));
        let region = REGIONS[number % REGIONS.len()];
        conversation
            .attributes
            .insert("region".to_owned(), region.to_owned());
        conversation.product = Some(format!("Terra {}", dice.below(9)));
        if dice.below(3) == 0 {
            conversation.kind = Kind::CallNote;
        }
        conversation.exclusion = match dice.below(50) {
            0 => Some(Exclusion::Spam),
            1 => Some(Exclusion::Automatic),
            _ => None,
        };
        let text = format!(
            "The pump {number} of topic {topic} stops again. It did so before, after the update."
        );
        Stored {
            conversation,
            text_hash: hash(&text),
            text: Text::from(text),
            language: "en".to_owned(),
        }
    };
    (0..count).map(one).collect()
}

fn topic_of(number: usize) -> u64 {
    Dice(number as u64 * 77).below(TOPICS)
}

fn hash(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn topics(stored: &[Stored], at: DateTime<Utc>) -> Discovery {
    let id = |number: u64| TopicId(format!("t{number:03}"));
    let topic = |number| Topic {
        id: id(number),
        label: format!("pump {number}"),
        terms: Vec::new(),
        exemplars: Vec::new(),
        centre: Vec::new(),
        threshold: 0,
        theme_id: id(number),
        theme: String::new(),
        stability: Some(0.9),
        status: TopicStatus::Live,
        discovered_at: at,
    };
    let assignments = stored
        .iter()
        .enumerate()
        .map(|(number, stored)| Assignment {
            key: stored.conversation.key.clone(),
            topic: Some(id(topic_of(number))),
            found: Some(id(topic_of(number))),
            score: 0.5,
            also: None,
        });
    Discovery {
        topics: (0..TOPICS).map(topic).collect(),
        assignments: assignments.collect(),
        lineage: Vec::new(),
    }
}

/// What was solved in the month, as New York counts it, without calls, with spam.
fn report(stored: &[Stored]) -> OfficialReport {
    let zone = chrono_tz::America::New_York;
    let mut counts: BTreeMap<Option<String>, i64> = BTreeMap::new();
    for one in stored.iter().map(|stored| &stored.conversation) {
        let month = one
            .closed_at
            .map(|at| at.with_timezone(&zone).format("%Y-%m").to_string());
        let is_in = month.as_deref() == Some("2026-03")
            && one.kind == Kind::Ticket
            && matches!(one.exclusion, None | Some(Exclusion::Spam));
        if is_in {
            *counts.entry(one.category.clone()).or_default() += 1;
        }
    }
    let row = |(category, count)| ReportRow {
        window: "2026-03".to_owned(),
        category,
        count,
    };
    OfficialReport {
        name: "official.csv".to_owned(),
        cadence: Cadence::Monthly,
        basis: ReportBasis::Unknown,
        metric: String::new(),
        zone: None,
        rows: counts.into_iter().map(row).collect(),
    }
}
