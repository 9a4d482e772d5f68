//! Salesforce's way of speaking: every question at one address in one language, rows that say of what type they are, what
//! lies in the bin beside what is there, a merged case in the bin, or not, with the one that stays; surveys whose subjects
//! hang on their responses, or on their invitations; notes as comments, and in the feed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, FieldPath, System};
use groundswell::connectors::salesforce;
use serde_json::{Value, json};
use url::Url;

use super::super::dialect::{Asked, Dialect, Limit, Powers, Reply, SECRET};
use super::super::tickets::{By, Comment, Ticket, Tickets};

/// Rows of a page, whatever is asked for.
const ROWS: usize = 2;

const QUERY: &str = "/services/data/v62.0/query";

pub struct Salesforce;

impl Dialect for Salesforce {
    fn name(&self) -> &'static str {
        "salesforce"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let credentials = Credentials::bearer(SECRET.to_owned().into());
        let mut settings = super::settings(url, credentials, &salesforce::KIND.usual, 2);
        settings.category = Some(FieldPath::new("Topic__c"));
        Arc::new(salesforce::Salesforce::new(settings).with(true, true))
    }

    fn powers(&self) -> Powers {
        Powers::WHOLE
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        asked.is_bearer(SECRET)
    }

    fn limit(&self, _: u64) -> Limit {
        Limit {
            status: 403,
            headers: Vec::new(),
            body: r#"[{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]"#,
        }
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if let Some(place) = asked
            .path
            .strip_prefix(QUERY)
            .and_then(|rest| rest.strip_prefix("/01g-"))
        {
            // The place is the question itself, with how many rows were given.
            let (rows, soql) = place.split_once('-').unwrap();
            let soql = String::from_utf8(bytes(soql)).unwrap();
            return ask(tickets, &soql, rows.parse().unwrap());
        }
        match asked.path.strip_prefix(QUERY) {
            Some("" | "All") => ask(tickets, asked.get("q").unwrap(), 0),
            _ => Reply::Status(404),
        }
    }

    fn id(&self, ticket: &Ticket) -> String {
        id(ticket.id)
    }
}

fn id(number: u64) -> String {
    format!("500{number:012}AAA")
}

fn ask(tickets: &Tickets, soql: &str, start: usize) -> Reply {
    let one = soql
        .rsplit_once("FROM Case WHERE Id = '")
        .map(|(_, id)| id.trim_end_matches('\''));
    if let Some(wanted) = one {
        assert!(
            soql.contains("Topic__c"),
            "only fields that are named come back"
        );
        let found = tickets
            .listed()
            .find(|ticket| id(ticket.id) == wanted)
            .or_else(|| {
                let number = wanted.get(3..15)?.parse().ok()?;
                tickets.find(number)
            });
        return page(found.map(case).into_iter().collect(), soql, 0);
    }
    if let Some(nested) = soql.strip_prefix("MAILS ") {
        let ticket = tickets.find(nested.parse().unwrap()).unwrap();
        return page(mails(ticket), soql, start);
    }
    let since = soql.split_once("SystemModstamp >= ").map(|(_, rest)| {
        let (since, order) = rest.split_once(' ').unwrap();
        assert_eq!(order, "ORDER BY SystemModstamp, Id");
        since.parse::<DateTime<Utc>>().unwrap()
    });
    let from = |object: &str| soql.contains(&format!(" FROM {object}"));
    let mut rows: Vec<(DateTime<Utc>, Value)> = if from("CaseStatus") {
        let status = |name: &str| json!({"attributes": {"type": "CaseStatus"}, "ApiName": name, "MasterLabel": name, "IsClosed": name == "solved"});
        return page(["new", "open", "solved"].map(status).into(), soql, start);
    } else if from("CaseComment") {
        children(tickets, "CaseComment", |place, one| is_note(one) && !is_post(place))
    } else if from("EmailMessage") {
        children(tickets, "EmailMessage", |_, one| !is_note(one))
    } else if from("Case") && since.is_some() {
        tickets
            .listed()
            .map(|ticket| (ticket.updated_at, short(ticket)))
            .collect()
    } else if from("Case") {
        let there = tickets
            .listed()
            .filter(|ticket| !is_in_bin(ticket));
        there
            .map(|ticket| (ticket.created_at, short(ticket)))
            .collect()
    } else if from("SurveyResponse") {
        rated(tickets)
            .map(|(ticket, (_, at))| (at, response(ticket, at)))
            .collect()
    } else if from("Survey") {
        return page(surveys(tickets, soql), soql, start);
    } else if from("FeedItem") {
        assert!(soql.contains("Type = 'TextPost'"), "{soql}");
        children(tickets, "FeedItem", |place, one| is_note(one) && is_post(place))
    } else {
        assert!(from("Task"), "{soql}");
        Vec::new()
    };
    rows.retain(|(at, _)| since.is_none_or(|since| *at >= since));
    let key = |(at, row): &(DateTime<Utc>, Value)| {
        (since.map(|_| *at), row["Id"].as_str().unwrap().to_owned())
    };
    rows.sort_by_key(key);
    page(rows.into_iter().map(|(_, row)| row).collect(), soql, start)
}

type Rating = (u64, DateTime<Utc>);

fn rated(tickets: &Tickets) -> impl Iterator<Item = (&Ticket, Rating)> {
    let there = tickets.listed().filter(|ticket| !is_in_bin(ticket));
    there.filter_map(|ticket| Some((ticket, ticket.rating?)))
}

fn invitation(ticket: &Ticket) -> String {
    format!("0Ki{:012}KAA", ticket.id)
}

fn response_id(ticket: &Ticket) -> String {
    format!("0Kr{:012}KAA", ticket.id)
}

fn response(ticket: &Ticket, at: DateTime<Utc>) -> Value {
    json!({"attributes": {"type": "SurveyResponse"}, "Id": response_id(ticket), "InvitationId": invitation(ticket),
        "SystemModstamp": stamp(at)})
}

/// The subject hangs on the response of every other case, else on the invitation.
fn parent(ticket: &Ticket) -> String {
    match ticket.id % 2 {
        0 => response_id(ticket),
        _ => invitation(ticket),
    }
}

/// Subjects, and answers, whose ids a question names.
fn surveys(tickets: &Tickets, soql: &str) -> Vec<Value> {
    let is_named = |id: &str| soql.contains(&format!("'{id}'"));
    let is_subject = soql.contains(" FROM SurveySubject");
    rated(tickets)
        .filter(|(ticket, _)| is_named(&id(ticket.id)) || is_named(&parent(ticket)))
        .map(|(ticket, (stars, at))| match is_subject {
            true => json!({"attributes": {"type": "SurveySubject"}, "Id": format!("0Kj{:012}KAA", ticket.id),
                "ParentId": parent(ticket), "SubjectId": id(ticket.id)}),
            false => json!({"attributes": {"type": "SurveyQuestionResponse"}, "Id": format!("0Kt{:012}KAA", ticket.id),
                "ResponseId": response_id(ticket), "InvitationId": invitation(ticket), "NumberValue": stars,
                "Question": {"QuestionType": "CSAT"}, "SystemModstamp": stamp(at)}),
        })
        .collect()
}

fn page(rows: Vec<Value>, soql: &str, start: usize) -> Reply {
    let total = rows.len();
    let shown: Vec<Value> = rows.into_iter().skip(start).take(ROWS).collect();
    let is_done = start + ROWS >= total;
    let mut answer = json!({"totalSize": total, "done": is_done, "records": shown});
    if !is_done {
        answer["nextRecordsUrl"] = json!(next(soql, start + ROWS));
    }
    let usage = "api-usage=18/15000".to_owned();
    Reply::With(answer, vec![("sforce-limit-info", usage)])
}

fn next(soql: &str, rows: usize) -> String {
    let place: String = soql.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{QUERY}/01g-{rows}-{place}")
}

fn bytes(text: &str) -> Vec<u8> {
    let pairs = (0..text.len() / 2).map(|place| &text[place * 2..place * 2 + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn is_note(comment: &Comment) -> bool {
    comment.by == By::Note
}

/// Every other note stands in the feed.
fn is_post(place: usize) -> bool {
    place % 2 == 1
}

fn short(ticket: &Ticket) -> Value {
    json!({"attributes": {"type": "Case"}, "Id": id(ticket.id), "SystemModstamp": stamp(ticket.updated_at)})
}

fn children(
    tickets: &Tickets,
    object: &str,
    is_one: impl Fn(usize, &Comment) -> bool,
) -> Vec<(DateTime<Utc>, Value)> {
    let mut rows = Vec::new();
    for ticket in tickets.listed() {
        for (place, comment) in ticket
            .comments
            .iter()
            .enumerate()
            .filter(|(place, one)| is_one(*place, one))
        {
            let row = json!({"attributes": {"type": object}, "Id": format!("00a{:09}{place:06}", ticket.id), "ParentId": id(ticket.id),
                "SystemModstamp": stamp(comment.at)});
            rows.push((comment.at, row));
        }
    }
    rows
}

/// Merged cases go there too, unless the organisation keeps them.
fn is_in_bin(ticket: &Ticket) -> bool {
    ticket.status == "deleted" || ticket.merged_into.is_some_and(|into| into > 2)
}

/// The first message is the description, as with a case that came by mail also the first mail.
fn mails(ticket: &Ticket) -> Vec<Value> {
    let said = ticket
        .comments
        .iter()
        .enumerate()
        .filter(|(_, one)| one.by != By::Note);
    said.map(|(place, one)| {
        json!({"attributes": {"type": "EmailMessage"}, "Id": format!("02s{place:06}"), "TextBody": one.text, "HtmlBody": null,
            "Incoming": one.by == By::Customer, "Status": "3", "MessageDate": stamp(one.at)})
    })
    .collect()
}

fn case(ticket: &Ticket) -> Value {
    let is_closed = ticket.status == "solved";
    let noted = |wants_posts: bool| {
        let notes = ticket.comments.iter().enumerate();
        let notes = notes.filter(move |(place, one)| is_note(one) && is_post(*place) == wants_posts);
        let notes = notes.map(|(place, one)| {
            json!({"Id": format!("00a{place}"), "CommentBody": one.text, "Body": one.text, "IsPublished": false,
                "Visibility": "InternalUsers", "CreatedDate": stamp(one.at), "CreatedBy": {"UserType": "Standard"}})
        });
        let notes: Vec<Value> = notes.collect();
        json!({"totalSize": notes.len(), "done": true, "records": notes})
    };
    let mails = mails(ticket);
    let mut shown = json!({"totalSize": mails.len(), "done": mails.len() <= ROWS, "records": mails.iter().take(ROWS).collect::<Vec<_>>()});
    if mails.len() > ROWS {
        shown["nextRecordsUrl"] = json!(next(&format!("MAILS {}", ticket.id), ROWS));
    }
    let change = |place: u32, old: &str, new: &str| {
        json!({"Id": format!("017{place}"), "Field": "Status", "OldValue": old, "NewValue": new,
            "CreatedDate": stamp(ticket.created_at + TimeDelta::seconds(i64::from(place)))})
    };
    let history: Vec<Value> = (0..ticket.reopens)
        .flat_map(|reopen| {
            [
                change(2 * reopen, "open", "solved"),
                change(2 * reopen + 1, "solved", "open"),
            ]
        })
        .collect();
    let history = (!history.is_empty())
        .then(|| json!({"totalSize": history.len(), "done": true, "records": history}));
    json!({
        "attributes": {"type": "Case"}, "Id": id(ticket.id), "CaseNumber": format!("{:08}", ticket.id), "Subject": ticket.subject,
        "Description": ticket.comments[0].text, "Status": ticket.status, "IsClosed": is_closed, "Origin": "Email", "Topic__c": ticket.category,
        "CreatedDate": if ticket.is_broken { Value::Null } else { Value::from(stamp(ticket.created_at)) },
        "SystemModstamp": stamp(ticket.updated_at), "ClosedDate": is_closed.then(|| stamp(ticket.updated_at)),
        "IsDeleted": is_in_bin(ticket), "MasterRecordId": ticket.merged_into.map(id),
        "AccountId": "001", "Account": {"attributes": {"type": "Account"}, "Name": "Nord"}, "ContactId": ticket.requester.to_string(),
        "CaseComments": noted(false), "EmailMessages": shown, "Tasks": null,
        "Histories": history, "Feeds": noted(true),
    })
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
