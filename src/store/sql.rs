//! Helpers around sqlx: run a statement, read a row, write many rows. Here errors get their sentence.
//!
//! `Any` has a trap that these helpers avoid: a missing float is announced to PostgreSQL as a float of 4
//! bytes, and the statement then refuses one of 8. So a share (0 to 1) is bound as -1 when it is missing,
//! and the statement says `NULLIF($n, -1.0)`.

use super::Writing;
use super::dialect::Dialect;
use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Decode, Row, SqlSafeStr, Type};

/// A statement with its values.
pub(super) type Statement = Query<'static, Any, AnyArguments>;

/// A statement; values follow with `bind`.
pub(super) fn sql(text: impl SqlSafeStr) -> Statement {
    sqlx::query(text)
}

/// A statement put together from constant pieces, never from what a user gave.
pub(super) fn composed(text: String) -> Statement {
    sqlx::query(AssertSqlSafe(text))
}

/// Runs a statement; how many rows it touched.
pub(super) async fn run(
    connection: &mut AnyConnection,
    statement: Statement,
) -> anyhow::Result<u64> {
    let done = statement.execute(connection).await.map_err(clear)?;
    Ok(done.rows_affected())
}

/// The first row, if there is one.
pub(super) async fn first<T>(
    connection: &mut AnyConnection,
    statement: Statement,
    convert: impl Fn(&AnyRow) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let row = statement.fetch_optional(connection).await.map_err(clear)?;
    row.as_ref().map(convert).transpose()
}

/// All rows, converted one by one as they arrive.
pub(super) async fn all<T>(
    connection: &mut AnyConnection,
    statement: Statement,
    convert: impl Fn(&AnyRow) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let mut converted = Vec::new();
    each(connection, statement, |row| {
        converted.push(convert(row)?);
        Ok(())
    })
    .await?;
    Ok(converted)
}

/// Hands over all rows, one by one as they arrive: for more of them than anybody wants to hold.
pub(super) async fn each(
    connection: &mut AnyConnection,
    statement: Statement,
    mut take: impl FnMut(&AnyRow) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut rows = statement.fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(clear)? {
        take(&row)?;
    }
    Ok(())
}

/// A column's value.
pub(super) fn get<'r, T>(row: &'r AnyRow, column: usize) -> anyhow::Result<T>
where
    T: Decode<'r, Any> + Type<Any>,
{
    row.try_get(column)
        .map_err(|_| anyhow::anyhow!("the database holds an unexpected kind of value"))
        .with_context(|| format!("column {column} of a row"))
}

/// A count.
pub(super) fn count(row: &AnyRow, column: usize) -> anyhow::Result<u64> {
    let number: i64 = get(row, column)?;
    u64::try_from(number).context("the database holds a negative count")
}

/// A small count.
pub(super) fn small_count(row: &AnyRow, column: usize) -> anyhow::Result<u32> {
    let number: i64 = get(row, column)?;
    u32::try_from(number).context("the database holds a count out of range")
}

/// An instant.
pub(super) fn instant(row: &AnyRow, column: usize) -> anyhow::Result<DateTime<Utc>> {
    from_micros(get(row, column)?)
}

/// An instant, or none.
pub(super) fn optional_instant(
    row: &AnyRow,
    column: usize,
) -> anyhow::Result<Option<DateTime<Utc>>> {
    let micros: Option<i64> = get(row, column)?;
    micros.map(from_micros).transpose()
}

/// The inverse of `timestamp_micros`.
pub(super) fn from_micros(micros: i64) -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).context("the database holds a time out of range")
}

/// A word of a fixed list, such as a kind or a state.
pub(super) fn word<T>(
    row: &AnyRow,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<T> {
    let text: &str = get(row, column)?;
    parse(text).context("the database holds a word that this version does not know")
}

/// Text as both databases can keep it: PostgreSQL knows no zero character.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "")
}

/// A list of texts as one parameter.
pub(super) fn json_list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.map(plain).collect();
    serde_json::to_string(&texts).expect("a list of texts is always JSON")
}

/// A size for the database.
pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The values of a statement that writes many rows.
#[derive(Default)]
pub(super) struct Values(AnyArguments);

impl Values {
    fn add<T: sqlx::Encode<'static, Any> + Type<Any>>(&mut self, value: T) -> &mut Self {
        use sqlx::Arguments;
        self.0
            .add(value)
            .expect("plain values can always be encoded");
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.add(plain(text))
    }

    pub fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.add(text.map(plain))
    }

    pub fn number(&mut self, number: i64) -> &mut Self {
        self.add(number)
    }

    pub fn optional_number(&mut self, number: Option<i64>) -> &mut Self {
        self.add(number)
    }

    pub fn time(&mut self, at: DateTime<Utc>) -> &mut Self {
        self.add(at.timestamp_micros())
    }

    pub fn optional_time(&mut self, at: Option<DateTime<Utc>>) -> &mut Self {
        self.add(at.map(|at| at.timestamp_micros()))
    }

    pub fn float(&mut self, value: f64) -> &mut Self {
        self.add(value)
    }

    /// A share from 0 to 1, or none; the statement must say `NULLIF($, -1.0)`.
    pub fn share(&mut self, share: Option<f64>) -> &mut Self {
        self.add(share_or_minus_one(share))
    }

    pub fn bytes(&mut self, bytes: Vec<u8>) -> &mut Self {
        self.add(bytes)
    }
}

/// How a missing share is bound.
pub(super) fn share_or_minus_one(share: Option<f64>) -> f64 {
    share.filter(|share| share.is_finite()).unwrap_or(-1.0)
}

/// Writes many rows with few statements: `before VALUES row, row, … after`.
pub(super) struct ManyRows {
    /// `INSERT INTO … (…)`, or `UPDATE … FROM (`.
    pub before: &'static str,
    /// One row, such as `($, NULLIF($, -1.0))`; each `$` gets its number.
    pub row: &'static str,
    /// `ON CONFLICT …`, or `) AS v WHERE …`, where the columns are `v.column1`, `v.column2`, ….
    pub after: &'static str,
}

/// Rows a statement: few different numbers, so that the prepared statements are used again.
const ROWS_PER_STATEMENT: [usize; 3] = [64, 8, 1];

impl ManyRows {
    /// Writes all rows; each is bound by `bind`, in the order of the `$`.
    pub async fn all<T>(
        &self,
        writing: &mut Writing,
        mut rows: &[T],
        bind: impl Fn(&T, &mut Values),
    ) -> anyhow::Result<()> {
        for size in ROWS_PER_STATEMENT {
            let text = (rows.len() >= size).then(|| self.text(writing.dialect, size));
            while let (Some(text), Some((chunk, rest))) = (&text, rows.split_at_checked(size)) {
                let mut values = Values::default();
                for row in chunk {
                    bind(row, &mut values);
                }
                let statement = sqlx::query_with(AssertSqlSafe(text.clone()), values.0);
                run(writing.connection(), statement).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    fn text(&self, dialect: Dialect, rows: usize) -> String {
        let mut text = format!("{} VALUES ", self.before);
        let mut number = 0;
        for row in 0..rows {
            if row > 0 {
                text.push(',');
            }
            for piece in self.row.split_inclusive('$') {
                text.push_str(piece.trim_end_matches('$'));
                if piece.ends_with('$') {
                    number += 1;
                    dialect.push_parameter(&mut text, number);
                }
            }
        }
        text.push(' ');
        text.push_str(self.after);
        text
    }
}

/// An error with its sentence. The database's own message is kept, but never the values of a statement.
pub(super) fn clear(error: sqlx::Error) -> anyhow::Error {
    if let sqlx::Error::Configuration(_) = error {
        // Its text repeats what was configured, and that may be a password.
        return anyhow::anyhow!("the database address has an option that is not understood");
    }
    let sentence = match &error {
        sqlx::Error::Database(database) => sentence_of(database.code().as_deref()),
        sqlx::Error::PoolTimedOut => Some("the database is busy for too long; try again later"),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
            Some("the connection to the database broke; check that it runs")
        }
        _ => None,
    };
    let error = anyhow::Error::new(error);
    match sentence {
        Some(sentence) => error.context(sentence),
        None => error.context("the database refused a statement"),
    }
}

/// What a person can do about an error code. SQLite's extended codes carry the plain one in their low byte.
fn sentence_of(code: Option<&str>) -> Option<&'static str> {
    let code = code?;
    if let Ok(number) = code.parse::<u32>()
        && code.len() < 5
    {
        return match number & 0xff {
            5 | 6 => Some("the database is locked by other work for too long; try again later"),
            8 => Some("the database cannot be written to; check the rights of its folder"),
            10 => Some("the database's disk reports an error; nothing was lost, check the disk"),
            11 | 26 => Some("the database file is damaged; restore it from a backup"),
            13 => Some("the database's disk is full; nothing was lost, free some space"),
            14 => Some("the database file cannot be opened; check the rights of its folder"),
            _ => None,
        };
    }
    match code {
        "53100" => Some("the database's disk is full; nothing was lost, free some space"),
        "25006" => Some("the database cannot be written to; is it a standby?"),
        "53300" => Some("the database has no free connection; raise its max_connections"),
        "57P01" | "57P02" | "57P03" => Some("the database is shutting down or starting"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_running_parameters() {
        let insert = ManyRows {
            before: "INSERT INTO t (a, b)",
            row: "($, NULLIF($, -1.0))",
            after: "ON CONFLICT DO NOTHING",
        };
        assert_eq!(
            insert.text(Dialect::Sqlite, 2),
            "INSERT INTO t (a, b) VALUES (?, NULLIF(?, -1.0)),(?, NULLIF(?, -1.0)) \
             ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            insert.text(Dialect::Postgres, 2),
            "INSERT INTO t (a, b) VALUES ($1, NULLIF($2, -1.0)),($3, NULLIF($4, -1.0)) \
             ON CONFLICT DO NOTHING"
        );
    }

    #[test]
    fn a_full_disk_has_a_sentence_on_both_databases() {
        assert!(sentence_of(Some("13")).unwrap().contains("full"));
        assert!(sentence_of(Some("53100")).unwrap().contains("full"));
        // an extended code: SQLITE_IOERR_WRITE
        assert!(sentence_of(Some("778")).unwrap().contains("disk"));
        assert_eq!(sentence_of(Some("23505")), None);
    }
}
