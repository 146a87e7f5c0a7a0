//! The writer's side: rows with their labels, in order, and the count of them.

use anyhow::{Result, bail};
use std::borrow::Cow;

use super::{Classified, Owed};
use crate::cascade::Cascade;
use crate::input::{Chunk, RecordSpan, csv};
use crate::llm::{Answer, Llm};
use crate::output::Output;
use crate::progress::Progress;
use crate::record::{Labels, Reason, Stage, Verdict};

/// How a row is written.
#[derive(Debug)]
pub struct RowFormat {
    delimiter: u8,
    newline: &'static [u8],
    /// Each label as a CSV field.
    cells: Vec<Vec<u8>>,
    explain: bool,
    overwrite: bool,
}

impl RowFormat {
    /// Rows of the input's own bytes with the label behind, or, with `overwrite`, in the column that is there.
    /// `newline` ends a last record that has no end of its own.
    pub fn new(
        labels: &Labels,
        delimiter: u8,
        newline: &'static [u8],
        explain: bool,
        overwrite: bool,
    ) -> Self {
        let cells =
            labels.names().iter().map(|name| csv::quote(name.as_bytes(), delimiter).into_owned()).collect();
        Self { delimiter, newline, cells, explain, overwrite }
    }

    fn row(
        &self,
        chunk: &Chunk,
        record: &RecordSpan,
        verdict: &Verdict,
        cascade: &Cascade,
        out: &mut Vec<u8>,
    ) {
        let (start, end) = (record.start as usize, record.end as usize);
        let cell = &self.cells[usize::from(verdict.label)];
        if self.overwrite {
            out.extend_from_slice(&chunk.data[start..record.label.start as usize]);
            out.extend_from_slice(cell);
            out.extend_from_slice(&chunk.data[record.label.end as usize..end]);
        } else {
            out.extend_from_slice(&chunk.data[start..end]);
            out.push(self.delimiter);
            out.extend_from_slice(cell);
        }
        if self.explain {
            let reason = cascade.explain(verdict);
            let confidence = format!("{:.4}", verdict.confidence);
            for cell in [verdict.stage.name(), &confidence, &reason] {
                out.push(self.delimiter);
                out.extend_from_slice(&csv::quote(cell.as_bytes(), self.delimiter));
            }
        }
        let terminator = &chunk.data[end..record.next as usize];
        out.extend_from_slice(if terminator.is_empty() { self.newline } else { terminator });
    }
}

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows written.
    pub rows: u64,
    /// Rows per stage, in the order of [`Stage::ALL`].
    pub stages: [u64; 4],
    /// Rows per label, by id.
    pub labels: Vec<u64>,
    /// Distinct templates that no rule had settled.
    pub templates: u64,
    /// Rows that the LLM was, or in a dry run would be, responsible for.
    pub owed_rows: u64,
    /// Rows that it should have answered and could not.
    pub unanswered_rows: u64,
    /// The same by reason, in the order of [`Unanswered::ALL`](crate::llm::Unanswered::ALL).
    pub unanswered: [u64; 4],
}

impl Tally {
    /// Nothing counted, for this many labels.
    pub fn new(labels: usize) -> Self {
        Self { labels: vec![0; labels], ..Self::default() }
    }

    fn count(&mut self, verdict: &Verdict) {
        let stage = Stage::ALL.iter().position(|&stage| stage == verdict.stage).unwrap_or(0);
        self.rows += 1;
        self.stages[stage] += 1;
        self.labels[usize::from(verdict.label)] += 1;
    }
}

/// Output is handed to the system in pieces of about this many bytes.
const PIECE: usize = 256 << 10;

/// Waits for the LLM where rows are owed to it, and writes the chunk.
pub(super) fn write_chunk(
    classified: Classified,
    cascade: &Cascade,
    llm: Option<&Llm>,
    format: &RowFormat,
    output: &mut Output,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<()> {
    let Classified { chunk, mut verdicts, owed } = classified;
    for owed in &owed {
        tally.owed_rows += 1;
        if let (Some(llm), Some(ticket)) = (llm, owed.ticket) {
            let answer = llm.wait(ticket);
            if let Answer::Failed(reason) = answer {
                if llm.is_required() {
                    let why = llm.report().first_failure.unwrap_or_else(|| reason.name().to_owned());
                    bail!("the LLM did not answer ({why}), and --on-llm-error fail ends the run then");
                }
                tally.unanswered_rows += 1;
                tally.unanswered[reason as usize] += 1;
            }
            verdicts[owed.row] = answered(answer, owed);
        }
    }
    let mut piece = Vec::with_capacity(PIECE + (PIECE >> 2));
    let mut copied = 0;
    for (record, verdict) in chunk.records.iter().zip(&verdicts) {
        // Blank lines between records.
        piece.extend_from_slice(&chunk.data[copied..record.start as usize]);
        format.row(&chunk, record, verdict, cascade, &mut piece);
        copied = record.next as usize;
        tally.count(verdict);
        if piece.len() >= PIECE {
            output.write(&piece)?;
            piece.clear();
        }
    }
    piece.extend_from_slice(&chunk.data[copied..]);
    output.write(&piece)?;
    progress.advance(chunk.records.len() as u64, chunk.data.len() as u64);
    Ok(())
}

fn answered(answer: Answer, owed: &Owed) -> Verdict {
    match answer {
        Answer::Label(label) => {
            Verdict { label, stage: Stage::Llm, confidence: 1.0, reason: Reason::LlmAnswered }
        }
        Answer::Declined => Verdict::unclassified(0.0, Reason::LlmDeclined),
        Answer::Failed(_) if owed.fallback.stage == Stage::None => {
            Verdict::unclassified(owed.fallback.confidence, Reason::LlmFailed)
        }
        Answer::Failed(_) | Answer::Unasked => owed.fallback,
    }
}

/// The header with the new columns.
pub fn header(raw: &[u8], columns: &[&str], delimiter: u8, newline: &[u8]) -> Vec<u8> {
    let mut line = raw.to_vec();
    for column in columns {
        line.push(delimiter);
        line.extend_from_slice(&Cow::into_owned(csv::quote(column.as_bytes(), delimiter)));
    }
    line.extend_from_slice(newline);
    line
}
