//! What every rendering says, as plain sentences: the digest's numbers in words, foreign words made harmless, links made.
//! Renderers only lay this out and escape it, so the content is the same everywhere. Where a target has a limit, a smaller
//! view drops whole quotes and items and says so.

use serde::Serialize;

use crate::model::{Digest, Item, Quote};

use super::answered::{self, AnswerLink, Ways};
use super::links::Links;
use super::sentences::{
    change, course_words, filed, follow_up, kind, official, revised, sentence, summary, unassigned,
};
pub use super::size::{Detail, Size};
use super::words::{isolated, percent, plain, some, window};

const LABEL_MAX: usize = 120;
/// Sentences for a suggestion, and against it.
const REASONS_MAX: usize = 3;
/// Letters of a sentence.
pub const SENTENCE_MAX: usize = 600;
const QUOTE_MAX: usize = 300;
/// Letters of a name in a sentence.
pub const NAME_MAX: usize = 80;
const KEY_MAX: usize = 80;
const COURSE_MAX: usize = 24;
/// Lines of a list at the foot: notes, revisions, causes.
pub const LIST_MAX: usize = 12;

/// A digest in words.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub title: String,
    pub summary: Vec<String>,
    pub items: Vec<ItemView>,
    pub official: Option<OfficialView>,
    pub unassigned: Option<String>,
    pub sample: Vec<QuoteView>,
    pub answered: Vec<String>,
    pub follow_up: Vec<String>,
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
    /// What else speaks for the suggestion, and what against it.
    pub reasons: Vec<FindingView>,
    pub next_step: String,
    pub disproof: String,
    pub stability: Option<String>,
    pub course: Vec<Bar>,
    pub course_words: String,
    pub tickets: Option<String>,
    pub answers: Vec<AnswerLink>,
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

impl QuoteView {
    /// The words in quotation marks, for targets without a way to say how a line is written.
    pub fn quoted(&self) -> String {
        isolated(&format!("\u{201c}{}\u{201d}", self.text))
    }
}

/// The official side in words.
#[derive(Clone, Debug, Serialize)]
pub struct OfficialView {
    pub sentence: String,
    pub causes: Vec<(String, String)>,
    /// What else stands out between the report's lines and our topics.
    pub findings: Vec<FindingView>,
}

/// One window of a course.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    pub window: String,
    pub count: u64,
    /// 0 to 100, of the highest; at least 1 where there is any.
    pub height: u64,
}

impl View {
    /// Everything.
    pub fn whole(digest: &Digest, ways: Ways<'_>) -> Self {
        Self::of(digest, ways, Size::steps(digest)[0])
    }

    /// As much as `size` allows.
    pub fn of(digest: &Digest, ways: Ways<'_>, size: Size) -> Self {
        let links = Links::new(ways.base_url);
        let list = |lines: &[String]| shortened(lines, size.detail.lines());
        let revisions = digest
            .revisions
            .iter()
            .map(|revision| revised(revision, digest));
        let shown = digest.items.iter().take(size.items).enumerate();
        let items: Vec<ItemView> = shown
            .map(|(place, item)| {
                let answers = ways
                    .answers
                    .get(&item.topic_id)
                    .cloned()
                    .unwrap_or_default();
                ItemView {
                    answers,
                    ..item_view(place + 1, item, digest, &links, size)
                }
            })
            .collect();
        let is_whole = size.detail == Detail::Whole;
        let sample = digest.unassigned.sample.iter().take(size.quotes.min(3));
        Self {
            title: title(digest),
            summary: summary(digest),
            left_out: left_out(digest, &items, size, links.digest(digest).is_some()),
            items,
            official: digest
                .official
                .as_ref()
                .filter(|_| size.detail >= Detail::Brief)
                .map(|side| official(side, is_whole)),
            unassigned: (digest.unassigned.conversations > 0 && size.detail >= Detail::Core)
                .then(|| unassigned(digest)),
            sample: sample
                .filter(|_| is_whole)
                .map(|quote| quote_view(quote, &links))
                .collect(),
            answered: answered::answered(digest, size.detail.lines()),
            follow_up: list(&follow_up(&digest.follow_up)),
            revisions: list(&revisions.collect::<Vec<_>>()),
            notes: shortened(&digest.notes, size.detail.notes()),
            rules: match size.detail {
                Detail::None | Detail::Core => Vec::new(),
                Detail::Brief | Detail::Whole => shortened(&digest.rules, LIST_MAX),
            },
            page: links.digest(digest),
            id: plain(digest.id.as_str(), KEY_MAX),
        }
    }
}

fn title(digest: &Digest) -> String {
    match &digest.team {
        Some(team) => format!("{}, {}", window(digest), plain(&team.name, NAME_MAX)),
        None => window(digest),
    }
}

fn item_view(number: usize, item: &Item, digest: &Digest, links: &Links, size: Size) -> ItemView {
    let mut numbers = match item.company {
        Some(company) if company == item.conversations => {
            format!("all {} of the company", some(company, "conversation"))
        }
        Some(company) => format!(
            "{} of the company's {}",
            item.conversations,
            some(company, "conversation")
        ),
        None => some(item.conversations, "conversation"),
    };
    if item.customers > 0 {
        numbers.push_str(&format!(", {}", some(item.customers, "customer")));
    }
    let terms: Vec<String> = item
        .terms
        .iter()
        .take(8)
        .map(|term| plain(term, 40))
        .collect();
    let findings = item
        .findings
        .iter()
        .take(size.detail.findings())
        .map(|finding| FindingView {
            kind: kind(finding.kind),
            sentence: sentence(&finding.sentence),
        });
    let readers = item.heard.as_ref().map(|heard| FindingView {
        kind: "Readers",
        sentence: format!("{}.", answered::heard(heard)),
    });
    let suggestion = &item.suggestion;
    ItemView {
        number,
        label: label(item),
        terms: terms.join(", "),
        state: item.change.state.as_str(),
        numbers,
        change: change(&item.change, item.conversations, digest),
        // Where nothing has a category, there is no official side to speak of.
        filed: if digest.official.is_some() {
            filed(&item.categories)
        } else {
            String::new()
        },
        findings: findings.chain(readers).collect(),
        quotes: item
            .quotes
            .iter()
            .take(size.quotes.min(3))
            .map(|quote| quote_view(quote, links))
            .collect(),
        kind: suggestion.kind.as_str(),
        owner: plain(&suggestion.owner, NAME_MAX),
        suggestion: sentence(&suggestion.sentence),
        reasons: reasons(item),
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
        answers: Vec::new(),
    }
}

fn label(item: &Item) -> String {
    let label = plain(&item.label, LABEL_MAX);
    if label.trim().is_empty() {
        return "(no label)".to_owned();
    }
    label
}

/// What was said before of a suggestion, what else speaks for it, and what against it, each as one line.
fn reasons(item: &Item) -> Vec<FindingView> {
    let suggestion = &item.suggestion;
    let line = |kind, sentences: &[String]| {
        let sentences = sentences.iter().take(REASONS_MAX).map(|one| sentence(one));
        let sentences: Vec<String> = sentences.collect();
        (!sentences.is_empty()).then(|| FindingView {
            kind,
            sentence: sentences.join(" "),
        })
    };
    let earlier = line("Before", &item.earlier);
    let evidence = line("For it", &suggestion.evidence);
    let contrary = line("Against it", &suggestion.contrary);
    let lines = [earlier, evidence, contrary];
    lines.into_iter().flatten().collect()
}

fn quote_view(quote: &Quote, links: &Links) -> QuoteView {
    QuoteView {
        text: plain(&quote.text, QUOTE_MAX),
        key: plain(&quote.key.to_string(), KEY_MAX),
        url: links.quote(quote),
    }
}

/// The windows of a course that are shown.
pub fn last_windows(course: &[(String, u64)]) -> &[(String, u64)] {
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

/// The first entries of a list, and how many more there are.
fn shortened(lines: &[String], most: usize) -> Vec<String> {
    let mut shown: Vec<String> = lines
        .iter()
        .take(most)
        .map(|line| plain(line, SENTENCE_MAX))
        .collect();
    if most > 0 && lines.len() > most {
        shown.push(format!("And {} more.", lines.len() - most));
    }
    shown
}

/// What was dropped for the target's limit, and where the whole is.
fn left_out(digest: &Digest, shown: &[ItemView], size: Size, has_page: bool) -> Option<String> {
    let items = digest.items.len() - shown.len();
    let all_quotes: usize = digest
        .items
        .iter()
        .take(shown.len())
        .map(|item| item.quotes.len().min(3))
        .sum();
    let quotes = all_quotes - shown.iter().map(|item| item.quotes.len()).sum::<usize>();
    let mut parts: Vec<String> = [(items, "more item"), (quotes, "more quote")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| some(count as u64, noun))
        .collect();
    match size.detail {
        Detail::Whole => {}
        Detail::Brief => parts.push("details".to_owned()),
        Detail::Core | Detail::None => parts.push("what stands at the foot".to_owned()),
    }
    let place = if has_page {
        "on the page"
    } else {
        "in \u{201c}groundswell digest show\u{201d}"
    };
    (!parts.is_empty()).then(|| format!("Shortened: {} {place}.", parts.join(" and ")))
}
