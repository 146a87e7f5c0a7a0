//! Where a columnar input comes from. Parquet is read from its end, so it has to be a file; what is none becomes one.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::ColumnarError;
use super::kind::Kind;
use crate::input::decode::{Bytes, unpack};

/// The bytes of a columnar input.
pub enum Input {
    /// Arrow's IPC format.
    Arrow(Bytes),
    /// Parquet.
    Parquet(File),
}

impl Input {
    /// An input of `kind` with these bytes, which are those of the file at `path` where there is one. No more than `most`
    /// bytes may come of it when it is decompressed.
    ///
    /// # Errors
    /// When it cannot be read, or begins like something else.
    pub fn new(kind: Kind, bytes: Bytes, path: Option<&Path>, most: u64) -> Result<Self> {
        let (start, compressed, mut bytes) = unpack(bytes, most)?;
        if start.is_empty() {
            return Err(ColumnarError::Empty { kind }.into());
        }
        let found = Kind::of_start(&start);
        // The messages of old Arrow streams begin with their length alone.
        let is_old = kind == Kind::Arrow && found.is_none() && start.get(3) == Some(&0);
        if start.starts_with(b"PARE") {
            return Err(ColumnarError::Encrypted.into());
        }
        if found.is_none() && kind.could_begin(&start) {
            let place = "within its first bytes".to_owned();
            return Err(ColumnarError::Cut { kind, place }.into());
        }
        if found != Some(kind) && !is_old {
            let start = String::from_utf8_lossy(&start[..start.len().min(8)]).into_owned();
            return Err(ColumnarError::NotOne { kind, start }.into());
        }
        match (kind, path) {
            (Kind::Arrow, _) => Ok(Self::Arrow(bytes)),
            (Kind::Parquet, Some(path)) if !compressed && path.is_file() => {
                Ok(Self::Parquet(File::open(path)?))
            }
            (Kind::Parquet, _) => {
                let mut file = tempfile::tempfile().context("cannot make a temporary file")?;
                let mut held = vec![0; 1 << 16];
                loop {
                    let read = match bytes.read(&mut held) {
                        Ok(0) => break,
                        Ok(read) => read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => return Err(error).context("cannot be read"),
                    };
                    io::Write::write_all(&mut file, &held[..read])
                        .context("cannot be kept in a temporary file (TMPDIR says where)")?;
                }
                Ok(Self::Parquet(file))
            }
        }
    }
}
