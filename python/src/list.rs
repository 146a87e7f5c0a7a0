//! A column of Python objects.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFloat, PyString};

/// Texts, one behind the other, so that they are there while Python is let go.
#[derive(Default)]
pub struct Texts {
    data: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// The values of a sequence of `str`, `bytes` and what stands for a missing value, which becomes empty.
    pub fn of(values: &Bound<'_, PyAny>, what: &str) -> PyResult<Self> {
        let mut texts = Self::default();
        for (row, value) in values.try_iter()?.enumerate() {
            let value = value?;
            if let Ok(text) = value.cast::<PyString>() {
                // Half of a surrogate pair, which Python allows in a text, stands for an unreadable character.
                texts.data.extend_from_slice(text.to_string_lossy().as_bytes());
            } else if let Ok(bytes) = value.cast::<PyBytes>() {
                texts.data.extend_from_slice(bytes.as_bytes());
            } else if let Ok(bytes) = value.cast::<PyByteArray>() {
                texts.data.extend_from_slice(&bytes.to_vec());
            } else if !is_missing(&value)? {
                let kind = value.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "{what} {row}: expected str, bytes or None, got {kind}"
                )));
            }
            texts.ends.push(texts.data.len());
        }
        Ok(texts)
    }

    /// The texts.
    pub fn slices(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.data[start..end]).collect()
    }
}

/// Whether `value` stands for one that is missing: `None`, NaN, `pandas.NA`, `pandas.NaT`.
fn is_missing(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_none() {
        return Ok(true);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value().is_nan());
    }
    let kind = value.get_type().name()?;
    Ok(kind == "NAType" || kind == "NaTType")
}
