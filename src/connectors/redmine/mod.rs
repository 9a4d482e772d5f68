//! Redmine: issues by the time of their last change, oldest first, each with its journals.
//!
//! Facts (seen on 5.0.4): a wrong key is no error in the list of issues but an empty list, so who asks is asked first;
//! the list holds open issues only unless `status_id=*`; times are taken with `Z` and with nothing else; journals come
//! with a single issue only; deleted issues are simply gone; private notes are left out where the role may not see them.
//! Webhooks came with Redmine 7 and are signed like GitHub's; before, a plugin may send our secret.

mod check;
mod issue;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Mutex;

use super::engine::{
    Api, Credentials, Follow, Kind, Paging, Place, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual,
};
use super::hook::{Scheme, Signature};
use super::http::Failure;
use super::json;
use crate::section::Section;
use issue::{Known, conversation, is, part};

/// Redmine in the table of systems.
pub const KIND: Kind = Kind {
    name: "redmine",
    title: "Redmine",
    settings: &[
        Setting::secret(
            "api_key",
            "the API key of a user who sees all issues and private notes (My account)",
        ),
        Setting::optional(
            "team_roles",
            "the roles of your service team, such as [\"Developer\"]",
        ),
    ],
    read,
    usual: Usual {
        category: "category",
        sweep_days: 1,
        ..Usual::like("https://redmine.example.com")
    },
};

/// How pages of all its lists follow one another.
const PAGING: Paging = Paging::Offset {
    to: Place::Query("offset"),
};

/// Roles and statuses are asked for again after so long.
const KNOWN_FOR: TimeDelta = TimeDelta::minutes(10);

/// One Redmine.
#[derive(Debug)]
pub struct Redmine {
    settings: Settings,
    projects: Vec<String>,
    team_roles: Vec<String>,
    known: Mutex<Known>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let hint = "name the variable that holds the API key, such as api_key_env = \"REDMINE_KEY\"";
    settings.credentials = Credentials::Header {
        name: "x-redmine-api-key",
        prefix: "",
        secret: section.secret("api_key", hint),
    };
    let projects = section.list("projects");
    let team_roles = section.list("team_roles");
    Arc::new(Redmine::new(settings, projects, team_roles))
}

impl Redmine {
    /// A Redmine with these settings; of all projects when none is named.
    pub fn new(settings: Settings, projects: Vec<String>, team_roles: Vec<String>) -> Self {
        Self {
            settings,
            projects,
            team_roles: team_roles.iter().map(|role| role.to_lowercase()).collect(),
            known: Mutex::default(),
        }
    }

    async fn issue(&self, api: Api<'_>, id: &str) -> Result<Read, Failure> {
        let request = Request::get(format!("issues/{id}.json")).with("include", "journals");
        let answer = api.get(request).await?;
        let issue = answer.get("issue").unwrap_or(&Value::Null);
        let known = self.known(api, issue).await?;
        let link = api.link(&format!("issues/{id}"));
        Ok(Read::linked(
            conversation(issue, &known, &self.settings),
            link,
        ))
    }

    /// Statuses, and the members of the issue's project.
    async fn known(&self, api: Api<'_>, issue: &Value) -> Result<Known, Failure> {
        let mut known = self.known.lock().await;
        if known
            .asked_at
            .is_none_or(|at| api.now - at > KNOWN_FOR || at > api.now)
        {
            let answer = api.get(Request::get("issue_statuses.json")).await?;
            let statuses = json::list(&answer, "issue_statuses").iter();
            let closed = statuses.filter(|one| is(one, "is_closed"));
            *known = Known {
                asked_at: Some(api.now),
                closed: closed.filter_map(|one| json::text(one, "id")).collect(),
                members: BTreeMap::new(),
            };
        }
        let project = part(issue, "project", "id");
        if let Some(project) = project.filter(|_| !self.team_roles.is_empty())
            && !known.members.contains_key(&project)
        {
            let members = self.members(api, &project).await?;
            known.members.insert(project, members);
        }
        Ok(known.clone())
    }

    async fn members(
        &self,
        api: Api<'_>,
        project: &str,
    ) -> Result<BTreeMap<String, bool>, Failure> {
        let path = format!("projects/{project}/memberships.json");
        let request = Request::get(path).with("limit", 100);
        let members = match api.all(request, PAGING, "/memberships").await {
            Err(Failure::Forbidden(_) | Failure::NotFound) => Vec::new(),
            members => members?,
        };
        let member = |member: &Value| {
            let mut roles = json::list(member, "roles").iter();
            let is_team = roles
                .any(|role| json::text(role, "name").is_some_and(|name| self.is_team_role(&name)));
            Some((part(member, "user", "id")?, is_team))
        };
        Ok(members.iter().filter_map(member).collect())
    }

    fn is_team_role(&self, name: &str) -> bool {
        self.team_roles.contains(&name.to_lowercase())
    }
}

impl System for Redmine {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        // Anonymous users are asked for in vain; only this list refuses a wrong key.
        let key = Follow::Trailing {
            again: TimeDelta::zero(),
            longest: TimeDelta::days(36_500),
        };
        let mut streams = vec![Stream::new("key", key, Paging::Whole, "/user/memberships")];
        let issues = |name: String| Stream::new(name, Follow::Since, PAGING, "/issues");
        if self.projects.is_empty() {
            streams.push(issues("issues".to_owned()));
        }
        streams.extend(
            self.projects
                .iter()
                .map(|project| issues(format!("issues {project}"))),
        );
        let all = |sweep| Stream::new("all", sweep, PAGING, "/issues");
        streams.extend(self.settings.swept().map(all));
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        if stream.name == "key" {
            return Request::get("users/current.json").with("include", "memberships");
        }
        let path = match stream.name.split_once(' ') {
            Some((_, project)) => format!("projects/{project}/issues.json"),
            None => "issues.json".to_owned(),
        };
        let list = Request::get(path)
            .with("status_id", "*")
            .with("limit", self.settings.page_records);
        if stream.name == "all" {
            return list.with("sort", "id");
        }
        let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        list.with("updated_on", format!(">={since}"))
            .with("sort", "updated_on:asc,id:asc")
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        if stream.name == "key" {
            return Ok(None);
        }
        let id = json::text(row, "id").ok_or("the issue has no id")?;
        let at = json::time(row, "updated_on").ok_or("updated_on is missing or not a date-time")?;
        Ok(Some(Touched::new(id, Some(at))))
    }

    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        _: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>> {
        Box::pin(self.issue(api, id))
    }

    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(self.remarks(api))
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[
                Signature::of_body("x-redmine-signature-256", "sha256=", Scheme::Sha256Hex),
                Signature::SHARED,
            ]
        }
    }

    fn right(&self) -> &'static str {
        "give the key's user a role with view_issues and view_private_notes in the projects"
    }
}
