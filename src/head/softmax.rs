//! From a row of weights to probabilities.

/// Adds `scale` times `row` to `sums`.
pub(super) fn add_scaled(sums: &mut [f32], row: &[f32], scale: f32) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += weight * scale;
    }
}

/// Softmax of `logits / temperature`, in place.
pub(super) fn softmax(logits: &mut [f32], temperature: f32) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = ((*logit - largest) / temperature).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|value| *value /= sum);
}
