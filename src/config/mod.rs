//! The configuration: built-in defaults, then the file, then the environment; checked as a whole,
//! with every mistake at once. Each connector, notifier and step reads its own section in its own file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use toml::{Table, Value};

use crate::connectors::SourceConfig;
use crate::connectors::vault::Vault;
use crate::delivery::DestinationConfig;
use crate::digest::Team;
use crate::model::{Cadence, Calendar, DestinationId, WeekStart};
use crate::schedule::DigestPlan;

use crate::section::Section;
pub use crate::section::{Problem, Reading};

/// Fewer letters are no key.
const SEAL_KEY_MIN: usize = 32;

/// The checked configuration of one daemon.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the database, the search index and the lock live.
    pub data_dir: PathBuf,
    /// Time zone and first day of the week.
    pub calendar: Calendar,
    /// What secrets that servers hand out are sealed with.
    pub seal_key: Option<SecretString>,
    /// A PostgreSQL address; without one, SQLite in the data folder.
    pub database_url: Option<SecretString>,
    /// Pages and API.
    pub web: crate::web::config::WebConfig,
    /// Answers of readers.
    pub answers: crate::answers::AnswersConfig,
    /// Cleaning and redaction.
    pub ingest: crate::ingest::IngestConfig,
    /// The encoder.
    pub embed: crate::embed::EmbedConfig,
    /// How topics are found.
    pub topics: crate::topics::Params,
    /// What counts as a change.
    pub trend: crate::topics::trend::TrendParams,
    /// When new topics are looked for.
    pub discovery: crate::schedule::DiscoveryPlan,
    /// Time zones in which an official report may count, beside ours.
    pub report_zones: Vec<chrono_tz::Tz>,
    /// What passes into a digest.
    pub digest: crate::digest::DigestConfig,
    /// How large an official report may be.
    pub report: crate::reconcile::report::ReportConfig,
    /// The helpdesks.
    pub sources: Vec<SourceConfig>,
    /// Where digests go.
    pub destinations: Vec<DestinationConfig>,
    /// Which digests are made, and when.
    pub digests: Vec<DigestPlan>,
}

impl Config {
    /// The teams that get digests of a cadence, with their destinations, by name.
    pub fn teams(&self, cadence: Cadence) -> Vec<(Team, Vec<DestinationId>)> {
        let mut teams: Vec<(Team, Vec<DestinationId>)> = Vec::new();
        for destination in self.recipients(cadence) {
            let Some(team) = &destination.team else {
                continue;
            };
            match teams.iter_mut().find(|(known, _)| known == team) {
                Some((_, ids)) => ids.push(destination.id.clone()),
                None => teams.push((team.clone(), vec![destination.id.clone()])),
            }
        }
        teams.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        teams
    }

    /// Where secrets are kept that servers hand out.
    pub fn vault(&self) -> Vault {
        Vault::new(self.data_dir.join("tokens"), self.seal_key.clone())
    }

    /// The destinations that get digests of a cadence.
    pub fn recipients(&self, cadence: Cadence) -> Vec<&DestinationConfig> {
        let plans = self.digests.iter().filter(|plan| plan.cadence == cadence);
        let ids: BTreeSet<&DestinationId> = plans.flat_map(|plan| &plan.destinations).collect();
        let is_one = |one: &&DestinationConfig| ids.contains(&one.id);
        self.destinations.iter().filter(is_one).collect()
    }

    /// Reads a configuration file; a missing default file means the defaults.
    pub fn load(path: &Path, environment: BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return Err(vec![Problem {
                    path: path.display().to_string(),
                    message: format!("cannot be read: {error}"),
                    hint: "give another file with --config, or start from config/default.toml"
                        .into(),
                }]);
            }
        };
        let folder = path
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Self::parse(&text, folder, environment)
    }

    /// Reads a configuration text. Relative paths start from `folder`.
    pub fn parse(
        text: &str,
        folder: PathBuf,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            vec![Problem {
                path: format!("line {line}"),
                message: error.message().to_owned(),
                hint: "the file is TOML; see config/default.toml for every setting".into(),
            }]
        })?;
        overlay(&mut table, &environment);
        let reading = Reading::new(environment, folder);
        let config = Self::read(Section::root(table, &reading));
        let problems = reading.into_problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(problems)
        }
    }

    fn read(mut root: Section<'_>) -> Self {
        let data_dir = root.path("data_dir", "groundswell-data");
        let zone = root.choice(
            "time_zone",
            chrono_tz::Tz::UTC,
            &["an IANA name such as Europe/Berlin"],
            |name| name.parse().ok(),
        );
        let week_start = root.choice(
            "week_start",
            WeekStart::Monday,
            &["monday", "sunday"],
            |name| match name {
                "monday" => Some(WeekStart::Monday),
                "sunday" => Some(WeekStart::Sunday),
                _ => None,
            },
        );
        let seal_key = seal_key(&mut root);
        let mut database = root.section("database");
        let database_url = database.optional_secret("url");
        database.finish();
        let sources: Vec<_> = root
            .sections("sources")
            .into_iter()
            .map(|s| SourceConfig::read(s, zone))
            .collect();
        let mut destinations: Vec<_> = root
            .sections("destinations")
            .into_iter()
            .map(DestinationConfig::read)
            .collect();
        name_teams(&root, &mut destinations);
        let digests: Vec<_> = root
            .sections("digests")
            .into_iter()
            .map(|s| DigestPlan::read(s, zone))
            .collect();
        check_names(&root, &sources, &destinations, &digests);
        let mut report = root.section("report");
        let config = Self {
            data_dir,
            calendar: Calendar { zone, week_start },
            seal_key,
            database_url,
            web: crate::web::config::WebConfig::read(root.section("web")),
            answers: crate::answers::AnswersConfig::read(root.section("answers")),
            ingest: crate::ingest::IngestConfig::read(root.section("ingest")),
            embed: crate::embed::EmbedConfig::read(root.section("embed")),
            topics: crate::topics::Params::read(root.section("topics")),
            trend: crate::topics::trend::TrendParams::read(root.section("trend")),
            discovery: crate::schedule::DiscoveryPlan::read(root.section("discovery")),
            report_zones: crate::reconcile::read_zones(&mut report),
            report: crate::reconcile::report::ReportConfig::read(report),
            digest: crate::digest::DigestConfig::read(root.section("digest")),
            sources,
            destinations,
            digests: if digests.is_empty() {
                DigestPlan::defaults(zone)
            } else {
                digests
            },
        };
        root.finish();
        config
    }
}

/// A key that is short could be guessed from the files that it sealed.
fn seal_key(root: &mut Section<'_>) -> Option<SecretString> {
    let key = root.optional_secret("seal_key")?;
    let letters = key.expose_secret().chars().count();
    if letters < SEAL_KEY_MIN {
        let message = format!("the key has {letters} letters, so it could be guessed");
        let hint = format!("give at least {SEAL_KEY_MIN}, such as from: openssl rand -hex 32");
        root.problem("seal_key_env", message, hint);
    }
    Some(key)
}

/// Destinations with the same filter are one team: it has the name that is given, else the id of the first of them.
fn name_teams(root: &Section<'_>, destinations: &mut [DestinationConfig]) {
    let mut known: Vec<Team> = Vec::new();
    for (place, destination) in destinations.iter_mut().enumerate() {
        let Some(team) = &mut destination.team else {
            continue;
        };
        if team.name.is_empty() {
            let same = known.iter().find(|other| other.only == team.only);
            team.name = same.map_or(destination.id.to_string(), |other| other.name.clone());
        }
        if known
            .iter()
            .any(|other| other.name == team.name && other.only != team.only)
        {
            let message = format!(
                "another destination's team \"{}\" has another filter",
                team.name
            );
            let hint = "give the team another name, or both the same filter";
            root.problem(&format!("destinations[{place}].only"), message, hint);
        }
        known.push(team.clone());
    }
}

/// Ids are unique, and digests name destinations that exist.
fn check_names(
    root: &Section<'_>,
    sources: &[SourceConfig],
    destinations: &[DestinationConfig],
    digests: &[DigestPlan],
) {
    for (place, source) in sources.iter().enumerate() {
        if sources[..place].iter().any(|other| other.id == source.id) {
            let message = format!("\"{}\" is used by another source", source.id);
            root.problem(
                &format!("sources[{place}].id"),
                message,
                "give each source its own id",
            );
        }
    }
    for (place, destination) in destinations.iter().enumerate() {
        if destinations[..place]
            .iter()
            .any(|other| other.id == destination.id)
        {
            let message = format!("\"{}\" is used by another destination", destination.id);
            let hint = "give each destination its own id";
            root.problem(&format!("destinations[{place}].id"), message, hint);
        }
    }
    for (place, plan) in digests.iter().enumerate() {
        for name in &plan.destinations {
            if !destinations
                .iter()
                .any(|destination| destination.id == *name)
            {
                let known: Vec<_> = destinations.iter().map(|d| d.id.as_str()).collect();
                root.problem(
                    &format!("digests[{place}].destinations"),
                    format!("there is no destination \"{name}\""),
                    format!("known: {}", known.join(", ")),
                );
            }
        }
    }
}

/// `GROUNDSWELL__WEB__LISTEN=…` replaces `web.listen`; `GROUNDSWELL__SOURCES__0__URL` reaches into lists.
fn overlay(table: &mut Table, environment: &BTreeMap<String, String>) {
    for (name, value) in environment {
        let Some(path) = name.strip_prefix("GROUNDSWELL__") else {
            continue;
        };
        let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let parsed = format!("value = {value}").parse::<Table>().ok();
        let value = parsed.and_then(|mut t| t.remove("value"));
        let text = || Value::String(environment[name].clone());
        set(table, &keys, value.unwrap_or_else(text));
    }
}

fn set(table: &mut Table, keys: &[String], value: Value) {
    match keys {
        [] => {}
        [key] => drop(table.insert(key.clone(), value)),
        [key, place, rest @ ..] if place.parse::<usize>().is_ok() => {
            let items = table
                .entry(key.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            let item = items
                .as_array_mut()
                .and_then(|items| items.get_mut(place.parse::<usize>().unwrap_or(usize::MAX)));
            match item.and_then(Value::as_table_mut) {
                Some(inner) => set(inner, rest, value),
                // Left in the table under its own name, so that it is reported as unknown.
                None => drop(table.insert(format!("{key}__{place}"), value)),
            }
        }
        [key, rest @ ..] => {
            let inner = table
                .entry(key.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceId;

    fn parse(key: &str) -> Result<Config, Vec<Problem>> {
        let folder = tempfile::tempdir().unwrap();
        let environment = [("SEAL".to_owned(), key.to_owned())].into();
        let text = "data_dir = 'data'\nseal_key_env = 'SEAL'";
        Config::parse(text, folder.keep(), environment)
    }

    #[test]
    fn what_servers_hand_out_is_sealed_in_the_data_folder() {
        let config = parse(&"k".repeat(32)).unwrap();
        let (desk, token) = (SourceId::from("desk"), SecretString::from("token"));
        config.vault().save(&desk, &token).unwrap();
        let files = std::fs::read_dir(config.data_dir.join("tokens")).unwrap();
        assert_eq!(files.count(), 1);
        let loaded = config.vault().load(&desk).unwrap().unwrap();
        assert_eq!(loaded.expose_secret(), "token");
        std::fs::remove_dir_all(config.data_dir.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_short_key_is_refused_without_being_shown() {
        let problems = parse("short-key").unwrap_err();
        let shown = format!("{}", problems[0]);
        assert!(
            shown.starts_with("seal_key_env: the key has 9 letters"),
            "{shown}"
        );
        assert!(!shown.contains("short-key"), "{shown}");
    }
}
