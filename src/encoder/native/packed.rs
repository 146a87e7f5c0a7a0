//! The weights of a dense layer in the order the matrix product reads them.
//!
//! A panel is as many columns (outputs) as a tile of sums is wide; it holds, for every word of depth (inputs), one word for each
//! of its columns, so the product reads it from front to back: `[columns / width][depth][width]` words.

use super::aligned::Aligned;
use super::simd::{Operation, Simd};
use super::weights::Tensor;

/// The packed weights of a dense layer of `columns` outputs.
#[derive(Debug)]
pub(super) struct Packed {
    words: Aligned<u32>,
    pub(super) columns: usize,
    /// Words in a row of inputs.
    pub(super) depth: usize,
}

impl Packed {
    /// The words of every panel, one after the other.
    pub(super) fn words(&self) -> &[u32] {
        &self.words.as_slice()[..self.columns * self.depth]
    }
}

/// Columns in a panel.
pub(super) const fn panel_width<S: Simd>() -> usize {
    S::TILE_VECTORS * S::LANES
}

/// Packs the rows of several matrices of as many columns, one below the other, each multiplied by a factor.
pub(super) struct Pack<'a> {
    pub(super) file: &'a [u8],
    pub(super) parts: &'a [(Tensor, f32)],
}

impl Operation for Pack<'_> {
    type Output = Packed;

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) -> Packed {
        let inputs = self.parts[0].0.columns;
        let columns = self.parts.iter().map(|(tensor, _)| tensor.rows).sum();
        let depth = inputs / S::OPERANDS_PER_WORD;
        let width = panel_width::<S>();
        let mut words = Aligned::zeros(columns * depth);
        let mut values = vec![0.0; inputs];
        // Weight rows that are decoded, then turned into columns together.
        let group = S::LANES;
        let mut rows = vec![0; group * depth];
        let mut column = 0;
        for &(tensor, factor) in self.parts {
            for first in (0..tensor.rows).step_by(group) {
                for (row, operands) in rows.chunks_exact_mut(depth).enumerate() {
                    tensor.row(self.file, first + row, &mut values);
                    to_operands(simd, &values, factor, operands);
                }
                let panel = &mut words.as_mut_slice()[column / width * width * depth..][..width * depth];
                for step in (0..depth).step_by(S::LANES) {
                    simd.transpose(
                        &rows[step..],
                        depth,
                        S::LANES,
                        &mut panel[step * width + column % width..],
                        width,
                    );
                }
                column += group;
            }
        }
        Packed { words, columns, depth }
    }
}

/// `values` times `factor`, rounded to operands.
#[inline(always)]
pub(super) fn to_operands<S: Simd>(simd: S, values: &[f32], factor: f32, operands: &mut [u32]) {
    let factor = simd.splat(factor);
    let pairs = values.chunks_exact(2 * S::LANES);
    for (values, operands) in pairs.zip(operands.chunks_exact_mut(2 * S::LANES / S::OPERANDS_PER_WORD)) {
        let low = simd.multiply(simd.load(values), factor);
        let high = simd.multiply(simd.load(&values[S::LANES..]), factor);
        simd.store_operands(operands, low, high);
    }
}
