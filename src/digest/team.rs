//! A team's part of the company: which conversations are its own, and how many there are in all, so that its digest can say
//! "14 of the company's 43". Topics are the same for everybody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::counting::Counts;
use crate::model::{Fact, TeamSide};
use crate::section::Section;

/// A team that gets a digest of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its name, in the digest's id and on pages.
    pub name: String,
    /// Which conversations are its own.
    pub only: Only,
}

impl Team {
    /// The first of its counting rules.
    pub fn rule(&self) -> String {
        let only = self.only.words();
        format!(
            "The numbers are those of the team {}: {only}; the official side and \u{201c}the company\u{2019}s\u{201d} are the whole company\u{2019}s.",
            self.name
        )
    }

    /// The team beside the company's counts.
    pub fn beside(&self, company: &Counts) -> TeamSide {
        TeamSide {
            name: self.name.clone(),
            only: self.only.words(),
            conversations: company.counted(),
            customers: company.customers(),
        }
    }
}

/// Which conversations are a team's: each list that is given must name the conversation's value. Capitals do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Only {
    /// Ids of sources.
    pub sources: BTreeSet<String>,
    /// Products.
    pub products: BTreeSet<String>,
    /// Official categories.
    pub categories: BTreeSet<String>,
    /// Accounts.
    pub accounts: BTreeSet<String>,
    /// Values of other fields, by the field's name.
    pub attributes: BTreeMap<String, BTreeSet<String>>,
}

impl Only {
    /// Reads a `[destinations.only]` table; the name of the team beside it, if one is given.
    pub fn read(section: &mut Section<'_>) -> (Option<String>, Self) {
        let mut only = section.section("only");
        let name = only.optional_text("team");
        let read = |only: &mut Section<'_>, key: &str| normal(&only.list(key));
        let mut found = Self {
            sources: read(&mut only, "sources"),
            products: read(&mut only, "products"),
            categories: read(&mut only, "categories"),
            accounts: read(&mut only, "accounts"),
            attributes: BTreeMap::new(),
        };
        let mut attributes = only.section("attributes");
        for field in attributes.keys() {
            let values = normal(&attributes.list(&field));
            found.attributes.insert(field, values);
        }
        attributes.finish();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name
            .as_ref()
            .is_some_and(|name| name.is_empty() || !name.chars().all(is_plain))
        {
            let hint = "use letters without accents, digits, - _ and .";
            only.problem("team", "is not a plain name", hint);
        }
        if name.is_some() && found.is_all() {
            let hint = "give sources, products, categories, accounts or attributes";
            only.problem(
                "team",
                "is given, and nothing that is the team's only",
                hint,
            );
        }
        only.finish();
        (name, found)
    }

    /// Whether nothing is left out.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the fields that it asks for.
    pub fn asks(&self) -> BTreeSet<String> {
        self.attributes.keys().cloned().collect()
    }

    /// The team's conversations among all.
    pub fn part(&self, facts: &[Fact]) -> Vec<Fact> {
        facts
            .iter()
            .filter(|fact| self.takes(fact))
            .cloned()
            .collect()
    }

    /// Whether a conversation is the team's.
    pub fn takes(&self, fact: &Fact) -> bool {
        let has = |wanted: &BTreeSet<String>, value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.contains(&key(value)))
        };
        has(&self.sources, Some(fact.key.source.as_str()))
            && has(&self.products, fact.product.as_deref())
            && has(&self.categories, fact.category.as_deref())
            && has(&self.accounts, fact.account.as_deref())
            && self
                .attributes
                .iter()
                .all(|(field, wanted)| has(wanted, fact.attributes.get(field).map(String::as_str)))
    }

    /// "product aura 9; region south or west"
    pub fn words(&self) -> String {
        let fixed = [
            ("source", &self.sources),
            ("product", &self.products),
            ("category", &self.categories),
            ("account", &self.accounts),
        ];
        let attributes = self
            .attributes
            .iter()
            .map(|(field, values)| (field.as_str(), values));
        let parts = fixed
            .into_iter()
            .chain(attributes)
            .filter(|(_, values)| !values.is_empty());
        let words = |(field, values): (&str, &BTreeSet<String>)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            format!("{field} {}", values.join(" or "))
        };
        parts.map(words).collect::<Vec<_>>().join("; ")
    }
}

fn normal(values: &[String]) -> BTreeSet<String> {
    values
        .iter()
        .map(|value| key(value))
        .filter(|value| !value.is_empty())
        .collect()
}

fn key(value: &str) -> String {
    value.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::testing::{about, fact};
    use crate::section::Reading;

    fn read(text: &str) -> (Option<String>, Only, Vec<String>) {
        let reading = Reading::new(BTreeMap::new(), ".".into());
        let mut section = Section::root(text.parse().unwrap(), &reading);
        let (name, only) = Only::read(&mut section);
        section.finish();
        let problems = reading.into_problems();
        let problems = problems
            .iter()
            .map(|one| format!("{}: {}", one.path, one.message));
        (name, only, problems.collect())
    }

    #[test]
    fn every_list_must_name_the_conversation_and_capitals_do_not_matter() {
        let (name, only, problems) = read(
            "[only]\nteam = 'south'\nproducts = ['Aura 9', 'Terra']\ncategories = ['Heating']\n\
             attributes = { region = [' SOUTH '] }",
        );
        assert_eq!((name.as_deref(), problems), (Some("south"), Vec::new()));
        let mut conversation = fact(1, Some("heating"), about("t1"));
        conversation.product = Some("AURA 9".to_owned());
        assert!(!only.takes(&conversation), "its region is not known");
        conversation
            .attributes
            .insert("region".to_owned(), "South".to_owned());
        assert!(only.takes(&conversation));
        conversation.category = Some("Other".to_owned());
        assert!(!only.takes(&conversation));
        assert_eq!(
            only.words(),
            "product aura 9 or terra; category heating; region south"
        );
        assert!(Only::default().takes(&conversation) && Only::default().is_all());
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            read("[only]\nteam = 'a b'\nproduct = ['x']").2,
            [
                "only.product: is not a known setting",
                "only.team: is given, and nothing that is the team's only",
                "only.team: is not a plain name",
            ]
        );
    }
}
