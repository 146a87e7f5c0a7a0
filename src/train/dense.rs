//! Products of dense rows with the weights, some samples at a time.
//!
//! One sample at a time, every weight is fetched for two operations; eight at a time, for sixteen. The loops are plain Rust over
//! arrays of fixed size, which the compiler keeps in vector registers.

/// Floats that one step of the products takes; rows of weights are padded to whole steps.
pub const LANES: usize = 4;

/// Some samples, their logits and afterwards their residuals.
pub struct Block {
    /// `width` x `SAMPLES`: the floats of the samples, side by side.
    floats: Vec<[f32; Self::SAMPLES]>,
    /// `SAMPLES` x `stride`.
    logits: Vec<f32>,
    stride: usize,
}

impl Block {
    /// Samples in a block.
    pub const SAMPLES: usize = 8;

    /// Room for samples of `width` floats and `stride` logits, a multiple of [`LANES`].
    pub fn new(width: usize, stride: usize) -> Self {
        Self { floats: vec![[0.0; Self::SAMPLES]; width], logits: vec![0.0; Self::SAMPLES * stride], stride }
    }

    /// Takes up to [`Block::SAMPLES`] rows, less `mean`; what is left of the block is zero.
    pub fn load<'a>(&mut self, rows: impl ExactSizeIterator<Item = &'a [f32]>, mean: &[f32]) {
        if rows.len() < Self::SAMPLES {
            self.floats.fill([0.0; Self::SAMPLES]);
        }
        for (index, row) in rows.enumerate() {
            for ((floats, value), mean) in self.floats.iter_mut().zip(row).zip(mean) {
                floats[index] = value - mean;
            }
        }
    }

    /// The logits (or residuals) of a sample.
    pub fn logits_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.logits[index * self.stride..(index + 1) * self.stride]
    }

    /// Logits from `weights`, `width` x `stride`.
    pub fn multiply(&mut self, weights: &[f32]) {
        for lane in (0..self.stride).step_by(LANES) {
            let mut sums = [[0.0_f32; LANES]; Self::SAMPLES];
            for (floats, row) in self.floats.iter().zip(weights.chunks_exact(self.stride)) {
                let row: &[f32; LANES] = row[lane..lane + LANES].try_into().expect("as long as asked for");
                for (sums, value) in sums.iter_mut().zip(floats) {
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum += value * weight;
                    }
                }
            }
            for (logits, sums) in self.logits.chunks_exact_mut(self.stride).zip(&sums) {
                logits[lane..lane + LANES].copy_from_slice(sums);
            }
        }
    }

    /// Adds to `slopes`, `width` x `stride`, the products of the floats with the residuals of the first `samples`.
    pub fn add_products(&mut self, samples: usize, slopes: &mut [f32]) {
        self.logits[samples * self.stride..].fill(0.0);
        for lane in (0..self.stride).step_by(LANES) {
            let mut residuals = [[0.0_f32; LANES]; Self::SAMPLES];
            for (to, from) in residuals.iter_mut().zip(self.logits.chunks_exact(self.stride)) {
                to.copy_from_slice(&from[lane..lane + LANES]);
            }
            for (floats, row) in self.floats.iter().zip(slopes.chunks_exact_mut(self.stride)) {
                let row: &mut [f32; LANES] =
                    (&mut row[lane..lane + LANES]).try_into().expect("as long as asked for");
                let mut sums = *row;
                for (value, residuals) in floats.iter().zip(&residuals) {
                    for (sum, residual) in sums.iter_mut().zip(residuals) {
                        *sum += value * residual;
                    }
                }
                *row = sums;
            }
        }
    }
}

/// `to += scale * from`, for rows of whole steps.
pub fn add_padded(to: &mut [f32], from: &[f32], scale: f32) {
    for (to, from) in to.chunks_exact_mut(LANES).zip(from.chunks_exact(LANES)) {
        for lane in 0..LANES {
            to[lane] += scale * from[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
    fn products_are_those_of_the_textbook_for_full_and_partial_blocks() {
        #[allow(clippy::cast_precision_loss)]
        let value = |seed: usize| ((seed * 37) % 23) as f32 - 11.0; // whole numbers: sums are exact in any order
        let (width, stride) = (5, 2 * LANES);
        let weights: Vec<f32> = (0..width * stride).map(value).collect();
        let mean: Vec<f32> = (0..width).map(|column| value(column + 3)).collect();
        let mut block = Block::new(width, stride);
        for samples in [Block::SAMPLES, 3, 1] {
            let rows: Vec<Vec<f32>> = (0..samples)
                .map(|sample| (0..width).map(|column| value(sample * width + column + 1)).collect())
                .collect();
            block.load(rows.iter().map(Vec::as_slice), &mean);
            block.multiply(&weights);
            let at = |sample: usize, column: usize| rows[sample][column] - mean[column];
            for sample in 0..samples {
                for lane in 0..stride {
                    let sum: f32 =
                        (0..width).map(|column| at(sample, column) * weights[column * stride + lane]).sum();
                    assert_eq!(block.logits_mut(sample)[lane], sum);
                }
            }
            let residual = |sample: usize, lane: usize| value(7 * sample + lane);
            for sample in 0..samples {
                for lane in 0..stride {
                    block.logits_mut(sample)[lane] = residual(sample, lane);
                }
            }
            let mut slopes = vec![1.0; width * stride];
            block.add_products(samples, &mut slopes);
            for column in 0..width {
                for lane in 0..stride {
                    let sum: f32 =
                        (0..samples).map(|sample| at(sample, column) * residual(sample, lane)).sum();
                    assert_eq!(slopes[column * stride + lane], 1.0 + sum);
                }
            }
        }
    }
}
