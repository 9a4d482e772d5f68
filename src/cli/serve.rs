//! `groundswell serve`: the daemon.

use anyhow::Context;

use crate::app::App;
use crate::config::Config;
use crate::daemon;

/// Runs until it is told to stop.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let listener = daemon::listen(&config.web).await?;
    // Port 0 takes a free one; links in digests name the one that was taken.
    config.web.listen = listener
        .local_addr()
        .context("reading the address of the pages")?;
    let app = App::open(config).await?;
    daemon::run(app, listener, daemon::stop_signal()).await
}
