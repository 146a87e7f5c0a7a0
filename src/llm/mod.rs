//! The LLM stage: for what rules and model leave, and for the sources routed to it.
//!
//! [`Llm`] is a desk with a few clerks: a question is handed in and gets a ticket at once, clerks ask the endpoint
//! a bounded number at a time, and whoever needs an answer waits for its ticket. So the file goes on while the
//! network does what it does, and the order of answers never shows in the output.
//!
//! ```text
//! message -> redact, mask -> asked before? -> kept on disk? -> queue -> clerks: permit -> client -> answer
//!            prompt          desk             store                     desk     pace, budget, outage, breaker
//! ```
//!
//! One question a template, one answer from the set of labels or none, and nothing that goes wrong out there stops
//! the file: after a few failures in a row the stage is switched off for the run, and the rows it owes are counted.
//!
//! A server has one desk for all it serves, so that its budget, pace and concurrency are one. Each request asks
//! there by a handle of its own ([`Llm::for_request`]); what it asked and nobody else did is withdrawn with it.
//! Such a desk outlives failures: the stage comes back after a pause, and what has failed may be asked again.

mod answer;
mod budget;
mod check;
mod clerk;
mod client;
mod config;
mod desk;
mod dialect;
mod endpoint;
mod failure;
mod outage;
mod pace;
mod prompt;
mod redact;
mod store;

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::record::LabelId;
pub use budget::Usage;
pub use check::{Probe, probe};
pub use config::{CacheChoice, Limits, LlmConfig, OnError, Provider, Send};
use desk::Desk;
pub use prompt::LabelSpec;
pub use redact::redact;
pub use store::{Entry, Store};

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One of the labels.
    Label(LabelId),
    /// The LLM says that none fits.
    Declined,
    /// There was no valid answer.
    Failed(Unanswered),
    /// A rehearsal asks nothing.
    Unasked,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The endpoint failed, however often it was asked.
    Failed,
    /// What it said was none of the labels, twice.
    Invalid,
    /// The stage had been switched off after failures; nothing was sent.
    SwitchedOff,
    /// A limit of the budget had been reached; nothing was sent.
    BudgetSpent,
}

impl Unanswered {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Invalid, Self::SwitchedOff, Self::BudgetSpent];

    /// The word in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Invalid => "invalid_answer",
            Self::SwitchedOff => "switched_off",
            Self::BudgetSpent => "budget_spent",
        }
    }
}

/// A question's place in the queue, or its answer where that was known at once; given to [`Llm::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(desk::Place);

/// What a run of requests would take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Questions, each a request.
    pub requests: u64,
    /// Tokens of the prompts, about.
    pub prompt_tokens: u64,
    /// Tokens of the answers, about.
    pub completion_tokens: u64,
    /// What they cost, if the configuration has prices.
    pub cost: Option<f64>,
}

/// What the stage did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests and tokens.
    pub usage: Usage,
    /// What they cost, if the configuration has prices.
    pub cost: Option<f64>,
    /// Templates whose answer was kept from a run before.
    pub from_cache: u64,
    /// How the endpoint was told to answer, once it has.
    pub answer_format: Option<&'static str>,
    /// Why the stage is switched off, if it is.
    pub switched_off: Option<String>,
    /// The kind of that reason.
    pub off: Option<Unanswered>,
    /// Why the first question without an answer has none; a server's last one.
    pub first_failure: Option<String>,
    /// Why answers could not be kept, if they could not.
    pub cache_failure: Option<String>,
    /// What a run would take, in a rehearsal.
    pub estimate: Option<Estimate>,
}

/// The LLM stage of a run.
#[derive(Debug)]
pub struct Llm {
    desk: Arc<Desk>,
    clerks: Vec<JoinHandle<()>>,
    on_error: OnError,
    asker: u64,
    withdrawn: AtomicBool,
}

impl Llm {
    /// Opens the desk.
    ///
    /// # Errors
    /// When the configuration makes no sense, the variable with the key is not set, or answers cannot be kept.
    pub fn new(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let desk = Arc::new(Desk::new(config, labels, true)?);
        let clerks = clerks(&desk, config.concurrency());
        Ok(Self::over(desk, clerks, config.on_error, OWNER))
    }

    /// Opens the desk of a server, whose requests ask by [`Self::for_request`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn standing(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let desk = Arc::new(Desk::new(config, labels, true)?.standing());
        // They end with the process: a server told to end does not wait for an endpoint.
        drop(clerks(&desk, config.concurrency()));
        Ok(Self::over(desk, Vec::new(), config.on_error, OWNER))
    }

    /// A handle for one request. Dropped, it is withdrawn.
    pub fn for_request(&self) -> Self {
        Self::over(Arc::clone(&self.desk), Vec::new(), self.on_error, self.desk.new_asker())
    }

    fn over(desk: Arc<Desk>, clerks: Vec<JoinHandle<()>>, on_error: OnError, asker: u64) -> Self {
        Self { desk, clerks, on_error, asker, withdrawn: AtomicBool::new(false) }
    }

    /// Takes back the questions that this request alone has waiting, and asks no more: nobody would read the
    /// answers, and they cost money.
    pub fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
        self.desk.withdraw(self.asker);
    }

    /// A desk that asks nothing, needs no key, and adds up what asking would take.
    ///
    /// # Errors
    /// When the configuration makes no sense or kept answers cannot be read.
    pub fn rehearsal(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let desk = Arc::new(Desk::new(config, labels, false)?);
        Ok(Self::over(desk, Vec::new(), OnError::Skip, OWNER))
    }

    /// Hands in a message, of which the template or, if the configuration says so, the text is sent, without secrets;
    /// returns at once. A template that was handed in before gets the same ticket.
    pub fn ask(&self, message: impl AsRef<[u8]>) -> Ticket {
        if self.withdrawn.load(Ordering::Acquire) {
            return Ticket(desk::Place::Answered(Answer::Failed(Unanswered::SwitchedOff)));
        }
        Ticket(self.desk.ask(message.as_ref(), self.asker))
    }

    /// Waits for the answer to a question.
    pub fn wait(&self, ticket: Ticket) -> Answer {
        self.desk.wait(ticket.0)
    }

    /// Whether a question without an answer ends the run.
    pub fn is_required(&self) -> bool {
        self.on_error == OnError::Fail
    }

    /// What the stage did so far.
    pub fn report(&self) -> Report {
        self.desk.report()
    }
}

/// The asker that opened the desk, and closes it.
const OWNER: u64 = 0;

fn clerks(desk: &Arc<Desk>, number: usize) -> Vec<JoinHandle<()>> {
    let clerk = |_| {
        let desk = Arc::clone(desk);
        std::thread::spawn(move || desk.work())
    };
    (0..number).map(clerk).collect()
}

impl Drop for Llm {
    fn drop(&mut self) {
        if self.asker != OWNER {
            self.withdraw();
            return;
        }
        self.desk.close();
        for clerk in self.clerks.drain(..) {
            // A clerk that panicked has said so on stderr; there is nothing to add.
            let _ = clerk.join();
        }
    }
}
