//! The encoder: from a template to a unit vector.
//!
//! [`Encoder`] is the one interface. Behind it are the files of a BERT-family sentence encoder ([`files`]), a
//! tokenizer (`tokenize`: our own `WordPiece` for BERT vocabularies, or the `tokenizers` crate) and a backend
//! that computes: [`native`], our own CPU kernels, or `candle`, the portable reference for every BERT. `candle` and
//! `tokenizers` are a cargo feature: the bundled encoder needs neither.

#[cfg(feature = "candle")]
mod candle;
#[cfg(not(feature = "candle"))]
#[path = "no_candle.rs"]
mod candle;
pub mod files;
pub mod native;
mod shape;
mod tokenize;
pub mod wordpiece;

use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::environment;
use crate::error::usage;
use files::EncoderFiles;
pub use files::{EncoderIdentity, EncoderSource};
use native::{Instructions, NativeEncoder};

/// Tokens the encoder reads of a text, `[CLS]` and `[SEP]` included; what lies beyond is cut.
pub const MAX_TOKENS: usize = 256;

/// What computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// The native kernels where they take the encoder's shape, else candle
    #[default]
    Auto,
    /// Our own kernels, with the best instructions the processor has
    Native,
    /// The portable reference
    Candle,
}

impl Backend {
    /// The word that `--backend` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Candle => "candle",
        }
    }
}

/// Environment variable that forces the instructions of the native kernels, to compare them:
/// `amx-bf16`, `avx512-bf16`, `avx512`, `avx2` or `portable`.
pub const INSTRUCTIONS_VARIABLE: &str = "LOGCLASS_INSTRUCTIONS";

/// A loaded encoder. It can be shared by threads.
pub struct Encoder {
    identity: EncoderIdentity,
    tokenizer: tokenize::Tokenizer,
    compute: Compute,
    vocabulary: usize,
    max_tokens: usize,
}

enum Compute {
    Native { encoder: NativeEncoder, scratch: Mutex<Vec<native::Scratch>> },
    Candle(candle::CandleEncoder),
}

impl fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encoder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Loads the encoder that `source` names.
    ///
    /// # Errors
    /// When a file is missing, unreadable, or no BERT-family encoder, or `backend` cannot run it.
    pub fn load(source: &EncoderSource, backend: Backend) -> Result<Self> {
        Self::load_with(source, backend, None)
    }

    fn load_with(
        source: &EncoderSource,
        backend: Backend,
        instructions: Option<Instructions>,
    ) -> Result<Self> {
        let files = EncoderFiles::open(source)?;
        let context = || format!("encoder {}", files.identity.name);
        let tokenizer = tokenize::Tokenizer::from_json(&files.tokenizer)
            .context("tokenizer.json")
            .with_context(context)?;
        let (config, native) = shape::read(&files.config).with_context(context)?;
        let compute = Compute::new(&files, &config, native, backend, instructions).with_context(context)?;
        let max_tokens = MAX_TOKENS.min(config.max_position_embeddings);
        Ok(Self { identity: files.identity, tokenizer, compute, vocabulary: config.vocab_size, max_tokens })
    }

    /// Loads the encoder that `source` names on the native kernels with these instructions, to compare them.
    ///
    /// # Errors
    /// Those of [`Encoder::load`], and when the processor lacks the instructions.
    pub fn native(source: &EncoderSource, instructions: Instructions) -> Result<Self> {
        Self::load_with(source, Backend::Native, Some(instructions))
    }

    /// Name and hash of the weights.
    pub fn identity(&self) -> &EncoderIdentity {
        &self.identity
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        match &self.compute {
            Compute::Native { encoder, .. } => encoder.dimensions(),
            Compute::Candle(encoder) => encoder.dimensions(),
        }
    }

    /// The layers whose output a head sees beside the sentence vector: those two thirds and one third of the
    /// way up.
    ///
    /// The last layer knows what a sentence means and forgets how it was said; the lower ones keep more of
    /// the words, and unlike n-grams know words that training did not have. `ARCHITECTURE.md` has the
    /// figures.
    pub fn inner_layers(&self) -> Vec<usize> {
        let mut layers = vec![2 * self.layers() / 3, self.layers() / 3];
        layers.dedup();
        layers
    }

    fn layers(&self) -> usize {
        match &self.compute {
            Compute::Native { encoder, .. } => encoder.layers(),
            Compute::Candle(encoder) => encoder.layers(),
        }
    }

    /// One unit vector per text, row after row (`texts.len()` x [`Encoder::dimensions`]), computed on the
    /// calling thread. The vector of a text does not depend on the others.
    ///
    /// # Errors
    /// When the tokenizer or the backend fails, which on a CPU means that memory ran out.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<f32>> {
        self.encode_with(texts, &[])
    }

    /// The token ids of a text as the encoder reads it, special ones included.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        self.tokenizer.encode_into(text, self.max_tokens, &mut tokens)?;
        Ok(tokens)
    }

    /// As [`Encoder::encode`], but each row goes on with the pooled unit vectors of the `inner` layers, in
    /// their order: a row is `1 + inner.len()` times [`Encoder::dimensions`] long.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`], and when a layer is not there.
    pub fn encode_with(&self, texts: &[&str], inner: &[usize]) -> Result<Vec<f32>> {
        if let Some(layer) = inner.iter().find(|&&layer| layer > self.layers()) {
            bail!("encoder {}: there is no layer {layer}, it has {}", self.identity.name, self.layers());
        }
        let mut tokens = Vec::with_capacity(texts.len() * 32);
        let mut ends = Vec::with_capacity(texts.len());
        for text in texts {
            self.tokenizer.encode_into(text, self.max_tokens, &mut tokens)?;
            ends.push(tokens.len());
        }
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.vocabulary) {
            bail!(
                "encoder {}: its tokenizer gives token {token}, its weights have {}",
                self.identity.name,
                self.vocabulary
            );
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ids: Vec<&[u32]> = starts.zip(&ends).map(|(start, &end)| &tokens[start..end]).collect();
        match &self.compute {
            Compute::Candle(encoder) => {
                let rows = ids.iter().map(|ids| encoder.encode(ids, inner)).collect::<Result<Vec<_>>>()?;
                Ok(rows.concat())
            }
            Compute::Native { encoder, scratch } => {
                let spare = scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut space = spare.unwrap_or_default();
                let width = (1 + inner.len()) * encoder.dimensions();
                let mut vectors = vec![0.0; ids.len() * width];
                let mut done = 0;
                while done < ids.len() {
                    let batch = next_batch(&ids[done..]);
                    let rows = done * width..(done + batch.len()) * width;
                    encoder.encode(batch, inner, &mut space, &mut vectors[rows]);
                    done += batch.len();
                }
                scratch.lock().unwrap_or_else(PoisonError::into_inner).push(space);
                Ok(vectors)
            }
        }
    }
}

/// As many of `ids` as make a batch that stays in the cache; one at the least.
fn next_batch<'a, 'b>(ids: &'a [&'b [u32]]) -> &'a [&'b [u32]] {
    let mut tokens = 0;
    let fitting = ids.iter().take_while(|ids| {
        tokens += ids.len();
        tokens <= native::PREFERRED_TOKENS
    });
    &ids[..fitting.count().max(1)]
}

impl Compute {
    fn new(
        files: &EncoderFiles,
        config: &native::BertConfig,
        native: Result<(), String>,
        backend: Backend,
        instructions: Option<Instructions>,
    ) -> Result<Self> {
        if backend != Backend::Candle {
            match native {
                Ok(()) => {
                    let instructions = instructions.map_or_else(wanted_instructions, Ok)?;
                    let encoder = NativeEncoder::new(Arc::clone(&files.weights), config, instructions)?;
                    return Ok(Self::Native { encoder, scratch: Mutex::default() });
                }
                Err(reason) if backend == Backend::Native => {
                    return Err(usage(format!("--backend native: {reason}; use --backend candle")));
                }
                Err(reason) if !cfg!(feature = "candle") => {
                    return Err(usage(format!(
                        "{reason}; such an encoder needs a build with the cargo feature `candle`"
                    )));
                }
                Err(_) => {}
            }
        }
        Ok(Self::Candle(candle::CandleEncoder::new(files)?))
    }
}

/// The best instructions there are, or those that the environment asks for.
fn wanted_instructions() -> Result<Instructions> {
    match environment::value(INSTRUCTIONS_VARIABLE)? {
        Some(name) => name.parse().map_err(|error| {
            crate::error::UsageError(format!(
                "the environment variable {INSTRUCTIONS_VARIABLE}={name}: {error}"
            ))
            .into()
        }),
        None => Ok(Instructions::best()),
    }
}

/// An encoder that is loaded when it is first needed: a run that rules settle never pays for it.
#[derive(Debug)]
pub struct LazyEncoder {
    source: EncoderSource,
    backend: Backend,
    loaded: OnceLock<Encoder>,
}

impl LazyEncoder {
    /// An encoder to be loaded from `source`, to run on `backend`.
    pub fn new(source: EncoderSource, backend: Backend) -> Self {
        Self { source, backend, loaded: OnceLock::new() }
    }

    /// The encoder, loaded now if it was not yet.
    ///
    /// # Errors
    /// Those of [`Encoder::load`].
    pub fn get(&self) -> Result<&Encoder> {
        if self.loaded.get().is_none() {
            // Two threads may both load; the first one's stays.
            let _ = self.loaded.set(Encoder::load(&self.source, self.backend)?);
        }
        Ok(self.loaded.get().expect("set above"))
    }

    /// Looks at the environment's choice of instructions, without loading anything. It is not asked where candle
    /// computes.
    ///
    /// # Errors
    /// When it names no instructions.
    pub fn check(&self) -> Result<()> {
        if self.backend == Backend::Candle {
            return Ok(());
        }
        wanted_instructions().map(drop)
    }

    /// What it runs on.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether the encoder was needed so far.
    pub fn is_loaded(&self) -> bool {
        self.loaded.get().is_some()
    }

    /// The identity, without loading more than is needed to tell it.
    ///
    /// # Errors
    /// When the encoder's files cannot be read.
    pub fn identity(&self) -> Result<EncoderIdentity> {
        match self.loaded.get() {
            Some(encoder) => Ok(encoder.identity().clone()),
            None => files::identity_of(&self.source),
        }
    }
}

/// `DIR` or `hf:ORG/NAME[@REVISION]`, as `--encoder` takes it; nothing means the bundled one.
///
/// # Errors
/// When the text names neither a folder nor a hub repository.
pub fn parse_source(text: Option<&str>) -> Result<EncoderSource> {
    let Some(text) = text else { return files::bundled_source() };
    if let Some(repository) = text.strip_prefix("hf:") {
        let (name, revision) = repository.split_once('@').unwrap_or((repository, "main"));
        if name.split('/').filter(|part| !part.is_empty()).count() != 2 || revision.is_empty() {
            return Err(usage(format!("--encoder {text}: expected hf:ORG/NAME or hf:ORG/NAME@REVISION")));
        }
        return Ok(EncoderSource::Hub { name: name.to_owned(), revision: revision.to_owned() });
    }
    Ok(EncoderSource::Folder(Path::new(text).to_owned()))
}
