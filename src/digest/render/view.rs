//! What every rendering says, as plain sentences: the digest's numbers in words, foreign words made harmless, links made.
//! Renderers only lay this out and escape it, so the content is the same everywhere. Where a target has a limit, a smaller
//! view drops whole quotes and items and says so.

use serde::Serialize;

use crate::model::{
    CategoryShare, Change, Digest, FindingKind, Item, OfficialSide, Quote, Revision, TrendState,
};
use crate::reconcile::causes;

use super::links::Links;
use super::words::{decimal, percent, plain, some, window};

const LABEL_MAX: usize = 120;
const SENTENCE_MAX: usize = 600;
const QUOTE_MAX: usize = 300;
const NAME_MAX: usize = 80;
const KEY_MAX: usize = 80;
const COURSE_MAX: usize = 24;
/// Categories of an item that are named; the others are added up.
const CATEGORIES_MAX: usize = 3;
/// Lines of a list at the foot: notes, revisions, causes.
const LIST_MAX: usize = 12;

/// A digest in words.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub title: String,
    pub summary: Vec<String>,
    pub items: Vec<ItemView>,
    pub official: Option<OfficialView>,
    pub unassigned: Option<String>,
    pub sample: Vec<QuoteView>,
    pub revisions: Vec<String>,
    pub notes: Vec<String>,
    pub rules: Vec<String>,
    /// What was dropped for the target's limit.
    pub left_out: Option<String>,
    pub page: Option<String>,
    pub id: String,
}

/// An item in words.
#[derive(Clone, Debug, Serialize)]
pub struct ItemView {
    pub number: usize,
    pub label: String,
    pub terms: String,
    pub state: &'static str,
    pub numbers: String,
    pub change: String,
    pub filed: String,
    pub findings: Vec<FindingView>,
    pub quotes: Vec<QuoteView>,
    pub kind: &'static str,
    pub owner: String,
    pub suggestion: String,
    pub next_step: String,
    pub disproof: String,
    pub stability: Option<String>,
    pub course: Vec<Bar>,
    pub course_words: String,
    pub tickets: Option<String>,
}

/// A finding in words.
#[derive(Clone, Debug, Serialize)]
pub struct FindingView {
    pub kind: &'static str,
    pub sentence: String,
}

/// A quote with where it is from.
#[derive(Clone, Debug, Serialize)]
pub struct QuoteView {
    pub text: String,
    pub key: String,
    pub url: Option<String>,
}

/// The official side in words.
#[derive(Clone, Debug, Serialize)]
pub struct OfficialView {
    pub sentence: String,
    pub causes: Vec<(String, String)>,
}

/// One window of a course.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    pub window: String,
    pub count: u64,
    /// 0 to 100, of the highest; at least 1 where there is any.
    pub height: u64,
}

/// How much of a digest is shown.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub items: usize,
    pub quotes: usize,
    pub has_foot: bool,
}

impl Size {
    /// Title, totals and a link: fits everywhere.
    pub const LEAST: Size = Size {
        items: 0,
        quotes: 0,
        has_foot: false,
    };

    /// From everything to next to nothing.
    pub fn steps(digest: &Digest) -> Vec<Size> {
        let items = digest.items.len();
        let with = |items, quotes, has_foot| Size {
            items,
            quotes,
            has_foot,
        };
        let mut steps = vec![
            with(items, usize::MAX, true),
            with(items, 2, true),
            with(items, 1, true),
            with(items, 0, true),
        ];
        // Few items with a quote say more than many without.
        steps.extend((1..items.min(20)).rev().map(|items| with(items, 1, true)));
        steps.push(with(items.min(1), 0, true));
        steps.push(with(items.min(1), 0, false));
        steps
    }
}

impl View {
    /// Everything.
    pub fn whole(digest: &Digest, base_url: &str) -> Self {
        Self::of(digest, base_url, Size::steps(digest)[0])
    }

    /// As much as `size` allows.
    pub fn of(digest: &Digest, base_url: &str, size: Size) -> Self {
        let links = Links::new(base_url);
        let list = |lines: &[String]| -> Vec<String> {
            let shown = if size.has_foot { LIST_MAX } else { 0 };
            lines
                .iter()
                .take(shown)
                .map(|line| plain(line, SENTENCE_MAX))
                .collect()
        };
        let revisions = digest
            .revisions
            .iter()
            .map(|revision| revised(revision, digest));
        let shown = digest.items.iter().take(size.items).enumerate();
        let items: Vec<ItemView> = shown
            .map(|(place, item)| item_view(place + 1, item, digest, &links, size))
            .collect();
        let sample = digest.unassigned.sample.iter().take(size.quotes.min(3));
        Self {
            title: window(digest),
            summary: summary(digest),
            left_out: left_out(digest, &items),
            items,
            official: digest
                .official
                .as_ref()
                .filter(|_| size.has_foot)
                .map(official),
            unassigned: (digest.unassigned.conversations > 0 && size.has_foot)
                .then(|| unassigned(digest)),
            sample: sample
                .filter(|_| size.has_foot)
                .map(|quote| quote_view(quote, &links))
                .collect(),
            revisions: list(&revisions.collect::<Vec<_>>()),
            notes: list(&digest.notes),
            rules: list(&digest.rules),
            page: links.digest(digest),
            id: plain(digest.id.as_str(), KEY_MAX),
        }
    }
}

fn summary(digest: &Digest) -> Vec<String> {
    let totals = &digest.totals;
    let noun = digest.cadence.noun();
    let counted = totals.assigned.saturating_add(totals.unassigned);
    let mut first = some(counted, "conversation");
    if totals.customers > 0 {
        first.push_str(&format!(" of {}", some(totals.customers, "customer")));
    }
    if let Some(previous) = totals.previous {
        first.push_str(&format!("; {previous} in the {noun} before"));
    }
    let mut lines = vec![first + "."];
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

fn item_view(number: usize, item: &Item, digest: &Digest, links: &Links, size: Size) -> ItemView {
    let mut numbers = some(item.conversations, "conversation");
    if item.customers > 0 {
        numbers.push_str(&format!(", {}", some(item.customers, "customer")));
    }
    let terms: Vec<String> = item
        .terms
        .iter()
        .take(8)
        .map(|term| plain(term, 40))
        .collect();
    let findings = item.findings.iter().take(4).map(|finding| FindingView {
        kind: match finding.kind {
            FindingKind::Hidden => "Hidden",
            FindingKind::Lumped => "Lumped",
        },
        sentence: sentence(&finding.sentence),
    });
    let suggestion = &item.suggestion;
    ItemView {
        number,
        label: plain(&item.label, LABEL_MAX),
        terms: terms.join(", "),
        state: item.change.state.as_str(),
        numbers,
        change: change(&item.change, digest),
        filed: filed(&item.categories),
        findings: findings.collect(),
        quotes: item
            .quotes
            .iter()
            .take(size.quotes.min(3))
            .map(|quote| quote_view(quote, links))
            .collect(),
        kind: suggestion.kind.as_str(),
        owner: plain(&suggestion.owner, NAME_MAX),
        suggestion: sentence(&suggestion.sentence),
        next_step: sentence(&suggestion.next_step),
        disproof: sentence(&suggestion.disproof),
        stability: item.stability.map(|share| {
            format!(
                "{} of it comes back when a tenth of all conversations is left out",
                percent(share)
            )
        }),
        course: bars(&item.course),
        course_words: course_words(&item.course, digest),
        tickets: links.topic(&item.topic_id, digest),
    }
}

/// One sentence, with a capital letter and a full stop.
fn sentence(text: &str) -> String {
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

fn quote_view(quote: &Quote, links: &Links) -> QuoteView {
    QuoteView {
        text: plain(&quote.text, QUOTE_MAX),
        key: plain(&quote.key.to_string(), KEY_MAX),
        url: links.quote(quote),
    }
}

fn change(change: &Change, digest: &Digest) -> String {
    let noun = digest.cadence.noun();
    let before = match change.windows {
        0 => return format!("no {noun} before to compare with"),
        1 => format!("the {noun} before"),
        windows => format!("the {windows} {noun}s before"),
    };
    let usual = format!(
        "{} had {} a {noun}, so {} to {} would be usual",
        before,
        decimal(change.baseline),
        decimal(change.low.max(0.0).floor()),
        decimal(change.high.max(0.0).ceil()),
    );
    match change.state {
        TrendState::New => format!("new: none in {before}"),
        TrendState::Back => format!("back: none in {before}, but earlier"),
        TrendState::Gone => format!("gone: {usual}"),
        TrendState::Rising => format!("rising: {usual}"),
        TrendState::Falling => format!("falling: {usual}"),
        TrendState::Steady => format!("steady: {usual}"),
    }
}

/// What the official report says of the same conversations.
fn filed(categories: &[CategoryShare]) -> String {
    let mut parts: Vec<String> = categories
        .iter()
        .take(CATEGORIES_MAX)
        .map(|share| {
            let place = match &share.category {
                Some(name) => format!("under \u{201c}{}\u{201d}", plain(name, NAME_MAX)),
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

fn official(side: &OfficialSide) -> OfficialView {
    let difference = i128::from(side.official) - i128::from(side.ours);
    let because = if difference == 0 && side.causes.is_empty() {
        ""
    } else {
        " The difference is:"
    };
    OfficialView {
        sentence: format!(
            "The official side, \u{201c}{}\u{201d}, has {} ({}); we count {}.{because}",
            plain(&side.report, NAME_MAX),
            side.official,
            plain(&side.definition, SENTENCE_MAX),
            side.ours,
        ),
        causes: side
            .causes
            .iter()
            .take(LIST_MAX)
            .map(|cause| {
                (
                    signed(cause.conversations),
                    plain(causes::phrase(&cause.cause), NAME_MAX),
                )
            })
            .collect(),
    }
}

fn signed(number: i64) -> String {
    match number {
        number if number < 0 => format!("\u{2212}{}", number.unsigned_abs()),
        number => format!("+{number}"),
    }
}

fn unassigned(digest: &Digest) -> String {
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

fn revised(revision: &Revision, digest: &Digest) -> String {
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
    format!(
        "The {} {} is now {}, was {}: {}.",
        digest.cadence.noun(),
        plain(&revision.window, NAME_MAX),
        revision.now,
        revision.was,
        why.join(", "),
    )
}

fn last_windows(course: &[(String, u64)]) -> &[(String, u64)] {
    &course[course.len().saturating_sub(COURSE_MAX)..]
}

fn bars(course: &[(String, u64)]) -> Vec<Bar> {
    let course = last_windows(course);
    let most = course
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(0)
        .max(1);
    let bar = |(window, count): &(String, u64)| {
        let part = (u128::from(*count) * 100).div_ceil(u128::from(most));
        Bar {
            window: plain(window, NAME_MAX),
            count: *count,
            height: u64::try_from(part).unwrap_or(100),
        }
    };
    course.iter().map(bar).collect()
}

fn course_words(course: &[(String, u64)], digest: &Digest) -> String {
    let course = last_windows(course);
    let counts: Vec<String> = course.iter().map(|(_, count)| count.to_string()).collect();
    format!("by {}: {}", digest.cadence.noun(), counts.join(" "))
}

fn left_out(digest: &Digest, shown: &[ItemView]) -> Option<String> {
    let items = digest.items.len() - shown.len();
    let all_quotes: usize = digest
        .items
        .iter()
        .take(shown.len())
        .map(|item| item.quotes.len().min(3))
        .sum();
    let quotes = all_quotes - shown.iter().map(|item| item.quotes.len()).sum::<usize>();
    let parts: Vec<String> = [(items, "more item"), (quotes, "more quote")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| some(count as u64, noun))
        .collect();
    (!parts.is_empty()).then(|| format!("{} on the page.", parts.join(" and ")))
}
