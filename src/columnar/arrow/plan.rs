//! The columns of a stream: which are looked at, how they are carried, and what is written.

use anyhow::Result;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, UnionFields};
use std::sync::Arc;

use super::super::error::ColumnarError;
use super::super::place::{self, Node, Place};
use super::super::wanted::Wanted;
use super::cells::Use;
use crate::input::Column;
use crate::pipeline::EXPLAINED;

/// What is done with the columns of a stream.
#[derive(Debug)]
pub struct Plan {
    /// The columns as they came.
    pub schema: SchemaRef,
    /// The same with bytes in the place of text.
    pub carried: SchemaRef,
    /// The columns that are written.
    pub written: SchemaRef,
    /// The same as they are carried. All may have nulls, whatever their schema promises.
    pub written_carried: SchemaRef,
    /// The label's column, where it is there to be overwritten.
    pub label: Option<usize>,
    /// The message.
    pub message: Place,
    /// The source.
    pub source: Option<Place>,
    /// The severity.
    pub severity: Option<Place>,
    /// The time.
    pub time: Option<Place>,
}

impl Plan {
    /// Finds the columns that are `wanted`.
    pub fn new(schema: Schema, wanted: &Wanted) -> Result<Self> {
        let nodes: Vec<Node> = schema.fields().iter().map(|field| node(field)).collect();
        let names = &wanted.columns;
        let find = |wanted: &str, column: Column| -> Result<Place> {
            let place = place::find(&nodes, wanted, column)?;
            let found = field_at(schema.fields(), &place);
            let usage = Use::of(column);
            usage.check(found.data_type()).map_err(|expected| ColumnarError::WrongType {
                column: wanted.to_owned(),
                found: found.data_type().to_string(),
                expected,
                flag: column.remedy(),
            })?;
            Ok(place)
        };
        let optional =
            |name: &Option<String>, column| name.as_deref().map(|name| find(name, column)).transpose();
        let (message, source) =
            (find(&names.message, Column::Message)?, optional(&names.source, Column::Source)?);
        let severity = optional(&names.severity, Column::Severity)?;
        let time = optional(&names.time, Column::Time)?;
        let added = wanted.added.names();
        let label = place::existing(&nodes, &names.label, names.overwrite, &added)?;
        let carried = Arc::new(as_bytes(&schema));
        let behind: Vec<FieldRef> = added.iter().map(|name| Arc::new(added_field(name))).collect();
        let with_label = |fields: &[FieldRef]| {
            let mut fields = fields.to_vec();
            let field = Arc::new(label_field(&names.label));
            match label {
                Some(index) => fields[index] = field,
                None => fields.push(field),
            }
            fields.extend(behind.iter().cloned());
            fields
        };
        let written = Schema::new_with_metadata(with_label(schema.fields()), schema.metadata().clone());
        let nullable = |field: FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
        let written_carried: Vec<FieldRef> = with_label(carried.fields()).into_iter().map(nullable).collect();
        let written_carried = Arc::new(Schema::new(written_carried));
        let (schema, written) = (Arc::new(schema), Arc::new(written));
        Ok(Self { schema, carried, written, written_carried, label, message, source, severity, time })
    }

    /// How another stream's columns differ from these, if they do.
    pub fn difference(&self, other: &Schema) -> Option<String> {
        let (ours, theirs) = (self.schema.fields(), other.fields());
        if ours.len() != theirs.len() {
            return Some(format!("{} in place of {}", theirs.len(), ours.len()));
        }
        let pair = ours.iter().zip(theirs).find(|(one, other)| {
            one.name() != other.name()
                || one.data_type() != other.data_type()
                || one.is_nullable() != other.is_nullable()
        })?;
        let told = |field: &Field| {
            let null = if field.is_nullable() { "" } else { ", without nulls" };
            format!("{:?} of type {}{null}", field.name(), field.data_type())
        };
        Some(format!("{} in place of {}", told(pair.1), told(pair.0)))
    }
}

/// The label's column: every label is written once, in a dictionary.
pub fn label_field(name: &str) -> Field {
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Field::new(name, words, false)
}

/// A column that is added beside the label.
pub fn added_field(name: &str) -> Field {
    let of_type = if name == EXPLAINED[1] { DataType::Float32 } else { DataType::Utf8 };
    Field::new(name, of_type, name == "severity")
}

fn node(field: &Field) -> Node {
    let children = match field.data_type() {
        DataType::Struct(fields) => fields.iter().map(|field| node(field)).collect(),
        _ => Vec::new(),
    };
    Node { name: field.name().clone(), children }
}

fn field_at<'a>(fields: &'a [FieldRef], place: &[usize]) -> &'a Field {
    let field = &fields[place[0]];
    match field.data_type() {
        DataType::Struct(inner) if place.len() > 1 => field_at(inner, &place[1..]),
        _ => field,
    }
}

/// The same columns with bytes in the place of text. Both are laid out alike.
pub fn as_bytes(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(field_as_bytes).collect::<Vec<_>>())
}

fn field_as_bytes(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(type_as_bytes(field.data_type())))
}

fn type_as_bytes(of_type: &DataType) -> DataType {
    match of_type {
        DataType::Utf8 => DataType::Binary,
        DataType::LargeUtf8 => DataType::LargeBinary,
        DataType::Utf8View => DataType::BinaryView,
        DataType::List(field) => DataType::List(field_as_bytes(field)),
        DataType::LargeList(field) => DataType::LargeList(field_as_bytes(field)),
        DataType::ListView(field) => DataType::ListView(field_as_bytes(field)),
        DataType::LargeListView(field) => DataType::LargeListView(field_as_bytes(field)),
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(field_as_bytes(field), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field_as_bytes).collect()),
        DataType::Map(field, sorted) => DataType::Map(field_as_bytes(field), *sorted),
        DataType::Dictionary(keys, values) => {
            DataType::Dictionary(keys.clone(), Box::new(type_as_bytes(values)))
        }
        DataType::RunEndEncoded(ends, values) => {
            DataType::RunEndEncoded(Arc::clone(ends), field_as_bytes(values))
        }
        DataType::Union(fields, mode) => {
            let fields: UnionFields = fields.iter().map(|(id, field)| (id, field_as_bytes(field))).collect();
            DataType::Union(fields, *mode)
        }
        other => other.clone(),
    }
}
