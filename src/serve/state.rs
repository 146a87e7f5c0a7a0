//! What every request can reach.

use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::counters::Counters;
use super::engine::Engine;
use super::jobs::Jobs;
use super::problem::Problem;
use super::settings::ServerSettings;
use super::upload::BodyLimits;

/// Results downloaded at once.
pub const DOWNLOADS: usize = 32;

/// Shared by all requests.
#[derive(Debug)]
pub struct ServerState {
    /// How the server runs.
    pub settings: ServerSettings,
    /// What classifies.
    pub engine: Arc<Engine>,
    /// One for each file that may be classified at the same time.
    pub permits: Arc<Semaphore>,
    /// One for each upload of a job that may come in at the same time: as many as of files.
    pub uploads: Arc<Semaphore>,
    /// One for each result that may be downloaded at the same time.
    pub downloads: Arc<Semaphore>,
    /// Uploads of the page.
    pub jobs: Jobs,
    /// Counts since the start.
    pub counters: Counters,
    /// When the server started.
    pub started: Instant,
    /// Becomes true when the server is told to end.
    pub ending: watch::Sender<bool>,
}

impl ServerState {
    /// The state of a server that has served nothing yet.
    pub fn new(settings: ServerSettings, engine: Engine) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            uploads: Arc::new(Semaphore::new(settings.concurrency)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            jobs: Jobs::new(settings.jobs),
            counters: Counters::default(),
            started: Instant::now(),
            ending: watch::Sender::new(false),
            engine: Arc::new(engine),
            settings,
        })
    }

    /// Leave to classify, or a refusal at once.
    pub fn permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            self.counters.refused();
            Problem::busy(format!(
                "{} files are being classified already (--max-concurrent sets the limit): try again",
                self.settings.concurrency
            ))
        })
    }

    /// Leave to take in a job's upload; waits for it as long as a client may be silent.
    pub async fn upload_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = timeout(self.settings.timeout, Arc::clone(&self.uploads).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| {
            self.counters.refused();
            Problem::busy(format!(
                "{} uploads are coming in already (--max-concurrent sets the limit): try again",
                self.settings.concurrency
            ))
        })
    }

    /// Files being classified.
    pub fn running(&self) -> usize {
        self.settings.concurrency - self.permits.available_permits()
    }

    /// What a body may take.
    pub fn body_limits(&self) -> BodyLimits {
        BodyLimits { bytes: self.settings.body_bytes, silence: self.settings.timeout }
    }
}
