//! Jobs: uploads of the page, classified in the background and kept for a while.
//!
//! Upload and result are nameless temporary files: nothing on the disk has a name that a client gave, and
//! nothing outlives the process. A job's number is its secret; whoever has it may see the result.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::engine::{Counts, QueryOptions};
use super::problem::Problem;
use super::randomness::random_hex;
use super::samples::Samples;
use super::upload::UploadError;
use crate::history::report::Report;
use crate::session::Stopper;

/// How far a job is.
#[derive(Debug, Clone)]
pub enum Phase {
    /// The file is still coming.
    Uploading,
    /// It waits for a place.
    Queued,
    /// It is being classified.
    Running,
    /// It is done.
    Done(Arc<Finished>),
    /// It failed.
    Failed(Problem),
    /// It was taken back.
    Cancelled,
}

impl Phase {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled)
    }
}

/// What a job leaves.
#[derive(Debug)]
pub struct Finished {
    /// Its counts.
    pub counts: Counts,
    /// Rows worth a look.
    pub samples: Samples,
    /// The report.
    pub report: Report,
    /// The explained result.
    pub file: Arc<SharedFile>,
    /// Byte between its fields.
    pub delimiter: u8,
    /// How long the classification took.
    pub time: Duration,
}

/// An upload and what becomes of it.
#[derive(Debug)]
pub struct Job {
    /// Its number.
    pub id: String,
    /// Opens its result to a browser's download, which can send no token.
    pub key: String,
    /// What the client chose.
    pub options: QueryOptions,
    /// Byte between the fields, when the header has been read.
    pub delimiter: OnceLock<u8>,
    /// Bytes of the upload.
    pub total: AtomicU64,
    /// Bytes of it that were read for classification.
    pub read: AtomicU64,
    /// Rows classified.
    pub rows: AtomicU64,
    /// Set to have it end.
    pub cancelled: AtomicBool,
    stopper: OnceLock<Stopper>,
    /// How far it is.
    pub phase: watch::Sender<Phase>,
    touched: Mutex<Instant>,
}

impl Job {
    /// Moves on to `phase`; a final one stays.
    pub fn enter(&self, phase: Phase) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.phase.send_if_modified(|current| {
            let moves = !current.is_final();
            if moves {
                *current = phase;
            }
            moves
        });
    }

    /// Ends it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
        self.enter(Phase::Cancelled);
    }

    /// Takes note of what ends the work on it early.
    pub fn begin(&self, stopper: Stopper) {
        let _ = self.stopper.set(stopper);
        if let Some(stopper) = self.stopper.get()
            && self.cancelled.load(Ordering::SeqCst)
        {
            stopper.stop();
        }
    }

    fn age(&self) -> Duration {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// The jobs kept.
#[derive(Debug)]
pub struct Jobs {
    jobs: Mutex<HashMap<String, Arc<Job>>>,
    most: usize,
}

impl Jobs {
    /// None yet, and never more than `most`.
    pub fn new(most: usize) -> Self {
        Self { jobs: Mutex::default(), most }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// A new job. When all places are taken, the job that ended first makes room.
    pub fn open(&self, options: QueryOptions) -> Result<Arc<Job>, Problem> {
        let mut jobs = self.lock();
        if jobs.len() >= self.most {
            let ended = jobs.values().filter(|job| job.phase.borrow().is_final());
            let Some(oldest) = ended.max_by_key(|job| job.age()).map(|job| job.id.clone()) else {
                return Err(Problem::busy(format!("{} jobs are under way already: try again", self.most)));
            };
            jobs.remove(&oldest);
        }
        let job = Arc::new(Job {
            id: random_hex::<16>(),
            key: random_hex::<16>(),
            options,
            delimiter: OnceLock::new(),
            total: AtomicU64::new(0),
            read: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            stopper: OnceLock::new(),
            phase: watch::Sender::new(Phase::Uploading),
            touched: Mutex::new(Instant::now()),
        });
        jobs.insert(job.id.clone(), Arc::clone(&job));
        Ok(job)
    }

    /// The job with this number.
    pub fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().get(id).cloned()
    }

    /// Ends and forgets a job; its files go with it.
    pub fn remove(&self, id: &str) -> bool {
        let job = self.lock().remove(id);
        job.inspect(|job| job.cancel()).is_some()
    }

    /// Forgets those that ended at least `lifetime` ago.
    pub fn expire(&self, lifetime: Duration) {
        self.lock().retain(|_, job| !job.phase.borrow().is_final() || job.age() < lifetime);
    }

    /// Whether `path` is a job's result or report and `query` has its key.
    pub fn opens(&self, path: &str, query: &str) -> bool {
        let id = path
            .strip_prefix("/api/jobs/")
            .and_then(|rest| rest.strip_suffix("/result").or_else(|| rest.strip_suffix("/report")));
        let shown = query.split('&').find_map(|pair| pair.strip_prefix("key="));
        match (id.and_then(|id| self.get(id)), shown) {
            (Some(job), Some(shown)) => shown.as_bytes().ct_eq(job.key.as_bytes()).into(),
            _ => false,
        }
    }
}

/// A file that several may read at once, each at its own place.
#[derive(Debug)]
pub struct SharedFile(Mutex<File>);

impl SharedFile {
    /// Shares `file`.
    pub fn new(file: File) -> Arc<Self> {
        Arc::new(Self(Mutex::new(file)))
    }
}

/// Reads a shared file from its beginning.
pub struct SharedReader {
    file: Arc<SharedFile>,
    at: u64,
}

impl SharedReader {
    /// At the beginning of `file`.
    pub fn new(file: Arc<SharedFile>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for SharedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Counts what is read for a job, and ends when it is cancelled.
pub struct JobReader<R> {
    reader: R,
    job: Arc<Job>,
}

impl<R> JobReader<R> {
    /// Reads `reader` for `job`.
    pub fn new(reader: R, job: Arc<Job>) -> Self {
        Self { reader, job }
    }
}

impl<R: Read> Read for JobReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.job.cancelled.load(Ordering::Acquire) {
            return Err(io::Error::other(UploadError::Cancelled));
        }
        let read = self.reader.read(buffer)?;
        self.job.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
