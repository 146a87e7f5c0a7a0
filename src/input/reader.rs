//! Reading a file in chunks that end where a record ends.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Read};
use std::ops::Range;

use super::csv::Scan;
use super::{Chunk, ChunkSource, InputError, Layout, RecordError, RecordSpan, Reject};

/// What becomes of a record that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadRows {
    /// It ends the run.
    #[default]
    Fail,
    /// It is set aside, and the run goes on.
    Skip,
    /// It is set aside, to become a row that is Unclassified; an object without a message is a record.
    Unclassified,
}

/// Bounds on what is held in memory, and how to read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size a chunk is filled to, in bytes.
    pub chunk_bytes: usize,
    /// Longest record, in bytes; an unclosed quote cannot swallow more.
    pub record_bytes: usize,
    /// What becomes of a record that cannot be taken.
    pub bad_rows: BadRows,
    /// Give out records as they come, without waiting for a chunk to fill.
    pub live: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chunk_bytes: 1 << 20, record_bytes: 16 << 20, bad_rows: BadRows::Fail, live: false }
    }
}

/// What a live stream is asked for at a time, in bytes.
const LIVE_BYTES: usize = 64 << 10;

/// NULs at the beginning of a line from which on they are counted instead of held.
const HOLE: usize = 4 << 10;

/// Cuts a stream into [`Chunk`]s.
pub struct ChunkReader<R> {
    reader: R,
    layout: Layout,
    limits: Limits,
    /// Read, and not yet given out.
    carry: Vec<u8>,
    line: u64,
    offset: u64,
    ended: bool,
    /// A live stream says nothing more for now, so the last record is whole if its line is.
    silent: bool,
    /// Inside a line that was too long: what is left of it is passed over.
    passing: bool,
    /// NULs before the carry that are only counted; one more, which the carry begins with, stands for them.
    hole: u64,
    /// What ends the run once the records before it were given out.
    failure: Option<anyhow::Error>,
    /// The next chunk, where it was looked at already.
    peeked: Option<Chunk>,
}

impl<R: Read> ChunkReader<R> {
    /// Reads on in `reader`, of which `carry` was already read. The carry begins on `line` (from 1), `offset`
    /// bytes into the file.
    pub fn new(reader: R, carry: Vec<u8>, layout: Layout, limits: Limits, line: u64, offset: u64) -> Self {
        Self {
            reader,
            layout,
            limits,
            carry,
            line,
            offset,
            ended: false,
            silent: false,
            passing: false,
            hole: 0,
            failure: None,
            peeked: None,
        }
    }

    /// The chunk that [`ChunkReader::next_chunk`] gives next; nothing at the end.
    ///
    /// # Errors
    /// Those of [`ChunkReader::next_chunk`].
    pub fn peek(&mut self) -> Result<Option<&Chunk>> {
        if self.peeked.is_none() {
            self.peeked = self.next_chunk()?;
        }
        Ok(self.peeked.as_ref())
    }

    /// The next chunk; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, or a record cannot be taken and bad rows are not skipped: it has another number of
    /// fields than the header, a quote is never closed, it is longer than allowed, or it is no JSON object;
    /// this is an [`InputError`] with its line.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if let Some(chunk) = self.peeked.take() {
            return Ok(Some(chunk));
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut wanted = self.limits.chunk_bytes;
        loop {
            if !self.limits.live {
                self.fill(wanted)?;
            }
            if self.passing {
                self.pass_over();
            }
            self.count_hole();
            let mut chunk = Chunk {
                first_line: self.line,
                offset: self.offset,
                hole: self.hole,
                line_ends: self.layout.line_ends(),
                records: Vec::with_capacity(self.carry.len() / 64),
                ..Chunk::default()
            };
            let end = match (self.scan(&mut chunk.records, &mut chunk.rejects), chunk.records.last()) {
                (Ok(end), _) => end,
                // Whoever waits for each record gets those that came before the bad one.
                (Err(failure), Some(last)) if self.limits.live => {
                    self.failure = Some(failure);
                    last.next as usize
                }
                (Err(failure), _) => return Err(failure),
            };
            self.silent = false;
            if end > 0 {
                let rest = self.carry[end..].to_vec();
                chunk.data = std::mem::replace(&mut self.carry, rest);
                chunk.data.truncate(end);
                self.line += chunk.line_ends.count(&chunk.data);
                self.offset += chunk.data.len() as u64;
                self.hole = 0;
                return Ok(Some(chunk));
            }
            if self.ended {
                return Ok(None);
            }
            if self.limits.live {
                self.read_some()?;
            } else {
                wanted = self.limits.chunk_bytes.max(self.carry.len() * 2);
            }
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

    /// Waits for something to come, and takes what is there.
    fn read_some(&mut self) -> Result<()> {
        match read_some(&mut self.reader, &mut self.carry) {
            Err(error) if error.kind() == ErrorKind::TimedOut => self.silent = true,
            read => self.ended = read.context("cannot be read")? == 0,
        }
        Ok(())
    }

    /// Takes the NULs that the carry begins with out of memory, if they are many.
    fn count_hole(&mut self) {
        if self.passing || !matches!(self.layout, Layout::Lines(_)) {
            return;
        }
        let zeros = self.carry.iter().take_while(|&&byte| byte == 0).count();
        if zeros >= self.least_hole() || (self.hole > 0 && zeros > 1) {
            self.carry.drain(..zeros - 1);
            self.hole += zeros as u64 - 1;
            self.offset += zeros as u64 - 1;
        }
    }

    fn least_hole(&self) -> usize {
        HOLE.min(self.limits.record_bytes).max(2)
    }

    /// Whether so many NULs stand at `position` that they are to be counted.
    fn is_hole(&self, position: usize) -> bool {
        let least = self.least_hole();
        matches!(self.layout, Layout::Lines(_))
            && self
                .carry
                .get(position..position + least)
                .is_some_and(|start| start.iter().all(|&byte| byte == 0))
    }

    /// Finds the whole records in the carry; returns where they end.
    fn scan(&mut self, records: &mut Vec<RecordSpan>, rejects: &mut Vec<Reject>) -> Result<usize> {
        let mut position = 0;
        let last = self.ended || (self.silent && self.carry.ends_with(b"\n"));
        while position < self.carry.len() {
            if position > 0 && self.carry[position] == 0 && self.is_hole(position) {
                break;
            }
            // The same records are too long whether they came in one piece or not.
            let too_long = |next: usize| next - position > self.limits.record_bytes;
            match self.layout.scan(&self.carry, position, last) {
                Scan::Record(RecordSpan { next, .. }) if too_long(next as usize) => {
                    position = self.too_long(position, rejects)?;
                }
                Scan::Bad { next, .. } if too_long(next) => position = self.too_long(position, rejects)?,
                Scan::Incomplete | Scan::Unclosed(_) if too_long(self.carry.len()) => {
                    return self.too_long(position, rejects);
                }
                Scan::Record(span) => {
                    position = span.next as usize;
                    records.push(span);
                }
                Scan::Blank(next) => position = next,
                Scan::Incomplete => break,
                Scan::Bad { next, reason } => {
                    position = self.reject(position..next, next, reason, rejects)?;
                }
                Scan::Unclosed(quote) => position = self.unclosed(position, quote, rejects)?,
            }
        }
        Ok(position)
    }

    /// Sets the record at `place` aside, or fails; returns where the next one begins.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
    fn reject(
        &self,
        place: Range<usize>,
        next: usize,
        reason: RecordError,
        rejects: &mut Vec<Reject>,
    ) -> Result<usize> {
        let (line, offset) = self.place(place.start);
        if self.limits.bad_rows == BadRows::Fail {
            return Err(InputError::Record { line, offset, error: reason }.into());
        }
        let (start, end, next_start) = (place.start as u32, place.end as u32, next as u32);
        rejects.push(Reject { start, end, next: next_start, line, offset, reason });
        Ok(next)
    }

    /// Gives up the line on which a record with an open quote begins. What follows may be sound.
    fn unclosed(&self, start: usize, quote: usize, rejects: &mut Vec<Reject>) -> Result<usize> {
        let (line, offset) = self.place(quote);
        if self.limits.bad_rows == BadRows::Fail {
            return Err(InputError::Record { line, offset, error: RecordError::OpenQuote }.into());
        }
        let next = self.layout.record_end(&self.carry, start, true).unwrap_or(self.carry.len());
        self.reject(start..next, next, RecordError::OpenQuoteAt { line, offset }, rejects)
    }

    /// Gives up the first line of a record that is longer than allowed, of which no more is kept than may be.
    fn too_long(&mut self, start: usize, rejects: &mut Vec<Reject>) -> Result<usize> {
        let whole = self.layout.record_end(&self.carry, start, self.ended);
        // The first half of a `\r\n` stays for the second.
        let half = usize::from(self.carry.last() == Some(&b'\r') && !self.ended);
        let next = whole.unwrap_or(self.carry.len() - half);
        let end = next.min(start + self.limits.record_bytes);
        let cut = self.limits.bad_rows != BadRows::Fail && (end < next || whole.is_none());
        let reason = RecordError::TooLong { limit: self.limits.record_bytes, cut };
        self.reject(start..end, next, reason, rejects)?;
        self.passing = whole.is_none();
        Ok(next)
    }

    /// Drops the carry up to the end of the line.
    fn pass_over(&mut self) {
        let end = self.layout.record_end(&self.carry, 0, self.ended);
        let half = usize::from(self.carry.last() == Some(&b'\r') && !self.ended);
        let passed = end.unwrap_or(self.carry.len() - half);
        self.passing = end.is_none();
        self.offset += passed as u64;
        self.line += self.layout.line_ends().count(&self.carry[..passed]);
        self.carry.drain(..passed);
    }

    /// Line and offset in the file of a position in the carry.
    fn place(&self, position: usize) -> (u64, u64) {
        (self.line + self.layout.line_ends().count(&self.carry[..position]), self.offset + position as u64)
    }
}

impl<R: Read + Send> ChunkSource for ChunkReader<R> {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        Self::next_chunk(self)
    }
}

/// Waits for something to come, and appends what is there; returns how many bytes, 0 at the end.
pub(super) fn read_some(reader: &mut impl Read, data: &mut Vec<u8>) -> std::io::Result<usize> {
    let held = data.len();
    data.resize(held + LIVE_BYTES, 0);
    let read = loop {
        match reader.read(&mut data[held..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    data.truncate(held + *read.as_ref().unwrap_or(&0));
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{LineLayout, Multiline};
    use proptest::prelude::*;

    /// The NULs before a record, its line in the file, and its text.
    type Found = (u64, u64, Vec<u8>);

    /// All bytes, and each record.
    fn read(data: &[u8], limits: Limits) -> (Vec<u8>, Vec<Found>) {
        let layout = Layout::Lines(LineLayout::Text(Multiline::Off));
        let mut reader = ChunkReader::new(data, Vec::new(), layout, limits, 1, 0);
        let (mut bytes, mut records) = (Vec::new(), Vec::new());
        while let Some(chunk) = reader.next_chunk().unwrap() {
            bytes.resize(bytes.len() + usize::try_from(chunk.hole).unwrap(), 0);
            assert_eq!(chunk.offset, bytes.len() as u64);
            for record in &chunk.records {
                let line = &chunk.data[record.start as usize..record.end as usize];
                let hole = if record.start == 0 { chunk.hole } else { 0 };
                records.push((hole, chunk.line_of(record.start as usize), line.to_vec()));
            }
            bytes.extend_from_slice(&chunk.data);
        }
        (bytes, records)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn nuls_before_lines_come_back_whatever_the_size_of_a_chunk(
            lines in prop::collection::vec((prop_oneof![0..3_usize, 4_000..4_200_usize, 9_000..9_002_usize], "[a\0]{0,3}"), 0..6),
            ended: bool,
            chunk_bytes in 1..9_000_usize,
            live: bool,
        ) {
            let mut data: Vec<u8> =
                lines.iter().flat_map(|(zeros, text)| [&vec![0; *zeros][..], text.as_bytes(), b"\n"].concat()).collect();
            if !ended {
                data.pop();
            }
            let whole = read(&data, Limits::default());
            prop_assert_eq!(&whole.0, &data);
            prop_assert!(whole.1.iter().all(|(_, _, line)| line.len() < HOLE + 3));
            prop_assert_eq!(&read(&data, Limits { chunk_bytes, live, ..Limits::default() }), &whole);
        }
    }
}
