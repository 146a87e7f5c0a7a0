//! A worker: takes a question, waits until it may be asked, asks, and goes on until there is an answer or no hope.
//!
//! Whatever happens on the way, also a panic, a question that was taken is settled: [`Settlement`] sees to it when it is
//! dropped, as [`InFlight`] does for a request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{self, Reading};
use super::budget::{Reservation, Room};
use super::client::{Client, Exchange, Lost};
use super::dialect::Dialect;
use super::failure::{self, Asked, Failure};
use super::pace::{after, backoff};
use super::questions::Question;
use super::queue::Queue;
use super::request::{InFlight, Outcome, PANICKED, usual};
use super::results::{Answer, Unanswered};

/// Longest that a worker sleeps before it looks again.
const NAP: Duration = Duration::from_secs(3_600);

/// May a request be sent?
enum Permit<'a> {
    Go {
        known_good: bool,
        request: InFlight<'a>,
    },
    /// The dialect has changed meanwhile.
    Rewrite,
    No(Unanswered),
}

/// A question that a worker has. Dropped, it is settled, with what became of it so far.
struct Settlement<'a> {
    queue: &'a Queue,
    question: &'a Question,
    answer: Answer,
    why: Option<String>,
}

impl Drop for Settlement<'_> {
    fn drop(&mut self) {
        self.queue.settle(self.question, self.answer, self.why.as_deref());
    }
}

/// Works on questions one after the other until the queue is closed.
#[derive(Debug)]
pub struct Worker {
    queue: Arc<Queue>,
}

impl Worker {
    /// For this queue.
    pub const fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// Works until the queue is closed.
    pub fn run(&self) {
        let Some(client) = &self.queue.client else { return };
        while let Some(question) = self.queue.next() {
            self.process(&question, || self.answer(client, &question));
        }
    }

    /// Settles a question with what `ask` returns. A panic in there has been told on stderr, and costs this question
    /// alone.
    fn process(&self, question: &Question, ask: impl FnOnce() -> (Answer, Option<String>)) {
        let settled = catch_unwind(AssertUnwindSafe(|| {
            let mut settlement = Settlement {
                queue: &self.queue,
                question,
                answer: Answer::Failed(Unanswered::Failed),
                why: Some(PANICKED.to_owned()),
            };
            (settlement.answer, settlement.why) = ask();
            self.queue.keep(question, settlement.answer);
        }));
        drop(settled);
    }

    /// Asks until there is an answer or no hope of one; with the reason where there is none.
    fn answer(&self, client: &Client, question: &Question) -> (Answer, Option<String>) {
        let queue = &*self.queue;
        let mut failures = 0;
        let mut correction: Option<String> = None;
        let mut max_answer = queue.config.max_answer_tokens;
        let mut not_before = None;
        let mut sent = 0_u32;
        loop {
            let dialect = queue.lock().dialect;
            let body =
                queue.prompt.request(&question.subject.text, dialect, max_answer, correction.as_deref());
            let reservation = Reservation::new(body.len(), max_answer);
            let (known_good, request) =
                match self.permit(question, dialect, reservation, sent > 0, not_before) {
                    Permit::Go { known_good, request } => (known_good, request),
                    Permit::Rewrite => continue,
                    Permit::No(reason) => return (Answer::Failed(reason), self.why_off()),
                };
            sent = sent.saturating_add(1);
            let result = client.complete(&body);
            let asked = Asked {
                base_url: &queue.config.base_url,
                model: queue.prompt.model(),
                key_variable: &queue.config.api_key_env,
                dialect,
                known_good,
            };
            let verdict = self.judge(client, &asked, &result);
            let patient = failures < queue.config.retries;
            let first_try = correction.is_none();
            request.book(&Outcome { result: &result, dialect, verdict: &verdict, patient, first_try });
            match verdict {
                Ok(answer) => return (answer, None),
                Err(Failure::Speak(_)) => {}
                Err(Failure::BadAnswer(_)) if first_try => {
                    let (said, cut_short) = self.said_in(&result);
                    correction = Some(said);
                    if cut_short {
                        max_answer = max_answer.saturating_mul(4);
                    }
                }
                Err(Failure::BadAnswer(why)) => return (Answer::Failed(Unanswered::Invalid), Some(why)),
                Err(Failure::Again { .. }) if patient => {
                    failures += 1;
                    not_before = Some(after(Instant::now(), backoff(failures)));
                }
                Err(
                    Failure::Again { message: why, .. }
                    | Failure::Question(why)
                    | Failure::TooLong(why)
                    | Failure::Refused(why)
                    | Failure::Stage(why),
                ) => return (Answer::Failed(Unanswered::Failed), Some(why)),
            }
        }
    }

    /// What an outcome means.
    fn judge(
        &self,
        client: &Client,
        asked: &Asked<'_>,
        result: &Result<Exchange, Lost>,
    ) -> Result<Answer, Failure> {
        let exchange = result.as_ref().map_err(|lost| failure::of_connection(asked, &lost.error))?;
        if !(200..300).contains(&exchange.status) {
            return Err(failure::of_response(asked, client, exchange));
        }
        match answer::read(&exchange.body, &self.queue.labels) {
            Reading::Valid(answer) => Ok(answer),
            Reading::Invalid { reason, .. } => {
                Err(Failure::BadAnswer(format!("{}: {reason}", asked.base_url)))
            }
            Reading::Nothing => Err(failure::of_response(asked, client, exchange)),
        }
    }

    /// What an invalid answer said, to be shown to the model for correction, and whether it was cut short.
    fn said_in(&self, result: &Result<Exchange, Lost>) -> (String, bool) {
        match result.as_ref().map(|exchange| answer::read(&exchange.body, &self.queue.labels)) {
            Ok(Reading::Invalid { said, cut_short, .. }) => (said, cut_short),
            _ => (String::new(), false),
        }
    }

    /// Waits until a request may be sent, and reserves what it can take.
    fn permit(
        &self,
        question: &Question,
        dialect: Dialect,
        reservation: Reservation,
        retry: bool,
        not_before: Option<Instant>,
    ) -> Permit<'_> {
        let queue = &*self.queue;
        let usual = usual(reservation);
        let longest = Duration::from_secs(queue.config.max_wait_seconds);
        let mut state = queue.lock();
        loop {
            Queue::end_pause(&mut state);
            if let Some(reason) = state.breaker.reason() {
                return Permit::No(reason);
            }
            if state.closed || state.questions.is_abandoned(question.number) {
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
                    queue.config.base_url,
                    asked_for.as_secs()
                );
                queue.switch_off(&mut state, Unanswered::SwitchedOff, &why);
                continue;
            }
            let wait = own.max(asked_for).max(state.outage.delay(now)).min(NAP);
            if !wait.is_zero() {
                state = queue.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            // Until the dialect is found, one at a time looks for it; and one whether an outage is over.
            let may = !state.outage.is_probing() && (state.known_good || state.budget.under_way() == 0);
            match if may { state.budget.reserve(reservation, retry) } else { Room::Later } {
                Room::Reserved => {
                    state.pace.take(usual);
                    let known_good = state.known_good;
                    let request = InFlight::new(queue, state.outage.send(now), reservation);
                    return Permit::Go { known_good, request };
                }
                Room::Later => state = queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Room::Spent(limit) => {
                    let why = format!("the limit {limit} is reached");
                    queue.switch_off(&mut state, Unanswered::BudgetSpent, &why);
                }
            }
        }
    }

    fn why_off(&self) -> Option<String> {
        self.queue.lock().breaker.why().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::LlmConfig;
    use crate::llm::config::{CacheChoice, OnError};
    use crate::llm::pace::LimitHeaders;
    use crate::llm::queue::Mode;
    use std::sync::atomic::AtomicBool;

    fn worker(config: LlmConfig) -> Worker {
        let config = LlmConfig {
            base_url: "http://127.0.0.1:9/v1".to_owned(),
            api_key_env: String::new(),
            cache: CacheChoice::Off,
            ..config
        };
        Worker::new(Arc::new(Queue::new(&config, Vec::new(), Mode::Run).unwrap()))
    }

    fn reservation() -> Reservation {
        Reservation::new(100, 10)
    }

    #[test]
    fn a_question_is_settled_although_its_worker_panics() {
        let worker = worker(LlmConfig::default());
        let asked = AtomicBool::new(false);
        let places = ["a", "b"].map(|text| worker.queue.ask(text.as_bytes(), 0, &asked));
        for place in places {
            let question = worker.queue.next().unwrap();
            worker.process(&question, || panic!("as a test"));
            assert_eq!(worker.queue.wait(place, 0), Answer::Failed(Unanswered::Failed));
        }
        assert!(worker.queue.report().first_failure.unwrap().contains("panicked"));
    }

    #[test]
    fn a_request_whose_worker_panics_holds_up_nobody_and_is_counted() {
        let worker = worker(LlmConfig { breaker_failures: 3, ..LlmConfig::default() });
        let asked = AtomicBool::new(false);
        for number in 0_u32..3 {
            worker.queue.ask(format!("word {}", "x".repeat(number as usize)).as_bytes(), 0, &asked);
            let question = worker.queue.next().unwrap();
            worker.process(&question, || {
                let dialect = worker.queue.lock().dialect;
                let permit = worker.permit(&question, dialect, reservation(), false, None);
                assert!(matches!(permit, Permit::Go { .. }));
                panic!("as a test")
            });
            let state = worker.queue.lock();
            assert_eq!(state.budget.under_way(), 0);
            assert!(!state.outage.is_probing());
        }
        assert!(worker.queue.report().switched_off.unwrap().contains("panicked"));
    }

    #[test]
    fn a_wait_without_end_that_an_endpoint_asks_for_switches_off() {
        let worker = worker(LlmConfig { pause_seconds: u64::MAX, ..LlmConfig::default() });
        let place = worker.queue.ask(b"a", 0, &AtomicBool::new(false));
        let question = worker.queue.next().unwrap();
        let limits = LimitHeaders { retry_after: Some(Duration::MAX), ..LimitHeaders::default() };
        worker.queue.lock().pace.learn(&limits, 0, 0, Instant::now());
        let dialect = worker.queue.lock().dialect;
        let permit = worker.permit(&question, dialect, reservation(), false, None);
        assert!(matches!(permit, Permit::No(Unanswered::SwitchedOff)));
        worker.process(&question, || (Answer::Failed(Unanswered::SwitchedOff), worker.why_off()));
        assert_eq!(worker.queue.wait(place, 0), Answer::Failed(Unanswered::SwitchedOff));
        assert!(worker.queue.report().first_failure.unwrap().contains("max_wait_seconds"));
    }

    #[test]
    fn a_run_that_needs_every_answer_waits_no_longer_than_for_the_first_that_is_lost() {
        let worker = worker(LlmConfig { on_error: OnError::Fail, ..LlmConfig::default() });
        let asked = AtomicBool::new(false);
        let slow = worker.queue.ask(b"slow", 0, &asked);
        let lost = worker.queue.ask(b"lost", 0, &asked);
        let waiting = worker.queue.ask(b"waiting", 0, &asked);
        let under_way = worker.queue.next().unwrap();
        let question = worker.queue.next().unwrap();
        worker.process(&question, || (Answer::Failed(Unanswered::Invalid), Some("so".to_owned())));
        for place in [slow, lost, waiting] {
            assert!(matches!(worker.queue.wait(place, 0), Answer::Failed(_)));
        }
        let dialect = worker.queue.lock().dialect;
        let permit = worker.permit(&under_way, dialect, reservation(), true, None);
        assert!(matches!(permit, Permit::No(_)));
        assert_eq!(worker.queue.report().first_failure.as_deref(), Some("so"));
    }
}
