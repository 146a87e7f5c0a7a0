//! Rows in memory in, verdicts out: for callers that have no file, such as the engines that the Python
//! package runs in.

use anyhow::{Result, bail};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Session;
use crate::label::Labels;
use crate::pipeline::{Row, Stages, Work};
use crate::template::Template;
use crate::verdict::Verdict;
use crate::verdicts::Verdicts;

/// Classifies rows. What it learns of a template it knows in every later call; threads share it, and a
/// template that several of them meet at once is encoded once. A row gets the label that it would get in a
/// file.
///
/// ```
/// # #[cfg(feature = "bundled")] {
/// use logclass::session::{Classifier, Row, Session};
/// use logclass::{cascade::Cascade, config::Config, encoder, head::Head, pipeline::Resources, rules};
///
/// let encoder = encoder::LazyEncoder::new(encoder::parse_source(None)?, encoder::Backend::Auto);
/// let rules = rules::packs::all_bundled();
/// let cascade = Cascade::new(&Config::default(), rules, Head::bundled()?, encoder, None, false)?;
/// let session = Session::new(cascade, None, Resources { threads: 2, table_size: 50_000 });
/// let classifier = Classifier::new(&session, false);
/// let rows = [Row { message: b"User 4711 logged out", ..Row::default() }];
/// assert_eq!(classifier.label(&classifier.classify(&rows)?[0]), "User Action");
/// # }
/// # anyhow::Ok(())
/// ```
#[derive(Debug)]
pub struct Classifier {
    session: Session,
    /// Made when it is first needed: who only makes a classifier has no threads.
    pool: OnceLock<ThreadPool>,
    /// What calls that have ended leave to the next one: as many as there were calls at once.
    idle: Mutex<Vec<Work>>,
}

impl Classifier {
    /// A classifier over `session`, whose verdicts carry their reason if `explain` says so.
    pub fn new(session: &Session, explain: bool) -> Self {
        Self { session: session.explaining(explain), pool: OnceLock::new(), idle: Mutex::default() }
    }

    /// The verdict on each of `rows`, in their order.
    ///
    /// # Errors
    /// When a row is longer than a gigabyte, the encoder cannot be loaded or fails, threads cannot be
    /// started, or an LLM does not answer whose answers are required.
    pub fn classify(&self, rows: &[Row<'_>]) -> Result<Vec<Verdict>> {
        self.classify_unless(rows, &AtomicBool::new(false))
    }

    /// The same, and ends with an error soon after `stop` was set.
    ///
    /// # Errors
    /// Those of [`Classifier::classify`], and when it was stopped.
    pub fn classify_unless(&self, rows: &[Row<'_>], stop: &AtomicBool) -> Result<Vec<Verdict>> {
        if rayon::current_thread_index().is_none() {
            return self.work(rows, stop);
        }
        // While it waits for our threads, a thread of the caller's pool takes up another of its tasks. That
        // may be one that waits for a template which this one is encoding, so nothing of this must happen on
        // such a thread.
        let done = std::thread::scope(|scope| scope.spawn(|| self.work(rows, stop)).join());
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn work(&self, rows: &[Row<'_>], stop: &AtomicBool) -> Result<Vec<Verdict>> {
        let pool = self.pool()?;
        let work = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let table_size = self.session.resources.table_size;
        let mut work = work.unwrap_or_else(|| Work::new(pool.current_num_threads(), table_size, None));
        let stages = Stages { stop: Some(stop), ..self.session.stages() };
        let verdicts = stages.verdicts(pool, &mut work, rows)?;
        // With an LLM it holds tickets, and a question that has failed is to be asked again.
        if !self.session.has_llm() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(work);
        }
        Ok(verdicts)
    }

    /// Every label that a row can get.
    pub fn labels(&self) -> &Labels {
        self.session.cascade.labels()
    }

    /// The label of a verdict.
    pub fn label(&self, verdict: &Verdict) -> &str {
        self.labels().name(verdict.label)
    }

    /// The reason of a verdict, for people.
    pub fn explain(&self, verdict: &Verdict) -> String {
        self.session.cascade.explain(verdict)
    }

    /// What the model has said so far.
    pub fn verdicts(&self) -> &Verdicts {
        self.session.verdicts()
    }

    /// The sentence vector of each template that `messages` have, row after row, as `logclass embed` writes
    /// them; and how long a vector is.
    ///
    /// # Errors
    /// When the encoder cannot be loaded or fails, threads cannot be started, or `stop` was set.
    pub fn embed(&self, messages: &[&[u8]], stop: &AtomicBool) -> Result<(Vec<f32>, usize)> {
        let encoder = self.session.cascade.encoder().get()?;
        let embed = |messages: &[&[u8]]| {
            if stop.load(Ordering::Relaxed) {
                bail!("stopped");
            }
            let texts: Vec<String> = messages.iter().map(|message| Template::of(message).text).collect();
            encoder.encode(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let vectors: Vec<Vec<f32>> =
            self.pool()?.install(|| messages.par_chunks(32).map(embed).collect::<Result<_>>())?;
        Ok((vectors.concat(), encoder.dimensions()))
    }

    fn pool(&self) -> Result<&ThreadPool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let threads = self.session.resources.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(self.pool.get_or_init(|| pool))
    }
}
