//! What a columnar input is, told by its name and by its first bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use crate::input::decode::Bytes;

/// What a columnar input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Arrow's IPC format: a file, or streams one behind the other.
    Arrow,
    /// Parquet.
    Parquet,
}

/// What an Arrow file begins with.
pub(super) const ARROW_MAGIC: &[u8] = b"ARROW1\0\0";
/// What a Parquet file begins with, and ends with.
pub(super) const PARQUET_MAGIC: &[u8] = b"PAR1";
/// What a message of an Arrow stream begins with.
pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes that tell what an input is.
const START: usize = 8;
/// Longest schema message that a stream is recognised by, in bytes.
const LONGEST_SCHEMA: u32 = 64 << 20;

impl Kind {
    /// The kind that a file's extension stands for.
    pub fn named(extension: &str) -> Option<Self> {
        match extension {
            "arrow" | "arrows" | "feather" => Some(Self::Arrow),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The kind that these first bytes leave no doubt of.
    pub fn of_start(start: &[u8]) -> Option<Self> {
        if start.starts_with(PARQUET_MAGIC) {
            return Some(Self::Parquet);
        }
        let begins_message = start.get(..START).is_some_and(|start| {
            let length = u32::from_le_bytes([start[4], start[5], start[6], start[7]]);
            start.starts_with(&CONTINUATION) && length % 8 == 0 && (8..LONGEST_SCHEMA).contains(&length)
        });
        (start.starts_with(ARROW_MAGIC) || begins_message).then_some(Self::Arrow)
    }

    /// The kind that the content of the file at `path` leaves no doubt of; nothing for what is no regular file, or
    /// cannot be read.
    pub fn of_file(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok().filter(|_| path.is_file())?;
        let mut start = Vec::new();
        file.by_ref().take(START as u64).read_to_end(&mut start).ok()?;
        Self::of_start(&start)
    }

    /// The same for `bytes`, which are given back whole. Of a live stream no more is waited for than could still tell.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_bytes(mut bytes: Bytes) -> io::Result<(Option<Self>, Bytes)> {
        let mut start = Vec::new();
        while start.len() < START && could_be_columnar(&start) {
            let mut next = [0; START];
            match bytes.read(&mut next[..START - start.len()]) {
                Ok(0) => break,
                Ok(read) => start.extend_from_slice(&next[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Self::of_start(&start), Box::new(Cursor::new(start).chain(bytes))))
    }

    /// Whether something of this kind could begin with so few bytes.
    pub fn could_begin(self, start: &[u8]) -> bool {
        let magic: &[&[u8]] = match self {
            Self::Arrow => &[ARROW_MAGIC, &CONTINUATION],
            Self::Parquet => &[PARQUET_MAGIC],
        };
        start.len() < START && magic.iter().any(|magic| begins_alike(start, magic))
    }

    /// What it is called in errors.
    pub fn words(self) -> &'static str {
        match self {
            Self::Arrow => "an Arrow stream or file",
            Self::Parquet => "a Parquet file",
        }
    }
}

fn could_be_columnar(start: &[u8]) -> bool {
    [ARROW_MAGIC, PARQUET_MAGIC, &CONTINUATION].iter().any(|magic| begins_alike(start, magic))
}

fn begins_alike(start: &[u8], magic: &[u8]) -> bool {
    let length = start.len().min(magic.len());
    start[..length] == magic[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_name_and_by_content() {
        assert_eq!(Kind::named("feather"), Some(Kind::Arrow));
        assert_eq!(Kind::named("csv"), None);
        assert_eq!(Kind::of_start(b"PAR1"), Some(Kind::Parquet));
        assert_eq!(Kind::of_start(b"ARROW1\0\0"), Some(Kind::Arrow));
        assert_eq!(Kind::of_start(b"ARROW1 is a mission"), None);
        assert_eq!(Kind::of_start(b"\xff\xff\xff\xff\x90\0\0\0"), Some(Kind::Arrow));
        assert_eq!(Kind::of_start(b"\xff\xff\xff\xff\x91\0\0\0"), None);
        let (kind, mut bytes) = Kind::of_bytes(Box::new(&b"PAR"[..])).unwrap();
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).unwrap();
        assert_eq!((kind, &all[..]), (None, &b"PAR"[..]));
    }
}
