//! What a run may take: reserved before a request is sent, so that it is never overrun, however many are under way.

use super::config::{Limits, LlmConfig};

/// What requests took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Requests that repeated one that had failed.
    pub retries: u64,
    /// Tokens of the prompts, as the endpoint counts them.
    pub prompt_tokens: u64,
    /// Tokens of the answers, reasoning included.
    pub completion_tokens: u64,
}

/// Tokens that a request may take at the most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reservation {
    /// In the prompt.
    pub prompt: u64,
    /// In the answer.
    pub answer: u64,
}

impl Reservation {
    /// For a request of `bytes`: no tokenizer makes more tokens than bytes; what the endpoint's own chat format adds
    /// is allowed for.
    pub fn new(bytes: usize, max_answer_tokens: u64) -> Self {
        const CHAT_FORMAT: u64 = 128;
        Self { prompt: (bytes as u64).saturating_add(CHAT_FORMAT), answer: max_answer_tokens }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            answer: self.answer.saturating_add(other.answer),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_sub(other.prompt),
            answer: self.answer.saturating_sub(other.answer),
        }
    }
}

/// Tokens that a text of `bytes` usually has.
pub fn usual_tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It may, and what it can take is reserved.
    Reserved,
    /// Not before requests under way have said what they took.
    Later,
    /// It would overrun this limit.
    Spent(&'static str),
}

/// What a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It may have been worked on. These are the endpoint's figures; where one is missing, the limits count all that
    /// was reserved.
    Reported {
        /// Tokens of the prompt.
        prompt: Option<u64>,
        /// Tokens of the answer.
        answer: Option<u64>,
    },
    /// It never got there, or was refused.
    Nothing,
}

impl Taken {
    /// Nobody says how much.
    pub const UNKNOWN: Self = Self::Reported { prompt: None, answer: None };

    /// From the endpoint's figures. A figure that cannot be true is none: a request that was answered took tokens both
    /// ways, and no model takes or gives so many at once.
    pub fn reported(prompt: Option<u64>, answer: Option<u64>) -> Self {
        const MOST: u64 = 10_000_000;
        let possible = |count: Option<u64>| count.filter(|count| (1..=MOST).contains(count));
        Self::Reported { prompt: possible(prompt), answer: possible(answer) }
    }
}

/// The account of a run.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    price_in: f64,
    price_out: f64,
    used: Usage,
    reserved: Reservation,
    unknown: Reservation,
    under_way: usize,
}

impl Budget {
    /// Nothing used yet.
    pub fn new(config: &LlmConfig) -> Self {
        Self {
            limits: config.limits,
            price_in: config.price_in.unwrap_or(0.0),
            price_out: config.price_out.unwrap_or(0.0),
            used: Usage::default(),
            reserved: Reservation::default(),
            unknown: Reservation::default(),
            under_way: 0,
        }
    }

    /// What has been used.
    pub fn used(&self) -> Usage {
        self.used
    }

    /// Requests under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Reserves what a request can take.
    pub fn reserve(&mut self, wanted: Reservation, retry: bool) -> Room {
        if self.limits.requests.is_some_and(|limit| self.used.requests >= limit) {
            return Room::Spent("max_requests");
        }
        let used = Reservation { prompt: self.used.prompt_tokens, answer: self.used.completion_tokens };
        let Reservation { prompt, answer } = used.plus(self.unknown).plus(self.reserved).plus(wanted);
        let full = |limit| if self.under_way > 0 { Room::Later } else { Room::Spent(limit) };
        if self.limits.tokens.is_some_and(|limit| prompt.saturating_add(answer) > limit) {
            return full("max_tokens");
        }
        if self.limits.cost.is_some_and(|limit| self.cost(prompt, answer) > limit) {
            return full("max_cost");
        }
        self.used.requests = self.used.requests.saturating_add(1);
        self.used.retries = self.used.retries.saturating_add(u64::from(retry));
        self.reserved = self.reserved.plus(wanted);
        self.under_way += 1;
        Room::Reserved
    }

    /// Books what a request took.
    pub fn settle(&mut self, reserved: Reservation, taken: Taken) {
        self.under_way = self.under_way.saturating_sub(1);
        self.reserved = self.reserved.minus(reserved);
        let Taken::Reported { prompt, answer } = taken else { return };
        let unknown = Reservation {
            prompt: if prompt.is_none() { reserved.prompt } else { 0 },
            answer: if answer.is_none() { reserved.answer } else { 0 },
        };
        self.unknown = self.unknown.plus(unknown);
        self.used.prompt_tokens = self.used.prompt_tokens.saturating_add(prompt.unwrap_or(0));
        self.used.completion_tokens = self.used.completion_tokens.saturating_add(answer.unwrap_or(0));
    }

    #[allow(clippy::cast_precision_loss)] // a limit, not a bill
    fn cost(&self, prompt: u64, answer: u64) -> f64 {
        (prompt as f64 * self.price_in + answer as f64 * self.price_out) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limits: Limits) -> Budget {
        let config = LlmConfig { limits, price_in: Some(1.0), price_out: Some(2.0), ..LlmConfig::default() };
        Budget::new(&config)
    }

    const WANTED: Reservation = Reservation { prompt: 100, answer: 50 };

    #[test]
    fn requests_are_counted_before_they_are_sent() {
        let mut budget = budget(Limits { requests: Some(2), ..Limits::default() });
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        assert_eq!(budget.reserve(WANTED, true), Room::Reserved);
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_requests"));
        assert_eq!((budget.used().requests, budget.used().retries), (2, 1));
    }

    #[test]
    fn tokens_under_way_count_in_full_until_they_are_known() {
        let mut budget = budget(Limits { tokens: Some(200), ..Limits::default() });
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        assert_eq!(budget.reserve(WANTED, false), Room::Later);
        budget.settle(WANTED, Taken::reported(Some(20), Some(5)));
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        budget.settle(WANTED, Taken::UNKNOWN);
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_tokens"));
    }

    #[test]
    fn money_is_a_limit_too() {
        let mut budget = budget(Limits { cost: Some(0.0002), ..Limits::default() });
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        budget.settle(WANTED, Taken::reported(Some(WANTED.prompt), Some(WANTED.answer)));
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_cost"));
    }

    #[test]
    fn figures_that_are_missing_or_cannot_be_true_count_as_all_that_was_reserved() {
        for count in [None, Some(0), Some(10_000_001), Some(u64::MAX - 1), Some(u64::MAX)] {
            let mut budget = budget(Limits { tokens: Some(310), ..Limits::default() });
            for _ in 0..2 {
                assert_eq!(budget.reserve(WANTED, false), Room::Reserved, "{count:?}");
                budget.settle(WANTED, Taken::reported(count, count));
            }
            assert_eq!(budget.used().prompt_tokens, 0, "{count:?}");
            assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_tokens"), "{count:?}");
        }
        // One of the two is enough to be missing.
        let mut budget = budget(Limits { tokens: Some(200), ..Limits::default() });
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        budget.settle(WANTED, Taken::reported(Some(20), None));
        assert_eq!((budget.used().prompt_tokens, budget.unknown.answer), (20, 50));
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_tokens"));
    }

    #[test]
    fn sums_never_overflow() {
        let mut budget = budget(Limits { tokens: Some(u64::MAX - 1), ..Limits::default() });
        let wanted = Reservation { prompt: u64::MAX / 2, answer: u64::MAX / 2 };
        assert_eq!(budget.reserve(wanted, false), Room::Reserved);
        budget.settle(wanted, Taken::UNKNOWN);
        assert_eq!(budget.reserve(wanted, false), Room::Spent("max_tokens"));
        assert_eq!(Reservation::new(usize::MAX, u64::MAX).plus(wanted).answer, u64::MAX);
    }
}
