//! The search index beside a real store: it follows the feed, survives being killed, and is rebuilt when it must.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use groundswell::model::{Assignment, Discovery, Exclusion, Stored, Topic, TopicId, TopicStatus};
use groundswell::search::{SearchIndex, SearchRequest, catch_up};
use groundswell::store::{CleanPage, Location, Store};
use proptest::prelude::*;

use crate::store::support::{
    changed, fresh_databases, fresh_folder, key, minute, page, save, source, ticket,
};

/// Ids of all hits, sorted.
fn ids(index: &SearchIndex, text: &str) -> Vec<String> {
    let mut request = SearchRequest::new(text);
    request.limit = 100;
    let found = index.search(&request).unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.key.id).collect();
    ids.sort();
    ids
}

fn total(index: &SearchIndex, text: &str) -> u64 {
    index.search(&SearchRequest::new(text)).unwrap().total
}

async fn remove(store: &Store, id: &str, at: DateTime<Utc>) {
    let page = CleanPage {
        deleted: vec![(key(id), at)],
        ..CleanPage::default()
    };
    store
        .save_page(&source(), &page, minute(1000))
        .await
        .unwrap();
}

async fn assign(store: &Store, id: &str, topic: Option<&str>) {
    let discovery = Discovery {
        topics: topic.map(known_topic).into_iter().collect(),
        assignments: vec![Assignment {
            key: key(id),
            topic: topic.map(TopicId::from),
            found: topic.map(TopicId::from),
            score: 0.9,
            also: None,
        }],
        ..Discovery::default()
    };
    store
        .save_discovery(&discovery, minute(1000))
        .await
        .unwrap();
}

fn known_topic(id: &str) -> Topic {
    Topic {
        id: id.into(),
        label: id.to_owned(),
        terms: Vec::new(),
        exemplars: Vec::new(),
        centre: Vec::new(),
        threshold: 0,
        theme_id: id.into(),
        theme: id.to_owned(),
        stability: None,
        status: TopicStatus::Live,
        discovered_at: minute(0),
    }
}

#[tokio::test]
async fn the_index_follows_the_store() {
    for database in fresh_databases().await {
        let store = Store::open(&database.location).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = SearchIndex::open(folder.path()).unwrap();
        assert_eq!(catch_up(&store, &index).await.unwrap(), 0);

        let first = ticket("1", "the pump rattles", minute(0));
        let second = ticket("2", "the boiler rattles", minute(1));
        save(&store, &[first.clone(), second]).await;
        assert_eq!(catch_up(&store, &index).await.unwrap(), 2);
        assert_eq!(ids(&index, "rattle"), ["1", "2"]);
        assert_eq!(
            catch_up(&store, &index).await.unwrap(),
            0,
            "nothing new, nothing done"
        );

        save(&store, &[changed(&first, "the pump whistles", minute(10))]).await;
        assign(&store, "2", Some("t-noise")).await;
        catch_up(&store, &index).await.unwrap();
        assert_eq!(ids(&index, "rattling"), ["2"]);
        assert_eq!(ids(&index, "whistling"), ["1"]);
        assert_eq!(ids(&index, "topic:t-noise"), ["2"]);
        assert_eq!(ids(&index, "state:unassigned"), ["1"]);

        remove(&store, "2", minute(20)).await;
        store
            .forget_requester("person-of-1", minute(3000))
            .await
            .unwrap();
        catch_up(&store, &index).await.unwrap();
        assert_eq!(index.count(), 0);
        assert_eq!(
            index.position().unwrap(),
            store.last_change().await.unwrap()
        );
        for word in ["whistles", "rattles"] {
            assert!(
                !contains(folder.path(), word.as_bytes()),
                "{word} is still in a file"
            );
        }
    }
}

fn contains(dir: &Path, needle: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return contains(&path, needle);
        }
        let bytes = fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn an_index_ahead_of_a_restored_database_is_built_again() {
    let (newer, older) = (fresh_folder(), fresh_folder());
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    let store = Store::open(&newer.location).await.unwrap();
    for number in 0..3 {
        save(
            &store,
            &[ticket(&number.to_string(), "lost", minute(number))],
        )
        .await;
    }
    catch_up(&store, &index).await.unwrap();
    assert_eq!(index.count(), 3);

    let store = Store::open(&older.location).await.unwrap();
    save(&store, &[ticket("9", "kept", minute(0))]).await;
    catch_up(&store, &index).await.unwrap();
    assert_eq!(ids(&index, ""), ["9"]);
    assert_eq!(
        index.position().unwrap(),
        store.last_change().await.unwrap()
    );
}

#[tokio::test]
async fn folders_of_other_versions_go_when_this_one_is_complete() {
    let database = fresh_folder();
    let store = Store::open(&database.location).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (old, other) = (
        folder.path().join("words-0123456789abcdef"),
        folder.path().join("mine"),
    );
    fs::create_dir(&old).unwrap();
    fs::create_dir(&other).unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    assert!(old.exists(), "not before the new one is complete");
    catch_up(&store, &index).await.unwrap();
    assert!(!old.exists());
    assert!(other.exists());
}

#[tokio::test]
async fn a_reader_sees_what_another_handle_commits() {
    let database = fresh_folder();
    let store = Store::open(&database.location).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    catch_up(&store, &index).await.unwrap();
    let reader = SearchIndex::open_reader(folder.path()).unwrap();
    save(&store, &[ticket("1", "a leak", minute(0))]).await;
    catch_up(&store, &index).await.unwrap();
    let started = Instant::now();
    while reader.count() == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the reader never saw the commit"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ids(&reader, "leaking"), ["1"]);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_broken_index_is_rebuilt_by_itself_with_one_warning() {
    let database = fresh_folder();
    let store = Store::open(&database.location).await.unwrap();
    save(&store, &[ticket("1", "zwetschgenkuchen", minute(0))]).await;
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    catch_up(&store, &index).await.unwrap();
    drop(index);
    for file in files_under(folder.path()) {
        if file
            .extension()
            .is_some_and(|extension| extension == "store")
        {
            fs::write(file, "zwetschgenkuchen").unwrap();
        }
    }

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let (index, state) =
        tracing::subscriber::with_default(subscriber, || SearchIndex::open(folder.path()).unwrap());
    assert_eq!(state.position, 0);
    assert!(state.discarded.is_some());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let warnings = log.lines().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 1, "{log}");
    assert!(!log.contains("zwetschgenkuchen"));

    catch_up(&store, &index).await.unwrap();
    assert_eq!(ids(&index, "zwetschgenkuchen"), ["1"]);
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_under(&path)),
            false => files.push(path),
        }
    }
    files
}

/// Where the process to be killed finds database and index.
const KILLED_FOLDER: &str = "GROUNDSWELL_TEST_KILLED_FOLDER";
const KILLED_TEST: &str = "search::an_index_whose_process_is_killed_goes_on_where_it_was";

/// The test starts itself as the process that it kills.
#[tokio::test]
async fn an_index_whose_process_is_killed_goes_on_where_it_was() {
    if let Some(folder) = std::env::var_os(KILLED_FOLDER).map(PathBuf::from) {
        let location = Location::Folder(folder.join("data"));
        let store = Store::open_shared(&location).await.unwrap();
        let (index, _) = SearchIndex::open(&folder.join("search")).unwrap();
        println!("working");
        catch_up(&store, &index).await.unwrap();
        return;
    }
    const COUNT: usize = 6_500;
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Folder(folder.path().join("data"));
    let store = Store::open(&location).await.unwrap();
    let tickets: Vec<Stored> = (0..COUNT)
        .map(|n| {
            ticket(
                &n.to_string(),
                &format!("noise number{n}"),
                minute(n as i64),
            )
        })
        .collect();
    save(&store, &tickets).await;

    let mut positions = vec![0];
    let mut delay = Duration::from_millis(10);
    while positions
        .last()
        .is_some_and(|position| *position < COUNT as i64)
    {
        kill_while_working(folder.path(), delay);
        let (index, state) = SearchIndex::open(&folder.path().join("search")).unwrap();
        assert_eq!(state.discarded, None, "a kill does not damage the index");
        // What is committed is exactly the beginning of the feed.
        assert_eq!(index.count() as i64, state.position);
        if positions.last() == Some(&state.position) {
            delay *= 2;
        }
        positions.push(state.position);
        assert!(positions.len() < 40, "no progress: {positions:?}");
    }
    assert!(positions.is_sorted(), "{positions:?}");
    let (index, _) = SearchIndex::open(&folder.path().join("search")).unwrap();
    assert_eq!(catch_up(&store, &index).await.unwrap(), 0);
    assert_eq!(total(&index, "noise"), COUNT as u64);
    assert_eq!(ids(&index, "number4321"), ["4321"]);
}

fn kill_while_working(folder: &Path, after: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", KILLED_TEST, "--nocapture"])
        .env(KILLED_FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(output));
    let is_working = lines.any(|line| line.is_ok_and(|line| line.contains("working")));
    assert!(is_working, "the process to be killed did not get to work");
    let started = Instant::now();
    while started.elapsed() < after && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What may happen between two looks at the index.
#[derive(Clone, Debug)]
enum Step {
    Write { id: u8, word: u8 },
    Spam { id: u8, word: u8 },
    Delete { id: u8 },
    Assign { id: u8, topic: bool },
    CatchUp,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..20_u8).prop_map(|(id, word)| Step::Write { id, word }),
        1 => (0..6_u8, 0..20_u8).prop_map(|(id, word)| Step::Spam { id, word }),
        1 => (0..6_u8).prop_map(|id| Step::Delete { id }),
        2 => (0..6_u8, any::<bool>()).prop_map(|(id, topic)| Step::Assign { id, topic }),
        2 => Just(Step::CatchUp),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn after_any_history_the_index_equals_the_store(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(live_through(&steps));
    }
}

async fn live_through(steps: &[Step]) {
    let database = fresh_folder();
    let store = Store::open(&database.location).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut index, _) = SearchIndex::open(folder.path()).unwrap();
    let mut now = 0;
    for step in steps {
        now += 1;
        match step {
            Step::Write { id, word } => {
                let opened = ticket(&id.to_string(), "", minute(0));
                let text = format!("common word{word}x");
                save(&store, &[changed(&opened, &text, minute(now))]).await;
            }
            Step::Spam { id, word } => {
                let opened = ticket(&id.to_string(), "", minute(0));
                let mut spam = changed(&opened, &format!("common word{word}x"), minute(now));
                spam.conversation.exclusion = Some(Exclusion::Spam);
                store
                    .save_page(&source(), &page(&[spam]), minute(1000))
                    .await
                    .unwrap();
            }
            Step::Delete { id } => remove(&store, &id.to_string(), minute(now)).await,
            Step::Assign { id, topic } => {
                if store
                    .conversation(&key(&id.to_string()))
                    .await
                    .unwrap()
                    .is_some()
                {
                    assign(&store, &id.to_string(), topic.then_some("t-1")).await;
                }
            }
            Step::CatchUp => {
                catch_up(&store, &index).await.unwrap();
            }
            Step::Reopen => {
                drop(index);
                index = SearchIndex::open(folder.path()).unwrap().0;
            }
        }
    }
    catch_up(&store, &index).await.unwrap();
    assert_eq!(found(&index), kept(&store).await);
}

/// Id, text, state and topic of all that can be found.
fn found(index: &SearchIndex) -> BTreeMap<String, (String, String, Option<TopicId>)> {
    let hits = index.search(&SearchRequest::new("common")).unwrap().hits;
    let rows = hits
        .into_iter()
        .map(|hit| (hit.key.id, (hit.snippet.text, hit.state, hit.topic)));
    rows.collect()
}

/// The same, of all that the store says is to be found.
async fn kept(store: &Store) -> BTreeMap<String, (String, String, Option<TopicId>)> {
    let changes = store.changes_after(0, 1000).await.unwrap();
    let there = changes
        .into_iter()
        .filter(|change| change.stored.conversation.exclusion != Some(Exclusion::Deleted));
    let rows = there.map(|change| {
        let conversation = change.stored.conversation;
        let state = match (conversation.exclusion, &change.topic) {
            (Some(reason), _) => format!("excluded:{}", reason.as_str()),
            (None, Some(_)) => "assigned".to_owned(),
            (None, None) => "unassigned".to_owned(),
        };
        let text = conversation.messages[0].text.as_str().to_owned();
        (conversation.key.id, (text, state, change.topic))
    });
    rows.collect()
}
