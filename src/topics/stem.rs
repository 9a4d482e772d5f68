//! Word stems, through a guard: the Greek algorithm of rust-stemmers panics on some words and returns nothing for
//! others. Shared by topics and search.
//!
//! The panic's message holds the word, so it must not be printed: words of customers never reach a log.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

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
    static HUSHED: Once = Once::new();
    HUSHED.call_once(hush_stemmers);
    // The stemmer keeps nothing between words, so a panic leaves nothing half done.
    let stem = AssertUnwindSafe(|| stemmer.stem(word).into_owned());
    IS_STEMMING.set(true);
    let stem = catch_unwind(stem);
    IS_STEMMING.set(false);
    stem.ok().filter(|stem| !stem.is_empty())
}

thread_local! {
    static IS_STEMMING: Cell<bool> = const { Cell::new(false) };
}

/// Puts a hook before the one that is there, which then hears of no panic inside a stemmer.
fn hush_stemmers() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !IS_STEMMING.get() {
            report(panic);
        }
    }));
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
    fn a_panic_inside_a_stemmer_is_not_reported() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        let here = std::thread::current().id();
        let reports = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reports);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == here {
                count.fetch_add(1, Ordering::Relaxed);
            } else {
                before(panic);
            }
        }));
        assert!(catch_unwind(|| panic!("heard")).is_err());
        assert_eq!(reports.load(Ordering::Relaxed), 1);
        hush_stemmers();
        assert_eq!(stem("el", "ισαισα"), None);
        assert_eq!(reports.load(Ordering::Relaxed), 1);
        assert!(catch_unwind(|| panic!("heard again")).is_err());
        assert_eq!(reports.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn the_forms_of_a_word_share_a_stem() {
        assert_eq!(stem("en", "fighting"), stem("en", "fight"));
        assert_eq!(stem("de", "rechnungen"), stem("de", "rechnung"));
    }
}
