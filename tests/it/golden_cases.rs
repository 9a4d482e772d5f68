//! Digests of odd weeks, composed from conversations as the daemon composes them: first weeks, late data, hardly anything,
//! very much, words from right to left, a ticket that wants to do harm. Each is looked at as JSON and as text; the harmful
//! one in every format.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::changes::{changes, first_seen};
use groundswell::counting::count_windows;
use groundswell::digest::render::{Format, Rendered, render};
use groundswell::digest::{DigestConfig, Inputs, Outcome, Published, Told, compose, draft};
use groundswell::ingest::{IngestConfig, prepare};
use groundswell::model::{
    Author, Cadence, Conversation, ConversationKey, Digest, Fact, Kind, Message, State, Stored,
    Term, Text, Topic, TopicId, TopicStatus, Visibility,
};
use groundswell::topics::trend::TrendParams;

use crate::golden::{about, calendar, week};

const BASE: &str = "https://groundswell.example";

/// What is known when a week closes.
#[derive(Default)]
struct Case {
    facts: Vec<Fact>,
    stored: BTreeMap<ConversationKey, Stored>,
    topics: Vec<Topic>,
    published: Vec<Published>,
    incomplete: Vec<String>,
    /// What was cleaned before: the same words come often.
    prepared: BTreeMap<String, Stored>,
}

impl Case {
    fn topic(&mut self, id: &str, label: &str, terms: &[&str]) {
        let term = |word: &&str| Term {
            word: (*word).to_owned(),
            weight: 1.0,
        };
        self.topics.push(Topic {
            id: TopicId::from(id),
            label: label.to_owned(),
            terms: terms.iter().map(term).collect(),
            exemplars: Vec::new(),
            centre: Vec::new(),
            threshold: 0,
            theme_id: TopicId::from("theme"),
            theme: "all".to_owned(),
            stability: Some(0.9),
            status: TopicStatus::Live,
            discovered_at: week().start,
        });
    }

    /// A ticket of a customer of its own, cleaned and redacted as a pulled one is.
    fn open(&mut self, at: DateTime<Utc>, state: State, words: &str) -> &mut Fact {
        let number = self.facts.len() + 1;
        let key = ConversationKey::new("desk", number.to_string());
        let mut stored = match self.prepared.get(words) {
            Some(stored) => stored.clone(),
            None => prepare(ticket(&key, at, words), &IngestConfig::default()),
        };
        self.prepared.insert(words.to_owned(), stored.clone());
        stored.conversation.key = key.clone();
        self.stored.insert(key.clone(), stored);
        self.facts.push(Fact {
            tags: Vec::new(),
            earlier: Vec::new(),
            key,
            kind: Kind::Ticket,
            created_at: at,
            closed_at: None,
            stored_at: at + TimeDelta::minutes(5),
            category: None,
            customer: Some(format!("c{number}")),
            account: None,
            product: None,
            csat: None,
            reopens: 0,
            attributes: BTreeMap::new(),
            state,
        });
        self.facts.last_mut().unwrap()
    }

    /// So many tickets, an hour apart, in the week that began so many weeks earlier.
    fn week_of(&mut self, back: i64, count: usize, topic: &str, words: &str) {
        let start = week().start - TimeDelta::weeks(back) + TimeDelta::hours(8);
        for number in 0..count {
            let at = start + TimeDelta::minutes(number as i64 * 9_000 / count.max(150) as i64);
            let state = if topic.is_empty() {
                State::Unassigned
            } else {
                about(topic)
            };
            self.open(at, state, words);
        }
    }

    fn run(&self) -> Outcome {
        let (calendar, week) = (calendar(), week());
        let first = self.facts.iter().map(|fact| fact.created_at).min();
        let first = first.unwrap_or(week.start);
        let windows = count_windows(
            &self.facts,
            &calendar,
            Cadence::Weekly,
            first,
            week.end - TimeDelta::microseconds(1),
        );
        let seen = first_seen(&windows);
        let changes = changes(&windows, windows.len() - 1, &seen, &TrendParams::default());
        let draft = draft(&Inputs {
            window: &week,
            calendar: &calendar,
            facts: &self.facts,
            topics: &self.topics,
            muted: &BTreeSet::new(),
            changes: &changes,
            report: None,
            reading: &groundswell::reconcile::Reading::default(),
            published: &self.published,
            said: &[],
            decisions: &[],
            incomplete_sources: &self.incomplete,
            heard: &groundswell::answers::Heard::default(),
            config: &DigestConfig::default(),
            team: None,
        });
        compose(&draft, &self.stored)
    }

    fn digest(&self) -> Digest {
        match self.run() {
            Outcome::Digest(digest) => *digest,
            Outcome::Nothing(reason) => panic!("nothing: {reason}"),
        }
    }
}

fn ticket(key: &ConversationKey, at: DateTime<Utc>, words: &str) -> Conversation {
    let mut ticket = Conversation::new(key.clone(), at);
    ticket.messages = vec![Message {
        at: Some(at),
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::from(words),
    }];
    ticket
}

fn text(digest: &Digest, format: Format) -> String {
    match render(digest, format, BASE) {
        Rendered::Text(text) => text,
        Rendered::Json(value) => value.to_string(),
        Rendered::Mail { html, .. } => html,
    }
}

/// For whoever wants to see them: `GROUNDSWELL_LOOK=folder cargo test --test it golden` writes every rendering as a file.
pub fn show(name: &str, digest: &Digest) {
    let Ok(folder) = std::env::var("GROUNDSWELL_LOOK") else {
        return;
    };
    let write = |ending: &str, bytes: &[u8]| {
        std::fs::write(format!("{folder}/{name}{ending}"), bytes).unwrap();
    };
    let texts = [
        (Format::Text, ".txt"),
        (Format::Markdown, ".md"),
        (Format::Html, ".page.html"),
        (Format::Slack, ".slack.json"),
        (Format::Teams, ".teams.json"),
        (Format::Matrix, ".matrix.json"),
    ];
    for (format, ending) in texts {
        write(ending, text(digest, format).as_bytes());
    }
    if let Rendered::Mail {
        mut html, pictures, ..
    } = render(digest, Format::Mail, BASE)
    {
        for picture in pictures {
            let file = format!("{name}.{}.png", picture.id);
            html = html.replace(&format!("cid:{}", picture.id), &file);
            std::fs::write(format!("{folder}/{file}"), &picture.png).unwrap();
        }
        write(".mail.html", html.as_bytes());
    }
}

/// The content, and how a person reads it; or why nothing is sent.
fn look(name: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Nothing(reason) => insta::assert_snapshot!(format!("{name}_nothing"), reason),
        Outcome::Digest(digest) => {
            show(name, digest);
            insta::assert_json_snapshot!(format!("{name}_digest"), digest);
            insta::assert_snapshot!(format!("{name}_text"), text(digest, Format::Text));
        }
    }
}

/// Nine weeks in which nothing happens but the usual.
fn usual() -> Case {
    let mut case = Case::default();
    case.topic("bill", "invoice, copy", &["invoice", "copy"]);
    for back in 0..9 {
        case.week_of(
            back,
            4,
            "bill",
            "May I have a copy of invoice for my tax return.",
        );
        case.week_of(
            back,
            30,
            "",
            "One more question that nobody else has ever asked here.",
        );
    }
    case
}

#[test]
fn a_quiet_week_sends_nothing_and_says_why() {
    let outcome = usual().run();
    assert!(matches!(outcome, Outcome::Nothing(_)), "{outcome:?}");
    look("quiet", &outcome);
}

fn leak(case: &mut Case, back: i64, count: usize) {
    let words =
        "We were promised a new valve, and water still leaks from the old one below the tank.";
    case.week_of(back, count, "leak", words);
}

#[test]
fn the_first_week_has_nothing_to_compare_with() {
    let mut case = Case::default();
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    leak(&mut case, 0, 6);
    case.week_of(0, 3, "", "Something else that happened to nobody but me.");
    look("first_week", &case.run());
}

#[test]
fn late_data_is_named_as_a_revision() {
    let mut case = usual();
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    leak(&mut case, 0, 12);
    leak(&mut case, 1, 5);
    // Published on Monday morning with 37; these two came from a technician's laptop on Wednesday.
    let told_at = week().start + TimeDelta::hours(7);
    let late = case.facts.len() - 2;
    for fact in &mut case.facts[late..] {
        fact.stored_at = week().start + TimeDelta::days(2);
    }
    case.published = vec![Published {
        window: "2026-W12".to_owned(),
        conversations: 37,
        told_at,
        topics: vec![Told {
            topic_id: TopicId::from("leak"),
            label: "leaking valve".to_owned(),
            conversations: 3,
        }],
    }];
    look("late_data", &case.run());
}

#[test]
fn a_failed_source_is_named() {
    let mut case = usual();
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    leak(&mut case, 0, 12);
    case.incomplete = vec!["phone".to_owned()];
    look("failed_source", &case.run());
}

#[test]
fn three_conversations_prove_nothing_alone_and_something_week_after_week() {
    let mut case = Case::default();
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    leak(&mut case, 0, 3);
    look("three", &case.run());
    for back in 1..9 {
        leak(&mut case, back, 3);
        case.week_of(
            back,
            1,
            "",
            "Something else that happened to nobody but me.",
        );
    }
    look("three_a_week", &case.run());
}

#[test]
fn thirty_thousand_conversations_are_counted_and_a_few_are_told() {
    let mut case = Case::default();
    for topic in 0..40 {
        case.topic(
            &format!("t{topic:02}"),
            &format!("fault {topic}, part"),
            &["fault", "part"],
        );
    }
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    for back in 0..6 {
        for topic in 0..40 {
            let words = "The fault of part came back after the visit.";
            case.week_of(back, 120, &format!("t{topic:02}"), words);
        }
        case.week_of(
            back,
            100,
            "",
            "One more question that nobody else has asked.",
        );
    }
    leak(&mut case, 0, 600);
    assert_eq!(case.facts.len(), 30_000);
    let digest = case.digest();
    assert_eq!(digest.totals.pulled, 5_500);
    look("thirty_thousand", &Outcome::Digest(Box::new(digest)));
}

#[test]
fn words_from_right_to_left_and_emoji_are_read_as_they_are_written() {
    let mut case = usual();
    case.topic("water", "דליפת מים, דוד 💧", &["דליפת", "מים"]);
    case.topic("cold", "التدفئة لا تعمل 🥶", &["التدفئة"]);
    case.week_of(
        0,
        12,
        "water",
        "יש דליפת מים מתחת לדוד מאז ההתקנה. אפשר לבוא היום? 💧🙏🏽",
    );
    case.week_of(
        0,
        11,
        "cold",
        "التدفئة لا تعمل منذ أسبوع في الشقة ولا أحد يرد على الهاتف 🥶👩‍👩‍👧",
    );
    case.week_of(0, 1, "", "Error 42 בדוד (E17) and then abc");
    let digest = case.digest();
    look("right_to_left", &Outcome::Digest(Box::new(digest.clone())));
    for format in [
        Format::Html,
        Format::Mail,
        Format::Matrix,
        Format::Slack,
        Format::Teams,
    ] {
        assert!(text(&digest, format).contains("👩‍👩‍👧"), "{format:?}");
    }
}

/// Everything that some target would read as a sign.
const HARM: &str = "Pump dead <script>alert(1)</script><img src=x onerror=alert(2)> & <b>now</b> <!channel> <@U123> <https://evil.example|click> \
    *bold* _it_ ~no~ `code` [link](https://evil.example) ![x](https://evil.example/x.png) {{DATE(2026-03-24T06:00:00Z, SHORT)}} @room";

/// As `HARM` lies in the store after cleaning: what is quoted.
fn hostile() -> Case {
    let mut case = usual();
    case.topic(
        "harm",
        "=cmd|' /C calc'!A0 <b>pump</b> <!here>",
        &["<script>", "*pump*"],
    );
    for number in 0..12 {
        let at = week().start + TimeDelta::hours(9 + number);
        let fact = case.open(at, about("harm"), HARM);
        fact.category =
            Some("=HYPERLINK(\"https://evil.example\") <i>Other</i> <!everyone>".to_owned());
    }
    let line = "=1+1 \u{202E}drow\u{202C} ".repeat(1 << 16);
    assert!(line.len() >= 1 << 20);
    case.open(week().start + TimeDelta::hours(20), about("harm"), &line);
    case.open(week().start + TimeDelta::hours(30), State::Unassigned, HARM);
    case
}

/// The digest of it, which quotes the harm.
fn hostile_digest() -> Digest {
    let case = hostile();
    let longest = case
        .stored
        .values()
        .map(|one| one.text.as_str().len())
        .max();
    assert!(
        longest.unwrap() < 40_000,
        "a megabyte is cut when it is stored"
    );
    let digest = case.digest();
    let quotes = &digest.items[0].quotes;
    assert!(
        quotes.iter().any(|quote| quote.text.contains("<!channel>")),
        "{quotes:?}"
    );
    digest
}

#[test]
fn a_hostile_ticket_is_only_text_where_html_is_read() {
    let digest = hostile_digest();
    look("hostile", &Outcome::Digest(Box::new(digest.clone())));
    let harm = [
        "<script",
        "<img src=x",
        "<b>now",
        "<b>pump",
        "<i>",
        "<!channel",
        "<!here",
        "<@U123",
    ];
    for format in [Format::Html, Format::Mail, Format::Matrix] {
        let shown = match render(&digest, format, BASE) {
            Rendered::Json(content) => content["formatted_body"].as_str().unwrap().to_owned(),
            _ => text(&digest, format),
        };
        for tag in harm {
            assert!(!shown.contains(tag), "{tag} in {format:?}");
        }
        assert!(
            shown.contains("&lt;!channel&gt;"),
            "{format:?} shows it as it is"
        );
    }
}

#[test]
fn a_hostile_ticket_is_only_text_where_signs_are_read() {
    let digest = hostile_digest();
    let markdown = text(&digest, Format::Markdown);
    for sign in [
        "<script",
        "<b>",
        "<!channel",
        "*bold",
        "`code",
        "[link]",
        "![x",
        "://evil",
    ] {
        let escaped = markdown.matches(&format!("\\{sign}")).count();
        assert_eq!(
            markdown.matches(sign).count(),
            escaped,
            "{sign} in {markdown}"
        );
    }
    let Rendered::Json(slack) = render(&digest, Format::Slack, BASE) else {
        panic!("Slack takes JSON");
    };
    let notification = slack["text"].as_str().unwrap();
    assert!(!notification.contains(['<', '>']), "{notification}");
    assert!(!slack["blocks"].to_string().contains("mrkdwn"));
    let teams = text(&digest, Format::Teams);
    assert!(!teams.contains("{{") && !teams.contains("\"TextBlock\""));
    let json: serde_json::Value = serde_json::from_str(&text(&digest, Format::Json)).unwrap();
    let whole = serde_json::to_value(&digest).unwrap();
    assert_eq!(json["digest"], whole, "a program gets every byte");
}

#[test]
fn a_hostile_ticket_turns_no_line_and_begins_no_formula() {
    let digest = hostile_digest();
    for format in [
        Format::Text,
        Format::Markdown,
        Format::Html,
        Format::Mail,
        Format::Slack,
        Format::Teams,
        Format::Matrix,
    ] {
        let shown = text(&digest, format);
        assert!(shown.len() < 110_000, "{format:?}: {} bytes", shown.len());
        let turned = ['\u{202E}', '\u{202C}', '\r', '\u{0}'];
        assert!(!shown.contains(turned), "{format:?}");
        let is_formula = |line: &str| line.starts_with(['=', '+']);
        assert!(!shown.lines().any(is_formula), "{format:?}");
    }
    let Rendered::Mail { subject, .. } = render(&digest, Format::Mail, BASE) else {
        panic!("a mail is a mail");
    };
    assert!(
        subject.chars().count() <= 78 && !subject.contains('\n'),
        "{subject}"
    );
}
