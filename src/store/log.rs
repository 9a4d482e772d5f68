//! The log that SQLite writes into first. What was erased would lie there until much more was written, so the log is emptied
//! after each erasure. PostgreSQL's log is the server's own affair.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::AnyPool;

use super::dialect::Dialect;
use super::sql::{clear, first, get, sql};

pub(super) struct Log {
    dialect: Dialect,
    /// One connection that does nothing else, so that it never makes a writer wait.
    connection: AnyPool,
    /// Erasures so far, and how many of them the log holds nothing of.
    erasures: AtomicU64,
    emptied: AtomicU64,
}

impl Log {
    pub fn new(dialect: Dialect, connection: AnyPool) -> Self {
        Self {
            dialect,
            connection,
            // A process that was killed may have left one.
            erasures: AtomicU64::new(1),
            emptied: AtomicU64::new(0),
        }
    }

    /// Empties the log if it may hold what was erased. While somebody reads from it, that is left to the next commit.
    pub async fn note_commit(&self, has_erased: bool) {
        if has_erased {
            self.erasures.fetch_add(1, Ordering::SeqCst);
        }
        let erasures = self.erasures.load(Ordering::SeqCst);
        if erasures == self.emptied.load(Ordering::SeqCst) {
            return;
        }
        match self.empty().await {
            Ok(true) => drop(self.emptied.fetch_max(erasures, Ordering::SeqCst)),
            Ok(false) => {}
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::warn!(reason, "the database's log is emptied later");
            }
        }
    }

    async fn empty(&self) -> anyhow::Result<bool> {
        let Some(empty) = self.dialect.empty_log() else {
            return Ok(true);
        };
        let mut connection = self.connection.acquire().await.map_err(clear)?;
        let is_busy = first(&mut connection, sql(empty), |row| get::<i64>(row, 0)).await?;
        Ok(is_busy == Some(0))
    }

    pub async fn close(&self) {
        self.connection.close().await;
    }
}
