//! The dialects of the model helpdesk, one file for each vendor.

mod aircall;
mod chatwoot;
mod dialpad;
mod freshcaller;
mod freshdesk;
mod front;
mod github;
mod gong;
mod help_scout;
mod hubspot;
mod intercom;
mod jira;
mod redmine;
mod salesforce;
mod servicenow;
mod zammad;

use std::sync::Arc;

use groundswell::connectors::engine::{Credentials, Settings, Usual};
use groundswell::model::SourceId;
use url::Url;

use super::dialect::Dialect;

/// Every vendor that the contract is held with.
pub fn all() -> Vec<Arc<dyn Dialect>> {
    vec![
        Arc::new(aircall::Aircall),
        Arc::new(chatwoot::Chatwoot),
        Arc::new(dialpad::Dialpad),
        Arc::new(freshcaller::Freshcaller),
        Arc::new(freshdesk::Freshdesk),
        Arc::new(front::Front),
        Arc::new(github::GitHub),
        Arc::new(gong::Gong),
        Arc::new(help_scout::HelpScout),
        Arc::new(hubspot::HubSpot),
        Arc::new(intercom::Intercom),
        Arc::new(jira::Jira),
        Arc::new(redmine::Redmine),
        Arc::new(salesforce::Salesforce),
        Arc::new(servicenow::ServiceNow),
        Arc::new(zammad::Zammad),
    ]
}

/// Settings for tests: small pages, no pacing, everything looked through often.
fn settings(url: &Url, credentials: Credentials, usual: &Usual, page_records: u32) -> Settings {
    let mut settings = Settings::new(SourceId::from("desk"), url.clone(), credentials, usual);
    settings.page_records = page_records;
    settings.rate_per_minute = Some(1_000_000);
    settings.share_percent = 100;
    settings.limits.timeout = std::time::Duration::from_secs(5);
    if !settings.sweep.is_zero() {
        settings.sweep = chrono::TimeDelta::hours(1);
    }
    settings
}
