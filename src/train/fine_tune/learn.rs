//! The loop: batches, their gradients, and the steps along them.

use anyhow::{Context, Result};
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;
use std::collections::BTreeMap;

use super::adam::AdamW;
use super::bert::{Bert, Weights};
use super::{BATCH, FineTuning, Sample, steps_in_epoch};
use crate::encoder::files::EncoderFiles;
use crate::envelope::Severity;

/// Samples of each part of a step that is differentiated by itself.
const PART: usize = 8;
/// The linear layer starts from nothing and may move faster than what it stands on.
const LAYER_RATE: f64 = 30.0;
const DECAY: f32 = 0.01;
/// Gradients longer than this are shortened to it.
const LONGEST_GRADIENT: f32 = 1.0;
const LAYER: &str = "classifier";

/// Fine-tunes the encoder in `files` and returns its new weights, as a safetensors file of f16. `done` is told the samples of
/// each step and the mean loss so far.
///
/// # Errors
/// When the encoder is not one that can be fine-tuned, or memory runs out.
pub fn fine_tune(
    files: &EncoderFiles,
    samples: &[Sample],
    classes: usize,
    settings: FineTuning,
    mut done: impl FnMut(usize, f32),
) -> Result<Vec<u8>> {
    let mut weights = Weights::read(files)?;
    let mut random = fastrand::Rng::with_seed(settings.seed);
    let inputs = hidden_size(&weights)? + Severity::ALL.len();
    // A row per class, and behind them the biases.
    let mut layer: Vec<f32> = (0..inputs * classes).map(|_| 0.04 * (random.f32() - 0.5)).collect();
    layer.extend(vec![0.0; classes]);
    let mut optimiser = AdamW::default();
    #[allow(clippy::cast_precision_loss)]
    let steps = (steps_in_epoch(samples) * settings.epochs).max(1) as f64;
    let mut step = 0_u32;
    let mut mean_loss: Option<f32> = None;
    for _ in 0..settings.epochs {
        for batch in batches(samples, &mut random) {
            step += 1;
            let place = f64::from(step) / steps;
            let rate = settings.learning_rate * (place / 0.1).min((1.0 - place) / 0.9).max(0.01);
            let (loss, mut gradients) = differentiate(&weights, &layer, classes, samples, &batch)?;
            clip(&mut gradients);
            optimiser.begin();
            for (name, gradient) in &gradients {
                #[allow(clippy::cast_possible_truncation)]
                let rate = if name == LAYER { rate * LAYER_RATE } else { rate } as f32;
                let decay = if name.ends_with("bias") || name.contains("LayerNorm") { 0.0 } else { DECAY };
                let target = if name == LAYER {
                    &mut layer
                } else {
                    &mut weights.tensors.get_mut(name).context("a gradient of nothing")?.1
                };
                optimiser.update(name, target, gradient, rate, decay);
            }
            let mean = mean_loss.map_or(loss, |mean| 0.98 * mean + 0.02 * loss);
            mean_loss = Some(mean);
            done(batch.len(), mean);
        }
    }
    weights.to_bytes()
}

fn hidden_size(weights: &Weights) -> Result<usize> {
    let words = weights.tensors.iter().find(|(name, _)| name.ends_with("word_embeddings.weight"));
    words.and_then(|(_, (shape, _))| shape.get(1).copied()).context("model.safetensors: no word embeddings")
}

/// The samples of an epoch in random batches, each of texts of like length, so that little is padded.
fn batches(samples: &[Sample], random: &mut fastrand::Rng) -> Vec<Vec<usize>> {
    const POOL: usize = 50 * BATCH;
    let mut order: Vec<usize> =
        (0..samples.len()).filter(|&sample| random.f32() < samples[sample].share).collect();
    random.shuffle(&mut order);
    let mut batches = Vec::new();
    for pool in order.chunks_mut(POOL) {
        pool.sort_by_key(|&sample| samples[sample].tokens.len());
        batches.extend(pool.chunks(BATCH).map(<[usize]>::to_vec));
    }
    random.shuffle(&mut batches);
    batches
}

type Gradients = BTreeMap<String, Vec<f32>>;

/// The mean loss over a batch and its gradient in every trained tensor.
fn differentiate(
    weights: &Weights,
    layer: &[f32],
    classes: usize,
    samples: &[Sample],
    batch: &[usize],
) -> Result<(f32, Gradients)> {
    let bert = weights.bert()?;
    let parts: Vec<(f32, Gradients)> = batch
        .par_chunks(PART)
        .map(|part| {
            let part: Vec<&Sample> = part.iter().map(|&sample| &samples[sample]).collect();
            differentiate_part(&bert, layer, classes, &part, batch.len())
        })
        .collect::<Result<_>>()?;
    let mut parts = parts.into_iter();
    let (mut loss, mut sums) = parts.next().context("an empty batch")?;
    for (part_loss, gradients) in parts {
        loss += part_loss;
        for (name, gradient) in gradients {
            let sum = sums.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(&gradient).for_each(|(sum, slope)| *sum += slope);
        }
    }
    Ok((loss, sums))
}

fn differentiate_part(
    bert: &Bert<'_>,
    layer: &[f32],
    classes: usize,
    part: &[&Sample],
    batch: usize,
) -> Result<(f32, Gradients)> {
    let device = &Device::Cpu;
    let tokens: Vec<&[u32]> = part.iter().map(|sample| sample.tokens.as_slice()).collect();
    let pooled = bert.pooled(&tokens)?;
    let mut severities = vec![0.0_f32; part.len() * Severity::ALL.len()];
    for (row, sample) in part.iter().enumerate() {
        if let Some(severity) = sample.severity {
            severities[row * Severity::ALL.len() + severity as usize] = 1.0;
        }
    }
    let severities = Tensor::from_vec(severities, (part.len(), Severity::ALL.len()), device)?;
    let inputs = Tensor::cat(&[&pooled, &severities], 1)?;
    let width = inputs.dim(1)?;
    let layer = Var::from_slice(layer, (width + 1) * classes, device)?;
    let matrix = layer.narrow(0, 0, width * classes)?.reshape((classes, width))?;
    let biases = layer.narrow(0, width * classes, classes)?;
    let logits = inputs.matmul(&matrix.t()?)?.broadcast_add(&biases)?;
    let likelihoods = candle_nn::ops::log_softmax(&logits, 1)?;
    #[allow(clippy::cast_precision_loss)]
    let scale = 1.0 / batch as f32;
    let mut truth = vec![0.0_f32; part.len() * classes];
    for (row, sample) in part.iter().enumerate() {
        truth[row * classes + sample.class as usize] = -scale * sample.weight;
    }
    let loss = (likelihoods * Tensor::from_vec(truth, (part.len(), classes), device)?)?.sum_all()?;
    let gradients = loss.backward()?;
    let flat = |gradient: &Tensor| Ok::<_, anyhow::Error>(gradient.flatten_all()?.to_vec1::<f32>()?);
    let mut named = Gradients::new();
    for name in bert.names() {
        if let Some(gradient) = bert.tensor(name).and_then(|tensor| gradients.get(tensor)) {
            named.insert(name.to_owned(), flat(gradient)?);
        }
    }
    if let Some(gradient) = gradients.get(&layer) {
        named.insert(LAYER.to_owned(), flat(gradient)?);
    }
    Ok((loss.to_scalar()?, named))
}

/// Shortens the gradient, taken as one vector, to [`LONGEST_GRADIENT`].
fn clip(gradients: &mut Gradients) {
    let squares: f32 =
        gradients.values().map(|part| part.iter().map(|slope| slope * slope).sum::<f32>()).sum();
    let length = squares.sqrt();
    if length > LONGEST_GRADIENT {
        let scale = LONGEST_GRADIENT / length;
        gradients.values_mut().for_each(|part| part.iter_mut().for_each(|slope| *slope *= scale));
    }
}

#[cfg(all(test, feature = "bundled"))]
mod tests {
    use super::*;
    use crate::encoder::{Backend, Encoder, parse_source};

    const TEXTS: [&str; 3] = ["disk # failed", "user # logged in from <ip> after # minutes", "ok"];

    fn files() -> EncoderFiles {
        EncoderFiles::open(&parse_source(None).unwrap()).unwrap()
    }

    fn tokens() -> Vec<Vec<u32>> {
        let encoder = Encoder::load(&parse_source(None).unwrap(), Backend::Candle).unwrap();
        TEXTS.iter().map(|text| encoder.tokens(text).unwrap()).collect()
    }

    #[test]
    fn what_is_differentiated_is_what_the_encoder_computes_padding_or_not() {
        let encoder = Encoder::load(&parse_source(None).unwrap(), Backend::Candle).unwrap();
        let expected = encoder.encode(&TEXTS).unwrap();
        let weights = Weights::read(&files()).unwrap();
        let tokens = tokens();
        let texts: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
        let pooled = weights.bert().unwrap().pooled(&texts).unwrap().to_vec2::<f32>().unwrap();
        for (vector, expected) in pooled.iter().zip(expected.chunks_exact(encoder.dimensions())) {
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            let cosine: f32 = vector.iter().zip(expected).map(|(a, b)| a / length * b).sum();
            assert!(cosine > 0.99999, "{cosine}");
        }
    }

    #[test]
    fn the_loss_falls_and_the_same_seed_gives_the_same_weights_on_any_number_of_threads() {
        let tokens = tokens();
        let samples: Vec<Sample> = (0..12)
            .map(|index| Sample {
                tokens: tokens[index % 3].clone(),
                severity: (index % 2 == 0).then_some(Severity::Error),
                class: u32::try_from(index % 3).unwrap(),
                weight: 1.0,
                share: 1.0,
            })
            .collect();
        let tuning = FineTuning { epochs: 3, learning_rate: 1e-4, seed: 7 };
        let tuned = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut losses = Vec::new();
            let weights = pool
                .install(|| fine_tune(&files(), &samples, 3, tuning, |_, loss| losses.push(loss)))
                .unwrap();
            (weights, losses)
        };
        let (weights, losses) = tuned(1);
        assert!(losses.last() < losses.first(), "{losses:?}");
        assert!(weights == tuned(2).0, "the weights differ");
    }
}
