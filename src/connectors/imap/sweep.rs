//! A walk over all mails: which conversations are there. IMAP tells nobody what was deleted.

use chrono::{DateTime, Utc};

use super::Imap;
use super::connect::Failure;
use super::cursor::{MailCursor, Walk};
use super::folders::{Folder, Role};
use super::gather::is_there;
use super::head::escape;
use super::session::Session;
use crate::connectors::{Page, PullError, Sweep};

/// Headers of one page of the walk.
const MAILS: usize = 1_000;

impl Imap {
    /// The next page of the walk, in the alphabet of the folders.
    pub(super) async fn sweep(
        &self,
        session: &mut Session,
        folders: &[Folder],
        mut cursor: MailCursor,
        now: DateTime<Utc>,
    ) -> Result<Page, PullError> {
        let is_counted = |folder: &&Folder| folder.role != Role::Sent;
        let mut names: Vec<&Folder> = folders.iter().filter(is_counted).collect();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        let mut walk = cursor.sweep.take().unwrap_or(Walk {
            started_at: now,
            folder: String::new(),
            validity: 0,
            uid: 0,
        });
        let folder = names.iter().find(|folder| folder.name >= walk.folder);
        let mut present = Vec::new();
        if let Some(folder) = folder {
            let found = self.walk(session, folder, &mut walk).await;
            present = found.map_err(|failure| failure.pull_error("walking through the folders"))?;
            if walk.uid == u32::MAX {
                let next = names.iter().find(|one| one.name > folder.name);
                walk.folder =
                    next.map_or(format!("{}\u{1}", folder.name), |next| next.name.clone());
                (walk.uid, walk.validity) = (0, 0);
            }
        }
        let is_over = !names.iter().any(|folder| folder.name >= walk.folder);
        let sweep = Sweep {
            started_at: walk.started_at,
            present,
            expected: Vec::new(),
            since: None,
            prefix: String::new(),
            is_over,
        };
        if is_over {
            cursor.swept_at = Some(walk.started_at);
        } else {
            cursor.sweep = Some(walk);
        }
        Ok(Page {
            sweep: Some(sweep),
            ..Page::at(cursor.write())
        })
    }

    /// Ids of conversations in the next mails of a folder; the walk's UID is the highest there is when they are the last.
    async fn walk(
        &self,
        session: &mut Session,
        folder: &Folder,
        walk: &mut Walk,
    ) -> Result<Vec<String>, Failure> {
        let opened = match session.examine(&folder.wire).await {
            // Its conversations will be missed, and found again one by one or not at all.
            Err(Failure::No) => {
                walk.uid = u32::MAX;
                return Ok(Vec::new());
            }
            opened => opened?,
        };
        if folder.name != walk.folder || opened.validity != walk.validity {
            walk.uid = 0;
        }
        walk.folder.clone_from(&folder.name);
        walk.validity = opened.validity;
        let start = walk.uid.saturating_add(1);
        let mut uids = session.search(&format!("UID {start}:*")).await?;
        uids.retain(|uid| *uid >= start);
        let is_end = uids.len() <= MAILS;
        uids.truncate(MAILS);
        walk.uid = uids.last().copied().filter(|_| !is_end).unwrap_or(u32::MAX);
        let heads = session.heads(&uids).await?;
        let mut present: Vec<String> = Vec::new();
        for one in heads.values().filter(|one| is_there(&one.flags)) {
            present.push(escape(one.head.root()));
            // A program that names only the mail above does not tell its thread's name here; its own mail may be it.
            present.push(escape(&one.head.id));
        }
        present.sort();
        present.dedup();
        Ok(present)
    }
}
