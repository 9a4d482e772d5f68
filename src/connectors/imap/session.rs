//! The few commands that are needed of IMAP. They only read: folders
//! are opened with EXAMINE, mails fetched with BODY.PEEK, so that no flag changes.
//!
//! An answer counts only when the server said OK to the whole of it: a list that was cut off would look like mails
//! that were deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, NameAttribute, Response, Status};
use chrono::{DateTime, Utc};
use tokio_rustls::TlsConnector;

use super::ImapConfig;
use super::connect::{Failure, LoggedIn, log_in, refusal, within};
use super::folders::decode;
use super::gather::Index;
use super::head::{FIELDS, Head};
use crate::connectors::PullError;

/// A header is read up to here.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// UIDs of one command; a longer line would be refused by some servers.
const UIDS_MAX: usize = 200;

/// So many bytes of mails are asked for at once.
const FETCH_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// A folder as it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) validity: u32,
    pub(super) uid_next: Option<u32>,
    pub(super) modseq: Option<u64>,
}

/// A folder that the server lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// As the protocol writes it.
    pub(super) wire: String,
    /// As people write it.
    pub(super) name: String,
    /// Whether it can be opened.
    pub(super) is_open: bool,
    /// Whether the server says that it holds trash, junk or drafts.
    pub(super) is_aside: bool,
    /// Whether the server says that it holds what was sent.
    pub(super) is_sent: bool,
}

/// A mail as the server gives it.
pub(super) struct Fetched<'a> {
    pub(super) uid: u32,
    pub(super) flags: Vec<String>,
    pub(super) arrived: Option<DateTime<Utc>>,
    pub(super) modseq: Option<u64>,
    pub(super) bytes: &'a [u8],
}

/// A header with its mail's flags.
pub(super) struct Marked {
    pub(super) head: Head,
    pub(super) flags: Vec<String>,
}

/// A connection that is logged in.
pub(super) struct Session {
    inner: LoggedIn,
    timeout: Duration,
    /// The folder that is open, as the protocol writes it.
    open: Option<String>,
    /// What all mails say of each other, where so many are new that searching for each would take too long.
    pub(super) index: Option<Index>,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(config: &ImapConfig, tls: &TlsConnector) -> Result<Self, PullError> {
        Ok(Self {
            inner: log_in(config, tls).await?,
            timeout: config.timeout,
            open: None,
            index: None,
        })
    }

    /// Says goodbye; a server that does not answer does not matter.
    pub(super) async fn close(mut self) {
        let _ = self.ask("LOGOUT", |_| ()).await;
    }

    /// Wants changes of flags to be counted. Some servers begin only when they are asked to, others cannot.
    pub(super) async fn count_changes(&mut self) {
        let _ = self.ask("ENABLE CONDSTORE", |_| ()).await;
    }

    /// Whether the connection still works.
    pub(super) async fn is_alive(&mut self) -> bool {
        self.ask("NOOP", |_| ()).await.is_ok()
    }

    /// Sends a command and looks at each answer until the server says that it is done.
    async fn ask(
        &mut self,
        command: &str,
        mut each: impl FnMut(&Response<'_>),
    ) -> Result<(), Failure> {
        let id = within(self.timeout, async {
            Ok(self.inner.run_command(command).await?)
        })
        .await?;
        loop {
            let read = within(self.timeout, async {
                Ok(self.inner.read_response().await?)
            });
            let Some(response) = read.await? else {
                return Err(Failure::Lost);
            };
            match response.parsed() {
                Response::Done {
                    tag,
                    status,
                    outcome,
                } if *tag == id => {
                    return match status {
                        Status::Ok => Ok(()),
                        Status::No => Err(refusal(outcome.information.as_deref().unwrap_or(""))),
                        _ => Err(Failure::Strange),
                    };
                }
                other => each(other),
            }
        }
    }

    /// All folders.
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>, Failure> {
        let mut found = Vec::new();
        self.ask("LIST \"\" \"*\"", |response| {
            if let Response::MailboxData(MailboxDatum::List(data)) = response {
                let has = |wanted: &[NameAttribute<'_>]| {
                    data.name_attributes.iter().any(|one| wanted.contains(one))
                };
                let is_sent = has(&[NameAttribute::Sent]);
                let gone = NameAttribute::Extension("\\NonExistent".into());
                found.push(Listed {
                    wire: data.name.to_string(),
                    name: decode(&data.name),
                    is_open: !has(&[NameAttribute::NoSelect, gone]),
                    is_aside: has(&[
                        NameAttribute::Trash,
                        NameAttribute::Junk,
                        NameAttribute::Drafts,
                    ]),
                    is_sent,
                });
            }
        })
        .await?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Opens a folder for reading.
    pub(super) async fn examine(&mut self, wire: &str) -> Result<Opened, Failure> {
        self.open = None;
        let mailbox = within(self.timeout, async { Ok(self.inner.examine(wire).await?) }).await?;
        self.open = Some(wire.to_owned());
        Ok(Opened {
            validity: mailbox.uid_validity.unwrap_or(0),
            uid_next: mailbox.uid_next,
            modseq: mailbox.highest_modseq,
        })
    }

    /// Opens a folder unless it is open.
    pub(super) async fn enter(&mut self, wire: &str) -> Result<(), Failure> {
        if self.open.as_deref() != Some(wire) {
            self.examine(wire).await?;
        }
        Ok(())
    }

    /// UIDs that fit, in order.
    pub(super) async fn search(&mut self, criteria: &str) -> Result<Vec<u32>, Failure> {
        let mut uids = Vec::new();
        self.ask(&format!("UID SEARCH {criteria}"), |response| {
            if let Response::MailboxData(MailboxDatum::Search(found)) = response {
                uids.extend(found);
            }
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// UIDs up to `last` whose flags changed after `modseq`, with the number of that change, in its order.
    pub(super) async fn changed(
        &mut self,
        last: u32,
        modseq: u64,
    ) -> Result<Vec<(u64, u32)>, Failure> {
        let mut changed = Vec::new();
        let command = format!("UID FETCH 1:{last} (UID MODSEQ) (CHANGEDSINCE {modseq})");
        self.ask(&command, |response| {
            if let Some(one) = fetched(response)
                && one.uid <= last
            {
                changed.push((one.modseq.unwrap_or(u64::MAX), one.uid));
            }
        })
        .await?;
        changed.sort_unstable();
        Ok(changed)
    }

    /// Headers of these mails; those that are gone are left out.
    pub(super) async fn heads(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Marked>, Failure> {
        let mut heads = BTreeMap::new();
        for part in uids.chunks(UIDS_MAX) {
            let command = format!(
                "UID FETCH {} (UID FLAGS BODY.PEEK[HEADER.FIELDS ({FIELDS})]<0.{HEADER_BYTES_MAX}>)",
                set(part)
            );
            self.ask(&command, |response| {
                let one = fetched(response).filter(|one| part.binary_search(&one.uid).is_ok());
                if let Some(one) = one {
                    let head = Head::read(one.bytes);
                    let flags = one.flags;
                    heads.insert(one.uid, Marked { head, flags });
                }
            })
            .await?;
        }
        Ok(heads)
    }

    /// The start of these mails, one after the other. A mail that the server cannot give comes back as refused.
    pub(super) async fn mails(
        &mut self,
        uids: &[u32],
        bytes_max: u32,
        mut each: impl FnMut(Fetched<'_>),
    ) -> Result<Vec<u32>, Failure> {
        let at_once = (FETCH_BYTES_MAX / bytes_max.max(1)).clamp(1, 50) as usize;
        let mut refused = Vec::new();
        for part in uids.chunks(at_once) {
            match self.start_of(part, bytes_max, &mut each).await {
                Err(Failure::No) if part.len() > 1 => {
                    for uid in part {
                        match self.start_of(&[*uid], bytes_max, &mut each).await {
                            Err(Failure::No) => refused.push(*uid),
                            other => other?,
                        }
                    }
                }
                Err(Failure::No) => refused.extend(part),
                other => other?,
            }
        }
        Ok(refused)
    }

    async fn start_of(
        &mut self,
        uids: &[u32],
        bytes_max: u32,
        each: &mut impl FnMut(Fetched<'_>),
    ) -> Result<(), Failure> {
        let command = format!(
            "UID FETCH {} (UID FLAGS INTERNALDATE BODY.PEEK[]<0.{bytes_max}>)",
            set(uids)
        );
        self.ask(&command, |response| {
            let one = fetched(response).filter(|one| uids.contains(&one.uid));
            if let Some(one) = one {
                each(one);
            }
        })
        .await
    }
}

/// What a FETCH tells; `None` for other answers and for those without a UID.
fn fetched<'a>(response: &'a Response<'_>) -> Option<Fetched<'a>> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    let mut found = Fetched {
        uid: 0,
        flags: Vec::new(),
        arrived: None,
        modseq: None,
        bytes: &[],
    };
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => found.uid = *uid,
            AttributeValue::Flags(flags) => {
                found.flags = flags.iter().map(|flag| flag.to_string()).collect();
            }
            AttributeValue::ModSeq(modseq) => found.modseq = Some(*modseq),
            AttributeValue::InternalDate(date) => {
                let read = DateTime::parse_from_str(date.trim(), "%d-%b-%Y %H:%M:%S %z");
                found.arrived = read.ok().map(|date| date.to_utc());
            }
            AttributeValue::BodySection {
                data: Some(data), ..
            } => found.bytes = data,
            _ => {}
        }
    }
    (found.uid > 0).then_some(found)
}

/// UIDs as a command has them: `1:5,9`.
fn set(uids: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match parts.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(*uid) => *end = *uid,
            _ => parts.push((*uid, *uid)),
        }
    }
    let part = |(start, end): &(u32, u32)| match start == end {
        true => start.to_string(),
        false => format!("{start}:{end}"),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_written_shortly() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[u32::MAX]), "4294967295");
        assert_eq!(set(&[]), "");
    }

    #[test]
    fn what_a_fetch_holds_is_read() {
        let line = b"* 7 FETCH (UID 11 FLAGS (\\Seen Topic_A) INTERNALDATE \" 1-Nov-2026 19:52:01 +0100\" \
            BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {5}\r\nA: b\r MODSEQ (21))\r\n";
        let (_, response) = Response::parse(line).unwrap();
        let one = fetched(&response).unwrap();
        assert_eq!(
            (one.uid, one.modseq, one.bytes),
            (11, Some(21), &b"A: b\r"[..])
        );
        assert_eq!(one.flags, ["\\Seen", "Topic_A"]);
        assert_eq!(
            one.arrived.unwrap().to_rfc3339(),
            "2026-11-01T18:52:01+00:00"
        );
    }
}
