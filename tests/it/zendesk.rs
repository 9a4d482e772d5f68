//! What is Zendesk's own beyond the contract (`contract`): an account that logs in with OAuth, the export's last minute,
//! scrubbed tickets, what comments say of writers' machines, its own counts; and each fault in words.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use groundswell::connectors::engine::{Credentials, Engine, Settings};
use groundswell::connectors::vault::Vault;
use groundswell::connectors::zendesk::{self, FieldChoice, Zendesk};
use groundswell::connectors::{Connector, PullError};
use groundswell::model::{Cadence, Calendar, SourceId};
use groundswell::steps::official;
use secrecy::SecretString;

use crate::helpdesk::{By, CLIENT_SECRET, Fault, Helpdesk, dialects, scenes};
use crate::shelf::{SOURCE, Shelf};

fn zendesk(helpdesk: &Helpdesk, page_records: u32) -> Engine {
    engine(account(
        helpdesk,
        client(helpdesk, CLIENT_SECRET),
        page_records,
    ))
}

fn engine(account: Zendesk) -> Engine {
    Engine::new(Arc::new(account), &Vault::new(std::env::temp_dir(), None)).unwrap()
}

fn client(helpdesk: &Helpdesk, secret: &str) -> Credentials {
    Credentials::Client {
        url: helpdesk.url.join("oauth/tokens").unwrap(),
        id: "groundswell".to_owned(),
        secret: SecretString::from(secret.to_owned()),
        scope: "read".to_owned(),
    }
}

fn account(helpdesk: &Helpdesk, credentials: Credentials, page_records: u32) -> Zendesk {
    let (source, usual) = (SourceId::from(SOURCE), &zendesk::KIND.usual);
    let mut settings = Settings::new(source, helpdesk.url.clone(), credentials, usual);
    settings.page_records = page_records;
    settings.limits.timeout = Duration::from_millis(800);
    settings.rate_per_minute = Some(1_000_000);
    let mut account = Zendesk::new(settings);
    account.fields.category = FieldChoice::parse("field:360001");
    account
}

async fn start() -> Helpdesk {
    Helpdesk::with_oauth(dialects::named("zendesk")).await
}

/// Seven tickets with what happens to tickets, all old enough to be exported.
async fn busy_helpdesk() -> Helpdesk {
    let helpdesk = start().await;
    helpdesk.tickets(|tickets| {
        scenes::busy(tickets, &dialects::named("zendesk").powers());
        tickets.delete(6);
        tickets.touch(2);
        tickets.advance(120);
    });
    helpdesk
}

// ---- the export's own rules

#[tokio::test]
async fn changes_are_followed_through_reply_deletion_scrub_merge_and_restore() {
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 3));
    shelf.pull_all(&connector, helpdesk.now()).await;
    helpdesk.tickets(|tickets| {
        tickets.reply(2, By::Customer, "and it hums");
        tickets.delete(3);
        tickets.restore(6);
        tickets.scrub(7);
        tickets.merge(1, 2);
        tickets.advance(120);
    });
    shelf.pull_all(&connector, helpdesk.now()).await;
    assert_eq!(
        shelf.all().await,
        helpdesk.tickets(|tickets| tickets.expected())
    );
    let scrubbed = shelf.store.changes_after(0, 100).await.unwrap();
    let text: String = scrubbed
        .iter()
        .map(|one| format!("{:?}", one.stored.text.as_str()))
        .collect();
    assert!(
        !text.contains("number 7") && !text.contains("number 3"),
        "erased words are still there"
    );
}

#[tokio::test]
async fn the_last_minute_comes_with_the_next_pull() {
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 100));
    shelf.pull_all(&connector, helpdesk.now()).await;
    let before = shelf.all().await;
    helpdesk.tickets(|tickets| tickets.reply(7, By::Customer, "it leaks late"));
    shelf.pull_all(&connector, helpdesk.now()).await;
    assert_eq!(shelf.all().await, before);
    let progress = shelf.store.source_progress().await.unwrap();
    assert!(progress[0].complete_until.unwrap() <= helpdesk.now() - TimeDelta::seconds(60));
    helpdesk.tickets(|tickets| tickets.advance(61));
    shelf.pull_all(&connector, helpdesk.now()).await;
    assert_eq!(
        shelf.all().await,
        helpdesk.tickets(|tickets| tickets.expected())
    );
}

#[tokio::test]
async fn nothing_of_the_writers_machine_or_name_is_kept() {
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 100));
    shelf.pull_all(&connector, helpdesk.now()).await;
    for change in shelf.store.changes_after(0, 100).await.unwrap() {
        let shown = format!("{:?}{}", change.stored, change.stored.text.as_str());
        for word in ["203.0.113.7", "Berlin", "52.5", "evil.example"] {
            assert!(
                !shown.contains(word),
                "{word} in {}",
                change.stored.conversation.key
            );
        }
    }
    assert!(
        helpdesk
            .requests()
            .iter()
            .all(|request| request.starts_with("/api/v2/") || request == "/oauth/tokens")
    );
}

// ---- what goes wrong

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_told() {
    let helpdesk = busy_helpdesk().await;
    // The wait holds as long as this process lives: no other test may have this account, should it get this address.
    let limited = || {
        let mut credentials = client(&helpdesk, CLIENT_SECRET);
        if let Credentials::Client { id, .. } = &mut credentials {
            *id = "limited".to_owned();
        }
        engine(account(&helpdesk, credentials, 100))
    };
    let (shelf, connector, now) = (Shelf::new().await, limited(), helpdesk.now());
    helpdesk.fail_at(2, Fault::RateLimit(Some(7_200)));
    let failure = shelf.pull(&connector, now, 100).await.failure.unwrap();
    assert_eq!(
        failure.error,
        PullError::RateLimited {
            retry_after_s: Some(7_200)
        }
    );
    assert!((7_200..7_260).contains(&(failure.retry_at - now).num_seconds()));
    // The wait holds for whoever asks on behalf of this account; another one is not concerned.
    let failure = shelf.pull(&limited(), now, 100).await.failure.unwrap();
    assert!(matches!(
        failure.error,
        PullError::RateLimited {
            retry_after_s: Some(7_100..=7_201)
        }
    ));
    let helpdesk = busy_helpdesk().await;
    let connector = zendesk(&helpdesk, 100);
    helpdesk.fail_next(1, Fault::RateLimit(None));
    let failure = shelf.pull(&connector, now, 100).await.failure.unwrap();
    assert_eq!(
        failure.error,
        PullError::RateLimited {
            retry_after_s: None
        }
    );
    assert!((60..=360).contains(&(failure.retry_at - now).num_seconds()));
    let progress = shelf.store.source_progress().await.unwrap();
    assert_eq!(
        (progress[0].failures, progress[0].cursor.clone()),
        (3, None)
    );
}

#[tokio::test]
async fn each_fault_is_told_apart_and_no_error_shows_a_secret_or_a_customers_word() {
    let cases = [
        (Fault::Status(401), "not authorised"),
        (Fault::Status(403), "administrator"),
        (Fault::Status(500), "fault"),
        (Fault::Status(404), "status 404"),
        (Fault::Status(422), "status 422"),
        (Fault::Cut, "broke"),
        (Fault::Truncate, "cut short"),
        (Fault::Garbage, "not JSON"),
        (
            Fault::Delay(Duration::from_secs(2)),
            "did not answer within",
        ),
        (Fault::Redirect, "redirects to another address"),
    ];
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 2));
    shelf.pull(&connector, helpdesk.now(), 1).await;
    let cursor = shelf.cursor().await;
    for (fault, expected) in cases {
        // A refused token is renewed once, so the refusal must come twice.
        helpdesk.fail_next(if fault == Fault::Status(401) { 3 } else { 1 }, fault);
        let failure = shelf
            .pull(&connector, helpdesk.now(), 1)
            .await
            .failure
            .unwrap();
        let text = format!("{} {:?}", failure.error, failure.error);
        assert!(text.contains(expected), "{fault:?}: {text}");
        for secret in [CLIENT_SECRET, "token-0", "Anna", "private"] {
            assert!(!text.contains(secret), "{fault:?}: {text}");
        }
        assert_eq!(shelf.cursor().await, cursor, "{fault:?}: the cursor stays");
    }
    let mut unreachable = start().await;
    unreachable.url = "http://127.0.0.1:9/".parse().unwrap();
    let failure = shelf
        .pull(&zendesk(&unreachable, 2), helpdesk.now(), 1)
        .await
        .failure
        .unwrap();
    assert!(
        failure
            .error
            .to_string()
            .contains("127.0.0.1:9 cannot be reached"),
        "{}",
        failure.error
    );
}

#[tokio::test]
async fn a_token_that_ran_out_is_renewed_once() {
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 2));
    shelf.pull(&connector, helpdesk.now(), 1).await;
    helpdesk.revoke_token();
    assert_eq!(shelf.pull_all(&connector, helpdesk.now()).await, []);
    assert_eq!(
        shelf.all().await,
        helpdesk.tickets(|tickets| tickets.expected())
    );
    let fetched = helpdesk
        .requests()
        .iter()
        .filter(|one| *one == "/oauth/tokens")
        .count();
    assert_eq!(fetched, 2);
}

#[tokio::test]
async fn a_wrong_client_secret_is_a_matter_for_a_person() {
    let helpdesk = busy_helpdesk().await;
    let connector = engine(account(&helpdesk, client(&helpdesk, "wr0ng"), 100));
    let error = connector.pull(None, helpdesk.now()).await.unwrap_err();
    assert!(
        matches!(&error, PullError::Unauthorized(text) if text.contains("its secret")),
        "{error}"
    );
    assert!(!error.to_string().contains("wr0ng"));
}

#[tokio::test]
async fn a_page_that_repeats_stops_the_pull_and_not_for_ever() {
    let helpdesk = busy_helpdesk().await;
    let (shelf, connector) = (Shelf::new().await, zendesk(&helpdesk, 2));
    shelf.pull(&connector, helpdesk.now(), 1).await;
    helpdesk.fail_next(1, Fault::Repeat);
    let failures = shelf.pull_all(&connector, helpdesk.now()).await;
    assert!(
        failures.len() == 1 && failures[0].to_string().contains("repeats"),
        "{failures:?}"
    );
    assert_eq!(
        shelf.all().await,
        helpdesk.tickets(|tickets| tickets.expected())
    );
}

/// For n = 1, 2, 3, … the n-th request is refused or makes no sense, that for a token among them, until a run gets
/// through untouched: each time what is stored in the end is what the helpdesk holds.
#[tokio::test]
async fn whatever_request_is_refused_nothing_is_lost() {
    for fault in [Fault::Status(500), Fault::Status(401), Fault::Garbage] {
        for number in 1.. {
            assert!(number < 100, "the scenario does not end");
            if !run_with_fault(fault, number).await {
                break;
            }
        }
    }
}

/// One run; false when the fault never came to pass.
async fn run_with_fault(fault: Fault, number: u64) -> bool {
    let helpdesk = busy_helpdesk().await;
    let shelf = Shelf::new().await;
    helpdesk.fail_at(number, fault);
    shelf.pull_all(&zendesk(&helpdesk, 3), helpdesk.now()).await;
    helpdesk.tickets(|tickets| {
        tickets.reply(2, By::Customer, "and it hums");
        tickets.delete(3);
        tickets.scrub(7);
        tickets.advance(120);
    });
    shelf.pull_all(&zendesk(&helpdesk, 3), helpdesk.now()).await;
    // What was parked has its second try.
    helpdesk.tickets(|tickets| tickets.advance(3_600));
    shelf.pull_all(&zendesk(&helpdesk, 3), helpdesk.now()).await;
    let expected = helpdesk.tickets(|tickets| tickets.expected());
    assert_eq!(shelf.all().await, expected, "{fault:?} at request {number}");
    let progress = shelf.store.source_progress().await.unwrap();
    assert_eq!((progress[0].failures, progress[0].error.clone()), (0, None));
    !helpdesk.has_faults_left()
}

// ---- the helpdesk's own counts

#[tokio::test]
async fn the_helpdesks_own_counts_are_kept_once_for_each_window() {
    let helpdesk = busy_helpdesk().await;
    helpdesk.tickets(|tickets| tickets.solve(7));
    let (shelf, source) = (Shelf::new().await, SourceId::from(SOURCE));
    let (calendar, now) = (Calendar::default(), "2026-03-03T09:00:00Z".parse().unwrap());
    let silent = zendesk(&helpdesk, 100);
    let added = official(&shelf.store, &silent, &source, &calendar, now).await;
    assert_eq!(added.unwrap(), 0, "only when asked for");

    let mut account = account(&helpdesk, client(&helpdesk, CLIENT_SECRET), 100);
    account.official_figures = true;
    let connector = engine(account);
    helpdesk.fail_next(1, Fault::Status(503));
    let added = official(&shelf.store, &connector, &source, &calendar, now).await;
    assert_eq!(added.unwrap(), 0, "asked again at the next pull");
    let added = official(&shelf.store, &connector, &source, &calendar, now).await;
    assert_eq!(added.unwrap(), 3, "a day, a week and a month");
    let told: Vec<_> = shelf
        .store
        .reports(Cadence::Daily)
        .await
        .unwrap()
        .into_iter()
        .map(|report| {
            assert_eq!(report.name, "desk's own count");
            assert!(report.rows[0].is_total());
            let row = &report.rows[0];
            (report.metric.clone(), row.window.clone(), row.count)
        })
        .collect();
    // Seven were opened, of which one is deleted; the one that was solved first was opened again.
    let day = "2026-03-02".to_owned();
    let expected = [
        ("opened".to_owned(), day.clone(), 6),
        ("solved".to_owned(), day, 1),
    ];
    assert_eq!(told, expected);
    let added = official(&shelf.store, &connector, &source, &calendar, now).await;
    assert_eq!(added.unwrap(), 0, "once");
    let later = "2026-03-04T09:00:00Z".parse().unwrap();
    let added = official(&shelf.store, &connector, &source, &calendar, later).await;
    assert_eq!(added.unwrap(), 1);
    let days = shelf.store.reports(Cadence::Daily).await.unwrap();
    assert_eq!(days[0].rows.len(), 2, "the day before stays");
}
