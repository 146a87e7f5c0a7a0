//! BERT as a function that can be differentiated: candle's own model uses fused kernels that have no gradient.
//!
//! The computation is that of `encoder::candle` and the native kernels (post-norm layers, exact GELU, mean pooling); a test
//! holds the two against each other. Several texts are padded to one length, and padding is hidden from attention and mean.

use anyhow::{Context, Result, bail};
use candle_core::{D, DType, Device, Tensor, Var};
use candle_transformers::models::bert::{Config, HiddenAct};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;

use crate::encoder::files::EncoderFiles;

/// Weights by name, as the file has them, in f32. They live outside of candle, so that an optimiser can change them in place.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Shape and values of each tensor.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// Those that no step changes, as candle takes them.
    frozen: BTreeMap<String, Tensor>,
    heads: usize,
    layers: usize,
    epsilon: f64,
    prefix: String,
}

/// Names that end in these stay as they are: tokens that training never met keep their place beside those that it did.
const FROZEN: [&str; 3] =
    ["word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight"];

impl Weights {
    /// Reads the weights of an encoder.
    ///
    /// # Errors
    /// When they are not those of a BERT with GELU.
    pub fn read(files: &EncoderFiles) -> Result<Self> {
        let config: Config =
            serde_json::from_slice(&files.config).context("config.json: not a BERT configuration")?;
        if config.hidden_act != HiddenAct::Gelu {
            bail!("config.json: only encoders with the activation \"gelu\" can be fine-tuned");
        }
        let bytes = (*files.weights).as_ref();
        let file = SafeTensors::deserialize(bytes).context("model.safetensors: not a safetensors file")?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let tensor = match view.dtype() {
                Dtype::F16 | Dtype::F32 | Dtype::BF16 => {
                    let dtype = DType::try_from(view.dtype())?;
                    Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?
                }
                _ => continue, // position ids and the like
            };
            if name.contains("pooler.") {
                continue;
            }
            let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            tensors.insert(name, (view.shape().to_vec(), values));
        }
        let suffix = "embeddings.word_embeddings.weight";
        let prefix = tensors.keys().find_map(|name| name.strip_suffix(suffix)).map(str::to_owned);
        let prefix = prefix.context("model.safetensors: not the weights of a BERT encoder")?;
        let frozen = tensors
            .iter()
            .filter(|(name, _)| !Self::is_trained(name))
            .map(|(name, (shape, values)): (&String, &(Vec<usize>, Vec<f32>))| {
                Ok((name.clone(), Tensor::from_slice(values, shape.as_slice(), &Device::Cpu)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            tensors,
            frozen,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            epsilon: config.layer_norm_eps,
            prefix,
        })
    }

    /// The weights as a safetensors file of f16, names as they were read.
    ///
    /// # Errors
    /// Never in practice: shapes are those that were read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let halves: BTreeMap<&str, (&Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| {
                let bytes =
                    values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect();
                (name.as_str(), (shape, bytes))
            })
            .collect();
        let views = halves
            .iter()
            .map(|(name, (shape, data))| Ok((*name, TensorView::new(Dtype::F16, (*shape).clone(), data)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(safetensors::serialize(views, None)?)
    }

    /// Whether training changes the tensor of this name.
    pub fn is_trained(name: &str) -> bool {
        !FROZEN.iter().any(|frozen| name.ends_with(frozen))
    }

    /// The weights as variables for one step.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn bert(&self) -> Result<Bert<'_>> {
        let mut tensors = BTreeMap::new();
        for (name, (shape, values)) in &self.tensors {
            let tensor = match self.frozen.get(name) {
                Some(frozen) => frozen.clone(),
                None => Var::from_slice(values, shape.as_slice(), &Device::Cpu)?.into_inner(),
            };
            tensors.insert(name.as_str(), tensor);
        }
        Ok(Bert { weights: self, tensors })
    }
}

/// Weights that record what is computed from them.
pub struct Bert<'a> {
    weights: &'a Weights,
    tensors: BTreeMap<&'a str, Tensor>,
}

impl Bert<'_> {
    /// The variable of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Names of all trained tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().copied().filter(|name| Weights::is_trained(name))
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        let name = format!("{}{name}", self.weights.prefix);
        self.tensors.get(name.as_str()).with_context(|| format!("model.safetensors: no tensor {name}"))
    }

    fn linear(&self, input: &Tensor, name: &str) -> Result<Tensor> {
        let weight = self.get(&format!("{name}.weight"))?;
        let (batch, tokens, width) = input.dims3()?;
        let flat = input.reshape((batch * tokens, width))?.matmul(&weight.t()?)?;
        let flat = flat.broadcast_add(self.get(&format!("{name}.bias"))?)?;
        Ok(flat.reshape((batch, tokens, weight.dim(0)?))?)
    }

    fn norm(&self, input: &Tensor, name: &str) -> Result<Tensor> {
        let centred = input.broadcast_sub(&input.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let scaled = centred.broadcast_div(&(variance + self.weights.epsilon)?.sqrt()?)?;
        let scaled = scaled.broadcast_mul(self.get(&format!("{name}.weight"))?)?;
        Ok(scaled.broadcast_add(self.get(&format!("{name}.bias"))?)?)
    }

    fn attention(&self, input: &Tensor, hidden: &Tensor, layer: &str) -> Result<Tensor> {
        let (batch, tokens, width) = input.dims3()?;
        let heads = self.weights.heads;
        let part = |name: &str| -> Result<Tensor> {
            let all = self.linear(input, &format!("{layer}.attention.self.{name}"))?;
            Ok(all.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous()?)
        };
        let (query, key, value) = (part("query")?, part("key")?, part("value")?);
        #[allow(clippy::cast_precision_loss)] // tens
        let scale = 1.0 / ((width / heads) as f64).sqrt();
        let scores = (query.matmul(&key.transpose(2, 3)?.contiguous()?)? * scale)?.broadcast_add(hidden)?;
        let seen = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&value)?;
        Ok(seen.transpose(1, 2)?.contiguous()?.reshape((batch, tokens, width))?)
    }

    /// The mean over the tokens of the last layer's output, a row per text: `batch` x `hidden size`, of any length.
    ///
    /// # Errors
    /// When a weight is missing or memory runs out.
    pub fn pooled(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let tokens = texts.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
        let batch = texts.len();
        let mut ids = vec![0_u32; batch * tokens];
        let mut there = vec![0.0_f32; batch * tokens];
        for (row, text) in texts.iter().enumerate() {
            ids[row * tokens..][..text.len()].copy_from_slice(text);
            there[row * tokens..][..text.len()].fill(1.0);
        }
        let ids = Tensor::from_vec(ids, batch * tokens, &Device::Cpu)?;
        let there = Tensor::from_vec(there, (batch, tokens), &Device::Cpu)?;
        // Added to the scores of attention: 0 where a token is, far below any score where it is padding.
        let hidden = ((&there - 1.0)? * 1e4)?.reshape((batch, 1, 1, tokens))?;
        let words = self.get("embeddings.word_embeddings.weight")?.index_select(&ids, 0)?;
        let width = words.dim(1)?;
        let places = self.get("embeddings.position_embeddings.weight")?.narrow(0, 0, tokens)?;
        let kinds = self.get("embeddings.token_type_embeddings.weight")?.narrow(0, 0, 1)?;
        let sum = words.reshape((batch, tokens, width))?.broadcast_add(&places)?.broadcast_add(&kinds)?;
        let mut state = self.norm(&sum, "embeddings.LayerNorm")?;
        for layer in 0..self.weights.layers {
            let name = format!("encoder.layer.{layer}");
            let seen = self.attention(&state, &hidden, &name)?;
            let seen = self.linear(&seen, &format!("{name}.attention.output.dense"))?;
            state = self.norm(&(seen + &state)?, &format!("{name}.attention.output.LayerNorm"))?;
            let inner = self.linear(&state, &format!("{name}.intermediate.dense"))?.gelu_erf()?;
            let inner = self.linear(&inner, &format!("{name}.output.dense"))?;
            state = self.norm(&(inner + &state)?, &format!("{name}.output.LayerNorm"))?;
        }
        let there = there.unsqueeze(2)?;
        let sums = state.broadcast_mul(&there)?.sum(1)?;
        Ok(sums.broadcast_div(&there.sum(1)?)?)
    }
}
