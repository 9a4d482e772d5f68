//! A digest is the same at any later time: whatever came, changed or went since, it can be computed again byte for byte.
//! And it is not the same on a database in which anything that it rests on was changed.

mod tampered;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::{
    Cadence, Discovery, EditKind, Exclusion, Kind, ModelId, Stored, TopicId, Window,
};
use groundswell::steps::{self, Verdict};
use groundswell::store::{CleanPage, Store};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::store::support::{
    Fresh, assignment, block_on, execute, fresh_databases, fresh_folder, key, minute, topic,
};
use crate::support::{done, folder_with, groundswell as run};

const DAY: i64 = 24 * 60;
const CONFIG: &str = "[digest]\nconversations_min = 2\ncustomers_min = 1\ncourse_windows = 3\n";

const STORIES: [(&str, &str); 3] = [
    (
        "t-router",
        "The router loses its connection every evening and comes back alone.",
    ),
    (
        "t-ice",
        "Ice forms on the outdoor unit and the fan scrapes against it loudly.",
    ),
    (
        "t-filter",
        "How do I clean the strainer of the heating circuit without a leak?",
    ),
];

/// Conversations of three weeks about three things; the last week is loud. A few do not count, a few belong nowhere.
fn conversations() -> Vec<Stored> {
    let mut all = Vec::new();
    for (place, (_, words)) in STORIES.iter().enumerate() {
        for number in 0..6_i64 {
            let place = place as i64;
            let id = format!("{place}-{number}");
            let day = if number == 0 { -9 } else { number };
            let mut one = crate::store::support::ticket(
                &id,
                &format!("{words} It is the {number}th time."),
                minute(day * DAY + 60 * place),
            );
            let conversation = &mut one.conversation;
            conversation.category = Some(["Other", "Billing"][(number % 2) as usize].to_owned());
            conversation.product = (number > 2).then(|| "HP-3".to_owned());
            conversation.account = (place == 1).then(|| "ACME".to_owned());
            conversation.csat = (number == 3).then_some(0.25);
            conversation.reopens = u32::from(number == 4);
            conversation.closed_at = (number == 2).then(|| minute(5 * DAY));
            conversation.url = Some(format!("https://desk.example/{id}"));
            if number == 5 {
                conversation.kind = Kind::CallNote;
                conversation.requester = None;
            }
            all.push(one);
        }
    }
    let mut spam = crate::store::support::ticket("spam", "Buy now.", minute(DAY));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    let lonely = "My neighbour's cat sleeps on the warm housing of the pump.";
    let lonely = crate::store::support::ticket("lonely", lonely, minute(2 * DAY));
    all.extend([spam, lonely]);
    all
}

fn week() -> Window {
    let config = Config::parse(CONFIG, ".".into(), [].into()).unwrap();
    let week = config.calendar.window(Cadence::Weekly, minute(0));
    assert_eq!(week.start, minute(0));
    week
}

/// A database with one closed week and its digest.
struct Closed {
    database: Fresh,
    app: App,
    _folder: tempfile::TempDir,
}

impl Closed {
    async fn new(database: Fresh) -> Self {
        let (folder, path) = folder_with(CONFIG);
        let config = Config::parse(CONFIG, path, [].into()).unwrap();
        let mut app = App::open(config).await.unwrap();
        app.store = Store::open(&database.location).await.unwrap();
        fill(&app.store).await;
        close(&app, &week()).await;
        // A day of which there is nothing to say.
        let day = app.config.calendar.window(Cadence::Daily, minute(6 * DAY));
        close(&app, &day).await;
        Self {
            database,
            app,
            _folder: folder,
        }
    }

    async fn verdict(&self) -> anyhow::Result<Verdict> {
        let found = steps::verify_digest(&self.app.store, &"weekly-2026-W10".into()).await?;
        Ok(found.unwrap())
    }

    /// The digest fits, and was computed again.
    async fn assert_fits(&self, after: &str) {
        for verdict in steps::verify_all(&self.app.store).await.unwrap() {
            assert!(
                verdict.fits && verdict.is_recomputed,
                "after {after}: {verdict:#?}"
            );
            assert!(verdict.notes.is_empty(), "after {after}: {verdict:#?}");
        }
        let verdict = self.verdict().await.unwrap();
        assert!(
            verdict.conversations >= 20 && verdict.quotes >= 4,
            "{verdict:?}"
        );
        assert!(verdict.texts >= 10, "{verdict:?}");
    }

    async fn end(self) {
        self.app.store.close().await;
        self.database.remove().await;
    }
}

async fn fill(store: &Store) {
    // Filed elsewhere at first: a report may have counted it there.
    let mut early = conversations().remove(1);
    early.conversation.category = Some("Pumps".to_owned());
    save(store, vec![early]).await;
    save(store, conversations()).await;
    let topics = STORIES.iter().enumerate().map(|(place, (id, words))| {
        let mut topic = topic(id, &format!("{place}-1"));
        topic.label = words.split(' ').take(3).collect::<Vec<_>>().join(" ");
        topic
    });
    let assignments = conversations().into_iter().filter_map(|one| {
        let id = one.conversation.key.id;
        let place: Option<usize> = id.split('-').next().and_then(|place| place.parse().ok());
        match place {
            Some(place) => Some(assignment(&id, Some(STORIES[place].0))),
            None => (id == "lonely").then(|| assignment(&id, None)),
        }
    });
    let discovery = Discovery {
        topics: topics.collect(),
        assignments: assignments.collect(),
        lineage: Vec::new(),
    };
    store
        .save_discovery(&discovery, minute(6 * DAY))
        .await
        .unwrap();
}

async fn save(store: &Store, conversations: Vec<Stored>) {
    let page = CleanPage {
        conversations,
        ..CleanPage::default()
    };
    save_page(store, &page, minute(7 * DAY)).await;
}

async fn save_page(store: &Store, page: &CleanPage, now: DateTime<Utc>) {
    store.save_page(&"desk".into(), page, now).await.unwrap();
}

async fn close(app: &App, window: &Window) {
    let now = window.end + TimeDelta::hours(8);
    steps::close(app, window, &[], true, now).await.unwrap();
}

fn rewritten(id: &str, words: &str, day: i64) -> Stored {
    let mut all = conversations();
    all.retain(|one| one.conversation.key.id == id);
    crate::store::support::changed(&all[0], words, minute(day * DAY))
}

/// One thing after the other that happens to a database; after each the digest is computed again.
async fn whatever_happens(closed: &mut Closed) {
    closed.assert_fits("nothing").await;
    let store = closed.app.store.clone();

    let late = crate::store::support::ticket("late", "The router again.", minute(3 * DAY));
    save(&store, vec![late]).await;
    store
        .save_assignments(&[assignment("late", Some("t-router"))])
        .await
        .unwrap();
    closed.assert_fits("late data").await;

    let mut moved = rewritten("0-1", "Now it is all about ice, they say.", 8);
    moved.conversation.category = Some("Cooling".to_owned());
    moved.conversation.requester = Some("somebody else".to_owned());
    let all = (2..6).map(|number| rewritten(&format!("0-{number}"), "Never mind.", 8));
    save(&store, all.chain([moved]).collect()).await;
    closed.assert_fits("changes of texts and fields").await;

    let others = [assignment("1-1", Some("t-filter")), assignment("1-2", None)];
    store.save_assignments(&others).await.unwrap();
    closed.assert_fits("other assignments").await;

    let edit = |kind: EditKind| {
        let store = store.clone();
        async move {
            store.add_edit(&kind, "Ada", minute(9 * DAY)).await.unwrap();
            steps::apply_edits(&store).await.unwrap();
        }
    };
    let ice = || TopicId::from("t-ice");
    edit(EditKind::Rename {
        topic: ice(),
        label: "Frost".to_owned(),
    })
    .await;
    closed.assert_fits("a rename").await;
    edit(EditKind::Merge {
        topic: ice(),
        into: TopicId::from("t-filter"),
    })
    .await;
    edit(EditKind::Mute {
        topic: TopicId::from("t-router"),
    })
    .await;
    closed.assert_fits("a merge").await;

    drop(store);
    what_else_happens(closed).await;
}

/// Another encoder, deletions, later closings, a restart.
async fn what_else_happens(closed: &mut Closed) {
    let store = closed.app.store.clone();
    let mut topics = store.topics().await.unwrap();
    topics.iter_mut().for_each(|topic| topic.terms.clear());
    topics.iter_mut().for_each(|topic| topic.exemplars.clear());
    let other = ModelId("another/1".to_owned());
    store.change_encoder(&other, &topics).await.unwrap();
    closed.assert_fits("another encoder").await;

    let quoted = store
        .digest(&"weekly-2026-W10".into())
        .await
        .unwrap()
        .unwrap()
        .0;
    let gone = quoted
        .items
        .iter()
        .flat_map(|item| &item.quotes)
        .map(|quote| quote.key.clone());
    let mut page = CleanPage {
        deleted: gone.map(|key| (key, minute(10 * DAY))).collect(),
        ..CleanPage::default()
    };
    page.merged = vec![(key("2-0"), "2-5".to_owned(), minute(10 * DAY))];
    save_page(&store, &page, minute(10 * DAY)).await;
    closed.assert_fits("deletions").await;

    // The next weeks are closed over all this, and are told what became of the first.
    let calendar = closed.app.config.calendar;
    let second = calendar.next(&week());
    close(&closed.app, &second).await;
    closed.assert_fits("another closing").await;
    save(&store, vec![rewritten("2-4", "This was read twice.", 12)]).await;
    close(&closed.app, &calendar.next(&second)).await;
    closed.assert_fits("a change between closings").await;

    drop(store);
    let fresh = Store::open_shared(&closed.database.location).await.unwrap();
    let old = std::mem::replace(&mut closed.app.store, fresh);
    old.close().await;
    closed.assert_fits("a restart").await;
}

#[test]
fn a_digest_is_the_same_whatever_happened_since() {
    block_on(async {
        for database in fresh_databases().await {
            let mut closed = Closed::new(database).await;
            whatever_happens(&mut closed).await;
            closed.end().await;
        }
    });
}

#[test]
fn what_was_forgotten_is_told_and_the_rest_is_checked() {
    block_on(async {
        for database in fresh_databases().await {
            let closed = Closed::new(database).await;
            let store = &closed.app.store;
            let digest = store
                .digest(&"weekly-2026-W10".into())
                .await
                .unwrap()
                .unwrap()
                .0;
            let quoted = &digest.items[0].quotes[0];
            // Its words are in the history already: they must go from there, too.
            let id = quoted.key.id.clone();
            save(store, vec![rewritten(&id, "Never mind.", 8)]).await;
            closed.assert_fits("a change").await;
            assert!(
                store
                    .forget_conversation(&quoted.key, minute(9 * DAY))
                    .await
                    .unwrap()
            );
            let verdict = closed.verdict().await.unwrap();
            assert!(verdict.fits && !verdict.is_recomputed, "{verdict:#?}");
            assert_eq!(
                verdict.notes,
                [
                    "1 conversation was erased by groundswell forget on 2026-03-11: hashes, counts and the other quotes \
                  are checked, the digest cannot be computed again"
                ]
            );
            let mut raw = closed.database.raw().await;
            for table in ["words", "word_history", "conversation_history"] {
                let ask = format!(
                    "SELECT count(*) FROM {table} WHERE id = '{id}' AND {}",
                    if table == "conversation_history" {
                        "requester IS NOT NULL"
                    } else {
                        "text IS NOT NULL"
                    }
                );
                let row = sqlx::query(AssertSqlSafe(ask))
                    .fetch_one(&mut raw)
                    .await
                    .unwrap();
                assert_eq!(row.get::<i64, _>(0), 0, "{table}");
            }
            // A person of whom only the history still knows, because the conversation was deleted.
            let deleted = CleanPage {
                deleted: vec![(key("2-3"), minute(10 * DAY))],
                ..CleanPage::default()
            };
            save_page(store, &deleted, minute(10 * DAY)).await;
            let count = store
                .forget_requester("person-of-2-3", minute(11 * DAY))
                .await
                .unwrap();
            assert_eq!(count, 1);
            let verdict = closed.verdict().await.unwrap();
            assert!(verdict.fits && verdict.notes.len() == 2, "{verdict:#?}");
            what_is_left_is_checked(&closed, &mut raw).await;
            closed.end().await;
        }
    });
}

/// What was not erased is checked, also of what was.
async fn what_is_left_is_checked(closed: &Closed, raw: &mut AnyConnection) {
    for (change, back) in [
        (
            "conversations SET reopens = 7 WHERE id = '1-2'",
            "conversations SET reopens = 0 WHERE id = '1-2'",
        ),
        (
            "conversation_history SET reopens = 7 WHERE id = '2-3'",
            "conversation_history SET reopens = 0 WHERE id = '2-3'",
        ),
        ("words SET text = 'x' WHERE id = '1-2'", ""),
        (
            "conversation_history SET fingerprint = 'aa' WHERE id = '2-3'",
            "",
        ),
    ] {
        execute(raw, &format!("UPDATE {change}")).await;
        assert!(!closed.verdict().await.unwrap().fits, "{change}");
        if !back.is_empty() {
            execute(raw, &format!("UPDATE {back}")).await;
            assert!(closed.verdict().await.unwrap().fits, "{back}");
        }
    }
}

#[test]
fn the_program_says_it_and_exits_with_1() {
    let (_folder, path) = folder_with(&format!("data_dir = '.'\n{CONFIG}"));
    let location = groundswell::store::Location::Folder(path.clone());
    block_on(async {
        let database = fresh_folder();
        let mut closed = Closed::new(database).await;
        let here = Store::open(&location).await.unwrap();
        let old = std::mem::replace(&mut closed.app.store, here);
        old.close().await;
        fill(&closed.app.store).await;
        close(&closed.app, &week()).await;
        closed
            .app
            .store
            .backup(&path.join("copy.db"))
            .await
            .unwrap();
        closed.app.store.close().await;
    });
    let said = done(&path, &["digest", "verify", "weekly-2026-W10"]);
    assert!(
        said.starts_with(
            "weekly-2026-W10: fits: computed again, byte for byte the same; 20 conversations"
        ),
        "{said}"
    );
    let all = done(&path, &["digest", "verify", "--all", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(
        (
            all[0]["fits"].as_bool(),
            all[0]["problems"].as_array().unwrap().len()
        ),
        (Some(true), 0)
    );
    // A copy says the same.
    let copy = path.join("restored");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(path.join("copy.db"), copy.join("groundswell.db")).unwrap();
    std::fs::write(
        copy.join("groundswell.toml"),
        "data_dir = '.'\ntime_zone = 'Asia/Tokyo'\n",
    )
    .unwrap();
    assert_eq!(
        done(&copy, &["digest", "verify"]),
        said,
        "whatever is configured now"
    );

    a_changed_database_is_told(&path);
}

fn a_changed_database_is_told(path: &std::path::Path) {
    let location = groundswell::store::Location::Folder(path.to_owned());
    let change = |statement: &str| {
        block_on(async {
            let database = Fresh::at(location.clone());
            execute(&mut database.raw().await, statement).await;
        });
    };
    change("UPDATE conversations SET topic = 't-ice' WHERE id = '0-1'");
    let said = run(path, &["digest", "verify"]);
    assert_eq!(said.code, 1);
    for words in [
        "the conversations opened in 2026-W10 (17) were changed: their SHA-256 is ",
        "topic t-ice: counted 5 conversations of 5 customers, the database holds 6 conversations",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(!said.out.contains("outdoor unit"), "{}", said.out);
    assert!(
        said.err.contains("1 of 1 do not fit the database"),
        "{}",
        said.err
    );
    change("UPDATE conversations SET topic = 't-router' WHERE id = '0-1'");
    change("UPDATE conversations SET exclusion = 'spam' WHERE id = '1-1'");
    let said = run(path, &["digest", "verify"]);
    let words = "computed again, it differs at /items/";
    assert!(said.out.contains(words), "{words}: {}", said.out);
    change("UPDATE conversations SET exclusion = NULL WHERE id = '1-1'");
    change("UPDATE words SET text = replace(text, 'scrapes', 'scraped') WHERE id = '1-3'");
    let said = run(path, &["digest", "verify", "--json"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out
            .contains("the stored text of desk/1-3 is missing or does not fit its hash"),
        "{}",
        said.out
    );
    let said = run(path, &["digest", "verify", "weekly-2020-W01"]);
    assert_eq!(
        (
            said.code,
            said.err.contains("there is no digest weekly-2020-W01")
        ),
        (1, true)
    );
}
