//! From cells to the pipeline's chunks: only the cells that classification looks at are copied.

use std::borrow::Cow;

use crate::input::{Chunk, Companion, FieldForm, FieldSpan, Limits, LineEnds, RecordSpan};

/// A chunk holds this many rows at the most, so that short messages occupy all threads, too.
pub const ROWS: usize = 1 << 14;

/// Bytes that are set aside for what an input announces before any of it has come.
pub const TRUSTED: usize = 64 << 20;

/// A cell; nothing where it is null.
pub type Cell<'a> = Option<Cow<'a, [u8]>>;

/// The cells of a row that classification looks at.
#[derive(Debug, Default)]
pub struct Row<'a> {
    /// The message.
    pub message: Cell<'a>,
    /// The source.
    pub source: Cell<'a>,
    /// The severity.
    pub severity: Cell<'a>,
    /// The time.
    pub time: Cell<'a>,
}

/// A chunk that grows row by row.
#[derive(Debug)]
pub struct ChunkBuilder {
    chunk: Chunk,
    limits: Limits,
}

impl ChunkBuilder {
    /// A chunk whose first row has this number in its input, from 1.
    pub fn new(first: u64, limits: Limits) -> Self {
        Self { chunk: Chunk { first_line: first, line_ends: LineEnds::Records, ..Chunk::default() }, limits }
    }

    /// Whether no further row should be added.
    pub fn is_full(&self) -> bool {
        self.chunk.records.len() >= ROWS || self.chunk.data.len() >= self.limits.chunk_bytes
    }

    /// Adds a row. A message that is null, no UTF-8 or longer than a record may be is empty, hence unclassified.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
    pub fn push(&mut self, row: &Row<'_>) {
        let last = self.chunk.records.last().copied().unwrap_or_default();
        let start = self.chunk.data.len() as u32;
        let fits = |cell: &&[u8]| cell.len() <= self.limits.record_bytes;
        let message = row.message.as_deref().filter(fits).filter(|text| std::str::from_utf8(text).is_ok());
        let [source, severity, time] =
            [&row.source, &row.severity, &row.time].map(|cell| cell.as_deref().filter(fits));
        let message = self.append(message, FieldSpan::default());
        let source = self.append(source, last.source);
        let severity = self.append(severity, last.severity);
        let time = self.append(time, last.time);
        let end = self.chunk.data.len() as u32;
        // No two records begin at the same place, so that each can be told by it.
        self.chunk.data.push(b'\n');
        let label = FieldSpan::default();
        let next = end + 1;
        self.chunk.records.push(RecordSpan { start, end, next, message, source, severity, time, label });
    }

    /// Appends a cell, unless it is that of the row before.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
    fn append(&mut self, cell: Option<&[u8]>, before: FieldSpan) -> FieldSpan {
        let data = &mut self.chunk.data;
        match cell {
            None | Some([]) => FieldSpan::default(),
            Some(cell) if data[before.start as usize..before.end as usize] == *cell => before,
            Some(cell) => {
                let start = data.len() as u32;
                data.extend_from_slice(cell);
                FieldSpan { start, end: data.len() as u32, form: FieldForm::Plain }
            }
        }
    }

    /// The chunk, with what goes along with it.
    pub fn finish(mut self, companion: Option<Companion>) -> Chunk {
        self.chunk.companion = companion;
        self.chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_records_and_equal_neighbours_share_their_bytes() {
        let mut builder = ChunkBuilder::new(7, Limits { record_bytes: 10, ..Limits::default() });
        let cell = |text: &'static [u8]| Some(Cow::Borrowed(text));
        for message in [cell(b"one"), None, cell(b"\xff"), cell(b"longer than ten")] {
            builder.push(&Row { message, source: cell(b"app"), ..Row::default() });
        }
        let chunk = builder.finish(None);
        let messages: Vec<_> =
            chunk.records.iter().map(|record| chunk.field(record.message).into_owned()).collect();
        assert_eq!(messages, [&b"one"[..], b"", b"", b""]);
        assert!(chunk.records.iter().all(|record| &*chunk.field(record.source) == b"app"));
        assert_eq!(memchr::memmem::find_iter(&chunk.data, b"app").count(), 1);
        assert_eq!(chunk.line_of(chunk.records[3].start as usize), 10);
    }
}
