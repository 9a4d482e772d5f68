//! Calls as each vendor signs them, and what must not pass for one: another secret, another body, another address, a replay.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use groundswell::app::App;
use groundswell::clock;
use groundswell::config::Config;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;

use crate::hooks::{SECRET, Served};

/// All that can call, with what their settings need. Two of HubSpot's have one secret.
const SOURCES: [(&str, &str, &str); 19] = [
    ("aircall", "aircall", "api_id = 'us'\napi_token_env = 'KEY'"),
    (
        "chatwoot",
        "chatwoot",
        "url = 'https://x.test'\naccount_id = 1\ntoken_env = 'KEY'",
    ),
    ("dialpad", "dialpad", "api_key_env = 'KEY'"),
    (
        "freshcaller",
        "freshcaller",
        "url = 'https://x.test'\napi_key_env = 'KEY'",
    ),
    (
        "freshdesk",
        "freshdesk",
        "url = 'https://x.test'\napi_key_env = 'KEY'",
    ),
    ("front", "front", "token_env = 'KEY'"),
    (
        "github",
        "github",
        "repositories = ['a/b']\ntoken_env = 'KEY'",
    ),
    (
        "gong",
        "gong",
        "access_key = 'us'\naccess_secret_env = 'KEY'",
    ),
    (
        "help_scout",
        "help_scout",
        "app_id = 'us'\napp_secret_env = 'KEY'",
    ),
    ("hubspot", "hubspot", "token_env = 'KEY'"),
    ("another", "hubspot", "token_env = 'KEY'"),
    ("intercom", "intercom", "token_env = 'KEY'"),
    (
        "jira",
        "jira",
        "url = 'https://x.test'\nprojects = ['A']\nemail = 'a@x.test'\ntoken_env = 'KEY'",
    ),
    (
        "redmine",
        "redmine",
        "url = 'https://x.test'\napi_key_env = 'KEY'",
    ),
    (
        "rt",
        "request_tracker",
        "url = 'https://x.test'\ntoken_env = 'KEY'",
    ),
    (
        "salesforce",
        "salesforce",
        "url = 'https://x.test'\nclient_id = 'us'\nclient_secret_env = 'KEY'",
    ),
    (
        "servicenow",
        "servicenow",
        "url = 'https://x.test'\nuser = 'us'\npassword_env = 'KEY'",
    ),
    (
        "zammad",
        "zammad",
        "url = 'https://x.test'\ntoken_env = 'KEY'",
    ),
    (
        "zendesk",
        "zendesk",
        "url = 'https://x.test'\nemail = 'a@x.test'\napi_token_env = 'KEY'",
    ),
];

const PUBLIC: &str = "https://desk.example/gs";

async fn served(web: &str) -> (tempfile::TempDir, Served) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("[web]\nlisten = '0.0.0.0:0'\ntoken_env = 'KEY'\n{web}\n");
    for (id, kind, settings) in SOURCES {
        text.push_str(&format!(
            "[[sources]]\nid = '{id}'\nkind = '{kind}'\n{settings}\nhook_secret_env = 'HOOK'\n"
        ));
    }
    let environment = [("KEY", "open-sesame"), ("HOOK", SECRET)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::parse(&text, folder.path().to_owned(), environment.into());
    let served = Served::new(App::open(config.unwrap()).await.unwrap()).await;
    (folder, served)
}

/// A call on its way.
#[derive(Clone)]
struct Sent {
    place: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Sent {
    fn to(place: &str, body: &str) -> Self {
        Self {
            place: place.to_owned(),
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    async fn answer(&self, served: &Served) -> reqwest::Response {
        let mut request = served
            .http
            .post(format!("{}/hooks/{}", served.url, self.place))
            .body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap()
    }

    async fn status(&self, served: &Served) -> StatusCode {
        self.answer(served).await.status()
    }
}

fn sha256(secret: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha1(secret: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn hexadecimal(prefix: &str, bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{digits}")
}

/// A token as Dialpad signs it.
fn token(secret: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(r#"{"call_id":7,"state":"hangup"}"#);
    let message = format!("{head}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sha256(secret, &message));
    format!("{message}.{signature}")
}

/// What HubSpot sends when it calls this address.
fn hubspot(place: &str, address: &str, secret: &str, body: &str, at: DateTime<Utc>) -> Sent {
    let time = at.timestamp_millis().to_string();
    let signature = sha256(secret, &format!("POST{address}{body}{time}"));
    Sent::to(place, body)
        .with("X-HubSpot-Signature-v3", STANDARD.encode(signature))
        .with("X-HubSpot-Request-Timestamp", time)
}

const BODY: &str = r#"{"event": "changed", "text": "my own words"}"#;

/// Each vendor's call, as its documents say; those with a time in it come last.
fn signed(secret: &str, at: DateTime<Utc>) -> (Vec<Sent>, Vec<Sent>) {
    let sha256 = |message: &str| sha256(secret, message);
    let sha1 = hexadecimal("sha1=", &sha1(secret, BODY));
    let to = |place| Sent::to(place, BODY);
    let of_body = vec![
        to("github").with("X-Hub-Signature-256", hexadecimal("sha256=", &sha256(BODY))),
        to("jira").with("X-Hub-Signature", hexadecimal("sha256=", &sha256(BODY))),
        to("redmine").with(
            "X-Redmine-Signature-256",
            hexadecimal("sha256=", &sha256(BODY)),
        ),
        to("intercom").with("X-Hub-Signature", sha1.clone()),
        to("zammad").with("X-Hub-Signature", sha1),
        to("help_scout").with(
            "X-HelpScout-Signature",
            STANDARD.encode(self::sha1(secret, BODY)),
        ),
        // A rule of Front's, not an application.
        to("front").with(
            "X-Front-Signature",
            STANDARD.encode(self::sha1(secret, BODY)),
        ),
    ];
    let (seconds, millis) = (at.timestamp().to_string(), at.timestamp_millis());
    let zulu = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let timed = vec![
        to("zendesk")
            .with(
                "X-Zendesk-Webhook-Signature",
                STANDARD.encode(sha256(&format!("{zulu}{BODY}"))),
            )
            .with("X-Zendesk-Webhook-Signature-Timestamp", zulu),
        to("chatwoot")
            .with(
                "X-Chatwoot-Signature",
                hexadecimal("sha256=", &sha256(&format!("{seconds}.{BODY}"))),
            )
            .with("X-Chatwoot-Timestamp", seconds),
        to("front")
            .with(
                "X-Front-Signature",
                STANDARD.encode(sha256(&format!("{millis}:{BODY}"))),
            )
            .with("X-Front-Request-Timestamp", millis.to_string()),
        hubspot(
            "hubspot",
            &format!("{PUBLIC}/hooks/hubspot"),
            secret,
            BODY,
            at,
        ),
    ];
    (of_body, timed)
}

#[tokio::test]
async fn each_vendor_signs_in_its_own_way() {
    let (_folder, served) = served(&format!("public_url = '{PUBLIC}/'")).await;
    let now = clock::now();
    let all = |secret: &str, at| {
        let (of_body, timed) = signed(secret, at);
        of_body.into_iter().chain(timed)
    };
    for sent in all(SECRET, now) {
        let status = sent.status(&served).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{}", sent.place);
        let mut changed = sent.clone();
        changed.body.push(' ');
        let status = changed.status(&served).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", sent.place);
    }
    for sent in all("guessed", now) {
        let status = sent.status(&served).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", sent.place);
    }
    for minutes in [-6, 6] {
        for sent in signed(SECRET, now + TimeDelta::minutes(minutes)).1 {
            let status = sent.status(&served).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", sent.place);
        }
    }
    assert_eq!(served.app.hints.newest().len(), 10);
}

#[tokio::test]
async fn who_signs_otherwise_or_not_at_all_is_heard_too() {
    let (_folder, served) = served("").await;
    let named =
        |secret: &str| format!(r#"{{"event": "call.ended", "token": "{secret}", "data": {{}}}}"#);
    for (secret, expected) in [
        (SECRET, StatusCode::ACCEPTED),
        ("guessed", StatusCode::UNAUTHORIZED),
    ] {
        let in_query = format!("gong?key={}", secret.replace(' ', "%20"));
        let shared = |place| Sent::to(place, "{}").with("X-Groundswell-Secret", secret);
        for sent in [
            Sent::to("dialpad", &token(secret)),
            Sent::to("aircall", &named(secret)),
            Sent::to(&in_query, "{}"),
            shared("freshdesk"),
            shared("freshcaller"),
            shared("hubspot"),
            shared("redmine"),
            shared("rt"),
            shared("salesforce"),
            shared("servicenow"),
        ] {
            let status = sent.status(&served).await;
            assert_eq!(status, expected, "{} {secret}", sent.place);
        }
    }
    // What goes for one of them does not for the others.
    for place in [
        "dialpad", "aircall", "gong", "github", "zendesk", "jira", "front", "chatwoot", "intercom",
        "zammad",
    ] {
        let sent = Sent::to(place, "{}").with("X-Groundswell-Secret", SECRET);
        let status = sent.status(&served).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{place}");
    }
    assert_eq!(served.app.hints.newest().len(), 10);
}

/// HubSpot calls the public address; a proxy calls us, with another scheme and host, and without the path's beginning.
#[tokio::test]
async fn an_address_is_signed_as_it_is_known_outside() {
    let (_folder, served) = served(&format!("public_url = '{PUBLIC}'")).await;
    let (now, address) = (clock::now(), format!("{PUBLIC}/hooks/hubspot"));
    let of = |place: &str, address: &str| hubspot(place, address, SECRET, BODY, now);
    let good = of("hubspot", &address)
        .with("Host", "10.0.0.7:8460")
        .with("X-Forwarded-Host", "elsewhere.example")
        .with("X-Forwarded-Proto", "http");
    assert_eq!(good.status(&served).await, StatusCode::ACCEPTED);
    // In a query, some characters are signed as themselves.
    let coded = of(
        "hubspot?at=a%2Fb%3Ac%20d",
        &format!("{address}?at=a/b:c%20d"),
    );
    assert_eq!(coded.status(&served).await, StatusCode::ACCEPTED);
    let mut elsewhere = good.clone();
    elsewhere.place = "another".to_owned();
    let mut asked = good.clone();
    asked.place = "hubspot?a=b".to_owned();
    for (sent, why) in [
        (elsewhere, "another source with the same secret"),
        (asked, "another query"),
        (
            of("hubspot", &format!("{}/hooks/hubspot", served.url)),
            "the proxy's address",
        ),
        (
            of("hubspot", "https://elsewhere.example/gs/hooks/hubspot"),
            "what a header says",
        ),
        (
            of("hubspot", "http://desk.example/gs/hooks/hubspot"),
            "another scheme",
        ),
    ] {
        assert_eq!(
            sent.status(&served).await,
            StatusCode::UNAUTHORIZED,
            "{why}"
        );
    }
    assert_eq!(served.app.hints.newest().len(), 1);
}

#[tokio::test]
async fn without_a_public_address_nothing_that_signs_it_is_genuine() {
    let (_folder, served) = served("").await;
    for address in [&served.url, "https://desk.example", "http://0.0.0.0:0", ""] {
        let address = format!("{address}/hooks/hubspot");
        let sent = hubspot("hubspot", &address, SECRET, BODY, clock::now());
        let answer = sent.answer(&served).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.text().await.unwrap().contains("web.public_url"));
    }
}

/// Front wants a word of its own back before it calls; Intercom asks whether there is anything.
#[tokio::test]
async fn vendors_that_ask_before_they_call_are_answered() {
    let (_folder, served) = served("").await;
    let calls = signed(SECRET, clock::now());
    let front = calls.1.iter().find(|sent| sent.place == "front").unwrap();
    let asked = front.clone().with("X-Front-Challenge", "a \"word\"");
    let answer = asked.answer(&served).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer, serde_json::json!({"challenge": "a \"word\""}));
    assert!(served.app.hints.newest().is_empty(), "nothing changed yet");
    // Nobody else hears back what he sends.
    let unsigned = Sent::to("front", BODY).with("X-Front-Challenge", "word");
    let answer = unsigned.answer(&served).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!answer.text().await.unwrap().contains("\"challenge\""));
    let github = calls.0[0].clone().with("X-Front-Challenge", "word");
    assert_eq!(github.status(&served).await, StatusCode::ACCEPTED);

    for (place, expected) in [
        ("intercom", StatusCode::OK),
        ("nobody", StatusCode::NOT_FOUND),
    ] {
        let url = format!("{}/hooks/{place}", served.url);
        let status = served.http.head(&url).send().await.unwrap().status();
        assert_eq!(status, expected);
    }
}
