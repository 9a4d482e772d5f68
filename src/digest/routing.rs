//! Who takes a suggestion: the first route that fits its type, product and category, else the owner of its type.

use serde::{Deserialize, Serialize};

use crate::model::SuggestionKind;
use crate::section::Section;

const OWNER_PRODUCT: &str = "product team";
const OWNER_SERVICE: &str = "service lead";
const OWNER_PROCESS: &str = "operations";

/// Who takes which suggestion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// Looked through from the first on.
    pub routes: Vec<Route>,
    /// Takes changes of the product that no route names.
    pub product: String,
    /// Takes changes of the service that no route names.
    pub service: String,
    /// Takes changes of a process that no route names.
    pub process: String,
}

/// One line of the routing table; what is left out fits everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The type of the suggestion.
    pub kind: Option<SuggestionKind>,
    /// The product that most of the topic's conversations name.
    pub product: Option<String>,
    /// The official category under which most of them are filed.
    pub category: Option<String>,
    /// Who takes it.
    pub owner: String,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            product: OWNER_PRODUCT.to_owned(),
            service: OWNER_SERVICE.to_owned(),
            process: OWNER_PROCESS.to_owned(),
        }
    }
}

impl Routing {
    /// Reads `[[digest.routing]]` and `[digest.owners]`.
    pub fn read(digest: &mut Section<'_>) -> Self {
        let routes = digest.sections("routing").into_iter().map(route).collect();
        let mut owners = digest.section("owners");
        let routing = Self {
            routes,
            product: owners.text("product", OWNER_PRODUCT),
            service: owners.text("service", OWNER_SERVICE),
            process: owners.text("process", OWNER_PROCESS),
        };
        owners.finish();
        routing
    }

    /// Who takes a suggestion of this type, about this product and category where most of its conversations have one.
    pub fn owner(
        &self,
        kind: SuggestionKind,
        product: Option<&str>,
        category: Option<&str>,
    ) -> &str {
        let fits = |route: &&Route| {
            route.kind.is_none_or(|wanted| wanted == kind)
                && is_same(route.product.as_deref(), product)
                && is_same(route.category.as_deref(), category)
        };
        let route = self.routes.iter().find(fits);
        route.map_or_else(|| self.fallback(kind), |route| &route.owner)
    }

    fn fallback(&self, kind: SuggestionKind) -> &str {
        match kind {
            SuggestionKind::Product => &self.product,
            SuggestionKind::Service => &self.service,
            SuggestionKind::Process => &self.process,
        }
    }
}

fn route(mut section: Section<'_>) -> Route {
    let kinds = [
        SuggestionKind::Product,
        SuggestionKind::Service,
        SuggestionKind::Process,
    ];
    let names = kinds.map(SuggestionKind::as_str);
    let kind = section.choice("kind", None, &names, |text| {
        let found = kinds.into_iter().find(|kind| kind.as_str() == text);
        found.map(Some)
    });
    let route = Route {
        kind,
        product: section.optional_text("product"),
        category: section.optional_text("category"),
        owner: section.required_text("owner", "name who takes these suggestions"),
    };
    section.finish();
    route
}

/// Names are compared as people write them.
fn is_same(wanted: Option<&str>, given: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| {
        given.is_some_and(|given| given.trim().to_lowercase() == wanted.trim().to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::Reading;
    use SuggestionKind::{Process, Product, Service};
    use std::collections::BTreeMap;

    fn read(text: &str) -> (Routing, usize) {
        let reading = Reading::new(BTreeMap::new(), ".".into());
        let routing = Routing::read(&mut Section::root(text.parse().unwrap(), &reading));
        (routing, reading.into_problems().len())
    }

    #[test]
    fn the_first_route_that_fits_wins() {
        let (routing, problems) = read(
            "[[routing]]\nkind = \"product\"\nproduct = \"Terra 12\"\nowner = \"Anna\"\n\
             [[routing]]\nproduct = \"terra 12\"\ncategory = \"Billing\"\nowner = \"Ben\"\n\
             [[routing]]\nproduct = \"Terra 12\"\nowner = \"Cleo\"\n\
             [owners]\nservice = \"Dora\"",
        );
        assert_eq!(problems, 0);
        let owner = |kind, product, category| routing.owner(kind, product, category).to_owned();
        assert_eq!(owner(Product, Some("Terra 12"), Some("Billing")), "Anna");
        assert_eq!(owner(Service, Some("Terra 12"), Some("billing ")), "Ben");
        assert_eq!(owner(Service, Some("TERRA 12"), None), "Cleo");
        assert_eq!(owner(Service, Some("Aura 9"), Some("Billing")), "Dora");
        assert_eq!(owner(Process, None, None), OWNER_PROCESS);
    }

    #[test]
    fn a_route_without_an_owner_or_with_an_unknown_type_is_a_mistake() {
        assert_eq!(read("[[routing]]\nproduct = \"Terra 12\"").1, 1);
        assert_eq!(read("[[routing]]\nkind = \"sales\"\nowner = \"Anna\"").1, 1);
    }
}
