//! Facts for the tests of rules.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::model::{Cadence, Change, Finding, FindingKind, TrendState};

use super::super::burst::Burst;
use super::super::certainty::{Pair, Share};
use super::super::handling::Handling;
use super::super::routing::Routing;
use super::super::signals::{Signal, Signals};
use super::{Measured, RULES, TopicFacts, fired, suggestion};

/// So many of so many here, and elsewhere.
pub fn pair(here: (u64, u64), elsewhere: (u64, u64)) -> Pair {
    Pair {
        here: Share::of(here.0, here.1),
        elsewhere: Share::of(elsewhere.0, elsewhere.1),
    }
}

/// A topic of which nothing can be said.
pub fn quiet() -> TopicFacts {
    TopicFacts {
        cadence: Cadence::Weekly,
        conversations: 8,
        customers: 8,
        with_customer: 8,
        counted: 200,
        rank: 9,
        looks: 1,
        change: Change {
            state: TrendState::Steady,
            baseline: 7.5,
            windows: 8,
            low: 3.0,
            high: 14.0,
            pair: None,
        },
        findings: Vec::new(),
        windows_read: 1,
        speaks_for_lump: false,
        burst: None,
        busiest_day: 2,
        stability: None,
        product: None,
        category: None,
        unseen: Share::default(),
        service_hours: (8, 18),
        measured: Measured {
            reopened: pair((0, 8), (10, 192)),
            unhappy: pair((0, 0), (5, 60)),
            ..Measured::default()
        },
        signals: Signals::default(),
        signals_elsewhere: Signals::default(),
        handling: Handling::default(),
        handling_elsewhere: Handling::default(),
        routing: Routing::default(),
    }
}

/// A topic whose words give this signal in so many of those read.
pub fn with_words(read: u64, signal: Signal, hits: u64) -> TopicFacts {
    TopicFacts {
        conversations: read.max(8),
        with_customer: read.max(8),
        customers: read.max(8),
        signals: Signals::with(read, signal, hits),
        ..quiet()
    }
}

/// A topic that moves so.
pub fn moving(state: TrendState) -> TopicFacts {
    let change = Change {
        state,
        ..quiet().change
    };
    TopicFacts { change, ..quiet() }
}

/// A beginning on 17 March 2026.
pub fn burst() -> Burst {
    Burst {
        day: "2026-03-17".parse().unwrap(),
        after: 21,
        days_after: 6,
        before: 1,
        days_before: 78,
    }
}

/// One finding of this kind.
pub fn finding(kind: FindingKind) -> Vec<Finding> {
    vec![Finding::new(kind, "no number")]
}

/// The rule is the first to fire, with this sentence, and its suggestion is whole.
pub fn check(facts: &TopicFacts, rule: &str, sentence: &str) {
    let all = fired(facts);
    let suggestion = suggestion(facts, &all).expect("a rule fires");
    assert_eq!(
        (suggestion.rule.as_str(), suggestion.sentence.as_str()),
        (rule, sentence)
    );
    for part in [
        &suggestion.owner,
        &suggestion.next_step,
        &suggestion.disproof,
    ] {
        assert!(!part.is_empty());
    }
}

/// The rule exists and does not fire.
pub fn check_silent(facts: &TopicFacts, rule: &str) {
    assert!(RULES.iter().any(|known| known.name == rule), "{rule}");
    let all = fired(facts);
    let spoke = all.iter().find(|(fired, _)| fired.name == rule);
    assert!(spoke.is_none(), "{spoke:?}");
}

fn any_share(most: u64) -> impl Strategy<Value = Share> {
    (0..=most).prop_flat_map(|all| (0..=all).prop_map(move |hits| Share::of(hits, all)))
}

fn any_pair() -> impl Strategy<Value = Pair> {
    (any_share(40), any_share(300)).prop_map(|(here, elsewhere)| Pair { here, elsewhere })
}

fn any_signals() -> impl Strategy<Value = Signals> {
    let counts = prop::collection::vec(0_u64..=80, Signal::ALL.len());
    (0_u64..=80, counts).prop_map(|(read, counts)| {
        let mut signals = Signals::with(read, Signal::HowTo, 0);
        for (signal, count) in Signal::ALL.into_iter().zip(counts) {
            signals.set(signal, count.min(read));
        }
        signals
    })
}

prop_compose! {
    fn any_measured()(
        (reopened, unhappy, repeated, slow) in (any_pair(), any_pair(), any_pair(), any_pair()),
        (calls, after_hours, of_product, of_account) in (any_pair(), any_pair(), any_pair(), any_pair()),
    ) -> Measured {
        Measured { reopened, unhappy, repeated, slow, calls, after_hours, of_product, of_account }
    }
}

prop_compose! {
    fn any_handling()(
        late_reply in any_share(60),
        reassigned in any_share(60),
        long_thread in any_share(60),
    ) -> Handling {
        Handling { late_reply, reassigned, long_thread, ..Handling::default() }
    }
}

/// Changes whose state fits their interval.
fn any_change() -> impl Strategy<Value = (u64, Change)> {
    let state = prop::sample::select(vec![
        TrendState::New,
        TrendState::Rising,
        TrendState::Steady,
        TrendState::Falling,
        TrendState::Back,
    ]);
    (state, 0.0..30.0_f64, 0.0..30.0_f64, 0_u32..9, 1_u64..40).prop_map(
        |(state, low, reach, windows, more)| {
            let high = low + reach;
            let (low, high) = match state {
                TrendState::New | TrendState::Back => (0.0, 0.0),
                _ => (low, high),
            };
            let count = match state {
                TrendState::Steady => low.ceil() as u64,
                TrendState::Falling => low.ceil() as u64 / 2,
                _ => high.floor() as u64 + more,
            };
            let baseline = (low + high) / 2.0;
            let pair = None;
            (
                count,
                Change {
                    state,
                    baseline,
                    windows,
                    low,
                    high,
                    pair,
                },
            )
        },
    )
}

const FINDINGS: [FindingKind; 4] = [
    FindingKind::Hidden,
    FindingKind::Lumped,
    FindingKind::Misfiled,
    FindingKind::Moved,
];

prop_compose! {
    /// Any topic.
    pub fn any_facts()(
        (conversations, change) in any_change(),
        (customers, with_customer, counted, rank) in (0_u64..60, 0_u64..60, 60_u64..400, 1_usize..9),
        (windows_read, speaks_for_lump, begins, busiest_day) in (1_usize..13, any::<bool>(), any::<bool>(), 0_u64..20),
        (stability, looks) in (prop::option::of(0.0..1.0_f64), 1_u64..300),
        kinds in prop::collection::vec(prop::sample::select(FINDINGS.to_vec()), 0..2),
        measured in any_measured(),
        (signals, signals_elsewhere) in (any_signals(), any_signals()),
        (handling, handling_elsewhere) in (any_handling(), any_handling()),
    ) -> TopicFacts {
        TopicFacts {
            cadence: Cadence::Weekly,
            conversations, customers, with_customer, counted, rank, looks, change,
            findings: kinds.into_iter().flat_map(finding).collect(),
            windows_read, speaks_for_lump, burst: begins.then(burst), busiest_day, stability,
            product: Some("Terra".to_owned()), category: None, unseen: Share::default(), service_hours: (8, 18),
            measured, signals, signals_elsewhere, handling, handling_elsewhere, routing: Routing::default(),
        }
    }
}

/// Every number in a text.
pub fn numbers_in(text: &str) -> Vec<u64> {
    let runs = text.split(|letter: char| !letter.is_ascii_digit());
    runs.filter(|run| !run.is_empty())
        .map(|run| run.parse().unwrap())
        .collect()
}

/// Every number that may be said of these facts: the facts themselves, shares in percent, ends of intervals rounded outward,
/// and what is left of a count.
pub fn numbers_of(facts: &TopicFacts) -> BTreeSet<u64> {
    let change = &facts.change;
    let mut known = BTreeSet::from([
        facts.conversations,
        facts.customers,
        facts.counted,
        facts.busiest_day,
        facts.rank as u64,
        facts.windows_read as u64,
        u64::from(change.windows),
        change.low.max(0.0).floor() as u64,
        change.high.ceil() as u64,
        u64::from(facts.service_hours.0),
        u64::from(facts.service_hours.1),
    ]);
    if let Some(burst) = &facts.burst {
        known.extend([
            burst.after,
            burst.days_after,
            burst.before,
            burst.days_before,
        ]);
        known.extend(numbers_in(&burst.day.format("%-d %Y").to_string()));
    }
    known.extend(
        facts
            .stability
            .map(|share| (100.0 * (1.0 - share)).round() as u64),
    );
    let measured = &facts.measured;
    let handled = |of: fn(&Handling) -> Share| Pair {
        here: of(&facts.handling),
        elsewhere: of(&facts.handling_elsewhere),
    };
    let mut pairs = vec![
        measured.reopened,
        measured.unhappy,
        measured.repeated,
        measured.slow,
        measured.calls,
        measured.after_hours,
        measured.of_product,
        measured.of_account,
        handled(|handling| handling.late_reply),
        handled(|handling| handling.reassigned),
        handled(|handling| handling.long_thread),
    ];
    pairs.extend(Signal::ALL.map(|signal| facts.wordings(signal)));
    for Pair { here, elsewhere } in pairs {
        known.extend([here.hits, here.all, here.all - here.hits]);
        known.extend([elsewhere.hits, elsewhere.all]);
        known.insert((100.0 * here.low()).floor() as u64);
        known.insert((100.0 * elsewhere.rate()).round() as u64);
    }
    known
}
