//! A transaction that writes: one at a time, with the numbers of its changes.

use std::sync::Arc;

use anyhow::Context;
use sqlx::{Any, AnyConnection, Transaction};

use super::dialect::Dialect;
use super::sql::{clear, first, get, run, sql};
use super::{Inner, Store};

/// A transaction that writes. It holds the feed's counter row from its beginning, so that transactions of
/// several processes write one after the other, and change numbers grow in the order of commits.
/// Dropped without `commit`, it leaves nothing.
pub(super) struct Writing {
    transaction: Transaction<'static, Any>,
    inner: Arc<Inner>,
    pub(super) dialect: Dialect,
    has_erased: bool,
    pub(super) last_committed: i64,
    last: i64,
    /// The last change that a closed window counted.
    last_counted: i64,
}

impl Writing {
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// The number of one more change.
    pub(super) fn next_change(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Words, or what tells of them, are erased: they must not stay in the database's log either.
    pub(super) fn note_erased(&mut self) {
        self.has_erased = true;
    }

    /// Whether a closed window counted the version of this change.
    pub(super) fn was_counted(&self, change: i64) -> bool {
        change <= self.last_counted
    }

    /// Raises the counter as the last statement, and commits.
    pub(super) async fn commit(mut self) -> anyhow::Result<()> {
        if self.last > self.last_committed {
            let raise = sql("UPDATE feed SET last_change = $1 WHERE id = 1").bind(self.last);
            run(&mut self.transaction, raise).await?;
        }
        self.transaction.commit().await.map_err(clear)?;
        self.inner.log.note_commit(self.has_erased).await;
        Ok(())
    }
}

impl Store {
    pub(super) async fn begin(&self) -> anyhow::Result<Writing> {
        let begin = self.inner.dialect.begin();
        let mut transaction = match self.inner.writer.begin_with(begin).await {
            Ok(transaction) => transaction,
            // After a full disk SQLite has rolled back by itself, and the driver still counts the transaction. A fresh
            // connection does not.
            Err(_) => {
                let stale = self.inner.writer.acquire().await.map_err(clear)?;
                stale.close().await.map_err(clear)?;
                self.inner.writer.begin_with(begin).await.map_err(clear)?
            }
        };
        let take =
            sql("UPDATE feed SET last_change = last_change WHERE id = 1 RETURNING last_change");
        let last = first(&mut transaction, take, |row| get::<i64>(row, 0))
            .await?
            .context("the database has lost its change counter; restore it from a backup")?;
        // Only now, when nobody else can close a window any more.
        let ask = sql("SELECT max(as_of) FROM windows");
        let counted = first(&mut transaction, ask, |row| get::<Option<i64>>(row, 0)).await?;
        Ok(Writing {
            transaction,
            inner: self.inner.clone(),
            dialect: self.inner.dialect,
            has_erased: false,
            last_committed: last,
            last,
            last_counted: counted.flatten().unwrap_or(0),
        })
    }
}
