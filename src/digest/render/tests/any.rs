//! Any digest, with anything in it.

use proptest::prelude::*;

use super::super::{AnswerLink, AnswerLinks, Format, Rendered, Ways, render};
use crate::model::{
    Answered, AskedTopic, Cadence, CategoryShare, Cause, Change, ConversationKey, Decided, Digest,
    DigestId, Finding, FindingKind, FollowUp, Item, ItemHeard, OfficialSide, Pair, Quote,
    RevisedTopic, Revision, Suggestion, SuggestionId, SuggestionKind, SuggestionState, TeamSide,
    TopicAnswered, TopicId, Totals, TrendState, Unassigned, Watched,
};

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<String>(),
        6 => "[ -~\n]{0,300}",
        1 => prop::sample::select(vec![
            "<script>alert(1)</script>", "*bold* _it_ ~no~ `code`", "<!channel> <@U1> <http://x.y|z>", "](http://x.y) ![i](x)",
            "{{DATE(2026-03-24T06:00:00Z, SHORT)}}", "@room @here", "\u{202E}drow\u{202C} \u{0}\u{7}\u{1b}[31m", "=1+1\r\nBcc: a@b.c",
            "שלום עולם", "🙂👩‍👩‍👧", "\" onmouseover=\"x", "</td></table>", "", "   ", "\u{200B}\u{2060}\u{AD}", "=HYPERLINK(\"http://x.y\")",
            "<@U123> <!here|x> <!subteam^S1> <#C1>", "[x](javascript:alert(1)) **b** - [ ] ", "<at>All</at> ${name} {{TIME(1)}}", "]]> <![CDATA[",
            "&#x3c;script&#62; &amp; &nbsp;", "\u{2066}isolated \u{2067}and not closed", "../../etc/passwd", "مرحبا abc 123", "\r\n.\r\nQUIT",
        ]).prop_map(str::to_owned),
        1 => (0_usize..7, 1_usize..2_000).prop_map(|(kind, count)| {
            ["x", "<", "\u{1F600}", "\" ", "\u{301}", "\u{200D}", "ש"][kind].repeat(count)
        }),
    ]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..500, 1 => any::<u64>()]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -500_i64..500, 1 => any::<i64>()]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..100.0, 1 => any::<f64>()]
}

fn list<T: std::fmt::Debug>(
    of: impl Strategy<Value = T>,
    most: usize,
) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..=most)
}

prop_compose! {
    fn quote()(
        source in words(),
        id in words(),
        text in words(),
        url in prop::option::of(prop_oneof![
            words(),
            "https://desk\\.example/[ -~]{0,80}",
            Just("javascript:alert(1)".to_owned()),
        ]),
    ) -> Quote {
        Quote { key: ConversationKey::new(source, id), text, url }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let state = prop::sample::select(vec![
        TrendState::New,
        TrendState::Rising,
        TrendState::Steady,
        TrendState::Falling,
        TrendState::Gone,
        TrendState::Back,
    ]);
    let pair = (0_u64..1_000, number(), number(), number()).prop_map(
        |(conversations, baseline, low, high)| Pair {
            conversations,
            baseline,
            low,
            high,
        },
    );
    let pair = prop::option::of(pair);
    (state, number(), 0_u32..20, number(), number(), pair).prop_map(
        |(state, baseline, windows, low, high, pair)| Change {
            state,
            baseline,
            windows,
            low,
            high,
            pair,
        },
    )
}

fn suggestion() -> impl Strategy<Value = Suggestion> {
    let kind = prop::sample::select(vec![
        SuggestionKind::Product,
        SuggestionKind::Service,
        SuggestionKind::Process,
    ]);
    let lists = (list(words(), 4), list(words(), 4));
    (kind, words(), words(), words(), words(), words(), lists).prop_map(
        |(kind, rule, sentence, owner, next_step, disproof, (evidence, contrary))| Suggestion {
            id: SuggestionId(rule.clone()),
            kind,
            rule,
            sentence,
            owner,
            next_step,
            evidence,
            contrary,
            disproof,
        },
    )
}

prop_compose! {
    fn item_heard()(
        (confirmed, disputed) in (count(), count()),
        reasons in list(words(), 4),
        pinned in list((words(), words()), 4),
    ) -> ItemHeard {
        let pinned = pinned.into_iter().map(|(source, id)| ConversationKey::new(source, id));
        ItemHeard { confirmed, disputed, reasons, pinned: pinned.collect() }
    }
}

prop_compose! {
    fn answered()(
        through in 0_i64..i64::MAX,
        topics in list((words(), words(), count(), count(), list(words(), 4), words()), 14),
        asked in list((words(), words(), count(), count(), list((words(), count()), 14), any::<bool>()), 14),
        withdrawn in count(),
    ) -> Answered {
        let topics = topics.into_iter().map(|(id, label, confirmed, disputed, reasons, outcome)| TopicAnswered {
            topic_id: TopicId(id.clone()), label, confirmed, disputed, reasons, outcome,
            pinned: vec![ConversationKey::new(id.clone(), id)],
        });
        let asked = asked.into_iter().map(|(name, query, conversations, customers, course, is_new)| AskedTopic {
            number: 1, name, query, conversations, customers, course, is_new,
        });
        Answered { through, topics: topics.collect(), asked: asked.collect(), withdrawn }
    }
}

prop_compose! {
    fn item()(
        (topic_id, label, terms) in (words(), words(), list(words(), 9)),
        (conversations, customers, company) in (count(), count(), prop::option::of(count())),
        change in change().boxed(),
        categories in list((prop::option::of(words()), count(), prop::option::of(signed())), 6),
        findings in list((any::<bool>(), words()), 3),
        quotes in list(quote(), 4),
        suggestion in suggestion().boxed(),
        earlier in list(words(), 3),
        stability in prop::option::of(number()),
        course in list((words(), count()), 30),
        heard in prop::option::of(item_heard().boxed()),
    ) -> Item {
        let categories = categories.into_iter().map(|(category, conversations, official)| CategoryShare {
            category, conversations, official,
        });
        let findings = findings.into_iter().map(|(is_hidden, sentence)| {
            Finding::new(if is_hidden { FindingKind::Hidden } else { FindingKind::Lumped }, sentence)
        });
        Item {
            topic_id: TopicId(topic_id), label, terms, conversations, customers, company, change,
            categories: categories.collect(), findings: findings.collect(), quotes, suggestion, earlier, stability, course, heard,
        }
    }
}

fn decided(words: String) -> Decided {
    Decided {
        suggestion: SuggestionId(words.clone()),
        label: words.clone(),
        state: SuggestionState::Accepted,
        on: chrono::NaiveDate::default(),
        note: words,
    }
}

prop_compose! {
    fn watched()(
        label in words(),
        (before, days_before, after, days_after) in (count(), count(), count(), count()),
        (ratio, low, high) in (prop::option::of(number()), number(), prop::option::of(number())),
    ) -> Watched {
        Watched {
            suggestion: SuggestionId(label.clone()), topic: TopicId(label.clone()), label,
            done_on: chrono::NaiveDate::default(), before, days_before, after, days_after, ratio, low, high,
        }
    }
}

prop_compose! {
    fn follow_up()(
        (open, accepted, rejected, done) in (count(), count(), count(), count()),
        notes in list(words(), 9),
        watched in list(watched(), 5),
    ) -> FollowUp {
        let decided = notes.into_iter().map(decided).collect();
        FollowUp { open, accepted, rejected, done, decided, watched }
    }
}

prop_compose! {
    // Boxed parts: their strategies lie on the heap, where a test's small stack would not hold them all.
    /// Any digest.
    pub fn digest()(
        (id, window, zone) in (words(), words(), words()),
        team in prop::option::of((words(), words(), count(), count())),
        cadence in prop::sample::select(Cadence::ALL.to_vec()),
        seconds in prop_oneof![Just(1_774_224_000_i64), -8_000_000_000_000_i64..8_000_000_000_000],
        (pulled, assigned, unassigned, customers) in (count(), count(), count(), count()),
        excluded in list((words(), count()), 8),
        previous in prop::option::of(count()),
        items in prop_oneof![8 => list(item().boxed(), 5), 2 => list(item().boxed(), 40), 1 => (item(), 60_usize..120).prop_map(|(item, count)| vec![item; count])].boxed(),
        official in prop::option::of((words(), words(), signed(), signed(), list((words(), signed()), 14), list(words(), 9))),
        (share, previous_share, sample) in (number(), prop::option::of(number()), list(quote(), 4)),
        revisions in list((words(), count(), count(), count(), list((words(), count(), count()), 6)), 14),
        (notes, rules) in (list(words(), 14), list(words(), 14)),
        answered in prop_oneof![Just(Answered::default()), answered().boxed()].boxed(),
        follow_up in follow_up().boxed(),
    ) -> Digest {
        let start = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let revisions = revisions.into_iter().map(|(window, was, now, arrived_late, topics)| Revision {
            window, was, now, arrived_late,
            topics: topics.into_iter().map(|(label, was, now)| RevisedTopic {
                topic_id: TopicId::from("t"), label, was, now,
            }).collect(),
        });
        let official = official.map(|(report, definition, official, ours, causes, findings)| {
            let causes = causes.into_iter().map(|(cause, conversations)| Cause { cause, conversations });
            let findings = findings.into_iter().map(|sentence| Finding::new(FindingKind::Moved, sentence));
            OfficialSide { report, definition, official, ours, causes: causes.collect(), fit: String::new(), findings: findings.collect() }
        });
        Digest {
            version: 1, id: DigestId(id), cadence, window, start, end: start, zone,
            team: team.map(|(name, only, conversations, customers)| TeamSide { name, only, conversations, customers }),
            totals: Totals { pulled, assigned, unassigned, excluded, customers, previous },
            items, official,
            unassigned: Unassigned { conversations: unassigned, share, previous_share, sample },
            follow_up, revisions: revisions.collect(), notes, rules, answered,
        }
    }
}

fn hostile_heard(words: &str) -> ItemHeard {
    ItemHeard {
        confirmed: 0,
        disputed: 1,
        reasons: vec![words.to_owned()],
        pinned: Vec::new(),
    }
}

fn hostile_answers(words: &str) -> Answered {
    let text = || words.to_owned();
    Answered {
        through: 1,
        topics: vec![TopicAnswered {
            topic_id: TopicId(text()),
            label: text(),
            confirmed: 0,
            disputed: 1,
            reasons: vec![text()],
            pinned: Vec::new(),
            outcome: text(),
        }],
        asked: vec![AskedTopic {
            number: 1,
            name: text(),
            query: text(),
            conversations: 1,
            customers: 1,
            course: vec![(text(), 1)],
            is_new: true,
        }],
        withdrawn: 0,
    }
}

fn hostile_suggestion(words: &str) -> Suggestion {
    let text = || words.to_owned();
    Suggestion {
        id: SuggestionId(text()),
        kind: SuggestionKind::Product,
        rule: text(),
        sentence: text(),
        owner: text(),
        next_step: text(),
        evidence: vec![text()],
        contrary: vec![text()],
        disproof: text(),
    }
}

/// A digest with one item that says nothing but `words`, everywhere.
pub fn hostile(words: &str) -> Digest {
    let text = || words.to_owned();
    let quote = Quote {
        key: ConversationKey::new(words, words),
        text: text(),
        url: Some(text()),
    };
    Digest {
        version: 1,
        id: DigestId(text()),
        cadence: Cadence::Weekly,
        window: "2026-W13".to_owned(),
        start: "2026-03-23T00:00:00Z".parse().unwrap(),
        end: "2026-03-30T00:00:00Z".parse().unwrap(),
        zone: "UTC".to_owned(),
        team: None,
        totals: Totals {
            excluded: vec![(text(), 1)],
            ..Totals::default()
        },
        items: vec![Item {
            topic_id: TopicId(text()),
            label: text(),
            terms: vec![text()],
            conversations: 3,
            customers: 3,
            company: None,
            change: Change {
                state: TrendState::New,
                baseline: 0.0,
                windows: 8,
                low: 0.0,
                high: 0.0,
                pair: None,
            },
            categories: vec![CategoryShare {
                category: Some(text()),
                conversations: 3,
                official: None,
            }],
            findings: vec![Finding::new(FindingKind::Hidden, text())],
            quotes: vec![quote.clone()],
            earlier: vec![text()],
            suggestion: hostile_suggestion(words),
            stability: None,
            course: vec![(text(), 3)],
            heard: Some(hostile_heard(words)),
        }],
        official: None,
        unassigned: Unassigned {
            conversations: 1,
            share: 1.0,
            previous_share: None,
            sample: vec![quote],
        },
        follow_up: FollowUp {
            open: 1,
            decided: vec![decided(text())],
            ..FollowUp::default()
        },
        revisions: Vec::new(),
        answered: hostile_answers(words),
        notes: vec![text()],
        rules: vec![text()],
    }
}

/// Answer links to every item, as long as ours become.
fn answer_links(digest: &Digest) -> AnswerLinks {
    let link = |kind| AnswerLink {
        kind,
        words: "Not what I hear",
        url: format!("{}/a/{}", super::BASE, "x".repeat(160)),
    };
    let topics = digest.items.iter().map(|item| item.topic_id.clone());
    topics
        .map(|topic| {
            (
                topic,
                vec![link("confirm"), link("dispute"), link("decide")],
            )
        })
        .collect()
}

/// As a destination gets it.
pub fn sent(digest: &Digest, format: Format) -> Rendered {
    let answers = answer_links(digest);
    let ways = Ways {
        base_url: super::BASE,
        answers: &answers,
    };
    render(digest, format, ways)
}
