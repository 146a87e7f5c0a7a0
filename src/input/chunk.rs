//! A piece of a file that ends where a record ends, and how it is cut into records.

use std::borrow::Cow;

use super::csv::{self, CsvLayout, LineEnds, Scan};
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

    /// What ends a line of the file where lines are counted.
    pub(super) fn line_ends(&self) -> LineEnds {
        match self {
            Self::Csv(layout) => layout.line_ends,
            Self::Lines(_) => LineEnds::Feeds,
        }
    }

    /// Behind the first end of a record from `start` on, quotes aside; nothing while it has not come. A `\n` may
    /// yet follow a `\r`, unless `last` says that nothing follows.
    pub(super) fn record_end(&self, data: &[u8], start: usize, last: bool) -> Option<usize> {
        match self {
            Self::Lines(_) => Some(start + memchr::memchr(b'\n', &data[start..])? + 1),
            Self::Csv(_) => {
                let found = start + memchr::memchr2(b'\n', b'\r', &data[start..])?;
                match (data[found], data.get(found + 1)) {
                    (b'\r', Some(b'\n')) => Some(found + 2),
                    (b'\r', None) if !last => None,
                    _ => Some(found + 1),
                }
            }
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

/// Something of the source's own that travels with a chunk to its writer.
pub type Companion = Box<dyn std::any::Any + Send + Sync>;

/// Where chunks come from.
pub trait ChunkSource: Send {
    /// The next chunk; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, or a record cannot be taken.
    fn next_chunk(&mut self) -> anyhow::Result<Option<Chunk>>;
}

impl<S: ChunkSource + ?Sized> ChunkSource for Box<S> {
    fn next_chunk(&mut self) -> anyhow::Result<Option<Chunk>> {
        (**self).next_chunk()
    }
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
    /// NULs that stood before `data` and are only counted: a log that was truncated while it was written begins
    /// with any number of them. They belong to what stands first.
    pub hole: u64,
    /// What ends a line where lines are counted.
    pub line_ends: LineEnds,
    /// What goes with the records to whoever writes them, where that is more than their bytes.
    pub companion: Option<Companion>,
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

    /// Line of the file, from 1, on which the byte at `position` of the chunk stands; where there are no lines, the
    /// number of the record that begins there.
    pub fn line_of(&self, position: usize) -> u64 {
        if self.line_ends == LineEnds::Records {
            let before = self.records.partition_point(|record| (record.start as usize) < position);
            return self.first_line + before as u64;
        }
        self.first_line + self.line_ends.count(&self.data[..position])
    }

    /// The same for many positions that ascend, in one pass over the chunk.
    pub fn line_counter(&self) -> LineCounter<'_> {
        LineCounter { chunk: self, position: 0, line: self.first_line }
    }
}

/// Lines of a chunk's positions: each is counted from the one before.
#[derive(Debug)]
pub struct LineCounter<'a> {
    chunk: &'a Chunk,
    position: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// As [`Chunk::line_of`]; quick where `position` is not before the last one that was asked for.
    pub fn line_of(&mut self, position: usize) -> u64 {
        if self.chunk.line_ends == LineEnds::Records || position < self.position {
            return self.chunk.line_of(position);
        }
        self.line += self.chunk.line_ends.count(&self.chunk.data[self.position..position]);
        self.position = position;
        self.line
    }
}
