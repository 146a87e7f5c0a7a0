//! Multinomial logistic regression with L2 regularisation and weighted classes, to convergence.

use rayon::prelude::*;

use super::dense::{Batch, add_scaled, add_transposed, narrow, transpose};
use super::lbfgs::{self, Stop};
use crate::head::ngrams::SparseVector;

/// Samples as the head sees them.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// A row of `width` floats per sample.
    pub vectors: &'a [f32],
    /// Floats per sample.
    pub width: usize,
    /// What else each sample has: its n-grams and its severity.
    pub sparse: &'a [SparseVector],
    /// Number of different sparse features.
    pub sparse_rows: usize,
}

impl Features<'_> {
    fn vector(&self, sample: usize) -> &[f32] {
        &self.vectors[sample * self.width..(sample + 1) * self.width]
    }

    /// The mean of the vectors of some samples.
    fn mean(&self, samples: &[usize]) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.width];
        for &sample in samples {
            sums.iter_mut().zip(self.vector(sample)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        #[allow(clippy::cast_precision_loss)]
        let count = samples.len().max(1) as f64;
        sums.into_iter().map(|sum| narrow(sum / count)).collect()
    }

    /// Rows of the weight matrix: floats, sparse features and the bias.
    pub fn rows(&self) -> usize {
        self.width + self.sparse_rows + 1
    }

    /// The logits of a sample, into `logits`.
    pub fn logits_into(&self, sample: usize, weights: &[f64], logits: &mut [f64]) {
        self.logits_of_some_into(sample, weights, u32::MAX, logits);
    }

    /// The logits of a sample as if it had none of the sparse features from `hidden` on, into `logits`.
    pub fn logits_of_some_into(&self, sample: usize, weights: &[f64], hidden: u32, logits: &mut [f64]) {
        let labels = logits.len();
        logits.copy_from_slice(&weights[(self.rows() - 1) * labels..]);
        for (row, &value) in weights.chunks_exact(labels).zip(self.vector(sample)) {
            add_exactly(logits, row, f64::from(value));
        }
        for &(bucket, value) in self.sparse[sample].iter().filter(|(bucket, _)| *bucket < hidden) {
            let start = (self.width + bucket as usize) * labels;
            add_exactly(logits, &weights[start..start + labels], f64::from(value));
        }
    }

    /// Calls `visit` with each sparse feature of the sample and its value, and with the bias, which follows
    /// the features.
    fn each_sparse_row(&self, sample: usize, mut visit: impl FnMut(usize, f32)) {
        for &(bucket, value) in &self.sparse[sample] {
            visit(bucket as usize, value);
        }
        visit(self.sparse_rows, 1.0);
    }
}

/// How hard a fit is held back, and how far it is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Inverse strength of the regularisation (scikit-learn's C).
    pub regularisation: f64,
    /// Largest gradient component, relative to the first, at which the fit is done.
    pub tolerance: f64,
    /// What the first step of the search is multiplied by.
    pub first_step: f64,
}

/// What each sample should be, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// The label of each sample.
    pub truth: &'a [u16],
    /// Number of labels.
    pub labels: usize,
    /// What each label's samples count together, as a share of all; the empty slice means what the data has.
    pub prior: &'a [f64],
    /// How much each sample counts beside others of its label; the empty slice means all alike.
    pub weights: &'a [f32],
}

/// Fits weights (`rows` x `labels`) to the samples in `chosen`: the objective is the weighted mean of the log
/// losses plus `|W|^2 / (2 C n)`, biases free. `start` is where the search begins.
pub fn fit(
    features: Features<'_>,
    targets: Targets<'_>,
    chosen: &[usize],
    penalty: Penalty,
    start: Option<&[f64]>,
) -> Vec<f64> {
    let Targets { truth, labels, .. } = targets;
    let of_label = label_weights(targets, chosen);
    let weight_of = |sample: usize| of_label[usize::from(truth[sample])] * targets.weight(sample);
    let size = features.rows() * labels;
    let mut weights = start.map_or_else(|| vec![0.0; size], <[f64]>::to_vec);
    #[allow(clippy::cast_precision_loss)]
    let samples = chosen.len() as f64;
    let decay = 1.0 / (penalty.regularisation * samples);
    let free = size - labels;
    // Vectors of one encoder have much in common, which hides their differences from the solver; so it sees
    // them with the mean taken off. The biases, which bear no penalty, make up for it: the minimum is the
    // same, and found sooner.
    let mean = features.mean(chosen);
    move_bias(&mut weights, labels, &mean, 1.0);
    // The pieces, and so the order of every sum, depend on the problem alone and never on the threads.
    let pieces = if size > 1 << 20 { 2 } else { 8 };
    let piece = chosen.len().div_ceil(pieces).max(1);
    let stop = Stop { iterations: 500, gradient: penalty.tolerance, first_step: penalty.first_step };
    // Products are done in f32, at several times the pace of f64; the rounding lies far below the tolerance.
    // The solver and every sum over parts stay in f64. Weights of the floats are transposed for that, those
    // of the sparse features are not.
    let dense = features.width * labels;
    let sparse = (features.rows() - features.width) * labels;
    let (mut transposed, mut narrowed) = (vec![0.0_f32; dense], vec![0.0_f32; sparse]);
    let mut parts = vec![Part::new(dense, sparse); chosen.len().div_ceil(piece)];
    lbfgs::minimise(&mut weights, stop, |weights, gradient| {
        let (of_floats, of_sparse) = weights.split_at(dense);
        transpose(of_floats, labels, &mut transposed);
        for (to, from) in narrowed.chunks_exact_mut(labels).zip(of_sparse.chunks_exact(labels)) {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = narrow(from));
        }
        chosen.par_chunks(piece).zip(&mut parts).for_each(|(samples, part)| {
            part.clear();
            let mut batch = Batch::new(features.width, labels);
            let mut residuals = vec![0.0_f64; labels];
            for samples in samples.chunks(Batch::SAMPLES) {
                batch.load(samples.iter().map(|&sample| features.vector(sample)), &mean);
                batch.multiply(&transposed);
                for (index, &sample) in samples.iter().enumerate() {
                    let logits = batch.logits_mut(index);
                    features.each_sparse_row(sample, |row, value| {
                        add_scaled(logits, &narrowed[row * labels..(row + 1) * labels], value);
                    });
                    residuals.iter_mut().zip(&*logits).for_each(|(to, &from)| *to = f64::from(from));
                    let answer = usize::from(truth[sample]);
                    let total = log_sum_exp(&residuals);
                    let weight = weight_of(sample);
                    part.loss += weight * (total - residuals[answer]);
                    for (logit, residual) in logits.iter_mut().zip(&residuals) {
                        *logit = narrow(weight * (residual - total).exp());
                    }
                    logits[answer] -= narrow(weight);
                    features.each_sparse_row(sample, |row, value| {
                        add_scaled(&mut part.of_sparse[row * labels..(row + 1) * labels], logits, value);
                    });
                }
                batch.add_products(&mut part.of_floats);
            }
        });
        gradient.fill(0.0);
        let mut loss = 0.0;
        let (of_floats, of_sparse) = gradient.split_at_mut(dense);
        for part in &parts {
            loss += part.loss;
            add_transposed(&part.of_floats, labels, of_floats);
            let rows = of_sparse.chunks_exact_mut(labels).zip(part.of_sparse.chunks_exact(labels));
            for (to, from) in rows {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += f64::from(from));
            }
        }
        gradient.iter_mut().for_each(|slope| *slope /= samples);
        let mut squares = 0.0;
        for (slope, weight) in gradient[..free].iter_mut().zip(weights) {
            *slope += decay * weight;
            squares += weight * weight;
        }
        loss / samples + 0.5 * decay * squares
    });
    move_bias(&mut weights, labels, &mean, -1.0);
    weights
}

/// What some of the samples add to the loss and to its slopes.
#[derive(Clone)]
struct Part {
    loss: f64,
    /// `labels` x `width`.
    of_floats: Vec<f32>,
    /// A row for each sparse feature, and the biases.
    of_sparse: Vec<f32>,
}

impl Part {
    fn new(dense: usize, sparse: usize) -> Self {
        Self { loss: 0.0, of_floats: vec![0.0; dense], of_sparse: vec![0.0; sparse] }
    }

    fn clear(&mut self) {
        self.loss = 0.0;
        self.of_floats.fill(0.0);
        self.of_sparse.fill(0.0);
    }
}

/// Adds `sign` times what the weights make of `mean` to the biases.
fn move_bias(weights: &mut [f64], labels: usize, mean: &[f32], sign: f64) {
    let (rows, biases) = weights.split_at_mut(weights.len() - labels);
    for (row, &value) in rows.chunks_exact(labels).zip(mean) {
        add_exactly(biases, row, sign * f64::from(value));
    }
}

impl Targets<'_> {
    fn weight(&self, sample: usize) -> f64 {
        self.weights.get(sample).map_or(1.0, |&weight| f64::from(weight))
    }
}

/// Factor for each label's samples so that the labels count as the prior says, and the mean over samples is
/// 1.
#[allow(clippy::cast_precision_loss)]
pub fn label_weights(targets: Targets<'_>, chosen: &[usize]) -> Vec<f64> {
    let mut sums = vec![0.0; targets.labels];
    for &sample in chosen {
        sums[usize::from(targets.truth[sample])] += targets.weight(sample);
    }
    let prior = |label: usize| if targets.prior.is_empty() { sums[label] } else { targets.prior[label] };
    let present: f64 = (0..targets.labels).filter(|&label| sums[label] > 0.0).map(prior).sum();
    let share = |label: usize| prior(label) / present.max(f64::MIN_POSITIVE);
    (0..targets.labels)
        .map(|label| if sums[label] > 0.0 { share(label) * chosen.len() as f64 / sums[label] } else { 0.0 })
        .collect()
}

/// `log(sum(exp(logits)))`, without overflow.
pub fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

fn add_exactly(to: &mut [f64], from: &[f64], scale: f64) {
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
        let features = Features { vectors: &vectors, width: 2, sparse: &ngrams, sparse_rows: 1 };
        let truth: Vec<u16> = (0..40).map(|i| i % 2).collect();
        let targets = Targets { truth: &truth, labels: 2, prior: &[0.5, 0.5], weights: &[] };
        let chosen: Vec<usize> = (0..40).collect();
        let fit_with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                fit(
                    features,
                    targets,
                    &chosen,
                    Penalty { regularisation: 1.0, tolerance: 1e-6, first_step: 1.0 },
                    None,
                )
            })
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
