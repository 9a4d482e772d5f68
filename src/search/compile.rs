//! From what was asked for to a tantivy query, and to the terms that snippets mark.
//!
//! A word is looked up as it stands and by its stem in every language: the best field counts. Values only filter;
//! they never move a hit up or down.

use std::collections::BTreeMap;
use std::ops::Bound;

use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur,
    PhrasePrefixQuery, PhraseQuery, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Score, Searcher, Term};

use super::analysis::{self, term_text};
use super::exclude::Gathered;
use super::query::Filters;
use super::schema::{Fields, exact_value, folded_value, micros};
use super::snippet::Sought;
use super::spans::{Span, spans};
use super::syntax::{Atom, Clause, Parsed};

/// How much a word counts by where it stands: a word as typed is worth more than another form of it.
const SUBJECT_BOOST: Score = 2.0;
const TAGS_BOOST: Score = 1.5;
const STEM_BOOST: Score = 0.8;

/// A word in several fields counts a little more than in the best one alone.
const TIE_BREAKER: Score = 0.1;

/// Endings tried for the last word of a phrase.
const PHRASE_ENDINGS_MAX: u32 = 1_000;

type BoxedQuery = Box<dyn Query>;

/// A request ready to be run.
pub(super) struct Compiled {
    pub query: BoxedQuery,
    /// What snippets mark.
    pub sought: Sought,
    /// Whether anything has a score.
    pub has_words: bool,
}

/// Compiles what was typed together with the filters.
pub(super) fn compile(
    parsed: &Parsed,
    filters: &Filters,
    fields: &Fields,
    searcher: &Searcher,
) -> tantivy::Result<Compiled> {
    let mut compiler = Compiler {
        fields,
        searcher,
        sought: Sought::default(),
    };
    let is_scored = |clause: &&Clause| clause.is_words() && !clause.is_negative;
    let has_words = parsed.clauses.iter().any(|clause| is_scored(&clause));
    let has_more_than_small = parsed
        .clauses
        .iter()
        .filter(is_scored)
        .any(|clause| !clause.is_small());
    let mut all: Vec<(Occur, BoxedQuery)> = vec![(Occur::Must, everything())];
    for clause in &parsed.clauses {
        let occur = if clause.is_negative {
            Occur::MustNot
        } else if has_more_than_small && clause.is_small() {
            // "the pump is not working": only `pump` and `working` are needed.
            Occur::Should
        } else {
            Occur::Must
        };
        let query = compiler.clause(clause)?;
        all.push(match occur {
            Occur::MustNot => (occur, Box::new(Gathered(query))),
            _ => (occur, query),
        });
    }
    for filter in compiler.filters(filters) {
        all.push((Occur::Must, filter));
    }
    if has_words {
        // The words find enough; without them everything has to be gone through.
        all.swap_remove(0);
    }
    Ok(Compiled {
        query: Box::new(BooleanQuery::new(all)),
        sought: compiler.sought,
        has_words,
    })
}

struct Compiler<'a> {
    fields: &'a Fields,
    searcher: &'a Searcher,
    sought: Sought,
}

impl Compiler<'_> {
    fn clause(&mut self, clause: &Clause) -> tantivy::Result<BoxedQuery> {
        let mut any = Vec::with_capacity(clause.any.len());
        for atom in &clause.any {
            any.push(match atom {
                Atom::Word(word) => self.word(word, clause.is_negative)?,
                Atom::Prefix(word) => self.prefix(word, clause.is_negative)?,
                Atom::Phrase(words) => self.phrase(words, clause.is_negative),
                Atom::Filter {
                    field,
                    value,
                    is_prefix,
                } => self.filter(folded_value(field, value), *is_prefix),
                Atom::Opened { from, to } => self.opened(*from, *to),
            });
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => best_of(any),
        })
    }

    /// A word or code as it stands, or another form of the word.
    fn word(&mut self, word: &str, is_hidden: bool) -> tantivy::Result<BoxedQuery> {
        let (parts, code) = taken_apart(word);
        if let Some(code) = code {
            return Ok(best_of(self.exact(&code, is_hidden)));
        }
        let mut any = match parts.as_slice() {
            [] => return Ok(Box::new(EmptyQuery)),
            [(_, term)] => self.exact(term, is_hidden),
            _ => self.in_order(&parts, is_hidden),
        };
        let has_digits = parts
            .iter()
            .any(|(_, term)| term.contains(|c: char| c.is_numeric()));
        if !has_digits {
            any.extend(self.stems(word, is_hidden)?);
        }
        Ok(best_of(any))
    }

    fn exact(&mut self, term: &str, is_hidden: bool) -> Vec<BoxedQuery> {
        if !is_hidden {
            self.sought.exact.insert(term.to_owned());
        }
        self.text_fields()
            .into_iter()
            .map(|(field, boost)| boosted(term_query(field, term), boost))
            .collect()
    }

    /// The stems of a word (or of the parts of `wi-fi`) in each language that has them.
    fn stems(&mut self, word: &str, is_hidden: bool) -> tantivy::Result<Vec<BoxedQuery>> {
        let mut any = Vec::new();
        for (language, field) in &self.fields.stems {
            let Some(mut analyzer) = analysis::stems(language) else {
                continue;
            };
            // By place in the word: `wi-fi` has two places, and a place may have two stems.
            let mut places: BTreeMap<usize, Vec<String>> = BTreeMap::new();
            let mut stream = analyzer.token_stream(word);
            stream.process(&mut |token| {
                places
                    .entry(token.position)
                    .or_default()
                    .push(token.text.clone());
            });
            let mut all: Vec<BoxedQuery> = Vec::new();
            for stems in places.values() {
                let mut alternatives = Vec::new();
                for stem in stems {
                    let term = Term::from_field_text(*field, stem);
                    if self.searcher.doc_freq(&term)? > 0 {
                        alternatives.push(term_query(*field, stem));
                    }
                }
                if alternatives.is_empty() {
                    break;
                }
                all.push(best_of(alternatives));
            }
            if places.is_empty() || all.len() < places.len() {
                continue;
            }
            any.push(boosted(all_of(all), STEM_BOOST));
            if !is_hidden {
                let stems = self.sought.stems.entry(language).or_default();
                stems.extend(places.into_values().flatten());
            }
        }
        Ok(any)
    }

    /// The beginning of a word or code; of the last word of several.
    fn prefix(&mut self, word: &str, is_hidden: bool) -> tantivy::Result<BoxedQuery> {
        let (mut parts, code) = taken_apart(word);
        let Some((_, last)) = parts.last() else {
            return Ok(Box::new(EmptyQuery));
        };
        let (start, is_alone) = match &code {
            Some(code) => (code.clone(), true),
            None => (last.clone(), parts.len() == 1),
        };
        if is_alone && start.chars().count() < 2 {
            // Half of all words begin with any one letter.
            return self.word(word, is_hidden);
        }
        if !is_hidden {
            self.sought.prefixes.insert(start.clone());
        }
        if is_alone {
            parts = vec![(0, start)];
        }
        let any = self.text_fields().into_iter().map(|(field, boost)| {
            let terms = parts
                .iter()
                .map(|(position, term)| (*position, Term::from_field_text(field, term)))
                .collect();
            boosted(prefix_query(terms), boost)
        });
        Ok(best_of(any.collect()))
    }

    /// Words in order; a single one in quotation marks as it stands.
    fn phrase(&mut self, words: &str, is_hidden: bool) -> BoxedQuery {
        let (parts, code) = taken_apart(words);
        best_of(match (code, parts.as_slice()) {
            (Some(code), _) => self.exact(&code, is_hidden),
            (None, []) => return Box::new(EmptyQuery),
            (None, [(_, term)]) => self.exact(term, is_hidden),
            (None, _) => self.in_order(&parts, is_hidden),
        })
    }

    fn in_order(&mut self, parts: &[(usize, String)], is_hidden: bool) -> Vec<BoxedQuery> {
        if !is_hidden {
            let terms = parts.iter().map(|(_, term)| term.clone());
            self.sought.exact.extend(terms);
        }
        self.text_fields()
            .into_iter()
            .map(|(field, boost)| {
                let terms = parts
                    .iter()
                    .map(|(position, term)| (*position, Term::from_field_text(field, term)))
                    .collect();
                boosted(Box::new(PhraseQuery::new_with_offset(terms)), boost)
            })
            .collect()
    }

    fn text_fields(&self) -> [(Field, Score); 3] {
        [
            (self.fields.subject, SUBJECT_BOOST),
            (self.fields.body, 1.0),
            (self.fields.tags, TAGS_BOOST),
        ]
    }

    fn filter(&self, value: String, is_prefix: bool) -> BoxedQuery {
        let term = Term::from_field_text(self.fields.filter, &value);
        unscored(if is_prefix {
            prefix_query(vec![(0, term)])
        } else {
            Box::new(TermQuery::new(term, IndexRecordOption::Basic))
        })
    }

    fn opened(&self, from: Option<i64>, to: Option<i64>) -> BoxedQuery {
        let term = |micros| Term::from_field_i64(self.fields.created_at, micros);
        if from.is_none() && to.is_none() {
            return everything();
        }
        unscored(Box::new(RangeQuery::new(
            from.map_or(Bound::Unbounded, |from| Bound::Included(term(from))),
            to.map_or(Bound::Unbounded, |to| Bound::Excluded(term(to))),
        )))
    }

    /// The request's own filters take values exactly as a facet gives them.
    fn filters(&self, filters: &Filters) -> Vec<BoxedQuery> {
        let values = [
            ("category", filters.category.as_deref()),
            ("topic", filters.topic.as_ref().map(|topic| topic.as_str())),
            ("kind", filters.kind.map(|kind| kind.as_str())),
            (
                "source",
                filters.source.as_ref().map(|source| source.as_str()),
            ),
            ("product", filters.product.as_deref()),
            ("account", filters.account.as_deref()),
        ];
        let mut all: Vec<BoxedQuery> = values
            .into_iter()
            .filter_map(|(name, value)| Some(self.filter(exact_value(name, value?), false)))
            .collect();
        if filters.from.is_some() || filters.to.is_some() {
            all.push(self.opened(filters.from.map(micros), filters.to.map(micros)));
        }
        all
    }
}

/// The parts of a word with their positions, and the code if all of it is one.
fn taken_apart(text: &str) -> (Vec<(usize, String)>, Option<String>) {
    let spans: Vec<Span> = spans(text).collect();
    let end = spans.iter().map(|span| span.to).max();
    let code = spans
        .iter()
        .find(|span| span.is_code && span.position == 0 && Some(span.to) == end)
        .map(|span| term_text(&text[span.from..span.to]));
    let parts = spans
        .iter()
        .filter(|span| !span.is_code)
        .map(|span| (span.position, term_text(&text[span.from..span.to])))
        .collect();
    (parts, code)
}

fn term_query(field: Field, term: &str) -> BoxedQuery {
    let term = Term::from_field_text(field, term);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

fn prefix_query(terms: Vec<(usize, Term)>) -> BoxedQuery {
    let endings = match terms.len() {
        1 => u32::MAX,
        _ => PHRASE_ENDINGS_MAX,
    };
    let mut query = PhrasePrefixQuery::new_with_offset(terms);
    query.set_max_expansions(endings);
    Box::new(query)
}

fn best_of(any: Vec<BoxedQuery>) -> BoxedQuery {
    Box::new(DisjunctionMaxQuery::with_tie_breaker(any, TIE_BREAKER))
}

fn all_of(mut all: Vec<BoxedQuery>) -> BoxedQuery {
    match all.len() {
        1 => all.remove(0),
        _ => Box::new(BooleanQuery::intersection(all)),
    }
}

fn boosted(query: BoxedQuery, boost: Score) -> BoxedQuery {
    Box::new(BoostQuery::new(query, boost))
}

fn unscored(query: BoxedQuery) -> BoxedQuery {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn everything() -> BoxedQuery {
    unscored(Box::new(AllQuery))
}
