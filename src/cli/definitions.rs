//! `groundswell report definitions · confirm · explain`: what a report counts, and why its numbers are not ours.

use anyhow::Context;
use clap::Args;

use super::WrongUsage;
use super::output::print_json;
use crate::clock;
use crate::config::Config;
use crate::model::{Cadence, Fact, OfficialReport, Window};
use crate::reconcile::causes::SOURCE_INCOMPLETE;
use crate::reconcile::{
    self, Chosen, Comparison, Definition, Difference, Official, Reading, Search, Unit,
};
use crate::steps::{Coverage, Gap, no_list};
use crate::store::Store;

/// Which report.
#[derive(Args, Debug)]
pub struct Which {
    /// The report's name, as `report list` shows it
    name: String,
    /// Its metric, where its file has several
    #[arg(long)]
    metric: Option<String>,
    /// daily, weekly or monthly, where there are several of this name
    #[arg(long, value_parser = cadence)]
    cadence: Option<Cadence>,
}

fn cadence(text: &str) -> Result<Cadence, String> {
    Cadence::parse(text).ok_or_else(|| "give daily, weekly or monthly".to_owned())
}

/// Arguments of `report definitions`.
#[derive(Args, Debug)]
pub struct DefinitionsArgs {
    #[command(flatten)]
    which: Which,
}

/// Arguments of `report confirm`.
#[derive(Args, Debug)]
pub struct ConfirmArgs {
    #[command(flatten)]
    which: Which,
    /// The definition in its short form, as `report definitions` shows it
    definition: String,
    /// Who says so
    #[arg(long, env = "USER", default_value = "somebody")]
    by: String,
}

/// Arguments of `report explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    #[command(flatten)]
    which: Which,
    /// The window, such as 2026-03 or 2026-W13
    window: String,
    /// Only this line of the report
    #[arg(long)]
    category: Option<String>,
    /// Only this cause, such as time_zone; its conversations are listed
    #[arg(long)]
    cause: Option<String>,
}

/// A report with all that is needed to understand it.
struct Loaded {
    report: OfficialReport,
    reading: Reading,
    facts: Vec<Fact>,
}

impl Loaded {
    async fn load(which: &Which, store: &Store, config: &Config) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for cadence in Cadence::ALL {
            found.extend(store.reports(cadence).await?.into_iter().filter(|report| {
                report.name == which.name
                    && which
                        .metric
                        .as_ref()
                        .is_none_or(|metric| *metric == report.metric)
                    && which
                        .cadence
                        .is_none_or(|cadence| cadence == report.cadence)
            }));
        }
        if found.len() > 1 {
            let known: Vec<String> = found
                .iter()
                .map(|one| format!("--cadence {} --metric \"{}\"", one.cadence, one.metric))
                .collect();
            let message = format!(
                "{} is several reports; give {}",
                which.name,
                known.join(", or ")
            );
            return Err(WrongUsage(message).into());
        }
        let report = found.pop().ok_or_else(|| {
            let name = &which.name;
            WrongUsage(format!(
                "no such report {name}; groundswell report list shows them"
            ))
        })?;
        let reading = store.reading(&report, &config.report_zones).await?;
        let facts = store.all_facts().await?;
        Ok(Self {
            report,
            reading,
            facts,
        })
    }

    fn chosen(&self, config: &Config) -> anyhow::Result<Chosen> {
        let search = Search {
            report: &self.report,
            calendar: &config.calendar,
            reading: &self.reading,
            covered: reconcile::covered(&self.facts, &config.calendar, self.report.cadence),
        };
        reconcile::choose(&self.facts, &search).with_context(|| {
            format!(
                "{} has no window of which there are conversations",
                self.report.name
            )
        })
    }
}

impl Loaded {
    fn comparison(
        &self,
        window: &Window,
        definition: &Definition,
        config: &Config,
        is_incomplete: bool,
    ) -> Comparison {
        let rows = self.report.of_window(&window.key);
        let official = Official {
            rows: &rows,
            definition,
            made_at: self.reading.imported_at.get(&window.key).copied(),
        };
        reconcile::compare(
            &self.facts,
            &official,
            window,
            &config.calendar,
            is_incomplete,
        )
    }
}

/// Shows which definitions fit a report, best first.
pub async fn definitions(
    args: &DefinitionsArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let loaded = Loaded::load(&args.which, store, config).await?;
    let chosen = loaded.chosen(config)?;
    let found = &chosen.found;
    if json {
        let fits: Vec<_> = found
            .fits
            .iter()
            .map(|fit| {
                serde_json::json!({
                    "definition": fit.definition, "description": fit.description,
                    "unexplained": fit.unexplained,
                })
            })
            .collect();
        return print_json(&serde_json::json!({
            "report": loaded.report.name, "cadence": loaded.report.cadence,
            "metric": loaded.report.metric, "windows": found.windows, "official": found.official,
            "tried": found.tried, "sentence": chosen.sentence(), "warning": chosen.warning(),
            "confirmed": loaded.reading.confirmed, "definitions": fits,
        }));
    }
    if let Some(warning) = chosen.warning() {
        eprintln!("WARNING: {warning}");
    }
    println!("{}", chosen.sentence());
    println!(
        "{} definitions were tried on {} windows, {} to {}; the best:",
        found.tried,
        found.windows.len(),
        found.windows.first().map_or("", String::as_str),
        found.windows.last().map_or("", String::as_str),
    );
    for fit in &found.fits {
        println!("{:>8} left  {}", fit.unexplained, fit.description);
        println!("               {}", fit.definition);
    }
    if loaded.reading.confirmed.is_none() {
        println!(
            "keep one with: groundswell report confirm {} DEFINITION",
            loaded.report.name
        );
    }
    Ok(())
}

/// Keeps a definition that a person confirmed.
pub async fn confirm(
    args: &ConfirmArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let definition: Definition = args.definition.parse().map_err(WrongUsage)?;
    let loaded = Loaded::load(&args.which, store, config).await?;
    let (name, metric) = (&loaded.report.name, &loaded.report.metric);
    let number = store
        .confirm_definition(name, metric, &definition, &args.by, clock::now())
        .await?;
    if json {
        return print_json(&serde_json::json!({
            "number": number, "report": name, "metric": metric, "definition": definition,
        }));
    }
    println!("{name} is read as {definition} from now on ({number})");
    Ok(())
}

/// Shows why the report's numbers of a window are not ours, and the conversations behind a cause.
pub async fn explain(
    args: &ExplainArgs,
    store: &Store,
    config: &Config,
    json: bool,
) -> anyhow::Result<()> {
    let loaded = Loaded::load(&args.which, store, config).await?;
    let chosen = loaded.chosen(config)?;
    let cadence = loaded.report.cadence;
    let window: Window = config
        .calendar
        .parse(cadence, &args.window)
        .ok_or_else(|| {
            WrongUsage(format!(
                "{} is no {cadence} window of this calendar",
                args.window
            ))
        })?;
    let coverage = Coverage::load(store, config).await?;
    let is_incomplete = coverage.is_incomplete(&window);
    let definition = &chosen.fit().definition;
    let comparison = loaded.comparison(&window, definition, config, is_incomplete);
    let total = comparison.total();
    let category = args.category.as_deref();
    let lines: Vec<_> = comparison
        .lines
        .iter()
        .chain([&total])
        .filter(|line| {
            category.is_none() || reconcile::is_same_line(line.category.as_deref(), category)
        })
        .collect();
    if lines.is_empty() {
        let message = format!("{} has no such line in {}", loaded.report.name, window.key);
        return Err(WrongUsage(message).into());
    }
    let listed = args
        .category
        .as_deref()
        .or(Some(crate::model::ReportRow::TOTAL));
    let units: Vec<_> = comparison.listed(listed, args.cause.as_deref()).collect();
    let cause = args.cause.as_deref();
    let gaps = match cause {
        Some(SOURCE_INCOMPLETE) => coverage.gaps(store, &window).await?,
        _ => Vec::new(),
    };
    if json {
        return print_json(&serde_json::json!({
            "report": loaded.report.name, "window": window.key,
            "definition": chosen.fit().description,
            "lines": lines.into_iter().map(line_json).collect::<Vec<_>>(),
            "conversations": units.into_iter().map(unit_json).collect::<Vec<_>>(),
            "no_list": cause.and_then(no_list), "gaps": gaps,
        }));
    }
    println!("{}: {}", window.key, chosen.fit().description);
    lines.into_iter().for_each(print_line);
    if args.cause.is_some() {
        for unit in units {
            let line = unit.line.as_deref().unwrap_or("(no category)");
            println!("{:+} {}  {line}", unit.sign, unit.key);
        }
    }
    cause
        .and_then(no_list)
        .iter()
        .for_each(|why| println!("{why}"));
    print_gaps(&gaps, config);
    Ok(())
}

fn print_gaps(gaps: &[Gap], config: &Config) {
    for gap in gaps {
        println!("- {}", gap.sentence(config.calendar.zone));
        for (id, reason) in &gap.records {
            println!("    {id}: {reason}");
        }
    }
}

fn print_line(line: &Difference) {
    let name = line.category.as_deref().unwrap_or("(no category)");
    println!(
        "{:>7} official {:>7} ours  {name}",
        line.official, line.ours
    );
    for part in &line.parts {
        let counts = match (part.more, part.fewer) {
            (more, 0) => format!("+{more}"),
            (0, fewer) => format!("-{fewer}"),
            (more, fewer) => format!("+{more} -{fewer}"),
        };
        let phrase = reconcile::causes::phrase(part.cause);
        println!("{counts:>24}  {}: {phrase}", part.cause);
    }
}

fn line_json(line: &Difference) -> serde_json::Value {
    let causes = line.parts.iter().map(|part| {
        serde_json::json!({
            "cause": part.cause, "conversations": part.net(),
            "more": part.more, "fewer": part.fewer,
        })
    });
    serde_json::json!({
        "category": line.category, "official": line.official, "ours": line.ours,
        "causes": causes.collect::<Vec<_>>(),
    })
}

fn unit_json(unit: &Unit) -> serde_json::Value {
    serde_json::json!({
        "category": unit.line, "cause": unit.cause(), "sign": unit.sign, "key": unit.key,
    })
}
