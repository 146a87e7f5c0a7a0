//! The cells of a column as the pipeline takes them: bytes, whatever type they are of.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, RecordBatch,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;

use super::super::chunks::Cell;
use crate::input::Column;

/// What a column is for, as far as its type is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Text alone.
    Text,
    /// Text, or a number.
    Name,
    /// Text, a number, or a time.
    Time,
}

impl Use {
    /// Of a column that is for this.
    pub fn of(column: Column) -> Self {
        match column {
            Column::Message => Self::Text,
            Column::Time => Self::Time,
            _ => Self::Name,
        }
    }

    /// The types that would do, where this one does not.
    pub fn check(self, of_type: &DataType) -> Result<(), &'static str> {
        let inner = match of_type {
            DataType::Dictionary(_, values) => values,
            other => other,
        };
        let fits = match inner {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
            | DataType::Null => true,
            DataType::Timestamp(..) => self == Self::Time,
            other => self != Self::Text && other.is_integer(),
        };
        let expected = match self {
            Self::Text => "text or bytes",
            Self::Name => "text, bytes or whole numbers",
            Self::Time => "a timestamp, text or whole numbers",
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

/// A column of a batch.
pub struct Cells<'a> {
    /// Nulls of the structs around it.
    around: Vec<&'a NullBuffer>,
    values: Values<'a>,
}

enum Values<'a> {
    Bytes(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
    /// Keys, where they are not null, and what they stand for.
    Dictionary(&'a dyn Array, Vec<usize>, Box<Values<'a>>),
    Numbers(&'a dyn Array, Vec<i128>),
    Nulls,
}

impl<'a> Cells<'a> {
    /// The column at `place`. What a key or a number is worth is looked up for all rows at once.
    pub fn new(batch: &'a RecordBatch, place: &[usize]) -> Self {
        let mut array: &ArrayRef = batch.column(place[0]);
        let mut around = Vec::new();
        for &index in &place[1..] {
            around.extend(array.nulls());
            array = array.as_struct().column(index);
        }
        Self { around, values: Values::new(array) }
    }

    /// The cell of a row.
    pub fn get(&self, row: usize) -> Cell<'_> {
        if self.around.iter().any(|nulls| nulls.is_null(row)) { None } else { self.values.get(row) }
    }
}

impl<'a> Values<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Binary => Self::Bytes(array.as_binary()),
            DataType::LargeBinary => Self::Large(array.as_binary()),
            DataType::BinaryView => Self::View(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Self::Fixed(array.as_fixed_size_binary()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                if dictionary.values().is_empty() {
                    return Self::Nulls;
                }
                let values = Box::new(Self::new(dictionary.values()));
                Self::Dictionary(dictionary.keys(), dictionary.normalized_keys(), values)
            }
            _ => numbers(array).map_or(Self::Nulls, |numbers| Self::Numbers(array, numbers)),
        }
    }

    fn get(&self, row: usize) -> Cell<'_> {
        let there = |array: &dyn Array| !array.is_null(row);
        match self {
            Self::Bytes(array) => there(array).then(|| Cow::Borrowed(array.value(row))),
            Self::Large(array) => there(array).then(|| Cow::Borrowed(array.value(row))),
            Self::View(array) => there(array).then(|| Cow::Borrowed(array.value(row))),
            Self::Fixed(array) => there(array).then(|| Cow::Borrowed(array.value(row))),
            Self::Dictionary(keys, places, values) => {
                if keys.is_null(row) {
                    None
                } else {
                    values.get(places[row])
                }
            }
            Self::Numbers(array, numbers) => {
                there(*array).then(|| Cow::Owned(numbers[row].to_string().into_bytes()))
            }
            Self::Nulls => None,
        }
    }
}

/// Whole numbers as they are, times in seconds since 1970.
fn numbers(array: &ArrayRef) -> Option<Vec<i128>> {
    macro_rules! widened {
        ($type:ty) => {
            array.as_primitive::<$type>().values().iter().map(|&value| i128::from(value)).collect()
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => widened!(Int8Type),
        DataType::Int16 => widened!(Int16Type),
        DataType::Int32 => widened!(Int32Type),
        DataType::Int64 => widened!(Int64Type),
        DataType::UInt8 => widened!(UInt8Type),
        DataType::UInt16 => widened!(UInt16Type),
        DataType::UInt32 => widened!(UInt32Type),
        DataType::UInt64 => widened!(UInt64Type),
        DataType::Timestamp(unit, _) => {
            let each_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            let data = array.to_data();
            let values = &data.buffers()[0].typed_data::<i64>()[data.offset()..data.offset() + data.len()];
            values.iter().map(|&value| i128::from(value.div_euclid(each_second))).collect()
        }
        _ => return None,
    })
}
