//! Asks the index: what is asked for, what is found, in which order.
//!
//! The order is the same on every machine: by score (rounded, because sums of floating-point numbers differ in
//! their last digits from one segment to another) or by time, and equals by key.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use tantivy::collector::DocSetCollector;
use tantivy::collector::sort_key::{NaturalComparator, SortByStaticFastValue, SortByString};
use tantivy::collector::{SegmentSortKeyComputer, SortKeyComputer, TopDocs};
use tantivy::query::Query;
use tantivy::schema::{Field, Value};
use tantivy::{DocAddress, DocId, Order, Score, Searcher, SegmentReader, TantivyDocument};

use super::compile::compile;
use super::facets::{CountByValue, Counts, Facet};
use super::index::SearchIndex;
use super::schema::Fields;
use super::snippet::{Snippet, Sought};
use super::syntax::parse;
use crate::model::{Calendar, ConversationKey, Kind, SourceId, TopicId};

/// Hits on a page at most, and how far one can page.
const LIMIT_MAX: usize = 100;
const OFFSET_MAX: usize = 10_000;

/// Digits of a score that count.
const SCORE_STEPS: Score = 1_000.0;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// What a person typed: words, "phrases", `-not`, `OR`, `prefix*`, `field:value`.
    pub text: String,
    /// Values that a hit must have.
    pub filters: Filters,
    /// Hits to leave out at the beginning; at most 10,000.
    pub offset: usize,
    /// Hits to give; at most 100.
    pub limit: usize,
    /// In which order.
    pub sort: Sort,
    /// In whose days `after:2026-03-01` is read.
    pub calendar: Calendar,
}

impl SearchRequest {
    /// The first twenty hits for a text, best first, days in UTC.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            filters: Filters::default(),
            offset: 0,
            limit: 20,
            sort: Sort::default(),
            calendar: Calendar::default(),
        }
    }
}

/// Values that a hit must have, exactly as a facet gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Opened at or after this instant.
    pub from: Option<DateTime<Utc>>,
    /// Opened before this instant.
    pub to: Option<DateTime<Utc>>,
    /// From this source.
    pub source: Option<SourceId>,
    /// Filed under this official category.
    pub category: Option<String>,
    /// Assigned to this topic.
    pub topic: Option<TopicId>,
    /// Of this account.
    pub account: Option<String>,
    /// Ticket or call note.
    pub kind: Option<Kind>,
    /// About this product.
    pub product: Option<String>,
}

/// The order of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Best first; newest first when no words were asked for.
    #[default]
    Relevance,
    /// Newest first.
    Newest,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchResults {
    /// Conversations that match, on all pages.
    pub total: u64,
    /// This page.
    pub hits: Vec<Hit>,
    /// How all matches fall on categories, topics, kinds, sources, products and accounts, in this order.
    pub facets: Vec<Facet>,
    /// What of the request could not be read, in sentences.
    pub notes: Vec<String>,
}

/// One conversation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Which conversation.
    pub key: ConversationKey,
    /// Its subject line; empty for most call notes.
    pub subject: String,
    /// The stretch of its text where the words stand.
    pub snippet: Snippet,
    /// How well it matches; 0 when no words were asked for.
    pub score: f32,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// Ticket or call note.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    /// `assigned`, `unassigned` or `excluded:<reason>`.
    pub state: String,
    /// Its official category.
    pub category: Option<String>,
    /// Its topic.
    pub topic: Option<TopicId>,
    /// The customer's account.
    pub account: Option<String>,
    /// The product it is about.
    pub product: Option<String>,
    /// A link that opens it in the helpdesk.
    pub url: Option<String>,
}

fn kind_name<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

impl SearchIndex {
    /// Runs a request. What was typed is never an error, only the index can fail. Blocks.
    pub fn search(&self, request: &SearchRequest) -> anyhow::Result<SearchResults> {
        let searcher = self.searcher();
        let parsed = parse(&request.text, &request.calendar);
        let compiled = compile(&parsed, &request.filters, self.fields(), &searcher)?;
        let sort = match request.sort {
            Sort::Relevance if compiled.has_words => Sort::Relevance,
            _ => Sort::Newest,
        };
        let mut notes = parsed.notes;
        if request.offset > OFFSET_MAX {
            notes.push(format!(
                "only the first {OFFSET_MAX} conversations can be paged through"
            ));
        }
        let (top, counts) = run(&searcher, compiled.query.as_ref(), request, sort)?;
        let mut hits = Vec::with_capacity(top.len());
        for (score, address) in top {
            let document: TantivyDocument = searcher.doc(address)?;
            hits.push(hit(self.fields(), &document, score, &compiled.sought));
        }
        Ok(SearchResults {
            total: counts.total,
            hits,
            facets: counts.facets(),
            notes,
        })
    }

    /// The keys of all conversations that match and were opened in [from, to). Blocks.
    pub fn matching(
        &self,
        text: &str,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        calendar: &Calendar,
    ) -> anyhow::Result<BTreeSet<ConversationKey>> {
        let searcher = self.searcher();
        let parsed = parse(text, calendar);
        let filters = Filters {
            from: Some(from),
            to: Some(to),
            ..Filters::default()
        };
        let compiled = compile(&parsed, &filters, self.fields(), &searcher)?;
        let found = searcher.search(compiled.query.as_ref(), &DocSetCollector)?;
        let found: BTreeSet<DocAddress> = found.into_iter().collect();
        let mut keys = BTreeSet::new();
        let mut name = String::new();
        for address in found {
            let reader = searcher.segment_reader(address.segment_ord);
            let Some(column) = reader.fast_fields().str("key")? else {
                continue;
            };
            for place in column.term_ords(address.doc_id) {
                name.clear();
                column.ord_to_str(place, &mut name)?;
                keys.extend(ConversationKey::parse(&name));
            }
        }
        Ok(keys)
    }
}

fn run(
    searcher: &Searcher,
    query: &dyn Query,
    request: &SearchRequest,
    sort: Sort,
) -> anyhow::Result<(Vec<(f32, DocAddress)>, Counts)> {
    let limit = request.limit.min(LIMIT_MAX);
    let page = TopDocs::with_limit(limit.max(1)).and_offset(request.offset.min(OFFSET_MAX));
    let by_key = (SortByString::for_field("key"), Order::Asc);
    let (mut top, counts) = match sort {
        Sort::Relevance => {
            let page = page.order_by(((RoundedScore, Order::Desc), by_key));
            let (top, counts) = searcher.search(query, &(page, CountByValue))?;
            let scored = |((steps, _), address)| (steps as f32 / SCORE_STEPS, address);
            (top.into_iter().map(scored).collect::<Vec<_>>(), counts)
        }
        Sort::Newest => {
            let opened = SortByStaticFastValue::<i64>::for_field("created_at");
            let page = page.order_by(((opened, Order::Desc), by_key));
            let (top, counts) = searcher.search(query, &(page, CountByValue))?;
            let addressed = top.into_iter().map(|(_, address)| (0.0, address));
            (addressed.collect(), counts)
        }
    };
    top.truncate(limit);
    Ok((top, counts))
}

fn hit(fields: &Fields, document: &TantivyDocument, score: f32, sought: &Sought) -> Hit {
    let text = |field: Field| {
        let value = document.get_first(field)?;
        Some(value.as_str()?.to_owned())
    };
    let [category, topic, kind, _, product, account] = fields.facets.map(text);
    let key = text(fields.key).unwrap_or_default();
    let micros = document
        .get_first(fields.created_at)
        .and_then(|value| value.as_i64());
    let language = text(fields.language).unwrap_or_default();
    let body = text(fields.body).unwrap_or_default();
    Hit {
        key: ConversationKey::parse(&key).unwrap_or_else(|| ConversationKey::new("", key)),
        subject: text(fields.subject).unwrap_or_default(),
        snippet: sought.snippet(&body, &language),
        score,
        created_at: micros
            .and_then(DateTime::from_timestamp_micros)
            .unwrap_or_default(),
        kind: kind.and_then(|name| Kind::parse(&name)).unwrap_or_default(),
        state: text(fields.state).unwrap_or_default(),
        category,
        topic: topic.map(TopicId),
        account,
        product,
        url: text(fields.url),
    }
}

/// Sorts by score in steps of a thousandth.
#[derive(Clone, Copy, Debug)]
struct RoundedScore;

impl SortKeyComputer for RoundedScore {
    type SortKey = i64;
    type Child = RoundedScore;
    type Comparator = NaturalComparator;

    fn requires_scoring(&self) -> bool {
        true
    }

    fn segment_sort_key_computer(&self, _: &SegmentReader) -> tantivy::Result<RoundedScore> {
        Ok(RoundedScore)
    }
}

impl SegmentSortKeyComputer for RoundedScore {
    type SortKey = i64;
    type SegmentSortKey = i64;
    type SegmentComparator = NaturalComparator;

    fn segment_sort_key(&mut self, _: DocId, score: Score) -> i64 {
        (score * SCORE_STEPS).round() as i64
    }

    fn convert_segment_sort_key(&self, steps: i64) -> i64 {
        steps
    }
}
