//! Which categories say nothing of what a conversation is about.

use std::collections::BTreeSet;

use crate::reconcile::report::line_key;

/// Words that make a category a catch-all, wherever they stand in its name.
const CATCH_ALL_WORDS: [&str; 15] = [
    "other",
    "others",
    "misc",
    "miscellaneous",
    "sonstige",
    "sonstiges",
    "sonstigem",
    "diverse",
    "diverses",
    "various",
    "unknown",
    "unbekannt",
    "uncategorised",
    "uncategorized",
    "autre",
];

/// Words that make a category a catch-all when its name starts with them and says little more.
const CATCH_ALL_STARTS: [&str; 5] = ["general", "allgemein", "allgemeine", "allgemeines", "none"];

/// Which categories say nothing: those with a telling name, and those that the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatchAll {
    names: BTreeSet<String>,
}

impl CatchAll {
    /// With these further names.
    pub fn new(names: &[String]) -> Self {
        let keys = names.iter().filter_map(|name| line_key(Some(name)));
        Self {
            names: keys.collect(),
        }
    }

    /// Whether the category says nothing; none at all says nothing either.
    pub fn holds(&self, category: Option<&str>) -> bool {
        let Some(key) = line_key(category) else {
            return true;
        };
        let words: Vec<&str> = key
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        self.names.contains(&key)
            || words.iter().any(|word| CATCH_ALL_WORDS.contains(word))
            || words.len() <= 2
                && words
                    .first()
                    .is_some_and(|word| CATCH_ALL_STARTS.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catch_alls_are_known_by_their_names() {
        let catch_all = CatchAll::new(&["Front desk".to_owned()]);
        for name in [
            "Other",
            "SONSTIGES",
            "Animal assistance - Other action",
            "General enquiry",
            "front  desk",
            "None",
        ] {
            assert!(catch_all.holds(Some(name)), "{name}");
        }
        for name in [
            "Mother board",
            "Billing",
            "General ledger export fails",
            "Heating",
        ] {
            assert!(!catch_all.holds(Some(name)), "{name}");
        }
    }
}
