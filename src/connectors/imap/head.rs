//! What a mail says of its place in a thread: its own id and those that it answers, out of its header. Pure.
//!
//! Ids are kept without their brackets. What is not a plain id (spaces, quotes, letters beyond ASCII, hundreds of
//! characters) counts as none: it could not be searched for. A mail without an id gets one out of its date, sender,
//! recipient and subject, so that it is known again when it is moved.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

/// Longer ids are no ids.
const ID_CHARS_MAX: usize = 400;

/// A header names no more mails than this: the first and the last ones.
const PARENTS_MAX: usize = 100;

/// Ids that we made start so; a mail that claims such an id has none.
const MADE: &str = "no-id-";

/// The header fields that are asked for.
pub(super) const FIELDS: &str = "MESSAGE-ID IN-REPLY-TO REFERENCES DATE FROM TO SUBJECT";

/// A mail's place in a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its own id.
    pub(super) id: String,
    /// The mails above it, the oldest first.
    pub(super) parents: Vec<String>,
    /// What the sender says about when.
    pub(super) date: Option<DateTime<Utc>>,
}

impl Head {
    /// Reads a header, or a mail from its start.
    pub(super) fn read(raw: &[u8]) -> Self {
        let fields = fields(raw);
        let value = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let id = own_id(value("message-id")).unwrap_or_else(|| {
            let parts = ["date", "from", "to", "subject"].map(&value);
            made_id(&parts)
        });
        let mut parents = ids(value("references"));
        for one in ids(value("in-reply-to")) {
            if !parents.contains(&one) {
                parents.push(one);
            }
        }
        parents.retain(|one| *one != id);
        if parents.len() > PARENTS_MAX {
            parents.drain(PARENTS_MAX / 2..parents.len() - PARENTS_MAX / 2);
        }
        Self {
            id,
            parents,
            date: date(value("date")),
        }
    }

    /// The thread that the mail belongs to, as far as it tells by itself.
    pub(super) fn root(&self) -> &str {
        self.parents.first().unwrap_or(&self.id)
    }
}

/// Whether an id was made by us, so that no server can find it.
pub(super) fn is_made(id: &str) -> bool {
    id.starts_with(MADE)
}

/// The id of a conversation: letters that are safe in addresses and files, the others as `~` and two digits.
pub(super) fn escape(id: &str) -> String {
    let mut escaped = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"@._-".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("~{byte:02x}"));
        }
    }
    escaped
}

/// The inverse of `escape`; `None` for what it did not write.
pub(super) fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'~' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let id = String::from_utf8(bytes).ok()?;
    is_id(&id).then_some(id)
}

/// Names in small letters and unfolded values, up to the empty line.
fn fields(raw: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(text.trim());
            }
        } else if let Some((name, value)) = text.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

/// What stands between `<` and `>`; some programs leave these away.
fn own_id(value: &str) -> Option<String> {
    let first = ids(value).into_iter().next();
    first.or_else(|| {
        let bare = value.trim();
        (is_id(bare) && bare.contains('@') && !is_made(bare)).then(|| bare.to_owned())
    })
}

/// All ids of a value, each once, in their order.
fn ids(value: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in value.split('<').skip(1) {
        let Some((id, _)) = part.split_once('>') else {
            continue;
        };
        let id = id.trim();
        if is_id(id) && !is_made(id) && !found.iter().any(|known| known == id) {
            found.push(id.to_owned());
        }
    }
    found
}

fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\".contains(&byte);
    !id.is_empty() && id.len() <= ID_CHARS_MAX && id.bytes().all(is_plain)
}

fn made_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digits: String = hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{MADE}{digits}")
}

fn date(value: &str) -> Option<DateTime<Utc>> {
    instant(&mail_parser::DateTime::parse_rfc822(&format!("{value}\n"))?)
}

/// A date of a mail as an instant; some are none, such as the 31st of June.
pub(super) fn instant(date: &mail_parser::DateTime) -> Option<DateTime<Utc>> {
    let is_right = date.is_valid() && (1980..=2200).contains(&date.year);
    is_right
        .then(|| DateTime::from_timestamp(date.to_timestamp(), 0))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(raw: &str) -> Head {
        Head::read(raw.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn ids_are_read_folded_repeated_and_broken() {
        let read = head(
            "References: <a@x>\n\t<b@x> <a@x>\n <with space@x>\nIn-Reply-To: <c@x> (Tom's mail)\n\
             message-id:\n <d@x>\nDate: Fri, 20 Nov 2026 08:11:00 -0500\n\nMessage-ID: <body@x>\n",
        );
        assert_eq!(read.id, "d@x");
        assert_eq!(read.parents, ["a@x", "b@x", "c@x"]);
        assert_eq!(read.date.unwrap().to_rfc3339(), "2026-11-20T13:11:00+00:00");
        assert_eq!(read.root(), "a@x");
        assert_eq!(head("Message-ID: bare@x\n\n").id, "bare@x");
        let itself = head("Message-ID: <a@x>\nReferences: <a@x>\n\n");
        assert_eq!((itself.root(), itself.parents.len()), ("a@x", 0));
    }

    #[test]
    fn a_mail_without_a_usable_id_is_known_by_its_header() {
        let mail = "From: a@x\nDate: Fri, 20 Nov 2026 08:11:00 -0500\nSubject: leak\n";
        let made = head(mail).id;
        assert!(is_made(&made), "{made}");
        assert_eq!(head(&format!("Message-ID: <ü@x>\n{mail}")).id, made);
        assert_eq!(head(&format!("Message-ID: <{made}>\n{mail}")).id, made);
        let long = "x".repeat(500);
        assert_eq!(head(&format!("Message-ID: <{long}@x>\n{mail}")).id, made);
        assert_ne!(head(&mail.replace("leak", "noise")).id, made);
    }

    #[test]
    fn a_header_that_never_ends_is_bounded() {
        let many: Vec<String> = (0..5_000).map(|n| format!("<{n}@x>")).collect();
        let read = head(&format!(
            "Message-ID: <z@x>\nReferences: {}\n\n",
            many.join(" ")
        ));
        assert_eq!(read.parents.len(), PARENTS_MAX);
        assert_eq!(
            (read.root(), read.parents.last().unwrap().as_str()),
            ("0@x", "4999@x")
        );
    }

    #[test]
    fn an_id_goes_into_a_key_and_back() {
        let id = "CA+x/y=~%7@mail.example.com";
        assert_eq!(escape(id), "CA~2bx~2fy~3d~7e~257@mail.example.com");
        assert_eq!(unescape(&escape(id)).as_deref(), Some(id));
        for wrong in ["~2", "~zz", "a~20b", "", "~ff"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let read = Head::read(&raw);
            prop_assert_eq!(unescape(&escape(&read.id)), Some(read.id));
        }
    }
}
