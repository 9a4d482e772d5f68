//! Personal data out of a text: each piece becomes a placeholder such as `[mail]`. Pure.
//!
//! Error codes, versions, order and serial numbers stay, because topics are made of them. The
//! output, redacted again, is the same.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::numbers;

/// Rounds until nothing changes; a second round only catches what a first one uncovered.
const ROUNDS_MAX: usize = 6;

/// A pattern with a cheap look whether it can match at all. Where a text has a letter beyond ASCII, a bound of a word makes
/// the regex crate leave its automaton for an engine that is some 50 times slower; without its bounds a pattern stays there,
/// and finds no less.
struct Pattern {
    exact: Regex,
    hint: Regex,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let regex = |text: &str| Regex::new(text).expect("a constant pattern");
        Self {
            exact: regex(text),
            hint: regex(&text.replace(r"\b", "")),
        }
    }

    fn is_match(&self, text: &str) -> bool {
        self.may_match(text) && self.exact.is_match(text)
    }

    fn may_match(&self, text: &str) -> bool {
        self.hint.is_match(text)
    }
}

macro_rules! lazy {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Pattern> = LazyLock::new(|| Pattern::new($text));
    };
}

lazy!(
    MAIL,
    r"(?i)(?:mailto:)?[\p{L}0-9._%+\-]+(?:@|\s?[\[(](?:at|ät)[\])]\s?)(?:[\p{L}0-9\-]+\.)+\p{L}{2,24}"
);
lazy!(
    URL,
    r#"(?i)\b(?:https?|ftp|sftp|postgres|mysql|redis|amqp)://[^\s<>"'\]]+"#
);
lazy!(
    KEY_BLOCK,
    r"(?s)-----BEGIN [A-Z ]{3,40}-----.*?(?:-----END [A-Z ]{3,40}-----|\z)"
);
// Keys are ASCII, and are sought as such: counted runs of any letter are too much for the automaton.
lazy!(
    TOKEN,
    r"(?-u:\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|\b(?:sk|pk|rk)[-_](?:live|test|proj)?[-_]?[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|(?i:\bbearer\s+)[\w.~+/=-]{16,}|\b[A-Za-z0-9_-]{32,}\b)"
);
lazy!(
    LABELLED,
    r"(?ix)\b(password|passwort|passwd|pwd|pass\ ?code|passphrase|kennwort|mot\ de\ passe|contrase(?:ñ|n)a|wachtwoord|senha|
      pin(?:\ ?(?:code|number|nummer))?|puk|tan|otp|one[\ -]time\ code|api[\ _-]?key|access[\ _-]?(?:key|token)|token|secret|cvv2?|cvc2?|
      ssn(?:\ (?:no|number))?|social\ security(?:\ number)?|sozialversicherungsnummer|steuer-?id(?:nummer)?)
      (\s*(?:[:=]|is\b:?|ist\b:?|lautet\b:?|est\b\ ?:?|es\b:?)\ *)(\S+)(?:[\ ]*(\n|\z))?"
);
// Also only the last digits, as callers give them; a few words may stand between.
lazy!(
    SOCIAL_SECURITY,
    r"(?i)\b((?:ssn|social security)\b(?:\s+\p{L}+){0,4}[\s:#]{1,3})(\d(?:[ \-]?\d){3,8})\b"
);
lazy!(CARD, r"\b\d(?:[ \-]?\d){12,18}\b");
lazy!(IBAN, r"\b[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11,34}");
lazy!(
    PHONE_WORLD,
    r"(?:\+|\b00)[1-9](?:[ ().\-/–]{0,3}\d){6,14}\b"
);
lazy!(
    PHONE_NATIONAL,
    r"(?:\(0\d{1,5}\)|\b0\d{1,5})(?:[ ().\-/–]{1,3}\d{1,8}){1,5}\b|\b0\d{8,12}\b"
);
lazy!(
    PHONE_AMERICAN,
    r"(?:\b1[ .\-])?(?:\([2-9]\d{2}\)|\b[2-9]\d{2})[ .\-]{1,2}[2-9]\d{2}[ .\-]\d{4}\b"
);
lazy!(
    PHONE_LABELLED,
    r"(?i)\b((?:tel|telephone|phone|mobile|mobil|mob|handy|cell|fax|telefon|telefonnummer|handynummer|téléphone|teléfono|telefoon|rückruf|rückrufnummer|call (?:me|him|her|us|back)(?: back)?(?: at| on)?|reach me (?:at|on)|cb|cb on)\b(?:\s?(?:number|no|nr|nummer))?[ :.\-]{0,4}(?:is|at|on|unter|auf)?[ :]{0,2})(\(?\d(?:[ ().\-/–]{0,3}\d){5,14})\b"
);
lazy!(V4, r"\b\d{1,3}(?:\.\d{1,3}){3}\b");
lazy!(
    V6,
    r"(?i)(?:\b[0-9a-f]{1,4})?:{1,2}[0-9a-f:]{2,38}(?:%\w{1,8})?"
);
lazy!(
    DATE,
    r"^\(?\d{1,2}[./\- ]\d{1,2}[./\- ]\d{2,4}\b|^\d{4}[./\-]\d{1,2}[./\-]\d{1,2}\b"
);
lazy!(
    NUMBERED,
    r"(?i)(?:order|invoice|serial|s/n|sn|ref|reference|case|ticket|article|part|contract|customer|account|acct|booking|confirmation|policy|meter|zip|auftrag\w*|bestell\w*|rechnung\w*|kunden\w*|vertrag\w*|serien\w*|artikel\w*|commande|facture|pedido|factuur|bestelling|id|#)\s*(?:number|num|no|nr|nummer|id|code)?\s*[.:#]*\s*(?:is\s+)?$"
);
lazy!(
    VERSIONED,
    r"(?i)(?:version|firmware|software|release|build|update|upgrade|fw|sw|v|ver)[\s.:]*$"
);
lazy!(
    NAMED,
    r"((?i:\bmy name is|\bmy name['’]s|\bmein name ist|\bich hei(?:ß|ss)e|\bje m['’]appelle|\bme llamo|\bmi nombre es|\bmijn naam is|\bmi chiamo)\s+)(\p{Lu}[\p{L}'’-]+(?:[ ]\p{Lu}[\p{L}'’-]+){0,2})"
);
lazy!(
    SPEAKING,
    r"((?i:\bthis is|\bit['’]s|\bhier ist|\bhier spricht)\s+)(\p{Lu}[\p{L}'’-]+(?:[ ]\p{Lu}[\p{L}'’-]+){0,2})(\s+(?i:speaking|calling|from|here|aus|von)\b)"
);
lazy!(
    TITLED,
    r"(\b(?:Mr|Mrs|Ms|Miss|Dr|Herr|Herrn|Frau|Mme|Mevrouw|Dhr|Señor|Señora|Sra)\.? )(\p{Lu}[\p{L}'’]+(?:-\p{Lu}[\p{L}'’]+)?)"
);

/// The text with placeholders for personal data; names only where a sentence says that it is one.
pub fn redact(text: &str, with_names: bool) -> String {
    let mut now = once(text, with_names);
    if now == text {
        return now;
    }
    for _ in 1..ROUNDS_MAX {
        let next = once(&now, with_names);
        if next == now {
            break;
        }
        now = next;
    }
    now
}

fn once(text: &str, with_names: bool) -> String {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let mut text = text.to_owned();
    if text.contains("://") {
        replace(&mut text, &URL, url);
    }
    if text.contains('@') || text.contains("at)") || text.contains("at]") || text.contains("AT") {
        replace(&mut text, &MAIL, |_, _| Some("[mail]".into()));
    }
    if text.contains("-----BEGIN") {
        replace(&mut text, &KEY_BLOCK, |_, _| Some("[secret]".into()));
    }
    replace(&mut text, &LABELLED, labelled);
    replace(&mut text, &SOCIAL_SECURITY, |found, _| {
        Some(format!("{}[secret]", &found[1]))
    });
    replace(&mut text, &TOKEN, token);
    if has_digit {
        replace(&mut text, &IBAN, iban);
        replace(&mut text, &CARD, card);
        replace(&mut text, &PHONE_LABELLED, |found, _| {
            Some(format!("{}[phone]", &found[1]))
        });
        replace(&mut text, &PHONE_WORLD, phone_world);
        replace(&mut text, &PHONE_AMERICAN, |_, before| {
            (!NUMBERED.is_match(before)).then(|| "[phone]".into())
        });
        replace(&mut text, &PHONE_NATIONAL, phone_national);
        replace(&mut text, &V4, v4);
    }
    if text.contains(':') {
        replace(&mut text, &V6, v6);
    }
    if with_names {
        replace(&mut text, &NAMED, |found, _| {
            Some(format!("{}[name]", &found[1]))
        });
        replace(&mut text, &SPEAKING, |found, _| {
            Some(format!("{}[name]{}", &found[1], &found[3]))
        });
        replace(&mut text, &TITLED, |found, _| {
            Some(format!("{}[name]", &found[1]))
        });
    }
    text
}

/// Replaces each match for which `judge` gives something; it also sees a little of what is before.
fn replace(
    text: &mut String,
    pattern: &Pattern,
    judge: impl Fn(&Captures<'_>, &str) -> Option<String>,
) {
    if !pattern.may_match(text) {
        return;
    }
    let mut output = String::new();
    let mut done = 0;
    let mut start = 0;
    while let Some(found) = pattern.exact.captures_at(text, start) {
        let whole = found.get(0).expect("group 0 is the match");
        if whole.is_empty() {
            break;
        }
        match judge(&found, before(text, whole.start())) {
            Some(placeholder) => {
                output.push_str(&text[done..whole.start()]);
                output.push_str(&placeholder);
                done = whole.end();
                start = whole.end();
            }
            // A shorter match may begin inside the one that was refused.
            None => start = next_word(text, whole.start(), whole.end()),
        }
    }
    if done > 0 {
        output.push_str(&text[done..]);
        *text = output;
    }
}

fn next_word(text: &str, start: usize, end: usize) -> usize {
    let inner = &text[start..end];
    let gap = inner
        .find([' ', '-', '.', '/', ':', '('])
        .map(|place| start + place + 1);
    gap.filter(|&place| place < end).unwrap_or(end)
}

fn before(text: &str, place: usize) -> &str {
    let mut from = place.saturating_sub(40);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..place]
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// An address that carries credentials, a query or a long secret-like part; a plain one stays.
fn url(found: &Captures<'_>, _: &str) -> Option<String> {
    let whole = found[0].trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
    let rest = whole.split_once("://")?.1;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_private = host.contains('@')
        || rest.contains('?')
        || rest.contains('#')
        || path
            .split('/')
            .any(|part| part.len() >= 20 && is_mixed(part));
    is_private.then(|| format!("[link]{}", &found[0][whole.len()..]))
}

fn is_mixed(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(char::is_alphabetic)
}

/// What follows "password:"; a word after "is" only when it looks like one.
fn labelled(found: &Captures<'_>, _: &str) -> Option<String> {
    let (label, joint, value) = (&found[1], &found[2], &found[3]);
    let core = value.trim_end_matches(['.', ',', ';', ')', '"', '!', '?']);
    if core.starts_with('[') || core.chars().count() < 3 {
        return None;
    }
    let looks_secret = core.chars().any(|c| c.is_ascii_digit())
        || core.chars().skip(1).any(|c| "!$%&*+=#@^~_".contains(c));
    // After a colon, one word alone at the end of the line is the secret, whatever it looks like.
    let is_last = joint.contains([':', '=']) && found.get(4).is_some();
    let whole = &found[0];
    let after = &whole[label.len() + joint.len() + core.len()..];
    (looks_secret || is_last).then(|| format!("{label}{joint}[secret]{after}"))
}

/// Long runs of letters and digits are keys; long words are not.
fn token(found: &Captures<'_>, _: &str) -> Option<String> {
    let whole = &found[0];
    let is_prefixed = ["eyJ", "sk", "pk", "rk", "gh", "xox", "AKIA", "AIza"]
        .iter()
        .any(|start| whole.starts_with(start));
    let is_bearer = whole
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer"));
    let numbers = whole.chars().filter(char::is_ascii_digit).count();
    (is_prefixed || is_bearer || (is_mixed(whole) && numbers >= 4)).then(|| "[secret]".into())
}

fn iban(found: &Captures<'_>, _: &str) -> Option<String> {
    let end = numbers::iban_end(&found[0])?;
    Some(format!("[iban]{}", &found[0][end..]))
}

fn card(found: &Captures<'_>, before: &str) -> Option<String> {
    let is_card = numbers::is_card(&digits(&found[0])) && !NUMBERED.is_match(before);
    is_card.then(|| "[card]".into())
}

fn phone_world(found: &Captures<'_>, before: &str) -> Option<String> {
    let is_plus = found[0].starts_with('+');
    let is_glued = before.ends_with(char::is_alphanumeric) || (!is_plus && follows_digits(before));
    let is_number =
        !is_glued && (is_plus || (!NUMBERED.is_match(before) && digits(&found[0]).len() >= 10));
    is_number.then(|| "[phone]".into())
}

fn phone_national(found: &Captures<'_>, before: &str) -> Option<String> {
    let whole = &found[0];
    let count = digits(whole).len();
    let is_glued = before.ends_with(|c: char| c.is_alphanumeric() || "-.,_/#:".contains(c))
        || follows_digits(before);
    let is_phone = (9..=13).contains(&count)
        && !is_glued
        && !DATE.is_match(whole)
        && !NUMBERED.is_match(before)
        && !VERSIONED.is_match(before);
    is_phone.then(|| "[phone]".into())
}

/// Whether a longer number goes on here, such as the groups of an account's.
fn follows_digits(before: &str) -> bool {
    before.trim_end().ends_with(|c: char| c.is_ascii_digit())
}

/// An address, not a version: versions have small numbers, or the word before says so.
fn v4(found: &Captures<'_>, before: &str) -> Option<String> {
    let address: Ipv4Addr = found[0].parse().ok()?;
    let is_address = address.octets()[0] == 10 || address.octets().iter().any(|&part| part > 31);
    let is_glued = before.ends_with(|c: char| c.is_alphanumeric() || c == '.');
    (is_address && !is_glued && !VERSIONED.is_match(before)).then(|| "[ip]".into())
}

fn v6(found: &Captures<'_>, before: &str) -> Option<String> {
    let whole = found[0].trim_end_matches(':');
    let bare = whole.split('%').next().unwrap_or(whole);
    let address: Ipv6Addr = bare.parse().ok()?;
    let groups = bare.split(':').filter(|group| !group.is_empty()).count();
    let is_glued = before.ends_with(|c: char| c.is_alphanumeric() || c == ':');
    let is_address = groups >= 3 && !address.is_unspecified() && !is_glued;
    is_address.then(|| format!("[ip]{}", &found[0][whole.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text, true), expected, "{text}");
    }

    #[test]
    fn mail_addresses_go() {
        check(
            "write to anna.mueller@example.com please",
            "write to [mail] please",
        );
        check(
            "mailto:a@b.example.org, or a (at) example.com",
            "[mail], or [mail]",
        );
        check("müller@büro.example", "[mail]");
        check("5 @ 30 pence", "5 @ 30 pence");
    }

    #[test]
    fn telephone_numbers_go() {
        for number in [
            "+49 30 1234567",
            "+44 7700 900123",
            "0044 7700 900 123",
            "01632 960123",
            "(030) 123-45678",
            "07700900123",
            "908 567 5656",
            "(908) 567-5656",
            "1-908-567-5656",
            "0151/23456789",
            "+49 (0) 30 / 12 34 56 7",
            "01632960001",
        ] {
            check(
                &format!("ring {number} after five"),
                "ring [phone] after five",
            );
        }
        check("Tel.: 4711 0815", "Tel.: [phone]");
        check("call me on 960123", "call me on [phone]");
    }

    #[test]
    fn codes_versions_orders_and_dates_stay() {
        for text in [
            "error E17 since 4.2.0",
            "firmware 4.2.0.1",
            "v10.20.30.40",
            "order 0712345678",
            "order no. 0123 456 789",
            "Auftragsnummer: 0987654321",
            "serial 0012345678901",
            "case # 9-5379585813",
            "02.03.2026 09:12",
            "2026-03-02 09:12:33",
            "03-04-2026 0912",
            "between 08.00-12.00",
            "1.000.000,00 EUR",
            "0.5 - 0.7 bar",
            "Terra 12, 230 V, 16 A",
            "invoice 4000 1234 5678 9012",
            "SN 9-5379585813",
            "at 12:30:45",
            "E08 E41 4711",
            "2026-W13",
            "password reset mail never comes",
            "my password is not working",
            "token: yes or no",
            "https://example.com/help/page",
            "the pin is broken",
            "update 4.2.1.33",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn banking_numbers_go_when_their_check_digits_fit() {
        check(
            "IBAN DE89 3704 0044 0532 0130 00 thanks",
            "IBAN [iban] thanks",
        );
        check("gb29nwbk60161331926819.", "[iban].");
        check("DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01");
        check(
            "card 4111 1111 1111 1111 was charged",
            "card [card] was charged",
        );
        check("5500-0000-0000-0004", "[card]");
        check("4111 1111 1111 1112", "4111 1111 1111 1112");
    }

    #[test]
    fn secrets_go() {
        check("password: hunter2!", "password: [secret]!");
        check("Passwort: geheim", "Passwort: [secret]");
        check("my password is Summer2026", "my password is [secret]");
        check("api_key=abcd1234efgh", "api_key=[secret]");
        check("PIN: 4711.", "PIN: [secret].");
        check("my ssn is 038617519", "my ssn is [secret]");
        check("my ssn last digits 3779", "my ssn last digits [secret]");
        check("ssn 123-45-6789 make ford", "ssn [secret] make ford");
        check("the lessn 3779", "the lessn 3779");
        check("use Bearer abcdef0123456789abcdef now", "use [secret] now");
        check("key 0123456789abcdef0123456789abcdef0", "key [secret]");
        check("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[secret]");
        check(
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
            "[secret]",
        );
    }

    #[test]
    fn addresses_of_machines_and_private_links_go() {
        check(
            "from 192.168.178.20 to 2001:db8::1 ok",
            "from [ip] to [ip] ok",
        );
        check("fe80::1ff:fe23:4567:890a", "[ip]");
        check("see https://example.com/reset?token=1.", "see [link].");
        check("https://user:pw@example.com/x", "[link]");
        check("https://example.com/r/4f3a2b1c0d9e8f7a6b5c4d", "[link]");
    }

    #[test]
    fn names_go_only_where_the_sentence_says_so() {
        check(
            "my name is Anna Müller and it leaks",
            "my name is [name] and it leaks",
        );
        check("This is Tom Reed speaking", "This is [name] speaking");
        check("Dear Mrs Pell, thank you", "Dear Mrs [name], thank you");
        check("Frau Müller-Lüdenscheidt rief an", "Frau [name] rief an");
        check("this is Terra 12", "this is Terra 12");
        check(
            "my name is wrong on the bill",
            "my name is wrong on the bill",
        );
        assert_eq!(redact("my name is Anna", false), "my name is Anna");
    }

    /// Letters, digits and the marks that patterns are made of.
    const SOUP: &str = "[a-dA-C0-9 @.:/()+\\-=\\[\\]\n#]{0,80}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn redacting_again_changes_nothing(text in prop_oneof![SOUP, any::<String>(), words()]) {
            let once = redact(&text, true);
            prop_assert_eq!(redact(&once, true), once);
        }

        #[test]
        fn it_grows_no_more_than_by_its_placeholders(text in prop_oneof![SOUP, any::<String>(), words()]) {
            let redacted = redact(&text, true);
            let placeholders = redacted.matches('[').count();
            prop_assert!(redacted.len() <= text.len() + placeholders * "[secret]".len());
        }
    }

    fn words() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "password:",
            "is",
            "pin",
            "=",
            "hunter2",
            "a@b.de",
            "+49 30 1234567",
            "0151",
            "23456789",
            "tel",
            "call me",
            "DE89 3704 0044 0532 0130 00",
            "4111 1111 1111 1111",
            "192.168.0.1",
            "::1",
            "2001:db8::1",
            "https://a.b/?c",
            "my name is",
            "Anna",
            "This is",
            "speaking",
            "Mr",
            "order",
            "[mail]",
            "[phone]",
            "[secret]",
            "(",
            ")",
            "-",
            "\n",
            "E17",
            "4.2.0",
            "0",
            "00",
            "1",
            "(at)",
            "example.com",
            "token",
            "x",
            "bearer",
            "0123456789abcdef0123456789abcdef",
        ]);
        prop::collection::vec((word, prop::sample::select(vec!["", " ", "-", "."])), 0..14)
            .prop_map(|parts| {
                parts
                    .into_iter()
                    .map(|(word, gap)| format!("{word}{gap}"))
                    .collect()
            })
    }
}
