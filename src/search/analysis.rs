//! Text to terms, the same way for documents, queries and snippets.
//!
//! Every text is indexed twice: as it stands (lower case; codes such as `4.2.0` or `E17-B` in one piece and in parts)
//! and by the stems of its language. Stems have no accents; where an accent steers the stemmer (`chaudière`), the
//! stem of the word without it is a second token in the same place. Scripts without spaces are cut into single
//! characters; a query finds them again as a phrase.

use std::sync::Arc;

use rust_stemmers::Stemmer;
use tantivy::tokenizer::{
    AsciiFoldingFilter, RawTokenizer, TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager,
};

use super::spans::{Span, Spans, spans};
use crate::topics::stem::{algorithm, safe_stem};

/// Raise it when terms come out differently: every index is rebuilt then.
pub(super) const VERSION: u32 = 1;

/// Name of the analyser for words as they stand.
pub(super) const EXACT: &str = "groundswell_exact";

/// The languages with a field of stems of their own.
pub(super) const LANGUAGES: [&str; 18] = [
    "ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv",
    "ta", "tr",
];

/// Longer words are cut here: nobody types them, and they would swell the dictionary.
const WORD_BYTES_MAX: usize = 60;

/// The language whose field takes a text: some codes are variants of one language.
pub(super) fn field_language(language: &str) -> Option<&'static str> {
    let language = match language {
        "nb" | "nn" => "no",
        other => other,
    };
    LANGUAGES.into_iter().find(|known| *known == language)
}

/// Name of the analyser for a language's stems.
pub(super) fn stem_analyzer_name(language: &str) -> String {
    format!("groundswell_stem_{language}")
}

/// Registers all analysers; tantivy does not store them, so every open needs it.
pub(super) fn register(manager: &TokenizerManager) {
    manager.register(EXACT, exact());
    for language in LANGUAGES {
        if let Some(analyzer) = stems(language) {
            manager.register(&stem_analyzer_name(language), analyzer);
        }
    }
}

/// Words as they stand.
pub(super) fn exact() -> TextAnalyzer {
    TextAnalyzer::from(ExactTokenizer)
}

/// Stems of a language without accents; words with digits are left to the exact field.
pub(super) fn stems(language: &str) -> Option<TextAnalyzer> {
    Some(TextAnalyzer::from(StemTokenizer {
        stemmer: Arc::new(Stemmer::create(algorithm(language)?)),
        is_german: language == "de",
        folder: TextAnalyzer::builder(RawTokenizer::default())
            .filter(AsciiFoldingFilter)
            .build(),
    }))
}

/// The term of a stretch of text as it stands.
pub(super) fn term_text(words: &str) -> String {
    let mut term = String::new();
    write_term(words, &mut term);
    term
}

fn write_term(words: &str, term: &mut String) {
    term.clear();
    if words.is_ascii() {
        term.push_str(words);
        term.make_ascii_lowercase();
    } else {
        term.extend(words.chars().flat_map(char::to_lowercase));
    }
    if term.len() > WORD_BYTES_MAX {
        term.truncate(term.floor_char_boundary(WORD_BYTES_MAX));
    }
}

fn set_token(token: &mut Token, text: &str, span: Span) {
    token.offset_from = span.from;
    token.offset_to = span.to;
    token.position = span.position;
    write_term(&text[span.from..span.to], &mut token.text);
}

#[derive(Clone)]
struct ExactTokenizer;

struct ExactStream<'a> {
    text: &'a str,
    spans: Spans<'a>,
    token: Token,
}

impl Tokenizer for ExactTokenizer {
    type TokenStream<'a> = ExactStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> ExactStream<'a> {
        ExactStream {
            text,
            spans: spans(text),
            token: Token::default(),
        }
    }
}

impl TokenStream for ExactStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(span) = self.spans.next() else {
            return false;
        };
        set_token(&mut self.token, self.text, span);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[derive(Clone)]
struct StemTokenizer {
    stemmer: Arc<Stemmer>,
    is_german: bool,
    /// Takes accents away.
    folder: TextAnalyzer,
}

struct StemStream<'a> {
    text: &'a str,
    spans: Spans<'a>,
    tokenizer: &'a mut StemTokenizer,
    token: Token,
    /// Another stem of the same word, to be given next.
    second: Option<String>,
}

impl Tokenizer for StemTokenizer {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        StemStream {
            text,
            spans: spans(text),
            tokenizer: self,
            token: Token::default(),
            second: None,
        }
    }
}

impl StemTokenizer {
    fn stem(&self, word: &str) -> String {
        safe_stem(&self.stemmer, word).unwrap_or_else(|| word.to_owned())
    }

    fn fold(&mut self, word: &str) -> String {
        let mut folded = self.folder.token_stream(word);
        folded.advance();
        folded.token().text.clone()
    }

    /// The stem without accents, and the stem of the word without accents where it is another one.
    fn stems(&mut self, word: &mut String) -> (String, Option<String>) {
        if self.is_german {
            write_umlauts(word);
        }
        let stem = self.stem(word);
        if word.is_ascii() {
            return (stem, None);
        }
        let first = self.fold(&stem);
        let folded = self.fold(word);
        let second = self.stem(&folded);
        let is_other = second != first;
        (first, is_other.then_some(second))
    }
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        if let Some(second) = self.second.take() {
            self.token.text = second;
            return true;
        }
        let text = self.text;
        let is_plain = |span: &Span| {
            !span.is_code && !text[span.from..span.to].contains(|c: char| c.is_numeric())
        };
        let Some(span) = self.spans.find(is_plain) else {
            return false;
        };
        set_token(&mut self.token, text, span);
        (self.token.text, self.second) = self.tokenizer.stems(&mut self.token.text);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// `heizkoerper` is how people write `heizkörper` on other keyboards. After a vowel or a `q` the two letters are just
/// two letters (`neue`, `bauen`, `quelle`).
fn write_umlauts(word: &mut String) {
    if !["ae", "oe", "ue"].iter().any(|pair| word.contains(pair)) {
        return;
    }
    let mut written = String::with_capacity(word.len());
    let mut characters = word.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        let umlaut = match character {
            'a' => Some('ä'),
            'o' => Some('ö'),
            'u' => Some('ü'),
            _ => None,
        };
        let is_pair = characters.peek() == Some(&'e')
            && !matches!(before, Some('a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'q'));
        match umlaut {
            Some(umlaut) if is_pair => {
                characters.next();
                written.push(umlaut);
                before = Some('e');
            }
            _ => {
                written.push(character);
                before = Some(character);
            }
        }
    }
    *word = written;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(mut analyzer: TextAnalyzer, text: &str) -> Vec<(usize, String)> {
        let mut stream = analyzer.token_stream(text);
        let mut terms = Vec::new();
        stream.process(&mut |token| terms.push((token.position, token.text.clone())));
        terms
    }

    fn exact_terms(text: &str) -> String {
        let terms = terms(exact(), text);
        let shown: Vec<_> = terms
            .iter()
            .map(|(at, term)| format!("{at}:{term}"))
            .collect();
        shown.join(" ")
    }

    fn stem_of(language: &str, word: &str) -> String {
        let terms = terms(stems(language).unwrap(), word);
        terms
            .into_iter()
            .map(|(_, term)| term)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn codes_stay_in_one_piece_and_have_parts() {
        assert_eq!(exact_terms("Error E17."), "0:error 1:e17");
        assert_eq!(exact_terms("since 4.2.0."), "0:since 1:4.2.0 1:4 2:2 3:0");
        assert_eq!(
            exact_terms("v4.2.0-4.2.1 x"),
            "0:4.2.0-4.2.1 0:4.2.0 0:v4 1:2 2:0 3:4.2.1 3:4 4:2 5:1 6:x"
        );
        assert_eq!(exact_terms("E17-B"), "0:e17-b 0:e17 1:b");
    }

    #[test]
    fn words_joined_without_digits_are_parts_only() {
        assert_eq!(exact_terms("E-Mail, l'eau ..."), "0:e 1:mail 2:l 3:eau");
        assert_eq!(exact_terms("a--b 1..2"), "0:a 1:b 2:1 3:2");
    }

    #[test]
    fn scripts_without_spaces_become_characters() {
        assert_eq!(exact_terms("ab热水 器"), "0:ab 1:热 2:水 3:器");
    }

    #[test]
    fn forms_of_a_word_share_a_stem_in_each_language() {
        assert_eq!(stem_of("de", "Rechnungen"), stem_of("de", "Rechnung"));
        assert_eq!(stem_of("en", "Leaking"), stem_of("en", "leaks"));
        assert_eq!(stem_of("fr", "chaudières"), "chaudi chaudier");
        assert_eq!(stem_of("fr", "chaudiere"), "chaudier");
        assert_eq!(stem_of("fr", "réparée"), "repar repare");
        assert_eq!(stem_of("de", "Heizkoerper"), stem_of("de", "Heizkörpern"));
        assert_eq!(stem_of("de", "neue"), stem_of("de", "neuen"));
    }

    #[test]
    fn words_with_digits_have_no_stem() {
        assert_eq!(stem_of("en", "error E17 4.2.0"), "error");
    }

    #[test]
    fn every_language_has_an_analyser() {
        for language in LANGUAGES {
            assert!(stems(language).is_some(), "{language}");
        }
        assert_eq!(field_language("nb"), Some("no"));
        assert_eq!(field_language("pl"), None);
    }
}
