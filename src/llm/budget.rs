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
        Self { prompt: bytes as u64 + CHAT_FORMAT, answer: max_answer_tokens }
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
    /// These are the endpoint's figures.
    Known(Reservation),
    /// It may have been worked on, and nobody says how much: the limits count all that was reserved.
    Unknown,
    /// It never got there, or was refused.
    Nothing,
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
        let prompt = self.used.prompt_tokens + self.unknown.prompt + self.reserved.prompt + wanted.prompt;
        let answer = self.used.completion_tokens + self.unknown.answer + self.reserved.answer + wanted.answer;
        let full = |limit| if self.under_way > 0 { Room::Later } else { Room::Spent(limit) };
        if self.limits.tokens.is_some_and(|limit| prompt + answer > limit) {
            return full("max_tokens");
        }
        if self.limits.cost.is_some_and(|limit| self.cost(prompt, answer) > limit) {
            return full("max_cost");
        }
        self.used.requests += 1;
        self.used.retries += u64::from(retry);
        self.reserved.prompt += wanted.prompt;
        self.reserved.answer += wanted.answer;
        self.under_way += 1;
        Room::Reserved
    }

    /// Books what a request took.
    pub fn settle(&mut self, reserved: Reservation, taken: Taken) {
        self.under_way -= 1;
        self.reserved.prompt -= reserved.prompt;
        self.reserved.answer -= reserved.answer;
        match taken {
            Taken::Known(taken) => {
                self.used.prompt_tokens += taken.prompt;
                self.used.completion_tokens += taken.answer;
            }
            Taken::Unknown => {
                self.unknown.prompt += reserved.prompt;
                self.unknown.answer += reserved.answer;
            }
            Taken::Nothing => {}
        }
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^52 tokens
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
        budget.settle(WANTED, Taken::Known(Reservation { prompt: 20, answer: 5 }));
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        budget.settle(WANTED, Taken::Unknown);
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_tokens"));
    }

    #[test]
    fn money_is_a_limit_too() {
        let mut budget = budget(Limits { cost: Some(0.0002), ..Limits::default() });
        assert_eq!(budget.reserve(WANTED, false), Room::Reserved);
        budget.settle(WANTED, Taken::Known(WANTED));
        assert_eq!(budget.reserve(WANTED, false), Room::Spent("max_cost"));
    }
}
