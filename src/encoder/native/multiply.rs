//! The matrix product: rows of activations by packed weights, with what follows it done while the sums are in registers.
//!
//! Panel by panel, all rows: a panel (49 KB to 400 KB) is read from the second-level cache once for every six rows, the rows once for
//! every panel. A tile of six rows by [`Simd::TILE_VECTORS`] vectors is summed over the whole depth in registers, so a sum
//! is made in the same order whatever rows are computed beside it: a message's vector does not depend on its batch.

use super::packed::{Packed, panel_width};
use super::simd::{Operation, Simd, SumBlock};

/// Rows in a full tile.
pub(super) const TILE_ROWS: usize = 6;

/// What is done with the sums of a product.
pub(super) trait Epilogue {
    /// Takes the sums of row `row` for `2 * LANES` columns from `column` on, a multiple of that many.
    fn take<S: Simd>(&mut self, simd: S, row: usize, column: usize, low: S::Vector, high: S::Vector);
}

/// Rows of operands that a product may read: where it works in blocks it reads whole ones, and what the rows after the last hold
/// does not matter.
pub(super) const fn readable_rows<S: Simd>(rows: usize) -> usize {
    if S::BLOCK > 0 { rows.next_multiple_of(S::BLOCK) } else { rows }
}

/// `rows` rows of operands ([`readable_rows`] times `weights.depth` words) times `weights`.
pub(super) struct Multiply<'a, E> {
    pub(super) operands: &'a [u32],
    pub(super) rows: usize,
    pub(super) weights: &'a Packed,
    pub(super) epilogue: E,
}

impl<E: Epilogue> Operation for Multiply<'_, E> {
    type Output = ();

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) {
        match S::TILE_VECTORS {
            _ if S::BLOCK > 0 => blocks(simd, self),
            4 => panels::<S, E, 4>(simd, self),
            _ => panels::<S, E, 2>(simd, self),
        }
    }
}

#[inline(always)]
fn panels<S: Simd, E: Epilogue, const VECTORS: usize>(simd: S, product: Multiply<'_, E>) {
    let Multiply { operands, rows, weights, mut epilogue } = product;
    let width = panel_width::<S>();
    for (index, panel) in weights.words().chunks_exact(width * weights.depth).enumerate() {
        for row in (0..rows).step_by(TILE_ROWS) {
            let place = (row, index * width);
            let operands = &operands[row * weights.depth..];
            match rows - row {
                1 => finish::<S, E, 1, VECTORS>(simd, operands, weights.depth, panel, place, &mut epilogue),
                2 => finish::<S, E, 2, VECTORS>(simd, operands, weights.depth, panel, place, &mut epilogue),
                3 => finish::<S, E, 3, VECTORS>(simd, operands, weights.depth, panel, place, &mut epilogue),
                4 => finish::<S, E, 4, VECTORS>(simd, operands, weights.depth, panel, place, &mut epilogue),
                5 => finish::<S, E, 5, VECTORS>(simd, operands, weights.depth, panel, place, &mut epilogue),
                _ => finish::<S, E, TILE_ROWS, VECTORS>(
                    simd,
                    operands,
                    weights.depth,
                    panel,
                    place,
                    &mut epilogue,
                ),
            }
        }
    }
}

/// The same in blocks that the processor sums in tiles of its own: a block goes through memory, and the epilogue reads it from there.
/// Half a panel stays in the first-level cache while the rows pass.
#[inline(always)]
fn blocks<S: Simd, E: Epilogue>(simd: S, product: Multiply<'_, E>) {
    let Multiply { operands, rows, weights, mut epilogue } = product;
    let (width, depth) = (panel_width::<S>(), weights.depth);
    assert!(operands.len() >= readable_rows::<S>(rows) * depth);
    let mut sums = SumBlock([0.0; 32 * 32]);
    simd.begin_blocks();
    for (index, panel) in weights.words().chunks_exact(width * depth).enumerate() {
        for part in (0..width).step_by(S::BLOCK) {
            for row in (0..rows).step_by(S::BLOCK) {
                let count = (rows - row).min(S::BLOCK);
                simd.block(&operands[row * depth..], depth, count, &panel[part..], width, &mut sums);
                for (place, sums) in sums.0.chunks_exact(S::BLOCK).take(count).enumerate() {
                    for column in (0..S::BLOCK).step_by(2 * S::LANES) {
                        let low = simd.load(&sums[column..]);
                        let high = simd.load(&sums[column + S::LANES..]);
                        epilogue.take(simd, row + place, index * width + part + column, low, high);
                    }
                }
            }
        }
    }
    simd.end_blocks();
}

/// One tile of the product, at the row and column of `place`, and its epilogue.
#[inline(always)]
fn finish<S: Simd, E: Epilogue, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    operands: &[u32],
    stride: usize,
    panel: &[u32],
    place: (usize, usize),
    epilogue: &mut E,
) {
    let sums = tile::<S, ROWS, VECTORS>(simd, operands, stride, panel);
    for (row, sums) in sums.into_iter().enumerate() {
        for pair in 0..VECTORS / 2 {
            let column = place.1 + pair * 2 * S::LANES;
            epilogue.take(simd, place.0 + row, column, sums[2 * pair], sums[2 * pair + 1]);
        }
    }
}

/// The sums of `ROWS` rows of operands, `stride` words apart, with a panel of `VECTORS * LANES` columns.
#[inline(always)]
pub(super) fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    operands: &[u32],
    stride: usize,
    panel: &[u32],
) -> [[S::Vector; VECTORS]; ROWS] {
    let depth = panel.len() / (VECTORS * S::LANES);
    assert!(operands.len() >= (ROWS - 1) * stride + depth);
    let zero = simd.splat(0.0);
    let mut sums = [[zero; VECTORS]; ROWS];
    for (step, panel) in panel.chunks_exact(VECTORS * S::LANES).enumerate() {
        let mut weights = [zero; VECTORS];
        for (vector, weights) in weights.iter_mut().enumerate() {
            *weights = simd.load_words(&panel[vector * S::LANES..]);
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `step < depth`, so the index is below the length asserted above.
            let word = unsafe { *operands.get_unchecked(row * stride + step) };
            let operand = simd.splat_word(word);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = simd.dot(*sum, operand, weights);
            }
        }
    }
    sums
}
