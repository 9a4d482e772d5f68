//! The model helpdesk: tickets in memory behind a real HTTP server that speaks as a vendor does,
//! and can lose, repeat, truncate and delay its answers.
//!
//! Tests say what people do (`open`, `reply`, `delete`, …) and what goes wrong (`fail_next`,
//! `fail_at`), and then compare what was stored with what the helpdesk holds.

mod dialect;
pub mod dialects;
mod faults;
pub mod scenes;
mod server;
mod shape;
mod tickets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};

pub use dialect::{Deletions, Dialect, Merges, SECRET};
pub use faults::Fault;
pub use shape::Shape;
pub use tickets::{By, Expected, Tickets};

/// The first instant of the model's time.
pub const START: &str = "2026-03-02T09:00:00Z";

/// What the secret of the OAuth client is; it must never show up in an error.
pub const CLIENT_SECRET: &str = "s3cret-of-the-client";

/// Everything that the server and the tests share.
#[derive(Default)]
struct State {
    tickets: Tickets,
    faults: faults::Plan,
    token: u32,
    /// Paths and queries asked for, in order.
    requests: Vec<String>,
    /// The last answer at each path.
    answered: BTreeMap<String, server::Shown>,
    /// Paths that hold this are refused like that.
    refused: Vec<(&'static str, u16)>,
    /// How values look in answers; as the vendor has them when missing.
    shape: Option<Shape>,
    /// Requests to a host where nobody must ask.
    strangers: u64,
    /// What people do once so many requests were made.
    acts: Vec<(u64, Act)>,
}

/// Something that people do.
type Act = Box<dyn FnOnce(&mut Tickets) + Send>;

/// A running model helpdesk. It ends with the test's runtime.
pub struct Helpdesk {
    /// Its address.
    pub url: url::Url,
    state: Arc<Mutex<State>>,
}

impl Helpdesk {
    /// Starts an empty helpdesk whose accounts log in with OAuth.
    pub async fn with_oauth(dialect: Arc<dyn Dialect>) -> Self {
        Self::serve(|hosts, state| {
            let router = dialect::router(dialect, hosts.clone(), Arc::clone(&state));
            server::with_oauth(router, hosts, state)
        })
        .await
    }

    /// Starts an empty helpdesk that speaks as a vendor does, on a free port of the loopback interface.
    pub async fn speaking(dialect: Arc<dyn Dialect>) -> Self {
        Self::serve(|hosts, state| dialect::router(dialect, hosts, state)).await
    }

    async fn serve(router: impl FnOnce(server::Hosts, Arc<Mutex<State>>) -> axum::Router) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (ours, address) = listen("127.0.0.1").await;
        // Another name, so that it is another host.
        let (theirs, elsewhere) = listen("localhost").await;
        let url = address.parse().unwrap();
        let hosts = server::Hosts { address, elsewhere };
        let router = router(hosts, Arc::clone(&state));
        tokio::spawn(async move { axum::serve(ours, router).await });
        let stranger = server::elsewhere(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(theirs, stranger).await });
        Self { url, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes or asks the tickets.
    pub fn tickets<T>(&self, act: impl FnOnce(&mut Tickets) -> T) -> T {
        act(&mut self.lock().tickets)
    }

    /// The model's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.lock().tickets.now()
    }

    /// The next requests all go wrong in this way.
    pub fn fail_next(&self, count: u64, fault: Fault) {
        let mut state = self.lock();
        let asked = state.requests.len() as u64;
        for number in 1..=count {
            state.faults.add(asked + number, fault);
        }
    }

    /// While the n-th request from now is on its way, people do this.
    pub fn then_at(&self, number: u64, act: impl FnOnce(&mut Tickets) + Send + 'static) {
        let mut state = self.lock();
        let asked = state.requests.len() as u64;
        state.acts.push((asked + number, Box::new(act)));
    }

    /// From now on all requests whose path holds this are refused.
    pub fn refuse(&self, path: &'static str, status: u16) {
        self.lock().refused.push((path, status));
    }

    /// The n-th request from now goes wrong.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        let mut state = self.lock();
        let asked = state.requests.len() as u64;
        state.faults.add(asked + number, fault);
    }

    /// Whether a planned fault has not happened yet.
    pub fn has_faults_left(&self) -> bool {
        let state = self.lock();
        state.faults.is_any_after(state.requests.len() as u64)
    }

    /// The token that was given out no longer works.
    pub fn revoke_token(&self) {
        self.lock().token += 1;
    }

    /// A page that repeats is one of those that are answered from now on.
    pub fn forget_answers(&self) {
        self.lock().answered.clear();
    }

    /// From now on values look like that in all answers.
    pub fn show(&self, shape: Shape) {
        self.lock().shape = Some(shape);
    }

    /// Requests to a host that is not ours.
    pub fn strangers(&self) -> u64 {
        self.lock().strangers
    }

    /// Paths and queries asked for so far.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }
}

/// Listens on a free port of the loopback interface; the address by this name for it.
async fn listen(name: &str) -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("http://{name}:{port}"))
}
