//! `logclass serve`: the same engine behind a REST API and a page.
//!
//! ```text
//! connection -> guard -> router -> classify | messages | jobs | page
//! (timeouts,   (Host,             |
//!  limits)      token, log)    upload -> engine (blocking thread) -> spool -> response
//! ```
//!
//! The async side moves bytes and never classifies; [`engine`] classifies and knows nothing of HTTP. Between
//! them stand two bounded queues, so a request of any size takes the same memory.

mod access;
mod asset;
mod classify;
mod connection;
mod counters;
pub mod engine;
mod guard;
mod health;
mod job_report;
mod job_routes;
mod job_view;
mod jobs;
mod messages;
mod problem;
mod randomness;
mod router;
mod rows;
mod safe_cells;
mod samples;
mod settings;
mod spool;
mod state;
mod upload;

use anyhow::{Context, Result};
use engine::Engine;
pub use settings::{LogFormat, ServerSettings};

/// Serves until a signal comes and what was begun is finished.
///
/// # Errors
/// When the settings are unsafe, the address is taken, or the encoder cannot be loaded.
pub fn run(settings: ServerSettings, engine: Engine) -> Result<()> {
    settings.check()?;
    randomness::random::<16>()
        .context("there is no randomness to keep secrets with: are /dev/random and /dev/urandom missing?")?;
    tempfile::tempfile().with_context(|| {
        let folder = tempfile::env::temp_dir();
        format!(
            "{}: no temporary file can be made: set TMPDIR to a folder that can be written",
            folder.display()
        )
    })?;
    engine.warm_up()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the server's threads cannot be started")?;
    let address = settings.address;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("{address}: cannot listen"))?;
        connection::serve(listener, state::ServerState::new(settings, engine)).await
    });
    // Whatever still runs after the grace period is not waited for.
    runtime.shutdown_background();
    served
}
