//! Row groups with the label and what is added behind the columns of the input.

use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::SchemaDescriptor;
use anyhow::{Context, Result, anyhow};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::wanted::{ColumnSink, Wanted};
use super::encode::ChunkEncoder;
use super::file::PositionalFile;
use super::plan::{Plan, leaves_of};
use super::sound::sound;
use super::{copy, schema};
use crate::cascade::Cascade;
use crate::input::Chunk;
use crate::output::Output;
use crate::pipeline::{Added, Destination, RowSink, Tally, Value};
use crate::verdict::Verdict;

/// Where a column of the output comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// This leaf of the input.
    Input(usize),
    /// The label, or what is added behind it.
    Added(usize),
}

/// Writes a file.
pub struct ParquetSink {
    file: PositionalFile,
    metadata: Arc<ParquetMetaData>,
    added: Added,
    writes: Option<Vec<bool>>,
    labels: Vec<ByteArray>,
    origins: Vec<Origin>,
    /// Leaves that are decoded, so that damage in them shows without another look.
    decoded: Vec<usize>,
    properties: WriterPropertiesPtr,
    target: Target,
    writer: SerializedFileWriter<Target>,
    /// The row group at hand, and its columns that are added.
    group: usize,
    encoders: Vec<ChunkEncoder>,
    /// How many of its rows have come, and which of them are written.
    rows: usize,
    passes: Vec<bool>,
}

impl ParquetSink {
    /// Writes the columns of `file` as `plan` says.
    pub fn new(
        file: PositionalFile,
        metadata: Arc<ParquetMetaData>,
        plan: &Plan,
        wanted: &Wanted,
    ) -> Result<Self> {
        let (label, existing, added) = (&wanted.columns.label, plan.label, wanted.added.names());
        let told = metadata.file_metadata();
        let root = told.schema_descr().root_schema();
        let schema = schema::written(root, label, existing, &added).map_err(|error| anyhow!("{error}"))?;
        let mut properties = WriterProperties::builder().set_compression(plan.compression);
        if let Some(pairs) = told.key_value_metadata() {
            let pairs = schema::metadata(pairs, label, existing, &added);
            properties = properties.set_key_value_metadata(Some(pairs));
        }
        // Readers decide by the writer's name which statistics can be relied on, and these are the input's.
        if let Some(writer) = told.created_by() {
            properties = properties.set_created_by(writer.to_owned());
        }
        // Sorted columns are known by their numbers, which an overwritten one may change.
        if existing.is_none() {
            let sorted = metadata.row_groups().first().and_then(|group| group.sorting_columns());
            properties = properties.set_sorting_columns(sorted.cloned());
        }
        let properties = Arc::new(properties.build());
        let target = Target::default();
        let writer = SerializedFileWriter::new(target.clone(), schema, Arc::clone(&properties))
            .map_err(|error| anyhow!("{error}"))?;
        let mut sink = Self {
            origins: origins(told.schema_descr(), existing, added.len()),
            decoded: plan.leaves().map(|leaf| leaf.index).collect(),
            added: wanted.added,
            writes: wanted.writes.clone(),
            labels: wanted.labels.iter().map(|name| ByteArray::from(name.as_str())).collect(),
            file,
            metadata,
            properties,
            target,
            writer,
            group: 0,
            encoders: Vec::new(),
            rows: 0,
            passes: Vec::new(),
        };
        sink.begin(0);
        Ok(sink)
    }

    /// Begins the first row group from `group` on that has rows.
    fn begin(&mut self, group: usize) {
        let groups = self.metadata.row_groups();
        let empty = groups.iter().skip(group).take_while(|group| group.num_rows() == 0).count();
        (self.group, self.rows) = (group + empty, 0);
        self.passes.clear();
        let schema = self.writer.schema_descr();
        let added = self.origins.iter().enumerate().filter(|(_, origin)| matches!(origin, Origin::Added(_)));
        self.encoders = added
            .map(|(index, _)| ChunkEncoder::new(schema.column(index), Arc::clone(&self.properties)))
            .collect();
    }

    fn add(&mut self, chunk: &Chunk, verdicts: &[Verdict], cascade: &Cascade) -> ParquetResult<u64> {
        let mut labels = Vec::with_capacity(verdicts.len());
        let mut columns: Vec<Values> = (1..self.encoders.len()).map(|_| Values::default()).collect();
        let mut filtered = 0;
        for (record, verdict) in chunk.records.iter().zip(verdicts) {
            let label = usize::from(verdict.label);
            if let Some(writes) = &self.writes {
                self.passes.push(writes[label]);
                if !writes[label] {
                    filtered += 1;
                    continue;
                }
            }
            labels.push(self.labels[label].clone());
            for (column, value) in columns.iter_mut().zip(self.added.values(chunk, record, verdict, cascade))
            {
                column.push(value);
            }
        }
        self.rows += chunk.records.len();
        if labels.is_empty() {
            return Ok(filtered);
        }
        let mut encoders = self.encoders.iter_mut();
        if let Some(encoder) = encoders.next() {
            encoder.texts(&labels, None)?;
        }
        let names = self.added.names();
        for ((encoder, column), name) in encoders.zip(&columns).zip(names) {
            match column {
                Values { numbers, .. } if !numbers.is_empty() => encoder.numbers(numbers)?,
                Values { texts, levels, .. } => {
                    encoder.texts(texts, (name == "severity").then_some(&levels[..]))?;
                }
            }
        }
        Ok(filtered)
    }

    /// Writes the row group at hand, whose rows have all come.
    fn complete(&mut self) -> ParquetResult<()> {
        let ended = std::mem::take(&mut self.encoders).into_iter().map(ChunkEncoder::finish);
        let mut ended: Vec<_> = ended.map(|ended| ended.map(Some)).collect::<ParquetResult<_>>()?;
        let all = self.passes.iter().all(|&passes| passes);
        if !all && !self.passes.contains(&true) {
            return Ok(());
        }
        let columns = self.metadata.row_group(self.group).columns();
        let mut group = self.writer.next_row_group()?;
        for origin in &self.origins {
            match *origin {
                Origin::Input(leaf) if all => {
                    if !self.decoded.contains(&leaf) {
                        copy::check(&self.file, &columns[leaf], self.rows)?;
                    }
                    let close = copy::as_it_is(&self.file, &self.metadata, self.group, leaf);
                    group.append_column(&self.file, close)?;
                }
                Origin::Input(leaf) => {
                    let (bytes, close) = copy::filtered(&self.file, &columns[leaf], &self.passes)?;
                    group.append_column(&bytes, close)?;
                }
                Origin::Added(index) => {
                    let ended = ended.get_mut(index).and_then(Option::take);
                    let missing = || ParquetError::General("a column is missing".to_owned());
                    let (bytes, close) = ended.ok_or_else(missing)?;
                    group.append_column(&bytes, close)?;
                }
            }
        }
        group.close().map(drop)
    }

    /// Does `work` on the writer while that can reach the destination. That this cannot be written is the cause of
    /// whatever the writer says.
    fn reaching<T>(
        &mut self,
        destination: &mut Destination<'_>,
        work: impl FnOnce(&mut Self) -> ParquetResult<T>,
    ) -> Result<T> {
        self.target.lend(std::mem::replace(&mut destination.output, Output::Nothing));
        let place = format!("row group {}", self.group + 1);
        let done = sound(&place, || work(self));
        let (output, failure) = self.target.give_back();
        destination.output = output;
        match failure {
            Some(failure) => Err(failure),
            None => done,
        }
    }
}

impl RowSink for ParquetSink {
    fn write(
        &mut self,
        chunk: &mut Chunk,
        verdicts: &[Verdict],
        cascade: &Cascade,
        destination: &mut Destination<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        self.reaching(destination, |sink| {
            tally.filtered += sink.add(chunk, verdicts, cascade)?;
            let expected = sink.metadata.row_groups().get(sink.group).map(RowGroupMetaData::num_rows);
            if expected == i64::try_from(sink.rows).ok() {
                sink.complete()?;
                sink.begin(sink.group + 1);
            }
            Ok(())
        })
    }
}

impl ColumnSink for ParquetSink {
    fn finish(&mut self, destination: &mut Destination<'_>) -> Result<()> {
        if self.group < self.metadata.num_row_groups() {
            return Err(anyhow!("a row group has fewer rows than it should"));
        }
        self.reaching(destination, |sink| sink.writer.finish().map(drop)).context("cannot be written")
    }
}

/// Where each leaf of the output comes from.
fn origins(schema: &SchemaDescriptor, existing: Option<usize>, added: usize) -> Vec<Origin> {
    let mut origins = Vec::new();
    let mut leaf = 0;
    for (index, field) in schema.root_schema().get_fields().iter().enumerate() {
        let leaves = leaves_of(field);
        if existing == Some(index) {
            origins.push(Origin::Added(0));
        } else {
            origins.extend((leaf..leaf + leaves).map(Origin::Input));
        }
        leaf += leaves;
    }
    let behind = usize::from(existing.is_some());
    origins.extend((behind..=added).map(Origin::Added));
    origins
}

/// What is added to some rows, in one column.
#[derive(Default)]
struct Values {
    texts: Vec<ByteArray>,
    numbers: Vec<f32>,
    levels: Vec<i16>,
}

impl Values {
    fn push(&mut self, value: Value) {
        match value {
            Value::Text(text) => self.texts.push(ByteArray::from(text.into_bytes())),
            Value::Number(number) => self.numbers.push(number),
            Value::Nothing => return self.levels.push(0),
        }
        self.levels.push(1);
    }
}

/// The destination as the writer knows it: it is there only while a chunk is written.
#[derive(Clone, Default)]
struct Target(Arc<Mutex<Lent>>);

struct Lent {
    output: Output,
    failure: Option<anyhow::Error>,
}

impl Default for Lent {
    fn default() -> Self {
        Self { output: Output::Nothing, failure: None }
    }
}

impl Target {
    fn lend(&self, output: Output) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).output = output;
    }

    fn give_back(&self) -> (Output, Option<anyhow::Error>) {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::replace(&mut lent.output, Output::Nothing), lent.failure.take())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lent.output.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(failure) => {
                lent.failure = Some(failure);
                Err(io::Error::other("the output cannot be written"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
