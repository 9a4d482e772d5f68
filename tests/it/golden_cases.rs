//! Digests of odd weeks, composed from conversations as the daemon composes them: first weeks, late data, hardly anything,
//! very much, words from right to left, a ticket that wants to do harm. Each is looked at as JSON and as text; the harmful
//! one in every format.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::answers::heard::Reason;
use groundswell::answers::{Heard, TopicHeard};
use groundswell::changes::{changes, first_seen};
use groundswell::counting::count_windows;
use groundswell::digest::render::{Format, Rendered, render};
use groundswell::digest::{
    DigestConfig, Inputs, Only, Outcome, Published, Team, Told, compose, draft,
};
use groundswell::ingest::{IngestConfig, prepare};
use groundswell::model::{
    AskedTopic, Author, Cadence, Conversation, ConversationKey, Decision, Digest, Fact, Kind,
    Message, OfficialReport, ReportBasis, ReportRow, Said, State, Stored, SuggestionId,
    SuggestionKind, SuggestionState, Term, Text, Topic, TopicId, TopicStatus, TrendState,
    Visibility,
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
    report: Option<OfficialReport>,
    said: Vec<Said>,
    decisions: Vec<Decision>,
    heard: Heard,
    team: Option<Team>,
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
        let own = match &self.team {
            Some(team) => team.only.part(&self.facts),
            None => self.facts.clone(),
        };
        let first = self.facts.iter().map(|fact| fact.created_at).min();
        let first = first.unwrap_or(week.start);
        let windows = count_windows(
            &own,
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
            report: self.report.as_ref(),
            reading: &groundswell::reconcile::Reading::default(),
            published: &self.published,
            said: &self.said,
            decisions: &self.decisions,
            incomplete_sources: &self.incomplete,
            heard: &self.heard,
            config: &DigestConfig::default(),
            team: self.team.as_ref(),
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

/// The suggestion of a topic in an earlier week, and what somebody decided of it.
fn decided(case: &mut Case, topic: &str, label: &str, weeks_ago: i64, state: SuggestionState) {
    let end = week().end - TimeDelta::weeks(weeks_ago);
    let suggestion = SuggestionId(format!("{topic}.rising.2026-W{:02}", 13 - weeks_ago));
    case.said.push(Said {
        suggestion: suggestion.clone(),
        topic: TopicId::from(topic),
        label: label.to_owned(),
        rule: "rising".to_owned(),
        kind: SuggestionKind::Product,
        owner: "product team".to_owned(),
        sentence: "It rises.".to_owned(),
        cadence: Cadence::Weekly,
        window: format!("2026-W{:02}", 13 - weeks_ago),
        end,
        trend: TrendState::Rising,
        findings: Vec::new(),
        conversations: 9,
    });
    case.decisions.push(Decision {
        number: case.decisions.len() as i64 + 1,
        at: end + TimeDelta::hours(30),
        by: "Ada".to_owned(),
        suggestion,
        state,
        note: "The valve of series B is out of stock.".to_owned(),
    });
}

/// What the team's readers said: of the leak, and what they asked for.
fn said_by_the_team() -> Heard {
    let leak = TopicHeard {
        confirmed: 3,
        disputed: 1,
        newly_confirmed: 2,
        newly_disputed: 1,
        reasons: vec![Reason("only with valves of series B".to_owned())],
        pins: Vec::new(),
    };
    Heard {
        through: 7,
        topics: [(TopicId::from("leak"), leak)].into(),
        asked: vec![AskedTopic {
            number: 5,
            name: "smell of gas".to_owned(),
            query: "smell OR odour".to_owned(),
            conversations: 4,
            customers: 4,
            course: [("2026-W11", 2), ("2026-W12", 3), ("2026-W13", 4)]
                .map(|(window, count)| (window.to_owned(), count))
                .to_vec(),
            is_new: true,
        }],
        withdrawn: 1,
    }
}

/// A team whose region has three of four leaks, with everything that a digest can tell.
fn of_the_south() -> Case {
    let mut case = usual();
    case.topic("leak", "leaking valve", &["leaks", "valve"]);
    case.topic("cold", "cold radiators", &["cold", "radiators"]);
    leak(&mut case, 0, 16);
    for back in 0..9 {
        let words = "All radiators are cold since the update to 4.2.0, nobody calls back.";
        case.week_of(back, if back < 2 { 6 } else { 14 }, "cold", words);
    }
    // Three of four leaks are in the south, and every second conversation else.
    for (place, fact) in case.facts.iter_mut().enumerate() {
        let is_leak = fact.state == about("leak");
        let is_south = if is_leak {
            place % 4 > 0
        } else {
            place % 2 > 0
        };
        let region = if is_south { "South" } else { "North" };
        fact.attributes
            .insert("region".to_owned(), region.to_owned());
        fact.category = Some(if is_leak { "Other" } else { "Heating" }.to_owned());
    }
    let row = |category: &str, count| ReportRow {
        window: week().key,
        category: Some(category.to_owned()),
        count,
    };
    case.report = Some(OfficialReport {
        name: "service-week.csv".to_owned(),
        cadence: Cadence::Weekly,
        basis: ReportBasis::Opened,
        metric: String::new(),
        zone: None,
        rows: vec![row("Heating", 40), row("Other", 18)],
    });
    case.published = vec![Published {
        window: "2026-W12".to_owned(),
        conversations: 19,
        told_at: week().start + TimeDelta::hours(7),
        topics: Vec::new(),
    }];
    decided(
        &mut case,
        "cold",
        "cold radiators",
        2,
        SuggestionState::Done,
    );
    decided(
        &mut case,
        "bill",
        "invoice, copy",
        1,
        SuggestionState::Rejected,
    );
    case.heard = said_by_the_team();
    case.team = Some(Team {
        name: "south".to_owned(),
        only: Only {
            attributes: [("region".to_owned(), ["south".to_owned()].into())].into(),
            ..Only::default()
        },
    });
    case
}

#[test]
fn a_team_reads_its_numbers_beside_the_companys() {
    let digest = of_the_south().digest();
    let side = digest.team.as_ref().unwrap();
    let counted = digest.totals.assigned + digest.totals.unassigned;
    assert!(counted < side.conversations, "{counted} of {side:?}");
    let item = &digest.items[0];
    assert!(item.conversations < item.company.unwrap());
    assert_eq!(digest.follow_up.watched.len(), 1, "{:?}", digest.follow_up);
    look("team", &Outcome::Digest(Box::new(digest.clone())));
    insta::assert_snapshot!("team_mail", text(&digest, Format::Mail));
    insta::assert_snapshot!("team_slack", text(&digest, Format::Slack));
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
