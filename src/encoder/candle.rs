//! The portable reference encoder: candle's BERT, one text at a time, f32.
//!
//! One text at a time because that makes a vector independent of its neighbours, and because candle's CPU kernels
//! gain nothing from padding. Its products run on rayon's pool.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};

use super::files::EncoderFiles;

/// BERT with mean pooling and L2 norm.
pub struct CandleEncoder {
    model: BertModel,
    dimensions: usize,
}

impl CandleEncoder {
    /// Converts the weights to f32 and lays out the model.
    pub fn new(files: &EncoderFiles) -> Result<Self> {
        let config: Config =
            serde_json::from_slice(&files.config).context("config.json: not a BERT configuration")?;
        let weights = VarBuilder::from_slice_safetensors((*files.weights).as_ref(), DType::F32, &Device::Cpu)
            .context("model.safetensors: not a safetensors file")?;
        let model = BertModel::load(weights, &config)
            .context("model.safetensors: not the weights of a BERT encoder")?;
        Ok(Self { model, dimensions: config.hidden_size })
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The unit vector of the text with these token ids.
    pub fn encode(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, None)?;
        let mut mean = hidden.squeeze(0)?.mean(0)?.to_vec1::<f32>()?;
        // sentence-transformers divides by no less than 1e-12 (torch.nn.functional.normalize).
        let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        mean.iter_mut().for_each(|x| *x /= norm);
        Ok(mean)
    }
}
