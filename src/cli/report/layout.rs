//! The flags that say how a report is laid out, where its file leaves that open.

use clap::Args;

use crate::reconcile::report::Choices;

/// How a report is laid out.
#[derive(Args, Debug)]
#[command(next_help_heading = "How the report is laid out, where its file leaves that open")]
pub struct Layout {
    /// The sheet of a spreadsheet, by name or number
    #[arg(long)]
    sheet: Option<String>,
    /// The column of the period, by header or letter
    #[arg(long, value_name = "COLUMN")]
    period: Option<String>,
    /// The column of the category; "none" for totals alone
    #[arg(long, value_name = "COLUMN")]
    category: Option<String>,
    /// The column of the count
    #[arg(long, value_name = "COLUMN")]
    count: Option<String>,
    /// A further column that counts; may be given several times
    #[arg(long, value_name = "COLUMN")]
    metric: Vec<String>,
    /// What a date stands for, and what tickets are counted by
    #[arg(long, value_parser = ["daily", "weekly", "monthly"])]
    cadence: Option<String>,
    /// What 03/04/2026 means
    #[arg(long, value_parser = ["dmy", "mdy", "ymd"])]
    date_order: Option<String>,
    /// The mark before decimals
    #[arg(long, value_parser = ["comma", "point"])]
    decimal: Option<String>,
    /// What the report counts
    #[arg(long, value_parser = ["opened", "solved", "closed"])]
    basis: Option<String>,
    /// The time zone that the report counts in, such as Europe/Berlin
    #[arg(long, value_parser = zone)]
    zone: Option<String>,
    /// The first day of the report's weeks
    #[arg(long, value_parser = ["monday", "sunday"])]
    week_start: Option<String>,
    /// The year of months and weeks that name none
    #[arg(long, value_parser = clap::value_parser!(i32).range(1970..=2200))]
    year: Option<i32>,
}

fn zone(name: &str) -> Result<String, String> {
    let zone: Result<chrono_tz::Tz, _> = name.parse();
    zone.map(|zone| zone.name().to_owned())
        .map_err(|_| "give an IANA name such as Europe/Berlin".to_owned())
}

impl Layout {
    /// What the flags choose.
    pub fn choices(&self) -> Choices {
        let mut choices = Choices {
            metrics: self.metric.clone(),
            zone: self.zone.clone(),
            year: self.year,
            ..Choices::default()
        };
        let flags = [
            ("--sheet", &self.sheet),
            ("--period", &self.period),
            ("--category", &self.category),
            ("--count", &self.count),
            ("--cadence", &self.cadence),
            ("--date-order", &self.date_order),
            ("--decimal", &self.decimal),
            ("--basis", &self.basis),
            ("--week-start", &self.week_start),
        ];
        for (flag, value) in flags {
            if let Some(value) = value {
                choices.answer(flag, value);
            }
        }
        choices
    }
}
