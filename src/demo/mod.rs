//! The built-in corpus: twelve weeks of an invented company that installs and services heat pumps,
//! with its official report. All of it is made up; the dates are fixed, so everyone sees the same.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, TimeZone, Utc};

use crate::config::Config;
use crate::model::{Calendar, OfficialReport};
use crate::reconcile::report;

/// 2,100 tickets and call notes, one JSON object a line, in the format that `analyze` reads.
const CORPUS: &str = include_str!("corpus.jsonl");

/// What the invented management publishes: tickets by category and week, counted when solved.
const OFFICIAL_REPORT: &str = include_str!("official_report.csv");

/// The configuration that the demo runs with.
const CONFIG: &str = include_str!("../../config/demo.toml");

/// The day on which the demo takes place.
pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 4, 1, 5, 0, 0)
        .single()
        .expect("a constant date")
}

/// Writes the corpus into a folder and gives the configuration that reads it.
pub fn write_corpus(folder: &Path) -> anyhow::Result<Config> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    };
    write("corpus.jsonl", CORPUS)?;
    write("official_report.csv", OFFICIAL_REPORT)?;
    Config::parse(CONFIG, folder.to_path_buf(), BTreeMap::new()).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo's configuration: {}", lines.join("; "))
    })
}

/// The invented official report.
pub fn official_report(calendar: &Calendar) -> anyhow::Result<OfficialReport> {
    let name = "official_report.csv";
    report::parse(OFFICIAL_REPORT, name, calendar)
        .map_err(|trouble| anyhow::anyhow!("the demo's official report: {trouble}"))
}
