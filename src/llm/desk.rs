//! The desk: who is asked what, when, and who gets to know.
//!
//! One lock guards it all. Whatever may change what others wait for (an answer, a limit, the end) wakes everybody;
//! there are few to wake.

use anyhow::Result;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{self, Reading};
use super::budget::{Budget, Reservation, Room, Taken, usual_tokens};
use super::client::{Client, Exchange, Lost};
use super::config::LlmConfig;
use super::dialect::Dialect;
use super::failure::{self, Asked, Failure};
use super::pace::{LimitHeaders, Pace, backoff};
use super::prompt::{LabelSpec, Prompt, Subject};
use super::store::{Entry, Store, now};
use super::{Answer, Estimate, Report, Unanswered};
use crate::record::UNCLASSIFIED;

type Key = [u8; 16];

/// A failed request strains the stage as much as this many invalid answers.
const STRAIN_OF_FAILURE: u32 = 4;
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
    config: LlmConfig,
    labels: Vec<LabelSpec>,
    prompt: Prompt,
    /// None in a rehearsal.
    client: Option<Client>,
    kept: HashMap<Key, Answer>,
    store: Option<Store>,
    to_keep: Mutex<Vec<(Key, Entry)>>,
    storing: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Question>,
    answers: Vec<Option<Answer>>,
    /// Templates handed in: for each one question, whatever the caller forgets.
    seen: HashMap<Key, Place>,
    budget: Budget,
    pace: Pace,
    dialect: Dialect,
    /// The dialect has been answered; before that, requests go one at a time.
    known_good: bool,
    strain: u32,
    off: Option<(Unanswered, String)>,
    closed: bool,
    from_cache: u64,
    first_failure: Option<String>,
    cache_failure: Option<String>,
    estimate: Estimate,
}

#[derive(Debug)]
struct Question {
    number: usize,
    key: Key,
    subject: Subject,
}

/// May a request be sent?
enum Permit {
    Go {
        known_good: bool,
    },
    /// The dialect has changed meanwhile.
    Rewrite,
    No(Unanswered),
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
                dialect: Dialect::new(config),
                known_good: false,
                strain: 0,
                off: None,
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
        })
    }

    pub fn ask(&self, message: &[u8]) -> Place {
        let subject = Subject::new(message, &self.config);
        let key = self.prompt.key(&subject.template);
        let mut state = self.lock();
        if let Some(&place) = state.seen.get(&key) {
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
            state.waiting.push_back(Question { number, key, subject });
            Place::Queued(number)
        };
        state.seen.insert(key, place);
        drop(state);
        self.changed.notify_all();
        place
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
        let state = self.lock();
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
            switched_off: state.off.as_ref().map(|(_, why)| why.clone()),
            first_failure: state.first_failure.clone(),
            cache_failure: state.cache_failure.clone(),
            estimate,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
            if state.first_failure.is_none() {
                state.first_failure = why;
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Asks until there is an answer or no hope of one; with the reason where there is none.
    fn answer(&self, client: &Client, subject: &Subject) -> (Answer, Option<String>) {
        let mut failures = 0;
        let mut correction: Option<String> = None;
        let mut max_answer = self.config.max_answer_tokens;
        let mut not_before = None;
        let mut sent = 0_u32;
        loop {
            let dialect = self.lock().dialect;
            let body = self.prompt.request(&subject.text, dialect, max_answer, correction.as_deref());
            let reservation = Reservation::new(body.len(), max_answer);
            let known_good = match self.permit(dialect, reservation, sent > 0, not_before) {
                Permit::Go { known_good } => known_good,
                Permit::Rewrite => continue,
                Permit::No(reason) => return (Answer::Failed(reason), self.why_off()),
            };
            sent += 1;
            let outcome = client.complete(&body);
            self.settle(reservation, &outcome, body.len());
            let asked = Asked {
                base_url: &self.config.base_url,
                model: self.prompt.model(),
                key_variable: &self.config.api_key_env,
                dialect,
                known_good,
            };
            match self.judge(client, &asked, &outcome) {
                Ok(answer) => {
                    self.relieve();
                    return (answer, None);
                }
                Err(Failure::Speak(dialect)) => self.speak(asked.dialect, dialect),
                Err(Failure::BadAnswer(why)) => {
                    if correction.is_some() {
                        self.strain(1, &why);
                        return (Answer::Failed(Unanswered::Invalid), Some(why));
                    }
                    correction = Some(said_in(&outcome, &self.labels));
                    if is_cut_short(&outcome, &self.labels) {
                        max_answer = max_answer.saturating_mul(4);
                    }
                }
                Err(Failure::Again { message, busy }) => {
                    failures += 1;
                    let last = failures > self.config.retries;
                    // An endpoint that asks for patience is in order, until patience is at its end.
                    if !busy || last {
                        self.strain(STRAIN_OF_FAILURE, &message);
                    }
                    if last {
                        return (Answer::Failed(Unanswered::Failed), Some(message));
                    }
                    not_before = Some(Instant::now() + backoff(failures));
                }
                Err(Failure::Question(why)) => {
                    self.strain(1, &why);
                    return (Answer::Failed(Unanswered::Failed), Some(why));
                }
                Err(Failure::Stage(why)) => {
                    self.switch_off(Unanswered::SwitchedOff, why.clone());
                    return (Answer::Failed(Unanswered::Failed), Some(why));
                }
            }
        }
    }

    /// What an outcome means.
    fn judge(
        &self,
        client: &Client,
        asked: &Asked<'_>,
        outcome: &Result<Exchange, Lost>,
    ) -> Result<Answer, Failure> {
        let exchange = outcome.as_ref().map_err(|lost| failure::of_connection(asked, &lost.error))?;
        if !(200..300).contains(&exchange.status) {
            return Err(failure::of_response(asked, client, exchange));
        }
        let reading = answer::read(&exchange.body, &self.labels);
        if reading != Reading::Nothing {
            // Whatever it says, the endpoint took the request as it was.
            let mut state = self.lock();
            state.known_good |= state.dialect == asked.dialect;
            drop(state);
            self.changed.notify_all();
        }
        match reading {
            Reading::Valid(answer) => Ok(answer),
            Reading::Invalid { reason, .. } => {
                Err(Failure::BadAnswer(format!("{}: {reason}", asked.base_url)))
            }
            Reading::Nothing => Err(failure::of_response(asked, client, exchange)),
        }
    }

    /// Waits until a request may be sent, and reserves what it can take.
    fn permit(
        &self,
        dialect: Dialect,
        reservation: Reservation,
        retry: bool,
        not_before: Option<Instant>,
    ) -> Permit {
        let usual = usual_tokens(usize::try_from(reservation.prompt).unwrap_or(usize::MAX));
        let longest = Duration::from_secs(self.config.max_wait_seconds);
        let mut state = self.lock();
        loop {
            if let Some((reason, _)) = &state.off {
                return Permit::No(*reason);
            }
            if state.closed {
                return Permit::No(Unanswered::SwitchedOff);
            }
            if state.dialect != dialect {
                return Permit::Rewrite;
            }
            let now = Instant::now();
            let own = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
            let asked_for = state.pace.delay(usual, now);
            if asked_for > longest {
                let why = format!(
                    "{}: its rate limit asks to wait {} s, longer than max_wait_seconds in [llm]",
                    self.config.base_url,
                    asked_for.as_secs()
                );
                self.turn_off(&mut state, Unanswered::SwitchedOff, why);
                continue;
            }
            let wait = own.max(asked_for);
            if !wait.is_zero() {
                state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            // Until the dialect is found, one at a time looks for it.
            let alone = state.known_good || state.budget.under_way() == 0;
            match if alone { state.budget.reserve(reservation, retry) } else { Room::Later } {
                Room::Reserved => {
                    state.pace.take(usual);
                    return Permit::Go { known_good: state.known_good };
                }
                Room::Later => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Room::Spent(limit) => {
                    let why = format!("the run's limit {limit} is reached");
                    self.turn_off(&mut state, Unanswered::BudgetSpent, why);
                }
            }
        }
    }

    fn settle(&self, reservation: Reservation, outcome: &Result<Exchange, Lost>, bytes: usize) {
        let mut state = self.lock();
        let (taken, limits) = match outcome {
            Ok(exchange) => (exchange.taken(), exchange.limits),
            Err(Lost { sent: true, .. }) => (Taken::Unknown, LimitHeaders::default()),
            Err(Lost { sent: false, .. }) => (Taken::Nothing, LimitHeaders::default()),
        };
        state.budget.settle(reservation, taken);
        let others = state.budget.under_way();
        state.pace.learn(&limits, others, usual_tokens(bytes), Instant::now());
        drop(state);
        self.changed.notify_all();
    }

    fn speak(&self, refused: Dialect, next: Dialect) {
        let mut state = self.lock();
        if state.dialect == refused {
            state.dialect = next;
            state.known_good = false;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn relieve(&self) {
        self.lock().strain = 0;
    }

    fn strain(&self, weight: u32, why: &str) {
        let mut state = self.lock();
        state.strain += weight;
        if state.strain >= self.config.breaker_failures.saturating_mul(STRAIN_OF_FAILURE) {
            self.turn_off(&mut state, Unanswered::SwitchedOff, why.to_owned());
        }
    }

    fn switch_off(&self, reason: Unanswered, why: String) {
        self.turn_off(&mut self.lock(), reason, why);
    }

    /// From here on nothing is sent, and what waits is told so.
    fn turn_off(&self, state: &mut State, reason: Unanswered, why: String) {
        if state.off.is_some() {
            return;
        }
        state.off = Some((reason, why));
        for question in std::mem::take(&mut state.waiting) {
            state.answers[question.number] = Some(Answer::Failed(reason));
        }
        self.changed.notify_all();
    }

    fn why_off(&self) -> Option<String> {
        self.lock().off.as_ref().map(|(_, why)| why.clone())
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

/// What an invalid answer said, to be shown to the model for correction.
fn said_in(outcome: &Result<Exchange, Lost>, labels: &[LabelSpec]) -> String {
    match outcome.as_ref().map(|exchange| answer::read(&exchange.body, labels)) {
        Ok(Reading::Invalid { said, .. }) => said,
        _ => String::new(),
    }
}

fn is_cut_short(outcome: &Result<Exchange, Lost>, labels: &[LabelSpec]) -> bool {
    let reading = outcome.as_ref().map(|exchange| answer::read(&exchange.body, labels));
    matches!(reading, Ok(Reading::Invalid { cut_short: true, .. }))
}
