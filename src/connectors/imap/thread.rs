//! Which mails belong together, by what their headers say of each other. Pure.
//!
//! Subjects are not asked: "Question" is the subject of a hundred conversations.

use std::collections::{BTreeMap, BTreeSet};

use super::head::Head;

/// A mail's place: the folder by its number in this session, and its UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Number of the folder.
    pub(super) folder: usize,
    /// UID in it.
    pub(super) uid: u32,
}

/// Mails that answer each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    /// The id of the mail above all others, which may not be there itself.
    pub(super) root: String,
    /// One place of each mail, the oldest mail first.
    pub(super) places: Vec<Place>,
}

/// The threads of these mails. A mail that lies in two folders is taken from the first of them.
pub(super) fn threads(heads: &BTreeMap<Place, Head>) -> Vec<Thread> {
    let mut mails: BTreeMap<&str, (Place, &Head)> = BTreeMap::new();
    for (place, head) in heads {
        mails.entry(&head.id).or_insert((*place, head));
    }
    let mut links = Links::default();
    for (_, head) in mails.values() {
        links.add(head);
    }
    let mut groups: BTreeMap<&str, Vec<(Place, &Head)>> = BTreeMap::new();
    for (id, mail) in &mails {
        groups.entry(links.group(id)).or_default().push(*mail);
    }
    let mut threads: Vec<Thread> = groups
        .into_values()
        .map(|mut mails| {
            // Those without a date come last: nothing is opened by them.
            mails.sort_by_key(|(_, head)| (head.date.is_none(), head.date, &head.id));
            Thread {
                root: links.root(&mails[0].1.id).to_owned(),
                places: mails.iter().map(|(place, _)| *place).collect(),
            }
        })
        .collect();
    threads.sort_by(|one, other| one.root.cmp(&other.root));
    threads
}

/// Who stands above whom.
#[derive(Default)]
struct Links<'a> {
    above: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Leads from each id towards the name of its group.
    group: BTreeMap<&'a str, &'a str>,
}

impl<'a> Links<'a> {
    fn add(&mut self, head: &'a Head) {
        let mut before: Option<&'a str> = None;
        for id in head.parents.iter().chain([&head.id]) {
            self.above.entry(id).or_default().extend(before);
            if let Some(before) = before {
                self.join(before, id);
            }
            before = Some(id);
        }
    }

    fn join(&mut self, one: &'a str, other: &'a str) {
        let (one, other) = (self.group(one), self.group(other));
        if one != other {
            self.group.insert(one.max(other), one.min(other));
        }
    }

    fn group(&self, id: &'a str) -> &'a str {
        let mut at = id;
        while let Some(next) = self.group.get(at) {
            at = next;
        }
        at
    }

    /// The id above all others, from this one upwards. Headers that contradict each other may go in a circle: its
    /// smallest id is as good as any, as long as it is always the same.
    fn root(&self, start: &'a str) -> &'a str {
        let mut passed = BTreeSet::from([start]);
        let mut at = start;
        loop {
            let above = self.above.get(at).into_iter().flatten();
            match above.copied().find(|id| !passed.contains(id)) {
                Some(next) => at = next,
                None if self.above.get(at).is_none_or(BTreeSet::is_empty) => return at,
                None => return passed.first().copied().unwrap_or(at),
            }
            passed.insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(mails: &[(usize, u32, &str, &str)]) -> BTreeMap<Place, Head> {
        let head = |(folder, uid, id, parents): &(usize, u32, &str, &str)| {
            let place = Place {
                folder: *folder,
                uid: *uid,
            };
            let date = format!("2026-03-02T09:{:02}:00Z", uid % 60);
            let head = Head {
                id: (*id).to_owned(),
                parents: parents.split_whitespace().map(str::to_owned).collect(),
                date: date.parse().ok(),
            };
            (place, head)
        };
        mails.iter().map(head).collect()
    }

    fn found(mails: &[(usize, u32, &str, &str)]) -> Vec<(String, Vec<u32>)> {
        threads(&heads(mails))
            .into_iter()
            .map(|thread| {
                (
                    thread.root,
                    thread.places.iter().map(|one| one.uid).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn answers_stand_below_what_they_answer_in_any_folder() {
        let mails = [
            (0, 1, "a", ""),
            (1, 2, "b", "a"),
            (0, 3, "c", "a b"),
            (0, 4, "d", ""),
        ];
        let expected = [("a".to_owned(), vec![1, 2, 3]), ("d".to_owned(), vec![4])];
        assert_eq!(found(&mails), expected);
    }

    #[test]
    fn a_mail_that_is_not_there_still_holds_its_answers_together() {
        let mails = [(0, 2, "b", "a"), (0, 3, "c", "a"), (0, 4, "e", "x c")];
        assert_eq!(found(&mails), [("a".to_owned(), vec![2, 3, 4])]);
    }

    #[test]
    fn a_program_that_names_only_the_last_mail_finds_the_first() {
        let mails = [(0, 3, "c", "b"), (0, 2, "b", "a"), (0, 1, "a", "")];
        assert_eq!(found(&mails), [("a".to_owned(), vec![1, 2, 3])]);
        assert_eq!(found(&mails[..1]), [("b".to_owned(), vec![3])]);
    }

    #[test]
    fn a_copy_in_another_folder_is_the_same_mail() {
        let mails = [(0, 9, "a", ""), (2, 1, "a", ""), (1, 2, "b", "a")];
        assert_eq!(found(&mails), [("a".to_owned(), vec![2, 9])]);
    }

    #[test]
    fn a_circle_ends() {
        let mails = [(0, 1, "b", "c"), (0, 2, "c", "b")];
        assert_eq!(found(&mails), [("b".to_owned(), vec![1, 2])]);
    }

    proptest! {
        #[test]
        fn every_mail_is_in_one_thread_whatever_it_says(
            mails in proptest::collection::vec((0..3_usize, 1..50_u32, "[a-f]", "([a-f] ){0,3}"), 0..20)
        ) {
            let mails: Vec<_> = mails.iter().map(|(f, u, id, p)| (*f, *u, id.as_str(), p.as_str())).collect();
            let heads = heads(&mails);
            let ids: BTreeSet<&str> = heads.values().map(|head| head.id.as_str()).collect();
            let threads = threads(&heads);
            let placed: Vec<&str> = threads
                .iter()
                .flat_map(|thread| &thread.places)
                .map(|place| heads[place].id.as_str())
                .collect();
            prop_assert_eq!(placed.len(), ids.len());
            prop_assert_eq!(placed.into_iter().collect::<BTreeSet<_>>(), ids);
        }
    }
}
