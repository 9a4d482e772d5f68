//! Answering back over HTTP and from the command line: forms of our own pages only, JSON only, links that let one answer
//! through once and nothing else.

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::answers::token::{Link, LinkKey, LinkKind};
use groundswell::answers::{Given, Via};
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use groundswell::digest::render::{Format, render};
use groundswell::model::{Cadence, DestinationId, Digest, DigestId, TopicId};
use groundswell::steps;
use reqwest::header;
use serde_json::{Value, json};

use crate::pages::{LINK_KEY, Served};
use crate::support::{Mood, Receiver, Row, done, groundswell, jsonl, loud_folder, loud_week};

pub const WITH_TOKEN: &str = "token_env = 'PAGES_TOKEN'\nlink_key_env = 'LINK_KEY'";

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
    pub async fn form_token(&self, path: &str) -> String {
        let page = self.get(path).await.2;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn link(&self, topic: &str, kind: LinkKind, expires_at: DateTime<Utc>) -> String {
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
    pub async fn item(&self) -> String {
        let request = self.request(&format!("/api/v1/digests/{}", self.digest));
        let request = request.header(header::AUTHORIZATION, "Bearer open-sesame");
        let text = request.send().await.unwrap().text().await.unwrap();
        let digest: Value = serde_json::from_str(&text).unwrap();
        digest["digest"]["items"][0]["topic_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn post(
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

pub fn tomorrow() -> DateTime<Utc> {
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

/// Tries until the minute is full: five tries lie in two minutes at most, so with two a minute at least one is too many.
async fn fill(mut send: impl AsyncFnMut() -> u16, first: u16) {
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(send().await);
    }
    assert_eq!(statuses[0], first, "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn only_so_much_is_written_in_a_minute_on_whatever_way() {
    let start = async || {
        let rows = loud_week();
        let limited = "link_key_env = 'LINK_KEY'\n[answers]\nper_minute_max = 2";
        Served::start(&rows, limited).await
    };
    let own = [("sec-fetch-site", "same-origin")];
    let served = start().await;
    let wrong = json!({"kind": "confirm", "by": "Ada", "topic": "t0"});
    fill(async || served.say(&wrong).await.0, 404).await;

    let served = start().await;
    let token = served.form_token("/topics").await;
    let fields = [
        ("form_token", token.as_str()),
        ("by", "Ada"),
        ("kind", "confirm"),
        ("topic", "t0"),
        ("suggestion", "t0.rising.1999-W01"),
        ("state", "done"),
    ];
    let send = async || served.post("/answers", &fields, &own).await.0;
    fill(send, 404).await;

    let served = start().await;
    let token = served.form_token("/suggestions").await;
    let mut fields = fields;
    fields[0].1 = &token;
    let send = async || served.post("/suggestions", &fields, &own).await.0;
    fill(send, 404).await;

    let served = start().await;
    let url = format!("{}/api/v1/suggestions/t0", served.url);
    let send = async || {
        let request = served.http.post(&url).body("{\"state\": \"done\"}");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.send().await.unwrap().status().as_u16()
    };
    fill(send, 404).await;

    // Good links, too; a foreign form takes no room from anybody.
    let served = start().await;
    let topic = served.item().await;
    for _ in 0..5 {
        assert_eq!(served.post("/answers", &fields, &[]).await.0, 403);
    }
    let mut days = 1;
    let send = async || {
        days += 1;
        let expires_at = clock::now() + TimeDelta::days(days);
        let token = served.link(&topic, LinkKind::Confirm, expires_at);
        served.post(&format!("/a/{token}"), &[], &[]).await.0
    };
    fill(send, 200).await;
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
    let (folder, app) = loud_folder().await;
    let path = folder.path();
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
    let ask = ["topics", "ask", "frost", "ice", "--by", "Ada"];
    let out = done(path, &ask);
    assert!(out.contains("it was counted in"), "{out}");
    assert!(done(path, &["topics", "asked"]).contains("2026-W13"));
    let out = done(path, &["topics", "asked", "--json"]);
    let rows: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&rows[0]["name"], &rows[0]["query"]),
        (&json!("frost"), &json!("ice"))
    );
    assert_eq!(groundswell(path, &ask).code, 2, "the same name");
    assert_eq!(
        done(path, &["topics", "drop", "Frost", "--by", "Ada"]),
        "asked topic 5 is dropped\n"
    );
    assert_eq!(
        groundswell(path, &["topics", "drop", "frost", "--by", "Ada"]).code,
        2
    );
    let out = done(path, &["digest", "answers"]);
    assert_eq!(out.lines().count(), 6, "{out}");
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

/// The loud week once more, so many weeks later, under other ids.
pub fn again(weeks: i64) -> Vec<Row> {
    let mut rows = loud_week();
    rows.retain(|row| row["id"].as_str().unwrap().starts_with("L-"));
    for row in &mut rows {
        let at: DateTime<Utc> = row["created_at"].as_str().unwrap().parse().unwrap();
        let at = at + TimeDelta::weeks(weeks);
        row.insert("created_at".to_owned(), Value::from(at.to_rfc3339()));
        let id = row["id"]
            .as_str()
            .unwrap()
            .replace("L-", &format!("L{weeks}-"));
        row.insert("id".to_owned(), Value::from(id));
    }
    rows
}

pub async fn digest(app: &App, id: &str) -> Digest {
    let found = app.store.digest(&DigestId::from(id)).await.unwrap();
    found.unwrap_or_else(|| panic!("no digest {id}")).0
}

async fn say(app: &App, kind: &str, change: impl Fn(&mut Given)) -> i64 {
    let mut given = Given {
        kind: kind.to_owned(),
        by: "Ada".to_owned(),
        ..Given::default()
    };
    change(&mut given);
    let said = given.check(Via::Page, true).unwrap();
    let kept = steps::answer(&app.store, &app.config, &said, clock::now()).await;
    kept.unwrap().unwrap().number
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn the_next_digest_tells_what_was_answered_and_links_are_made_for_each_destination() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    first.set(Mood::HangsUp);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("desk.jsonl"), jsonl(&loud_week())).unwrap();
    let text = format!(
        "time_zone = 'Europe/Berlin'\n[web]\npublic_url = 'https://pages.example/gs'\n\
         link_key_env = 'LINK_KEY'\n[answers]\nlink_days = 365\n[digest]\nconversations_min = 2\n\
         remind_after = 1\n[[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['desk.jsonl']\n\
         [[destinations]]\nid = 'one'\nkind = 'webhook'\nurl = '{}'\nsecret_env = 'LINK_KEY'\n\
         [[destinations]]\nid = 'two'\nkind = 'webhook'\nurl = '{}'\nsecret_env = 'LINK_KEY'\n\
         [[digests]]\ncadence = 'weekly'\ndestinations = ['one', 'two']\n",
        first.url, second.url
    );
    let environment = [("LINK_KEY".to_owned(), LINK_KEY.to_owned())];
    let config = Config::parse(&text, path.to_owned(), environment.into()).unwrap();
    let app = App::open(config).await.unwrap();
    app.tick("2026-03-30T12:00:00Z".parse().unwrap()).await;
    let week = digest(&app, "weekly-2026-W13").await;
    let topic = week.items[0].topic_id.to_string();

    // A repeat has the same bytes (`by_key` sees to that), each destination its own links, the digest none.
    first.set(Mood::Well);
    app.tick("2026-03-30T13:00:00Z".parse().unwrap()).await;
    assert_eq!((first.arrivals(), second.arrivals()), (2, 1));
    let link_to = |receiver: &Receiver| -> String {
        let body = receiver.by_key().into_values().next().unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(!body["digest"].to_string().contains("/a/1."));
        let links = body["answers"][&topic].as_array().unwrap();
        let kinds = links.iter().map(|link| link["kind"].as_str().unwrap());
        assert_eq!(kinds.collect::<Vec<_>>(), ["confirm", "dispute", "decide"]);
        links[1]["url"].as_str().unwrap().to_owned()
    };
    let (one, two) = (link_to(&first), link_to(&second));
    assert_ne!(one, two);
    let token = one.strip_prefix("https://pages.example/gs/a/").unwrap();
    let key = LinkKey::new(LINK_KEY).unwrap();
    let opened = key
        .open(token, "2026-04-01T00:00:00Z".parse().unwrap())
        .unwrap();
    assert_eq!(opened.link.destination.as_str(), "one");
    assert_eq!(
        (opened.link.topic.as_str(), &opened.link.digest),
        (topic.as_str(), &week.id)
    );
    let late = "2027-03-31T00:00:00Z".parse().unwrap();
    assert!(key.open(token, late).is_none());

    // Ada takes a confirmation back, two dispute, one of the quotes is pinned, and a word is asked for.
    let about = |given: &mut Given| {
        given.topic.clone_from(&topic);
        given.digest = "weekly-2026-W13".to_owned();
    };
    let pinned = week.items[0].quotes.last().unwrap().key.clone();
    say(&app, "confirm", about).await;
    for by in ["Bo", "Cy"] {
        say(&app, "dispute", |given| {
            about(given);
            given.by = by.to_owned();
            given.reason = format!("{by} hears it in Bonn only, says ada@example.org");
        })
        .await;
    }
    say(&app, "pin", |given| {
        about(given);
        given.conversation = pinned.to_string();
    })
    .await;
    let asked = say(&app, "ask", |given| {
        given.name = "strainers".to_owned();
        given.query = "strainer OR strainers".to_owned();
    })
    .await;
    let counted = steps::count_missing(&app.store, &app.index, &app.config, clock::now()).await;
    assert!(counted.unwrap() > 0);
    let before = app
        .store
        .asked_window(asked, Cadence::Weekly, "2026-W13")
        .await
        .unwrap();
    let before = before.unwrap();
    assert!(before.keys.len() >= 10, "{before:?}");
    for key in &before.keys {
        let stored = app.store.conversation(key).await.unwrap().unwrap();
        assert!(stored.text.as_str().to_lowercase().contains("strainer"));
    }

    let rows = [loud_week(), again(1)].concat();
    std::fs::write(path.join("desk.jsonl"), jsonl(&rows)).unwrap();
    app.tick("2026-04-06T12:00:00Z".parse().unwrap()).await;
    let next = digest(&app, "weekly-2026-W14").await;
    let told = &next.answered;
    assert_eq!((told.topics.len(), told.withdrawn, told.through), (1, 0, 5));
    let about_topic = &told.topics[0];
    assert_eq!((about_topic.confirmed, about_topic.disputed), (1, 2));
    assert_eq!(
        about_topic.reasons[0],
        "Cy hears it in Bonn only, says [mail]"
    );
    assert_eq!(about_topic.pinned, std::slice::from_ref(&pinned));
    assert!(
        !serde_json::to_string(told).unwrap().contains("\"Bo\""),
        "no names"
    );
    let item = next
        .items
        .iter()
        .find(|item| item.topic_id.as_str() == topic);
    let item = item.unwrap_or_else(|| panic!("{:?}", about_topic.outcome));
    assert!(item.heard.as_ref().unwrap().is_disputed());
    assert_eq!(item.quotes[0].key, pinned);
    let stored = app.store.conversation(&pinned).await.unwrap().unwrap();
    assert!(stored.text.as_str().contains(&item.quotes[0].text));
    assert!(
        about_topic.outcome.contains("marked as disputed"),
        "{}",
        about_topic.outcome
    );
    let strainers = &told.asked[0];
    assert_eq!(
        (strainers.name.as_str(), strainers.is_new),
        ("strainers", true)
    );
    assert_eq!(
        strainers.course.last().unwrap(),
        &("2026-W14".to_owned(), strainers.conversations)
    );
    assert!(
        strainers
            .course
            .contains(&("2026-W13".to_owned(), before.keys.len() as u64))
    );
    for (format, words) in [
        (Format::Text, "What you answered"),
        (Format::Mail, "not (“Cy hears"),
    ] {
        let shown = format!("{:?}", render(&next, format, ""));
        assert!(shown.replace("\\n", " ").contains(words), "{shown}");
    }

    // The week after, only what is new is told, and what was counted has stayed.
    say(&app, "undo", |given| given.number = Some(1)).await;
    let rows = [rows, again(2)].concat();
    std::fs::write(path.join("desk.jsonl"), jsonl(&rows)).unwrap();
    app.tick("2026-04-13T12:00:00Z".parse().unwrap()).await;
    let last = digest(&app, "weekly-2026-W15").await;
    assert_eq!(
        (last.answered.topics.len(), last.answered.withdrawn),
        (0, 1)
    );
    assert!(!last.answered.asked[0].is_new);
    let frozen = app
        .store
        .asked_window(asked, Cadence::Weekly, "2026-W13")
        .await
        .unwrap();
    assert_eq!(frozen.unwrap().keys, before.keys);
}

#[tokio::test]
async fn a_topic_is_asked_for_on_its_page_and_counted_where_windows_are_closed() {
    let served = Served::with_corpus().await;
    let token = served.form_token("/topics").await;
    let own = [("sec-fetch-site", "same-origin")];
    let ask = |query: &'static str| {
        [
            ("form_token", token.clone()),
            ("kind", "ask".to_owned()),
            ("by", "Ada".to_owned()),
            ("name", format!("Frost <{query}>")),
            ("query", query.to_owned()),
        ]
    };
    let send = async |query| {
        let fields = ask(query);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        served.post("/answers", &fields, &own).await
    };
    let (status, place, _) = send("ice category:Other").await;
    assert_eq!((status, place.as_str()), (303, "/asked/1#answers"));
    assert_eq!(send("ice category:Other").await.0, 400, "the same name");
    assert_eq!(send("-ice").await.0, 400, "nothing to look for");
    assert_eq!(send("ice after:yesterday").await.0, 400, "not understood");
    let page = served.get("/asked/1").await.2;
    assert!(
        page.contains("Frost &lt;ice") && page.contains("in 2026-W13"),
        "{page}"
    );
    assert!(page.contains("href=\"/conversations/desk/"), "{page}");
    assert!(served.get("/topics").await.2.contains("Frost &lt;ice"));
    let row: Value =
        serde_json::from_str(&served.get("/api/v1/asked/1?window=2026-W13").await.2).unwrap();
    let found = served.get("/api/v1/search?text=ice&category=Other&from=2026-03-22T23:00:00Z&to=2026-03-29T22:00:00Z").await.2;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(row["conversations"], found["total"], "{row}");
    assert_eq!(
        row["keys"].as_array().unwrap().len() as u64,
        found["total"].as_u64().unwrap()
    );
    for (path, expected) in [
        ("/asked/2", 404),
        ("/asked/x", 400),
        ("/asked/1?window=2031-W01", 404),
        ("/api/v1/asked", 200),
    ] {
        assert_eq!(served.get(path).await.0, expected, "{path}");
    }
    let days: Value =
        serde_json::from_str(&served.get("/api/v1/asked?cadence=daily").await.2).unwrap();
    assert_eq!(days[0]["course"].as_array().unwrap().len(), 1, "{days}");
    let drop = [
        ("form_token", token.as_str()),
        ("kind", "undo"),
        ("by", "Ada"),
        ("number", "1"),
    ];
    assert_eq!(served.post("/answers", &drop, &own).await.0, 303);
    assert_eq!(served.get("/asked/1").await.0, 404);
}

#[tokio::test]
async fn a_name_is_typed_once() {
    let served = Served::with_corpus().await;
    let page = format!("/digests/{}", served.digest);
    let token = served.form_token(&page).await;
    let topic = served.item().await;
    let fields = [
        ("form_token", token.as_str()),
        ("kind", "confirm"),
        ("by", "Ada <b>"),
        ("topic", &topic),
    ];
    let request = served.http.post(format!("{}/answers", served.url));
    let request = request.header("sec-fetch-site", "same-origin");
    let answer = request.form(&fields).send().await.unwrap();
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let request = served.request(&page);
    let request = request.header(header::COOKIE, cookie.split(';').next().unwrap());
    let again = request.send().await.unwrap().text().await.unwrap();
    let field = "name=\"by\" value=\"Ada &lt;b&gt;\"";
    assert!(again.contains(field), "{again}");
    assert!(!served.get(&page).await.2.contains(field));
}

#[tokio::test]
async fn a_search_is_asked_for_and_a_conversation_pinned_where_they_are_read() {
    let served = Served::with_corpus().await;
    let search = served.get("/search?q=ice+category:Other").await.2;
    let field = "name=\"query\" value=\"ice category:Other\"";
    assert!(search.contains(field), "{search}");
    let nothing = served.get("/search?q=xyzzy").await.2;
    assert!(!nothing.contains("name=\"query\""), "{nothing}");

    let topic = served.item().await;
    let list = served.get(&format!("/topics/{topic}")).await.2;
    let key = list.split("href=\"/conversations/").nth(1).unwrap();
    let key = key.split('"').next().unwrap().replace("&#x2f;", "/");
    let page = served.get(&format!("/conversations/{key}")).await.2;
    let field = |name: &str| {
        let begin = format!("name=\"{name}\" value=\"");
        let (_, rest) = page.split_once(&begin).unwrap();
        rest.split('"').next().unwrap().replace("&#x2f;", "/")
    };
    let (token, conversation) = (field("form_token"), field("conversation"));
    let fields = [
        ("form_token", token.as_str()),
        ("kind", "pin"),
        ("by", "Ada"),
        ("topic", &topic),
        ("conversation", &conversation),
    ];
    let own = [("sec-fetch-site", "same-origin")];
    let (status, place, body) = served.post("/answers", &fields, &own).await;
    assert_eq!(status, 303, "{body}");
    assert_eq!(place, format!("/topics/{topic}#answers"));
    assert_eq!(served.log().await[0]["conversation"], conversation.as_str());
}
