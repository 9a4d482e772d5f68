//! Salesforce Service Cloud: cases with their comments, mails and call tasks, and calls that belong to no case.
//!
//! Facts (developer.salesforce.com): `SystemModstamp` moves with every change, `LastModifiedDate` does not; a comment or a
//! mail does not always touch its case, so each has a list of its own; `queryAll` shows what lies in the bin, for 15 days;
//! fields that the user may not see cannot be asked for; the calls of a day are counted, so a case is read with one query.
//! Ratings are asked for by Salesforce's own surveys, or stand where an organisation wants them: `csat_field` names the field.
//! What people post in a case's feed is an object of its own, too, which only some organisations use. `VoiceCall`, where
//! Salesforce has the telephone, holds times and numbers; the task of the same call (`ActivityId`) is read.

mod read;
mod record;
mod survey;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::SecondsFormat;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Read, Request, Seen, Setting, Settings, Span, Stream,
    System, Touched, Usual,
};
use super::http::Failure;
use super::{PullError, json};
use crate::section::Section;
use record::CALL;
use survey::RATINGS;

/// Salesforce in the table of systems.
pub const KIND: Kind = Kind {
    name: "salesforce",
    title: "Salesforce Service Cloud",
    settings: &[
        Setting::needed("client_id", "the consumer key of the connected app"),
        Setting {
            is_optional: true,
            ..Setting::secret(
                "client_secret",
                "its consumer secret, for the client credentials flow",
            )
        },
        Setting::optional(
            "username",
            "the user on whose behalf it asks, for the JWT flow",
        ),
        Setting {
            is_optional: true,
            ..Setting::secret(
                "private_key",
                "the private key (PEM) of its certificate, for the JWT flow",
            )
        },
        Setting::optional(
            "login_url",
            "where it logs in; https://login.salesforce.com when left out",
        ),
    ],
    read,
    usual: Usual {
        category: "Type",
        sweep_days: 7,
        ..Usual::like("https://example.my.salesforce.com")
    },
};

const QUERY: &str = "services/data/v62.0/query";
const QUERY_ALL: &str = "services/data/v62.0/queryAll";

/// Ids of cases begin like this.
const CASE: &str = "500";

const PAGES: Paging = Paging::NextUrl {
    at: "/nextRecordsUrl",
};

/// Each list with the object that it lists.
const LISTS: [(&str, &str, &str); 6] = [
    ("cases", "Case", "Id, SystemModstamp"),
    ("comments", "CaseComment", "Id, ParentId, SystemModstamp"),
    ("mails", "EmailMessage", "Id, ParentId, SystemModstamp"),
    ("calls", "Task", "Id, WhatId, IsDeleted, SystemModstamp"),
    (POSTS, "FeedItem", "Id, ParentId, SystemModstamp"),
    survey::RESPONSES,
];

/// The list of what people posted in feeds.
const POSTS: &str = "posts";

/// One Salesforce organisation.
#[derive(Debug)]
pub struct Salesforce {
    settings: Settings,
    /// Whether answers to surveys are read.
    has_ratings: bool,
    /// Whether posts in the feeds of cases are read.
    has_posts: bool,
    /// Whether cases have a field for what they were merged into; not every organisation has.
    has_merges: AtomicBool,
    /// Status words that mean that a case is closed.
    closed: OnceCell<BTreeSet<String>>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let id = section.required_text("client_id", "give the consumer key of the connected app");
    let login = if section.has("login_url") {
        section.url(
            "login_url",
            "give an address, such as https://test.salesforce.com",
        )
    } else {
        "https://login.salesforce.com"
            .parse()
            .expect("a constant address")
    };
    let below = |url: &url::Url| {
        url.join("/services/oauth2/token")
            .unwrap_or_else(|_| url.clone())
    };
    let subject = section.optional_text("username");
    let key = section.optional_secret("private_key");
    let secret = section.optional_secret("client_secret");
    settings.credentials = match (subject, key, secret) {
        (Some(subject), Some(key), None) => Credentials::Assertion {
            url: below(&login),
            issuer: id,
            subject,
            audience: login.as_str().trim_end_matches('/').to_owned(),
            key,
        },
        (None, None, Some(secret)) => Credentials::Client {
            url: below(&settings.url),
            id,
            secret,
            scope: String::new(),
        },
        _ => {
            let hint = "give username and private_key_file, or client_secret_env";
            section.problem(
                "client_id",
                "there must be one complete way to log in",
                hint,
            );
            settings.credentials
        }
    };
    let has_ratings = section.flag("ratings", false);
    let has_posts = section.flag("posts", false);
    Arc::new(Salesforce::new(settings).with(has_ratings, has_posts))
}

impl Salesforce {
    /// The same, with answers to surveys and posts in feeds, where they are wanted.
    pub fn with(self, has_ratings: bool, has_posts: bool) -> Self {
        Self {
            has_ratings,
            has_posts,
            ..self
        }
    }

    /// An organisation with these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            has_ratings: false,
            has_posts: false,
            has_merges: AtomicBool::new(true),
            closed: OnceCell::new(),
        }
    }
}

fn query(path: &str, soql: &str) -> Request {
    Request::get(path).with("q", soql)
}

/// All questions go to one address: an answer must be about what was asked for.
fn of_type(rows: &[Value], object: &str) -> Result<(), PullError> {
    let kind = |row: &Value| {
        row.get("attributes")
            .and_then(|all| json::text(all, "type"))
    };
    if rows.iter().all(|row| kind(row).as_deref() == Some(object)) {
        return Ok(());
    }
    let reason = format!("a question about {object} was answered with something else");
    Err(PullError::Transient(reason))
}

/// The rows of a question; nothing where it is about what the user may not see.
async fn asked(api: Api<'_>, soql: &str) -> Result<Option<Vec<Value>>, Failure> {
    match api.all(query(QUERY, soql), Paging::Whole, "/records").await {
        Err(Failure::Refused(_)) => Ok(None),
        rows => rows.map(Some),
    }
}

fn case_of(row: &Value, field: &str) -> Option<String> {
    json::text(row, field).filter(|id| id.starts_with(CASE))
}

impl System for Salesforce {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let list = |(name, _, _): (&str, _, _)| Stream::new(name, Follow::Since, PAGES, "/records");
        let is_wanted = |(name, _, _): &(&str, &str, &str)| match *name {
            POSTS => self.has_posts,
            RATINGS => self.has_ratings,
            _ => true,
        };
        let lists = LISTS.into_iter().filter(is_wanted);
        let mut streams: Vec<Stream> = lists.map(list).collect();
        let all = |sweep| Stream {
            scope: CASE.to_owned(),
            ..Stream::new("all", sweep, PAGES, "/records")
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let Some((_, object, fields)) = LISTS.iter().find(|(name, _, _)| *name == stream.name)
        else {
            return query(QUERY, "SELECT Id, SystemModstamp FROM Case ORDER BY Id");
        };
        let since = span.from.to_rfc3339_opts(SecondsFormat::Millis, true);
        let only = match *object {
            "Task" => "TaskSubtype = 'Call' AND ",
            "FeedItem" => "Type = 'TextPost' AND ",
            _ => "",
        };
        let soql = format!(
            "SELECT {fields} FROM {object} WHERE {only}SystemModstamp >= {since} ORDER BY SystemModstamp, Id"
        );
        query(QUERY_ALL, &soql)
    }

    fn complete<'a>(
        &'a self,
        api: Api<'a>,
        stream: &'a Stream,
        _: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let object = LISTS.iter().find(|(name, _, _)| *name == stream.name);
            let object = object.map_or("Case", |(_, object, _)| object);
            let rows = json::list(answer, "records");
            of_type(rows, object)?;
            if stream.name == RATINGS {
                let rows = self.expand(api, rows).await?;
                answer["records"] = Value::Array(rows);
            } else if object == "Task" {
                // A call may have counted alone before it got its case.
                let rows = rows.iter().flat_map(|row| {
                    let case = case_of(row, "WhatId");
                    let mut own = row.clone();
                    own["about"] = Value::from(format!(
                        "{CALL}{}",
                        json::text(row, "Id").unwrap_or_default()
                    ));
                    own["mergedInto"] = Value::from(case.clone());
                    let of_case = case.map(|case| {
                        let mut row = row.clone();
                        row["about"] = Value::from(case);
                        row
                    });
                    [Some(own), of_case].into_iter().flatten()
                });
                let rows: Vec<Value> = rows.collect();
                answer["records"] = Value::Array(rows);
            }
            Ok(())
        })
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let at = record::changed_at(row);
        let id = match stream.name.as_str() {
            "comments" | "mails" | POSTS => case_of(row, "ParentId"),
            "calls" | RATINGS => json::text(row, "about"),
            _ => Some(json::text(row, "Id").ok_or("the case has no id")?),
        };
        Ok(id.map(|id| Touched::new(id, at)))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.record(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let soql = format!(
                "SELECT {} FROM Case ORDER BY SystemModstamp DESC LIMIT 20",
                self.fields(false)
            );
            let rows = asked(api, &soql).await?;
            let mut remarks = rows.as_deref().map_or_else(
                || vec!["the user may not see every field of cases that is read, or a chosen field does not exist".to_owned()],
                |rows| self.settings.remarks(rows),
            );
            for (is_wanted, object, key) in [
                (self.has_ratings, "SurveyResponse", RATINGS),
                (self.has_posts, "FeedItem", POSTS),
            ] {
                let soql = format!("SELECT Id FROM {object} ORDER BY Id LIMIT 1");
                if is_wanted && asked(api, &soql).await?.is_none() {
                    remarks.push(format!("the user may not read {object}, or the organisation has none: allow it, or set {key} = false"));
                }
            }
            Ok(remarks)
        })
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("sforce-query-options", "batchSize=200".to_owned())]
    }

    fn right(&self) -> &'static str {
        "the user needs API access and must see cases, case comments, email messages and tasks"
    }
}

#[cfg(test)]
mod tests {
    use super::read::only;
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::model::SourceId;
    use serde_json::json;

    pub fn salesforce() -> Salesforce {
        let url = "https://nord.my.salesforce.com".parse().unwrap();
        let credentials = Credentials::bearer("t".to_owned().into());
        Salesforce::new(Settings::new(
            SourceId::from("desk"),
            url,
            credentials,
            &KIND.usual,
        ))
    }

    #[test]
    fn each_object_is_asked_for_by_the_stamp_that_every_change_moves() {
        let salesforce = salesforce();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let request = salesforce.list(&salesforce.streams()[3], &span);
        assert_eq!(request.path, "services/data/v62.0/queryAll");
        let expected = "SELECT Id, WhatId, IsDeleted, SystemModstamp FROM Task WHERE TaskSubtype = 'Call' AND \
                        SystemModstamp >= 2026-03-02T09:00:00.000Z ORDER BY SystemModstamp, Id";
        assert_eq!(request.query, [("q".to_owned(), expected.to_owned())]);
        let mut settings = salesforce.settings.clone();
        settings.product = Some(FieldPath::new("Product__c"));
        settings.account = Some(FieldPath::new("x FROM User"));
        let fields = Salesforce::new(settings).fields(true);
        assert!(
            fields.contains("Product__c") && fields.contains("MasterRecordId"),
            "{fields}"
        );
        assert!(!fields.contains("User"), "{fields}");
    }

    #[test]
    fn rows_name_their_case_and_others_are_none_of_ours() {
        let salesforce = salesforce();
        let streams = salesforce.streams();
        let id = |stream: usize, row: Value| {
            salesforce
                .touched(&streams[stream], &row)
                .unwrap()
                .map(|one| one.id)
        };
        assert_eq!(id(1, json!({"ParentId": "500A"})).as_deref(), Some("500A"));
        assert_eq!(id(2, json!({"ParentId": "006A"})), None);
        assert_eq!(
            id(3, json!({"about": "call:00T1"})).as_deref(),
            Some("call:00T1")
        );
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let answer = json!({"records": [{"attributes": {"type": "Case"}, "Id": "500A"}]});
        assert!(only(&answer, "Case", "500A").is_ok());
        assert!(matches!(
            only(&answer, "Case", "500B"),
            Err(Failure::Pull(PullError::Transient(_)))
        ));
        assert!(matches!(
            only(&answer, "Task", "500A"),
            Err(Failure::Pull(PullError::Transient(_)))
        ));
        assert_eq!(
            only(&json!({"records": []}), "Case", "500A"),
            Err(Failure::NotFound)
        );
    }
}
