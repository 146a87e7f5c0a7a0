//! The lexical path: fitted to the same templates as the head, and trusted as far as held-out templates justify.
//!
//! How certain it must be is chosen on templates of held-out folds, whole groups where those are held out, against what the full head
//! says of the same: among the answers above the threshold, so many must agree with it, and text that is no log counts
//! as a template on which abstaining is the only agreement.

use super::dataset::Dataset;
use super::folds::{self, fold_with_outliers};
use super::regression::{self, Features, Penalty, Targets};
use super::select::{HeldOut, counts};
use super::settings::Settings;
use super::temperature::{best_temperature, likeliest};
use crate::head::lexical::{Lexical, LexicalFigures, LexicalInfo, LexicalShape, MOST_NAMES, Trained};
use crate::head::ngrams::{NgramShape, SparseVector};
use crate::head::words::{WordShape, each_term};
use crate::template::Template;
use half::f16;
use rayon::prelude::*;
use std::collections::HashMap;

/// What all text that is no log counts, as a share of everything.
const OUTLIER_SHARE: f64 = 0.2;
/// Inverse strength of the regularisation, and how far a fit is followed; `ARCHITECTURE.md` has the figures.
const PENALTY: Penalty = Penalty { regularisation: 20.0, tolerance: 1e-3, first_step: 1.0 };
/// Accuracy that may be lost on all templates together.
const MOST_LOST: f64 = 0.002;
/// Buckets of n-grams and of words at the most, and how many for each template.
const MOST_BUCKETS: usize = 1 << 16;
const BUCKETS_PER_TEMPLATE: usize = 8;
/// Weights that a model may have of each of the two.
const MOST_WEIGHTS: usize = 1 << 20;

/// How certain the lexical path must be, with what was measured; nothing where the settings want none.
pub fn choose_lexical(
    dataset: &Dataset,
    settings: &Settings,
    folds: &[usize],
    held_out: &HeldOut,
) -> Option<LexicalInfo> {
    let asked = settings.early_agreement?;
    let samples = Samples::new(dataset, settings);
    let columns = samples.columns;
    let held: Vec<usize> = held_out
        .tested
        .iter()
        .copied()
        .chain(held_out.strangers.iter().map(|&(index, _)| dataset.templates.len() + index))
        .collect();
    let folds_count = folds::count(folds);
    let all = samples.truth.len();
    let mut logits = vec![0.0; all * columns];
    for fold in 0..folds_count {
        let is_held = |sample: &usize| fold_with_outliers(*sample, folds, folds_count) == fold;
        let (held, kept): (Vec<usize>, Vec<usize>) = (0..all).partition(is_held);
        if held.is_empty() || held_out.tested.is_empty() {
            continue;
        }
        let weights = samples.fit(&kept);
        for sample in held {
            let row = &mut logits[sample * columns..(sample + 1) * columns];
            samples.features().logits_into(sample, &weights, row);
        }
    }
    let of_held = |sample: &usize| &logits[sample * columns..(sample + 1) * columns];
    let tested: Vec<f64> = held.iter().flat_map(of_held).copied().collect();
    let truth: Vec<u16> = held.iter().map(|&sample| samples.truth[sample]).collect();
    let counts = counts(samples.targets(), &held);
    let temperature = if held.is_empty() { 1.0 } else { best_temperature(&tested, &truth, &counts, columns) };
    let given = held_out.given().chain(held_out.strangers.iter().map(|&(_, given)| given));
    let compared: Vec<Compared> = tested
        .chunks_exact(columns)
        .zip(&truth)
        .zip(given)
        .map(|((row, &truth), full)| Compared::new(row, temperature, usize::from(truth), full))
        .collect();
    let (min_confidence, figures) = threshold(compared, held_out.tested.len(), asked);
    #[allow(clippy::cast_possible_truncation)]
    let temperature = temperature as f32;
    Some(LexicalInfo { shape: samples.shape, temperature, min_confidence, figures })
}

/// A lexical path on all of the dataset. `trained` holds the full head's answers, in the order of the model's template hashes.
pub(super) fn fit_lexical(
    dataset: &Dataset,
    settings: &Settings,
    info: LexicalInfo,
    trained: Vec<Trained>,
) -> Lexical {
    let samples = Samples::new(dataset, settings);
    let all: Vec<usize> = (0..samples.truth.len()).collect();
    let fitted = samples.fit(&all);
    let columns = samples.columns;
    let mut weights = vec![0.0; info.shape.rows() * columns];
    let bias = u32::try_from(info.shape.rows() - 1).unwrap_or(u32::MAX);
    for (&row, fitted) in samples.rows.iter().chain([&bias]).zip(fitted.chunks_exact(columns)) {
        let weights = &mut weights[row as usize * columns..(row as usize + 1) * columns];
        // As the file holds them, so that a model behaves the same before and after it is written.
        weights.iter_mut().zip(fitted).for_each(|(to, &from)| *to = f16::from_f64(from).to_f32());
    }
    Lexical::new(info, columns - 1, weights, trained, names(dataset))
}

/// The words and pairs that come in several templates, the most frequent ones where there are too many.
fn names(dataset: &Dataset) -> String {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for template in &dataset.templates {
        let mut terms = Vec::new();
        each_term(&template.text, |term| terms.push(term.name(&template.text)));
        terms.sort_unstable();
        terms.dedup();
        terms.into_iter().for_each(|term| *counts.entry(term).or_default() += 1);
    }
    // Punctuation decides, too, but tells a person nothing.
    let speaks = |name: &String| name.chars().all(|one| one.is_alphabetic() || " <>".contains(one));
    let mut names: Vec<(String, usize)> =
        counts.into_iter().filter(|(name, count)| *count > 1 && speaks(name)).collect();
    names.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    names.truncate(MOST_NAMES);
    let mut names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.join("\n")
}

/// Templates and outliers as the lexical path sees them.
struct Samples {
    shape: LexicalShape,
    /// The labels, and text that is no log.
    columns: usize,
    truth: Vec<u16>,
    weights: Vec<f32>,
    prior: Vec<f64>,
    /// Features by their place in `rows`: most of the rows occur in no template, and the solver need not see them.
    sparse: Vec<SparseVector>,
    rows: Vec<u32>,
}

impl Samples {
    fn new(dataset: &Dataset, settings: &Settings) -> Self {
        let labels = dataset.labels.len();
        let shape = shape(dataset.templates.len(), labels + 1, settings);
        let templates: Vec<&Template> = dataset.templates.iter().chain(&dataset.outliers).collect();
        let mut sparse: Vec<SparseVector> = templates
            .par_iter()
            .map(|template| {
                let (mut part, mut features) = (SparseVector::new(), SparseVector::new());
                shape.extract_into(template, &mut part, &mut features);
                features
            })
            .collect();
        let mut places = vec![u32::MAX; shape.rows()];
        sparse.iter().flatten().for_each(|&(row, _)| places[row as usize] = 0);
        let mut rows = Vec::new();
        for (row, place) in (0_u32..).zip(&mut places) {
            if *place == 0 {
                *place = u32::try_from(rows.len()).unwrap_or(u32::MAX);
                rows.push(row);
            }
        }
        sparse.iter_mut().flatten().for_each(|(row, _)| *row = places[*row as usize]);
        let outliers = dataset.outliers.len();
        let mut truth = dataset.truth.clone();
        truth.resize(truth.len() + outliers, u16::try_from(labels).unwrap_or(u16::MAX));
        let mut weights = dataset.weights.clone();
        weights.resize(weights.len() + outliers, 1.0);
        let mut prior = settings.prior.shares(dataset);
        if prior.is_empty() {
            prior = vec![0.0; labels];
            let all: f64 = dataset.weights.iter().map(|&weight| f64::from(weight)).sum();
            for (&label, &weight) in dataset.truth.iter().zip(&dataset.weights) {
                prior[usize::from(label)] += f64::from(weight) / all;
            }
        }
        prior.iter_mut().for_each(|share| *share *= 1.0 - OUTLIER_SHARE);
        prior.push(OUTLIER_SHARE);
        Self { shape, columns: labels + 1, truth, weights, prior, sparse, rows }
    }

    fn features(&self) -> Features<'_> {
        Features { vectors: &[], width: 0, sparse: &self.sparse, sparse_rows: self.rows.len() }
    }

    fn targets(&self) -> Targets<'_> {
        Targets { truth: &self.truth, labels: self.columns, prior: &self.prior, weights: &self.weights }
    }

    fn fit(&self, chosen: &[usize]) -> Vec<f64> {
        regression::fit(self.features(), self.targets(), chosen, PENALTY, None)
    }
}

/// As many buckets as the templates fill, and no more than the labels leave room for.
fn shape(templates: usize, columns: usize, settings: &Settings) -> LexicalShape {
    let room = (MOST_WEIGHTS / columns).next_power_of_two() / 2;
    let wanted = (templates * BUCKETS_PER_TEMPLATE).next_power_of_two();
    let buckets = wanted.clamp(1 << 10, MOST_BUCKETS.min(room).max(1 << 10));
    LexicalShape {
        ngrams: NgramShape { buckets, ..settings.ngrams },
        words: WordShape { buckets, weight: 1.0 },
        severity_weight: settings.severity_weight,
    }
}

/// A held-out sample as both see it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is known of a sample, none of which excludes another"
)]
struct Compared {
    confidence: f64,
    agrees: bool,
    is_log: bool,
    right: bool,
    full_right: bool,
}

impl Compared {
    /// `row` holds the logits of the lexical path, `full` is what the full head gives.
    fn new(row: &[f64], temperature: f64, truth: usize, full: Option<usize>) -> Self {
        let outlier = row.len() - 1;
        // Logits of the labels against all, the outliers included.
        let (label, _) = likeliest(&row[..outlier], temperature);
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let share = |logit: f64| ((logit - largest) / temperature).exp();
        let confidence = share(row[label]) / row.iter().map(|&logit| share(logit)).sum::<f64>();
        Self {
            confidence,
            agrees: full == Some(label),
            is_log: truth < outlier,
            right: truth == label,
            full_right: full.map_or(truth == outlier, |label| label == truth),
        }
    }
}

/// The least confidence that keeps to the agreement asked for and costs next to no accuracy on the `tested` templates.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn threshold(mut compared: Vec<Compared>, tested: usize, asked: f64) -> (Option<f32>, LexicalFigures) {
    compared.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let full_right = compared.iter().filter(|one| one.is_log && one.full_right).count();
    let outliers = compared.len() - tested;
    let mut best = None;
    let (mut agreed, mut logs, mut right, mut full) = (0, 0, 0, 0);
    for (index, one) in compared.iter().enumerate() {
        agreed += usize::from(one.agrees);
        logs += usize::from(one.is_log);
        right += usize::from(one.is_log && one.right);
        full += usize::from(one.is_log && one.full_right);
        let settled = index + 1;
        let is_last = compared.get(settled).is_none_or(|next| next.confidence < one.confidence);
        let lost = full as f64 - right as f64;
        // Of fewer, a single disagreement would be too many, so that none says little.
        let tell = settled as f64 * (1.0 - asked) >= 1.0;
        if is_last && tell && share(agreed, settled) >= asked && lost <= MOST_LOST * tested as f64 {
            best = Some((one.confidence, settled, agreed, logs, right, full));
        }
    }
    let mut figures = LexicalFigures {
        asked_agreement: asked,
        templates: tested,
        full_joint_accuracy: share(full_right, tested),
        joint_accuracy: share(full_right, tested),
        ..LexicalFigures::default()
    };
    let Some((confidence, settled, agreed, logs, right, full)) = best else { return (None, figures) };
    figures.settled = share(logs, tested);
    figures.agreement = share(agreed, settled);
    figures.accuracy = share(right, logs);
    figures.full_accuracy = share(full, logs);
    figures.joint_accuracy = share(full_right + right - full, tested);
    figures.outliers_settled = share(settled - logs, outliers);
    (Some(confidence as f32), figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(confidence: f64, agrees: bool, right: bool) -> Compared {
        Compared { confidence, agrees, is_log: true, right, full_right: agrees == right }
    }

    #[test]
    fn the_threshold_keeps_to_the_agreement_and_settles_as_much_as_it_can() {
        // One in fifty disagrees among the certain ones, every second one below.
        let mut all: Vec<Compared> =
            (0..200).map(|index| compared(0.99 - f64::from(index) * 1e-4, index % 50 != 25, true)).collect();
        all.extend((0..200).map(|index| compared(0.5 - f64::from(index) * 1e-4, index % 2 == 0, true)));
        let (least, figures) = threshold(all, 400, 0.97);
        assert!((0.49..0.5).contains(&least.unwrap()), "{least:?}");
        assert!(figures.agreement >= 0.97 && figures.settled > 0.5, "{figures:?}");
    }

    #[test]
    fn few_templates_and_lost_accuracy_settle_nothing() {
        let few = || (0..100).map(|_| compared(0.99, true, true)).collect();
        assert_eq!(threshold(few(), 100, 0.995).0, None);
        assert!(threshold(few(), 100, 0.99).0.is_some());
        // They disagree in one of a hundred, and the full head is the one that is right.
        let worse = (0..1000).map(|index| compared(0.99, index % 100 != 0, index % 100 != 0)).collect();
        assert_eq!(threshold(worse, 1000, 0.98).0, None);
    }
}
