//! A thread's mails, wherever they lie: those that answer a mail and those that it answers are searched for by their
//! ids in every folder, and theirs again, until nothing new is found. While very many mails are new, an index of all
//! headers is asked instead.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::connect::Failure;
use super::folders::Folder;
use super::head::{Head, is_made};
use super::session::Session;
use super::thread::Place;

/// A program that names only the mail above makes one more round for each answer to an answer.
const ROUNDS_MAX: u32 = 12;

/// Mails that are looked at for one page; beyond that, threads are cut.
const HEADS_MAX: usize = 5_000;

/// Mails that an index holds; it takes a third of a kilobyte for each.
const INDEX_MAX: usize = 200_000;

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

/// What all mails of a mailbox say of each other. It is good for one pull: what happens meanwhile is not in it.
pub(super) struct Index {
    built_at: DateTime<Utc>,
    heads: BTreeMap<Place, Head>,
    /// Mails by their own id and by those that they name.
    by_id: BTreeMap<String, Vec<Place>>,
    /// Whether all mails fitted in.
    is_whole: bool,
}

impl Index {
    /// Reads the headers of all mails.
    pub(super) async fn build(
        session: &mut Session,
        folders: &[Folder],
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let mut index = Self {
            built_at: now,
            heads: BTreeMap::new(),
            by_id: BTreeMap::new(),
            is_whole: true,
        };
        for (number, folder) in folders.iter().enumerate() {
            match session.enter(&folder.wire).await {
                Err(Failure::No) => {
                    index.is_whole = false;
                    break;
                }
                entered => entered?,
            }
            let uids = session.search("ALL").await?;
            index.is_whole &= index.heads.len() + uids.len() <= INDEX_MAX;
            if !index.is_whole {
                break;
            }
            for (uid, marked) in session.heads(&uids).await? {
                if is_there(&marked.flags) {
                    let place = Place {
                        folder: number,
                        uid,
                    };
                    index.add(place, &marked.head);
                }
            }
        }
        if !index.is_whole {
            (index.heads, index.by_id) = Default::default();
        }
        Ok(index)
    }

    /// Whether it may be asked in a pull.
    pub(super) fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.is_whole && self.is_of(now)
    }

    /// Whether it was made in a pull, be it in vain.
    pub(super) fn is_of(&self, now: DateTime<Utc>) -> bool {
        self.built_at == now
    }

    /// Adds a mail, if it is new.
    pub(super) fn add(&mut self, place: Place, head: &Head) {
        if self.heads.insert(place, head.clone()).is_some() {
            return;
        }
        for id in head.parents.iter().chain([&head.id]) {
            self.by_id.entry(id.clone()).or_default().push(place);
        }
    }
}

impl Gathered {
    /// Adds all mails of the threads of those that are there, out of the index.
    pub(super) fn follow(&mut self, index: &Index) {
        let mut waiting: Vec<Place> = self.heads.keys().copied().collect();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        while let Some(place) = waiting.pop() {
            let head = &self.heads[&place];
            let ids: Vec<String> = head.parents.iter().chain([&head.id]).cloned().collect();
            for id in ids.into_iter().filter(|id| asked.insert(id.clone())) {
                for place in index.by_id.get(&id).into_iter().flatten() {
                    if self.heads.len() >= HEADS_MAX {
                        self.is_cut = true;
                        return;
                    }
                    if !self.heads.contains_key(place) {
                        self.heads.insert(*place, index.heads[place].clone());
                        waiting.push(*place);
                    }
                }
            }
        }
    }

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
    fn an_index_finds_what_searches_would() {
        let head = |id: &str, parents: &[&str]| Head {
            id: id.to_owned(),
            parents: parents.iter().map(|id| (*id).to_owned()).collect(),
            date: None,
        };
        let place = |folder, uid| Place { folder, uid };
        let mut index = Index {
            built_at: DateTime::UNIX_EPOCH,
            heads: BTreeMap::new(),
            by_id: BTreeMap::new(),
            is_whole: true,
        };
        let mails = [
            (place(0, 1), head("a", &[])),
            (place(1, 1), head("b", &["a"])),
            (place(0, 2), head("c", &["b"])),
            (place(0, 3), head("d", &["x"])),
        ];
        for (place, head) in mails.iter().chain(&mails) {
            index.add(*place, head);
        }
        let mut gathered = Gathered::default();
        gathered.heads.insert(place(0, 2), head("c", &["b"]));
        gathered.follow(&index);
        let found: Vec<Place> = gathered.heads.into_keys().collect();
        assert_eq!(found, [place(0, 1), place(0, 2), place(1, 1)]);
        assert!(index.is_good(DateTime::UNIX_EPOCH) && !index.is_good(DateTime::<Utc>::MAX_UTC));
    }

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
