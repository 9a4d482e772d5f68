//! Requests are paced before the server has to say no, and part of each limit is left to people and other programs. One
//! set of buckets for each account, shared by all that ask on its behalf; one bucket for each class of requests.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// A longer wait is not slept through: the pull ends and comes back.
const WAIT_IN_PLACE: Duration = Duration::from_secs(60);

/// Part of a bucket that history does not touch, so that the daily pull never waits for it.
const KEPT_FOR_DAILY: f64 = 0.5;

/// What a vendor allows for a class of requests. A class may have several: so many a second, and so many a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The class; empty for everything that has none of its own.
    pub class: &'static str,
    /// So many requests …
    pub count: u32,
    /// … in so many seconds.
    pub seconds: u32,
}

/// What a server says is left: the newest of its headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Requests left.
    pub remaining: u64,
    /// Of so many; 0 when it does not say.
    pub limit: u64,
    /// Seconds until it is full again, where it says so.
    pub reset_s: Option<u64>,
}

/// One rate of a class.
#[derive(Debug)]
struct Flow {
    /// Requests that may be made at once.
    most: f64,
    /// Requests a second.
    rate: f64,
    tokens: f64,
}

#[derive(Debug)]
struct Bucket {
    flows: Vec<Flow>,
    filled_at: Instant,
    blocked_until: Option<Instant>,
    left: Option<Left>,
}

impl Flow {
    fn new(rate: Rate, share: f64) -> Self {
        let count = f64::from(rate.count) * share;
        let most = count.max(1.0);
        Self {
            most,
            rate: count / f64::from(rate.seconds),
            tokens: most,
        }
    }

    fn fill(&mut self, seconds: f64) {
        self.tokens = (self.tokens + seconds * self.rate).min(self.most);
    }

    /// How long to wait for a token; history leaves some of them to the daily pull.
    fn wait(&self, is_history: bool) -> Duration {
        let kept = if is_history {
            self.most * KEPT_FOR_DAILY
        } else {
            0.0
        };
        // A bucket of one must let history through, too.
        let needed = (kept + 1.0).min(self.most);
        if self.tokens >= needed {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(((needed - self.tokens) / self.rate).clamp(0.001, 86_400.0))
    }
}

/// The buckets of one account.
#[derive(Debug)]
pub struct Budgets {
    rates: Vec<Rate>,
    share: f64,
    buckets: Mutex<BTreeMap<&'static str, Bucket>>,
}

/// Every account of this process, by address and user.
static ACCOUNTS: LazyLock<Mutex<BTreeMap<String, Arc<Budgets>>>> = LazyLock::new(Mutex::default);

impl Budgets {
    /// Buckets of their own: `share` is the part of each limit that we use.
    pub fn new(rates: &[Rate], share: f64) -> Self {
        Self {
            rates: rates.to_vec(),
            share,
            buckets: Mutex::default(),
        }
    }

    /// The buckets of an account; whoever asks for the same account gets the same.
    pub fn shared(account: &str, rates: &[Rate], share: f64) -> Arc<Self> {
        let mut accounts = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(Self::new(rates, share));
        accounts
            .entry(account.to_owned())
            .or_insert_with(make)
            .clone()
    }

    /// Waits until a request of this class may be made. An `Err` is the seconds that would be too long to wait here.
    pub async fn take(&self, class: &'static str, is_history: bool) -> Result<(), u64> {
        loop {
            let wait = self.wait(class, is_history, Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            if wait > WAIT_IN_PLACE {
                return Err(wait.as_secs().saturating_add(1));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a token and answers zero, or answers how long to wait for one.
    fn wait(&self, class: &'static str, is_history: bool, now: Instant) -> Duration {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(class)
            .or_insert_with(|| self.bucket(class, now));
        if let Some(until) = bucket.blocked_until.filter(|until| *until > now) {
            return until - now;
        }
        let passed = (now - bucket.filled_at).as_secs_f64();
        bucket.filled_at = now;
        let mut longest = Duration::ZERO;
        for flow in &mut bucket.flows {
            flow.fill(passed);
            longest = longest.max(flow.wait(is_history));
        }
        if longest.is_zero() {
            for flow in &mut bucket.flows {
                flow.tokens -= 1.0;
            }
        }
        longest
    }

    /// A class without a rate of its own is not paced.
    fn bucket(&self, class: &'static str, now: Instant) -> Bucket {
        let rates = self.rates.iter().filter(|rate| rate.class == class);
        Bucket {
            flows: rates.map(|rate| Flow::new(*rate, self.share)).collect(),
            filled_at: now,
            blocked_until: None,
            left: None,
        }
    }

    /// Learns from an answer: what is left, and how much the request cost.
    pub fn learn(&self, class: &'static str, headers: &HeaderMap, at: DateTime<Utc>) {
        let Some(left) = left(headers, at) else {
            return;
        };
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(class)
            .or_insert_with(|| self.bucket(class, now));
        bucket.left = Some(left);
        if let Some(cost) = number(
            headers,
            &["ratelimitusedcurrentrequest", "ratelimitrequestweight"],
        ) {
            for flow in &mut bucket.flows {
                flow.tokens -= (cost as f64 - 1.0).max(0.0);
            }
        }
        // What others use up counts as well: the wall is not run into.
        let kept = (left.limit as f64 * (1.0 - self.share)) as u64;
        if left.limit > 0 && left.remaining <= kept.min(left.limit - 1) {
            let wait = Duration::from_secs(left.reset_s.unwrap_or(1).min(3_600));
            let until = now + wait;
            bucket.blocked_until =
                Some(bucket.blocked_until.map_or(until, |known| known.max(until)));
        }
    }

    /// The server said no, and how long.
    pub fn block(&self, class: &'static str, seconds: u64) {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(class)
            .or_insert_with(|| self.bucket(class, now));
        bucket.blocked_until = now.checked_add(Duration::from_secs(seconds));
    }

    /// What the server said was left, by class.
    pub fn left(&self) -> Vec<(String, u64, u64)> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets
            .iter()
            .filter_map(|(class, bucket)| Some((class, bucket.left?)));
        known
            .map(|(class, left)| ((*class).to_owned(), left.remaining, left.limit))
            .collect()
    }
}

/// Seconds to wait after a refusal: from whichever header the vendor uses; never shortened.
pub fn told(headers: &HeaderMap, now: DateTime<Utc>) -> Option<u64> {
    let own = find(headers, |name| name.ends_with("retryafter"))
        .and_then(|text| seconds(text, headers, now));
    own.or_else(|| {
        let remaining = find(headers, |name| {
            is_limit(name) && name.ends_with("remaining")
        });
        let reset = find(headers, |name| is_limit(name) && name.ends_with("reset"))?;
        let is_empty = remaining.and_then(leading) == Some(0);
        is_empty.then(|| seconds(reset, headers, now)).flatten()
    })
}

/// Aircall calls its limits those of its API.
fn is_limit(name: &str) -> bool {
    name.contains("limit") || name.contains("aircallapi")
}

/// What a server says is left. The names differ between vendors, and within one over time; their families do not.
fn left(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Left> {
    // Sforce-Limit-Info: api-usage=895/15000
    if let Some(usage) = find(headers, |name| name == "sforcelimitinfo") {
        let (used, limit) = usage.split_once("api-usage=")?.1.split_once('/')?;
        let (used, limit): (u64, u64) = (used.trim().parse().ok()?, leading(limit)?);
        return Some(Left {
            remaining: limit.saturating_sub(used),
            limit,
            reset_s: Some(3_600),
        });
    }
    let pick = |ends: &'static [&'static str]| {
        let matching =
            move |name: &str| is_limit(name) && ends.iter().any(|end| name.ends_with(end));
        find(headers, matching)
    };
    let remaining = leading(pick(&["remaining", "remainingminute"])?)?;
    let limit = pick(&[
        "limitlimit",
        "limittotal",
        "limitmax",
        "limitlimitminute",
        "apilimit",
        "ratelimit",
    ]);
    let reset = pick(&["reset"]).and_then(|text| seconds(text, headers, now));
    Some(Left {
        remaining,
        limit: limit.and_then(leading).unwrap_or(0),
        reset_s: reset,
    })
}

/// The value of the first header whose name, in lower case and without `x-` and hyphens, fits.
fn find(headers: &HeaderMap, fits: impl Fn(&str) -> bool) -> Option<&str> {
    headers.iter().find_map(|(name, value)| {
        let name: String = name.as_str().chars().filter(|c| *c != '-').collect();
        let name = name.strip_prefix('x').unwrap_or(&name).to_owned();
        fits(&name).then(|| value.to_str().ok()).flatten()
    })
}

fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    find(headers, |name| names.contains(&name)).and_then(leading)
}

fn leading(text: &str) -> Option<u64> {
    let digits: String = text
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// A number of seconds, an instant as seconds or milliseconds since 1970, or a date; as seconds from now.
fn seconds(text: &str, headers: &HeaderMap, now: DateTime<Utc>) -> Option<u64> {
    let text = text.trim();
    // The server's own clock counts, where it tells the time.
    let from = server_time(headers).unwrap_or(now);
    let until = |at: DateTime<Utc>| u64::try_from((at - from).num_seconds()).unwrap_or(0);
    if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        return Some(match number.ceil() as i64 {
            millis @ 100_000_000_000.. => until(DateTime::from_timestamp_millis(millis)?),
            instant @ 1_000_000_000.. => until(DateTime::from_timestamp(instant, 0)?),
            seconds => seconds.unsigned_abs(),
        });
    }
    let date = DateTime::parse_from_rfc2822(text).map(|at| at.to_utc());
    let date = date.or_else(|_| crate::connectors::date::parse(text, chrono_tz::Tz::UTC, None));
    date.ok().map(until)
}

/// The server's clock.
pub fn server_time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date)
        .ok()
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn waits_are_read_from_every_vendors_header() {
        let now_s = now().timestamp();
        for (pairs, expected) in [
            (vec![("Retry-After", "93".to_owned())], Some(93)),
            (vec![("retry-after", "0.2".to_owned())], Some(1)),
            (
                vec![("Retry-After", "Mon, 02 Mar 2026 09:02:00 GMT".to_owned())],
                Some(120),
            ),
            (
                vec![("Retry-After", "Mon, 02 Mar 2026 08:00:00 GMT".to_owned())],
                Some(0),
            ),
            (vec![("X-RateLimit-Retry-After", "17".to_owned())], Some(17)),
            (
                vec![
                    ("X-RateLimit-Reset", (now_s + 40).to_string()),
                    ("x-ratelimit-remaining", "0".to_owned()),
                ],
                Some(40),
            ),
            (
                vec![
                    ("X-RateLimit-Reset", "2026-03-02T09:01:00Z".to_owned()),
                    ("X-RateLimit-Remaining", "0".to_owned()),
                ],
                Some(60),
            ),
            (
                vec![
                    ("X-RateLimit-Reset", (now_s + 40).to_string()),
                    ("x-ratelimit-remaining", "5".to_owned()),
                ],
                None,
            ),
            (vec![("Retry-After", "soon".to_owned())], None),
            (vec![], None),
        ] {
            let pairs: Vec<(&'static str, &str)> = pairs
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            assert_eq!(told(&headers(&pairs), now()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_left_is_read_from_every_vendors_header() {
        for (pairs, remaining, limit) in [
            (
                [("x-rate-limit-remaining", "699"), ("x-rate-limit", "700")],
                699,
                700,
            ),
            (
                [("ratelimit-remaining", "9"), ("ratelimit-limit", "10")],
                9,
                10,
            ),
            (
                [("X-RateLimit-Remaining", "3"), ("X-RateLimit-Total", "200")],
                3,
                200,
            ),
            (
                [
                    ("X-AircallApi-Remaining", "59"),
                    ("X-AircallApi-Limit", "60"),
                ],
                59,
                60,
            ),
            (
                [
                    ("X-RateLimit-Remaining-Minute", "1"),
                    ("X-RateLimit-Limit-Minute", "400"),
                ],
                1,
                400,
            ),
            (
                [
                    ("x-hubspot-ratelimit-remaining", "108"),
                    ("x-hubspot-ratelimit-max", "110"),
                ],
                108,
                110,
            ),
            (
                [
                    ("Sforce-Limit-Info", "api-usage=895/15000"),
                    ("x-other", "1"),
                ],
                14_105,
                15_000,
            ),
        ] {
            let found = left(&headers(&pairs), now());
            let found = found.map(|left| (left.remaining, left.limit));
            assert_eq!(found, Some((remaining, limit)), "{pairs:?}");
        }
        assert_eq!(left(&headers(&[("content-type", "x")]), now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_paced_and_a_share_is_left() {
        let budgets = Budgets::new(
            &[Rate {
                class: "exports",
                count: 10,
                seconds: 60,
            }],
            0.5,
        );
        let began = Instant::now();
        for _ in 0..5 {
            budgets.take("exports", false).await.unwrap();
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        budgets.take("exports", false).await.unwrap();
        let waited = began.elapsed().as_secs_f64();
        assert!((11.9..12.2).contains(&waited), "{waited}");
        // A class without a limit is not paced.
        for _ in 0..1_000 {
            budgets.take("", true).await.unwrap();
        }
        assert!(began.elapsed().as_secs_f64() < 12.5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_keeps_to_each_of_its_rates() {
        let rate = |count, seconds| Rate {
            class: "",
            count,
            seconds,
        };
        let budgets = Budgets::new(&[rate(3, 1), rate(30, 86_400)], 1.0);
        let began = Instant::now();
        for _ in 0..30 {
            budgets.take("", false).await.unwrap();
        }
        let waited = began.elapsed().as_secs_f64();
        assert!((8.9..9.3).contains(&waited), "{waited}");
        // The day's are used up: the next one comes with the day's own pace.
        let wait = budgets.take("", false).await.unwrap_err();
        assert!((2_800..=2_880).contains(&wait), "{wait}");
    }

    #[tokio::test(start_paused = true)]
    async fn history_leaves_half_of_the_bucket_to_the_daily_pull() {
        let budgets = Budgets::new(
            &[Rate {
                class: "",
                count: 20,
                seconds: 60,
            }],
            0.5,
        );
        let began = Instant::now();
        for _ in 0..5 {
            budgets.take("", true).await.unwrap();
        }
        assert_eq!(budgets.wait("", true, Instant::now()).as_secs(), 6);
        for _ in 0..5 {
            budgets.take("", false).await.unwrap();
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        let one = Budgets::new(
            &[Rate {
                class: "",
                count: 1,
                seconds: 1,
            }],
            0.5,
        );
        one.take("", true).await.unwrap();
        one.take("", true).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_told_wait_holds_for_all_and_a_low_remainder_stops_before_the_wall() {
        let budgets = Budgets::new(&[], 0.6);
        budgets.block("", 300);
        assert_eq!(budgets.take("", false).await, Err(301));
        tokio::time::advance(Duration::from_secs(300)).await;
        budgets.take("", false).await.unwrap();
        let pairs = [
            ("x-ratelimit-limit", "100"),
            ("x-ratelimit-remaining", "40"),
            ("x-ratelimit-reset", "30"),
        ];
        budgets.learn("", &headers(&pairs), now());
        assert_eq!(budgets.wait("", false, Instant::now()).as_secs(), 30);
        assert_eq!(budgets.left(), [(String::new(), 40, 100)]);
    }

    #[test]
    fn one_account_has_one_set_of_buckets() {
        let (one, same) = (
            Budgets::shared("a.test/x", &[], 0.5),
            Budgets::shared("a.test/x", &[], 0.5),
        );
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &Budgets::shared("a.test/y", &[], 0.5)));
    }
}
