//! What words alone say of a text, hashed into the same numbers as the model's answer and mixed with it.
//!
//! Codes stand beside every vector: a model of word pieces takes "E17" for nearly the same as "E71". Words stand
//! beside the vectors of texts in languages that the model does not know; there it mostly sees which language it
//! is. Measured on 6 subjects in German, French and Russian: of a text's five nearest, .71, .66 and .57 share its
//! subject by the model alone, .78, .75 and .80 with the shares here. With more of the model nearly as many are
//! right, but all texts of a language lie nearer to each other, and coarse topics become topics of a language.
//!
//! Weights are fixed, so that a vector depends on its text alone: long words tell more than short ones, and stop
//! words count nothing. Word beginnings, endings and parts of compounds are seen through runs of four letters.

use std::collections::BTreeMap;

use crate::ingest::detect;
use crate::model::Vector;
use crate::topics::{Lexicon, TokenKind};

/// The language that the model knows.
const KNOWN_LANGUAGE: &str = "en";
/// Word pieces for each word from which the model may not know the language. English texts need 1.0 to 1.3,
/// German 1.6 to 3, French 1.3 to 2, Russian 4 and more.
const PIECES_PER_WORD: f64 = 1.3;
/// More pieces that it takes, so that one odd name does not decide for a short text.
const PIECES_MORE: f64 = 1.0;
/// Share of the words in the vector of a text in an unknown language.
const WORDS_SHARE: f64 = 0.8;
/// Share of the codes in the vector of a text that has some; best from .1 to .2 on the demo's corpus.
const CODES_SHARE: f64 = 0.15;
/// Letters in a run.
const RUN: usize = 4;
/// Letters up to which a longer word tells more.
const LETTERS_MAX: usize = 10;
/// Places for each feature: two, so that features that share one place still differ.
const PLACES: u64 = 2;

/// Weighted features by their hashes.
type Features = BTreeMap<u64, f64>;

/// Reads words.
pub struct Lexical<'a> {
    lexicon: Lexicon,
    default_language: &'a str,
}

impl<'a> Lexical<'a> {
    /// Texts too short to tell are in the default language.
    pub fn new(default_language: &'a str) -> Self {
        Self {
            lexicon: Lexicon::default(),
            default_language,
        }
    }

    /// The vector of a text: the model's answer and what stands beside it. `word_pieces` says in how many pieces
    /// with letters the model saw it.
    pub fn beside(&mut self, text: &str, word_pieces: usize, answer: &[f32]) -> Vector {
        if answer.is_empty() {
            return Vector::zero();
        }
        let language = self.unknown_language(text, word_pieces);
        let (mut words, mut codes) = self.features(text, language.as_deref());
        if language.is_none() {
            words.clear();
        }
        let mut left = 1.0;
        let mut parts = Vec::new();
        for (features, share) in [(&mut codes, CODES_SHARE), (&mut words, WORDS_SHARE)] {
            if !features.is_empty() {
                parts.push((hashed(features, answer.len()), share));
                left -= share;
            }
        }
        let length = length(answer.iter().map(|value| f64::from(*value)));
        let scale = |value: &f32| f64::from(*value) / length * f64::sqrt(left);
        let mut mixed: Vec<f64> = answer.iter().map(scale).collect();
        for (part, share) in parts {
            for (total, value) in mixed.iter_mut().zip(part) {
                *total += value * share.sqrt();
            }
        }
        let mixed: Vec<f32> = mixed.into_iter().map(|value| value as f32).collect();
        Vector::from_floats(&mixed)
    }

    /// The text's language if the model does not know it.
    fn unknown_language(&self, text: &str, word_pieces: usize) -> Option<String> {
        let words = text.split(|c: char| !c.is_alphabetic());
        let words = words.filter(|word| !word.is_empty()).count();
        // What the model reads word by word is English to it, whatever a guess from letters says.
        if (word_pieces as f64) < PIECES_PER_WORD * words as f64 + PIECES_MORE {
            return None;
        }
        let language = detect(text, self.default_language);
        (!language.is_empty() && language != KNOWN_LANGUAGE).then_some(language)
    }

    /// Words and codes.
    fn features(&mut self, text: &str, language: Option<&str>) -> (Features, Features) {
        let (mut words, mut codes) = (Features::new(), Features::new());
        for token in self.lexicon.read(text, language.unwrap_or(KNOWN_LANGUAGE)) {
            match token.kind {
                TokenKind::Code => {
                    let code = self.lexicon.stem(token.stem);
                    *codes.entry(hash("code", code)).or_default() += 1.0;
                }
                TokenKind::Word | TokenKind::Weak if language.is_some() => {
                    let word = self.lexicon.form(token.form).to_lowercase();
                    add_word(&mut words, &word, self.lexicon.stem(token.stem));
                }
                _ => {}
            }
        }
        (words, codes)
    }
}

/// A word counts by its stem and, as much, by its runs of letters.
fn add_word(features: &mut Features, word: &str, stem: &str) {
    let letters: Vec<char> = format!("_{word}_").chars().collect();
    let weight = (letters.len() - 2).min(LETTERS_MAX) as f64;
    *features.entry(hash("stem", stem)).or_default() += weight;
    let runs: Vec<&[char]> = letters.windows(RUN).collect();
    for run in &runs {
        let run: String = run.iter().collect();
        let share = weight / (runs.len() as f64).sqrt();
        *features.entry(hash("run", &run)).or_default() += share;
    }
}

/// Features as a vector of length 1, each with its sign at its places.
fn hashed(features: &Features, width: usize) -> Vec<f64> {
    let mut vector = vec![0.0; width];
    for (feature, weight) in features {
        for place in 0..PLACES {
            let hash = scrambled(feature ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let sign = if hash >> 63 == 1 { 1.0 } else { -1.0 };
            vector[(hash % width as u64) as usize] += sign * weight;
        }
    }
    let length = length(vector.iter().copied());
    vector.iter().map(|value| value / length).collect()
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    let square: f64 = values.map(|value| value * value).sum();
    square.sqrt().max(f64::MIN_POSITIVE)
}

/// A hash of our own (FNV-1a), so that vectors stay the same for ever.
pub(super) fn hash(kind: &str, feature: &str) -> u64 {
    let bytes = kind.bytes().chain([0]).chain(feature.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    scrambled(hash)
}

/// Spreads a number over all its bits (the last step of splitmix64).
fn scrambled(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Transformer;
    use crate::embed::tests::cosine;
    use crate::model::Text;

    fn encode(texts: &[&str]) -> Vec<Vector> {
        let texts: Vec<Text> = texts.iter().map(|text| Text::from(*text)).collect();
        Transformer::built_in().unwrap().encode(&texts).unwrap()
    }

    #[test]
    fn other_languages_group_by_what_is_said() {
        let subjects = [
            [
                "Ich habe mein Passwort vergessen und brauche ein neues",
                "Bitte setzen Sie mein Passwort neu, ich komme nicht ins Portal",
            ],
            [
                "Die Rechnung vom März wurde zweimal abgebucht",
                "Auf meiner Rechnung steht ein falscher Betrag",
            ],
            [
                "Тепловой насос очень шумит ночью",
                "Громкий шум теплового насоса после мороза",
            ],
            [
                "Je veux résilier mon contrat à la fin de l'année",
                "Par la présente je résilie le contrat d'entretien",
            ],
            [
                "暖房の音がとてもうるさいです",
                "夜になると暖房の音がうるさい",
            ],
        ];
        let vectors = encode(&subjects.concat());
        for (place, vector) in vectors.iter().enumerate() {
            let partner = cosine(vector, &vectors[place ^ 1]);
            for (other, far) in vectors.iter().enumerate() {
                if other / 2 != place / 2 {
                    let stranger = cosine(vector, far);
                    assert!(partner > stranger, "{place} {other}: {partner} {stranger}");
                }
            }
        }
    }

    #[test]
    fn codes_tell_texts_apart_and_together() {
        let vectors = encode(&[
            "The display shows error E17 since this morning",
            "The display shows error E71 since this morning",
            "My unit says E17 and stops",
        ]);
        let plain = encode(&[
            "The display shows an error since this morning",
            "The display shows an error since this morning",
        ]);
        assert_eq!(plain[0], plain[1]);
        assert!(cosine(&vectors[0], &vectors[1]) < 0.88);
        assert!(cosine(&vectors[0], &vectors[2]) > cosine(&vectors[1], &vectors[2]) + 0.1);
    }

    #[test]
    fn english_texts_have_no_words_beside_them() {
        let lexical = Lexical::new("");
        assert_eq!(lexical.unknown_language("my card is lost again", 5), None);
        assert_eq!(
            lexical.unknown_language("my wifi thermosensor is offline", 9),
            None
        );
        let german = lexical.unknown_language("die Heizung wird nicht warm", 9);
        assert_eq!(german.as_deref(), Some("de"));
        assert_eq!(lexical.unknown_language("Heizung kalt", 5), None);
        let german = Lexical::new("de").unknown_language("Heizung kalt", 5);
        assert_eq!(german.as_deref(), Some("de"));
    }

    #[test]
    fn hashes_stay_the_same_for_ever() {
        assert_eq!(hash("stem", "heiz"), 17_312_499_835_053_083_380);
        let vector = hashed(&Features::from([(hash("code", "e17"), 1.0)]), 384);
        let places: Vec<usize> = (0..384).filter(|i| vector[*i] != 0.0).collect();
        assert_eq!(places, [115, 191]);
    }
}
