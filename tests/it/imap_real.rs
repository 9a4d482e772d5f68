//! The mailbox connector against a real Dovecot: threads across folders, deletions, new UIDs. What goes wrong on the way to
//! it is in `imap_faults.rs`.
//!
//! Each test has a mailbox of its own, writes mails into it as customers and a team would, pulls them into a store of its
//! own, and compares.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::imap::{CategoryFrom, Imap, ImapConfig, Login, Security};
use groundswell::connectors::{Connector as _, PullError};
use groundswell::ingest::{IngestConfig, PullOutcome, pull_source};
use groundswell::model::{
    Author, ConversationKey, Exclusion, Record, SourceId, Stored, Visibility,
};
use groundswell::store::{Location, Store};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::servers::variable;

/// A mailbox, as the people and programs see it that write into it.
pub struct Mailbox {
    stream: BufReader<TcpStream>,
    count: u32,
    user: String,
    lmtp: u16,
    pub port: u16,
}

impl Mailbox {
    /// A fresh one; `None` where there is no server.
    pub async fn open(name: &str) -> Option<Self> {
        let (port, domain) = (variable("IMAP_PORT")?, variable("MAILBOX_DOMAIN")?);
        let (password, lmtp) = (variable("MAILBOX_PASSWORD")?, variable("LMTP_PORT")?);
        let user = format!(
            "support-{name}-{}@{domain}",
            groundswell::clock::now().timestamp_micros()
        );
        let port: u16 = port.parse().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut mailbox = Self {
            stream: BufReader::new(stream),
            count: 0,
            user,
            lmtp: lmtp.parse().unwrap(),
            port,
        };
        mailbox.line().await;
        let login = format!("LOGIN {} {password}", mailbox.user);
        mailbox.run(&login).await;
        Some(mailbox)
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).await.unwrap();
        assert!(count > 0, "the mailbox was closed");
        line.trim_end().to_owned()
    }

    /// Runs a command and gives the lines before its end.
    pub async fn run(&mut self, command: &str) -> Vec<String> {
        self.count += 1;
        let tag = format!("a{} ", self.count);
        let text = format!("{tag}{command}\r\n");
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .unwrap();
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            if let Some(status) = line.strip_prefix(&tag) {
                assert!(status.starts_with("OK"), "{command}: {status}");
                return lines;
            }
            lines.push(line);
        }
    }

    /// Puts a mail into a folder, as a mail program does with what it sent or a move between servers.
    pub async fn append(&mut self, folder: &str, mail: &Mail) {
        let raw = mail.raw(&self.user);
        let command = format!(
            "APPEND {folder} ({}) {{{}+}}\r\n{raw}",
            mail.flags,
            raw.len()
        );
        self.run(&command).await;
    }

    /// Delivers a mail, as the world does.
    pub async fn deliver(&self, mail: &Mail) {
        let stream = TcpStream::connect(("127.0.0.1", self.lmtp)).await.unwrap();
        let mut stream = BufReader::new(stream);
        let raw = mail.raw(&self.user);
        let steps = [
            "LHLO test".to_owned(),
            format!("MAIL FROM:<{}>", mail.from),
            format!("RCPT TO:<{}>", self.user),
            "DATA".to_owned(),
            format!("{raw}\r\n."),
            "QUIT".to_owned(),
        ];
        reply(&mut stream).await;
        for step in steps {
            let text = format!("{step}\r\n");
            stream.get_mut().write_all(text.as_bytes()).await.unwrap();
            let answer = reply(&mut stream).await;
            assert!(answer.starts_with(['2', '3']), "{step}: {answer}");
        }
    }

    /// The UID of a mail in the open folder.
    async fn uid(&mut self, id: &str) -> String {
        let lines = self
            .run(&format!("UID SEARCH HEADER Message-ID \"<{id}>\""))
            .await;
        let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH "));
        found
            .unwrap_or_else(|| panic!("no mail {id}"))
            .trim()
            .to_owned()
    }

    pub async fn remove(&mut self, folder: &str, id: &str) {
        self.run(&format!("SELECT {folder}")).await;
        let uid = self.uid(id).await;
        self.run(&format!("UID STORE {uid} +FLAGS (\\Deleted)"))
            .await;
        self.run("EXPUNGE").await;
        self.run("UNSELECT").await;
    }

    async fn mark(&mut self, folder: &str, id: &str, keyword: &str) {
        self.run(&format!("SELECT {folder}")).await;
        let uid = self.uid(id).await;
        self.run(&format!("UID STORE {uid} +FLAGS ({keyword})"))
            .await;
        self.run("UNSELECT").await;
    }

    pub async fn move_to(&mut self, from: &str, id: &str, to: &str) {
        self.run(&format!("SELECT {from}")).await;
        let uid = self.uid(id).await;
        self.run(&format!("UID MOVE {uid} {to}")).await;
        self.run("UNSELECT").await;
    }

    pub fn config(&self) -> ImapConfig {
        let password = variable("MAILBOX_PASSWORD").unwrap();
        let login = Login::Password(SecretString::from(password));
        let mut config = ImapConfig::new("127.0.0.1", &self.user, login);
        config.port = self.port;
        config.security = Security::None;
        config.reading.team_domains = vec!["support.test".to_owned()];
        config
    }
}

/// An answer of LMTP, with all its lines.
async fn reply(stream: &mut BufReader<TcpStream>) -> String {
    let mut answer = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let is_last = line.as_bytes().get(3) != Some(&b'-');
        answer.push_str(&line);
        if is_last {
            return answer;
        }
    }
}

/// When a mail says that it was written: delivered mails carry the server's own time, so it must be near.
fn written(minute: u32) -> DateTime<Utc> {
    static BASE: std::sync::LazyLock<DateTime<Utc>> =
        std::sync::LazyLock::new(|| groundswell::clock::now() - TimeDelta::hours(2));
    *BASE + TimeDelta::minutes(i64::from(minute))
}

/// A mail to be written.
#[derive(Clone)]
pub struct Mail {
    id: &'static str,
    from: String,
    to: Option<String>,
    above: &'static str,
    minute: u32,
    subject: String,
    body: String,
    flags: &'static str,
}

pub fn customer(id: &'static str, above: &'static str, minute: u32, body: &str) -> Mail {
    Mail {
        id,
        from: "anna@home.test".into(),
        to: None,
        above,
        minute,
        subject: "Leak".into(),
        body: body.into(),
        flags: "",
    }
}

pub fn team(id: &'static str, above: &'static str, minute: u32, body: &str) -> Mail {
    Mail {
        from: "tom@support.test".into(),
        to: Some("anna@home.test".into()),
        ..customer(id, above, minute, body)
    }
}

impl Mail {
    fn raw(&self, mailbox: &str) -> String {
        let above: Vec<String> = self
            .above
            .split_whitespace()
            .map(|id| format!("<{id}>"))
            .collect();
        let links = match above.last() {
            Some(last) => format!("In-Reply-To: {last}\r\nReferences: {}\r\n", above.join(" ")),
            None => String::new(),
        };
        let own = match self.id {
            "" => String::new(),
            id => format!("Message-ID: <{id}>\r\n"),
        };
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\n{own}{links}\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            self.from,
            self.to.as_deref().unwrap_or(mailbox),
            self.subject,
            written(self.minute).to_rfc2822(),
            self.body.replace('\n', "\r\n"),
        )
    }
}

/// A source with a store of its own.
pub struct Pulling {
    store: Store,
    pub connector: Imap,
    pub source: SourceId,
    /// Days that have passed in this test.
    pub days: i64,
    _folder: TempDir,
}

impl Pulling {
    pub async fn new(config: ImapConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Folder(folder.path().to_owned()))
            .await
            .unwrap();
        let source = SourceId::from("mail");
        Self {
            store,
            connector: Imap::new(source.clone(), config).unwrap(),
            source,
            days: 0,
            _folder: folder,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        groundswell::clock::now() + TimeDelta::days(self.days)
    }

    /// Pulls until nothing more is waiting.
    pub async fn pull(&self) -> PullOutcome {
        let outcome = self.try_pull(1_000).await;
        assert_eq!(outcome.failure, None);
        assert!(outcome.is_complete);
        assert!(outcome.remarks.is_empty(), "{:?}", outcome.remarks);
        outcome
    }

    pub async fn try_pull(&self, pages: u32) -> PullOutcome {
        let now = self.now();
        let config = IngestConfig::default();
        pull_source(
            &self.store,
            &self.connector,
            &self.source,
            &config,
            now,
            pages,
        )
        .await
        .unwrap()
    }

    async fn get(&self, id: &str) -> Stored {
        let key = ConversationKey {
            source: self.source.clone(),
            id: id.to_owned(),
        };
        self.store
            .conversation(&key)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("no conversation {id}"))
    }

    /// What counts: each conversation's id with the texts of its messages.
    pub async fn counted(&self) -> BTreeMap<String, Vec<String>> {
        let changes = self.store.changes_after(0, 10_000).await.unwrap();
        let conversations = changes.into_iter().map(|change| change.stored.conversation);
        let counted = conversations.filter(|one| one.exclusion.is_none());
        counted
            .map(|one| {
                let texts = one
                    .messages
                    .iter()
                    .map(|message| message.text.as_str().to_owned());
                (one.key.id.clone(), texts.collect())
            })
            .collect()
    }

    /// Walks through everything two days later, and reads again what was missed.
    pub async fn sweep(&mut self) {
        self.days += 2;
        self.pull().await;
        self.days += 1;
        self.pull().await;
    }
}

pub fn expected(threads: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let thread = |(id, texts): &(&str, &[&str])| {
        (
            (*id).to_owned(),
            texts.iter().map(|text| (*text).to_owned()).collect(),
        )
    };
    threads.iter().map(thread).collect()
}

#[allow(clippy::too_many_lines, reason = "one story, told in order")]
#[tokio::test]
async fn a_thread_across_folders_is_one_conversation_and_grows() {
    let Some(mut mailbox) = Mailbox::open("grows").await else {
        return;
    };
    let pulling = Pulling::new(mailbox.config()).await;
    mailbox
        .deliver(&customer(
            "l1@home.test",
            "",
            1,
            "It leaks.\n\n-- \nAnna Müller",
        ))
        .await;
    mailbox
        .deliver(&customer("n1@home.test", "", 2, "It hums."))
        .await;
    mailbox
        .append(
            "Sent",
            &team("l2@support.test", "l1@home.test", 5, "Which model?"),
        )
        .await;
    pulling.pull().await;
    let both = expected(&[
        ("l1@home.test", &["It leaks.", "Which model?"]),
        ("n1@home.test", &["It hums."]),
    ]);
    assert_eq!(pulling.counted().await, both);

    let answer =
        "Aura 9\n\nOn Mon, Mar 2, 2026 at 9:05 AM Tom <tom@support.test> wrote:\n> Which model?";
    let mut answer = customer("l3@home.test", "l1@home.test l2@support.test", 9, answer);
    answer.subject = "AW: Re: Leak".into();
    mailbox.deliver(&answer).await;
    let mut note = team(
        "l4@support.test",
        "l1@home.test l2@support.test l3@home.test",
        11,
        "cust angry",
    );
    note.to = Some("lead@support.test".into());
    mailbox.append("INBOX", &note).await;
    pulling.pull().await;

    let stored = pulling.get("l1@home.test").await;
    let conversation = &stored.conversation;
    let messages: Vec<_> = conversation
        .messages
        .iter()
        .map(|one| (one.author, one.visibility, one.text.as_str()))
        .collect();
    let whole = [
        (Author::Customer, Visibility::Public, "It leaks."),
        (Author::Agent, Visibility::Public, "Which model?"),
        (Author::Customer, Visibility::Public, "Aura 9"),
        (Author::Agent, Visibility::Internal, "cust angry"),
    ];
    assert_eq!(messages, whole);
    assert_eq!(conversation.subject.as_str(), "Leak");
    let opened = written(1).timestamp();
    assert_eq!(conversation.created_at.timestamp(), opened);
    assert!(
        conversation
            .requester
            .as_ref()
            .unwrap()
            .starts_with("customer-")
    );
    assert_eq!(pulling.counted().await.len(), 2);
    assert_eq!(pulling.pull().await.saved.changed, 0);

    // Nothing was marked as read.
    let unseen = mailbox.run("STATUS INBOX (MESSAGES UNSEEN)").await.concat();
    assert!(
        unseen.contains("MESSAGES 4") && unseen.contains("UNSEEN 4"),
        "{unseen}"
    );
}

#[tokio::test]
async fn what_is_moved_stays_and_what_is_deleted_goes() {
    let Some(mut mailbox) = Mailbox::open("gone").await else {
        return;
    };
    mailbox.run("CREATE Done").await;
    let mut pulling = Pulling::new(mailbox.config()).await;
    for (id, minute) in [("a@x", 1), ("b@x", 2), ("c@x", 3), ("", 4)] {
        mailbox
            .deliver(&customer(id, "", minute, &format!("words {minute}")))
            .await;
    }
    mailbox
        .append("INBOX", &customer("a2@x", "a@x", 6, "more words"))
        .await;
    pulling.pull().await;
    let before = pulling.counted().await;
    assert_eq!(before.len(), 4);
    let made = before
        .keys()
        .find(|id| id.starts_with("no-id-"))
        .unwrap()
        .clone();
    pulling.sweep().await;
    assert_eq!(pulling.counted().await, before);

    mailbox.move_to("INBOX", "b@x", "Done").await;
    mailbox.move_to("INBOX", "c@x", "Trash").await;
    mailbox.remove("INBOX", "a@x").await;
    pulling.pull().await;
    assert_eq!(
        pulling.counted().await,
        before,
        "a pull alone does not tell"
    );
    pulling.sweep().await;
    let gone = pulling.get("c@x").await;
    assert_eq!(gone.conversation.exclusion, Some(Exclusion::Deleted));
    assert!(
        gone.text.is_blank(),
        "the words of a deleted mail are erased"
    );

    // The mail above all others is gone, the conversation is not; the next mail says so too.
    mailbox
        .deliver(&customer("a3@x", "a@x a2@x", 8, "even more"))
        .await;
    // Put back from the trash.
    mailbox.move_to("Trash", "c@x", "INBOX").await;
    // A mail without an id is found again where it was moved to.
    mailbox.run("SELECT INBOX").await;
    let uid = mailbox.run("UID SEARCH NOT HEADER Message-ID \"\"").await;
    let uid = uid
        .iter()
        .find_map(|line| line.strip_prefix("* SEARCH "))
        .unwrap()
        .to_owned();
    mailbox.run(&format!("UID MOVE {uid} Done")).await;
    mailbox.run("UNSELECT").await;
    pulling.pull().await;
    let page = pulling
        .connector
        .read_again(std::slice::from_ref(&made), pulling.now())
        .await
        .unwrap();
    assert!(matches!(&page.records[..], [Record::Conversation(one)] if one.key.id == made));
    pulling.sweep().await;
    let counted = pulling.counted().await;
    let ids: Vec<&str> = counted.keys().map(String::as_str).collect();
    assert_eq!(ids, ["a@x", "b@x", "c@x", &made]);
    assert_eq!(counted["a@x"], ["more words", "even more"]);
}

#[tokio::test]
async fn what_the_team_sends_joins_its_thread_at_once_and_is_none_alone() {
    let Some(mut mailbox) = Mailbox::open("sent").await else {
        return;
    };
    let mut pulling = Pulling::new(mailbox.config()).await;
    mailbox
        .append("Sent", &team("old@support.test", "", 0, "a circular"))
        .await;
    mailbox.deliver(&customer("a@x", "", 1, "first")).await;
    pulling.pull().await;
    mailbox
        .append("Sent", &team("b@support.test", "a@x", 2, "second"))
        .await;
    mailbox
        .append("Sent", &team("c@support.test", "", 3, "an offer"))
        .await;
    pulling.pull().await;
    let answered = expected(&[("a@x", &["first", "second"])]);
    assert_eq!(pulling.counted().await, answered);
    // Somebody answers the offer: now it is a conversation, from its first mail on.
    mailbox
        .deliver(&customer("d@x", "c@support.test", 4, "yes please"))
        .await;
    pulling.pull().await;
    let offer = pulling.get("c@support.test").await.conversation;
    assert_eq!(offer.messages.len(), 2);
    assert_eq!(offer.created_at.timestamp(), written(3).timestamp());
    // What the customer wrote is deleted; that the answer is still there keeps nothing.
    mailbox.remove("INBOX", "a@x").await;
    pulling.sweep().await;
    let gone = pulling.get("a@x").await.conversation;
    assert_eq!(gone.exclusion, Some(Exclusion::Deleted));
    assert_eq!(pulling.counted().await.len(), 1);
}

/// So many mails are new that an index is made of their headers; a mail that is moved meanwhile is found all the same.
#[tokio::test]
async fn very_many_new_mails_are_read_and_what_moves_meanwhile_is_not_lost() {
    let Some(mut mailbox) = Mailbox::open("many").await else {
        return;
    };
    mailbox.run("CREATE Done").await;
    let count = 320;
    let mut whole = BTreeMap::new();
    let mail = |id: String, above: &str, folder: &str, text: String| {
        let mut raw = customer("", "", 1, &text);
        raw.flags = "";
        let links = format!("Message-ID: <{id}>\r\nReferences: {above}\r\nMIME-Version");
        let raw = raw
            .raw("help@support.test")
            .replacen("MIME-Version", &links, 1);
        (format!("APPEND {folder} {{{}+}}\r\n{raw}", raw.len()), text)
    };
    // First all questions, then all answers: each thread lies on two pages.
    for number in 0..count {
        let (command, text) = mail(
            format!("q{number}@x"),
            "",
            "INBOX",
            format!("question {number}"),
        );
        mailbox.run(&command).await;
        whole.insert(format!("q{number}@x"), vec![text]);
    }
    for number in 0..count {
        let (id, above) = (format!("r{number}@x"), format!("<q{number}@x>"));
        let folder = if number % 4 == 0 { "Sent" } else { "INBOX" };
        let (command, text) = mail(id, &above, folder, format!("reply {number}"));
        mailbox.run(&command).await;
        whole.get_mut(&format!("q{number}@x")).unwrap().push(text);
    }
    let pulling = Pulling::new(mailbox.config()).await;
    let now = pulling.now();
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut cursor = None;
    for number in 0.. {
        assert!(number < 100, "the mailbox does not end");
        let page = pulling.connector.pull(cursor.as_ref(), now).await.unwrap();
        for record in page.records {
            let Record::Conversation(one) = record else {
                panic!("{record:?}")
            };
            let texts = one
                .messages
                .iter()
                .map(|message| message.text.as_str().trim().to_owned());
            let mut texts: Vec<String> = texts.collect();
            texts.sort();
            held.insert(one.key.id, texts);
        }
        if number == 3 {
            mailbox.move_to("INBOX", "q77@x", "Done").await;
        }
        cursor = Some(page.next);
        if page.is_last {
            break;
        }
    }
    assert_eq!(held, whole);
}

#[tokio::test]
async fn new_uids_double_nothing() {
    let Some(mut mailbox) = Mailbox::open("validity").await else {
        return;
    };
    mailbox.run("CREATE Cases").await;
    let mut config = mailbox.config();
    config.folders = vec!["Cases".into()];
    config.page_records = 2;
    let pulling = Pulling::new(config).await;
    let mails: Vec<Mail> = [
        ("a@x", ""),
        ("b@x", "a@x"),
        ("c@x", ""),
        ("d@x", "a@x b@x"),
        ("e@x", ""),
    ]
    .iter()
    .enumerate()
    .map(|(minute, (id, above))| customer(id, above, minute as u32, &format!("words {minute}")))
    .collect();
    for mail in &mails {
        mailbox.append("Cases", mail).await;
    }
    pulling.pull().await;
    let before = pulling.counted().await;
    assert_eq!(before.len(), 3);
    let validity = mailbox.run("STATUS Cases (UIDVALIDITY)").await;
    // The mailbox is moved to another server: other UIDs, another order, one new mail.
    mailbox.run("DELETE Cases").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    mailbox.run("CREATE Cases").await;
    assert_ne!(mailbox.run("STATUS Cases (UIDVALIDITY)").await, validity);
    for mail in mails.iter().rev() {
        mailbox.append("Cases", mail).await;
    }
    mailbox
        .append("Cases", &customer("f@x", "e@x", 30, "last words"))
        .await;
    let outcome = pulling.pull().await;
    assert_eq!((outcome.saved.new, outcome.saved.changed), (0, 1));
    let mut after = before.clone();
    after.get_mut("e@x").unwrap().push("last words".into());
    assert_eq!(pulling.counted().await, after);
}

#[tokio::test]
async fn a_mail_that_joins_two_conversations_merges_them() {
    let Some(mut mailbox) = Mailbox::open("joins").await else {
        return;
    };
    let pulling = Pulling::new(mailbox.config()).await;
    mailbox.deliver(&customer("a@x", "", 1, "first")).await;
    // Its program names only the mail above, which has not come yet.
    mailbox.deliver(&customer("c@x", "b@x", 3, "third")).await;
    pulling.pull().await;
    let apart = expected(&[("a@x", &["first"]), ("b@x", &["third"])]);
    assert_eq!(pulling.counted().await, apart);
    mailbox
        .append("INBOX", &team("b@x", "a@x", 2, "second"))
        .await;
    pulling.pull().await;
    let joined = expected(&[("a@x", &["first", "second", "third"])]);
    assert_eq!(pulling.counted().await, joined);
    let gone = pulling.get("b@x").await.conversation;
    assert_eq!(gone.exclusion, Some(Exclusion::Merged));
    assert_eq!(gone.attributes["merged_into"], "a@x");
    let page = pulling
        .connector
        .read_again(&["b@x".into()], groundswell::clock::now())
        .await
        .unwrap();
    assert!(
        page.records
            .iter()
            .any(|one| matches!(one, Record::Merged { into, .. } if into == "a@x"))
    );
}

#[tokio::test]
async fn keywords_are_followed_in_mails_that_were_read_before() {
    let Some(mut mailbox) = Mailbox::open("keywords").await else {
        return;
    };
    let mut config = mailbox.config();
    config.reading.category_from = CategoryFrom::Keyword("topic_".into());
    config.reading.closed_keyword = Some("Done".into());
    config.page_records = 2;
    let pulling = Pulling::new(config).await;
    for (id, minute) in [("a@x", 1), ("b@x", 2), ("c@x", 3), ("d@x", 4), ("e@x", 5)] {
        mailbox
            .deliver(&customer(id, "", minute, &format!("words {minute}")))
            .await;
    }
    pulling.pull().await;
    for id in ["a@x", "b@x", "c@x", "d@x", "e@x"] {
        mailbox.mark("INBOX", id, "topic_Billing").await;
    }
    mailbox.mark("INBOX", "b@x", "Done").await;
    mailbox.mark("INBOX", "c@x", "$Junk").await;
    let outcome = pulling.pull().await;
    assert_eq!(outcome.saved.changed, 5);
    let billed = pulling.get("a@x").await.conversation;
    assert_eq!(
        (billed.category.as_deref(), billed.status.as_deref()),
        (Some("Billing"), Some("open"))
    );
    let closed = pulling.get("b@x").await.conversation;
    assert_eq!(
        (closed.status.as_deref(), closed.closed_at.is_some()),
        (Some("closed"), true)
    );
    assert_eq!(
        pulling.get("c@x").await.conversation.exclusion,
        Some(Exclusion::Spam)
    );
    mailbox
        .deliver(&customer("b2@x", "b@x", 20, "still broken"))
        .await;
    pulling.pull().await;
    let again = pulling.get("b@x").await.conversation;
    assert_eq!((again.status.as_deref(), again.reopens), (Some("open"), 1));
    assert_eq!(pulling.pull().await.saved.changed, 0);
}

#[tokio::test]
async fn folders_with_other_letters_are_read_and_are_categories() {
    let Some(mut mailbox) = Mailbox::open("letters").await else {
        return;
    };
    mailbox.run("CREATE \"K&APw-che &- Bad\"").await;
    let mut config = mailbox.config();
    config.folders = vec!["inbox".into(), "Küche & Bad".into()];
    config.reading.category_from = CategoryFrom::Folder;
    let pulling = Pulling::new(config).await;
    mailbox.deliver(&customer("a@x", "", 1, "first")).await;
    mailbox
        .append("\"K&APw-che &- Bad\"", &customer("b@x", "", 2, "second"))
        .await;
    pulling.pull().await;
    assert_eq!(
        pulling.get("b@x").await.conversation.category.as_deref(),
        Some("Küche & Bad")
    );
    let now = groundswell::clock::now();
    let remarks = pulling.connector.check(now).await.unwrap();
    assert_eq!(remarks, ["the way to the server is not encrypted"]);
    mailbox
        .move_to("INBOX", "a@x", "\"K&APw-che &- Bad\"")
        .await;
    pulling.pull().await;
    assert_eq!(
        pulling.get("a@x").await.conversation.category.as_deref(),
        Some("Küche & Bad")
    );
}

#[tokio::test]
async fn robots_drafts_and_broken_mails_do_no_harm() {
    let Some(mut mailbox) = Mailbox::open("broken").await else {
        return;
    };
    let mut config = mailbox.config();
    config.mail_bytes_max = 16 * 1024;
    let pulling = Pulling::new(config).await;
    let mut away = customer("away@x", "", 1, "I am away until Monday");
    away.subject = "Away\r\nAuto-Submitted: auto-replied".into();
    mailbox.deliver(&away).await;
    let mut draft = team("draft@x", "", 2, "not sent yet");
    draft.flags = "\\Draft";
    mailbox.append("INBOX", &draft).await;
    let attachment = "A"
        .repeat(70)
        .repeat(20_000)
        .as_bytes()
        .chunks(70)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n");
    let mut large = customer("large@x", "", 3, "");
    large.body = format!(
        "--b\nContent-Type: text/plain\n\nsee the picture\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n{attachment}\n--b--"
    );
    let raw = large.raw("help").replace(
        "text/plain; charset=utf-8\r\n\r\n",
        "multipart/mixed; boundary=b\r\n\r\n",
    );
    let command = format!("APPEND INBOX {{{}+}}\r\n{raw}", raw.len());
    mailbox.run(&command).await;
    let raw = "Content-Type: message/rfc822\r\n\r\n".repeat(200);
    mailbox
        .run(&format!("APPEND INBOX {{{}+}}\r\n{raw}", raw.len()))
        .await;
    let raw = "X: y\r\n".repeat(20_000);
    mailbox
        .run(&format!("APPEND INBOX {{{}+}}\r\n{raw}", raw.len()))
        .await;
    mailbox.run("APPEND INBOX {1+}\r\n\n").await;
    let outcome = pulling.pull().await;
    assert!(outcome.skipped >= 1, "{outcome:?}");
    assert_eq!(
        pulling.get("away@x").await.conversation.exclusion,
        Some(Exclusion::Automatic)
    );
    assert_eq!(
        pulling.counted().await,
        expected(&[("large@x", &["see the picture"])])
    );
}

#[tokio::test]
async fn the_login_is_encrypted_and_wrong_ones_are_told() {
    let Some(mailbox) = Mailbox::open("login").await else {
        return;
    };
    let (Some(port), Some(ca)) = (variable("IMAPS_PORT"), variable("SMTP_CA_FILE")) else {
        return;
    };
    mailbox.deliver(&customer("a@x", "", 1, "first")).await;
    let mut config = mailbox.config();
    config.ca_file = Some(ca.into());
    let now = groundswell::clock::now();
    for (security, port) in [
        (Security::Tls, port.parse().unwrap()),
        (Security::StartTls, mailbox.port),
    ] {
        config.security = security;
        config.port = port;
        let pulling = Pulling::new(config.clone()).await;
        pulling.pull().await;
        assert_eq!(pulling.counted().await.len(), 1);
        assert_eq!(pulling.connector.check(now).await.unwrap(), [""; 0]);
    }
    let failure = async |config: &ImapConfig| {
        let connector = Imap::new(SourceId::from("mail"), config.clone()).unwrap();
        connector.pull(None, now).await.unwrap_err()
    };
    for login in [
        Login::Password("wrong".to_owned().into()),
        Login::Password("würong".to_owned().into()),
        Login::Token("wrong".to_owned().into()),
    ] {
        let config = ImapConfig {
            login,
            ..config.clone()
        };
        let error = failure(&config).await;
        // Dovecot knows no tokens here.
        assert!(matches!(error, PullError::Unauthorized(_)), "{error}");
        assert!(!error.to_string().contains("rong"), "{error}");
    }
    let untrusted = ImapConfig {
        ca_file: None,
        ..config.clone()
    };
    let error = failure(&untrusted).await;
    assert!(
        matches!(&error, PullError::Unauthorized(why) if why.contains("ca_file")),
        "{error}"
    );
    let mut missing = config.clone();
    missing.folders = vec!["Nowhere".into()];
    let error = failure(&missing).await;
    assert!(
        matches!(&error, PullError::Unauthorized(why) if why.contains("Nowhere")),
        "{error}"
    );
    let connector = Imap::new(SourceId::from("mail"), missing).unwrap();
    assert!(connector.check(now).await.unwrap()[0].contains("Nowhere"));
    config.port = 1;
    assert!(matches!(failure(&config).await, PullError::Transient(_)));
}
