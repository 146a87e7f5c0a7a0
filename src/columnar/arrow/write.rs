//! Batches with the label and what is added, as a stream or a file of the input's kind.

use anyhow::{Context, Result, anyhow};
use arrow_array::builder::{Float32Builder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{
    DictionaryHandling, DictionaryTracker, FileWriter, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    write_message,
};
use arrow_schema::{ArrowError, DataType};
use std::collections::HashMap;
use std::sync::Arc;

use super::super::wanted::{ColumnSink, Wanted};
use super::item::{Carried, Item};
use super::plan::Plan;
use crate::cascade::Cascade;
use crate::input::Chunk;
use crate::pipeline::{Added, Destination, RowSink, Tally, Value};
use crate::verdict::Verdict;

/// Writes batches.
pub struct ArrowSink {
    plan: Arc<Plan>,
    added: Added,
    writes: Option<Vec<bool>>,
    end_of_stream: bool,
    /// Every label; the same for all batches, so that it is written once.
    labels: ArrayRef,
    writer: Writer,
    /// The batch whose rows come.
    batch: Option<Box<Carried>>,
    columns: Columns,
}

enum Writer {
    Stream(StreamParts),
    /// Begun with the first batch, since a file is compressed in one way.
    File(Option<Box<FileWriter<Vec<u8>>>>),
}

/// A stream is written message by message, each batch compressed as it was.
struct StreamParts {
    tracker: DictionaryTracker,
}

/// What is added to the rows of a batch.
#[derive(Default)]
struct Columns {
    labels: Vec<i32>,
    passes: Vec<bool>,
    values: Vec<Column>,
}

enum Column {
    Words(StringBuilder, usize),
    Numbers(Float32Builder),
}

/// Bytes that a column of text can hold.
const MOST_TEXT: usize = i32::MAX as usize;

impl ArrowSink {
    /// Writes a file, or streams.
    pub fn new(plan: Arc<Plan>, wanted: &Wanted, is_file: bool) -> Self {
        let tracker = DictionaryTracker::new(false);
        Self {
            columns: Columns::new(&plan, wanted.added),
            plan,
            added: wanted.added,
            writes: wanted.writes.clone(),
            end_of_stream: wanted.end_of_stream,
            labels: Arc::new(StringArray::from_iter_values(&wanted.labels)),
            writer: if is_file { Writer::File(None) } else { Writer::Stream(StreamParts { tracker }) },
            batch: None,
        }
    }

    fn begin(&mut self, destination: &mut Destination<'_>) -> Result<()> {
        let Writer::Stream(parts) = &mut self.writer else { return Ok(()) };
        parts.tracker = DictionaryTracker::new(false);
        let options = IpcWriteOptions::default();
        let generator = IpcDataGenerator::default();
        let schema = generator.schema_to_bytes_with_dictionary_tracker(
            &self.plan.written,
            &mut parts.tracker,
            &options,
        );
        let mut bytes = Vec::new();
        write_message(&mut bytes, schema, &options).context("cannot be written")?;
        hand_on(&bytes, destination)
    }

    fn end(&mut self, metadata: HashMap<String, String>, destination: &mut Destination<'_>) -> Result<()> {
        let bytes = match &mut self.writer {
            Writer::Stream(_) if !self.end_of_stream => return Ok(()),
            Writer::Stream(_) => [[0xff; 4], [0; 4]].concat(),
            Writer::File(writer) => {
                let mut writer = match writer.take() {
                    Some(writer) => writer,
                    None => Box::new(file_writer(&self.plan, None)?),
                };
                for (key, value) in metadata {
                    writer.write_metadata(key, value);
                }
                writer.finish().context("cannot be written")?;
                std::mem::take(writer.get_mut())
            }
        };
        hand_on(&bytes, destination)
    }

    /// Writes the batch at hand, whose rows have all come.
    fn complete(&mut self, destination: &mut Destination<'_>) -> Result<()> {
        let Some(carried) = self.batch.take() else { return Ok(()) };
        let columns = std::mem::replace(&mut self.columns, Columns::new(&self.plan, self.added));
        let Carried { batch, compression, deltas, permit } = *carried;
        let batch = self.labelled(&batch, columns).context("cannot be written")?;
        let mut bytes = Vec::new();
        match &mut self.writer {
            Writer::Stream(parts) => {
                let handling = if deltas { DictionaryHandling::Delta } else { DictionaryHandling::Resend };
                let options = IpcWriteOptions::default()
                    .with_dictionary_handling(handling)
                    .try_with_compression(compression)?;
                let generator = IpcDataGenerator::default();
                let context = &mut IpcWriteContext::default();
                let (dictionaries, message) = generator
                    .encode(&batch, &mut parts.tracker, &options, context)
                    .context("cannot be written")?;
                for message in dictionaries.into_iter().chain([message]) {
                    write_message(&mut bytes, message, &options).context("cannot be written")?;
                }
            }
            Writer::File(writer) => {
                if writer.is_none() {
                    *writer = Some(Box::new(file_writer(&self.plan, compression)?));
                }
                if let Some(writer) = writer {
                    writer.write(&batch).context("cannot be written")?;
                    bytes = std::mem::take(writer.get_mut());
                }
            }
        }
        hand_on(&bytes, destination)?;
        drop(permit);
        Ok(())
    }

    fn labelled(&self, batch: &RecordBatch, columns: Columns) -> Result<RecordBatch, ArrowError> {
        let keys = Int32Array::from(columns.labels);
        let label: ArrayRef = Arc::new(DictionaryArray::try_new(keys, Arc::clone(&self.labels))?);
        let mut all = batch.columns().to_vec();
        match self.plan.label {
            Some(index) => all[index] = label,
            None => all.push(label),
        }
        all.extend(columns.values.into_iter().map(Column::finish));
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.written_carried), all)?;
        if self.writes.is_none() || columns.passes.iter().all(|&passes| passes) {
            return Ok(batch);
        }
        if !columns.passes.contains(&true) {
            // Unlike a filter, this keeps the dictionaries, which a file cannot replace.
            return Ok(batch.slice(0, 0));
        }
        arrow_select::filter::filter_record_batch(&batch, &BooleanArray::from(columns.passes))
    }
}

impl RowSink for ArrowSink {
    fn write(
        &mut self,
        chunk: &mut Chunk,
        verdicts: &[Verdict],
        cascade: &Cascade,
        destination: &mut Destination<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        let item = chunk.companion.take().and_then(|companion| companion.downcast::<Item>().ok());
        match item.map(|item| *item) {
            Some(Item::Begin) => self.begin(destination)?,
            Some(Item::End(metadata)) => self.end(metadata, destination)?,
            Some(Item::Batch(batch)) => self.batch = Some(batch),
            None => {}
        }
        for (record, verdict) in chunk.records.iter().zip(verdicts) {
            let passes = self.writes.as_ref().is_none_or(|writes| writes[usize::from(verdict.label)]);
            tally.filtered += u64::from(!passes);
            self.columns.labels.push(i32::from(verdict.label));
            self.columns.passes.push(passes);
            for (column, value) in
                self.columns.values.iter_mut().zip(self.added.values(chunk, record, verdict, cascade))
            {
                column.push(value)?;
            }
        }
        let rows = self.batch.as_ref().map(|carried| carried.batch.num_rows());
        if rows == Some(self.columns.labels.len()) {
            self.complete(destination)?;
        }
        Ok(())
    }
}

impl ColumnSink for ArrowSink {
    fn finish(&mut self, _destination: &mut Destination<'_>) -> Result<()> {
        if self.batch.is_some() { Err(anyhow!("a batch has fewer rows than it should")) } else { Ok(()) }
    }
}

impl Columns {
    fn new(plan: &Plan, added: Added) -> Self {
        let fields = plan.written.fields();
        let values =
            fields[fields.len() - added.names().len()..].iter().map(|field| match field.data_type() {
                DataType::Float32 => Column::Numbers(Float32Builder::new()),
                _ => Column::Words(StringBuilder::new(), 0),
            });
        Self { values: values.collect(), ..Self::default() }
    }
}

impl Column {
    fn push(&mut self, value: Value) -> Result<()> {
        match (self, value) {
            (Self::Words(builder, bytes), Value::Text(text)) => {
                *bytes += text.len();
                if *bytes > MOST_TEXT {
                    return Err(anyhow!("a batch is too large for what is added to it: write smaller ones"));
                }
                builder.append_value(text);
            }
            (Self::Words(builder, _), _) => builder.append_null(),
            (Self::Numbers(builder), Value::Number(number)) => builder.append_value(number),
            (Self::Numbers(builder), _) => builder.append_null(),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Words(mut builder, _) => Arc::new(builder.finish()),
            Self::Numbers(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// A file that is compressed as its first batch was. A dictionary of a file can grow and not be replaced.
fn file_writer(plan: &Plan, compression: Option<CompressionType>) -> Result<FileWriter<Vec<u8>>> {
    let options = IpcWriteOptions::default()
        .with_dictionary_handling(DictionaryHandling::Delta)
        .try_with_compression(compression)?;
    FileWriter::try_new_with_options(Vec::new(), &plan.written, options).context("cannot be written")
}

/// Writes bytes that somebody may wait for.
fn hand_on(bytes: &[u8], destination: &mut Destination<'_>) -> Result<()> {
    destination.output.write(bytes)?;
    destination.output.flush()
}
