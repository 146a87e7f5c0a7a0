//! Parquet: the cells that are looked at are decoded, every other column is copied as it is in the file.
//!
//! So a column comes back with its type, encoding, compression, statistics, page index and Bloom filter, also where no
//! reader of ours knows the type, and costs little more than reading and writing it. Only `--only` and `--except`, which
//! leave rows out, have columns decoded and encoded; that, too, is done on the level of the file's own types.

mod copy;
mod encode;
mod file;
mod plan;
mod read;
mod schema;
mod write;

use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use anyhow::Result;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use super::kind::PARQUET_MAGIC;
use super::{ColumnarError, Kind, Opened, Wanted};
use crate::unwinding::quietly;
use file::PositionalFile;
use plan::Plan;

/// Reads the footer and finds the columns.
pub fn open(mut file: File, wanted: Wanted) -> Result<Opened> {
    check_ends(&mut file)?;
    let file = PositionalFile::new(file)?;
    let metadata = Arc::new(metadata(&file)?);
    let plan = Arc::new(Plan::new(&metadata, &wanted)?);
    let source = read::ParquetSource::new(file.clone(), Arc::clone(&metadata), &plan, wanted.limits);
    let sink = write::ParquetSink::new(file, metadata, plan, wanted)?;
    Ok(Opened { source: Box::new(source), sink: Box::new(sink) })
}

/// A Parquet file ends with its magic number. One that is encrypted ends with another.
fn check_ends(file: &mut File) -> Result<()> {
    let mut end = Vec::new();
    let read = file.seek(SeekFrom::End(-4)).and_then(|_| file.read_to_end(&mut end));
    match &end[..] {
        b"PARE" => Err(ColumnarError::Encrypted.into()),
        magic if read.is_ok() && magic == PARQUET_MAGIC => Ok(()),
        _ => {
            let place = "its footer is missing".to_owned();
            Err(ColumnarError::Cut { kind: Kind::Parquet, place }.into())
        }
    }
}

fn metadata(file: &PositionalFile) -> Result<ParquetMetaData> {
    let read = || {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.parse_and_finish(file)?;
        for group in metadata.row_groups() {
            for column in group.columns() {
                // Panics where they are impossible.
                let (start, length) = column.byte_range();
                let end = start.checked_add(length).filter(|&end| end <= file.length());
                end.ok_or_else(|| {
                    ParquetError::General("a column is behind the end of the file".to_owned())
                })?;
            }
            usize::try_from(group.num_rows())?;
        }
        Ok(metadata)
    };
    sound("its footer", read)
}

/// What `work` on the file gives; that it fails or panics is damage in `place`, unless it says otherwise itself.
fn sound<T>(place: &str, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    let damaged =
        |why: String| ColumnarError::Damaged { kind: Kind::Parquet, place: place.to_owned(), why }.into();
    match quietly(work) {
        Some(Ok(done)) => Ok(done),
        Some(Err(ParquetError::External(cause))) if cause.is::<std::io::Error>() => {
            Err(anyhow::anyhow!(cause).context("cannot be read"))
        }
        Some(Err(ParquetError::NYI(what))) => {
            Err(ColumnarError::Unsupported { what, remedy: "write the file again with zstd or snappy" }
                .into())
        }
        Some(Err(error)) => Err(damaged(words(&error))),
        None => Err(damaged("its structure makes no sense".to_owned())),
    }
}

/// The library's own words, without the kind of error in front.
fn words(error: &ParquetError) -> String {
    let text = error.to_string();
    ["Parquet error: ", "External: ", "EOF: "]
        .iter()
        .fold(text.as_str(), |text, kind| text.strip_prefix(kind).unwrap_or(text))
        .to_owned()
}
