//! Calls from vendors: a genuine one makes its source due, and nothing that anybody sends does more than that.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use groundswell::connectors::PullError;
use groundswell::connectors::hook::{Hook, Proof, Scheme, Signature};
use groundswell::daemon;
use groundswell::model::SourceId;
use groundswell::web;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode};
use secrecy::SecretString;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::scripted::{Desk, SOURCE, State, tickets};
use crate::support::eventually;

pub const SECRET: &str = "known to both";

const SIGNATURES: [Signature; 1] = [Signature::of_body(
    "x-signature",
    "sha256=",
    Scheme::Sha256Hex,
)];

fn hook() -> Hook {
    Hook {
        proof: Proof::Headers(&SIGNATURES),
        secret: SecretString::from(SECRET),
        challenge: None,
    }
}

fn signed(body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let bytes = mac.chain_update(body).finalize().into_bytes();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// A Groundswell that was pulled ten minutes ago and is planned for next year.
struct World {
    desk: Desk,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> (Self, App) {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::new(State {
            tickets: tickets(3),
            page_records: 100,
            hook: Some(hook()),
            ..State::default()
        });
        let world = Self { desk, folder };
        let app = world.open().await;
        app.tick(clock::now() - TimeDelta::minutes(10)).await;
        assert_eq!(world.pulls(), 1);
        (world, app)
    }

    async fn open(&self) -> App {
        std::fs::create_dir_all(self.folder.path().join("inbox")).unwrap();
        let text = format!(
            "[web]\nlisten = '0.0.0.0:0'\ntoken_env = 'TOKEN'\n\
             [[sources]]\nid = '{SOURCE}'\nkind = 'files'\npaths = ['inbox']\nschedule = '0 0 1 1 *'\n\
             [[sources]]\nid = 'files'\nkind = 'files'\npaths = ['inbox']\nschedule = '0 0 1 1 *'\n"
        );
        let environment = [("TOKEN".to_owned(), "open-sesame".to_owned())].into();
        let config = Config::parse(&text, self.folder.path().to_owned(), environment);
        let mut app = App::open(config.unwrap()).await.unwrap();
        let connector = Box::new(self.desk.clone());
        app.connectors.insert(SourceId::from(SOURCE), connector);
        app
    }

    fn pulls(&self) -> u32 {
        self.desk.with(|state| state.pulls)
    }
}

/// The pages of an app, until this is dropped.
pub struct Served {
    pub app: Arc<App>,
    pub url: String,
    pub http: Client,
    _tasks: JoinSet<()>,
}

impl Served {
    pub async fn new(app: App) -> Self {
        let app = Arc::new(app);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        let served = app.clone();
        tasks.spawn(async move {
            web::serve(served, listener, CancellationToken::new())
                .await
                .unwrap();
        });
        Self {
            app,
            url,
            http: Client::builder().no_proxy().build().unwrap(),
            _tasks: tasks,
        }
    }

    async fn call(&self, source: &str, body: &str, signature: Option<&str>) -> StatusCode {
        call(&self.http, &self.url, source, body, signature).await
    }
}

async fn call(
    http: &Client,
    url: &str,
    source: &str,
    body: &str,
    signature: Option<&str>,
) -> StatusCode {
    let mut request = http
        .post(format!("{url}/hooks/{source}"))
        .body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("X-Signature", signature);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_genuine_call_makes_its_source_due_and_a_replay_does_no_more() {
    let (world, app) = World::new().await;
    let served = Served::new(app).await;
    served.app.tick(clock::now()).await;
    assert_eq!(world.pulls(), 1, "nothing is due");
    let body = r#"{"ticket": 7, "text": "my own words"}"#;
    let signature = signed(body);
    let status = served.call(SOURCE, body, Some(&signature)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let rung = tokio::time::timeout(Duration::from_secs(5), served.app.bell.notified());
    rung.await.unwrap();
    served.app.tick(clock::now()).await;
    assert_eq!(world.pulls(), 2);
    // The same call again is another hint: it waits for its minute, and adds nothing.
    let before = served.app.store.last_change().await.unwrap();
    let status = served.call(SOURCE, body, Some(&signature)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    served.app.tick(clock::now()).await;
    assert_eq!(world.pulls(), 2);
    served.app.tick(clock::now() + TimeDelta::seconds(61)).await;
    assert_eq!(world.pulls(), 3);
    served.app.tick(clock::now() + TimeDelta::hours(5)).await;
    assert_eq!(world.pulls(), 3);
    assert_eq!(served.app.store.last_change().await.unwrap(), before);
    assert!(
        served
            .app
            .metrics
            .encode()
            .contains("groundswell_source_hints_total{source=\"desk\",outcome=\"genuine\"} 2")
    );
}

#[tokio::test]
async fn a_hint_survives_a_restart_until_it_was_pulled() {
    let (world, app) = World::new().await;
    let served = Served::new(app).await;
    let body = "something changed";
    let status = served.call(SOURCE, body, Some(&signed(body))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let desk = SourceId::from(SOURCE);
    let kept = async |app: &App| {
        let progress = app.store.source_progress().await.unwrap();
        progress
            .into_iter()
            .find(|one| one.id == desk)
            .unwrap()
            .hinted_at
    };
    assert!(kept(&served.app).await.is_some());
    // Nothing was pulled yet when the process ends.
    let Served {
        app, http, _tasks, ..
    } = served;
    drop((http, _tasks));
    let app = eventually("the end of the pages", {
        let mut app = Some(app);
        async move || match Arc::try_unwrap(app.take()?) {
            Ok(app) => Some(app),
            Err(shared) => {
                app = Some(shared);
                None
            }
        }
    })
    .await;
    let store = app.store.clone();
    drop(app);
    store.close().await;
    let app = world.open().await;
    assert_eq!(world.pulls(), 1);
    app.tick(clock::now()).await;
    assert_eq!(world.pulls(), 2, "it was due all the same");
    assert_eq!(kept(&app).await, None);
    app.tick(clock::now() + TimeDelta::hours(5)).await;
    assert_eq!(world.pulls(), 2);
}

#[tokio::test]
async fn what_is_not_genuine_does_nothing() {
    let (world, app) = World::new().await;
    let served = Served::new(app).await;
    let (body, other) = ("something changed", signed("something else"));
    for wrong in [None, Some(""), Some("sha256="), Some(other.as_str())] {
        let status = served.call(SOURCE, body, wrong).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong:?}");
    }
    let right = signed(body);
    for unknown in ["files", "nobody", "desk%2Fx", "%00"] {
        let status = served.call(unknown, body, Some(&right)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{unknown}");
    }
    let large = "x".repeat(1024 * 1024);
    let status = served.call(SOURCE, &large, Some(&signed(&large))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "a mebibyte may come");
    let (world_two, app) = World::new().await;
    let served_two = Served::new(app).await;
    let larger = format!("{large}x");
    let status = served_two
        .call(SOURCE, &larger, Some(&signed(&larger)))
        .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let url = format!("{}/hooks/{SOURCE}", served_two.url);
    let status = served_two.http.get(url).send().await.unwrap().status();
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    served_two.app.tick(clock::now()).await;
    assert_eq!(world_two.pulls(), 1, "none of them is a hint");
    drop(world);
}

#[tokio::test]
async fn a_flood_of_a_thousand_calls_is_one_pull() {
    let (world, app) = World::new().await;
    let served = Served::new(app).await;
    let body = "something changed";
    let signature = signed(body);
    let mut taken = 0;
    for _ in 0..1_000 {
        let status = served.call(SOURCE, body, Some(&signature)).await;
        match status {
            StatusCode::ACCEPTED => taken += 1,
            other => assert_eq!(other, StatusCode::TOO_MANY_REQUESTS),
        }
        if taken % 100 == 0 {
            served.app.tick(clock::now()).await;
        }
    }
    assert!((600..=1_000).contains(&taken), "{taken}");
    assert_eq!(world.pulls(), 2);
}

#[tokio::test]
async fn a_hint_never_shortens_a_pause_that_the_vendor_asked_for() {
    let (world, app) = World::new().await;
    let told = PullError::RateLimited {
        retry_after_s: Some(3_600),
    };
    let next = world.desk.with(|state| state.calls) + 1;
    world.desk.with(|state| state.faults.insert(next, told));
    let served = Served::new(app).await;
    let body = "something changed";
    let hint = async || {
        let status = served.call(SOURCE, body, Some(&signed(body))).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    };
    hint().await;
    served.app.tick(clock::now()).await;
    let calls = || world.desk.with(|state| state.calls);
    assert_eq!(calls(), next);
    hint().await;
    let now: DateTime<Utc> = clock::now();
    for minutes in [0, 2, 30, 59] {
        served.app.tick(now + TimeDelta::minutes(minutes)).await;
        assert_eq!(calls(), next, "{minutes}");
    }
    served.app.tick(now + TimeDelta::minutes(61)).await;
    assert_eq!(calls(), next + 1);
}

/// The worker sleeps for up to a minute; a call wakes it.
#[tokio::test]
async fn a_call_wakes_the_daemon() {
    let (world, app) = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let stopped = stop.clone();
    tasks.spawn(async move { daemon::run(app, listener, stopped).await.unwrap() });
    let http = Client::builder().no_proxy().build().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.pulls(), 1);
    let started = std::time::Instant::now();
    let body = "something changed";
    let status = call(&http, &url, SOURCE, body, Some(&signed(body))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    eventually("the pull", async || (world.pulls() == 2).then_some(())).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}
