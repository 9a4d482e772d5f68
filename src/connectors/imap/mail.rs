//! One mail: who wrote it when to whom, and its words. Pure.
//!
//! What is broken is read as far as it goes; a mail of which nothing can be read is left out with a reason.
//! Only the start of a large mail comes here: the words stand before the attachments.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, TimeDelta, Utc};
use mail_parser::{
    Address, HeaderForm, HeaderValue, Message, MessageParser, MimeHeaders as _, PartType,
};

use super::head::{Head, instant};

/// Mails inside mails are parsed one inside the other; nobody forwards a forward more often.
const NESTED_MAX: usize = 50;

/// A sender's date this long before the mail arrived is a wrong clock.
const EARLY_MAX: TimeDelta = TimeDelta::days(7);

/// A sender's clock may be this much ahead.
const LATE_MAX: TimeDelta = TimeDelta::hours(1);

/// More recipients are not looked at.
const RECIPIENTS_MAX: usize = 200;

/// A mail.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) head: Head,
    /// When it was written.
    pub(super) at: DateTime<Utc>,
    /// The sender's address, in small letters.
    pub(super) from: Option<String>,
    /// Where answers go, if elsewhere.
    pub(super) reply_to: Option<String>,
    /// Addresses in To and Cc, in small letters.
    pub(super) recipients: Vec<String>,
    pub(super) subject: String,
    /// Plain text, else HTML.
    pub(super) text: String,
    /// Whether no person wrote it.
    pub(super) is_automatic: bool,
    /// The value of the header that is the official category.
    pub(super) category: Option<String>,
}

/// Reads a mail. `arrived` is when the server got it, `category` the name of a header.
pub(super) fn read(
    raw: &[u8],
    arrived: Option<DateTime<Utc>>,
    category: Option<&str>,
) -> Result<Mail, &'static str> {
    if nested(raw) > NESTED_MAX {
        return Err("mails are nested in it too deeply");
    }
    // The parser means not to panic; a mail is no reason to take its word for it.
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        let message = MessageParser::default().parse(raw)?;
        Some(mail(&message, raw, arrived, category))
    }));
    match parsed {
        Ok(Some(read)) => read,
        Ok(None) => Err("it has no header"),
        Err(_) => Err("it is broken in a way that cannot be read"),
    }
}

/// How many mails may be nested in it, at most.
fn nested(raw: &[u8]) -> usize {
    let starts_with = |at: usize, word: &[u8]| {
        let end = raw.get(at..at + word.len());
        end.is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    let slashes = (0..raw.len()).filter(|at| raw[*at] == b'/');
    let is_nested = |at: &usize| {
        let before = |word: &[u8]| {
            at.checked_sub(word.len())
                .is_some_and(|start| starts_with(start, word))
        };
        before(b"message") || (before(b"multipart") && starts_with(at + 1, b"digest"))
    };
    slashes.filter(is_nested).count()
}

fn mail(
    message: &Message<'_>,
    raw: &[u8],
    arrived: Option<DateTime<Utc>>,
    category: Option<&str>,
) -> Result<Mail, &'static str> {
    let head = Head::read(raw);
    let at = written(head.date, received(message), arrived).ok_or("it has no date")?;
    let mut recipients: Vec<String> = message
        .all_to()
        .chain(message.all_cc())
        .flat_map(|addresses| addresses.iter())
        .filter_map(|one| address(one.address()?))
        .take(RECIPIENTS_MAX)
        .collect();
    recipients.sort();
    recipients.dedup();
    let header = |name: &str| {
        let value = message
            .header(name.to_owned())
            .and_then(HeaderValue::as_text);
        value.map(str::trim).filter(|value| !value.is_empty())
    };
    Ok(Mail {
        head,
        at,
        from: first(message.from()).or_else(|| first(message.sender())),
        reply_to: first(message.reply_to()),
        recipients,
        subject: message.subject().unwrap_or_default().trim().to_owned(),
        text: text(message),
        is_automatic: is_automatic(message, &header),
        category: category.and_then(|name| decoded(message, name)),
    })
}

/// A header's value with its encoded words undone.
fn decoded(message: &Message<'_>, name: &str) -> Option<String> {
    let values = message.header_as(name.to_owned(), HeaderForm::Text);
    let value = values.first()?.as_text()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// The sender's date, unless it cannot be true: then when the mail arrived.
fn written(
    date: Option<DateTime<Utc>>,
    received: Option<DateTime<Utc>>,
    stored: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let is_near = |date: &DateTime<Utc>| match (received, stored) {
        (Some(received), _) => *date + EARLY_MAX >= received && *date <= received + LATE_MAX,
        // When it was put into the folder: much later, if the mailbox was moved from another server.
        (None, Some(stored)) => *date <= stored + LATE_MAX,
        (None, None) => true,
    };
    date.filter(is_near).or(received).or(stored)
}

/// When our own server took it in: it writes the uppermost line.
fn received(message: &Message<'_>) -> Option<DateTime<Utc>> {
    message
        .headers()
        .iter()
        .find_map(|header| match &header.value {
            HeaderValue::Received(received) => instant(&received.date()?),
            _ => None,
        })
}

fn first(addresses: Option<&Address<'_>>) -> Option<String> {
    addresses?.iter().find_map(|one| address(one.address()?))
}

fn address(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    (address.contains('@') && address.len() <= 320).then_some(address)
}

/// The plain text, or the HTML where there is none or it is empty.
fn text(message: &Message<'_>) -> String {
    let of = |parts: &[u32]| {
        let texts = parts.iter().filter_map(|part| {
            let part = message.parts.get(usize::try_from(*part).ok()?)?;
            match &part.body {
                PartType::Text(text) | PartType::Html(text) => Some(text.as_ref()),
                _ => None,
            }
        });
        texts.collect::<Vec<_>>().join("\n")
    };
    let plain = of(&message.text_body);
    if plain.trim().is_empty() {
        of(&message.html_body)
    } else {
        plain
    }
}

/// Answers of absence, confirmations, delivery reports, circulars (RFC 3834 and what programs did before it).
fn is_automatic<'a>(message: &Message<'_>, header: &impl Fn(&str) -> Option<&'a str>) -> bool {
    let is = |name: &str, values: &[&str]| {
        header(name).is_some_and(|value| values.iter().any(|one| value.eq_ignore_ascii_case(one)))
    };
    let submitted = header("Auto-Submitted").is_some_and(|value| {
        let word = value.split([';', ' ']).next().unwrap_or_default();
        !word.eq_ignore_ascii_case("no")
    });
    submitted
        || is("Precedence", &["bulk", "junk", "auto_reply"])
        || header("X-Autoreply").is_some()
        || header("X-Autorespond").is_some()
        || is("X-Auto-Reply", &["yes", "true"])
        || message.is_content_type("multipart", "report")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn parse(raw: &str) -> Result<Mail, &'static str> {
        let arrived = Some(at("2026-11-20T13:12:00Z"));
        read(
            raw.replace('\n', "\r\n").as_bytes(),
            arrived,
            Some("X-Reason"),
        )
    }

    const HEADER: &str = "From: \"Müller, Anna\" <Anna@Example.test>\nTo: help@support.test\n\
        Cc: team <a@support.test>, b@support.test\nDate: Fri, 20 Nov 2026 08:11:00 -0500\n\
        Subject: =?utf-8?q?App_st=C3=BCrzt?= ab\nMessage-ID: <m1@example.test>\nX-Reason: =?utf-8?q?B=C3=BCro?=\n";

    #[test]
    fn a_mail_tells_who_wrote_what_and_when() {
        let mail = parse(&format!("{HEADER}\nIt leaks.\n")).unwrap();
        assert_eq!(mail.from.as_deref(), Some("anna@example.test"));
        assert_eq!(
            mail.recipients,
            ["a@support.test", "b@support.test", "help@support.test"]
        );
        assert_eq!(mail.at, at("2026-11-20T13:11:00Z"));
        assert_eq!(
            (mail.subject.as_str(), mail.text.trim()),
            ("App stürzt ab", "It leaks.")
        );
        assert_eq!(
            (mail.category.as_deref(), mail.is_automatic),
            (Some("Büro"), false)
        );
        assert_eq!(mail.head.id, "m1@example.test");
    }

    fn text_of(body: &str) -> String {
        let mail = parse(&format!("{HEADER}MIME-Version: 1.0\n{body}")).unwrap();
        mail.text.replace("\r\n", "\n").trim().to_owned()
    }

    #[test]
    fn plain_text_comes_before_html_and_attachments_not_at_all() {
        let both = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n\
            --b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>rich</p>\n--b--\n\
            --a\nContent-Type: text/plain; name=log.txt\nContent-Disposition: attachment; filename=log.txt\n\nsecret log\n--a--\n";
        assert_eq!(text_of(both), "plain");
        let empty = both.replace("\n\nplain\n", "\n\n \n");
        assert_eq!(text_of(&empty), "<p>rich</p>");
        assert_eq!(
            text_of("Content-Type: text/html\n\n<p>only</p>"),
            "<p>only</p>"
        );
        let cut = &both[..both.find("secret").unwrap()];
        assert_eq!(text_of(cut), "plain");
    }

    #[test]
    fn charsets_and_encodings_are_undone() {
        let german = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nT=FCr";
        assert_eq!(text_of(german), "Tür");
        let japanese = "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: 7bit\n\n\u{1b}$BF|K\\\u{1b}(B";
        assert_eq!(text_of(japanese), "日本");
        let cut = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nVGhlIHZhbHZlIGxlYWtz";
        assert_eq!(text_of(cut), "The valve leaks");
    }

    #[test]
    fn a_forwarded_mail_is_an_attachment() {
        let body = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain\n\nsee below\n--a\n\
            Content-Type: message/rfc822\n\nFrom: x@y.test\nSubject: inner\n\ninner words\n--a--\n";
        assert_eq!(text_of(body), "see below");
    }

    #[test]
    fn robots_are_told_by_their_headers() {
        for header in [
            "Auto-Submitted: auto-replied; owner-email=\"a@b.test\"",
            "Auto-Submitted: auto-generated",
            "Precedence: Bulk",
            "X-Autoreply: yes",
            "Content-Type: multipart/report; report-type=delivery-status; boundary=a",
        ] {
            assert!(
                parse(&format!("{HEADER}{header}\n\nx"))
                    .unwrap()
                    .is_automatic,
                "{header}"
            );
        }
        for header in [
            "Auto-Submitted: no",
            "Precedence: normal",
            "X-Auto-Reply: no",
        ] {
            assert!(
                !parse(&format!("{HEADER}{header}\n\nx"))
                    .unwrap()
                    .is_automatic,
                "{header}"
            );
        }
    }

    #[test]
    fn a_date_that_cannot_be_true_gives_way_to_the_servers() {
        let (date, day) = (at("2026-11-20T13:11:00Z"), TimeDelta::days(1));
        assert_eq!(written(Some(date), Some(date + day), None), Some(date));
        assert_eq!(
            written(Some(date), Some(date + day * 30), None),
            Some(date + day * 30)
        );
        assert_eq!(written(Some(date + day), Some(date), None), Some(date));
        assert_eq!(
            written(Some(date), None, Some(date + day * 900)),
            Some(date)
        );
        assert_eq!(written(Some(date + day), None, Some(date)), Some(date));
        assert_eq!(written(None, None, Some(date)), Some(date));
        assert_eq!(written(None, None, None), None);
        let received = "Received: from a by b; Fri, 20 Nov 2026 13:12:30 +0000\n\
            Received: from z by a; Fri, 20 Nov 1998 13:12:00 +0000\n";
        let early = HEADER.replace("2026", "1998");
        let mail = parse(&format!("{received}{early}\nx")).unwrap();
        assert_eq!(mail.at, at("2026-11-20T13:12:30Z"));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(read(b"", None, None).err(), Some("it has no header"));
        assert_eq!(
            read(b"Subject: x\r\n\r\ny", None, None).err(),
            Some("it has no date")
        );
        let mut deep = HEADER.to_owned();
        for _ in 0..5_000 {
            deep.push_str("Content-Type: message/rfc822\n\n");
        }
        assert_eq!(
            parse(&deep).err(),
            Some("mails are nested in it too deeply")
        );
    }

    #[test]
    fn a_bomb_of_headers_and_parts_ends() {
        let headers = "X-A: b\n".repeat(30_000);
        assert!(parse(&format!("{HEADER}{headers}\nx")).is_ok());
        let parts = "--a\nContent-Type: text/plain\n\nx\n".repeat(8_000);
        assert!(
            parse(&format!(
                "{HEADER}Content-Type: multipart/mixed; boundary=a\n\n{parts}"
            ))
            .is_ok()
        );
        let boundary = "Content-Type: multipart/mixed; boundary=a\n\n--a\n".repeat(5_000);
        assert!(parse(&format!("{HEADER}{boundary}")).is_ok());
        let addresses = "a@b.test, ".repeat(20_000);
        let many = parse(&format!("Cc: {addresses}c@d.test\n{HEADER}\nx")).unwrap();
        assert!(many.recipients.len() <= RECIPIENTS_MAX);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&raw, None, Some("X-A"));
        }

        #[test]
        fn no_broken_mail_panics(pieces in proptest::collection::vec(prop_oneof![
            Just("\r\n"), Just("\n"), Just("--a"), Just("--a--"), Just("Content-Type: multipart/mixed; boundary=a\r\n"),
            Just("Content-Type: message/rfc822\r\n"), Just("Content-Type: text/html; charset=utf-7\r\n"),
            Just("Content-Transfer-Encoding: base64\r\n"), Just("Date: Fri, 99 Nov 2026 25:11:00 -0500\r\n"),
            Just("From: <>\r\n"), Just("Message-ID: <<\r\n"), Just("=?utf-8?b?"), Just("é"), Just(" "), Just("Content-Type: ;;=\"\r\n"),
        ], 0..40)) {
            let _ = read(pieces.concat().as_bytes(), Some(DateTime::UNIX_EPOCH), None);
        }
    }
}
