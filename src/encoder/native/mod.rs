//! Our own encoder for BERT models on the CPU: message tokens in, unit vectors out.
//!
//! It exists because it is several times faster than the portable encoder: weights packed once for the
//! instructions at hand, no padding between messages, what follows a product done while its sums are in
//! registers, and one thread a batch. The parts:
//!
//! - `forward`: the pass of a batch, top to bottom, on the buffers of a [`Scratch`];
//! - `multiply` with `epilogue` and `gelu`, `attention` with `exponential`, `normalize`: the kernels, each
//!   written once over `simd`, the vector operations, which `amx`, `avx512`, `avx2` and `portable` provide;
//! - `model`, `packed` and `weights`: from the bytes of a safetensors file to what the kernels read.
//!
//! All `unsafe` code of the program is here, nearly all of it in `amx`, `avx512` and `avx2`.

#![allow(unsafe_code, reason = "intrinsics; each use says why it is sound")]
#![allow(clippy::inline_always, reason = "a kernel gets the instructions of the function it is inlined into")]

mod aligned;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod config;
mod epilogue;
mod exponential;
mod forward;
mod gelu;
mod instructions;
mod model;
mod multiply;
mod normalize;
mod packed;
mod portable;
mod simd;
mod weights;

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use amx::Amx;
#[cfg(target_arch = "x86_64")]
use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use avx512::Avx512;
pub use config::BertConfig;
pub use forward::Scratch;
pub use instructions::Instructions;
use model::Model;
use portable::Portable;
use weights::Weights;

/// Tokens of a batch that keep the activations in the second-level cache: fill batches up to it.
pub const PREFERRED_TOKENS: usize = 192;

/// Columns that the widest panel of weights has; every matrix must have a multiple of them.
const COLUMNS: usize = 64;
/// Head sizes are multiples of it.
const HEAD_COLUMNS: usize = 32;

/// What a path keeps: the proof that the processor has its instructions.
#[derive(Clone, Copy, Debug)]
enum Path {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx(Amx),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(Avx512<true>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<false>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

impl Path {
    fn new(instructions: Instructions) -> Option<Self> {
        match instructions {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Instructions::Amx => Amx::detect().map(Self::Amx),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Bf16 => Avx512::detect().map(Self::Avx512Bf16),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => Avx512::detect().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => Avx2::detect().map(Self::Avx2),
            Instructions::Portable => Some(Self::Portable(Portable)),
            #[allow(unreachable_patterns, reason = "where all of them are written for")]
            _ => None,
        }
    }
}

/// Runs an expression with the vector type of a path.
macro_rules! with_path {
    ($path:expr, $simd:ident => $expression:expr) => {
        match $path {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Path::Amx($simd) => $expression,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Bf16($simd) => $expression,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512($simd) => $expression,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2($simd) => $expression,
            Path::Portable($simd) => $expression,
        }
    };
}

#[cfg(test)]
mod tests;

/// A BERT encoder with mean pooling: the vector of a message is the mean of its tokens' vectors, scaled to
/// length 1.
///
/// It is shared by all workers; what changes while encoding is in each worker's [`Scratch`].
pub struct NativeEncoder {
    file: Arc<dyn AsRef<[u8]> + Send + Sync>,
    config: BertConfig,
    model: Model,
    path: Path,
}

impl NativeEncoder {
    /// The encoder whose weights `file` holds: a whole safetensors file of f16, bf16 or f32 tensors, named as
    /// in BERT, with or without `bert.` before the names.
    ///
    /// The file is kept: embeddings are looked up in it. The other weights are packed for `instructions`.
    ///
    /// # Errors
    ///
    /// If the processor lacks `instructions`, the shape is not one of those the kernels take, or the file
    /// does not fit the shape.
    pub fn new(
        file: Arc<dyn AsRef<[u8]> + Send + Sync>,
        config: &BertConfig,
        instructions: Instructions,
    ) -> Result<Self> {
        Self::supports(config).map_err(|reason| anyhow!("no native encoder for this model: {reason}"))?;
        let path = Path::new(instructions).ok_or_else(|| {
            let available: Vec<_> = Instructions::available().iter().map(ToString::to_string).collect();
            anyhow!("this processor has no {instructions} (it has {})", available.join(", "))
        })?;
        let bytes = (*file).as_ref();
        let weights = Weights::read(bytes)?;
        let model = with_path!(path, simd => Model::load(simd, &weights, config)?);
        ensure!(!model.layers.is_empty(), "weights: no layers");
        Ok(Self { file, config: *config, model, path })
    }

    /// Whether the kernels take a model of this shape.
    ///
    /// # Errors
    ///
    /// The reason if they do not.
    pub fn supports(config: &BertConfig) -> Result<(), String> {
        let BertConfig { hidden_size, num_attention_heads, intermediate_size, .. } = *config;
        if hidden_size == 0 || !hidden_size.is_multiple_of(COLUMNS) {
            return Err(format!("hidden_size is {hidden_size}, not a multiple of {COLUMNS}"));
        }
        if intermediate_size == 0 || !intermediate_size.is_multiple_of(COLUMNS) {
            return Err(format!("intermediate_size is {intermediate_size}, not a multiple of {COLUMNS}"));
        }
        if num_attention_heads == 0 || !hidden_size.is_multiple_of(num_attention_heads * HEAD_COLUMNS) {
            return Err(format!(
                "{hidden_size} columns in {num_attention_heads} heads are not a multiple of {HEAD_COLUMNS} \
                 a head"
            ));
        }
        if config.num_hidden_layers == 0 || config.vocab_size == 0 || config.max_position_embeddings == 0 {
            return Err("a model without layers, vocabulary or positions".to_owned());
        }
        Ok(())
    }

    /// Values in a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.config.hidden_size
    }

    /// Tokens in the longest message.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Layers, the embeddings not counted.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.config.num_hidden_layers
    }

    /// Unit vectors of `batch` into the rows of `vectors`. A row is the mean of the last layer's output and
    /// behind it, where `inner` names layers, the mean of each one's output, all scaled to length 1; layer 0
    /// is what goes into the first.
    ///
    /// A message is its token ids with CLS and SEP. Its vector is bit for bit the same in any batch; that of
    /// an empty message is zero.
    ///
    /// # Panics
    ///
    /// If `vectors` is not `batch.len()` times `1 + inner.len()` times [`Self::dimensions`] long, `inner`
    /// names a layer that is not there, a message has more tokens than [`Self::max_tokens`], or a token is
    /// not in the vocabulary.
    pub fn encode(&self, batch: &[&[u32]], inner: &[usize], scratch: &mut Scratch, vectors: &mut [f32]) {
        assert_eq!(
            vectors.len(),
            batch.len() * (1 + inner.len()) * self.dimensions(),
            "room for one vector a message and layer"
        );
        assert!(inner.iter().all(|&layer| layer <= self.layers()), "a layer that is not there");
        for message in batch {
            assert!(
                message.len() <= self.max_tokens(),
                "a message of {} tokens, {} at most",
                message.len(),
                self.max_tokens()
            );
            assert!(
                message.iter().all(|&token| (token as usize) < self.config.vocab_size),
                "a token outside the vocabulary"
            );
        }
        let file = (*self.file).as_ref();
        with_path!(self.path, simd => forward::forward(simd, &self.model, file, batch, inner, scratch, vectors));
    }
}
