//! What an encoder's `config.json` says, as far as the native kernels must know it.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::native::{BertConfig, NativeEncoder};

#[derive(Deserialize)]
struct File {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "default_epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "default_activation")]
    hidden_act: String,
    #[serde(default = "default_positions")]
    position_embedding_type: String,
    #[serde(default = "default_type")]
    model_type: String,
}

fn default_epsilon() -> f32 {
    1e-12
}

fn default_activation() -> String {
    "gelu".to_owned()
}

fn default_positions() -> String {
    "absolute".to_owned()
}

fn default_type() -> String {
    "bert".to_owned()
}

/// The model's shape, and why the native kernels cannot run it if they cannot.
///
/// # Errors
/// When the bytes are no BERT configuration.
pub fn read(json: &[u8]) -> Result<(BertConfig, Result<(), String>)> {
    let file: File = serde_json::from_slice(json).context("config.json: not a BERT configuration")?;
    let config = BertConfig {
        hidden_size: file.hidden_size,
        num_hidden_layers: file.num_hidden_layers,
        num_attention_heads: file.num_attention_heads,
        intermediate_size: file.intermediate_size,
        vocab_size: file.vocab_size,
        max_position_embeddings: file.max_position_embeddings,
        layer_norm_eps: file.layer_norm_eps,
    };
    let wanted = [
        ("model_type", &file.model_type, "bert"),
        ("hidden_act", &file.hidden_act, "gelu"),
        ("position_embedding_type", &file.position_embedding_type, "absolute"),
    ];
    let other = wanted.iter().find(|(_, value, expected)| value != expected);
    let native = match other {
        Some((key, value, expected)) => Err(format!("{key} is {value}, the native kernels do {expected}")),
        None => NativeEncoder::supports(&config),
    };
    Ok((config, native))
}
