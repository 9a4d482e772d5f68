//! The words that headers and cells of reports are known by, in English and German.

use crate::model::{Cadence, ReportBasis};

use super::line_name;

/// Headers of the period's column, and the cadence that they state.
const PERIOD_HEADERS: [(&str, Option<Cadence>); 22] = [
    ("window", None),
    ("period", None),
    ("reporting period", None),
    ("zeitraum", None),
    ("berichtszeitraum", None),
    ("month", Some(Cadence::Monthly)),
    ("monat", Some(Cadence::Monthly)),
    ("week", Some(Cadence::Weekly)),
    ("calendar week", Some(Cadence::Weekly)),
    ("week start", Some(Cadence::Weekly)),
    ("week starting", Some(Cadence::Weekly)),
    ("week commencing", Some(Cadence::Weekly)),
    ("week of", Some(Cadence::Weekly)),
    ("week ending", Some(Cadence::Weekly)),
    ("woche", Some(Cadence::Weekly)),
    ("kalenderwoche", Some(Cadence::Weekly)),
    ("kw", Some(Cadence::Weekly)),
    ("cw", Some(Cadence::Weekly)),
    ("day", Some(Cadence::Daily)),
    ("tag", Some(Cadence::Daily)),
    ("date", Some(Cadence::Daily)),
    ("datum", Some(Cadence::Daily)),
];

/// Headers of the category's column, the surest first.
pub const CATEGORY_HEADERS: [&str; 18] = [
    "category",
    "kategorie",
    "official category",
    "type",
    "ticket type",
    "service_type",
    "service type",
    "reason",
    "contact reason",
    "topic",
    "group",
    "class",
    "subject area",
    "queue",
    "thema",
    "grund",
    "typ",
    "line",
];

/// Headers of a column that counts without saying by which date, the surest first.
pub const COUNT_HEADERS: [&str; 16] = [
    "count",
    "anzahl",
    "conversations",
    "tickets",
    "incidents",
    "cases",
    "calls",
    "contacts",
    "requests",
    "number",
    "quantity",
    "volume",
    "menge",
    "fälle",
    "total",
    "gesamt",
];

/// Words of headers and of the file's name that say by which date the report counts, and the name of that metric.
const METRIC_WORDS: [(&str, &str, ReportBasis); 12] = [
    ("opened", "opened", ReportBasis::Opened),
    ("created", "opened", ReportBasis::Opened),
    ("received", "opened", ReportBasis::Opened),
    ("incoming", "opened", ReportBasis::Opened),
    ("eröffnet", "opened", ReportBasis::Opened),
    ("erstellt", "opened", ReportBasis::Opened),
    ("solved", "solved", ReportBasis::Closed),
    ("resolved", "solved", ReportBasis::Closed),
    ("gelöst", "solved", ReportBasis::Closed),
    ("closed", "closed", ReportBasis::Closed),
    ("geschlossen", "closed", ReportBasis::Closed),
    ("abgeschlossen", "closed", ReportBasis::Closed),
];

/// Words of a column that measures something else than a number of conversations.
const MEASURE_WORDS: [&str; 24] = [
    "csat",
    "satisfaction",
    "zufriedenheit",
    "nps",
    "score",
    "rate",
    "quote",
    "share",
    "anteil",
    "percent",
    "percentage",
    "prozent",
    "average",
    "avg",
    "mean",
    "median",
    "time",
    "zeit",
    "hours",
    "hrs",
    "minutes",
    "min",
    "change",
    "delta",
];

/// Cells that mean a total over categories or periods.
const TOTAL_CELLS: [&str; 14] = [
    "total",
    "totals",
    "grand total",
    "sum",
    "all",
    "all categories",
    "overall",
    "gesamt",
    "gesamtsumme",
    "gesamtergebnis",
    "summe",
    "insgesamt",
    "(total)",
    "(all)",
];

/// Cells that mean "no category".
const NO_CATEGORY: [&str; 13] = [
    "",
    "-",
    "\u{2013}",
    "\u{2014}",
    "none",
    "(none)",
    "(blank)",
    "n/a",
    "null",
    "no category",
    "uncategorised",
    "uncategorized",
    "ohne kategorie",
];

/// A header as it is compared: one case, single spaces, underscores as spaces except where a name is known with one.
pub fn plain(header: &str) -> String {
    line_name(header).to_lowercase()
}

/// The words of a header.
fn tokens(header: &str) -> Vec<String> {
    let lower = header.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a header is that of a period, and which cadence it states.
pub fn period_header(header: &str) -> Option<Option<Cadence>> {
    let words = tokens(header).join(" ");
    let known = PERIOD_HEADERS.iter().find(|(name, _)| *name == words);
    known.map(|(_, stated)| *stated)
}

/// Whether a cell speaks of quarters.
pub fn says_quarter(cell: &str) -> bool {
    let of_quarters = ["quarter", "quartal", "q1", "q2", "q3", "q4"];
    tokens(cell)
        .iter()
        .any(|word| of_quarters.contains(&word.as_str()))
}

/// Whether dates under this header are last days.
pub fn says_end(header: &str) -> bool {
    let words = tokens(header);
    words
        .iter()
        .any(|word| ["end", "ending", "ende", "until"].contains(&word.as_str()))
}

/// Whether dates under this header are first days.
pub fn says_start(header: &str) -> bool {
    let words = tokens(header);
    words.iter().any(|word| {
        [
            "start",
            "starting",
            "commencing",
            "of",
            "from",
            "beginning",
            "beginn",
        ]
        .contains(&word.as_str())
    })
}

/// Whether dates under this header are days and nothing else.
pub fn says_day(header: &str) -> bool {
    ["day", "tag"].contains(&plain(header).as_str())
}

/// Whether a header is that of the year.
pub fn is_year(header: &str) -> bool {
    ["year", "jahr"].contains(&plain(header).as_str())
}

/// The metric that a header names: `opened`, `solved` or `closed`, and what it counts.
pub fn metric(header: &str) -> Option<(&'static str, ReportBasis)> {
    let words = tokens(header);
    if is_measure(header) {
        return None;
    }
    // "New tickets" is a metric; "new" alone may be a status or a category.
    if words.len() > 1 && words[0] == "new" {
        return Some(("opened", ReportBasis::Opened));
    }
    let known = METRIC_WORDS
        .iter()
        .find(|(word, ..)| words.iter().any(|own| own == word));
    known.map(|(_, name, basis)| (*name, *basis))
}

/// Whether a column measures something else than a number of conversations, such as satisfaction.
pub fn is_measure(header: &str) -> bool {
    let words = tokens(header);
    header.contains('%')
        || words
            .iter()
            .any(|word| MEASURE_WORDS.contains(&word.as_str()))
}

/// Where a header stands among those of counts; the surest is 0, and a header that only holds such a word comes last.
pub fn count_rank(header: &str) -> Option<usize> {
    let name = plain(header);
    if is_measure(header) {
        return None;
    }
    let exact = COUNT_HEADERS.iter().position(|known| *known == name);
    let words = tokens(header);
    exact.or_else(|| {
        let place = COUNT_HEADERS
            .iter()
            .position(|known| words.iter().any(|word| word == known));
        place.map(|place| place + COUNT_HEADERS.len())
    })
}

/// What a text says about the date by which it counts; unknown where it says both or nothing.
pub fn basis(text: &str) -> ReportBasis {
    let words = tokens(text);
    let says = |basis: ReportBasis| {
        let mut known = METRIC_WORDS.iter().filter(|(.., of)| *of == basis);
        known.any(|(word, ..)| words.iter().any(|own| own == word))
    };
    match (says(ReportBasis::Opened), says(ReportBasis::Closed)) {
        (true, false) => ReportBasis::Opened,
        (false, true) => ReportBasis::Closed,
        _ => ReportBasis::Unknown,
    }
}

/// Whether a cell means a total.
pub fn is_total(cell: &str) -> bool {
    TOTAL_CELLS.contains(&plain(cell).trim_end_matches(':'))
}

/// Whether a cell means "no category".
pub fn is_no_category(cell: &str) -> bool {
    NO_CATEGORY.contains(&plain(cell).as_str())
}
