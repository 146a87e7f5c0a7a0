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
mod sound;
mod write;

use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use anyhow::Result;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use super::error::ColumnarError;
use super::kind::{Kind, PARQUET_MAGIC};
use super::wanted::{Opened, Wanted};
use file::PositionalFile;
use plan::Plan;
use sound::sound;

/// Reads the footer and finds the columns.
pub fn open(mut file: File, wanted: &Wanted) -> Result<Opened> {
    check_ends(&mut file)?;
    let file = PositionalFile::new(file)?;
    let metadata = Arc::new(metadata(&file)?);
    let plan = Plan::new(&metadata, wanted)?;
    let source = read::ParquetSource::new(file.clone(), Arc::clone(&metadata), &plan, wanted.limits);
    let sink = write::ParquetSink::new(file, metadata, &plan, wanted)?;
    Ok(Opened { source: Box::new(source), sink: Box::new(sink) })
}

/// Magic number, length of the footer, and magic number again, in bytes.
const SHORTEST: u64 = 12;

/// A Parquet file ends with its magic number. One that is encrypted ends with another.
fn check_ends(file: &mut File) -> Result<()> {
    let mut end = Vec::new();
    let read = file.seek(SeekFrom::End(-4)).and_then(|_| file.read_to_end(&mut end));
    match &end[..] {
        b"PARE" => Err(ColumnarError::Encrypted.into()),
        magic if read.is_ok_and(|_| magic == PARQUET_MAGIC) && file.metadata()?.len() >= SHORTEST => Ok(()),
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
