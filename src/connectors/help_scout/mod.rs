//! Help Scout: conversations by the time of their last change, with their threads.
//!
//! Facts (developer.helpscout.com, Mailbox API 2): without `status=all` only active conversations come; the list is absent
//! when it is empty; a page's size is theirs; threads of the type `lineitem` say how the status changed; drafts and hidden
//! threads are not said yet; nothing tells of deletions, and an id that was merged away leads to the one that stays. What
//! customers thought stands in a report of its own (plans Plus and Pro), by the day of the rating, for each reply: 1 great,
//! 2 okay, 3 not good; no conversation says its rating.

mod record;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;

use crate::connectors::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, state,
};
use crate::connectors::hook::{Scheme, Signature};
use crate::connectors::http::Failure;
use crate::connectors::json;
use crate::model::Record;
use crate::section::Section;
use record::{changed_at, conversation, embedded, fields, rating_of};

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

const RATINGS: Paging = Paging::Numbered {
    name: "page",
    first: 1,
    pages: "/pages",
};

/// A rating may be changed for so long.
const RATED_AGAIN: TimeDelta = TimeDelta::days(14);

/// No report covers more.
const REPORT_MAX: TimeDelta = TimeDelta::days(30);

/// One Help Scout account.
#[derive(Debug)]
pub struct HelpScout {
    settings: Settings,
    has_ratings: bool,
    /// Whether each customer is asked for, for the organisation.
    pub has_organizations: bool,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let id = section.required_text("app_id", "give the App ID of an OAuth application");
    let hint = "name the variable that holds the App Secret, such as app_secret_env = \"HELP_SCOUT_SECRET\"";
    let secret = section.secret("app_secret", hint);
    settings.credentials = credentials(&settings.url, id, secret);
    let has_ratings = section.flag("ratings", true);
    let mut scout = HelpScout::new(settings, has_ratings);
    scout.has_organizations = section.flag("organizations", false);
    Arc::new(scout)
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
    /// An account with these settings; `has_ratings` says whether the report of ratings is read.
    pub fn new(settings: Settings, has_ratings: bool) -> Self {
        Self {
            settings,
            has_ratings,
            has_organizations: false,
        }
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
                let threads = api.all(list, PAGES, THREADS).await;
                fetched = threads.map_err(Failure::inside)?;
                &fetched
            }
        };
        let rating = seen.row.filter(|_| seen.stream == "ratings");
        let organization = self.organization(api, value).await?;
        let read = conversation(value, threads, &self.settings).map(|mut conversation| {
            let given = rating.and_then(rating_of);
            conversation.csat = conversation.csat.or(given);
            conversation.account = conversation.account.or(organization);
            conversation
        });
        Ok(Read::from(read))
    }

    /// Where the customer of a conversation works: the conversation does not say.
    async fn organization(&self, api: Api<'_>, value: &Value) -> Result<Option<String>, Failure> {
        let customer = value.get("primaryCustomer");
        let id = customer.and_then(|customer| json::text(customer, "id"));
        let Some(id) = id.filter(|_| self.has_organizations) else {
            return Ok(None);
        };
        let customer = api
            .optional(Request::get(format!("v2/customers/{id}")))
            .await?;
        Ok(customer.and_then(|customer| json::text(&customer, "organization")))
    }
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
        streams.extend(self.settings.swept().map(|sweep| list("all", sweep)));
        if self.has_ratings {
            let follow = Follow::Trailing {
                again: RATED_AGAIN,
                longest: REPORT_MAX,
            };
            streams.push(Stream {
                is_optional: true,
                ..Stream::new("ratings", follow, RATINGS, "/results")
            });
        }
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        if stream.name == "ratings" {
            return ratings(span.from, span.until + TimeDelta::seconds(1));
        }
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
        if stream.name == "ratings" {
            let at = json::time(row, "ratingCreatedAt").ok_or("ratingCreatedAt is missing")?;
            return Ok(Some(Touched {
                look: Some(state(row, &["ratingId", "ratingCreatedAt"])),
                ..Touched::new(id, Some(at))
            }));
        }
        Ok(Some(Touched::new(id, changed_at(row))))
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
            let mut remarks = self.settings.remarks(&rows);
            if self.has_ratings {
                match api
                    .get(ratings(api.now - TimeDelta::days(1), api.now))
                    .await
                {
                    Ok(_) => {}
                    Err(Failure::NotFound | Failure::Forbidden(_) | Failure::Refused(_)) => {
                        let remark = "the report of ratings cannot be read, which needs the plan Plus or Pro: without \
                                      it set ratings = false";
                        remarks.push(remark.to_owned());
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Ok(remarks)
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

    fn has_ratings_apart(&self) -> bool {
        self.has_ratings
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[Signature::of_body(
                "x-helpscout-signature",
                "",
                Scheme::Sha1Base64,
            )]
        }
    }
}

/// The report of ratings between two times; the newest of several about one conversation is the last one.
fn ratings(start: DateTime<Utc>, end: DateTime<Utc>) -> Request {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Request::get("v2/reports/happiness/ratings")
        .with("start", time(start))
        .with("end", time(end))
        .with("rating", "all")
        .with("sortField", "modifiedAt")
        .with("sortOrder", "ASC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::model::{Author, Exclusion, SourceId, Visibility};
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
            "../../../tests/fixtures/help_scout/conversations.json"
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
        let messages = crate::connectors::testing::said(&read.messages);
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
        let scout = HelpScout::new(settings(), false);
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
