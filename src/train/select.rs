//! Cross-validation: the regularisation, the temperature and the thresholds, from held-out predictions.

use super::dataset::Dataset;
use super::encoded::Encoded;
use super::folds::{self, ALWAYS_TRAINED, fold_with_outliers, is_held_out_outlier};
use super::regression::{self, Features, Penalty, Targets, label_weights};
use super::settings::Settings;
use super::temperature::{best_temperature, cross_calibrated, likeliest, losses};
use crate::head::{CrossValidation, log_odds};
use crate::metrics::{self, Scored};

/// Held-out templates below which no threshold can be read off them.
const FEW_TESTED: usize = 30;

/// What cross-validation found.
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// The inverse strength that predicted best.
    pub regularisation: f64,
    /// Held-out predictions, a row per template.
    pub rows: Vec<Scored>,
    /// The same, each with the confidence at a temperature that other folds chose: what to measure calibration on.
    pub calibrated: Vec<Scored>,
    /// The template of each of them.
    pub tested: Vec<usize>,
    /// Whether each template was, held out, taken for one that belongs.
    pub familiar: Vec<bool>,
    /// Each held-out outlier, with the label that it was given in spite of it.
    pub strangers: Vec<(usize, Option<usize>)>,
    /// Logits are divided by this.
    pub temperature: f32,
    /// Confidence below which the model abstains.
    pub min_confidence: f32,
    /// Familiarity below which the model abstains.
    pub min_familiarity: f32,
    /// How much the log odds of the confidence count towards the familiarity.
    pub confidence_weight: f32,
    /// Whether there is a confidence at which the precision asked for is reached.
    pub precision_reached: bool,
    /// The figures for the model file.
    pub figures: CrossValidation,
}

impl HeldOut {
    /// The label given to each of [`HeldOut::tested`]; nothing where the head abstains.
    pub fn given(&self) -> impl Iterator<Item = Option<usize>> {
        let least = f64::from(self.min_confidence);
        self.rows
            .iter()
            .zip(&self.familiar)
            .map(move |(row, &familiar)| (familiar && row.confidence >= least).then_some(row.predicted))
    }
}

/// Share of held-out templates that may be taken for strangers, and below it the share of held-out strangers that
/// should be.
const FRIENDS_REJECTED: f64 = 0.007;
const STRANGERS_REJECTED: f64 = 0.99;
/// How much the log odds of the confidence count beside those of belonging: a text that fits a label well is the less likely a
/// stranger. By logistic regression of belonging on the two, over held-out templates of the corpus (0.52); at equal rejection of
/// strangers, half as many log lines are rejected as without it.
const CONFIDENCE_WEIGHT: f32 = 0.5;
/// Inverse strength of the familiarity's regularisation; anything from 1 to 100 was measured to do as well.
const FAMILIARITY: Penalty = Penalty { regularisation: 10.0, tolerance: 1e-4, first_step: 1.0 };
/// Regularisation where nothing can be held out to choose it by.
const FALLBACK: f64 = 100.0;

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
    let count = folds::count(folds);
    let tested: Vec<usize> = (0..folds.len()).filter(|&sample| folds[sample] != ALWAYS_TRAINED).collect();
    let truth: Vec<u16> = tested.iter().map(|&sample| dataset.truth[sample]).collect();
    let templates = dataset.templates.len();
    let strangers = templates..templates + dataset.outliers.len();
    let features = encoded.features();
    let prior = settings.prior.shares(dataset);
    let targets = Targets { truth: &dataset.truth, labels, prior: &prior, weights: &dataset.weights };
    let counts = counts(targets, &tested);
    let severities = u32::try_from(settings.ngrams.buckets).unwrap_or(u32::MAX);
    let has_severities = dataset.templates.iter().any(|template| template.severity.is_some());
    let mut fits: Vec<Fit> = Vec::new();
    // Weights are large where there are many labels: none are kept that no search begins from.
    let is_warm = settings.regularisations.len() > 1;
    let mut starts: Vec<Option<Vec<f64>>> = vec![None; count];
    let penalties = settings.regularisations.iter().filter(|_| !tested.is_empty());
    for &regularisation in penalties {
        let penalty =
            Penalty { regularisation, tolerance: settings.tolerance, first_step: settings.first_step };
        let held_out =
            cross_fit(dataset, features, targets, folds, penalty, severities, is_warm, &mut starts, &done);

        fits.push(Fit::of(&held_out, regularisation, templates, &tested, &truth, &counts, labels));
    }
    let Fit { regularisation, temperature, logits, strangers: strange, right_without_severity, .. } =
        choose(fits);
    let rows: Vec<Scored> = logits
        .chunks_exact(labels)
        .zip(&truth)
        .map(|(row, &truth)| {
            let (predicted, confidence) = likeliest(row, temperature);
            Scored { confidence, predicted, truth: usize::from(truth) }
        })
        .collect();
    // One fold is halved.
    let part = |(place, &sample): (usize, &usize)| if count > 1 { folds[sample] } else { place % 2 };
    let parts: Vec<usize> = tested.iter().enumerate().map(part).collect();
    let calibrated = cross_calibrated(&logits, &truth, &counts, labels, &parts);
    let odds = held_out_familiarity(dataset, encoded, folds, count);
    // Where nothing could be held out, no confidence is known, and belonging stands alone.
    let confidence_weight = if tested.is_empty() { 0.0 } else { CONFIDENCE_WEIGHT };
    let familiarity = |odds: f64, confidence: f64| odds + f64::from(confidence_weight) * log_odds(confidence);
    let friends: Vec<f64> = if tested.is_empty() {
        odds[..templates].to_vec()
    } else {
        tested.iter().zip(&rows).map(|(&sample, row)| familiarity(odds[sample], row.confidence)).collect()
    };
    let chosen = strange.chunks_exact(labels).map(|row| likeliest(row, temperature));
    let chosen: Vec<(usize, f64)> =
        chosen.chain(std::iter::repeat((0, 0.5))).take(dataset.outliers.len()).collect();
    let held_strangers: Vec<usize> =
        (0..dataset.outliers.len()).filter(|&index| count > 1 || is_held_out_outlier(index)).collect();
    let strangers: Vec<f64> = held_strangers
        .iter()
        .map(|&index| familiarity(odds[strangers.start + index], chosen[index].1))
        .collect();
    let min_familiarity = quantile(&friends, FRIENDS_REJECTED).min(quantile(&strangers, STRANGERS_REJECTED));
    // A little below, so that rounding does not shut out the template that set it.
    let enough = rows.len() >= FEW_TESTED;
    let threshold = if enough { metrics::threshold_for(&rows, settings.precision) } else { Some(0.0) };
    let min_confidence = threshold.map_or(0.0, |threshold| (threshold - 1e-6).max(0.0));
    let covered: Vec<Scored> = rows
        .iter()
        .zip(&friends)
        .filter(|(row, familiarity)| row.confidence >= min_confidence && **familiarity >= min_familiarity)
        .map(|(row, _)| *row)
        .collect();
    let rejected = strangers.iter().filter(|&&familiarity| familiarity < min_familiarity).count();
    let mut figures = figures(dataset, count, &rows, &covered, rejected, strangers.len());
    figures.calibration_error = metrics::calibration_error(&calibrated);
    #[allow(clippy::cast_precision_loss)]
    let without = right_without_severity as f64 / rows.len().max(1) as f64;
    figures.accuracy_without_severity = has_severities.then_some(without);
    let answer = |(&index, &familiarity): (&usize, &f64)| {
        let (label, confidence) = chosen[index];
        let given = familiarity >= min_familiarity && confidence >= min_confidence;
        (index, given.then_some(label))
    };
    #[allow(clippy::cast_possible_truncation)]
    HeldOut {
        regularisation,
        strangers: held_strangers.iter().zip(&strangers).map(answer).collect(),
        familiar: friends.iter().take(tested.len()).map(|&friend| friend >= min_familiarity).collect(),
        tested,
        precision_reached: threshold.is_some(),
        rows,
        calibrated,
        temperature: temperature as f32,
        min_confidence: min_confidence as f32,
        min_familiarity: min_familiarity as f32,
        confidence_weight,
        figures,
    }
}

/// What each held-out template counts: as it would in training, so that what is chosen suits the prior.
pub(super) fn counts(targets: Targets<'_>, tested: &[usize]) -> Vec<f64> {
    let of_label = label_weights(targets, tested);
    tested
        .iter()
        .map(|&sample| of_label[usize::from(targets.truth[sample])] * f64::from(targets.weights[sample]))
        .collect()
}

/// The figures for the model file: of `rows`, those `covered` by the thresholds, and `rejected` of so many `strangers`.
#[allow(clippy::cast_precision_loss)]
fn figures(
    dataset: &Dataset,
    folds: usize,
    rows: &[Scored],
    covered: &[Scored],
    rejected: usize,
    strangers: usize,
) -> CrossValidation {
    let scores = metrics::label_scores(&metrics::confusion(rows), dataset.labels.len());
    CrossValidation {
        folds,
        accuracy: metrics::accuracy(rows),
        macro_f1: metrics::macro_f1(&scores),
        labels: dataset.labels.iter().cloned().zip(scores).collect(),
        calibration_error: 0.0,
        coverage: covered.len() as f64 / rows.len().max(1) as f64,
        covered_accuracy: metrics::accuracy(covered),
        outliers_rejected: rejected as f64 / strangers.max(1) as f64,
        accuracy_without_severity: None,
    }
}

/// Logits that no fit has seen the sample of.
struct CrossFit {
    /// A row for each template and outlier; zeros for templates that are always trained on.
    logits: Vec<f64>,
    /// Held-out templates that would be labelled right if their severity were not known.
    right_without_severity: usize,
}

/// Fits the weights once for each fold, without it. `starts` holds where each search begins, and then,
/// where `is_warm`, what it found; sparse features
/// from `severities` on are those of the severity.
#[allow(clippy::too_many_arguments)] // each is a thing of its own, and the caller is one
fn cross_fit(
    dataset: &Dataset,
    features: Features<'_>,
    targets: Targets<'_>,
    folds: &[usize],
    penalty: Penalty,
    severities: u32,
    is_warm: bool,
    starts: &mut [Option<Vec<f64>>],
    done: &(impl Fn() + Sync),
) -> CrossFit {
    let (labels, count, templates) = (targets.labels, starts.len(), dataset.templates.len());
    let strangers = templates..templates + dataset.outliers.len();
    let mut logits = vec![0.0; strangers.end * labels];
    let mut right_without_severity = 0;
    for (fold, start) in starts.iter_mut().enumerate() {
        let (held, kept): (Vec<usize>, Vec<usize>) =
            (0..templates).partition(|&sample| folds[sample] == fold);
        let weights = regression::fit(features, targets, &kept, penalty, start.as_deref());
        // No fit has seen a stranger, so any will do for them.
        for sample in held.into_iter().chain(strangers.clone().filter(|sample| sample % count == fold)) {
            let row = &mut logits[sample * labels..(sample + 1) * labels];
            if let Some(&truth) = dataset.truth.get(sample) {
                features.logits_of_some_into(sample, &weights, severities, row);
                right_without_severity += usize::from(likeliest(row, 1.0).0 == usize::from(truth));
            }
            features.logits_into(sample, &weights, row);
        }
        *start = is_warm.then_some(weights);
        done();
    }
    CrossFit { logits, right_without_severity }
}

/// Held-out predictions under one regularisation.
struct Fit {
    regularisation: f64,
    temperature: f64,
    /// Log loss of each held-out template, at that temperature.
    losses: Vec<f64>,
    /// Logits of the held-out templates.
    logits: Vec<f64>,
    /// Logits of the strangers.
    strangers: Vec<f64>,
    /// Held-out templates that would be labelled right if their severity were not known.
    right_without_severity: usize,
}

impl Fit {
    /// With the temperature that suits the held-out templates, whose truth is `truth` and which count `counts`.
    fn of(
        fit: &CrossFit,
        regularisation: f64,
        templates: usize,
        tested: &[usize],
        truth: &[u16],
        counts: &[f64],
        labels: usize,
    ) -> Self {
        let strangers = fit.logits[templates * labels..].to_vec();
        let row = |&sample: &usize| &fit.logits[sample * labels..(sample + 1) * labels];
        let logits: Vec<f64> = tested.iter().flat_map(row).copied().collect();
        let temperature = best_temperature(&logits, truth, counts, labels);
        let losses = losses(&logits, truth, counts, labels, temperature);
        let right_without_severity = fit.right_without_severity;
        Self { regularisation, temperature, losses, logits, strangers, right_without_severity }
    }
}

/// The weakest regularisation whose mean loss is within one standard error of the least (paired, as all predicted the same
/// templates). Where much was held out that is nearly the least itself; where little was, the losses cannot tell the candidates
/// apart, and a weak penalty learns more from few examples.
fn choose(mut fits: Vec<Fit>) -> Fit {
    let Some(best) = fits.iter().map(Fit::mean).enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Fit {
            regularisation: FALLBACK,
            temperature: 1.0,
            losses: Vec::new(),
            logits: Vec::new(),
            strangers: Vec::new(),
            right_without_severity: 0,
        };
    };
    let within = |fit: &Fit| {
        #[allow(clippy::cast_precision_loss)]
        let count = fit.losses.len() as f64;
        let differences = || fit.losses.iter().zip(&fits[best.0].losses).map(|(loss, least)| loss - least);
        let mean = differences().sum::<f64>() / count;
        let variance = differences().map(|difference| (difference - mean).powi(2)).sum::<f64>() / count;
        mean <= (variance / count).sqrt()
    };
    let chosen = (0..fits.len())
        .filter(|&index| within(&fits[index]))
        .max_by(|&a, &b| fits[a].regularisation.total_cmp(&fits[b].regularisation))
        .unwrap_or(best.0);
    fits.swap_remove(chosen)
}

impl Fit {
    #[allow(clippy::cast_precision_loss)]
    fn mean(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }
}

/// Weights that tell templates from outliers: one per row of the features, the log odds of belonging.
pub(super) fn fit_familiarity(dataset: &Dataset, encoded: &Encoded, chosen: &[usize]) -> Vec<f64> {
    let templates = dataset.templates.len();
    let truth: Vec<u16> =
        (0..templates + dataset.outliers.len()).map(|sample| u16::from(sample < templates)).collect();
    let features = encoded.features();
    let targets = Targets { truth: &truth, labels: 2, prior: &[0.5, 0.5], weights: &[] };
    let weights = regression::fit(features, targets, chosen, FAMILIARITY, None);
    weights.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Log odds of belonging of every template, and behind them of every outlier, each by a fit that did not see it.
fn held_out_familiarity(dataset: &Dataset, encoded: &Encoded, folds: &[usize], count: usize) -> Vec<f64> {
    let templates = dataset.templates.len();
    let all = templates + dataset.outliers.len();
    let fold_of = |sample: usize| fold_with_outliers(sample, folds, count);
    let features = encoded.features();
    let mut odds = vec![0.0; all];
    for fold in 0..count {
        let (held, kept): (Vec<usize>, Vec<usize>) = (0..all).partition(|&sample| fold_of(sample) == fold);
        let weights = fit_familiarity(dataset, encoded, &kept);
        for sample in held {
            features.logits_into(sample, &weights, &mut odds[sample..=sample]);
        }
    }
    odds
}

/// The value that `share` of `values` lie below.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(f64::from(f32::MIN))
}
