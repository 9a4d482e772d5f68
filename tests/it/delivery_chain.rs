//! A whole digest from the database to every destination: laid out, sent, recorded; what arrives is
//! what a preview shows. Slack and Teams stand in as receivers on this machine, the others are real.

use std::path::Path;

use chrono::{DateTime, Utc};
use groundswell::clock;
use groundswell::delivery::{Destinations, build_all, deliver_due};
use groundswell::digest::render::{Format, Rendered, render};
use groundswell::model::{DestinationId, Digest, DigestId};
use groundswell::store::{Closed, ClosedWindow, Closing, DeliveryState, Location, Origin, Store};
use serde_json::Value;

use crate::delivery_real::{MailServer, Mailbox, Room, eventually, saved_webhooks};
use crate::golden;
use crate::notifiers::configured;
use crate::notifiers::receivers::{Receiver, Reply};
use crate::servers::variable;

const BASE_URL: &str = "https://groundswell.example";
const NAMES: [&str; 6] = ["folder", "hook", "mail", "matrix", "slack", "teams"];

/// The servers of this test.
struct Servers {
    mail: MailServer,
    room: Room,
    hook_url: String,
    hook_secret: String,
    hook_saved: String,
    slack: Receiver,
    teams: Receiver,
}

impl Servers {
    async fn find() -> Option<Self> {
        Some(Self {
            mail: MailServer::find()?,
            room: Room::find()?,
            hook_url: variable("WEBHOOK_URL")?,
            hook_secret: variable("WEBHOOK_SECRET")?,
            hook_saved: variable("WEBHOOK_SAVED")?,
            slack: Receiver::start().await,
            teams: Receiver::start().await,
        })
    }

    fn destinations(&self, folder: &Path) -> Destinations {
        let Self { mail, room, .. } = self;
        let settings = [
            format!("kind = 'file'\nformat = 'html'\nfolder = '{}'", folder.display()),
            format!("kind = 'webhook'\nurl = '{}'\nsecret_env = 'HOOK'", self.hook_url),
            format!(
                "kind = 'mail'\nhost = '{}'\nport = {}\nuser = '{}'\npassword_env = 'MAIL'\nca_file = '{}'
                 from = 'Groundswell <groundswell@support.test>'\nto = ['digest@support.test']",
                mail.host, mail.port, mail.user, mail.ca_file
            ),
            format!(
                "kind = 'matrix'\nurl = '{}'\nroom = '{}'\ntoken_env = 'MATRIX'",
                room.url, room.room
            ),
            "kind = 'slack'\nurl_env = 'SLACK'".to_owned(),
            "kind = 'teams'\nurl_env = 'TEAMS'".to_owned(),
        ];
        let variables = [
            ("HOOK", self.hook_secret.as_str()),
            ("MAIL", &mail.password),
            ("MATRIX", &room.token),
            ("SLACK", &self.slack.url),
            ("TEAMS", &self.teams.url),
        ];
        let configs: Vec<_> = NAMES
            .iter()
            .zip(settings)
            .map(|(id, settings)| configured(&format!("id = '{id}'\n{settings}"), &variables))
            .collect();
        build_all(&configs).unwrap()
    }
}

/// The digest of the golden test under an id of its own: mailboxes and rooms outlive a test.
fn digest() -> Digest {
    Digest {
        id: DigestId(format!("weekly-{}", clock::now().timestamp_micros())),
        ..golden::digest()
    }
}

async fn publish(store: &Store, digest: &Digest) {
    let closed = ClosedWindow {
        team: String::new(),
        cadence: digest.cadence,
        window: digest.window.clone(),
        closed_at: digest.end,
        conversations: 0,
        digest: Some(digest.id.clone()),
        reason: String::new(),
    };
    let closing = Closing {
        closed,
        counts: Vec::new(),
        digest: Some(digest.clone()),
        destinations: NAMES.map(DestinationId::from).to_vec(),
        origin: Origin::default(),
        teams: Vec::new(),
    };
    assert_eq!(store.close_window(&closing).await.unwrap(), Closed::Written);
}

/// The longest that a test waits for a server.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Delivers until nothing waits: the room's server may ask for patience.
async fn deliver(store: &Store, destinations: &Destinations, start: DateTime<Utc>) -> usize {
    let (mut now, mut arrived) = (start, 0);
    for _ in 0..10 {
        arrived += deliver_due(store, destinations, BASE_URL, now)
            .await
            .unwrap();
        let waiting = store.waiting_deliveries().await.unwrap();
        let Some(next) = waiting.iter().map(|delivery| delivery.next_at).max() else {
            break;
        };
        // As long as the server asks for; what is not asked for need not be waited for.
        let told = (next - now).to_std().unwrap_or_default();
        tokio::time::sleep(told.min(PATIENCE)).await;
        now = next;
    }
    arrived
}

fn json_of(digest: &Digest, format: Format) -> Value {
    match render(digest, format, BASE_URL) {
        Rendered::Json(value) => value,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_digest_reaches_every_destination_as_it_was_laid_out() {
    let Some(servers) = Servers::find().await else {
        return;
    };
    let Some(mut mailbox) = Mailbox::open().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Folder(folder.path().join("data"));
    let store = Store::open(&location).await.unwrap();
    let destinations = servers.destinations(folder.path());
    let digest = digest();
    publish(&store, &digest).await;
    let key = |name: &str| format!("{}/{name}", digest.id);
    servers.slack.will(Reply::new(200, "ok"));
    servers.teams.will(Reply::new(202, ""));
    assert_eq!(
        deliver(&store, &destinations, digest.end).await,
        NAMES.len()
    );

    for delivery in store.deliveries(100).await.unwrap() {
        assert_eq!(delivery.state, DeliveryState::Sent, "{delivery:?}");
        assert!(delivery.receipt.is_some() && delivery.error.is_none());
    }
    let page = std::fs::read_to_string(folder.path().join(format!("{}.html", digest.id))).unwrap();
    assert_eq!(
        Rendered::Text(page),
        render(&digest, Format::Html, BASE_URL)
    );

    let body = eventually("webhook", async || {
        saved_webhooks(&servers.hook_saved, &key("hook")).pop()
    });
    assert_eq!(body.await, json_of(&digest, Format::Json).to_string());

    let mail = mailbox.wait_for(&key("mail"), 1).await.remove(0);
    let Rendered::Mail {
        text,
        html,
        pictures,
        ..
    } = render(&digest, Format::Mail, BASE_URL)
    else {
        panic!("a mail is a mail")
    };
    assert_eq!(mailbox.part(&mail, "1").await, text);
    // Beside the text: the HTML and the pictures that it shows, each as it was drawn.
    assert_eq!(mailbox.part(&mail, "2.1").await, html);
    for (place, picture) in pictures.iter().enumerate() {
        let part = format!("2.{}", place + 2);
        assert_eq!(mailbox.bytes(&mail, &part).await, picture.png);
        let head = mailbox.head(&mail, &part).await;
        assert!(
            head.contains(&format!("Content-ID: <{}>", picture.id)),
            "{head}"
        );
    }
    assert!(pictures.len() > 2);

    for (receiver, format) in [
        (&servers.slack, Format::Slack),
        (&servers.teams, Format::Teams),
    ] {
        let sent: Value = serde_json::from_slice(&receiver.seen()[0].body).unwrap();
        assert_eq!(sent, json_of(&digest, format));
    }
    let event = receipt(&store, "matrix").await;
    let stored = servers.room.get(&format!("event/{event}")).await;
    assert_eq!(stored["content"], json_of(&digest, Format::Matrix));
}

async fn receipt(store: &Store, name: &str) -> String {
    let all = store.deliveries(100).await.unwrap();
    let one = all.into_iter().find(|d| d.destination.as_str() == name);
    one.unwrap().receipt.unwrap()
}

/// The backup is the database of a process that died after sending and before recording.
#[tokio::test]
async fn a_process_that_dies_before_recording_posts_nothing_twice_where_repeats_are_known() {
    let Some(servers) = Servers::find().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Folder(folder.path().join("data")))
        .await
        .unwrap();
    let digest = digest();
    publish(&store, &digest).await;
    let survivor = folder.path().join("survivor");
    std::fs::create_dir(&survivor).unwrap();
    store
        .backup(&survivor.join("groundswell.db"))
        .await
        .unwrap();
    let survivor = Store::open(&Location::Folder(survivor)).await.unwrap();
    let destinations = servers.destinations(folder.path());
    for store in [&store, &survivor] {
        servers.slack.will(Reply::new(200, "ok"));
        servers.teams.will(Reply::new(202, ""));
        assert_eq!(deliver(store, &destinations, digest.end).await, NAMES.len());
    }

    assert_eq!(
        receipt(&store, "matrix").await,
        receipt(&survivor, "matrix").await
    );
    let key = format!("{}/hook", digest.id);
    let bodies = eventually("webhooks", async || {
        let saved = saved_webhooks(&servers.hook_saved, &key);
        (saved.len() == 2).then_some(saved)
    })
    .await;
    assert_eq!(bodies[0], bodies[1], "the same key and the same bytes");
}
