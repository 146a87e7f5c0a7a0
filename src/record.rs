//! The words every stage shares: what a label is, and what a verdict says.
//!
//! A [`Verdict`] is small and `Copy`: it is what the tables hold per template and what the pipeline carries per
//! row, so a row costs no allocation. Names are looked up only when something is written.

use std::collections::HashMap;

/// The label of a record that no stage answered with enough confidence.
pub const UNCLASSIFIED: &str = "Unclassified";

/// Index of a label in [`Labels`].
pub type LabelId = u16;

/// The set of labels a run can give, [`UNCLASSIFIED`] always first.
#[derive(Debug, Clone)]
pub struct Labels {
    names: Vec<String>,
    ids: HashMap<String, LabelId>,
}

impl Labels {
    /// The id of [`UNCLASSIFIED`].
    pub const UNCLASSIFIED: LabelId = 0;

    /// A set that holds [`UNCLASSIFIED`] alone.
    pub fn new() -> Self {
        let mut labels = Self { names: Vec::new(), ids: HashMap::new() };
        labels.intern(UNCLASSIFIED);
        labels
    }

    /// The id of `name`, added if it is new.
    ///
    /// # Panics
    /// When there are more than 65,535 labels; configuration and model files are checked against that limit.
    pub fn intern(&mut self, name: &str) -> LabelId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = LabelId::try_from(self.names.len()).expect("label counts are checked when files are read");
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The id of `name`, if the set has it.
    pub fn id(&self, name: &str) -> Option<LabelId> {
        self.ids.get(name).copied()
    }

    /// The name of `id`.
    pub fn name(&self, id: LabelId) -> &str {
        &self.names[usize::from(id)]
    }

    /// All names, in order of id.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many labels there are, [`UNCLASSIFIED`] included.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.names.len()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::new()
    }
}

/// The stage that settled a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A regex rule.
    Rule,
    /// The sentence embedding and the head.
    Model,
    /// The LLM.
    Llm,
    /// No stage had an answer: the label is [`UNCLASSIFIED`].
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

impl Verdict {
    /// No answer, for `reason`.
    pub const fn unclassified(confidence: f32, reason: Reason) -> Self {
        Self { label: Labels::UNCLASSIFIED, stage: Stage::None, confidence, reason }
    }
}
