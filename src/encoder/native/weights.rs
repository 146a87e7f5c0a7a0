//! Tensors of a safetensors file, read where they lie.
//!
//! The file stays as it is (mapped, or inside the binary): a tensor is an offset and a shape, and a row becomes f32 when it is asked for.
//! Nothing is assumed about the alignment of the file's bytes.

use anyhow::{Context, Result, bail, ensure};
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensors};

/// Rows decoded at a time: a stack buffer that stays in the first-level cache.
const CHUNK: usize = 512;

/// Where a matrix lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    offset: usize,
    precision: Precision,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

#[derive(Clone, Copy, Debug)]
enum Precision {
    F16,
    Bf16,
    F32,
}

impl Tensor {
    /// Row `index` as f32 into `values` (as many as there are columns). `file` is the file the tensor was found in.
    pub(super) fn row(&self, file: &[u8], index: usize, values: &mut [f32]) {
        debug_assert!(index < self.rows);
        let size = match self.precision {
            Precision::F32 => 4,
            Precision::F16 | Precision::Bf16 => 2,
        };
        let start = self.offset + index * self.columns * size;
        let bytes = &file[start..start + self.columns * size];
        if size == 4 {
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            return;
        }
        let mut bits = [0u16; CHUNK];
        for (values, bytes) in values.chunks_mut(CHUNK).zip(bytes.chunks(2 * CHUNK)) {
            let bits = &mut bits[..values.len()];
            for (bits, bytes) in bits.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *bits = u16::from_le_bytes(*bytes);
            }
            match self.precision {
                Precision::Bf16 => bits.reinterpret_cast::<bf16>().convert_to_f32_slice(values),
                _ => bits.reinterpret_cast::<f16>().convert_to_f32_slice(values),
            }
        }
    }
}

/// The tensors of a BERT file by name.
pub(super) struct Weights<'a> {
    pub(super) file: &'a [u8],
    metadata: Metadata,
    data: usize,
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self> {
        // `deserialize` checks every offset against the file; `read_metadata` alone does not check its length.
        SafeTensors::deserialize(file).context("weights: not a whole safetensors file")?;
        let (header, metadata) = SafeTensors::read_metadata(file).context("weights: safetensors header")?;
        let prefix =
            if metadata.info("bert.embeddings.word_embeddings.weight").is_some() { "bert." } else { "" };
        Ok(Self { file, metadata, data: header + 8, prefix })
    }

    /// The tensor `name` of `rows` x `columns`; a vector is one row.
    pub(super) fn tensor(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let info = self.metadata.info(&name).with_context(|| format!("weights: no tensor `{name}`"))?;
        let shape_fits = match *info.shape.as_slice() {
            [length] => rows == 1 && length == columns,
            [height, width] => height == rows && width == columns,
            _ => false,
        };
        ensure!(
            shape_fits,
            "weights: `{name}` has shape {:?}, the configuration asks for {rows} x {columns}",
            info.shape
        );
        let precision = match info.dtype {
            Dtype::F16 => Precision::F16,
            Dtype::BF16 => Precision::Bf16,
            Dtype::F32 => Precision::F32,
            other => bail!("weights: `{name}` is {other:?}, not f16, bf16 or f32"),
        };
        Ok(Tensor { offset: self.data + info.data_offsets.0, precision, rows, columns })
    }

    /// The vector `name` as f32.
    pub(super) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let mut values = vec![0.0; length];
        self.tensor(name, 1, length)?.row(self.file, 0, &mut values);
        Ok(values)
    }
}
