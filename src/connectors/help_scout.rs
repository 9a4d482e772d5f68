//! Help Scout: conversations by the time of their last change, with their threads.
//!
//! Facts (developer.helpscout.com, Mailbox API 2): without `status=all` only active conversations come; the list is absent
//! when it is empty; a page's size is theirs; threads of the type `lineitem` say how the status changed; drafts and hidden
//! threads are not said yet; nothing tells of deletions, and an id that was merged away leads to the one that stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, word, words,
};
use super::hook::{Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::model::{
    Author, Conversation, Exclusion, Kind as What, Message, Record, Text, Visibility,
};
use crate::section::Section;

/// Help Scout in the table of systems.
pub const KIND: Kind = Kind {
    name: "help_scout",
    title: "Help Scout",
    settings: &[
        Setting::needed(
            "app_id",
            "the App ID of an OAuth application (Your profile, My apps)",
        ),
        Setting::secret("app_secret", "its App Secret"),
    ],
    read,
    usual: Usual {
        sweep_days: 7,
        ..Usual::at("https://api.helpscout.net")
    },
};

const CONVERSATIONS: &str = "/_embedded/conversations";
const THREADS: &str = "/_embedded/threads";

const PAGES: Paging = Paging::Numbered {
    name: "page",
    first: 1,
    pages: "/page/totalPages",
};

/// One Help Scout account.
#[derive(Debug)]
pub struct HelpScout {
    settings: Settings,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let id = section.required_text("app_id", "give the App ID of an OAuth application");
    let hint = "name the variable that holds the App Secret, such as app_secret_env = \"HELP_SCOUT_SECRET\"";
    let secret = section.secret("app_secret", hint);
    settings.credentials = credentials(&settings.url, id, secret);
    Arc::new(HelpScout::new(settings))
}

/// How an application logs in at an address.
pub fn credentials(url: &url::Url, id: String, secret: SecretString) -> Credentials {
    let url = url.join("/v2/oauth2/token").unwrap_or_else(|_| url.clone());
    let scope = String::new();
    Credentials::Client {
        url,
        id,
        secret,
        scope,
    }
}

impl HelpScout {
    /// An account with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn conversation<'a>(
        &'a self,
        api: Api<'a>,
        id: &str,
        seen: Seen<'a>,
    ) -> Result<Read, Failure> {
        let fetched;
        let value = match seen.row.filter(|row| row.pointer(THREADS).is_some()) {
            Some(row) => row,
            None => {
                let one = Request::get(format!("v2/conversations/{id}")).with("embed", "threads");
                fetched = api.get(one).await?;
                &fetched
            }
        };
        let (key, at) = (self.settings.key(id), changed_at(value).unwrap_or(api.now));
        let found = json::text(value, "id").unwrap_or_default();
        if found != id {
            return Ok(Read::Record(Record::Merged {
                key,
                into: found,
                at,
            }));
        }
        match json::text(value, "state").as_deref() {
            Some("deleted") => return Ok(Read::Record(Record::Deleted { key, at })),
            Some("draft") => return Ok(Read::Nothing),
            _ => {}
        }
        let fetched;
        let threads = match embedded(value) {
            Some(threads) => threads,
            None => {
                let list = Request::get(format!("v2/conversations/{id}/threads"));
                fetched = api.all(list, PAGES, THREADS).await?;
                &fetched
            }
        };
        Ok(Read::from(conversation(value, threads, &self.settings)))
    }
}

/// The threads that came with a conversation, unless some seem to be missing. The count is without line items.
fn embedded(value: &Value) -> Option<&[Value]> {
    let threads = value.pointer(THREADS)?.as_array()?;
    let said = threads
        .iter()
        .filter(|one| kind_of(one) != "lineitem")
        .count();
    let counted = json::number(value, "threads").unwrap_or(0);
    (said as u64 >= counted).then_some(threads)
}

impl System for HelpScout {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let list = |name, follow| Stream {
            is_missing_empty: true,
            ..Stream::new(name, follow, PAGES, CONVERSATIONS)
        };
        let mut streams = vec![list("conversations", Follow::Since)];
        if !self.settings.sweep.is_zero() {
            let follow = Follow::Sweep {
                every: self.settings.sweep,
                prefix: "",
            };
            streams.push(list("all", follow));
        }
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let list = Request::get("v2/conversations")
            .with("status", "all")
            .with("sortOrder", "asc");
        if stream.name == "conversations" {
            let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
            list.with("sortField", "modifiedAt")
                .with("modifiedSince", since)
                .with("embed", "threads")
        } else {
            list.with("sortField", "createdAt")
        }
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the conversation has no id")?;
        let at = changed_at(row).filter(|_| stream.name == "conversations");
        Ok(Some(Touched::new(id, at)))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.conversation(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let list = Request::get("v2/conversations").with("status", "all");
            let rows = api.all(list, Paging::Whole, CONVERSATIONS).await?;
            let rows: Vec<Value> = rows.iter().map(fields).collect();
            Ok(self.settings.remarks(&rows))
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // The smallest plan's: what the server says in its answers is learnt.
        &[Rate {
            class: "",
            count: 200,
            seconds: 60,
        }]
    }

    fn right(&self) -> &'static str {
        "the owner of the application must see the mailboxes; applications of a user see what the user sees"
    }

    fn signature(&self) -> Option<Signature> {
        Some(Signature {
            header: "x-helpscout-signature",
            prefix: "",
            scheme: Scheme::Sha1Base64,
            time: None,
        })
    }
}

fn kind_of(thread: &Value) -> &str {
    thread
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn changed_at(value: &Value) -> Option<DateTime<Utc>> {
    ["modifiedAt", "userUpdatedAt", "updatedAt"]
        .iter()
        .find_map(|name| json::time(value, name))
}

/// The fields of a conversation in the form in which a person names them: a choice by its label, not its number.
fn fields(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let kept: Map<String, Value> = fields
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, field)| (name.clone(), field.clone()))
        .collect();
    let mut kept = Value::Object(kept);
    let custom = kept.get_mut("customFields").and_then(Value::as_array_mut);
    for field in custom.into_iter().flatten() {
        if json::text(field, "text").is_some() {
            field["value"] = field["text"].clone();
        }
    }
    kept
}

/// A conversation with its threads, or why it makes no sense.
fn conversation(
    value: &Value,
    threads: &[Value],
    settings: &Settings,
) -> Result<Conversation, String> {
    let text = |name| json::text(value, name);
    let id = text("id").ok_or("the conversation has no id")?;
    let created_at =
        json::time(value, "createdAt").ok_or("createdAt is missing or not a date-time")?;
    let mut conversation = Conversation::new(settings.key(&id), created_at);
    conversation.updated_at =
        changed_at(value).ok_or("the time of the last change is missing or not a date-time")?;
    conversation.subject = Text::new(text("subject").unwrap_or_default());
    conversation.status = text("status");
    conversation.channel = text("type");
    if conversation.channel.as_deref() == Some("phone") {
        conversation.kind = What::CallNote;
    }
    let fields = fields(value);
    settings.choose(&mut conversation, &fields);
    conversation.tags = words(value, "tags");
    let customer = value.get("primaryCustomer").unwrap_or(&Value::Null);
    conversation.requester = json::text(customer, "id").or_else(|| json::text(customer, "email"));
    let is_closed = conversation.status.as_deref() == Some("closed");
    conversation.closed_at = json::time(value, "closedAt").filter(|_| is_closed);
    let mut threads: Vec<&Value> = threads.iter().collect();
    threads.sort_by_key(|thread| (json::time(thread, "createdAt"), json::number(thread, "id")));
    conversation.reopens = reopens(&threads);
    conversation.messages = threads
        .iter()
        .filter_map(|thread| message(thread))
        .collect();
    conversation.attributes = attributes(&fields);
    let link = value.pointer("/_links/web/href").and_then(json::plain);
    let number = text("number")
        .map(|number| format!("https://secure.helpscout.net/conversation/{id}/{number}/"));
    conversation.url = link.or(number);
    if conversation.status.as_deref() == Some("spam") {
        conversation.exclusion = Some(Exclusion::Spam);
    }
    Ok(conversation)
}

fn message(thread: &Value) -> Option<Message> {
    let state = json::text(thread, "state");
    if state.is_some_and(|state| ["draft", "hidden", "underreview"].contains(&state.as_str())) {
        return None;
    }
    let writer = thread
        .get("createdBy")
        .and_then(|writer| json::text(writer, "type"));
    let by = match writer.as_deref() {
        Some("customer") => Author::Customer,
        Some("user" | "team") => Author::Agent,
        _ => Author::System,
    };
    let (author, visibility) = match kind_of(thread) {
        "customer" => (Author::Customer, Visibility::Public),
        "message" | "reply" => (Author::Agent, Visibility::Public),
        "note" | "forwardparent" => (Author::Agent, Visibility::Internal),
        "forwardchild" => (by, Visibility::Internal),
        "phone" | "chat" | "beaconchat" => (by, Visibility::Public),
        _ => return None,
    };
    Some(Message {
        at: json::time(thread, "createdAt"),
        author,
        visibility,
        text: Text::new(json::text(thread, "body")?),
    })
}

/// Every thread says which status it left the conversation in.
fn reopens(threads: &[&Value]) -> u32 {
    let statuses = threads
        .iter()
        .filter_map(|thread| json::text(thread, "status"));
    let statuses: Vec<String> = statuses.filter(|status| status != "nochange").collect();
    let back =
        |pair: &&[String]| pair[0] == "closed" && ["active", "pending"].contains(&pair[1].as_str());
    let count = statuses.windows(2).filter(back).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn attributes(fields: &Value) -> BTreeMap<String, String> {
    let custom = json::list(fields, "customFields").iter();
    let custom =
        custom.filter_map(|field| Some((json::text(field, "name")?, word(field.get("value")?)?)));
    let own = [
        ("number", "number"),
        ("mailboxId", "mailbox"),
        ("folderId", "folder"),
    ];
    let own = own
        .iter()
        .filter_map(|(name, ours)| Some(((*ours).to_owned(), json::text(fields, name)?)));
    custom.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::model::SourceId;
    use serde_json::json;

    fn settings() -> Settings {
        let url: url::Url = "https://api.helpscout.test".parse().unwrap();
        let credentials = credentials(&url, "id".to_owned(), "s".to_owned().into());
        let mut settings = Settings::new(SourceId::from("desk"), url, credentials, &KIND.usual);
        settings.category = Some(FieldPath::new("customFields.Reason"));
        settings
    }

    fn fixture() -> Value {
        serde_json::from_str(include_str!(
            "../../tests/fixtures/help_scout/conversations.json"
        ))
        .unwrap()
    }

    #[test]
    fn a_conversation_is_read_with_its_threads() {
        let page = fixture();
        let value = &page.pointer(CONVERSATIONS).unwrap()[0];
        let read = conversation(value, embedded(value).unwrap(), &settings()).unwrap();
        assert_eq!(read.key.id, "2391938111");
        assert_eq!(read.category.as_deref(), Some("Delivery"));
        assert_eq!(read.tags, ["late", "north"]);
        assert_eq!((read.status.as_deref(), read.reopens), (Some("closed"), 1));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T15:00:00Z".parse().unwrap())
        );
        assert_eq!(
            read.url.as_deref(),
            Some("https://secure.helpscout.net/conversation/2391938111/349/")
        );
        let messages: Vec<_> = read
            .messages
            .iter()
            .map(|one| (one.author, one.visibility, one.text.as_str()))
            .collect();
        assert_eq!(
            messages,
            [
                (Author::Customer, Visibility::Public, "Where is my parcel?"),
                (Author::Agent, Visibility::Internal, "Carrier lost it."),
                (
                    Author::Agent,
                    Visibility::Public,
                    "A new one is on its way."
                ),
                (
                    Author::Customer,
                    Visibility::Public,
                    "It did not come either."
                ),
            ]
        );
    }

    #[test]
    fn threads_that_are_missing_are_asked_for() {
        let page = fixture();
        let mut value = page.pointer(CONVERSATIONS).unwrap()[0].clone();
        value["threads"] = json!(50);
        assert!(embedded(&value).is_none());
    }

    #[test]
    fn the_list_asks_for_every_status() {
        let scout = HelpScout::new(settings());
        let at = "2026-03-02T09:00:00Z".parse().unwrap();
        let span = Span {
            from: at,
            until: at,
            after: None,
        };
        for stream in scout.streams() {
            let request = scout.list(&stream, &span);
            assert!(
                request
                    .query
                    .contains(&("status".to_owned(), "all".to_owned())),
                "{request:?}"
            );
        }
        let since = (
            "modifiedSince".to_owned(),
            "2026-03-02T09:00:00Z".to_owned(),
        );
        assert!(
            scout
                .list(&scout.streams()[0], &span)
                .query
                .contains(&since)
        );
    }

    #[test]
    fn spam_does_not_count_and_what_has_no_time_makes_no_sense() {
        let value = json!({"id": 1, "status": "spam", "createdAt": "2026-03-02T09:00:00Z", "userUpdatedAt": "2026-03-02T09:00:00Z"});
        assert_eq!(
            conversation(&value, &[], &settings()).unwrap().exclusion,
            Some(Exclusion::Spam)
        );
        assert!(
            conversation(
                &json!({"id": 1, "createdAt": "2026-03-02T09:00:00Z"}),
                &[],
                &settings()
            )
            .is_err()
        );
    }
}
