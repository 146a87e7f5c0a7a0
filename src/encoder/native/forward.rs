//! The pass of a batch through the encoder, from token ids to unit vectors.
//!
//! The tokens of all messages are the rows of one matrix, without padding; only attention, the embeddings and the mean know where a message ends.

use super::aligned::Aligned;
use super::attention::{Attention, Panels};
use super::epilogue::{Bias, BiasGelu, BiasResidual};
use super::model::Model;
use super::multiply::{Multiply, readable_rows};
use super::normalize::Normalize;
use super::simd::Simd;

/// The activations of a batch. Each worker has one; it grows to the largest batch seen and allocates nothing after that.
#[derive(Debug, Default)]
pub struct Scratch {
    residual: Aligned<f32>,
    /// The residual stream, normalised, as factors of the next product.
    operands: Aligned<u32>,
    projected: Aligned<u32>,
    context: Aligned<u32>,
    expanded: Aligned<u32>,
    panels: Panels,
    lengths: Vec<usize>,
}

/// Unit vectors of `batch` into the rows of `vectors`: that of the last layer and behind it those of `inner` layers, where 0 is what
/// goes into the first. `file` is the file `model` was loaded from.
pub(super) fn forward<S: Simd>(
    simd: S,
    model: &Model,
    file: &[u8],
    batch: &[&[u32]],
    inner: &[usize],
    scratch: &mut Scratch,
    vectors: &mut [f32],
) {
    let hidden = model.embeddings.norm.scale.len();
    let rows: usize = batch.iter().map(|message| message.len()).sum();
    let words = |columns: usize| readable_rows::<S>(rows) * columns / S::OPERANDS_PER_WORD;
    let intermediate = model.layers.first().map_or(0, |layer| layer.expansion.bias.len());

    let residual = scratch.residual.take(rows * hidden);
    let operands = scratch.operands.take(words(hidden));
    let projected = scratch.projected.take(words(3 * hidden));
    let context = scratch.context.take(words(hidden));
    let expanded = scratch.expanded.take(words(intermediate));
    scratch.lengths.clear();
    scratch.lengths.extend(batch.iter().map(|message| message.len()).filter(|&length| length > 0));

    embed(model, file, batch, residual, vectors);
    simd.run(Normalize { norm: &model.embeddings.norm, residual, operands });
    let last = model.layers.len();
    pool_layer(0, last, inner, batch, residual, hidden, vectors);
    for (layer, done) in model.layers.iter().zip(1..) {
        simd.run(Multiply {
            operands,
            rows,
            weights: &layer.projection.weights,
            epilogue: Bias { bias: &layer.projection.bias, operands: projected },
        });
        simd.run(Attention {
            projected,
            lengths: &scratch.lengths,
            heads: model.heads,
            head_size: model.head_size,
            panels: &mut scratch.panels,
            context,
        });
        simd.run(Multiply {
            operands: context,
            rows,
            weights: &layer.attention_output.weights,
            epilogue: BiasResidual { bias: &layer.attention_output.bias, residual },
        });
        simd.run(Normalize { norm: &layer.attention_norm, residual, operands });
        simd.run(Multiply {
            operands,
            rows,
            weights: &layer.expansion.weights,
            epilogue: BiasGelu { bias: &layer.expansion.bias, operands: expanded },
        });
        simd.run(Multiply {
            operands: expanded,
            rows,
            weights: &layer.contraction.weights,
            epilogue: BiasResidual { bias: &layer.contraction.bias, residual },
        });
        simd.run(Normalize { norm: &layer.output_norm, residual, operands });
        pool_layer(done, last, inner, batch, residual, hidden, vectors);
    }
}

/// Pools what layer `done` gave into every place of the rows that wants it: the first wants the last layer, the others those of `inner`.
fn pool_layer(
    done: usize,
    last: usize,
    inner: &[usize],
    batch: &[&[u32]],
    residual: &[f32],
    hidden: usize,
    vectors: &mut [f32],
) {
    let stride = hidden * (1 + inner.len());
    let wanted = std::iter::once(&last).chain(inner).enumerate();
    for (index, _) in wanted.filter(|(_, layer)| **layer == done) {
        pool(batch, residual, hidden, vectors, Place { offset: hidden * index, stride });
    }
}

/// Where in a row of the result a vector goes, and how long such a row is.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    stride: usize,
}

/// The sum of the word, position and type embeddings of each token. `row` is room for one embedding.
fn embed(model: &Model, file: &[u8], batch: &[&[u32]], residual: &mut [f32], row: &mut [f32]) {
    let embeddings = &model.embeddings;
    let hidden = embeddings.norm.scale.len();
    let Some(row) = row.get_mut(..hidden) else { return };
    let mut rows = residual.chunks_exact_mut(hidden);
    for message in batch {
        for ((position, &token), sum) in message.iter().enumerate().zip(&mut rows) {
            embeddings.words.row(file, token as usize, sum);
            for (tensor, index) in [(embeddings.positions, position), (embeddings.types, 0)] {
                tensor.row(file, index, row);
                for (sum, value) in sum.iter_mut().zip(&*row) {
                    *sum += value;
                }
            }
        }
    }
}

/// The mean of the rows of each message, scaled to length 1. An empty message has the zero vector.
fn pool(batch: &[&[u32]], residual: &[f32], hidden: usize, vectors: &mut [f32], place: Place) {
    let mut rows = residual.chunks_exact(hidden);
    for (message, vector) in batch.iter().zip(vectors.chunks_exact_mut(place.stride)) {
        let vector = &mut vector[place.offset..place.offset + hidden];
        vector.fill(0.0);
        for row in rows.by_ref().take(message.len()) {
            for (sum, value) in vector.iter_mut().zip(row) {
                *sum += value;
            }
        }
        // The length of the sum is that of the mean times the tokens: dividing by it does both.
        let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            #[allow(clippy::cast_possible_truncation, reason = "f32 is what is wanted")]
            let factor = (1.0 / length) as f32;
            for value in vector {
                *value *= factor;
            }
        }
    }
}
