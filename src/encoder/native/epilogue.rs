//! What follows the matrix products of a layer, on sums that are still in registers.

use super::gelu::gelu;
use super::multiply::Epilogue;
use super::simd::Simd;

/// Adds the bias and stores operands: queries, keys and values.
pub(super) struct Bias<'a> {
    pub(super) bias: &'a [f32],
    pub(super) operands: &'a mut [u32],
}

/// Adds the bias, applies GELU and stores operands: the first half of the feed-forward network.
pub(super) struct BiasGelu<'a> {
    pub(super) bias: &'a [f32],
    pub(super) operands: &'a mut [u32],
}

/// Adds the sums and the bias to the residual stream, which is f32 throughout.
pub(super) struct BiasResidual<'a> {
    pub(super) bias: &'a [f32],
    pub(super) residual: &'a mut [f32],
}

/// The words of `operands` for the columns from `column` on of row `row`, of rows of `width` columns.
#[inline(always)]
fn words<S: Simd>(operands: &mut [u32], width: usize, row: usize, column: usize) -> &mut [u32] {
    &mut operands[(row * width + column) / S::OPERANDS_PER_WORD..][..2 * S::LANES / S::OPERANDS_PER_WORD]
}

impl Epilogue for Bias<'_> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, row: usize, column: usize, low: S::Vector, high: S::Vector) {
        let bias = &self.bias[column..][..2 * S::LANES];
        let low = simd.add(low, simd.load(bias));
        let high = simd.add(high, simd.load(&bias[S::LANES..]));
        simd.store_operands(words::<S>(self.operands, self.bias.len(), row, column), low, high);
    }
}

impl Epilogue for BiasGelu<'_> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, row: usize, column: usize, low: S::Vector, high: S::Vector) {
        let bias = &self.bias[column..][..2 * S::LANES];
        let low = gelu(simd, simd.add(low, simd.load(bias)));
        let high = gelu(simd, simd.add(high, simd.load(&bias[S::LANES..])));
        simd.store_operands(words::<S>(self.operands, self.bias.len(), row, column), low, high);
    }
}

impl Epilogue for BiasResidual<'_> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, row: usize, column: usize, low: S::Vector, high: S::Vector) {
        let bias = &self.bias[column..][..2 * S::LANES];
        let residual = &mut self.residual[row * self.bias.len() + column..][..2 * S::LANES];
        let low = simd.add(simd.add(low, simd.load(bias)), simd.load(residual));
        let high = simd.add(simd.add(high, simd.load(&bias[S::LANES..])), simd.load(&residual[S::LANES..]));
        simd.store(residual, low);
        simd.store(&mut residual[S::LANES..], high);
    }
}
