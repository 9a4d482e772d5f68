//! What a page is about: new mails of a folder, or mails whose keywords changed.

use chrono::{DateTime, TimeDelta, Utc};

use super::Imap;
use super::connect::Failure;
use super::cursor::{FolderCursor, MailCursor};
use super::folders::{Folder, Role, is_aside, is_same, is_sent};
use super::gather::Index;
use super::session::{Listed, Opened, Session};
use crate::connectors::{Cursor, Page, PullError};

/// The mailbox is complete up to this long before it was read.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// UIDs that are searched through at once; doubled while nothing is found.
const WIDTH: u32 = 10_000;

/// With more new mails than this, headers are read into an index instead of being searched.
const BULK: usize = 500;

/// More folders are not looked through for a thread's mails.
const FOLDERS_MAX: usize = 100;

impl Imap {
    pub(super) async fn page(
        &self,
        session: &mut Session,
        cursor: Option<&Cursor>,
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
        let mut cursor = MailCursor::read(cursor);
        let folders = self.folders(session).await?;
        self.begin_sent(session, &folders, &mut cursor).await?;
        for (number, folder) in folders.iter().enumerate() {
            let Some((opened, mut at)) = self.enter(session, folder, &cursor).await? else {
                continue;
            };
            cursor.set(&folder.name, at);
            let found = async {
                let uids = self.remarked(session, &mut at, opened).await?;
                if !uids.is_empty() {
                    return Ok(uids);
                }
                let (uids, waiting) = self.news(session, &mut at, opened).await?;
                let has_none = !session.index.as_ref().is_some_and(|index| index.is_of(now));
                if waiting > BULK && has_none {
                    session.index = Some(Index::build(session, &folders, now).await?);
                    session.enter(&folder.wire).await?;
                }
                Ok(uids)
            };
            let uids = found.await;
            let uids =
                uids.map_err(|failure: Failure| failure.pull_error("looking for new mails"))?;
            if !uids.is_empty() {
                let read = self.touched(session, &folders, number, &uids, &cursor, now);
                let read = read.await;
                let read = read.map_err(|failure| failure.pull_error("reading mails"))?;
                cursor.set(&folder.name, at);
                return Ok(read.page(&cursor));
            }
            cursor.set(&folder.name, at);
        }
        // What is not there yet cannot be gone.
        let swept_at = *cursor.swept_at.get_or_insert(now);
        let is_due = self
            .config
            .sweep_every
            .is_some_and(|every| now - swept_at >= every);
        if is_due || cursor.sweep.is_some() {
            return self.sweep(session, &folders, cursor, now).await;
        }
        Ok(Page {
            is_last: true,
            complete_until: Some(now - MARGIN),
            ..Page::at(cursor.write())
        })
    }

    /// What the team sent before the first pull is read with its threads; what it sends from now on is news.
    async fn begin_sent(
        &self,
        session: &mut Session,
        folders: &[Folder],
        cursor: &mut MailCursor,
    ) -> Result<(), PullError> {
        let is_new = |folder: &&Folder| folder.role == Role::Sent && !cursor.knows(&folder.name);
        let folders: Vec<&Folder> = folders.iter().filter(is_new).collect();
        for folder in folders {
            match session.examine(&folder.wire).await {
                Ok(opened) => cursor.set(&folder.name, at_end(opened)),
                Err(Failure::No) => {}
                Err(failure) => return Err(failure.pull_error("opening a folder")),
            }
        }
        Ok(())
    }

    /// Opens a folder in which new mail is looked for; `None` for others.
    async fn enter(
        &self,
        session: &mut Session,
        folder: &Folder,
        cursor: &MailCursor,
    ) -> Result<Option<(Opened, FolderCursor)>, PullError> {
        let opened = match (folder.role, session.examine(&folder.wire).await) {
            (Role::Other, _) => return Ok(None),
            (_, Ok(opened)) => opened,
            (Role::Sent, Err(Failure::No)) => return Ok(None),
            (Role::Watched, Err(Failure::No)) => {
                return Err(PullError::Unauthorized(format!(
                    "the folder \"{}\" cannot be opened: check its name in folders, or let the user read it",
                    folder.name
                )));
            }
            (_, Err(failure)) => return Err(failure.pull_error("opening a folder")),
        };
        let anew = match folder.role {
            Role::Sent => at_end(opened),
            _ => FolderCursor {
                uid: 0,
                ..at_end(opened)
            },
        };
        let known = cursor.folder(&folder.name, opened.validity);
        Ok(Some((opened, known.unwrap_or(anew))))
    }

    /// Folders in which new mail is looked for, then those in which the rest of a thread may lie.
    pub(super) async fn folders(&self, session: &mut Session) -> Result<Vec<Folder>, PullError> {
        let config = &self.config;
        let watched = config.folders.iter().map(|name| Folder::watched(name));
        let mut folders: Vec<Folder> = watched.collect();
        let listed = session.list().await;
        let listed = listed.map_err(|failure| failure.pull_error("listing the folders"))?;
        let is_wanted = |one: &Listed| {
            let wanted = &config.thread_folders;
            match wanted.is_empty() {
                true => !one.is_aside && !is_aside(&one.name),
                false => wanted.iter().any(|name| is_same(name, &one.name)),
            }
        };
        let others = listed
            .into_iter()
            .filter(|one| one.is_open && is_wanted(one) && !config.watches(&one.name));
        folders.extend(others.map(|one| Folder {
            role: match one.is_sent || is_sent(&one.name) {
                true => Role::Sent,
                false => Role::Other,
            },
            name: one.name,
            wire: one.wire,
        }));
        // A mail that lies in several folders is taken from the first: what was sent is told from what came in.
        folders.sort_by_key(|folder| folder.role);
        folders.truncate(FOLDERS_MAX.max(config.folders.len()));
        Ok(folders)
    }

    /// Mails that were read before and whose keywords may have changed, where that matters and the server tells.
    async fn remarked(
        &self,
        session: &mut Session,
        at: &mut FolderCursor,
        opened: Opened,
    ) -> Result<Vec<u32>, Failure> {
        let matters = self.config.reading.follows_keywords();
        let (Some(known), Some(newest)) = (at.modseq, opened.modseq) else {
            at.modseq = opened.modseq;
            return Ok(Vec::new());
        };
        if !matters || newest <= known || at.uid == 0 {
            at.modseq = Some(newest);
            return Ok(Vec::new());
        }
        let changed = session.changed(at.uid, known).await?;
        let mut uids = Vec::new();
        let mut reached = newest;
        for (place, (modseq, uid)) in changed.iter().enumerate() {
            // Changes with the same number stay together: the cursor cannot stand between them.
            if place >= self.config.page_records && changed[place - 1].0 != *modseq {
                reached = changed[place - 1].0;
                break;
            }
            uids.push(*uid);
        }
        at.modseq = Some(reached);
        uids.sort_unstable();
        Ok(uids)
    }

    /// The next new mails of the open folder, and how many are waiting at least.
    async fn news(
        &self,
        session: &mut Session,
        at: &mut FolderCursor,
        opened: Opened,
    ) -> Result<(Vec<u32>, usize), Failure> {
        // Days are the server's: one more does no harm.
        let since = self.config.start.map(|start| start - TimeDelta::days(1));
        let since = since.map(|day| day.format(" SINCE %-d-%b-%Y").to_string());
        let since = since.unwrap_or_default();
        let end = opened.uid_next.map(|next| next.saturating_sub(1));
        let mut width = WIDTH;
        while end.is_none_or(|end| at.uid < end) {
            let Some(start) = at.uid.checked_add(1) else {
                break;
            };
            let (stop, range) = match end {
                Some(end) => {
                    let stop = end.min(at.uid.saturating_add(width));
                    (stop, format!("{start}:{stop}"))
                }
                None => (at.uid, format!("{start}:*")),
            };
            let mut uids = session.search(&format!("UID {range}{since}")).await?;
            // "*" is the last mail, even when it is older than the start.
            uids.retain(|uid| *uid >= start);
            let waiting = uids.len();
            uids.truncate(self.config.page_records);
            if let Some(last) = uids.last() {
                at.uid = *last;
                return Ok((uids, waiting));
            }
            at.uid = stop;
            if end.is_none() {
                break;
            }
            width = width.saturating_mul(2);
        }
        Ok((Vec::new(), 0))
    }
}

/// Behind all mails of a folder.
fn at_end(opened: Opened) -> FolderCursor {
    FolderCursor {
        validity: opened.validity,
        uid: opened.uid_next.unwrap_or(1).saturating_sub(1),
        modseq: opened.modseq,
    }
}

impl super::ImapConfig {
    /// Whether new mail is looked for in a folder of that name.
    pub(super) fn watches(&self, name: &str) -> bool {
        self.folders.iter().any(|watched| is_same(watched, name))
    }
}
