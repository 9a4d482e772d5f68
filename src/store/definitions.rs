//! Definitions of official reports that people confirmed: a log that is only added to; the newest one of a report holds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::Store;
use super::sql::{get, instant, plain, run, sql};
use super::topics::next_number;
use crate::model::OfficialReport;
use crate::reconcile::{Definition, Reading};

/// A definition that a person confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Its number in the log.
    pub number: i64,
    /// The report.
    pub name: String,
    /// Its metric, where its file has several.
    pub metric: String,
    /// What it counts.
    pub definition: Definition,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

impl Store {
    /// Keeps what a person confirmed of a report, for all its versions to come.
    pub async fn confirm_definition(
        &self,
        name: &str,
        metric: &str,
        definition: &Definition,
        by: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<i64> {
        let mut writing = self.begin().await?;
        let number = next_number(&mut writing, "report_definitions").await?;
        let add = sql(
            "INSERT INTO report_definitions (number, name, metric, definition, confirmed_at, \
             confirmed_by) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let add = add
            .bind(number)
            .bind(plain(name))
            .bind(plain(metric))
            .bind(definition.to_string())
            .bind(now.timestamp_micros())
            .bind(plain(by));
        run(writing.connection(), add).await?;
        writing.commit().await?;
        Ok(number)
    }

    /// Everything that was ever confirmed, oldest first.
    pub async fn confirmed_definitions(&self) -> anyhow::Result<Vec<Confirmed>> {
        let ask = sql(
            "SELECT number, name, metric, definition, confirmed_at, confirmed_by \
             FROM report_definitions ORDER BY number",
        );
        self.read_all(ask, confirmed).await
    }

    /// What is known of each of these reports.
    pub async fn readings(
        &self,
        reports: &[OfficialReport],
        zones: &[chrono_tz::Tz],
    ) -> anyhow::Result<Vec<Reading>> {
        let mut readings = Vec::new();
        for report in reports {
            readings.push(self.reading(report, zones).await?);
        }
        Ok(readings)
    }

    /// What is known of a report beside its numbers.
    pub async fn reading(
        &self,
        report: &OfficialReport,
        zones: &[chrono_tz::Tz],
    ) -> anyhow::Result<Reading> {
        let confirmed = self.confirmed_definitions().await?.into_iter().rev();
        let mut of_report =
            confirmed.filter(|one| one.name == report.name && one.metric == report.metric);
        let ask = sql("SELECT w.window_key, max(r.imported_at) FROM reports r \
             JOIN report_rows w ON w.report = r.number \
             WHERE r.name = $1 AND r.cadence = $2 AND r.metric = $3 GROUP BY w.window_key");
        let ask = ask
            .bind(plain(&report.name))
            .bind(report.cadence.as_str())
            .bind(plain(&report.metric));
        let imported = self.read_all(ask, |row| Ok((get(row, 0)?, instant(row, 1)?)));
        let imported: BTreeMap<String, DateTime<Utc>> = imported.await?.into_iter().collect();
        Ok(Reading {
            zones: zones.to_vec(),
            confirmed: of_report.next().map(|one| one.definition),
            imported_at: imported,
        })
    }
}

fn confirmed(row: &AnyRow) -> anyhow::Result<Confirmed> {
    let definition: String = get(row, 3)?;
    Ok(Confirmed {
        number: get(row, 0)?,
        name: get(row, 1)?,
        metric: get(row, 2)?,
        definition: definition.parse().map_err(anyhow::Error::msg)?,
        at: instant(row, 4)?,
        by: get(row, 5)?,
    })
}
