//! What the pull engine costs: records a second from a server on this machine, through the engine, cleaning, redaction and
//! into the store, and whether memory stays flat. The server makes its pages while it is asked and shares the same cores.
//! `cargo bench --bench engine [-- COUNT]`

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use groundswell::connectors::engine::{
    Api, Credentials, Engine, Follow, Paging, Place, Read, Request, Seen, Settings, Span, Stream,
    System, Touched, Usual,
};
use groundswell::connectors::http::Failure;
use groundswell::connectors::vault::Vault;
use groundswell::ingest::{IngestConfig, pull_source};
use groundswell::model::{
    Author, Conversation, ConversationKey, Message, ModelId, Record, SourceId, Text, Visibility,
};
use groundswell::store::{Location, Store};
use serde_json::Value;
use support::{memory_mib, run};

const PAGE: u64 = 1_000;
const START: i64 = 1_770_000_000;

/// Rows that are whole conversations, in the order of their ids.
#[derive(Debug)]
struct Ledger {
    settings: Settings,
}

impl System for Ledger {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let paging = Paging::Token {
            at: "/next",
            to: Place::Query("after"),
            over: "/over",
        };
        vec![Stream::new("rows", Follow::Token, paging, "/rows")]
    }

    fn list(&self, _: &Stream, span: &Span) -> Request {
        Request::get("rows").with("after", span.after.as_deref().unwrap_or("0"))
    }

    fn touched(&self, _: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = row["id"].as_u64().ok_or("no id")?;
        Ok(Some(Touched::new(
            id.to_string(),
            DateTime::from_timestamp(START, 0),
        )))
    }

    fn read<'a>(
        &'a self,
        _: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(async move {
            let row = seen.row.ok_or(Failure::NotFound)?;
            let key = ConversationKey {
                source: self.settings.source.clone(),
                id: id.to_owned(),
            };
            let at = DateTime::from_timestamp(START + row["at"].as_i64().unwrap_or(0), 0)
                .unwrap_or_default();
            let mut conversation = Conversation::new(key, at);
            let text = |name: &str| Text::new(row[name].as_str().unwrap_or_default());
            conversation.subject = text("subject");
            let (author, visibility) = (Author::Customer, Visibility::Public);
            conversation.messages = vec![Message {
                at: None,
                author,
                visibility,
                text: text("text"),
            }];
            Ok(Read::Record(Record::Conversation(Box::new(conversation))))
        })
    }

    fn check<'a>(&'a self, _: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

async fn rows(Query(query): Query<BTreeMap<String, String>>, count: u64) -> String {
    use std::fmt::Write as _;
    let after: u64 = query["after"].parse().unwrap_or(0);
    let end = (after + PAGE).min(count);
    let mut body = String::with_capacity(400 * PAGE as usize);
    for id in after..end {
        let comma = if id > after { "," } else { "" };
        // Writing into memory does not fail.
        let _ = write!(
            body,
            "{comma}{{\"id\":{id},\"at\":{},\"subject\":\"Heating {} does not start\",\"text\":\"Hello, since the update of \
             last week the heating shows error E{} after {} minutes and stays cold. We have tried to reset it twice. \
             Regards\"}}",
            id * 13 % 2_000_000,
            id % 977,
            id % 97,
            id % 60
        );
    }
    format!(
        "{{\"next\":{end},\"over\":{},\"rows\":[{body}]}}",
        end == count
    )
}

fn main() {
    run(1_000_000, |count| pull(count as u64));
}

async fn pull(count: u64) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?).parse()?;
    let router = Router::new().route("/rows", get(move |query| rows(query, count)));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir()?;
    let store = Store::open(&Location::Folder(folder.path().to_owned())).await?;
    let source = SourceId::from("ledger");
    let credentials = Credentials::bearer("none".to_owned().into());
    let settings = Settings::new(source.clone(), url, credentials, &Usual::at("http://x"));
    let vault = Vault::new(folder.path().to_owned(), None);
    let engine = Engine::new(Arc::new(Ledger { settings }), &vault)?;
    let now: DateTime<Utc> = DateTime::from_timestamp(START + 3_000_000, 0).unwrap_or_default();

    let (began, step) = (Instant::now(), (count / PAGE / 10).max(1));
    let mut pulled = 0;
    loop {
        let since = Instant::now();
        let pages = u32::try_from(step)?;
        let outcome = pull_source(
            &store,
            &engine,
            &source,
            &IngestConfig::default(),
            now,
            pages,
        )
        .await?;
        anyhow::ensure!(outcome.failure.is_none(), "{:?}", outcome.failure);
        pulled += outcome.saved.new;
        println!(
            "{pulled:>9} records, {:>6.0} a second, {} MiB",
            outcome.saved.new as f64 / since.elapsed().as_secs_f64(),
            memory_mib("VmRSS:"),
        );
        if outcome.is_complete {
            break;
        }
    }
    anyhow::ensure!(pulled == count, "{pulled} of {count}");
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} records a second; peak memory {} MiB",
        count as f64 / seconds,
        memory_mib("VmHWM:")
    );
    // What saving leaves for later: the list of texts is made when it is asked for.
    let since = Instant::now();
    let texts = store.count_without_vector(&ModelId("none".into())).await?;
    let seconds = since.elapsed().as_secs_f64();
    println!("{texts} different texts listed and counted in {seconds:.1} s");
    Ok(())
}
