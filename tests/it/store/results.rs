//! Cases: reports, closed windows, digests, deliveries.

use groundswell::model::{
    Answered, Cadence, Change, DestinationId, Digest, DigestId, Finding, FindingKind, FollowUp,
    Item, OfficialReport, ReportBasis, ReportRow, Suggestion, SuggestionId, SuggestionKind,
    SuggestionState, TopicId, Totals, TrendState, Unassigned,
};
use groundswell::store::{
    Closed, ClosedWindow, Closing, Delivery, DeliveryState, KnownLayout, LinkUse, Origin, Pressed,
    Store, Wanted, WindowCount,
};

use super::support::*;

const CASES: &[Case] = cases![
    a_corrected_report_is_a_new_version,
    next_months_file_does_not_take_this_months_lines_away,
    the_metrics_of_a_file_are_kept_together,
    a_window_is_closed_once,
    two_who_close_a_window_do_it_once,
    a_wrong_sum_is_never_published,
    a_quiet_window_has_no_digest,
    suggestions_and_decisions_are_logs,
    a_link_decides_once,
    windows_and_digests_come_newest_first,
    a_delivery_is_one_for_each_digest_and_destination,
    what_was_sent_stays_sent,
];

#[test]
fn results_keep_the_contract() {
    run_all(CASES);
}

fn report(name: &str, counts: &[(&str, Option<&str>, i64)]) -> OfficialReport {
    let rows = counts.iter().map(|(window, category, count)| ReportRow {
        window: (*window).to_owned(),
        category: category.map(str::to_owned),
        count: *count,
    });
    OfficialReport {
        name: name.to_owned(),
        cadence: Cadence::Weekly,
        basis: ReportBasis::Closed,
        metric: String::new(),
        zone: None,
        rows: rows.collect(),
    }
}

async fn a_corrected_report_is_a_new_version(store: Store) {
    let first = report(
        "q1.csv",
        &[("2026-W10", None, 3), ("2026-W10", Some("A"), 9)],
    );
    let other = report("q2.csv", &[]);
    store.save_report(&first, minute(1)).await.unwrap();
    store.save_report(&other, minute(2)).await.unwrap();
    let newest_first = [other.clone(), first.clone()];
    assert_eq!(store.reports(Cadence::Weekly).await.unwrap(), newest_first);
    // The same once more is not news.
    store.save_report(&first, minute(3)).await.unwrap();
    assert_eq!(store.reports(Cadence::Weekly).await.unwrap(), newest_first);
    let mut corrected = first.clone();
    corrected.rows[0].count = 4;
    store.save_report(&corrected, minute(4)).await.unwrap();
    assert_eq!(
        store.reports(Cadence::Weekly).await.unwrap(),
        [corrected, other]
    );
    assert!(store.reports(Cadence::Daily).await.unwrap().is_empty());
    let versions = store.report_versions(Some("q1.csv")).await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|one| (one.version, one.imported_at, one.report.rows[0].count))
        .collect();
    assert_eq!(told, [(2, minute(4), 4), (1, minute(1), 3)]);
    assert_eq!(store.report_versions(None).await.unwrap().len(), 3);
}

async fn next_months_file_does_not_take_this_months_lines_away(store: Store) {
    let march = report("q.csv", &[("2026-W10", None, 3), ("2026-W11", None, 4)]);
    let april = report("q.csv", &[("2026-W11", None, 5), ("2026-W12", None, 6)]);
    let merged = report(
        "q.csv",
        &[
            ("2026-W10", None, 3),
            ("2026-W11", None, 5),
            ("2026-W12", None, 6),
        ],
    );
    assert!(store.save_report(&march, minute(1)).await.unwrap().is_new);
    let kept = store.save_report(&april, minute(2)).await.unwrap();
    assert_eq!((kept.version, kept.is_new), (2, true));
    assert_eq!(store.reports(Cadence::Weekly).await.unwrap(), [merged]);
    // A helpdesk's own count comes behind what somebody imported, however new it is.
    let own = report("desk's own count", &[("2026-W12", None, 9)]);
    store.save_report(&own, minute(3)).await.unwrap();
    let found = store.reports(Cadence::Weekly).await.unwrap();
    assert_eq!(found.last(), Some(&own));
    // What counts otherwise is another thing, and is not mixed with it.
    let mut opened = april.clone();
    opened.basis = ReportBasis::Opened;
    store.save_report(&opened, minute(4)).await.unwrap();
    assert_eq!(store.reports(Cadence::Weekly).await.unwrap(), [opened, own]);
}

async fn the_metrics_of_a_file_are_kept_together(store: Store) {
    let mut opened = report("q.csv", &[("2026-W10", None, 3)]);
    opened.metric = "opened".to_owned();
    opened.basis = ReportBasis::Opened;
    let solved = OfficialReport {
        metric: "solved".to_owned(),
        basis: ReportBasis::Closed,
        zone: Some("Europe/Berlin".to_owned()),
        ..opened.clone()
    };
    let layout = KnownLayout {
        fingerprint: "ab".to_owned(),
        choices: "{}".to_owned(),
    };
    let both = [solved.clone(), opened.clone()];
    let kept = store.save_reports(&both, Some(&layout), minute(1)).await;
    assert!(kept.unwrap().iter().all(|one| one.is_new));
    let expected = [opened, solved];
    assert_eq!(store.reports(Cadence::Weekly).await.unwrap(), expected);
    let known = store.report_layout("ab").await.unwrap();
    assert_eq!(known.as_deref(), Some("{}"));
    assert_eq!(store.report_layout("cd").await.unwrap(), None);
}

fn digest(window: &str, days: i64) -> Digest {
    let day = 24 * 60;
    Digest {
        version: 1,
        id: DigestId(format!("weekly-{window}")),
        cadence: Cadence::Weekly,
        window: window.to_owned(),
        start: minute(days * day),
        end: minute((days + 7) * day),
        team: None,
        zone: "Europe/Berlin".to_owned(),
        totals: Totals {
            pulled: 10,
            assigned: 6,
            unassigned: 2,
            excluded: vec![("spam".to_owned(), 2)],
            customers: 5,
            previous: None,
        },
        items: Vec::new(),
        official: None,
        unassigned: Unassigned {
            conversations: 2,
            share: 0.1 + 0.2,
            previous_share: Some(1.0 / 3.0),
            sample: Vec::new(),
        },
        follow_up: FollowUp::default(),
        revisions: Vec::new(),
        answered: Answered::default(),
        notes: vec!["Grüße".to_owned()],
        rules: Vec::new(),
    }
}

fn count(state: &str, topic: Option<&str>, conversations: u64) -> WindowCount {
    WindowCount {
        state: state.to_owned(),
        topic: topic.map(TopicId::from),
        conversations,
        customers: conversations / 2,
    }
}

fn closing(window: &str, days: i64) -> Closing {
    let digest = digest(window, days);
    Closing {
        closed: ClosedWindow {
            team: String::new(),
            cadence: Cadence::Weekly,
            window: window.to_owned(),
            closed_at: minute(days * 24 * 60),
            conversations: 8,
            digest: Some(digest.id.clone()),
            reason: String::new(),
        },
        counts: vec![
            count("assigned", Some("a"), 2),
            count("assigned", Some("b"), 4),
            count("excluded:spam", None, 2),
            count("unassigned", None, 2),
        ],
        digest: Some(digest),
        destinations: ["slack", "mail"].map(DestinationId::from).to_vec(),
        origin: Origin::default(),
        teams: Vec::new(),
    }
}

async fn a_window_is_closed_once(store: Store) {
    let first = closing("2026-W10", 0);
    assert_eq!(store.close_window(&first).await.unwrap(), Closed::Written);
    let mut second = closing("2026-W10", 0);
    second.closed.closed_at = minute(99);
    second.destinations.push(DestinationId::from("late"));
    assert_eq!(store.close_window(&second).await.unwrap(), Closed::Before);

    let closed = store.closed_windows(Cadence::Weekly, 10).await.unwrap();
    assert_eq!(closed, std::slice::from_ref(&first.closed));
    let counts = store.window_counts(Cadence::Weekly, "2026-W10").await;
    assert_eq!(counts.unwrap(), first.counts);
    let none = store.window_counts(Cadence::Daily, "2026-W10").await;
    assert!(none.unwrap().is_empty());
    let id = DigestId::from("weekly-2026-W10");
    let (digest, sha256) = store.digest(&id).await.unwrap().unwrap();
    assert_eq!(Some(&digest), first.digest.as_ref(), "to the last bit");
    assert_eq!(sha256, hash(&serde_json::to_string(&digest).unwrap()));
    let unknown = store.digest(&DigestId::from("none")).await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(store.deliveries(10).await.unwrap().len(), 2);
}

async fn two_who_close_a_window_do_it_once(store: Store) {
    let close = || {
        let store = store.clone();
        tokio::spawn(async move { store.close_window(&closing("2026-W10", 0)).await.unwrap() })
    };
    let both = [close(), close()];
    let mut done = 0;
    for one in both {
        done += u32::from(one.await.unwrap() == Closed::Written);
    }
    assert_eq!(done, 1);
}

async fn a_wrong_sum_is_never_published(store: Store) {
    let mut wrong = closing("2026-W10", 0);
    wrong.counts[0].conversations = 3;
    let refused = store.close_window(&wrong).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the counts of window weekly 2026-W10 add up to 9, not to 8"
    );
    let mut twice = closing("2026-W10", 0);
    twice.counts.push(twice.counts[2].clone());
    assert!(store.close_window(&twice).await.is_err());
    let mut other = closing("2026-W10", 0);
    other.digest = Some(digest("2026-W11", 7));
    assert!(store.close_window(&other).await.is_err());
    let closed = store.closed_windows(Cadence::Weekly, 10).await.unwrap();
    assert!(closed.is_empty());
}

async fn a_quiet_window_has_no_digest(store: Store) {
    let mut quiet = closing("2026-W10", 0);
    quiet.digest = None;
    quiet.closed.digest = None;
    quiet.closed.conversations = 0;
    quiet.closed.reason = "nothing passed the gate".to_owned();
    quiet.counts.clear();
    assert_eq!(store.close_window(&quiet).await.unwrap(), Closed::Written);
    let closed = store.closed_windows(Cadence::Weekly, 10).await.unwrap();
    assert_eq!(closed, [quiet.closed]);
    assert!(store.digest_ids(10).await.unwrap().is_empty());
    assert!(store.deliveries(10).await.unwrap().is_empty());
}

/// A digest's item by the rule `rising`.
fn item(topic: &str) -> Item {
    Item {
        topic_id: TopicId::from(topic),
        label: format!("label of {topic}"),
        terms: Vec::new(),
        conversations: 8,
        customers: 7,
        change: Change {
            state: TrendState::Rising,
            baseline: 2.0,
            windows: 8,
            low: 0.0,
            high: 5.0,
            pair: None,
        },
        categories: Vec::new(),
        findings: vec![Finding::new(FindingKind::Hidden, "numbers")],
        quotes: Vec::new(),
        suggestion: Suggestion {
            id: SuggestionId(format!("{topic}.rising.2026-W10")),
            kind: SuggestionKind::Service,
            rule: "rising".to_owned(),
            sentence: "It rises.".to_owned(),
            owner: "Grüße".to_owned(),
            next_step: String::new(),
            evidence: Vec::new(),
            contrary: Vec::new(),
            disproof: String::new(),
        },
        earlier: Vec::new(),
        stability: None,
        course: Vec::new(),
        heard: None,
        company: None,
    }
}

async fn suggestions_and_decisions_are_logs(store: Store) {
    use SuggestionState::{Accepted, Done, Rejected};
    for (window, days) in [("2026-W10", 0), ("2026-W11", 7)] {
        let mut closing = closing(window, days);
        let digest = closing.digest.as_mut().unwrap();
        digest.items = vec![item("a"), item("b")];
        assert_eq!(store.close_window(&closing).await.unwrap(), Closed::Written);
        let again = store.close_window(&closing).await.unwrap();
        assert_eq!(again, Closed::Before, "nothing is said twice");
    }
    let said = store.said(minute(0)).await.unwrap();
    let told: Vec<(&str, &str)> = said
        .iter()
        .map(|said| (said.window.as_str(), said.topic.as_str()))
        .collect();
    let (first, second) = ("2026-W10", "2026-W11");
    assert_eq!(
        told,
        [(first, "a"), (first, "b"), (second, "a"), (second, "b")]
    );
    assert_eq!(
        (said[0].trend, said[0].conversations),
        (TrendState::Rising, 8)
    );
    assert_eq!(said[0].findings, [FindingKind::Hidden]);
    let later = store.said(minute(8 * 24 * 60)).await.unwrap();
    assert_eq!(later.len(), 2);

    let id = SuggestionId::from("a.rising.2026-W10");
    let decide = |state, note: &'static str, at| {
        let (store, id) = (store.clone(), id.clone());
        async move {
            let wanted = Wanted {
                suggestion: &id,
                state,
                by: "Ada",
                note,
            };
            let decided = store.decide_suggestion(&wanted, minute(at)).await;
            decided.unwrap().unwrap()
        }
    };
    assert_eq!(decide(Accepted, "let us try", 1).await.unwrap().number, 1);
    let refused = decide(Accepted, "", 2).await.unwrap_err();
    assert_eq!(refused.to_string(), "it is accepted already");
    assert_eq!(decide(Done, "", 3).await.unwrap().number, 2);
    assert!(decide(Rejected, "", 4).await.is_err());
    let unknown = SuggestionId::from("x.rising.2026-W10");
    let wanted = Wanted {
        suggestion: &unknown,
        state: Done,
        by: "Ada",
        note: "",
    };
    let decided = store.decide_suggestion(&wanted, minute(5)).await;
    assert_eq!(decided.unwrap(), None);
    let log = store.decisions().await.unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|one| (one.state, one.at, one.note.as_str()))
        .collect();
    assert_eq!(
        told,
        [(Accepted, minute(1), "let us try"), (Done, minute(3), "")]
    );
}

async fn a_link_decides_once(store: Store) {
    use SuggestionState::{Accepted, Rejected};
    let mut closing = closing("2026-W10", 0);
    closing.digest.as_mut().unwrap().items = vec![item("a")];
    store.close_window(&closing).await.unwrap();
    let id = SuggestionId::from("a.rising.2026-W10");
    let click = async |state, nonce: &'static str, at| {
        let wanted = Wanted {
            suggestion: &id,
            state,
            by: "a link",
            note: "",
        };
        let pressed = Pressed {
            nonce,
            expires_at: minute(20),
            at: minute(at),
        };
        let decided = store.decide_by_link(pressed, &wanted).await;
        decided.unwrap().unwrap()
    };
    let kept = click(Accepted, "aa", 1).await;
    assert!(matches!(kept, Ok(LinkUse::Kept(one)) if one.number == 1));
    // A refusal does not use the link up.
    assert!(click(Accepted, "bb", 2).await.is_err());
    assert_eq!(store.link_used_at("bb").await.unwrap(), None);
    let used = Ok(LinkUse::UsedBefore(minute(1)));
    assert_eq!(click(Rejected, "aa", 3).await, used);
    assert!(click(Rejected, "bb", 4).await.is_ok());
    assert_eq!(store.decisions().await.unwrap().len(), 2);
}

async fn windows_and_digests_come_newest_first(store: Store) {
    for (window, days) in [("2026-W11", 7), ("2026-W10", 0), ("2026-W12", 14)] {
        let closed = store.close_window(&closing(window, days)).await;
        assert_eq!(closed.unwrap(), Closed::Written);
    }
    let closed = store.closed_windows(Cadence::Weekly, 2).await.unwrap();
    let keys: Vec<&str> = closed.iter().map(|one| one.window.as_str()).collect();
    assert_eq!(keys, ["2026-W12", "2026-W11"]);
    let ids = store.digest_ids(2).await.unwrap();
    assert_eq!(
        ids,
        ["weekly-2026-W12", "weekly-2026-W11"].map(DigestId::from)
    );
    let deliveries = store.deliveries(3).await.unwrap();
    let names: Vec<(&str, &str)> = deliveries
        .iter()
        .map(|one| (one.digest.as_str(), one.destination.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("weekly-2026-W12", "mail"),
            ("weekly-2026-W12", "slack"),
            ("weekly-2026-W11", "mail")
        ]
    );
}

async fn a_delivery_is_one_for_each_digest_and_destination(store: Store) {
    store.close_window(&closing("2026-W10", 0)).await.unwrap();
    let waiting = store.waiting_deliveries().await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(
        waiting[0],
        Delivery {
            digest: DigestId::from("weekly-2026-W10"),
            destination: DestinationId::from("mail"),
            state: DeliveryState::Waiting,
            attempts: 0,
            next_at: minute(0),
            receipt: None,
            error: None,
        }
    );
    let mut later = waiting[0].clone();
    later.attempts = 1;
    later.next_at = minute(30);
    later.error = Some("unreachable".to_owned());
    store.save_delivery(&later).await.unwrap();
    let waiting = store.waiting_deliveries().await.unwrap();
    assert_eq!(waiting[0].destination.as_str(), "slack", "due first");
    assert_eq!(waiting[1], later, "the same row, not another");
    let mut failed = waiting[0].clone();
    failed.state = DeliveryState::Failed;
    store.save_delivery(&failed).await.unwrap();
    assert_eq!(store.waiting_deliveries().await.unwrap(), [later.clone()]);
    assert_eq!(store.deliveries(10).await.unwrap(), [later, failed]);
}

async fn what_was_sent_stays_sent(store: Store) {
    store.close_window(&closing("2026-W10", 0)).await.unwrap();
    let mut sent = store.waiting_deliveries().await.unwrap().remove(0);
    let again = sent.clone();
    sent.state = DeliveryState::Sent;
    sent.receipt = Some("250 ok".to_owned());
    store.save_delivery(&sent).await.unwrap();
    let refused = store.save_delivery(&again).await.unwrap_err();
    assert!(refused.to_string().contains("already sent to mail"));
    assert_eq!(store.deliveries(1).await.unwrap(), [sent]);
}
