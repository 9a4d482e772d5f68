//! `groundswell demo`: the main job, offline, on the built-in corpus.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::analyze;
use super::output::Steps;
use crate::app::App;
use crate::daemon;
use crate::demo;
use crate::digest::render::{Format, Rendered, render};
use crate::model::Cadence;
use crate::steps;

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// End after printing; do not serve the pages
    #[arg(long)]
    once: bool,
    /// Port of the pages on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8460)]
    port: u16,
}

/// Runs the whole way on the corpus, prints the newest weekly digest, serves the pages.
pub async fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let stop = daemon::stop_signal();
    let listener = if args.once {
        None
    } else {
        Some(listen(args.port).await?)
    };
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        done = prepare(folder.path()) => {
            let app = done?;
            print_digest(&app).await?;
            let Some(listener) = listener else { return Ok(()) };
            let address = listener.local_addr().context("reading the address of the pages")?;
            println!("\nPages on http://{address} (Ctrl-C ends)");
            daemon::show(app, listener, stop.clone()).await
        }
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "port {port} on 127.0.0.1 is in use; give another one with --port, or 0 for a free one"
        )
    })
}

async fn prepare(folder: &Path) -> anyhow::Result<App> {
    let mut progress = Steps::new();
    let config = demo::write_corpus(folder)?;
    let app = App::open(config).await?;
    analyze::find(&app, &mut progress).await?;
    progress.start("indexing", 0);
    crate::search::catch_up(&app.store, &app.index).await?;
    progress.start("composing", 0);
    let report = demo::official_report(&app.config.calendar)?;
    app.store.save_report(&report, demo::now()).await?;
    let (first, _) = app
        .store
        .span()
        .await?
        .context("the built-in corpus is empty")?;
    for cadence in Cadence::ALL {
        let mut window = app.config.calendar.window(cadence, first);
        while window.end <= demo::now() {
            steps::close(&app, &window, &[], false, window.end).await?;
            window = app.config.calendar.next(&window);
        }
    }
    progress.end();
    Ok(app)
}

async fn print_digest(app: &App) -> anyhow::Result<()> {
    let newest = app.store.closed_windows(Cadence::Weekly, 1).await?;
    let id = newest.first().and_then(|closed| closed.digest.clone());
    let id = id.context("the newest week has no digest")?;
    let (digest, _) = app
        .store
        .digest(&id)
        .await?
        .context("the newest digest is missing")?;
    if let Rendered::Text(text) = render(&digest, Format::Text, &app.config.web.public_url()) {
        println!("{text}");
    }
    Ok(())
}
