//! Which language a text is written in. Pure.
//!
//! `whichlang` is right more often on short texts but always answers one of its 16 languages;
//! `whatlang` knows many more and says when it is sure. So a sure `whatlang` answer outside those
//! 16 wins, else `whichlang` does. Under three words neither can tell.

use whatlang::Lang;

/// Fewer words than this say nothing about the language.
const WORDS_MIN: usize = 3;

/// How much of a text is looked at.
const CHARS_MAX: usize = 1_000;

/// The ISO 639-1 code of a text's language, such as `de`; `default` when it is too short to tell.
pub fn detect(text: &str, default: &str) -> String {
    let words = text.split_whitespace().filter(|word| is_word(word)).count();
    if words < WORDS_MIN {
        return default.to_owned();
    }
    let start = head(text);
    let rare = whatlang::detect(start)
        .filter(whatlang::Info::is_reliable)
        .and_then(|info| code_unknown_to_whichlang(info.lang()));
    let common = || code(whichlang::detect_language(start));
    rare.unwrap_or_else(common).to_owned()
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
    fn short_texts_take_the_default() {
        assert_eq!(detect("call dropped", "en"), "en");
        assert_eq!(detect("E17 4711 [mail] help", ""), "");
        assert_eq!(detect("", "de"), "de");
    }
}
