//! What comes of questions: answers, why there are none, and what they took.

use thiserror::Error;

use super::budget::Usage;
use crate::label::LabelId;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One of the labels.
    Label(LabelId),
    /// The LLM says that none fits.
    Declined,
    /// There was no valid answer.
    Failed(Unanswered),
    /// A rehearsal asks nothing.
    Unasked,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The endpoint failed, however often it was asked.
    Failed,
    /// What it said was none of the labels, twice.
    Invalid,
    /// The stage had been switched off after failures; nothing was sent.
    SwitchedOff,
    /// A limit of the budget had been reached; nothing was sent.
    BudgetSpent,
}

impl Unanswered {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Invalid, Self::SwitchedOff, Self::BudgetSpent];

    /// The word in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Invalid => "invalid_answer",
            Self::SwitchedOff => "switched_off",
            Self::BudgetSpent => "budget_spent",
        }
    }
}

/// A question has no answer, in a run that every question must be answered in.
#[derive(Debug, Error)]
#[error("the LLM did not answer ({why}), and --on-llm-error fail ends the run then")]
pub struct NoAnswer {
    /// Why.
    pub why: String,
}

/// What a run of requests would take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Questions, each a request.
    pub requests: u64,
    /// Tokens of the prompts, about.
    pub prompt_tokens: u64,
    /// Tokens of the answers, about.
    pub completion_tokens: u64,
    /// What they cost, if the configuration has prices.
    pub cost: Option<f64>,
}

/// What the stage did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests and tokens.
    pub usage: Usage,
    /// What they cost, if the configuration has prices.
    pub cost: Option<f64>,
    /// Templates whose answer was kept from a run before.
    pub from_cache: u64,
    /// How the endpoint was told to answer, once it has.
    pub answer_format: Option<&'static str>,
    /// Why the stage is switched off, if it is.
    pub switched_off: Option<String>,
    /// The kind of that reason.
    pub off: Option<Unanswered>,
    /// Why the first question without an answer has none; a server's last one.
    pub first_failure: Option<String>,
    /// Why answers could not be kept, if they could not.
    pub cache_failure: Option<String>,
    /// What a run would take, in a rehearsal.
    pub estimate: Option<Estimate>,
}
