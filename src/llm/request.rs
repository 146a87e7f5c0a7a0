//! A request under way: what became of it is booked once, whatever happens to its worker.

use std::time::Instant;

use super::breaker::FAILURE;
use super::budget::{Reservation, Taken, usual_tokens};
use super::client::{Exchange, Lost};
use super::config::LlmConfig;
use super::dialect::Dialect;
use super::failure::Failure;
use super::outage::Sent;
use super::pace::LimitHeaders;
use super::queue::{Queue, QueueState};
use super::results::{Answer, Unanswered};

/// Why a question has no answer when its worker panicked.
pub const PANICKED: &str = "a worker of the LLM stage panicked, which is a bug in logclass";

/// A request that may be sent. Dropped without being booked, as when its worker panics, it counts as failed, with all
/// that was reserved for it.
pub struct InFlight<'a> {
    queue: &'a Queue,
    at: Sent,
    reservation: Reservation,
    booked: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.booked {
            return;
        }
        let mut state = self.queue.lock();
        state.budget.settle(self.reservation, Taken::UNKNOWN);
        state.outage.failed(self.at, Instant::now());
        if state.breaker.add(FAILURE) {
            self.queue.switch_off(&mut state, Unanswered::SwitchedOff, PANICKED);
        }
        drop(state);
        self.queue.changed.notify_all();
    }
}

/// A request's outcome, to be booked.
pub struct Outcome<'a> {
    /// The response, if one came.
    pub result: &'a Result<Exchange, Lost>,
    /// The parameters it was sent with.
    pub dialect: Dialect,
    /// What it means.
    pub verdict: &'a Result<Answer, Failure>,
    /// The question may be repeated.
    pub patient: bool,
    /// It has not been corrected yet.
    pub first_try: bool,
}

impl<'a> InFlight<'a> {
    /// For a request that a permit was given for, and what it can take was reserved.
    pub const fn new(queue: &'a Queue, at: Sent, reservation: Reservation) -> Self {
        Self { queue, at, reservation, booked: false }
    }

    /// Books what became of a request, in one step: who waits for a permit sees all of it or nothing.
    pub fn book(mut self, outcome: &Outcome<'_>) {
        let queue = self.queue;
        let mut state = queue.lock();
        self.booked = true;
        let (taken, limits) = match outcome.result {
            Ok(exchange) => (exchange.taken(), exchange.limits),
            Err(Lost { sent: true, .. }) => (Taken::UNKNOWN, LimitHeaders::default()),
            Err(Lost { sent: false, .. }) => (Taken::Nothing, LimitHeaders::default()),
        };
        state.budget.settle(self.reservation, taken);
        let others = state.budget.under_way();
        state.pace.learn(&limits, others, usual(self.reservation), Instant::now());
        // An endpoint that asks for patience is in order, until patience is at its end.
        let down = match outcome.verdict {
            Err(Failure::Again { busy, .. }) => !(*busy && outcome.patient),
            _ => false,
        };
        let news =
            if down { state.outage.failed(self.at, Instant::now()) } else { state.outage.heard(self.at) };
        let (points, why) = points(&mut state, outcome, down, news, &queue.config);
        if state.breaker.add(points) {
            queue.switch_off(&mut state, Unanswered::SwitchedOff, why);
        }
        drop(state);
        queue.changed.notify_all();
    }
}

/// What an outcome teaches about the dialect, and its points for the circuit breaker, with the reason. `news` says that
/// the request began after the last failure that counted.
fn points<'a>(
    state: &mut QueueState,
    outcome: &'a Outcome<'_>,
    down: bool,
    news: bool,
    config: &LlmConfig,
) -> (u32, &'a str) {
    let threshold = state.breaker.threshold();
    match outcome.verdict {
        Ok(_) => {
            state.known_good |= state.dialect == outcome.dialect;
            if news {
                state.breaker.succeeded();
            }
            (0, "")
        }
        Err(Failure::Speak(next)) => {
            if state.dialect == outcome.dialect {
                state.dialect = *next;
                state.known_good = false;
            }
            (0, "")
        }
        Err(Failure::BadAnswer(why)) => {
            // Whatever it says, the endpoint took the request as it was.
            state.known_good |= state.dialect == outcome.dialect;
            (u32::from(!outcome.first_try), why.as_str())
        }
        Err(Failure::Again { message, .. }) if down && news => (FAILURE, message.as_str()),
        Err(Failure::Again { .. }) => (0, ""),
        Err(Failure::Question(why)) => (1, why.as_str()),
        // However many are, it is no fault of the endpoint. Until there was an answer it may be the prompt that is too
        // long, and then all are.
        Err(Failure::TooLong(why)) => (u32::from(!state.known_good), why.as_str()),
        Err(Failure::Refused(why)) => {
            // The next question begins anew; if it fares no better, no other will.
            state.dialect = Dialect::new(config);
            (threshold.div_ceil(2), why.as_str())
        }
        Err(Failure::Stage(why)) => (threshold, why.as_str()),
    }
}

/// Tokens that a request is likely to take of a rate limit.
pub fn usual(reservation: Reservation) -> u64 {
    usual_tokens(usize::try_from(reservation.prompt).unwrap_or(usize::MAX))
}
