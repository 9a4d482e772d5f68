//! The contract that every notifier keeps, against receivers on this machine, and the outbox above
//! them against a real database.

mod mail;
mod outbox;
mod over_http;
pub mod receivers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use groundswell::delivery::{DestinationConfig, Notifier, Outgoing, SendError, build};
use groundswell::digest::render::Rendered;
use groundswell::model::DigestId;
use groundswell::section::{Reading, Section};

/// Secrets that must not be in any text that a person or a log could see.
pub const SECRET: &str = "hush-hush";
/// The same as a mail client sends it: `\0sender\0hush-hush` in base64.
pub const SECRET_LOGIN: &str = "AHNlbmRlcgBodXNoLWh1c2g=";
/// Words of a customer that must not be, either.
pub const CUSTOMER_WORDS: &str = "the heat pump froze again";

/// A destination as the configuration makes it. `SECRET_URL` in the text is read from a variable.
pub fn configured(text: &str, variables: &[(&str, &str)]) -> DestinationConfig {
    let environment: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| (String::from(*name), String::from(*value)))
        .collect();
    let reading = Reading::new(environment, PathBuf::from("."));
    let section = Section::root(text.parse().unwrap(), &reading);
    let config = DestinationConfig::read(section);
    let problems = reading.into_problems();
    assert!(problems.is_empty(), "{problems:?}");
    config
}

/// The notifier of such a destination.
pub fn notifier(text: &str, variables: &[(&str, &str)]) -> Box<dyn Notifier> {
    let config = configured(text, variables);
    assert!(!format!("{config:?}").contains(SECRET));
    build(&config).unwrap()
}

/// A digest on its way.
pub fn outgoing(key: &str, content: Rendered) -> Outgoing {
    let digest = key.split('/').next().unwrap();
    Outgoing {
        delivery_key: key.to_owned(),
        digest: DigestId::from(digest),
        at: "2026-03-30T06:00:00Z".parse().unwrap(),
        content,
    }
}

/// Nothing secret is in an error, however it is printed.
pub fn assert_discreet(error: &SendError) {
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains(SECRET_LOGIN), "{text}");
        assert!(!text.contains(CUSTOMER_WORDS), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}
