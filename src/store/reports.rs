//! Official reports as imported. A corrected report is a new version, and the older ones stay; a file with several metrics is
//! several reports of one name. For each window the newest version that says something of it counts, so that next month's
//! file does not take this month's lines away. Beside them: how files with known headers are read.

use std::collections::BTreeSet;

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::sql::{ManyRows, all, first, get, instant, plain, run, sql, word};
use super::topics::next_number;
use super::{Store, Writing};
use crate::model::{Cadence, OfficialReport, ReportBasis, ReportRow};

/// One version of an imported report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportVersion {
    /// From 1 on, within its name, cadence and metric.
    pub version: i64,
    /// When it was imported.
    pub imported_at: DateTime<Utc>,
    /// What it says.
    pub report: OfficialReport,
}

/// What importing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The version that now holds it.
    pub version: i64,
    /// Whether it is another than before.
    pub is_new: bool,
}

/// How files with these headers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLayout {
    /// What tells the headers apart.
    pub fingerprint: String,
    /// What was chosen, as JSON.
    pub choices: String,
}

/// A version without its rows.
struct Head {
    number: i64,
    version: i64,
    imported_at: DateTime<Utc>,
    report: OfficialReport,
}

/// Asks for heads; what `head` reads.
macro_rules! heads {
    ($rest:literal $(,)?) => {
        sql(concat!(
            "SELECT number, name, cadence, metric, version, basis, zone, imported_at FROM reports r ",
            $rest
        ))
    };
}

fn head(row: &AnyRow) -> anyhow::Result<Head> {
    Ok(Head {
        number: get(row, 0)?,
        version: get(row, 4)?,
        imported_at: instant(row, 7)?,
        report: OfficialReport {
            name: get(row, 1)?,
            cadence: word(row, 2, Cadence::parse)?,
            metric: get(row, 3)?,
            basis: word(row, 5, ReportBasis::parse)?,
            zone: get(row, 6)?,
            rows: Vec::new(),
        },
    })
}

impl Head {
    /// Whether both are versions of one report.
    fn is_of(&self, other: &OfficialReport) -> bool {
        self.report.name == other.name
            && self.report.metric == other.metric
            && self.report.cadence == other.cadence
    }
}

impl Store {
    /// Keeps a report; a corrected one is a new version. The same once more changes nothing.
    pub async fn save_report(
        &self,
        report: &OfficialReport,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Kept> {
        let kept = self
            .save_reports(std::slice::from_ref(report), None, now)
            .await?;
        kept.into_iter().next().context("no report was kept")
    }

    /// Keeps the reports of one file, and how its headers are read, or none of it.
    pub async fn save_reports(
        &self,
        reports: &[OfficialReport],
        layout: Option<&KnownLayout>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Kept>> {
        let mut writing = self.begin().await?;
        let mut kept = Vec::new();
        for report in reports {
            kept.push(keep(&mut writing, report, now).await?);
        }
        if let Some(layout) = layout {
            let add = sql(
                "INSERT INTO report_layouts (fingerprint, choices, chosen_at) \
                           VALUES ($1, $2, $3) ON CONFLICT (fingerprint) DO UPDATE SET \
                           choices = excluded.choices, chosen_at = excluded.chosen_at",
            );
            let add = add
                .bind(plain(&layout.fingerprint))
                .bind(plain(&layout.choices))
                .bind(now.timestamp_micros());
            run(writing.connection(), add).await?;
        }
        writing.commit().await?;
        Ok(kept)
    }

    /// What was chosen for files with these headers, as JSON.
    pub async fn report_layout(&self, fingerprint: &str) -> anyhow::Result<Option<String>> {
        let ask = sql("SELECT choices FROM report_layouts WHERE fingerprint = $1");
        let mut connection = self.reader().await?;
        first(&mut connection, ask.bind(plain(fingerprint)), |row| {
            get(row, 0)
        })
        .await
    }

    /// The reports of a cadence, the last imported first, helpdesks' own counts last: for each window the lines of the newest version that has any,
    /// as long as the versions count alike.
    pub async fn reports(&self, cadence: Cadence) -> anyhow::Result<Vec<OfficialReport>> {
        let ask = heads!(
            "WHERE cadence = $1 ORDER BY (SELECT max(imported_at) FROM reports o WHERE o.name = r.name \
             AND o.cadence = r.cadence AND o.metric = r.metric) DESC, (SELECT max(number) FROM reports o \
             WHERE o.name = r.name AND o.cadence = r.cadence AND o.metric = r.metric) DESC, version DESC",
        );
        let mut connection = self.reader().await?;
        let heads = all(&mut connection, ask.bind(cadence.as_str()), head).await?;
        let mut reports: Vec<OfficialReport> = Vec::new();
        for head in heads {
            let rows = rows_of(&mut connection, head.number).await?;
            match reports.last_mut().filter(|newest| head.is_of(newest)) {
                None => reports.push(OfficialReport {
                    rows,
                    ..head.report
                }),
                Some(newest) => {
                    if (newest.basis, &newest.zone) == (head.report.basis, &head.report.zone) {
                        add_missing_windows(newest, rows);
                    }
                }
            }
        }
        // An imported report goes before what the helpdesk counted itself, however old it is.
        reports.sort_by_key(OfficialReport::is_own_count);
        Ok(reports)
    }

    /// Every version of every report, the last imported first; of one name, where it is given.
    pub async fn report_versions(&self, name: Option<&str>) -> anyhow::Result<Vec<ReportVersion>> {
        let mut connection = self.reader().await?;
        let ask = heads!("WHERE name = $1 OR $2 = 1 ORDER BY imported_at DESC, number DESC",);
        let ask = ask
            .bind(plain(name.unwrap_or_default()))
            .bind(i64::from(name.is_none()));
        let mut versions = Vec::new();
        for head in all(&mut connection, ask, head).await? {
            let rows = rows_of(&mut connection, head.number).await?;
            versions.push(ReportVersion {
                version: head.version,
                imported_at: head.imported_at,
                report: OfficialReport {
                    rows,
                    ..head.report
                },
            });
        }
        Ok(versions)
    }
}

fn add_missing_windows(newest: &mut OfficialReport, older: Vec<ReportRow>) {
    let known: BTreeSet<String> = newest.rows.iter().map(|row| row.window.clone()).collect();
    let missing = older.into_iter().filter(|row| !known.contains(&row.window));
    let before = newest.rows.len();
    newest.rows.extend(missing);
    if newest.rows.len() > before {
        newest.rows.sort();
    }
}

async fn keep(
    writing: &mut Writing,
    report: &OfficialReport,
    now: DateTime<Utc>,
) -> anyhow::Result<Kept> {
    let ask =
        heads!("WHERE name = $1 AND cadence = $2 AND metric = $3 ORDER BY version DESC LIMIT 1");
    let ask = ask
        .bind(plain(&report.name))
        .bind(report.cadence.as_str())
        .bind(plain(&report.metric));
    let mut version = 1;
    if let Some(before) = first(writing.connection(), ask, head).await? {
        let rows = rows_of(writing.connection(), before.number).await?;
        let is_same = before.report.basis == report.basis
            && before.report.zone == report.zone
            && rows == report.rows;
        if is_same {
            return Ok(Kept {
                version: before.version,
                is_new: false,
            });
        }
        version = before.version + 1;
    }
    let number = next_number(writing, "reports").await?;
    let add = sql(
        "INSERT INTO reports (number, name, cadence, metric, version, basis, zone, imported_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let add = add
        .bind(number)
        .bind(plain(&report.name))
        .bind(report.cadence.as_str())
        .bind(plain(&report.metric))
        .bind(version)
        .bind(report.basis.as_str())
        .bind(report.zone.as_deref().map(plain))
        .bind(now.timestamp_micros());
    run(writing.connection(), add).await?;
    write_rows(writing, number, &report.rows).await?;
    Ok(Kept {
        version,
        is_new: true,
    })
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
