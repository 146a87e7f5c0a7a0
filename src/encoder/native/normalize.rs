//! Layer normalisation of the residual stream.

use super::simd::{Operation, Simd};

/// The learned scale and shift of a layer normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    /// Added to the variance.
    pub(super) epsilon: f32,
}

/// Normalises rows of `norm.scale.len()` values where they are, and leaves them as operands of the next product too.
pub(super) struct Normalize<'a> {
    pub(super) norm: &'a Norm,
    pub(super) residual: &'a mut [f32],
    pub(super) operands: &'a mut [u32],
}

impl Operation for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len();
        let rows = self.residual.chunks_exact_mut(width);
        for (row, operands) in rows.zip(self.operands.chunks_exact_mut(width / S::OPERANDS_PER_WORD)) {
            normalize_row(simd, self.norm, row, operands);
        }
    }
}

#[inline(always)]
fn normalize_row<S: Simd>(simd: S, norm: &Norm, row: &mut [f32], operands: &mut [u32]) {
    #[allow(clippy::cast_precision_loss, reason = "a few hundred columns")]
    let columns = row.len() as f32;
    let step = 2 * S::LANES;
    let zero = simd.splat(0.0);

    let (mut low, mut high) = (zero, zero);
    for values in row.chunks_exact(step) {
        low = simd.add(low, simd.load(values));
        high = simd.add(high, simd.load(&values[S::LANES..]));
    }
    let mean = simd.splat(simd.sum_of_lanes(simd.add(low, high)) / columns);

    let (mut low, mut high) = (zero, zero);
    for values in row.chunks_exact(step) {
        let (left, right) =
            (simd.subtract(simd.load(values), mean), simd.subtract(simd.load(&values[S::LANES..]), mean));
        low = simd.multiply_add(left, left, low);
        high = simd.multiply_add(right, right, high);
    }
    let variance = simd.sum_of_lanes(simd.add(low, high)) / columns;
    let factor = simd.splat(1.0 / (variance + norm.epsilon).sqrt());

    let parameters = norm.scale.chunks_exact(step).zip(norm.shift.chunks_exact(step));
    let targets = row.chunks_exact_mut(step).zip(operands.chunks_exact_mut(step / S::OPERANDS_PER_WORD));
    for ((values, operands), (scale, shift)) in targets.zip(parameters) {
        let low = simd.multiply(simd.subtract(simd.load(values), mean), factor);
        let low = simd.multiply_add(low, simd.load(scale), simd.load(shift));
        let high = simd.multiply(simd.subtract(simd.load(&values[S::LANES..]), mean), factor);
        let high = simd.multiply_add(high, simd.load(&scale[S::LANES..]), simd.load(&shift[S::LANES..]));
        simd.store(values, low);
        simd.store(&mut values[S::LANES..], high);
        simd.store_operands(operands, low, high);
    }
}
