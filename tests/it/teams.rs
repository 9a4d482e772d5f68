//! A team gets a digest of its own: its numbers beside the company's, its own threshold, stored and verified like the others.

use groundswell::answers::{Given, Via};
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use groundswell::digest::render::{Format, Rendered, render};
use groundswell::model::{Cadence, Digest, DigestId};
use groundswell::steps;
use serde_json::Value;

use crate::answers::{again, digest};
use crate::support::{Row, jsonl, loud_week};

const TEAMS: &str = "
time_zone = 'Europe/Berlin'
[digest]
conversations_min = 2
[[sources]]
id = 'desk'
kind = 'files'
paths = ['desk.jsonl']
[[destinations]]
id = 'all'
kind = 'file'
folder = 'all'
[[destinations]]
id = 'south-files'
kind = 'file'
folder = 'south'
[destinations.only]
attributes = { region = ['South'] }
team = 'south'
[[destinations]]
id = 'south-too'
kind = 'file'
folder = 'south-too'
[destinations.only]
attributes = { region = ['SOUTH', 'south '] }
[[destinations]]
id = 'nobody'
kind = 'file'
folder = 'nobody'
[destinations.only]
products = ['a product that nobody has']
[[digests]]
cadence = 'weekly'
schedule = '0 7 * * 1'
destinations = ['all', 'south-files', 'south-too', 'nobody']
";

/// The loud week; five of six conversations are from the south.
fn rows() -> Vec<Row> {
    let mut rows = loud_week();
    for (place, row) in rows.iter_mut().enumerate() {
        let region = if place % 6 > 0 { "South" } else { "North" };
        row.insert("region".to_owned(), Value::from(region));
    }
    rows
}

async fn closed(folder: &std::path::Path, rows: &[Row]) -> App {
    std::fs::write(folder.join("desk.jsonl"), jsonl(rows)).unwrap();
    let config = Config::parse(TEAMS, folder.to_owned(), [].into()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    app
}

#[tokio::test]
async fn a_team_reads_its_own_numbers_beside_the_companys() {
    let folder = tempfile::tempdir().unwrap();
    let app = closed(folder.path(), &rows()).await;
    let windows = app.store.team_windows(Cadence::Weekly, 10).await.unwrap();
    let why = format!("{windows:?}");
    let of = async |id: &str| app.store.digest(&DigestId::from(id)).await.unwrap();
    let (company, _) = of("weekly-2026-W13").await.unwrap();
    let (south, _) = of("weekly-2026-W13-south").await.expect(&why);
    let side = south.team.as_ref().unwrap();
    assert_eq!(
        (side.name.as_str(), side.only.as_str()),
        ("south", "region south")
    );
    assert_eq!(
        side.conversations,
        company.totals.assigned + company.totals.unassigned
    );
    let counted = south.totals.assigned + south.totals.unassigned;
    assert!(counted > 0 && counted < side.conversations);
    // The official side is the company's in both.
    let official = |digest: &groundswell::model::Digest| {
        let side = digest.official.as_ref().unwrap();
        (side.official, side.ours)
    };
    assert_eq!(official(&south), official(&company));
    for item in &south.items {
        assert!(item.company.unwrap() >= item.conversations);
        assert_eq!(item.course.last().unwrap().1, item.conversations);
    }
    let Rendered::Text(text) = render(&south, Format::Text, "") else {
        panic!("text is a text")
    };
    let item = &south.items[0];
    let both = format!(
        "{} of the company's {} conversations",
        item.conversations,
        item.company.unwrap()
    );
    assert!(text.contains(&both) && text.contains(", south"), "{text}");

    // One digest for two destinations with the same filter; none for the team of which nothing passes, and why.
    let told: Vec<_> = windows
        .iter()
        .map(|one| (one.team.as_str(), one.digest.is_some()))
        .collect();
    assert_eq!(told, [("nobody", false), ("south", true)]);
    assert_eq!(
        windows[0].reason,
        "no conversation that counts was opened in this week"
    );
    let sent = |name: &str| std::fs::read_dir(folder.path().join(name)).map_or(0, Iterator::count);
    assert_eq!(
        ["all", "south", "south-too", "nobody"].map(sent),
        [1, 1, 1, 0]
    );
    assert!(
        folder
            .path()
            .join("south-too/weekly-2026-W13-south.md")
            .exists()
    );
}

#[tokio::test]
async fn a_teams_digest_is_verified_also_when_its_conversations_moved_away_since() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows();
    let app = closed(folder.path(), &rows).await;
    let check = async || {
        let verdicts = steps::verify_all(&app.store).await.unwrap();
        assert!(
            verdicts
                .iter()
                .any(|one| one.name == "weekly-2026-W13-south" && one.is_recomputed)
        );
        for verdict in verdicts {
            assert!(verdict.fits, "{verdict:?}");
        }
    };
    check().await;
    for row in &mut rows {
        row.insert("region".to_owned(), Value::from("West"));
        row.insert("updated_at".to_owned(), Value::from("2026-03-30T13:00:00Z"));
    }
    std::fs::write(folder.path().join("desk.jsonl"), jsonl(&rows)).unwrap();
    app.tick("2026-03-30T14:00:00Z".parse().unwrap()).await;
    check().await;
}

#[tokio::test]
async fn a_team_is_told_what_was_said_to_its_own_digest() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows();
    let text = TEAMS.replace("[digest]\n", "[digest]\nremind_after = 1\n");
    std::fs::write(folder.path().join("desk.jsonl"), jsonl(&rows)).unwrap();
    let config = Config::parse(&text, folder.path().to_owned(), [].into()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    let (south, company) = ("weekly-2026-W13-south", "weekly-2026-W13");
    let week = digest(&app, south).await;
    let topic = week.items[0].topic_id.to_string();
    let say = async |by: &str, digest: &str, change: fn(&mut Given)| {
        let mut given = Given {
            kind: "confirm".to_owned(),
            by: by.to_owned(),
            digest: digest.to_owned(),
            topic: topic.clone(),
            ..Given::default()
        };
        change(&mut given);
        let said = given.check(Via::Page, true).unwrap();
        let kept = steps::answer(&app.store, &app.config, &said, clock::now()).await;
        kept.unwrap().unwrap();
    };
    // Ada of the south hears it; Bo and Cy answer the company's digest, Dee the topic's page.
    say("Ada", south, |_| {}).await;
    for by in ["Bo", "Cy"] {
        say(by, company, |given| given.kind = "dispute".to_owned()).await;
    }
    say("Dee", "", |_| {}).await;
    say("Ada", "", |given| {
        given.kind = "ask".to_owned();
        (given.name, given.query) = ("all".to_owned(), "ice OR router OR strainer".to_owned());
    })
    .await;
    let mut next = again(1);
    for (place, row) in next.iter_mut().enumerate() {
        let region = if place % 6 > 0 { "South" } else { "North" };
        row.insert("region".to_owned(), Value::from(region));
    }
    std::fs::write(
        folder.path().join("desk.jsonl"),
        jsonl(&[rows, next].concat()),
    )
    .unwrap();
    app.tick("2026-04-06T12:00:00Z".parse().unwrap()).await;
    let tally = |digest: &Digest| {
        let told = digest.answered.topics.iter();
        told.map(|one| (one.confirmed, one.disputed))
            .collect::<Vec<_>>()
    };
    let of_company = digest(&app, "weekly-2026-W14").await;
    let of_south = digest(&app, "weekly-2026-W14-south").await;
    assert_eq!(tally(&of_company), [(2, 2)]);
    assert_eq!(tally(&of_south), [(2, 0)]);
    // What was asked for is counted among the team's conversations.
    let (all, own) = (&of_company.answered.asked[0], &of_south.answered.asked[0]);
    assert!(
        own.conversations > 0 && own.conversations < all.conversations,
        "{own:?} {all:?}"
    );
    assert_eq!(own.course.last().unwrap().1, own.conversations);
    for verdict in steps::verify_all(&app.store).await.unwrap() {
        assert!(verdict.fits, "{verdict:?}");
    }
}

#[test]
fn a_name_belongs_to_one_filter() {
    let wrong = TEAMS
        .replace("['SOUTH', 'south ']", "['West']\n")
        .replace("}\n\n", "}\n");
    let wrong = wrong.replace("['West']\n }", "['West'] }\nteam = 'south'");
    let problems = Config::parse(&wrong, "/nowhere".into(), [].into()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].message.contains("has another filter"),
        "{problems:?}"
    );
}
