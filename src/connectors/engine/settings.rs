//! What every system of the engine needs to know, read once for all of them; and the table of systems.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::auth::Credentials;
use super::fields::FieldPath;
use super::{Follow, Span, Stream, System};
use crate::connectors::http::Limits;
use crate::connectors::rating::RatingField;
use crate::model::{Conversation, ConversationKey, SourceId};
use crate::section::Section;

/// How far back history goes where nothing is said.
const HISTORY_DAYS: i64 = 365;

/// A question that `source add` asks for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in the configuration; of a secret without `_env`.
    pub key: &'static str,
    /// What is asked.
    pub ask: &'static str,
    /// Whether it is a secret, given by a variable or a file.
    pub is_secret: bool,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// Whether it is a list of texts.
    pub is_list: bool,
}

impl Setting {
    /// One that must be given.
    pub const fn needed(key: &'static str, ask: &'static str) -> Self {
        Self {
            key,
            ask,
            is_secret: false,
            is_optional: false,
            is_list: false,
        }
    }

    /// A secret that must be given.
    pub const fn secret(key: &'static str, ask: &'static str) -> Self {
        Self {
            key,
            ask,
            is_secret: true,
            is_optional: false,
            is_list: false,
        }
    }

    /// One that may be left out.
    pub const fn optional(key: &'static str, ask: &'static str) -> Self {
        Self {
            key,
            ask,
            is_secret: false,
            is_optional: true,
            is_list: false,
        }
    }

    /// A list of texts that must be given.
    pub const fn list(key: &'static str, ask: &'static str) -> Self {
        Self {
            is_list: true,
            ..Self::needed(key, ask)
        }
    }
}

/// A kind of system: what the configuration calls it, what it needs, and how its settings are read.
pub struct Kind {
    /// The name in the configuration.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it needs beyond what all have.
    pub settings: &'static [Setting],
    /// Reads its settings.
    pub read: fn(&mut Section<'_>, Settings) -> Arc<dyn System>,
    /// Its usual settings.
    pub usual: Usual,
}

/// What differs between systems before anybody configured anything.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// Its address, where all customers of the vendor have the same; else what one looks like.
    pub url: &'static str,
    /// Whether `url` is only an example.
    pub is_url_asked: bool,
    /// The field that the official report is built on.
    pub category: &'static str,
    /// Rows of a page.
    pub page_records: u32,
    /// The most that the server gives.
    pub page_records_max: u32,
    /// How far before the end of the last run the next one begins.
    pub overlap_minutes: i64,
    /// How long calls are read again.
    pub reread_days: i64,
    /// How often everything is looked through for deletions; 0 where the system tells of them.
    pub sweep_days: i64,
}

impl Usual {
    /// A hosted helpdesk that is asked at `url`.
    pub const fn at(url: &'static str) -> Self {
        Self {
            url,
            is_url_asked: false,
            category: "",
            page_records: 100,
            page_records_max: 100,
            overlap_minutes: 10,
            reread_days: 3,
            sweep_days: 0,
        }
    }

    /// One whose customers each have an address of their own, such as `example`.
    pub const fn like(example: &'static str) -> Self {
        Self {
            is_url_asked: true,
            ..Self::at(example)
        }
    }
}

/// What every system needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source's name.
    pub source: SourceId,
    /// Where the API is.
    pub url: Url,
    /// Who asks; set by the system.
    pub credentials: Credentials,
    /// The field that the official report is built on.
    pub category: Option<FieldPath>,
    /// The field that names the product.
    pub product: Option<FieldPath>,
    /// The field that names the customer's company, where the system's own is not meant.
    pub account: Option<FieldPath>,
    /// The field that holds the customer's rating, where the system's own is not meant.
    pub csat: Option<RatingField>,
    /// History is read back to here; a year when missing.
    pub start: Option<DateTime<Utc>>,
    /// How far before the end of the last run the next one begins.
    pub overlap: TimeDelta,
    /// How long calls are read again.
    pub reread: TimeDelta,
    /// How often everything is looked through for deletions; never when zero.
    pub sweep: TimeDelta,
    /// Rows of a page.
    pub page_records: u32,
    /// The part of each limit that is used; the rest is left to people and other programs.
    pub share_percent: u8,
    /// Requests a minute that the plan allows, where that is not what the vendor's smallest one does.
    pub rate_per_minute: Option<u32>,
    /// The secret with which the vendor signs its calls.
    pub hook_secret: Option<SecretString>,
    /// Timeout and size of answers.
    pub limits: Limits,
}

impl Settings {
    /// Settings with nothing but what is required.
    pub fn new(source: SourceId, url: Url, credentials: Credentials, usual: &Usual) -> Self {
        Self {
            source,
            url,
            credentials,
            category: (!usual.category.is_empty()).then(|| FieldPath::new(usual.category)),
            product: None,
            account: None,
            csat: None,
            start: None,
            overlap: TimeDelta::minutes(usual.overlap_minutes),
            reread: TimeDelta::days(usual.reread_days),
            sweep: TimeDelta::days(usual.sweep_days),
            page_records: usual.page_records,
            share_percent: 60,
            rate_per_minute: None,
            hook_secret: None,
            limits: Limits::default(),
        }
    }

    /// Reads what all systems share out of a `[[sources]]` table; the credentials are still to be read.
    pub fn read(section: &mut Section<'_>, source: SourceId, usual: &Usual, zone: Tz) -> Self {
        let url = if usual.is_url_asked || section.has("url") {
            section.url("url", &format!("give its address, such as {}", usual.url))
        } else {
            usual.url.parse().expect("a constant address")
        };
        let none = Credentials::bearer(SecretString::default());
        let mut settings = Self::new(source, url, none, usual);
        settings.category = FieldPath::read(section, "category_field").or(settings.category);
        settings.product = FieldPath::read(section, "product_field");
        settings.account = FieldPath::read(section, "account_field");
        settings.csat = RatingField::read(section);
        settings.start = crate::connectors::start(section, zone);
        settings.overlap = TimeDelta::minutes(section.number(
            "overlap_minutes",
            usual.overlap_minutes,
            0..=10_080,
        ));
        settings.reread = TimeDelta::days(section.number("reread_days", usual.reread_days, 0..=90));
        settings.sweep = TimeDelta::days(section.number("sweep_days", usual.sweep_days, 0..=365));
        let most = i64::from(usual.page_records_max);
        let records = section.number("page_records", i64::from(usual.page_records), 1..=most);
        settings.page_records = u32::try_from(records).unwrap_or(usual.page_records);
        let share = section.number("rate_share_percent", 60, 1..=100);
        settings.share_percent = u8::try_from(share).unwrap_or(60);
        if section.has("rate_per_minute") {
            let rate = section.number("rate_per_minute", 600, 1..=1_000_000);
            settings.rate_per_minute = u32::try_from(rate).ok();
        }
        settings.hook_secret = section.optional_secret("hook_secret");
        settings.limits = crate::connectors::limits(section);
        settings
    }

    /// Fills in the fields that a person chose, out of a record as the helpdesk gives it.
    pub fn choose(&self, conversation: &mut Conversation, record: &Value) {
        let value = |path: &Option<FieldPath>| path.as_ref().and_then(|path| path.value(record));
        conversation.category = value(&self.category);
        conversation.product = value(&self.product);
        conversation.account = value(&self.account);
        conversation.csat = self.csat.as_ref().and_then(|csat| csat.of(record));
    }

    /// The fields that a person chose, by their names in the configuration.
    pub fn chosen(&self) -> impl Iterator<Item = (&'static str, &FieldPath)> {
        let chosen = [
            ("category_field", self.category.as_ref()),
            ("product_field", self.product.as_ref()),
            ("account_field", self.account.as_ref()),
            ("csat_field", self.csat.as_ref().map(|csat| &csat.field)),
        ];
        chosen
            .into_iter()
            .filter_map(|(key, path)| Some((key, path?)))
    }

    /// What `doctor` says of chosen fields that none of these records has.
    pub fn remarks(&self, records: &[Value]) -> Vec<String> {
        let missing = self.chosen().filter(|(_, path)| {
            !records.is_empty() && !records.iter().any(|record| path.is_in(record))
        });
        missing
            .map(|(key, path)| format!("{key} is \"{path}\", but none of the first records has it"))
            .collect()
    }

    /// How a list of everything is followed; none where everything is not looked through.
    pub fn swept(&self) -> Option<Follow> {
        let every = self.sweep;
        (!every.is_zero()).then_some(Follow::Sweep { every, prefix: "" })
    }

    /// From when on a list is asked for: one of everything that goes by time goes back as far as history does.
    pub fn since(&self, stream: &Stream, span: &Span) -> DateTime<Utc> {
        if stream.is_bounded {
            self.start(span.until)
        } else {
            span.from
        }
    }

    /// The key of one of its conversations.
    pub fn key(&self, id: impl Into<String>) -> ConversationKey {
        ConversationKey {
            source: self.source.clone(),
            id: id.into(),
        }
    }

    /// How far back history is read.
    pub fn start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.start.unwrap_or(now - TimeDelta::days(HISTORY_DAYS))
    }
}
