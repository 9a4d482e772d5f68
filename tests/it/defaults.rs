//! `config/default.toml` says what is built in, and its examples can be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use groundswell::config::{Config, Problem};

const DEFAULTS: &str = include_str!("../../config/default.toml");

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    // Every variable that an example names.
    let names = DEFAULTS
        .split("_env = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut environment: BTreeMap<String, String> = names
        .map(|name| (name.to_owned(), "secret".to_owned()))
        .collect();
    for name in ["SLACK_WEBHOOK", "TEAMS_WEBHOOK"] {
        environment.insert(
            name.to_owned(),
            "https://hooks.example.org/secret".to_owned(),
        );
    }
    Config::parse(text, PathBuf::from("/nowhere"), environment)
}

/// The file with the comment sign taken from the lines that start with `mark`.
fn uncommented(mark: &str) -> String {
    let line = |line: &str| line.strip_prefix(mark).unwrap_or(line).to_owned();
    DEFAULTS.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_file_equals_the_built_in_defaults() {
    let built_in = parse("").unwrap();
    let from_file = parse(&uncommented("# ")).unwrap();
    assert_eq!(format!("{from_file:#?}"), format!("{built_in:#?}"));
    assert_eq!(
        format!("{:#?}", parse(DEFAULTS).unwrap()),
        format!("{built_in:#?}")
    );
}

#[test]
fn the_examples_are_right() {
    let examples: Vec<&str> = DEFAULTS
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter(|line| {
            line.starts_with("[[")
                || line.starts_with("[destinations.")
                || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
        })
        .collect();
    let start = examples
        .iter()
        .position(|line| line.starts_with("account_weight = "))
        .unwrap();
    let config = parse(&format!("[digest]\n{}", examples[start..].join("\n"))).unwrap();
    assert_eq!(config.digest.routing.routes[0].owner, "Anna");
    assert_eq!(config.digest.account_weights["Acme"], 3.0);
    let blocks = |name: &str| examples.iter().filter(|line| **line == name).count();
    assert_eq!(config.sources.len(), blocks("[[sources]]"));
    assert_eq!(config.destinations.len(), blocks("[[destinations]]"));
    assert_eq!(config.digests.len(), blocks("[[digests]]"));
    assert!(config.sources.len() > 15 && config.destinations.len() == 8);
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[test]
fn the_demo_is_configured_rightly() {
    parse(include_str!("../../config/demo.toml")).unwrap();
}
