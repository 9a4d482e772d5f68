//! What a query must not have, gathered before it is used.
//!
//! tantivy asks an excluded phrase about documents that lie behind it, which its phrase scorer does not allow. A set
//! of documents can be asked in any order.

use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::{BitSet, DocId, DocSet, Score, SegmentReader, TERMINATED};

/// Matches what the inner query matches, without a score.
#[derive(Debug)]
pub(super) struct Gathered(pub Box<dyn Query>);

impl Clone for Gathered {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for Gathered {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let unscored = match scoring {
            EnableScoring::Enabled { searcher, .. } => {
                EnableScoring::disabled_from_searcher(searcher)
            }
            disabled => disabled,
        };
        Ok(Box::new(GatheredWeight(self.0.weight(unscored)?)))
    }
}

struct GatheredWeight(Box<dyn Weight>);

impl Weight for GatheredWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut found = self.0.scorer(reader, boost)?;
        let mut documents = BitSet::with_max_value(reader.max_doc());
        while found.doc() != TERMINATED {
            documents.insert(found.doc());
            found.advance();
        }
        let documents = BitSetDocSet::from(documents);
        Ok(Box::new(ConstScorer::new(documents, boost)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(reader, doc)
    }
}
