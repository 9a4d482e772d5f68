//! The sentences of a view: numbers in words.

use crate::digest::beside::OWN_CATEGORIES;
use crate::model::{
    Cadence, CategoryShare, Change, Decided, Digest, FindingKind, FollowUp, OfficialSide, Pair,
    RevisedTopic, Revision, TrendState, Watched,
};
use crate::reconcile::causes;

use super::view::{FindingView, LIST_MAX, NAME_MAX, OfficialView, SENTENCE_MAX, last_windows};
use super::words::{decimal, name, percent, plain, quoted, some};

/// Findings beside the official side; the rest is in the exported table.
const FINDINGS_MAX: usize = 4;

/// Categories of an item that are named; the others are added up.
const CATEGORIES_MAX: usize = 3;

/// The totals of the window.
pub fn summary(digest: &Digest) -> Vec<String> {
    let totals = &digest.totals;
    let noun = digest.cadence.noun();
    let counted = totals.assigned.saturating_add(totals.unassigned);
    let mut first = some(counted, "conversation");
    if totals.customers > 0 {
        first.push_str(&format!(" of {}", some(totals.customers, "customer")));
    }
    if let Some(team) = &digest.team {
        first.push_str(&format!(", out of the company's {}", team.conversations));
    }
    if let Some(previous) = totals.previous {
        first.push_str(&format!("; {previous} in the {noun} before"));
    }
    let mut lines = vec![first + "."];
    if let Some(side) = &digest.official {
        let whose = if digest.team.is_some() {
            "For the whole company, the"
        } else {
            "The"
        };
        lines.push(format!(
            "{whose} official {} {}; we count {}.",
            if is_report(side) {
                "report has"
            } else {
                "categories hold"
            },
            side.official,
            side.ours
        ));
    }
    let excluded: u64 = totals
        .excluded
        .iter()
        .fold(0, |sum, (_, count)| sum.saturating_add(*count));
    if excluded > 0 {
        let reasons: Vec<String> = totals
            .excluded
            .iter()
            .take(LIST_MAX)
            .map(|(reason, count)| format!("{} {count}", plain(reason, NAME_MAX)))
            .collect();
        lines.push(format!(
            "{excluded} more were pulled and do not count: {}.",
            reasons.join(", ")
        ));
    }
    lines
}

/// One sentence, with a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let text = plain(text, SENTENCE_MAX);
    if text.is_empty() {
        return text;
    }
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    let rest = letters.as_str();
    let stop = if text.ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    format!("{first}{rest}{stop}")
}

/// How a topic moves, against its baseline.
pub fn change(change: &Change, conversations: u64, digest: &Digest) -> String {
    let noun = digest.cadence.noun();
    let before = match change.windows {
        0 => return format!("no {noun} before to compare with"),
        1 => format!("the {noun} before"),
        windows => format!("the {windows} {noun}s before"),
    };
    if let Some(pair) = &change.pair {
        return together(change, pair, noun, &before);
    }
    let usual = format!(
        "{} had {} a {noun}, so {} to {} would be usual{}",
        before,
        decimal(change.baseline),
        decimal(change.low.max(0.0).floor()),
        decimal(change.high.max(0.0).ceil()),
        match digest.cadence {
            Cadence::Daily => " on this day of the week",
            Cadence::Weekly | Cadence::Monthly => "",
        },
    );
    match change.state {
        TrendState::New => format!("new: none in {before}"),
        TrendState::Back => format!("back: none in {before}, but earlier"),
        TrendState::Gone => format!("gone: {usual}"),
        TrendState::Rising => format!("rising: {usual}"),
        TrendState::Falling => format!("falling: {usual}"),
        // One of many topics is outside now and then by chance, and few windows before tell little.
        TrendState::Steady if conversations as f64 > change.high.max(0.0).ceil() => {
            format!("more than usual, though not surely: {usual}")
        }
        TrendState::Steady if (conversations as f64) < change.low.max(0.0).floor() => {
            format!("fewer than usual, though not surely: {usual}")
        }
        TrendState::Steady => format!("steady: {usual}"),
    }
}

/// How a topic moves where only this window and the one before together show it.
fn together(change: &Change, pair: &Pair, noun: &str, before: &str) -> String {
    let usual = match change.state {
        TrendState::New => format!("none in {before} the last two"),
        TrendState::Back => format!("none in {before} the last two, but earlier"),
        _ => format!(
            "{before} the last two had {} a {noun}, so {} to {} would be usual for both together",
            decimal(pair.baseline),
            decimal(pair.low.max(0.0).floor()),
            decimal(pair.high.max(0.0).ceil()),
        ),
    };
    let state = change.state.as_str();
    format!("{state}: {usual}; they have {}", pair.conversations)
}

/// What the official report says of the same conversations.
pub fn filed(categories: &[CategoryShare]) -> String {
    let mut parts: Vec<String> = categories
        .iter()
        .take(CATEGORIES_MAX)
        .map(|share| {
            let place = match &share.category {
                Some(name) => format!("under {}", quoted(name, NAME_MAX)),
                None => "never categorised".to_owned(),
            };
            match share.official {
                Some(official) => format!(
                    "{} {place} (the report has {official} there)",
                    share.conversations
                ),
                None => format!("{} {place}", share.conversations),
            }
        })
        .collect();
    let rest = categories.get(CATEGORIES_MAX..).unwrap_or_default();
    if !rest.is_empty() {
        let count = rest
            .iter()
            .fold(0_u64, |sum, share| sum.saturating_add(share.conversations));
        parts.push(format!(
            "{count} under {}",
            if rest.len() == 1 {
                "another one".to_owned()
            } else {
                format!("{} others", rest.len())
            }
        ));
    }
    parts.join(", ")
}

fn is_report(side: &OfficialSide) -> bool {
    side.report != OWN_CATEGORIES
}

/// The official side and the causes of the difference.
pub fn official(side: &OfficialSide, is_whole: bool) -> OfficialView {
    let difference = i128::from(side.official) - i128::from(side.ours);
    let because = if difference == 0 && side.causes.is_empty() {
        ""
    } else {
        " The difference is:"
    };
    // Over all its windows, with whatever fits as well; that names the definition already.
    let definition = plain(&side.definition, SENTENCE_MAX);
    let (definition, fit) = match side.fit.as_str() {
        "" => (format!(" ({definition})"), String::new()),
        _ if !is_whole => (format!(" ({definition})"), String::new()),
        fit if fit.contains(&side.definition) => (String::new(), format!(" {}", sentence(fit))),
        fit => (format!(" ({definition})"), format!(" {}", sentence(fit))),
    };
    let causes = side.causes.iter().take(LIST_MAX).map(|cause| {
        let phrase = plain(causes::phrase(&cause.cause), NAME_MAX);
        (signed(cause.conversations), phrase)
    });
    let findings = side.findings.iter().take(FINDINGS_MAX);
    let findings = findings.filter(|_| is_whole);
    let name = match is_report(side) {
        true => format!(
            "The official report, {}, has",
            quoted(&side.report, NAME_MAX)
        ),
        false => {
            "No official report is imported. The conversations' own categories hold".to_owned()
        }
    };
    OfficialView {
        sentence: format!(
            "{name} {}{definition}; we count {}.{fit}{because}",
            side.official, side.ours,
        ),
        causes: causes.collect(),
        findings: findings
            .map(|finding| FindingView {
                kind: kind(finding.kind),
                sentence: sentence(&finding.sentence),
            })
            .collect(),
    }
}

/// What a finding is, as one word.
pub fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Hidden => "Hidden",
        FindingKind::Lumped => "Lumped",
        FindingKind::Misfiled => "Misfiled",
        FindingKind::Moved => "Moved",
        FindingKind::Unheard => "Unheard",
    }
}

fn signed(number: i64) -> String {
    match number {
        number if number < 0 => format!("\u{2212}{}", number.unsigned_abs()),
        number => format!("+{number}"),
    }
}

/// What belongs to no topic.
pub fn unassigned(digest: &Digest) -> String {
    let rest = &digest.unassigned;
    let verb = if rest.conversations == 1 {
        "belongs"
    } else {
        "belong"
    };
    let count = some(rest.conversations, "conversation");
    let mut sentence = format!("{count} ({}) {verb} to no topic", percent(rest.share));
    if let Some(previous) = rest.previous_share {
        sentence.push_str(&format!(
            "; {} in the {} before",
            percent(previous),
            digest.cadence.noun()
        ));
    }
    sentence + "."
}

/// What became of earlier suggestions: how many stand where, what was decided, and what followed.
pub fn follow_up(follow_up: &FollowUp) -> Vec<String> {
    let counts = [
        (follow_up.open, "open"),
        (follow_up.accepted, "accepted"),
        (follow_up.rejected, "rejected"),
        (follow_up.done, "done"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let mut lines = Vec::new();
    if !counts.is_empty() {
        lines.push(format!(
            "Suggestions of the last half year: {}.",
            counts.join(", ")
        ));
    }
    lines.extend(follow_up.watched.iter().map(watched_words));
    lines.extend(follow_up.decided.iter().map(decided_words));
    lines
}

fn decided_words(decided: &Decided) -> String {
    let mut words = format!(
        "{} was {} on {}",
        quoted(&decided.label, NAME_MAX),
        decided.state.as_str(),
        decided.on
    );
    if !decided.note.is_empty() {
        words.push_str(&format!(": {}", name(&decided.note, SENTENCE_MAX / 2)));
    }
    sentence(&words)
}

/// A topic before and after its suggestion was done.
pub fn watched_words(watched: &Watched) -> String {
    let times = match (watched.ratio, watched.high) {
        (Some(ratio), Some(high)) => format!(
            "{} times as many a day (95 %: {} to {})",
            decimal(ratio),
            decimal(watched.low),
            decimal(high)
        ),
        (Some(ratio), None) => format!("{} times as many a day", decimal(ratio)),
        (None, _) => "there was none before to compare with".to_owned(),
    };
    let verdict = if watched.high.is_some_and(|high| high < 1.0) {
        "surely fewer than before"
    } else if watched.low > 1.0 {
        "surely more than before"
    } else {
        "no sure change so far"
    };
    format!(
        "{}, done on {}: {} in the {} days before, {} in the {} days after; {times}: {verdict}.",
        quoted(&watched.label, NAME_MAX),
        watched.done_on,
        some(watched.before, "conversation"),
        watched.days_before,
        watched.after,
        watched.days_after,
    )
}

/// Numbers of an earlier digest that are others now.
pub fn revised(revision: &Revision, digest: &Digest) -> String {
    let late = i128::from(revision.arrived_late);
    let other = i128::from(revision.now) - i128::from(revision.was) - late;
    let mut why = Vec::new();
    if late > 0 {
        why.push(format!("{late} arrived late"));
    }
    if other != 0 {
        why.push(format!(
            "{other:+} because conversations were merged, deleted, or found to be spam or not"
        ));
    }
    let window = format!(
        "The {} {}",
        digest.cadence.noun(),
        plain(&revision.window, NAME_MAX)
    );
    let (now, was) = (revision.now, revision.was);
    let total = match why.is_empty() {
        true => format!("{window} still has {now}."),
        false if now == was => format!("{window} still has {now}: {}.", why.join(", ")),
        false => format!("{window} is now {now}, was {was}: {}.", why.join(", ")),
    };
    if revision.topics.is_empty() {
        return total;
    }
    let topics: Vec<String> = revision.topics.iter().map(revised_topic).collect();
    format!("{total} Of its topics {}.", topics.join(", "))
}

fn revised_topic(topic: &RevisedTopic) -> String {
    let label = quoted(&topic.label, NAME_MAX);
    format!("{label} is now {}, was {}", topic.now, topic.was)
}

/// The counts of the last windows.
pub fn course_words(course: &[(String, u64)], digest: &Digest) -> String {
    let course = last_windows(course);
    let counts: Vec<String> = course.iter().map(|(_, count)| count.to_string()).collect();
    format!("by {}: {}", digest.cadence.noun(), counts.join(" "))
}
