//! Multinomial logistic regression with L2 regularisation and balanced classes, to convergence.

use rayon::prelude::*;

use super::lbfgs::{self, Stop};
use crate::head::ngrams::SparseVector;

/// Samples as the head sees them.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// A row of `dimensions` floats per sample.
    pub vectors: &'a [f32],
    /// Length of a vector.
    pub dimensions: usize,
    /// The n-grams of each sample.
    pub ngrams: &'a [SparseVector],
    /// Number of n-gram buckets.
    pub buckets: usize,
}

impl Features<'_> {
    fn vector(&self, sample: usize) -> &[f32] {
        &self.vectors[sample * self.dimensions..(sample + 1) * self.dimensions]
    }

    /// Rows of the weight matrix: floats, buckets and the bias.
    pub fn rows(&self) -> usize {
        self.dimensions + self.buckets + 1
    }

    /// The logits of a sample, into `logits`.
    pub fn logits_into(&self, sample: usize, weights: &[f64], logits: &mut [f64]) {
        let labels = logits.len();
        logits.copy_from_slice(&weights[(self.rows() - 1) * labels..]);
        for (row, &value) in weights.chunks_exact(labels).zip(self.vector(sample)) {
            add_scaled(logits, row, f64::from(value));
        }
        for &(bucket, value) in &self.ngrams[sample] {
            let start = (self.dimensions + bucket as usize) * labels;
            add_scaled(logits, &weights[start..start + labels], f64::from(value));
        }
    }

    fn add_gradient(&self, sample: usize, residuals: &[f64], gradient: &mut [f64]) {
        let labels = residuals.len();
        for (row, &value) in gradient.chunks_exact_mut(labels).zip(self.vector(sample)) {
            add_scaled(row, residuals, f64::from(value));
        }
        for &(bucket, value) in &self.ngrams[sample] {
            let start = (self.dimensions + bucket as usize) * labels;
            add_scaled(&mut gradient[start..start + labels], residuals, f64::from(value));
        }
        add_scaled(&mut gradient[(self.rows() - 1) * labels..], residuals, 1.0);
    }
}

/// Fits weights (`rows` x `labels`) to the samples in `chosen`. `regularisation` is the inverse strength (scikit-learn's
/// C): the objective is the balanced mean of the log losses plus `|W|^2 / (2 C n)`, biases free. `start` is where the search begins.
pub fn fit(
    features: Features<'_>,
    truth: &[u16],
    labels: usize,
    chosen: &[usize],
    regularisation: f64,
    start: Option<&[f64]>,
) -> Vec<f64> {
    let weight = balance(truth, labels, chosen);
    let size = features.rows() * labels;
    let mut weights = start.map_or_else(|| vec![0.0; size], <[f64]>::to_vec);
    #[allow(clippy::cast_precision_loss)]
    let samples = chosen.len() as f64;
    let decay = 1.0 / (regularisation * samples);
    let free = size - labels;
    // The pieces, and so the order of every sum, depend on the problem alone and never on the threads.
    let pieces = if size > 1 << 20 { 2 } else { 8 };
    let piece = chosen.len().div_ceil(pieces).max(1);
    let stop = Stop { iterations: 500, gradient: 1e-5 };
    lbfgs::minimise(&mut weights, stop, |weights, gradient| {
        let parts: Vec<(f64, Vec<f64>)> = chosen
            .par_chunks(piece)
            .map(|samples| {
                let mut gradient = vec![0.0; size];
                let mut residuals = vec![0.0; labels];
                let mut loss = 0.0;
                for &sample in samples {
                    features.logits_into(sample, weights, &mut residuals);
                    let answer = usize::from(truth[sample]);
                    let total = log_sum_exp(&residuals);
                    loss += weight[answer] * (total - residuals[answer]);
                    for residual in &mut residuals {
                        *residual = weight[answer] * (*residual - total).exp();
                    }
                    residuals[answer] -= weight[answer];
                    features.add_gradient(sample, &residuals, &mut gradient);
                }
                (loss, gradient)
            })
            .collect();
        gradient.fill(0.0);
        let mut loss = 0.0;
        for (part, slopes) in &parts {
            loss += part;
            add_scaled(gradient, slopes, 1.0);
        }
        gradient.iter_mut().for_each(|slope| *slope /= samples);
        let mut squares = 0.0;
        for (slope, weight) in gradient[..free].iter_mut().zip(weights) {
            *slope += decay * weight;
            squares += weight * weight;
        }
        loss / samples + 0.5 * decay * squares
    });
    weights
}

/// Weight of each label's samples so that all labels count alike, and the mean over samples is 1.
#[allow(clippy::cast_precision_loss)]
fn balance(truth: &[u16], labels: usize, chosen: &[usize]) -> Vec<f64> {
    let mut counts = vec![0_usize; labels];
    for &sample in chosen {
        counts[usize::from(truth[sample])] += 1;
    }
    let present = counts.iter().filter(|&&count| count > 0).count().max(1) as f64;
    counts.iter().map(|&count| chosen.len() as f64 / (present * count.max(1) as f64)).collect()
}

/// `log(sum(exp(logits)))`, without overflow.
pub fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

fn add_scaled(to: &mut [f64], from: &[f64], scale: f64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clouds_are_told_apart_and_threads_do_not_matter() {
        let vectors: Vec<f32> =
            (0..40_u8).flat_map(|i| [f32::from(i % 2) * 2.0 - 1.0, f32::from(i) / 40.0]).collect();
        let ngrams = vec![SparseVector::new(); 40];
        let features = Features { vectors: &vectors, dimensions: 2, ngrams: &ngrams, buckets: 1 };
        let truth: Vec<u16> = (0..40).map(|i| i % 2).collect();
        let chosen: Vec<usize> = (0..40).collect();
        let fit_with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(features, &truth, 2, &chosen, 1.0, None))
        };
        let weights = fit_with(1);
        assert_eq!(weights, fit_with(3));
        let mut logits = [0.0; 2];
        for (sample, &label) in truth.iter().enumerate() {
            features.logits_into(sample, &weights, &mut logits);
            assert_eq!(u16::from(logits[1] > logits[0]), label);
        }
    }
}
