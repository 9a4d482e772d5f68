//! Folder names as people write them and as the protocol does (modified UTF-7, RFC 3501 5.1.3), and which
//! folders hold no conversations. Pure.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Last parts of names of folders that hold what was thrown away, is not sent yet, or is spam, for servers
/// that do not say so themselves.
const ASIDE: [&str; 19] = [
    "trash",
    "deleted",
    "deleted items",
    "deleted messages",
    "bin",
    "junk",
    "junk email",
    "junk e-mail",
    "spam",
    "drafts",
    "outbox",
    "papierkorb",
    "gelöschte elemente",
    "gelöschte objekte",
    "entwürfe",
    "corbeille",
    "brouillons",
    "papelera",
    "borradores",
];

/// Last parts of names of folders that hold what the team sent.
const SENT: [&str; 10] = [
    "sent",
    "sent items",
    "sent mail",
    "sent messages",
    "gesendet",
    "gesendete objekte",
    "gesendete elemente",
    "envoyés",
    "messages envoyés",
    "enviados",
];

/// What a folder is to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// New mail in it opens conversations.
    Watched,
    /// What the team sent: an answer belongs to its thread as soon as it is there, but alone it is no conversation.
    Sent,
    /// The rest of a thread may lie in it.
    Other,
}

/// A folder of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// As people write it.
    pub(super) name: String,
    /// As the protocol writes it.
    pub(super) wire: String,
    /// What it is to a conversation.
    pub(super) role: Role,
}

impl Folder {
    /// One in which new mail is looked for, by the name that people write.
    pub(super) fn watched(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            wire: encode(name),
            role: Role::Watched,
        }
    }
}

/// Whether two names are of the same folder: INBOX in any case, else to the letter.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let is_inbox = |name: &str| name.eq_ignore_ascii_case("inbox");
    one == other || (is_inbox(one) && is_inbox(other))
}

/// Whether a folder's name says that it is trash, junk or drafts.
pub(super) fn is_aside(name: &str) -> bool {
    ASIDE.contains(&last_part(name).as_str())
}

/// Whether a folder's name says that it holds what was sent.
pub(super) fn is_sent(name: &str) -> bool {
    SENT.contains(&last_part(name).as_str())
}

fn last_part(name: &str) -> String {
    let last = name.rsplit(['/', '.']).next().unwrap_or(name);
    last.to_lowercase()
}

/// The name as the protocol writes it.
pub(super) fn encode(name: &str) -> String {
    let mut wire = String::new();
    let mut others: Vec<u16> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            shift(&mut wire, &mut others);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            others.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
    }
    shift(&mut wire, &mut others);
    wire
}

fn shift(wire: &mut String, others: &mut Vec<u16>) {
    if others.is_empty() {
        return;
    }
    let bytes: Vec<u8> = others.drain(..).flat_map(u16::to_be_bytes).collect();
    wire.push('&');
    wire.push_str(&BASE64.encode(bytes));
    wire.push('-');
}

/// The name as people write it; what is no modified UTF-7 stays as it is.
pub(super) fn decode(wire: &str) -> String {
    let mut name = String::new();
    let mut rest = wire;
    while let Some((before, after)) = rest.split_once('&') {
        name.push_str(before);
        let Some((coded, behind)) = after.split_once('-') else {
            return wire.to_owned();
        };
        if coded.is_empty() {
            name.push('&');
        } else {
            let Some(text) = decoded(coded) else {
                return wire.to_owned();
            };
            name.push_str(&text);
        }
        rest = behind;
    }
    name + rest
}

fn decoded(coded: &str) -> Option<String> {
    let bytes = BASE64.decode(coded).ok()?;
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_written_as_the_standard_does() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Tom & Co", "Tom &- Co"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Hilfe 🙂", "Hilfe &2D3eQg-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire), name);
        }
        assert_eq!(decode("Q&A"), "Q&A");
        assert_eq!(decode("a&!!-b"), "a&!!-b");
    }

    #[test]
    fn what_was_thrown_away_or_sent_is_told_by_its_name() {
        assert!(is_sent("INBOX.Sent") && is_sent("Gesendete Objekte") && !is_sent("Sent back"));
        for name in [
            "Trash",
            "INBOX.Trash",
            "[Gmail]/Spam",
            "Entwürfe",
            "Junk E-mail",
        ] {
            assert!(is_aside(name), "{name}");
        }
        for name in ["INBOX", "Sent", "Archive/2026", "Trash cans", "Drafts/2026"] {
            assert!(!is_aside(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&name)), name);
        }

        #[test]
        fn no_wire_name_is_too_strange(wire in "[ -~]{0,40}") {
            decode(&wire);
        }
    }
}
