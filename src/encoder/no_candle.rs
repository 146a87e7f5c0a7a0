//! Stands in for `candle` in a build without it: there is no such encoder.

use anyhow::Result;

use super::files::EncoderFiles;
use crate::error::usage;

/// None can be made.
pub enum CandleEncoder {}

impl CandleEncoder {
    /// Says which feature is missing.
    pub fn new(_files: &EncoderFiles) -> Result<Self> {
        Err(usage("the candle backend is not part of this build (cargo feature `candle`)"))
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        match *self {}
    }

    /// Layers, the embeddings not counted.
    pub fn layers(&self) -> usize {
        match *self {}
    }

    /// The unit vectors of a text.
    pub fn encode(&self, _ids: &[u32], _inner: &[usize]) -> Result<Vec<f32>> {
        match *self {}
    }
}
