//! The documents of one discovery in an order of their own, so that the order in which they came does not matter,
//! with what is needed of their words.

use std::collections::BTreeMap;

use super::Document;
use super::boilerplate;
use super::community::mixed;
use super::terms::{Lexicon, Token, TokenKind};
use super::vector::Matrix;

/// Words that say anything which a document must have to found a topic, unless it has a code.
const FOUNDING_WORDS_MIN: usize = 2;

/// Documents in order of their content.
pub struct Corpus<'a> {
    /// The documents, sorted.
    pub documents: Vec<&'a Document>,
    /// The words of each.
    pub tokens: Vec<Vec<Token>>,
    /// What the words stand for.
    pub lexicon: Lexicon,
    /// For each document its node: documents with the same vector and the same codes share one, so that
    /// repeats do not crowd each other's neighbours out. None for a document that says nothing.
    pub node_of: Vec<Option<u32>>,
    /// A document for each node.
    pub nodes: Vec<u32>,
    /// Whether a node says enough to found a topic; the others may only join one.
    pub is_founder: Vec<bool>,
}

impl<'a> Corpus<'a> {
    /// Sorts the documents by what they say and reads their words.
    pub fn new(documents: &'a [Document]) -> Self {
        let mut sorted: Vec<&Document> = documents.iter().collect();
        sorted.sort_by(|left, right| {
            let content = |d: &'a Document| (&d.vector, &d.text, d.created_at, &d.customer, &d.key);
            content(left).cmp(&content(right))
        });
        sorted.dedup_by(|later, earlier| later.key == earlier.key);
        let mut lexicon = Lexicon::default();
        let tokens: Vec<Vec<Token>> = sorted
            .iter()
            .map(|document| {
                let mut tokens = lexicon.read(document.text.as_str(), &document.language);
                // Of a million texts the spare room would be most of the memory.
                tokens.shrink_to_fit();
                tokens
            })
            .collect();
        let mut corpus = Self {
            documents: sorted,
            tokens,
            lexicon,
            node_of: Vec::new(),
            nodes: Vec::new(),
            is_founder: Vec::new(),
        };
        corpus.make_nodes();
        corpus
    }

    fn make_nodes(&mut self) {
        let mut known: BTreeMap<(&[i8], Vec<u32>), u32> = BTreeMap::new();
        for (place, document) in self.documents.iter().enumerate() {
            let tokens = &self.tokens[place];
            if document.vector.is_zero() || says_nothing(document.text.as_str(), tokens) {
                self.node_of.push(None);
                continue;
            }
            let codes = codes(tokens);
            let is_founder = words(tokens) >= FOUNDING_WORDS_MIN || !codes.is_empty();
            let next = self.nodes.len() as u32;
            let node = *known.entry((&document.vector.0, codes)).or_insert(next);
            if node == next {
                self.nodes.push(place as u32);
                self.is_founder.push(is_founder);
            }
            self.node_of.push(Some(node));
        }
    }

    /// The vectors of nodes, side by side.
    pub fn matrix(&self, nodes: &[u32]) -> Matrix {
        let place = |node: &u32| self.nodes[*node as usize] as usize;
        Matrix::new(nodes.iter().map(|node| &self.documents[place(node)].vector))
    }

    /// At most `limit` founders, chosen by what they say: the same ones whatever comes beside them.
    pub fn sample(&self, limit: usize) -> Vec<u32> {
        let mut all: Vec<u32> = (0..self.nodes.len() as u32).collect();
        all.retain(|node| self.is_founder[*node as usize]);
        if all.len() > limit {
            all.sort_by_cached_key(|node| {
                let document = self.documents[self.nodes[*node as usize] as usize];
                (scattered(&document.vector.0), *node)
            });
            all.truncate(limit);
            all.sort_unstable();
        }
        all
    }
}

/// A number that looks random and depends on a vector alone.
pub fn scattered(vector: &[i8]) -> u64 {
    vector
        .iter()
        .fold(0x5eed, |state, value| mixed(state ^ (*value as u8 as u64)))
}

/// Whether nothing is said: no word that carries meaning, and no code, or only what is said around every subject.
pub fn says_nothing(text: &str, tokens: &[Token]) -> bool {
    !tokens.iter().any(|token| token.is_content()) || boilerplate::is_only(text)
}

/// How many different words a text has that say anything.
fn words(tokens: &[Token]) -> usize {
    let words = tokens.iter().filter(|token| token.is_said());
    let mut words: Vec<u32> = words.map(|token| token.stem).collect();
    words.sort_unstable();
    words.dedup();
    words.len()
}

/// The codes of a text, each once, in order.
pub fn codes(tokens: &[Token]) -> Vec<u32> {
    let codes = tokens.iter().filter(|token| token.kind == TokenKind::Code);
    let mut codes: Vec<u32> = codes.map(|token| token.stem).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
