//! A clerk's work on one question: when it may be asked, what became of it, and whether to go on.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::answer::{self, Reading};
use super::budget::{Reservation, Room, Taken, usual_tokens};
use super::client::{Client, Exchange, Lost};
use super::desk::{Desk, State};
use super::dialect::Dialect;
use super::failure::{self, Asked, Failure};
use super::outage::Sent;
use super::pace::{LimitHeaders, backoff};
use super::prompt::Subject;
use super::{Answer, Unanswered};

/// A failed request strains the stage as much as this many invalid answers.
const STRAIN_OF_FAILURE: u32 = 4;

/// May a request be sent?
enum Permit {
    Go {
        known_good: bool,
        at: Sent,
    },
    /// The dialect has changed meanwhile.
    Rewrite,
    No(Unanswered),
}

/// A request's outcome, to be booked.
struct Booking<'a> {
    at: Sent,
    reservation: Reservation,
    outcome: &'a Result<Exchange, Lost>,
    dialect: Dialect,
    verdict: &'a Result<Answer, Failure>,
    /// The question may be repeated.
    patient: bool,
    /// It has not been corrected yet.
    first_try: bool,
}

impl Desk {
    /// Asks until there is an answer or no hope of one; with the reason where there is none.
    pub(super) fn answer(&self, client: &Client, subject: &Subject) -> (Answer, Option<String>) {
        let mut failures = 0;
        let mut correction: Option<String> = None;
        let mut max_answer = self.config.max_answer_tokens;
        let mut not_before = None;
        let mut sent = 0_u32;
        loop {
            let dialect = self.lock().dialect;
            let body = self.prompt.request(&subject.text, dialect, max_answer, correction.as_deref());
            let reservation = Reservation::new(body.len(), max_answer);
            let (known_good, at) = match self.permit(dialect, reservation, sent > 0, not_before) {
                Permit::Go { known_good, at } => (known_good, at),
                Permit::Rewrite => continue,
                Permit::No(reason) => return (Answer::Failed(reason), self.why_off()),
            };
            sent += 1;
            let outcome = client.complete(&body);
            let asked = Asked {
                base_url: &self.config.base_url,
                model: self.prompt.model(),
                key_variable: &self.config.api_key_env,
                dialect,
                known_good,
            };
            let verdict = self.judge(client, &asked, &outcome);
            let patient = failures < self.config.retries;
            let first_try = correction.is_none();
            self.book(&Booking {
                at,
                reservation,
                outcome: &outcome,
                dialect,
                verdict: &verdict,
                patient,
                first_try,
            });
            match verdict {
                Ok(answer) => return (answer, None),
                Err(Failure::Speak(_)) => {}
                Err(Failure::BadAnswer(_)) if first_try => {
                    let (said, cut_short) = self.said_in(&outcome);
                    correction = Some(said);
                    if cut_short {
                        max_answer = max_answer.saturating_mul(4);
                    }
                }
                Err(Failure::BadAnswer(why)) => return (Answer::Failed(Unanswered::Invalid), Some(why)),
                Err(Failure::Again { .. }) if patient => {
                    failures += 1;
                    not_before = Some(Instant::now() + backoff(failures));
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
        outcome: &Result<Exchange, Lost>,
    ) -> Result<Answer, Failure> {
        let exchange = outcome.as_ref().map_err(|lost| failure::of_connection(asked, &lost.error))?;
        if !(200..300).contains(&exchange.status) {
            return Err(failure::of_response(asked, client, exchange));
        }
        match answer::read(&exchange.body, &self.labels) {
            Reading::Valid(answer) => Ok(answer),
            Reading::Invalid { reason, .. } => {
                Err(Failure::BadAnswer(format!("{}: {reason}", asked.base_url)))
            }
            Reading::Nothing => Err(failure::of_response(asked, client, exchange)),
        }
    }

    /// What an invalid answer said, to be shown to the model for correction, and whether it was cut short.
    fn said_in(&self, outcome: &Result<Exchange, Lost>) -> (String, bool) {
        match outcome.as_ref().map(|exchange| answer::read(&exchange.body, &self.labels)) {
            Ok(Reading::Invalid { said, cut_short, .. }) => (said, cut_short),
            _ => (String::new(), false),
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
        let usual = usual(reservation);
        let longest = Duration::from_secs(self.config.max_wait_seconds);
        let mut state = self.lock();
        loop {
            self.come_back(&mut state);
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
            let wait = own.max(asked_for).max(state.outage.delay(now));
            if !wait.is_zero() {
                state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            // Until the dialect is found, one at a time looks for it; and one whether an outage is over.
            let may = !state.outage.is_probing() && (state.known_good || state.budget.under_way() == 0);
            match if may { state.budget.reserve(reservation, retry) } else { Room::Later } {
                Room::Reserved => {
                    state.pace.take(usual);
                    return Permit::Go { known_good: state.known_good, at: state.outage.send(now) };
                }
                Room::Later => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Room::Spent(limit) => {
                    let why = format!("the limit {limit} is reached");
                    self.turn_off(&mut state, Unanswered::BudgetSpent, why);
                }
            }
        }
    }

    /// Books what became of a request, in one step: who waits for a permit sees all of it or nothing.
    fn book(&self, booking: &Booking<'_>) {
        let mut state = self.lock();
        let (taken, limits) = match booking.outcome {
            Ok(exchange) => (exchange.taken(), exchange.limits),
            Err(Lost { sent: true, .. }) => (Taken::Unknown, LimitHeaders::default()),
            Err(Lost { sent: false, .. }) => (Taken::Nothing, LimitHeaders::default()),
        };
        state.budget.settle(booking.reservation, taken);
        let others = state.budget.under_way();
        state.pace.learn(&limits, others, usual(booking.reservation), Instant::now());
        let broken = self.strain_borne();
        // An endpoint that asks for patience is in order, until patience is at its end.
        let down = match booking.verdict {
            Err(Failure::Again { busy, .. }) => !(*busy && booking.patient),
            _ => false,
        };
        let news = if down {
            state.outage.failed(booking.at, Instant::now())
        } else {
            state.outage.heard(booking.at)
        };
        let (strain, why) = match booking.verdict {
            Ok(_) => {
                state.known_good |= state.dialect == booking.dialect;
                if news {
                    state.strain = 0;
                }
                (0, "")
            }
            Err(Failure::Speak(next)) => {
                if state.dialect == booking.dialect {
                    state.dialect = *next;
                    state.known_good = false;
                }
                (0, "")
            }
            Err(Failure::BadAnswer(why)) => {
                // Whatever it says, the endpoint took the request as it was.
                state.known_good |= state.dialect == booking.dialect;
                (u32::from(!booking.first_try), why.as_str())
            }
            Err(Failure::Again { message, .. }) if down && news => (STRAIN_OF_FAILURE, message.as_str()),
            Err(Failure::Again { .. }) => (0, ""),
            Err(Failure::Question(why)) => (1, why.as_str()),
            // However many are, it is no fault of the endpoint. Until there was an answer it may be the prompt that
            // is too long, and then all are.
            Err(Failure::TooLong(why)) => (u32::from(!state.known_good), why.as_str()),
            Err(Failure::Refused(why)) => {
                // The next question begins anew; if it fares no better, no other will.
                state.dialect = Dialect::new(&self.config);
                (broken.div_ceil(2), why.as_str())
            }
            Err(Failure::Stage(why)) => (broken, why.as_str()),
        };
        state.strain = state.strain.saturating_add(strain);
        if state.strain >= broken {
            self.turn_off(&mut state, Unanswered::SwitchedOff, why.to_owned());
        }
        drop(state);
        self.changed.notify_all();
    }

    /// From here on, or until the pause of a server is over, nothing is sent, and what waits is told so.
    fn turn_off(&self, state: &mut State, reason: Unanswered, why: String) {
        if state.off.is_some() {
            return;
        }
        state.off = Some((reason, why));
        let returns = self.standing && reason == Unanswered::SwitchedOff;
        state.off_until = returns.then(|| Instant::now() + self.pause());
        for question in std::mem::take(&mut state.waiting) {
            state.answers[question.number] = Some(Answer::Failed(reason));
        }
        self.changed.notify_all();
    }

    /// Strain at which the stage is switched off.
    pub(super) fn strain_borne(&self) -> u32 {
        self.config.breaker_failures.saturating_mul(STRAIN_OF_FAILURE)
    }

    fn why_off(&self) -> Option<String> {
        self.lock().off.as_ref().map(|(_, why)| why.clone())
    }
}

/// Tokens that a request is likely to take of a rate limit.
fn usual(reservation: Reservation) -> u64 {
    usual_tokens(usize::try_from(reservation.prompt).unwrap_or(usize::MAX))
}
