//! The main job for real: tickets in Request Tracker become digests in a mailbox, a Matrix room, a
//! webhook and a folder, each exactly once.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use groundswell::app::App;
use groundswell::config::Config;
use groundswell::model::Cadence;
use groundswell::store::DeliveryState;
use serde_json::{Value, json};

use crate::delivery_real::{Mailbox, Room};
use crate::servers::variable;
use crate::support::{corpus, eventually};

/// Tickets in all; few, because RT takes a while for each.
const TICKETS: usize = 36;

/// What customers keep saying here: words that bind a topic's texts together.
const TOPICS: [&str; 3] = ["router", "ice", "strainer"];

/// The variables of all the servers, or `None` when the test should return.
fn environment() -> Option<Vec<(String, String)>> {
    let names = [
        "RT_URL",
        "RT_TOKEN",
        "RT_ROOT_TOKEN",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_USER",
        "SMTP_PASSWORD",
        "SMTP_CA_FILE",
        "IMAP_PORT",
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
        "WEBHOOK_SAVED",
        "MATRIX_URL",
        "MATRIX_TOKEN",
        "MATRIX_ROOM",
    ];
    let found = names.map(|name| Some((name.to_owned(), variable(name)?)));
    found.into_iter().collect()
}

fn config(
    folder: &Path,
    run: &str,
    start: DateTime<Utc>,
    environment: &[(String, String)],
) -> Config {
    let mut text = r#"
        [web]
        public_url = "http://RUN.test"
        [digest]
        conversations_min = 2
        [[sources]]
        id = "rt"
        kind = "request_tracker"
        url = "${RT_URL}"
        token_env = "RT_TOKEN"
        queues = ["Support"]
        category_field = "Category"
        start = "START"
        schedule = "* * * * *"
        [[destinations]]
        id = "mail-RUN"
        kind = "mail"
        host = "${SMTP_HOST}"
        port = ${SMTP_PORT}
        security = "starttls"
        ca_file = "${SMTP_CA_FILE}"
        user = "${SMTP_USER}"
        password_env = "SMTP_PASSWORD"
        from = "Groundswell <groundswell@support.test>"
        to = ["digest@support.test"]
        [[destinations]]
        id = "hook-RUN"
        kind = "webhook"
        url = "${WEBHOOK_URL}"
        secret_env = "WEBHOOK_SECRET"
        [[destinations]]
        id = "room-RUN"
        kind = "matrix"
        url = "${MATRIX_URL}"
        room = "${MATRIX_ROOM}"
        token_env = "MATRIX_TOKEN"
        [[destinations]]
        id = "folder-RUN"
        kind = "file"
        folder = "digests"
        "#
    .to_owned();
    for cadence in ["daily", "weekly", "monthly"] {
        text += &format!(
            "[[digests]]\ncadence = '{cadence}'\nschedule = '* * * * *'\n\
             destinations = ['mail-RUN', 'hook-RUN', 'room-RUN', 'folder-RUN']\n"
        );
    }
    let mut text = text
        .replace("RUN", run)
        .replace("START", &start.to_rfc3339());
    for (name, value) in environment {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    Config::parse(
        &text,
        folder.to_owned(),
        environment.iter().cloned().collect(),
    )
    .unwrap()
}

/// Customers' words, one topic after the other.
fn texts() -> Vec<String> {
    let rows = corpus();
    let said = |word: &str| -> Vec<String> {
        let texts = rows
            .iter()
            .map(|row| row["messages"][0]["text"].as_str().unwrap());
        let about = texts.filter(|text| text.contains(word) && (40..400).contains(&text.len()));
        about
            .take(TICKETS / TOPICS.len())
            .map(str::to_owned)
            .collect()
    };
    TOPICS.iter().flat_map(|word| said(word)).collect()
}

/// Writes a ticket as RT's administrator. All are filed under a category that says nothing.
async fn open_ticket(url: &str, root: &str, run: &str, number: usize, text: &str) {
    let subject: String = text
        .split_whitespace()
        .take(6)
        .collect::<Vec<_>>()
        .join(" ");
    let ticket = json!({
        "Queue": "Support", "Subject": subject, "Content": text, "ContentType": "text/plain",
        "Requestor": format!("customer{number}-{run}@example.test"), "CustomFields": {"Category": "Other"},
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{url}/REST/2.0/ticket"));
    let request = request
        .header("Authorization", format!("token {root}"))
        .json(&ticket);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_become_digests_in_every_kind_of_destination_once() {
    let Some(environment) = environment() else {
        return;
    };
    let value = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let started = groundswell::clock::now();
    let run = format!("r{}", started.timestamp_micros());
    let start = started - TimeDelta::seconds(2);
    let config = config(folder.path(), &run, start, &environment);
    let (url, root) = (value("RT_URL"), value("RT_ROOT_TOKEN"));
    let texts = texts();
    assert_eq!(texts.len(), TICKETS);
    futures_util::stream::iter(texts.iter().enumerate())
        .for_each_concurrent(2, |(number, text)| {
            open_ticket(&url, &root, &run, number, text)
        })
        .await;

    let app = App::open(config).await.unwrap();
    let opened = groundswell::clock::now();
    app.tick(opened + TimeDelta::minutes(5)).await;
    let facts = app.store.all_facts().await.unwrap();
    assert!(
        facts.len() >= TICKETS,
        "{} of {TICKETS} were pulled",
        facts.len()
    );
    assert_eq!(
        app.store.digest_ids(10).await.unwrap(),
        [],
        "no window is over yet"
    );

    // Half a day after each window's end it is sent.
    for cadence in Cadence::ALL {
        let window = app.config.calendar.window(cadence, opened);
        app.tick(window.end + TimeDelta::hours(12)).await;
        let id = format!("{cadence}-{}", window.key);
        has_arrived_once(&app, &id, &run, folder.path(), &value("WEBHOOK_SAVED")).await;
    }
    let deliveries = app.store.deliveries(100).await.unwrap();
    assert!(deliveries.len() >= 12, "{deliveries:?}");
    let end = app.config.calendar.window(Cadence::Monthly, opened).end + TimeDelta::hours(12);
    app.tick(end).await;
    drop(app);

    // Another start an hour later: nothing is sent again.
    let config = self::config(folder.path(), &run, start, &environment);
    let app = App::open(config).await.unwrap();
    app.tick(end + TimeDelta::hours(1)).await;
    assert_eq!(app.store.deliveries(100).await.unwrap(), deliveries);
    for cadence in Cadence::ALL {
        let id = format!(
            "{cadence}-{}",
            app.config.calendar.window(cadence, opened).key
        );
        has_arrived_once(&app, &id, &run, folder.path(), &value("WEBHOOK_SAVED")).await;
    }
}

/// The digest is in the mailbox, the webhook's file, the room and the folder, once each.
async fn has_arrived_once(app: &App, id: &str, run: &str, folder: &Path, saved: &str) {
    let deliveries = app.store.deliveries(100).await.unwrap();
    let sent = deliveries.iter().filter(|d| d.digest.as_str() == id);
    let sent: Vec<_> = sent.map(|d| (d.state, d.error.clone())).collect();
    assert_eq!(
        sent,
        vec![(DeliveryState::Sent, None); 4],
        "{id}: {deliveries:?}"
    );
    let link = format!("http://{run}.test/digests/{id}");

    let mut mailbox = Mailbox::open().await.unwrap();
    let mails = mailbox.wait_for(&format!("{id}/mail-{run}"), 1).await;
    assert_eq!(mails.len(), 1);
    let headers = mailbox.headers(&mails[0]).await;
    assert!(headers.contains("with esmtpsa"), "{headers}");
    let text = mailbox.part(&mails[0], "1").await;
    assert!(
        text.contains("How we count") && text.contains(&link),
        "{text}"
    );
    assert!(text.contains("“Other”"), "{text}");
    assert!(mailbox.part(&mails[0], "2.1").await.contains("</html>"));
    println!("{text}");

    let key = format!("{id}/hook-{run}");
    let hooked = eventually("the webhook", async || {
        let text = std::fs::read_to_string(saved).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found: Vec<Value> = lines
            .filter(|line| line["delivery"] == key.as_str())
            .collect();
        (!found.is_empty()).then_some(found)
    });
    let hooked = hooked.await;
    assert_eq!(hooked.len(), 1);
    assert!(hooked[0]["body"].as_str().unwrap().contains(id));

    let room = Room::find().unwrap().get("messages").await;
    let messages = room["chunk"].as_array().unwrap().iter();
    let ours = messages.filter(|message| message["content"].to_string().contains(&link));
    assert_eq!(ours.count(), 1, "{id} in the room");

    let file = std::fs::read_to_string(folder.join("digests").join(format!("{id}.md"))).unwrap();
    assert!(file.contains(&link), "{file}");
}
