//! Makes the f16 weights that logclass carries from the f32 weights as they were published.
//!
//!     cargo run --release --example halve_weights -- original/model.safetensors minilm/model.safetensors
//!
//! Every f32 tensor is rounded to the nearest f16; other tensors are left out, since the encoder needs none of
//! them. The result does not depend on the machine.

use anyhow::{Context, Result, bail};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, output] = arguments.as_slice() else { bail!("usage: halve_weights INPUT OUTPUT") };
    let bytes = std::fs::read(input).with_context(|| input.clone())?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(|| input.clone())?;
    let mut halved = BTreeMap::new();
    for (name, tensor) in tensors.tensors() {
        if tensor.dtype() == Dtype::F32 {
            let values = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let data: Vec<u8> = values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect();
            halved.insert(name, (tensor.shape().to_vec(), data));
        }
    }
    let views = halved
        .iter()
        .map(|(name, (shape, data))| Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), data)?)))
        .collect::<Result<Vec<_>>>()?;
    std::fs::write(output, safetensors::serialize(views, None)?).with_context(|| output.clone())
}
