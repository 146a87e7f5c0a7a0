//! The weights of a BERT encoder as the kernels of one instruction set read them.

use anyhow::Result;

use super::config::BertConfig;
use super::normalize::Norm;
use super::packed::{Pack, Packed};
use super::simd::Simd;
use super::weights::{Tensor, Weights};

/// A dense layer: packed weights and bias.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) weights: Packed,
    pub(super) bias: Vec<f32>,
}

/// One of the encoder's layers.
#[derive(Debug)]
pub(super) struct Layer {
    /// Queries, keys and values, side by side.
    pub(super) projection: Dense,
    pub(super) attention_output: Dense,
    pub(super) attention_norm: Norm,
    pub(super) expansion: Dense,
    pub(super) contraction: Dense,
    pub(super) output_norm: Norm,
}

/// Where the embeddings lie in the file.
#[derive(Debug)]
pub(super) struct Embeddings {
    pub(super) words: Tensor,
    pub(super) positions: Tensor,
    pub(super) types: Tensor,
    pub(super) norm: Norm,
}

/// A whole encoder.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) embeddings: Embeddings,
    pub(super) layers: Vec<Layer>,
    pub(super) heads: usize,
    pub(super) head_size: usize,
}

impl Model {
    pub(super) fn load<S: Simd>(simd: S, weights: &Weights, config: &BertConfig) -> Result<Self> {
        let hidden = config.hidden_size;
        let embeddings = Embeddings {
            words: weights.tensor("embeddings.word_embeddings.weight", config.vocab_size, hidden)?,
            positions: weights.tensor(
                "embeddings.position_embeddings.weight",
                config.max_position_embeddings,
                hidden,
            )?,
            types: weights.tensor("embeddings.token_type_embeddings.weight", 2, hidden)?,
            norm: norm(weights, config, "embeddings")?,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| layer(simd, weights, config, &format!("encoder.layer.{index}")))
            .collect::<Result<_>>()?;
        Ok(Self { embeddings, layers, heads: config.num_attention_heads, head_size: config.head_size() })
    }
}

fn layer<S: Simd>(simd: S, weights: &Weights, config: &BertConfig, name: &str) -> Result<Layer> {
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    #[allow(clippy::cast_precision_loss, reason = "heads are small")]
    let query_factor = std::f32::consts::LOG2_E / (config.head_size() as f32).sqrt();
    let dense = |names: &[(&str, f32)], outputs, inputs| dense(simd, weights, name, names, outputs, inputs);
    Ok(Layer {
        projection: dense(
            &[
                ("attention.self.query", query_factor),
                ("attention.self.key", 1.0),
                ("attention.self.value", 1.0),
            ],
            hidden,
            hidden,
        )?,
        attention_output: dense(&[("attention.output.dense", 1.0)], hidden, hidden)?,
        attention_norm: norm(weights, config, &format!("{name}.attention.output"))?,
        expansion: dense(&[("intermediate.dense", 1.0)], intermediate, hidden)?,
        contraction: dense(&[("output.dense", 1.0)], hidden, intermediate)?,
        output_norm: norm(weights, config, &format!("{name}.output"))?,
    })
}

/// The dense layers `names` of a layer, each with a factor, as one.
fn dense<S: Simd>(
    simd: S,
    weights: &Weights,
    layer: &str,
    names: &[(&str, f32)],
    outputs: usize,
    inputs: usize,
) -> Result<Dense> {
    let mut parts = Vec::with_capacity(names.len());
    let mut bias = Vec::with_capacity(names.len() * outputs);
    for &(name, factor) in names {
        parts.push((weights.tensor(&format!("{layer}.{name}.weight"), outputs, inputs)?, factor));
        let values = weights.vector(&format!("{layer}.{name}.bias"), outputs)?;
        bias.extend(values.into_iter().map(|value| value * factor));
    }
    let file = weights.file;
    Ok(Dense { weights: simd.run(Pack { file, parts: &parts }), bias })
}

fn norm(weights: &Weights, config: &BertConfig, name: &str) -> Result<Norm> {
    Ok(Norm {
        scale: weights.vector(&format!("{name}.LayerNorm.weight"), config.hidden_size)?,
        shift: weights.vector(&format!("{name}.LayerNorm.bias"), config.hidden_size)?,
        epsilon: config.layer_norm_eps,
    })
}
