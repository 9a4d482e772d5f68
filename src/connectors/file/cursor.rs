//! How far each file was read. Kept as JSON; a cursor of an unknown version reads everything anew,
//! which upserts make harmless.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connectors::Cursor;

const VERSION: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FilesCursor {
    version: u32,
    /// By path.
    pub files: BTreeMap<String, FileCursor>,
    /// When the newest conversation so far was opened.
    pub newest: Option<DateTime<Utc>>,
}

/// How far one file was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileCursor {
    /// Its size and time of change when it was read.
    pub size: u64,
    pub changed_ns: i128,
    /// Behind the last whole line that was read.
    pub place: Place,
    /// At this size the line without a newline at the end was dealt with.
    pub tail_size: Option<u64>,
}

/// A position in a file and the fingerprint of everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub offset: u64,
    /// Lines before it.
    pub line: u64,
    pub hash: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Place {
    /// Behind these bytes. The fingerprint is FNV-1a, because it can go on from where it was.
    pub fn advance(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            self.line += u64::from(*byte == b'\n');
        }
        self.offset += bytes.len() as u64;
    }
}

impl FilesCursor {
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
}
