//! Counts by category, topic, kind, source, product and account, of all hits of a query in one pass.

use std::collections::BTreeMap;

use serde::Serialize;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::StrColumn;
use tantivy::{DocId, Score, SegmentReader};

use super::schema::FACETS;

/// Values shown for each facet.
const VALUES_MAX: usize = 10;

/// How the hits of a query fall on the values of one field: the counts of `values`, `others` and `without` add up
/// to the total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// `category`, `topic`, `kind`, `source`, `product` or `account`.
    pub field: &'static str,
    /// The most frequent values; equals by name.
    pub values: Vec<FacetCount>,
    /// Hits with a value that is not listed.
    pub others: u64,
    /// Hits without a value.
    pub without: u64,
}

/// One value of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FacetCount {
    /// As the helpdesk writes it; for topics the id.
    pub value: String,
    /// Hits that have it.
    pub count: u64,
}

/// Counts hits by value, for each facet.
pub(super) struct CountByValue;

/// Hits, and for each facet how many have which value.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub total: u64,
    by_facet: [BTreeMap<String, u64>; FACETS.len()],
}

impl Counts {
    /// The most frequent values of each facet.
    pub fn facets(self) -> Vec<Facet> {
        let total = self.total;
        FACETS
            .into_iter()
            .zip(self.by_facet)
            .map(|(field, counts)| facet(field, counts, total))
            .collect()
    }
}

fn facet(field: &'static str, counts: BTreeMap<String, u64>, total: u64) -> Facet {
    let with: u64 = counts.values().sum();
    let mut values: Vec<FacetCount> = counts
        .into_iter()
        .map(|(value, count)| FacetCount { value, count })
        .collect();
    // The map is sorted by name, and the sort is stable.
    values.sort_by_key(|value| std::cmp::Reverse(value.count));
    values.truncate(VALUES_MAX);
    let listed: u64 = values.iter().map(|value| value.count).sum();
    Facet {
        field,
        values,
        others: with - listed,
        without: total - with,
    }
}

pub(super) struct SegmentCounts {
    total: u64,
    columns: Vec<Option<(StrColumn, Vec<u64>)>>,
}

impl Collector for CountByValue {
    type Fruit = Counts;
    type Child = SegmentCounts;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<SegmentCounts> {
        let mut columns = Vec::with_capacity(FACETS.len());
        for name in FACETS {
            let column = segment.fast_fields().str(name)?;
            columns.push(column.map(|column| {
                let counts = vec![0; column.num_terms()];
                (column, counts)
            }));
        }
        Ok(SegmentCounts { total: 0, columns })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<tantivy::Result<Counts>>) -> tantivy::Result<Counts> {
        let mut merged = Counts::default();
        for fruit in fruits {
            let fruit = fruit?;
            merged.total += fruit.total;
            for (all, counts) in merged.by_facet.iter_mut().zip(fruit.by_facet) {
                for (value, count) in counts {
                    *all.entry(value).or_default() += count;
                }
            }
        }
        Ok(merged)
    }
}

impl SegmentCollector for SegmentCounts {
    type Fruit = tantivy::Result<Counts>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.total += 1;
        for (column, counts) in self.columns.iter_mut().flatten() {
            if let Some(ordinal) = column.ords().first(doc)
                && let Some(count) = counts.get_mut(ordinal as usize)
            {
                *count += 1;
            }
        }
    }

    fn harvest(self) -> tantivy::Result<Counts> {
        let mut harvested = Counts {
            total: self.total,
            ..Counts::default()
        };
        for (named, column) in harvested.by_facet.iter_mut().zip(self.columns) {
            let Some((column, counts)) = column else {
                continue;
            };
            let mut value = String::new();
            for (ordinal, count) in counts.into_iter().enumerate() {
                if count > 0 && column.ord_to_str(ordinal as u64, &mut value)? {
                    named.insert(value.clone(), count);
                }
            }
        }
        Ok(harvested)
    }
}
