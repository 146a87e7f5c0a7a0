//! Column chunks that are made here, in memory: encoded and compressed as they grow.

use ::parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// A column chunk that grows.
pub struct ChunkEncoder {
    /// Takes the values.
    pub writer: ColumnWriter<'static>,
    pages: Pages,
}

/// The pages of a column chunk.
#[derive(Clone)]
struct Pages(Arc<Mutex<Option<TrackedWrite<Vec<u8>>>>>);

impl ChunkEncoder {
    /// A chunk of the column that `column` describes.
    pub fn new(column: ColumnDescPtr, properties: WriterPropertiesPtr) -> Self {
        let pages = Pages(Arc::new(Mutex::new(Some(TrackedWrite::new(Vec::new())))));
        Self { writer: get_column_writer(column, properties, Box::new(pages.clone())), pages }
    }

    /// Adds texts; where the column may have nulls, `levels` says which rows have one.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn texts(&mut self, texts: &[ByteArray], levels: Option<&[i16]>) -> Result<()> {
        match &mut self.writer {
            ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(texts, levels, None).map(drop),
            _ => Err(wrong_type()),
        }
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn numbers(&mut self, numbers: &[f32]) -> Result<()> {
        match &mut self.writer {
            ColumnWriter::FloatColumnWriter(writer) => writer.write_batch(numbers, None, None).map(drop),
            _ => Err(wrong_type()),
        }
    }

    /// The bytes of the chunk, and what is to be known of them.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn finish(self) -> Result<(Bytes, ColumnCloseResult)> {
        let close = self.writer.close()?;
        let pages = self.pages.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bytes = pages.map_or_else(|| Ok(Vec::new()), TrackedWrite::into_inner)?;
        Ok((bytes.into(), close))
    }
}

impl PageWriter for Pages {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = pages.as_mut().ok_or_else(|| ParquetError::General("the chunk has ended".to_owned()))?;
        SerializedPageWriter::new(pages).write_page(page)
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An error for values of another type than the column's.
pub fn wrong_type() -> ParquetError {
    ParquetError::General("a column and its values have different types".to_owned())
}
