//! Words: tokens with their stems, stop words, and what tells a group's words from everybody's.
//!
//! A token is a word, or a code such as `E17` or `4.2.0`, which is kept whole. Words of one family share a stem and are
//! counted together; people see the form that is written most often.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_stemmers::Stemmer;

use super::stem::{algorithm, safe_stem};

/// A number that stands for a stem; the same stem of two languages is one.
pub type StemId = u32;

/// Longest code; longer ones are booking numbers and the like, which nobody shares.
const CODE_LENGTH_MAX: usize = 8;
/// Longest phrase, in tokens.
pub const PHRASE_LENGTH_MAX: usize = 3;
/// Endings that make a number a measure or an ordinal, not a code.
const MEASURES: &[&str] = &[
    "am", "pm", "st", "nd", "rd", "th", "h", "hr", "hrs", "min", "mins", "s", "sec", "gb", "mb",
    "kb", "kw", "kwh", "w", "v", "a", "c", "f", "l", "m", "cm", "mm", "km", "kg", "g", "x", "k",
    "eur", "usd", "gbp", "pt", "er", "ten", "te",
];
/// Greetings, thanks and marks of replies: said in every conversation, whatever it is about.
const COURTESIES: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "dear",
    "greetings",
    "morning",
    "afternoon",
    "evening",
    "thanks",
    "thank",
    "thx",
    "ty",
    "please",
    "pls",
    "plz",
    "regards",
    "cheers",
    "sincerely",
    "kind",
    "bye",
    "goodbye",
    "ok",
    "okay",
    "yes",
    "yeah",
    "yep",
    "nope",
    "sorry",
    "sir",
    "madam",
    "mr",
    "mrs",
    "ms",
    "team",
    "hallo",
    "danke",
    "bitte",
    "gruß",
    "grüße",
    "grüßen",
    "freundliche",
    "freundlichen",
    "mfg",
    "geehrte",
    "herr",
    "frau",
    "guten",
    "tag",
    "bonjour",
    "merci",
    "cordialement",
    "madame",
    "monsieur",
    "salut",
    "hola",
    "gracias",
    "saludos",
    "favor",
    "buenos",
    "ciao",
    "grazie",
    "saluti",
    "cordiali",
    "beste",
    "groeten",
    "bedankt",
    "dank",
    "hoi",
    "olá",
    "obrigado",
    "obrigada",
    "re",
    "fw",
    "fwd",
    "aw",
    "wg",
];
/// Words that a sentence needs and that name nothing: never in a label, beside the stop words of the language.
const WEAK_WORDS: &[&str] = &[
    "help",
    "need",
    "want",
    "like",
    "get",
    "got",
    "going",
    "go",
    "know",
    "tell",
    "let",
    "give",
    "make",
    "take",
    "use",
    "see",
    "say",
    "said",
    "would",
    "could",
    "can",
    "cant",
    "dont",
    "doesnt",
    "didnt",
    "isnt",
    "wont",
    "im",
    "ive",
    "id",
    "ill",
    "question",
    "urgent",
    "also",
    "still",
    "since",
    "yet",
    "however",
    "already",
    "always",
    "maybe",
    "even",
    "much",
    "many",
    "one",
    "two",
    "may",
    "might",
    "us",
    "via",
    "per",
    "etc",
    "upon",
    "able",
    "something",
    "anything",
    "nothing",
    "someone",
    "anyone",
    "thing",
    "things",
    "really",
    "actually",
    "well",
    "without",
    "another",
    "every",
    "around",
    "whether",
    "within",
    "though",
    "although",
    "wondering",
    "best",
    "good",
];

/// One word or code of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its stem.
    pub stem: StemId,
    /// Its form as it was written.
    pub form: u32,
    /// What it is good for.
    pub kind: TokenKind,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word that carries meaning.
    Word,
    /// An error code, a version, a part number.
    Code,
    /// A word that names nothing by itself, such as "help" or "want".
    Weak,
    /// A stop word, a courtesy, a single letter, a bare number.
    Filler,
    /// Not a word: a phrase never reaches across it.
    Break,
}

impl Token {
    /// Whether it says anything, if only together with others.
    pub fn is_said(self) -> bool {
        self.is_content() || self.kind == TokenKind::Weak
    }

    /// Whether it carries meaning by itself.
    pub fn is_content(self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::Code)
    }
}

/// All forms and stems seen, numbered in the order of texts.
#[derive(Default)]
pub struct Lexicon {
    forms: Vec<Form>,
    form_ids: HashMap<(u16, String), u32>,
    stem_ids: HashMap<String, StemId>,
    stems: Vec<String>,
    languages: Vec<Language>,
}

struct Form {
    shown: String,
    token: (StemId, TokenKind),
}

struct Language {
    code: String,
    stemmer: Option<Stemmer>,
    stop_words: HashSet<&'static str>,
}

impl Language {
    fn new(code: &str) -> Self {
        // A text whose language could not be told is most often a short English one; its words decide.
        let known = if code.is_empty() { "en" } else { code };
        let list = stop_words::lookup(known).unwrap_or(&[]);
        Self {
            code: code.to_owned(),
            stemmer: algorithm(known).map(Stemmer::create),
            stop_words: list.iter().copied().collect(),
        }
    }

    fn is_filler(&self, word: &str) -> bool {
        let plain: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        word.chars().count() < 2
            || self.stop_words.contains(word)
            || self.stop_words.contains(plain.as_str())
            || COURTESIES.contains(&plain.as_str())
    }
}

impl Lexicon {
    /// The tokens of a text in a language (ISO 639-1, or empty).
    pub fn read(&mut self, text: &str, language: &str) -> Vec<Token> {
        let language = self.language(language);
        let is_shouted = is_shouted(text);
        let mut tokens = Vec::new();
        for piece in pieces(text) {
            let token = match piece {
                Piece::Break => Token {
                    stem: u32::MAX,
                    form: u32::MAX,
                    kind: TokenKind::Break,
                },
                Piece::Word { word, is_first } => {
                    // Capitals say something only where they are not the rule.
                    let is_lowered = is_shouted || is_first && !is_code(word);
                    self.token(language, word, is_lowered)
                }
            };
            tokens.push(token);
        }
        tokens
    }

    fn language(&mut self, code: &str) -> u16 {
        let known = self.languages.iter().position(|known| known.code == code);
        let place = known.unwrap_or_else(|| {
            self.languages.push(Language::new(code));
            self.languages.len() - 1
        });
        place as u16
    }

    fn token(&mut self, language: u16, word: &str, is_lowered: bool) -> Token {
        let shown = if is_lowered {
            word.to_lowercase()
        } else {
            word.to_owned()
        };
        let key = (language, shown);
        if let Some(form) = self.form_ids.get(&key) {
            let (stem, kind) = self.forms[*form as usize].token;
            return Token {
                stem,
                form: *form,
                kind,
            };
        }
        let (stem, kind) = self.analysed(language, word);
        let form = self.forms.len() as u32;
        self.forms.push(Form {
            shown: key.1.clone(),
            token: (stem, kind),
        });
        self.form_ids.insert(key, form);
        Token { stem, form, kind }
    }

    fn analysed(&mut self, language: u16, word: &str) -> (StemId, TokenKind) {
        let lower = word.to_lowercase().replace('’', "'");
        let lower = lower.strip_suffix("'s").unwrap_or(&lower);
        let language = &self.languages[language as usize];
        let kind = if is_code(word) {
            TokenKind::Code
        } else if lower.chars().any(|c| c.is_ascii_digit()) || language.is_filler(lower) {
            TokenKind::Filler
        } else if WEAK_WORDS.contains(&lower) {
            TokenKind::Weak
        } else {
            TokenKind::Word
        };
        let stem = match (&language.stemmer, kind) {
            (Some(stemmer), TokenKind::Word) => safe_stem(stemmer, lower),
            _ => None,
        };
        let stem = stem.unwrap_or_else(|| lower.to_owned());
        let next = self.stems.len() as u32;
        let id = *self.stem_ids.entry(stem.clone()).or_insert(next);
        if id == next {
            self.stems.push(stem);
        }
        (id, kind)
    }

    /// A form as it was written.
    pub fn form(&self, form: u32) -> &str {
        &self.forms[form as usize].shown
    }

    /// A stem.
    pub fn stem(&self, stem: StemId) -> &str {
        &self.stems[stem as usize]
    }
}

/// Whether a text is written in capitals throughout, so that capitals say nothing.
fn is_shouted(text: &str) -> bool {
    let upper = text.chars().filter(|c| c.is_uppercase()).count();
    let lower = text.chars().filter(|c| c.is_lowercase()).count();
    upper > lower
}

/// Whether a word is a code: letters and digits mixed, or numbers joined by points.
fn is_code(word: &str) -> bool {
    let length = word.chars().count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    if digits == 0 || !(2..=CODE_LENGTH_MAX).contains(&length) {
        return false;
    }
    if letters == 0 {
        // A version has two points; one point is a price or a time.
        return word.matches('.').count() >= 2;
    }
    let ending: String = word.chars().skip_while(|c| !c.is_alphabetic()).collect();
    let is_measure = word.starts_with(|c: char| c.is_ascii_digit())
        && MEASURES.contains(&ending.to_lowercase().as_str());
    !is_measure
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Word { word: &'a str, is_first: bool },
    Break,
}

/// Words and the breaks between sentences. Placeholders in brackets, such as `[mail]`, are breaks.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut is_first = true;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[start..];
        let first = rest.chars().next().expect("something is left");
        if first.is_alphanumeric() {
            let length = word_length(rest);
            pieces.push(Piece::Word {
                word: &rest[..length],
                is_first,
            });
            is_first = false;
            rest = &rest[length..];
            continue;
        }
        let placeholder = (first == '[').then(|| rest.find(']')).flatten();
        let length = match placeholder {
            Some(end) if end <= 24 => end + 1,
            _ => first.len_utf8(),
        };
        if pieces.last() != Some(&Piece::Break) {
            pieces.push(Piece::Break);
        }
        is_first |= matches!(first, '.' | '!' | '?' | ':' | '-' | '•' | '"' | '“' | '(');
        rest = &rest[length..];
    }
    pieces
}

/// The bytes of the word at the start of a text. Apostrophes and hyphens inside belong to it, and points
/// beside digits.
fn word_length(text: &str) -> usize {
    let mut has_digit = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        has_digit |= character.is_ascii_digit();
        let next = characters.peek().map(|(_, next)| *next);
        let is_joined = match character {
            '\'' | '’' | '-' | '_' => next.is_some_and(char::is_alphanumeric),
            '.' | '/' => has_digit && next.is_some_and(|c| c.is_ascii_digit()),
            other if is_ideograph(other) => {
                // Scripts without spaces: every two characters are a word.
                return next
                    .filter(|n| is_ideograph(*n))
                    .map_or(at + other.len_utf8(), |n| {
                        at + other.len_utf8() + n.len_utf8()
                    });
            }
            other => other.is_alphanumeric(),
        };
        if !is_joined {
            return at;
        }
    }
    text.len()
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// A word or phrase as the numbers of its stems.
pub type Phrase = Vec<StemId>;

/// How many of a group's texts contain each word and phrase, and in which forms.
#[derive(Default)]
pub struct Tally {
    /// How many texts were looked at.
    pub texts: usize,
    counts: HashMap<Phrase, usize>,
    forms: HashMap<Phrase, BTreeMap<Vec<u32>, usize>>,
}

impl Tally {
    /// Counts every word and phrase once in each text.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [Token]>) -> Self {
        let mut tally = Self::default();
        for tokens in texts {
            tally.texts += 1;
            let mut seen = HashSet::new();
            for (phrase, forms) in phrases(tokens) {
                *tally
                    .forms
                    .entry(phrase.clone())
                    .or_default()
                    .entry(forms)
                    .or_default() += 1;
                if seen.insert(phrase.clone()) {
                    *tally.counts.entry(phrase).or_default() += 1;
                }
            }
        }
        tally
    }

    /// The share of the texts that contain a phrase.
    pub fn share(&self, phrase: &[StemId]) -> f64 {
        self.counts.get(phrase).copied().unwrap_or(0) as f64 / self.texts.max(1) as f64
    }

    /// The phrases that at least `least` texts contain, in order.
    pub fn frequent(&self, least: usize) -> Vec<(&Phrase, usize)> {
        let mut found: Vec<_> = self
            .counts
            .iter()
            .map(|(phrase, count)| (phrase, *count))
            .collect();
        found.retain(|(_, count)| *count >= least);
        found.sort_unstable();
        found
    }

    /// The form in which a phrase is written most often; among equals the first in the alphabet.
    pub fn surface(&self, phrase: &[StemId], lexicon: &Lexicon) -> String {
        let Some(forms) = self.forms.get(phrase) else {
            return String::new();
        };
        let written = |forms: &[u32]| {
            let words: Vec<&str> = forms.iter().map(|form| lexicon.form(*form)).collect();
            words.join(" ")
        };
        let mut all: Vec<(usize, String)> = forms
            .iter()
            .map(|(f, count)| (*count, written(f)))
            .collect();
        all.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        all.into_iter()
            .next()
            .map(|(_, written)| written)
            .unwrap_or_default()
    }
}

/// All words of a text, and its phrases: they begin and end with a word that carries meaning.
fn phrases(tokens: &[Token]) -> impl Iterator<Item = (Phrase, Vec<u32>)> + '_ {
    let starts = (0..tokens.len()).filter(|start| tokens[*start].is_content());
    starts.flat_map(move |start| {
        let end = (start + PHRASE_LENGTH_MAX).min(tokens.len());
        let unbroken = tokens[start..end]
            .iter()
            .take_while(|token| token.kind != TokenKind::Break);
        let reach = unbroken.count();
        (1..=reach)
            .map(move |length| &tokens[start..start + length])
            .filter(|tokens| tokens[tokens.len() - 1].is_content())
            .map(|tokens| {
                let stems = tokens.iter().map(|token| token.stem).collect();
                (stems, tokens.iter().map(|token| token.form).collect())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> String {
        let mut lexicon = Lexicon::default();
        let tokens = lexicon.read(text, "en");
        let shown = tokens.iter().map(|token| match token.kind {
            TokenKind::Break => "|".to_owned(),
            TokenKind::Filler | TokenKind::Weak => format!("({})", lexicon.form(token.form)),
            TokenKind::Code => format!("<{}>", lexicon.form(token.form)),
            TokenKind::Word => lexicon.form(token.form).to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn codes_and_versions_are_kept_whole() {
        assert_eq!(
            kinds("Error E17, since the update to 4.2.0."),
            "error <E17> | (since) (the) update (to) <4.2.0> |"
        );
    }

    #[test]
    fn numbers_measures_and_prices_are_no_codes() {
        assert_eq!(
            kinds("paid 12.50 at 10am for 20kg on the 3rd"),
            "paid (12.50) (at) (10am) (for) (20kg) (on) (the) (3rd)"
        );
        assert_eq!(kinds("ref 8847261abc99"), "ref (8847261abc99)");
    }

    #[test]
    fn placeholders_and_courtesies_carry_nothing() {
        assert_eq!(
            kinds("Hi, call me: [phone] thanks!"),
            "(hi) | call (me) | (thanks) |"
        );
    }

    #[test]
    fn capitals_count_only_where_they_are_not_the_rule() {
        assert_eq!(kinds("CAT STUCK UP TREE"), "cat stuck (up) tree");
        assert_eq!(kinds("My PIN is gone"), "(my) PIN (is) gone");
    }

    #[test]
    fn a_phrase_begins_and_ends_with_a_word_that_carries_meaning() {
        let mut lexicon = Lexicon::default();
        let tokens = lexicon.read("proof of insurance. card", "en");
        let tally = Tally::of([tokens.as_slice()]);
        let mut found: Vec<String> = tally
            .frequent(1)
            .iter()
            .map(|(phrase, _)| tally.surface(phrase, &lexicon))
            .collect();
        found.sort();
        assert_eq!(found, ["card", "insurance", "proof", "proof of insurance"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_in_twos() {
        assert_eq!(kinds("漏水修理").split(' ').count(), 2);
    }
}
