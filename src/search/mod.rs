//! Words: a tantivy index over subject, messages and tags. Derived from the store; delete it and it is rebuilt.
//!
//! A change of the feed becomes a document (`schema`), its words become terms (`analysis`), `index` writes them and
//! remembers in the same commit how far it is, `syntax` reads what a person typed, `query` asks and counts
//! (`facets`), `snippet` shows where the words stand.
//!
//! Searching and applying block: call them from a blocking thread. `catch_up` does so by itself.
//!
//! ```no_run
//! # async fn example(store: &groundswell::store::Store) -> anyhow::Result<()> {
//! use groundswell::search::{SearchIndex, SearchRequest, catch_up};
//!
//! let (index, _state) = SearchIndex::open("data/search".as_ref())?;
//! catch_up(store, &index).await?;
//! let found = index.search(&SearchRequest::new("rechnung kind:call_note after:2026-03-01"))?;
//! println!("{} conversations", found.total);
//! # Ok(())
//! # }
//! ```

mod analysis;
mod compile;
mod facets;
mod index;
mod query;
mod schema;
mod snippet;
mod syntax;
#[cfg(test)]
mod tests;

pub use facets::{Facet, FacetCount};
pub use index::{SearchIndex, State, catch_up};
pub use query::{Filters, Hit, SearchRequest, SearchResults, Sort};
pub use snippet::Snippet;
