//! The schema that is written, and the key-value metadata that describes it.

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::errors::Result;
use ::parquet::file::metadata::KeyValue;
use ::parquet::schema::types::{Type, TypePtr};
use arrow_ipc::convert::try_schema_from_ipc_buffer;
use arrow_schema::{FieldRef, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

use super::super::arrow::{added_field, label_field};
use crate::pipeline::EXPLAINED;
use crate::unwinding::quietly;

/// Where writers of Arrow keep their own schema.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// The schema `root` with the label, in the place of the top-level column `existing` or behind all, and with what is added.
pub fn written(root: &Type, label: &str, existing: Option<usize>, added: &[&str]) -> Result<TypePtr> {
    let mut fields = root.get_fields().to_vec();
    let field = Arc::new(text(label, Repetition::REQUIRED)?);
    match existing {
        Some(index) => fields[index] = field,
        None => fields.push(field),
    }
    for name in added {
        fields.push(Arc::new(if *name == EXPLAINED[1] {
            Type::primitive_type_builder(name, Physical::FLOAT)
                .with_repetition(Repetition::REQUIRED)
                .build()?
        } else if *name == "severity" {
            text(name, Repetition::OPTIONAL)?
        } else {
            text(name, Repetition::REQUIRED)?
        }));
    }
    let root = Type::group_type_builder(root.name()).with_fields(fields).build()?;
    Ok(Arc::new(root))
}

fn text(name: &str, repetition: Repetition) -> Result<Type> {
    Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::String))
        .build()
}

/// The metadata of the input for the output. A schema of Arrow gets the new columns; one that cannot be read is left out,
/// since its readers would miss them.
pub fn metadata(pairs: &[KeyValue], label: &str, existing: Option<usize>, added: &[&str]) -> Vec<KeyValue> {
    let kept = pairs.iter().filter_map(|pair| {
        if pair.key != ARROW_SCHEMA {
            return Some(pair.clone());
        }
        let schema = pair.value.as_deref().and_then(|value| extended(value, label, existing, added))?;
        Some(KeyValue { key: pair.key.clone(), value: Some(schema) })
    });
    kept.collect()
}

fn extended(value: &str, label: &str, existing: Option<usize>, added: &[&str]) -> Option<String> {
    let bytes = STANDARD.decode(value).ok()?;
    let schema = quietly(|| try_schema_from_ipc_buffer(&bytes).ok())??;
    let mut fields: Vec<FieldRef> = schema.fields().to_vec();
    let field = Arc::new(label_field(label));
    match existing {
        Some(index) => *fields.get_mut(index)? = field,
        None => fields.push(field),
    }
    fields.extend(added.iter().map(|name| Arc::new(added_field(name))));
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    STANDARD.encode(message(&schema)).into()
}

/// The message that tells a schema, as writers of Parquet keep it.
fn message(schema: &Schema) -> Vec<u8> {
    use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions, write_message};
    let (options, mut tracker) = (IpcWriteOptions::default(), DictionaryTracker::new(true));
    let generator = IpcDataGenerator::default();
    let encoded = generator.schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    let mut bytes = Vec::new();
    // Nothing can fail: it is written to memory.
    let _ = write_message(&mut bytes, encoded, &options);
    bytes
}
