//! The tickets, what people do with them, and what Groundswell should hold of them in the end.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::model::{Author, Exclusion, Visibility};

use super::START;

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
    /// It went to a place that is not read.
    pub is_moved: bool,
    pub reopens: u32,
    /// Stars that the requester gave, and when.
    pub rating: Option<(u64, DateTime<Utc>)>,
    /// Lists show it from then on: search indexes are late.
    pub listed_from: DateTime<Utc>,
}

/// What was done to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    Open,
    /// It said the comment at this place.
    Say(usize),
    Status(&'static str, &'static str),
    MergeInto(u64),
    /// Something that no text tells.
    Change,
}

/// One line of the log of everything that was done; their places in it are their numbers.
#[derive(Clone, Debug)]
pub struct Entry {
    pub ticket: u64,
    pub did: Did,
    pub at: DateTime<Utc>,
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
    log: Vec<Entry>,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            now: START.parse().unwrap(),
            tickets: BTreeMap::new(),
            is_bulk: false,
            lag: TimeDelta::zero(),
            is_hidden: false,
            log: Vec::new(),
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

    /// Each act takes a second, so that the order is clear.
    fn act(&mut self, id: u64, did: Did) -> &mut Ticket {
        self.tick();
        let (now, lag) = (self.now, self.lag);
        self.note(id, did);
        let ticket = self.tickets.get_mut(&id).unwrap();
        (ticket.updated_at, ticket.generated) = (now, now);
        ticket.listed_from = now + lag;
        ticket
    }

    fn note(&mut self, ticket: u64, did: Did) {
        let (at, listed_from) = (self.now, self.now + self.lag);
        self.log.push(Entry {
            ticket,
            did,
            at,
            listed_from,
        });
    }

    /// Everything that was done, in its order.
    pub fn log(&self) -> &[Entry] {
        &self.log
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

    /// A ticket as it is, whoever asks.
    pub fn known(&self, id: u64) -> Option<&Ticket> {
        self.tickets.get(&id)
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
                    dialect.expected_among(self, ticket, ticket.expected()),
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
            is_moved: false,
            reopens: 0,
            rating: None,
            listed_from: now + self.lag,
        };
        self.tickets.insert(id, ticket);
        self.note(id, Did::Open);
        id
    }

    pub fn reply(&mut self, id: u64, by: By, text: &str) {
        let place = self.tickets[&id].comments.len();
        let ticket = self.act(id, Did::Say(place));
        let at = ticket.updated_at;
        ticket.comments.push(Comment {
            by,
            at,
            text: text.to_owned(),
        });
        if by == By::Customer && ticket.status == "solved" {
            ticket.status = "open";
            ticket.reopens += 1;
            self.note(id, Did::Status("solved", "open"));
        }
    }

    pub fn set_category(&mut self, id: u64, category: &str) {
        self.act(id, Did::Change).category = Some(category.to_owned());
    }

    fn change_status(&mut self, id: u64, status: &'static str) {
        let before = self.tickets[&id].status;
        self.act(id, Did::Status(before, status)).status = status;
    }

    pub fn solve(&mut self, id: u64) {
        self.change_status(id, "solved");
    }

    /// It was opened so many days before, and not touched since.
    pub fn age(&mut self, id: u64, days: i64) {
        let ticket = self.tickets.get_mut(&id).unwrap();
        ticket.created_at -= TimeDelta::days(days);
        ticket.updated_at = ticket.created_at;
    }

    /// One to five stars; the ticket itself stays as it is.
    pub fn rate(&mut self, id: u64, stars: u64) {
        self.tick();
        let now = self.now;
        self.tickets.get_mut(&id).unwrap().rating = Some((stars, now));
    }

    pub fn delete(&mut self, id: u64) {
        self.change_status(id, "deleted");
    }

    pub fn restore(&mut self, id: u64) {
        self.change_status(id, "open");
    }

    /// Deleted for good: the words are gone, the date of the change stays as it was.
    pub fn scrub(&mut self, id: u64) {
        let before = self.tickets[&id].updated_at;
        let ticket = self.act(id, Did::Change);
        ticket.updated_at = before;
        ticket.is_scrubbed = true;
        ticket.status = "deleted";
        ticket.subject = "SCRUBBED".to_owned();
        ticket.comments.clear();
    }

    /// The words of one message are taken away; the message stays.
    pub fn redact(&mut self, id: u64, place: usize) {
        self.act(id, Did::Change).comments[place].text.clear();
    }

    /// It goes on in a place that is not read.
    pub fn move_away(&mut self, id: u64) {
        self.act(id, Did::Change).is_moved = true;
    }

    pub fn merge(&mut self, id: u64, into: u64) {
        let words = self.tickets[&id].comments[0].text.clone();
        let gone = self.act(id, Did::MergeInto(into));
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
        self.act(id, Did::Change).is_broken = true;
    }

    /// The system touches a ticket without changing it.
    pub fn touch(&mut self, id: u64) {
        let before = self.tickets[&id].updated_at;
        self.act(id, Did::Change).updated_at = before;
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
    pub fn expected(&self) -> Expected {
        let exclusion = if self.status == "deleted" || self.is_moved {
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
        let said = self.comments.iter().filter(|one| !one.text.is_empty());
        Expected {
            exclusion,
            status: Some(self.status.to_owned()),
            category: self.category.clone(),
            reopens: self.reopens,
            messages: said.map(message).collect(),
        }
    }
}
