//! The dialects of the model helpdesk, one file for each vendor.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::connectors::engine::{Credentials, Settings, Usual};
use groundswell::model::SourceId;
use url::Url;

use super::START;
use super::dialect::Dialect;

/// Every vendor, for whatever is to be done with each: one more is one more line.
macro_rules! each_dialect {
    ($do:ident) => {
        $do! {
            aircall: Aircall,
            chatwoot: Chatwoot,
            dialpad: Dialpad,
            freshcaller: Freshcaller,
            freshdesk: Freshdesk,
            front: Front,
            github: GitHub,
            gong: Gong,
            help_scout: HelpScout,
            hubspot: HubSpot,
            intercom: Intercom,
            jira: Jira,
            redmine: Redmine,
            request_tracker: RequestTracker,
            salesforce: Salesforce,
            servicenow: ServiceNow,
            servicenow_swept: Swept,
            zammad: Zammad,
            zendesk: Zendesk,
        }
    };
}
pub(crate) use each_dialect;

macro_rules! declare {
    ($($name:ident: $dialect:ident,)*) => {
        $(mod $name;)*

        /// Every vendor that the contract is held with.
        pub fn all() -> Vec<Arc<dyn Dialect>> {
            vec![$(Arc::new($name::$dialect)),*]
        }
    };
}

each_dialect!(declare);

/// One vendor.
pub fn named(name: &str) -> Arc<dyn Dialect> {
    let mut all = all().into_iter();
    all.find(|one| one.name() == name).expect("a dialect")
}

/// Settings for tests: small pages, no pacing, everything looked through often.
fn settings(url: &Url, credentials: Credentials, usual: &Usual, page_records: u32) -> Settings {
    let mut settings = Settings::new(SourceId::from("desk"), url.clone(), credentials, usual);
    settings.page_records = page_records;
    settings.rate_per_minute = Some(1_000_000);
    settings.share_percent = 100;
    // Not a year of history, of which each month is asked for.
    settings.start = Some(START.parse::<DateTime<Utc>>().unwrap() - TimeDelta::days(20));
    settings.limits.timeout = std::time::Duration::from_secs(5);
    if !settings.sweep.is_zero() {
        settings.sweep = TimeDelta::hours(1);
    }
    settings
}
