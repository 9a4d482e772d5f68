//! What passes into a digest, and who gets its suggestions: the `[digest]` table.

use crate::model::SuggestionKind;
use crate::section::Section;

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
const OWNER_PRODUCT: &str = "product team";
const OWNER_SERVICE: &str = "service lead";
const OWNER_PROCESS: &str = "operations";

/// What passes into a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Who takes which kind of suggestion.
    pub owners: Owners,
}

/// Who takes which kind of suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// Takes changes of the product.
    pub product: String,
    /// Takes changes of the service.
    pub service: String,
    /// Takes changes of a process.
    pub process: String,
}

impl Owners {
    /// Who takes this kind.
    pub fn of(&self, kind: SuggestionKind) -> &str {
        match kind {
            SuggestionKind::Product => &self.product,
            SuggestionKind::Service => &self.service,
            SuggestionKind::Process => &self.process,
        }
    }
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
            owners: Owners {
                product: OWNER_PRODUCT.to_owned(),
                service: OWNER_SERVICE.to_owned(),
                process: OWNER_PROCESS.to_owned(),
            },
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
        let mut owners = section.section("owners");
        let config = Self {
            items_max: items_max as usize,
            quotes_max: quotes_max as usize,
            conversations_min: conversations_min as u64,
            customers_min: customers_min as u64,
            stability_percent_min: stability_percent_min as u32,
            course_windows: course_windows as usize,
            catch_all,
            owners: Owners {
                product: owners.text("product", OWNER_PRODUCT),
                service: owners.text("service", OWNER_SERVICE),
                process: owners.text("process", OWNER_PROCESS),
            },
        };
        owners.finish();
        section.finish();
        config
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
        let named = read("items_max = 3\n[owners]\nproduct = \"Pumps\"");
        assert_eq!(
            (named.items_max, named.owners.product.as_str()),
            (3, "Pumps")
        );
        assert!(reading.into_problems().is_empty());
    }
}
