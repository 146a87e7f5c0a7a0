//! The desk: who is asked what, when, and who gets to know.
//!
//! One lock guards it all. Whatever may change what others wait for (an answer, a limit, the end) wakes everybody;
//! there are few to wake.

use anyhow::Result;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, usual_tokens};
use super::client::Client;
use super::config::LlmConfig;
use super::dialect::Dialect;
use super::outage::Outage;
use super::pace::Pace;
use super::prompt::{LabelSpec, Prompt, Subject};
use super::store::{Entry, Store, now};
use super::{Answer, Estimate, Report, Unanswered};
use crate::record::UNCLASSIFIED;

type Key = [u8; 16];

/// Tokens that an answer usually takes, for estimates.
const USUAL_ANSWER: u64 = 60;

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Answered when it was handed in.
    Answered(Answer),
    /// In the queue, with this number.
    Queued(usize),
}

#[derive(Debug)]
pub struct Desk {
    pub(super) config: LlmConfig,
    pub(super) labels: Vec<LabelSpec>,
    pub(super) prompt: Prompt,
    /// None in a rehearsal.
    pub(super) client: Option<Client>,
    pub(super) kept: HashMap<Key, Answer>,
    pub(super) store: Option<Store>,
    pub(super) to_keep: Mutex<Vec<(Key, Entry)>>,
    pub(super) storing: Mutex<()>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    /// It serves a process that goes on, not a run.
    pub(super) standing: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Question>,
    pub(super) answers: Vec<Option<Answer>>,
    /// Templates handed in: for each one question, whatever the caller forgets.
    pub(super) seen: HashMap<Key, Place>,
    pub(super) budget: Budget,
    pub(super) pace: Pace,
    pub(super) outage: Outage,
    pub(super) dialect: Dialect,
    /// The dialect has been answered; before that, requests go one at a time.
    pub(super) known_good: bool,
    pub(super) strain: u32,
    pub(super) off: Option<(Unanswered, String)>,
    /// When it may come back, if it may.
    pub(super) off_until: Option<Instant>,
    pub(super) askers: u64,
    pub(super) closed: bool,
    pub(super) from_cache: u64,
    pub(super) first_failure: Option<String>,
    pub(super) cache_failure: Option<String>,
    pub(super) estimate: Estimate,
}

#[derive(Debug)]
pub(super) struct Question {
    pub(super) number: usize,
    pub(super) key: Key,
    pub(super) subject: Subject,
    /// Who waits for it.
    pub(super) askers: Vec<u64>,
}

impl Desk {
    pub fn new(config: &LlmConfig, labels: Vec<LabelSpec>, asks: bool) -> Result<Self> {
        config.check()?;
        let store = Store::new(config)?;
        let client = if asks { Some(Client::new(config)?) } else { None };
        let by_name: HashMap<&str, Answer> =
            labels.iter().map(|label| (label.name.as_str(), Answer::Label(label.id))).collect();
        let mut kept = HashMap::new();
        if let Some(store) = &store {
            store.load(|key, entry| match by_name.get(entry.label.as_str()) {
                Some(&answer) => drop(kept.insert(key, answer)),
                None if entry.label == UNCLASSIFIED => drop(kept.insert(key, Answer::Declined)),
                None => {}
            })?;
            if asks {
                store.check_writable()?;
            }
        }
        Ok(Self {
            prompt: Prompt::new(config, &labels),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                answers: Vec::new(),
                seen: HashMap::new(),
                budget: Budget::new(config),
                pace: Pace::default(),
                outage: Outage::default(),
                dialect: Dialect::new(config),
                known_good: false,
                strain: 0,
                off: None,
                off_until: None,
                askers: 0,
                closed: false,
                from_cache: 0,
                first_failure: None,
                cache_failure: None,
                estimate: Estimate::default(),
            }),
            config: config.clone(),
            labels,
            client,
            kept,
            store,
            to_keep: Mutex::default(),
            storing: Mutex::default(),
            changed: Condvar::new(),
            standing: false,
        })
    }

    /// The same for a process that goes on.
    pub fn standing(self) -> Self {
        Self { standing: true, ..self }
    }

    /// A number for somebody who will ask.
    pub fn new_asker(&self) -> u64 {
        let mut state = self.lock();
        state.askers += 1;
        state.askers
    }

    pub fn ask(&self, message: &[u8], asker: u64) -> Place {
        let subject = Subject::new(message, &self.config);
        let key = self.prompt.key(&subject.template);
        let mut state = self.lock();
        self.come_back(&mut state);
        if let Some(&place) = state.seen.get(&key)
            && self.is_good(&mut state, place, asker)
        {
            return place;
        }
        let place = if let Some(&answer) = self.kept.get(&key) {
            state.from_cache += 1;
            Place::Answered(answer)
        } else if self.client.is_none() {
            let body = self.prompt.request(&subject.text, state.dialect, 0, None);
            state.estimate.requests += 1;
            state.estimate.prompt_tokens += usual_tokens(body.len());
            state.estimate.completion_tokens += USUAL_ANSWER.min(self.config.max_answer_tokens);
            Place::Answered(Answer::Unasked)
        } else if let Some((reason, _)) = &state.off {
            // Not remembered: there may be millions of these.
            return Place::Answered(Answer::Failed(*reason));
        } else {
            let number = state.answers.len();
            state.answers.push(None);
            state.waiting.push_back(Question { number, key, subject, askers: vec![asker] });
            Place::Queued(number)
        };
        state.seen.insert(key, place);
        drop(state);
        self.changed.notify_all();
        place
    }

    /// Whether a place given before serves `asker`, too. A failure of a run is final; that of a server is of its
    /// time.
    fn is_good(&self, state: &mut State, place: Place, asker: u64) -> bool {
        let Place::Queued(number) = place else { return true };
        if self.standing && matches!(state.answers[number], Some(Answer::Failed(_))) {
            return false;
        }
        // Questions wait in the order of their numbers.
        if self.standing
            && let Ok(place) = state.waiting.binary_search_by_key(&number, |question| question.number)
            && !state.waiting[place].askers.contains(&asker)
        {
            state.waiting[place].askers.push(asker);
        }
        true
    }

    /// Takes back what waits for `asker` alone.
    pub fn withdraw(&self, asker: u64) {
        let mut state = self.lock();
        let State { waiting, answers, .. } = &mut *state;
        waiting.retain_mut(|question| {
            question.askers.retain(|&other| other != asker);
            if question.askers.is_empty() {
                answers[question.number] = Some(Answer::Failed(Unanswered::SwitchedOff));
            }
            !question.askers.is_empty()
        });
        drop(state);
        self.changed.notify_all();
    }

    /// Ends a pause that is over. One more failure begins the next.
    pub(super) fn come_back(&self, state: &mut State) {
        if state.off_until.is_some_and(|until| until <= Instant::now()) {
            (state.off, state.off_until) = (None, None);
            state.strain = self.strain_borne().saturating_sub(1);
            state.outage.skip_wait();
        }
    }

    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(self.config.pause_seconds)
    }

    pub fn wait(&self, place: Place) -> Answer {
        let number = match place {
            Place::Answered(answer) => return answer,
            Place::Queued(number) => number,
        };
        let mut state = self.lock();
        loop {
            if let Some(answer) = state.answers[number] {
                return answer;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub fn report(&self) -> Report {
        let mut state = self.lock();
        self.come_back(&mut state);
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
            off: state.off.as_ref().map(|(reason, _)| *reason),
            switched_off: state.off.as_ref().map(|(_, why)| why.clone()),
            first_failure: state.first_failure.clone(),
            cache_failure: state.cache_failure.clone(),
            estimate,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clerk's day.
    pub fn work(&self) {
        let Some(client) = &self.client else { return };
        loop {
            let mut state = self.lock();
            let question = loop {
                if state.closed {
                    return;
                }
                if let Some(question) = state.waiting.pop_front() {
                    break question;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            let (answer, why) = self.answer(client, &question.subject);
            self.keep(&question, answer);
            let mut state = self.lock();
            state.answers[question.number] = Some(answer);
            if state.first_failure.is_none() || (self.standing && why.is_some()) {
                state.first_failure = why;
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Keeps an answer on disk. Clerks that wait for their turn find theirs kept with another's.
    fn keep(&self, question: &Question, answer: Answer) {
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
