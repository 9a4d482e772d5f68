//! What is to be done with a delivery, what it becomes, and when it is tried again. Pure: the outbox
//! does what is decided here, and the tests need neither a network nor a clock.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::{Receipt, SendError};
use crate::store::{Delivery, DeliveryState};

/// The first wait after a failure; each one after it is twice as long.
const WAIT_MIN_S: i64 = 60;
/// No own wait is longer; a told one may be.
const WAIT_MAX_S: i64 = 6 * 3600;
/// Own waits are made longer by up to this share, so that deliveries that failed together part.
const JITTER_PERCENT: i64 = 20;
/// What to do with a delivery now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it.
    Send,
    /// Leave it: it is not its time, or nothing is left to do.
    Leave,
    /// Write down what it became.
    Record,
}

/// What to do with a delivery, what it becomes, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// The delivery as it is from now on.
    pub next: Delivery,
    /// Why, for the log.
    pub reason: String,
}

/// The key by which destinations tell a repeat; the same for every try.
pub fn delivery_key(delivery: &Delivery) -> String {
    format!("{}/{}", delivery.digest, delivery.destination)
}

/// Decides about a delivery: without a result, whether to send it; with one, what it becomes.
/// What was sent stays sent, and no wait is shorter than the destination told.
pub fn decide(
    delivery: &Delivery,
    result: Option<&Result<Receipt, SendError>>,
    now: DateTime<Utc>,
    attempts_max: u32,
) -> Decision {
    let leave = |reason: String| Decision {
        action: Action::Leave,
        next: delivery.clone(),
        reason,
    };
    match (delivery.state, result) {
        (DeliveryState::Sent, _) => leave("sent already".to_owned()),
        (DeliveryState::Failed, None) => leave("given up before".to_owned()),
        (DeliveryState::Waiting, None) if delivery.next_at > now => {
            leave(format!("not before {}", delivery.next_at))
        }
        (DeliveryState::Waiting, None) => Decision {
            action: Action::Send,
            next: delivery.clone(),
            reason: format!("due, try {} of {attempts_max}", delivery.attempts + 1),
        },
        (_, Some(Ok(receipt))) => sent(delivery, receipt),
        (_, Some(Err(SendError::Permanent(reason)))) => failed(
            delivery,
            reason.clone(),
            delivery.attempts.saturating_add(1),
        ),
        (_, Some(Err(SendError::Retry { reason, after_s }))) => {
            retried(delivery, reason, *after_s, now, attempts_max)
        }
    }
}

fn sent(delivery: &Delivery, receipt: &Receipt) -> Decision {
    let attempts = delivery.attempts.saturating_add(1);
    Decision {
        action: Action::Record,
        next: Delivery {
            state: DeliveryState::Sent,
            attempts,
            receipt: Some(receipt.0.clone()),
            error: None,
            ..delivery.clone()
        },
        reason: format!("sent at try {attempts}"),
    }
}

fn failed(delivery: &Delivery, reason: String, attempts: u32) -> Decision {
    Decision {
        action: Action::Record,
        next: Delivery {
            state: DeliveryState::Failed,
            attempts,
            error: Some(reason.clone()),
            ..delivery.clone()
        },
        reason,
    }
}

fn retried(
    delivery: &Delivery,
    reason: &str,
    after_s: Option<u64>,
    now: DateTime<Utc>,
    attempts_max: u32,
) -> Decision {
    let attempts = delivery.attempts.saturating_add(1);
    if delivery.state == DeliveryState::Failed || attempts >= attempts_max {
        let reason = format!("given up after {attempts} tries, the last one: {reason}");
        return failed(delivery, reason, attempts);
    }
    let own_s = wait_s(&delivery_key(delivery), attempts);
    let told_s = after_s.map_or(0, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let next_at = later(now, own_s.max(told_s));
    Decision {
        action: Action::Record,
        next: Delivery {
            state: DeliveryState::Waiting,
            attempts,
            next_at,
            error: Some(reason.to_owned()),
            ..delivery.clone()
        },
        reason: format!(
            "{reason}, try {} of {attempts_max} at {next_at}",
            attempts + 1
        ),
    }
}

/// One minute, doubled with each try up to six hours, and a little longer: by how much depends on the
/// key and the try alone.
fn wait_s(key: &str, attempts: u32) -> i64 {
    let doublings = attempts.saturating_sub(1).min(16);
    let wait = (WAIT_MIN_S << doublings).min(WAIT_MAX_S);
    let hash = Sha256::digest(format!("{key}#{attempts}").as_bytes());
    let draw = i64::from(u16::from_be_bytes([hash[0], hash[1]]));
    wait + wait * JITTER_PERCENT * draw / (100 * i64::from(u16::MAX))
}

/// An instant so many seconds later; one beyond all calendars becomes the last one.
pub(super) fn later(now: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    TimeDelta::try_seconds(seconds)
        .and_then(|wait| now.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{DestinationId, DigestId};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn delivery(state: DeliveryState, attempts: u32) -> Delivery {
        Delivery {
            digest: DigestId::from("weekly-2026-W13"),
            destination: DestinationId::from("team"),
            state,
            attempts,
            next_at: at("2026-03-30T06:00:00Z"),
            receipt: None,
            error: None,
        }
    }

    fn retry(after_s: Option<u64>) -> Result<Receipt, SendError> {
        Err(SendError::Retry {
            reason: "it is busy".to_owned(),
            after_s,
        })
    }

    #[test]
    fn a_delivery_is_sent_when_it_is_due_and_not_before() {
        let waiting = delivery(DeliveryState::Waiting, 0);
        let action = |now| decide(&waiting, None, at(now), 12).action;
        assert_eq!(action("2026-03-30T05:59:59Z"), Action::Leave);
        assert_eq!(action("2026-03-30T06:00:00Z"), Action::Send);
        for state in [DeliveryState::Sent, DeliveryState::Failed] {
            let decision = decide(&delivery(state, 1), None, at("2027-01-01T00:00:00Z"), 12);
            assert_eq!(decision.action, Action::Leave);
        }
    }

    #[test]
    fn a_receipt_ends_a_delivery() {
        let mut waiting = delivery(DeliveryState::Waiting, 2);
        waiting.error = Some("it was busy".to_owned());
        let result = Ok(Receipt("ok".to_owned()));
        let decision = decide(&waiting, Some(&result), waiting.next_at, 12);
        assert_eq!(decision.next.state, DeliveryState::Sent);
        assert_eq!(decision.next.receipt.as_deref(), Some("ok"));
        assert_eq!((decision.next.attempts, decision.next.error), (3, None));
        assert_eq!(decision.reason, "sent at try 3");
    }

    #[test]
    fn a_permanent_refusal_and_the_last_try_end_in_failure() {
        let refused = Err(SendError::Permanent("no such room".to_owned()));
        let waiting = delivery(DeliveryState::Waiting, 0);
        let next = decide(&waiting, Some(&refused), waiting.next_at, 12).next;
        assert_eq!(next.state, DeliveryState::Failed);
        assert_eq!(next.error.as_deref(), Some("no such room"));

        let last = delivery(DeliveryState::Waiting, 11);
        let next = decide(&last, Some(&retry(Some(5))), last.next_at, 12).next;
        assert_eq!(next.state, DeliveryState::Failed);
        let sentence = "given up after 12 tries, the last one: it is busy";
        assert_eq!(next.error.as_deref(), Some(sentence));
    }

    #[test]
    fn own_waits_double_from_a_minute_to_six_hours() {
        for attempts in 1..=30 {
            let base = (60_i64 << (attempts - 1).min(20)).min(6 * 3600);
            let wait = wait_s("weekly-2026-W13/team", attempts);
            assert!((base..=base * 6 / 5).contains(&wait), "{attempts}: {wait}");
        }
        let all = (1..12).map(|attempts| wait_s("k", attempts)).sum::<i64>();
        assert!((17 * 3600..25 * 3600).contains(&all), "{all}");
        assert_ne!(wait_s("a", 3), wait_s("b", 3));
    }

    #[test]
    fn a_told_wait_of_ages_does_not_overflow() {
        let waiting = delivery(DeliveryState::Waiting, 0);
        let result = retry(Some(u64::MAX));
        let next = decide(&waiting, Some(&result), waiting.next_at, 12).next;
        assert_eq!(next.next_at, DateTime::<Utc>::MAX_UTC);
    }

    fn any_result() -> impl Strategy<Value = Option<Result<Receipt, SendError>>> {
        prop_oneof![
            Just(None),
            Just(Some(Ok(Receipt("ok".to_owned())))),
            Just(Some(Err(SendError::Permanent("no".to_owned())))),
            proptest::option::of(0..10_000_000_u64).prop_map(|after_s| Some(retry(after_s))),
        ]
    }

    proptest! {
        #[test]
        fn what_was_sent_stays_sent(result in any_result(), attempts in 0..40_u32, now in 0..4_000_000_000_i64) {
            let sent = delivery(DeliveryState::Sent, attempts);
            let now = DateTime::from_timestamp(now, 0).unwrap();
            let decision = decide(&sent, result.as_ref(), now, 12);
            prop_assert_eq!(decision.next, sent);
            prop_assert_eq!(decision.action, Action::Leave);
        }

        #[test]
        fn no_wait_is_shorter_than_told_or_than_a_minute(after_s in proptest::option::of(0..10_000_000_u64), attempts in 0..40_u32) {
            let waiting = delivery(DeliveryState::Waiting, attempts);
            let now = at("2026-03-30T06:00:00Z");
            let next = decide(&waiting, Some(&retry(after_s)), now, 12).next;
            prop_assert_eq!(next.attempts, attempts + 1);
            if attempts + 1 >= 12 {
                prop_assert_eq!(next.state, DeliveryState::Failed);
            } else {
                let wait = (next.next_at - now).num_seconds();
                prop_assert!(wait >= 60);
                prop_assert!(wait >= i64::try_from(after_s.unwrap_or(0)).unwrap());
            }
        }

        #[test]
        fn a_delivery_comes_to_an_end(results in proptest::collection::vec(any_result(), 0..60)) {
            let mut current = delivery(DeliveryState::Waiting, 0);
            let mut sends = 0;
            for result in results.iter().chain(std::iter::repeat_n(&Some(retry(None)), 12)) {
                let due = decide(&current, None, current.next_at, 12);
                if due.action == Action::Send && result.is_some() {
                    sends += 1;
                    current = decide(&current, result.as_ref(), current.next_at, 12).next;
                }
            }
            prop_assert_ne!(current.state, DeliveryState::Waiting);
            prop_assert!(sends <= 12);
        }
    }
}
