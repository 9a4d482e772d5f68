//! What a person typed, taken apart: words, "phrases", `prefix*`, `-not`, `OR`, `field:value`.
//!
//! Never an error: what cannot be read becomes words or is left out, and a note says so. Neighbours of `OR` belong
//! together before everything else is combined: `cold radiator OR heating` is `cold AND (radiator OR heating)`.

use chrono::{DateTime, NaiveDate, Utc};

use super::schema::micros;
use crate::model::{Cadence, Calendar, Exclusion, Kind};

/// Longer input is cut, with a note.
const CHARACTERS_MAX: usize = 1_000;
const CLAUSES_MAX: usize = 50;

/// Words that need not be in a hit when the query has others: articles, pronouns, prepositions, auxiliaries.
const SMALL_WORDS: &str = "\
 a an and are as at be been but by can do does for from had has have i if in is it its me my no not of on or our so \
 that the their them there they this to us was we were when which will with you your \
 aber als am an auch auf aus bei bin bis das dass dem den der des die doch ein eine einem einen einer er es für hat \
 ich ihr im in ist ja kein keine mein mit nach nicht noch nur ob oder sie sind so und uns vom von vor war wie wir wird \
 zu zum zur \
 au aux avec ce ces cette dans de des du elle en est et il ils je la le les leur ma mais mes mon ne nous on ou par pas \
 plus pour que qui sa se ses son sur un une vous \
 al como con del el ella en es esta este la las lo los me mi muy no nos para pero por que se si sin su sus un una y ya \
 che ci da dei del della di e gli ho i il la le lo mi nel non o per più si sono un una \
 aan dat de die een en er het hij ik in is je maar met mijn naar niet of om ook op te van voor wat we ze zijn \
 ao as com da das do dos e em mas na nas no nos não o os para por se sem um uma";

/// A query, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parsed {
    /// All must hold.
    pub clauses: Vec<Clause>,
    /// What could not be read, in sentences.
    pub notes: Vec<String>,
}

/// One of these, or none of these.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    /// Whether a hit must not have it.
    pub is_negative: bool,
    /// Alternatives.
    pub any: Vec<Atom>,
}

/// One thing asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    /// A word in any of its forms.
    Word(String),
    /// A word of which only the beginning is known.
    Prefix(String),
    /// These words in this order.
    Phrase(String),
    /// A value of a field, or the beginning of one.
    Filter {
        /// Its name in the index.
        field: &'static str,
        /// Folded when it is looked up.
        value: String,
        /// Whether the value is only the beginning.
        is_prefix: bool,
    },
    /// Opened in [from, to), in microseconds.
    Opened {
        /// Inclusive.
        from: Option<i64>,
        /// Exclusive.
        to: Option<i64>,
    },
}

impl Clause {
    /// Whether it asks for words, not for values.
    pub fn is_words(&self) -> bool {
        let is_value = |atom: &Atom| matches!(atom, Atom::Filter { .. } | Atom::Opened { .. });
        !self.any.iter().any(is_value)
    }

    /// Whether it is one of the words that are everywhere.
    pub fn is_small(&self) -> bool {
        match self.any.as_slice() {
            [Atom::Word(word)] => {
                let word = word.to_lowercase();
                SMALL_WORDS.split(' ').any(|small| small == word)
            }
            _ => false,
        }
    }
}

/// A piece of the input as it was typed.
#[derive(Debug, PartialEq)]
struct Piece {
    is_negative: bool,
    /// What stands before the colon.
    name: Option<String>,
    text: String,
    is_quoted: bool,
}

/// Whether a text can be kept as a search: it asks for something, and all of it was understood.
pub fn check(text: &str, calendar: &Calendar) -> Result<(), String> {
    let parsed = parse(text, calendar);
    if let Some(note) = parsed.notes.first() {
        return Err(format!("the query cannot be read: {note}"));
    }
    if parsed.clauses.iter().all(|clause| clause.is_negative) {
        return Err("the query names nothing to look for".to_owned());
    }
    Ok(())
}

/// Takes the input apart; days are days of the calendar's zone.
pub(super) fn parse(text: &str, calendar: &Calendar) -> Parsed {
    let mut parsed = Parsed::default();
    let text = cut(text, &mut parsed.notes);
    let mut joins_next = false;
    let mut negates_next = false;
    for piece in pieces(&text, &mut parsed.notes) {
        if piece.name.is_none() && !piece.is_quoted {
            match piece.text.as_str() {
                "OR" | "|" | "||" => {
                    joins_next = !parsed.clauses.is_empty();
                    continue;
                }
                "AND" | "&" | "&&" => continue,
                "NOT" => {
                    negates_next = true;
                    continue;
                }
                _ => {}
            }
        }
        let is_negative = piece.is_negative || std::mem::take(&mut negates_next);
        let joins = std::mem::take(&mut joins_next);
        let Some(atom) = atom(piece, calendar, &mut parsed.notes) else {
            continue;
        };
        add(&mut parsed, atom, is_negative, joins);
    }
    if parsed.clauses.len() > CLAUSES_MAX {
        parsed.clauses.truncate(CLAUSES_MAX);
        let note = format!("only the first {CLAUSES_MAX} words of the query were used");
        parsed.notes.push(note);
    }
    parsed
}

fn cut(text: &str, notes: &mut Vec<String>) -> String {
    let mut characters = text.chars();
    let kept: String = characters.by_ref().take(CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        notes.push(format!(
            "only the first {CHARACTERS_MAX} characters of the query were used"
        ));
    }
    kept
}

fn add(parsed: &mut Parsed, atom: Atom, is_negative: bool, joins: bool) {
    if let Some(last) = parsed.clauses.last_mut() {
        let is_same_filter = matches!(
            (&atom, last.any.as_slice()),
            (Atom::Filter { field: new, .. }, [.., Atom::Filter { field: old, .. }])
                if new == old && *new != "tag"
        );
        if joins && (is_negative || last.is_negative) {
            parsed
                .notes
                .push("OR beside a minus was read as AND".to_owned());
        } else if joins || (is_same_filter && !is_negative && !last.is_negative) {
            last.any.push(atom);
            return;
        }
    }
    parsed.clauses.push(Clause {
        is_negative,
        any: vec![atom],
    });
}

/// Splits at white space outside quotation marks.
fn pieces(text: &str, notes: &mut Vec<String>) -> Vec<Piece> {
    let is_mark = |c: char| matches!(c, '"' | '“' | '”' | '„' | '‟' | '«' | '»');
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after_minus = rest.strip_prefix(['-', '−']).filter(|after| {
            // `-5` is a temperature, and a lonely or doubled dash is punctuation.
            after.starts_with(|c: char| c.is_alphabetic() || is_mark(c))
        });
        let is_negative = after_minus.is_some();
        rest = after_minus.unwrap_or(rest);
        let (name, mut after) = split_name(rest);
        let is_quoted =
            after.starts_with(is_mark) && (name.is_some() || is_negative || is_mark(first));
        let text = if is_quoted {
            let inside = after.trim_start_matches(is_mark);
            let end = inside.find(is_mark).unwrap_or_else(|| {
                notes.push("a quotation mark is not closed; the phrase goes to the end".to_owned());
                inside.len()
            });
            after = inside[end..].trim_start_matches(is_mark);
            &inside[..end]
        } else {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            let text = &after[..end];
            after = &after[end..];
            text
        };
        pieces.push(Piece {
            is_negative,
            name,
            text: text.to_owned(),
            is_quoted,
        });
        rest = after.trim_start();
    }
    pieces
}

/// `name:` at the beginning, when letters stand before the colon and something behind it.
fn split_name(text: &str) -> (Option<String>, &str) {
    let none = (None, text);
    let Some((name, after)) = text.split_once(':') else {
        return none;
    };
    let is_name = name.len() > 1 && name.chars().all(|c| c.is_ascii_alphabetic());
    let has_value = after.starts_with(|c: char| !c.is_whitespace() && c != '/');
    let is_bare = !after.is_empty() && field_of(&name.to_lowercase()).is_some();
    if is_name && (has_value || is_bare) {
        (Some(name.to_lowercase()), after)
    } else {
        none
    }
}

/// The names people may write, and the name in the index.
fn field_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "category" => "category",
        "topic" => "topic",
        "account" | "customer" => "account",
        "kind" | "type" => "kind",
        "product" => "product",
        "source" => "source",
        "tag" | "tags" => "tag",
        "status" => "status",
        "channel" => "channel",
        "language" | "lang" => "language",
        "state" | "is" => "state",
        "key" => "key",
        "id" => "id",
        "after" | "since" => "after",
        "before" | "until" => "before",
        "during" => "during",
        _ => return None,
    })
}

fn atom(piece: Piece, calendar: &Calendar, notes: &mut Vec<String>) -> Option<Atom> {
    let Some(name) = piece.name else {
        return words_atom(piece.text, piece.is_quoted);
    };
    let Some(field) = field_of(&name) else {
        notes.push(format!(
            "there is no filter `{name}`, so it was searched as words; filters are category, topic, account, kind, \
             product, source, tag, status, channel, language, state, id, after, before, during"
        ));
        let text = format!("{name} {}", piece.text);
        return words_atom(text, true);
    };
    if piece.text.trim().is_empty() {
        notes.push(format!(
            "`{name}:` has no value, so it was left out; write {name}:value"
        ));
        return None;
    }
    match field {
        "after" | "before" | "during" => opened(field, &piece.text, calendar, notes),
        "kind" | "state" => named_value(field, &piece.text, notes),
        _ => Some(filter(field, &piece.text, piece.is_quoted)),
    }
}

fn words_atom(text: String, is_quoted: bool) -> Option<Atom> {
    let has_words = |text: &str| text.contains(char::is_alphanumeric);
    if !has_words(&text) {
        return None;
    }
    if is_quoted {
        return Some(Atom::Phrase(text));
    }
    match text.strip_suffix('*') {
        Some(start) if has_words(start) => Some(Atom::Prefix(start.to_owned())),
        _ => Some(Atom::Word(text)),
    }
}

fn filter(field: &'static str, text: &str, is_quoted: bool) -> Atom {
    let start = text.strip_suffix('*').filter(|_| !is_quoted);
    Atom::Filter {
        field,
        value: start.unwrap_or(text).to_owned(),
        is_prefix: start.is_some(),
    }
}

/// Kinds and states have a fixed set of names.
fn named_value(field: &'static str, text: &str, notes: &mut Vec<String>) -> Option<Atom> {
    let value = text.trim().to_lowercase().replace([' ', '-'], "_");
    let (value, known) = match field {
        "kind" => {
            let value = match value.as_str() {
                "call" | "calls" | "note" | "call_notes" => Kind::CallNote.as_str(),
                "tickets" => Kind::Ticket.as_str(),
                other => other,
            };
            let known = Kind::parse(value).is_some();
            (value.to_owned(), known)
        }
        _ => {
            let reason = value.strip_prefix("excluded:").unwrap_or(&value);
            let known = ["counts", "excluded", "assigned", "unassigned"].contains(&reason)
                || Exclusion::parse(reason).is_some();
            (reason.to_owned(), known)
        }
    };
    if !known {
        let choices = match field {
            "kind" => "ticket, call_note",
            _ => "counts, assigned, unassigned, excluded, spam, merged, automatic, empty",
        };
        notes.push(format!(
            "there is no such {field}, so the filter was left out; write one of {choices}"
        ));
        return None;
    }
    Some(filter(field, &value, true))
}

fn opened(field: &str, text: &str, calendar: &Calendar, notes: &mut Vec<String>) -> Option<Atom> {
    let Some((start, end)) = interval(text.trim(), calendar) else {
        notes.push(format!(
            "the date after `{field}:` could not be read, so the filter was left out; write 2026-03-31, 2026-03, \
             2026-W13 or 2026"
        ));
        return None;
    };
    Some(match field {
        "after" => Atom::Opened {
            from: Some(start),
            to: None,
        },
        "before" => Atom::Opened {
            from: None,
            to: Some(start),
        },
        _ => Atom::Opened {
            from: Some(start),
            to: Some(end),
        },
    })
}

/// First instant of a day, week, month or year, and the first one after it; an instant is an interval of its own.
fn interval(text: &str, calendar: &Calendar) -> Option<(i64, i64)> {
    if let Ok(at) = text.parse::<DateTime<Utc>>() {
        return Some((micros(at), micros(at).saturating_add(1)));
    }
    let is_plain =
        text.is_ascii() && text.len() <= 10 && text.starts_with(|c: char| c.is_ascii_digit());
    if !is_plain {
        return None;
    }
    if text.len() == 4 {
        let first = calendar.parse(Cadence::Monthly, &format!("{text}-01"))?;
        let last = calendar.parse(Cadence::Monthly, &format!("{text}-12"))?;
        return Some((micros(first.start), micros(last.end)));
    }
    let dotted = NaiveDate::parse_from_str(text, "%d.%m.%Y").ok();
    let key = dotted.map_or_else(|| text.to_uppercase(), |day| day.to_string());
    let window = Cadence::ALL
        .into_iter()
        .find_map(|cadence| calendar.parse(cadence, &key))?;
    Some((micros(window.start), micros(window.end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    /// A short form: `+` or `-`, alternatives with `|`; `~` marks words, `"` phrases.
    fn shown(text: &str) -> String {
        let parsed = parse(text, &Calendar::default());
        let clauses = parsed.clauses.iter().map(|clause| {
            let sign = if clause.is_negative { "-" } else { "+" };
            let atoms: Vec<String> = clause.any.iter().map(shown_atom).collect();
            format!("{sign}{}", atoms.join("|"))
        });
        clauses.collect::<Vec<_>>().join(" ")
    }

    fn shown_atom(atom: &Atom) -> String {
        match atom {
            Atom::Word(word) => word.clone(),
            Atom::Prefix(word) => format!("{word}*"),
            Atom::Phrase(words) => format!("\"{words}\""),
            Atom::Filter {
                field,
                value,
                is_prefix,
            } => format!("{field}={value}{}", if *is_prefix { "*" } else { "" }),
            Atom::Opened { from, to } => {
                let day = |at: &Option<i64>| {
                    at.and_then(DateTime::from_timestamp_micros)
                        .map_or_else(String::new, |at| at.format("%Y-%m-%dT%H").to_string())
                };
                format!("[{},{})", day(from), day(to))
            }
        }
    }

    fn notes(text: &str) -> String {
        parse(text, &Calendar::default()).notes.join("; ")
    }

    #[test]
    fn words_phrases_prefixes_and_exclusions() {
        assert_eq!(shown("cold radiator"), "+cold +radiator");
        assert_eq!(shown("\"hot water\" heat*"), "+\"hot water\" +heat*");
        assert_eq!(
            shown("„kein Warmwasser“ -Termin"),
            "+\"kein Warmwasser\" -Termin"
        );
        assert_eq!(shown("-\"no show\" NOT late"), "-\"no show\" -late");
        assert_eq!(shown("cold AND wet & dry"), "+cold +wet +dry");
    }

    #[test]
    fn or_joins_its_neighbours() {
        assert_eq!(
            shown("cold radiator OR heating x"),
            "+cold +radiator|heating +x"
        );
        assert_eq!(shown("a OR b OR c"), "+a|b|c");
        assert_eq!(shown("OR a OR"), "+a");
        assert_eq!(shown("a OR -b"), "+a -b");
        assert!(notes("a OR -b").contains("read as AND"));
    }

    #[test]
    fn filters_take_words_in_quotes_and_other_names() {
        assert_eq!(
            shown("category:\"Hot water\" type:call topic:t-1"),
            "+category=Hot water +kind=call_note +topic=t-1"
        );
        assert_eq!(shown("-tag:vip product:aura*"), "-tag=vip +product=aura*");
        assert_eq!(shown("category:*"), "+category=*");
        assert_eq!(shown("state:excluded:spam"), "+state=spam");
    }

    #[test]
    fn a_repeated_filter_means_either_but_tags_add_up() {
        assert_eq!(
            shown("kind:ticket kind:call"),
            "+kind=ticket|kind=call_note"
        );
        assert_eq!(shown("tag:a tag:b"), "+tag=a +tag=b");
    }

    #[test]
    fn days_weeks_months_and_years_are_half_open() {
        assert_eq!(
            shown("after:2026-03-01 before:2026-04"),
            "+[2026-03-01T00,) +[,2026-04-01T00)"
        );
        assert_eq!(shown("during:2026-w12"), "+[2026-03-16T00,2026-03-23T00)");
        assert_eq!(shown("during:2026"), "+[2026-01-01T00,2027-01-01T00)");
        assert_eq!(shown("since:1.3.2026"), "+[2026-03-01T00,)");
        assert_eq!(shown("after:2026-03-01T05:00:00Z"), "+[2026-03-01T05,)");
        let berlin = Calendar {
            zone: Tz::Europe__Berlin,
            ..Calendar::default()
        };
        let parsed = parse("after:2026-03-01", &berlin);
        assert_eq!(shown_atom(&parsed.clauses[0].any[0]), "[2026-02-28T23,)");
    }

    #[test]
    fn what_cannot_be_read_is_noted_and_never_an_error() {
        assert_eq!(shown("after:soon cold"), "+cold");
        assert!(notes("after:soon cold").contains("could not be read"));
        assert_eq!(shown("kind:letter cold"), "+cold");
        assert!(notes("kind:letter").contains("ticket, call_note"));
        assert_eq!(shown("Fehler:E17"), "+\"fehler E17\"");
        assert!(notes("Fehler:E17").contains("no filter `fehler`"));
        assert_eq!(shown("category: cold"), "+cold");
        assert!(notes("category: cold").contains("has no value"));
        assert_eq!(shown("\"not closed"), "+\"not closed\"");
        assert!(notes("\"not closed").contains("not closed"));
    }

    #[test]
    fn pasted_text_is_just_words() {
        assert_eq!(
            shown("Re: -- 12:30 -5 https://x.example/a * - \""),
            "+Re: +12:30 +-5 +https://x.example/a"
        );
        assert_eq!(notes("Re: 12:30 https://x.example"), "");
    }

    #[test]
    fn long_input_is_cut_with_a_note() {
        assert!(notes(&"word ".repeat(300)).contains("1000 characters"));
        assert_eq!(
            parse(&"w ".repeat(100), &Calendar::default()).clauses.len(),
            CLAUSES_MAX
        );
    }

    proptest! {
        #[test]
        fn any_text_can_be_taken_apart(text in "\\PC{0,80}") {
            let _ = parse(&text, &Calendar::default());
        }

        #[test]
        fn any_mix_of_operators_can_be_taken_apart(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("\""), Just("-"), Just("OR"), Just("NOT"), Just("*"), Just(":"), Just(" "), Just("kind:"),
                    Just("after:"), Just("during:"), Just("9999-12-31"), Just("0000-W00"), Just("ü"), Just("„"),
                ],
                0..20,
            )
        ) {
            let _ = parse(&parts.concat(), &Calendar::default());
        }
    }
}
