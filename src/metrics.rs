//! How good predictions are: precision, recall and F1, confusion, calibration, coverage.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One prediction with its truth; labels are indices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Probability that the prediction claims for itself.
    pub confidence: f64,
    /// Label predicted.
    pub predicted: usize,
    /// Label that is right.
    pub truth: usize,
}

impl Scored {
    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.predicted == self.truth
    }
}

/// Figures of one label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    /// Of those predicted, the share that is right.
    pub precision: f64,
    /// Of those that are right, the share predicted.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How many have the label.
    pub support: usize,
}

/// Accuracy of the predictions at or above a confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// The least confidence.
    pub threshold: f64,
    /// Share of the predictions that reach it.
    pub coverage: f64,
    /// Share of those that are right.
    pub accuracy: f64,
}

/// One bin of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Predictions in it.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Share of them that is right.
    pub accuracy: f64,
}

/// Bins of the calibration error, of equal width (Guo et al., On Calibration of Modern Neural Networks, 2017).
pub const BINS: usize = 15;

/// `part / whole`, 0 for nothing.
#[allow(clippy::cast_precision_loss)] // counts of rows
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Share of predictions that are right.
pub fn accuracy(rows: &[Scored]) -> f64 {
    ratio(rows.iter().filter(|row| row.is_right()).count(), rows.len())
}

/// How often each truth was predicted as each label: `(truth, predicted)` with its count, for those that occur.
/// A full matrix would grow with the square of the labels.
pub type Confusion = BTreeMap<(usize, usize), usize>;

/// The confusion of some predictions.
pub fn confusion(rows: &[Scored]) -> Confusion {
    let mut counts = Confusion::new();
    for row in rows {
        *counts.entry((row.truth, row.predicted)).or_default() += 1;
    }
    counts
}

/// Figures per label, for this many labels.
pub fn label_scores(confusion: &Confusion, labels: usize) -> Vec<LabelScore> {
    let mut counts = vec![(0, 0, 0); labels];
    for (&(truth, label), &count) in confusion {
        counts[truth].1 += count;
        counts[label].2 += count;
        if truth == label {
            counts[truth].0 += count;
        }
    }
    counts
        .into_iter()
        .map(|(right, support, predicted)| LabelScore {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, predicted + support),
            support,
        })
        .collect()
}

/// Mean F1 of the labels that occur, all counting alike.
pub fn macro_f1(scores: &[LabelScore]) -> f64 {
    let present: Vec<f64> = scores.iter().filter(|score| score.support > 0).map(|score| score.f1).collect();
    #[allow(clippy::cast_precision_loss)]
    let count = present.len().max(1) as f64;
    present.iter().sum::<f64>() / count
}

/// Mean F1, each label counting by its support.
#[allow(clippy::cast_precision_loss)]
pub fn weighted_f1(scores: &[LabelScore]) -> f64 {
    let support: usize = scores.iter().map(|score| score.support).sum();
    scores.iter().map(|score| score.f1 * score.support as f64).sum::<f64>() / support.max(1) as f64
}

/// Mean confidence and accuracy per bin of confidence.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn reliability(rows: &[Scored]) -> Vec<ReliabilityBin> {
    let mut bins = vec![(0_usize, 0.0, 0_usize); BINS];
    for row in rows {
        let bin = &mut bins[((row.confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += 1;
        bin.1 += row.confidence;
        bin.2 += usize::from(row.is_right());
    }
    bins.into_iter()
        .map(|(count, confidence, right)| ReliabilityBin {
            count,
            confidence: confidence / count.max(1) as f64,
            accuracy: ratio(right, count),
        })
        .collect()
}

/// Expected calibration error: the mean distance between confidence and accuracy, bins weighted by their size.
pub fn calibration_error(rows: &[Scored]) -> f64 {
    let bins = reliability(rows);
    bins.iter().map(|bin| (bin.confidence - bin.accuracy).abs() * ratio(bin.count, rows.len())).sum()
}

/// Coverage and accuracy at each of `thresholds`.
pub fn coverage(rows: &[Scored], thresholds: &[f64]) -> Vec<Coverage> {
    thresholds
        .iter()
        .map(|&threshold| {
            let covered: Vec<Scored> =
                rows.iter().filter(|row| row.confidence >= threshold).copied().collect();
            Coverage { threshold, coverage: ratio(covered.len(), rows.len()), accuracy: accuracy(&covered) }
        })
        .collect()
}

/// The least confidence at which the predictions at or above it are right with at least this precision, if there is one.
#[allow(clippy::cast_precision_loss)]
pub fn threshold_for(rows: &[Scored], precision: f64) -> Option<f64> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let (mut right, mut threshold) = (0, None);
    for (index, row) in sorted.iter().enumerate() {
        right += usize::from(row.is_right());
        // Predictions of one confidence are on the same side of any threshold.
        let last_of_ties = sorted.get(index + 1).is_none_or(|next| next.confidence < row.confidence);
        if last_of_ties && right as f64 >= precision * (index + 1) as f64 {
            threshold = Some(row.confidence);
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Scored> {
        [(0.9, 0, 0), (0.8, 0, 1), (0.7, 1, 1), (0.6, 1, 1)]
            .map(|(confidence, predicted, truth)| Scored { confidence, predicted, truth })
            .to_vec()
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let confusion = confusion(&rows());
        assert_eq!(confusion, Confusion::from([((0, 0), 1), ((1, 0), 1), ((1, 1), 2)]));
        let scores = label_scores(&confusion, 2);
        assert!((scores[0].precision - 0.5).abs() < 1e-12 && (scores[0].recall - 1.0).abs() < 1e-12);
        assert!((scores[1].f1 - 0.8).abs() < 1e-12);
        assert!((macro_f1(&scores) - f64::midpoint(2.0 / 3.0, 0.8)).abs() < 1e-12);
        assert!((weighted_f1(&scores) - (2.0 / 3.0 + 3.0 * 0.8) / 4.0).abs() < 1e-12);
        assert!((accuracy(&rows()) - 0.75).abs() < 1e-12);
        assert!((calibration_error(&rows()) - (0.1 + 0.8 + 0.3 + 0.4) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_label_that_never_occurs_does_not_count() {
        let confusion = confusion(&rows());
        let [three, two] = [3, 2].map(|labels| macro_f1(&label_scores(&confusion, labels)));
        assert!((three - two).abs() < 1e-12);
    }

    #[test]
    fn the_threshold_keeps_the_precision_asked_for() {
        assert_eq!(threshold_for(&rows(), 1.0), Some(0.9));
        assert_eq!(threshold_for(&rows(), 0.75), Some(0.6));
        assert_eq!(threshold_for(&rows()[1..2], 0.5), None);
    }

    #[test]
    fn predictions_of_one_confidence_are_above_a_threshold_or_below_it_together() {
        let tied: Vec<Scored> =
            [0, 1, 1].map(|truth| Scored { confidence: 0.8, predicted: 0, truth }).to_vec();
        assert_eq!(threshold_for(&tied, 0.9), None);
        assert_eq!(threshold_for(&tied, 0.3), Some(0.8));
    }
}
