//! RT's lists: queues, the transaction log, tickets by the time of their last change. Rights are checked after a page was
//! cut, so that a page may be empty though more follow.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{RequestTracker, literal};
use crate::connectors::engine::{Api, Request, Span, Touched, rows_of};
use crate::connectors::http::Failure;
use crate::connectors::{PullError, json};

/// A page may be empty because all its rows are hidden from the token; so many are looked at, and then once more, before
/// a list is taken to end.
pub const EMPTY_PAGES: u32 = 2;

/// Nobody has that many queues; a server that repeats itself ends here.
const QUEUE_PAGES_MAX: u32 = 100;

/// The queues that are read: name by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues(BTreeMap<String, String>);

impl Queues {
    /// A queue's name.
    pub fn name(&self, id: &str) -> Option<String> {
        self.0.get(id).cloned()
    }

    /// Whether one is called so.
    pub fn has(&self, name: &str) -> bool {
        self.0
            .values()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    fn any(&self, field: &str) -> String {
        let each: Vec<_> = self.0.keys().map(|id| format!("{field} = {id}")).collect();
        format!("({})", each.join(" OR "))
    }

    /// Tickets of these queues.
    pub fn of_tickets(&self) -> String {
        self.any("Queue")
    }

    /// Transactions of tickets in these queues, without the copies of outgoing mail.
    pub fn of_transactions(&self) -> String {
        format!(
            "ObjectType = 'RT::Ticket' AND Type != 'EmailRecord' AND Type != 'CommentEmailRecord' AND {}",
            self.any("TicketQueue")
        )
    }

    /// The log behind an id; since a time, where nothing was read yet.
    pub fn log_behind(&self, span: &Span) -> String {
        let bound = match &span.after {
            Some(id) => format!("id > {id}"),
            None => format!("Created >= '{}'", literal(span.from)),
        };
        format!("{} AND {bound}", self.of_transactions())
    }

    /// Tickets that changed last in a span of time, behind an id.
    pub fn changed_in(&self, span: &Span) -> String {
        let (from, until) = (literal(span.from), literal(span.until));
        let behind = span.after.as_ref().map(|id| format!(" AND id > {id}"));
        format!(
            "{} AND LastUpdated >= '{from}' AND LastUpdated < '{until}'{}",
            self.of_tickets(),
            behind.unwrap_or_default()
        )
    }
}

/// Where a list is, page by page.
#[derive(Debug)]
pub struct Pages {
    number: u32,
    most: u32,
    empty: u32,
    is_checked: bool,
    seen: BTreeSet<u64>,
}

impl Pages {
    /// A list of at most so many pages.
    pub fn new(most: u32) -> Self {
        Self {
            number: 0,
            most,
            empty: 0,
            is_checked: false,
            seen: BTreeSet::new(),
        }
    }

    /// The page to ask for; none at the end of the list.
    pub fn next(&mut self) -> Option<u32> {
        if self.empty == EMPTY_PAGES && !self.is_checked {
            (self.number, self.empty) = (self.number - EMPTY_PAGES, 0);
            self.is_checked = true;
        }
        let is_over = self.empty == EMPTY_PAGES || self.number == self.most;
        self.number += u32::from(!is_over);
        (!is_over).then_some(self.number)
    }

    /// Whether the list went on where it was left.
    pub fn is_cut(&self) -> bool {
        self.empty < EMPTY_PAGES && self.number == self.most
    }

    /// Counts a page; one that has nothing new is an answer to another question.
    pub fn count(&mut self, rows: &[Value]) -> Result<(), Failure> {
        let ids = rows.iter().filter_map(|row| json::number(row, "id"));
        let new = ids.filter(|id| self.seen.insert(*id)).count();
        if new == 0 && !rows.is_empty() {
            let reason = "a page of a list of RT repeats".to_owned();
            return Err(PullError::Transient(reason).into());
        }
        if rows.is_empty() {
            self.empty += 1;
        } else {
            (self.empty, self.is_checked) = (0, false);
        }
        Ok(())
    }
}

impl RequestTracker {
    /// A page of a list, by ids.
    pub(super) fn page(&self, path: &str, fields: &str, number: u32) -> Request {
        Request::get(format!("REST/2.0/{path}"))
            .with("fields", fields)
            .with("orderby", "id")
            .with("per_page", self.settings.page_records)
            .with("page", number)
    }

    /// A page of tickets that a search finds.
    pub(super) fn tickets(&self, query: &str, fields: &str, number: u32) -> Request {
        self.page("tickets", fields, number)
            .with("query", query)
            .with("order", "ASC")
    }

    /// A page of the log.
    pub(super) fn transactions(&self, query: &str, order: &str, number: u32) -> Request {
        self.page("transactions", "ObjectId,ObjectType,Created", number)
            .with("query", query)
            .with("order", order)
    }

    /// The rows of a page, by their ids.
    pub(super) async fn rows(&self, api: Api<'_>, page: Request) -> Result<Vec<Value>, Failure> {
        let answer = api.get(page).await?;
        if answer.get("items").is_none() {
            let reason = "an answer of RT has no items".to_owned();
            return Err(PullError::Malformed(reason).into());
        }
        Ok(rows_of(&answer, "/items")?.to_vec())
    }

    /// The queues that the token sees and the configuration wants.
    pub(super) async fn queues(&self, api: Api<'_>) -> Result<Queues, Failure> {
        let (mut queues, mut pages) = (Queues::default(), Pages::new(QUEUE_PAGES_MAX));
        while let Some(number) = pages.next() {
            let rows = self
                .rows(api, self.page("queues/all", "Name", number))
                .await?;
            pages.count(&rows)?;
            let named = |row| json::text(row, "id").zip(json::text(row, "Name"));
            queues.0.extend(rows.iter().filter_map(named));
        }
        let wanted = &self.choices.queues;
        queues.0.retain(|_, name| {
            wanted.is_empty() || wanted.iter().any(|queue| queue.eq_ignore_ascii_case(name))
        });
        if queues.0.is_empty() {
            let reason = "the token sees none of the queues: grant SeeQueue, ShowTicket, \
                          ShowTicketComments and SeeCustomField on them to its user";
            return Err(PullError::Unauthorized(reason.to_owned()).into());
        }
        Ok(queues)
    }

    /// Those of the last page, where there was one.
    pub(super) async fn known_queues(&self, api: Api<'_>) -> Result<Queues, Failure> {
        let held = self.held_queues();
        if held == Queues::default() {
            self.queues(api).await
        } else {
            Ok(held)
        }
    }

    /// Goes on where all rows of a page are hidden, and puts rows into the order of their ids.
    pub(super) async fn look_behind_hidden_rows(
        &self,
        api: Api<'_>,
        mut page: Request,
        answer: &mut Value,
    ) -> Result<(), Failure> {
        if rows_of(answer, "/items")?.is_empty() {
            let first = page.clone();
            page.set("page", EMPTY_PAGES);
            let behind = api.get(page).await?;
            if !rows_of(&behind, "/items")?.is_empty() {
                // Going on there leaves out the first page: that it is empty must be true.
                let again = api.get(first).await?;
                let is_hidden = rows_of(&again, "/items")?.is_empty();
                *answer = if is_hidden { behind } else { again };
            }
        }
        if let Some(Value::Array(rows)) = answer.get_mut("items") {
            rows.sort_by_key(|row| json::number(row, "id"));
        }
        Ok(())
    }
}

/// Which ticket a transaction is about; none for one of something else.
pub fn entry(row: &Value) -> Result<Option<Touched>, String> {
    let id = json::number(row, "id").ok_or("the transaction has no id")?;
    if json::text(row, "ObjectType").is_some_and(|kind| kind != "RT::Ticket") {
        return Ok(None);
    }
    let ticket = json::text(row, "ObjectId").ok_or("the transaction names no ticket")?;
    Ok(Some(Touched {
        key: Some(id.to_string()),
        ..Touched::new(ticket, json::time(row, "Created"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn queues() -> Queues {
        let names = [("3", "Support"), ("7", "Phone")];
        Queues(
            names
                .map(|(id, name)| (id.to_owned(), name.to_owned()))
                .into(),
        )
    }

    #[test]
    fn a_query_names_the_queues_and_where_to_go_on() {
        let span = |after: Option<&str>| Span {
            from: "2026-03-02T09:00:00Z".parse().unwrap(),
            until: "2026-04-01T09:00:00Z".parse().unwrap(),
            after: after.map(str::to_owned),
        };
        let all = "ObjectType = 'RT::Ticket' AND Type != 'EmailRecord' AND Type != 'CommentEmailRecord' \
                   AND (TicketQueue = 3 OR TicketQueue = 7)";
        assert_eq!(
            queues().log_behind(&span(None)),
            format!("{all} AND Created >= '2026-03-02T09:00:00+00:00'")
        );
        assert_eq!(
            queues().log_behind(&span(Some("41"))),
            format!("{all} AND id > 41")
        );
        assert_eq!(
            queues().changed_in(&span(Some("5"))),
            "(Queue = 3 OR Queue = 7) AND LastUpdated >= '2026-03-02T09:00:00+00:00' \
             AND LastUpdated < '2026-04-01T09:00:00+00:00' AND id > 5"
        );
    }

    #[test]
    fn a_list_ends_after_two_empty_pages_seen_twice_and_must_not_repeat() {
        let mut pages = Pages::new(9);
        let rows = |ids: &[u32]| -> Vec<Value> {
            ids.iter().map(|id| json!({"id": id.to_string()})).collect()
        };
        let course = [
            (1, rows(&[1, 2])),
            (2, rows(&[])),
            (3, rows(&[3])),
            (4, rows(&[])),
            (5, rows(&[])),
            (4, rows(&[])),
            (5, rows(&[6])),
            (6, rows(&[])),
            (7, rows(&[])),
            (6, rows(&[])),
            (7, rows(&[])),
        ];
        for (number, page) in course {
            assert_eq!(pages.next(), Some(number));
            pages.count(&page).unwrap();
        }
        assert_eq!((pages.next(), pages.is_cut()), (None, false));
        let mut pages = Pages::new(2);
        pages.next();
        pages.count(&rows(&[1])).unwrap();
        pages.next();
        assert!(pages.count(&rows(&[1])).is_err());
        assert_eq!((pages.next(), pages.is_cut()), (None, true));
    }

    #[test]
    fn a_transaction_of_something_else_than_a_ticket_is_none_of_ours() {
        let row = |kind: &str| json!({"id": "41", "ObjectId": "7", "ObjectType": kind, "Created": "2026-03-02T09:00:00Z"});
        let touched = entry(&row("RT::Ticket")).unwrap().unwrap();
        assert_eq!(
            (touched.id.as_str(), touched.key.as_deref()),
            ("7", Some("41"))
        );
        assert_eq!(entry(&row("RT::User")), Ok(None));
        assert!(entry(&json!({"ObjectId": "7"})).is_err());
    }
}
