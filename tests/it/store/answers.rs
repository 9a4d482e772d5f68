//! Cases: the log of readers' answers, links that work once, counts of asked topics.

use groundswell::answers::{AnswerKind, Said, Via, in_force};
use groundswell::model::{Cadence, ConversationKey, DigestId, TopicId};
use groundswell::store::{AskedWindow, ClosedWindow, Closing, LinkUse, Origin, Pressed, Store};

use super::support::*;

const CASES: &[Case] = cases![
    answers_come_back_as_they_were_given,
    only_what_holds_can_be_taken_back_and_only_once,
    a_link_works_once_and_is_forgotten_when_it_has_expired,
    what_was_counted_stays,
];

#[test]
fn answers_keep_the_contract() {
    run_all(CASES);
}

fn said(topic: Option<&str>, kind: AnswerKind) -> Said {
    Said {
        by: "Ada \u{0}Ö".to_owned(),
        via: Via::Api,
        digest: topic.map(|_| DigestId::from("weekly-2026-W10")),
        topic: topic.map(TopicId::from),
        kind,
    }
}

async fn answers_come_back_as_they_were_given(store: Store) {
    let key = ConversationKey::new("desk", "a/b c");
    let kinds = [
        AnswerKind::Confirm,
        AnswerKind::Dispute {
            reason: "only \"in\" Bonn \u{202e}".into(),
        },
        AnswerKind::Dispute { reason: "".into() },
        AnswerKind::Pin { conversation: key },
        AnswerKind::Ask {
            name: "smell".to_owned(),
            query: "smell OR \"bad odour\"".to_owned(),
        },
    ];
    for (kind, number) in kinds.iter().zip(1..) {
        let topic = (number < 5).then_some("t1");
        let given = said(topic, kind.clone());
        let kept = store.add_answer(&given, minute(number)).await.unwrap();
        assert_eq!(kept.unwrap().number, number);
    }
    let log = store.answers().await.unwrap();
    let found: Vec<_> = log.iter().map(|answer| answer.said.kind.clone()).collect();
    assert_eq!(found, kinds);
    assert_eq!(log[0].said.by, "Ada Ö");
    assert_eq!((log[3].at, log[3].said.via), (minute(4), Via::Api));
    assert_eq!(log[4].said.topic, None);
}

async fn only_what_holds_can_be_taken_back_and_only_once(store: Store) {
    let undo = |number| said(None, AnswerKind::Undo { number });
    let add = async |said: Said| store.add_answer(&said, minute(1)).await.unwrap();
    assert!(add(undo(1)).await.is_none(), "nothing is there");
    add(said(Some("t1"), AnswerKind::Confirm)).await.unwrap();
    assert_eq!(add(undo(1)).await.unwrap().number, 2);
    assert!(add(undo(1)).await.is_none(), "twice");
    assert!(add(undo(2)).await.is_none(), "an undo is not undone");
    let log = store.answers().await.unwrap();
    assert_eq!((log.len(), in_force(&log).len()), (2, 0));
}

async fn a_link_works_once_and_is_forgotten_when_it_has_expired(store: Store) {
    let yes = said(Some("t1"), AnswerKind::Confirm);
    let click = async |nonce: &'static str, at| {
        let pressed = Pressed {
            nonce,
            expires_at: minute(10),
            at,
        };
        store.answer_by_link(pressed, &yes).await.unwrap()
    };
    assert_eq!(store.link_used_at("aa").await.unwrap(), None);
    assert!(matches!(click("aa", minute(1)).await, LinkUse::Kept(answer) if answer.number == 1));
    assert_eq!(click("aa", minute(2)).await, LinkUse::UsedBefore(minute(1)));
    assert_eq!(store.link_used_at("aa").await.unwrap(), Some(minute(1)));
    assert!(matches!(click("bb", minute(11)).await, LinkUse::Kept(_)));
    assert_eq!(
        store.link_used_at("aa").await.unwrap(),
        None,
        "expired, so it opens nothing"
    );
    assert_eq!(store.answers().await.unwrap().len(), 2, "answers stay");
}

async fn what_was_counted_stays(store: Store) {
    let ask = AnswerKind::Ask {
        name: "smell".to_owned(),
        query: "smell".to_owned(),
    };
    let asked = store.add_answer(&said(None, ask), minute(1)).await.unwrap();
    let counted = |window: &str, ids: &[&str]| AskedWindow {
        asked: asked.clone().unwrap().number,
        cadence: Cadence::Weekly,
        window: window.to_owned(),
        counted_at: minute(2),
        customers: 1,
        keys: ids
            .iter()
            .map(|id| ConversationKey::new("desk", *id))
            .collect(),
    };
    let (first, second) = (counted("2026-W10", &["1", "2"]), counted("2026-W11", &[]));
    store
        .save_asked(&[second.clone(), counted("2026-W10", &["9"])])
        .await
        .unwrap();
    store
        .save_asked(std::slice::from_ref(&first))
        .await
        .unwrap();
    store.close_window(&closing("2026-W10")).await.unwrap();
    store
        .save_asked(&[counted("2026-W10", &["3"])])
        .await
        .unwrap();
    let rows = store.asked_counts(Cadence::Weekly).await.unwrap();
    let expected = [
        (1, "2026-W10".to_owned(), 2, 1),
        (1, "2026-W11".to_owned(), 0, 1),
    ];
    assert_eq!(rows, expected);
    let found = store
        .asked_window(1, Cadence::Weekly, "2026-W10")
        .await
        .unwrap();
    assert_eq!(found, Some(first));
    assert!(store.asked_counts(Cadence::Daily).await.unwrap().is_empty());
}

/// A window in which nothing was said.
fn closing(window: &str) -> Closing {
    Closing {
        closed: ClosedWindow {
            team: String::new(),
            cadence: Cadence::Weekly,
            window: window.to_owned(),
            closed_at: minute(3),
            conversations: 0,
            digest: None,
            reason: "nothing".to_owned(),
        },
        counts: Vec::new(),
        digest: None,
        destinations: Vec::new(),
        origin: Origin::default(),
        teams: Vec::new(),
    }
}
