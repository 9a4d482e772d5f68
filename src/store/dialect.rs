//! The few places where SQLite and PostgreSQL need different words.

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Starts a transaction that writes. SQLite takes its write lock at once, because a transaction that
    /// reads first and writes later fails when another one wrote in between.
    pub fn begin(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        }
    }

    /// What a connection that writes is told when it opens.
    pub fn writer_settings(self) -> &'static [&'static str] {
        match self {
            // FULL: a commit survives a power cut, so nothing is posted twice after one.
            // secure_delete: erased words are overwritten, not only unlinked.
            // wal_autocheckpoint: 16 MiB go to their places at once; what is erased does not wait for that (`log`).
            Dialect::Sqlite => &[
                "PRAGMA busy_timeout = 60000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
                "PRAGMA secure_delete = ON",
                "PRAGMA wal_autocheckpoint = 4096",
                "PRAGMA journal_size_limit = 67108864",
                "PRAGMA cache_size = -65536",
            ],
            Dialect::Postgres => &[],
        }
    }

    /// What a connection that empties the log is told when it opens: nobody waits for it, and it for nobody.
    pub fn log_settings(self) -> &'static [&'static str] {
        match self {
            Dialect::Sqlite => &["PRAGMA busy_timeout = 0", "PRAGMA query_only = ON"],
            Dialect::Postgres => &[],
        }
    }

    /// Empties the log of what was written, and answers 0; or something else, while somebody reads from it.
    /// PostgreSQL's log is the server's own affair.
    pub fn empty_log(self) -> Option<&'static str> {
        match self {
            Dialect::Sqlite => Some("PRAGMA wal_checkpoint(TRUNCATE)"),
            Dialect::Postgres => None,
        }
    }

    /// What a connection that only reads is told when it opens.
    pub fn reader_settings(self) -> &'static [&'static str] {
        match self {
            Dialect::Sqlite => &["PRAGMA busy_timeout = 60000", "PRAGMA query_only = ON"],
            Dialect::Postgres => &["SET default_transaction_read_only = on"],
        }
    }

    /// Adds the parameter of a number to a statement in which each stands once, in order. SQLite looks each
    /// numbered one up by its name, one after the other: half the time of a large statement.
    pub fn push_parameter(self, text: &mut String, number: usize) {
        match self {
            Dialect::Sqlite => text.push('?'),
            Dialect::Postgres => {
                text.push('$');
                text.push_str(&number.to_string());
            }
        }
    }

    /// A subquery that yields the texts of the JSON list in parameter `$1` or `$2`: a list of any length as one
    /// parameter, so that the statement stays the same and no limit of parameters is met.
    pub fn listed(self, parameter: ListParameter) -> &'static str {
        match (self, parameter) {
            (Dialect::Sqlite, ListParameter::First) => "SELECT value FROM json_each($1)",
            (Dialect::Sqlite, ListParameter::Second) => "SELECT value FROM json_each($2)",
            (Dialect::Postgres, ListParameter::First) => {
                "SELECT json_array_elements_text(CAST($1 AS json)) COLLATE \"C\""
            }
            (Dialect::Postgres, ListParameter::Second) => {
                "SELECT json_array_elements_text(CAST($2 AS json)) COLLATE \"C\""
            }
        }
    }

    /// The schema's tables and columns: table, column, kind of the column in one spelling for both databases.
    pub fn columns(self) -> &'static str {
        match self {
            Dialect::Sqlite => {
                "SELECT m.name, c.name, CASE c.type WHEN 'INTEGER' THEN 'integer' \
                 WHEN 'REAL' THEN 'double' WHEN 'BLOB' THEN 'bytes' WHEN 'TEXT' THEN 'text' \
                 ELSE c.type END || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN '' ELSE '?' END \
                 FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
                 ORDER BY m.name, c.cid"
            }
            Dialect::Postgres => {
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), \
                 CASE data_type WHEN 'bigint' THEN 'integer' WHEN 'double precision' THEN 'double' \
                 WHEN 'bytea' THEN 'bytes' ELSE data_type END \
                 || CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END \
                 FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND table_name NOT LIKE '\\_sqlx%' \
                 ORDER BY CAST(table_name AS TEXT) COLLATE \"C\", ordinal_position"
            }
        }
    }
}

/// Where the list stands among a statement's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) enum ListParameter {
    First,
    Second,
}
