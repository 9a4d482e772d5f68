//! Names for topics: the words that tell a group from the others, put together so that most of its conversations
//! contain at least one of them. Never empty, never a stop word, never two words of one family, never two topics alike.

use std::collections::BTreeSet;

use crate::model::Term;

use super::terms::{Lexicon, Phrase, Tally, Token};

/// Texts of a group that are read for its words.
pub const TEXTS_READ_MAX: usize = 300;
/// Terms kept for a topic.
const TERMS_MAX: usize = 10;
/// Parts of a label.
const PARTS_MAX: usize = 3;
/// Least share of the texts that a term must be in, in percent.
const SHARE_PERCENT_MIN: usize = 8;
/// Least texts that a term must be in, if there is any such term.
const TEXTS_MIN: usize = 2;
/// Share of the texts that a label should be true of.
const COVERAGE_ENOUGH: f64 = 0.8;
/// A phrase stands in for its word when it is in at least this share of the word's texts.
const PHRASE_SHARE_MIN: f64 = 0.5;
/// Between the parts of a label.
const SEPARATOR: &str = " · ";

/// What a group is called and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Name {
    /// Its label; not yet compared with those of other topics.
    pub label: String,
    /// More parts, for the case that another topic has the same label.
    pub spare: Vec<String>,
    /// The words that tell it from the others, best first.
    pub terms: Vec<Term>,
}

/// A word or phrase that could stand in a label.
struct Candidate<'a> {
    phrase: &'a Phrase,
    share: f64,
    weight: f64,
    texts: Vec<bool>,
}

/// Names for groups, each given as the tokens of some of its texts; `rest` are texts of no group.
pub fn names(groups: &[Vec<&[Token]>], rest: &[&[Token]], lexicon: &Lexicon) -> Vec<Name> {
    let tallies: Vec<Tally> = groups.iter().map(|texts| tally(texts)).collect();
    let rest = tally(rest);
    let mut all: Vec<&Tally> = tallies.iter().collect();
    if rest.texts > 0 {
        all.push(&rest);
    }
    let frequency = |phrase: &Phrase| -> f64 {
        all.iter().map(|tally| tally.share(phrase)).sum::<f64>() / all.len() as f64
    };
    let name = |(texts, tally): (&Vec<&[Token]>, &Tally)| {
        let mut candidates = candidates(texts, tally, &frequency, TEXTS_MIN);
        if candidates.is_empty() {
            // Nothing is said twice: words of single texts still tell more than a number.
            candidates = self::candidates(texts, tally, &frequency, 1);
        }
        name(&chosen(&candidates, lexicon), tally, texts, lexicon)
    };
    groups.iter().zip(&tallies).map(name).collect()
}

fn tally(texts: &[&[Token]]) -> Tally {
    Tally::of(texts.iter().copied())
}

/// Class-based tf-idf: the share of the group's texts that contain a term, times how much larger that is than its mean
/// share in all groups.
fn candidates<'a>(
    texts: &[&[Token]],
    tally: &'a Tally,
    frequency: &dyn Fn(&Phrase) -> f64,
    texts_min: usize,
) -> Vec<Candidate<'a>> {
    let least = (tally.texts * SHARE_PERCENT_MIN)
        .div_ceil(100)
        .max(texts_min)
        .min(tally.texts.max(1));
    let mut found: Vec<Candidate<'a>> = Vec::new();
    for (phrase, count) in tally.frequent(least) {
        let share = count as f64 / tally.texts as f64;
        let weight = share * (1.0 + share / frequency(phrase)).ln();
        found.push(Candidate {
            phrase,
            share,
            // Logarithms may differ in the last bit between machines; what is left of them here does not.
            weight: (weight * 1e9).round() / 1e9,
            texts: Vec::new(),
        });
    }
    found.sort_by(|left, right| {
        right
            .weight
            .total_cmp(&left.weight)
            .then_with(|| left.phrase.cmp(right.phrase))
    });
    found.truncate(60);
    for candidate in &mut found {
        candidate.texts = texts
            .iter()
            .map(|tokens| contains(tokens, candidate.phrase))
            .collect();
    }
    found
}

fn contains(tokens: &[Token], phrase: &Phrase) -> bool {
    tokens.windows(phrase.len()).any(|window| {
        window
            .iter()
            .zip(phrase)
            .all(|(token, stem)| token.stem == *stem)
    })
}

/// The best terms, no two of one family; a phrase takes the place of its words where it is said nearly as often.
fn chosen<'a, 'b>(candidates: &'b [Candidate<'a>], lexicon: &Lexicon) -> Vec<&'b Candidate<'a>> {
    let mut chosen: Vec<&Candidate<'a>> = Vec::new();
    for candidate in candidates {
        let best = candidates
            .iter()
            .filter(|longer| {
                longer.phrase.len() > candidate.phrase.len()
                    && candidate
                        .phrase
                        .iter()
                        .all(|stem| longer.phrase.contains(stem))
                    && longer.share >= candidate.share * PHRASE_SHARE_MIN
            })
            .max_by(|left, right| {
                let order = left.phrase.len().cmp(&right.phrase.len());
                order
                    .then_with(|| left.weight.total_cmp(&right.weight))
                    .then_with(|| right.phrase.cmp(left.phrase))
            })
            .unwrap_or(candidate);
        let is_new = |known: &&Candidate<'a>| !share_family(known.phrase, best.phrase, lexicon);
        if chosen.iter().all(is_new) && !has_family(best.phrase, lexicon) {
            chosen.push(best);
        }
    }
    chosen
}

/// Whether two words of a phrase are of one family.
fn has_family(phrase: &Phrase, lexicon: &Lexicon) -> bool {
    let pairs = phrase
        .iter()
        .enumerate()
        .flat_map(|(at, left)| phrase[..at].iter().map(move |right| (left, right)));
    pairs
        .into_iter()
        .any(|(left, right)| is_family(lexicon.stem(*left), lexicon.stem(*right)))
}

fn share_family(left: &Phrase, right: &Phrase, lexicon: &Lexicon) -> bool {
    left.iter().any(|l| {
        right
            .iter()
            .any(|r| is_family(lexicon.stem(*l), lexicon.stem(*r)))
    })
}

/// Whether two stems are equal or one begins with the other, such as fight and fighter.
fn is_family(left: &str, right: &str) -> bool {
    let (short, long) = if left.len() <= right.len() {
        (left, right)
    } else {
        (right, left)
    };
    short == long || short.chars().count() >= 4 && long.starts_with(short)
}

fn name(chosen: &[&Candidate<'_>], tally: &Tally, texts: &[&[Token]], lexicon: &Lexicon) -> Name {
    let terms = chosen
        .iter()
        .take(TERMS_MAX)
        .map(|candidate| Term {
            word: tally.surface(candidate.phrase, lexicon),
            weight: candidate.weight,
        })
        .collect();
    let parts = parts(chosen, texts.len());
    let written = |at: &usize| tally.surface(chosen[*at].phrase, lexicon);
    let label = parts
        .iter()
        .map(written)
        .collect::<Vec<_>>()
        .join(SEPARATOR);
    let spare = (0..chosen.len())
        .filter(|at| !parts.contains(at))
        .map(|at| written(&at))
        .collect();
    Name {
        label,
        spare,
        terms,
    }
}

/// The terms of the label: the best one, then those that say most about the texts that the label does not cover yet.
fn parts(chosen: &[&Candidate<'_>], texts: usize) -> Vec<usize> {
    if chosen.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![0];
    let mut is_covered = chosen[0].texts.clone();
    while parts.len() < PARTS_MAX {
        let covered = is_covered.iter().filter(|c| **c).count() as f64 / texts.max(1) as f64;
        let words: usize = parts.iter().map(|at| chosen[*at].phrase.len()).sum();
        if covered >= COVERAGE_ENOUGH && (parts.len() >= 2 || words >= 3) {
            break;
        }
        let gain = |at: usize| {
            let candidate = chosen[at];
            let newly = candidate
                .texts
                .iter()
                .zip(&is_covered)
                .filter(|(has, is)| **has && !**is)
                .count();
            let reach = candidate.texts.iter().filter(|has| **has).count().max(1);
            // Half for being typical at all, half for what it adds.
            candidate.weight * (0.5 + 0.5 * newly as f64 / reach as f64)
        };
        let left = (1..chosen.len()).filter(|at| !parts.contains(at));
        let Some(next) = left.max_by(|l, r| gain(*l).total_cmp(&gain(*r)).then(r.cmp(l))) else {
            break;
        };
        if chosen[next].weight * 5.0 < chosen[0].weight && words >= 2 {
            break;
        }
        parts.push(next);
        for (is, has) in is_covered.iter_mut().zip(&chosen[next].texts) {
            *is |= has;
        }
    }
    parts
}

/// Makes a label that nobody else has: with more parts first, with a number if nothing else is left.
pub fn unlike(name: &Name, fallback: &str, taken: &mut BTreeSet<String>) -> String {
    let mut label = name.label.clone();
    if label.is_empty() {
        label = fallback.to_owned();
    }
    let first = label.clone();
    for spare in &name.spare {
        if !taken.contains(&label.to_lowercase()) {
            break;
        }
        label = format!("{label}{SEPARATOR}{spare}");
    }
    let mut number = 2;
    while taken.contains(&label.to_lowercase()) {
        label = format!("{first} ({number})");
        number += 1;
    }
    taken.insert(label.to_lowercase());
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(groups: &[&[&str]]) -> Vec<Name> {
        let mut lexicon = Lexicon::default();
        let read: Vec<Vec<Vec<Token>>> = groups
            .iter()
            .map(|texts| texts.iter().map(|text| lexicon.read(text, "en")).collect())
            .collect();
        let slices: Vec<Vec<&[Token]>> = read
            .iter()
            .map(|texts| texts.iter().map(Vec::as_slice).collect())
            .collect();
        names(&slices, &[], &lexicon)
    }

    #[test]
    fn a_label_says_what_the_group_says_and_the_others_do_not() {
        let found = named(&[
            &[
                "water from the condensate drain freezes on the path",
                "condensate drain drips on our path, ice",
                "ice on the path below the condensate drain of the unit",
            ],
            &[
                "cannot log in to the app of the unit",
                "app login fails, unit",
                "login code for the app never comes",
            ],
        ]);
        assert_eq!(found[0].label, "condensate drain · path");
        assert!(found[1].label.contains("app"), "{}", found[1].label);
    }

    #[test]
    fn no_two_words_of_one_family() {
        let found = named(&[
            &[
                "the fighter fights a fight",
                "fighting fighters",
                "a fight with a fighter",
            ],
            &["cats", "cat"],
        ]);
        assert_eq!(
            found[0].label.matches("fight").count(),
            1,
            "{}",
            found[0].label
        );
    }

    #[test]
    fn a_group_that_repeats_no_word_is_named_all_the_same() {
        let found = named(&[
            &["radiators stay cold upstairs", "bedroom never gets warm"],
            &["invoice came twice", "invoice is wrong"],
        ]);
        assert!(found[0].label.contains("radiators"), "{}", found[0].label);
    }

    #[test]
    fn equal_labels_are_told_apart() {
        let name = Name {
            label: "card".into(),
            spare: vec!["lost".into()],
            terms: Vec::new(),
        };
        let mut taken = BTreeSet::new();
        assert_eq!(unlike(&name, "x", &mut taken), "card");
        assert_eq!(unlike(&name, "x", &mut taken), "card · lost");
        assert_eq!(unlike(&name, "x", &mut taken), "card (2)");
    }

    #[test]
    fn a_group_without_words_gets_the_fallback() {
        assert_eq!(
            unlike(&Name::default(), "topic 4f", &mut BTreeSet::new()),
            "topic 4f"
        );
    }
}
