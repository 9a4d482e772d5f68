//! Which time zones official reports are tried in: a setting of the `[report]` table.

use chrono_tz::Tz;

use crate::section::Section;

/// Where most reports are made. Few, because with many some fit by chance.
const ZONES: [Tz; 9] = [
    Tz::UTC,
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Los_Angeles,
    Tz::Europe__London,
    Tz::Europe__Berlin,
    Tz::Asia__Kolkata,
    Tz::Asia__Tokyo,
    Tz::Australia__Sydney,
];

/// Reads `zones`: the time zones in which a report may count, beside ours.
pub fn read_zones(section: &mut Section<'_>) -> Vec<Tz> {
    if !section.has("zones") {
        return ZONES.to_vec();
    }
    let mut zones = Vec::new();
    for (place, name) in section.list("zones").iter().enumerate() {
        match name.parse() {
            Ok(zone) => zones.push(zone),
            Err(_) => section.problem(
                &format!("zones[{place}]"),
                format!("{name} is no time zone"),
                "give IANA names such as Europe/Berlin",
            ),
        }
    }
    zones
}
