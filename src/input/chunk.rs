//! A piece of a file that ends where a record ends, and how it is cut into records.

use std::borrow::Cow;

use super::csv::{self, CsvLayout, Scan};
use super::error::RecordError;
use super::json;
use super::lines::LineLayout;
use super::span::{FieldForm, FieldSpan, RecordSpan};
use crate::envelope::{Envelope, Severity};

/// How records are cut, and which fields matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Delimited fields.
    Csv(CsvLayout),
    /// A record a line.
    Lines(LineLayout),
}

impl Layout {
    /// Reads what stands at `start`. `last` says that nothing follows `data`.
    pub fn scan(&self, data: &[u8], start: usize, last: bool) -> Scan {
        match self {
            Self::Csv(layout) => layout.scan(data, start, last),
            Self::Lines(layout) => layout.scan(data, start, last),
        }
    }
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// First byte in the chunk.
    pub start: u32,
    /// Behind what is kept of it: all, its line terminator included, unless it is longer than a record may
    /// be.
    pub end: u32,
    /// Where the next record begins.
    pub next: u32,
    /// Line of the file, from 1.
    pub line: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Why.
    pub reason: RecordError,
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

    /// The severity of a record whose message has this envelope: that of its own field, where it has one that says so.
    pub fn severity(&self, record: &RecordSpan, envelope: &Envelope<'_>) -> Option<Severity> {
        let of_field = || Severity::of_field(&self.field(record.severity));
        if record.severity.end > 0 { of_field().or(envelope.severity) } else { envelope.severity }
    }

    /// Line of the file, from 1, on which the byte at `position` of the chunk stands.
    pub fn line_of(&self, position: usize) -> u64 {
        self.first_line + csv::lines_in(&self.data[..position])
    }
}
