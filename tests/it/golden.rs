//! A whole digest from invented conversations, in every rendering, as a reader sees it. Dates are fixed, so nothing in the
//! snapshots is left out. A changed snapshot is a changed digest: look at it before it is accepted.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use groundswell::digest::render::{Format, Rendered, render};
use groundswell::digest::{DigestConfig, Inputs, Outcome, Published, canonical, compose, draft};
use groundswell::model::{
    Author, Cadence, Calendar, Change, Conversation, ConversationKey, Digest, Exclusion, Fact,
    Kind, Message, OfficialReport, ReportBasis, ReportRow, State, Stored, Term, Text, Topic,
    TopicId, TopicStatus, TrendState, Visibility, Window,
};

const BASE: &str = "https://groundswell.example";

/// What customers said, by topic: id, label, terms, official category, and their words. Each text is used once in the week.
type Story = (
    &'static str,
    &'static str,
    &'static [&'static str],
    Option<&'static str>,
    &'static [&'static str],
);

const STORIES: &[Story] = &[
    (
        "t-defrost",
        "defrost, E41, outdoor unit",
        &["defrost", "E41", "outdoor unit", "ice"],
        Some("Heating not working"),
        &[
            "Good morning,\nsince the update last Thursday the outdoor unit does not come out of defrost. The house was at 15 degrees this morning.\nRegards",
            "Error E41 again, third night in a row. It worked until the new software came.",
            "cust: unit stuck in defrost, block of ice on the fan, E41. firmware 4.2.0",
            "Our Aura 9 stops with E41 after every defrost. What did you change in the update?",
            "E41, fan iced up. Runs 4.2.0. Told cust to thaw with warm water, will call back",
            "The outdoor unit is a block of ice and the display says E41!",
            "House cold, two small children here. Outdoor unit defrosts and defrosts and never heats.",
            "after the update: defrost does not end, compressor stops. pls send someone",
            "visit: controller 4.2.0, defrost sensor ok, E41 comes back after 20 min. Rolled back to 4.1, ok",
            "Since the firmware update E41 every morning at six. Before that not once in two years.",
            "ice on the evaporator as thick as my hand, E41",
            "E41 since Friday; neighbour has the same since his update",
        ],
    ),
    (
        "t-ice",
        "condensate, ice on the path",
        &["condensate", "path", "ice", "drain"],
        Some("Other"),
        &[
            "Water from the condensate drain runs over our path and freezes. My mother slipped on it yesterday.",
            "The drain of the outdoor unit drips on the walkway, every morning there is a sheet of ice.",
            "cust complains about ice on the pavement under the o/u, condensate pipe has no heater",
            "Who pays if the postman breaks a leg on the ice that your heat pump makes?",
            "Puddle below the unit, frozen this morning. Is there a pipe heater for the drain?",
            "condensate drain ends above the path. slip hazard. photo taken",
            "Path frozen again below the condensate outlet, we salt it twice a day.",
        ],
    ),
    (
        "t-tank",
        "old boiler, removal promised",
        &["old boiler", "tank", "removal", "included"],
        Some("Installation"),
        &[
            "Your sales rep told us that the removal of the old boiler is included. The fitters left it in the cellar.",
            "It was part of the deal that the oil tank goes. Now we hear that service does not do that.",
            "The man at the fair said you take the old boiler with you. Here it stands.",
            "cust was promised tank removal by sales, not in order. pls clarify who does it",
            "We were promised that the old boiler goes, I have it in writing from your salesman.",
        ],
    ),
    (
        "t-air",
        "air in the system, gurgling",
        &["air", "gurgling", "radiators", "bleeding"],
        Some("Heating not working"),
        &[
            "Gurgling in all radiators, they are cold at the top.",
            "bled the radiators three times, air comes back",
            "cust hears water running in the wall, pressure drops slowly",
            "Radiators upstairs stay cold, there must be air in the system.",
            "air in circuit 2, pump noisy. bled, 1.8 bar",
            "The pump gurgles at night, we cannot sleep.",
        ],
    ),
    (
        "t-thermo",
        "thermostat offline",
        &["thermostat", "pairing", "blank"],
        Some("Heating not working"),
        &[
            "The room thermostat is blank, new batteries do not help.",
            "Thermostat loses connection every evening and the heating goes off.",
            "cust: thermostat offline after power cut, pairing fails",
            "How do I pair the thermostat again? It shows two dashes.",
            "thermostat in hall shows no signal, gateway ok",
            "Thermostat offline, heating runs at full power and cannot be turned down.",
        ],
    ),
    (
        "t-press",
        "low refrigerant, E17",
        &["E17", "refrigerant", "pressure"],
        Some("heating not working"),
        &[
            "E17 and hardly any heat. The fitter spoke of refrigerant.",
            "low pressure, E17, hissing at the outdoor unit. F-gas engineer needed",
            "It hisses outside and the house does not get warm, display says E17.",
            "E17 back two weeks after the top-up",
            "refrigerant low again, leak suspected at flare nut",
        ],
    ),
    (
        "t-filter",
        "filter cleaning",
        &["filter"],
        Some("Maintenance"),
        &[
            "How often must the filter be cleaned?",
            "magnet filter clogged, E08",
        ],
    ),
];

const ONE_OFFS: &[&str] = &[
    "A parrot next door imitates your alarm sound, can it be changed? 🦜",
    "מה השעות שלכם ביום שישי? אני מחכה לתשובה.",
    "Do you do school visits? Our class <b>builds</b> a heat pump from *Lego* & [wood](http://example.com).",
    "call dropped",
];

pub fn week() -> Window {
    calendar().parse(Cadence::Weekly, "2026-W13").unwrap()
}

pub fn calendar() -> Calendar {
    Calendar {
        zone: chrono_tz::Europe::Berlin,
        ..Calendar::default()
    }
}

/// The invented company's weeks: what was counted, and what was said in the last one.
#[derive(Default)]
struct World {
    facts: Vec<Fact>,
    stored: BTreeMap<ConversationKey, Stored>,
}

impl World {
    fn open(
        &mut self,
        at: DateTime<Utc>,
        state: State,
        category: Option<&str>,
        words: Option<&str>,
    ) {
        let number = self.facts.len() + 1;
        let key = ConversationKey::new("desk", format!("{}", 1000 + number));
        let is_call =
            words.is_some_and(|words| words.starts_with(|first: char| first.is_lowercase()));
        let kind = if is_call {
            Kind::CallNote
        } else {
            Kind::Ticket
        };
        // A third is solved on the day, a third in the next week, a third is still open.
        let days = [Some(0), Some(7), None][number % 3];
        self.facts.push(Fact {
            tags: Vec::new(),
            earlier: Vec::new(),
            key: key.clone(),
            kind,
            created_at: at,
            closed_at: days.map(|days| at + TimeDelta::days(days)),
            stored_at: at + TimeDelta::minutes(5),
            category: category.map(str::to_owned),
            customer: Some(format!("customer-{}", number % 97)),
            account: None,
            product: Some(
                if state == about("t-defrost") {
                    "Aura 9"
                } else {
                    "Terra 12"
                }
                .to_owned(),
            ),
            csat: None,
            reopens: 0,
            attributes: BTreeMap::new(),
            state,
        });
        if let Some(words) = words {
            let stored = stored(&key, kind, at, words);
            self.stored.insert(key, stored);
        }
    }
}

pub fn about(topic: &str) -> State {
    State::Assigned(TopicId::from(topic))
}

fn stored(key: &ConversationKey, kind: Kind, at: DateTime<Utc>, words: &str) -> Stored {
    let mut conversation = Conversation::new(key.clone(), at);
    conversation.kind = kind;
    conversation.messages = vec![Message {
        at: Some(at),
        author: if kind == Kind::Ticket {
            Author::Customer
        } else {
            Author::Agent
        },
        visibility: Visibility::Public,
        text: Text::from(words),
    }];
    if kind == Kind::Ticket {
        conversation.url = Some(format!(
            "https://desk.example/ticket?id={}&view=full",
            key.id
        ));
    }
    Stored {
        conversation,
        text: Text::from(words),
        text_hash: String::new(),
        language: "en".to_owned(),
    }
}

fn world() -> World {
    let mut world = World::default();
    let week = week();
    for back in (1..=8).rev() {
        let start = week.start - TimeDelta::weeks(back);
        for (topic, .., category, words) in STORIES.iter().filter(|story| story.0 != "t-defrost") {
            let count = words.len() as i64 - i64::from(topic.len() as i64 % 2 == back % 2);
            for number in 0..count {
                world.open(
                    start + TimeDelta::hours(9 + 11 * number),
                    about(topic),
                    *category,
                    None,
                );
            }
        }
        for number in 0..4 {
            world.open(
                start + TimeDelta::hours(15 + 20 * number),
                State::Unassigned,
                None,
                None,
            );
        }
    }
    for number in 0..4 {
        let at = week.start - TimeDelta::hours(80 - 18 * number);
        world.open(at, about("t-defrost"), Some("Heating not working"), None);
    }
    for (topic, .., category, words) in STORIES {
        for (number, text) in words.iter().enumerate() {
            let at = week.start + TimeDelta::hours(7 + 12 * number as i64);
            world.open(at, about(topic), *category, Some(text));
        }
    }
    for (number, text) in ONE_OFFS.iter().enumerate() {
        let at = week.start + TimeDelta::hours(30 + 20 * number as i64);
        world.open(at, State::Unassigned, None, Some(text));
    }
    for (reason, hours) in [
        (Exclusion::Spam, 20),
        (Exclusion::Spam, 50),
        (Exclusion::Merged, 60),
    ] {
        let at = week.start + TimeDelta::hours(hours);
        world.open(at, State::Excluded(reason), Some("Other"), None);
    }
    world
}

fn topics() -> Vec<Topic> {
    STORIES
        .iter()
        .map(|(id, label, terms, ..)| Topic {
            id: TopicId::from(*id),
            label: (*label).to_owned(),
            terms: terms
                .iter()
                .map(|word| Term {
                    word: (*word).to_owned(),
                    weight: 1.0,
                })
                .collect(),
            exemplars: Vec::new(),
            centre: Vec::new(),
            threshold: 0,
            theme_id: TopicId::from("theme"),
            theme: "heat pumps".to_owned(),
            stability: Some(0.93),
            status: TopicStatus::Live,
            discovered_at: week().start,
        })
        .collect()
}

fn change(state: TrendState, baseline: f64, low: f64, high: f64) -> Change {
    Change {
        state,
        baseline,
        windows: 8,
        low,
        high,
        pair: None,
    }
}

/// The official report: it counts by solving date and has no line for what was never categorised.
fn report(world: &World) -> OfficialReport {
    let mut lines: BTreeMap<String, i64> = BTreeMap::new();
    for fact in &world.facts {
        let is_solved = fact.closed_at.is_some_and(|at| week().contains(at));
        let counts = !matches!(fact.state, State::Excluded(_));
        if let Some(category) = fact.category.as_ref().filter(|_| is_solved && counts) {
            let name = category.replace("heating", "Heating");
            *lines.entry(name).or_default() += 1;
        }
    }
    *lines.entry("Installation".to_owned()).or_default() += 2;
    OfficialReport {
        name: "service-week.csv".to_owned(),
        cadence: Cadence::Weekly,
        basis: ReportBasis::Unknown,
        metric: String::new(),
        zone: None,
        rows: lines
            .into_iter()
            .map(|(category, count)| ReportRow {
                window: week().key,
                category: Some(category),
                count,
            })
            .collect(),
    }
}

fn composed(world: &World) -> Outcome {
    let changes = [
        ("t-defrost", change(TrendState::Rising, 0.5, 0.0, 3.0)),
        ("t-ice", change(TrendState::Steady, 6.5, 2.0, 12.0)),
        ("t-tank", change(TrendState::Steady, 4.5, 1.0, 10.0)),
        ("t-air", change(TrendState::Steady, 5.5, 1.0, 11.0)),
        ("t-thermo", change(TrendState::Steady, 5.5, 1.0, 11.0)),
        ("t-press", change(TrendState::Steady, 4.5, 1.0, 10.0)),
    ];
    let published = [Published {
        window: "2026-W12".to_owned(),
        conversations: 35,
        told_at: week().start - TimeDelta::hours(10),
        topics: Vec::new(),
    }];
    let draft = draft(&Inputs {
        window: &week(),
        calendar: &calendar(),
        facts: &world.facts,
        topics: &topics(),
        muted: &BTreeSet::new(),
        changes: &changes
            .map(|(topic, change)| (TopicId::from(topic), change))
            .into(),
        report: Some(&report(world)),
        reading: &groundswell::reconcile::Reading::default(),
        published: &published,
        said: &[],
        decisions: &[],
        incomplete_sources: &["phone".to_owned()],
        heard: &groundswell::answers::Heard::default(),
        config: &DigestConfig::default(),
        team: None,
    });
    compose(&draft, &world.stored)
}

/// The whole digest; other tests deliver it.
pub fn digest() -> Digest {
    match composed(&world()) {
        Outcome::Digest(digest) => *digest,
        Outcome::Nothing(reason) => panic!("nothing: {reason}"),
    }
}

fn shown(format: Format) -> String {
    match render(&digest(), format, BASE) {
        Rendered::Text(text) => text,
        Rendered::Json(value) => serde_json::to_string_pretty(&value).unwrap(),
        Rendered::Mail {
            subject,
            text,
            html,
            pictures,
        } => {
            let pictures = pictures.iter();
            let shown =
                pictures.map(|one| format!("{}: {} bytes, {}", one.id, one.png.len(), one.alt));
            let pictures = shown.collect::<Vec<_>>().join("\n");
            format!("{subject}\n\n{text}\n\n{html}\n\n{pictures}")
        }
    }
}

#[test]
fn the_digest_says_what_the_conversations_hold() {
    let digest = digest();
    insta::assert_json_snapshot!("digest", digest);
    let rules: Vec<&str> = digest
        .items
        .iter()
        .map(|item| item.suggestion.rule.as_str())
        .collect();
    assert_eq!(
        rules,
        [
            "begins_with_update",
            "hidden_under_catch_all",
            "promised_not_delivered",
            "lumped_category"
        ]
    );
    assert_eq!(canonical(&digest).1.len(), 64);
}

#[test]
fn every_rendering_reads_well() {
    crate::golden_cases::show("week", &digest());
    insta::assert_snapshot!("text", shown(Format::Text));
    insta::assert_snapshot!("markdown", shown(Format::Markdown));
    insta::assert_snapshot!("html", shown(Format::Html));
    insta::assert_snapshot!("mail", shown(Format::Mail));
    insta::assert_snapshot!("slack", shown(Format::Slack));
    insta::assert_snapshot!("teams", shown(Format::Teams));
    insta::assert_snapshot!("matrix", shown(Format::Matrix));
    insta::assert_snapshot!("json", shown(Format::Json));
}

#[test]
fn a_week_in_which_nobody_wrote_says_nothing() {
    let mut world = world();
    world.facts.retain(|fact| fact.created_at < week().start);
    assert_eq!(
        composed(&world),
        Outcome::Nothing("no conversation that counts was opened in this week".to_owned())
    );
}
