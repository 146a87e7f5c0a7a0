//! `logclass serve`: the same engine behind a REST API and a page.
//!
//! ```text
//! connection -> guard -> router -> classify | messages | jobs | page
//! (timeouts,   (Host,             |
//!  limits)      token, log)    upload -> engine (blocking thread) -> spool -> response
//! ```
//!
//! The async side moves bytes and never classifies; [`engine`] classifies and knows nothing of HTTP. Between them
//! stand two bounded queues, so a request of any size takes the same memory.

mod access;
mod asset;
mod classify;
mod connection;
pub mod engine;
mod guard;
mod health;
mod job_routes;
mod job_view;
mod jobs;
mod messages;
mod metrics;
mod problem;
mod router;
mod rows;
mod safe_cells;
mod spool;
mod state;
mod upload;

use anyhow::{Context, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use access::LogFormat;
use engine::Engine;

/// How the server runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// What a client must show to be served; nothing when it needs not.
    pub token: Option<String>,
    /// Serve beyond this machine without a token.
    pub insecure: bool,
    /// Names by which clients may call the server, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Longest upload, in bytes.
    pub body_bytes: u64,
    /// Files classified at once.
    pub concurrency: usize,
    /// Connections held at once.
    pub connections: usize,
    /// Time to send a request's head, and longest silence in its body or while it is answered.
    pub timeout: Duration,
    /// How long a finished job is kept.
    pub job_lifetime: Duration,
    /// Jobs kept at once.
    pub jobs: usize,
    /// Time that running requests get to finish after a signal.
    pub grace: Duration,
    /// How access lines are written.
    pub log: LogFormat,
}

/// Shortest token accepted, in bytes.
const TOKEN_BYTES: usize = 16;

impl Settings {
    /// Refuses settings under which strangers would be served.
    fn check(&self) -> Result<()> {
        if let Some(token) = &self.token
            && token.len() < TOKEN_BYTES
        {
            crate::usage!(
                "LOGCLASS_TOKEN is shorter than {TOKEN_BYTES} characters: `openssl rand -hex 32` makes a good one"
            );
        }
        if self.token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            crate::usage!("LOGCLASS_TOKEN has characters that no header can carry: use letters and digits");
        }
        let reachable = match self.address.ip() {
            IpAddr::V4(address) => !address.is_loopback(),
            IpAddr::V6(address) => !address.is_loopback(),
        };
        if reachable && self.token.is_none() && !self.insecure {
            crate::usage!(
                "{} can be reached from other machines: set LOGCLASS_TOKEN to a secret that clients must show, \
                 or say --insecure-no-auth",
                self.address.ip()
            );
        }
        Ok(())
    }
}

/// Serves until a signal comes and what was begun is finished.
///
/// # Errors
/// When the settings are unsafe, the address is taken, or the encoder cannot be loaded.
pub fn run(settings: Settings, engine: Engine) -> Result<()> {
    settings.check()?;
    jobs::random::<16>()
        .context("there is no randomness to keep secrets with: are /dev/random and /dev/urandom missing?")?;
    tempfile::tempfile().with_context(|| {
        let folder = std::env::temp_dir();
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
        connection::serve(listener, state::State::new(settings, engine)).await
    });
    // Whatever still runs after the grace period is not waited for.
    runtime.shutdown_background();
    served
}
