//! Attention inside each message, head by head.
//!
//! Messages of a batch follow each other without padding, so each has its own small products. Keys and values of a head are laid out
//! as panels of a matrix product (keys: a column a key; values: a column a dimension), and six queries at a time go through scores,
//! softmax and sum. Only inside here is there padding, to whole vectors of keys, and it is masked: a row depends on its message alone.

use super::aligned::Aligned;
use super::exponential::power_of_two;
use super::multiply::{TILE_ROWS, tile};
use super::simd::{Operation, Simd};

/// Vectors in a row of a tile of scores: the fewest that store as operands, because most messages are short.
const VECTORS: usize = 2;

/// Panels of one head of one message, and the scores of a tile of queries.
#[derive(Debug, Default)]
pub(super) struct Panels {
    keys: Aligned<u32>,
    values: Aligned<u32>,
    scores: Aligned<f32>,
    weights: Aligned<u32>,
}

/// Attention of all messages of a batch.
pub(super) struct Attention<'a> {
    /// Rows of queries, keys and values as operands, each `heads * head_size` wide. The queries are scaled by `log2(e) / sqrt(head_size)`.
    pub(super) projected: &'a [u32],
    /// Rows of each message, none of them 0.
    pub(super) lengths: &'a [usize],
    pub(super) heads: usize,
    pub(super) head_size: usize,
    pub(super) panels: &'a mut Panels,
    /// Rows of `heads * head_size` operands.
    pub(super) context: &'a mut [u32],
}

impl Operation for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) {
        let Self { projected, lengths, heads, head_size, panels, context } = self;
        let width = heads * head_size / S::OPERANDS_PER_WORD;
        let key_words = head_size / S::OPERANDS_PER_WORD;
        let mut first = 0;
        for &length in lengths {
            let projected = &projected[first * 3 * width..][..length * 3 * width];
            let context = &mut context[first * width..][..length * width];
            for head in 0..heads {
                let column = head * key_words;
                let mut one = Head::<S>::lay_out(simd, projected, width, column, (length, key_words), panels);
                for row in (0..length).step_by(TILE_ROWS) {
                    let queries = &projected[row * 3 * width + column..];
                    let context = &mut context[row * width + column..];
                    match length - row {
                        1 => one.attend::<1>(simd, queries, width, context),
                        2 => one.attend::<2>(simd, queries, width, context),
                        3 => one.attend::<3>(simd, queries, width, context),
                        4 => one.attend::<4>(simd, queries, width, context),
                        5 => one.attend::<5>(simd, queries, width, context),
                        _ => one.attend::<TILE_ROWS>(simd, queries, width, context),
                    }
                }
            }
            first += length;
        }
    }
}

/// Keys and values of one head of one message.
struct Head<'a, S: Simd> {
    /// `[length / columns][key words][columns]`, the columns after the last key left as they were: they are masked.
    keys: &'a [u32],
    /// `[head size / columns][length in words][columns]`.
    values: &'a [u32],
    scores: &'a mut [f32],
    weights: &'a mut [u32],
    length: usize,
    key_words: usize,
    simd: std::marker::PhantomData<S>,
}

impl<'a, S: Simd> Head<'a, S> {
    /// Keys or dimensions in a panel.
    const COLUMNS: usize = VECTORS * S::LANES;

    /// Lays out the head whose queries begin at word `column` of rows of three times `width` words.
    #[inline(always)]
    fn lay_out(
        simd: S,
        projected: &[u32],
        width: usize,
        column: usize,
        (length, key_words): (usize, usize),
        panels: &'a mut Panels,
    ) -> Self {
        let padded = length.next_multiple_of(Self::COLUMNS);
        let length_words = length.div_ceil(S::OPERANDS_PER_WORD);
        let keys = panels.keys.take(padded * key_words);
        let values = panels.values.take(length_words * key_words * S::OPERANDS_PER_WORD);
        for (index, panel) in keys.chunks_exact_mut(Self::COLUMNS * key_words).enumerate() {
            for part in 0..VECTORS {
                let first = index * Self::COLUMNS + part * S::LANES;
                for word in (0..key_words).step_by(S::LANES) {
                    if let Some(rows) = projected.get(first * 3 * width + width + column + word..) {
                        let lines = &mut panel[word * Self::COLUMNS + part * S::LANES..];
                        simd.transpose(rows, 3 * width, (length - first).min(S::LANES), lines, Self::COLUMNS);
                    }
                }
            }
        }
        let part = Self::COLUMNS / S::OPERANDS_PER_WORD;
        for (index, panel) in values.chunks_exact_mut(length_words * Self::COLUMNS).enumerate() {
            let place = 2 * width + column + index * part;
            for (rows, line) in
                projected.chunks(S::OPERANDS_PER_WORD * 3 * width).zip(panel.chunks_exact_mut(Self::COLUMNS))
            {
                let value = &rows[place..][..part];
                if S::OPERANDS_PER_WORD == 1 {
                    line.copy_from_slice(value);
                } else {
                    let next = rows.get(3 * width + place..).map_or(&[0; 16][..part], |next| &next[..part]);
                    interleave(value, next, line);
                }
            }
        }
        Self {
            keys,
            values,
            scores: panels.scores.take(TILE_ROWS * padded),
            weights: panels.weights.take(TILE_ROWS * padded / S::OPERANDS_PER_WORD),
            length,
            key_words,
            simd: std::marker::PhantomData,
        }
    }

    /// `ROWS` queries, three times `width` words apart, into rows of `context` that are `width` words apart.
    #[inline(always)]
    fn attend<const ROWS: usize>(&mut self, simd: S, queries: &[u32], width: usize, context: &mut [u32]) {
        let padded = self.length.next_multiple_of(Self::COLUMNS);
        for (index, panel) in self.keys.chunks_exact(Self::COLUMNS * self.key_words).enumerate() {
            let sums = tile::<S, ROWS, VECTORS>(simd, queries, 3 * width, panel);
            for (row, [low, high]) in sums.into_iter().enumerate() {
                let scores = &mut self.scores[row * padded + index * Self::COLUMNS..][..Self::COLUMNS];
                simd.store(scores, low);
                simd.store(&mut scores[S::LANES..], high);
            }
        }
        let mut factors = [0.0; ROWS];
        for (row, factor) in factors.iter_mut().enumerate() {
            let scores = &mut self.scores[row * padded..][..padded];
            let weights =
                &mut self.weights[row * padded / S::OPERANDS_PER_WORD..][..padded / S::OPERANDS_PER_WORD];
            *factor = 1.0 / softmax(simd, scores, self.length, weights);
        }
        let length_words = self.length.div_ceil(S::OPERANDS_PER_WORD);
        for (index, panel) in self.values.chunks_exact(length_words * Self::COLUMNS).enumerate() {
            let sums = tile::<S, ROWS, VECTORS>(simd, self.weights, padded / S::OPERANDS_PER_WORD, panel);
            for (row, [low, high]) in sums.into_iter().enumerate() {
                let factor = simd.splat(factors[row]);
                let target = &mut context[row * width + index * Self::COLUMNS / S::OPERANDS_PER_WORD..];
                simd.store_operands(target, simd.multiply(low, factor), simd.multiply(high, factor));
            }
        }
    }
}

/// Two rows of bf16 as the words of a panel: an element of the first below the same of the second.
#[inline(always)]
fn interleave(first: &[u32], second: &[u32], words: &mut [u32]) {
    for ((first, second), words) in first.iter().zip(second).zip(words.as_chunks_mut::<2>().0) {
        words[0] = (first & 0xffff) | (second << 16);
        words[1] = (first >> 16) | (second & 0xffff_0000);
    }
}

/// Two to the power of the first `length` scores less their greatest, as operands; their sum is returned, not divided by.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], length: usize, weights: &mut [u32]) -> f32 {
    let step = VECTORS * S::LANES;
    let never = simd.splat(f32::NEG_INFINITY);
    let last = scores.len() - step;
    let (low, high) = (simd.load(&scores[last..]), simd.load(&scores[last + S::LANES..]));
    let low = simd.keep_first(low, (length - last).min(S::LANES), never);
    let high = simd.keep_first(high, (length - last).saturating_sub(S::LANES), never);
    simd.store(&mut scores[last..], low);
    simd.store(&mut scores[last + S::LANES..], high);

    let mut greatest = simd.maximum(low, high);
    for scores in scores[..last].chunks_exact(step) {
        greatest = simd.maximum(greatest, simd.maximum(simd.load(scores), simd.load(&scores[S::LANES..])));
    }
    let greatest = simd.splat(simd.maximum_of_lanes(greatest));
    let mut sum = simd.splat(0.0);
    for (scores, weights) in
        scores.chunks_exact(step).zip(weights.chunks_exact_mut(step / S::OPERANDS_PER_WORD))
    {
        let low = power_of_two(simd, simd.subtract(simd.load(scores), greatest));
        let high = power_of_two(simd, simd.subtract(simd.load(&scores[S::LANES..]), greatest));
        sum = simd.add(sum, simd.add(low, high));
        simd.store_operands(weights, low, high);
    }
    simd.sum_of_lanes(sum)
}
