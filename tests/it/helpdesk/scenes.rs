//! What people do in most tests.

use super::dialect::{Merges, Powers};
use super::tickets::{By, Tickets};

/// Tickets `1` to `count`.
pub fn opened(tickets: &mut Tickets, count: u64) {
    for number in 1..=count {
        tickets.open(
            &format!("Subject {number}"),
            &format!("the valve leaks number {number}"),
        );
    }
}

/// Three tickets, one with a conversation: each request of a pull gets its turn to go wrong.
pub fn few(tickets: &mut Tickets) {
    opened(tickets, 3);
    talked(tickets);
}

/// Seven tickets with what happens to tickets, as far as the vendor can show it.
pub fn busy(tickets: &mut Tickets, powers: &Powers) {
    opened(tickets, 7);
    talked(tickets);
    if powers.categories {
        tickets.set_category(2, "heating");
    }
    tickets.solve(3);
    if powers.reopens {
        tickets.reply(3, By::Customer, "it leaks again");
    }
    if powers.merges == Merges::Told {
        tickets.merge(5, 4);
    }
}

fn talked(tickets: &mut Tickets) {
    tickets.reply(1, By::Agent, "which model is it");
    tickets.reply(1, By::Customer, "the larger one");
    tickets.reply(1, By::Note, "customer is angry");
}
