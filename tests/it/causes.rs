//! Every cause of a difference between the official report and our counts opens its conversations, or says why it has none
//! and what is known of what is missing: on the page, in the API and on the command line.

use std::collections::BTreeMap;
use std::path::Path;

use groundswell::app::App;
use groundswell::config::Config;
use groundswell::daemon;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{done, jsonl, loud_week};

const DESK: &str = "time_zone = 'Europe/Berlin'\n[digest]\nconversations_min = 2\n\
                    [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n";
const PHONE: &str = "[[sources]]\nid = 'phone'\nkind = 'files'\npaths = ['calls.jsonl']\n";

/// The tickets opened in the weeks as management counts them, with five more under Other that nobody wrote to us.
fn report() -> String {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for row in loud_week() {
        let at = row["created_at"].as_str().unwrap();
        let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
        let day = at.with_timezone(&chrono_tz::Europe::Berlin).date_naive();
        let week = day.format("%G-W%V").to_string();
        if row["kind"] == "ticket" {
            let category = row.get("category").and_then(Value::as_str);
            let category = category.unwrap_or_default().to_owned();
            *counts.entry((week, category)).or_default() += 1;
        }
    }
    *counts
        .entry(("2026-W13".to_owned(), "Other".to_owned()))
        .or_default() += 5;
    let line = |((week, category), count): (&(String, String), &u32)| {
        format!("{week},{category},{count}\n")
    };
    let lines: String = counts.iter().map(line).collect();
    format!("week,category,opened\n{lines}")
}

/// A closed week with its report, whose pages are served until this value is dropped.
struct Week {
    url: String,
    folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl Week {
    async fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
        std::fs::write(path.join("official.csv"), report()).unwrap();
        std::fs::write(path.join("groundswell.toml"), text).unwrap();
        done(path, &["report", "import", "official.csv"]);
        let config = Config::parse(text, path.to_owned(), [].into()).unwrap();
        let app = App::open(config).await.unwrap();
        // So late that nobody waits for the other source any more.
        app.tick("2026-04-03T12:00:00Z".parse().unwrap()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stop = CancellationToken::new();
            daemon::show(app, listener, stop).await.unwrap();
        });
        Self {
            url,
            folder,
            _tasks: tasks,
        }
    }

    async fn get(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}{path}", self.url)).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The links behind the numbers of the report's page, each with its number.
    async fn causes(&self) -> Vec<(String, i64)> {
        let page = self.get("/report/weekly?window=2026-W13").await;
        let links = page.split("href=\"/report/weekly?").skip(1);
        let links = links.filter(|link| link.split('"').next().unwrap().contains("cause="));
        links
            .map(|link| {
                let (query, rest) = link.split_once('"').unwrap();
                let query = query.replace("&amp;", "&").replace("&#x2f;", "/");
                let number = rest.split_once('>').unwrap().1.split('<').next().unwrap();
                let number = number.replace('−', "-").replace(['+', '\u{202f}'], "");
                (format!("/report/weekly?{query}"), number.parse().unwrap())
            })
            .collect()
    }

    fn explained(&self, cause: &str) -> String {
        let path: &Path = self.folder.path();
        let ask = ["report", "explain", "official.csv", "2026-W13", "--cause"];
        done(path, &[&ask[..], &[cause]].concat())
    }
}

#[tokio::test]
async fn each_number_opens_as_many_conversations() {
    let week = Week::with(DESK).await;
    let mut seen = std::collections::BTreeSet::new();
    for (link, number) in week.causes().await {
        let page = week.get(&link).await;
        let cause = link.split("cause=").nth(1).unwrap();
        let cause = cause.split(['&', '#']).next().unwrap().to_owned();
        if cause == "unexplained" {
            assert!(page.contains("By its nature this has no list"), "{page}");
            assert!(page.contains("groundswell report definitions"), "{page}");
        } else {
            let shown = page.matches("<article class=\"ticket\">").count();
            assert_eq!(shown as i64, number.abs(), "{link}: {page}");
        }
        seen.insert(cause);
    }
    let wanted = ["call_notes", "ours", "unexplained"].map(str::to_owned);
    assert!(wanted.iter().all(|cause| seen.contains(cause)), "{seen:?}");
    let out = week.explained("call_notes");
    assert!(out.contains("-1 desk/"), "{out}");
    assert!(week.explained("unexplained").contains("By its nature"));
}

#[tokio::test]
async fn an_incomplete_source_says_what_is_missing() {
    let week = Week::with(&format!("{DESK}{PHONE}")).await;
    let causes = week.causes().await;
    let is_wanted = |(link, _): &&(String, i64)| link.contains("cause=source_incomplete");
    let found: Vec<_> = causes.iter().filter(is_wanted).collect();
    assert!(!found.is_empty(), "{causes:?}");
    for (link, number) in found {
        assert_eq!(*number, 5);
        let page = week.get(link).await;
        assert!(
            page.contains("phone was never read to its end; fails:"),
            "{page}"
        );
        assert!(page.contains("href=\"/sources\""));
    }
    let json = week
        .get("/api/v1/report/weekly?window=2026-W13&cause=source_incomplete")
        .await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let gaps = json["chosen"]["gaps"].as_array().unwrap();
    assert_eq!((gaps.len(), &gaps[0]["source"]), (1, &"phone".into()));
    let tables = week.get("/api/v1/tables/differences").await;
    assert!(tables.contains("source_incomplete") && !tables.contains("unexplained"));
    let out = week.explained("source_incomplete");
    assert!(
        out.contains("- phone was never read to its end; fails:"),
        "{out}"
    );
}
