//! What several modules need: conversations of the built-in corpus, moved in time; the real program,
//! run to its end or serving; and a receiver of webhooks that remembers what it was given.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::config::Config;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: it never came");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

// ---- conversations

/// A folder as somebody begins with it, configuration and all, with the digest of the loud week, and the program in it.
pub async fn loud_folder() -> (TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
    let text = "time_zone = 'Europe/Berlin'\n[digest]\nconversations_min = 2\n\
                [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n";
    std::fs::write(path.join("groundswell.toml"), text).unwrap();
    let config = Config::parse(text, path.to_owned(), Default::default()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    (folder, app)
}

/// A conversation of the corpus, one JSON object.
pub type Row = serde_json::Map<String, Value>;

/// The whole built-in corpus.
pub fn corpus() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/corpus.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Every third conversation of the corpus's last weeks, up to its last Sunday: little enough for a
/// debug build.
pub fn last_weeks() -> Vec<Row> {
    let end = "2026-03-30T00:00:00Z";
    let rows: Vec<Row> = corpus()
        .into_iter()
        .filter(|row| row["created_at"].as_str().unwrap() < end)
        .collect();
    let first = rows.len() - 480;
    rows.into_iter().skip(first).step_by(3).collect()
}

/// Two quiet weeks, then a week in which three things are said again and again that nobody said
/// before, all filed under Other: whatever finds topics finds these, and the week has its digest.
pub fn loud_week() -> Vec<Row> {
    let mut rows: Vec<Row> = last_weeks().into_iter().take(72).step_by(4).collect();
    let end: DateTime<Utc> = "2026-03-29T20:00:00Z".parse().unwrap();
    let stories: Vec<Row> = ["router", "ice", "strainer"]
        .iter()
        .flat_map(|word| about(word))
        .collect();
    for (place, mut row) in stories.into_iter().enumerate() {
        let at = end - TimeDelta::hours(3 * place as i64);
        for name in ["closed_at", "updated_at"] {
            row.remove(name);
        }
        row.insert("created_at".to_owned(), Value::from(at.to_rfc3339()));
        row.insert("category".to_owned(), Value::from("Other"));
        row.insert("id".to_owned(), Value::from(format!("L-{place}")));
        row["messages"][0].as_object_mut().unwrap().remove("at");
        rows.push(row);
    }
    rows
}

/// Sixteen conversations that hold a word.
fn about(word: &str) -> Vec<Row> {
    let holds = |row: &Row| {
        let text = row["messages"][0]["text"].as_str().unwrap();
        text.contains(word)
            && (40..400).contains(&text.len())
            && row["messages"].as_array().unwrap().len() == 1
    };
    corpus().into_iter().filter(holds).take(16).collect()
}

/// The same conversations, moved by whole weeks so that their last Sunday is the last one before now.
pub fn moved_to_now(rows: Vec<Row>) -> Vec<Row> {
    let today = groundswell::clock::now().date_naive();
    let monday = today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()));
    let end = "2026-03-30".parse::<chrono::NaiveDate>().unwrap();
    let by = monday - end;
    rows.into_iter().map(|row| moved(row, by)).collect()
}

fn moved(mut row: Row, by: TimeDelta) -> Row {
    for name in ["created_at", "updated_at", "closed_at", "at"] {
        let time = row.get(name).and_then(Value::as_str);
        if let Some(time) = time.map(|text| text.parse::<DateTime<Utc>>().unwrap()) {
            row.insert(name.to_owned(), Value::from((time + by).to_rfc3339()));
        }
    }
    if let Some(Value::Array(messages)) = row.get_mut("messages") {
        for message in messages {
            *message = Value::Object(moved(message.as_object().unwrap().clone(), by));
        }
    }
    row
}

/// The rows as a JSONL file.
pub fn jsonl(rows: &[Row]) -> String {
    let line = |row: &Row| format!("{}\n", Value::Object(row.clone()));
    rows.iter().map(line).collect()
}

/// A small generator of our own: the same seed gives the same numbers everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    /// A number from 0 up to, not including, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}

/// Ends a future after so many polls, as a power cut would.
pub struct Limited<F> {
    inner: Pin<Box<F>>,
    polls_left: u32,
}

impl<F: Future> Limited<F> {
    pub fn new(future: F, polls: u32) -> Self {
        Self {
            inner: Box::pin(future),
            polls_left: polls,
        }
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.polls_left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.polls_left = left;
        self.inner.as_mut().poll(context).map(Some)
    }
}

// ---- the program

/// What a run of the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundswell"));
    command.current_dir(folder).env_remove("GROUNDSWELL_LOG");
    command.stdin(Stdio::null());
    command
}

/// Runs the program in a folder to its end.
pub fn groundswell(folder: &Path, arguments: &[&str]) -> Said {
    said(program(folder).args(arguments))
}

/// Runs the program with a text on its standard input.
pub fn groundswell_reading(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    file.rewind().unwrap();
    said(program(folder).args(arguments).stdin(file))
}

/// Runs the program with no more memory than this, as the shell limits it.
pub fn groundswell_within(folder: &Path, megabytes: u32, arguments: &[&str]) -> Said {
    let script = format!("ulimit -v {}; exec \"$0\" \"$@\"", megabytes * 1024);
    let mut shell = Command::new("sh");
    shell.current_dir(folder).env_remove("GROUNDSWELL_LOG");
    // Arenas are reserved for each thread, and counted although they are never used.
    shell.env("MALLOC_ARENA_MAX", "1").stdin(Stdio::null());
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_groundswell")]);
    said(shell.args(arguments))
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs the program and expects success; gives what it printed.
#[track_caller]
pub fn done(folder: &Path, arguments: &[&str]) -> String {
    let said = groundswell(folder, arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
    said.out
}

/// A `groundswell serve` that runs. Dropping it kills it.
pub struct Serving {
    child: tokio::process::Child,
    log: Arc<Mutex<String>>,
    _tasks: JoinSet<()>,
}

impl Serving {
    /// Starts it in a folder with a `groundswell.toml`.
    pub fn start(folder: &Path) -> Self {
        let mut command = tokio::process::Command::from(program(folder));
        command
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut tasks = JoinSet::new();
        let kept = log.clone();
        tasks.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                *kept.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self {
            child,
            log,
            _tasks: tasks,
        }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log holds some words.
    pub async fn wait_for(&mut self, words: &str) {
        let started = tokio::time::Instant::now();
        while !self.log().contains(words) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status} before \"{words}\":\n{}", self.log());
            }
            let waited = started.elapsed();
            assert!(waited < PATIENCE, "no \"{words}\":\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where its pages are.
    pub async fn url(&mut self) -> String {
        self.wait_for("pages on http://").await;
        let log = self.log();
        let (_, rest) = log.split_once("pages on ").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// An answer of its API.
    pub async fn api(&mut self, path: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.url().await);
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Ends it without a chance to tidy up: `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end: SIGTERM.
    pub async fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        (status.expect("it ends").unwrap(), self.log())
    }
}

/// A folder with a configuration file.
pub fn folder_with(config: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    std::fs::write(path.join("groundswell.toml"), config).unwrap();
    (folder, path)
}

// ---- webhooks

/// How a receiver of webhooks treats the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Keeps the digest and says so.
    Well,
    /// Answers 500 and keeps nothing.
    Broken,
    /// Keeps the digest and hangs up without an answer.
    HangsUp,
    /// Keeps the digest and never answers.
    Silent,
}

struct Received {
    mood: Mood,
    /// Delivery key and body, in the order of arrival.
    kept: Vec<(String, String)>,
}

/// A receiver of webhooks that remembers the key and the body of what it kept.
pub struct Receiver {
    pub url: String,
    received: Arc<Mutex<Received>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/digests", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Received {
            mood: Mood::Well,
            kept: Vec::new(),
        }));
        let shared = received.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A sender that dies in the middle is part of the game.
                talks.spawn(talk(stream, shared.clone()));
            }
        });
        Self {
            url,
            received,
            _tasks: tasks,
        }
    }

    pub fn set(&self, mood: Mood) {
        self.received.lock().unwrap().mood = mood;
    }

    /// How often something arrived, repeats counted.
    pub fn arrivals(&self) -> usize {
        self.received.lock().unwrap().kept.len()
    }

    /// What arrived, by delivery key. A repeat under one key must be the same to the last byte.
    #[track_caller]
    pub fn by_key(&self) -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for (key, body) in &self.received.lock().unwrap().kept {
            let first = found.entry(key.clone()).or_insert_with(|| body.clone());
            assert_eq!(first, body, "{key} came with two contents");
        }
        found
    }
}

async fn talk(mut stream: TcpStream, received: Arc<Mutex<Received>>) {
    let Some((key, body)) = Box::pin(request(&mut stream)).await else {
        return;
    };
    let mood = {
        let mut received = received.lock().unwrap();
        if received.mood != Mood::Broken {
            received.kept.push((key, body));
        }
        received.mood
    };
    let answer = match mood {
        Mood::Well => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        Mood::Broken => {
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        Mood::HangsUp => return,
        Mood::Silent => return std::future::pending().await,
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The delivery key and the body of one request; `None` when the sender went away.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = |wanted: &str| {
                head.lines()
                    .filter_map(|line| line.split_once(": "))
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                    .map(|(_, value)| value.to_owned())
            };
            let length: usize = field("content-length")?.parse().ok()?;
            if bytes.len() >= head.len() + 4 + length {
                return Some((field("x-groundswell-delivery")?, body.to_owned()));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
}

/// The path of a public set of texts, or none with a loud word: `GROUNDSWELL_TEST_DATA` (or `../shared/data`) has them.
pub fn public_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GROUNDSWELL_TEST_DATA")
        .map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    // Past the test harness, which hides what a passing test prints.
    let path = path.display();
    let words = format!("SKIPPED: there is no {path}; GROUNDSWELL_TEST_DATA names the folder\n");
    std::io::stderr().write_all(words.as_bytes()).unwrap();
    None
}
