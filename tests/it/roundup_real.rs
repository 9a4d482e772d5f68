//! A server that really limits: Roundup answers 429 with Retry-After. The engine waits as told, and loses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use groundswell::connectors::engine::{
    Api, Credentials, Engine, Follow, Paging, Read, Request, Seen, Settings, Span, Stream, System,
    Touched, Usual,
};
use groundswell::connectors::http::Failure;
use groundswell::connectors::vault::Vault;
use groundswell::connectors::{Connector as _, PullError};
use groundswell::model::{
    Author, Conversation, ConversationKey, Message, Record, SourceId, Text, Visibility,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::servers::variable;
use crate::shelf::{SOURCE, Shelf};

/// As much of Roundup as the limits need.
#[derive(Debug)]
struct Roundup {
    settings: Settings,
}

fn time(text: &Value) -> Option<DateTime<Utc>> {
    let read = NaiveDateTime::parse_from_str(text.as_str()?, "%Y-%m-%d.%H:%M:%S");
    read.ok().map(|time| time.and_utc())
}

impl Roundup {
    async fn issue(&self, api: Api<'_>, id: &str) -> Result<Read, Failure> {
        let issue = api
            .get(Request::get(format!("rest/data/issue/{id}")))
            .await?;
        let issue = &issue["data"]["attributes"];
        let key = ConversationKey::new(SOURCE, id);
        let mut conversation = Conversation::new(key, api.now);
        conversation.subject = Text::from(issue["title"].as_str().unwrap());
        for message in issue["messages"].as_array().unwrap() {
            let path = format!("rest/data/msg/{}", message["id"].as_str().unwrap());
            let message = api.get(Request::get(path)).await?;
            let message = &message["data"]["attributes"];
            conversation.messages.push(Message {
                at: time(&message["date"]),
                author: Author::Customer,
                visibility: Visibility::Public,
                text: Text::from(message["summary"].as_str().unwrap()),
            });
        }
        Ok(Read::Record(Record::Conversation(Box::new(conversation))))
    }
}

impl System for Roundup {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let paging = Paging::UntilEmpty {
            name: "@page_index",
            first: 1,
        };
        vec![Stream::new(
            "issues",
            Follow::Since,
            paging,
            "/data/collection",
        )]
    }

    fn list(&self, _: &Stream, span: &Span) -> Request {
        let from = span.from.format("from %Y-%m-%d.%H:%M:%S");
        Request::get("rest/data/issue")
            .with("@page_size", self.settings.page_records)
            .with("@sort", "activity,id")
            .with("@fields", "activity")
            .with("activity", from)
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = row["id"].as_str().ok_or("the issue has no id")?;
        Ok(Some(Touched::new(id, time(&row["activity"]))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        _: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.issue(api, id))
    }

    fn check<'a>(&'a self, _: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("x-requested-with", "rest".to_owned())]
    }
}

struct Server {
    url: String,
    user: String,
    password: String,
    issues: usize,
}

impl Server {
    fn find() -> Option<Self> {
        Some(Self {
            url: variable("ROUNDUP_URL")?,
            user: variable("ROUNDUP_USER")?,
            password: variable("ROUNDUP_PASSWORD")?,
            issues: variable("ROUNDUP_ISSUES")?.parse().unwrap(),
        })
    }

    fn connector(&self) -> Engine {
        let credentials = Credentials::Basic {
            user: self.user.clone().into(),
            password: self.password.clone().into(),
        };
        let url = self.url.parse().unwrap();
        let usual = Usual::like("https://roundup.example.com");
        let mut settings = Settings::new(SourceId::from(SOURCE), url, credentials, &usual);
        // All of it, so that the wall is run into.
        settings.share_percent = 100;
        settings.page_records = 3;
        let system = Arc::new(Roundup { settings });
        Engine::new(system, &Vault::new(std::env::temp_dir(), None)).unwrap()
    }

    /// Other programs ask with the same account all the time, so that the limit is used up however slow the machine is.
    fn others(&self) -> Others {
        let ask = |_| {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = http
                .get(format!("{}/rest/data/issue?@page_size=1", self.url))
                .basic_auth(&self.user, Some(&self.password))
                .header("X-Requested-With", "rest");
            tokio::spawn(async move {
                loop {
                    // What they get is their business.
                    let _ = request.try_clone().unwrap().send().await;
                }
            })
        };
        Others((0..5).map(ask).collect())
    }
}

struct Others(Vec<JoinHandle<()>>);

impl Drop for Others {
    fn drop(&mut self) {
        for asking in &self.0 {
            asking.abort();
        }
    }
}

/// Refused: the error says how long, and the next request is not sent before.
async fn waits_as_told(connector: &Engine, now: DateTime<Utc>) {
    let mut refused_at: Option<(Instant, u64)> = None;
    for _ in 0..40 {
        let pulled = connector.pull(None, now).await;
        if let Some((at, seconds)) = refused_at {
            let waited = at.elapsed();
            assert!(
                waited >= Duration::from_secs(seconds),
                "told {seconds} s, waited {waited:?}"
            );
            if seconds > 0 {
                return;
            }
        }
        refused_at = match pulled {
            // Between two of the others a whole page came through.
            Ok(_) => None,
            Err(PullError::RateLimited {
                retry_after_s: Some(seconds),
            }) => Some((Instant::now(), seconds)),
            Err(error) => panic!("{error}"),
        };
    }
    panic!("the limit was never met");
}

#[tokio::test]
async fn a_wait_is_as_long_as_told_and_nothing_is_lost() {
    let Some(server) = Server::find() else { return };
    let connector = server.connector();
    let now = groundswell::clock::now();
    let others = server.others();
    waits_as_told(&connector, now).await;

    // While others use up the limit and after it, all issues arrive, each once.
    let mut others = Some(others);
    let (shelf, mut now, mut limited) = (Shelf::new().await, now, 0);
    for _ in 0..40 {
        if limited >= 4 {
            others.take();
        }
        let outcome = shelf.pull(&connector, now, 100).await;
        limited += outcome.parked;
        match outcome.failure {
            Some(failure) => {
                assert!(
                    matches!(failure.error, PullError::RateLimited { .. }),
                    "{:?}",
                    failure.error
                );
                limited += 1;
                now = failure.retry_at;
            }
            None => now += TimeDelta::minutes(10),
        }
        if outcome.is_complete && shelf.all().await.len() == server.issues {
            break;
        }
    }
    assert!(limited > 0, "the limit was never met");
    let held: BTreeMap<String, Vec<String>> = shelf
        .all()
        .await
        .into_iter()
        .map(|(id, one)| {
            (
                id,
                one.messages.into_iter().map(|(_, _, text)| text).collect(),
            )
        })
        .collect();
    let expected = (1..=server.issues).map(|number| {
        (
            number.to_string(),
            vec![format!("words of message {number}")],
        )
    });
    assert_eq!(held, expected.collect());
}
