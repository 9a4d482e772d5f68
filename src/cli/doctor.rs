//! `groundswell doctor`: asks everything how it is. Each line says what to do; any bad one makes the exit code 1.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::output::print_json;
use crate::app::location;
use crate::clock;
use crate::config::Config;
use crate::connectors::{self, Condition, PullError, SourceConfig, SourceKind};
use crate::schedule::{self, Standing};
use crate::search::SearchIndex;
use crate::store::{ParkedRow, SourceProgress, Store};

/// A clock that differs more makes pulls miss the newest changes, and vendors refuse signatures.
const SKEW_MAX_S: u64 = 60;

/// A pull that is due for so long is one that nobody makes.
const OVERDUE: TimeDelta = TimeDelta::hours(1);

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    what: String,
    is_ok: bool,
    remark: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceFigures>,
}

/// The same of a source in figures, for programs.
#[derive(Serialize)]
struct SourceFigures {
    id: String,
    /// `accepted`, `refused` or `unknown`.
    access: &'static str,
    missing: Vec<String>,
    clock_skew_s: Option<i64>,
    complete_until: Option<DateTime<Utc>>,
    lag_s: Option<i64>,
    next_pull_at: Option<DateTime<Utc>>,
    failures: u32,
    error: Option<String>,
    records: u64,
    skipped: u64,
    parked: u64,
    deletions_held: u64,
    budgets: Vec<Budget>,
    backfill: Option<Standing>,
}

/// What is left of a limit of requests.
#[derive(Serialize)]
struct Budget {
    class: String,
    left: u64,
    of: u64,
}

/// Checks database, index, sources and deliveries.
pub async fn run(config: Config, json: bool) -> anyhow::Result<()> {
    let mut checks = Vec::new();
    let store = match Store::open_shared(&location(&config)).await {
        Ok(store) => store,
        Err(error) => {
            checks.push(check("database", Err(format!("{error:#}"))));
            return report(&checks, json);
        }
    };
    let span = store.span().await?;
    let remark = span.map_or("no conversations yet".to_owned(), |(first, last)| {
        format!(
            "conversations from {} to {}",
            first.date_naive(),
            last.date_naive()
        )
    });
    checks.push(check("database", Ok(remark)));
    checks.push(check("search index", index_state(&config, &store).await));
    let progress = store.source_progress().await?;
    for source in &config.sources {
        let known = progress.iter().find(|known| known.id == source.id);
        let parked = store.parked(&source.id, 1).await?;
        checks.extend(source_checks(source, known, parked.first(), &config).await);
    }
    for delivery in store.deliveries(100).await? {
        if let Some(error) = delivery.error.filter(|_| delivery.receipt.is_none()) {
            let what = format!(
                "delivery of {} to {}",
                delivery.digest, delivery.destination
            );
            checks.push(check(&what, Err(error)));
        }
    }
    report(&checks, json)
}

async fn index_state(config: &Config, store: &Store) -> Result<String, String> {
    let index = SearchIndex::open_reader(&config.data_dir.join("index"))
        .map_err(|error| format!("{error:#}; the daemon rebuilds it when it starts"))?;
    let last = store
        .last_change()
        .await
        .map_err(|error| format!("{error:#}"))?;
    let position = index.position().map_err(|error| format!("{error:#}"))?;
    match last - position {
        0 => Ok("up to date".to_owned()),
        behind => Ok(format!("{behind} changes behind; the daemon catches up")),
    }
}

/// What the server said when it was asked as little as possible.
struct Heard {
    answer: Result<Vec<String>, PullError>,
    condition: Condition,
    /// Where the vendor may call, or why it cannot be heard.
    calls: Option<Result<String, String>>,
}

async fn ask(source: &SourceConfig, config: &Config) -> anyhow::Result<Heard> {
    let connector = connectors::build(source, config.calendar, &config.vault())?;
    let answer = connector.check(clock::now()).await;
    let condition = connector.condition();
    let calls = connector.hook();
    Ok(Heard {
        answer,
        condition,
        calls: calls.map(|hook| config.web.calls(&source.id, hook)),
    })
}

/// A source's lines; the first one carries its figures.
async fn source_checks(
    source: &SourceConfig,
    known: Option<&SourceProgress>,
    most_tried: Option<&ParkedRow>,
    config: &Config,
) -> Vec<Check> {
    let now = clock::now();
    let heard = ask(source, config).await;
    let name = format!("source {}", source.id);
    let mut checks = vec![check(&name, progress_state(source, known, config, now))];
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => {
            checks.push(check(&format!("{name}, access"), Err(format!("{error:#}"))));
            return checks;
        }
    };
    let line = |what: &str, state| check(&format!("{name}, {what}"), state);
    checks.push(line("access", access(source, &heard.answer)));
    let missing = heard.answer.as_ref().ok().cloned().unwrap_or_default();
    for remark in &missing {
        checks.push(line("rights and settings", Err(remark.clone())));
    }
    checks.extend(heard.calls.clone().map(|calls| line("calls", calls)));
    checks.extend(
        heard
            .condition
            .clock_skew_s
            .map(|skew| line("clock", clock_state(skew))),
    );
    let budgets = heard.condition.budgets.iter();
    checks.extend(budgets.map(|(class, left, of)| line("limit", Ok(budget(class, *left, *of)))));
    if let (Some(known), Some(row)) = (known, most_tried) {
        checks.push(line("parked", Ok(parked(known.parked, row))));
    }
    if let Some(held) = known.and_then(SourceProgress::held_line) {
        checks.push(line("deletions", Err(held)));
    }
    let backfill = known.and_then(|known| schedule::standing(source, known, now));
    if let Some(standing) = &backfill {
        let text = standing.line(config.calendar.zone);
        let state = if standing.error.is_some() {
            Err(text)
        } else {
            Ok(text)
        };
        checks.push(line("history", state));
    }
    checks[0].source = Some(figures(source, known, &heard, missing, backfill, now));
    checks
}

fn figures(
    source: &SourceConfig,
    known: Option<&SourceProgress>,
    heard: &Heard,
    missing: Vec<String>,
    backfill: Option<Standing>,
    now: DateTime<Utc>,
) -> SourceFigures {
    let complete_until = known.and_then(|known| known.complete_until);
    let budgets = heard.condition.budgets.iter();
    SourceFigures {
        id: source.id.to_string(),
        access: match &heard.answer {
            Ok(_) => "accepted",
            Err(PullError::Unauthorized(_)) => "refused",
            Err(_) => "unknown",
        },
        missing,
        clock_skew_s: heard.condition.clock_skew_s,
        complete_until,
        lag_s: complete_until.map(|until| (now - until).num_seconds()),
        next_pull_at: known.and_then(|known| next_pull(source, known)),
        failures: known.map_or(0, |known| known.failures),
        error: known.and_then(|known| known.error.clone()),
        records: known.map_or(0, |known| known.records),
        skipped: known.map_or(0, |known| known.skipped),
        parked: known.map_or(0, |known| known.parked),
        deletions_held: known.map_or(0, |known| known.deletions_held),
        budgets: budgets
            .map(|(class, left, of)| Budget {
                class: class.clone(),
                left: *left,
                of: *of,
            })
            .collect(),
        backfill,
    }
}

fn next_pull(source: &SourceConfig, known: &SourceProgress) -> Option<DateTime<Utc>> {
    let progress = schedule::Progress {
        sources: vec![known.clone()],
        ..Default::default()
    };
    schedule::pull_at(source, &progress)
}

fn progress_state(
    source: &SourceConfig,
    known: Option<&SourceProgress>,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let Some(known) = known else {
        return Ok("never pulled".to_owned());
    };
    let local = |at: DateTime<Utc>| {
        at.with_timezone(&config.calendar.zone)
            .format("%Y-%m-%d %H:%M")
            .to_string()
    };
    let until = known.complete_until.map_or("never".to_owned(), |until| {
        format!("{} ({} ago)", local(until), span(now - until))
    });
    if let Some(error) = &known.error {
        let next = known.retry_at.map_or_else(|| "at once".to_owned(), local);
        return Err(format!(
            "{error} ({} failures, next try {next}, complete until {until})",
            known.failures
        ));
    }
    let next = match next_pull(source, known) {
        Some(at) if now - at > OVERDUE => {
            format!("was due {} ago; is the daemon running?", span(now - at))
        }
        Some(at) if at > now => local(at),
        _ => "now".to_owned(),
    };
    let (records, skipped) = (known.records, known.skipped);
    Ok(format!(
        "{records} records, {skipped} skipped, complete until {until}, next pull {next}"
    ))
}

fn access(
    source: &SourceConfig,
    answer: &Result<Vec<String>, PullError>,
) -> Result<String, String> {
    match (answer, &source.kind) {
        (Ok(_), SourceKind::Files(_)) => Ok("the files can be read".to_owned()),
        (Ok(_), _) => Ok("the credentials are accepted".to_owned()),
        (Err(error), _) => Err(error.to_string()),
    }
}

fn clock_state(skew_s: i64) -> Result<String, String> {
    let seconds = skew_s.unsigned_abs();
    let way = if skew_s < 0 { "behind" } else { "ahead of" };
    let text = format!("the server's clock is {seconds} s {way} ours");
    if seconds <= SKEW_MAX_S {
        return Ok(text);
    }
    Err(format!("{text}; let both follow a time server (NTP)"))
}

fn budget(class: &str, left: u64, of: u64) -> String {
    let name = match class {
        "" => String::new(),
        class => format!(" for {class}"),
    };
    match of {
        0 => format!("{left} requests left{name}"),
        of => format!("{left} of {of} requests left{name}"),
    }
}

fn parked(count: u64, row: &ParkedRow) -> String {
    let records = if count == 1 {
        "record is"
    } else {
        "records are"
    };
    format!(
        "{count} {records} to be read again; most often {}, {} times: {}",
        row.id, row.attempts, row.reason
    )
}

/// A length of time as people say it.
fn span(length: TimeDelta) -> String {
    match length.num_minutes() {
        ..0 => "0 min".to_owned(),
        minutes @ 0..120 => format!("{minutes} min"),
        minutes @ 120..2_880 => format!("{} h", minutes / 60),
        minutes => format!("{} days", minutes / 1_440),
    }
}

fn check(what: &str, state: Result<String, String>) -> Check {
    let is_ok = state.is_ok();
    let remark = state.unwrap_or_else(|remark| remark);
    Check {
        what: what.to_owned(),
        is_ok,
        remark,
        source: None,
    }
}

fn report(checks: &[Check], json: bool) -> anyhow::Result<()> {
    if json {
        print_json(&checks)?;
    }
    for check in checks.iter().filter(|_| !json) {
        println!(
            "{:4} {}: {}",
            if check.is_ok { "ok" } else { "BAD" },
            check.what,
            check.remark
        );
    }
    let bad = checks.iter().filter(|check| !check.is_ok).count();
    let noun = if bad == 1 {
        "thing needs"
    } else {
        "things need"
    };
    anyhow::ensure!(bad == 0, "{bad} {noun} a person");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_beyond_a_minute() {
        assert!(clock_state(60).is_ok() && clock_state(-60).is_ok());
        let ahead = clock_state(95).unwrap_err();
        assert!(
            ahead.starts_with("the server's clock is 95 s ahead of ours;"),
            "{ahead}"
        );
        assert!(clock_state(-61).unwrap_err().contains("61 s behind ours"));
    }

    #[test]
    fn a_limit_and_a_lag_read_well() {
        assert_eq!(budget("", 3, 0), "3 requests left");
        assert_eq!(budget("list", 3, 20), "3 of 20 requests left for list");
        let minutes = [-1, 0, 119, 120, 2_879, 2_880];
        let spans = minutes.map(|minutes| span(TimeDelta::minutes(minutes)));
        assert_eq!(
            spans,
            ["0 min", "0 min", "119 min", "2 h", "47 h", "2 days"]
        );
    }
}
