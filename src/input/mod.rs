//! Input: from bytes to chunks of records.
//!
//! A [`Chunk`] owns a piece of the file that ends where a record ends, and says where in it each record and its
//! interesting fields stand. Nothing is copied out: the record's own bytes go to the output as they came.

pub mod csv;
pub mod open;
mod reader;

use std::borrow::Cow;

pub use reader::{ChunkReader, Limits};

/// Where a field stands in its chunk, quotes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSpan {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// Whether it begins with a quote and must be unquoted to be read.
    pub quoted: bool,
}

/// Where a record stands in its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordSpan {
    /// First byte.
    pub start: u32,
    /// Behind the last byte before the line terminator.
    pub end: u32,
    /// Behind the line terminator.
    pub next: u32,
    /// The message.
    pub message: FieldSpan,
    /// The source; empty when the input has none.
    pub source: FieldSpan,
    /// The label column that is to be overwritten; empty when it is new.
    pub label: FieldSpan,
}

/// A run of whole records.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The bytes of the records, and of blank lines between them.
    pub data: Vec<u8>,
    /// The records, in order.
    pub records: Vec<RecordSpan>,
    /// Line of the file, from 1, on which `data` begins.
    pub first_line: u64,
    /// Offset in the file at which `data` begins, in bytes.
    pub offset: u64,
}

impl Chunk {
    /// The content of a field, unquoted.
    pub fn field(&self, span: FieldSpan) -> Cow<'_, [u8]> {
        csv::unquote(&self.data[span.start as usize..span.end as usize], span.quoted)
    }

    /// Line of the file, from 1, on which the byte at `position` of the chunk stands.
    pub fn line_of(&self, position: usize) -> u64 {
        self.first_line + csv::lines_in(&self.data[..position])
    }
}
