//! The cells of the columns that are looked at, row group by row group, a slice at a time.

use ::parquet::column::reader::{ColumnReader, get_column_reader};
use ::parquet::data_type::{AsBytes, ByteArray, FixedLenByteArray, Int96};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;
use anyhow::Result;
use std::borrow::Cow;
use std::sync::Arc;

use super::super::chunks::{Cell, ChunkBuilder, Row};
use super::file::PositionalFile;
use super::plan::{Leaf, Plan};
use super::sound::sound;
use crate::input::{Chunk, ChunkSource, Limits};

/// Rows that are decoded at a time.
const SLICE: usize = 1 << 10;

/// The rows of a file. No chunk has rows of two row groups.
pub struct ParquetSource {
    file: PositionalFile,
    metadata: Arc<ParquetMetaData>,
    leaves: [Option<Leaf>; 4],
    limits: Limits,
    /// The row group at hand.
    group: usize,
    /// Its readers, and how many of its rows are left.
    within: Option<([Option<LeafReader>; 4], usize)>,
    /// Rows that were given out.
    rows: u64,
}

impl ParquetSource {
    /// All rows of `file`.
    pub fn new(file: PositionalFile, metadata: Arc<ParquetMetaData>, plan: &Plan, limits: Limits) -> Self {
        let leaves = [Some(plan.message), plan.source, plan.severity, plan.time];
        Self { file, metadata, leaves, limits, group: 0, within: None, rows: 0 }
    }

    fn begin(&self) -> ParquetResult<[Option<LeafReader>; 4]> {
        let mut readers = [const { None }; 4];
        for (reader, leaf) in readers.iter_mut().zip(self.leaves) {
            *reader =
                leaf.map(|leaf| LeafReader::new(&self.file, &self.metadata, self.group, leaf)).transpose()?;
        }
        Ok(readers)
    }

    /// Adds rows until the chunk is full or the row group ends.
    fn fill(
        readers: &mut [Option<LeafReader>; 4],
        left: &mut usize,
        chunk: &mut ChunkBuilder,
    ) -> ParquetResult<u64> {
        let mut added = 0;
        while *left > 0 && !chunk.is_full() {
            let rows = SLICE.min(*left);
            for reader in readers.iter_mut().flatten() {
                reader.read(rows)?;
            }
            let mut cells = readers.each_ref().map(|reader| reader.as_ref().map(LeafReader::cells));
            for _ in 0..rows {
                let [message, source, severity, time] =
                    cells.each_mut().map(|cells| cells.as_mut().and_then(Iterator::next).flatten());
                chunk.push(&Row { message, source, severity, time });
            }
            *left -= rows;
            added += rows as u64;
        }
        Ok(added)
    }
}

impl ChunkSource for ParquetSource {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            let place = format!("row group {}", self.group + 1);
            let Some((readers, left)) = &mut self.within else {
                let Some(group) = self.metadata.row_groups().get(self.group) else { return Ok(None) };
                let rows = usize::try_from(group.num_rows())?;
                if rows == 0 {
                    self.group += 1;
                } else {
                    let readers = sound(&place, || self.begin())?;
                    self.within = Some((readers, rows));
                }
                continue;
            };
            let mut chunk = ChunkBuilder::new(self.rows + 1, self.limits);
            self.rows += sound(&place, || Self::fill(readers, left, &mut chunk))?;
            if *left == 0 {
                (self.within, self.group) = (None, self.group + 1);
            }
            return Ok(Some(chunk.finish(None)));
        }
    }
}

/// Reads a leaf of a row group.
struct LeafReader {
    reader: ColumnReader,
    leaf: Leaf,
    name: String,
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
    Small(Vec<i32>),
    Large(Vec<i64>),
    Days(Vec<Int96>),
}

impl LeafReader {
    fn new(
        file: &PositionalFile,
        metadata: &ParquetMetaData,
        group: usize,
        leaf: Leaf,
    ) -> ParquetResult<Self> {
        let group = metadata.row_group(group);
        let column = group.column(leaf.index);
        let rows = usize::try_from(group.num_rows())?;
        let pages = SerializedPageReader::new(Arc::new(file.clone()), column, rows, None)?;
        let reader = get_column_reader(column.column_descr_ptr(), Box::new(pages));
        let values = match reader {
            ColumnReader::FixedLenByteArrayColumnReader(_) => Values::Fixed(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::Small(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Large(Vec::new()),
            ColumnReader::Int96ColumnReader(_) => Values::Days(Vec::new()),
            _ => Values::Bytes(Vec::new()),
        };
        Ok(Self { reader, leaf, name: column.column_path().string(), levels: Vec::new(), values })
    }

    /// Reads the next rows.
    fn read(&mut self, rows: usize) -> ParquetResult<()> {
        self.levels.clear();
        let levels = Some(&mut self.levels);
        macro_rules! read {
            ($reader:ident, $values:ident) => {{
                $values.clear();
                $reader.read_records(rows, levels, None, $values)
            }};
        }
        let (read, ..) = match (&mut self.reader, &mut self.values) {
            (ColumnReader::ByteArrayColumnReader(reader), Values::Bytes(values)) => read!(reader, values),
            (ColumnReader::FixedLenByteArrayColumnReader(reader), Values::Fixed(values)) => {
                read!(reader, values)
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Small(values)) => read!(reader, values),
            (ColumnReader::Int64ColumnReader(reader), Values::Large(values)) => read!(reader, values),
            (ColumnReader::Int96ColumnReader(reader), Values::Days(values)) => read!(reader, values),
            _ => Err(ParquetError::General("its type is none that is read".to_owned())),
        }
        .map_err(|error| match error {
            ParquetError::General(why) => ParquetError::General(format!("column {:?}: {why}", self.name)),
            other => other,
        })?;
        if read < rows {
            let why = format!("column {:?}: it has fewer rows than the row group", self.name);
            return Err(ParquetError::General(why));
        }
        Ok(())
    }

    /// The cells of these rows.
    fn cells(&self) -> Box<dyn Iterator<Item = Cell<'_>> + '_> {
        match &self.values {
            Values::Bytes(values) => self.spread(values, |value| Cow::Borrowed(value.as_bytes())),
            Values::Fixed(values) => self.spread(values, |value| Cow::Borrowed(value.as_bytes())),
            Values::Small(values) => self.spread(values, |value| number(i64::from(*value))),
            Values::Large(values) => {
                let each_second = self.leaf.each_second;
                self.spread(values, move |value| number(value.div_euclid(each_second)))
            }
            Values::Days(values) => self.spread(values, |value| number(value.to_seconds())),
        }
    }

    /// Puts the values where they are defined.
    fn spread<'a, T>(
        &'a self,
        values: &'a [T],
        cell: impl Fn(&'a T) -> Cow<'a, [u8]> + 'a,
    ) -> Box<dyn Iterator<Item = Cell<'a>> + 'a> {
        let mut values = values.iter();
        if self.leaf.defined == 0 {
            return Box::new(values.map(move |value| Some(cell(value))));
        }
        let defined = self.leaf.defined;
        let levels = self.levels.iter();
        Box::new(levels.map(move |&level| if level == defined { values.next().map(&cell) } else { None }))
    }
}

fn number(value: i64) -> Cow<'static, [u8]> {
    Cow::Owned(value.to_string().into_bytes())
}
