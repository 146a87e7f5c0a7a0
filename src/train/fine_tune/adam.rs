//! `AdamW` on plain slices (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019).

use rayon::prelude::*;
use std::collections::HashMap;

const FIRST: f32 = 0.9;
const SECOND: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Weights that a thread moves at a time.
const PIECE: usize = 1 << 14;

/// An optimiser and what it remembers of each tensor.
#[derive(Debug, Default)]
pub struct AdamW {
    step: i32,
    moments: HashMap<String, (Vec<f32>, Vec<f32>)>,
}

impl AdamW {
    /// Begins a step, in which each tensor may be moved once.
    pub fn begin(&mut self) {
        self.step += 1;
    }

    /// Moves `weights` against `gradient`; `decay` pulls them towards zero, as much as the rate allows.
    pub fn update(&mut self, name: &str, weights: &mut [f32], gradient: &[f32], rate: f32, decay: f32) {
        let moments = self
            .moments
            .entry(name.to_owned())
            .or_insert_with(|| (vec![0.0; weights.len()], vec![0.0; weights.len()]));
        let first_bias = 1.0 - FIRST.powi(self.step);
        let second_bias = 1.0 - SECOND.powi(self.step);
        weights
            .par_chunks_mut(PIECE)
            .zip(gradient.par_chunks(PIECE))
            .zip(moments.0.par_chunks_mut(PIECE).zip(moments.1.par_chunks_mut(PIECE)))
            .for_each(|((weights, gradient), (first, second))| {
                let moments = first.iter_mut().zip(second);
                for ((weight, &slope), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
                    *first = FIRST * *first + (1.0 - FIRST) * slope;
                    *second = SECOND * *second + (1.0 - SECOND) * slope * slope;
                    let move_by = (*first / first_bias) / ((*second / second_bias).sqrt() + EPSILON);
                    *weight -= rate * (move_by + decay * *weight);
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_descended_to_its_bottom() {
        let mut optimiser = AdamW::default();
        let mut weights = [5.0, -3.0];
        for _ in 0..2_000 {
            let gradient: Vec<f32> = weights.iter().map(|weight| 2.0 * (weight - 1.0)).collect();
            optimiser.begin();
            optimiser.update("w", &mut weights, &gradient, 0.01, 0.0);
        }
        assert!(weights.iter().all(|weight| (weight - 1.0).abs() < 1e-2), "{weights:?}");
    }
}
