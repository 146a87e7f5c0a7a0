//! Reading a file in chunks that end where a record ends.

use anyhow::{Context, Result, bail};
use std::io::Read;

use super::csv::{CsvLayout, Scan, lines_in};
use super::{Chunk, RecordSpan};

/// Bounds on what is held in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size a chunk is filled to, in bytes.
    pub chunk_bytes: usize,
    /// Longest record, in bytes; an unclosed quote cannot swallow more.
    pub record_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chunk_bytes: 1 << 20, record_bytes: 16 << 20 }
    }
}

/// Cuts a stream into [`Chunk`]s.
pub struct ChunkReader<R> {
    reader: R,
    layout: CsvLayout,
    limits: Limits,
    /// Read, and not yet given out.
    carry: Vec<u8>,
    line: u64,
    offset: u64,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    /// Reads on in `reader`, of which `carry` was already read. The carry begins on `line` (from 1), `offset`
    /// bytes into the file.
    pub fn new(reader: R, carry: Vec<u8>, layout: CsvLayout, limits: Limits, line: u64, offset: u64) -> Self {
        Self { reader, layout, limits, carry, line, offset, ended: false }
    }

    /// The next chunk; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, a record has another number of fields than the header, a quote is never closed, or a
    /// record is longer than allowed; the message names line and remedy.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut wanted = self.limits.chunk_bytes;
        loop {
            self.fill(wanted)?;
            if self.carry.is_empty() {
                return Ok(None);
            }
            let mut records = Vec::with_capacity(self.carry.len() / 64);
            let end = self.scan(&mut records)?;
            if end == 0 {
                if self.carry.len() > self.limits.record_bytes {
                    self.fail_too_long()?;
                }
                wanted = self.carry.len() * 2;
                continue;
            }
            let rest = self.carry[end..].to_vec();
            let mut data = std::mem::replace(&mut self.carry, rest);
            data.truncate(end);
            let chunk = Chunk { first_line: self.line, offset: self.offset, records, data };
            self.line += lines_in(&chunk.data);
            self.offset += chunk.data.len() as u64;
            return Ok(Some(chunk));
        }
    }

    /// Reads until the carry holds `wanted` bytes or the stream ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.ended || self.carry.len() >= wanted {
            return Ok(());
        }
        let missing = (wanted - self.carry.len()) as u64;
        self.carry.reserve_exact(wanted - self.carry.len());
        let read = (&mut self.reader).take(missing).read_to_end(&mut self.carry).context("cannot be read")?;
        self.ended = (read as u64) < missing;
        Ok(())
    }

    /// Finds the whole records in the carry; returns where they end.
    fn scan(&self, records: &mut Vec<RecordSpan>) -> Result<usize> {
        let mut position = 0;
        while position < self.carry.len() {
            match self.layout.scan(&self.carry, position, self.ended) {
                Scan::Record(span) => {
                    position = span.next as usize;
                    records.push(span);
                }
                Scan::Blank(next) => position = next,
                Scan::Incomplete => break,
                Scan::Ragged { fields, .. } => {
                    let (line, offset) = self.place(position);
                    let (count, header) = (plural(fields, "field"), self.layout.fields);
                    bail!(
                        "line {line} (byte {offset}): {count}, header has {header} \
                         (is there a delimiter or a newline in a field that is not quoted?)"
                    );
                }
                Scan::Unclosed(quote) => return self.fail_unclosed(quote),
            }
        }
        Ok(position)
    }

    fn fail_unclosed<T>(&self, quote: usize) -> Result<T> {
        let (line, offset) = self.place(quote);
        bail!("line {line} (byte {offset}): a quote is opened here and never closed");
    }

    fn fail_too_long(&self) -> Result<()> {
        let (line, offset) = self.place(0);
        bail!(
            "line {line} (byte {offset}): the record is longer than {} bytes: is a quote left open? \
             (--max-record-bytes sets the limit)",
            self.limits.record_bytes
        );
    }

    /// Line and offset in the file of a position in the carry.
    fn place(&self, position: usize) -> (u64, u64) {
        (self.line + lines_in(&self.carry[..position]), self.offset + position as u64)
    }
}

/// `1 field`, `3 fields`.
fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
