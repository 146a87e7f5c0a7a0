//! A file that is read at positions: by several readers at once, none of which moves another.

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::sync::Arc;

/// A file with its length.
#[derive(Debug, Clone)]
pub struct PositionalFile {
    file: Arc<File>,
    length: u64,
}

/// Reads from a position on.
#[derive(Debug)]
pub struct From {
    file: Arc<File>,
    position: u64,
}

impl PositionalFile {
    /// This file, which must not change.
    ///
    /// # Errors
    /// When its length is unknown.
    pub fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.position)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Length for PositionalFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PositionalFile {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(1 << 16, From { file: Arc::clone(&self.file), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("it is longer than the file".to_owned()));
        }
        let mut bytes = vec![0; length];
        let mut reader = From { file: Arc::clone(&self.file), position: start };
        match reader.read_exact(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(ParquetError::EOF("it is longer than the file".to_owned()))
            }
            read => read.map(|()| bytes.into()).map_err(|error| ParquetError::External(Box::new(error))),
        }
    }
}
