//! Asking one account: credentials, pacing, what the answers say of limits and clocks. What a system's code holds while it
//! reads a record.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::auth::{Asking, Credentials, Session};
use super::budget::{self, Budgets};
use super::paging::Paging;
use super::settings::Settings;
use super::{Rate, Request};
use crate::connectors::http::{Answer, Client, Failure};
use crate::connectors::vault::Vault;
use crate::connectors::{Condition, PullError, json};

/// A list inside a record ends here: no conversation has that many pages.
const PAGES_MAX: usize = 500;

/// One account of a helpdesk.
pub struct Account {
    client: Client,
    session: Session,
    budgets: Arc<Budgets>,
    headers: Vec<(&'static str, String)>,
    right: &'static str,
    skew_s: Mutex<Option<i64>>,
}

impl Account {
    /// Asks the configured address and nobody else.
    pub fn new(
        settings: &Settings,
        rates: &[Rate],
        headers: Vec<(&'static str, String)>,
        right: &'static str,
        vault: &Vault,
    ) -> anyhow::Result<Self> {
        let client = Client::new(settings.url.clone(), settings.limits)?;
        let credentials: Credentials = settings.credentials.clone();
        let name = format!("{} {}", settings.url.as_str(), credentials.account());
        let share = f64::from(settings.share_percent) / 100.0;
        Ok(Self {
            client,
            session: Session::new(
                settings.source.clone(),
                credentials,
                vault.clone(),
                settings.limits,
            )?,
            budgets: Budgets::shared(&name, &scaled(rates, settings.rate_per_minute), share),
            headers,
            right,
            skew_s: Mutex::new(None),
        })
    }

    /// Asks at a time; `is_history` leaves the daily pull its part of the limits.
    pub fn at(&self, now: DateTime<Utc>, is_history: bool) -> Api<'_> {
        Api {
            account: self,
            now,
            is_history,
        }
    }

    /// What was seen while asking.
    pub fn condition(&self) -> Condition {
        let clock_skew_s = *self.skew_s.lock().unwrap_or_else(PoisonError::into_inner);
        Condition {
            clock_skew_s,
            budgets: self.budgets.left(),
        }
    }

    /// What the loop should know of a failure that a system has no use for.
    pub fn pull_error(&self, failure: Failure) -> PullError {
        self.client.pull_error(failure)
    }

    /// The client, for the address.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// An account at a time.
#[derive(Clone, Copy)]
pub struct Api<'a> {
    account: &'a Account,
    /// The time of the pull.
    pub now: DateTime<Utc>,
    is_history: bool,
}

impl Api<'_> {
    /// The time of the pull by the server's clock, where that is behind ours: what it stamps later may be older than `now`.
    pub(super) fn now_of_theirs(&self) -> DateTime<Utc> {
        let skew_s = self.account.condition().clock_skew_s.unwrap_or(0).min(0);
        self.now + TimeDelta::seconds(skew_s)
    }

    /// One answer with its headers.
    pub async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let account = self.account;
        let class = request.class;
        account
            .budgets
            .take(class, self.is_history)
            .await
            .map_err(|seconds| {
                Failure::Pull(PullError::RateLimited {
                    retry_after_s: Some(seconds),
                })
            })?;
        let mut asking = account.session.header(None, self.now).await?;
        let mut answer = self.once(request, &asking).await;
        while !asking.is_new && is_refused(&answer) {
            asking = account
                .session
                .header(Some(&asking.value), self.now)
                .await?;
            answer = self.once(request, &asking).await;
        }
        match &answer {
            Ok(answer) => self.learn(class, answer),
            Err(Failure::Pull(PullError::RateLimited { retry_after_s })) => {
                account.budgets.block(class, retry_after_s.unwrap_or(0));
            }
            Err(_) => {}
        }
        answer
    }

    async fn once(&self, request: &Request, asking: &Asking) -> Result<Answer, Failure> {
        let client = &self.account.client;
        let url = client.place(&request.path, &request.query);
        let mut builder = match &request.body {
            Some(body) => client.http().post(url).json(body),
            None => client.http().get(url),
        };
        let wanted = match request.is_text {
            true => "text/plain, application/json",
            false => "application/json",
        };
        builder = builder
            .header("accept", wanted)
            .header(&asking.name, &asking.value);
        for (name, value) in &self.account.headers {
            builder = builder.header(*name, value);
        }
        match request.is_text {
            true => {
                let right = self.account.right;
                client.exchange_text(builder, right, self.now).await
            }
            false => client.exchange(builder, self.account.right, self.now).await,
        }
    }

    fn learn(&self, class: &'static str, answer: &Answer) {
        self.account.budgets.learn(class, &answer.headers, self.now);
        if let Some(theirs) = budget::server_time(&answer.headers) {
            // The machine's own clock, not the time of the pull, which may be a minute old.
            let skew = (theirs - crate::clock::now()).num_seconds();
            *self
                .account
                .skew_s
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(skew);
        }
    }

    /// One answer.
    pub async fn get(&self, request: Request) -> Result<Value, Failure> {
        Ok(self.send(&request).await?.body)
    }

    /// One answer about a record that does not say about which, unless it has rows. One without rows may be the answer
    /// about another record, come a second time, and would take this one's words away: it is believed when it was seen
    /// twice.
    pub async fn sure(&self, request: &Request, items: &str) -> Result<Answer, Failure> {
        let answer = self.send(request).await?;
        match rows_of(&answer.body, items)? {
            [] => self.send(request).await,
            _ => Ok(answer),
        }
    }

    /// All rows of a list inside a record.
    pub async fn all(
        &self,
        request: Request,
        paging: Paging,
        items: &str,
    ) -> Result<Vec<Value>, Failure> {
        let mut rows: Vec<Value> = Vec::new();
        let mut seen = BTreeSet::new();
        for page in self.pages(request, paging, items).await? {
            let new = rows_of(&page, items)?
                .iter()
                .filter(|row| seen.insert(identity(row)));
            rows.extend(new.cloned());
        }
        Ok(rows)
    }

    /// All pages of a list inside a record, for what lies beside its rows.
    pub async fn pages(
        &self,
        request: Request,
        paging: Paging,
        items: &str,
    ) -> Result<Vec<Value>, Failure> {
        let (mut pages, mut position) = (Vec::new(), None);
        let mut seen = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            let answer = self
                .send(&paging.apply(request.clone(), position.as_ref()))
                .await?;
            let rows = rows_of(&answer.body, items)?;
            let new = rows.iter().filter(|row| seen.insert(identity(row))).count();
            if new == 0 && !rows.is_empty() {
                let reason = "a page of a list inside a record repeats".to_owned();
                return Err(PullError::Transient(reason).into());
            }
            let key = rows.last().and_then(|row| json::text(row, "id"));
            let address = self.account.client.base();
            let next = paging.next(
                &answer,
                position.as_ref(),
                rows.len(),
                key.as_deref(),
                address,
            )?;
            pages.push(answer.body);
            if next.is_none() {
                break;
            }
            if next == position {
                let reason = "a list inside a record leads back to itself".to_owned();
                return Err(PullError::Malformed(reason).into());
            }
            position = next;
        }
        Ok(pages)
    }

    /// What may not be there, or not be allowed: nothing then.
    pub async fn optional(&self, request: Request) -> Result<Option<Value>, Failure> {
        match self.get(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::NotFound | Failure::Forbidden(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What the account may lack the right for: nothing then. It is always there, so that "not found" is a slip.
    pub async fn allowed(&self, request: Request) -> Result<Option<Value>, Failure> {
        match self.get(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Forbidden(_)) => Ok(None),
            Err(failure) => Err(failure.inside()),
        }
    }

    /// An address below the configured one, for a link that an agent opens.
    pub fn link(&self, path: &str) -> String {
        self.account.client.url(path, &[]).into()
    }
}

fn is_refused(answer: &Result<Answer, Failure>) -> bool {
    matches!(answer, Err(Failure::Pull(PullError::Unauthorized(_))))
}

/// What tells rows of one list apart.
fn identity(row: &Value) -> String {
    json::text(row, "id").unwrap_or_else(|| row.to_string())
}

/// The vendor's limits for the plan at hand: all grow with the one that counts everything. Where the vendor has none, what
/// a person allows is the limit.
fn scaled(rates: &[Rate], per_minute: Option<u32>) -> Vec<Rate> {
    let Some(per_minute) = per_minute else {
        return rates.to_vec();
    };
    let Some(general) = rates.iter().find(|rate| rate.class.is_empty()) else {
        let own = Rate {
            class: "",
            count: per_minute,
            seconds: 60,
        };
        return rates.iter().copied().chain([own]).collect();
    };
    let factor =
        f64::from(per_minute) * f64::from(general.seconds) / (60.0 * f64::from(general.count));
    let scale = |rate: &Rate| Rate {
        count: (f64::from(rate.count) * factor).max(1.0) as u32,
        ..*rate
    };
    rates.iter().map(scale).collect()
}

/// The rows of an answer. A missing list, null and an answer without a body are empty; anything else is no list.
pub fn rows_of<'a>(answer: &'a Value, items: &str) -> Result<&'a [Value], PullError> {
    let list = if items.is_empty() {
        Some(answer)
    } else {
        answer.pointer(items)
    };
    match list {
        Some(Value::Array(rows)) => Ok(rows),
        None | Some(Value::Null) if answer.is_object() || answer.is_null() => Ok(&[]),
        _ => Err(PullError::Malformed(format!(
            "the answer has no list at {items}"
        ))),
    }
}
