//! Following the store: the index takes the feed's changes until it is even.

use anyhow::Context;

use super::index::{Progress, SearchIndex};
use crate::store::Store;

/// Changes read from the store at once, and written before a commit.
const READ_AT_ONCE: u32 = 500;
const COMMIT_AFTER: usize = 2_000;

/// Brings the index even with the store and says how many changes it took. A position ahead of the store's counter
/// means that the database was restored from an older copy: then everything is read again.
pub async fn catch_up(store: &Store, index: &SearchIndex) -> anyhow::Result<u64> {
    let mut progress = index.progress()?;
    let last = store.last_change().await?;
    if progress.position > last {
        tracing::warn!(
            search.position = progress.position,
            store.last_change = last,
            "search index is ahead of the database; it is built again"
        );
        blocking(index, |index| index.clear()).await?;
        progress = Progress::default();
    }
    let mut taken = 0;
    let mut uncommitted = 0;
    loop {
        let changes = store.changes_after(progress.position, READ_AT_ONCE).await?;
        let is_even = changes.is_empty();
        if let Some(last) = changes.last() {
            progress.position = last.number;
            taken += changes.len() as u64;
            uncommitted += changes.len();
            progress.is_purge_due |= blocking(index, move |index| index.write(&changes)).await?;
        }
        if uncommitted > 0 && (is_even || uncommitted >= COMMIT_AFTER) {
            blocking(index, move |index| index.commit(progress)).await?;
            uncommitted = 0;
        }
        if is_even {
            break;
        }
    }
    blocking(index, |index| {
        index.purge()?;
        index.remove_old_folders()
    })
    .await?;
    Ok(taken)
}

async fn blocking<T: Send + 'static>(
    index: &SearchIndex,
    work: impl FnOnce(&SearchIndex) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let index = index.clone();
    tokio::task::spawn_blocking(move || work(&index))
        .await
        .context("search index: the work was cut off")?
}
