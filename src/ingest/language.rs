//! Which language a text is written in. Pure.
//!
//! `whichlang` is right more often on short texts but always answers one of its 16 languages;
//! `whatlang` knows many more and says when it is sure. So a sure `whatlang` answer outside those
//! 16 wins, else `whichlang` does. Under three words neither can tell.
//!
//! `whatlang` costs as much as all other cleaning together, so it is not asked where the words that hold a sentence together
//! leave no doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use whatlang::Lang;

/// Fewer words than this say nothing about the language.
const WORDS_MIN: usize = 3;

/// How much of a text is looked at.
const CHARS_MAX: usize = 1_000;

/// A language is sure when at least so many different words are its own …
const OWN_WORDS_MIN: usize = 3;
/// … and one word in so many, or more.
const OWN_WORDS_EVERY: usize = 7;
/// Shorter words are too often words of other languages as well.
const OWN_WORD_LETTERS_MIN: usize = 3;
/// The languages whose own words are known.
const WITH_OWN_WORDS: [&str; 8] = ["de", "en", "es", "fr", "it", "nl", "pt", "sv"];
/// Their neighbours among those that only `whatlang` knows: what is a word of theirs is nobody's own.
const NEIGHBOURS: [&str; 9] = ["ca", "da", "fi", "hu", "id", "no", "ro", "sl", "tr"];

/// By language, the function words that none of its neighbours has.
static OWN_WORDS: LazyLock<BTreeMap<&str, BTreeSet<&str>>> = LazyLock::new(|| {
    let words = |language: &str| stop_words::lookup(language).unwrap_or(&[]).iter().copied();
    let shared: BTreeSet<&str> = NEIGHBOURS.into_iter().flat_map(words).collect();
    let is_own =
        |word: &&str| word.chars().count() >= OWN_WORD_LETTERS_MIN && !shared.contains(word);
    let own = |language| (language, words(language).filter(is_own).collect());
    WITH_OWN_WORDS.into_iter().map(own).collect()
});

/// The ISO 639-1 code of a text's language, such as `de`; `default` when it is too short to tell.
pub fn detect(text: &str, default: &str) -> String {
    let words = text.split_whitespace().filter(|word| is_word(word)).count();
    if words < WORDS_MIN {
        return default.to_owned();
    }
    let start = head(text);
    let common = code(whichlang::detect_language(start));
    if is_surely(common, start) {
        return common.to_owned();
    }
    rare(start).unwrap_or(common).to_owned()
}

/// A language that `whichlang` does not know, where `whatlang` is sure of it.
fn rare(text: &str) -> Option<&'static str> {
    whatlang::detect(text)
        .filter(whatlang::Info::is_reliable)
        .and_then(|info| code_unknown_to_whichlang(info.lang()))
}

/// Whether the text's function words are those of this language and of no neighbour.
fn is_surely(language: &str, text: &str) -> bool {
    let Some(own) = OWN_WORDS.get(language) else {
        return false;
    };
    let lower = text.to_lowercase();
    let (mut all, mut hits, mut different) = (0, 0, BTreeSet::new());
    for word in lower.split(|letter: char| !letter.is_alphabetic()) {
        all += usize::from(!word.is_empty());
        if own.contains(word) {
            hits += 1;
            different.insert(word);
        }
    }
    different.len() >= OWN_WORDS_MIN && hits * OWN_WORDS_EVERY >= all
}

fn is_word(word: &str) -> bool {
    !word.starts_with('[') && word.chars().any(char::is_alphabetic)
}

fn head(text: &str) -> &str {
    let end = text.char_indices().nth(CHARS_MAX).map(|(place, _)| place);
    &text[..end.unwrap_or(text.len())]
}

fn code(language: whichlang::Lang) -> &'static str {
    use whichlang::Lang as L;
    match language {
        L::Ara => "ar",
        L::Cmn => "zh",
        L::Deu => "de",
        L::Eng => "en",
        L::Fra => "fr",
        L::Hin => "hi",
        L::Ita => "it",
        L::Jpn => "ja",
        L::Kor => "ko",
        L::Nld => "nl",
        L::Por => "pt",
        L::Rus => "ru",
        L::Spa => "es",
        L::Swe => "sv",
        L::Tur => "tr",
        L::Vie => "vi",
    }
}

/// The languages of customers in Europe and around it that only `whatlang` knows.
fn code_unknown_to_whichlang(language: Lang) -> Option<&'static str> {
    Some(match language {
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Dan => "da",
        Lang::Ell => "el",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Heb => "he",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Ind => "id",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Nob => "nb",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Ron => "ro",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Srp => "sr",
        Lang::Tha => "th",
        Lang::Ukr => "uk",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_and_rare_languages_are_told_apart() {
        let cases = [
            ("The outdoor unit does not come out of defrost", "en"),
            ("Die Heizung wird seit gestern nicht mehr warm", "de"),
            ("La pompe à chaleur fait beaucoup de bruit", "fr"),
            ("El agua caliente no sale desde ayer", "es"),
            ("De warmtepomp maakt sinds gisteren veel lawaai", "nl"),
            (
                "Pompa ciepła nie działa od wczoraj, proszę o pilny kontakt",
                "pl",
            ),
            (
                "Тепловий насос не працює з учорашнього дня, допоможіть",
                "uk",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(detect(text, ""), expected, "{text}");
        }
    }

    #[test]
    fn the_words_of_a_sentence_leave_no_doubt_where_there_is_none() {
        let sure = |text: &str| {
            let language = code(whichlang::detect_language(text));
            is_surely(language, text).then_some(language)
        };
        for (text, expected) in [
            (
                "The outdoor unit does not come out of defrost, and it was you who said that it would",
                "en",
            ),
            (
                "Die Heizung wird seit gestern nicht mehr warm und auch das Wasser ist kalt",
                "de",
            ),
        ] {
            assert_eq!(sure(text), Some(expected), "{text}");
        }
        // Languages that whichlang takes for one of its own.
        for text in [
            "Varmepumpen laver meget støj om natten, og vi kan ikke sove når vinduet er åbent",
            "Varmepumpen bråker mye om natten, og vi får ikke sove når vinduet er åpent",
            "La bomba de calor fa molt de soroll a la nit i no podem dormir amb la finestra oberta",
            "Pompa de căldură face mult zgomot noaptea și nu putem dormi cu fereastra deschisă",
            "Pompa ciepła hałasuje w nocy, to my do was piszemy, by ktoś tu był i to naprawił",
            "Tepelné čerpadlo dělá v noci velký hluk a my do rána nespíme, tak to prosím opravte",
            "Toplotna črpalka je ponoči zelo glasna in ne moremo spati, ko je okno odprto",
            "Lämpöpumppu pitää yöllä kovaa ääntä emmekä voi nukkua, kun ikkuna on auki",
            "A hőszivattyú éjjel nagyon zajos, és nem tudunk aludni, ha nyitva van az ablak",
            "Pompa panas sangat berisik pada malam hari dan kami tidak bisa tidur dengan jendela terbuka",
        ] {
            assert_eq!(sure(text), None, "{text}");
        }
    }

    #[test]
    fn short_texts_take_the_default() {
        assert_eq!(detect("call dropped", "en"), "en");
        assert_eq!(detect("E17 4711 [mail] help", ""), "");
        assert_eq!(detect("", "de"), "de");
    }
}
