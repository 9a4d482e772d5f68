//! Words: a tantivy index over subject, messages and tags. Derived from the store; delete it and it is rebuilt.
//!
//! A change of the feed becomes a document (`schema`), its words become terms (`spans`, `analysis`). `index` writes
//! them and remembers in the same commit how far it is; `follow` keeps it even with the store; `open` finds it on disk
//! or starts it again. `syntax` takes apart what a person typed, `compile` makes a tantivy query of it, `query` runs
//! it, `facets` counts, `snippet` shows where the words stand.
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
mod exclude;
mod facets;
mod follow;
mod index;
mod open;
mod query;
mod schema;
mod snippet;
mod spans;
mod syntax;
#[cfg(test)]
mod tests;

pub use facets::{Facet, FacetCount};
pub use follow::catch_up;
pub use index::SearchIndex;
pub use open::State;
pub use query::{Filters, Hit, SearchRequest, SearchResults, Sort};
pub use snippet::Snippet;
pub use syntax::check;
