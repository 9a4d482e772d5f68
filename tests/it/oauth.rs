//! Tokens: fetched once, renewed once, and a refresh token that changes with each use survives the end of the process at
//! any moment. The server is ours; the rules are those of RFC 6749 and RFC 7523.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use chrono::{DateTime, Utc};
use groundswell::connectors::PullError;
use groundswell::connectors::engine::{Account, Credentials, Request, Settings, Usual};
use groundswell::connectors::http::Failure;
use groundswell::connectors::vault::Vault;
use groundswell::model::SourceId;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

/// What the server gave out, and what it was asked.
#[derive(Default)]
struct Issued {
    access: u32,
    refresh: u32,
    /// Public key of whoever may sign assertions.
    key: Vec<u8>,
    asked: u32,
    /// How often each refresh token was used.
    uses: BTreeMap<String, u32>,
    /// Whether a token takes a while, so that others ask meanwhile.
    is_slow: bool,
    /// The next answer with a token does not arrive: the process ends before.
    is_cut: bool,
}

type Shared = Arc<Mutex<Issued>>;

struct Server {
    url: Url,
    issued: Shared,
}

impl Server {
    async fn start() -> Self {
        let issued = Shared::default();
        let router = Router::new()
            .route("/token", post(token))
            .route("/data", get(data))
            .with_state(Arc::clone(&issued));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, issued }
    }

    fn token_url(&self) -> Url {
        self.url.join("token").unwrap()
    }

    /// The token that was given out last is good no longer.
    fn revoke(&self) {
        self.issued.lock().unwrap().access += 1;
    }

    fn account(&self, credentials: Credentials, vault: &Vault) -> Account {
        let settings = Settings::new(
            SourceId::from("desk"),
            self.url.clone(),
            credentials,
            &Usual::at("http://x"),
        );
        Account::new(&settings, &[], Vec::new(), "none", vault).unwrap()
    }
}

async fn token(
    State(issued): State<Shared>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<String, StatusCode> {
    let answer = answer(&issued, &form);
    if issued.lock().unwrap().is_slow {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    answer
}

fn answer(issued: &Shared, form: &BTreeMap<String, String>) -> Result<String, StatusCode> {
    let mut issued = issued.lock().unwrap();
    issued.asked += 1;
    let is_right = match form["grant_type"].as_str() {
        "client_credentials" => {
            form["client_id"] == "us"
                && form["client_secret"] == "s3cret"
                && form["scope"] == "read"
        }
        "refresh_token" => {
            let used = form["refresh_token"].clone();
            *issued.uses.entry(used).or_default() += 1;
            let is_current = form["refresh_token"] == format!("refresh-{}", issued.refresh);
            if is_current {
                // The old pair dies with this request.
                issued.refresh += 1;
            }
            is_current
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
            rules.set_audience(&["https://login.test"]);
            let key = jsonwebtoken::DecodingKey::from_rsa_der(&issued.key);
            let claims = jsonwebtoken::decode::<Value>(&form["assertion"], &key, &rules);
            claims.is_ok_and(|found| {
                found.claims["iss"] == "client-7" && found.claims["sub"] == "agent@example.com"
            })
        }
        _ => false,
    };
    if !is_right {
        return Err(StatusCode::BAD_REQUEST);
    }
    issued.access += 1;
    if std::mem::take(&mut issued.is_cut) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let (access, refresh) = (
        format!("access-{}", issued.access),
        format!("refresh-{}", issued.refresh),
    );
    Ok(
        json!({"access_token": access, "refresh_token": refresh, "token_type": "Bearer"})
            .to_string(),
    )
}

async fn data(State(issued): State<Shared>, headers: HeaderMap) -> Result<String, StatusCode> {
    let current = format!("Bearer access-{}", issued.lock().unwrap().access);
    let is_current = headers
        .get("authorization")
        .is_some_and(|given| given == current.as_str());
    if is_current {
        Ok("{\"rows\": []}".to_owned())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

fn now() -> DateTime<Utc> {
    // The signatures' lives are checked against the machine's clock.
    groundswell::clock::now()
}

async fn ask(account: &Account) -> Result<Value, Failure> {
    account.at(now(), false).get(Request::get("data")).await
}

fn vault(folder: &tempfile::TempDir) -> Vault {
    Vault::new(
        folder.path().to_owned(),
        Some(SecretString::from("the key of this installation, long")),
    )
}

fn refresh(server: &Server) -> Credentials {
    Credentials::Refresh {
        url: server.token_url(),
        id: "us".to_owned(),
        secret: SecretString::from("s3cret"),
        first: SecretString::from("refresh-0"),
    }
}

#[tokio::test]
async fn client_credentials_fetch_one_token_and_renew_it_once() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let client = |secret: &str| Credentials::Client {
        url: server.token_url(),
        id: "us".to_owned(),
        secret: SecretString::from(secret.to_owned()),
        scope: "read".to_owned(),
    };
    let account = server.account(client("s3cret"), &vault(&folder));
    let (one, two) = tokio::join!(ask(&account), ask(&account));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(
        server.issued.lock().unwrap().asked,
        1,
        "requests side by side fetch one token"
    );
    server.issued.lock().unwrap().access += 1;
    assert!(ask(&account).await.is_ok());
    assert_eq!(server.issued.lock().unwrap().asked, 2);
    let error = ask(&server.account(client("wr0ng"), &vault(&folder)))
        .await
        .unwrap_err();
    let Failure::Pull(PullError::Unauthorized(text)) = error else {
        panic!("{error:?}")
    };
    assert!(
        text.contains("status 400") && !text.contains("wr0ng"),
        "{text}"
    );
}

#[tokio::test]
async fn a_changing_refresh_token_survives_every_end_of_the_process() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    for round in 1..=3 {
        // A new process each time: only the sealed file knows the newest pair. Its token is used while it is good.
        server.revoke();
        for _ in 0..2 {
            let account = server.account(refresh(&server), &vault(&folder));
            assert!(ask(&account).await.is_ok(), "round {round}");
            assert_eq!(server.issued.lock().unwrap().refresh, round);
        }
    }
    let kept = std::fs::read_dir(folder.path()).unwrap();
    for file in kept {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes
                .windows(7)
                .any(|part| part == b"refresh" || part == b"access-"),
            "in clear text"
        );
    }
    // The answer is lost on its way: the token is spent, and only a person can log in anew.
    server.revoke();
    server.issued.lock().unwrap().is_cut = true;
    let account = server.account(refresh(&server), &vault(&folder));
    assert!(ask(&account).await.is_err());
    let account = server.account(refresh(&server), &vault(&folder));
    let Err(Failure::Pull(PullError::Unauthorized(text))) = ask(&account).await else {
        panic!("must ask a person")
    };
    assert!(text.contains("log in anew"), "{text}");
    let anew = Credentials::Refresh {
        url: server.token_url(),
        id: "us".to_owned(),
        secret: SecretString::from("s3cret"),
        first: SecretString::from("refresh-4"),
    };
    assert!(
        ask(&server.account(anew, &vault(&folder))).await.is_ok(),
        "a new login replaces what was kept"
    );
}

/// The daemon and a command beside it have the same source: whoever renews keeps the other waiting, and the other takes
/// what was given out.
#[tokio::test(flavor = "multi_thread")]
async fn processes_beside_one_another_spend_each_refresh_token_once() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    server.issued.lock().unwrap().is_slow = true;
    let accounts: Vec<Account> = (0..4)
        .map(|_| server.account(refresh(&server), &vault(&folder)))
        .collect();
    for round in 1..=3 {
        let asked = futures_util::future::join_all(accounts.iter().map(ask)).await;
        assert!(asked.iter().all(Result::is_ok), "round {round}: {asked:?}");
        assert_eq!(server.issued.lock().unwrap().refresh, round);
        server.revoke();
    }
    let uses = server.issued.lock().unwrap().uses.clone();
    let expected = [("refresh-0", 1), ("refresh-1", 1), ("refresh-2", 1)];
    assert_eq!(
        uses,
        expected
            .map(|(token, uses)| (token.to_owned(), uses))
            .into()
    );
    // A process that was away while others renewed twice finds its way back.
    for other in &accounts[1..3] {
        assert!(ask(other).await.is_ok());
        server.revoke();
    }
    assert!(ask(&accounts[0]).await.is_ok());
    assert!(
        server
            .issued
            .lock()
            .unwrap()
            .uses
            .values()
            .all(|uses| *uses == 1)
    );
}

#[tokio::test]
async fn without_a_key_no_refresh_token_is_spent() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let keyless = Vault::new(folder.path().to_owned(), None);
    let Err(Failure::Pull(PullError::Unauthorized(text))) =
        ask(&server.account(refresh(&server), &keyless)).await
    else {
        panic!("must not be tried")
    };
    assert!(text.contains("seal_key_env"), "{text}");
    assert_eq!(server.issued.lock().unwrap().asked, 0);
}

#[tokio::test]
async fn an_assertion_is_signed_with_the_private_key() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    server.issued.lock().unwrap().key = pair.public_key().as_ref().to_vec();
    let assertion = |pair: &KeyPair, issuer: &str| {
        let der = pair.as_der().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        Credentials::Assertion {
            url: server.token_url(),
            issuer: issuer.to_owned(),
            subject: "agent@example.com".to_owned(),
            audience: "https://login.test".to_owned(),
            key: SecretString::from(key),
        }
    };
    assert!(
        ask(&server.account(assertion(&pair, "client-7"), &vault(&folder)))
            .await
            .is_ok()
    );
    assert!(
        ask(&server.account(assertion(&pair, "client-8"), &vault(&folder)))
            .await
            .is_err()
    );
    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    assert!(
        ask(&server.account(assertion(&other, "client-7"), &vault(&folder)))
            .await
            .is_err()
    );
}
