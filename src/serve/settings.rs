//! How the server runs, and whom it may serve so.

use anyhow::Result;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::error::usage;

/// How access lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How the server runs.
#[derive(Debug, Clone)]
pub struct ServerSettings {
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

impl ServerSettings {
    /// Refuses settings under which strangers would be served.
    ///
    /// # Errors
    /// With what to set instead.
    pub fn check(&self) -> Result<()> {
        if let Some(token) = &self.token
            && token.len() < TOKEN_BYTES
        {
            return Err(usage(format!(
                "LOGCLASS_TOKEN is shorter than {TOKEN_BYTES} characters: `openssl rand -hex 32` makes a \
                 good one"
            )));
        }
        if self.token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(usage(
                "LOGCLASS_TOKEN has characters that no header can carry: use letters and digits",
            ));
        }
        let reachable = match self.address.ip() {
            IpAddr::V4(address) => !address.is_loopback(),
            IpAddr::V6(address) => !address.is_loopback(),
        };
        if reachable && self.token.is_none() && !self.insecure {
            return Err(usage(format!(
                "{} can be reached from other machines: set LOGCLASS_TOKEN to a secret that clients must \
                 show, \
                 or say --insecure-no-auth",
                self.address.ip()
            )));
        }
        Ok(())
    }
}
