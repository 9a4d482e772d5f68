//! Reading mails with their whole threads, and threads that are asked for by name.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::connect::Failure;
use super::conversation::{CategoryFrom, Filed};
use super::cursor::MailCursor;
use super::folders::{Folder, Role};
use super::gather::{Gathered, is_there};
use super::head::{Head, escape, is_made, unescape};
use super::session::Session;
use super::thread::{Place, Thread, threads};
use super::{Imap, mail};
use crate::connectors::{Cursor, Page, Parked, PullError, Skipped};
use crate::model::{ConversationKey, Record};

/// A thread has this many mails, or it is one of robots: its first and its last half are read.
const THREAD_MAILS_MAX: usize = 400;

/// What a page's threads were read as.
#[derive(Default)]
pub(super) struct Read {
    records: Vec<Record>,
    skipped: Vec<Skipped>,
    remarks: Vec<String>,
    /// Mails that were there a moment ago are not.
    is_missing: bool,
}

impl Imap {
    /// The threads of these mails.
    pub(super) async fn touched(
        &self,
        session: &mut Session,
        folders: &[Folder],
        number: usize,
        uids: &[u32],
        before: &MailCursor,
        now: DateTime<Utc>,
    ) -> Result<Read, Failure> {
        let mut seeds: BTreeMap<Place, Head> = BTreeMap::new();
        for (uid, marked) in session.heads(uids).await? {
            if is_there(&marked.flags) {
                let place = Place {
                    folder: number,
                    uid,
                };
                seeds.insert(place, marked.head);
            }
        }
        let ids: BTreeSet<String> = seeds.values().map(|head| head.id.clone()).collect();
        let (gathered, wanted, mut read) = loop {
            let mut gathered = Gathered::default();
            gathered.heads.clone_from(&seeds);
            let index = session.index.as_mut().filter(|index| index.is_good(now));
            let has_index = index.is_some();
            if let Some(index) = index {
                for (place, head) in &seeds {
                    index.add(*place, head);
                }
                gathered.follow(index);
            } else {
                gathered.complete(session, folders, &[]).await?;
            }
            let mut wanted = threads(&gathered.heads);
            let holds = |place: &Place| ids.contains(&gathered.heads[place].id);
            wanted.retain(|thread| {
                thread.places.iter().any(holds) && is_conversation(thread, folders)
            });
            let read = self.read(session, folders, &wanted, now).await?;
            // Something was moved or deleted since the index was made: it is wrong in more than this.
            if read.is_missing && has_index {
                session.index = None;
                continue;
            }
            break (gathered, wanted, read);
        };
        if gathered.is_cut {
            read.remarks.push(
                "some threads have more mails than are looked at: their conversations are cut"
                    .to_owned(),
            );
        }
        for thread in &wanted {
            let known = thread.places.iter().filter(|place| {
                let folder = &folders[place.folder];
                folder.role == Role::Watched && before.has_read(&folder.name, place.uid)
            });
            let known: BTreeMap<Place, Head> = known
                .map(|place| (*place, gathered.heads[place].clone()))
                .collect();
            let roots = threads(&known).into_iter().map(|thread| thread.root);
            let others = roots.filter(|root| *root != thread.root);
            read.records
                .extend(others.map(|root| self.merged(&root, &thread.root, now)));
        }
        Ok(read)
    }

    /// What was a conversation of its own belongs to another one, as a mail between them shows.
    fn merged(&self, root: &str, into: &str, now: DateTime<Utc>) -> Record {
        Record::Merged {
            key: self.key(root),
            into: escape(into),
            at: now,
        }
    }

    fn key(&self, root: &str) -> ConversationKey {
        ConversationKey {
            source: self.source.clone(),
            id: escape(root),
        }
    }

    /// Reads the mails of threads and makes conversations of them.
    async fn read(
        &self,
        session: &mut Session,
        folders: &[Folder],
        threads: &[Thread],
        now: DateTime<Utc>,
    ) -> Result<Read, Failure> {
        let mut by_folder: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for place in threads.iter().flat_map(|thread| halves(&thread.places)) {
            by_folder.entry(place.folder).or_default().push(place.uid);
        }
        let mut mails: BTreeMap<Place, Filed> = BTreeMap::new();
        let mut read = Read::default();
        for (number, mut uids) in by_folder {
            uids.sort_unstable();
            let folder = &folders[number];
            match session.enter(&folder.wire).await {
                Err(Failure::No) => continue,
                entered => entered?,
            }
            let before = mails.len();
            let skipped = self.read_folder(session, (number, folder), &uids, &mut mails);
            let skipped = skipped.await?;
            read.is_missing |= mails.len() - before + skipped.len() < uids.len();
            read.skipped.extend(skipped);
        }
        for thread in threads {
            let found = thread
                .places
                .iter()
                .filter_map(|place| mails.remove(place))
                .collect();
            let reading = &self.config.reading;
            let conversation = reading.conversation(&self.source, &thread.root, found, now);
            let record = conversation.map(|one| Record::Conversation(Box::new(one)));
            read.records.extend(record);
        }
        Ok(read)
    }

    async fn read_folder(
        &self,
        session: &mut Session,
        (number, folder): (usize, &Folder),
        uids: &[u32],
        mails: &mut BTreeMap<Place, Filed>,
    ) -> Result<Vec<Skipped>, Failure> {
        let header = match &self.config.reading.category_from {
            CategoryFrom::Header(name) => Some(name.as_str()),
            _ => None,
        };
        let skip = |uid: u32, reason: &str| Skipped {
            place: format!("{}:{uid}", folder.name),
            reason: reason.to_owned(),
        };
        let mut skipped = Vec::new();
        let refused = session.mails(
            uids,
            self.config.mail_bytes_max,
            |fetched| match mail::read(fetched.bytes, fetched.arrived, header) {
                Ok(mail) => {
                    let is_keyword = |flag: &String| !flag.starts_with('\\');
                    let filed = Filed {
                        mail,
                        keywords: fetched.flags.into_iter().filter(is_keyword).collect(),
                        folder: (folder.role == Role::Watched).then(|| folder.name.clone()),
                    };
                    let place = Place {
                        folder: number,
                        uid: fetched.uid,
                    };
                    mails.insert(place, filed);
                }
                Err(reason) => skipped.push(skip(fetched.uid, reason)),
            },
        );
        for uid in refused.await? {
            skipped.push(skip(uid, "the server cannot give this mail"));
        }
        Ok(skipped)
    }

    /// Reads conversations again: as they are now, gone, or part of another.
    pub(super) async fn again(
        &self,
        session: &mut Session,
        ids: &[String],
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
        let folders = self.folders(session).await?;
        let roots: Vec<String> = ids.iter().filter_map(|id| unescape(id)).collect();
        let made: Vec<String> = roots.iter().filter(|root| is_made(root)).cloned().collect();
        let mut gathered = Gathered::default();
        let reading = async {
            if !made.is_empty() {
                gathered.find_made(session, &folders, &made).await?;
            }
            gathered.complete(session, &folders, &roots).await?;
            let (heads, folders_of) = (&gathered.heads, &folders);
            let names = |thread: &Thread, root: &String| {
                let mut named = thread.places.iter().map(|place| &heads[place]);
                thread.root == *root
                    || named.any(|head| head.id == *root || head.parents.contains(root))
            };
            let mut found = threads(heads);
            found.retain(|thread| {
                is_conversation(thread, folders_of) && roots.iter().any(|root| names(thread, root))
            });
            let mut read = self.read(session, &folders, &found, now).await?;
            let mut missing = Vec::new();
            for root in &roots {
                match found.iter().find(|thread| names(thread, root)) {
                    Some(thread) if thread.root != *root => {
                        read.records.push(self.merged(root, &thread.root, now));
                    }
                    Some(_) => {}
                    None => missing.push(root.clone()),
                }
            }
            Ok((read, missing))
        };
        let read = reading
            .await
            .map_err(|failure: Failure| failure.pull_error("reading mails again"));
        let (read, missing) = read?;
        let mut page = Page::at(Cursor(String::new()));
        for root in missing {
            if gathered.is_partial || gathered.is_cut {
                page.parked.push(Parked {
                    id: escape(&root),
                    reason: "not every folder could be looked through for it".to_owned(),
                    retry_after_s: None,
                    is_missing: false,
                });
            } else {
                page.gone.push(escape(&root));
            }
        }
        Ok(Page {
            records: read.records,
            skipped: read.skipped,
            remarks: read.remarks,
            is_last: true,
            ..page
        })
    }
}

impl Read {
    pub(super) fn page(self, cursor: &MailCursor) -> Page {
        Page {
            records: self.records,
            skipped: self.skipped,
            remarks: self.remarks,
            ..Page::at(cursor.write())
        }
    }
}

/// What the team sent is no conversation by itself: nobody answered, or all but that is gone.
fn is_conversation(thread: &Thread, folders: &[Folder]) -> bool {
    let mut places = thread.places.iter();
    places.any(|place| folders[place.folder].role != Role::Sent)
}

/// The first and the last places of a very long thread.
fn halves(places: &[Place]) -> impl Iterator<Item = &Place> {
    let half = THREAD_MAILS_MAX / 2;
    let cut = places.len() > THREAD_MAILS_MAX;
    let (first, last) = match cut {
        true => (&places[..half], &places[places.len() - half..]),
        false => (places, &places[..0]),
    };
    first.iter().chain(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_very_long_thread_keeps_its_start_and_its_end() {
        let places: Vec<Place> = (1..=1_000).map(|uid| Place { folder: 0, uid }).collect();
        let kept: Vec<u32> = halves(&places).map(|place| place.uid).collect();
        assert_eq!(
            (kept.len(), kept[0], kept[199], kept[200], kept[399]),
            (400, 1, 200, 801, 1_000)
        );
        assert_eq!(halves(&places[..400]).count(), 400);
    }
}
