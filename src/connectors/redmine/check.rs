//! What a person should know: rights that the key's roles lack, names that nothing has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Redmine;
use super::issue::is;
use crate::connectors::engine::{Api, Request};
use crate::connectors::http::Failure;
use crate::connectors::json;

impl Redmine {
    /// What the key's roles do not allow.
    async fn rights(&self, api: Api<'_>) -> Result<Vec<String>, Failure> {
        let user = Request::get("users/current.json").with("include", "memberships");
        let user = api.get(user).await?;
        let user = user.get("user").unwrap_or(&Value::Null);
        if is(user, "admin") {
            return Ok(Vec::new());
        }
        let memberships = json::list(user, "memberships").iter();
        let roles = memberships.flat_map(|one| json::list(one, "roles"));
        let roles: BTreeMap<String, String> = roles
            .filter_map(|role| json::text(role, "id").zip(json::text(role, "name")))
            .collect();
        let mut remarks = Vec::new();
        if roles.is_empty() {
            remarks.push(
                "the key's user is a member of no project: only public ones are seen".to_owned(),
            );
        }
        for (id, name) in roles {
            let Some(role) = api
                .optional(Request::get(format!("roles/{id}.json")))
                .await?
            else {
                continue;
            };
            let role = role.get("role").unwrap_or(&Value::Null);
            let allowed = json::list(role, "permissions");
            for right in ["view_issues", "view_private_notes"] {
                if !allowed.iter().any(|one| one.as_str() == Some(right)) {
                    remarks.push(format!(
                        "the role \"{name}\" of the key's user lacks {right}"
                    ));
                }
            }
            if json::text(role, "issues_visibility").is_some_and(|seen| seen != "all") {
                remarks.push(format!(
                    "the role \"{name}\" of the key's user does not see all issues"
                ));
            }
        }
        Ok(remarks)
    }

    pub(super) async fn remarks(&self, api: Api<'_>) -> Result<Vec<String>, Failure> {
        let mut remarks = self.rights(api).await?;
        for project in &self.projects {
            let request = Request::get(format!("projects/{project}.json"));
            if api.optional(request).await?.is_none() {
                remarks.push(format!(
                    "projects names \"{project}\", which the key's user does not see"
                ));
            }
        }
        if !self.team_roles.is_empty() {
            let roles = api.get(Request::get("roles.json")).await?;
            let names: Vec<String> = json::list(&roles, "roles")
                .iter()
                .filter_map(|role| Some(json::text(role, "name")?.to_lowercase()))
                .collect();
            let missing = self.team_roles.iter().filter(|role| !names.contains(role));
            remarks.extend(
                missing
                    .map(|role| format!("team_roles names \"{role}\", but there is no such role")),
            );
        }
        let list = Request::get("issues.json")
            .with("status_id", "*")
            .with("limit", 30);
        let issues = api.get(list).await?;
        remarks.extend(self.settings.remarks(json::list(&issues, "issues")));
        Ok(remarks)
    }
}
