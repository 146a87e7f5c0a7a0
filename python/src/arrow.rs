//! Columns of Arrow arrays, read where they lie, and the columns that are added to them.

use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{Array, ArrayRef, Float32Array, GenericByteArray, RecordBatch, StringArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use logclass::pipeline::EXPLAINED;
use logclass::session::Classifier;
use logclass::verdict::Verdict;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

use crate::errors::{Error, UsageError};

/// Appends the texts of `array` to `texts`; a null is an empty one. They need not be UTF-8.
pub fn append<'a>(array: &'a ArrayRef, what: &str, texts: &mut Vec<&'a [u8]>) -> PyResult<()> {
    let from = texts.len();
    match array.data_type() {
        DataType::Null => texts.resize(from + array.len(), b""),
        DataType::Utf8 => append_bytes(array.as_bytes::<Utf8Type>(), texts),
        DataType::LargeUtf8 => append_bytes(array.as_bytes::<LargeUtf8Type>(), texts),
        DataType::Binary => append_bytes(array.as_bytes::<BinaryType>(), texts),
        DataType::LargeBinary => append_bytes(array.as_bytes::<LargeBinaryType>(), texts),
        DataType::Utf8View => texts.extend(array.as_string_view().bytes_iter()),
        DataType::BinaryView => texts.extend(array.as_binary_view().bytes_iter()),
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            texts.extend((0..array.len()).map(|row| array.value(row)));
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let mut values = Vec::new();
            append(dictionary.values(), what, &mut values)?;
            if values.is_empty() {
                texts.resize(from + array.len(), b"");
            } else {
                texts.extend(dictionary.normalized_keys().into_iter().map(|key| values[key]));
            }
        }
        kind => {
            return Err(PyTypeError::new_err(format!(
                "{what}: expected text or bytes, its Arrow type is {kind}"
            )));
        }
    }
    // What lies under a null is anything.
    if array.null_count() > 0 {
        for row in (0..array.len()).filter(|&row| array.is_null(row)) {
            texts[from + row] = b"";
        }
    }
    Ok(())
}

fn append_bytes<'a, T: ByteArrayType>(array: &'a GenericByteArray<T>, texts: &mut Vec<&'a [u8]>) {
    let data = array.value_data();
    let text = |ends: &[T::Offset]| data.get(ends[0].as_usize()..ends[1].as_usize()).unwrap_or_default();
    texts.extend(array.value_offsets().windows(2).map(text));
}

/// The columns that are added: the label, and what explains it.
pub fn added(
    classifier: &Classifier,
    verdicts: &[Verdict],
    label: &str,
    explain: bool,
) -> Vec<(FieldRef, ArrayRef)> {
    let field = |name: &str, kind| Arc::new(Field::new(name, kind, false));
    let text = |name: &str, of: &dyn Fn(&Verdict) -> String| {
        let array: ArrayRef = Arc::new(StringArray::from_iter_values(verdicts.iter().map(of)));
        (field(name, DataType::Utf8), array)
    };
    let labels = StringArray::from_iter_values(verdicts.iter().map(|verdict| classifier.label(verdict)));
    let mut columns: Vec<(FieldRef, ArrayRef)> = vec![(field(label, DataType::Utf8), Arc::new(labels))];
    if explain {
        let confidences = Float32Array::from_iter_values(verdicts.iter().map(|verdict| verdict.confidence));
        columns.push(text(EXPLAINED[0], &|verdict| verdict.stage.name().to_owned()));
        columns.push((field(EXPLAINED[1], DataType::Float32), Arc::new(confidences)));
        columns.push(text(EXPLAINED[2], &|verdict| classifier.explain(verdict)));
    }
    columns
}

/// The number of the column that `wanted` names, which the argument of this name has.
pub fn column(schema: &Schema, wanted: &str, argument: &str) -> PyResult<usize> {
    schema.index_of(wanted).map_err(|_| {
        let names: Vec<String> = schema.fields().iter().map(|field| format!("{:?}", field.name())).collect();
        UsageError::new_err(format!(
            "no column {wanted:?}; the columns are {}: name the right one with {argument}=",
            names.join(", ")
        ))
    })
}

/// The schema of a table with more columns.
pub fn extended(schema: &Schema, columns: &[(FieldRef, ArrayRef)]) -> PyResult<SchemaRef> {
    let mut fields = schema.fields().to_vec();
    for (field, _) in columns {
        if schema.index_of(field.name()).is_ok() {
            return Err(UsageError::new_err(format!(
                "there is a column {:?} already: name another with label=, or drop it",
                field.name()
            )));
        }
        fields.push(Arc::clone(field));
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// `batch` with the rows of `columns` from `row` on beside its own.
pub fn append_columns(
    batch: &RecordBatch,
    schema: &SchemaRef,
    columns: &[(FieldRef, ArrayRef)],
    row: usize,
) -> PyResult<RecordBatch> {
    let mut arrays = batch.columns().to_vec();
    arrays.extend(columns.iter().map(|(_, array)| array.slice(row, batch.num_rows())));
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|error| Error::new_err(error.to_string()))
}
