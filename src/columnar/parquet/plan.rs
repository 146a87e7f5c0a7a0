//! The columns of a file: which are looked at, and what is written.

use ::parquet::basic::{Compression, ConvertedType, LogicalType, TimeUnit, Type as Physical, ZstdLevel};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::schema::types::{ColumnDescriptor, SchemaDescriptor, Type};
use anyhow::Result;

use super::super::error::ColumnarError;
use super::super::place::{self, Node};
use super::super::wanted::Wanted;
use crate::input::Column;

/// A leaf that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Its index among all leaves.
    pub index: usize,
    /// Level at which its value is there.
    pub defined: i16,
    /// Units in a second, where it is a time.
    pub each_second: i64,
}

/// What is done with the columns of a file.
#[derive(Debug)]
pub struct Plan {
    /// The message.
    pub message: Leaf,
    /// The source.
    pub source: Option<Leaf>,
    /// The severity.
    pub severity: Option<Leaf>,
    /// The time.
    pub time: Option<Leaf>,
    /// The top-level column of the label, where it is there to be overwritten.
    pub label: Option<usize>,
    /// How the columns that are added are compressed.
    pub compression: Compression,
}

impl Plan {
    /// Finds the columns that are `wanted`.
    pub fn new(metadata: &ParquetMetaData, wanted: &Wanted) -> Result<Self> {
        let schema = metadata.file_metadata().schema_descr();
        let fields = schema.root_schema().get_fields();
        let nodes: Vec<Node> = fields.iter().map(|field| node(field)).collect();
        let names = &wanted.columns;
        let find = |name: &str, column: Column| -> Result<Leaf> {
            let place = place::find(&nodes, name, column)?;
            leaf(schema, &place, column).map_err(|(found, expected)| {
                let flag = column.remedy();
                ColumnarError::WrongType { column: name.to_owned(), found, expected, flag }.into()
            })
        };
        let optional =
            |name: &Option<String>, column| name.as_deref().map(|name| find(name, column)).transpose();
        let message = find(&names.message, Column::Message)?;
        let (source, severity) =
            (optional(&names.source, Column::Source)?, optional(&names.severity, Column::Severity)?);
        let time = optional(&names.time, Column::Time)?;
        let label = place::existing(&nodes, &names.label, names.overwrite, &wanted.added.names())?;
        let like = metadata.row_groups().first().map(|group| group.column(message.index).compression());
        let compression = match like {
            Some(Compression::BROTLI(_) | Compression::LZO | Compression::LZ4) | None => {
                Compression::ZSTD(ZstdLevel::default())
            }
            Some(like) => like,
        };
        Ok(Self { message, source, severity, time, label, compression })
    }

    /// The leaves that are looked at.
    pub fn leaves(&self) -> impl Iterator<Item = Leaf> {
        [Some(self.message), self.source, self.severity, self.time].into_iter().flatten()
    }
}

fn node(field: &Type) -> Node {
    let info = field.get_basic_info();
    // What a list or a map holds is no field of a row.
    let is_struct =
        field.is_group() && info.converted_type() == ConvertedType::NONE && info.logical_type_ref().is_none();
    let inner = if is_struct { field.get_fields() } else { &[] };
    Node { name: field.name().to_owned(), children: inner.iter().map(|field| node(field)).collect() }
}

/// The leaf at `place`; its type and those expected, where it does not do.
fn leaf(schema: &SchemaDescriptor, place: &[usize], column: Column) -> Result<Leaf, (String, &'static str)> {
    let expected = match column {
        Column::Message => "text or bytes",
        Column::Time => "a timestamp, text or whole numbers",
        _ => "text, bytes or whole numbers",
    };
    let mut index = 0;
    let mut fields = schema.root_schema().get_fields();
    for (depth, &at) in place.iter().enumerate() {
        index += fields[..at].iter().map(|field| leaves_of(field)).sum::<usize>();
        if depth + 1 < place.len() {
            fields = fields[at].get_fields();
        } else if fields[at].is_group() {
            return Err(("a group of columns".to_owned(), expected));
        }
    }
    let found = schema.column(index);
    let each_second = units(&found, column).ok_or_else(|| (type_name(&found), expected))?;
    Ok(Leaf { index, defined: found.max_def_level(), each_second })
}

/// Units in a second, 1 for what is no time; nothing for a type that does not do.
fn units(found: &ColumnDescriptor, column: Column) -> Option<i64> {
    if found.max_rep_level() > 0 {
        return None;
    }
    let logical = found.logical_type_ref();
    let is_decimal =
        matches!(logical, Some(LogicalType::Decimal(_))) || found.converted_type() == ConvertedType::DECIMAL;
    let units = match (found.physical_type(), logical, found.converted_type()) {
        _ if is_decimal => return None,
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, ..) => return Some(1),
        (Physical::INT96, ..) => 1,
        (Physical::INT64, Some(LogicalType::Timestamp(time)), _) => match time.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        },
        (Physical::INT64, _, ConvertedType::TIMESTAMP_MILLIS) => 1_000,
        (Physical::INT64, _, ConvertedType::TIMESTAMP_MICROS) => 1_000_000,
        (Physical::INT32 | Physical::INT64, None | Some(LogicalType::Integer(_)), _) => {
            return (column != Column::Message).then_some(1);
        }
        _ => return None,
    };
    (column == Column::Time).then_some(units)
}

fn type_name(found: &ColumnDescriptor) -> String {
    let list = if found.max_rep_level() > 0 { "a list of " } else { "" };
    match found.logical_type_ref() {
        Some(logical) => format!("{list}{} ({logical:?})", found.physical_type()),
        None => format!("{list}{}", found.physical_type()),
    }
}

/// Leaves in a column of the schema.
pub fn leaves_of(field: &Type) -> usize {
    if field.is_group() { field.get_fields().iter().map(|field| leaves_of(field)).sum() } else { 1 }
}
