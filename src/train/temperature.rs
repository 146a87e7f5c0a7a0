//! Calibration: the temperature that makes the confidence of held-out predictions fit their accuracy.

use super::regression::log_sum_exp;
use crate::metrics::Scored;

/// The temperature with the least log loss, by golden-section search over its logarithm. That logarithm has a normal prior around
/// 0, which many templates outweigh: a few that are all predicted right would otherwise ask for certainty.
pub(super) fn best_temperature(logits: &[f64], truth: &[u16], counts: &[f64], labels: usize) -> f64 {
    let loss = |temperature: f64| {
        losses(logits, truth, counts, labels, temperature).iter().sum::<f64>()
            + 0.5 * temperature.ln().powi(2)
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
    (0.5 * (low + high)).exp()
}

/// The predictions of all rows, those of each part at the temperature that suits the other parts: a temperature
/// flatters what it was fitted to.
pub(super) fn cross_calibrated(
    logits: &[f64],
    truth: &[u16],
    counts: &[f64],
    labels: usize,
    parts: &[usize],
) -> Vec<Scored> {
    let last = parts.iter().max().map_or(0, |last| last + 1);
    let temperatures: Vec<f64> = (0..last)
        .map(|part| {
            let others: Vec<usize> = (0..parts.len()).filter(|&row| parts[row] != part).collect();
            let of_others: Vec<f64> =
                others.iter().flat_map(|&row| &logits[row * labels..(row + 1) * labels]).copied().collect();
            let truth: Vec<u16> = others.iter().map(|&row| truth[row]).collect();
            let counts: Vec<f64> = others.iter().map(|&row| counts[row]).collect();
            best_temperature(&of_others, &truth, &counts, labels)
        })
        .collect();
    logits
        .chunks_exact(labels)
        .zip(truth)
        .zip(parts)
        .map(|((row, &truth), &part)| {
            let (predicted, confidence) = likeliest(row, temperatures[part]);
            Scored { confidence, predicted, truth: usize::from(truth) }
        })
        .collect()
}

/// Log loss of each row of logits at a temperature, times what the row counts.
pub(super) fn losses(
    logits: &[f64],
    truth: &[u16],
    counts: &[f64],
    labels: usize,
    temperature: f64,
) -> Vec<f64> {
    let rows = logits.chunks_exact(labels).zip(truth).zip(counts);
    rows.map(|((row, &answer), count)| {
        let scaled: Vec<f64> = row.iter().map(|logit| logit / temperature).collect();
        count * (log_sum_exp(&scaled) - scaled[usize::from(answer)])
    })
    .collect()
}

/// The likeliest label and its probability at a temperature.
pub(super) fn likeliest(logits: &[f64], temperature: f64) -> (usize, f64) {
    let probabilities = softmax(logits, temperature).into_iter().enumerate();
    probabilities.max_by(|a, b| a.1.total_cmp(&b.1)).expect("a model has labels")
}

fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|logit| logit / temperature).collect();
    let total = log_sum_exp(&scaled);
    scaled.into_iter().map(|logit| (logit - total).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_of_a_part_is_that_of_the_others() {
        // One part is always right and the other half of the time: each is judged by what the other suggests.
        let logits: Vec<f64> = (0..80).flat_map(|_| [2.0, 0.0]).collect();
        let truth: Vec<u16> = (0..80).map(|row| u16::from(row >= 40 && row % 2 == 0)).collect();
        let parts: Vec<usize> = (0..80).map(|row| usize::from(row >= 40)).collect();
        let rows = cross_calibrated(&logits, &truth, &[1.0; 80], 2, &parts);
        assert!(rows[0].confidence < 0.7, "{}", rows[0].confidence);
        assert!(rows[79].confidence > 0.95, "{}", rows[79].confidence);
    }
}
