//! The circuit breaker: after failures in a row nothing more is sent.
//!
//! Closed, it counts points; a failed request has [`FAILURE`], an invalid answer one. At the threshold it opens: what
//! waits is told so and nothing is sent. A run's stays open. A server's is half open after a pause: requests are sent
//! again, and one more point opens it. A success closes it. A limit of the budget opens it for good.

use std::time::{Duration, Instant};

use super::config::LlmConfig;
use super::pace::after;
use super::results::Unanswered;

/// Points of a failed request: as many as of this many invalid answers.
pub const FAILURE: u32 = 4;

/// Why and for how long nothing is sent.
#[derive(Debug)]
struct Open {
    reason: Unanswered,
    why: String,
    /// When it is half open; nothing when it stays as it is.
    until: Option<Instant>,
}

/// The circuit breaker of one stage.
#[derive(Debug)]
pub struct Breaker {
    points: u32,
    threshold: u32,
    /// How long a server's stays open; a run's has none.
    pause: Option<Duration>,
    open: Option<Open>,
}

impl Breaker {
    /// Closed. `returns` says that it is half open after the configuration's pause.
    pub fn new(config: &LlmConfig, returns: bool) -> Self {
        Self {
            points: 0,
            threshold: config.breaker_failures.max(1).saturating_mul(FAILURE),
            pause: returns.then(|| Duration::from_secs(config.pause_seconds)),
            open: None,
        }
    }

    /// Points that open it at once.
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Counts points; returns whether they are enough to open it.
    pub fn add(&mut self, points: u32) -> bool {
        self.points = self.points.saturating_add(points);
        self.points >= self.threshold
    }

    /// The endpoint answered.
    pub fn succeeded(&mut self) {
        self.points = 0;
    }

    /// Opens it; returns false when it was open.
    pub fn open(&mut self, reason: Unanswered, why: &str, now: Instant) -> bool {
        if self.open.is_some() {
            return false;
        }
        let pause = self.pause.filter(|_| reason == Unanswered::SwitchedOff);
        let until = pause.map(|pause| after(now, pause));
        self.open = Some(Open { reason, why: why.to_owned(), until });
        true
    }

    /// Ends a pause that is over; returns whether it did.
    pub fn half_open_if_due(&mut self, now: Instant) -> bool {
        let due = self.open.as_ref().and_then(|open| open.until).is_some_and(|until| until <= now);
        if due {
            self.open = None;
            self.points = self.threshold.saturating_sub(1);
        }
        due
    }

    /// Why it is open, as a kind; nothing when it is not.
    pub fn reason(&self) -> Option<Unanswered> {
        self.open.as_ref().map(|open| open.reason)
    }

    /// Why it is open, for people; nothing when it is not.
    pub fn why(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.why.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(pause_seconds: u64, returns: bool) -> Breaker {
        let config = LlmConfig { breaker_failures: 2, pause_seconds, ..LlmConfig::default() };
        Breaker::new(&config, returns)
    }

    #[test]
    fn points_add_up_until_a_success() {
        let mut breaker = breaker(60, false);
        assert!(!breaker.add(FAILURE));
        breaker.succeeded();
        assert!(!breaker.add(FAILURE + 3));
        assert!(breaker.add(1));
    }

    #[test]
    fn a_runs_stays_open_and_a_servers_is_half_open_after_the_pause() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut run = breaker(60, false);
        assert!(run.open(Unanswered::SwitchedOff, "down", start));
        assert!(!run.open(Unanswered::BudgetSpent, "other", start));
        assert!(!run.half_open_if_due(later));
        assert_eq!((run.reason(), run.why()), (Some(Unanswered::SwitchedOff), Some("down")));
        let mut server = breaker(60, true);
        server.open(Unanswered::SwitchedOff, "down", start);
        assert!(!server.half_open_if_due(start));
        assert!(server.half_open_if_due(later));
        assert_eq!(server.reason(), None);
        assert!(server.add(1));
        let mut spent = breaker(60, true);
        spent.open(Unanswered::BudgetSpent, "max_cost", start);
        assert!(!spent.half_open_if_due(later));
    }

    #[test]
    fn a_pause_of_any_length_is_reckoned_with() {
        let now = Instant::now();
        for pause in [i64::MAX as u64, u64::MAX] {
            let mut server = breaker(pause, true);
            assert!(server.open(Unanswered::SwitchedOff, "down", now));
            assert!(!server.half_open_if_due(now + Duration::from_secs(86_400)));
        }
    }
}
