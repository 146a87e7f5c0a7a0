//! What the stages say of a record.
//!
//! A [`Verdict`] is small and `Copy`: it is what the tables hold per template and what the pipeline carries
//! per row, so a row costs no allocation. Names are looked up only when something is written.

use crate::label::{LabelId, Labels};

/// The stage that settled a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A regex rule.
    Rule,
    /// The lexical path of the model, or the sentence embedding and the head.
    Model,
    /// The LLM.
    Llm,
    /// No stage had an answer: the label is [`UNCLASSIFIED`](crate::label::UNCLASSIFIED).
    None,
}

impl Stage {
    /// Every stage, in the order of the cascade.
    pub const ALL: [Self; 4] = [Self::Rule, Self::Model, Self::Llm, Self::None];

    /// The word written to `label_stage` and to summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Model => "model",
            Self::Llm => "llm",
            Self::None => "none",
        }
    }
}

/// Why a record got its label, in a form that costs nothing to carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The rule with this index matched.
    Rule(u32),
    /// The model was sure enough; the training template nearest to the record has this index.
    Nearest(u32),
    /// The model was trained on this very template: no encoder was needed.
    Trained,
    /// The lexical path was sure enough, without the encoder; the names with these places say which words decided
    /// ([`NO_NAME`](crate::head::lexical::NO_NAME) where there is none).
    Lexical([u16; 2]),
    /// The model's best label was this one, below the confidence asked for.
    Unsure(LabelId),
    /// The text is unlike anything the model was trained on; its best label would have been this one.
    Unfamiliar(LabelId),
    /// The LLM answered.
    LlmAnswered,
    /// The LLM was asked and said that no label fits.
    LlmDeclined,
    /// The LLM should have answered and could not: the row is counted and the exit status says so.
    LlmFailed,
    /// The message has no text to classify.
    Empty,
    /// The record cannot be read.
    Unreadable,
    /// No rule matched, and the source's route leads to no further stage.
    NoStage,
}

/// The answer for one record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The label given.
    pub label: LabelId,
    /// The stage that gave it.
    pub stage: Stage,
    /// Calibrated probability that the label is right, 0 to 1. Rules and LLM answers carry 1.
    pub confidence: f32,
    /// Why.
    pub reason: Reason,
}

impl Reason {
    /// Whether the model needed no encoder.
    pub const fn is_early(self) -> bool {
        matches!(self, Self::Trained | Self::Lexical(_))
    }
}

impl Verdict {
    /// No answer, for `reason`.
    pub const fn unclassified(confidence: f32, reason: Reason) -> Self {
        Self { label: Labels::UNCLASSIFIED, stage: Stage::None, confidence, reason }
    }
}
