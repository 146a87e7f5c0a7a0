//! Column chunks of the input for the output: as they are, or without some of their rows.

use ::parquet::basic::Compression;
use ::parquet::bloom_filter::Sbbf;
use ::parquet::column::page::{Page, PageReader};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter, ColumnWriterImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::serialized_reader::SerializedPageReader;
use bytes::Bytes;
use std::sync::Arc;

use super::encode::{ChunkEncoder, wrong_type};
use super::file::PositionalFile;

/// Records that are filtered at a time.
const SLICE: usize = 1 << 10;

/// Looks at every page of a column chunk that nobody decodes: its header, its checksum where it has one, whether it can be
/// decompressed, and how many values it says it has. A damaged page is not copied without a word. Where there is no
/// decompressor, it is taken as it is.
pub fn check(file: &PositionalFile, column: &ColumnChunkMetaData, rows: usize) -> Result<()> {
    if matches!(column.compression(), Compression::BROTLI(_) | Compression::LZO) {
        return Ok(());
    }
    let mut pages = SerializedPageReader::new(Arc::new(file.clone()), column, rows, None)?;
    let mut values = 0;
    while let Some(page) = pages.get_next_page().map_err(|error| named(column, error))? {
        if !matches!(page, Page::DictionaryPage { .. }) {
            values += i64::from(page.num_values());
        }
    }
    if values == column.num_values() {
        return Ok(());
    }
    let why = format!("its pages have {values} values, and it should have {}", column.num_values());
    Err(named(column, ParquetError::General(why)))
}

/// What is to be known of a column chunk that is copied.
pub fn as_it_is(
    file: &PositionalFile,
    metadata: &ParquetMetaData,
    group: usize,
    leaf: usize,
) -> ColumnCloseResult {
    let rows = metadata.row_group(group).num_rows();
    let column = metadata.row_group(group).column(leaf);
    let index = metadata.page_index();
    ColumnCloseResult {
        bytes_written: column.compressed_size().unsigned_abs(),
        rows_written: rows.unsigned_abs(),
        metadata: column.clone(),
        bloom_filter: Sbbf::read_from_column_chunk(column, file).ok().flatten(),
        column_index: index.and_then(|index| index.column_index(group, leaf)).cloned(),
        offset_index: index.and_then(|index| index.offset_index(group, leaf)).cloned(),
    }
}

/// A column chunk that has only the rows that pass.
pub fn filtered(
    file: &PositionalFile,
    column: &ColumnChunkMetaData,
    passes: &[bool],
) -> Result<(Bytes, ColumnCloseResult)> {
    let pages = SerializedPageReader::new(Arc::new(file.clone()), column, passes.len(), None)?;
    let mut reader = get_column_reader(column.column_descr_ptr(), Box::new(pages));
    let compression = match column.compression() {
        Compression::LZ4 => Compression::LZ4_RAW,
        other => other,
    };
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut encoder = ChunkEncoder::new(column.column_descr_ptr(), Arc::new(properties));
    macro_rules! filter {
        ($($reader:ident, $writer:ident);*) => {
            match (&mut reader, &mut encoder.writer) {
                $((ColumnReader::$reader(reader), ColumnWriter::$writer(writer)) => {
                    filter(reader, writer, column, passes)
                })*
                _ => Err(wrong_type()),
            }
        };
    }
    filter!(
        BoolColumnReader, BoolColumnWriter;
        Int32ColumnReader, Int32ColumnWriter;
        Int64ColumnReader, Int64ColumnWriter;
        Int96ColumnReader, Int96ColumnWriter;
        FloatColumnReader, FloatColumnWriter;
        DoubleColumnReader, DoubleColumnWriter;
        ByteArrayColumnReader, ByteArrayColumnWriter;
        FixedLenByteArrayColumnReader, FixedLenByteArrayColumnWriter
    )
    .map_err(|error| named(column, error))?;
    encoder.finish()
}

fn filter<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    writer: &mut ColumnWriterImpl<'_, T>,
    column: &ColumnChunkMetaData,
    passes: &[bool],
) -> Result<()> {
    let (most_defined, most_repeated) =
        (column.column_descr().max_def_level(), column.column_descr().max_rep_level());
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for passes in passes.chunks(SLICE) {
        defined.clear();
        repeated.clear();
        values.clear();
        let (records, _, levels) =
            reader.read_records(passes.len(), Some(&mut defined), Some(&mut repeated), &mut values)?;
        if records < passes.len() {
            return Err(ParquetError::General("it has fewer rows than the row group".to_owned()));
        }
        let (mut kept_defined, mut kept_repeated, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut record = 0;
        let mut rest = values.iter();
        for level in 0..levels {
            if level > 0 && (most_repeated == 0 || repeated[level] == 0) {
                record += 1;
            }
            let value = if most_defined == 0 || defined[level] == most_defined { rest.next() } else { None };
            if passes.get(record).copied().unwrap_or_default() {
                kept.extend(value.cloned());
                kept_defined.extend(defined.get(level));
                kept_repeated.extend(repeated.get(level));
            }
        }
        writer.write_batch(
            &kept,
            (most_defined > 0).then_some(&kept_defined[..]),
            (most_repeated > 0).then_some(&kept_repeated[..]),
        )?;
    }
    Ok(())
}

/// The error with the name of its column in front.
fn named(column: &ColumnChunkMetaData, error: ParquetError) -> ParquetError {
    match error {
        ParquetError::General(why) => {
            ParquetError::General(format!("column {:?}: {why}", column.column_path().string()))
        }
        other => other,
    }
}
