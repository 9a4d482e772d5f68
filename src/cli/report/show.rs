//! Shows reports: what a file was understood to say, and what was imported.

use std::collections::{BTreeMap, BTreeSet};

use super::ShowArgs;
use crate::cli::WrongUsage;
use crate::cli::output::print_json;
use crate::config::Config;
use crate::model::{Cadence, OfficialReport, ReportRow};
use crate::reconcile::report::{self as reading, Understood};
use crate::store::{Kept, ReportVersion, Store};

// ---- what was understood

fn total(rows: &[ReportRow]) -> i64 {
    rows.iter().map(|row| row.count).sum()
}

fn spoken(report: &OfficialReport) -> String {
    if report.metric.is_empty() {
        report.name.clone()
    } else {
        format!("{}, {}", report.name, report.metric)
    }
}

fn windows(report: &OfficialReport) -> BTreeSet<&str> {
    report.rows.iter().map(|row| row.window.as_str()).collect()
}

fn categories(report: &OfficialReport) -> BTreeSet<Option<&str>> {
    report
        .rows
        .iter()
        .map(|row| row.category.as_deref())
        .collect()
}

/// What a file was understood to say, for people.
pub fn print_understood(understood: &Understood, kept: &[Kept]) {
    for (place, report) in understood.reports.iter().enumerate() {
        let state = match kept.get(place) {
            None => "nothing was imported".to_owned(),
            Some(kept) if kept.is_new => format!("version {}", kept.version),
            Some(kept) => format!("the same as version {}, which stays", kept.version),
        };
        let (lines, cadence, total) = (report.rows.len(), report.cadence, total(&report.rows));
        println!(
            "{}: {lines} lines, {cadence}, {total} in all, {state}",
            spoken(report)
        );
    }
    let Some(first) = understood.reports.first() else {
        return;
    };
    let line = |name: &str, text: &str| println!("  {name:<10}  {text}");
    line("file", &understood.form);
    for (role, label) in &understood.columns {
        line(role, label);
    }
    let windows = windows(first);
    if let (Some(from), Some(to)) = (windows.first(), windows.last()) {
        line("periods", &format!("{}, {from} to {to}", windows.len()));
    }
    let categories = categories(first).len();
    line("categories", &categories.to_string());
    let zone = first.zone.as_deref().unwrap_or("not said");
    let counts = match first.basis.as_str() {
        "unknown" => "not said",
        known => known,
    };
    line("counts", &format!("{counts}; time zone {zone}"));
    for (place, row) in understood.first.iter().enumerate() {
        line(if place == 0 { "first rows" } else { "" }, &row.join("  "));
    }
    for note in &understood.notes {
        line("note", note);
    }
}

/// The same for programs.
pub fn as_json(understood: &Understood, kept: &[Kept]) -> serde_json::Value {
    let reports = understood.reports.iter().enumerate().map(|(place, report)| {
        serde_json::json!({
            "name": report.name, "metric": report.metric, "cadence": report.cadence, "basis": report.basis.as_str(),
            "zone": report.zone, "lines": report.rows.len(), "total": total(&report.rows), "periods": windows(report),
            "version": kept.get(place).map(|kept| kept.version), "is_new": kept.get(place).map(|kept| kept.is_new),
        })
    });
    serde_json::json!({
        "imported": !kept.is_empty(), "file": understood.form, "reports": reports.collect::<Vec<_>>(),
        "columns": understood.columns, "first_rows": understood.first, "notes": understood.notes,
        "layout": understood.settled,
    })
}

// ---- what was imported

/// Lists every version.
pub async fn list(store: &Store, config: &Config, json: bool) -> anyhow::Result<()> {
    let versions = store.report_versions(None).await?;
    if json {
        let rows: Vec<_> = versions.iter().map(version_json).collect();
        return print_json(&rows);
    }
    for one in &versions {
        let report = &one.report;
        let at = one
            .imported_at
            .with_timezone(&config.calendar.zone)
            .format("%Y-%m-%d %H:%M");
        println!(
            "{at}  {}  version {}  {}  {}  {} lines  {} in all",
            spoken(report),
            one.version,
            report.cadence,
            report.basis.as_str(),
            report.rows.len(),
            total(&report.rows),
        );
    }
    Ok(())
}

fn version_json(one: &ReportVersion) -> serde_json::Value {
    let report = &one.report;
    serde_json::json!({
        "name": report.name, "metric": report.metric, "cadence": report.cadence, "basis": report.basis.as_str(),
        "zone": report.zone, "version": one.version, "imported_at": one.imported_at,
        "lines": report.rows.len(), "total": total(&report.rows),
    })
}

/// The versions of a report, or that there is none.
async fn versions_of(store: &Store, name: &str) -> anyhow::Result<Vec<ReportVersion>> {
    let versions = store.report_versions(Some(name)).await?;
    if versions.is_empty() {
        let message = format!("there is no report \"{name}\"; groundswell report list shows them");
        return Err(WrongUsage(message).into());
    }
    Ok(versions)
}

/// Its versions, newest first, for each cadence and metric.
fn by_metric(versions: Vec<ReportVersion>) -> BTreeMap<(Cadence, String), Vec<ReportVersion>> {
    let mut parts: BTreeMap<(Cadence, String), Vec<ReportVersion>> = BTreeMap::new();
    for one in versions {
        let key = (one.report.cadence, one.report.metric.clone());
        parts.entry(key).or_default().push(one);
    }
    parts
}

/// Shows the lines of a version.
pub async fn show(args: &ShowArgs, store: &Store, json: bool) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for versions in by_metric(versions_of(store, &args.name).await?).into_values() {
        let mut fitting = versions
            .into_iter()
            .filter(|one| args.version.is_none_or(|wanted| wanted == one.version));
        shown.extend(fitting.next());
    }
    if shown.is_empty() {
        let number = args.version.unwrap_or_default();
        let message = format!(
            "\"{}\" has no version {number}; groundswell report list shows them",
            args.name
        );
        return Err(WrongUsage(message).into());
    }
    if json {
        let with_rows = |one: &ReportVersion| {
            let row = |row: &ReportRow| serde_json::json!({"window": row.window, "category": row.category, "count": row.count});
            let mut value = version_json(one);
            value["rows"] = one.report.rows.iter().map(row).collect();
            value
        };
        return print_json(&shown.iter().map(with_rows).collect::<Vec<_>>());
    }
    for one in &shown {
        println!(
            "{}: version {}, {}",
            spoken(&one.report),
            one.version,
            one.report.cadence
        );
        for row in &one.report.rows {
            println!("  {}  {:>9}  {}", row.window, row.count, category(row));
        }
    }
    Ok(())
}

fn category(row: &ReportRow) -> &str {
    row.category.as_deref().unwrap_or("no category")
}

/// One line that two versions tell differently.
struct Change<'a> {
    row: &'a ReportRow,
    before: Option<i64>,
    after: Option<i64>,
}

fn changes<'a>(before: &'a OfficialReport, after: &'a OfficialReport) -> Vec<Change<'a>> {
    let mut lines: BTreeMap<(&str, Option<String>), Change<'a>> = BTreeMap::new();
    for (rows, is_after) in [(&before.rows, false), (&after.rows, true)] {
        for row in rows {
            let key = (
                row.window.as_str(),
                reading::line_key(row.category.as_deref()),
            );
            let change = lines.entry(key).or_insert(Change {
                row,
                before: None,
                after: None,
            });
            let place = if is_after {
                &mut change.after
            } else {
                &mut change.before
            };
            *place = Some(row.count);
        }
    }
    lines
        .into_values()
        .filter(|change| change.before != change.after)
        .collect()
}

/// Shows what the newest version changed.
pub async fn diff(name: &str, store: &Store, json: bool) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    let parts = by_metric(versions_of(store, name).await?);
    for versions in parts.values() {
        let [after, before, ..] = versions.as_slice() else {
            continue;
        };
        let changes = changes(&before.report, &after.report);
        if json {
            shown.push(diff_json(before, after, &changes));
            continue;
        }
        let (of, from, to) = (spoken(&after.report), before.version, after.version);
        let total = total(&after.report.rows) - total(&before.report.rows);
        println!(
            "{of}: version {from} to {to}: {} lines changed, {total:+} in all",
            changes.len()
        );
        for change in &changes {
            let told = match (change.before, change.after) {
                (Some(before), Some(after)) => {
                    format!("{before} to {after} ({:+})", after - before)
                }
                (None, Some(after)) => format!("new: {after}"),
                (Some(before), None) => format!("gone: was {before}"),
                (None, None) => String::new(),
            };
            println!("  {}  {}  {told}", change.row.window, category(change.row));
        }
    }
    let has_one = parts.values().all(|versions| versions.len() < 2);
    if json {
        return print_json(&shown);
    }
    if has_one {
        println!("{name}: there is one version, so nothing changed");
    }
    Ok(())
}

fn diff_json(
    before: &ReportVersion,
    after: &ReportVersion,
    changes: &[Change<'_>],
) -> serde_json::Value {
    let line = |change: &Change<'_>| {
        serde_json::json!({
            "window": change.row.window, "category": change.row.category,
            "before": change.before, "after": change.after,
        })
    };
    serde_json::json!({
        "name": after.report.name, "metric": after.report.metric, "cadence": after.report.cadence,
        "from": before.version, "to": after.version, "lines": changes.iter().map(line).collect::<Vec<_>>(),
    })
}
