//! What only some vendors have: ratings in lists of their own, conversations of which only a part is shown; and what
//! `doctor` asks.

use groundswell::connectors::Connector;

use super::desk::Desk;
use crate::helpdesk::{By, Fault};
use crate::shelf::Shelf;

/// What `doctor` asks is what the vendor answers, and where records have the chosen field there is nothing to tell.
#[tokio::test]
async fn doctor_finds_nothing_wrong_where_nothing_is() {
    let checked = [
        "aircall",
        "chatwoot",
        "dialpad",
        "freshcaller",
        "front",
        "github",
        "gong",
        "hubspot",
        "request_tracker",
        "servicenow",
    ];
    for name in checked {
        let desk = Desk::busy(name).await;
        assert_eq!(
            desk.connector().check(desk.now()).await,
            Ok(Vec::new()),
            "{name}"
        );
        desk.helpdesk.fail_next(1, Fault::Status(403));
        let told = desk.connector().check(desk.now()).await;
        assert!(
            told.is_err() || told.is_ok_and(|remarks| !remarks.is_empty()),
            "{name}"
        );
    }
}

/// A rating comes after all is over, without a sign on the ticket, and stays when the ticket is read again for another
/// reason, also by a process that never saw it.
#[tokio::test]
async fn ratings_come_late_and_stay() {
    for name in [
        "freshdesk",
        "help_scout",
        "hubspot",
        "salesforce",
        "servicenow",
        "zendesk",
    ] {
        let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
        desk.settle(&shelf).await;
        let ids = desk.act_and(|tickets| {
            tickets.rate(1, 5);
            tickets.rate(2, 3);
            tickets.rate(6, 1);
            tickets.rate(6, 5);
            tickets.rate(3, 1);
            [1, 2, 3, 6].map(|id| desk.dialect.id(tickets.find(id).unwrap()))
        });
        let expected = |shares: [f64; 4]| ids.iter().cloned().zip(shares).collect();
        desk.act(|tickets| tickets.advance(600));
        desk.settle(&shelf).await;
        assert_eq!(
            shelf.ratings().await,
            expected([1.0, 0.5, 0.0, 1.0]),
            "{name}"
        );
        desk.act(|tickets| {
            tickets.reply(2, By::Agent, "thank you");
            tickets.reply(3, By::Customer, "it leaks again");
            tickets.rate(1, 3);
            tickets.advance(600);
        });
        desk.settle(&shelf).await;
        assert_eq!(
            shelf.ratings().await,
            expected([0.5, 0.5, 0.0, 1.0]),
            "{name}"
        );
        desk.compare(&shelf, "after ratings").await;
    }
}

/// Who may not read the list of ratings gets everything else.
#[tokio::test]
async fn ratings_that_may_not_be_read_cost_nothing_else() {
    for (name, list) in [
        ("help_scout", "/v2/reports/happiness/ratings"),
        ("hubspot", "feedback_submissions"),
        ("zendesk", "/guide/survey_responses"),
    ] {
        let (desk, shelf) = (Desk::busy(name).await, Shelf::new().await);
        desk.helpdesk.refuse(list, 403);
        desk.act(|tickets| {
            tickets.rate(1, 5);
            tickets.advance(600);
        });
        assert_eq!(shelf.pull_all(&desk.connector(), desk.now()).await, []);
        desk.compare(&shelf, "without ratings").await;
        assert!(shelf.ratings().await.is_empty(), "{name}");
        let told = desk.connector().check(desk.now()).await.unwrap();
        assert!(
            told.iter().any(|remark| remark.contains("ratings = false")),
            "{name}: {told:?}"
        );
    }
}

/// Only the newest parts of a conversation come; those that came before must not go.
#[tokio::test]
async fn a_conversation_that_outgrows_what_is_shown_of_it_keeps_its_middle() {
    let (desk, shelf) = (Desk::new("intercom").await, Shelf::new().await);
    desk.act(|tickets| {
        tickets.open("a long one", "it leaks");
        (1..=5).for_each(|number| tickets.reply(1, By::Agent, &format!("reply number {number}")));
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.act(|tickets| {
        (6..=8)
            .for_each(|number| tickets.reply(1, By::Customer, &format!("reply number {number}")));
        tickets.advance(600);
    });
    desk.settle(&shelf).await;
    desk.compare(&shelf, "a long conversation").await;
}

/// Where a customer works is in a place of its own; that one is gone, or works nowhere, costs nothing else.
#[tokio::test]
async fn the_organisation_of_whoever_asks_is_the_account() {
    let all = ["1", "2", "3"].as_slice();
    for (name, ids) in [("help_scout", &["3"][..]), ("hubspot", all)] {
        let (desk, shelf) = (Desk::new(name).await, Shelf::new().await);
        desk.act(|tickets| {
            (1..=3).for_each(|id| {
                tickets.open("leak", &format!("it leaks, {id}"));
            });
            tickets.advance(600);
        });
        desk.settle(&shelf).await;
        desk.compare(&shelf, "with organisations").await;
        let accounts = shelf.accounts().await;
        assert_eq!(accounts.keys().collect::<Vec<_>>(), ids, "{name}");
        assert!(accounts.values().all(|account| account == "Nord"));
        assert_eq!(shelf.parked().await, [] as [String; 0]);
    }
}
