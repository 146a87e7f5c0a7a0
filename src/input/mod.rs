//! Input: from bytes to chunks of records.
//!
//! A [`Chunk`] owns a piece of the file that ends where a record ends, and says where in it each record and its
//! interesting fields stand. Nothing is copied out: the record's own bytes go to the output as they came.

pub mod csv;
pub mod decode;
mod json;
mod lines;
pub mod open;
mod reader;

use std::borrow::Cow;

pub use json::JsonLayout;
pub use lines::LineLayout;
pub use reader::{BadRows, ChunkReader, Limits};

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldForm {
    /// As it is.
    #[default]
    Plain,
    /// In CSV's quotes.
    Quoted,
    /// As a JSON value.
    Json,
}

/// How records are cut, and which fields matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Delimited fields.
    Csv(csv::CsvLayout),
    /// A record a line.
    Lines(LineLayout),
}

impl Layout {
    /// Reads what stands at `start`. `last` says that nothing follows `data`.
    pub fn scan(&self, data: &[u8], start: usize, last: bool) -> csv::Scan {
        match self {
            Self::Csv(layout) => layout.scan(data, start, last),
            Self::Lines(layout) => layout.scan(data, start, last),
        }
    }
}

/// Where a field stands in its chunk, quotes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSpan {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// How it is written.
    pub form: FieldForm,
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
    /// The label that is to be overwritten; at 0 when it is new.
    pub label: FieldSpan,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// First byte in the chunk.
    pub start: u32,
    /// Behind what is kept of it: all, its line terminator included, unless it is longer than a record may be.
    pub end: u32,
    /// Where the next record begins.
    pub next: u32,
    /// Line of the file, from 1.
    pub line: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Why.
    pub reason: String,
}

/// A run of whole records.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The bytes of the records, and of blank lines between them.
    pub data: Vec<u8>,
    /// The records, in order.
    pub records: Vec<RecordSpan>,
    /// Records that could not be taken, in order; none of them is in `records`.
    pub rejects: Vec<Reject>,
    /// Line of the file, from 1, on which `data` begins.
    pub first_line: u64,
    /// Offset in the file at which `data` begins, in bytes.
    pub offset: u64,
}

impl Chunk {
    /// The content of a field, without its quotes.
    pub fn field(&self, span: FieldSpan) -> Cow<'_, [u8]> {
        let raw = &self.data[span.start as usize..span.end as usize];
        match span.form {
            FieldForm::Plain => Cow::Borrowed(raw),
            FieldForm::Quoted => csv::unquote(raw, true),
            FieldForm::Json => json::content(raw),
        }
    }

    /// Line of the file, from 1, on which the byte at `position` of the chunk stands.
    pub fn line_of(&self, position: usize) -> u64 {
        self.first_line + csv::lines_in(&self.data[..position])
    }
}
