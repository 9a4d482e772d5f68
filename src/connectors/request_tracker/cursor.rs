//! The place in the transaction log, with what must be remembered to re-read a little of it without
//! reading its tickets again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::log::Entry;
use crate::connectors::Cursor;

const VERSION: u32 = 1;

/// How many tickets are remembered as read ahead of the log.
const AHEAD_MAX: usize = 2_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogCursor {
    version: u32,
    /// The largest id read.
    pub last: u64,
    /// Ids near the last one that were read; others that turn up there came late.
    seen: BTreeSet<u64>,
    /// Nothing was waiting: the next read starts a little earlier.
    is_at_end: bool,
    /// Tickets that were read with transactions that the log has yet to show.
    ahead: BTreeMap<String, u64>,
}

impl LogCursor {
    pub fn read(cursor: Option<&Cursor>) -> Self {
        cursor
            .and_then(|cursor| serde_json::from_str(&cursor.0).ok())
            .filter(|cursor: &Self| cursor.version == VERSION)
            .unwrap_or(Self {
                version: VERSION,
                ..Self::default()
            })
    }

    pub fn write(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("plain data becomes JSON"))
    }

    /// Whether nothing was ever read.
    pub fn is_new(&self) -> bool {
        self.last == 0
    }

    /// The log is read from behind this id.
    pub fn start(&self, overlap: u64) -> u64 {
        if self.is_at_end {
            self.last.saturating_sub(overlap)
        } else {
            self.last
        }
    }

    pub fn at_end(&self) -> Self {
        Self {
            is_at_end: true,
            ..self.clone()
        }
    }

    /// The tickets to read, sorted, each with its newest transaction among the entries.
    pub fn touched(&self, entries: &[Entry]) -> Vec<(String, u64)> {
        let mut touched: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| !self.knows(entry)) {
            let newest = touched.entry(&entry.ticket).or_default();
            *newest = entry.id.max(*newest);
        }
        touched
            .into_iter()
            .map(|(ticket, newest)| (ticket.to_owned(), newest))
            .collect()
    }

    fn knows(&self, entry: &Entry) -> bool {
        let was_read_ahead = self
            .ahead
            .get(&entry.ticket)
            .is_some_and(|to| entry.id <= *to);
        self.seen.contains(&entry.id) || was_read_ahead
    }

    /// Behind these entries.
    pub fn advance(&self, entries: &[Entry], overlap: u64) -> Self {
        let last = entries
            .iter()
            .map(|entry| entry.id)
            .chain([self.last])
            .max()
            .unwrap_or(0);
        let ids = entries.iter().map(|entry| entry.id);
        let seen = self
            .seen
            .iter()
            .copied()
            .chain(ids)
            .filter(|id| id + overlap > last);
        let ahead = self.ahead.iter().filter(|(_, to)| **to > last);
        Self {
            version: VERSION,
            last,
            seen: seen.collect(),
            is_at_end: false,
            ahead: ahead.map(|(ticket, to)| (ticket.clone(), *to)).collect(),
        }
    }

    /// A ticket was read whole up to this transaction.
    pub fn note_read(&mut self, ticket: &str, to: u64) {
        if to > self.last && self.ahead.len() < AHEAD_MAX {
            self.ahead.insert(ticket.to_owned(), to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, ticket: &str) -> Entry {
        Entry {
            id,
            ticket: ticket.to_owned(),
        }
    }

    fn tickets(cursor: &LogCursor, entries: &[Entry]) -> Vec<String> {
        cursor
            .touched(entries)
            .into_iter()
            .map(|(ticket, _)| ticket)
            .collect()
    }

    #[test]
    fn late_ids_are_read_and_known_ones_are_not() {
        let first = [entry(1, "a"), entry(3, "b"), entry(4, "a")];
        let cursor = LogCursor::read(None);
        assert_eq!(tickets(&cursor, &first), ["a", "b"]);
        let cursor = LogCursor::read(Some(&cursor.advance(&first, 100).at_end().write()));
        assert_eq!(cursor.start(100), 0);
        let again = [entry(1, "a"), entry(2, "c"), entry(3, "b"), entry(4, "a")];
        assert_eq!(tickets(&cursor, &again), ["c"]);
    }

    #[test]
    fn the_overlap_is_forgotten_behind_it() {
        let entries: Vec<_> = (1..=300).map(|id| entry(id, "a")).collect();
        let cursor = LogCursor::read(None).advance(&entries, 100);
        assert_eq!((cursor.start(100), cursor.at_end().start(100)), (300, 200));
        assert_eq!(cursor.seen.len(), 100);
        assert_eq!(cursor.seen.first(), Some(&201));
    }

    #[test]
    fn a_ticket_read_ahead_is_read_again_only_for_what_is_newer() {
        let mut cursor = LogCursor::read(None).advance(&[entry(1, "a")], 100);
        cursor.note_read("a", 7);
        let cursor = LogCursor::read(Some(&cursor.write()));
        assert_eq!(tickets(&cursor, &[entry(7, "a")]), [""; 0]);
        assert_eq!(tickets(&cursor, &[entry(8, "a")]), ["a"]);
        let cursor = cursor.advance(&[entry(7, "a")], 100);
        assert!(cursor.ahead.is_empty());
    }

    #[test]
    fn an_unknown_cursor_starts_anew() {
        for text in ["", "{}", "{\"version\":99,\"last\":5}", "nonsense"] {
            assert!(
                LogCursor::read(Some(&Cursor(text.into()))).is_new(),
                "{text}"
            );
        }
    }
}
