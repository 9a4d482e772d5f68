//! The tickets, what people do with them, and what Groundswell should hold of them in the end.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::model::{Author, Exclusion, Visibility};
use serde_json::{Value, json};

use super::START;

/// The export leaves out what is younger.
const HIDDEN_S: i64 = 60;

/// The id of the one agent.
const AGENT: u64 = 900;

/// Who writes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Customer,
    Agent,
    /// An agent, for agents.
    Note,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub by: By,
    pub at: DateTime<Utc>,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: u64,
    pub requester: u64,
    pub subject: String,
    /// new, open, solved, closed or deleted.
    pub status: &'static str,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// What the system does moves only this one.
    pub generated: DateTime<Utc>,
    pub comments: Vec<Comment>,
    /// It makes no sense: a dialect leaves out its date.
    pub is_broken: bool,
    pub is_scrubbed: bool,
    pub merged_into: Option<u64>,
    pub reopens: u32,
    /// No list of changes shows it, whatever happens to it.
    pub is_unseen: bool,
    /// Stars that the requester gave, and when.
    pub rating: Option<(u64, DateTime<Utc>)>,
    /// Lists show it from then on: search indexes are late.
    pub listed_from: DateTime<Utc>,
}

/// An instant as most vendors write it.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What Groundswell should hold of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub exclusion: Option<Exclusion>,
    pub status: Option<String>,
    pub category: Option<String>,
    pub reopens: u32,
    pub messages: Vec<(Author, Visibility, String)>,
}

/// All tickets, and the time.
pub struct Tickets {
    now: DateTime<Utc>,
    tickets: BTreeMap<u64, Ticket>,
    /// Acts take no time, so that many have one stamp.
    is_bulk: bool,
    /// How long lists do not show an act.
    lag: TimeDelta,
    /// Whoever asks may see nothing of it any more.
    is_hidden: bool,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            now: START.parse().unwrap(),
            tickets: BTreeMap::new(),
            is_bulk: false,
            lag: TimeDelta::zero(),
            is_hidden: false,
        }
    }
}

impl Tickets {
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub fn advance(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    /// How many tickets the search finds by a date; Groundswell knows no other.
    pub fn found(&self, field: &str, times: &Range<DateTime<Utc>>) -> usize {
        let is_found = |ticket: &&Ticket| match field {
            "created" => times.contains(&ticket.created_at),
            _ => ticket.status == "solved" && times.contains(&ticket.updated_at),
        };
        let is_there = |ticket: &&Ticket| ticket.status != "deleted";
        self.tickets
            .values()
            .filter(is_there)
            .filter(is_found)
            .count()
    }

    /// Each act takes a second, so that the order is clear.
    fn act(&mut self, id: u64) -> &mut Ticket {
        self.tick();
        let (now, lag) = (self.now, self.lag);
        let ticket = self.tickets.get_mut(&id).unwrap();
        (ticket.updated_at, ticket.generated) = (now, now);
        ticket.listed_from = now + lag;
        ticket
    }

    fn tick(&mut self) {
        if !self.is_bulk {
            self.advance(1);
        }
    }

    /// What is done in here has one and the same time.
    pub fn at_once(&mut self, act: impl FnOnce(&mut Self)) {
        self.is_bulk = true;
        act(self);
        self.is_bulk = false;
    }

    /// What is done in here shows in lists only so much later.
    pub fn late(&mut self, seconds: i64, act: impl FnOnce(&mut Self)) {
        self.lag = TimeDelta::seconds(seconds);
        act(self);
        self.lag = TimeDelta::zero();
    }

    /// The tickets that lists show now, deleted ones too, by id.
    pub fn listed(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets
            .values()
            .filter(|ticket| ticket.listed_from <= self.now && !self.is_hidden)
    }

    /// A ticket by its id, whatever lists show.
    pub fn find(&self, id: u64) -> Option<&Ticket> {
        self.tickets.get(&id).filter(|_| !self.is_hidden)
    }

    /// What Groundswell should hold, by the ids and with the limits of a vendor.
    pub fn expected_of(&self, dialect: &dyn super::Dialect) -> BTreeMap<String, Expected> {
        let whole = self.tickets.values().filter(|ticket| !ticket.is_broken);
        whole
            .map(|ticket| {
                (
                    dialect.id(ticket),
                    dialect.expected(ticket, ticket.expected()),
                )
            })
            .collect()
    }

    pub fn open(&mut self, subject: &str, text: &str) -> u64 {
        self.tick();
        let id = self.tickets.len() as u64 + 1;
        let now = self.now;
        let ticket = Ticket {
            id,
            requester: 100 + id % 3,
            subject: subject.to_owned(),
            status: "new",
            tags: Vec::new(),
            category: None,
            created_at: now,
            updated_at: now,
            generated: now,
            comments: vec![Comment {
                by: By::Customer,
                at: now,
                text: text.to_owned(),
            }],
            is_broken: false,
            is_scrubbed: false,
            merged_into: None,
            reopens: 0,
            is_unseen: false,
            rating: None,
            listed_from: now + self.lag,
        };
        self.tickets.insert(id, ticket);
        id
    }

    pub fn reply(&mut self, id: u64, by: By, text: &str) {
        let ticket = self.act(id);
        let at = ticket.updated_at;
        ticket.comments.push(Comment {
            by,
            at,
            text: text.to_owned(),
        });
        if by == By::Customer && ticket.status == "solved" {
            ticket.status = "open";
            ticket.reopens += 1;
        }
    }

    pub fn set_category(&mut self, id: u64, category: &str) {
        self.act(id).category = Some(category.to_owned());
    }

    pub fn solve(&mut self, id: u64) {
        self.act(id).status = "solved";
    }

    /// An index loses it: no list of changes shows it any more.
    pub fn lose(&mut self, id: u64) {
        self.tickets.get_mut(&id).unwrap().is_unseen = true;
    }

    /// One to five stars; the ticket itself stays as it is.
    pub fn rate(&mut self, id: u64, stars: u64) {
        self.tick();
        let now = self.now;
        self.tickets.get_mut(&id).unwrap().rating = Some((stars, now));
    }

    pub fn delete(&mut self, id: u64) {
        self.act(id).status = "deleted";
    }

    pub fn restore(&mut self, id: u64) {
        self.act(id).status = "open";
    }

    /// Deleted for good: the words are gone, the date of the change stays as it was.
    pub fn scrub(&mut self, id: u64) {
        let before = self.tickets[&id].updated_at;
        let ticket = self.act(id);
        ticket.updated_at = before;
        ticket.is_scrubbed = true;
        ticket.status = "deleted";
        ticket.subject = "SCRUBBED".to_owned();
        ticket.comments.clear();
    }

    pub fn merge(&mut self, id: u64, into: u64) {
        let words = self.tickets[&id].comments[0].text.clone();
        let gone = self.act(id);
        gone.status = "closed";
        gone.tags.push("closed_by_merge".to_owned());
        gone.merged_into = Some(into);
        self.reply(into, By::Note, &format!("merged from {id}: {words}"));
    }

    /// Takes from whoever asks the right to see any ticket, or gives it back. Nothing says so: lists are empty, and no
    /// record is found.
    pub fn hide(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// A ticket that makes no sense to a reader.
    pub fn break_ticket(&mut self, id: u64) {
        self.act(id).is_broken = true;
    }

    /// The system touches a ticket without changing it.
    pub fn touch(&mut self, id: u64) {
        let before = self.tickets[&id].updated_at;
        self.act(id).updated_at = before;
    }

    /// The tickets behind a place, oldest change first, and whether that is all.
    pub fn export(&self, after: (i64, u64), count: usize) -> (Vec<Value>, (i64, u64), bool) {
        let visible = self.now - TimeDelta::seconds(HIDDEN_S);
        let mut waiting: Vec<&Ticket> = self
            .tickets
            .values()
            .filter(|ticket| ticket.generated <= visible && ticket.place() > after)
            .collect();
        waiting.sort_by_key(|ticket| ticket.place());
        let is_end = waiting.len() <= count;
        waiting.truncate(count);
        let place = waiting.last().map_or(after, |ticket| ticket.place());
        (
            waiting.into_iter().map(Ticket::json).collect(),
            place,
            is_end,
        )
    }

    /// One page of a ticket's comments.
    pub fn comments(&self, id: u64, after: usize, count: usize) -> Option<(Vec<Value>, bool)> {
        let ticket = self
            .tickets
            .get(&id)
            .filter(|ticket| ticket.status != "deleted")?;
        let comments = ticket.comments.iter().enumerate().skip(after);
        let page = comments
            .take(count)
            .map(|(place, comment)| comment.json(ticket, place))
            .collect();
        Some((page, after + count < ticket.comments.len()))
    }

    pub fn users(&self) -> Vec<Value> {
        let customers = (100..103).map(|id| json!({"id": id, "role": "end-user", "name": "Anna"}));
        customers
            .chain([json!({"id": AGENT, "role": "agent", "name": "Tom"})])
            .collect()
    }

    pub fn metric_sets(&self) -> Vec<Value> {
        let sets = self.tickets.values();
        sets.map(|ticket| json!({"ticket_id": ticket.id, "reopens": ticket.reopens}))
            .collect()
    }

    /// What Groundswell should hold once everything is pulled; tickets that make no sense are left out.
    pub fn expected(&self) -> BTreeMap<String, Expected> {
        let whole = self.tickets.values().filter(|ticket| !ticket.is_broken);
        whole
            .map(|ticket| (ticket.id.to_string(), ticket.expected()))
            .collect()
    }
}

impl Ticket {
    fn place(&self) -> (i64, u64) {
        (self.generated.timestamp(), self.id)
    }

    pub fn json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let description = if self.is_scrubbed {
            "X"
        } else {
            self.comments.first().map_or("", |c| c.text.as_str())
        };
        json!({
            "id": self.id,
            "url": format!("https://evil.example/api/v2/tickets/{}.json", self.id),
            "created_at": if self.is_broken { Value::Null } else { Value::from(time(self.created_at)) },
            "updated_at": time(self.updated_at),
            "generated_timestamp": self.generated.timestamp(),
            "subject": self.subject, "raw_subject": self.subject, "description": description,
            "status": self.status, "priority": null, "type": "incident", "tags": self.tags,
            "requester_id": self.requester, "submitter_id": self.requester, "organization_id": 7,
            "via": {"channel": "email", "source": {}}, "satisfaction_rating": {"score": "unoffered"},
            "custom_fields": [{"id": 360_001, "value": self.category}],
            "fields": [{"id": 360_001, "value": self.category}],
        })
    }

    fn expected(&self) -> Expected {
        let exclusion = if self.status == "deleted" {
            Some(Exclusion::Deleted)
        } else if self.tags.iter().any(|tag| tag == "closed_by_merge") {
            Some(Exclusion::Merged)
        } else {
            None
        };
        if exclusion.is_some() {
            let (status, category, messages) = (None, None, Vec::new());
            return Expected {
                exclusion,
                status,
                category,
                reopens: 0,
                messages,
            };
        }
        let message = |comment: &Comment| {
            let (author, visibility) = match comment.by {
                By::Customer => (Author::Customer, Visibility::Public),
                By::Agent => (Author::Agent, Visibility::Public),
                By::Note => (Author::Agent, Visibility::Internal),
            };
            (author, visibility, comment.text.clone())
        };
        Expected {
            exclusion,
            status: Some(self.status.to_owned()),
            category: self.category.clone(),
            reopens: self.reopens,
            messages: self.comments.iter().map(message).collect(),
        }
    }
}

impl Comment {
    fn json(&self, ticket: &Ticket, place: usize) -> Value {
        let author = if self.by == By::Customer {
            ticket.requester
        } else {
            AGENT
        };
        json!({
            "id": ticket.id * 1_000 + place as u64,
            "type": "Comment",
            "author_id": author,
            "public": self.by != By::Note,
            "plain_body": self.text,
            "html_body": format!("<p>{}</p>", self.text),
            "created_at": self.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "via": {"channel": "email"},
            "metadata": {"system": {"ip_address": "203.0.113.7", "location": "Berlin", "latitude": 52.5}},
        })
    }
}
