//! History: a run between two times that stay. Nothing of it comes again with a later run, so the end of a list, and a page
//! that looks as the one before it did, are believed only when they were seen twice: one answer may be about another
//! question, and going on behind it would leave rows out.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::stream::Touched;
use super::walk::Walk;

impl Walk {
    /// Begins a run between two times that stay.
    pub fn begin_slice(&mut self, from: DateTime<Utc>, until: DateTime<Utc>) {
        *self = Self {
            from: Some(from),
            until: Some(until),
            goal: Some(until),
            ..Self::default()
        };
    }

    /// Goes back to where it was before a page that ended the list or was the one before it, the first time.
    pub(super) fn doubt(&mut self, before: Self, is_end: bool, shown: Option<u32>) {
        self.shown = shown;
        let is_same = shown.is_some() && shown == before.shown;
        self.is_checked = !before.is_checked && (is_end || is_same || self.is_done);
        if self.is_checked {
            let (settled, looks) = (
                std::mem::take(&mut self.settled),
                std::mem::take(&mut self.looks),
            );
            *self = Self {
                settled,
                looks,
                is_checked: true,
                ..before
            };
        }
    }
}

/// How a page looks, where it has rows.
pub(super) fn look(rows: &[Touched]) -> Option<u32> {
    if rows.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for row in rows {
        let at = row.at.map_or(0, |at| at.timestamp_micros());
        hash.update(row.id.as_bytes());
        hash.update(at.to_le_bytes());
    }
    let hash = hash.finalize();
    Some(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
}

#[cfg(test)]
mod tests {
    use super::super::paging::{Paging, Position};
    use super::super::stream::{Follow, Stream};
    use super::super::walk::Turned;
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_page_that_looks_as_the_one_before_is_asked_for_again() {
        let until: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        let (again, longest) = (TimeDelta::zero(), TimeDelta::days(60));
        let paging = Paging::UntilEmpty {
            name: "page",
            first: 1,
        };
        let stream = Stream::new("calls", Follow::Trailing { again, longest }, paging, "");
        let mut walk = Walk::default();
        walk.begin_slice(until - TimeDelta::days(30), until);
        let mut turn = |ids: &[&str], next: Option<u32>| {
            let rows: Vec<_> = ids.iter().map(|id| Touched::new(*id, None)).collect();
            let turned = Turned {
                rows: &rows,
                parked: &[],
                next: next.map(Position::Number),
                token: None,
            };
            walk.turn(&stream, turned, Some(until), until).unwrap();
            (walk.position().cloned(), walk.is_done)
        };
        let at = |number| (Some(Position::Number(number)), false);
        assert_eq!(turn(&["a", "b"], Some(2)), at(2));
        // An answer that came twice: the second page is asked for once more.
        assert_eq!(turn(&["a", "b"], Some(3)), at(2));
        assert_eq!(turn(&["c", "d"], Some(3)), at(3));
        assert_eq!(turn(&["e"], None), at(3));
        assert!(turn(&["e"], None).1);
    }

    #[test]
    fn an_end_is_believed_when_it_was_seen_twice() {
        let until: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        let longest = TimeDelta::days(60);
        let stream = Stream::new("all", Follow::Window { longest }, Paging::Keyset, "");
        let mut walk = Walk::default();
        walk.begin_slice(until - TimeDelta::days(30), until);
        let mut turn = |ids: &[&str]| {
            let at = until - TimeDelta::days(3);
            let rows: Vec<_> = ids.iter().map(|id| Touched::new(*id, Some(at))).collect();
            let next = ids.last().map(|id| Position::Key((*id).to_owned()));
            let turned = Turned {
                rows: &rows,
                parked: &[],
                next,
                token: None,
            };
            walk.turn(&stream, turned, Some(until), until).unwrap();
            (walk.span(until).after, walk.is_done)
        };
        assert_eq!(turn(&["a", "b"]), (Some("b".to_owned()), false));
        // Not the end, as the second look tells.
        assert_eq!(turn(&[]), (Some("b".to_owned()), false));
        assert_eq!(turn(&["c"]), (Some("c".to_owned()), false));
        assert_eq!(turn(&[]), (Some("c".to_owned()), false));
        assert!(turn(&[]).1);
    }
}
