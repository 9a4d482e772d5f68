//! A thread's mails, wherever they lie: those that answer a mail and those that it answers are searched for by their
//! ids in every folder, and theirs again, until nothing new is found.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::Failure;
use super::folders::Folder;
use super::head::{Head, is_made};
use super::session::Session;
use super::thread::Place;

/// A program that names only the mail above makes one more round for each answer to an answer.
const ROUNDS_MAX: u32 = 12;

/// Mails that are looked at for one page; beyond that, threads are cut.
const HEADS_MAX: usize = 5_000;

/// Letters of one search; some servers refuse longer lines than 8,192.
const SEARCH_CHARS_MAX: usize = 6_000;

/// Mails that belong together, and whether all of them could be looked for.
#[derive(Default)]
pub(super) struct Gathered {
    /// What they say of each other.
    pub(super) heads: BTreeMap<Place, Head>,
    /// There were more than are looked at.
    pub(super) is_cut: bool,
    /// A folder could not be opened: what lies in it is not known.
    pub(super) is_partial: bool,
}

impl Gathered {
    /// Adds all mails of the threads of those that are there, and of those with these ids.
    pub(super) async fn complete(
        &mut self,
        session: &mut Session,
        folders: &[Folder],
        ids: &[String],
    ) -> Result<(), Failure> {
        let mut asked: BTreeSet<String> = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let named = self
                .heads
                .values()
                .flat_map(|head| head.parents.iter().chain([&head.id]));
            let waiting: BTreeSet<String> = ids
                .iter()
                .chain(named)
                .filter(|id| !asked.contains(*id) && !is_made(id))
                .cloned()
                .collect();
            if waiting.is_empty() {
                return Ok(());
            }
            for (number, folder) in folders.iter().enumerate() {
                self.search(session, number, folder, &searches(&waiting))
                    .await?;
            }
            if self.heads.len() >= HEADS_MAX {
                break;
            }
            asked.extend(waiting);
        }
        self.is_cut = true;
        Ok(())
    }

    /// Adds mails of one folder that fit one of the searches.
    async fn search(
        &mut self,
        session: &mut Session,
        number: usize,
        folder: &Folder,
        searches: &[String],
    ) -> Result<(), Failure> {
        if !self.enter(session, folder).await? {
            return Ok(());
        }
        let mut uids = BTreeSet::new();
        for criteria in searches {
            uids.extend(session.search(criteria).await?);
        }
        let place = |uid| Place {
            folder: number,
            uid,
        };
        uids.retain(|uid| !self.heads.contains_key(&place(*uid)));
        let room = HEADS_MAX.saturating_sub(self.heads.len());
        let uids: Vec<u32> = uids.into_iter().take(room).collect();
        for (uid, marked) in session.heads(&uids).await? {
            if is_there(&marked.flags) {
                self.heads.insert(place(uid), marked.head);
            }
        }
        Ok(())
    }

    /// Adds the mails that have no id of their own and were given one of these.
    pub(super) async fn find_made(
        &mut self,
        session: &mut Session,
        folders: &[Folder],
        ids: &[String],
    ) -> Result<(), Failure> {
        for (number, folder) in folders.iter().enumerate() {
            if !self.enter(session, folder).await? {
                continue;
            }
            // Every header that is there holds the empty word.
            let uids = session.search("NOT HEADER Message-ID \"\"").await?;
            let heads = session.heads(&uids).await?.into_iter();
            let found = heads.filter(|(_, one)| is_there(&one.flags) && ids.contains(&one.head.id));
            self.heads.extend(found.map(|(uid, one)| {
                let place = Place {
                    folder: number,
                    uid,
                };
                (place, one.head)
            }));
        }
        Ok(())
    }

    async fn enter(&mut self, session: &mut Session, folder: &Folder) -> Result<bool, Failure> {
        match session.enter(&folder.wire).await {
            Ok(()) => Ok(true),
            Err(Failure::No) => {
                self.is_partial = true;
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Drafts, and mails that are marked to be deleted, are not there.
pub(super) fn is_there(flags: &[String]) -> bool {
    !flags
        .iter()
        .any(|flag| ["\\deleted", "\\draft"].contains(&flag.to_ascii_lowercase().as_str()))
}

/// Searches for mails that have one of these ids or name it.
fn searches(ids: &BTreeSet<String>) -> Vec<String> {
    let mut searches = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    let mut length = 0;
    for id in ids {
        for field in ["Message-ID", "References", "In-Reply-To"] {
            let key = format!("HEADER {field} \"<{id}>\"");
            if length + key.len() > SEARCH_CHARS_MAX {
                searches.push(any_of(&keys));
                keys.clear();
                length = 0;
            }
            length += key.len() + " OR ".len();
            keys.push(key);
        }
    }
    if !keys.is_empty() {
        searches.push(any_of(&keys));
    }
    searches
}

/// IMAP's OR takes two; halves keep it flat.
fn any_of(keys: &[String]) -> String {
    match keys {
        [] => String::new(),
        [key] => key.clone(),
        _ => {
            let (one, other) = keys.split_at(keys.len() / 2);
            format!("OR {} {}", any_of(one), any_of(other))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_asks_for_each_id_in_three_headers() {
        let ids = BTreeSet::from(["a@x".to_owned()]);
        let expected = "OR HEADER Message-ID \"<a@x>\" OR HEADER References \"<a@x>\" HEADER In-Reply-To \"<a@x>\"";
        assert_eq!(searches(&ids), [expected]);
    }

    #[test]
    fn a_search_stays_short_however_many_ids_there_are() {
        let ids: BTreeSet<String> = (0..300)
            .map(|n| format!("{n}-{}@x", "y".repeat(380)))
            .collect();
        let searches = searches(&ids);
        assert!(
            searches
                .iter()
                .all(|one| one.len() <= SEARCH_CHARS_MAX + 10)
        );
        let keys: usize = searches
            .iter()
            .map(|one| one.matches("HEADER").count())
            .sum();
        let ors: usize = searches.iter().map(|one| one.matches("OR ").count()).sum();
        assert_eq!((keys, ors), (900, 900 - searches.len()));
    }

    #[test]
    fn drafts_and_what_is_marked_as_deleted_are_not_there() {
        let flags = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        assert!(is_there(&flags(&["\\Seen", "Deleted", "draft"])));
        assert!(!is_there(&flags(&["\\DELETED"])) && !is_there(&flags(&["\\Draft"])));
    }
}
