//! What a customer or an agent meant, out of what their mail program sent. Pure.
//!
//! HTML becomes text; quoted mail, signatures, legal notices and helpdesk templates go. When
//! everything looks quoted, the quote is what they wanted to say, and stays.

use super::{html, phrases};

/// A signature is at most this long, or the line above it was no signature mark.
const SIGNATURE_LINES_MAX: usize = 15;

/// What follows a farewell is a name and an address up to this many lines.
const FAREWELL_LINES_MAX: usize = 10;

/// An address line is no longer than this.
const ADDRESS_CHARS_MAX: usize = 90;

/// A mail's head spreads over at most this many lines.
const HEAD_LINES_MAX: usize = 9;

/// The words of a message without what was put around them. `templates` are starts of lines that
/// this helpdesk adds, in lower case.
pub fn clean(raw: &str, templates: &[String]) -> String {
    let text = normalise(&html::to_text(raw));
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = without_quotes(&lines);
    kept.retain(|line| !is_template(line, templates));
    without_notices(&mut kept);
    without_signature(&mut kept);
    let cleaned = join(&kept);
    if has_words(&cleaned) {
        return cleaned;
    }
    let unquoted: Vec<&str> = lines
        .iter()
        .map(|line| line.trim_start_matches(['>', ' ']))
        .filter(|line| !is_template(line, templates))
        .collect();
    let unquoted = join(&unquoted);
    if has_words(&unquoted) {
        unquoted
    } else {
        String::new()
    }
}

/// A subject without "Re:", "AW:", "Fwd:" and ticket marks.
pub fn clean_subject(raw: &str) -> String {
    let mut subject = normalise(&html::to_text(raw)).replace('\n', " ");
    loop {
        let unmarked = phrases::TICKET_MARK.replace_all(&subject, " ");
        let bare = phrases::REPLY_PREFIX
            .replace(&unmarked, "")
            .trim()
            .to_owned();
        if bare == subject {
            return bare.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        subject = bare;
    }
}

/// Whether a text says anything at all: a letter or a digit outside placeholders.
pub fn has_words(text: &str) -> bool {
    text.split_whitespace()
        .any(|word| !word.starts_with('[') && word.chars().any(char::is_alphanumeric))
}

/// One kind of line end and of space; nothing invisible.
fn normalise(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text.chars().filter_map(|c| match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => Some('\n'),
        '\t' | '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{3000}' => Some(' '),
        '\u{200b}' | '\u{feff}' | '\u{ad}' | '\u{2060}' | '\u{fffc}' => None,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    });
    kept.collect()
}

/// Lines without the mail that they answer. An answer written between quoted lines stays whole.
fn without_quotes<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    let mut place = 0;
    while place < lines.len() {
        let rest = &lines[place..];
        if let Some(head) = quote_head(rest) {
            // Something was said above: what is below was said before. Else it is all there is.
            if kept.iter().any(|line| has_words(line)) && !head.is_marked && !head.is_forwarded {
                break;
            }
            place += head.lines;
        } else if is_quoted(rest, place.checked_sub(1).map(|before| lines[before])) {
            place += 1;
        } else {
            kept.push(lines[place]);
            place += 1;
        }
    }
    kept
}

struct QuoteHead {
    lines: usize,
    /// The quoted lines carry a mark of their own, so that they can be told from the answer.
    is_marked: bool,
    is_forwarded: bool,
}

/// Whether a quoted mail starts at the first of these lines.
fn quote_head(rest: &[&str]) -> Option<QuoteHead> {
    let first = rest[0];
    let head = |lines| QuoteHead {
        lines,
        is_marked: false,
        is_forwarded: false,
    };
    if phrases::REPLY_ABOVE.is_match(first) || phrases::ORIGINAL.is_match(first) {
        return Some(head(1));
    }
    if phrases::FORWARDED.is_match(first) {
        let lines = 1 + mail_head(&rest[1..]).unwrap_or(0);
        return Some(QuoteHead {
            is_forwarded: true,
            ..head(lines)
        });
    }
    if let Some(lines) = attribution(rest) {
        let next = rest[lines..].iter().find(|line| !line.trim().is_empty());
        let is_marked = next.is_some_and(|line| line.trim_start().starts_with('>'));
        return Some(QuoteHead {
            is_marked,
            ..head(lines)
        });
    }
    mail_head(rest).map(head)
}

/// "On … wrote:" on one to three lines.
fn attribution(rest: &[&str]) -> Option<usize> {
    let bare = |line: &&str| line.trim_start_matches(['>', ' ']).trim().to_owned();
    let lines: Vec<String> = rest
        .iter()
        .take(3)
        .map(bare)
        .take_while(|line| !line.is_empty())
        .collect();
    let is_one = |line: &String| line.ends_with(':') && phrases::ATTRIBUTION.is_match(line);
    if lines.first().is_some_and(is_one) {
        return Some(1);
    }
    // It goes on in the next line only when it has begun, and the next line is none by itself.
    let begins = |line: &String| {
        phrases::ATTRIBUTION_START.is_match(line) && !line.ends_with(['.', '?', '!'])
    };
    if !lines.first().is_some_and(begins) || lines[1..].iter().any(is_one) {
        return None;
    }
    (2..=lines.len()).find(|&count| is_one(&lines[..count].join(" ")))
}

/// "From: … Sent: … To: … Subject: …": how many lines it takes.
fn mail_head(rest: &[&str]) -> Option<usize> {
    let start = rest
        .iter()
        .take(3)
        .position(|line| !line.trim().is_empty())?;
    if !phrases::HEAD_FROM.is_match(rest[start]) {
        return None;
    }
    let (mut end, mut has_date, mut has_other) = (start + 1, false, false);
    for (place, line) in rest.iter().enumerate().skip(start + 1).take(HEAD_LINES_MAX) {
        if phrases::HEAD_DATE.is_match(line) {
            (end, has_date) = (place + 1, true);
        } else if phrases::HEAD_OTHER.is_match(line) {
            (end, has_other) = (place + 1, true);
        } else if line.trim().is_empty() && has_other {
            break;
        }
    }
    (has_date && has_other).then_some(end)
}

/// A line with a quote mark. One lone "> 30 degrees" is a comparison.
fn is_quoted(rest: &[&str], before: Option<&str>) -> bool {
    let marked = |line: &str| line.trim_start().starts_with('>');
    if !marked(rest[0]) {
        return false;
    }
    let is_alone = !before.is_some_and(marked) && !rest.get(1).is_some_and(|line| marked(line));
    let inner = rest[0].trim_start().trim_start_matches('>').trim_start();
    !(is_alone && inner.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_template(line: &str, templates: &[String]) -> bool {
    let lower = || line.trim_start().to_lowercase();
    phrases::REPLY_ABOVE.is_match(line)
        || phrases::DEVICE.is_match(line)
        || phrases::TEMPLATE.is_match(line)
        || is_rule(line)
        || (!templates.is_empty() && templates.iter().any(|start| lower().starts_with(start)))
}

/// A line drawn with dashes, stars, underscores or boxes.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let drawn = |c: char| "-_=*~#·•+|".contains(c) || ('\u{2500}'..='\u{257f}').contains(&c);
    line.chars().nth(2).is_some() && line.chars().all(|c| drawn(c) || c == ' ')
}

/// Cuts from "-- " or a farewell to the end; a postscript stays.
fn without_signature(lines: &mut Vec<&str>) {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let is_mark = |line: &str| matches!(line.trim_end(), "--" | "—" | "–");
    if let Some(place) = lines.iter().position(|line| is_mark(line)) {
        let is_short = lines.len() - place - 1 <= SIGNATURE_LINES_MAX;
        if is_short && lines[..place].iter().any(|line| has_words(line)) {
            lines.truncate(place);
        }
    }
    let found = (0..lines.len())
        .rev()
        .find(|&place| is_farewell(lines, place));
    let Some(place) = found.filter(|&place| lines[..place].iter().any(|line| has_words(line)))
    else {
        return;
    };
    let after = lines[place..]
        .iter()
        .position(|line| phrases::POSTSCRIPT.is_match(line));
    match after {
        Some(after) => drop(lines.drain(place..place + after)),
        None => lines.truncate(place),
    }
}

/// Whether the line says goodbye and nothing but a name and an address follows.
fn is_farewell(lines: &[&str], place: usize) -> bool {
    let after: Vec<&str> = lines[place + 1..]
        .iter()
        .take_while(|line| !phrases::POSTSCRIPT.is_match(line))
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    if phrases::FAREWELL.is_match(lines[place]) {
        return after.len() <= FAREWELL_LINES_MAX && after.iter().all(|line| is_address(line));
    }
    phrases::THANKS.is_match(lines[place])
        && after.len() <= 2
        && after.iter().all(|line| phrases::NAME.is_match(line))
}

/// A line of a name, a company, a street, a number: short, and no sentence.
fn is_address(line: &str) -> bool {
    let words = line.split_whitespace().count();
    let is_sentence = line.ends_with(['.', '?', '!']) && words >= 6;
    line.chars().count() <= ADDRESS_CHARS_MAX && !is_sentence && words <= 14
}

/// Drops paragraphs that are legal notices.
fn without_notices(lines: &mut Vec<&str>) {
    let mut is_notice = false;
    let mut was_blank = true;
    let has_other = lines
        .iter()
        .any(|line| has_words(line) && !phrases::DISCLAIMER.is_match(line));
    if !has_other {
        return;
    }
    lines.retain(|line| {
        let is_blank = line.trim().is_empty();
        if is_blank {
            is_notice = false;
        } else if was_blank || !is_notice {
            is_notice = is_notice || phrases::DISCLAIMER.is_match(line);
        }
        was_blank = is_blank;
        !is_notice
    });
}

/// Lines without spaces at their ends, at most one blank line between two, no ticket marks.
fn join(lines: &[&str]) -> String {
    let mut text = String::new();
    let mut blank = false;
    for line in lines {
        let unmarked = phrases::TICKET_MARK.replace_all(line, "");
        let line = unmarked.trim();
        if line.is_empty() {
            blank = !text.is_empty();
            continue;
        }
        if !text.is_empty() {
            text.push_str(if blank { "\n\n" } else { "\n" });
        }
        text.push_str(line);
        blank = false;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(raw: &str, expected: &str) {
        assert_eq!(clean(raw, &[]), expected, "---\n{raw}\n---");
    }

    #[test]
    fn quoted_mail_below_an_answer_goes() {
        let below = [
            "On Mon, 2 Mar 2026 at 09:12, Nordwarm Service wrote:\n> When may we come?\n> Yours",
            "On Mon, 2 Mar 2026 at 09:12, Nordwarm Service\n<service@example.com> wrote:\n\n> When?",
            "Am Mo., 2. März 2026 um 09:12 Uhr schrieb Nordwarm Service <a@example.com>:\n> Wann?",
            "Nordwarm Service schrieb am 02.03.2026 um 09:12:\n> Wann?",
            "Le lun. 2 mars 2026 à 09:12, Service <a@example.com> a écrit :\n> Quand ?",
            "El lun, 2 mar 2026 a las 9:12, Servicio (<a@example.com>) escribió:\n> ¿Cuándo?",
            "Op ma 2 mrt 2026 om 09:12 schreef Service <a@example.com>:\n> Wanneer?",
            "Il giorno lun 2 mar 2026 Servizio <a@example.com> ha scritto:\n> Quando?",
            "-----Original Message-----\nFrom: Service\nSent: Monday\nTo: Me\n\nWhen may we come?",
            "-----Ursprüngliche Nachricht-----\nVon: Service\n\nWann?",
            "Von: Service <a@example.com>\nGesendet: Montag, 2. März 2026\nAn: ich\nBetreff: Termin\n\nWann?",
            "From: Service\nSent: Monday, March 2\nTo: Me\nSubject: Visit\n\nWhen may we come?",
            "De : Service\nEnvoyé : lundi 2 mars\nÀ : moi\nObjet : visite\n\nQuand ?",
            "Van: Service\nVerzonden: maandag 2 maart\nAan: mij\nOnderwerp: bezoek\n\nWanneer?",
            "##- Please type your reply above this line -##\nYour request (4711) has been updated.\nOld words",
            "##- Bitte geben Sie Ihre Antwort oberhalb dieser Zeile ein. -##\nAlte Worte",
        ];
        for quote in below {
            check(&format!("Tuesday is fine.\n\n{quote}"), "Tuesday is fine.");
        }
    }

    #[test]
    fn an_answer_between_quoted_lines_stays() {
        check(
            "On Monday, 2 March, Service wrote:\n> Which model?\nAura 9\n> Which error?\nE41",
            "Aura 9\nE41",
        );
        check("> Which model?\n\nAura 9", "Aura 9");
    }

    #[test]
    fn what_is_all_quoted_keeps_its_words() {
        check(
            "Sent from my iPhone\n> quoted\n<blockquote>",
            "Sent from my iPhone > quoted",
        );
        check(
            "> the unit drips\n> on the path",
            "the unit drips\non the path",
        );
        check(
            "-----Original Message-----\nFrom: me\nSent: Monday\nTo: you\nSubject: leak\n\nThe valve leaks",
            "The valve leaks",
        );
        check(
            "See below\n---------- Forwarded message ---------\nFrom: Pat\nDate: Mon, 2 Mar\nSubject: leak\nTo: me\n\nThe valve leaks",
            "See below\n\nThe valve leaks",
        );
    }

    #[test]
    fn a_comparison_is_no_quote() {
        check(
            "the room is at\n> 30 degrees\nall day",
            "the room is at\n> 30 degrees\nall day",
        );
        check("pressure > 3 bar", "pressure > 3 bar");
    }

    #[test]
    fn signatures_go() {
        let below = [
            "-- \nAnna Müller\n+44 7700 900123",
            "Best regards,\nAnna Müller\nNordstr. 5\n12345 Berlin",
            "Kind regards\n\nAnna",
            "Mit freundlichen Grüßen\nAnna Müller\nHausverwaltung Nord GmbH",
            "Viele Grüße, Anna",
            "MfG Müller",
            "Cordialement,\nAnne",
            "Un saludo,\nAna",
            "Met vriendelijke groet,\nAnneke",
            "Thanks,\nAnna",
            "Vielen Dank\nAnna Müller",
            "Thanks and best regards\nAnna",
            "Sent from my iPhone",
            "Von meinem iPhone gesendet",
            "Envoyé de mon iPhone",
            "Regards\nAnna\n\nSent from my Samsung Galaxy smartphone.",
            "Get Outlook for iOS",
            "Regards\nAnna\n\nThis email and any attachments are confidential and intended for the addressee.\nIf you are not the intended recipient, delete it.",
            "Diese E-Mail enthält vertrauliche Informationen.",
        ];
        for signature in below {
            check(
                &format!("The valve leaks.\n\n{signature}"),
                "The valve leaks.",
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_signature_stays() {
        check(
            "hi\nmy internet is down\nthanks\nacct 4711\nits still down",
            "hi\nmy internet is down\nthanks\nacct 4711\nits still down",
        );
        check(
            "Best regards to Tom. The valve leaks.",
            "Best regards to Tom. The valve leaks.",
        );
        check(
            "Regards\nAnna\nPS: it also hums",
            "Regards\nAnna\nPS: it also hums",
        );
        check(
            "It leaks.\nRegards\nAnna\nPS: it also hums",
            "It leaks.\nPS: it also hums",
        );
        check(
            "--\nall I wrote is below the mark",
            "--\nall I wrote is below the mark",
        );
    }

    #[test]
    fn templates_and_marks_go() {
        check(
            "<URL: https://rt.test/Ticket/Display.html?id=12 >\nIt leaks",
            "It leaks",
        );
        check("[rt.test #12] It leaks", "It leaks");
        check("It leaks\n\n\n\n\nat night", "It leaks\n\nat night");
        assert_eq!(
            clean(
                "It leaks\nThank you for choosing Nordwarm!",
                &["thank you for choosing".into()]
            ),
            "It leaks"
        );
    }

    #[test]
    fn html_mail_is_read_like_text() {
        check(
            "<div>Tuesday is fine.</div><div>-- <br>Anna</div><div>On Mon, 2 Mar 2026, Service wrote:<br></div><blockquote><p>When?</p></blockquote>",
            "Tuesday is fine.",
        );
    }

    #[test]
    fn html_answers_of_mail_programs_lose_the_mail_below() {
        let below = [
            // Gmail
            "<div dir=\"ltr\">Tuesday is fine.</div><br><div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\" class=\"gmail_attr\">On Mon, Mar 2, 2026 at 9:12\u{202f}AM Nordwarm Service &lt;<a href=\"mailto:service@example.com\">service@example.com</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\" style=\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex\"><div>When may we come?</div></blockquote></div>",
            // Outlook, desktop
            "<html><body><div class=\"WordSection1\"><p class=\"MsoNormal\">Tuesday is fine.<o:p></o:p></p><p class=\"MsoNormal\"><o:p>&nbsp;</o:p></p><div style=\"border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in\"><p class=\"MsoNormal\"><b>From:</b> Nordwarm Service &lt;service@example.com&gt; <br><b>Sent:</b> Monday, March 2, 2026 9:12 AM<br><b>To:</b> me@example.com<br><b>Subject:</b> Visit<o:p></o:p></p></div><p class=\"MsoNormal\">When may we come?<o:p></o:p></p></div></body></html>",
            // Outlook on the web
            "<div class=\"elementToProof\">Tuesday is fine.</div><div id=\"appendonsend\"></div><hr style=\"display:inline-block;width:98%\" tabindex=\"-1\"><div id=\"divRplyFwdMsg\" dir=\"ltr\"><font face=\"Calibri, sans-serif\" style=\"font-size:11pt\"><b>Von:</b> Service &lt;service@example.com&gt;<br><b>Gesendet:</b> Montag, 2. M\u{e4}rz 2026 09:12<br><b>An:</b> me@example.com<br><b>Betreff:</b> Besuch</font><div>&nbsp;</div></div><div>Wann?</div>",
            // Apple Mail
            "<html><body style=\"word-wrap: break-word;\">Tuesday is fine.<br id=\"lineBreakAtBeginningOfMessage\"><div><br><blockquote type=\"cite\"><div>On 2 Mar 2026, at 09:12, Service &lt;service@example.com&gt; wrote:</div><br class=\"Apple-interchange-newline\"><div>When may we come?</div></blockquote></div><br></body></html>",
            // Thunderbird
            "<html><body><p>Tuesday is fine.</p><div class=\"moz-cite-prefix\">Am 02.03.26 um 09:12 schrieb Service:<br></div><blockquote type=\"cite\" cite=\"mid:1@example.com\"><p>Wann?</p></blockquote></body></html>",
            // Outlook on a telephone
            "<div dir=\"ltr\">Tuesday is fine.</div><div dir=\"ltr\"><br></div><div id=\"ms-outlook-mobile-signature\">Get <a href=\"https://aka.ms/o0ukef\">Outlook for iOS</a></div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Service &lt;service@example.com&gt;<br><b>Sent:</b> Monday, March 2, 2026 9:12:00 AM<br><b>To:</b> me<br><b>Subject:</b> Visit</div><div>When may we come?</div>",
            // Yahoo
            "<div class=\"ydp1\">Tuesday is fine.</div><div class=\"yahoo_quoted\"><div>On Monday, March 2, 2026 at 09:12:00 AM GMT+1, Service &lt;service@example.com&gt; wrote: </div><div><br></div><div>When may we come?</div></div>",
        ];
        for mail in below {
            check(mail, "Tuesday is fine.");
        }
        // Answers to a list are wrapped and quoted twice.
        let twice = "Tuesday is fine.\r\n\r\nOn Mon, Mar 2, 2026 at 9:12 AM Nordwarm Service Team North <\r\nservice@example.com> wrote:\r\n\r\n> Which day?\r\n>\r\n> On Sun, Mar 1, 2026 Anna wrote:\r\n>> It leaks.\r\n";
        check(twice, "Tuesday is fine.");
    }

    #[test]
    fn subjects_lose_prefixes_and_marks() {
        for raw in [
            "Re: AW: [rt.test #12] Leak",
            "FWD: Re: Leak",
            "WG: Leak [#4711]",
            " Leak ",
        ] {
            assert_eq!(clean_subject(raw), "Leak", "{raw}");
        }
        assert_eq!(clean_subject("Re:"), "");
        assert_eq!(clean_subject("Error E17: no heat"), "Error E17: no heat");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn any_bytes_are_cleaned_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let raw = String::from_utf8_lossy(&bytes);
            let cleaned = clean(&raw, &[]);
            prop_assert!(cleaned.lines().all(|line| line == line.trim()));
            clean_subject(&raw);
        }

        #[test]
        fn mail_like_text_keeps_something_when_it_said_something(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "> quoted", "On Monday, 2 March, Tom wrote:", "-- ", "Regards", "Anna", "<br>", "<div>", "</div>",
                    "From: a", "Sent: b", "To: c", "", "the valve in the cellar leaks since Monday", "PS: more", "Sent from my iPhone", "<blockquote>",
                    "-----Original Message-----", "[rt.test #1]", "&nbsp;", "Thanks", "\u{feff}", "____________",
                ]),
                0..14,
            )
        ) {
            let raw = parts.join("\n");
            let cleaned = clean(&raw, &[]);
            if parts.contains(&"the valve in the cellar leaks since Monday") || parts.contains(&"> quoted") {
                prop_assert!(has_words(&cleaned), "{raw:?}");
            }
        }
    }
}
