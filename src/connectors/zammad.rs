//! Zammad: tickets by the time of their last change, out of its search, each with its articles.
//!
//! Facts (docs.zammad.org, zammad's source): no total is told, so pages are read until one is empty; the search lags behind
//! by seconds and ends at 10,000 rows; `expand` gives names beside ids; nothing tells of deletions; a merged ticket has a
//! state of the type `merged`, whatever that is called, a link to the one that stays, and a line in its history.
//! It asks nobody how satisfied they are: `csat_field` may name an object attribute that somebody else's survey fills in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Read, Request, Seen, Setting, Settings, Span, Stream,
    System, Touched, Usual, word, words,
};
use super::hook::{Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::model::{
    Author, Conversation, Exclusion, Kind as What, Message, Record, Text, Visibility,
};
use crate::section::Section;

/// Zammad in the table of systems.
pub const KIND: Kind = Kind {
    name: "zammad",
    title: "Zammad",
    settings: &[Setting::secret(
        "token",
        "an access token (Profile, Token Access) with the permission ticket.agent",
    )],
    read,
    usual: Usual {
        category: "group",
        page_records_max: 200,
        sweep_days: 7,
        ..Usual::like("https://zammad.example.com")
    },
};

/// The rows after which the search refuses.
const ROWS_MAX: u32 = 10_000;

const PAGES: Paging = Paging::UntilEmpty {
    name: "page",
    first: 1,
};

/// State types that mean that a ticket is over.
const OVER: [&str; 3] = ["closed", MERGED, "removed"];

/// The type of the state of tickets that were merged into others.
const MERGED: &str = "merged";

/// Fields of a ticket that are no attributes of it.
const OWN_FIELDS: [&str; 7] = [
    "id",
    "title",
    "note",
    "preferences",
    "customer",
    "owner",
    "state",
];

/// One Zammad.
#[derive(Debug)]
pub struct Zammad {
    settings: Settings,
    states: OnceCell<States>,
}

/// Names of states by what they mean.
#[derive(Debug)]
struct States {
    over: BTreeSet<String>,
    merged: BTreeSet<String>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint =
        "name the variable that holds the access token, such as token_env = \"ZAMMAD_TOKEN\"";
    settings.credentials = credentials(section.secret("token", hint));
    Arc::new(Zammad::new(settings))
}

/// How a token is sent.
pub fn credentials(secret: secrecy::SecretString) -> Credentials {
    Credentials::Header {
        name: "authorization",
        prefix: "Token token=",
        secret,
    }
}

impl Zammad {
    /// A Zammad with these settings.
    pub fn new(settings: Settings) -> Self {
        let states = OnceCell::new();
        Self { settings, states }
    }

    async fn ticket<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        // Without names beside the ids a row is of no use.
        let ticket = match seen.row.filter(|row| row.get("state").is_some()) {
            Some(row) => row,
            None => {
                let one = Request::get(format!("api/v1/tickets/{id}")).with("expand", true);
                fetched = api.get(one).await?;
                &fetched
            }
        };
        let states = self.states(api).await?;
        let history = self.history(api, id).await?;
        let is_merged =
            json::text(ticket, "state").is_some_and(|name| states.merged.contains(&name));
        if is_merged && let Some(into) = merged_into(api, id, &history).await? {
            let at = json::time(ticket, "updated_at").unwrap_or(api.now);
            let key = self.settings.key(id);
            return Ok(Read::Record(Record::Merged { key, into, at }));
        }
        let articles =
            Request::get(format!("api/v1/ticket_articles/by_ticket/{id}")).with("expand", true);
        let tags = Request::get("api/v1/tags")
            .with("object", "Ticket")
            .with("o_id", id);
        let parts = Parts {
            articles: api
                .all(articles, Paging::Whole, "")
                .await
                .map_err(Failure::inside)?,
            tags: api.get(tags).await.map_err(Failure::inside)?,
            history,
        };
        let mut read = conversation(ticket, &parts, &states.over, &self.settings);
        if let (true, Ok(conversation)) = (is_merged, &mut read) {
            conversation.exclusion = Some(Exclusion::Merged);
        }
        let link = format!("{}#ticket/zoom/{id}", api.link(""));
        Ok(Read::linked(read, link))
    }

    /// Not every user may see it.
    async fn history(&self, api: Api<'_>, id: &str) -> Result<Value, Failure> {
        let history = Request::get(format!("api/v1/ticket_history/{id}"));
        Ok(api.allowed(history).await?.unwrap_or_default())
    }

    async fn states(&self, api: Api<'_>) -> Result<&States, Failure> {
        let states = self.states.get_or_try_init(|| async {
            let states = Request::get("api/v1/ticket_states").with("expand", true);
            let states = api.allowed(states).await?.unwrap_or_default();
            let states = states.as_array().map_or(&[][..], Vec::as_slice);
            let of = |kinds: &[&str]| {
                let is_one = |state: &&Value| {
                    json::text(state, "state_type")
                        .is_some_and(|kind| kinds.contains(&kind.as_str()))
                };
                let names = states.iter().filter(is_one);
                let names = names.filter_map(|state| json::text(state, "name"));
                names
                    .chain(kinds.iter().map(|kind| (*kind).to_owned()))
                    .collect()
            };
            let (over, merged) = (of(&OVER), of(&[MERGED]));
            Ok::<_, Failure>(States { over, merged })
        });
        states.await
    }
}

/// The ticket that stays, by the link that merging made, or what the history says.
async fn merged_into(api: Api<'_>, id: &str, history: &Value) -> Result<Option<String>, Failure> {
    let links = Request::get("api/v1/links")
        .with("link_object", "Ticket")
        .with("link_object_value", id);
    let links = api.allowed(links).await?.unwrap_or_default();
    let links = json::list(&links, "links");
    let is_parent = |link: &&Value| json::text(link, "link_type").as_deref() == Some("parent");
    let link = links.iter().find(is_parent);
    let linked = link.and_then(|link| json::text(link, "link_object_value"));
    Ok(linked.or_else(|| told_into(history)))
}

fn told_into(history: &Value) -> Option<String> {
    let mut entries = json::list(history, "history").iter().rev();
    let merge = entries.find(|one| json::text(one, "type").as_deref() == Some("merged_into"))?;
    json::text(merge, "id_to")
}

impl System for Zammad {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let tickets = Stream {
            pages_max: Some(ROWS_MAX / self.settings.page_records.max(1)),
            ..Stream::new("tickets", Follow::Since, PAGES, "")
        };
        let mut streams = vec![tickets];
        let all = |sweep| Stream::new("all", sweep, PAGES, "");
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        if stream.name != "tickets" {
            return Request::get("api/v1/tickets").with("per_page", 100);
        }
        let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        Request::get("api/v1/tickets/search")
            .with("query", format!("updated_at:[{since} TO *]"))
            .with("sort_by", "updated_at")
            .with("order_by", "asc")
            .with("expand", true)
            .with("per_page", self.settings.page_records)
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the ticket has no id")?;
        if stream.name != "tickets" {
            return Ok(Some(Touched::new(id, json::time(row, "updated_at"))));
        }
        let at = json::time(row, "updated_at").ok_or("updated_at is missing or not a date-time")?;
        Ok(Some(Touched::new(id, Some(at))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.ticket(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let list = Request::get("api/v1/tickets")
                .with("per_page", 20)
                .with("expand", true);
            let rows = api.all(list, Paging::Whole, "").await?;
            let mut remarks = self.settings.remarks(&rows);
            let all = Span {
                from: DateTime::<Utc>::UNIX_EPOCH,
                until: api.now,
                after: None,
            };
            let search = self.list(&self.streams()[0], &all);
            if !rows.is_empty() && api.all(search, Paging::Whole, "").await?.is_empty() {
                let remark = "the search finds nothing though there are tickets: Elasticsearch must run, with its index built";
                remarks.push(remark.to_owned());
            }
            Ok(remarks)
        })
    }

    fn right(&self) -> &'static str {
        "the token needs the permission ticket.agent, and its user read access to the groups"
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[Signature::of_body(
                "x-hub-signature",
                "sha1=",
                Scheme::Sha1Hex,
            )]
        }
    }
}

/// What is read of a ticket beside itself.
#[derive(Default)]
struct Parts {
    articles: Vec<Value>,
    tags: Value,
    history: Value,
}

/// A ticket with its articles, or why it makes no sense.
fn conversation(
    ticket: &Value,
    parts: &Parts,
    over: &BTreeSet<String>,
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(ticket, name);
    let time = |name: &str| json::time(ticket, name);
    let id = text("id").ok_or("the ticket has no id")?;
    let created_at = time("created_at").ok_or("created_at is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(id), created_at);
    conversation.updated_at =
        time("updated_at").ok_or("updated_at is missing or not a date-time")?;
    conversation.subject = Text::new(text("title").unwrap_or_default());
    conversation.status = text("state");
    conversation.priority = text("priority");
    conversation.channel = text("create_article_type");
    conversation.tags = words(&parts.tags, "tags");
    let mut chosen = ticket.clone();
    chosen["tags"] = Value::from(conversation.tags.clone());
    settings.choose(&mut conversation, &chosen);
    conversation.account = conversation
        .account
        .or(text("organization"))
        .or(text("organization_id"));
    conversation.requester = text("customer").or(text("customer_id"));
    let is_over = conversation
        .status
        .as_ref()
        .is_some_and(|state| over.contains(state));
    conversation.closed_at = time("last_close_at")
        .or(time("close_at"))
        .filter(|_| is_over);
    conversation.reopens = reopens(&parts.history, over);
    let mut articles: Vec<&Value> = parts.articles.iter().collect();
    articles.sort_by_key(|article| {
        (
            json::time(article, "created_at"),
            json::number(article, "id"),
        )
    });
    if conversation.channel.is_none() {
        conversation.channel = articles
            .first()
            .and_then(|article| json::text(article, "type"));
    }
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = What::CallNote;
    }
    conversation.messages = articles.into_iter().filter_map(message).collect();
    conversation.attributes = attributes(ticket);
    Ok(conversation)
}

fn message(article: &Value) -> Option<Message> {
    let author = match json::text(article, "sender").as_deref() {
        Some("Customer") => Author::Customer,
        Some("Agent") => Author::Agent,
        _ => Author::System,
    };
    let is_internal = article.get("internal").and_then(Value::as_bool) == Some(true);
    Some(Message {
        at: json::time(article, "created_at"),
        author,
        visibility: if is_internal {
            Visibility::Internal
        } else {
            Visibility::Public
        },
        text: Text::new(json::text(article, "body")?),
    })
}

fn reopens(history: &Value, over: &BTreeSet<String>) -> u32 {
    let is =
        |entry: &Value, name: &str, word: &str| json::text(entry, name).as_deref() == Some(word);
    let is_over =
        |entry: &Value, name: &str| json::text(entry, name).map(|state| over.contains(&state));
    let entries = json::list(history, "history").iter();
    let back = entries
        .filter(|entry| is(entry, "object", "Ticket") && is(entry, "attribute", "state"))
        .filter(|entry| {
            (is_over(entry, "value_from"), is_over(entry, "value_to")) == (Some(true), Some(false))
        });
    u32::try_from(back.count()).unwrap_or(u32::MAX)
}

/// Words of the ticket's own fields, without ids, times and counts.
fn attributes(ticket: &Value) -> BTreeMap<String, String> {
    let fields = ticket.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, value)| {
        let is_dull = ["_id", "_ids", "_at", "_by", "_count"]
            .iter()
            .any(|end| name.ends_with(end));
        !is_dull && !value.is_array() && !OWN_FIELDS.contains(&name.as_str())
    });
    kept.filter_map(|(name, value)| Some((name.clone(), word(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::testing;
    use crate::model::SourceId;
    use serde_json::json;

    fn zammad() -> Zammad {
        let url = "https://zammad.test".parse().unwrap();
        let credentials = credentials("t".to_owned().into());
        Zammad::new(Settings::new(
            SourceId::from("desk"),
            url,
            credentials,
            &KIND.usual,
        ))
    }

    fn over() -> BTreeSet<String> {
        BTreeSet::from(["closed".to_owned(), "solved for good".to_owned()])
    }

    #[test]
    fn a_ticket_is_read_with_its_articles() {
        let ticket = testing::fixture(include_str!("../../tests/fixtures/zammad/ticket.json"));
        let articles = testing::fixture(include_str!("../../tests/fixtures/zammad/articles.json"));
        let parts = Parts {
            articles: articles.as_array().unwrap().clone(),
            tags: json!({"tags": ["heating", "north"]}),
            history: testing::fixture(include_str!("../../tests/fixtures/zammad/history.json")),
        };
        let read = conversation(&ticket, &parts, &over(), &zammad().settings).unwrap();
        assert_eq!(read.key.id, "381");
        assert_eq!(
            (read.category.as_deref(), read.account.as_deref()),
            (Some("Service"), Some("Nordwind"))
        );
        assert_eq!(
            (read.status.as_deref(), read.reopens),
            (Some("solved for good"), 1)
        );
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T15:00:00Z".parse().unwrap())
        );
        assert_eq!(
            (read.kind, read.requester.as_deref()),
            (What::CallNote, Some("ida@example.org"))
        );
        assert_eq!(
            read.attributes.get("building").map(String::as_str),
            Some("B 12")
        );
        assert!(!read.attributes.contains_key("customer_id"));
        let messages = testing::said(&read.messages);
        assert_eq!(
            messages,
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "She says the heating is cold."
                ),
                (Author::Agent, Visibility::Internal, "Valve, third time."),
                (
                    Author::System,
                    Visibility::Public,
                    "Your ticket was received."
                ),
            ]
        );
    }

    #[test]
    fn the_search_asks_from_a_time_on_and_the_sweep_for_everything() {
        let zammad = zammad();
        let at = "2026-03-02T09:00:00Z".parse().unwrap();
        let span = Span {
            from: at,
            until: at,
            after: None,
        };
        let query = (
            "query".to_owned(),
            "updated_at:[2026-03-02T09:00:00Z TO *]".to_owned(),
        );
        assert_eq!(zammad.list(&zammad.streams()[0], &span).query[0], query);
        assert_eq!(
            zammad.list(&zammad.streams()[1], &span).path,
            "api/v1/tickets"
        );
        assert_eq!(zammad.streams()[0].pages_max, Some(100));
    }

    #[test]
    fn the_history_names_the_ticket_that_stays() {
        let history = json!({"history": [{"type": "updated", "attribute": "state", "id_to": 5},
            {"type": "merged_into", "object": "Ticket", "id_from": 381, "id_to": 377}]});
        assert_eq!(told_into(&history).as_deref(), Some("377"));
        assert_eq!(told_into(&json!({"history": []})), None);
    }

    #[test]
    fn a_ticket_without_its_times_makes_no_sense() {
        let read = conversation(
            &json!({"id": 1}),
            &Parts::default(),
            &over(),
            &zammad().settings,
        );
        assert!(read.unwrap_err().contains("created_at"));
    }
}
