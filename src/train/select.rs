//! Cross-validation: the regularisation, the temperature and the thresholds, from held-out predictions.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::regression::{self, log_sum_exp};
use super::{Dataset, Encoded, Settings};
use crate::head::CrossValidation;
use crate::metrics::{self, Scored};

/// What cross-validation found.
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// The inverse strength that predicted best.
    pub regularisation: f64,
    /// Held-out predictions, a row per template.
    pub rows: Vec<Scored>,
    /// Logits are divided by this.
    pub temperature: f32,
    /// Confidence below which the model abstains.
    pub min_confidence: f32,
    /// Log odds of belonging below which the model abstains.
    pub min_familiarity: f32,
    /// The figures for the model file.
    pub figures: CrossValidation,
}

/// Share of held-out templates that may be taken for strangers, and below it the share of held-out strangers that
/// should be.
const FRIENDS_REJECTED: f64 = 0.005;
const STRANGERS_REJECTED: f64 = 0.99;
/// Inverse strength of the familiarity's regularisation; anything from 1 to 100 was measured to do as well.
const FAMILIARITY_REGULARISATION: f64 = 10.0;

/// The fold of each template: labels are spread evenly, the seed decides which template goes where, and neither threads nor the
/// order of the rows do.
pub fn folds(dataset: &Dataset, wanted: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dataset.templates.len()).collect();
    let shuffled = |sample: usize| xxh3_64_with_seed(dataset.templates[sample].as_bytes(), seed);
    order.sort_by_cached_key(|&sample| (dataset.truth[sample], shuffled(sample)));
    let wanted = wanted.clamp(2, dataset.templates.len().max(2));
    let mut folds = vec![0; order.len()];
    for (place, &sample) in order.iter().enumerate() {
        folds[sample] = place % wanted;
    }
    folds
}

/// Cross-validates every regularisation and keeps the best. `folds[i]` is the fold of template `i`; `done` is told
/// after each fit.
pub fn select(
    dataset: &Dataset,
    encoded: &Encoded,
    settings: &Settings,
    folds: &[usize],
    done: impl Fn() + Sync,
) -> HeldOut {
    let labels = dataset.labels.len();
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let features = encoded.features(settings.ngrams.buckets);
    let mut best: Option<(f64, f64, Vec<f64>)> = None;
    let mut starts: Vec<Option<Vec<f64>>> = vec![None; count];
    for &regularisation in &settings.regularisations {
        let mut logits = vec![0.0; dataset.templates.len() * labels];
        for (fold, start) in starts.iter_mut().enumerate() {
            let (held, kept): (Vec<usize>, Vec<usize>) =
                (0..dataset.templates.len()).partition(|&sample| folds[sample] == fold);
            let weights =
                regression::fit(features, &dataset.truth, labels, &kept, regularisation, start.as_deref());
            for sample in held {
                features.logits_into(sample, &weights, &mut logits[sample * labels..(sample + 1) * labels]);
            }
            *start = Some(weights);
            done();
        }
        let loss = best_temperature(&logits, &dataset.truth, labels).1;
        if best.as_ref().is_none_or(|(least, _, _)| loss < *least) {
            best = Some((loss, regularisation, logits));
        }
    }
    let (_, regularisation, logits) = best.expect("there is a regularisation to try");
    let (temperature, _) = best_temperature(&logits, &dataset.truth, labels);
    let rows: Vec<Scored> = logits
        .chunks_exact(labels)
        .zip(&dataset.truth)
        .map(|(row, &truth)| {
            let probabilities = softmax(row, temperature);
            let (predicted, &confidence) = probabilities
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .expect("a model has labels");
            Scored { confidence, predicted, truth: usize::from(truth) }
        })
        .collect();
    let familiarity = held_out_familiarity(dataset, encoded, settings, folds, count);
    let (friends, strangers) = familiarity.split_at(dataset.templates.len());
    let min_familiarity = quantile(friends, FRIENDS_REJECTED).min(quantile(strangers, STRANGERS_REJECTED));
    // A little below, so that rounding does not shut out the template that set it.
    let min_confidence = (metrics::threshold_for(&rows, settings.precision) - 1e-6).max(0.0);
    let covered: Vec<Scored> = rows
        .iter()
        .zip(friends)
        .filter(|(row, familiarity)| row.confidence >= min_confidence && **familiarity >= min_familiarity)
        .map(|(row, _)| *row)
        .collect();
    let rejected = strangers.iter().filter(|&&familiarity| familiarity < min_familiarity).count();
    #[allow(clippy::cast_precision_loss)]
    let figures = CrossValidation {
        folds: count,
        accuracy: metrics::accuracy(&rows),
        macro_f1: metrics::macro_f1(&metrics::label_scores(&metrics::confusion(&rows, labels))),
        calibration_error: metrics::calibration_error(&rows),
        coverage: covered.len() as f64 / rows.len().max(1) as f64,
        covered_accuracy: metrics::accuracy(&covered),
        outliers_rejected: rejected as f64 / strangers.len().max(1) as f64,
    };
    #[allow(clippy::cast_possible_truncation)]
    HeldOut {
        regularisation,
        rows,
        temperature: temperature as f32,
        min_confidence: min_confidence as f32,
        min_familiarity: min_familiarity as f32,
        figures,
    }
}

/// Weights that tell templates from outliers: one per row of the features, the log odds of belonging.
pub(super) fn fit_familiarity(
    dataset: &Dataset,
    encoded: &Encoded,
    settings: &Settings,
    chosen: &[usize],
) -> Vec<f64> {
    let templates = dataset.templates.len();
    let truth: Vec<u16> =
        (0..templates + dataset.outliers.len()).map(|sample| u16::from(sample < templates)).collect();
    let features = encoded.features(settings.ngrams.buckets);
    let weights = regression::fit(features, &truth, 2, chosen, FAMILIARITY_REGULARISATION, None);
    weights.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Log odds of belonging of every template, and behind them of every outlier, each by a fit that did not see it.
fn held_out_familiarity(
    dataset: &Dataset,
    encoded: &Encoded,
    settings: &Settings,
    folds: &[usize],
    count: usize,
) -> Vec<f64> {
    let templates = dataset.templates.len();
    let fold_of = |sample: usize| if sample < templates { folds[sample] } else { sample % count };
    let all = templates + dataset.outliers.len();
    let features = encoded.features(settings.ngrams.buckets);
    let mut odds = vec![0.0; all];
    for fold in 0..count {
        let (held, kept): (Vec<usize>, Vec<usize>) = (0..all).partition(|&sample| fold_of(sample) == fold);
        let weights = fit_familiarity(dataset, encoded, settings, &kept);
        for sample in held {
            features.logits_into(sample, &weights, &mut odds[sample..=sample]);
        }
    }
    odds
}

/// The temperature with the least mean log loss, and that loss, by golden-section search over its logarithm.
fn best_temperature(logits: &[f64], truth: &[u16], labels: usize) -> (f64, f64) {
    let loss = |temperature: f64| {
        let rows = logits.chunks_exact(labels).zip(truth);
        let sum: f64 = rows
            .map(|(row, &answer)| {
                let scaled: Vec<f64> = row.iter().map(|logit| logit / temperature).collect();
                log_sum_exp(&scaled) - scaled[usize::from(answer)]
            })
            .sum();
        #[allow(clippy::cast_precision_loss)]
        let mean = sum / truth.len() as f64;
        mean
    };
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05_f64.ln(), 20.0_f64.ln());
    while high - low > 1e-4 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left.exp()) < loss(right.exp()) {
            high = right;
        } else {
            low = left;
        }
    }
    let temperature = (0.5 * (low + high)).exp();
    (temperature, loss(temperature))
}

fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|logit| logit / temperature).collect();
    let total = log_sum_exp(&scaled);
    scaled.into_iter().map(|logit| (logit - total).exp()).collect()
}

/// The value that `share` of `values` lie below.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(f64::from(f32::MIN))
}
