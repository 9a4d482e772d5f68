//! What a page is about: new mails of a folder, or mails whose keywords changed.

use chrono::{DateTime, TimeDelta, Utc};

use super::Imap;
use super::connect::Failure;
use super::cursor::{FolderCursor, MailCursor};
use super::folders::{Folder, is_aside, is_same};
use super::session::{Opened, Session};
use crate::connectors::{Cursor, Page, PullError};

/// The mailbox is complete up to this long before it was read.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// UIDs that are searched through at once; doubled while nothing is found.
const WIDTH: u32 = 10_000;

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
        for (number, folder) in folders.iter().enumerate().filter(|(_, one)| one.is_watched) {
            let opened = self.watch(session, folder).await?;
            let known = cursor.folder(&folder.name, opened.validity);
            let mut at = known.unwrap_or(FolderCursor {
                validity: opened.validity,
                uid: 0,
                modseq: opened.modseq,
            });
            cursor.set(&folder.name, at);
            let found = async {
                let uids = self.remarked(session, &mut at, opened).await?;
                if uids.is_empty() {
                    self.news(session, &mut at, opened).await
                } else {
                    Ok(uids)
                }
            };
            let uids = found
                .await
                .map_err(|failure| failure.pull_error("looking for new mails"))?;
            if !uids.is_empty() {
                let read = self.touched(session, &folders, number, &uids, &cursor, now);
                let read = read
                    .await
                    .map_err(|failure| failure.pull_error("reading mails"))?;
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

    /// Folders in which new mail is looked for, then those in which the rest of a thread may lie.
    pub(super) async fn folders(&self, session: &mut Session) -> Result<Vec<Folder>, PullError> {
        let config = &self.config;
        let watched = config.folders.iter().map(|name| Folder::new(name, true));
        let mut folders: Vec<Folder> = watched.collect();
        if config.thread_folders.is_empty() {
            let listed = session.list().await;
            let listed = listed.map_err(|failure| failure.pull_error("listing the folders"))?;
            let others = listed.into_iter().filter(|one| {
                one.is_open && !one.is_aside && !is_aside(&one.name) && !config.watches(&one.name)
            });
            folders.extend(others.map(|one| Folder {
                name: one.name,
                wire: one.wire,
                is_watched: false,
            }));
        } else {
            let others = config
                .thread_folders
                .iter()
                .filter(|name| !config.watches(name));
            folders.extend(others.map(|name| Folder::new(name, false)));
        }
        folders.truncate(FOLDERS_MAX.max(config.folders.len()));
        Ok(folders)
    }

    async fn watch(&self, session: &mut Session, folder: &Folder) -> Result<Opened, PullError> {
        let opened = session.examine(&folder.wire).await;
        opened.map_err(|failure| match failure {
            Failure::No => PullError::Unauthorized(format!(
                "the folder \"{}\" cannot be opened: check its name in folders, or let the user read it",
                folder.name
            )),
            other => other.pull_error("opening a folder"),
        })
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

    /// The next new mails of the open folder.
    async fn news(
        &self,
        session: &mut Session,
        at: &mut FolderCursor,
        opened: Opened,
    ) -> Result<Vec<u32>, Failure> {
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
            uids.truncate(self.config.page_records);
            if let Some(last) = uids.last() {
                at.uid = *last;
                return Ok(uids);
            }
            at.uid = stop;
            if end.is_none() {
                break;
            }
            width = width.saturating_mul(2);
        }
        Ok(Vec::new())
    }
}

impl super::ImapConfig {
    /// Whether new mail is looked for in a folder of that name.
    pub(super) fn watches(&self, name: &str) -> bool {
        self.folders.iter().any(|watched| is_same(watched, name))
    }
}
