//! Whether an answer is about what was asked.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::stream::{Follow, Span, Stream, Touched};
use crate::connectors::PullError;
use crate::connectors::http::Answer;

/// Clocks may be as coarse as this.
const COARSE: TimeDelta = TimeDelta::minutes(1);

/// The time by which a list is cut and the one that its rows show may differ by this.
const APART: TimeDelta = TimeDelta::hours(1);

/// An answer without its list is about something else, unless that is how the server says that it is empty.
pub fn refuse_strange(stream: &Stream, answer: &Answer) -> Result<(), PullError> {
    let is_refused = stream.is_optional && answer.body.is_null();
    let is_missing =
        !stream.items.is_empty() && !is_refused && answer.body.pointer(stream.items).is_none();
    if is_missing && !stream.is_missing_empty && !stream.is_404_empty {
        let reason = format!(
            "{}: the answer has no list at {}",
            stream.name, stream.items
        );
        return Err(PullError::Malformed(reason));
    }
    Ok(())
}

/// Rows that are surely not what was asked for: the page is an answer to another question, and going on behind it would
/// leave rows out. What history passes over never comes again, so there a page must have at least one row of its slice.
pub fn refuse_repeated(
    stream: &Stream,
    rows: &[(Touched, &Value)],
    span: &Span,
    end: Option<DateTime<Utc>>,
) -> Result<(), PullError> {
    let stamps = || rows.iter().filter_map(|(row, _)| row.at);
    let is_elsewhere = match stream.follow {
        Follow::Since => stamps()
            .min()
            .is_some_and(|oldest| oldest < span.from - COARSE),
        Follow::Window { .. } | Follow::Trailing { .. } if end.is_some() => {
            let near = span.from - APART..=span.until + APART;
            stamps().next().is_some() && stamps().all(|at| !near.contains(&at))
        }
        _ => false,
    };
    if is_elsewhere {
        let reason = format!(
            "{}: the page repeats, its rows are not of the time that was asked for",
            stream.name
        );
        return Err(PullError::Transient(reason));
    }
    Ok(())
}
