//! ServiceNow's way of speaking: encoded queries in which an OR binds only the conditions beside it, ids in no order of
//! time, fields as pairs of value and display value, times without a zone, journal and deletions in tables of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, Settings, System};
use groundswell::connectors::servicenow;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply, SECRET};
use super::super::tickets::{By, Expected, Ticket, Tickets};

pub struct ServiceNow;

/// A record as the database has it.
type Row = BTreeMap<&'static str, String>;

impl Dialect for ServiceNow {
    fn name(&self) -> &'static str {
        "servicenow"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let table = "incident".to_owned();
        let table = servicenow::ServiceNow::new(settings(url), table, true);
        Arc::new(table.with_ratings(true))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Told,
            restores: true,
            categories: true,
            reopens: true,
            ..Powers::NONE
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_basic(&format!("user:{SECRET}"))
    }

    fn id(&self, ticket: &Ticket) -> String {
        sys_id(ticket.id)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        let there = |ticket: &&Ticket| ticket.status != "deleted";
        let rows: Vec<Row> = match asked.path.strip_prefix("/api/now/table/") {
            Some("incident") => tickets.listed().filter(there).map(incident).collect(),
            Some("sys_journal_field") => tickets
                .listed()
                .filter(there)
                .flat_map(|ticket| journal(ticket))
                .collect(),
            Some("asmt_metric_result") => {
                let rated = tickets.listed().filter(there);
                rated.flat_map(answers).collect()
            }
            Some("sys_audit_delete") => {
                let gone = tickets.listed().filter(|ticket| !there(ticket));
                gone.map(deletion).collect()
            }
            Some(one) => {
                let id = one.strip_prefix("incident/").unwrap();
                let found = tickets.listed().chain(hidden(tickets));
                let found = found.filter(there).find(|ticket| sys_id(ticket.id) == id);
                return match found {
                    Some(ticket) => Reply::Json(json!({"result": shown(&incident(ticket), asked)})),
                    None => Reply::Status(404),
                };
            }
            None => return Reply::Status(404),
        };
        table(rows, asked)
    }

    fn expected(&self, _: &Ticket, usual: Expected) -> Expected {
        let status = usual.status.map(|status| state(&status).1.to_owned());
        Expected { status, ..usual }
    }
}

pub fn settings(url: &Url) -> Settings {
    let credentials = Credentials::basic("user", SECRET.to_owned().into());
    super::settings(url, credentials, &servicenow::KIND.usual, 2)
}

/// Tickets that lists do not show yet.
fn hidden(tickets: &Tickets) -> impl Iterator<Item = &Ticket> {
    (1..100).filter_map(|id| tickets.find(id))
}

/// Of no order, as theirs are.
fn sys_id(id: u64) -> String {
    format!("{:02}{id:030}", (id * 37) % 100)
}

fn literal(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn state(status: &str) -> (&'static str, &'static str) {
    match status {
        "new" => ("1", "New"),
        "solved" => ("6", "Resolved"),
        "closed" => ("7", "Closed"),
        _ => ("2", "In Progress"),
    }
}

fn incident(ticket: &Ticket) -> Row {
    let made = if ticket.is_broken {
        String::new()
    } else {
        literal(ticket.created_at)
    };
    BTreeMap::from([
        ("sys_id", sys_id(ticket.id)),
        ("opened_at", made.clone()),
        ("sys_created_on", made),
        ("sys_updated_on", literal(ticket.updated_at)),
        ("short_description", ticket.subject.clone()),
        ("description", ticket.comments[0].text.clone()),
        ("state", state(ticket.status).0.to_owned()),
        ("category", ticket.category.clone().unwrap_or_default()),
        ("caller_id", format!("{:032}", ticket.requester)),
        ("caller_id.user_name", format!("user{}", ticket.requester)),
        ("reopen_count", ticket.reopens.to_string()),
    ])
}

fn journal(ticket: &Ticket) -> Vec<Row> {
    let entries = ticket.comments.iter().enumerate().skip(1);
    let entry = |(place, comment): (usize, &super::super::tickets::Comment)| {
        let is_customer = comment.by == By::Customer;
        let author = if is_customer {
            format!("user{}", ticket.requester)
        } else {
            "tom".to_owned()
        };
        let element = if comment.by == By::Note {
            "work_notes"
        } else {
            "comments"
        };
        BTreeMap::from([
            ("sys_id", format!("{:02}e{}", 99 - place, ticket.id)),
            ("name", "incident".to_owned()),
            ("element_id", sys_id(ticket.id)),
            ("element", element.to_owned()),
            ("value", comment.text.clone()),
            ("sys_created_on", literal(comment.at)),
            ("sys_created_by", author),
        ])
    };
    entries.map(entry).collect()
}

/// A survey of two questions, of which one has no scale.
fn answers(ticket: &Ticket) -> Vec<Row> {
    let Some((stars, at)) = ticket.rating else {
        return Vec::new();
    };
    let answer = |place: u64, scale: [&str; 2], value: String| {
        BTreeMap::from([
            ("sys_id", format!("a{place}{}", ticket.id)),
            ("sys_updated_on", literal(at)),
            ("instance", format!("survey{}", ticket.id)),
            ("instance.trigger_id", sys_id(ticket.id)),
            ("instance.trigger_table", "incident".to_owned()),
            ("actual_value", value),
            ("metric.min", scale[0].to_owned()),
            ("metric.max", scale[1].to_owned()),
            ("metric.scale_definition", "high".to_owned()),
        ])
    };
    vec![
        answer(1, ["1", "5"], stars.to_string()),
        answer(2, ["", ""], "0".to_owned()),
    ]
}

fn deletion(ticket: &Ticket) -> Row {
    BTreeMap::from([
        ("sys_id", format!("d{}", ticket.id)),
        ("tablename", "incident".to_owned()),
        ("documentkey", sys_id(ticket.id)),
        ("sys_created_on", literal(ticket.updated_at)),
    ])
}

/// Conditions are joined by AND, except that an OR joins the one before it.
fn table(mut rows: Vec<Row>, asked: &Asked) -> Reply {
    let query = asked.get("sysparm_query").unwrap_or_default();
    let (mut groups, mut order): (Vec<Vec<&str>>, Vec<&str>) = (Vec::new(), Vec::new());
    for part in query.split('^').filter(|part| !part.is_empty()) {
        if let Some(field) = part.strip_prefix("ORDERBY") {
            order.push(field);
        } else if let Some(condition) = part.strip_prefix("OR") {
            groups.last_mut().unwrap().push(condition);
        } else {
            groups.push(vec![part]);
        }
    }
    assert!(
        !order.is_empty() || query.is_empty(),
        "without an order pages repeat and miss rows"
    );
    rows.retain(|row| {
        groups
            .iter()
            .all(|group| group.iter().any(|condition| holds(condition, row)))
    });
    rows.sort_by_key(|row| {
        let keys = order.iter().map(|field| row[field].clone());
        keys.collect::<Vec<_>>()
    });
    let total = rows.len().to_string();
    let (offset, limit) = (
        asked.number("sysparm_offset", 0),
        asked.number("sysparm_limit", 10_000),
    );
    let rows = rows.iter().skip(offset).take(limit);
    let rows: Vec<Value> = rows.map(|row| shown(row, asked)).collect();
    Reply::With(json!({"result": rows}), vec![("x-total-count", total)])
}

fn holds(condition: &str, row: &Row) -> bool {
    for (sign, holds) in [
        (">=", std::cmp::Ordering::is_ge as fn(_) -> bool),
        (">", std::cmp::Ordering::is_gt),
        ("=", std::cmp::Ordering::is_eq),
    ] {
        if let Some((field, value)) = condition.split_once(sign) {
            return holds(row[field].as_str().cmp(value));
        }
    }
    let (field, values) = condition.split_once("IN").expect(condition);
    values.split(',').any(|value| row[field] == value)
}

/// The fields that are asked for, in the form that is asked for; people's times are in another zone.
fn shown(row: &Row, asked: &Asked) -> Value {
    let fields = asked.get("sysparm_fields").unwrap_or_default();
    let is_both = asked.get("sysparm_display_value") == Some("all");
    let pairs = fields.split(',').map(|name| {
        let value = row.get(name).cloned().unwrap_or_default();
        if !is_both {
            return (name.to_owned(), json!(value));
        }
        let display = match name {
            "state" => {
                let known = ["new", "open", "solved", "closed"].map(state);
                let found = known.iter().find(|(number, _)| *number == value);
                found.map_or_else(String::new, |(_, word)| (*word).to_owned())
            }
            _ if name.ends_with("_on") || name.ends_with("_at") => elsewhere(&value),
            _ => value.clone(),
        };
        let both = json!({"value": value, "display_value": display});
        (name.to_owned(), both)
    });
    Value::Object(pairs.collect())
}

fn elsewhere(value: &str) -> String {
    chrono::NaiveDateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S")
        .map(|at| literal(at.and_utc() - TimeDelta::hours(7)))
        .unwrap_or_default()
}
