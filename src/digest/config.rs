//! What passes into a digest, what its topics weigh, and who gets its suggestions: the `[digest]` table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Conversation;
use crate::section::Section;

use super::routing::Routing;

/// A digest is read between two visits: more than five items are not read.
const ITEMS_MAX: i64 = 5;
/// One quote may be chance, four are a wall of text.
const QUOTES_MAX: i64 = 3;
/// Two alike happen by chance; the third time it is worth a look.
const CONVERSATIONS_MIN: i64 = 3;
/// One customer who writes often is no topic.
const CUSTOMERS_MIN: i64 = 2;
/// Where less of a topic comes back when a tenth is left out, chance has put its conversations together.
const STABILITY_PERCENT_MIN: i64 = 50;
/// A quarter of a year of weeks; also enough before a fault to see that it was not there.
const COURSE_WINDOWS: i64 = 12;
/// A month of weeks: long enough to do something about it, short enough not to forget it.
const REMIND_AFTER: i64 = 4;
/// An office day; whoever asks earlier, later or at the weekend waits for the next one.
const SERVICE_HOURS: (i64, i64) = (8, 18);

/// What passes into a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestConfig {
    /// At most so many items.
    pub items_max: usize,
    /// At most so many quotes an item.
    pub quotes_max: usize,
    /// A topic with fewer conversations in the window is not mentioned.
    pub conversations_min: u64,
    /// Nor is one with fewer different customers, where they are known.
    pub customers_min: u64,
    /// A topic of which less comes back when a tenth is left out is not mentioned, where that was measured.
    pub stability_percent_min: u32,
    /// How many windows the course shows, this one included. Facts must reach so far back.
    pub course_windows: usize,
    /// Categories that say nothing, beside those with a telling name such as "Other".
    pub catch_all: Vec<String>,
    /// What was said and has not changed is said again after so many windows.
    pub remind_after: u32,
    /// The attribute that says how much a conversation's account weighs, such as its revenue or its seats.
    pub account_weight: Option<String>,
    /// Accounts by name that weigh so much; goes before the attribute.
    pub account_weights: BTreeMap<String, f64>,
    /// The hour from which service is there, Monday to Friday, and the one at which it goes.
    pub service_hours: (u32, u32),
    /// Who takes which suggestion.
    pub routing: Routing,
}

impl Default for DigestConfig {
    fn default() -> Self {
        Self {
            items_max: ITEMS_MAX as usize,
            quotes_max: QUOTES_MAX as usize,
            conversations_min: CONVERSATIONS_MIN as u64,
            customers_min: CUSTOMERS_MIN as u64,
            stability_percent_min: STABILITY_PERCENT_MIN as u32,
            course_windows: COURSE_WINDOWS as usize,
            catch_all: Vec::new(),
            remind_after: REMIND_AFTER as u32,
            account_weight: None,
            account_weights: BTreeMap::new(),
            service_hours: (SERVICE_HOURS.0 as u32, SERVICE_HOURS.1 as u32),
            routing: Routing::default(),
        }
    }
}

impl DigestConfig {
    /// Reads the `[digest]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let items_max = section.number("items_max", ITEMS_MAX, 1..=20);
        let quotes_max = section.number("quotes_max", QUOTES_MAX, 1..=3);
        let conversations_min = section.number("conversations_min", CONVERSATIONS_MIN, 2..=10_000);
        let customers_min = section.number("customers_min", CUSTOMERS_MIN, 1..=10_000);
        let stability_percent_min =
            section.number("stability_percent_min", STABILITY_PERCENT_MIN, 0..=100);
        let course_windows = section.number("course_windows", COURSE_WINDOWS, 2..=60);
        let catch_all = section.list("catch_all");
        let from = section.number("service_hours_from", SERVICE_HOURS.0, 0..=23);
        let to = section.number("service_hours_to", SERVICE_HOURS.1, from + 1..=24);
        let config = Self {
            items_max: items_max as usize,
            quotes_max: quotes_max as usize,
            conversations_min: conversations_min as u64,
            customers_min: customers_min as u64,
            stability_percent_min: stability_percent_min as u32,
            course_windows: course_windows as usize,
            catch_all,
            remind_after: section.number("remind_after", REMIND_AFTER, 1..=60) as u32,
            account_weight: section.optional_text("account_weight"),
            account_weights: section.decimals("account_weights"),
            service_hours: (from as u32, to as u32),
            routing: Routing::read(&mut section),
        };
        section.finish();
        config
    }

    /// How much a conversation's account weighs, where that is known.
    pub fn weight_of(&self, conversation: &Conversation) -> Option<f64> {
        let account = conversation.account.as_deref().map(str::trim);
        let named = account.and_then(|account| self.account_weights.get(account).copied());
        let attribute = self.account_weight.as_ref();
        let given = attribute.and_then(|name| conversation.attributes.get(name));
        let number = || {
            let digits = given?.replace([',', '_', ' '], "");
            digits.parse::<f64>().ok()
        };
        named
            .or_else(number)
            .filter(|weight| weight.is_finite() && *weight > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::Reading;
    use std::collections::BTreeMap;

    #[test]
    fn an_empty_table_gives_the_defaults_and_owners_can_be_named() {
        let reading = Reading::new(BTreeMap::new(), ".".into());
        let read = |text: &str| DigestConfig::read(Section::root(text.parse().unwrap(), &reading));
        assert_eq!(read(""), DigestConfig::default());
        let named =
            read("items_max = 3\naccount_weights = { Acme = 3 }\n[owners]\nproduct = \"Pumps\"");
        assert_eq!(
            (named.items_max, named.routing.product.as_str()),
            (3, "Pumps")
        );
        assert_eq!(named.account_weights["Acme"], 3.0);
        assert!(reading.into_problems().is_empty());
    }
}
