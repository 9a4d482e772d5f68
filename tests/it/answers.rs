//! Answering back over HTTP and from the command line: forms of our own pages only, JSON only, links that let one answer
//! through once and nothing else.

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::answers::token::{Link, LinkKey, LinkKind};
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use groundswell::model::{DestinationId, DigestId, TopicId};
use reqwest::header;
use serde_json::{Value, json};

use crate::pages::{LINK_KEY, Served};
use crate::support::{done, groundswell, jsonl, loud_week};

const WITH_TOKEN: &str = "token_env = 'PAGES_TOKEN'\nlink_key_env = 'LINK_KEY'";

impl Served {
    async fn log(&self) -> Vec<Value> {
        let request = self.request("/api/v1/answers");
        let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Sends JSON to the API; gives status and answer.
    async fn say(&self, answer: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/answers", self.url));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let sent = request.body(answer.to_string()).send().await.unwrap();
        let status = sent.status().as_u16();
        (
            status,
            serde_json::from_str(&sent.text().await.unwrap()).unwrap(),
        )
    }

    /// The token that the forms of a page carry.
    async fn form_token(&self, path: &str) -> String {
        let page = self.get(path).await.2;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    fn link(&self, topic: &str, kind: LinkKind, expires_at: DateTime<Utc>) -> String {
        let link = Link {
            digest: DigestId::from(self.digest.as_str()),
            topic: TopicId::from(topic),
            kind,
            destination: DestinationId::from("team.mail"),
            expires_at,
        };
        LinkKey::new(LINK_KEY).unwrap().sign(&link).unwrap()
    }

    /// A topic that the digest has an item about.
    async fn item(&self) -> String {
        let request = self.request(&format!("/api/v1/digests/{}", self.digest));
        let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
        let text = request.send().await.unwrap().text().await.unwrap();
        let digest: Value = serde_json::from_str(&text).unwrap();
        digest["digest"]["items"][0]["topic_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn post(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> (u16, String, String) {
        let mut request = self.http.post(format!("{}{path}", self.url)).form(fields);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let place = answer.headers().get(header::LOCATION);
        let place = place.map_or("", |place| place.to_str().unwrap()).to_owned();
        (
            answer.status().as_u16(),
            place,
            answer.text().await.unwrap(),
        )
    }
}

fn tomorrow() -> DateTime<Utc> {
    clock::now() + TimeDelta::days(1)
}

#[tokio::test]
async fn a_form_of_our_own_page_answers_and_no_other_does() {
    let served = Served::with_corpus().await;
    let topic = served.item().await;
    let page = format!("/digests/{}", served.digest);
    let token = served.form_token(&page).await;
    let fields = [
        ("form_token", token.as_str()),
        ("kind", "dispute"),
        ("by", "Ada <b>"),
        ("digest", &served.digest),
        ("topic", &topic),
        ("reason", "Only in Bonn, ask ada@example.org </p><script>"),
    ];
    let own = [("sec-fetch-site", "same-origin")];
    let origin = format!("http://{}", served.url.trim_start_matches("http://"));
    for foreign in [
        vec![],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", origin.as_str())],
        vec![("sec-fetch-site", "none")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
    ] {
        let (status, _, body) = served.post("/answers", &fields, &foreign).await;
        assert_eq!(status, 403, "{foreign:?}");
        assert!(body.contains("open the page again"), "{body}");
    }
    let mut stale = fields;
    for wrong in ["", "0123456789abcdef0123456789abcdef"] {
        stale[0].1 = wrong;
        assert_eq!(served.post("/answers", &stale, &own).await.0, 403);
    }
    assert!(served.log().await.is_empty());

    let (status, place, _) = served.post("/answers", &fields, &own).await;
    assert_eq!((status, place), (303, format!("{page}#answers")));
    let by_origin = served
        .post("/answers", &fields, &[("origin", &origin)])
        .await;
    assert_eq!(by_origin.0, 303);
    let log = served.log().await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[0]["reason"], "Only in Bonn, ask [mail] </p><script>");
    let topic_page = format!("/topics/{topic}");
    for path in [page.as_str(), topic_page.as_str(), "/answers"] {
        let body = served.get(path).await.2;
        assert!(body.contains("Ada &lt;b&gt;"), "{path}: {body}");
        assert!(body.contains("ask [mail] &lt;"), "{path}");
        assert!(!body.contains("<script"), "{path}");
    }

    let undo = [
        ("form_token", token.as_str()),
        ("kind", "undo"),
        ("by", "Ada"),
        ("number", "1"),
        ("topic", &topic),
    ];
    let (status, place, _) = served.post("/answers", &undo, &own).await;
    assert_eq!((status, place), (303, format!("{topic_page}#answers")));
    let (status, _, body) = served.post("/answers", &undo, &own).await;
    assert_eq!(status, 400);
    assert!(body.contains("undone before"), "{body}");
    assert!(served.get("/answers").await.2.contains("taken back"));
    let missing = [
        ("form_token", token.as_str()),
        ("kind", "confirm"),
        ("topic", &topic),
    ];
    let (status, _, body) = served.post("/answers", &missing, &own).await;
    assert_eq!(status, 400);
    assert!(body.contains("say who answers"), "{body}");
}

#[tokio::test]
async fn the_api_takes_answers_as_json_and_says_what_is_wrong() {
    let served = Served::with_corpus().await;
    let topic = served.item().await;
    let key = format!("desk/{}", served.conversation);
    let digest = served.digest.as_str();
    let good = [
        json!({"kind": "confirm", "by": "Ada", "digest": digest, "topic": topic}),
        json!({"kind": "dispute", "by": "Bo", "topic": topic, "reason": "not in Bonn"}),
        json!({"kind": "pin", "by": "Ada", "topic": topic, "conversation": key}),
        json!({"kind": "undo", "by": "Ada", "number": 1}),
    ];
    for (answer, number) in good.iter().zip(1..) {
        let (status, row) = served.say(answer).await;
        assert_eq!(status, 201, "{answer}: {row}");
        assert_eq!(
            (&row["number"], &row["kind"]),
            (&json!(number), &answer["kind"])
        );
        assert_eq!(row["via"], "api");
    }
    let log = served.log().await;
    assert_eq!(log.len(), 4);
    assert_eq!(
        (&log[3]["is_taken_back"], &log[1]["conversation"]),
        (&json!(true), &json!(key))
    );
    let about = served
        .get(&format!("/api/v1/answers?digest={digest}"))
        .await
        .2;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&about).unwrap().len(), 1);
}

#[tokio::test]
async fn the_api_says_what_is_wrong_and_repeats_nothing() {
    let served = Served::with_corpus().await;
    let topic = served.item().await;
    let good = json!({"kind": "confirm", "by": "Ada", "topic": topic});
    assert_eq!(served.say(&good).await.0, 201);
    let undo = json!({"kind": "undo", "by": "Ada", "number": 1});
    assert_eq!(served.say(&undo).await.0, 201);
    let wrong = [
        (
            json!({"kind": "confirm", "by": "", "topic": topic}),
            400,
            "by is empty",
        ),
        (json!({"kind": "confirm", "by": "Ada"}), 400, "which topic"),
        (
            json!({"kind": "praise", "by": "Ada"}),
            400,
            "kind is confirm",
        ),
        (
            json!({"kind": "confirm", "by": "Ada", "topic": "t0"}),
            404,
            "no such topic",
        ),
        (
            json!({"kind": "confirm", "by": "Ada", "topic": topic, "digest": "weekly-1999-W01"}),
            404,
            "no such digest",
        ),
        (
            json!({"kind": "pin", "by": "Ada", "topic": topic, "conversation": "desk/none"}),
            404,
            "no such conversation",
        ),
        (
            json!({"kind": "undo", "by": "Ada", "number": 1}),
            400,
            "undone before",
        ),
        (
            json!({"kind": "confirm", "by": "Ada", "secret word": 1}),
            400,
            "not an answer as JSON",
        ),
        (json!("confirm"), 400, "not an answer as JSON"),
    ];
    for (answer, expected, words) in wrong {
        let (status, body) = served.say(&answer).await;
        assert_eq!(status, expected, "{answer}: {body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    let answer = good.to_string();
    for (name, value, expected) in [
        ("content-type", "text/plain", 415),
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        let request = served.http.post(format!("{}/api/v1/answers", served.url));
        let request = request.header(name, value).body(answer.clone());
        assert_eq!(
            request.send().await.unwrap().status(),
            expected,
            "{name}: {value}"
        );
    }
    assert_eq!(served.log().await.len(), 2);
}

#[tokio::test]
async fn only_so_many_answers_are_taken_in_a_minute() {
    let served = Served::start(&[], "[answers]\nper_minute_max = 2").await;
    let wrong = json!({"kind": "confirm", "by": "Ada", "topic": "t0"});
    // Five tries lie in two minutes at most: at least one of them is too many.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(served.say(&wrong).await.0);
    }
    assert_eq!(statuses[0], 404);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn a_link_lets_one_answer_through_once_and_nothing_else() {
    let served = Served::start(&loud_week(), WITH_TOKEN).await;
    let topic = served.item().await;
    let token = served.link(&topic, LinkKind::Dispute, tomorrow());
    let path = format!("/a/{token}");

    // Looking is not answering, however often a scanner looks.
    for method in [
        reqwest::Method::GET,
        reqwest::Method::HEAD,
        reqwest::Method::GET,
    ] {
        let request = served.http.request(method, format!("{}{path}", served.url));
        let answer = request
            .header(header::HOST, "pages.example")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let headers = answer.headers();
        assert!(headers.get(header::SET_COOKIE).is_none());
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"));
    }
    let page = served
        .request(&path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("Not what I hear") && page.contains("item 1 of the digest"),
        "{page}"
    );
    // Nor does it say a word of a customer: a label is made of such words.
    let request = served.request(&format!("/api/v1/topics/{topic}"));
    let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
    let row: Value =
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert!(!page.contains(row["topic"].as_str().unwrap()));
    assert!(served.log().await.is_empty());

    let (status, _, body) = served
        .post(&path, &[("reason", "call me at +49 228 123456")], &[])
        .await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("Counted. Thank you."), "{body}");
    let log = served.log().await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (&log[0]["by"], &log[0]["via"]),
        (&json!("team.mail"), &json!("link"))
    );
    assert!(!log[0]["reason"].as_str().unwrap().contains("123456"));
    for _ in 0..2 {
        let (status, _, body) = served.post(&path, &[], &[]).await;
        assert_eq!(status, 409);
        assert!(
            body.contains("Counted already") && body.contains("was counted on 20"),
            "{body}"
        );
    }
    assert_eq!(served.request(&path).send().await.unwrap().status(), 409);
    assert_eq!(served.log().await.len(), 1);

    // A changed, an old, a foreign link, and one to something that is not there: one and the same page.
    let mut changed = served.link(&topic, LinkKind::Confirm, tomorrow());
    changed.replace_range(2..3, "x");
    let foreign = LinkKey::new(&"x".repeat(40)).unwrap();
    let link = Link {
        digest: DigestId::from(served.digest.as_str()),
        topic: TopicId::from(topic.as_str()),
        kind: LinkKind::Confirm,
        destination: DestinationId::from("team.mail"),
        expires_at: tomorrow(),
    };
    let wrong = [
        changed,
        served.link(
            &topic,
            LinkKind::Confirm,
            clock::now() - TimeDelta::seconds(1),
        ),
        foreign.sign(&link).unwrap(),
        served.link("t0", LinkKind::Confirm, tomorrow()),
        "x".to_owned(),
    ];
    let mut said = std::collections::BTreeSet::new();
    for token in &wrong {
        let path = format!("/a/{token}");
        assert_eq!(
            served.request(&path).send().await.unwrap().status(),
            404,
            "{token}"
        );
        let (status, _, body) = served.post(&path, &[], &[]).await;
        assert_eq!(status, 404, "{token}");
        said.insert(body);
    }
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(served.log().await.len(), 1);

    // With a good link in hand nothing else opens.
    let good = served.link(&topic, LinkKind::Confirm, tomorrow());
    for path in [
        "/",
        "/answers",
        "/digests",
        "/topics",
        "/api/v1/answers",
        "/api/v1/digests",
        "/metrics",
    ] {
        for more in ["", "?token=", "?a="] {
            let value = if more.is_empty() { "" } else { good.as_str() };
            let request = served.request(&format!("{path}{more}{value}"));
            let request = request.header(header::COOKIE, format!("groundswell={good}"));
            let status = request.send().await.unwrap().status().as_u16();
            assert!([303, 401].contains(&status), "{path}: {status}");
        }
    }
    for path in [
        format!("/a/{good}/x"),
        "/a/".to_owned(),
        "/a".to_owned(),
        format!("/a/..%2fdigests%2f{}", served.digest),
    ] {
        assert_eq!(
            served.request(&path).send().await.unwrap().status(),
            404,
            "{path}"
        );
    }
    let as_bearer = served
        .request("/api/v1/digests")
        .header(header::AUTHORIZATION, format!("Bearer {good}"));
    assert_eq!(as_bearer.send().await.unwrap().status(), 401);

    // Guessing is slowed down; a good link still works.
    let mut last = 0;
    for number in 0..150 {
        let answer = served
            .request(&format!("/a/guess-{number}"))
            .send()
            .await
            .unwrap();
        last = answer.status().as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(served.post(&format!("/a/{good}"), &[], &[]).await.0, 200);
    assert_eq!(served.log().await.len(), 2);
}

#[tokio::test]
async fn answers_are_given_and_taken_back_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
    let text = "time_zone = 'Europe/Berlin'\n[digest]\nconversations_min = 2\n\
                [[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n";
    std::fs::write(path.join("groundswell.toml"), text).unwrap();
    let config = Config::parse(text, path.to_owned(), Default::default()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    let id = app.store.digest_ids(10).await.unwrap().remove(0);
    let (digest, _) = app.store.digest(&id).await.unwrap().unwrap();
    let (id, topic) = (id.to_string(), digest.items[0].topic_id.to_string());
    let key = digest.items[0].quotes[0].key.to_string();
    drop(app);
    let answer = |more: &[&str]| -> Value {
        let begin = ["--json", "digest", "answer", &id, &topic, "--by", "Ada"];
        serde_json::from_str(&done(path, &[&begin[..], more].concat())).unwrap()
    };
    assert_eq!(answer(&["confirm"])["kind"], "confirm");
    assert_eq!(answer(&["dispute", "not in Bonn"])["reason"], "not in Bonn");
    assert_eq!(answer(&["pin", &key])["conversation"], key.as_str());
    let out = done(path, &["digest", "undo", "1", "--by", "Ada"]);
    assert_eq!(out, "answer 1 is taken back\n");
    let out = done(path, &["digest", "answers"]);
    assert_eq!(out.lines().count(), 4, "{out}");
    assert!(
        out.contains(": hears ") && out.contains("(taken back)"),
        "{out}"
    );
    let said = groundswell(
        path,
        &["digest", "answer", &id, "t0", "--by", "Ada", "confirm"],
    );
    assert_eq!(said.code, 2);
    assert_eq!(said.err, "groundswell: there is no such topic\n");
}
