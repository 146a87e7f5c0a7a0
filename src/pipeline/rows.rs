//! Rows that a caller holds in memory, as chunks.

use anyhow::Result;
use rayon::ThreadPool;

use super::step::{Stages, Work};
use super::write::{Tally, take_answers};
use crate::error::usage;
use crate::input::{Chunk, FieldForm, FieldSpan, RecordSpan};
use crate::verdict::Verdict;

/// A row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row<'a> {
    /// Its message. One that is empty, or is not there, is Unclassified.
    pub message: &'a [u8],
    /// Its source; empty where it has none.
    pub source: &'a [u8],
    /// Its severity; empty where it has none but what the message states.
    pub severity: &'a [u8],
}

/// Bytes, and rows, that a thread is handed at a time, about.
const CHUNK: (usize, usize) = (256 << 10, 16 << 10);

/// Longest row, in bytes.
const LONGEST: usize = 1 << 30;

impl Stages<'_> {
    /// The verdict on each of `rows`. Nothing is said of an LLM that did not answer, unless its answers are required.
    ///
    /// # Errors
    /// When a row is too long, the encoder fails, a required answer does not come, or somebody wants no more of it.
    pub fn verdicts(&self, pool: &ThreadPool, work: &mut Work, rows: &[Row<'_>]) -> Result<Vec<Verdict>> {
        let mut verdicts = Vec::with_capacity(rows.len());
        let mut tally = Tally::new(self.cascade.labels().len());
        let mut rest = rows;
        // A step takes as many chunks as give each thread something to do, so no more than those are copied at a time.
        while !rest.is_empty() {
            self.go_on()?;
            let mut chunks = Vec::new();
            while !rest.is_empty() && chunks.len() < 4 * pool.current_num_threads() {
                let (chunk, rows) = chunk_of(rest, rows.len() - rest.len())?;
                chunks.push(chunk);
                rest = &rest[rows..];
            }
            for mut classified in self.classify(pool, work, chunks)?.0 {
                take_answers(&mut classified, self.llm, &mut tally)?;
                verdicts.append(&mut classified.verdicts);
            }
        }
        Ok(verdicts)
    }
}

/// The first of `rows`, the first of which has this index, as a chunk; and how many they are.
fn chunk_of(rows: &[Row<'_>], index: usize) -> Result<(Chunk, usize)> {
    let mut chunk = Chunk { first_line: 1, ..Chunk::default() };
    for row in rows {
        if !chunk.records.is_empty() && (chunk.data.len() >= CHUNK.0 || chunk.records.len() >= CHUNK.1) {
            break;
        }
        let bytes = row.message.len().saturating_add(row.source.len()).saturating_add(row.severity.len());
        if bytes > LONGEST {
            return Err(usage(format!(
                "row {}: is longer than {LONGEST} bytes",
                index + chunk.records.len() + 1
            )));
        }
        let mut put = |field: &[u8]| {
            let start = position(&chunk.data);
            chunk.data.extend_from_slice(field);
            FieldSpan { start, end: position(&chunk.data), form: FieldForm::Plain }
        };
        let message = put(row.message);
        let source = put(row.source);
        let severity = if row.severity.is_empty() { FieldSpan::default() } else { put(row.severity) };
        let (start, end) = (message.start, position(&chunk.data));
        let span = RecordSpan { start, end, next: end, message, source, severity, ..RecordSpan::default() };
        chunk.records.push(span);
    }
    let rows = chunk.records.len();
    Ok((chunk, rows))
}

#[allow(clippy::cast_possible_truncation)] // a chunk ends at a fraction of 4 GiB
fn position(data: &[u8]) -> u32 {
    data.len() as u32
}
