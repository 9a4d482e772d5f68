//! The outbox above a real database, with destinations that answer from a script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use groundswell::delivery::{
    Destination, Destinations, Notifier, Outgoing, Receipt, SendError, deliver_due,
};
use groundswell::digest::render::Format;
use groundswell::model::{
    Answered, Cadence, DestinationId, Digest, DigestId, FollowUp, Totals, Unassigned,
};
use groundswell::store::{
    Closed, ClosedWindow, Closing, Delivery, DeliveryState, Location, Origin, Store,
};
use tempfile::TempDir;

const BASE_URL: &str = "http://127.0.0.1:8080";

fn now() -> DateTime<Utc> {
    "2026-04-20T06:00:00Z".parse().unwrap()
}

/// What a scripted destination does with the next digest.
enum Act {
    Take,
    Refuse(SendError),
    /// Takes it, and its answer never comes back.
    TakeAndHang,
    /// Answers after a moment.
    RefuseLate(Duration, SendError),
}

fn retry(after_s: Option<u64>) -> SendError {
    SendError::Retry {
        reason: "it is busy".to_owned(),
        after_s,
    }
}

/// What all destinations of a test saw.
#[derive(Default)]
struct Log {
    keys: Mutex<Vec<String>>,
    open: AtomicUsize,
    open_max: AtomicUsize,
}

struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    log: Arc<Log>,
    store: Store,
}

impl Scripted {
    async fn receive(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let open = self.log.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.log.open_max.fetch_max(open, Ordering::SeqCst);
        self.assert_recorded(message).await;
        self.log
            .keys
            .lock()
            .unwrap()
            .push(message.delivery_key.clone());
        let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Take);
        tokio::task::yield_now().await;
        let result = match act {
            Act::Take => Ok(Receipt("taken".to_owned())),
            Act::Refuse(error) => Err(error),
            Act::TakeAndHang => std::future::pending().await,
            Act::RefuseLate(wait, error) => {
                tokio::time::sleep(wait).await;
                Err(error)
            }
        };
        self.log.open.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// Whatever this destination got before is in the database by now.
    async fn assert_recorded(&self, message: &Outgoing) {
        let (_, destination) = message.delivery_key.split_once('/').unwrap();
        let before = self.log.keys.lock().unwrap().clone();
        for delivery in self.store.deliveries(100).await.unwrap() {
            let key = format!("{}/{}", delivery.digest, delivery.destination);
            let is_other = key != message.delivery_key && key.ends_with(&format!("/{destination}"));
            if is_other && before.contains(&key) {
                assert!(delivery.attempts > 0, "{key} is not recorded");
            }
        }
    }
}

impl Notifier for Scripted {
    fn format(&self) -> Format {
        Format::Text
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.receive(message))
    }
}

struct Bench {
    store: Store,
    log: Arc<Log>,
    destinations: Destinations,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        Self {
            store: Store::open(&location).await.unwrap(),
            log: Arc::default(),
            destinations: Destinations::new(),
            _folder: folder,
        }
    }

    fn destination(&mut self, id: &str, acts: impl IntoIterator<Item = Act>) {
        let notifier = Scripted {
            acts: Mutex::new(acts.into_iter().collect()),
            log: self.log.clone(),
            store: self.store.clone(),
        };
        let destination = Destination {
            notifier: Box::new(notifier),
            attempts_max: 3,
        };
        self.destinations
            .insert(DestinationId::from(id), destination);
    }

    /// Closes a day with a digest for these destinations.
    async fn publish(&self, day: u32, destinations: &[&str]) {
        let closing = closing(day, destinations);
        let closed = self.store.close_window(&closing).await.unwrap();
        assert_eq!(closed, Closed::Written);
    }

    async fn deliver(&self, now: DateTime<Utc>) -> usize {
        deliver_due(&self.store, &self.destinations, BASE_URL, now)
            .await
            .unwrap()
    }

    fn keys(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.keys.lock().unwrap())
    }

    async fn delivery(&self, key: &str) -> Delivery {
        let all = self.store.deliveries(100).await.unwrap();
        let is_it = |d: &Delivery| format!("{}/{}", d.digest, d.destination) == key;
        all.into_iter().find(is_it).unwrap()
    }
}

fn closing(day: u32, destinations: &[&str]) -> Closing {
    let window = format!("2026-04-{day:02}");
    let start: DateTime<Utc> = format!("{window}T00:00:00Z").parse().unwrap();
    let id = DigestId(format!("daily-{window}"));
    let digest = Digest {
        version: 1,
        id: id.clone(),
        cadence: Cadence::Daily,
        window: window.clone(),
        start,
        end: start + TimeDelta::days(1),
        team: None,
        zone: "UTC".to_owned(),
        totals: Totals::default(),
        items: Vec::new(),
        official: None,
        unassigned: Unassigned {
            conversations: 0,
            share: 0.0,
            previous_share: None,
            sample: Vec::new(),
        },
        follow_up: FollowUp::default(),
        revisions: Vec::new(),
        answered: Answered::default(),
        notes: Vec::new(),
        rules: Vec::new(),
    };
    Closing {
        closed: ClosedWindow {
            team: String::new(),
            cadence: Cadence::Daily,
            window,
            closed_at: start + TimeDelta::days(1),
            conversations: 0,
            digest: Some(id),
            reason: String::new(),
        },
        counts: Vec::new(),
        digest: Some(digest),
        destinations: destinations
            .iter()
            .map(|id| DestinationId::from(*id))
            .collect(),
        origin: Origin::default(),
        teams: Vec::new(),
    }
}

#[tokio::test]
async fn a_digest_is_sent_once_and_its_receipt_is_kept() {
    let mut bench = Bench::new().await;
    bench.destination("team", []);
    bench.publish(1, &["team"]).await;
    assert_eq!(bench.deliver(now()).await, 1);
    assert_eq!(bench.deliver(now() + TimeDelta::days(9)).await, 0);
    assert_eq!(bench.keys(), ["daily-2026-04-01/team"]);
    let delivery = bench.delivery("daily-2026-04-01/team").await;
    assert_eq!(delivery.state, DeliveryState::Sent);
    assert_eq!(delivery.receipt.as_deref(), Some("taken"));
}

#[tokio::test]
async fn a_failure_is_tried_again_with_the_same_key_and_then_given_up() {
    let mut bench = Bench::new().await;
    bench.destination("team", [0, 1, 2].map(|_| Act::Refuse(retry(None))));
    bench.publish(1, &["team"]).await;
    let mut at = now();
    for attempts in 1..=3 {
        assert_eq!(bench.deliver(at).await, 0);
        let delivery = bench.delivery("daily-2026-04-01/team").await;
        assert_eq!(delivery.attempts, attempts);
        let before = delivery.next_at - TimeDelta::seconds(1);
        if attempts < 3 {
            assert!(delivery.next_at >= at + TimeDelta::seconds(60));
            assert_eq!(bench.deliver(before).await, 0, "not before its time");
            assert_eq!(
                bench.delivery("daily-2026-04-01/team").await.attempts,
                attempts
            );
        }
        at = delivery.next_at;
    }
    assert_eq!(bench.keys(), ["daily-2026-04-01/team"; 3]);
    let delivery = bench.delivery("daily-2026-04-01/team").await;
    assert_eq!(delivery.state, DeliveryState::Failed);
    let sentence = "given up after 3 tries, the last one: it is busy";
    assert_eq!(delivery.error.as_deref(), Some(sentence));
    assert_eq!(bench.deliver(at + TimeDelta::days(9)).await, 0);
}

#[tokio::test]
async fn a_removed_destination_fails_with_a_sentence() {
    let mut bench = Bench::new().await;
    bench.destination("team", []);
    bench.publish(1, &["gone", "team"]).await;
    assert_eq!(bench.deliver(now()).await, 1);
    let delivery = bench.delivery("daily-2026-04-01/gone").await;
    assert_eq!(delivery.state, DeliveryState::Failed);
    let sentence = "there is no destination gone in the configuration any more";
    assert_eq!(delivery.error.as_deref(), Some(sentence));
}

#[tokio::test]
async fn one_destination_gets_digests_in_order_and_several_side_by_side() {
    let mut bench = Bench::new().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        bench.destination(name, []);
    }
    for day in 1..=3 {
        bench.publish(day, &names).await;
    }
    assert_eq!(bench.deliver(now()).await, 18);
    let keys = bench.keys();
    for name in names {
        let own: Vec<_> = keys
            .iter()
            .filter(|key| key.ends_with(&format!("/{name}")))
            .collect();
        let expected = [1, 2, 3].map(|day| format!("daily-2026-04-0{day}/{name}"));
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
    let open_max = bench.log.open_max.load(Ordering::SeqCst);
    assert!((2..=4).contains(&open_max), "{open_max} at once");
}

#[tokio::test]
async fn a_told_wait_holds_back_the_destinations_other_digests() {
    let mut bench = Bench::new().await;
    bench.destination("busy", [Act::Refuse(retry(Some(7200)))]);
    bench.destination("team", []);
    bench.publish(1, &["busy", "team"]).await;
    bench.publish(2, &["busy", "team"]).await;
    assert_eq!(bench.deliver(now()).await, 2);
    let told = now() + TimeDelta::seconds(7200);
    for (key, attempts) in [("daily-2026-04-01/busy", 1), ("daily-2026-04-02/busy", 0)] {
        let delivery = bench.delivery(key).await;
        assert!(delivery.next_at >= told, "{key} waits as told");
        assert_eq!(delivery.attempts, attempts, "{key}");
    }
    assert_eq!(bench.deliver(told - TimeDelta::seconds(1)).await, 0);
    assert_eq!(bench.deliver(told + TimeDelta::minutes(1)).await, 2);
}

#[tokio::test]
async fn an_outage_costs_one_try_a_round_and_a_refusal_none_of_the_others() {
    let mut bench = Bench::new().await;
    bench.destination("down", [Act::Refuse(retry(None))]);
    let refusal = SendError::Permanent("too large".to_owned());
    bench.destination("picky", [Act::Refuse(refusal)]);
    bench.publish(1, &["down", "picky"]).await;
    bench.publish(2, &["down", "picky"]).await;
    assert_eq!(bench.deliver(now()).await, 1);
    assert_eq!(bench.delivery("daily-2026-04-02/down").await.attempts, 0);
    assert_eq!(
        bench.delivery("daily-2026-04-01/picky").await.state,
        DeliveryState::Failed
    );
    assert_eq!(
        bench.delivery("daily-2026-04-02/picky").await.state,
        DeliveryState::Sent
    );
}

#[tokio::test]
async fn a_told_wait_counts_from_the_answer() {
    let mut bench = Bench::new().await;
    let moment = Duration::from_millis(200);
    bench.destination("slow", [Act::RefuseLate(moment, retry(Some(7200)))]);
    bench.publish(1, &["slow"]).await;
    bench.deliver(now()).await;
    let delivery = bench.delivery("daily-2026-04-01/slow").await;
    assert!(delivery.next_at >= now() + TimeDelta::seconds(7200) + moment);
}

#[tokio::test]
async fn a_delivery_in_flight_when_the_process_dies_is_sent_again_with_its_key() {
    let mut bench = Bench::new().await;
    bench.destination("team", [Act::TakeAndHang]);
    bench.publish(1, &["team"]).await;
    let limit = Duration::from_millis(500);
    let died = tokio::time::timeout(limit, bench.deliver(now())).await;
    assert!(died.is_err());
    assert_eq!(
        bench.delivery("daily-2026-04-01/team").await.state,
        DeliveryState::Waiting
    );
    assert_eq!(bench.deliver(now()).await, 1);
    assert_eq!(bench.keys(), ["daily-2026-04-01/team"; 2]);
}
