//! The queue: what is asked, what was asked before, and who gets to know.
//!
//! One lock guards what changes. Whatever may change what others wait for (an answer, a limit, the end) wakes
//! everybody; there are few to wake.

use anyhow::Result;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::breaker::Breaker;
use super::budget::{Budget, usual_tokens};
use super::client::Client;
use super::config::{LlmConfig, OnError};
use super::dialect::Dialect;
use super::outage::Outage;
use super::pace::Pace;
use super::prompt::{Key, LabelSpec, Prompt, Subject};
use super::questions::{Asker, Place, Question, Questions};
use super::results::{Answer, Estimate, Report, Unanswered};
use super::store::{Entry, Store, now};
use crate::label::UNCLASSIFIED;

/// Tokens that an answer usually takes, for estimates.
const USUAL_ANSWER: u64 = 60;

/// Whom a queue serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One run.
    Run,
    /// A process that goes on, whose requests come and go.
    Server,
    /// A dry run, which asks nothing.
    Rehearsal,
}

/// The stage as workers and askers share it.
#[derive(Debug)]
pub struct Queue {
    pub(super) config: LlmConfig,
    pub(super) labels: Vec<LabelSpec>,
    pub(super) prompt: Prompt,
    /// None in a rehearsal.
    pub(super) client: Option<Client>,
    store: Option<Store>,
    to_keep: Mutex<Vec<(Key, Entry)>>,
    storing: Mutex<()>,
    state: Mutex<QueueState>,
    pub(super) changed: Condvar,
    mode: Mode,
}

#[derive(Debug)]
pub(super) struct QueueState {
    pub(super) questions: Questions,
    pub(super) budget: Budget,
    pub(super) pace: Pace,
    pub(super) outage: Outage,
    pub(super) breaker: Breaker,
    pub(super) dialect: Dialect,
    /// The dialect has been answered; before that, requests go one at a time.
    pub(super) known_good: bool,
    pub(super) closed: bool,
    /// Answers of runs before, and whether they were used in this one.
    kept: HashMap<Key, (Answer, bool)>,
    from_cache: u64,
    first_failure: Option<String>,
    cache_failure: Option<String>,
    estimate: Estimate,
}

impl Queue {
    pub fn new(config: &LlmConfig, labels: Vec<LabelSpec>, mode: Mode) -> Result<Self> {
        config.check()?;
        let asks = mode != Mode::Rehearsal;
        let store = Store::new(config)?;
        let client = if asks { Some(Client::new(config)?) } else { None };
        let by_name: HashMap<&str, Answer> =
            labels.iter().map(|label| (label.name.as_str(), Answer::Label(label.id))).collect();
        let mut kept = HashMap::new();
        if let Some(store) = &store {
            store.load(|key, entry| match by_name.get(entry.label.as_str()) {
                Some(&answer) => drop(kept.insert(key, (answer, false))),
                None if entry.label == UNCLASSIFIED => drop(kept.insert(key, (Answer::Declined, false))),
                None => {}
            })?;
            if asks {
                store.check_writable()?;
            }
        }
        let server = mode == Mode::Server;
        Ok(Self {
            prompt: Prompt::new(config, &labels),
            state: Mutex::new(QueueState {
                questions: Questions::new(asks && config.on_error == OnError::Fail, server),
                budget: Budget::new(config),
                pace: Pace::default(),
                outage: Outage::default(),
                breaker: Breaker::new(config, server),
                dialect: Dialect::new(config),
                known_good: false,
                closed: false,
                kept,
                from_cache: 0,
                first_failure: None,
                cache_failure: None,
                estimate: Estimate::default(),
            }),
            config: config.clone(),
            labels,
            client,
            store,
            to_keep: Mutex::default(),
            storing: Mutex::default(),
            changed: Condvar::new(),
            mode,
        })
    }

    /// A number for somebody who will ask.
    pub fn new_asker(&self) -> Asker {
        self.lock().questions.new_asker()
    }

    /// Hands in a message. `withdrawn` says that `asker` has gone, also while this waits for room in the queue.
    pub fn ask(&self, message: &[u8], asker: Asker, withdrawn: &AtomicBool) -> Place {
        let subject = Subject::new(message, &self.config);
        let key = self.prompt.key(&subject.text);
        let mut state = self.lock();
        loop {
            Self::end_pause(&mut state);
            if withdrawn.load(Ordering::Acquire) || state.closed {
                return Place::Answered(Answer::Failed(Unanswered::SwitchedOff));
            }
            if let Some(reason) = state.questions.loss(asker) {
                return Place::Answered(Answer::Failed(reason));
            }
            if let Some(place) = state.questions.find(key, asker) {
                return place;
            }
            if let Some(&(answer, used)) = state.kept.get(&key) {
                if !used {
                    state.from_cache += 1;
                    state.kept.insert(key, (answer, true));
                }
                return Place::Answered(answer);
            }
            if self.client.is_none() {
                let body = self.prompt.request(&subject.text, state.dialect, 0, None);
                self.estimate(&mut state.estimate, body.len());
                state.questions.remember(key, Place::Answered(Answer::Unasked));
                return Place::Answered(Answer::Unasked);
            }
            if let Some(reason) = state.breaker.reason() {
                // Not remembered: there may be millions of these.
                state.questions.lose(asker, reason);
                drop(state);
                self.changed.notify_all();
                return Place::Answered(Answer::Failed(reason));
            }
            if state.questions.has_room() {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let place = state.questions.push(key, subject, asker);
        drop(state);
        self.changed.notify_all();
        place
    }

    fn estimate(&self, estimate: &mut Estimate, body_bytes: usize) {
        let answer = USUAL_ANSWER.min(self.config.max_answer_tokens);
        estimate.requests = estimate.requests.saturating_add(1);
        estimate.prompt_tokens = estimate.prompt_tokens.saturating_add(usual_tokens(body_bytes));
        estimate.completion_tokens = estimate.completion_tokens.saturating_add(answer);
    }

    /// Takes back what waits for `asker` alone.
    pub fn withdraw(&self, asker: Asker) {
        self.lock().questions.withdraw(asker);
        self.changed.notify_all();
    }

    /// Ends a pause that is over.
    pub(super) fn end_pause(state: &mut QueueState) {
        if state.breaker.half_open_if_due(Instant::now()) {
            state.outage.skip_wait();
        }
    }

    /// From here on, or until the pause of a server is over, nothing is sent, and what waits is told so.
    pub(super) fn switch_off(&self, state: &mut QueueState, reason: Unanswered, why: &str) {
        if state.breaker.open(reason, why, Instant::now()) {
            self.note_failure(state, why);
            state.questions.fail_waiting(reason);
            self.changed.notify_all();
        }
    }

    fn note_failure(&self, state: &mut QueueState, why: &str) {
        if state.first_failure.is_none() || self.mode == Mode::Server {
            state.first_failure = Some(why.to_owned());
        }
    }

    /// Waits for an answer. Where each is required, it ends as soon as one that `asker` needs is known to be lost.
    pub fn wait(&self, place: Place, asker: Asker) -> Answer {
        let number = match place {
            Place::Answered(answer) => return answer,
            Place::Queued(number) => number,
        };
        let mut state = self.lock();
        loop {
            if let Some(answer) = state.questions.answer(number) {
                return answer;
            }
            if let Some(reason) = state.questions.loss(asker) {
                return Answer::Failed(reason);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether anybody has lost an answer that was needed.
    pub fn has_lost_any(&self) -> bool {
        self.lock().questions.has_lost_any()
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub fn report(&self) -> Report {
        let mut state = self.lock();
        Self::end_pause(&mut state);
        let usage = state.budget.used();
        let estimate = self.client.is_none().then(|| Estimate {
            cost: self.config.cost(state.estimate.prompt_tokens, state.estimate.completion_tokens),
            ..state.estimate
        });
        Report {
            usage,
            cost: self.config.cost(usage.prompt_tokens, usage.completion_tokens),
            from_cache: state.from_cache,
            answer_format: state.known_good.then(|| state.dialect.format.name()),
            off: state.breaker.reason(),
            switched_off: state.breaker.why().map(str::to_owned),
            first_failure: state.first_failure.clone(),
            cache_failure: state.cache_failure.clone(),
            estimate,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next question, when there is one; nothing when the queue is closed.
    pub(super) fn next(&self) -> Option<Question> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(question) = state.questions.take() {
                // There is room for another.
                self.changed.notify_all();
                return Some(question);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells everybody what became of a question.
    pub(super) fn settle(&self, question: &Question, answer: Answer, why: Option<&str>) {
        let mut state = self.lock();
        if let Some(why) = why {
            self.note_failure(&mut state, why);
        }
        state.questions.settle(question, answer);
        drop(state);
        self.changed.notify_all();
    }

    /// Keeps an answer on disk. Workers that wait for their turn find theirs kept with another's.
    pub(super) fn keep(&self, question: &Question, answer: Answer) {
        let Some(store) = &self.store else { return };
        let label = match answer {
            Answer::Label(id) => {
                self.labels.iter().find(|label| label.id == id).map(|label| label.name.clone())
            }
            Answer::Declined => Some(UNCLASSIFIED.to_owned()),
            Answer::Failed(_) | Answer::Unasked => None,
        };
        let Some(label) = label else { return };
        let template = question.subject.template.clone();
        let entry = Entry { template, label, model: self.prompt.model().to_owned(), time: now() };
        self.to_keep.lock().unwrap_or_else(PoisonError::into_inner).push((question.key, entry));
        let _turn = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = std::mem::take(&mut *self.to_keep.lock().unwrap_or_else(PoisonError::into_inner));
        if !entries.is_empty()
            && let Err(error) = store.keep(&entries)
        {
            self.lock().cache_failure.get_or_insert_with(|| crate::error::one_line(&error));
        }
    }
}
