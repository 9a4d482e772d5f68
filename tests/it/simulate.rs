//! A simulation with faults. A seed draws what happens: conversations are written, changed and deleted,
//! time passes, the receiver breaks, the process dies between any two pauses of its work. After things
//! calm down nothing may be lost, nothing counted twice, and doing it all again changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::counting::count_windows;
use groundswell::export::Results;
use groundswell::model::{Cadence, Calendar, ConversationKey, Exclusion};
use groundswell::search::SearchRequest;
use groundswell::steps;
use groundswell::store::DeliveryState;
use serde_json::{Value, json};

use crate::support::{Limited, Mood, Random, Receiver, corpus};

/// A conversation as the helpdesk has it.
#[derive(Clone)]
struct Ticket {
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    text: String,
    version: u32,
    is_deleted: bool,
}

/// The helpdesk, the time, and the Groundswell that follows it.
struct World {
    name: String,
    folder: tempfile::TempDir,
    receiver: Receiver,
    texts: Vec<String>,
    tickets: BTreeMap<String, Ticket>,
    now: DateTime<Utc>,
    app: Option<App>,
    deaths: u32,
    /// Closed windows as they were first seen.
    frozen: BTreeMap<(String, String), String>,
}

impl World {
    async fn new(name: String) -> Self {
        let texts = corpus().into_iter().filter_map(|row| {
            let text = row["messages"][0]["text"].as_str().unwrap();
            // Few things that are said often: small worlds have topics, too.
            let words = ["ice", "router", "invoice", "strainer"];
            let is_told = words.iter().any(|word| text.contains(word));
            (is_told && text.len() > 30).then(|| text.to_owned())
        });
        let texts = texts.collect();
        Self {
            name,
            folder: tempfile::tempdir().unwrap(),
            receiver: Receiver::start().await,
            texts,
            tickets: BTreeMap::new(),
            now: "2026-03-18T09:00:00Z".parse().unwrap(),
            app: None,
            deaths: 0,
            frozen: BTreeMap::new(),
        }
    }

    fn config(&self) -> Config {
        let digest = |cadence: &str| {
            format!(
                "[[digests]]\ncadence = '{cadence}'\nschedule = '0 * * * *'\ngrace_minutes = 0\n\
                 destinations = ['hook', 'folder']\n"
            )
        };
        let digests: String = ["daily", "weekly", "monthly"].map(digest).concat();
        let text = format!(
            "time_zone = 'Europe/Berlin'\n\
             [digest]\nconversations_min = 2\ncustomers_min = 1\n\
             [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['inbox']\nschedule = '*/30 * * * *'\npage_records = 7\n\
             [[destinations]]\nid = 'hook'\nkind = 'webhook'\nurl = '{}'\nsecret_env = 'SECRET'\nattempts_max = 100\n\
             [[destinations]]\nid = 'folder'\nkind = 'file'\nfolder = 'digests'\n{digests}",
            self.receiver.url
        );
        let environment = [("SECRET".to_owned(), "hush".to_owned())];
        Config::parse(&text, self.path().to_owned(), environment.into()).unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn calendar(&self) -> Calendar {
        self.config().calendar
    }

    // ---- the helpdesk

    fn write(&self, lines: &[Value]) {
        let inbox = self.path().join("inbox");
        std::fs::create_dir_all(&inbox).unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(inbox.join("desk.jsonl"))
            .unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }

    fn line(id: &str, ticket: &Ticket) -> Value {
        let (created_at, updated_at) = (ticket.created_at, ticket.updated_at);
        if ticket.is_deleted {
            return json!({"id": id, "deleted": true, "updated_at": updated_at});
        }
        json!({
            "id": id, "created_at": created_at, "updated_at": updated_at, "text": ticket.text,
            "product": format!("v{}", ticket.version), "category": "Other", "requester": format!("customer-{id}"),
        })
    }

    /// New conversations, opened within the last hours.
    fn open(&mut self, random: &mut Random, count: usize, hours: usize) {
        let mut lines = Vec::new();
        for _ in 0..count {
            let id = format!("T{}", self.tickets.len());
            let created_at = self.now - TimeDelta::minutes(random.below(hours * 60) as i64);
            let ticket = Ticket {
                created_at,
                updated_at: created_at,
                text: self.texts[random.below(self.texts.len())].clone(),
                version: 1,
                is_deleted: false,
            };
            lines.push(Self::line(&id, &ticket));
            self.tickets.insert(id, ticket);
        }
        self.write(&lines);
    }

    /// One conversation from long before: the quiet windows since then are a baseline.
    fn open_long_ago(&mut self) {
        let created_at = self.now - TimeDelta::days(150);
        let ticket = Ticket {
            created_at,
            updated_at: created_at,
            text: self.texts[0].clone(),
            version: 1,
            is_deleted: false,
        };
        let id = format!("T{}", self.tickets.len());
        let line = Self::line(&id, &ticket);
        self.tickets.insert(id, ticket);
        self.write(&[line]);
    }

    fn change(&mut self, random: &mut Random, deletes: bool) {
        let ids: Vec<String> = self.tickets.keys().cloned().collect();
        let id = &ids[random.below(ids.len())];
        let text = self.texts[random.below(self.texts.len())].clone();
        let now = self.now;
        let ticket = self.tickets.get_mut(id).unwrap();
        if ticket.is_deleted {
            return;
        }
        // Two changes at the same instant would be one.
        ticket.updated_at = now.max(ticket.updated_at + TimeDelta::seconds(1));
        ticket.version += 1;
        ticket.text = text;
        ticket.is_deleted = deletes;
        let line = Self::line(id, ticket);
        self.write(&[line]);
    }

    // ---- Groundswell

    /// Starts it; what the dead one still held is let go a moment later.
    async fn start(&mut self) {
        let started = tokio::time::Instant::now();
        self.app = loop {
            match App::open(self.config()).await {
                Ok(app) => break Some(app),
                Err(error) if started.elapsed() > Duration::from_secs(30) => {
                    panic!("{}: it does not start again: {error:#}", self.name)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
    }

    /// Works until nothing is due, or until it dies after so many polls. Answers whether it got through.
    async fn tick(&mut self, polls: u32) -> bool {
        if self.app.is_none() {
            self.start().await;
        }
        let app = self.app.as_ref().unwrap();
        let got_through = Limited::new(app.tick(self.now), polls).await.is_some();
        if !got_through {
            self.app = None;
            self.deaths += 1;
        }
        got_through
    }

    /// Everything is well again and there is time for all that waits.
    async fn calm_down(&mut self) {
        self.receiver.set(Mood::Well);
        for _ in 0..8 {
            self.now += TimeDelta::hours(7);
            assert!(self.tick(u32::MAX).await);
            self.note_frozen().await;
        }
    }

    // ---- what must hold

    fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// A closed window has one count for ever.
    async fn note_frozen(&mut self) {
        for cadence in Cadence::ALL {
            for closed in self
                .app()
                .store
                .closed_windows(cadence, 1_000)
                .await
                .unwrap()
            {
                let counts = self
                    .app()
                    .store
                    .window_counts(cadence, &closed.window)
                    .await
                    .unwrap();
                let sum: u64 = counts.iter().map(|count| count.conversations).sum();
                let counted: u64 = counts
                    .iter()
                    .filter(|count| !count.state.starts_with("excluded"))
                    .map(|count| count.conversations)
                    .sum();
                assert_eq!(counted, closed.conversations, "{}: {closed:?}", self.name);
                let window = self.calendar().parse(cadence, &closed.window).unwrap();
                let opened = self
                    .tickets
                    .values()
                    .filter(|t| window.contains(t.created_at));
                assert_eq!(sum, opened.count() as u64, "{}: {closed:?}", self.name);
                let seen = format!("{closed:?} {counts:?}");
                let key = (cadence.to_string(), closed.window);
                let first = self.frozen.entry(key).or_insert_with(|| seen.clone());
                assert_eq!(*first, seen, "{}: a closed window changed", self.name);
            }
        }
    }

    async fn check(&mut self) {
        self.check_stored().await;
        self.check_index().await;
        self.check_windows().await;
        self.check_deliveries().await;
        self.check_digests().await;
        let before = self.everything().await;
        assert!(self.tick(u32::MAX).await);
        assert!(
            before == self.everything().await,
            "{}: a second round changes something",
            self.name
        );
        self.app = None;
        assert!(self.tick(u32::MAX).await);
        assert!(
            before == self.everything().await,
            "{}: a new start changes something",
            self.name
        );
    }

    async fn check_stored(&self) {
        let facts = self.app().store.all_facts().await.unwrap();
        let keys: BTreeSet<&str> = facts.iter().map(|fact| fact.key.id.as_str()).collect();
        assert_eq!(keys.len(), facts.len());
        assert_eq!(facts.len(), self.tickets.len(), "{}", self.name);
        for (id, ticket) in &self.tickets {
            let key = ConversationKey::new("desk", id.clone());
            let stored = self.app().store.conversation(&key).await.unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{}: {id} is lost", self.name));
            let conversation = &stored.conversation;
            if ticket.is_deleted {
                assert_eq!(
                    conversation.exclusion,
                    Some(Exclusion::Deleted),
                    "{}: {id}",
                    self.name
                );
                assert!(stored.text.as_str().is_empty());
            } else {
                let version = format!("v{}", ticket.version);
                assert_eq!(conversation.product, Some(version), "{}: {id}", self.name);
                assert_eq!(conversation.created_at, ticket.created_at);
            }
        }
    }

    async fn check_index(&self) {
        let app = self.app();
        let last = app.store.last_change().await.unwrap();
        assert_eq!(app.index.position().unwrap(), last, "{}", self.name);
        let mut found = BTreeSet::new();
        for offset in (0..self.tickets.len()).step_by(100) {
            let request = SearchRequest {
                offset,
                limit: 100,
                ..SearchRequest::new("")
            };
            let hits = app.index.search(&request).unwrap().hits;
            found.extend(hits.into_iter().map(|hit| hit.key.id));
        }
        let live = self.tickets.iter().filter(|(_, ticket)| !ticket.is_deleted);
        let live: BTreeSet<String> = live.map(|(id, _)| id.clone()).collect();
        assert_eq!(found, live, "{}", self.name);
    }

    async fn check_windows(&self) {
        let calendar = self.calendar();
        let store = &self.app().store;
        // Frozen: a closed week is the sum of its days, where all of them were closed.
        for (key, seen) in self.frozen.iter().filter(|(key, _)| key.0 != "daily") {
            let cadence = Cadence::parse(&key.0).unwrap();
            let window = calendar.parse(cadence, &key.1).unwrap();
            let mut days = 0;
            let mut are_all_closed = true;
            for day in calendar.days(&window) {
                match store.closed_window(Cadence::Daily, &day.key).await.unwrap() {
                    Some(_) => days += total(store, Cadence::Daily, &day.key).await,
                    None => are_all_closed = false,
                }
            }
            let whole = total(store, cadence, &key.1).await;
            assert!(
                if are_all_closed {
                    days == whole
                } else {
                    days <= whole
                },
                "{}: {seen}",
                self.name
            );
        }
        // As of now: every cadence counts every conversation once.
        let facts = store.all_facts().await.unwrap();
        let first = facts.iter().map(|fact| fact.created_at).min().unwrap();
        let last = facts.iter().map(|fact| fact.created_at).max().unwrap();
        for cadence in Cadence::ALL {
            let windows = count_windows(&facts, &calendar, cadence, first, last);
            let sum: u64 = windows.iter().map(|(_, counts)| counts.counted()).sum();
            let excluded = facts
                .iter()
                .filter(|fact| fact.state.name().starts_with("excluded"))
                .count();
            assert_eq!(
                sum as usize + excluded,
                facts.len(),
                "{}: {cadence}",
                self.name
            );
        }
        let newest = store.closed_windows(Cadence::Daily, 1).await.unwrap();
        assert_eq!(
            newest[0].window,
            calendar.last_ended(Cadence::Daily, self.now).key,
            "{}",
            self.name
        );
    }

    async fn check_deliveries(&self) {
        let deliveries = self.app().store.deliveries(10_000).await.unwrap();
        let mut expected = BTreeSet::new();
        for delivery in &deliveries {
            assert_eq!(
                delivery.state,
                DeliveryState::Sent,
                "{}: {delivery:?}",
                self.name
            );
            assert!(delivery.receipt.is_some());
            let key = format!("{}/{}", delivery.digest, delivery.destination);
            assert!(
                expected.insert(key),
                "{}: recorded twice: {delivery:?}",
                self.name
            );
        }
        let hooks: BTreeSet<String> = expected
            .iter()
            .filter(|key| key.ends_with("/hook"))
            .cloned()
            .collect();
        assert_eq!(
            self.receiver.by_key().into_keys().collect::<BTreeSet<_>>(),
            hooks,
            "{}",
            self.name
        );
        // Without a digest there is no folder, either.
        let files = std::fs::read_dir(self.path().join("digests"));
        let names: BTreeSet<String> = files
            .into_iter()
            .flatten()
            .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        let folder: BTreeSet<String> = expected
            .iter()
            .filter_map(|key| Some(format!("{}.md", key.strip_suffix("/folder")?)))
            .collect();
        assert_eq!(names, folder, "{}", self.name);
    }

    /// Whatever was changed and deleted since, every closed window is computed again byte for byte.
    async fn check_digests(&self) {
        for verdict in steps::verify_all(&self.app().store).await.unwrap() {
            let fits = verdict.fits && verdict.is_recomputed;
            assert!(fits, "{}: {verdict:#?}", self.name);
        }
    }

    /// All that is stored and was decided, as one text.
    async fn everything(&self) -> String {
        let store = &self.app().store;
        let facts = store.all_facts().await.unwrap();
        let topics = groundswell::steps::seen_topics(store).await.unwrap();
        let assignments = store.assignments().await.unwrap();
        let config = self.config();
        let results = Results {
            facts: &facts,
            topics: &topics,
            assignments: &assignments,
            calendar: &config.calendar,
            reports: &[],
            readings: &[],
            catch_all: &[],
            trend: &config.trend,
            is_incomplete: &|_| false,
        };
        let mut text = String::new();
        for table in results.tables() {
            text += &String::from_utf8(table.to_csv().unwrap()).unwrap();
        }
        for id in store.digest_ids(10_000).await.unwrap() {
            writeln!(text, "{:?}", store.digest(&id).await.unwrap()).unwrap();
        }
        writeln!(text, "{:?}", store.deliveries(10_000).await.unwrap()).unwrap();
        writeln!(text, "{:?} {}", self.frozen, self.receiver.arrivals()).unwrap();
        writeln!(text, "{}", store.last_change().await.unwrap()).unwrap();
        text
    }
}

async fn total(store: &groundswell::store::Store, cadence: Cadence, key: &str) -> u64 {
    let counts = store.window_counts(cadence, key).await.unwrap();
    counts.iter().map(|count| count.conversations).sum()
}

/// What one seed draws.
async fn simulate(seed: u64) -> (u32, usize) {
    let mut random = Random::new(seed);
    let mut world = World::new(format!("seed {seed}")).await;
    world.open_long_ago();
    world.open(&mut random, 20, 12 * 24);
    for _ in 0..24 {
        match random.below(8) {
            0 | 1 => {
                let count = 1 + random.below(3);
                world.open(&mut random, count, 1);
            }
            2 => world.change(&mut random, false),
            // A quarter of the worlds deletes nothing.
            3 => world.change(&mut random, seed % 4 != 3),
            4 => {
                let moods = [Mood::Well, Mood::Broken, Mood::HangsUp];
                world.receiver.set(moods[random.below(3)]);
            }
            _ => {}
        }
        let polls = match random.below(2) {
            0 => 1 + random.below(120) as u32,
            _ => u32::MAX,
        };
        if world.tick(polls).await {
            world.note_frozen().await;
        }
        // Else it stays dead until later.
        if random.below(2) == 0 {
            world.tick(u32::MAX).await;
            world.note_frozen().await;
        }
        world.now += TimeDelta::minutes(61 + random.below(20 * 60) as i64);
    }
    world.calm_down().await;
    world.check().await;
    (world.deaths, world.receiver.arrivals())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_nothing_is_lost_or_counted_twice() {
    let seeds: Vec<u64> = match std::env::var("GROUNDSWELL_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..8).collect(),
    };
    let (mut deaths, mut arrivals) = (0, 0);
    for seed in seeds {
        println!("seed {seed}: GROUNDSWELL_TEST_SEED={seed} runs it alone");
        let (died, arrived) = simulate(seed).await;
        println!("  died {died} times, {arrived} digests arrived");
        (deaths, arrivals) = (deaths + died, arrivals + arrived);
    }
    assert!(deaths > 0, "nothing ever died");
    assert!(arrivals > 0, "no digest was ever sent");
}

/// One story, cut off after 1, 2, 3 … polls until it gets through uncut: every pause is visited or
/// stepped over closely.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_pause_is_survived() {
    let mut polls = 1;
    loop {
        let mut random = Random::new(1);
        let mut world = World::new(format!("cut after {polls} polls")).await;
        world.open_long_ago();
        world.open(&mut random, 16, 9 * 24);
        let got_through = world.tick(polls).await;
        world.calm_down().await;
        world.check().await;
        if got_through {
            assert!(polls > 20, "so few pauses cannot be the whole work");
            return;
        }
        polls += 1 + polls / 3;
    }
}
