//! Fine-tuning: an encoder learns the labels itself, before a head is trained on what it then sees.
//!
//! A linear layer over the mean of the tokens and the severity is trained together with the encoder's layers, then dropped. Each
//! batch is cut into parts of a fixed size, whose gradients are added in a fixed order: the same seed gives the same weights,
//! whatever the threads.

#[cfg(feature = "candle")]
mod adam;
#[cfg(feature = "candle")]
mod bert;
#[cfg(feature = "candle")]
mod learn;

use anyhow::Result;

use super::dataset::Dataset;
use super::folds::{ALWAYS_TRAINED, is_held_out_outlier};
use super::regression::{Targets, label_weights};
use super::settings::Settings;
use crate::encoder::Encoder;
#[cfg(not(feature = "candle"))]
use crate::encoder::files::EncoderFiles;
use crate::envelope::Severity;
#[cfg(feature = "candle")]
pub use learn::fine_tune;

/// How an encoder is fine-tuned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTuning {
    /// Times that every sample is seen.
    pub epochs: usize,
    /// The highest learning rate of the encoder; it rises to it over the first tenth of the steps and then falls to zero.
    pub learning_rate: f64,
    /// Seed of the order and of the linear layer.
    pub seed: u64,
}

impl Default for FineTuning {
    /// As BERT is usually fine-tuned (Devlin et al., NAACL 2019, appendix A.3), at the low end, since a head is trained afterwards.
    fn default() -> Self {
        Self { epochs: 2, learning_rate: 3e-5, seed: 0 }
    }
}

/// A text to learn from.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its token ids, special ones included.
    pub tokens: Vec<u32>,
    /// Severity of its envelope.
    pub severity: Option<Severity>,
    /// Its class.
    pub class: u32,
    /// How much it counts; 1 on average.
    pub weight: f32,
    /// In what share of the epochs it is seen: what counts little need not cost as much as the rest.
    pub share: f32,
}

/// The samples of a dataset: every template that `folds` do not hold out, each counting as in the training of the head; the outliers,
/// but for those that the head's familiarity is chosen on, are one more class.
///
/// # Errors
/// When the tokenizer fails.
pub fn samples(
    dataset: &Dataset,
    settings: &Settings,
    folds: &[usize],
    encoder: &Encoder,
) -> Result<Vec<Sample>> {
    let chosen: Vec<usize> = (0..folds.len()).filter(|&sample| folds[sample] == ALWAYS_TRAINED).collect();
    let prior = settings.prior.shares(dataset);
    let targets = Targets {
        truth: &dataset.truth,
        labels: dataset.labels.len(),
        prior: &prior,
        weights: &dataset.weights,
    };
    let of_label = label_weights(targets, &chosen);
    let mut samples = Vec::with_capacity(chosen.len() + dataset.outliers.len());
    for index in chosen {
        let label = dataset.truth[index];
        #[allow(clippy::cast_possible_truncation)]
        let weight = of_label[usize::from(label)] as f32;
        samples.push(Sample {
            tokens: encoder.tokens(&dataset.templates[index].text)?,
            severity: dataset.templates[index].severity,
            class: u32::from(label),
            weight,
            share: dataset.weights[index],
        });
    }
    let class = u32::try_from(dataset.labels.len()).unwrap_or(u32::MAX);
    // Outliers are many even where rows are few; together they are seen no more often than those.
    #[allow(clippy::cast_precision_loss)]
    let share = (samples.len() as f32 / dataset.outliers.len().max(1) as f32).min(1.0);
    for (index, outlier) in dataset.outliers.iter().enumerate() {
        if !is_held_out_outlier(index) {
            let tokens = encoder.tokens(&outlier.text)?;
            samples.push(Sample { tokens, severity: outlier.severity, class, weight: 1.0, share });
        }
    }
    Ok(samples)
}

/// Samples of a step.
pub const BATCH: usize = 32;

/// About how many batches an epoch has.
pub fn steps_in_epoch(samples: &[Sample]) -> usize {
    let seen: f32 = samples.iter().map(|sample| sample.share).sum();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (seen.ceil() as usize).div_ceil(BATCH)
}

/// Fine-tuning is not part of this build.
///
/// # Errors
/// Always, with the feature that is missing.
#[cfg(not(feature = "candle"))]
pub fn fine_tune(
    _files: &EncoderFiles,
    _samples: &[Sample],
    _classes: usize,
    _settings: FineTuning,
    _done: impl FnMut(usize, f32),
) -> Result<Vec<u8>> {
    Err(crate::error::usage(NOT_BUILT))
}

/// What is said where fine-tuning is asked for, and the build has none.
#[cfg(not(feature = "candle"))]
pub const NOT_BUILT: &str = "this build cannot fine-tune an encoder (cargo feature `candle`)";
