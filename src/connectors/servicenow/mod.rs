//! ServiceNow: incidents, or another table of tasks, by time of change and id; what people wrote stands in the journal.
//!
//! Facts (Table API): pages by offset repeat and miss rows, so each page is asked for behind the last row's time and id;
//! a page may be shorter than asked for though more follow, where rows are hidden; times are UTC without saying so;
//! with `sysparm_display_value=all` a field is an object of value and display value. `^OR` binds only the two conditions
//! beside it. Deletions are in `sys_audit_delete`, which not every account may read. What callers answer to surveys is in
//! `asmt_metric_result`, a number for each question, with its scale on the question.

mod read;
mod record;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::connectors::engine::{
    Api, Credentials, Follow, Kind, Paging, Rate, Read, Request, Seen, Setting, Settings, Span,
    Stream, System, Touched, Usual, rows_of,
};
use crate::connectors::http::{Answer, Failure};
use crate::connectors::json;
use crate::model::Record;
use crate::section::Section;
use record::{conversation, rating, time, value};

/// ServiceNow in the table of systems.
pub const KIND: Kind = Kind {
    name: "servicenow",
    title: "ServiceNow",
    settings: &[
        Setting::needed("user", "the integration user's name"),
        Setting::secret("password", "the integration user's password"),
        Setting::optional("table", "the table, such as incident"),
    ],
    read,
    usual: Usual {
        category: "category",
        page_records_max: 1_000,
        sweep_days: 7,
        ..Usual::like("https://example.service-now.com")
    },
};

/// Records that `doctor` looks at.
const FIRST_ROWS: usize = 10;

/// Entries of a journal, as many as are read at once.
const ENTRIES: usize = 500;

/// Where answers to surveys are, one row for each question.
const RESULTS: &str = "asmt_metric_result";

/// The record that a survey was about: with its table beside it, set on a survey that a trigger condition sent.
const ABOUT: &str = "instance.trigger_id";

/// What is read of an answer.
const RESULT_FIELDS: &str = "sys_id,sys_updated_on,instance,instance.trigger_id,actual_value,metric.min,metric.max,metric.scale_definition";

/// What is asked for of each record, beside what a person chose.
const FIELDS: [&str; 31] = [
    "sys_id",
    "number",
    "sys_created_on",
    "sys_updated_on",
    "opened_at",
    "resolved_at",
    "closed_at",
    "close_notes",
    "close_code",
    "short_description",
    "description",
    "state",
    "active",
    "priority",
    "category",
    "subcategory",
    "contact_type",
    "caller_id",
    "caller_id.user_name",
    "contact",
    "contact.user_name",
    "consumer",
    "opened_by.user_name",
    "company",
    "account",
    "assignment_group",
    "business_service",
    "cmdb_ci",
    "reopen_count",
    "reassignment_count",
    "parent_incident",
];

/// One table of an instance.
#[derive(Debug)]
pub struct ServiceNow {
    settings: Settings,
    table: String,
    audits_deletions: bool,
    has_ratings: bool,
}

fn read(section: &mut Section<'_>, mut settings: Settings) -> Arc<dyn System> {
    settings.credentials = if section.has("client_id") {
        let hint = "name the variable that holds it: client_secret_env = \"SERVICENOW_SECRET\"";
        let mut url = settings.url.clone();
        url.set_path("oauth_token.do");
        Credentials::Client {
            url,
            id: section.required_text("client_id", "give the id of the OAuth client"),
            secret: section.secret("client_secret", hint),
            scope: String::new(),
        }
    } else {
        let hint = "name the variable that holds it: password_env = \"SERVICENOW_PASSWORD\"";
        let user = section.required_text(
            "user",
            "give the integration user's name, or client_id for OAuth",
        );
        Credentials::basic(user, section.secret("password", hint))
    };
    let table = section.text("table", "incident");
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !table.chars().all(is_name) {
        let hint = "give the table's name, such as incident or sn_customerservice_case";
        section.problem("table", format!("\"{table}\" is not a table"), hint);
    }
    let audits_deletions = section.flag("audit_deletions", true);
    let has_ratings = section.flag("ratings", false);
    let table = ServiceNow::new(settings, table, audits_deletions);
    Arc::new(table.with_ratings(has_ratings))
}

impl ServiceNow {
    /// A table; `audits_deletions` says whether `sys_audit_delete` may be read. Otherwise all ids are looked through.
    pub fn new(settings: Settings, table: String, audits_deletions: bool) -> Self {
        Self {
            settings,
            table,
            audits_deletions,
            has_ratings: false,
        }
    }

    /// The same; `has_ratings` says whether answers to surveys are read.
    pub fn with_ratings(self, has_ratings: bool) -> Self {
        Self {
            has_ratings,
            ..self
        }
    }

    fn fields(&self) -> String {
        let chosen = self.settings.chosen().map(|(_, path)| path.to_string());
        let mut fields: Vec<String> = FIELDS.map(str::to_owned).to_vec();
        for field in chosen.filter(|field| !field.starts_with("tag:")) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields.join(",")
    }

    fn whole(&self, request: Request) -> Request {
        request
            .with("sysparm_fields", self.fields())
            .with("sysparm_display_value", "all")
            .with("sysparm_exclude_reference_link", "true")
    }

    async fn record<'a>(&'a self, api: Api<'a>, id: &str, seen: Seen<'a>) -> Result<Read, Failure> {
        let fetched;
        let record = match seen.row.filter(|_| seen.stream == "records") {
            Some(row) => row,
            None => {
                let one = Request::get(format!("api/now/table/{}/{id}", self.table));
                let answer = match api.get(self.whole(one)).await {
                    // It stands among the deleted ones and is not there: no second look is needed.
                    Err(Failure::NotFound) if seen.stream == "deleted" => {
                        let at = seen
                            .row
                            .and_then(|row| json::time(row, "sys_created_on"))
                            .unwrap_or(api.now);
                        return Ok(Read::Record(Record::Deleted {
                            key: self.settings.key(id),
                            at,
                        }));
                    }
                    answer => answer?,
                };
                fetched = answer.get("result").cloned().unwrap_or_default();
                &fetched
            }
        };
        let journal = self.journal(api, id).await.map_err(Failure::inside)?;
        let answers = self.answers(api, id).await.map_err(Failure::inside)?;
        let mut read = conversation(self.settings.key(id), record, &journal, &self.settings);
        if let Ok(conversation) = &mut read {
            conversation.csat = conversation.csat.or_else(|| rating(&answers));
        }
        Ok(Read::linked(read, self.link(id)))
    }

    fn link(&self, id: &str) -> String {
        let mut url = self.settings.url.clone();
        url.set_path("nav_to.do");
        let place = format!("{}.do?sys_id={id}", self.table);
        url.query_pairs_mut().append_pair("uri", &place);
        url.into()
    }
}

impl System for ServiceNow {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn streams(&self) -> Vec<Stream> {
        let list = |name, follow| Stream::new(name, follow, Paging::Keyset, "/result");
        let mut streams = vec![
            list("records", Follow::Since),
            list("journal", Follow::Since),
        ];
        if self.has_ratings {
            streams.push(list("ratings", Follow::Since));
        }
        if self.audits_deletions {
            streams.push(list("deleted", Follow::Since));
        } else {
            streams.extend(self.settings.swept().map(|sweep| list("sweep", sweep)));
        }
        streams
    }

    fn list(&self, stream: &Stream, span: &Span) -> Request {
        let table = &self.table;
        let limit = self.settings.page_records;
        let list = |name: &str, query: String| {
            Request::get(format!("api/now/table/{name}"))
                .with("sysparm_query", query)
                .with("sysparm_limit", limit)
        };
        match stream.name.as_str() {
            "journal" => {
                let query = format!(
                    "name={table}^elementINcomments,work_notes^{}",
                    behind(span, "sys_created_on")
                );
                list("sys_journal_field", query)
                    .with("sysparm_fields", "sys_id,element_id,sys_created_on")
            }
            "ratings" => {
                let query = format!(
                    "instance.trigger_table={table}^{}",
                    behind(span, "sys_updated_on")
                );
                list(RESULTS, query).with("sysparm_fields", RESULT_FIELDS)
            }
            "deleted" => {
                let query = format!("tablename={table}^{}", behind(span, "sys_created_on"));
                list("sys_audit_delete", query)
                    .with("sysparm_fields", "sys_id,documentkey,sys_created_on")
            }
            "sweep" => {
                let after = span.after.as_deref().unwrap_or_default();
                list(table, format!("sys_id>{after}^ORDERBYsys_id"))
                    .with("sysparm_fields", "sys_id,sys_updated_on")
            }
            _ => self.whole(list(table, behind(span, "sys_updated_on"))),
        }
    }

    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String> {
        let own = value(row, "sys_id").ok_or("the record has no sys_id")?;
        let (about, stamp) = match stream.name.as_str() {
            "journal" => ("element_id", "sys_created_on"),
            "ratings" => (ABOUT, "sys_updated_on"),
            "deleted" => ("documentkey", "sys_created_on"),
            "sweep" => {
                let key = Some(own.clone());
                return Ok(Some(Touched {
                    key,
                    ..Touched::new(own, time(row, "sys_updated_on"))
                }));
            }
            _ => ("sys_id", "sys_updated_on"),
        };
        let Some(id) = value(row, about) else {
            return Ok(None);
        };
        let at =
            time(row, stamp).ok_or_else(|| format!("{stamp} is missing or not a date-time"))?;
        let key = Some(format!("{}|{own}", literal(at)));
        Ok(Some(Touched {
            key,
            ..Touched::new(id, Some(at))
        }))
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
            let mut remarks = Vec::new();
            for (table, is_used) in [
                ("sys_journal_field", true),
                ("sys_audit_delete", self.audits_deletions),
                (RESULTS, self.has_ratings),
            ] {
                let one = Request::get(format!("api/now/table/{table}")).with("sysparm_limit", 1);
                if is_used && api.optional(one).await?.is_none() {
                    remarks.push(format!("the account may not read the table {table}"));
                }
            }
            let list = Request::get(format!("api/now/table/{}", self.table));
            let list = self.whole(list.with("sysparm_limit", FIRST_ROWS));
            let answer = api.send(&list).await?;
            let rows = rows_of(&answer.body, "/result")?;
            if total(&answer).is_some_and(|total| rows.len() < total.min(FIRST_ROWS)) {
                // A page of nothing but hidden rows looks like the end of the list.
                remarks.push(format!(
                    "the account may not read some records of {}: let it read all, or lists may seem to end early",
                    self.table
                ));
            }
            remarks.extend(self.settings.remarks(rows));
            Ok(remarks)
        })
    }

    fn rates(&self) -> &'static [Rate] {
        // Each instance has limits of its own making; this is far below what any stands.
        &[Rate {
            class: "",
            count: 300,
            seconds: 60,
        }]
    }

    fn right(&self) -> &'static str {
        "the account needs to read the table, sys_journal_field and sys_audit_delete; without the last one set \
         audit_deletions = false"
    }
}

/// How many rows there are, hidden ones too.
fn total(answer: &Answer) -> Option<usize> {
    let total = answer.headers.get("x-total-count")?;
    total.to_str().ok()?.parse().ok()
}

/// Rows behind the last one of the page before, in the order of time and id; at the start of a run all since then.
fn behind(span: &Span, stamp: &str) -> String {
    let order = format!("ORDERBY{stamp}^ORDERBYsys_id");
    match span.after.as_deref().and_then(|key| key.split_once('|')) {
        // Since then, and later than that or with a larger id.
        Some((at, id)) => format!("{stamp}>={at}^{stamp}>{at}^ORsys_id>{id}^{order}"),
        None => format!("{stamp}>={}^{order}", literal(span.from)),
    }
}

/// A time as queries have it: text is taken as UTC, whatever the user's zone is.
fn literal(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::FieldPath;
    use crate::connectors::testing;
    use crate::model::{Author, Visibility};

    fn servicenow() -> ServiceNow {
        ServiceNow::new(testing::settings(&KIND), "incident".to_owned(), true)
    }

    fn fixture(text: &str) -> Vec<Value> {
        testing::rows(text, "/result")
    }

    fn incidents() -> Vec<Value> {
        fixture(include_str!(
            "../../../tests/fixtures/servicenow/incident.json"
        ))
    }

    fn journal() -> Vec<Value> {
        fixture(include_str!(
            "../../../tests/fixtures/servicenow/journal.json"
        ))
    }

    fn stream(system: &ServiceNow, name: &str) -> Stream {
        let streams = system.streams();
        streams.into_iter().find(|one| one.name == name).unwrap()
    }

    fn query(system: &ServiceNow, name: &str, after: Option<&str>) -> String {
        let span = Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-03-03T09:00:00Z".parse().unwrap(),
            after: after.map(str::to_owned),
        };
        let request = system.list(&stream(system, name), &span);
        let found = request.query.into_iter();
        found
            .filter(|(name, _)| name == "sysparm_query")
            .map(|(_, value)| value)
            .collect()
    }

    #[test]
    fn an_incident_becomes_a_conversation_with_all_its_fields() {
        let system = servicenow();
        let found = conversation(
            system.settings.key("a1"),
            &incidents()[0],
            &journal(),
            &system.settings,
        )
        .unwrap();
        assert_eq!(found.subject.as_str(), "Printer offline on floor 3");
        assert_eq!(found.status.as_deref(), Some("Resolved"));
        assert_eq!(found.category.as_deref(), Some("Hardware"));
        assert_eq!(found.account.as_deref(), Some("Nord GmbH"));
        assert_eq!(found.requester.as_deref(), Some("c0ffee01"));
        assert_eq!(found.channel.as_deref(), Some("Phone"));
        assert_eq!(found.reopens, 2);
        // The display value says two hours later: the user's zone.
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:12:00+00:00");
        assert_eq!(
            found.closed_at.unwrap().to_rfc3339(),
            "2026-03-03T08:00:00+00:00"
        );
        assert_eq!(found.attributes["assignment_group"], "Service Desk");
        assert_eq!(found.attributes["number"], "INC0010001");
        let said = testing::said(&found.messages);
        use Visibility::{Internal, Public};
        assert_eq!(
            said,
            [
                (Author::Customer, Public, "Nobody on floor 3 can print."),
                (Author::Agent, Internal, "Tray two is jammed again."),
                (Author::Customer, Public, "It is urgent."),
                (Author::System, Public, "Your ticket was assigned."),
                (Author::Agent, Internal, "Replaced the roller."),
            ]
        );
    }

    #[test]
    fn an_open_incident_has_no_end_and_no_solution_yet() {
        let system = servicenow();
        let found = conversation(
            system.settings.key("a2"),
            &incidents()[1],
            &[],
            &system.settings,
        )
        .unwrap();
        assert_eq!((found.closed_at, found.messages.len()), (None, 1));
    }

    #[test]
    fn a_page_begins_behind_the_time_and_id_of_the_last_row() {
        let system = servicenow();
        assert_eq!(
            query(&system, "records", None),
            "sys_updated_on>=2026-03-02 09:00:00^ORDERBYsys_updated_on^ORDERBYsys_id"
        );
        let row = &incidents()[0];
        let touched = system
            .touched(&stream(&system, "records"), row)
            .unwrap()
            .unwrap();
        // An OR binds only the two conditions beside it: at or after, and (after or a larger id).
        assert_eq!(
            query(&system, "records", touched.key.as_deref()),
            "sys_updated_on>=2026-03-03 08:00:01^sys_updated_on>2026-03-03 08:00:01^ORsys_id>a1\
             ^ORDERBYsys_updated_on^ORDERBYsys_id"
        );
        assert!(
            query(&system, "journal", None)
                .starts_with("name=incident^elementINcomments,work_notes^")
        );
        assert!(query(&system, "deleted", None).starts_with("tablename=incident^"));
    }

    #[test]
    fn journal_and_audit_name_the_record_they_are_about() {
        let system = servicenow();
        let row = serde_json::json!({"sys_id": "j1", "element_id": "a1", "sys_created_on": "2026-03-02 09:20:00"});
        let touched = system
            .touched(&stream(&system, "journal"), &row)
            .unwrap()
            .unwrap();
        assert_eq!(
            (touched.id.as_str(), touched.key.as_deref()),
            ("a1", Some("2026-03-02 09:20:00|j1"))
        );
        let row = serde_json::json!({"sys_id": "d1", "documentkey": "a9", "sys_created_on": "2026-03-02 09:20:00"});
        let touched = system
            .touched(&stream(&system, "deleted"), &row)
            .unwrap()
            .unwrap();
        assert_eq!(touched.id, "a9");
    }

    #[test]
    fn fields_that_a_person_chose_are_asked_for() {
        let mut system = servicenow();
        system.settings.category = Some(FieldPath::new("u_reason"));
        system.settings.product = Some(FieldPath::new("cmdb_ci.model_id"));
        let fields = system.fields();
        assert!(fields.ends_with(",u_reason,cmdb_ci.model_id"), "{fields}");
        let mut row = incidents()[0].clone();
        row["cmdb_ci.model_id"] = serde_json::json!({"value": "m1", "display_value": "Laser 9"});
        let found = conversation(system.settings.key("a1"), &row, &[], &system.settings).unwrap();
        assert_eq!(found.product.as_deref(), Some("Laser 9"));
    }

    #[test]
    fn without_the_audit_all_ids_are_looked_through() {
        let mut system = servicenow();
        system.audits_deletions = false;
        let names: Vec<_> = system.streams().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["records", "journal", "sweep"]);
        assert_eq!(
            query(&system, "sweep", Some("a7")),
            "sys_id>a7^ORDERBYsys_id"
        );
    }

    #[test]
    fn the_link_opens_the_record() {
        assert_eq!(
            servicenow().link("a1"),
            "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3Da1"
        );
    }
}
