//! Word stems, through a guard: the Greek algorithm of rust-stemmers panics on some words and returns nothing for
//! others. Shared by topics and search.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rust_stemmers::{Algorithm, Stemmer};

/// The stemming algorithm for a language (ISO 639-1), if there is one.
pub fn algorithm(language: &str) -> Option<Algorithm> {
    Some(match language {
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "en" => Algorithm::English,
        "es" => Algorithm::Spanish,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "nb" | "nn" | "no" => Algorithm::Norwegian,
        "nl" => Algorithm::Dutch,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        _ => return None,
    })
}

/// The stem of a lower-case word; `None` means: keep the word as it is.
pub fn safe_stem(stemmer: &Stemmer, word: &str) -> Option<String> {
    // The stemmer keeps nothing between words, so a panic leaves nothing half done.
    let stem = AssertUnwindSafe(|| stemmer.stem(word).into_owned());
    catch_unwind(stem).ok().filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(language: &str, word: &str) -> Option<String> {
        safe_stem(&Stemmer::create(algorithm(language).unwrap()), word)
    }

    #[test]
    fn words_that_break_the_greek_algorithm_are_kept() {
        assert_eq!(stem("el", "ισαισα"), None);
        assert_eq!(stem("el", "ισα"), None);
    }

    #[test]
    fn the_forms_of_a_word_share_a_stem() {
        assert_eq!(stem("en", "fighting"), stem("en", "fight"));
        assert_eq!(stem("de", "rechnungen"), stem("de", "rechnung"));
    }
}
