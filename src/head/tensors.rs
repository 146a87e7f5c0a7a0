//! Tensors of a model file, each checked as it is read.

use anyhow::{Context, Result, bail};
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::tensor::{Dtype, SafeTensors};

/// An f32 or f16 tensor of this shape, as f32. All values must be finite.
pub(super) fn floats(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let tensor = tensors.tensor(name).with_context(|| format!("damaged model file: no {name}"))?;
    if tensor.dtype() == Dtype::F16 {
        let halves = halves(tensors, name, shape)?;
        let mut values = vec![0.0; halves.len()];
        halves.convert_to_f32_slice(&mut values);
        return Ok(values);
    }
    check_shape(name, tensor.shape(), shape)?;
    if tensor.dtype() != Dtype::F32 {
        bail!("damaged model file: {name} is {:?}", tensor.dtype());
    }
    let values: Vec<f32> =
        tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    check_finite(name, values.iter().all(|value| value.is_finite()))?;
    Ok(values)
}

/// An f16 tensor of this shape, or an f32 one rounded to it. All values must be finite.
pub(super) fn halves(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f16>> {
    let tensor = tensors.tensor(name).with_context(|| format!("damaged model file: no {name}"))?;
    check_shape(name, tensor.shape(), shape)?;
    let values: Vec<f16> = match tensor.dtype() {
        Dtype::F16 => tensor.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect(),
        Dtype::F32 => floats(tensors, name, shape)?.into_iter().map(f16::from_f32).collect(),
        other => bail!("damaged model file: {name} is {other:?}"),
    };
    check_finite(name, values.iter().all(|value| value.is_finite()))?;
    Ok(values)
}

/// The numbers of a tensor of this type.
pub(super) fn integers<T, const N: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let tensor = tensors.tensor(name).with_context(|| format!("damaged model file: no {name}"))?;
    if tensor.dtype() != dtype {
        bail!("damaged model file: {name} is {:?}", tensor.dtype());
    }
    Ok(tensor.data().chunks_exact(N).map(|bytes| read(bytes.try_into().expect("N bytes"))).collect())
}

fn check_shape(name: &str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found != expected {
        bail!("damaged model file: {name} has shape {found:?}, expected {expected:?}");
    }
    Ok(())
}

fn check_finite(name: &str, finite: bool) -> Result<()> {
    if !finite {
        bail!("damaged model file: {name} holds values that are no numbers");
    }
    Ok(())
}
