//! Choices of a training.

use super::dataset::Dataset;
use crate::head::ngrams::NgramShape;

/// Choices of a training.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Seed of the folds.
    pub seed: u64,
    /// Precision that `min_confidence` is chosen for.
    pub precision: f64,
    /// How n-grams are made.
    pub ngrams: NgramShape,
    /// What a severity counts as a feature, beside the 1 of the sentence vector; 0 leaves it out.
    pub severity_weight: f32,
    /// How often each label is expected.
    pub prior: Prior,
    /// Inverse strengths of the regularisation to choose from.
    pub regularisations: Vec<f64>,
    /// Largest gradient component, relative to the first, at which a fit of cross-validation is done: fits that only
    /// compare or judge need not be followed to the end.
    pub tolerance: f64,
    /// The same for the fit of the model.
    pub final_tolerance: f64,
    /// What the first step of a fit is multiplied by: the gradient of a label shrinks with their number.
    pub first_step: f64,
    /// Share of the labels that the lexical path gives without the encoder that the full head should agree with. Nothing: no lexical
    /// path.
    pub early_agreement: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folds: 5,
            seed: 0,
            precision: 0.95,
            ngrams: NgramShape { minimum: 3, maximum: 5, buckets: 1 << 13, weight: 1.5 },
            severity_weight: 2.0,
            prior: Prior::Data,
            regularisations: vec![1.0, 10.0, 100.0],
            tolerance: 1e-4,
            final_tolerance: 1e-5,
            first_step: 1.0,
            early_agreement: Some(0.995),
        }
    }
}

/// Labels beyond which a fit costs so much that there are only a few.
const MANY_LABELS: usize = 128;

impl Settings {
    /// The settings for so many labels. With many of them, each fit takes as long as all fits of an ordinary training, and
    /// labels have a few templates each, of which five folds tell no more than two; a fit is followed less far, since
    /// its first steps, which lead from the mean of all templates to those of the labels, decide. There is no lexical path, whose
    /// weights would be many more than those of the head.
    #[must_use]
    pub fn for_labels(self, labels: usize) -> Self {
        if labels <= MANY_LABELS {
            return self;
        }
        #[allow(clippy::cast_precision_loss)] // fewer than 65,536
        let first_step = labels as f64;
        Self {
            folds: 2,
            regularisations: vec![10.0],
            tolerance: 1e-2,
            final_tolerance: 1e-2,
            first_step,
            early_agreement: None,
            ..self
        }
    }
}

/// How often each label is expected where the model will be used.
#[derive(Debug, Clone, PartialEq)]
pub enum Prior {
    /// As often as among the distinct templates of the data.
    Data,
    /// All labels alike.
    Balanced,
    /// Labels with their shares; those that are not named share what is left, in the data's proportions.
    Named(Vec<(String, f64)>),
}

impl Prior {
    /// The share of each label; empty for [`Prior::Data`].
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn shares(&self, dataset: &Dataset) -> Vec<f64> {
        let labels = dataset.labels.len();
        match self {
            Self::Data => Vec::new(),
            Self::Balanced => vec![1.0 / labels as f64; labels],
            Self::Named(named) => {
                let share =
                    |label: &String| named.iter().find(|(name, _)| name == label).map(|(_, share)| *share);
                let mut counts = vec![0.0; labels];
                dataset.truth.iter().for_each(|&label| counts[usize::from(label)] += 1.0);
                let unnamed = |label: usize| share(&dataset.labels[label]).is_none();
                let left = (1.0 - named.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
                let rest: f64 = (0..labels).filter(|&label| unnamed(label)).map(|label| counts[label]).sum();
                (0..labels)
                    .map(|label| {
                        share(&dataset.labels[label]).unwrap_or(left * counts[label] / rest.max(1.0))
                    })
                    .collect()
            }
        }
    }
}
