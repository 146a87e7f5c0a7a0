//! The portable reference encoder: candle's BERT, one text at a time, f32.
//!
//! One text at a time because that makes a vector independent of its neighbours, and because candle's CPU kernels
//! gain nothing from padding. Its products run on rayon's pool.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertEncoder, BertModel, Config};

use super::files::EncoderFiles;

/// BERT with mean pooling and L2 norm.
pub struct CandleEncoder {
    /// The embeddings: a model without layers, since candle gives no other access to what goes into the first.
    embeddings: BertModel,
    /// Each layer as an encoder of its own, so that what comes out of it can be seen.
    layers: Vec<BertEncoder>,
    dimensions: usize,
}

impl CandleEncoder {
    /// Converts the weights to f32 and lays out the model.
    pub fn new(files: &EncoderFiles) -> Result<Self> {
        let config: Config =
            serde_json::from_slice(&files.config).context("config.json: not a BERT configuration")?;
        let weights = VarBuilder::from_slice_safetensors((*files.weights).as_ref(), DType::F32, &Device::Cpu)
            .context("model.safetensors: not a safetensors file")?;
        let no_bert = "model.safetensors: not the weights of a BERT encoder";
        let model_type = config.model_type.as_deref().unwrap_or("bert");
        let inside = ["bert", model_type]
            .into_iter()
            .find(|name| weights.contains_tensor(&format!("{name}.encoder.layer.0.output.dense.weight")));
        let weights = inside.map_or_else(|| weights.clone(), |name| weights.pp(name));
        let whole = BertEncoder::load(weights.pp("encoder"), &config).context(no_bert)?;
        let layers = whole.layers.iter().map(|layer| {
            let mut alone = whole.clone();
            alone.layers = vec![layer.clone()];
            alone
        });
        let layers = layers.collect();
        let config = Config { num_hidden_layers: 0, ..config };
        let embeddings = BertModel::load(weights, &config).context(no_bert)?;
        Ok(Self { embeddings, layers, dimensions: config.hidden_size })
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Layers, the embeddings not counted.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The unit vector of the text with these token ids, and behind it those of the `inner` layers' output.
    pub fn encode(&self, ids: &[u32], inner: &[usize]) -> Result<Vec<f32>> {
        let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        let mut hidden = self.embeddings.forward(&ids, &ids.zeros_like()?, None)?;
        // Added to the scores of attention: nothing is hidden from anything.
        let mask = Tensor::zeros((1, 1, 1, ids.dim(1)?), DType::F32, &Device::Cpu)?;
        let mut row = vec![0.0; (1 + inner.len()) * self.dimensions];
        let last = self.layers();
        let mut keep = |done: usize, hidden: &Tensor| -> Result<()> {
            // The first part is the last layer's, the others those of the inner ones.
            let wanted = std::iter::once(&last).chain(inner).enumerate();
            for (part, _) in wanted.filter(|(_, layer)| **layer == done) {
                row[part * self.dimensions..][..self.dimensions].copy_from_slice(&pooled(hidden)?);
            }
            Ok(())
        };
        keep(0, &hidden)?;
        for (layer, done) in self.layers.iter().zip(1..) {
            hidden = layer.forward(&hidden, &mask)?;
            keep(done, &hidden)?;
        }
        Ok(row)
    }
}

/// The mean over the tokens, scaled to length 1.
fn pooled(hidden: &Tensor) -> Result<Vec<f32>> {
    let mut mean = hidden.squeeze(0)?.mean(0)?.to_vec1::<f32>()?;
    // sentence-transformers divides by no less than 1e-12 (torch.nn.functional.normalize).
    let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    mean.iter_mut().for_each(|x| *x /= norm);
    Ok(mean)
}
