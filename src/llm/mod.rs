//! The LLM stage: for what rules and model leave, and for the sources routed to it.
//!
//! [`Llm`] is a queue with a few workers: a question is handed in and gets a ticket, workers ask the endpoint a bounded
//! number at a time, and whoever needs an answer waits for its ticket. So the file goes on while the network does what
//! it does, and the order of answers never shows in the output.
//!
//! ```text
//! message -> redact, mask -> asked before? -> kept on disk? -> queue -> workers: permit -> client -> answer
//!            prompt          questions        store            queue    pace, budget, outage, breaker
//! ```
//!
//! One question a template, one answer from the set of labels or none, and nothing that goes wrong out there stops
//! the file: after a few failures in a row a circuit breaker switches the stage off for the run, and the rows it owes
//! are counted.
//!
//! A server has one queue for all it serves, so that its budget, pace and concurrency are one. Each request asks
//! there by a handle of its own ([`Llm::for_request`]); what it asked and nobody else did is withdrawn with it.
//! Such a queue outlives failures: the stage comes back after a pause, and what has failed may be asked again.

mod answer;
mod body;
mod breaker;
mod budget;
mod check;
mod client;
mod config;
mod dialect;
mod endpoint;
mod failure;
mod found;
mod outage;
mod pace;
mod prompt;
mod questions;
mod queue;
mod redact;
mod request;
mod results;
mod store;
mod worker;

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub use budget::Usage;
pub use check::{Probe, probe};
pub use config::{CacheChoice, Limits, LlmConfig, OnError, Provider, Send};
pub use prompt::LabelSpec;
use questions::Place;
use queue::{Mode, Queue};
pub use redact::redact;
pub use results::{Answer, Estimate, NoAnswer, Report, Unanswered};
pub use store::{Entry, Store};
use worker::Worker;

/// A question's place in the queue, or its answer where that was known at once; given to [`Llm::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(Place);

/// The LLM stage of a run.
#[derive(Debug)]
pub struct Llm {
    queue: Arc<Queue>,
    workers: Vec<JoinHandle<()>>,
    on_error: OnError,
    asker: u64,
    withdrawn: AtomicBool,
}

impl Llm {
    /// Opens the queue of a run.
    ///
    /// # Errors
    /// When the configuration makes no sense, the variable with the key is not set, or answers cannot be
    /// kept.
    pub fn new(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let queue = Arc::new(Queue::new(config, labels, Mode::Run)?);
        let workers = workers(&queue, config.concurrency());
        Ok(Self::over(queue, workers, config.on_error, OWNER))
    }

    /// Opens the queue of a server, whose requests ask by [`Self::for_request`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn standing(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let queue = Arc::new(Queue::new(config, labels, Mode::Server)?);
        // They end with the process: a server told to end does not wait for an endpoint.
        drop(workers(&queue, config.concurrency()));
        Ok(Self::over(queue, Vec::new(), config.on_error, OWNER))
    }

    /// A handle for one request, or for one input of a run. Dropped, it is withdrawn.
    pub fn for_request(&self) -> Self {
        Self::over(Arc::clone(&self.queue), Vec::new(), self.on_error, self.queue.new_asker())
    }

    fn over(queue: Arc<Queue>, workers: Vec<JoinHandle<()>>, on_error: OnError, asker: u64) -> Self {
        Self { queue, workers, on_error, asker, withdrawn: AtomicBool::new(false) }
    }

    /// Bounds what is kept of questions that were asked: `templates` at the least, up to twice as many, as the pipeline's
    /// table does, so that one limit holds for both; and some thousands in any case, since asking again costs money.
    pub fn remember(&self, templates: usize) {
        self.queue.lock().questions.remember_templates(templates);
    }

    /// Takes back the questions that this request alone has waiting, and asks no more: nobody would read the
    /// answers, and they cost money.
    pub fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
        self.queue.withdraw(self.asker);
    }

    /// A queue that asks nothing, needs no key, and adds up what asking would take.
    ///
    /// # Errors
    /// When the configuration makes no sense or kept answers cannot be read.
    pub fn rehearsal(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let queue = Arc::new(Queue::new(config, labels, Mode::Rehearsal)?);
        Ok(Self::over(queue, Vec::new(), OnError::Skip, OWNER))
    }

    /// Hands in a message, of which the template or, if the configuration says so, the text is sent, without secrets.
    /// Returns at once, but for a queue that is full, which it waits for. A question that was handed in before gets
    /// the same ticket.
    pub fn ask(&self, message: impl AsRef<[u8]>) -> Ticket {
        Ticket(self.queue.ask(message.as_ref(), self.asker, &self.withdrawn))
    }

    /// Waits for the answer to a question. Where answers are required, it waits no longer than until one of this run
    /// or request is known to be lost.
    pub fn wait(&self, ticket: Ticket) -> Answer {
        self.queue.wait(ticket.0, self.asker)
    }

    /// Whether a question without an answer ends the run.
    pub fn is_required(&self) -> bool {
        self.on_error == OnError::Fail
    }

    /// What the stage did so far.
    pub fn report(&self) -> Report {
        self.queue.report()
    }
}

/// The asker that opened the queue, and closes it.
const OWNER: u64 = 0;

fn workers(queue: &Arc<Queue>, number: usize) -> Vec<JoinHandle<()>> {
    let start = |_| {
        let worker = Worker::new(Arc::clone(queue));
        std::thread::spawn(move || worker.run())
    };
    (0..number).map(start).collect()
}

impl Drop for Llm {
    fn drop(&mut self) {
        if self.asker != OWNER {
            self.withdraw();
            return;
        }
        let failed = self.queue.has_lost_any();
        self.queue.close();
        if failed {
            // The run has failed. It does not wait for requests whose answers nobody needs; they end with the process.
            return;
        }
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on stderr; there is nothing to add.
            let _ = worker.join();
        }
    }
}
