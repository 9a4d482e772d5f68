//! `groundswell serve`: the daemon.

use crate::app::App;
use crate::config::Config;
use crate::daemon;

/// Runs until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let listener = daemon::listen(&config.web).await?;
    let app = App::open(config).await?;
    daemon::run(app, listener, daemon::stop_signal()).await
}
