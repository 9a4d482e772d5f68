//! The names of causes, as they stand in files and digests, and what they mean.

/// Opened in the window and counted by us; the report counts by closing, and it was closed later or not yet.
pub const CLOSED_LATER: &str = "closed_later";
/// Opened before the window and closed in it; the report counts by closing.
pub const OPENED_EARLIER: &str = "opened_earlier";
/// Call notes, which the report does not count.
pub const CALL_NOTES: &str = "call_notes";
/// Never categorised, and the report has no line for that.
pub const NEVER_CATEGORISED: &str = "never_categorised";
/// Near an edge of the window: in it in one time zone, and not in the other.
pub const TIME_ZONE: &str = "time_zone";
/// Near an edge of the week: the report's weeks begin on another day.
pub const WEEK_START: &str = "week_start";
/// The report has it in another line: it was in another category, or not opened then, when the report was made.
pub const RECATEGORISED: &str = "recategorised";
/// The report counts it under its tags, and we under its category.
pub const TAGS: &str = "tags";
/// Did not count when the report was made (spam, deleted, merged), and counts now.
pub const RESTORED: &str = "restored";
/// Merged into another conversation; the report counts both.
pub const MERGED: &str = "merged";
/// Spam, which the report counts.
pub const SPAM: &str = "spam";
/// Deleted since the report was made.
pub const DELETED: &str = "deleted";
/// Automatic mail, which the report counts.
pub const AUTOMATIC: &str = "automatic";
/// Without any words, which the report counts.
pub const EMPTY: &str = "empty";
/// A source was not complete, and the report has more than we do.
pub const SOURCE_INCOMPLETE: &str = "source_incomplete";
/// What no cause explains.
pub const UNEXPLAINED: &str = "unexplained";

/// All names, in the order in which they are shown.
pub const ALL: [&str; 16] = [
    CLOSED_LATER,
    OPENED_EARLIER,
    TIME_ZONE,
    WEEK_START,
    CALL_NOTES,
    NEVER_CATEGORISED,
    RECATEGORISED,
    TAGS,
    MERGED,
    SPAM,
    DELETED,
    RESTORED,
    AUTOMATIC,
    EMPTY,
    SOURCE_INCOMPLETE,
    UNEXPLAINED,
];

/// What the name means, for people.
pub fn phrase(cause: &str) -> &str {
    match cause {
        CLOSED_LATER => "opened in the period, solved later or still open",
        OPENED_EARLIER => "opened earlier, solved in the period",
        CALL_NOTES => "call notes, not in the helpdesk's report",
        NEVER_CATEGORISED => "never categorised",
        TIME_ZONE => "in another day by the report's time zone",
        WEEK_START => "in another week, as the report's weeks begin on another day",
        RECATEGORISED => "recategorised since",
        TAGS => "counted under each tag",
        RESTORED => "spam, merged or deleted then, and restored since",
        MERGED => "merged into another conversation",
        SPAM => "spam",
        DELETED => "deleted since",
        AUTOMATIC => "automatic mail",
        EMPTY => "without any words",
        SOURCE_INCOMPLETE => "a source is incomplete",
        UNEXPLAINED => "unexplained",
        other => other,
    }
}
