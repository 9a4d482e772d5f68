//! What a system says of itself. Everything but reading a record and checking is pure.

use std::fmt;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Api, Rate, Request, Settings, Span, Stream, Touched};
use crate::connectors::OwnCount;
use crate::connectors::hook::{Proof, Signature};
use crate::connectors::http::Failure;
use crate::model::{Conversation, Record, Window};

/// What was read of a record.
#[derive(Debug)]
pub enum Read {
    /// It, or that it is gone.
    Record(Record),
    /// Several at once, such as all that a merge took away.
    Records(Vec<Record>),
    /// It is none of ours, such as a pull request among issues.
    Nothing,
    /// It makes no sense; why, without the customer's words.
    Broken(String),
}

impl Read {
    /// A conversation.
    pub fn whole(conversation: Conversation) -> Self {
        Self::Record(Record::Conversation(Box::new(conversation)))
    }

    /// A conversation, or why it makes no sense, with the address at which an agent opens it.
    pub fn linked(read: Result<Conversation, String>, link: String) -> Self {
        let with_link = |conversation| Conversation {
            url: Some(link),
            ..conversation
        };
        read.map(with_link).into()
    }
}

impl From<Result<Conversation, String>> for Read {
    fn from(read: Result<Conversation, String>) -> Self {
        read.map_or_else(Self::Broken, Self::whole)
    }
}

/// What is known of a record before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The row that named it; none for a record that is read again by its id alone.
    pub row: Option<&'a Value>,
    /// The answer that the row stood in, for what lies beside the rows.
    pub answer: &'a Value,
    /// The list's name.
    pub stream: &'a str,
}

/// One system's API: what, not how. Everything but `read` and `check` is pure.
pub trait System: Send + Sync + fmt::Debug {
    /// What all systems have.
    fn settings(&self) -> &Settings;

    /// The lists that tell of changes, in the order in which they are walked.
    fn streams(&self) -> Vec<Stream>;

    /// Learns what `list` must know before it can ask for a page, such as which queues there are.
    fn prepare<'a>(
        &'a self,
        api: Api<'a>,
        stream: &'a Stream,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let (_, _) = (api, stream);
        Box::pin(async { Ok(()) })
    }

    /// The request for a list between these bounds; the engine adds which page.
    fn list(&self, stream: &Stream, span: &Span) -> Request;

    /// Which record a row is about; none when it is about none of ours. An `Err` is why the row makes no sense.
    fn touched(&self, stream: &Stream, row: &Value) -> Result<Option<Touched>, String>;

    /// Completes a page of a list before its rows are looked at, where what they are about must be asked for. It may put
    /// several rows in the place of one, but must not leave a page empty that was not.
    fn complete<'a>(
        &'a self,
        api: Api<'a>,
        stream: &'a Stream,
        span: &'a Span,
        answer: &'a mut Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let (_, _, _, _) = (api, stream, span, answer);
        Box::pin(async { Ok(()) })
    }

    /// The record, whole.
    fn read<'a>(
        &'a self,
        api: Api<'a>,
        id: &'a str,
        seen: Seen<'a>,
    ) -> BoxFuture<'a, Result<Read, Failure>>;

    /// What `doctor` should tell a person beyond what failing requests say; asks as little as it can.
    fn check<'a>(&'a self, api: Api<'a>) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// The helpdesk's own counts of a window that is over; none where they are not asked for, or it has none.
    fn official<'a>(
        &'a self,
        api: Api<'a>,
        window: &'a Window,
    ) -> BoxFuture<'a, Result<Vec<OwnCount>, Failure>> {
        let (_, _) = (api, window);
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What the vendor allows, by class of requests; what it tells in its answers is learnt anyway.
    fn rates(&self) -> &'static [Rate] {
        &[]
    }

    /// Headers that go with every request.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What the credentials need when the server answers "forbidden".
    fn right(&self) -> &'static str {
        "the credentials may not read this; allow it in the helpdesk"
    }

    /// Whether ratings come in a list of their own: a conversation that is read for another reason does not say its.
    fn has_ratings_apart(&self) -> bool {
        false
    }

    /// How the vendor signs its calls in a header, in each of its ways. Who signs nothing may be told to send the secret in
    /// a header of ours.
    fn signatures(&self) -> &'static [Signature] {
        &[Signature::SHARED]
    }

    /// What shows that a call is from the vendor.
    fn proof(&self) -> Proof {
        Proof::Headers(self.signatures())
    }

    /// The header whose value the vendor wants to hear before it calls.
    fn challenge(&self) -> Option<&'static str> {
        None
    }
}
