//! The contract of the mailbox, equal in meaning to that of systems (`contract`): on the way to a real Dovecot the
//! connection breaks after any byte and at any command, answers stop in their middle, come late, or are refusals. What is
//! stored in the end is what an undisturbed connection gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use groundswell::connectors::PullError;
use groundswell::connectors::imap::Imap;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

use crate::imap_real::{Mailbox, Pulling, customer, expected, team};

/// How long the connector waits for an answer that stops in its middle or comes late; where the machine is too busy for the
/// server to answer in time, twice as long each time.
const SHORT: Duration = Duration::from_millis(400);

/// How long it waits where the line itself tells.
const LONG: Duration = Duration::from_secs(60);

/// Runs side by side: a mail server mostly waits for its disk.
const AT_ONCE: usize = 8;

/// What goes wrong, and where.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The line is cut after so many bytes of all answers.
    Bytes,
    /// The line is cut before the answer comes.
    Unanswered,
    /// The line is cut in the middle of the answer.
    Half,
    /// The answer stops in its middle, and the line stays.
    Silence,
    /// The server says that it cannot just now.
    Refusal,
    /// The answer comes late, but in time.
    Late,
}

impl Fault {
    fn patience(self) -> Duration {
        match self {
            Self::Silence | Self::Late => SHORT,
            Self::Bytes | Self::Unanswered | Self::Half | Self::Refusal => LONG,
        }
    }
}

/// A way to the server on which one thing goes wrong.
struct Proxy {
    port: u16,
    /// Commands, or bytes of answers, so far.
    passed: Arc<AtomicU64>,
}

impl Proxy {
    async fn start(server: u16, fault: Fault, at: u64, patience: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let line = Line {
                    fault,
                    at,
                    patience,
                    passed: Arc::clone(&counter),
                };
                // However it ends: the line is gone then.
                tokio::spawn(async move { line.carry(near, server).await });
            }
        });
        Self { port, passed }
    }

    fn has_struck(&self, at: u64) -> bool {
        self.passed.load(Ordering::Relaxed) >= at
    }
}

/// One connection.
struct Line {
    fault: Fault,
    at: u64,
    /// How long the other side waits.
    patience: Duration,
    passed: Arc<AtomicU64>,
}

impl Line {
    /// Carries commands there and answers back; none when the line is cut.
    async fn carry(&self, near: TcpStream, server: u16) -> Option<()> {
        let far = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
        near.set_nodelay(true).ok()?;
        far.set_nodelay(true).ok()?;
        let ((near, mut back), (far, mut there)) = (near.into_split(), far.into_split());
        let (mut near, mut far) = (BufReader::new(near), BufReader::new(far));
        let greeting = answer(&mut far, b"*").await?;
        self.give(&mut back, &greeting).await?;
        loop {
            let mut command = Vec::new();
            if near.read_until(b'\n', &mut command).await.ok()? == 0 {
                return None;
            }
            let tag = command.split(|byte| *byte == b' ').next()?.to_owned();
            let is_now = match self.fault {
                Fault::Bytes => false,
                _ => self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.at,
            };
            if is_now && matches!(self.fault, Fault::Refusal) {
                let refusal = [&tag, &b" NO [UNAVAILABLE] not now\r\n"[..]].concat();
                back.write_all(&refusal).await.ok()?;
                continue;
            }
            there.write_all(&command).await.ok()?;
            let answer = answer(&mut far, &tag).await?;
            match self.fault {
                Fault::Unanswered if is_now => return None,
                Fault::Half if is_now => {
                    back.write_all(&answer[..answer.len() / 2]).await.ok()?;
                    return None;
                }
                Fault::Silence if is_now => {
                    back.write_all(&answer[..answer.len() / 2]).await.ok()?;
                    tokio::time::sleep(self.patience * 3).await;
                    return None;
                }
                Fault::Late if is_now => tokio::time::sleep(self.patience / 4).await,
                _ => {}
            }
            self.give(&mut back, &answer).await?;
        }
    }

    /// Passes an answer on, as far as the bytes reach.
    async fn give(&self, back: &mut tokio::net::tcp::OwnedWriteHalf, answer: &[u8]) -> Option<()> {
        if !matches!(self.fault, Fault::Bytes) {
            return back.write_all(answer).await.ok();
        }
        let length = answer.len() as u64;
        let before = self.passed.fetch_add(length, Ordering::Relaxed);
        // Only once: who connects again gets through.
        if before >= self.at || before + length < self.at {
            return back.write_all(answer).await.ok();
        }
        let left = usize::try_from(self.at - before).unwrap();
        back.write_all(&answer[..left]).await.ok()?;
        None
    }
}

/// An answer with everything before its end: the line that has the command's tag, or asks for more.
async fn answer(far: &mut BufReader<OwnedReadHalf>, tag: &[u8]) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    loop {
        let start = answer.len();
        if far.read_until(b'\n', &mut answer).await.ok()? == 0 {
            return None;
        }
        let line = &answer[start..];
        let is_end = line
            .strip_prefix(tag)
            .is_some_and(|rest| rest.starts_with(b" "));
        if is_end || line.starts_with(b"+ ") {
            return Some(answer);
        }
    }
}

/// Two threads across folders, two that one mail will join, and a mail that will be deleted.
async fn written(mailbox: &mut Mailbox) {
    mailbox.run("CREATE Done").await;
    for (minute, name) in ["a", "d"].iter().enumerate() {
        let minute = minute as u32;
        let id = |number: u32| -> &'static str { ID[(number * 2 + minute) as usize] };
        let words = |number: u32| format!("{} says", id(number));
        assert!(id(0).starts_with(name));
        let (one, two, three) = (id(0), id(1), id(2));
        mailbox
            .append("INBOX", &customer(one, "", minute, &words(0)))
            .await;
        mailbox
            .append("Sent", &team(two, one, minute + 10, &words(1)))
            .await;
        mailbox
            .append("INBOX", &customer(three, two, minute + 20, &words(2)))
            .await;
    }
    mailbox
        .append("INBOX", &customer("z@x", "", 40, "z@x says"))
        .await;
    mailbox
        .append("INBOX", &customer("p@x", "", 41, "p@x says"))
        .await;
    mailbox
        .append("INBOX", &customer("r@x", "q@x", 43, "r@x says"))
        .await;
}

/// The ids of the mails: first ones, answers, last ones.
const ID: [&str; 6] = ["a@x", "d@x", "b@x", "e@x", "c@x", "f@x"];

fn whole() -> BTreeMap<String, Vec<String>> {
    expected(&[
        ("a@x", &["a@x says", "b@x says", "c@x says"]),
        ("d@x", &["d@x says", "e@x says", "f@x says"]),
        ("p@x", &["p@x says"]),
        ("q@x", &["r@x says"]),
        ("z@x", &["z@x says"]),
    ])
}

/// What people do after the first pull: they answer, file away, delete, and write anew, also what joins two threads.
async fn changed(mailbox: &mut Mailbox) {
    let answer = customer("k@x", "a@x b@x c@x", 50, "k@x says");
    mailbox.append("INBOX", &answer).await;
    mailbox.move_to("INBOX", "d@x", "Done").await;
    mailbox.remove("INBOX", "z@x").await;
    mailbox
        .append("Sent", &team("l@x", "d@x", 51, "l@x says"))
        .await;
    mailbox
        .append("INBOX", &team("q@x", "p@x", 42, "q@x says"))
        .await;
    mailbox
        .append("INBOX", &customer("m@x", "", 52, "m@x says"))
        .await;
}

fn whole_after() -> BTreeMap<String, Vec<String>> {
    expected(&[
        ("a@x", &["a@x says", "b@x says", "c@x says", "k@x says"]),
        ("d@x", &["d@x says", "e@x says", "f@x says", "l@x says"]),
        ("m@x", &["m@x says"]),
        ("p@x", &["p@x says", "q@x says", "r@x says"]),
    ])
}

/// How a run went.
enum Run {
    Struck,
    /// It never came to the place.
    Undisturbed,
    /// It ended before it came there: the server was slower than the connector is patient.
    TooSlow,
}

/// A mailbox pulled over a way on which something goes wrong once: in the first pull, or in one after changes, with the
/// walk over everything that finds what is gone. False when it never came to it.
async fn goes_wrong(fault: Fault, at: u64) -> Option<bool> {
    let mut patience = fault.patience();
    loop {
        match run(fault, at, patience).await? {
            Run::Struck => return Some(true),
            Run::Undisturbed => return Some(false),
            Run::TooSlow => patience *= 2,
        }
        assert!(patience < LONG * 4, "{fault:?} at {at}: never in time");
    }
}

async fn run(fault: Fault, at: u64, patience: Duration) -> Option<Run> {
    let mut mailbox = Mailbox::open("fault").await?;
    written(&mut mailbox).await;
    let proxy = Proxy::start(mailbox.port, fault, at, patience).await;
    let mut config = mailbox.config();
    config.page_records = 2;
    let plain = config.clone();
    (config.port, config.timeout) = (proxy.port, patience);
    let mut pulling = Pulling::new(config).await;
    let when = format!("{fault:?} at {at}");
    let first = pulling.try_pull(1_000).await;
    assert_eq!(first.saved.removed, 0, "{when}");
    let mut has_failed = told(first.failure, &when);
    changed(&mut mailbox).await;
    for days in [2, 3] {
        pulling.days = days;
        has_failed |= told(pulling.try_pull(1_000).await.failure, &when);
    }
    let run = match (proxy.has_struck(at), has_failed) {
        (true, _) => Run::Struck,
        (false, true) => Run::TooSlow,
        (false, false) => Run::Undisturbed,
    };
    pulling.connector = Imap::new(pulling.source.clone(), plain).unwrap();
    pulling.pull().await;
    pulling.sweep().await;
    assert_eq!(pulling.counted().await, whole_after(), "{when}");
    Some(run)
}

/// A fault on the way is no matter for a person, and its text has no mail's words. Whether there was one.
fn told(failure: Option<groundswell::ingest::PullFailure>, when: &str) -> bool {
    let Some(failure) = failure else { return false };
    let text = failure.error.to_string();
    let is_passing = matches!(failure.error, PullError::Transient(_));
    assert!(is_passing && !text.contains("says"), "{when}: {text}");
    true
}

/// Some runs at a time, in the order of the places, until one was not struck; how many were.
async fn each(fault: Fault, places: impl Iterator<Item = u64>) -> Option<usize> {
    let mut runs = stream::iter(places.take(500))
        .map(|at| goes_wrong(fault, at))
        .buffered(AT_ONCE);
    let mut count = 0;
    while let Some(has_struck) = runs.next().await {
        if !has_struck? {
            return Some(count);
        }
        count += 1;
    }
    panic!("the scenario does not end");
}

#[tokio::test]
async fn whatever_goes_wrong_at_any_command_nothing_is_lost() {
    for fault in [
        Fault::Unanswered,
        Fault::Half,
        Fault::Silence,
        Fault::Refusal,
    ] {
        match each(fault, 1..).await {
            None => return,
            Some(count) => assert!(count > 40, "{fault:?}: only {count} commands"),
        }
    }
}

/// What comes late, but in time, is no fault.
#[tokio::test]
async fn answers_that_come_late_are_waited_for() {
    each(Fault::Late, (1..).step_by(7)).await;
}

/// Also where two answers meet, and within a mail.
#[tokio::test]
async fn a_line_cut_at_any_place_loses_and_doubles_nothing() {
    let places = std::iter::successors(Some(40), |at| Some(at + 60 + at / 12));
    if let Some(count) = each(Fault::Bytes, places).await {
        assert!(count > 20, "only {count} places");
    }
}

/// The scenario itself: an undisturbed way gives what is expected in between, too.
#[tokio::test]
async fn an_undisturbed_way_gives_everything() {
    let Some(mut mailbox) = Mailbox::open("calm").await else {
        return;
    };
    written(&mut mailbox).await;
    let mut config = mailbox.config();
    config.page_records = 2;
    let mut pulling = Pulling::new(config).await;
    pulling.pull().await;
    assert_eq!(pulling.counted().await, whole());
    changed(&mut mailbox).await;
    pulling.pull().await;
    pulling.sweep().await;
    assert_eq!(pulling.counted().await, whole_after());
}
