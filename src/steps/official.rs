//! Keeps the helpdesks' own counts as official reports: of the last window of each cadence that is over, once.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connectors::{Connector, OwnCount};
use crate::model::{Cadence, Calendar, OfficialReport, ReportBasis, ReportRow, SourceId, Window};
use crate::store::Store;

/// A helpdesk's search may lag behind; its figures are asked for when a window is over for this long.
const LAG: TimeDelta = TimeDelta::hours(1);

/// What the report of a source's own counts is called.
pub fn own_report(source: &SourceId) -> String {
    format!("{source}{}", OfficialReport::OWN_COUNT)
}

/// Asks for the counts of windows that ended and that no report has yet; how many windows were added. A helpdesk that does
/// not answer is asked at the next pull.
pub async fn official(
    store: &Store,
    connector: &dyn Connector,
    source: &SourceId,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> anyhow::Result<usize> {
    let name = own_report(source);
    let mut added = 0;
    for cadence in Cadence::ALL {
        let window = calendar.last_ended(cadence, now - LAG);
        let known = store.reports(cadence).await?;
        let mut rows = known
            .iter()
            .filter(|report| report.name == name)
            .flat_map(|report| &report.rows);
        if rows.any(|row| row.window == window.key) {
            continue;
        }
        match connector.official(&window, now).await {
            Ok(counts) => {
                let reports = reports(&name, &window, &counts, calendar);
                added += usize::from(!reports.is_empty());
                store.save_reports(&reports, None, now).await?;
            }
            Err(error) => {
                tracing::warn!(source.id = %source, window.key = %window.key, reason = %error, "no own count");
                return Ok(added);
            }
        }
    }
    Ok(added)
}

/// A report for what was opened and one for what was solved; the first is saved last, so that it is compared first.
fn reports(
    name: &str,
    window: &Window,
    counts: &[OwnCount],
    calendar: &Calendar,
) -> Vec<OfficialReport> {
    let report = |(basis, metric): (ReportBasis, &str)| {
        let of_basis = counts.iter().filter(|count| count.basis == basis);
        let row = |count: &OwnCount| ReportRow {
            window: window.key.clone(),
            category: count.category.clone(),
            count: count.count,
        };
        let mut rows: Vec<ReportRow> = of_basis.map(row).collect();
        rows.sort();
        OfficialReport {
            name: name.to_owned(),
            cadence: window.cadence,
            basis,
            metric: metric.to_owned(),
            zone: Some(calendar.zone.name().to_owned()),
            rows,
        }
    };
    let both = [
        (ReportBasis::Closed, "solved"),
        (ReportBasis::Opened, "opened"),
    ]
    .map(report);
    both.into_iter()
        .filter(|report| !report.rows.is_empty())
        .collect()
}
