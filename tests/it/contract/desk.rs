//! A model helpdesk with its connector, what people do there, and the comparison with what is stored.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use groundswell::connectors::engine::{Engine, Follow};
use groundswell::connectors::vault::Vault;

use crate::helpdesk::{By, Deletions, Dialect, Helpdesk, Merges, Tickets, dialects, scenes};
use crate::shelf::Shelf;

/// A model helpdesk in a vendor's dialect, and the connector that asks it.
pub struct Desk {
    pub dialect: Arc<dyn Dialect>,
    pub helpdesk: Helpdesk,
}

impl Desk {
    pub async fn new(name: &str) -> Self {
        let dialect = dialects::named(name);
        let helpdesk = Helpdesk::speaking(Arc::clone(&dialect)).await;
        Self { dialect, helpdesk }
    }

    /// Seven tickets with what happens to tickets, as far as the vendor can show it.
    pub async fn busy(name: &str) -> Self {
        let desk = Self::new(name).await;
        let powers = desk.dialect.powers();
        desk.act(|tickets| {
            scenes::busy(tickets, &powers);
            tickets.advance(600);
        });
        desk
    }

    /// Three tickets, one with a conversation: each request of a pull gets its turn to go wrong.
    pub async fn small(name: &str) -> Self {
        let desk = Self::new(name).await;
        desk.act(|tickets| {
            scenes::few(tickets);
            tickets.advance(600);
        });
        desk
    }

    pub fn act(&self, act: impl FnOnce(&mut Tickets)) {
        self.helpdesk.tickets(act);
    }

    pub fn act_and<T>(&self, act: impl FnOnce(&mut Tickets) -> T) -> T {
        self.helpdesk.tickets(act)
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.helpdesk.now()
    }

    /// A connector as a new process makes it.
    pub fn connector(&self) -> Engine {
        let vault = Vault::new(std::env::temp_dir(), None);
        Engine::new(self.dialect.system(&self.helpdesk.url), &vault).unwrap()
    }

    pub fn looks_through_everything(&self) -> bool {
        let streams = self.dialect.system(&self.helpdesk.url).streams();
        let mut follows = streams.iter().map(|stream| &stream.follow);
        follows.any(|follow| matches!(follow, Follow::Sweep { .. }))
    }

    /// Pulls again and again, hours apart, as a daemon does: until sweeps and second tries have had their turn.
    pub async fn settle(&self, shelf: &Shelf) {
        let connector = self.connector();
        for _ in 0..3 {
            shelf.pull_all(&connector, self.now()).await;
            self.act(|tickets| tickets.advance(7_200));
        }
    }

    pub async fn compare(&self, shelf: &Shelf, when: &str) {
        let (name, strangers) = (self.dialect.name(), self.helpdesk.strangers());
        assert_eq!(strangers, 0, "{name}: another host was asked, {when}");
        let expected = self
            .helpdesk
            .tickets(|tickets| tickets.expected_of(self.dialect.as_ref()));
        assert_eq!(
            shelf.all().await,
            expected,
            "{}: {when}",
            self.dialect.name()
        );
    }

    /// Compares without what is gone.
    pub async fn compare_what_is_there(&self, shelf: &Shelf, when: &str) {
        let mut found = shelf.all().await;
        let tickets = |tickets: &mut Tickets| tickets.expected_of(self.dialect.as_ref());
        let mut expected = self.helpdesk.tickets(tickets);
        found.retain(|_, one| one.exclusion.is_none());
        expected.retain(|_, one| one.exclusion.is_none());
        assert_eq!(found, expected, "{}: {when}", self.dialect.name());
    }

    /// What people do to some of the seven tickets later.
    pub fn change(&self) {
        let powers = self.dialect.powers();
        self.act(|tickets| {
            tickets.reply(2, By::Customer, "and it hums");
            if powers.deletions != Deletions::Never {
                tickets.delete(6);
            }
            if powers.merges != Merges::Never {
                tickets.merge(1, 2);
            }
            if powers.redacts {
                tickets.redact(3, 1);
            }
            if powers.moves {
                tickets.move_away(5);
            }
            if powers.scrubs {
                tickets.scrub(7);
            }
            tickets.open("Subject 8", "the pump is loud");
            tickets.advance(600);
        });
    }

    /// What people do to the three tickets later.
    pub fn change_few(&self) {
        let powers = self.dialect.powers();
        self.act(|tickets| {
            tickets.reply(2, By::Customer, "and it hums");
            if powers.deletions != Deletions::Never {
                tickets.delete(3);
            }
            // Of one that is only missing, an address that leads nowhere says as much.
            if powers.merges == Merges::Told {
                tickets.merge(1, 2);
            }
            tickets.open("Subject 4", "the pump is loud");
            tickets.advance(600);
        });
    }
}
