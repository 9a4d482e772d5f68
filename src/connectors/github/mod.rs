//! GitHub issues, of one or several repositories: issues and comments by the time of their last change, oldest first.
//!
//! Facts (docs.github.com/rest/issues): pull requests stand among the issues; the list shows only open ones unless told
//! otherwise; `since` includes its own second; a transferred issue answers with the address of its new place, a deleted
//! one with 410, and neither shows in a list; a comment changes its issue, yet issues with many comments are read once.
//! A secondary limit is told by 403 or 429, with `Retry-After`, with no requests remaining, or in words alone.

mod record;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::connectors::PullError;
use crate::connectors::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual,
};
use crate::connectors::hook::{Scheme, Signature};
use crate::connectors::http::Failure;
use crate::connectors::json;
use crate::model::Record;
use crate::section::Section;
use record::{conversation, is_of_pull_request, is_pull_request, is_same, place, was_reopened};

/// GitHub in the table of systems.
pub const KIND: Kind = Kind {
    name: "github",
    title: "GitHub issues",
    settings: &[
        Setting::list("repositories", "the repositories, as owner/name"),
        Setting::secret(
            "token",
            "a fine-grained token that may read the issues of these repositories",
        ),
    ],
    read,
    usual: Usual {
        category: "type",
        sweep_days: 7,
        ..Usual::at("https://api.github.com")
    },
};

/// The version of the API that this is written for.
const VERSION: &str = "2022-11-28";

/// The issues of some repositories.
#[derive(Debug)]
pub struct GitHub {
    settings: Settings,
    repositories: Vec<String>,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    let repositories = section.list("repositories");
    let hint = "name them as owner/name, such as repositories = [\"example/heater\"]";
    if repositories.is_empty() {
        section.problem("repositories", "is missing", hint);
    }
    for name in &repositories {
        let is_name = name
            .split_once('/')
            .is_some_and(|(owner, name)| is_plain(owner) && is_plain(name));
        if !is_name {
            section.problem(
                "repositories",
                format!("\"{name}\" is not a repository"),
                hint,
            );
        }
    }
    let hint = "name the variable that holds the token, such as token_env = \"GITHUB_TOKEN\"";
    settings.credentials = Credentials::bearer(section.secret("token", hint));
    Arc::new(GitHub::new(settings, repositories))
}

fn is_plain(part: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && part.chars().all(is_letter)
}

impl GitHub {
    /// The issues of these repositories.
    pub fn new(settings: Settings, repositories: Vec<String>) -> Self {
        Self {
            settings,
            repositories,
        }
    }

    async fn issue<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let Some((repository, number)) = id.split_once('#') else {
            return Err(Failure::NotFound);
        };
        let path = format!("repos/{repository}/issues/{number}");
        let listed = seen.row.filter(|_| seen.stream.starts_with("issues "));
        let fetched;
        let issue = match listed {
            Some(row) => row,
            None => {
                fetched = api.get(Request::get(&path)).await?;
                if let Some(place) = self.moved(api, &fetched, repository, number).await? {
                    return Ok(Read::Record(self.gone(id, &place, api.now)));
                }
                &fetched
            }
        };
        if is_pull_request(issue) {
            return Ok(Read::Nothing);
        }
        let comments = if json::number(issue, "comments") == Some(0) {
            Vec::new()
        } else {
            let request = Request::get(format!("{path}/comments")).with("per_page", 100);
            let comments = api.all(request, Paging::LinkHeader, "").await;
            comments.map_err(Failure::inside)?
        };
        // The issue says how many there are; fewer are not all.
        if json::number(issue, "comments").is_some_and(|count| count > comments.len() as u64) {
            let reason = "an issue has more comments than its list".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        // An issue that was never closed was never opened again.
        let events = if json::text(issue, "closed_at").is_some() || was_reopened(issue) {
            let request = Request::get(format!("{path}/events")).with("per_page", 100);
            let events = api.all(request, Paging::LinkHeader, "").await;
            events.map_err(Failure::inside)?
        } else {
            Vec::new()
        };
        let key = self.settings.key(id);
        Ok(Read::from(conversation(
            key,
            issue,
            &comments,
            &events,
            &self.settings,
        )))
    }

    /// Where an issue is now, when the address of the old place led to another one.
    async fn moved(
        &self,
        api: Api<'_>,
        issue: &Value,
        repository: &str,
        number: &str,
    ) -> Result<Option<String>, Failure> {
        let here = format!("{repository}#{number}");
        let Some(place) = place(issue).filter(|place| !place.eq_ignore_ascii_case(&here)) else {
            return Ok(None);
        };
        let now = api
            .get(Request::get(format!("repos/{repository}")))
            .await
            .map(|one| json::text(&one, "full_name"))?;
        let is_renamed = now.is_some_and(|name| is_same(&place, &name, number));
        Ok((!is_renamed).then_some(place))
    }

    /// A transferred issue goes on in its new place, if that is one of ours.
    fn gone(&self, id: &str, place: &str, at: DateTime<Utc>) -> Record {
        let key = self.settings.key(id);
        let repository = place.split('#').next().unwrap_or_default();
        let ours = self
            .repositories
            .iter()
            .find(|one| one.eq_ignore_ascii_case(repository));
        match (ours, place.rsplit_once('#')) {
            (Some(ours), Some((_, number))) => Record::Merged {
                key,
                into: format!("{ours}#{number}"),
                at,
            },
            _ => Record::Deleted { key, at },
        }
    }

    fn streams_of(&self, repository: &str) -> Vec<Stream> {
        let list = |name: &str, follow| {
            Stream::new(
                format!("{name} {repository}"),
                follow,
                Paging::LinkHeader,
                "",
            )
        };
        let mut streams = vec![
            list("issues", Follow::Since),
            list("comments", Follow::Since),
        ];
        let all = |sweep| Stream {
            scope: format!("{repository}#"),
            ..list("sweep", sweep)
        };
        streams.extend(self.settings.swept().map(all));
        streams
    }
}

impl System for GitHub {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        self.repositories
            .iter()
            .flat_map(|repository| self.streams_of(repository))
            .collect()
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let (name, repository) = stream.name.split_once(' ').unwrap_or((&stream.name, ""));
        let since = span.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        let list = |path: &str, sort: &str| {
            Request::get(format!("repos/{repository}/{path}"))
                .with("sort", sort)
                .with("direction", "asc")
                .with("per_page", self.settings.page_records)
        };
        match name {
            "comments" => list("issues/comments", "updated").with("since", since),
            "sweep" => list("issues", "created").with("state", "all"),
            _ => list("issues", "updated")
                .with("state", "all")
                .with("since", since),
        }
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let (name, repository) = stream.name.split_once(' ').unwrap_or((&stream.name, ""));
        let number = if name == "comments" {
            if is_of_pull_request(row) {
                return Ok(None);
            }
            let issue = json::text(row, "issue_url").ok_or("the comment names no issue")?;
            issue.rsplit('/').next().unwrap_or_default().to_owned()
        } else {
            if is_pull_request(row) {
                return Ok(None);
            }
            json::text(row, "number").ok_or("the issue has no number")?
        };
        let at = json::time(row, "updated_at").ok_or("updated_at is missing or not a date-time")?;
        Ok(Some(Touched::new(
            format!("{repository}#{number}"),
            Some(at),
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
            let (mut remarks, mut rows) = (Vec::new(), Vec::new());
            for repository in &self.repositories {
                let path = format!("repos/{repository}/issues");
                match api
                    .optional(Request::get(path).with("per_page", 30))
                    .await?
                {
                    Some(Value::Array(found)) => rows.extend(found),
                    Some(_) => {}
                    None => remarks.push(format!(
                        "the repository {repository} is not there, or the token may not read its issues"
                    )),
                }
            }
            rows.retain(|row| !is_pull_request(row));
            remarks.extend(self.settings.remarks(&rows));
            Ok(remarks)
        })
    }

    fn rates(&self) -> &'static [Rate] {
        &[Rate {
            class: "",
            count: 5_000,
            seconds: 3_600,
        }]
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("x-github-api-version", VERSION.to_owned())]
    }

    fn right(&self) -> &'static str {
        "the token needs read access to the issues of every repository that is named"
    }

    fn signatures(&self) -> &'static [Signature] {
        const {
            &[Signature::of_body(
                "x-hub-signature-256",
                "sha256=",
                Scheme::Sha256Hex,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::record::reopens;
    use super::*;
    use crate::connectors::testing;
    use crate::model::Author;

    fn github() -> GitHub {
        GitHub::new(testing::settings(&KIND), vec!["example/heater".to_owned()])
    }

    fn fixture(text: &str) -> Vec<Value> {
        testing::rows(text, "")
    }

    fn issues() -> Vec<Value> {
        fixture(include_str!("../../../tests/fixtures/github/issues.json"))
    }

    fn comments() -> Vec<Value> {
        fixture(include_str!("../../../tests/fixtures/github/comments.json"))
    }

    fn events() -> Vec<Value> {
        fixture(include_str!("../../../tests/fixtures/github/events.json"))
    }

    fn stream(github: &GitHub, name: &str) -> Stream {
        let streams = github.streams();
        streams.into_iter().find(|one| one.name == name).unwrap()
    }

    #[test]
    fn an_issue_becomes_a_conversation_with_all_its_fields() {
        let github = github();
        let key = github.settings.key("example/heater#41");
        let found =
            conversation(key, &issues()[0], &comments(), &events(), &github.settings).unwrap();
        assert_eq!(found.subject.as_str(), "Valve leaks after the update");
        assert_eq!(found.status.as_deref(), Some("closed"));
        assert_eq!(found.category.as_deref(), Some("Bug"));
        assert_eq!(found.tags, ["hardware", "regression"]);
        assert_eq!(found.requester.as_deref(), Some("anna-example"));
        assert_eq!(found.reopens, 2);
        assert_eq!(found.attributes["milestone"], "2.1");
        assert_eq!(found.attributes["state_reason"], "completed");
        let closed_at = found.closed_at.unwrap();
        assert_eq!(closed_at.to_rfc3339(), "2026-03-05T10:00:00+00:00");
        assert_eq!(
            found.url.as_deref(),
            Some("https://github.com/example/heater/issues/41")
        );
        let said: Vec<_> = found
            .messages
            .iter()
            .map(|one| (one.author, one.text.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (Author::Customer, "Since 2.0 the valve drips at night."),
                (Author::System, "Thank you, somebody will look at it."),
                (Author::Agent, "Which model is it?"),
                (Author::Customer, "The larger one."),
            ]
        );
    }

    #[test]
    fn pull_requests_and_what_is_said_about_them_are_left_out() {
        let github = github();
        let rows = issues();
        let list = stream(&github, "issues example/heater");
        let ids: Vec<_> = rows
            .iter()
            .map(|row| github.touched(&list, row).unwrap().map(|one| one.id))
            .collect();
        assert_eq!(
            ids,
            [
                Some("example/heater#41".to_owned()),
                None,
                Some("example/heater#43".to_owned())
            ]
        );
        let list = stream(&github, "comments example/heater");
        let mut comment = comments()[0].clone();
        let touched = github.touched(&list, &comment).unwrap().unwrap();
        assert_eq!(touched.id, "example/heater#41");
        comment["html_url"] = "https://github.com/example/heater/pull/42#issuecomment-1".into();
        assert_eq!(github.touched(&list, &comment).unwrap(), None);
    }

    #[test]
    fn every_repository_has_its_lists_and_a_sweep_of_its_own_ids() {
        let mut github = github();
        github.repositories.push("example/app".to_owned());
        let names: Vec<_> = github
            .streams()
            .into_iter()
            .map(|one| (one.name, one.scope))
            .collect();
        assert_eq!(names.len(), 6);
        assert_eq!(
            names[5],
            ("sweep example/app".to_owned(), "example/app#".to_owned())
        );
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: None,
        };
        let request = github.list(&stream(&github, "issues example/app"), &span);
        assert_eq!(request.path, "repos/example/app/issues");
        for pair in [
            ("state", "all"),
            ("sort", "updated"),
            ("direction", "asc"),
            ("since", "2026-03-02T09:00:00Z"),
        ] {
            let pair = (pair.0.to_owned(), pair.1.to_owned());
            assert!(request.query.contains(&pair), "{pair:?}");
        }
    }

    #[test]
    fn an_open_issue_says_by_itself_that_it_was_reopened() {
        let rows = issues();
        assert_eq!(reopens(&rows[2], &[]), 1);
        assert_eq!(reopens(&rows[0], &[]), 0);
    }

    #[test]
    fn an_issue_without_sense_says_why_without_its_words() {
        let github = github();
        let mut issue = issues()[0].clone();
        issue["created_at"] = "private".into();
        let key = github.settings.key("example/heater#41");
        let reason = conversation(key, &issue, &[], &[], &github.settings).unwrap_err();
        assert_eq!(reason, "created_at is missing or not a date-time");
    }

    #[test]
    fn a_transferred_issue_goes_on_where_it_is_ours_and_ends_where_not() {
        let mut github = github();
        github.repositories.push("example/App".to_owned());
        let at = "2026-03-02T09:00:00Z".parse().unwrap();
        let Record::Merged { key, into, .. } =
            github.gone("example/heater#41", "Example/app#7", at)
        else {
            panic!("it went to a repository of ours")
        };
        assert_eq!(
            (key.id.as_str(), into.as_str()),
            ("example/heater#41", "example/App#7")
        );
        let gone = github.gone("example/heater#41", "other/app#7", at);
        assert!(matches!(gone, Record::Deleted { .. }), "{gone:?}");
        // Renamed: another name, the same number.
        assert!(is_same("example/furnace#41", "Example/Furnace", "41"));
        assert!(!is_same("example/furnace#7", "example/furnace", "41"));
    }

    #[test]
    fn the_addresses_in_an_issue_say_where_it_is() {
        assert_eq!(place(&issues()[0]).as_deref(), Some("example/heater#41"));
        assert_eq!(place(&Value::Null), None);
    }
}
