//! Jira Service Management: issues by the time of their last change, each with its comments and its history.
//!
//! Facts (developer.atlassian.com): a date without an offset is read in the account's time zone, so milliseconds since 1970
//! are asked for; the search lags behind by seconds to minutes, so the overlap must cover it; it must be bounded, so projects
//! are named; an upper bound would hide an issue that changes again and again; nothing tells of deletions; an issue that
//! moves changes its key, not its id. A token with scopes, the only kind that a service account has, is taken at
//! `https://api.atlassian.com/ex/jira/<cloud id>` alone, where no person opens an issue.

mod record;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use url::Url;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual,
};
use super::hook::{Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::model::Record;
use crate::section::Section;
use record::{conversation, is_done};

/// Jira Service Management in the table of systems.
pub const KIND: Kind = Kind {
    name: "jira",
    title: "Jira Service Management",
    settings: &[
        Setting::list(
            "projects",
            "the keys of the service projects, as a list, such as [\"HELP\"]",
        ),
        Setting::needed(
            "email",
            "the mail address of the account that the API token belongs to",
        ),
        Setting::secret(
            "token",
            "the API token of that account (id.atlassian.com, Security); for one with scopes the address is \
             https://api.atlassian.com/ex/jira/<cloud id>, and the scopes are read:jira-work, read:jira-user and \
             read:servicedesk-request",
        ),
        Setting::optional(
            "site",
            "for a token with scopes: the site where people open issues, such as https://example.atlassian.net",
        ),
    ],
    read,
    usual: Usual {
        category: "issuetype",
        sweep_days: 7,
        ..Usual::like("https://example.atlassian.net")
    },
};

/// Everything but the lists that are read by themselves.
const FIELDS: [&str; 4] = ["*all", "-comment", "-worklog", "-attachment"];

/// Ids alone come in long pages.
const SWEEP_ROWS: u32 = 1_000;

/// The host that takes tokens with scopes, for all sites.
const GATEWAY: &str = "api.atlassian.com";

/// One Jira site.
#[derive(Debug)]
pub struct Jira {
    settings: Settings,
    projects: Vec<String>,
    /// Where people open issues, if not at the address that the API has.
    site: Option<Url>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the API token, such as token_env = \"JIRA_TOKEN\"";
    let email = section.required_text("email", "give the mail address that the token belongs to");
    settings.credentials = Credentials::basic(email, section.secret("token", hint));
    let projects = section.list("projects");
    let is_key = |key: &String| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if projects.is_empty() || !projects.iter().all(is_key) {
        let hint = "give the keys of the service projects, such as projects = [\"HELP\"]";
        section.problem(
            "projects",
            "is missing or has something that is no project key",
            hint,
        );
    }
    let hint = "say where people open issues, such as site = \"https://example.atlassian.net\"";
    let is_gateway = settings.url.host_str() == Some(GATEWAY);
    let site = (is_gateway || section.has("site")).then(|| section.url("site", hint));
    let jira = Jira::new(settings, projects);
    Arc::new(Jira { site, ..jira })
}

impl Jira {
    /// A site with these settings.
    pub fn new(settings: Settings, projects: Vec<String>) -> Self {
        let site = None;
        Self {
            settings,
            projects,
            site,
        }
    }

    /// Where an agent opens an issue.
    fn link(&self, key: &str) -> String {
        let mut url = self.site.as_ref().unwrap_or(&self.settings.url).clone();
        url.set_path(&format!(
            "{}/browse/{key}",
            url.path().trim_end_matches('/')
        ));
        url.into()
    }

    /// JQL that bounds a search to our projects.
    fn bound(&self) -> String {
        let keys: Vec<String> = self
            .projects
            .iter()
            .map(|key| format!("\"{key}\""))
            .collect();
        format!("project in ({})", keys.join(", "))
    }

    async fn issue<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let issue = match seen
            .row
            .filter(|row| row.pointer("/fields/created").is_some())
        {
            Some(row) => row,
            None => {
                let one =
                    Request::get(format!("rest/api/3/issue/{id}")).with("fields", FIELDS.join(","));
                fetched = api.get(one).await?;
                &fetched
            }
        };
        let project = issue
            .pointer("/fields/project")
            .and_then(|project| json::text(project, "key"));
        let is_ours = project.is_none_or(|key| {
            self.projects
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(&key))
        });
        if !is_ours {
            let at = issue
                .get("fields")
                .and_then(|fields| json::time(fields, "updated"));
            let (key, at) = (self.settings.key(id), at.unwrap_or(api.now));
            return Ok(Read::Record(Record::Deleted { key, at }));
        }
        let comments = comments(api, id).await.map_err(Failure::inside)?;
        let history =
            Request::get(format!("rest/api/3/issue/{id}/changelog")).with("maxResults", 100);
        let pages = Paging::TokenInUrl {
            at: "/nextPage",
            name: "startAt",
        };
        let history = api.all(history, pages, "/values").await;
        let history = history.map_err(Failure::inside)?;
        let feedback = if is_done(issue) {
            let feedback = Request::get(format!("rest/servicedeskapi/request/{id}/feedback"));
            api.optional(feedback).await?.unwrap_or_default()
        } else {
            Value::Null
        };
        let key = json::text(issue, "key").unwrap_or_else(|| id.to_owned());
        let read = conversation(issue, &comments, &history, &feedback, &self.settings);
        Ok(Read::linked(read, self.link(&key)))
    }
}

/// All comments; most issues have one page of them, which one request shows.
async fn comments(api: Api<'_>, id: &str) -> Result<Vec<Value>, Failure> {
    let list = Request::get(format!("rest/api/3/issue/{id}/comment"))
        .with("maxResults", 100)
        .with("orderBy", "created")
        .with("expand", "properties");
    let first = api.get(list.clone().with("startAt", 0)).await?;
    let rows = json::list(&first, "comments");
    let total = json::number(&first, "total").unwrap_or(u64::MAX);
    if total <= rows.len() as u64 {
        return Ok(rows.to_vec());
    }
    let pages = Paging::Offset {
        to: Place::Query("startAt"),
    };
    api.all(list, pages, "/comments").await
}

impl System for Jira {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let pages = Paging::Token {
            at: "/nextPageToken",
            to: Place::Body("/nextPageToken"),
            over: "/isLast",
        };
        let mut streams = vec![Stream::new("issues", Follow::Since, pages, "/issues")];
        let all = |sweep| Stream::new("all", sweep, pages, "/issues");
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let bound = self.bound();
        let body = if stream.name == "issues" {
            let since = span.from.timestamp_millis();
            json!({
                "jql": format!("{bound} AND updated >= {since} ORDER BY updated ASC, id ASC"),
                "fields": FIELDS,
                "maxResults": self.settings.page_records,
            })
        } else {
            let jql = format!("{bound} ORDER BY id ASC");
            json!({"jql": jql, "fields": ["updated"], "maxResults": SWEEP_ROWS})
        };
        Request::post("rest/api/3/search/jql", body)
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let id = json::text(row, "id").ok_or("the issue has no id")?;
        let at = row
            .get("fields")
            .and_then(|fields| json::time(fields, "updated"));
        if stream.name != "issues" {
            return Ok(Some(Touched::new(id, at)));
        }
        Ok(Some(Touched::new(
            id,
            Some(at.ok_or("updated is missing or not a date-time")?),
        )))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.issue(api, id, seen))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let jql = format!("{} ORDER BY updated DESC", self.bound());
            let body = json!({"jql": jql, "fields": FIELDS, "maxResults": 20});
            let search = Request::post("rest/api/3/search/jql", body);
            let rows = api.all(search, Paging::Whole, "/issues").await?;
            if rows.is_empty() {
                let keys = self.projects.join(", ");
                return Ok(vec![format!(
                    "no issue in {keys}: the account may not browse these projects"
                )]);
            }
            let rows: Vec<Value> = rows
                .iter()
                .filter_map(|row| row.get("fields").cloned())
                .collect();
            Ok(self.settings.remarks(&rows))
        })
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        // For the feedback of customers.
        vec![("x-experimentalapi", "opt-in".to_owned())]
    }

    fn right(&self) -> &'static str {
        "the account of the token needs the permission to browse the project, and must be an agent to see internal comments"
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[Signature::of_body(
                "x-hub-signature",
                "sha256=",
                Scheme::Sha256Hex,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::connectors::testing;
    use crate::model::{Author, Visibility};

    fn jira() -> Jira {
        let url = "https://site.test".parse().unwrap();
        let credentials = Credentials::basic("a@example.org", "t".to_owned().into());
        let source = crate::model::SourceId::from("desk");
        let projects = ["HELP", "OPS"].map(str::to_owned).into();
        Jira::new(
            Settings::new(source, url, credentials, &KIND.usual),
            projects,
        )
    }

    #[test]
    fn the_search_is_bounded_and_asks_in_milliseconds() {
        let jira = jira();
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let jql =
            |stream: usize| jira.list(&jira.streams()[stream], &span).body.unwrap()["jql"].clone();
        let expected = "project in (\"HELP\", \"OPS\") AND updated >= 1772442000000 ORDER BY updated ASC, id ASC";
        assert_eq!(jql(0), json!(expected));
        assert_eq!(
            jql(1),
            json!("project in (\"HELP\", \"OPS\") ORDER BY id ASC")
        );
    }

    #[test]
    fn an_issue_is_opened_at_the_site_and_not_where_the_api_is() {
        let mut jira = jira();
        assert_eq!(jira.link("HELP-1"), "https://site.test/browse/HELP-1");
        jira.settings.url = "https://api.atlassian.com/ex/jira/11-22".parse().unwrap();
        jira.site = Some("https://site.test/".parse().unwrap());
        assert_eq!(jira.link("HELP-1"), "https://site.test/browse/HELP-1");
    }

    #[test]
    fn an_issue_is_read_with_its_comments_and_its_history() {
        let issue = testing::fixture(include_str!("../../../tests/fixtures/jira/issue.json"));
        let comments = testing::fixture(include_str!("../../../tests/fixtures/jira/comments.json"));
        let history = testing::fixture(include_str!("../../../tests/fixtures/jira/changelog.json"));
        let mut settings = jira().settings;
        settings.category = Some(FieldPath::new("customfield_10010.requestType"));
        settings.account = Some(FieldPath::new("customfield_10002"));
        let (comments, history) = (
            json::list(&comments, "comments"),
            json::list(&history, "values"),
        );
        let read =
            conversation(&issue, comments, history, &json!({"rating": 5}), &settings).unwrap();
        assert_eq!(read.key.id, "10042");
        assert_eq!(read.category.as_deref(), Some("Report an outage"));
        assert_eq!(read.account.as_deref(), Some("Nordwind"));
        assert_eq!(
            (read.status.as_deref(), read.priority.as_deref()),
            (Some("Resolved"), Some("High"))
        );
        assert_eq!((read.reopens, read.csat), (1, Some(1.0)));
        assert_eq!(
            read.closed_at,
            Some("2026-03-02T12:00:00Z".parse().unwrap())
        );
        assert_eq!(read.attributes["key"], "HELP-42");
        let messages = testing::said(&read.messages);
        assert_eq!(
            messages,
            [
                (
                    Author::Customer,
                    Visibility::Public,
                    "The gateway is down\nsince noon."
                ),
                (
                    Author::System,
                    Visibility::Public,
                    "We received your request."
                ),
                (Author::Agent, Visibility::Internal, "@Tom please look."),
                (
                    Author::Customer,
                    Visibility::Public,
                    "It is back, and down again."
                ),
                (Author::Agent, Visibility::Public, "A cable was loose."),
            ]
        );
    }

    #[test]
    fn an_issue_without_its_times_makes_no_sense() {
        let settings = jira().settings;
        for issue in [
            json!({"id": "1"}),
            json!({"id": "1", "fields": {"created": "2026-03-02T09:00:00.000+0000"}}),
        ] {
            assert!(conversation(&issue, &[], &[], &Value::Null, &settings).is_err());
        }
    }
}
