//! What goes wrong, and with which request.

use std::collections::BTreeMap;
use std::time::Duration;

/// One way for a request to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a body that names a customer.
    Status(u16),
    /// 429, with or without seconds to wait.
    RateLimit(Option<u64>),
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The answer ends too early, but as if it were whole.
    Truncate,
    /// The answer is a page for people.
    Garbage,
    /// The page before is served again.
    Repeat,
    /// The answer comes after this long.
    Delay(Duration),
    /// The answer sends the client to another host.
    Redirect,
    /// Every address in the answer is on another host.
    Elsewhere,
}

/// Faults by the number of the request.
#[derive(Default)]
pub struct Plan(BTreeMap<u64, Fault>);

impl Plan {
    pub fn add(&mut self, request: u64, fault: Fault) {
        self.0.insert(request, fault);
    }

    pub fn take(&mut self, request: u64) -> Option<Fault> {
        self.0.remove(&request)
    }

    pub fn is_any_after(&self, request: u64) -> bool {
        self.0.range(request + 1..).next().is_some()
    }
}
