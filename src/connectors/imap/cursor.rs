//! Where a mailbox was read to: per folder its UIDVALIDITY, the last UID and the last change of flags, and how far
//! a walk over everything has come.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connectors::Cursor;

const VERSION: u32 = 1;

/// Where a mailbox was read to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MailCursor {
    version: u32,
    /// By the folder's name.
    folders: BTreeMap<String, FolderCursor>,
    /// When the last walk over everything began.
    pub(super) swept_at: Option<DateTime<Utc>>,
    /// The walk that is under way.
    pub(super) sweep: Option<Walk>,
}

/// Where a folder was read to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FolderCursor {
    /// Another one means that its UIDs say nothing any more.
    pub(super) validity: u32,
    /// Mails up to here are read.
    pub(super) uid: u32,
    /// Changes of flags up to here are known, where the server counts them.
    pub(super) modseq: Option<u64>,
}

/// How far a walk over everything has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// When it began.
    pub(super) started_at: DateTime<Utc>,
    /// The folder that is walked through; those before it in the alphabet are done.
    pub(super) folder: String,
    /// Its UIDVALIDITY.
    pub(super) validity: u32,
    /// Its UIDs up to here are done.
    pub(super) uid: u32,
}

impl MailCursor {
    /// An unknown cursor starts anew: nothing doubles, because a mail's id leads to its conversation.
    pub(super) fn read(cursor: Option<&Cursor>) -> Self {
        cursor
            .and_then(|cursor| serde_json::from_str(&cursor.0).ok())
            .filter(|cursor: &Self| cursor.version == VERSION)
            .unwrap_or(Self {
                version: VERSION,
                ..Self::default()
            })
    }

    pub(super) fn write(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("plain data becomes JSON"))
    }

    /// Where the folder was read to; from the start when its UIDs were given anew.
    pub(super) fn folder(&self, name: &str, validity: u32) -> Option<FolderCursor> {
        let known = self.folders.get(name).copied();
        known.filter(|known| known.validity == validity)
    }

    /// Whether the folder was ever looked at.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.folders.contains_key(name)
    }

    pub(super) fn set(&mut self, name: &str, cursor: FolderCursor) {
        self.folders.insert(name.to_owned(), cursor);
    }

    /// Whether a mail in a folder was read before.
    pub(super) fn has_read(&self, name: &str, uid: u32) -> bool {
        self.folders.get(name).is_some_and(|known| uid <= known.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_uids_start_a_folder_anew_and_unknown_cursors_all() {
        let mut cursor = MailCursor::read(None);
        let folder = FolderCursor {
            validity: 7,
            uid: 40,
            modseq: Some(3),
        };
        cursor.set("INBOX", folder);
        let cursor = MailCursor::read(Some(&cursor.write()));
        assert_eq!(cursor.folder("INBOX", 7), Some(folder));
        assert_eq!(cursor.folder("INBOX", 8), None);
        assert!(cursor.has_read("INBOX", 40) && !cursor.has_read("INBOX", 41));
        for text in ["", "{}", "{\"version\":9,\"folders\":{}}", "nonsense"] {
            let read = MailCursor::read(Some(&Cursor(text.into())));
            assert_eq!(read, MailCursor::read(None), "{text}");
        }
    }
}
