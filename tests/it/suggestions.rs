//! Suggestions over HTTP, by link and from the command line: they are listed, decided, and not made again for the same
//! reason.

use chrono::TimeDelta;
use groundswell::answers::token::LinkKind;
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use groundswell::digest::render::{Format, render};
use groundswell::model::{DestinationId, SuggestionState};
use groundswell::steps::{self, Wish};
use groundswell::store::Pressed;
use reqwest::header;
use serde_json::{Value, json};

use crate::answers::{WITH_TOKEN, again, digest, tomorrow};
use crate::pages::Served;
use crate::support::{done, groundswell, jsonl, loud_folder, loud_week};

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

    /// The suggestion of the digest's first item.
    async fn suggestion(&self) -> String {
        let request = self.request(&format!("/api/v1/digests/{}", self.digest));
        let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
        let text = request.send().await.unwrap().text().await.unwrap();
        let digest: Value = serde_json::from_str(&text).unwrap();
        let id = &digest["digest"]["items"][0]["suggestion"]["id"];
        id.as_str().unwrap().to_owned()
    }

    /// A page that needs no login, which is stricter than the others.
    async fn get_alone(&self, path: &str) -> (u16, String, String) {
        let answer = self.request(path).send().await.unwrap();
        let headers = answer.headers();
        assert!(headers.get(header::SET_COOKIE).is_none());
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        let kind = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
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
    assert!(
        page.contains("by <bdi>Ada &lt;b&gt;</bdi>: <bdi>let us try</bdi>"),
        "{page}"
    );
}

#[tokio::test]
async fn the_command_line_decides_and_the_next_digest_obeys() {
    let (folder, app) = loud_folder().await;
    let path = folder.path();
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

#[tokio::test]
async fn a_form_of_our_own_page_decides_and_no_other_does() {
    let served = Served::with_corpus().await;
    let id = served.suggestion().await;
    let id = id.as_str();
    let token = served.form_token("/suggestions").await;
    let fields = [
        ("form_token", token.as_str()),
        ("suggestion", id),
        ("state", "accepted"),
        ("by", "Ada <b>"),
        ("note", "Bo tries it, ask bo@example.org"),
    ];
    let own = [("sec-fetch-site", "same-origin")];
    for foreign in [
        vec![],
        vec![("sec-fetch-site", "cross-site")],
        vec![("origin", "null")],
    ] {
        let (status, _, body) = served.post("/suggestions", &fields, &foreign).await;
        assert_eq!(status, 403, "{foreign:?}");
        assert!(body.contains("open the page again"), "{body}");
    }
    let with = |place: usize, value: &'static str| {
        let mut changed = fields;
        changed[place].1 = value;
        changed
    };
    for (fields, status, words) in [
        (with(0, "0123456789abcdef0123456789abcdef"), 403, "not from"),
        (with(1, "t0.rising.1999-W01"), 404, "no such suggestion"),
        (with(2, "lost"), 400, "state is one of"),
        (with(3, " "), 400, "say who decides"),
    ] {
        let (answered, _, body) = served.post("/suggestions", &fields, &own).await;
        assert_eq!(answered, status, "{body}");
        assert!(body.contains(words), "{body}");
    }
    assert_eq!(served.suggestions("?state=accepted").await.len(), 0);

    let (status, place, _) = served.post("/suggestions", &fields, &own).await;
    assert_eq!((status, place), (303, format!("/suggestions#{id}")));
    let page = served.get("/suggestions?state=accepted").await.2;
    assert!(
        page.contains("by <bdi>Ada &lt;b&gt;</bdi>: <bdi>Bo tries it, ask [mail]</bdi>"),
        "{page}"
    );
    assert!(!page.contains(">Accept it<") && page.contains(">It is done<"));
    let (status, _, body) = served.post("/suggestions", &fields, &own).await;
    assert_eq!(status, 400);
    assert!(body.contains("it is accepted already"), "{body}");
    let digest = served.digest.as_str();
    let done = [&with(2, "done")[..], &[("digest", digest)]].concat();
    let (status, place, _) = served.post("/suggestions", &done, &own).await;
    assert_eq!((status, place), (303, format!("/digests/{digest}#answers")));
    let page = served.get(&format!("/digests/{digest}")).await.2;
    assert!(page.contains("<span class=\"badge done\">done</span>"));
}

#[tokio::test]
async fn a_link_decides_once_and_opens_nothing() {
    let served = Served::start(&loud_week(), WITH_TOKEN).await;
    let topic = served.item().await;
    let link = |expires_at| format!("/a/{}", served.link(&topic, LinkKind::Decide, expires_at));
    let path = link(tomorrow());
    let id = served.suggestion().await;
    let row = async || -> Value {
        let request = served.request("/api/v1/suggestions");
        let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
        let text = request.send().await.unwrap().text().await.unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let is_its = |row: &Value| row["suggestion"] == id.as_str();
        all.into_iter().find(is_its).unwrap()
    };

    // Looking is not deciding, and says nothing that a customer said.
    for _ in 0..2 {
        let (status, _, page) = served.get_alone(&path).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains(">Accept it<") && page.contains(">It is done<"));
        assert!(page.contains("item 1 of the digest"), "{page}");
        let row = row().await;
        for word in ["label", "sentence"] {
            assert!(!page.contains(row[word].as_str().unwrap()), "{page}");
        }
    }
    for nothing in [vec![], vec![("state", "open")], vec![("state", "lost")]] {
        let (status, _, body) = served.post(&path, &nothing, &[]).await;
        assert!([400, 409].contains(&status), "{status} {body}");
        assert!(body.contains("Nothing was changed"), "{body}");
    }
    assert_eq!(row().await["state"], "open");

    // What makes no sense any more does not use the link.
    let other = served.link(&topic, LinkKind::Decide, clock::now() + TimeDelta::days(2));
    let other = format!("/a/{other}");
    let accept = [
        ("state", "accepted"),
        ("by", "Ada"),
        ("reason", "we try it, +49 228 123456"),
    ];
    let (status, _, body) = served.post(&other, &accept, &[]).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("It is accepted. Thank you."), "{body}");
    let (status, _, body) = served.post(&path, &accept, &[]).await;
    assert_eq!(status, 409);
    assert!(body.contains("it is accepted already"), "{body}");
    let (status, _, _) = served.post(&path, &[("state", "done")], &[]).await;
    assert_eq!(status, 200);
    for used in [&path, &other] {
        assert_eq!(served.get_alone(used).await.0, 409);
        let (status, _, body) = served.post(used, &[("state", "accepted")], &[]).await;
        assert_eq!(status, 409);
        assert!(body.contains("Decided already"), "{body}");
    }
    let row = row().await;
    assert_eq!(row["state"], "done");
    assert_eq!(row["decided"]["by"], "a link sent to team.mail");

    let old = link(clock::now() - TimeDelta::seconds(1));
    for method in ["get", "post"] {
        let (status, _, body) = match method {
            "get" => served.get_alone(&old).await,
            _ => served.post(&old, &accept, &[]).await,
        };
        assert_eq!(status, 404, "{body}");
        assert!(body.contains("This link does not work"), "{body}");
    }
}

#[tokio::test]
async fn the_next_digest_tells_what_was_decided_by_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
    let text = "time_zone = 'Europe/Berlin'\n[digest]\nconversations_min = 2\n\
                remind_after = 1\n\
                [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n";
    let config = Config::parse(text, path.to_owned(), Default::default()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    let week = digest(&app, "weekly-2026-W13").await;
    let (item, other) = (&week.items[0], &week.items[1]);
    let pressed = |nonce| Pressed {
        nonce,
        expires_at: tomorrow(),
        at: "2026-03-31T08:00:00Z".parse().unwrap(),
    };
    for (item, state, nonce) in [
        (item, SuggestionState::Accepted, "aa"),
        (other, SuggestionState::Rejected, "bb"),
    ] {
        let wish = Wish {
            state,
            by: "Ada".to_owned(),
            note: format!("because of {nonce}"),
        };
        let destination = DestinationId::from("team.mail");
        let wanted = (&item.suggestion.id, &wish);
        let (store, config) = (&app.store, &app.config);
        let decided = steps::decide_by_link(store, config, pressed(nonce), &destination, wanted);
        decided.await.unwrap().unwrap().unwrap();
    }
    let rows = [loud_week(), again(1)].concat();
    std::fs::write(path.join("desk.jsonl"), jsonl(&rows)).unwrap();
    app.tick("2026-04-06T12:00:00Z".parse().unwrap()).await;
    let next = digest(&app, "weekly-2026-W14").await;
    let told = &next.follow_up;
    assert_eq!((told.accepted, told.rejected), (1, 1), "{told:?}");
    assert_eq!(told.decided.len(), 2);
    let shown = format!("{:?}", render(&next, Format::Text, "")).replace("\\n", " ");
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "was accepted on 2026-03-31: because of aa.",
        "was rejected on 2026-03-31: because of bb.",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    // Names stay on the pages.
    assert!(!shown.contains("Ada") && !shown.contains("team.mail"));
}
