//! The one place that reads the clock.

use chrono::{DateTime, SubsecRound, Utc};

/// The time now, in whole microseconds: what both databases can keep.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
