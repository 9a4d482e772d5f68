//! Pages and API over HTTP: every address, hostile requests and hostile words, who is let in, and a
//! real browser that clicks through them.

use std::path::Path;
use std::process::Command;

use groundswell::app::App;
use groundswell::config::Config;
use groundswell::daemon;
use reqwest::header;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::servers::variable;
use crate::support::{Row, jsonl, loud_week};

const HOSTILE: &str = r#"{"id": "X<b>&\"'/1", "kind": "ticket", "created_at": "2026-03-29T08:00:00Z", "subject": "<script>alert('subject')</script>", "text": "my pump says </p><script>alert(1)</script> <img src=x onerror=alert(2)> & {{ 7 * 7 }} xylophone", "category": "<i>Other</i>", "account": "<u>acme</u>", "url": "javascript:alert(3)"}"#;

/// What the links of the tests are signed with.
pub const LINK_KEY: &str = "a key of the tests, long enough for links";

/// Pages that are served until this value is dropped.
pub struct Served {
    pub url: String,
    pub http: reqwest::Client,
    pub topic: String,
    pub digest: String,
    pub conversation: String,
    _folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

fn config(folder: &Path, web: &str) -> Config {
    let text = format!(
        "time_zone = 'Europe/Berlin'\n[web]\n{web}\n\
         [digest]\nconversations_min = 2\n\
         [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n"
    );
    let environment = [("PAGES_TOKEN", "open-sesame"), ("LINK_KEY", LINK_KEY)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::parse(&text, folder.to_owned(), environment.into()).unwrap()
}

impl Served {
    /// The last weeks of the corpus, worked through as of the day after, with one hostile ticket.
    pub async fn with_corpus() -> Self {
        Self::start(&loud_week(), "").await
    }

    pub async fn start(rows: &[Row], web: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}{HOSTILE}\nnot json\n", jsonl(rows));
        std::fs::write(folder.path().join("desk.jsonl"), text).unwrap();
        let app = App::open(config(folder.path(), web)).await.unwrap();
        app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
        let topics = groundswell::steps::seen_topics(&app.store).await.unwrap();
        let digests = app.store.digest_ids(10).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            daemon::show(app, listener, CancellationToken::new())
                .await
                .unwrap();
        });
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            url,
            http: client.no_proxy().build().unwrap(),
            topic: topics
                .first()
                .map_or(String::new(), |topic| topic.id.to_string()),
            digest: digests.first().map_or(String::new(), ToString::to_string),
            conversation: rows
                .first()
                .map_or(String::new(), |row| row["id"].as_str().unwrap().to_owned()),
            _folder: folder,
            _tasks: tasks,
        }
    }

    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> (u16, String, String) {
        let answer = self.request(path).send().await.unwrap();
        assert_secure(path, answer.headers());
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    }

    async fn status(&self, request: reqwest::RequestBuilder) -> u16 {
        request.send().await.unwrap().status().as_u16()
    }
}

#[track_caller]
fn assert_secure(path: &str, headers: &header::HeaderMap) {
    let text = |name: &str| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    let policy = text("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    assert!(!policy.contains("script-src"), "{path}: {policy}");
    assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(text("referrer-policy"), "same-origin", "{path}");
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn every_page_and_endpoint_answers() {
    let served = Served::with_corpus().await;
    let (topic, digest, conversation) = (&served.topic, &served.digest, &served.conversation);
    let pages = [
        ("/".to_owned(), "What customers keep saying"),
        ("/topics".to_owned(), "Course"),
        ("/topics?cadence=daily".to_owned(), "Course"),
        (
            format!("/topics/{topic}"),
            "What the official report calls these",
        ),
        (
            format!("/topics/{topic}?cadence=weekly&window=2026-W13"),
            "opened in 2026-W13",
        ),
        ("/digests".to_owned(), "2026-W13"),
        (format!("/digests/{digest}"), "Content hash"),
        ("/search".to_owned(), "found"),
        ("/search?q=ice".to_owned(), "<mark>ice</mark>"),
        (
            "/search?q=ice&sort=newest&offset=5".to_owned(),
            "newest first",
        ),
        ("/sources".to_owned(), "desk"),
        ("/suggestions".to_owned(), "First in"),
        ("/suggestions?state=done".to_owned(), "No suggestion."),
        (
            format!("/conversations/desk/{conversation}"),
            "Stored clean and redacted",
        ),
        ("/sign-in".to_owned(), "Token"),
    ];
    for (path, words) in pages {
        let (status, kind, body) = served.get(&path).await;
        assert_eq!(
            (status, kind.as_str()),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(body.contains(words), "{path}: no {words}:\n{body}");
        assert!(
            body.ends_with("</html>\n") || body.ends_with("</html>"),
            "{path}: cut off"
        );
    }
    let mut endpoints: Vec<String> = [
        "search?text=ice",
        "search",
        "topics",
        "windows/daily",
        "windows/weekly",
        "windows/monthly",
        "digests",
        "sources",
        "suggestions",
        "suggestions?state=open",
    ]
    .map(|path| format!("/api/v1/{path}"))
    .to_vec();
    endpoints.extend(
        [
            "assignments",
            "topics",
            "trends",
            "reconciliation",
            "differences",
        ]
        .map(|name| format!("/api/v1/tables/{name}")),
    );
    endpoints.extend([
        format!("/api/v1/topics/{topic}"),
        format!("/api/v1/digests/{digest}"),
    ]);
    for path in endpoints {
        let (status, kind, body) = served.get(&path).await;
        assert_eq!(
            (status, kind.as_str()),
            (200, "application/json"),
            "{path}: {body}"
        );
        let value: Value = serde_json::from_str(&body).unwrap();
        assert_ne!(value, Value::Null, "{path}");
    }
    let (status, kind, body) = served.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(
        body.contains("# TYPE") && body.ends_with("# EOF\n"),
        "{body}"
    );
    assert_eq!(served.get("/health").await.2, "ok\n");
    assert_eq!(served.get("/style.css").await.1, "text/css");
}

#[tokio::test]
async fn every_link_on_the_pages_leads_somewhere() {
    let served = Served::with_corpus().await;
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        if seen.len() > 150 || !seen.insert(path.clone()) {
            continue;
        }
        let (status, kind, body) = served.get(&path).await;
        assert_eq!(status, 200, "{path}");
        if !kind.starts_with("text/html") {
            continue;
        }
        for part in body.split("href=\"").skip(1) {
            let link = part
                .split('"')
                .next()
                .unwrap()
                .replace("&amp;", "&")
                .replace("&#x2f;", "/");
            let base = path.split('?').next().unwrap();
            match link.chars().next() {
                Some('/') => open.push(link),
                Some('?') => open.push(format!("{base}{link}")),
                Some('#') | None => {}
                // No picture for the tab, and no request for one.
                Some(_) if link == "data:," => {}
                Some(_) => assert!(
                    link.starts_with("https://") || link.starts_with("http://"),
                    "{path}: {link}"
                ),
            }
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn what_does_not_exist_or_makes_no_sense_is_said_safely() {
    let served = Served::with_corpus().await;
    let nasty = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let missing = [
        "/nowhere",
        "/topics/t0",
        "/digests/weekly-1999-W01",
        "/conversations/desk/0",
        "/conversations/x/y/z",
    ];
    let missing: Vec<String> = missing
        .iter()
        .map(|path| (*path).to_owned())
        .chain([
            format!("/topics/{nasty}"),
            format!("/digests/{nasty}"),
            format!("/conversations/desk/{nasty}"),
            format!("/{nasty}"),
            "/topics/..%2f..%2fetc%2fpasswd".to_owned(),
            "/api/v1/topics/t0".to_owned(),
            "/api/v1/digests/x".to_owned(),
            "/api/v1/windows/hourly".to_owned(),
            "/api/v1/tables/sqlite_master".to_owned(),
            "/api/v1/nowhere".to_owned(),
        ])
        .collect();
    for path in missing {
        let (status, kind, body) = served.get(&path).await;
        assert_eq!(status, 404, "{path}");
        assert!(!body.contains("<script"), "{path}: {body}");
        if path.starts_with("/api/") {
            assert_eq!(kind, "application/json");
            assert!(body.contains("\"not_found\""), "{path}: {body}");
        } else {
            assert!(body.contains("there is no such"), "{path}: {body}");
        }
    }
    let topic = &served.topic;
    let huge = "x".repeat(7_000);
    for (query, expected) in [
        (format!("/search?q={nasty}"), 200),
        (
            "/search?q=%22%22%22((((AND%20OR%20NOT%20-%20*".to_owned(),
            200,
        ),
        (
            "/search?q=category:%22%20after:yesterday%20topic:".to_owned(),
            200,
        ),
        (format!("/search?q={huge}"), 200),
        ("/search?q=ice&offset=18446744073709551615".to_owned(), 200),
        ("/search?q=ice&offset=-1".to_owned(), 400),
        ("/search?q=%ff%fe".to_owned(), 200),
        (
            "/api/v1/search?text=ice&limit=18446744073709551615&offset=18446744073709551615"
                .to_owned(),
            200,
        ),
        ("/api/v1/search?text=ice&limit=0".to_owned(), 200),
        ("/api/v1/search?text=ice&from=yesterday".to_owned(), 400),
        ("/api/v1/search?text=ice&kind=letter".to_owned(), 400),
        ("/topics?cadence=hourly%3Cscript%3E".to_owned(), 200),
        (format!("/topics/{topic}?window=2026-W99"), 400),
        (format!("/topics/{topic}?window={nasty}"), 400),
        (
            format!("/api/v1/topics/{topic}?cadence=daily&window=2026-W13"),
            400,
        ),
    ] {
        let (status, _, body) = served.get(&query).await;
        let shown: String = query.chars().take(100).collect();
        assert_eq!(status, expected, "{shown}: {body}");
        assert!(!body.contains("<script"), "{shown}: {body}");
        assert!(!body.contains("panicked"), "{shown}");
    }
    let post = served.http.post(format!("{}/", served.url));
    assert_eq!(served.status(post).await, 405);
    let large = served
        .http
        .post(format!("{}/sign-in", served.url))
        .body("token=".to_owned() + &"x".repeat(100_000));
    let large = large.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(served.status(large).await, 413);
}

#[tokio::test]
async fn a_customers_words_are_never_markup() {
    let served = Served::with_corpus().await;
    let found = served.get("/api/v1/search?text=xylophone").await.2;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["total"], 1, "{found}");
    let id = found["hits"][0]["key"]["id"].as_str().unwrap();
    let mut url = url::Url::parse(&served.url).unwrap();
    url.path_segments_mut()
        .unwrap()
        .extend(["conversations", "desk", id]);
    let search = served.get("/search?q=xylophone").await.2;
    let page = served.get(url.path()).await;
    assert_eq!(page.0, 200, "{}", page.2);
    assert!(page.2.contains("Why it is here"), "{}", page.2);
    let link = search.split("href=\"/conversations/").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#x2f;", "/");
    assert_eq!(
        served.get(&format!("/conversations/{link}")).await.0,
        200,
        "{link}"
    );
    for body in [search, page.2] {
        for markup in [
            "<script",
            "<img",
            "<i>",
            "<u>",
            "<b>",
            "onerror=alert(2)>",
            ">49<",
        ] {
            assert!(!body.contains(markup), "{markup}: {body}");
        }
        assert!(!body.contains("href=\"javascript:"), "{body}");
        assert!(body.contains("&lt;script&gt;"), "{body}");
    }
}

#[tokio::test]
async fn a_foreign_name_for_this_machine_is_refused() {
    let served = Served::start(&[], "").await;
    for (host, expected) in [
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("localhost:1234", 200),
        ("[::1]", 200),
    ] {
        for path in ["/", "/api/v1/digests", "/metrics"] {
            let request = served.request(path).header(header::HOST, host);
            assert_eq!(served.status(request).await, expected, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn with_a_token_only_those_who_know_it_are_let_in() {
    let served = Served::start(&[], "token_env = 'PAGES_TOKEN'").await;
    for path in [
        "/api/v1/digests",
        "/api/v1/tables/topics",
        "/api/v1/nowhere",
        "/metrics",
    ] {
        assert_eq!(served.get(path).await.0, 401, "{path}");
        for (given, expected) in [
            ("Bearer open-sesame", 200),
            ("Bearer open-sesam", 401),
            ("Basic open-sesame", 401),
            ("Bearer ", 401),
        ] {
            let expected = if path.ends_with("nowhere") && expected == 200 {
                404
            } else {
                expected
            };
            let request = served.request(path).header(header::AUTHORIZATION, given);
            assert_eq!(served.status(request).await, expected, "{path} {given}");
        }
    }
    for path in [
        "/",
        "/topics",
        "/search?q=ice",
        "/conversations/desk/1",
        "/digests/x",
    ] {
        let answer = served.request(path).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{path}");
        assert_eq!(answer.headers()[header::LOCATION], "/sign-in");
    }
    assert_eq!(served.get("/health").await.0, 200);
    let sign_in = async |token: &str| {
        let request = served.http.post(format!("{}/sign-in", served.url));
        request.form(&[("token", token)]).send().await.unwrap()
    };
    let wrong = sign_in("guess").await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get(header::SET_COOKIE).is_none());
    let right = sign_in("open-sesame").await;
    assert_eq!(right.status(), 303);
    let cookie = right.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert!(!cookie.contains("open-sesame"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let request = served.request("/").header(header::COOKIE, pair);
    assert_eq!(served.status(request).await, 200);
    let request = served
        .request("/")
        .header(header::COOKIE, "groundswell=open-sesame");
    assert_eq!(served.status(request).await, 303);
    // A token also lets other names of the machine in: that is what it is for.
    let request = served
        .request("/")
        .header(header::COOKIE, pair)
        .header(header::HOST, "team.example");
    assert_eq!(served.status(request).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_browser_clicks_through_the_pages() {
    let (Some(chromium), Some(node), Some(playwright)) = (
        variable("CHROMIUM"),
        variable("NODE"),
        variable("PLAYWRIGHT"),
    ) else {
        return;
    };
    let served = Served::with_corpus().await;
    let pictures = match std::env::var("GROUNDSWELL_TEST_PICTURES") {
        Ok(folder) => folder.into(),
        Err(_) => served._folder.path().join("pictures"),
    };
    std::fs::create_dir_all(&pictures).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/browser-pages.js");
    let url = served.url.clone();
    let folder = pictures.clone();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(node);
        command
            .arg(script)
            .args([chromium, playwright, url])
            .arg(folder);
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("all well"), "{said}");
    for name in [
        "overview", "topic", "digest", "search", "sources", "narrow", "dark",
    ] {
        let picture = std::fs::metadata(pictures.join(format!("{name}.png"))).unwrap();
        assert!(picture.len() > 5_000, "{name}");
    }
}
