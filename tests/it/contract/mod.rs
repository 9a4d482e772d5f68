//! The contract of every system of the pull engine, held with the model helpdesk in each vendor's dialect: whatever
//! people do, however lists behave, and whatever goes wrong with any request, what is stored in the end is what the
//! helpdesk holds. Nothing lost, nothing doubled.
//!
//! A mailbox and files speak no HTTP. Their contracts, equal in meaning, are in `imap_faults.rs` (a real server behind a
//! line that breaks at any place) and `files.rs` (files that change between any two pages).

mod desk;
mod own;

use groundswell::connectors::{Connector, PullError};

use crate::helpdesk::{By, Deletions, Fault, SECRET, Shape, dialects};
use crate::shelf::Shelf;
use desk::Desk;

async fn all_pages_are_walked_and_a_second_pull_finds_nothing(name: &str) {
    let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
    let outcome = shelf.pull(&desk.connector(), desk.now(), 1_000).await;
    assert!(outcome.is_complete, "{outcome:?}");
    desk.compare(&shelf, "after the first pull").await;
    let again = shelf.pull(&desk.connector(), desk.now(), 1_000).await;
    assert_eq!((again.saved.new, again.saved.changed), (0, 0), "{again:?}");
    desk.compare(&shelf, "after the second pull").await;
}

async fn a_pull_that_stops_after_any_page_goes_on_in_a_new_process(name: &str) {
    let desk = Desk::busy(name).await;
    for pages in 1..8 {
        let shelf = Shelf::new().await;
        shelf.pull(&desk.connector(), desk.now(), pages).await;
        shelf.pull_all(&desk.connector(), desk.now()).await;
        desk.compare(&shelf, &format!("after {pages} pages")).await;
    }
}

async fn changes_deletions_and_merges_are_followed(name: &str) {
    let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
    desk.settle(&shelf).await;
    desk.change();
    desk.settle(&shelf).await;
    desk.compare(&shelf, "after changes").await;
    if desk.dialect.powers().restores {
        desk.act(|tickets| {
            tickets.restore(6);
            tickets.advance(600);
        });
        desk.settle(&shelf).await;
        desk.compare(&shelf, "after a restore").await;
    }
}

async fn more_records_than_a_page_may_have_one_time(name: &str) {
    let (desk, shelf) = (Desk::new(name).await, Shelf::new().await);
    desk.act(|tickets| {
        tickets.at_once(|tickets| {
            for number in 1..=5 {
                tickets.open(
                    &format!("Subject {number}"),
                    &format!("the valve leaks number {number}"),
                );
            }
        });
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.compare(&shelf, "opened at once").await;
    desk.act(|tickets| {
        tickets
            .at_once(|tickets| (1..=5).for_each(|id| tickets.reply(id, By::Agent, "a bulk reply")));
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.compare(&shelf, "changed at once").await;
}

async fn rows_that_move_while_pages_are_read_are_not_lost(name: &str) {
    for number in 1..12 {
        let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
        desk.helpdesk.then_at(number, |tickets| {
            tickets.reply(4, By::Customer, "one more thing");
            tickets.open("Subject 8", "the pump is loud");
        });
        desk.settle(&shelf).await;
        // Who asks little may have come to that request only in the last pull.
        shelf.pull_all(&desk.connector(), desk.now()).await;
        desk.compare(&shelf, &format!("moved at request {number}"))
            .await;
    }
}

async fn what_lists_show_late_comes_with_a_later_pull(name: &str) {
    let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
    shelf.pull_all(&desk.connector(), desk.now()).await;
    desk.act(|tickets| {
        tickets.late(300, |tickets| {
            tickets.open("late", "it leaks late");
            tickets.reply(7, By::Customer, "said late");
        });
        tickets.open("in time", "it leaks in time");
        tickets.advance(30);
    });
    shelf.pull_all(&desk.connector(), desk.now()).await;
    desk.act(|tickets| tickets.advance(400));
    desk.settle(&shelf).await;
    desk.compare(&shelf, "late rows").await;
}

async fn a_record_without_sense_is_skipped_and_the_rest_kept(name: &str) {
    let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
    desk.act(|tickets| {
        tickets.break_ticket(2);
        tickets.advance(600);
    });
    shelf.pull_all(&desk.connector(), desk.now()).await;
    desk.compare(&shelf, "one is broken").await;
    let skipped = shelf
        .store
        .skipped(&crate::shelf::SOURCE.into(), 10)
        .await
        .unwrap();
    assert!(!skipped.is_empty());
    assert!(
        skipped.iter().all(|(one, _)| !one.reason.contains("valve")),
        "{skipped:?}"
    );
}

async fn an_empty_helpdesk_is_no_fault(name: &str) {
    let (desk, shelf) = (Desk::new(name).await, Shelf::new().await);
    desk.act(|tickets| tickets.advance(600));
    assert_eq!(shelf.pull_all(&desk.connector(), desk.now()).await, []);
    desk.act(|tickets| {
        tickets.open("first", "it leaks");
        tickets.advance(600);
    });
    assert_eq!(shelf.pull_all(&desk.connector(), desk.now()).await, []);
    desk.compare(&shelf, "the first one").await;
}

async fn whatever_goes_wrong_with_any_request_nothing_is_lost(name: &str) {
    // Refusals of a page stand for caps, and for places in a list that the server forgot; 403 for a right that is back soon.
    let faults = [
        Fault::Status(500),
        Fault::Status(400),
        Fault::Status(404),
        Fault::Status(403),
        Fault::RateLimit(None),
        Fault::Cut,
        Fault::Truncate,
        Fault::Repeat,
        Fault::Elsewhere,
    ];
    for fault in faults {
        for number in 1.. {
            assert!(number < 100, "the scenario does not end");
            let (desk, shelf) = (Desk::small(name).await, Shelf::new().await);
            desk.helpdesk.fail_at(number, fault);
            let is_over = pulled_with_fault(&desk, &shelf).await;
            let uri = desk
                .helpdesk
                .requests()
                .into_iter()
                .nth(number as usize - 1);
            if fault == Fault::Status(403) && uri.is_some_and(|uri| desk.dialect.may_lack(&uri)) {
                continue;
            }
            desk.act(|tickets| {
                tickets.reply(2, By::Customer, "and it hums");
                tickets.advance(600);
            });
            desk.settle(&shelf).await;
            desk.compare(&shelf, &format!("{fault:?} at request {number}"))
                .await;
            if is_over {
                break;
            }
        }
    }
}

/// The same while people reply, delete and merge.
async fn whatever_goes_wrong_while_changes_are_followed_nothing_is_lost(name: &str) {
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Repeat,
        Fault::Redirect,
    ] {
        for number in 1.. {
            assert!(number < 100, "the scenario does not end");
            let (desk, shelf) = (Desk::small(name).await, Shelf::new().await);
            desk.settle(&shelf).await;
            desk.change_few();
            // What was answered hours ago is no page that repeats.
            desk.helpdesk.forget_answers();
            desk.helpdesk.fail_at(number, fault);
            let is_over = pulled_with_fault(&desk, &shelf).await;
            desk.settle(&shelf).await;
            desk.settle(&shelf).await;
            desk.compare(&shelf, &format!("{fault:?} at request {number}"))
                .await;
            if is_over {
                break;
            }
        }
    }
}

/// Pulls until all is read; whether no request went wrong. What went wrong is told without a secret or a customer's word.
async fn pulled_with_fault(desk: &Desk, shelf: &Shelf) -> bool {
    for failure in shelf.pull_all(&desk.connector(), desk.now()).await {
        let text = failure.to_string();
        assert!(!text.contains(SECRET) && !text.contains("Anna"), "{text}");
    }
    desk.helpdesk.has_faults_left()
}

/// A vendor says in its own way for how long it may not be asked, or does not say.
async fn a_limit_is_waited_for_as_told(name: &str) {
    let (desk, shelf) = (Desk::small(name).await, Shelf::new().await);
    // Far below what is waited where nothing is told, and over before another helpdesk gets this port.
    desk.helpdesk.fail_at(1, Fault::RateLimit(Some(4)));
    let outcome = shelf.pull(&desk.connector(), desk.now(), 10).await;
    let failure = outcome.failure.unwrap();
    let PullError::RateLimited { retry_after_s } = failure.error else {
        panic!("{name}: {}", failure.error);
    };
    if desk.dialect.limit(4).headers.is_empty() {
        assert_eq!(retry_after_s, None, "{name}");
        return;
    }
    let waits = [
        retry_after_s.unwrap_or(0),
        (failure.retry_at - desk.now()).num_seconds().unsigned_abs(),
    ];
    assert!(
        waits.iter().all(|wait| (2..=12).contains(wait)),
        "{name}: {waits:?}"
    );
}

/// Ids may be numbers here and text there, and what is empty may be missing.
async fn values_may_look_otherwise(name: &str) {
    for shape in [Shape::TextIds, Shape::NumberIds, Shape::Sparse] {
        let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
        desk.helpdesk.show(shape);
        desk.settle(&shelf).await;
        desk.compare(&shelf, &format!("{shape:?}")).await;
        desk.change();
        desk.settle(&shelf).await;
        desk.compare(&shelf, &format!("{shape:?}, after changes"))
            .await;
    }
}

/// A right that is lost looks as if everything were deleted. Nothing is, until a person says so; and once the right is
/// back, all goes on as if nothing had been.
async fn rights_that_vanish_cost_no_word(name: &str) {
    let (desk, shelf) = (Desk::new(name).await, Shelf::new().await);
    desk.act(|tickets| {
        for number in 1..=21 {
            tickets.open(
                &format!("Subject {number}"),
                &format!("the valve leaks number {number}"),
            );
            tickets.advance(60);
        }
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.act(|tickets| tickets.hide(true));
    desk.settle(&shelf).await;
    desk.settle(&shelf).await;
    desk.compare(&shelf, "while nothing can be seen").await;
    let held = shelf.held().await;
    // Who tells of deletions is mostly not asked for what is missing.
    let is_told = desk.dialect.powers().deletions != Deletions::Silent;
    assert!(held == 21 || is_told && held == 0, "{name}: {held}");
    desk.act(|tickets| {
        tickets.hide(false);
        tickets.reply(2, By::Customer, "and it hums");
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.compare(&shelf, "once all can be seen again").await;
    assert_eq!(shelf.held().await, 0, "{name}");
}

/// What was there before the first pull comes with history, whatever goes wrong with any of its requests. What is gone
/// by then may be missing: nothing of it was ever stored.
async fn what_is_older_comes_with_history(name: &str) {
    for fault in [None, Some(Fault::Status(500)), Some(Fault::Repeat)] {
        for number in 1.. {
            assert!(number < 200, "history does not end");
            let desk = match fault {
                Some(_) => Desk::small(name).await,
                None => Desk::busy(name).await,
            };
            let shelf = Shelf::new().await;
            desk.act(|tickets| {
                tickets.advance(40 * 86_400);
                tickets.open("a new one", "the pump is loud");
                tickets.advance(600);
            });
            shelf.pull_all(&desk.connector(), desk.now()).await;
            if let Some(fault) = fault {
                desk.helpdesk.fail_at(number, fault);
            }
            shelf.read_history(&desk.connector(), desk.now()).await;
            let is_over = desk.helpdesk.has_faults_left() || fault.is_none();
            desk.settle(&shelf).await;
            desk.compare_what_is_there(&shelf, &format!("{fault:?} at request {number}"))
                .await;
            if is_over {
                break;
            }
        }
    }
}

/// Some records come to light only days after they were made: what was brought over from elsewhere, what the account was
/// shut out from, what an index had lost. No list of changes goes back that far. The walk over everything finds them, as
/// far as history goes, and nobody asks for them again after that.
async fn what_no_list_of_changes_ever_shows_is_found(name: &str) {
    let (desk, shelf) = (Desk::new(name).await, Shelf::new().await);
    if !desk.looks_through_everything() {
        // Who has no such walk would never hear of deletions either.
        assert_ne!(desk.dialect.powers().deletions, Deletions::Silent, "{name}");
        return;
    }
    desk.act(|tickets| {
        tickets.late(7 * 86_400, |tickets| {
            tickets.open("too old", "it leaked years ago");
            tickets.open("hidden", "nobody sees that it leaks");
        });
        tickets.age(1, 400);
        for number in 3..=7 {
            tickets.open(&format!("Subject {number}"), "it leaks");
        }
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    shelf.read_history(&desk.connector(), desk.now()).await;
    let ids = desk.act_and(|tickets| [1, 2].map(|id| desk.dialect.id(tickets.find(id).unwrap())));
    let [too_old, hidden] = &ids;
    for day in [4, 8] {
        assert!(!shelf.all().await.contains_key(hidden), "{name}: day {day}");
        desk.act(|tickets| {
            tickets.advance(4 * 86_400);
            for number in 1..=5 {
                tickets.open(&format!("Subject {number} of day {day}"), "it leaks");
            }
            tickets.advance(600);
        });
        desk.settle(&shelf).await;
    }
    let mut expected = desk.act_and(|tickets| tickets.expected_of(desk.dialect.as_ref()));
    expected.remove(too_old);
    assert_eq!(shelf.all().await, expected, "{name}");
    assert_eq!(shelf.parked().await, [] as [String; 0], "{name}");
    let asked = desk.helpdesk.requests().len();
    desk.settle(&shelf).await;
    let asked = desk.helpdesk.requests().split_off(asked);
    let is_about = |path: &String| {
        let path = path.split('?').next().unwrap();
        path.split('/').any(|part| part == hidden)
    };
    assert!(!asked.iter().any(is_about), "{name}: {asked:?}");
}

/// Credentials that are refused are a matter for a person, and the error does not show them.
async fn refused_credentials_are_a_matter_for_a_person(name: &str) {
    let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
    desk.helpdesk.fail_next(10, Fault::Status(401));
    let failure = shelf
        .pull(&desk.connector(), desk.now(), 10)
        .await
        .failure
        .unwrap();
    let text = failure.error.to_string();
    assert!(
        text.contains("not authorised") && !text.contains(SECRET),
        "{text}"
    );
    assert!(shelf.all().await.is_empty());
    let asked = desk.helpdesk.requests();
    assert!(
        asked.iter().all(|request| !request.contains(SECRET)),
        "{asked:?}"
    );
    let connector = desk.connector();
    assert!(!format!("{:?}", connector.condition()).contains(SECRET));
}

macro_rules! contract {
    ($dialect:ident: $($test:ident),* $(,)?) => {
        mod $dialect {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(stringify!($dialect)).await;
                }
            )*
        }
    };
}

macro_rules! contracts {
    ($($dialect:ident: $player:ident,)*) => {
        $(
            contract!($dialect:
                all_pages_are_walked_and_a_second_pull_finds_nothing,
                a_pull_that_stops_after_any_page_goes_on_in_a_new_process,
                changes_deletions_and_merges_are_followed,
                more_records_than_a_page_may_have_one_time,
                rows_that_move_while_pages_are_read_are_not_lost,
                what_lists_show_late_comes_with_a_later_pull,
                a_record_without_sense_is_skipped_and_the_rest_kept,
                an_empty_helpdesk_is_no_fault,
                whatever_goes_wrong_with_any_request_nothing_is_lost,
                whatever_goes_wrong_while_changes_are_followed_nothing_is_lost,
                a_limit_is_waited_for_as_told,
                values_may_look_otherwise,
                rights_that_vanish_cost_no_word,
                what_is_older_comes_with_history,
                what_no_list_of_changes_ever_shows_is_found,
                refused_credentials_are_a_matter_for_a_person,
            );
        )*
    };
}

dialects::each_dialect!(contracts);
