//! Official reports as imported. A corrected report is a new version; the older ones stay.

use chrono::{DateTime, Utc};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::sql::{ManyRows, all, first, get, plain, run, sql, word};
use super::topics::next_number;
use super::{Store, Writing};
use crate::model::{Cadence, OfficialReport, ReportBasis, ReportRow};

impl Store {
    /// Keeps a report; a corrected one is a new version, the newest counts. The same once more changes nothing.
    pub async fn save_report(
        &self,
        report: &OfficialReport,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut writing = self.begin().await?;
        let ask = sql("SELECT number, version, basis FROM reports \
                       WHERE name = $1 AND cadence = $2 ORDER BY version DESC LIMIT 1");
        let ask = ask.bind(plain(&report.name)).bind(report.cadence.as_str());
        let before = first(writing.connection(), ask, |row| {
            let basis = word(row, 2, ReportBasis::parse)?;
            Ok((get::<i64>(row, 0)?, get::<i64>(row, 1)?, basis))
        });
        let mut version = 1;
        if let Some((number, newest, basis)) = before.await? {
            let rows = rows_of(writing.connection(), number).await?;
            if basis == report.basis && rows == report.rows {
                return Ok(());
            }
            version = newest + 1;
        }
        let number = next_number(&mut writing, "reports").await?;
        let add = sql(
            "INSERT INTO reports (number, name, cadence, version, basis, imported_at) \
                       VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let add = add
            .bind(number)
            .bind(plain(&report.name))
            .bind(report.cadence.as_str())
            .bind(version)
            .bind(report.basis.as_str())
            .bind(now.timestamp_micros());
        run(writing.connection(), add).await?;
        write_rows(&mut writing, number, &report.rows).await?;
        writing.commit().await
    }

    /// The newest version of each report of a cadence, newest first.
    pub async fn reports(&self, cadence: Cadence) -> anyhow::Result<Vec<OfficialReport>> {
        let ask = sql(
            "SELECT number, name, basis FROM reports r WHERE cadence = $1 \
                       AND version = (SELECT max(version) FROM reports o \
                       WHERE o.name = r.name AND o.cadence = r.cadence) \
                       ORDER BY imported_at DESC, number DESC",
        );
        let mut connection = self.reader().await?;
        let found = all(&mut connection, ask.bind(cadence.as_str()), |row| {
            let basis = word(row, 2, ReportBasis::parse)?;
            Ok((get::<i64>(row, 0)?, get::<String>(row, 1)?, basis))
        });
        let mut reports = Vec::new();
        for (number, name, basis) in found.await? {
            reports.push(OfficialReport {
                name,
                cadence,
                basis,
                rows: rows_of(&mut connection, number).await?,
            });
        }
        Ok(reports)
    }
}

async fn write_rows(writing: &mut Writing, report: i64, rows: &[ReportRow]) -> anyhow::Result<()> {
    let numbered: Vec<(i64, &ReportRow)> = (0..).zip(rows).collect();
    let many = ManyRows {
        before: "INSERT INTO report_rows (report, position, window_key, category, conversations)",
        row: "($, $, $, $, $)",
        after: "",
    };
    many.all(writing, &numbered, |(position, row), values| {
        let values = values.number(report).number(*position).text(&row.window);
        values
            .optional_text(row.category.as_deref())
            .number(row.count);
    })
    .await
}

async fn rows_of(connection: &mut AnyConnection, report: i64) -> anyhow::Result<Vec<ReportRow>> {
    let ask = sql(
        "SELECT window_key, category, conversations FROM report_rows \
                   WHERE report = $1 ORDER BY position",
    );
    all(connection, ask.bind(report), report_row).await
}

fn report_row(row: &AnyRow) -> anyhow::Result<ReportRow> {
    Ok(ReportRow {
        window: get(row, 0)?,
        category: get(row, 1)?,
        count: get(row, 2)?,
    })
}
