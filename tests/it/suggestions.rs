//! Suggestions over HTTP and from the command line: they are listed, decided, and not made again for the same reason.

use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::SuggestionState;
use reqwest::header;
use serde_json::{Value, json};

use crate::pages::Served;
use crate::support::{done, groundswell, jsonl, loud_week};

impl Served {
    async fn suggestions(&self, query: &str) -> Vec<Value> {
        let (status, _, body) = self.get(&format!("/api/v1/suggestions{query}")).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn decide(&self, id: &str, kind: &str, body: String) -> (u16, String) {
        let request = self
            .http
            .post(format!("{}/api/v1/suggestions/{id}", self.url))
            .header(header::CONTENT_TYPE, kind);
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_suggestion_is_listed_and_decided() {
    let served = Served::with_corpus().await;
    let open = served.suggestions("?state=open").await;
    let id = open[0]["suggestion"].as_str().unwrap().to_owned();
    let accept = json!({"state": "accepted", "by": "Ada <b>", "note": "let us try"}).to_string();
    let form = "application/x-www-form-urlencoded";
    let (status, _) = served.decide(&id, form, "state=accepted".to_owned()).await;
    assert_eq!(status, 415, "a form of another site could send this");
    let (status, body) = served.decide(&id, "application/json", accept.clone()).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) = served.decide(&id, "application/json", accept.clone()).await;
    assert_eq!(status, 400);
    assert!(body.contains("it is accepted already"), "{body}");
    let (status, _) = served.decide("nothing", "application/json", accept).await;
    assert_eq!(status, 404);
    let unknown = json!({"state": "lost"}).to_string();
    let (status, body) = served.decide(&id, "application/json", unknown).await;
    assert_eq!(status, 400);
    assert!(body.contains("open, accepted, rejected, done"), "{body}");

    assert_eq!(
        served.suggestions("?state=open").await.len(),
        open.len() - 1
    );
    assert_eq!(
        served.suggestions("?state=accepted").await[0]["suggestion"],
        id.as_str()
    );
    let (_, _, page) = served.get("/suggestions?state=accepted").await;
    assert!(page.contains("by Ada &lt;b&gt;: let us try"), "{page}");
}

#[tokio::test]
async fn the_command_line_decides_and_the_next_digest_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
    let text = "time_zone = 'Europe/Berlin'\n[digest]\nconversations_min = 2\n\
                [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n";
    std::fs::write(path.join("groundswell.toml"), text).unwrap();
    let config = Config::parse(text, path.to_owned(), Default::default()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    let said = app
        .store
        .said("2026-01-01T00:00:00Z".parse().unwrap())
        .await
        .unwrap();
    let id = said[0].suggestion.to_string();
    drop(app);

    let out = done(path, &["digest", "suggestions", "--state", "open"]);
    assert!(out.contains(&id) && out.contains("first in"), "{out}");
    let decide = [
        "digest", "decide", &id, "rejected", "--by", "Ada", "--note", "no",
    ];
    assert_eq!(done(path, &decide), format!("{id} is rejected now\n"));
    let again = groundswell(path, &decide);
    assert_eq!(again.code, 2);
    assert_eq!(
        again.err,
        format!("groundswell: suggestion {id}: it is rejected already\n")
    );
    let unknown = groundswell(path, &["digest", "decide", "x", "done"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("there is no suggestion x"),
        "{}",
        unknown.err
    );
    let listed: Vec<Value> =
        serde_json::from_str(&done(path, &["--json", "digest", "suggestions"])).unwrap();
    let row = listed
        .iter()
        .find(|row| row["suggestion"] == id.as_str())
        .unwrap();
    assert_eq!(row["state"], SuggestionState::Rejected.as_str());
    assert_eq!(row["decided"]["note"], "no");
}
