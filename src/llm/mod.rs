//! The LLM stage: for what rules and model leave, and for the sources routed to it.
//!
//! [`Llm`] is a desk with a few clerks: a question is handed in and gets a ticket at once, clerks ask the endpoint
//! a bounded number at a time, and whoever needs an answer waits for its ticket. So the file goes on while the
//! network does what it does, and the order of answers never shows in the output.

mod client;
mod config;
mod prompt;

use anyhow::Result;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::record::LabelId;
pub use client::Usage;
use client::{Client, Reply};
pub use config::LlmConfig;
pub use prompt::LabelSpec;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One of the labels.
    Label(LabelId),
    /// The LLM says that none fits.
    Declined,
    /// There was no valid answer.
    Failed,
}

/// A place in the queue; given to [`Llm::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(usize);

/// The LLM stage of a run.
#[derive(Debug)]
pub struct Llm {
    desk: Arc<Desk>,
    clerks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Desk {
    client: Client,
    labels: Vec<LabelSpec>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(usize, String)>,
    answers: Vec<Option<Answer>>,
    usage: Usage,
    first_failure: Option<String>,
    closed: bool,
}

impl Llm {
    /// Opens the desk.
    ///
    /// # Errors
    /// When the configuration makes no sense, or the variable with the key is not set.
    pub fn new(config: &LlmConfig, labels: Vec<LabelSpec>) -> Result<Self> {
        let desk = Arc::new(Desk {
            client: Client::new(config)?,
            labels,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let clerks = (0..config.concurrency())
            .map(|_| {
                let desk = Arc::clone(&desk);
                std::thread::spawn(move || desk.work())
            })
            .collect();
        Ok(Self { desk, clerks })
    }

    /// Hands in a template; returns at once.
    pub fn ask(&self, template: &str) -> Ticket {
        let mut state = self.desk.lock();
        let number = state.answers.len();
        state.answers.push(None);
        state.waiting.push_back((number, template.to_owned()));
        self.desk.changed.notify_all();
        Ticket(number)
    }

    /// Waits for the answer to a question.
    pub fn wait(&self, ticket: Ticket) -> Answer {
        let mut state = self.desk.lock();
        loop {
            if let Some(answer) = state.answers[ticket.0] {
                return answer;
            }
            state = self.desk.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Requests and tokens so far.
    pub fn usage(&self) -> Usage {
        self.desk.lock().usage
    }

    /// Why the first question without an answer has none.
    pub fn first_failure(&self) -> Option<String> {
        self.desk.lock().first_failure.clone()
    }
}

impl Drop for Llm {
    fn drop(&mut self) {
        self.desk.lock().closed = true;
        self.desk.changed.notify_all();
        for clerk in self.clerks.drain(..) {
            // A clerk that panicked has said so on stderr; there is nothing to add.
            let _ = clerk.join();
        }
    }
}

impl Desk {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            let (number, template) = loop {
                if state.closed {
                    return;
                }
                if let Some(question) = state.waiting.pop_front() {
                    break question;
                }
                state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            };
            drop(state);
            let Reply { answer, usage, failure } = self.client.ask(&template, &self.labels);
            let mut state = self.lock();
            state.answers[number] = Some(answer);
            state.usage.add(usage);
            if state.first_failure.is_none() {
                state.first_failure = failure;
            }
            drop(state);
            self.changed.notify_all();
        }
    }
}
