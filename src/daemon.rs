//! The daemon: one worker loop, the reading of history and the pages beside it, ended together by one signal.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock;
use crate::schedule;
use crate::web;
use crate::web::config::WebConfig;

/// How often it is looked whether there is history to read.
const HISTORY_PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Opens the pages' address; a port in use is one clear sentence.
pub async fn listen(web: &WebConfig) -> anyhow::Result<TcpListener> {
    let address = web.listen;
    TcpListener::bind(address).await.with_context(|| {
        format!("{address} cannot be listened on; set web.listen to another address or stop what uses it")
    })
}

/// A token that is cancelled by Ctrl-C or SIGTERM.
pub fn stop_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let stopped = token.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        stopped.cancel();
    });
    token
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(interrupt.await),
    }
}

/// Works and serves until `stop` is cancelled. The piece of work in progress is abandoned at its next pause: what it
/// did is either wholly in the database or not at all.
pub async fn run(app: App, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let app = Arc::new(app);
    let address = listener
        .local_addr()
        .context("reading the address of the pages")?;
    tracing::info!(%address, "pages on http://{address}");
    let worker = tokio::spawn(work(app.clone(), stop.clone()));
    let historian = tokio::spawn(read_history(app.clone(), stop.clone()));
    let served = web::serve(app, listener, stop.clone()).await;
    stop.cancel();
    worker.await.context("the worker ended badly")?;
    historian
        .await
        .context("the reader of history ended badly")?;
    tracing::info!("stopped");
    served
}

/// Serves the pages of a finished database, without a worker: the demo.
pub async fn show(app: App, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    web::serve(Arc::new(app), listener, stop).await
}

async fn work(app: Arc<App>, stop: CancellationToken) {
    let mut failed = BTreeSet::new();
    loop {
        let is_busy = tokio::select! {
            () = stop.cancelled() => return,
            is_busy = app.round(clock::now(), &mut failed) => is_busy,
        };
        if is_busy && failed.is_empty() {
            continue;
        }
        let pause = pause(&app, !failed.is_empty()).await;
        failed.clear();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = app.bell.notified() => {}
        }
    }
}

/// Reads history beside the worker, so that no daily pull waits for it.
async fn read_history(app: Arc<App>, stop: CancellationToken) {
    loop {
        let mut failed = BTreeSet::new();
        let is_busy = tokio::select! {
            () = stop.cancelled() => return,
            is_busy = app.backfill_round(clock::now(), &mut failed) => is_busy,
        };
        let pause = if is_busy && failed.is_empty() {
            // Time for the worker to take its turn and see what is new.
            app.bell.notify_one();
            std::time::Duration::from_millis(50)
        } else {
            HISTORY_PAUSE
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Until the next thing is due, but at most a minute: edits and imports by hand come without a bell.
async fn pause(app: &App, has_failed: bool) -> std::time::Duration {
    let longest = std::time::Duration::from_secs(if has_failed { 30 } else { 60 });
    let Ok(progress) = app.progress().await else {
        return longest;
    };
    let now = clock::now();
    let next = schedule::next_at(now, &app.plan(), &progress);
    let until = (next - now).to_std().unwrap_or_default();
    if has_failed {
        longest
    } else {
        until.clamp(std::time::Duration::from_millis(200), longest)
    }
}
