//! Deliveries to real servers: mail through Exim into Dovecot and read back over IMAP, Debian's
//! webhook with its check of the signature, a Matrix room on synapse.

use std::time::Duration;

use groundswell::clock;
use groundswell::delivery::decide::{Action, decide};
use groundswell::delivery::{Notifier, Receipt, SendError};
use groundswell::digest::render::Rendered;
use groundswell::model::{DestinationId, DigestId};
use groundswell::store::{Delivery, DeliveryState};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::notifiers::{notifier, outgoing};
use crate::servers::variable;

/// How long a server may take to show what it accepted.
const PATIENCE: Duration = Duration::from_secs(20);

/// A delivery key that no earlier run has used.
fn fresh_key(test: &str) -> String {
    format!("{test}-{}/d", clock::now().timestamp_micros())
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: nothing arrived");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn permanent(result: Result<Receipt, SendError>) -> String {
    match result {
        Err(SendError::Permanent(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn retry(result: Result<Receipt, SendError>) -> String {
    match result {
        Err(SendError::Retry { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

// ---- mail

pub struct MailServer {
    pub host: String,
    pub port: String,
    pub user: String,
    pub password: String,
    pub ca_file: String,
}

impl MailServer {
    pub fn find() -> Option<Self> {
        Some(Self {
            host: variable("SMTP_HOST")?,
            port: variable("SMTP_PORT")?,
            user: variable("SMTP_USER")?,
            password: variable("SMTP_PASSWORD")?,
            ca_file: variable("SMTP_CA_FILE")?,
        })
    }

    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn to(&self, recipient: &str) -> Box<dyn Notifier> {
        let login = format!("user = '{}'\npassword_env = 'PASSWORD'", self.user);
        let ca_file = format!("ca_file = '{}'", self.ca_file);
        self.notifier(recipient, &format!("{login}\n{ca_file}"), &self.password)
    }

    fn notifier(&self, recipient: &str, more: &str, password: &str) -> Box<dyn Notifier> {
        let text = format!(
            "id = 'm'\nkind = 'mail'\nhost = '{}'\nport = {}\nfrom = 'Groundswell <groundswell@support.test>'
             to = ['{recipient}']\n{more}",
            self.host, self.port
        );
        notifier(&text, &[("PASSWORD", password)])
    }
}

fn mail(text: &str) -> Rendered {
    Rendered::Mail {
        subject: "Wöchentlich: 3 Themen – and a long subject that must be folded over several lines to fit".to_owned(),
        text: text.to_owned(),
        html: format!("<html><body><p>{text}</p></body></html>"),
        pictures: Vec::new(),
    }
}

/// A reader of a mailbox: as much of IMAP as the tests need.
pub struct Mailbox {
    stream: BufReader<TcpStream>,
    count: u32,
}

impl Mailbox {
    pub async fn open() -> Option<Self> {
        let (port, user) = (variable("IMAP_PORT")?, variable("IMAP_USER")?);
        let password = variable("IMAP_PASSWORD")?;
        let address = ("127.0.0.1", port.parse().unwrap());
        let stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut mailbox = Self { stream, count: 0 };
        mailbox.line().await;
        mailbox.command(&format!("LOGIN {user} {password}")).await;
        mailbox.command("SELECT INBOX").await;
        Some(mailbox)
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).await.unwrap();
        assert!(count > 0, "the mailbox was closed");
        line.trim_end().to_owned()
    }

    /// Runs a command; gives the lines of its answer, and the blocks of bytes in them.
    async fn command(&mut self, command: &str) -> (Vec<String>, Vec<Vec<u8>>) {
        self.count += 1;
        let tag = format!("a{} ", self.count);
        let text = format!("{tag}{command}\r\n");
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .unwrap();
        let (mut lines, mut blocks) = (Vec::new(), Vec::new());
        loop {
            let line = self.line().await;
            if let Some(status) = line.strip_prefix(&tag) {
                assert!(status.starts_with("OK"), "{command}: {status}");
                return (lines, blocks);
            }
            let size = line
                .strip_suffix('}')
                .and_then(|line| line.rsplit_once(['{', '~']));
            if let Some(size) = size.and_then(|(_, digits)| digits.parse().ok()) {
                let mut bytes = vec![0; size];
                self.stream.read_exact(&mut bytes).await.unwrap();
                blocks.push(bytes);
            }
            lines.push(line);
        }
    }

    /// The numbers of the mails with a header.
    pub async fn search(&mut self, header: &str, value: &str) -> Vec<String> {
        // Makes the server look for new mail.
        self.command("NOOP").await;
        let (lines, _) = self
            .command(&format!("SEARCH HEADER {header} \"{value}\""))
            .await;
        let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH"));
        found
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }

    pub async fn wait_for(&mut self, key: &str, count: usize) -> Vec<String> {
        eventually("mailbox", async || {
            let found = self.search("X-Groundswell-Delivery", key).await;
            (found.len() >= count).then_some(found)
        })
        .await
    }

    /// One part of a mail, decoded by the server.
    pub async fn part(&mut self, mail: &str, part: &str) -> String {
        let text = String::from_utf8(self.bytes(mail, part).await).unwrap();
        text.replace("\r\n", "\n")
    }

    /// The same, byte for byte.
    pub async fn bytes(&mut self, mail: &str, part: &str) -> Vec<u8> {
        self.block(&format!("FETCH {mail} BINARY.PEEK[{part}]"))
            .await
    }

    /// What a part says of itself.
    pub async fn head(&mut self, mail: &str, part: &str) -> String {
        let command = format!("FETCH {mail} BODY.PEEK[{part}.MIME]");
        String::from_utf8(self.block(&command).await).unwrap()
    }

    async fn block(&mut self, command: &str) -> Vec<u8> {
        let (_, mut blocks) = self.command(command).await;
        blocks.remove(0)
    }

    pub async fn headers(&mut self, mail: &str) -> String {
        let command = format!("FETCH {mail} BODY.PEEK[HEADER]");
        String::from_utf8(self.block(&command).await).unwrap()
    }
}

#[tokio::test]
async fn a_mail_is_read_back_whole() {
    let Some(server) = MailServer::find() else {
        return;
    };
    let Some(mut mailbox) = Mailbox::open().await else {
        return;
    };
    let key = fresh_key("whole");
    let text = format!(
        "Wärmepumpe vereist.\n.\n..dots\nFrom here\n{}\nend",
        "long ".repeat(400)
    );
    let message = outgoing(&key, mail(&text));
    let notifier = server.to("digest@support.test");
    let receipt = notifier.send(&message).await.unwrap();
    assert!(receipt.0.contains("OK id="), "{receipt:?}");

    let found = mailbox.wait_for(&key, 1).await;
    let headers = mailbox.headers(&found[0]).await;
    for part in [
        "From: Groundswell <groundswell@support.test>",
        "To: digest@support.test",
        "List-Id: <groundswell.support.test>",
        "Auto-Submitted: auto-generated",
        "Date: Mon, 30 Mar 2026 06:00:00 +0000",
        "Content-Type: multipart/alternative",
        // Encrypted, and with a login.
        "with esmtpsa",
    ] {
        assert!(headers.contains(part), "{part}: {headers}");
    }
    assert_eq!(mailbox.part(&found[0], "1").await, text);
    let html = format!("<html><body><p>{text}</p></body></html>");
    assert_eq!(mailbox.part(&found[0], "2").await, html);
}

#[tokio::test]
async fn a_repeated_mail_can_be_recognised() {
    let Some(server) = MailServer::find() else {
        return;
    };
    let Some(mut mailbox) = Mailbox::open().await else {
        return;
    };
    let key = fresh_key("repeat");
    let message = outgoing(&key, mail("words"));
    for _ in 0..2 {
        server
            .to("digest@support.test")
            .send(&message)
            .await
            .unwrap();
    }
    let found = mailbox.wait_for(&key, 2).await;
    let mut ids = Vec::new();
    for mail in &found {
        let headers = mailbox.headers(mail).await;
        let id = headers
            .lines()
            .find(|line| line.starts_with("Message-ID: "));
        ids.push(id.unwrap().to_owned());
    }
    assert_eq!(ids[0], ids[1]);
    let id = ids[0].strip_prefix("Message-ID: ").unwrap();
    assert_eq!(mailbox.search("Message-ID", id).await.len(), 2);
}

#[tokio::test]
async fn a_real_mail_server_says_no_in_many_ways() {
    let Some(server) = MailServer::find() else {
        return;
    };
    let place = server.place();
    let message = outgoing(&fresh_key("refused"), mail("words"));
    assert_eq!(
        retry(server.to("greylist@support.test").send(&message).await),
        format!("{place} answered 451 4.7.1: its policy makes us wait")
    );
    assert_eq!(
        permanent(server.to("nobody@support.test").send(&message).await),
        format!("{place} answered 550 5.1.1: an address does not exist there, check from and to")
    );
    assert_eq!(
        permanent(server.to("someone@elsewhere.test").send(&message).await),
        format!("{place} answered 550 5.7.1: its policy forbids it, check user, from and to")
    );
    let ca_file = format!("ca_file = '{}'", server.ca_file);
    let nobody = server.notifier("digest@support.test", &ca_file, "");
    assert_eq!(
        permanent(nobody.send(&message).await),
        format!("{place} answered 530 5.7.0: it wants a login, set user and password")
    );
    let wrong = format!(
        "{ca_file}\nuser = '{}'\npassword_env = 'PASSWORD'",
        server.user
    );
    let wrong = server.notifier("digest@support.test", &wrong, "wrong-password");
    let reason = permanent(wrong.send(&message).await);
    assert!(
        reason.ends_with("it refuses the login, check user and password"),
        "{reason}"
    );
    let large = outgoing(&fresh_key("large"), mail(&"too much ".repeat(150_000)));
    assert_eq!(
        permanent(server.to("digest@support.test").send(&large).await),
        format!("{place} answered 552: the mail is too large, let fewer topics pass into a digest")
    );
}

#[tokio::test]
async fn a_mail_server_with_an_unknown_certificate_gets_nothing() {
    let Some(server) = MailServer::find() else {
        return;
    };
    let login = format!("user = '{}'\npassword_env = 'PASSWORD'", server.user);
    let stranger = server.notifier("digest@support.test", &login, &server.password);
    let reason = retry(
        stranger
            .send(&outgoing(&fresh_key("stranger"), mail("words")))
            .await,
    );
    assert_eq!(
        reason,
        format!(
            "{} cannot be reached: invalid peer certificate: UnknownIssuer, name its authority in ca_file if that is your own",
            server.place()
        )
    );
}

#[tokio::test]
async fn a_greylisted_mail_arrives_at_a_later_try() {
    let Some(server) = MailServer::find() else {
        return;
    };
    let Some(mut mailbox) = Mailbox::open().await else {
        return;
    };
    let key = fresh_key("later");
    let recipient = format!("later-{}@support.test", clock::now().timestamp_micros());
    let tries = try_until_the_end(&*server.to(&recipient), &key, mail("words"), 12).await;
    assert_eq!(tries.last().unwrap().state, DeliveryState::Sent);
    assert_eq!(tries.len(), 2, "{tries:?}");
    assert_eq!(mailbox.wait_for(&key, 1).await.len(), 1);
}

/// Follows a delivery through the outbox's decisions, without the waits; gives what it became each time.
async fn try_until_the_end(
    notifier: &dyn Notifier,
    key: &str,
    content: Rendered,
    attempts_max: u32,
) -> Vec<Delivery> {
    let message = outgoing(key, content);
    let mut delivery = Delivery {
        digest: DigestId::from(key.split('/').next().unwrap()),
        destination: DestinationId::from("d"),
        state: DeliveryState::Waiting,
        attempts: 0,
        next_at: message.at,
        receipt: None,
        error: None,
    };
    let mut became = Vec::new();
    while decide(&delivery, None, delivery.next_at, attempts_max).action == Action::Send {
        let result = notifier.send(&message).await;
        delivery = decide(&delivery, Some(&result), delivery.next_at, attempts_max).next;
        became.push(delivery.clone());
    }
    became
}

// ---- webhook

fn webhook(secret: &str, path: &str) -> Option<Box<dyn Notifier>> {
    let url = format!("{}{path}", variable("WEBHOOK_URL")?);
    let text = format!("id = 'd'\nkind = 'webhook'\nurl = '{url}'\nsecret_env = 'SECRET'");
    Some(notifier(&text, &[("SECRET", secret)]))
}

/// The bodies of the webhooks that were saved under a delivery key.
pub fn saved_webhooks(file: &str, key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["delivery"] == key)
        .map(|line| line["body"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_real_receiver_checks_the_signature_and_saves_every_byte() {
    let Some(secret) = variable("WEBHOOK_SECRET") else {
        return;
    };
    let Some(webhook) = webhook(&secret, "") else {
        return;
    };
    let Some(saved) = variable("WEBHOOK_SAVED") else {
        return;
    };
    let key = fresh_key("signed");
    let content =
        json!({"kind": "digest", "words": "Wärmepumpe \"vereist\"\n\u{1f321}", "count": 3});
    let message = outgoing(&key, Rendered::Json(content.clone()));
    webhook.send(&message).await.unwrap();
    let body = eventually("saved webhook", async || saved_webhooks(&saved, &key).pop()).await;
    assert_eq!(body, content.to_string());
}

#[tokio::test]
async fn a_wrong_secret_ends_in_a_failure_with_its_reason() {
    let Some(webhook) = webhook("another-secret", "") else {
        return;
    };
    let content = Rendered::Json(json!({"kind": "digest"}));
    let tries = try_until_the_end(&*webhook, &fresh_key("forged"), content, 3).await;
    // This receiver calls a wrong signature an error of its own.
    assert_eq!(tries.len(), 3);
    let last = tries.last().unwrap();
    assert_eq!(last.state, DeliveryState::Failed);
    let error = last.error.as_deref().unwrap();
    assert!(
        error.starts_with("given up after 3 tries, the last one: http://127.0.0.1:"),
        "{error}"
    );
    assert!(
        error.ends_with("some answer this to a wrong signature, so compare the secret too"),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_without_a_receiver_is_for_a_person() {
    let Some(secret) = variable("WEBHOOK_SECRET") else {
        return;
    };
    let Some(webhook) = webhook(&secret, "-of-yesterday") else {
        return;
    };
    let message = outgoing(&fresh_key("nowhere"), Rendered::Json(json!({})));
    let reason = permanent(webhook.send(&message).await);
    assert!(
        reason.ends_with("answered 404: the address does not exist, check it or make a new one"),
        "{reason}"
    );
}

/// A receiver with TLS and a certificate of the tests' own authority; it says yes once.
fn start_tls_receiver(port: u16, folder: &std::path::Path) -> tokio::process::Child {
    tokio::process::Command::new("openssl")
        .args(["s_server", "-quiet", "-naccept", "1", "-accept"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("-cert")
        .arg(folder.join("cert.pem"))
        .arg("-key")
        .arg(folder.join("key.pem"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Says yes when the whole request has arrived, not before: an answer to nothing is an error.
async fn answer_request(receiver: &mut tokio::process::Child) {
    let (stdin, stdout) = (&mut receiver.stdin, &mut receiver.stdout);
    let mut request = BufReader::new(stdout.as_mut().unwrap());
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if request.read_line(&mut line).await.unwrap() == 0 {
            // Refused: there is no request.
            return std::future::pending().await;
        }
    }
    let yes = b"HTTP/1.1 204 No Content\r\n\r\n";
    stdin.as_mut().unwrap().write_all(yes).await.unwrap();
    std::future::pending().await
}

/// Sends one webhook over TLS; gives the result.
async fn sent_over_tls(more: &str, folder: &std::path::Path) -> Result<Receipt, SendError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut receiver = start_tls_receiver(port, folder);
    let url = format!("https://127.0.0.1:{port}/");
    let text = format!("id = 'd'\nkind = 'webhook'\nurl = '{url}'\nsecret_env = 'S'\n{more}");
    let webhook = notifier(&text, &[("S", "secret")]);
    let message = outgoing(&fresh_key("tls"), Rendered::Json(json!({})));
    let sent = eventually("receiver with TLS", async || {
        let result = webhook.send(&message).await;
        let is_starting = matches!(&result, Err(error) if error.to_string().contains("refused"));
        (!is_starting).then_some(result)
    });
    tokio::select! {
        result = sent => result,
        () = answer_request(&mut receiver) => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_when_it_is_named() {
    let Some(ca_file) = variable("SMTP_CA_FILE") else {
        return;
    };
    let folder = std::path::Path::new(&ca_file).parent().unwrap();
    let reason = retry(sent_over_tls("", folder).await);
    let end = "invalid peer certificate: UnknownIssuer, name its authority in ca_file if that is your own";
    assert!(reason.ends_with(end), "{reason}");
    let trusted = sent_over_tls(&format!("ca_file = '{ca_file}'"), folder).await;
    assert_eq!(trusted, Ok(Receipt("answered 204".to_owned())));
}

// ---- Matrix

pub struct Room {
    pub url: String,
    pub token: String,
    pub room: String,
}

impl Room {
    pub fn find() -> Option<Self> {
        Some(Self {
            url: variable("MATRIX_URL")?,
            token: variable("MATRIX_TOKEN")?,
            room: variable("MATRIX_ROOM")?,
        })
    }

    fn notifier(&self, room: &str, token: &str) -> Box<dyn Notifier> {
        let text = format!(
            "id = 'd'\nkind = 'matrix'\nurl = '{}'\nroom = '{room}'\ntoken_env = 'TOKEN'",
            self.url
        );
        notifier(&text, &[("TOKEN", token)])
    }

    /// Sends, and waits as told while the server has had enough. Gives the event and the waits.
    async fn send_patiently(&self, key: &str, content: &Value) -> (String, Vec<u64>) {
        let notifier = self.notifier(&self.room, &self.token);
        let message = outgoing(key, Rendered::Json(content.clone()));
        let mut waits = Vec::new();
        loop {
            match notifier.send(&message).await {
                Ok(receipt) => return (receipt.0, waits),
                Err(SendError::Retry { after_s, reason }) => {
                    assert!(
                        reason.ends_with("M_LIMIT_EXCEEDED, too many messages at once"),
                        "{reason}"
                    );
                    waits.push(after_s.expect("synapse says how long"));
                    assert!(waits.len() < 20, "{waits:?}");
                    tokio::time::sleep(Duration::from_secs(after_s.unwrap())).await;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.path_segments_mut()
            .unwrap()
            .extend(["_matrix", "client", "v3", "rooms", &self.room])
            .extend(path.split('/'));
        url.set_query(path.starts_with("messages").then_some("dir=b&limit=100"));
        let answer = reqwest::Client::new()
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await;
        let text = answer.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn matrix_content(key: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": format!("Woche 13: Wärmepumpe ({key})"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("<h3>Woche 13</h3><p>Wärmepumpe ({key})</p>"),
    })
}

#[tokio::test]
async fn a_matrix_message_stands_in_the_room_once_however_often_it_is_sent() {
    let Some(room) = Room::find() else { return };
    let key = fresh_key("once");
    let content = matrix_content(&key);
    let (event, _) = room.send_patiently(&key, &content).await;
    let (again, _) = room.send_patiently(&key, &content).await;
    assert_eq!(event, again);
    let stored = room.get(&format!("event/{event}")).await;
    assert_eq!(stored["content"], content);
    assert_eq!(stored["type"], "m.room.message");
}

#[tokio::test]
async fn a_burst_of_messages_survives_the_rate_limit() {
    let Some(room) = Room::find() else { return };
    let keys: Vec<String> = (0..12).map(|n| fresh_key(&format!("burst{n}"))).collect();
    let contents: Vec<Value> = keys.iter().map(|key| matrix_content(key)).collect();
    let sends = keys
        .iter()
        .zip(&contents)
        .map(|(key, content)| room.send_patiently(key, content));
    let results = futures_util::future::join_all(sends).await;
    let waits: Vec<u64> = results
        .iter()
        .flat_map(|(_, waits)| waits.clone())
        .collect();
    assert!(!waits.is_empty(), "the limit was never met");

    let messages = room.get("messages").await;
    let chunk = messages["chunk"].as_array().unwrap();
    for (content, (event, _)) in contents.iter().zip(&results) {
        let found: Vec<_> = chunk
            .iter()
            .filter(|message| message["content"] == *content)
            .collect();
        assert_eq!(found.len(), 1, "{content}");
        assert_eq!(found[0]["event_id"], event.as_str());
    }
}

#[tokio::test]
async fn a_homeserver_that_refuses_says_what_to_do() {
    let Some(room) = Room::find() else { return };
    let message = outgoing(&fresh_key("refused"), Rendered::Json(matrix_content("x")));
    let stranger = room.notifier(&room.room, "syt_wrong_token");
    assert_eq!(
        permanent(stranger.send(&message).await),
        format!(
            "{} answered 401: M_UNKNOWN_TOKEN, the access token is not valid any more, make a new one",
            room.url
        )
    );
    let outside = room.notifier("!elsewhere:support.test", &room.token);
    assert_eq!(
        permanent(outside.send(&message).await),
        format!(
            "{} answered 403: M_FORBIDDEN, invite the posting account into the room, let it join once, and check its right to post",
            room.url
        )
    );
}
