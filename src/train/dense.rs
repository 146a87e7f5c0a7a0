//! Products of dense rows with the weights, some samples at a time.
//!
//! With a thousand labels the matrix of weights fits no cache, so a batch of samples meets one label after
//! the other: of the matrix, only the weights of that label have to be at hand, and each is fetched once for
//! a batch. The innermost loops run over many samples, or over many weights, and are plain Rust that
//! compilers turn into vector instructions. None of this changes the order of a sum: it is that of the rows
//! for a logit, and that of the samples for a slope.

/// Some samples, their logits and afterwards their residuals.
pub struct Batch {
    /// `SAMPLES` x `width`.
    rows: Vec<f32>,
    /// The same, transposed: `width` x `across`.
    columns: Vec<f32>,
    /// `SAMPLES` x `labels`.
    logits: Vec<f32>,
    width: usize,
    labels: usize,
    /// Samples in a row of `columns`.
    across: usize,
}

#[allow(clippy::cast_possible_truncation)] // meant
pub fn narrow(value: f64) -> f32 {
    value as f32
}

/// Transposes the weights of the floats, `width` x `labels`, to `labels` x `width`.
pub fn transpose(weights: &[f64], labels: usize, transposed: &mut [f32]) {
    let width = transposed.len() / labels;
    for (row, weights) in weights.chunks_exact(labels).enumerate() {
        for (to, &from) in transposed[row..].iter_mut().step_by(width).zip(weights) {
            *to = narrow(from);
        }
    }
}

/// Adds slopes, `labels` x `width`, to those of all parts together, `width` x `labels`.
pub fn add_transposed(slopes: &[f32], labels: usize, sums: &mut [f64]) {
    let width = slopes.len() / labels;
    for (row, sums) in sums.chunks_exact_mut(labels).enumerate() {
        for (sum, &slope) in sums.iter_mut().zip(slopes[row..].iter().step_by(width)) {
            *sum += f64::from(slope);
        }
    }
}

impl Batch {
    /// Samples in a batch.
    pub const SAMPLES: usize = 64;

    /// Room for samples of `width` floats and `labels` logits.
    pub fn new(width: usize, labels: usize) -> Self {
        Self {
            rows: vec![0.0; Self::SAMPLES * width],
            columns: vec![0.0; Self::SAMPLES * width],
            logits: vec![0.0; Self::SAMPLES * labels],
            width,
            labels,
            across: 0,
        }
    }

    /// Takes up to [`Batch::SAMPLES`] rows, less `mean`.
    pub fn load<'a>(&mut self, rows: impl ExactSizeIterator<Item = &'a [f32]>, mean: &[f32]) {
        let (width, across) = (self.width, rows.len());
        self.across = across;
        for (sample, row) in rows.enumerate() {
            for ((to, value), mean) in self.rows[sample * width..][..width].iter_mut().zip(row).zip(mean) {
                *to = value - mean;
            }
        }
        for (column, to) in self.columns.chunks_exact_mut(across.max(1)).take(width).enumerate() {
            for (to, &from) in to.iter_mut().zip(self.rows[column..].iter().step_by(width)) {
                *to = from;
            }
        }
    }

    /// The logits (or residuals) of a sample.
    pub fn logits_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.logits[index * self.labels..(index + 1) * self.labels]
    }

    /// Logits from `weights`, `labels` x `width`.
    pub fn multiply(&mut self, weights: &[f32]) {
        let Self { ref columns, ref mut logits, width, labels, across, .. } = *self;
        let mut sums = [0.0_f32; Self::SAMPLES];
        for label in 0..labels {
            let weights = &weights[label * width..][..width];
            sums.fill(0.0);
            if across == Self::SAMPLES {
                let (columns, _) = columns.as_chunks::<{ Self::SAMPLES }>();
                for (weight, values) in weights.iter().zip(columns) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value * weight;
                    }
                }
            } else {
                for (weight, values) in weights.iter().zip(columns.chunks_exact(across.max(1))) {
                    add_scaled(&mut sums[..across], values, *weight);
                }
            }
            for (logits, sum) in logits.chunks_exact_mut(labels).zip(&sums[..across]) {
                logits[label] = *sum;
            }
        }
    }

    /// Adds to `slopes`, `labels` x `width`, the products of the floats with the residuals.
    pub fn add_products(&self, slopes: &mut [f32]) {
        for label in 0..self.labels {
            let slopes = &mut slopes[label * self.width..][..self.width];
            for sample in 0..self.across {
                let residual = self.logits[sample * self.labels + label];
                add_scaled(slopes, &self.rows[sample * self.width..][..self.width], residual);
            }
        }
    }
}

/// `to += scale * from`
pub fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
    fn products_are_those_of_the_textbook_for_full_and_partial_batches() {
        #[allow(clippy::cast_precision_loss)]
        let value = |seed: usize| ((seed * 37) % 23) as f32 - 11.0; // whole numbers: sums are exact in any order
        let (width, labels) = (5, 7);
        let weight = |column: usize, label: usize| value(column * labels + label);
        let weights: Vec<f64> = (0..width * labels).map(|index| f64::from(value(index))).collect();
        let mut transposed = vec![0.0; width * labels];
        transpose(&weights, labels, &mut transposed);
        let mean: Vec<f32> = (0..width).map(|column| value(column + 3)).collect();
        let mut batch = Batch::new(width, labels);
        for samples in [Batch::SAMPLES, Batch::SAMPLES - 1, 9, 1, 0] {
            let rows: Vec<Vec<f32>> = (0..samples)
                .map(|sample| (0..width).map(|column| value(sample * width + column + 1)).collect())
                .collect();
            batch.load(rows.iter().map(Vec::as_slice), &mean);
            batch.multiply(&transposed);
            let at = |sample: usize, column: usize| rows[sample][column] - mean[column];
            for sample in 0..samples {
                for label in 0..labels {
                    let sum: f32 = (0..width).map(|column| at(sample, column) * weight(column, label)).sum();
                    assert_eq!(batch.logits_mut(sample)[label], sum);
                }
            }
            let residual = |sample: usize, label: usize| value(7 * sample + label);
            for sample in 0..samples {
                for label in 0..labels {
                    batch.logits_mut(sample)[label] = residual(sample, label);
                }
            }
            let mut slopes = vec![1.0; width * labels];
            batch.add_products(&mut slopes);
            let mut sums = vec![0.0; width * labels];
            add_transposed(&slopes, labels, &mut sums);
            for column in 0..width {
                for label in 0..labels {
                    let sum: f32 =
                        (0..samples).map(|sample| at(sample, column) * residual(sample, label)).sum();
                    assert_eq!(sums[column * labels + label], f64::from(1.0 + sum));
                }
            }
        }
    }
}
