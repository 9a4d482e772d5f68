//! The `[answers]` table: how long links work, how much may be asked for, how fast answers are taken.

use crate::section::Section;

/// Settings of answering back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswersConfig {
    /// Days that a signed link works, from the digest's publication on.
    pub link_days: u32,
    /// Topics that can be asked for at a time.
    pub asked_max: usize,
    /// Closed windows of each cadence in which a newly asked topic is counted.
    pub asked_windows: u32,
    /// Answers that are taken in a minute; a program that runs wild must not fill the log.
    pub per_minute_max: u32,
}

impl Default for AnswersConfig {
    fn default() -> Self {
        Self {
            link_days: 30,
            asked_max: 50,
            asked_windows: 13,
            per_minute_max: 120,
        }
    }
}

impl AnswersConfig {
    /// Reads the `[answers]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let mut number = |key: &str, default: u32, most: i64| {
            let number = section.number(key, i64::from(default), 1..=most);
            u32::try_from(number).unwrap_or(default)
        };
        let config = Self {
            link_days: number("link_days", default.link_days, 365),
            asked_max: number("asked_max", default.asked_max as u32, 500) as usize,
            asked_windows: number("asked_windows", default.asked_windows, 400),
            per_minute_max: number("per_minute_max", default.per_minute_max, 100_000),
        };
        section.finish();
        config
    }
}
